/*
 * zset_pop - the lowest or highest members, taken out, from the first of several keys that has some, and
 * waiting for that.
 */
#include "node/types/arguments.h"
#include "node/types/waiting.h"
#include "node/types/zset_commands.h"

struct popping {
    struct call *c;
    bool pairs;
};

static bool reply_popped(void *arg, struct zset_item item)
{
    const struct popping *p = arg;

    if (p->pairs)
        reply_array(p->c->reply, 2);
    reply_bulk(p->c->reply, item.member);
    reply_score(p->c, item.score);
    return true;
}

/* Takes count members out, no more than there are, and replies with each, as a pair where pairs are asked
 * for. */
static void pop_items(struct call *c, struct entry *e, uint64_t count, bool highest, bool pairs)
{
    struct popping p = { c, pairs };
    struct zset *z = entry_apart(e);
    uint64_t all = zset_count(z);

    zset_each(z, highest ? all - 1 : 0, count, highest, reply_popped, &p);
    zset_remove_run(&z, highest ? all - count : 0, count);
    entry_set_apart(e, z);
    c->changes = count;
}

static void end_pop(struct call *c, struct entry *e, int key, bool highest)
{
    end_removal(c, e, key, highest ? "zpopmax" : "zpopmin", zset_count(entry_apart(e)) == 0);
}

/* ---- ZPOPMIN, ZPOPMAX ----------------------------------------------------------------------- */

static void pop(struct call *c, bool highest)
{
    struct entry *e;
    struct zset *z;
    int64_t count = 1;
    bool pairs;

    if (c->argc > 3) {
        refuse_syntax(c);
        return;
    }
    if (c->argc == 3 &&
        !want_range(c, 2, 0, INT64_MAX, "ERR value is out of range, must be positive", &count))
        return;
    e = call_write(c, 1);
    if (!want_type(c, e, VALUE_ZSET))
        return;
    if (!e || count == 0) {
        reply_array(c->reply, 0);
        call_no_effect(c);
        return;
    }
    z = entry_apart(e);
    if ((uint64_t)count > zset_count(z))
        count = (int64_t)zset_count(z);
    pairs = c->argc == 3 && c->reply->proto > 2; /* only where a count was asked for */
    reply_array(c->reply, (uint64_t)count * (pairs ? 1 : 2));
    pop_items(c, e, (uint64_t)count, highest, pairs);
    end_pop(c, e, 1, highest);
}

void cmd_zpopmin(struct call *c)
{
    pop(c, false);
}

void cmd_zpopmax(struct call *c)
{
    pop(c, true);
}

/* ---- from the first of several --------------------------------------------------------------- */

/* The argument of the first key that is there; -1: none is, 0: it is something else, and the reply says
 * so. */
static int first_zset(struct call *c, int first, int last, struct entry **out)
{
    for (int i = first; i <= last; i++) {
        *out = waited_write(c, i, VALUE_ZSET);
        if (*out)
            return want_type(c, *out, VALUE_ZSET) ? i : 0;
    }
    return -1;
}

/* What followers do; count 0: as the command without one. */
static void effect_pop(struct call *c, int key, bool highest, uint64_t count)
{
    char text[ENTRY_INT_TEXT];

    call_effect(c, count ? 3 : 2,
                (struct bytes[]){ highest ? BYTES("ZPOPMAX") : BYTES("ZPOPMIN"),
                                  c->argv[key],
                                  { text, fmt_u64(text, count) } });
}

static void pop_or_wait(struct call *c, bool highest)
{
    uint64_t timeout_ms;
    struct entry *e;
    int key;

    if (!want_timeout(c, c->argc - 1, &timeout_ms))
        return;
    key = first_zset(c, 1, c->argc - 2, &e);
    if (key < 0)
        nothing_or_wait(c, 1, c->argc - 2, timeout_ms);
    if (key <= 0)
        return;
    reply_array(c->reply, 3);
    reply_bulk(c->reply, c->argv[key]);
    pop_items(c, e, 1, highest, false);
    effect_pop(c, key, highest, 0);
    end_pop(c, e, key, highest);
}

void cmd_bzpopmin(struct call *c)
{
    pop_or_wait(c, false);
}

void cmd_bzpopmax(struct call *c)
{
    pop_or_wait(c, true);
}

/* numkeys key … MIN|MAX [COUNT count], from an argument on. */
struct many {
    int first, last;
    bool highest;
    int64_t count;
};

/* [COUNT count], from an argument on to the end. */
static bool want_count_behind(struct call *c, int at, int64_t *out)
{
    bool given = at + 1 < c->argc && bytes_is_word(c->argv[at], "count");

    if (given && !want_range(c, at + 1, 1, INT64_MAX, "ERR count should be greater than 0", out))
        return false;
    if (at + (given ? 2 : 0) == c->argc)
        return true;
    refuse_syntax(c);
    return false;
}

static bool want_many(struct call *c, int at, struct many *out)
{
    int64_t keys;
    int next;

    if (!want_range(c, at, 1, INT64_MAX, "ERR numkeys should be greater than 0", &keys))
        return false;
    if (keys >= c->argc - at - 1) {
        refuse_syntax(c);
        return false;
    }
    *out = (struct many){ .first = at + 1, .last = at + (int)keys, .count = 1 };
    next = out->last + 1;
    out->highest = bytes_is_word(c->argv[next], "max");
    if (!out->highest && !bytes_is_word(c->argv[next], "min")) {
        refuse_syntax(c);
        return false;
    }
    return want_count_behind(c, next + 1, &out->count);
}

/* False: none of them has anything. */
static bool pop_many(struct call *c, const struct many *m)
{
    struct entry *e;
    uint64_t count = (uint64_t)m->count;
    int key = first_zset(c, m->first, m->last, &e);

    if (key <= 0)
        return key == 0;
    if (count > zset_count(entry_apart(e)))
        count = zset_count(entry_apart(e));
    reply_array(c->reply, 2);
    reply_bulk(c->reply, c->argv[key]);
    reply_array(c->reply, count);
    pop_items(c, e, count, m->highest, true);
    effect_pop(c, key, m->highest, count);
    end_pop(c, e, key, m->highest);
    return true;
}

void cmd_zmpop(struct call *c)
{
    struct many m;

    if (!want_many(c, 1, &m) || pop_many(c, &m))
        return;
    reply_null_array(c->reply);
    call_no_effect(c);
}

void cmd_bzmpop(struct call *c)
{
    uint64_t timeout_ms;
    struct many m;

    if (want_many(c, 2, &m) && want_timeout(c, 1, &timeout_ms) && !pop_many(c, &m))
        nothing_or_wait(c, m.first, m.last, timeout_ms);
}
