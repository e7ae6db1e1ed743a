/*
 * string - SET, GET and what is made of them. Editing is in string_edit.c, counting in
 * string_count.c, LCS in string_lcs.c, the rows in string_rows.c.
 */
#include "node/types/string.h"

#include "node/types/arguments.h"

void reply_string(struct call *c, const struct entry *e)
{
    char scratch[ENTRY_INT_TEXT];

    if (e)
        reply_bulk(c->reply, entry_text(e, scratch));
    else
        reply_null(c->reply);
}

/* Replies with the value under argument 1. False: it is no string, and the reply says so. */
static bool get(struct call *c, const struct entry **out)
{
    const struct entry *e = call_read(c, 1, 0);

    if (!want_type(c, e, VALUE_STRING))
        return false;
    reply_string(c, e);
    *out = e;
    return true;
}

void cmd_get(struct call *c)
{
    const struct entry *e;

    (void)get(c, &e);
}

/* ---- options of SET and GETEX -------------------------------------------------------------- */

enum option {
    OPTION_NX = 1u << 0,
    OPTION_XX = 1u << 1,
    OPTION_GET = 1u << 2,
    OPTION_KEEPTTL = 1u << 3,
    OPTION_PERSIST = 1u << 4,
    OPTION_EX = 1u << 5,
    OPTION_PX = 1u << 6,
    OPTION_EXAT = 1u << 7,
    OPTION_PXAT = 1u << 8,
    OPTION_IFEQ = 1u << 9,
    OPTION_TIMED = OPTION_EX | OPTION_PX | OPTION_EXAT | OPTION_PXAT,
    OPTION_CONDITION = OPTION_NX | OPTION_XX | OPTION_IFEQ,
    OPTIONS_OF_SET = OPTION_CONDITION | OPTION_GET | OPTION_KEEPTTL | OPTION_TIMED,
    OPTIONS_OF_MSETEX = OPTION_NX | OPTION_XX | OPTION_KEEPTTL | OPTION_TIMED,
    OPTIONS_OF_GETEX = OPTION_PERSIST | OPTION_TIMED,
};

/* A word, and what may not stand beside it. A word may be said twice; the last number counts. */
struct option_row {
    const char *word;
    enum option option;
    uint32_t excludes;
};

#define EXPIRY_BUT(x) \
    ((uint32_t)((OPTION_KEEPTTL | OPTION_PERSIST | OPTION_TIMED) & ~(uint32_t)(x)))
#define CONDITION_BUT(x) ((uint32_t)(OPTION_CONDITION & ~(uint32_t)(x)))

static const struct option_row option_rows[] = {
    { "nx", OPTION_NX, CONDITION_BUT(OPTION_NX) },
    { "xx", OPTION_XX, CONDITION_BUT(OPTION_XX) },
    { "ifeq", OPTION_IFEQ, CONDITION_BUT(OPTION_IFEQ) },
    { "get", OPTION_GET, 0 },
    { "keepttl", OPTION_KEEPTTL, EXPIRY_BUT(OPTION_KEEPTTL) },
    { "persist", OPTION_PERSIST, EXPIRY_BUT(OPTION_PERSIST) },
    { "ex", OPTION_EX, EXPIRY_BUT(OPTION_EX) },
    { "px", OPTION_PX, EXPIRY_BUT(OPTION_PX) },
    { "exat", OPTION_EXAT, EXPIRY_BUT(OPTION_EXAT) },
    { "pxat", OPTION_PXAT, EXPIRY_BUT(OPTION_PXAT) },
};

struct options {
    uint32_t set;
    int time_arg, like_arg; /* what stands behind EX and its kin, and behind IFEQ; 0: none */
};

static const struct option_row *option_of(struct bytes word, uint32_t allowed)
{
    for (size_t i = 0; i < ARRAY_LEN(option_rows); i++) {
        if (option_rows[i].option & allowed && bytes_is_word(word, option_rows[i].word))
            return &option_rows[i];
    }
    return NULL;
}

static bool want_options(struct call *c, int first, uint32_t allowed, struct options *out)
{
    struct options o = { 0 };

    for (int i = first; i < c->argc; i++) {
        const struct option_row *row = option_of(c->argv[i], allowed);
        bool has_value = row && row->option & (OPTION_TIMED | OPTION_IFEQ);

        if (!row || o.set & row->excludes || (has_value && i + 1 == c->argc)) {
            refuse_syntax(c);
            return false;
        }
        o.set |= row->option;
        if (row->option & OPTION_TIMED)
            o.time_arg = ++i;
        else if (has_value)
            o.like_arg = ++i;
    }
    *out = o;
    return true;
}

/* The deadline that the options name; NO_EXPIRY without one. */
static bool want_option_deadline(struct call *c, const struct options *o, int64_t *out_ms)
{
    struct time_unit unit = { .seconds = o->set & (OPTION_EX | OPTION_EXAT),
                              .relative = o->set & (OPTION_EX | OPTION_PX),
                              .positive = true };

    *out_ms = NO_EXPIRY;
    return !o->time_arg || want_deadline(c, o->time_arg, unit, out_ms);
}

/* ---- SET ----------------------------------------------------------------------------------- */

/* Stores v, made of one argument, under another; the effect is a SET with an absolute deadline. */
static void store_value(struct call *c, int key, int value, const struct value *v,
                        int64_t deadline_ms, uint32_t options)
{
    struct keyspace *ks = call_keyspace(c);
    char text[ENTRY_INT_TEXT];
    uint32_t keep = options & OPTION_KEEPTTL ? PUT_KEEP_EXPIRY : 0;

    keyspace_put(ks, c->db, c->argv[key], v, deadline_ms, keep | call_door(c));
    string_event(c, "set", key);
    if (deadline_ms == NO_EXPIRY)
        return;
    generic_event(c, "expire", key);
    call_effect(c, 5,
                (struct bytes[]){ BYTES("SET"),
                                  c->argv[key],
                                  c->argv[value],
                                  BYTES("PXAT"),
                                  { text, fmt_i64(text, deadline_ms) } });
}

/* For a command that stores once: what was taken from it must stand until it has ended. */
static void store(struct call *c, int key, int value, int64_t deadline_ms, uint32_t options)
{
    struct value v = string_argument(c, value);

    store_value(c, key, value, &v, deadline_ms, options);
}

/* Where the command does more than what it did, and no deadline has said it: as followers should do it. */
static void effect_set(struct call *c, int key, int value, uint32_t options)
{
    const struct bytes words[] = { BYTES("SET"), c->argv[key], c->argv[value], BYTES("KEEPTTL") };

    call_effect(c, options & OPTION_KEEPTTL ? 4 : 3, words);
}

static bool holds_text(const struct entry *e, struct bytes text)
{
    char scratch[ENTRY_INT_TEXT];

    return bytes_eq(entry_text(e, scratch), text);
}

/* NX wants the key absent, XX wants it there, and IFEQ that it holds these very bytes. */
static bool forbidden(struct call *c, int key, const struct options *o)
{
    const struct entry *e = o->set & OPTION_CONDITION ? call_write(c, key) : NULL;

    if (o->set & OPTION_NX)
        return e != NULL;
    if (o->set & OPTION_XX)
        return e == NULL;
    if (o->set & OPTION_IFEQ)
        return !e || !holds_text(e, c->argv[o->like_arg]);
    return false;
}

void cmd_set(struct call *c)
{
    struct options o;
    int64_t deadline_ms;
    const struct entry *old;

    if (!want_options(c, 3, OPTIONS_OF_SET, &o) || !want_option_deadline(c, &o, &deadline_ms))
        return;
    if (o.set & OPTION_GET && !get(c, &old))
        return;
    if (o.set & OPTION_IFEQ && !want_type(c, call_write(c, 1), VALUE_STRING))
        return;
    if (forbidden(c, 1, &o)) {
        if (!(o.set & OPTION_GET))
            reply_null(c->reply);
        call_no_effect(c);
        return;
    }
    store(c, 1, 2, deadline_ms, o.set);
    if (!(o.set & OPTION_GET))
        reply_ok(c->reply);
    if (o.set & (OPTION_GET | OPTION_IFEQ) && deadline_ms == NO_EXPIRY)
        effect_set(c, 1, 2, o.set);
}

void cmd_setnx(struct call *c)
{
    if (call_write(c, 1)) {
        reply_int(c->reply, 0);
        call_no_effect(c);
        return;
    }
    store(c, 1, 2, NO_EXPIRY, 0);
    reply_int(c->reply, 1);
}

static void set_for(struct call *c, bool seconds)
{
    struct time_unit unit = { .seconds = seconds, .relative = true, .positive = true };
    int64_t deadline_ms;

    if (!want_deadline(c, 2, unit, &deadline_ms))
        return;
    store(c, 1, 3, deadline_ms, 0);
    reply_ok(c->reply);
}

void cmd_setex(struct call *c)
{
    set_for(c, true);
}

void cmd_psetex(struct call *c)
{
    set_for(c, false);
}

void cmd_getset(struct call *c)
{
    const struct entry *old;

    if (!get(c, &old))
        return;
    store(c, 1, 2, NO_EXPIRY, 0);
    effect_set(c, 1, 2, 0);
}

/* ---- GET with a change --------------------------------------------------------------------- */

void cmd_getdel(struct call *c)
{
    const struct entry *e;

    if (!get(c, &e))
        return;
    if (!e) {
        call_no_effect(c);
        return;
    }
    keyspace_delete(call_keyspace(c), c->db, c->argv[1], call_door(c));
    generic_event(c, "del", 1);
    effect_delete(c, 1);
}

void cmd_delifeq(struct call *c)
{
    const struct entry *e = call_write(c, 1);

    if (!want_type(c, e, VALUE_STRING))
        return;
    if (!e || !holds_text(e, c->argv[2])) {
        reply_int(c->reply, 0);
        call_no_effect(c);
        return;
    }
    keyspace_delete(call_keyspace(c), c->db, c->argv[1], call_door(c));
    generic_event(c, "del", 1);
    reply_int(c->reply, 1);
    effect_delete(c, 1);
}

static void expire_at(struct call *c, int64_t deadline_ms)
{
    struct keyspace *ks = call_keyspace(c);

    if (deadline_has_passed(c, deadline_ms)) {
        keyspace_delete(ks, c->db, c->argv[1], call_door(c));
        generic_event(c, "del", 1);
        effect_delete(c, 1);
        return;
    }
    keyspace_set_expiry(ks, c->db, call_write(c, 1), deadline_ms);
    generic_event(c, "expire", 1);
    effect_expire(c, 1, deadline_ms);
}

void cmd_getex(struct call *c)
{
    struct options o;
    int64_t deadline_ms;
    const struct entry *e;

    if (!want_options(c, 2, OPTIONS_OF_GETEX, &o))
        return;
    e = call_read(c, 1, 0);
    if (!want_type(c, e, VALUE_STRING))
        return;
    if (e && !want_option_deadline(c, &o, &deadline_ms))
        return;
    reply_string(c, e);
    if (e && o.time_arg) {
        expire_at(c, deadline_ms);
    } else if (e && o.set & OPTION_PERSIST && entry_expiry_ms(e) != NO_EXPIRY) {
        keyspace_set_expiry(call_keyspace(c), c->db, call_write(c, 1), NO_EXPIRY);
        generic_event(c, "persist", 1);
        call_effect(c, 2, (struct bytes[]){ BYTES("PERSIST"), c->argv[1] });
    } else {
        call_no_effect(c);
    }
}

/* ---- many ---------------------------------------------------------------------------------- */

void cmd_mget(struct call *c)
{
    reply_array(c->reply, (size_t)c->argc - 1);
    for (int i = 1; i < c->argc; i++) {
        const struct entry *e = call_read(c, i, 0);

        reply_string(c, e && entry_type(e) == VALUE_STRING ? e : NULL);
    }
}

static void store_pairs(struct call *c)
{
    for (int i = 1; i < c->argc; i += 2) {
        struct value v = value_of_text(c->argv[i + 1]);

        keyspace_put(call_keyspace(c), c->db, c->argv[i], &v, NO_EXPIRY, call_door(c));
        string_event(c, "set", i);
    }
}

static bool want_pairs(struct call *c)
{
    if (c->argc % 2)
        return true;
    reply_errorf(c->reply, "ERR wrong number of arguments for '%s' command", c->cmd->name);
    call_no_effect(c);
    return false;
}

void cmd_mset(struct call *c)
{
    if (!want_pairs(c))
        return;
    store_pairs(c);
    reply_ok(c->reply);
}

void cmd_msetnx(struct call *c)
{
    if (!want_pairs(c))
        return;
    for (int i = 1; i < c->argc; i += 2) {
        if (call_write(c, i)) {
            reply_int(c->reply, 0);
            call_no_effect(c);
            return;
        }
    }
    store_pairs(c);
    reply_int(c->reply, 1);
}

/* The number of pairs, at argument 1, and the pairs. */
static bool want_counted_pairs(struct call *c, int *out_end)
{
    int64_t count;

    if (!want_range(c, 1, 1, INT32_MAX, "ERR invalid numkeys value", &count))
        return false;
    if (count > (c->argc - 2) / 2) {
        refuse(c, "ERR wrong number of key-value pairs");
        return false;
    }
    *out_end = 2 + 2 * (int)count;
    return true;
}

void cmd_msetex(struct call *c)
{
    struct options o;
    int64_t deadline_ms;
    int end;

    if (!want_counted_pairs(c, &end) || !want_options(c, end, OPTIONS_OF_MSETEX, &o) ||
        !want_option_deadline(c, &o, &deadline_ms))
        return;
    for (int i = 2; i < end; i += 2) {
        if (forbidden(c, i, &o)) {
            reply_int(c->reply, 0);
            call_no_effect(c);
            return;
        }
    }
    for (int i = 2; i < end; i += 2) {
        struct value v = value_of_text(c->argv[i + 1]);

        store_value(c, i, i + 1, &v, deadline_ms, o.set);
        if (deadline_ms == NO_EXPIRY)
            effect_set(c, i, i + 1, o.set);
    }
    reply_int(c->reply, 1);
}
