#include "sentinel/core/durable/status.h"

#include <string.h>

#include "sentinel/core/durable/parts.h"

struct member_status status_member(const struct captain *c, uint32_t i)
{
    const struct watched *w = &c->nodes[i];
    const struct member *m = &c->charter.members[i];
    uint32_t health = health_factor(&c->health);
    struct member_status s = { .member = m, .report = &w->e.report };

    s.leads = m->node == c->charter.leader;
    s.in_sync = m->did != 0;
    s.why = s.leads ? captain_leader_why(c) : captain_node_why(c, w);
    s.silent_ms = evidence_silence_ms(&w->e, c->now_ms);
    s.limit_ms = health * pulse_limit_ms(&w->e.pulse, c->set.patience.heartbeat_ms,
                                         c->set.patience.down_after_ms);
    return s;
}

enum opinion status_voter(const struct captain *c, uint64_t voter)
{
    uint64_t fresh_ms = CAPTAIN_VOICE_BEATS * c->set.patience.heartbeat_ms;

    if (voter == c->voter)
        return why_opinion(captain_leader_why(c));
    for (size_t i = 0; i < CHARTER_VOTERS_MAX; i++) {
        const struct voice *v = &c->voices[i];

        if (v->voter == voter && v->epoch == c->charter.epoch && c->now_ms < v->told_ms + fresh_ms)
            return v->opinion;
    }
    return OPINION_UNKNOWN;
}

const char *voter_health_word(enum voter_health h)
{
    static const char *const words[] = { "unknown", "well", "silent", "forgot" };

    return words[h];
}

enum voter_health status_voter_health(const struct captain *c, const struct voter *v)
{
    const struct seen_voter *s = captain_seen(c, &v->at);

    if (v->id == c->voter)
        return VOTER_WELL;
    if (!s)
        return c->now_ms < c->began_ms + STATUS_VOTER_MS ? VOTER_UNKNOWN : VOTER_SILENT;
    if (c->now_ms >= s->heard_ms + STATUS_VOTER_MS)
        return VOTER_SILENT;
    return s->voter == v->id ? VOTER_WELL : VOTER_FORGOT;
}

bool status_serves(const struct captain *c)
{
    return c->charter.ver > 0 && c->served == c->charter.epoch &&
           why_opinion(captain_leader_why(c)) == OPINION_ALIVE;
}

uint32_t status_in_sync(const struct captain *c)
{
    uint32_t count = 0;

    for (uint32_t i = 0; i < c->charter.member_count; i++)
        count += c->charter.members[i].did != 0;
    return count;
}

uint64_t status_ping_ms(const struct captain *c)
{
    return c->calm ? CAPTAIN_CALM_MS : c->set.patience.heartbeat_ms;
}

uint64_t status_lag_bytes(const struct captain *c, uint32_t i)
{
    const struct watched *leader = captain_leader((struct captain *)c);
    uint64_t ahead = leader ? leader->e.report.at.offset : 0;
    const struct report *r = &c->nodes[i].e.report;

    return r->run[0] && r->at.offset < ahead ? ahead - r->at.offset : 0;
}

const struct member *status_heir(const struct captain *c, uint64_t only)
{
    const struct watched *w = c->charter.ver > 0 ? succeed_expect(c, only) : NULL;

    return w ? charter_member((struct charter *)&c->charter, w->e.node) : NULL;
}

const char *status_unfit(const struct captain *c, uint32_t i, uint64_t only)
{
    return succeed_unfit(c, &c->nodes[i], only);
}

const char *status_refusal(const struct captain *c, uint64_t only)
{
    struct wish w = { .kind = WISH_SWITCHOVER, .node = only };
    const char *why = operate_refusal(c, &w);

    if (why)
        return why;
    if (c->agreed || why_opinion(captain_leader_why(c)) != OPINION_ALIVE)
        return "the leader does not answer: there is nothing that it could hand over";
    return status_heir(c, only) ? NULL : "no copy in sync is fit to lead";
}

/* A majority of every set of voters, and quorum if that is more, of whom each has said lately that it votes. */
static bool has_voters(const struct captain *c)
{
    uint64_t ids[CHARTER_VOTERS_MAX];
    uint32_t count = 0;

    for (uint32_t i = 0; i < c->charter.voter_count; i++)
        if (status_voter_health(c, &c->charter.voters[i]) == VOTER_WELL &&
            !proposer_bars(&c->proposer, c->charter.voters[i].id))
            ids[count++] = c->charter.voters[i].id;
    return count >= c->set.quorum && charter_has_majority(&c->charter, ids, count);
}

const char *status_unarmed(const struct captain *c)
{
    if (c->charter.ver == 0)
        return "the register has not been read yet";
    if (!has_voters(c))
        return "too few of the sentinels that vote answer";
    return status_heir(c, 0) ? NULL : "no other node is in sync and fit to lead";
}

/* Why a member is not in sync, as far as it can be told from here. */
static const char *absence(const struct member_status *s)
{
    if (s->why == WHY_NONE)
        return "it has not been heard of";
    if (why_opinion(s->why) != OPINION_ALIVE)
        return why_word(s->why);
    if (s->report->flags & NODE_LOADING)
        return "it loads its data";
    if (s->report->flags & NODE_RESYNCING)
        return "its data are being replaced";
    if (s->report->flags & NODE_DISK_FAILED)
        return "its disk fails";
    if (s->report->role == NODE_FOLLOWER)
        return "it follows, and has to keep up for a while";
    return "it does not follow yet";
}

static void check_member(const struct captain *c, uint32_t i, struct reasons *out)
{
    struct member_status s = status_member(c, i);
    const struct place *at = &s.member->at;

    if (s.leads && !status_serves(c))
        reasons_say(out, "the leader %s:%u does not serve: %s", at->host, at->port,
                    why_word(s.why));
    else if (!s.in_sync)
        reasons_say(out, "the node %s:%u is not in sync: %s", at->host, at->port, absence(&s));
    else if (s.report->flags & NODE_DISK_FAILED)
        reasons_say(out, "the disk of the node %s:%u fails", at->host, at->port);
    else if (!s.leads && why_opinion(s.why) != OPINION_ALIVE)
        reasons_say(out, "the node %s:%u is in sync, and does not answer: %s", at->host, at->port,
                    why_word(s.why));
}

static void check_voters(const struct captain *c, struct reasons *out)
{
    if (charter_is_joint(&c->charter))
        reasons_say(out, "a change of the voters is not finished");
    else if (c->charter.voter_count < 3)
        reasons_say(out, "%u sentinels vote: none of them may be lost", c->charter.voter_count);
    for (uint32_t i = 0; i < c->charter.voter_count; i++) {
        const struct voter *v = &c->charter.voters[i];
        enum voter_health health = status_voter_health(c, v);

        if (proposer_bars(&c->proposer, v->id))
            reasons_say(out,
                        "the memory of the sentinel %s:%u is an older copy of itself: take it "
                        "away, and SENTINEL HF VOTER REPLACE",
                        v->at.host, v->at.port);
        if (health == VOTER_SILENT)
            reasons_say(out, "the sentinel %s:%u does not answer", v->at.host, v->at.port);
        else if (health == VOTER_FORGOT)
            reasons_say(out, "the sentinel %s:%u has lost its memory: SENTINEL HF VOTER REPLACE",
                        v->at.host, v->at.port);
    }
    if (c->voter == 0 || !charter_voter(&c->charter, c->voter))
        reasons_say(out, "this sentinel does not vote");
}

void status_lacks(const struct captain *c, struct reasons *out)
{
    uint32_t in_sync = status_in_sync(c);

    out->count = 0;
    if (c->charter.ver == 0) {
        reasons_say(out,
                    "the register has not been read yet: no majority of its voters has answered");
        return;
    }
    if (in_sync < c->charter.min_sync)
        reasons_say(out, "%u in sync, and writes need %u", in_sync, c->charter.min_sync);
    if (c->charter.member_count == 1)
        reasons_say(out, "the leader is the only member");
    for (uint32_t i = 0; i < c->charter.member_count; i++)
        check_member(c, i, out);
    check_voters(c, out);
}
