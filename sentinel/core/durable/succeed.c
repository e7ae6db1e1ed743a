/*
 * succeed - from agreement to a committed failover: my turn, a ballot and the copies' positions, the best, the change.
 */
#include <string.h>

#include "sentinel/core/durable/parts.h"

/* ---- who may lead ------------------------------------------------------------------------------ */

static bool is_unfit(const struct captain *c, const struct report *r)
{
    return (r->flags & (NODE_LOADING | NODE_RESYNCING)) && !CAPTAIN_MUTATED(c, MUT_UNFIT_CHOSEN);
}

/* A dead leader's last shrink may be with a minority of the voters: they will not commit it any more (R5), but whoever
 * leads next is chosen on top of it, and has to be in sync by it as well. */
static bool is_in_sync_by_all(const struct captain *c, const struct member *m)
{
    const struct member *newest = charter_member((struct charter *)captain_newest(c), m->node);

    return m->did != 0 && newest && newest->did == m->did;
}

static bool has_its_data(const struct captain *c, const struct member *m, const struct report *r)
{
    return is_in_sync_by_all(c, m) && (r->did == m->did || CAPTAIN_MUTATED(c, MUT_DID_IGNORED));
}

const char *succeed_unfit(const struct captain *c, const struct watched *w, uint64_t only)
{
    const struct member *m = charter_member((struct charter *)&c->charter, w->e.node);
    const struct report *r = &w->e.report;

    if (strcmp(r->run, c->charter.run) == 0)
        return "it leads";
    if (m->observer)
        return "it is an observer";
    if (captain_node_why(c, w) != WHY_ALIVE)
        return "it does not answer";
    if (only && m->node != only)
        return "another one was asked for";
    if (!only && r->priority == 0)
        return "its priority is 0, which means never";
    if (!has_its_data(c, m, r))
        return "it is not in sync";
    if (is_unfit(c, r))
        return r->flags & NODE_LOADING ? "it loads its data" : "its data are being replaced";
    return r->promised <= c->charter.epoch ? NULL : "it knows of a newer epoch";
}

/* Told just now: in answer to what was asked for this, and not long ago. */
static bool is_fresh(const struct captain *c, const struct watched *w)
{
    uint64_t fresh_ms = 2 * c->set.patience.heartbeat_ms;

    return w->e.told_seq >= w->gather_seq && c->now_ms < w->e.heard_ms + fresh_ms;
}

/* Any of them is safe: whatever was acknowledged is in each. The one that is ahead saves a copy of everything. */
static bool better(const struct report *a, const struct report *b)
{
    bool a_failed = a->flags & NODE_DISK_FAILED, b_failed = b->flags & NODE_DISK_FAILED;
    int cmp = position_cmp(a->at, b->at);

    if (a_failed != b_failed)
        return b_failed;
    if (cmp != 0)
        return cmp > 0;
    if (a->priority != b->priority)
        return a->priority < b->priority;
    return a->node < b->node;
}

static const struct watched *best_of(const struct captain *c, uint64_t only, bool fresh)
{
    const struct watched *best = NULL;

    for (uint32_t i = 0; i < c->node_count; i++) {
        const struct watched *w = &c->nodes[i];

        if ((!fresh || is_fresh(c, w)) && !succeed_unfit(c, w, only) &&
            (!best || better(&w->e.report, &best->e.report)))
            best = w;
    }
    return best;
}

struct watched *succeed_choose(struct captain *c, uint64_t only)
{
    return (struct watched *)best_of(c, only, true);
}

const struct watched *succeed_expect(const struct captain *c, uint64_t only)
{
    return best_of(c, only, false);
}

/* ---- the way there ----------------------------------------------------------------------------- */

static void calm(struct captain *c, struct captain_actions *out)
{
    (void)out;
    if (!c->agreed || !captain_votes(c))
        return;
    captain_enter(c, CAPTAIN_STAGGER, c->agreed_ms + captain_rank(c) * CAPTAIN_RANK_MS);
}

static bool is_in_sync(struct captain *c, const struct watched *w)
{
    return charter_member(&c->charter, w->e.node)->did != 0;
}

static void begin_gathering(struct captain *c, struct captain_actions *out)
{
    captain_enter(c, CAPTAIN_GATHER, c->now_ms + CAPTAIN_PROBE_MS);
    for (uint32_t i = 0; i < c->node_count; i++) {
        struct watched *w = &c->nodes[i];

        if (!is_in_sync(c, w))
            continue;
        (void)captain_order(c, w, ORDER_PING, out);
        w->gather_seq = w->e.contact == CONTACT_OPEN ? w->e.seq : w->e.seq + 1;
    }
    captain_prepare(c, true);
}

static void give_up(struct captain *c)
{
    captain_prepare(c, false);
    captain_enter(c, CAPTAIN_CALM, UINT64_MAX);
}

static void stagger(struct captain *c, struct captain_actions *out)
{
    if (c->agreed && c->now_ms >= c->deadline_ms)
        begin_gathering(c, out);
    else if (!c->agreed)
        give_up(c);
}

bool succeed_awaits(struct captain *c)
{
    for (uint32_t i = 0; i < c->node_count; i++) {
        const struct watched *w = &c->nodes[i];
        bool leads = strcmp(w->e.report.run, c->charter.run) == 0;

        if (is_in_sync(c, w) && !leads && captain_node_why(c, w) == WHY_ALIVE &&
            w->e.told_seq < w->gather_seq)
            return true;
    }
    return false;
}

/* What MUT_PROMOTE_EARLY does: the charter is not committed, and may never be. */
static void promote_early(struct captain *c, struct watched *w, const struct change *ch,
                          struct captain_actions *out)
{
    struct charter next;
    struct order *o;

    if (change_apply(ch, &c->charter, c->proposer.id, 0, &next, NULL) != OK)
        return;
    o = captain_order(c, w, ORDER_PROMOTE, out);
    if (o)
        o->value = next;
}

static void submit(struct captain *c, struct watched *w, struct captain_actions *out)
{
    struct change ch = { .kind = CHANGE_FAILOVER, .node = w->e.node };

    change_expect(&ch, &c->charter);
    ch.did = charter_member(&c->charter, w->e.node)->did;
    ch.boot = w->e.report.boot;
    memcpy(ch.run, w->e.report.run, sizeof ch.run);
    if (CAPTAIN_MUTATED(c, MUT_PROMOTE_EARLY))
        promote_early(c, w, &ch, out);
    captain_enter(c, CAPTAIN_COMMIT, UINT64_MAX);
    captain_submit(c, ERRAND_FAILOVER, &ch, CAPTAIN_COMMIT_MS);
}

/* Nobody can lead without loss: that is told once, with what there is, and looked at again with everything I hear. */
static void tell_no_candidate(struct captain *c, struct captain_actions *out)
{
    if (c->no_candidate_told)
        return;
    c->no_candidate_told = true;
    for (uint32_t i = 0; i < c->node_count; i++) {
        const struct watched *w = &c->nodes[i];
        const struct report *r = &w->e.report;
        uint64_t did = charter_member(&c->charter, w->e.node)->did;

        captain_notice(out, "+hf-no-candidate",
                       "epoch=%llu node=%llu in-sync=%d data=%s position=%llu:%llu state=%s",
                       (unsigned long long)c->charter.epoch, (unsigned long long)w->e.node,
                       did != 0,
                       !r->run[0]      ? "unknown"
                       : r->did == did ? "kept"
                                       : "other",
                       (unsigned long long)r->at.epoch, (unsigned long long)r->at.offset,
                       why_word(captain_node_why(c, w)));
    }
}

/* The leader may have taken somebody in with its last breath, and nobody was told: the register knows. */
static void look_again(struct captain *c)
{
    c->behind = true;
    c->changed = true;
    c->look_ms = c->now_ms + CAPTAIN_LOOK_MS;
}

static void gather(struct captain *c, struct captain_actions *out)
{
    struct watched *best;

    if (!c->agreed) {
        give_up(c);
        return;
    }
    if (captain_is_busy(c) || (succeed_awaits(c) && c->now_ms < c->deadline_ms))
        return;
    best = succeed_choose(c, 0);
    if (best)
        submit(c, best, out);
    else if (c->now_ms >= c->look_ms)
        look_again(c);
    else
        tell_no_candidate(c, out);
}

void succeed_settle(struct captain *c, struct captain_actions *out)
{
    static void (*const states[CAPTAIN_STATE_COUNT])(struct captain *, struct captain_actions *) = {
        [CAPTAIN_CALM] = calm,
        [CAPTAIN_STAGGER] = stagger,
        [CAPTAIN_GATHER] = gather,
    };

    if (states[c->state])
        states[c->state](c, out);
    if (c->deadline_ms > c->now_ms)
        captain_wake_by(c, c->deadline_ms);
    if (c->state == CAPTAIN_GATHER && c->look_ms > c->now_ms)
        captain_wake_by(c, c->look_ms);
}

/* Committed, it was adopted; anything else is a reason to look at the register before anything more is done. */
void succeed_result(struct captain *c, const struct reg_action *r, struct captain_actions *out)
{
    captain_notice(out, r->outcome == OUTCOME_DONE ? "+hf-failover" : "-hf-failover",
                   "outcome=%s%s%s", outcome_word(r->outcome), r->refusal.text[0] ? " why=" : "",
                   r->refusal.text);
    c->behind = c->behind || r->outcome != OUTCOME_DONE;
    if (r->outcome == OUTCOME_REFUSED && r->has_value && r->message.value.ver > c->charter.ver)
        c->ground = r->message.value;
    if (c->state == CAPTAIN_COMMIT)
        captain_enter(c, CAPTAIN_CALM, UINT64_MAX);
}
