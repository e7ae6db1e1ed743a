/*
 * info - what a sentinel reads out of a node's INFO: text in, struct out, nothing kept.
 *
 * Fields that a node does not print keep the values info_init gives. Unknown fields are skipped, a
 * malformed one counts as absent: a node that answers rubbish is a node without news.
 *
 * Limits: INFO_FOLLOWERS_MAX follower lines; longer lists are cut. Cost: one pass over the text.
 */
#ifndef HF_SENTINEL_CORE_INFO_H
#define HF_SENTINEL_CORE_INFO_H

#include "sentinel/core/config.h"

enum { INFO_FOLLOWERS_MAX = NODES_PER_GROUP_MAX };

enum role { ROLE_UNKNOWN, ROLE_LEADER, ROLE_FOLLOWER };

struct info_follower {
    struct bytes host; /* borrowed from the text */
    int port;
    uint64_t offset;
};

/* What is kept of a node's last INFO. */
struct facts {
    char run_id[ID_LEN + 1]; /* "" when absent */
    enum role role;
    bool holdfast;    /* server_name:holdfast */
    uint32_t version; /* redis_version a.b.c as a << 16 | b << 8 | c; 0 unknown */
    bool loading;
    bool has_failover;     /* prints master_failover_state: the FAILOVER command exists */
    bool failover_running; /* master_failover_state is anything but no-failover */
    struct addr leader;    /* master_host, master_port; port 0 when it leads */
    bool link_up;          /* master_link_status:up */
    bool syncing;          /* master_sync_in_progress:1: a full sync runs */
    uint64_t link_down_ms; /* master_link_down_since_seconds, 0 when up or unknown */
    uint32_t priority;     /* slave_priority; 100 */
    uint64_t offset;       /* slave_repl_offset of a follower, master_repl_offset of a leader */
    bool announced;        /* replica_announced; true */
    bool bound;            /* hf_group: a durable group's, whose role no SLAVEOF changes */
    char replid[ID_LEN + 1], replid2[ID_LEN + 1];
    uint64_t backlog_first; /* repl_backlog_first_byte_offset; 0 no backlog */
    uint64_t keys;          /* sum of the keyspace section */
    bool keys_known;        /* the text has a keyspace section */
};

struct info {
    struct facts facts;
    size_t follower_count;
    struct info_follower followers[INFO_FOLLOWERS_MAX];
};

void info_parse(struct info *out, struct bytes text);

const char *role_word(enum role role); /* "master", "slave"; the wire's words */

#endif
