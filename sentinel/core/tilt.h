/*
 * tilt - this process was not run, or the clock leapt: for a while nothing is judged.
 *
 * Every step measures how much later than asked it came. What exceeds STALL_MS is taken out of all
 * silences (attentive time), so nobody is accused of our own sleep; a gap over tilt-trigger enters TILT
 * as operators of Redis know it: for tilt-period no verdict, question or failover, and every question is
 * answered with "not down". Votes are still given.
 */
#ifndef HF_SENTINEL_CORE_TILT_H
#define HF_SENTINEL_CORE_TILT_H

#include "sentinel/core/sentinel.h"

void tilt_measure(struct sentinel *s, uint64_t now_ms, struct actions *out);
void tilt_tick(struct sentinel *s, struct actions *out);

#endif
