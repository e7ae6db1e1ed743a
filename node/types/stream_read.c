/*
 * stream_read - XREAD and XREADGROUP: what came behind an id, from several streams, and waiting for it.
 *
 * A call that waits leaves the ids it has made of "$" in its note, since they mean the moment of the first try. It
 * is tried again when one of its keys is ready, and then answers of that key alone.
 */
#include <string.h>

#include "common/alloc.h"
#include "node/types/arguments.h"
#include "node/types/stream_commands.h"
#include "node/types/waiting.h"

enum { WAITING_COUNT = 1000 }; /* entries for who has waited and did not say how many */

struct reading {
    bool grouped, noack;
    int group, consumer; /* arguments */
    int first, streams;  /* keys from an argument on; as many ids follow */
    int64_t count;       /* 0: all */
    bool waits;
    uint64_t timeout_ms;
    struct stream_id *ids; /* STREAM_ID_MAX: ">" */
};

/* ---- arguments ---- */

static bool want_timeout_ms(struct call *c, int arg, uint64_t *out)
{
    int64_t v;

    if (!want_range(c, arg, INT64_MIN, INT64_MAX, "ERR timeout is not an integer or out of range",
                    &v))
        return false;
    if (v < 0) {
        refuse(c, "ERR timeout is negative");
        return false;
    }
    if (v > INT64_MAX - call_now_ms(c)) {
        refuse(c, "ERR timeout is out of range");
        return false;
    }
    *out = (uint64_t)v;
    return true;
}

static bool refuse_group_word(struct call *c, const char *word)
{
    reply_errorf(c->reply,
                 "ERR The %s option is only supported by XREADGROUP. You called XREAD instead.",
                 word);
    return false;
}

static bool want_streams(struct call *c, struct reading *r, int at)
{
    int left = c->argc - at - 1;

    if (left % 2) {
        refuse(c, "ERR Unbalanced XREAD list of streams: for each stream key an ID or '$' must be "
                  "specified.");
        return false;
    }
    r->first = at + 1;
    r->streams = left / 2;
    return true;
}

static bool refuse_in_script(struct call *c)
{
    reply_errorf(c->reply, "ERR %.*s command is not allowed with BLOCK option from scripts",
                 (int)c->argv[0].len, c->argv[0].at);
    call_no_effect(c);
    return false;
}

/* One option; *at becomes its last argument. */
static bool want_option(struct call *c, struct reading *r, int *at)
{
    struct bytes word = c->argv[*at];
    int more = c->argc - *at - 1;

    if (more && bytes_is_word(word, "block")) {
        if (c->in_script)
            return refuse_in_script(c);
        r->waits = true;
        return want_timeout_ms(c, ++*at, &r->timeout_ms);
    }
    if (more && bytes_is_word(word, "count")) {
        if (!want_i64(c, ++*at, &r->count))
            return false;
        r->count = r->count < 0 ? 0 : r->count;
        return true;
    }
    if (more && bytes_is_word(word, "streams"))
        return want_streams(c, r, *at);
    if (more >= 2 && bytes_is_word(word, "group")) {
        r->group = *at + 1;
        r->consumer = *at + 2;
        *at += 2;
        return r->grouped || refuse_group_word(c, "GROUP");
    }
    if (bytes_is_word(word, "noack")) {
        r->noack = true;
        return r->grouped || refuse_group_word(c, "NOACK");
    }
    refuse_syntax(c);
    return false;
}

static bool want_reading(struct call *c, struct reading *r)
{
    for (int at = 1; at < c->argc && !r->first; at++) {
        if (!want_option(c, r, &at))
            return false;
    }
    if (!r->first) {
        refuse_syntax(c);
        return false;
    }
    if (r->grouped && !r->group) {
        refuse(c, "ERR Missing GROUP option for XREADGROUP");
        return false;
    }
    return true;
}

static bool refuse_special(struct call *c, const char *text)
{
    refuse(c, text);
    return false;
}

/* "$": what is there now is old. */
static bool want_end_id(struct call *c, const struct reading *r, const struct stream *s,
                        struct stream_id *out)
{
    *out = s ? s->last : STREAM_ID_MIN;
    return !r->grouped ||
           refuse_special(c, "ERR The $ ID is meaningless in the context of XREADGROUP: you want "
                             "to read the history of this consumer by specifying a proper ID, or "
                             "use the > ID to get new messages. The $ ID would just return an "
                             "empty result set.");
}

/* "+": the last entry that is there, and none before it. */
static bool want_last_id(struct call *c, const struct reading *r, const struct stream *s,
                         struct stream_id *out)
{
    *out = STREAM_ID_MIN;
    if (s && stream_last(s, out))
        stream_id_decrease(out);
    return !r->grouped ||
           refuse_special(c, "ERR The + ID is meaningless in the context of XREADGROUP: you want "
                             "to read the history of this consumer by specifying a proper ID, or "
                             "use the > ID to get new messages. The + ID would just return an "
                             "empty result set.");
}

static bool want_new_id(struct call *c, const struct reading *r, struct stream_id *out)
{
    *out = STREAM_ID_MAX;
    return r->grouped || refuse_special(c, "ERR The > ID can be specified only when calling "
                                           "XREADGROUP using the GROUP <group> <consumer> option.");
}

static bool want_id(struct call *c, const struct reading *r, int i)
{
    int arg = r->first + r->streams + i;
    const struct entry *e = call_read(c, r->first + i, 0);
    const struct stream *s;

    if (!want_type(c, e, VALUE_STREAM))
        return false;
    s = e ? stream_of(e) : NULL;
    if (r->grouped && (!s || !stream_group_find(s, c->argv[r->group]))) {
        reply_errorf(c->reply,
                     "NOGROUP No such key '%.*s' or consumer group '%.*s' in XREADGROUP with GROUP "
                     "option",
                     SHOWN(c->argv[r->first + i]), SHOWN(c->argv[r->group]));
        call_no_effect(c);
        return false;
    }
    if (bytes_is(c->argv[arg], "$"))
        return want_end_id(c, r, s, &r->ids[i]);
    if (bytes_is(c->argv[arg], "+"))
        return want_last_id(c, r, s, &r->ids[i]);
    if (bytes_is(c->argv[arg], ">"))
        return want_new_id(c, r, &r->ids[i]);
    return want_stream_id(c, arg, 0, &r->ids[i]);
}

static bool want_ids(struct call *c, const struct reading *r)
{
    for (int i = 0; i < r->streams; i++) {
        if (!want_id(c, r, i))
            return false;
    }
    return true;
}

/* ---- serving one stream ---- */

/* Who has waited is told that something came, even if it is gone again. */
static bool has_entries(const struct stream *s, struct stream_id after)
{
    struct stream_id last;

    return stream_last(s, &last) && stream_id_cmp(last, after) > 0;
}

static bool has_news(const struct call *c, const struct stream *s, struct stream_id after)
{
    return stream_id_cmp(s->last, after) > 0 && (c->woken || has_entries(s, after));
}

static void reply_stream_name(struct call *c, const struct reading *r, int i)
{
    if (c->reply->proto < 3)
        reply_array(c->reply, 2);
    reply_bulk(c->reply, c->argv[r->first + i]);
}

/* Whatever stood there before, the entry is this consumer's now. */
static void deliver(struct call *c, const struct reading *r, int i, struct stream *s,
                    struct stream_group *g, struct stream_consumer *to, struct stream_id id)
{
    struct stream_pending *p = stream_pending_find(&g->pending, id);
    int64_t now_ms = call_now_ms(c);

    if (p) {
        stream_pending_give(s, p, to);
        p->delivered_ms = now_ms;
        p->deliveries = 1;
    } else {
        p = stream_pending_add(s, g, id, to, now_ms);
    }
    effect_claim(c, r->first + i, r->group, g, p);
}

static void reply_news(struct call *c, const struct reading *r, int i, struct stream *s,
                       struct stream_group *g, struct stream_consumer *to)
{
    struct stream_id from = g->last;
    struct late_reply entries;
    struct stream_walk w;
    int64_t replied = 0;

    (void)stream_id_increase(&from);
    late_begin(c, &entries);
    stream_walk_begin(&w, s, from, STREAM_ID_MAX, false);
    while (stream_walk_next(&w)) {
        stream_group_pass(s, g, w.entry.id);
        reply_stream_entry(c, &w);
        if (!r->noack)
            deliver(c, r, i, s, g, to, w.entry.id);
        if (++replied == r->count)
            break;
    }
    if (replied && r->noack) /* else each XCLAIM has said how far */
        effect_group_position(c, r->first + i, r->group, g);
    late_end_array(c, &entries, (uint64_t)replied);
}

/* What this consumer has not acknowledged; of what was deleted meanwhile only the id. */
static void reply_history(struct call *c, const struct reading *r, struct stream_id after,
                          const struct stream *s, const struct stream_consumer *of)
{
    uint64_t rank;
    struct late_reply entries;
    int64_t replied = 0;

    rank =
        stream_id_increase(&after) ? stream_pending_rank(&of->pending, after) : of->pending.count;
    late_begin(c, &entries);
    for (; rank < of->pending.count && (!r->count || replied < r->count); rank++, replied++) {
        struct stream_pending *p = stream_pending_at(&of->pending, rank);

        if (reply_stream_entry_at(c, s, p->id)) {
            p->delivered_ms = call_now_ms(c);
            p->deliveries++;
        } else {
            reply_array(c->reply, 2);
            reply_stream_id(c, p->id);
            reply_null_array(c->reply);
        }
    }
    late_end_array(c, &entries, (uint64_t)replied);
}

/* False: nothing to say of this stream. */
static bool serve_grouped(struct call *c, const struct reading *r, int i)
{
    bool news = stream_id_cmp(r->ids[i], STREAM_ID_MAX) == 0;
    struct entry *e = call_write(c, r->first + i);
    struct stream *s = stream_of(e);
    struct stream_group *g = stream_group_find(s, c->argv[r->group]);
    struct stream_consumer *who;
    bool claims = news && !r->noack && has_entries(s, g->last), is_new;

    if (news && !has_news(c, s, g->last))
        return false;
    reply_stream_name(c, r, i);
    who = stream_consumer_for(c, s, g, r->first + i, c->argv[r->consumer], &is_new);
    if (is_new && !claims) /* else an XCLAIM makes it */
        effect_consumer(c, r->first + i, r->group, r->consumer);
    if (news)
        reply_news(c, r, i, s, g, who);
    else
        reply_history(c, r, r->ids[i], s, who);
    stream_noted(c, e, NULL, r->first + i);
    return true;
}

static bool serve_plain(struct call *c, const struct reading *r, int i)
{
    const struct entry *e = call_read(c, r->first + i, DOOR_NO_STATS);
    struct stream_id from = r->ids[i];

    if (!e || !has_news(c, stream_of(e), from))
        return false;
    (void)stream_id_increase(&from);
    reply_stream_name(c, r, i);
    reply_stream_range(c, stream_of(e), from, STREAM_ID_MAX, (uint64_t)r->count, false);
    return true;
}

/* Streams from one to another that have something; false: none, and no reply. */
static bool serve(struct call *c, const struct reading *r, int from, int end)
{
    struct late_reply streams;
    uint64_t served = 0;

    late_begin(c, &streams);
    for (int i = from; i < end; i++)
        served += r->grouped ? serve_grouped(c, r, i) : serve_plain(c, r, i);
    late_head(c, &streams);
    if (served && c->reply->proto > 2)
        reply_map(c->reply, served);
    else if (served)
        reply_array(c->reply, served);
    late_end(c, &streams);
    return served;
}

/* ---- waiting ---- */

static void wait_or_nothing(struct call *c, const struct reading *r)
{
    if (r->waits)
        nothing_or_wait(c, r->first, r->first + r->streams - 1, r->timeout_ms);
    else
        reply_null_array(c->reply);
}

static void first_try(struct call *c, const struct reading *r)
{
    if (!want_ids(c, r) || serve(c, r, 0, r->streams))
        return;
    wait_or_nothing(c, r);
    if (c->intents & INTENT_BLOCK_KEYS)
        buf_append(c->note, r->ids, (size_t)r->streams * sizeof *r->ids);
}

/* What became of a group that somebody waits for; NULL: it is still there. */
static const char *why_no_group(struct call *c, const struct reading *r, int i)
{
    const struct entry *e = call_read(c, r->first + i, DOOR_NO_STATS);

    if (!e || entry_type(e) != VALUE_STREAM)
        return "UNBLOCKED the stream key no longer exists";
    if (!stream_group_find(stream_of(e), c->argv[r->group]))
        return "NOGROUP the consumer group this client was blocked on no longer exists";
    return NULL;
}

/* The first of its keys that is the one which is ready. */
static int ready_stream(const struct call *c, const struct reading *r)
{
    int i = 0;

    while (i < r->streams && !bytes_eq(c->argv[r->first + i], c->woken_by))
        i++;
    return i;
}

static void try_again(struct call *c, struct reading *r)
{
    int i = ready_stream(c, r);
    const char *why = NULL;
    const struct entry *e;

    ASSERT(c->note->len == (size_t)r->streams * sizeof *r->ids);
    memcpy(r->ids, c->note->at, c->note->len);
    if (!r->count)
        r->count = WAITING_COUNT;
    if (i < r->streams && r->grouped)
        why = why_no_group(c, r, i);
    if (why) {
        refuse(c, why);
        return;
    }
    e = i < r->streams ? call_read(c, r->first + i, DOOR_NO_STATS) : NULL;
    if (!e || entry_type(e) != VALUE_STREAM || !serve(c, r, i, i + 1))
        wait_or_nothing(c, r);
}

static void read_streams(struct call *c, bool grouped)
{
    struct reading r = { .grouped = grouped };

    if (grouped)
        call_no_effect(c); /* but for what is said in so many words */
    if (!want_reading(c, &r))
        return;
    r.ids = xmalloc((size_t)r.streams * sizeof *r.ids);
    if (!c->woken)
        first_try(c, &r);
    else if (c->denies_blocking)
        reply_null_array(c->reply); /* time is up */
    else
        try_again(c, &r);
    xfree(r.ids);
}

void cmd_xread(struct call *c)
{
    read_streams(c, false);
}

void cmd_xreadgroup(struct call *c)
{
    read_streams(c, true);
}
