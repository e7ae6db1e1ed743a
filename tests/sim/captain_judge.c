/*
 * captain_judge - what must hold of captains, whatever goes wrong (the numbers are captain.h's):
 *
 *   0. the chosen versions are one chain of sound successors, and one process leads an epoch
 *   1. PROMOTE carries a chosen version
 *   2. who is proposed has the very data that is named, loaded, in the process that is named
 *   3. a failover is begun when a majority of voters has lately held that process for gone by its own evidence; not on
 *      hearsay alone while a copy in sync, well connected, hears the leader
 *   4. nobody's opinion is repeated: 3 looks at each captain's own
 *   5. a voter beside a captain that knows the leader dead accepts none of its shrinks
 *   6. nobody is called silent soon after this process slept, or while its thread says that it lives
 *   7. an operator is told OK for what was chosen; a leader is called active that was so
 *   8. a forced leader's predecessor is dead
 */
#include <string.h>

#include "captain_world.h"
#include "common/alloc.h"

/* ---- processes --------------------------------------------------------------------------------- */

void judge_process(struct world *w, const struct report *r, uint64_t loaded_ms)
{
    struct process *p = &w->processes[w->process_count++];

    ASSERT(w->process_count <= PROCESSES_MAX);
    *p = (struct process){ .node = r->node, .did = r->did, .loaded_ms = loaded_ms };
    memcpy(p->run, r->run, sizeof p->run);
}

struct process *judge_process_of(struct world *w, const char *run)
{
    for (size_t i = w->process_count; i-- > 0;)
        if (strcmp(w->processes[i].run, run) == 0)
            return &w->processes[i];
    return NULL;
}

/* ---- the chain --------------------------------------------------------------------------------- */

static struct attempt *find_attempt(const struct world *w, struct ballot b)
{
    for (size_t i = w->attempt_count; i-- > 0;)
        if (ballot_is(w->attempts[i].ballot, b))
            return &w->attempts[i];
    return NULL;
}

/* 2, and 8. */
static void check_candidate(struct world *w, const struct charter *c)
{
    const struct process *p = judge_process_of(w, c->run);
    const struct member *m = charter_member((struct charter *)c, c->leader);

    if (!p || p->node != c->leader)
        world_fail(w, "epoch %llu is for a process that never was", U(c->epoch));
    else if (p->did != m->did)
        world_fail(w, "epoch %llu is for other data than those in sync", U(c->epoch));
    else if (p->loaded_ms > w->now_ms)
        world_fail(w, "epoch %llu is for a process that loads its data", U(c->epoch));
}

void judge_proposed(struct world *w, const struct reg_message *m)
{
    struct attempt *a = find_attempt(w, m->ballot);

    if (a)
        return;
    if (w->attempt_count == w->attempt_cap) {
        w->attempt_cap = w->attempt_cap ? w->attempt_cap * 2 : 128;
        w->attempts = xrealloc(w->attempts, w->attempt_cap * sizeof *w->attempts);
    }
    for (size_t i = 0; i < w->attempt_count; i++)
        if (w->attempts[i].value.ver == m->value.ver &&
            charter_eq(&w->attempts[i].value, &m->value))
            a = &w->attempts[i];
    if (!a && w->head > 0)
        check_candidate(w, &m->value);
    w->attempts[w->attempt_count++] = (struct attempt){ .ballot = m->ballot, .value = m->value };
}

static void count_kind(struct world *w, const struct charter *base, const struct charter *c)
{
    const struct process *p = judge_process_of(w, base->run);

    if (base->epoch == c->epoch)
        return;
    if (c->lossy > base->lossy) {
        w->forced++;
        if (!p->dead)
            world_fail(w, "version %llu was forced, and the leader before it lives", U(c->ver));
        return;
    }
    w->failovers++;
}

static void choose(struct world *w, struct attempt *a)
{
    const struct charter *c = &a->value;

    a->chosen = true;
    if (c->ver >= CHAIN_MAX) {
        world_fail(w, "the schedule is too long");
        return;
    }
    if (w->chain[c->ver].ver != 0) {
        if (!charter_eq(&w->chain[c->ver], c))
            world_fail(w, "two values of version %llu", U(c->ver));
        return;
    }
    /* A version may be seen to be chosen by way of its successor only. */
    if (c->ver > 1 && w->chain[c->ver - 1].ver != 0 && !charter_follows(&w->chain[c->ver - 1], c))
        world_fail(w, "version %llu does not follow from what was chosen before", U(c->ver));
    w->chain[c->ver] = *c;
    if (c->ver > w->head)
        w->head = c->ver;
    world_trace(w, "chosen: version %llu epoch %llu", U(c->ver), U(c->epoch));
    for (uint64_t v = 1; v <= w->head; v++)
        if (w->chain[v].ver != 0 && w->chain[v].epoch == c->epoch &&
            strcmp(w->chain[v].run, c->run) != 0)
            world_fail(w, "two processes lead epoch %llu", U(c->epoch));
    if (c->ver > 1 && w->chain[c->ver - 1].ver != 0)
        count_kind(w, &w->chain[c->ver - 1], c);
}

static void count_accept(struct world *w, uint64_t voter, struct ballot b)
{
    struct attempt *a = find_attempt(w, b);

    if (!a)
        return;
    for (size_t i = 0; i < a->voter_count; i++)
        if (a->voters[i] == voter)
            return;
    a->voters[a->voter_count++] = voter;
    if (!a->chosen && charter_has_majority(&a->value, a->voters, a->voter_count))
        choose(w, a);
}

void judge_answered(struct world *w, const struct reg_message *m)
{
    if (m->kind == REG_ACCEPTED)
        count_accept(w, m->voter, m->ballot);
    else if (m->accepted.round != 0)
        count_accept(w, m->voter, m->accepted);
}

/* ---- captains ---------------------------------------------------------------------------------- */

static struct held *held_of(struct world *w, int s, const struct charter *c)
{
    struct held *h = &w->sentinels[s].held[c->epoch % HELD_MAX];

    if (h->epoch != c->epoch || strcmp(h->run, c->run) != 0)
        *h = (struct held){ .epoch = c->epoch };
    memcpy(h->run, c->run, sizeof h->run);
    return h;
}

static void remember_evidence(struct world *w, int s)
{
    const struct captain *x = &w->sentinels[s].captain;
    enum opinion o = why_opinion(captain_leader_why(x));

    if (o >= OPINION_SOFT)
        held_of(w, s, &x->charter)->soft_ms = w->now_ms;
    if (o >= OPINION_SOFT && !why_may_be_vetoed(captain_leader_why(x)))
        held_of(w, s, &x->charter)->firm_ms = w->now_ms;
}

static bool is_agreed(struct world *w, const struct charter *c, bool *out_firm)
{
    uint64_t ids[SENTINELS];
    size_t count = 0;

    *out_firm = false;
    for (int s = 0; s < SENTINELS; s++) {
        const struct held *h = held_of(w, s, c);

        if (h->soft_ms > 0 && w->now_ms < h->soft_ms + EVIDENCE_MS)
            ids[count++] = w->sentinels[s].acceptor.voter;
        *out_firm = *out_firm || h->firm_ms > 0;
    }
    return charter_has_majority(c, ids, count);
}

/* A copy in sync that hears its leader, and would say so in time. */
static bool has_witness(struct world *w, int s)
{
    const struct captain *x = &w->sentinels[s].captain;
    const struct node_host *leader = NULL;

    for (int n = 0; n < NODES; n++)
        if (w->nodes[n].report.node == x->charter.leader)
            leader = &w->nodes[n];
    for (int n = 0; n < NODES; n++) {
        const struct host *h = &w->hosts[SENTINELS + n];
        const struct report *r = &h->n->report;
        const struct line_to *l = &w->sentinels[s].lines[n];
        const struct member *m = charter_member((struct charter *)&x->charter, r->node);

        if (h->alive && h->paused_ms <= w->now_ms && w->now_ms >= h->n->resumed_ms + CALM_MS &&
            net_is_whole(w, s, SENTINELS + n, CALM_MS) && l->state == CONTACT_OPEN &&
            w->now_ms >= l->open_ms + CALM_MS && m->did == r->did && m->node != x->charter.leader &&
            r->role == NODE_FOLLOWER && r->promised == x->charter.epoch &&
            w->now_ms < h->n->beat_ms + 30 && w->now_ms >= leader->steady_ms[n] + CALM_MS &&
            w->now_ms >= leader->resumed_ms + CALM_MS)
            return true;
    }
    return false;
}

void judge_captain(struct world *w, int s)
{
    struct sentinel_host *h = &w->sentinels[s];
    const struct captain *x = &h->captain;
    bool firm;

    remember_evidence(w, s);
    if (h->before == x->state || x->state < CAPTAIN_GATHER || x->state > CAPTAIN_COMMIT ||
        h->before == CAPTAIN_GATHER)
        return;
    if (!is_agreed(w, &x->charter, &firm))
        world_fail(w, "s%d opens a failover of epoch %llu, and no majority saw its leader gone", s,
                   U(x->charter.epoch));
    if (!firm && why_may_be_vetoed(captain_leader_why(x)) && has_witness(w, s) &&
        w->now_ms >= h->woke_ms + CALM_MS)
        world_fail(w, "s%d opens a failover of epoch %llu, and a copy in sync hears its leader", s,
                   U(x->charter.epoch));
}

static bool is_chosen(const struct world *w, const struct charter *c)
{
    return c->ver < CHAIN_MAX && w->chain[c->ver].ver != 0 && charter_eq(&w->chain[c->ver], c);
}

/* Of the leader: its process runs, its loop does not, and the way there and back is free and has been for long. */
static bool is_plainly_busy(const struct world *w, int s)
{
    const struct captain *x = &w->sentinels[s].captain;

    for (int n = 0; n < NODES; n++) {
        const struct host *h = &w->hosts[SENTINELS + n];

        if (h->n->report.node == x->charter.leader)
            return h->alive && h->busy && h->paused_ms > w->now_ms &&
                   strcmp(h->n->report.run, x->charter.run) == 0 &&
                   net_is_whole(w, s, SENTINELS + n, 2 * CALM_MS) &&
                   w->now_ms >= w->sentinels[s].woke_ms + 2 * CALM_MS &&
                   w->sentinels[s].lines[n].state == CONTACT_OPEN &&
                   w->now_ms >= w->sentinels[s].lines[n].open_ms + 2 * CALM_MS;
    }
    return false;
}

void judge_action(struct world *w, int s, const struct captain_action *a)
{
    const struct sentinel_host *h = &w->sentinels[s];

    if (a->kind == CAPTAIN_ACT_ORDER && a->order.kind == ORDER_PROMOTE &&
        !is_chosen(w, &a->order.value))
        world_fail(w, "s%d promotes by version %llu, which is not chosen", s,
                   U(a->order.value.ver));
    if (a->kind == CAPTAIN_ACT_SERVES && a->epoch > w->active_epoch)
        world_fail(w, "s%d sends clients to the leader of %llu, which is not active", s,
                   U(a->epoch));
    if (a->kind == CAPTAIN_ACT_SUSPECT && a->suspicion.why == WHY_SILENT &&
        w->now_ms < h->woke_ms + 2 * CAPTAIN_HEARTBEAT_MS)
        world_fail(w, "s%d slept until %llu ms ago, and calls the leader silent", s,
                   U(w->now_ms - h->woke_ms));
    if (a->kind == CAPTAIN_ACT_SUSPECT && a->suspicion.why == WHY_SILENT && is_plainly_busy(w, s))
        world_fail(w, "s%d calls the leader silent, and its thread would say that it is busy", s);
}

void judge_accepted(struct world *w, int s, const struct charter *mine,
                    const struct charter *proposed)
{
    const struct captain *x = &w->sentinels[s].captain;

    if (mine && x->charter.ver > mine->ver)
        mine = &x->charter; /* what is committed is no news */
    if (x->hard_ms > 0 && x->now_ms >= x->hard_ms + CAPTAIN_REFUSE_MS)
        return; /* no failover came about in time */
    if (mine && charter_shrinks(mine, proposed) && proposed->epoch == x->charter.epoch &&
        strcmp(proposed->run, x->charter.run) == 0 &&
        why_opinion(captain_leader_why(x)) == OPINION_HARD)
        world_fail(w, "s%d accepted a shrink by a leader that it knows dead", s);
}

void judge_reply(struct world *w, int s, bool ok)
{
    struct sentinel_host *h = &w->sentinels[s];
    bool made = false;

    for (uint64_t v = h->wish_floor + 1; v <= w->head; v++)
        made = made || w->chain[v].op_proposer == h->captain.proposer.id;
    /* Two may want the same one to lead, and one of them make it so. */
    if (h->wish.kind == WISH_SWITCHOVER)
        made = made || w->chain[w->head].epoch > h->wish_epoch;
    if (ok && !made)
        world_fail(w, "s%d told OK to a %s that was not chosen", s, wish_word(h->wish.kind));
    if (ok)
        w->told_ok++;
    else
        w->told_err++;
    w->switchovers += ok && h->wish.kind == WISH_SWITCHOVER;
    h->wish.kind = WISH_NONE;
}
