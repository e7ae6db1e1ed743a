/* Orders: words are checked here, and what they mean is the core's business. */
#include <string.h>
#include <unistd.h>

#include "common/alloc.h"
#include "sentinel/core/durable/request.h"
#include "sentinel/serve/rows.h"

enum { SET_OPTIONS_MAX = 64 };

void serve_begin_asking(struct call *c)
{
    struct sentinel_session *s = asking_session(c);

    s->asking = true;
    s->now = c->reply;
}

void serve_end_asking(struct call *c)
{
    struct sentinel_session *s = asking_session(c);

    s->now = NULL;
    if (s->asking)
        session_hold(&s->session);
}

void serve_ask(struct call *c, struct event *ev)
{
    ev->token = c->session->id;
    serve_begin_asking(c);
    world_of(c)->raise(world_of(c), ev);
    serve_end_asking(c);
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

bool serve_hand_over(struct sentinel_world *w, const struct group *g, const struct addr *to,
                     uint64_t token)
{
    struct durable_request r = { .kind = REQUEST_SWITCHOVER, .token = token };

    if (!w->captain(w, g->name))
        return false;
    if (to->port && !place_set(&r.at, bytes_of(to->host), to->port))
        r.at.port = 1; /* no member can be there */
    w->request(w, g->name, &r);
    return true;
}

/* Of a durable group: its captain sees to it, and answers when the new leader serves. */
static void switch_over(struct call *c, const struct group *g, const struct event *ev)
{
    struct durable_request r = { .kind = REQUEST_SWITCHOVER };
    const struct addr *to = &ev->failover.target;

    if (ev->failover.kind == FAILOVER_FORCE)
        reply_error(c->reply,
                    "ERR the group is durable: SENTINEL HF FORCE says what would be lost");
    else if (to->port && !place_set(&r.at, bytes_of(to->host), to->port))
        reply_error(c->reply, "NOGOODSLAVE No such replica to promote");
    else
        serve_request(c, g->name, &r);
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
    if (world_of(c)->captain(world_of(c), g->name)) {
        switch_over(c, g, &ev);
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

        bool whole = at + values < c->argc;

        if (n == SET_OPTIONS_MAX) {
            reply_errorf(c->reply,
                         "ERR Unknown option or number of arguments for SENTINEL SET '%.*s'",
                         (int)word.len, word.at);
            return -1;
        }
        if (whole && !script_fits(c, word, c->argv[at + 1]))
            return -1;
        out[n].name = storage->at + storage->len;
        buf_add(storage, word);
        buf_putc(storage, '\0');
        out[n].incomplete = !whole;
        for (int v = 0; whole && v < values; v++)
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
