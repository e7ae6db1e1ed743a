/*
 * eff - whose acknowledgement a leader demands, and how members leave that set and come into it.
 */
#include <string.h>

#include "node/durable/durable_inner.h"

enum { FLAPS = 3, HOLD_FIRST_MS = 2000 };

/* ---- the set ----------------------------------------------------------------------------------- */

static bool is_leaving(const struct durable *d, uint64_t node)
{
    return DURABLE_MUTATED(d, MUT_SHRINK_EARLY) && d->proposer.busy && d->asked == CHANGE_SHRINK &&
           d->asked_node == node;
}

uint32_t durable_eff(const struct durable *d, struct effective out[CHARTER_MEMBERS_MAX + 1])
{
    const struct charter *c = &d->meta.seen;
    bool open = d->open.node != 0;
    uint32_t count = 0;

    for (uint32_t i = 0; i < c->member_count; i++) {
        const struct member *m = &c->members[i];

        if (m->did == 0 || is_leaving(d, m->node))
            continue;
        out[count++] = (struct effective){ m->node, m->did };
        if (m->node == d->open.node && m->did == d->open.did)
            open = false;
    }
    if (open && !DURABLE_MUTATED(d, MUT_GROW_LATE))
        out[count++] = (struct effective){ d->open.node, d->open.did };
    return count;
}

bool eff_has(const struct durable *d, uint64_t node, uint64_t did)
{
    struct effective eff[CHARTER_MEMBERS_MAX + 1];
    uint32_t count = durable_eff(d, eff);

    for (uint32_t i = 0; i < count; i++)
        if (eff[i].node == node && eff[i].did == did)
            return true;
    return false;
}

bool eff_is_alone(const struct durable *d)
{
    struct effective eff[CHARTER_MEMBERS_MAX + 1];

    return durable_eff(d, eff) == 1;
}

/* Of one that was a member earlier in this epoch, where there is no other. NULL: all are members'. */
static struct copy *free_place(struct durable *d)
{
    if (d->copy_count < CHARTER_MEMBERS_MAX)
        return &d->copies[d->copy_count++];
    for (uint32_t i = 0; i < d->copy_count; i++)
        if (!charter_member(&d->meta.seen, d->copies[i].node) && d->copies[i].node != d->open.node)
            return &d->copies[i];
    return NULL;
}

struct copy *eff_copy(struct durable *d, uint64_t node)
{
    struct copy *c;

    for (uint32_t i = 0; i < d->copy_count; i++)
        if (d->copies[i].node == node)
            return &d->copies[i];
    if (node == d->meta.node || !charter_member(&d->meta.seen, node))
        return NULL;
    c = free_place(d);
    if (!c)
        return NULL;
    *c = (struct copy){
        .node = node,
        .heard_ms = d->now_ms,
        .due_ms = d->now_ms,
        .lost_ms = UINT64_MAX,
        .steady_ms = UINT64_MAX,
    };
    return c;
}

static const struct copy *find_copy(const struct durable *d, uint64_t node)
{
    for (uint32_t i = 0; i < d->copy_count; i++)
        if (d->copies[i].node == node)
            return &d->copies[i];
    return NULL;
}

/* ---- what it has ------------------------------------------------------------------------------- */

/* A solo mark says that every release waited for our own fsync: while it stands, they do. */
enum keep eff_level(const struct durable *d)
{
    enum keep level = d->meta.seen.level;

    return level == KEEP_ASYNC ? KEEP_MEM : level;
}

static uint64_t kept_by(const struct durable *d, const struct effective *e)
{
    uint64_t own[KEEP_COUNT];
    const struct copy *c;

    if (e->node == d->meta.node) {
        durable_own(d, own);
        return e->did == d->meta.did ? own[d->meta.solo ? KEEP_FSYNC : eff_level(d)] : 0;
    }
    c = find_copy(d, e->node);
    if (!c || (c->did != e->did && !DURABLE_MUTATED(d, MUT_ACK_ANY_DID)))
        return 0;
    return c->kept[eff_level(d)];
}

uint64_t eff_least(const struct durable *d)
{
    struct effective eff[CHARTER_MEMBERS_MAX + 1];
    uint32_t count = durable_eff(d, eff);
    uint64_t least = d->at;

    for (uint32_t i = 0; i < count; i++) {
        uint64_t kept = kept_by(d, &eff[i]);

        least = kept < least ? kept : least;
    }
    return least;
}

uint64_t eff_beat(const struct durable *d)
{
    struct effective eff[CHARTER_MEMBERS_MAX + 1];
    uint32_t count = durable_eff(d, eff);
    uint64_t least = d->seq;

    for (uint32_t i = 0; i < count && !DURABLE_MUTATED(d, MUT_READS_UNCONFIRMED); i++) {
        const struct copy *c = find_copy(d, eff[i].node);
        uint64_t seq = c && c->did == eff[i].did ? c->seq : 0;

        if (eff[i].node != d->meta.node && seq < least)
            least = seq;
    }
    return least;
}

/* ---- leaving ----------------------------------------------------------------------------------- */

static uint64_t excused_ms(const struct copy *c, uint64_t since_ms)
{
    return since_ms > c->patient_ms ? since_ms : c->patient_ms;
}

static bool lags(const struct durable *d, const struct copy *c)
{
    return c->attach != 0 && c->kept[eff_level(d)] < c->due &&
           d->now_ms >= excused_ms(c, c->due_ms) + d->terms->max_lag_ms;
}

uint64_t eff_silent_ms(const struct durable *d, const struct copy *c)
{
    return excused_ms(c, c->heard_ms) + d->terms->silence_ms;
}

/* Who found us silent meanwhile has hung up to attach anew, and is on its way. */
uint64_t eff_gone_ms(const struct durable *d, const struct copy *c)
{
    const struct durable_terms *t = d->terms;
    bool waits = c->lost_ms < c->patient_ms && t->silence_ms > t->grace_ms;

    return c->lost_ms == UINT64_MAX ? UINT64_MAX
                                    : c->lost_ms + (waits ? t->silence_ms : t->grace_ms);
}

bool eff_is_lost(const struct durable *d, uint64_t node, uint64_t did)
{
    const struct copy *c = find_copy(d, node);

    if (!c)
        return true;
    return c->unwanted || c->fails || (c->attach != 0 && c->did != did) ||
           d->now_ms >= eff_silent_ms(d, c) || d->now_ms >= eff_gone_ms(d, c) || lags(d, c);
}

/* Whoever was shrunk FLAPS times within the hold-down waits before it grows again, each time twice as long. */
static void count_shrink(struct durable *d, uint64_t node)
{
    struct copy *c = eff_copy(d, node);
    uint64_t hold_ms = HOLD_FIRST_MS;

    if (!c)
        return;
    c->unwanted = false;
    if (c->shrinks >= FLAPS - 1 && d->now_ms < c->shrunk_ms[0] + d->terms->hold_down_ms)
        c->shrinks++;
    else
        c->shrinks = c->shrinks < FLAPS - 1 ? c->shrinks + 1 : FLAPS - 1;
    c->shrunk_ms[0] = c->shrunk_ms[1];
    c->shrunk_ms[1] = d->now_ms;
    for (uint32_t i = FLAPS; i < c->shrinks && hold_ms < d->terms->hold_down_ms; i++)
        hold_ms *= 2;
    if (c->shrinks >= FLAPS)
        c->hold_until_ms =
            d->now_ms + (hold_ms < d->terms->hold_down_ms ? hold_ms : d->terms->hold_down_ms);
}

static bool shrink_somebody(struct durable *d, struct durable_actions *out)
{
    struct change ch = { .kind = CHANGE_SHRINK };

    for (uint32_t i = 0; i < d->meta.seen.member_count; i++) {
        const struct member *m = &d->meta.seen.members[i];

        if (m->did == 0 || m->node == d->meta.node || !eff_is_lost(d, m->node, m->did))
            continue;
        change_expect(&ch, &d->meta.seen);
        ch.node = m->node;
        ch.did = m->did;
        place_submit(d, &ch, out);
        return true;
    }
    return false;
}

/* ---- coming in --------------------------------------------------------------------------------- */

static bool may_grow(const struct durable *d, const struct member *m)
{
    const struct copy *c = find_copy(d, m->node);

    return m->did == 0 && c && c->attach != 0 && c->steady_ms != UINT64_MAX && !c->unwanted &&
           d->now_ms >= c->steady_ms + d->terms->grow_stable_ms && d->now_ms >= c->hold_until_ms &&
           !eff_is_lost(d, c->node, c->did);
}

/* It is demanded from here on, so that what is still unacknowledged by it is soon all it lacks. */
static void open_somebody(struct durable *d)
{
    if (d->role != NODE_ACTIVE || d->open.node != 0)
        return;
    for (uint32_t i = 0; i < d->meta.seen.member_count; i++) {
        const struct member *m = &d->meta.seen.members[i];

        if (!may_grow(d, m))
            continue;
        d->open = (struct open_grow){ m->node, find_copy(d, m->node)->did, false };
        return;
    }
}

/* Until it is proposed nobody can elect it, and it may be let go. */
static void grow_opened(struct durable *d, struct durable_actions *out)
{
    struct change ch = { .kind = CHANGE_GROW, .node = d->open.node, .did = d->open.did };
    const struct copy *c = find_copy(d, d->open.node);

    if (d->open.node == 0)
        return;
    if (!c || eff_is_lost(d, d->open.node, d->open.did)) {
        d->open = (struct open_grow){ 0 };
        return;
    }
    if (c->kept[eff_level(d)] < d->commit && !DURABLE_MUTATED(d, MUT_GROW_BEHIND))
        return;
    change_expect(&ch, &d->meta.seen);
    ch.boot = c->boot;
    d->open.proposed = true;
    place_submit(d, &ch, out);
}

/* Invariant 5. */
void eff_decide(struct durable *d, struct durable_actions *out)
{
    if (d->proposer.busy || d->unsure || d->handoff.state != HANDOFF_NONE)
        return;
    ASSERT(!d->open.proposed);
    if (shrink_somebody(d, out))
        return;
    open_somebody(d);
    grow_opened(d, out);
}

/* What the register said no to in this epoch it will not take at once: a charter that is full, say. */
static void put_off(struct durable *d, uint64_t node)
{
    struct copy *c = eff_copy(d, node);
    bool is_ours = d->proposer.change.if_epoch == d->meta.seen.epoch;

    if (c && is_ours && c->hold_until_ms < d->now_ms + HOLD_FIRST_MS)
        c->hold_until_ms = d->now_ms + HOLD_FIRST_MS;
}

void eff_told(struct durable *d, enum outcome outcome)
{
    bool settled = proposer_unknown_ver(&d->proposer) == 0;

    if (d->asked == CHANGE_SHRINK && outcome == OUTCOME_DONE)
        count_shrink(d, d->asked_node);
    if (d->asked == CHANGE_GROW && outcome == OUTCOME_REFUSED)
        put_off(d, d->asked_node);
    if (settled || (DURABLE_MUTATED(d, MUT_GROW_FORGOTTEN) && d->asked == CHANGE_GROW))
        d->open = (struct open_grow){ 0 };
    if (outcome == OUTCOME_DONE)
        return;
    d->unsure = true;
    d->read_at_ms = d->now_ms;
}
