/*
 * Answers for the choice of RDB version: a table says which a payload carries for what it holds; through
 * whatever door a value comes, changes or goes, the header follows; a walk keeps the version of the
 * moment it began. The values are stand-ins that need what their test says.
 */
#include <string.h>

#include "common/alloc.h"
#include "common/clock.h"
#include "node/keyspace/keyspace.h"
#include "node/persist/rdb_write.h"
#include "node/persist/snapshot.h"
#include "tests/check_main.h"

enum { DBS = 3, KEYS = 40, STEPS = 4000 };

struct standin {
    enum value_need need;
};

static void standin_free(void *apart)
{
    xfree(apart);
}

static void *standin_copy(const void *apart)
{
    struct standin *copy = xmalloc(sizeof *copy);

    *copy = *(const struct standin *)apart;
    return copy;
}

static size_t standin_length(const void *apart)
{
    (void)apart;
    return 1;
}

static enum value_need standin_need(const void *apart)
{
    return ((const struct standin *)apart)->need;
}

static int standin_type(const void *apart)
{
    (void)apart;
    return 1;
}

static bool standin_save(const void *apart, uint64_t *cursor, bool compress, struct buf *out)
{
    (void)apart;
    (void)cursor;
    (void)compress;
    rdb_put_len(out, 0);
    return true;
}

static const struct value_ops standin_ops = { .free = standin_free,
                                              .copy = standin_copy,
                                              .bytes = standin_length,
                                              .length = standin_length,
                                              .need = standin_need,
                                              .rdb_type = standin_type,
                                              .save = standin_save };

static struct value needing(enum value_need need)
{
    struct standin *s = xmalloc(sizeof *s);

    s->need = need;
    return (struct value){ .type = VALUE_LIST, .form = FORM_APART, .apart = s };
}

static struct keyspace *keyspace_of_standins(void)
{
    struct keyspace *ks = keyspace_new(&(struct keyspace_options){ .databases = DBS });

    keyspace_set_type(ks, VALUE_LIST, &standin_ops);
    return ks;
}

/* ---- the version a snapshot carries ---- */

static void take(void *arg, struct bytes data)
{
    buf_add(arg, data);
}

static void ignore_end(void *arg, enum err e, const char *why)
{
    ck_assert_int_eq(e, OK);
}

static const struct snapshot_sink sink = { .bytes = take, .done = ignore_end };

struct taking {
    struct ev_loop *loop;
    struct snapshot snapshot;
    struct buf bytes;
};

static void taking_init(struct taking *t, struct keyspace *ks)
{
    *t = (struct taking){ .loop = ev_loop_new(EVFLAG_AUTO) };
    snapshot_init(&t->snapshot, t->loop, ks);
}

static void taking_begin(struct taking *t, uint32_t needs, bool no_keys, bool valkey)
{
    struct snapshot_plan plan = { .needs = needs, .no_keys = no_keys, .valkey = valkey };

    t->bytes.len = 0;
    ck_assert_int_eq(snapshot_start(&t->snapshot, &plan, &sink, &t->bytes), OK);
}

static int taking_end(struct taking *t)
{
    int64_t version = -1;

    snapshot_finish(&t->snapshot);
    ck_assert_uint_gt(t->bytes.len, RDB_MAGIC_LEN);
    if (memcmp(t->bytes.at, "VALKEY0", 7) == 0) {
        ck_assert(bytes_to_i64((struct bytes){ t->bytes.at + 7, 2 }, &version));
        return (int)version;
    }
    ck_assert(memcmp(t->bytes.at, "REDIS00", 7) == 0);
    if (t->bytes.at[7] == '0')
        return t->bytes.at[8] - '0';
    ck_assert(bytes_to_i64((struct bytes){ t->bytes.at + 7, 2 }, &version));
    return (int)version;
}

static int version_now(struct taking *t)
{
    taking_begin(t, 0, false, false);
    return taking_end(t);
}

static void taking_fini(struct taking *t)
{
    snapshot_fini(&t->snapshot);
    buf_fini(&t->bytes);
    ev_loop_destroy(t->loop);
}

/* ---- by content ---- */

START_TEST(each_content_has_its_version)
{
    static const struct {
        enum value_need keys[3];
        uint32_t needs;
        bool no_keys, valkey;
        int version;
    } cases[] = {
        { { NEED_NOTHING }, 0, false, false, 9 },
        { { NEED_STREAM }, 0, false, false, 10 },
        { { NEED_NOTHING }, RDB_NEED_FUNCTIONS, false, false, 10 },
        { { NEED_STREAM }, RDB_NEED_FUNCTIONS, false, false, 10 },
        { { NEED_FIELD_EXPIRY }, 0, false, false, 12 },
        { { NEED_FIELD_EXPIRY, NEED_STREAM }, 0, false, false, 12 },
        { { NEED_STREAM, NEED_NOTHING, NEED_FIELD_EXPIRY }, RDB_NEED_FUNCTIONS, false, false, 12 },
        { { NEED_FIELD_EXPIRY, NEED_STREAM }, 0, true, false, 9 }, /* no keys are sent */
        { { NEED_FIELD_EXPIRY }, RDB_NEED_FUNCTIONS, true, false, 10 },
        { { NEED_STREAM }, RDB_NEED_FUNCTIONS, false, true, 10 },
        { { NEED_STREAM, NEED_FIELD_EXPIRY }, 0, false, true, 80 },
        { { NEED_FIELD_EXPIRY }, 0, true, true, 9 },
    };

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct keyspace *ks = keyspace_of_standins();
        struct value text = value_of_text(BYTES("text"));
        struct taking t;

        taking_init(&t, ks);
        keyspace_put(ks, 0, BYTES("text"), &text, NO_EXPIRY, 0);
        for (size_t k = 0; k < ARRAY_LEN(cases[i].keys); k++) {
            struct value v = needing(cases[i].keys[k]);
            char name = (char)('a' + k);

            keyspace_put(ks, (int)k, (struct bytes){ &name, 1 }, &v, NO_EXPIRY, 0);
        }
        taking_begin(&t, cases[i].needs, cases[i].no_keys, cases[i].valkey);
        ck_assert_msg(taking_end(&t) == cases[i].version, "case %zu", i);
        taking_fini(&t);
        keyspace_free(ks);
    }
}
END_TEST

START_TEST(a_dump_carries_what_its_value_needs)
{
    static const int versions[VALUE_NEEDS] = { 9, 10, 12 };

    for (int need = 0; need < VALUE_NEEDS; need++) {
        struct standin s = { (enum value_need)need };
        struct buf out = { 0 };

        rdb_dump_apart(&out, &standin_ops, &s);
        ck_assert_int_eq(out.at[out.len - RDB_DUMP_FOOTER], versions[need]);
        buf_fini(&out);
    }
}
END_TEST

/* ---- by every door ---- */

static struct bytes random_key(struct rng *rng, char name[16])
{
    return (struct bytes){ name, (size_t)snprintf(name, 16, "k%d", (int)rng_below(rng, KEYS)) };
}

static struct value random_value(struct rng *rng)
{
    return rng_below(rng, 3) ? needing((enum value_need)rng_below(rng, VALUE_NEEDS))
                             : value_of_text(BYTES("text"));
}

static void change_in_place(struct keyspace *ks, int db, struct bytes key, enum value_need need)
{
    struct entry *e = keyspace_write(ks, db, key, 0);

    if (!e || entry_form(e) != FORM_APART)
        return;
    ((struct standin *)entry_apart(e))->need = need;
    keyspace_changed(ks, db, e);
}

static void load_one(struct keyspace *ks, int db, struct bytes key, struct rng *rng)
{
    struct load_attributes a = { .expiry_ms = NO_EXPIRY, .idle_seconds = -1, .frequency = -1 };
    struct value v = random_value(rng);

    if (keyspace_load(ks, db, key, &v, &a) != OK && v.form == FORM_APART)
        standin_free(v.apart);
}

static void take_over(struct keyspace *ks, struct rng *rng)
{
    struct keyspace *other = keyspace_new_beside(ks);
    char name[16];

    for (int i = 0; i < 5; i++)
        load_one(other, (int)rng_below(rng, DBS), random_key(rng, name), rng);
    keyspace_take_over(ks, other);
    keyspace_check(other);
    keyspace_free(other);
}

static void step(struct keyspace *ks, struct rng *rng)
{
    char names[2][16];
    struct bytes key = random_key(rng, names[0]), other = random_key(rng, names[1]);
    int db = (int)rng_below(rng, DBS), to = (int)rng_below(rng, DBS);
    struct entry *e;
    struct value v;

    switch (rng_below(rng, 24)) {
    case 0:
        keyspace_flush(ks, db);
        return;
    case 1:
        keyspace_swap(ks, db, to);
        return;
    case 2:
        take_over(ks, rng);
        return;
    case 3:
        if (keyspace_read(ks, db, key, 0))
            keyspace_rename(ks, db, key, other);
        return;
    case 4:
        keyspace_move(ks, db, key, to, 0);
        return;
    case 5:
        e = keyspace_write(ks, db, key, 0);
        if (e)
            keyspace_set_expiry(ks, db, e, rng_below(rng, 2) ? NO_EXPIRY : INT64_MAX / 2);
        return;
    case 6:
        load_one(ks, db, key, rng);
        return;
    case 7:
    case 8:
    case 9:
    case 10:
        change_in_place(ks, db, key, (enum value_need)rng_below(rng, VALUE_NEEDS));
        return;
    case 11:
    case 12:
    case 13:
        v = random_value(rng);
        keyspace_put(ks, db, key, &v, NO_EXPIRY, 0);
        return;
    default:
        keyspace_delete(ks, db, key, 0);
        return;
    }
}

struct count {
    uint64_t of[VALUE_NEEDS];
};

static void count_need(void *arg, const struct entry *e)
{
    struct count *c = arg;

    if (entry_form(e) == FORM_APART)
        c->of[standin_need(entry_apart(e))]++;
}

static int wanted_version(const struct keyspace *ks)
{
    struct count c = { { 0 } };

    for (int db = 0; db < DBS; db++)
        keyspace_each(ks, db, count_need, &c);
    ck_assert_uint_eq(keyspace_needs(ks, NEED_STREAM), c.of[NEED_STREAM]);
    ck_assert_uint_eq(keyspace_needs(ks, NEED_FIELD_EXPIRY), c.of[NEED_FIELD_EXPIRY]);
    return c.of[NEED_FIELD_EXPIRY] ? 12 : c.of[NEED_STREAM] ? 10 : 9;
}

START_TEST(every_door_is_counted)
{
    struct keyspace *ks = keyspace_of_standins();
    struct taking t;
    int seen[16] = { 0 };
    struct rng rng;

    rng_seed(&rng, test_seed());
    clock_turn();
    taking_init(&t, ks);
    for (int i = 0; i < STEPS; i++) {
        int want;

        step(ks, &rng);
        want = wanted_version(ks);
        seen[want]++;
        taking_begin(&t, 0, false, false);
        if (rng_below(&rng, 2)) /* what comes later does not matter any more */
            step(ks, &rng);
        ck_assert_int_eq(taking_end(&t), want);
        keyspace_check(ks);
    }
    ck_assert(seen[9] && seen[10] && seen[12]);
    taking_fini(&t);
    keyspace_free(ks);
}
END_TEST

START_TEST(the_version_falls_when_the_last_one_goes)
{
    struct keyspace *ks = keyspace_of_standins();
    struct value v = needing(NEED_NOTHING);
    struct taking t;

    taking_init(&t, ks);
    keyspace_put(ks, 1, BYTES("a"), &v, NO_EXPIRY, 0);
    ck_assert_int_eq(version_now(&t), 9);
    change_in_place(ks, 1, BYTES("a"), NEED_FIELD_EXPIRY);
    ck_assert_int_eq(version_now(&t), 12);
    change_in_place(ks, 1, BYTES("a"), NEED_STREAM);
    ck_assert_int_eq(version_now(&t), 10);
    keyspace_delete(ks, 1, BYTES("a"), 0);
    ck_assert_int_eq(version_now(&t), 9);
    taking_fini(&t);
    keyspace_free(ks);
}
END_TEST

CHECK_MAIN("version", each_content_has_its_version, a_dump_carries_what_its_value_needs,
           every_door_is_counted, the_version_falls_when_the_last_one_goes)
