/*
 * drive - the hands of the sentinel core: bytes become events, actions become bytes.
 *
 *     sockets, timers, children --drive_raise--> sentinel_step --> actions, in a queue
 *                                                                    |
 *     dials, scripts, log, ops <--------- obeyed in order -----------+
 *                                              |
 *                                    [ a durable record: the queue waits here until
 *                                      drive_persisted says that it is on the disk ]
 *
 *   1. every event goes through drive_raise, with the time of this turn of the loop
 *   2. actions are obeyed in the order the core gave them; records are handed over at once (they
 *      borrow from the core), and nothing behind a durable one leaves before drive_persisted, but for
 *      what only looks (action_looks)
 *   3. an event raised while another is being obeyed is stepped at once; its actions queue behind
 *   4. one ev_timer serves the core; it fires on a grid of DRIVE_GRID_MS, so that thousands of nodes
 *      are pinged in batches and their answers come in few turns
 *
 * Limits: DRIVE_REPLY_BYTES_MAX of one reply, DRIVE_CALLS_MAX unanswered calls of one line; over
 * either the line is closed. DRIVE_WINDOW_MESSAGES of pub/sub: see lines.h. Owner: main. Cost: an action O(1), a step what the core says.
 */
#ifndef HF_SENTINEL_DRIVE_DRIVE_H
#define HF_SENTINEL_DRIVE_DRIVE_H

#include <ev.h>
#include <netinet/in.h>

#include "common/map.h"
#include "sentinel/core/sentinel.h"
#include "sentinel/drive/scripts.h"

enum {
    DRIVE_GRID_MS = 4,
    DRIVE_REPLY_BYTES_MAX = 4 * 1024 * 1024,
    DRIVE_CALLS_MAX = 1000,
    DRIVE_ACQUAINTED_MS = 1000, /* how old the answer of drive_acquainted may be */
    DRIVE_HELLO_WAIT_MS =
        1000, /* a queue that has waited so long for the disk takes no more hellos */
    DRIVE_WINDOW_MS = 100,
    DRIVE_WINDOW_MESSAGES = 100, /* heard on one pub/sub line in one window */
};

struct tls_context;

/* The other rooms, as main knows them. */
struct drive_ops {
    /* Encodes rec before it returns and gives its position; positions never go back. Where rec is
     * durable, drive_persisted(position or more) follows, from inside this call or later. */
    uint64_t (*persist)(void *world, const struct record *rec);
    /* An event for subscribers. The log has it already. */
    void (*publish)(void *world, const char *channel, const char *text);
    /* A node has told its INFO, and the core has read it. */
    void (*informed)(void *world, uint64_t node);
    /* The answer to whoever raised an event with this token; a is borrowed. */
    void (*reply)(void *world, uint64_t token, const struct action *a);
};

/* How to dial; borrowed texts, read at every ACT_DIAL. */
struct drive_dialling {
    struct tls_context *tls; /* of peers, and of groups that say nothing else; NULL: plain */
    struct tls_context *tls_if_asked; /* of groups that want it; NULL: there are no certificates */
    const char *source_address;       /* NULL or empty: any */
    struct bytes requirepass;         /* for peers, where sentinel-pass is not set; empty: none */
    int64_t keepalive_s;
};

/* Where nodes and peers are, as they were dialled last. */
struct acquaintances {
    char (*ips)[INET6_ADDRSTRLEN]; /* sorted */
    size_t count, cap;
    uint64_t made_ms;
};

struct drive {
    struct ev_loop *loop;
    struct sentinel *core;
    const struct drive_ops *ops;
    void *world;
    struct drive_dialling dialling; /* may be changed at any time; counts from the next dial */
    struct scripts scripts;
    struct map ends; /* by id: see lines.h */
    struct acquaintances acquaintances;
    ev_timer wake;
    uint64_t wake_at_ms; /* what the timer is set to; UINT64_MAX: not running */
    struct actions queue;
    size_t obeyed;           /* of the queue */
    size_t looked;           /* of the queue: nothing before this one only looks */
    uint64_t waits_since_ms; /* a record has kept the queue waiting since; 0: none does */
    uint64_t persisted;      /* position that is on the disk */
    bool obeying;
    uint64_t steps, actions_obeyed; /* for INFO and tests */
};

/* Towards the nodes of a group. False: it wants TLS, and we have none. */
bool drive_tls_of(const struct drive_dialling *how, const struct group_settings *set,
                  struct tls_context **out);
/* core is initialised and has not seen EV_LOAD. */
void drive_init(struct drive *d, struct ev_loop *loop, struct sentinel *core,
                const struct drive_ops *ops, void *world);
/* Closes every line and forgets running scripts, which go on by themselves. */
void drive_fini(struct drive *d);

/* Steps the core with ev, whose now_ms is filled in here, and obeys. Legal from any callback. */
void drive_raise(struct drive *d, struct event *ev);
/* Commands sent to an instance and not answered yet, on all its lines. */
uint32_t drive_pending(const struct drive *d, uint64_t id);
/* Is there a node or a peer at this address? Cost: O(log of them), and O(all) once in DRIVE_ACQUAINTED_MS while
 * the answer is no. */
bool drive_acquainted(struct drive *d, const char *ip);
/* Records up to position are on the disk. */
void drive_persisted(struct drive *d, uint64_t position);

#endif
