/*
 * world - one schedule from its seed to its verdict.
 */
#include "world.h"

#include <stdarg.h>
#include <string.h>

#include "common/alloc.h"

enum {
    TICK_MS = 20,
    LOOK_MS = 200,
    CALM_LOOKS = 6, /* converged means converged that many looks in a row */
    START_MS = 1000000,
};

uint64_t world_chance(struct world *w, uint64_t below)
{
    return rng_below(&w->rng, below);
}

void world_fail(struct world *w, const char *format, ...)
{
    va_list args;

    if (w->failed)
        return;
    w->failed = true;
    va_start(args, format);
    vsnprintf(w->why, sizeof w->why, format, args);
    va_end(args);
}

void world_trace(struct world *w, const char *format, ...)
{
    va_list args;

    if (!w->trace)
        return;
    printf("%7llu ", (unsigned long long)(w->now_ms - START_MS));
    va_start(args, format);
    vprintf(format, args);
    va_end(args);
    printf("\n");
}

static void random_id(struct world *w, char out[ID_LEN + 1])
{
    for (int i = 0; i < ID_LEN; i++)
        out[i] = "0123456789abcdef"[world_chance(w, 16)];
    out[ID_LEN] = '\0';
}

static void set_addr(struct addr *a, const char *net, int i, int port)
{
    snprintf(a->host, sizeof a->host, "%s.%d", net, i + 1);
    a->port = port;
}

static void build_stores(struct world *w)
{
    int per = w->plan.stores_per_group;

    w->store_count = per * GROUPS;
    for (int i = 0; i < w->store_count; i++) {
        struct store *n = &w->stores[i];

        n->group = i / per;
        n->host = w->watcher_count + i;
        n->saved_leader = i % per == 0 ? -1 : n->group * per;
        n->holdfast = w->plan.fast;
        store_start(w, i, true);
    }
}

void world_new_disk(struct world *w, int i)
{
    struct watcher *x = &w->watchers[i];

    config_fini(&x->disk);
    globals_defaults(&x->disk.globals);
    random_id(w, x->disk.globals.my_id);
    x->disk.globals.listen_port = 26379 + i;
    for (int g = 0; g < GROUPS; g++) {
        struct config_group *group = config_add_group(&x->disk, g == 0 ? "g0" : "g1");
        int leader = g * w->plan.stores_per_group;

        set_addr(&group->leader, "10.0.0", leader, store_port(leader));
        group->set.quorum = w->plan.quorum ? w->plan.quorum : (uint32_t)(w->watcher_count / 2 + 1);
        group->set.down_after_ms = w->plan.down_after_ms;
        group->set.failover_timeout_ms = FAILOVER_TIMEOUT_MS;
    }
}

static void world_tick(struct world *w, struct item *it)
{
    store_tick_all(w);
    for (int i = 0; i < w->watcher_count; i++)
        if (w->watchers[i].alive && world_chance(w, 25) == 0)
            watcher_write_buffered(&w->watchers[i]);
    queue_put(&w->queue, w->now_ms + TICK_MS, world_tick);
}

static bool run_until(struct world *w, uint64_t until_ms)
{
    struct item it;

    while (!w->failed && w->queue.count > 0 && w->queue.at[0].at_ms <= until_ms) {
        queue_take(&w->queue, &it);
        w->now_ms = it.at_ms;
        it.run(w, &it);
        /* SIMULATE-FAILURE, or whatever else ended a process from within. */
    }
    if (!w->failed)
        w->now_ms = until_ms;
    return !w->failed;
}

static bool converge(struct world *w)
{
    uint64_t healed_ms = w->now_ms, limit_ms = healed_ms + w->plan.heal_ms;
    char why[256] = "";
    int calm = 0;

    while (w->now_ms < limit_ms && calm < CALM_LOOKS) {
        if (!run_until(w, w->now_ms + LOOK_MS))
            return false;
        calm = faults_converged(w, why, sizeof why) ? calm + 1 : 0;
        if (calm == 1)
            w->converged_after_ms = w->now_ms - healed_ms;
    }
    if (calm < CALM_LOOKS)
        world_fail(w, "not converged %llu ms after the last fault: %s",
                   (unsigned long long)w->plan.heal_ms, why);
    return !w->failed;
}

bool world_run(struct world *w, uint64_t seed, const struct plan *plan, uint32_t mutations,
               bool trace)
{
    bool ok;

    memset(w, 0, sizeof *w);
    rng_seed(&w->rng, seed);
    w->seed = seed;
    w->plan = *plan;
    w->mutations = mutations;
    w->trace = trace;
    w->now_ms = START_MS;
    w->watcher_count = plan->watchers;
    build_stores(w);
    for (int i = 0; i < w->watcher_count; i++) {
        w->watchers[i].host = i;
        world_new_disk(w, i);
    }
    for (int i = 0; i < w->watcher_count; i++)
        watcher_start(w, i);
    queue_put(&w->queue, w->now_ms, world_tick);
    run_until(w, START_MS + 1500);
    w->faults = true;
    w->heal_at_ms = w->now_ms + plan->faults_ms;
    faults_schedule(w);
    run_until(w, w->heal_at_ms);
    if (!w->failed)
        faults_heal(w);
    ok = !w->failed && converge(w);
    for (int i = 0; i < w->watcher_count; i++)
        watcher_fini(&w->watchers[i]);
    queue_fini(&w->queue);
    xfree(w->pending);
    return ok;
}
