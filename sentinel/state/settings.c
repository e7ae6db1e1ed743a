#include "sentinel/state/settings.h"

#include <string.h>

#include "common/alloc.h"
#include "sentinel/state/conf.h"

struct sentinel_line {
    struct bytes *words;
    int count;
    char *storage; /* what words point into */
    char *path;    /* NULL: the command line */
    char *text;
    int line;
};

/* What redis.conf knows and a sentinel has no use for: files that hold it must start. */
static const char *const foreign[] = {
    "databases",
    "maxmemory",
    "maxmemory-policy",
    "maxmemory-samples",
    "maxmemory-eviction-tenacity",
    "lfu-log-factor",
    "lfu-decay-time",
    "active-expire-effort",
    "activerehashing",
    "lazyfree-lazy-eviction",
    "lazyfree-lazy-expire",
    "lazyfree-lazy-server-del",
    "lazyfree-lazy-user-del",
    "lazyfree-lazy-user-flush",
    "notify-keyspace-events",
    "hash-max-listpack-entries",
    "hash-max-ziplist-entries",
    "hash-max-listpack-value",
    "hash-max-ziplist-value",
    "zset-max-listpack-entries",
    "zset-max-ziplist-entries",
    "zset-max-listpack-value",
    "zset-max-ziplist-value",
    "set-max-intset-entries",
    "list-max-listpack-size",
    "list-max-ziplist-size",
    "list-compress-depth",
    "hll-sparse-max-bytes",
    "stream-node-max-bytes",
    "stream-node-max-entries",
    "sanitize-dump-payload",
    "list-max-ziplist-entries",
    "list-max-ziplist-value",
    "lua-replicate-commands",
    "replicaof",
    "slaveof",
    "masterauth",
    "masteruser",
    "replica-read-only",
    "slave-read-only",
    "replica-serve-stale-data",
    "slave-serve-stale-data",
    "replica-announced",
    "replica-announce-ip",
    "slave-announce-ip",
    "replica-announce-port",
    "slave-announce-port",
    "replica-priority",
    "slave-priority",
    "replica-ignore-maxmemory",
    "slave-ignore-maxmemory",
    "replica-ignore-disk-write-errors",
    "replica-lazy-flush",
    "slave-lazy-flush",
    "min-replicas-to-write",
    "min-slaves-to-write",
    "min-replicas-max-lag",
    "min-slaves-max-lag",
    "repl-diskless-sync",
    "repl-diskless-sync-delay",
    "repl-diskless-sync-max-replicas",
    "repl-diskless-load",
    "repl-disable-tcp-nodelay",
    "repl-ping-replica-period",
    "repl-ping-slave-period",
    "repl-timeout",
    "repl-backlog-size",
    "repl-backlog-ttl",
    "propagation-error-behavior",
    "save",
    "dbfilename",
    "stop-writes-on-bgsave-error",
    "rdbcompression",
    "rdbchecksum",
    "rdb-del-sync-files",
    "rdb-save-incremental-fsync",
    "appendonly",
    "appendfilename",
    "appenddirname",
    "appendfsync",
    "no-appendfsync-on-rewrite",
    "auto-aof-rewrite-percentage",
    "auto-aof-rewrite-min-size",
    "aof-load-truncated",
    "aof-use-rdb-preamble",
    "aof-timestamp-enabled",
    "aof-rewrite-incremental-fsync",
    "aof-disable-auto-gc",
    "rdb-key-save-delay",
    "key-load-delay",
    "busy-reply-threshold",
    "lua-time-limit",
    "lua-enable-deprecated-api",
    "activedefrag",
    "active-defrag-ignore-bytes",
    "active-defrag-threshold-lower",
    "active-defrag-threshold-upper",
    "active-defrag-cycle-min",
    "active-defrag-cycle-max",
    "active-defrag-max-scan-fields",
    "jemalloc-bg-thread",
    "cluster-enabled",
    "cluster-config-file",
    "cluster-node-timeout",
    "cluster-port",
    "cluster-announce-ip",
    "cluster-announce-hostname",
    "cluster-announce-port",
    "cluster-announce-tls-port",
    "cluster-announce-bus-port",
    "cluster-migration-barrier",
    "cluster-replica-validity-factor",
    "cluster-slave-validity-factor",
    "cluster-replica-no-failover",
    "cluster-slave-no-failover",
    "cluster-require-full-coverage",
    "cluster-allow-replica-migration",
    "cluster-allow-reads-when-down",
    "cluster-allow-pubsubshard-when-down",
    "cluster-link-sendbuf-limit",
    "cluster-preferred-endpoint-type",
    "watchdog-period",
    "use-exit-on-panic",
};

/* ---- rows -------------------------------------------------------------------------------------- */

/* Kept for the passes, with its place for the refusal. */
static enum err keep_line(void *values, int argc, const struct bytes *argv, struct errmsg *out_why)
{
    struct sentinel_settings *set = values;
    struct settings_origin at = settings_now_loading(set->table);
    struct sentinel_line *l;
    size_t bytes = 0;

    set->lines = xgrow(set->lines, set->line_count, &set->line_cap, sizeof *set->lines);
    l = &set->lines[set->line_count++];
    *l = (struct sentinel_line){ .count = argc, .line = at.line };
    for (int i = 0; i < argc; i++)
        bytes += argv[i].len;
    l->words = xcalloc((size_t)argc + 1, sizeof *l->words);
    l->storage = xmalloc(bytes + 1);
    bytes = 0;
    for (int i = 0; i < argc; i++) {
        memcpy(l->storage + bytes, argv[i].at, argv[i].len);
        l->words[i] = (struct bytes){ l->storage + bytes, argv[i].len };
        bytes += argv[i].len;
    }
    l->path = at.path ? xstrdup(at.path) : NULL;
    l->text = xmemdup0(at.text.at, at.text.len);
    return OK;
}

static const char *const secrets[] = { "auth-pass", "auth-pass-fallback", "sentinel-pass",
                                       "sentinel-pass-fallback", NULL };

static const struct setting sentinel_row[] = {
    { .name = "sentinel",
      .kind = SET_LINES,
      .flags = SETTING_MULTI | SETTING_KEYED,
      .secrets = secrets,
      .line = keep_line,
      .help = "Everything about groups and peers: see below." },
    { .name = NULL },
};

/* A sentinel differs from a node in one default. */
static struct setting *own_rows(void)
{
    size_t count = 0;
    struct setting *rows;

    while (server_setting_rows[count].name)
        count++;
    rows = xcalloc(count + ARRAY_LEN(foreign) + 1, sizeof *rows);
    for (size_t i = 0; i < count; i++) {
        rows[i] = server_setting_rows[i];
        if (strcmp(rows[i].name, "port") == 0)
            rows[i].def = "26379";
    }
    for (size_t i = 0; i < ARRAY_LEN(foreign); i++)
        rows[count + i] = (struct setting){ .name = foreign[i],
                                            .kind = SET_LINES,
                                            .flags = SETTING_MULTI | SETTING_IGNORED,
                                            .line = setting_line_any,
                                            .help = "Accepted, and of no use to a sentinel." };
    return rows;
}

void sentinel_settings_add(struct settings *s, struct sentinel_settings *set)
{
    set->table = s;
    set->rows = own_rows();
    settings_add(s, set->rows);
    settings_add(s, sentinel_row);
}

void sentinel_settings_fini(struct sentinel_settings *set)
{
    for (size_t i = 0; i < set->line_count; i++) {
        xfree(set->lines[i].words);
        xfree(set->lines[i].storage);
        xfree(set->lines[i].path);
        xfree(set->lines[i].text);
    }
    xfree(set->lines);
    for (size_t i = 0; i < set->ours_in_file_count; i++)
        xfree(set->ours_in_file[i]);
    xfree(set->ours_in_file);
    xfree(set->state_file);
    xfree(set->rows);
    *set = (struct sentinel_settings){ .table = NULL };
}

/* ---- the passes -------------------------------------------------------------------------------- */

static enum err run_pass(struct sentinel_settings *set, struct config *out, enum conf_pass pass,
                         struct errmsg *out_why)
{
    for (size_t i = 0; i < set->line_count; i++) {
        const struct sentinel_line *l = &set->lines[i];
        struct settings_origin at = { l->path, l->line, bytes_of(l->text) };
        struct errmsg reason = { "" };
        enum err e = OK;

        if (l->count > 0) /* `sentinel` alone says nothing */
            e = conf_line(set, out, pass, l->count, l->words, &reason);
        if (e != OK) {
            settings_refusal(set->table, &at, reason.text, out_why);
            return e;
        }
    }
    return OK;
}

enum err sentinel_settings_config(struct sentinel_settings *set, struct config *out,
                                  struct errmsg *out_why)
{
    enum err e = OK;

    globals_defaults(&out->globals);
    for (int pass = 0; pass < PASS_COUNT && e == OK; pass++)
        e = run_pass(set, out, (enum conf_pass)pass, out_why);
    out->globals.listen_port =
        (int)(set->server.tls_replication && set->server.tls_port ? set->server.tls_port
                                                                  : set->server.port);
    if (e != OK)
        config_fini(out);
    return e;
}

void sentinel_settings_elsewhere(const struct sentinel_settings *set, const char *path,
                                 struct buf *out)
{
    for (size_t i = 0; i < set->line_count; i++) {
        const struct sentinel_line *l = &set->lines[i];

        if (!l->path || !path || strcmp(l->path, path) != 0)
            buf_printf(out, "%s\n", l->text);
    }
}
