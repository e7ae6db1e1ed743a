/*
 * standing - what follows from a step of the core for everybody else: what clients may do, how well the file is to keep
 * what comes, what of the stream stays, and when the core is to be called again.
 */
#include "common/clock.h"
#include "node/durable/membership_room.h"
#include "node/persist/aof.h"
#include "node/replica/group_link.h"
#include "node/serve/serve.h"

enum { HANDS_MS = 100 }; /* for a new leader to serve: milliseconds as a rule */

static const char *const refusals[REFUSAL_COUNT] = {
    [REFUSES_READONLY] = GROUP_READONLY,
    [REFUSES_MASTERDOWN] = "MASTERDOWN No leader of this node's durable group is known to be in "
                           "force here",
    [REFUSES_NOREPLICAS] = "NOREPLICAS Not enough good replicas to write.",
    [REFUSES_MISCONF] = "MISCONF Errors writing to the append only file, without which this node "
                        "acknowledges nothing",
};

static struct group_answer answer_of(enum refusal r)
{
    return (struct group_answer){ .error = refusals[r], .held = r == REFUSES_HELD };
}

void standing_dismiss(struct membership *m)
{
    bool pauses = m->w->serve->group.pausing;

    m->hands_until_ms = pauses ? clock_now_ms() + HANDS_MS : 0;
    group_dismiss(m->w->serve, pauses);
}

/* Sent away before the new leader serves they would only come back, for sentinels name it when it does. */
static bool hands_over(struct membership *m)
{
    const struct durable *d = &m->core;

    if (m->hands_until_ms == 0)
        return false;
    if (d->role < NODE_LEADER && !durable_leader_serves(d) && clock_now_ms() < m->hands_until_ms)
        return true;
    m->hands_until_ms = 0;
    group_refuse_dismissed(m->w->serve); /* whatever else holds them, too */
    return false;
}

static void answer_clients(struct membership *m)
{
    const struct durable *d = &m->core;
    bool pauses = d->handoff.state != HANDOFF_NONE || hands_over(m);
    struct group_answer writes = answer_of(durable_refuses_write(d, clock_now_ms()));

    if (pauses)
        writes.held = false; /* the pause holds them, and what changes by itself */
    group_answers(m->w->serve, writes, answer_of(durable_refuses_read(d, clock_now_ms())), pauses);
}

/* Alone, a leader releases by its own fsync; who takes another data set counts once that is on the disk. */
static enum keep wanted_of_file(const struct durable *d)
{
    struct effective eff[CHARTER_MEMBERS_MAX + 1];
    enum keep level = d->role == NODE_FOLLOWER ? d->beat_level : d->meta.seen.level;

    if (d->raise_at != 0) /* a stronger level is believed once all of this is fsynced */
        return KEEP_FSYNC;
    if (d->role == NODE_WAITING || (d->role == NODE_ACTIVE && level == KEEP_ASYNC))
        return KEEP_ASYNC;
    if (d->role == NODE_FOLLOWER)
        return d->meta.resyncing ? KEEP_FSYNC : level;
    return d->meta.solo || (d->terms->solo && durable_eff(d, eff) == 1) ? KEEP_FSYNC : level;
}

static void arm(struct membership *m)
{
    uint64_t at_ms = durable_wake_ms(&m->core), now_ms = clock_now_ms();

    if (m->hands_until_ms != 0 && m->hands_until_ms < at_ms)
        at_ms = m->hands_until_ms;
    ev_timer_stop(m->w->loop, &m->wake);
    if (at_ms == UINT64_MAX)
        return;
    ev_timer_set(&m->wake, at_ms > now_ms ? (double)(at_ms - now_ms) / 1000. : 0.001, 0.);
    ev_timer_start(m->w->loop, &m->wake);
}

/* The level of an active leader fell to async, or rose again: then all that came meanwhile is waited for. */
static void open_or_close(struct membership *m)
{
    const struct durable *d = &m->core;
    bool open = d->role == NODE_ACTIVE && d->meta.seen.level == KEEP_ASYNC;

    if (LIKELY(open == m->open))
        return;
    m->open = open;
    if (open) {
        confirm_group_opens(m->w->serve);
    } else if (d->role >= NODE_LEADER) {
        confirm_group_leads(m->w->serve);
        confirm_release(m->w->serve, d->commit);
    }
}

/* A node in no group serves whom it likes, unless it has lost its group with its disk. */
static void stand_alone(struct membership *m)
{
    struct group_answer all =
        answer_of(membership_awaits(m) ? REFUSES_MASTERDOWN : REFUSES_NOTHING);

    group_answers(m->w->serve, all, all, false);
}

void standing_settle(struct membership *m)
{
    if (!m->bound) {
        stand_alone(m);
        return;
    }
    relief_settle(m);
    open_or_close(m);
    answer_clients(m);
    aof_require(m->w->aof, wanted_of_file(&m->core));
    if (m->core.role >= NODE_LEADER)
        group_link_hold(m->w->replica, durable_needs(&m->core));
    arm(m);
}
