/* What can be wrong with a durable group, as its captain sees it. */
#include "sentinel/core/durable/status.h"
#include "sentinel/serve/problems.h"

static bool unread(const struct scene *of, struct buf *out)
{
    buf_puts(out,
             "The group's register has not been read: no majority of the sentinels that vote has "
             "answered.");
    return of->captain->charter.ver == 0;
}

static bool serves_nobody(const struct scene *of, struct buf *out)
{
    const struct captain *c = of->captain;
    const struct member *leader = charter_member((struct charter *)&c->charter, c->charter.leader);

    if (!leader)
        return false;
    buf_printf(out, "The leader %s:%u does not serve: %s.", leader->at.host, leader->at.port,
               why_word(captain_leader_why(c)));
    return !status_serves(c);
}

static bool writes_refused(const struct scene *of, struct buf *out)
{
    const struct captain *c = of->captain;

    buf_printf(out, "%u in sync, and writes need %u: they are refused.", status_in_sync(c),
               c->charter.min_sync);
    return c->charter.ver > 0 && status_in_sync(c) < c->charter.min_sync;
}

static bool unarmed(const struct scene *of, struct buf *out)
{
    const char *why = status_unarmed(of->captain);

    buf_printf(out, "Nobody could take over if the leader were lost: %s.", why ? why : "");
    return why && of->captain->charter.ver > 0;
}

static bool not_redundant(const struct scene *of, struct buf *out)
{
    struct reasons lacks;

    status_lacks(of->captain, &lacks);
    for (uint32_t i = 0; i < lacks.count; i++)
        buf_printf(out, "%s%s", i ? "; " : "It would not bear any one loss more: ", lacks.text[i]);
    buf_putc(out, '.');
    return lacks.count > 0 && of->captain->charter.ver > 0;
}

static bool wish_under_way(const struct scene *of, struct buf *out)
{
    buf_printf(out, "A change is under way: %s, %s.", wish_word(of->captain->wish.kind),
               captain_state_word(of->captain->state));
    return of->captain->wish.kind != WISH_NONE || of->captain->state != CAPTAIN_CALM;
}

static bool was_lossy(const struct scene *of, struct buf *out)
{
    const struct charter *c = &of->captain->charter;

    buf_printf(out, "An operator has accepted a loss %u time%s, the last one because: %s.",
               c->lossy, c->lossy == 1 ? "" : "s",
               c->reason[0] ? c->reason : "no reason was given");
    return c->lossy > 0;
}

const struct group_problem durable_problems[] = {
    { "register-unread", CRITICAL, unread,
      "Start the sentinels that are missing, and open their ports to this one." },
    { "not-serving", CRITICAL, serves_nobody,
      "Wait for the failover. If none comes, start a node that is in sync; if all of those are "
      "lost for good, "
      "SENTINEL HF FORCE says what would be lost." },
    { "writes-refused", CRITICAL, writes_refused,
      "Start the nodes that are missing, or SENTINEL HF LEVEL <group> <level> MINSYNC <fewer>." },
    { "nobody-to-promote", CRITICAL, unarmed,
      "Start the node, or the sentinel, that the other problems name." },
    { "not-redundant", WARNING, not_redundant,
      "Start what is missing. What is gone for good: holdfastctl forget <group> <address>, or "
      "SENTINEL HF VOTER REPLACE, which lets another sentinel vote instead." },
    { "changing", NOTICE, wish_under_way, "Wait." },
    { "loss-accepted", NOTICE, was_lossy, "Nothing: it is kept so that it is not forgotten." },
    { NULL },
};
