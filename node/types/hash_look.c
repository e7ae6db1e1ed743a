/*
 * hash_look - fields in no particular order: HSCAN goes through all of them, HRANDFIELD throws dice.
 */
#include <string.h>

#include "common/alloc.h"
#include "node/types/hash_calls.h"
#include "node/types/hash_commands.h"
#include "node/types/scan.h"

/* ---- HSCAN --------------------------------------------------------------------------------- */

struct found {
    struct scan scan;
    uint64_t seen;
    struct buf pairs; /* RESP: the hash may not change, but an integer's text does */
    size_t count;
};

static bool collect(void *arg, const struct hash_field *field)
{
    struct found *f = arg;

    f->seen++;
    if (scan_matches(&f->scan, field->name)) {
        resp_put_bulk(&f->pairs, field->name);
        resp_put_bulk(&f->pairs, field->value);
        f->count += 2;
    }
    return true;
}

void cmd_hscan(struct call *c)
{
    struct found f = { .seen = 0 };
    const struct entry *e;

    if (!want_scan_cursor(c, 2, &f.scan))
        return;
    e = call_read(c, 1, 0);
    if (!want_type(c, e, VALUE_HASH))
        return;
    if (e && !want_scan_options(c, 3, &f.scan, NULL))
        return;
    if (!e)
        f.scan.cursor = 0;
    else
        do {
            hash_scan(entry_apart(e), hash_moment(c, entry_apart(e)), &f.scan.cursor, collect, &f);
        } while (scan_goes_on(&f.scan, f.seen));
    reply_scan_head(c, &f.scan);
    reply_array(c->reply, f.count);
    reply_raw(c->reply, f.pairs.at, f.pairs.len);
    buf_fini(&f.pairs);
}

/* ---- HRANDFIELD ---------------------------------------------------------------------------- */

struct shown {
    struct call *c;
    bool values;
    uint64_t wanted, left; /* of those not looked at yet */
};

/* RESP3 has pairs; before, they stand in one row. */
static bool show(void *arg, const struct hash_field *f)
{
    const struct shown *s = arg;

    if (s->values && s->c->reply->proto > 2)
        reply_array(s->c->reply, 2);
    reply_bulk(s->c->reply, f->name);
    if (s->values)
        reply_bulk(s->c->reply, f->value);
    return true;
}

/* Each of the left is taken with the same chance (Knuth's algorithm S). */
static bool choose(void *arg, const struct hash_field *f)
{
    struct shown *s = arg;

    if (keyspace_dice(call_keyspace(s->c)) % s->left-- < s->wanted) {
        show(s, f);
        s->wanted--;
    }
    return s->wanted > 0;
}

static void reply_count(struct shown *s, uint64_t count)
{
    reply_array(s->c->reply, s->values && s->c->reply->proto == 2 ? 2 * count : count);
}

static bool want_how_many(struct call *c, int64_t *out_count, bool *out_values)
{
    if (!want_range(c, 2, -INT64_MAX, INT64_MAX, NULL, out_count))
        return false;
    *out_values = c->argc == 4;
    if (c->argc > 4 || (*out_values && !bytes_is_word(c->argv[3], "withvalues"))) {
        refuse_syntax(c);
        return false;
    }
    if (*out_values && (*out_count < -INT64_MAX / 2 || *out_count > INT64_MAX / 2)) {
        refuse(c, "ERR value is out of range");
        return false;
    }
    return true;
}

static void show_many(struct call *c)
{
    struct shown s = { .c = c };
    const struct hash *h;
    int64_t count, moment;

    if (!want_how_many(c, &count, &s.values) || !want_hash(c, &h))
        return;
    moment = h ? hash_moment(c, h) : HASH_EVER;
    s.left = h ? hash_count_at(h, moment) : 0;
    if (s.left == 0 || count == 0) {
        reply_array(c->reply, 0);
        return;
    }
    if (count < 0) { /* the same one as often as chance will have it */
        reply_count(&s, (uint64_t)-count);
        for (; count < 0 && !reply_is_over(c->reply); count++)
            hash_random(h, moment, call_keyspace(c), show, &s);
        return;
    }
    s.wanted = (uint64_t)count < s.left ? (uint64_t)count : s.left;
    reply_count(&s, s.wanted);
    hash_each(h, moment, choose, &s);
}

void cmd_hrandfield(struct call *c)
{
    struct shown s = { .c = c };
    const struct hash *h;

    if (c->argc > 2) {
        show_many(c);
        return;
    }
    if (!want_hash(c, &h))
        return;
    if (!h || !hash_random(h, hash_moment(c, h), call_keyspace(c), show, &s))
        reply_null(c->reply);
}
