/*
 * HyperLogLog: registers against an array, estimates against how many elements there were, bytes that were
 * damaged at random, and the handlers line by line. tests/e2e compares bytes and replies with redis-server.
 */
#include <string.h>

#include "node/types/hll.h"
#include "tests/check_main.h"
#include "tests/node/types/call_harness.h"
#include "tests/node/types/call_lines.h"

static struct bytes text_of(const struct hll *h)
{
    return (struct bytes){ (const char *)h->at, h->len };
}

static void registers_equal(const struct hll *h, const unsigned char *model)
{
    unsigned char registers[HLL_REGISTERS] = { 0 };

    ck_assert(hll_is(text_of(h)));
    ck_assert_int_eq(hll_merge(registers, text_of(h)), OK);
    ck_assert_mem_eq(registers, model, sizeof registers);
}

/* Most values fall where runs can hold them, and close to one another, so that runs are cut and merged. */
START_TEST(registers_equal_their_model)
{
    static unsigned char model[HLL_REGISTERS], room[HLL_ROOM];
    struct rng rng;
    struct hll h;
    uint64_t count;

    rng_seed(&rng, test_seed());
    for (int round = 0; round < 40; round++) {
        size_t max = (size_t[]){ 0, 100, 3000, 15000, 1 << 20 }[round % 5];

        memset(model, 0, sizeof model);
        hll_init(&h, room);
        for (int step = 0; step < 4000; step++) {
            unsigned index = (unsigned)rng_below(&rng, rng_below(&rng, 2) ? 200 : HLL_REGISTERS);
            unsigned value = (unsigned)rng_below(&rng, round % 2 && step > 3000 ? 51 : 4) + 1;
            bool grew;

            ck_assert_int_eq(hll_raise(&h, index, value, max, &grew), OK);
            ck_assert(grew == (value > model[index]));
            if (grew)
                model[index] = (unsigned char)value;
            ck_assert(hll_is_dense(text_of(&h)) || h.len <= max || h.len == HLL_HEADER_BYTES + 2);
            if (step % 97 == 0)
                registers_equal(&h, model);
        }
        registers_equal(&h, model);
        ck_assert_int_eq(hll_count(text_of(&h), &count), OK);
        ck_assert_uint_eq(count, hll_count_registers(model));
        ck_assert_int_eq(hll_make_dense(&h), OK);
        registers_equal(&h, model);
        ck_assert_int_eq(hll_count(text_of(&h), &count), OK);
        ck_assert_uint_eq(count, hll_count_registers(model));
    }
}
END_TEST

/* Whatever the bytes are, an answer comes, and nothing outside of them is touched. */
START_TEST(damaged_bytes_get_an_answer)
{
    static const char *const asks[] = { "PFADD h a b c d e f", "PFCOUNT h",
                                        "PFCOUNT h g",         "PFMERGE g h",
                                        "PFMERGE h g",         "PFDEBUG GETREG h",
                                        "PFDEBUG DECODE h",    "PFDEBUG TODENSE h" };
    struct harness h;
    struct rng rng;
    char text[HLL_DENSE_BYTES];

    rng_seed(&rng, test_seed());
    harness_init(&h);
    for (int step = 0; step < 3000; step++) {
        const struct entry *e;
        size_t len;

        harness_ask(&h, "DEL h g");
        for (uint64_t i = rng_below(&rng, 60) + 1; i; i--) {
            snprintf(text, sizeof text, "PFADD h %llu", (unsigned long long)rng_next(&rng));
            harness_ask(&h, text);
        }
        if (step % 4 == 0)
            harness_ask(&h, "PFDEBUG TODENSE h");
        e = keyspace_read(h.ks, 0, BYTES("h"), 0);
        len = entry_text_len(e);
        memcpy(text, entry_text(e, NULL).at, len);
        for (uint64_t i = rng_below(&rng, 4) + 1; i; i--)
            text[rng_below(&rng, 8) ? HLL_HEADER_BYTES + rng_below(&rng, len - HLL_HEADER_BYTES)
                                    : rng_below(&rng, HLL_HEADER_BYTES)] =
                (char)(rng_below(&rng, 3) ? rng_next(&rng) : 0xff);
        if (rng_below(&rng, 3) == 0)
            len = rng_below(&rng, len + 1);
        harness_ask_argv(&h, 3, (struct bytes[]){ BYTES("SET"), BYTES("h"), { text, len } });
        for (int i = 0; i < 4; i++)
            harness_ask(&h, asks[rng_below(&rng, ARRAY_LEN(asks))]);
    }
    harness_fini(&h);
}
END_TEST

/* A text that nobody could have made of runs is not copied, however long. */
START_TEST(runs_beyond_all_registers_are_corrupt)
{
    struct harness h;
    char *text = calloc(1, 1 << 20);

    memcpy(text, "HYLL\x01", 5);
    harness_init(&h);
    harness_ask_argv(&h, 3, (struct bytes[]){ BYTES("SET"), BYTES("h"), { text, 1 << 20 } });
    ck_assert_str_eq(harness_ask(&h, "PFADD h a"), "-INVALIDOBJ Corrupted HLL object detected / -");
    harness_fini(&h);
    free(text);
}
END_TEST

#define NO_HLL  "-WRONGTYPE Key is not a valid HyperLogLog string value. / -"
#define CORRUPT "-INVALIDOBJ Corrupted HLL object detected / -"

START_TEST(handlers_answer_as_redis)
{
    RUN({ "PFADD h a b c", ":1", "pfadd:h " }, { "PFADD h a", ":0 / -", "" },
        { "PFADD h", ":0 / -" }, { "PFADD e", ":1", "pfadd:e " }, { "STRLEN e", ":18" },
        { "PFCOUNT h", ":3", "" }, { "PFCOUNT h", ":3", "" }, { "PFCOUNT none", ":0" },
        { "PFADD g c d", ":1" }, { "PFCOUNT h g none", ":4" },
        { "PFMERGE m h g none", "+OK", "pfadd:m " }, { "PFCOUNT m", ":4" }, { "PFMERGE n", "+OK" },
        { "PFCOUNT n", ":0" }, { "OBJECT ENCODING m", "$raw" },
        { "PFDEBUG ENCODING m", "+sparse / -" }, { "PFDEBUG DECODE e", "$Z:16384 / -" },
        { "PFDEBUG todense m", ":1" }, { "PFDEBUG todense m", ":0 / -" }, { "STRLEN m", ":12304" },
        { "PFDEBUG ENCODING m", "+dense / -" }, { "PFCOUNT m", ":4" }, { "PFADD m a", ":0 / -" },
        { "PFADD m x", ":1" }, { "PFCOUNT m", ":5" }, { "PFMERGE h m", "+OK" },
        { "STRLEN h", ":12304" }, { "PFSELFTEST", "+OK" });
}
END_TEST

START_TEST(what_is_none_is_refused)
{
    RUN({ "SET s text", "+OK" }, { "PFADD s a", NO_HLL }, { "SET s 12345", "+OK" },
        { "PFADD s a", NO_HLL },
        { "SET s \"HYLL\\x02\\x00\\x00\\x00\\x00\\x00\\x00\\x00\\x00\\x00\\x00\\x00\\x7f\\xff\"",
          "+OK" },
        { "PFADD s a", NO_HLL },
        { "PFCOUNT s", "-WRONGTYPE Key is not a valid HyperLogLog string value." },
        { "PFMERGE d s", NO_HLL }, { "RPUSH l a", ":1" }, { "PFADD l a", WRONG },
        { "PFDEBUG GETREG l", WRONG },
        { "PFDEBUG GETREG none", "-ERR The specified key does not exist / -" },
        { "PFADD h a", ":1" }, { "PFDEBUG x h", "-ERR Unknown PFDEBUG subcommand 'x' / -" },
        { "PFDEBUG todense h", ":1" },
        { "PFDEBUG decode h", "-ERR HLL encoding is not sparse / -" }, { "PFADD i a", ":1" },
        { "APPEND i x", ":22" }, { "PFCOUNT i", "-INVALIDOBJ Corrupted HLL object detected" },
        { "PFMERGE m i", CORRUPT }, { "PFDEBUG todense i", CORRUPT }, { "EXISTS m", ":0" });
}
END_TEST

/* The count is kept on a leader, and where a leader's stream says so; a follower's own client changes nothing. */
START_TEST(followers_keep_what_their_leader_has)
{
    struct harness h;
    uint64_t count;

    harness_init(&h);
    harness_ask(&h, "PFADD h a b c");
    keyspace_set_follower(h.ks, true);
    ck_assert_str_eq(harness_ask(&h, "PFCOUNT h"), ":3");
    ck_assert(!hll_cached(entry_text(keyspace_read(h.ks, 0, BYTES("h"), 0), NULL), &count));
    h.from_leader = true;
    ck_assert_str_eq(harness_ask(&h, "PFCOUNT h"), ":3");
    ck_assert(hll_cached(entry_text(keyspace_read(h.ks, 0, BYTES("h"), 0), NULL), &count));
    ck_assert_uint_eq(count, 3);
    harness_fini(&h);
}
END_TEST

CHECK_MAIN("hll", registers_equal_their_model, damaged_bytes_get_an_answer,
           runs_beyond_all_registers_are_corrupt, handlers_answer_as_redis, what_is_none_is_refused,
           followers_keep_what_their_leader_has)
