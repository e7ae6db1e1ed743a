/*
 * stats: buckets cover every latency without a hole and are right to an eighth; percentiles agree with
 * a sorted list; counters keep their place when the table grows and when they are reset.
 */
#include <stdlib.h>
#include <string.h>

#include "tests/check_main.h"
#include "common/alloc.h"
#include "common/serve/stats.h"

enum { SAMPLES = 5000, ROWS = 2000 };

static int compare(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

    return (x > y) - (x < y);
}

START_TEST(buckets_rise)
{
    for (size_t i = 1; i < STATS_BUCKETS; i++)
        ck_assert_uint_gt(stats_bucket_top(i), stats_bucket_top(i - 1));
    ck_assert_uint_gt(stats_bucket_top(STATS_BUCKETS - 1), 60u * 1000000u);
}
END_TEST

START_TEST(percentiles_agree_with_a_sorted_list)
{
    static const double shares[] = { 0.01, 0.5, 0.9, 0.99, 0.999, 1 };
    struct command_stats c = { 0 };
    uint64_t all[SAMPLES];
    struct rng r;

    rng_seed(&r, test_seed());
    for (int i = 0; i < SAMPLES; i++) {
        all[i] = rng_next(&r) >> (38 + rng_below(&r, 26));
        stats_count(&c, all[i]);
    }
    qsort(all, SAMPLES, sizeof all[0], compare);
    ck_assert_uint_eq(c.calls, SAMPLES);
    for (size_t i = 0; i < ARRAY_LEN(shares); i++) {
        size_t at = (size_t)(SAMPLES * shares[i] + 0.5);
        double real = (double)all[at ? at - 1 : 0], said = stats_percentile(&c, shares[i]);

        ck_assert_msg(said >= real && said <= real * 1.125 + 1, "p%g is %g, said %g",
                      shares[i] * 100, real, said);
    }
}
END_TEST

START_TEST(counters_keep_their_place)
{
    struct command *rows = xcalloc(ROWS, sizeof *rows);
    struct command_stats **kept = xcalloc(ROWS, sizeof(struct command_stats *));
    struct service_stats s = { 0 };

    for (int i = 0; i < ROWS; i++) {
        ck_assert_ptr_null(stats_find(&s, &rows[i]));
        kept[i] = stats_of(&s, &rows[i]);
        kept[i]->calls = (uint64_t)i;
    }
    for (int i = 0; i < ROWS; i++) {
        ck_assert_ptr_eq(stats_of(&s, &rows[i]), kept[i]);
        ck_assert_uint_eq(stats_find(&s, &rows[i])->calls, (uint64_t)i);
    }
    stats_reset(&s);
    for (int i = 0; i < ROWS; i++)
        ck_assert(stats_of(&s, &rows[i]) == kept[i] && kept[i]->calls == 0);
    stats_fini(&s);
    xfree(kept);
    xfree(rows);
}
END_TEST

START_TEST(error_words_are_bounded)
{
    struct service_stats s = { 0 };
    char word[32];

    for (int i = 0; i < 1000; i++) {
        snprintf(word, sizeof word, "E%d", i);
        stats_count_error(&s, word);
        stats_count_error(&s, "ERR");
    }
    ck_assert_uint_eq(s.error_count, STATS_ERRORS_MAX);
    ck_assert_uint_eq(s.error_replies, 2000);
    stats_fini(&s);
}
END_TEST

CHECK_MAIN("stats", buckets_rise, percentiles_agree_with_a_sorted_list, counters_keep_their_place,
           error_words_are_bounded)
