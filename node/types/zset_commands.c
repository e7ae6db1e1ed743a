/*
 * zset_commands - members and their scores: ZADD, ZREM, ZSCORE, ZRANK, ZCOUNT, ZSCAN. Ranges are in
 * zset_range.c, pops in zset_pop.c, the rows in zset_rows.c.
 */
#include "node/types/zset_commands.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "common/alloc.h"
#include "node/types/arguments.h"
#include "node/types/scan.h"

void reply_score(struct call *c, double score)
{
    char text[SCORE_TEXT + 4];
    size_t len;

    if (c->reply->proto < 3) {
        reply_bulk(c->reply, (struct bytes){ text, fmt_score(text, score) });
        return;
    }
    text[0] = ',';
    len = 1 + fmt_score(text + 1, score);
    memcpy(text + len, "\r\n", 2);
    reply_raw(c->reply, text, len + 2);
}

void reply_items_head(struct call *c, uint64_t count, bool with_scores)
{
    reply_array(c->reply, count * (with_scores && c->reply->proto < 3 ? 2 : 1));
}

void reply_item(struct call *c, struct zset_item item, bool with_scores)
{
    if (with_scores && c->reply->proto > 2)
        reply_array(c->reply, 2);
    reply_bulk(c->reply, item.member);
    if (with_scores)
        reply_score(c, item.score);
}

static bool item_alone(void *arg, struct zset_item item)
{
    reply_item(arg, item, false);
    return true;
}

static bool item_scored(void *arg, struct zset_item item)
{
    reply_item(arg, item, true);
    return true;
}

void reply_items(struct call *c, const struct zset *z, uint64_t rank, uint64_t count, bool down,
                 bool with_scores)
{
    reply_items_head(c, count, with_scores);
    if (count)
        zset_each(z, rank, count, down, with_scores ? item_scored : item_alone, c);
}

static bool want_score(struct call *c, int arg, double *out)
{
    if (bytes_to_double(c->argv[arg], out))
        return true;
    refuse(c, "ERR value is not a valid float");
    return false;
}

/* ---- ZADD, ZINCRBY --------------------------------------------------------------------------- */

static const struct {
    const char *word;
    uint32_t flag;
} add_words[] = {
    { "nx", ZADD_NX }, { "xx", ZADD_XX }, { "gt", ZADD_GT },
    { "lt", ZADD_LT }, { "ch", ZADD_CH }, { "incr", ZADD_INCR },
};

static uint32_t add_flag(struct bytes word)
{
    for (size_t i = 0; i < ARRAY_LEN(add_words); i++) {
        if (bytes_is_word(word, add_words[i].word))
            return add_words[i].flag;
    }
    return 0;
}

static bool both(uint32_t flags, uint32_t two)
{
    return (flags & two) == two;
}

static bool want_adding(struct call *c, struct zset_adding *a)
{
    uint32_t flag;
    int first = 2;

    for (; first < c->argc && (flag = add_flag(c->argv[first])); first++)
        a->flags |= flag;
    a->pairs = (c->argc - first) / 2;
    a->first_member = first + 1;
    a->step = 2;
    if (a->pairs == 0 || (c->argc - first) % 2) {
        refuse_syntax(c);
        return false;
    }
    if (both(a->flags, ZADD_NX | ZADD_XX)) {
        refuse(c, "ERR XX and NX options at the same time are not compatible");
        return false;
    }
    if (both(a->flags, ZADD_GT | ZADD_NX) || both(a->flags, ZADD_LT | ZADD_NX) ||
        both(a->flags, ZADD_GT | ZADD_LT)) {
        refuse(c, "ERR GT, LT, and/or NX options at the same time are not compatible");
        return false;
    }
    if (a->flags & ZADD_INCR && a->pairs > 1) {
        refuse(c, "ERR INCR option supports a single increment-element pair");
        return false;
    }
    return true;
}

static bool want_scores(struct call *c, struct zset_adding *a)
{
    a->scores = xmalloc((size_t)a->pairs * sizeof *a->scores);
    for (int i = 0; i < a->pairs; i++) {
        if (!want_score(c, a->first_member - 1 + 2 * i, &a->scores[i]))
            return false;
    }
    return true;
}

/* One pair. False: the sum is no number. */
static bool add_pair(struct call *c, struct zset_adding *a, struct zset **z, int i)
{
    struct bytes member = c->argv[a->first_member + a->step * i];
    double score = a->scores[i];
    struct zset_spot spot;
    bool there = zset_find(*z, member, &spot);

    a->done = false;
    if (there ? a->flags & ZADD_NX : a->flags & ZADD_XX)
        return true;
    if (there && a->flags & ZADD_INCR)
        score += spot.score;
    if (isnan(score))
        return false;
    if (there && ((a->flags & ZADD_LT && score >= spot.score) ||
                  (a->flags & ZADD_GT && score <= spot.score)))
        return true;
    a->done = true;
    a->score = score;
    a->added += !there;
    a->updated += there && score != spot.score;
    if (!there || score != spot.score)
        zset_set(z, &spot, member, score, keyspace_limits(call_keyspace(c)));
    return true;
}

static void reply_added(struct call *c, const struct zset_adding *a)
{
    if (!(a->flags & ZADD_INCR))
        reply_int(c->reply, a->added + (a->flags & ZADD_CH ? a->updated : 0));
    else if (a->done)
        reply_score(c, a->score);
    else
        reply_null(c->reply);
}

static void put_new(struct call *c, int key, struct zset *z)
{
    struct value v = { .type = VALUE_ZSET, .form = FORM_APART };

    v.apart = z;
    keyspace_put(call_keyspace(c), c->db, c->argv[key], &v, NO_EXPIRY, call_door(c));
}

/* What stood there goes; z is empty. */
static void store_nothing(struct call *c, int key, struct zset *z)
{
    zset_free(z);
    if (keyspace_delete(call_keyspace(c), c->db, c->argv[key], call_door(c)))
        generic_event(c, "del", key);
    else
        call_no_effect(c);
    reply_int(c->reply, 0);
}

void store_zset(struct call *c, int key, struct zset *z, const char *event)
{
    int64_t count = (int64_t)zset_count(z);

    if (count == 0) {
        store_nothing(c, key, z);
        return;
    }
    put_new(c, key, z);
    zset_event(c, event, key);
    reply_int(c->reply, count);
}

void zset_add(struct call *c, struct zset_adding *a)
{
    struct entry *e = call_write(c, 1);
    struct zset *z;
    bool sound = true;

    if (!want_type(c, e, VALUE_ZSET))
        return;
    z = e ? entry_apart(e) : zset_new();
    for (int i = 0; i < a->pairs && sound; i++)
        sound = add_pair(c, a, &z, i);
    if (e)
        entry_set_apart(e, z);
    if (!e && zset_count(z))
        put_new(c, 1, z);
    else if (!e)
        zset_free(z);
    else if (a->added || a->updated)
        keyspace_changed(call_keyspace(c), c->db, e);
    if (!sound)
        reply_error(c->reply, "ERR resulting score is not a number (NaN)");
    else
        reply_added(c, a);
    c->changes = (uint64_t)(a->added + a->updated);
    if (a->added || a->updated)
        zset_event(c, a->flags & ZADD_INCR ? "zincr" : "zadd", 1);
    else
        call_no_effect(c);
}

static void add_with(struct call *c, uint32_t flags)
{
    struct zset_adding a = { .flags = flags };

    if (want_adding(c, &a) && want_scores(c, &a))
        zset_add(c, &a);
    xfree(a.scores);
}

void cmd_zadd(struct call *c)
{
    add_with(c, 0);
}

void cmd_zincrby(struct call *c)
{
    add_with(c, ZADD_INCR);
}

void cmd_zrem(struct call *c)
{
    struct entry *e = call_write(c, 1);
    int64_t removed = 0;
    struct zset *z;

    if (!want_type(c, e, VALUE_ZSET))
        return;
    z = e ? entry_apart(e) : NULL;
    for (int i = 2; z && i < c->argc && zset_count(z); i++)
        removed += zset_remove(&z, c->argv[i]);
    c->changes = (uint64_t)removed;
    if (removed) {
        entry_set_apart(e, z);
        end_removal(c, e, 1, "zrem", zset_count(z) == 0);
    } else {
        call_no_effect(c);
    }
    reply_int(c->reply, removed);
}

/* ---- looking --------------------------------------------------------------------------------- */

void cmd_zcard(struct call *c)
{
    const struct entry *e = call_read(c, 1, 0);

    if (want_type(c, e, VALUE_ZSET))
        reply_int(c->reply, e ? (int64_t)zset_count(entry_apart(e)) : 0);
}

static void reply_score_of(struct call *c, const struct entry *e, struct bytes member)
{
    double score;

    if (e && zset_score(entry_apart(e), member, &score))
        reply_score(c, score);
    else
        reply_null(c->reply);
}

void cmd_zscore(struct call *c)
{
    const struct entry *e = call_read(c, 1, 0);

    if (want_type(c, e, VALUE_ZSET))
        reply_score_of(c, e, c->argv[2]);
}

void cmd_zmscore(struct call *c)
{
    const struct entry *e = call_read(c, 1, 0);

    if (!want_type(c, e, VALUE_ZSET))
        return;
    reply_array(c->reply, (size_t)c->argc - 2);
    for (int i = 2; i < c->argc; i++)
        reply_score_of(c, e, c->argv[i]);
}

static void rank(struct call *c, bool from_the_top)
{
    const struct entry *e = call_read(c, 1, 0);
    uint64_t rank;

    if (!want_type(c, e, VALUE_ZSET))
        return;
    if (!e || !zset_rank(entry_apart(e), c->argv[2], &rank))
        reply_null(c->reply);
    else
        reply_int(c->reply, (int64_t)(from_the_top ? zset_count(entry_apart(e)) - 1 - rank : rank));
}

void cmd_zrank(struct call *c)
{
    rank(c, false);
}

void cmd_zrevrank(struct call *c)
{
    rank(c, true);
}

/* ---- bounds ---------------------------------------------------------------------------------- */

/* As strtod reads it, blanks in front included, which is what Redis accepts here. */
static bool score_bound(struct bytes text, double *out, bool *out_open)
{
    enum { BOUND_LEN_MAX = 255 };
    char copy[BOUND_LEN_MAX + 1], *end;

    *out_open = text.len && text.at[0] == '(';
    if (text.len > BOUND_LEN_MAX)
        return false;
    memcpy(copy, text.at + *out_open, text.len - *out_open);
    copy[text.len - *out_open] = '\0';
    *out = strtod(copy, &end);
    return *end == '\0' && !isnan(*out);
}

bool want_score_bounds(struct call *c, int min, int max, struct score_bounds *out)
{
    if (score_bound(c->argv[min], &out->min, &out->min_open) &&
        score_bound(c->argv[max], &out->max, &out->max_open))
        return true;
    refuse(c, "ERR min or max is not a float");
    return false;
}

static bool text_bound(struct bytes text, struct bytes *out, bool *out_open, bool *out_is_plus)
{
    char kind = text.len ? text.at[0] : '\0';

    *out = (struct bytes){ NULL, 0 };
    *out_is_plus = kind == '+';
    *out_open = kind == '(';
    if (kind == '+' || kind == '-')
        return text.len == 1;
    *out = (struct bytes){ text.at + 1, text.len - 1 };
    return kind == '(' || kind == '[';
}

bool want_text_bounds(struct call *c, int min, int max, struct text_bounds *out)
{
    bool max_is_plus;

    if (!text_bound(c->argv[min], &out->min, &out->min_open, &out->min_is_plus) ||
        !text_bound(c->argv[max], &out->max, &out->max_open, &max_is_plus)) {
        refuse(c, "ERR min or max not valid string range item");
        return false;
    }
    out->max_is_minus = !out->max.at && !max_is_plus;
    return true;
}

static struct rank_range between(uint64_t first, uint64_t end)
{
    return (struct rank_range){ first, end < first ? first : end };
}

struct rank_range ranks_of_scores(const struct zset *z, const struct score_bounds *b)
{
    return between(zset_below_score(z, b->min, b->min_open),
                   zset_below_score(z, b->max, !b->max_open));
}

struct rank_range ranks_of_texts(const struct zset *z, const struct text_bounds *b)
{
    uint64_t first = 0, end = zset_count(z);

    if (b->min_is_plus || b->max_is_minus)
        return between(0, 0);
    if (b->min.at)
        first = zset_below_text(z, b->min, b->min_open);
    if (b->max.at)
        end = zset_below_text(z, b->max, !b->max_open);
    return between(first, end);
}

void cmd_zcount(struct call *c)
{
    struct rank_range r = { 0 };
    struct score_bounds b;
    const struct entry *e;

    if (!want_score_bounds(c, 2, 3, &b))
        return;
    e = call_read(c, 1, 0);
    if (!want_type(c, e, VALUE_ZSET))
        return;
    if (e)
        r = ranks_of_scores(entry_apart(e), &b);
    reply_int(c->reply, (int64_t)(r.end - r.first));
}

void cmd_zlexcount(struct call *c)
{
    struct rank_range r = { 0 };
    struct text_bounds b;
    const struct entry *e;

    if (!want_text_bounds(c, 2, 3, &b))
        return;
    e = call_read(c, 1, 0);
    if (!want_type(c, e, VALUE_ZSET))
        return;
    if (e)
        r = ranks_of_texts(entry_apart(e), &b);
    reply_int(c->reply, (int64_t)(r.end - r.first));
}

/* ---- ZSCAN ----------------------------------------------------------------------------------- */

struct found {
    struct scan scan;
    uint64_t seen;
    struct buf items; /* RESP */
    size_t count;
};

static bool collect(void *arg, struct zset_item item)
{
    struct found *f = arg;
    char text[SCORE_TEXT];

    f->seen++;
    if (scan_matches(&f->scan, item.member)) {
        resp_put_bulk(&f->items, item.member);
        resp_put_bulk(&f->items, (struct bytes){ text, fmt_score(text, item.score) });
        f->count += 2;
    }
    return true;
}

void cmd_zscan(struct call *c)
{
    struct found f = { .seen = 0 };
    const struct entry *e;

    if (!want_scan_cursor(c, 2, &f.scan))
        return;
    e = call_read(c, 1, 0);
    if (!want_type(c, e, VALUE_ZSET))
        return;
    if (e && !want_scan_options(c, 3, &f.scan, NULL))
        return;
    if (!e)
        f.scan.cursor = 0;
    else
        do {
            zset_scan(entry_apart(e), &f.scan.cursor, collect, &f);
        } while (scan_goes_on(&f.scan, f.seen));
    reply_scan_head(c, &f.scan);
    reply_array(c->reply, f.count);
    reply_raw(c->reply, f.items.at, f.items.len);
    buf_fini(&f.items);
}
