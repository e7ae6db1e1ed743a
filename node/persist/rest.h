/*
 * rest - the settings rdb-key-save-delay and key-load-delay: time that passes behind each key, so that a
 * test sees a save or a load at work. Nothing sleeps: whoever saves or loads goes on when it is over.
 *
 * The loop's timers are no finer than a millisecond, so shorter rests are taken together.
 *
 * A zeroed struct does not rest. Source: both settings as redis-server 7.0 has them.
 */
#ifndef HF_NODE_PERSIST_REST_H
#define HF_NODE_PERSIST_REST_H

#include <stdbool.h>
#include <stdint.h>

enum { REST_LEAST_US = 1000 };

struct rest {
    uint64_t until_us; /* clock_read_us; 0: it has not rested yet */
    int64_t keys;      /* since then */
};

uint64_t rest_left_us(const struct rest *r);
/* A key is through. delay_us: behind each; below zero: one behind each so many. True: it is time to rest. */
bool rest_begin(struct rest *r, int64_t delay_us);

#endif
