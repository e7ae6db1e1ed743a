/*
 * zset_tree - a sorted set of any number of members: a ranking of them, and a table.
 */
#include <string.h>

#include "common/alloc.h"
#include "node/types/zset_inner.h"

/* ---- a member: score, length in one byte or 255 and eight more, text ---- */

enum { LONG_MEMBER = 255 };

struct member {
    double score;
    unsigned char text[]; /* length first */
};

static struct member *member_new(struct bytes text, double score)
{
    bool is_long = text.len >= LONG_MEMBER;
    size_t head = is_long ? 1 + sizeof text.len : 1;
    struct member *m = xmalloc(offsetof(struct member, text) + head + text.len);

    m->score = score;
    m->text[0] = is_long ? LONG_MEMBER : (unsigned char)text.len;
    if (is_long)
        memcpy(m->text + 1, &text.len, sizeof text.len);
    if (text.len)
        memcpy(m->text + head, text.at, text.len);
    return m;
}

static struct bytes member_text(const void *member)
{
    const struct member *m = member;
    size_t len = m->text[0];

    if (len < LONG_MEMBER)
        return (struct bytes){ (const char *)m->text + 1, len };
    memcpy(&len, m->text + 1, sizeof len);
    return (struct bytes){ (const char *)m->text + 1 + sizeof len, len };
}

struct zset_item zset_tree_item(const void *member)
{
    const struct member *m = member;

    return (struct zset_item){ m->score, member_text(m) };
}

static const struct table_kind member_kind = { member_text };

/* ---- the whole ---- */

struct zset_tree *zset_tree_new(bool small)
{
    struct zset_tree *t = xcalloc(1, sizeof *t);

    t->table.kind = &member_kind;
    t->small = small;
    return t;
}

void zset_tree_free(struct zset_tree *t)
{
    table_fini(&t->table, NULL, NULL);
    ranking_fini(&t->ranking, xfree);
    xfree(t);
}

static bool copy_item(void *arg, struct zset_item item)
{
    zset_tree_append(arg, item.member, item.score);
    return true;
}

struct zset_tree *zset_tree_copy(const struct zset_tree *t)
{
    struct zset_tree *copy = zset_tree_new(t->small);

    zset_tree_each(t, 0, t->ranking.count, false, copy_item, copy);
    return copy;
}

size_t zset_tree_bytes(const struct zset_tree *t)
{
    return alloc_size(t) + t->ranking.bytes + t->table.bytes + t->member_bytes;
}

/* ---- ranks ---- */

static bool before_member(const void *arg, const void *member)
{
    return zset_before_member(arg, zset_tree_item(member));
}

static bool before_score(const void *arg, const void *member)
{
    return zset_before_score(arg, zset_tree_item(member));
}

static bool before_text(const void *arg, const void *member)
{
    return zset_before_text(arg, zset_tree_item(member));
}

uint64_t zset_tree_below(const struct zset_tree *t, const struct zset_border *b)
{
    static ranking_before_fn *const before[] = {
        [BORDER_MEMBER] = before_member,
        [BORDER_SCORE] = before_score,
        [BORDER_TEXT] = before_text,
    };

    return ranking_find(&t->ranking, before[b->by], b);
}

static uint64_t rank_for(const struct zset_tree *t, struct bytes text, double score)
{
    struct zset_border b = { .score = score, .text = text };

    return ranking_find(&t->ranking, before_member, &b);
}

static void each_up(const struct zset_tree *t, uint64_t rank, uint64_t count, zset_each_fn *fn,
                    void *arg)
{
    while (count) {
        uint64_t len;
        void *const *run = ranking_run(&t->ranking, rank, &len);

        if (len == 0)
            return;
        len = len < count ? len : count;
        for (uint64_t i = 0; i < len; i++) {
            if (!fn(arg, zset_tree_item(run[i])))
                return;
        }
        rank += len;
        count -= len;
    }
}

static void each_down(const struct zset_tree *t, uint64_t rank, uint64_t count, zset_each_fn *fn,
                      void *arg)
{
    while (count) {
        uint64_t len, some;
        void *const *run = ranking_run_back(&t->ranking, rank, &len);

        some = len < count ? len : count;
        for (uint64_t i = 0; i < some; i++) {
            if (!fn(arg, zset_tree_item(run[len - 1 - i])))
                return;
        }
        if (some > rank)
            return;
        rank -= some;
        count -= some;
    }
}

void zset_tree_each(const struct zset_tree *t, uint64_t rank, uint64_t count, bool down,
                    zset_each_fn *fn, void *arg)
{
    if (down)
        each_down(t, rank, count, fn, arg);
    else
        each_up(t, rank, count, fn, arg);
}

struct each {
    zset_each_fn *fn;
    void *arg;
};

static void each_member(void *arg, void *member)
{
    const struct each *e = arg;

    (void)e->fn(e->arg, zset_tree_item(member));
}

void zset_tree_scan(const struct zset_tree *t, uint64_t *cursor, zset_each_fn *fn, void *arg)
{
    struct each e = { fn, arg };

    *cursor = table_scan(&t->table, *cursor, each_member, &e);
}

/* ---- one member ---- */

void *zset_tree_find(const struct zset_tree *t, uint64_t hash, struct bytes text)
{
    const struct table_slot *slot = table_find(&t->table, hash, text);

    return slot ? table_thing(slot) : NULL;
}

/* Redis keeps 0 as an integer in a listpack, which loses the sign that -0 has elsewhere. */
static double kept(const struct zset_tree *t, double score)
{
    return score == 0 && t->small ? 0 : score;
}

static void put_in(struct zset_tree *t, uint64_t rank, uint64_t hash, struct member *m)
{
    ranking_insert(&t->ranking, rank, m);
    table_add(&t->table, hash, m);
    t->member_bytes += alloc_size(m);
}

void zset_tree_add(struct zset_tree *t, uint64_t hash, struct bytes text, double score)
{
    put_in(t, rank_for(t, text, score), hash, member_new(text, kept(t, score)));
}

void zset_tree_append(struct zset_tree *t, struct bytes text, double score)
{
    put_in(t, t->ranking.count, table_hash(text), member_new(text, score));
}

/* Stays where it is if its neighbours allow it. */
void zset_tree_move(struct zset_tree *t, void *member, double score)
{
    struct member *m = member;
    struct bytes text = member_text(m);
    uint64_t rank = rank_for(t, text, m->score), to = rank_for(t, text, score);

    if (to == rank || to == rank + 1) {
        m->score = kept(t, score);
        return;
    }
    ranking_remove(&t->ranking, rank);
    m->score = kept(t, score);
    ranking_insert(&t->ranking, to > rank ? to - 1 : to, m);
}

void zset_tree_remove(struct zset_tree *t, uint64_t rank)
{
    struct member *m = ranking_at(&t->ranking, rank);
    struct bytes text = member_text(m);
    uint64_t hash = table_hash(text);

    ranking_remove(&t->ranking, rank);
    table_remove(&t->table, hash, table_find(&t->table, hash, text));
    t->member_bytes -= alloc_size(m);
    xfree(m);
}

void zset_tree_check(const struct zset_tree *t)
{
    ranking_check(&t->ranking);
    table_check(&t->table);
    ASSERT(t->table.count == t->ranking.count);
    for (uint64_t i = 1; i < t->ranking.count; i++) {
        struct zset_item next = zset_tree_item(ranking_at(&t->ranking, i));
        struct zset_border b = { .score = next.score, .text = next.member };

        ASSERT(zset_before_member(&b, zset_tree_item(ranking_at(&t->ranking, i - 1))));
    }
}
