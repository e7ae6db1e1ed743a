/*
 * intset - integers in order, each as wide as the widest needs, in one block of memory.
 *
 *     4 bytes   4 bytes   count x width
 *     [ width ][ count ][ ascending integers ]        all little endian
 *
 * The layout is that of RDB files (type 11), so a block goes to a file as it is.
 *
 *   1. width is 2, 4 or 8, the same for all; it only ever grows
 *   2. integers ascend, none is there twice
 *
 * Owner: whoever made it; a change may move the block. Cost: has O(log n), a change moves what is
 * behind it. Limits: INTSET_COUNT_MAX members.
 */
#ifndef HF_NODE_TYPES_INTSET_H
#define HF_NODE_TYPES_INTSET_H

#include "common/bytes.h"

struct intset;

#define INTSET_COUNT_MAX (UINT32_C(1) << 30)

struct intset *intset_new(void);
struct intset *intset_copy(const struct intset *s);
/* Is this one, to the last byte? For bytes from outside. O(count). */
bool intset_valid(struct bytes data);
struct intset *intset_of(struct bytes valid);

struct bytes intset_bytes(const struct intset *s); /* the whole block, borrowed */
size_t intset_count(const struct intset *s);
int64_t intset_at(const struct intset *s, size_t index);
bool intset_has(const struct intset *s, int64_t v);
/* False: it was there; it was not. */
bool intset_add(struct intset **s, int64_t v);
bool intset_remove(struct intset **s, int64_t v);

#endif
