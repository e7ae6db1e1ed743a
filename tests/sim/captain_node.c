/*
 * captain_node - a model node: what a captain sees of one, and its changes of the sync set.
 */
#include <string.h>

#include "captain_world.h"

enum {
    TICK_MS = 10,
    SILENCE_MS = 150,
    STEADY_MS = 300,
    CHANGE_MS = 500,
    LOAD_MS = 200,
};

static void tick(struct world *w, struct item *it);

static void arm(struct world *w, int n)
{
    struct item *it = world_put(w, TICK_MS, tick, SENTINELS + n, 0);

    it->generation = w->hosts[SENTINELS + n].generation;
}

/* ---- the register ------------------------------------------------------------------------------ */

static void adopt(struct world *w, int n, const struct charter *c)
{
    struct node_host *h = &w->nodes[n];
    struct report *r = &h->report;

    if (c->ver <= h->seen.ver)
        return;
    h->seen = *c;
    proposer_learn(&h->proposer, c);
    r->ver = c->ver;
    if (c->epoch > r->promised) /* it leads anew when it is told so */
        r->role = NODE_FOLLOWER;
    if (c->epoch > r->promised)
        r->promised = c->epoch;
}

static void obey(struct world *w, int n, struct reg_actions *out)
{
    for (size_t i = 0; i < out->count; i++) {
        const struct reg_action *a = &out->at[i];

        if (a->kind == REG_SEND) {
            net_ask_voters(w, SENTINELS + n, a);
            continue;
        }
        w->nodes[n].unsure = a->outcome != OUTCOME_DONE;
        if (a->has_value && (a->outcome == OUTCOME_DONE || a->outcome == OUTCOME_PASSED))
            adopt(w, n, &a->message.value);
    }
    reg_actions_fini(out);
}

/* ---- leading ----------------------------------------------------------------------------------- */

static bool follows(struct world *w, int n, int of)
{
    const struct host *h = &w->hosts[SENTINELS + n];

    return h->alive && h->paused_ms <= w->now_ms && h->n->report.role == NODE_FOLLOWER &&
           h->n->report.promised == w->nodes[of].report.promised && w->now_ms >= h->n->loaded_ms &&
           net_is_whole(w, SENTINELS + n, SENTINELS + of, 0);
}

static void beat(struct world *w, int n)
{
    struct node_host *h = &w->nodes[n];

    for (int k = 0; k < NODES; k++) {
        if (k == n)
            continue;
        if (!follows(w, k, n)) {
            h->steady_ms[k] = w->now_ms;
            continue;
        }
        h->reached_ms[k] = w->now_ms;
        w->nodes[k].beat_ms = w->now_ms;
        w->nodes[k].report.at = h->report.at;
    }
}

static void become_active(struct world *w, int n)
{
    struct node_host *h = &w->nodes[n];

    for (int k = 0; k < NODES; k++) {
        const struct member *m = charter_member(&h->seen, w->nodes[k].report.node);

        if (k != n && m->did != 0 && !(follows(w, k, n) && w->nodes[k].report.did == m->did))
            return;
    }
    world_trace(w, "n%d is active in %llu", n, U(h->report.promised));
    h->report.role = NODE_ACTIVE;
    if (h->report.promised > w->active_epoch)
        w->active_epoch = h->report.promised;
}

static void change_sync(struct world *w, int n)
{
    struct node_host *h = &w->nodes[n];
    struct reg_actions out = { 0 };
    struct change read = { .kind = CHANGE_READ };

    if (h->unsure && !h->proposer.busy)
        proposer_submit(&h->proposer, &read, w->now_ms + CHANGE_MS, w->now_ms, &out);
    for (int k = 0; k < NODES && !h->proposer.busy; k++) {
        const struct member *m = charter_member(&h->seen, w->nodes[k].report.node);
        struct change ch = { .kind = CHANGE_SHRINK, .node = m->node, .did = m->did };
        bool lost = h->unwanted[k] || w->now_ms >= h->reached_ms[k] + SILENCE_MS ||
                    w->nodes[k].report.did != m->did;

        change_expect(&ch, &h->seen);
        if (k == n || (m->did != 0 && !lost))
            continue;
        if (m->did == 0) {
            ch.kind = CHANGE_GROW;
            ch.did = w->nodes[k].report.did;
        }
        if (m->did == 0 && (!follows(w, k, n) || w->now_ms < h->steady_ms[k] + STEADY_MS))
            continue;
        h->unwanted[k] = false;
        proposer_submit(&h->proposer, &ch, w->now_ms + CHANGE_MS, w->now_ms, &out);
    }
    obey(w, n, &out);
}

static void lead(struct world *w, int n)
{
    struct node_host *h = &w->nodes[n];

    beat(w, n);
    if (h->report.role == NODE_LEADER)
        become_active(w, n);
    if (h->report.role == NODE_ACTIVE)
        h->report.at.offset += world_chance(w, 50);
    h->report.at.epoch = h->report.promised;
    change_sync(w, n);
}

/* As a follower in sync does it, within a tick. */
static void look_out(struct world *w, int n)
{
    struct node_host *h = &w->nodes[n];
    const struct member *m = charter_member(&h->seen, h->report.node);
    uint64_t beats_ms = LOOKOUT_BEATS * CAPTAIN_HEARTBEAT_MS;
    uint64_t heard_ms = h->beat_ms > h->resumed_ms ? h->beat_ms : h->resumed_ms;
    bool late = w->now_ms >= heard_ms + beats_ms;

    if (h->report.role != NODE_FOLLOWER || !m || m->did != h->report.did ||
        w->now_ms < h->lookout_ms + (late ? beats_ms : LOOKOUT_CALM_MS / 10))
        return;
    h->lookout_ms = w->now_ms;
    for (int s = 0; s < SENTINELS; s++) {
        struct letter *l = net_letter(LETTER_LOOKOUT, SENTINELS + n, s);

        l->lookout = (struct lookout){ .epoch = h->seen.epoch,
                                       .node = h->report.node,
                                       .silent_ms = w->now_ms - heard_ms };
        memcpy(l->lookout.gid, h->seen.gid, sizeof l->lookout.gid);
        memcpy(l->lookout.run, h->seen.run, sizeof l->lookout.run);
        net_send(w, l);
    }
}

static void tick(struct world *w, struct item *it)
{
    int n = it->a - SENTINELS;
    struct host *h = &w->hosts[it->a];
    struct reg_actions out = { 0 };

    if (!h->alive || h->generation != it->generation)
        return;
    arm(w, n);
    if (h->paused_ms > w->now_ms) {
        h->n->resumed_ms = h->paused_ms;
        return;
    }
    if (w->now_ms >= h->n->loaded_ms)
        h->n->report.flags &= ~(uint32_t)NODE_LOADING;
    if (w->now_ms >= h->n->loaded_ms && h->n->report.role == NODE_WAITING)
        h->n->report.role = NODE_FOLLOWER; /* of whom it last knew to lead */
    if (proposer_wake_ms(&h->n->proposer) <= w->now_ms) {
        proposer_time(&h->n->proposer, w->now_ms, &out);
        obey(w, n, &out);
    }
    if (h->n->report.role >= NODE_LEADER)
        lead(w, n);
    else
        look_out(w, n);
}

/* ---- orders ------------------------------------------------------------------------------------ */

static enum receipt_kind promoted(struct world *w, int n, const struct order *o)
{
    struct node_host *h = &w->nodes[n];
    const struct member *m = charter_member((struct charter *)&o->value, h->report.node);

    if (o->value.epoch < h->report.promised)
        return RECEIPT_STALE;
    if (!m || m->did != h->report.did || strcmp(o->value.run, h->report.run) != 0)
        return RECEIPT_NOT_SYNC;
    if (h->report.flags & NODE_LOADING)
        return RECEIPT_BUSY;
    if (h->report.role >= NODE_LEADER && h->report.promised == o->value.epoch)
        return RECEIPT_OK;
    world_trace(w, "n%d is promoted in %llu", n, U(o->value.epoch));
    adopt(w, n, &o->value);
    h->report.role = NODE_LEADER;
    for (int k = 0; k < NODES; k++) {
        h->reached_ms[k] = h->steady_ms[k] = w->now_ms;
        h->unwanted[k] = false;
        for (uint32_t i = 0; i < o->suspect_count; i++)
            h->unwanted[k] = h->unwanted[k] || o->suspects[i] == w->nodes[k].report.node;
    }
    return RECEIPT_OK;
}

static enum receipt_kind configured(struct world *w, int n, const struct order *o)
{
    struct node_host *h = &w->nodes[n];

    if (o->value.epoch < h->report.promised)
        return RECEIPT_STALE;
    adopt(w, n, &o->value);
    if (strcmp(o->value.run, h->report.run) != 0)
        h->report.role = NODE_FOLLOWER;
    return RECEIPT_OK;
}

static enum receipt_kind handed_off(struct world *w, int n, const struct order *o)
{
    const struct node_host *h = &w->nodes[n];

    if (o->epoch < h->report.promised)
        return RECEIPT_STALE;
    for (int k = 0; k < NODES; k++)
        if (w->nodes[k].report.node == o->target && follows(w, k, n))
            return h->report.role == NODE_ACTIVE ? RECEIPT_OK : RECEIPT_STALE;
    return RECEIPT_LAGS;
}

static void ordered(struct world *w, int n, const struct letter *l)
{
    struct node_host *h = &w->nodes[n];
    struct letter *back = net_letter(LETTER_RECEIPT, SENTINELS + n, l->from);
    const struct order *o = &l->order;

    back->line = l->line;
    back->receipt.seq = o->seq;
    if (o->kind == ORDER_PROMOTE)
        back->receipt.kind = promoted(w, n, o);
    else if (o->kind == ORDER_CONFIG)
        back->receipt.kind = configured(w, n, o);
    else if (o->kind == ORDER_HANDOFF)
        back->receipt.kind = handed_off(w, n, o);
    h->report.beat_age_ms = h->report.role == NODE_FOLLOWER ? w->now_ms - h->beat_ms : UINT64_MAX;
    back->receipt.report = h->report;
    net_send(w, back);
}

void node_letter(struct world *w, int n, const struct letter *l)
{
    struct reg_actions out = { 0 };

    if (l->kind == LETTER_ORDER) {
        ordered(w, n, l);
        return;
    }
    proposer_hear(&w->nodes[n].proposer, &l->reg, w->now_ms, &out);
    obey(w, n, &out);
}

/* ---- life -------------------------------------------------------------------------------------- */

static void begin(struct world *w, int n)
{
    struct node_host *h = &w->nodes[n];

    proposer_init(&h->proposer, world_id(w), &h->seen, world_id(w));
    judge_process(w, &h->report, h->loaded_ms);
    arm(w, n);
}

void node_first(struct world *w, int n, const struct charter *first)
{
    struct node_host *h = &w->nodes[n];

    h->seen = *first;
    h->report.ver = h->report.promised = 1;
    h->report.role = n == 0 ? NODE_ACTIVE : NODE_FOLLOWER;
    h->report.priority = 100;
    h->report.at = (struct position){ 1, 100 };
    h->beat_ms = w->now_ms;
    w->active_epoch = 1;
    for (int k = 0; k < NODES; k++)
        h->reached_ms[k] = h->steady_ms[k] = w->now_ms;
    begin(w, n);
}

void node_start(struct world *w, int n, bool keeps_data)
{
    struct host *host = &w->hosts[SENTINELS + n];
    struct node_host *h = host->n;

    host->alive = true;
    host->generation++;
    host->paused_ms = 0;
    world_hex(w, h->report.run);
    h->report.boot++;
    h->report.role = NODE_WAITING;
    h->report.priority = w->faults && world_chance(w, 6) == 0 ? 0 : 100;
    h->report.loop_age_ms = 0;
    h->loaded_ms = w->now_ms + world_chance(w, LOAD_MS);
    h->report.flags = NODE_LOADING;
    h->beat_ms = h->resumed_ms = w->now_ms;
    h->unsure = false;
    if (!keeps_data) {
        h->report.did = world_id(w);
        h->report.at = (struct position){ 0, 0 };
    }
    world_trace(w, "n%d starts%s", n, keeps_data ? "" : ", empty");
    begin(w, n);
}

void node_crash(struct world *w, int n)
{
    struct host *h = &w->hosts[SENTINELS + n];

    world_trace(w, "n%d dies", n);
    judge_process_of(w, h->n->report.run)->dead = true;
    h->alive = false;
    h->generation++;
    h->paused_ms = 0;
    for (int s = 0; s < SENTINELS; s++)
        sentinel_line_lost(w, s, n, DOWN_CLOSED);
}
