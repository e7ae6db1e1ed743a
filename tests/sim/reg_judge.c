/*
 * reg_judge - what must hold of a register, whoever fails and however (the numbers are README's):
 *
 *   1. at most one value per version, and the chosen ones form one chain of sound successors
 *   2. what is chosen is never lost: every later ballot builds on it
 *   3. one leader's process per epoch
 *   4. a change is in the chain at most once, and its condition held where it is
 *   5. who was told "refused", "not sent" or "done" was told the truth, and nothing lands after it was called decided
 *   6. a read shows a committed value, no older than what was chosen when it was asked
 *   7. what a voter has shown never goes back, over all lives of its memory
 *   8. a voter that knows a leader dead accepts no shrink of its sync set
 */
#include <string.h>

#include "common/alloc.h"
#include "reg_world.h"

#define U(number) ((unsigned long long)(number))

static struct attempt *find_attempt(const struct world *w, struct ballot b)
{
    for (size_t i = w->attempt_count; i-- > 0;)
        if (ballot_is(w->attempts[i].ballot, b))
            return &w->attempts[i];
    return NULL;
}

static struct order *find_order(const struct world *w, uint64_t proposer, uint64_t op)
{
    for (size_t i = w->order_count; i-- > 0;)
        if (w->orders[i].proposer == proposer && w->orders[i].op == op)
            return &w->orders[i];
    return NULL;
}

void judge_ordered(struct world *w, int i, const struct change *ch)
{
    struct order *o;

    if (w->order_count == w->order_cap) {
        w->order_cap = w->order_cap ? w->order_cap * 2 : 256;
        w->orders = xrealloc(w->orders, w->order_cap * sizeof *w->orders);
    }
    o = &w->orders[w->order_count++];
    *o = (struct order){ .proposer = w->hosts[i].proposer.id,
                         .op = w->hosts[i].proposer.op + 1,
                         .change = *ch,
                         .floor = w->head };
    w->hosts[i].order = w->order_count;
}

/* ---- the chain --------------------------------------------------------------------------------- */

/* 4 and 5 of one change that turns out to be in the chain. */
static void order_landed(struct world *w, const struct charter *base, const struct charter *c)
{
    struct order *o = find_order(w, c->op_proposer, c->op_number);

    if (!o) {
        world_fail(w, "version %llu was made by nobody", U(c->ver));
        return;
    }
    if (o->ver != 0)
        world_fail(w, "one %s is both version %llu and %llu", change_word(o->change.kind),
                   U(o->ver), U(c->ver));
    o->ver = c->ver;
    if (base && (base->epoch != o->change.if_epoch || strcmp(base->run, o->change.if_run) != 0))
        world_fail(w, "a %s for epoch %llu became version %llu on epoch %llu",
                   change_word(o->change.kind), U(o->change.if_epoch), U(c->ver), U(base->epoch));
    if (o->told && (o->how == OUTCOME_REFUSED || o->how == OUTCOME_NOT_SENT))
        world_fail(w, "a %s that was called %s is version %llu", change_word(o->change.kind),
                   outcome_word(o->how), U(c->ver));
    if (o->told && o->how == OUTCOME_PASSED && c->ver > o->passed)
        world_fail(w, "a %s that had passed at version %llu landed as %llu",
                   change_word(o->change.kind), U(o->passed), U(c->ver));
    if (o->over)
        world_fail(w, "a %s that was called decided landed as version %llu",
                   change_word(o->change.kind), U(c->ver));
    w->by_kind[o->change.kind]++;
}

static void check_leader(struct world *w, const struct charter *c)
{
    for (uint64_t v = 1; v < CHAIN_MAX && v <= w->head; v++) {
        const struct charter *other = &w->chain[v].value;

        if (w->chain[v].ballot.round && other->epoch == c->epoch && strcmp(other->run, c->run) != 0)
            world_fail(w, "two processes lead epoch %llu", U(c->epoch));
    }
}

/* `a` is, or stands behind, something chosen. */
static void link_attempt(struct world *w, struct attempt *a)
{
    struct attempt *base = a->base.round ? find_attempt(w, a->base) : NULL;
    const struct charter *c = &a->value;

    if (a->linked || w->failed)
        return;
    a->linked = true;
    if (c->ver >= CHAIN_MAX) {
        world_fail(w, "the schedule is too long");
        return;
    }
    if (a->base.round && !base) {
        world_fail(w, "built on a ballot that nobody used");
        return;
    }
    if (base)
        link_attempt(w, base);
    if (w->chain[c->ver].ballot.round != 0) {
        if (!charter_eq(&w->chain[c->ver].value, c))
            world_fail(w, "two values of version %llu", U(c->ver));
        return;
    }
    if (base && base->value.ver == c->ver)
        world_fail(w, "version %llu was rewritten", U(c->ver));
    else if (base ? !charter_follows(&base->value, c) : c->ver != 1)
        world_fail(w, "version %llu does not follow from what it was built on", U(c->ver));
    check_leader(w, c);
    w->chain[c->ver] = *a;
    order_landed(w, base ? &base->value : NULL, c);
}

/* Was a built, directly or not, on b? */
static bool stands_on(const struct world *w, const struct attempt *a, const struct attempt *b)
{
    while (a && a != b)
        a = a->base.round ? find_attempt(w, a->base) : NULL;
    return a != NULL;
}

static void choose(struct world *w, struct attempt *a)
{
    a->chosen = true;
    w->committed++;
    world_trace(w, "chosen: version %llu epoch %llu under %llu.%llu", U(a->value.ver),
                U(a->value.epoch), U(a->ballot.round), U(a->ballot.proposer));
    link_attempt(w, a);
    if (a->value.ver > w->head)
        w->head = a->value.ver;
    for (size_t i = 0; i < w->attempt_count && !w->failed; i++)
        if (ballot_cmp(w->attempts[i].ballot, a->ballot) > 0 && !stands_on(w, &w->attempts[i], a))
            world_fail(w, "version %llu is chosen, and ballot %llu of version %llu overlooks it",
                       U(a->value.ver), U(w->attempts[i].ballot.round),
                       U(w->attempts[i].value.ver));
}

void judge_proposed(struct world *w, const struct proposer *p)
{
    struct attempt *a = find_attempt(w, p->ballot);

    if (a) {
        if (!charter_eq(&a->value, &p->next))
            world_fail(w, "two values under one ballot");
        return;
    }
    if (w->attempt_count == w->attempt_cap) {
        w->attempt_cap = w->attempt_cap ? w->attempt_cap * 2 : 256;
        w->attempts = xrealloc(w->attempts, w->attempt_cap * sizeof *w->attempts);
    }
    a = &w->attempts[w->attempt_count++];
    *a = (struct attempt){ .ballot = p->ballot, .base = p->base_ballot, .value = p->next };
    for (size_t i = 0; i + 1 < w->attempt_count && !w->failed; i++)
        if (w->attempts[i].chosen && ballot_cmp(w->attempts[i].ballot, a->ballot) < 0 &&
            !stands_on(w, a, &w->attempts[i]))
            world_fail(w, "ballot %llu for version %llu overlooks version %llu, which is chosen",
                       U(a->ballot.round), U(a->value.ver), U(w->attempts[i].value.ver));
}

/* ---- voters ------------------------------------------------------------------------------------ */

static void check_shown(struct world *w, const struct reg_message *m)
{
    struct shown_by_voter *s = NULL;
    struct ballot accepted;

    for (size_t i = 0; i < w->shown_count; i++)
        if (w->shown[i].voter == m->voter)
            s = &w->shown[i];
    if (!s) {
        ASSERT(w->shown_count < ARRAY_LEN(w->shown));
        s = &w->shown[w->shown_count++];
        *s = (struct shown_by_voter){ .voter = m->voter };
    }
    if (ballot_cmp(m->promised, s->promised) < 0)
        world_fail(w, "voter %llu promised round %llu, and now shows %llu", U(m->voter),
                   U(s->promised.round), U(m->promised.round));
    s->promised = m->promised;
    if (m->kind == REG_NACK)
        return;
    accepted = m->kind == REG_ACCEPTED ? m->ballot : m->accepted;
    if (ballot_cmp(accepted, s->accepted) < 0)
        world_fail(w, "voter %llu accepted in round %llu, and now shows %llu", U(m->voter),
                   U(s->accepted.round), U(accepted.round));
    s->accepted = accepted;
}

/* What a voter shows of itself it has accepted, also where a crash took the answer that said so first. */
static void count_accept(struct world *w, uint64_t voter, struct ballot b)
{
    struct attempt *a = find_attempt(w, b);

    if (!a) {
        world_fail(w, "accepted what nobody proposed");
        return;
    }
    for (size_t i = 0; i < a->voter_count; i++)
        if (a->voters[i] == voter)
            return;
    a->voters[a->voter_count++] = voter;
    if (!a->chosen && charter_has_majority(&a->value, a->voters, a->voter_count))
        choose(w, a);
}

void judge_answered(struct world *w, const struct reg_message *m)
{
    check_shown(w, m);
    if (m->kind == REG_ACCEPTED)
        count_accept(w, m->voter, m->ballot);
    else if (m->accepted.round != 0)
        count_accept(w, m->voter, m->accepted);
}

/* ---- owners ------------------------------------------------------------------------------------ */

static bool in_chain(const struct world *w, const struct charter *c)
{
    return c->ver < CHAIN_MAX && w->chain[c->ver].ballot.round &&
           charter_eq(&w->chain[c->ver].value, c);
}

void judge_told(struct world *w, int i, const struct reg_action *r)
{
    struct order *o = &w->orders[w->hosts[i].order - 1];
    const struct charter *c = &r->message.value;

    o->told = true;
    o->how = r->outcome;
    w->by_outcome[r->outcome]++;
    switch (r->outcome) {
    case OUTCOME_DONE:
        if (!in_chain(w, c))
            world_fail(w, "a %s was told version %llu, which is not committed",
                       change_word(o->change.kind), U(c->ver));
        if (o->change.kind == CHANGE_READ ? c->ver < o->floor : o->ver != c->ver)
            world_fail(w, "a %s was told version %llu; %llu was chosen before it was asked",
                       change_word(o->change.kind), U(c->ver), U(o->floor));
        break;
    case OUTCOME_PASSED:
        o->passed = c->ver;
        if (!in_chain(w, c))
            world_fail(w, "a %s passed by version %llu, which is not committed",
                       change_word(o->change.kind), U(c->ver));
        break;
    case OUTCOME_REFUSED:
    case OUTCOME_NOT_SENT:
        if (o->ver != 0)
            world_fail(w, "a %s that is version %llu was called %s", change_word(o->change.kind),
                       U(o->ver), outcome_word(r->outcome));
        break;
    default:
        break;
    }
}

/* Nothing of p's is unknown any more: what has not landed never will. */
void judge_settled(struct world *w, const struct proposer *p)
{
    for (size_t i = w->order_count; i-- > 0;) {
        struct order *o = &w->orders[i];

        if (o->proposer == p->id && o->told && o->how == OUTCOME_UNKNOWN && o->ver == 0)
            o->over = true;
    }
}
