/* What keys tell of their pattern, one by one and together; and that no bytes break either. */
#include <string.h>

#include "common/alloc.h"
#include "sentinel/audit/pattern.h"
#include "tests/check_main.h"

static void is_pattern(const char *key, const char *wanted)
{
    char *got = pattern_of(bytes_of(key));

    ck_assert_str_eq(got, wanted);
    xfree(got);
}

START_TEST(one_key)
{
    is_pattern("", "");
    is_pattern("config", "config");
    is_pattern("user:1234", "user:*");
    is_pattern("user:1234:cart", "user:*:cart");
    is_pattern("a1b2c3", "*");
    is_pattern("session/0f8fad5b-d9cb-469f-a165-70867728950e/flash", "session/*/flash");
    is_pattern("log-2026-11-29", "log-*");
    is_pattern("cache_7_x", "cache_*_x");
    is_pattern("{user:1}:a", "{user:*}:a");
    is_pattern(":::", ":::");
    is_pattern("a:b:c:d:e:f:g:h:i:j", "a:b:c:d:e:f:g:h:*");
    is_pattern("aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa:b", "*:b");
    is_pattern("bell\a:x", "*:x");
}
END_TEST

static void free_all(char **patterns, size_t count)
{
    for (size_t i = 0; i < count; i++)
        xfree(patterns[i]);
}

START_TEST(few_words_stay)
{
    enum { COUNT = 300 };
    static const char *const kinds[] = { "cart", "profile", "friends" };
    char *patterns[COUNT], text[64];

    for (size_t i = 0; i < COUNT; i++) {
        snprintf(text, sizeof text, "user:%zu:%s", i, kinds[i % 3]);
        patterns[i] = pattern_of(bytes_of(text));
    }
    patterns_fold(patterns, COUNT);
    for (size_t i = 0; i < COUNT; i++) {
        snprintf(text, sizeof text, "user:*:%s", kinds[i % 3]);
        ck_assert_str_eq(patterns[i], text);
    }
    free_all(patterns, COUNT);
}
END_TEST

START_TEST(many_words_are_names)
{
    enum { COUNT = 1000 };
    char *patterns[COUNT], key[64];

    for (size_t i = 0; i < COUNT; i++) {
        /* Every second one is a person, and these are all different. */
        if (i % 2)
            snprintf(key, sizeof key, "user:%c%c%c:cart", (int)('a' + i % 26),
                     (int)('a' + i / 26 % 26), (int)('a' + i / 676));
        else
            snprintf(key, sizeof key, "user:all:%s", i % 4 ? "cart" : "index");
        patterns[i] = pattern_of(bytes_of(key));
    }
    patterns_fold(patterns, COUNT);
    for (size_t i = 0; i < COUNT; i++)
        ck_assert_str_eq(patterns[i], i % 2   ? "user:*:cart"
                                      : i % 4 ? "user:all:cart"
                                              : "user:all:index");
    free_all(patterns, COUNT);
}
END_TEST

/* Any bytes: what comes out is printable, no longer, and folding it twice changes nothing more. */
START_TEST(any_bytes)
{
    enum { COUNT = 400 };
    static const char usual[] = "ab:/1-";
    struct rng rng;
    char *patterns[COUNT], *again[COUNT];

    rng_seed(&rng, test_seed());
    for (size_t i = 0; i < COUNT; i++) {
        char key[40];
        size_t len = rng_below(&rng, sizeof key);

        for (size_t k = 0; k < len; k++)
            key[k] = rng_below(&rng, 3) ? usual[rng_below(&rng, 6)] : (char)rng_below(&rng, 256);
        patterns[i] = pattern_of((struct bytes){ key, len });
        ck_assert(strlen(patterns[i]) <= len + 1);
        for (const char *c = patterns[i]; *c; c++)
            ck_assert(*c >= 0x20 && *c < 0x7f);
    }
    patterns_fold(patterns, COUNT);
    for (size_t i = 0; i < COUNT; i++)
        again[i] = xstrdup(patterns[i]);
    patterns_fold(again, COUNT);
    for (size_t i = 0; i < COUNT; i++)
        ck_assert_str_eq(again[i], patterns[i]);
    free_all(patterns, COUNT);
    free_all(again, COUNT);
    patterns_fold(NULL, 0);
}
END_TEST

CHECK_MAIN("pattern", one_key, few_words_stay, many_words_are_names, any_bytes)
