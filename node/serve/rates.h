/*
 * rates - commands and bytes per second, over the last second and a half: what INFO calls instantaneous.
 *
 * Owner: embed. Cost: a sample is O(1), ten times a second; bytes are added up once a second.
 */
#ifndef HF_NODE_SERVE_RATES_H
#define HF_NODE_SERVE_RATES_H

#include <ev.h>

#include "common/serve/stats.h"

struct serve;

enum { RATES_SAMPLES = 16, RATES_SAMPLE_MS = 100 };

struct rates_sample {
    uint64_t ms, commands, turns, busy_us;
    struct traffic traffic;
};

struct rates {
    struct rates_sample ring[RATES_SAMPLES];
    size_t next;
};

struct rates_now {
    uint64_t commands_per_s, turns_per_s, turn_usec;
    struct traffic traffic;
    double in_kb_per_s, out_kb_per_s, replica_in_kb_per_s, replica_out_kb_per_s;
};

/* From a timer; takes a sample where the last one is old enough. */
void rates_sample(struct rates *r, const struct serve *v);
void rates_read(const struct rates *r, struct serve *v, struct rates_now *out);
/* CONFIG RESETSTAT: what it counts from begins anew, the loop's turns too. */
void rates_reset(struct rates *r, struct ev_loop *loop);

#endif
