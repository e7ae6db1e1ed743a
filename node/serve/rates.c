#include "node/serve/rates.h"

#include "common/clock.h"
#include "node/serve/serve.h"

static struct rates_sample now_of(const struct serve *v)
{
    const struct service_stats *stats = &v->service->stats;
    const struct link_turns *turns = link_turns(v->service->loop);

    return (struct rates_sample){ .ms = clock_now_ms(),
                                  .commands = stats->commands,
                                  .turns = turns->count,
                                  .busy_us = turns->busy_us,
                                  .traffic = stats->traffic };
}

void rates_sample(struct rates *r, const struct serve *v)
{
    const struct rates_sample *last = &r->ring[(r->next + RATES_SAMPLES - 1) % RATES_SAMPLES];

    if (clock_now_ms() - last->ms < RATES_SAMPLE_MS)
        return;
    r->ring[r->next] = now_of(v);
    r->next = (r->next + 1) % RATES_SAMPLES;
}

void rates_reset(struct rates *r, struct ev_loop *loop)
{
    struct link_turns *turns = link_turns(loop);

    *r = (struct rates){ 0 };
    *turns = (struct link_turns){ .begun_us = turns->begun_us };
}

static double kb_per_s(uint64_t from, uint64_t to, uint64_t ms)
{
    return ms && to > from ? (double)(to - from) / 1.024 / (double)ms : 0;
}

void rates_read(const struct rates *r, struct serve *v, struct rates_now *out)
{
    const struct rates_sample *first = &r->ring[r->next];
    struct rates_sample now;
    uint64_t ms;

    service_measure_traffic(v->service);
    now = now_of(v);
    if (!first->ms)
        first = &r->ring[0];
    ms = first->ms && now.ms > first->ms ? now.ms - first->ms : 0;
    *out = (struct rates_now){
        .commands_per_s =
            ms && now.commands > first->commands ? (now.commands - first->commands) * 1000 / ms : 0,
        .turns_per_s = ms && now.turns > first->turns ? (now.turns - first->turns) * 1000 / ms : 0,
        .turn_usec = now.turns > first->turns
                         ? (now.busy_us - first->busy_us) / (now.turns - first->turns)
                         : 0,
        .traffic = now.traffic,
        .in_kb_per_s = kb_per_s(first->traffic.in, now.traffic.in, ms),
        .out_kb_per_s = kb_per_s(first->traffic.out, now.traffic.out, ms),
        .replica_in_kb_per_s = kb_per_s(first->traffic.replica_in, now.traffic.replica_in, ms),
        .replica_out_kb_per_s = kb_per_s(first->traffic.replica_out, now.traffic.replica_out, ms),
    };
}
