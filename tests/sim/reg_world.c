/*
 * reg_world - one schedule of the register from its seed to its verdict.
 */
#include "reg_world.h"

#include <stdarg.h>
#include <string.h>

#include "common/alloc.h"

enum { START_MS = 1000000, FAULTS_MS = 2000, HEAL_MS = 20000, LOOK_MS = 20 };

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
    printf("%6llu ", (unsigned long long)(w->now_ms - START_MS));
    va_start(args, format);
    vprintf(format, args);
    va_end(args);
    printf("\n");
}

int world_living_voter(const struct world *w, uint64_t voter)
{
    for (int i = 0; i < SENTINELS; i++)
        if (w->hosts[i].acceptor.voter == voter && !w->hosts[i].disk.lost)
            return i;
    return -1;
}

static void build(struct world *w)
{
    struct charter known = { 0 };

    world_hex(w, w->gid);
    memcpy(known.gid, w->gid, sizeof known.gid);
    for (int i = 0; i < HOSTS; i++) {
        struct host *h = &w->hosts[i];

        snprintf(h->name, sizeof h->name, "%c%d", i < SENTINELS ? 's' : 'n',
                 i < SENTINELS ? i : i - SENTINELS);
        snprintf(w->places[i].host, sizeof w->places[i].host, "%s", h->name);
        w->places[i].port = i < SENTINELS ? 26379 : 6379;
        h->node = i >= SENTINELS ? world_id(w) : 0;
        h->did = i >= SENTINELS ? world_id(w) : 0;
    }
    for (int i = 0; i < SENTINELS; i++)
        host_new_voter(w, i, world_id(w));
    for (int i = 0; i < FIRST_VOTERS; i++) {
        struct voter v = { .id = w->hosts[i].acceptor.voter,
                           .at = w->places[i],
                           .sets = VOTERS_NOW };

        charter_add_voter(&known, &v);
    }
    for (int i = 0; i < HOSTS; i++)
        w->hosts[i].proposer.known = known;
    for (int i = 0; i < HOSTS; i++)
        host_start(w, i);
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

static bool mend(struct world *w)
{
    uint64_t healed_ms = w->now_ms;
    char why[128] = "";

    while (w->now_ms < healed_ms + HEAL_MS) {
        if (!run_until(w, w->now_ms + LOOK_MS))
            return false;
        if (faults_mended(w, why, sizeof why)) {
            w->healed_after_ms = w->now_ms - healed_ms;
            return true;
        }
        if (w->stuck && w->now_ms >= healed_ms + HEAL_MS / 20)
            return true;
    }
    world_fail(w, "not mended %d ms after the last fault: %s", HEAL_MS, why);
    return false;
}

bool world_run(struct world *w, uint64_t seed, uint32_t mutations, bool trace)
{
    bool ok;

    memset(w, 0, sizeof *w);
    rng_seed(&w->rng, seed);
    w->seed = seed;
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
    queue_fini(&w->queue);
    xfree(w->attempts);
    xfree(w->orders);
    return ok;
}
