#include "sentinel/core/agree.h"

#include <stdio.h>
#include <string.h>

#include "sentinel/core/failover.h"
#include "sentinel/core/group.h"
#include "sentinel/core/node.h"
#include "sentinel/core/notice.h"
#include "sentinel/core/peer.h"

enum { CAPTAIN_BEAT_MS = 500, LEGACY_ASKS_FRESH = 5, CALM_GRID_MS = 100 };

static bool says_down(const struct sentinel *s, const struct seat *seat)
{
    if (seat->verdict == VERDICT_UP)
        return false;
    if (seat_is_holdfast(seat))
        return true;
    return s->now_ms < seat->verdict_ms + LEGACY_ASKS_FRESH * s->debug_ms[T_ASK_PERIOD];
}

uint64_t agree_evaluate(struct sentinel *s, struct group *g, struct actions *out)
{
    uint32_t votes = g->leader->verdict != VERDICT_UP;
    bool now;

    if (s->tilt)
        return TIMER_NEVER;
    if (votes > 0)
        LIST_EACH (&g->seats, link)
            votes += says_down(s, SEAT_OF(link));
    now = votes >= g->set.quorum && votes > 0;
    if (now == g->agreed)
        return TIMER_NEVER;
    group_set_agreed(s, g, now);
    if (now) {
        g->agreed_since_ms = s->now_ms;
        notice(s, out, LEVEL_WARNING, g, "+odown", "%s #quorum %u/%u", inst_group(s, g).text, votes,
               g->set.quorum);
    } else {
        g->no_candidate_told = false;
        notice(s, out, LEVEL_WARNING, g, "-odown", "%s", inst_group(s, g).text);
    }
    return TIMER_NEVER;
}

static void push_verdict(struct sentinel *s, struct group *g, struct actions *out)
{
    LIST_EACH (&g->seats, link) {
        struct seat *seat = SEAT_OF(link);

        if (seat_is_holdfast(seat))
            seat_state(s, seat, out);
        else if (g->leader->verdict != VERDICT_UP && g->failover.state != FO_WAIT_START)
            agree_ask(s, seat, false, s->current_epoch, out);
    }
}

/* Many groups share a moment, and with it the packets to the peers they share. */
static uint64_t calm_hello_ms(const struct group *g, uint64_t period)
{
    return timer_shared_ms(g->hello_ms + period, period, CALM_GRID_MS);
}

static uint64_t push_hello(struct sentinel *s, struct group *g, struct actions *out)
{
    uint64_t period = s->debug_ms[T_PUBLISH_PERIOD];

    if (group_is_calm(g)) {
        if (s->now_ms >= calm_hello_ms(g, HELLO_CALM * period))
            group_spread_calmly(s, g, out);
        return calm_hello_ms(g, HELLO_CALM * period);
    }
    if (s->now_ms >= g->hello_ms + period)
        group_spread(s, g, out);
    return g->hello_ms + period;
}

uint64_t agree_push(struct sentinel *s, struct group *g, struct actions *out)
{
    uint64_t captain = failover_is_captain(g) ? g->failover.epoch : 0;
    uint64_t next = push_hello(s, g, out), period = TIMER_NEVER;

    if (s->tilt)
        return next;
    if (g->leader->verdict != VERDICT_UP)
        period = s->debug_ms[T_ASK_PERIOD];
    if (captain > 0 && period > CAPTAIN_BEAT_MS)
        period = CAPTAIN_BEAT_MS;
    if (g->pushed != g->leader->verdict || g->pushed_captain != captain ||
        (period != TIMER_NEVER && s->now_ms >= g->pushed_ms + period)) {
        g->pushed = g->leader->verdict;
        g->pushed_captain = captain;
        g->pushed_ms = s->now_ms;
        push_verdict(s, g, out);
    }
    if (period != TIMER_NEVER && g->pushed_ms + period < next)
        next = g->pushed_ms + period;
    return next;
}

/* The reply must find its group, its leader and its question again: all three are in the tag. */
void agree_ask(struct sentinel *s, struct seat *seat, bool vote, uint64_t epoch,
               struct actions *out)
{
    const struct node *leader = seat->group->leader;
    struct action *a;

    if (seat->peer->line.state != LINE_UP)
        return;
    a = act(out, ACT_ASK, seat->peer->id);
    a->tag = leader->id * 2 + vote;
    a->addr = leader->addr;
    snprintf(a->addr.host, sizeof a->addr.host, "%s", node_host(s, leader));
    a->epoch = epoch;
    if (vote)
        memcpy(a->ask_id, s->globals.my_id, sizeof a->ask_id);
    seat->asked_ms = s->now_ms;
}

void agree_ask_reply(struct sentinel *s, struct peer *p, const struct event *ev,
                     struct actions *out)
{
    const struct node *leader = sentinel_find_node(s, ev->tag / 2);
    struct group *g = leader ? leader->group : NULL;
    struct seat *seat = g && g->leader == leader ? seat_find(g, p->run_id) : NULL;

    if (!seat || ev->ask_reply.epoch > EPOCH_MAX)
        return;
    if (p->protocol == 0) {
        seat->verdict = ev->ask_reply.down ? VERDICT_SOFT : VERDICT_UP;
        seat->verdict_ms = s->now_ms;
    }
    if (ev->ask_reply.id) {
        snprintf(seat->vote_id, sizeof seat->vote_id, "%s", ev->ask_reply.id);
        seat->vote_epoch = ev->ask_reply.epoch;
    }
    if (ev->tag % 2 == 1) {
        seat->answered_epoch = g->failover.epoch;
        note(out, LEVEL_DEBUG, "vote", "%s voted for %s %llu", p->run_id,
             seat->vote_id[0] ? seat->vote_id : "*", (unsigned long long)seat->vote_epoch);
    }
    group_mark(s, g);
}
