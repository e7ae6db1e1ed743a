#include "node/serve/key_list.h"

#include <string.h>

#include "common/alloc.h"

void key_list_fini(struct key_list *l)
{
    ASSERT(key_list_empty(l));
    map_fini(&l->keys);
    buf_fini(&l->scratch);
}

static struct bytes name_of(struct key_list *l, int db, struct bytes key)
{
    l->scratch.len = 0;
    buf_append(&l->scratch, &db, sizeof db);
    buf_add(&l->scratch, key);
    return buf_bytes(&l->scratch);
}

struct key_place *key_list_find(struct key_list *l, int db, struct bytes key)
{
    struct map_node *n;

    if (LIKELY(key_list_empty(l)))
        return NULL;
    n = map_find(&l->keys, name_of(l, db, key));
    return n ? CONTAINER_OF(n, struct key_place, node) : NULL;
}

static struct key_place *place_new(struct key_list *l, int db, struct bytes key)
{
    struct bytes name = name_of(l, db, key);
    struct key_place *p = xcalloc(1, sizeof *p + name.len);

    p->db = db;
    p->len = key.len;
    memcpy(p->name, name.at, name.len);
    list_init(&p->waiters);
    map_add(&l->keys, &p->node, (struct bytes){ p->name, name.len });
    return p;
}

/* The waiter is on both lists: the shorter one tells. */
static bool waits_at(const struct list *owned, const struct key_place *p, const void *owner)
{
    const struct list *a = owned->next, *b = p->waiters.next;

    for (; a != owned && b != &p->waiters; a = a->next, b = b->next)
        if (LIST_ENTRY(a, struct key_waiter, by_owner)->place == p ||
            LIST_ENTRY(b, struct key_waiter, by_place)->owner == owner)
            return true;
    return false;
}

struct key_waiter *key_list_add(struct key_list *l, int db, struct bytes key, void *owner,
                                struct list *owned)
{
    struct key_place *p = key_list_find(l, db, key);
    struct key_waiter *w;

    if (p && waits_at(owned, p, owner))
        return NULL;
    w = xcalloc(1, sizeof *w);
    w->place = p ? p : place_new(l, db, key);
    w->owner = owner;
    list_push_back(&w->place->waiters, &w->by_place);
    list_push_back(owned, &w->by_owner);
    return w;
}

void key_list_remove(struct key_list *l, struct key_waiter *w)
{
    struct key_place *p = w->place;

    list_remove(&w->by_place);
    list_remove(&w->by_owner);
    xfree(w);
    if (!list_empty(&p->waiters))
        return;
    map_remove(&l->keys, &p->node);
    list_remove(&p->marked);
    xfree(p);
}

void key_list_remove_all(struct key_list *l, struct list *owned)
{
    while (owned->next && !list_empty(owned))
        key_list_remove(l, LIST_ENTRY(owned->next, struct key_waiter, by_owner));
}
