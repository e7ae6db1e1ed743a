#include "node/settings.h"

#include <string.h>

#include "node/settings_group.h"
#include "node/settings_lines.h"

/* ---- words ------------------------------------------------------------------------------------- */

static const struct setting_word policy_words[] = {
    { "volatile-lru", POLICY_VOLATILE_LRU },
    { "volatile-lfu", POLICY_VOLATILE_LFU },
    { "volatile-random", POLICY_VOLATILE_RANDOM },
    { "volatile-ttl", POLICY_VOLATILE_TTL },
    { "allkeys-lru", POLICY_ALLKEYS_LRU },
    { "allkeys-lfu", POLICY_ALLKEYS_LFU },
    { "allkeys-random", POLICY_ALLKEYS_RANDOM },
    { "noeviction", POLICY_NOEVICTION },
    { NULL, 0 },
};
static const struct setting_word sanitize_words[] = {
    { "no", SANITIZE_NO },
    { "yes", SANITIZE_YES },
    { "clients", SANITIZE_CLIENTS },
    { NULL, 0 },
};
static const struct setting_word diskless_load_words[] = {
    { "disabled", DISKLESS_LOAD_DISABLED },
    { "on-empty-db", DISKLESS_LOAD_ON_EMPTY_DB },
    { "swapdb", DISKLESS_LOAD_SWAPDB },
    { NULL, 0 },
};
static const struct setting_word propagation_words[] = {
    { "ignore", PROPAGATION_IGNORE },
    { "panic", PROPAGATION_PANIC },
    { "panic-on-replicas", PROPAGATION_PANIC_ON_FOLLOWERS },
    { NULL, 0 },
};
static const struct setting_word appendfsync_words[] = {
    { "everysec", APPENDFSYNC_EVERYSEC },
    { "always", APPENDFSYNC_ALWAYS },
    { "no", APPENDFSYNC_NO },
    { NULL, 0 },
};
static const struct setting_word cluster_endpoint_words[] = {
    { "ip", CLUSTER_ENDPOINT_IP },
    { "hostname", CLUSTER_ENDPOINT_HOSTNAME },
    { "unknown-endpoint", CLUSTER_ENDPOINT_UNKNOWN },
    { NULL, 0 },
};

/* ---- checks ------------------------------------------------------------------------------------ */

static enum err check_file_name(struct bytes value, const char *sentence, struct errmsg *out_why)
{
    if (!value.len || !memchr(value.at, '/', value.len))
        return OK;
    errmsg_set(out_why, "%s", sentence);
    return ERR_SYNTAX;
}

static enum err check_dbfilename(struct bytes value, struct errmsg *out_why)
{
    return check_file_name(value, "dbfilename can't be a path, just a filename", out_why);
}

static enum err check_appendfilename(struct bytes value, struct errmsg *out_why)
{
    return check_file_name(value, "appendfilename can't be a path, just a filename", out_why);
}

static enum err check_appenddirname(struct bytes value, struct errmsg *out_why)
{
    return check_file_name(value, "appenddirname can't be a path, just a dirname", out_why);
}

static enum err check_hostname(struct bytes value, struct errmsg *out_why)
{
    if (value.len >= 256) {
        errmsg_set(out_why, "Hostnames must be less than 256 characters");
        return ERR_RANGE;
    }
    for (size_t i = 0; i < value.len; i++) {
        char c = value.at[i];

        if ((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
            c == '-' || c == '.')
            continue;
        errmsg_set(out_why, "Hostnames may only contain alphanumeric characters, hyphens or dots");
        return ERR_SYNTAX;
    }
    return OK;
}

static enum err check_activedefrag(struct bytes value, struct errmsg *out_why)
{
    if (bytes_is_word(value, "no"))
        return OK;
    /* Redis's own words: monitoring looks for them. */
    errmsg_set(out_why,
               "Active defragmentation cannot be enabled: it requires a Redis server compiled "
               "with a modified Jemalloc like the one shipped by default with the Redis "
               "source distribution");
    return ERR_UNSUPPORTED;
}

/* A cluster node that answers as a single one would be believed to own every slot. */
static enum err check_cluster(struct bytes value, struct errmsg *out_why)
{
    if (bytes_is_word(value, "no"))
        return OK;
    errmsg_set(out_why, "Cluster mode is not offered by this version");
    return ERR_UNSUPPORTED;
}

/* ---- the rows ---------------------------------------------------------------------------------- */

#define AT(field) .at = offsetof(struct node_settings, field)

static const struct setting node_setting_rows[] = {
    /* clang-format off */
    /* keyspace */
    { .name = "databases", .kind = SET_INT, .def = "16", .min = "1", .max = "2147483647",
      AT(databases), .when = SET_AT_START, .help = "Number of databases." },
    { .name = "maxmemory", .kind = SET_BYTES, .def = "0", .min = "0", AT(maxmemory_bytes),
      .when = SET_LIVE, .help = "Memory for data; 0 is no limit." },
    { .name = "maxmemory-policy", .kind = SET_ENUM, .def = "noeviction", AT(maxmemory_policy),
      .words = policy_words, .when = SET_LIVE, .help = "Which keys leave when that is used up." },
    { .name = "maxmemory-samples", .kind = SET_INT, .def = "5", .min = "1", .max = "2147483647",
      AT(maxmemory_samples), .when = SET_LIVE, .help = "Keys compared to find the one that leaves." },
    { .name = "maxmemory-eviction-tenacity", .kind = SET_INT, .def = "10", .min = "0", .max = "100",
      AT(maxmemory_eviction_tenacity), .when = SET_LIVE, .help = "How long a command may wait for keys to leave." },
    { .name = "lfu-log-factor", .kind = SET_INT, .def = "10", .min = "0", .max = "2147483647",
      AT(lfu_log_factor), .when = SET_LIVE, .help = "How many accesses saturate a key's counter." },
    { .name = "lfu-decay-time", .kind = SET_INT, .def = "1", .min = "0", .max = "2147483647",
      AT(lfu_decay_time_min), .when = SET_LIVE, .help = "Minutes after which it is lowered." },
    { .name = "active-expire-effort", .kind = SET_INT, .def = "1", .min = "1", .max = "10",
      AT(active_expire_effort), .when = SET_LIVE, .flags = SETTING_IGNORED,
      .help = "How much work goes into finding expired keys." },
    { .name = "activerehashing", .kind = SET_BOOL, .def = "yes", AT(activerehashing),
      .when = SET_LIVE, .flags = SETTING_IGNORED, .help = "Resize tables in idle moments." },
    { .name = "lazyfree-lazy-eviction", .kind = SET_BOOL, .def = "no", AT(lazily.eviction),
      .when = SET_LIVE, .help = "Free evicted values in the background." },
    { .name = "lazyfree-lazy-expire", .kind = SET_BOOL, .def = "no", AT(lazily.expire),
      .when = SET_LIVE, .help = "Free expired values in the background." },
    { .name = "lazyfree-lazy-server-del", .kind = SET_BOOL, .def = "no",
      AT(lazily.server_del), .when = SET_LIVE, .help = "Free replaced values in the background." },
    { .name = "lazyfree-lazy-user-del", .kind = SET_BOOL, .def = "no", AT(lazily.user_del),
      .when = SET_LIVE, .help = "Let DEL be UNLINK." },
    { .name = "lazyfree-lazy-user-flush", .kind = SET_BOOL, .def = "no",
      AT(lazily.user_flush), .when = SET_LIVE, .help = "Let FLUSHALL and FLUSHDB be ASYNC." },
    { .name = "notify-keyspace-events", .kind = SET_LINES, .def = "", .when = SET_LIVE,
      .line = notify_line, .get = notify_get, .lines = notify_lines,
      .help = "Letters of the events that are published." },

    /* types */
    { .name = "hash-max-listpack-entries", .alias = "hash-max-ziplist-entries", .kind = SET_INT,
      .def = "512", .min = "0", .max = "9223372036854775807", AT(limits.hash_max_listpack_entries),
      .when = SET_LIVE, .help = "Fields up to which a hash is packed." },
    { .name = "hash-max-listpack-value", .alias = "hash-max-ziplist-value", .kind = SET_BYTES,
      .def = "64", .min = "0", .max = "9223372036854775807", AT(limits.hash_max_listpack_value_bytes),
      .when = SET_LIVE,
      .help = "Longest field or value of a packed hash." },
    { .name = "zset-max-listpack-entries", .alias = "zset-max-ziplist-entries", .kind = SET_INT,
      .def = "128", .min = "0", .max = "9223372036854775807", AT(limits.zset_max_listpack_entries),
      .when = SET_LIVE,
      .help = "Members up to which a sorted set is packed." },
    { .name = "zset-max-listpack-value", .alias = "zset-max-ziplist-value", .kind = SET_BYTES,
      .def = "64", .min = "0", .max = "9223372036854775807", AT(limits.zset_max_listpack_value_bytes),
      .when = SET_LIVE,
      .help = "Longest member of a packed sorted set." },
    { .name = "set-max-intset-entries", .kind = SET_INT, .def = "512", .min = "0",
      .max = "9223372036854775807", AT(limits.set_max_intset_entries), .when = SET_LIVE,
      .help = "Members up to which a set of integers is packed." },
    { .name = "list-max-listpack-size", .alias = "list-max-ziplist-size", .kind = SET_INT,
      .def = "-2", .min = "-2147483648", .max = "2147483647", AT(limits.list_max_listpack_size),
      .when = SET_LIVE,
      .help = "Size of a list's nodes: entries, or -1 to -5 for 4 to 64 kb." },
    { .name = "list-compress-depth", .kind = SET_INT, .def = "0", .min = "0", .max = "2147483647",
      AT(limits.list_compress_depth), .when = SET_LIVE, .flags = SETTING_IGNORED,
      .help = "Nodes at each end that are not compressed; 0 compresses none." },
    { .name = "hll-sparse-max-bytes", .kind = SET_BYTES, .def = "3000", .min = "0",
      .max = "9223372036854775807", AT(limits.hll_sparse_max_bytes), .when = SET_LIVE,
      .help = "Size up to which a HyperLogLog is sparse." },
    { .name = "stream-node-max-bytes", .kind = SET_BYTES, .def = "4kb", .min = "0",
      .max = "9223372036854775807", AT(limits.stream_node_max_bytes), .when = SET_LIVE,
      .help = "Size of a stream's nodes, from which on the next one begins; 0: without limit." },
    { .name = "stream-node-max-entries", .kind = SET_INT, .def = "100", .min = "0",
      .max = "9223372036854775807", AT(limits.stream_node_max_entries), .when = SET_LIVE,
      .help = "Entries of a stream's nodes, deleted ones too; 0: without limit." },
    { .name = "sanitize-dump-payload", .kind = SET_ENUM, .def = "no", AT(sanitize_dump_payload),
      .words = sanitize_words, .when = SET_LIVE, .flags = SETTING_IGNORED,
      .help = "Check packed values that come by RESTORE or a full sync to the last byte." },
    { .name = "list-max-ziplist-entries", .kind = SET_LINES, .when = SET_LIVE,
      .flags = SETTING_RETIRED, .help = "Of versions before 3.2." },
    { .name = "list-max-ziplist-value", .kind = SET_LINES, .when = SET_LIVE,
      .flags = SETTING_RETIRED, .help = "Of versions before 3.2." },
    { .name = "lua-replicate-commands", .kind = SET_LINES, .when = SET_LIVE,
      .flags = SETTING_RETIRED, .help = "Of versions before 7.0." },

    /* replication */
    { .name = "replicaof", .alias = "slaveof", .kind = SET_LINES, .def = "no one",
      .when = SET_AT_START, .line = replicaof_line, .get = replicaof_get, .lines = replicaof_lines,
      .fini = replicaof_fini, .help = "The leader this node follows: host and port." },
    { .name = "masterauth", .kind = SET_PASSWORD, AT(leader_auth), .when = SET_LIVE,
      .help = "Password shown to the leader." },
    { .name = "masterauth-fallback", .kind = SET_PASSWORD, AT(leader_auth_fallback),
      .when = SET_LIVE, .help = "Password tried where the leader refuses that one." },
    { .name = "masteruser", .kind = SET_TEXT, AT(leader_user), .when = SET_LIVE,
      .help = "User shown to the leader." },
    { .name = "replica-read-only", .alias = "slave-read-only", .kind = SET_BOOL, .def = "yes",
      AT(follower_read_only), .when = SET_LIVE, .help = "A follower refuses writes of clients." },
    { .name = "replica-serve-stale-data", .alias = "slave-serve-stale-data", .kind = SET_BOOL,
      .def = "yes", AT(follower_serve_stale_data), .when = SET_LIVE,
      .help = "A follower without its leader still answers reads." },
    { .name = "replica-max-staleness-ms", .kind = SET_INT, .def = "0", .min = "0",
      .max = "2147483647", AT(follower_max_staleness_ms), .when = SET_LIVE,
      .help = "A follower that cannot prove its data to be no older refuses reads; 0 is any age." },
    { .name = "replica-announced", .kind = SET_BOOL, .def = "yes", AT(follower_announced),
      .when = SET_LIVE, .help = "Sentinels may show this follower." },
    { .name = "replica-announce-ip", .alias = "slave-announce-ip", .kind = SET_TEXT,
      AT(follower_announce_ip), .when = SET_LIVE,
      .help = "Address told to the leader instead of the one it sees." },
    { .name = "replica-announce-port", .alias = "slave-announce-port", .kind = SET_INT, .def = "0",
      .min = "0", .max = "65535", AT(follower_announce_port), .when = SET_LIVE,
      .help = "Port told to the leader instead of our own." },
    { .name = "replica-priority", .alias = "slave-priority", .kind = SET_INT, .def = "100",
      .min = "0", .max = "2147483647", AT(follower_priority), .when = SET_LIVE,
      .help = "Who is promoted: the lowest, but never 0." },
    { .name = "replica-ignore-maxmemory", .alias = "slave-ignore-maxmemory", .kind = SET_BOOL,
      .def = "yes", AT(follower_ignore_maxmemory), .when = SET_LIVE,
      .help = "A follower evicts only what its leader evicts." },
    { .name = "replica-ignore-disk-write-errors", .kind = SET_BOOL, .def = "no",
      AT(follower_ignore_disk_write_errors), .when = SET_LIVE, .flags = SETTING_IGNORED,
      .help = "A follower goes on when it cannot save." },
    { .name = "replica-lazy-flush", .alias = "slave-lazy-flush", .kind = SET_BOOL, .def = "no",
      AT(lazily.follower_flush), .when = SET_LIVE, .help = "Free the old data in the background at a full sync." },
    { .name = "min-replicas-to-write", .alias = "min-slaves-to-write", .kind = SET_INT, .def = "0",
      .min = "0", .max = "2147483647", AT(min_followers_to_write), .when = SET_LIVE,
      .help = "Followers without which the leader refuses writes." },
    { .name = "min-replicas-max-lag", .alias = "min-slaves-max-lag", .kind = SET_INT, .def = "10",
      .min = "0", .max = "2147483647", AT(min_followers_max_lag_s), .when = SET_LIVE,
      .help = "Seconds since its last word after which a follower does not count." },
    { .name = "repl-diskless-sync", .kind = SET_BOOL, .def = "yes", AT(repl_diskless_sync),
      .when = SET_LIVE, .help = "Full syncs go from memory to the follower." },
    { .name = "repl-diskless-sync-delay", .kind = SET_INT, .def = "5", .min = "0",
      .max = "2147483647", AT(repl_diskless_sync_delay_s), .when = SET_LIVE,
      .help = "Seconds to wait for more followers before a full sync." },
    { .name = "repl-diskless-sync-max-replicas", .kind = SET_INT, .def = "0", .min = "0",
      .max = "2147483647", AT(repl_diskless_sync_max_followers), .when = SET_LIVE,
      .help = "Followers at which that wait ends; 0 is the whole wait." },
    { .name = "repl-diskless-load", .kind = SET_ENUM, .def = "disabled", AT(repl_diskless_load),
      .words = diskless_load_words, .when = SET_LIVE, .flags = SETTING_IGNORED,
      .help = "When a follower loads what it receives without a file between." },
    { .name = "repl-disable-tcp-nodelay", .kind = SET_BOOL, .def = "no",
      AT(repl_disable_tcp_nodelay), .when = SET_LIVE, .flags = SETTING_IGNORED,
      .help = "Fewer and later packets to followers." },
    { .name = "repl-gather-max", .kind = SET_INT, .def = "2", .min = "0", .max = "10",
      AT(repl_gather_max_ms), .when = SET_LIVE,
      .help = "Milliseconds that a busy leader's stream may wait for more, to leave in fewer packets; two more where it pauses." },
    { .name = "repl-ping-replica-period", .alias = "repl-ping-slave-period", .kind = SET_INT,
      .def = "10", .min = "1", .max = "2147483647", AT(repl_ping_period_s), .when = SET_LIVE,
      .help = "Seconds between the leader's pings." },
    { .name = "repl-timeout", .kind = SET_INT, .def = "60", .min = "1", .max = "2147483647",
      AT(repl_timeout_s), .when = SET_LIVE,
      .help = "Seconds of silence that end a replication link." },
    { .name = "repl-backlog-size", .kind = SET_BYTES, .def = "1mb", .min = "1",
      .max = "9223372036854775807", AT(repl_backlog_bytes), .clamp_min = "16kb", .when = SET_LIVE,
      .help = "Stream kept behind the tip, so a short absence costs a follower no full sync." },
    { .name = "repl-backlog-ttl", .kind = SET_INT, .def = "3600", .min = "0",
      .max = "9223372036854775807", AT(repl_backlog_ttl_s), .when = SET_LIVE,
      .help = "Seconds a leader without followers keeps it; 0 is for ever." },
    { .name = "propagation-error-behavior", .kind = SET_ENUM, .def = "ignore",
      AT(propagation_error), .words = propagation_words, .when = SET_LIVE, .flags = SETTING_IGNORED,
      .help = "What a follower does when the stream holds an error." },

    /* persistence */
    { .name = "save", .kind = SET_LINES, .def = "3600 1 300 100 60 10000", .when = SET_LIVE,
      .flags = SETTING_MULTI, .line = save_line, .clear = save_clear, .get = save_get,
      .lines = save_lines, .help = "Snapshots: after so many seconds if so many changes." },
    { .name = "dbfilename", .kind = SET_TEXT, .def = "dump.rdb", AT(dbfilename),
      .check = check_dbfilename, .when = SET_LIVE, .flags = SETTING_PROTECTED,
      .help = "Name of the snapshot file." },
    { .name = "stop-writes-on-bgsave-error", .kind = SET_BOOL, .def = "yes",
      AT(stop_writes_on_bgsave_error), .when = SET_LIVE,
      .help = "Refuse writes when the last snapshot failed." },
    { .name = "rdbcompression", .kind = SET_BOOL, .def = "yes", AT(rdbcompression),
      .when = SET_LIVE, .help = "Compress strings in snapshots." },
    { .name = "rdbchecksum", .kind = SET_BOOL, .def = "yes", AT(rdbchecksum), .when = SET_AT_START,
      .help = "Put a checksum behind snapshots and check it." },
    { .name = "rdb-del-sync-files", .kind = SET_BOOL, .def = "no", AT(rdb_del_sync_files),
      .when = SET_LIVE, .flags = SETTING_IGNORED,
      .help = "Remove files that a full sync left where nothing else is kept." },
    { .name = "rdb-save-incremental-fsync", .kind = SET_BOOL, .def = "yes",
      AT(rdb_save_incremental_fsync), .when = SET_LIVE, .flags = SETTING_IGNORED,
      .help = "Send a snapshot to the disk piece by piece." },
    { .name = "appendonly", .kind = SET_BOOL, .def = "no", AT(appendonly), .when = SET_LIVE,
      .help = "Keep every write in a file." },
    { .name = "appendfilename", .kind = SET_TEXT, .def = "appendonly.aof", AT(appendfilename),
      .check = check_appendfilename, .when = SET_AT_START, .help = "First part of that file's name." },
    { .name = "appenddirname", .kind = SET_TEXT, .def = "appendonlydir", AT(appenddirname),
      .check = check_appenddirname, .when = SET_AT_START, .help = "Directory of those files." },
    { .name = "appendfsync", .kind = SET_ENUM, .def = "everysec", AT(appendfsync),
      .words = appendfsync_words, .when = SET_LIVE, .help = "When writes go to the disk: before each reply, once a second, when the system likes." },
    { .name = "no-appendfsync-on-rewrite", .kind = SET_BOOL, .def = "no",
      AT(no_appendfsync_on_rewrite), .when = SET_LIVE, .help = "Not while one is rewritten." },
    { .name = "auto-aof-rewrite-percentage", .kind = SET_INT, .def = "100", .min = "0",
      .max = "2147483647", AT(auto_aof_rewrite_percentage), .when = SET_LIVE,
      .help = "Growth at which one is rewritten." },
    { .name = "auto-aof-rewrite-min-size", .kind = SET_BYTES, .def = "64mb", .min = "0",
      .max = "9223372036854775807", AT(auto_aof_rewrite_min_bytes), .when = SET_LIVE,
      .help = "Size below which it is not." },
    { .name = "aof-load-truncated", .kind = SET_BOOL, .def = "yes", AT(aof_load_truncated),
      .when = SET_LIVE, .help = "Load one whose end is torn." },
    { .name = "aof-use-rdb-preamble", .kind = SET_BOOL, .def = "yes", AT(aof_use_rdb_preamble),
      .when = SET_LIVE, .help = "Begin it with a snapshot." },
    { .name = "aof-timestamp-enabled", .kind = SET_BOOL, .def = "no", AT(aof_timestamp_enabled),
      .when = SET_LIVE, .help = "Put times into it." },
    { .name = "aof-rewrite-incremental-fsync", .kind = SET_BOOL, .def = "yes",
      AT(aof_rewrite_incremental_fsync), .when = SET_LIVE, .flags = SETTING_IGNORED,
      .help = "Send it to the disk piece by piece." },
    { .name = "aof-disable-auto-gc", .kind = SET_BOOL, .def = "no", AT(aof_disable_auto_gc),
      .when = SET_LIVE, .help = "Keep old ones." },
    { .name = "rdb-key-save-delay", .kind = SET_INT, .def = "0", .min = "-2147483648",
      .max = "2147483647", AT(rdb_key_save_delay_us), .when = SET_LIVE,
      .flags = SETTING_HIDDEN,
      .help = "Microseconds that saves and full syncs rest behind each key; below zero: one behind each so many." },
    { .name = "key-load-delay", .kind = SET_INT, .def = "0", .min = "-2147483648",
      .max = "2147483647", AT(key_load_delay_us), .when = SET_LIVE,
      .flags = SETTING_HIDDEN,
      .help = "The same for keys that are loaded." },
    { .name = "loading-process-events-interval-bytes", .kind = SET_INT, .def = "2097152",
      .min = "1024", .max = "2147483647", AT(loading_process_events_bytes), .when = SET_LIVE,
      .flags = SETTING_HIDDEN | SETTING_IGNORED,
      .help = "How much is loaded before clients are looked at again; here that goes by time." },

    /* scripts */
    { .name = "busy-reply-threshold", .alias = "lua-time-limit", .kind = SET_INT, .def = "5000",
      .min = "0", .max = "9223372036854775807", AT(busy_reply_threshold_ms), .when = SET_LIVE,
      .help = "Milliseconds after which a script's other clients are told BUSY." },
    { .name = "script-memory-max", .kind = SET_BYTES, .def = "1gb", .min = "16mb", .max = "64gb",
      AT(script_memory_max_bytes), .when = SET_LIVE,
      .help = "What all scripts, and all functions, may hold together: one that wants more gets an error." },
    { .name = "lua-enable-deprecated-api", .kind = SET_BOOL, .def = "no",
      AT(lua_enable_deprecated_api), .when = SET_AT_START,
      .flags = SETTING_HIDDEN | SETTING_IGNORED,
      .help = "Offer what scripts should no longer use." },

    /* the loop */
    { .name = "io-uring", .kind = SET_BOOL, .def = "yes", AT(io_uring), .when = SET_AT_START,
      .help = "Read and write for many clients in one system call, where the kernel has io_uring." },
    { .name = "loop-rest-max", .kind = SET_INT, .def = "100", .min = "0", .max = "100",
      AT(loop_rest_max_us), .when = SET_LIVE,
      .help = "Microseconds that an idle loop may wait for more of many clients that speak, to serve them in one turn." },

    /* defragmentation */
    { .name = "activedefrag", .kind = SET_BOOL, .def = "no", AT(activedefrag),
      .check = check_activedefrag, .when = SET_LIVE,
      .help = "Move values together in idle moments." },
    { .name = "active-defrag-ignore-bytes", .kind = SET_BYTES, .def = "100mb", .min = "1",
      .max = "9223372036854775807", AT(active_defrag_ignore_bytes), .when = SET_LIVE,
      .flags = SETTING_IGNORED, .help = "Waste below which nothing is moved." },
    { .name = "active-defrag-threshold-lower", .kind = SET_INT, .def = "10", .min = "0",
      .max = "1000", AT(active_defrag_threshold_lower), .when = SET_LIVE, .flags = SETTING_IGNORED,
      .help = "Percentage of waste at which it begins." },
    { .name = "active-defrag-threshold-upper", .kind = SET_INT, .def = "100", .min = "0",
      .max = "1000", AT(active_defrag_threshold_upper), .when = SET_LIVE, .flags = SETTING_IGNORED,
      .help = "Percentage at which it works hardest." },
    { .name = "active-defrag-cycle-min", .kind = SET_INT, .def = "1", .min = "1", .max = "99",
      AT(active_defrag_cycle_min), .when = SET_LIVE, .flags = SETTING_IGNORED,
      .help = "Least percentage of a processor." },
    { .name = "active-defrag-cycle-max", .kind = SET_INT, .def = "25", .min = "1", .max = "99",
      AT(active_defrag_cycle_max), .when = SET_LIVE, .flags = SETTING_IGNORED,
      .help = "Most percentage of a processor." },
    { .name = "active-defrag-max-scan-fields", .kind = SET_INT, .def = "1000", .min = "1",
      .max = "9223372036854775807", AT(active_defrag_max_scan_fields), .when = SET_LIVE,
      .flags = SETTING_IGNORED, .help = "Fields of one value looked at in one go." },
    { .name = "jemalloc-bg-thread", .kind = SET_BOOL, .def = "yes", AT(jemalloc_bg_thread),
      .when = SET_LIVE,
      .help = "Let the allocator give back memory in a thread." },

    /* cluster */
    { .name = "cluster-enabled", .kind = SET_BOOL, .def = "no", AT(cluster_enabled),
      .check = check_cluster, .when = SET_AT_START, .help = "Be a node of a cluster." },
    { .name = "cluster-config-file", .kind = SET_TEXT, .def = "nodes.conf", AT(cluster_config_file),
      .when = SET_AT_START, .flags = SETTING_IGNORED, .help = "File of the cluster's state." },
    { .name = "cluster-node-timeout", .kind = SET_INT, .def = "15000", .min = "0",
      .max = "9223372036854775807", AT(cluster_node_timeout_ms), .when = SET_LIVE,
      .flags = SETTING_IGNORED,
      .help = "Milliseconds of silence after which a cluster node is down." },
    { .name = "cluster-port", .kind = SET_INT, .def = "0", .min = "0", .max = "65535",
      AT(cluster_port), .when = SET_AT_START, .flags = SETTING_IGNORED,
      .help = "Port of the cluster bus." },
    { .name = "cluster-announce-ip", .kind = SET_TEXT, AT(cluster_announce_ip), .when = SET_LIVE,
      .flags = SETTING_IGNORED, .help = "Address told to the cluster." },
    { .name = "cluster-announce-hostname", .kind = SET_TEXT, AT(cluster_announce_hostname),
      .check = check_hostname, .when = SET_LIVE, .flags = SETTING_IGNORED,
      .help = "Name told to the cluster." },
    { .name = "cluster-announce-port", .kind = SET_INT, .def = "0", .min = "0", .max = "65535",
      AT(cluster_announce_port), .when = SET_LIVE, .flags = SETTING_IGNORED,
      .help = "Port told to the cluster." },
    { .name = "cluster-announce-tls-port", .kind = SET_INT, .def = "0", .min = "0", .max = "65535",
      AT(cluster_announce_tls_port), .when = SET_LIVE, .flags = SETTING_IGNORED,
      .help = "TLS port told to the cluster." },
    { .name = "cluster-announce-bus-port", .kind = SET_INT, .def = "0", .min = "0", .max = "65535",
      AT(cluster_announce_bus_port), .when = SET_LIVE, .flags = SETTING_IGNORED,
      .help = "Bus port told to the cluster." },
    { .name = "cluster-migration-barrier", .kind = SET_INT, .def = "1", .min = "0",
      .max = "2147483647", AT(cluster_migration_barrier), .when = SET_LIVE,
      .flags = SETTING_IGNORED, .help = "Followers a leader keeps when one moves." },
    { .name = "cluster-replica-validity-factor", .alias = "cluster-slave-validity-factor",
      .kind = SET_INT, .def = "10", .min = "0", .max = "2147483647",
      AT(cluster_follower_validity_factor), .when = SET_LIVE, .flags = SETTING_IGNORED,
      .help = "How old a follower's data may be for a failover." },
    { .name = "cluster-replica-no-failover", .alias = "cluster-slave-no-failover", .kind = SET_BOOL,
      .def = "no", AT(cluster_follower_no_failover), .when = SET_LIVE, .flags = SETTING_IGNORED,
      .help = "This follower is never promoted." },
    { .name = "cluster-require-full-coverage", .kind = SET_BOOL, .def = "yes",
      AT(cluster_require_full_coverage), .when = SET_LIVE, .flags = SETTING_IGNORED,
      .help = "Refuse everything when a slot is uncovered." },
    { .name = "cluster-allow-replica-migration", .kind = SET_BOOL, .def = "yes",
      AT(cluster_allow_follower_migration), .when = SET_LIVE, .flags = SETTING_IGNORED,
      .help = "Followers move to leaders without one." },
    { .name = "cluster-allow-reads-when-down", .kind = SET_BOOL, .def = "no",
      AT(cluster_allow_reads_when_down), .when = SET_LIVE, .flags = SETTING_IGNORED,
      .help = "Answer reads while the cluster is down." },
    { .name = "cluster-allow-pubsubshard-when-down", .kind = SET_BOOL, .def = "yes",
      AT(cluster_allow_pubsubshard_when_down), .when = SET_LIVE, .flags = SETTING_IGNORED,
      .help = "Answer sharded pub/sub while it is down." },
    { .name = "cluster-link-sendbuf-limit", .kind = SET_BYTES, .def = "0", .min = "0",
      .max = "9223372036854775807", AT(cluster_link_sendbuf_bytes), .when = SET_LIVE,
      .flags = SETTING_IGNORED, .help = "Unsent bytes at which a bus link is closed." },
    { .name = "cluster-preferred-endpoint-type", .kind = SET_ENUM, .def = "ip",
      AT(cluster_preferred_endpoint), .words = cluster_endpoint_words, .when = SET_LIVE,
      .flags = SETTING_IGNORED, .help = "What redirected clients are told." },

    /* for tests */
    { .name = "watchdog-period", .kind = SET_INT, .def = "0", .min = "0", .max = "2147483647",
      AT(watchdog_period_ms), .when = SET_LIVE, .flags = SETTING_HIDDEN | SETTING_IGNORED,
      .help = "Milliseconds after which a stuck loop is logged." },
    { .name = "use-exit-on-panic", .kind = SET_BOOL, .def = "no", AT(use_exit_on_panic),
      .when = SET_LIVE, .flags = SETTING_HIDDEN | SETTING_IGNORED,
      .help = "Exit instead of aborting." },
    { .name = NULL },
};
/* clang-format on */

void node_settings_add(struct settings *s)
{
    settings_add(s, server_setting_rows);
    settings_add(s, node_setting_rows);
    settings_add(s, group_setting_rows);
}
