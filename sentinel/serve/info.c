/*
 * INFO of a sentinel: five sections, Redis's fields in Redis's order. What a sentinel cannot have
 * (keys, snapshots, replication) is 0 where monitoring expects the field, and absent otherwise.
 */
#include <stdio.h>
#include <sys/resource.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "common/clock.h"
#include "common/serve/pubsub.h"
#include "common/server_settings.h"
#include "common/settings.h"
#include "sentinel/serve/metrics.h"
#include "sentinel/serve/rows.h"

enum { HZ = 10, SAMPLE_MS = 1000, DAY_S = 24 * 3600, LRU_BITS = 24 };

typedef void section_fn(struct sentinel_world *w, struct buf *out);

static void put_executable(struct buf *out)
{
    char path[4096];
    ssize_t len = readlink("/proc/self/exe", path, sizeof path);

    buf_puts(out, "executable:");
    buf_append(out, path, len > 0 ? (size_t)len : 0);
    buf_puts(out, "\r\n");
}

static void section_server(struct sentinel_world *w, struct buf *out)
{
    uint64_t up_s = (clock_now_ms() - w->started_ms) / 1000;
    uint64_t wall_ms = clock_wall_ms();
    const struct server_settings *set = w->service->set;
    const char *config = settings_path(w->settings);
    struct utsname os;

    uname(&os);
    buf_printf(out,
               "redis_version:" SERVE_REDIS_VERSION "\r\n"
               "redis_git_sha1:00000000\r\n"
               "redis_git_dirty:0\r\n"
               "redis_build_id:0000000000000000\r\n"
               "redis_mode:sentinel\r\n"
               "os:%s %s %s\r\n"
               "arch_bits:%zu\r\n"
               "monotonic_clock:POSIX clock_gettime\r\n"
               "multiplexing_api:epoll\r\n"
               "atomicvar_api:c11-builtin\r\n"
               "gcc_version:" __VERSION__ "\r\n"
               "process_id:%d\r\n"
               "process_supervised:no\r\n"
               "run_id:%s\r\n"
               "tcp_port:%lld\r\n"
               "server_time_usec:%llu\r\n"
               "uptime_in_seconds:%llu\r\n"
               "uptime_in_days:%llu\r\n"
               "hz:%d\r\n"
               "configured_hz:%d\r\n"
               "lru_clock:%llu\r\n",
               os.sysname, os.release, os.machine, 8 * sizeof(void *), (int)getpid(), w->run_id,
               (long long)(set->port ? set->port : set->tls_port),
               (unsigned long long)(wall_ms * 1000), (unsigned long long)up_s,
               (unsigned long long)(up_s / DAY_S), HZ, HZ,
               (unsigned long long)(wall_ms / 1000 & ((1u << LRU_BITS) - 1)));
    put_executable(out);
    buf_printf(out,
               "config_file:%s\r\n"
               "io_threads_active:0\r\n"
               "server_name:holdfast\r\n"
               "holdfast_version:" HF_VERSION "\r\n",
               config ? config : "");
}

static void section_clients(struct sentinel_world *w, struct buf *out)
{
    size_t input = 0, output = 0;

    LIST_EACH (&w->service->sessions, node) {
        const struct session *s = LIST_ENTRY(node, struct session, node);
        size_t in = s->link->in.cap, pending = out_memory(&s->link->out);

        input = in > input ? in : input;
        output = pending > output ? pending : output;
    }
    buf_printf(out,
               "connected_clients:%llu\r\n"
               "cluster_connections:0\r\n"
               "maxclients:%lld\r\n"
               "client_recent_max_input_buffer:%zu\r\n"
               "client_recent_max_output_buffer:%zu\r\n"
               "blocked_clients:0\r\n"
               "tracking_clients:0\r\n"
               "clients_in_timeout_table:0\r\n",
               (unsigned long long)w->service->session_count,
               (long long)w->service->set->maxclients, input, output);
}

void sentinel_info_sample(struct sentinel_world *w)
{
    struct serve_rates *r = &w->rates;
    const struct service_stats *stats = &w->service->stats;
    uint64_t now_ms = clock_now_ms();
    double seconds;

    if (now_ms - r->at_ms < SAMPLE_MS)
        return;
    seconds = (double)(now_ms - r->at_ms) / 1000;
    r->commands_per_s = (double)(stats->commands - r->commands) / seconds;
    r->bytes_in_per_s = (double)(stats->traffic.in - r->bytes_in) / seconds;
    r->bytes_out_per_s = (double)(stats->traffic.out - r->bytes_out) / seconds;
    r->at_ms = now_ms;
    r->commands = stats->commands;
    r->bytes_in = stats->traffic.in;
    r->bytes_out = stats->traffic.out;
}

static void zeros(struct buf *out, const char *const *names, size_t count)
{
    for (size_t i = 0; i < count; i++)
        buf_printf(out, "%s:0\r\n", names[i]);
}

static void section_stats(struct sentinel_world *w, struct buf *out)
{
    static const char *const no_keys[] = {
        "sync_full",
        "sync_partial_ok",
        "sync_partial_err",
        "expired_keys",
        "expired_stale_perc",
        "expired_time_cap_reached_count",
        "expire_cycle_cpu_milliseconds",
        "evicted_keys",
        "evicted_clients",
        "total_eviction_exceeded_time",
        "current_eviction_exceeded_time",
        "keyspace_hits",
        "keyspace_misses",
    };
    static const char *const no_forks[] = {
        "latest_fork_usec",         "total_forks",
        "migrate_cached_sockets",   "slave_expires_tracked_keys",
        "active_defrag_hits",       "active_defrag_misses",
        "active_defrag_key_hits",   "active_defrag_key_misses",
        "total_active_defrag_time", "current_active_defrag_time",
        "tracking_total_keys",      "tracking_total_items",
        "tracking_total_prefixes",  "unexpected_error_replies",
    };
    const struct service_stats *s = &w->service->stats;
    const struct pubsub *p = w->service->pubsub;

    service_measure_traffic(w->service);
    buf_printf(out,
               "total_connections_received:%llu\r\n"
               "total_commands_processed:%llu\r\n"
               "instantaneous_ops_per_sec:%.0f\r\n"
               "total_net_input_bytes:%llu\r\n"
               "total_net_output_bytes:%llu\r\n"
               "total_net_repl_input_bytes:0\r\n"
               "total_net_repl_output_bytes:0\r\n"
               "instantaneous_input_kbps:%.2f\r\n"
               "instantaneous_output_kbps:%.2f\r\n"
               "instantaneous_input_repl_kbps:0.00\r\n"
               "instantaneous_output_repl_kbps:0.00\r\n"
               "rejected_connections:%llu\r\n",
               (unsigned long long)s->connections, (unsigned long long)s->commands,
               w->rates.commands_per_s, (unsigned long long)s->traffic.in,
               (unsigned long long)s->traffic.out, w->rates.bytes_in_per_s / 1024,
               w->rates.bytes_out_per_s / 1024, (unsigned long long)s->refused_connections);
    zeros(out, no_keys, ARRAY_LEN(no_keys));
    buf_printf(out, "pubsub_channels:%zu\r\npubsub_patterns:%zu\r\npubsubshard_channels:0\r\n",
               pubsub_names(p, PUBSUB_CHANNEL), pubsub_names(p, PUBSUB_PATTERN));
    zeros(out, no_forks, ARRAY_LEN(no_forks));
    buf_printf(out,
               "total_error_replies:%llu\r\n"
               "dump_payload_sanitizations:0\r\n"
               "total_reads_processed:%llu\r\n"
               "total_writes_processed:%llu\r\n"
               "io_threaded_reads_processed:0\r\n"
               "io_threaded_writes_processed:0\r\n"
               "reply_buffer_shrinks:0\r\n"
               "reply_buffer_expands:0\r\n",
               (unsigned long long)s->error_replies, (unsigned long long)s->reads,
               (unsigned long long)s->writes);
}

static void put_cpu(struct buf *out, const char *suffix, int who)
{
    struct rusage use;

    getrusage(who, &use);
    buf_printf(out, "used_cpu_sys%s:%ld.%06ld\r\n", suffix, use.ru_stime.tv_sec,
               (long)use.ru_stime.tv_usec);
    buf_printf(out, "used_cpu_user%s:%ld.%06ld\r\n", suffix, use.ru_utime.tv_sec,
               (long)use.ru_utime.tv_usec);
}

static void section_cpu(struct sentinel_world *w, struct buf *out)
{
    (void)w;
    put_cpu(out, "", RUSAGE_SELF);
    put_cpu(out, "_children", RUSAGE_CHILDREN);
    put_cpu(out, "_main_thread", RUSAGE_THREAD);
}

const char *serve_status_word(const struct group *g)
{
    if (g->agreed)
        return "odown";
    return g->leader->verdict == VERDICT_UP ? "ok" : "sdown";
}

static void section_sentinel(struct sentinel_world *w, struct buf *out)
{
    struct sentinel *core = w->core;
    size_t i = 0;

    buf_printf(out, "sentinel_masters:%zu\r\nsentinel_tilt:%d\r\n", core->group_count, core->tilt);
    if (core->tilt)
        buf_printf(out, "sentinel_tilt_since_seconds:%llu\r\n",
                   (unsigned long long)((clock_now_ms() - core->tilt_since_ms) / 1000));
    else
        buf_puts(out, "sentinel_tilt_since_seconds:-1\r\n");
    buf_printf(out,
               "sentinel_total_tilt:%llu\r\n"
               "sentinel_running_scripts:%zu\r\n"
               "sentinel_scripts_queue_length:%zu\r\n"
               "sentinel_simulate_failure_flags:%u\r\n",
               (unsigned long long)core->tilt_total, core->scripts_running, core->script_count,
               core->simulate);
    LIST_EACH (&core->groups, node) {
        const struct group *g = LIST_ENTRY(node, struct group, of_sentinel);

        buf_printf(out, "master%zu:name=%s,status=%s,address=%s:%d,slaves=%u,sentinels=%u\r\n", i++,
                   g->name, serve_status_word(g), node_host(core, g->leader), g->leader->addr.port,
                   g->node_count - 1, group_peers(g) + 1);
    }
}

static const struct {
    const char *word, *title;
    section_fn *write;
} sections[] = {
    { "server", "Server", section_server },       { "clients", "Clients", section_clients },
    { "stats", "Stats", section_stats },          { "cpu", "CPU", section_cpu },
    { "sentinel", "Sentinel", section_sentinel },
};

static bool section_asked(const struct call *c, const char *word)
{
    for (int i = 1; i < c->argc; i++)
        if (bytes_is_word(c->argv[i], word) || bytes_is_word(c->argv[i], "all") ||
            bytes_is_word(c->argv[i], "default") || bytes_is_word(c->argv[i], "everything"))
            return true;
    return c->argc == 1;
}

void sentinel_info_text(void *world, struct buf *out)
{
    for (size_t i = 0; i < ARRAY_LEN(sections); i++) {
        buf_printf(out, "# %s\r\n", sections[i].title);
        sections[i].write(world, out);
    }
}

void sentinel_info(struct call *c)
{
    struct buf text = { 0 };

    for (size_t i = 0; i < ARRAY_LEN(sections); i++) {
        if (!section_asked(c, sections[i].word))
            continue;
        buf_printf(&text, "%s# %s\r\n", text.len ? "\r\n" : "", sections[i].title);
        sections[i].write(world_of(c), &text);
    }
    reply_bulk(c->reply, buf_bytes(&text));
    buf_fini(&text);
}
