#include "sentinel/core/repoint.h"

#include <string.h>

#include "sentinel/core/group.h"
#include "sentinel/core/node.h"
#include "sentinel/core/notice.h"

static bool follows(const struct node *n, const struct node *leader)
{
    return n->role_reported == ROLE_FOLLOWER && node_is_at(leader, &n->facts.leader);
}

/* Will n go on where its stream ended? The new leader must know that stream and still hold the place.
 * Where INFO does not tell, the answer is no. */
static bool can_continue(const struct node *n, const struct node *leader)
{
    const struct facts *f = &n->facts, *l = &leader->facts;

    if (f->replid[0] == '\0' || l->backlog_first == 0 || f->offset > l->offset)
        return false;
    if (strcmp(f->replid, l->replid) != 0 && strcmp(f->replid, l->replid2) != 0)
        return false;
    return f->offset + 1 >= l->backlog_first;
}

static void enter(struct sentinel *s, struct node *n, enum reconf reconf, struct actions *out)
{
    static const char *const channels[] = {
        [RECONF_SENT] = "+slave-reconf-sent",
        [RECONF_INPROG] = "+slave-reconf-inprog",
        [RECONF_DONE] = "+slave-reconf-done",
    };

    n->reconf = reconf;
    n->reconf_ms = s->now_ms;
    notice(s, out, LEVEL_NOTICE, n->group, channels[reconf], "%s", inst_node(s, n).text);
    node_tick(s, n, out);
}

static void advance(struct sentinel *s, struct node *n, struct actions *out)
{
    const struct node *leader = n->group->leader;

    if (n->reconf == RECONF_SENT && follows(n, leader))
        enter(s, n, RECONF_INPROG, out);
    if (n->reconf == RECONF_INPROG && follows(n, leader) && n->facts.link_up)
        enter(s, n, RECONF_DONE, out);
    if (n->reconf != RECONF_SENT || s->now_ms < n->reconf_ms + s->debug_ms[T_SLAVE_RECONF_TIMEOUT])
        return;
    notice(s, out, LEVEL_NOTICE, n->group, "-slave-reconf-sent-timeout", "%s",
           inst_node(s, n).text);
    n->reconf = RECONF_DONE;
    n->reconf_ms = s->now_ms;
}

/* Who still claims to lead is a stray: stray.h makes sure first that the claim is older than ours. */
static bool is_ours_to_move(const struct node *n)
{
    return n != n->group->leader && node_is_up(n) && n->role_reported == ROLE_FOLLOWER;
}

static void send(struct sentinel *s, struct node *n, struct actions *out)
{
    node_set_role(s, n, n->group->leader, n->group->config_epoch, out);
    enter(s, n, RECONF_SENT, out);
}

static uint32_t copying(const struct group *g)
{
    uint32_t count = 0;

    EACH_NODE (g, link) {
        const struct node *n = NODE_OF(link);

        if (n->reconf == RECONF_SENT || n->reconf == RECONF_INPROG)
            count += node_is_up(n) && !can_continue(n, g->leader);
    }
    return count;
}

bool repoint_evaluate(struct sentinel *s, struct group *g, struct actions *out)
{
    uint32_t busy;
    bool all_done = true;

    EACH_NODE (g, link)
        advance(s, NODE_OF(link), out);
    busy = copying(g);
    EACH_NODE (g, link) {
        struct node *n = NODE_OF(link);

        if (!is_ours_to_move(n))
            continue;
        all_done = all_done && n->reconf == RECONF_DONE;
        if (n->reconf != RECONF_NONE)
            continue;
        /* A handover has pointed the old leader already. */
        if (follows(n, g->leader)) {
            enter(s, n, RECONF_INPROG, out);
            advance(s, n, out);
            continue;
        }
        if (can_continue(n, g->leader)) {
            send(s, n, out);
        } else if (busy < g->set.parallel_syncs) {
            send(s, n, out);
            busy++;
        }
    }
    return all_done;
}

void repoint_rest(struct sentinel *s, struct group *g, struct actions *out)
{
    EACH_NODE (g, link) {
        struct node *n = NODE_OF(link);

        if (!is_ours_to_move(n) || n->reconf == RECONF_DONE || n->reconf == RECONF_SENT)
            continue;
        node_set_role(s, n, g->leader, g->config_epoch, out);
        notice(s, out, LEVEL_NOTICE, g, "+slave-reconf-sent-be", "%s", inst_node(s, n).text);
    }
}

void repoint_role_done(struct sentinel *s, struct node *n, bool ok, struct actions *out)
{
    /* Refused: it stays SENT until slave-reconf-timeout gives it up; at once again would not help. */
    if (ok && n->group->failover.state == FO_RECONF_SLAVES && n->reconf == RECONF_SENT)
        enter(s, n, RECONF_INPROG, out);
    node_ask_info(s, n, out);
    group_mark(s, n->group);
}
