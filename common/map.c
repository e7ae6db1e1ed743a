#include "common/map.h"

#include "common/alloc.h"
#include "common/siphash.h"

static struct map_node **bucket_of(const struct map *m, uint64_t hash)
{
    if (m->old) {
        size_t i = hash & (m->old_size - 1);

        if (i >= m->moved)
            return &m->old[i];
    }
    return &m->now[hash & (m->now_size - 1)];
}

static void drop_old(struct map *m)
{
    xfree(m->old);
    m->old = NULL;
    m->first = m->first > m->old_size ? m->first - m->old_size : 0;
    m->old_size = m->moved = 0;
}

static void move_some(struct map *m)
{
    if (!m->old)
        return;
    for (int i = 0; i < MAP_STEP && m->moved < m->old_size; i++) {
        struct map_node *n = m->old[m->moved++];

        while (n) {
            struct map_node *next = n->next, **to = &m->now[n->hash & (m->now_size - 1)];

            n->next = *to;
            *to = n;
            n = next;
        }
    }
    if (m->moved == m->old_size)
        drop_old(m);
}

static void resize(struct map *m, size_t buckets)
{
    ASSERT(!m->old);
    m->old = m->now;
    m->old_size = m->now_size;
    m->moved = 0;
    m->now = xcalloc(buckets, sizeof(struct map_node *));
    m->now_size = buckets;
    if (!m->old_size)
        drop_old(m);
}

void map_fini(struct map *m)
{
    xfree(m->now);
    xfree(m->old);
    *m = (struct map){ 0 };
}

struct map_node *map_find(const struct map *m, struct bytes name)
{
    uint64_t hash;

    if (!m->count)
        return NULL;
    hash = siphash(siphash_process_key(), name.at, name.len);
    for (struct map_node *n = *bucket_of(m, hash); n; n = n->next)
        if (n->hash == hash && bytes_eq(n->name, name))
            return n;
    return NULL;
}

static void not_empty(struct map *m, struct map_node *const *bucket)
{
    bool in_old = m->old && bucket >= m->old && bucket < m->old + m->old_size;
    size_t at = in_old ? (size_t)(bucket - m->old) : m->old_size + (size_t)(bucket - m->now);

    if (at < m->first)
        m->first = at;
}

void map_add(struct map *m, struct map_node *n, struct bytes name)
{
    struct map_node **to;

    ASSERT_SLOW(!map_find(m, name));
    if (!m->old && m->count >= m->now_size)
        resize(m, m->now_size ? m->now_size * 2 : MAP_BUCKETS_MIN);
    move_some(m);
    n->name = name;
    n->hash = siphash(siphash_process_key(), name.at, name.len);
    to = bucket_of(m, n->hash);
    n->next = *to;
    *to = n;
    m->count++;
    not_empty(m, to);
}

void map_remove(struct map *m, struct map_node *n)
{
    struct map_node **at = bucket_of(m, n->hash);

    while (*at != n) {
        ASSERT(*at);
        at = &(*at)->next;
    }
    *at = n->next;
    n->next = NULL;
    m->count--;
    if (!m->old && m->now_size > MAP_BUCKETS_MIN && m->count < m->now_size / 8)
        resize(m, m->now_size / 2);
    move_some(m);
}

struct map_node *map_any(struct map *m)
{
    struct map_walk w = { .map = m, .bucket = m->first };
    struct map_node *n = map_walk_next(&w);

    m->first = n ? w.bucket - 1 : 0;
    return n;
}

struct map_walk map_walk(const struct map *m)
{
    return (struct map_walk){ .map = m };
}

struct map_node *map_walk_next(struct map_walk *w)
{
    const struct map *m = w->map;
    struct map_node *n;

    while (!w->next) {
        size_t i = w->bucket++;

        if (i < m->old_size)
            w->next = i >= m->moved ? m->old[i] : NULL;
        else if (i - m->old_size < m->now_size)
            w->next = m->now[i - m->old_size];
        else
            return NULL;
    }
    n = w->next;
    w->next = n->next;
    return n;
}

void map_check(const struct map *m)
{
    struct map_walk w = map_walk(m);
    size_t seen = 0;

    for (struct map_node *n; (n = map_walk_next(&w)); seen++) {
        ASSERT(map_find(m, n->name) == n);
        ASSERT(w.bucket > m->first);
    }
    ASSERT(seen == m->count);
    ASSERT(!m->old || m->moved < m->old_size);
}
