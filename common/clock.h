/*
 * clock - the two times, read once per turn of the loop.
 *
 * now_ms is CLOCK_BOOTTIME: it never goes back and does not stop while the machine sleeps. All
 * timers and cores use it. wall_ms is CLOCK_REALTIME: it may jump, and is for what a user sees and
 * for when a key expires. clock_turn is called by the loop's first watcher of each turn, and by whoever has
 * just done what took long; between two calls both times stand still, which is what makes a turn of the
 * loop one moment.
 */
#ifndef HF_COMMON_CLOCK_H
#define HF_COMMON_CLOCK_H

#include "common/err.h"

void clock_turn(void);
uint64_t clock_now_ms(void);
uint64_t clock_now_us(void); /* same reading, finer */
uint64_t clock_wall_ms(void);
/* Unix time of a moment of now_us or clock_read_us, as the wall's clock stands now. */
uint64_t clock_wall_us_at(uint64_t moment_us);

/* Reads the clock itself (a vDSO call, about 25 ns): for measuring how long something took. */
uint64_t clock_read_us(void);

#endif
