/*
 * hash_expire - when fields end: HEXPIRE and its kin, HTTL and its kin, HPERSIST.
 *
 * Followers hear HPEXPIREAT with the fields whose expiry was set, and HDEL of those for which it lay in
 * the past.
 */
#include "common/alloc.h"
#include "node/types/hash_calls.h"
#include "node/types/hash_commands.h"

enum field_answer {
    FIELD_NOT_THERE = -2,
    FIELD_NO_EXPIRY = -1,
    FIELD_CONDITION = 0,
    FIELD_DONE = 1,
    FIELD_DELETED = 2,
};

static const char count_refusal[] = "ERR Number of fields must be a positive integer";
static const char hexpire_count_refusal[] = "ERR Parameter `numFields` should be greater than 0";

/* ---- HEXPIRE, HPEXPIRE, HEXPIREAT, HPEXPIREAT ---------------------------------------------------- */

/* A field without an expiry counts as one that never ends. */
static bool is_nx(int64_t had, int64_t ms)
{
    (void)ms;
    return had == NO_EXPIRY;
}

static bool is_xx(int64_t had, int64_t ms)
{
    (void)ms;
    return had != NO_EXPIRY;
}

static bool is_gt(int64_t had, int64_t ms)
{
    return had != NO_EXPIRY && ms > had;
}

static bool is_lt(int64_t had, int64_t ms)
{
    return had == NO_EXPIRY || ms < had;
}

typedef bool condition_fn(int64_t had, int64_t ms);

static condition_fn *condition_of(struct bytes word)
{
    static const struct {
        const char *word;
        condition_fn *fn;
    } conditions[] = { { "nx", is_nx }, { "xx", is_xx }, { "gt", is_gt }, { "lt", is_lt } };

    for (size_t i = 0; i < ARRAY_LEN(conditions); i++) {
        if (bytes_is_word(word, conditions[i].word))
            return conditions[i].fn;
    }
    return NULL;
}

struct expiring {
    struct editing ed;
    int64_t deadline_ms;
    bool past;
    condition_fn *condition; /* NULL: none */
    struct bytes *done;      /* the fields that were changed */
    int done_count;
};

static enum field_answer expire_field(struct call *c, struct expiring *x, struct bytes field)
{
    char scratch[HASH_SCRATCH];
    struct hash_field f;

    if (!editing_find(c, &x->ed, field, scratch, &f))
        return FIELD_NOT_THERE;
    if (x->condition && !x->condition(f.expiry_ms, x->deadline_ms))
        return FIELD_CONDITION;
    x->done[x->done_count++] = field;
    if (x->past) {
        hash_remove(&x->ed.hash, field);
        return FIELD_DELETED;
    }
    hash_set_expiry(&x->ed.hash, field, x->deadline_ms);
    return FIELD_DONE;
}

static void end_expiring(struct call *c, const struct expiring *x)
{
    if (!x->done_count) {
        call_no_effect(c);
    } else if (x->past) {
        end_taking(c, &x->ed);
        effect_fields_deleted(c, x->done, x->done_count);
    } else {
        end_editing(c, &x->ed, "hexpire");
        effect_field_expiry(c, x->deadline_ms, x->done, x->done_count);
    }
}

static void expire_fields(struct call *c, bool seconds, bool relative)
{
    struct expiring x = { 0 };
    struct field_args fields;
    int at = 3;

    if (!want_editing(c, &x.ed) || !want_field_deadline(c, 2, seconds, relative, &x.deadline_ms))
        return;
    x.condition = condition_of(c->argv[3]);
    if (x.condition)
        at++;
    if (!want_fields(c, at, hexpire_count_refusal, &fields))
        return;
    x.past = deadline_has_passed(c, x.deadline_ms);
    x.done = xmalloc((size_t)fields.count * sizeof *x.done);
    reply_array(c->reply, (size_t)fields.count);
    for (int i = 0; i < fields.count; i++)
        reply_int(c->reply, expire_field(c, &x, c->argv[fields.first + i]));
    end_expiring(c, &x);
    xfree(x.done);
}

void cmd_hexpire(struct call *c)
{
    expire_fields(c, true, true);
}

void cmd_hpexpire(struct call *c)
{
    expire_fields(c, false, true);
}

void cmd_hexpireat(struct call *c)
{
    expire_fields(c, true, false);
}

void cmd_hpexpireat(struct call *c)
{
    expire_fields(c, false, false);
}

/* ---- HTTL, HPTTL, HEXPIRETIME, HPEXPIRETIME ------------------------------------------------------- */

static void reply_times(struct call *c, bool seconds, bool relative)
{
    int64_t from = relative ? (int64_t)keyspace_wall_ms(call_keyspace(c)) : 0;
    struct field_args fields;
    const struct hash *h;

    if (!want_hash(c, &h) || !want_fields(c, 2, count_refusal, &fields))
        return;
    reply_array(c->reply, (size_t)fields.count);
    for (int i = 0; i < fields.count; i++) {
        char scratch[HASH_SCRATCH];
        struct hash_field f;
        int64_t ms;

        if (!h || !hash_find(h, c->argv[fields.first + i], hash_moment(c, h), scratch, &f)) {
            reply_int(c->reply, FIELD_NOT_THERE);
        } else if (f.expiry_ms == NO_EXPIRY) {
            reply_int(c->reply, FIELD_NO_EXPIRY);
        } else {
            ms = f.expiry_ms - from;
            reply_int(c->reply, seconds ? (ms + 999) / 1000 : ms);
        }
    }
}

void cmd_httl(struct call *c)
{
    reply_times(c, true, true);
}

void cmd_hpttl(struct call *c)
{
    reply_times(c, false, true);
}

void cmd_hexpiretime(struct call *c)
{
    reply_times(c, true, false);
}

void cmd_hpexpiretime(struct call *c)
{
    reply_times(c, false, false);
}

/* ---- HPERSIST ------------------------------------------------------------------------------------ */

static enum field_answer persist_field(struct call *c, struct editing *ed, struct bytes field)
{
    char scratch[HASH_SCRATCH];
    struct hash_field f;

    if (!editing_find(c, ed, field, scratch, &f))
        return FIELD_NOT_THERE;
    if (f.expiry_ms == NO_EXPIRY)
        return FIELD_NO_EXPIRY;
    hash_set_expiry(&ed->hash, field, NO_EXPIRY);
    return FIELD_DONE;
}

void cmd_hpersist(struct call *c)
{
    struct field_args fields;
    struct editing ed;
    bool changed = false;

    if (!want_editing(c, &ed) || !want_fields(c, 2, count_refusal, &fields))
        return;
    reply_array(c->reply, (size_t)fields.count);
    for (int i = 0; i < fields.count; i++) {
        enum field_answer answer = persist_field(c, &ed, c->argv[fields.first + i]);

        changed |= answer == FIELD_DONE;
        reply_int(c->reply, answer);
    }
    if (changed)
        end_editing(c, &ed, "hpersist");
    else
        call_no_effect(c);
}
