/*
 * trend - the last half hour or so of each node, by what its INFO said: for small charts.
 *
 * Owner: embed a zeroed struct trends; trends_fini. Bounded: TRENDS_MAX nodes, TREND_POINTS each; of more nodes the first
 * ones have a trend, until one has been silent for TREND_STALE_MS. Cost: of an INFO, O(TRENDS_MAX) and one pass over it.
 */
#ifndef HF_SENTINEL_SERVE_TREND_H
#define HF_SENTINEL_SERVE_TREND_H

#include "common/err.h"

enum {
    TRENDS_MAX = 512,
    TREND_POINTS = 180,
    TREND_GAP_MS = 5000, /* points are not nearer to each other, but for INFOs of an outage */
    TREND_STALE_MS = 600 * 1000,
};

struct node;

struct trend_point {
    uint64_t wall_ms, now_ms;
    uint64_t memory_bytes, lag_bytes;
    uint32_t ops_per_s, clients;
};

struct trend {
    uint64_t node;  /* id */
    uint64_t count; /* of points so far; number n stands at n % TREND_POINTS */
    struct trend_point points[TREND_POINTS];
};

struct trends {
    struct trend *all[TRENDS_MAX];
    int count;
};

void trends_fini(struct trends *t);
/* A node has told its INFO. */
void trends_note(struct trends *t, const struct node *n, uint64_t now_ms, uint64_t wall_ms);
const struct trend *trends_find(const struct trends *t, uint64_t node); /* NULL: none */

#endif
