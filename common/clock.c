#include "common/clock.h"

#include <time.h>

static uint64_t now_us, wall_ms;

static uint64_t read_us(clockid_t id)
{
    struct timespec t;

    clock_gettime(id, &t);
    return (uint64_t)t.tv_sec * 1000000u + (uint64_t)t.tv_nsec / 1000u;
}

void clock_turn(void)
{
    now_us = read_us(CLOCK_BOOTTIME);
    wall_ms = read_us(CLOCK_REALTIME) / 1000u;
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

uint64_t clock_read_us(void)
{
    return read_us(CLOCK_BOOTTIME);
}
