/*
 * session - one client of a daemon: a link that speaks RESP requests.
 *
 * What both daemons serve alike lives here: reading requests, finding the row, arity, authentication,
 * the place where rights are asked, statistics, HELLO, AUTH, CLIENT, COMMAND, pub/sub. What only a
 * node does (databases, transactions, blocking, replication, the gate) it adds through struct
 * service_ops and by embedding struct session at the front of its own, larger one.
 *
 *     link input -> resp_read_request -> command_resolve -> acl_check -> ops->admit -> row->run
 *                -> ops->ran -> next request, or the end of this turn
 *
 *   1. requests of one session run in order; a turn runs at most requests_per_turn of them, then the
 *      others get theirs
 *   2. a blocked session reads nothing more (its link is paused) until session_unblock
 *   3. a session ends only through its link; ops->gone is called once
 */
#ifndef HF_COMMON_SERVE_SESSION_H
#define HF_COMMON_SERVE_SESSION_H

#include <ev.h>

#include "common/command.h"
#include "common/link.h"
#include "common/list.h"
#include "common/resp.h"

struct service;

enum session_kind { SESSION_NORMAL, SESSION_PUBSUB, SESSION_REPLICA, SESSION_MASTER };

enum session_flag {
    SESSION_CLOSE_AFTER_REPLY = 1u << 0,
    SESSION_BLOCKED = 1u << 1,
    SESSION_NO_EVICT = 1u << 2,
    SESSION_NO_TOUCH = 1u << 3,
    SESSION_REPLY_OFF = 1u << 4,
    SESSION_REPLY_SKIP_NEXT = 1u << 5,
    SESSION_REPLY_SKIP = 1u << 6,
    SESSION_MONITOR = 1u << 7,
    SESSION_MULTI = 1u << 8, /* set by the node; shown by CLIENT LIST */
    SESSION_UNIX = 1u << 9,
    SESSION_READONLY = 1u << 10,
};

struct session {
    struct list node; /* of service->sessions */
    struct service *service;
    struct link *link; /* NULL once dead */
    struct resp_reader reader;
    struct reply reply;
    uint64_t id;
    enum session_kind kind;
    uint32_t flags; /* enum session_flag */
    const struct user *user;
    bool authenticated;
    int db;
    char *name, *lib_name, *lib_version; /* owned, may be NULL */
    uint64_t created_ms, last_ms;        /* boot time */
    const struct command *last_command;
    struct pubsub_client *pubsub; /* subscriptions; NULL until the first */
};

/* What admit decides about a request that is well formed and allowed. */
enum admit {
    ADMIT_RUN,
    ADMIT_DONE, /* admit wrote the reply (an error, QUEUED): do not run */
    ADMIT_HOLD, /* the session was blocked (CLIENT PAUSE, a held write): the same request comes again */
};

struct service_ops {
    size_t session_bytes;            /* of the daemon's own struct, session first */
    void (*born)(struct session *s); /* after accept; may be NULL */
    void (*gone)(struct session *s);
    enum admit (*admit)(struct session *s, struct call *c);
    void (*ran)(struct session *s, struct call *c, uint64_t usec);
    void (*turn_ended)(struct service *v); /* before the loop sleeps */
    /* daemon-specific part of CLIENT LIST (multi=, db= are common); may be NULL */
    void (*describe)(const struct session *s, struct buf *out);
};

/* Statistics per row, for INFO commandstats and latencystats. */
struct command_stats {
    uint64_t calls, usec, rejected, failed;
};

#endif
