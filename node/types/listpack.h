/*
 * listpack - a short run of texts and integers in one block of memory.
 *
 *     4 bytes   2 bytes   per element                      1 byte
 *     [ bytes ][ count ][ encoding, data ][ back length ] … [ 0xff ]
 *
 * The layout is that of RDB files (types 16 to 20) and of streams' nodes, so a block goes to a file as it
 * is, and one that was checked comes from a file as it is.
 *
 *   1. bytes is the length of the whole; count is the number of elements, or COUNT_UNKNOWN
 *   2. an element that reads as an integer is kept as one, in its shortest form
 *   3. a place is the offset of an element; LISTPACK_END is none. Any change ends the places behind it,
 *      and may move the block: use what comes back
 *
 * Owner: whoever made it; blocks are plain allocations. Cost: a walk is O(elements passed), a change
 * moves the bytes behind it.
 * Limits: a block is at most LISTPACK_BYTES_MAX long; whoever adds to it asks listpack_has_room first.
 * Source: the listpack specification of Redis 5, and bytes that redis-server 7.0 writes.
 */
#ifndef HF_NODE_TYPES_LISTPACK_H
#define HF_NODE_TYPES_LISTPACK_H

#include "common/bytes.h"

struct listpack;

enum {
    LISTPACK_END = 0,
    LISTPACK_HEAD = 6,
    LISTPACK_EMPTY_BYTES = 7,
    LISTPACK_INT_TEXT = 24, /* room that listpack_get needs for an integer */
    LISTPACK_COUNT_UNKNOWN = 65535,
    LISTPACK_OVERHEAD_MAX = 10, /* encoding and back length of the longest text */
};
#define LISTPACK_BYTES_MAX ((size_t)UINT32_MAX)
/* The longest text that fits into a block of its own. */
#define LISTPACK_TEXT_MAX (LISTPACK_BYTES_MAX - LISTPACK_EMPTY_BYTES - LISTPACK_OVERHEAD_MAX)

struct listpack *listpack_new(void);
struct listpack *listpack_one(struct bytes text); /* a block of one element */
void listpack_free(struct listpack *lp);          /* NULL does nothing */
struct listpack *listpack_copy(const struct listpack *lp);

/* Is this a listpack, to the last byte? For bytes that came from outside. O(bytes). */
bool listpack_valid(struct bytes data);
/* A copy of valid bytes; asserts what listpack_valid answers only under ASSERT_SLOW. */
struct listpack *listpack_of(struct bytes valid);

struct bytes listpack_bytes(const struct listpack *lp); /* the whole block, borrowed */
size_t listpack_count(const struct listpack *lp);       /* O(elements) from 65535 on, else O(1) */
size_t listpack_held(const struct listpack *lp);        /* memory that the allocator set aside */
/* What text would add to a block. */
size_t listpack_cost(struct bytes text);
bool listpack_has_room(const struct listpack *lp, size_t more);

/* ---- places ---- */

size_t listpack_first(const struct listpack *lp);
size_t listpack_last(const struct listpack *lp);
size_t listpack_next(const struct listpack *lp, size_t at);
size_t listpack_prev(const struct listpack *lp, size_t at);
/* index < 0 counts from the end. */
size_t listpack_seek(const struct listpack *lp, int64_t index);

/* The text at a place; an integer is printed into scratch (LISTPACK_INT_TEXT bytes). Borrowed. */
struct bytes listpack_get(const struct listpack *lp, size_t at, char *scratch);
bool listpack_get_int(const struct listpack *lp, size_t at, int64_t *out);
/* A text, ready to be compared with many elements. */
struct listpack_needle {
    struct bytes text;
    int64_t integer;
    bool is_integer;
};
struct listpack_needle listpack_needle(struct bytes text);
bool listpack_is(const struct listpack *lp, size_t at, const struct listpack_needle *n);
/* The first place from `at` on, stepping over `skip` elements after each look, that holds it. */
size_t listpack_find(const struct listpack *lp, size_t at, const struct listpack_needle *n,
                     unsigned skip);

/* ---- changes: text must not lie in the block ---- */

struct listpack *listpack_append(struct listpack *lp, struct bytes text);
/* Before the element at a place; LISTPACK_END appends. The new element is where `at` was. */
struct listpack *listpack_insert(struct listpack *lp, size_t at, struct bytes text);
struct listpack *listpack_replace(struct listpack *lp, size_t at, struct bytes text);
/* count elements from a place on; what followed them is then at `at`, if anything did. */
struct listpack *listpack_delete(struct listpack *lp, size_t at, size_t count);
/* The same for whoever keeps listpack_held in *room: nothing is asked of the allocator but what must be, and a
 * block that grows takes up to half of itself (256 bytes at most) in advance. */
struct listpack *listpack_insert_in(struct listpack *lp, size_t *room, size_t at,
                                    struct bytes text);
struct listpack *listpack_delete_in(struct listpack *lp, size_t *room, size_t at, size_t count);
/* Everything from a place on moves into a new block. */
struct listpack *listpack_split(struct listpack *lp, size_t at, struct listpack **out_rest);
/* Puts what `rest` holds behind lp and frees rest. */
struct listpack *listpack_join(struct listpack *lp, struct listpack *rest);
/* Is there an element at this place? After a delete: `at`, else LISTPACK_END. */
size_t listpack_settle(const struct listpack *lp, size_t at);
/* The integer at a place becomes another; in place where both take as many bytes. */
struct listpack *listpack_replace_int(struct listpack *lp, size_t at, int64_t v);

/* ---- many elements at once, behind the last ---- */

/* The block in a room of that many bytes, no less than it takes. */
struct listpack *listpack_reserve(struct listpack *lp, size_t bytes);
/* What an element takes at most. */
static inline size_t listpack_room_for_text(size_t len)
{
    return len + (len < 1u << 6 ? 2 : len < 1u << 12 ? 4 : LISTPACK_OVERHEAD_MAX);
}
static inline size_t listpack_room_for_int(int64_t v)
{
    return v >= 0 && v < 1 << 7 ? 2 : LISTPACK_OVERHEAD_MAX;
}
/* Writes into room that was reserved. Nothing else may happen to the block until the end, which is when it is
 * whole again. */
struct listpack_writer {
    struct listpack *lp;
    size_t at, count;
};
struct listpack_writer listpack_write(struct listpack *lp);
void listpack_write_int(struct listpack_writer *w, int64_t v);
void listpack_write_text(struct listpack_writer *w, struct bytes text);
void listpack_write_end(struct listpack_writer *w);

void listpack_check(const struct listpack *lp); /* asserts the invariants */

#endif
