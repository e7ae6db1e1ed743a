#include "node/types/arguments.h"

#include <limits.h>
#include <stdio.h>
#include <string.h>

#include "node/world.h"

struct keyspace *call_keyspace(const struct call *c)
{
    const struct node_world *w = c->world;

    return w->keyspace;
}

uint32_t call_door(const struct call *c)
{
    return (c->from_leader ? DOOR_STREAM : 0) | (c->no_touch ? DOOR_NO_TOUCH : 0);
}

const struct entry *call_read(struct call *c, int arg, uint32_t flags)
{
    return keyspace_read(call_keyspace(c), c->db, c->argv[arg], call_door(c) | flags);
}

struct entry *call_write(struct call *c, int arg)
{
    return keyspace_write(call_keyspace(c), c->db, c->argv[arg], call_door(c));
}

void refuse(struct call *c, const char *text)
{
    reply_error(c->reply, text);
    call_no_effect(c);
}

void refuse_syntax(struct call *c)
{
    refuse(c, "ERR syntax error");
}

bool want_type(struct call *c, const struct entry *e, enum value_type type)
{
    if (!e || entry_type(e) == type)
        return true;
    refuse(c, "WRONGTYPE Operation against a key holding the wrong kind of value");
    return false;
}

struct value string_argument(struct call *c, int arg)
{
    struct buf block;

    if (call_take_argument(c, arg, sizeof(struct blob), &block))
        return value_of_block(block);
    return value_of_text(c->argv[arg]);
}

bool want_i64(struct call *c, int arg, int64_t *out)
{
    if (bytes_to_i64(c->argv[arg], out))
        return true;
    refuse(c, "ERR value is not an integer or out of range");
    return false;
}

bool want_int(struct call *c, int arg, const char *refusal, int *out)
{
    int64_t v;
    bool number = bytes_to_i64(c->argv[arg], &v);

    if (number && v >= INT_MIN && v <= INT_MAX) {
        *out = (int)v;
        return true;
    }
    if (refusal)
        refuse(c, refusal);
    else if (!number)
        refuse(c, "ERR value is not an integer or out of range");
    else {
        reply_errorf(c->reply, "ERR value is out of range, value must between %d and %d", INT_MIN,
                     INT_MAX);
        call_no_effect(c);
    }
    return false;
}

bool want_range(struct call *c, int arg, int64_t min, int64_t max, const char *refusal,
                int64_t *out)
{
    int64_t v;

    if (!bytes_to_i64(c->argv[arg], &v)) {
        refuse(c, refusal ? refusal : "ERR value is not an integer or out of range");
        return false;
    }
    if (v >= min && v <= max) {
        *out = v;
        return true;
    }
    if (refusal)
        refuse(c, refusal);
    else {
        reply_errorf(c->reply, "ERR value is out of range, value must between %lld and %lld",
                     (long long)min, (long long)max);
        call_no_effect(c);
    }
    return false;
}

bool want_keys_and_limit(struct call *c, int64_t *out_keys, int64_t *out_limit)
{
    int64_t keys, limit = 0;

    if (!want_range(c, 1, 1, INT64_MAX, "ERR numkeys should be greater than 0", &keys))
        return false;
    if (keys > c->argc - 2) {
        refuse(c, "ERR Number of keys can't be greater than number of args");
        return false;
    }
    for (int i = (int)keys + 2; i < c->argc; i += 2) {
        if (!bytes_is_word(c->argv[i], "limit") || i + 1 == c->argc) {
            refuse_syntax(c);
            return false;
        }
        if (!want_range(c, i + 1, 0, INT64_MAX, "ERR LIMIT can't be negative", &limit))
            return false;
    }
    *out_keys = keys;
    *out_limit = limit;
    return true;
}

bool want_db(struct call *c, int arg, const char *refusal, int *out)
{
    int db;

    if (!want_int(c, arg, refusal, &db))
        return false;
    if (db < 0 || db >= keyspace_databases(call_keyspace(c))) {
        refuse(c, "ERR DB index is out of range");
        return false;
    }
    *out = db;
    return true;
}

static bool refuse_deadline(struct call *c)
{
    reply_errorf(c->reply, "ERR invalid expire time in '%s' command", c->cmd->name);
    call_no_effect(c);
    return false;
}

bool want_deadline(struct call *c, int arg, struct time_unit unit, int64_t *out_ms)
{
    int64_t ms;

    if (!want_i64(c, arg, &ms))
        return false;
    if (unit.positive && ms <= 0)
        return refuse_deadline(c);
    if (unit.seconds && __builtin_mul_overflow(ms, INT64_C(1000), &ms))
        return refuse_deadline(c);
    if (unit.relative &&
        __builtin_add_overflow(ms, (int64_t)keyspace_wall_ms(call_keyspace(c)), &ms))
        return refuse_deadline(c);
    *out_ms = ms < 0 ? 0 : ms;
    return true;
}

bool deadline_has_passed(const struct call *c, int64_t deadline_ms)
{
    const struct keyspace *ks = call_keyspace(c);

    return !c->from_leader && !keyspace_follows(ks) && deadline_ms <= (int64_t)keyspace_wall_ms(ks);
}

size_t fmt_long_double(char *out, size_t cap, long double v)
{
    int len = snprintf(out, cap, "%.17Lf", v);

    ASSERT(len > 0 && (size_t)len < cap);
    while (out[len - 1] == '0')
        len--;
    if (out[len - 1] == '.')
        len--;
    if (len == 2 && memcmp(out, "-0", 2) == 0) {
        out[0] = '0';
        len = 1;
    }
    return (size_t)len;
}

void string_event(struct call *c, const char *name, int arg)
{
    keyspace_event(call_keyspace(c), NOTIFY_STRING, name, c->db, c->argv[arg]);
}

void zset_event(struct call *c, const char *name, int arg)
{
    keyspace_event(call_keyspace(c), NOTIFY_ZSET, name, c->db, c->argv[arg]);
}

void set_event(struct call *c, const char *name, int arg)
{
    keyspace_event(call_keyspace(c), NOTIFY_SET, name, c->db, c->argv[arg]);
}

void generic_event(struct call *c, const char *name, int arg)
{
    keyspace_event(call_keyspace(c), NOTIFY_GENERIC, name, c->db, c->argv[arg]);
}

void end_removal(struct call *c, struct entry *e, int arg, const char *event, bool empty)
{
    struct keyspace *ks = call_keyspace(c);
    enum notify_class class = entry_type(e) == VALUE_SET    ? NOTIFY_SET
                              : entry_type(e) == VALUE_ZSET ? NOTIFY_ZSET
                              : entry_type(e) == VALUE_HASH ? NOTIFY_HASH
                                                            : NOTIFY_LIST;

    if (!empty)
        keyspace_changed(ks, c->db, e);
    keyspace_event(ks, class, event, c->db, c->argv[arg]);
    if (!empty)
        return;
    keyspace_delete(ks, c->db, c->argv[arg], call_door(c));
    generic_event(c, "del", arg);
}

void effect_delete(struct call *c, int arg)
{
    call_effect(c, 2, (struct bytes[]){ BYTES("DEL"), c->argv[arg] });
}

void effect_expire(struct call *c, int arg, int64_t deadline_ms)
{
    char text[ENTRY_INT_TEXT];
    struct bytes number = { text, fmt_i64(text, deadline_ms) };

    call_effect(c, 3, (struct bytes[]){ BYTES("PEXPIREAT"), c->argv[arg], number });
}
