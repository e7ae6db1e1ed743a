#include "sentinel/core/candidate.h"

#include <string.h>
#include <strings.h>

#include "sentinel/core/node.h"

enum { PINGS_MISSED_MAX = 5, INFO_MISSED_MAX = 3 };

/* A dead captain's work: it leads already, out of the stream that the lost leader wrote. */
static bool is_heir(const struct node *n)
{
    const struct group *g = n->group;

    return n->role_reported == ROLE_LEADER && g->leader_replid[0] &&
           strcmp(n->facts.replid2, g->leader_replid) == 0;
}

/* How long a follower may have been without its leader. Redis measures from the leader's SDOWN; who has
 * never seen the leader lead cannot tell, and then the best there is is good enough. */
static uint64_t link_down_ms_max(const struct sentinel *s, const struct group *g)
{
    const struct node *l = g->leader;
    uint64_t allowed_ms = 10 * g->set.down_after_ms;

    if (l->verdict == VERDICT_UP)
        return allowed_ms;
    if (l->info_ms == 0)
        return UINT64_MAX;
    if (l->role_reported == ROLE_FOLLOWER)
        return allowed_ms + (s->now_ms - l->role_reported_ms);
    return allowed_ms + (s->now_ms - l->down_since_ms);
}

static bool is_fit(const struct sentinel *s, const struct node *n)
{
    const struct group *g = n->group;
    bool leader_down = g->leader->verdict != VERDICT_UP;

    uint64_t ping_ms = s->debug_ms[T_PING_PERIOD];

    if (n == g->leader || !node_is_up(n) || n->facts.priority == 0 || n->info_ms == 0)
        return false;
    if (s->now_ms > n->vitals.alive_ms + PINGS_MISSED_MAX * ping_ms || n->facts.loading)
        return false;
    if (g->failover.target > 0 && n->id != g->failover.target)
        return false;
    if (!leader_down && g->failover.planned && !n->facts.link_up)
        return false;
    return n->facts.link_down_ms <= link_down_ms_max(s, g);
}

static bool info_is_fresh(const struct sentinel *s, const struct node *n)
{
    bool leader_down = n->group->leader->verdict != VERDICT_UP;
    uint64_t age_max = leader_down ? PINGS_MISSED_MAX * s->debug_ms[T_PING_PERIOD]
                                   : INFO_MISSED_MAX * s->debug_ms[T_INFO_PERIOD];

    return s->now_ms <= n->info_ms + age_max;
}

bool candidate_exists(const struct sentinel *s, const struct group *g)
{
    EACH_NODE (g, link)
        if (is_fit(s, NODE_OF(link)))
            return true;
    return false;
}

/* Better to promote? Every sentinel must agree, so ties end in something arbitrary but shared. */
static bool better(const struct node *a, const struct node *b)
{
    if (is_heir(a) != is_heir(b))
        return is_heir(a);
    if (a->facts.priority != b->facts.priority)
        return a->facts.priority < b->facts.priority;
    if (a->facts.offset != b->facts.offset)
        return a->facts.offset > b->facts.offset;
    if (a->facts.run_id[0] == '\0' || b->facts.run_id[0] == '\0')
        return a->facts.run_id[0] != '\0';
    return strcasecmp(a->facts.run_id, b->facts.run_id) < 0;
}

struct node *candidate_choose(const struct sentinel *s, const struct group *g, uint64_t since_ms,
                              bool *out_waiting)
{
    struct node *best = NULL;

    *out_waiting = false;
    EACH_NODE (g, link) {
        struct node *n = NODE_OF(link);

        if (!is_fit(s, n))
            continue;
        if (n->info_ms < since_ms)
            *out_waiting = true;
        if (info_is_fresh(s, n) && (!best || better(n, best)))
            best = n;
    }
    return best;
}
