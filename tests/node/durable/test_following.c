/* A follower of a durable group, and what it has on its disk: see one_node.h. */
#include "tests/check_main.h"
#include "tests/node/durable/one_node.h"

static void follow(uint64_t did)
{
    struct charter c = charter_of_three();

    start(&c, OTHER, did, 300);
    ck_assert_int_eq(d.role, NODE_FOLLOWER);
}

static void continue_at(uint64_t at)
{
    struct talk t = talk_of(TALK_CONTINUE, ME);

    t.at = t.end = at;
    hear(&t);
}

START_TEST(data_that_counts_is_not_dropped)
{
    struct charter c = charter_of_three();
    struct talk t;

    follow(ITS);
    t = talk_of(TALK_FULL, ME);
    t.end = 1000;
    hear(&t);
    ck_assert_str_eq(seen(), "SYNC ");
    ck_assert_uint_eq(d.meta.did, ITS);
    charter_member(&c, OTHER)->did = 0;
    c.ver++;
    put_in_register(&c);
    t = talk_of(TALK_FULL, ME);
    t.end = 1000;
    hear(&t);
    ck_assert_str_eq(seen(), "persist drop SYNC ");
    ck_assert_int_eq(durable_refuses_read(&d, now_ms), REFUSES_MASTERDOWN);
    ck_assert_uint_ne(on_disk.did, ITS);
    ck_assert(on_disk.resyncing);
}
END_TEST

START_TEST(what_was_ours_alone_begins_where_the_histories_part)
{
    struct charter c = charter_of_three();
    struct talk t;

    charter_member(&c, OTHER)->did = 0;
    start(&c, OTHER, ITS, 300);
    t = talk_of(TALK_FULL, ME);
    t.end = 1000;
    history_add(&t.history, 1, 0);
    history_add(&t.history, 2, 120);
    hear(&t);
    ck_assert(dropped.offset == 120 && dropped.epoch == 1);
    start(&c, OTHER, ITS, 300);
    t.history.count = 0; /* a leader of an older version */
    t.attach = d.attach;
    hear(&t);
    ck_assert(dropped.offset == 0 && dropped.epoch == 1);
}
END_TEST

/* group_sim, seed 1300: the second took the place of the first, and what both had acknowledged was cut. */
START_TEST(two_marks_in_one_delivery_begin_where_each_stands)
{
    const struct history *h = &d.meta.history;
    struct charter c = charter_of_three();
    struct durable_actions out = { 0 };

    start(&c, ME, MINE, 824);
    durable_marked(&d, 2, 824, &out);
    durable_marked(&d, 3, 848, &out);
    obey(&out);
    ck_assert_uint_eq(h->count, 3);
    ck_assert(h->eras[1].epoch == 2 && h->eras[1].start == 824);
    ck_assert(h->eras[2].epoch == 3 && h->eras[2].start == 848);
}
END_TEST

START_TEST(a_leader_that_lacks_what_was_announced_is_not_obeyed)
{
    struct talk t;

    follow(4444);
    d.commit = 250;
    t = talk_of(TALK_FULL, ME);
    t.end = 249;
    hear(&t);
    ck_assert_str_eq(seen(), "alarm ");
    ck_assert_uint_eq(d.at, 300);
}
END_TEST

START_TEST(what_an_operator_gave_up_nobody_has_to_have)
{
    struct charter next = charter_of_three();
    struct talk t;

    follow(4444);
    d.commit = 250;
    next.ver++;
    next.epoch++;
    next.lossy++;
    put_in_register(&next);
    order(ORDER_CONFIG, &next);
    ck_assert_uint_eq(d.commit, 0);
    seen();
    t = talk_of(TALK_FULL, ME);
    t.end = 249;
    hear(&t);
    ck_assert_ptr_null(strstr(seen(), "alarm"));
}
END_TEST

/* It serves once its mark is acknowledged, as any leader: reads would wait for a release that never comes. */
START_TEST(who_leads_with_less_than_was_announced_begins_with_its_mark)
{
    struct charter c = charter_of_three(), next = named();

    start(&c, ME, MINE, 100);
    d.commit = 5000;
    put_in_register(&next);
    order(ORDER_PROMOTE, &next);
    ck_assert_uint_eq(d.commit, 100);
    ck_assert_uint_eq(d.begun, begun());
}
END_TEST

/* What is behind the mark is not vouched for by the disk when the stronger level is. */
START_TEST(nothing_weaker_is_acknowledged_beyond_what_a_stronger_level_waits_for)
{
    uint64_t kept[KEEP_COUNT];
    struct talk t;

    follow(ITS);
    continue_at(300);
    t = talk_of(TALK_BEAT, ME);
    t.level = KEEP_MEM;
    t.seq = 9;
    hear(&t);
    moved(400);
    t.level = KEEP_FSYNC;
    t.seq++;
    hear(&t);
    ck_assert_uint_eq(d.raise_at, 400);
    moved(500);
    durable_own(&d, kept);
    ck_assert_uint_eq(kept[KEEP_MEM], 400);
    ck_assert_uint_eq(kept[KEEP_FSYNC], 300);
}
END_TEST

START_TEST(a_weaker_level_is_on_the_disk_before_it_is_acknowledged)
{
    struct talk t;

    follow(ITS);
    t = talk_of(TALK_CONTINUE, ME);
    t.at = t.end = 300;
    hear(&t);
    ck_assert_str_eq(seen(), "persist ACK "); /* the group's level is os */
    ck_assert_int_eq(on_disk.weakest, KEEP_OS);
    t = talk_of(TALK_BEAT, ME);
    t.level = KEEP_MEM;
    t.seq = 9;
    hear(&t);
    ck_assert_str_eq(seen(), "persist ACK ");
    ck_assert_int_eq(on_disk.weakest, KEEP_MEM);
}
END_TEST

static void beats(int count)
{
    struct talk t = talk_of(TALK_BEAT, ME);

    for (int i = 0; i < count; i++) {
        now_ms += 50;
        t.seq++;
        t.level = d.beat_level;
        hear(&t);
    }
}

START_TEST(a_follower_in_sync_looks_out_for_its_leader)
{
    struct talk t;

    follow(ITS);
    t = talk_of(TALK_CONTINUE, ME);
    t.at = t.end = 300;
    hear(&t);
    seen();
    beats(59);
    ck_assert_ptr_null(strstr(seen(), "lookout"));
    beats(1);
    ck_assert_ptr_nonnull(strstr(seen(), "lookout:0 "));
    beats(3);
    seen();
    ck_assert_uint_eq(durable_wake_ms(&d), now_ms + 100);
    later(99);
    ck_assert_str_eq(seen(), "");
    later(1);
    later(100);
    ck_assert_str_eq(seen(), "lookout:100 lookout:200 ");
    beats(1);
    ck_assert_str_eq(seen(), "ACK ");
    later(5000); /* its own sleep */
    ck_assert_ptr_null(strstr(seen(), "lookout:5"));
}
END_TEST

START_TEST(a_follower_knows_when_its_leader_serves)
{
    struct durable_actions out = { 0 };
    struct charter c = charter_of_three();
    struct talk t;

    follow(ITS);
    c.ver = c.epoch = 2;
    order(ORDER_CONFIG, &c);
    ck_assert(!durable_leader_serves(&d));
    t = talk_of(TALK_CONTINUE, ME);
    t.at = t.end = 300;
    hear(&t);
    durable_marked(&d, d.meta.seen.epoch, 300, &out);
    obey(&out);
    moved(324);
    t = talk_of(TALK_BEAT, ME);
    t.attach = d.attach;
    t.seq = 1;
    t.commit = 300;
    hear(&t);
    ck_assert(!durable_leader_serves(&d)); /* so far it says what the one before it said */
    t.seq = 2;
    t.commit = 324;
    hear(&t);
    ck_assert(durable_leader_serves(&d));
}
END_TEST

/* What nobody has answered may be on its way to a leader that is busy. */
START_TEST(an_attempt_that_nobody_answered_is_the_same_still)
{
    uint64_t first;
    struct talk t;

    follow(ITS);
    first = d.attach;
    later(100);
    later(100);
    ck_assert_str_eq(seen(), "SYNC lookout:100 SYNC lookout:200 ");
    ck_assert_uint_eq(d.attach, first);
    t = talk_of(TALK_SHRINK_FIRST, ME);
    hear(&t);
    later(20);
    ck_assert_str_eq(seen(), "SYNC ");
    ck_assert_uint_eq(d.attach, first + 1);
}
END_TEST

/* In a long turn of its own it heard nobody, either; and a stream that comes is a sign of life, beats or not. */
START_TEST(who_was_busy_itself_does_not_hang_up)
{
    follow(ITS);
    continue_at(300);
    later(1000);
    for (uint64_t at = 400; at <= 1000; at += 100) {
        moved(at);
        later(100);
    }
    ck_assert_ptr_null(strstr(seen(), "SYNC"));
    for (int ms = 0; ms < 600; ms += 50)
        later(50);
    ck_assert_ptr_nonnull(strstr(seen(), "SYNC"));
}
END_TEST

START_TEST(who_is_not_in_sync_does_not_look_out)
{
    follow(4444);
    seen();
    for (int i = 0; i < 100; i++)
        later(50);
    ck_assert_ptr_null(strstr(seen(), "lookout"));
}
END_TEST

/* group_sim, seed 911940: a word of its process before, that came late, had its leader stream to nobody. */
START_TEST(what_the_leader_says_to_another_attempt_is_no_sign_of_life)
{
    struct talk t;

    follow(ITS);
    continue_at(300);
    seen();
    for (int ms = 0; ms < 600; ms += 50) {
        t = talk_of(TALK_BEAT, ME);
        t.attach = 4444;
        hear(&t);
        later(50);
    }
    ck_assert_str_eq(seen(), "SYNC ");
}
END_TEST

/* It has what it had, and says 0: a leader that does not know that word hears nothing new. */
START_TEST(a_follower_whose_disk_fails_is_shrunk_at_once)
{
    struct durable_actions out = { 0 };

    serve();
    execute(500);
    ack(OTHER, ITS, 300);
    ack(OTHER, ITS, 0);
    ck_assert_uint_eq(d.meta.seen.ver, 3);
    ck_assert_uint_eq(charter_member(&d.meta.seen, OTHER)->did, 0);
    for (int ms = 0; ms < 5000; ms += 50) {
        ack(OTHER, ITS, 0);
        later(50);
    }
    ck_assert_uint_eq(d.meta.seen.ver, 3);
    for (int ms = 0; ms < 2000; ms += 50) {
        ack(OTHER, ITS, 500);
        later(50);
    }
    ck_assert_uint_eq(charter_member(&d.meta.seen, OTHER)->did, ITS);
    follow(ITS);
    continue_at(300);
    seen();
    acked_os = 1;
    durable_disk(&d, true, now_ms, &out);
    obey(&out);
    ck_assert_str_eq(seen(), "ACK ");
    ck_assert_uint_eq(acked_os, 0);
    durable_disk(&d, false, now_ms, &out);
    obey(&out);
    ck_assert_uint_eq(acked_os, 300);
}
END_TEST

START_TEST(a_leader_whose_disk_fails_is_looked_at)
{
    struct durable_actions out = { 0 };

    serve();
    durable_disk(&d, true, now_ms, &out);
    obey(&out);
    ck_assert_str_eq(seen(), "lookout:0 ");
}
END_TEST

START_TEST(an_older_copy_of_the_disk_is_found_out)
{
    struct charter c = charter_of_three();

    charter_member(&c, OTHER)->boot = 2; /* as ours says */
    start(&c, OTHER, ITS, 300);
    ck_assert_uint_ne(d.meta.did, ITS);
    ck_assert_uint_eq(on_disk.did, d.meta.did);
    ck_assert_uint_gt(d.meta.boot, 2);
}
END_TEST

CHECK_MAIN("durable, following", data_that_counts_is_not_dropped,
           what_was_ours_alone_begins_where_the_histories_part,
           two_marks_in_one_delivery_begin_where_each_stands,
           a_leader_that_lacks_what_was_announced_is_not_obeyed,
           what_an_operator_gave_up_nobody_has_to_have,
           who_leads_with_less_than_was_announced_begins_with_its_mark,
           nothing_weaker_is_acknowledged_beyond_what_a_stronger_level_waits_for,
           a_weaker_level_is_on_the_disk_before_it_is_acknowledged,
           a_follower_in_sync_looks_out_for_its_leader, a_follower_knows_when_its_leader_serves,
           an_attempt_that_nobody_answered_is_the_same_still, who_was_busy_itself_does_not_hang_up,
           who_is_not_in_sync_does_not_look_out,
           what_the_leader_says_to_another_attempt_is_no_sign_of_life,
           a_follower_whose_disk_fails_is_shrunk_at_once, a_leader_whose_disk_fails_is_looked_at,
           an_older_copy_of_the_disk_is_found_out)
