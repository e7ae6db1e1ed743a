/* When a loop rests, and for how long: a tenth of the time between two requests of one speaker, and never for a few. */
#include "common/link_crowd.h"

#include "tests/check_main.h"

enum { MAX_US = 100 };

/* Of a millisecond in which so many speak, so often each; and what the next one is told. */
static int rest_after(struct link_crowd *c, uint64_t ms, int speakers, int times, int max_us)
{
    for (int t = 0; t < times; t++)
        for (int i = 0; i < speakers; i++)
            crowd_read(c, ms, t + 1, max_us);
    crowd_read(c, ms + 1, 1, max_us);
    return crowd_rest_us(c, ms + 1);
}

START_TEST(one_tenth_of_a_cycle)
{
    static const struct {
        int speakers, times, max_us, rest_us;
    } rows[] = {
        { 1, 1, MAX_US, 0 }, /* nobody else comes meanwhile */
        { 1, 20, MAX_US, 0 }, /* a loop of requests and replies, 50 us each: 5 us would be its share */
        { 8, 5, MAX_US, 0 },    /* the same of eight */
        { 19, 1, MAX_US, 0 },   /* 1.9 come in a tenth of a millisecond */
        { 20, 1, MAX_US, 100 }, /* two do */
        { 50, 1, MAX_US, 100 }, /* one request in a millisecond, or fewer */
        { 50, 2, MAX_US, 50 },  /* each asks every 500 us */
        { 50, 4, MAX_US, 25 },  { 50, 1, 0, 0 },
        { 50, 1, 30, 0 }, /* a rest that is too short is none */
        { 50, 1, 60, 60 },      { 10000, 1, 1000, 100 },
    };

    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct link_crowd c = { 0 };

        ck_assert_msg(rest_after(&c, 1000, rows[i].speakers, rows[i].times, rows[i].max_us) ==
                          rows[i].rest_us,
                      "row %zu", i);
    }
}
END_TEST

/* Beside forty that speak once, and one that speaks twice. */
START_TEST(one_that_hurries_is_not_kept)
{
    static const struct {
        int times, rest_us;
    } rows[] = { { 1, 97 }, { 2, 95 }, { 3, 50 }, { 4, 0 }, { 16, 0 } };

    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct link_crowd c = { 0 };

        crowd_read(&c, 1000, 1, MAX_US);
        crowd_read(&c, 1000, 2, MAX_US);
        for (int t = 2; t <= rows[i].times; t++)
            crowd_read(&c, 1000, t, MAX_US);
        ck_assert_int_eq(rest_after(&c, 1000, 40, 1, MAX_US), rows[i].rest_us);
    }
}
END_TEST

START_TEST(silence_ends_it)
{
    struct link_crowd c = { 0 };

    ck_assert_int_eq(crowd_rest_us(&c, 1000), 0);
    ck_assert_int_eq(rest_after(&c, 1000, 50, 1, MAX_US), 100);
    ck_assert_int_eq(crowd_rest_us(&c, 1002), 100); /* it was there a millisecond ago */
    ck_assert_int_eq(crowd_rest_us(&c, 1003), 0);
    crowd_read(&c, 1003, 1, MAX_US); /* nothing is known of the millisecond before */
    ck_assert_int_eq(crowd_rest_us(&c, 1003), 0);
}
END_TEST

START_TEST(a_crowd_that_leaves_is_forgotten)
{
    struct link_crowd c = { 0 };

    ck_assert_int_eq(rest_after(&c, 1000, 50, 1, MAX_US), 100);
    ck_assert_int_eq(rest_after(&c, 1001, 2, 1, MAX_US), 0);
}
END_TEST

CHECK_MAIN("link_crowd", one_tenth_of_a_cycle, one_that_hurries_is_not_kept, silence_ends_it,
           a_crowd_that_leaves_is_forgotten)
