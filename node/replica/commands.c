/*
 * commands - what operators, sentinels and other nodes say about who leads: REPLICAOF, PSYNC, SYNC,
 * REPLCONF, ROLE, FAILOVER.
 */
#include <stdio.h>
#include <string.h>

#include "common/clock.h"
#include "common/log.h"
#include "common/serve/service.h"
#include "node/replica/group_link.h"
#include "node/replica/replica_room.h"

static struct replica *room(const struct call *c)
{
    const struct node_world *w = c->world;

    return w->replica;
}

static bool parse_port(struct bytes text, int64_t *out)
{
    return bytes_to_i64(text, out) && *out >= 0 && *out <= 65535;
}

/* In a durable group the register says who leads. True: an error was answered. */
static bool belongs_to_group(struct call *c, const struct replica *r)
{
    if (!group_link_bound(r))
        return false;
    reply_error(c->reply, "NOPERM role of a durable group is changed by SENTINEL FAILOVER only");
    return true;
}

/* ---- REPLICAOF ---------------------------------------------------------------------------------- */

static void cmd_replicaof(struct call *c)
{
    struct replica *r = room(c);
    const struct node_settings *set = r->w->set;
    char host[FAILOVER_HOST_MAX];
    int64_t port;

    call_no_effect(c);
    if (belongs_to_group(c, r))
        return;
    if (r->failover.state != FAILOVER_NONE) {
        reply_error(c->reply, "ERR REPLICAOF not allowed while failing over.");
        return;
    }
    if (bytes_is_word(c->argv[1], "no") && bytes_is_word(c->argv[2], "one")) {
        replica_promote(r);
        reply_ok(c->reply);
        return;
    }
    if (c->session && c->session->kind == SESSION_REPLICA) {
        reply_error(c->reply, "ERR Command is not valid when client is a replica.");
        return;
    }
    if (!parse_port(c->argv[2], &port)) {
        reply_error(c->reply, "ERR Invalid master port");
        return;
    }
    if (!c->argv[1].len || c->argv[1].len >= sizeof host) {
        reply_error(c->reply, "ERR Invalid master host");
        return;
    }
    snprintf(host, sizeof host, "%.*s", (int)c->argv[1].len, c->argv[1].at);
    r->confirmed = true;
    if (r->follows && port == set->leader_port && !strcmp(host, set->leader_host)) {
        if (r->upstream.refused)
            upstream_event(r, &(struct upstream_event){ .kind = UPSTREAM_EV_FOLLOW });
        else if (r->upstream.state == UPSTREAM_STREAM)
            r->confirmed = false; /* nothing to confirm */
        reply_simple(c->reply, "OK Already connected to specified master");
        return;
    }
    replica_follow(r, host, port, false);
    reply_ok(c->reply);
}

/* ---- PSYNC, SYNC -------------------------------------------------------------------------------- */

/* PSYNC id offset FAILOVER: our leader hands over to us. True: an error was answered. */
static bool take_over(struct call *c, struct replica *r)
{
    if (belongs_to_group(c, r))
        return true;
    if (!r->follows) {
        reply_error(c->reply, "ERR PSYNC FAILOVER can't be sent to a master.");
        return true;
    }
    if (!bytes_is(c->argv[1], r->w->oplog->id)) {
        reply_error(c->reply, "ERR PSYNC FAILOVER replid must match my replid.");
        return true;
    }
    log_notice("failover-taken from=%s:%lld", r->w->set->leader_host,
               (long long)r->w->set->leader_port);
    replica_promote(r);
    return false;
}

/* True: an error was answered. */
static bool cannot_serve_followers(struct call *c, struct replica *r)
{
    if (r->failover.state != FAILOVER_NONE) {
        reply_error(c->reply, "NOMASTERLINK Can't SYNC while failing over");
        return true;
    }
    if (r->follows && r->upstream.state != UPSTREAM_STREAM) {
        reply_error(c->reply, "NOMASTERLINK Can't SYNC while not connected with my master");
        return true;
    }
    return false;
}

static void say_continue(struct call *c, const struct replica *r, const struct follower *f)
{
    char line[64];
    int len = f->capa_psync2 ? snprintf(line, sizeof line, "+CONTINUE %s\r\n", r->w->oplog->id)
                             : snprintf(line, sizeof line, "+CONTINUE\r\n");

    reply_raw(c->reply, line, (size_t)len);
}

static void cmd_psync(struct call *c)
{
    struct replica *r = room(c);
    struct follower *f;
    uint64_t offset;
    int64_t wanted;
    enum err e;

    call_no_effect(c);
    if (c->session->kind == SESSION_REPLICA)
        return;
    if (c->argc == 4 && bytes_is_word(c->argv[3], "failover") && take_over(c, r))
        return;
    if (cannot_serve_followers(c, r))
        return;
    if (!bytes_to_i64(c->argv[2], &wanted)) {
        reply_error(c->reply, "ERR value is not an integer or out of range");
        return;
    }
    f = leader_follower_of(r, c->session, true);
    e = oplog_can_continue(r->w->oplog, c->argv[1], wanted, &offset);
    if (e == OK && !f->rdb_only) {
        say_continue(c, r, f);
        leader_continue(f, offset);
        return;
    }
    if (!bytes_is(c->argv[1], "?")) {
        r->syncs_partial_refused++;
        log_notice("follower-cannot-continue id=%.*s offset=%lld why=%s",
                   c->argv[1].len > 40 ? 40 : (int)c->argv[1].len, c->argv[1].at, (long long)wanted,
                   e == ERR_GONE ? "out of the backlog" : "another history");
    }
    leader_begin_sync(f, false);
}

static void cmd_sync(struct call *c)
{
    struct replica *r = room(c);

    call_no_effect(c);
    if (c->session->kind == SESSION_REPLICA || cannot_serve_followers(c, r))
        return;
    leader_begin_sync(leader_follower_of(r, c->session, true), true);
}

/* ---- REPLCONF ------------------------------------------------------------------------------------- */

/* One option. ERR_CLOSED: say nothing at all; else an error was answered. */
typedef enum err option_fn(struct call *c, struct replica *r, struct bytes value);

static enum err option_port(struct call *c, struct replica *r, struct bytes value)
{
    int64_t port;

    if (!bytes_to_i64(value, &port)) {
        reply_error(c->reply, "ERR value is not an integer or out of range");
        return ERR_SYNTAX;
    }
    leader_follower_of(r, c->session, true)->listening_port = port;
    return OK;
}

static enum err option_ip(struct call *c, struct replica *r, struct bytes value)
{
    struct follower *f = leader_follower_of(r, c->session, true);

    if (value.len >= sizeof f->address) {
        reply_errorf(c->reply,
                     "ERR REPLCONF ip-address provided by replica instance is too long: %zu bytes",
                     value.len);
        return ERR_LIMIT;
    }
    snprintf(f->address, sizeof f->address, "%.*s", (int)value.len, value.at);
    return OK;
}

/* What we do not know a follower may offer all the same. */
static enum err option_capa(struct call *c, struct replica *r, struct bytes value)
{
    struct follower *f = leader_follower_of(r, c->session, true);

    f->capa_eof |= bytes_is_word(value, "eof");
    f->capa_psync2 |= bytes_is_word(value, "psync2");
    return OK;
}

static enum err option_version(struct call *c, struct replica *r, struct bytes value)
{
    struct follower *f = leader_follower_of(r, c->session, true);
    size_t digits = 0;

    while (digits < value.len && value.at[digits] != '.')
        digits++;
    if (!bytes_to_i64((struct bytes){ value.at, digits }, &f->valkey) || f->valkey < 0)
        f->valkey = 0;
    return OK;
}

static enum err option_ack(struct call *c, struct replica *r, struct bytes value)
{
    struct follower *f = leader_follower_of(r, c->session, false);
    int64_t offset, synced;

    if (!f || !follower_counts(f))
        return ERR_CLOSED;
    if (c->argc >= 5 && bytes_is_word(c->argv[3], "fack") && bytes_to_i64(c->argv[4], &synced) &&
        synced >= 0)
        leader_file_acked(f, (uint64_t)synced);
    if (bytes_to_i64(value, &offset) && offset >= 0)
        leader_acked(f, (uint64_t)offset);
    return ERR_CLOSED;
}

static enum err option_fack(struct call *c, struct replica *r, struct bytes value)
{
    return ERR_CLOSED; /* behind ACK, which reads it */
}

/* A client may say it too; the stream's own GETACK never comes here. */
static enum err option_getack(struct call *c, struct replica *r, struct bytes value)
{
    return ERR_CLOSED;
}

/* Ours: whoever says it before PSYNC learns that it may ask; later it is a question (freshness.h). */
static enum err option_echo(struct call *c, struct replica *r, struct bytes value)
{
    struct follower *f = leader_follower_of(r, c->session, true);
    uint64_t number;

    if (!bytes_to_u64(value, &number)) {
        reply_error(c->reply, "ERR value is not an integer or out of range");
        return ERR_SYNTAX;
    }
    f->reads_fields = true;
    if (!follower_counts(f))
        return OK;
    leader_asked(f, number);
    return ERR_CLOSED;
}

/* Ours: who says it before PSYNC hears HFBEAT, and may say HFACK (acks.c). */
static enum err option_hf_ack(struct call *c, struct replica *r, struct bytes value)
{
    leader_follower_of(r, c->session, true)->beat.hears |= bytes_is(value, "1");
    return OK;
}

static enum err option_rdb_only(struct call *c, struct replica *r, struct bytes value)
{
    int64_t on;

    if (!bytes_to_i64(value, &on)) {
        reply_error(c->reply, "ERR value is not an integer or out of range");
        return ERR_SYNTAX;
    }
    leader_follower_of(r, c->session, true)->rdb_only = on == 1;
    return OK;
}

/* The empty list: no keys and no functions; "functions": functions, of which there are none. */
static enum err option_filter(struct call *c, struct replica *r, struct bytes value)
{
    if (value.len && !bytes_is_word(value, "functions")) {
        reply_errorf(c->reply, "ERR Unsupported rdb-filter-only option: %.*s", (int)value.len,
                     value.at);
        return ERR_SYNTAX;
    }
    leader_follower_of(r, c->session, true)->filter_no_keys = true;
    return OK;
}

static const struct {
    const char *name;
    option_fn *take;
} options[] = {
    { "listening-port", option_port },
    { "ip-address", option_ip },
    { "capa", option_capa },
    { "version", option_version },
    { "ack", option_ack },
    { "fack", option_fack },
    { "getack", option_getack },
    { "hf-echo", option_echo },
    { "hf-ack", option_hf_ack },
    { "rdb-only", option_rdb_only },
    { "rdb-filter-only", option_filter },
};

static option_fn *find_option(struct bytes name)
{
    for (size_t i = 0; i < ARRAY_LEN(options); i++) {
        if (bytes_is_word(name, options[i].name))
            return options[i].take;
    }
    return NULL;
}

static void cmd_replconf(struct call *c)
{
    call_no_effect(c);
    if (acks_take(room(c), c))
        return;
    if (c->argc % 2 == 0) {
        reply_error(c->reply, "ERR syntax error");
        return;
    }
    for (int i = 1; i < c->argc; i += 2) {
        option_fn *take = find_option(c->argv[i]);

        if (!take) {
            reply_errorf(c->reply, "ERR Unrecognized REPLCONF option: %.*s",
                         c->argv[i].len > 128 ? 128 : (int)c->argv[i].len, c->argv[i].at);
            return;
        }
        if (take(c, room(c), c->argv[i + 1]) != OK)
            return;
    }
    reply_ok(c->reply);
}

/* ---- ROLE ------------------------------------------------------------------------------------------ */

static void cmd_role(struct call *c)
{
    struct replica *r = room(c);
    const struct oplog *o = r->w->oplog;
    uint64_t online = 0;

    if (r->follows) {
        reply_array(c->reply, 5);
        reply_text(c->reply, "slave");
        reply_text(c->reply, r->w->set->leader_host);
        reply_int(c->reply, r->w->set->leader_port);
        reply_text(c->reply, upstream_word(r->upstream.state));
        reply_int(c->reply, r->history ? (int64_t)o->next : -1);
        return;
    }
    LIST_EACH (&r->followers, node)
        online += LIST_ENTRY(node, struct follower, node)->state == FOLLOWER_ONLINE;
    reply_array(c->reply, 3);
    reply_text(c->reply, "master");
    reply_int(c->reply, (int64_t)o->next);
    reply_array(c->reply, online);
    LIST_EACH (&r->followers, node) {
        const struct follower *f = LIST_ENTRY(node, struct follower, node);
        char address[FOLLOWER_ADDRESS_MAX];

        if (f->state != FOLLOWER_ONLINE)
            continue;
        reply_array(c->reply, 3);
        reply_text(c->reply, follower_address(f, address, sizeof address));
        reply_bulk_int(c->reply, f->listening_port);
        reply_bulk_int(c->reply, (int64_t)f->ack_offset);
    }
}

/* ---- FAILOVER --------------------------------------------------------------------------------------- */

struct failover_args {
    bool abort, force, targeted, timed;
    char host[FAILOVER_HOST_MAX];
    int64_t port, timeout_ms;
};

static bool parse_failover(struct call *c, struct failover_args *out)
{
    for (int i = 1; i < c->argc; i++) {
        int left = c->argc - i - 1;

        if (bytes_is_word(c->argv[i], "timeout") && left >= 1 && !out->timed) {
            if (!bytes_to_i64(c->argv[++i], &out->timeout_ms)) {
                reply_error(c->reply, "ERR value is not an integer or out of range");
                return false;
            }
            if (out->timeout_ms <= 0) {
                reply_error(c->reply, "ERR FAILOVER timeout must be greater than 0");
                return false;
            }
            out->timed = true;
        } else if (bytes_is_word(c->argv[i], "abort") && c->argc == 2) {
            out->abort = true;
        } else if (bytes_is_word(c->argv[i], "to") && left >= 2 && !out->targeted &&
                   c->argv[i + 1].len < sizeof out->host) {
            snprintf(out->host, sizeof out->host, "%.*s", (int)c->argv[i + 1].len,
                     c->argv[i + 1].at);
            if (!parse_port(c->argv[i + 2], &out->port)) {
                reply_error(c->reply, "ERR value is not an integer or out of range");
                return false;
            }
            out->targeted = true;
            i += 2;
        } else if (bytes_is_word(c->argv[i], "force") && !out->force) {
            out->force = true;
        } else {
            reply_error(c->reply, "ERR syntax error");
            return false;
        }
    }
    return true;
}

static const struct follower *find_target(struct replica *r, const struct failover_args *a)
{
    LIST_EACH (&r->followers, node) {
        const struct follower *f = LIST_ENTRY(node, struct follower, node);
        char address[FOLLOWER_ADDRESS_MAX];

        if (follower_counts(f) && f->listening_port == a->port &&
            !strcmp(follower_address(f, address, sizeof address), a->host))
            return f;
    }
    return NULL;
}

/* Why these arguments cannot start a failover now; NULL: they can. */
static const char *refuse_failover(struct replica *r, const struct failover_args *a)
{
    const struct follower *target = a->targeted ? find_target(r, a) : NULL;

    if (r->failover.state != FAILOVER_NONE)
        return "ERR FAILOVER already in progress.";
    if (r->follows)
        return "ERR FAILOVER is not valid when server is a replica.";
    if (!leader_count_followers(r))
        return "ERR FAILOVER requires connected replicas.";
    if (a->force && (!a->targeted || !a->timed))
        return "ERR FAILOVER with force option requires both a timeout and target HOST and IP.";
    if (a->targeted && !target)
        return "ERR FAILOVER target HOST and PORT is not a replica.";
    if (target && target->state != FOLLOWER_ONLINE)
        return "ERR FAILOVER target replica is not online.";
    return NULL;
}

/* Why these arguments cannot start one in a durable group, or NULL and it has begun. */
static const char *failover_of_group(struct replica *r, const struct failover_args *a)
{
    const struct group_link_hooks *h = r->group.hooks;
    const struct follower *target = a->targeted ? find_target(r, a) : NULL;

    if (a->force)
        return "ERR FAILOVER FORCE could lose what a durable group has acknowledged";
    if (a->targeted && (!target || !target->group.node))
        return "ERR FAILOVER target HOST and PORT is not a replica.";
    return h->hand_over(h->arg, target ? target->group.node : 0, (uint64_t)a->timeout_ms);
}

/* The register says who leads: sentinels are asked to change it. */
static void run_group_failover(struct call *c, struct replica *r, const struct failover_args *a)
{
    const struct group_link_hooks *h = r->group.hooks;
    const char *refusal = a->abort ? h->keep_lead(h->arg) : failover_of_group(r, a);
    if (refusal)
        reply_error(c->reply, refusal);
    else
        reply_ok(c->reply);
}

static void cmd_failover(struct call *c)
{
    struct replica *r = room(c);
    struct failover_args a = { 0 };
    const char *refusal;

    call_no_effect(c);
    if (!parse_failover(c, &a))
        return;
    if (group_link_bound(r)) {
        run_group_failover(c, r, &a);
        return;
    }
    if (a.abort) {
        if (r->failover.state == FAILOVER_NONE) {
            reply_error(c->reply, "ERR No failover in progress.");
            return;
        }
        replica_failover_ends(r, "aborted", false);
        reply_ok(c->reply);
        return;
    }
    refusal = refuse_failover(r, &a);
    if (refusal) {
        reply_error(c->reply, refusal);
        return;
    }
    replica_start_failover(r, a.targeted ? a.host : NULL, a.port, a.force, (uint64_t)a.timeout_ms);
    reply_ok(c->reply);
}

#define FROM_PEERS (CMD_ADMIN | CMD_NOSCRIPT | CMD_NO_MULTI | CMD_NO_ASYNC_LOADING)

const struct command replica_rows[] = {
    { .name = "replicaof",
      .run = cmd_replicaof,
      .argc_min = 3,
      .argc_max = 3,
      .flags = CMD_ADMIN | CMD_NOSCRIPT | CMD_STALE | CMD_NO_ASYNC_LOADING,
      .group = "server",
      .since = "5.0.0",
      .cost = "O(1)",
      .args = "args:(host-port:{host port:integer}|no-one:{NO ONE})",
      .help = "Follows the leader at host and port; NO ONE: leads." },
    { .name = "slaveof",
      .run = cmd_replicaof,
      .argc_min = 3,
      .argc_max = 3,
      .flags = CMD_ADMIN | CMD_NOSCRIPT | CMD_STALE | CMD_NO_ASYNC_LOADING,
      .group = "server",
      .since = "1.0.0",
      .cost = "O(1)",
      .args = "args:(host-port:{host port:integer}|no-one:{NO ONE})",
      .help = "The older name of REPLICAOF.",
      .deprecated = "5.0.0|`REPLICAOF`" },
    { .name = "psync",
      .run = cmd_psync,
      .argc_min = 3,
      .argc_max = 4,
      .flags = FROM_PEERS,
      .group = "server",
      .since = "2.8.0",
      .args = "replicationid offset:integer",
      .help = "Said by followers: continues their stream, or sends everything." },
    { .name = "sync",
      .run = cmd_sync,
      .argc_min = 1,
      .argc_max = 1,
      .flags = FROM_PEERS,
      .group = "server",
      .since = "1.0.0",
      .help = "Said by old followers: sends everything and then the stream." },
    { .name = "replconf",
      .run = cmd_replconf,
      .argc_min = 1,
      .argc_max = ARGC_ANY,
      .flags = CMD_ADMIN | CMD_NOSCRIPT | CMD_LOADING | CMD_STALE | CMD_ALLOW_BUSY | CMD_SYSCMD,
      .group = "server",
      .since = "3.0.0",
      .cost = "O(1)",
      .help = "Said by followers: what they are called, what they can, how far they are." },
    { .name = "role",
      .run = cmd_role,
      .argc_min = 1,
      .argc_max = 1,
      .flags = CMD_NOSCRIPT | CMD_LOADING | CMD_STALE | CMD_FAST,
      .acl = ACL_ADMIN | ACL_DANGEROUS,
      .group = "server",
      .since = "2.8.12",
      .cost = "O(1)",
      .help = "Tells whether this node leads or follows, whom, and how far." },
    { .name = "failover",
      .run = cmd_failover,
      .argc_min = 1,
      .argc_max = ARGC_ANY,
      .flags = CMD_ADMIN | CMD_NOSCRIPT | CMD_STALE,
      .group = "server",
      .since = "6.2.0",
      .cost = "O(1)",
      .args = "[TO=target:{host port:integer [FORCE]}] [ABORT] [TIMEOUT=milliseconds:integer]",
      .help = "Hands leadership to a follower that has everything, losing no write." },
    { 0 },
};
