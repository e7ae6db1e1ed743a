/*
 * stream_range - XRANGE and XREVRANGE, and what the handlers' files share: ids as arguments, entries as
 * replies.
 */
#include "common/alloc.h"
#include "node/types/arguments.h"
#include "node/types/stream_commands.h"

struct stream *stream_of(const struct entry *e)
{
    return entry_apart(e);
}

int64_t call_now_ms(const struct call *c)
{
    return (int64_t)keyspace_wall_ms(call_keyspace(c));
}

int64_t call_idle_ms(const struct call *c, int64_t since_ms)
{
    int64_t idle;

    if (__builtin_sub_overflow(call_now_ms(c), since_ms, &idle))
        return INT64_MAX;
    return idle < 0 ? 0 : idle;
}

void stream_event(struct call *c, const char *name, int key)
{
    keyspace_event(call_keyspace(c), NOTIFY_STREAM, name, c->db, c->argv[key]);
}

void stream_changed(struct call *c, struct entry *e, const char *event, int key)
{
    keyspace_changed(call_keyspace(c), c->db, e);
    if (event)
        stream_event(c, event, key);
}

void stream_noted(struct call *c, struct entry *e, const char *event, int key)
{
    keyspace_noted(call_keyspace(c), c->db, e);
    if (event)
        stream_event(c, event, key);
}

/* ---- arguments ---- */

static bool refuse_id(struct call *c)
{
    refuse(c, "ERR Invalid stream ID specified as stream command argument");
    return false;
}

bool want_stream_id(struct call *c, int arg, uint64_t missing_seq, struct stream_id *out)
{
    return stream_id_parse_strict(c->argv[arg], missing_seq, out) || refuse_id(c);
}

struct stream_id *want_stream_ids(struct call *c, int first, int count)
{
    struct stream_id *ids = xmalloc((size_t)count * sizeof *ids);

    for (int i = 0; i < count; i++) {
        if (want_stream_id(c, first + i, 0, &ids[i]))
            continue;
        xfree(ids);
        return NULL;
    }
    return ids;
}

static bool want_bound(struct call *c, int arg, uint64_t missing_seq,
                       bool (*inwards)(struct stream_id *), const char *refusal,
                       struct stream_id *out)
{
    struct bytes text = c->argv[arg];

    if (text.len < 2 || text.at[0] != '(')
        return stream_id_parse(text, missing_seq, out) || refuse_id(c);
    if (!stream_id_parse_strict((struct bytes){ text.at + 1, text.len - 1 }, missing_seq, out))
        return refuse_id(c);
    if (inwards(out))
        return true;
    refuse(c, refusal);
    return false;
}

bool want_stream_start(struct call *c, int arg, struct stream_id *out)
{
    return want_bound(c, arg, 0, stream_id_increase, "ERR invalid start ID for the interval", out);
}

bool want_stream_end(struct call *c, int arg, struct stream_id *out)
{
    return want_bound(c, arg, UINT64_MAX, stream_id_decrease, "ERR invalid end ID for the interval",
                      out);
}

void refuse_no_group(struct call *c, int key, int group)
{
    reply_errorf(c->reply, "NOGROUP No such key '%.*s' or consumer group '%.*s'",
                 SHOWN(c->argv[key]), SHOWN(c->argv[group]));
    call_no_effect(c);
}

struct stream_group *want_stream_group(struct call *c, int key, int group, struct entry **out_e)
{
    const struct entry *e = out_e ? call_write(c, key) : call_read(c, key, 0);
    struct stream_group *g;

    if (!want_type(c, e, VALUE_STREAM))
        return NULL;
    g = e ? stream_group_find(stream_of(e), c->argv[group]) : NULL;
    if (!g)
        refuse_no_group(c, key, group);
    else if (out_e)
        *out_e = (struct entry *)e;
    return g;
}

/* ---- replies ---- */

void reply_stream_id(struct call *c, struct stream_id id)
{
    char text[STREAM_ID_TEXT];

    reply_bulk(c->reply, (struct bytes){ text, fmt_stream_id(text, id) });
}

void reply_stream_entry(struct call *c, const struct stream_walk *w)
{
    struct stream_pairs pairs;
    struct bytes name, value;

    reply_array(c->reply, 2);
    reply_stream_id(c, w->entry.id);
    reply_array(c->reply, w->entry.fields * 2);
    stream_pairs_begin(&pairs, w->node, &w->entry);
    while (stream_pairs_next(&pairs, &name, &value)) {
        reply_bulk(c->reply, name);
        reply_bulk(c->reply, value);
    }
}

bool reply_stream_entry_at(struct call *c, const struct stream *s, struct stream_id id)
{
    struct stream_walk w;

    stream_walk_begin(&w, s, id, id, false);
    if (!stream_walk_next(&w))
        return false;
    reply_stream_entry(c, &w);
    return true;
}

void late_begin(struct call *c, struct late_reply *l)
{
    *l = (struct late_reply){ .real = c->reply->out };
    c->reply->out = &l->body;
}

void late_head(struct call *c, struct late_reply *l)
{
    c->reply->out = l->real;
}

void late_end(struct call *c, struct late_reply *l)
{
    out_move(c->reply->out, &l->body);
    out_fini(&l->body);
}

void late_end_array(struct call *c, struct late_reply *l, uint64_t count)
{
    late_head(c, l);
    reply_array(c->reply, count);
    late_end(c, l);
}

void reply_stream_range(struct call *c, const struct stream *s, struct stream_id from,
                        struct stream_id to, uint64_t count, bool down)
{
    struct late_reply entries;
    struct stream_walk w;
    uint64_t replied = 0;

    late_begin(c, &entries);
    stream_walk_begin(&w, s, from, to, down);
    while (stream_walk_next(&w)) {
        reply_stream_entry(c, &w);
        if (++replied == count)
            break;
    }
    late_end_array(c, &entries, replied);
}

/* ---- XRANGE, XREVRANGE ---- */

/* [COUNT n], again and again; less than nothing is nothing, -1 stays where it is not said. */
static bool want_range_count(struct call *c, int64_t *out)
{
    for (int i = 4; i < c->argc; i += 2) {
        if (!bytes_is_word(c->argv[i], "count") || i + 1 == c->argc) {
            refuse_syntax(c);
            return false;
        }
        if (!want_i64(c, i + 1, out))
            return false;
        if (*out < 0)
            *out = 0;
    }
    return true;
}

static void range(struct call *c, int start, int end, bool down)
{
    struct stream_id from, to;
    const struct entry *e;
    int64_t count = -1;

    if (!want_stream_start(c, start, &from) || !want_stream_end(c, end, &to) ||
        !want_range_count(c, &count))
        return;
    e = call_read(c, 1, 0);
    if (!want_type(c, e, VALUE_STREAM))
        return;
    if (!e)
        reply_array(c->reply, 0);
    else if (count == 0)
        reply_null_array(c->reply);
    else
        reply_stream_range(c, stream_of(e), from, to, count < 0 ? 0 : (uint64_t)count, down);
}

void cmd_xrange(struct call *c)
{
    range(c, 2, 3, false);
}

void cmd_xrevrange(struct call *c)
{
    range(c, 3, 2, true);
}
