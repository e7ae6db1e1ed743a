/*
 * settings - the node's settings: every directive of redis.conf 7.0, as a struct to read from.
 *
 * A room reads the value where it needs it (world->set->…): CONFIG SET changes the struct in place, so
 * nothing is copied at start that may change later. Where a change must act at once the row has an
 * apply hook: rooms register theirs with settings_hook. What this version accepts without acting on it
 * is flagged SETTING_IGNORED in its row, and the log says so once. dir is the process's own directory.
 *
 * Names of fields are the directive's, with leader and follower for master and slave, and a unit.
 */
#ifndef HF_NODE_SETTINGS_H
#define HF_NODE_SETTINGS_H

#include "common/server_settings.h"
#include "node/keyspace/keyspace.h"

enum { SAVE_POINTS_MAX = 64 };

enum maxmemory_policy { /* the words stand in the row */
                        POLICY_VOLATILE_LRU,
                        POLICY_VOLATILE_LFU,
                        POLICY_VOLATILE_RANDOM,
                        POLICY_VOLATILE_TTL,
                        POLICY_ALLKEYS_LRU,
                        POLICY_ALLKEYS_LFU,
                        POLICY_ALLKEYS_RANDOM,
                        POLICY_NOEVICTION,
};

enum diskless_load { DISKLESS_LOAD_DISABLED, DISKLESS_LOAD_ON_EMPTY_DB, DISKLESS_LOAD_SWAPDB };
enum appendfsync { APPENDFSYNC_NO, APPENDFSYNC_ALWAYS, APPENDFSYNC_EVERYSEC };
enum sanitize_dump { SANITIZE_NO, SANITIZE_YES, SANITIZE_CLIENTS };
enum propagation_error { PROPAGATION_IGNORE, PROPAGATION_PANIC, PROPAGATION_PANIC_ON_FOLLOWERS };
enum hf_solo { HF_SOLO_NO, HF_SOLO_FSYNC };
enum hf_read_mode { HF_READ_COMMITTED, HF_READ_CONFIRM, HF_READ_LOCAL };
enum cluster_endpoint { CLUSTER_ENDPOINT_IP, CLUSTER_ENDPOINT_HOSTNAME, CLUSTER_ENDPOINT_UNKNOWN };

/* The letter A of notify-keyspace-events; the classes are the keyspace's own (enum notify_class). */
enum {
    NOTIFY_ALL = NOTIFY_GENERIC | NOTIFY_STRING | NOTIFY_LIST | NOTIFY_SET | NOTIFY_HASH |
                 NOTIFY_ZSET | NOTIFY_EXPIRED | NOTIFY_EVICTED | NOTIFY_STREAM | NOTIFY_MODULE,
};

struct save_point {
    int64_t seconds, changes;
};

struct node_settings {
    struct server_settings server; /* first: the shared rows' offsets hold for the whole */

    /* keyspace */
    int64_t databases;
    uint64_t maxmemory_bytes;
    int maxmemory_policy; /* enum maxmemory_policy */
    int64_t maxmemory_samples, maxmemory_eviction_tenacity;
    int64_t lfu_log_factor, lfu_decay_time_min, active_expire_effort;
    bool activerehashing;
    struct lazy_free lazily; /* lazyfree-lazy-*, replica-lazy-flush */
    int notify_events;       /* enum notify_class */

    /* types */
    struct value_limits limits;
    int sanitize_dump_payload; /* enum sanitize_dump */

    /* replication */
    char *leader_host; /* replicaof; "": this node leads */
    int64_t leader_port;
    struct bytes leader_auth, leader_auth_fallback; /* masterauth, masterauth-fallback */
    char *leader_user;                              /* masteruser */
    bool follower_read_only, follower_serve_stale_data, follower_announced;
    bool follower_ignore_maxmemory, follower_ignore_disk_write_errors;
    int64_t follower_priority, follower_announce_port, follower_max_staleness_ms;
    char *follower_announce_ip;
    int64_t min_followers_to_write, min_followers_max_lag_s;
    int64_t hf_stall_refuse_ms, hf_confirm_timeout_ms, hf_stale_read_limit_ms;
    int64_t hf_heartbeat_ms, hf_silence_limit_ms, hf_reset_grace_ms, hf_sync_max_lag_ms;
    int64_t hf_grow_stable_ms, hf_grow_hold_down_max_ms;
    bool hf_join;
    int64_t hf_discarded_bytes_max;
    int hf_solo, hf_read_mode; /* enum hf_solo, enum hf_read_mode */
    char *hf_group, *hf_sentinel_user;
    struct bytes hf_sentinel_pass, hf_sentinel_pass_fallback;
    bool repl_diskless_sync, repl_disable_tcp_nodelay;
    int64_t repl_diskless_sync_delay_s, repl_diskless_sync_max_followers;
    int repl_diskless_load; /* enum diskless_load */
    int64_t repl_ping_period_s, repl_timeout_s;
    uint64_t repl_backlog_bytes;
    int64_t repl_backlog_ttl_s;
    int propagation_error; /* enum propagation_error */

    /* persistence */
    struct save_point save[SAVE_POINTS_MAX];
    int save_count;
    char *dbfilename;
    bool stop_writes_on_bgsave_error, rdbcompression, rdbchecksum, rdb_del_sync_files;
    bool rdb_save_incremental_fsync;
    bool appendonly, no_appendfsync_on_rewrite, aof_load_truncated, aof_use_rdb_preamble;
    bool aof_rewrite_incremental_fsync, aof_timestamp_enabled, aof_disable_auto_gc;
    char *appendfilename, *appenddirname;
    int appendfsync; /* enum appendfsync */
    int64_t auto_aof_rewrite_percentage;
    uint64_t auto_aof_rewrite_min_bytes;
    int64_t rdb_key_save_delay_us, key_load_delay_us; /* hidden: for tests */
    int64_t loading_process_events_bytes;             /* likewise */

    /* scripts */
    int64_t busy_reply_threshold_ms;
    uint64_t script_memory_max_bytes;
    bool lua_enable_deprecated_api;

    /* the loop */
    bool io_uring;
    int64_t loop_rest_max_us;
    int64_t repl_gather_max_ms;

    /* defragmentation */
    bool activedefrag, jemalloc_bg_thread;
    uint64_t active_defrag_ignore_bytes;
    int64_t active_defrag_threshold_lower, active_defrag_threshold_upper;
    int64_t active_defrag_cycle_min, active_defrag_cycle_max, active_defrag_max_scan_fields;

    /* cluster: answered, and off */
    bool cluster_enabled;
    char *cluster_config_file, *cluster_announce_ip, *cluster_announce_hostname;
    int64_t cluster_node_timeout_ms, cluster_port;
    int64_t cluster_announce_port, cluster_announce_tls_port, cluster_announce_bus_port;
    int64_t cluster_migration_barrier, cluster_follower_validity_factor;
    bool cluster_follower_no_failover, cluster_require_full_coverage;
    bool cluster_allow_follower_migration, cluster_allow_reads_when_down;
    bool cluster_allow_pubsubshard_when_down;
    uint64_t cluster_link_sendbuf_bytes;
    int cluster_preferred_endpoint; /* enum cluster_endpoint */

    int64_t watchdog_period_ms; /* hidden */
    bool use_exit_on_panic;     /* hidden */
};

/* Adds the shared rows and the node's to s, whose values are a struct node_settings. */
void node_settings_add(struct settings *s);

#endif
