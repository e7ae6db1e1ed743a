/*
 * faults - what goes wrong, drawn from the seed; and whether all is well again afterwards.
 */
#include <stdio.h>
#include <string.h>

#include "world.h"

enum { AT_ONCE_MS = 20, FAULT_PAUSE_MS = 900, BACK_MS = 2500, CUT_MS = 3000, FREEZE_MS = 2600 };

static void put(struct world *w, uint64_t in_ms, item_fn *run, int a, int b)
{
    struct item *it = queue_put(&w->queue, w->now_ms + in_ms, run);

    it->a = a;
    it->b = b;
}

static void start_store(struct world *w, struct item *it)
{
    if (w->stores[it->a].alive)
        return;
    world_trace(w, "n%d starts%s", it->a, it->b ? "" : " empty");
    store_start(w, it->a, it->b != 0);
}

static void kill_store(struct world *w, int i)
{
    struct store *n = &w->stores[i];

    if (!n->alive)
        return;
    world_trace(w, "n%d dies", i);
    n->alive = n->frozen = false;
    net_close_store(w, i);
    put(w, world_chance(w, 3) == 0 ? world_chance(w, 20) : world_chance(w, BACK_MS), start_store, i,
        world_chance(w, 2) == 0);
}

static void thaw_store(struct world *w, struct item *it)
{
    w->stores[it->a].frozen = false;
}

static void freeze_store(struct world *w, int i)
{
    world_trace(w, "n%d freezes", i);
    w->stores[i].frozen = true;
    put(w, world_chance(w, FREEZE_MS), thaw_store, i, 0);
}

static void set_patience(struct world *w, int i, const char *name)
{
    char down_after[24], timeout[24];
    struct set_option options[] = { { .name = "down-after-milliseconds" },
                                    { .name = "failover-timeout" } };
    struct event ev = { .kind = EV_SET };

    snprintf(timeout, sizeof timeout, "%d", FAILOVER_TIMEOUT_MS);
    snprintf(down_after, sizeof down_after, "%llu", (unsigned long long)w->plan.down_after_ms);
    options[0].values[0] = bytes_of(down_after);
    options[1].values[0] = bytes_of(timeout);
    ev.set.name = name;
    ev.set.options = options;
    ev.set.count = ARRAY_LEN(options);
    watcher_step(w, i, &ev);
}

static void monitor(struct world *w, int i, int number, const struct addr *leader)
{
    struct event ev = { .kind = EV_MONITOR };

    ev.monitor.name = number == 0 ? "g0" : "g1";
    ev.monitor.addr = *leader;
    ev.monitor.quorum = (uint32_t)(w->watcher_count / 2 + 1);
    watcher_step(w, i, &ev);
    set_patience(w, i, ev.monitor.name);
}

/* What a crash between REMOVE and MONITOR left out, the operator adds as on the first day. */
static void monitor_missing(struct world *w, int i)
{
    for (int number = 0; number < GROUPS; number++) {
        int leader = number * w->plan.stores_per_group;
        struct addr a = { .port = store_port(leader) };

        snprintf(a.host, sizeof a.host, "10.0.0.%d", leader + 1);
        if (!sentinel_find_group(&w->watchers[i].core, bytes_of(number == 0 ? "g0" : "g1")))
            monitor(w, i, number, &a);
    }
}

static void start_watcher(struct world *w, struct item *it)
{
    if (w->watchers[it->a].alive)
        return;
    world_trace(w, "s%d starts", it->a);
    watcher_start(w, it->a);
    monitor_missing(w, it->a);
}

void faults_kill_watcher(struct world *w, int i)
{
    if (!w->watchers[i].alive)
        return;
    world_trace(w, "s%d dies", i);
    watcher_crash(w, i);
    /* Often at once: what it forgot is then still being asked for. */
    put(w, world_chance(w, world_chance(w, 2) == 0 ? AT_ONCE_MS : BACK_MS), start_watcher, i, 0);
}

static void thaw_watcher(struct world *w, struct item *it)
{
    w->watchers[it->a].frozen = false;
}

static void freeze_watcher(struct world *w, int i)
{
    if (!w->watchers[i].alive)
        return;
    world_trace(w, "s%d freezes", i);
    w->watchers[i].frozen = true;
    put(w, world_chance(w, FREEZE_MS), thaw_watcher, i, 0);
}

static int host_count(const struct world *w)
{
    return w->watcher_count + w->store_count;
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

/* One way between two, both ways, or a host alone against all. */
static void cut_something(struct world *w)
{
    int a = (int)world_chance(w, (uint64_t)host_count(w));
    int b = (int)world_chance(w, (uint64_t)host_count(w));
    uint64_t for_ms = world_chance(w, CUT_MS), how = world_chance(w, 3);

    world_trace(w, "cut %llu %d %d", (unsigned long long)how, a, b);
    if (how == 2) {
        for (int k = 0; k < host_count(w); k++) {
            cut_way(w, a, k, for_ms);
            cut_way(w, k, a, for_ms);
        }
        return;
    }
    if (a == b)
        return;
    cut_way(w, a, b, for_ms);
    if (how == 1)
        cut_way(w, b, a, for_ms);
}

static void reset_some(struct world *w)
{
    for (int i = 0; i < CONNS_MAX; i++)
        if (w->conns[i].open && world_chance(w, 4) == 0)
            net_reset(w, &w->conns[i]);
}

static void order_failover(struct world *w)
{
    int i = (int)world_chance(w, (uint64_t)w->watcher_count);
    struct event ev = { .kind = EV_FAILOVER };

    if (!w->watchers[i].alive || w->watchers[i].frozen)
        return;
    ev.failover.name = world_chance(w, 2) == 0 ? "g0" : "g1";
    if (!sentinel_find_group(&w->watchers[i].core, bytes_of(ev.failover.name)))
        return;
    world_trace(w, "operator: failover %s at s%d", ev.failover.name, i);
    watcher_step(w, i, &ev);
}

static void order_reset(struct world *w)
{
    int i = (int)world_chance(w, (uint64_t)w->watcher_count);
    struct event ev = { .kind = EV_RESET, .reset = { BYTES("*") } };

    if (!w->watchers[i].alive || w->watchers[i].frozen)
        return;
    world_trace(w, "operator: reset at s%d", i);
    watcher_step(w, i, &ev);
}

/* One in a schedule: a majority that forgets loses what it agreed on, and with a quorum of less nobody is safe. */
static bool may_forget(struct world *w, int i)
{
    const struct watcher *x = &w->watchers[i];

    if (!x->alive || x->frozen || w->plan.quorum != 0)
        return false;
    if (w->forgetful == 0)
        w->forgetful = i + 1;
    return w->forgetful == i + 1;
}

static bool leads(const struct world *w, int port)
{
    const struct store *n = &w->stores[store_by_port(w, port)];

    return n->alive && n->leader == -1;
}

/* REMOVE and MONITOR: the group is forgotten, and its peers, but not what was voted in it. */
static void order_monitor(struct world *w)
{
    int i = (int)world_chance(w, (uint64_t)w->watcher_count);
    int number = (int)world_chance(w, GROUPS);
    const char *name = number == 0 ? "g0" : "g1";
    struct watcher *x = &w->watchers[i];
    struct event ev = { .kind = EV_REMOVE };
    const struct group *g;
    struct addr leader;

    if (!may_forget(w, i))
        return;
    g = sentinel_find_group(&x->core, bytes_of(name));
    if (!g || !leads(w, g->leader->addr.port))
        return; /* whoever looks at what it is about to monitor sees that it follows */
    world_trace(w, "operator: remove and monitor %s at s%d", name, i);
    leader = g->leader->addr;
    ev.remove.name = name;
    watcher_step(w, i, &ev);
    x->forgot[number] = true;
    monitor(w, i, number, &leader);
}

static void lose_disk(struct world *w, int i)
{
    if (!may_forget(w, i))
        return;
    faults_kill_watcher(w, i);
    world_trace(w, "s%d loses its disk", i);
    watcher_wipe(w, i);
    w->wiped = true;
}

static void kill_some_leader(struct world *w)
{
    int from = (int)world_chance(w, (uint64_t)w->store_count);

    for (int k = 0; k < w->store_count; k++) {
        int i = (from + k) % w->store_count;

        if (w->stores[i].alive && w->stores[i].leader == -1) {
            kill_store(w, i);
            return;
        }
    }
}

static void one_fault(struct world *w)
{
    int store = (int)world_chance(w, (uint64_t)w->store_count);
    int watcher = (int)world_chance(w, (uint64_t)w->watcher_count);

    switch (world_chance(w, 14)) {
    case 0:
    case 1:
        kill_some_leader(w);
        break;
    case 2:
        kill_store(w, store);
        break;
    case 3:
        freeze_store(w, store);
        break;
    case 4:
    case 5:
        faults_kill_watcher(w, watcher);
        break;
    case 6:
        freeze_watcher(w, watcher);
        break;
    case 7:
        cut_something(w);
        break;
    case 8:
        reset_some(w);
        break;
    case 9:
        order_failover(w);
        break;
    case 10:
        order_reset(w);
        break;
    case 11:
    case 12:
        order_monitor(w);
        break;
    case 13:
        lose_disk(w, watcher);
        break;
    }
}

static void fault_item(struct world *w, struct item *it)
{
    if (w->now_ms >= w->heal_at_ms)
        return;
    one_fault(w);
    put(w, world_chance(w, FAULT_PAUSE_MS), fault_item, 0, 0);
}

void faults_schedule(struct world *w)
{
    put(w, 500, fault_item, 0, 0);
}

void faults_heal(struct world *w)
{
    world_trace(w, "healed");
    w->faults = false;
    memset(w->cut, 0, sizeof w->cut);
    for (int i = 0; i < w->store_count; i++) {
        w->stores[i].frozen = false;
        if (!w->stores[i].alive)
            store_start(w, i, true);
    }
    for (int i = 0; i < w->watcher_count; i++) {
        w->watchers[i].frozen = false;
        if (!w->watchers[i].alive)
            watcher_start(w, i);
        monitor_missing(w, i);
    }
}

/* A RESET while it was away, and a leader that does not have it, leave a node to itself, as in Redis. */
static bool is_forgotten(const struct world *w, int i)
{
    const char *name = w->stores[i].group == 0 ? "g0" : "g1";

    for (int k = 0; k < w->watcher_count; k++) {
        const struct group *g = sentinel_find_group(&w->watchers[k].core, bytes_of(name));

        LIST_EACH (&g->nodes, link)
            if (LIST_ENTRY(link, struct node, of_group)->addr.port == store_port(i))
                return false;
    }
    return true;
}

static bool followers_in_line(const struct world *w, int group, int leader, char *why, size_t cap)
{
    if (w->stores[leader].leader != -1) {
        snprintf(why, cap, "n%d is agreed to lead and follows n%d", leader,
                 w->stores[leader].leader);
        return false;
    }
    for (int i = 0; i < w->store_count; i++) {
        const struct store *n = &w->stores[i];

        if (n->group != group || i == leader || is_forgotten(w, i))
            continue;
        if (n->leader != leader || !n->link_up) {
            snprintf(why, cap, "n%d follows %d (link %d), agreed is n%d", i, n->leader, n->link_up,
                     leader);
            return false;
        }
    }
    return true;
}

static bool group_converged(const struct world *w, int number, char *why, size_t cap)
{
    const char *name = number == 0 ? "g0" : "g1";
    uint64_t epoch = 0;
    int leader = -1;

    for (int i = 0; i < w->watcher_count; i++) {
        const struct group *g = sentinel_find_group(&w->watchers[i].core, bytes_of(name));
        int its = store_by_port(w, g->leader->addr.port);

        if (i > 0 && (its != leader || g->config_epoch != epoch)) {
            snprintf(why, cap, "%s: s%d has n%d by %llu, s0 has n%d by %llu", name, i, its,
                     (unsigned long long)g->config_epoch, leader, (unsigned long long)epoch);
            return false;
        }
        leader = its;
        epoch = g->config_epoch;
        if (g->failover.state != FO_NONE || g->leader->verdict != VERDICT_UP) {
            snprintf(why, cap, "%s: s%d is in %s, leader %s", name, i,
                     failover_state_word(g->failover.state), verdict_word(g->leader->verdict));
            return false;
        }
    }
    return followers_in_line(w, number, leader, why, cap);
}

bool faults_converged(struct world *w, char *why, size_t cap)
{
    for (int i = 0; i < w->watcher_count; i++) {
        if (!w->watchers[i].alive) {
            snprintf(why, cap, "s%d is not running", i);
            return false;
        }
    }
    for (int g = 0; g < GROUPS; g++)
        if (!group_converged(w, g, why, cap))
            return false;
    return true;
}
