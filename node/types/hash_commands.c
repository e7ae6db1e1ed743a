/*
 * hash_commands - setting, reading and counting fields. HSCAN and HRANDFIELD are in hash_look.c, the
 * structure in hash.c, the rows in hash_rows.c.
 */
#include "node/types/hash_commands.h"

#include <math.h>

#include "node/types/hash_calls.h"

/* ---- setting ------------------------------------------------------------------------------- */

/* False: it has answered. */
static bool set_pairs(struct call *c, int64_t *out_new)
{
    struct editing ed;

    if (c->argc % 2) {
        reply_errorf(c->reply, "ERR wrong number of arguments for '%s' command", c->cmd->name);
        call_no_effect(c);
        return false;
    }
    if (!want_editing(c, &ed) || !want_texts(c, 2))
        return false;
    *out_new = 0;
    for (int i = 2; i < c->argc; i += 2)
        *out_new += editing_set(c, &ed, c->argv[i], c->argv[i + 1], NO_EXPIRY);
    c->changes = (uint64_t)(c->argc - 2) / 2;
    end_editing(c, &ed, "hset");
    return true;
}

void cmd_hset(struct call *c)
{
    int64_t added;

    if (set_pairs(c, &added))
        reply_int(c->reply, added);
}

void cmd_hmset(struct call *c)
{
    int64_t added;

    if (set_pairs(c, &added))
        reply_ok(c->reply);
}

static void effect_set(struct call *c, const struct hash_field *f)
{
    call_effect(c, 4, (struct bytes[]){ BYTES("HSET"), c->argv[1], f->name, f->value });
    if (f->expiry_ms != NO_EXPIRY)
        effect_field_expiry(c, f->expiry_ms, &f->name, 1);
}

void cmd_hsetnx(struct call *c)
{
    char scratch[HASH_SCRATCH];
    struct hash_field there;
    struct editing ed;

    if (!want_editing(c, &ed) || !want_texts(c, 2))
        return;
    if (editing_find(c, &ed, c->argv[2], scratch, &there)) {
        reply_int(c->reply, 0);
        call_no_effect(c);
        return;
    }
    there = (struct hash_field){ c->argv[2], c->argv[3], NO_EXPIRY };
    if (editing_hides(c, &ed, c->argv[2]))
        effect_set(c, &there);
    editing_set(c, &ed, c->argv[2], c->argv[3], NO_EXPIRY);
    end_editing(c, &ed, "hset");
    reply_int(c->reply, 1);
}

void cmd_hdel(struct call *c)
{
    char scratch[HASH_SCRATCH];
    struct hash_field f;
    struct editing ed;
    int64_t deleted = 0;

    if (!want_editing(c, &ed))
        return;
    for (int i = 2; i < c->argc; i++)
        deleted +=
            editing_find(c, &ed, c->argv[i], scratch, &f) && hash_remove(&ed.hash, c->argv[i]);
    reply_int(c->reply, deleted);
    if (!deleted) {
        call_no_effect(c);
        return;
    }
    c->changes = (uint64_t)deleted;
    end_taking(c, &ed);
}

/* ---- counting ------------------------------------------------------------------------------ */

void cmd_hincrby(struct call *c)
{
    char scratch[HASH_SCRATCH], digits[ENTRY_INT_TEXT];
    struct hash_field f = { c->argv[2], { 0 }, NO_EXPIRY };
    struct editing ed;
    int64_t delta, number = 0;

    if (!want_i64(c, 3, &delta) || !want_editing(c, &ed) || !want_texts(c, 2))
        return;
    if (editing_find(c, &ed, c->argv[2], scratch, &f) && !bytes_to_i64(f.value, &number)) {
        refuse(c, "ERR hash value is not an integer");
        return;
    }
    if (__builtin_add_overflow(number, delta, &number)) {
        refuse(c, "ERR increment or decrement would overflow");
        return;
    }
    f = (struct hash_field){ c->argv[2], { digits, fmt_i64(digits, number) }, f.expiry_ms };
    if (editing_hides(c, &ed, f.name))
        effect_set(c, &f);
    editing_set(c, &ed, f.name, f.value, HASH_KEEP);
    end_editing(c, &ed, "hincrby");
    reply_int(c->reply, number);
}

static bool want_finite(struct call *c, int arg, long double *out)
{
    if (!bytes_to_long_double(c->argv[arg], out)) {
        refuse(c, "ERR value is not a valid float");
        return false;
    }
    if (isinf(*out) || isnan(*out)) {
        refuse(c, "ERR value is NaN or Infinity");
        return false;
    }
    return true;
}

void cmd_hincrbyfloat(struct call *c)
{
    char scratch[HASH_SCRATCH], digits[LONG_DOUBLE_TEXT];
    struct hash_field f = { c->argv[2], { 0 }, NO_EXPIRY };
    long double delta, number = 0;
    struct editing ed;

    if (!want_finite(c, 3, &delta) || !want_editing(c, &ed) || !want_texts(c, 2))
        return;
    if (editing_find(c, &ed, c->argv[2], scratch, &f) && !bytes_to_long_double(f.value, &number)) {
        refuse(c, "ERR hash value is not a float");
        return;
    }
    number += delta;
    if (isnan(number) || isinf(number)) {
        refuse(c, "ERR increment would produce NaN or Infinity");
        return;
    }
    f.name = c->argv[2];
    f.value = (struct bytes){ digits, fmt_long_double(digits, sizeof digits, number) };
    editing_set(c, &ed, f.name, f.value, HASH_KEEP);
    end_editing(c, &ed, "hincrbyfloat");
    reply_bulk(c->reply, f.value);
    effect_set(c, &f);
}

/* ---- reading ------------------------------------------------------------------------------- */

void cmd_hget(struct call *c)
{
    const struct hash *h;

    if (want_hash(c, &h))
        reply_field(c, h, c->argv[2]);
}

void cmd_hmget(struct call *c)
{
    const struct hash *h;

    if (!want_hash(c, &h))
        return;
    reply_array(c->reply, (size_t)c->argc - 2);
    for (int i = 2; i < c->argc; i++)
        reply_field(c, h, c->argv[i]);
}

void cmd_hexists(struct call *c)
{
    char scratch[HASH_SCRATCH];
    const struct hash *h;
    struct hash_field f;

    if (want_hash(c, &h))
        reply_int(c->reply, h && hash_find(h, c->argv[2], hash_moment(c, h), scratch, &f));
}

void cmd_hstrlen(struct call *c)
{
    char scratch[HASH_SCRATCH];
    struct hash_field f = { 0 };
    const struct hash *h;

    if (!want_hash(c, &h))
        return;
    if (h)
        (void)hash_find(h, c->argv[2], hash_moment(c, h), scratch, &f);
    reply_int(c->reply, (int64_t)f.value.len);
}

/* As Redis counts: with fields that have ended and are not taken away yet. */
void cmd_hlen(struct call *c)
{
    const struct entry *e = call_read(c, 1, 0);

    if (want_type(c, e, VALUE_HASH))
        reply_int(c->reply, e ? (int64_t)hash_count(entry_apart(e)) : 0);
}

static bool reply_both(void *reply, const struct hash_field *f)
{
    reply_bulk(reply, f->name);
    reply_bulk(reply, f->value);
    return true;
}

static bool reply_name(void *reply, const struct hash_field *f)
{
    reply_bulk(reply, f->name);
    return true;
}

static bool reply_value(void *reply, const struct hash_field *f)
{
    reply_bulk(reply, f->value);
    return true;
}

static void reply_every(struct call *c, hash_each_fn *fn, void (*head)(struct reply *, size_t))
{
    const struct hash *h;
    int64_t moment;

    if (!want_hash(c, &h))
        return;
    moment = h ? hash_moment(c, h) : HASH_EVER; /* one for both: time may pass between */
    head(c->reply, h ? hash_count_at(h, moment) : 0);
    if (h)
        hash_each(h, moment, fn, c->reply);
}

void cmd_hgetall(struct call *c)
{
    reply_every(c, reply_both, reply_map);
}

void cmd_hkeys(struct call *c)
{
    reply_every(c, reply_name, reply_array);
}

void cmd_hvals(struct call *c)
{
    reply_every(c, reply_value, reply_array);
}
