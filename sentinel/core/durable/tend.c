/*
 * tend - until everybody does what the charter says: the leader is promoted, the others know it, clients are told.
 *
 * Nobody remembers who has to do it: every captain compares each report with the charter. Whoever made the change
 * begins at once, the others by their rank, so that a captain may die behind its commit.
 */
#include <string.h>

#include "sentinel/core/durable/parts.h"

static bool is_the_leader(const struct captain *c, const struct report *r)
{
    return strcmp(r->run, c->charter.run) == 0;
}

bool tend_leads(const struct captain *c)
{
    const struct report *r = &captain_leader((struct captain *)c)->e.report;

    return is_the_leader(c, r) && r->promised == c->charter.epoch &&
           (r->role == NODE_LEADER || r->role == NODE_ACTIVE);
}

/* It would lead, and cannot yet: its file is being made, say. For as long as a busy leader is borne, and for ever where that
 * is, its answers are not counted as those of one that does not lead though told to. */
static bool is_borne(const struct captain *c, const struct receipt *r)
{
    return r->kind == RECEIPT_BUSY &&
           (c->set.patience.busy_failover_ms == 0 || c->now_ms < c->busy_ms);
}

/* Only what is answered counts: who has to write it down first, on a slow disk, answers late, and then leads. */
void tend_receipt(struct captain *c, const struct watched *w, const struct receipt *r)
{
    if (w != captain_leader(c) || !is_the_leader(c, &r->report))
        return;
    if (is_borne(c, r))
        c->promotes = 0;
    else if (c->promote_seq != 0 && r->seq >= c->promote_seq && !tend_leads(c))
        c->promotes++;
    if (r->seq >= c->promote_seq)
        c->promote_seq = 0;
}

/* Those whom the new leader need not wait for. */
static void name_suspects(struct captain *c, struct order *o)
{
    for (uint32_t i = 0; i < c->node_count; i++) {
        const struct watched *w = &c->nodes[i];

        if (w->e.node != c->charter.leader && charter_member(&c->charter, w->e.node)->did != 0 &&
            captain_node_why(c, w) != WHY_ALIVE)
            o->suspects[o->suspect_count++] = w->e.node;
    }
}

static void promote(struct captain *c, struct watched *w, struct captain_actions *out)
{
    bool is_soon = c->promotes < CAPTAIN_PROMOTES && c->promote_seq == 0;
    uint64_t pause_ms = is_soon ? CAPTAIN_PROMOTE_MS : c->set.patience.heartbeat_ms;
    struct order *o;

    if (w->e.contact != CONTACT_OPEN || !is_the_leader(c, &w->e.report))
        return;
    if (c->now_ms < c->promote_ms) {
        captain_wake_by(c, c->promote_ms);
        return;
    }
    o = captain_order(c, w, ORDER_PROMOTE, out);
    o->value = c->charter;
    name_suspects(c, o);
    if (c->promote_seq == 0)
        c->promote_seq = o->seq;
    c->promote_ms = c->now_ms + pause_ms;
    captain_wake_by(c, c->promote_ms);
}

/* A promoted leader becomes active within round trips: it is asked until it says so. One that takes longer waits for something,
 * and is asked with each heartbeat like everybody; it tells, too. */
static void await_active(struct captain *c, struct watched *w, struct captain_actions *out)
{
    uint64_t at_ms = w->e.asked_ms + CAPTAIN_ACTIVE_MS;

    if (c->led_ms == 0)
        c->led_ms = c->now_ms;
    if (w->e.contact != CONTACT_OPEN || c->now_ms >= c->led_ms + CAPTAIN_ACTIVE_SOON_MS)
        return;
    if (c->now_ms >= at_ms)
        (void)captain_order(c, w, ORDER_PING, out);
    captain_wake_by(c, w->e.asked_ms + CAPTAIN_ACTIVE_MS);
}

static void serve(struct captain *c, struct watched *w, struct captain_actions *out)
{
    struct captain_action *a = captain_act(out, CAPTAIN_ACT_SERVES);

    a->to = w->e.node;
    a->at = charter_member(&c->charter, w->e.node)->at;
    a->epoch = c->served = c->charter.epoch;
    c->changed = true;
    captain_notice(out, "+hf-active", "epoch=%llu leader=%llu", (unsigned long long)a->epoch,
                   (unsigned long long)w->e.node);
}

static void tend_leader(struct captain *c, struct watched *w, struct captain_actions *out)
{
    bool leads = tend_leads(c);

    if (!leads)
        promote(c, w, out);
    else
        c->promotes = 0;
    if (!leads || c->served == c->charter.epoch)
        return;
    if (w->e.report.role == NODE_ACTIVE || CAPTAIN_MUTATED(c, MUT_TELLS_EARLY))
        serve(c, w, out);
    else
        await_active(c, w, out);
}

/* Versions of a register that was lost, and has this one for an heir, count for nothing. */
static bool knows_as_much(const struct captain *c, const struct report *r)
{
    return r->ver >= c->charter.ver && !(r->gid[0] && strcmp(r->gid, c->charter.heir) == 0);
}

/* Who knows less than I is told; a leader is promoted first. */
static void tell(struct captain *c, struct watched *w, struct captain_actions *out)
{
    const struct report *r = &w->e.report;
    bool is_leader = w->e.node == c->charter.leader;

    if (w->e.contact != CONTACT_OPEN || w->e.told_seq == 0 || knows_as_much(c, r))
        return;
    if (is_leader && is_the_leader(c, r) && !tend_leads(c))
        return;
    if (c->now_ms < w->config_ms) {
        captain_wake_by(c, w->config_ms);
        return;
    }
    captain_order(c, w, ORDER_CONFIG, out)->value = c->charter;
    w->config_ms = c->now_ms + c->set.patience.heartbeat_ms;
    captain_wake_by(c, w->config_ms);
}

void tend_settle(struct captain *c, struct captain_actions *out)
{
    struct watched *leader = captain_leader(c);

    if (!leader)
        return;
    tend_leader(c, leader, out);
    for (uint32_t i = 0; i < c->node_count; i++)
        tell(c, &c->nodes[i], out);
}
