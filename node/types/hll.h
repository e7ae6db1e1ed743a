/*
 * hll - HyperLogLog: how many different elements were seen, within a percent, in at most 12 KB.
 *
 *     [ "HYLL" ][ encoding ][ 3 unused ][ 8: cardinality, or stale ][ registers ]
 *
 *     dense    16384 registers of 6 bits, lowest first; 12304 bytes in all
 *     sparse   runs of equal registers:    00nnnnnn            zero, n + 1 times
 *                                          01nnnnnn nnnnnnnn   zero, n + 1 times
 *                                          1vvvvvnn            v + 1, n + 1 times
 *
 *   1. these are the bytes of Redis: the text under the key, which clients may GET, SET and damage
 *   2. a register holds the longest run of zeros, plus one, among the hashes of elements that fell to it
 *   3. a sparse one becomes dense when a register passes 32 or the runs pass a number of bytes, and stays so
 *   4. the top bit of the cardinality says that it is stale
 *
 * Everything here works on bytes that an outsider may have written: whatever they hold, nothing outside of
 * them is touched, and what cannot be is said to be corrupt.
 *
 * Owner: whoever brings the bytes. Cost: O(1) to add to a dense one, O(bytes) to a sparse one; counting
 * takes some microseconds. Source: Redis 7.0's encoding; the estimator is Ertl's of 2017 (arXiv 1702.01284).
 */
#ifndef HF_NODE_TYPES_HLL_H
#define HF_NODE_TYPES_HLL_H

#include "common/bytes.h"

enum {
    HLL_REGISTERS = 16384,
    HLL_HEADER_BYTES = 16,
    HLL_DENSE_BYTES = HLL_HEADER_BYTES + HLL_REGISTERS * 6 / 8,
    /* Every run but its register takes two bytes at the most: nothing longer makes sense. */
    HLL_SPARSE_BYTES_MAX = HLL_HEADER_BYTES + HLL_REGISTERS * 2,
    HLL_ROOM = HLL_SPARSE_BYTES_MAX + 8,
};

/* One in memory that may be written to. A sparse one may grow: at has HLL_ROOM bytes. */
struct hll {
    unsigned char *at;
    size_t len;
};

/* The header is one, and the length of a dense one. */
bool hll_is(struct bytes text);
bool hll_is_dense(struct bytes text);

/* An empty one, sparse, into HLL_ROOM bytes. */
void hll_init(struct hll *h, unsigned char *room);
/* ERR_CORRUPT: the runs are no registers; h is then used up, as it is behind every such error.
 * *out_changed: a register grew, and the cardinality is stale. */
enum err hll_add(struct hll *h, struct bytes element, size_t sparse_bytes_max,
                 bool *out_changed) MUST_CHECK;
/* The same for a register and what it should hold at least, 1 to 63. */
enum err hll_raise(struct hll *h, unsigned index, unsigned value, size_t sparse_bytes_max,
                   bool *out_changed) MUST_CHECK;
enum err hll_make_dense(struct hll *h) MUST_CHECK;

/* Each register of max becomes as large as text's, if it is not larger. */
enum err hll_merge(unsigned char max[HLL_REGISTERS], struct bytes text) MUST_CHECK;
enum err hll_count(struct bytes text, uint64_t *out) MUST_CHECK;
uint64_t hll_count_registers(const unsigned char registers[HLL_REGISTERS]);

/* False: it is stale. */
bool hll_cached(struct bytes text, uint64_t *out);
void hll_cache(unsigned char *at, uint64_t cardinality);
void hll_forget(unsigned char *at);

/* "Z:16384", "v:1,3 z:2": the runs of a sparse one as PFDEBUG DECODE prints them. */
void hll_print_runs(struct bytes text, struct buf *out);

#endif
