/*
 * Small commands that only a node has: TIME, WAIT, MONITOR, SHUTDOWN, DEBUG, MODULE.
 */
#include <string.h>
#include <sys/time.h>

#include "common/log.h"
#include "node/persist/aof.h"
#include "node/replica/replica.h"
#include "node/serve/debug.h"
#include "node/serve/latency.h"
#include "node/serve/monitor.h"
#include "node/serve/serve.h"
#include "node/serve/shutdown.h"
#include "node/serve/slowlog.h"
#include "node/world.h"

static void tell_time(struct call *c)
{
    struct timeval now;

    gettimeofday(&now, NULL);
    reply_array(c->reply, 2);
    reply_bulk_int(c->reply, now.tv_sec);
    reply_bulk_int(c->reply, now.tv_usec);
}

static void wait_acks(struct call *c)
{
    const struct node_world *w = c->world;
    int64_t wanted, acked;

    if (replica_is_follower(w->replica)) {
        reply_error(c->reply, "ERR WAIT cannot be used with replica instances. Please also note "
                              "that since Redis 4.0 if a replica is configured to be writable "
                              "(which is not the default) writes to replicas are just local and "
                              "are not propagated.");
        return;
    }
    if (!serve_want_i64(c, c->argv[1], &wanted) ||
        !serve_want_timeout(c, c->argv[2], false, &c->block_timeout_ms))
        return;
    acked = replica_acked(w->replica, node_session_of(c->session)->wrote);
    if (acked >= wanted || c->denies_blocking) {
        reply_int(c->reply, acked);
        return;
    }
    c->intents |= INTENT_BLOCK_ACKS;
    if (!node_session_of(c->session)->trying)
        replica_ask_acks(w->replica);
}

static bool want_within(struct call *c, struct bytes arg, int64_t max, const char *refusal,
                        int64_t *out)
{
    if (!serve_want_i64(c, arg, out))
        return false;
    if (*out >= 0 && *out <= max)
        return true;
    reply_error(c->reply, refusal);
    return false;
}

/* Our own disk, and those of followers. */
static void wait_file(struct call *c)
{
    const struct node_world *w = c->world;
    struct node_session *s = node_session_of(c->session);
    int64_t local, wanted, followers;
    uint64_t synced = 0;
    bool here;

    if (!want_within(c, c->argv[1], 1, "ERR value is out of range, must be between 0 and 1",
                     &local) ||
        !want_within(c, c->argv[2], INT64_MAX, "ERR value is out of range, must be positive",
                     &wanted) ||
        !serve_want_timeout(c, c->argv[3], false, &c->block_timeout_ms))
        return;
    if (replica_is_follower(w->replica)) {
        reply_error(c->reply, "ERR WAITAOF cannot be used with replica instances. Please also note "
                              "that writes to replicas are just local and are not propagated.");
        return;
    }
    if (local && !aof_enabled(w->aof)) {
        reply_error(c->reply, "ERR WAITAOF cannot be used when numlocal is set but appendonly is "
                              "disabled.");
        return;
    }
    here = aof_synced(w->aof, &synced) && synced >= s->wrote;
    followers = replica_synced(w->replica, s->wrote);
    if ((here >= local && followers >= wanted) || c->denies_blocking) {
        reply_array(c->reply, 2);
        reply_int(c->reply, here);
        reply_int(c->reply, followers);
        return;
    }
    c->intents |= INTENT_BLOCK_ACKS;
    if (!s->trying)
        replica_ask_acks(w->replica);
}

static void module_list(struct call *c)
{
    reply_array(c->reply, 0);
}

/* Reached only where enable-module-command lets it be asked for. */
static void module_load(struct call *c)
{
    log_warning("module-refused path=\"%.*s\": this server has no modules",
                SERVE_SHOWN(c->argv[2]));
    reply_error(c->reply, "ERR Error loading the extension. Please check the server logs.");
}

static void module_unload(struct call *c)
{
    reply_error(c->reply, "ERR Error unloading module: no such module with that name");
}

#define MODULE_CHANGE (CMD_ADMIN | CMD_NOSCRIPT | CMD_NO_ASYNC_LOADING | CMD_PROTECTED)

static const struct command module_subs[] = {
    { .name = "help",
      .run = serve_help,
      .argc_min = 2,
      .argc_max = 2,
      .flags = CMD_LOADING | CMD_STALE,
      .group = "server",
      .since = "5.0.0",
      .cost = "O(1)",
      .help = "Explains the subcommands." },
    { .name = "list",
      .run = module_list,
      .argc_min = 2,
      .argc_max = 2,
      .flags = CMD_ADMIN | CMD_NOSCRIPT,
      .group = "server",
      .since = "4.0.0",
      .cost = "O(N) where N is the number of loaded modules.",
      .help = "Modules that are loaded.",
      .tips = "nondeterministic_output_order" },
    { .name = "load",
      .run = module_load,
      .argc_min = 3,
      .argc_max = ARGC_ANY,
      .flags = MODULE_CHANGE,
      .group = "server",
      .since = "4.0.0",
      .cost = "O(1)",
      .args = "path [arg+]",
      .help = "Refused: there are no modules here." },
    { .name = "loadex",
      .run = module_load,
      .argc_min = 3,
      .argc_max = ARGC_ANY,
      .flags = MODULE_CHANGE,
      .group = "server",
      .since = "7.0.0",
      .cost = "O(1)",
      .args = "path [CONFIG=configs:{name value}++] [ARGS=args:{arg}+]",
      .help = "Refused: there are no modules here." },
    { .name = "unload",
      .run = module_unload,
      .argc_min = 3,
      .argc_max = 3,
      .flags = MODULE_CHANGE,
      .group = "server",
      .since = "4.0.0",
      .cost = "O(1)",
      .args = "name",
      .help = "Ends a module, of which there are none." },
    { 0 },
};

const struct command serve_node_rows[] = {
    { .name = "time",
      .run = tell_time,
      .argc_min = 1,
      .argc_max = 1,
      .flags = CMD_LOADING | CMD_STALE | CMD_FAST,
      .group = "server",
      .since = "2.6.0",
      .cost = "O(1)",
      .help = "Seconds and microseconds of the wall clock.",
      .tips = "nondeterministic_output" },
    { .name = "wait",
      .run = wait_acks,
      .argc_min = 3,
      .argc_max = 3,
      .flags = CMD_NOSCRIPT,
      .acl = ACL_CONNECTION,
      .group = "generic",
      .since = "3.0.0",
      .cost = "O(1)",
      .args = "numreplicas:integer timeout:integer",
      .help = "Waits until replicas have acknowledged what this connection wrote.",
      .tips = "request_policy:all_shards response_policy:agg_min" },
    { .name = "waitaof",
      .run = wait_file,
      .argc_min = 4,
      .argc_max = 4,
      .flags = CMD_NOSCRIPT,
      .acl = ACL_CONNECTION,
      .group = "generic",
      .since = "7.2.0",
      .cost = "O(1)",
      .args = "numlocal:integer numreplicas:integer timeout:integer",
      .help = "Waits until what this connection wrote is on our disk and on those of replicas.",
      .tips = "request_policy:all_shards response_policy:agg_min" },
    { .name = "monitor",
      .run = monitor_join,
      .argc_min = 1,
      .argc_max = 1,
      .flags = CMD_ADMIN | CMD_NOSCRIPT | CMD_LOADING | CMD_STALE,
      .group = "server",
      .since = "1.0.0",
      .help = "Shows every command as it is run." },
    { .name = "shutdown",
      .run = shutdown_now,
      .argc_min = 1,
      .argc_max = ARGC_ANY,
      .flags = CMD_ADMIN | CMD_NOSCRIPT | CMD_LOADING | CMD_STALE | CMD_NO_MULTI | CMD_ALLOW_BUSY,
      .group = "server",
      .since = "1.0.0",
      .cost = "O(N) when saving, where N is the total number of keys in all databases when "
              "saving data, otherwise O(1)",
      .args = "[(NOSAVE|SAVE)] [NOW@7.0.0] [FORCE@7.0.0] [ABORT@7.0.0]",
      .history = "7.0.0:NOW, FORCE and ABORT.",
      .help = "Stops the server." },
    { .name = "debug",
      .run = debug_run,
      .argc_min = 2,
      .argc_max = ARGC_ANY,
      .flags = CMD_ADMIN | CMD_NOSCRIPT | CMD_LOADING | CMD_STALE | CMD_SYSCMD | CMD_PROTECTED,
      .group = "server",
      .since = "1.0.0",
      .cost = "Depends on subcommand.",
      .help = "Tools for tests." },
    { .name = "module",
      .argc_min = 2,
      .argc_max = ARGC_ANY,
      .group = "server",
      .since = "4.0.0",
      .cost = "Depends on subcommand.",
      .help = "Loadable modules; there are none.",
      .subs = module_subs },
    { 0 },
};

static const struct command slowlog_subs[] = {
    { .name = "reset",
      .run = slowlog_reset,
      .argc_min = 2,
      .argc_max = 2,
      .flags = CMD_ADMIN | CMD_LOADING | CMD_STALE,
      .group = "server",
      .since = "2.2.12",
      .cost = "O(N) where N is the number of entries in the slowlog",
      .help = "Forgets all entries.",
      .tips = "request_policy:all_nodes response_policy:all_succeeded" },
    { .name = "get",
      .run = slowlog_get,
      .argc_min = 2,
      .argc_max = ARGC_ANY,
      .flags = CMD_ADMIN | CMD_LOADING | CMD_STALE,
      .group = "server",
      .since = "2.2.12",
      .cost = "O(N) where N is the number of entries returned",
      .args = "[count:integer]",
      .history = "4.0.0:Address and name of the client.",
      .help = "The newest entries.",
      .tips = "request_policy:all_nodes nondeterministic_output" },
    { .name = "len",
      .run = slowlog_len,
      .argc_min = 2,
      .argc_max = 2,
      .flags = CMD_ADMIN | CMD_LOADING | CMD_STALE,
      .group = "server",
      .since = "2.2.12",
      .cost = "O(1)",
      .help = "How many entries are kept.",
      .tips = "request_policy:all_nodes response_policy:agg_sum nondeterministic_output" },
    { .name = "help",
      .run = serve_help,
      .argc_min = 2,
      .argc_max = 2,
      .flags = CMD_LOADING | CMD_STALE,
      .group = "server",
      .since = "6.2.0",
      .cost = "O(1)",
      .help = "Explains the subcommands." },
    { 0 },
};

static const struct command latency_subs[] = {
    { .name = "doctor",
      .run = latency_doctor,
      .argc_min = 2,
      .argc_max = 2,
      .flags = CMD_ADMIN | CMD_NOSCRIPT | CMD_LOADING | CMD_STALE,
      .group = "server",
      .since = "2.8.13",
      .cost = "O(1)",
      .help = "What was slow, how often, and what to do about it.",
      .tips = "nondeterministic_output request_policy:all_nodes response_policy:special" },
    { .name = "graph",
      .run = latency_graph,
      .argc_min = 3,
      .argc_max = 3,
      .flags = CMD_ADMIN | CMD_NOSCRIPT | CMD_LOADING | CMD_STALE,
      .group = "server",
      .since = "2.8.13",
      .cost = "O(1)",
      .args = "event",
      .help = "Draws the samples of an event.",
      .tips = "nondeterministic_output request_policy:all_nodes response_policy:special" },
    { .name = "reset",
      .run = latency_reset,
      .argc_min = 2,
      .argc_max = ARGC_ANY,
      .flags = CMD_ADMIN | CMD_NOSCRIPT | CMD_LOADING | CMD_STALE,
      .group = "server",
      .since = "2.8.13",
      .cost = "O(1)",
      .args = "[event+]",
      .help = "Forgets samples.",
      .tips = "request_policy:all_nodes response_policy:all_succeeded" },
    { .name = "history",
      .run = latency_history,
      .argc_min = 3,
      .argc_max = 3,
      .flags = CMD_ADMIN | CMD_NOSCRIPT | CMD_LOADING | CMD_STALE,
      .group = "server",
      .since = "2.8.13",
      .cost = "O(1)",
      .args = "event",
      .help = "Samples of an event.",
      .tips = "nondeterministic_output request_policy:all_nodes response_policy:special" },
    { .name = "histogram",
      .run = latency_histogram,
      .argc_min = 2,
      .argc_max = ARGC_ANY,
      .flags = CMD_ADMIN | CMD_NOSCRIPT | CMD_LOADING | CMD_STALE,
      .group = "server",
      .since = "7.0.0",
      .cost = "O(N) where N is the number of commands with latency information being retrieved.",
      .args = "[command+]",
      .help = "Latency distribution of commands.",
      .tips = "nondeterministic_output request_policy:all_nodes response_policy:special" },
    { .name = "latest",
      .run = latency_latest,
      .argc_min = 2,
      .argc_max = 2,
      .flags = CMD_ADMIN | CMD_NOSCRIPT | CMD_LOADING | CMD_STALE,
      .group = "server",
      .since = "2.8.13",
      .cost = "O(1)",
      .help = "The newest sample of each event.",
      .tips = "nondeterministic_output request_policy:all_nodes response_policy:special" },
    { .name = "help",
      .run = serve_help,
      .argc_min = 2,
      .argc_max = 2,
      .flags = CMD_LOADING | CMD_STALE,
      .group = "server",
      .since = "2.8.13",
      .cost = "O(1)",
      .help = "Explains the subcommands." },
    { 0 },
};

const struct command serve_insight_rows[] = {
    { .name = "slowlog",
      .argc_min = 2,
      .argc_max = ARGC_ANY,
      .group = "server",
      .since = "2.2.12",
      .cost = "Depends on subcommand.",
      .help = "Commands that took long.",
      .subs = slowlog_subs },
    { .name = "latency",
      .argc_min = 2,
      .argc_max = ARGC_ANY,
      .group = "server",
      .since = "2.8.13",
      .cost = "Depends on subcommand.",
      .help = "Latency of commands and events.",
      .subs = latency_subs },
    { 0 },
};
