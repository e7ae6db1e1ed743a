/*
 * zset_algebra - what several sorted sets have together, in common, or not: ZUNION, ZINTER, ZDIFF and
 * the forms that store or count. Sets take part with the score 1; a key that is not there is empty.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "common/alloc.h"
#include "node/types/arguments.h"
#include "node/types/set.h"
#include "node/types/zset_commands.h"

enum operation { UNION, INTER, DIFF, CARD };
enum aggregate { AGGREGATE_SUM, AGGREGATE_MIN, AGGREGATE_MAX };

/* At most one of the two is there. */
struct source {
    const struct zset *z;
    const struct set *s;
    double weight;
    int at; /* among those that were named */
};

struct algebra {
    enum operation op;
    bool stores, with_scores;
    int numkeys; /* its argument */
    int count;
    enum aggregate aggregate;
    uint64_t limit; /* of CARD; 0: none */
    struct source *sources;
    struct zset *result;
    uint64_t found;
};

/* ---- arguments ------------------------------------------------------------------------------- */

static bool want_source(struct call *c, int arg, struct source *out)
{
    const struct entry *e = call_read(c, arg, 0);

    *out = (struct source){ .weight = 1 };
    if (e && entry_type(e) == VALUE_SET)
        out->s = entry_apart(e);
    else if (!want_type(c, e, VALUE_ZSET))
        return false;
    else if (e)
        out->z = entry_apart(e);
    return true;
}

static bool want_sources(struct call *c, struct algebra *a)
{
    int64_t count;

    if (!want_i64(c, a->numkeys, &count))
        return false;
    if (count < 1) {
        reply_errorf(c->reply, "ERR at least 1 input key is needed for '%s' command", c->cmd->name);
        call_no_effect(c);
        return false;
    }
    if (count > c->argc - a->numkeys - 1) {
        refuse_syntax(c);
        return false;
    }
    a->count = (int)count;
    a->sources = xcalloc((size_t)count, sizeof *a->sources);
    for (int i = 0; i < a->count; i++) {
        if (!want_source(c, a->numkeys + 1 + i, &a->sources[i]))
            return false;
    }
    return true;
}

static bool want_weights(struct call *c, int first, struct algebra *a)
{
    for (int i = 0; i < a->count; i++) {
        if (!bytes_to_double(c->argv[first + i], &a->sources[i].weight)) {
            refuse(c, "ERR weight value is not a float");
            return false;
        }
    }
    return true;
}

static bool want_aggregate(struct call *c, int arg, enum aggregate *out)
{
    static const char *const words[] = { "sum", "min", "max" };

    for (size_t i = 0; i < ARRAY_LEN(words); i++) {
        if (bytes_is_word(c->argv[arg], words[i])) {
            *out = (enum aggregate)i;
            return true;
        }
    }
    refuse_syntax(c);
    return false;
}

static bool want_limit(struct call *c, int arg, uint64_t *out)
{
    int64_t limit;

    if (!want_range(c, arg, 0, INT64_MAX, "ERR LIMIT can't be negative", &limit))
        return false;
    *out = (uint64_t)limit;
    return true;
}

static bool want_options(struct call *c, struct algebra *a)
{
    bool weighs = a->op == UNION || a->op == INTER;

    for (int i = a->numkeys + 1 + a->count; i < c->argc; i++) {
        struct bytes word = c->argv[i];
        int more = c->argc - i - 1;
        bool sound;

        if (weighs && more >= a->count && bytes_is_word(word, "weights")) {
            sound = want_weights(c, i + 1, a);
            i += a->count;
        } else if (weighs && more && bytes_is_word(word, "aggregate")) {
            sound = want_aggregate(c, ++i, &a->aggregate);
        } else if (!a->stores && a->op != CARD && bytes_is_word(word, "withscores")) {
            sound = a->with_scores = true;
        } else if (a->op == CARD && more && bytes_is_word(word, "limit")) {
            sound = want_limit(c, ++i, &a->limit);
        } else {
            refuse_syntax(c);
            sound = false;
        }
        if (!sound)
            return false;
    }
    return true;
}

/* ---- sources --------------------------------------------------------------------------------- */

static uint64_t source_count(const struct source *s)
{
    return s->z ? zset_count(s->z) : s->s ? set_count(s->s) : 0;
}

static bool source_score(const struct source *s, struct bytes member, double *out)
{
    if (s->z)
        return zset_score(s->z, member, out);
    *out = 1;
    return s->s && set_has(s->s, member);
}

struct walk {
    struct algebra *a;
    const struct source *source;
    zset_each_fn *fn;
};

static bool set_member(void *arg, struct bytes member)
{
    struct walk *w = arg;

    return w->fn(w, (struct zset_item){ 1, member });
}

static void walk(struct algebra *a, const struct source *s, zset_each_fn *fn)
{
    struct walk w = { a, s, fn };

    if (s->z)
        zset_each(s->z, 0, zset_count(s->z), false, fn, &w);
    else if (s->s)
        set_each(s->s, set_member, &w);
}

static int by_count(const void *a, const void *b)
{
    const struct source *x = a, *y = b;
    uint64_t count = source_count(x), other = source_count(y);

    return count != other ? (count > other) - (count < other) : (x->at > y->at) - (x->at < y->at);
}

/* As Redis does: scores are added up from the smallest source to the largest, which decides how they
 * are rounded. Stable. */
static void sort_sources(struct algebra *a)
{
    for (int i = 0; i < a->count; i++)
        a->sources[i].at = i;
    qsort(a->sources, (size_t)a->count, sizeof *a->sources, by_count);
}

/* ---- operations ------------------------------------------------------------------------------ */

/* Nothing is small, and so keeps a -0, until it is stored. */
static const struct value_limits no_limits = { 0 };

static double weighed(const struct source *s, double score)
{
    double v = s->weight * score;

    return isnan(v) ? 0 : v;
}

static double aggregate(enum aggregate how, double a, double b)
{
    if (how == AGGREGATE_MIN)
        return b < a ? b : a;
    if (how == AGGREGATE_MAX)
        return b > a ? b : a;
    return isnan(a + b) ? 0 : a + b;
}

static bool unite(void *arg, struct zset_item item)
{
    const struct walk *w = arg;
    double score = weighed(w->source, item.score);
    struct zset_spot spot;

    if (zset_find(w->a->result, item.member, &spot))
        score = aggregate(w->a->aggregate, spot.score, score);
    zset_set(&w->a->result, &spot, item.member, score, &no_limits);
    return true;
}

static bool intersect(void *arg, struct zset_item item)
{
    const struct walk *w = arg;
    struct algebra *a = w->a;
    double score = weighed(w->source, item.score), other;

    for (int i = 1; i < a->count; i++) {
        if (!source_score(&a->sources[i], item.member, &other))
            return true;
        score = aggregate(a->aggregate, score, other * a->sources[i].weight);
    }
    a->found++;
    if (a->op == CARD)
        return a->found != a->limit;
    zset_put(&a->result, item.member, score, &no_limits);
    return true;
}

static bool subtract(void *arg, struct zset_item item)
{
    const struct walk *w = arg;
    double other;

    for (int i = 1; i < w->a->count; i++) {
        if (source_score(&w->a->sources[i], item.member, &other))
            return true;
    }
    zset_put(&w->a->result, item.member, item.score, &no_limits);
    return true;
}

static void compute(struct algebra *a)
{
    a->result = zset_new();
    if (a->op == DIFF) {
        walk(a, &a->sources[0], subtract);
        return;
    }
    sort_sources(a);
    if (a->op != UNION) {
        walk(a, &a->sources[0], intersect);
        return;
    }
    for (int i = 0; i < a->count; i++)
        walk(a, &a->sources[i], unite);
}

/* ---- the commands ---------------------------------------------------------------------------- */

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

static bool is_small(const struct zset *z, const struct value_limits *limits)
{
    uint64_t count = zset_count(z);

    if (count > (uint64_t)limits->zset_max_listpack_entries)
        return false;
    for (uint64_t rank = 0; rank < count; rank++)
        if (zset_at(z, rank).member.len > limits->zset_max_listpack_value_bytes)
            return false;
    return true;
}

/* A large result is stored as it is; only a small one takes the small form, which loses a -0. */
static void store(struct call *c, struct algebra *a)
{
    static const char *const events[] = { "zunionstore", "zinterstore", "zdiffstore" };
    struct storing s = { a->result, keyspace_limits(call_keyspace(c)) };

    if (is_small(a->result, s.limits)) {
        s.to = zset_new();
        zset_each(a->result, 0, zset_count(a->result), false, store_item, &s);
    } else {
        a->result = NULL;
    }
    store_zset(c, 1, s.to, events[a->op]);
}

static void run(struct call *c, struct algebra a)
{
    if (want_sources(c, &a) && want_options(c, &a)) {
        compute(&a);
        if (a.op == CARD)
            reply_int(c->reply, (int64_t)a.found);
        else if (a.stores)
            store(c, &a);
        else
            reply_items(c, a.result, 0, zset_count(a.result), false, a.with_scores);
    }
    zset_free(a.result);
    xfree(a.sources);
}

void cmd_zunion(struct call *c)
{
    run(c, (struct algebra){ .op = UNION, .numkeys = 1 });
}

void cmd_zinter(struct call *c)
{
    run(c, (struct algebra){ .op = INTER, .numkeys = 1 });
}

void cmd_zdiff(struct call *c)
{
    run(c, (struct algebra){ .op = DIFF, .numkeys = 1 });
}

void cmd_zunionstore(struct call *c)
{
    run(c, (struct algebra){ .op = UNION, .numkeys = 2, .stores = true });
}

void cmd_zinterstore(struct call *c)
{
    run(c, (struct algebra){ .op = INTER, .numkeys = 2, .stores = true });
}

void cmd_zdiffstore(struct call *c)
{
    run(c, (struct algebra){ .op = DIFF, .numkeys = 2, .stores = true });
}

void cmd_zintercard(struct call *c)
{
    run(c, (struct algebra){ .op = CARD, .numkeys = 1 });
}
