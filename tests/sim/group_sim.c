/*
 * group_sim - runs schedules of a durable group and tells which seeds fail.
 *
 *     group_sim [--seed N] [--schedules N] [--seconds N] [--trace] [--mutate BITS] [--captain BITS] [--mutants] [--real]
 *
 * --real: the captains of sentinel/core, and no rogues; --captain then takes bits of captain.h.
 * Without arguments: a bounded run with each, and the mutations of the table, which must be caught. Exits 1 when a schedule
 * fails, or when a mutation goes unseen.
 */
#include <getopt.h>
#include <stdlib.h>
#include <string.h>

#include "common/clock.h"
#include "group_world.h"

enum { SCHEDULES_DEFAULT = 300, REAL_SCHEDULES = 300, MUTANT_TRIES = 8000 };

struct options {
    uint64_t seed, schedules, seconds;
    uint32_t mutate, captain;
    bool real;
    bool trace;
};

struct totals {
    uint64_t run, failed, stuck, slowest_ms;
    uint64_t steps, oks, refused, unknown, failovers, handoffs, lost_dids, kept_dids, resyncs,
        shrinks, grows, amnesias;
};

static struct world world;

static bool run_one(uint64_t seed, const struct options *o, struct totals *t)
{
    bool ok = world_run(&world, seed, o->real, o->mutate, o->captain, o->trace);

    t->run++;
    t->failed += !ok;
    t->stuck += world.stuck;
    if (world.healed_ms > t->slowest_ms)
        t->slowest_ms = world.healed_ms;
    t->steps += world.steps;
    t->oks += world.oks;
    t->refused += world.refused;
    t->unknown += world.unknown;
    t->failovers += world.failovers;
    t->handoffs += world.handoffs;
    t->lost_dids += world.lost_dids;
    t->kept_dids += world.kept_dids;
    t->resyncs += world.resyncs;
    t->shrinks += world.shrinks;
    t->grows += world.grows;
    t->amnesias += world.amnesias;
    return ok;
}

static void print_totals(const struct options *o, const struct totals *t, uint64_t took_ms)
{
    printf("%llu schedules from seed %llu: %llu failed, %llu left to an operator, slowest "
           "mending %llu ms, %llu ms of real time\n",
           U(t->run), U(o->seed), U(t->failed), U(t->stuck), U(t->slowest_ms), U(took_ms));
    printf("steps %llu, operations: ok %llu refused %llu unknown %llu, failovers %llu, "
           "switchovers %llu, shrinks %llu, grows %llu, resyncs %llu, starts with did kept %llu, "
           "new %llu, voters lost %llu\n",
           U(t->steps), U(t->oks), U(t->refused), U(t->unknown), U(t->failovers), U(t->handoffs),
           U(t->shrinks), U(t->grows), U(t->resyncs), U(t->kept_dids), U(t->lost_dids),
           U(t->amnesias));
}

static void run_many(const struct options *o, struct totals *t)
{
    uint64_t start_us = clock_read_us(), stop_us = start_us + o->seconds * 1000000;

    for (uint64_t i = 0; o->seconds ? clock_read_us() < stop_us : i < o->schedules; i++)
        if (!run_one(o->seed + i, o, t))
            printf("seed %llu: %s\n", U(o->seed + i), world.why), fflush(stdout);
    print_totals(o, t, (clock_read_us() - start_us) / 1000);
}

static const struct mutant {
    uint32_t bit;
    const char *name;
    uint64_t first; /* seed, where it is rare: one shortly before one that finds it */
} mutants[] = {
    { MUT_SHRINK_EARLY, "shrink-early", 0 },
    { MUT_GROW_LATE, "grow-late", 0 },
    { MUT_GROW_FORGOTTEN, "grow-forgotten", 0 },
    { MUT_GROW_BEHIND, "grow-behind", 0 },
    { MUT_ACK_ANY_DID, "ack-any-did", 18601 }, /* one in three thousand */
    { MUT_KEEPS_DID, "keeps-did", 0 },
    { MUT_BOOT_IGNORED, "boot-ignored", 0 },
    { MUT_RESUMES_EPOCH, "resumes-epoch", 0 },
    { MUT_DROPS_IN_SYNC, "drops-in-sync", 0 },
    { MUT_FOLLOWS_LOWER, "follows-lower", 0 },
    { MUT_EPOCH_UNSAVED, "epoch-unsaved", 0 },
    { MUT_WEAKEST_UNSAVED, "weakest-unsaved", 0 },
    { MUT_CUTS_DATA, "cuts-data", 0 },
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
            caught = !run_one(o.seed + mutants[k].first + i, &o, &t);
        if (caught)
            printf("mutant %s: caught after %llu schedules: %s\n", mutants[k].name, U(t.run),
                   world.why);
        else
            printf("mutant %s: NOT caught in %d schedules\n", mutants[k].name, MUTANT_TRIES);
        fflush(stdout);
        all = all && caught;
    }
    return all;
}

int main(int argc, char **argv)
{
    static const struct option longs[] = {
        { "seed", required_argument, NULL, 's' },
        { "schedules", required_argument, NULL, 'n' },
        { "seconds", required_argument, NULL, 't' },
        { "trace", no_argument, NULL, 'v' },
        { "mutate", required_argument, NULL, 'm' },
        { "captain", required_argument, NULL, 'c' },
        { "mutants", no_argument, NULL, 'a' },
        { "real", no_argument, NULL, 'r' },
        { NULL, 0, NULL, 0 },
    };
    struct options o = { .seed = 1, .schedules = SCHEDULES_DEFAULT };
    struct totals t = { 0 };
    bool mutants_too = argc <= 1, ok;
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
        case 'c':
            o.captain = (uint32_t)strtoul(optarg, NULL, 0);
            break;
        case 'v':
            o.trace = true;
            break;
        case 'r':
            o.real = true;
            break;
        case 'a':
            mutants_too = true;
            break;
        default:
            return 2;
        }
    }
    run_many(&o, &t);
    ok = t.failed == 0;
    if (argc <= 1) {
        struct options real = o;
        struct totals r = { 0 };

        real.real = true;
        real.schedules = REAL_SCHEDULES;
        run_many(&real, &r);
        ok = ok && r.failed == 0;
    }
    if (mutants_too)
        ok = catch_mutants(o) && ok;
    return ok ? 0 : 1;
}
