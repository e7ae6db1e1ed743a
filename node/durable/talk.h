/*
 * talk - what leader and followers of a durable group say to each other, besides the stream itself.
 *
 *     follower --SYNC--> leader: CONTINUE, and the stream from there | PAYLOAD: everything, and the stream behind it
 *                                | FULL: drop what you have, then ask again | SHRINK_FIRST: the same, but not yet
 *     leader --BEAT, each heartbeat and on demand--> follower --ACK, with each turn's progress--> leader
 *     any --STALE--> whoever speaks for a lower epoch
 *
 * Every one names the group, its epoch and both ends; a follower numbers its attempts to attach, and what belongs
 * to one carries that number. Duplicates, late ones and ones in the wrong order are dropped by these.
 */
#ifndef HF_NODE_DURABLE_TALK_H
#define HF_NODE_DURABLE_TALK_H

#include "common/register/charter.h"
#include "node/durable/history.h"

enum talk_kind {
    TALK_SYNC,     /* attach, did, boot, history, at: the end of what the follower holds */
    TALK_CONTINUE, /* attach; at: the stream goes on from here; end: the leader's */
    TALK_PAYLOAD,  /* attach; end */
    TALK_FULL,     /* attach; end, history: none, where the leader is of an older version */
    TALK_SHRINK_FIRST,
    TALK_STALE,
    TALK_ACK,  /* did, kept, seq: of the last beat heard */
    TALK_BEAT, /* attach, seq, commit, level */
    TALK_COUNT
};
const char *talk_word(enum talk_kind kind);

struct talk {
    enum talk_kind kind;
    char gid[GID_LEN + 1];
    uint64_t epoch;
    uint64_t from, to; /* node ids */
    uint64_t attach;
    uint64_t did, boot;
    struct history history;
    uint64_t at, end;
    uint64_t kept[KEEP_COUNT]; /* acknowledged at each level; never more than the level promises */
    uint64_t seq, commit;
    enum keep level;
};

#endif
