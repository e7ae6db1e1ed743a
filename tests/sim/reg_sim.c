/*
 * reg_sim - runs schedules of the register and tells which seeds fail.
 *
 *     reg_sim [--seed N] [--schedules N] [--seconds N] [--trace] [--mutate BITS]
 *
 * Without arguments: a bounded run, and every mutation of reg.h, which must be caught. Exits 1 when a schedule
 * fails, or when a mutation goes unseen.
 */
#include <getopt.h>
#include <stdlib.h>
#include <string.h>

#include "common/clock.h"
#include "reg_world.h"

enum { SCHEDULES_DEFAULT = 300, MUTANT_TRIES = 3000 };

struct options {
    uint64_t seed, schedules, seconds;
    uint32_t mutate;
    bool trace;
};

struct totals {
    uint64_t run, failed, steps, committed, amnesias, stuck, slowest_ms;
    uint64_t by_outcome[OUTCOME_COUNT], by_kind[CHANGE_COUNT];
};

static struct world world;

static bool run_one(uint64_t seed, const struct options *o, struct totals *t)
{
    bool ok = world_run(&world, seed, o->mutate, o->trace);

    t->run++;
    t->failed += !ok;
    t->steps += world.steps;
    t->committed += world.committed;
    t->amnesias += world.amnesias;
    t->stuck += world.stuck;
    if (world.healed_after_ms > t->slowest_ms)
        t->slowest_ms = world.healed_after_ms;
    for (int i = 0; i < OUTCOME_COUNT; i++)
        t->by_outcome[i] += world.by_outcome[i];
    for (int i = 0; i < CHANGE_COUNT; i++)
        t->by_kind[i] += world.by_kind[i];
    return ok;
}

static void print_totals(const struct options *o, const struct totals *t, uint64_t took_ms)
{
    printf("%llu schedules from seed %llu: %llu failed, %llu steps, %llu ballots chosen, %llu "
           "memories "
           "lost, %llu left without a majority, slowest mending %llu ms, %llu ms of real time\n",
           (unsigned long long)t->run, (unsigned long long)o->seed, (unsigned long long)t->failed,
           (unsigned long long)t->steps, (unsigned long long)t->committed,
           (unsigned long long)t->amnesias, (unsigned long long)t->stuck,
           (unsigned long long)t->slowest_ms, (unsigned long long)took_ms);
    for (int i = 0; i < OUTCOME_COUNT; i++)
        printf("%s%s %llu", i ? ", " : "told: ", outcome_word((enum outcome)i),
               (unsigned long long)t->by_outcome[i]);
    for (int i = CHANGE_CREATE; i < CHANGE_COUNT; i++)
        printf("%s%s %llu",
               i > CHANGE_CREATE ? ", " : "\nversions: ", change_word((enum change_kind)i),
               (unsigned long long)t->by_kind[i]);
    printf("\n");
}

static void run_many(const struct options *o, struct totals *t)
{
    uint64_t start_us = clock_read_us(), stop_us = start_us + o->seconds * 1000000;

    for (uint64_t i = 0; o->seconds ? clock_read_us() < stop_us : i < o->schedules; i++)
        if (!run_one(o->seed + i, o, t))
            printf("seed %llu: %s\n", (unsigned long long)(o->seed + i), world.why);
    print_totals(o, t, (clock_read_us() - start_us) / 1000);
}

static const struct mutant {
    uint32_t bit;
    const char *name;
} mutants[] = {
    { MUT_PROMISE_BEFORE_DISK, "promise-before-disk" },
    { MUT_ACCEPT_BEFORE_DISK, "accept-before-disk" },
    { MUT_UNKNOWN_IS_FAILED, "unknown-is-failed" },
    { MUT_PROMISE_BURIES, "promise-buries" },
    { MUT_KEEPS_VOTER_ID, "keeps-voter-id" },
    { MUT_BLIND_WRITE, "blind-write" },
    { MUT_READ_ONE, "read-one" },
    { MUT_POLICY_IGNORED, "policy-ignored" },
    { MUT_ANY_BALLOT_PROMISED, "any-ballot-promised" },
    { MUT_ANY_BALLOT_ACCEPTED, "any-ballot-accepted" },
    { MUT_BALLOT_WITHOUT_ID, "ballot-without-id" },
    { MUT_FIRST_VALUE, "first-value" },
    { MUT_NO_MAJORITY, "no-majority" },
    { MUT_ASSUMED_VOTERS, "assumed-voters" },
    { MUT_DIRECT_VOTERS, "direct-voters" },
    { MUT_JOINT_OLD_ONLY, "joint-old-only" },
    { MUT_JOINT_UNCOMMITTED, "joint-uncommitted" },
    { MUT_OP_FORGOTTEN, "op-forgotten" },
    { MUT_OLD_SLOT, "old-slot" },
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
        { "mutate", required_argument, NULL, 'm' },  { NULL, 0, NULL, 0 },
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
