/*
 * Fields that end: the structure against an array while time passes, packed, wide and as a table, with
 * copies, what goes through RDB, and taking away in batches; and the handlers line by line, on a leader,
 * on a follower, and in the stream. Replies are those that the documentation of Redis 7.4 and 8.0 gives.
 */
#include <string.h>

#include "common/alloc.h"
#include "node/persist/rdb_read.h"
#include "node/persist/rdb_write.h"
#include "node/types/digest.h"
#include "node/types/hash.h"
#include "node/types/types.h"
#include "tests/check_main.h"
#include "tests/node/types/call_lines.h"

enum { NAMES = 500, STEPS = 20000 };

static struct {
    int value; /* 0: not there */
    int64_t expiry_ms;
} model[NAMES];
static int64_t now_ms;

static struct bytes name_of(char *out, int i)
{
    if (i % 3 == 0)
        return (struct bytes){ out, fmt_i64(out, i * 1000003) };
    return (struct bytes){ out, (size_t)snprintf(out, 32, "field:%d", i) };
}

static struct bytes value_of(char *out, int v)
{
    if (v % 4 == 0)
        return (struct bytes){ out, fmt_i64(out, v) };
    return (struct bytes){ out, (size_t)snprintf(out, 400, "v%d%*s", v, v % 9 ? v % 20 : 300, "") };
}

static bool is_there(int i)
{
    return model[i].value && (model[i].expiry_ms == NO_EXPIRY || model[i].expiry_ms >= now_ms);
}

static void compare(const struct hash *h, int names)
{
    char name[32], value[400], scratch[HASH_SCRATCH];
    size_t all = 0, seen = 0, expiring = 0;
    struct hash_field f;

    hash_check(h);
    for (int i = 0; i < names; i++) {
        ck_assert(hash_find(h, name_of(name, i), HASH_EVER, scratch, &f) == !!model[i].value);
        ck_assert(hash_find(h, name_of(name, i), now_ms, scratch, &f) == is_there(i));
        if (!model[i].value)
            continue;
        if (is_there(i)) {
            ck_assert(bytes_eq(f.value, value_of(value, model[i].value)));
            ck_assert_int_eq(f.expiry_ms, model[i].expiry_ms);
        }
        all++;
        seen += is_there(i);
        expiring += model[i].expiry_ms != NO_EXPIRY;
        ck_assert(model[i].expiry_ms == NO_EXPIRY || model[i].expiry_ms >= hash_next_expiry(h));
    }
    ck_assert_uint_eq(hash_count(h), all);
    ck_assert_uint_eq(hash_count_at(h, now_ms), seen);
    ck_assert_uint_eq(hash_expiring(h), expiring);
}

static int64_t some_expiry(struct rng *rng)
{
    return rng_below(rng, 2) ? NO_EXPIRY : now_ms + 1 + (int64_t)rng_below(rng, 300);
}

static void set_one(struct rng *rng, struct hash **h, int i, const struct value_limits *limits)
{
    int64_t expiry_ms = rng_below(rng, 4) ? some_expiry(rng) : HASH_KEEP;
    char name[32], value[400];

    if (!model[i].value)
        model[i].expiry_ms = NO_EXPIRY;
    model[i].value = 1 + (int)rng_below(rng, 100000);
    hash_set(h, name_of(name, i), value_of(value, model[i].value), expiry_ms, limits);
    if (expiry_ms != HASH_KEEP)
        model[i].expiry_ms = expiry_ms;
}

struct taken {
    int count;
};

static void hear_taken(void *arg, const struct bytes *names, int count)
{
    struct taken *t = arg;
    char name[32];

    for (int n = 0; n < count; n++) {
        int i = 0;

        while (i < NAMES && !(model[i].value && bytes_eq(name_of(name, i), names[n])))
            i++;
        ck_assert_int_lt(i, NAMES);
        ck_assert(!is_there(i));
        model[i].value = 0;
    }
    t->count += count;
}

static void take_away(struct hash **h)
{
    struct taken t = { 0 };
    int gone, all = 0;

    do {
        gone = hash_expire(h, now_ms, hear_taken, &t);
        ck_assert_int_le(gone, PARTS_AT_ONCE);
        all += gone;
    } while (gone);
    ck_assert_int_eq(all, t.count);
    ck_assert(hash_next_expiry(*h) >= now_ms);
}

static void step(struct rng *rng, struct hash **h, const struct value_limits *limits, int names)
{
    char name[32];
    int i = (int)rng_below(rng, (uint64_t)names);

    switch (rng_below(rng, 8)) {
    case 0:
        ck_assert(hash_remove(h, name_of(name, i)) == !!model[i].value);
        model[i].value = 0;
        return;
    case 1:
    case 2:
        if (!model[i].value)
            return;
        model[i].expiry_ms = some_expiry(rng);
        hash_set_expiry(h, name_of(name, i), model[i].expiry_ms);
        return;
    case 3:
        now_ms += (int64_t)rng_below(rng, rng_below(rng, 50) ? 10 : 400);
        return;
    case 4:
        if (!rng_below(rng, 30))
            take_away(h);
        return;
    default:
        set_one(rng, h, i, limits);
        return;
    }
}

static struct keyspace *types;

static void same_digest(const struct hash *a, const struct hash *b)
{
    unsigned char one[DIGEST_LEN] = { 0 }, other[DIGEST_LEN] = { 0 };

    hash_ops.digest(a, one);
    hash_ops.digest(b, other);
    ck_assert_mem_eq(one, other, DIGEST_LEN);
}

/* A copy is the same and begins with a clock of its own; so is what comes back from a DUMP. */
static void copies_are_equal(const struct hash *h, int names)
{
    struct hash *copy = hash_copy(h);
    struct buf dump = { 0 }, scratch = { 0 };
    struct value v;

    compare(copy, names);
    same_digest(h, copy);
    ck_assert(!hash_clock(copy) || hash_clock(copy)->at_ms == PART_NEVER);
    hash_free(copy);
    if (!hash_count(h))
        return;
    rdb_dump_apart(&dump, &hash_ops, h);
    ck_assert_int_eq(dump.at[dump.len - RDB_DUMP_FOOTER], hash_expiring(h) ? 12 : 9);
    ck_assert_int_eq(rdb_restore(types, buf_bytes(&dump), &scratch, &v, NULL), OK);
    compare(v.apart, names);
    hash_free(v.apart);
    buf_fini(&dump);
    buf_fini(&scratch);
}

static void holds_what_the_model_holds(const struct value_limits *limits, int names)
{
    struct hash *h = hash_new();
    struct rng rng;

    rng_seed(&rng, test_seed());
    memset(model, 0, sizeof model);
    now_ms = 1000000;
    for (int i = 0; i < STEPS; i++) {
        const struct part_clock *clock = hash_clock(h);

        step(&rng, &h, limits, names);
        ck_assert(!clock || hash_clock(h) == clock);
        if (i % 100 == 0)
            compare(h, names);
        if (i % 500 == 0)
            copies_are_equal(h, names);
    }
    hash_free(h);
}

START_TEST(holds_what_an_array_holds)
{
    struct value_limits packs = { .hash_max_listpack_entries = 10000,
                                  .hash_max_listpack_value_bytes = 1000 };
    struct value_limits usual = { .hash_max_listpack_entries = 100,
                                  .hash_max_listpack_value_bytes = 64 };
    struct value_limits tables = { .hash_max_listpack_entries = 0 };

    types = keyspace_new(&(struct keyspace_options){ .databases = 1 });
    types_register(types);
    holds_what_the_model_holds(&packs, 120);
    holds_what_the_model_holds(&usual, NAMES);
    holds_what_the_model_holds(&tables, NAMES);
    keyspace_free(types);
}
END_TEST

/* ---- the handlers: a line "@ms" lets so much time pass; its answer is what the timer then does ---- */

static void run_timed(struct harness *h, const struct line *lines, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        const char *answer = "";

        if (lines[i].ask[0] == '@') {
            h->now_ms += (uint64_t)atoi(lines[i].ask + 1);
            h->events.len = 0;
            keyspace_expire_due(h->ks, 1000000);
        } else {
            answer = harness_ask(h, lines[i].ask);
        }
        ck_assert_msg(strcmp(answer, lines[i].answer) == 0, "%s\n  gave     %s\n  expected %s",
                      lines[i].ask, answer, lines[i].answer);
        if (lines[i].events)
            ck_assert_msg(strcmp(buf_text(&h->events), lines[i].events) == 0,
                          "%s\n  told     %s\n  expected %s", lines[i].ask, buf_text(&h->events),
                          lines[i].events);
        keyspace_check(h->ks);
    }
}

#define TIMED(h, ...)                                       \
    do {                                                    \
        static const struct line lines[] = { __VA_ARGS__ }; \
        run_timed(h, lines, ARRAY_LEN(lines));              \
    } while (0)

#define NO_FIELDS "-ERR Mandatory argument FIELDS is missing or not at the right position / -"
#define MISMATCH  "-ERR The `numfields` parameter must match the number of arguments / -"

START_TEST(expiring)
{
    struct harness h;

    harness_init(&h);
    TIMED(&h, { "HSET h a 1 b 2 c 3", ":3" }, { "OBJECT ENCODING h", "$listpack" },
          { "HEXPIRE h 10 FIELDS 3 a no b", "*3[:1 :-2 :1] / HPEXPIREAT h 1010000 FIELDS 2 a b",
            "hexpire:h " },
          { "OBJECT ENCODING h", "$listpackex" },
          { "HTTL h FIELDS 4 a b c no", "*4[:10 :10 :-1 :-2]" },
          { "HPTTL h FIELDS 1 a", "*1[:10000]" }, { "HEXPIRETIME h FIELDS 1 a", "*1[:1010]" },
          { "HPEXPIRETIME h FIELDS 1 a", "*1[:1010000]" },
          { "HPEXPIRE h 500 NX FIELDS 2 a c", "*2[:0 :1] / HPEXPIREAT h 1000500 FIELDS 1 c" },
          { "HPEXPIRE h 600 XX FIELDS 1 c", "*1[:1] / HPEXPIREAT h 1000600 FIELDS 1 c" },
          { "HPEXPIRE h 500 GT FIELDS 1 c", "*1[:0] / -", "" },
          { "HPEXPIRE h 600 GT FIELDS 1 c", "*1[:0] / -" },
          { "HPEXPIRE h 700 LT FIELDS 1 c", "*1[:0] / -" },
          { "HPEXPIRE h 400 lt fields 1 c", "*1[:1] / HPEXPIREAT h 1000400 FIELDS 1 c" },
          { "HPERSIST h FIELDS 3 b no b", "*3[:1 :-2 :-1]", "hpersist:h " },
          { "HPERSIST h FIELDS 1 b", "*1[:-1] / -", "" },
          { "HPEXPIRE h 400 GT FIELDS 1 b", "*1[:0] / -" },
          { "HPEXPIRE h 99000 LT FIELDS 1 b", "*1[:1] / HPEXPIREAT h 1099000 FIELDS 1 b" },
          { "HPERSIST h FIELDS 1 b", "*1[:1]" }, { "@400", "", "" }, { "HGET h c", "$3" },
          { "@1", "", "HDEL(h c) hexpired:h " }, { "HLEN h", ":2" },
          { "HEXPIREAT h 1000 XX FIELDS 2 a b", "*2[:2 :0] / HDEL h a", "hdel:h " },
          { "HEXPIRE h 0 FIELDS 1 b", "*1[:2] / HDEL h b", "hdel:h del:h " }, { "EXISTS h", ":0" },
          { "HEXPIRE h 5 FIELDS 2 a b", "*2[:-2 :-2] / -" },
          { "HTTL h FIELDS 2 a b", "*2[:-2 :-2]" }, { "HPERSIST h FIELDS 1 a", "*1[:-2] / -" });
    harness_fini(&h);
}
END_TEST

START_TEST(refusing)
{
    RUN({ "HSET h a 1", ":1" }, { "SET s 1", "+OK" }, { "HEXPIRE s x FIELDS 1 a", WRONG },
        { "HEXPIRE h x FIELDS 1 a", NOT_INT },
        { "HEXPIRE h -1 FIELDS 1 a", "-ERR invalid expire time, must be >= 0 / -" },
        { "HEXPIRE h 70368744178 FIELDS 1 a", "-ERR invalid expire time in 'hexpire' command / -" },
        { "HPEXPIREAT h 70368744177664 FIELDS 1 a",
          "-ERR invalid expire time in 'hpexpireat' command / -" },
        { "HEXPIRE h 1 FIELD 1 a", NO_FIELDS }, { "HEXPIRE h 1 NX XX FIELDS 1 a", NO_FIELDS },
        { "HEXPIRE h 1 FIELDS 0 a", "-ERR Parameter `numFields` should be greater than 0 / -" },
        { "HEXPIRE h 1 FIELDS x a", "-ERR Parameter `numFields` should be greater than 0 / -" },
        { "HEXPIRE h 1 FIELDS 2 a", MISMATCH }, { "HEXPIRE h 1 FIELDS 1 a b", MISMATCH },
        { "HEXPIRE h 1 NX FIELDS 1", "-ERR The `numfields` parameter must match the number of "
                                     "arguments / -" },
        { "HTTL s FIELDS 1 a",
          "-WRONGTYPE Operation against a key holding the wrong kind of value" },
        { "HTTL h FIELDS 0 a", "-ERR Number of fields must be a positive integer" },
        { "HTTL h FIELDS 2 a",
          "-ERR The `numfields` parameter must match the number of arguments" },
        { "HPERSIST h NX 1 a", NO_FIELDS }, { "HGETDEL h FIELD 1 a", NO_FIELDS },
        { "HGETDEL h FIELDS 2 a", MISMATCH }, { "HGETEX h KEEPTTL FIELDS 1 a", NO_FIELDS },
        { "HGETEX h EX 10 PERSIST FIELDS 1 a", NO_FIELDS },
        { "HGETEX h EX 10 FIELDS", "-ERR wrong number of arguments for 'hgetex' command / -" },
        { "HGETEX h PX -5 FIELDS 1 a", "-ERR invalid expire time, must be >= 0 / -" },
        { "HSETEX h BOGUS FIELDS 1 a 1", "-ERR unknown argument: BOGUS / -" },
        { "HSETEX h FNX FXX FIELDS 1 a 1",
          "-ERR Only one of FXX or FNX arguments can be specified / -" },
        { "HSETEX h EX 1 KEEPTTL FIELDS 1 a 1",
          "-ERR Only one of EX, PX, EXAT, PXAT or KEEPTTL arguments can be specified / -" },
        { "HSETEX h FIELDS x a 1", "-ERR invalid number of fields / -" },
        { "HSETEX h FIELDS 2 a 1", "-ERR wrong number of arguments for 'hsetex' command / -" },
        { "HSETEX h FIELDS 1 a", "-ERR wrong number of arguments for 'hsetex' command" },
        { "HSETEX h FNX FNX FIELDS 1 a 1",
          "-ERR Only one of FXX or FNX arguments can be specified / -" },
        { "HSETEX h KEEPTTL FNX a 1 EX", "-ERR unknown argument: a / -" },
        { "HSETEX h KEEPTTL FNX FNX EX x", "-ERR Only one of FXX or FNX arguments can be specified "
                                           "/ -" },
        { "HGETALL h", "*2[$a $1]" }, { "OBJECT ENCODING h", "$listpack" });
}
END_TEST

START_TEST(reading_and_setting_with_expiries)
{
    struct harness h;

    harness_init(&h);
    TIMED(&h,
          { "HSETEX h EX 10 FIELDS 2 a 1 b 2", ":1 / HSETEX h PXAT 1010000 FIELDS 2 a 1 b 2",
            "hset:h hexpire:h " },
          { "HSETEX h FNX FIELDS 2 b 3 c 3", ":0 / -", "" },
          { "HSETEX h FXX FIELDS 2 b 3 c 3", ":0 / -" },
          { "HSETEX h FXX KEEPTTL FIELDS 1 b 3", ":1 / HSETEX h KEEPTTL FIELDS 1 b 3", "hset:h " },
          { "HTTL h FIELDS 2 a b", "*2[:10 :10]" },
          { "HSETEX h FNX FIELDS 1 c 4", ":1 / HSETEX h FIELDS 1 c 4" },
          { "HSETEX no FXX FIELDS 1 a 1", ":0 / -" }, { "EXISTS no", ":0" },
          { "HGETEX h FIELDS 3 a b no", "*3[$1 $3 $-] / -", "" },
          { "HGETEX h PERSIST FIELDS 3 a no c", "*3[$1 $- $4] / HPERSIST h FIELDS 1 a",
            "hpersist:h " },
          { "HGETEX h PX 50 FIELDS 2 c c", "*2[$4 $4] / HPEXPIREAT h 1000050 FIELDS 2 c c",
            "hexpire:h " },
          { "HGETEX h EXAT 5 FIELDS 2 c no", "*2[$4 $-] / HDEL h c", "hdel:h " },
          { "HSETEX h PXAT 7 FIELDS 2 b 9 n 9", ":1 / HDEL h b", "hset:h hdel:h " },
          { "HSETEX no PXAT 7 FIELDS 2 b 9 n 9", ":1 / -" }, { "EXISTS no", ":0" },
          { "HGETALL h", "*2[$a $1]" },
          { "HGETDEL h FIELDS 2 no a", "*2[$- $1] / HDEL h no a", "hdel:h del:h " },
          { "HGETDEL h FIELDS 1 a", "*1[$-] / -", "" },
          { "HGETEX h EX 5 FIELDS 1 a", "*1[$-] / -", "" }, { "EXISTS h", ":0" });
    harness_fini(&h);
}
END_TEST

/* What writing does to the expiry of a field. */
START_TEST(other_writes)
{
    struct harness h;

    harness_init(&h);
    TIMED(&h,
          { "HSETEX h EX 10 FIELDS 4 a 1 b 2 c 3 d 4",
            ":1 / HSETEX h PXAT 1010000 FIELDS 4 a 1 b 2 c 3 d 4" },
          { "HSET h a 1", ":0" }, { "HINCRBY h b 1", ":3" },
          { "HINCRBYFLOAT h c 0.5", "$3.5 / HSET h c 3.5; HPEXPIREAT h 1010000 FIELDS 1 c" },
          { "HSETNX h d 9", ":0 / -" }, { "HTTL h FIELDS 4 a b c d", "*4[:-1 :10 :10 :10]" },
          { "COPY h i", ":1" }, { "RENAME h j", "+OK" }, { "MOVE j 1", ":1" },
          { "HTTL i FIELDS 4 a b c d", "*4[:-1 :10 :10 :10]" }, { "PERSIST i", ":0 / -" },
          { "@10000", "", "" }, { "@1", "", "HDEL(i b c d) hexpired:i HDEL(j b c d) hexpired:j " },
          { "HGETALL i", "*2[$a $1]" },
          { "HSETEX i PX 1 FIELDS 1 a 2", ":1 / HSETEX i PXAT 1010002 FIELDS 1 a 2" },
          { "@2", "", "HDEL(i a) hexpired:i del:i " }, { "EXISTS i", ":0" }, { "FLUSHALL", "+OK" });
    harness_fini(&h);
}
END_TEST

/* Nothing is taken away by the clock: whoever looks finds nothing, and takes it away. */
static void hidden_fields(const char *encoding)
{
    struct harness h;

    harness_init(&h);
    if (strcmp(encoding, "hashtable") == 0)
        harness_ask(&h, "HSET h long 0123456789012345678901234567890123456789012345678901234567890"
                        "123456789");
    else
        harness_ask(&h, "HSET h long short");
    keyspace_set_active_expiry(h.ks, false);
    TIMED(
        &h, { "HSET h a 1 c 3", ":2" },
        { "HPEXPIRE h 10 FIELDS 1 a", "*1[:1] / HPEXPIREAT h 1000010 FIELDS 1 a" },
        { "@11", "", "" }, { "HLEN h", ":3", "" }, { "EXISTS h", ":1" },
        { "HSCAN h 0 MATCH ?", "*2[$0 *2[$c $3]]", "" },
        { "HGET h c", "$3", "HDEL(h a) hexpired:h " }, { "HLEN h", ":2" }, { "HDEL h long", ":1" },
        { "HPEXPIRE h 1 FIELDS 1 c", "*1[:1] / HPEXPIREAT h 1000012 FIELDS 1 c" }, { "@2", "", "" },
        { "HGET h c", "$-", "HDEL(h c) hexpired:h del:h " }, { "EXISTS h", ":0" },
        { "HSETEX h PX 1 FIELDS 1 c 1", ":1 / HSETEX h PXAT 1000014 FIELDS 1 c 1" },
        { "@2", "", "" }, { "HSETNX h c 2", ":1", "HDEL(h c) hexpired:h del:h hset:h " },
        { "HTTL h FIELDS 1 c", "*1[:-1]" });
    harness_fini(&h);
}

START_TEST(hidden_where_the_clock_is_off)
{
    hidden_fields("listpackex");
    hidden_fields("hashtable");
}
END_TEST

START_TEST(a_follower_hides_and_takes_nothing_away)
{
    struct harness h;

    harness_init(&h);
    TIMED(&h, { "HSET h a 1 b 2 c 3", ":3" },
          { "HPEXPIRE h 10 FIELDS 2 a b", "*2[:1 :1] / HPEXPIREAT h 1000010 FIELDS 2 a b" });
    keyspace_set_follower(h.ks, true);
    TIMED(&h, { "@11", "", "" }, { "HGETALL h", "*2[$c $3]", "" }, { "HGET h a", "$-", "" },
          { "HMGET h a c b", "*3[$- $3 $-]" }, { "HEXISTS h a", ":0" }, { "HSTRLEN h a", ":0" },
          { "HKEYS h", "*1[$c]" }, { "HVALS h", "*1[$3]" }, { "HRANDFIELD h", "$c" },
          { "HRANDFIELD h 5", "*1[$c]" }, { "HRANDFIELD h -2", "*2[$c $c]" },
          { "HTTL h FIELDS 2 a c", "*2[:-2 :-1]" }, { "HLEN h", ":3" });
    h.from_leader = true; /* which has not seen them end yet */
    TIMED(&h, { "HINCRBY h a 5", ":6", "hincrby:h " }, { "HSETNX h b 9", ":0 / -" },
          { "HPEXPIREAT h 1000005 FIELDS 1 b", "*1[:1] / HPEXPIREAT h 1000005 FIELDS 1 b" },
          { "HDEL h a b", ":2", "hdel:h " },
          { "HSETEX h PXAT 5 FIELDS 1 a 1", ":1 / HSETEX h PXAT 5 FIELDS 1 a 1" },
          { "HLEN h", ":2" });
    harness_fini(&h);
}
END_TEST

/* More have ended than go at once: those that are left are not there either. */
START_TEST(many_that_have_ended)
{
    struct harness h;
    char line[64];

    harness_init(&h);
    keyspace_set_active_expiry(h.ks, false);
    for (int i = 0; i < 600; i++) { /* in this order they end */
        snprintf(line, sizeof line, "HSETEX h PX %d FIELDS 1 f%d %d", 10 + i, i, i);
        harness_ask(&h, line);
    }
    TIMED(&h, { "HSET h stays 1", ":1" }, { "@700", "", "" }, { "HGETALL h", "*2[$stays $1]" },
          { "HLEN h", ":537" }, { "HRANDFIELD h", "$stays" },
          { "HINCRBY h f599 1", ":1 / HSET h f599 1" }, { "HTTL h FIELDS 1 f599", "*1[:-1]" },
          { "HSETNX h f598 1", ":1 / HSET h f598 1" }, { "HDEL h f599 f598 stays f597", ":3" },
          { "HRANDFIELD h 2", "*0[]" }, { "HRANDFIELD h", "$-" }, { "EXISTS h", ":1" });
    keyspace_set_active_expiry(h.ks, true);
    TIMED(&h, { "@0", "", NULL }, { "EXISTS h", ":0" });
    harness_fini(&h);
}
END_TEST

CHECK_MAIN("hash_expire", holds_what_an_array_holds, expiring, refusing,
           reading_and_setting_with_expiries, other_writes, hidden_where_the_clock_is_off,
           a_follower_hides_and_takes_nothing_away, many_that_have_ended)
