/*
 * operate - an operator's wishes: one at a time, each a change of the register or two, answered when it is certain.
 */
#include <stdio.h>
#include <string.h>

#include "sentinel/core/durable/parts.h"

/* NULL: *ch is filled in. Or why not. */
typedef const char *wish_maker(struct captain *c, const struct wish *w, struct change *ch);

static const char *create(struct captain *c, const struct wish *w, struct change *ch)
{
    ch->kind = CHANGE_CREATE;
    ch->first = w->first;
    return strcmp(w->first.gid, c->charter.gid) == 0 ? NULL
                                                     : "the first version is of another group";
}

static const char *set_terms(struct captain *c, const struct wish *w, struct change *ch)
{
    struct charter next = c->charter;

    next.closed = w->closed;
    if (!captain_all_read(c, &next))
        return "a node or a sentinel of the group is of an older version, which could not read it";
    ch->kind = CHANGE_TERMS;
    ch->if_ver = w->ver;
    ch->level = w->level;
    ch->min_sync = w->min_sync;
    ch->closed = w->closed;
    return NULL;
}

static const char *add_member(struct captain *c, const struct wish *w, struct change *ch)
{
    (void)c;
    ch->kind = CHANGE_MEMBER_ADD;
    ch->member = w->member;
    return NULL;
}

static const char *remove_member(struct captain *c, const struct wish *w, struct change *ch)
{
    (void)c;
    ch->kind = CHANGE_MEMBER_REMOVE;
    ch->node = w->node;
    return NULL;
}

/* Mine, or one that has said lately that it votes there. */
static bool is_heard(const struct captain *c, const struct voter *v)
{
    const struct seen_voter *s = captain_seen(c, &v->at);

    if (proposer_bars(&c->proposer, v->id))
        return false;
    return v->id == c->voter ||
           (s && s->voter == v->id && c->now_ms < s->heard_ms + CAPTAIN_HEARD_MS);
}

static bool has_majority(const struct captain *c, const struct wish *w)
{
    uint64_t ids[CHARTER_VOTERS_MAX];
    struct charter next = { .ver = 0 };
    uint32_t count = 0;

    for (uint32_t i = 0; i < w->voter_count; i++) {
        charter_add_voter(&next, &w->voters[i]);
        if (is_heard(c, &w->voters[i]))
            ids[count++] = w->voters[i].id;
    }
    return charter_has_majority(&next, ids, count);
}

/* Two sets are accepted by a majority of the old one, and committed by none but a majority of both: with a new one
 * that has none the register would be stuck between them. */
static const char *set_voters(struct captain *c, const struct wish *w, struct change *ch)
{
    if (!has_majority(c, w))
        return "of those who would vote then no majority answers: nothing could be changed any "
               "more";
    ch->kind = CHANGE_VOTERS_BEGIN;
    ch->if_ver = w->ver;
    memcpy(ch->voters, w->voters, sizeof ch->voters);
    ch->voter_count = w->voter_count;
    return NULL;
}

/* A leader alone in sync needs nobody's word to go on: if it only seemed dead there would be two (invariant 8). */
static bool is_proven(const struct captain *c, const struct wish *w)
{
    return w->confirm_dead || why_opinion(captain_leader_why(c)) == OPINION_HARD ||
           CAPTAIN_MUTATED(c, MUT_FORCE_UNPROVEN);
}

static bool serves(struct captain *c)
{
    return captain_leader_why(c) == WHY_ALIVE && tend_leads(c) &&
           captain_leader(c)->e.report.role == NODE_ACTIVE;
}

/* The number of a version that a minority holds may be another's by now, in an epoch of its own: of that the operator has
 * seen nothing, and his word about the dead is of the one before. */
static const char *force(struct captain *c, const struct wish *w, struct change *ch)
{
    const struct watched *to = captain_watched(c, w->node);

    if (!to)
        return "the node is no member";
    if (w->ver == 0 || w->ver != captain_newest(c)->ver)
        return "the version is another: look at the group again";
    if (captain_newest(c)->epoch != c->charter.epoch || c->charter.epoch != c->wish_epoch)
        return "another leads by now: look at the group again";
    if (captain_node_why(c, to) != WHY_ALIVE || to->e.report.did == 0)
        return "the node does not answer";
    if (to->e.report.flags & (NODE_LOADING | NODE_RESYNCING))
        return "the node has no whole data set";
    if (serves(c))
        return "the leader answers, and serves: SENTINEL FAILOVER hands over without loss";
    if (!is_proven(c, w))
        return "nothing proves that the leader's process is dead: see to it, and say CONFIRM-DEAD";
    ch->kind = CHANGE_FORCE;
    ch->if_ver = w->ver;
    ch->node = w->node;
    ch->did = to->e.report.did;
    ch->boot = to->e.report.boot;
    memcpy(ch->run, to->e.report.run, sizeof ch->run);
    snprintf(ch->reason, sizeof ch->reason, "%s", w->reason);
    return NULL;
}

static const struct {
    const char *word;
    wish_maker *make;
} wishes[WISH_COUNT] = {
    [WISH_NONE] = { "none", NULL },
    [WISH_SWITCHOVER] = { "switchover", NULL },
    [WISH_CREATE] = { "create", create },
    [WISH_TERMS] = { "terms", set_terms },
    [WISH_MEMBER_ADD] = { "member-add", add_member },
    [WISH_MEMBER_REMOVE] = { "member-remove", remove_member },
    [WISH_VOTERS] = { "voters", set_voters },
    [WISH_FORCE] = { "force", force },
};

const char *wish_word(enum wish_kind kind)
{
    return wishes[kind].word;
}

static void reply(uint64_t token, const char *why, struct captain_actions *out)
{
    struct captain_action *a = captain_act(out, CAPTAIN_ACT_REPLY);

    a->token = token;
    a->ok = !why;
    if (why)
        snprintf(a->text, sizeof a->text, "%s", why);
}

static void tell(enum wish_kind kind, const char *why, struct captain_actions *out)
{
    captain_notice(out, why ? "-hf-wish" : "+hf-wish", "wish=%s%s%s", wish_word(kind),
                   why ? " why=" : "", why ? why : "");
}

/* A leader that would be relieved is tried for as long as it asks: why that was in vain is news when it is another. */
static bool is_news(struct captain *c, const char *why)
{
    if (!c->wish.by_leader || !why)
        return true;
    if (strncmp(c->relief_why, why, sizeof c->relief_why - 1) == 0)
        return false;
    snprintf(c->relief_why, sizeof c->relief_why, "%s", why);
    return true;
}

void operate_reply(struct captain *c, const char *why, struct captain_actions *out)
{
    if (c->wish.kind == WISH_NONE)
        return;
    if (is_news(c, why))
        tell(c->wish.kind, why, out);
    reply(c->wish.token, why, out);
    c->wish = (struct wish){ .kind = WISH_NONE };
    c->changed = true;
}

const char *operate_refusal(const struct captain *c, const struct wish *w)
{
    if (c->wish.kind != WISH_NONE)
        return "another change is under way";
    if (w->kind != WISH_CREATE && c->charter.ver == 0)
        return "the group is not durable";
    if (w->kind == WISH_CREATE && c->charter.ver != 0)
        return "the group is durable already";
    /* While nobody can lead without loss, FORCE is what ends it. */
    if (w->kind != WISH_FORCE && c->state != CAPTAIN_CALM)
        return "a failover is under way";
    if (w->kind == WISH_SWITCHOVER && w->node == c->charter.leader)
        return "the node leads already";
    return NULL;
}

/* The copies are asked where they stand, and a ballot is prepared meanwhile: a new one, as the leader holds its writes on the
 * strength of it. */
static void begin_switchover(struct captain *c, struct captain_actions *out)
{
    captain_prepare(c, false);
    for (uint32_t i = 0; i < c->node_count; i++) {
        struct watched *w = &c->nodes[i];

        (void)captain_order(c, w, ORDER_PING, out);
        w->gather_seq = w->e.contact == CONTACT_OPEN ? w->e.seq : w->e.seq + 1;
    }
    captain_enter(c, CAPTAIN_PREPARE, c->now_ms + c->set.handoff_ms);
}

void operate_wish(struct captain *c, const struct wish *w, struct captain_actions *out)
{
    const char *why = operate_refusal(c, w);

    if (why) {
        if (w->token == 0 && !w->by_leader) /* nobody hears the reply */
            tell(w->kind, why, out);
        reply(w->token, why, out);
        return;
    }
    c->wish = *w;
    c->wish_ms = c->now_ms + CAPTAIN_WISH_MS;
    c->wish_epoch = c->charter.epoch;
    c->wish_begun = false;
    if (w->kind == WISH_TERMS || w->kind == WISH_VOTERS)
        c->wish.ver = c->charter.ver; /* of which it names all that stays */
    if (w->kind == WISH_SWITCHOVER)
        begin_switchover(c, out);
}

static void submit(struct captain *c, struct captain_actions *out)
{
    struct change ch = { 0 };
    const char *why = NULL;

    if (c->charter.ver > 0)
        change_expect(&ch, &c->charter);
    if (c->wish_begun)
        ch.kind = CHANGE_VOTERS_FINISH;
    else
        why = wishes[c->wish.kind].make(c, &c->wish, &ch);
    if (why) {
        operate_reply(c, why, out);
        return;
    }
    captain_submit(c, ERRAND_WISH, &ch, c->wish_ms > c->now_ms ? c->wish_ms - c->now_ms : 0);
}

/* A switchover came true when the target serves clients. It did not when somebody else was made to lead, or when the
 * register, read behind the attempt, names the old leader. */
static void settle_switchover(struct captain *c, struct captain_actions *out)
{
    if (c->state >= CAPTAIN_PREPARE)
        return;
    if (c->charter.epoch > c->wish_epoch && c->charter.leader != c->wish.node)
        operate_reply(c, "another one was made to lead", out);
    else if (c->charter.epoch > c->wish_epoch && c->served == c->charter.epoch)
        operate_reply(c, NULL, out);
    else if (c->charter.epoch == c->wish_epoch && !c->behind && !captain_is_busy(c))
        operate_reply(c, "it was not committed: the leader is as it was", out);
    else if (c->now_ms >= c->wish_ms)
        operate_reply(c, "its outcome is not known yet: look at the group", out);
}

void operate_settle(struct captain *c, struct captain_actions *out)
{
    if (c->wish.kind == WISH_NONE)
        return;
    if (c->now_ms < c->wish_ms) /* an attempt that is under way then has an end of its own */
        captain_wake_by(c, c->wish_ms);
    if (c->wish.kind == WISH_SWITCHOVER)
        settle_switchover(c, out);
    else if (c->errand == ERRAND_WISH)
        return;
    else if (c->now_ms >= c->wish_ms)
        operate_reply(c, "no majority of the voters answers", out);
    else if (!captain_is_busy(c) && (!c->behind || c->wish.kind == WISH_CREATE))
        submit(c, out);
}

void operate_result(struct captain *c, const struct reg_action *r, struct captain_actions *out)
{
    static const char *const sentences[OUTCOME_COUNT] = {
        [OUTCOME_PASSED] = "others have changed the group meanwhile: look at it",
        [OUTCOME_NOT_SENT] = "no majority of the voters answers",
        [OUTCOME_UNKNOWN] = "its outcome is not known yet: look at the group",
    };

    c->behind = c->behind || r->outcome != OUTCOME_DONE;
    if (r->outcome == OUTCOME_DONE && c->wish.kind == WISH_VOTERS && !c->wish_begun) {
        c->wish_begun = true; /* the second step follows */
        return;
    }
    if (r->outcome == OUTCOME_UNKNOWN && CAPTAIN_MUTATED(c, MUT_GUESSES))
        operate_reply(c, NULL, out);
    else
        operate_reply(c, r->outcome == OUTCOME_REFUSED ? r->refusal.text : sentences[r->outcome],
                      out);
}
