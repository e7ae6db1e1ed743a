/*
 * timer - a heap of moments, so that the next one costs O(1) to find and O(log n) to change.
 *
 *   1. a timer is in the heap exactly while slot > 0; heap.at[slot - 1] points back to it, and has its moment
 *   2. no timer is earlier than the one at the root
 *
 * Owner: timers live inside their group, node or peer, which takes them out before it is freed.
 */
#ifndef HF_SENTINEL_CORE_TIMER_H
#define HF_SENTINEL_CORE_TIMER_H

#include "common/err.h"

#define TIMER_NEVER UINT64_MAX

struct timer {
    uint64_t at_ms;
    size_t slot; /* 0: not armed */
    int kind;    /* the owner's word for what it is embedded in */
};

/* The moment stands beside the pointer: sifting through thousands touches none of them. */
struct timer_slot {
    uint64_t at_ms;
    struct timer *timer;
};

struct timer_heap {
    struct timer_slot *at;
    size_t count, cap;
};

/* TIMER_NEVER disarms. */
void timer_set(struct timer_heap *h, struct timer *t, uint64_t at_ms);
uint64_t timer_next_ms(const struct timer_heap *h); /* TIMER_NEVER: none */
/* Disarms and returns the earliest timer when it is due; NULL otherwise. */
struct timer *timer_take_due(struct timer_heap *h, uint64_t now_ms);
/* A moment near due_ms that many timers of this grid share, so that one wake-up serves them all. The nearest,
 * not the next: a wake-up that came late must not make the period longer. Short periods share nothing. */
uint64_t timer_shared_ms(uint64_t due_ms, uint64_t period_ms, uint64_t grid_ms);
void timer_heap_fini(struct timer_heap *h);
void timer_heap_check(const struct timer_heap *h);

#endif
