/*
 * action - what a node's core of a durable group wants done. To be obeyed in order, each before the next.
 */
#ifndef HF_NODE_DURABLE_ACTION_H
#define HF_NODE_DURABLE_ACTION_H

#include "common/register/reg.h"
#include "common/register/report.h"
#include "node/durable/meta.h"
#include "node/durable/talk.h"

enum durable_action_kind {
    DURABLE_PERSIST, /* meta onto the disk. Nothing behind it is obeyed before it is there, and no event given */
    DURABLE_SAY,     /* talk to the node talk.to */
    DURABLE_ASK,     /* reg to the voter `to` at `at` */
    DURABLE_ANSWER,  /* receipt to `asker` */
    DURABLE_STREAM,  /* to `node`, for `attach`, from offset on and whatever follows */
    DURABLE_PAYLOAD, /* to `node`, for `attach`: a snapshot, our history, and the stream behind it */
    DURABLE_DETACH,  /* `node`, or with 0 everybody: no more stream */
    DURABLE_MARK, /* append HFEPOCH `epoch`, offset bytes of it; a unit that is not whole is dropped first */
    DURABLE_CUT, /* the data set ends at offset: what is behind are marks */
    DURABLE_DROP, /* the data set is empty, in memory and in the files; from offset on it was ours alone */
    DURABLE_RELEASE, /* replies that wait for offset or less may leave (gate_acked) */
    DURABLE_CONFIRM, /* so may reads that wait for beat `seq` or an earlier one */
    DURABLE_CLOSE,   /* whoever still waits for a release: its connection, without a reply */
    DURABLE_SERVE,   /* we are the leader, and active */
    DURABLE_DEMOTE, /* we are not any more: CLOSE, and who is held is sent on to node (0: nobody knows) */
    DURABLE_LOOKOUT, /* to all voters: nothing was heard of the leader for silent_ms (common/register/lookout.h) */
    DURABLE_ALARM, /* an operator should know; text */
    DURABLE_ACTION_COUNT
};
const char *durable_action_word(enum durable_action_kind kind);

/* What a kind needs is said above; the parts at the end are large, and each has one at most. */
struct durable_action {
    enum durable_action_kind kind;
    uint64_t to, asker, node, attach, offset, epoch, seq, silent_ms;
    const char *text; /* a constant */
    union {
        struct meta meta;
        struct talk talk;
        struct receipt receipt;
        struct {
            struct reg_message reg;
            struct place at;
        };
    };
};

/* So much of an action of this kind is there; what is behind is nothing. */
size_t durable_action_bytes(enum durable_action_kind kind);

/* Embed a zeroed one; obey in order and clear. */
struct durable_actions {
    struct durable_action *at;
    size_t count, cap;
};
struct durable_action *
durable_act(struct durable_actions *out,
            enum durable_action_kind kind); /* zeroed as far as it is there; until the next */
void durable_actions_fini(struct durable_actions *a);

#endif
