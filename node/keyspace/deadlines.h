/*
 * deadlines - things in the order in which they expire: entries, fields of a hash, values with such.
 *
 * A B+ tree ordered by (deadline, address), whose leaves are unsorted runs of pointers: joining and
 * leaving look at pointers only, and the deadlines themselves are read from the things when a leaf
 * splits or is due. An address makes every place unique, so a million things that expire in the same
 * millisecond are as cheap as any.
 *
 *   1. a thing stands under the deadline and the address with which it was added
 *   2. a leaf's things lie between the separators around it
 *   3. a leaf that is nearly empty joins its neighbour; one without things is freed
 *
 * Owner: embed, and say how a deadline is read; otherwise zeroed it is empty. Things are borrowed.
 * Cost: O(log n) and about 11 bytes a thing.
 */
#ifndef HF_NODE_KEYSPACE_DEADLINES_H
#define HF_NODE_KEYSPACE_DEADLINES_H

#include "common/bytes.h"

enum { DEADLINES_LEAF = 127 };

struct deadline_node;

struct deadlines {
    int64_t (*of)(const void *thing);
    struct deadline_node *root;
    int height; /* 0: the root is a leaf */
    uint64_t count;
    uint64_t sum_ms; /* of all deadlines, modulo 2^64: for averages */
    size_t bytes;
};

void deadlines_fini(struct deadlines *d);
void deadlines_add(struct deadlines *d, void *thing);
/* thing may be a dead address by now: only deadline and address are looked at. It must be there. */
void deadlines_remove(struct deadlines *d, const void *thing, int64_t deadline_ms);

/* Things with a deadline before limit_ms from the first leaf, in order of time: at most
 * DEADLINES_LEAF. Their number. *out_next_ms: the earliest deadline that is not among them, in
 * that leaf; INT64_MAX: none there. */
int deadlines_due(const struct deadlines *d, int64_t limit_ms, void **out, int64_t *out_next_ms);

/* How many have a deadline before limit_ms: O(of those). */
uint64_t deadlines_count_before(const struct deadlines *d, int64_t limit_ms);

/* The one with the earliest deadline. NULL: none. O(DEADLINES_LEAF). */
void *deadlines_first(const struct deadlines *d);
/* One of them, each about equally likely; next gives chance. NULL: none. */
void *deadlines_random(const struct deadlines *d, uint64_t (*next)(void *arg), void *arg);

void deadlines_check(const struct deadlines *d);

#endif
