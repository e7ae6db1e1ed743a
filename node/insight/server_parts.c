/*
 * INFO about the process and the data set: server, memory, cpu, modules, cluster, keyspace.
 */
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/time.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "common/alloc.h"
#include "common/clock.h"
#include "common/serve/service.h"
#include "common/settings.h"
#include "node/insight/identity.h"
#include "node/insight/info.h"
#include "node/insight/memory.h"
#include "node/keyspace/keyspace.h"
#include "node/oplog/oplog.h"
#include "node/settings.h"
#include "node/world.h"

typedef unsigned long long ull;

static void write_server(struct node_world *w, struct buf *out)
{
    const struct server_settings *set = &w->set->server;
    uint64_t up_s = (clock_now_ms() - identity()->started_ms) / 1000;
    const char *path = settings_path(w->settings);
    static char executable[1024];
    struct utsname os;
    struct timeval now;

    uname(&os);
    gettimeofday(&now, NULL);
    if (!executable[0] && readlink("/proc/self/exe", executable, sizeof executable - 1) < 0)
        executable[0] = '\0';
    info_line(out, "redis_version", "%s", SERVE_REDIS_VERSION);
    info_line(out, "redis_git_sha1", "00000000");
    info_line(out, "redis_git_dirty", "0");
    info_line(out, "redis_build_id", "%s", HF_VERSION);
    info_line(out, "redis_mode", "standalone");
    info_line(out, "os", "%s %s %s", os.sysname, os.release, os.machine);
    info_line(out, "arch_bits", "%d", (int)sizeof(void *) * 8);
    info_line(out, "monotonic_clock", "POSIX clock_gettime");
    info_line(out, "multiplexing_api", "epoll");
    info_line(out, "atomicvar_api", "c11-builtin");
    info_line(out, "gcc_version", "%d.%d.%d", __GNUC__, __GNUC_MINOR__, __GNUC_PATCHLEVEL__);
    info_line(out, "process_id", "%d", (int)getpid());
    info_line(out, "process_supervised", "%s", identity()->supervised ? "systemd" : "no");
    info_line(out, "run_id", "%s", identity()->run_id);
    info_line(out, "tcp_port", "%lld", (long long)(set->port ? set->port : set->tls_port));
    info_line(out, "server_time_usec", "%lld", (long long)now.tv_sec * 1000000 + now.tv_usec);
    info_line(out, "uptime_in_seconds", "%llu", (ull)up_s);
    info_line(out, "uptime_in_days", "%llu", (ull)(up_s / 86400));
    info_line(out, "hz", "%lld", (long long)set->hz);
    info_line(out, "configured_hz", "%lld", (long long)set->hz);
    info_line(out, "lru_clock", "%llu", (ull)(clock_wall_ms() / 1000 & 0xffffff));
    info_line(out, "executable", "%s", executable);
    info_line(out, "config_file", "%s", path ? path : "");
    info_line(out, "io_threads_active", "0");
}

static void write_ours(struct node_world *w, struct buf *out)
{
    (void)w;
    info_line(out, "server_name", "holdfast");
    info_line(out, "holdfast_version", "%s", HF_VERSION);
}

static void write_usage(const struct memory *m, struct buf *out)
{
    uint64_t grown = m->used > m->startup ? m->used - m->startup : 0;

    info_bytes(out, "used_memory", m->used);
    info_bytes(out, "used_memory_rss", m->rss);
    info_bytes(out, "used_memory_peak", m->peak);
    info_line(out, "used_memory_peak_perc", "%.2f%%", 100 * memory_ratio(m->used, m->peak));
    info_line(out, "used_memory_overhead", "%llu", (ull)m->overhead);
    info_line(out, "used_memory_startup", "%llu", (ull)m->startup);
    info_line(out, "used_memory_dataset", "%llu", (ull)m->dataset);
    info_line(out, "used_memory_dataset_perc", "%.2f%%", 100 * memory_ratio(m->dataset, grown));
    info_line(out, "allocator_allocated", "%llu", (ull)m->allocated);
    info_line(out, "allocator_active", "%llu", (ull)m->active);
    info_line(out, "allocator_resident", "%llu", (ull)m->resident);
    info_bytes(out, "total_system_memory", m->total);
}

static const char *policy_word(int policy)
{
    static const char *const words[] = {
        [POLICY_VOLATILE_LRU] = "volatile-lru",       [POLICY_VOLATILE_LFU] = "volatile-lfu",
        [POLICY_VOLATILE_RANDOM] = "volatile-random", [POLICY_VOLATILE_TTL] = "volatile-ttl",
        [POLICY_ALLKEYS_LRU] = "allkeys-lru",         [POLICY_ALLKEYS_LFU] = "allkeys-lfu",
        [POLICY_ALLKEYS_RANDOM] = "allkeys-random",   [POLICY_NOEVICTION] = "noeviction",
    };

    return words[policy];
}

static void write_fragmentation(const struct memory *m, struct buf *out)
{
    info_line(out, "allocator_frag_ratio", "%.2f", memory_ratio(m->active, m->allocated));
    info_line(out, "allocator_frag_bytes", "%lld", (long long)(m->active - m->allocated));
    info_line(out, "allocator_rss_ratio", "%.2f", memory_ratio(m->resident, m->active));
    info_line(out, "allocator_rss_bytes", "%lld", (long long)(m->resident - m->active));
    info_line(out, "rss_overhead_ratio", "%.2f", memory_ratio(m->rss, m->resident));
    info_line(out, "rss_overhead_bytes", "%lld", (long long)(m->rss - m->resident));
    info_line(out, "mem_fragmentation_ratio", "%.2f", memory_ratio(m->rss, m->used));
    info_line(out, "mem_fragmentation_bytes", "%lld", (long long)(m->rss - m->used));
}

static void write_memory(struct node_world *w, struct buf *out)
{
    struct memory m;

    memory_measure(w, &m);
    write_usage(&m, out);
}

/* The fields of scripts stand between. */
static void write_more_memory(struct node_world *w, struct buf *out)
{
    struct keyspace_stats keys;
    struct memory m;

    memory_measure(w, &m);
    keyspace_stats(w->keyspace, &keys);
    info_bytes(out, "maxmemory", w->set->maxmemory_bytes);
    info_line(out, "maxmemory_policy", "%s", policy_word(w->set->maxmemory_policy));
    write_fragmentation(&m, out);
    info_line(out, "mem_not_counted_for_evict", "%llu", (ull)memory_not_counted(w));
    info_line(out, "mem_replication_backlog", "%llu", (ull)m.backlog);
    info_line(out, "mem_total_replication_buffers", "%llu", (ull)w->oplog->held_bytes);
    info_line(out, "mem_clients_slaves", "%llu", (ull)m.followers);
    info_line(out, "mem_clients_normal", "%llu", (ull)m.clients);
    info_line(out, "mem_cluster_links", "0");
    info_line(out, "mem_aof_buffer", "%llu", (ull)m.file);
    info_line(out, "mem_allocator", "%s", alloc_name());
    info_line(out, "active_defrag_running", "0");
    info_line(out, "lazyfree_pending_objects", "%llu", (ull)keys.pending_frees);
    info_line(out, "lazyfreed_objects", "%llu", (ull)keys.freed_later);
}

static void write_usage_of(struct buf *out, int who, const char *sys, const char *user)
{
    struct rusage u;

    if (getrusage(who, &u) != 0)
        return;
    info_line(out, sys, "%lld.%06ld", (long long)u.ru_stime.tv_sec, (long)u.ru_stime.tv_usec);
    info_line(out, user, "%lld.%06ld", (long long)u.ru_utime.tv_sec, (long)u.ru_utime.tv_usec);
}

static void write_cpu(struct node_world *w, struct buf *out)
{
    (void)w;
    write_usage_of(out, RUSAGE_SELF, "used_cpu_sys", "used_cpu_user");
    write_usage_of(out, RUSAGE_CHILDREN, "used_cpu_sys_children", "used_cpu_user_children");
    write_usage_of(out, RUSAGE_THREAD, "used_cpu_sys_main_thread", "used_cpu_user_main_thread");
}

static void write_cluster(struct node_world *w, struct buf *out)
{
    (void)w;
    info_line(out, "cluster_enabled", "0");
}

static void write_keyspace(struct node_world *w, struct buf *out)
{
    for (int db = 0; db < keyspace_databases(w->keyspace); db++) {
        struct keyspace_db_stats s;

        keyspace_db_stats(w->keyspace, db, &s);
        if (s.keys)
            buf_printf(out, "db%d:keys=%llu,expires=%llu,avg_ttl=%llu\r\n", db, (ull)s.keys,
                       (ull)s.expires, (ull)s.avg_ttl_ms);
    }
}

const struct info_part info_parts[] = {
    { INFO_SERVER, 100, write_server },     { INFO_SERVER, 1000, write_ours },
    { INFO_MEMORY, 100, write_memory },     { INFO_MEMORY, 200, write_more_memory },
    { INFO_CPU, 100, write_cpu },           { INFO_CLUSTER, 100, write_cluster },
    { INFO_KEYSPACE, 100, write_keyspace }, { 0 },
};
