/*
 * lead - a leader's followers, its beats, and when a reply may leave.
 */
#include <string.h>

#include "node/durable/durable_inner.h"

/* ---- beginning --------------------------------------------------------------------------------- */

/* Invariant 3 was looked at. The mark is the first of the epoch; it is in the history before it is in the stream. */
void lead_begin(struct durable *d, struct durable_actions *out)
{
    struct charter *c = &d->meta.seen;
    struct durable_action *mark;

    d->role = NODE_LEADER;
    d->copy_count = 0;
    d->open = (struct open_grow){ 0 };
    d->unsure = false;
    d->read_at_ms = UINT64_MAX;
    for (uint32_t i = 0; i < c->member_count; i++)
        (void)eff_copy(d, c->members[i].node);
    history_cut(&d->meta.history, d->at);
    if (history_epoch(&d->meta.history) < c->epoch)
        history_add(&d->meta.history, c->epoch, d->at);
    if (!DURABLE_MUTATED(d, MUT_EPOCH_UNSAVED))
        durable_persist(d, out);
    mark = durable_act(out, DURABLE_MARK);
    mark->epoch = c->epoch;
    mark->offset = history_mark_bytes(c->epoch);
    /* What was announced may be lost, by an operator's order. */
    d->commit = d->commit < d->at ? d->commit : d->at;
    d->at += mark->offset;
    d->begun = d->at;
    d->beat_ms = d->advanced_ms = d->now_ms;
    d->closed = false;
}

void lead_suspect(struct durable *d, uint64_t node)
{
    struct copy *c = node == d->meta.node ? NULL : eff_copy(d, node);

    if (c && c->attach == 0)
        c->unwanted = true;
}

/* ---- beats ------------------------------------------------------------------------------------- */

static void beat(struct durable *d, struct durable_actions *out)
{
    d->seq++;
    d->beat_ms = d->now_ms + d->terms->heartbeat_ms;
    for (uint32_t i = 0; i < d->copy_count; i++) {
        struct talk *t;

        if (d->copies[i].attach == 0)
            continue;
        t = durable_say(d, TALK_BEAT, d->copies[i].node, out);
        t->attach = d->copies[i].attach;
        t->seq = d->seq;
        t->commit = d->commit;
        t->level = eff_level(d);
    }
}

/* Nobody was silent or gone while we slept, for we did not look: what was left of our patience is left still. And what held
 * us up may hold up those who repeat it: it grows by as much. But of a leader that is held up all the time, whoever has
 * died is to be found out, too: who has got nowhere for too long is borne no more. */
static void bear(const struct durable *d, struct copy *c, uint64_t slept_ms)
{
    uint64_t fell_asleep_ms = d->now_ms - slept_ms, left_ms = slept_ms;

    if (fell_asleep_ms >= c->due_ms + BORNE_MS_MAX)
        return;
    if (c->patient_ms > fell_asleep_ms)
        left_ms += c->patient_ms - fell_asleep_ms;
    c->patient_ms = d->now_ms + (left_ms < BORNE_MS ? left_ms : BORNE_MS);
    c->heard_ms = d->now_ms;
    if (c->lost_ms != UINT64_MAX)
        c->lost_ms = d->now_ms;
}

/* Who has everything, and said so after we woke, has nothing more to be slow about. */
static void end_patience(const struct durable *d, struct copy *c)
{
    if (c->kept[eff_level(d)] >= d->at && c->seq >= d->woke_seq)
        c->patient_ms = 0;
}

void lead_wakes_again(struct durable *d, uint64_t slept_ms, struct durable_actions *out)
{
    for (uint32_t i = 0; i < d->copy_count; i++)
        bear(d, &d->copies[i], slept_ms);
    d->advanced_ms = d->now_ms; /* nor did anything stall */
    beat(d, out);
    d->woke_ms = d->now_ms;
    d->woke_seq = d->seq;
}

/* After a gap we may be deposed: until somebody has answered, for a heartbeat at most. */
static bool is_in_doubt(const struct durable *d, uint64_t now_ms)
{
    if (now_ms >= d->woke_ms + d->terms->heartbeat_ms)
        return false;
    for (uint32_t i = 0; i < d->copy_count; i++)
        if (d->copies[i].seq >= d->woke_seq)
            return false;
    return true;
}

uint64_t durable_confirm(struct durable *d, uint64_t now_ms, struct durable_actions *out)
{
    ASSERT(d->role >= NODE_LEADER);
    if (now_ms > d->now_ms)
        d->now_ms = now_ms;
    beat(d, out);
    d->confirm = d->seq;
    lead_turn(d, out);
    return d->confirm;
}

/* ---- followers --------------------------------------------------------------------------------- */

static void attach(struct durable *d, struct copy *c, const struct talk *t)
{
    /* A start may have found less than its last life told of. */
    if (c->did != t->did || c->boot != t->boot)
        memset(c->kept, 0, sizeof c->kept);
    c->did = t->did;
    c->boot = t->boot;
    c->attach = t->attach;
    c->seq = 0;
    c->heard_ms = c->due_ms = d->now_ms;
    c->due = d->at;
    c->lost_ms = c->steady_ms = UINT64_MAX;
    c->unwanted = c->fails = false;
}

static void begin_stream(struct durable *d, struct copy *c, const struct talk *t, uint64_t from,
                         struct durable_actions *out)
{
    bool whole = t->at == 0;
    struct talk *reply = durable_say(d, whole ? TALK_PAYLOAD : TALK_CONTINUE, c->node, out);
    struct durable_action *a;

    attach(d, c, t);
    reply->attach = t->attach;
    reply->at = from;
    reply->end = d->at;
    a = durable_act(out, whole ? DURABLE_PAYLOAD : DURABLE_STREAM);
    a->node = c->node;
    a->attach = t->attach;
    a->offset = from;
}

/* Its data is not ours. While it may be elected it is not dropped: the shrink comes first. */
static void refuse_data(struct durable *d, struct copy *c, const struct talk *t,
                        struct durable_actions *out)
{
    bool counts = eff_has(d, c->node, t->did) && !DURABLE_MUTATED(d, MUT_DROPS_IN_SYNC);
    struct talk *reply = durable_say(d, counts ? TALK_SHRINK_FIRST : TALK_FULL, c->node, out);

    reply->attach = t->attach;
    reply->end = d->at;
    if (!counts)
        reply->history = d->meta.history;
    if (c->attach == 0 || c->did == t->did) /* else an earlier process says it */
        c->unwanted = counts;
}

/* One process numbers its attempts: after an outage several may come at once, in any order. */
static bool is_late(const struct copy *c, const struct talk *t)
{
    return c->attach != 0 && c->did == t->did && c->boot == t->boot && t->attach < c->attach;
}

static void hear_sync(struct durable *d, const struct talk *t, struct durable_actions *out)
{
    struct copy *c = eff_copy(d, t->from);
    uint64_t common = 0;

    if (!c || t->attach == 0 || t->did == 0 || is_late(c, t))
        return;
    if (history_common(&d->meta.history, d->at, &t->history, t->at, &common) &&
        (t->at == 0 || common >= d->first) &&
        (history_is_marks(&t->history, common, t->at) || DURABLE_MUTATED(d, MUT_CUTS_DATA)))
        begin_stream(d, c, t, common, out);
    else
        refuse_data(d, c, t, out);
}

/* Nothing, where there was something: its disk has failed (follow.c), and waiting is in vain. A late word says neither. */
static void look_at_disk(struct copy *c, const struct talk *t, enum keep level)
{
    if (t->seq >= c->seq && (c->kept[level] || t->kept[level]))
        c->fails = t->kept[level] == 0;
}

/* Invariant 6. */
static void hear_ack(struct durable *d, const struct talk *t)
{
    struct copy *c = eff_copy(d, t->from);
    enum keep level = eff_level(d);

    if (!c || (c->did != t->did && !DURABLE_MUTATED(d, MUT_ACK_ANY_DID)))
        return;
    look_at_disk(c, t, level);
    for (int i = 0; i < KEEP_COUNT; i++)
        if (t->kept[i] > c->kept[i])
            c->kept[i] = t->kept[i];
    if (t->seq > c->seq && t->seq <= d->seq)
        c->seq = t->seq;
    c->heard_ms = d->now_ms;
    end_patience(d, c);
    if (c->kept[level] >= c->due) {
        c->due = d->at;
        c->due_ms = d->now_ms;
    }
    if (d->at > c->kept[level] + d->terms->lag_bytes || c->kept[level] == 0)
        c->steady_ms = UINT64_MAX;
    else if (c->steady_ms == UINT64_MAX)
        c->steady_ms = d->now_ms;
}

void lead_hear(struct durable *d, const struct talk *t, struct durable_actions *out)
{
    if (t->kind == TALK_SYNC)
        hear_sync(d, t, out);
    else if (t->kind == TALK_ACK)
        hear_ack(d, t);
}

void lead_link_down(struct durable *d, uint64_t node)
{
    struct copy *c = eff_copy(d, node);

    if (!c || c->attach == 0)
        return;
    c->attach = 0;
    c->lost_ms = d->now_ms;
}

/* ---- releasing --------------------------------------------------------------------------------- */

/* Invariant 9. Alone, nothing is released between the last shared acknowledgement and the mark. */
static bool mark_solo(struct durable *d, struct durable_actions *out)
{
    uint64_t released = d->commit > d->begun ? d->commit : d->begun;

    if (d->meta.solo)
        return true;
    if (d->synced < released && !DURABLE_MUTATED(d, MUT_SOLO_UNSYNCED))
        return false;
    d->meta.solo = true;
    durable_persist(d, out);
    return true;
}

static bool others_in_sync(const struct durable *d)
{
    const struct charter *c = &d->meta.seen;

    for (uint32_t i = 0; i < c->member_count; i++)
        if (c->members[i].did != 0 && c->members[i].node != d->meta.node)
            return true;
    return false;
}

/* What we keep ourselves counts as the level says, or as the solo mark says while it stands. */
static bool ready(struct durable *d, struct durable_actions *out)
{
    if (eff_is_alone(d) && d->terms->solo && eff_level(d) != KEEP_FSYNC)
        return mark_solo(d, out);
    if (!d->meta.solo || others_in_sync(d))
        durable_ready_for(d, eff_level(d), out);
    return true;
}

static void release(struct durable *d, struct durable_actions *out)
{
    uint64_t least = ready(d, out) ? eff_least(d) : 0;

    if (least > d->commit) {
        d->commit = least;
        d->advanced_ms = d->now_ms;
        d->closed = false;
        durable_act(out, DURABLE_RELEASE)->offset = least;
    }
    if (d->commit >= d->at)
        d->advanced_ms = d->now_ms;
    if (d->role == NODE_LEADER && (d->commit >= d->begun || DURABLE_MUTATED(d, MUT_SERVES_EARLY))) {
        d->role = NODE_ACTIVE;
        durable_act(out, DURABLE_SERVE);
        durable_act(out, DURABLE_LOOKOUT)->silent_ms = 0; /* look at me: clients may be sent here */
        d->beat_ms = d->now_ms; /* so does whoever led (durable_leader_serves) */
    }
}

static void confirm(struct durable *d, struct durable_actions *out)
{
    uint64_t beaten = eff_beat(d);

    if (d->role != NODE_ACTIVE || beaten <= d->confirmed)
        return;
    d->confirmed = beaten;
    if (d->confirm != 0)
        durable_act(out, DURABLE_CONFIRM)->seq = beaten;
}

/* Nobody waits for anything then. Copies are followed, shrunk and grown all the same, for the day the level rises. */
static bool is_async(const struct durable *d)
{
    return d->meta.seen.level == KEEP_ASYNC;
}

static void close_waiting(struct durable *d, struct durable_actions *out)
{
    if (is_async(d) || d->closed || d->commit >= d->at ||
        d->now_ms < d->advanced_ms + d->terms->confirm_timeout_ms)
        return;
    d->closed = true;
    durable_act(out, DURABLE_CLOSE);
}

void lead_turn(struct durable *d, struct durable_actions *out)
{
    release(d, out);
    if (d->now_ms >= d->beat_ms)
        beat(d, out);
    confirm(d, out);
    close_waiting(d, out);
    handoff_turn(d, out);
    eff_decide(d, out);
}

uint64_t lead_wake_ms(const struct durable *d)
{
    uint64_t wake_ms = d->beat_ms;

    for (uint32_t i = 0; i < d->copy_count; i++) {
        const struct copy *c = &d->copies[i];
        uint64_t gone_ms = eff_gone_ms(d, c), silent_ms = eff_silent_ms(d, c);

        if (gone_ms > d->now_ms && gone_ms < wake_ms)
            wake_ms = gone_ms;
        if (silent_ms > d->now_ms && silent_ms < wake_ms)
            wake_ms = silent_ms;
    }
    if (d->handoff.state != HANDOFF_NONE && d->handoff.until_ms < wake_ms)
        wake_ms = d->handoff.until_ms;
    return wake_ms;
}

/* ---- clients ----------------------------------------------------------------------------------- */

static bool is_stalled(const struct durable *d, uint64_t now_ms)
{
    return d->commit < d->at && now_ms >= d->advanced_ms + d->terms->stall_refuse_ms;
}

enum refusal durable_refuses_write(const struct durable *d, uint64_t now_ms)
{
    struct effective eff[CHARTER_MEMBERS_MAX + 1];

    if (d->role == NODE_FOLLOWER)
        return REFUSES_READONLY;
    if (d->role != NODE_ACTIVE)
        return REFUSES_MASTERDOWN;
    if (d->disk_failed)
        return REFUSES_MISCONF;
    if (!is_async(d) && (durable_eff(d, eff) < d->meta.seen.min_sync || is_stalled(d, now_ms)))
        return REFUSES_NOREPLICAS;
    if (is_in_doubt(d, now_ms) ||
        (d->handoff.state != HANDOFF_NONE && !DURABLE_MUTATED(d, MUT_HOLD_LEAKS)))
        return REFUSES_HELD;
    return REFUSES_NOTHING;
}

/* Courtesy, by a clock: whoever is cut off from all the others may be deposed, and says so. */
static bool hears_nobody(const struct durable *d, uint64_t now_ms)
{
    for (uint32_t i = 0; i < d->copy_count; i++)
        if (eff_has(d, d->copies[i].node, d->copies[i].did) &&
            now_ms < d->copies[i].heard_ms + d->terms->stale_read_limit_ms)
            return false;
    return !eff_is_alone(d);
}

/* Between the data that was dropped and what takes its place there is none. */
static bool has_no_data(const struct durable *d)
{
    return d->meta.resyncing && d->follow != FOLLOW_STREAMING;
}

/* A follower's reads are its own matter: what they show is old, and never wrong. */
enum refusal durable_refuses_read(const struct durable *d, uint64_t now_ms)
{
    if (d->role == NODE_FOLLOWER)
        return has_no_data(d) ? REFUSES_MASTERDOWN : REFUSES_NOTHING;
    if (d->role != NODE_ACTIVE || (!is_async(d) && hears_nobody(d, now_ms)))
        return REFUSES_MASTERDOWN;
    if (is_in_doubt(d, now_ms) || (d->handoff.state != HANDOFF_NONE && d->confirm != 0))
        return REFUSES_HELD;
    return REFUSES_NOTHING;
}
