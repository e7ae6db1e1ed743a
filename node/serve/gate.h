/*
 * gate - replies leave only when what they depend on is acknowledged.
 *
 *     client A   out: [ answered .... | until 900 | until 1200 ]   FIFO of (bytes end, offset)
 *     client B   out: [ answered ................ | until 1100 ]
 *     gate       900 A, 1100 B, 1200 A                             FIFO by offset, over all clients
 *                ^ acknowledged offsets release from the head
 *
 *   1. offsets of the global FIFO never go down from head to tail: the stream only grows
 *   2. a client's mark stands from its first note on where its first held bytes begin (what an older turn
 *      left in the socket's way may be held with them), so that no flush in the middle of a turn is early;
 *      with none noted, held or parked it is lifted
 *   3. a turn adds at most one entry per client: the last bytes end with the highest offset
 *   4. replies stay in order: what needs nothing waits behind what does
 *   5. acked is the least of what is demanded: that the file has it (as appendfsync says), that followers
 *      have it (a durable group); nothing demanded is an open gate
 *   6. who asks also waits for an answer to the beat that ends its turn: all of the group's others answered it,
 *      so that nobody else led when it asked. The queue stays one: who waits for no beat may wait behind who does
 *
 * While open (an asynchronous group) everything counts as acknowledged and the gate costs one branch.
 * Owner: embed a struct gate; a client is embedded in the session, and leaves with gate_forget.
 * Cost: O(1) per note, one entry per client and turn; a release is O(entries released).
 * Source: group commit; the protocol of durable groups.
 */
#ifndef HF_NODE_SERVE_GATE_H
#define HF_NODE_SERVE_GATE_H

#include "common/list.h"
#include "common/out.h"

enum gate_demand { GATE_FILE, GATE_FOLLOWERS, GATE_DEMANDS };

struct gate {
    bool open;                   /* true: nothing is ever parked */
    uint64_t acked;              /* acknowledged up to here, by all that is demanded */
    bool demanded[GATE_DEMANDS]; /* by whom */
    uint64_t marks[GATE_DEMANDS];
    bool asked;         /* in this turn */
    uint64_t answered;  /* beats, up to this one */
    struct list queue;  /* of gate_entry, by offset */
    struct list by_age; /* the same, as they came */
    struct list noted;  /* clients with a need noted in this turn */
    struct list held;   /* clients whose need is not known yet */
    struct gate_entry *spare;
    uint64_t parked_entries;
    void (*released)(void *arg, struct out *out); /* a mark moved on: flush that output */
    void *arg;
};

struct gate_client {
    struct list noted;  /* of gate->noted */
    struct list held;   /* of gate->held */
    struct list parked; /* its entries, oldest first */
    struct out *out;
    uint64_t needs; /* highest offset noted in this turn */
    bool asks;      /* in this turn */
};

void gate_init(struct gate *g, void (*released)(void *arg, struct out *out), void *arg);
/* Asserts that every client has left. */
void gate_fini(struct gate *g);

void gate_join(struct gate *g, struct gate_client *c, struct out *out);
/* Its parked bytes are forgotten, not released. Any number of times. */
void gate_forget(struct gate *g, struct gate_client *c);

/* What was written so far may leave when the stream is acknowledged up to offset. */
void gate_note(struct gate *g, struct gate_client *c, uint64_t offset);
/* The same, and when the beat that ends this turn is answered. */
void gate_ask(struct gate *g, struct gate_client *c, uint64_t offset);
/* The same for an offset that the end of the running unit tells. */
void gate_hold(struct gate *g, struct gate_client *c);
/* It has come: a note for everybody held. */
void gate_held_need(struct gate *g, uint64_t offset);
/* Before the links are flushed: turns notes into parked entries. beat: the one that was said for whoever asked. */
void gate_turn_ended(struct gate *g, uint64_t now_ms, uint64_t beat);
/* This beat was answered by all, and every earlier one. */
void gate_answered(struct gate *g, uint64_t beat);
/* The stream is acknowledged up to offset by this one; it never goes back. */
void gate_acked(struct gate *g, enum gate_demand by, uint64_t offset);
/* Replies wait for this one from now on, or no longer: with the last demand everything parked is
 * released. Its mark stands where gate_acked put it last. */
void gate_demand(struct gate *g, enum gate_demand by, bool on);
/* This one has nothing yet, whatever it had before; while it is not demanded. */
void gate_forget_mark(struct gate *g, enum gate_demand by);
/* Another history, which stands at offset; whoever had something parked under the old one has left. */
void gate_rewind(struct gate *g, uint64_t offset);
/* Something of this client's waits. */
bool gate_holds(const struct gate_client *c);
/* Whose bytes have waited longest, of those parked at since_ms or before that this one has not
 * acknowledged, or that wait for a beat; NULL: nobody's. */
struct gate_client *gate_overdue(const struct gate *g, enum gate_demand by, uint64_t since_ms);

void gate_check(const struct gate *g);

#endif
