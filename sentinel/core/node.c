#include "sentinel/core/node.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "common/alloc.h"
#include "sentinel/core/group.h"
#include "sentinel/core/line.h"
#include "sentinel/core/mutation.h"
#include "sentinel/core/notice.h"
#include "sentinel/core/peer.h"

enum {
    INFO_HANDOVER_MS = 5,   /* while a leader hands over: the moment of promotion is wanted */
    INFO_PROMOTION_MS = 50, /* beside the EXEC reply, which normally is earlier */
    INFO_REPOINT_MS = 20,   /* at first; then a quarter of the time it has taken so far */
    INFO_BUSY_MS = 1000,    /* while anything is wrong with the group */
    SETTLE_MS = 10000,      /* a new connection or role: followers are still arriving */
    HANDED_ON_MS = 2000,    /* a captain that lives has spread by then who leads */
};

struct node *node_add(struct sentinel *s, struct group *g, const struct addr *a)
{
    struct node *n;

    if (g->node_count >= NODES_PER_GROUP_MAX)
        return NULL;
    n = xcalloc(1, sizeof *n);
    n->id = ++s->next_id;
    n->group = g;
    n->addr = *a;
    n->timer.kind = TIMER_NODE;
    n->facts.priority = 100;
    n->facts.announced = true;
    n->role_reported = g->leader ? ROLE_FOLLOWER : ROLE_LEADER;
    n->role_reported_ms = n->leader_changed_ms = s->now_ms;
    vitals_init(s, &n->vitals);
    for (int i = 0; i < LINE_COUNT; i++)
        line_init(s, &n->lines[i]);
    list_push_back(&g->nodes, &n->of_group);
    g->node_count++;
    index_put(&s->ids, index_number(&n->id), &n->timer);
    timer_set(&s->timers, &n->timer, s->now_ms);
    return n;
}

void node_remove(struct sentinel *s, struct node *n, struct actions *out)
{
    for (int i = 0; i < LINE_COUNT; i++)
        line_fini(s, &n->lines[i]);
    act(out, ACT_FORGET, n->id);
    timer_set(&s->timers, &n->timer, TIMER_NEVER);
    index_remove(&s->ids, index_number(&n->id));
    list_remove(&n->of_group);
    n->group->node_count--;
    xfree(n->info_text);
    xfree(n);
}

bool node_is_at(const struct node *n, const struct addr *a)
{
    return addr_eq(&n->addr, a) || (n->addr.port == a->port && strcasecmp(n->ip, a->host) == 0);
}

struct node *node_at(const struct group *g, const struct addr *a)
{
    EACH_NODE (g, link)
        if (node_is_at(NODE_OF(link), a))
            return NODE_OF(link);
    return NULL;
}

bool node_is_up(const struct node *n)
{
    return n->lines[LINE_CMD].state == LINE_UP && n->verdict == VERDICT_UP;
}

void node_ping(struct sentinel *s, struct node *n, struct actions *out)
{
    if (n->lines[LINE_CMD].state != LINE_UP)
        return;
    act(out, ACT_PING, n->id);
    vitals_pinged(s, &n->vitals);
}

void node_ask_info(struct sentinel *s, struct node *n, struct actions *out)
{
    if (n->lines[LINE_CMD].state != LINE_UP)
        return;
    if (n->info_waiting) {
        n->info_again = s->now_ms > n->info_sent_ms;
        return;
    }
    n->info_again = false;
    act(out, ACT_INFO, n->id);
    n->info_waiting = true;
    n->info_sent_ms = s->now_ms;
    n->info_spread = (uint32_t)rng_below(&s->rng, 256);
}

void node_hello(struct sentinel *s, struct node *n, struct actions *out)
{
    if (n->lines[LINE_CMD].state != LINE_UP)
        return;
    n->hello_owed = false;
    act(out, ACT_HELLO, n->id)->text = group_hello(s, n->group, n->lines[LINE_CMD].local_ip);
}

void node_set_role(struct sentinel *s, struct node *n, const struct node *to, uint64_t tag,
                   struct actions *out)
{
    struct action *a = act(out, ACT_ROLE, n->id);

    a->tag = tag;
    a->abort_failover = n->facts.failover_running;
    if (to)
        a->addr = to->addr;
    if (to && to->ip[0] && !s->globals.announce_hostnames)
        snprintf(a->addr.host, sizeof a->addr.host, "%s", to->ip);
    n->demote_sent = to != NULL;
    n->demote_ms = s->now_ms;
}

void node_redial(struct sentinel *s, struct node *n, struct actions *out)
{
    for (int i = 0; i < LINE_COUNT; i++)
        line_hang_up(s, &n->lines[i], n->id, (enum line_kind)i, out);
    n->info_waiting = n->info_again = n->demote_sent = false;
    vitals_lost(&n->vitals);
    timer_set(&s->timers, &n->timer, s->now_ms);
}

bool node_is_fast(const struct node *n)
{
    enum fast_detection fast = n->group->set.fast_detection;

    return fast == FAST_YES || (fast == FAST_AUTO && n->facts.holdfast);
}

/* Of a node that never told me what it is, a witness's hard verdict tells. */
static bool may_be_fast(const struct node *n)
{
    return node_is_fast(n) || (n->info_ms == 0 && n->group->set.fast_detection == FAST_AUTO);
}

static uint64_t max_u64(uint64_t a, uint64_t b)
{
    return a > b ? a : b;
}

/* A leader that says it follows is as good as dead, but is given time: somebody may be at work. Not much, where the
 * one that it follows says in turn that it leads: between the two it is settled, and no captain has come to tell. */
static uint64_t misreported_ms(const struct sentinel *s, const struct node *n)
{
    const struct node *heir;

    if (n != n->group->leader || n->role_reported != ROLE_FOLLOWER)
        return TIMER_NEVER;
    heir = group_leaders_leader(n->group);
    if (heir && node_is_up(heir) && heir->role_reported == ROLE_LEADER)
        return max_u64(n->leader_changed_ms, heir->role_reported_ms) + HANDED_ON_MS;
    return n->role_reported_ms + n->group->set.down_after_ms + 2 * s->debug_ms[T_INFO_PERIOD];
}

static uint64_t loading_too_long_ms(const struct node *n)
{
    uint64_t patience = n->group->set.master_reboot_down_after_ms;

    return n->rebooted && patience > 0 ? n->born_ms + patience : TIMER_NEVER;
}

static enum verdict judgement(const struct sentinel *s, const struct node *n)
{
    if (n->reborn_until_ms > s->now_ms || (n->refused && node_is_fast(n)))
        return VERDICT_HARD;
    if (n->witnessed && may_be_fast(n))
        return VERDICT_HARD;
    if (s->now_ms >= vitals_silent_ms(s, &n->vitals, n->group->set.down_after_ms))
        return VERDICT_SOFT;
    if (s->now_ms >= misreported_ms(s, n) || s->now_ms >= loading_too_long_ms(n))
        return VERDICT_SOFT;
    return VERDICT_UP;
}

/* A silent connection may hang where a new one would get through. */
static void refresh_lines(struct sentinel *s, struct node *n, struct actions *out)
{
    if (n->lines[LINE_CMD].state == LINE_UP && n->vitals.unanswered_ms > n->vitals.pong_ms)
        node_redial(s, n, out);
}

void node_judge(struct sentinel *s, struct node *n, struct actions *out)
{
    enum verdict now = judgement(s, n), before = n->verdict;

    if (s->tilt || now == before)
        return;
    n->verdict = now;
    group_mark(s, n->group);
    if (before != VERDICT_UP && now != VERDICT_UP)
        return;
    if (now == VERDICT_UP) {
        notice(s, out, LEVEL_WARNING, n->group, "-sdown", "%s", inst_node(s, n).text);
        node_ask_info(s, n, out);
        return;
    }
    n->down_since_ms = s->now_ms;
    n->script_killed = false;
    notice(s, out, LEVEL_WARNING, n->group, "+sdown", "%s", inst_node(s, n).text);
    if (now == VERDICT_SOFT)
        refresh_lines(s, n, out);
    if (n == n->group->leader)
        group_hurry(s, n->group, out);
}

/* Somebody who was connected to it and lost it; of the same leader by the same configuration. */
static bool has_witness(const struct group *g)
{
    LIST_EACH (&g->seats, link) {
        const struct seat *seat = SEAT_OF(link);

        if (seat->verdict == VERDICT_HARD && seat_is_holdfast(seat) &&
            seat->config_epoch == g->config_epoch && node_is_at(g->leader, &seat->leader))
            return true;
    }
    return false;
}

void node_hear_witness(struct sentinel *s, struct node *n, struct actions *out)
{
    if (n->witnessed || n != n->group->leader)
        return;
    if (!n->shut && !MUTATED(s, MUT_HEARSAY))
        return;
    if (!has_witness(n->group))
        return;
    n->witnessed = true;
    node_judge(s, n, out);
}

static uint64_t info_period_ms(const struct sentinel *s, const struct node *n)
{
    const struct group *g = n->group;
    const struct failover *f = &g->failover;
    uint64_t usual = s->debug_ms[T_INFO_PERIOD], took = s->now_ms - n->reconf_ms;

    usual -= usual * n->info_spread / 1024;

    if (f->state == FO_WAIT_PROMOTION && f->handover && (n->id == f->chosen || n == g->leader))
        return INFO_HANDOVER_MS;
    if (f->state == FO_SEND_NOONE && f->planned && n == g->leader)
        return INFO_HANDOVER_MS;
    if (f->state == FO_WAIT_PROMOTION && n->id == f->chosen)
        return INFO_PROMOTION_MS;
    if (n->reconf == RECONF_SENT || n->reconf == RECONF_INPROG)
        return took / 4 < INFO_REPOINT_MS ? INFO_REPOINT_MS
               : took / 4 > INFO_BUSY_MS  ? INFO_BUSY_MS
                                          : took / 4;
    if (usual <= INFO_BUSY_MS)
        return usual;
    if (n->role_reported != (n == g->leader ? ROLE_LEADER : ROLE_FOLLOWER))
        return INFO_BUSY_MS;
    if (s->now_ms < n->lines[LINE_CMD].changed_ms + SETTLE_MS ||
        s->now_ms < n->role_reported_ms + SETTLE_MS)
        return INFO_BUSY_MS;
    if (n == g->leader)
        return f->state != FO_NONE ? INFO_BUSY_MS : usual;
    if (g->leader->verdict != VERDICT_UP || f->state != FO_NONE || !n->facts.link_up)
        return INFO_BUSY_MS;
    return usual;
}

static uint64_t tick_pubsub(struct sentinel *s, struct node *n, struct actions *out)
{
    struct line *l = &n->lines[LINE_PUBSUB];
    uint64_t quiet_ms = 2 * HELLO_CALM_NODES * s->debug_ms[T_PUBLISH_PERIOD];

    if (l->state == LINE_UP && s->now_ms >= l->heard_ms + quiet_ms) {
        note(out, LEVEL_DEBUG, "-pubsub-link-reconnection", "%s", inst_node(s, n).text);
        line_hang_up(s, l, n->id, LINE_PUBSUB, out);
    }
    if (n->lines[LINE_CMD].state == LINE_UP && line_dial_ms(l) <= s->now_ms)
        line_dial(s, l, n->id, LINE_PUBSUB, &n->vitals, out);
    if (l->state == LINE_UP)
        return l->heard_ms + quiet_ms;
    return n->lines[LINE_CMD].state == LINE_UP ? line_dial_ms(l) : TIMER_NEVER;
}

static void recycle_hung(struct sentinel *s, struct node *n, struct actions *out)
{
    const struct vitals *v = &n->vitals;

    if (v->unanswered_ms == 0 || v->unanswered_ms <= v->pong_ms)
        return;
    if (s->now_ms - v->unanswered_ms <= n->group->set.down_after_ms / 2)
        return;
    if (s->now_ms - n->lines[LINE_CMD].changed_ms <= s->debug_ms[T_MIN_LINK_RECONNECT_PERIOD])
        return;
    note(out, LEVEL_DEBUG, "-cmd-link-reconnection", "%s", inst_node(s, n).text);
    node_redial(s, n, out);
}

/* What would be due before the next PING leaves with this one: one packet there, one back. */
static void ride_along(struct sentinel *s, struct node *n, uint64_t next_ping_ms,
                       struct actions *out)
{
    if (n->hello_owed)
        node_hello(s, n, out);
    if (!n->info_waiting && n->info_sent_ms + info_period_ms(s, n) < next_ping_ms)
        node_ask_info(s, n, out);
}

static uint64_t tick_cmd(struct sentinel *s, struct node *n, struct actions *out)
{
    struct line *l = &n->lines[LINE_CMD];
    uint64_t period = ping_period_ms(s, n->group->set.down_after_ms), due;

    if (l->state == LINE_UP)
        recycle_hung(s, n, out);
    if (line_dial_ms(l) <= s->now_ms)
        line_dial(s, l, n->id, LINE_CMD, &n->vitals, out);
    if (l->state != LINE_UP)
        return line_dial_ms(l);
    if (s->now_ms >= ping_due_ms(&n->vitals, period)) {
        node_ping(s, n, out);
        ride_along(s, n, s->now_ms + period, out);
    }
    due = ping_due_ms(&n->vitals, period);
    if (n->info_waiting)
        return due;
    if (s->now_ms >= n->info_sent_ms + info_period_ms(s, n))
        node_ask_info(s, n, out);
    else if (n->info_sent_ms + info_period_ms(s, n) < due)
        due = n->info_sent_ms + info_period_ms(s, n);
    return due;
}

/* The next moment at which time alone changes my opinion. */
static uint64_t judge_ms(const struct sentinel *s, const struct node *n)
{
    uint64_t moments[] = {
        n->verdict == VERDICT_UP ? vitals_silent_ms(s, &n->vitals, n->group->set.down_after_ms)
                                 : TIMER_NEVER,
        n->verdict == VERDICT_UP ? misreported_ms(s, n) : TIMER_NEVER,
        n->verdict == VERDICT_UP ? loading_too_long_ms(n) : TIMER_NEVER,
        n->reborn_until_ms > s->now_ms ? n->reborn_until_ms : TIMER_NEVER,
    };
    uint64_t next = TIMER_NEVER;

    for (size_t i = 0; i < ARRAY_LEN(moments); i++)
        if (moments[i] < next)
            next = moments[i];
    return next;
}

void node_tick(struct sentinel *s, struct node *n, struct actions *out)
{
    uint64_t next, at;

    node_judge(s, n, out);
    next = tick_cmd(s, n, out);
    at = tick_pubsub(s, n, out);
    next = at < next ? at : next;
    at = judge_ms(s, n);
    /* In TILT nothing is judged; its end looks at every node again. */
    if (!s->tilt && at > s->now_ms)
        next = at < next ? at : next;
    timer_set(&s->timers, &n->timer, next);
}

/* The leader's INFO may have named by address, before it was resolved, whom the file names. */
static void forget_twin(struct sentinel *s, struct node *n, struct actions *out)
{
    struct group *g = n->group;

    EACH_NODE (g, link) {
        struct node *twin = NODE_OF(link);

        if (twin == n || twin == g->leader || twin->id == g->failover.chosen)
            continue;
        if (twin->addr.port != n->addr.port || strcasecmp(twin->addr.host, n->ip) != 0)
            continue;
        persist_node(g, &twin->addr, false, out);
        node_remove(s, twin, out);
        return;
    }
}

void node_line_up(struct sentinel *s, struct node *n, const struct event *ev, struct actions *out)
{
    if (!line_up(s, &n->lines[ev->line.kind], ev->line.local_ip))
        return;
    if (ev->line.kind == LINE_PUBSUB) {
        node_tick(s, n, out);
        return;
    }
    if (ev->line.peer_ip && strcmp(n->ip, ev->line.peer_ip) != 0) {
        snprintf(n->ip, sizeof n->ip, "%s", ev->line.peer_ip);
        forget_twin(s, n, out);
    }
    n->info_waiting = n->info_again = n->demote_sent = n->shut = false;
    node_ping(s, n, out);
    node_ask_info(s, n, out);
    node_hello(s, n, out);
    group_mark(s, n->group);
    node_tick(s, n, out);
}

void node_line_down(struct sentinel *s, struct node *n, const struct event *ev, struct actions *out)
{
    struct line *l = &n->lines[ev->line.kind];
    bool was_up;

    if (!line_down(s, l, ev->line.why, &was_up))
        return;
    line_tell(l, ev->line.why, inst_node(s, n).text, out);
    if (ev->line.kind == LINE_CMD) {
        n->info_waiting = n->info_again = n->demote_sent = false;
        vitals_lost(&n->vitals);
        /* The one hard proof: it was there, and now its host says that nobody listens. */
        if (!was_up && l->was_up && ev->line.why == DOWN_REFUSED)
            n->refused = true;
        n->shut = !was_up && ev->line.why == DOWN_REFUSED;
        node_hear_witness(s, n, out);
        if (n->id == n->group->failover.chosen)
            n->group->failover.command_sent = false;
        group_mark(s, n->group);
    }
    node_tick(s, n, out);
}

void node_pong(struct sentinel *s, struct node *n, enum pong_kind kind, struct actions *out)
{
    if (n->lines[LINE_CMD].state != LINE_UP)
        return;
    if (kind == PONG_BUSY && n->verdict != VERDICT_UP && !n->script_killed) {
        n->script_killed = true;
        act(out, ACT_SCRIPT_KILL, n->id);
    }
    if (!vitals_pong(s, &n->vitals, kind))
        return;
    n->refused = n->witnessed = false;
    n->lines[LINE_CMD].was_up = false;
    if (kind == PONG_OK)
        n->rebooted = false;
    if (n->verdict != VERDICT_UP) {
        node_judge(s, n, out);
        node_tick(s, n, out);
    }
}
