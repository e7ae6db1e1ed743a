/*
 * Eviction: the order in which keys leave, beside what is known of them. Times are the test's own; a key's
 * number is its name. What left is told by the hook, which must hear of each key once.
 */
#include "node/keyspace/keyspace.h"

#include <limits.h>
#include <string.h>

#include "common/alloc.h"
#include "common/clock.h"
#include "node/keyspace/inner.h"
#include "tests/check_main.h"

enum { DBS = 2, KEYS = 20000 };

static struct keyspace *ks;
static uint64_t now_ms;
static int gone[DBS][KEYS]; /* how often each left */
static int last_gone, last_db;

static uint64_t wall(void)
{
    return now_ms;
}

static void heard_evicted(void *arg, int db, struct bytes key)
{
    int64_t number;

    ck_assert(bytes_to_i64(key, &number) && number >= 0 && number < KEYS);
    gone[db][number]++;
    ck_assert_int_eq(gone[db][number], 1);
    last_gone = (int)number;
    last_db = db;
}

static void begin(void)
{
    struct keyspace_options options = { .databases = DBS,
                                        .wall_ms = wall,
                                        .hooks = { .evicted = heard_evicted } };

    memset(gone, 0, sizeof gone);
    clock_turn();
    now_ms = 100000000;
    ks = keyspace_new(&options);
}

static struct bytes name_of(int i)
{
    static char name[32];

    return (struct bytes){ name, fmt_i64(name, i) };
}

static void put(int db, int i, int64_t expiry_ms)
{
    struct value v = value_of_int(i);

    keyspace_put(ks, db, name_of(i), &v, expiry_ms, 0);
}

static bool evict(enum evict_order order, bool expiring_only)
{
    struct eviction how = { .order = order, .expiring_only = expiring_only, .samples = 5 };
    int64_t told_bytes = 0;

    return keyspace_evict(ks, &how, &told_bytes);
}

/* Key i is used in second i; a tenth of them leave. Were it done exactly, the last of them were number
 * KEYS / 10; how many are younger than that, and how young the youngest is, says how well it guesses. */
static void leave_in_order_of_age(bool expiring_only)
{
    int younger = 0, young = 0, youngest = 0;

    begin();
    for (int i = 0; i < KEYS; i++, now_ms += 1000)
        put(0, i, expiring_only ? (int64_t)now_ms + 1000000000 - i % 7 * 90000000 : NO_EXPIRY);
    for (int i = 0; i < KEYS / 10; i++) {
        ck_assert(evict(EVICT_IDLEST, expiring_only));
        younger += last_gone >= KEYS / 10;
        young += last_gone >= KEYS / 2;
        youngest = last_gone > youngest ? last_gone : youngest;
    }
    fprintf(stderr, "of %d evicted %d were younger, the youngest of age %d %%\n", KEYS / 10,
            younger, youngest * 100 / KEYS);
    ck_assert_int_lt(younger, KEYS / 10 * 4 / 10);
    ck_assert_int_le(young, 2); /* the first are chosen from few */
    ck_assert_uint_eq(keyspace_size(ks, 0), KEYS - KEYS / 10);
    keyspace_check(ks);
    keyspace_free(ks);
}

START_TEST(the_idlest_leave_first)
{
    leave_in_order_of_age(false);
    leave_in_order_of_age(true);
}
END_TEST

START_TEST(the_rarest_leave_first)
{
    int busy = 0;

    begin();
    keyspace_set_frequency(ks, true, 0, 0); /* each use counts, and none is forgotten */
    for (int i = 0; i < 1000; i++)
        put(0, i, NO_EXPIRY);
    for (int i = 0; i < 1000; i++)
        for (int use = 0; use < 20 && i % 2; use++)
            keyspace_read(ks, 0, name_of(i), 0);
    for (int i = 0; i < 400; i++) {
        ck_assert(evict(EVICT_RAREST, false));
        busy += last_gone % 2;
    }
    ck_assert_int_lt(busy, 20); /* chance may show none of the others */
    keyspace_free(ks);
}
END_TEST

START_TEST(the_soonest_leave_exactly_in_order)
{
    static int64_t expiry[KEYS];
    int64_t last = 0;
    struct rng rng;
    int left = 0;

    begin();
    rng_seed(&rng, test_seed());
    for (int i = 0; i < KEYS; i++) {
        expiry[i] = i % 3 ? (int64_t)(now_ms + rng_below(&rng, 100000)) : NO_EXPIRY;
        put(i % DBS, i, expiry[i]);
        left += expiry[i] != NO_EXPIRY;
    }
    for (; left > 0; left--) {
        ck_assert(evict(EVICT_SOONEST, true));
        ck_assert_int_ge(expiry[last_gone], last);
        last = expiry[last_gone];
    }
    ck_assert(!evict(EVICT_SOONEST, true));
    keyspace_free(ks);
}
END_TEST

START_TEST(keys_without_expiry_stay_where_only_others_may_go)
{
    static const enum evict_order orders[] = { EVICT_IDLEST, EVICT_RAREST, EVICT_SOONEST,
                                               EVICT_ANY };

    for (size_t o = 0; o < ARRAY_LEN(orders); o++) {
        begin();
        keyspace_set_frequency(ks, orders[o] == EVICT_RAREST, 10, 1);
        for (int i = 0; i < 1000; i++)
            put(i % DBS, i, i % 10 ? NO_EXPIRY : (int64_t)now_ms + 5000 + i);
        for (int i = 0; i < 100; i++) {
            ck_assert(evict(orders[o], true));
            ck_assert_int_eq(last_gone % 10, 0);
        }
        ck_assert(!evict(orders[o], true));
        ck_assert_uint_eq(keyspace_size(ks, 0) + keyspace_size(ks, 1), 900);
        keyspace_free(ks);
    }
}
END_TEST

START_TEST(any_key_is_about_as_likely_as_another)
{
    enum { ROUNDS = 400, FEW = 50 };
    int hits[DBS][FEW] = { { 0 } };

    begin();
    for (int i = 0; i < FEW; i++)
        for (int db = 0; db < DBS; db++)
            put(db, i, NO_EXPIRY);
    for (int i = 0; i < ROUNDS * FEW; i++) {
        ck_assert(evict(EVICT_ANY, false));
        hits[last_db][last_gone]++;
        gone[last_db][last_gone] = 0;
        put(last_db, last_gone, NO_EXPIRY);
    }
    for (int i = 0; i < FEW; i++) /* expected 200, standard deviation 14 */
        for (int db = 0; db < DBS; db++)
            ck_assert_msg(hits[db][i] > 90 && hits[db][i] < 310, "%d of %d came %d times", i, db,
                          hits[db][i]);
    keyspace_free(ks);
}
END_TEST

/* So few keys that a draw sees all of them: the order is exact, and the pool is full of the next ones. */
START_TEST(databases_take_turns_for_ever)
{
    begin();
    for (int i = 0; i < 20; i++)
        put(i % DBS, i, NO_EXPIRY);
    ks->pool.next_db = INT_MAX - 3;
    for (int i = 0; i < 10; i++)
        ck_assert(evict(EVICT_ANY, false));
    ks->pool.next_db = UINT_MAX - 3;
    for (int i = 0; i < 10; i++)
        ck_assert(evict(EVICT_ANY, false));
    ck_assert(!evict(EVICT_ANY, false));
    keyspace_free(ks);
}
END_TEST

START_TEST(what_was_used_since_it_was_drawn_stays)
{
    begin();
    for (int i = 0; i < 4; i++, now_ms += 10000)
        put(0, i, NO_EXPIRY);
    ck_assert(evict(EVICT_IDLEST, false));
    ck_assert_int_eq(last_gone, 0);
    keyspace_read(ks, 0, name_of(1), 0);
    ck_assert(evict(EVICT_IDLEST, false));
    ck_assert_int_eq(last_gone, 2);
    ck_assert(evict(EVICT_IDLEST, false));
    ck_assert_int_eq(last_gone, 3);
    ck_assert(evict(EVICT_IDLEST, false));
    ck_assert_int_eq(last_gone, 1);
    ck_assert(!evict(EVICT_IDLEST, false));
    keyspace_free(ks);
}
END_TEST

START_TEST(what_is_gone_or_moved_is_not_looked_at)
{
    struct rng rng;

    begin();
    rng_seed(&rng, test_seed());
    for (int round = 0; round < 3000; round++) {
        int db = (int)rng_below(&rng, DBS), i = (int)rng_below(&rng, 200);

        now_ms += 700;
        switch (rng_below(&rng, 12)) {
        case 0:
            keyspace_delete(ks, db, name_of(i), 0);
            break;
        case 1:
            keyspace_move(ks, db, name_of(i), 1 - db, 0);
            break;
        case 2:
            if (rng_below(&rng, 30) == 0)
                keyspace_flush_lazily(ks, db);
            break;
        case 3:
            if (rng_below(&rng, 10) == 0)
                keyspace_swap(ks, 0, 1);
            break;
        case 4:
        case 5:
            if (evict(EVICT_IDLEST, rng_below(&rng, 2)))
                gone[last_db][last_gone] = 0;
            break;
        default:
            put(db, i, rng_below(&rng, 2) ? NO_EXPIRY : (int64_t)now_ms + 100000);
        }
        if (round % 100 == 0)
            keyspace_check(ks);
    }
    keyspace_free(ks);
}
END_TEST

static void free_structure(void *apart)
{
    xfree(apart);
}

static size_t structure_length(const void *apart)
{
    return apart ? 1 : 0;
}

/* Nobody adds up what structures take, and while a helper thread frees them they are used: were they counted, the
 * keys that come next would be evicted in their place. */
START_TEST(a_flushed_database_counts_as_gone)
{
    static const struct value_ops ops = { .free = free_structure,
                                          .bytes = alloc_size,
                                          .length = structure_length };
    size_t before, going;

    begin();
    keyspace_set_type(ks, VALUE_SET, &ops);
    before = alloc_used_bytes() + 64 * 1024;
    for (int i = 0; i < 5000; i++) {
        struct value v = { .type = VALUE_SET, .form = FORM_APART, .apart = xmalloc(4000) };

        keyspace_put(ks, 0, name_of(i), &v, NO_EXPIRY, 0);
    }
    ck_assert_uint_gt(alloc_used_bytes(), before + 5000 * 4000);
    keyspace_flush(ks, 0);
    do {
        going = keyspace_unfreed_bytes(ks);
        ck_assert_uint_le(alloc_used_bytes(), before + going);
    } while (going);
    keyspace_free(ks);
}
END_TEST

CHECK_MAIN("evict", the_idlest_leave_first, the_rarest_leave_first,
           the_soonest_leave_exactly_in_order, keys_without_expiry_stay_where_only_others_may_go,
           any_key_is_about_as_likely_as_another, databases_take_turns_for_ever,
           what_was_used_since_it_was_drawn_stays, what_is_gone_or_moved_is_not_looked_at,
           a_flushed_database_counts_as_gone)
