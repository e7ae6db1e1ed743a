/*
 * group_faults - what goes wrong with a group, and what is owed once it is mended.
 */
#include <string.h>

#include "group_world.h"

enum {
    FAULT_PAUSE_MS = 220,
    CUT_MS = 700,
    PAUSE_MS = 500,
    BACK_MS = 400,
    FIRST_FAULT_MS = 300,
    MARKED_DYING = 25, /* one change of a disk in so many … */
    MARKED_MS = 60,    /* … is soon followed by a death */
};

static void start_again(struct world *w, struct item *it)
{
    if (w->hosts[it->a].alive)
        return;
    if (it->a < SENTINELS)
        sentinel_start(w, it->a);
    else
        node_start(w, it->a - FIRST_NODE);
}

static void back_soon(struct world *w, int i)
{
    world_put(w, world_chance(w, BACK_MS), start_again, i, 0);
}

/* Does another living node hold a data set that counts? Else nobody could lead any more: that is no fault of the
 * protocol, and an operator's to decide. Some schedules do it all the same. */
static bool may_lose(const struct world *w, int n)
{
    for (int k = 0; k < NODES; k++) {
        const struct node *x = &w->nodes[k];
        const struct member *m = charter_member((struct charter *)&w->chosen, x->id);

        if (k != n && m && m->did != 0 && w->hosts[FIRST_NODE + k].alive &&
            m->did == x->core.meta.did)
            return true;
    }
    return w->reckless;
}

static void kill_node(struct world *w, int n)
{
    enum loss loss = (enum loss)(LOSS_PROCESS + world_chance(w, 4));

    if (!w->hosts[FIRST_NODE + n].alive)
        return;
    if (world_chance(w, 5) == 0) {
        if (!node_stop(w, n))
            return;
    } else {
        if (world_chance(w, 2) == 0)
            loss = LOSS_PROCESS;
        if (!node_keeps_did(w, n, loss) && !may_lose(w, n))
            return;
        node_crash(w, n, loss);
    }
    back_soon(w, FIRST_NODE + n);
}

static void die_soon(struct world *w, struct item *it)
{
    if (w->faults)
        kill_node(w, it->a);
}

/* What a node has just marked on its disk says what its next start may believe: in every fourth schedule that is
 * tried at once, now and then. */
void faults_marked(struct world *w, int n)
{
    if (w->faults && w->seed % 4 == 2 && world_chance(w, MARKED_DYING) == 0)
        world_put(w, world_chance(w, MARKED_MS), die_soon, n, 0);
}

/* One memory at a time, and none while voters change: a majority of voters lost for good is an operator's case. */
static bool may_forget(const struct world *w)
{
    uint32_t hash = charter_voters_hash(&w->chosen);

    if (w->chosen.ver == 0 || charter_is_joint(&w->chosen))
        return false;
    for (int s = 0; s < SENTINELS; s++)
        if (w->sentinels[s].disk.lost || !charter_voter(&w->chosen, w->sentinels[s].acceptor.voter))
            return false;
    for (size_t i = 0; i < w->attempt_count; i++)
        if (ballot_cmp(w->attempts[i].ballot, w->chosen_ballot) > 0 &&
            charter_voters_hash(&w->attempts[i].value) != hash)
            return false;
    return true;
}

static void kill_sentinel(struct world *w, int s)
{
    if (!w->hosts[s].alive)
        return;
    sentinel_crash(w, s, may_forget(w) && world_chance(w, 4) == 0);
    back_soon(w, s);
}

static void mend_way(struct world *w, struct item *it)
{
    w->cut[it->a][it->b] = false;
}

static void cut_way(struct world *w, int from, int to, uint64_t for_ms)
{
    w->cut[from][to] = true;
    world_put(w, for_ms, mend_way, from, to);
}

/* From everybody but clients. */
static void isolate(struct world *w, int i, uint64_t for_ms)
{
    for (int k = 0; k < FIRST_CLIENT; k++) {
        cut_way(w, i, k, for_ms);
        cut_way(w, k, i, for_ms);
    }
}

/* One way between two, both ways, two halves, or one from all. */
static void cut_something(struct world *w)
{
    int a = (int)world_chance(w, FIRST_CLIENT), b = (int)world_chance(w, FIRST_CLIENT);
    uint64_t for_ms = world_chance(w, CUT_MS), how = world_chance(w, 4);
    uint64_t side = world_chance(w, 1u << HOSTS);

    world_trace(w, "cut %llu %s %s", U(how), w->hosts[a].name, w->hosts[b].name);
    if (how < 2) {
        cut_way(w, a, b, for_ms);
        if (how == 1)
            cut_way(w, b, a, for_ms);
        return;
    }
    if (how == 3) {
        isolate(w, a, for_ms);
        return;
    }
    for (int from = 0; from < HOSTS; from++)
        for (int to = 0; to < HOSTS; to++)
            if ((side >> from & 1) != (side >> to & 1))
                cut_way(w, from, to, for_ms);
}

static void fault(struct world *w, struct item *it)
{
    int i = (int)world_chance(w, FIRST_CLIENT);

    (void)it;
    if (!w->faults)
        return;
    switch (world_chance(w, 5)) {
    case 0:
    case 1:
        cut_something(w);
        break;
    case 2:
        world_trace(w, "%s pauses", w->hosts[i].name);
        w->hosts[i].paused_ms = w->now_ms + world_chance(w, PAUSE_MS);
        w->hosts[i].busy = w->hosts[i].paused_ms % 2 == 0;
        break;
    case 3:
        kill_node(w, (int)world_chance(w, NODES));
        break;
    default:
        if (i < SENTINELS)
            kill_sentinel(w, i);
        else
            kill_node(w, i - FIRST_NODE);
    }
    world_put(w, world_chance(w, FAULT_PAUSE_MS), fault, 0, 0);
}

void faults_begin(struct world *w)
{
    w->faults = true;
    w->reckless = world_chance(w, 20) == 0;
    world_put(w, FIRST_FAULT_MS, fault, 0, 0);
}

/* ---- healed ------------------------------------------------------------------------------------ */

/* No data set that counts by this version is left. */
static bool nobody_counts_by(const struct world *w, const struct charter *c)
{
    for (int n = 0; n < NODES; n++) {
        const struct member *m = charter_member((struct charter *)c, w->nodes[n].id);

        if (m && m->did != 0 && m->did == w->nodes[n].core.meta.did)
            return false;
    }
    return c->ver != 0;
}

/* A set of voters that this version names has lost the memories of too many. */
static bool no_majority_by(const struct world *w, const struct charter *c)
{
    uint64_t lost[CHARTER_VOTERS_MAX];
    size_t count = 0;

    for (uint32_t i = 0; i < c->voter_count; i++)
        if (!sentinel_has_voter(w, c->voters[i].id))
            lost[count++] = c->voters[i].id;
    return c->ver != 0 && !charter_may_have_majority(c, lost, count);
}

static bool is_stuck_by(const struct world *w, const struct charter *c)
{
    return nobody_counts_by(w, c) || no_majority_by(w, c);
}

/* An operator's case. What one voter alone holds may have been committed by others that lost their memories since, and
 * then all that comes has to stand on it: a dead leader's last shrink (not by these, R5), or new voters. */
static bool is_stuck(const struct world *w)
{
    bool stuck = is_stuck_by(w, &w->chosen);

    for (int s = 0; s < SENTINELS; s++) {
        const struct charter *held = &w->sentinels[s].acceptor.value;

        if (held->ver > w->chosen.ver)
            stuck = stuck || is_stuck_by(w, held);
    }
    return stuck;
}

void faults_heal(struct world *w)
{
    world_trace(w, "healed");
    w->faults = false;
    memset(w->cut, 0, sizeof w->cut);
    for (int i = 0; i < FIRST_CLIENT; i++) {
        w->hosts[i].paused_ms = 0;
        if (w->hosts[i].alive)
            continue;
        if (i < SENTINELS)
            sentinel_start(w, i);
        else
            node_start(w, i - FIRST_NODE);
    }
}

bool faults_mended(struct world *w, char *why, size_t cap)
{
    w->stuck = is_stuck(w);
    if (w->served_ms == 0) {
        snprintf(why, cap, "no write was acknowledged");
        return false;
    }
    for (int n = 0; n < NODES; n++) {
        const struct member *m = charter_member(&w->chosen, w->nodes[n].id);

        if (!m || m->did == 0 || m->did != w->nodes[n].core.meta.did) {
            snprintf(why, cap, "n%d is not in sync", n);
            return false;
        }
    }
    return true;
}
