/*
 * place - what the register says, and the role that follows from it.
 */
#include <string.h>

#include "node/durable/durable_inner.h"

/* first NULL: a start, by what meta says. */
void place_bind(struct durable *d, const struct charter *first, uint64_t proposer, uint64_t seed)
{
    struct charter known = first ? *first : d->meta.seen;

    d->proposer.id = proposer;
    if (!first && d->meta.gid[0] == '\0')
        return;
    memcpy(d->meta.gid, known.gid, sizeof d->meta.gid);
    proposer_init(&d->proposer, proposer, &known, seed);
    d->bound = true;
    d->unread = !first;
    d->meta.unproved = !first;
    d->read_at_ms = first ? UINT64_MAX : d->now_ms;
}

/* ---- roles ------------------------------------------------------------------------------------- */

static void wait_for_leader(struct durable *d)
{
    follow_stop(d);
    d->role = NODE_WAITING;
    if (d->read_at_ms == UINT64_MAX)
        d->read_at_ms = d->now_ms + READ_RETRY_MS;
}

void place_leave(struct durable *d, struct durable_actions *out)
{
    struct durable_action *a;

    ASSERT(d->role >= NODE_LEADER);
    durable_act(out, DURABLE_DETACH);
    a = durable_act(out, DURABLE_DEMOTE);
    a->node = d->meta.seen.leader == d->meta.node ? 0 : d->meta.seen.leader;
    d->open = (struct open_grow){ 0 };
    d->handoff = (struct handoff){ 0 };
    d->copy_count = 0;
    d->woke_ms = 0;
    d->unsure = false;
    wait_for_leader(d);
}

/* Invariant 3: by a new epoch that names this very process. */
static bool may_lead(const struct durable *d, const struct member *me)
{
    return strcmp(d->meta.seen.run, d->run) == 0 && me->did == d->meta.did && !d->meta.resyncing;
}

static void take_place(struct durable *d, bool new_epoch, struct durable_actions *out)
{
    struct charter *c = &d->meta.seen;
    const struct member *me = charter_member(c, d->meta.node);

    if (!me)
        wait_for_leader(d);
    else if (c->leader != d->meta.node)
        follow_begin(d, out);
    else if (new_epoch && may_lead(d, me))
        lead_begin(d, out);
    else if (DURABLE_MUTATED(d, MUT_RESUMES_EPOCH) && me->did == d->meta.did)
        lead_begin(d, out);
    else
        wait_for_leader(d);
}

/* What is promised stays: the heir's epochs go on where the lost register's ended. A change of ours that was under way there
 * is nobody's any more. */
void place_inherit(struct durable *d, const struct charter *c, struct durable_actions *out)
{
    if (d->role >= NODE_LEADER)
        place_leave(d, out);
    follow_stop(d);
    d->role = NODE_WAITING;
    d->unsure = false;
    d->open = (struct open_grow){ 0 };
    d->meta.seen.ver = 0;
    place_bind(d, c, d->proposer.id, rng_next(&d->rng));
}

/* A member that is new to the group has no copy yet; the others keep theirs. */
void place_adopt(struct durable *d, const struct charter *c, struct durable_actions *out)
{
    bool new_epoch = c->epoch > d->meta.seen.epoch;

    ASSERT(!d->unread && strcmp(c->gid, d->meta.gid) == 0);
    if (c->ver <= d->meta.seen.ver)
        return;
    if (c->ver > d->proposer.known.ver)
        d->proposer.known = *c;
    if (c->lossy != d->meta.seen.lossy)
        d->commit = 0; /* an operator gave up what was announced: whoever leads need not have it */
    d->meta.seen = *c;
    if (!new_epoch)
        return;
    if (d->role >= NODE_LEADER)
        place_leave(d, out);
    follow_stop(d);
    d->role = NODE_WAITING;
    if (!DURABLE_MUTATED(d, MUT_EPOCH_UNSAVED))
        durable_persist(d, out);
    take_place(d, true, out);
}

/* ---- the register ------------------------------------------------------------------------------ */

void place_submit(struct durable *d, const struct change *ch, struct durable_actions *out)
{
    struct reg_actions asked = { 0 };

    d->asked = ch->kind;
    d->asked_node = ch->node;
    proposer_submit(&d->proposer, ch, d->now_ms + REGISTER_MS, d->now_ms, &asked);
    place_obey(d, &asked, out);
}

/* A disk that is an older copy of itself shows a boot number that was used already. */
static void check_boot(struct durable *d, const struct charter *c, struct durable_actions *out)
{
    const struct member *me = charter_member((struct charter *)c, d->meta.node);

    d->unread = d->meta.unproved = false;
    if (me && me->boot >= d->meta.boot && !DURABLE_MUTATED(d, MUT_BOOT_IGNORED)) {
        durable_act(out, DURABLE_ALARM)->text = "the disk is an older copy of itself";
        d->meta.boot = me->boot + 1;
        meta_new_did(&d->meta, rng_next(&d->rng) >> 1 | 1);
    }
    durable_persist(d, out);
}

static void read_done(struct durable *d, const struct charter *c, struct durable_actions *out)
{
    d->read_at_ms = UINT64_MAX;
    if (d->unread)
        check_boot(d, c, out);
    place_adopt(d, c, out);
    d->unsure = false;
    d->open = (struct open_grow){ 0 };
    if (d->role == NODE_WAITING)
        take_place(d, false, out);
    else if (d->role == NODE_FOLLOWER)
        follow_verified(d, c->ver > d->meta.seen.ver ? c : &d->meta.seen, out);
}

static void told(struct durable *d, const struct reg_action *r, struct durable_actions *out)
{
    if (d->asked != CHANGE_READ) {
        if (d->role >= NODE_LEADER)
            eff_told(d, r->outcome);
        return;
    }
    if (r->outcome == OUTCOME_DONE)
        read_done(d, &r->message.value, out);
    else
        d->read_at_ms = d->now_ms + READ_RETRY_MS;
    if (d->role >= NODE_LEADER)
        handoff_read(d);
}

void place_obey(struct durable *d, struct reg_actions *asked, struct durable_actions *out)
{
    for (size_t i = 0; i < asked->count; i++) {
        const struct reg_action *r = &asked->at[i];
        struct durable_action *a;

        if (r->kind == REG_RESULT) {
            told(d, r, out);
            continue;
        }
        ASSERT(r->kind == REG_SEND);
        a = durable_act(out, DURABLE_ASK);
        a->to = r->to;
        a->at = r->at;
        a->reg = r->message;
    }
    reg_actions_fini(asked);
}

static void read_if_due(struct durable *d, struct durable_actions *out)
{
    struct change read = { .kind = CHANGE_READ };

    if (d->now_ms < d->read_at_ms || d->proposer.busy)
        return;
    d->read_at_ms = UINT64_MAX;
    place_submit(d, &read, out);
}

void place_turn(struct durable *d, struct durable_actions *out)
{
    if (!d->bound)
        return;
    if (!d->unread)
        place_adopt(d, &d->proposer.known, out);
    if (d->role >= NODE_LEADER)
        lead_turn(d, out);
    else
        follow_turn(d, out);
    read_if_due(d, out);
}
