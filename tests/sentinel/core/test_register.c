/*
 * register: single stories of proposers and voters, told as traces. A line is one message or result, in the order in
 * which it was obeyed: "p>2 prepare 1" is proposer p to voter 2 in round 1, "2>p promise 1" the answer, "2 disk" a
 * memory that went to the disk in between. The bench delivers in order; a test says which voters are away.
 * What faults do to all of it at once is tests/sim's.
 */
#include "common/register/proposer.h"

#include <stdarg.h>

#include "sentinel/core/acceptor.h"
#include "tests/check_main.h"
#include "tests/common/register/charters.h"

enum { VOTERS = 5 };

struct bench {
    struct proposer p, q;
    struct acceptor voters[VOTERS + 1]; /* by id, from 1 */
    bool away[VOTERS + 1];
    uint64_t now_ms;
    struct buf trace;
    struct charter value; /* of the last result */
    bool quiet;
};

static struct bench b;

static void told(const char *format, ...) PRINTF_LIKE(1, 2);

static void told(const char *format, ...)
{
    char line[200];
    va_list args;

    va_start(args, format);
    vsnprintf(line, sizeof line, format, args);
    va_end(args);
    if (!b.quiet)
        buf_printf(&b.trace, "%s\n", line);
}

static void setup(void)
{
    struct charter known = charter_of_three();

    buf_fini(&b.trace);
    memset(&b, 0, sizeof b);
    known.ver = 0;
    proposer_init(&b.p, 100, &known, 1);
    proposer_init(&b.q, 200, &known, 2);
    for (uint64_t i = 1; i <= VOTERS; i++)
        acceptor_init(&b.voters[i], i);
}

static void obey(struct proposer *p, struct reg_actions *out);

static void answer(struct proposer *p, uint64_t i, const struct reg_message *m)
{
    struct reg_actions out = { 0 }, then = { 0 };

    acceptor_step(&b.voters[i], m, &out);
    acceptor_check(&b.voters[i]);
    for (size_t k = 0; k < out.count; k++) {
        const struct reg_message *r = &out.at[k].message;

        if (out.at[k].kind == REG_PERSIST) {
            told("%d disk", (int)i);
            continue;
        }
        told("%d>%c %s %llu%s%s", (int)i, p == &b.p ? 'p' : 'q', reg_word(r->kind),
             (unsigned long long)r->ballot.round, r->kind == REG_NACK ? " " : "",
             r->kind == REG_NACK ? nack_word(r->why) : "");
        proposer_hear(p, r, b.now_ms, &then);
    }
    reg_actions_fini(&out);
    proposer_check(p);
    obey(p, &then);
}

static void obey(struct proposer *p, struct reg_actions *out)
{
    for (size_t k = 0; k < out->count; k++) {
        const struct reg_action *a = &out->at[k];

        if (a->kind == REG_RESULT) {
            told("%c %s%s%s", p == &b.p ? 'p' : 'q', outcome_word(a->outcome),
                 a->refusal.text[0] ? ": " : "", a->refusal.text);
            b.value = a->message.value;
            continue;
        }
        told("%c>%d %s %llu", p == &b.p ? 'p' : 'q', (int)a->to, reg_word(a->message.kind),
             (unsigned long long)a->message.ballot.round);
        if (!b.away[a->to])
            answer(p, a->to, &a->message);
    }
    reg_actions_fini(out);
}

static void order_until(struct proposer *p, const struct change *ch, uint64_t deadline_ms)
{
    struct reg_actions out = { 0 };

    proposer_submit(p, ch, deadline_ms, b.now_ms, &out);
    proposer_check(p);
    obey(p, &out);
}

static void order(struct proposer *p, const struct change *ch)
{
    order_until(p, ch, UINT64_MAX);
}

/* Time goes on until p wants something, and that is done. */
static void pass(struct proposer *p)
{
    struct reg_actions out = { 0 };

    ck_assert_uint_ne(proposer_wake_ms(p), UINT64_MAX);
    b.now_ms = proposer_wake_ms(p);
    proposer_time(p, b.now_ms, &out);
    obey(p, &out);
}

static void trace_is(const char *expected)
{
    ck_assert_str_eq(buf_text(&b.trace), expected);
    b.trace.len = 0;
}

static void create(void)
{
    struct change ch = { .kind = CHANGE_CREATE, .first = charter_of_three() };

    b.quiet = true;
    order(&b.p, &ch);
    b.quiet = false;
    ck_assert_uint_eq(b.p.known.ver, 1);
}

static struct change of(enum change_kind kind, uint64_t node, uint64_t did)
{
    struct change ch = { .kind = kind, .node = node, .did = did, .run = RUN_B };

    change_expect(&ch, &b.p.known);
    return ch;
}

static void away(uint64_t voter, bool is_away)
{
    b.away[voter] = is_away;
}

/* ---- stories ----------------------------------------------------------------------------------- */

START_TEST(a_change_takes_two_rounds_and_is_on_the_disk_before_it_is_told)
{
    struct change ch;

    setup();
    create();
    ch = of(CHANGE_SHRINK, 12, 112);
    order(&b.p, &ch);
    trace_is("p>1 prepare 2\n1 disk\n1>p promise 2\np>2 prepare 2\n2 disk\n2>p promise 2\n"
             "p>1 accept 2\n1 disk\n1>p accepted 2\np>2 accept 2\n2 disk\n2>p accepted 2\n"
             "p>1 learn 2\np>2 learn 2\np>3 learn 2\np done\n"
             "p>3 accept 2\n3 disk\n3>p accepted 2\np>3 prepare 2\n3>p promise 2\n");
    ck_assert_uint_eq(b.value.ver, 2);
    ck_assert_uint_eq(charter_member(&b.value, 12)->did, 0);
}
END_TEST

START_TEST(a_read_of_what_is_settled_writes_nothing)
{
    struct change ch = { .kind = CHANGE_READ };

    setup();
    order(&b.q, &ch);
    trace_is(
        "q>1 get 1\n1>q value 1\nq>2 get 1\n2>q value 1\nq refused: the group has no register\n"
        "q>3 get 1\n3>q value 1\n");
    create();
    order(&b.q, &ch);
    trace_is("q>1 get 2\n1>q value 2\nq>2 get 2\n2>q value 2\nq done\nq>3 get 2\n3>q value 2\n");
    ck_assert_uint_eq(b.value.ver, 1);
}
END_TEST

START_TEST(a_failed_condition_is_told_before_anything_is_sent)
{
    struct change ch;

    setup();
    create();
    ch = of(CHANGE_SHRINK, 12, 112);
    ch.if_epoch = 7;
    away(3, true);
    order(&b.p, &ch);
    trace_is("p>1 prepare 2\n1 disk\n1>p promise 2\np>2 prepare 2\n2 disk\n2>p promise 2\n"
             "p refused: another leads\np>3 prepare 2\n");
}
END_TEST

START_TEST(without_a_majority_it_waits_and_tries_with_a_higher_ballot)
{
    struct change ch;

    setup();
    create();
    ch = of(CHANGE_SHRINK, 12, 112);
    away(2, true);
    away(3, true);
    order(&b.p, &ch);
    trace_is("p>1 prepare 2\n1 disk\n1>p promise 2\np>2 prepare 2\np>3 prepare 2\n");
    ck_assert_int_eq(b.p.state, PROPOSER_PREPARING);
    pass(&b.p);
    ck_assert_int_eq(b.p.state, PROPOSER_WAITING);
    away(2, false);
    pass(&b.p);
    ck_assert_int_eq(b.p.state, PROPOSER_IDLE);
    ck_assert_uint_eq(b.value.ver, 2);
    trace_is("p>1 prepare 3\n1 disk\n1>p promise 3\np>2 prepare 3\n2 disk\n2>p promise 3\n"
             "p>1 accept 3\n1 disk\n1>p accepted 3\np>2 accept 3\n2 disk\n2>p accepted 3\n"
             "p>1 learn 3\np>2 learn 3\np>3 learn 3\np done\np>3 accept 3\np>3 prepare 3\n");
}
END_TEST

/* Promised by 1 and 2, accepted by 1 alone: then all go, and the deadline comes. */
static void leave_unknown(struct change *ch)
{
    struct reg_actions out = { 0 };

    b.quiet = true;
    away(3, true);
    away(2, true);
    order_until(&b.p, ch, b.now_ms + 150);
    /* The promise of 2 by hand, so that its ACCEPT finds it away. */
    {
        struct reg_message m = { .kind = REG_PREPARE, .ballot = b.p.ballot, .ver = 1 };
        struct reg_actions promise = { 0 };

        memcpy(m.gid, b.p.gid, sizeof m.gid);
        acceptor_step(&b.voters[2], &m, &promise);
        proposer_hear(&b.p, &promise.at[promise.count - 1].message, b.now_ms, &out);
        reg_actions_fini(&promise);
    }
    obey(&b.p, &out);
    ck_assert_int_eq(b.p.state, PROPOSER_ACCEPTING);
    b.quiet = false;
    b.trace.len = 0;
}

START_TEST(what_is_given_up_is_unknown_until_something_higher_is_committed)
{
    struct change ch, read = { .kind = CHANGE_READ };

    setup();
    create();
    ch = of(CHANGE_SHRINK, 12, 112);
    leave_unknown(&ch);
    away(1, true);
    while (b.p.busy)
        pass(&b.p);
    ck_assert_ptr_nonnull(strstr(buf_text(&b.trace), "p unknown"));
    ck_assert_uint_eq(proposer_unknown_ver(&b.p), 2);
    /* 2 and 3 hold version 1, settled; but 1 may bring version 2 back, so version 1 is written again above it. */
    away(2, false);
    away(3, false);
    order(&b.p, &read);
    while (b.p.busy)
        pass(&b.p);
    ck_assert_uint_eq(b.value.ver, 1);
    ck_assert_uint_eq(proposer_unknown_ver(&b.p), 0);
    away(1, false);
    away(2, true);
    b.trace.len = 0;
    order(&b.q, &read);
    while (b.q.busy)
        pass(&b.q);
    ck_assert_uint_eq(b.value.ver, 1);
}
END_TEST

START_TEST(its_own_change_is_found_again_and_made_once)
{
    struct change ch;

    setup();
    create();
    ch = of(CHANGE_SHRINK, 12, 112);
    leave_unknown(&ch);
    b.p.deadline_ms = UINT64_MAX;
    away(2, false);
    pass(&b.p);
    pass(&b.p);
    ck_assert_uint_eq(b.value.ver, 2);
    ck_assert_uint_eq(b.value.op_proposer, 100);
    ck_assert_ptr_nonnull(strstr(buf_text(&b.trace), "p done"));
}
END_TEST

START_TEST(another_proposer_builds_on_what_one_voter_holds)
{
    struct change ch;

    setup();
    create();
    ch = of(CHANGE_SHRINK, 12, 112);
    leave_unknown(&ch);
    b.p.wake_ms = UINT64_MAX; /* p sleeps */
    away(2, false);
    ch = of(CHANGE_TERMS, 0, 0);
    ch.level = KEEP_FSYNC;
    ch.min_sync = 1;
    order(&b.q, &ch);
    while (b.q.busy)
        pass(&b.q);
    ck_assert_uint_eq(b.value.ver, 3);
    /* p awakes: others have gone on, and whether its change is in there is for its owner to see. */
    b.trace.len = 0;
    b.p.deadline_ms = UINT64_MAX;
    b.p.wake_ms = b.now_ms;
    while (b.p.busy)
        pass(&b.p);
    ck_assert_ptr_nonnull(strstr(buf_text(&b.trace), "p passed"));
    ck_assert_uint_eq(charter_member(&b.value, 12)->did, 0);
}
END_TEST

START_TEST(whoever_was_away_asks_again_at_once_and_only_once)
{
    struct change ch;

    setup();
    create();
    ch = of(CHANGE_SHRINK, 12, 112);
    order(&b.p, &ch);
    b.trace.len = 0;
    away(3, true);
    ch = of(CHANGE_TERMS, 0, 0);
    ch.level = KEEP_FSYNC;
    ch.min_sync = 1;
    order(&b.q, &ch); /* no time passes */
    ck_assert_int_eq(b.q.state, PROPOSER_IDLE);
    ck_assert_uint_eq(b.value.ver, 3);
    ck_assert_ptr_nonnull(strstr(buf_text(&b.trace), "2>q nack 1 ballot\nq>1 prepare 3\n"));
    /* Whoever finds somebody in its way again makes room. */
    {
        struct reg_message nack = { .kind = REG_NACK, .voter = 1, .why = NACK_BALLOT };
        struct reg_actions out = { 0 };

        away(1, true);
        away(2, true);
        order(&b.q, &ch);
        memcpy(nack.gid, b.q.gid, sizeof nack.gid);
        for (int i = 0; i < 4; i++) {
            nack.voter = 1 + (uint64_t)i % 2;
            nack.ballot = b.q.ballot;
            nack.promised = (struct ballot){ 9, 100 };
            proposer_hear(&b.q, &nack, b.now_ms, &out);
        }
        ck_assert_uint_eq(b.q.ballot.round, 10);
        ck_assert_int_eq(b.q.state, PROPOSER_WAITING);
        reg_actions_fini(&out);
    }
}
END_TEST

START_TEST(a_ballot_prepared_ahead_saves_a_round)
{
    struct reg_actions out = { 0 };
    struct change ch;

    setup();
    create();
    proposer_set_ahead(&b.p, true, b.now_ms, &out);
    obey(&b.p, &out);
    ck_assert_int_eq(b.p.state, PROPOSER_READY);
    b.trace.len = 0;
    ch = of(CHANGE_SHRINK, 12, 112);
    away(3, true);
    order(&b.p, &ch);
    trace_is("p>1 accept 2\n1 disk\n1>p accepted 2\np>2 accept 2\n2 disk\n2>p accepted 2\n"
             "p>1 learn 2\np>2 learn 2\np>3 learn 2\np done\n"
             "p>1 prepare 3\n1 disk\n1>p promise 3\np>2 prepare 3\n2 disk\n2>p promise 3\n"
             "p>3 prepare 3\np>3 accept 2\n");
}
END_TEST

/* Another's ballot has voided it; or nobody wants it any more. */
START_TEST(a_ballot_prepared_on_an_older_version_is_not_used)
{
    struct reg_actions out = { 0 };
    struct change ch;

    setup();
    create();
    proposer_set_ahead(&b.p, true, b.now_ms, &out);
    obey(&b.p, &out);
    ck_assert(proposer_is_ready(&b.p));
    ch = of(CHANGE_SHRINK, 12, 112);
    order(&b.q, &ch);
    ck_assert_uint_eq(b.value.ver, 2);
    proposer_learn(&b.p, &b.value);
    ck_assert(!proposer_is_ready(&b.p));
    b.trace.len = 0;
    ch = of(CHANGE_TERMS, 0, 0);
    ch.level = KEEP_FSYNC;
    ch.min_sync = 1;
    b.p.ahead = false;
    order(&b.p, &ch);
    ck_assert_ptr_null(strstr(buf_text(&b.trace), "nack 2 "));
    ck_assert_uint_eq(b.value.ver, 3);
    /* And one that is given back. */
    proposer_set_ahead(&b.p, true, b.now_ms, &out);
    obey(&b.p, &out);
    ck_assert_int_eq(b.p.state, PROPOSER_READY);
    proposer_set_ahead(&b.p, false, b.now_ms, &out);
    ck_assert_int_eq(b.p.state, PROPOSER_IDLE);
    proposer_check(&b.p);
    reg_actions_fini(&out);
}
END_TEST

START_TEST(voters_are_replaced_over_a_joint_majority)
{
    struct change ch;

    setup();
    create();
    ch = of(CHANGE_VOTERS_BEGIN, 0, 0);
    for (uint64_t i = 3; i <= 5; i++)
        ch.voters[ch.voter_count++] = voter_of(i);
    away(4, true);
    away(5, true);
    b.quiet = true;
    order(&b.p, &ch);
    ck_assert(b.p.busy); /* all of the old set are not a majority of the new one */
    away(4, false);
    away(5, false);
    while (b.p.busy)
        pass(&b.p);
    ck_assert(charter_is_joint(&b.value) && b.value.voter_count == 5);
    ch = of(CHANGE_VOTERS_FINISH, 0, 0);
    order(&b.p, &ch);
    ck_assert(!charter_is_joint(&b.value) && b.value.voter_count == 3);
    ck_assert_uint_eq(b.value.voters[0].id, 3);
    /* Who still counts the old ones is told of the new ones, and finds them. */
    b.quiet = false;
    b.trace.len = 0;
    ch = (struct change){ .kind = CHANGE_READ };
    order(&b.q, &ch);
    while (b.q.busy)
        pass(&b.q);
    ck_assert_uint_eq(b.value.ver, 3);
    ck_assert_ptr_nonnull(strstr(buf_text(&b.trace), "q>5 "));
}
END_TEST

START_TEST(a_voter_that_shows_less_than_before_is_not_counted)
{
    struct change ch;
    struct acceptor old;

    setup();
    create();
    old = b.voters[2];
    ch = of(CHANGE_SHRINK, 12, 112);
    order(&b.p, &ch);
    b.voters[2] = old;
    away(3, true);
    ch = of(CHANGE_GROW, 12, 113);
    order(&b.p, &ch);
    ck_assert(b.p.busy); /* 1 alone is no majority of three */
    ck_assert_uint_eq(b.p.amnesia, 2);
    ck_assert(proposer_bars(&b.p, 2) && !proposer_bars(&b.p, 1));
}
END_TEST

/* It would bar a voter that has lost nothing, for the life of the process. */
/* It told of a promise that it could not write down, and comes back without it. */
START_TEST(what_a_voter_could_not_write_it_has_not_shown)
{
    struct acceptor written;
    struct change ch, read = { .kind = CHANGE_READ };

    setup();
    create();
    written = b.voters[2];
    b.voters[2].promised = (struct ballot){ 50, 200 };
    acceptor_lost(&b.voters[2]);
    ch = of(CHANGE_SHRINK, 12, 112);
    order(&b.p, &ch);
    ck_assert_ptr_nonnull(strstr(buf_text(&b.trace), "2>p nack 2 lost"));
    b.voters[2] = written;
    order(&b.p, &read);
    ck_assert(!proposer_bars(&b.p, 2));
}
END_TEST

START_TEST(an_old_promise_answers_no_question_of_that_number)
{
    struct change ch, read = { .kind = CHANGE_READ };
    struct reg_message m = { .kind = REG_PROMISE, .voter = 1 };
    struct reg_actions out = { 0 };

    setup();
    create();
    m.ballot = m.promised = b.p.ballot;
    memcpy(m.gid, b.p.gid, sizeof m.gid);
    ch = of(CHANGE_SHRINK, 12, 112);
    order(&b.p, &ch);
    for (uint64_t i = 1; i <= 3; i++)
        away(i, true);
    order(&b.p, &read);
    ck_assert(b.p.state == PROPOSER_READING && ballot_is(b.p.ballot, m.ballot));
    proposer_hear(&b.p, &m, b.now_ms, &out); /* it comes a second time */
    ck_assert_uint_eq(b.p.amnesia, 0);
    reg_actions_fini(&out);
}
END_TEST

/* Requests on their way, each answered so long after it was asked; the result of the change, once it is there. */
struct slow {
    struct reg_message asked[64];
    uint64_t to[64], due_ms[64];
    size_t count;
    uint64_t disk_ms;
    bool done;
};

static void obey_slowly(struct slow *s, struct reg_actions *out)
{
    for (size_t k = 0; k < out->count; k++) {
        s->done = s->done || (out->at[k].kind == REG_RESULT && out->at[k].outcome == OUTCOME_DONE);
        if (out->at[k].kind != REG_SEND || out->at[k].message.kind == REG_LEARN)
            continue;
        ck_assert_uint_lt(s->count, ARRAY_LEN(s->asked));
        s->asked[s->count] = out->at[k].message;
        s->to[s->count] = out->at[k].to;
        s->due_ms[s->count++] = b.now_ms + s->disk_ms;
    }
    reg_actions_fini(out);
}

static void answer_slowly(struct slow *s)
{
    struct reg_actions told_back = { 0 };

    for (size_t i = 0; i < s->count; i++) {
        struct reg_actions out = { 0 };

        if (s->due_ms[i] != b.now_ms)
            continue;
        acceptor_step(&b.voters[s->to[i]], &s->asked[i], &out);
        for (size_t k = 0; k < out.count; k++)
            if (out.at[k].kind == REG_SEND)
                proposer_hear(&b.p, &out.at[k].message, b.now_ms, &told_back);
        reg_actions_fini(&out);
    }
    obey_slowly(s, &told_back);
}

START_TEST(a_slow_disk_is_given_time)
{
    struct change ch = { .kind = CHANGE_CREATE, .first = charter_of_three() };
    struct slow s = { .disk_ms = 180 };
    struct reg_actions out = { 0 };

    setup();
    proposer_submit(&b.p, &ch, UINT64_MAX, b.now_ms, &out);
    obey_slowly(&s, &out);
    while (!s.done && b.now_ms < 5000) {
        b.now_ms++;
        answer_slowly(&s);
        if (b.now_ms >= proposer_wake_ms(&b.p)) {
            proposer_time(&b.p, b.now_ms, &out);
            obey_slowly(&s, &out);
        }
    }
    ck_assert(s.done);
    ck_assert_uint_lt(b.now_ms, 1000);
    ck_assert_uint_eq(b.p.round_ms, PROPOSER_ROUND_MS_MAX);
}
END_TEST

/* ---- a voter alone ----------------------------------------------------------------------------- */

static struct reg_message asked(enum reg_kind kind, uint64_t round, uint64_t proposer)
{
    struct reg_message m = { .kind = kind, .ballot = { round, proposer } };

    m.value = charter_of_three();
    memcpy(m.gid, m.value.gid, sizeof m.gid);
    return m;
}

static const char *replied(struct acceptor *a, const struct reg_message *m)
{
    static char text[100];
    struct reg_actions out = { 0 };
    size_t len = 0;

    acceptor_step(a, m, &out);
    acceptor_check(a);
    text[0] = '\0';
    for (size_t k = 0; k < out.count; k++)
        len += (size_t)snprintf(
            text + len, sizeof text - len, "%s%s%s%s", k ? ", " : "",
            out.at[k].kind == REG_PERSIST ? "disk" : reg_word(out.at[k].message.kind),
            out.at[k].message.kind == REG_NACK ? " " : "",
            out.at[k].message.kind == REG_NACK ? nack_word(out.at[k].message.why) : "");
    reg_actions_fini(&out);
    return text;
}

START_TEST(a_voter_goes_up_only)
{
    struct acceptor a;
    struct reg_message m = asked(REG_PREPARE, 5, 2);

    acceptor_init(&a, 1);
    ck_assert_str_eq(replied(&a, &m), "disk, promise");
    ck_assert_str_eq(replied(&a, &m), "promise"); /* it came twice */
    m = asked(REG_PREPARE, 5, 1);                 /* the same round, by a lesser proposer */
    ck_assert_str_eq(replied(&a, &m), "nack ballot");
    m = asked(REG_ACCEPT, 5, 1);
    ck_assert_str_eq(replied(&a, &m), "nack ballot");
    m = asked(REG_ACCEPT, 5, 2);
    ck_assert_str_eq(replied(&a, &m), "disk, accepted");
    ck_assert_str_eq(replied(&a, &m), "accepted");
    m = asked(REG_ACCEPT, 6, 1); /* its PREPARE was lost */
    ck_assert_str_eq(replied(&a, &m), "disk, accepted");
    m = asked(REG_PREPARE, 7, 1);
    m.gid[0] = 'f';
    ck_assert_str_eq(replied(&a, &m), "nack group");
    m = asked(REG_GET, 1, 1);
    ck_assert_str_eq(replied(&a, &m), "value");
    acceptor_lost(&a);
    ck_assert_str_eq(replied(&a, &m), "nack lost");
}
END_TEST

START_TEST(who_counts_voters_of_the_past_is_told)
{
    struct acceptor a;
    struct reg_message m = asked(REG_ACCEPT, 1, 1);

    acceptor_init(&a, 1);
    ck_assert_str_eq(replied(&a, &m), "disk, accepted");
    m = asked(REG_PREPARE, 2,
              1); /* it knows version 0, and a hash that is not that of the voters */
    ck_assert_str_eq(replied(&a, &m), "disk, promise"); /* not known to be committed */
    m = asked(REG_LEARN, 1, 1);
    ck_assert_str_eq(replied(&a, &m), "");
    m = asked(REG_PREPARE, 3, 1);
    ck_assert_str_eq(replied(&a, &m), "nack voters");
    m.ver = 2; /* it knows more than I */
    ck_assert_str_eq(replied(&a, &m), "disk, promise");
    m.ballot.round++;
    m.ver = 0;
    m.hash = charter_voters_hash(&a.value);
    ck_assert_str_eq(replied(&a, &m), "disk, promise");
}
END_TEST

static bool never_shrink(void *arg, const struct charter *mine, const struct charter *proposed)
{
    return mine && charter_shrinks(mine, proposed);
}

START_TEST(a_voter_may_refuse_and_has_changed_nothing)
{
    struct acceptor a;
    struct reg_message m = asked(REG_ACCEPT, 1, 1);

    acceptor_init(&a, 1);
    a.refuses = never_shrink;
    ck_assert_str_eq(replied(&a, &m), "disk, accepted");
    m = asked(REG_ACCEPT, 2, 1);
    charter_member(&m.value, 12)->did = 0;
    ck_assert_str_eq(replied(&a, &m), "nack policy");
    ck_assert_uint_eq(a.promised.round, 1);
    a.refuses = NULL;
    ck_assert_str_eq(replied(&a, &m), "disk, accepted");
}
END_TEST

START_TEST(a_memory_is_read_as_it_was_written)
{
    struct acceptor a, back = { .voter = 0 };
    struct reg_message m = asked(REG_ACCEPT, 9, 8);
    struct buf memory = { 0 };
    struct errmsg why;

    acceptor_init(&a, 77);
    acceptor_encode(&a, &memory);
    ck_assert_int_eq(acceptor_decode(buf_bytes(&memory), &back, &why), OK);
    ck_assert(back.voter == 77 && !acceptor_has_value(&back));
    (void)replied(&a, &m);
    m = asked(REG_LEARN, 9, 8);
    (void)replied(&a, &m);
    m = asked(REG_PREPARE, 10, 8);
    m.ver = 1;
    (void)replied(&a, &m);
    memory.len = 0;
    acceptor_encode(&a, &memory);
    ck_assert_int_eq(acceptor_decode(buf_bytes(&memory), &back, &why), OK);
    ck_assert(ballot_is(back.promised, a.promised) && back.promised.round == 10);
    ck_assert(ballot_is(back.accepted, a.accepted) && ballot_is(back.committed, a.committed));
    ck_assert(charter_eq(&back.value, &a.value));
    for (size_t len = 0; len < memory.len; len++)
        ck_assert_int_ne(acceptor_decode((struct bytes){ memory.at, len }, &back, &why), OK);
    buf_fini(&memory);
}
END_TEST

CHECK_MAIN("register", a_change_takes_two_rounds_and_is_on_the_disk_before_it_is_told,
           a_read_of_what_is_settled_writes_nothing,
           a_failed_condition_is_told_before_anything_is_sent,
           without_a_majority_it_waits_and_tries_with_a_higher_ballot,
           what_is_given_up_is_unknown_until_something_higher_is_committed,
           its_own_change_is_found_again_and_made_once,
           another_proposer_builds_on_what_one_voter_holds,
           whoever_was_away_asks_again_at_once_and_only_once, a_ballot_prepared_ahead_saves_a_round,
           a_ballot_prepared_on_an_older_version_is_not_used,
           voters_are_replaced_over_a_joint_majority,
           a_voter_that_shows_less_than_before_is_not_counted,
           what_a_voter_could_not_write_it_has_not_shown,
           an_old_promise_answers_no_question_of_that_number, a_slow_disk_is_given_time,
           a_voter_goes_up_only, who_counts_voters_of_the_past_is_told,
           a_voter_may_refuse_and_has_changed_nothing, a_memory_is_read_as_it_was_written)
