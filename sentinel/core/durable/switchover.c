/*
 * switchover - a planned change of the leader: a ballot is prepared first, then the leader holds its writes until every
 * copy has everything, then the change is committed. Nothing is refused, nothing is lost, and nobody waits long. An operator
 * asks for it, or the leader itself by its report: FAILOVER was said to it.
 *
 * If anything fails on the way the leader helps itself: it reads the register, and goes on if that still names it.
 */
#include <string.h>

#include "sentinel/core/durable/parts.h"

/* For the failover that follows a ballot is prepared already. */
static void give_up(struct captain *c, const char *why, struct captain_actions *out)
{
    if (!c->agreed)
        captain_prepare(c, false);
    captain_enter(c, CAPTAIN_CALM, UINT64_MAX);
    operate_reply(c, why, out);
}

static struct watched *target(struct captain *c)
{
    struct watched *w = succeed_choose(c, c->wish.node);

    if (w)
        c->wish.node = w->e.node; /* from now on this one */
    return w;
}

static void hand_off(struct captain *c, struct captain_actions *out)
{
    struct watched *w = target(c);
    struct order *o = w ? captain_order(c, captain_leader(c), ORDER_HANDOFF, out) : NULL;

    if (!o) {
        give_up(c, w ? "no line to the leader is up" : "no copy in sync is fit to lead", out);
        return;
    }
    o->target = w->e.node;
    o->timeout_ms = c->set.handoff_ms;
    c->handoff_seq = o->seq;
    captain_enter(c, CAPTAIN_HANDOFF, c->now_ms + c->set.handoff_ms);
}

void switchover_receipt(struct captain *c, const struct watched *w, const struct receipt *r,
                        struct captain_actions *out)
{
    static const char *const refusals[RECEIPT_COUNT] = {
        [RECEIPT_STALE] = "the leader knows of a newer epoch",
        [RECEIPT_GROUP] = "the leader belongs to no group of that id",
        [RECEIPT_NOT_SYNC] = "the leader says that the target is not in sync",
        [RECEIPT_BUSY] = "the leader says that its data are not in order",
        [RECEIPT_LAGS] = "the target is too far behind",
    };
    struct change ch = { .kind = CHANGE_FAILOVER, .node = c->wish.node };
    struct watched *to;

    if (c->state != CAPTAIN_HANDOFF || w != captain_leader(c) || r->seq != c->handoff_seq)
        return;
    if (r->kind != RECEIPT_OK) {
        give_up(c, refusals[r->kind], out);
        return;
    }
    to = target(c); /* it may have restarted since, and without its data */
    if (!to) {
        give_up(c, "the target is not fit to lead any more", out);
        return;
    }
    change_expect(&ch, &c->charter);
    ch.did = charter_member(&c->charter, to->e.node)->did;
    ch.boot = to->e.report.boot;
    memcpy(ch.run, to->e.report.run, sizeof ch.run);
    captain_enter(c, CAPTAIN_SWITCH, UINT64_MAX);
    captain_submit(c, ERRAND_SWITCH, &ch, c->deadline_ms > c->now_ms ? CAPTAIN_COMMIT_MS : 0);
}

/* Done: the reply comes when it is active. Unknown: the register is read, and says whether it landed. */
void switchover_result(struct captain *c, const struct reg_action *r, struct captain_actions *out)
{
    if (c->state == CAPTAIN_SWITCH)
        captain_enter(c, CAPTAIN_CALM, UINT64_MAX);
    if (r->outcome == OUTCOME_DONE)
        return;
    c->behind = true;
    if (r->outcome == OUTCOME_UNKNOWN && CAPTAIN_MUTATED(c, MUT_GUESSES))
        operate_reply(c, NULL, out);
    else if (r->outcome == OUTCOME_REFUSED || r->outcome == OUTCOME_NOT_SENT)
        operate_reply(c,
                      r->outcome == OUTCOME_REFUSED ? r->refusal.text
                                                    : "no majority of the voters answers",
                      out);
}

static void settle_prepare(struct captain *c, struct captain_actions *out)
{
    uint64_t answers_ms = c->deadline_ms - c->set.handoff_ms + CAPTAIN_PROBE_MS;

    if (c->agreed)
        give_up(c, "the leader is gone", out);
    else if (c->now_ms >= c->deadline_ms)
        give_up(c, "no majority of the voters answers", out);
    else if (!proposer_is_ready(&c->proposer))
        captain_prepare(c, true);
    else if (!(succeed_awaits(c) && c->now_ms < answers_ms))
        hand_off(c, out);
    if (c->now_ms < answers_ms)
        captain_wake_by(c, answers_ms);
}

static void settle_handoff(struct captain *c, struct captain_actions *out)
{
    if (c->agreed)
        give_up(c, "the leader is gone", out);
    else if (c->now_ms >= c->deadline_ms)
        give_up(c, "the leader did not hand over in time", out);
}

/* In the order of ranks, and again if nothing came of it, for as long as it asks. */
static void relieve(struct captain *c, struct captain_actions *out)
{
    const struct watched *w = captain_leader(c);
    uint64_t to = w && tend_leads(c) && w->e.report.role == NODE_ACTIVE ? w->e.report.hands_to : 0;
    struct wish x = { .kind = WISH_SWITCHOVER,
                      .node = to == c->charter.leader ? 0 : to,
                      .by_leader = true };

    if (to == 0 || !captain_votes(c)) {
        c->relief_ms = c->relief_told = 0;
        c->relief_why[0] = '\0';
        return;
    }
    if (c->relief_ms == 0)
        c->relief_ms = c->now_ms + captain_rank(c) * CAPTAIN_RANK_MS;
    if (c->now_ms < c->relief_ms)
        captain_wake_by(c, c->relief_ms);
    if (c->now_ms < c->relief_ms || c->wish.kind != WISH_NONE || captain_is_busy(c))
        return;
    c->relief_ms = c->now_ms + CAPTAIN_RELIEF_MS + captain_rank(c) * CAPTAIN_RANK_MS;
    if (c->relief_told != to)
        captain_notice(out, "+hf-relief", "leader=%llu to=%llu",
                       (unsigned long long)c->charter.leader, (unsigned long long)x.node);
    c->relief_told = to;
    operate_wish(c, &x, out);
}

void switchover_settle(struct captain *c, struct captain_actions *out)
{
    if (c->state == CAPTAIN_CALM)
        relieve(c, out);
    if (c->state == CAPTAIN_PREPARE)
        settle_prepare(c, out);
    else if (c->state == CAPTAIN_HANDOFF)
        settle_handoff(c, out);
}
