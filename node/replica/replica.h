/*
 * replica - who leads, who follows, and how far everybody is.
 *
 *     leader side                                   follower side
 *     PSYNC --can continue?--> cursor on the oplog  dial, handshake (upstream.h, no I/O),
 *        \--no--> snapshot walk, then the cursor    full or partial, then the stream into
 *     REPLCONF ACK -> acknowledged offsets          serve's apply, and unchanged into the oplog
 *
 *   1. the oplog is the stream of this node whoever leads: a follower passes its leader's bytes on under
 *      the same id and offsets, and adds nothing of its own
 *   2. a follower's offset moves only at the end of a unit (a command outside MULTI, or EXEC)
 *   3. a full sync is loaded beside the old data, which serves until the new set has arrived whole; what
 *      breaks off leaves the old data in place
 *   4. a leader that restarted empty empties nobody (README.md has the rule)
 *
 * Owner: main, through replica_new/replica_free. Loop thread only.
 */
#ifndef HF_NODE_REPLICA_REPLICA_H
#define HF_NODE_REPLICA_REPLICA_H

#include "common/bytes.h"
#include "common/command.h"
#include "common/metrics/metrics.h"
#include "node/insight/info.h"
#include "node/replica/demand.h"

struct node_world;
struct replica;

enum {
    REPLICA_WATCH_MS = 300 * 1000,
    REPLICA_WATCH_AGE_MS_MIN = 100, /* no bound is asked for more strictly */
    REPLICA_HTTP_AGE_MS = 3000,     /* provable wherever HTTP is on */
};

/* What others want to hear; any may be NULL. */
struct replica_hooks {
    void *arg;
    void (*role_changed)(void *arg, bool follower);
    void (*acked)(void *arg);             /* some follower acknowledged more: WAIT looks again */
    void (*demanded)(void *arg, bool on); /* replica_set_demand was called */
    void (*kept)(void *arg);              /* replica_kept may tell more */
    void (*heard)(void *arg, const struct replica_ack *ack); /* of whatever copy */
};

struct replica *replica_new(struct node_world *w);
void replica_free(struct replica *r); /* NULL does nothing */
void replica_set_hooks(struct replica *r, const struct replica_hooks *hooks);
/* The settings are read and the file is loaded: begins to follow where `replicaof` says so. */
void replica_start(struct replica *r);

/* ---- what serve asks before it runs something ---------------------------------------------- */

bool replica_is_follower(const struct replica *r);
/* Follower and the stream flows. */
bool replica_link_up(const struct replica *r);
/* Follower, and its data may be older than replica-max-staleness-ms. */
bool replica_too_old(const struct replica *r);
/* How old a follower's data can be; UINT64_MAX: nobody knows (freshness.h). */
uint64_t replica_age_ms(const struct replica *r);
/* Somebody looks at that age now and again: for the next REPLICA_WATCH_MS it is kept provable to this bound. */
void replica_watch_age(struct replica *r, uint64_t bound_ms);
/* A full copy of the leader's data is on its way here. */
bool replica_syncing(const struct replica *r);
/* Of those that the link to the leader uses. */
void replica_settings_changed(struct replica *r);
/* service_paused may answer something else now: the leader's stream is paused with all clients. */
void replica_pause_changed(struct replica *r);
/* Cuts the link to the leader, which is dialled again. False: there is none with these addresses as CLIENT KILL
 * has them; at NULL: any. */
bool replica_drop_link(struct replica *r, struct bytes addr, struct bytes laddr);
/* min-replicas-to-write is met (always, where it is off or we follow). */
bool replica_enough_followers(const struct replica *r);

/* A full sync is being loaded beside the data set. */
bool replica_loading(const struct replica *r);
/* One is being made, for followers of ours. */
bool replica_sends_data_set(const struct replica *r);
/* Of payloads that followers have not taken, or that are not freed yet. */
uint64_t replica_payload_bytes(const struct replica *r);

/* CONFIG RESETSTAT: the counters of syncs. */
void replica_reset_stats(struct replica *r);

/* ---- WAIT ----------------------------------------------------------------------------------- */

/* Followers that acknowledged at least this offset. */
int64_t replica_acked(const struct replica *r, uint64_t offset);
/* WAITAOF: that have it on their disks. */
int64_t replica_synced(const struct replica *r, uint64_t offset);
/* Our own file has more of the stream: our leader may wait for it, or our clients. */
void replica_file_moved(struct replica *r);
/* Asks every follower for an acknowledgement now (REPLCONF GETACK * into the stream), at most once a turn. */
void replica_ask_acks(struct replica *r);

/* ---- what replies wait for (demand.h has the rules, acks.c the words) -------------------------- */

/* Whose copies are to have what a reply tells of, and how well kept; KEEP_ASYNC: nobody's. Offsets count from here
 * on, whether there are followers or not. Of our own copy the file counts like any other's. */
void replica_set_demand(struct replica *r, const struct replica_demand *who);
const struct replica_demand *replica_demands(const struct replica *r); /* NULL: nobody's */
/* All of them have everything up to here. Goes back where a demand asks for more copies than before. */
uint64_t replica_kept(struct replica *r);
/* Says HFBEAT to every follower that understands it, behind what the stream holds now, without waiting for the next
 * one to be due: whoever answers it still followed us when it came. */
void replica_beat(struct replica *r);
/* What connected followers last said of their copies, at most max of them. */
uint32_t replica_copies(const struct replica *r, struct replica_ack *out, uint32_t max);
/* Name of our own data set: drawn at start and at each full sync, unless somebody knows better. */
uint64_t replica_did(const struct replica *r);
void replica_set_did(struct replica *r, uint64_t did);

/* Every follower has everything (SHUTDOWN waits for it, as FAILOVER does). */
bool replica_all_caught_up(const struct replica *r);
/* For the log: who is behind, and how many are not. */
void replica_tell_lagging(const struct replica *r);

/* ---- for persist ---------------------------------------------------------------------------- */

/* What an RDB says about replication: id, offset and the database that the stream has selected. */
struct replica_position {
    char id[41];
    uint64_t offset;
    int db;
    bool known;      /* false: there is nothing to say */
    char root[41];   /* id under which this line of histories began; empty: nobody told */
    bool born_empty; /* it began with an empty data set: see README.md */
};
void replica_position(const struct replica *r, struct replica_position *out);
/* The same, read from a file at start; NULL: there was none. */
void replica_restore(struct replica *r, const struct replica_position *position);

extern const struct command
    replica_rows[]; /* psync sync replconf replicaof slaveof role failover */
extern const struct command replica_debug_subs[]; /* hf-demand change-repl-id */
extern const struct info_part replica_info_parts[];
extern const struct metric replica_metrics[];

#endif
