/*
 * Bitmaps: counting and looking against one bit after the other, numbers of every width against what was
 * written, and the handlers line by line. Replies are those of redis-server 7.0; tests/e2e compares at random.
 */
#include <string.h>

#include "node/types/bits.h"
#include "tests/check_main.h"
#include "tests/node/types/call_harness.h"
#include "tests/node/types/call_lines.h"

enum { TEXT_LEN = 700, STEPS = 20000 };

/* Long runs of zeros and ones, so that whole words of one value are met. */
static void fill(struct rng *rng, char *text, size_t len)
{
    for (size_t i = 0; i < len;) {
        char byte = (char[]){ 0, 0, -1, (char)rng_below(rng, 256) }[rng_below(rng, 4)];

        for (uint64_t run = rng_below(rng, 60) + 1; run && i < len; run--)
            text[i++] = byte;
    }
}

START_TEST(ranges_equal_bit_after_bit)
{
    char text[TEXT_LEN];
    struct rng rng;

    rng_seed(&rng, test_seed());
    for (int step = 0; step < STEPS; step++) {
        size_t len = rng_below(&rng, step % 10 ? 40 : TEXT_LEN);
        uint64_t from = rng_below(&rng, len * 8 + 1);
        uint64_t to = from + rng_below(&rng, len * 8 - from + 1), ones = 0;
        uint64_t first[2] = { to, to };
        struct bytes all = { text, len };

        fill(&rng, text, len);
        for (uint64_t at = to; at-- > from;) {
            ones += bits_get(all, at);
            first[bits_get(all, at)] = at;
        }
        ck_assert_uint_eq(bits_count(all, from, to), ones);
        ck_assert_uint_eq(bits_find(all, from, to, false), first[0]);
        ck_assert_uint_eq(bits_find(all, from, to, true), first[1]);
    }
}
END_TEST

START_TEST(numbers_are_read_as_written)
{
    char text[40], model[40];
    struct rng rng;

    rng_seed(&rng, test_seed());
    fill(&rng, text, sizeof text);
    for (int step = 0; step < STEPS; step++) {
        unsigned width = (unsigned)rng_below(&rng, 64) + 1;
        uint64_t at = rng_below(&rng, sizeof text * 8 - width + 1);
        uint64_t number = rng_next(&rng), read = 0;

        memcpy(model, text, sizeof text);
        for (unsigned i = 0; i < width; i++)
            bits_set(model, at + i, number >> (width - 1 - i) & 1);
        bits_write(text, sizeof text, at, width, number);
        ck_assert_mem_eq(text, model, sizeof text);
        for (unsigned i = 0; i < width; i++)
            read = read << 1 | bits_get((struct bytes){ text, sizeof text }, at + i);
        ck_assert_uint_eq(bits_read((struct bytes){ text, sizeof text }, at, width), read);
    }
    ck_assert_uint_eq(bits_read(BYTES("\x81"), 7, 9), 256);
    ck_assert_uint_eq(bits_read(BYTES("\x81"), 800, 64), 0);
}
END_TEST

START_TEST(setbit_tells_changes_only)
{
    RUN({ "SETBIT b 7 1", ":0", "setbit:b " }, { "GET b", "$\x01" },
        { "SETBIT b 7 1", ":1 / -", "" }, { "SETBIT b 1 1", ":0", "setbit:b " }, { "GET b", "$A" },
        { "OBJECT ENCODING b", "$raw" }, { "GETBIT b 1", ":1" }, { "GETBIT b 100", ":0" },
        { "GETBIT none 0", ":0" }, { "SETBIT b 23 0", ":0", "setbit:b " }, /* it grew */
        { "STRLEN b", ":3" }, { "SET n 12", "+OK" }, { "GETBIT n 2", ":1" },
        { "SETBIT n 2 1", ":1 / -", "" }, { "GET n", "$12" });
}
END_TEST

START_TEST(setbit_refuses)
{
    const char *offset = "-ERR bit offset is not an integer or out of range / -";
    struct harness h;

    harness_init(&h);
    ck_assert_str_eq(harness_ask(&h, "SETBIT b x 1"), offset);
    ck_assert_str_eq(harness_ask(&h, "SETBIT b -1 1"), offset);
    ck_assert_str_eq(harness_ask(&h, "SETBIT b #1 1"), offset);
    ck_assert_str_eq(harness_ask(&h, "SETBIT b 4294967296 1"), offset);
    keyspace_set_text_max(h.ks, 1 << 20);
    ck_assert_str_eq(harness_ask(&h, "SETBIT b 8388608 1"), offset);
    ck_assert_str_eq(harness_ask(&h, "BITFIELD b SET u8 8388608 1"), offset);
    ck_assert_str_eq(harness_ask(&h, "SETBIT b 8388607 1"), ":0");
    h.from_leader = true; /* whose limit may be higher */
    ck_assert_str_eq(harness_ask(&h, "SETBIT b 8388608 1"), ":0");
    ck_assert_str_eq(harness_ask(&h, "STRLEN b"), ":1048577");
    harness_fini(&h);
    RUN({ "SETBIT b 1 2", "-ERR bit is not an integer or out of range / -" },
        { "SETBIT b 1 x", "-ERR bit is not an integer or out of range / -" }, { "RPUSH l a", ":1" },
        { "SETBIT l 1 1", WRONG }, { "EXISTS b", ":0" });
}
END_TEST

START_TEST(bits_are_counted_and_found)
{
    RUN({ "SET s foobar", "+OK" }, { "BITCOUNT s", ":26" }, { "BITCOUNT s 1 1", ":6" },
        { "BITCOUNT s 1 1 byte", ":6" }, { "BITCOUNT s 5 30 BIT", ":17" },
        { "BITCOUNT s -3 -5", ":0" }, { "BITCOUNT s -100 -50", ":4" },
        { "BITCOUNT s 0", "-ERR syntax error" }, { "BITCOUNT s 0 1 x", "-ERR syntax error" },
        { "BITCOUNT none 0 x y z", ":0" }, { "SET z \"\\xff\\xf0\\x00\"", "+OK" },
        { "BITPOS z 0", ":12" }, { "BITPOS z 1 2", ":-1" }, { "BITPOS z 1 -2", ":8" },
        { "BITPOS z 0 13 -1 BIT", ":13" }, { "BITPOS none 1", ":-1" }, { "BITPOS none 0", ":0" },
        { "SET o \"\\xff\\xff\"", "+OK" }, { "BITPOS o 0", ":16" }, { "BITPOS o 0 1", ":16" },
        { "BITPOS o 0 0 -1", ":-1" }, { "BITPOS o 0 5", ":-1" },
        { "BITPOS o 2", "-ERR The bit argument must be 1 or 0." });
}
END_TEST

START_TEST(bitop_combines)
{
    RUN({ "MSET a abcd b ab", "+OK" }, { "BITOP AND d a b", ":4", "set:d " },
        { "GET d", "$ab" }, /* the zeros behind are not seen in this text */
        { "BITOP or d a b", ":4" }, { "GET d", "$abcd" }, { "BITOP XOR d a a", ":4" },
        { "BITCOUNT d", ":0" }, { "BITOP NOT d b", ":2" }, { "BITOP NOT d d", ":2" },
        { "GET d", "$ab" }, { "BITOP AND d none a", ":4" }, { "BITCOUNT d", ":0" },
        { "BITOP AND d none no", ":0", "del:d " }, { "BITOP OR d none", ":0 / -", "" },
        { "BITOP NOT d a b", "-ERR BITOP NOT must be called with a single source key. / -" },
        { "BITOP foo d a", SYNTAX }, { "RPUSH l x", ":1" }, { "BITOP OR d a l", WRONG },
        { "BITOP OR l a", ":4", "set:l " }, { "TYPE l", "+string" });
}
END_TEST

START_TEST(bitfields_overflow_as_told)
{
    RUN({ "BITFIELD f SET u8 0 255 GET u4 0 INCRBY u8 0 10", "*3[:0 :15 :9]", "setbit:f " },
        { "BITFIELD f OVERFLOW SAT INCRBY u8 0 1000 INCRBY u8 0 -1000", "*2[:255 :0]" },
        { "BITFIELD f OVERFLOW FAIL INCRBY u8 0 256", "*1[$-] / -", "" },
        { "BITFIELD f SET i8 0 128 GET i8 0", "*2[:0 :-128]" },
        { "BITFIELD f OVERFLOW SAT SET i8 0 128 GET i8 0 SET i8 0 -129 GET i8 0",
          "*4[:-128 :127 :127 :-128]" },
        { "BITFIELD h OVERFLOW SAT SET i8 0 -9223372036854775681 GET i8 0", "*2[:0 :127]" },
        { "BITFIELD h OVERFLOW SAT SET i8 0 -9223372036854775680 GET i8 0", "*2[:127 :-128]" },
        { "BITFIELD f SET i64 #1 9223372036854775807 INCRBY i64 #1 1",
          "*2[:0 :-9223372036854775808]" },
        { "BITFIELD f SET u63 64 -1 GET u63 64", "*2[:4611686018427387904 :9223372036854775807]" },
        { "BITFIELD f GET u8 9999", "*1[:0] / -", "" }, { "BITFIELD f", "*0[] / -" },
        { "BITFIELD_RO f GET i8 0 GET u8 #0", "*2[:-128 :128]" },
        /* a write that fails makes the text longer all the same */
        { "BITFIELD g OVERFLOW FAIL SET u8 8 256", "*1[$-]", "" }, { "STRLEN g", ":2" });
}
END_TEST

START_TEST(bitfields_refuse)
{
    const char *type = "-ERR Invalid bitfield type. Use something like i16 u8. "
                       "Note that u64 is not supported but i64 is. / -";
    const char *bad[] = { "u64", "i65", "u0", "x8", "i", "i8x", "", "i-1" };
    struct harness h;
    char line[100];

    harness_init(&h);
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        snprintf(line, sizeof line, "BITFIELD f SET u8 0 1 GET \"%s\" 0", bad[i]);
        ck_assert_str_eq(harness_ask(&h, line), type);
    }
    harness_fini(&h);
    RUN({ "BITFIELD f SET u8 0 1 SET u8 0", SYNTAX }, { "BITFIELD f GET u8", SYNTAX },
        { "BITFIELD f foo u8 1", SYNTAX },
        { "BITFIELD f OVERFLOW foo", "-ERR Invalid OVERFLOW type specified / -" },
        { "BITFIELD f SET u8 0 x", NOT_INT },
        { "BITFIELD f GET u8 #9223372036854775807",
          "-ERR bit offset is not an integer or out of range / -" },
        { "BITFIELD_RO f SET u8 0 1", "-ERR BITFIELD_RO only supports the GET subcommand" },
        { "EXISTS f", ":0" }, { "RPUSH l x", ":1" }, { "BITFIELD l GET u8 0", WRONG },
        { "BITFIELD l SET u8 0 1", WRONG });
}
END_TEST

CHECK_MAIN("bitmap", ranges_equal_bit_after_bit, numbers_are_read_as_written,
           setbit_tells_changes_only, setbit_refuses, bits_are_counted_and_found, bitop_combines,
           bitfields_overflow_as_told, bitfields_refuse)
