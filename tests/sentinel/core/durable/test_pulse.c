/*
 * pulse: the limit of silence against the formula computed the long way, over random gaps; and health.
 */
#include "sentinel/core/durable/pulse.h"

#include <math.h>

#include "tests/check_main.h"

enum { BEAT_MS = 50, STEPS = 5000 };

START_TEST(the_limit_is_that_of_the_formula)
{
    static uint64_t gaps[STEPS];
    struct pulse p;
    struct rng r;
    uint64_t now_ms = 1000;

    rng_seed(&r, test_seed());
    pulse_init(&p, now_ms);
    pulse_beat(&p, now_ms, BEAT_MS);
    for (size_t i = 0; i < STEPS; i++) {
        size_t from = i + 1 > PULSE_GAPS ? i + 1 - PULSE_GAPS : 0;
        double sum = 0, squares = 0, count, sigma, limit;

        gaps[i] = 1 + rng_below(&r, i % 1000 < 500 ? 60 : 20);
        now_ms += gaps[i];
        pulse_beat(&p, now_ms, BEAT_MS);
        for (size_t k = from; k <= i; k++) {
            sum += (double)gaps[k];
            squares += (double)gaps[k] * (double)gaps[k];
        }
        count = (double)(i + 1 - from);
        sigma = sqrt(squares / count - sum / count * (sum / count));
        limit = fmax(PULSE_BEATS_MIN * BEAT_MS,
                     fmin(PULSE_BEATS_MAX * BEAT_MS, sum / count + PULSE_SIGMAS * sigma));
        if (i + 1 < PULSE_GAPS_MIN)
            limit = PULSE_BEATS_MAX * BEAT_MS;
        /* In whole milliseconds and squares of them. */
        ck_assert_double_le(fabs(limit - (double)pulse_limit_ms(&p, BEAT_MS, 0)), 20.0);
    }
}
END_TEST

START_TEST(an_operators_limit_replaces_the_longest)
{
    struct pulse p;

    pulse_init(&p, 0);
    ck_assert_uint_eq(pulse_limit_ms(&p, BEAT_MS, 0), 500);
    ck_assert_uint_eq(pulse_limit_ms(&p, BEAT_MS, 300), 300);
    ck_assert_uint_eq(pulse_limit_ms(&p, BEAT_MS, 30000), 500);
    ck_assert_uint_eq(pulse_limit_ms(&p, BEAT_MS, 80), 80);
}
END_TEST

START_TEST(a_gap_that_was_slept_through_is_none)
{
    struct pulse p;

    pulse_init(&p, 0);
    pulse_beat(&p, 50, BEAT_MS); /* the first: there is nothing before it */
    pulse_beat(&p, 100, BEAT_MS);
    ck_assert_uint_eq(p.count, 1);
    pulse_void(&p, 5000);
    ck_assert_uint_eq(p.since_ms, 5000);
    pulse_beat(&p, 5030, BEAT_MS);
    ck_assert_uint_eq(p.count, 1);
    pulse_beat(&p, 5080, BEAT_MS);
    ck_assert_uint_eq(p.count, 2);
    pulse_beat(&p, 9000, BEAT_MS); /* an outage */
    ck_assert_uint_eq(p.count, 2);
    ck_assert_uint_eq(p.sum, 100);
}
END_TEST

START_TEST(health_falls_with_blame_and_comes_back_with_quiet)
{
    struct health h = { .quiet_ms = 0 };

    ck_assert_uint_eq(health_factor(&h), 1);
    health_blame(&h, 100);
    health_blame(&h, 200);
    ck_assert_uint_eq(health_factor(&h), 3);
    health_time(&h, 1199);
    ck_assert_uint_eq(health_factor(&h), 3);
    health_time(&h, 1200);
    ck_assert_uint_eq(health_factor(&h), 2);
    health_time(&h, 9000);
    ck_assert_uint_eq(health_factor(&h), 1);
    for (int i = 0; i < 20; i++)
        health_blame(&h, 9000);
    ck_assert_uint_eq(health_factor(&h), HEALTH_MAX);
}
END_TEST

CHECK_MAIN("pulse", the_limit_is_that_of_the_formula, an_operators_limit_replaces_the_longest,
           a_gap_that_was_slept_through_is_none, health_falls_with_blame_and_comes_back_with_quiet)
