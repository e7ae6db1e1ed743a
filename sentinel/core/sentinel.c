#include "sentinel/core/sentinel.h"

#include <stdio.h>
#include <string.h>

#include "common/alloc.h"
#include "sentinel/core/agree.h"
#include "sentinel/core/chartered.h"
#include "sentinel/core/failover.h"
#include "sentinel/core/gossip.h"
#include "sentinel/core/group.h"
#include "sentinel/core/node.h"
#include "sentinel/core/notice.h"
#include "sentinel/core/pause.h"
#include "sentinel/core/peer.h"
#include "sentinel/core/planned.h"
#include "sentinel/core/request.h"
#include "sentinel/core/script.h"
#include "sentinel/core/tilt.h"
#include "sentinel/core/vote.h"

enum { DIALS_PER_MS = 2 };

#define GROUP_OF(n) LIST_ENTRY(n, struct group, of_sentinel)

void sentinel_init(struct sentinel *s, uint64_t seed)
{
    *s = (struct sentinel){ .wake_ms = UINT64_MAX };
    globals_defaults(&s->globals);
    rng_seed(&s->rng, seed);
    list_init(&s->groups);
    list_init(&s->peers);
    list_init(&s->scripts);
    list_init(&s->changed);
    s->scripts_timer.kind = TIMER_SCRIPTS;
    s->tilt_timer.kind = TIMER_TILT;
    for (int i = 0; i < T_COUNT; i++)
        s->debug_ms[i] = debug_timers[i].def_ms;
}

void sentinel_fini(struct sentinel *s)
{
    struct actions unheard = { 0 };

    LIST_EACH (&s->groups, link)
        group_remove(s, GROUP_OF(link), &unheard);
    script_fini_all(s);
    actions_fini(&unheard);
    index_fini(&s->ids);
    index_fini(&s->by_name);
    index_fini(&s->by_run_id);
    timer_heap_fini(&s->timers);
    globals_fini(&s->globals);
}

static void load_group(struct sentinel *s, const struct config_group *from, uint64_t wall_ms,
                       struct actions *out)
{
    struct group *g;
    bool is_new;

    if (sentinel_find_group(s, bytes_of(from->name)))
        return;
    g = group_add(s, from->name, &from->leader, &from->set);
    snprintf(g->leader->ip, sizeof g->leader->ip, "%s", from->leader_ip);
    pause_load(s, g, from, wall_ms);
    g->config_epoch = from->config_epoch;
    g->vote_epoch = from->vote_epoch;
    memcpy(g->vote_id, from->vote_id, sizeof g->vote_id);
    g->voted_ms = g->vote_epoch > g->config_epoch ? s->now_ms : 0;
    for (size_t i = 0; i < from->node_count; i++)
        if (!node_at(g, &from->nodes[i]))
            node_add(s, g, &from->nodes[i]);
    for (size_t i = 0; i < from->peer_count; i++)
        if (strcmp(from->peers[i].id, s->globals.my_id) != 0)
            seat_add(s, g, from->peers[i].id, &from->peers[i].addr, &is_new);
    if (g->vote_epoch > s->current_epoch)
        s->current_epoch = g->vote_epoch;
    if (g->config_epoch > s->current_epoch)
        s->current_epoch = g->config_epoch;
    notice(s, out, LEVEL_WARNING, g, "+monitor", "%s quorum %u", inst_group(s, g).text,
           g->set.quorum);
}

/* A thousand groups are not dialled in one moment: DIALS_PER_MS. */
static void spread_dials(struct sentinel *s)
{
    uint64_t dials = 0;

    LIST_EACH (&s->groups, link) {
        LIST_EACH (&GROUP_OF(link)->nodes, of) {
            struct node *n = NODE_OF(of);

            n->lines[LINE_CMD].dial_at_ms = s->now_ms + dials++ / DIALS_PER_MS;
            timer_set(&s->timers, &n->timer, n->lines[LINE_CMD].dial_at_ms);
        }
    }
}

static void load(struct sentinel *s, const struct event *ev, struct actions *out)
{
    ASSERT(!s->loaded);
    s->loaded = true;
    globals_copy(&s->globals, &ev->load->globals);
    s->current_epoch = ev->load->current_epoch;
    for (size_t i = 0; i < ev->load->group_count; i++)
        load_group(s, &ev->load->groups[i], ev->load->wall_ms, out);
    spread_dials(s);
}

static void run_timer(struct sentinel *s, struct timer *t, struct actions *out)
{
    switch ((enum timer_kind)t->kind) {
    case TIMER_GROUP:
        group_mark(s, CONTAINER_OF(t, struct group, timer));
        break;
    case TIMER_NODE:
        node_tick(s, CONTAINER_OF(t, struct node, timer), out);
        break;
    case TIMER_PEER:
        peer_tick(s, CONTAINER_OF(t, struct peer, timer), out);
        break;
    case TIMER_SCRIPTS:
        script_tick(s, out);
        break;
    case TIMER_TILT:
        tilt_tick(s, out);
        break;
    }
}

static void run_timers(struct sentinel *s, const struct event *ev, struct actions *out)
{
    struct timer *t;

    while ((t = timer_take_due(&s->timers, s->now_ms)))
        run_timer(s, t, out);
}

static void line_up_event(struct sentinel *s, const struct event *ev, struct actions *out)
{
    struct node *n = sentinel_find_node(s, ev->id);
    struct peer *p = sentinel_find_peer(s, ev->id);

    if (n)
        node_line_up(s, n, ev, out);
    else if (p && ev->line.kind == LINE_CMD)
        peer_line_up(s, p, ev, out);
}

static void line_down_event(struct sentinel *s, const struct event *ev, struct actions *out)
{
    struct node *n = sentinel_find_node(s, ev->id);
    struct peer *p = sentinel_find_peer(s, ev->id);

    if (n)
        node_line_down(s, n, ev, out);
    else if (p && ev->line.kind == LINE_CMD)
        peer_line_down(s, p, ev->line.why, out);
}

static void pong_event(struct sentinel *s, const struct event *ev, struct actions *out)
{
    struct node *n = sentinel_find_node(s, ev->id);
    struct peer *p = sentinel_find_peer(s, ev->id);

    if (n)
        node_pong(s, n, ev->pong, out);
    else if (p)
        peer_pong(s, p, ev->pong, out);
}

static void info_event(struct sentinel *s, const struct event *ev, struct actions *out)
{
    struct node *n = sentinel_find_node(s, ev->id);

    if (n)
        node_info(s, n, ev, out);
}

static void role_done_event(struct sentinel *s, const struct event *ev, struct actions *out)
{
    struct node *n = sentinel_find_node(s, ev->id);

    if (n)
        failover_role_done(s, n, ev, out);
}

static void failover_done_event(struct sentinel *s, const struct event *ev, struct actions *out)
{
    struct node *n = sentinel_find_node(s, ev->id);

    if (n)
        failover_handover_done(s, n, ev, out);
}

static void ask_reply_event(struct sentinel *s, const struct event *ev, struct actions *out)
{
    struct peer *p = sentinel_find_peer(s, ev->id);

    if (p)
        agree_ask_reply(s, p, ev, out);
}

static void probe_reply_event(struct sentinel *s, const struct event *ev, struct actions *out)
{
    struct peer *p = sentinel_find_peer(s, ev->id);

    if (p)
        peer_probed(s, p, ev->protocol, out);
}

static void state_reply_event(struct sentinel *s, const struct event *ev, struct actions *out)
{
    struct peer *p = sentinel_find_peer(s, ev->id);

    if (p)
        gossip_state_reply(s, p, ev->tag, ev->state.view, out);
}

static void script_started_event(struct sentinel *s, const struct event *ev, struct actions *out)
{
    script_started(s, ev->script.job, ev->script.pid, out);
}

static void script_done_event(struct sentinel *s, const struct event *ev, struct actions *out)
{
    script_done(s, ev->script.job, ev->script.exit_code, ev->script.signal, out);
}

typedef void event_fn(struct sentinel *, const struct event *, struct actions *);
static event_fn *const handlers[EV_COUNT] = {
    [EV_LOAD] = load,
    [EV_TIME] = run_timers,
    [EV_LINE_UP] = line_up_event,
    [EV_LINE_DOWN] = line_down_event,
    [EV_PONG] = pong_event,
    [EV_INFO] = info_event,
    [EV_HELLO] = gossip_hello,
    [EV_ROLE_DONE] = role_done_event,
    [EV_FAILOVER_DONE] = failover_done_event,
    [EV_ASK_REPLY] = ask_reply_event,
    [EV_PROBE_REPLY] = probe_reply_event,
    [EV_STATE_REPLY] = state_reply_event,
    [EV_ASK] = vote_asked,
    [EV_STATE] = gossip_state,
    [EV_MONITOR] = request_monitor,
    [EV_REMOVE] = request_remove,
    [EV_SET] = request_set,
    [EV_RESET] = request_reset,
    [EV_FAILOVER] = planned_asked,
    [EV_SIMULATE] = request_simulate,
    [EV_DEBUG] = request_debug,
    [EV_GLOBALS] = request_globals,
    [EV_PAUSE] = pause_event,
    [EV_CHARTERED] = chartered_event,
    [EV_SERVES] = chartered_serves,
    [EV_NEWS] = chartered_news,
    [EV_SCRIPT_STARTED] = script_started_event,
    [EV_SCRIPT_DONE] = script_done_event,
};

void sentinel_step(struct sentinel *s, const struct event *ev, struct actions *out)
{
    ASSERT(ev->now_ms >= s->now_ms);
    ASSERT(s->loaded || ev->kind == EV_LOAD);
    s->steps++;
    tilt_measure(s, ev->now_ms, out);
    handlers[ev->kind](s, ev, out);
    group_evaluate_marked(s, out);
    s->wake_ms = timer_next_ms(&s->timers);
}

uint64_t sentinel_wake_ms(const struct sentinel *s)
{
    return s->wake_ms;
}

struct group *sentinel_find_group(const struct sentinel *s, struct bytes name)
{
    return index_find(&s->by_name, name);
}

struct node *sentinel_find_node(const struct sentinel *s, uint64_t id)
{
    struct timer *t = index_find(&s->ids, index_number(&id));

    return t && t->kind == TIMER_NODE ? CONTAINER_OF(t, struct node, timer) : NULL;
}

struct peer *sentinel_find_peer(const struct sentinel *s, uint64_t id)
{
    struct timer *t = index_find(&s->ids, index_number(&id));

    return t && t->kind == TIMER_PEER ? CONTAINER_OF(t, struct peer, timer) : NULL;
}

/* Asked a few times in a failover and never at rest, so a walk is good enough. */
struct group *sentinel_find_leader(const struct sentinel *s, const struct addr *leader)
{
    LIST_EACH (&s->groups, link)
        if (node_is_at(GROUP_OF(link)->leader, leader))
            return GROUP_OF(link);
    return NULL;
}
