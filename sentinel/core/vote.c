#include "sentinel/core/vote.h"

#include <stdio.h>
#include <string.h>

#include "sentinel/core/chartered.h"
#include "sentinel/core/failover.h"
#include "sentinel/core/group.h"
#include "sentinel/core/mutation.h"
#include "sentinel/core/notice.h"
#include "sentinel/core/peer.h"

enum {
    CAPTAIN_SILENT_MS = 1500, /* three missed beats */
    CAPTAIN_LOST_MS = 200,    /* its line is gone: it may be back in a moment, or not at all */
    VOTED_MS = 1000,          /* for the candidate to win and to send its first beat */
    STAGGER_MS = 30,          /* between the places in the order of candidates, */
    STAGGER_GROUP_MS = 3,     /* and for each group that is failing over at the same time */
    VOTED_GROUP_MS = 10,      /* likewise: with many at once everything takes longer */
};

void vote_raise_epoch(struct sentinel *s, struct group *g, uint64_t epoch, struct actions *out)
{
    if (epoch <= s->current_epoch)
        return;
    s->current_epoch = epoch;
    persist_epoch(s, out);
    notice(s, out, LEVEL_WARNING, g, "+new-epoch", "%llu", (unsigned long long)epoch);
}

bool vote_hear_epoch(struct sentinel *s, struct group *g, uint64_t epoch, struct actions *out)
{
    uint64_t limit = s->current_epoch + EPOCH_LEAP_MAX;

    limit = limit < EPOCH_MAX ? limit : EPOCH_MAX;
    vote_raise_epoch(s, g, epoch < limit ? epoch : limit, out);
    return epoch <= s->current_epoch;
}

static void cast(struct sentinel *s, struct group *g, const char *run_id, uint64_t epoch,
                 struct actions *out)
{
    g->vote_epoch = epoch;
    snprintf(g->vote_id, sizeof g->vote_id, "%s", run_id);
    g->voted_ms = s->now_ms;
    if (!MUTATED(s, MUT_VOTE_NOT_PERSISTED))
        persist_vote(g, out);
    notice(s, out, LEVEL_WARNING, g, "+vote-for-leader", "%s %llu", run_id,
           (unsigned long long)epoch);
}

void vote_for_me(struct sentinel *s, struct group *g, uint64_t epoch, struct actions *out)
{
    cast(s, g, s->globals.my_id, epoch, out);
}

void vote_forgot(struct sentinel *s, struct group *g, uint64_t epoch, struct actions *out)
{
    (void)vote_hear_epoch(s, g, epoch, out);
    epoch = epoch < s->current_epoch ? epoch : s->current_epoch;
    if (g->vote_id[0] || epoch <= g->vote_epoch)
        return;
    g->vote_epoch = epoch;
    persist_vote(g, out);
}

static bool is_at_work(const struct sentinel *s, const struct seat *seat)
{
    uint64_t patience = seat_is_holdfast(seat) ? CAPTAIN_SILENT_MS : CAPTAIN_LOST_MS;

    if (seat->captain_epoch == 0 || seat->captain_epoch < seat->group->config_epoch)
        return false;
    return s->now_ms < seat->captain_ms + patience;
}

bool vote_is_led_by_other(const struct sentinel *s, const struct group *g)
{
    LIST_EACH (&g->seats, link)
        if (is_at_work(s, SEAT_OF(link)))
            return true;
    return false;
}

static uint64_t voted_ms(const struct sentinel *s)
{
    return VOTED_MS + VOTED_GROUP_MS * s->agreed_groups;
}

/* How long the one I voted for may be busy without telling me. */
static uint64_t busy_until_ms(const struct sentinel *s, const struct group *g)
{
    const struct seat *seat;

    if (g->voted_ms == 0 || g->vote_epoch <= g->config_epoch)
        return 0;
    if (strcmp(g->vote_id, s->globals.my_id) == 0)
        return 0;
    seat = seat_find(g, g->vote_id);
    if (!seat)
        return g->voted_ms + voted_ms(s);
    if (seat->peer->line.state != LINE_UP)
        return g->voted_ms + CAPTAIN_LOST_MS;
    if (seat->peer->protocol > 0)
        return g->voted_ms + voted_ms(s);
    if (seat->mine != VERDICT_UP)
        return g->voted_ms + voted_ms(s);
    return g->voted_ms + 2 * g->set.failover_timeout_ms;
}

/* Whoever I voted for may be winning: a second captain now would undo its work. */
static bool is_promised(const struct sentinel *s, const struct group *g, const char *run_id)
{
    if (strcmp(run_id, g->vote_id) == 0 || s->now_ms >= g->voted_ms + voted_ms(s))
        return false;
    if (strcmp(g->vote_id, s->globals.my_id) == 0)
        return g->failover.state == FO_WAIT_START;
    return s->now_ms < busy_until_ms(s, g);
}

static bool may_vote(const struct sentinel *s, const struct group *g, const char *run_id,
                     uint64_t epoch)
{
    if (MUTATED(s, MUT_VOTES_TWICE) && epoch == g->vote_epoch)
        return true;
    if (epoch <= g->vote_epoch || epoch <= g->config_epoch)
        return false;
    if (failover_is_captain(g) && g->failover.state != FO_RECONF_SLAVES)
        return false;
    if (is_promised(s, g, run_id))
        return false;
    LIST_EACH (&g->seats, link) {
        const struct seat *seat = SEAT_OF(link);

        if (is_at_work(s, seat) && seat->captain_epoch > g->config_epoch &&
            strcmp(seat->peer->run_id, run_id) != 0)
            return false;
    }
    return true;
}

void vote_asked(struct sentinel *s, const struct event *ev, struct actions *out)
{
    struct group *g = sentinel_find_leader(s, &ev->ask.leader);
    const char *run_id = ev->ask.id && strlen(ev->ask.id) == ID_LEN ? ev->ask.id : NULL;
    struct action *a;

    if (g && !chartered(g) && run_id && vote_hear_epoch(s, g, ev->ask.epoch, out) &&
        may_vote(s, g, run_id, ev->ask.epoch)) {
        cast(s, g, run_id, ev->ask.epoch, out);
        group_mark(s, g);
    }
    a = act(out, ACT_REPLY, 0);
    a->token = ev->token;
    a->reply.kind = REPLY_DOWN;
    if (!g)
        return;
    a->reply.integer = !s->tilt && g->leader->verdict != VERDICT_UP;
    if (run_id && !chartered(g)) {
        memcpy(a->reply.id, g->vote_id, sizeof a->reply.id);
        a->reply.epoch = g->vote_epoch;
    }
}

/* An order of candidates that differs from group to group, and that everybody computes alike. */
static uint64_t place_of(const struct group *g, const char *run_id)
{
    uint64_t h = 14695981039346656037u;

    for (const char *c = g->name; *c; c++)
        h = (h ^ (unsigned char)*c) * 1099511628211u;
    for (const char *c = run_id; *c; c++)
        h = (h ^ (unsigned char)*c) * 1099511628211u;
    return h ^ h >> 29;
}

static uint64_t stagger_ms(const struct sentinel *s, const struct group *g)
{
    uint64_t mine = place_of(g, s->globals.my_id), ahead = 0;

    LIST_EACH (&g->seats, link) {
        const struct peer *p = SEAT_OF(link)->peer;

        if (p->line.state == LINE_UP && SEAT_OF(link)->mine == VERDICT_UP)
            ahead += place_of(g, p->run_id) < mine;
    }
    return ahead * (STAGGER_MS + STAGGER_GROUP_MS * s->agreed_groups);
}

uint64_t vote_may_start_ms(const struct sentinel *s, const struct group *g)
{
    uint64_t at = g->agreed_since_ms + stagger_ms(s, g), busy = busy_until_ms(s, g);

    at = g->retry_ms > at ? g->retry_ms : at;
    at = busy > at ? busy : at;
    LIST_EACH (&g->seats, link) {
        const struct seat *seat = SEAT_OF(link);
        uint64_t beat =
            seat->captain_ms + (seat_is_holdfast(seat) ? CAPTAIN_SILENT_MS : CAPTAIN_LOST_MS);

        if (is_at_work(s, seat) && seat->captain_epoch > g->config_epoch && beat > at)
            at = beat;
    }
    return at;
}

static uint32_t votes_needed(const struct sentinel *s, const struct group *g)
{
    uint32_t majority = group_majority(g);

    if (MUTATED(s, MUT_NO_MAJORITY))
        return 1;
    return g->set.quorum > majority ? g->set.quorum : majority;
}

bool vote_has_epochs(const struct sentinel *s)
{
    return s->current_epoch < EPOCH_MAX;
}

/* Whoever knows nobody is not yet the majority of all there are. */
static bool is_listening(const struct sentinel *s, const struct group *g)
{
    uint64_t listen_ms = s->debug_ms[T_PUBLISH_PERIOD] * LISTEN_PERIODS_X4 / 4;

    return g->seat_count == 0 && s->now_ms < g->added_ms + listen_ms;
}

bool vote_is_winnable(const struct sentinel *s, const struct group *g)
{
    uint32_t reachable = 1;

    if (!vote_has_epochs(s) || is_listening(s, g))
        return false;
    LIST_EACH (&g->seats, link)
        reachable += SEAT_OF(link)->peer->line.state == LINE_UP;
    return reachable >= votes_needed(s, g);
}

enum tally vote_tally(const struct sentinel *s, const struct group *g)
{
    uint64_t epoch = g->failover.epoch;
    uint32_t mine = 0, open = 0, needed = votes_needed(s, g);

    if (g->vote_epoch == epoch && strcmp(g->vote_id, s->globals.my_id) == 0)
        mine++;
    LIST_EACH (&g->seats, link) {
        const struct seat *seat = SEAT_OF(link);

        if (seat->vote_epoch == epoch && strcmp(seat->vote_id, s->globals.my_id) == 0)
            mine++;
        else if (seat->answered_epoch != epoch && seat->peer->line.state == LINE_UP)
            open++;
    }
    if (mine >= needed)
        return TALLY_WON;
    return mine + open < needed ? TALLY_LOST : TALLY_OPEN;
}
