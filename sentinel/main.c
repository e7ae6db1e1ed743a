/*
 * main - knows every room of the sentinel, hands each one's rows to their tables, and runs the loop.
 *
 *     serve --raise--> drive --step--> core
 *       ^                |
 *       +-- answer, ---- + ----persist--> state --done--> drive
 *           publish
 */
#include <ev.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "common/acl/acl.h"
#include "common/alloc.h"
#include "common/clock.h"
#include "common/http/http.h"
#include "common/log.h"
#include "common/process.h"
#include "common/random.h"
#include "common/resolve.h"
#include "common/serve/users_file.h"
#include "common/server_net.h"
#include "common/tls_room.h"
#include "sentinel/drive/drive.h"
#include "sentinel/drive/lines.h"
#include "sentinel/helm/helms.h"
#include "sentinel/page/page.h"
#include "sentinel/serve/api.h"
#include "sentinel/serve/history.h"
#include "sentinel/serve/inquiry.h"
#include "sentinel/serve/metrics.h"
#include "sentinel/serve/news.h"
#include "sentinel/serve/orders.h"
#include "sentinel/serve/serve.h"
#include "sentinel/serve/tally.h"
#include "sentinel/serve/trend.h"
#include "sentinel/state/conf.h"
#include "sentinel/state/notebook.h"
#include "sentinel/state/state.h"
#include "sentinel/state/voters.h"

struct daemon {
    struct sentinel_world world;
    struct sentinel_settings set;
    struct server_net net;
    struct sentinel core;
    struct drive drive;
    struct tally tally;
    struct news news;
    struct history history;
    struct notebook *notebook; /* of the history */
    struct trends trends;
    struct orders orders;
    struct inquiries inquiries;
    struct command_table *commands;
    struct acl *acl;
    bool supervised;
};

/* ---- what the rooms ask of each other ------------------------------------------------------ */

static struct daemon *daemon_of(struct sentinel_world *w)
{
    return CONTAINER_OF(w, struct daemon, world);
}

/* Whom an event is about, where a captain has to know of it; NULL: it has not. */
static const char *group_of(const struct event *ev)
{
    switch (ev->kind) {
    case EV_MONITOR:
        return ev->monitor.name;
    case EV_REMOVE:
        return ev->remove.name;
    case EV_SET:
        return ev->set.name;
    default:
        return NULL;
    }
}

static void raise_event(struct sentinel_world *w, struct event *ev)
{
    const char *name = group_of(ev);
    AUTO_FREE char *group = name ? xstrdup(name) : NULL; /* it may be the group's own */

    drive_raise(w->drive, ev);
    if (ev->kind == EV_GLOBALS)
        helms_set_dialling(w->helms);
    if (group)
        helms_look(w->helms, group);
}

static uint32_t pending(struct sentinel_world *w, uint64_t id)
{
    return drive_pending(w->drive, id);
}

static void hear(struct sentinel_world *w, uint64_t token, const struct reg_message *m)
{
    voters_hear(w->voters, token, m);
}

static void enrol(struct sentinel_world *w, uint64_t token, struct bytes group)
{
    voters_enrol(w->voters, token, group);
    helms_enrolled(w->helms, group);
}

static bool destination(struct sentinel_world *w, uint64_t id, struct dial_options *o)
{
    return lines_destination(w->drive, id, o);
}

static bool acquainted(struct sentinel_world *w, const char *ip)
{
    return drive_acquainted(w->drive, ip);
}

static void keep_history(struct sentinel_world *w)
{
    notebook_touch(daemon_of(w)->notebook);
}

static void fill_history(void *arg, struct buf *out)
{
    history_put(&((struct daemon *)arg)->history, out);
}

static void request(struct sentinel_world *w, const char *group, const struct durable_request *r)
{
    helms_request(w->helms, group, r);
}

static bool suspect(struct sentinel_world *w, bool asks, const struct suspicion *s)
{
    return helms_hear(w->helms, asks, s);
}

static bool lookout(struct sentinel_world *w, const struct lookout *l)
{
    return helms_lookout(w->helms, l);
}

static const struct captain *captain(struct sentinel_world *w, const char *group)
{
    return helms_captain(w->helms, group);
}

static enum err flush(struct sentinel_world *w, struct errmsg *out_why)
{
    enum err e = state_flush(w->state, out_why);

    if (e != OK)
        log_warning("flush-failed why=\"%s\"", out_why->text);
    return e;
}

static void keep_users(struct sentinel_world *w)
{
    struct buf lines = { 0 };

    server_settings_put_users(&w->set->server, &lines);
    state_set_users(w->state, buf_bytes(&lines));
    buf_fini(&lines);
}

static void stop(struct sentinel_world *w)
{
    ev_break(w->loop, EVBREAK_ALL);
}

static uint64_t persist(void *world, const struct record *rec)
{
    return state_persist(((struct sentinel_world *)world)->state, rec);
}

static void persisted(void *arg, uint64_t position)
{
    drive_persisted(((struct daemon *)arg)->world.drive, position);
}

static const struct drive_ops drive_ops = {
    .persist = persist,
    .publish = serve_publish,
    .informed = serve_informed,
    .reply = serve_answer,
};

static void voter_told(void *world, uint64_t token, const struct reg_message *answer,
                       const char *refusal)
{
    struct sentinel_world *w = world;

    if (helms_own_token(token))
        helms_told(w->helms, token, answer, refusal);
    else
        serve_told(w, token, answer, refusal);
}

static void voter_learned(void *world, struct bytes group, const struct acceptor *a)
{
    helms_learned(((struct sentinel_world *)world)->helms, group, a);
}

static bool voter_refuses(void *world, struct bytes group, const struct charter *mine,
                          const struct charter *proposed)
{
    return helms_refuse(((struct sentinel_world *)world)->helms, group, mine, proposed);
}

static void ask_voter(void *world, uint64_t token, const struct reg_message *m)
{
    hear(world, token, m);
}

static void enrol_voter(void *world, uint64_t token, struct bytes group)
{
    voters_enrol(((struct sentinel_world *)world)->voters, token, group);
}

static const struct acceptor *find_voter(void *world, struct bytes group)
{
    return voters_find(((struct sentinel_world *)world)->voters, group);
}

static const struct helms_ops helms_ops = {
    .hear = ask_voter,
    .enrol = enrol_voter,
    .voter = find_voter,
    .answer = serve_requested,
};

/* ---- settings ------------------------------------------------------------------------------ */

static enum err open_log(const struct daemon *d, struct errmsg *out_why)
{
    const struct server_settings *set = &d->set.server;
    struct log_settings log = { .level = (enum log_level)set->loglevel,
                                .path = set->logfile,
                                .json = set->log_format == LOG_FORMAT_JSON,
                                .syslog = set->syslog_enabled,
                                .syslog_ident = set->syslog_ident,
                                .syslog_facility = set->syslog_facility };

    return log_open(&log, out_why);
}

/* SENTINEL CONFIG SET loglevel: the only server directive that changes while we run. */
static enum err apply_loglevel(void *world, struct errmsg *out_why)
{
    static const char *const words[] = { [LOG_LEVEL_DEBUG] = "debug",
                                         [LOG_LEVEL_VERBOSE] = "verbose",
                                         [LOG_LEVEL_NOTICE] = "notice",
                                         [LOG_LEVEL_WARNING] = "warning",
                                         [LOG_LEVEL_NOTHING] = "nothing" };
    struct daemon *d = daemon_of(world);

    (void)out_why;
    log_set_level((enum log_level)d->set.server.loglevel);
    state_set_loglevel(d->world.state, words[d->set.server.loglevel]);
    return OK;
}

/* How to dial follows the settings and the certificates that are in use. */
static void set_dialling(struct daemon *d)
{
    const struct server_settings *set = &d->set.server;

    d->drive.dialling = (struct drive_dialling){ .tls = d->net.tls_client,
                                                 .tls_if_asked = d->net.tls_if_asked,
                                                 .source_address = set->bind_source_addr,
                                                 .requirepass = set->requirepass,
                                                 .keepalive_s = set->tcp_keepalive_s };
    helms_set_dialling(d->world.helms);
}

/* ---- rooms --------------------------------------------------------------------------------- */

static void accept_client(void *arg, int fd, enum listen_kind kind, const struct proxy_header *told)
{
    struct daemon *d = arg;

    if (kind == LISTEN_HTTP || kind == LISTEN_HTTPS) {
        http_accept(d->world.http, fd, kind == LISTEN_HTTPS ? d->net.tls_server : NULL, told);
        return;
    }
    service_accept(d->world.service, fd, kind == LISTEN_TLS ? d->net.tls_server : NULL,
                   kind == LISTEN_UNIX, told);
}

static void open_rooms(struct daemon *d)
{
    struct sentinel_world *w = &d->world;
    uint64_t seed;

    w->loop = ev_loop_new(EVFLAG_NOSIGMASK); /* the default loop would reap the scripts */
    clock_turn();
    link_system_init(w->loop);
    server_net_init(&d->net, w->loop, accept_client, d);
    random_bytes(&seed, sizeof seed);
    sentinel_init(&d->core, seed);
    drive_init(&d->drive, w->loop, &d->core, &drive_ops, w);
    w->helms = helms_new(&d->drive, &helms_ops, w);
    d->commands = command_table_new();
    sentinel_add_commands(d->commands);
    d->acl = acl_new(d->commands);
    w->core = &d->core;
    w->drive = &d->drive;
    w->service =
        service_new(w->loop, &sentinel_service_ops, d->commands, d->acl, &d->set.server, w);
    w->net = &d->net;
    w->tally = &d->tally;
    w->news = &d->news;
    w->history = &d->history;
    w->trends = &d->trends;
    w->orders = &d->orders;
    w->inquiries = &d->inquiries;
    w->metrics = metrics_new(w, sentinel_info_text);
    metrics_add(w->metrics, metrics_of_info_labelled);
    metrics_add(w->metrics, metrics_of_info);
    metrics_add(w->metrics, sentinel_metrics);
    metrics_add(w->metrics, sentinel_group_metrics);
    metrics_add(w->metrics, sentinel_durable_metrics);
    w->http = http_new(w->loop, &d->set.server, &d->net.guard, w);
    http_add(w->http, sentinel_routes);
    http_add(w->http, api_routes);
    http_add(w->http, page_routes);
    w->raise = raise_event;
    w->pending = pending;
    w->hear = hear;
    w->enrol = enrol;
    w->acquainted = acquainted;
    w->destination = destination;
    w->keep_history = keep_history;
    w->request = request;
    w->suspect = suspect;
    w->lookout = lookout;
    w->captain = captain;
    w->flush = flush;
    w->keep_users = keep_users;
    w->stop = stop;
    w->started_ms = clock_now_ms();
    random_hex(w->run_id, sizeof w->run_id - 1);
}

static void close_rooms(struct daemon *d)
{
    struct sentinel_world *w = &d->world;

    helms_free(w->helms);
    http_free(w->http);
    metrics_free(w->metrics);
    server_net_fini(&d->net);
    service_free(w->service);
    drive_fini(&d->drive);
    voters_close(w->voters);
    tally_fini(&d->tally);
    notebook_close(d->notebook);
    history_fini(&d->history);
    trends_fini(&d->trends);
    state_close(w->state);
    sentinel_fini(&d->core);
    command_table_free(d->commands);
    acl_free(d->acl);
    resolve_fini();
    link_system_fini(w->loop);
}

/* Beside the journal: all that a sentinel must not forget begins with one path. */
static struct voters *open_voters(struct sentinel_world *w)
{
    struct buf prefix = { 0 };
    struct voters_options o = {
        .loop = w->loop,
        .io = &slots_io_real,
        .told = voter_told,
        .learned = voter_learned,
        .refuses = voter_refuses,
        .arg = w,
    };
    struct voters *voters;

    buf_printf(&prefix, "%s.voter-", state_path(w->state));
    o.prefix = buf_text(&prefix);
    voters = voters_open(&o);
    buf_fini(&prefix);
    return voters;
}

/* Likewise; nothing depends on it, so what cannot be read of it is said and left out. */
static void open_history(struct daemon *d)
{
    struct buf path = { 0 }, text = { 0 };
    struct notebook_options o = {
        .loop = d->world.loop, .bytes_max = HISTORY_BYTES_MAX, .fill = fill_history, .arg = d
    };
    int bad;

    buf_printf(&path, "%s.failovers", state_path(d->world.state));
    o.path = buf_text(&path);
    d->notebook = notebook_open(&o, &text);
    bad = history_read(&d->history, buf_bytes(&text));
    if (bad)
        log_warning("history-damaged path=%s lines=%d", o.path, bad);
    buf_fini(&path);
    buf_fini(&text);
}

/* Of maxmemory a sentinel has none, so that a share of it is no limit. */
static void limit_clients(struct daemon *d)
{
    int64_t bytes = d->set.server.maxmemory_clients;

    if (bytes < 0)
        log_warning("maxmemory-clients-ignored why=\"a sentinel has no maxmemory\"");
    client_memory_limit(d->world.service, bytes > 0 ? (uint64_t)bytes : 0);
}

/* Nothing that was promised is forgotten before the first link is made, so: files, doors, core. */
static enum err begin(struct daemon *d, const struct config *conf, struct errmsg *out_why)
{
    struct state_options options = { .loop = d->world.loop,
                                     .set = &d->set,
                                     .conf_path = settings_path(d->world.settings),
                                     .conf = conf,
                                     .done = persisted,
                                     .arg = d };
    struct config loaded = { 0 };
    struct event ev = { .kind = EV_LOAD, .load = &loaded };
    enum err e;

    d->world.state = state_open(&options, &loaded, out_why);
    if (!d->world.state)
        return ERR_IO;
    d->world.voters = open_voters(&d->world);
    open_history(d);
    limit_clients(d);
    if (!alloc_background(true)) /* what a flood leaves behind goes back outside the loop */
        log_verbose("allocator-without-thread");
    e = users_file_start(d->acl, &d->set.server, out_why);
    if (e == OK)
        e = server_net_apply(&d->net, &d->set.server, out_why);
    if (e == OK) {
        set_dialling(d);
        log_notice("Sentinel ID is %s", loaded.globals.my_id);
        loaded.wall_ms = clock_wall_ms();
        drive_raise(&d->drive, &ev);
        helms_begin(d->world.helms);
    }
    config_fini(&loaded);
    return e;
}

/* ---- the process --------------------------------------------------------------------------- */

static void stop_on_signal(void *arg, int signal)
{
    (void)signal;
    stop(&((struct daemon *)arg)->world);
}

/* SIGHUP: the log after a rotation, and certificates that were renewed. */
static void reload(void *arg)
{
    struct daemon *d = arg;
    struct errmsg why = { "" };

    process_reloading();
    log_reopen();
    if (server_net_apply(&d->net, &d->set.server, &why) != OK)
        log_warning("reload-failed why=\"%s\"", why.text);
    set_dialling(d);
    process_reloaded();
}

/* A block about the configuration stands on its own, as people know it. */
static int refuse_start(const char *why)
{
    fprintf(stderr, why[0] == '\n' ? "%s" : "holdfast-sentinel: %s\n", why);
    return 1;
}

/* Every node takes two descriptors beside the clients, and nobody knows yet how many there will be. */
static void raise_file_limit(void)
{
    struct rlimit files;

    if (getrlimit(RLIMIT_NOFILE, &files) != 0 || files.rlim_cur == files.rlim_max)
        return;
    files.rlim_cur = files.rlim_max;
    (void)setrlimit(RLIMIT_NOFILE,
                    &files); /* what is refused is missed where it matters, and said */
}

static enum err become_daemon(struct daemon *d, struct errmsg *out_why)
{
    static const char *const words[] = { [SUPERVISED_NO] = "no",
                                         [SUPERVISED_AUTO] = "auto",
                                         [SUPERVISED_SYSTEMD] = "systemd",
                                         [SUPERVISED_UPSTART] = "upstart" };
    const struct server_settings *set = &d->set.server;

    d->supervised = process_supervised(words[set->supervised]);
    if (set->daemonize && !d->supervised && process_daemonize(out_why) != OK)
        return ERR_IO;
    if (open_log(d, out_why) != OK)
        return ERR_IO;
    log_set_role('X');
    settings_warn_ignored(d->world.settings);
    if (set->crash_log_enabled)
        process_report_crashes(NULL);
    if (set->disable_thp)
        process_no_huge_pages();
    raise_file_limit();
    process_reserve_files(server_settings_more_files(set));
    return process_file_limit(&d->set.server.maxclients, out_why);
}

/* Once nothing can refuse the start any more: another process may be named in it. */
static void leave_pidfile(const struct server_settings *set)
{
    const char *path = *set->pidfile ? set->pidfile : "/var/run/holdfast-sentinel.pid";
    struct errmsg why = { "" };

    if ((set->daemonize || *set->pidfile) && process_pidfile(path, &why) != OK)
        log_warning("pidfile-not-written why=\"%s\"", why.text);
}

static int watch_groups(struct daemon *d, const struct config *conf)
{
    struct process_signals signals = { .shutdown = stop_on_signal, .reload = reload, .arg = d };
    struct errmsg why = { "" };
    int status = 0;

    if (become_daemon(d, &why) != OK)
        return refuse_start(why.text);
    log_notice("holdfast-sentinel-starts version=%s PID: %d", HF_VERSION, (int)getpid());
    open_rooms(d);
    process_watch_signals(d->world.loop, &signals);
    if (begin(d, conf, &why) == OK) {
        log_notice("Running mode=sentinel, port=%lld.", (long long)d->set.server.port);
        leave_pidfile(&d->set.server);
        process_ready(d->world.loop, "Watching");
        ev_run(d->world.loop, 0);
    } else {
        log_warning("start-refused why=\"%s\"", why.text);
        status = refuse_start(why.text);
    }
    process_stopping();
    close_rooms(d);
    process_end(d->world.loop);
    ev_loop_destroy(d->world.loop);
    log_notice("holdfast-sentinel-stops");
    return status;
}

static int help(struct settings *settings)
{
    struct buf text = { 0 };

    buf_puts(&text, "Usage: holdfast-sentinel [configuration file | -] [--directive value ...]\n"
                    "       holdfast-sentinel -v | --version\n"
                    "       holdfast-sentinel -h | --help\n\n"
                    "Example:\n"
                    "       holdfast-sentinel /etc/holdfast/sentinel.conf\n\n"
                    "Directives:\n\n");
    settings_manual(settings, &text);
    buf_puts(&text, "\nBehind the word sentinel:\n\n");
    conf_manual(&text);
    fwrite(text.at, 1, text.len, stdout);
    buf_fini(&text);
    return 0;
}

static bool asked_for(int argc, char *const *argv, const char *brief, const char *full)
{
    return argc == 2 && (strcmp(argv[1], brief) == 0 || strcmp(argv[1], full) == 0);
}

int main(int argc, char **argv)
{
    static struct daemon d;
    struct config conf = { 0 };
    struct errmsg why = { "" };
    int status;

    if (asked_for(argc, argv, "-v", "--version")) {
        process_tell_version("holdfast-sentinel", SERVE_REDIS_VERSION);
        return 0;
    }
    process_begin();
    tls_room_begin();
    d.world.set = &d.set;
    d.world.settings = settings_new(&d.set, &d.world);
    sentinel_settings_add(d.world.settings, &d.set);
    settings_hook(d.world.settings, "loglevel", apply_loglevel);
    if (asked_for(argc, argv, "-h", "--help")) {
        status = help(d.world.settings);
    } else if (settings_load(d.world.settings, argc - 1, argv + 1, &why) != OK ||
               sentinel_settings_config(&d.set, &conf, &why) != OK) {
        status = refuse_start(why.text);
    } else {
        settings_hide_secrets(d.world.settings, argc - 1, argv + 1);
        status = watch_groups(&d, &conf);
    }
    config_fini(&conf);
    settings_free(d.world.settings);
    sentinel_settings_fini(&d.set);
    return status;
}
