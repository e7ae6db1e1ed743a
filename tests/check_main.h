/*
 * check_main - the main of a test program: CHECK_MAIN("bytes", test_a, test_b) runs the named tests.
 *
 * Tests are START_TEST(name) … END_TEST of Check. Random tests draw the same on every run, so that what is red
 * was changed and never drawn; TEST_SEED=7 draws otherwise, TEST_SEED=random takes a fresh seed. It is printed.
 */
#ifndef HF_TESTS_CHECK_MAIN_H
#define HF_TESTS_CHECK_MAIN_H

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/random.h"

static inline uint64_t test_seed(void)
{
    const char *given = getenv("TEST_SEED");
    uint64_t seed = 1;

    if (given && strcmp(given, "random") == 0)
        random_bytes(&seed, sizeof seed);
    else if (given)
        seed = strtoull(given, NULL, 10);
    fprintf(stderr, "TEST_SEED=%llu\n", (unsigned long long)seed);
    return seed;
}

/* A helper thread that still waits for a name server when the process ends owns a buffer of libc's
 * resolver, which nobody else can reach. */
const char *__lsan_default_suppressions(void);
const char *__lsan_default_suppressions(void)
{
    return "leak:__res_context_send\n";
}

#define CHECK_MAIN(suite_name, ...)                                 \
    int main(void)                                                  \
    {                                                               \
        const TTest *const tests[] = { __VA_ARGS__ };               \
        Suite *suite = suite_create(suite_name);                    \
        TCase *tcase = tcase_create("all");                         \
        SRunner *runner;                                            \
        int failed;                                                 \
                                                                    \
        for (size_t i = 0; i < sizeof tests / sizeof tests[0]; i++) \
            tcase_add_test(tcase, tests[i]);                        \
        tcase_set_timeout(tcase, 120);                              \
        suite_add_tcase(suite, tcase);                              \
        runner = srunner_create(suite);                             \
        srunner_run_all(runner, CK_NORMAL);                         \
        failed = srunner_ntests_failed(runner);                     \
        srunner_free(runner);                                       \
        return failed ? 1 : 0;                                      \
    }

#endif
