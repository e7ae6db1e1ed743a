/*
 * index - finds things by a word or a number: a chained hash table that holds borrowed values.
 *
 * Keys are copied bytes; a number is the eight bytes it is made of. Cost: O(1); grows by doubling,
 * at once, which at GROUPS_MAX groups is a few thousand moves.
 */
#ifndef HF_SENTINEL_CORE_INDEX_H
#define HF_SENTINEL_CORE_INDEX_H

#include "common/bytes.h"

struct index_entry;

struct index {
    struct index_entry **at;
    size_t buckets, count;
};

void index_fini(struct index *x); /* the values are not its own */
void *index_find(const struct index *x, struct bytes key);
void index_put(struct index *x, struct bytes key, void *value); /* replaces */
void index_remove(struct index *x, struct bytes key);

static inline struct bytes index_number(const uint64_t *n)
{
    return (struct bytes){ (const char *)n, sizeof *n };
}

#endif
