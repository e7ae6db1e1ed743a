/*
 * net - connections as TCP gives them, and the messages of both ways.
 */
#include <stdio.h>
#include <string.h>

#include "common/alloc.h"
#include "world.h"

enum { DELAY_MS_MAX = 4, RETRY_MS = 10, AGAIN_SPAN_MS = 400 };

enum message_kind {
    M_PING,
    M_INFO,
    M_HELLO,
    M_ROLE,
    M_FAILOVER,
    M_TIDY,
    M_ASK,
    M_PROBE,
    M_STATE,
    M_NONE,
};

struct message {
    enum message_kind kind;
    uint64_t tag, epoch, timeout_ms, protocol;
    struct addr addr;
    char id[ID_LEN + 1];
    bool ok, down, abort_failover;
    struct view view;
    char *text;
};

static void drop_message(struct item *it)
{
    struct message *m = it->data;

    if (m)
        xfree(m->text);
    xfree(m);
}

static int host_of(const struct world *w, const struct conn *c, enum way way)
{
    if (way == THERE)
        return w->watchers[c->from].host;
    return c->store >= 0 ? w->stores[c->store].host : w->watchers[c->peer].host;
}

bool net_passes(const struct world *w, int from_host, int to_host)
{
    return !w->cut[from_host][to_host];
}

static struct conn *conn_of(struct world *w, int slot, uint64_t number)
{
    struct conn *c = &w->conns[slot];

    return c->open && c->number == number ? c : NULL;
}

static bool receiver_sleeps(const struct world *w, const struct conn *c, enum way way)
{
    if (way == BACK)
        return w->watchers[c->from].frozen;
    return c->store >= 0 ? w->stores[c->store].frozen : w->watchers[c->peer].frozen;
}

static void line_event(struct world *w, const struct conn *c, enum event_kind kind,
                       enum down_why why)
{
    struct event ev = { .kind = kind, .id = c->id };
    char local[32], peer[32];

    snprintf(local, sizeof local, "10.0.1.%d", c->from + 1);
    snprintf(peer, sizeof peer, c->store >= 0 ? "10.0.0.%d" : "10.0.1.%d",
             (c->store >= 0 ? c->store : c->peer) + 1);
    ev.line.kind = c->kind;
    ev.line.why = why;
    ev.line.local_ip = local;
    ev.line.peer_ip = peer;
    watcher_step(w, c->from, &ev);
}

static void tell_end(struct world *w, struct item *it)
{
    const struct watcher *x = &w->watchers[((struct conn *)it->data)->from];
    struct item *again;

    if (x->alive && x->generation == it->generation && x->frozen) {
        again = queue_put(&w->queue, w->now_ms + RETRY_MS, tell_end);
        again->drop = it->drop;
        again->kind = it->kind;
        again->generation = it->generation;
        again->data = it->data;
        return;
    }
    if (x->alive && x->generation == it->generation)
        line_event(w, it->data, EV_LINE_DOWN, (enum down_why)it->kind);
    xfree(it->data);
}

static void drop_conn(struct item *it)
{
    xfree(it->data);
}

/* The watcher hears of it in an event of its own, so that nothing ends in the middle of a step. */
static void end_conn(struct world *w, struct conn *c, enum down_why why)
{
    struct item *it;

    if (!c->open)
        return;
    c->open = false;
    it = queue_put(&w->queue, w->now_ms, tell_end);
    it->drop = drop_conn;
    it->kind = (int)why;
    it->generation = w->watchers[c->from].generation;
    it->data = xmalloc(sizeof *c);
    *(struct conn *)it->data = *c;
}

static void deliver(struct world *w, struct item *it);

static void put_message(struct world *w, struct conn *c, enum way way, struct message *m)
{
    uint64_t at = w->now_ms + world_chance(w, DELAY_MS_MAX);
    struct item *it;

    if (at < c->last_ms[way])
        at = c->last_ms[way];
    c->last_ms[way] = at;
    it = queue_put(&w->queue, at, deliver);
    it->drop = drop_message;
    it->a = (int)(c - w->conns);
    it->number = c->number;
    it->b = way;
    it->data = m;
}

static struct message *message_copy(const struct message *m)
{
    struct message *copy = xmalloc(sizeof *copy);

    *copy = *m;
    copy->text = m->text ? xstrdup(m->text) : NULL;
    return copy;
}

static void answer(struct world *w, struct conn *c, struct message *reply)
{
    put_message(w, c, BACK, message_copy(reply));
}

static void publish(struct world *w, int store, const struct message *m)
{
    for (int i = 0; i < CONNS_MAX; i++) {
        struct conn *c = &w->conns[i];

        if (c->open && c->up && c->store == store && c->kind == LINE_PUBSUB)
            put_message(w, c, BACK, message_copy(m));
    }
}

static void at_store(struct world *w, struct conn *c, struct message *m)
{
    struct store *n = &w->stores[c->store];
    struct message reply = { .kind = m->kind, .tag = m->tag, .ok = true };
    struct buf text = { 0 };

    if (m->kind == M_HELLO) {
        publish(w, c->store, m);
        return;
    }
    if (m->kind == M_TIDY) {
        n->saved_leader = n->leader;
        return;
    }
    if (m->kind == M_ROLE) {
        if (m->abort_failover)
            n->hold = HOLD_NO;
        store_set_leader(w, c->store, m->addr.port ? store_by_port(w, m->addr.port) : -1);
    }
    if (m->kind == M_FAILOVER)
        reply.ok = store_hold(w, c->store, store_by_port(w, m->addr.port), m->timeout_ms);
    if (m->kind == M_INFO) {
        store_info(w, c->store, &text);
        reply.text = xstrdup(buf_text(&text));
        buf_fini(&text);
    }
    answer(w, c, &reply);
    xfree(reply.text);
}

static uint64_t token_of(struct world *w, const struct conn *c, const struct message *m)
{
    if (w->pending_count == w->pending_cap) {
        w->pending_cap = w->pending_cap ? w->pending_cap * 2 : 256;
        w->pending = xrealloc(w->pending, w->pending_cap * sizeof *w->pending);
    }
    w->pending[w->pending_count++] = (struct pending){
        .conn = (int)(c - w->conns), .number = c->number, .tag = m->tag, .kind = m->kind
    };
    return w->pending_count;
}

static void hear_hello(struct world *w, int watcher, uint64_t node_id, const char *text)
{
    struct hello h;
    struct event ev = { .kind = EV_HELLO, .id = node_id, .hello = &h };

    if (hello_parse(&h, bytes_of(text)) != OK)
        world_fail(w, "a core sent a hello that no core can read: %s", text);
    else
        watcher_step(w, watcher, &ev);
}

static void at_peer(struct world *w, struct conn *c, struct message *m)
{
    struct message reply = { .kind = m->kind, .tag = m->tag };
    struct event ev = { 0 };

    switch (m->kind) {
    case M_PING:
        answer(w, c, &reply);
        return;
    case M_PROBE:
        reply.protocol = w->plan.legacy ? 0 : VIEW_PROTOCOL;
        answer(w, c, &reply);
        return;
    case M_HELLO:
        hear_hello(w, c->peer, 0, m->text);
        return;
    case M_ASK:
        ev.kind = EV_ASK;
        ev.ask.leader = m->addr;
        ev.ask.epoch = m->epoch;
        ev.ask.id = m->id[0] ? m->id : NULL;
        break;
    case M_STATE:
        ev.kind = EV_STATE;
        ev.state.from = w->watchers[c->from].core.globals.my_id;
        ev.state.view = &m->view;
        break;
    default:
        return;
    }
    ev.token = token_of(w, c, m);
    watcher_step(w, c->peer, &ev);
}

static void at_watcher(struct world *w, struct conn *c, struct message *m)
{
    struct event ev = { .id = c->id, .tag = m->tag };
    struct info *info = NULL;

    switch (m->kind) {
    case M_PING:
        ev.kind = EV_PONG;
        break;
    case M_INFO:
        info = xcalloc(1, sizeof *info);
        ev.kind = EV_INFO;
        ev.info.text = bytes_of(m->text);
        info_parse(info, ev.info.text);
        ev.info.info = info;
        break;
    case M_HELLO:
        hear_hello(w, c->from, c->id, m->text);
        return;
    case M_ROLE:
    case M_FAILOVER:
        ev.kind = m->kind == M_ROLE ? EV_ROLE_DONE : EV_FAILOVER_DONE;
        ev.done.ok = m->ok;
        ev.done.error = BYTES("ERR no");
        break;
    case M_ASK:
        ev.kind = EV_ASK_REPLY;
        ev.ask_reply.down = m->down;
        ev.ask_reply.id = m->id[0] ? m->id : NULL;
        ev.ask_reply.epoch = m->epoch;
        break;
    case M_PROBE:
        ev.kind = EV_PROBE_REPLY;
        ev.protocol = (uint32_t)m->protocol;
        break;
    case M_STATE:
        ev.kind = EV_STATE_REPLY;
        ev.state.view = &m->view;
        break;
    default:
        return;
    }
    watcher_step(w, c->from, &ev);
    xfree(info);
}

/* Blocked: it waits in the kernel of the sender, and after long enough the connection ends. */
static bool wait_or_break(struct world *w, struct conn *c, enum way way, struct item *it)
{
    bool cut = !net_passes(w, host_of(w, c, way), host_of(w, c, !way));
    struct item *again;

    if (!cut && !receiver_sleeps(w, c, way) && it->at_ms >= c->stuck_ms[way])
        return false;
    if (cut && c->stuck_ms[way] > 0 && w->now_ms > c->last_ms[way] + BROKEN_MS) {
        drop_message(it);
        end_conn(w, c, DOWN_CLOSED);
        return true;
    }
    if (c->stuck_ms[way] < w->now_ms + RETRY_MS)
        c->stuck_ms[way] = w->now_ms + RETRY_MS;
    again = queue_put(&w->queue, c->stuck_ms[way], deliver);
    again->drop = it->drop;
    again->a = it->a;
    again->b = it->b;
    again->number = it->number;
    again->data = it->data;
    return true;
}

/* What TCP never does: the same message once more, long after. Only between sentinels. */
static void repeat_sometimes(struct world *w, struct conn *c, enum way way, const struct message *m)
{
    struct item *it;

    if (!w->faults || c->peer < 0 || world_chance(w, 50) != 0 || m->kind == M_PING)
        return;
    it = queue_put(&w->queue, w->now_ms + world_chance(w, AGAIN_SPAN_MS), deliver);
    it->drop = drop_message;
    it->a = (int)(c - w->conns);
    it->number = c->number;
    it->b = way;
    it->data = message_copy(m);
}

static void deliver(struct world *w, struct item *it)
{
    struct conn *c = conn_of(w, it->a, it->number);
    struct message *m = it->data;

    if (!c) {
        drop_message(it);
        return;
    }
    if (wait_or_break(w, c, (enum way)it->b, it))
        return;
    repeat_sometimes(w, c, (enum way)it->b, m);
    if (it->b == BACK)
        at_watcher(w, c, m);
    else if (c->store >= 0)
        at_store(w, c, m);
    else
        at_peer(w, c, m);
    drop_message(it);
}

static void finish_dial(struct world *w, struct item *it);

static void dial_later(struct world *w, const struct item *it)
{
    struct item *again = queue_put(&w->queue, w->now_ms + RETRY_MS, finish_dial);

    again->a = it->a;
    again->number = it->number;
    again->generation = it->generation; /* when it gives up */
}

static void finish_dial(struct world *w, struct item *it)
{
    struct conn *c = conn_of(w, it->a, it->number);
    bool there, answers, cut;

    if (!c)
        return;
    if (w->watchers[c->from].frozen) {
        dial_later(w, it);
        return;
    }
    there = c->store >= 0 ? w->stores[c->store].alive : w->watchers[c->peer].alive;
    cut = !net_passes(w, host_of(w, c, THERE), host_of(w, c, BACK)) ||
          !net_passes(w, host_of(w, c, BACK), host_of(w, c, THERE));
    answers = there && !cut && !receiver_sleeps(w, c, THERE);
    if (!there && !cut) {
        end_conn(w, c, DOWN_REFUSED);
        return;
    }
    if (answers) {
        c->up = true;
        line_event(w, c, EV_LINE_UP, DOWN_CLOSED);
        return;
    }
    if (w->now_ms >= it->generation) {
        end_conn(w, c, DOWN_TIMEOUT);
        return;
    }
    dial_later(w, it);
}

static bool find_end(struct world *w, int watcher, uint64_t id, int *out_store, int *out_peer)
{
    const struct node *n = sentinel_find_node(&w->watchers[watcher].core, id);
    const struct peer *p = sentinel_find_peer(&w->watchers[watcher].core, id);

    *out_store = n ? store_by_port(w, n->addr.port) : -1;
    *out_peer = p ? watcher_by_id(w, p->run_id) : -1;
    return *out_store >= 0 || *out_peer >= 0;
}

void net_dial(struct world *w, int watcher, const struct action *a)
{
    struct conn *c = NULL;
    struct item *it;
    int store, peer;

    if (!find_end(w, watcher, a->id, &store, &peer))
        return;
    for (int i = 0; i < CONNS_MAX && !c; i++)
        if (!w->conns[i].open)
            c = &w->conns[i];
    ASSERT(c);
    *c = (struct conn){
        .open = true,
        .number = ++w->conn_number,
        .from = watcher,
        .store = store,
        .peer = peer,
        .id = a->id,
        .kind = a->line,
    };
    it = queue_put(&w->queue, w->now_ms + world_chance(w, DELAY_MS_MAX), finish_dial);
    it->a = (int)(c - w->conns);
    it->number = c->number;
    it->generation = w->now_ms + a->timeout_ms;
}

static struct conn *conn_find(struct world *w, int watcher, uint64_t id, enum line_kind kind)
{
    for (int i = 0; i < CONNS_MAX; i++) {
        struct conn *c = &w->conns[i];

        if (c->open && c->from == watcher && c->id == id && c->kind == kind)
            return c;
    }
    return NULL;
}

void net_hang_up(struct world *w, int watcher, uint64_t id, enum line_kind kind)
{
    struct conn *c = conn_find(w, watcher, id, kind);

    if (c)
        c->open = false;
}

static enum message_kind kind_of(const struct action *a)
{
    switch (a->kind) {
    case ACT_PING:
        return M_PING;
    case ACT_INFO:
        return M_INFO;
    case ACT_HELLO:
        return M_HELLO;
    case ACT_ROLE:
        return M_ROLE;
    case ACT_FAILOVER:
        return M_FAILOVER;
    case ACT_TIDY:
        return M_TIDY;
    case ACT_ASK:
        return M_ASK;
    case ACT_PROBE:
        return M_PROBE;
    case ACT_STATE:
        return M_STATE;
    default:
        return M_NONE;
    }
}

void net_command(struct world *w, int watcher, const struct action *a)
{
    struct conn *c = conn_find(w, watcher, a->id, LINE_CMD);
    struct message m = { .kind = kind_of(a), .tag = a->tag, .epoch = a->epoch, .addr = a->addr };

    if (!c || !c->up || m.kind == M_NONE)
        return;
    m.timeout_ms = a->timeout_ms;
    m.abort_failover = a->abort_failover;
    memcpy(m.id, a->ask_id, sizeof m.id);
    m.text = a->text;
    if (a->view)
        m.view = *a->view;
    put_message(w, c, THERE, message_copy(&m));
}

void net_reply(struct world *w, const struct action *a)
{
    struct message m = { .kind = M_NONE };
    const struct pending *p;
    struct conn *c;

    if (a->token == 0)
        return;
    p = &w->pending[a->token - 1];
    c = conn_of(w, p->conn, p->number);
    if (!c || a->reply.kind == REPLY_ERROR)
        return;
    m.kind = (enum message_kind)p->kind;
    m.tag = p->tag;
    m.down = a->reply.integer != 0;
    m.epoch = a->reply.epoch;
    memcpy(m.id, a->reply.id, sizeof m.id);
    if (a->view)
        m.view = *a->view;
    answer(w, c, &m);
}

void net_reset(struct world *w, struct conn *c)
{
    if (c->open && w->watchers[c->from].alive)
        end_conn(w, c, c->up ? DOWN_CLOSED : DOWN_UNREACHABLE);
}

void net_close_store(struct world *w, int store)
{
    for (int i = 0; i < CONNS_MAX; i++) {
        struct conn *c = &w->conns[i];

        /* Where the way back is cut, nobody hears of it. */
        if (c->open && c->store == store &&
            net_passes(w, w->stores[store].host, w->watchers[c->from].host))
            net_reset(w, c);
    }
}

void net_close_watcher(struct world *w, int watcher)
{
    for (int i = 0; i < CONNS_MAX; i++) {
        struct conn *c = &w->conns[i];

        if (c->open && c->from == watcher)
            c->open = false;
        else if (c->open && c->peer == watcher)
            net_reset(w, c);
    }
}
