/*
 * suspicion: what is written is read again, a newer sender is understood, and an odd word is named.
 */
#include "sentinel/core/durable/suspicion.h"

#include <stdio.h>

#include "common/register/wire.h"
#include "tests/check_main.h"

#define GID "0123456789abcdef0123456789abcdef01234567"
#define RUN "fedcba9876543210fedcba9876543210fedcba98"

static const struct suspicion some = { .gid = GID,
                                       .epoch = 7,
                                       .run = RUN,
                                       .reporter = 3,
                                       .opinion = OPINION_HARD,
                                       .why = WHY_REFUSED,
                                       .age_ms = 250 };

START_TEST(what_is_written_is_read_again)
{
    struct wire w = { .count = 0 };
    struct suspicion s;
    bool asks;

    for (int i = 0; i < 2; i++) {
        suspicion_put(&w, i == 0, &some);
        ck_assert(suspicion_take(&w, &asks, &s, NULL) == OK);
        ck_assert(asks == (i == 0));
        ck_assert_str_eq(s.gid, GID);
        ck_assert_str_eq(s.run, RUN);
        ck_assert(s.epoch == 7 && s.reporter == 3 && s.age_ms == 250);
        ck_assert(s.opinion == OPINION_HARD && s.why == WHY_REFUSED);
    }
    wire_fini(&w);
}
END_TEST

static enum err take(struct bytes *words, int count, struct suspicion *out, struct errmsg *why)
{
    struct wire w = { .count = 0 };
    bool asks;

    wire_of_words(&w, count, words);
    return suspicion_take(&w, &asks, out, why);
}

START_TEST(who_is_newer_is_understood_and_an_odd_word_is_named)
{
    struct bytes words[] = { BYTES("suspect"), BYTES("1"),   BYTES(GID),    BYTES("7"),
                             BYTES(RUN),       BYTES("3"),   BYTES("hard"), BYTES("dozes"),
                             BYTES("9"),       BYTES("more") };
    static const char *const odd[] = { NULL, NULL, "gid", "epoch", "run", "reporter" };
    struct suspicion s = { .epoch = 0 };
    struct errmsg why;

    ck_assert(take(words, 9, &s, &why) == OK);
    ck_assert(s.why == WHY_NONE && s.opinion == OPINION_HARD);
    ck_assert(take(words, 10, &s, &why) == ERR_SYNTAX);
    words[1] = BYTES("3"); /* a newer one may say more */
    ck_assert(take(words, 10, &s, &why) == OK);
    ck_assert(take(words, 8, &s, &why) == ERR_SYNTAX);
    for (size_t i = 2; i < ARRAY_LEN(odd); i++) {
        struct bytes good = words[i];
        char expected[40];

        words[i] = BYTES("-");
        ck_assert(take(words, 9, &s, &why) == ERR_SYNTAX);
        snprintf(expected, sizeof expected, "odd word: %s", odd[i]);
        ck_assert_str_eq(why.text, expected);
        words[i] = good;
    }
    words[0] = BYTES("GUESS");
    ck_assert(take(words, 9, &s, &why) == ERR_SYNTAX);
}
END_TEST

CHECK_MAIN("suspicion", what_is_written_is_read_again,
           who_is_newer_is_understood_and_an_odd_word_is_named)
