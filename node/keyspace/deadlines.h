/*
 * deadlines - entries in the order in which they expire.
 *
 * A B+ tree ordered by (deadline, address), whose leaves are unsorted runs of entry pointers:
 * joining and leaving look at pointers only, and the deadlines themselves are read from the
 * entries when a leaf splits or is due. An address makes every place unique, so a million entries
 * that expire in the same millisecond are as cheap as any.
 *
 *   1. an entry stands under the deadline and the address with which it was added
 *   2. a leaf's entries lie between the separators around it
 *   3. a leaf that is nearly empty joins its neighbour; one without entries is freed
 *
 * Owner: embed; zeroed it is empty. Entries are borrowed. Cost: O(log n) and about 11 bytes an
 * entry.
 */
#ifndef HF_NODE_KEYSPACE_DEADLINES_H
#define HF_NODE_KEYSPACE_DEADLINES_H

#include "node/keyspace/entry.h"

enum { DEADLINES_LEAF = 127 };

struct deadline_node;

struct deadlines {
    struct deadline_node *root;
    int height; /* 0: the root is a leaf */
    uint64_t count;
    uint64_t sum_ms; /* of all deadlines, modulo 2^64: for averages */
    size_t bytes;
};

void deadlines_fini(struct deadlines *d);
void deadlines_add(struct deadlines *d, struct entry *e);
/* e may be a dead address by now: only deadline and address are looked at. It must be there. */
void deadlines_remove(struct deadlines *d, const struct entry *e, int64_t deadline_ms);

/* Entries with a deadline before limit_ms from the first leaf, in order of time: at most
 * DEADLINES_LEAF. Their number. *out_next_ms: the earliest deadline that is not among them, in
 * that leaf; INT64_MAX: none there. */
int deadlines_due(const struct deadlines *d, int64_t limit_ms, struct entry **out,
                  int64_t *out_next_ms);

void deadlines_check(const struct deadlines *d);

#endif
