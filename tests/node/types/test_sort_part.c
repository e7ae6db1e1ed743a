/*
 * Partial sorting against qsort: the places asked for hold what they hold in the sorted whole, and nothing is
 * lost, whatever the order was before.
 */
#include <stdlib.h>

#include "node/types/sort_part.h"
#include "tests/check_main.h"

enum { ITEMS_MAX = 3000, ROUNDS = 400 };

static int by_number(const void *a, const void *b, void *arg)
{
    const int *x = a, *y = b;

    return (*x > *y) - (*x < *y);
}

static void fill(struct rng *rng, int *items, size_t count)
{
    uint64_t kind = rng_below(rng, 4), different = rng_below(rng, count + 1) + 1;

    for (size_t i = 0; i < count; i++) {
        items[i] = kind == 0   ? (int)i
                   : kind == 1 ? (int)(count - i)
                   : kind == 2 ? (int)(i % different)
                               : (int)rng_below(rng, different);
    }
}

START_TEST(places_hold_what_they_should)
{
    static int items[ITEMS_MAX], sorted[ITEMS_MAX];
    struct rng rng;

    rng_seed(&rng, test_seed());
    for (int round = 0; round < ROUNDS; round++) {
        size_t count = rng_below(&rng, round % 2 ? ITEMS_MAX : 50) + 1;
        size_t first = rng_below(&rng, count), last = first + rng_below(&rng, count - first);

        fill(&rng, items, count);
        for (size_t i = 0; i < count; i++)
            sorted[i] = items[i];
        qsort_r(sorted, count, sizeof *sorted, by_number, NULL);
        sort_part(items, count, sizeof *items, by_number, NULL, first, last);
        ck_assert_mem_eq(items + first, sorted + first, (last - first + 1) * sizeof *items);
        qsort_r(items, count, sizeof *items, by_number, NULL);
        ck_assert_mem_eq(items, sorted, count * sizeof *items);
    }
}
END_TEST

static int all_equal(const void *a, const void *b, void *arg)
{
    return 0;
}

START_TEST(nothing_and_equals_are_sorted_too)
{
    int items[100] = { 1 }, sum = 0;

    sort_part(items, 0, sizeof *items, by_number, NULL, 0, 0);
    sort_part(items, 1, sizeof *items, by_number, NULL, 0, 0);
    sort_part(items, 100, sizeof *items, all_equal, NULL, 10, 20);
    for (int i = 0; i < 100; i++)
        sum += items[i];
    ck_assert_int_eq(sum, 1);
}
END_TEST

CHECK_MAIN("sort_part", places_hold_what_they_should, nothing_and_equals_are_sorted_too)
