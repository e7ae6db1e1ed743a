/*
 * session - one client of a daemon: a link that speaks RESP requests.
 *
 * What both daemons serve alike lives in this folder: reading requests, finding the row, arity,
 * authentication, the place where rights are asked, statistics, HELLO, AUTH, CLIENT, COMMAND,
 * pub/sub. What only a node does (transactions, blocking, replication, the gate) it adds through
 * struct service_ops and by embedding struct session at the front of its own, larger one.
 *
 *     link input -> resp_read_request -> command_resolve -> authentication -> rights_check
 *                -> ops->admit -> row->run -> ops->ran -> next request, or the end of this turn
 *
 *   1. requests of one session run in order; a turn runs at most SESSION_TURN_REQUESTS of them, and fewer where
 *      they take long or say much, then the others get theirs
 *   2. a held session (SESSION_HELD) keeps the request it is held at in its link's input, and runs
 *      the very same request again when it is tried or resumed; it reads no further meanwhile
 *   3. a session ends only through its link, whose end is told at the end of a turn: inside a handler
 *      every session is still whole, and what is written to a dying one is thrown away
 *   4. ops->gone is called once
 *
 * Owner: the service. Cost: a request allocates nothing and looks its row up once.
 */
#ifndef HF_COMMON_SERVE_SESSION_H
#define HF_COMMON_SERVE_SESSION_H

#include "common/command.h"
#include "common/link.h"
#include "common/list.h"
#include "common/map.h"
#include "common/resp.h"
#include "common/serve/tracking.h"

/* What clients are told they talk to: some refuse below 7, and none reads more from it than that. */
#define SERVE_REDIS_VERSION "7.2.4"

enum {
    SESSION_TURN_REQUESTS = 1000,
    SESSION_AHEAD = 32, /* requests of a pipeline whose keys are looked up together */
};

struct command_stats;
struct pubsub_client;
struct service;
struct session;

/* In Redis's words on the wire: normal, pubsub, replica (slave), master. */
enum session_kind { SESSION_NORMAL, SESSION_PUBSUB, SESSION_REPLICA, SESSION_MASTER };

enum session_flag {
    SESSION_CLOSING = 1u << 0, /* closes after its reply; reads no more requests */
    SESSION_HELD = 1u << 1,    /* see 2. */
    SESSION_BLOCKED = 1u << 2, /* held by a blocking command: shown as 'b', CLIENT UNBLOCK works */
    SESSION_WAITING = 1u << 3, /* has whole requests left for the next turn */
    SESSION_TAKEN = 1u << 4,   /* its request has left the input already: see session_give */
    SESSION_NO_EVICT = 1u << 5,
    SESSION_NO_TOUCH = 1u << 6,
    SESSION_REPLY_OFF = 1u << 7,
    SESSION_REPLY_SKIP_NEXT = 1u << 8,
    SESSION_REPLY_SKIP = 1u << 9,
    SESSION_MONITOR = 1u << 10,
    SESSION_MULTI = 1u << 11, /* the node sets it */
    SESSION_DIRTY = 1u << 12, /* the node's: a watched key changed */
    SESSION_UNIX = 1u << 13,
    SESSION_AUTHENTICATED = 1u << 15,
    SESSION_TRACKING = 1u << 16, /* see tracking.h, with those that follow */
    SESSION_TRACK_BCAST = 1u << 17,
    SESSION_TRACK_OPTIN = 1u << 18,
    SESSION_TRACK_OPTOUT = 1u << 19,
    SESSION_TRACK_NOLOOP = 1u << 20,
    SESSION_TRACK_CACHING = 1u << 21, /* CLIENT CACHING: the next command is an exception */
    SESSION_TRACK_BROKEN = 1u << 22,  /* who it redirects to was not there */
};

/* Another room that works this link from now on (a follower's stream). */
struct session_guest {
    void (*drained)(void *arg, struct session *s); /* there is room in the socket */
    void (*gone)(void *arg, struct session *s);    /* once; the guest forgets the session */
};

struct session {
    struct list node;      /* of service->sessions */
    struct map_node by_id; /* of service->ids */
    struct list held;      /* of the list whoever holds it chose */
    struct service *service;
    struct link *link;
    struct resp_reader reader;
    struct reply reply;
    uint64_t id;
    enum session_kind kind;
    uint32_t flags; /* enum session_flag */
    const struct user *user;
    int db;
    char *name, *lib_name, *lib_version; /* owned, may be NULL */
    uint32_t turn_us;                    /* what its turns take, on an average */
    uint64_t created_ms, last_ms;        /* boot time */
    uint64_t counted_in, counted_out;    /* bytes of its link, in stats.traffic */
    uint64_t soft_limit_since_ms;        /* output above its soft limit since; 0: below */
    struct command_memo memo;
    struct tracking_client tracking;
    struct list touched, crowd; /* of service->client_memory */
    size_t counted_bytes;       /* there */
    size_t leaving_bytes;       /* counted as it was closed for its memory */
    const struct command *last_command;
    struct command_stats *last_stats;
    struct pubsub_client *pubsub; /* subscriptions; NULL until the first */
    const struct session_guest *guest;
    void *guest_arg;
};

/* Takes the session for another room, as kind. Its requests are still read and dispatched (a
 * follower's REPLCONF ACK is one), but as a replica it gets no replies. The same guest may call again, with another kind. */
void session_adopt(struct session *s, enum session_kind kind, const struct session_guest *guest,
                   void *arg);

/* Closes after what was written has left. Legal from anywhere, any number of times. */
void session_close(struct session *s, enum link_why why);
/* Closes without waiting for output. */
void session_kill(struct session *s, enum link_why why);

/* Bytes were put into the session's output outside of its own request: a push, a late reply. */
void session_wrote(struct session *s);
/* The same of a message, or of what tracking tells. */
void session_told(struct session *s, bool invalidation);
/* A writer of pushes for this session. */
struct reply session_reply(struct session *s);
/* A writer of the answer to the request that is held; where CLIENT REPLY has silenced answers nobody hears it. */
struct reply session_late_reply(struct session *s);

/* Holds the session at the request that is being admitted or has just run without a reply. The
 * caller remembers the session and calls one of the next two. */
void session_hold(struct session *s);
/* Runs the held request again, now. True: it was answered (or the session is dying), and whatever
 * follows it runs next turn. False: held again. */
bool session_try_held(struct session *s, bool denies_blocking);
/* The holder has written the answer through session_late_reply: the held request is dropped. */
void session_drop_held(struct session *s);
/* Lets the held request run again next turn. */
void session_resume(struct session *s);

/* RESET: everything a client can have set on its session, back to the beginning. */
void session_reset(struct session *s);
/* AUTH succeeded: the session speaks as user. */
void session_set_user(struct session *s, const struct user *user);
/* Whether what nobody has logged in for may be long. A request that is held was let in: it fits still. */
void session_limit_stranger(struct session *s, bool limited);
/* Name for CLIENT SETNAME and HELLO SETNAME: false when it holds a blank, newline or odd byte. */
bool session_set_name(char **slot, struct bytes name);

#endif
