/*
 * group_store - a node's data set as a list of entries, and the same in its file and on its disk.
 *
 * An entry is a mark (number 0) or a write. It carries the hash of everything up to it, so that two stores with the
 * same last entry are the same.
 */
#ifndef HF_TESTS_SIM_GROUP_STORE_H
#define HF_TESTS_SIM_GROUP_STORE_H

#include "common/err.h"

enum { WRITE_BYTES = 40 };

struct entry {
    uint64_t epoch, number, end; /* end: its offset behind it */
    uint64_t hash;               /* of all entries */
    uint64_t writes, list_hash;  /* how many writes, and which */
};

struct store {
    struct entry *at;
    size_t count, cap;
};

void store_append(struct store *s, uint64_t epoch, uint64_t number, uint64_t bytes);
/* Takes an entry from elsewhere. False: it does not stand on the same past. */
bool store_take(struct store *s, const struct entry *e);
uint64_t store_end(const struct store *s);
uint64_t store_epoch(const struct store *s);
uint64_t store_writes(const struct store *s);
/* False: more than marks went, which a real data set cannot undo. */
bool store_cut(struct store *s, uint64_t end);
size_t store_index(const struct store *s, uint64_t offset); /* the first entry behind offset */
size_t store_common(const struct store *a, const struct store *b); /* entries in common */
void store_copy(struct store *to, const struct store *from);
/* The entry that makes the list this long; NULL: none does. */
const struct entry *store_write(const struct store *s, uint64_t writes);
void store_fini(struct store *s);

#endif
