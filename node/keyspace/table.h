/*
 * table - a hash table of things that carry their own key, in cache-line buckets, which grows and
 * shrinks one bucket at a time.
 *
 *     pages -> segments -> buckets            bucket, 64 bytes
 *     [ ] --> [ ]--> [b][b][b] .. 128         [ meta ][ tag ] x 9 [ slot ] x 9
 *     [ ]     [ ]                              the 9th slot points to a child when there are more;
 *                                              children are 16, 32, 48 or 64 bytes long
 *
 * Linear hashing: with n buckets, n between 2^L and 2^(L+1), a hash belongs to the bucket of its
 * low L + 1 bits, or, where that does not exist yet, of its low L bits. One more thing than
 * TABLE_LOAD per bucket splits the next bucket in line, one fewer than TABLE_LOAD_LOW merges the
 * last one back: no table is ever copied, and the load is the same at every size.
 *
 *   1. the blocks of a bucket's chain are full except the last, and filled from slot 0
 *   2. a tag is the top byte of its thing's hash; most absent keys are told by tags alone
 *   3. a chain shrinks as it grew: no block is longer than it needs to be
 *
 * Cursors are positions in the space of bit-reversed hashes, in which a split halves an interval
 * and a merge joins two: a cursor stays true through both, and everything before it has been seen.
 *
 * Owner: embed a struct table; zeroed with a kind set it is empty. Things are their owner's.
 * A slot is six bytes: no address of a process is longer on the machines we know (asserted).
 *
 * Cost: find touches one or two lines before the thing itself; about 8.7 bytes a thing.
 * Source: Litwin, "Linear hashing" (1980).
 */
#ifndef HF_NODE_KEYSPACE_TABLE_H
#define HF_NODE_KEYSPACE_TABLE_H

#include <string.h>

#include "common/bytes.h"
#include "common/siphash.h"

enum {
    TABLE_SLOTS = 9,
    TABLE_SEGMENT = 128, /* buckets */
    TABLE_PAGE = 1024,   /* segments */
    TABLE_LOAD = 10,
    TABLE_LOAD_LOW = 8,
};

struct table_kind {
    struct bytes (*key)(const void *thing);
};

struct bucket;

/* Where a thing's address stands. */
struct table_slot {
    uint8_t address[6];
};

static inline void *table_thing(const struct table_slot *slot)
{
    uint32_t low;
    uint16_t high;

    memcpy(&low, slot->address, sizeof low);
    memcpy(&high, slot->address + sizeof low, sizeof high);
    return (void *)((uintptr_t)high << 32 | low); /* little-endian, as siphash */
}

/* Another thing of the same key. */
static inline void table_replace(struct table_slot *slot, void *thing)
{
    ASSERT((uintptr_t)thing >> 48 == 0);
    memcpy(slot->address, &thing, sizeof slot->address);
}

struct table {
    const struct table_kind *kind;
    struct bucket ***pages;
    uint64_t buckets, count;
    uint64_t page_room;    /* pages that the top array holds */
    uint64_t segment_room; /* segments that the first page holds; later ones hold TABLE_PAGE */
    uint64_t bucket_room;  /* buckets that the first segment holds */
    size_t bytes;          /* of pages, segments and children */
};

static inline uint64_t table_hash(struct bytes key)
{
    return siphash(siphash_process_key(), key.at, key.len);
}

/* Frees the table and forgets its things. each may be NULL: what to do with each of them. */
void table_fini(struct table *t, void (*each)(void *thing, const void *arg), const void *arg);

/* The slot that holds the thing of that key, or NULL; valid until the next add or remove. */
struct table_slot *table_find(const struct table *t, uint64_t hash, struct bytes key);
/*
 * Steps 0, 1 and 2 towards a find that is to come, each of which asks the processor for a line that the next one
 * reads: the bucket; the first things whose tag fits, or the child; the things in the child. A find
 * after them waits for nothing. To be done for many hashes step by step.
 */
enum { TABLE_FETCH_STEPS = 3 };
void table_fetch(const struct table *t, uint64_t hash, int step);
/* The same with a step before them, towards the table itself; *hash is kept from one step to the next. */
void table_fetch_apart(const struct table *t, struct bytes key, uint64_t *hash, int step);
/* The thing of that hash, or another, or NULL: a guess, which reads no thing. */
void *table_peek(const struct table *t, uint64_t hash);
/* key must not be there. */
void table_add(struct table *t, uint64_t hash, void *thing);
/* The slot must come from table_find for this hash. */
void table_remove(struct table *t, uint64_t hash, struct table_slot *slot);

typedef void table_each_fn(void *arg, void *thing);
/* Shows every thing of the bucket that cursor lies in; returns the next cursor, 0 at the end. fn
 * must not change the table. */
uint64_t table_scan(const struct table *t, uint64_t cursor, table_each_fn *fn, void *arg);
/* A thing, each equally likely; next gives chance. NULL: empty. */
void *table_random(const struct table *t, uint64_t (*next)(void *arg), void *arg);
/* Shows every thing of one bucket, each bucket equally likely as dice fall, and so each thing. fn must
 * not change the table. */
void table_sample(const struct table *t, uint64_t dice, table_each_fn *fn, void *arg);
/* Does this very thing stand here under that hash? Its memory, which may be gone, is not looked at. */
bool table_holds(const struct table *t, uint64_t hash, const void *thing);

/* Asserts the invariants: O(things). */
void table_check(const struct table *t);

#endif
