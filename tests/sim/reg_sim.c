/*
 * reg_sim - runs schedules of the register and tells which seeds fail (schedules.h).
 */
#include <stdio.h>

#include "reg_world.h"
#include "schedules.h"

static struct world world;

static struct {
    uint64_t steps, committed, amnesias, stuck, slowest_ms;
    uint64_t by_outcome[OUTCOME_COUNT], by_kind[CHANGE_COUNT];
} totals;

static bool run_one(uint64_t seed, uint32_t mutate, bool trace, const char **out_why)
{
    bool ok = world_run(&world, seed, mutate, trace);

    totals.steps += world.steps;
    totals.committed += world.committed;
    totals.amnesias += world.amnesias;
    totals.stuck += world.stuck;
    if (world.healed_after_ms > totals.slowest_ms)
        totals.slowest_ms = world.healed_after_ms;
    for (int i = 0; i < OUTCOME_COUNT; i++)
        totals.by_outcome[i] += world.by_outcome[i];
    for (int i = 0; i < CHANGE_COUNT; i++)
        totals.by_kind[i] += world.by_kind[i];
    *out_why = world.why;
    return ok;
}

static void print_totals(void)
{
    printf("%llu steps, %llu ballots chosen, %llu memories lost, %llu left without a majority, "
           "slowest mending %llu "
           "ms\n",
           (unsigned long long)totals.steps, (unsigned long long)totals.committed,
           (unsigned long long)totals.amnesias, (unsigned long long)totals.stuck,
           (unsigned long long)totals.slowest_ms);
    for (int i = 0; i < OUTCOME_COUNT; i++)
        printf("%s%s %llu", i ? ", " : "told: ", outcome_word((enum outcome)i),
               (unsigned long long)totals.by_outcome[i]);
    for (int i = CHANGE_CREATE; i < CHANGE_COUNT; i++)
        printf("%s%s %llu",
               i > CHANGE_CREATE ? ", " : "\nversions: ", change_word((enum change_kind)i),
               (unsigned long long)totals.by_kind[i]);
    printf("\n");
}

static const struct mutant mutants[] = {
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
    { MUT_LESS_THAN_MAJORITY, "no-majority" },
    { MUT_ASSUMED_VOTERS, "assumed-voters" },
    { MUT_DIRECT_VOTERS, "direct-voters" },
    { MUT_JOINT_OLD_ONLY, "joint-old-only" },
    { MUT_JOINT_UNCOMMITTED, "joint-uncommitted" },
    { MUT_OP_FORGOTTEN, "op-forgotten" },
    { MUT_OLD_SLOT, "old-slot" },
};

int main(int argc, char **argv)
{
    static const struct schedules schedules = {
        .run = run_one,
        .print = print_totals,
        .mutants = mutants,
        .mutant_count = ARRAY_LEN(mutants),
        .count = 300,
        .mutant_tries = 3000,
    };

    return schedules_main(argc, argv, &schedules);
}
