#include "sentinel/core/acceptor.h"

#include <string.h>

enum { MEMORY_FORMAT = 1, MEMORY_NUMBERS = 8 };

bool acceptor_has_value(const struct acceptor *a)
{
    return a->accepted.round != 0;
}

void acceptor_init(struct acceptor *a, uint64_t voter)
{
    ASSERT(voter != 0);
    *a = (struct acceptor){ .voter = voter };
}

void acceptor_check(const struct acceptor *a)
{
    ASSERT(a->voter != 0);
    ASSERT(ballot_cmp(a->accepted, a->promised) <= 0 || a->mutations);
    ASSERT(!acceptor_has_value(a) || charter_is_sound(&a->value, NULL));
}

void acceptor_lost(struct acceptor *a)
{
    a->lost = true;
}

/* ---- answers ----------------------------------------------------------------------------------- */

static struct reg_message *answer(const struct acceptor *a, const struct reg_message *m,
                                  enum reg_kind kind, struct reg_actions *out)
{
    struct reg_message *r = &reg_act(out, REG_SEND)->message;

    r->kind = kind;
    memcpy(r->gid, m->gid, sizeof r->gid);
    r->voter = a->voter;
    r->ballot = m->ballot;
    r->promised = a->promised;
    return r;
}

static void tell_value(const struct acceptor *a, struct reg_message *r)
{
    if (!acceptor_has_value(a))
        return;
    r->accepted = a->accepted;
    r->value = a->value;
    r->ver = a->value.ver;
    r->committed = ballot_is(a->accepted, a->committed);
}

static void refuse(const struct acceptor *a, const struct reg_message *m, enum nack_why why,
                   struct reg_actions *out)
{
    struct reg_message *r = answer(a, m, REG_NACK, out);

    r->why = why;
    if (why == NACK_VOTERS)
        tell_value(a, r);
}

static bool is_other_group(const struct acceptor *a, const struct reg_message *m)
{
    if (m->kind == REG_ACCEPT && strcmp(m->value.gid, m->gid) != 0)
        return true;
    return acceptor_has_value(a) && strcmp(a->value.gid, m->gid) != 0;
}

/* Only who is surely behind is sent away: one who knows of newer voters than I do must get through. */
static bool counts_old_voters(const struct acceptor *a, const struct reg_message *m)
{
    return acceptor_has_value(a) && ballot_is(a->accepted, a->committed) && m->ver < a->value.ver &&
           m->hash != charter_voters_hash(&a->value);
}

/* The same ballot again is a message that came twice: the same answer, and nothing new to remember. */
static void prepare(struct acceptor *a, const struct reg_message *m, struct reg_actions *out)
{
    int cmp = ballot_cmp(m->ballot, a->promised);

    if (cmp < 0 && !REG_MUTATED(a, MUT_ANY_BALLOT_PROMISED)) {
        refuse(a, m, NACK_BALLOT, out);
        return;
    }
    if (counts_old_voters(a, m)) {
        refuse(a, m, NACK_VOTERS, out);
        return;
    }
    a->promised = m->ballot;
    if (REG_MUTATED(a, MUT_PROMISE_BEFORE_DISK))
        tell_value(a, answer(a, m, REG_PROMISE, out));
    if (cmp != 0)
        reg_act(out, REG_PERSIST);
    if (!REG_MUTATED(a, MUT_PROMISE_BEFORE_DISK))
        tell_value(a, answer(a, m, REG_PROMISE, out));
}

static bool is_refused_for_policy(const struct acceptor *a, const struct reg_message *m)
{
    const struct charter *mine = acceptor_has_value(a) ? &a->value : NULL;

    return a->refuses && a->refuses(a->arg, mine, &m->value) && !REG_MUTATED(a, MUT_POLICY_IGNORED);
}

static void accept(struct acceptor *a, const struct reg_message *m, struct reg_actions *out)
{
    bool again = acceptor_has_value(a) && ballot_is(m->ballot, a->accepted);

    if (ballot_cmp(m->ballot, a->promised) < 0 && !REG_MUTATED(a, MUT_ANY_BALLOT_ACCEPTED)) {
        refuse(a, m, NACK_BALLOT, out);
        return;
    }
    if (!again && is_refused_for_policy(a, m)) {
        refuse(a, m, NACK_POLICY, out);
        return;
    }
    if (!again) {
        a->promised = a->accepted = m->ballot;
        a->value = m->value;
    }
    if (REG_MUTATED(a, MUT_ACCEPT_BEFORE_DISK))
        answer(a, m, REG_ACCEPTED, out);
    if (!again)
        reg_act(out, REG_PERSIST);
    if (!REG_MUTATED(a, MUT_ACCEPT_BEFORE_DISK))
        answer(a, m, REG_ACCEPTED, out);
}

static void learn(struct acceptor *a, const struct reg_message *m, struct reg_actions *out)
{
    if (ballot_cmp(m->ballot, a->committed) > 0)
        a->committed = m->ballot;
}

static void get(struct acceptor *a, const struct reg_message *m, struct reg_actions *out)
{
    tell_value(a, answer(a, m, REG_VALUE, out));
}

void acceptor_step(struct acceptor *a, const struct reg_message *m, struct reg_actions *out)
{
    static void (*const answers[REG_KIND_COUNT])(struct acceptor *, const struct reg_message *,
                                                 struct reg_actions *) = {
        [REG_PREPARE] = prepare,
        [REG_ACCEPT] = accept,
        [REG_LEARN] = learn,
        [REG_GET] = get,
    };

    ASSERT(answers[m->kind]);
    if (a->lost)
        refuse(a, m, NACK_LOST, out);
    else if (is_other_group(a, m))
        refuse(a, m, NACK_GROUP, out);
    else
        answers[m->kind](a, m, out);
}

/* ---- memory ------------------------------------------------------------------------------------ */

#define U(number) ((unsigned long long)(number))

/* "voter 1 <voter> <promised> <accepted> <committed>", a ballot in two numbers; behind the line's end the value. */
void acceptor_encode(const struct acceptor *a, struct buf *out)
{
    buf_printf(out, "voter %d %llu %llu %llu %llu %llu %llu %llu\n", MEMORY_FORMAT, U(a->voter),
               U(a->promised.round), U(a->promised.proposer), U(a->accepted.round),
               U(a->accepted.proposer), U(a->committed.round), U(a->committed.proposer));
    /* It came as a message, which is no longer. */
    if (acceptor_has_value(a) && charter_encode(&a->value, out) != OK)
        ASSERT(!"a value that was encoded before fits");
}

static bool take_number(struct bytes *line, uint64_t *out)
{
    const char *blank = line->len ? memchr(line->at, ' ', line->len) : NULL;
    size_t len = blank ? (size_t)(blank - line->at) : line->len;

    if (!bytes_to_u64((struct bytes){ line->at, len }, out))
        return false;
    line->at += blank ? len + 1 : len;
    line->len -= blank ? len + 1 : len;
    return true;
}

static bool take_line(struct bytes *memory, uint64_t out[MEMORY_NUMBERS])
{
    const char *end = memory->len ? memchr(memory->at, '\n', memory->len) : NULL;
    struct bytes line = { memory->at, end ? (size_t)(end - memory->at) : 0 };

    if (line.len < 6 || memcmp(line.at, "voter ", 6) != 0)
        return false;
    memory->at = end + 1;
    memory->len -= line.len + 1;
    line.at += 6;
    line.len -= 6;
    for (int i = 0; i < MEMORY_NUMBERS; i++)
        if (!take_number(&line, &out[i]))
            return false;
    return line.len == 0 && out[1] != 0;
}

enum err acceptor_decode(struct bytes memory, struct acceptor *out, struct errmsg *out_why)
{
    uint64_t n[MEMORY_NUMBERS];
    struct charter value = { 0 };
    struct acceptor a;

    if (memory.len > ACCEPTOR_BYTES_MAX || !take_line(&memory, n)) {
        errmsg_set(out_why, "it is no voter's memory");
        return ERR_SYNTAX;
    }
    if (n[0] != MEMORY_FORMAT) {
        errmsg_set(out_why, "it has format %llu, and this version reads %d", U(n[0]),
                   MEMORY_FORMAT);
        return ERR_UNSUPPORTED;
    }
    a = (struct acceptor){
        .voter = n[1],
        .promised = { n[2], n[3] },
        .accepted = { n[4], n[5] },
        .committed = { n[6], n[7] },
        .refuses = out->refuses,
        .arg = out->arg,
        .mutations = out->mutations,
    };
    if (acceptor_has_value(&a) != (memory.len > 0) || ballot_cmp(a.accepted, a.promised) > 0) {
        errmsg_set(out_why, "it contradicts itself");
        return ERR_SYNTAX;
    }
    if (acceptor_has_value(&a)) {
        enum err e = charter_decode(memory, &value, out_why);

        if (e != OK)
            return e;
        a.value = value;
    }
    *out = a;
    return OK;
}
