/*
 * What redis_exporter gives, by its names, so that dashboards and alerts made for it work as they are. A row is a
 * field of INFO under another name, and says nothing where INFO has no such field; tests/e2e/test_metrics.py holds names, types and values beside the exporter's.
 * Left out are its names that Prometheus's own rules forbid (README.md lists them).
 */
#include "common/metrics/metrics.h"

#include "common/clock.h"

/* clang-format off */
#define GAUGE(n, f, h) { .name = "redis_" n, .type = METRIC_GAUGE, .field = f, .help = h }
#define BYTES_OF(n, f, h) { .name = "redis_" n, .type = METRIC_GAUGE, .field = f, .unit = "bytes", .help = h }
#define SECONDS(n, f, h) { .name = "redis_" n, .type = METRIC_GAUGE, .field = f, .unit = "seconds", .help = h }
#define COUNTER(n, f, h) { .name = "redis_" n, .type = METRIC_COUNTER, .field = f, .help = h }

const struct metric metrics_of_info[] = {
    SECONDS("uptime_in_seconds", "uptime_in_seconds", "Seconds since the process began."),
    GAUGE("process_id", "process_id", "Process id."),
    GAUGE("io_threads_active", "io_threads_active", "Whether threads do the reading and writing."),

    GAUGE("connected_clients", "connected_clients", "Clients that are connected, followers left out."),
    GAUGE("blocked_clients", "blocked_clients", "Clients that wait in a blocking command or a pause."),
    GAUGE("tracking_clients", "tracking_clients", "Clients that cache what they read."),
    GAUGE("clients_in_timeout_table", "clients_in_timeout_table", "Clients that wait with a deadline."),
    GAUGE("cluster_connections", "cluster_connections", "Links of the cluster bus; there are none."),
    BYTES_OF("client_recent_max_input_buffer_bytes", "client_recent_max_input_buffer",
             "Largest input buffer of a client."),
    BYTES_OF("client_recent_max_output_buffer_bytes", "client_recent_max_output_buffer",
             "Largest output buffer of a client."),

    BYTES_OF("memory_used_bytes", "used_memory", "Bytes that are allocated."),
    BYTES_OF("memory_used_rss_bytes", "used_memory_rss", "Bytes that are resident."),
    BYTES_OF("memory_used_peak_bytes", "used_memory_peak", "Most bytes that were ever allocated."),
    BYTES_OF("memory_used_overhead_bytes", "used_memory_overhead", "Bytes that are no data."),
    BYTES_OF("memory_used_startup_bytes", "used_memory_startup", "Bytes of the empty node."),
    BYTES_OF("memory_used_dataset_bytes", "used_memory_dataset", "Bytes of keys and values."),
    BYTES_OF("memory_used_lua_bytes", "used_memory_lua", "Bytes of the engine that runs EVAL."),
    BYTES_OF("memory_used_scripts_bytes", "used_memory_scripts", "Bytes of scripts and functions together."),
    GAUGE("number_of_cached_scripts", "number_of_cached_scripts", "Scripts that are kept."),
    BYTES_OF("memory_max_bytes", "maxmemory", "Limit on memory; 0 is none."),
    BYTES_OF("total_system_memory_bytes", "total_system_memory", "Memory of the machine."),
    BYTES_OF("allocator_active_bytes", "allocator_active", "Bytes of the allocator's pages in use."),
    BYTES_OF("allocator_allocated_bytes", "allocator_allocated", "Bytes the allocator has given out."),
    BYTES_OF("allocator_resident_bytes", "allocator_resident", "Bytes of the allocator that are resident."),
    GAUGE("allocator_frag_ratio", "allocator_frag_ratio", "Active over allocated bytes."),
    BYTES_OF("allocator_frag_bytes", "allocator_frag_bytes", "Active less allocated bytes."),
    GAUGE("allocator_rss_ratio", "allocator_rss_ratio", "Resident over active bytes."),
    BYTES_OF("allocator_rss_bytes", "allocator_rss_bytes", "Resident less active bytes."),
    GAUGE("mem_fragmentation_ratio", "mem_fragmentation_ratio", "Resident over used bytes."),
    BYTES_OF("mem_fragmentation_bytes", "mem_fragmentation_bytes", "Resident less used bytes."),
    GAUGE("mem_clients_slaves", "mem_clients_slaves", "Bytes of followers' sessions."),
    GAUGE("mem_clients_normal", "mem_clients_normal", "Bytes of clients' sessions."),
    BYTES_OF("mem_not_counted_for_eviction_bytes", "mem_not_counted_for_evict",
             "Used bytes that eviction does not count."),
    GAUGE("active_defrag_running", "active_defrag_running", "Whether memory is being defragmented."),
    GAUGE("lazyfree_pending_objects", "lazyfree_pending_objects", "Values that are still being freed."),

    GAUGE("loading_dump_file", "loading", "Whether a file is being loaded."),
    GAUGE("rdb_changes_since_last_save", "rdb_changes_since_last_save", "Writes since the last save."),
    GAUGE("rdb_bgsave_in_progress", "rdb_bgsave_in_progress", "Whether a save runs."),
    SECONDS("rdb_last_save_timestamp_seconds", "rdb_last_save_time", "When the last save ended."),
    GAUGE("rdb_last_bgsave_status", "rdb_last_bgsave_status", "Whether the last save went well."),
    BYTES_OF("rdb_last_cow_size_bytes", "rdb_last_cow_size", "Bytes copied by the last save; nothing forks."),
    GAUGE("aof_enabled", "aof_enabled", "Whether the append only file is written."),
    GAUGE("aof_rewrite_in_progress", "aof_rewrite_in_progress", "Whether the append only file is rewritten."),
    GAUGE("aof_rewrite_scheduled", "aof_rewrite_scheduled", "Whether a rewrite waits for its turn."),
    GAUGE("aof_last_bgrewrite_status", "aof_last_bgrewrite_status", "Whether the last rewrite went well."),
    GAUGE("aof_last_write_status", "aof_last_write_status", "Whether the append only file can be written."),
    BYTES_OF("aof_last_cow_size_bytes", "aof_last_cow_size", "Bytes copied by the last rewrite; nothing forks."),
    BYTES_OF("aof_current_size_bytes", "aof_current_size", "Bytes of the append only file."),
    BYTES_OF("aof_base_size_bytes", "aof_base_size", "Bytes of it after the last rewrite."),
    GAUGE("aof_pending_rewrite", "aof_pending_rewrite", "Whether a rewrite waits for a save."),
    GAUGE("aof_buffer_length", "aof_buffer_length", "Bytes that wait to be written."),
    GAUGE("aof_pending_bio_fsync", "aof_pending_bio_fsync", "Syncs of the file that are under way."),
    GAUGE("aof_delayed_fsync", "aof_delayed_fsync", "Writes that had to wait for a sync."),
    GAUGE("module_fork_in_progress", "module_fork_in_progress", "Whether a module has forked; there are none."),
    GAUGE("module_fork_last_cow_size", "module_fork_last_cow_size", "Bytes copied by it."),

    COUNTER("connections_received_total", "total_connections_received", "Clients that were accepted."),
    COUNTER("commands_processed_total", "total_commands_processed", "Commands that were run."),
    COUNTER("net_input_bytes_total", "total_net_input_bytes", "Bytes read from clients."),
    COUNTER("net_output_bytes_total", "total_net_output_bytes", "Bytes written to clients."),
    COUNTER("rejected_connections_total", "rejected_connections", "Clients that were turned away."),
    GAUGE("replica_resyncs_full", "sync_full", "Full copies that followers got."),
    GAUGE("replica_partial_resync_accepted", "sync_partial_ok", "Followers that went on where they were."),
    GAUGE("replica_partial_resync_denied", "sync_partial_err", "Followers that could not go on."),
    COUNTER("expired_keys_total", "expired_keys", "Keys that were past their time."),
    GAUGE("expired_stale_percentage", "expired_stale_perc", "Share of keys that are past their time and still here."),
    COUNTER("evicted_keys_total", "evicted_keys", "Keys that were evicted for want of memory."),
    COUNTER("keyspace_hits_total", "keyspace_hits", "Keys that were looked up and found."),
    COUNTER("keyspace_misses_total", "keyspace_misses", "Keys that were looked up in vain."),
    GAUGE("pubsub_channels", "pubsub_channels", "Channels that somebody listens to."),
    GAUGE("pubsub_patterns", "pubsub_patterns", "Patterns that somebody listens to."),
    { .name = "redis_latest_fork_seconds", .type = METRIC_GAUGE, .field = "latest_fork_usec", .scale = 1e-6,
      .unit = "seconds", .help = "What the last fork took; nothing forks." },
    GAUGE("slave_expires_tracked_keys", "slave_expires_tracked_keys", "Keys that a writable follower expires itself."),
    GAUGE("defrag_hits", "active_defrag_hits", "Values moved by defragmentation."),
    GAUGE("defrag_misses", "active_defrag_misses", "Values looked at by defragmentation."),
    GAUGE("defrag_key_hits", "active_defrag_key_hits", "Keys moved by defragmentation."),
    GAUGE("defrag_key_misses", "active_defrag_key_misses", "Keys looked at by defragmentation."),
    GAUGE("tracking_total_keys", "tracking_total_keys", "Keys that are tracked for clients that cache."),
    GAUGE("tracking_total_items", "tracking_total_items", "Clients, summed over those keys."),
    GAUGE("tracking_total_prefixes", "tracking_total_prefixes", "Prefixes that are tracked."),

    GAUGE("connected_slaves", "connected_slaves", "Followers that are connected."),
    GAUGE("master_repl_offset", "master_repl_offset", "Where the stream ends."),
    GAUGE("second_repl_offset", "second_repl_offset", "Where the history before this one ended; -1 without one."),
    BYTES_OF("replication_backlog_bytes", "repl_backlog_size", "Bytes of the stream that are to be kept."),
    GAUGE("repl_backlog_is_active", "repl_backlog_active", "Whether any are kept."),
    GAUGE("repl_backlog_first_byte_offset", "repl_backlog_first_byte_offset", "Where what is kept begins."),
    BYTES_OF("repl_backlog_history_bytes", "repl_backlog_histlen", "Bytes of the stream that are kept."),
    GAUGE("slave_priority", "slave_priority", "Rank for a promotion; 0 is never."),

    COUNTER("cpu_sys_seconds_total", "used_cpu_sys", "Processor time in the kernel."),
    COUNTER("cpu_user_seconds_total", "used_cpu_user", "Processor time in the process."),
    COUNTER("cpu_sys_children_seconds_total", "used_cpu_sys_children", "Kernel time of ended children."),
    COUNTER("cpu_user_children_seconds_total", "used_cpu_user_children", "Processor time of ended children."),
    COUNTER("cpu_sys_main_thread_seconds_total", "used_cpu_sys_main_thread", "Kernel time of the loop."),
    COUNTER("cpu_user_main_thread_seconds_total", "used_cpu_user_main_thread", "Processor time of the loop."),
    GAUGE("cluster_enabled", "cluster_enabled", "Whether this is a node of a cluster."),
    { .name = NULL },
};
/* clang-format on */

/* ---- families with labels ---- */

static bool put_up(struct metric_page *p, size_t item)
{
    metric_put(p, 1);
    return false;
}

static bool put_start(struct metric_page *p, size_t item)
{
    double up_s;

    if (info_number(info_field(p->info, "uptime_in_seconds"), &up_s))
        metric_put(p, (double)(clock_wall_ms() / 1000) - up_s);
    return false;
}

static void label_fields(struct metric_page *p, const char *const (*pairs)[2], size_t count)
{
    for (size_t i = 0; i < count; i++)
        metric_label(p, pairs[i][0], info_field(p->info, pairs[i][1]));
}

static bool put_instance(struct metric_page *p, size_t item)
{
    static const char *const labels[][2] = {
        { "role", "role" },
        { "redis_version", "redis_version" },
        { "redis_build_id", "redis_build_id" },
        { "redis_mode", "redis_mode" },
        { "os", "os" },
        { "maxmemory_policy", "maxmemory_policy" },
        { "tcp_port", "tcp_port" },
        { "run_id", "run_id" },
        { "process_id", "process_id" },
    };

    label_fields(p, labels, ARRAY_LEN(labels));
    metric_put(p, 1);
    return false;
}

static bool follows(const struct metric_page *p)
{
    return bytes_is(info_field(p->info, "role"), "slave");
}

static bool put_slave(struct metric_page *p, size_t item)
{
    static const char *const labels[][2] = { { "master_host", "master_host" },
                                             { "master_port", "master_port" },
                                             { "read_only", "slave_read_only" } };

    if (!follows(p))
        return false;
    label_fields(p, labels, ARRAY_LEN(labels));
    metric_put(p, 1);
    return false;
}

/* A field that only a follower has, labelled with its leader. */
static bool put_of_leader(struct metric_page *p, const char *field)
{
    static const char *const labels[][2] = { { "master_host", "master_host" },
                                             { "master_port", "master_port" } };
    double value;

    if (!follows(p) || !info_number(info_field(p->info, field), &value))
        return false;
    label_fields(p, labels, ARRAY_LEN(labels));
    metric_put(p, value);
    return false;
}

static bool put_link_up(struct metric_page *p, size_t item)
{
    return put_of_leader(p, "master_link_status");
}

static bool put_last_io(struct metric_page *p, size_t item)
{
    return put_of_leader(p, "master_last_io_seconds_ago");
}

static bool put_sync(struct metric_page *p, size_t item)
{
    return put_of_leader(p, "master_sync_in_progress");
}

static bool put_offset(struct metric_page *p, size_t item)
{
    return put_of_leader(p, "slave_repl_offset");
}

/* slave0:ip=10.0.0.1,port=6379,state=online,offset=123,lag=0 */
static bool put_of_follower(struct metric_page *p, size_t item, const char *part)
{
    struct bytes digits, line = info_field_numbered(p->info, "slave", item, &digits);
    double value;

    if (!line.at)
        return false;
    metric_label(p, "slave_ip", info_part_of(line, "ip"));
    metric_label(p, "slave_port", info_part_of(line, "port"));
    metric_label(p, "slave_state", info_part_of(line, "state"));
    if (info_number(info_part_of(line, part), &value))
        metric_put(p, value);
    return true;
}

static bool put_follower_offset(struct metric_page *p, size_t item)
{
    return put_of_follower(p, item, "offset");
}

static bool put_follower_lag(struct metric_page *p, size_t item)
{
    return put_of_follower(p, item, "lag");
}

/* clang-format off */
const struct metric metrics_of_info_labelled[] = {
    { .name = "redis_up", .type = METRIC_GAUGE, .each = put_up, .help = "1: the node answers." },
    { .name = "redis_start_time_seconds", .type = METRIC_GAUGE, .unit = "seconds", .each = put_start,
      .help = "When the process began." },
    { .name = "redis_instance_info", .type = METRIC_INFO, .each = put_instance, .help = "What this node is." },
    { .name = "redis_slave_info", .type = METRIC_INFO, .each = put_slave, .help = "Whom this follower follows." },
    { .name = "redis_master_link_up", .type = METRIC_GAUGE, .each = put_link_up,
      .help = "Whether the leader's stream flows." },
    { .name = "redis_master_last_io_seconds_ago", .type = METRIC_GAUGE, .each = put_last_io,
      .help = "Seconds since the leader said something; -1 while the link is down." },
    { .name = "redis_master_sync_in_progress", .type = METRIC_GAUGE, .each = put_sync,
      .help = "Whether a full copy is being received." },
    { .name = "redis_slave_repl_offset", .type = METRIC_GAUGE, .each = put_offset,
      .help = "Where this follower is in the stream." },
    { .name = "redis_connected_slave_offset_bytes", .type = METRIC_GAUGE, .unit = "bytes",
      .each = put_follower_offset, .help = "What a follower has acknowledged." },
    { .name = "redis_connected_slave_lag_seconds", .type = METRIC_GAUGE, .unit = "seconds",
      .each = put_follower_lag, .help = "Seconds since a follower acknowledged something." },
    { .name = NULL },
};
/* clang-format on */
