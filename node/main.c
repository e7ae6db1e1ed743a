/*
 * main - knows every room of the node, hands each one's rows to their tables, and runs the loop.
 */
#include <errno.h>
#include <ev.h>
#include <locale.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "common/acl/acl.h"
#include "common/alloc.h"
#include "common/clock.h"
#include "common/file.h"
#include "common/http/http.h"
#include "common/log.h"
#include "common/process.h"
#include "common/serve/users_file.h"
#include "common/serve/service.h"
#include "common/server_net.h"
#include "common/tls_room.h"
#include "node/durable/membership.h"
#include "node/insight/health.h"
#include "node/insight/identity.h"
#include "node/insight/info.h"
#include "node/insight/memory.h"
#include "node/insight/metrics.h"
#include "node/keyspace/keyspace.h"
#include "node/live_settings.h"
#include "node/oplog/oplog.h"
#include "node/persist/aof.h"
#include "node/persist/check.h"
#include "node/persist/persist.h"
#include "node/replica/replica.h"
#include "node/script/script.h"
#include "node/serve/config.h"
#include "node/serve/debug.h"
#include "node/serve/serve.h"
#include "node/serve/shutdown.h"
#include "node/settings.h"
#include "node/types/types.h"
#include "node/world.h"

struct node {
    struct node_world world;
    struct node_settings set;
    struct server_net net;
    struct oplog oplog;
    bool failed; /* the start ended after the loop began */
};

/* One a line, so that each comes and goes alone. */
/* clang-format off */
static const struct command *const command_rows[] = {
    serve_connection_rows,
    serve_database_rows,
    serve_client_rows,
    serve_pubsub_rows,
    serve_channel_rows,
    serve_acl_rows,
    serve_command_rows,
    serve_multi_rows,
    serve_node_rows,
    serve_migrate_rows,
    serve_lolwut_rows,
    serve_insight_rows,
    serve_cluster_rows,
    node_config_rows,
    info_rows,
    memory_rows,
    replica_rows,
    membership_rows,
    persist_rows,
    aof_rows,
    script_rows,
    string_commands,
    generic_commands,
    hash_commands,
    list_commands,
    set_commands,
    zset_commands,
    stream_commands,
    bitmap_commands,
    hll_commands,
    geo_commands,
    sort_commands,
};
/* clang-format on */

static const struct command *const debug_rows[] = {
    debug_subs,        debug_keyspace_subs, persist_debug_subs,
    aof_debug_subs,    replica_debug_subs,  script_debug_subs,
    config_debug_subs, memory_debug_subs,   NULL
};

static const struct info_part *const info_rooms[] = { info_parts,           serve_info_parts,
                                                      replica_info_parts,   persist_info_parts,
                                                      aof_info_parts,       script_info_parts,
                                                      membership_info_parts };

static const struct metric *const metric_rooms[] = { metrics_of_info_labelled, metrics_of_info,
                                                     serve_metrics, replica_metrics, node_metrics };

static void accept_client(void *arg, int fd, enum listen_kind kind, const struct proxy_header *told)
{
    struct node *n = arg;

    if (kind == LISTEN_HTTP || kind == LISTEN_HTTPS) {
        http_accept(n->world.http, fd, kind == LISTEN_HTTPS ? n->net.tls_server : NULL, told);
        return;
    }
    service_accept(n->world.service, fd, kind == LISTEN_TLS ? n->net.tls_server : NULL,
                   kind == LISTEN_UNIX, told);
}

static void add_rows(struct node_world *w)
{
    w->commands = command_table_new();
    for (size_t i = 0; i < ARRAY_LEN(command_rows); i++)
        command_table_add(w->commands, command_rows[i]);
    w->debug_rows = debug_rows;
    w->info = info_new();
    for (size_t i = 0; i < ARRAY_LEN(info_rooms); i++)
        info_add(w->info, info_rooms[i]);
}

/* rename-command, once every room has added its rows. */
static enum err rename_commands(struct node *n, struct errmsg *out_why)
{
    const struct server_settings *set = &n->set.server;
    struct errmsg why = { "" };

    for (int i = 0; i < set->rename_count; i++) {
        const struct command_rename *r = &set->renames[i];
        enum err e = command_table_rename(n->world.commands, r->from, r->to, &why);

        if (e != OK) {
            errmsg_set(out_why, "rename-command %.64s %.64s: %.200s", r->from, r->to, why.text);
            return e;
        }
    }
    return OK;
}

/* Containers often forbid it; nobody is served worse for that, only at a greater cost. */
static void use_batches(struct ev_loop *loop)
{
    if (!link_use_batches(loop))
        log_notice("io-uring-not-used why=\"%s\"", strerror(errno));
}

static void open_rooms(struct node *n)
{
    struct node_world *w = &n->world;
    struct keyspace_options options = { .databases = (int)n->set.databases,
                                        .limits = &n->set.limits,
                                        .lazily = &n->set.lazily };

    w->loop = ev_default_loop(EVFLAG_NOSIGMASK);
    link_system_init(w->loop);
    if (n->set.io_uring)
        use_batches(w->loop);
    w->net = &n->net;
    server_net_init(&n->net, w->loop, accept_client, n);
    w->keyspace = keyspace_new(&options);
    types_register(w->keyspace);
    w->oplog = &n->oplog;
    oplog_init(w->oplog, n->set.repl_backlog_bytes);
    add_rows(w);
    w->acl = acl_new(w->commands);
    w->replica = replica_new(w);
    w->persist = persist_new(w);
    w->aof = aof_new(w);
    serve_new(w);
    script_new(w);
    w->metrics = metrics_new(w, metrics_info_text);
    for (size_t i = 0; i < ARRAY_LEN(metric_rooms); i++)
        metrics_add(w->metrics, metric_rooms[i]);
    w->http = http_new(w->loop, &n->set.server, &n->net.guard, w);
    http_add(w->http, metrics_routes);
    http_add(w->http, health_routes);
    identity_started();
}

static void close_rooms(struct node *n)
{
    struct node_world *w = &n->world;

    http_free(w->http);
    metrics_free(w->metrics);
    server_net_fini(&n->net);
    aof_free(w->aof);
    script_free(w->script);
    persist_free(w->persist);
    replica_free(w->replica);
    membership_free(w->membership);
    serve_free(w->serve);
    info_free(w->info);
    command_table_free(w->commands);
    acl_free(w->acl);
    oplog_fini(w->oplog);
    keyspace_free(w->keyspace);
    link_system_fini(w->loop);
}

static void stop_on_signal(void *arg, int signal)
{
    struct node *n = arg;
    const struct server_settings *set = &n->set.server;

    log_notice("signal name=%s", strsignal(signal));
    shutdown_ask(n->world.serve,
                 (uint32_t)(signal == SIGINT ? set->shutdown_on_sigint : set->shutdown_on_sigterm));
}

/* SIGHUP: the log after a rotation, and certificates that were renewed. */
static void reload(void *arg)
{
    struct node *n = arg;
    struct errmsg why = { "" };

    process_reloading();
    log_reopen();
    if (server_net_apply(&n->net, &n->set.server, &why) != OK)
        log_warning("reload-failed why=\"%s\"", why.text);
    process_reloaded();
}

static void loaded(void *arg, enum err e, bool from_file, const struct errmsg *why)
{
    struct node *n = arg;
    struct errmsg cannot = { "" };

    if (e == OK) {
        membership_loaded(n->world.membership);
        e = aof_start(n->world.aof, &cannot);
        why = &cannot;
    }
    if (e == OK) {
        replica_start(n->world.replica);
        e = membership_start(n->world.membership, &cannot);
    }
    if (e != OK) {
        log_warning("load-failed why=\"%s\"" REDIS_SAYS("Fatal error loading the DB"), why->text);
        n->failed = true;
        ev_break(n->world.loop, EVBREAK_ALL);
        return;
    }
    log_set_role(replica_is_follower(n->world.replica) ? 'S' : 'M');
    log_notice("Ready to accept connections port=%lld loaded-file=%s",
               (long long)n->set.server.port, from_file ? "yes" : "no");
    if (n->set.server.unixsocket[0])
        log_notice("The server is now ready to accept connections at %s", n->set.server.unixsocket);
    process_ready(n->world.loop, "Ready to accept connections");
}

/* A block about the configuration stands on its own, as people know it. */
static int refuse_start(const char *why)
{
    fprintf(stderr, why[0] == '\n' ? "%s" : "holdfast-node: %s\n", why);
    return 1;
}

static enum err become_daemon(struct node *n, struct errmsg *out_why)
{
    const struct server_settings *set = &n->set.server;
    static const char *const words[] = { [SUPERVISED_NO] = "no",
                                         [SUPERVISED_AUTO] = "auto",
                                         [SUPERVISED_SYSTEMD] = "systemd",
                                         [SUPERVISED_UPSTART] = "upstart" };
    bool supervised = process_supervised(words[set->supervised]);

    if (set->daemonize && !supervised && process_daemonize(out_why) != OK)
        return ERR_IO;
    if (live_settings_log(&n->world, out_why) != OK)
        return ERR_IO;
    log_set_role('C');
    identity_begin(supervised);
    settings_warn_ignored(n->world.settings);
    if (set->crash_log_enabled)
        process_report_crashes(NULL);
    if (set->disable_thp)
        process_no_huge_pages();
    process_reserve_files(server_settings_more_files(set));
    return process_file_limit(&n->set.server.maxclients, out_why);
}

/* Once nothing can refuse the start any more: another process may be named in it. */
static void leave_pidfile(const struct server_settings *set)
{
    const char *path = *set->pidfile ? set->pidfile : "/var/run/holdfast-node.pid";
    struct errmsg why = { "" };

    if ((set->daemonize || *set->pidfile) && process_pidfile(path, &why) != OK)
        log_warning("pidfile-not-written why=\"%s\"", why.text);
}

/* What this node is to its durable group, before it loads what may not be the group's any more. */
static enum err join_group(struct node_world *w, struct errmsg *out_why)
{
    w->membership = membership_open(w, out_why);
    return w->membership ? OK : ERR_IO;
}

/* A kill in the middle of CONFIG REWRITE leaves a file beside the one that was to be replaced. */
static void sweep(const struct node *n)
{
    const char *path = settings_path(n->world.settings);
    int swept = path ? file_sweep(path) : 0;

    if (swept > 0)
        log_notice("unfinished-rewrites-removed file=%s count=%d", path, swept);
}

static int serve_clients(struct node *n)
{
    struct process_signals signals = { .shutdown = stop_on_signal, .reload = reload, .arg = n };
    struct errmsg why = { "" };

    if (become_daemon(n, &why) != OK)
        return refuse_start(why.text);
    log_notice("holdfast-node-starts version=%s PID: %d", HF_VERSION, (int)getpid());
    log_notice("Running mode=standalone, port=%lld.", (long long)n->set.server.port);
    sweep(n);
    open_rooms(n);
    if (users_file_start(n->world.acl, &n->set.server, &why) != OK ||
        rename_commands(n, &why) != OK || live_settings_begin(&n->world, &why) != OK ||
        join_group(&n->world, &why) != OK) {
        log_warning("start-refused why=\"%s\"", why.text);
        close_rooms(n);
        return refuse_start(why.text);
    }
    leave_pidfile(&n->set.server);
    process_watch_signals(n->world.loop, &signals);
    persist_load(n->world.persist, loaded, n);
    if (!n->failed)
        ev_run(n->world.loop, 0);
    process_stopping();
    membership_stop(n->world.membership);
    close_rooms(n);
    process_end(n->world.loop);
    if (!n->failed) /* else the last word is why */
        log_notice("holdfast-node-stops");
    return n->failed ? 1 : 0;
}

static int help(struct settings *settings)
{
    struct buf text = { 0 };

    buf_puts(&text,
             "Usage: holdfast-node [configuration file | -] [--directive value ...]\n"
             "       holdfast-node -v | --version\n"
             "       holdfast-node -h | --help\n"
             "       holdfast-node [/path/to/sentinel.conf] --sentinel   (runs holdfast-sentinel)\n"
             "       holdfast-node --check FILE [--fix]   (an RDB, an AOF or its manifest)\n\n"
             "Examples:\n"
             "       holdfast-node                      (default settings)\n"
             "       holdfast-node /etc/holdfast/node.conf\n"
             "       holdfast-node --port 7777 --replicaof 10.0.0.1 6379\n"
             "       echo 'maxmemory 128mb' | holdfast-node -\n\n"
             "Directives:\n\n");
    settings_manual(settings, &text);
    fwrite(text.at, 1, text.len, stdout);
    buf_fini(&text);
    return 0;
}

/* --check FILE [--fix] */
static int check(int argc, char *const *argv)
{
    struct keyspace_options options = { .databases = 1 };
    bool fix = argc == 4 && strcmp(argv[3], "--fix") == 0;
    struct keyspace *types;
    int status;

    if (argc < 3 || argc > 4 || (argc == 4 && !fix)) {
        fprintf(stderr, "Usage: holdfast-node --check FILE [--fix]\n");
        return 2;
    }
    types = keyspace_new(&options);
    types_register(types);
    status = check_file(argv[2], types, fix);
    keyspace_free(types);
    return status;
}

static bool asked_for(int argc, char *const *argv, const char *brief, const char *full)
{
    return argc == 2 && (strcmp(argv[1], brief) == 0 || strcmp(argv[1], full) == 0);
}

int main(int argc, char **argv)
{
    static struct node node;
    struct errmsg why = { "" };
    int status;

    if (asked_for(argc, argv, "-v", "--version")) {
        process_tell_version("holdfast-node", SERVE_REDIS_VERSION);
        return 0;
    }
    if (argc >= 2 && strcmp(argv[1], "--check") == 0)
        return check(argc, argv);
    if (process_become(argc, argv, "--sentinel", "holdfast-sentinel", &why) != OK)
        return refuse_start(why.text);
    process_begin();
    tls_room_begin();
    setlocale(LC_COLLATE, ""); /* SORT … ALPHA shows texts as the user's language orders them */
    node.world.set = &node.set;
    node.world.settings = settings_new(&node.set, &node.world);
    node_settings_add(node.world.settings);
    live_settings_hook(&node.world);
    if (asked_for(argc, argv, "-h", "--help")) {
        status = help(node.world.settings);
    } else if (settings_load(node.world.settings, argc - 1, argv + 1, &why) != OK) {
        status = refuse_start(why.text);
    } else {
        settings_hide_secrets(node.world.settings, argc - 1, argv + 1);
        status = serve_clients(&node);
    }
    settings_free(node.world.settings);
    return status;
}
