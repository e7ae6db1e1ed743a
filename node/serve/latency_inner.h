/*
 * latency_inner - what the files of latency share, and nobody else includes.
 */
#ifndef HF_NODE_SERVE_LATENCY_INNER_H
#define HF_NODE_SERVE_LATENCY_INNER_H

#include "node/serve/latency.h"

struct latency_sample {
    uint64_t wall_s, ms;
};

struct latency_samples {
    struct latency_sample ring[LATENCY_SAMPLES];
    size_t next, count;
    uint64_t max_ms; /* ever, also of those that the ring has lost */
};

struct latency {
    const struct server_settings *set;
    struct latency_samples events[LATENCY_EVENTS];
};

struct latency *latency_of(const struct call *c);
const char *latency_name(enum latency_event event);
/* NULL: there is no such event. */
struct latency_samples *latency_find(struct latency *l, struct bytes name);
/* The i-th, oldest first; i < count. */
const struct latency_sample *latency_sample_at(const struct latency_samples *e, size_t i);

#endif
