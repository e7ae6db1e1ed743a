/*
 * hash_ex - reading or setting fields and, in the same breath, when they end: HGETEX, HSETEX, HGETDEL.
 */
#include <limits.h>

#include "common/alloc.h"
#include "node/types/hash_calls.h"
#include "node/types/hash_commands.h"

static const char count_refusal[] = "ERR Number of fields must be a positive integer";

/* EX, PX, EXAT, PXAT. */
struct time_word {
    const char *word;
    bool seconds, relative;
};

static const struct time_word *time_word_of(struct bytes word)
{
    static const struct time_word words[] = { { "ex", true, true },
                                              { "px", false, true },
                                              { "exat", true, false },
                                              { "pxat", false, false } };

    for (size_t i = 0; i < ARRAY_LEN(words); i++) {
        if (bytes_is_word(word, words[i].word))
            return &words[i];
    }
    return NULL;
}

/* ---- HGETDEL --------------------------------------------------------------------------------------- */

void cmd_hgetdel(struct call *c)
{
    struct field_args fields;
    struct editing ed;
    bool taken = false;

    if (!want_editing(c, &ed) || !want_fields(c, 2, count_refusal, &fields))
        return;
    reply_array(c->reply, (size_t)fields.count);
    for (int i = 0; i < fields.count; i++) {
        struct bytes field = c->argv[fields.first + i];
        char scratch[HASH_SCRATCH];
        struct hash_field f;

        reply_field(c, ed.hash, field);
        if (editing_find(c, &ed, field, scratch, &f))
            taken |= hash_remove(&ed.hash, field);
    }
    if (!taken) {
        call_no_effect(c);
        return;
    }
    end_taking(c, &ed);
    effect_fields_deleted(c, c->argv + fields.first, fields.count);
}

/* ---- HGETEX ---------------------------------------------------------------------------------------- */

struct getex {
    struct editing ed;
    bool touches, persists, past;
    int64_t deadline_ms;
    struct field_args fields;
};

/* Redis reads the option where it must stand, and everything else as the word FIELDS. */
static bool want_getex(struct call *c, struct getex *x)
{
    const struct time_word *time = time_word_of(c->argv[2]);
    int at = 2;

    x->persists = bytes_is_word(c->argv[2], "persist");
    x->touches = time || x->persists;
    if (time) {
        if (!want_field_deadline(c, 3, time->seconds, time->relative, &x->deadline_ms))
            return false;
        x->past = deadline_has_passed(c, x->deadline_ms);
        at += 2;
    }
    return want_fields(c, at + x->persists, count_refusal, &x->fields);
}

/* True: it was changed. */
static bool touch_field(struct call *c, struct getex *x, struct bytes field)
{
    char scratch[HASH_SCRATCH];
    struct hash_field f;

    if (!x->touches || !editing_find(c, &x->ed, field, scratch, &f) ||
        (x->persists && f.expiry_ms == NO_EXPIRY))
        return false;
    if (x->past)
        hash_remove(&x->ed.hash, field);
    else
        hash_set_expiry(&x->ed.hash, field, x->persists ? NO_EXPIRY : x->deadline_ms);
    return true;
}

static void end_getex(struct call *c, const struct getex *x, const struct bytes *done, int count)
{
    char number[ENTRY_INT_TEXT];
    struct bytes persist[] = {
        BYTES("HPERSIST"), c->argv[1], BYTES("FIELDS"), { number, fmt_i64(number, count) }
    };

    if (!count) {
        call_no_effect(c);
    } else if (x->past) {
        end_taking(c, &x->ed);
        effect_fields_deleted(c, done, count);
    } else if (x->persists) {
        end_editing(c, &x->ed, "hpersist");
        effect_fields(c, persist, ARRAY_LEN(persist), done, count);
    } else {
        end_editing(c, &x->ed, "hexpire");
        effect_field_expiry(c, x->deadline_ms, done, count);
    }
}

void cmd_hgetex(struct call *c)
{
    struct getex x = { 0 };
    struct bytes *done;
    int count = 0;

    if (!want_editing(c, &x.ed) || !want_getex(c, &x))
        return;
    done = xmalloc((size_t)x.fields.count * sizeof *done);
    reply_array(c->reply, (size_t)x.fields.count);
    for (int i = 0; i < x.fields.count; i++) {
        struct bytes field = c->argv[x.fields.first + i];

        reply_field(c, x.ed.hash, field);
        if (touch_field(c, &x, field))
            done[count++] = field;
    }
    end_getex(c, &x, done, count);
    xfree(done);
}

/* ---- HSETEX ---------------------------------------------------------------------------------------- */

struct setex {
    struct editing ed;
    bool fnx, fxx, keeps, timed, past;
    int64_t expiry_ms; /* for editing_set */
    int first, pairs;
};

static bool refuse_arity(struct call *c)
{
    reply_errorf(c->reply, "ERR wrong number of arguments for '%s' command", c->cmd->name);
    call_no_effect(c);
    return false;
}

static bool refuse_with(struct call *c, const char *text)
{
    refuse(c, text);
    return false;
}

static bool want_pairs(struct call *c, int at, struct setex *x)
{
    int64_t count;

    if (at >= c->argc - 3)
        return refuse_arity(c);
    if (!want_range(c, at + 1, 1, INT_MAX, "ERR invalid number of fields", &count))
        return false;
    if (count * 2 != c->argc - at - 2)
        return refuse_arity(c);
    x->first = at + 2;
    x->pairs = (int)count;
    return true;
}

static bool want_option(struct call *c, int *at, struct setex *x)
{
    const struct time_word *time = time_word_of(c->argv[*at]);
    bool keeps = bytes_is_word(c->argv[*at], "keepttl");
    bool fnx = bytes_is_word(c->argv[*at], "fnx"), fxx = bytes_is_word(c->argv[*at], "fxx");

    if ((time || keeps) && (x->timed || x->keeps))
        return refuse_with(
            c, "ERR Only one of EX, PX, EXAT, PXAT or KEEPTTL arguments can be specified");
    if ((fnx || fxx) && (x->fnx || x->fxx))
        return refuse_with(c, "ERR Only one of FXX or FNX arguments can be specified");
    x->timed |= time != NULL;
    x->keeps |= keeps;
    x->fnx |= fnx;
    x->fxx |= fxx;
    if (keeps)
        x->expiry_ms = HASH_KEEP;
    if (keeps || fnx || fxx)
        return true;
    if (!time) {
        reply_errorf(c->reply, "ERR unknown argument: %.*s",
                     c->argv[*at].len > 128 ? 128 : (int)c->argv[*at].len, c->argv[*at].at);
        call_no_effect(c);
        return false;
    }
    if (*at + 1 >= c->argc)
        return refuse_with(c, "ERR missing expire time");
    return want_field_deadline(c, ++*at, time->seconds, time->relative, &x->expiry_ms);
}

static bool want_setex(struct call *c, struct setex *x)
{
    x->expiry_ms = NO_EXPIRY;
    for (int i = 2; i < c->argc; i++) {
        if (bytes_is_word(c->argv[i], "fields"))
            return want_pairs(c, i, x);
        if (!want_option(c, &i, x))
            return false;
    }
    return refuse_with(c, "ERR Mandatory argument FIELDS is missing or not at the right position");
}

/* FNX: none is there; FXX: all are. */
static bool condition_holds(struct call *c, const struct setex *x)
{
    for (int i = 0; i < x->pairs && (x->fnx || x->fxx); i++) {
        char scratch[HASH_SCRATCH];
        struct hash_field f;

        if (editing_find(c, &x->ed, c->argv[x->first + 2 * i], scratch, &f) != x->fxx)
            return false;
    }
    return true;
}

static void effect_setex(struct call *c, const struct setex *x)
{
    char ms[ENTRY_INT_TEXT], number[ENTRY_INT_TEXT];
    struct bytes words[6] = { BYTES("HSETEX"), c->argv[1] };
    int count = 2;

    if (x->timed) {
        words[count++] = BYTES("PXAT");
        words[count++] = (struct bytes){ ms, fmt_i64(ms, x->expiry_ms) };
    } else if (x->keeps) {
        words[count++] = BYTES("KEEPTTL");
    }
    words[count++] = BYTES("FIELDS");
    words[count++] = (struct bytes){ number, fmt_i64(number, x->pairs) };
    effect_fields(c, words, count, c->argv + x->first, 2 * x->pairs);
}

static void set_all(struct call *c, struct setex *x)
{
    for (int i = 0; i < x->pairs; i++)
        editing_set(c, &x->ed, c->argv[x->first + 2 * i], c->argv[x->first + 2 * i + 1],
                    x->expiry_ms);
    end_editing(c, &x->ed, "hset");
    if (x->timed)
        keyspace_event(call_keyspace(c), NOTIFY_HASH, "hexpire", c->db, c->argv[1]);
    effect_setex(c, x);
}

/* The fields would be gone as soon as they came: all that is left to do is to take them away. */
static void take_all(struct call *c, struct setex *x)
{
    struct bytes *taken = xmalloc((size_t)x->pairs * sizeof *taken);
    int count = 0;

    for (int i = 0; i < x->pairs && x->ed.hash; i++) {
        taken[count] = c->argv[x->first + 2 * i];
        count += hash_remove(&x->ed.hash, taken[count]);
    }
    if (count) {
        keyspace_event(call_keyspace(c), NOTIFY_HASH, "hset", c->db, c->argv[1]);
        end_taking(c, &x->ed);
        effect_fields_deleted(c, taken, count);
    } else {
        call_no_effect(c);
    }
    xfree(taken);
}

void cmd_hsetex(struct call *c)
{
    struct setex x = { 0 };

    if (!want_setex(c, &x) || !want_editing(c, &x.ed) || !want_texts(c, x.first))
        return;
    if (!condition_holds(c, &x)) {
        reply_int(c->reply, 0);
        call_no_effect(c);
        return;
    }
    if (x.timed && deadline_has_passed(c, x.expiry_ms))
        take_all(c, &x);
    else
        set_all(c, &x);
    reply_int(c->reply, 1);
}
