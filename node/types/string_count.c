/*
 * string_count - strings that are numbers: INCR and its kin.
 */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "node/types/arguments.h"
#include "node/types/string.h"

/* The number under argument 1; 0 where there is no key. */
static bool want_number(struct call *c, const struct entry *e, int64_t *out)
{
    char scratch[ENTRY_INT_TEXT];

    *out = 0;
    if (!e || entry_int(e, out) || bytes_to_i64(entry_text(e, scratch), out))
        return true;
    refuse(c, "ERR value is not an integer or out of range");
    return false;
}

static void add(struct call *c, int64_t delta)
{
    struct keyspace *ks = call_keyspace(c);
    struct entry *e = call_write(c, 1);
    struct value v;
    int64_t number;

    if (!want_type(c, e, VALUE_STRING) || !want_number(c, e, &number))
        return;
    if (__builtin_add_overflow(number, delta, &number)) {
        refuse(c, "ERR increment or decrement would overflow");
        return;
    }
    v = value_of_int(number);
    if (e)
        keyspace_changed(ks, c->db, keyspace_set_string(ks, c->db, e, &v));
    else
        keyspace_put(ks, c->db, c->argv[1], &v, NO_EXPIRY, call_door(c));
    string_event(c, "incrby", 1);
    reply_int(c->reply, number);
}

void cmd_incr(struct call *c)
{
    add(c, 1);
}

void cmd_decr(struct call *c)
{
    add(c, -1);
}

void cmd_incrby(struct call *c)
{
    int64_t delta;

    if (want_i64(c, 2, &delta))
        add(c, delta);
}

void cmd_decrby(struct call *c)
{
    int64_t delta;

    if (!want_i64(c, 2, &delta))
        return;
    if (delta == INT64_MIN) {
        refuse(c, "ERR decrement would overflow");
        return;
    }
    add(c, -delta);
}

static bool want_float(struct call *c, struct bytes text, long double *out)
{
    if (bytes_to_long_double(text, out))
        return true;
    refuse(c, "ERR value is not a valid float");
    return false;
}

void cmd_incrbyfloat(struct call *c)
{
    struct keyspace *ks = call_keyspace(c);
    struct entry *e = call_write(c, 1);
    char scratch[ENTRY_INT_TEXT], text[LONG_DOUBLE_TEXT];
    struct value v = { .type = VALUE_STRING, .form = FORM_TEXT };
    long double number = 0, delta;

    if (!want_type(c, e, VALUE_STRING) || (e && !want_float(c, entry_text(e, scratch), &number)) ||
        !want_float(c, c->argv[2], &delta))
        return;
    number += delta;
    if (isnan(number) || isinf(number)) {
        refuse(c, "ERR increment would produce NaN or Infinity");
        return;
    }
    v.text = (struct bytes){ text, fmt_long_double(text, sizeof text, number) };
    if (e)
        keyspace_changed(ks, c->db, keyspace_set_string(ks, c->db, e, &v));
    else
        keyspace_put(ks, c->db, c->argv[1], &v, NO_EXPIRY, call_door(c));
    string_event(c, "incrbyfloat", 1);
    reply_bulk(c->reply, v.text);
    call_effect(c, 4, (struct bytes[]){ BYTES("SET"), c->argv[1], v.text, BYTES("KEEPTTL") });
}
