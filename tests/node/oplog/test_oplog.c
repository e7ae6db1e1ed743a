/*
 * Answers for node/oplog/oplog.c: the log beside one big array that never forgets. Random appends,
 * cursors that open, read and close, backlogs that start, stop and change; every byte a cursor sees
 * must be the array's, every refusal must be one the array's bounds explain.
 */
#include <string.h>

#include "common/alloc.h"
#include "node/oplog/oplog.h"
#include "tests/check_main.h"

enum { STEPS = 20000, CURSORS = 6, APPEND_MAX = 40000 };

struct model {
    struct oplog log;
    struct buf all; /* byte i of it is offset base + i */
    uint64_t base;
    struct oplog_cursor cursors[CURSORS];
};

static void follow(struct model *m, const void *data, size_t len)
{
    buf_append(&m->all, data, len);
}

static void step_append(struct model *m, struct rng *rng)
{
    static char noise[APPEND_MAX];
    size_t len = rng_below(rng, 8) ? rng_below(rng, 300) : rng_below(rng, APPEND_MAX);
    uint64_t before = m->log.next;

    for (size_t i = 0; i < len; i += 64)
        noise[i] = (char)rng_next(rng);
    if (!oplog_active(&m->log) && rng_below(rng, 2)) {
        oplog_append_encoded(&m->log, OPLOG_NO_DB, (struct bytes){ noise, len });
        ck_assert_uint_eq(m->log.next, before);
        return;
    }
    if (oplog_active(&m->log)) {
        oplog_append_raw(&m->log, noise, len);
        follow(m, noise, len);
    } else {
        oplog_append_raw(&m->log, noise, len);
        buf_fini(&m->all);
        m->base = m->log.next;
    }
    ck_assert_uint_eq(m->log.next, before + len);
}

static void step_cursor(struct model *m, struct rng *rng)
{
    struct oplog_cursor *c = &m->cursors[rng_below(rng, CURSORS)];
    uint64_t at = m->base + rng_below(rng, m->all.len + 3);
    enum err e;

    if (!c->log) {
        bool was_kept = at >= m->log.first && at <= m->log.next;

        e = oplog_open(&m->log, at, c);
        ck_assert_int_eq(e == OK, was_kept);
        ck_assert(e == OK || e == (at > m->log.next ? ERR_RANGE : ERR_GONE));
        return;
    }
    if (!rng_below(rng, 20)) {
        oplog_close(c);
        return;
    }
    for (int i = 0; i < 4; i++) {
        struct bytes got = oplog_read(c);

        ck_assert_uint_eq(oplog_lag(c), m->log.next - c->at);
        ck_assert_int_eq(got.len == 0, c->at == m->log.next);
        ck_assert(c->at + got.len <= m->log.next);
        ck_assert_mem_eq(got.at, m->all.at + (c->at - m->base), got.len);
        oplog_advance(c, got.len ? rng_below(rng, got.len + 1) : 0);
    }
}

static void step_backlog(struct model *m, struct rng *rng)
{
    switch (rng_below(rng, 40)) {
    case 0:
        oplog_backlog_stop(&m->log);
        break;
    case 1:
    case 2: {
        bool silent = !oplog_active(&m->log);

        oplog_backlog_start(&m->log);
        if (silent) {
            buf_fini(&m->all);
            m->base = m->log.next;
        }
        break;
    }
    case 3:
        oplog_backlog_resize(&m->log, 16384 + rng_below(rng, 600000));
        break;
    default:
        break;
    }
}

START_TEST(beside_one_big_array)
{
    struct model m = { 0 };
    struct rng rng;

    rng_seed(&rng, test_seed());
    oplog_init(&m.log, 100000);
    for (int i = 0; i < STEPS; i++) {
        uint64_t slowest;

        step_backlog(&m, &rng);
        step_append(&m, &rng);
        step_cursor(&m, &rng);
        oplog_check(&m.log);
        slowest = m.log.next;
        for (int k = 0; k < CURSORS; k++) {
            if (m.cursors[k].log && m.cursors[k].at < slowest)
                slowest = m.cursors[k].at;
        }
        ck_assert(m.log.first <= slowest);
        /* The backlog keeps what was promised, and no more than the slowest cursor and it explain. */
        if (m.log.backlog) {
            uint64_t most = m.log.backlog_bytes + 2 * 600000;

            ck_assert(oplog_backlog_len(&m.log) <= (m.log.next - slowest) + most);
        }
        if (!oplog_active(&m.log))
            ck_assert_ptr_null(m.log.head);
        if (m.all.len > 4000000 && slowest - m.base > 3000000 && m.log.first - m.base > 2000000) {
            uint64_t drop = m.log.first - m.base;

            buf_drop(&m.all, drop);
            m.base += drop;
        }
    }
    for (int k = 0; k < CURSORS; k++)
        oplog_close(&m.cursors[k]);
    oplog_fini(&m.log);
    buf_fini(&m.all);
}
END_TEST

static struct bytes all_of(struct oplog_cursor *c, struct buf *into)
{
    into->len = 0;
    for (struct bytes got = oplog_read(c); got.len; got = oplog_read(c)) {
        buf_add(into, got);
        oplog_advance(c, got.len);
    }
    return buf_bytes(into);
}

START_TEST(selects_a_database_once)
{
    struct oplog log;
    struct oplog_cursor c = { 0 };
    struct buf got = { 0 };

    oplog_init(&log, 1 << 20);
    oplog_append_words(&log, 0, 3, "SET", "a", "1");
    ck_assert_uint_eq(log.next, 0);
    oplog_open_tip(&log, &c);
    oplog_append_words(&log, 3, 2, "INCR", "a");
    oplog_append_words(&log, OPLOG_NO_DB, 1, "PING");
    oplog_append_words(&log, 3, 2, "INCR", "b");
    oplog_append_encoded(&log, 11, BYTES("*1\r\n$4\r\nNOOP\r\n"));
    ck_assert(bytes_is(all_of(&c, &got),
                       "*2\r\n$6\r\nSELECT\r\n$1\r\n3\r\n*2\r\n$4\r\nINCR\r\n$1\r\na\r\n"
                       "*1\r\n$4\r\nPING\r\n*2\r\n$4\r\nINCR\r\n$1\r\nb\r\n"
                       "*2\r\n$6\r\nSELECT\r\n$2\r\n11\r\n*1\r\n$4\r\nNOOP\r\n"));
    oplog_forget_db(&log);
    oplog_append_words(&log, 11, 1, "NOOP");
    ck_assert(bytes_is(all_of(&c, &got), "*2\r\n$6\r\nSELECT\r\n$2\r\n11\r\n*1\r\n$4\r\nNOOP\r\n"));
    oplog_close(&c);
    ck_assert(!oplog_active(&log));
    oplog_fini(&log);
    buf_fini(&got);
}
END_TEST

START_TEST(what_a_slow_cursor_held_is_freed_a_little_at_a_time)
{
    struct oplog log;
    struct oplog_cursor c = { 0 };
    char piece[1000] = { 0 };
    int sweeps = 0;

    oplog_init(&log, 1 << 20);
    oplog_open_tip(&log, &c);
    for (int i = 0; i < 50000; i++)
        oplog_append_raw(&log, piece, sizeof piece);
    ck_assert(!oplog_sweep(&log));
    ck_assert_uint_gt(log.held_bytes, 50000000);
    oplog_close(&c);
    oplog_check(&log);
    ck_assert_uint_eq(log.held_bytes, 0);
    ck_assert_uint_eq(log.first, log.next);
    while (oplog_sweep(&log))
        sweeps++;
    ck_assert_int_gt(sweeps, 5);
    oplog_append_raw(&log, piece, sizeof piece);
    oplog_check(&log);
    oplog_fini(&log);
}
END_TEST

START_TEST(who_may_continue)
{
    struct oplog log;
    char old[OPLOG_ID_LEN + 1];
    uint64_t at = 0;

    oplog_init(&log, 1 << 20);
    memcpy(old, log.id, sizeof old);
    ck_assert_int_eq(oplog_can_continue(&log, bytes_of(log.id), 1, &at), ERR_GONE); /* no backlog */
    oplog_backlog_start(&log);
    ck_assert_uint_eq(log.next, 0);
    ck_assert_int_eq(oplog_can_continue(&log, bytes_of(old), 1, &at), ERR_NOTFOUND); /* from INFO */
    ck_assert_int_eq(oplog_can_continue(&log, bytes_of(log.id), 1, &at), OK);
    memcpy(old, log.id, sizeof old);
    oplog_backlog_stop(&log);
    oplog_backlog_start(&log);
    ck_assert_str_eq(log.id, old);
    ck_assert_uint_eq(log.next, 1); /* the byte nobody can ask for */
    ck_assert_int_eq(oplog_can_continue(&log, bytes_of(log.id), 1, &at), ERR_GONE);
    oplog_append_raw(&log, "0123456789", 10);
    ck_assert_int_eq(oplog_can_continue(&log, bytes_of(log.id), 2, &at), OK);
    ck_assert_uint_eq(at, 1);
    ck_assert_int_eq(oplog_can_continue(&log, bytes_of(log.id), 12, &at), OK);
    ck_assert_uint_eq(at, 11);
    ck_assert_int_eq(oplog_can_continue(&log, bytes_of(log.id), 13, &at), ERR_GONE);
    ck_assert_int_eq(oplog_can_continue(&log, bytes_of(log.id), -1, &at), ERR_GONE);
    ck_assert_int_eq(oplog_can_continue(&log, BYTES("?"), -1, &at), ERR_NOTFOUND);

    oplog_promote(&log);
    ck_assert_str_eq(log.id2, old);
    ck_assert_str_ne(log.id, old);
    ck_assert_int_eq(log.id2_offset, 12);
    oplog_append_raw(&log, "more", 4);
    ck_assert_int_eq(oplog_can_continue(&log, bytes_of(old), 12, &at), OK);
    ck_assert_int_eq(oplog_can_continue(&log, bytes_of(old), 13, &at), ERR_NOTFOUND);
    ck_assert_int_eq(oplog_can_continue(&log, bytes_of(log.id), 16, &at), OK);

    oplog_adopt(&log, old, 500);
    ck_assert_uint_eq(log.next, 500);
    ck_assert_uint_eq(oplog_backlog_len(&log), 0);
    ck_assert_int_eq(log.id2_offset, -1);
    ck_assert_int_eq(oplog_can_continue(&log, bytes_of(old), 501, &at), OK);
    oplog_append_raw(&log, "more", 4);
    oplog_change_id(&log);
    ck_assert_int_eq(oplog_can_continue(&log, bytes_of(old), 501, &at), ERR_NOTFOUND);
    ck_assert_int_eq(oplog_can_continue(&log, bytes_of(log.id), 501, &at), OK);
    oplog_new_history(&log);
    ck_assert(!log.backlog);
    ck_assert_str_ne(log.id, old);
    oplog_fini(&log);
}
END_TEST

/* Beside an array of flags, one a byte. */
START_TEST(asides_are_stepped_over)
{
    enum { ROUNDS = 3000 };
    struct oplog_cursor c = { 0 };
    struct oplog log;
    struct buf flags = { 0 };
    uint64_t first, forgotten = 0;
    struct rng rng;

    rng_seed(&rng, test_seed());
    oplog_init(&log, 1 << 20);
    oplog_wake(&log);
    ck_assert_uint_eq(log.next, 0);
    first = log.next;
    oplog_open_tip(&log, &c);
    oplog_wake(&log); /* active: nothing moves */
    ck_assert_uint_eq(log.next, first);
    oplog_keep_asides(&log, true);
    for (int i = 0; i < ROUNDS; i++) {
        uint64_t from = log.next,
                 at = forgotten + rng_below(&rng, log.next - first + 1 - forgotten);
        bool aside = rng_below(&rng, 3) == 0;
        const struct oplog_aside *found;

        oplog_append_words(&log, OPLOG_NO_DB, 1, "PING");
        for (uint64_t b = from; b < log.next; b++)
            buf_putc(&flags, aside);
        if (aside && rng_below(&rng, 2))
            oplog_set_aside(&log, from + 5); /* a larger one takes it in */
        if (aside)
            oplog_set_aside(&log, from);
        found = oplog_next_aside(&log, first + at);
        while (at < flags.len && !flags.at[at])
            at++;
        ck_assert_int_eq(found != NULL, at < flags.len);
        if (found) {
            ck_assert_uint_le(found->first, first + at);
            ck_assert_uint_gt(found->end, first + at);
            ck_assert(found->end == log.next || !flags.at[found->end - first]);
        }
        if (rng_below(&rng, 10) == 0) {
            forgotten += rng_below(&rng, flags.len - forgotten);
            oplog_forget_asides(&log, first + forgotten);
        }
    }
    oplog_keep_asides(&log, false);
    ck_assert_ptr_null(oplog_next_aside(&log, 0));
    oplog_set_aside(&log, first);
    ck_assert_ptr_null(oplog_next_aside(&log, 0));
    oplog_close(&c);
    oplog_fini(&log);
    buf_fini(&flags);
}
END_TEST

/* Beside one array: whatever is cut, what is left and what comes then is as in it. */
START_TEST(a_stream_that_is_cut_goes_on_from_there)
{
    enum { ROUNDS = 400, PIECE_MAX = 30000 };
    static char piece[PIECE_MAX];
    struct buf all = { 0 }, got = { 0 };
    struct oplog_cursor c = { 0 };
    struct oplog log;
    struct rng rng;

    rng_seed(&rng, test_seed());
    oplog_init(&log, 200000);
    oplog_backlog_start(&log);
    oplog_keep_asides(&log, true);
    for (int i = 0; i < ROUNDS; i++) {
        size_t len = 1 + rng_below(&rng, PIECE_MAX - 1);
        uint64_t kept = log.next - log.first, from = log.next;
        uint64_t to = log.next - rng_below(&rng, rng_below(&rng, 9) ? kept + 1 : log.next + 1);

        oplog_append_raw(&log, piece, 1 + rng_below(&rng, 50));
        oplog_set_aside(&log, from);
        oplog_cut(&log, to);
        oplog_check(&log);
        ck_assert_uint_eq(log.next, to);
        ck_assert(!oplog_next_aside(&log, to));
        all.len = to;
        memset(piece, 'a' + i % 26, len);
        oplog_append_raw(&log, piece, len);
        buf_append(&all, piece, len);
        oplog_check(&log);
        ck_assert_int_eq(oplog_open(&log, log.first, &c), OK);
        ck_assert_uint_eq(all_of(&c, &got).len, log.next - log.first);
        ck_assert_mem_eq(got.at, all.at + log.first, got.len);
        oplog_close(&c);
    }
    oplog_fini(&log);
    buf_fini(&all);
    buf_fini(&got);
}
END_TEST

CHECK_MAIN("oplog", a_stream_that_is_cut_goes_on_from_there, asides_are_stepped_over,
           beside_one_big_array, selects_a_database_once,
           what_a_slow_cursor_held_is_freed_a_little_at_a_time, who_may_continue)
