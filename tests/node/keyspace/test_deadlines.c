/*
 * The index of deadlines against a sorted list: random joining and leaving with many equal times,
 * deep enough for inner nodes to split, and everything leaving in order of time at the end.
 */
#include "node/keyspace/deadlines.h"

#include "common/alloc.h"
#include "node/keyspace/entry.h"
#include "tests/check_main.h"

enum { ENTRIES = 30000, STEPS = 120000 };

static struct entry *entries[ENTRIES];
static bool in[ENTRIES];

static int64_t deadline_of(const void *entry)
{
    return entry_expiry_ms(entry);
}

static void make_entries(struct rng *rng, uint64_t times)
{
    for (int i = 0; i < ENTRIES; i++) {
        struct value v = value_of_int(i);

        entries[i] = entry_new(BYTES("k"), &v, (int64_t)rng_below(rng, times));
        in[i] = false;
    }
}

static void toggle(struct deadlines *d, int i)
{
    if (in[i])
        deadlines_remove(d, entries[i], entry_expiry_ms(entries[i]));
    else
        deadlines_add(d, entries[i]);
    in[i] = !in[i];
}

/* Takes out everything before limit; asserts that it comes in order and is exactly what was due. */
static void drain(struct deadlines *d, int64_t limit)
{
    void *due[DEADLINES_LEAF];
    int64_t next, last = 0, left_least = INT64_MAX;
    uint64_t drained = 0, expected = 0;
    int count;

    for (int i = 0; i < ENTRIES; i++) {
        int64_t ms = entry_expiry_ms(entries[i]);

        expected += in[i] && ms < limit;
        if (in[i] && ms >= limit && ms < left_least)
            left_least = ms;
    }
    ck_assert_uint_eq(deadlines_count_before(d, limit), expected);
    while ((count = deadlines_due(d, limit, due, &next)) > 0) {
        for (int i = 0; i < count; i++) {
            int64_t ms = entry_expiry_ms(due[i]);

            ck_assert(ms >= last && ms < limit);
            last = ms;
            deadlines_remove(d, due[i], ms);
            drained++;
        }
    }
    for (int i = 0; i < ENTRIES; i++)
        in[i] = in[i] && entry_expiry_ms(entries[i]) >= limit;
    ck_assert_uint_eq(drained, expected);
    ck_assert(next == left_least);
}

static void run(uint64_t times)
{
    struct deadlines d = { .of = deadline_of };
    struct rng rng;
    uint64_t count = 0;

    rng_seed(&rng, test_seed());
    make_entries(&rng, times);
    for (int step = 0; step < STEPS; step++) {
        bool filling = step / 40000 % 2 == 0;
        int i = (int)rng_below(&rng, ENTRIES);

        if (in[i] == filling && rng_below(&rng, 5))
            continue;
        count += in[i] ? (uint64_t)-1 : 1;
        toggle(&d, i);
        ck_assert_uint_eq(d.count, count);
        if (step % 2000 == 0)
            deadlines_check(&d);
    }
    ck_assert_int_ge(d.height, 2);
    drain(&d, (int64_t)(times / 3));
    deadlines_check(&d);
    drain(&d, (int64_t)(times / 3 * 2));
    deadlines_check(&d);
    drain(&d, INT64_MAX);
    ck_assert_uint_eq(d.count, 0);
    ck_assert_uint_eq(d.bytes, 0);
    for (int i = 0; i < ENTRIES; i++)
        entry_free(entries[i], NULL);
}

START_TEST(agrees_with_a_list_when_times_differ)
{
    run(1000000);
}
END_TEST

START_TEST(agrees_with_a_list_when_times_are_equal)
{
    run(6);
}
END_TEST

START_TEST(random_finds_everything_about_equally_often)
{
    enum { FEW = 3000, THROWS = FEW * 100 };
    static int hits[ENTRIES];
    struct deadlines d = { .of = deadline_of };
    struct rng rng;

    rng_seed(&rng, test_seed());
    ck_assert_ptr_null(deadlines_random(&d, (uint64_t(*)(void *))rng_next, &rng));
    ck_assert_ptr_null(deadlines_first(&d));
    make_entries(&rng, 100000);
    for (int i = 0; i < FEW; i++)
        toggle(&d, i);
    ck_assert_int_ge(d.height, 1);
    for (int i = 0; i < THROWS; i++) {
        int64_t number;
        const struct entry *e = deadlines_random(&d, (uint64_t(*)(void *))rng_next, &rng);

        ck_assert(entry_int(e, &number) && number < FEW);
        hits[number]++;
    }
    for (int i = 0; i < FEW; i++) /* expected 100, standard deviation 10 */
        ck_assert_msg(hits[i] > 45 && hits[i] < 170, "entry %d came %d times", i, hits[i]);
    drain(&d, INT64_MAX);
    for (int i = 0; i < ENTRIES; i++)
        entry_free(entries[i], NULL);
}
END_TEST

CHECK_MAIN("deadlines", agrees_with_a_list_when_times_differ,
           agrees_with_a_list_when_times_are_equal, random_finds_everything_about_equally_often)
