/*
 * suspect - what I think of the leader's process, what the other voters think, and whether that is agreement.
 *
 * Whoever begins to suspect says so to every voter, again each heartbeat, and at once when it becomes sure; and asks
 * the copies in sync what they see. Nobody believes: each probes for itself and answers within CAPTAIN_PROBE_MS.
 */
#include <string.h>

#include "sentinel/core/durable/parts.h"

static bool is_about(const struct captain *c, uint64_t epoch, const char *run)
{
    return c->charter.ver > 0 && epoch == c->charter.epoch && strcmp(run, c->charter.run) == 0;
}

/* ---- asked ------------------------------------------------------------------------------------- */

static void put_voice(struct captain *c, const struct suspicion *s)
{
    struct voice *v = NULL;

    if (!charter_voter(&c->charter, s->reporter) || s->reporter == c->voter)
        return;
    for (size_t i = 0; i < CHARTER_VOTERS_MAX; i++) {
        struct voice *at = &c->voices[i];

        if (at->voter == s->reporter) {
            v = at;
            break;
        }
        if (!v || at->voter == 0 || (v->voter != 0 && at->told_ms < v->told_ms))
            v = at;
    }
    v->voter = s->reporter;
    v->epoch = s->epoch;
    memcpy(v->run, s->run, sizeof v->run);
    v->opinion = s->opinion;
    v->told_ms = c->now_ms;
}

static bool is_fresh(const struct captain *c, const struct voice *v)
{
    return c->now_ms < v->told_ms + CAPTAIN_VOICE_BEATS * c->set.patience.heartbeat_ms;
}

static struct suspicion mine(const struct captain *c, enum why why)
{
    struct suspicion s = { .epoch = c->charter.epoch, .reporter = c->voter, .why = why };
    const struct watched *w = captain_leader((struct captain *)c);

    s.opinion = why_opinion(why);
    s.age_ms = w ? evidence_silence_ms(&w->e, c->now_ms) : 0;
    memcpy(s.gid, c->charter.gid, sizeof s.gid);
    memcpy(s.run, c->charter.run, sizeof s.run);
    return s;
}

static void opine(struct captain *c, uint64_t token, enum why why, struct captain_actions *out)
{
    struct captain_action *a = captain_act(out, CAPTAIN_ACT_OPINE);

    a->token = token;
    a->suspicion = mine(c, why);
}

static void opine_unknown(struct captain *c, const struct suspicion *asked, uint64_t token,
                          struct captain_actions *out)
{
    struct captain_action *a = captain_act(out, CAPTAIN_ACT_OPINE);

    a->token = token;
    a->suspicion = *asked;
    a->suspicion.reporter = c->voter;
    a->suspicion.opinion = OPINION_UNKNOWN;
    a->suspicion.why = WHY_NONE;
}

void suspect_asked(struct captain *c, const struct suspicion *s, uint64_t token,
                   struct captain_actions *out)
{
    struct watched *w = captain_leader(c);
    enum why why = captain_leader_why(c);
    struct probe *p;

    put_voice(c, s);
    if (!is_about(c, s->epoch, s->run)) {
        c->behind = c->behind || s->epoch > c->charter.epoch;
        opine_unknown(c, s, token, out);
        return;
    }
    if (CAPTAIN_MUTATED(c, MUT_BELIEVES)) {
        opine(c, token, s->opinion == OPINION_HARD ? WHY_REFUSED : WHY_SILENT, out);
        return;
    }
    if (why_opinion(why) >= OPINION_SOFT || c->probe_count == CAPTAIN_PROBES_MAX) {
        opine(c, token, why, out);
        return;
    }
    (void)captain_order(c, w, ORDER_PING, out);
    p = &c->probes[c->probe_count++];
    p->token = token;
    p->seq = w->e.contact == CONTACT_OPEN ? w->e.seq : w->e.seq + 1;
    p->due_ms = c->now_ms + CAPTAIN_PROBE_MS;
}

static void settle_probes(struct captain *c, struct captain_actions *out)
{
    struct watched *w = captain_leader(c);
    uint32_t kept = 0;

    for (uint32_t i = 0; i < c->probe_count; i++) {
        struct probe p = c->probes[i];

        if (c->now_ms >= p.due_ms && p.seq > 0)
            evidence_missed(&w->e, p.seq, &c->set.patience, health_factor(&c->health), c->now_ms);
        if (c->now_ms >= p.due_ms || w->e.told_seq >= p.seq ||
            why_opinion(captain_leader_why(c)) >= OPINION_SOFT) {
            opine(c, p.token, captain_leader_why(c), out);
            continue;
        }
        captain_wake_by(c, p.due_ms);
        c->probes[kept++] = p;
    }
    c->probe_count = kept;
}

/* ---- asking ------------------------------------------------------------------------------------ */

/* So many still hear it that there can be no agreement: then it is rather me. */
static bool is_contradicted(const struct captain *c)
{
    uint64_t alive[CHARTER_VOTERS_MAX];
    uint32_t count = 0;

    for (size_t i = 0; i < CHARTER_VOTERS_MAX; i++) {
        const struct voice *v = &c->voices[i];

        if (v->voter != 0 && v->opinion == OPINION_ALIVE && is_about(c, v->epoch, v->run) &&
            is_fresh(c, v))
            alive[count++] = v->voter;
    }
    return !charter_may_have_majority(&c->charter, alive, count);
}

void suspect_told(struct captain *c, const struct suspicion *s)
{
    put_voice(c, s);
    if (!charter_voter(&c->charter, s->reporter))
        return;
    if (s->opinion == OPINION_UNKNOWN)
        c->behind = true;
    if (!c->suspects || c->contradicted || !is_contradicted(c))
        return;
    c->contradicted = true;
    if (why_may_be_vetoed(captain_leader_why(c)))
        health_blame(&c->health, c->now_ms);
}

static void tell_everybody(struct captain *c, enum why why, struct captain_actions *out)
{
    for (uint32_t i = 0; i < c->charter.voter_count; i++) {
        const struct voter *v = &c->charter.voters[i];
        struct captain_action *a;

        if (v->id == c->voter)
            continue;
        a = captain_act(out, CAPTAIN_ACT_SUSPECT);
        a->to = v->id;
        a->at = v->at;
        a->suspicion = mine(c, why);
    }
    for (uint32_t i = 0; i < c->node_count; i++) {
        struct watched *w = &c->nodes[i];

        if (w->e.node == c->charter.leader || charter_member(&c->charter, w->e.node)->did == 0)
            continue;
        (void)captain_order(c, w, ORDER_PING, out);
        w->probe_seq = w->e.contact == CONTACT_OPEN ? w->e.seq : w->e.seq + 1;
    }
    c->told = why_opinion(why);
    c->asked_ms = c->now_ms;
    c->tell_ms = c->now_ms + c->set.patience.heartbeat_ms;
}

/* ---- agreement --------------------------------------------------------------------------------- */

/* Mine, and those of the others that are still fresh and about this very process. */
static bool has_majority(const struct captain *c, enum opinion mine_is, bool *out_hard)
{
    uint64_t ids[CHARTER_VOTERS_MAX + 1];
    uint32_t count = 0;

    *out_hard = mine_is == OPINION_HARD;
    ids[count++] = c->voter;
    for (size_t i = 0; i < CHARTER_VOTERS_MAX; i++) {
        const struct voice *v = &c->voices[i];

        if (v->voter == 0 || v->opinion < OPINION_SOFT || !is_about(c, v->epoch, v->run) ||
            !is_fresh(c, v) || !charter_voter(&c->charter, v->voter))
            continue;
        ids[count++] = v->voter;
        *out_hard = *out_hard || v->opinion == OPINION_HARD;
    }
    if (CAPTAIN_MUTATED(c, MUT_ALONE))
        return true;
    return count >= c->set.quorum && charter_has_majority(&c->charter, ids, count);
}

enum witness { WITNESS_NONE, WITNESS_AWAITED, WITNESS_HEARS_IT };

/* A beat is as old as the copy said, and as what it said is by now. */
static uint64_t beat_fades_ms(const struct captain *c, const struct evidence *e)
{
    uint64_t fresh_ms = 2 * c->set.patience.heartbeat_ms, age_ms = e->report.beat_age_ms;

    return age_ms < fresh_ms ? e->heard_ms + fresh_ms - age_ms : 0;
}

/* What one copy in sync says of its leader; before it answers, what it said last counts for as long as it would. */
static enum witness ask_witness(struct captain *c, const struct watched *w)
{
    const struct report *r = &w->e.report;
    const struct member *m = charter_member(&c->charter, w->e.node);
    uint64_t fades_ms = beat_fades_ms(c, &w->e);

    if (m->did == 0 || m->node == c->charter.leader)
        return WITNESS_NONE;
    if (r->did == m->did && r->role == NODE_FOLLOWER && r->promised == c->charter.epoch &&
        c->now_ms < fades_ms) {
        captain_wake_by(c, fades_ms);
        return WITNESS_HEARS_IT;
    }
    if (w->e.told_seq < w->probe_seq && c->now_ms < c->asked_ms + CAPTAIN_PROBE_MS)
        return WITNESS_AWAITED;
    return WITNESS_NONE;
}

/* Only what the network says can be wrong in a way that a copy in sync knows better. */
static enum witness ask_witnesses(struct captain *c, enum why why)
{
    enum witness most = WITNESS_NONE;

    if (!why_may_be_vetoed(why) || CAPTAIN_MUTATED(c, MUT_NO_VETO))
        return WITNESS_NONE;
    for (uint32_t i = 0; i < c->node_count; i++) {
        enum witness w = ask_witness(c, &c->nodes[i]);

        most = w > most ? w : most;
    }
    return most;
}

static void settle_agreement(struct captain *c, enum why why, struct captain_actions *out)
{
    bool hard, before = c->agreed;

    c->agreed = !c->set.paused && has_majority(c, why_opinion(why), &hard);
    if (c->agreed && !hard) {
        enum witness w = ask_witnesses(c, why);

        if (w == WITNESS_AWAITED) {
            c->agreed = before;
            captain_wake_by(c, c->asked_ms + CAPTAIN_PROBE_MS);
        } else {
            c->agreed = w == WITNESS_NONE;
        }
    }
    if (c->agreed == before)
        return;
    c->changed = true;
    c->agreed_ms = c->now_ms;
    captain_notice(out, c->agreed ? "+hf-agreed" : "-hf-agreed", "epoch=%llu run=%s why=%s",
                   (unsigned long long)c->charter.epoch, c->charter.run, why_word(why));
}

static void clear(struct captain *c)
{
    c->changed = c->changed || c->agreed;
    c->suspects = c->agreed = c->contradicted = false;
    c->told = OPINION_UNKNOWN;
    c->hard_ms = 0;
}

/* Probes under way were of somebody else: they are answered as things are now. */
void suspect_forget(struct captain *c)
{
    clear(c);
    for (uint32_t i = 0; i < c->probe_count; i++)
        c->probes[i].seq = 0;
}

static void withdraw(struct captain *c, enum why why, struct captain_actions *out)
{
    if (c->suspects)
        captain_notice(out, "-hf-suspect", "epoch=%llu run=%s now=%s",
                       (unsigned long long)c->charter.epoch, c->charter.run, why_word(why));
    clear(c);
}

void suspect_settle(struct captain *c, struct captain_actions *out)
{
    enum why why;

    if (c->charter.ver == 0)
        return;
    settle_probes(c, out);
    why = captain_leader_why(c);
    if (why_opinion(why) < OPINION_SOFT) {
        withdraw(c, why, out);
        return;
    }
    if (!c->suspects) {
        c->suspects = true;
        c->tell_ms = c->now_ms;
        captain_notice(out, "+hf-suspect", "epoch=%llu run=%s why=%s",
                       (unsigned long long)c->charter.epoch, c->charter.run, why_word(why));
    }
    if (why_opinion(why) == OPINION_HARD && c->hard_ms == 0)
        c->hard_ms = c->now_ms;
    if (c->now_ms >= c->tell_ms || why_opinion(why) > c->told)
        tell_everybody(c, why, out);
    captain_wake_by(c, c->tell_ms);
    settle_agreement(c, why, out);
}
