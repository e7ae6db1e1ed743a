#include "node/serve/latency.h"

#include "common/alloc.h"
#include "common/clock.h"
#include "common/serve/service.h"
#include "node/serve/latency_inner.h"
#include "node/serve/serve.h"
#include "node/world.h"

static const char *const names[LATENCY_EVENTS] = {
    [LATENCY_COMMAND] = "command",
    [LATENCY_FAST_COMMAND] = "fast-command",
    [LATENCY_EXPIRE] = "expire-cycle",
    [LATENCY_AOF_WRITE] = "aof-write",
    [LATENCY_AOF_WRITE_ALONE] = "aof-write-alone",
    [LATENCY_AOF_WRITE_PENDING_FSYNC] = "aof-write-pending-fsync",
    [LATENCY_AOF_WRITE_ACTIVE_CHILD] = "aof-write-active-child",
    [LATENCY_AOF_FSYNC_ALWAYS] = "aof-fsync-always",
    [LATENCY_EVICTION_CYCLE] = "eviction-cycle",
    [LATENCY_EVICTION_DEL] = "eviction-del",
};

struct latency *latency_new(const struct server_settings *set)
{
    struct latency *l = xcalloc(1, sizeof *l);

    l->set = set;
    return l;
}

void latency_free(struct latency *l)
{
    xfree(l);
}

const struct latency_sample *latency_sample_at(const struct latency_samples *e, size_t i)
{
    return &e->ring[(e->next + LATENCY_SAMPLES - e->count + i) % LATENCY_SAMPLES];
}

static struct latency_sample *last_sample(struct latency_samples *e)
{
    return e->count ? &e->ring[(e->next + LATENCY_SAMPLES - 1) % LATENCY_SAMPLES] : NULL;
}

static void add(struct latency_samples *e, uint64_t wall_s, uint64_t ms)
{
    struct latency_sample *last = last_sample(e);

    if (ms > e->max_ms)
        e->max_ms = ms;
    if (last && last->wall_s == wall_s) {
        last->ms = ms > last->ms ? ms : last->ms;
        return;
    }
    e->ring[e->next] = (struct latency_sample){ .wall_s = wall_s, .ms = ms };
    e->next = (e->next + 1) % LATENCY_SAMPLES;
    if (e->count < LATENCY_SAMPLES)
        e->count++;
}

void latency_note(struct latency *l, enum latency_event event, uint64_t usec)
{
    uint64_t threshold_ms = (uint64_t)l->set->latency_threshold_ms;

    if (LIKELY(threshold_ms == 0 || usec / 1000 < threshold_ms))
        return;
    add(&l->events[event], clock_wall_ms() / 1000, usec / 1000);
}

void latency_command(struct latency *l, const struct call *c, uint64_t usec)
{
    latency_note(l, c->cmd->flags & CMD_FAST ? LATENCY_FAST_COMMAND : LATENCY_COMMAND, usec);
}

struct latency *latency_of(const struct call *c)
{
    return ((const struct node_world *)c->world)->serve->latency;
}

void latency_latest(struct call *c)
{
    struct latency *l = latency_of(c);
    size_t known = 0;

    for (int i = 0; i < LATENCY_EVENTS; i++)
        known += l->events[i].count > 0;
    reply_array(c->reply, known);
    for (int i = 0; i < LATENCY_EVENTS; i++) {
        const struct latency_sample *last = last_sample(&l->events[i]);

        if (!last)
            continue;
        reply_array(c->reply, 4);
        reply_text(c->reply, names[i]);
        reply_int(c->reply, (int64_t)last->wall_s);
        reply_int(c->reply, (int64_t)last->ms);
        reply_int(c->reply, (int64_t)l->events[i].max_ms);
    }
}

const char *latency_name(enum latency_event event)
{
    return names[event];
}

struct latency_samples *latency_find(struct latency *l, struct bytes name)
{
    for (int i = 0; i < LATENCY_EVENTS; i++)
        if (bytes_is(name, names[i]))
            return &l->events[i];
    return NULL;
}

void latency_history(struct call *c)
{
    const struct latency_samples *e = latency_find(latency_of(c), c->argv[2]);

    if (!e) {
        reply_array(c->reply, 0);
        return;
    }
    reply_array(c->reply, e->count);
    for (size_t i = 0; i < e->count; i++) {
        const struct latency_sample *s = latency_sample_at(e, i);

        reply_array(c->reply, 2);
        reply_int(c->reply, (int64_t)s->wall_s);
        reply_int(c->reply, (int64_t)s->ms);
    }
}

static int64_t reset_event(struct latency_samples *e)
{
    int64_t had = e->count > 0;

    *e = (struct latency_samples){ 0 };
    return had;
}

void latency_reset(struct call *c)
{
    struct latency *l = latency_of(c);
    int64_t reset = 0;

    if (c->argc == 2)
        for (int i = 0; i < LATENCY_EVENTS; i++)
            reset += reset_event(&l->events[i]);
    for (int i = 2; i < c->argc; i++) {
        struct latency_samples *e = latency_find(l, c->argv[i]);

        if (e)
            reset += reset_event(e);
    }
    reply_int(c->reply, reset);
}

/* ---- histograms ---- */

/* Redis's buckets end at powers of two of 1024 ns; one is shown where its sum is new. */
static size_t histogram(struct call *c, const struct command_stats *stats, bool write)
{
    uint64_t sum = 0, shown = 0;
    size_t pairs = 0, bucket = 0;

    for (unsigned power = 0; shown < stats->calls && power < 48; power++) {
        uint64_t top_us = ((uint64_t)1024 << power) / 1000;

        while (bucket < STATS_BUCKETS && stats_bucket_top(bucket) <= top_us)
            sum += stats->buckets[bucket++];
        if (bucket == STATS_BUCKETS)
            sum = stats->calls;
        if (sum == shown)
            continue;
        shown = sum;
        pairs++;
        if (write) {
            reply_int(c->reply, (int64_t)top_us);
            reply_int(c->reply, (int64_t)sum);
        }
    }
    return pairs;
}

struct chosen {
    struct call *call;
    size_t count;
    bool write;
};

static void choose(struct chosen *h, const struct command *cmd)
{
    const struct command_stats *stats = stats_find(&h->call->service->stats, cmd);
    struct reply *r = h->call->reply;
    char name[64];

    if (!stats || !stats->calls)
        return;
    h->count++;
    if (!h->write)
        return;
    command_full_name(h->call->service->commands, cmd, name, sizeof name);
    reply_text(r, name);
    reply_map(r, 2);
    reply_text(r, "calls");
    reply_int(r, (int64_t)stats->calls);
    reply_text(r, "histogram_usec");
    reply_map(r, histogram(h->call, stats, false));
    histogram(h->call, stats, true);
}

static void choose_with_subs(struct chosen *h, const struct command *cmd)
{
    if (cmd->run)
        choose(h, cmd);
    for (const struct command *sub = cmd->subs; sub && sub->name; sub++)
        choose(h, sub);
}

static void choose_all(struct chosen *h)
{
    const struct call *c = h->call;
    const struct command_table *t = c->service->commands;
    const struct command *cmd;

    h->count = 0;
    for (int i = 2; i < c->argc; i++)
        if ((cmd = command_find_full(t, c->argv[i])))
            choose_with_subs(h, cmd);
    for (size_t i = 0; c->argc == 2 && (cmd = command_at(t, i)); i++)
        choose_with_subs(h, cmd);
}

void latency_histogram(struct call *c)
{
    struct chosen h = { .call = c };

    choose_all(&h);
    reply_map(c->reply, h.count);
    h.write = true;
    choose_all(&h);
}
