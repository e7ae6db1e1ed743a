/*
 * group_world - one schedule of a group from its seed to its verdict.
 */
#include "group_world.h"

#include <stdarg.h>
#include <string.h>

#include "common/alloc.h"

enum {
    START_MS = 1000000,
    FAULTS_MS = 3000,
    HEAL_MS = 90000,
    LOOK_MS = 20,
    STUCK_LOOK_MS = 3000,
    GROW_STABLE_MS = 60,
    HOLD_DOWN_MS = 1000,
    ITEMS_MAX = 2000000
};

uint64_t world_chance(struct world *w, uint64_t below)
{
    return rng_below(&w->rng, below);
}

uint64_t world_id(struct world *w)
{
    return 1 + world_chance(w, UINT64_C(1) << 40);
}

void world_hex(struct world *w, char out[RUN_LEN + 1])
{
    for (int i = 0; i < RUN_LEN; i++)
        out[i] = "0123456789abcdef"[world_chance(w, 16)];
    out[RUN_LEN] = '\0';
}

struct item *world_put(struct world *w, uint64_t in_ms, item_fn *run, int a, int b)
{
    struct item *it = queue_put(&w->queue, w->now_ms + in_ms, run);

    it->a = a;
    it->b = b;
    return it;
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
    world_trace(w, "FAILED: %s", w->why);
}

void world_trace(struct world *w, const char *format, ...)
{
    va_list args;

    if (!w->trace)
        return;
    printf("%6llu ", U(w->now_ms - START_MS));
    va_start(args, format);
    vprintf(format, args);
    va_end(args);
    printf("\n");
}

int world_node_host(const struct world *w, uint64_t node)
{
    for (int n = 0; n < NODES; n++)
        if (w->nodes[n].id == node)
            return FIRST_NODE + n;
    return -1;
}

static void name_host(struct world *w, int i)
{
    struct host *h = &w->hosts[i];

    if (i < SENTINELS) {
        snprintf(h->name, sizeof h->name, "s%d", i);
        h->sentinel = &w->sentinels[i];
    } else if (i < FIRST_CLIENT) {
        snprintf(h->name, sizeof h->name, "n%d", i - FIRST_NODE);
        h->node = &w->nodes[i - FIRST_NODE];
    } else {
        snprintf(h->name, sizeof h->name, "c%d", i - FIRST_CLIENT);
        h->client = &w->clients[i - FIRST_CLIENT];
    }
    snprintf(w->places[i].host, sizeof w->places[i].host, "%s", h->name);
    w->places[i].port = i < SENTINELS ? 26379 : 6379;
}

static void build(struct world *w)
{
    world_hex(w, w->gid);
    w->terms = durable_terms_default;
    w->terms.grow_stable_ms = GROW_STABLE_MS; /* a schedule is short */
    w->terms.hold_down_ms = HOLD_DOWN_MS;
    if (w->seed % 2 == 1)
        w->terms.stale_read_limit_ms = START_MS; /* a courtesy: nothing may hang on it */
    for (int i = 0; i < HOSTS; i++)
        name_host(w, i);
    for (int n = 0; n < NODES; n++) {
        w->nodes[n].id = world_id(w);
        node_start(w, n);
    }
    for (int s = 0; s < SENTINELS; s++)
        sentinel_new_voter(w, s);
    for (int s = 0; s < SENTINELS; s++)
        sentinel_start(w, s);
    for (int c = 0; c < CLIENTS; c++)
        client_begin(w, c);
}

static bool run_until(struct world *w, uint64_t until_ms)
{
    struct item it;

    while (!w->failed && w->queue.count > 0 && w->queue.at[0].at_ms <= until_ms) {
        queue_take(&w->queue, &it);
        w->now_ms = it.at_ms;
        it.run(w, &it);
        if (w->queue.next_order > ITEMS_MAX)
            world_fail(w, "it does not come to rest");
    }
    if (!w->failed)
        w->now_ms = until_ms;
    return !w->failed;
}

static bool mend(struct world *w)
{
    uint64_t healed_ms = w->now_ms;
    char why[256] = "";

    while (w->now_ms < healed_ms + HEAL_MS) {
        if (!run_until(w, w->now_ms + LOOK_MS))
            return false;
        if (faults_mended(w, why, sizeof why)) {
            w->healed_ms = w->now_ms - healed_ms;
            return true;
        }
        if (w->stuck && w->now_ms >= healed_ms + STUCK_LOOK_MS)
            return true;
    }
    world_fail(w, "not mended %d ms after the last fault: %s", HEAL_MS, why);
    return false;
}

static void fini(struct world *w)
{
    for (int s = 0; s < SENTINELS; s++)
        captain_fini(&w->sentinels[s].captain);
    queue_fini(&w->queue);
    for (int n = 0; n < NODES; n++) {
        struct node *x = &w->nodes[n];

        store_fini(&x->data);
        store_fini(&x->sync);
        store_fini(&x->files.file);
        store_fini(&x->files.disk);
        store_fini(&x->old.file);
        store_fini(&x->old.disk);
        durable_actions_fini(&x->pending);
    }
    xfree(w->attempts);
    xfree(w->operations);
    xfree(w->truth);
}

bool world_run(struct world *w, uint64_t seed, bool real, uint32_t mutations, uint32_t captain_bugs,
               bool trace)
{
    bool ok;

    memset(w, 0, sizeof *w);
    rng_seed(&w->rng, seed);
    w->seed = seed;
    w->mutations = mutations;
    w->real = real;
    w->captain_bugs = real ? captain_bugs : 0;
    w->rogue_bugs = real ? 0 : captain_bugs;
    w->trace = trace;
    w->now_ms = START_MS;
    build(w);
    faults_begin(w);
    ok = run_until(w, START_MS + FAULTS_MS);
    if (ok) {
        faults_heal(w);
        ok = mend(w);
    }
    if (ok)
        judge_end(w);
    ok = !w->failed;
    fini(w);
    return ok;
}
