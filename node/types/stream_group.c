#include "node/types/stream_group.h"

#include <string.h>

#include "common/alloc.h"

/* Memory of a ranking that is about to change leaves the account, and comes back changed. */
static void put_in(struct stream *s, struct ranking *r, uint64_t rank, void *thing)
{
    s->group_bytes -= r->bytes;
    ranking_insert(r, rank, thing);
    s->group_bytes += r->bytes;
}

static void take_out(struct stream *s, struct ranking *r, uint64_t rank)
{
    s->group_bytes -= r->bytes;
    ranking_remove(r, rank);
    s->group_bytes += r->bytes;
}

static void drop(struct stream *s, void *thing)
{
    s->group_bytes -= alloc_size(thing);
    xfree(thing);
}

/* ---- groups ---- */

static bool group_before(const void *name, const void *group)
{
    return bytes_cmp(stream_group_name(group), *(const struct bytes *)name) < 0;
}

struct stream_group *stream_group_at(const struct stream *s, uint64_t index)
{
    return ranking_at(&s->groups, index);
}

static struct stream_group *find_group(const struct stream *s, struct bytes name,
                                       uint64_t *out_rank)
{
    struct stream_group *g;

    *out_rank = ranking_find(&s->groups, group_before, &name);
    if (*out_rank == s->groups.count)
        return NULL;
    g = stream_group_at(s, *out_rank);
    return bytes_eq(stream_group_name(g), name) ? g : NULL;
}

struct stream_group *stream_group_find(const struct stream *s, struct bytes name)
{
    uint64_t rank;

    return find_group(s, name, &rank);
}

struct stream_group *stream_group_add(struct stream *s, struct bytes name, struct stream_id last,
                                      int64_t read)
{
    struct stream_group *g;
    uint64_t rank;

    if (find_group(s, name, &rank))
        return NULL;
    g = xcalloc(1, sizeof *g + name.len);
    g->last = last;
    g->read = read;
    g->name_len = name.len;
    memcpy(g->name, name.at, name.len);
    s->group_bytes += alloc_size(g);
    put_in(s, &s->groups, rank, g);
    return g;
}

static void free_thing(void *thing)
{
    xfree(thing);
}

static void free_consumer(void *consumer)
{
    ranking_fini(&((struct stream_consumer *)consumer)->pending, NULL);
    xfree(consumer);
}

static void free_group(void *group)
{
    struct stream_group *g = group;

    ranking_fini(&g->consumers, free_consumer);
    ranking_fini(&g->pending, free_thing);
    xfree(g);
}

void stream_groups_free(struct stream *s)
{
    ranking_fini(&s->groups, free_group);
}

static size_t memory_of(const struct stream_group *g)
{
    size_t bytes = alloc_size(g) + g->pending.bytes + g->consumers.bytes;

    if (g->pending.count)
        bytes += g->pending.count * alloc_size(stream_pending_at(&g->pending, 0));
    for (uint64_t i = 0; i < g->consumers.count; i++) {
        const struct stream_consumer *c = stream_consumer_at(g, i);

        bytes += alloc_size(c) + c->pending.bytes;
    }
    return bytes;
}

void stream_group_remove(struct stream *s, struct stream_group *g)
{
    uint64_t rank = ranking_find(&s->groups, group_before, &(struct bytes){ g->name, g->name_len });

    take_out(s, &s->groups, rank);
    s->group_bytes -= memory_of(g);
    s->pending -= g->pending.count;
    free_group(g);
}

/* ---- consumers ---- */

static bool consumer_before(const void *name, const void *consumer)
{
    return bytes_cmp(stream_consumer_name(consumer), *(const struct bytes *)name) < 0;
}

struct stream_consumer *stream_consumer_at(const struct stream_group *g, uint64_t index)
{
    return ranking_at(&g->consumers, index);
}

static struct stream_consumer *find_consumer(const struct stream_group *g, struct bytes name,
                                             uint64_t *out_rank)
{
    struct stream_consumer *c;

    *out_rank = ranking_find(&g->consumers, consumer_before, &name);
    if (*out_rank == g->consumers.count)
        return NULL;
    c = stream_consumer_at(g, *out_rank);
    return bytes_eq(stream_consumer_name(c), name) ? c : NULL;
}

struct stream_consumer *stream_consumer_find(const struct stream_group *g, struct bytes name)
{
    uint64_t rank;

    return find_consumer(g, name, &rank);
}

struct stream_consumer *stream_consumer_add(struct stream *s, struct stream_group *g,
                                            struct bytes name, int64_t now_ms)
{
    struct stream_consumer *c;
    uint64_t rank;

    if (find_consumer(g, name, &rank))
        return NULL;
    c = xcalloc(1, sizeof *c + name.len);
    c->seen_ms = now_ms;
    c->name_len = name.len;
    memcpy(c->name, name.at, name.len);
    s->group_bytes += alloc_size(c);
    put_in(s, &g->consumers, rank, c);
    return c;
}

uint64_t stream_consumer_remove(struct stream *s, struct stream_group *g, struct stream_consumer *c)
{
    uint64_t pending = c->pending.count, rank;

    while (c->pending.count)
        stream_pending_remove(s, g, stream_pending_at(&c->pending, c->pending.count - 1));
    (void)find_consumer(g, stream_consumer_name(c), &rank);
    take_out(s, &g->consumers, rank);
    drop(s, c);
    return pending;
}

/* ---- what is pending ---- */

static bool pending_before(const void *id, const void *pending)
{
    return stream_id_cmp(((const struct stream_pending *)pending)->id,
                         *(const struct stream_id *)id) < 0;
}

uint64_t stream_pending_rank(const struct ranking *pending, struct stream_id id)
{
    return ranking_find(pending, pending_before, &id);
}

static struct stream_pending *find_pending(const struct ranking *pending, struct stream_id id,
                                           uint64_t *out_rank)
{
    struct stream_pending *p;

    *out_rank = stream_pending_rank(pending, id);
    if (*out_rank == pending->count)
        return NULL;
    p = stream_pending_at(pending, *out_rank);
    return stream_id_cmp(p->id, id) == 0 ? p : NULL;
}

struct stream_pending *stream_pending_find(const struct ranking *pending, struct stream_id id)
{
    uint64_t rank;

    return find_pending(pending, id, &rank);
}

static void own(struct stream *s, struct stream_pending *p, struct stream_consumer *owner)
{
    p->owner = owner;
    put_in(s, &owner->pending, stream_pending_rank(&owner->pending, p->id), p);
}

static void disown(struct stream *s, struct stream_pending *p)
{
    take_out(s, &p->owner->pending, stream_pending_rank(&p->owner->pending, p->id));
    p->owner = NULL;
}

struct stream_pending *stream_pending_add(struct stream *s, struct stream_group *g,
                                          struct stream_id id, struct stream_consumer *owner,
                                          int64_t now_ms)
{
    struct stream_pending *p = xmalloc(sizeof *p);
    uint64_t rank;

    *p = (struct stream_pending){ .id = id, .delivered_ms = now_ms, .deliveries = 1 };
    ASSERT(!find_pending(&g->pending, id, &rank));
    s->group_bytes += alloc_size(p);
    s->pending++;
    put_in(s, &g->pending, rank, p);
    if (owner)
        own(s, p, owner);
    return p;
}

void stream_pending_give(struct stream *s, struct stream_pending *p, struct stream_consumer *to)
{
    if (p->owner == to)
        return;
    if (p->owner)
        disown(s, p);
    own(s, p, to);
}

void stream_pending_remove(struct stream *s, struct stream_group *g, struct stream_pending *p)
{
    if (p->owner)
        disown(s, p);
    take_out(s, &g->pending, stream_pending_rank(&g->pending, p->id));
    s->pending--;
    drop(s, p);
}

/* ---- how far ---- */

int64_t stream_read_at(const struct stream *s, struct stream_id id)
{
    int to_last = stream_id_cmp(id, s->last), to_first = stream_id_cmp(id, s->first);

    if (s->added == 0)
        return 0;
    if (s->length == 0 && to_last < 1)
        return (int64_t)s->added;
    if (to_last >= 0)
        return to_last == 0 ? (int64_t)s->added : READ_UNKNOWN;
    /* Where nothing behind first was deleted by id, counting back from the end is right. */
    if (stream_id_cmp(s->max_deleted, STREAM_ID_MIN) == 0 ||
        stream_id_cmp(s->max_deleted, s->first) < 0) {
        if (to_first < 0)
            return (int64_t)(s->added - s->length);
        if (to_first == 0)
            return (int64_t)(s->added - s->length + 1);
    }
    return READ_UNKNOWN;
}

/* Something between the first entry and the last, from this id on, was deleted by id, as far as the highest such
 * id tells. */
static bool has_traces(const struct stream *s, struct stream_id from)
{
    return s->length && stream_id_cmp(s->max_deleted, STREAM_ID_MIN) != 0 &&
           stream_id_cmp(s->first, s->max_deleted) <= 0 && stream_id_cmp(from, s->max_deleted) <= 0;
}

void stream_group_pass(const struct stream *s, struct stream_group *g, struct stream_id id)
{
    if (stream_id_cmp(id, g->last) <= 0)
        return;
    if (g->read != READ_UNKNOWN && !has_traces(s, id))
        g->read += g->read < INT64_MAX; /* Redis runs over, and its followers refuse that */
    else if (s->added)
        g->read = stream_read_at(s, id);
    g->last = id;
}

bool stream_group_lag(const struct stream *s, const struct stream_group *g, int64_t *out)
{
    int64_t read = g->read;

    if (s->added == 0) {
        *out = 0;
        return true;
    }
    if (read == READ_UNKNOWN || has_traces(s, g->last))
        read = stream_read_at(s, g->last);
    if (read == READ_UNKNOWN)
        return false;
    *out = (int64_t)(s->added - (uint64_t)read);
    return true;
}

/* ---- as a whole ---- */

static void copy_group(struct stream *to, const struct stream_group *from)
{
    struct stream_group *g = stream_group_add(to, stream_group_name(from), from->last, from->read);

    for (uint64_t i = 0; i < from->consumers.count; i++) {
        const struct stream_consumer *old = stream_consumer_at(from, i);
        struct stream_consumer *c =
            stream_consumer_add(to, g, stream_consumer_name(old), old->seen_ms);

        for (uint64_t k = 0; k < old->pending.count; k++) {
            const struct stream_pending *p = stream_pending_at(&old->pending, k);
            struct stream_pending *copy = stream_pending_add(to, g, p->id, c, p->delivered_ms);

            copy->deliveries = p->deliveries;
        }
    }
}

void stream_groups_copy(struct stream *to, const struct stream *from)
{
    for (uint64_t i = 0; i < from->groups.count; i++)
        copy_group(to, stream_group_at(from, i));
}

static void check_group(const struct stream_group *g)
{
    uint64_t owned = 0;

    ranking_check(&g->pending);
    ranking_check(&g->consumers);
    for (uint64_t i = 0; i < g->consumers.count; i++) {
        const struct stream_consumer *c = stream_consumer_at(g, i);

        ranking_check(&c->pending);
        owned += c->pending.count;
        ASSERT(stream_consumer_find(g, stream_consumer_name(c)) == c);
        for (uint64_t k = 0; k < c->pending.count; k++) {
            const struct stream_pending *p = stream_pending_at(&c->pending, k);

            ASSERT(p->owner == c && stream_pending_find(&g->pending, p->id) == p);
        }
    }
    ASSERT(owned == g->pending.count);
}

void stream_groups_check(const struct stream *s)
{
    size_t bytes = s->groups.bytes;
    uint64_t pending = 0;

    ranking_check(&s->groups);
    for (uint64_t i = 0; i < s->groups.count; i++) {
        const struct stream_group *g = stream_group_at(s, i);

        check_group(g);
        bytes += memory_of(g);
        pending += g->pending.count;
        ASSERT(stream_group_find(s, stream_group_name(g)) == g);
    }
    ASSERT(bytes == s->group_bytes && pending == s->pending);
}
