/* SENTINEL MONITOR: the one order that may have to wait for a name's address. */
#include <ctype.h>
#include <string.h>

#include "common/alloc.h"
#include "common/net.h"
#include "common/resolve.h"
#include "sentinel/serve/rows.h"

/* The words of a SENTINEL MONITOR, while the name of the host is looked up. */
struct monitor_wait {
    struct sentinel_world *world;
    struct resolve_question *question;
    uint64_t session;
    char name[NAME_LEN_MAX + 1];
    struct addr addr;
    uint32_t quorum;
    const char *error; /* what is said only once the host is known, as in Redis; NULL: nothing */
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
    } else if (m->error) {
        answer_late(s, m->error);
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
    struct sentinel_session *s = asking_session(c);
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
    else if (!addr_set(&out->addr, c->argv[3], 1))
        error = bad_host;
    if (error) {
        reply_error(c->reply, error);
        return false;
    }
    out->quorum = (uint32_t)quorum;
    if (!addr_set(&out->addr, c->argv[3], port))
        out->error = "ERR Invalid port number.";
    else if (!name_fits(c->argv[2]))
        out->error = "ERR Invalid master name";
    else
        memcpy(out->name, c->argv[2].at, c->argv[2].len);
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
        if (words.error) {
            reply_error(c->reply, words.error);
            return;
        }
        ev = monitor_event(&words, NULL);
        serve_ask(c, &ev);
    } else if (world_of(c)->core->globals.resolve_hostnames) {
        monitor_look_up(c, &words);
    } else {
        reply_error(c->reply, bad_host);
    }
}
