/*
 * settings: the table has every directive that CONFIG GET * of redis-server 7.0 answers, with its default;
 * Debian's redis.conf loads; grammars refuse and print as Redis does; a rewrite loads back. Every row
 * is walked: it has a help, its default is its value, and it survives being set to itself.
 */
#include <string.h>
#include <unistd.h>

#include "tests/check_main.h"
#include "common/alloc.h"
#include "common/log.h"
#include "node/settings.h"

static struct node_settings set;
static struct settings *s;
static struct errmsg why;

static void fresh(void)
{
    settings_free(s);
    memset(&set, 0, sizeof set);
    s = settings_new(&set, NULL);
    node_settings_add(s);
    why.text[0] = '\0';
    log_set_level(LOG_LEVEL_NOTHING);
}

static void keep(void *arg, struct bytes name, struct bytes value)
{
    buf_printf(arg, "%.*s|%.*s\n", (int)name.len, name.at, (int)value.len, value.at);
}

static const char *got(const char *pattern)
{
    static struct buf out;
    struct bytes p = bytes_of(pattern);

    out.len = 0;
    settings_get(s, 1, &p, keep, &out);
    return buf_text(&out);
}

static enum err set1(const char *name, const char *value)
{
    struct bytes argv[] = { bytes_of(name), bytes_of(value) };

    return settings_set(s, 2, argv, &why);
}

static const char *value_of(const char *name)
{
    return strchr(got(name), '|') + 1;
}

/* "name|value" of redis-server 7.0.15 as Debian builds it, started without a file; dir left out. */
static const char *const redis_defaults[] = {
    "acl-pubsub-default|resetchannels",
    "aclfile|",
    "acllog-max-len|128",
    "active-defrag-cycle-max|25",
    "active-defrag-cycle-min|1",
    "active-defrag-ignore-bytes|104857600",
    "active-defrag-max-scan-fields|1000",
    "active-defrag-threshold-lower|10",
    "active-defrag-threshold-upper|100",
    "active-expire-effort|1",
    "activedefrag|no",
    "activerehashing|yes",
    "always-show-logo|no",
    "aof-disable-auto-gc|no",
    "aof-load-truncated|yes",
    "aof-rewrite-incremental-fsync|yes",
    "aof-timestamp-enabled|no",
    "aof-use-rdb-preamble|yes",
    "aof_rewrite_cpulist|",
    "appenddirname|appendonlydir",
    "appendfilename|appendonly.aof",
    "appendfsync|everysec",
    "appendonly|no",
    "auto-aof-rewrite-min-size|67108864",
    "auto-aof-rewrite-percentage|100",
    "bgsave_cpulist|",
    "bind|* -::*",
    "bind-source-addr|",
    "bio_cpulist|",
    "busy-reply-threshold|5000",
    "client-output-buffer-limit|normal 0 0 0 slave 268435456 67108864 60 pubsub 33554432 8388608 "
    "60",
    "client-query-buffer-limit|1073741824",
    "cluster-allow-pubsubshard-when-down|yes",
    "cluster-allow-reads-when-down|no",
    "cluster-allow-replica-migration|yes",
    "cluster-announce-bus-port|0",
    "cluster-announce-hostname|",
    "cluster-announce-ip|",
    "cluster-announce-port|0",
    "cluster-announce-tls-port|0",
    "cluster-config-file|nodes.conf",
    "cluster-enabled|no",
    "cluster-link-sendbuf-limit|0",
    "cluster-migration-barrier|1",
    "cluster-node-timeout|15000",
    "cluster-port|0",
    "cluster-preferred-endpoint-type|ip",
    "cluster-replica-no-failover|no",
    "cluster-replica-validity-factor|10",
    "cluster-require-full-coverage|yes",
    "cluster-slave-no-failover|no",
    "cluster-slave-validity-factor|10",
    "crash-log-enabled|yes",
    "crash-memcheck-enabled|yes",
    "daemonize|no",
    "databases|16",
    "dbfilename|dump.rdb",
    "disable-thp|yes",
    "dynamic-hz|yes",
    "enable-debug-command|no",
    "enable-module-command|no",
    "enable-protected-configs|no",
    "hash-max-listpack-entries|512",
    "hash-max-listpack-value|64",
    "hash-max-ziplist-entries|512",
    "hash-max-ziplist-value|64",
    "hll-sparse-max-bytes|3000",
    "hz|10",
    "ignore-warnings|",
    "io-threads|1",
    "io-threads-do-reads|no",
    "jemalloc-bg-thread|yes",
    "latency-monitor-threshold|0",
    "latency-tracking|yes",
    "latency-tracking-info-percentiles|50 99 99.9",
    "lazyfree-lazy-eviction|no",
    "lazyfree-lazy-expire|no",
    "lazyfree-lazy-server-del|no",
    "lazyfree-lazy-user-del|no",
    "lazyfree-lazy-user-flush|no",
    "lfu-decay-time|1",
    "lfu-log-factor|10",
    "list-compress-depth|0",
    "list-max-listpack-size|-2",
    "list-max-ziplist-size|-2",
    "logfile|",
    "loglevel|notice",
    "lua-time-limit|5000",
    "masterauth|",
    "masteruser|",
    "maxclients|10000",
    "maxmemory|0",
    "maxmemory-clients|0",
    "maxmemory-eviction-tenacity|10",
    "maxmemory-policy|noeviction",
    "maxmemory-samples|5",
    "min-replicas-max-lag|10",
    "min-replicas-to-write|0",
    "min-slaves-max-lag|10",
    "min-slaves-to-write|0",
    "no-appendfsync-on-rewrite|no",
    "notify-keyspace-events|",
    "oom-score-adj|no",
    "oom-score-adj-values|0 200 800",
    "pidfile|",
    "port|6379",
    "proc-title-template|{title} {listen-addr} {server-mode}",
    "propagation-error-behavior|ignore",
    "protected-mode|yes",
    "proto-max-bulk-len|536870912",
    "rdb-del-sync-files|no",
    "rdb-save-incremental-fsync|yes",
    "rdbchecksum|yes",
    "rdbcompression|yes",
    "repl-backlog-size|1048576",
    "repl-backlog-ttl|3600",
    "repl-disable-tcp-nodelay|no",
    "repl-diskless-load|disabled",
    "repl-diskless-sync|yes",
    "repl-diskless-sync-delay|5",
    "repl-diskless-sync-max-replicas|0",
    "repl-ping-replica-period|10",
    "repl-ping-slave-period|10",
    "repl-timeout|60",
    "replica-announce-ip|",
    "replica-announce-port|0",
    "replica-announced|yes",
    "replica-ignore-disk-write-errors|no",
    "replica-ignore-maxmemory|yes",
    "replica-lazy-flush|no",
    "replica-priority|100",
    "replica-read-only|yes",
    "replica-serve-stale-data|yes",
    "replicaof|",
    "requirepass|",
    "sanitize-dump-payload|no",
    "save|3600 1 300 100 60 10000",
    "server_cpulist|",
    "set-max-intset-entries|512",
    "set-proc-title|yes",
    "shutdown-on-sigint|default",
    "shutdown-on-sigterm|default",
    "shutdown-timeout|10",
    "slave-announce-ip|",
    "slave-announce-port|0",
    "slave-ignore-maxmemory|yes",
    "slave-lazy-flush|no",
    "slave-priority|100",
    "slave-read-only|yes",
    "slave-serve-stale-data|yes",
    "slaveof|",
    "slowlog-log-slower-than|10000",
    "slowlog-max-len|128",
    "socket-mark-id|0",
    "stop-writes-on-bgsave-error|yes",
    "stream-node-max-bytes|4096",
    "stream-node-max-entries|100",
    "supervised|no",
    "syslog-enabled|no",
    "syslog-facility|local0",
    "syslog-ident|redis",
    "tcp-backlog|511",
    "tcp-keepalive|300",
    "timeout|0",
    "tls-auth-clients|yes",
    "tls-ca-cert-dir|",
    "tls-ca-cert-file|",
    "tls-cert-file|",
    "tls-ciphers|",
    "tls-ciphersuites|",
    "tls-client-cert-file|",
    "tls-client-key-file|",
    "tls-client-key-file-pass|",
    "tls-cluster|no",
    "tls-dh-params-file|",
    "tls-key-file|",
    "tls-key-file-pass|",
    "tls-port|0",
    "tls-prefer-server-ciphers|no",
    "tls-protocols|",
    "tls-replication|no",
    "tls-session-cache-size|20480",
    "tls-session-cache-timeout|300",
    "tls-session-caching|yes",
    "tracking-table-max-keys|1000000",
    "unixsocket|",
    "unixsocketperm|0",
    "zset-max-listpack-entries|128",
    "zset-max-listpack-value|64",
    "zset-max-ziplist-entries|128",
    "zset-max-ziplist-value|64",
};

START_TEST(defaults_are_those_of_redis)
{
    fresh();
    for (size_t i = 0; i < ARRAY_LEN(redis_defaults); i++) {
        AUTO_FREE char *name = xstrdup(redis_defaults[i]);

        *strchr(name, '|') = '\0';
        ck_assert_msg(strncmp(got(name), redis_defaults[i], strlen(redis_defaults[i])) == 0 &&
                          got(name)[strlen(redis_defaults[i])] == '\n',
                      "%s: ours is %s", redis_defaults[i], got(name));
    }
    ck_assert_uint_eq(ARRAY_LEN(redis_defaults), 191);
}
END_TEST

static void set_itself(void *arg, struct bytes name, struct bytes value)
{
    struct bytes argv[] = { name, value };
    enum err e = settings_set(s, 2, argv, &why);

    ck_assert_msg(e == OK || strstr(why.text, "can't set immutable config"), "%s", why.text);
    ++*(int *)arg;
}

START_TEST(every_value_is_accepted_back)
{
    struct bytes all = BYTES("*");
    AUTO_FREE char *before = NULL;
    int count = 0;

    fresh();
    settings_allow_protected(s, true);
    before = xstrdup(got("*"));
    settings_get(s, 1, &all, set_itself, &count);
    ck_assert_int_eq(
        count,
        232); /* Redis's 192, io-uring, log-format, loop-rest-max, masterauth-fallback, proxy-protocol-networks, repl-gather-max, replica-max-staleness-ms,
                 script-memory-max, tls-auth-clients-user, tls-verify-hostnames, hf-*, http-* */
    ck_assert_str_eq(got("*"), before);
}
END_TEST

START_TEST(grammars)
{
    fresh();
    ck_assert(set1("save", "900 1 300 10") == OK);
    ck_assert_str_eq(value_of("save"), "900 1 300 10\n");
    ck_assert(set1("save", "900 1  300 10") != OK);
    ck_assert_str_eq(
        why.text,
        "CONFIG SET failed (possibly related to argument 'save') - Invalid save parameters");
    ck_assert_str_eq(value_of("save"), "900 1 300 10\n");
    ck_assert(set1("save", "") == OK);
    ck_assert_int_eq(set.save_count, 0);
    ck_assert(set1("save", "0 1") != OK);
    ck_assert(set1("notify-keyspace-events", "KEA") == OK);
    ck_assert_str_eq(value_of("notify-keyspace-events"), "AKE\n");
    ck_assert(set1("notify-keyspace-events", "mnKxd") == OK);
    ck_assert_str_eq(value_of("notify-keyspace-events"), "xdnKm\n");
    ck_assert(set1("notify-keyspace-events", "q") != OK);
    ck_assert_ptr_nonnull(
        strstr(why.text, "Invalid event class character. Use 'Ag$lshzxeKEtmdn'."));
    ck_assert(set1("client-output-buffer-limit", "replica 1gb 1 1") == OK);
    ck_assert_str_eq(value_of("client-output-buffer-limit"),
                     "normal 0 0 0 slave 1073741824 1 1 pubsub 33554432 8388608 60\n");
    ck_assert(set1("client-output-buffer-limit", "normal 1 1 1 master 0 0 0") != OK);
    ck_assert_ptr_nonnull(
        strstr(why.text, "Invalid client class specified in buffer limit configuration."));
    ck_assert(set.server.output_limit[OUTPUT_NORMAL].hard_bytes == 0);
    ck_assert(set1("latency-tracking-info-percentiles", "50 99.900") == OK);
    ck_assert_str_eq(value_of("latency-tracking-info-percentiles"), "50 99.9\n");
    ck_assert(set1("shutdown-on-sigterm", "save now") == OK);
    ck_assert_str_eq(value_of("shutdown-on-sigterm"), "save now\n");
    ck_assert(set1("hz", "1000") == OK && set.server.hz == 500);
    ck_assert(set1("repl-backlog-size", "1") == OK && set.repl_backlog_bytes == 16384);
    ck_assert(set1("proc-title-template", "{title} {foo}") != OK);
    ck_assert(set1("bind", "127.0.0.1 -::1") == OK && set.server.bind_count == 2);
    ck_assert(set1("bind", "") == OK && set.server.bind_count == 0);
    ck_assert_str_eq(value_of("bind"), "\n");
    ck_assert(settings_line(s, BYTES("slaveof 10.0.0.1 6380"), &why) == OK);
    ck_assert_str_eq(value_of("replicaof"), "10.0.0.1 6380\n");
    ck_assert(settings_line(s, BYTES("replicaof a 65536"), &why) != OK);
    ck_assert_ptr_nonnull(strstr(why.text, "Invalid master port"));
    ck_assert(settings_line(s, BYTES("replicaof no one"), &why) == OK);
    ck_assert_str_eq(value_of("slaveof"), "\n");
}
END_TEST

START_TEST(users_are_not_ignored)
{
    fresh();
    ck_assert(settings_line(s, BYTES("user default on nopass ~* &* +@all"), &why) == OK);
    ck_assert(settings_line(s, BYTES("user alice on >secret (~a* +get) +nosuch"), &why) == OK);
    ck_assert_uint_eq(set.server.user_line_count, 2);
    ck_assert_str_eq(set.server.user_lines[1].name, "alice");
    ck_assert_uint_eq(set.server.user_lines[1].rules.count, 4);
    ck_assert(settings_line(s, BYTES("user alice on"), &why) == ERR_SYNTAX);
    ck_assert_ptr_nonnull(strstr(why.text, "Duplicate user found"));
    ck_assert(settings_line(s, BYTES("user bob on >hidden nosuchword"), &why) == ERR_SYNTAX);
    ck_assert_ptr_nonnull(strstr(why.text, "rule 3: Syntax error"));
    ck_assert_ptr_null(strstr(why.text, "hidden"));
    ck_assert(settings_line(s, BYTES("user carl (+get"), &why) == ERR_SYNTAX);
    ck_assert(settings_line(s, BYTES("user \"a b\" on"), &why) == ERR_SYNTAX);
    ck_assert(settings_line(s, BYTES("cluster-enabled yes"), &why) == ERR_UNSUPPORTED);
}
END_TEST

START_TEST(no_value_forges_a_line)
{
    struct buf out = { 0 };

    fresh();
    xfree(set.leader_host);
    set.leader_host = xstrdup("a 1\nrequirepass x");
    ck_assert(set1("masterauth", "x\nport 1") == OK);
    ck_assert(set1("bind", "x\nport\t1") == OK);
    settings_merge(s, BYTES(""), &out);
    ck_assert_ptr_nonnull(strstr(buf_text(&out), "replicaof \"a 1\\nrequirepass x\" 0\n"));
    ck_assert_ptr_nonnull(strstr(buf_text(&out), "masterauth \"x\\nport 1\"\n"));
    ck_assert_ptr_nonnull(strstr(buf_text(&out), "bind \"x\\nport\\t1\"\n"));
    buf_fini(&out);
}
END_TEST

static const char debian_conf[] = "# Debian's redis.conf without its comments and its directory\n"
                                  "bind 127.0.0.1 -::1\n"
                                  "protected-mode yes\n"
                                  "port 6379\n"
                                  "tcp-backlog 511\n"
                                  "timeout 0\n"
                                  "tcp-keepalive 300\n"
                                  "daemonize yes\n"
                                  "pidfile /run/redis/redis-server.pid\n"
                                  "loglevel notice\n"
                                  "logfile /var/log/redis/redis-server.log\n"
                                  "databases 16\n"
                                  "always-show-logo no\n"
                                  "set-proc-title yes\n"
                                  "proc-title-template \"{title} {listen-addr} {server-mode}\"\n"
                                  "stop-writes-on-bgsave-error yes\n"
                                  "rdbcompression yes\n"
                                  "rdbchecksum yes\n"
                                  "dbfilename dump.rdb\n"
                                  "rdb-del-sync-files no\n"
                                  "replica-serve-stale-data yes\n"
                                  "replica-read-only yes\n"
                                  "repl-diskless-sync yes\n"
                                  "repl-diskless-sync-delay 5\n"
                                  "repl-diskless-sync-max-replicas 0\n"
                                  "repl-diskless-load disabled\n"
                                  "repl-disable-tcp-nodelay no\n"
                                  "replica-priority 100\n"
                                  "acllog-max-len 128\n"
                                  "lazyfree-lazy-eviction no\n"
                                  "lazyfree-lazy-expire no\n"
                                  "lazyfree-lazy-server-del no\n"
                                  "replica-lazy-flush no\n"
                                  "lazyfree-lazy-user-del no\n"
                                  "lazyfree-lazy-user-flush no\n"
                                  "oom-score-adj no\n"
                                  "oom-score-adj-values 0 200 800\n"
                                  "disable-thp yes\n"
                                  "appendonly no\n"
                                  "appendfilename \"appendonly.aof\"\n"
                                  "appenddirname \"appendonlydir\"\n"
                                  "appendfsync everysec\n"
                                  "no-appendfsync-on-rewrite no\n"
                                  "auto-aof-rewrite-percentage 100\n"
                                  "auto-aof-rewrite-min-size 64mb\n"
                                  "aof-load-truncated yes\n"
                                  "aof-use-rdb-preamble yes\n"
                                  "aof-timestamp-enabled no\n"
                                  "slowlog-log-slower-than 10000\n"
                                  "slowlog-max-len 128\n"
                                  "latency-monitor-threshold 0\n"
                                  "notify-keyspace-events \"\"\n"
                                  "hash-max-listpack-entries 512\n"
                                  "hash-max-listpack-value 64\n"
                                  "list-max-listpack-size -2\n"
                                  "list-compress-depth 0\n"
                                  "set-max-intset-entries 512\n"
                                  "zset-max-listpack-entries 128\n"
                                  "zset-max-listpack-value 64\n"
                                  "hll-sparse-max-bytes 3000\n"
                                  "stream-node-max-bytes 4096\n"
                                  "stream-node-max-entries 100\n"
                                  "activerehashing yes\n"
                                  "client-output-buffer-limit normal 0 0 0\n"
                                  "client-output-buffer-limit replica 256mb 64mb 60\n"
                                  "client-output-buffer-limit pubsub 32mb 8mb 60\n"
                                  "hz 10\n"
                                  "dynamic-hz yes\n"
                                  "aof-rewrite-incremental-fsync yes\n"
                                  "rdb-save-incremental-fsync yes\n"
                                  "jemalloc-bg-thread yes\n";

START_TEST(the_file_of_debian_loads)
{
    char path[] = "/tmp/test_node_settings.XXXXXX";
    char *argv[] = { path, (char *)"--dir", (char *)"/tmp" };
    int fd = mkstemp(path);
    AUTO_FREE char *before = NULL;

    ck_assert_int_ge(fd, 0);
    ck_assert(write(fd, debian_conf, sizeof debian_conf - 1) == (ssize_t)sizeof debian_conf - 1);
    close(fd);
    fresh();
    ck_assert_msg(settings_load(s, 3, argv, &why) == OK, "%s", why.text);
    ck_assert(set.server.daemonize && set.server.bind_count == 2);
    ck_assert_str_eq(set.server.pidfile, "/run/redis/redis-server.pid");
    before = xstrdup(got("*"));
    ck_assert_msg(settings_rewrite(s, &why) == OK, "%s", why.text);
    fresh();
    ck_assert_msg(settings_load(s, 1, argv, &why) == OK, "%s", why.text);
    ck_assert_str_eq(got("*"), before);
    unlink(path);
}
END_TEST

CHECK_MAIN("node settings", defaults_are_those_of_redis, every_value_is_accepted_back, grammars,
           users_are_not_ignored, no_value_forges_a_line, the_file_of_debian_loads)
