/*
 * last_writes: random units beside a model that keeps the last write of every key exactly. A key may be told a later
 * offset than its own, never an earlier one; and alone in the table it is told its own.
 */
#include <stdio.h>

#include "node/serve/last_writes.h"
#include "tests/check_main.h"

enum { KEYS = 3000, UNITS = 4000 };

static struct bytes key_of(uint32_t n, char *room)
{
    return (struct bytes){ room, (size_t)sprintf(room, "key:%u", n) };
}

static uint64_t told(const struct last_writes *l, uint32_t n)
{
    char room[32];

    return last_writes_of(l, key_of(n, room));
}

static void change(struct last_writes *l, uint32_t n)
{
    char room[32];

    last_writes_changed(l, key_of(n, room));
}

START_TEST(no_key_is_told_too_early)
{
    static uint64_t exact[KEYS];
    struct last_writes l = { 0 };
    uint64_t tip = 1000, later = 0;
    struct rng r;

    rng_seed(&r, test_seed());
    last_writes_begin(&l, tip);
    for (int i = 0; i < KEYS; i++)
        exact[i] = tip;
    for (int unit = 0; unit < UNITS; unit++) {
        uint32_t count = (uint32_t)rng_below(&r, 4), n = 0;

        tip += 1 + rng_below(&r, 100);
        for (uint32_t i = 0; i < count; i++) {
            n = (uint32_t)rng_below(&r, KEYS);
            change(&l, n);
            exact[n] = tip;
        }
        if (rng_below(&r, 500) == 0) {
            last_writes_changed_all(&l);
            for (int i = 0; i < KEYS; i++)
                exact[i] = tip;
        }
        last_writes_settle(&l, tip);
        if (count)
            ck_assert_uint_eq(told(&l, n), tip);
    }
    for (uint32_t i = 0; i < KEYS; i++) {
        ck_assert_uint_ge(told(&l, i), exact[i]);
        ck_assert_uint_le(told(&l, i), tip);
        later += told(&l, i) > exact[i];
    }
    ck_assert_uint_lt(later, KEYS / 10); /* of 65536 places few are shared */
    last_writes_end(&l);
    last_writes_end(&l);
}
END_TEST

START_TEST(what_a_unit_changed_is_not_told_before_its_end)
{
    struct last_writes l = { 0 };

    last_writes_begin(&l, 10);
    ck_assert_uint_eq(told(&l, 1), 10); /* who knows what was written before */
    change(&l, 1);
    ck_assert_uint_eq(told(&l, 1), 10);
    last_writes_settle(&l, 20);
    ck_assert_uint_eq(told(&l, 1), 20);
    last_writes_settle(&l, 30); /* a unit that changed nothing */
    ck_assert_uint_eq(told(&l, 1), 20);
    ck_assert_uint_eq(told(&l, 2), 10);
    last_writes_changed_all(&l);
    last_writes_settle(&l, 40);
    ck_assert_uint_eq(told(&l, 2), 40);
    last_writes_end(&l);
}
END_TEST

START_TEST(who_changes_more_than_there_are_places_changes_everything)
{
    struct last_writes l = { 0 };

    last_writes_begin(&l, 10);
    for (uint32_t i = 0; i <= LAST_WRITES; i++)
        change(&l, 7);
    last_writes_settle(&l, 20);
    ck_assert_uint_eq(told(&l, 8), 20);
    last_writes_end(&l);
}
END_TEST

CHECK_MAIN("last_writes", no_key_is_told_too_early, what_a_unit_changed_is_not_told_before_its_end,
           who_changes_more_than_there_are_places_changes_everything)
