/*
 * out - bytes on their way to a peer: a queue of chunks that is written into at the tail and sent
 * from the head.
 *
 *        sent                                    written
 *          v                                        v
 *     ....[ chunk, half sent ][ chunk ][ chunk, filling ]
 *
 *   1. positions count every byte ever written, so a position names one byte for good
 *   2. sent <= mark <= written; only bytes before the mark may leave (the gate's business)
 *   3. a chunk with its header is at least OUT_CHUNK bytes, so small replies share one and cost no
 *      allocation
 *   4. one emptied chunk is kept, so a steady conversation allocates nothing
 *
 * Owner: embed a struct out; zeroed it is empty, with its mark at "everything".
 * Cost: write O(bytes) and one allocation per OUT_CHUNK; send one writev of up to 64 chunks.
 */
#ifndef HF_COMMON_OUT_H
#define HF_COMMON_OUT_H

#include <string.h>
#include <sys/uio.h>

#include "common/bytes.h"

enum { OUT_CHUNK = 16 * 1024 };

struct out_chunk;

struct out {
    struct out_chunk *head, *tail, *spare;
    char *at, *end;  /* the free room of the tail chunk, so that a write is a compare and a copy */
    uint64_t sealed; /* bytes in chunks before the tail, ever */
    uint64_t sent;
    uint64_t mark;      /* valid where marked is set */
    size_t held;        /* bytes of all chunks, the spare included */
    uint64_t bytes_max; /* 0: none; see out_is_over */
    bool marked;
};

void out_fini(struct out *o);

/* Chunks that nobody needs: to free a backlog of many megabytes takes milliseconds, which nobody else need wait for.
 * Zeroed it is empty. */
struct out_pile {
    struct out_chunk *first;
};
/* What out_fini does, but that the chunks stay on the pile. */
void out_fini_to(struct out *o, struct out_pile *pile);
/* False: there is none. */
bool out_pile_free_one(struct out_pile *pile);

/* A tail with at least n free bytes, for out_reserve; n must be bounded by the caller. */
char *out_grow(struct out *o, size_t n);
/* What out_append does when the tail is full. */
void out_append_slow(struct out *o, const void *data, size_t len);

/* At least n contiguous bytes at the tail; out_commit says how many of them were used. */
static inline char *out_reserve(struct out *o, size_t n)
{
    return LIKELY((size_t)(o->end - o->at) >= n) ? o->at : out_grow(o, n);
}

static inline void out_commit(struct out *o, size_t n)
{
    ASSERT_SLOW((size_t)(o->end - o->at) >= n);
    o->at += n;
}

static inline void out_append(struct out *o, const void *data, size_t len)
{
    if (UNLIKELY((size_t)(o->end - o->at) < len)) {
        out_append_slow(o, data, len);
    } else if (len) {
        memcpy(o->at, data, len);
        o->at += len;
    }
}

/* Gives the spare chunk back: for an idle conversation that may stay idle. */
void out_relax(struct out *o);

uint64_t out_written(const struct out *o);
uint64_t out_pending(const struct out *o); /* written - sent */
size_t out_memory(const struct out *o);    /* bytes held in chunks, for limits and CLIENT LIST */
/* More is pending than bytes_max: the owner will throw it away, and whoever writes may stop. */
bool out_is_over(const struct out *o);

/* Bytes that may leave now, as up to max pieces; the count of pieces. Valid until the next change. */
int out_pieces(const struct out *o, struct iovec *pieces, int max);
/* The first len bytes that out_pieces showed have left. */
void out_sent(struct out *o, size_t len);

/* Only bytes before position may leave; UINT64_MAX lifts the mark. A position beyond what is written,
 * or before what was sent, is our own mistake. */
void out_set_mark(struct out *o, uint64_t position);

/* Moves everything of src behind dst; src is empty then. Whole chunks change hands where large. src
 * must have no mark. */
void out_move(struct out *dst, struct out *src);
/* Copies everything pending into one buffer (tests, scripts, captured replies). */
void out_copy(const struct out *o, struct buf *into);

#endif
