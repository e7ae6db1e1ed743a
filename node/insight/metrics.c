#include "node/insight/metrics.h"

#include "common/link.h"
#include "common/server_net.h"
#include "common/tls.h"
#include "node/insight/info.h"
#include "node/keyspace/keyspace.h"
#include "node/persist/persist.h"
#include "node/replica/replica.h"
#include "node/serve/refuse.h"
#include "node/serve/serve.h"
#include "node/settings.h"
#include "node/world.h"

void metrics_info_text(void *world, struct buf *out)
{
    struct node_world *w = world;

    info_write(w->info, w, 0, NULL, out);
}

static bool put_build(struct metric_page *p, size_t item)
{
    metric_label(p, "version", BYTES(HF_VERSION));
    metric_label(p, "compiler", BYTES(__VERSION__));
    metric_put(p, 1);
    return false;
}

static bool put_writable(struct metric_page *p, size_t item)
{
    const struct node_world *w = p->world;

    metric_put(p, !replica_is_follower(w->replica) &&
                      !refuse_reason(w->serve, CMD_WRITE, CMD_LOADING));
    return false;
}

/* ---- what redis_exporter tells of databases and settings ---- */

static bool db_of(struct metric_page *p, size_t item, struct keyspace_db_stats *out)
{
    struct node_world *w = p->world;
    char name[16] = "db";

    if (item >= (size_t)keyspace_databases(w->keyspace))
        return false;
    keyspace_db_stats(w->keyspace, (int)item, out);
    metric_label(p, "db", (struct bytes){ name, 2 + fmt_u64(name + 2, item) });
    return true;
}

static bool put_keys(struct metric_page *p, size_t item)
{
    struct keyspace_db_stats s;

    if (!db_of(p, item, &s))
        return false;
    metric_put(p, (double)s.keys);
    return true;
}

static bool put_expiring(struct metric_page *p, size_t item)
{
    struct keyspace_db_stats s;

    if (!db_of(p, item, &s))
        return false;
    metric_put(p, (double)s.expires);
    return true;
}

static bool put_ttl(struct metric_page *p, size_t item)
{
    struct keyspace_db_stats s;

    if (!db_of(p, item, &s))
        return false;
    if (s.keys)
        metric_put(p, (double)s.avg_ttl_ms / 1000);
    return true;
}

static bool put_maxclients(struct metric_page *p, size_t item)
{
    const struct node_world *w = p->world;

    metric_put(p, (double)w->set->server.maxclients);
    return false;
}

static bool put_maxmemory(struct metric_page *p, size_t item)
{
    const struct node_world *w = p->world;

    metric_put(p, (double)w->set->maxmemory_bytes);
    return false;
}

static bool put_io_threads(struct metric_page *p, size_t item)
{
    const struct node_world *w = p->world;

    metric_put(p, (double)w->set->server.io_threads);
    return false;
}

/* ---- the loop ---- */

/* From 32 microseconds on, in steps of four; what is longer than eight seconds is in the last. */
static bool put_turns(struct metric_page *p, size_t item)
{
    enum { FIRST = 5, STEP = 2, COUNT = 10 };
    const struct link_turns *turns = link_turns(((struct node_world *)p->world)->loop);
    double bounds[COUNT];
    uint64_t counts[COUNT], sum = 0;
    int power = 0;

    for (int i = 0; i < COUNT; i++) {
        for (; power < FIRST + i * STEP; power++)
            sum += turns->powers[power];
        bounds[i] = (double)(1ull << power) / 1e6;
        counts[i] = sum;
    }
    metric_put_histogram(p, COUNT, bounds, counts, turns->count, (double)turns->busy_us / 1e6);
    return false;
}

static bool put_longest_turn(struct metric_page *p, size_t item)
{
    metric_put(p, (double)link_turns(((struct node_world *)p->world)->loop)->longest_us / 1e6);
    return false;
}

/* ---- a durable group ---- */

static bool put_level(struct metric_page *p, size_t item)
{
    struct bytes level = info_field(p->info, "hf_level");

    if (level.len) {
        metric_label(p, "level", level);
        metric_put(p, 1);
    }
    return false;
}

/* ---- doors ---- */

static bool put_certificate(struct metric_page *p, size_t item)
{
    const struct server_net *net = ((const struct node_world *)p->world)->net;

    if (net->tls_server)
        metric_put(p, (double)tls_context_expiry(net->tls_server));
    return false;
}

static bool put_http_answers(struct metric_page *p, size_t item)
{
    const struct http_stats *s = http_stats(((const struct node_world *)p->world)->http);
    char code[24];

    if (item >= HTTP_STATUSES)
        return false;
    if (!s->answers[item])
        return true;
    metric_label(p, "code", (struct bytes){ code, fmt_u64(code, item) });
    metric_put(p, (double)s->answers[item]);
    return true;
}

static bool put_http_connections(struct metric_page *p, size_t item)
{
    metric_put(p, (double)http_stats(((const struct node_world *)p->world)->http)->open);
    return false;
}

static bool put_http_denied(struct metric_page *p, size_t item)
{
    metric_put(p, (double)http_stats(((const struct node_world *)p->world)->http)->denied);
    return false;
}

/* clang-format off */
#define FIELD(n, t, f, u, h) { .name = n, .type = t, .field = f, .unit = u, .help = h }

const struct metric node_metrics[] = {
    { .name = "redis_db_keys", .type = METRIC_GAUGE, .each = put_keys, .help = "Keys of a database." },
    { .name = "redis_db_keys_expiring", .type = METRIC_GAUGE, .each = put_expiring,
      .help = "Keys of a database that expire." },
    { .name = "redis_db_avg_ttl_seconds", .type = METRIC_GAUGE, .unit = "seconds", .each = put_ttl,
      .help = "How long those live on, on average." },
    { .name = "redis_config_maxclients", .type = METRIC_GAUGE, .each = put_maxclients,
      .help = "The setting maxclients." },
    { .name = "redis_config_maxmemory", .type = METRIC_GAUGE, .each = put_maxmemory,
      .help = "The setting maxmemory, in bytes." },
    { .name = "redis_config_io_threads", .type = METRIC_GAUGE, .each = put_io_threads,
      .help = "The setting io-threads." },
    { .name = "holdfast_build_info", .type = METRIC_INFO, .each = put_build, .help = "What is running." },
    { .name = "holdfast_writable", .type = METRIC_GAUGE, .each = put_writable,
      .help = "1: this node leads, and would take a write now." },
    { .name = "holdfast_loop_turn_seconds", .type = METRIC_HISTOGRAM, .unit = "seconds", .each = put_turns,
      .help = "What a turn of the loop takes, which is how long others wait for theirs." },
    { .name = "holdfast_loop_longest_turn_seconds", .type = METRIC_GAUGE, .unit = "seconds",
      .each = put_longest_turn, .help = "The longest turn since CONFIG RESETSTAT." },
    FIELD("holdfast_snapshot_held_writes_total", METRIC_COUNTER, "snapshot_held_writes", NULL,
          "Writes that waited for a walk to take a large value first."),
    FIELD("holdfast_snapshot_inline_bytes_total", METRIC_COUNTER, "snapshot_inline_bytes", NULL,
          "Bytes of large values that a walk took inside of a command."),
    FIELD("holdfast_rdb_saves_total", METRIC_COUNTER, "rdb_saves", NULL, "Saves since the start."),
    FIELD("holdfast_rdb_last_save_duration_seconds", METRIC_GAUGE, "rdb_last_bgsave_time_sec", "seconds",
          "What the last background save took; -1 without one."),
    FIELD("holdfast_rdb_current_save_duration_seconds", METRIC_GAUGE, "rdb_current_bgsave_time_sec", "seconds",
          "What the running save has taken; -1 without one."),
    FIELD("holdfast_aof_last_rewrite_duration_seconds", METRIC_GAUGE, "aof_last_rewrite_time_sec", "seconds",
          "What the last rewrite of the append only file took; -1 without one."),
    FIELD("holdfast_aof_current_rewrite_duration_seconds", METRIC_GAUGE, "aof_current_rewrite_time_sec",
          "seconds", "What the running rewrite has taken; -1 without one."),
    FIELD("holdfast_loading_full_sync", METRIC_GAUGE, "async_loading", NULL,
          "Whether a full copy is being loaded beside the data set."),
    FIELD("holdfast_error_replies_total", METRIC_COUNTER, "total_error_replies", NULL, "Errors that were answered."),
    FIELD("holdfast_replication_input_bytes_total", METRIC_COUNTER, "total_net_repl_input_bytes", NULL,
          "Bytes read for replication."),
    FIELD("holdfast_replication_output_bytes_total", METRIC_COUNTER, "total_net_repl_output_bytes", NULL,
          "Bytes written for replication."),
    FIELD("holdfast_replication_held_bytes", METRIC_GAUGE, "mem_total_replication_buffers", "bytes",
          "Bytes of the stream that are held, for the backlog, the file and followers that lag."),
    FIELD("holdfast_evicted_clients_total", METRIC_COUNTER, "evicted_clients", NULL,
          "Clients that were closed for want of memory."),
    FIELD("holdfast_expired_fields_total", METRIC_COUNTER, "expired_subkeys", NULL,
          "Fields of hashes that were past their time."),
    FIELD("holdfast_logins_failed_total", METRIC_COUNTER, "acl_access_denied_auth", NULL, "Logins that failed."),
    FIELD("holdfast_commands_denied_total", METRIC_COUNTER, "acl_access_denied_cmd", NULL,
          "Commands that their user may not run."),
    FIELD("holdfast_keys_denied_total", METRIC_COUNTER, "acl_access_denied_key", NULL,
          "Commands on keys that their user may not touch."),
    FIELD("holdfast_channels_denied_total", METRIC_COUNTER, "acl_access_denied_channel", NULL,
          "Commands on channels that their user may not use."),
    { .name = "holdfast_durable_info", .type = METRIC_INFO, .each = put_level,
      .help = "A member of a durable group, and the level at which a write counts as kept there." },
    FIELD("holdfast_durable_epoch", METRIC_GAUGE, "hf_epoch", NULL, "The epoch of its group that this node knows."),
    FIELD("holdfast_durable_version", METRIC_GAUGE, "hf_version", NULL,
          "The version of the group's register that it knows."),
    FIELD("holdfast_durable_members", METRIC_GAUGE, "hf_members", NULL, "Members of the group by that version."),
    FIELD("holdfast_durable_in_sync", METRIC_GAUGE, "hf_in_sync", NULL,
          "Of those, how many have all that was acknowledged."),
    FIELD("holdfast_durable_min_sync", METRIC_GAUGE, "hf_min_sync", NULL,
          "How many have to, or writes are refused."),
    FIELD("holdfast_durable_demanded", METRIC_GAUGE, "hf_demanded", NULL,
          "Copies whose word the leader waits for now, its own among them."),
    FIELD("holdfast_durable_parked_replies", METRIC_GAUGE, "hf_parked", NULL,
          "Replies of the leader that wait for that word."),
    FIELD("holdfast_durable_holding", METRIC_GAUGE, "hf_holding", NULL,
          "Whether the leader holds writes for a switchover."),
    FIELD("holdfast_durable_commit_offset", METRIC_GAUGE, "hf_commit", NULL,
          "The end of what all copies that count have, as far as this node knows."),
    FIELD("holdfast_durable_written_offset", METRIC_GAUGE, "hf_written", NULL, "The end of what is in its file."),
    FIELD("holdfast_durable_synced_offset", METRIC_GAUGE, "hf_synced", NULL, "The end of what was fsynced there."),
    FIELD("holdfast_durable_resyncing", METRIC_GAUGE, "hf_resyncing", NULL, "Whether its data are being replaced."),
    FIELD("holdfast_durable_solo", METRIC_GAUGE, "hf_solo", NULL,
          "Whether it is the only copy, and releases replies by its own fsync."),
    FIELD("holdfast_durable_disk_failed", METRIC_GAUGE, "hf_disk_failed", NULL,
          "Whether its disk keeps nothing, so that it acknowledges nothing."),
    { .name = "holdfast_tls_certificate_expiry_timestamp_seconds", .type = METRIC_GAUGE, .unit = "seconds",
      .each = put_certificate, .help = "When the certificate that is shown to clients ends." },
    { .name = "holdfast_http_answers_total", .type = METRIC_COUNTER, .each = put_http_answers,
      .help = "HTTP answers, by status." },
    { .name = "holdfast_http_connections", .type = METRIC_GAUGE, .each = put_http_connections,
      .help = "HTTP connections that are open." },
    { .name = "holdfast_http_denied_total", .type = METRIC_COUNTER, .each = put_http_denied,
      .help = "HTTP requests without a token that counts." },
    { .name = NULL },
};
/* clang-format on */

static void metrics(struct http_call *c)
{
    metrics_answer(c, ((struct node_world *)c->world)->metrics);
}

const struct http_route metrics_routes[] = {
    { .path = "/metrics", .methods = HTTP_GET, .flags = HTTP_ANY_NAME, .run = metrics },
    { .path = NULL },
};
