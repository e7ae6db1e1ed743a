#include "sentinel/core/gossip.h"

#include <string.h>
#include <strings.h>

#include "common/alloc.h"
#include "sentinel/core/failover.h"
#include "sentinel/core/group.h"
#include "sentinel/core/mutation.h"
#include "sentinel/core/node.h"
#include "sentinel/core/notice.h"
#include "sentinel/core/peer.h"
#include "sentinel/core/vote.h"

enum { CONFLICT_SPAN = 16, PROBE_NOW_MS = 10 };

static void adopt(struct sentinel *s, struct group *g, struct seat *seat, uint64_t epoch,
                  const struct addr *leader, struct actions *out)
{
    struct node *to = node_at(g, leader);

    if (!vote_hear_epoch(s, g, epoch, out))
        return;
    if (to == g->leader) {
        g->config_epoch = epoch;
        persist_config(g, out);
        group_mark(s, g);
        return;
    }
    if (!to)
        to = node_add(s, g, leader);
    if (!to) {
        note(out, LEVEL_WARNING, "config-refused", "%s: more than %d nodes", g->name,
             NODES_PER_GROUP_MAX);
        return;
    }
    notice(s, out, LEVEL_WARNING, g, "+config-update-from", "%s", inst_seat(s, seat).text);
    failover_drop(s, g);
    group_switch(s, g, to, epoch, false, out);
}

/* Same epoch, another leader: the one thing that comparing epochs cannot heal. */
static void outbid(struct sentinel *s, struct group *g, const struct seat *seat,
                   struct actions *out)
{
    bool mine_to_heal =
        seat->peer->protocol == 0 || strcmp(s->globals.my_id, seat->peer->run_id) > 0;

    if (g->config_epoch == 0 || !mine_to_heal || g->failover.state != FO_NONE)
        return;
    if (s->current_epoch > EPOCH_MAX - CONFLICT_SPAN)
        return;
    note(out, LEVEL_WARNING, "config-conflict", "%s epoch %llu with %s", g->name,
         (unsigned long long)g->config_epoch, seat->peer->run_id);
    vote_raise_epoch(s, g, s->current_epoch + 1 + rng_below(&s->rng, CONFLICT_SPAN), out);
    g->config_epoch = s->current_epoch;
    persist_config(g, out);
    group_spread(s, g, out);
    group_mark(s, g);
}

/* At the first day's epoch nobody was elected: where my leader itself follows the peer's, the peer is right. */
static bool is_behind(const struct group *g, const struct addr *leader)
{
    const struct node *mine = g->leader, *theirs = node_at(g, leader);

    return g->config_epoch == 0 && g->failover.state == FO_NONE && theirs &&
           theirs->role_reported == ROLE_LEADER && mine->role_reported == ROLE_FOLLOWER &&
           node_is_at(theirs, &mine->facts.leader);
}

static void compare(struct sentinel *s, struct group *g, struct seat *seat, uint64_t epoch,
                    const struct addr *leader, struct actions *out)
{
    bool same_leader = node_is_at(g->leader, leader);

    if (g->chartered || !globals_admit(&s->globals, leader))
        return;
    if (epoch > g->config_epoch ||
        (MUTATED(s, MUT_EQUAL_EPOCH_ADOPTED) && !same_leader && epoch + 1 >= g->config_epoch))
        adopt(s, g, seat, epoch, leader, out);
    else if (epoch == g->config_epoch && !same_leader && is_behind(g, leader))
        adopt(s, g, seat, epoch, leader, out);
    else if (epoch == g->config_epoch && !same_leader)
        outbid(s, g, seat, out);
}

/* Another sentinel at an address where we knew one: the old one is gone, whoever it was. */
static void evict_at(struct sentinel *s, struct group *g, const struct hello *h,
                     struct actions *out)
{
    LIST_EACH (&g->seats, link) {
        struct peer *p = SEAT_OF(link)->peer;

        if (strcmp(p->run_id, h->id) == 0 || !addr_eq(&p->addr, &h->from))
            continue;
        notice(s, out, LEVEL_NOTICE, g, "+sentinel-invalid-addr", "%s",
               inst_seat(s, SEAT_OF(link)).text);
        for (uint32_t left = p->seat_count; left > 0; left--) {
            struct seat *seat = SEAT_OF_PEER(p->seats.next);

            group_mark(s, seat->group);
            persist_seat(seat, false, out);
            seat_remove(s, seat, out);
        }
        return;
    }
}

static void note_move(struct sentinel *s, struct seat *seat, const struct hello *h,
                      struct actions *out)
{
    struct peer *p = seat->peer;

    notice(s, out, LEVEL_NOTICE, seat->group, "+sentinel-address-switch", "%s ip %s port %d for %s",
           inst_group(s, seat->group).text, h->from.host, h->from.port, p->run_id);
    evict_at(s, seat->group, h, out);
    peer_move(s, p, &h->from, out);
    if (p->seat_count > 1)
        notice(s, out, LEVEL_NOTICE, seat->group, "+sentinel-address-update",
               "%s %u additional matching instances", inst_seat(s, seat).text, p->seat_count - 1);
}

static struct seat *meet(struct sentinel *s, struct group *g, const struct hello *h,
                         struct actions *out)
{
    struct peer *p = peer_find(s, h->id);
    struct seat *seat;
    bool is_new;

    if (!p)
        evict_at(s, g, h, out);
    seat = seat_add(s, g, h->id, &h->from, &is_new);
    if (!seat)
        return NULL;
    if (!addr_eq(&seat->peer->addr, &h->from))
        note_move(s, seat, h, out);
    if (!is_new && seat->vacant_until_ms == 0)
        return seat;
    seat->vacant_until_ms = 0;
    if (is_new) {
        persist_seat(seat, true, out);
        vote_forgot(s, g, h->current_epoch, out);
    }
    notice(s, out, LEVEL_NOTICE, g, "+sentinel", "%s", inst_seat(s, seat).text);
    /* It may not know me yet, and I may be calm. */
    group_spread(s, g, out);
    group_mark(s, g);
    return seat;
}

static bool is_mine(const struct sentinel *s, const struct hello *h, struct actions *out)
{
    int my_port = s->globals.announce_port ? s->globals.announce_port : s->globals.listen_port;

    if (strcmp(h->id, s->globals.my_id) != 0)
        return false;
    if (h->from.port != my_port)
        note(out, LEVEL_WARNING, "duplicate-sentinel-id", "%s also answers at %s:%d", h->id,
             h->from.host, h->from.port);
    return true;
}

/* A peer that speaks more often than in calm misses somebody, who may be me (after RESET, or REMOVE and
 * MONITOR): one hello over its own line tells. The copies of one round come within moments. */
static void answer_early(struct sentinel *s, struct seat *seat, struct actions *out)
{
    uint64_t period = s->debug_ms[T_PUBLISH_PERIOD], pause = s->now_ms - seat->hello_ms;

    if (pause >= period / 2 && pause < HELLO_CALM * period - period / 2 &&
        group_is_calm(seat->group))
        seat_hello(s, seat, out);
}

static void hear(struct sentinel *s, const struct hello *h, struct actions *out)
{
    struct group *g = sentinel_find_group(s, bytes_of(h->group));
    struct seat *seat;

    if (!g || is_mine(s, h, out) || !globals_admit(&s->globals, &h->from))
        return;
    seat = meet(s, g, h, out);
    if (!seat)
        return;
    answer_early(s, seat, out);
    seat->hello_ms = s->now_ms;
    (void)vote_hear_epoch(s, g, h->current_epoch, out);
    compare(s, g, seat, h->config_epoch, &h->leader, out);
}

void gossip_hello(struct sentinel *s, const struct event *ev, struct actions *out)
{
    struct node *n = sentinel_find_node(s, ev->id);

    if (n)
        n->lines[LINE_PUBSUB].heard_ms = s->now_ms;
    hear(s, ev->hello, out);
    if (ev->token)
        answer_integer(out, ev->token, 1);
}

/* The one I voted for says, without mentioning that vote, that it leads nothing: it lost. */
static bool gave_up(const struct group *g, const struct seat *seat, const struct view *v)
{
    return strcmp(g->vote_id, seat->peer->run_id) == 0 && v->captain_epoch == 0 &&
           v->vote_epoch != g->vote_epoch;
}

static void told(struct sentinel *s, struct group *g, struct seat *seat, const struct view *v,
                 struct actions *out)
{
    bool same_leader = node_is_at(g->leader, &v->leader);
    enum verdict before = seat->verdict;

    (void)vote_hear_epoch(s, g, v->captain_epoch > v->vote_epoch ? v->captain_epoch : v->vote_epoch,
                          out);
    seat->config_epoch = v->config_epoch;
    seat->leader = v->leader;
    seat->fresh_vote = v->vote_epoch;
    seat->confirmed_ms = s->now_ms;
    seat->captain_epoch = v->captain_epoch;
    seat->captain_ms = s->now_ms;
    seat->verdict = same_leader ? v->verdict : VERDICT_UP;
    seat->verdict_ms = s->now_ms;
    if (seat->verdict != VERDICT_UP && seat->verdict != before &&
        g->leader->verdict == VERDICT_UP && s->now_ms >= g->leader->vitals.sent_ms + PROBE_NOW_MS)
        node_ping(s, g->leader, out);
    group_mark(s, g);
    compare(s, g, seat, v->config_epoch, &v->leader, out);
    node_hear_witness(s, g->leader, out);
}

static void reply_view(const struct sentinel *s, const struct group *g, uint64_t token,
                       struct actions *out)
{
    struct action *a = act(out, ACT_REPLY, 0);

    a->token = token;
    a->reply.kind = REPLY_VIEW;
    a->view = xmalloc(sizeof *a->view);
    *a->view = group_view(s, g);
}

void gossip_state(struct sentinel *s, const struct event *ev, struct actions *out)
{
    const struct view *v = ev->state.view;
    struct group *g = sentinel_find_group(s, bytes_of(v->group));
    struct seat *seat = g ? seat_find(g, ev->state.from) : NULL;

    if (!g) {
        answer_error(out, ev->token, "ERR No such master with that name");
        return;
    }
    if (seat) {
        if (gave_up(g, seat, v))
            g->voted_ms = 0;
        seat->pushed_step = s->steps;
        told(s, g, seat, v, out);
    }
    reply_view(s, g, ev->token, out);
}

/* Pushes and replies come over two connections, so a reply may be older than a push that overtook it.
 * Whatever changed after the reply was written has been pushed, so nothing is lost with it. */
void gossip_state_reply(struct sentinel *s, struct peer *p, uint64_t asked_step,
                        const struct view *v, struct actions *out)
{
    struct group *g = sentinel_find_group(s, bytes_of(v->group));
    struct seat *seat = g ? seat_find(g, p->run_id) : NULL;

    if (seat && seat->pushed_step <= asked_step)
        told(s, g, seat, v, out);
}
