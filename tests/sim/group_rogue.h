/*
 * group_rogue - as much of a sentinel as a durable group needs: it asks the nodes, makes the first version, and
 * changes who leads.
 *
 * It stands in for the sentinel's own core, and is meaner: it takes any leader that was silent for a moment for
 * dead, alone, and now and then has another one lead for no reason. Whatever it may order is to be safe.
 */
#ifndef HF_TESTS_SIM_GROUP_ROGUE_H
#define HF_TESTS_SIM_GROUP_ROGUE_H

#include "common/register/proposer.h"
#include "common/register/report.h"

struct world;

enum { ROGUE_NODES = 3 };

enum rogue_bug {
    BUG_ANY_CANDIDATE = 1u << 0, /* a node is a candidate by its id, whatever its data set */
};

struct rogue {
    struct charter view;
    struct proposer proposer;
    struct report reports[ROGUE_NODES];
    uint64_t heard_ms[ROGUE_NODES];  /* of each report; 0: never */
    uint64_t inform_ms[ROGUE_NODES]; /* not before */
    uint64_t ping_ms, read_ms, suspect_ms, mischief_ms;
    uint64_t seq;
    uint64_t handoff_seq, target; /* a switchover waits for the leader */
};

/* What it is given. */
void rogue_start(struct world *w, int s, uint64_t proposer, const struct charter *known);
void rogue_time(struct world *w, int s);
void rogue_receipt(struct world *w, int s, const struct receipt *r);
void rogue_voted(struct world *w, int s, const struct reg_message *m);
/* What it does. */
void rogue_order(struct world *w, int s, int node, const struct order *o);
void rogue_ask(struct world *w, int s, const struct reg_action *a);

#endif
