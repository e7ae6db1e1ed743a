/*
 * Hashes: the structure against an array too simple to be wrong, with copies, what goes through RDB and
 * the guarantee of HSCAN on the way, packed and as a table; and the handlers line by line. Replies are
 * those of redis-server 7.0; tests/e2e compares with it at random.
 */
#include <string.h>

#include "common/alloc.h"
#include "node/types/hash.h"
#include "tests/check_main.h"
#include "tests/node/types/call_lines.h"

enum { NAMES = 600, STEPS = 12000, VALUES_MAX = 400 };

static int model[NAMES]; /* 0: not there; else what its value is made from */
static size_t there;

static struct bytes name_of(char *out, int i)
{
    if (i % 3 == 0)
        return (struct bytes){ out, fmt_i64(out, (int64_t)i * i * i * 1000 - 500) };
    return (struct bytes){ out, (size_t)snprintf(out, 32, "field:%d", i) };
}

static struct bytes value_of(char *out, int v, bool small)
{
    size_t len = small ? (size_t)v % 20 : (size_t)v * 7 % VALUES_MAX;

    if (v % 4 == 0)
        return (struct bytes){ out, fmt_i64(out, (int64_t)v * 100003) };
    memset(out, 'a' + v % 26, len);
    return (struct bytes){ out, len };
}

static void compare(const struct hash *h, bool small)
{
    char name[32], value[VALUES_MAX], scratch[LISTPACK_INT_TEXT];
    struct hash_field found;

    hash_check(h);
    ck_assert_uint_eq(hash_count(h), there);
    for (int i = 0; i < NAMES; i++) {
        bool has = hash_find(h, name_of(name, i), HASH_EVER, scratch, &found);

        ck_assert(has == (model[i] != 0));
        ck_assert(!has || bytes_eq(found.value, value_of(value, model[i], small)));
    }
}

static bool count_one(void *arg, const struct hash_field *f)
{
    (void)f;
    ++*(size_t *)arg;
    return true;
}

static void step(struct rng *rng, struct hash **h, const struct value_limits *limits, bool small,
                 int names)
{
    char name[32], value[VALUES_MAX];
    int i = (int)rng_below(rng, (uint64_t)names), v = 1 + (int)rng_below(rng, 5000);

    if (rng_below(rng, 3)) {
        bool is_new = hash_set(h, name_of(name, i), value_of(value, v, small), NO_EXPIRY, limits);

        ck_assert(is_new == (model[i] == 0));
        there += is_new;
        model[i] = v;
    } else {
        bool gone = hash_remove(h, name_of(name, i));

        ck_assert(gone == (model[i] != 0));
        there -= gone;
        model[i] = 0;
    }
}

static void copy_is_equal(const struct hash *h, bool small)
{
    struct hash *copy = hash_ops.copy(h);
    size_t seen = 0;

    compare(copy, small);
    hash_each(copy, HASH_EVER, count_one, &seen);
    ck_assert_uint_eq(seen, there);
    hash_free(copy);
}

static void holds_what_the_model_holds(const struct value_limits *limits, bool small, int names,
                                       bool stays_packed)
{
    struct hash *h = hash_new();
    struct rng rng;

    rng_seed(&rng, test_seed());
    memset(model, 0, sizeof model);
    there = 0;
    for (int i = 0; i < STEPS; i++) {
        step(&rng, &h, limits, small, names);
        if (i % 500 == 0) {
            compare(h, small);
            copy_is_equal(h, small);
        }
    }
    ck_assert(hash_is_packed(h) == stays_packed);
    hash_free(h);
}

START_TEST(holds_what_an_array_holds)
{
    struct value_limits few = { .hash_max_listpack_entries = 512,
                                .hash_max_listpack_value_bytes = 64 };
    struct value_limits none = { .hash_max_listpack_entries = 0 };

    holds_what_the_model_holds(&few, true, 100, true);
    holds_what_the_model_holds(&few, false, NAMES, false);
    holds_what_the_model_holds(&none, true, NAMES, false);
}
END_TEST

static bool mark(void *arg, const struct hash_field *f)
{
    bool *seen = arg;
    int64_t i;

    if (bytes_to_i64((struct bytes){ f->name.at + 1, f->name.len - 1 }, &i))
        seen[i] = true;
    return true;
}

/* What is there from the first call to the last is shown, whatever comes, goes and resizes. */
START_TEST(a_scan_shows_all_that_stays)
{
    enum { STAY = 1000, PASS = 20000 };
    struct value_limits limits = { 0 };
    struct hash *h = hash_new();
    static bool seen[STAY];
    char name[32];
    uint64_t cursor = 0;
    int passing = 0;

    memset(seen, 0, sizeof seen);
    for (int i = 0; i < STAY; i++)
        hash_set(&h, (struct bytes){ name, (size_t)snprintf(name, 32, "s%d", i) }, BYTES("v"),
                 NO_EXPIRY, &limits);
    do {
        for (int n = 0; n < 50; n++, passing++) {
            bool grow = passing < PASS / 2;

            snprintf(name, sizeof name, "p/%d", grow ? passing : PASS - passing);
            if (grow)
                hash_set(&h, bytes_of(name), BYTES("v"), NO_EXPIRY, &limits);
            else
                hash_remove(&h, bytes_of(name));
        }
        hash_scan(h, HASH_EVER, &cursor, mark, seen);
    } while (cursor);
    for (int i = 0; i < STAY; i++)
        ck_assert(seen[i]);
    hash_free(h);
}
END_TEST

START_TEST(setting)
{
    RUN({ "HSET h a 1 b 2", ":2", "hset:h " }, { "HSET h a 3 c x", ":1" },
        { "HGETALL h", "*6[$a $3 $b $2 $c $x]" }, { "HMSET h d 4", "+OK", "hset:h " },
        { "HSETNX h a 9", ":0 / -", "" }, { "HSETNX h e 9", ":1", "hset:h " }, { "HLEN h", ":5" },
        { "HSET h a", "-ERR wrong number of arguments for 'hset' command" },
        { "HSET h a 1 b", "-ERR wrong number of arguments for 'hset' command / -" },
        { "HDEL h a no b a", ":2", "hdel:h " }, { "HDEL h no", ":0 / -", "" },
        { "HDEL h c d e", ":3", "hdel:h del:h " }, { "EXISTS h", ":0" }, { "HDEL h a", ":0 / -" },
        { "SET s v", "+OK" }, { "HSET s a 1", WRONG }, { "HDEL s a", WRONG },
        { "HINCRBY s a 1", WRONG });
}
END_TEST

START_TEST(counting)
{
    RUN({ "HINCRBY h n 5", ":5", "hincrby:h " }, { "HINCRBY h n -7", ":-2" },
        { "HINCRBY h n x", NOT_INT }, { "HSET h t text m 9223372036854775807", ":2" },
        { "HINCRBY h t 1", "-ERR hash value is not an integer / -" },
        { "HINCRBY h m 1", "-ERR increment or decrement would overflow / -" },
        { "HINCRBYFLOAT h f 0.5", "$0.5 / HSET h f 0.5", "hincrbyfloat:h " },
        { "HINCRBYFLOAT h f 1e1", "$10.5 / HSET h f 10.5" },
        { "HINCRBYFLOAT h t 1", "-ERR hash value is not a float / -" },
        { "HINCRBYFLOAT h f x", "-ERR value is not a valid float / -" },
        { "HINCRBYFLOAT h f inf", "-ERR value is NaN or Infinity / -" }, { "HGET h n", "$-2" });
}
END_TEST

START_TEST(looking)
{
    RUN({ "HSET h a 1 b two", ":2" }, { "HGET h a", "$1" }, { "HGET h no", "$-" },
        { "HMGET h b no a", "*3[$two $- $1]" }, { "HMGET no a", "*1[$-]" }, { "HEXISTS h a", ":1" },
        { "HEXISTS h no", ":0" }, { "HSTRLEN h b", ":3" }, { "HSTRLEN h no", ":0" },
        { "HKEYS h", "*2[$a $b]" }, { "HVALS h", "*2[$1 $two]" }, { "HGETALL no", "*0[]" },
        { "HSCAN h 0", "*2[$0 *4[$a $1 $b $two]]" }, { "HSCAN h 0 MATCH b*", "*2[$0 *2[$b $two]]" },
        { "HSCAN no 0", "*2[$0 *0[]]" }, { "HRANDFIELD h 9", "*2[$a $b]" },
        { "HRANDFIELD no", "$-" }, { "HRANDFIELD no 1", "*0[]" },
        { "HRANDFIELD h 9 WITHVALUES", "*4[$a $1 $b $two]" }, { "OBJECT ENCODING h", "$listpack" },
        { "HSET h long 0123456789012345678901234567890123456789012345678901234567890123456789",
          ":1" },
        { "OBJECT ENCODING h", "$hashtable" }, { "HGET h b", "$two" }, { "COPY h i", ":1" },
        { "HLEN i", ":3" }, { "DEL h", ":1" }, { "HGET i a", "$1" });
}
END_TEST

CHECK_MAIN("hash", holds_what_an_array_holds, a_scan_shows_all_that_stays, setting, counting,
           looking)
