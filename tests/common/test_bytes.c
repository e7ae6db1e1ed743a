/*
 * bytes: numbers are read as strictly as Redis reads them, doubles survive the round trip, and the
 * glob agrees with a recursive matcher too simple to be wrong.
 */
#include <float.h>
#include <math.h>
#include <string.h>

#include "tests/check_main.h"
#include "common/bytes.h"

START_TEST(integers_are_strict)
{
    static const char *const bad[] = {
        "", "-", "+1", " 1", "1 ", "01", "-0", "1x", "9223372036854775808", "-9223372036854775809"
    };
    int64_t v = 77;

    for (size_t i = 0; i < ARRAY_LEN(bad); i++)
        ck_assert_msg(!bytes_to_i64(bytes_of(bad[i]), &v), "accepted '%s'", bad[i]);
    ck_assert_int_eq(v, 77);
    ck_assert(bytes_to_i64(BYTES("-9223372036854775808"), &v));
    ck_assert(v == INT64_MIN);
    ck_assert(bytes_to_i64(BYTES("9223372036854775807"), &v));
    ck_assert(v == INT64_MAX);
    ck_assert(bytes_to_i64(BYTES("0"), &v));
    ck_assert(v == 0);
}
END_TEST

START_TEST(integers_round_trip)
{
    struct rng r;
    char text[24];
    int64_t back;

    rng_seed(&r, test_seed());
    for (int i = 0; i < 20000; i++) {
        int64_t v = (int64_t)(rng_next(&r) >> rng_below(&r, 64));

        if (i & 1)
            v = -v;
        ck_assert(bytes_to_i64((struct bytes){ text, fmt_i64(text, v) }, &back));
        ck_assert(back == v);
    }
}
END_TEST

START_TEST(doubles_round_trip)
{
    struct rng r;
    char text[40];
    double back;

    rng_seed(&r, test_seed());
    for (int i = 0; i < 20000; i++) {
        uint64_t raw = rng_next(&r);
        double v;

        memcpy(&v, &raw, sizeof v);
        if (isnan(v))
            continue;
        ck_assert(bytes_to_double((struct bytes){ text, fmt_double(text, v) }, &back));
        ck_assert(memcmp(&back, &v, sizeof v) == 0);
    }
    ck_assert_uint_eq(fmt_double(text, 0.1), 3);
    ck_assert(memcmp(text, "0.1", 3) == 0);
}
END_TEST

/* As some clients write the largest double. */
START_TEST(all_digits_of_a_double_are_read)
{
    char text[DOUBLE_TEXT_MAX + 2];
    int len = snprintf(text, sizeof text, "%f", DBL_MAX);
    double back = 0;

    ck_assert(bytes_to_double((struct bytes){ text, (size_t)len }, &back));
    ck_assert(memcmp(&back, &(double){ DBL_MAX }, sizeof back) == 0);
    memset(text, '0', sizeof text);
    ck_assert(bytes_to_double((struct bytes){ text, DOUBLE_TEXT_MAX }, &back));
    ck_assert(!bytes_to_double((struct bytes){ text, DOUBLE_TEXT_MAX + 1 }, &back));
}
END_TEST

static bool simple_glob(const char *p, const char *t)
{
    if (!*p)
        return !*t;
    if (*p == '*')
        return simple_glob(p + 1, t) || (*t && simple_glob(p, t + 1));
    return *t && (*p == '?' || *p == *t) && simple_glob(p + 1, t + 1);
}

START_TEST(glob_agrees_with_recursion)
{
    struct rng r;
    char p[9], t[9];

    rng_seed(&r, test_seed());
    for (int i = 0; i < 200000; i++) {
        size_t pn = rng_below(&r, 8), tn = rng_below(&r, 8);

        for (size_t k = 0; k < pn; k++)
            p[k] = "ab*?"[rng_below(&r, 4)];
        for (size_t k = 0; k < tn; k++)
            t[k] = "ab"[rng_below(&r, 2)];
        p[pn] = t[tn] = '\0';
        ck_assert_msg(glob_match(bytes_of(p), bytes_of(t), false) == simple_glob(p, t),
                      "pattern '%s' text '%s'", p, t);
    }
}
END_TEST

START_TEST(glob_sets_and_escapes)
{
    ck_assert(glob_match(BYTES("h[ae]llo"), BYTES("hallo"), false));
    ck_assert(!glob_match(BYTES("h[^e]llo"), BYTES("hello"), false));
    ck_assert(glob_match(BYTES("h[a-b]llo"), BYTES("hbllo"), false));
    ck_assert(glob_match(BYTES("a\\*b"), BYTES("a*b"), false));
    ck_assert(!glob_match(BYTES("a\\*b"), BYTES("axb"), false));
    ck_assert(glob_match(BYTES("A?C"), BYTES("abc"), true));
    ck_assert(glob_match(BYTES("[abc"), BYTES("b"), false));
}
END_TEST

START_TEST(quoting_shows_every_byte)
{
    struct buf b = { 0 };

    buf_put_quoted(&b, (struct bytes){ "a\"\\\n\0\xff", 6 });
    ck_assert_str_eq(buf_text(&b), "\"a\\\"\\\\\\n\\x00\\xff\"");
    buf_fini(&b);
}
END_TEST

CHECK_MAIN("bytes", integers_are_strict, integers_round_trip, doubles_round_trip,
           all_digits_of_a_double_are_read, glob_agrees_with_recursion, glob_sets_and_escapes,
           quoting_shows_every_byte)
