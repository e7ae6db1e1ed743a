/*
 * group_link - the stream between the nodes of a durable group: node/durable decides, this obeys and tells.
 *
 *     follower                                                     leader
 *       SAY SYNC: dials, greets as for PSYNC, then
 *       HF SYNC … attach did boot at history            ------->   hear
 *       hear   <-------   HF CONTINUE, PAYLOAD, FULL, SHRINKFIRST, STALE …
 *              <-------   +CONTINUE id, or +FULLRESYNC id offset and the payload, as after a PSYNC,
 *                         and the stream (STREAM, PAYLOAD)
 *       hear   <-------   REPLCONF HFBEAT epoch seq commit level           between two units, in no offset
 *              ------->   REPLCONF HFACK epoch did mem os fsync beat       hear
 *
 * The words of HF are node/durable/talk_wire.h's. HFBEAT and HFACK are said many times a second, so what a connection has
 * said in its HF SYNC (group, ends, attempt) stands for all that follow on it.
 *
 *   1. one stream per connection, and the newest attempt of a node is the one that counts: a newer one ends the
 *      connection of an older one, of which nothing is told any more
 *   2. hooks.takes is asked before anything of a stream or payload is taken; what does not count is dropped, and its
 *      connection with it
 *   3. HFEPOCH is the first command of an epoch, counted in offsets and never inside a unit; marked is called before it
 *      is part of our stream. It is an aside: the file has no such command, and its notes say where the stream stands
 *   4. who neither leads nor follows (group_link_rest) executes and expires nothing of its own: offsets move by the
 *      stream and by MARK only
 *   5. a hook has been obeyed when it returns, with everything of its step that waits for the disk. It may call what is
 *      declared here; an event is never told from within another
 *
 * Owner: struct replica. Until group_link_begin nothing here is in use, and the node is a plain one. Plain followers
 * (PSYNC) of a bound node are served as ever; they count for nothing.
 * Cost: of a talk O(members), of a turn O(1); nothing per command.
 */
#ifndef HF_NODE_REPLICA_GROUP_LINK_H
#define HF_NODE_REPLICA_GROUP_LINK_H

#include "node/durable/talk.h"
#include "node/replica/failover.h"

struct call;
struct replica;

/* Events of node/durable/durable.h; none may be NULL. */
struct group_link_hooks {
    void *arg;
    void (*hear)(void *arg, const struct talk *t);
    bool (*takes)(void *arg, uint64_t epoch, uint64_t attach); /* durable_takes */
    void (*marked)(void *arg, uint64_t epoch, uint64_t at);
    void (*loading)(void *arg);
    void (*loaded)(void *arg, const struct history *h, uint64_t at);
    void (*link_down)(void *arg, uint64_t node);
    /* Once in a turn of the loop in which any of them moved, before it sleeps: the end of the data, of its file,
     * and of what is fsynced of that. Without an append only file the last two are 0. Also once it fails, or no more. */
    void (*moved)(void *arg, uint64_t at, uint64_t written, uint64_t synced);
    /* FAILOVER, to the member `node` or to the best of them (0), for at most so long (0: for ever). NULL: it is on its
     * way; or the error. And FAILOVER ABORT, likewise. And how it stands. */
    const char *(*hand_over)(void *arg, uint64_t node, uint64_t for_ms);
    const char *(*keep_lead)(void *arg);
    enum failover_state (*handing)(void *arg);
};

/* The oplog counts from now on, whoever reads it: to be called before the offset is looked at for a group that may
 * bind this node. Does nothing the second time. */
void group_link_prepare(struct replica *r);
/* A group has bound this node, before any of its actions is obeyed. PSYNC, REPLICAOF's leader and HF-DEMAND are over.
 * hooks is borrowed for good. */
void group_link_begin(struct replica *r, const struct group_link_hooks *hooks);
bool group_link_bound(const struct replica *r);
/* Neither leads nor follows: a start that may not, and DURABLE_DEMOTE. */
void group_link_rest(struct replica *r);

/* ---- actions ---- */

/* DURABLE_SAY; at: the place of the node it is said to, by the newest charter. SYNC begins to follow that node. What
 * finds no connection is lost. */
void group_link_say(struct replica *r, const struct talk *t, const struct place *at);
/* DURABLE_STREAM, DURABLE_PAYLOAD (h: our history, copied), behind the talk that promises it. */
void group_link_stream(struct replica *r, uint64_t node, uint64_t attach, uint64_t offset);
void group_link_payload(struct replica *r, uint64_t node, uint64_t attach, const struct history *h);
void group_link_detach(struct replica *r, uint64_t node); /* DURABLE_DETACH; 0: everybody */
/* DURABLE_MARK: leads from here on, under a new replication id; a unit that is not whole is dropped. */
void group_link_mark(struct replica *r, uint64_t epoch, uint64_t bytes);
/* DURABLE_CUT: what is behind offset are marks, of which the file knows by its notes alone. */
void group_link_cut(struct replica *r, uint64_t offset);
/* DURABLE_DROP: no keys, offset 0, and nothing in the append only file once its new base stands. Until then a start
 * finds the old data, which meta.resyncing tells apart. */
void group_link_drop(struct replica *r);

/* ---- the stream that is kept ---- */

/* Everything from offset on stays while we lead (durable_needs); what is gone already is gone. */
void group_link_hold(struct replica *r, uint64_t offset);
uint64_t group_link_first(const struct replica *r); /* durable_trimmed */

/* HF SYNC and STALE of another node. */
void group_link_command(struct call *c);

#endif
