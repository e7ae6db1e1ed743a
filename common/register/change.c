#include "common/register/change.h"

#include <string.h>

/* Makes next, a copy of base so far, into what the change wants. NULL, or why not. */
typedef const char *maker(const struct change *ch, const struct charter *base,
                          struct charter *next);

static const char *create(const struct change *ch, const struct charter *base, struct charter *next)
{
    *next = ch->first;
    return next->ver == 1 && next->epoch >= 1 ? NULL : "a group begins with version 1";
}

static const char *shrink(const struct change *ch, const struct charter *base, struct charter *next)
{
    struct member *m = charter_member(next, ch->node);

    if (!m || m->did == 0 || m->did != ch->did)
        return "the node is not in sync with that data set";
    if (m->node == base->leader)
        return "the leader does not leave its own sync set";
    m->did = 0;
    return NULL;
}

/* A boot number that was seen once is never accepted from a disk again. */
static void see_boot(const struct change *ch, struct member *m)
{
    if (ch->boot > m->boot)
        m->boot = ch->boot;
}

static const char *grow(const struct change *ch, const struct charter *base, struct charter *next)
{
    struct member *m = charter_member(next, ch->node);

    if (!m)
        return "the node is no member";
    if (m->did != 0)
        return "the node is in sync already";
    if (ch->did == 0)
        return "a data set has an id";
    m->did = ch->did;
    see_boot(ch, m);
    return NULL;
}

/* Sync stays: until the new leader has changed it, the old one's copy counts. */
static const char *fail_over(const struct change *ch, const struct charter *base,
                             struct charter *next)
{
    struct member *m = charter_member(next, ch->node);

    if (!m || m->did == 0 || m->did != ch->did)
        return "the candidate is not in sync with that data set";
    if (m->observer)
        return "the candidate is an observer";
    if (strcmp(ch->run, base->run) == 0)
        return "the candidate's process leads already";
    next->epoch++;
    next->leader = ch->node;
    memcpy(next->run, ch->run, sizeof next->run);
    see_boot(ch, m);
    return NULL;
}

static const char *begin_voters(const struct change *ch, const struct charter *base,
                                struct charter *next)
{
    if (charter_is_joint(base))
        return "a change of voters is under way";
    if (ch->voter_count == 0)
        return "somebody has to vote";
    for (uint32_t i = 0; i < ch->voter_count; i++) {
        struct voter v = ch->voters[i];
        struct voter *known = (struct voter *)charter_voter(next, v.id);

        v.sets = VOTERS_NEXT;
        if (known && (known->sets & VOTERS_NEXT))
            return "a voter is named twice";
        if (!known && next->voter_count == CHARTER_VOTERS_MAX)
            return "too many voters";
        if (known)
            known->sets |= VOTERS_NEXT;
        else
            charter_add_voter(next, &v);
    }
    return NULL;
}

static const char *finish_voters(const struct change *ch, const struct charter *base,
                                 struct charter *next)
{
    uint32_t kept = 0;

    if (!charter_is_joint(base))
        return "no change of voters is under way";
    for (uint32_t i = 0; i < base->voter_count; i++) {
        if (!(base->voters[i].sets & VOTERS_NEXT))
            continue;
        next->voters[kept] = base->voters[i];
        next->voters[kept++].sets = VOTERS_NOW;
    }
    next->voter_count = kept;
    return NULL;
}

static const char *add_member(const struct change *ch, const struct charter *base,
                              struct charter *next)
{
    struct member m = ch->member;

    if (charter_member(next, m.node))
        return "the node is a member already";
    if (next->member_count == CHARTER_MEMBERS_MAX)
        return "too many members";
    m.did = 0;
    charter_add_member(next, &m);
    return NULL;
}

static const char *remove_member(const struct change *ch, const struct charter *base,
                                 struct charter *next)
{
    const struct member *m = charter_member(next, ch->node);

    if (!m)
        return "the node is no member";
    if (m->did != 0)
        return "the node is in sync";
    charter_drop_member(next, ch->node);
    return NULL;
}

static const char *set_terms(const struct change *ch, const struct charter *base,
                             struct charter *next)
{
    if (ch->level == base->level && ch->min_sync == base->min_sync && ch->closed == base->closed)
        return "nothing changes";
    next->level = ch->level;
    next->min_sync = ch->min_sync;
    next->closed = ch->closed;
    return NULL;
}

/* Whatever only the others held is lost, and that is written down. */
static const char *force(const struct change *ch, const struct charter *base, struct charter *next)
{
    struct member *m = charter_member(next, ch->node);

    if (ch->if_ver == 0)
        return "a version has to be named";
    if (!m)
        return "the node is no member";
    if (m->observer)
        return "the node is an observer";
    if (ch->did == 0)
        return "a data set has an id";
    if (strcmp(ch->run, base->run) == 0)
        return "the node's process leads already";
    for (uint32_t i = 0; i < next->member_count; i++)
        next->members[i].did = next->members[i].node == ch->node ? ch->did : 0;
    see_boot(ch, m);
    next->epoch++;
    next->leader = ch->node;
    memcpy(next->run, ch->run, sizeof next->run);
    next->lossy++;
    memcpy(next->reason, ch->reason, sizeof next->reason);
    return NULL;
}

static const struct {
    const char *word;
    maker *make;
} kinds[CHANGE_COUNT] = {
    [CHANGE_READ] = { "read", NULL },
    [CHANGE_CREATE] = { "create", create },
    [CHANGE_SHRINK] = { "shrink", shrink },
    [CHANGE_GROW] = { "grow", grow },
    [CHANGE_FAILOVER] = { "failover", fail_over },
    [CHANGE_VOTERS_BEGIN] = { "voters-begin", begin_voters },
    [CHANGE_VOTERS_FINISH] = { "voters-finish", finish_voters },
    [CHANGE_MEMBER_ADD] = { "member-add", add_member },
    [CHANGE_MEMBER_REMOVE] = { "member-remove", remove_member },
    [CHANGE_TERMS] = { "terms", set_terms },
    [CHANGE_FORCE] = { "force", force },
};

const char *change_word(enum change_kind kind)
{
    return kinds[kind].word;
}

void change_expect(struct change *ch, const struct charter *now)
{
    ch->if_epoch = now->epoch;
    memcpy(ch->if_run, now->run, sizeof ch->if_run);
}

static const char *condition(const struct change *ch, const struct charter *base)
{
    if (ch->kind == CHANGE_CREATE)
        return base ? "the group is durable already" : NULL;
    if (!base)
        return "the group has no register";
    if (ch->if_ver != 0 && base->ver != ch->if_ver)
        return "the version is another";
    if (base->epoch != ch->if_epoch || strcmp(base->run, ch->if_run) != 0)
        return "another leads";
    return NULL;
}

static enum err refuse(struct errmsg *out_why, enum err e, const char *why)
{
    errmsg_set(out_why, "%s", why);
    return e;
}

static bool fits(const struct charter *c)
{
    struct buf text = { 0 };
    bool it_does = charter_encode(c, &text) == OK;

    buf_fini(&text);
    return it_does;
}

/* Who comes in is to be able to stay, and to be in sync; so are the others then. */
static bool has_room(const struct change *ch, const struct charter *base,
                     const struct charter *next)
{
    if (ch->kind == CHANGE_MEMBER_ADD && !ch->instead)
        return charter_has_room(next, 1);
    if (ch->kind == CHANGE_VOTERS_BEGIN && ch->voter_count > base->voter_count)
        return charter_has_room(next, 0);
    return true;
}

/* What an operator had to say is kept as far as nobody is kept out for it. */
static void cut_reason(struct charter *c)
{
    for (size_t len = strlen(c->reason); len > 0 && !charter_has_room(c, 1); len--)
        c->reason[len - 1] = '\0';
}

enum err change_apply(const struct change *ch, const struct charter *base, uint64_t op_proposer,
                      uint64_t op_number, struct charter *out, struct errmsg *out_why)
{
    const char *why = condition(ch, base);
    struct charter next = { 0 };

    if (why)
        return refuse(out_why, ERR_REFUSED, why);
    if (base) {
        next = *base;
        next.ver++;
    }
    why = kinds[ch->kind].make(ch, base, &next);
    if (why)
        return refuse(out_why, ERR_REFUSED, why);
    next.op_proposer = op_proposer;
    next.op_number = op_number;
    if (!charter_is_sound(&next, out_why))
        return ERR_REFUSED;
    if (ch->kind == CHANGE_FORCE)
        cut_reason(&next);
    if (!has_room(ch, base, &next) || !fits(&next))
        return refuse(out_why, ERR_LIMIT, "the group would be too large");
    ASSERT(!base || charter_follows(base, &next));
    *out = next;
    return OK;
}
