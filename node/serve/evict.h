/*
 * evict - keys leave when memory is short: before each command, and between the turns of the loop where
 * that was not enough.
 *
 *     before a command --within maxmemory, or brought there--------------------> run it
 *          |           --its share of time is over, more can go----------------> run it; the timer goes on
 *          |           --nothing can go (noeviction, no key left)--------------> OOM, where it would grow
 *
 *   1. a command waits for at most what maxmemory-eviction-tenacity allows; so does each turn of the timer
 *   2. what counts is what is used less what comes and goes by itself: see memory_is_over
 *   3. nothing is evicted while loading, while clients are paused, where the group takes no writes, amid a
 *      script, and on a follower, unless it was told not to ignore maxmemory
 *   4. clients leave before keys do, as far as maxmemory-clients lets them
 *   5. what is said of a key that left is not counted until the turn ends and it is sent: keys that left for
 *      it would only add to it
 *
 * Owner: struct serve embeds one. Cost where no maxmemory is set: a compare.
 */
#ifndef HF_NODE_SERVE_EVICT_H
#define HF_NODE_SERVE_EVICT_H

#include <ev.h>

#include "common/err.h"

struct serve;

struct evict {
    ev_timer more;
    bool full;              /* as the last command began: there is no room and none to be made */
    uint64_t over_since_us; /* above maxmemory since; 0: within */
    uint64_t over_us;       /* times above it that have ended, together */
    int64_t told_bytes;     /* in this turn: what they hold who were told of keys that left */
};

void evict_init(struct serve *v);
void evict_stop(struct serve *v);
/* maxmemory, or its policy, is another one now. */
void evict_settings_changed(struct serve *v);

/* See 1. Sets full. */
void evict_make_room(struct serve *v);
void evict_turn_ended(struct serve *v);

void evict_reset_stats(struct serve *v); /* CONFIG RESETSTAT */
/* Microseconds above maxmemory: of the time that runs (0: within), and of those that ended and it. */
uint64_t evict_exceeded_us(const struct serve *v, uint64_t *out_total);

#endif
