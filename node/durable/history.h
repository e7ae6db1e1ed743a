/*
 * history - which leader wrote which part of the stream, and how far two copies agree.
 *
 *     epoch        1            2       5
 *     ------------[....data....[..data..[.... end
 *                 start 0      700      820
 *
 * Every leader begins its part with a mark in the stream, the command HFEPOCH, and an era is where that mark begins.
 * One epoch has one leader, and a leader only appends: two copies that hold the same era agree up to where the first
 * of them leaves it.
 *
 *   1. eras rise by epoch, and do not fall by start
 *   2. no era begins behind the end of the data
 *   3. only the newest HISTORY_MAX are kept; who shares none of those takes everything
 *
 * Plain structs, no owner. Cost: O(eras).
 */
#ifndef HF_NODE_DURABLE_HISTORY_H
#define HF_NODE_DURABLE_HISTORY_H

#include "common/err.h"

enum { HISTORY_MAX = 32 };

struct era {
    uint64_t epoch, start;
};

struct history {
    struct era eras[HISTORY_MAX];
    uint32_t count;
};

/* Of HFEPOCH in the stream, in bytes. */
uint64_t history_mark_bytes(uint64_t epoch);
void history_add(struct history *h, uint64_t epoch, uint64_t start);
/* The data ends at `end` from now on. */
void history_cut(struct history *h, uint64_t end);
uint64_t history_epoch(const struct history *h); /* of the last era; 0: there is none */

/* Up to where the copies a and b are the same; false: nothing tells. Two empty ones are, and an empty one with any. */
bool history_common(const struct history *a, uint64_t a_end, const struct history *b,
                    uint64_t b_end, uint64_t *out_common);
/* Is there nothing but marks from `from` to the end? */
bool history_is_marks(const struct history *h, uint64_t from, uint64_t end);
void history_check(const struct history *h, uint64_t end);

#endif
