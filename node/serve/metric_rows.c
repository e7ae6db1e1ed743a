/*
 * metric_rows - /metrics about commands, errors and the slow log. Redis_ names and labels are redis_exporter's.
 */
#include <stdio.h>
#include <string.h>

#include "common/metrics/metrics.h"
#include "node/serve/serve.h"
#include "node/serve/slowlog.h"
#include "node/settings.h"
#include "node/world.h"

/* ---- per command: an item is a row of the table with its subcommands ---- */

typedef void command_fn(struct metric_page *p, const struct command_stats *s);

static void one_command(struct metric_page *p, const struct command *cmd, command_fn *put)
{
    const struct node_world *w = p->world;
    const struct command_stats *s = stats_find(&w->service->stats, cmd);
    char name[64];

    if (!s || !(s->calls || s->rejected || s->failed))
        return;
    command_full_name(w->commands, cmd, name, sizeof name);
    metric_clear(p);
    metric_label(p, "cmd", bytes_of(name));
    put(p, s);
}

static bool command_item(struct metric_page *p, size_t item, command_fn *put)
{
    const struct node_world *w = p->world;
    const struct command *cmd = command_at(w->commands, item);

    if (!cmd)
        return false;
    one_command(p, cmd, put);
    for (const struct command *sub = cmd->subs; sub && sub->name; sub++)
        one_command(p, sub, put);
    return true;
}

static void calls(struct metric_page *p, const struct command_stats *s)
{
    metric_put(p, (double)s->calls);
}

static void seconds(struct metric_page *p, const struct command_stats *s)
{
    metric_put(p, (double)s->usec / 1e6);
}

static void rejected(struct metric_page *p, const struct command_stats *s)
{
    metric_put(p, (double)s->rejected);
}

static void failed(struct metric_page *p, const struct command_stats *s)
{
    metric_put(p, (double)s->failed);
}

static void percentiles(struct metric_page *p, const struct command_stats *s)
{
    const struct server_settings *set = &((const struct node_world *)p->world)->set->server;

    if (!s->calls || !set->latency_tracking)
        return;
    for (int i = 0; i < set->percentile_count; i++) {
        char number[40], label[64];

        number[fmt_double(number, set->percentiles[i])] = '\0';
        snprintf(label, sizeof label, "quantile=\"%s\"", number);
        metric_put_part(p, "", label, stats_percentile(s, set->percentiles[i] / 100));
    }
    metric_put_part(p, "_sum", NULL, (double)s->usec);
    metric_put_part(p, "_count", NULL, (double)s->calls);
}

/* From 8 microseconds to half a minute, in steps of four: a row of buckets is a power of two. */
static void histogram(struct metric_page *p, const struct command_stats *s)
{
    enum { FIRST = 3, STEP = 2, COUNT = 12 };
    double bounds[COUNT];
    uint64_t counts[COUNT], sum = 0;
    size_t bucket = 0;

    if (!s->calls)
        return;
    for (int i = 0; i < COUNT; i++) {
        size_t power = (size_t)FIRST + (size_t)i * STEP;

        for (; bucket < (power - 2) * STATS_STEPS; bucket++)
            sum += s->buckets[bucket];
        bounds[i] = (double)(1ull << power) / 1e6;
        counts[i] = sum;
    }
    metric_put_histogram(p, COUNT, bounds, counts, s->calls, (double)s->usec / 1e6);
}

static bool put_calls(struct metric_page *p, size_t item)
{
    return command_item(p, item, calls);
}

static bool put_seconds(struct metric_page *p, size_t item)
{
    return command_item(p, item, seconds);
}

static bool put_rejected(struct metric_page *p, size_t item)
{
    return command_item(p, item, rejected);
}

static bool put_failed(struct metric_page *p, size_t item)
{
    return command_item(p, item, failed);
}

static bool put_percentiles(struct metric_page *p, size_t item)
{
    return command_item(p, item, percentiles);
}

static bool put_histogram(struct metric_page *p, size_t item)
{
    return command_item(p, item, histogram);
}

/* ---- errors and the slow log ---- */

static bool put_error(struct metric_page *p, size_t item)
{
    const struct service_stats *s = &((const struct node_world *)p->world)->service->stats;

    if (item >= s->error_count)
        return false;
    metric_label(p, "err", bytes_of(s->errors[item].word));
    metric_put(p, (double)s->errors[item].count);
    return true;
}

static struct slowlog_glance slowlog_of(const struct metric_page *p)
{
    struct slowlog_glance glance;

    slowlog_glance(((const struct node_world *)p->world)->serve->slowlog, &glance);
    return glance;
}

static bool put_slowlog_length(struct metric_page *p, size_t item)
{
    metric_put(p, (double)slowlog_of(p).len);
    return false;
}

static bool put_slowlog_last(struct metric_page *p, size_t item)
{
    struct slowlog_glance glance = slowlog_of(p);

    metric_put(p, glance.len ? (double)glance.last_id : 0);
    return false;
}

static bool put_slowlog_took(struct metric_page *p, size_t item)
{
    metric_put(p, (double)slowlog_of(p).last_usec / 1e6);
    return false;
}

/* clang-format off */
const struct metric serve_metrics[] = {
    { .name = "redis_commands_total", .type = METRIC_COUNTER, .each = put_calls, .help = "Calls of a command." },
    { .name = "redis_commands_duration_seconds_total", .type = METRIC_COUNTER, .unit = "seconds",
      .each = put_seconds, .help = "Time that went into a command." },
    { .name = "redis_commands_rejected_calls_total", .type = METRIC_COUNTER, .each = put_rejected,
      .help = "Calls of a command that were refused before they ran." },
    { .name = "redis_commands_failed_calls_total", .type = METRIC_COUNTER, .each = put_failed,
      .help = "Calls of a command that ended in an error." },
    { .name = "redis_latency_percentiles_usec", .type = METRIC_SUMMARY, .each = put_percentiles,
      .help = "Microseconds of a command, by percentile." },
    { .name = "redis_errors_total", .type = METRIC_COUNTER, .each = put_error,
      .help = "Errors that were answered, by their first word." },
    { .name = "redis_slowlog_length", .type = METRIC_GAUGE, .each = put_slowlog_length,
      .help = "Commands in the slow log." },
    { .name = "redis_slowlog_last_id", .type = METRIC_GAUGE, .each = put_slowlog_last,
      .help = "Number of the newest of them." },
    { .name = "redis_last_slow_execution_duration_seconds", .type = METRIC_GAUGE, .unit = "seconds",
      .each = put_slowlog_took, .help = "What that one took." },
    { .name = "holdfast_command_duration_seconds", .type = METRIC_HISTOGRAM, .unit = "seconds",
      .each = put_histogram, .help = "What a command takes." },
    { .name = NULL },
};
/* clang-format on */
