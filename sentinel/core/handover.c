#include "sentinel/core/handover.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "sentinel/core/node.h"

enum {
    ACK_PERIOD_MS = 1000, /* of a Redis follower */
    ACK_AHEAD_MS = 100,   /* writes are held this long before the next one is due */
    ACK_SEEN_MS = 50,     /* two INFOs further apart do not tell when it came */
    NUDGE_MS = 5,
    QUIET_MS = 150,  /* a leader whose offset stands still for so long is not written to */
    GRACE_MS = 1000, /* for the leader to take it back by itself */
};

bool handover_is_possible(const struct group *g)
{
    const struct node *leader = g->leader;

    return g->failover.planned && node_is_up(leader) && leader->role_reported == ROLE_LEADER &&
           leader->facts.has_failover && !g->failover.force_old_way;
}

/* At most once a NUDGE_MS. */
static void nudge(struct sentinel *s, struct failover *f, const struct node *chosen,
                  struct actions *out)
{
    if (f->nudged_ms > 0 && s->now_ms < f->nudged_ms + NUDGE_MS)
        return;
    f->nudged_ms = s->now_ms;
    act(out, ACT_NUDGE, chosen->id);
}

static bool heeds(struct failover *f, const struct node *chosen)
{
    if (chosen->acked_until_ms <= f->since_ms || chosen->acked_until_ms == f->ack_ms)
        return f->heeds;
    if (f->ack_ms > 0 && chosen->acked_until_ms < f->ack_ms + ACK_PERIOD_MS / 2)
        f->heeds = true;
    f->ack_ms = chosen->acked_until_ms;
    return f->heeds;
}

/*
 * A plain Redis that holds its writes waits for the follower's acknowledgement of the last one, which a
 * Redis follower sends once a second, and when nudged (ACT_NUDGE). Nudges may not get through: another
 * network, a user without REPLCONF. So they are tried first: once the leader's INFO has shown two
 * acknowledgements nearer to each other than a second, the hold may begin at any time and lasts a few round
 * trips. Otherwise it begins shortly before the next one is due, and lasts a tenth of a second. A leader
 * that writes nothing has nothing to wait for; ours asks its followers itself.
 */
uint64_t handover_moment_ms(struct sentinel *s, struct group *g, const struct node *chosen,
                            struct actions *out)
{
    struct failover *f = &g->failover;
    const struct node *leader = g->leader;

    if (leader->facts.holdfast)
        return s->now_ms;
    nudge(s, f, chosen, out);
    if (heeds(f, chosen))
        return s->now_ms;
    if (chosen->acked_ms >= f->since_ms && chosen->acked_until_ms <= chosen->acked_ms + ACK_SEEN_MS)
        return chosen->acked_ms + ACK_PERIOD_MS - ACK_AHEAD_MS;
    if (leader->info_ms > f->since_ms + QUIET_MS &&
        s->now_ms > leader->offset_changed_ms + QUIET_MS &&
        chosen->acked_offset == leader->facts.offset)
        return s->now_ms;
    return f->since_ms + HANDOVER_WATCH_MS;
}

void handover_hurry(struct sentinel *s, struct group *g, const struct node *chosen,
                    struct actions *out)
{
    if (g->failover.handover && !g->leader->facts.holdfast)
        nudge(s, &g->failover, chosen, out);
}

void handover_send(struct sentinel *s, struct group *g, struct node *chosen, struct actions *out)
{
    struct failover *f = &g->failover;
    uint64_t hold_ms = g->set.failover_timeout_ms;
    struct action *a = act(out, ACT_FAILOVER, g->leader->id);

    if (hold_ms > HANDOVER_MS)
        hold_ms = HANDOVER_MS;
    a->addr = chosen->shown.port ? chosen->shown : chosen->addr;
    a->timeout_ms = hold_ms;
    a->tag = f->epoch;
    f->handover = true;
    f->deadline_ms = s->now_ms + hold_ms + GRACE_MS;
}

bool handover_was_taken_back(const struct group *g, const struct node *chosen)
{
    const struct failover *f = &g->failover;
    const struct node *leader = g->leader;

    return f->handover && f->command_done && leader->info_ms > f->since_ms + HANDOVER_MS &&
           leader->role_reported == ROLE_LEADER && !leader->facts.failover_running &&
           chosen->info_ms > f->since_ms + HANDOVER_MS;
}

void handover_tidy(struct group *g, const struct node *chosen, struct actions *out)
{
    act(out, ACT_TIDY, g->leader->id)->kill = true;
    act(out, ACT_TIDY, chosen->id);
}

static bool error_is(struct bytes error, const char *prefix)
{
    size_t len = strlen(prefix);

    return error.len >= len && strncasecmp(error.at, prefix, len) == 0;
}

enum handover_answer handover_answered(struct sentinel *s, struct node *leader, bool ok,
                                       struct bytes error)
{
    if (ok)
        return HANDOVER_STARTED;
    if (error_is(error, "ERR unknown command")) {
        leader->facts.has_failover = false;
        return HANDOVER_UNKNOWN;
    }
    if (error_is(error, "NOPERM")) {
        snprintf(leader->denied, sizeof leader->denied, "%.*s", (int)error.len, error.at);
        leader->denied_ms = s->now_ms;
    }
    return HANDOVER_REFUSED;
}
