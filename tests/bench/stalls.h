/*
 * stalls - when a processor stood still: a hypervisor gives it to somebody else for milliseconds, and whoever measures
 * the answers of a server would take that for the server's doing.
 *
 * On each core a thread that goes before everybody wakes up every half millisecond, and notes when it woke up
 * STALL_MIN_US late. What a program does cannot keep it from its processor for so long, nor can a system call that it
 * makes: those are interrupted, or short. Needs the right to SCHED_FIFO.
 */
#ifndef HF_BENCH_STALLS_H
#define HF_BENCH_STALLS_H

#include <stdbool.h>
#include <stdint.h>

enum { STALL_CORES_MAX = 8, STALL_MIN_US = 1500 };

/* False: not permitted, and none are seen. For the life of the process. */
bool stalls_watch(int core);
/* Of [from, to), CLOCK_MONOTONIC: as long as that core stood still for which it was longest. */
uint64_t stalls_within(uint64_t from_us, uint64_t to_us);
/* As long as this one did; 0 where nobody watches it. */
uint64_t stalls_of(int core, uint64_t from_us, uint64_t to_us);

#endif
