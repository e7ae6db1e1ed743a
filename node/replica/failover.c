#include "node/replica/failover.h"

#include <stdio.h>

void failover_start(struct failover *f, const char *host, int64_t port, bool force,
                    uint64_t timeout_ms, uint64_t now_ms)
{
    *f = (struct failover){ .state = FAILOVER_WAIT_SYNC,
                            .targeted = host != NULL,
                            .force = force,
                            .port = port,
                            .deadline_ms = timeout_ms ? now_ms + timeout_ms : 0 };
    if (host)
        snprintf(f->host, sizeof f->host, "%s", host);
}

static enum failover_act hand_over(struct failover *f, const char *host, int64_t port)
{
    if (!f->targeted) {
        snprintf(f->host, sizeof f->host, "%s", host);
        f->port = port;
    }
    f->state = FAILOVER_HANDOVER;
    return FAILOVER_DO_FOLLOW;
}

enum failover_act failover_step(struct failover *f, uint64_t now_ms, const char *host, int64_t port)
{
    if (f->state != FAILOVER_WAIT_SYNC)
        return FAILOVER_DO_NOTHING;
    if (host)
        return hand_over(f, host, port);
    if (!f->deadline_ms || now_ms < f->deadline_ms)
        return FAILOVER_DO_NOTHING;
    if (f->force) { /* to the target, which FORCE cannot be without */
        f->state = FAILOVER_HANDOVER;
        return FAILOVER_DO_FOLLOW;
    }
    failover_end(f);
    return FAILOVER_DO_ABORT;
}

void failover_end(struct failover *f)
{
    *f = (struct failover){ 0 };
}

uint64_t failover_wake_ms(const struct failover *f)
{
    return f->state == FAILOVER_WAIT_SYNC && f->deadline_ms ? f->deadline_ms : UINT64_MAX;
}

const char *failover_word(enum failover_state state)
{
    static const char *const words[] = {
        [FAILOVER_NONE] = "no-failover",
        [FAILOVER_WAIT_SYNC] = "waiting-for-sync",
        [FAILOVER_HANDOVER] = "failover-in-progress",
    };

    return words[state];
}
