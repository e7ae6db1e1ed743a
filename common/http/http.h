/*
 * http - a daemon's HTTP door: connections, whose turn it is, and which route answers.
 *
 *     listener --accept--> READING --whole request--> guard --> route --> answer
 *                             ^                                   |
 *                             |                                   +--> source: pieces, one a turn
 *                             |                                   +--> held: the answer comes later
 *                             +----- kept alive, once it has left ------+
 *
 *   1. requests of one connection are answered in order, one a turn, and the next one is not looked at before
 *      the answer has left: who does not read is not written to
 *   2. what is refused, and what comes without the token, closes its connection after an answer that says why
 *   3. connections are at most http-max-connections. One more makes the one go that has been quiet for longest;
 *      where all are being answered, the newcomer is closed
 *   4. all requests and pieces of long answers together have HTTP_TURN_US of a turn of the loop, pieces half of it at
 *      most; requests are read behind everybody else (link->lengthy). Who is left waits in line, counts as being
 *      answered, and comes first in the next
 *   5. a request is whole within http-request-timeout of its first byte, an answer moves at least once in that
 *      time, and between two requests http-idle-timeout passes at most
 *
 * What shows a wrong token is answered after HTTP_DENY_MS, so that guessing takes time.
 *
 * Routes are rows of the rooms; the server knows the paths, and no room. Settings are read where they are needed, so a
 * change counts at once. Owner: http_new/http_free; settings, guard, rows and world outlive it.
 */
#ifndef HF_COMMON_HTTP_HTTP_H
#define HF_COMMON_HTTP_HTTP_H

#include <ev.h>

#include "common/bytes.h"
#include "common/http/guard.h"
#include "common/http/request.h"
#include "common/list.h"

enum {
    HTTP_PIECE_BYTES = 32 * 1024, /* of a source, in one turn */
    HTTP_ROUTE_TABLES = 8,
    HTTP_STATUSES = 600,
    HTTP_DENY_MS = 500,
    HTTP_TURN_US = 1000,
};

#define HTTP_TYPE_JSON "application/json"

struct http;
struct http_connection;
struct proxy_header;
struct tls_context;

/* One request, while its handler runs; exactly one of the answers below is given to it, or it is held. */
struct http_call {
    struct http_connection *connection;
    const struct http_request *request;
    struct bytes rest; /* of the path, behind a route that ends in a slash */
    enum http_access access;
    void *world;
};

typedef void http_handler(struct http_call *c);

enum http_route_flag {
    HTTP_HEALTH = 1u << 0, /* without a token, where http-open-health says so */
    HTTP_PUBLIC = 1u << 1, /* without one always: what holds nothing of this daemon's */
    /* By whatever name (http_guard_knows_name), as HTTP_HEALTH is: for machines that know this one by one. */
    HTTP_ANY_NAME = 1u << 2,
};

struct http_route {
    const char *path; /* one that ends in a slash is the beginning of many */
    unsigned
        methods; /* enum http_method; where GET is, HEAD is answered as well; POST orders (guard.h) */
    unsigned flags;
    http_handler *run;
};

/* A body that comes in pieces. */
enum http_more { HTTP_SOURCE_MORE, HTTP_SOURCE_WAITS, HTTP_SOURCE_ENDS };
struct http_source {
    /* Appends something, about HTTP_PIECE_BYTES at most, or says WAITS: nothing before http_wake. */
    enum http_more (*more)(void *arg, struct buf *out);
    void (*gone)(void *arg); /* once: it ended, or its connection did. May be NULL. */
};

struct http *http_new(struct ev_loop *loop, const struct server_settings *set,
                      const struct http_guard *guard, void *world);
void http_free(struct http *h); /* NULL does nothing */
/* rows end with one without a path. */
void http_add(struct http *h, const struct http_route *rows);
/* Takes an accepted fd. A callback for listeners; told: see listen.h. */
void http_accept(struct http *h, int fd, struct tls_context *tls, const struct proxy_header *told);

void http_answer(struct http_call *c, int status, const char *type, struct bytes body);
/* more: lines of the head, each ended by CRLF. */
void http_answer_more(struct http_call *c, int status, const char *type, const char *more,
                      struct bytes body);
/* {"error":{"code":"…","message":"…"}}; both texts are ours, and hold nothing that needs escaping. */
void http_answer_error(struct http_call *c, int status, const char *code, const char *message);
void http_answer_source(struct http_call *c, const char *type, const struct http_source *source,
                        void *arg);
/* The answer comes later, to the connection, with http_held_call; gone is called once where it ends before. */
void http_hold(struct http_call *c, void (*gone)(void *arg), void *arg);
/* The call to answer a held connection with; it has no request any more. */
struct http_call http_held_call(struct http_connection *k);
/* Who asks: address and port. */
const char *http_peer(const struct http_call *c);
/* A source that said WAITS has more; legal from anywhere. The connection is the call's. */
void http_wake(struct http_connection *k);

struct http_stats {
    uint64_t connections, displaced, timeouts, denied;
    uint64_t answers[HTTP_STATUSES]; /* by status */
    size_t open;
};
const struct http_stats *http_stats(const struct http *h);

#endif
