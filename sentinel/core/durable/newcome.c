/*
 * newcome - a node that belongs to no group answers at a member's place: that member, back without its disk.
 *
 *     the answer ---> member-add: out of sync ---> it is told the charter, bound, and filled by the leader
 *                     member-remove of the one whose place it has, once that neither leads nor is in sync
 *
 * Nothing tells such a node from one that was never here, so that it is taken for a new one: what the old one held is
 * gone with its name, and while that name counts nobody gives it up.
 */
#include "sentinel/core/durable/parts.h"

void newcome_heard(struct captain *c, struct watched *w, const struct report *r)
{
    bool is_free = !r->gid[0] || charter_member(&c->charter, r->node);

    if (!is_free || w->newcomer == r->node)
        return;
    w->newcomer = r->node;
    w->newcomer_ms = c->now_ms;
    c->changed = true;
}

/* False: there is nothing to do. */
static bool wants(struct captain *c, const struct watched *w, struct change *ch)
{
    const struct member *old = charter_member(&c->charter, w->e.node);

    if (!charter_member(&c->charter, w->newcomer)) {
        ch->kind = CHANGE_MEMBER_ADD;
        ch->member =
            (struct member){ .node = w->newcomer, .at = old->at, .observer = old->observer };
        return c->charter.member_count < CHARTER_MEMBERS_MAX;
    }
    ch->kind = CHANGE_MEMBER_REMOVE;
    ch->node = old->node;
    return old->did == 0 && old->node != c->charter.leader;
}

static bool is_due(struct captain *c, const struct watched *w)
{
    uint64_t at_ms = w->newcomer_ms + CAPTAIN_NEWCOME_MS + captain_rank(c) * CAPTAIN_RANK_MS;

    if (c->now_ms < at_ms)
        captain_wake_by(c, at_ms);
    return c->now_ms >= at_ms;
}

void newcome_settle(struct captain *c, struct captain_actions *out)
{
    for (uint32_t i = 0; i < c->node_count; i++) {
        struct watched *w = &c->nodes[i];
        struct change ch = { .node = 0 };

        if (c->state != CAPTAIN_CALM || c->wish.kind != WISH_NONE || captain_is_busy(c) ||
            charter_is_joint(&c->charter))
            return;
        if (w->newcomer == 0 || !wants(c, w, &ch) || !is_due(c, w))
            continue;
        captain_notice(out, "+hf-newcomer", "change=%s node=%llu place-of=%llu",
                       change_word(ch.kind), (unsigned long long)w->newcomer,
                       (unsigned long long)w->e.node);
        w->newcomer_ms = c->now_ms; /* and again, if it does not come true */
        change_expect(&ch, &c->charter);
        captain_submit(c, ERRAND_NEWCOME, &ch, CAPTAIN_WISH_MS);
    }
}
