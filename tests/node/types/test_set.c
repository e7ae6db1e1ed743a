/*
 * Sets: the structure against a list too simple to be wrong, with what goes through RDB and SCAN on the
 * way, and the handlers line by line. Replies are those of redis-server 7.0; tests/e2e compares with it
 * at random.
 */
#include <string.h>

#include "node/persist/rdb_read.h"
#include "node/persist/rdb_write.h"
#include "node/types/set.h"
#include "node/types/types.h"
#include "tests/check_main.h"
#include "tests/node/types/call_harness.h"

enum { NAMES = 1500, STEPS = 30000 };

struct model {
    bool there[NAMES];
    size_t count;
};

static uint64_t seed;

static struct bytes name_of(char *out, unsigned i, bool ints)
{
    int n = ints ? snprintf(out, 400, "%d", (int)(i * i * 40503u) - 100)
                 : snprintf(out, 400, "%s%u", i % 2 ? "n" : "", i);

    if (!ints && i % 97 == 50) {
        memset(out, 'x', 300);
        n = 300 + snprintf(out + 300, 100, "%u", i);
    }
    if (!ints && i % 5 == 3) { /* of lengths that stand alone, and one more */
        static const int lengths[] = { 16, 32, 64, 112, 128 };

        memset(out + n, 'y', 400 - (size_t)n);
        n = n < 16 ? lengths[i / 5 % ARRAY_LEN(lengths)] : n;
    }
    return (struct bytes){ out, (size_t)n };
}

static bool count_one(void *arg, struct bytes member)
{
    ++*(size_t *)arg;
    return true;
}

static bool has_one(void *arg, struct bytes member)
{
    ck_assert(set_has(arg, member));
    return true;
}

static void same(const struct set *s, struct model *m, bool ints)
{
    char text[400];
    size_t seen = 0;

    set_check(s);
    ck_assert_uint_eq(set_count(s), m->count);
    set_each(s, count_one, &seen);
    ck_assert_uint_eq(seen, m->count);
    for (unsigned i = 0; i < NAMES; i++)
        ck_assert(set_has(s, name_of(text, i, ints)) == m->there[i]);
}

/* Out and in again, in both directions of what DUMP writes. */
static void goes_round(struct keyspace *ks, struct set *s)
{
    struct buf payload = { 0 }, scratch = { 0 };
    struct value v;

    rdb_dump_apart(&payload, &set_ops, s);
    ck_assert_int_eq(rdb_restore(ks, buf_bytes(&payload), &scratch, &v, NULL), OK);
    ck_assert_int_eq(v.type, VALUE_SET);
    ck_assert_uint_eq(set_count(v.apart), set_count(s));
    set_each(s, has_one, v.apart);
    set_free(v.apart);
    v.apart = set_ops.copy(s);
    set_each(v.apart, has_one, s);
    ck_assert_uint_eq(set_count(v.apart), set_count(s));
    set_free(v.apart);
    buf_fini(&payload);
    buf_fini(&scratch);
}

/* Few names: it stays as small as it began. */
static void steps(bool ints, unsigned names)
{
    struct keyspace *ks = keyspace_new(&(struct keyspace_options){ .databases = 1 });
    struct set *s = set_new();
    static struct model m;
    char text[400], scratch[SET_INT_TEXT];
    struct rng rng;

    types_register(ks);
    memset(&m, 0, sizeof m);
    rng_seed(&rng, seed);
    for (unsigned step = 0; step < STEPS; step++) {
        unsigned i = (unsigned)rng_below(&rng, step / 4 % names + 1);
        struct bytes name = name_of(text, i, ints);
        bool add = rng_below(&rng, 100) < (step / 5000 % 2 ? 30 : 70);

        if (add)
            ck_assert(set_add(s, name, keyspace_limits(ks)) == !m.there[i]);
        else
            ck_assert(set_remove(s, name) == m.there[i]);
        m.count += add ? !m.there[i] : -(size_t)m.there[i];
        m.there[i] = add;
        if (m.count)
            ck_assert(set_has(s, set_random(s, ks, scratch)));
        if (step % 3000 == 0 || step < 20) {
            same(s, &m, ints);
            if (m.count)
                goes_round(ks, s);
        }
    }
    set_free(s);
    keyspace_free(ks);
}

START_TEST(equals_its_model)
{
    seed = test_seed();
    steps(false, NAMES);
    steps(false, 30);
    steps(true, NAMES);
}
END_TEST

struct seen {
    bool stays[2000];
    struct set *set;
};

static bool note(void *arg, struct bytes member)
{
    struct seen *seen = arg;
    int64_t v;

    if (bytes_to_i64((struct bytes){ member.at + 1, member.len - 1 }, &v) && member.at[0] == 's')
        seen->stays[v] = true;
    return true;
}

START_TEST(a_scan_shows_all_that_stays)
{
    static struct seen seen;
    struct set *s = set_new();
    struct value_limits limits = { 0 };
    struct rng rng;
    uint64_t cursor = 0;
    char text[32];

    rng_seed(&rng, test_seed());
    for (int i = 0; i < 2000; i++)
        set_add(s, (struct bytes){ text, (size_t)snprintf(text, sizeof text, "s%d", i) }, &limits);
    do {
        set_scan(s, &cursor, note, &seen);
        for (int i = 0; i < 40; i++) {
            int n = snprintf(text, sizeof text, "g%llu", (unsigned long long)rng_below(&rng, 9000));

            if (rng_below(&rng, 3))
                set_add(s, (struct bytes){ text, (size_t)n }, &limits);
            else
                set_remove(s, (struct bytes){ text, (size_t)n });
        }
    } while (cursor);
    for (int i = 0; i < 2000; i++)
        ck_assert(seen.stays[i]);
    set_free(s);
}
END_TEST

struct line {
    const char *ask, *answer;
    const char *events; /* NULL: not looked at */
};

static void run(const struct line *lines, size_t count)
{
    struct harness h;

    harness_init(&h);
    for (size_t i = 0; i < count; i++) {
        const char *answer = harness_ask(&h, lines[i].ask);

        ck_assert_msg(strcmp(answer, lines[i].answer) == 0, "%s\n  gave     %s\n  expected %s",
                      lines[i].ask, answer, lines[i].answer);
        if (lines[i].events)
            ck_assert_str_eq(buf_text(&h.events), lines[i].events);
        keyspace_check(h.ks);
    }
    harness_fini(&h);
}

#define RUN(...)                                            \
    do {                                                    \
        static const struct line lines[] = { __VA_ARGS__ }; \
        run(lines, ARRAY_LEN(lines));                       \
    } while (0)

#define WRONG "-WRONGTYPE Operation against a key holding the wrong kind of value"

START_TEST(members)
{
    RUN({ "SADD s 3 1 2 2", ":3", "sadd:s " }, { "SADD s 1", ":0 / -", "" },
        { "OBJECT ENCODING s", "$intset" }, { "TYPE s", "+set" }, { "SMEMBERS s", "*3[$1 $2 $3]" },
        { "SADD s x", ":1" }, { "OBJECT ENCODING s", "$hashtable" }, { "SCARD s", ":4" },
        { "SISMEMBER s x", ":1" }, { "SISMEMBER s y", ":0" }, { "SMISMEMBER s 1 y", "*2[:1 :0]" },
        { "SMISMEMBER none 1", "*1[:0]" }, { "SREM s x y", ":1", "srem:s " },
        { "SREM s y", ":0 / -", "" }, { "SREM s 1 2 3 4", ":3", "srem:s del:s " },
        { "EXISTS s", ":0" }, { "SREM s 1", ":0 / -" }, { "SET str v", "+OK" },
        { "SADD str 1", WRONG " / -" }, { "SCARD str", WRONG }, { "SADD a 1 2", ":2" },
        { "SMOVE a b 1", ":1", "srem:a sadd:b " }, { "SMOVE a b 9", ":0 / -" },
        { "SMOVE a a 2", ":1 / -" }, { "SMOVE a str 2", WRONG " / -" },
        { "SMOVE a b 2", ":1", "srem:a del:a sadd:b " }, { "SMOVE a b 2", ":0 / -" },
        { "COPY b c", ":1" }, { "SADD c z", ":1" }, { "SMEMBERS b", "*2[$1 $2]" },
        { "SSCAN b 0", "*2[$0 *2[$1 $2]]" }, { "SSCAN b 0 MATCH 2", "*2[$0 *1[$2]]" },
        { "SSCAN none 7 FOO", "*2[$0 *0[]]" }, { "SSCAN b x", "-ERR invalid cursor" },
        { "SSCAN b 0 COUNT 0", "-ERR syntax error" });
}
END_TEST

START_TEST(chance)
{
    RUN({ "SADD s 5", ":1" }, { "SRANDMEMBER s", "$5" }, { "SRANDMEMBER s 3", "*1[$5]" },
        { "SRANDMEMBER s -3", "*3[$5 $5 $5]" }, { "SRANDMEMBER s 0", "*0[]" },
        { "SRANDMEMBER none", "$-" }, { "SRANDMEMBER none 2", "*0[]" }, { "SPOP none", "$- / -" },
        { "SPOP none 2", "*0[] / -" }, { "SPOP s 0", "*0[] / -" },
        { "SPOP s -1", "-ERR value is out of range, must be positive / -" },
        { "SPOP s 1 2", "-ERR syntax error / -" }, { "SPOP s", "$5 / SREM s 5", "spop:s del:s " },
        { "SADD s 5", ":1" }, { "SPOP s 9", "*1[$5] / DEL s", "spop:s del:s " },
        { "EXISTS s", ":0" });
}
END_TEST

START_TEST(algebra)
{
    RUN({ "SADD a 1 2 3 4", ":4" }, { "SADD b 2 4 6", ":3" }, { "SADD c 4 8", ":2" },
        { "SINTER a b", "*2[$2 $4]" }, { "SINTER a b c", "*1[$4]" }, { "SINTER a none", "*0[]" },
        { "SUNION a b c", "*6[$1 $2 $3 $4 $6 $8]" }, { "SDIFF a b", "*2[$1 $3]" },
        { "SDIFF none a", "*0[]" }, { "SDIFF a none b", "*2[$1 $3]" }, { "SINTERCARD 2 a b", ":2" },
        { "SINTERCARD 2 a b LIMIT 1", ":1" },
        { "SINTERCARD 0 a", "-ERR numkeys should be greater than 0" },
        { "SINTERCARD 3 a b", "-ERR Number of keys can't be greater than number of args" },
        { "SINTERCARD 1 a LIMIT -1", "-ERR LIMIT can't be negative" },
        { "SINTERCARD 1 a b", "-ERR syntax error" },
        { "SINTERSTORE d a b", ":2", "sinterstore:d " }, { "SMEMBERS d", "*2[$2 $4]" },
        { "SUNIONSTORE d d c", ":3", "sunionstore:d " }, { "SMEMBERS d", "*3[$2 $4 $8]" },
        { "SDIFFSTORE d a a", ":0", "del:d " }, { "SDIFFSTORE d a a", ":0 / -", "" },
        { "SET str v", "+OK" }, { "SINTER none str", WRONG }, { "SUNION a str", WRONG },
        { "SUNIONSTORE str a", ":4", "sunionstore:str " }, { "TYPE str", "+set" });
}
END_TEST

CHECK_MAIN("set", equals_its_model, a_scan_shows_all_that_stays, members, chance, algebra)
