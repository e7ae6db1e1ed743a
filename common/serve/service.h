/*
 * service - a daemon's clients together: accepts them, shares the loop among them, counts what they
 * do, and enforces the limits that are about all of them.
 *
 *     listener --accept--> session ... session
 *                             |  each runs up to SESSION_TURN_REQUESTS requests when bytes arrive
 *                             v
 *     before the loop sleeps: ops->turn_ended, then the links are flushed
 *
 *   1. sessions holds every session from accept to the end of its link; session_count is its length
 *   2. paused holds the sessions that a pause holds, and is empty while nothing is paused
 *   3. each session is looked at (idle? over its soft limit?) once in SERVICE_ROUND_MS, SERVICE_LOOKS of them in one
 *      turn at most
 *
 * Owner: service_new/service_free. Commands, acl, settings and world are borrowed and outlive it.
 */
#ifndef HF_COMMON_SERVE_SERVICE_H
#define HF_COMMON_SERVE_SERVICE_H

#include <ev.h>

#include "common/acl/acl.h"
#include "common/acl/denials.h"
#include "common/serve/client_memory.h"
#include "common/serve/penalty.h"
#include "common/server_settings.h"
#include "common/serve/session.h"
#include "common/serve/stats.h"

struct proxy_header;
struct pubsub;
struct tls_context;

enum { SERVICE_ROUND_MS = 250, SERVICE_LOOKS = 500, SERVICE_SPARE = 16 };

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
    /* These requests will most likely come next, in this order: a hint to fetch memory early, once for every
     * SESSION_AHEAD requests of a pipeline. Their words stay where they are until it is called again; a count of 0
     * comes last. */
    void (*ahead)(struct session *s, const struct resp_glance *glances, int count);
    /* A request was refused: unknown (c->cmd NULL), arity, rights, or by service_refuse. True: the
     * daemon has written the answer in its own words. */
    bool (*refused)(struct session *s, struct call *c, const char *error);
    /* The handler returned. The session may be held now, instead of being answered. */
    void (*ran)(struct session *s, struct call *c, uint64_t usec);
    /* While service->tells: a message, or what tracking tells, was written for s, and not by its own command. */
    void (*told)(struct session *s, bool invalidation);
    /* CLIENT UNBLOCK; false when the session is not blocked. */
    bool (*unblock)(struct session *s, bool with_error);
    /* CLIENT KILL: the link to a leader, which is no session, with these addresses; at NULL: any. True: there
     * was one. */
    bool (*kill_leader_link)(struct service *v, struct bytes addr, struct bytes laddr);
    void (*turn_ended)(struct service *v);
    void (*pause_changed)(struct service *v); /* service_paused may answer something else now */
    void (*users_changed)(struct service *v); /* by a subcommand of ACL */
    /* Protected mode: is this the address of somebody the daemon deals with? NULL: of nobody. */
    bool (*knows)(const struct service *v, const char *ip);
    /* maxclients are there: may one more come from this address, who is not to be kept out by clients? There are
     * SERVICE_SPARE such places. NULL: nobody may. */
    bool (*spares)(const struct service *v, const char *ip);
    const char *mode; /* of HELLO: "standalone", "sentinel" */
    const char *(*role)(
        const struct service *v); /* of HELLO: "master", "replica"; NULL: not told */
    /* The value of multi= in CLIENT LIST: queued commands, or -1. */
    int (*multi_count)(const struct session *s);
    size_t (*multi_bytes)(const struct session *s);
    size_t (*other_bytes)(const struct session *s); /* that the daemon keeps for it beside these */
};

/* Why all clients are paused; each reason ends by itself or by service_unpause. */
enum pause_reason { PAUSE_BY_COMMAND, PAUSE_SHUTDOWN, PAUSE_FAILOVER, PAUSE_DISK, PAUSE_REASONS };
enum pause_what { PAUSE_NOTHING, PAUSE_WRITES, PAUSE_ALL };

struct service {
    struct ev_loop *loop;
    const struct service_ops *ops;
    void *world;
    struct command_table *commands;
    struct acl *acl;
    struct denials denials;         /* ACL LOG */
    struct session *changing_users; /* whose command changes them now; NULL: nobody's */
    const struct server_settings *set;
    int databases;
    struct pubsub *pubsub;
    struct tracking *tracking; /* NULL until somebody tracks */
    bool tells;                /* ops->told wants to know */
    struct list sessions, paused;
    struct map ids; /* of the same sessions */
    uint64_t session_count, next_id;
    struct service_stats stats;
    struct client_memory client_memory;
    struct penalty penalty;
    struct out sink; /* where muted replies go */
    struct {
        enum pause_what what;
        uint64_t end_ms; /* boot time; UINT64_MAX: until unpaused */
    } pauses[PAUSE_REASONS];
    ev_prepare before_sleep;
    ev_check after_sleep;
    ev_timer tick;
    struct list *next_looked; /* where the next tick goes on; &sessions: a round is over */
    ev_timer pause_end;
    uint64_t tls_told_ms,
        tls_untold; /* failed handshakes: when the log was told, how many it was not since */
};

struct service *service_new(struct ev_loop *loop, const struct service_ops *ops,
                            struct command_table *commands, struct acl *acl,
                            const struct server_settings *set, void *world);
/* Kills every session first. NULL does nothing. */
void service_free(struct service *v);
/* Settings that sessions copied (output limits, query buffer) have changed. */
void service_settings_changed(struct service *v);

/* Takes an accepted fd: a session, or, where a limit or protected mode says no, a line that says so
 * and a closed fd. A callback for listeners; told: see listen.h. NULL when refused. */
struct session *service_accept(struct service *v, int fd, struct tls_context *tls, bool unix_socket,
                               const struct proxy_header *told);

/* The session's memory may have changed. */
static inline void session_touch(struct session *s)
{
    if (UNLIKELY(s->service->client_memory.limit_bytes))
        client_memory_touch(s);
}

/* Somebody tracks: tracking must be told of reads and changes. */
static inline bool tracking_on(const struct service *v)
{
    return UNLIKELY(v->tracking != NULL);
}

struct session *service_find(const struct service *v, uint64_t id);

/* Brings stats.traffic up to this moment: O(sessions). */
void service_measure_traffic(struct service *v);

/* Answers a request with an error that counts as refused rather than as failed. For ops->admit. */
void service_refuse(struct session *s, struct call *c, const char *error);
/* A request ran outside of a session's own reading (a queued command of EXEC): the same counting. */
void service_count(struct service *v, struct call *c, struct command_stats *stats, uint64_t usec,
                   uint32_t errors_before);

/* The longest and strictest of all running reasons counts. end_ms is boot time. */
void service_pause(struct service *v, enum pause_reason why, enum pause_what what, uint64_t end_ms);
void service_unpause(struct service *v, enum pause_reason why);
enum pause_what service_paused(const struct service *v);
bool service_paused_for(const struct service *v, enum pause_reason why);
/* Holds the session until no pause concerns it any more. */
void service_hold_paused(struct service *v, struct session *s);

/* One line of CLIENT LIST, with its newline. */
void session_describe(struct session *s, struct buf *out);
/* normal, master, replica or slave, pubsub. False: no such word. */
bool session_kind_of(struct bytes word, enum session_kind *out);

/* An argument inside an error, for "%.*s": no more of it than anybody reads. */
enum { SERVE_SHOWN_MAX = 128 };
#define SERVE_SHOWN(arg) (int)((arg).len < SERVE_SHOWN_MAX ? (arg).len : SERVE_SHOWN_MAX), (arg).at

/* The handler of every HELP subcommand: syntax and sentence of each row of its container. */
void serve_help(struct call *c);
/* The error for arguments that no form of a subcommand has. */
void serve_wrong_use(struct call *c);
/* An argument as a number; false: the error is written. */
bool serve_want_i64(struct call *c, struct bytes arg, int64_t *out);
/* A timeout in milliseconds, from milliseconds or from seconds that may have a fraction; 0: for ever. */
bool serve_want_timeout(struct call *c, struct bytes arg, bool seconds, uint64_t *out_ms);

/* Rows for the command table. A sentinel takes what it serves. */
extern const struct command serve_connection_rows[]; /* auth hello ping quit reset */
extern const struct command serve_database_rows[];   /* echo select readonly readwrite asking */
extern const struct command serve_client_rows[];     /* client */
extern const struct command serve_pubsub_rows[];     /* subscribe unsubscribe and with patterns */
extern const struct command serve_channel_rows[];    /* publish pubsub, and shard channels */
extern const struct command serve_acl_rows[];        /* acl */
extern const struct command serve_command_rows[];    /* command */

#endif
