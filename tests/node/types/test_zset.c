/*
 * Sorted sets: the structure, in both of its forms, against a list kept in order too simple to be wrong, and
 * the handlers line by line. Replies are those of redis-server 7.0; tests/e2e compares with it at random.
 */
#include <math.h>
#include <string.h>

#include "node/persist/rdb_read.h"
#include "node/persist/rdb_write.h"
#include "node/types/types.h"
#include "node/types/zset.h"
#include "tests/check_main.h"
#include "tests/node/types/call_harness.h"

enum { NAMES = 3000, STEPS = 30000, NAME_TEXT = 400 };

struct model {
    bool there[NAMES];
    double score[NAMES];
    uint64_t count;
};

/* In the order of i; some are long, up to a longest. */
static struct bytes name_of(char *out, unsigned i, unsigned longest)
{
    static const unsigned lengths[] = { 63, 64, 255, 256, 300 };
    size_t len = (size_t)snprintf(out, NAME_TEXT, "n%05u", i);
    unsigned wanted = i % 7 ? 0 : lengths[i / 7 % ARRAY_LEN(lengths)];

    while (len < wanted && wanted <= longest)
        out[len++] = 'x';
    return (struct bytes){ out, len };
}

/* Of every size that a pack keeps apart; equal ones often. */
static double any_score(struct rng *rng)
{
    static const double bases[] = {
        0, 0, 0, 100, -100, 32700, -32700, 2147483600, -2147483600, 1e15
    };
    double base = bases[rng_below(rng, ARRAY_LEN(bases))];

    if (rng_below(rng, 100) == 0)
        return rng_below(rng, 2) ? (double)INFINITY : -(double)INFINITY;
    return base + (double)rng_below(rng, 100) - 50 + (rng_below(rng, 2) ? 0.25 : 0);
}

/* Members that stand before this one. */
static uint64_t model_rank(const struct model *m, unsigned i)
{
    uint64_t rank = 0;

    for (unsigned k = 0; k < NAMES; k++)
        rank += m->there[k] && (m->score[k] != m->score[i] ? m->score[k] < m->score[i] : k < i);
    return rank;
}

static uint64_t model_below(const struct model *m, double score, bool with_equal)
{
    uint64_t below = 0;

    for (unsigned k = 0; k < NAMES; k++)
        below += m->there[k] && (with_equal ? m->score[k] <= score : m->score[k] < score);
    return below;
}

struct seen {
    const struct zset *z;
    uint64_t rank;
    bool down;
};

static bool in_order(void *arg, struct zset_item item)
{
    struct seen *seen = arg;
    uint64_t rank;

    ck_assert(zset_rank(seen->z, item.member, &rank));
    ck_assert_uint_eq(rank, seen->rank);
    seen->rank += seen->down ? (uint64_t)-1 : 1;
    return true;
}

static void equals(const struct zset *z, const struct zset *other)
{
    zset_check(other);
    ck_assert_uint_eq(zset_count(other), zset_count(z));
    for (uint64_t i = 0; i < zset_count(z); i += 17) {
        struct zset_item a = zset_at(z, i), b = zset_at(other, i);

        ck_assert(a.score == b.score && bytes_eq(a.member, b.member));
    }
}

static void goes_round(struct keyspace *ks, const struct zset *z)
{
    struct buf payload = { 0 }, scratch = { 0 };
    struct value v;

    rdb_dump_apart(&payload, &zset_ops, z);
    ck_assert_int_eq(rdb_restore(ks, buf_bytes(&payload), &scratch, &v, NULL), OK);
    equals(z, v.apart);
    zset_free(v.apart);
    v.apart = zset_ops.copy(z);
    equals(z, v.apart);
    ck_assert_str_eq(zset_ops.encoding(v.apart), zset_ops.encoding(z));
    zset_free(v.apart);
    buf_fini(&payload);
    buf_fini(&scratch);
}

static void compare(struct keyspace *ks, const struct zset *z, const struct model *m)
{
    struct seen up = { z, 0, false }, down = { z, m->count - 1, true };

    zset_check(z);
    ck_assert_uint_eq(zset_count(z), m->count);
    zset_each(z, 0, m->count, false, in_order, &up);
    ck_assert_uint_eq(up.rank, m->count);
    if (m->count) {
        zset_each(z, m->count - 1, m->count, true, in_order, &down);
        ck_assert_uint_eq(down.rank, UINT64_MAX);
        goes_round(ks, z);
    }
}

/* Every size of sets, and every way between the forms. */
static const struct shape {
    struct value_limits limits;
    unsigned names, longest;
} shapes[] = {
    { { .zset_max_listpack_entries = 0, .zset_max_listpack_value_bytes = 64 }, 3000, 300 },
    { { .zset_max_listpack_entries = 128, .zset_max_listpack_value_bytes = 64 }, 120, 64 },
    { { .zset_max_listpack_entries = 128, .zset_max_listpack_value_bytes = 64 }, 3000, 300 },
    { { .zset_max_listpack_entries = 5, .zset_max_listpack_value_bytes = 300 }, 12, 300 },
    { { .zset_max_listpack_entries = INT64_MAX, .zset_max_listpack_value_bytes = INT64_MAX },
      300,
      300 },
    { { .zset_max_listpack_entries = INT64_MAX, .zset_max_listpack_value_bytes = INT64_MAX },
      3000,
      300 },
};

static const char *encoding_of(const struct shape *shape, const struct model *m, bool was_large)
{
    return was_large || m->count > (uint64_t)shape->limits.zset_max_listpack_entries ? "skiplist"
                                                                                     : "listpack";
}

static void against_model(const struct shape *shape)
{
    struct keyspace *ks = keyspace_new(&(struct keyspace_options){ .databases = 1 });
    struct zset *z = zset_new();
    static struct model m;
    bool was_large = false;
    struct rng rng;
    char text[NAME_TEXT];

    memset(&m, 0, sizeof m);
    types_register(ks);
    rng_seed(&rng, test_seed());
    for (unsigned step = 0; step < STEPS; step++) {
        unsigned i = (unsigned)rng_below(&rng, step / 8 % shape->names + 1);
        struct bytes name = name_of(text, i, shape->longest);
        double score = any_score(&rng), was;
        uint64_t rank;

        if (rng_below(&rng, 100) < (step / 8000 % 2 ? 35 : 75)) {
            ck_assert(zset_put(&z, name, score, &shape->limits) == !m.there[i]);
            m.count += !m.there[i];
            m.there[i] = true;
            m.score[i] = score;
            was_large |= (int64_t)name.len > (int64_t)shape->limits.zset_max_listpack_value_bytes;
            was_large |= strcmp(encoding_of(shape, &m, was_large), "skiplist") == 0;
        } else {
            ck_assert(zset_remove(&z, name) == m.there[i]);
            m.count -= m.there[i];
            m.there[i] = false;
        }
        ck_assert(zset_score(z, name, &was) == m.there[i]);
        ck_assert(!m.there[i] || was == m.score[i]);
        ck_assert_str_eq(zset_ops.encoding(z), encoding_of(shape, &m, was_large));
        if (step % 16 == 0) {
            ck_assert(zset_rank(z, name, &rank) == m.there[i]);
            if (m.there[i])
                ck_assert_uint_eq(rank, model_rank(&m, i));
            ck_assert_uint_eq(zset_below_score(z, score, step % 32),
                              model_below(&m, score, step % 32));
        }
        if (step % 2500 == 0 || step < 30)
            compare(ks, z, &m);
    }
    while (zset_count(z)) {
        uint64_t rank = rng_below(&rng, zset_count(z));

        zset_remove_run(&z, rank, 1 + rng_below(&rng, zset_count(z) - rank));
        zset_check(z);
    }
    zset_free(z);
    keyspace_free(ks);
}

START_TEST(equals_its_model)
{
    for (size_t i = 0; i < ARRAY_LEN(shapes); i++)
        against_model(&shapes[i]);
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
    RUN({ "ZADD z 1 a 2 b", ":2", "zadd:z " }, { "ZADD z 1 a", ":0 / -", "" },
        { "ZADD z CH 3 a 4 c", ":2", "zadd:z " }, { "ZADD z XX 9 d", ":0 / -" },
        { "ZADD z INCR 0.5 a", "$3.5", "zincr:z " }, { "ZADD z NX INCR 1 a", "$- / -" },
        { "ZADD z GT CH 1 a", ":0 / -" }, { "ZINCRBY z 1 new", "$1", "zincr:z " },
        { "ZADD z XX NX 1 a", "-ERR XX and NX options at the same time are not compatible / -" },
        { "ZADD z x a", "-ERR value is not a valid float / -" }, { "ZSCORE z a", "$3.5" },
        { "ZSCORE z none", "$-" }, { "ZMSCORE z a none", "*2[$3.5 $-]" }, { "ZRANK z a", ":2" },
        { "ZREVRANK z a", ":1" }, { "ZRANK z none", "$-" }, { "ZCARD z", ":4" },
        { "ZCOUNT z (1 +inf", ":3" }, { "OBJECT ENCODING z", "$listpack" },
        { "ZREM z a none", ":1", "zrem:z " }, { "ZREM z none", ":0 / -" },
        { "ZREM z b c new", ":3", "zrem:z del:z " }, { "EXISTS z", ":0" }, { "ZADD z inf a", ":1" },
        { "ZINCRBY z -inf a", "-ERR resulting score is not a number (NaN) / -" },
        { "SET str v", "+OK" }, { "ZADD str 1 a", WRONG " / -" }, { "ZCARD str", WRONG },
        { "ZSCAN z 0", "*2[$0 *2[$a $inf]]" });
}
END_TEST

/* -0 and 0 are 0, as in Redis, though they compare as equal. Found by the differential test, seed 1242038865. */
START_TEST(zeros_add_up)
{
    RUN({ "ZADD a -5 m", ":1" }, { "ZADD b 1 m", ":1" },
        { "ZUNION 2 a b WEIGHTS 0 0 WITHSCORES", "*2[$m $0]" },
        { "ZUNION 1 a WEIGHTS 0 WITHSCORES", "*2[$m $-0]" });
}
END_TEST

START_TEST(ranges)
{
    RUN({ "ZADD z 1 a 2 b 3 c 4 d", ":4" }, { "ZRANGE z 0 -1", "*4[$a $b $c $d]" },
        { "ZRANGE z 1 2 REV WITHSCORES", "*4[$c $3 $b $2]" },
        { "ZRANGE z (1 3 BYSCORE", "*2[$b $c]" },
        { "ZRANGE z +inf 2 BYSCORE REV LIMIT 1 1", "*1[$c]" },
        { "ZRANGE z 0 1 LIMIT 0 1",
          "-ERR syntax error, LIMIT is only supported in combination with "
          "either BYSCORE or BYLEX" },
        { "ZREVRANGEBYSCORE z 3 2", "*2[$c $b]" }, { "ZRANGEBYLEX z [b +", "*3[$b $c $d]" },
        { "ZLEXCOUNT z - (c", ":2" },
        { "ZRANGEBYLEX z b +", "-ERR min or max not valid string range item" },
        { "ZRANGESTORE y z 0 1", ":2", "zrangestore:y " }, { "ZRANGE y 0 -1", "*2[$a $b]" },
        { "ZRANGESTORE y z 9 9", ":0", "del:y " }, { "ZRANGESTORE y z 9 9", ":0 / -" },
        { "ZREMRANGEBYRANK z 0 0", ":1", "zremrangebyrank:z " },
        { "ZREMRANGEBYSCORE z 9 10", ":0 / -" }, { "ZPOPMIN z", "*2[$b $2]", "zpopmin:z " },
        { "ZPOPMAX z 9", "*4[$d $4 $c $3]", "zpopmax:z del:z " }, { "ZPOPMIN z", "*0[] / -" },
        { "ZPOPMIN z -1", "-ERR value is out of range, must be positive / -" });
}
END_TEST

CHECK_MAIN("zset", equals_its_model, members, zeros_add_up, ranges)
