#include "sentinel/core/stray.h"

#include "sentinel/core/chartered.h"
#include "sentinel/core/group.h"
#include "sentinel/core/mutation.h"
#include "sentinel/core/node.h"
#include "sentinel/core/notice.h"
#include "sentinel/core/peer.h"

enum {
    CONFIRM_AGAIN_MS = 1000,
    SEND_AGAIN_MS = 1000,
    CLAIM_PERIODS = 4,  /* slowly: publish-periods */
    FOLLOW_PERIODS = 2, /* a wrong leader followed, quickly: publish-periods */
};

static bool leader_looks_sane(const struct sentinel *s, const struct group *g)
{
    const struct node *l = g->leader;

    return node_is_up(l) && l->role_reported == ROLE_LEADER &&
           s->now_ms < l->info_ms + 2 * s->debug_ms[T_INFO_PERIOD];
}

static bool vote_is_open(const struct sentinel *s, const struct group *g)
{
    return g->voted_ms > 0 && g->vote_epoch > g->config_epoch &&
           s->now_ms < g->voted_ms + VOTE_FRESH_MS;
}

static bool confirms(const struct group *g, const struct seat *seat)
{
    return seat_is_holdfast(seat) && seat->confirmed_ms >= g->confirm_ms &&
           seat->config_epoch == g->config_epoch && node_is_at(g->leader, &seat->leader) &&
           seat->fresh_vote <= g->config_epoch && seat->captain_epoch <= g->config_epoch;
}

static bool is_confirmed(const struct sentinel *s, const struct group *g)
{
    uint32_t voices = 1;

    if (g->confirm_ms == 0 || vote_is_open(s, g))
        return false;
    LIST_EACH (&g->seats, link)
        voices += confirms(g, SEAT_OF(link));
    return voices >= group_majority(g);
}

static void start_confirming(struct sentinel *s, struct group *g, struct actions *out)
{
    if (g->confirm_ms > 0 && s->now_ms < g->confirm_ms + CONFIRM_AGAIN_MS)
        return;
    g->confirm_ms = s->now_ms;
    LIST_EACH (&g->seats, link) {
        SEAT_OF(link)->confirmed_ms = 0;
        seat_state(s, SEAT_OF(link), out);
    }
}

static bool claims_to_lead(const struct node *n)
{
    return n->role_reported == ROLE_LEADER;
}

static bool follows_another(const struct node *n)
{
    return n->role_reported == ROLE_FOLLOWER && n->facts.leader.port != 0 &&
           !node_is_at(n->group->leader, &n->facts.leader);
}

/* Only who is here, and has said so on this connection. */
static bool is_stray(const struct node *n)
{
    if (n == n->group->leader || !node_is_up(n) || n->promoted || n->reconf != RECONF_NONE)
        return false;
    if (n->info_ms == 0 || n->info_ms < n->lines[LINE_CMD].changed_ms)
        return false;
    return claims_to_lead(n) || follows_another(n);
}

/* When time alone makes it right to correct n. */
static uint64_t slow_ms(const struct sentinel *s, const struct node *n)
{
    if (claims_to_lead(n))
        return n->role_reported_ms + CLAIM_PERIODS * s->debug_ms[T_PUBLISH_PERIOD];
    return n->leader_changed_ms + n->group->set.failover_timeout_ms;
}

static uint64_t quick_ms(const struct sentinel *s, const struct node *n)
{
    if (claims_to_lead(n))
        return 0;
    return n->leader_changed_ms + FOLLOW_PERIODS * s->debug_ms[T_PUBLISH_PERIOD];
}

static void correct(struct sentinel *s, struct node *n, struct actions *out)
{
    node_set_role(s, n, n->group->leader, n->group->config_epoch, out);
    notice(s, out, LEVEL_NOTICE, n->group,
           claims_to_lead(n) ? "+convert-to-slave" : "+fix-slave-config", "%s",
           inst_node(s, n).text);
}

static uint64_t min_u64(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

static uint64_t look_at(struct sentinel *s, struct node *n, struct actions *out)
{
    struct group *g = n->group;
    uint64_t slow = slow_ms(s, n), quick = quick_ms(s, n);

    if (n->demote_sent && s->now_ms < n->demote_ms + SEND_AGAIN_MS)
        return n->demote_ms + SEND_AGAIN_MS;
    if (s->now_ms >= slow) {
        correct(s, n, out);
        return s->now_ms + SEND_AGAIN_MS;
    }
    if (s->now_ms < quick)
        return min_u64(quick, slow);
    start_confirming(s, g, out);
    if (is_confirmed(s, g)) {
        correct(s, n, out);
        return s->now_ms + SEND_AGAIN_MS;
    }
    return min_u64(g->confirm_ms + CONFIRM_AGAIN_MS, slow);
}

/* Everybody follows: nothing sane is left to wait for, and nobody else can be meant. */
static bool nobody_leads(const struct group *g)
{
    const struct node *l = g->leader;

    if (!node_is_up(l) || l->role_reported != ROLE_FOLLOWER || !node_at(g, &l->facts.leader) ||
        l->info_ms < l->lines[LINE_CMD].changed_ms)
        return false;
    EACH_NODE (g, link)
        if (NODE_OF(link)->role_reported == ROLE_LEADER)
            return false;
    return true;
}

static uint64_t restore_leader(struct sentinel *s, struct group *g, struct actions *out)
{
    struct node *l = g->leader;
    uint64_t settled_ms = l->role_reported_ms + s->debug_ms[T_PUBLISH_PERIOD];

    if (s->now_ms < settled_ms)
        return settled_ms;
    if (s->now_ms < l->demote_ms + SEND_AGAIN_MS)
        return l->demote_ms + SEND_AGAIN_MS;
    start_confirming(s, g, out);
    if (is_confirmed(s, g)) {
        note(out, LEVEL_WARNING, "leader-restored", "%s", inst_node(s, l).text);
        node_set_role(s, l, NULL, g->config_epoch, out);
        return s->now_ms + SEND_AGAIN_MS;
    }
    return g->confirm_ms + CONFIRM_AGAIN_MS;
}

uint64_t stray_evaluate(struct sentinel *s, struct group *g, struct actions *out)
{
    enum failover_state state = g->failover.state;
    uint64_t next = TIMER_NEVER;
    bool any = false;

    if (s->tilt || chartered(g) || (state != FO_NONE && state != FO_RECONF_SLAVES))
        return TIMER_NEVER;
    if (MUTATED(s, MUT_NO_DEMOTION))
        return TIMER_NEVER;
    if (nobody_leads(g))
        return restore_leader(s, g, out);
    if (!leader_looks_sane(s, g))
        return TIMER_NEVER;
    EACH_NODE (g, link) {
        struct node *n = NODE_OF(link);

        /* While I re-point, followers are the captain's affair, which is me. */
        if (!is_stray(n) || (state == FO_RECONF_SLAVES && !claims_to_lead(n)))
            continue;
        any = true;
        next = min_u64(next, look_at(s, n, out));
    }
    if (!any)
        g->confirm_ms = 0;
    return next;
}
