/*
 * reg_faults - what is ordered of the register, what goes wrong meanwhile, and what is owed afterwards.
 */
#include <string.h>

#include "reg_world.h"

enum {
    ORDER_PAUSE_MS = 60,
    DEADLINE_MS = 500,
    FAULT_PAUSE_MS = 120,
    CUT_MS = 500,
    PAUSE_MS = 400,
    BACK_MS = 300,
};

static void put(struct world *w, uint64_t in_ms, item_fn *run, int a, int b)
{
    struct item *it = queue_put(&w->queue, w->now_ms + in_ms, run);

    it->a = a;
    it->b = b;
}

/* ---- orders ------------------------------------------------------------------------------------ */

static void create_first(struct world *w, struct change *ch)
{
    struct charter *c = &ch->first;

    *ch = (struct change){ .kind = CHANGE_CREATE };
    memcpy(c->gid, w->gid, sizeof c->gid);
    c->ver = c->epoch = 1;
    c->leader = w->hosts[SENTINELS].node;
    memcpy(c->run, w->hosts[SENTINELS].run, sizeof c->run);
    c->level = KEEP_OS;
    c->min_sync = 1;
    for (int i = SENTINELS; i < HOSTS; i++) {
        struct member m = { .node = w->hosts[i].node, .at = w->places[i], .boot = 1 };

        m.did = i == SENTINELS ? w->hosts[i].did : 0;
        charter_add_member(c, &m);
    }
    memcpy(c->voters, w->hosts[0].proposer.known.voters, sizeof c->voters);
    c->voter_count = w->hosts[0].proposer.known.voter_count;
}

static struct host *host_of_node(struct world *w, uint64_t node)
{
    for (int i = SENTINELS; i < HOSTS; i++)
        if (w->hosts[i].node == node)
            return &w->hosts[i];
    return NULL;
}

/* The leader's own: it takes one member out of the sync set, or in. */
static bool order_of_leader(struct world *w, const struct charter *view, struct change *ch)
{
    const struct member *m = &view->members[world_chance(w, view->member_count)];

    ch->node = m->node;
    ch->kind = m->did ? CHANGE_SHRINK : CHANGE_GROW;
    ch->did = m->did ? m->did : host_of_node(w, m->node)->did;
    return m->node != view->leader;
}

static bool order_failover(struct world *w, const struct charter *view, struct change *ch)
{
    const struct member *m = &view->members[world_chance(w, view->member_count)];

    ch->kind = CHANGE_FAILOVER;
    ch->node = m->node;
    ch->did = m->did;
    memcpy(ch->run, host_of_node(w, m->node)->run, sizeof ch->run);
    return m->did != 0;
}

static void name_voters(struct world *w, struct change *ch, uint32_t count, bool prefer_all)
{
    int from = (int)world_chance(w, SENTINELS);

    for (int k = 0; k < SENTINELS && ch->voter_count < count; k++) {
        int i = (from + k) % SENTINELS;
        struct voter v = { .id = w->hosts[i].acceptor.voter, .at = w->places[i] };

        if (w->hosts[i].alive || prefer_all)
            ch->voters[ch->voter_count++] = v;
    }
}

static bool order_voters(struct world *w, const struct charter *view, struct change *ch)
{
    if (charter_is_joint(view)) {
        ch->kind = CHANGE_VOTERS_FINISH;
        return true;
    }
    ch->kind = CHANGE_VOTERS_BEGIN;
    name_voters(w, ch, world_chance(w, 3) == 0 ? 1 + (uint32_t)world_chance(w, SENTINELS) : 3,
                false);
    return ch->voter_count > 0;
}

static bool order_terms(struct world *w, const struct charter *view, struct change *ch)
{
    ch->kind = CHANGE_TERMS;
    ch->level = (enum keep)world_chance(w, KEEP_COUNT);
    ch->min_sync = 1 + (uint32_t)world_chance(w, 2);
    return true;
}

static bool draw_order(struct world *w, int i, struct change *ch)
{
    const struct host *h = &w->hosts[i];
    const struct charter *view = &h->view;

    *ch = (struct change){ .kind = CHANGE_READ };
    if (view->ver == 0 && i == 0)
        create_first(w, ch);
    if (view->ver == 0 || world_chance(w, 4) == 0)
        return true;
    change_expect(ch, view);
    if (world_chance(w, 8) == 0)
        ch->if_ver = view->ver;
    if (i >= SENTINELS)
        return strcmp(view->run, h->run) == 0 && order_of_leader(w, view, ch);
    switch (world_chance(w, 8)) {
    case 0:
    case 1:
    case 2:
        return order_failover(w, view, ch);
    case 3:
        return order_terms(w, view, ch);
    default:
        return order_voters(w, view, ch);
    }
}

static void order_item(struct world *w, struct item *it)
{
    struct host *h = &w->hosts[it->a];
    struct change ch;

    if (!w->faults)
        return;
    if (h->alive && h->paused_ms <= w->now_ms && !h->proposer.busy && draw_order(w, it->a, &ch))
        host_order(w, it->a, &ch,
                   world_chance(w, 3) == 0 ? UINT64_MAX : w->now_ms + world_chance(w, DEADLINE_MS));
    put(w, world_chance(w, ORDER_PAUSE_MS), order_item, it->a, 0);
}

/* ---- faults ------------------------------------------------------------------------------------ */

static void start_again(struct world *w, struct item *it)
{
    if (!w->hosts[it->a].alive)
        host_start(w, it->a);
}

/* A leader's process dies, and some sentinels see it: one of them may still get its last words late. */
static void see_death(struct world *w, int i)
{
    for (int k = 0; k < SENTINELS; k++)
        if (world_chance(w, 2) == 0)
            host_sees_dead(w, k, w->hosts[i].run);
}

static void kill_host(struct world *w, int i)
{
    if (!w->hosts[i].alive)
        return;
    host_crash(w, i);
    if (i >= SENTINELS)
        see_death(w, i);
    put(w, world_chance(w, BACK_MS), start_again, i, 0);
}

static void mend(struct world *w, struct item *it)
{
    w->cut[it->a][it->b] = false;
}

static void cut_way(struct world *w, int from, int to, uint64_t for_ms)
{
    w->cut[from][to] = true;
    put(w, for_ms, mend, from, to);
}

/* One way between two, both ways, or two halves. */
static void cut_something(struct world *w)
{
    int a = (int)world_chance(w, HOSTS), b = (int)world_chance(w, HOSTS);
    uint64_t for_ms = world_chance(w, CUT_MS), how = world_chance(w, 3);
    uint64_t side = world_chance(w, 1u << HOSTS);

    world_trace(w, "cut %llu %d %d", (unsigned long long)how, a, b);
    if (how < 2) {
        cut_way(w, a, b, for_ms);
        if (how == 1)
            cut_way(w, b, a, for_ms);
        return;
    }
    for (int from = 0; from < HOSTS; from++)
        for (int to = 0; to < HOSTS; to++)
            if ((side >> from & 1) != (side >> to & 1))
                cut_way(w, from, to, for_ms);
}

static void fault_item(struct world *w, struct item *it)
{
    int i = (int)world_chance(w, HOSTS);

    if (!w->faults)
        return;
    switch (world_chance(w, 5)) {
    case 0:
        cut_something(w);
        break;
    case 1:
        world_trace(w, "%s pauses", w->hosts[i].name);
        w->hosts[i].paused_ms = w->now_ms + world_chance(w, PAUSE_MS);
        break;
    case 2:
        if (i >= SENTINELS)
            w->hosts[i].did = world_id(w); /* its data is another now */
        break;
    default:
        kill_host(w, i);
    }
    put(w, world_chance(w, FAULT_PAUSE_MS), fault_item, 0, 0);
}

void faults_begin(struct world *w)
{
    w->faults = true;
    for (int i = 0; i < HOSTS; i++)
        put(w, world_chance(w, 20), order_item, i, 0);
    put(w, 50, fault_item, 0, 0);
}

/* ---- healed ------------------------------------------------------------------------------------ */

/* R5 keeps a dead leader's last shrink from being committed, and with it every read that finds it, until whoever
 * knows it dead has another one lead. */
static bool replace_dead_leader(struct world *w, int i)
{
    const struct host *h = &w->hosts[i];
    struct change ch = { .kind = CHANGE_FAILOVER };
    const struct member *m;

    if (i >= SENTINELS || h->view.ver == 0 || strcmp(h->view.run, h->dead_run) != 0)
        return false;
    m = charter_member((struct charter *)&h->view, h->view.leader);
    change_expect(&ch, &h->view);
    ch.node = m->node;
    ch.did = m->did;
    memcpy(ch.run, host_of_node(w, m->node)->run, sizeof ch.run);
    host_order(w, i, &ch, w->now_ms + 1000);
    return true;
}

/* Whoever is well reads; and s0 gives the vote to living voters, two sets becoming one. */
static void repair_item(struct world *w, struct item *it)
{
    struct host *h = &w->hosts[it->a];
    struct change ch = { .kind = CHANGE_READ };

    put(w, 20, repair_item, it->a, 0);
    if (h->proposer.busy)
        return;
    if (h->proposer.known.ver > h->view.ver)
        h->view = h->proposer.known;
    if (!h->caught_up) {
        if (world_chance(w, 2) == 0 && replace_dead_leader(w, it->a))
            return;
        if (h->view.ver == 0 && w->head == 0 && it->a == 0)
            create_first(w, &ch);
        host_order(w, it->a, &ch, w->now_ms + 1000);
        return;
    }
    if (it->a != 0)
        return;
    change_expect(&ch, &h->view);
    if (charter_is_joint(&h->view)) {
        ch.kind = CHANGE_VOTERS_FINISH;
    } else {
        bool all_live = true;

        for (uint32_t i = 0; i < h->view.voter_count; i++)
            all_live = all_live && world_living_voter(w, h->view.voters[i].id) >= 0;
        if (all_live)
            return;
        ch.kind = CHANGE_VOTERS_BEGIN;
        name_voters(w, &ch, 3, true);
    }
    host_order(w, it->a, &ch, UINT64_MAX);
}

void faults_heal(struct world *w)
{
    world_trace(w, "healed");
    w->faults = false;
    memset(w->cut, 0, sizeof w->cut);
    /* A majority lost for good, in a set that somebody holds: no rule brings that back, an operator does. */
    w->stuck = !host_may_lose(w, -1);
    for (int i = 0; i < HOSTS; i++) {
        w->hosts[i].paused_ms = 0;
        if (w->hosts[i].alive)
            host_crash(w, i);
        host_start(w, i);
    }
    for (int i = 0; i < HOSTS; i++)
        put(w, 10, repair_item, i, 0);
}

bool faults_mended(struct world *w, char *why, size_t cap)
{
    const struct charter *c = &w->hosts[0].view;

    for (int i = 0; i < HOSTS; i++) {
        if (!w->hosts[i].caught_up) {
            snprintf(why, cap, "%s could not read", w->hosts[i].name);
            return false;
        }
    }
    if (charter_is_joint(c)) {
        snprintf(why, cap, "two sets of voters are left");
        return false;
    }
    for (uint32_t i = 0; i < c->voter_count; i++) {
        if (world_living_voter(w, c->voters[i].id) < 0) {
            snprintf(why, cap, "a voter without memory still has a vote");
            return false;
        }
    }
    return true;
}
