/*
 * group_captain - as much of a sentinel as a durable group needs: it asks the nodes, makes the first version, and
 * changes who leads.
 *
 * It stands in for the sentinel's own core, and is meaner: it takes any leader that was silent for a moment for
 * dead, alone, and now and then has another one lead for no reason. Whatever it may order is to be safe.
 */
#ifndef HF_TESTS_SIM_GROUP_CAPTAIN_H
#define HF_TESTS_SIM_GROUP_CAPTAIN_H

#include "common/register/proposer.h"
#include "common/register/report.h"

struct world;

enum { CAPTAIN_NODES = 3 };

enum captain_bug {
    BUG_ANY_CANDIDATE = 1u << 0, /* a node is a candidate by its id, whatever its data set */
};

struct captain {
    struct charter view;
    struct proposer proposer;
    struct report reports[CAPTAIN_NODES];
    uint64_t heard_ms[CAPTAIN_NODES];  /* of each report; 0: never */
    uint64_t inform_ms[CAPTAIN_NODES]; /* not before */
    uint64_t ping_ms, read_ms, suspect_ms, mischief_ms;
    uint64_t seq;
    uint64_t handoff_seq, target; /* a switchover waits for the leader */
};

/* What it is given. */
void captain_start(struct world *w, int s, uint64_t proposer, const struct charter *known);
void captain_time(struct world *w, int s);
void captain_receipt(struct world *w, int s, const struct receipt *r);
void captain_voted(struct world *w, int s, const struct reg_message *m);
/* What it does. */
void captain_order(struct world *w, int s, int node, const struct order *o);
void captain_ask(struct world *w, int s, const struct reg_action *a);

#endif
