/*
 * Who a client is and how it speaks: AUTH, HELLO, PING, QUIT, RESET, SELECT, ECHO.
 */
#include <limits.h>

#include "common/alloc.h"
#include "common/serve/dispatch.h"
#include "common/serve/rights.h"
#include "common/serve/service.h"

#define NAME_REFUSED "ERR Client names cannot contain spaces, newlines or special characters."

static bool log_in(struct call *c, struct bytes name, struct bytes password)
{
    struct service *v = c->session->service;
    const struct user *u;

    if (!penalty_admit(c))
        return false;
    u = acl_login(v->acl, name, password);
    if (!u) {
        rights_login_failed(c, name);
        penalty_answer(c);
        return false;
    }
    session_set_user(c->session, u);
    return true;
}

static void auth(struct call *c)
{
    const struct acl *acl = c->session->service->acl;
    struct bytes name = c->argc == 3 ? c->argv[1] : BYTES("default");

    if (c->argc > 3) {
        reply_error(c->reply, "ERR syntax error");
        return;
    }
    if (c->argc == 2 && !user_needs_password(acl_default_user(acl))) {
        reply_error(c->reply, "ERR AUTH <password> called without any password configured for the "
                              "default user. Are you sure your configuration is correct?");
        return;
    }
    if (log_in(c, name, c->argv[c->argc - 1]))
        reply_ok(c->reply);
}

/* What a word asks for is done before the next one is read, as in Redis 7.0. proto 0: as it is. */
static bool obey_hello(struct call *c, int64_t *out_proto)
{
    *out_proto = 0;
    if (c->argc < 2)
        return true;
    if (!bytes_to_i64(c->argv[1], out_proto)) {
        reply_error(c->reply, "ERR Protocol version is not an integer or out of range");
        return false;
    }
    if (*out_proto < 2 || *out_proto > 3) {
        reply_error(c->reply, "NOPROTO unsupported protocol version");
        return false;
    }
    for (int i = 2; i < c->argc; i++) {
        int more = c->argc - i - 1;

        if (bytes_is_word(c->argv[i], "auth") && more >= 2) {
            if (!log_in(c, c->argv[i + 1], c->argv[i + 2]))
                return false;
            i += 2;
        } else if (bytes_is_word(c->argv[i], "setname") && more >= 1) {
            if (!session_set_name(&c->session->name, c->argv[++i])) {
                reply_error(c->reply, NAME_REFUSED);
                return false;
            }
        } else {
            reply_errorf(c->reply, "ERR Syntax error in HELLO option '%.*s'",
                         SERVE_SHOWN(c->argv[i]));
            return false;
        }
    }
    return true;
}

static void tell_hello(struct call *c)
{
    struct session *s = c->session;
    const struct service_ops *ops = s->service->ops;

    reply_map(c->reply, ops->role ? 7 : 6);
    reply_text(c->reply, "server");
    reply_text(c->reply, "redis");
    reply_text(c->reply, "version");
    reply_text(c->reply, SERVE_REDIS_VERSION);
    reply_text(c->reply, "proto");
    reply_int(c->reply, c->reply->proto);
    reply_text(c->reply, "id");
    reply_int(c->reply, (int64_t)s->id);
    reply_text(c->reply, "mode");
    reply_text(c->reply, ops->mode);
    if (ops->role) {
        reply_text(c->reply, "role");
        reply_text(c->reply, ops->role(s->service));
    }
    reply_text(c->reply, "modules");
    reply_array(c->reply, 0);
}

static void hello(struct call *c)
{
    struct session *s = c->session;
    int64_t proto;

    if (!obey_hello(c, &proto))
        return;
    if (!(s->flags & SESSION_AUTHENTICATED)) {
        reply_error(c->reply,
                    "NOAUTH HELLO must be called with the client already authenticated, otherwise "
                    "the HELLO AUTH <user> <pass> option can be used to authenticate the "
                    "client and select the RESP protocol version at the same time");
        return;
    }
    if (proto)
        c->reply->proto = s->reply.proto = (int)proto;
    tell_hello(c);
}

static void ping(struct call *c)
{
    bool subscribed = c->session && c->session->kind == SESSION_PUBSUB && c->reply->proto == 2;

    if (c->argc > 2) {
        reply_error(c->reply, "ERR wrong number of arguments for 'ping' command");
        return;
    }
    if (subscribed) {
        reply_array(c->reply, 2);
        reply_text(c->reply, "pong");
        reply_bulk(c->reply, c->argc == 2 ? c->argv[1] : BYTES(""));
        return;
    }
    if (c->argc == 2)
        reply_bulk(c->reply, c->argv[1]);
    else
        reply_simple(c->reply, "PONG");
}

static void quit(struct call *c)
{
    reply_ok(c->reply);
    c->intents |= INTENT_CLOSE;
}

static void reset(struct call *c)
{
    if (c->session->kind == SESSION_REPLICA || c->session->kind == SESSION_MASTER) {
        reply_error(c->reply, "ERR can only reset normal connections");
        return;
    }
    session_reset(c->session);
    c->reply->proto = 2;
    reply_simple(c->reply, "RESET");
}

static void echo(struct call *c)
{
    reply_bulk(c->reply, c->argv[1]);
}

static void select_db(struct call *c)
{
    int64_t db;

    if (!serve_want_i64(c, c->argv[1], &db))
        return;
    if (db < INT_MIN || db > INT_MAX) {
        reply_errorf(c->reply, "ERR value is out of range, value must between %d and %d", INT_MIN,
                     INT_MAX);
        return;
    }
    if (db < 0 || db >= c->session->service->databases) {
        reply_error(c->reply, "ERR DB index is out of range");
        return;
    }
    c->session->db = (int)db;
    reply_ok(c->reply);
}

static void no_cluster(struct call *c)
{
    reply_error(c->reply, "ERR This instance has cluster support disabled");
}

#define AT_ANY_TIME \
    (CMD_NOSCRIPT | CMD_LOADING | CMD_STALE | CMD_FAST | CMD_NO_AUTH | CMD_ALLOW_BUSY)

const struct command serve_connection_rows[] = {
    { .name = "auth",
      .run = auth,
      .argc_min = 2,
      .argc_max = ARGC_ANY,
      .flags = AT_ANY_TIME,
      .acl = ACL_CONNECTION,
      .group = "connection",
      .since = "1.0.0",
      .cost = "O(N) where N is the number of passwords defined for the user",
      .args = "[username@6.0.0] password",
      .history = "6.0.0:A user may be named before the password.",
      .help = "Proves who the client is." },
    { .name = "hello",
      .run = hello,
      .argc_min = 1,
      .argc_max = ARGC_ANY,
      .flags = AT_ANY_TIME,
      .acl = ACL_CONNECTION,
      .group = "connection",
      .since = "6.0.0",
      .cost = "O(1)",
      .args = "[arguments:{protover:integer [AUTH={username password}] [SETNAME=clientname]}]",
      .history = "6.2.0:The version may be left out, to read the state of the connection.",
      .help = "Chooses the protocol version; may authenticate and name the connection as well." },
    { .name = "ping",
      .run = ping,
      .argc_min = 1,
      .argc_max = ARGC_ANY,
      .flags = CMD_FAST | CMD_HEALTH,
      .acl = ACL_CONNECTION,
      .group = "connection",
      .since = "1.0.0",
      .cost = "O(1)",
      .args = "[message]",
      .tips = "request_policy:all_shards response_policy:all_succeeded",
      .help = "Answers PONG, or the message." },
    { .name = "quit",
      .run = quit,
      .argc_min = 1,
      .argc_max = ARGC_ANY,
      .flags = AT_ANY_TIME | CMD_COURTESY,
      .acl = ACL_CONNECTION,
      .group = "connection",
      .since = "1.0.0",
      .cost = "O(1)",
      .help = "Closes the connection after the reply." },
    { .name = "reset",
      .run = reset,
      .argc_min = 1,
      .argc_max = 1,
      .flags = AT_ANY_TIME | CMD_COURTESY,
      .acl = ACL_CONNECTION,
      .group = "connection",
      .since = "6.2.0",
      .cost = "O(1)",
      .help = "Puts the connection back to how it began." },
    { 0 },
};

const struct command serve_database_rows[] = {
    { .name = "echo",
      .run = echo,
      .argc_min = 2,
      .argc_max = 2,
      .flags = CMD_LOADING | CMD_STALE | CMD_FAST,
      .acl = ACL_CONNECTION,
      .group = "connection",
      .since = "1.0.0",
      .cost = "O(1)",
      .args = "message",
      .help = "Answers the message." },
    { .name = "select",
      .run = select_db,
      .argc_min = 2,
      .argc_max = 2,
      .flags = CMD_LOADING | CMD_STALE | CMD_FAST,
      .acl = ACL_CONNECTION,
      .group = "connection",
      .since = "1.0.0",
      .cost = "O(1)",
      .args = "index:integer",
      .help = "Changes the database of this connection." },
    { .name = "readonly",
      .run = no_cluster,
      .argc_min = 1,
      .argc_max = 1,
      .flags = CMD_LOADING | CMD_STALE | CMD_FAST,
      .acl = ACL_CONNECTION,
      .group = "cluster",
      .since = "3.0.0",
      .cost = "O(1)",
      .help = "Allows reads on a cluster replica." },
    { .name = "readwrite",
      .run = no_cluster,
      .argc_min = 1,
      .argc_max = 1,
      .flags = CMD_LOADING | CMD_STALE | CMD_FAST,
      .acl = ACL_CONNECTION,
      .group = "cluster",
      .since = "3.0.0",
      .cost = "O(1)",
      .help = "Takes READONLY back." },
    { .name = "asking",
      .run = no_cluster,
      .argc_min = 1,
      .argc_max = 1,
      .flags = CMD_FAST,
      .acl = ACL_CONNECTION,
      .group = "cluster",
      .since = "3.0.0",
      .cost = "O(1)",
      .help = "Announces a redirected cluster request." },
    { 0 },
};
