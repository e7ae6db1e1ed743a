/*
 * captain_sim - runs schedules of the captains and tells which seeds fail (schedules.h).
 */
#include <stdio.h>

#include "captain_world.h"
#include "schedules.h"

static struct world world;

static struct {
    uint64_t steps, versions, failovers, switchovers, forced, refused, ok, err, slowest_ms;
} totals;

static bool run_one(uint64_t seed, uint32_t mutate, bool trace, const char **out_why)
{
    bool ok = world_run(&world, seed, mutate, trace);

    totals.steps += world.steps;
    totals.versions += world.head;
    totals.failovers += world.failovers;
    totals.switchovers += world.switchovers;
    totals.forced += world.forced;
    totals.refused += world.refused_shrinks;
    totals.ok += world.told_ok;
    totals.err += world.told_err;
    if (world.healed_after_ms > totals.slowest_ms)
        totals.slowest_ms = world.healed_after_ms;
    *out_why = world.why;
    return ok;
}

static void print_totals(void)
{
    printf("%llu steps, %llu versions, %llu new leaders of which %llu by switchover, %llu forced, "
           "%llu shrinks refused "
           "(R5), wishes granted %llu, not %llu, slowest mending %llu ms\n",
           U(totals.steps), U(totals.versions), U(totals.failovers), U(totals.switchovers),
           U(totals.forced), U(totals.refused), U(totals.ok), U(totals.err), U(totals.slowest_ms));
}

static const struct mutant mutants[] = {
    { MUT_ALONE, "alone" },
    { MUT_NO_VETO, "no-veto" },
    { MUT_DID_IGNORED, "did-ignored" },
    { MUT_UNFIT_CHOSEN, "unfit-chosen" },
    { MUT_RUN_IGNORED, "run-ignored" },
    { MUT_PROMOTE_EARLY, "promote-early" },
    { MUT_BELIEVES, "believes" },
    { MUT_FORGIVES, "forgives" },
    { MUT_STALL_ACCUSES, "stall-accuses" },
    { MUT_TELLS_EARLY, "tells-early" },
    { MUT_FORCE_UNPROVEN, "force-unproven" },
    { MUT_GUESSES, "guesses" },
};

int main(int argc, char **argv)
{
    static const struct schedules schedules = {
        .run = run_one,
        .print = print_totals,
        .mutants = mutants,
        .mutant_count = ARRAY_LEN(mutants),
        .count = 200,
        .mutant_tries = 2000,
    };

    return schedules_main(argc, argv, &schedules);
}
