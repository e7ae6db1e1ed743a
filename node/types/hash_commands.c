/*
 * hash_commands - setting, reading and counting fields. HSCAN and HRANDFIELD are in hash_look.c, the
 * structure in hash.c, the rows in hash_rows.c.
 */
#include "node/types/hash_commands.h"

#include <math.h>

#include "node/types/arguments.h"
#include "node/types/hash.h"

static bool want_texts(struct call *c, int first)
{
    for (int i = first; i < c->argc; i++) {
        if (c->argv[i].len <= HASH_TEXT_MAX)
            continue;
        refuse(c, "ERR field or value is longer than a hash can hold");
        return false;
    }
    return true;
}

/* ---- setting ------------------------------------------------------------------------------- */

/* A hash that is being changed: under argument 1, or about to be. */
struct editing {
    struct entry *e;
    struct hash *hash;
};

static bool want_editing(struct call *c, struct editing *out)
{
    struct entry *e = call_write(c, 1);

    if (!want_type(c, e, VALUE_HASH))
        return false;
    *out = (struct editing){ e, e ? entry_apart(e) : NULL };
    return true;
}

static bool set_field(struct call *c, struct editing *ed, struct bytes field, struct bytes value)
{
    if (!ed->hash)
        ed->hash = hash_new();
    return hash_set(&ed->hash, field, value, keyspace_limits(call_keyspace(c)));
}

/* Tells everybody; a new hash gets its key. */
static void end_editing(struct call *c, const struct editing *ed, const char *event)
{
    struct keyspace *ks = call_keyspace(c);

    if (ed->e) {
        entry_set_apart(ed->e, ed->hash);
        keyspace_changed(ks, c->db, ed->e);
    } else {
        struct value v = { .type = VALUE_HASH, .form = FORM_APART, .apart = ed->hash };

        keyspace_put(ks, c->db, c->argv[1], &v, NO_EXPIRY, call_door(c));
    }
    keyspace_event(ks, NOTIFY_HASH, event, c->db, c->argv[1]);
}

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
        *out_new += set_field(c, &ed, c->argv[i], c->argv[i + 1]);
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

void cmd_hsetnx(struct call *c)
{
    char scratch[LISTPACK_INT_TEXT];
    struct editing ed;
    struct bytes there;

    if (!want_editing(c, &ed) || !want_texts(c, 2))
        return;
    if (ed.hash && hash_find(ed.hash, c->argv[2], scratch, &there)) {
        reply_int(c->reply, 0);
        call_no_effect(c);
        return;
    }
    set_field(c, &ed, c->argv[2], c->argv[3]);
    end_editing(c, &ed, "hset");
    reply_int(c->reply, 1);
}

void cmd_hdel(struct call *c)
{
    struct editing ed;
    int64_t deleted = 0;

    if (!want_editing(c, &ed))
        return;
    for (int i = 2; i < c->argc && ed.hash; i++)
        deleted += hash_remove(&ed.hash, c->argv[i]);
    reply_int(c->reply, deleted);
    if (!deleted) {
        call_no_effect(c);
        return;
    }
    entry_set_apart(ed.e, ed.hash);
    end_removal(c, ed.e, 1, "hdel", hash_count(ed.hash) == 0);
}

/* ---- counting ------------------------------------------------------------------------------ */

void cmd_hincrby(struct call *c)
{
    char scratch[LISTPACK_INT_TEXT], digits[ENTRY_INT_TEXT];
    struct editing ed;
    struct bytes text;
    int64_t delta, number = 0;

    if (!want_i64(c, 3, &delta) || !want_editing(c, &ed) || !want_texts(c, 2))
        return;
    if (ed.hash && hash_find(ed.hash, c->argv[2], scratch, &text) && !bytes_to_i64(text, &number)) {
        refuse(c, "ERR hash value is not an integer");
        return;
    }
    if (__builtin_add_overflow(number, delta, &number)) {
        refuse(c, "ERR increment or decrement would overflow");
        return;
    }
    set_field(c, &ed, c->argv[2], (struct bytes){ digits, fmt_i64(digits, number) });
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
    char scratch[LISTPACK_INT_TEXT], digits[LONG_DOUBLE_TEXT];
    long double delta, number = 0;
    struct editing ed;
    struct bytes text;

    if (!want_finite(c, 3, &delta) || !want_editing(c, &ed) || !want_texts(c, 2))
        return;
    if (ed.hash && hash_find(ed.hash, c->argv[2], scratch, &text) &&
        !bytes_to_long_double(text, &number)) {
        refuse(c, "ERR hash value is not a float");
        return;
    }
    number += delta;
    if (isnan(number) || isinf(number)) {
        refuse(c, "ERR increment would produce NaN or Infinity");
        return;
    }
    text = (struct bytes){ digits, fmt_long_double(digits, sizeof digits, number) };
    set_field(c, &ed, c->argv[2], text);
    end_editing(c, &ed, "hincrbyfloat");
    reply_bulk(c->reply, text);
    call_effect(c, 4, (struct bytes[]){ BYTES("HSET"), c->argv[1], c->argv[2], text });
}

/* ---- reading ------------------------------------------------------------------------------- */

/* False: it has answered. NULL: there is no such key. */
static bool want_hash(struct call *c, const struct hash **out)
{
    const struct entry *e = call_read(c, 1, 0);

    if (!want_type(c, e, VALUE_HASH))
        return false;
    *out = e ? entry_apart(e) : NULL;
    return true;
}

static void reply_field(struct call *c, const struct hash *h, struct bytes field)
{
    char scratch[LISTPACK_INT_TEXT];
    struct bytes value;

    if (h && hash_find(h, field, scratch, &value))
        reply_bulk(c->reply, value);
    else
        reply_null(c->reply);
}

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
    char scratch[LISTPACK_INT_TEXT];
    const struct hash *h;
    struct bytes value;

    if (want_hash(c, &h))
        reply_int(c->reply, h && hash_find(h, c->argv[2], scratch, &value));
}

void cmd_hstrlen(struct call *c)
{
    char scratch[LISTPACK_INT_TEXT];
    struct bytes value = { 0 };
    const struct hash *h;

    if (!want_hash(c, &h))
        return;
    if (h)
        (void)hash_find(h, c->argv[2], scratch, &value);
    reply_int(c->reply, (int64_t)value.len);
}

void cmd_hlen(struct call *c)
{
    const struct hash *h;

    if (want_hash(c, &h))
        reply_int(c->reply, h ? (int64_t)hash_count(h) : 0);
}

static bool reply_both(void *reply, struct bytes field, struct bytes value)
{
    reply_bulk(reply, field);
    reply_bulk(reply, value);
    return true;
}

static bool reply_name(void *reply, struct bytes field, struct bytes value)
{
    (void)value;
    reply_bulk(reply, field);
    return true;
}

static bool reply_value(void *reply, struct bytes field, struct bytes value)
{
    (void)field;
    reply_bulk(reply, value);
    return true;
}

static void reply_every(struct call *c, hash_each_fn *fn, void (*head)(struct reply *, size_t))
{
    const struct hash *h;

    if (!want_hash(c, &h))
        return;
    head(c->reply, h ? hash_count(h) : 0);
    if (h)
        hash_each(h, fn, c->reply);
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
