#include "sentinel/core/group.h"

#include <stdio.h>
#include <string.h>

#include "common/alloc.h"
#include "sentinel/core/agree.h"
#include "sentinel/core/failover.h"
#include "sentinel/core/line.h"
#include "sentinel/core/mutation.h"
#include "sentinel/core/node.h"
#include "sentinel/core/notice.h"
#include "sentinel/core/pause.h"
#include "sentinel/core/peer.h"
#include "sentinel/core/planned.h"
#include "sentinel/core/script.h"
#include "sentinel/core/stray.h"

struct group *group_add(struct sentinel *s, const char *name, const struct addr *leader,
                        const struct group_settings *set)
{
    struct group *g = xcalloc(1, sizeof *g);

    g->id = ++s->next_id;
    g->added_ms = s->now_ms;
    g->timer.kind = TIMER_GROUP;
    snprintf(g->name, sizeof g->name, "%s", name);
    group_settings_copy(&g->set, set);
    list_init(&g->nodes);
    list_init(&g->seats);
    g->leader = node_add(s, g, leader);
    /* Spread, so that a thousand groups do not all speak in one moment. */
    g->hello_ms = s->now_ms - rng_below(&s->rng, s->debug_ms[T_PUBLISH_PERIOD]);
    list_push_back(&s->groups, &g->of_sentinel);
    s->group_count++;
    index_put(&s->by_name, bytes_of(g->name), g);
    group_mark(s, g);
    return g;
}

static void drop_followers(struct sentinel *s, struct group *g, struct actions *out)
{
    EACH_NODE (g, link)
        if (NODE_OF(link) != g->leader)
            node_remove(s, NODE_OF(link), out);
}

void group_remove(struct sentinel *s, struct group *g, struct actions *out)
{
    planned_drop(g, out);
    LIST_EACH (&g->seats, link)
        seat_remove(s, SEAT_OF(link), out);
    drop_followers(s, g, out);
    node_remove(s, g->leader, out);
    group_set_agreed(s, g, false);
    timer_set(&s->timers, &g->timer, TIMER_NEVER);
    list_remove(&g->changed);
    list_remove(&g->of_sentinel);
    s->group_count--;
    index_remove(&s->by_name, bytes_of(g->name));
    group_settings_fini(&g->set);
    xfree(g);
}

const struct node *group_leaders_leader(const struct group *g)
{
    const struct node *l = g->leader, *heir = node_at(g, &l->facts.leader);

    return l->role_reported == ROLE_FOLLOWER && heir != l ? heir : NULL;
}

static void find_again(struct sentinel *s, struct group *g, const struct addr *a,
                       struct actions *out)
{
    const struct node *n = node_add(s, g, a);

    persist_node(g, a, true, out);
    notice(s, out, LEVEL_NOTICE, g, "+slave", "%s", inst_node(s, n).text);
}

void group_reset(struct sentinel *s, struct group *g, struct actions *out)
{
    struct addr leader = g->leader->addr, heir = { 0 };
    struct node *old = g->leader;

    if (group_leaders_leader(g))
        heir = group_leaders_leader(g)->addr;

    LIST_EACH (&g->seats, link)
        if (MUTATED(s, MUT_RESET_FORGETS_VOTERS))
            seat_remove(s, SEAT_OF(link), out);
        else
            seat_vacate(s, SEAT_OF(link));
    drop_followers(s, g, out);
    g->leader = NULL;
    g->leader = node_add(s, g, &leader);
    node_remove(s, old, out);
    g->failover = (struct failover){ 0 };
    group_set_agreed(s, g, false);
    g->no_candidate_told = false;
    g->retry_ms = g->confirm_ms = g->voted_ms = 0;
    g->lost_elections = 0;
    persist_group(g, REC_GROUP_RESET, out);
    notice(s, out, LEVEL_WARNING, g, "+reset-master", "%s", inst_group(s, g).text);
    if (heir.port)
        find_again(s, g, &heir, out);
    /* Peers in calm answer a hello that comes early with their own. */
    group_spread(s, g, out);
    group_mark(s, g);
}

void group_mark(struct sentinel *s, struct group *g)
{
    if (!list_linked(&g->changed))
        list_push_back(&s->changed, &g->changed);
}

void group_set_agreed(struct sentinel *s, struct group *g, bool agreed)
{
    if (agreed != g->agreed)
        s->agreed_groups += agreed ? 1 : -1;
    g->agreed = agreed;
}

static void evaluate(struct sentinel *s, struct group *g, struct actions *out)
{
    uint64_t next = seat_expire(s, g, out), at;

    at = pause_expire(s, g, out);
    next = at < next ? at : next;
    at = agree_evaluate(s, g, out);
    next = at < next ? at : next;
    at = failover_evaluate(s, g, out);
    next = at < next ? at : next;
    at = stray_evaluate(s, g, out);
    next = at < next ? at : next;
    /* The failover may have changed what peers are to be told. */
    at = agree_push(s, g, out);
    next = at < next ? at : next;
    timer_set(&s->timers, &g->timer, next);
}

void group_evaluate_marked(struct sentinel *s, struct actions *out)
{
    while (!list_empty(&s->changed)) {
        struct group *g = LIST_ENTRY(s->changed.next, struct group, changed);

        list_remove(&g->changed);
        evaluate(s, g, out);
    }
}

void group_hurry(struct sentinel *s, struct group *g, struct actions *out)
{
    EACH_NODE (g, link) {
        struct node *n = NODE_OF(link);

        if (s->now_ms > n->info_ms)
            node_ask_info(s, n, out);
        node_tick(s, n, out);
    }
}

static const char *my_ip(const struct sentinel *s, const char *local_ip)
{
    if (s->globals.announce_ip)
        return s->globals.announce_ip;
    return local_ip[0] ? local_ip : "127.0.0.1";
}

char *group_hello(const struct sentinel *s, const struct group *g, const char *local_ip)
{
    struct hello h = { .current_epoch = s->current_epoch, .config_epoch = g->config_epoch };
    struct buf text = { 0 };

    snprintf(h.from.host, sizeof h.from.host, "%s", my_ip(s, local_ip));
    h.from.port = s->globals.announce_port ? s->globals.announce_port : s->globals.listen_port;
    memcpy(h.id, s->globals.my_id, sizeof h.id);
    memcpy(h.group, g->name, sizeof h.group);
    h.leader = g->leader->addr;
    snprintf(h.leader.host, sizeof h.leader.host, "%s", node_host(s, g->leader));
    hello_format(&h, &text);
    return xrealloc(text.at, text.len + 1);
}

void group_spread(struct sentinel *s, struct group *g, struct actions *out)
{
    g->hello_ms = s->now_ms;
    EACH_NODE (g, link)
        node_hello(s, NODE_OF(link), out);
    LIST_EACH (&g->seats, link)
        seat_hello(s, SEAT_OF(link), out);
}

void group_spread_calmly(struct sentinel *s, struct group *g, struct actions *out)
{
    g->hello_ms = s->now_ms;
    g->nodes_heard = !g->nodes_heard;
    EACH_NODE (g, link)
        NODE_OF(link)->hello_owed |= g->nodes_heard;
    LIST_EACH (&g->seats, link)
        seat_hello(s, SEAT_OF(link), out);
}

struct view group_view(const struct sentinel *s, const struct group *g)
{
    struct view v = { .config_epoch = g->config_epoch, .leader = g->leader->addr };

    memcpy(v.group, g->name, sizeof v.group);
    snprintf(v.leader.host, sizeof v.leader.host, "%s", node_host(s, g->leader));
    v.verdict = s->tilt ? VERDICT_UP : g->leader->verdict;
    if (failover_is_captain(g))
        v.captain_epoch = g->failover.epoch;
    if (g->voted_ms > 0 && g->vote_epoch > g->config_epoch &&
        s->now_ms < g->voted_ms + VOTE_FRESH_MS)
        v.vote_epoch = g->vote_epoch;
    return v;
}

bool group_is_calm(const struct group *g)
{
    if (g->seat_count == 0)
        return false;
    LIST_EACH (&g->seats, link) {
        const struct peer *p = SEAT_OF(link)->peer;

        if (p->protocol == 0 || p->line.state != LINE_UP || SEAT_OF(link)->vacant_until_ms > 0)
            return false;
    }
    return true;
}

uint32_t group_majority(const struct group *g)
{
    return (g->seat_count + 1) / 2 + 1;
}

uint32_t group_peers(const struct group *g)
{
    uint32_t taken = 0;

    LIST_EACH (&g->seats, link)
        taken += SEAT_OF(link)->vacant_until_ms == 0;
    return taken;
}

uint32_t group_usable_voters(const struct group *g)
{
    uint32_t usable = 1;

    LIST_EACH (&g->seats, link)
        usable += SEAT_OF(link)->mine == VERDICT_UP && SEAT_OF(link)->vacant_until_ms == 0;
    return usable;
}

/* What belonged to the outage and the attempt is over with a new leader. */
static void forget_outage(struct sentinel *s, struct group *g)
{
    group_set_agreed(s, g, false);
    g->no_candidate_told = false;
    g->retry_ms = g->confirm_ms = 0;
    g->lost_elections = 0;
    if (g->vote_epoch <= g->config_epoch)
        g->voted_ms = 0;
    LIST_EACH (&g->seats, link) {
        SEAT_OF(link)->verdict = VERDICT_UP;
        if (SEAT_OF(link)->captain_epoch < g->config_epoch)
            SEAT_OF(link)->captain_epoch = 0;
    }
    EACH_NODE (g, link) {
        NODE_OF(link)->promoted = false;
        NODE_OF(link)->reborn_until_ms = 0;
        NODE_OF(link)->reconf = RECONF_NONE;
    }
}

void group_switch(struct sentinel *s, struct group *g, struct node *to, uint64_t config_epoch,
                  bool mine, struct actions *out)
{
    struct node *from = g->leader;

    g->config_epoch = config_epoch;
    g->leader = to;
    forget_outage(s, g);
    if (!MUTATED(s, MUT_CONFIG_NOT_PERSISTED))
        persist_config(g, out);
    script_reconfig(s, g, mine ? "leader" : "observer", from, to, out);
    notice(s, out, LEVEL_WARNING, g, "+switch-master", "%s %s %d %s %d", g->name,
           node_host(s, from), from->addr.port, node_host(s, to), to->addr.port);
    group_spread(s, g, out);
    EACH_NODE (g, link) {
        if (NODE_OF(link) == to)
            continue;
        notice(s, out, LEVEL_NOTICE, g, "+slave", "%s", inst_node(s, NODE_OF(link)).text);
        if (NODE_OF(link)->verdict != VERDICT_UP)
            notice(s, out, LEVEL_WARNING, g, "+sdown", "%s", inst_node(s, NODE_OF(link)).text);
    }
    to->role_reported_ms = from->role_reported_ms = s->now_ms;
    /* A former leader's verdict may have rested on its being one. */
    node_judge(s, from, out);
    node_judge(s, to, out);
    group_hurry(s, g, out);
    group_mark(s, g);
}
