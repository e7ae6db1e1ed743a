/*
 * The history of failovers: what becomes an item and when, whose it is, that an outage is one item however often it was
 * tried, that the ring forgets the oldest, and that what was written as lines is read back as the same.
 */
#include "sentinel/serve/history.h"

#include "tests/check_main.h"

#define MASTER "master m1 10.0.0.1 6379"
#define SLAVE  "slave 10.0.0.2:6379 10.0.0.2 6379 @ m1 10.0.0.1 6379"
#define SWITCH "m1 10.0.0.1 6379 10.0.0.2 6379"
#define OTHER  "0123456789abcdef0123456789abcdef01234567"
#define PEER   "sentinel " OTHER " 10.0.0.9 26379 @ m1 10.0.0.1 6379"

static struct history h;
static uint64_t now_us, wall_ms = 1700000000000;

static bool say(const char *name, const char *text, uint64_t after_us)
{
    struct history_event e = { .name = name, .text = text, .silent_us = 777 };

    now_us += after_us;
    e.now_us = now_us;
    e.wall_ms = wall_ms + now_us / 1000;
    return history_note(&h, &e);
}

static const struct history_item *last(void)
{
    return history_before(&h, "m1", UINT64_MAX);
}

static void begin_outage(void)
{
    ck_assert(!say("+sdown", MASTER, 1000));
    ck_assert(!say("+odown", MASTER " #quorum 2/2", 500));
}

static void lead(void)
{
    ck_assert(!say("+try-failover", MASTER, 10));
    ck_assert(!say("+elected-leader", MASTER, 20));
    ck_assert(!say("+selected-slave", SLAVE, 30));
    ck_assert(!say("+promoted-slave", SLAVE, 40));
    ck_assert(!say("+switch-master", SWITCH, 0));
    ck_assert(say("+failover-end", "master m1 10.0.0.2 6379", 50));
}

static void check_addr(const struct addr *a, const char *host)
{
    ck_assert_str_eq(a->host, host);
    ck_assert_int_eq(a->port, *host ? 6379 : 0);
}

START_TEST(one_that_was_led_here)
{
    static const uint64_t at[MARK_COUNT] = { 0, 500, 510, 530, 560, 600, 650 };

    ck_assert(!say("+sdown", SLAVE, 5)); /* a follower's is nothing to it */
    ck_assert_ptr_null(history_open(&h, "m1"));
    begin_outage();
    ck_assert_ptr_nonnull(history_open(&h, "m1"));
    ck_assert_ptr_null(last());
    lead();
    ck_assert_ptr_null(history_open(&h, "m1"));
    ck_assert_uint_eq(last()->number, 1);
    ck_assert_int_eq(last()->outcome, ENDED_DONE);
    ck_assert(!last()->planned);
    ck_assert_uint_eq(last()->attempts, 1);
    ck_assert_uint_eq(last()->silent_us, 777);
    ck_assert_str_eq(last()->captain, "");
    check_addr(&last()->from, "10.0.0.1");
    check_addr(&last()->to, "10.0.0.2");
    ck_assert_uint_eq(last()->marks, (1u << MARK_COUNT) - 1);
    for (int m = 0; m < MARK_COUNT; m++)
        ck_assert_uint_eq(last()->at_us[m], at[m]);
    history_fini(&h);
}
END_TEST

START_TEST(one_that_an_operator_asked_for)
{
    lead();
    ck_assert(last()->planned);
    ck_assert_uint_eq(last()->silent_us, 0);
    ck_assert_uint_eq(last()->marks & (1u << MARK_SUSPECTED), 0);
    ck_assert(!say("+try-failover", MASTER, 10));
    ck_assert(say("-failover-abort-slave-timeout", MASTER, 20));
    ck_assert_int_eq(last()->outcome, ENDED_SLAVE_TIMEOUT);
    check_addr(&last()->to, "");
    ck_assert_ptr_null(history_open(&h, "m1"));
    history_fini(&h);
}
END_TEST

START_TEST(one_that_another_led)
{
    begin_outage();
    ck_assert(!say("+try-failover", MASTER, 10));
    ck_assert(say("-failover-abort-not-elected", MASTER, 20));
    ck_assert_int_eq(last()->outcome, ENDED_NOT_ELECTED);
    ck_assert(!say("+config-update-from", PEER, 30));
    ck_assert(say("+switch-master", SWITCH, 0));
    ck_assert_uint_eq(h.last, 1); /* it is the same outage */
    ck_assert_int_eq(last()->outcome, ENDED_DONE);
    ck_assert_str_eq(last()->captain, OTHER);
    check_addr(&last()->to, "10.0.0.2");
    ck_assert_uint_eq(last()->at_us[MARK_PROMOTED], 560);
    ck_assert_uint_eq(last()->marks & (1u << MARK_STARTED), 0);
    ck_assert(!say("+config-update-from", PEER,
                   1000000)); /* and one of which nothing was seen but its end */
    ck_assert(say("+switch-master", SWITCH, 0));
    ck_assert_uint_eq(last()->number, 2);
    ck_assert(last()->planned);
    history_fini(&h);
}
END_TEST

START_TEST(an_outage_is_one_item)
{
    begin_outage();
    for (int i = 0; i < 5; i++)
        ck_assert(say("-failover-abort-no-good-slave", MASTER, 1000));
    ck_assert_uint_eq(h.last, 1);
    ck_assert_int_eq(last()->outcome, ENDED_NO_GOOD_SLAVE);
    lead();
    ck_assert_uint_eq(h.last, 1);
    ck_assert_int_eq(last()->outcome, ENDED_DONE);
    begin_outage();
    say("-odown", MASTER, 5);
    say("-sdown", MASTER, 5);
    ck_assert_ptr_null(history_open(&h, "m1"));
    ck_assert_uint_eq(h.last, 1); /* a leader that came back is no failover */
    history_fini(&h);
}
END_TEST

START_TEST(the_new_leader_dies_too)
{
    begin_outage();
    say("+try-failover", MASTER, 1);
    say("+elected-leader", MASTER, 1);
    say("+selected-slave", SLAVE, 1);
    say("+promoted-slave", SLAVE, 1);
    say("+switch-master", SWITCH, 1);
    ck_assert(say("+sdown", "master m1 10.0.0.2 6379", 9));
    ck_assert_int_eq(last()->outcome, ENDED_DONE);
    say("+odown", "master m1 10.0.0.2 6379 #quorum 2/2", 1);
    ck_assert(!say("+failover-end", "master m1 10.0.0.2 6379", 1));
    check_addr(&history_open(&h, "m1")->from, "10.0.0.2");
    say("-monitor", "master m1 10.0.0.2 6379", 1);
    ck_assert_ptr_null(history_open(&h, "m1"));
    ck_assert_ptr_nonnull(last());
    history_fini(&h);
}
END_TEST

START_TEST(what_makes_no_sense_changes_nothing)
{
    static const char *const names[] = { "+sdown",          "+odown",
                                         "+selected-slave", "+promoted-slave",
                                         "+switch-master",  "+config-update-from",
                                         "+failover-end",   "-failover-abort-refused",
                                         "+none",           "" };
    static const char *const texts[] = { "",
                                         " ",
                                         "m1",
                                         "master",
                                         "master ",
                                         "slave",
                                         "slave x",
                                         "sentinel x",
                                         "slave a b c @ ",
                                         "slave a b c @ m1 d e",
                                         "sentinel  @ m1",
                                         "m1 a b c d",
                                         "m1 h 1 h 99999" };

    for (size_t i = 0; i < ARRAY_LEN(names); i++)
        for (size_t j = 0; j < ARRAY_LEN(texts); j++)
            say(names[i], texts[j], 1);
    for (uint64_t n = 1; n <= h.last; n++)
        ck_assert_uint_eq(h.items[n].to.port, 0);
    history_fini(&h);
}
END_TEST

START_TEST(the_ring)
{
    for (int i = 0; i < HISTORY_MAX + 10; i++)
        lead();
    ck_assert_uint_eq(h.last, HISTORY_MAX + 10);
    ck_assert_uint_eq(last()->number, HISTORY_MAX + 10);
    ck_assert_uint_eq(history_before(&h, "", 12)->number, 11);
    ck_assert_ptr_null(history_before(&h, "", 11));
    ck_assert_ptr_null(history_before(&h, "", 0));
    ck_assert_ptr_null(history_before(&h, "m2", UINT64_MAX));
    history_fini(&h);
}
END_TEST

START_TEST(lines_and_back)
{
    struct history again = { .last = 0 };
    struct buf first = { 0 }, second = { 0 };

    begin_outage();
    lead();
    lead();
    say("+try-failover", "master a\"b=\\c 10.0.0.1 6379", 10);
    say("-failover-abort-refused", "master a\"b=\\c 10.0.0.1 6379", 10);
    history_put(&h, &first);
    ck_assert_int_eq(history_read(&again, buf_bytes(&first)), 0);
    ck_assert_uint_eq(again.last, 3);
    ck_assert_str_eq(history_before(&again, "", UINT64_MAX)->group, "a\"b=\\c");
    history_put(&again, &second);
    ck_assert_str_eq(buf_text(&first), buf_text(&second));
    history_fini(&again);
    for (size_t cut = 1; cut < first.len; cut++) { /* a damaged line costs itself */
        int bad = history_read(&again, (struct bytes){ first.at, first.len - cut });

        ck_assert_int_le(bad, 1);
        ck_assert_uint_le(again.last, 3);
        history_fini(&again);
    }
    ck_assert_int_eq(history_read(&again, BYTES("failover number=1 group=\"g\" later=1\nrubbish\n"
                                                "failover number=1 group=\"g\"\nfailover number=x\n"
                                                "failover number=2 group=\"g\" to-port=65536\n")),
                     4);
    ck_assert_uint_eq(again.last, 1);
    history_fini(&again);
    history_fini(&h);
    buf_fini(&first);
    buf_fini(&second);
}
END_TEST

CHECK_MAIN("history", one_that_was_led_here, one_that_an_operator_asked_for, one_that_another_led,
           an_outage_is_one_item, the_new_leader_dies_too, what_makes_no_sense_changes_nothing,
           the_ring, lines_and_back)
