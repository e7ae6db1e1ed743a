/*
 * service - a daemon's clients together: accepts them, shares the loop among them, counts what they
 * do, and enforces the limits that are about all of them.
 *
 *     listener --accept--> session ... session
 *                             |  each runs up to SESSION_TURN_REQUESTS requests when bytes arrive
 *                             v
 *     before the loop sleeps: waiting sessions get another turn, ops->turn_ended, links are flushed
 *
 *   1. sessions is every living session; count is its length
 *   2. waiting holds sessions with SESSION_WAITING, and while it is not empty the loop does not sleep
 *   3. a session that died is on graves until the turn ends
 *
 * Owner: embed or point; service_new/service_free. The commands table, acl and world are borrowed.
 */
#ifndef HF_COMMON_SERVE_SERVICE_H
#define HF_COMMON_SERVE_SERVICE_H

#include <ev.h>

#include "common/acl.h"
#include "common/serve/session.h"
#include "common/serve/stats.h"

struct pubsub;
struct tls_context;

/* What ops->admit decides about a request that is well formed and allowed. */
enum admit {
    ADMIT_RUN,
    ADMIT_DONE, /* admit wrote the reply (an error, QUEUED): do not run */
    ADMIT_HOLD, /* the session was held (CLIENT PAUSE, a held write): the same request comes again */
};

struct service_ops {
    size_t session_bytes;             /* of the daemon's own struct, struct session first */
    void (*born)(struct session *s);  /* after accept; may be NULL, as all of these may */
    void (*gone)(struct session *s);  /* its link is dead */
    void (*reset)(struct session *s); /* RESET */
    enum admit (*admit)(struct session *s, struct call *c);
    /* A request was refused before admit: unknown, wrong arity, no rights. c->cmd may be NULL. */
    void (*refused)(struct session *s, struct call *c, const char *error);
    /* The handler returned. True: the session was held instead of answered. */
    bool (*ran)(struct session *s, struct call *c, uint64_t usec);
    /* CLIENT UNBLOCK; false when the session is not blocked. */
    bool (*unblock)(struct session *s, bool with_error);
    void (*turn_ended)(struct service *v);
    /* The value of multi= in CLIENT LIST: queued commands, or -1. */
    int (*multi_count)(const struct session *s);
    size_t (*multi_memory)(const struct session *s);
    int (*watch_count)(const struct session *s);
};

/* client-output-buffer-limit of one class. 0: none. */
struct output_limit {
    uint64_t hard_bytes, soft_bytes;
    uint64_t soft_ms;
};

enum output_class { OUTPUT_NORMAL, OUTPUT_REPLICA, OUTPUT_PUBSUB, OUTPUT_CLASSES };

/* Values of settings that sessions obey. The daemon fills it at start and whenever one changes, and
 * then calls service_limits_changed. */
struct service_limits {
    uint64_t clients_max;
    uint64_t idle_ms;         /* timeout; 0: none */
    uint64_t query_bytes_max; /* client-query-buffer-limit */
    uint64_t bulk_bytes_max;  /* proto-max-bulk-len */
    uint64_t keepalive_s;     /* tcp-keepalive */
    bool protected_mode;
    int databases;
    struct output_limit output[OUTPUT_CLASSES];
};

/* Why all clients are paused; each reason ends by itself or by service_unpause. */
enum pause_reason { PAUSE_BY_COMMAND, PAUSE_SHUTDOWN, PAUSE_FAILOVER, PAUSE_REASONS };
enum pause_what { PAUSE_NOTHING, PAUSE_WRITES, PAUSE_ALL };

struct service {
    struct ev_loop *loop;
    const struct service_ops *ops;
    void *world;
    struct command_table *commands;
    struct acl *acl;
    struct service_limits limits;
    struct pubsub *pubsub;
    struct list sessions, waiting, graves, paused;
    uint64_t session_count, next_id;
    struct service_stats stats;
    struct out sink; /* where muted replies go */
    struct {
        enum pause_what what;
        uint64_t end_ms; /* boot time; UINT64_MAX: until unpaused */
    } pauses[PAUSE_REASONS];
    ev_prepare before_sleep;
    ev_check after_sleep;
    ev_idle keep_awake;
    ev_timer second;
    ev_timer pause_end;
};

struct service *service_new(struct ev_loop *loop, const struct service_ops *ops,
                            struct command_table *commands, struct acl *acl, void *world);
/* Kills every session first. NULL does nothing. */
void service_free(struct service *v);
void service_limits_changed(struct service *v);

/* Takes an accepted fd: a session, or, where a limit or protected mode says no, a line that says so
 * and a closed fd. A callback for listeners. NULL when refused. */
struct session *service_accept(struct service *v, int fd, struct tls_context *tls,
                               bool unix_socket);

struct session *service_find(const struct service *v, uint64_t id);

/* The longest and strictest of all running reasons counts. end_ms is boot time. */
void service_pause(struct service *v, enum pause_reason why, enum pause_what what, uint64_t end_ms);
void service_unpause(struct service *v, enum pause_reason why);
enum pause_what service_paused(const struct service *v);
/* Holds the session until no pause concerns it any more. */
void service_hold_paused(struct service *v, struct session *s);

/* Closes every session of the kind but one (NULL: none excepted), as CLIENT KILL TYPE. The number. */
uint64_t service_kill_kind(struct service *v, enum session_kind kind, const struct session *except);

/* One line of CLIENT LIST, with its newline. */
void session_describe(struct session *s, struct buf *out);
/* normal, master, replica or slave, pubsub. False: no such word. */
bool session_kind_of(struct bytes word, enum session_kind *out);

/* Rows for the command table. A sentinel takes what it serves. */
extern const struct command serve_session_rows[];  /* auth hello ping quit reset client */
extern const struct command serve_database_rows[]; /* echo select readonly readwrite asking */
extern const struct command serve_pubsub_rows[];
extern const struct command serve_acl_rows[];

#endif
