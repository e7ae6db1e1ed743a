#include "node/serve/rates.h"

#include "common/clock.h"
#include "node/serve/serve.h"

static void measure(const struct serve *v, struct rates_sample *out)
{
    const struct service_stats *stats = &v->service->stats;

    *out = (struct rates_sample){ .ms = clock_now_ms(),
                                  .commands = stats->commands,
                                  .in = stats->closed_bytes_in,
                                  .out = stats->closed_bytes_out };
    LIST_EACH (&v->service->sessions, n) {
        const struct session *s = LIST_ENTRY(n, struct session, node);

        out->in += s->link->bytes_in;
        out->out += s->link->bytes_out;
        if (s->kind != SESSION_REPLICA)
            continue;
        out->replica_in += s->link->bytes_in;
        out->replica_out += s->link->bytes_out;
    }
}

void rates_sample(struct rates *r, const struct serve *v)
{
    const struct rates_sample *last = &r->ring[(r->next + RATES_SAMPLES - 1) % RATES_SAMPLES];

    if (clock_now_ms() - last->ms < RATES_SAMPLE_MS)
        return;
    measure(v, &r->ring[r->next]);
    r->next = (r->next + 1) % RATES_SAMPLES;
}

static double kb_per_s(uint64_t from, uint64_t to, uint64_t ms)
{
    return ms && to > from ? (double)(to - from) / 1.024 / (double)ms : 0;
}

void rates_read(const struct rates *r, const struct serve *v, struct rates_now *out)
{
    const struct rates_sample *first = &r->ring[r->next];
    struct rates_sample now;
    uint64_t ms;

    measure(v, &now);
    if (!first->ms)
        first = &r->ring[0];
    ms = first->ms && now.ms > first->ms ? now.ms - first->ms : 0;
    *out = (struct rates_now){
        .commands_per_s =
            ms && now.commands > first->commands ? (now.commands - first->commands) * 1000 / ms : 0,
        .bytes_in = now.in,
        .bytes_out = now.out,
        .replica_bytes_in = now.replica_in,
        .replica_bytes_out = now.replica_out,
        .in_kb_per_s = kb_per_s(first->in, now.in, ms),
        .out_kb_per_s = kb_per_s(first->out, now.out, ms),
        .replica_in_kb_per_s = kb_per_s(first->replica_in, now.replica_in, ms),
        .replica_out_kb_per_s = kb_per_s(first->replica_out, now.replica_out, ms),
    };
}
