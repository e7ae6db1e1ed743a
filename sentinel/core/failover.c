#include "sentinel/core/failover.h"

#include <stdio.h>
#include <string.h>

#include "sentinel/core/agree.h"
#include "sentinel/core/candidate.h"
#include "sentinel/core/chartered.h"
#include "sentinel/core/group.h"
#include "sentinel/core/handover.h"
#include "sentinel/core/mutation.h"
#include "sentinel/core/node.h"
#include "sentinel/core/notice.h"
#include "sentinel/core/pause.h"
#include "sentinel/core/planned.h"
#include "sentinel/core/peer.h"
#include "sentinel/core/repoint.h"
#include "sentinel/core/script.h"
#include "sentinel/core/vote.h"

enum {
    ELECTION_MS = 1000,       /* for the answers; doubles with every election lost in a row, */
    ELECTION_GROUP_MS = 10,   /* and is longer for each group that fails over at the same time */
    ASK_AGAIN_MS = 150,       /* a vote request that is not answered */
    LOST_PAUSE_MS = 50,       /* after a lost election, and up to */
    LOST_PAUSE_SPAN_MS = 100, /* this much more, at random */
    NO_CANDIDATE_MS = 1000,
    FRESH_INFO_MS = 100, /* for the candidates to tell their positions */
    PROMOTION_MS = 2000, /* for the chosen one to obey */
};

static const char *const words[FO_COUNT] = {
    [FO_NONE] = "none",
    [FO_STAGGER] = "none",
    [FO_WAIT_START] = "wait_start",
    [FO_SELECT_SLAVE] = "select_slave",
    [FO_SEND_NOONE] = "send_slaveof_noone",
    [FO_WAIT_PROMOTION] = "wait_promotion",
    [FO_RECONF_SLAVES] = "reconf_slaves",
    [FO_UPDATE_CONFIG] = "update_config",
};

const char *failover_state_word(enum failover_state state)
{
    return words[state];
}

bool failover_is_captain(const struct group *g)
{
    return g->failover.state > FO_WAIT_START;
}

static uint64_t min_u64(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

static void enter(struct sentinel *s, struct group *g, enum failover_state state)
{
    g->failover.state = state;
    g->failover.since_ms = s->now_ms;
    g->failover.deadline_ms = TIMER_NEVER;
}

static struct node *chosen_node(const struct sentinel *s, const struct group *g)
{
    return sentinel_find_node(s, g->failover.chosen);
}

void failover_drop(struct sentinel *s, struct group *g)
{
    struct node *chosen = chosen_node(s, g);

    if (chosen)
        chosen->promoted = false;
    g->failover = (struct failover){ 0 };
    enter(s, g, FO_NONE);
}

/* What I voted for in my own name is over, and peers may vote for others. */
static void end_attempt(struct sentinel *s, struct group *g, uint64_t pause_ms)
{
    failover_drop(s, g);
    if (strcmp(g->vote_id, s->globals.my_id) == 0)
        g->voted_ms = 0;
    g->retry_ms = s->now_ms + pause_ms;
    LIST_EACH (&g->seats, link)
        SEAT_OF(link)->asked_ms = 0;
}

static uint64_t random_pause_ms(struct sentinel *s)
{
    return LOST_PAUSE_MS + rng_below(&s->rng, LOST_PAUSE_SPAN_MS + 1);
}

static void abort_attempt(struct sentinel *s, struct group *g, const char *channel,
                          uint64_t pause_ms, struct actions *out)
{
    notice(s, out, LEVEL_WARNING, g, channel, "%s", inst_group(s, g).text);
    end_attempt(s, g, pause_ms);
    /* At once, whatever else is due: peers wait with their votes for whom they have voted for. */
    g->pushed_ms = s->now_ms;
    g->pushed_captain = 0;
    LIST_EACH (&g->seats, link)
        seat_state(s, SEAT_OF(link), out);
}

static void ask_votes(struct sentinel *s, struct group *g, struct actions *out)
{
    LIST_EACH (&g->seats, link) {
        struct seat *seat = SEAT_OF(link);

        if (seat->answered_epoch == g->failover.epoch)
            continue;
        if (seat->asked_ms == 0 || s->now_ms >= seat->asked_ms + ASK_AGAIN_MS)
            agree_ask(s, seat, true, g->failover.epoch, out);
    }
}

static uint64_t election_ms(const struct sentinel *s, const struct group *g)
{
    uint64_t doublings = g->lost_elections < 5 ? g->lost_elections : 5;
    uint64_t limit = min_u64(s->debug_ms[T_ELECTION_TIMEOUT], g->set.failover_timeout_ms);

    return min_u64((ELECTION_MS + ELECTION_GROUP_MS * s->agreed_groups) << doublings, limit);
}

static void start_election(struct sentinel *s, struct group *g, struct actions *out)
{
    struct failover *f = &g->failover;

    vote_raise_epoch(s, g, s->current_epoch + 1, out);
    f->epoch = s->current_epoch;
    f->started_ms = s->now_ms;
    notice(s, out, LEVEL_WARNING, g, "+try-failover", "%s", inst_group(s, g).text);
    vote_for_me(s, g, f->epoch, out);
    enter(s, g, FO_WAIT_START);
    f->deadline_ms = s->now_ms + election_ms(s, g);
    LIST_EACH (&g->seats, link)
        SEAT_OF(link)->asked_ms = 0;
}

static void idle(struct sentinel *s, struct group *g, struct actions *out)
{
    struct failover *f = &g->failover;

    f->deadline_ms = TIMER_NEVER;
    if (!g->agreed || s->tilt || chartered(g) || paused(g))
        return;
    f->deadline_ms = s->now_ms + NO_CANDIDATE_MS;
    if (!candidate_exists(s, g)) {
        if (!g->no_candidate_told)
            notice(s, out, LEVEL_WARNING, g, "-failover-abort-no-good-slave", "%s",
                   inst_group(s, g).text);
        g->no_candidate_told = true;
        return;
    }
    g->no_candidate_told = false;
    if (vote_is_winnable(s, g))
        enter(s, g, FO_STAGGER);
}

static void stagger(struct sentinel *s, struct group *g, struct actions *out)
{
    uint64_t at = vote_may_start_ms(s, g);

    if (!g->agreed || s->tilt || paused(g) || !vote_is_winnable(s, g)) {
        enter(s, g, FO_NONE);
        return;
    }
    g->failover.deadline_ms = at;
    if (s->now_ms >= at)
        start_election(s, g, out);
}

static void elected(struct sentinel *s, struct group *g, struct actions *out)
{
    g->lost_elections = 0;
    notice(s, out, LEVEL_WARNING, g, "+elected-leader", "%s", inst_group(s, g).text);
    if (s->simulate & SIMULATE_CRASH_AFTER_ELECTION)
        act(out, ACT_EXIT, 0)->code = 99;
    notice(s, out, LEVEL_WARNING, g, "+failover-state-select-slave", "%s", inst_group(s, g).text);
    enter(s, g, FO_SELECT_SLAVE);
    g->failover.deadline_ms = s->now_ms + FRESH_INFO_MS;
    group_hurry(s, g, out);
}

static void lose(struct sentinel *s, struct group *g, struct actions *out)
{
    g->lost_elections++;
    abort_attempt(s, g, "-failover-abort-not-elected", random_pause_ms(s), out);
}

static void wait_start(struct sentinel *s, struct group *g, struct actions *out)
{
    struct failover *f = &g->failover;
    enum tally tally = vote_tally(s, g);
    bool late = s->now_ms >= f->deadline_ms;

    if (tally == TALLY_WON) {
        elected(s, g, out);
        return;
    }
    if (!f->planned && (!g->agreed || s->tilt || paused(g) || tally == TALLY_LOST || late)) {
        lose(s, g, out);
        return;
    }
    /* An operator's word stands without a majority, as in Redis; with one the epoch is ours alone. */
    if (tally == TALLY_LOST || late) {
        if (vote_is_winnable(s, g))
            lose(s, g, out);
        else
            elected(s, g, out);
        return;
    }
    ask_votes(s, g, out);
}

static void select_slave(struct sentinel *s, struct group *g, struct actions *out)
{
    struct failover *f = &g->failover;
    bool waiting;
    struct node *best = candidate_choose(s, g, f->started_ms, &waiting);

    if (waiting && s->now_ms < f->deadline_ms)
        return;
    if (!best) {
        abort_attempt(s, g, "-failover-abort-no-good-slave", NO_CANDIDATE_MS, out);
        return;
    }
    f->chosen = best->id;
    best->promoted = true;
    notice(s, out, LEVEL_WARNING, g, "+selected-slave", "%s", inst_node(s, best).text);
    notice(s, out, LEVEL_NOTICE, g, "+failover-state-send-slaveof-noone", "%s",
           inst_node(s, best).text);
    enter(s, g, FO_SEND_NOONE);
    f->deadline_ms = s->now_ms + min_u64(PROMOTION_MS, g->set.failover_timeout_ms);
    if (handover_is_possible(g))
        f->deadline_ms += HANDOVER_WATCH_MS;
    group_hurry(s, g, out);
}

static void send_noone(struct sentinel *s, struct group *g, struct actions *out)
{
    struct failover *f = &g->failover;
    struct node *chosen = chosen_node(s, g);
    uint64_t deadline_ms = f->deadline_ms;

    if (!chosen || chosen->verdict != VERDICT_UP || s->now_ms >= deadline_ms) {
        abort_attempt(s, g, "-failover-abort-slave-timeout", random_pause_ms(s), out);
        return;
    }
    if (!node_is_up(chosen))
        return;
    f->look_ms = handover_is_possible(g) ? handover_moment_ms(s, g, chosen, out) : 0;
    if (s->now_ms < f->look_ms)
        return;
    notice(s, out, LEVEL_NOTICE, g, "+failover-state-wait-promotion", "%s",
           inst_node(s, chosen).text);
    enter(s, g, FO_WAIT_PROMOTION);
    f->deadline_ms = s->now_ms + min_u64(PROMOTION_MS, g->set.failover_timeout_ms);
    f->command_sent = true;
    f->command_done = false;
    if (handover_is_possible(g)) {
        handover_send(s, g, chosen, out);
    } else {
        f->handover = false;
        node_set_role(s, chosen, NULL, f->epoch, out);
    }
    group_hurry(s, g, out);
}

/* By the last that each has told: the leader may have written more, of which nobody knows. */
static uint64_t lost_bytes(const struct group *g, const struct node *chosen)
{
    uint64_t ahead = g->leader->facts.offset;

    return ahead > chosen->facts.offset ? ahead - chosen->facts.offset : 0;
}

static void promote(struct sentinel *s, struct group *g, struct node *chosen, struct actions *out)
{
    struct failover *f = &g->failover;

    if (f->handover)
        handover_tidy(g, chosen, out);
    else
        g->lost_bytes += lost_bytes(g, chosen);
    notice(s, out, LEVEL_WARNING, g, "+promoted-slave", "%s", inst_node(s, chosen).text);
    notice(s, out, LEVEL_WARNING, g, "+failover-state-reconf-slaves", "%s", inst_group(s, g).text);
    enter(s, g, FO_RECONF_SLAVES);
    chosen->role_reported = ROLE_LEADER;
    group_switch(s, g, chosen, f->epoch, true, out);
    if (s->simulate & SIMULATE_CRASH_AFTER_PROMOTION)
        act(out, ACT_EXIT, 0)->code = 99;
}

static void wait_promotion(struct sentinel *s, struct group *g, struct actions *out)
{
    struct failover *f = &g->failover;
    struct node *chosen = chosen_node(s, g);

    if (!chosen || chosen->verdict == VERDICT_HARD) {
        abort_attempt(s, g, "-failover-abort-slave-timeout", random_pause_ms(s), out);
        return;
    }
    if ((f->command_done && !f->handover) ||
        (chosen->info_ms > f->since_ms && chosen->role_reported == ROLE_LEADER)) {
        promote(s, g, chosen, out);
        return;
    }
    if (handover_was_taken_back(g, chosen)) {
        abort_attempt(s, g, "-failover-abort-master-timeout", random_pause_ms(s), out);
        return;
    }
    if (s->now_ms >= f->deadline_ms || (f->handover && g->agreed)) {
        abort_attempt(s, g, "-failover-abort-slave-timeout", random_pause_ms(s), out);
        return;
    }
    handover_hurry(s, g, chosen, out);
    if (!f->handover && !f->command_sent && node_is_up(chosen)) {
        node_set_role(s, chosen, NULL, f->epoch, out);
        f->command_sent = true;
    }
}

static void reconf(struct sentinel *s, struct group *g, struct actions *out)
{
    struct failover *f = &g->failover;
    bool done = repoint_evaluate(s, g, out);
    uint64_t limit_ms = f->started_ms + g->set.failover_timeout_ms;

    f->deadline_ms = min_u64(limit_ms, s->now_ms + s->debug_ms[T_SLAVE_RECONF_TIMEOUT]);
    if (!done && s->now_ms < limit_ms && !g->agreed)
        return;
    if (!done)
        notice(s, out, LEVEL_WARNING, g, "+failover-end-for-timeout", "%s", inst_group(s, g).text);
    notice(s, out, LEVEL_WARNING, g, "+failover-end", "%s", inst_group(s, g).text);
    if (!done)
        repoint_rest(s, g, out);
    EACH_NODE (g, link)
        NODE_OF(link)->reconf = RECONF_NONE;
    end_attempt(s, g, 0);
}

typedef void failover_fn(struct sentinel *, struct group *, struct actions *);
static failover_fn *const states[FO_COUNT] = {
    [FO_NONE] = idle,
    [FO_STAGGER] = stagger,
    [FO_WAIT_START] = wait_start,
    [FO_SELECT_SLAVE] = select_slave,
    [FO_SEND_NOONE] = send_noone,
    [FO_WAIT_PROMOTION] = wait_promotion,
    [FO_RECONF_SLAVES] = reconf,
};

uint64_t failover_evaluate(struct sentinel *s, struct group *g, struct actions *out)
{
    uint64_t next, asked = planned_settle(s, g, out);
    enum failover_state before;

    do {
        before = g->failover.state;
        states[before](s, g, out);
    } while (g->failover.state != before && g->failover.state != FO_NONE);
    next = min_u64(g->failover.deadline_ms, asked);
    if (before != FO_NONE && g->failover.state == FO_NONE && g->agreed)
        next = g->retry_ms > s->now_ms ? g->retry_ms : s->now_ms;
    if (g->failover.state == FO_SEND_NOONE && g->failover.look_ms > s->now_ms)
        next = min_u64(next, g->failover.look_ms);
    if (g->failover.state == FO_WAIT_START)
        next = min_u64(next, s->now_ms + ASK_AGAIN_MS);
    return next;
}

void failover_begin(struct sentinel *s, struct group *g, const struct wanted *w,
                    struct actions *out)
{
    struct failover *f = &g->failover;

    failover_drop(s, g);
    f->planned = true;
    f->force_old_way = w->kind == FAILOVER_FORCE;
    f->target = w->target.port ? node_at(g, &w->target)->id : 0;
    answer_ok(out, w->token);
    start_election(s, g, out);
    group_mark(s, g);
}

void failover_role_done(struct sentinel *s, struct node *n, const struct event *ev,
                        struct actions *out)
{
    struct group *g = n->group;
    struct failover *f = &g->failover;

    if (f->state != FO_WAIT_PROMOTION || f->chosen != n->id || ev->tag != f->epoch) {
        repoint_role_done(s, n, ev->done.ok, out);
        return;
    }
    node_ask_info(s, n, out);
    group_mark(s, g);
    if (ev->done.ok) {
        f->command_done = true;
        return;
    }
    note(out, LEVEL_WARNING, "promotion-refused", "%s: %.*s", inst_node(s, n).text,
         (int)ev->done.error.len, ev->done.error.at);
    f->deadline_ms = s->now_ms;
}

void failover_handover_done(struct sentinel *s, struct node *n, const struct event *ev,
                            struct actions *out)
{
    struct group *g = n->group;
    struct failover *f = &g->failover;
    struct bytes error = ev->done.error;

    if (f->state != FO_WAIT_PROMOTION || !f->handover || ev->tag != f->epoch || n != g->leader)
        return;
    group_mark(s, g);
    switch (handover_answered(s, n, ev->done.ok, error)) {
    case HANDOVER_STARTED:
        f->command_done = true;
        break;
    case HANDOVER_UNKNOWN:
        enter(s, g, FO_SEND_NOONE);
        f->deadline_ms = s->now_ms + min_u64(PROMOTION_MS, g->set.failover_timeout_ms);
        break;
    case HANDOVER_REFUSED:
        notice(s, out, LEVEL_WARNING, g, "-failover-abort-refused", "%s %.*s",
               inst_group(s, g).text, (int)error.len, error.at);
        end_attempt(s, g, 0);
        break;
    }
}
