/*
 * reg_world - voters and proposers of one register, and a network, disks and processes that fail by a seed.
 *
 *     host s0..s4: a sentinel: acceptor + disk + proposer       host n0..n2: a node: proposer
 *
 * Messages are lost, come twice, late and in any order; directions are cut; hosts pause; processes die, and a
 * voter's file is then as it was, torn, without the last write, damaged, or gone. Every decision comes from the seed.
 */
#ifndef HF_TESTS_SIM_REG_WORLD_H
#define HF_TESTS_SIM_REG_WORLD_H

#include <stdio.h>

#include "common/register/proposer.h"
#include "queue.h"
#include "voter_disk.h"

enum {
    SENTINELS = 5,
    NODES = 3,
    HOSTS = SENTINELS + NODES,
    FIRST_VOTERS = 3,
    CHAIN_MAX = 2048,
};

/* One change that somebody ordered, for the judge. */
struct order {
    uint64_t proposer, op;
    struct change change;
    uint64_t floor;   /* the highest version chosen when it was ordered */
    bool told;        /* its result came … */
    enum outcome how; /* … and was this */
    bool over;        /* whatever was unknown of it is said to be decided */
    uint64_t passed;  /* OUTCOME_PASSED: the version told */
    uint64_t ver;     /* in the chain as this version; 0: it is not */
};

/* One ballot that was used to write. */
struct attempt {
    struct ballot ballot, base;
    struct charter value;
    uint64_t voters[PROPOSER_VOTERS_MAX];
    size_t voter_count;
    bool chosen, linked; /* linked: it is, or stands behind, something chosen */
};

struct host {
    char name[8];
    bool alive;
    uint64_t paused_ms, generation;
    struct proposer proposer;
    size_t order;        /* of the change under way, + 1 */
    struct charter view; /* what it saw last; ver 0: nothing */
    uint64_t wake_set_ms;
    bool caught_up; /* healed: has read since */
    /* A sentinel's. */
    struct acceptor acceptor;
    struct voter_disk disk;
    char dead_run[RUN_LEN + 1]; /* whose death it has seen, */
    uint64_t dead_ms;           /* when */
    const struct world *world;  /* NULL: it has seen none */
    /* A node's. */
    uint64_t node, did;
    char run[RUN_LEN + 1];
};

struct shown_by_voter {
    uint64_t voter;
    struct ballot promised, accepted;
};

struct world {
    struct queue queue;
    struct rng rng;
    uint64_t now_ms, seed, heal_at_ms;
    struct host hosts[HOSTS];
    bool cut[HOSTS][HOSTS];
    bool faults, trace, failed;
    uint32_t mutations;
    char why[512];
    char gid[GID_LEN + 1];
    struct place places[HOSTS];
    /* The judge's. */
    struct attempt *attempts;
    size_t attempt_count, attempt_cap;
    struct order *orders;
    size_t order_count, order_cap;
    struct attempt chain[CHAIN_MAX]; /* by version; ballot round 0: not known yet */
    uint64_t head;                   /* the highest version chosen */
    struct shown_by_voter shown[256];
    size_t shown_count;
    /* What happened, for the figures. */
    uint64_t steps, committed, amnesias, stuck, healed_after_ms, by_outcome[OUTCOME_COUNT],
        by_kind[CHANGE_COUNT];
};

/* Runs one schedule. True: every invariant held and what was owed came. */
bool world_run(struct world *w, uint64_t seed, uint32_t mutations, bool trace);
void world_fail(struct world *w, const char *format, ...) PRINTF_LIKE(2, 3);
void world_trace(struct world *w, const char *format, ...) PRINTF_LIKE(2, 3);
uint64_t world_chance(struct world *w, uint64_t below);
uint64_t world_id(struct world *w);
void world_hex(struct world *w, char out[RUN_LEN + 1]);
int world_living_voter(const struct world *w, uint64_t voter); /* its host, or -1 */

/* reg_host.c: processes, their disks and messages */
void host_new_voter(struct world *w, int i, uint64_t voter); /* a fresh memory on a fresh disk */
void host_start(struct world *w, int i);
/* A sentinel sees a leader's process die, and refuses its shrinks for a while. */
void host_sees_dead(struct world *w, int i, const char *run);
void host_crash(struct world *w, int i);
void host_order(struct world *w, int i, const struct change *ch, uint64_t deadline_ms);
/* May this voter be lost for good without stopping the group? */
bool host_may_lose(const struct world *w, int i);

/* reg_faults.c: what is ordered, what goes wrong, and what is owed once it is mended */
void faults_begin(struct world *w);
void faults_heal(struct world *w);
bool faults_mended(struct world *w, char *why, size_t cap);

/* reg_judge.c: the invariants */
void judge_ordered(struct world *w, int i, const struct change *ch);
void judge_proposed(struct world *w, const struct proposer *p);
void judge_answered(struct world *w, const struct reg_message *m);
void judge_told(struct world *w, int i, const struct reg_action *result);
void judge_settled(struct world *w, const struct proposer *p);

#endif
