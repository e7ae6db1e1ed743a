/*
 * unit: random nests of effects, beside a model that lists what must stand in the stream. What the oplog
 * holds is read back with the request reader.
 */
#include <string.h>

#include "tests/check_main.h"
#include "common/resp.h"
#include "node/oplog/oplog.h"
#include "node/serve/unit.h"

struct world {
    struct oplog log;
    struct oplog_cursor tip;
    struct unit unit;
    struct buf wanted; /* "db:word " for each command that must come, in order */
    int db;            /* that the model stands in */
};

static void begin(struct world *w)
{
    memset(w, 0, sizeof *w);
    oplog_init(&w->log, 1 << 20);
    oplog_backlog_start(&w->log);
    oplog_open_tip(&w->log, &w->tip);
    unit_init(&w->unit, &w->log);
    w->db = -1;
}

static void end(struct world *w)
{
    oplog_close(&w->tip);
    unit_fini(&w->unit);
    oplog_fini(&w->log);
    buf_fini(&w->wanted);
}

static void expect(struct world *w, int db, const char *word)
{
    if (db >= 0 && db != w->db) {
        buf_printf(&w->wanted, "SELECT%d ", db);
        w->db = db;
    }
    buf_printf(&w->wanted, "%s ", word);
}

/* Everything in the stream that was not looked at yet, as words. */
static void said(struct world *w, struct buf *out)
{
    struct resp_limits limits = { .argc_max = 100,
                                  .bulk_bytes_max = 1000,
                                  .inline_bytes_max = 1000 };
    struct resp_reader reader;
    struct resp_request req;
    struct buf all = { 0 };
    struct bytes more;
    size_t at = 0;

    while ((more = oplog_read(&w->tip)).len) {
        buf_add(&all, more);
        oplog_advance(&w->tip, more.len);
    }
    resp_reader_init(&reader, limits);
    while (at < all.len) {
        struct bytes rest = { all.at + at, all.len - at };

        ck_assert(resp_read_request(&reader, rest, &req) == RESP_ITEM);
        for (int i = 0; i < req.argc; i++)
            buf_add(out, req.argv[i]);
        buf_putc(out, ' ');
        at += req.bytes;
    }
    resp_reader_fini(&reader);
    buf_fini(&all);
}

static void compare(struct world *w)
{
    struct buf got = { 0 };

    said(w, &got);
    ck_assert_str_eq(buf_text(&got), buf_text(&w->wanted));
    buf_fini(&got);
    w->wanted.len = 0;
}

static void add(struct world *w, int db, const char *word)
{
    struct bytes argv = bytes_of(word);

    unit_add(&w->unit, db, 1, &argv);
}

START_TEST(random_units)
{
    struct world w;
    struct rng r;

    rng_seed(&r, test_seed());
    begin(&w);
    for (int step = 0; step < 5000; step++) {
        size_t effects = rng_below(&r, 5), depth = 1 + rng_below(&r, 3);
        int dbs[5];
        char words[5][32];
        bool direct = rng_below(&r, 2);

        for (size_t i = 0; i < effects; i++) {
            dbs[i] = (int)rng_below(&r, 3);
            snprintf(words[i], sizeof words[i], "w%d", (int)rng_below(&r, 1000));
        }
        for (size_t i = 0; i < depth; i++)
            unit_begin(&w.unit);
        for (size_t i = 0; i + (direct && depth == 1) < effects; i++)
            add(&w, dbs[i], words[i]);
        if (effects > 1)
            expect(&w, dbs[0], "MULTI");
        for (size_t i = 0; i < effects; i++)
            expect(&w, dbs[i], words[i]);
        if (effects > 1)
            expect(&w, -1, "EXEC");
        for (size_t i = 0; i + 1 < depth; i++)
            unit_end(&w.unit);
        if (direct && depth == 1 && effects) {
            struct bytes argv = bytes_of(words[effects - 1]);

            unit_end_with(&w.unit, dbs[effects - 1], 1, &argv);
        } else {
            unit_end(&w.unit);
        }
        compare(&w);
    }
    end(&w);
}
END_TEST

START_TEST(outside_of_a_unit_effects_stand_alone)
{
    struct world w;

    begin(&w);
    add(&w, 0, "one");
    add(&w, 0, "two");
    expect(&w, 0, "one");
    expect(&w, 0, "two");
    compare(&w);
    end(&w);
}
END_TEST

START_TEST(muted_and_unkept_say_nothing)
{
    uint64_t before;
    struct world w;

    begin(&w);
    w.unit.muted = true;
    before = w.log.next;
    unit_begin(&w.unit);
    add(&w, 0, "one");
    unit_end(&w.unit);
    add(&w, 0, "two");
    ck_assert_uint_eq(w.log.next, before);
    end(&w);
}
END_TEST

START_TEST(an_effect_of_several_commands_is_wrapped)
{
    struct buf two = { 0 };
    struct world w;

    begin(&w);
    resp_put_words(&two, 1, "a");
    resp_put_words(&two, 1, "b");
    unit_begin(&w.unit);
    unit_add_encoded(&w.unit, 4, buf_bytes(&two), 2);
    unit_end(&w.unit);
    expect(&w, 4, "MULTI");
    expect(&w, 4, "a");
    expect(&w, 4, "b");
    expect(&w, -1, "EXEC");
    compare(&w);
    buf_fini(&two);
    end(&w);
}
END_TEST

/* What stands in the stream between its asides. */
static void without_asides(struct world *w, struct buf *out)
{
    struct bytes more;

    while ((more = oplog_read(&w->tip)).len) {
        const struct oplog_aside *aside = oplog_next_aside(&w->log, w->tip.at);
        uint64_t until = aside ? aside->first : w->tip.at + more.len;
        size_t len =
            until > w->tip.at ? (size_t)(until - w->tip.at) : (size_t)(aside->end - w->tip.at);

        len = len > more.len ? more.len : len;
        if (until > w->tip.at)
            buf_append(out, more.at, len);
        oplog_advance(&w->tip, len);
    }
}

START_TEST(what_is_for_followers_alone)
{
    static const struct bytes set = { "SET", 3 }, publish = { "PUBLISH", 7 };
    struct buf got = { 0 };
    struct world w;

    begin(&w);
    oplog_keep_asides(&w.log, true);
    unit_add_aside(&w.unit, 2, 1, &publish);
    unit_begin(&w.unit);
    unit_add(&w.unit, 2, 1, &set);
    unit_add_aside(&w.unit, 2, 1, &publish);
    unit_end(&w.unit);
    unit_begin(&w.unit);
    unit_add_aside(&w.unit, 3, 1, &publish);
    unit_add_aside(&w.unit, 3, 1, &publish);
    unit_end(&w.unit);
    unit_begin(&w.unit);
    unit_end_with(&w.unit, 3, 1, &set);
    without_asides(&w, &got);
    ck_assert_str_eq(buf_text(&got), "*2\r\n$6\r\nSELECT\r\n$1\r\n2\r\n"
                                     "*1\r\n$5\r\nMULTI\r\n*1\r\n$3\r\nSET\r\n*1\r\n$4\r\nEXEC\r\n"
                                     "*2\r\n$6\r\nSELECT\r\n$1\r\n3\r\n*1\r\n$3\r\nSET\r\n");
    buf_fini(&got);
    end(&w);
}
END_TEST

CHECK_MAIN("unit", what_is_for_followers_alone, random_units, outside_of_a_unit_effects_stand_alone,
           muted_and_unkept_say_nothing, an_effect_of_several_commands_is_wrapped)
