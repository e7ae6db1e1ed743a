/*
 * sim - runs schedules and tells which seeds fail.
 *
 *     sim [--seed N] [--schedules N] [--seconds N] [--trace] [--mutate BITS] [--legacy] [--plain]
 *
 * Without arguments: a bounded run of every kind of plan, and every mutation, which must be caught.
 * Exits 1 when a schedule fails, or, with all mutations asked for, when one goes unseen.
 */
#include <getopt.h>
#include <stdlib.h>
#include <string.h>

#include "common/clock.h"
#include "sentinel/core/mutation.h"
#include "world.h"

enum { SCHEDULES_DEFAULT = 150, MUTANT_TRIES = 3000 };

struct options {
    uint64_t seed, schedules, seconds;
    uint32_t mutate;
    bool trace, legacy, plain, one, random_seed;
};

struct totals {
    uint64_t run, failed, steps, failovers, slowest_ms;
};

static struct world world;

static void plan_for(struct plan *p, uint64_t seed, const struct options *o)
{
    *p = (struct plan){
        .watchers = seed % 4 == 3 ? 5 : 3,
        .stores_per_group = seed % 8 < 4 ? 3 : 2,
        .legacy = o->legacy || seed % 6 == 5,
        .fast = !o->plain && seed % 3 != 2,
        .quorum = seed % 5 == 4 ? 1 : 0,
        .down_after_ms = seed % 7 == 6 ? 30000 : 1000,
        .faults_ms = 8000,
        .heal_ms = seed % 7 == 6 ? 120000 : 60000,
    };
}

static bool run_one(uint64_t seed, const struct options *o, struct totals *t)
{
    struct plan plan;
    bool ok;

    plan_for(&plan, seed, o);
    ok = world_run(&world, seed, &plan, o->mutate, o->trace);
    t->run++;
    t->failed += !ok;
    t->steps += world.steps;
    t->failovers += world.failovers;
    if (ok && world.converged_after_ms > t->slowest_ms)
        t->slowest_ms = world.converged_after_ms;
    return ok;
}

static void run_many(const struct options *o, struct totals *t)
{
    uint64_t start_us = clock_read_us(), stop_us = start_us + o->seconds * 1000000;

    for (uint64_t i = 0; o->seconds ? clock_read_us() < stop_us : i < o->schedules; i++)
        if (!run_one(o->seed + i, o, t))
            printf("seed %llu: %s\n", (unsigned long long)(o->seed + i), world.why);
    printf("%llu schedules from seed %llu: %llu failed, %llu steps, %llu failovers, slowest "
           "convergence %llu ms, %llu ms of real time\n",
           (unsigned long long)t->run, (unsigned long long)o->seed, (unsigned long long)t->failed,
           (unsigned long long)t->steps, (unsigned long long)t->failovers,
           (unsigned long long)t->slowest_ms,
           (unsigned long long)(clock_read_us() - start_us) / 1000);
}

static const struct mutant {
    uint32_t bit;
    const char *name;
} mutants[] = {
    { MUT_VOTE_NOT_PERSISTED, "vote-not-persisted" },
    { MUT_VOTES_TWICE, "votes-twice" },
    { MUT_NO_MAJORITY, "no-majority" },
    { MUT_CONFIG_NOT_PERSISTED, "config-not-persisted" },
    { MUT_EQUAL_EPOCH_ADOPTED, "equal-epoch-adopted" },
    { MUT_NO_DEMOTION, "no-demotion" },
    { MUT_RESET_FORGETS_VOTERS, "reset-forgets-voters" },
    { MUT_HEARSAY, "hearsay" },
};

/* A simulator that misses a planted bug would miss a real one. */
static bool catch_mutants(struct options o)
{
    bool all = true;

    for (size_t k = 0; k < ARRAY_LEN(mutants); k++) {
        struct totals t = { 0 };
        bool caught = false;

        o.mutate = mutants[k].bit;
        for (uint64_t i = 0; i < MUTANT_TRIES && !caught; i++)
            caught = !run_one(o.seed + i, &o, &t);
        if (caught)
            printf("mutant %s: caught after %llu schedules: %s\n", mutants[k].name,
                   (unsigned long long)t.run, world.why);
        else
            printf("mutant %s: NOT caught in %d schedules\n", mutants[k].name, MUTANT_TRIES);
        all = all && caught;
    }
    return all;
}

int main(int argc, char **argv)
{
    static const struct option longs[] = {
        { "seed", required_argument, NULL, 's' },    { "schedules", required_argument, NULL, 'n' },
        { "seconds", required_argument, NULL, 't' }, { "trace", no_argument, NULL, 'v' },
        { "mutate", required_argument, NULL, 'm' },  { "legacy", no_argument, NULL, 'l' },
        { "plain", no_argument, NULL, 'p' },         { NULL, 0, NULL, 0 },
    };
    struct options o = { .seed = 1, .schedules = SCHEDULES_DEFAULT };
    struct totals t = { 0 };
    bool custom = argc > 1, ok;
    int c;

    while ((c = getopt_long(argc, argv, "", longs, NULL)) != -1) {
        switch (c) {
        case 's':
            o.seed = strtoull(optarg, NULL, 10);
            o.schedules = 1;
            break;
        case 'n':
            o.schedules = strtoull(optarg, NULL, 10);
            break;
        case 't':
            o.seconds = strtoull(optarg, NULL, 10);
            break;
        case 'm':
            o.mutate = (uint32_t)strtoul(optarg, NULL, 0);
            break;
        case 'v':
            o.trace = true;
            break;
        case 'l':
            o.legacy = true;
            break;
        case 'p':
            o.plain = true;
            break;
        default:
            return 2;
        }
    }
    run_many(&o, &t);
    ok = t.failed == 0;
    if (!custom)
        ok = catch_mutants(o) && ok;
    return ok ? 0 : 1;
}
