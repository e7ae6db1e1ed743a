#include "sentinel/core/durable/pulse.h"

#include <string.h>

void pulse_init(struct pulse *p, uint64_t now_ms)
{
    memset(p, 0, sizeof *p);
    p->since_ms = now_ms;
}

static void put_gap(struct pulse *p, uint64_t gap_ms)
{
    uint64_t gap = gap_ms < UINT16_MAX ? gap_ms : UINT16_MAX, old = p->gaps[p->next];

    if (p->count == PULSE_GAPS) {
        p->sum -= old;
        p->squares -= old * old;
    } else {
        p->count++;
    }
    p->gaps[p->next] = (uint16_t)gap;
    p->next = (p->next + 1) % PULSE_GAPS;
    p->sum += gap;
    p->squares += gap * gap;
}

void pulse_beat(struct pulse *p, uint64_t now_ms, uint64_t heartbeat_ms)
{
    uint64_t gap_ms = now_ms - p->since_ms;

    if (p->whole && gap_ms > 0 && gap_ms <= PULSE_BEATS_MAX * heartbeat_ms)
        put_gap(p, gap_ms);
    p->since_ms = now_ms;
    p->whole = true;
}

void pulse_void(struct pulse *p, uint64_t now_ms)
{
    p->since_ms = now_ms;
    p->whole = false;
}

static uint64_t root(uint64_t n)
{
    uint64_t x = n, y = (x + 1) / 2;

    while (y < x) {
        x = y;
        y = (x + n / x) / 2;
    }
    return x;
}

static uint64_t min_u64(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

uint64_t pulse_limit_ms(const struct pulse *p, uint64_t heartbeat_ms, uint64_t down_after_ms)
{
    uint64_t most = PULSE_BEATS_MAX * heartbeat_ms, least = PULSE_BEATS_MIN * heartbeat_ms, mean,
             limit;

    if (down_after_ms > 0)
        most = min_u64(most, down_after_ms);
    least = min_u64(least, most);
    if (p->count < PULSE_GAPS_MIN)
        return most;
    mean = p->sum / p->count;
    limit = mean + PULSE_SIGMAS * root(p->squares / p->count - mean * mean);
    if (limit < least)
        return least;
    return min_u64(limit, most);
}

void health_blame(struct health *h, uint64_t now_ms)
{
    if (h->blames < HEALTH_MAX - 1)
        h->blames++;
    h->quiet_ms = now_ms;
}

void health_time(struct health *h, uint64_t now_ms)
{
    uint64_t points = now_ms > h->quiet_ms ? (now_ms - h->quiet_ms) / HEALTH_QUIET_MS : 0;

    if (points == 0)
        return;
    h->blames -= (uint32_t)min_u64(points, h->blames);
    h->quiet_ms += points * HEALTH_QUIET_MS;
}

uint32_t health_factor(const struct health *h)
{
    return h->blames + 1;
}
