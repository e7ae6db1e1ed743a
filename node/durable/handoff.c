/*
 * handoff - the old leader's side of a planned switchover.
 *
 *     NONE --HANDOFF--> DRAINING --all of eff have everything: +READY--> READY --until--> READING --> NONE, resume
 *                          `--until, or ABORT: LAGS, NONE                  `-- a higher epoch: demoted
 *
 * Writes are held, unexecuted, from the first arrow to the last, and so are reads that would wait for a beat's answers:
 * who waits when we are deposed is closed. Whether to resume needs no certainty: if the switch
 * did land, the target acknowledges our epoch no more, and nothing is released.
 */
#include "node/durable/durable_inner.h"

enum { HANDOFF_MS_MAX = 5000 };

static bool is_near(struct durable *d, uint64_t target)
{
    const struct member *m = charter_member(&d->meta.seen, target);
    const struct copy *c = eff_copy(d, target);

    return m && c && m->did != 0 && !m->observer && c->did == m->did &&
           !eff_is_lost(d, target, m->did) && d->at <= c->kept[eff_level(d)] + d->terms->lag_bytes;
}

enum receipt_kind handoff_begin(struct durable *d, uint64_t asker, const struct order *o)
{
    uint64_t for_ms = o->timeout_ms < HANDOFF_MS_MAX ? o->timeout_ms : HANDOFF_MS_MAX;

    if (o->epoch != d->meta.seen.epoch)
        return RECEIPT_STALE;
    if (d->role != NODE_ACTIVE || d->proposer.busy || d->open.node != 0)
        return RECEIPT_BUSY;
    if (d->handoff.state != HANDOFF_NONE && d->handoff.target != o->target)
        return RECEIPT_BUSY;
    if (!is_near(d, o->target))
        return RECEIPT_LAGS;
    d->handoff = (struct handoff){ .state = HANDOFF_DRAINING,
                                   .asker = asker,
                                   .seq = o->seq,
                                   .target = o->target,
                                   .until_ms = d->now_ms + for_ms };
    return RECEIPT_OK;
}

static void give_up(struct durable *d, struct durable_actions *out)
{
    durable_answer(d, d->handoff.asker, d->handoff.seq, RECEIPT_LAGS, out);
    d->handoff = (struct handoff){ 0 };
}

bool durable_keep_lead(struct durable *d, struct durable_actions *out)
{
    if (d->handoff.state == HANDOFF_DRAINING)
        give_up(d, out);
    return d->handoff.state == HANDOFF_NONE;
}

void handoff_turn(struct durable *d, struct durable_actions *out)
{
    struct handoff *h = &d->handoff;

    if (h->state == HANDOFF_DRAINING && d->confirmed >= d->confirm &&
        (d->commit == d->at || DURABLE_MUTATED(d, MUT_HOLD_LEAKS))) {
        h->state = HANDOFF_READY;
        durable_answer(d, h->asker, h->seq, RECEIPT_OK, out);
    }
    if (d->now_ms < h->until_ms)
        return;
    if (h->state == HANDOFF_DRAINING)
        give_up(d, out);
    else if (h->state == HANDOFF_READY) {
        h->state = HANDOFF_READING;
        d->read_at_ms = d->now_ms;
    }
}

/* Still the leader by what a majority says, or no majority answers. */
void handoff_read(struct durable *d)
{
    if (d->handoff.state == HANDOFF_READING)
        d->handoff = (struct handoff){ 0 };
}
