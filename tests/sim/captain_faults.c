/*
 * captain_faults - what goes wrong, what operators want meanwhile, and what is owed once it is mended.
 */
#include <stdio.h>
#include <string.h>

#include "captain_world.h"

enum {
    FAULT_PAUSE_MS = 350,
    WISH_PAUSE_MS = 900,
    CUT_MS = 900,
    PAUSE_MS = 700,
    BACK_MS = 500,
    BUSY_MS = 1500
};

/* ---- operators --------------------------------------------------------------------------------- */

static bool is_dead(struct world *w, const char *run)
{
    struct process *p = judge_process_of(w, run);

    return p && p->dead;
}

/* An operator looks before he says that a process is dead. */
static void force_best(struct world *w, int s, bool says_dead)
{
    const struct charter *c = captain_newest(&w->sentinels[s].captain);
    struct wish x = { .kind = WISH_FORCE, .token = 1, .ver = c->ver };
    int best = -1;

    for (int n = 0; n < NODES; n++)
        if (w->hosts[SENTINELS + n].alive && w->now_ms >= w->nodes[n].loaded_ms &&
            (best < 0 || position_cmp(w->nodes[n].report.at, w->nodes[best].report.at) > 0))
            best = n;
    if (best < 0)
        return;
    x.node = w->nodes[best].report.node;
    x.confirm_dead = says_dead && is_dead(w, c->run);
    snprintf(x.reason, sizeof x.reason, "drawn");
    sentinel_wish(w, s, &x);
}

static void wish_item(struct world *w, struct item *it)
{
    int s = (int)world_chance(w, SENTINELS);
    struct wish x = { .kind = WISH_SWITCHOVER, .token = 1 };

    if (!w->faults)
        return;
    world_put(w, world_chance(w, WISH_PAUSE_MS), wish_item, 0, 0);
    switch (world_chance(w, 4)) {
    case 0:
        x.node = w->nodes[world_chance(w, NODES)].report.node;
        break;
    case 1:
        x.kind = WISH_TERMS;
        x.level = KEEP_MEM + (enum keep)world_chance(w, 3);
        x.min_sync = 1;
        break;
    case 2:
        force_best(w, s, world_chance(w, 2) == 0);
        return;
    default:
        break;
    }
    sentinel_wish(w, s, &x);
}

/* ---- faults ------------------------------------------------------------------------------------ */

static void start_again(struct world *w, struct item *it)
{
    if (w->hosts[it->a].alive)
        return;
    if (it->a < SENTINELS)
        sentinel_start(w, it->a);
    else
        node_start(w, it->a - SENTINELS, !w->faults || world_chance(w, 4) != 0);
}

static void kill_host(struct world *w, int i)
{
    if (!w->hosts[i].alive)
        return;
    if (i < SENTINELS)
        sentinel_crash(w, i);
    else
        node_crash(w, i - SENTINELS);
    world_put(w, world_chance(w, 3) == 0 ? world_chance(w, 20) : world_chance(w, BACK_MS),
              start_again, i, 0);
}

/* It would have been woken meanwhile. At rest that is once a second; what it then hears of others' silence, and does not
 * hear itself for a heartbeat, is evidence. */
static bool can_notice(const struct world *w, int s, uint64_t for_ms)
{
    uint64_t late_ms = 4 * CAPTAIN_HEARTBEAT_MS;

    return for_ms > late_ms &&
           w->now_ms + for_ms > captain_wake_ms(&w->sentinels[s].captain) + late_ms;
}

static void pause_host(struct world *w, int i)
{
    uint64_t for_ms = world_chance(w, PAUSE_MS);

    if (!w->hosts[i].alive || w->hosts[i].paused_ms > w->now_ms)
        return;
    world_trace(w, "%c%d pauses for %llu", i < SENTINELS ? 's' : 'n', i % SENTINELS, U(for_ms));
    w->hosts[i].paused_ms = w->now_ms + for_ms;
    w->hosts[i].busy = i >= SENTINELS && for_ms % 2 == 0;
    if (i < SENTINELS && can_notice(w, i, for_ms))
        w->sentinels[i].woke_ms = w->now_ms + for_ms;
    else if (i >= SENTINELS)
        w->hosts[i].n->resumed_ms = w->now_ms + for_ms;
}

static void time_out(struct world *w, struct item *it)
{
    if (w->cut[it->a][it->b] || w->cut[it->b][it->a])
        sentinel_line_lost(w, it->a, it->b - SENTINELS, DOWN_CLOSED);
}

static void mend(struct world *w, struct item *it)
{
    w->cut[it->a][it->b] = false;
    w->whole_ms[it->a][it->b] = w->now_ms;
}

static void cut_way(struct world *w, int from, int to, uint64_t for_ms)
{
    w->cut[from][to] = true;
    world_put(w, for_ms, mend, from, to);
    if (from < SENTINELS && to >= SENTINELS)
        world_put(w, 500, time_out, from, to);
    if (to < SENTINELS && from >= SENTINELS)
        world_put(w, 500, time_out, to, from);
}

static void cut_something(struct world *w)
{
    int a = (int)world_chance(w, HOSTS), b = (int)world_chance(w, HOSTS);
    uint64_t for_ms = world_chance(w, CUT_MS), how = world_chance(w, 4);
    uint64_t side = how == 3 ? UINT64_C(1) << a : world_chance(w, 1u << HOSTS);

    world_trace(w, "cut %llu %d %d side %llx for %llu", U(how), a, b, U(side), U(for_ms));
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

static void hang_loop(struct world *w, struct item *it)
{
    w->nodes[it->a].report.loop_age_ms = 0;
}

static void fault_item(struct world *w, struct item *it)
{
    int i = (int)world_chance(w, HOSTS), n = (int)world_chance(w, NODES);

    if (!w->faults)
        return;
    world_put(w, world_chance(w, FAULT_PAUSE_MS), fault_item, 0, 0);
    switch (world_chance(w, 8)) {
    case 0:
    case 1:
        cut_something(w);
        break;
    case 2:
    case 3:
        pause_host(w, i);
        break;
    case 4:
        sentinel_line_lost(w, i % SENTINELS, n, DOWN_CLOSED);
        break;
    case 5:
        w->nodes[n].report.loop_age_ms = world_chance(w, BUSY_MS);
        world_put(w, world_chance(w, BACK_MS), hang_loop, n, 0);
        break;
    default:
        kill_host(w, i);
    }
}

void faults_begin(struct world *w)
{
    w->faults = true;
    world_put(w, 700, fault_item, 0, 0); /* first they get to know each other */
    world_put(w, 700, wish_item, 0, 0);
}

/* ---- healed ------------------------------------------------------------------------------------ */

/* Whom may the register name? By its own data, which may be gone with all who had them. */
static bool is_electable(const struct world *w)
{
    const struct charter *c = &w->chain[w->head];

    for (int n = 0; n < NODES; n++)
        if (charter_member((struct charter *)c, w->nodes[n].report.node)->did ==
            w->nodes[n].report.did)
            return true;
    return false;
}

static void repair_item(struct world *w, struct item *it)
{
    world_put(w, 300, repair_item, 0, 0);
    if (!is_electable(w))
        force_best(w, (int)world_chance(w, SENTINELS), true);
}

void faults_heal(struct world *w)
{
    world_trace(w, "healed");
    w->faults = false;
    memset(w->cut, 0, sizeof w->cut);
    for (int i = 0; i < HOSTS * HOSTS; i++)
        w->whole_ms[i / HOSTS][i % HOSTS] = w->now_ms;
    for (int i = 0; i < HOSTS; i++) {
        if (i < SENTINELS && w->sentinels[i].woke_ms > w->now_ms)
            w->sentinels[i].woke_ms = 0; /* woken before it could notice */
        if (i >= SENTINELS && w->hosts[i].paused_ms > w->now_ms)
            w->hosts[i].n->resumed_ms = w->now_ms;
        w->hosts[i].paused_ms = 0;
        if (!w->hosts[i].alive)
            world_put(w, 0, start_again, i, 0);
    }
    for (int n = 0; n < NODES; n++) {
        w->nodes[n].report.loop_age_ms = 0;
        w->nodes[n].report.priority = 100;
    }
    world_put(w, 1000, repair_item, 0, 0);
}

bool faults_mended(struct world *w, char *why, size_t cap)
{
    const struct charter *c = &w->chain[w->head];

    for (int n = 0; n < NODES; n++) {
        const struct report *r = &w->nodes[n].report;
        enum node_role due = r->node == c->leader ? NODE_ACTIVE : NODE_FOLLOWER;

        if (r->ver != c->ver || r->promised != c->epoch || r->role != due) {
            snprintf(why, cap, "n%d is %s of epoch %llu, version %llu; chosen are %llu, %llu", n,
                     node_role_word(r->role), U(r->promised), U(r->ver), U(c->epoch), U(c->ver));
            return false;
        }
    }
    for (int s = 0; s < SENTINELS; s++) {
        const struct captain *x = &w->sentinels[s].captain;

        if (x->charter.ver != c->ver || x->served != c->epoch || x->state != CAPTAIN_CALM ||
            x->suspects || x->wish.kind != WISH_NONE) {
            snprintf(why, cap, "s%d is %s with version %llu, serves %llu; chosen are %llu, %llu", s,
                     captain_state_word(x->state), U(x->charter.ver), U(x->served), U(c->ver),
                     U(c->epoch));
            return false;
        }
    }
    return true;
}
