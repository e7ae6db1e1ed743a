/*
 * Answers for snapshot, loader and keyspace_take_over: while keys are written, changed in place, renamed,
 * wanted, deleted, flushed and swapped between the slices, and between the pieces of large values, the
 * bytes load as exactly the data set of the moment the snapshot began; a loaded keyspace that took
 * another's place can be walked again; an abort tells once and leaves nothing running.
 */
#include <string.h>

#include "common/alloc.h"
#include "common/clock.h"
#include "node/keyspace/keyspace.h"
#include "node/persist/loader.h"
#include "node/persist/snapshot.h"
#include "tests/check_main.h"

enum { DATABASES = 4, KEYS = 20000, ROUNDS = 6, WRITES_PER_TURN = 200, LARGE = 800000 };

struct image {
    char **lines;
    size_t count, cap;
    int db;
};

static void add_line(void *arg, const struct entry *e)
{
    struct image *image = arg;
    struct buf line = { 0 };
    char scratch[ENTRY_INT_TEXT];

    buf_printf(&line, "%d %lld ", image->db, (long long)entry_expiry_ms(e));
    buf_put_quoted(&line, entry_key(e));
    buf_put_quoted(&line, entry_text(e, scratch));
    buf_text(&line);
    if (image->count == image->cap) {
        image->cap = image->cap ? image->cap * 2 : 1024;
        image->lines = xrealloc(image->lines, image->cap * sizeof *image->lines);
    }
    image->lines[image->count++] = line.at;
}

static int by_text(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

static struct image image_of(const struct keyspace *ks)
{
    struct image image = { 0 };

    for (int db = 0; db < DATABASES; db++) {
        image.db = db;
        keyspace_each(ks, db, add_line, &image);
    }
    if (image.count)
        qsort(image.lines, image.count, sizeof *image.lines, by_text);
    return image;
}

static void image_fini(struct image *image)
{
    for (size_t i = 0; i < image->count; i++)
        xfree(image->lines[i]);
    xfree(image->lines);
}

static void assert_same(const struct keyspace *ks, const struct image *want)
{
    struct image got = image_of(ks);

    ck_assert_uint_eq(got.count, want->count);
    for (size_t i = 0; i < got.count; i++)
        ck_assert_str_eq(got.lines[i], want->lines[i]);
    image_fini(&got);
}

static char large_text[LARGE];

static void write_one(struct keyspace *ks, struct rng *rng)
{
    int db = (int)rng_below(rng, DATABASES);
    char key[32], text[3000];
    struct bytes k = { key, (size_t)snprintf(key, sizeof key, "key:%llu",
                                             (unsigned long long)rng_below(rng, KEYS)) };
    struct bytes v = { text, rng_below(rng, rng_below(rng, 20) ? 40 : sizeof text) };
    struct value value;
    int64_t expiry = rng_below(rng, 3) ? NO_EXPIRY : INT64_MAX / 2 - (int64_t)rng_below(rng, 1000);

    if (!rng_below(rng, 5)) {
        keyspace_delete(ks, db, k, 0);
        return;
    }
    if (!rng_below(rng, 3000)) { /* large enough to go past the buffer */
        v.at = large_text;
        v.len = LARGE - rng_below(rng, 1000);
        memset(large_text, 'A' + (int)rng_below(rng, 26), v.len);
    } else {
        memset(text, 'a' + (int)rng_below(rng, 26), v.len);
    }
    value = v.at == large_text || rng_below(rng, 3) ? value_of_text(v)
                                                    : value_of_int((int64_t)rng_next(rng));
    keyspace_put(ks, db, k, &value, expiry, 0);
}

/* What must go out before it happens, whatever its size. */
static void change_one(struct keyspace *ks, struct rng *rng)
{
    int db = (int)rng_below(rng, DATABASES);
    char from[32], to[32];
    struct bytes key = { from,
                         (size_t)snprintf(from, sizeof from, "key:%d", (int)rng_below(rng, KEYS)) };
    struct bytes other = { to,
                           (size_t)snprintf(to, sizeof to, "key:%d", (int)rng_below(rng, KEYS)) };
    struct entry *e;

    if (!keyspace_read(ks, db, key, 0))
        return;
    switch (rng_below(rng, 4)) {
    case 0:
        keyspace_rename(ks, db, key, other);
        return;
    case 1:
        keyspace_walk_want(ks, db, key);
        return;
    case 2:
        keyspace_delete(ks, db, key, 0);
        return;
    default:
        e = keyspace_write(ks, db, key, 0);
        keyspace_edit_string(ks, db, &e, 10)[0] = '!';
        keyspace_changed(ks, db, e);
    }
}

/* The entry that is between two pieces is the one worth meddling with. */
static void change_open(struct keyspace *ks, const struct snapshot *s, struct rng *rng)
{
    struct entry *e;
    char name[32];
    struct bytes key;

    if (!s->open.entry || rng_below(rng, 3))
        return;
    key = entry_key(s->open.entry);
    memcpy(name, key.at, key.len);
    key.at = name;
    for (int db = 0; db < DATABASES; db++) {
        if (rng_below(rng, 2)) {
            keyspace_delete(ks, db, key, 0);
            continue;
        }
        e = keyspace_write(ks, db, key, 0);
        if (e)
            keyspace_edit_string(ks, db, &e, 10)[0] = '?';
    }
}

struct sink {
    struct buf bytes;
    int done;
    enum err e;
};

static void sink_bytes(void *arg, struct bytes data)
{
    struct sink *sink = arg;

    buf_add(&sink->bytes, data);
}

static void sink_done(void *arg, enum err e, const char *why)
{
    struct sink *sink = arg;

    sink->done++;
    sink->e = e;
}

static const struct snapshot_sink ops = { .bytes = sink_bytes, .done = sink_done };

static void load(struct keyspace *into, struct bytes file, struct rng *rng)
{
    struct loader l;
    struct errmsg why = { 0 };
    size_t at = 0, have = 0, consumed;

    loader_init(&l, into, true, true);
    while (!l.ended) {
        have += 1 + rng_below(rng, 100000);
        have = have > file.len ? file.len : have;
        ck_assert_msg(
            loader_feed(&l, (struct bytes){ file.at + at, have - at }, 0, &consumed, &why) == OK,
            "%s", why.text);
        at += consumed;
        ck_assert(l.ended || have < file.len || at < have);
    }
    ck_assert_uint_eq(at, file.len);
    ck_assert_str_eq(l.position.id, "0123456789012345678901234567890123456789");
    ck_assert_uint_eq(l.position.offset, 77);
    ck_assert_int_eq(l.position.db, 3);
    ck_assert(l.position.known && l.position.born_empty);
    loader_fini(&l);
}

START_TEST(the_image_is_the_moment_it_began)
{
    struct ev_loop *loop = ev_loop_new(EVFLAG_AUTO);
    struct keyspace *ks = keyspace_new(&(struct keyspace_options){ .databases = DATABASES });
    struct snapshot_plan plan = { .compress = true,
                                  .checksum = true,
                                  .position = { .id = "0123456789012345678901234567890123456789",
                                                .offset = 77,
                                                .db = 3,
                                                .known = true,
                                                .born_empty = true } };
    struct snapshot snapshot;
    struct rng rng;

    rng_seed(&rng, test_seed());
    clock_turn();
    snapshot_init(&snapshot, loop, ks);
    for (int i = 0; i < KEYS * 2; i++)
        write_one(ks, &rng);
    for (int round = 0; round < ROUNDS; round++) {
        struct keyspace *fresh = keyspace_new(&(struct keyspace_options){ .databases = DATABASES });
        struct image image = image_of(ks);
        struct sink sink = { 0 };

        plan.rest_us = (int64_t[]){ 0, 20, -5 }[round % 3];
        ck_assert_int_eq(snapshot_start(&snapshot, &plan, &ops, &sink), OK);
        ck_assert_int_eq(snapshot_start(&snapshot, &plan, &ops, &sink), ERR_EXISTS);
        while (!sink.done) {
            for (int i = 0; i < WRITES_PER_TURN; i++)
                write_one(ks, &rng);
            change_one(ks, &rng);
            change_open(ks, &snapshot, &rng);
            if (!rng_below(&rng, 30))
                keyspace_swap(ks, (int)rng_below(&rng, DATABASES), (int)rng_below(&rng, DATABASES));
            if (!rng_below(&rng, 60))
                keyspace_flush(ks, (int)rng_below(&rng, DATABASES));
            ev_run(loop, EVRUN_ONCE);
        }
        ck_assert_int_eq(sink.done, 1);
        ck_assert_int_eq(sink.e, OK);
        load(fresh, buf_bytes(&sink.bytes), &rng);
        assert_same(fresh, &image);
        keyspace_take_over(ks, fresh);
        assert_same(ks, &image);
        keyspace_check(ks);
        keyspace_free(fresh);
        image_fini(&image);
        buf_fini(&sink.bytes);
    }
    ck_assert_uint_gt(snapshot.aside_peak_bytes, 0);
    ck_assert_uint_gt(snapshot.inline_bytes, 0);
    snapshot_fini(&snapshot);
    keyspace_free(ks);
    ev_loop_destroy(loop);
}
END_TEST

START_TEST(an_abort_is_told_once)
{
    struct ev_loop *loop = ev_loop_new(EVFLAG_AUTO);
    struct keyspace *ks = keyspace_new(&(struct keyspace_options){ .databases = DATABASES });
    struct snapshot_plan plan = { 0 };
    struct snapshot snapshot;
    struct sink sink = { 0 };
    struct rng rng;

    rng_seed(&rng, test_seed());
    clock_turn();
    snapshot_init(&snapshot, loop, ks);
    for (int i = 0; i < KEYS; i++)
        write_one(ks, &rng);
    ck_assert_int_eq(snapshot_start(&snapshot, &plan, &ops, &sink), OK);
    snapshot_abort(&snapshot, "because");
    snapshot_abort(&snapshot, "again");
    ck_assert_int_eq(sink.done, 0);
    ev_run(loop, EVRUN_ONCE);
    ck_assert_int_eq(sink.done, 1);
    ck_assert_int_eq(sink.e, ERR_LIMIT);
    ck_assert(!snapshot_running(&snapshot) && !keyspace_walking(ks));
    ck_assert_int_eq(snapshot_start(&snapshot, &plan, &ops, &sink), OK);
    snapshot_finish(&snapshot);
    ck_assert_int_eq(sink.done, 2);
    ck_assert_int_eq(sink.e, OK);
    snapshot_fini(&snapshot);
    keyspace_free(ks);
    buf_fini(&sink.bytes);
    ev_loop_destroy(loop);
}
END_TEST

CHECK_MAIN("snapshot", the_image_is_the_moment_it_began, an_abort_is_told_once)
