#include "common/register/proposer.h"

#include <string.h>

const char *proposer_state_word(enum proposer_state state)
{
    static const char *const words[] = {
        [PROPOSER_IDLE] = "idle",       [PROPOSER_READING] = "reading",
        [PROPOSER_READY] = "ready",     [PROPOSER_PREPARING] = "preparing",
        [PROPOSER_WAITING] = "waiting", [PROPOSER_ACCEPTING] = "accepting",
    };

    return words[state];
}

void proposer_init(struct proposer *p, uint64_t id, const struct charter *known, uint64_t seed)
{
    ASSERT(id != 0);
    *p = (struct proposer){ .id = id, .wake_ms = UINT64_MAX, .deadline_ms = UINT64_MAX };
    memcpy(p->gid, known->gid, sizeof p->gid);
    p->known = *known;
    p->backoff_ms = PROPOSER_BACKOFF_MS;
    p->round_ms = PROPOSER_ROUND_MS;
    rng_seed(&p->rng, seed);
}

uint64_t proposer_unknown_ver(const struct proposer *p)
{
    return p->unknown_ver;
}

uint64_t proposer_wake_ms(const struct proposer *p)
{
    uint64_t deadline_ms = p->busy ? p->deadline_ms : UINT64_MAX;

    return p->wake_ms < deadline_ms ? p->wake_ms : deadline_ms;
}

/* ---- votes ------------------------------------------------------------------------------------- */

static bool is_among(uint64_t id, const uint64_t *ids, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++)
        if (ids[i] == id)
            return true;
    return false;
}

static void send_to(struct proposer *p, const struct voter *v, enum reg_kind kind,
                    struct reg_actions *out)
{
    struct reg_action *a = reg_act(out, REG_SEND);

    a->to = v->id;
    a->at = v->at;
    a->message.kind = kind;
    a->message.ballot = p->ballot;
    memcpy(a->message.gid, p->gid, sizeof a->message.gid);
    if (kind == REG_PREPARE) {
        a->message.ver = p->known.ver;
        a->message.hash = charter_voters_hash(&p->known);
    }
    if (kind == REG_ACCEPT)
        a->message.value = p->next;
}

/* All voters of c that this round has not asked yet. */
static void ask(struct proposer *p, const struct charter *c, enum reg_kind kind,
                struct reg_actions *out)
{
    struct ballots_cast *v = &p->votes;

    for (uint32_t i = 0; i < c->voter_count; i++) {
        if (is_among(c->voters[i].id, v->asked, v->asked_count))
            continue;
        if (v->asked_count == PROPOSER_VOTERS_MAX)
            return; /* a third set of voters within one round: the next round begins with it */
        v->asked[v->asked_count++] = c->voters[i].id;
        send_to(p, &c->voters[i], kind, out);
    }
}

static bool count_vote(uint64_t voter, uint64_t *ids, uint32_t *count)
{
    if (is_among(voter, ids, *count))
        return false;
    ASSERT(*count < PROPOSER_VOTERS_MAX);
    ids[(*count)++] = voter;
    return true;
}

static bool has_base(const struct proposer *p)
{
    return p->base_ballot.round != 0;
}

/* Whose majority this round needs for what it reads. */
static const struct charter *electorate(const struct proposer *p)
{
    if (has_base(p) && !REG_MUTATED(p, MUT_ASSUMED_VOTERS))
        return &p->base;
    return &p->known;
}

static bool has_promises(const struct proposer *p)
{
    return charter_has_majority(electorate(p), p->votes.yes, p->votes.yes_count);
}

static uint32_t one_set(struct charter *c, enum voter_set set)
{
    uint32_t kept = 0;

    for (uint32_t i = 0; i < c->voter_count; i++)
        if (c->voters[i].sets & set)
            c->voters[kept++] = c->voters[i];
    for (uint32_t i = 0; i < kept; i++)
        c->voters[i].sets = VOTERS_NOW;
    c->voter_count = kept;
    return kept;
}

/* Rule 3. */
static bool has_accepts(const struct proposer *p)
{
    const struct ballots_cast *v = &p->votes;
    struct charter old = p->next;

    if (REG_MUTATED(p, MUT_LESS_THAN_MAJORITY))
        return v->yes_count > 0;
    if (REG_MUTATED(p, MUT_JOINT_OLD_ONLY) && charter_is_joint(&p->next)) {
        one_set(&old, VOTERS_NOW);
        return charter_has_majority(&old, v->yes, v->yes_count);
    }
    if (has_base(p) && !REG_MUTATED(p, MUT_DIRECT_VOTERS) &&
        !charter_has_majority(&p->base, v->yes, v->yes_count))
        return false;
    return charter_has_majority(&p->next, v->yes, v->yes_count);
}

/* Rule 7. Those who promised tell under which ballot they hold what they hold. */
static bool is_settled(const struct proposer *p)
{
    const struct ballots_cast *v = &p->votes;
    uint64_t same[PROPOSER_VOTERS_MAX];
    uint32_t count = 0;

    if (!has_base(p))
        return false;
    for (uint32_t i = 0; i < v->yes_count; i++)
        if (ballot_is(v->accepted[i], p->base_ballot))
            same[count++] = v->yes[i];
    if (REG_MUTATED(p, MUT_READ_ONE))
        return charter_has_majority(&p->base, v->yes, v->yes_count);
    return charter_has_majority(&p->base, same, count) || charter_eq(&p->base, &p->known);
}

/* ---- rounds ------------------------------------------------------------------------------------ */

static void enter(struct proposer *p, enum proposer_state state, uint64_t wake_ms)
{
    p->state = state;
    p->wake_ms = wake_ms;
}

/* Answers are awaited for so long. */
static void enter_round(struct proposer *p, enum proposer_state state, uint64_t now_ms)
{
    p->round_began_ms = now_ms;
    enter(p, state, now_ms + p->round_ms);
}

static void set_pace(struct proposer *p, uint64_t round_ms)
{
    p->round_ms = round_ms < PROPOSER_ROUND_MS       ? PROPOSER_ROUND_MS
                  : round_ms > PROPOSER_ROUND_MS_MAX ? PROPOSER_ROUND_MS_MAX
                                                     : round_ms;
}

/* A majority has answered: the next round is given a few times as long, since disks are as slow as they are. */
static void learn_pace(struct proposer *p, uint64_t now_ms)
{
    set_pace(p, PROPOSER_PACE * (now_ms - p->round_began_ms));
}

static void begin(struct proposer *p, enum proposer_state state, uint64_t now_ms,
                  struct reg_actions *out)
{
    if (state == PROPOSER_READING)
        p->ballot = (struct ballot){ ++p->questions, p->id };
    else
        p->ballot =
            (struct ballot){ ++p->round, REG_MUTATED(p, MUT_BALLOT_WITHOUT_ID) ? 1 : p->id };
    p->votes = (struct ballots_cast){ 0 };
    p->base_ballot = (struct ballot){ 0 };
    for (uint32_t i = 0; i < PROPOSER_VOTERS_MAX; i++) {
        p->shown[i].promised_before = p->shown[i].promised;
        p->shown[i].accepted_before = p->shown[i].accepted;
    }
    enter_round(p, state, now_ms);
    ask(p, &p->known, state == PROPOSER_READING ? REG_GET : REG_PREPARE, out);
}

void proposer_learn(struct proposer *p, const struct charter *committed)
{
    if (committed->ver > p->known.ver)
        p->known = *committed;
}

static void rest(struct proposer *p)
{
    p->backoff_ms = PROPOSER_BACKOFF_MS;
    enter(p, PROPOSER_IDLE, UINT64_MAX);
}

static struct reg_action *finish(struct proposer *p, enum outcome outcome,
                                 const struct charter *value, struct reg_actions *out)
{
    struct reg_action *a = reg_act(out, REG_RESULT);

    a->outcome = outcome;
    a->message.ver = p->op;
    if (value) {
        a->has_value = true;
        a->message.value = *value;
    }
    p->busy = false;
    p->attempted = 0;
    p->deadline_ms = UINT64_MAX;
    return a;
}

/* Two who want a ballot ahead would take it from each other for ever: without a change nobody tries again. */
static void retreat(struct proposer *p, uint64_t now_ms)
{
    uint64_t span = p->backoff_ms - PROPOSER_BACKOFF_MS_MIN + 1;

    if (!p->busy) {
        enter(p, PROPOSER_IDLE, UINT64_MAX);
        return;
    }
    enter(p, PROPOSER_WAITING, now_ms + PROPOSER_BACKOFF_MS_MIN + rng_below(&p->rng, span));
    p->backoff_ms *= 2;
    if (p->backoff_ms > PROPOSER_BACKOFF_MS_MAX)
        p->backoff_ms = PROPOSER_BACKOFF_MS_MAX;
}

static void give_up(struct proposer *p, struct reg_actions *out)
{
    enum outcome outcome = OUTCOME_NOT_SENT;

    if (p->attempted) {
        outcome = REG_MUTATED(p, MUT_UNKNOWN_IS_FAILED) ? OUTCOME_NOT_SENT : OUTCOME_UNKNOWN;
        if (p->attempted > p->unknown_ver)
            p->unknown_ver = p->attempted;
    }
    finish(p, outcome, NULL, out);
    rest(p);
}

/* ---- deciding what to propose ------------------------------------------------------------------ */

/* A commit buries what is lower; so does the sight of a committed version that is not. */
static void settle_unknown(struct proposer *p, const struct charter *committed)
{
    if (committed->ver >= p->unknown_ver || REG_MUTATED(p, MUT_PROMISE_BURIES))
        p->unknown_ver = 0;
}

static void send_accept(struct proposer *p, uint64_t now_ms, struct reg_actions *out)
{
    p->votes = (struct ballots_cast){ 0 };
    enter_round(p, PROPOSER_ACCEPTING, now_ms);
    if (has_base(p))
        ask(p, &p->base, REG_ACCEPT, out);
    ask(p, &p->next, REG_ACCEPT, out);
}

static bool may_skip_commit(const struct proposer *p)
{
    uint64_t open = p->attempted > p->unknown_ver ? p->attempted : p->unknown_ver;

    if (REG_MUTATED(p, MUT_PROMISE_BURIES))
        return is_settled(p);
    return is_settled(p) && p->base.ver >= open;
}

/* The value read is committed as it is, and with it the change has come to `goal`. */
static void conclude(struct proposer *p, enum outcome goal, uint64_t now_ms,
                     struct reg_actions *out)
{
    if (may_skip_commit(p)) {
        proposer_learn(p, &p->base);
        settle_unknown(p, &p->base);
        finish(p, goal, &p->base, out);
        rest(p);
        return;
    }
    p->next = p->base;
    p->goal = goal;
    p->again = false;
    send_accept(p, now_ms, out);
}

static void refuse(struct proposer *p, const struct errmsg *why, uint64_t now_ms,
                   struct reg_actions *out)
{
    struct reg_action *a;

    if (p->attempted && !has_base(p)) {
        retreat(p, now_ms);
        return;
    }
    if (p->attempted) {
        conclude(p, OUTCOME_PASSED, now_ms, out);
        return;
    }
    a = finish(p, OUTCOME_REFUSED, has_base(p) ? &p->base : NULL, out);
    a->refusal = *why;
    rest(p);
}

static bool is_mine(const struct proposer *p)
{
    return has_base(p) && p->base.op_proposer == p->id && p->base.op_number == p->op &&
           !REG_MUTATED(p, MUT_OP_FORGOTTEN);
}

/* Rule 4: commit the two sets first; this change comes again behind that. */
static bool has_to_wait(const struct proposer *p)
{
    return p->change.kind == CHANGE_VOTERS_FINISH && has_base(p) && charter_is_joint(&p->base) &&
           !is_settled(p) && !REG_MUTATED(p, MUT_JOINT_UNCOMMITTED);
}

static enum err apply(struct proposer *p, struct errmsg *why)
{
    struct change ch = p->change;
    enum err e;

    if (REG_MUTATED(p, MUT_BLIND_WRITE) && has_base(p) &&
        (ch.kind == CHANGE_SHRINK || ch.kind == CHANGE_GROW))
        change_expect(&ch, &p->base);
    e = change_apply(&ch, has_base(p) ? &p->base : NULL, p->id, p->op, &p->next, why);
    if (e == OK && ch.kind == CHANGE_VOTERS_BEGIN && REG_MUTATED(p, MUT_DIRECT_VOTERS))
        one_set(&p->next, VOTERS_NEXT);
    return e;
}

/* A majority has promised: what comes of the change? */
static void propose(struct proposer *p, uint64_t now_ms, struct reg_actions *out)
{
    struct errmsg why = { "the group has no register" };

    if (p->change.kind == CHANGE_READ) {
        if (has_base(p))
            conclude(p, OUTCOME_DONE, now_ms, out);
        else
            refuse(p, &why, now_ms, out);
        return;
    }
    if (is_mine(p)) {
        conclude(p, OUTCOME_DONE, now_ms, out);
        return;
    }
    /* Others went on from my version, or from another one of that number: no telling from here. */
    if (p->attempted && has_base(p) && p->base.ver > p->attempted &&
        !REG_MUTATED(p, MUT_OP_FORGOTTEN)) {
        conclude(p, OUTCOME_PASSED, now_ms, out);
        return;
    }
    if (has_to_wait(p)) {
        p->next = p->base;
        p->again = true;
        send_accept(p, now_ms, out);
        return;
    }
    if (apply(p, &why) != OK) {
        refuse(p, &why, now_ms, out);
        return;
    }
    p->attempted = p->next.ver;
    p->goal = OUTCOME_DONE;
    p->again = false;
    send_accept(p, now_ms, out);
}

static void commit(struct proposer *p, uint64_t now_ms, struct reg_actions *out)
{
    for (uint32_t i = 0; i < p->next.voter_count; i++)
        send_to(p, &p->next.voters[i], REG_LEARN, out);
    proposer_learn(p, &p->next);
    p->unknown_ver = 0;
    if (p->again) {
        begin(p, PROPOSER_PREPARING, now_ms, out);
        return;
    }
    finish(p, p->goal, &p->next, out);
    rest(p);
    if (p->ahead)
        begin(p, PROPOSER_PREPARING, now_ms, out);
}

/* ---- hearing ----------------------------------------------------------------------------------- */

static struct shown *shown_by(struct proposer *p, uint64_t voter)
{
    struct shown *s = NULL;

    for (uint32_t i = 0; i < PROPOSER_VOTERS_MAX && !s; i++)
        if (p->shown[i].voter == voter)
            s = &p->shown[i];
    if (!s) {
        s = &p->shown[p->shown_next++ % PROPOSER_VOTERS_MAX];
        *s = (struct shown){ .voter = voter };
    }
    return s;
}

bool proposer_bars(const struct proposer *p, uint64_t voter)
{
    for (uint32_t i = 0; i < PROPOSER_VOTERS_MAX; i++)
        if (p->shown[i].voter == voter && p->shown[i].barred)
            return true;
    return false;
}

static void raise_to(struct ballot *b, struct ballot to)
{
    if (ballot_cmp(to, *b) > 0)
        *b = to;
}

/* Messages overtake each other, so that a reply is measured by what was heard before its question was put. What a voter says
 * that could not write is not on its disk: when it is back with what is, it has shown nothing less. */
static bool is_barred(struct proposer *p, const struct reg_message *m, bool current)
{
    struct shown *s = shown_by(p, m->voter);
    struct ballot accepted = m->kind == REG_ACCEPTED ? m->ballot : m->accepted;
    bool less = ballot_cmp(m->promised, s->promised_before) < 0 ||
                (m->kind != REG_NACK && ballot_cmp(accepted, s->accepted_before) < 0);

    if (m->kind == REG_NACK && m->why == NACK_LOST)
        return s->barred;
    if (current && less && !s->barred) {
        s->barred = true;
        p->amnesia = m->voter;
    }
    raise_to(&s->promised, m->promised);
    raise_to(&s->accepted, accepted);
    return s->barred;
}

static void hear_promise(struct proposer *p, const struct reg_message *m, uint64_t now_ms,
                         struct reg_actions *out)
{
    struct ballots_cast *v = &p->votes;
    bool is_first = v->yes_count == 0;

    if (!count_vote(m->voter, v->yes, &v->yes_count))
        return;
    v->accepted[v->yes_count - 1] = m->accepted;
    if (m->committed)
        proposer_learn(p, &m->value);
    if (m->accepted.round != 0 &&
        (REG_MUTATED(p, MUT_FIRST_VALUE) ? is_first
                                         : ballot_cmp(m->accepted, p->base_ballot) > 0)) {
        p->base_ballot = m->accepted;
        p->base = m->value;
        ask(p, &p->base, p->state == PROPOSER_READING ? REG_GET : REG_PREPARE, out);
    }
    if (!has_promises(p))
        return;
    learn_pace(p, now_ms);
    if (p->state == PROPOSER_READING) {
        if (!has_base(p) && p->unknown_ver == 0)
            propose(p, now_ms, out); /* a majority has nothing: nothing was chosen */
        else if (may_skip_commit(p))
            conclude(p, OUTCOME_DONE, now_ms, out);
        else if (v->yes_count == v->asked_count)
            begin(p, PROPOSER_PREPARING, now_ms, out);
        return;
    }
    if (p->busy)
        propose(p, now_ms, out);
    else
        enter(p, p->ahead ? PROPOSER_READY : PROPOSER_IDLE, UINT64_MAX);
}

static void hear_accepted(struct proposer *p, const struct reg_message *m, uint64_t now_ms,
                          struct reg_actions *out)
{
    struct ballots_cast *v = &p->votes;

    if (!count_vote(m->voter, v->yes, &v->yes_count) || !has_accepts(p))
        return;
    learn_pace(p, now_ms);
    commit(p, now_ms, out);
}

static bool may_still_win(const struct proposer *p)
{
    const struct ballots_cast *v = &p->votes;

    if (p->state == PROPOSER_PREPARING)
        return charter_may_have_majority(electorate(p), v->no, v->no_count);
    return charter_may_have_majority(&p->next, v->no, v->no_count) &&
           (!has_base(p) || charter_may_have_majority(&p->base, v->no, v->no_count));
}

/* Its round is that of whoever has been away: nobody need be in its way. */
static bool is_behind(const struct proposer *p, const struct reg_message *m)
{
    return p->busy && p->state == PROPOSER_PREPARING && m->why == NACK_BALLOT && !p->hurried;
}

static void hear_nack(struct proposer *p, const struct reg_message *m, uint64_t now_ms,
                      struct reg_actions *out)
{
    struct ballots_cast *v = &p->votes;

    if (m->why == NACK_VOTERS && m->committed)
        proposer_learn(p, &m->value);
    (void)count_vote(m->voter, v->no, &v->no_count);
    if (m->why != NACK_VOTERS && may_still_win(p))
        return;
    if (!is_behind(p, m)) {
        retreat(p, now_ms);
        return;
    }
    p->hurried = true;
    begin(p, PROPOSER_PREPARING, now_ms, out);
}

/* Questions are numbered like ballots, and by other numbers: an answer is also known by its kind. */
static bool is_awaited(const struct proposer *p, const struct reg_message *m)
{
    static const enum reg_kind awaited[] = {
        [PROPOSER_READING] = REG_VALUE,
        [PROPOSER_PREPARING] = REG_PROMISE,
        [PROPOSER_ACCEPTING] = REG_ACCEPTED,
    };
    bool may_be_refused = p->state == PROPOSER_PREPARING || p->state == PROPOSER_ACCEPTING;

    if (!ballot_is(m->ballot, p->ballot) ||
        !is_among(m->voter, p->votes.asked, p->votes.asked_count))
        return false;
    return m->kind == REG_NACK ? may_be_refused
                               : p->state < ARRAY_LEN(awaited) && m->kind == awaited[p->state];
}

void proposer_hear(struct proposer *p, const struct reg_message *m, uint64_t now_ms,
                   struct reg_actions *out)
{
    bool current = is_awaited(p, m);

    if (strcmp(m->gid, p->gid) != 0)
        return;
    if (m->promised.round > p->round && m->promised.round <= REG_NUMBER_MAX)
        p->round = m->promised.round;
    if (is_barred(p, m, current) || !current)
        return;
    if (m->kind == REG_NACK)
        hear_nack(p, m, now_ms, out);
    else if (m->kind == REG_ACCEPTED)
        hear_accepted(p, m, now_ms, out);
    else
        hear_promise(p, m, now_ms, out);
}

/* ---- the owner's side -------------------------------------------------------------------------- */

bool proposer_is_ready(const struct proposer *p)
{
    uint64_t ver = has_base(p) ? p->base.ver : 0;

    return p->state == PROPOSER_READY && ver >= p->known.ver;
}

void proposer_submit(struct proposer *p, const struct change *ch, uint64_t deadline_ms,
                     uint64_t now_ms, struct reg_actions *out)
{
    ASSERT(!p->busy);
    p->busy = true;
    p->change = *ch;
    p->op++;
    p->attempted = 0;
    p->hurried = false;
    p->deadline_ms = deadline_ms;
    if (ch->kind == CHANGE_READ)
        begin(p, PROPOSER_READING, now_ms, out);
    else if (proposer_is_ready(p))
        propose(p, now_ms, out);
    else if (p->state == PROPOSER_IDLE || p->state == PROPOSER_READY)
        begin(p, PROPOSER_PREPARING, now_ms, out);
}

void proposer_set_ahead(struct proposer *p, bool ahead, uint64_t now_ms, struct reg_actions *out)
{
    bool rests = p->state == PROPOSER_IDLE || p->state == PROPOSER_READY;

    p->ahead = ahead;
    if (ahead && rests && !proposer_is_ready(p))
        begin(p, PROPOSER_PREPARING, now_ms, out);
    else if (!ahead && p->state == PROPOSER_READY)
        rest(p);
}

void proposer_time(struct proposer *p, uint64_t now_ms, struct reg_actions *out)
{
    if (p->busy && now_ms >= p->deadline_ms) {
        give_up(p, out);
        return;
    }
    if (now_ms < p->wake_ms)
        return;
    if (p->state != PROPOSER_WAITING)
        set_pace(p, 2 * p->round_ms);
    if (p->state == PROPOSER_WAITING || p->state == PROPOSER_READING)
        begin(p, PROPOSER_PREPARING, now_ms, out);
    else
        retreat(p, now_ms);
}

void proposer_check(const struct proposer *p)
{
    ASSERT((p->state == PROPOSER_IDLE || p->state == PROPOSER_READY) == (p->wake_ms == UINT64_MAX));
    ASSERT(!p->busy || (p->state != PROPOSER_IDLE && p->state != PROPOSER_READY));
    ASSERT(p->busy || (p->attempted == 0 && p->state != PROPOSER_ACCEPTING));
    ASSERT(p->state != PROPOSER_READING || (p->busy && p->change.kind == CHANGE_READ));
    ASSERT(p->state != PROPOSER_ACCEPTING || charter_is_sound(&p->next, NULL));
    ASSERT(p->state != PROPOSER_ACCEPTING || ballot_cmp(p->base_ballot, p->ballot) < 0 ||
           p->mutations);
}
