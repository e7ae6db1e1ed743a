#include "sentinel/core/candidate.h"

#include <string.h>
#include <strings.h>

#include "sentinel/core/node.h"

enum { PINGS_MISSED_MAX = 5, INFO_MISSED_MAX = 3 };

const char *const unfit_words[UNFIT_COUNT] = {
    [FIT] = "it could be promoted",
    [UNFIT_LEADS] = "it leads",
    [UNFIT_DOWN] = "it is down, or this sentinel has no connection to it",
    [UNFIT_PRIORITY] = "its priority is 0, which means never",
    [UNFIT_UNKNOWN] = "it has not told its state yet",
    [UNFIT_SILENT] = "it does not answer",
    [UNFIT_LOADING] = "it is loading its data",
    [UNFIT_LINK] = "its link to the leader is down",
    [UNFIT_LONG_ALONE] = "it has been without its leader for too long",
};

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

enum unfit candidate_unfit(const struct sentinel *s, const struct node *n, bool planned)
{
    const struct group *g = n->group;
    bool leader_down = g->leader->verdict != VERDICT_UP;
    uint64_t ping_ms = s->debug_ms[T_PING_PERIOD];

    if (n == g->leader)
        return UNFIT_LEADS;
    if (!node_is_up(n))
        return UNFIT_DOWN;
    if (n->facts.priority == 0)
        return UNFIT_PRIORITY;
    if (n->info_ms == 0)
        return UNFIT_UNKNOWN;
    if (s->now_ms > n->vitals.alive_ms + PINGS_MISSED_MAX * ping_ms)
        return UNFIT_SILENT;
    if (n->facts.loading)
        return UNFIT_LOADING;
    if (!leader_down && planned && !n->facts.link_up)
        return UNFIT_LINK;
    return n->facts.link_down_ms <= link_down_ms_max(s, g) ? FIT : UNFIT_LONG_ALONE;
}

static bool is_fit(const struct sentinel *s, const struct node *n)
{
    const struct failover *f = &n->group->failover;

    return (f->target == 0 || n->id == f->target) && candidate_unfit(s, n, f->planned) == FIT;
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

enum edge candidate_edge(const struct node *a, const struct node *b)
{
    if (is_heir(a) != is_heir(b))
        return EDGE_HEIR;
    if (a->facts.priority != b->facts.priority)
        return EDGE_PRIORITY;
    return a->facts.offset != b->facts.offset ? EDGE_OFFSET : EDGE_RUN_ID;
}

/* Better to promote? Every sentinel must agree, so ties end in something arbitrary but shared. */
static bool better(const struct node *a, const struct node *b)
{
    switch (candidate_edge(a, b)) {
    case EDGE_HEIR:
        return is_heir(a);
    case EDGE_PRIORITY:
        return a->facts.priority < b->facts.priority;
    case EDGE_OFFSET:
        return a->facts.offset > b->facts.offset;
    case EDGE_RUN_ID:
        break;
    }
    if (a->facts.run_id[0] == '\0' || b->facts.run_id[0] == '\0')
        return a->facts.run_id[0] != '\0';
    return strcasecmp(a->facts.run_id, b->facts.run_id) < 0;
}

struct node *candidate_expected(const struct sentinel *s, const struct group *g,
                                const struct addr *target)
{
    struct node *best = NULL;

    EACH_NODE (g, link) {
        struct node *n = NODE_OF(link);

        if ((!target->port || node_is_at(n, target)) && candidate_unfit(s, n, true) == FIT &&
            (!best || better(n, best)))
            best = n;
    }
    return best;
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
