#include "node/types/hash_calls.h"

#include "common/alloc.h"

/* 2^46 - 1 milliseconds: what Redis lets a field live to, so that its RDB takes what ours says. */
#define FIELD_DEADLINE_MAX ((INT64_C(1) << 46) - 1)

int64_t hash_moment(const struct call *c, const struct hash *h)
{
    if (LIKELY(hash_next_expiry(h) == PART_NEVER) || c->from_leader)
        return HASH_EVER;
    return (int64_t)keyspace_wall_ms(call_keyspace(c));
}

static bool some_ended(const struct call *c, const struct hash *h)
{
    return hash_next_expiry(h) < hash_moment(c, h);
}

static struct entry *settle(struct call *c)
{
    return keyspace_settle(call_keyspace(c), c->db, c->argv[1], call_door(c));
}

bool want_hash(struct call *c, const struct hash **out)
{
    const struct entry *e = call_read(c, 1, 0);

    if (!want_type(c, e, VALUE_HASH))
        return false;
    if (e && some_ended(c, entry_apart(e)))
        e = settle(c);
    *out = e ? entry_apart(e) : NULL;
    return true;
}

bool want_editing(struct call *c, struct editing *out)
{
    struct entry *e = call_write(c, 1);

    if (!want_type(c, e, VALUE_HASH))
        return false;
    if (e && some_ended(c, entry_apart(e)))
        e = settle(c);
    *out = (struct editing){ e, e ? entry_apart(e) : NULL };
    return true;
}

bool editing_find(struct call *c, const struct editing *ed, struct bytes field, char *scratch,
                  struct hash_field *out)
{
    return ed->hash && hash_find(ed->hash, field, hash_moment(c, ed->hash), scratch, out);
}

bool editing_hides(struct call *c, const struct editing *ed, struct bytes field)
{
    char scratch[HASH_SCRATCH];
    struct hash_field f;

    return ed->hash && UNLIKELY(some_ended(c, ed->hash)) &&
           hash_find(ed->hash, field, HASH_EVER, scratch, &f) &&
           !editing_find(c, ed, field, scratch, &f);
}

bool editing_set(struct call *c, struct editing *ed, struct bytes field, struct bytes value,
                 int64_t expiry_ms)
{
    bool hidden = editing_hides(c, ed, field);

    if (!ed->hash)
        ed->hash = hash_new();
    if (hidden && expiry_ms == HASH_KEEP)
        expiry_ms = NO_EXPIRY;
    return hash_set(&ed->hash, field, value, expiry_ms, keyspace_limits(call_keyspace(c))) ||
           hidden;
}

void end_editing(struct call *c, const struct editing *ed, const char *event)
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

void end_taking(struct call *c, const struct editing *ed)
{
    entry_set_apart(ed->e, ed->hash);
    end_removal(c, ed->e, 1, "hdel", hash_count(ed->hash) == 0);
}

bool want_texts(struct call *c, int first)
{
    for (int i = first; i < c->argc; i++) {
        if (c->argv[i].len <= HASH_TEXT_MAX)
            continue;
        refuse(c, "ERR field or value is longer than a hash can hold");
        return false;
    }
    return true;
}

void reply_field(struct call *c, const struct hash *h, struct bytes field)
{
    char scratch[HASH_SCRATCH];
    struct hash_field f;

    if (h && hash_find(h, field, hash_moment(c, h), scratch, &f))
        reply_bulk(c->reply, f.value);
    else
        reply_null(c->reply);
}

bool want_fields(struct call *c, int at, const char *bad_count, struct field_args *out)
{
    int64_t count;

    if (at >= c->argc || !bytes_is_word(c->argv[at], "fields")) {
        refuse(c, "ERR Mandatory argument FIELDS is missing or not at the right position");
        return false;
    }
    if (at + 1 >= c->argc) {
        reply_errorf(c->reply, "ERR wrong number of arguments for '%s' command", c->cmd->name);
        call_no_effect(c);
        return false;
    }
    if (!want_range(c, at + 1, 1, INT64_MAX, bad_count, &count))
        return false;
    if (count != c->argc - at - 2) {
        refuse(c, "ERR The `numfields` parameter must match the number of arguments");
        return false;
    }
    *out = (struct field_args){ at + 2, (int)count };
    return true;
}

static bool refuse_deadline(struct call *c)
{
    reply_errorf(c->reply, "ERR invalid expire time in '%s' command", c->cmd->name);
    call_no_effect(c);
    return false;
}

bool want_field_deadline(struct call *c, int arg, bool seconds, bool relative, int64_t *out_ms)
{
    int64_t ms, from = relative ? (int64_t)keyspace_wall_ms(call_keyspace(c)) : 0;

    if (!want_i64(c, arg, &ms))
        return false;
    if (ms < 0) {
        refuse(c, "ERR invalid expire time, must be >= 0");
        return false;
    }
    if (seconds && ms > FIELD_DEADLINE_MAX / 1000)
        return refuse_deadline(c);
    ms *= seconds ? 1000 : 1;
    if (ms > FIELD_DEADLINE_MAX - from)
        return refuse_deadline(c);
    ms += from;
    *out_ms = ms ? ms : 1;
    return true;
}

void effect_fields(struct call *c, const struct bytes *words, int count, const struct bytes *fields,
                   int field_count)
{
    struct bytes *all = xmalloc((size_t)(count + field_count) * sizeof *all);

    for (int i = 0; i < count; i++)
        all[i] = words[i];
    for (int i = 0; i < field_count; i++)
        all[count + i] = fields[i];
    call_effect(c, count + field_count, all);
    xfree(all);
}

void effect_field_expiry(struct call *c, int64_t deadline_ms, const struct bytes *fields, int count)
{
    char ms[ENTRY_INT_TEXT], number[ENTRY_INT_TEXT];
    struct bytes words[] = { BYTES("HPEXPIREAT"),
                             c->argv[1],
                             { ms, fmt_i64(ms, deadline_ms) },
                             BYTES("FIELDS"),
                             { number, fmt_i64(number, count) } };

    effect_fields(c, words, ARRAY_LEN(words), fields, count);
}

void effect_fields_deleted(struct call *c, const struct bytes *fields, int count)
{
    effect_fields(c, (struct bytes[]){ BYTES("HDEL"), c->argv[1] }, 2, fields, count);
}
