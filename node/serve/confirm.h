/*
 * confirm - what each reply, push and event depends on, while other copies' acknowledgement is demanded, and what
 * becomes of them where it does not come.
 *
 *     a write, EXEC, a script            the end of its unit in the stream
 *     a read, a write that did nothing   the last write of the keys that it names (last_writes.h)
 *     a read that names no keys          all that was written before it: DBSIZE, KEYS, SCAN, RANDOMKEY, SORT … BY
 *     EXEC that WATCH made fail          the last write of the watched keys
 *     invalidations, keyspace events     the unit that they tell of
 *     everything else                    nothing, but its place behind what its client waits for:
 *                                        PUBLISH and its messages, MONITOR, INFO, PING
 *
 *   1. what depends on an offset leaves once every demanded copy has it (gate.h); a copy that is lost releases
 *      nothing
 *   2. while the oldest thing that is not acknowledged is older than hf-stall-refuse, writes are refused before
 *      they run; who has waited for hf-confirm-timeout is closed without an answer, since nobody can say
 *      whether it was done
 *   3. a node that stops leading closes whoever waits: they are told nothing, least of all an error
 *   4. in a durable group hf-read-mode says what one that changed nothing depends on besides: `committed` nothing,
 *      `confirm` an answer of all others to a beat said since, `local` not even the last write
 *
 * Owner: embedded in serve. Cost: while nothing is demanded a branch where a command ends, where a key
 * changes and where a push is written; else a hash for each key of a command.
 */
#ifndef HF_NODE_SERVE_CONFIRM_H
#define HF_NODE_SERVE_CONFIRM_H

#include "node/serve/last_writes.h"

struct call;
struct node_session;
struct resp_glance;
struct serve;
struct session;

struct confirm {
    bool on;
    bool
        by_group; /* a durable group says what may leave; it also sees stalls, and closes waiters */
    uint64_t released; /* by_group: up to here */
    bool refuses;      /* rule 2 */
    bool telling;      /* a keyspace event is being delivered */
    struct last_writes keys;
    uint64_t functions;            /* the end of the last unit that changed Lua functions */
    bool functions_changed;        /* the running unit did */
    uint64_t reads;                /* offset that what the running unit has read depends on */
    bool has_read;                 /* it did read */
    uint64_t looked_for, since_ms; /* the stream's end as it was then, not acknowledged since */
};

void confirm_fini(struct serve *v);

/* ---- what runs; only while on ---- */

/* A pipeline is about to run: as service_ops has it. */
void confirm_ahead(const struct serve *v, const struct resp_glance *glances, int count);
/* One command of a unit has run. */
void confirm_inner(struct serve *v, const struct call *c);
/* EXEC found a watched key of this session changed. */
void confirm_watched(struct serve *v, const struct node_session *s);
void confirm_changed(struct serve *v, struct bytes key);
void confirm_changed_all(struct serve *v);
/* The unit has ended; moved: it is in the stream. Its reply is written, or it waits for something. */
void confirm_unit_ended(struct serve *v, struct node_session *s, const struct call *c, bool moved);

/* ---- at any time ---- */

/* service_ops: something was written for s that it did not ask for now. */
void confirm_told(struct session *s, bool invalidation);
/* replica_hooks: replica_set_demand; replica_kept moved. */
void confirm_demanded(void *serve, bool on);
void confirm_kept(void *serve);
void confirm_turn_ended(struct serve *v);
/* Of a durable group's leader: replies wait from now on until they are released, and nothing is yet. */
void confirm_group_leads(struct serve *v);
void confirm_release(struct serve *v, uint64_t offset);
/* It leads on at level async: nothing waits, and what waited leaves. */
void confirm_group_opens(struct serve *v);
void confirm_answered(struct serve *v, uint64_t beat);
/* At the end of a turn: says a beat if somebody asked for one; 0: nobody did. */
uint64_t confirm_beat(struct serve *v);
/* This node follows from now on. */
void confirm_deposed(struct serve *v);
/* Whoever waits at the gate learns as much as from a process that died. */
void confirm_close_waiters(struct serve *v);

#endif
