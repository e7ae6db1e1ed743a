/*
 * deque - what a list value is: elements in order, packed into blocks of a few kilobytes.
 *
 *     blocks   [ ....gap.... ][ pack, count, room ] … [ pack, count, room ][ ....gap.... ]
 *                             ^ first                        ^ first + used
 *
 *   1. no block is empty, and none holds more than the fill it was given allows, unless it is one element
 *   2. count is the sum of the blocks' counts, held the sum of their room
 *   3. a deque of one block keeps it in itself and has no array
 *   4. a place is ended by any change but the one it was given to
 *
 * Fill is list-max-listpack-size: -1 to -5 for blocks of 4 to 64 KiB, else elements in a block (of at
 * most 8 KiB).
 *
 * Owner: deque_new, deque_free; nothing outside is touched, so another thread may free one.
 * Cost: both ends O(1); the middle O(blocks / 4 of a cache line) to find and O(block) to change.
 * Limits: an element is at most LISTPACK_TEXT_MAX long.
 */
#ifndef HF_NODE_TYPES_DEQUE_H
#define HF_NODE_TYPES_DEQUE_H

#include "node/types/listpack.h"

struct deque_block {
    struct listpack *pack;
    size_t count;
    size_t room; /* memory of the pack */
};

struct deque {
    uint64_t count;
    size_t held;
    struct deque_block *blocks; /* room of them; &lone while that is 1 */
    uint32_t first, used, room;
    struct deque_block lone;
};

enum deque_end { DEQUE_FRONT, DEQUE_BACK };

struct deque *deque_new(void);
void deque_free(struct deque *d); /* NULL does nothing */
struct deque *deque_copy(const struct deque *d);
size_t deque_bytes(const struct deque *d); /* held in memory, O(1) */

void deque_push(struct deque *d, enum deque_end end, struct bytes text, int fill);

/* An element, or none: block == used. */
struct deque_place {
    uint32_t block; /* counted from first */
    size_t at;
};
/* index < 0 counts from the end. False: there is none. */
bool deque_seek(const struct deque *d, int64_t index, struct deque_place *out);
/* False behind the last, or before the first. */
bool deque_next(const struct deque *d, struct deque_place *p);
bool deque_prev(const struct deque *d, struct deque_place *p);
static inline bool deque_step(const struct deque *d, struct deque_place *p, bool back)
{
    return back ? deque_prev(d, p) : deque_next(d, p);
}
/* scratch as listpack_get. Borrowed. */
struct bytes deque_get(const struct deque *d, const struct deque_place *p, char *scratch);
bool deque_is(const struct deque *d, const struct deque_place *p, const struct listpack_needle *n);

/* text must not lie in the deque. */
void deque_insert(struct deque *d, const struct deque_place *p, bool after, struct bytes text,
                  int fill);
void deque_replace(struct deque *d, const struct deque_place *p, struct bytes text, int fill);
/* count > 0 elements from index on, which must be there. */
void deque_delete(struct deque *d, uint64_t index, uint64_t count);
/* The element at a place. Where more follow in that direction, p is at the next and true comes back. */
bool deque_take_out(struct deque *d, struct deque_place *p, bool back);

/* Joins the blocks around a place where they have become small: after deletions in the middle. */
void deque_tidy(struct deque *d, const struct deque_place *p, int fill);

/* Steps towards both ends, as value_ops.fetch. */
void deque_fetch(const struct deque *d, int step);
/* A pack that was checked and holds at least one element goes behind the last; d owns it. */
void deque_add_pack(struct deque *d, struct listpack *pack);

/* The packs, for those who write them away: used of them. */
static inline const struct deque_block *deque_blocks(const struct deque *d)
{
    return d->blocks + d->first;
}

void deque_check(const struct deque *d); /* asserts the invariants, but for fill: O(elements) */

#endif
