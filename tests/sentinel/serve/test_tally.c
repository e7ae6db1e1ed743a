/*
 * The tally of published events: phases begin and end as told, each abort is its outcome, what is said of followers and
 * of other groups changes nothing, and a group that is no longer watched is forgotten.
 */
#include "sentinel/serve/tally.h"

#include "tests/check_main.h"

#define MASTER "master m1 10.0.0.1 6379"
#define SLAVE  "slave 10.0.0.2:6379 10.0.0.2 6379 @ m1 10.0.0.1 6379"

static struct tally t;
static uint64_t now_us = 1000;

static void say(const char *event, const char *text, uint64_t after_us)
{
    now_us += after_us;
    tally_note(&t, event, text, now_us);
}

static const struct tally_duration *phase(enum tally_phase phase)
{
    return &tally_find(&t, "m1")->phases[phase];
}

START_TEST(a_failover)
{
    say("+sdown", SLAVE, 0);
    ck_assert_ptr_null(tally_find(&t, "m1"));
    say("+sdown", MASTER, 0);
    say("+odown", MASTER " #quorum 2/2", 500);
    say("+try-failover", MASTER, 10);
    say("+sdown", MASTER, 10); /* its phases go on */
    say("+elected-leader", MASTER, 990);
    say("+selected-slave", SLAVE, 20);
    say("+promoted-slave", SLAVE, 3000);
    say("+slave-reconf-sent", SLAVE, 100);
    say("+failover-end", MASTER, 2000000);
    ck_assert_uint_eq(phase(PHASE_AGREEMENT)->usec, 500);
    ck_assert_uint_eq(phase(PHASE_ELECTION)->usec, 1000);
    ck_assert_uint_eq(phase(PHASE_CHOICE)->usec, 20);
    ck_assert_uint_eq(phase(PHASE_PROMOTION)->usec, 3000);
    ck_assert_uint_eq(phase(PHASE_REPOINTING)->usec, 2000100);
    ck_assert_uint_eq(phase(PHASE_ELECTION)->buckets[0], 1); /* a bound holds its own value */
    ck_assert_uint_eq(phase(PHASE_PROMOTION)->buckets[0], 0);
    ck_assert_uint_eq(phase(PHASE_PROMOTION)->buckets[1], 1);
    ck_assert_uint_eq(phase(PHASE_REPOINTING)->buckets[5], 0);
    ck_assert_uint_eq(phase(PHASE_REPOINTING)->buckets[6], 1);
    ck_assert_uint_eq(tally_find(&t, "m1")->outcomes[ENDED_DONE], 1);
    tally_fini(&t);
}
END_TEST

START_TEST(outcomes)
{
    static const struct {
        const char *event;
        enum tally_outcome outcome;
    } cases[] = {
        { "-failover-abort-not-elected", ENDED_NOT_ELECTED },
        { "-failover-abort-no-good-slave", ENDED_NO_GOOD_SLAVE },
        { "-failover-abort-slave-timeout", ENDED_SLAVE_TIMEOUT },
        { "-failover-abort-master-timeout", ENDED_MASTER_TIMEOUT },
        { "-failover-abort-refused", ENDED_REFUSED },
    };

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        say("+try-failover", MASTER, 5);
        say(cases[i].event, MASTER, 5);
        say("+elected-leader", MASTER, 5); /* of nothing that runs */
        ck_assert_uint_eq(tally_find(&t, "m1")->outcomes[cases[i].outcome], 1);
        ck_assert_uint_eq(phase(PHASE_ELECTION)->count, 0);
        say("-failover-abort-no-good-slave", "master m2 10.0.0.9 6379", 0);
    }
    say("+failover-end-for-timeout", MASTER, 1);
    say("+failover-end", MASTER, 1);
    say("+failover-end", MASTER, 1);
    ck_assert_uint_eq(tally_find(&t, "m1")->outcomes[ENDED_DONE_FOR_TIMEOUT], 1);
    ck_assert_uint_eq(tally_find(&t, "m1")->outcomes[ENDED_DONE], 1);
    ck_assert_uint_eq(tally_find(&t, "m2")->outcomes[ENDED_NO_GOOD_SLAVE], 5);
    say("-monitor", MASTER, 1);
    ck_assert_ptr_null(tally_find(&t, "m1"));
    ck_assert_ptr_nonnull(tally_find(&t, "m2"));
    tally_fini(&t);
}
END_TEST

START_TEST(events)
{
    char name[64];

    for (int i = 0; i < 100; i++) {
        snprintf(name, sizeof name, "+event-%d", i);
        say(name, "#tilt mode entered", 1);
        say("+tilt", "", 1);
    }
    say("+an-event-whose-name-is-longer-than-any-that-there-is", "x", 1);
    ck_assert_uint_eq(t.event_count, TALLY_EVENTS_MAX);
    ck_assert_str_eq(t.events[1].name, "+tilt");
    ck_assert_uint_eq(t.events[1].count, 100);
    tally_fini(&t);
    ck_assert_uint_eq(t.event_count, 0);
}
END_TEST

CHECK_MAIN("tally", a_failover, outcomes, events)
