#include "common/http/http.h"

#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/alloc.h"
#include "common/clock.h"
#include "common/http/response.h"
#include "common/link.h"
#include "common/log.h"
#include "common/server_settings.h"

/* READING: the next request. ANSWERING: an answer leaves. SOURCE: it is still being made. HELD: it comes later. DENIED:
 * who guessed a token waits. LEAVING: it was the last one, and what the peer sent beside it is thrown away, for a close
 * with bytes unread would take the answer back. */
enum state { READING, ANSWERING, SOURCE, HELD, DENIED, LEAVING };

enum { LINGER_MS = 2000 };

struct http {
    struct ev_loop *loop;
    const struct server_settings *set;
    const struct http_guard *guard;
    void *world;
    const struct http_route *tables[HTTP_ROUTE_TABLES];
    int table_count;
    struct list connections; /* the one that has been quiet for longest first */
    struct http_stats stats;
    struct buf piece;       /* what a source appends to */
    uint64_t turn, turn_us; /* which turn of the loop, and what requests have taken of it */
    ev_timer tick;
};

struct http_connection {
    struct list node; /* of http->connections */
    struct http *http;
    struct link *link;
    enum state state;
    bool keep_alive, head_only, said_continue;
    bool linger; /* the peer may be sending still */
    int minor;
    uint64_t begun_ms; /* of the request that is not whole; 0: none has begun */
    uint64_t moved_ms; /* it was accepted, or bytes of an answer left, or its state changed */
    uint64_t bytes_out;
    const struct http_source *source; /* SOURCE */
    void *source_arg;
    bool chunked;
    void (*gone)(void *arg); /* HELD */
    void *gone_arg;
};

static struct http_limits limits_of(const struct server_settings *set)
{
    return (struct http_limits){ .target_bytes = set->http_max_target_bytes,
                                 .head_bytes = set->http_max_head_bytes,
                                 .body_bytes = set->http_max_body_bytes };
}

static void touch(struct http_connection *k)
{
    list_remove(&k->node);
    list_push_back(&k->http->connections, &k->node);
    k->moved_ms = clock_now_ms();
}

/* ---- answers ---- */

static void enter(struct http_connection *k, enum state state)
{
    k->state = state;
    touch(k);
    link_pause_reading(k->link, state != READING && state != LEAVING);
}

static void put_head(struct http_connection *k, struct http_head *head)
{
    head->keep_alive = k->keep_alive;
    http_put_head(&k->link->out, head);
    k->http->stats.answers[head->status]++;
}

/* The answer is whole: what follows waits until it has left. */
static void answered(struct http_connection *k)
{
    enter(k, k->keep_alive ? ANSWERING : LEAVING);
    link_wrote(k->link);
}

static void answer(struct http_connection *k, int status, const char *type, const char *more,
                   struct bytes body)
{
    struct http_head head = {
        .status = status, .type = type, .more = more, .body_bytes = body.len
    };

    put_head(k, &head);
    if (!k->head_only)
        out_append(&k->link->out, body.at, body.len);
    answered(k);
}

static void answer_error(struct http_connection *k, int status, const char *more, const char *code,
                         const char *message)
{
    char body[512];
    int len = snprintf(body, sizeof body, "{\"error\":{\"code\":\"%s\",\"message\":\"%s\"}}\n",
                       code, message);

    answer(k, status, HTTP_TYPE_JSON, more, (struct bytes){ body, (size_t)len });
}

void http_answer(struct http_call *c, int status, const char *type, struct bytes body)
{
    answer(c->connection, status, type, NULL, body);
}

void http_answer_more(struct http_call *c, int status, const char *type, const char *more,
                      struct bytes body)
{
    answer(c->connection, status, type, more, body);
}

void http_answer_error(struct http_call *c, int status, const char *code, const char *message)
{
    answer_error(c->connection, status, NULL, code, message);
}

/* ---- answers that come later ---- */

void http_hold(struct http_call *c, void (*gone)(void *arg), void *arg)
{
    struct http_connection *k = c->connection;

    k->gone = gone;
    k->gone_arg = arg;
    enter(k, HELD);
}

struct http_call http_held_call(struct http_connection *k)
{
    ASSERT(k->state == HELD);
    k->gone = NULL;
    return (struct http_call){ .connection = k, .world = k->http->world };
}

const char *http_peer(const struct http_call *c)
{
    return c->connection->link->peer;
}

/* ---- a turn ---- */

static bool has_time(struct http *h, uint64_t usec)
{
    uint64_t turn = link_turns(h->loop)->count;

    if (h->turn != turn) {
        h->turn = turn;
        h->turn_us = 0;
    }
    return h->turn_us < usec;
}

/* ---- sources ---- */

static void leave_source(struct http_connection *k)
{
    const struct http_source *source = k->source;

    k->source = NULL;
    if (source && source->gone)
        source->gone(k->source_arg);
}

static void send_piece(struct http_connection *k)
{
    struct buf *piece = &k->http->piece;
    enum http_more more;

    piece->len = 0;
    more = k->source->more(k->source_arg, piece);
    if (k->chunked)
        http_put_chunk(&k->link->out, buf_bytes(piece));
    else
        out_append(&k->link->out, piece->at, piece->len);
    if (more == HTTP_SOURCE_ENDS) {
        if (k->chunked)
            http_put_last_chunk(&k->link->out);
        leave_source(k);
        answered(k);
        return;
    }
    ASSERT(more == HTTP_SOURCE_WAITS || piece->len);
    k->moved_ms = clock_now_ms(); /* it may have had nothing to say for long */
    link_wrote(k->link);
}

/* What follows a piece that has left, and what many wait for at once, comes in its time: half of it, for these are the
 * first in a turn, and requests the last. */
static void send_in_time(struct http_connection *k)
{
    uint64_t begun_us = clock_read_us();

    if (!has_time(k->http, HTTP_TURN_US / 2)) {
        link_drained_again(k->link);
        return;
    }
    send_piece(k);
    k->http->turn_us += clock_read_us() - begun_us;
}

void http_answer_source(struct http_call *c, const char *type, const struct http_source *source,
                        void *arg)
{
    struct http_connection *k = c->connection;
    struct http_head head = { .status = 200, .type = type };

    k->chunked = k->minor > 0;
    head.body = k->chunked ? HTTP_BODY_CHUNKED : HTTP_BODY_UNTIL_CLOSE;
    k->keep_alive &= k->chunked;
    put_head(k, &head);
    k->source = source;
    k->source_arg = arg;
    if (k->head_only) {
        leave_source(k);
        answered(k);
        return;
    }
    enter(k, SOURCE);
    send_piece(k);
}

void http_wake(struct http_connection *k)
{
    if (k->state == SOURCE && k->link->state == LINK_OPEN && !link_unsent(k->link))
        send_in_time(k);
}

/* ---- requests ---- */

static bool route_fits(const struct http_route *route, struct bytes path, struct bytes *out_rest)
{
    size_t len = strlen(route->path);
    bool beginning = len > 1 && route->path[len - 1] == '/';

    if (path.len < len || memcmp(path.at, route->path, len) != 0)
        return false;
    *out_rest = (struct bytes){ path.at + len, path.len - len };
    return beginning ? out_rest->len > 0 : out_rest->len == 0;
}

static const struct http_route *find_route(const struct http *h, struct bytes path,
                                           struct bytes *out_rest)
{
    for (int i = 0; i < h->table_count; i++)
        for (const struct http_route *route = h->tables[i]; route->path; route++)
            if (route_fits(route, path, out_rest))
                return route;
    return NULL;
}

static bool serves(const struct http_route *route, enum http_method method)
{
    unsigned methods = route->methods;

    if (methods & HTTP_GET)
        methods |= HTTP_HEAD;
    return methods & method;
}

static void answer_denied(struct http_connection *k)
{
    answer_error(k, 401, "WWW-Authenticate: Bearer\r\n", "unauthorized",
                 "show a token: Authorization: Bearer ...");
}

/* Who guesses tokens learns nothing but that, waits for it, and has to connect anew for each. */
static void deny(struct http_connection *k, bool guessed)
{
    k->http->stats.denied++;
    k->keep_alive = false;
    k->linger = true;
    log_verbose("http-denied addr=%s", k->link->peer);
    if (guessed)
        enter(k, DENIED);
    else
        answer_denied(k);
}

/* It may ask and not order: another token is needed, or one at all. */
static void forbid(struct http_connection *k)
{
    k->http->stats.denied++;
    if (k->http->guard->count)
        answer_error(k, 403, NULL, "view-only", "this token may look, and order nothing");
    else
        answer_error(
            k, 403, NULL, "no-token",
            "orders are taken from who shows a token, and none is set: see http-token-file");
}

/* A browser on this machine, whose page of another site calls us by a name of that site. */
static bool is_misdirected(const struct http_connection *k, const struct http_request *request,
                           const struct http_route *route)
{
    return route && !(route->flags & (HTTP_HEALTH | HTTP_ANY_NAME)) &&
           !http_guard_knows_name(k->http->guard, request);
}

/* False: it was answered, or will be. */
static bool admit(struct http_connection *k, const struct http_request *request,
                  const struct http_route *route, struct http_call *call)
{
    unsigned open = route ? route->flags : 0;
    bool guessed;

    if (is_misdirected(k, request, route)) {
        k->http->stats.denied++;
        answer_error(
            k, 421, NULL, "misdirected",
            "without a token this is served to localhost and to addresses, and to no other name");
        return false;
    }
    call->access = http_guard_judge(k->http->guard, request, &guessed);
    if (!(open & HTTP_PUBLIC) && !((open & HTTP_HEALTH) && k->http->set->http_open_health) &&
        call->access == HTTP_NOBODY) {
        deny(k, guessed);
        return false;
    }
    if (request->method == HTTP_POST && route && serves(route, HTTP_POST) &&
        call->access != HTTP_OPERATOR) {
        forbid(k);
        return false;
    }
    return true;
}

static void run(struct http_connection *k, const struct http_request *request)
{
    struct http *h = k->http;
    struct http_call call = { .connection = k, .request = request, .world = h->world };
    const struct http_route *route = find_route(h, request->path, &call.rest);

    k->keep_alive = request->keep_alive;
    k->head_only = request->method == HTTP_HEAD;
    k->minor = request->minor;
    if (!admit(k, request, route, &call))
        return;
    if (!route)
        answer_error(k, 404, NULL, "not-found", "there is nothing under this path");
    else if (!serves(route, request->method))
        answer_error(k, 405, route->methods & HTTP_GET ? "Allow: GET, HEAD\r\n" : "Allow: POST\r\n",
                     "method-not-allowed", "this path is not asked that way");
    else
        route->run(&call);
    ASSERT(k->state != READING);
}

static void refuse(struct http_connection *k, const struct http_refusal *why)
{
    log_verbose("http-refused addr=%s status=%d why=\"%s\"", k->link->peer, why->status, why->why);
    k->keep_alive = false;
    k->head_only = false;
    k->linger = true;
    answer_error(k, why->status, why->status == 405 ? "Allow: GET, HEAD, POST\r\n" : NULL,
                 "refused", why->why);
}

/* No client of the other protocol can read an answer of HTTP. */
static bool speaks_resp(struct bytes in)
{
    return in.len && in.at[0] == '*';
}

static void send_away(struct http_connection *k)
{
    static const char line[] = "-ERR this port speaks HTTP, not the Redis protocol\r\n";

    log_verbose("http-refused addr=%s why=resp", k->link->peer);
    out_append(&k->link->out, line, sizeof line - 1);
    k->keep_alive = false;
    k->linger = true;
    answered(k);
}

static void invite_body(struct http_connection *k)
{
    static const char line[] = "HTTP/1.1 100 Continue\r\n\r\n";

    if (k->said_continue)
        return;
    k->said_continue = true;
    out_append(&k->link->out, line, sizeof line - 1);
    link_wrote(k->link);
}

static void read_one(struct http_connection *k)
{
    struct http_limits limits = limits_of(k->http->set);
    struct bytes in = link_input(k->link);
    struct http_request request;
    struct http_refusal refusal;

    if (in.len && !k->begun_ms)
        k->begun_ms = clock_now_ms();
    if (speaks_resp(in)) {
        send_away(k);
        return;
    }
    switch (http_request_read(in, &limits, &request, &refusal)) {
    case HTTP_MORE:
        break;
    case HTTP_MORE_BODY:
        if (request.expects_continue)
            invite_body(k);
        link_want_input(k->link, request.bytes);
        break;
    case HTTP_REFUSED:
        refuse(k, &refusal);
        break;
    case HTTP_WHOLE:
        run(k, &request);
        k->begun_ms = 0;
        k->said_continue = false;
        link_consume(k->link, request.bytes);
        break;
    }
}

/* One request of a connection, or none: who waits is in a line, and nobody else waits for all of them. */
static void read_in_time(struct http_connection *k)
{
    struct http *h = k->http;
    uint64_t begun_us = clock_read_us();

    if (!has_time(h, HTTP_TURN_US)) {
        link_again(k->link);
        return;
    }
    read_one(k);
    h->turn_us += clock_read_us() - begun_us;
}

static void on_input(struct link *l)
{
    struct http_connection *k = l->owner;

    if (k->state == READING)
        read_in_time(k);
    else if (k->state == LEAVING)
        link_consume(l, link_input(l).len);
}

/* The last answer has left, and the peer is told so. TLS says goodbye with the close alone, and who speaks it knows the
 * length of what it got. */
static void leave(struct http_connection *k)
{
    if (k->linger && !k->link->tls)
        shutdown(k->link->fd, SHUT_WR);
    else if (!k->linger)
        link_close(k->link, LINK_WHY_ASKED);
}

static void on_drained(struct link *l)
{
    struct http_connection *k = l->owner;

    if (k->state == SOURCE)
        send_in_time(k);
    else if (k->state == ANSWERING)
        enter(k, READING);
    else if (k->state == LEAVING)
        leave(k);
}

static void on_closed(struct link *l)
{
    struct http_connection *k = l->owner;

    leave_source(k);
    if (k->state == HELD && k->gone)
        k->gone(k->gone_arg);
    list_remove(&k->node);
    k->http->stats.open--;
    xfree(k);
}

static const struct link_ops link_events = { .on_input = on_input,
                                             .on_drained = on_drained,
                                             .on_closed = on_closed };

/* ---- connections ---- */

/* It is we who are late: what it has sent, and who dribbles is not that, is not looked at yet. */
static bool waits(const struct http_connection *k)
{
    const struct link *l = k->link;

    if (k->state != READING)
        return false;
    return l->owes_input || (!k->begun_ms && !l->handshaking && link_awaits_turn(l));
}

static void judge(struct http_connection *k, uint64_t now_ms)
{
    uint64_t request_ms = (uint64_t)k->http->set->http_request_timeout_s * 1000;
    uint64_t idle_ms = (uint64_t)k->http->set->http_idle_timeout_s * 1000;

    if (k->link->bytes_out != k->bytes_out) {
        k->bytes_out = k->link->bytes_out;
        k->moved_ms = now_ms;
    }
    if (k->state == DENIED) {
        if (now_ms - k->moved_ms >= HTTP_DENY_MS)
            answer_denied(k);
        return;
    }
    if (waits(k))
        return;
    if (k->state == READING && k->begun_ms) {
        if (now_ms - k->begun_ms <= request_ms)
            return;
        refuse(k, &(struct http_refusal){ 408, "the request did not come in time" });
    } else if (k->state == READING && now_ms - k->moved_ms > idle_ms) {
        link_kill(k->link, LINK_WHY_TIMEOUT);
    } else if (k->state == LEAVING && now_ms - k->moved_ms > LINGER_MS) {
        link_close(k->link, LINK_WHY_ASKED);
        return;
    } else if (link_unsent(k->link) && now_ms - k->moved_ms > request_ms) {
        link_kill(k->link, LINK_WHY_TIMEOUT);
    } else {
        return;
    }
    k->http->stats.timeouts++;
}

static void on_tick(struct ev_loop *loop, ev_timer *w, int events)
{
    struct http *h = w->data;
    uint64_t now_ms = clock_now_ms();

    LIST_EACH (&h->connections, n) {
        struct http_connection *k = LIST_ENTRY(n, struct http_connection, node);

        if (k->link->state == LINK_OPEN)
            judge(k, now_ms);
    }
}

/* False: everybody is being answered. */
static bool make_room(struct http *h)
{
    LIST_EACH (&h->connections, n) {
        struct http_connection *k = LIST_ENTRY(n, struct http_connection, node);

        if (k->state == ANSWERING || k->state == SOURCE || k->state == HELD || waits(k) ||
            k->link->state != LINK_OPEN)
            continue;
        h->stats.displaced++;
        link_kill(k->link, LINK_WHY_LIMIT);
        return true;
    }
    return false;
}

void http_accept(struct http *h, int fd, struct tls_context *tls, const struct proxy_header *told)
{
    struct http_connection *k;

    if (h->stats.open >= (size_t)h->set->http_max_connections && !make_room(h)) {
        close(fd);
        return;
    }
    k = xcalloc(1, sizeof *k);
    k->http = h;
    k->link = link_new(h->loop, fd, tls, true, &link_events, k);
    link_set_told(k->link, told);
    k->link->input_bytes_max = h->set->http_max_head_bytes + h->set->http_max_body_bytes +
                               LINK_TURN_BYTES; /* of a pipeline, what one read may bring */
    /* To read what it sent, too: requests come after everybody else's. */
    k->link->lengthy = true;
    k->moved_ms = clock_now_ms();
    list_push_back(&h->connections, &k->node);
    h->stats.connections++;
    h->stats.open++;
}

struct http *http_new(struct ev_loop *loop, const struct server_settings *set,
                      const struct http_guard *guard, void *world)
{
    struct http *h = xcalloc(1, sizeof *h);

    h->loop = loop;
    h->set = set;
    h->guard = guard;
    h->world = world;
    list_init(&h->connections);
    ev_timer_init(&h->tick, on_tick, 1., 1.);
    h->tick.data = h;
    ev_timer_start(loop, &h->tick);
    return h;
}

void http_free(struct http *h)
{
    if (!h)
        return;
    ev_timer_stop(h->loop, &h->tick);
    LIST_EACH (&h->connections, n) {
        struct http_connection *k = LIST_ENTRY(n, struct http_connection, node);
        struct link *l = k->link;

        on_closed(l);
        link_disown(l);
        link_kill(l, LINK_WHY_ASKED);
    }
    buf_fini(&h->piece);
    xfree(h);
}

void http_add(struct http *h, const struct http_route *rows)
{
    ASSERT(h->table_count < HTTP_ROUTE_TABLES);
    h->tables[h->table_count++] = rows;
}

const struct http_stats *http_stats(const struct http *h)
{
    return &h->stats;
}
