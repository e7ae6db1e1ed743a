/*
 * The keyspace against three arrays, one for each database: random writing through every door,
 * time that passes, flushes and swaps; beside it scans, expiry cycles and snapshot walks, some of
 * them aborted. A walk must emit each entry of its start exactly once, with the value of that
 * moment, and nothing else.
 */
#include "node/keyspace/keyspace.h"

#include <string.h>

#include "common/alloc.h"
#include "common/clock.h"
#include "tests/check_main.h"

enum { DBS = 3, KEYS = 700, STEPS = 20000, VALUE_MAX = 70000 };

struct model_key {
    bool there;
    int64_t expiry_ms;
    int value; /* its text is made from this number */
};

struct image_key {
    bool there, emitted;
    int64_t expiry_ms;
    int value;
};

static struct model_key model[DBS][KEYS];
static struct image_key image[DBS][KEYS];
static uint64_t now_ms;
static struct keyspace *ks;
static uint64_t changes, expiries;

static uint64_t wall(void)
{
    return now_ms;
}

static struct bytes key_name(int i)
{
    static char name[32];

    return (struct bytes){ name, (size_t)snprintf(name, sizeof name, "key:%d", i) };
}

static int key_number(struct bytes key)
{
    int64_t number = -1;

    ck_assert(bytes_to_i64((struct bytes){ key.at + 4, key.len - 4 }, &number));
    ck_assert(number >= 0 && number < KEYS);
    return (int)number;
}

/* Values of all forms: integers, short, middling and long texts; all distinct. */
static struct bytes text_into(char text[VALUE_MAX + 32], int v)
{
    static const int fills[] = { 0, 1, 20, 300, 3000 };
    int fill = v % 50 == 7 ? VALUE_MAX : fills[v % 5]; /* a few that the walk keeps */
    size_t len;

    if (v % 6 == 0)
        return (struct bytes){ text, fmt_i64(text, v) };
    len = (size_t)snprintf(text, VALUE_MAX, "v%d:", v);
    memset(text + len, 'x', (size_t)fill);
    return (struct bytes){ text, len + (size_t)fill };
}

/* For writing; what the witness of a walk compares with has a buffer of its own. */
static struct bytes value_text(int v)
{
    static char text[VALUE_MAX + 32];

    return text_into(text, v);
}

static void check_value(const struct entry *e, int v, int64_t expiry_ms)
{
    static char text[VALUE_MAX + 32];
    char scratch[ENTRY_INT_TEXT];

    ck_assert(bytes_eq(entry_text(e, scratch), text_into(text, v)));
    ck_assert_int_eq(entry_expiry_ms(e), expiry_ms);
}

static void heard_change(void *arg, int db, struct bytes key)
{
    changes++;
}

static void heard_expired(void *arg, int db, struct bytes key)
{
    struct model_key *m = &model[db][key_number(key)];

    ck_assert(m->there && m->expiry_ms != NO_EXPIRY && m->expiry_ms < (int64_t)now_ms);
    m->there = false;
    expiries++;
}

static bool alive(const struct model_key *m)
{
    return m->there && (m->expiry_ms == NO_EXPIRY || m->expiry_ms >= (int64_t)now_ms);
}

static struct keyspace *fresh(void)
{
    struct keyspace_options options = {
        .databases = DBS,
        .wall_ms = wall,
        .hooks = { .changed = heard_change, .expired = heard_expired },
    };

    memset(model, 0, sizeof model);
    clock_turn();
    now_ms = 1000000;
    changes = expiries = 0;
    return keyspace_new(&options);
}

/* ---- the walk's witness ---- */

static struct rng *emit_rng;
static const struct entry *between_pieces;

/* Any entry may take several pieces here; until its last nothing else comes in turn. */
static uint32_t witness(void *arg, int db, const struct entry *e, enum emit_how how)
{
    struct image_key *i = &image[db][key_number(entry_key(e))];
    uint32_t stop = rng_below(emit_rng, 10) ? 0 : EMIT_STOP;

    ck_assert_msg(i->there, "emitted what was not there at the start");
    ck_assert_msg(!i->emitted, "emitted twice");
    check_value(e, i->value, i->expiry_ms);
    if (how == EMIT_IN_TURN)
        ck_assert(!between_pieces || between_pieces == e);
    if (how == EMIT_IN_TURN && rng_below(emit_rng, 4) == 0) {
        between_pieces = e;
        return EMIT_MORE | stop;
    }
    if (between_pieces == e)
        between_pieces = NULL;
    i->emitted = true;
    return stop;
}

static void begin_walk(void)
{
    uint64_t expires, keys, left = 0;

    if (keyspace_walk_begin(ks, witness, NULL) != OK)
        ck_abort_msg("no walk");
    between_pieces = NULL;
    for (int db = 0; db < DBS; db++) {
        uint64_t count = 0, with_expiry = 0;

        for (int k = 0; k < KEYS; k++) {
            const struct model_key *m = &model[db][k];

            image[db][k] = (struct image_key){ .there = m->there,
                                               .expiry_ms = m->expiry_ms,
                                               .value = m->value };
            count += m->there;
            with_expiry += m->there && m->expiry_ms != NO_EXPIRY;
        }
        keys = keyspace_walk_keys(ks, db, &expires);
        ck_assert_uint_eq(keys, count);
        ck_assert_uint_eq(expires, with_expiry);
        left += keys;
    }
    ck_assert_uint_eq(keyspace_walk_left(ks), left);
}

static void end_walk(void)
{
    for (int db = 0; db < DBS; db++) {
        for (int k = 0; k < KEYS; k++)
            ck_assert_msg(image[db][k].there == image[db][k].emitted, "db %d key %d missing", db,
                          k);
    }
}

static int walks_done;

static void drive_walk(struct rng *rng)
{
    if (!keyspace_walking(ks)) {
        if (rng_below(rng, 300) == 0)
            begin_walk();
        else if (rng_below(rng, 4) == 0)
            keyspace_walk_step(ks, 0); /* the sweep after an aborted one */
        return;
    }
    if (rng_below(rng, 2000) == 0) {
        keyspace_walk_abort(ks);
    } else if (rng_below(rng, 3) == 0 && keyspace_walk_step(ks, 0)) {
        end_walk();
        walks_done++;
    } else if (rng_below(rng, 20) == 0) {
        int db = (int)rng_below(rng, DBS), k = (int)rng_below(rng, KEYS);
        uint64_t left = keyspace_walk_left(ks), news = keyspace_walk_news(ks);
        bool pending = keyspace_walk_pending(ks, db, key_name(k)) > 0;

        keyspace_walk_want(ks, db, key_name(k));
        ck_assert_uint_eq(keyspace_walk_left(ks), left);
        while (keyspace_walk_wanted(ks))
            ck_assert(!keyspace_walk_step(ks, 0) || !keyspace_walking(ks));
        ck_assert_uint_eq(keyspace_walk_pending(ks, db, key_name(k)), 0);
        ck_assert(!pending || keyspace_walk_news(ks) > news);
        if (!keyspace_walking(ks)) {
            end_walk();
            walks_done++;
        }
    }
}

/* ---- random steps ---- */

static int64_t random_expiry(struct rng *rng)
{
    return rng_below(rng, 2) ? NO_EXPIRY : (int64_t)(now_ms + rng_below(rng, 3000));
}

static void step_put(struct rng *rng, int db, int k)
{
    struct model_key *m = &model[db][k];
    bool keep = rng_below(rng, 4) == 0;
    int64_t expiry = random_expiry(rng);
    int v = (int)rng_below(rng, 100000);
    struct value value = value_of_text(value_text(v));

    if (keep && alive(m))
        expiry = m->expiry_ms;
    check_value(keyspace_put(ks, db, key_name(k), &value, expiry, keep ? PUT_KEEP_EXPIRY : 0), v,
                expiry);
    *m = (struct model_key){ true, expiry, v };
}

static void step_edit(struct rng *rng, int db, int k)
{
    struct model_key *m = &model[db][k];
    struct entry *e = keyspace_write(ks, db, key_name(k), 0);
    int v = (int)rng_below(rng, 100000);
    struct bytes text = value_text(v);
    struct value value = value_of_text(text);

    ck_assert(!!e == m->there);
    if (!e)
        return;
    if (rng_below(rng, 2)) {
        e = keyspace_set_string(ks, db, e, &value);
    } else if (entry_text_len(e) <= text.len) {
        memcpy(keyspace_edit_string(ks, db, &e, text.len), text.at, text.len);
        ck_assert(entry_raw(e));
    } else {
        return;
    }
    keyspace_changed(ks, db, e);
    m->value = v;
}

static void step_expiry(struct rng *rng, int db, int k)
{
    struct entry *e = keyspace_write(ks, db, key_name(k), DOOR_NO_TOUCH);
    int64_t expiry = random_expiry(rng);

    ck_assert(!!e == model[db][k].there);
    if (!e)
        return;
    keyspace_set_expiry(ks, db, e, expiry);
    model[db][k].expiry_ms = expiry;
}

static void step_delete(struct rng *rng, int db, int k)
{
    bool was = alive(&model[db][k]);

    ck_assert(keyspace_delete(ks, db, key_name(k), 0) == was);
    ck_assert(was == model[db][k].there);
    model[db][k].there = false;
}

static void step_rename(struct rng *rng, int db, int k)
{
    int to = (int)rng_below(rng, KEYS);
    char from[32];
    struct bytes name = key_name(k);

    memcpy(from, name.at, name.len);
    if (to == k || !keyspace_write(ks, db, name, 0))
        return;
    keyspace_rename(ks, db, (struct bytes){ from, name.len }, key_name(to));
    model[db][to] = model[db][k];
    model[db][k].there = false;
}

static void step_move(struct rng *rng, int db, int k)
{
    int other = (db + 1) % DBS;
    bool can = alive(&model[db][k]) && !alive(&model[other][k]);

    ck_assert(keyspace_move(ks, db, key_name(k), other, 0) == can);
    if (!can)
        return;
    model[other][k] = model[db][k];
    model[db][k].there = false;
}

static void step_whole(struct rng *rng, int db, int k)
{
    struct model_key swap[KEYS];
    int other = (int)rng_below(rng, DBS);

    if (rng_below(rng, 40))
        return;
    if (rng_below(rng, 3)) {
        keyspace_swap(ks, db, other);
        memcpy(swap, model[db], sizeof swap);
        memcpy(model[db], model[other], sizeof swap);
        memcpy(model[other], swap, sizeof swap);
        return;
    }
    if (rng_below(rng, 3))
        return;
    keyspace_flush(ks, rng_below(rng, 4) ? db : -1);
    for (int d = 0; d < DBS; d++) {
        if (keyspace_size(ks, d) == 0)
            memset(model[d], 0, sizeof model[d]);
    }
}

static void step_read(struct rng *rng, int db, int k)
{
    const struct entry *e = keyspace_read(ks, db, key_name(k), 0);

    ck_assert(!!e == alive(&model[db][k]));
    if (e)
        check_value(e, model[db][k].value, model[db][k].expiry_ms);
}

/* Keys that were fetched ahead are found as any others: in order, twice, not at all, in another database. */
static void step_pipeline(struct rng *rng, int db, int k)
{
    char names[KEYSPACE_AHEAD][32];
    struct resp_glance glances[KEYSPACE_AHEAD];
    int count = (int)rng_below(rng, KEYSPACE_AHEAD + 1);

    for (int i = 0; i < count; i++) {
        struct bytes name = key_name((k + i * 7) % KEYS);

        memcpy(names[i], name.at, name.len);
        glances[i] = (struct resp_glance){ .key = { names[i], rng_below(rng, 8) ? name.len : 0 } };
    }
    keyspace_fetch(ks, db, glances, count);
    for (int i = 0; i < count; i++) {
        for (uint64_t times = rng_below(rng, 3); glances[i].key.len && times > 0; times--) {
            int in = rng_below(rng, 4) ? db : (db + 1) % DBS;
            const struct entry *e = keyspace_read(ks, in, glances[i].key, 0);

            ck_assert(!!e == alive(&model[in][(k + i * 7) % KEYS]));
        }
        step_read(rng, db, (int)rng_below(rng, KEYS));
    }
    keyspace_fetch(ks, db, NULL, 0);
}

static void step_time(struct rng *rng, int db, int k)
{
    int64_t next;

    now_ms += rng_below(rng, 20);
    if (rng_below(rng, 2))
        return;
    while ((next = keyspace_expire_due(ks, 1000)) <= (int64_t)now_ms)
        continue;
    for (int d = 0; d < DBS; d++) {
        for (int i = 0; i < KEYS; i++) /* not one is late */
            ck_assert(alive(&model[d][i]) == model[d][i].there);
    }
    ck_assert(next >= keyspace_next_expiry_ms(ks));
}

typedef void step_fn(struct rng *rng, int db, int k);

static void run_steps(struct rng *rng)
{
    static step_fn *const steps[] = { step_put,     step_put,    step_put,    step_edit,
                                      step_expiry,  step_delete, step_rename, step_move,
                                      step_whole,   step_read,   step_read,   step_time,
                                      step_pipeline };
    uint64_t lowest;

    for (int i = 0; i < STEPS; i++) {
        steps[rng_below(rng, ARRAY_LEN(steps))](rng, (int)rng_below(rng, DBS),
                                                (int)rng_below(rng, KEYS));
        drive_walk(rng);
        if (i % 1000 == 0)
            keyspace_check(ks);
    }
    for (int db = 0; db < DBS; db++) {
        struct keyspace_db_stats stats;

        lowest = 0;
        for (int k = 0; k < KEYS; k++)
            lowest += model[db][k].there;
        keyspace_db_stats(ks, db, &stats);
        ck_assert_uint_eq(stats.keys, lowest);
    }
}

START_TEST(agrees_with_arrays)
{
    struct rng rng;

    rng_seed(&rng, test_seed());
    emit_rng = &rng;
    walks_done = 0;
    ks = fresh();
    run_steps(&rng);
    ck_assert_int_gt(walks_done, 2);
    ck_assert_uint_gt(expiries, 100);
    keyspace_free(ks);
}
END_TEST

static void put_text(int db, const char *key, const char *text, int64_t expiry_ms)
{
    struct value v = value_of_text(bytes_of(text));

    keyspace_put(ks, db, bytes_of(key), &v, expiry_ms, 0);
}

static uint32_t count_emitted(void *arg, int db, const struct entry *e, enum emit_how how)
{
    ++*(int *)arg;
    return 0;
}

START_TEST(walks_aborted_for_ever_are_refused_until_swept)
{
    int emitted = 0, begun = 0;

    ks = fresh();
    put_text(0, "key:1", "a", NO_EXPIRY);
    put_text(1, "key:2", "b", NO_EXPIRY);
    while (keyspace_walk_begin(ks, count_emitted, &emitted) == OK) {
        begun++;
        ck_assert(keyspace_walk_begin(ks, count_emitted, &emitted) == ERR_EXISTS);
        keyspace_walk_abort(ks);
        ck_assert(keyspace_sweeping(ks));
        ck_assert_int_lt(begun, 256);
    }
    while (!keyspace_walk_step(ks, 0))
        continue;
    ck_assert(!keyspace_sweeping(ks));
    ck_assert_int_eq(emitted, 0);
    ck_assert(keyspace_walk_begin(ks, count_emitted, &emitted) == OK);
    while (!keyspace_walk_step(ks, 0))
        continue;
    ck_assert_int_eq(emitted, 2);
    keyspace_free(ks);
}
END_TEST

START_TEST(a_walk_keeps_its_image_when_a_loaded_keyspace_takes_over)
{
    struct keyspace_options options = { .databases = DBS, .wall_ms = wall };
    struct keyspace *loaded = keyspace_new(&options);
    struct load_attributes plain = { NO_EXPIRY, -1, -1 };
    struct value v = value_of_text(BYTES("new"));
    struct entry *e;
    int emitted = 0;

    ks = fresh();
    for (int i = 0; i < 300; i++) {
        v = value_of_int(i);
        keyspace_put(ks, i % DBS, key_name(i), &v, NO_EXPIRY, 0);
        if (i % 2)
            ck_assert(keyspace_load(loaded, i % DBS, key_name(i), &v, &plain) == OK);
    }
    ck_assert(keyspace_walk_begin(ks, count_emitted, &emitted) == OK);
    ck_assert(!keyspace_walk_step(ks, 0));
    keyspace_take_over(ks, loaded);
    keyspace_free(loaded);
    ck_assert_uint_eq(keyspace_size(ks, 0), 50);
    e = keyspace_write(ks, 0, BYTES("key:3"), 0); /* of the new data: nothing is emitted for it */
    keyspace_set_expiry(ks, 0, e, 5000000);
    while (!keyspace_walk_step(ks, 0))
        continue;
    ck_assert_int_eq(emitted, 300);
    emitted = 0;
    ck_assert(keyspace_walk_begin(ks, count_emitted, &emitted) == OK);
    while (!keyspace_walk_step(ks, 0))
        continue;
    ck_assert_int_eq(emitted, 150);
    keyspace_check(ks);
    loaded = keyspace_new_beside(ks);
    for (int i = 0; i < 300; i++)
        ck_assert(keyspace_load(loaded, i % DBS, key_name(i), &v, &plain) == OK);
    keyspace_throw_away(ks, loaded);
    ck_assert_uint_eq(keyspace_size(ks, 0), 50);
    keyspace_free(ks);
}
END_TEST

/* It is swapped out of the keyspace like the others, and the walk comes to it later all the same. */
START_TEST(an_empty_database_stays_the_walks_when_a_loaded_keyspace_takes_over)
{
    struct keyspace_options options = { .databases = DBS, .wall_ms = wall };
    struct keyspace *loaded = keyspace_new(&options);
    struct value v = value_of_int(1);
    int emitted = 0;

    ks = fresh();
    for (int i = 0; i < 300; i++)
        keyspace_put(ks, 0, key_name(i), &v, NO_EXPIRY, 0);
    ck_assert(keyspace_walk_begin(ks, count_emitted, &emitted) == OK);
    ck_assert(!keyspace_walk_step(ks, 0));
    keyspace_take_over(ks, loaded);
    keyspace_free(loaded);
    while (!keyspace_walk_step(ks, 0))
        continue;
    ck_assert_int_eq(emitted, 300);
    keyspace_check(ks);
    keyspace_free(ks);
}
END_TEST

START_TEST(followers_hide_and_do_not_delete)
{
    ks = fresh();
    put_text(0, "key:1", "a", (int64_t)now_ms + 10);
    model[0][1] = (struct model_key){ true, (int64_t)now_ms + 10, 0 };
    keyspace_set_follower(ks, true);
    now_ms += 10;
    ck_assert_ptr_nonnull(
        keyspace_read(ks, 0, BYTES("key:1"), 0)); /* still within its millisecond */
    now_ms += 1;
    ck_assert_ptr_null(keyspace_read(ks, 0, BYTES("key:1"), 0));
    ck_assert_ptr_nonnull(keyspace_read(ks, 0, BYTES("key:1"), DOOR_STREAM));
    ck_assert(keyspace_expire_due(ks, 1000) == INT64_MAX);
    ck_assert_uint_eq(keyspace_size(ks, 0), 1);
    ck_assert_ptr_nonnull(keyspace_random(ks, 0)); /* as Redis, where every key may have expired */
    put_text(0, "key:2", "b", NO_EXPIRY);
    model[0][2] = (struct model_key){ true, NO_EXPIRY, 0 };
    for (int i = 0; i < 10; i++)
        ck_assert(bytes_eq(entry_key(keyspace_random(ks, 0)), BYTES("key:2")));
    ck_assert(keyspace_delete(ks, 0, BYTES("key:2"), 0));
    model[0][2].there = false;
    keyspace_set_follower(ks, false);
    ck_assert_int_lt(keyspace_next_expiry_ms(ks), (int64_t)now_ms + 1);
    ck_assert(keyspace_expire_due(ks, 1000) == INT64_MAX);
    ck_assert_uint_eq(keyspace_size(ks, 0), 0);
    ck_assert_uint_eq(expiries, 1);
    keyspace_free(ks);
}
END_TEST

START_TEST(clocks_tell_idle_time_and_frequency)
{
    const struct entry *e;

    ks = fresh();
    put_text(0, "key:1", "a", NO_EXPIRY);
    now_ms += 5000;
    e = keyspace_read(ks, 0, BYTES("key:1"), DOOR_NO_TOUCH);
    ck_assert_uint_eq(keyspace_idle_seconds(ks, e), 5);
    e = keyspace_read(ks, 0, BYTES("key:1"), 0);
    ck_assert_uint_eq(keyspace_idle_seconds(ks, e), 0);
    keyspace_set_frequency(ks, true, 0, 1); /* factor 0: each use counts */
    put_text(0, "key:2", "a", NO_EXPIRY);
    for (int i = 0; i < 10; i++)
        keyspace_read(ks, 0, BYTES("key:2"), 0);
    e = keyspace_read(ks, 0, BYTES("key:2"), DOOR_NO_TOUCH);
    ck_assert_int_eq(keyspace_frequency(ks, e), 15);
    now_ms += 4 * 60000;
    ck_assert_int_eq(keyspace_frequency(ks, e), 11);
    keyspace_free(ks);
}
END_TEST

START_TEST(loading_carries_attributes)
{
    struct load_attributes a = { .expiry_ms = 5000000, .idle_seconds = 77, .frequency = -1 };
    struct value v = value_of_text(BYTES("text"));
    const struct entry *e;
    struct keyspace_stats stats;

    ks = fresh();
    ck_assert(keyspace_load(ks, 2, BYTES("key:5"), &v, &a) == OK);
    ck_assert(keyspace_load(ks, 2, BYTES("key:5"), &v, &a) == ERR_EXISTS);
    e = keyspace_read(ks, 2, BYTES("key:5"), DOOR_NO_TOUCH | DOOR_NO_STATS);
    ck_assert_uint_eq(keyspace_idle_seconds(ks, e), 77);
    ck_assert_int_eq(entry_expiry_ms(e), 5000000);
    ck_assert_uint_eq(changes, 0);
    keyspace_stats(ks, &stats);
    ck_assert_uint_eq(stats.hits, 0);
    keyspace_free(ks);
}
END_TEST

START_TEST(small_entries_are_small)
{
    struct value text = value_of_text(BYTES("sixteen.bytes..!")), number = value_of_int(123456);
    struct bytes key = BYTES("key:000000000001");

    ks = fresh();
    ck_assert_uint_le(entry_own_bytes(keyspace_put(ks, 0, key, &text, NO_EXPIRY, 0)), 48);
    ck_assert_uint_le(entry_own_bytes(keyspace_put(ks, 0, key, &text, 5000000, 0)), 48);
    ck_assert_uint_le(entry_own_bytes(keyspace_put(ks, 1, key, &number, NO_EXPIRY, 0)), 40);
    keyspace_free(ks);
}
END_TEST

START_TEST(long_keys_survive_every_change)
{
    static char name[3000];
    struct bytes key = { name, sizeof name };
    struct entry *e;

    memset(name, 'k', sizeof name);
    ks = fresh();
    for (int v = 0; v < 60; v++) {
        struct value value = value_of_text(value_text(v));

        keyspace_put(ks, 0, key, &value, v % 3 ? NO_EXPIRY : 5000000, 0);
        e = keyspace_write(ks, 0, key, 0);
        ck_assert(bytes_eq(entry_key(e), key));
        e = keyspace_set_expiry(ks, 0, e, v % 2 ? NO_EXPIRY : 6000000);
        ck_assert(bytes_eq(entry_key(e), key));
        check_value(e, v, v % 2 ? NO_EXPIRY : 6000000);
        keyspace_check(ks);
    }
    keyspace_free(ks);
}
END_TEST

CHECK_MAIN("keyspace", agrees_with_arrays, walks_aborted_for_ever_are_refused_until_swept,
           a_walk_keeps_its_image_when_a_loaded_keyspace_takes_over,
           an_empty_database_stays_the_walks_when_a_loaded_keyspace_takes_over,
           followers_hide_and_do_not_delete, clocks_tell_idle_time_and_frequency,
           loading_carries_attributes, small_entries_are_small, long_keys_survive_every_change)
