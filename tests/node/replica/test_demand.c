/*
 * demand: the least of what is demanded, beside acknowledgements that are late, of others, or make no sense.
 */
#include "node/replica/demand.h"
#include "tests/check_main.h"

static const struct replica_demand pair = {
    .epoch = 5, .level = KEEP_OS, .dids = { 7, 9 }, .count = 2
};

static struct replica_ack ack(uint64_t epoch, uint64_t did, uint64_t mem, uint64_t os,
                              uint64_t fsync)
{
    return (struct replica_ack){
        .epoch = epoch,
        .did = did,
        .kept.at = { [KEEP_MEM] = mem, [KEEP_OS] = os, [KEEP_FSYNC] = fsync },
    };
}

static bool hear(struct demand *d, struct replica_ack a)
{
    return demand_heard(d, &a);
}

START_TEST(the_least_of_all_copies_counts)
{
    struct demand d = { 0 };

    ck_assert(!demand_on(&d));
    demand_set(&d, &pair);
    ck_assert(demand_on(&d));
    ck_assert_uint_eq(demand_kept(&d), 0);
    ck_assert(hear(&d, ack(5, 7, 1200, 1100, 900)));
    ck_assert_uint_eq(demand_kept(&d), 0);
    ck_assert(hear(&d, ack(5, 9, 1000, 950, 950)));
    ck_assert_uint_eq(demand_kept(&d), 950);
    ck_assert(hear(&d, ack(5, 9, 2000, 2000, 950)));
    ck_assert_uint_eq(demand_kept(&d), 1100);
}
END_TEST

START_TEST(what_does_not_match_is_dropped)
{
    struct demand d = { 0 };

    demand_set(&d, &pair);
    ck_assert(hear(&d, ack(5, 7, 100, 100, 100)));
    ck_assert(!hear(&d, ack(4, 9, 100, 100, 100))); /* another epoch */
    ck_assert(!hear(&d, ack(6, 9, 100, 100, 100)));
    ck_assert(!hear(&d, ack(5, 8, 100, 100, 100))); /* another did */
    ck_assert(!hear(&d, ack(5, 9, 100, 200, 100))); /* on the disk, and not in memory? */
    ck_assert(!hear(&d, ack(5, 9, 100, 100, 101)));
    ck_assert_uint_eq(demand_kept(&d), 0);
    ck_assert(hear(&d, ack(5, 9, 100, 100, 100)));
    ck_assert(hear(&d, ack(5, 9, 50, 50, 50))); /* came late */
    ck_assert_uint_eq(demand_kept(&d), 100);
}
END_TEST

START_TEST(a_copy_that_stays_keeps_what_it_acknowledged)
{
    struct demand d = { 0 };
    struct replica_demand who = pair;

    demand_set(&d, &pair);
    hear(&d, ack(5, 7, 100, 100, 100));
    hear(&d, ack(5, 9, 80, 70, 60));
    who.level = KEEP_MEM;
    demand_set(&d, &who);
    ck_assert_uint_eq(demand_kept(&d), 80);
    who.dids[0] = 8; /* grown: it has acknowledged nothing yet */
    demand_set(&d, &who);
    ck_assert_uint_eq(demand_kept(&d), 0);
    hear(&d, ack(5, 8, 90, 90, 90));
    ck_assert_uint_eq(demand_kept(&d), 80);
    who.epoch = 6; /* what another epoch acknowledged says nothing of this one */
    demand_set(&d, &who);
    ck_assert_uint_eq(demand_kept(&d), 0);
    who.count = 0;
    demand_set(&d, &who);
    ck_assert_uint_eq(demand_kept(&d), 0);
}
END_TEST

CHECK_MAIN("demand", the_least_of_all_copies_counts, what_does_not_match_is_dropped,
           a_copy_that_stays_keeps_what_it_acknowledged)
