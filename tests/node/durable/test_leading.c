/* A leader of a durable group, and what it does about those it demands: see one_node.h. */
#include "tests/check_main.h"
#include "tests/node/durable/one_node.h"

START_TEST(a_leader_serves_when_all_have_its_mark)
{
    uint64_t beats;

    promote();
    ck_assert_str_eq(seen(), "persist persist mark +OK persist ");
    ck_assert_int_eq(d.role, NODE_LEADER);
    ck_assert_int_eq(durable_refuses_write(&d, now_ms), REFUSES_MASTERDOWN);
    ck_assert_uint_eq(on_disk.seen.epoch, 2);
    attach(OTHER, 100);
    ack(OTHER, ITS, 100);
    ck_assert_int_eq(d.role, NODE_LEADER);
    seen();
    beats = d.seq;
    ack(OTHER, ITS, begun());
    ck_assert_int_eq(d.role, NODE_ACTIVE);
    ck_assert_uint_eq(d.seq, beats + 1); /* and tells it */
    ck_assert_str_eq(seen(), "release:124 serve lookout:0 ");
}
END_TEST

START_TEST(a_reply_waits_for_the_data_set_that_the_register_names)
{
    struct talk t;

    serve();
    execute(500);
    ck_assert_str_eq(seen(), "");
    ack(OTHER, 999, 500); /* the node, under another name */
    t = talk_of(TALK_ACK, OTHER);
    t.epoch = 1;
    t.kept[KEEP_OS] = 500;
    hear(&t);
    ck_assert_uint_eq(d.commit, begun());
    seen();
    ack(OTHER, ITS, 500);
    ck_assert_str_eq(seen(), "release:500 ");
}
END_TEST

START_TEST(a_silent_follower_is_demanded_until_its_shrink_is_committed)
{
    serve();
    execute(500);
    voters_answer = false;
    for (int i = 0; i < 40; i++)
        later(50);
    ck_assert_uint_eq(d.commit, begun());
    ck_assert_int_eq(durable_refuses_write(&d, now_ms), REFUSES_NOREPLICAS);
    ck_assert_int_eq(durable_refuses_read(&d, now_ms), REFUSES_MASTERDOWN);
    seen();
    voters_answer = true;
    for (int i = 0; i < 40 && d.commit < 500; i++)
        later(50);
    /* Alone, and not before its disk says so. */
    ck_assert_str_eq(seen(), "persist release:500 ");
    ck_assert(on_disk.solo);
    ck_assert_int_eq(durable_refuses_write(&d, now_ms), REFUSES_NOTHING);
}
END_TEST

START_TEST(a_broken_link_costs_the_grace_only)
{
    struct durable_actions out = { 0 };

    serve();
    durable_link_down(&d, OTHER, now_ms, &out);
    obey(&out);
    ck_assert_uint_le(durable_wake_ms(&d), now_ms + terms.grace_ms);
    later(terms.grace_ms - 1);
    ck_assert_uint_eq(d.meta.seen.ver, 2);
    later(1);
    ck_assert_uint_eq(d.meta.seen.ver, 3);
    ck_assert_uint_eq(charter_member(&d.meta.seen, OTHER)->did, 0);
}
END_TEST

START_TEST(whoever_comes_is_demanded_before_it_is_named)
{
    struct effective eff[CHARTER_MEMBERS_MAX + 1];

    serve();
    attach(13, 0);
    for (int i = 0; i < 25 && d.open.node == 0; i++) {
        voters_accept = i < 15;
        ack(OTHER, ITS, begun());
        ack(13, 113, begun());
        later(50);
    }
    ck_assert_uint_eq(d.open.node, 13);
    ck_assert_uint_eq(durable_eff(&d, eff), 3);
    ck_assert_uint_eq(charter_member(&d.meta.seen, 13)->did, 0);
    execute(500);
    ack(OTHER, ITS, 500);
    ck_assert_uint_eq(d.commit, begun());
    for (int i = 0; i < 30; i++) { /* given up: unknown, and demanded still */
        ack(OTHER, ITS, 500);
        later(50);
    }
    ck_assert_uint_eq(durable_eff(&d, eff), 3);
    ck_assert_uint_eq(d.commit, begun());
}
END_TEST

/* Found by group_sim, seed 7769944540082970: the node was never taken in again. */
START_TEST(a_late_word_of_an_earlier_process_is_not_held_against_the_one_that_is_attached)
{
    struct talk t;

    serve();
    voters_accept = false; /* what the earlier one had is demanded still */
    t = talk_of(TALK_SYNC, OTHER);
    t.boot = 3;
    t.did = 999;
    t.attach = 6;
    hear(&t);
    ck_assert_ptr_nonnull(strstr(seen(), "PAYLOAD"));
    t.boot = 2;
    t.did = ITS;
    t.attach = 5;
    t.at = 5000;
    history_add(&t.history, 1, 0);
    hear(&t);
    ck_assert_str_eq(seen(), "SHRINKFIRST ");
    ck_assert_uint_eq(eff_copy(&d, OTHER)->did, 999);
    ck_assert(!eff_copy(&d, OTHER)->unwanted);
}
END_TEST

/* However many nodes came and went in one epoch, each with a number of its own. */
START_TEST(a_member_of_now_has_a_place_among_the_copies)
{
    serve();
    for (uint64_t node = 13; node < 13 + 2 * CHARTER_MEMBERS_MAX; node++) {
        struct charter next = d.meta.seen;
        struct member m = { .node = node, .at = place_of("10.0.0", node, 6379), .boot = 1 };

        next.ver++;
        next.member_count = 2; /* the leader, and who is in sync */
        charter_add_member(&next, &m);
        put_in_register(&next);
        order(ORDER_CONFIG, &next);
        seen();
        attach(node, 0);
        ck_assert_msg(strstr(seen(), "PAYLOAD"), "node %d", (int)node);
        ck_assert(eff_copy(&d, node) && eff_copy(&d, OTHER));
    }
}
END_TEST

static size_t bytes_of_charter(const struct charter *c)
{
    struct buf text = { 0 };
    enum err e = charter_encode(c, &text);
    size_t len = text.len;

    buf_fini(&text);
    return e == OK ? len : 0;
}

/* Until not one letter more fits. */
static void fill_charter(struct charter *c)
{
    for (uint64_t i = 0; c->member_count < CHARTER_MEMBERS_MAX; i++) {
        struct member m = { .node = UINT64_MAX - i, .at.port = 1 };

        memset(m.at.host, 'h', CHARTER_HOST_MAX);
        charter_add_member(c, &m);
    }
    for (uint32_t i = 1; i < c->member_count; i++)
        c->members[i].boot = UINT64_MAX;
    for (size_t len = 0; len < CHARTER_REASON_MAX; len++) {
        c->reason[len] = 'r';
        if (bytes_of_charter(c) == 0) {
            c->reason[len] = '\0';
            break;
        }
    }
    ck_assert_uint_ge(bytes_of_charter(c), CHARTER_BYTES_MAX - 1);
}

/* A charter that is full, say: it is full the next time, too. */
START_TEST(what_is_refused_is_not_tried_at_once)
{
    uint64_t round;

    serve();
    attach(13, 0);
    fill_charter(&d.meta.seen);
    d.proposer.known = d.meta.seen;
    for (int i = 0; i < 3; i++)
        voters[i].value = d.meta.seen;
    voters_accept = true;
    round = d.proposer.round;
    for (int i = 0; i < 30; i++) {
        ack(OTHER, ITS, begun());
        ack(13, 113, begun());
        later(50);
    }
    ck_assert_uint_gt(d.proposer.round, round);
    ck_assert_uint_lt(d.proposer.round, round + 10);
    ck_assert_uint_eq(charter_member(&d.meta.seen, 13)->did, 0);
}
END_TEST

START_TEST(an_order_to_lead_counts_once_and_for_one_process)
{
    struct charter c = named();

    serve();
    order(ORDER_PROMOTE, &c); /* it came twice */
    ck_assert_str_eq(seen(), "+OK ");
    c.ver++;
    c.epoch++;
    c.leader = OTHER;
    strcpy(c.run, RUN_A);
    put_in_register(&c);
    order(ORDER_CONFIG, &c);
    ck_assert_str_eq(seen(), "detach demote persist SYNC +OK ");
    ck_assert_int_eq(durable_refuses_write(&d, now_ms), REFUSES_READONLY);
    c = named();
    order(ORDER_PROMOTE, &c);
    ck_assert_str_eq(seen(), "+STALE ");
    c.epoch = 4;
    c.ver = 9;
    strcpy(c.run, RUN_A); /* an earlier process of ours */
    order(ORDER_PROMOTE, &c);
    ck_assert_str_eq(seen(), "+NOTSYNC ");
    strcpy(c.run, RUN_B);
    charter_member(&c, ME)->did = 4444;
    order(ORDER_PROMOTE, &c);
    ck_assert_str_eq(seen(), "+NOTSYNC ");
}
END_TEST

START_TEST(whoever_is_deposed_closes_who_waits)
{
    struct talk t;

    serve();
    execute(500);
    t = talk_of(TALK_STALE, OTHER);
    t.epoch = 3;
    hear(&t);
    ck_assert_ptr_nonnull(strstr(seen(), "detach demote"));
    ck_assert_int_eq(d.role, NODE_WAITING);
    for (int i = 0; i < 10; i++)
        later(100);
    ck_assert_int_eq(d.role,
                     NODE_WAITING); /* the register names it still: never again in that epoch */
}
END_TEST

START_TEST(a_confirmed_read_waits_for_a_beat_that_was_sent_after_it)
{
    struct durable_actions out = { 0 };
    struct talk t;
    uint64_t seq;

    serve();
    t = talk_of(TALK_ACK, OTHER);
    t.did = ITS;
    t.seq = d.seq;
    for (int i = 0; i < KEEP_COUNT; i++)
        t.kept[i] = begun();
    seq = durable_confirm(&d, now_ms, &out);
    obey(&out);
    seen();
    hear(&t); /* of the beat before */
    ck_assert_str_eq(seen(), "");
    t.seq = seq;
    hear(&t);
    ck_assert_str_eq(seen(), "confirm ");
}
END_TEST

START_TEST(a_switchover_holds_writes_until_all_is_acknowledged)
{
    struct charter c = named();

    serve();
    execute(500);
    order(ORDER_HANDOFF, &c);
    ck_assert_str_eq(seen(), "");
    ck_assert_int_eq(durable_refuses_write(&d, now_ms), REFUSES_HELD);
    ack(OTHER, ITS, 500);
    ck_assert_str_eq(seen(), "release:500 +OK ");
    ck_assert_int_eq(durable_refuses_write(&d, now_ms), REFUSES_HELD);
    for (int i = 0; i < 15; i++) {
        ack(OTHER, ITS, 500);
        later(40);
    }
    ck_assert_int_eq(durable_refuses_write(&d, now_ms), REFUSES_NOTHING); /* it leads still */
}
END_TEST

/* Once it is READY another one may lead already. */
START_TEST(a_switchover_is_taken_back_until_all_is_acknowledged)
{
    struct durable_actions out = { 0 };
    struct charter c = named();

    serve();
    execute(500);
    ck_assert(durable_keep_lead(&d, &out));
    obey(&out);
    ck_assert_str_eq(seen(), "");
    order(ORDER_HANDOFF, &c);
    ck_assert(durable_keep_lead(&d, &out));
    obey(&out);
    ck_assert_str_eq(seen(), "+LAGS ");
    ck_assert_int_eq(durable_refuses_write(&d, now_ms), REFUSES_NOTHING);
    order(ORDER_HANDOFF, &c);
    ack(OTHER, ITS, 500);
    ck_assert_str_eq(seen(), "release:500 +OK ");
    ck_assert(!durable_keep_lead(&d, &out));
    ck_assert_int_eq(durable_refuses_write(&d, now_ms), REFUSES_HELD);
}
END_TEST

/* Whoever waits when the leader is deposed is closed: so nobody is to wait by then. */
START_TEST(a_switchover_waits_for_reads_that_wait_for_a_beat)
{
    struct durable_actions out = { 0 };
    struct charter c = named();
    struct talk t;

    serve();
    execute(500);
    ck_assert_int_eq(durable_refuses_read(&d, now_ms), REFUSES_NOTHING);
    (void)durable_confirm(&d, now_ms, &out);
    obey(&out);
    order(ORDER_HANDOFF, &c);
    ck_assert_int_eq(durable_refuses_read(&d, now_ms), REFUSES_HELD);
    seen();
    t = talk_of(TALK_ACK, OTHER);
    t.did = ITS;
    for (int i = 0; i < KEEP_COUNT; i++)
        t.kept[i] = 500;
    t.seq = d.seq - 1;
    hear(&t);
    ck_assert_str_eq(seen(), "release:500 ");
    t.seq = d.seq;
    hear(&t);
    ck_assert_str_eq(seen(), "confirm +OK ");
}
END_TEST

START_TEST(after_a_gap_in_its_own_time_a_leader_looks_first)
{
    serve();
    later(3000);
    ck_assert_uint_eq(d.meta.seen.ver, 2); /* nobody was silent */
    ck_assert_int_eq(durable_refuses_write(&d, now_ms), REFUSES_HELD);
    ack(OTHER, ITS, begun());
    ck_assert_int_eq(durable_refuses_write(&d, now_ms), REFUSES_NOTHING);
}
END_TEST

/* For as long as it is silent, so long are we: how long it is after the last word, in steps of a heartbeat. */
static uint64_t shrunk_after_ms(void)
{
    uint64_t from_ms = now_ms, ver = d.meta.seen.ver;

    while (d.meta.seen.ver == ver && now_ms < from_ms + 60000)
        later(50);
    return now_ms - from_ms;
}

/* Whoever has to repeat it may be silent for as long, and a little longer. */
START_TEST(what_was_long_for_a_leader_may_be_long_for_others)
{
    serve();
    execute(500);
    later(400);
    ck_assert_uint_eq(shrunk_after_ms(), 550);
    serve();
    execute(500);
    later(60000);
    ck_assert_uint_eq(shrunk_after_ms(), 5150);
}
END_TEST

/* Three long writes in a row are repeated in a row, behind them; a short turn amid them takes nothing back. */
START_TEST(what_was_long_three_times_may_take_all_of_that)
{
    serve();
    for (uint64_t at = 500; at <= 1500; at += 500) {
        execute(at);
        later(1000);
    }
    ack(OTHER, ITS, 500);
    later(110);
    later(900);
    ack(OTHER, ITS, 1000);
    ck_assert_uint_ge(shrunk_after_ms(), 1900);
}
END_TEST

START_TEST(who_has_everything_is_waited_for_no_longer_than_ever)
{
    serve();
    execute(500);
    later(3000);
    ack(OTHER, ITS, 500);
    ck_assert_uint_eq(shrunk_after_ms(), 150);
}
END_TEST

/* Turns of 200 ms, without end. */
START_TEST(a_leader_that_is_always_busy_finds_out_who_has_died)
{
    struct durable_actions out = { 0 };
    uint64_t from_ms;

    serve();
    durable_link_down(&d, OTHER, now_ms, &out);
    obey(&out);
    from_ms = now_ms;
    while (d.meta.seen.ver == 2 && now_ms < from_ms + 60000)
        later(200);
    ck_assert_uint_le(now_ms - from_ms, 16000);
    /* And bears who lives, and answers. */
    serve();
    from_ms = now_ms;
    for (uint64_t at = 500; now_ms < from_ms + 60000; at += 100) {
        execute(at);
        later(200);
        ack(OTHER, ITS, at - 100 > begun() ? at - 100 : begun());
    }
    ck_assert_uint_eq(d.meta.seen.ver, 2);
}
END_TEST

/* Followers hang up on a silent leader, and attach anew as soon as it turns again: not within the grace of a reset. */
START_TEST(who_hung_up_on_a_busy_leader_has_time_to_come_back)
{
    struct durable_actions out = { 0 };

    serve();
    later(700);
    durable_link_down(&d, OTHER, now_ms, &out);
    obey(&out);
    later(100);
    ck_assert_uint_eq(d.meta.seen.ver, 2);
    attach(OTHER, 100);
    ack(OTHER, ITS, begun());
    later(100);
    ck_assert_uint_eq(d.meta.seen.ver, 2);
    durable_link_down(&d, OTHER, now_ms, &out);
    obey(&out);
    later(100);
    later(50);
    ck_assert_uint_eq(d.meta.seen.ver, 3);
}
END_TEST

/* Its connection broke in one long turn, and the next began before it was heard on another. */
START_TEST(who_hung_up_between_two_long_turns_is_not_lost)
{
    struct durable_actions out = { 0 };

    serve();
    for (int i = 0; i < 3; i++) {
        later(1000);
        durable_link_down(&d, OTHER, now_ms, &out);
        obey(&out);
    }
    later(100);
    ck_assert_uint_eq(d.meta.seen.ver, 2);
    attach(OTHER, 100);
    ack(OTHER, ITS, begun());
    ck_assert_uint_eq(d.meta.seen.ver, 2);
}
END_TEST

/* All that was asked while a leader was busy is heard at once, and not in its order. */
START_TEST(the_newest_attempt_of_a_process_counts)
{
    struct talk t;

    serve();
    t = talk_of(TALK_SYNC, OTHER);
    t.at = 100;
    t.boot = 3;
    history_add(&t.history, 1, 0);
    t.attach = 8;
    hear(&t);
    ck_assert_str_eq(seen(), "CONTINUE stream ");
    t.attach = 7;
    hear(&t);
    ck_assert_str_eq(seen(), "");
    t.boot = 4; /* another process counts from anywhere */
    hear(&t);
    ck_assert_str_eq(seen(), "CONTINUE stream ");
}
END_TEST

/* The voters of the group are lost, and an operator has made it another register. */
static struct charter heir(void)
{
    struct charter c = named();

    memcpy(c.heir, c.gid, sizeof c.heir);
    memset(c.gid, 'f', GID_LEN);
    c.ver = 1;
    c.epoch = 3;
    charter_member(&c, OTHER)->did = 0;
    return c;
}

START_TEST(a_group_whose_register_is_lost_goes_on_in_its_heir)
{
    struct charter c = heir(), old = named(), stranger = heir(), early = heir();

    serve();
    memset(stranger.heir, 'e', GID_LEN);
    order(ORDER_PROMOTE, &stranger);
    ck_assert_str_eq(seen(), "+GROUP ");
    early.epoch = 2;
    order(ORDER_CONFIG, &early);
    ck_assert_str_eq(seen(), "+GROUP ");
    order(ORDER_PROMOTE, &c);
    ck_assert_ptr_nonnull(strstr(seen(), "demote"));
    ck_assert_str_eq(on_disk.gid, c.gid);
    ck_assert(d.role == NODE_LEADER && on_disk.seen.epoch == 3 && on_disk.seen.ver == 1);
    execute(d.at);
    ck_assert_int_eq(d.role, NODE_ACTIVE);
    seen();
    order(ORDER_CONFIG, &old);
    ck_assert_str_eq(seen(), "+GROUP ");
}
END_TEST

START_TEST(a_follower_goes_on_in_the_heir_too)
{
    struct charter c = charter_of_three(), next = heir();

    start(&c, OTHER, ITS, 300);
    order(ORDER_CONFIG, &next);
    ck_assert(d.role == NODE_FOLLOWER && strcmp(on_disk.gid, next.gid) == 0);
    ck_assert_uint_eq(on_disk.did, ITS); /* its data are what they were: it may go on from there */
}
END_TEST

CHECK_MAIN("durable, leading", a_leader_serves_when_all_have_its_mark,
           a_reply_waits_for_the_data_set_that_the_register_names,
           a_silent_follower_is_demanded_until_its_shrink_is_committed,
           a_broken_link_costs_the_grace_only, whoever_comes_is_demanded_before_it_is_named,
           a_late_word_of_an_earlier_process_is_not_held_against_the_one_that_is_attached,
           a_member_of_now_has_a_place_among_the_copies, what_is_refused_is_not_tried_at_once,
           an_order_to_lead_counts_once_and_for_one_process, whoever_is_deposed_closes_who_waits,
           a_confirmed_read_waits_for_a_beat_that_was_sent_after_it,
           a_switchover_holds_writes_until_all_is_acknowledged,
           a_switchover_is_taken_back_until_all_is_acknowledged,
           a_switchover_waits_for_reads_that_wait_for_a_beat,
           after_a_gap_in_its_own_time_a_leader_looks_first,
           what_was_long_for_a_leader_may_be_long_for_others,
           what_was_long_three_times_may_take_all_of_that,
           who_has_everything_is_waited_for_no_longer_than_ever,
           a_leader_that_is_always_busy_finds_out_who_has_died,
           who_hung_up_on_a_busy_leader_has_time_to_come_back,
           who_hung_up_between_two_long_turns_is_not_lost, the_newest_attempt_of_a_process_counts,
           a_group_whose_register_is_lost_goes_on_in_its_heir, a_follower_goes_on_in_the_heir_too)
