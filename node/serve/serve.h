/*
 * serve - the node's client sessions: what common/serve leaves to a daemon.
 *
 *     dispatch -> admit: refusals, pauses, MULTI's queue      refuse.c, multi.c
 *              -> the row's handler
 *              -> ran:   effects into the oplog, the gate,    unit.c, gate.c
 *                        blocked clients, SLOWLOG, MONITOR    block.c, slowlog.c, monitor.c
 *
 *   1. one command, one EXEC, one script is one unit: its effects reach the oplog together, and nobody
 *      else's command runs in between
 *   2. keys that became ready are served when the unit ended, before any other request runs
 *   3. a reply that depends on a write is noted at the gate as soon as its unit has ended
 *
 * Owner: main, through serve_new/serve_free.
 */
#ifndef HF_NODE_SERVE_SERVE_H
#define HF_NODE_SERVE_SERVE_H

#include "common/metrics/metrics.h"
#include "common/serve/service.h"
#include "node/insight/info.h"
#include "node/serve/confirm.h"
#include "node/serve/evict.h"
#include "node/serve/gate.h"
#include "node/serve/group.h"
#include "node/serve/key_list.h"
#include "node/serve/own_keys.h"
#include "node/serve/rates.h"
#include "node/serve/unit.h"

struct latency;
struct node_world;
struct queued;
struct shutdown;
struct slowlog;

struct node_session {
    struct session base;
    struct gate_client gate;
    struct queued *queue, **queue_end; /* MULTI */
    int queue_count;
    size_t queue_bytes;
    uint32_t queue_flags;        /* of all queued rows together */
    uint32_t queue_lacks;        /* flags that some queued row lacks */
    bool queue_spoilt;           /* a command was refused: EXEC will abort */
    struct list watched;         /* key_waiter of serve->watches, */
    size_t watched_count;        /* so many */
    struct list blocked;         /* key_waiter of serve->blocks */
    struct list waits;           /* of serve->ack_waiters */
    struct list monitor;         /* of serve->monitors */
    ev_timer timeout;            /* of a blocking command */
    struct migration *migration; /* of a running MIGRATE; NULL: none */
    bool orders;                 /* a sentinel's, which says HF: it is never */
    bool dismissed;              /* it talked to a leader that is none any more (group.h) */
    bool trying;                 /* the held request runs again, */
    struct bytes woken_by;       /* for this key; at NULL: for another reason */
    struct buf note;             /* of the request that waits: struct call's */
    uint64_t wrote;              /* tip of the oplog after its last command: what WAIT waits for */
};

struct serve {
    struct node_world *world;
    struct service *service;
    struct gate gate;
    struct confirm confirm; /* what replies wait for there, when it is others' copies */
    struct serve_group group;
    struct unit unit;
    struct buf effects;      /* of the running call */
    struct session *running; /* whose command runs; NULL: a timer, or the stream */
    struct key_list watches; /* owners: node_session */
    struct key_list blocks;  /* owners: node_session */
    struct list ready;       /* key_place of blocks, to be served */
    bool serving_ready;
    struct list ack_waiters; /* sessions in WAIT */
    bool acks_came;
    struct list work_waiters; /* sessions in MIGRATE */
    struct list monitors;
    struct list
        walk_waiters;    /* sessions, held until the snapshot walk has passed what they change */
    uint64_t walk_news;  /* keyspace_walk_news as they last looked */
    uint64_t walk_waits; /* units held so, ever */
    struct slowlog *slowlog;
    struct latency *latency;
    struct evict evict;
    struct own_keys own_keys; /* of a writable follower */
    ev_timer expire;
    int64_t expire_next_ms;    /* wall time the timer was set for */
    uint64_t expire_looked_ms; /* when it came last */
    uint64_t changes;          /* of the data set, ever */
    uint64_t changes_before;   /* as the running call began */
    uint64_t silent_changes;   /* changes to come that an expired key's own effect tells */
    uint64_t blocked_count;
    struct rates rates;
    struct shutdown *shutdown;
    const char
        *busy_text; /* a script runs for long: the answer to what is not allowed now; NULL: none */
};

/* Needs everything in world but info; puts service and serve in, and takes the hooks of keyspace and
 * replica. */
struct serve *serve_new(struct node_world *w);
void serve_free(struct serve *v); /* NULL does nothing */
/* Who leads, whether writes are paused, or whether the group takes any has changed. */
void serve_settle_role(struct serve *v);

static inline struct node_session *node_session_of(struct session *s)
{
    return (struct node_session *)s;
}

/* What it changed as Redis counts it: elements, for most of what takes several. keys: that changed. */
uint64_t serve_changes_of(const struct call *c, uint64_t keys);

/* Runs one call outside of a session's own dispatch (inside EXEC, from the stream): the handler, its
 * effects, statistics. The caller holds a unit open. *now_us is when it begins, and then when it ended. False: it
 * answered with an error, which is counted as its own and not as the caller's. */
bool serve_run_inner(struct serve *v, struct call *c, uint64_t *now_us);

/* As the running unit began: memory was full and nothing could leave. Commands that may grow are not to be
 * run from inside it by a script; serve has refused them from outside. */
bool serve_memory_full(const struct serve *v);

/* Everything the node serves besides the data types: rows for the command table. */
extern const struct command serve_multi_rows[];   /* multi exec discard watch unwatch */
extern const struct command serve_cluster_rows[]; /* cluster */
extern const struct command serve_node_rows[];    /* wait monitor shutdown time debug module */
extern const struct command serve_migrate_rows[]; /* migrate */
extern const struct command serve_lolwut_rows[];  /* lolwut */
extern const struct command serve_insight_rows[]; /* slowlog latency */
extern const struct info_part serve_info_parts[];
extern const struct metric serve_metrics[];

#endif
