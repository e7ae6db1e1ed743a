/* Orders: words are checked here, and what they mean is the core's business. */
#include <ctype.h>
#include <string.h>
#include <unistd.h>

#include "common/alloc.h"
#include "common/net.h"
#include "common/resolve.h"
#include "common/settings.h"
#include "sentinel/serve/rows.h"

enum { SET_OPTIONS_MAX = 64 };

static struct sentinel_session *session_of(const struct call *c)
{
    return (struct sentinel_session *)c->session;
}

void serve_ask(struct call *c, struct event *ev)
{
    struct sentinel_session *s = session_of(c);

    ev->token = s->session.id;
    s->asking = true;
    s->now = c->reply;
    world_of(c)->raise(world_of(c), ev);
    s->now = NULL;
    if (s->asking)
        session_hold(&s->session);
}

static void reply_view(struct reply *r, const struct view *v)
{
    struct bytes words[VIEW_WORDS];
    struct buf storage = { 0 };

    view_words(v, &storage, words);
    reply_array(r, VIEW_WORDS);
    for (int i = 0; i < VIEW_WORDS; i++)
        reply_bulk(r, words[i]);
    buf_fini(&storage);
}

void serve_write_answer(struct reply *r, const struct action *a)
{
    switch (a->reply.kind) {
    case REPLY_OK:
        reply_ok(r);
        break;
    case REPLY_INTEGER:
        reply_int(r, a->reply.integer);
        break;
    case REPLY_ERROR:
        reply_error(r, a->text);
        break;
    case REPLY_DOWN:
        reply_array(r, 3);
        reply_int(r, a->reply.integer);
        reply_text(r, a->reply.id[0] ? a->reply.id : "*");
        reply_int(r, (int64_t)a->reply.epoch);
        break;
    case REPLY_VIEW:
        reply_view(r, a->view);
        break;
    }
}

/* ---- MONITOR ------------------------------------------------------------------------------- */

/* The words of a SENTINEL MONITOR, while the name of the host is looked up. */
struct monitor_wait {
    struct sentinel_world *world;
    struct resolve_question *question;
    uint64_t session;
    char name[NAME_LEN_MAX + 1];
    struct addr addr;
    uint32_t quorum;
};

static const char *const bad_host = "ERR Invalid IP address or hostname specified";

/* A name stands in sentinel.conf, in hellos and in lists: what would break those is refused. */
static bool name_fits(struct bytes name)
{
    if (name.len == 0 || name.len > NAME_LEN_MAX)
        return false;
    for (size_t i = 0; i < name.len; i++)
        if (!isgraph((unsigned char)name.at[i]) || strchr(",\"'\\", name.at[i]))
            return false;
    return true;
}

static struct event monitor_event(const struct monitor_wait *m, const char *ip)
{
    return (struct event){
        .kind = EV_MONITOR,
        .token = m->session,
        .monitor = { .name = m->name, .addr = m->addr, .ip = ip, .quorum = m->quorum },
    };
}

static void answer_late(struct sentinel_session *s, const char *error)
{
    struct reply r = session_reply(&s->session);

    s->asking = false;
    reply_error(&r, error);
    session_drop_held(&s->session);
}

static void monitor_resolved(void *arg, const struct resolve_answer *answer)
{
    struct monitor_wait *m = arg;
    struct sentinel_session *s =
        (struct sentinel_session *)service_find(m->world->service, m->session);
    struct event ev;
    char ip[64];

    s->monitor = NULL;
    if (answer->count == 0) {
        answer_late(s, bad_host);
    } else {
        net_print_ip((const struct sockaddr *)&answer->addresses[0], ip, sizeof ip);
        ev = monitor_event(m, ip);
        m->world->raise(m->world, &ev);
    }
    xfree(m);
}

void sentinel_monitor_cancel(struct sentinel_session *s)
{
    if (!s->monitor)
        return;
    resolve_cancel(s->monitor->question);
    xfree(s->monitor);
    s->monitor = NULL;
}

static void monitor_look_up(struct call *c, const struct monitor_wait *words)
{
    struct sentinel_session *s = session_of(c);
    struct monitor_wait *m = xmalloc(sizeof *m);

    *m = *words;
    m->question = resolve_ask(m->world->loop, m->addr.host, m->addr.port, monitor_resolved, m);
    if (!m->question) {
        xfree(m);
        reply_error(c->reply, "ERR Too many names are being looked up, try again");
        return;
    }
    s->monitor = m;
    s->asking = true;
    session_hold(&s->session);
}

/* In the order in which Redis checks them; false: the error is written. */
static bool monitor_words(struct call *c, struct monitor_wait *out)
{
    const char *error = NULL;
    int64_t port, quorum;

    if (!bytes_to_i64(c->argv[5], &quorum))
        error = "ERR Invalid quorum";
    else if (!bytes_to_i64(c->argv[4], &port))
        error = "ERR Invalid port";
    else if (quorum < 1)
        error = "ERR Quorum must be 1 or greater.";
    else if (quorum > INT32_MAX)
        error = "ERR Invalid quorum";
    else if (!name_fits(c->argv[2]))
        error = "ERR Invalid master name";
    else if (c->argv[3].len == 0 || c->argv[3].len > HOST_LEN_MAX)
        error = bad_host;
    else if (!addr_set(&out->addr, c->argv[3], port))
        error = "ERR Invalid port number.";
    if (error) {
        reply_error(c->reply, error);
        return false;
    }
    memcpy(out->name, c->argv[2].at, c->argv[2].len);
    out->quorum = (uint32_t)quorum;
    return true;
}

void sentinel_monitor(struct call *c)
{
    struct monitor_wait words = { .world = world_of(c), .session = c->session->id };
    struct sockaddr_storage ip;
    socklen_t ip_len;
    struct event ev;

    if (!monitor_words(c, &words))
        return;
    if (net_parse_ip(words.addr.host, words.addr.port, &ip, &ip_len)) {
        ev = monitor_event(&words, NULL);
        serve_ask(c, &ev);
    } else if (world_of(c)->core->globals.resolve_hostnames) {
        monitor_look_up(c, &words);
    } else {
        reply_error(c->reply, bad_host);
    }
}

/* ---- the others ---------------------------------------------------------------------------- */

void sentinel_remove(struct call *c)
{
    const struct group *g = serve_want_group(c, 2);
    struct event ev = { .kind = EV_REMOVE };

    if (!g)
        return;
    ev.remove.name = g->name;
    serve_ask(c, &ev);
}

void sentinel_reset(struct call *c)
{
    struct event ev = { .kind = EV_RESET, .reset = { .pattern = c->argv[2] } };

    serve_ask(c, &ev);
}

/* [COORDINATED|FORCE] [TO host port] behind the name; false: a word that makes no sense. */
static bool failover_words(const struct call *c, struct event *ev)
{
    int at = 3;
    int64_t port;

    if (at < c->argc && bytes_is_word(c->argv[at], "force")) {
        ev->failover.kind = FAILOVER_FORCE;
        at++;
    } else if (at < c->argc && bytes_is_word(c->argv[at], "coordinated")) {
        at++;
    }
    if (at == c->argc)
        return true;
    return at + 3 == c->argc && bytes_is_word(c->argv[at], "to") &&
           bytes_to_i64(c->argv[at + 2], &port) &&
           addr_set(&ev->failover.target, c->argv[at + 1], port);
}

void sentinel_failover(struct call *c)
{
    const struct group *g = serve_want_group(c, 2);
    struct event ev = { .kind = EV_FAILOVER, .failover = { .kind = FAILOVER_COORDINATED } };

    if (!g)
        return;
    if (!failover_words(c, &ev)) {
        reply_error(c->reply, "ERR syntax error");
        return;
    }
    ev.failover.name = g->name;
    serve_ask(c, &ev);
}

void sentinel_flushconfig(struct call *c)
{
    struct errmsg why;

    if (world_of(c)->flush(world_of(c), &why) == OK)
        reply_ok(c->reply);
    else
        reply_error(c->reply, "ERR Failed to save config file. Check server logs.");
}

/* The core cannot look at files, so this is the place to ask. False: the error is written. */
static bool script_fits(struct call *c, struct bytes option, struct bytes path)
{
    bool notification = bytes_is_word(option, "notification-script");
    AUTO_FREE char *text = NULL;

    if (!notification && !bytes_is_word(option, "client-reconfig-script"))
        return true;
    if (path.len == 0 || world_of(c)->core->globals.deny_scripts_reconfig)
        return true; /* none is wanted, or the core refuses it */
    text = xmemdup0(path.at, path.len);
    if (access(text, X_OK) == 0)
        return true;
    reply_errorf(c->reply, "ERR %s script seems non existing or non executable",
                 notification ? "Notification" : "Client reconfiguration");
    return false;
}

/* Options as the core takes them; their names are kept in storage. -1: the error is written. */
static int set_options(struct call *c, struct buf *storage, struct set_option *out)
{
    int n = 0;

    for (int at = 3; at < c->argc; n++) {
        struct bytes word = c->argv[at];
        int values = bytes_is_word(word, "rename-command") ? 2 : 1;

        if (at + values >= c->argc || n == SET_OPTIONS_MAX) {
            reply_errorf(c->reply,
                         "ERR Unknown option or number of arguments for SENTINEL SET '%.*s'",
                         (int)word.len, word.at);
            return -1;
        }
        if (!script_fits(c, word, c->argv[at + 1]))
            return -1;
        out[n].name = storage->at + storage->len;
        buf_add(storage, word);
        buf_putc(storage, '\0');
        for (int v = 0; v < values; v++)
            out[n].values[v] = c->argv[at + 1 + v];
        at += 1 + values;
    }
    return n;
}

void sentinel_set(struct call *c)
{
    const struct group *g = serve_want_group(c, 2);
    struct set_option options[SET_OPTIONS_MAX] = { 0 };
    struct buf storage = { 0 };
    size_t room = 0;
    int n;

    if (!g)
        return;
    for (int i = 3; i < c->argc; i++)
        room += c->argv[i].len + 1;
    buf_reserve(&storage, room); /* names are borrowed, so it must not move */
    n = set_options(c, &storage, options);
    if (n >= 0) {
        struct event ev = { .kind = EV_SET,
                            .set = { .name = g->name, .options = options, .count = (size_t)n } };

        serve_ask(c, &ev);
    }
    buf_fini(&storage);
}

/* ---- DEBUG and SIMULATE-FAILURE ------------------------------------------------------------ */

static void show_timers(struct call *c)
{
    reply_map(c->reply, T_COUNT);
    for (int t = 0; t < T_COUNT; t++) {
        char name[64];
        size_t len = 0;

        for (const char *at = debug_timers[t].name; *at; at++)
            name[len++] = (char)toupper((unsigned char)*at);
        reply_bulk(c->reply, (struct bytes){ name, len });
        reply_bulk_int(c->reply, (int64_t)world_of(c)->core->debug_ms[t]);
    }
}

static int timer_of(struct bytes name)
{
    for (int t = 0; t < T_COUNT; t++)
        if (bytes_is_word(name, debug_timers[t].name))
            return t;
    return -1;
}

/* False: the error is written. What stood before it stays set, as in Redis. */
static bool set_timer(struct call *c, int at)
{
    struct event ev = { .kind = EV_DEBUG };
    struct bytes name = c->argv[at];
    int t = timer_of(name);
    int64_t value;

    if (t < 0 || at + 1 >= c->argc) {
        reply_errorf(c->reply,
                     "ERR Unknown option or number of arguments for SENTINEL DEBUG '%.*s'",
                     (int)name.len, name.at);
        return false;
    }
    if (!bytes_to_i64(c->argv[at + 1], &value) || value <= 0) {
        reply_errorf(c->reply, "ERR Invalid argument '%.*s' for SENTINEL DEBUG '%.*s'",
                     (int)c->argv[at + 1].len, c->argv[at + 1].at, (int)name.len, name.at);
        return false;
    }
    ev.debug.timer = (enum debug_timer)t;
    ev.debug.value_ms = (uint64_t)value;
    world_of(c)->raise(world_of(c), &ev);
    return true;
}

void sentinel_debug(struct call *c)
{
    if (c->argc == 2) {
        show_timers(c);
        return;
    }
    for (int at = 2; at < c->argc; at += 2)
        if (!set_timer(c, at))
            return;
    reply_ok(c->reply);
}

void sentinel_simulate_failure(struct call *c)
{
    static const struct {
        const char *word;
        enum simulate_flag flag;
    } flags[] = { { "crash-after-election", SIMULATE_CRASH_AFTER_ELECTION },
                  { "crash-after-promotion", SIMULATE_CRASH_AFTER_PROMOTION } };
    struct event ev = { .kind = EV_SIMULATE };

    for (int at = 2; at < c->argc; at++) {
        uint32_t flag = 0;

        if (bytes_is_word(c->argv[at], "help")) {
            reply_array(c->reply, ARRAY_LEN(flags));
            for (size_t i = 0; i < ARRAY_LEN(flags); i++)
                reply_text(c->reply, flags[i].word);
            return;
        }
        for (size_t i = 0; i < ARRAY_LEN(flags); i++)
            if (bytes_is_word(c->argv[at], flags[i].word))
                flag = flags[i].flag;
        if (!flag) {
            reply_error(c->reply, "ERR Unknown failure simulation specified");
            return;
        }
        ev.simulate |= flag;
    }
    serve_ask(c, &ev);
}

/* ---- SHUTDOWN ------------------------------------------------------------------------------ */

/* There is nothing to save and nobody to wait for; the words are read all the same. */
void sentinel_shutdown(struct call *c)
{
    static const char *const words[] = { "nosave", "save", "now", "force", "abort" };
    unsigned seen = 0;
    enum { NOSAVE = 1, SAVE = 2, ABORT = 16 };

    for (int at = 1; at < c->argc; at++) {
        unsigned bit = 0;

        for (size_t i = 0; i < ARRAY_LEN(words); i++)
            if (bytes_is_word(c->argv[at], words[i]))
                bit = 1u << i;
        seen |= bit;
        if (!bit || (seen & (NOSAVE | SAVE)) == (NOSAVE | SAVE) ||
            ((seen & ABORT) && c->argc > 2)) {
            reply_error(c->reply, "ERR syntax error");
            return;
        }
    }
    if (seen & ABORT)
        reply_error(c->reply, "ERR No shutdown in progress.");
    else
        world_of(c)->stop(world_of(c));
}
