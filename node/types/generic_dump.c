/*
 * generic_dump - DUMP and RESTORE: a value as bytes, in the form that RDB files have.
 */
#include "common/alloc.h"
#include "common/log.h"
#include "node/persist/rdb_read.h"
#include "node/persist/rdb_write.h"
#include "node/types/arguments.h"
#include "node/types/generic.h"

void cmd_dump(struct call *c)
{
    const struct entry *e = call_read(c, 1, 0);
    char scratch[ENTRY_INT_TEXT];
    struct buf payload = { 0 };

    if (!e) {
        reply_null(c->reply);
        return;
    }
    if (entry_form(e) == FORM_APART)
        rdb_dump_apart(&payload, keyspace_type(call_keyspace(c), entry_type(e)), entry_apart(e));
    else
        rdb_dump_string(&payload, entry_text(e, scratch));
    reply_bulk(c->reply, buf_bytes(&payload));
    buf_fini(&payload);
}

/* ---- RESTORE ------------------------------------------------------------------------------- */

struct restore {
    bool replace, absolute;
    int64_t idle_seconds, frequency; /* -1: not said; never both */
    int64_t deadline_ms;
};

static bool want_within(struct call *c, int arg, int64_t min, int64_t max, const char *refusal,
                        int64_t *out)
{
    int64_t v;

    if (!want_i64(c, arg, &v))
        return false;
    if (v < min || v > max) {
        refuse(c, refusal);
        return false;
    }
    *out = v;
    return true;
}

static bool want_restore_options(struct call *c, struct restore *r)
{
    *r = (struct restore){ .idle_seconds = -1, .frequency = -1 };
    for (int i = 4; i < c->argc; i++) {
        bool more = i + 1 < c->argc;

        if (bytes_is_word(c->argv[i], "replace")) {
            r->replace = true;
        } else if (bytes_is_word(c->argv[i], "absttl")) {
            r->absolute = true;
        } else if (bytes_is_word(c->argv[i], "idletime") && more && r->frequency < 0) {
            if (!want_within(c, ++i, 0, INT64_MAX, "ERR Invalid IDLETIME value, must be >= 0",
                             &r->idle_seconds))
                return false;
        } else if (bytes_is_word(c->argv[i], "freq") && more && r->idle_seconds < 0) {
            if (!want_within(c, ++i, 0, 255, "ERR Invalid FREQ value, must be >= 0 and <= 255",
                             &r->frequency))
                return false;
        } else {
            refuse_syntax(c);
            return false;
        }
    }
    return true;
}

static bool want_restore_deadline(struct call *c, struct restore *r)
{
    const int64_t now = (int64_t)keyspace_wall_ms(call_keyspace(c));
    int64_t ttl;

    if (!want_within(c, 2, 0, INT64_MAX, "ERR Invalid TTL value, must be >= 0", &ttl))
        return false;
    r->deadline_ms = ttl == 0 ? NO_EXPIRY : ttl;
    if (ttl && !r->absolute && __builtin_add_overflow(ttl, now, &r->deadline_ms)) {
        refuse(c, "ERR Invalid TTL value, must be >= 0");
        return false;
    }
    return true;
}

static bool want_payload(struct call *c, struct buf *scratch, struct value *out)
{
    struct errmsg why;
    enum err e = rdb_restore(call_keyspace(c), c->argv[3], scratch, out, &why);

    if (e == OK) {
        if (out->form == FORM_TEXT)
            *out = value_of_text(out->text);
        return true;
    }
    if (e != ERR_CORRUPT)
        log_warning("restore-refused why=\"%s\"", why.text);
    refuse(c, e == ERR_CORRUPT ? "ERR DUMP payload version or checksum are wrong"
                               : "ERR Bad data format");
    return false;
}

/* The same with an absolute deadline, and with every option that was meant. */
static void effect_restore(struct call *c, const struct restore *r)
{
    char ttl[ENTRY_INT_TEXT], number[ENTRY_INT_TEXT];
    struct bytes words[9] = { BYTES("RESTORE"),
                              c->argv[1],
                              { ttl,
                                fmt_i64(ttl, r->deadline_ms == NO_EXPIRY ? 0 : r->deadline_ms) },
                              c->argv[3],
                              BYTES("ABSTTL") };
    int count = 5;

    if (r->replace)
        words[count++] = BYTES("REPLACE");
    if (r->idle_seconds >= 0 || r->frequency >= 0) {
        bool idle = r->idle_seconds >= 0;

        words[count++] = idle ? BYTES("IDLETIME") : BYTES("FREQ");
        words[count++] =
            (struct bytes){ number, fmt_i64(number, idle ? r->idle_seconds : r->frequency) };
    }
    call_effect(c, count, words);
}

static void drop(struct call *c, const struct value *v)
{
    if (v->form == FORM_APART)
        keyspace_type(call_keyspace(c), v->type)->free(v->apart);
}

/* The key would be gone as soon as it came: all that is left to do is to replace. */
static void restore_nothing(struct call *c, const struct restore *r)
{
    if (r->replace && keyspace_delete(call_keyspace(c), c->db, c->argv[1], call_door(c))) {
        generic_event(c, "del", 1);
        effect_delete(c, 1);
    } else {
        call_no_effect(c);
    }
    reply_ok(c->reply);
}

static void restore_value(struct call *c, const struct restore *r, const struct value *v)
{
    struct keyspace *ks = call_keyspace(c);
    struct entry *e = keyspace_put(ks, c->db, c->argv[1], v, r->deadline_ms, call_door(c));

    keyspace_set_attributes(ks, e, r->idle_seconds, (int)r->frequency);
    generic_event(c, "restore", 1);
    if (!r->absolute)
        effect_restore(c, r);
    reply_ok(c->reply);
}

void cmd_restore(struct call *c)
{
    struct buf scratch = { 0 };
    struct restore r;
    struct value v;

    if (!want_restore_options(c, &r))
        return;
    if (!r.replace && call_write(c, 1)) {
        refuse(c, "BUSYKEY Target key name already exists.");
        return;
    }
    if (want_restore_deadline(c, &r) && want_payload(c, &scratch, &v)) {
        if (r.deadline_ms != NO_EXPIRY && deadline_has_passed(c, r.deadline_ms)) {
            drop(c, &v);
            restore_nothing(c, &r);
        } else {
            restore_value(c, &r, &v);
        }
    }
    buf_fini(&scratch);
}
