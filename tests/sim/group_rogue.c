#include "group_rogue.h"

#include <string.h>

#include "group_world.h"

enum {
    PING_MS = 40,
    INFORM_MS = 20,
    READ_MS = 400,
    SILENT_MS = 150,
    FRESH_MS = 120,
    STAGGER_MS = 90,
    MISCHIEF_MS = 900,
    CHANGE_MS = 800,
    HANDOFF_MS = 300,
};

static struct rogue *rogue_of(struct world *w, int s)
{
    return &w->sentinels[s].rogue;
}

void rogue_start(struct world *w, int s, uint64_t proposer, const struct charter *known)
{
    struct rogue *c = rogue_of(w, s);

    *c = (struct rogue){ 0 };
    if (known->ver != 0)
        c->view = *known;
    proposer_init(&c->proposer, proposer, known, world_id(w));
    c->mischief_ms = w->now_ms + world_chance(w, MISCHIEF_MS);
}

/* ---- what it sees ------------------------------------------------------------------------------ */

static bool is_fresh(const struct world *w, const struct rogue *c, int n)
{
    return c->heard_ms[n] != 0 && w->now_ms < c->heard_ms[n] + FRESH_MS;
}

static int node_of(const struct rogue *c, const struct world *w, uint64_t id)
{
    (void)c;
    return world_node_host(w, id) - FIRST_NODE;
}

/* A member of sync that answered now, with the very data set that sync names. */
static bool is_candidate(const struct world *w, struct rogue *c, int n)
{
    const struct report *r = &c->reports[n];
    const struct member *m = charter_member(&c->view, w->nodes[n].id);

    return m && m->did != 0 && is_fresh(w, c, n) &&
           (r->did == m->did || (w->rogue_bugs & BUG_ANY_CANDIDATE)) &&
           !(r->flags & (NODE_LOADING | NODE_RESYNCING)) && strcmp(r->run, c->view.run) != 0;
}

static int best_candidate(struct world *w, struct rogue *c)
{
    int best = -1;

    for (int n = 0; n < NODES; n++)
        if (is_candidate(w, c, n) &&
            (best < 0 || position_cmp(c->reports[n].at, c->reports[best].at) > 0))
            best = n;
    return best;
}

static bool leader_is_well(const struct world *w, const struct rogue *c)
{
    int n = node_of(c, w, c->view.leader);
    const struct report *r = &c->reports[n];

    return c->heard_ms[n] != 0 && w->now_ms < c->heard_ms[n] + SILENT_MS &&
           strcmp(r->run, c->view.run) == 0 &&
           (r->promised < c->view.epoch || r->role >= NODE_LEADER);
}

/* ---- changes ----------------------------------------------------------------------------------- */

static void obey(struct world *w, int s, struct reg_actions *out)
{
    struct rogue *c = rogue_of(w, s);

    for (size_t i = 0; i < out->count; i++) {
        if (out->at[i].kind == REG_SEND)
            rogue_ask(w, s, &out->at[i]);
        else if (out->at[i].outcome == OUTCOME_DONE && c->proposer.change.kind == CHANGE_FAILOVER)
            w->failovers++;
    }
    if (c->proposer.known.ver > c->view.ver)
        c->view = c->proposer.known;
    reg_actions_fini(out);
}

static void submit(struct world *w, int s, const struct change *ch)
{
    struct rogue *c = rogue_of(w, s);
    struct reg_actions out = { 0 };

    if (c->proposer.busy)
        return;
    if (ch->kind != CHANGE_READ)
        world_trace(w, "s%d: %s", s, change_word(ch->kind));
    proposer_submit(&c->proposer, ch, w->now_ms + CHANGE_MS, w->now_ms, &out);
    obey(w, s, &out);
}

static void create_group(struct world *w, int s)
{
    struct rogue *c = rogue_of(w, s);
    struct change ch = { .kind = CHANGE_CREATE };
    struct charter *first = &ch.first;

    for (int n = 0; n < NODES; n++)
        if (c->heard_ms[n] == 0)
            return;
    memcpy(first->gid, w->gid, sizeof first->gid);
    memcpy(first->run, c->reports[0].run, sizeof first->run);
    first->ver = first->epoch = first->min_sync = 1;
    first->leader = w->nodes[0].id;
    first->level = (enum keep)(KEEP_MEM + w->seed % 3);
    for (int n = 0; n < NODES; n++) {
        struct member m = { .node = w->nodes[n].id,
                            .at = w->places[FIRST_NODE + n],
                            .boot = c->reports[n].boot,
                            .did = n == 0 ? c->reports[n].did : 0 };

        charter_add_member(first, &m);
    }
    memcpy(first->voters, c->proposer.known.voters, sizeof first->voters);
    first->voter_count = c->proposer.known.voter_count;
    submit(w, s, &ch);
}

static void fail_over(struct world *w, int s, int to)
{
    struct rogue *c = rogue_of(w, s);
    const struct report *r = &c->reports[to];
    struct change ch = { .kind = CHANGE_FAILOVER, .node = r->node, .boot = r->boot };
    const struct member *m = charter_member(&c->view, r->node);

    if (!m)
        return;
    ch.did = w->rogue_bugs & BUG_ANY_CANDIDATE ? m->did : r->did;
    change_expect(&ch, &c->view);
    memcpy(ch.run, r->run, sizeof ch.run);
    submit(w, s, &ch);
}

/* Voters that lost their memory are replaced, in two steps. */
static bool mend_voters(struct world *w, int s)
{
    struct rogue *c = rogue_of(w, s);
    struct change ch = { .kind = CHANGE_VOTERS_FINISH };
    bool all = true;

    change_expect(&ch, &c->view);
    if (charter_is_joint(&c->view)) {
        submit(w, s, &ch);
        return true;
    }
    for (uint32_t i = 0; i < c->view.voter_count; i++)
        all = all && sentinel_has_voter(w, c->view.voters[i].id);
    if (all)
        return false;
    ch.kind = CHANGE_VOTERS_BEGIN;
    for (int i = 0; i < SENTINELS; i++)
        if (w->sentinels[i].disk.lost)
            return true; /* it is not known yet as whom it comes back */
    for (int i = 0; i < SENTINELS; i++)
        ch.voters[ch.voter_count++] =
            (struct voter){ .id = w->sentinels[i].acceptor.voter, .at = w->places[i] };
    submit(w, s, &ch);
    return true;
}

/* ---- orders ------------------------------------------------------------------------------------ */

static struct order order_of(const struct rogue *c, enum order_kind kind)
{
    struct order o = { .kind = kind, .epoch = c->view.epoch, .ver = c->view.ver };

    memcpy(o.gid, c->proposer.gid, sizeof o.gid);
    o.value = c->view;
    return o;
}

/* Whom a leader need not wait for. */
static void name_suspects(const struct world *w, const struct rogue *c, struct order *o)
{
    for (int n = 0; n < NODES; n++)
        if (!is_fresh(w, c, n) && w->nodes[n].id != c->view.leader)
            o->suspects[o->suspect_count++] = w->nodes[n].id;
}

static void inform(struct world *w, int s, int n)
{
    struct rogue *c = rogue_of(w, s);
    const struct report *r = &c->reports[n];
    bool leads = c->view.leader == w->nodes[n].id && strcmp(c->view.run, r->run) == 0;
    struct order o = order_of(c, leads ? ORDER_PROMOTE : ORDER_CONFIG);

    if (c->view.ver == 0 || r->ver >= c->view.ver || w->now_ms < c->inform_ms[n])
        return;
    c->inform_ms[n] = w->now_ms + INFORM_MS;
    if (leads)
        name_suspects(w, c, &o);
    rogue_order(w, s, n, &o);
}

static void ping_all(struct world *w, int s)
{
    struct rogue *c = rogue_of(w, s);

    for (int n = 0; n < NODES; n++) {
        struct order o = order_of(c, c->view.ver ? ORDER_PING : ORDER_HELLO);

        o.seq = ++c->seq;
        rogue_order(w, s, n, &o);
    }
}

/* An order that was late tells again what was true once. */
void rogue_receipt(struct world *w, int s, const struct receipt *r)
{
    struct rogue *c = rogue_of(w, s);
    int n = world_node_host(w, r->report.node) - FIRST_NODE;

    c->reports[n] = r->report;
    c->heard_ms[n] = w->now_ms;
    if (c->target && r->seq == c->handoff_seq) {
        int to = world_node_host(w, c->target) - FIRST_NODE;

        c->target = 0;
        if (r->kind == RECEIPT_OK && is_candidate(w, c, to)) {
            w->handoffs++;
            fail_over(w, s, to);
        }
    }
    inform(w, s, n);
}

void rogue_voted(struct world *w, int s, const struct reg_message *m)
{
    struct reg_actions out = { 0 };

    proposer_hear(&rogue_of(w, s)->proposer, m, w->now_ms, &out);
    obey(w, s, &out);
}

/* ---- mischief ---------------------------------------------------------------------------------- */

static void switch_over(struct world *w, int s, int to)
{
    struct rogue *c = rogue_of(w, s);
    struct order o = order_of(c, ORDER_HANDOFF);
    int leader = node_of(c, w, c->view.leader);

    if (to == leader || !leader_is_well(w, c))
        return;
    o.target = c->target = w->nodes[to].id;
    o.seq = c->handoff_seq = ++c->seq;
    o.timeout_ms = HANDOFF_MS;
    rogue_order(w, s, leader, &o);
}

static void change_terms(struct world *w, int s)
{
    struct rogue *c = rogue_of(w, s);
    struct change ch = { .kind = CHANGE_TERMS };

    change_expect(&ch, &c->view);
    ch.level = (enum keep)(KEEP_MEM + world_chance(w, 3));
    ch.min_sync = 1 + (world_chance(w, 8) == 0);
    submit(w, s, &ch);
}

static void mischief(struct world *w, int s)
{
    struct rogue *c = rogue_of(w, s);
    int n = (int)world_chance(w, NODES);

    c->mischief_ms = w->now_ms + world_chance(w, 2 * MISCHIEF_MS);
    switch (world_chance(w, 4)) {
    case 0:
        if (is_candidate(w, c, n))
            fail_over(w, s, n);
        break;
    case 1:
        change_terms(w, s);
        break;
    default:
        switch_over(w, s, n);
    }
}

/* ---- time -------------------------------------------------------------------------------------- */

static void suspect(struct world *w, int s)
{
    struct rogue *c = rogue_of(w, s);
    int to;

    if (leader_is_well(w, c)) {
        c->suspect_ms = 0;
        return;
    }
    if (c->suspect_ms == 0)
        c->suspect_ms = w->now_ms + world_chance(w, STAGGER_MS);
    if (w->now_ms < c->suspect_ms)
        return;
    c->suspect_ms = 0;
    to = best_candidate(w, c);
    if (to >= 0)
        fail_over(w, s, to);
}

void rogue_time(struct world *w, int s)
{
    struct rogue *c = rogue_of(w, s);
    struct reg_actions out = { 0 };
    struct change read = { .kind = CHANGE_READ };

    proposer_time(&c->proposer, w->now_ms, &out);
    obey(w, s, &out);
    if (w->now_ms >= c->ping_ms) {
        c->ping_ms = w->now_ms + PING_MS;
        ping_all(w, s);
    }
    if (c->view.ver == 0 && s == 0) {
        create_group(w, s);
        return;
    }
    if (w->now_ms >= c->read_ms) {
        c->read_ms = w->now_ms + READ_MS + world_chance(w, READ_MS);
        submit(w, s, &read);
    }
    if (c->view.ver == 0 || mend_voters(w, s))
        return;
    suspect(w, s);
    if (w->faults && w->now_ms >= c->mischief_ms)
        mischief(w, s);
}
