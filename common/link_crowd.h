/*
 * link_crowd - how long a loop may rest between two turns, so that one turn serves many. No I/O, and no clock of its own.
 *
 *     of each millisecond:  reads, and who spoke (speakers)
 *     a speaker's cycle:    1 ms * speakers / reads            between two of its requests, by Little's law; no longer
 *                           than that of the one who spoke most often, of which one read less than it made is counted
 *     rest:                 a tenth of it, if two more reads come meanwhile; else none
 *
 *   1. nobody is kept for more than a CROWD_REST_SHAREth of the time that it takes between two requests anyway
 *   2. a client that asks again and again is never kept, whoever is there beside it, nor are a few: what comes of them in so
 *      short a rest is too little
 *   3. a millisecond in which nobody spoke ends it
 *
 * A turn with one request costs a sleep, a wake-up, a poll, a read and a write; with five, most of that once. It is what
 * network cards do with interrupts (adaptive coalescing).
 */
#ifndef HF_COMMON_LINK_CROWD_H
#define HF_COMMON_LINK_CROWD_H

#include "common/err.h"

enum { CROWD_REST_SHARE = 10, CROWD_READS = 2 };

struct link_crowd { /* zeroed: nobody spoke */
    uint64_t ms;
    int speakers, reads, most; /* in that millisecond; by one of them */
    int rest_us;               /* by the one before it */
};

/* One read at now_ms, which never goes back; its link's count-th in this millisecond, from 1. */
void crowd_read(struct link_crowd *c, uint64_t now_ms, int count, int rest_max_us);
int crowd_rest_us(const struct link_crowd *c, uint64_t now_ms);

#endif
