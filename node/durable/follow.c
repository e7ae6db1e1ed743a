/*
 * follow - attaching to the leader of the newest epoch, and what is acknowledged to it.
 */
#include <string.h>

#include "node/durable/durable_inner.h"

static void say_sync(struct durable *d, struct durable_actions *out)
{
    struct talk *t = durable_say(d, TALK_SYNC, d->meta.seen.leader, out);

    d->ask_ms = d->now_ms + ASK_RETRY_MS;
    t->attach = d->attach;
    t->did = d->meta.did;
    t->boot = d->meta.boot;
    t->history = d->meta.history;
    t->at = d->at;
}

static void ask(struct durable *d, struct durable_actions *out)
{
    d->follow = FOLLOW_SYNCING;
    d->answered = false;
    d->attach++;
    say_sync(d, out);
}

/* What nobody has answered is the same attempt still: it may be on its way, to a leader that is busy. */
static void ask_again(struct durable *d, struct durable_actions *out)
{
    if (d->answered)
        ask(d, out);
    else
        say_sync(d, out);
}

void follow_begin(struct durable *d, struct durable_actions *out)
{
    d->role = NODE_FOLLOWER;
    d->beat_seq_heard = d->beat_heard_ms = 0;
    d->hush_ms = d->lookout_ms = d->now_ms;
    d->beat_level = d->meta.seen.level;
    d->read_at_ms = d->now_ms + REGISTER_MS;
    ask(d, out);
}

void follow_stop(struct durable *d)
{
    d->follow = FOLLOW_NONE;
}

void follow_link_down(struct durable *d, struct durable_actions *out)
{
    if (d->follow == FOLLOW_STREAMING || d->follow == FOLLOW_LOADING)
        ask(d, out);
}

/* ---- acknowledging ----------------------------------------------------------------------------- */

/* What a failed disk had is there, and nothing more will be: the leader, who waits for it, is to know at once. To one that
 * does not know this word it says nothing new, and it waits until that is a lag. */
static void keep_nothing(const struct durable *d, uint64_t kept[KEEP_COUNT])
{
    kept[KEEP_OS] = kept[KEEP_FSYNC] = 0;
    if (d->meta.weakest > KEEP_MEM)
        kept[KEEP_MEM] = 0;
}

void follow_ack(struct durable *d, struct durable_actions *out)
{
    struct talk *t;

    if (d->follow != FOLLOW_STREAMING)
        return;
    durable_ready_for(d, d->beat_level, out);
    t = durable_say(d, TALK_ACK, d->meta.seen.leader, out);
    t->did = d->meta.did;
    t->seq = d->beat_seq_heard;
    durable_own(d, t->kept);
    if (d->disk_failed)
        keep_nothing(d, t->kept);
}

void follow_moved(struct durable *d, struct durable_actions *out)
{
    if (d->meta.resyncing && d->follow == FOLLOW_STREAMING && d->synced >= d->load_end) {
        d->meta.resyncing = false;
        durable_persist(d, out);
    }
    follow_ack(d, out);
}

static void hear_beat(struct durable *d, const struct talk *t, struct durable_actions *out)
{
    if (d->follow != FOLLOW_STREAMING || t->attach != d->attach)
        return;
    if (t->seq > d->beat_seq_heard)
        d->beat_seq_heard = t->seq;
    d->beat_heard_ms = d->now_ms;
    d->read_at_ms = UINT64_MAX;
    d->beat_level = t->level;
    if (t->commit > d->commit)
        d->commit = t->commit;
    follow_ack(d, out);
}

/* ---- attaching --------------------------------------------------------------------------------- */

/* Second net: what the leader of an earlier epoch announced as acknowledged by all is in any rightful leader's data.
 * Behind a bug, a disk put back or a mistake it is not, and an operator has to see both. */
static bool is_diverged(struct durable *d, const struct talk *t, struct durable_actions *out)
{
    if (t->end >= d->commit)
        return false;
    durable_act(out, DURABLE_ALARM)->text = "the leader lacks what was acknowledged";
    d->ask_ms = d->now_ms + REGISTER_MS;
    return true;
}

static void hear_continue(struct durable *d, const struct talk *t, struct durable_actions *out)
{
    if (t->at > d->at || is_diverged(d, t, out))
        return;
    if (t->at < d->at) {
        if (!history_is_marks(&d->meta.history, t->at, d->at) && !DURABLE_MUTATED(d, MUT_CUTS_DATA))
            return;
        history_cut(&d->meta.history, t->at);
        d->at = t->at;
        d->written = d->written < d->at ? d->written : d->at;
        d->synced = d->synced < d->at ? d->synced : d->at;
        durable_act(out, DURABLE_CUT)->offset = d->at;
    }
    d->follow = FOLLOW_STREAMING;
    d->beat_heard_ms = d->now_ms;
    follow_ack(d, out);
}

static void hear_payload(struct durable *d, const struct talk *t, struct durable_actions *out)
{
    if (d->at != 0 || is_diverged(d, t, out))
        return;
    /* Until all of it is fsynced, what the files hold is neither the old data set nor the new one. */
    if (!d->meta.resyncing) {
        d->meta.resyncing = true;
        durable_persist(d, out);
    }
    d->follow = FOLLOW_LOADING;
    d->beat_heard_ms = d->now_ms;
}

/* Invariant 10. */
static void drop_data(struct durable *d, struct durable_actions *out)
{
    uint64_t agreed = d->agreed < d->at ? d->agreed : d->at;
    uint64_t epoch = history_epoch(&d->meta.history);
    struct durable_action *drop;

    if (!DURABLE_MUTATED(d, MUT_RESYNC_KEEPS_DID))
        meta_new_did(&d->meta, rng_next(&d->rng) >> 1 | 1);
    d->meta.resyncing = true;
    d->meta.history.count = 0;
    d->at = d->written = d->synced = 0;
    durable_persist(d, out);
    drop = durable_act(out, DURABLE_DROP);
    drop->offset = agreed;
    drop->epoch = epoch;
    ask(d, out);
}

void follow_verified(struct durable *d, const struct charter *c, struct durable_actions *out)
{
    const struct member *me = charter_member((struct charter *)c, d->meta.node);

    if (d->follow != FOLLOW_VERIFYING)
        return;
    if (me && me->did == d->meta.did)
        ask(d, out);
    else
        drop_data(d, out);
}

/* A leader of an older version tells no history: then it is what was announced as acknowledged. */
static uint64_t agreed_with(const struct durable *d, const struct talk *t)
{
    uint64_t common;

    if (t->history.count == 0 ||
        !history_common(&d->meta.history, d->at, &t->history, t->end, &common))
        return d->commit;
    return common;
}

static void hear_full(struct durable *d, const struct talk *t, struct durable_actions *out)
{
    if (is_diverged(d, t, out))
        return;
    d->agreed = agreed_with(d, t);
    if (DURABLE_MUTATED(d, MUT_DROPS_IN_SYNC)) {
        drop_data(d, out);
        return;
    }
    d->follow = FOLLOW_VERIFYING;
    d->read_at_ms = d->now_ms;
}

void follow_hear(struct durable *d, const struct talk *t, struct durable_actions *out)
{
    bool waits = d->follow == FOLLOW_SYNCING && t->attach == d->attach;

    if (d->role != NODE_FOLLOWER || t->from != d->meta.seen.leader)
        return;
    d->hush_ms = d->now_ms;
    d->answered |= waits;
    if (t->kind == TALK_BEAT)
        hear_beat(d, t, out);
    else if (t->kind == TALK_CONTINUE && waits)
        hear_continue(d, t, out);
    else if (t->kind == TALK_PAYLOAD && waits)
        hear_payload(d, t, out);
    else if (t->kind == TALK_FULL && waits)
        hear_full(d, t, out);
    else if (t->kind == TALK_SHRINK_FIRST && waits)
        d->ask_ms = d->now_ms + FULL_RETRY_MS;
}

bool durable_leader_serves(const struct durable *d)
{
    const struct history *h = &d->meta.history;

    return d->role == NODE_FOLLOWER && history_epoch(h) == d->meta.seen.epoch &&
           d->commit > h->eras[h->count - 1].start;
}

/* ---- looking out ------------------------------------------------------------------------------- */

/* Whoever could lead in its place is who is listened to. */
static bool is_lookout(const struct durable *d)
{
    const struct member *me = charter_member((struct charter *)&d->meta.seen, d->meta.node);

    return d->role == NODE_FOLLOWER && me && me->did == d->meta.did && !d->meta.resyncing;
}

static uint64_t lookout_due_ms(const struct durable *d)
{
    uint64_t beats_ms = LOOKOUT_BEATS * d->terms->heartbeat_ms;
    bool is_long = d->lookout_ms > d->hush_ms + LOOKOUT_LONG_MS;
    uint64_t again_ms = d->lookout_ms + (is_long ? LOOKOUT_SLOW_MS : beats_ms);
    uint64_t late_ms = d->hush_ms + beats_ms;

    if (late_ms < again_ms)
        late_ms = again_ms;
    return late_ms < d->lookout_ms + LOOKOUT_CALM_MS ? late_ms : d->lookout_ms + LOOKOUT_CALM_MS;
}

static void look_out(struct durable *d, struct durable_actions *out)
{
    if (!is_lookout(d) || d->now_ms < lookout_due_ms(d))
        return;
    d->lookout_ms = d->now_ms;
    durable_act(out, DURABLE_LOOKOUT)->silent_ms = d->now_ms - d->hush_ms;
}

/* ---- time -------------------------------------------------------------------------------------- */

/* A stream that comes is a sign of life like a beat; so is, for as long again, what may have come while we did not look. */
static uint64_t silent_ms(const struct durable *d)
{
    uint64_t since_ms = d->came_ms > d->beat_heard_ms ? d->came_ms : d->beat_heard_ms;

    if (d->follow == FOLLOW_LOADING)
        return d->beat_heard_ms + LOAD_SILENCE_MS;
    return since_ms + SILENCES * d->terms->silence_ms;
}

static bool hears_leader(const struct durable *d)
{
    return d->follow == FOLLOW_STREAMING || d->follow == FOLLOW_LOADING;
}

void follow_turn(struct durable *d, struct durable_actions *out)
{
    if (d->follow == FOLLOW_SYNCING && d->now_ms >= d->ask_ms)
        ask_again(d, out);
    else if (hears_leader(d) && d->now_ms >= silent_ms(d))
        ask(d, out);
    if (d->follow == FOLLOW_SYNCING && d->read_at_ms == UINT64_MAX)
        d->read_at_ms = d->now_ms + REGISTER_MS;
    look_out(d, out);
}

uint64_t follow_wake_ms(const struct durable *d)
{
    uint64_t wake_ms = UINT64_MAX, due_ms = is_lookout(d) ? lookout_due_ms(d) : UINT64_MAX;

    if (d->follow == FOLLOW_SYNCING)
        wake_ms = d->ask_ms;
    else if (hears_leader(d))
        wake_ms = silent_ms(d);
    return due_ms < wake_ms ? due_ms : wake_ms;
}
