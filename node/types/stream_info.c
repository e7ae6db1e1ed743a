/*
 * stream_info - XINFO: what there is to know of a stream, its groups and their consumers.
 */
#include "node/types/arguments.h"
#include "node/types/stream_commands.h"

static void refuse_use(struct call *c)
{
    enum { WORD_MAX = 128 };
    struct bytes word = c->argv[1];

    word.len = word.len < WORD_MAX ? word.len : WORD_MAX;
    reply_errorf(c->reply,
                 "ERR unknown subcommand or wrong number of arguments for '%.*s'. Try XINFO HELP.",
                 SHOWN(word));
}

/* NULL: refused. */
static const struct stream *want_stream(struct call *c)
{
    const struct entry *e = call_read(c, 2, 0);

    if (!e)
        refuse(c, "ERR no such key");
    return e && want_type(c, e, VALUE_STREAM) ? stream_of(e) : NULL;
}

static void field_int(struct call *c, const char *name, uint64_t v)
{
    reply_text(c->reply, name);
    reply_int(c->reply, (int64_t)v);
}

static void field_id(struct call *c, const char *name, struct stream_id id)
{
    reply_text(c->reply, name);
    reply_stream_id(c, id);
}

static void field_name(struct call *c, struct bytes name)
{
    reply_text(c->reply, "name");
    reply_bulk(c->reply, name);
}

/* ---- the nodes of a radix tree ---- */

/*
 * Redis keeps a stream's nodes in a radix tree by the sixteen bytes of their first ids, and tells how many
 * nodes that has. It has one for each id's end, one where ids part, and one for each run of bytes in between,
 * of which a node where ids part holds the first byte.
 */
enum { KEY_BYTES = STREAM_ID_BYTES, COUNTED_MAX = 10000 };

static int common_bytes(struct stream_id a, struct stream_id b)
{
    if (a.ms != b.ms)
        return __builtin_clzll(a.ms ^ b.ms) / 8;
    return 8 + __builtin_clzll(a.seq ^ b.seq) / 8;
}

/* What ends at a depth, below a parting at another (-1: the top), with the run between them. */
static uint64_t with_run(int depth, int parting)
{
    return 1 + (depth > parting + 1);
}

struct partings {
    int depths[KEY_BYTES + 1];
    int count;
    uint64_t nodes;
};

/* The next two ids part at this depth (-1: there is no next): deeper partings are over. */
static void part_at(struct partings *p, int depth)
{
    while (p->count && p->depths[p->count - 1] > depth) {
        int over = p->depths[--p->count];
        int above = p->count ? p->depths[p->count - 1] : -1;

        p->nodes += with_run(over, above > depth ? above : depth);
    }
    if (depth >= 0 && (p->count == 0 || p->depths[p->count - 1] < depth))
        p->depths[p->count++] = depth;
}

static struct stream_id node_id(const struct stream *s, uint64_t rank)
{
    return ((const struct stream_node *)ranking_at(&s->nodes, rank))->id;
}

/* Exact up to some thousand; beyond, as many more as there are more ids. */
static uint64_t radix_nodes(const struct stream *s)
{
    uint64_t keys = s->nodes.count < COUNTED_MAX ? s->nodes.count : COUNTED_MAX;
    struct partings p = { .count = 0 };
    int before = -1;

    if (keys == 0)
        return 1;
    for (uint64_t i = 0; i < keys; i++) {
        int after = i + 1 < keys ? common_bytes(node_id(s, i), node_id(s, i + 1)) : -1;

        p.nodes += with_run(KEY_BYTES, before > after ? before : after);
        part_at(&p, after);
        before = after;
    }
    return p.nodes * s->nodes.count / keys;
}

/* ---- XINFO STREAM ---- */

static void reply_edge(struct call *c, const char *name, const struct stream *s, bool last)
{
    struct stream_walk w;

    reply_text(c->reply, name);
    stream_walk_begin(&w, s, STREAM_ID_MIN, STREAM_ID_MAX, last);
    if (stream_walk_next(&w))
        reply_stream_entry(c, &w);
    else
        reply_null(c->reply);
}

static void reply_ends(struct call *c, const struct stream *s)
{
    field_int(c, "length", s->length);
    field_int(c, "radix-tree-keys", s->nodes.count);
    field_int(c, "radix-tree-nodes", radix_nodes(s));
    field_id(c, "last-generated-id", s->last);
    field_id(c, "max-deleted-entry-id", s->max_deleted);
    field_int(c, "entries-added", s->added);
    field_id(c, "recorded-first-entry-id", s->first);
}

static void reply_progress(struct call *c, const struct stream *s, const struct stream_group *g)
{
    int64_t lag;

    field_id(c, "last-delivered-id", g->last);
    reply_text(c->reply, "entries-read");
    if (g->read == READ_UNKNOWN)
        reply_null(c->reply);
    else
        reply_int(c->reply, g->read);
    reply_text(c->reply, "lag");
    if (stream_group_lag(s, g, &lag))
        reply_int(c->reply, lag);
    else
        reply_null(c->reply);
}

/* What is pending, up to count of it (0: all), of a group or of one consumer. */
static void reply_pending(struct call *c, const struct ranking *pending, uint64_t count,
                          bool with_owner)
{
    uint64_t shown = count && count < pending->count ? count : pending->count;

    field_int(c, "pel-count", pending->count);
    reply_text(c->reply, "pending");
    reply_array(c->reply, shown);
    for (uint64_t i = 0; i < shown; i++) {
        const struct stream_pending *p = stream_pending_at(pending, i);

        reply_array(c->reply, with_owner ? 4 : 3);
        reply_stream_id(c, p->id);
        if (with_owner)
            reply_bulk(c->reply, stream_consumer_name(p->owner));
        reply_int(c->reply, p->delivered_ms);
        reply_int(c->reply, (int64_t)p->deliveries);
    }
}

static void reply_full_group(struct call *c, const struct stream *s, const struct stream_group *g,
                             uint64_t count)
{
    reply_map(c->reply, 7);
    field_name(c, stream_group_name(g));
    reply_progress(c, s, g);
    reply_pending(c, &g->pending, count, true);
    reply_text(c->reply, "consumers");
    reply_array(c->reply, g->consumers.count);
    for (uint64_t i = 0; i < g->consumers.count; i++) {
        const struct stream_consumer *who = stream_consumer_at(g, i);

        reply_map(c->reply, 4);
        field_name(c, stream_consumer_name(who));
        reply_text(c->reply, "seen-time");
        reply_int(c->reply, who->seen_ms);
        reply_pending(c, &who->pending, count, false);
    }
}

static void reply_full(struct call *c, const struct stream *s, uint64_t count)
{
    reply_map(c->reply, 9);
    reply_ends(c, s);
    reply_text(c->reply, "entries");
    reply_stream_range(c, s, STREAM_ID_MIN, STREAM_ID_MAX, count, false);
    reply_text(c->reply, "groups");
    reply_array(c->reply, s->groups.count);
    for (uint64_t i = 0; i < s->groups.count; i++)
        reply_full_group(c, s, stream_group_at(s, i), count);
}

static void reply_short(struct call *c, const struct stream *s)
{
    reply_map(c->reply, 10);
    reply_ends(c, s);
    field_int(c, "groups", s->groups.count);
    reply_edge(c, "first-entry", s, false);
    reply_edge(c, "last-entry", s, true);
}

/* [FULL [COUNT n]] */
static bool want_full_count(struct call *c, int64_t *out)
{
    enum { FULL_COUNT = 10 };

    *out = FULL_COUNT;
    if ((c->argc != 4 && c->argc != 6) || !bytes_is_word(c->argv[3], "full") ||
        (c->argc == 6 && !bytes_is_word(c->argv[4], "count"))) {
        refuse_use(c);
        return false;
    }
    if (c->argc == 6 && !want_i64(c, 5, out))
        return false;
    *out = *out < 0 ? FULL_COUNT : *out;
    return true;
}

void cmd_xinfo_stream(struct call *c)
{
    const struct stream *s = want_stream(c);
    int64_t count;

    if (!s)
        return;
    if (c->argc == 3)
        reply_short(c, s);
    else if (want_full_count(c, &count))
        reply_full(c, s, (uint64_t)count);
}

/* ---- XINFO GROUPS, CONSUMERS ---- */

void cmd_xinfo_groups(struct call *c)
{
    const struct stream *s = want_stream(c);

    if (!s)
        return;
    reply_array(c->reply, s->groups.count);
    for (uint64_t i = 0; i < s->groups.count; i++) {
        const struct stream_group *g = stream_group_at(s, i);

        reply_map(c->reply, 6);
        field_name(c, stream_group_name(g));
        field_int(c, "consumers", g->consumers.count);
        field_int(c, "pending", g->pending.count);
        reply_progress(c, s, g);
    }
}

void cmd_xinfo_consumers(struct call *c)
{
    const struct stream *s = want_stream(c);
    const struct stream_group *g = s ? stream_group_find(s, c->argv[3]) : NULL;

    if (!s)
        return;
    if (!g) {
        reply_errorf(c->reply, "NOGROUP No such consumer group '%.*s' for key name '%.*s'",
                     SHOWN(c->argv[3]), SHOWN(c->argv[2]));
        return;
    }
    reply_array(c->reply, g->consumers.count);
    for (uint64_t i = 0; i < g->consumers.count; i++) {
        const struct stream_consumer *who = stream_consumer_at(g, i);
        reply_map(c->reply, 3);
        field_name(c, stream_consumer_name(who));
        field_int(c, "pending", who->pending.count);
        reply_text(c->reply, "idle");
        reply_int(c->reply, call_idle_ms(c, who->seen_ms));
    }
}
