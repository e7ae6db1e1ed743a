/*
 * report - what a sentinel orders a node of a durable group to do, and what the node says of itself in every answer.
 *
 *     sentinel --order: HELLO, PING, PROMOTE, CONFIG, HANDOFF--> node --receipt, with its report--> sentinel
 *
 * Plain structs, shared by the cores of both sides; on the wire they are the node's command HF. Every order carries the
 * group's id and what its sender takes for its epoch: whoever knows better answers RECEIPT_STALE, with a report.
 *
 *   1. a report tells of one instant: its offsets belong to its did, run and position's epoch
 *   2. received >= written >= synced of one did; whoever lost what it had told makes a new did first
 *   3. a report that was late or came twice harms nobody: the receiver drops what names another run or did
 */
#ifndef HF_COMMON_REGISTER_REPORT_H
#define HF_COMMON_REGISTER_REPORT_H

#include "common/register/charter.h"

/* A place in the stream: of two, the one of the higher epoch is ahead, then the higher offset. */
struct position {
    uint64_t epoch; /* 0: before the first */
    uint64_t offset;
};

enum node_role {
    NODE_WAITING,  /* knows no leader of the newest epoch: serves nobody */
    NODE_FOLLOWER, /* of the leader of its epoch */
    NODE_LEADER,   /* promoted, and not active: executes, answers nothing */
    NODE_ACTIVE,   /* every copy that counts has acknowledged this epoch's start */
    NODE_ROLE_COUNT
};
const char *node_role_word(enum node_role role); /* waiting follower leader active */

enum node_flag {
    NODE_LOADING = 1u << 0,           /* its data set is not in memory yet */
    NODE_RESYNCING = 1u << 1,         /* its data are being replaced: no candidate */
    NODE_HOLDING = 1u << 2,           /* holds writes for a switchover */
    NODE_DISK_FAILED = 1u << 3,       /* acknowledges nothing that its file must have */
    NODE_SOLO = 1u << 4,              /* alone in sync: releases by its own fsync */
    NODE_FLAGS_FIRST = (1u << 5) - 1, /* those of wire format 1 */
    NODE_JOINS = 1u << 5,             /* (2) of no group: would join that of whom it follows */
    NODE_FLAGS_ALL = (1u << 6) - 1,
};

struct report {
    char gid[GID_LEN + 1]; /* "": bound to no group */
    uint64_t node, did;    /* identity of the node, and of its data set */
    uint64_t boot;         /* starts of this node so far */
    char run[RUN_LEN + 1]; /* identity of the process */
    enum node_role role;
    uint32_t flags;           /* enum node_flag */
    uint32_t priority;        /* replica-priority; 0: never to be promoted */
    uint64_t promised;        /* the highest epoch it has acted in */
    uint64_t ver;             /* of the newest charter it has seen; 0: none */
    struct position at;       /* the end of what it has received */
    uint64_t written, synced; /* of that, in its file, and fsynced there */
    uint64_t commit;          /* acknowledged by all whose copies count, as far as it knows */
    uint64_t loop_age_ms;     /* since its main loop last turned */
    uint64_t beat_age_ms;     /* since its leader's last beat; UINT64_MAX: never, or it leads */
    struct place follows;     /* (2) of no group: whom it follows; port 0: nobody */
    uint64_t hands_to;        /* (2) who is to lead in its stead; its own id: anybody; 0: nobody */
    uint32_t format;          /* in which it was told: not a word of it */
};

enum order_kind {
    ORDER_HELLO,
    ORDER_PING,
    ORDER_PROMOTE,
    ORDER_CONFIG,
    ORDER_HANDOFF,
    ORDER_COUNT
};
const char *order_word(enum order_kind kind); /* HELLO PING PROMOTE CONFIG HANDOFF */

struct order {
    enum order_kind kind;
    char gid[GID_LEN + 1];
    uint64_t sentinel;    /* HELLO: who asks */
    uint64_t epoch, ver;  /* PING, HANDOFF: what the sender knows */
    uint64_t seq;         /* comes back with the receipt */
    struct charter value; /* PROMOTE, CONFIG: committed */
    uint64_t
        suspects[CHARTER_MEMBERS_MAX]; /* PROMOTE: members to shrink away at once, by node id */
    uint32_t suspect_count;
    uint64_t target;     /* HANDOFF: who is to lead */
    uint64_t timeout_ms; /* HANDOFF: writes are held no longer */
};

enum receipt_kind {
    RECEIPT_OK, /* done; HANDOFF: everything is acknowledged up to the report's position, and writes are held */
    RECEIPT_STALE,    /* a higher epoch was promised */
    RECEIPT_GROUP,    /* bound to another group, or to none */
    RECEIPT_NOT_SYNC, /* its did, or its run, is not the one that the charter names */
    RECEIPT_BUSY,     /* loading, or its data are being replaced */
    RECEIPT_LAGS, /* HANDOFF: the target is too far behind, or the copies did not acknowledge in time */
    RECEIPT_COUNT
};
const char *receipt_word(enum receipt_kind kind); /* OK STALE GROUP NOTSYNC BUSYSYNC LAGS */

struct receipt {
    enum receipt_kind kind;
    uint64_t seq; /* of the order */
    struct report report;
};

/* <0, 0, >0. */
int position_cmp(struct position a, struct position b);

#endif
