/*
 * pulse - how long somebody may be silent before that means something, and how far I may trust my own clockwork.
 *
 *     limit = clamp(mean + 8 sigma of the last 512 gaps, 3 heartbeats, 10 heartbeats) x my health
 *
 *   1. only whole gaps count: one that this process slept through is void, and silence begins anew behind it; one of
 *      more than ten heartbeats was an outage, and says nothing of the time between beats
 *   2. before PULSE_GAPS_MIN gaps are known the limit is the longest
 *   3. health is 1 (well) to 8: it multiplies what I allow others, so that who is sick accuses late
 *
 * A limit of the operator's (down-after) below ten heartbeats takes their place, and that of three if need be.
 * Cost: a beat O(1), a limit O(1). Source: phi-accrual detectors with a fixed threshold; Lifeguard's local health.
 */
#ifndef HF_SENTINEL_CORE_DURABLE_PULSE_H
#define HF_SENTINEL_CORE_DURABLE_PULSE_H

#include "common/err.h"

enum {
    PULSE_GAPS = 512,
    PULSE_GAPS_MIN = 32,
    PULSE_BEATS_MIN = 3,  /* heartbeats of the shortest limit, */
    PULSE_BEATS_MAX = 10, /* and of the longest */
    PULSE_SIGMAS = 8,
    HEALTH_MAX = 8,
    HEALTH_QUIET_MS = 1000, /* without blame, for one point less */
};

struct pulse {
    uint16_t gaps[PULSE_GAPS];
    uint32_t count, next;
    uint64_t sum, squares;
    uint64_t
        since_ms; /* silent since: the last sign of life, or the moment from which silence counts */
    bool whole;   /* since_ms is a sign of life, so that the gap from there is one */
};

void pulse_init(struct pulse *p, uint64_t now_ms);
/* A sign of life. */
void pulse_beat(struct pulse *p, uint64_t now_ms, uint64_t heartbeat_ms);
/* I slept, or there was nobody to hear: what lies behind says nothing. */
void pulse_void(struct pulse *p, uint64_t now_ms);
/* down_after_ms 0: the operator has set none. */
uint64_t pulse_limit_ms(const struct pulse *p, uint64_t heartbeat_ms, uint64_t down_after_ms);

struct health {
    uint32_t blames;   /* health_factor - 1 */
    uint64_t quiet_ms; /* since: the last blame, or point that was taken back */
};

/* A timer came late, everybody was late at once, or others contradicted me. */
void health_blame(struct health *h, uint64_t now_ms);
void health_time(struct health *h, uint64_t now_ms);
uint32_t health_factor(const struct health *h); /* 1..HEALTH_MAX */

#endif
