/*
 * Answers for replica/upstream.c and replica/failover.c: scenarios as text. Each line of a script is an
 * event (a number in front moves the clock on by so many milliseconds), and the trace it must leave
 * stands beside it.
 */
#include <string.h>

#include "common/bytes.h"
#include "node/replica/failover.h"
#include "node/replica/upstream.h"
#include "tests/check_main.h"

#define ID   "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
#define NEW  "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"
#define MARK "mmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmm"
#define ODD  "oooooooooooooooooooooooooooooo\a\roooooooo" /* as long, but no word */

struct step {
    const char *event; /* "follow", "up", "line +OK", "timer", …; "history 41": what we hold */
    const char *trace; /* actions, each ended by a semicolon; NULL: none */
    int after_ms;
};

static const struct {
    const char *word;
    enum upstream_event_kind kind;
    enum err e;
} events[] = {
    { "follow", UPSTREAM_EV_FOLLOW, OK },
    { "stop", UPSTREAM_EV_STOP, OK },
    { "up", UPSTREAM_EV_UP, OK },
    { "down", UPSTREAM_EV_DOWN, OK },
    { "input", UPSTREAM_EV_INPUT, OK },
    { "loaded", UPSTREAM_EV_LOADED, OK },
    { "broken", UPSTREAM_EV_LOADED, ERR_CORRUPT },
    { "refused", UPSTREAM_EV_LOADED, ERR_REFUSED },
    { "ack", UPSTREAM_EV_ACK, OK },
    { "ask", UPSTREAM_EV_ASK, OK },
    { "drained", UPSTREAM_EV_DRAINED, OK },
    { "timer", UPSTREAM_EV_TIMER, OK },
    { "sync", UPSTREAM_EV_SYNC, OK },
    { "same sync", UPSTREAM_EV_SYNC, OK },
    { "no-sync", UPSTREAM_EV_NO_SYNC, OK },
};

static void print_action(struct buf *out, const struct upstream_action *a)
{
    static const char *const names[] = {
        [UPSTREAM_DIAL] = "dial",
        [UPSTREAM_DROP] = "drop",
        [UPSTREAM_SEND] = "send",
        [UPSTREAM_NEWLINE] = "newline",
        [UPSTREAM_SYNC] = "sync",
        [UPSTREAM_LOAD] = "load",
        [UPSTREAM_CONTINUE] = "continue",
        [UPSTREAM_FAILOVER_DONE] = "failover-done",
        [UPSTREAM_FAILOVER_REFUSED] = "failover-refused",
    };

    buf_puts(out, names[a->kind]);
    for (int i = 0; i < a->argc; i++)
        buf_printf(out, " %.*s", (int)a->words[i].len, a->words[i].at);
    if (a->kind == UPSTREAM_LOAD)
        buf_printf(out, " id=%s offset=%llu mark=%s bytes=%llu", a->id,
                   (unsigned long long)a->offset, a->mark, (unsigned long long)a->bytes);
    if (a->kind == UPSTREAM_CONTINUE)
        buf_printf(out, " %s", a->id);
    buf_puts(out, "; ");
}

static void play(struct upstream *u, const struct step *steps)
{
    struct upstream_event ev = { .now_ms = 1000, .view = { .id = ID } };
    struct upstream_actions actions;
    struct buf trace = { 0 };

    for (int n = 0; steps[n].event; n++) {
        const char *word = steps[n].event;
        bool found = false;

        ev.now_ms += (uint64_t)steps[n].after_ms;
        if (!strncmp(word, "history ", 8)) {
            ev.view.history = true;
            ev.view.offset = strtoull(word + 8, NULL, 10);
            continue;
        }
        if (!strncmp(word, "line ", 5)) {
            ev.kind = UPSTREAM_EV_LINE;
            ev.line = bytes_of(word + 5);
            found = true;
        }
        for (size_t i = 0; !found && i < ARRAY_LEN(events); i++) {
            if (strcmp(word, events[i].word) != 0)
                continue;
            ev.kind = events[i].kind;
            ev.e = events[i].e;
            ev.again = !strncmp(word, "same ", 5);
            found = true;
        }
        ck_assert_msg(found, "step %d: no such event: %s", n, word);
        trace.len = 0;
        upstream_step(u, &ev, &actions);
        for (int i = 0; i < actions.count; i++)
            print_action(&trace, &actions.items[i]);
        ck_assert_msg(
            !strcmp(trace.len ? buf_text(&trace) : "", steps[n].trace ? steps[n].trace : ""),
            "step %d (%s): got '%s', wanted '%s'", n, word, trace.len ? buf_text(&trace) : "",
            steps[n].trace ? steps[n].trace : "");
        ck_assert_msg(u->state == UPSTREAM_OFF || u->group || upstream_wake_ms(u) != UINT64_MAX,
                      "step %d (%s): nothing would wake it", n, word);
    }
    buf_fini(&trace);
}

static const struct upstream_config plain = { "", "", { 0 }, 6380, 60000 };
static const struct upstream_config secret = { "joe", "10.0.0.9", { "pw", 2 }, 6380, 60000 };
static const struct upstream_config bounded = { "", "", { 0 }, 6380, 60000, 300 };

#define TO_PSYNC                                                                    \
    { "follow", "dial; ", 0 }, { "up", "send PING; ", 0 },                          \
        { "line +PONG",                                                             \
          "send REPLCONF listening-port 6380; send REPLCONF capa eof capa psync2; " \
          "send REPLCONF hf-ack 1; send REPLCONF hf-echo 0; ",                      \
          0 },                                                                      \
        { "line +OK", NULL, 0 }, { "line +OK", NULL, 0 },                           \
    {                                                                               \
        "line +OK", NULL, 0                                                         \
    }

START_TEST(a_full_sync_with_an_end_mark)
{
    static const struct step steps[] = {
        TO_PSYNC,
        { "line +OK", "send PSYNC ? -1; ", 0 },
        { "line ", NULL, 30000 }, /* keep-alives while the leader prepares */
        { "line ", NULL, 50000 },
        { "line +FULLRESYNC " NEW " 41", NULL, 50000 },
        { "line $EOF:" MARK, "load id=" NEW " offset=41 mark=" MARK " bytes=0; ", 0 },
        { "input", NULL, 400 },
        { "timer", "newline; ", 700 },
        { "history 41", NULL, 0 },
        { "loaded", "send REPLCONF ACK 41; ", 0 },
        { "timer", NULL, 500 },
        { "timer", "send REPLCONF ACK 41; ", 500 },
        { "history 99", NULL, 0 },
        { "ack", "send REPLCONF ACK 99; ", 10 },
        { "timer", NULL, 995 },
        { 0 },
    };
    struct upstream u;

    upstream_init(&u, &plain);
    play(&u, steps);
    ck_assert_int_eq(u.state, UPSTREAM_STREAM);
}
END_TEST

START_TEST(a_partial_sync_under_a_new_id)
{
    static const struct step steps[] = {
        { "history 41", NULL, 0 },
        TO_PSYNC,
        { "line -ERR Unrecognized REPLCONF option", "send PSYNC " ID " 42; ", 0 },
        { "line +CONTINUE " NEW, "continue " NEW "; ", 0 },
        { "down", "drop; ", 100 },
        { "timer", "dial; ", 50 },
        { 0 },
    };
    struct upstream u;

    upstream_init(&u, &plain);
    play(&u, steps);
    ck_assert_uint_eq(u.down_since_ms, 1100);
}
END_TEST

START_TEST(authentication_is_tolerated_late_and_must_succeed)
{
    static const struct step steps[] = {
        { "follow", "dial; ", 0 },
        { "up", "send PING; ", 0 },
        { "line -NOAUTH Authentication required.",
          "send AUTH joe pw; send REPLCONF listening-port 6380; send REPLCONF ip-address 10.0.0.9; "
          "send REPLCONF capa eof capa psync2; send REPLCONF hf-ack 1; send REPLCONF hf-echo 0; ",
          0 },
        { "line +OK", NULL, 0 },
        { "line -ERR no", NULL, 0 },
        { "line +OK", NULL, 0 },
        { "line +OK", NULL, 0 },
        { "line +OK", NULL, 0 },
        { "line +OK", "send PSYNC ? -1; ", 0 },
        { "line -LOADING later", "drop; ", 0 },
        { "timer", "dial; ", 50 },
        { "up", "send PING; ", 0 },
        { "line +PONG",
          "send AUTH joe pw; send REPLCONF listening-port 6380; send REPLCONF ip-address 10.0.0.9; "
          "send REPLCONF capa eof capa psync2; send REPLCONF hf-ack 1; send REPLCONF hf-echo 0; ",
          0 },
        { "line -WRONGPASS", "drop; ", 0 },
        { "timer", NULL, 99 }, /* twice as long as the first time */
        { "timer", "dial; ", 1 },
        { 0 },
    };
    struct upstream u;

    upstream_init(&u, &secret);
    play(&u, steps);
}
END_TEST

START_TEST(a_leader_whose_disk_fails_is_copied)
{
    static const struct step steps[] = {
        { "follow", "dial; ", 0 },
        { "up", "send PING; ", 0 },
        { "line -MISCONF Errors writing to the AOF file: No space left on device",
          "send REPLCONF listening-port 6380; send REPLCONF capa eof capa psync2; "
          "send REPLCONF hf-ack 1; send REPLCONF hf-echo 0; ",
          0 },
        { 0 },
    };
    struct upstream u;

    upstream_init(&u, &plain);
    play(&u, steps);
}
END_TEST

#define TO_STREAM(answer) \
    { "history 41", NULL, 0 }, TO_PSYNC, { answer, "send PSYNC " ID " 42; ", 0 },

/* The steps begin at 1000. */
START_TEST(an_answer_proves_the_moment_of_its_question)
{
    static const struct step steps[] = {
        TO_STREAM("line +OK"){ "line +CONTINUE " ID, "continue " ID "; ", 0 },
        { "input", "send REPLCONF hf-echo 1; ", 7 }, /* the first is due at once */
        { "input", NULL, 250 },                      /* proves nothing */
        { "line +hf-echo 2", NULL, 0 }, /* nor does an answer that was not asked for, */
        { "line +hf-echo 1x", NULL, 0 },
        { "line +hf-echo ", NULL, 0 },
        { "line ", NULL, 0 },
        { "drained", NULL, 0 }, /* nor that there is nothing more */
        { 0 },
    };
    static const struct step answered[] = {
        { "line +hf-echo 1", NULL, 0 },
        { "line +hf-echo 1", NULL, 0 },
        { "timer", NULL, 106 },
        { "timer", "send REPLCONF hf-echo 2; ", 1 },
        { "timer", NULL, 500 },
        { "line +hf-echo 1", NULL, 0 }, /* answered once already */
        { "line +hf-echo 2", "send REPLCONF hf-echo 3; ", 0 },
        { 0 },
    };
    struct upstream u;

    upstream_init(&u, &bounded);
    ck_assert_uint_eq(freshness_age_ms(&u.freshness, 1000), UINT64_MAX);
    play(&u, steps);
    ck_assert_uint_eq(freshness_age_ms(&u.freshness, 2000), UINT64_MAX);
    play(&u, answered);
    ck_assert_uint_eq(freshness_age_ms(&u.freshness, 1607), 500);
    ck_assert_str_eq(freshness_word(&u.freshness), "echo");
    ck_assert_uint_eq(u.freshness.proved, 2);
}
END_TEST

START_TEST(who_follows_us_asks_through_us)
{
    static const struct step steps[] = {
        TO_STREAM("line +OK"){ "line +CONTINUE " ID, "continue " ID "; ", 0 },
        { "input", NULL, 500 }, /* nobody here wants to know */
        { "ask", "send REPLCONF hf-echo 1; ", 0 },
        { "ask", NULL, 0 }, /* the one under way began before this */
        { "line +hf-echo 1", "send REPLCONF hf-echo 2; ", 5 },
        { "down", "drop; ", 0 },
        { "timer", "dial; ", 50 },
        { "up", "send PING; ", 0 },
        { "line +PONG",
          "send REPLCONF listening-port 6380; send REPLCONF capa eof capa psync2; "
          "send REPLCONF hf-ack 1; send REPLCONF hf-echo 0; ",
          0 },
        { "line +OK", NULL, 0 },
        { "line +OK", NULL, 0 },
        { "line +OK", NULL, 0 },
        { "line +OK", "send PSYNC " ID " 42; ", 0 },
        { "line +CONTINUE " ID, "continue " ID "; ", 0 },
        { "input", "send REPLCONF hf-echo 3; ",
          0 }, /* what was owed on the old link is asked again */
        { "line +hf-echo 2", NULL, 0 },
        { "line +hf-echo 3", NULL, 0 },
        { "timer", NULL, 900 },
        { 0 },
    };
    struct upstream u;

    upstream_init(&u, &plain);
    play(&u, steps);
    ck_assert_uint_eq(u.freshness.proved, 3);
}
END_TEST

START_TEST(a_redis_proves_nothing_and_another_leader_begins_anew)
{
    static const struct step steps[] = {
        TO_STREAM("line -ERR Unrecognized REPLCONF option: hf-echo"){ "line +CONTINUE " ID,
                                                                      "continue " ID "; ", 0 },
        { "input", NULL, 600 },
        { "ask", NULL, 0 },
        { 0 },
    };
    static const struct step drained[] = { { "drained", NULL, 0 }, { 0 } };
    static const struct step another[] = { { "follow", "drop; dial; ", 0 }, { 0 } };
    struct upstream u;

    upstream_init(&u, &bounded);
    play(&u, steps);
    ck_assert_str_eq(freshness_word(&u.freshness), "none");
    play(&u, drained);
    ck_assert_str_eq(freshness_word(&u.freshness), "input");
    ck_assert_uint_eq(freshness_age_ms(&u.freshness, 1250), 250);
    play(&u, another);
    ck_assert_uint_eq(freshness_age_ms(&u.freshness, 1250), UINT64_MAX);
}
END_TEST

#define UP_AND_SYNC                                                                   \
    {                                                                                 \
        "up",                                                                         \
            "send REPLCONF listening-port 6380; send REPLCONF capa eof capa psync2; " \
            "send REPLCONF hf-ack 1; send REPLCONF hf-echo 0; sync; ",                \
            0                                                                         \
    }
#define TO_SYNC                                                                                 \
    { "history 41", NULL, 0 }, { "follow", "dial; ", 0 }, UP_AND_SYNC, { "line +OK", NULL, 0 }, \
        { "line +OK", NULL, 0 }, { "line +OK", NULL, 0 }, { "line +OK", NULL, 0 },

START_TEST(a_group_asks_again_on_the_link_that_it_has)
{
    static const struct step steps[] = {
        TO_SYNC{ "no-sync", NULL, 0 },
        { "no-sync", NULL, 0 }, /* nobody asked */
        { "line +CONTINUE " NEW, NULL, 0 },
        { "timer", NULL, 5000 },
        { "sync", "sync; ", 0 },
        { "sync", "drop; dial; ", 0 }, /* the first one is not answered */
        { "sync", NULL, 0 },
        UP_AND_SYNC,
        { "line +OK", NULL, 0 },
        { "sync", "drop; dial; ", 0 }, /* the one that was said is not what is asked now */
        UP_AND_SYNC,
        { 0 },
    };
    struct upstream u;

    upstream_init(&u, &plain);
    u.group = true;
    play(&u, steps);
    ck_assert_int_eq(u.state, UPSTREAM_GREETING);
}
END_TEST

/* What was said stands in its buffers still: it is not said on ten links a second. */
START_TEST(a_busy_leader_is_dialled_once)
{
    static const struct step steps[] = {
        { "history 41", NULL, 0 },
        { "follow", "dial; ", 0 },
        UP_AND_SYNC,
        { "same sync", NULL, 100 },
        { "same sync", NULL, 4899 },
        { "same sync", "drop; dial; ", 1 }, /* whatever that is which takes connections there */
        UP_AND_SYNC,
        { "line +OK", NULL, 100 }, /* it turns */
        { "same sync", "drop; dial; ", 100 },
        UP_AND_SYNC,
        { "sync", "drop; dial; ", 100 }, /* something else is asked */
        { 0 },
    };
    struct upstream u;

    upstream_init(&u, &plain);
    u.group = true;
    play(&u, steps);
}
END_TEST

START_TEST(a_group_dials_when_it_is_asked_to)
{
    static const struct step steps[] = {
        TO_SYNC{ "line +CONTINUE " NEW, "continue " NEW "; ", 0 },
        { "down", "drop; ", 0 },
        { "timer", NULL, 100000 },
        { "sync", "dial; ", 0 },
        { "down", "drop; ", 0 },
        { "stop", NULL, 0 },
        { "sync", "dial; ", 0 },
        { "sync", NULL, 0 },
        { "timer", "drop; ", 60000 },
        { "timer", NULL, 60000 },
        { 0 },
    };
    struct upstream u;

    upstream_init(&u, &plain);
    u.group = true;
    play(&u, steps);
    ck_assert_uint_eq(upstream_wake_ms(&u), UINT64_MAX);
}
END_TEST

START_TEST(a_group_is_refused_and_asks_for_no_other_sync)
{
    static const struct step steps[] = {
        TO_SYNC{ "line -NOPERM this user has no permissions", "drop; ", 0 },
        { "line -LOADING", NULL, 0 },
        { "sync", "dial; ", 0 },
        { 0 },
    };
    static const struct step payload[] = {
        TO_SYNC{ "line +FULLRESYNC " NEW " 41", NULL, 0 },
        { "line $EOF:" MARK, "load id=" NEW " offset=41 mark=" MARK " bytes=0; ", 0 },
        { "sync", "drop; dial; ", 0 },
        { 0 },
    };
    struct upstream u;

    upstream_init(&u, &plain);
    u.group = true;
    play(&u, steps);
    upstream_init(&u, &plain);
    u.group = true;
    play(&u, payload);
}
END_TEST

START_TEST(an_old_leader_knows_only_sync)
{
    static const struct step steps[] = {
        TO_PSYNC,
        { "line +OK", "send PSYNC ? -1; ", 0 },
        { "line -ERR unknown command", "send SYNC; ", 0 },
        { "line $1234", "load id= offset=0 mark= bytes=1234; ", 0 },
        { "loaded", NULL, 0 }, /* it takes no acknowledgements */
        { "ack", NULL, 0 },
        { 0 },
    };
    struct upstream u;

    upstream_init(&u, &plain);
    play(&u, steps);
    ck_assert_int_eq(u.state, UPSTREAM_STREAM);
}
END_TEST

START_TEST(rubbish_and_silence_end_the_link)
{
    static const struct step silent[] = {
        TO_PSYNC, { "timer", NULL, 59999 }, { "timer", "drop; ", 1 }, { 0 }
    };
    static const struct step rubbish[] = {
        TO_PSYNC, { "line +OK", "send PSYNC ? -1; ", 0 }, { "line +WHAT", "drop; ", 0 }, { 0 }
    };
    static const struct step short_id[] = { TO_PSYNC,
                                            { "line +OK", "send PSYNC ? -1; ", 0 },
                                            { "line +FULLRESYNC abc 1", "drop; ", 0 },
                                            { 0 } };
    static const struct step odd_id[] = { TO_PSYNC,
                                          { "line +OK", "send PSYNC ? -1; ", 0 },
                                          { "line +FULLRESYNC " ODD " 1", "drop; ", 0 },
                                          { 0 } };
    static const struct step odd_continuation[] = { { "history 41", NULL, 0 },
                                                    TO_PSYNC,
                                                    { "line +OK", "send PSYNC " ID " 42; ", 0 },
                                                    { "line +CONTINUE " ODD, "drop; ", 0 },
                                                    { 0 } };
    static const struct step odd_mark[] = { TO_PSYNC,
                                            { "line +OK", "send PSYNC ? -1; ", 0 },
                                            { "line +FULLRESYNC " NEW " 0", NULL, 0 },
                                            { "line $EOF:" ODD, "drop; ", 0 },
                                            { 0 } };
    static const struct step far_offset[] = { TO_PSYNC,
                                              { "line +OK", "send PSYNC ? -1; ", 0 },
                                              { "line +FULLRESYNC " NEW " 18446744073709551615",
                                                "drop; ", 0 },
                                              { 0 } };
    static const struct step uninvited[] = { TO_PSYNC,
                                             { "line +OK", "send PSYNC ? -1; ", 0 },
                                             { "line +CONTINUE " ID, "drop; ", 0 },
                                             { 0 } };
    static const struct step no_payload[] = { TO_PSYNC,
                                              { "line +OK", "send PSYNC ? -1; ", 0 },
                                              { "line +FULLRESYNC " NEW " 0", NULL, 0 },
                                              { "line -ERR no disk", "drop; ", 0 },
                                              { 0 } };
    static const struct step broken[] = {
        TO_PSYNC,
        { "line +OK", "send PSYNC ? -1; ", 0 },
        { "line +FULLRESYNC " NEW " 0", NULL, 0 },
        { "line $10", "load id=" NEW " offset=0 mark= bytes=10; ", 0 },
        { "refused", "drop; ", 0 },
        { "timer", NULL, 999 }, /* not at once: it would only say the same again */
        { "timer", "dial; ", 1 },
        { "stop", "drop; ", 0 },
        { "timer", NULL, 5000 },
        { 0 },
    };
    static const struct step *const scripts[] = {
        silent,   rubbish,    short_id,  odd_id,     odd_continuation,
        odd_mark, far_offset, uninvited, no_payload, broken,
    };

    for (size_t i = 0; i < ARRAY_LEN(scripts); i++) {
        struct upstream u;

        upstream_init(&u, &plain);
        play(&u, scripts[i]);
    }
}
END_TEST

START_TEST(handing_over_by_psync)
{
    static const struct step taken[] = { { "history 41", NULL, 0 },
                                         TO_PSYNC,
                                         { "line +OK", "send PSYNC " ID " 42 FAILOVER; ", 0 },
                                         { "line +CONTINUE " NEW,
                                           "continue " NEW "; failover-done; ", 0 },
                                         { 0 } };
    static const struct step refused[] = { { "history 41", NULL, 0 },
                                           TO_PSYNC,
                                           { "line +OK", "send PSYNC " ID " 42 FAILOVER; ", 0 },
                                           { "line -ERR no", "failover-refused; ", 0 },
                                           { "stop", "drop; ", 0 },
                                           { 0 } };
    struct upstream u;

    upstream_init(&u, &plain);
    u.failover = true;
    play(&u, taken);
    ck_assert(!u.failover);
    upstream_init(&u, &plain);
    u.failover = true;
    play(&u, refused);
    ck_assert_int_eq(u.state, UPSTREAM_OFF);
}
END_TEST

START_TEST(failover_waits_for_somebody_or_its_time)
{
    struct failover f = { 0 };

    failover_start(&f, NULL, 0, false, 0, 100);
    ck_assert_uint_eq(failover_wake_ms(&f), UINT64_MAX);
    ck_assert_int_eq(failover_step(&f, 1000000, NULL, 0), FAILOVER_DO_NOTHING);
    ck_assert_int_eq(failover_step(&f, 1000001, "h", 7), FAILOVER_DO_FOLLOW);
    ck_assert_str_eq(f.host, "h");
    ck_assert_str_eq(failover_word(f.state), "failover-in-progress");
    ck_assert_int_eq(failover_step(&f, 1000001, "h", 7), FAILOVER_DO_NOTHING);

    failover_start(&f, "t", 9, false, 500, 100);
    ck_assert_uint_eq(failover_wake_ms(&f), 600);
    ck_assert_int_eq(failover_step(&f, 599, NULL, 0), FAILOVER_DO_NOTHING);
    ck_assert_int_eq(failover_step(&f, 600, NULL, 0), FAILOVER_DO_ABORT);
    ck_assert_str_eq(failover_word(f.state), "no-failover");

    failover_start(&f, "t", 9, true, 500, 100);
    ck_assert_str_eq(failover_word(f.state), "waiting-for-sync");
    ck_assert_int_eq(failover_step(&f, 600, NULL, 0), FAILOVER_DO_FOLLOW);
    ck_assert_str_eq(f.host, "t");
    ck_assert_int_eq(f.port, 9);
}
END_TEST

CHECK_MAIN("upstream", a_full_sync_with_an_end_mark, a_group_asks_again_on_the_link_that_it_has,
           a_busy_leader_is_dialled_once, a_group_dials_when_it_is_asked_to,
           a_group_is_refused_and_asks_for_no_other_sync, a_partial_sync_under_a_new_id,
           a_leader_whose_disk_fails_is_copied, an_answer_proves_the_moment_of_its_question,
           who_follows_us_asks_through_us, a_redis_proves_nothing_and_another_leader_begins_anew,
           authentication_is_tolerated_late_and_must_succeed, an_old_leader_knows_only_sync,
           rubbish_and_silence_end_the_link, handing_over_by_psync,
           failover_waits_for_somebody_or_its_time)
