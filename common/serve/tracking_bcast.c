/*
 * Broadcasts: who listens to which prefix, and which keys under it have changed in this turn.
 */
#include <stdlib.h>
#include <string.h>

#include "common/alloc.h"
#include "common/serve/tracking.h"
#include "common/serve/tracking_inner.h"

/* Prefixes are told in order of name. */
static struct list *place_in_order(struct tracking *t, struct bytes name)
{
    LIST_EACH (&t->prefixes, n) {
        const struct tracking_prefix *p = LIST_ENTRY(n, struct tracking_prefix, listed);

        if (bytes_cmp(name, (struct bytes){ p->name, p->len }) < 0)
            return n;
    }
    return &t->prefixes;
}

static struct tracking_prefix *prefix_make(struct tracking *t, struct bytes name)
{
    struct tracking_prefix *p = xcalloc(1, sizeof *p + name.len);

    p->len = name.len;
    if (name.len)
        memcpy(p->name, name.at, name.len);
    map_add(&t->prefix_names, &p->node, (struct bytes){ p->name, p->len });
    list_insert(&p->listed, place_in_order(t, name));
    return p;
}

static struct changed_key *take_changed(struct tracking_prefix *p)
{
    struct map_node *n = map_any(&p->changed);

    if (!n)
        return NULL;
    map_remove(&p->changed, n);
    return CONTAINER_OF(n, struct changed_key, node);
}

static void prefix_free(struct tracking *t, struct tracking_prefix *p)
{
    struct changed_key *k;

    while ((k = take_changed(p)))
        xfree(k);
    map_fini(&p->changed);
    map_remove(&t->prefix_names, &p->node);
    list_remove(&p->listed);
    xfree(p->clients);
    xfree(p);
}

static bool listens(const struct tracking_client *c, const struct tracking_prefix *p)
{
    for (size_t i = 0; i < c->prefix_count; i++)
        if (c->prefixes[i] == p)
            return true;
    return false;
}

void tracking_listen(struct session *s, struct bytes prefix)
{
    struct tracking *t = s->service->tracking;
    struct tracking_client *c = &s->tracking;
    struct map_node *n = map_find(&t->prefix_names, prefix);
    struct tracking_prefix *p =
        n ? CONTAINER_OF(n, struct tracking_prefix, node) : prefix_make(t, prefix);

    if (listens(c, p))
        return;
    p->clients = xgrow(p->clients, p->client_count, &p->client_room, sizeof(struct session *));
    p->clients[p->client_count++] = s;
    c->prefixes = xrealloc(c->prefixes, (c->prefix_count + 1) * sizeof(struct tracking_prefix *));
    c->prefixes[c->prefix_count++] = p;
}

void tracking_unlisten(struct session *s)
{
    struct tracking_client *c = &s->tracking;

    for (size_t i = 0; i < c->prefix_count; i++) {
        struct tracking_prefix *p = c->prefixes[i];
        size_t at = 0;

        while (p->clients[at] != s)
            at++;
        p->clients[at] = p->clients[--p->client_count];
        if (!p->client_count)
            prefix_free(s->service->tracking, p);
    }
    xfree(c->prefixes);
    c->prefixes = NULL;
    c->prefix_count = 0;
}

static void note_under(struct tracking_prefix *p, uint64_t by, struct bytes key)
{
    struct map_node *n = map_find(&p->changed, key);
    struct changed_key *k;

    if (n) {
        CONTAINER_OF(n, struct changed_key, node)->by = by;
        return;
    }
    k = xcalloc(1, sizeof *k + key.len);
    k->by = by;
    k->len = key.len;
    if (key.len)
        memcpy(k->name, key.at, key.len);
    map_add(&p->changed, &k->node, (struct bytes){ k->name, k->len });
}

void tracking_note_change(struct tracking *t, uint64_t by, struct bytes key)
{
    LIST_EACH (&t->prefixes, n) {
        struct tracking_prefix *p = LIST_ENTRY(n, struct tracking_prefix, listed);

        if (p->len <= key.len && memcmp(p->name, key.at, p->len) == 0)
            note_under(p, by, key);
    }
}

static int by_name(const void *a, const void *b)
{
    const struct changed_key *x = *(struct changed_key *const *)a,
                             *y = *(struct changed_key *const *)b;

    return bytes_cmp((struct bytes){ x->name, x->len }, (struct bytes){ y->name, y->len });
}

/* What s is told: all of them, but with NOLOOP those that it changed itself. */
static void tell_one(struct session *s, struct changed_key *const *keys, size_t count,
                     struct bytes *room)
{
    size_t told = 0;

    for (size_t i = 0; i < count; i++)
        if (!(s->flags & SESSION_TRACK_NOLOOP) || keys[i]->by != s->id)
            room[told++] = (struct bytes){ keys[i]->name, keys[i]->len };
    if (told)
        tracking_tell(s, room, told);
}

static void broadcast_prefix(struct tracking_prefix *p)
{
    size_t count = p->changed.count;
    struct changed_key **keys = xmalloc(count * sizeof(struct changed_key *));
    struct bytes *room = xmalloc(count * sizeof *room);

    for (size_t i = 0; i < count; i++)
        keys[i] = take_changed(p);
    qsort(keys, count, sizeof(struct changed_key *), by_name);
    for (size_t i = 0; i < p->client_count; i++)
        tell_one(p->clients[i], keys, count, room);
    for (size_t i = 0; i < count; i++)
        xfree(keys[i]);
    xfree(keys);
    xfree(room);
}

void tracking_broadcast(struct tracking *t)
{
    LIST_EACH (&t->prefixes, n) {
        struct tracking_prefix *p = LIST_ENTRY(n, struct tracking_prefix, listed);

        if (p->changed.count)
            broadcast_prefix(p);
    }
}
