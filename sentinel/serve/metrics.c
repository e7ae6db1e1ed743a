#include "sentinel/serve/metrics.h"

#include <stdio.h>

#include "common/clock.h"
#include "common/server_net.h"
#include "common/tls.h"
#include "sentinel/core/durable/status.h"
#include "sentinel/core/pause.h"
#include "sentinel/serve/api_parts.h"
#include "sentinel/serve/tally.h"

static const struct sentinel_world *world(const struct metric_page *p)
{
    return p->world;
}

/* ---- the sentinel ---- */

static bool put_build(struct metric_page *p, size_t item)
{
    metric_label(p, "version", BYTES(HF_VERSION));
    metric_label(p, "compiler", BYTES(__VERSION__));
    metric_put(p, 1);
    return false;
}

static bool put_epoch(struct metric_page *p, size_t item)
{
    metric_put(p, (double)world(p)->core->current_epoch);
    return false;
}

static bool put_tilts(struct metric_page *p, size_t item)
{
    metric_put(p, (double)world(p)->core->tilt_total);
    return false;
}

static bool put_stalled(struct metric_page *p, size_t item)
{
    metric_put(p, (double)world(p)->core->stalled_ms / 1000);
    return false;
}

static bool put_event(struct metric_page *p, size_t item)
{
    const struct tally *t = world(p)->tally;

    if (item >= t->event_count)
        return false;
    metric_label(p, "event", bytes_of(t->events[item].name));
    metric_put(p, (double)t->events[item].count);
    return true;
}

static bool put_certificate(struct metric_page *p, size_t item)
{
    if (world(p)->net->tls_server)
        metric_put(p, (double)tls_context_expiry(world(p)->net->tls_server));
    return false;
}

static bool put_http_denied(struct metric_page *p, size_t item)
{
    metric_put(p, (double)http_stats(world(p)->http)->denied);
    return false;
}

/* clang-format off */
#define FIELD(n, f, h) { .name = n, .type = METRIC_GAUGE, .field = f, .help = h }

const struct metric sentinel_metrics[] = {
    FIELD("redis_sentinel_masters", "sentinel_masters", "Groups that are watched."),
    FIELD("redis_sentinel_tilt", "sentinel_tilt", "Whether this sentinel does not trust its clock for now."),
    FIELD("redis_sentinel_running_scripts", "sentinel_running_scripts", "Scripts that run."),
    FIELD("redis_sentinel_scripts_queue_length", "sentinel_scripts_queue_length", "Scripts that run or wait."),
    FIELD("redis_sentinel_simulate_failure_flags", "sentinel_simulate_failure_flags", "Faults that are simulated."),
    { .name = "holdfast_build_info", .type = METRIC_INFO, .each = put_build, .help = "What is running." },
    { .name = "holdfast_sentinel_current_epoch", .type = METRIC_GAUGE, .each = put_epoch,
      .help = "The newest epoch that this sentinel knows." },
    { .name = "holdfast_sentinel_tilts_total", .type = METRIC_COUNTER, .each = put_tilts,
      .help = "How often this sentinel stopped trusting its clock." },
    { .name = "holdfast_sentinel_stalled_seconds_total", .type = METRIC_COUNTER, .unit = "seconds",
      .each = put_stalled, .help = "Time that this process did not get to run." },
    { .name = "holdfast_sentinel_events_total", .type = METRIC_COUNTER, .each = put_event,
      .help = "Events that were published, by name: detection, votes, failovers." },
    { .name = "holdfast_tls_certificate_expiry_timestamp_seconds", .type = METRIC_GAUGE, .unit = "seconds",
      .each = put_certificate, .help = "When the certificate that is shown to clients ends." },
    { .name = "holdfast_http_denied_total", .type = METRIC_COUNTER, .each = put_http_denied,
      .help = "HTTP requests without a token that counts." },
    { .name = NULL },
};
/* clang-format on */

/* ---- groups: an item is a group ---- */

const struct group *metrics_group_at(const struct metric_page *p, size_t item)
{
    LIST_EACH ((struct list *)&world(p)->core->groups, node)
        if (item-- == 0)
            return LIST_ENTRY(node, struct group, of_sentinel);
    return NULL;
}

static const struct group *label_group(struct metric_page *p, size_t item)
{
    const struct group *g = metrics_group_at(p, item);

    if (g)
        metric_label(p, "group", bytes_of(g->name));
    return g;
}

static void label_master(struct metric_page *p, const struct group *g)
{
    char address[HOST_LEN_MAX + 16];

    snprintf(address, sizeof address, "%s:%d", node_host(world(p)->core, g->leader),
             g->leader->addr.port);
    metric_label(p, "master_name", bytes_of(g->name));
    metric_label(p, "master_address", bytes_of(address));
}

static bool put_status(struct metric_page *p, size_t item)
{
    const struct group *g = metrics_group_at(p, item);

    if (!g)
        return false;
    label_master(p, g);
    metric_label(p, "master_status", bytes_of(serve_status_word(g)));
    metric_put(p, bytes_is(bytes_of(serve_status_word(g)), "ok"));
    return true;
}

static bool put_slaves(struct metric_page *p, size_t item)
{
    const struct group *g = metrics_group_at(p, item);

    if (!g)
        return false;
    label_master(p, g);
    metric_put(p, g->node_count - 1);
    return true;
}

static bool put_ok_slaves(struct metric_page *p, size_t item)
{
    const struct group *g = metrics_group_at(p, item);
    uint32_t count = 0;

    if (!g)
        return false;
    LIST_EACH ((struct list *)&g->nodes, at) {
        const struct node *n = LIST_ENTRY(at, struct node, of_group);

        count += n != g->leader && n->verdict == VERDICT_UP;
    }
    label_master(p, g);
    metric_put(p, count);
    return true;
}

static bool put_sentinels(struct metric_page *p, size_t item)
{
    const struct group *g = metrics_group_at(p, item);

    if (!g)
        return false;
    label_master(p, g);
    metric_put(p, group_peers(g) + 1);
    return true;
}

static bool put_ok_sentinels(struct metric_page *p, size_t item)
{
    const struct group *g = metrics_group_at(p, item);

    if (!g)
        return false;
    label_master(p, g);
    metric_put(p, group_usable_voters(g));
    return true;
}

static bool put_ckquorum(struct metric_page *p, size_t item)
{
    const struct group *g = metrics_group_at(p, item);
    struct buf message = { 0 };
    bool ok;

    if (!g)
        return false;
    ok = serve_quorum(g, &message);
    metric_label(p, "master_name", bytes_of(g->name));
    metric_label(p, "message", buf_bytes(&message));
    metric_put(p, ok);
    buf_fini(&message);
    return true;
}

static bool put_armed(struct metric_page *p, size_t item)
{
    const struct group *g = label_group(p, item);

    if (g)
        metric_put(p, serve_why_not_armed(world(p), g) == NULL);
    return g != NULL;
}

static bool put_paused(struct metric_page *p, size_t item)
{
    const struct group *g = label_group(p, item);

    if (g)
        metric_put(p, paused(g));
    return g != NULL;
}

static bool put_lost_bytes(struct metric_page *p, size_t item)
{
    const struct group *g = label_group(p, item);

    if (g)
        metric_put(p, (double)g->lost_bytes);
    return g != NULL;
}

/* How far a node's clock was ahead of mine when it answered INFO; known to half a round trip. */
static bool clock_skew_s(const struct node *n, double *out)
{
    double there_us, then_ms, age_ms = (double)(clock_now_ms() - n->info_ms);

    if (!api_info_number(n, "server_time_usec", &there_us))
        return false;
    then_ms = (double)clock_wall_ms() - age_ms - (double)n->vitals.round_trip_ms / 2;
    *out = (there_us / 1e3 - then_ms) / 1e3;
    return true;
}

static bool put_clock_skews(struct metric_page *p, size_t item)
{
    const struct group *g = metrics_group_at(p, item);

    if (!g)
        return false;
    LIST_EACH ((struct list *)&g->nodes, at) {
        const struct node *n = LIST_ENTRY(at, struct node, of_group);
        char name[HOST_LEN_MAX + 16];
        double skew_s;

        if (!clock_skew_s(n, &skew_s))
            continue;
        snprintf(name, sizeof name, "%s:%d", node_host(world(p)->core, n), n->addr.port);
        metric_clear(p);
        metric_label(p, "group", bytes_of(g->name));
        metric_label(p, "node", bytes_of(name));
        metric_put(p, skew_s);
    }
    return true;
}

static bool put_writable(struct metric_page *p, size_t item)
{
    const struct group *g = label_group(p, item);
    const struct captain *c = g ? world(p)->captain(p->world, g->name) : NULL;

    if (c)
        metric_put(p, status_serves(c));
    else if (g)
        metric_put(p, g->leader->verdict == VERDICT_UP && g->leader->facts.role == ROLE_LEADER);
    return g != NULL;
}

static bool put_since_alive(struct metric_page *p, size_t item)
{
    const struct group *g = label_group(p, item);
    uint64_t now_ms = clock_now_ms();

    if (g)
        metric_put(p, now_ms > g->leader->vitals.alive_ms
                          ? (double)(now_ms - g->leader->vitals.alive_ms) / 1000
                          : 0);
    return g != NULL;
}

static bool put_config_epoch(struct metric_page *p, size_t item)
{
    const struct group *g = label_group(p, item);

    if (g)
        metric_put(p, (double)g->config_epoch);
    return g != NULL;
}

static bool put_vote_epoch(struct metric_page *p, size_t item)
{
    const struct group *g = label_group(p, item);

    if (g)
        metric_put(p, (double)g->vote_epoch);
    return g != NULL;
}

static bool put_failing_over(struct metric_page *p, size_t item)
{
    const struct group *g = label_group(p, item);

    if (g)
        metric_put(p, g->failover.state >= FO_WAIT_START);
    return g != NULL;
}

static void each_follower(struct metric_page *p, const struct group *g,
                          double (*value)(const struct group *g, const struct node *n))
{
    LIST_EACH ((struct list *)&g->nodes, at) {
        const struct node *n = LIST_ENTRY(at, struct node, of_group);
        char name[HOST_LEN_MAX + 16];

        if (n == g->leader)
            continue;
        snprintf(name, sizeof name, "%s:%d", node_host(world(p)->core, n), n->addr.port);
        metric_clear(p);
        metric_label(p, "group", bytes_of(g->name));
        metric_label(p, "follower", bytes_of(name));
        metric_put(p, value(g, n));
    }
}

static double lag_of(const struct group *g, const struct node *n)
{
    uint64_t ahead = g->leader->facts.offset;

    return ahead > n->facts.offset ? (double)(ahead - n->facts.offset) : 0;
}

static double link_of(const struct group *g, const struct node *n)
{
    return n->verdict == VERDICT_UP && n->facts.link_up;
}

static bool put_lags(struct metric_page *p, size_t item)
{
    const struct group *g = metrics_group_at(p, item);

    if (g)
        each_follower(p, g, lag_of);
    return g != NULL;
}

static bool put_links(struct metric_page *p, size_t item)
{
    const struct group *g = metrics_group_at(p, item);

    if (g)
        each_follower(p, g, link_of);
    return g != NULL;
}

/* A group of which nothing was heard has all outcomes, at 0: a rate needs a first value. */
static bool put_failovers(struct metric_page *p, size_t item)
{
    const struct group *g = metrics_group_at(p, item);
    const struct tally_group *t = g ? tally_find(world(p)->tally, g->name) : NULL;

    for (int i = 0; g && i < ENDED_COUNT; i++) {
        metric_clear(p);
        metric_label(p, "group", bytes_of(g->name));
        metric_label(p, "outcome", bytes_of(tally_outcome_words[i]));
        metric_put(p, t ? (double)t->outcomes[i] : 0);
    }
    return g != NULL;
}

static bool put_phases(struct metric_page *p, size_t item)
{
    static const struct tally_group nothing = { .next = NULL };
    const struct group *g = metrics_group_at(p, item);
    const struct tally_group *t = g ? tally_find(world(p)->tally, g->name) : NULL;

    for (int i = PHASE_AGREEMENT; g && i < PHASE_COUNT; i++) {
        const struct tally_duration *d = t ? &t->phases[i] : &nothing.phases[i];

        metric_clear(p);
        metric_label(p, "group", bytes_of(g->name));
        metric_label(p, "phase", bytes_of(tally_phase_words[i]));
        metric_put_histogram(p, TALLY_BUCKETS, tally_bounds, d->buckets, d->count,
                             (double)d->usec / 1e6);
    }
    return g != NULL;
}

/* clang-format off */
const struct metric sentinel_group_metrics[] = {
    { .name = "redis_sentinel_master_status", .type = METRIC_GAUGE, .each = put_status,
      .help = "Whether a group's leader is taken to be up." },
    { .name = "redis_sentinel_master_slaves", .type = METRIC_GAUGE, .each = put_slaves,
      .help = "Followers that are known." },
    { .name = "redis_sentinel_master_ok_slaves", .type = METRIC_GAUGE, .each = put_ok_slaves,
      .help = "Followers that are up." },
    { .name = "redis_sentinel_master_sentinels", .type = METRIC_GAUGE, .each = put_sentinels,
      .help = "Sentinels that watch the group." },
    { .name = "redis_sentinel_master_ok_sentinels", .type = METRIC_GAUGE, .each = put_ok_sentinels,
      .help = "Sentinels of those that are up." },
    { .name = "redis_sentinel_master_ckquorum_status", .type = METRIC_GAUGE, .each = put_ckquorum,
      .help = "Whether enough sentinels are up for a failover." },
    { .name = "holdfast_sentinel_failover_armed", .type = METRIC_GAUGE, .each = put_armed,
      .help = "Whether a failover would work now: votes, a follower to promote, a clock to trust, no pause." },
    { .name = "holdfast_sentinel_paused", .type = METRIC_GAUGE, .each = put_paused,
      .help = "Whether an operator has paused failovers." },
    { .name = "holdfast_sentinel_lost_bytes_total", .type = METRIC_COUNTER, .unit = "bytes", .each = put_lost_bytes,
      .help = "Bytes of lost leaders' streams that those who were promoted here did not have: at least so many." },
    { .name = "holdfast_sentinel_clock_skew_seconds", .type = METRIC_GAUGE, .unit = "seconds", .each = put_clock_skews,
      .help = "How far a node's clock is ahead of this sentinel's, by its last INFO." },
    { .name = "holdfast_sentinel_writable_leader", .type = METRIC_GAUGE, .each = put_writable,
      .help = "Whether the leader is up and says that it leads; of a durable group, whether it serves." },
    { .name = "holdfast_sentinel_leader_silence_seconds", .type = METRIC_GAUGE, .unit = "seconds",
      .each = put_since_alive, .help = "Time since the leader last gave a sign of life." },
    { .name = "holdfast_sentinel_config_epoch", .type = METRIC_GAUGE, .each = put_config_epoch,
      .help = "The epoch of a group's configuration." },
    { .name = "holdfast_sentinel_vote_epoch", .type = METRIC_GAUGE, .each = put_vote_epoch,
      .help = "The epoch of this sentinel's last vote for a group." },
    { .name = "holdfast_sentinel_failover_running", .type = METRIC_GAUGE, .each = put_failing_over,
      .help = "Whether this sentinel leads a failover of the group." },
    { .name = "holdfast_sentinel_failovers_total", .type = METRIC_COUNTER, .each = put_failovers,
      .help = "Failovers that this sentinel led, by outcome." },
    { .name = "holdfast_sentinel_failover_phase_seconds", .type = METRIC_HISTOGRAM, .unit = "seconds",
      .each = put_phases, .help = "What the phases of those took." },
    { .name = "holdfast_sentinel_follower_lag_bytes", .type = METRIC_GAUGE, .unit = "bytes", .each = put_lags,
      .help = "Bytes of the stream that a follower had not got, by the last INFO of both." },
    { .name = "holdfast_sentinel_follower_link_up", .type = METRIC_GAUGE, .each = put_links,
      .help = "Whether a follower is up and says that its leader's stream flows." },
    { .name = NULL },
};
/* clang-format on */

/* ---- paths ---- */

static void metrics(struct http_call *c)
{
    metrics_answer(c, ((struct sentinel_world *)c->world)->metrics);
}

/* The loop turns; a sentinel has nothing to wait for before it can answer. */
static void live(struct http_call *c)
{
    http_answer(c, 200, HTTP_TYPE_JSON, BYTES("{\"ok\":true,\"role\":\"sentinel\"}"));
}

const struct http_route sentinel_routes[] = {
    { .path = "/metrics", .methods = HTTP_GET, .flags = HTTP_ANY_NAME, .run = metrics },
    { .path = "/live", .methods = HTTP_GET, .flags = HTTP_HEALTH, .run = live },
    { .path = "/ready", .methods = HTTP_GET, .flags = HTTP_HEALTH, .run = live },
    { .path = NULL },
};
