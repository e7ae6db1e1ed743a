/*
 * durable: single stories of a node's core. One core, three voters that answer at once (or not), and the others played
 * by hand. What every fault in every order does to a whole group is tests/sim/group_sim's.
 * In one file, because every story has the same players: the helpers above the first are half of what a second needs.
 */
#include "node/durable/durable_inner.h"

#include "common/alloc.h"
#include "sentinel/core/acceptor.h"
#include "tests/check_main.h"
#include "tests/common/register/charters.h"

enum { ME = 11, OTHER = 12, MINE = 111, ITS = 112 };

static struct durable d;
static struct acceptor voters[3];
static bool voters_answer, voters_accept;
static uint64_t now_ms, written, synced;
static struct buf trace;
static struct meta on_disk;
static struct durable_action dropped;
static uint64_t acked_os;
static struct durable_terms terms;

static void obey(struct durable_actions *out);

static void ask_voter(const struct durable_action *a)
{
    struct reg_actions told = { 0 };
    struct durable_actions out = { 0 };

    if (!voters_answer || (a->reg.kind == REG_ACCEPT && !voters_accept))
        return;
    acceptor_step(&voters[a->to - 1], &a->reg, &told);
    for (size_t i = 0; i < told.count; i++) {
        if (told.at[i].kind == REG_SEND)
            durable_voted(&d, &told.at[i].message, now_ms, &out);
        obey(&out);
    }
    reg_actions_fini(&told);
}

static void note(const struct durable_action *a)
{
    if (a->kind == DURABLE_DROP)
        dropped = *a;
    if (a->kind == DURABLE_SAY && a->talk.kind == TALK_ACK)
        acked_os = a->talk.kept[KEEP_OS];
    if (a->kind == DURABLE_SAY && a->talk.kind == TALK_BEAT)
        return;
    if (a->kind == DURABLE_SAY)
        buf_printf(&trace, "%s ", talk_word(a->talk.kind));
    else if (a->kind == DURABLE_ANSWER)
        buf_printf(&trace, "+%s ", receipt_word(a->receipt.kind));
    else if (a->kind == DURABLE_LOOKOUT)
        buf_printf(&trace, "lookout:%llu ", (unsigned long long)a->silent_ms);
    else if (a->kind == DURABLE_RELEASE)
        buf_printf(&trace, "release:%llu ", (unsigned long long)a->offset);
    else if (a->kind != DURABLE_ASK)
        buf_printf(&trace, "%s ", durable_action_word(a->kind));
}

/* Voters answer in the middle of it: the rest is obeyed behind what came of that. */
static void obey(struct durable_actions *out)
{
    struct durable_actions mine = *out;

    *out = (struct durable_actions){ 0 };
    durable_check(&d);
    for (size_t i = 0; i < mine.count; i++) {
        note(&mine.at[i]);
        if (mine.at[i].kind == DURABLE_PERSIST)
            on_disk = mine.at[i].meta;
    }
    for (size_t i = 0; i < mine.count; i++)
        if (mine.at[i].kind == DURABLE_ASK)
            ask_voter(&mine.at[i]);
    durable_actions_fini(&mine);
}

static const char *seen(void)
{
    static char text[1024];

    snprintf(text, sizeof text, "%s", trace.len ? buf_text(&trace) : "");
    buf_fini(&trace);
    return text;
}

/* The register holds c; the core is of a node that c names, with `at` bytes of epoch 1, all on its disk. */
static void start(const struct charter *c, uint64_t node, uint64_t did, uint64_t at)
{
    struct durable_start s = { .terms = &terms, .run = RUN_B, .proposer = 77, .seed = 5 };
    struct durable_actions out = { 0 };

    terms = durable_terms_default;
    voters_answer = voters_accept = true;
    now_ms = 1000000;
    for (uint64_t i = 0; i < 3; i++) {
        acceptor_init(&voters[i], i + 1);
        voters[i].promised = voters[i].accepted = voters[i].committed = (struct ballot){ 1, 1 };
        voters[i].value = *c;
    }
    s.meta =
        (struct meta){ .node = node, .did = did, .boot = 2, .weakest = KEEP_FSYNC, .seen = *c };
    memcpy(s.meta.gid, c->gid, sizeof s.meta.gid);
    if (at)
        history_add(&s.meta.history, 1, 0);
    s.at = s.written = s.synced = written = synced = at;
    durable_init(&d, &s, now_ms, &out);
    obey(&out);
    seen();
}

static void later(uint64_t ms)
{
    struct durable_actions out = { 0 };

    now_ms += ms;
    durable_time(&d, now_ms, &out);
    obey(&out);
}

static void moved(uint64_t at)
{
    struct durable_actions out = { 0 };

    durable_moved(&d, at, written < at ? written : at, synced < at ? synced : at, now_ms, &out);
    obey(&out);
}

static void order(enum order_kind kind, const struct charter *c)
{
    struct order o = { .kind = kind, .epoch = c->epoch, .value = *c, .target = OTHER };
    struct durable_actions out = { 0 };

    memcpy(o.gid, c->gid, sizeof o.gid);
    o.timeout_ms = 500;
    durable_order(&d, 1, &o, now_ms, &out);
    obey(&out);
}

static struct talk talk_of(enum talk_kind kind, uint64_t from)
{
    struct talk t = { .kind = kind, .epoch = d.meta.seen.epoch, .from = from, .to = d.meta.node };

    memcpy(t.gid, d.meta.gid, sizeof t.gid);
    t.attach = from == ME || d.role == NODE_FOLLOWER ? d.attach : 5;
    t.did = from + 100;
    return t;
}

static void hear(const struct talk *t)
{
    struct durable_actions out = { 0 };

    durable_hear(&d, t, now_ms, &out);
    obey(&out);
}

static void ack(uint64_t from, uint64_t did, uint64_t at)
{
    struct talk t = talk_of(TALK_ACK, from);

    t.did = did;
    t.seq = d.seq;
    for (int i = KEEP_MEM; i < KEEP_COUNT; i++)
        t.kept[i] = at;
    hear(&t);
}

static void attach(uint64_t from, uint64_t at)
{
    struct talk t = talk_of(TALK_SYNC, from);

    t.at = at;
    if (at)
        history_add(&t.history, 1, 0);
    hear(&t);
}

/* Epoch 2, which this process leads. */
static struct charter named(void)
{
    struct charter c = charter_of_three();

    c.ver = 2;
    c.epoch = 2;
    strcpy(c.run, RUN_B);
    return c;
}

static void put_in_register(const struct charter *c)
{
    for (int i = 0; i < 3; i++) {
        voters[i].promised = voters[i].accepted = voters[i].committed =
            (struct ballot){ d.proposer.round + 1, 1 };
        voters[i].value = *c;
    }
}

static uint64_t begun(void)
{
    return 100 + history_mark_bytes(2);
}

static void promote(void)
{
    struct charter c = charter_of_three(), next = named();

    start(&c, ME, MINE, 100);
    put_in_register(&next);
    order(ORDER_PROMOTE, &next);
    written = synced = begun();
    moved(begun());
}

/* ---- leading ----------------------------------------------------------------------------------- */

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

static void serve(void)
{
    promote();
    attach(OTHER, 100);
    ack(OTHER, ITS, begun());
    ack(OTHER, ITS, begun()); /* of the beat that tells it */
    seen();
}

static void execute(uint64_t at)
{
    written = synced = at;
    moved(at);
}

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

/* ---- following --------------------------------------------------------------------------------- */

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

CHECK_MAIN("durable", a_leader_serves_when_all_have_its_mark,
           a_reply_waits_for_the_data_set_that_the_register_names,
           a_silent_follower_is_demanded_until_its_shrink_is_committed,
           a_broken_link_costs_the_grace_only, whoever_comes_is_demanded_before_it_is_named,
           what_is_refused_is_not_tried_at_once, an_order_to_lead_counts_once_and_for_one_process,
           whoever_is_deposed_closes_who_waits,
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
           a_group_whose_register_is_lost_goes_on_in_its_heir, a_follower_goes_on_in_the_heir_too,
           data_that_counts_is_not_dropped, what_was_ours_alone_begins_where_the_histories_part,
           two_marks_in_one_delivery_begin_where_each_stands,
           a_leader_that_lacks_what_was_announced_is_not_obeyed,
           what_an_operator_gave_up_nobody_has_to_have,
           who_leads_with_less_than_was_announced_begins_with_its_mark,
           nothing_weaker_is_acknowledged_beyond_what_a_stronger_level_waits_for,
           a_member_of_now_has_a_place_among_the_copies,
           a_late_word_of_an_earlier_process_is_not_held_against_the_one_that_is_attached,
           a_weaker_level_is_on_the_disk_before_it_is_acknowledged,
           a_follower_knows_when_its_leader_serves, a_follower_in_sync_looks_out_for_its_leader,
           an_attempt_that_nobody_answered_is_the_same_still, who_was_busy_itself_does_not_hang_up,
           what_the_leader_says_to_another_attempt_is_no_sign_of_life,
           who_is_not_in_sync_does_not_look_out, a_follower_whose_disk_fails_is_shrunk_at_once,
           a_leader_whose_disk_fails_is_looked_at, an_older_copy_of_the_disk_is_found_out)
