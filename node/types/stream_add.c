/*
 * stream_add - what changes a stream's entries and its ends: XADD, XTRIM, XDEL, XSETID; and XLEN.
 */
#include "common/alloc.h"
#include "node/types/arguments.h"
#include "node/types/stream_commands.h"

enum {
    TRIM_NODES = 100, /* as many an approximate trim takes at most, where it does not say */
    TRIM_LIMIT_DEFAULT = 10000, /* and where nodes have no limit */
    TRIM_LIMIT_MAX = 1000000,
};

/* ---- options of XADD and XTRIM ---- */

struct adding {
    bool trims, approximate, limited, no_make;
    int threshold; /* its argument */
    int64_t limit;
    struct stream_trim trim;
    int id_arg;
    struct stream_id id;
    bool id_given, seq_given;
};

static bool want_not_negative(struct call *c, int arg, const char *refusal, int64_t *out)
{
    if (!want_i64(c, arg, out))
        return false;
    if (*out >= 0)
        return true;
    refuse(c, refusal);
    return false;
}

/* MAXLEN or MINID at an argument that others follow; *at is then the last of its own. */
static bool want_trim(struct call *c, struct adding *a, bool by_id, int *at)
{
    int64_t length;

    if (a->trims) {
        refuse(c, "ERR syntax error, MAXLEN and MINID options at the same time are not compatible");
        return false;
    }
    a->trims = true;
    a->trim.by_id = by_id;
    if (*at + 2 < c->argc && bytes_is(c->argv[*at + 1], "~"))
        a->approximate = true;
    if (a->approximate || (*at + 2 < c->argc && bytes_is(c->argv[*at + 1], "=")))
        ++*at;
    a->threshold = ++*at;
    if (by_id)
        return want_stream_id(c, a->threshold, 0, &a->trim.id);
    if (!want_not_negative(c, a->threshold, "ERR The MAXLEN argument must be >= 0.", &length))
        return false;
    a->trim.length = (uint64_t)length;
    return true;
}

static bool want_limit(struct call *c, struct adding *a, int *at)
{
    a->limited = true;
    return want_not_negative(c, ++*at, "ERR The LIMIT argument must be >= 0.", &a->limit);
}

static bool want_new_id(struct call *c, struct adding *a, int at)
{
    bool open;

    a->id_arg = at;
    if (bytes_is(c->argv[at], "*"))
        return true;
    if (!stream_id_parse_open(c->argv[at], &a->id, &open)) {
        refuse(c, "ERR Invalid stream ID specified as stream command argument");
        return false;
    }
    a->id_given = true;
    a->seq_given = !open;
    return true;
}

/* One option; *at becomes its last argument. Of XADD what is none is the id. */
static bool want_option(struct call *c, struct adding *a, bool adds, int *at)
{
    struct bytes word = c->argv[*at];
    bool more = *at + 1 < c->argc;

    if (more && bytes_is_word(word, "maxlen"))
        return want_trim(c, a, false, at);
    if (more && bytes_is_word(word, "minid"))
        return want_trim(c, a, true, at);
    if (more && bytes_is_word(word, "limit"))
        return want_limit(c, a, at);
    if (adds && bytes_is_word(word, "nomkstream")) {
        a->no_make = true;
        return true;
    }
    if (adds)
        return want_new_id(c, a, *at);
    refuse_syntax(c);
    return false;
}

/* What an approximate trim takes at most; what came from the leader was made exact there. */
static bool want_limit_settled(struct call *c, struct adding *a)
{
    int64_t entries = keyspace_limits(call_keyspace(c))->stream_node_max_entries;

    a->trim.whole_nodes = a->approximate;
    if (c->from_leader)
        return true;
    if (a->limited && !a->approximate) {
        refuse(c, "ERR syntax error, LIMIT cannot be used without the special ~ option");
        return false;
    }
    if (!a->limited && a->approximate)
        a->limit = entries <= 0                            ? TRIM_LIMIT_DEFAULT
                   : entries > TRIM_LIMIT_MAX / TRIM_NODES ? TRIM_LIMIT_MAX
                                                           : entries * TRIM_NODES;
    a->trim.limit = (uint64_t)a->limit;
    return true;
}

static bool want_options(struct call *c, struct adding *a, bool adds)
{
    for (int at = 2; at < c->argc && !a->id_arg; at++) {
        if (!want_option(c, a, adds, &at))
            return false;
    }
    if (a->limit && !a->trims) {
        refuse(c, "ERR syntax error, LIMIT cannot be used without specifying a trimming strategy");
        return false;
    }
    if (!adds && !a->trims) {
        refuse(c, "ERR syntax error, XTRIM must be called with a trimming strategy");
        return false;
    }
    return want_limit_settled(c, a);
}

/* What followers do instead: an exact trim to what is left, and no id but the one it has. */
static void effect_made_exact(struct call *c, const struct adding *a, const struct stream *s,
                              struct bytes id)
{
    char threshold[STREAM_ID_TEXT];
    struct call_edit edits[3];
    struct stream_id first = STREAM_ID_MAX;
    int count = 0;

    if (a->approximate) {
        stream_first_trace(s, &first);
        edits[count++] = (struct call_edit){ a->threshold - 1, BYTES("=") };
        edits[count++] = (struct call_edit){
            a->threshold,
            { threshold,
              a->trim.by_id ? fmt_stream_id(threshold, first) : fmt_u64(threshold, s->length) },
        };
    }
    if (id.len && !a->seq_given)
        edits[count++] = (struct call_edit){ a->id_arg, id };
    if (count)
        call_effect_edited(c, edits, count);
}

/* ---- XADD ---- */

static bool want_fields(struct call *c, const struct adding *a)
{
    int left = c->argc - a->id_arg - 1;
    size_t bytes = 0;

    if (a->id_arg == 0 || left < 2 || left % 2) {
        reply_errorf(c->reply, "ERR wrong number of arguments for '%s' command", c->cmd->name);
        call_no_effect(c);
        return false;
    }
    if (a->seq_given && a->id.ms == 0 && a->id.seq == 0) {
        refuse(c, "ERR The ID specified in XADD must be greater than 0-0");
        return false;
    }
    for (int i = a->id_arg + 1; i < c->argc; i++)
        bytes += c->argv[i].len;
    if (bytes <= STREAM_ENTRY_BYTES_MAX)
        return true;
    refuse(c, "ERR Elements are too large to be stored");
    return false;
}

/* The id of the next entry of s, or of an empty stream where s is NULL. */
static bool want_next_id(struct call *c, struct adding *a, const struct stream *s)
{
    const struct stream none = { .length = 0 };
    bool behind;

    if (!s)
        s = &none;
    if (stream_id_cmp(s->last, STREAM_ID_MAX) == 0) {
        refuse(c, "ERR The stream has exhausted the last possible ID, unable to add more items");
        return false;
    }
    if (!a->id_given) {
        (void)stream_next_id(s, (uint64_t)call_now_ms(c), &a->id);
        return true;
    }
    behind = true;
    if (!a->seq_given && a->id.ms == s->last.ms) {
        a->id.seq = s->last.seq + 1;
        behind = s->last.seq != UINT64_MAX;
    }
    if (behind && stream_id_cmp(a->id, s->last) > 0)
        return true;
    refuse(c, "ERR The ID specified in XADD is equal or smaller than the target stream top item");
    return false;
}

static struct entry *make_stream(struct call *c, int key)
{
    struct value v = { .type = VALUE_STREAM, .form = FORM_APART, .apart = stream_new() };

    return keyspace_put(call_keyspace(c), c->db, c->argv[key], &v, NO_EXPIRY, call_door(c));
}

static void add(struct call *c, struct adding *a, struct entry *e)
{
    struct keyspace *ks = call_keyspace(c);
    struct stream *s;
    char text[STREAM_ID_TEXT];
    struct bytes id = { text, fmt_stream_id(text, a->id) };
    bool is_new = !e;

    if (is_new)
        e = make_stream(c, 1);
    s = stream_of(e);
    stream_append(s, a->id, c->argv + a->id_arg + 1, (uint64_t)(c->argc - a->id_arg - 1) / 2,
                  keyspace_limits(ks));
    reply_bulk(c->reply, id);
    if (!is_new)
        keyspace_changed(ks, c->db, e);
    stream_event(c, "xadd", 1);
    if (a->trims && stream_trim(s, &a->trim))
        stream_event(c, "xtrim", 1);
    effect_made_exact(c, a, s, id);
    keyspace_ready(ks, c->db, c->argv[1]);
}

void cmd_xadd(struct call *c)
{
    struct adding a = { .threshold = 0 };
    struct entry *e;

    if (!want_options(c, &a, true) || !want_fields(c, &a))
        return;
    e = call_write(c, 1);
    if (!want_type(c, e, VALUE_STREAM))
        return;
    if (!e && a.no_make) {
        reply_null(c->reply);
        call_no_effect(c);
        return;
    }
    if (want_next_id(c, &a, e ? stream_of(e) : NULL))
        add(c, &a, e);
}

/* ---- XTRIM, XDEL, XLEN ---- */

void cmd_xtrim(struct call *c)
{
    struct adding a = { .threshold = 0 };
    uint64_t gone = 0;
    struct entry *e;

    if (!want_options(c, &a, false))
        return;
    e = call_write(c, 1);
    if (!want_type(c, e, VALUE_STREAM))
        return;
    if (e)
        gone = stream_trim(stream_of(e), &a.trim);
    reply_int(c->reply, (int64_t)gone);
    if (!gone) {
        call_no_effect(c);
        return;
    }
    c->changes = gone;
    stream_changed(c, e, "xtrim", 1);
    effect_made_exact(c, &a, stream_of(e), (struct bytes){ NULL, 0 });
}

void cmd_xdel(struct call *c)
{
    struct entry *e = call_write(c, 1);
    struct stream_id *ids;
    uint64_t gone;

    if (!want_type(c, e, VALUE_STREAM))
        return;
    if (!e) {
        reply_int(c->reply, 0);
        call_no_effect(c);
        return;
    }
    ids = want_stream_ids(c, 2, c->argc - 2);
    if (!ids)
        return;
    gone = stream_delete(stream_of(e), ids, (size_t)c->argc - 2);
    xfree(ids);
    reply_int(c->reply, (int64_t)gone);
    c->changes = gone;
    if (gone)
        stream_changed(c, e, "xdel", 1);
    else
        call_no_effect(c);
}

void cmd_xlen(struct call *c)
{
    const struct entry *e = call_read(c, 1, 0);

    if (want_type(c, e, VALUE_STREAM))
        reply_int(c->reply, e ? (int64_t)stream_of(e)->length : 0);
}

/* ---- XSETID ---- */

struct setting_id {
    struct stream_id last, max_deleted;
    int64_t added; /* -1: not said */
};

static bool want_setting(struct call *c, struct setting_id *out)
{
    *out = (struct setting_id){ .added = -1 };
    if (!want_stream_id(c, 2, 0, &out->last))
        return false;
    for (int i = 3; i < c->argc; i += 2) {
        bool more = i + 1 < c->argc;

        if (more && bytes_is_word(c->argv[i], "entriesadded")) {
            if (!want_not_negative(c, i + 1, "ERR entries_added must be positive", &out->added))
                return false;
        } else if (more && bytes_is_word(c->argv[i], "maxdeletedid")) {
            if (!want_stream_id(c, i + 1, 0, &out->max_deleted))
                return false;
            if (stream_id_cmp(out->last, out->max_deleted) >= 0)
                continue;
            refuse(c, "ERR The ID specified in XSETID is smaller than the provided "
                      "max_deleted_entry_id");
            return false;
        } else {
            refuse_syntax(c);
            return false;
        }
    }
    return true;
}

static const char *why_not_set(const struct stream *s, const struct setting_id *set)
{
    struct stream_id top;

    if (stream_last(s, &top) && stream_id_cmp(set->last, top) < 0)
        return "ERR The ID specified in XSETID is smaller than the target stream top item";
    if (set->added >= 0 && s->length > (uint64_t)set->added)
        return "ERR The entries_added specified in XSETID is smaller than the target stream "
               "length";
    return NULL;
}

void cmd_xsetid(struct call *c)
{
    struct setting_id set;
    struct entry *e;
    struct stream *s;
    const char *why;

    if (!want_setting(c, &set))
        return;
    e = call_write(c, 1);
    if (!want_type(c, e, VALUE_STREAM))
        return;
    s = e ? stream_of(e) : NULL;
    why = e ? why_not_set(s, &set) : "ERR no such key";
    if (why) {
        refuse(c, why);
        return;
    }
    s->last = set.last;
    if (set.added >= 0)
        s->added = (uint64_t)set.added;
    if (stream_id_cmp(set.max_deleted, STREAM_ID_MIN) != 0)
        s->max_deleted = set.max_deleted;
    stream_noted(c, e, "xsetid", 1);
    reply_ok(c->reply);
}
