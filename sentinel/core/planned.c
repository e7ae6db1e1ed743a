#include "sentinel/core/planned.h"

#include "sentinel/core/candidate.h"
#include "sentinel/core/chartered.h"
#include "sentinel/core/failover.h"
#include "sentinel/core/group.h"
#include "sentinel/core/handover.h"
#include "sentinel/core/node.h"
#include "sentinel/core/notice.h"
#include "sentinel/core/vote.h"

static bool is_nobodys(const struct group *g, const struct addr *a)
{
    const struct node *n = node_at(g, a);

    return !n || n == g->leader;
}

bool planned_refused(const struct sentinel *s, const struct group *g, enum failover_kind kind,
                     const struct addr *target, struct errmsg *out_why)
{
    if (!vote_has_epochs(s))
        errmsg_set(out_why, "ERR the last epoch is used up");
    else if (g->failover.state >= FO_WAIT_START || vote_is_led_by_other(s, g))
        errmsg_set(out_why, "INPROG Failover already in progress");
    else if (target->port && is_nobodys(g, target))
        errmsg_set(out_why, "NOGOODSLAVE No such replica to promote");
    else if (!candidate_expected(s, g, target))
        errmsg_set(out_why, "NOGOODSLAVE No suitable replica to promote");
    else if (kind != FAILOVER_FORCE && g->leader->denied[0] &&
             s->now_ms < g->leader->denied_ms + HANDOVER_DENIED_MS)
        errmsg_set(out_why,
                   "ERR the leader refused its FAILOVER command (%s); grant it with ACL SETUSER "
                   "<auth-user> +failover +client|kill +config|rewrite, or use FORCE, which may "
                   "lose writes",
                   g->leader->denied);
    else
        return false;
    return true;
}

/* Has it told its state since the order came? One that is being dialled for the first time is about to. */
static bool may_tell_more(const struct node *n, uint64_t since_ms)
{
    if (n->lines[LINE_CMD].state == LINE_UP)
        return n->info_ms < since_ms;
    return n->info_ms == 0 && n->lines[LINE_CMD].state == LINE_DIALLING;
}

static bool is_news_to_come(const struct group *g, uint64_t since_ms)
{
    EACH_NODE (g, link)
        if (may_tell_more(NODE_OF(link), since_ms))
            return true;
    return false;
}

/* Is what stands against it that nobody is fit, as far as is known? */
static bool awaits_news(const struct sentinel *s, const struct group *g, const struct wanted *w)
{
    bool idle =
        vote_has_epochs(s) && g->failover.state < FO_WAIT_START && !vote_is_led_by_other(s, g);

    return idle && !candidate_expected(s, g, &w->target) && is_news_to_come(g, w->since_ms) &&
           s->now_ms < w->since_ms + PLANNED_WAIT_MS;
}

static void wait_for_news(struct sentinel *s, struct group *g, const struct wanted *w,
                          struct actions *out)
{
    g->wanted = *w;
    g->wanted.waits = true;
    group_hurry(s, g, out);
    group_mark(s, g);
}

void planned_asked(struct sentinel *s, const struct event *ev, struct actions *out)
{
    struct group *g = sentinel_find_group(s, bytes_of(ev->failover.name));
    struct wanted w = { .token = ev->token,
                        .kind = ev->failover.kind,
                        .target = ev->failover.target,
                        .since_ms = s->now_ms };
    struct errmsg why;

    if (!g)
        answer_error(out, ev->token, "ERR No such master with that name");
    else if (chartered(g))
        answer_error(out, ev->token, "ERR the group is durable: its captain hands over the lead");
    else if (g->wanted.waits)
        answer_error(out, ev->token, "INPROG Failover already in progress");
    else if (!planned_refused(s, g, w.kind, &w.target, &why))
        failover_begin(s, g, &w, out);
    else if (awaits_news(s, g, &w))
        wait_for_news(s, g, &w, out);
    else
        answer_error(out, ev->token, "%s", why.text);
}

uint64_t planned_settle(struct sentinel *s, struct group *g, struct actions *out)
{
    struct wanted w = g->wanted;
    struct errmsg why;

    if (!w.waits)
        return TIMER_NEVER;
    if (!chartered(g) && awaits_news(s, g, &w))
        return w.since_ms + PLANNED_WAIT_MS;
    g->wanted = (struct wanted){ 0 };
    if (chartered(g))
        answer_error(out, w.token, "ERR the group is durable: its captain hands over the lead");
    else if (planned_refused(s, g, w.kind, &w.target, &why))
        answer_error(out, w.token, "%s", why.text);
    else
        failover_begin(s, g, &w, out);
    return TIMER_NEVER;
}

void planned_drop(struct group *g, struct actions *out)
{
    if (g->wanted.waits)
        answer_error(out, g->wanted.token, "ERR No such master with that name");
    g->wanted = (struct wanted){ 0 };
}
