/*
 * newcome - nodes that belong to no group become members.
 *
 *     one answers at a member's place: that member, back without its disk
 *         ---> member-add: out of sync ---> it is told the charter, bound, and filled by the leader
 *              member-remove of the one whose place it has, once that neither leads nor is in sync
 *     one follows a member, and would join ---> member-add, unless the charter is closed
 *
 * Nothing tells the first from one that was never here, so that it is taken for a new one: what the old one held is
 * gone with its name, and while that name counts nobody gives it up.
 */
#include <string.h>

#include "sentinel/core/durable/parts.h"

void newcome_heard(struct captain *c, struct watched *w, const struct report *r)
{
    bool is_free = !r->gid[0] || charter_member(&c->charter, r->node);

    if (!is_free || !captain_reads(c, r->format) || w->newcomer == r->node)
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
        ch->instead = true;
        ch->member =
            (struct member){ .node = w->newcomer, .at = old->at, .observer = old->observer };
        return c->charter.member_count < CHARTER_MEMBERS_MAX;
    }
    ch->kind = CHANGE_MEMBER_REMOVE;
    ch->node = old->node;
    return old->did == 0 && old->node != c->charter.leader;
}

static bool is_due(struct captain *c, uint64_t heard_ms)
{
    uint64_t at_ms = heard_ms + CAPTAIN_NEWCOME_MS + captain_rank(c) * CAPTAIN_RANK_MS;

    if (c->now_ms < at_ms)
        captain_wake_by(c, at_ms);
    return c->now_ms >= at_ms;
}

static bool is_occupied(const struct captain *c)
{
    return c->state != CAPTAIN_CALM || c->wish.kind != WISH_NONE || captain_is_busy(c) ||
           charter_is_joint(&c->charter);
}

static bool has_member_at(const struct captain *c, const struct place *at)
{
    for (uint32_t i = 0; i < c->charter.member_count; i++)
        if (c->charter.members[i].at.port == at->port &&
            strcmp(c->charter.members[i].at.host, at->host) == 0)
            return true;
    return false;
}

static bool has_room(const struct captain *c, const struct member *m)
{
    struct charter next = c->charter;

    if (next.member_count == CHARTER_MEMBERS_MAX)
        return false;
    charter_add_member(&next, m);
    return charter_is_sound(&next, NULL) && charter_has_room(&next, 1);
}

/* Where it is known, or not wanted, it is forgotten: whoever found it will find it again. */
static bool may_join(const struct captain *c, const struct member *m)
{
    return c->charter.ver > 0 && !c->charter.closed && !has_member_at(c, &m->at) &&
           !charter_member((struct charter *)&c->charter, m->node) && has_room(c, m);
}

void newcome_joins(struct captain *c, const struct place *at, const struct report *r)
{
    struct member m = { .node = r->node, .at = *at, .boot = r->boot };

    if (!(r->flags & NODE_JOINS) || r->gid[0] || !captain_reads(c, r->format) || !may_join(c, &m) ||
        c->joiner.member.node == m.node)
        return;
    c->joiner = (struct joiner){ .member = m, .heard_ms = c->now_ms };
    c->changed = true;
}

static void settle_joiner(struct captain *c, struct captain_actions *out)
{
    struct joiner *j = &c->joiner;
    struct change ch = { .kind = CHANGE_MEMBER_ADD, .member = j->member };

    if (j->member.node == 0 || is_occupied(c))
        return;
    if (!may_join(c, &j->member)) {
        *j = (struct joiner){ .heard_ms = 0 };
        return;
    }
    if (!is_due(c, j->heard_ms))
        return;
    captain_notice(out, "+hf-newcomer", "change=%s node=%llu place=%s:%u", change_word(ch.kind),
                   (unsigned long long)j->member.node, j->member.at.host, j->member.at.port);
    *j = (struct joiner){ .heard_ms = 0 };
    change_expect(&ch, &c->charter);
    captain_submit(c, ERRAND_NEWCOME, &ch, CAPTAIN_WISH_MS);
}

void newcome_settle(struct captain *c, struct captain_actions *out)
{
    settle_joiner(c, out);
    for (uint32_t i = 0; i < c->node_count; i++) {
        struct watched *w = &c->nodes[i];
        struct change ch = { .node = 0 };

        if (is_occupied(c))
            return;
        if (w->newcomer == 0 || !wants(c, w, &ch) || !is_due(c, w->newcomer_ms))
            continue;
        captain_notice(out, "+hf-newcomer", "change=%s node=%llu place-of=%llu",
                       change_word(ch.kind), (unsigned long long)w->newcomer,
                       (unsigned long long)w->e.node);
        w->newcomer_ms = c->now_ms; /* and again, if it does not come true */
        change_expect(&ch, &c->charter);
        captain_submit(c, ERRAND_NEWCOME, &ch, CAPTAIN_WISH_MS);
    }
}
