/*
 * LATENCY GRAPH and DOCTOR: the samples for people.
 */
#include <stdio.h>
#include <string.h>

#include "common/clock.h"
#include "common/server_settings.h"
#include "common/serve/service.h"
#include "node/serve/latency_inner.h"

typedef unsigned long long ull;

static uint64_t wall_s(void)
{
    return clock_wall_ms() / 1000;
}

static uint64_t age_s(uint64_t then_s)
{
    uint64_t now_s = wall_s();

    return now_s > then_s ? now_s - then_s : 0;
}

/* ---- GRAPH ---- */

enum {
    GRAPH_COLUMNS = 80,
    GRAPH_ROWS = 4,
    STEPS = 3, /* of one row */
    LABEL_MAX = 24,
};

struct range {
    uint64_t low_ms, high_ms;
};

static struct range range_of(const struct latency_samples *e)
{
    struct range r = { UINT64_MAX, 0 };

    for (size_t i = 0; i < e->count; i++) {
        uint64_t ms = latency_sample_at(e, i)->ms;

        r.low_ms = ms < r.low_ms ? ms : r.low_ms;
        r.high_ms = ms > r.high_ms ? ms : r.high_ms;
    }
    return r;
}

/* What a column shows in a row, counted from below. */
static char mark_at(struct range r, uint64_t ms, unsigned row)
{
    uint64_t span = r.high_ms > r.low_ms ? r.high_ms - r.low_ms : 1;
    uint64_t top = (ms - r.low_ms) * (GRAPH_ROWS * STEPS - 1) / span;

    if (top / STEPS == row)
        return "_o#"[top % STEPS];
    return top / STEPS > row ? '|' : ' ';
}

/* How long ago, in the largest unit that is not too large. */
static void label(uint64_t then_s, char out[LABEL_MAX])
{
    uint64_t age = age_s(then_s);
    uint64_t unit = age < 60 ? 1 : age < 3600 ? 60 : age < 86400 ? 3600 : 86400;

    snprintf(out, LABEL_MAX, "%llu%c", (ull)(age / unit),
             unit == 1      ? 's'
             : unit == 60   ? 'm'
             : unit == 3600 ? 'h'
                            : 'd');
}

/* Labels stand on end, a column each: their at-th letters. False: all of them are shorter. */
static bool draw_letters(const struct latency_samples *e, size_t from, size_t to, size_t at,
                         struct buf *out)
{
    char line[GRAPH_COLUMNS];
    bool any = false;

    for (size_t i = from; i < to; i++) {
        char text[LABEL_MAX];
        size_t len;

        label(latency_sample_at(e, i)->wall_s, text);
        len = strlen(text);
        line[i - from] = at < len ? text[at] : ' ';
        any |= at < len;
    }
    if (any)
        buf_printf(out, "%.*s\n", (int)(to - from), line);
    return any;
}

static void draw(const struct latency_samples *e, struct range r, size_t from, size_t to,
                 struct buf *out)
{
    for (unsigned row = GRAPH_ROWS; row-- > 0;) {
        for (size_t i = from; i < to; i++)
            buf_printf(out, "%c", mark_at(r, latency_sample_at(e, i)->ms, row));
        buf_puts(out, "\n");
    }
    buf_printf(out, "%*s\n", (int)(to - from), "");
    for (size_t at = 0; draw_letters(e, from, to, at, out); at++)
        ;
}

void latency_graph(struct call *c)
{
    const struct latency_samples *e = latency_find(latency_of(c), c->argv[2]);
    struct buf out = { 0 };
    struct range r;

    if (!e || !e->count) {
        reply_errorf(c->reply, "ERR No samples available for event '%.*s'",
                     SERVE_SHOWN(c->argv[2]));
        return;
    }
    r = range_of(e);
    buf_printf(&out, "%.*s - high %llu ms, low %llu ms (all time high %llu ms)\n",
               SERVE_SHOWN(c->argv[2]), (ull)r.high_ms, (ull)r.low_ms, (ull)e->max_ms);
    for (int i = 0; i < GRAPH_COLUMNS; i++)
        buf_puts(&out, "-");
    for (size_t from = 0; from < e->count; from += GRAPH_COLUMNS) {
        size_t to = from + GRAPH_COLUMNS < e->count ? from + GRAPH_COLUMNS : e->count;

        buf_puts(&out, "\n");
        draw(e, r, from, to, &out);
    }
    reply_verbatim(c->reply, "txt", buf_bytes(&out));
    buf_fini(&out);
}

/* ---- DOCTOR ---- */

#define BITS(first, last) (((2u << (last)) - 1) & ~((1u << (first)) - 1))

static bool always(const struct server_settings *set)
{
    (void)set;
    return true;
}

static bool slowlog_is_blind(const struct server_settings *set)
{
    return set->slowlog_slower_than_us < 0 ||
           set->slowlog_slower_than_us / 1000 > set->latency_threshold_ms;
}

/* What to do about some events. */
static const struct {
    uint32_t events;
    bool (*holds)(const struct server_settings *set);
    const char *text;
} advice[] = {
    { BITS(LATENCY_COMMAND, LATENCY_FAST_COMMAND), always,
      "SLOWLOG GET names the commands that took long, with their arguments." },
    { BITS(LATENCY_COMMAND, LATENCY_FAST_COMMAND), slowlog_is_blind,
      "The slow log overlooks what this monitor records: set slowlog-log-slower-than, which is in "
      "microseconds, to no more than latency-monitor-threshold." },
    { BITS(LATENCY_FAST_COMMAND, LATENCY_FAST_COMMAND), always,
      "Commands that do next to nothing were slow: the machine gave the process no time. Look for "
      "other load, a noisy neighbour of a virtual machine, and swapping." },
    { BITS(LATENCY_EXPIRE, LATENCY_EXPIRE), always,
      "Many keys end at the same moment. A little chance in each expiry spreads them." },
    { BITS(LATENCY_AOF_WRITE, LATENCY_AOF_FSYNC_ALWAYS), always,
      "The disk of the append only file is slow. Nobody waits for it but, where appendfsync is "
      "always, whoever wrote: everysec would let those go on, at the price of a second's writes "
      "should the machine lose power." },
    { BITS(LATENCY_AOF_WRITE_ACTIVE_CHILD, LATENCY_AOF_WRITE_ACTIVE_CHILD), always,
      "It is slow while a snapshot is written to it: no-appendfsync-on-rewrite leaves it to the "
      "snapshot meanwhile." },
    { BITS(LATENCY_EVICTION_CYCLE, LATENCY_EVICTION_DEL), always,
      "More is written than fits into maxmemory. A lower maxmemory-eviction-tenacity lets commands "
      "wait less while room is made." },
};

static uint64_t mean_of(const struct latency_samples *e)
{
    uint64_t sum = 0;

    for (size_t i = 0; i < e->count; i++)
        sum += latency_sample_at(e, i)->ms;
    return sum / e->count;
}

static uint64_t deviation_of(const struct latency_samples *e, uint64_t mean)
{
    uint64_t sum = 0;

    for (size_t i = 0; i < e->count; i++) {
        uint64_t ms = latency_sample_at(e, i)->ms;

        sum += ms > mean ? ms - mean : mean - ms;
    }
    return sum / e->count;
}

static void describe(const struct latency_samples *e, const char *name, struct buf *out)
{
    uint64_t mean = mean_of(e);

    buf_printf(
        out,
        "* %s: %zu spikes, one every %.2f s, of %llu ms on average (mean deviation %llu ms). "
        "The worst ever took %llu ms.\n",
        name, e->count, (double)age_s(latency_sample_at(e, 0)->wall_s) / (double)e->count,
        (ull)mean, (ull)deviation_of(e, mean), (ull)e->max_ms);
}

static void advise(const struct server_settings *set, uint32_t events, struct buf *out)
{
    buf_puts(out, "\nWhat to do:\n\n");
    for (size_t i = 0; i < ARRAY_LEN(advice); i++)
        if ((advice[i].events & events) && advice[i].holds(set))
            buf_printf(out, "- %s\n", advice[i].text);
}

void latency_doctor(struct call *c)
{
    const struct latency *l = latency_of(c);
    struct buf out = { 0 };
    uint32_t events = 0;

    for (int i = 0; i < LATENCY_EVENTS; i++) {
        if (!l->events[i].count)
            continue;
        events |= 1u << i;
        describe(&l->events[i], latency_name((enum latency_event)i), &out);
    }
    if (events)
        advise(l->set, events, &out);
    else if (l->set->latency_threshold_ms)
        buf_puts(&out, "Nothing was slow.\n");
    else
        buf_puts(&out, "The latency monitor is off, and nothing was recorded. CONFIG SET "
                       "latency-monitor-threshold <milliseconds> turns it on.\n");
    reply_verbatim(c->reply, "txt", buf_bytes(&out));
    buf_fini(&out);
}
