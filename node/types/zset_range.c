/*
 * zset_range - a run of members, by rank, score or text, from either end: shown, stored or removed.
 */
#include "node/types/arguments.h"
#include "node/types/zset_commands.h"

enum range_by { BY_ANY, BY_RANK, BY_SCORE, BY_TEXT };

struct range {
    enum range_by by; /* BY_ANY: the options say */
    bool down, may_turn, stores, with_scores;
    int key, min, max;     /* arguments */
    int64_t offset, limit; /* limit < 0: all */
    int64_t first, last;
    struct score_bounds scores;
    struct text_bounds texts;
};

/* Direction and kind are said once. */
static bool want_range_option(struct call *c, struct range *r, int *at)
{
    struct bytes word = c->argv[*at];

    if (!r->stores && bytes_is_word(word, "withscores"))
        r->with_scores = true;
    else if (bytes_is_word(word, "limit") && *at + 2 < c->argc) {
        if (!want_i64(c, *at + 1, &r->offset) || !want_i64(c, *at + 2, &r->limit))
            return false;
        *at += 2;
    } else if (r->may_turn && !r->down && bytes_is_word(word, "rev"))
        r->down = true;
    else if (r->by == BY_ANY && bytes_is_word(word, "bylex"))
        r->by = BY_TEXT;
    else if (r->by == BY_ANY && bytes_is_word(word, "byscore"))
        r->by = BY_SCORE;
    else {
        refuse_syntax(c);
        return false;
    }
    return true;
}

static bool want_range_options(struct call *c, struct range *r)
{
    r->limit = -1;
    for (int i = r->key + 3; i < c->argc; i++) {
        if (!want_range_option(c, r, &i))
            return false;
    }
    if (r->by == BY_ANY)
        r->by = BY_RANK;
    if (r->limit != -1 && r->by == BY_RANK) {
        refuse(c, "ERR syntax error, LIMIT is only supported in combination with either BYSCORE or "
                  "BYLEX");
        return false;
    }
    if (r->with_scores && r->by == BY_TEXT) {
        refuse(c, "ERR syntax error, WITHSCORES not supported in combination with BYLEX");
        return false;
    }
    return true;
}

/* Downwards the larger bound comes first. */
static bool want_bounds(struct call *c, struct range *r)
{
    bool swap = r->down && r->by != BY_RANK;

    r->min = r->key + (swap ? 2 : 1);
    r->max = r->key + (swap ? 1 : 2);
    if (r->by == BY_SCORE)
        return want_score_bounds(c, r->min, r->max, &r->scores);
    if (r->by == BY_TEXT)
        return want_text_bounds(c, r->min, r->max, &r->texts);
    return want_i64(c, r->min, &r->first) && want_i64(c, r->max, &r->last);
}

/* first and last as Redis counts them, negative ones from the end. */
static struct rank_range ranks_of_ranks(uint64_t count, int64_t first, int64_t last)
{
    int64_t n = (int64_t)count;

    first = first < 0 ? first + n : first;
    last = last < 0 ? last + n : last;
    first = first < 0 ? 0 : first;
    if (first > last || first >= n)
        return (struct rank_range){ 0, 0 };
    return (struct rank_range){ (uint64_t)first, (uint64_t)(last >= n ? n - 1 : last) + 1 };
}

static struct rank_range ranks_of(const struct zset *z, const struct range *r)
{
    struct rank_range at;

    if (r->by == BY_SCORE)
        return ranks_of_scores(z, &r->scores);
    if (r->by == BY_TEXT)
        return ranks_of_texts(z, &r->texts);
    at = ranks_of_ranks(zset_count(z), r->first, r->last);
    if (r->down && at.end)
        at = (struct rank_range){ zset_count(z) - at.end, zset_count(z) - at.first };
    return at;
}

/* Where to begin, and how many; offset and limit taken into account. */
static uint64_t run_of(const struct zset *z, const struct range *r, uint64_t *out_count)
{
    struct rank_range at = ranks_of(z, r);
    uint64_t count = at.end - at.first, offset = 0;

    if (r->by != BY_RANK) {
        offset = r->offset < 0 || (uint64_t)r->offset > count ? count : (uint64_t)r->offset;
        count -= offset;
        if (r->limit >= 0 && (uint64_t)r->limit < count)
            count = (uint64_t)r->limit;
    }
    *out_count = count;
    return r->down ? at.end - 1 - offset : at.first + offset;
}

/* ---- showing and storing ---------------------------------------------------------------------- */

static void show(struct call *c, const struct range *r, const struct zset *z)
{
    uint64_t count = 0, from = z ? run_of(z, r, &count) : 0;

    reply_items(c, z, from, count, r->down, r->with_scores);
}

struct storing {
    struct zset *to;
    const struct value_limits *limits;
};

static bool store_item(void *arg, struct zset_item item)
{
    struct storing *s = arg;

    zset_put(&s->to, item.member, item.score, s->limits);
    return true;
}

static void store(struct call *c, const struct range *r, const struct zset *z)
{
    uint64_t count = 0, from = z ? run_of(z, r, &count) : 0;
    struct storing s = { zset_new(), keyspace_limits(call_keyspace(c)) };

    if (count)
        zset_each(z, from, count, r->down, store_item, &s);
    store_zset(c, 1, s.to, "zrangestore");
}

static void range(struct call *c, struct range r)
{
    const struct entry *e;

    if (!want_range_options(c, &r) || !want_bounds(c, &r))
        return;
    e = call_read(c, r.key, 0);
    if (!want_type(c, e, VALUE_ZSET))
        return;
    if (r.stores)
        store(c, &r, e ? entry_apart(e) : NULL);
    else
        show(c, &r, e ? entry_apart(e) : NULL);
}

void cmd_zrange(struct call *c)
{
    range(c, (struct range){ .key = 1, .may_turn = true });
}

void cmd_zrangestore(struct call *c)
{
    range(c, (struct range){ .key = 2, .may_turn = true, .stores = true });
}

void cmd_zrevrange(struct call *c)
{
    range(c, (struct range){ .key = 1, .by = BY_RANK, .down = true });
}

void cmd_zrangebyscore(struct call *c)
{
    range(c, (struct range){ .key = 1, .by = BY_SCORE });
}

void cmd_zrevrangebyscore(struct call *c)
{
    range(c, (struct range){ .key = 1, .by = BY_SCORE, .down = true });
}

void cmd_zrangebylex(struct call *c)
{
    range(c, (struct range){ .key = 1, .by = BY_TEXT });
}

void cmd_zrevrangebylex(struct call *c)
{
    range(c, (struct range){ .key = 1, .by = BY_TEXT, .down = true });
}

/* ---- removing --------------------------------------------------------------------------------- */

static void remove_range(struct call *c, enum range_by by, const char *event)
{
    struct range r = { .key = 1, .by = by };
    struct rank_range at;
    struct entry *e;
    struct zset *z;

    if (!want_bounds(c, &r))
        return;
    e = call_write(c, 1);
    if (!want_type(c, e, VALUE_ZSET))
        return;
    z = e ? entry_apart(e) : NULL;
    at = z ? ranks_of(z, &r) : (struct rank_range){ 0, 0 };
    c->changes = at.end - at.first;
    if (at.end > at.first) {
        zset_remove_run(&z, at.first, at.end - at.first);
        entry_set_apart(e, z);
        end_removal(c, e, 1, event, zset_count(z) == 0);
    } else {
        call_no_effect(c);
    }
    reply_int(c->reply, (int64_t)(at.end - at.first));
}

void cmd_zremrangebyrank(struct call *c)
{
    remove_range(c, BY_RANK, "zremrangebyrank");
}

void cmd_zremrangebyscore(struct call *c)
{
    remove_range(c, BY_SCORE, "zremrangebyscore");
}

void cmd_zremrangebylex(struct call *c)
{
    remove_range(c, BY_TEXT, "zremrangebylex");
}
