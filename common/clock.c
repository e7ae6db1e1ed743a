#include "common/clock.h"

#include <time.h>

/* Within so little the two times run alike, and a turn of the loop is often shorter. */
enum { WALL_TRUST_US = 1000 };

static uint64_t now_us, wall_ms;
static uint64_t wall_us, wall_at_us; /* the last reading, and when it was made */

static uint64_t read_us(clockid_t id)
{
    struct timespec t;

    clock_gettime(id, &t);
    return (uint64_t)t.tv_sec * 1000000u + (uint64_t)t.tv_nsec / 1000u;
}

void clock_turn(void)
{
    now_us = read_us(CLOCK_BOOTTIME);
    if (now_us - wall_at_us >= WALL_TRUST_US) {
        wall_us = read_us(CLOCK_REALTIME);
        wall_at_us = now_us;
    }
    wall_ms = (wall_us + now_us - wall_at_us) / 1000u;
}

uint64_t clock_now_us(void)
{
    if (UNLIKELY(!now_us))
        clock_turn();
    return now_us;
}

uint64_t clock_now_ms(void)
{
    return clock_now_us() / 1000u;
}

uint64_t clock_wall_ms(void)
{
    if (UNLIKELY(!now_us))
        clock_turn();
    return wall_ms;
}

uint64_t clock_wall_us_at(uint64_t moment_us)
{
    if (UNLIKELY(!now_us))
        clock_turn();
    return wall_us + moment_us - wall_at_us;
}

uint64_t clock_read_us(void)
{
    return read_us(CLOCK_BOOTTIME);
}
