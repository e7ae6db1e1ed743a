/*
 * lookout: what is written is read again, a newer sender is understood, and an odd word is named.
 */
#include "common/register/lookout.h"

#include <stdio.h>

#include "common/register/wire.h"
#include "tests/check_main.h"

#define GID "0123456789abcdef0123456789abcdef01234567"
#define RUN "fedcba9876543210fedcba9876543210fedcba98"

static const struct lookout some = {
    .gid = GID, .epoch = 7, .run = RUN, .node = 12, .silent_ms = 100
};

START_TEST(what_is_written_is_read_again)
{
    struct wire w = { .count = 0 };
    struct lookout l;

    lookout_put(&w, &some);
    ck_assert_int_eq(lookout_take(&w, &l, NULL), OK);
    ck_assert_str_eq(l.gid, GID);
    ck_assert_str_eq(l.run, RUN);
    ck_assert(l.epoch == 7 && l.node == 12 && l.silent_ms == 100);
    wire_fini(&w);
}
END_TEST

static enum err take(struct bytes *words, int count, struct lookout *out, struct errmsg *why)
{
    struct wire w = { .count = 0 };

    wire_of_words(&w, count, words);
    return lookout_take(&w, out, why);
}

START_TEST(who_is_newer_is_understood_and_an_odd_word_is_named)
{
    struct bytes words[] = { BYTES("lookout"), BYTES("1"),  BYTES(GID), BYTES("7"),
                             BYTES(RUN),       BYTES("12"), BYTES("0"), BYTES("more") };
    static const char *const odd[] = { NULL, NULL, "gid", "epoch", "run", "node", "silent-ms" };
    struct lookout l = { .epoch = 0 };
    struct errmsg why;

    ck_assert_int_eq(take(words, 7, &l, &why), OK);
    ck_assert_int_eq(take(words, 8, &l, &why), ERR_SYNTAX);
    words[1] = BYTES("3"); /* a newer one may say more */
    ck_assert_int_eq(take(words, 8, &l, &why), OK);
    ck_assert_int_eq(take(words, 6, &l, &why), ERR_SYNTAX);
    for (size_t i = 2; i < ARRAY_LEN(odd); i++) {
        struct bytes good = words[i];
        char expected[40];

        words[i] = BYTES("-");
        ck_assert_int_eq(take(words, 7, &l, &why), ERR_SYNTAX);
        snprintf(expected, sizeof expected, "odd word: %s", odd[i]);
        ck_assert_str_eq(why.text, expected);
        words[i] = good;
    }
    words[0] = BYTES("WATCH");
    ck_assert_int_eq(take(words, 7, &l, &why), ERR_SYNTAX);
}
END_TEST

CHECK_MAIN("lookout", what_is_written_is_read_again,
           who_is_newer_is_understood_and_an_odd_word_is_named)
