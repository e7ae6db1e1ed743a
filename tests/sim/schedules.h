/*
 * schedules - the main of a simulator: many schedules, each from its seed, then every planted bug, which must be seen.
 *
 *     [--seed N] [--schedules N] [--seconds N] [--trace] [--mutate BITS]
 *
 * Without arguments: a bounded run, and all mutants. Exits 1 when a schedule fails, or when a mutant goes unseen.
 */
#ifndef HF_TESTS_SIM_SCHEDULES_H
#define HF_TESTS_SIM_SCHEDULES_H

#include "common/err.h"

struct mutant {
    uint32_t bit;
    const char *name;
};

struct schedules {
    /* One, from its seed; what happened is added up for `print`. False: *out_why says what went wrong. */
    bool (*run)(uint64_t seed, uint32_t mutate, bool trace, const char **out_why);
    void (*print)(void); /* what happened in all of them */
    const struct mutant *mutants;
    size_t mutant_count;
    uint64_t count, mutant_tries; /* without arguments; until a mutant must have been seen */
};

int schedules_main(int argc, char **argv, const struct schedules *s);

#endif
