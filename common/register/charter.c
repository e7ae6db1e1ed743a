#include "common/register/charter.h"

#include <string.h>

#include "common/alloc.h"
#include "common/crc32c.h"
#include "common/format.h"

const char *keep_word(enum keep level)
{
    static const char *const words[KEEP_COUNT] = { "async", "mem", "os", "fsync" };

    return words[level];
}

/* ---- soundness --------------------------------------------------------------------------------- */

static bool is_hex(const char *text, size_t len)
{
    return strlen(text) == len && strspn(text, "0123456789abcdef") == len;
}

/* A host is one word of a line. */
static bool place_is_sound(const struct place *p)
{
    if (!p->host[0] || p->port == 0)
        return false;
    for (const char *c = p->host; *c; c++)
        if ((unsigned char)*c <= ' ' || *c == 127)
            return false;
    return true;
}

static const char *odd_member(const struct charter *c)
{
    uint64_t before = 0;

    if (c->member_count > CHARTER_MEMBERS_MAX)
        return "too many members";
    for (uint32_t i = 0; i < c->member_count; i++) {
        const struct member *m = &c->members[i];

        if (m->node <= before)
            return "members are not in the order of their ids";
        if (!place_is_sound(&m->at))
            return "a member has no address";
        before = m->node;
    }
    return NULL;
}

static const char *odd_voter(const struct charter *c)
{
    uint64_t before = 0;
    uint8_t sets = 0;

    if (c->voter_count > CHARTER_VOTERS_MAX)
        return "too many voters";
    for (uint32_t i = 0; i < c->voter_count; i++) {
        const struct voter *v = &c->voters[i];

        if (v->id <= before)
            return "voters are not in the order of their ids";
        if (!place_is_sound(&v->at))
            return "a voter has no address";
        if (v->sets == 0 || (v->sets & ~(VOTERS_NOW | VOTERS_NEXT)))
            return "a voter stands in no set";
        before = v->id;
        sets |= v->sets;
    }
    return sets & VOTERS_NOW ? NULL : "nobody votes";
}

static const char *odd_leader(const struct charter *c)
{
    const struct member *m = charter_member((struct charter *)c, c->leader);

    if (!m || m->did == 0)
        return "the leader is not in sync";
    if (m->observer)
        return "the leader is an observer";
    return is_hex(c->run, RUN_LEN) ? NULL : "the leader's run id is odd";
}

static const char *odd_number(const struct charter *c)
{
    if (!is_hex(c->gid, GID_LEN))
        return "the group's id is odd";
    if (c->ver == 0 || c->ver > REG_NUMBER_MAX || c->epoch == 0 || c->epoch > REG_NUMBER_MAX)
        return "version or epoch is out of range";
    if ((unsigned)c->level >= KEEP_COUNT)
        return "there is no such level";
    if (c->min_sync == 0 || c->min_sync > CHARTER_MEMBERS_MAX)
        return "min-sync is out of range";
    if (charter_format(c) > format_own(CHARTER_NEWEST))
        return "this version has no words for it";
    if (c->heir[0] && (!is_hex(c->heir, GID_LEN) || strcmp(c->heir, c->gid) == 0))
        return "it is the heir of no group";
    for (const char *r = c->reason; *r; r++)
        if ((unsigned char)*r < ' ')
            return "the reason is not one line";
    return NULL;
}

uint32_t charter_format(const struct charter *c)
{
    return c->closed || c->heir[0] ? 2 : 1;
}

bool charter_is_sound(const struct charter *c, struct errmsg *out_why)
{
    const char *why = odd_number(c);

    why = why ? why : odd_member(c);
    why = why ? why : odd_leader(c);
    why = why ? why : odd_voter(c);
    if (why)
        errmsg_set(out_why, "%s", why);
    return !why;
}

/* ---- two of them ------------------------------------------------------------------------------- */

static bool place_eq(const struct place *a, const struct place *b)
{
    return a->port == b->port && strcmp(a->host, b->host) == 0;
}

static bool member_eq(const struct member *a, const struct member *b)
{
    return a->node == b->node && place_eq(&a->at, &b->at) && a->observer == b->observer &&
           a->boot == b->boot && a->did == b->did;
}

static bool members_eq(const struct charter *a, const struct charter *b)
{
    if (a->member_count != b->member_count)
        return false;
    for (uint32_t i = 0; i < a->member_count; i++)
        if (!member_eq(&a->members[i], &b->members[i]))
            return false;
    return true;
}

static bool voters_eq(const struct charter *a, const struct charter *b)
{
    if (a->voter_count != b->voter_count)
        return false;
    for (uint32_t i = 0; i < a->voter_count; i++) {
        const struct voter *v = &a->voters[i], *w = &b->voters[i];

        if (v->id != w->id || v->sets != w->sets || !place_eq(&v->at, &w->at))
            return false;
    }
    return true;
}

static bool leader_eq(const struct charter *a, const struct charter *b)
{
    return a->epoch == b->epoch && a->leader == b->leader && strcmp(a->run, b->run) == 0;
}

static bool terms_eq(const struct charter *a, const struct charter *b)
{
    return a->level == b->level && a->min_sync == b->min_sync && a->closed == b->closed &&
           a->lossy == b->lossy && strcmp(a->reason, b->reason) == 0 &&
           strcmp(a->heir, b->heir) == 0;
}

bool charter_eq(const struct charter *a, const struct charter *b)
{
    return strcmp(a->gid, b->gid) == 0 && a->ver == b->ver && leader_eq(a, b) && terms_eq(a, b) &&
           a->op_proposer == b->op_proposer && a->op_number == b->op_number && members_eq(a, b) &&
           voters_eq(a, b);
}

/* Do those of a's voters that stand in `set` of it, and those of b's that stand in `of_b`, have the same ids? */
static bool same_set(const struct charter *a, uint8_t set, const struct charter *b, uint8_t of_b)
{
    uint64_t in_a[CHARTER_VOTERS_MAX], in_b[CHARTER_VOTERS_MAX];
    size_t na = 0, nb = 0;

    for (uint32_t i = 0; i < a->voter_count; i++)
        if (a->voters[i].sets & set)
            in_a[na++] = a->voters[i].id;
    for (uint32_t i = 0; i < b->voter_count; i++)
        if (b->voters[i].sets & of_b)
            in_b[nb++] = b->voters[i].id;
    return na == nb && memcmp(in_a, in_b, na * sizeof *in_a) == 0;
}

static bool voters_follow(const struct charter *base, const struct charter *next)
{
    if (charter_is_joint(base) == charter_is_joint(next))
        return false;
    if (charter_is_joint(next))
        return same_set(base, VOTERS_NOW, next, VOTERS_NOW);
    return same_set(base, VOTERS_NEXT, next, VOTERS_NOW);
}

static bool leader_follows(const struct charter *base, const struct charter *next)
{
    const struct member *m = charter_member((struct charter *)base, next->leader);

    return next->epoch == base->epoch + 1 && m && m->did != 0 && strcmp(base->run, next->run) != 0;
}

/* They may rise with any change. */
static struct charter with_boots_of(const struct charter *base, const struct charter *next)
{
    struct charter raised = *base;

    for (uint32_t i = 0; i < raised.member_count; i++) {
        struct member *m = &raised.members[i];
        const struct member *now = charter_member((struct charter *)next, m->node);

        if (now && now->boot > m->boot)
            m->boot = now->boot;
    }
    return raised;
}

static bool same_but_for_sync(const struct charter *base, const struct charter *next)
{
    struct charter b = with_boots_of(base, next), n = *next;

    for (uint32_t i = 0; i < b.member_count; i++)
        b.members[i].did = 0;
    for (uint32_t i = 0; i < n.member_count; i++)
        n.members[i].did = 0;
    return members_eq(&b, &n);
}

static bool is_forced(const struct charter *base, const struct charter *next)
{
    if (next->lossy != base->lossy + 1 || next->epoch != base->epoch + 1 ||
        next->level != base->level || next->min_sync != base->min_sync ||
        next->closed != base->closed || strcmp(base->heir, next->heir) != 0 ||
        strcmp(base->run, next->run) == 0)
        return false;
    for (uint32_t i = 0; i < next->member_count; i++)
        if (next->members[i].node != next->leader && next->members[i].did != 0)
            return false;
    return same_but_for_sync(base, next) && voters_eq(base, next);
}

static bool members_stay(const struct charter *base, const struct charter *next)
{
    struct charter raised = with_boots_of(base, next);

    return members_eq(&raised, next);
}

bool charter_follows(const struct charter *base, const struct charter *next)
{
    int changed = 0;

    if (strcmp(base->gid, next->gid) != 0 || next->ver != base->ver + 1)
        return false;
    if (is_forced(base, next))
        return true;
    if (next->lossy != base->lossy)
        return false;
    if (!leader_eq(base, next)) {
        if (!leader_follows(base, next))
            return false;
        changed++;
    }
    if (!voters_eq(base, next)) {
        if (!voters_follow(base, next))
            return false;
        changed++;
    }
    changed += !members_stay(base, next);
    changed += !terms_eq(base, next);
    return changed == 1;
}

bool charter_shrinks(const struct charter *base, const struct charter *next)
{
    if (base->epoch != next->epoch)
        return false;
    for (uint32_t i = 0; i < base->member_count; i++) {
        const struct member *m = &base->members[i];
        const struct member *now = charter_member((struct charter *)next, m->node);

        if (m->did != 0 && (!now || now->did != m->did))
            return true;
    }
    return false;
}

/* ---- members and voters ------------------------------------------------------------------------ */

struct member *charter_member(struct charter *c, uint64_t node)
{
    for (uint32_t i = 0; i < c->member_count; i++)
        if (c->members[i].node == node)
            return &c->members[i];
    return NULL;
}

const struct voter *charter_voter(const struct charter *c, uint64_t id)
{
    for (uint32_t i = 0; i < c->voter_count; i++)
        if (c->voters[i].id == id)
            return &c->voters[i];
    return NULL;
}

bool charter_is_joint(const struct charter *c)
{
    for (uint32_t i = 0; i < c->voter_count; i++)
        if (c->voters[i].sets & VOTERS_NEXT)
            return true;
    return false;
}

void charter_add_member(struct charter *c, const struct member *m)
{
    uint32_t i = c->member_count++;

    ASSERT(i < CHARTER_MEMBERS_MAX);
    for (; i > 0 && c->members[i - 1].node > m->node; i--)
        c->members[i] = c->members[i - 1];
    c->members[i] = *m;
}

void charter_add_voter(struct charter *c, const struct voter *v)
{
    uint32_t i = c->voter_count++;

    ASSERT(i < CHARTER_VOTERS_MAX);
    for (; i > 0 && c->voters[i - 1].id > v->id; i--)
        c->voters[i] = c->voters[i - 1];
    c->voters[i] = *v;
}

void charter_drop_member(struct charter *c, uint64_t node)
{
    uint32_t kept = 0;

    for (uint32_t i = 0; i < c->member_count; i++)
        if (c->members[i].node != node)
            c->members[kept++] = c->members[i];
    c->member_count = kept;
}

static bool is_among(uint64_t id, const uint64_t *ids, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (ids[i] == id)
            return true;
    return false;
}

/* Of one set: how many voters it has, and how many of those are among ids. */
static void count_set(const struct charter *c, unsigned set, const uint64_t *ids, size_t count,
                      uint32_t *out_all, uint32_t *out_among)
{
    *out_all = *out_among = 0;
    for (uint32_t i = 0; i < c->voter_count; i++) {
        if (!(c->voters[i].sets & set))
            continue;
        ++*out_all;
        *out_among += is_among(c->voters[i].id, ids, count);
    }
}

bool charter_has_majority(const struct charter *c, const uint64_t *ids, size_t count)
{
    for (unsigned set = VOTERS_NOW; set <= VOTERS_NEXT; set <<= 1) {
        uint32_t all, yes;

        count_set(c, set, ids, count, &all, &yes);
        if (all > 0 && yes <= all / 2)
            return false;
    }
    return true;
}

bool charter_may_have_majority(const struct charter *c, const uint64_t *refused, size_t count)
{
    for (unsigned set = VOTERS_NOW; set <= VOTERS_NEXT; set <<= 1) {
        uint32_t all, no;

        count_set(c, set, refused, count, &all, &no);
        if (all > 0 && all - no <= all / 2)
            return false;
    }
    return true;
}

uint32_t charter_voters_hash(const struct charter *c)
{
    uint32_t crc = 0;

    for (uint32_t i = 0; i < c->voter_count; i++) {
        char text[48];
        size_t len = fmt_u64(text, c->voters[i].id);

        text[len++] = (char)('0' + c->voters[i].sets);
        crc = crc32c(crc, text, len);
    }
    return crc;
}
