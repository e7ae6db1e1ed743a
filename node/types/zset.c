#include "node/types/zset.h"

#include <math.h>
#include <stdio.h>

#include "common/alloc.h"
#include "node/types/zset_inner.h"

size_t fmt_score(char *out, double score)
{
    return (size_t)snprintf(out, SCORE_TEXT, "%.17g", score);
}

/* ---- the whole ---- */

struct zset *zset_new(void)
{
    return zset_of_pack(zset_pack_new());
}

void zset_free(struct zset *z)
{
    if (!z)
        return;
    if (zset_is_pack(z))
        xfree(zset_as_pack(z));
    else
        zset_tree_free(zset_as_tree(z));
}

struct zset *zset_copy(const struct zset *z)
{
    return zset_is_pack(z) ? zset_of_pack(zset_pack_copy(zset_as_pack(z)))
                           : zset_of_tree(zset_tree_copy(zset_as_tree(z)));
}

uint64_t zset_count(const struct zset *z)
{
    return zset_is_pack(z) ? zset_as_pack(z)->count : zset_as_tree(z)->ranking.count;
}

size_t zset_bytes(const struct zset *z)
{
    return zset_is_pack(z) ? alloc_size(zset_as_pack(z)) : zset_tree_bytes(zset_as_tree(z));
}

bool zset_is_one_block(const struct zset *z)
{
    return zset_is_pack(z);
}

bool zset_is_small(const struct zset *z)
{
    return zset_is_pack(z) || zset_as_tree(z)->small;
}

/* ---- one member ---- */

static bool find_in_pack(const struct zset_pack *p, struct bytes member, struct zset_spot *out)
{
    out->place = zset_pack_find(p, member);
    out->there = out->place != PACK_END;
    if (out->there)
        out->score = zset_pack_item(p, out->place).score;
    return out->there;
}

bool zset_find(const struct zset *z, struct bytes member, struct zset_spot *out)
{
    if (zset_is_pack(z))
        return find_in_pack(zset_as_pack(z), member, out);
    out->hash = table_hash(member);
    out->member = zset_tree_find(zset_as_tree(z), out->hash, member);
    out->there = out->member;
    if (out->there)
        out->score = zset_tree_item(out->member).score;
    return out->there;
}

bool zset_score(const struct zset *z, struct bytes member, double *out)
{
    struct zset_spot spot;

    if (!zset_find(z, member, &spot))
        return false;
    *out = spot.score;
    return true;
}

static bool append(void *arg, struct zset_item item)
{
    zset_tree_append(arg, item.member, item.score);
    return true;
}

static void become_tree(struct zset **z, bool small)
{
    struct zset_tree *t = zset_tree_new(small);

    zset_each(*z, 0, zset_count(*z), false, append, t);
    zset_free(*z);
    *z = zset_of_tree(t);
}

static bool stays_small(const struct zset *z, struct bytes member,
                        const struct value_limits *limits)
{
    return zset_count(z) < (uint64_t)limits->zset_max_listpack_entries &&
           member.len <= (size_t)limits->zset_max_listpack_value_bytes;
}

/* Before a member is put. True: it is another form now. */
static bool choose_form(struct zset **z, bool is_new, struct bytes member,
                        const struct value_limits *limits)
{
    bool grows = is_new && !stays_small(*z, member, limits);

    if (!zset_is_pack(*z)) {
        if (grows)
            zset_as_tree(*z)->small = false;
        return false;
    }
    if (!grows && zset_pack_has_room(zset_as_pack(*z), member.len))
        return false;
    become_tree(z, !grows);
    return true;
}

static void set_in_pack(struct zset **z, size_t was, struct bytes member, double score)
{
    struct zset_pack *p = zset_as_pack(*z);

    zset_pack_put(&p, was, member, score);
    *z = zset_of_pack(p);
}

void zset_set(struct zset **z, const struct zset_spot *spot, struct bytes member, double score,
              const struct value_limits *limits)
{
    struct zset_spot anew;

    ASSERT(!isnan(score));
    if (choose_form(z, !spot->there, member, limits)) {
        zset_find(*z, member, &anew);
        spot = &anew;
    }
    if (zset_is_pack(*z))
        set_in_pack(z, spot->place, member, score);
    else if (spot->there)
        zset_tree_move(zset_as_tree(*z), spot->member, score);
    else
        zset_tree_add(zset_as_tree(*z), spot->hash, member, score);
}

bool zset_put(struct zset **z, struct bytes member, double score, const struct value_limits *limits)
{
    struct zset_spot spot;
    bool there = zset_find(*z, member, &spot);

    zset_set(z, &spot, member, score, limits);
    return !there;
}

static void remove_from_pack(struct zset **z, size_t place, uint64_t count)
{
    struct zset_pack *p = zset_as_pack(*z);

    zset_pack_remove(&p, place, count);
    *z = zset_of_pack(p);
}

bool zset_remove(struct zset **z, struct bytes member)
{
    struct zset_border b = { .text = member };
    struct zset_spot spot;

    if (!zset_find(*z, member, &spot))
        return false;
    b.score = spot.score;
    if (zset_is_pack(*z))
        remove_from_pack(z, spot.place, 1);
    else
        zset_tree_remove(zset_as_tree(*z), zset_tree_below(zset_as_tree(*z), &b));
    return true;
}

/* ---- ranks ---- */

static uint64_t below(const struct zset *z, const struct zset_border *b)
{
    return zset_is_pack(z) ? zset_pack_below(zset_as_pack(z), b)
                           : zset_tree_below(zset_as_tree(z), b);
}

uint64_t zset_below_score(const struct zset *z, double score, bool with_equal)
{
    return below(
        z, &(struct zset_border){ .by = BORDER_SCORE, .score = score, .with_equal = with_equal });
}

uint64_t zset_below_text(const struct zset *z, struct bytes text, bool with_equal)
{
    return below(
        z, &(struct zset_border){ .by = BORDER_TEXT, .text = text, .with_equal = with_equal });
}

bool zset_rank(const struct zset *z, struct bytes member, uint64_t *out)
{
    struct zset_border b = { .text = member };

    if (!zset_score(z, member, &b.score))
        return false;
    *out = below(z, &b);
    return true;
}

struct zset_item zset_at(const struct zset *z, uint64_t rank)
{
    const struct zset_pack *p = zset_as_pack(z);

    ASSERT(rank < zset_count(z));
    return zset_is_pack(z) ? zset_pack_item(p, zset_pack_seek(p, rank))
                           : zset_tree_item(ranking_at(&zset_as_tree(z)->ranking, rank));
}

void zset_remove_run(struct zset **z, uint64_t rank, uint64_t count)
{
    ASSERT(rank + count <= zset_count(*z));
    if (zset_is_pack(*z)) {
        remove_from_pack(z, zset_pack_seek(zset_as_pack(*z), rank), count);
        return;
    }
    while (count--)
        zset_tree_remove(zset_as_tree(*z), rank);
}

/* ---- many ---- */

void zset_each(const struct zset *z, uint64_t rank, uint64_t count, bool down, zset_each_fn *fn,
               void *arg)
{
    if (rank >= zset_count(z))
        return;
    if (zset_is_pack(z))
        zset_pack_each(zset_as_pack(z), rank, count, down, fn, arg);
    else
        zset_tree_each(zset_as_tree(z), rank, count, down, fn, arg);
}

struct all {
    zset_each_fn *fn;
    void *arg;
};

static bool show(void *arg, struct zset_item item)
{
    const struct all *all = arg;

    (void)all->fn(all->arg, item);
    return true;
}

void zset_scan(const struct zset *z, uint64_t *cursor, zset_each_fn *fn, void *arg)
{
    struct all all = { fn, arg };

    if (!zset_is_pack(z)) {
        zset_tree_scan(zset_as_tree(z), cursor, fn, arg);
        return;
    }
    zset_each(z, 0, zset_count(z), false, show, &all);
    *cursor = 0;
}

void zset_check(const struct zset *z)
{
    if (zset_is_pack(z))
        zset_pack_check(zset_as_pack(z));
    else
        zset_tree_check(zset_as_tree(z));
}
