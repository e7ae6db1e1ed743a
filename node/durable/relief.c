/*
 * relief - a leader that would rather have another one lead says so in its reports, and sentinels hand the lead over.
 *
 *     NONE --FAILOVER, or the disk fails--> ASKING --a sentinel's HANDOFF--> the core's handoff --> another leads: NONE
 *                                              `--ABORT, TIMEOUT, or the disk works again--> NONE
 *
 * Writes go on until the handoff, which has a timeout of its own: ASKING costs nothing. A failed disk asks where it can be
 * answered, at levels whose acknowledgements do without it; at the others nothing drains any more, and sentinels take
 * what the reports say of the disk for evidence (sentinel/core/durable).
 */
#include "common/clock.h"
#include "common/log.h"
#include "node/durable/membership_room.h"

#define U(number) ((unsigned long long)(number))

static bool has_copies(const struct durable *d)
{
    struct effective eff[CHARTER_MEMBERS_MAX + 1];

    return durable_eff(d, eff) > 1;
}

static bool is_in_sync(struct durable *d, uint64_t node)
{
    const struct member *m = charter_member(&d->meta.seen, node);

    return m && m->did != 0 && !m->observer;
}

/* Our reports say something else from now on, and whoever leads is asked for one at once. */
static void set(struct membership *m, struct relief r)
{
    m->relief = r;
    if (m->core.role >= NODE_LEADER)
        voters_call(m);
}

static void end(struct membership *m, const char *how)
{
    log_notice("failover-ended how=%s", how);
    set(m, (struct relief){ .to = 0 });
}

const char *relief_begin(void *membership, uint64_t node, uint64_t for_ms)
{
    struct membership *m = membership;
    struct durable *d = &m->core;

    if (d->role < NODE_LEADER)
        return "ERR FAILOVER is not valid when server is a replica.";
    if (m->relief.to != 0)
        return "ERR FAILOVER already in progress.";
    if (!has_copies(d))
        return "ERR FAILOVER requires connected replicas.";
    if (node != 0 && !is_in_sync(d, node))
        return "ERR FAILOVER target replica is not online.";
    log_notice("failover-started target=%llu timeout-ms=%llu", U(node), U(for_ms));
    set(m, (struct relief){ .to = node ? node : d->meta.node,
                            .until_ms = for_ms ? clock_now_ms() + for_ms : UINT64_MAX });
    return NULL;
}

/* A Redis says OK though the other one may have taken over by then. Here that is the register's to say. */
const char *relief_abort(void *membership)
{
    struct membership *m = membership;

    if (relief_state(m) == FAILOVER_NONE)
        return "ERR No failover in progress.";
    if (m->relief.by_disk)
        return "ERR FAILOVER is under way because the append only file cannot be written, and ends "
               "with that";
    if (!durable_keep_lead(&m->core, &m->pending))
        return "ERR FAILOVER cannot be aborted any more: another one may lead already";
    if (m->relief.to != 0)
        end(m, "aborted");
    obey(m);
    return NULL;
}

enum failover_state relief_state(void *membership)
{
    const struct membership *m = membership;

    if (m->core.handoff.state == HANDOFF_READY)
        return FAILOVER_HANDOVER;
    return m->core.handoff.state != HANDOFF_NONE || m->relief.to ? FAILOVER_WAIT_SYNC
                                                                 : FAILOVER_NONE;
}

static bool asks_by_disk(const struct membership *m)
{
    const struct durable *d = &m->core;

    return d->role == NODE_ACTIVE && d->disk_failed && d->meta.seen.level < KEEP_OS &&
           has_copies(d);
}

void relief_settle(struct membership *m)
{
    struct relief *r = &m->relief;

    if (UNLIKELY(asks_by_disk(m)) && r->to == 0) {
        log_warning("failover-started target=0 why=\"the append only file cannot be written\"");
        set(m, (struct relief){ .to = m->core.meta.node, .until_ms = UINT64_MAX, .by_disk = true });
    }
    if (LIKELY(r->to == 0))
        return;
    if (m->core.role < NODE_LEADER)
        end(m, "another-leads");
    else if (r->by_disk && !asks_by_disk(m))
        end(m, "the-disk-works");
    else if (clock_now_ms() >= r->until_ms)
        end(m, "timeout");
}
