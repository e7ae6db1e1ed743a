/*
 * INFO about clients and what they did: clients, stats, commandstats, errorstats, latencystats.
 */
#include <string.h>

#include "common/clock.h"
#include "common/serve/pubsub.h"
#include "node/keyspace/keyspace.h"
#include "node/persist/persist.h"
#include "node/persist/snapshot.h"
#include "node/serve/rates.h"
#include "node/serve/serve.h"
#include "node/serve/shutdown.h"
#include "node/settings.h"
#include "node/world.h"

typedef unsigned long long ull;

static void write_clients(struct node_world *w, struct buf *out)
{
    const struct service *v = w->service;
    size_t input = 0, output = 0, followers = 0;
    struct tracking_stats tracking;

    LIST_EACH (&v->sessions, n) {
        const struct session *s = LIST_ENTRY(n, struct session, node);
        struct session_memory m;

        session_measure(s, &m);
        followers += s->kind == SESSION_REPLICA;
        input = m.input > input ? m.input : input;
        output = m.output > output ? m.output : output;
    }
    info_line(out, "connected_clients", "%llu", (ull)(v->session_count - followers));
    info_line(out, "cluster_connections", "0");
    info_line(out, "maxclients", "%lld", (long long)v->set->maxclients);
    info_line(out, "client_recent_max_input_buffer", "%zu", input);
    info_line(out, "client_recent_max_output_buffer", "%zu", output);
    info_line(
        out, "blocked_clients", "%llu",
        (ull)(w->serve->blocked_count + list_length(&v->paused) + shutdown_waiters(w->serve)));
    tracking_stats(v, &tracking);
    info_line(out, "tracking_clients", "%llu", (ull)tracking.clients);
    info_line(out, "clients_in_timeout_table", "%llu", (ull)w->serve->blocked_count);
}

static void write_traffic(struct node_world *w, struct buf *out)
{
    const struct service_stats *s = &w->service->stats;
    struct rates_now now;

    rates_read(&w->serve->rates, w->serve, &now);
    info_line(out, "total_connections_received", "%llu", (ull)s->connections);
    info_line(out, "total_commands_processed", "%llu", (ull)s->commands);
    info_line(out, "instantaneous_ops_per_sec", "%llu", (ull)now.commands_per_s);
    info_line(out, "total_net_input_bytes", "%llu", (ull)now.traffic.in);
    info_line(out, "total_net_output_bytes", "%llu", (ull)now.traffic.out);
    info_line(out, "total_net_repl_input_bytes", "%llu", (ull)now.traffic.replica_in);
    info_line(out, "total_net_repl_output_bytes", "%llu", (ull)now.traffic.replica_out);
    info_line(out, "instantaneous_input_kbps", "%.2f", now.in_kb_per_s);
    info_line(out, "instantaneous_output_kbps", "%.2f", now.out_kb_per_s);
    info_line(out, "instantaneous_input_repl_kbps", "%.2f", now.replica_in_kb_per_s);
    info_line(out, "instantaneous_output_repl_kbps", "%.2f", now.replica_out_kb_per_s);
    info_line(out, "rejected_connections", "%llu", (ull)s->refused_connections);
}

static void write_keys(struct node_world *w, struct buf *out)
{
    struct keyspace_stats k;
    uint64_t over_us, over_total_us;

    keyspace_stats(w->keyspace, &k);
    over_us = evict_exceeded_us(w->serve, &over_total_us);
    info_line(out, "expired_keys", "%llu", (ull)k.expired);
    info_line(out, "expired_subkeys", "%llu", (ull)k.expired_parts);
    info_line(out, "expired_stale_perc", "0.00");
    info_line(out, "expired_time_cap_reached_count", "0");
    info_line(out, "expire_cycle_cpu_milliseconds", "%llu", (ull)(k.expire_cycle_us / 1000));
    info_line(out, "evicted_keys", "%llu", (ull)k.evicted);
    info_line(out, "evicted_clients", "%llu", (ull)w->service->client_memory.evicted);
    info_line(out, "total_eviction_exceeded_time", "%llu", (ull)(over_total_us / 1000));
    info_line(out, "current_eviction_exceeded_time", "%llu", (ull)(over_us / 1000));
    info_line(out, "keyspace_hits", "%llu", (ull)k.hits);
    info_line(out, "keyspace_misses", "%llu", (ull)k.misses);
}

static void write_pubsub(struct node_world *w, struct buf *out)
{
    static const char *const zeros[] = {
        "active_defrag_hits",       "active_defrag_misses",     "active_defrag_key_hits",
        "active_defrag_key_misses", "total_active_defrag_time", "current_active_defrag_time",
    };
    struct tracking_stats tracking;
    const struct pubsub *p = w->service->pubsub;

    info_line(out, "pubsub_channels", "%zu", pubsub_names(p, PUBSUB_CHANNEL));
    info_line(out, "pubsub_patterns", "%zu", pubsub_names(p, PUBSUB_PATTERN));
    info_line(out, "pubsubshard_channels", "%zu", pubsub_names(p, PUBSUB_SHARD));
    info_line(out, "latest_fork_usec", "0");
    info_line(out, "total_forks", "%llu", (ull)persist_snapshot(w->persist)->started);
    info_line(out, "migrate_cached_sockets", "0");
    info_line(out, "slave_expires_tracked_keys", "%zu", own_keys_count(&w->serve->own_keys));
    for (size_t i = 0; i < ARRAY_LEN(zeros); i++)
        info_line(out, zeros[i], "0");
    tracking_stats(w->service, &tracking);
    info_line(out, "tracking_total_keys", "%llu", (ull)tracking.keys);
    info_line(out, "tracking_total_items", "%llu", (ull)tracking.items);
    info_line(out, "tracking_total_prefixes", "%llu", (ull)tracking.prefixes);
    info_line(out, "unexpected_error_replies", "0");
}

static void write_replies(struct node_world *w, struct buf *out)
{
    const struct service_stats *s = &w->service->stats;

    info_line(out, "total_error_replies", "%llu", (ull)s->error_replies);
    info_line(out, "dump_payload_sanitizations", "0");
    info_line(out, "total_reads_processed", "%llu", (ull)s->reads);
    info_line(out, "total_writes_processed", "%llu", (ull)s->writes);
    info_line(out, "io_threaded_reads_processed", "0");
    info_line(out, "io_threaded_writes_processed", "0");
    info_line(out, "reply_buffer_shrinks", "0");
    info_line(out, "reply_buffer_expands", "0");
    info_line(out, "acl_access_denied_auth", "%llu", (ull)s->denied[ACL_DENIED_AUTH]);
    info_line(out, "acl_access_denied_cmd", "%llu", (ull)s->denied[ACL_DENIED_COMMAND]);
    info_line(out, "acl_access_denied_key", "%llu", (ull)s->denied[ACL_DENIED_KEY]);
    info_line(out, "acl_access_denied_channel", "%llu", (ull)s->denied[ACL_DENIED_CHANNEL]);
}

/* Redis 7.2 has these; the longest turn is ours, and its end in unix time: what the machine did then is in its logs. */
static void write_turns(struct node_world *w, struct buf *out)
{
    const struct link_turns *turns = link_turns(w->loop);
    struct rates_now now;

    rates_read(&w->serve->rates, w->serve, &now);
    info_line(out, "eventloop_cycles", "%llu", (ull)turns->count);
    info_line(out, "eventloop_duration_sum", "%llu", (ull)turns->busy_us);
    info_line(out, "eventloop_duration_cmd_sum", "%llu", (ull)w->service->stats.command_usec);
    info_line(out, "instantaneous_eventloop_cycles_per_sec", "%llu", (ull)now.turns_per_s);
    info_line(out, "instantaneous_eventloop_duration_usec", "%llu", (ull)now.turn_usec);
    info_line(out, "loop_longest_turn_usec", "%llu", (ull)turns->longest_us);
    info_line(out, "loop_longest_turn_at_usec", "%llu",
              turns->longest_us ? (ull)clock_wall_us_at(turns->longest_ended_us) : 0);
}

static void write_walk_waits(struct node_world *w, struct buf *out)
{
    info_line(out, "snapshot_held_writes", "%llu", (ull)w->serve->walk_waits);
}

/* ---- per command ---- */

typedef void each_stats_fn(const struct node_world *w, struct buf *out, const char *name,
                           const struct command_stats *s);

static void one_command(const struct node_world *w, struct buf *out, const struct command *cmd,
                        each_stats_fn *each)
{
    const struct command_stats *s = stats_find(&w->service->stats, cmd);
    char name[64];

    if (!s || !(s->calls || s->rejected || s->failed))
        return;
    command_full_name(w->commands, cmd, name, sizeof name);
    each(w, out, name, s);
}

static void each_command(const struct node_world *w, struct buf *out, each_stats_fn *each)
{
    const struct command *cmd;

    for (size_t i = 0; (cmd = command_at(w->commands, i)); i++) {
        one_command(w, out, cmd, each);
        for (const struct command *sub = cmd->subs; sub && sub->name; sub++)
            one_command(w, out, sub, each);
    }
}

static void write_calls(const struct node_world *w, struct buf *out, const char *name,
                        const struct command_stats *s)
{
    (void)w;
    buf_printf(out,
               "cmdstat_%s:calls=%llu,usec=%llu,usec_per_call=%.2f,rejected_calls=%llu,"
               "failed_calls=%llu\r\n",
               name, (ull)s->calls, (ull)s->usec, s->calls ? (double)s->usec / (double)s->calls : 0,
               (ull)s->rejected, (ull)s->failed);
}

static void write_latency(const struct node_world *w, struct buf *out, const char *name,
                          const struct command_stats *s)
{
    const struct server_settings *set = &w->set->server;

    if (!s->calls)
        return;
    buf_printf(out, "latency_percentiles_usec_%s:", name);
    for (int i = 0; i < set->percentile_count; i++) {
        char share[40];

        share[fmt_double(share, set->percentiles[i])] = '\0';
        buf_printf(out, "%sp%s=%.3f", i ? "," : "", share,
                   stats_percentile(s, set->percentiles[i] / 100));
    }
    buf_puts(out, "\r\n");
}

static void write_commandstats(struct node_world *w, struct buf *out)
{
    each_command(w, out, write_calls);
}

static void write_latencystats(struct node_world *w, struct buf *out)
{
    if (w->set->server.latency_tracking)
        each_command(w, out, write_latency);
}

static void write_errorstats(struct node_world *w, struct buf *out)
{
    const struct service_stats *s = &w->service->stats;

    for (size_t i = 0; i < s->error_count; i++)
        buf_printf(out, "errorstat_%s:count=%llu\r\n", s->errors[i].word, (ull)s->errors[i].count);
}

static void write_shutdown(struct node_world *w, struct buf *out)
{
    uint64_t left_ms;

    if (shutdown_waits(w->serve, &left_ms))
        info_line(out, "shutdown_in_milliseconds", "%llu", (ull)left_ms);
}

const struct info_part serve_info_parts[] = {
    { INFO_SERVER, 500, write_shutdown },
    { INFO_CLIENTS, 100, write_clients },
    { INFO_STATS, 100, write_traffic },
    { INFO_STATS, 300, write_keys },
    { INFO_STATS, 400, write_pubsub },
    { INFO_STATS, 500, write_replies },
    { INFO_STATS, 550, write_turns },
    { INFO_PERSISTENCE, 1100, write_walk_waits },
    { INFO_COMMANDSTATS, 100, write_commandstats },
    { INFO_ERRORSTATS, 100, write_errorstats },
    { INFO_LATENCYSTATS, 100, write_latencystats },
    { 0 },
};
