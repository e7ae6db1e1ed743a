/*
 * failover - the FAILOVER command as a pure step function: writes are held, a follower catches up, and
 * leadership is handed to it by PSYNC … FAILOVER.
 *
 *     NONE --start--> WAIT_SYNC --a follower has everything--> HANDOVER --taken--> NONE, as its follower
 *                         |  deadline, with FORCE --------------^  |
 *                         \--deadline, or ABORT--> NONE            \--refused, or ABORT--> NONE, leading
 *
 * The driver holds writes from start to NONE, and tells whether the target (or, without one, anybody)
 * has acknowledged everything.
 */
#ifndef HF_NODE_REPLICA_FAILOVER_H
#define HF_NODE_REPLICA_FAILOVER_H

#include "common/err.h"

enum { FAILOVER_HOST_MAX = 256 };

enum failover_state { FAILOVER_NONE, FAILOVER_WAIT_SYNC, FAILOVER_HANDOVER };

enum failover_act {
    FAILOVER_DO_NOTHING,
    FAILOVER_DO_FOLLOW, /* host and port: become its follower with PSYNC … FAILOVER */
    FAILOVER_DO_ABORT,  /* release the writes, and nothing has happened */
};

struct failover {
    enum failover_state state;
    bool targeted, force;
    char host[FAILOVER_HOST_MAX];
    int64_t port;
    uint64_t deadline_ms; /* 0: none */
};

/* host NULL: whoever catches up first. timeout_ms 0: for ever. */
void failover_start(struct failover *f, const char *host, int64_t port, bool force,
                    uint64_t timeout_ms, uint64_t now_ms);
/* host and port of a follower that has everything (the target, if there is one); NULL: nobody yet. */
enum failover_act failover_step(struct failover *f, uint64_t now_ms, const char *host,
                                int64_t port);
void failover_end(struct failover *f);
uint64_t failover_wake_ms(const struct failover *f);
/* As INFO says it. */
const char *failover_word(enum failover_state state);

#endif
