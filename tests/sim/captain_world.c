/*
 * captain_world - one schedule of the captains from its seed to its verdict.
 */
#include "captain_world.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "common/alloc.h"

enum { START_MS = 1000000, FAULTS_MS = 4000, HEAL_MS = 20000, STAY_MS = 2000, LOOK_MS = 20 };

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
    printf("%6llu ", U(w->now_ms - START_MS));
    va_start(args, format);
    vprintf(format, args);
    va_end(args);
    printf("\n");
}

struct item *world_put(struct world *w, uint64_t in_ms, item_fn *run, int a, int b)
{
    struct item *it = queue_put(&w->queue, w->now_ms + in_ms, run);

    it->a = a;
    it->b = b;
    it->drop = NULL;
    it->data = NULL;
    return it;
}

/* The register holds the first version: what comes before is reg_sim's. */
static void found(struct world *w, const struct charter *first)
{
    struct reg_message m = { .kind = REG_ACCEPT, .ballot = { 1, 1 }, .value = *first };
    struct reg_actions out = { 0 };

    memcpy(m.gid, first->gid, sizeof m.gid);
    judge_proposed(w, &m);
    for (int s = 0; s < SENTINELS; s++) {
        m.kind = REG_ACCEPT;
        acceptor_step(&w->sentinels[s].acceptor, &m, &out);
        judge_answered(w, &out.at[out.count - 1].message);
        m.kind = REG_LEARN;
        acceptor_step(&w->sentinels[s].acceptor, &m, &out);
    }
    reg_actions_fini(&out);
}

static void build(struct world *w)
{
    struct charter first = { .ver = 1, .epoch = 1, .level = KEEP_OS, .min_sync = 1 };

    world_hex(w, first.gid);
    for (int i = 0; i < HOSTS; i++) {
        snprintf(w->places[i].host, sizeof w->places[i].host, "h%d", i);
        w->places[i].port = 6379;
        w->hosts[i].s = i < SENTINELS ? &w->sentinels[i] : NULL;
        w->hosts[i].n = i < SENTINELS ? NULL : &w->nodes[i - SENTINELS];
        w->hosts[i].alive = true;
    }
    for (int s = 0; s < SENTINELS; s++) {
        struct voter v = { .id = world_id(w), .at = w->places[s], .sets = VOTERS_NOW };

        acceptor_init(&w->sentinels[s].acceptor, v.id);
        charter_add_voter(&first, &v);
    }
    for (int n = 0; n < NODES; n++) {
        struct report *r = &w->nodes[n].report;
        struct member m = { .at = w->places[SENTINELS + n], .boot = 1 };

        m.node = r->node = world_id(w);
        m.did = r->did = world_id(w);
        r->boot = 1;
        world_hex(w, r->run);
        memcpy(r->gid, first.gid, sizeof r->gid);
        charter_add_member(&first, &m);
    }
    first.leader = w->nodes[0].report.node;
    memcpy(first.run, w->nodes[0].report.run, sizeof first.run);
    for (int n = 0; n < NODES; n++)
        node_first(w, n, &first);
    found(w, &first);
    for (int s = 0; s < SENTINELS; s++)
        sentinel_start(w, s);
}

static bool run_until(struct world *w, uint64_t until_ms)
{
    struct item it;

    while (!w->failed && w->queue.count > 0 && w->queue.at[0].at_ms <= until_ms) {
        queue_take(&w->queue, &it);
        w->now_ms = it.at_ms;
        it.run(w, &it);
    }
    if (!w->failed)
        w->now_ms = until_ms;
    return !w->failed;
}

/* Whoever proposed it is gone, and a later reader of the register completes it. The process that it names may be dead by
 * then, and the epochs after it are for good reasons. */
static bool was_proposed(const struct world *w, uint64_t epoch, size_t attempts)
{
    for (size_t i = 0; i < attempts; i++)
        if (w->attempts[i].value.epoch == epoch)
            return true;
    return false;
}

/* Nothing goes wrong any more: so nobody is replaced any more, either. */
static bool stays(struct world *w)
{
    uint64_t epoch = w->chain[w->head].epoch;
    size_t attempts = w->attempt_count;

    if (!run_until(w, w->now_ms + STAY_MS))
        return false;
    if (w->chain[w->head].epoch != epoch && !was_proposed(w, epoch + 1, attempts))
        world_fail(w, "epoch %llu ended, and nothing was wrong with it", U(epoch));
    return !w->failed;
}

static bool mend(struct world *w)
{
    uint64_t healed_ms = w->now_ms;
    char why[200] = "";

    while (w->now_ms < healed_ms + HEAL_MS) {
        if (!run_until(w, w->now_ms + LOOK_MS))
            return false;
        if (faults_mended(w, why, sizeof why)) {
            w->healed_after_ms = w->now_ms - healed_ms;
            return stays(w);
        }
    }
    world_fail(w, "not mended %d ms after the last fault: %s", HEAL_MS, why);
    return false;
}

bool world_run(struct world *w, uint64_t seed, uint32_t mutations, bool trace)
{
    bool ok;

    memset(w, 0, sizeof *w);
    rng_seed(&w->rng, seed);
    w->mutations = mutations;
    w->trace = trace;
    w->now_ms = START_MS;
    build(w);
    faults_begin(w);
    ok = run_until(w, START_MS + FAULTS_MS);
    if (ok) {
        faults_heal(w);
        ok = mend(w);
    }
    for (int s = 0; s < SENTINELS; s++)
        captain_fini(&w->sentinels[s].captain);
    queue_fini(&w->queue);
    xfree(w->attempts);
    return ok;
}
