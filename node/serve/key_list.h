/*
 * key_list - who is interested in which key: watchers of WATCH, clients blocked on keys.
 *
 *     (0, "a") <--- waiter ---> session 7      a waiter is on two lists: its key's, in the order of
 *     (0, "b") <--- waiter ---> session 7      coming, and its owner's
 *     (0, "a") <--- waiter ---> session 9
 *
 *   1. a key is in the table while somebody waits at it
 *   2. an owner waits at a key once
 *
 * Owner: embed; zeroed it is empty. Cost: O(1) a question; nothing, while nobody waits at all.
 */
#ifndef HF_NODE_SERVE_KEY_LIST_H
#define HF_NODE_SERVE_KEY_LIST_H

#include "common/list.h"
#include "common/map.h"

struct key_list {
    struct map keys;
    struct buf scratch;
};

/* A key that somebody waits at. */
struct key_place {
    struct map_node node;
    struct list waiters; /* of key_waiter.by_place */
    struct list marked;  /* for the user of the table: its own list of places */
    int db;
    size_t len;
    char name[]; /* the database's four bytes, then the key */
};

struct key_waiter {
    struct list by_place, by_owner;
    struct key_place *place;
    void *owner;
    bool flag; /* for the user of the table */
};

void key_list_fini(struct key_list *l); /* nobody may wait any more */

/* NULL: nobody waits there. */
struct key_place *key_list_find(struct key_list *l, int db, struct bytes key);
/* The new waiter, also on the owner's list; NULL: it waits there already. */
struct key_waiter *key_list_add(struct key_list *l, int db, struct bytes key, void *owner,
                                struct list *owned);
/* The waiter is gone, and with the last one its place. */
void key_list_remove(struct key_list *l, struct key_waiter *w);
void key_list_remove_all(struct key_list *l, struct list *owned);

static inline struct bytes key_place_key(const struct key_place *p)
{
    return (struct bytes){ p->name + sizeof p->db, p->len };
}

static inline bool key_list_empty(const struct key_list *l)
{
    return l->keys.count == 0;
}

#endif
