/*
 * own_keys - keys that clients of a writable follower made to expire: no leader tells of their end.
 *
 *     a client's write  --own_keys_note-->  kept, while the key has an expiry
 *     the time comes    --own_keys_due-->   deleted here
 *
 *   1. a key is kept once, under its expiry as it was last noted
 *   2. what the stream does to such a key afterwards is not noted: when the time comes, the key goes where its
 *      expiry of that moment has passed, waits where it has moved, and is forgotten where it is gone
 *
 * Redis keeps the names of such keys and looks at some of them a few times a second.
 *
 * Owner: embed, and own_keys_init. Cost: O(log n) a note and a deletion; a branch, on a leader.
 */
#ifndef HF_NODE_SERVE_OWN_KEYS_H
#define HF_NODE_SERVE_OWN_KEYS_H

#include "common/map.h"
#include "node/keyspace/deadlines.h"

struct keyspace;

struct own_keys {
    struct map keys;
    struct deadlines order;
    struct buf scratch;
};

void own_keys_init(struct own_keys *o);
void own_keys_fini(struct own_keys *o);

/* A client of this follower has changed the key. */
void own_keys_note(struct own_keys *o, struct keyspace *ks, int db, struct bytes key);
/* Deletes what is due until budget_us are over. The wall time at which to come again; INT64_MAX: never. */
int64_t own_keys_due(struct own_keys *o, struct keyspace *ks, uint64_t budget_us);
/* The same without a deletion. */
int64_t own_keys_next_ms(const struct own_keys *o);
/* It leads now, or all data was replaced. */
void own_keys_forget(struct own_keys *o);

static inline size_t own_keys_count(const struct own_keys *o)
{
    return o->keys.count;
}

#endif
