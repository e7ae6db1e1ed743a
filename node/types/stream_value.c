/*
 * stream_value - streams as the keyspace, DEBUG DIGEST and RDB see them.
 */
#include <endian.h>

#include "common/alloc.h"
#include "node/persist/rdb_stream.h"
#include "node/persist/rdb_write.h"
#include "node/types/digest.h"
#include "node/types/stream_group.h"

static void ops_free(void *apart)
{
    stream_free(apart);
}

static void *ops_copy(const void *apart)
{
    return stream_copy(apart);
}

static size_t ops_bytes(const void *apart)
{
    const struct stream *s = apart;

    return alloc_size(s) + s->nodes.bytes + s->node_bytes + s->group_bytes;
}

static size_t ops_length(const void *apart)
{
    return ((const struct stream *)apart)->length;
}

static size_t ops_blocks(const void *apart)
{
    const struct stream *s = apart;

    return s->nodes.count + s->groups.count + s->pending;
}

static const char *ops_encoding(const void *apart)
{
    (void)apart;
    return "stream";
}

static void ops_digest(const void *apart, unsigned char digest[DIGEST_LEN])
{
    struct stream_walk w;

    stream_walk_begin(&w, apart, STREAM_ID_MIN, STREAM_ID_MAX, false);
    while (stream_walk_next(&w)) {
        struct stream_pairs pairs;
        struct bytes name, value;
        char text[STREAM_ID_TEXT];
        size_t len = fmt_u64(text, w.entry.id.ms);

        text[len++] = '.';
        len += fmt_u64(text + len, w.entry.id.seq);
        digest_mix(digest, (struct bytes){ text, len });
        stream_pairs_begin(&pairs, w.node, &w.entry);
        while (stream_pairs_next(&pairs, &name, &value)) {
            digest_mix(digest, name);
            digest_mix(digest, value);
        }
    }
}

/* ---- out to RDB ---- */

enum { RDB_STREAM = 15, RDB_STREAM_2 = 19, RDB_STREAM_3 = 21, SAVE_BYTES = 16 * 1024 };

static enum value_need ops_need(const void *apart)
{
    (void)apart;
    return NEED_STREAM;
}

static int ops_rdb_type(const void *apart)
{
    (void)apart;
    return RDB_STREAM_2;
}

static void put_id(struct buf *out, struct stream_id id)
{
    rdb_put_len(out, id.ms);
    rdb_put_len(out, id.seq);
}

static void put_ms(struct buf *out, int64_t ms)
{
    uint64_t wire = htole64((uint64_t)ms);

    buf_append(out, &wire, sizeof wire);
}

static void put_packed_id(struct buf *out, struct stream_id id)
{
    unsigned char packed[STREAM_ID_BYTES];

    stream_id_pack(packed, id);
    buf_append(out, packed, sizeof packed);
}

static void save_node(const struct stream_node *n, bool compress, struct buf *out)
{
    rdb_put_len(out, STREAM_ID_BYTES);
    put_packed_id(out, n->id);
    rdb_put_string(out, listpack_bytes(n->pack), compress);
}

static void save_totals(const struct stream *s, struct buf *out)
{
    rdb_put_len(out, s->length);
    put_id(out, s->last);
    put_id(out, s->first);
    put_id(out, s->max_deleted);
    rdb_put_len(out, s->added);
    rdb_put_len(out, s->groups.count);
}

static void save_group_head(const struct stream_group *g, struct buf *out)
{
    rdb_put_string(out, stream_group_name(g), false);
    put_id(out, g->last);
    rdb_put_len(out, (uint64_t)g->read);
    rdb_put_len(out, g->pending.count);
}

static void save_pending(const struct stream_pending *p, struct buf *out)
{
    put_packed_id(out, p->id);
    put_ms(out, p->delivered_ms);
    rdb_put_len(out, p->deliveries);
}

static void save_consumer_head(const struct stream_consumer *c, struct buf *out)
{
    rdb_put_string(out, stream_consumer_name(c), false);
    put_ms(out, c->seen_ms);
    rdb_put_len(out, c->pending.count);
}

/*
 * Parts are counted: nodes, the totals, and of each group its head, what is pending, the number of consumers,
 * and of each consumer its head and its ids. A place is such a count taken apart again.
 */
static uint64_t parts_of_group(const struct stream_group *g)
{
    return 2 + 2 * g->pending.count + g->consumers.count;
}

static bool enough(const struct buf *out, size_t from)
{
    return out->len - from >= SAVE_BYTES;
}

/* From a part of the group's consumers on; how many were saved. */
static uint64_t save_consumers(const struct stream_group *g, uint64_t part, struct buf *out,
                               size_t from)
{
    uint64_t saved = 0;

    for (uint64_t i = 0; i < g->consumers.count; i++) {
        const struct stream_consumer *c = stream_consumer_at(g, i);

        for (; part <= c->pending.count; part++, saved++) {
            if (enough(out, from))
                return saved;
            if (part == 0)
                save_consumer_head(c, out);
            else
                put_packed_id(out, stream_pending_at(&c->pending, part - 1)->id);
        }
        part -= 1 + c->pending.count;
    }
    return saved;
}

static uint64_t save_group(const struct stream_group *g, uint64_t part, struct buf *out,
                           size_t from)
{
    uint64_t begun = part;

    for (; part < 2 + g->pending.count; part++) {
        if (enough(out, from))
            return part - begun;
        if (part == 0)
            save_group_head(g, out);
        else if (part <= g->pending.count)
            save_pending(stream_pending_at(&g->pending, part - 1), out);
        else
            rdb_put_len(out, g->consumers.count);
    }
    return part - begun + save_consumers(g, part - 2 - g->pending.count, out, from);
}

/* False: there is more. */
static bool save_groups(const struct stream *s, uint64_t part, uint64_t *cursor, struct buf *out,
                        size_t from)
{
    for (uint64_t i = 0; i < s->groups.count; i++) {
        const struct stream_group *g = stream_group_at(s, i);
        uint64_t parts = parts_of_group(g), saved;

        if (part >= parts) {
            part -= parts;
            continue;
        }
        saved = save_group(g, part, out, from);
        *cursor += saved;
        if (part + saved < parts)
            return false;
        part = 0;
    }
    return true;
}

static bool ops_save(const void *apart, uint64_t *cursor, bool compress, struct buf *out)
{
    const struct stream *s = apart;
    size_t from = out->len;

    if (*cursor == 0)
        rdb_put_len(out, s->nodes.count);
    for (; *cursor <= s->nodes.count; ++*cursor) {
        if (enough(out, from))
            return false;
        if (*cursor == s->nodes.count)
            save_totals(s, out);
        else
            save_node(ranking_at(&s->nodes, *cursor), compress, out);
    }
    return save_groups(s, *cursor - s->nodes.count - 1, cursor, out, from);
}

/* ---- in from RDB ---- */

static struct stream_id id_of(const uint64_t *numbers)
{
    return (struct stream_id){ numbers[0], numbers[1] };
}

static bool load_node(struct stream *s, const struct value_part *part)
{
    struct stream_node *n;
    struct stream_id last;

    if (part->text.len != STREAM_ID_BYTES)
        return false;
    n = stream_node_of(stream_id_unpack(part->text.at), part->second, &last);
    if (!n)
        return false;
    if (stream_add_node(s, n, last))
        return true;
    stream_node_free(n);
    return false;
}

/* length, last; and since the second form: first, highest deleted, added. The length and the first are
 * counted, not believed. */
static bool load_totals(struct stream *s, int rdb_type, const uint64_t *numbers)
{
    struct stream_id last = id_of(numbers + 1);

    if (stream_id_cmp(last, s->last) < 0)
        return false;
    s->last = last;
    s->added = rdb_type == RDB_STREAM ? s->length : numbers[7];
    s->max_deleted = rdb_type == RDB_STREAM ? STREAM_ID_MIN : id_of(numbers + 5);
    if (!stream_first(s, &s->first))
        s->first = STREAM_ID_MIN;
    return true;
}

/* Parts that belong to the group or consumer that came last: the stream remembers both by loading. */
static bool load_group(struct stream *s, int rdb_type, const struct value_part *part)
{
    struct stream_id last = id_of(part->numbers);
    int64_t read = rdb_type == RDB_STREAM ? stream_read_at(s, last) : (int64_t)part->numbers[2];

    s->loading_group = stream_group_add(s, part->text, last, read);
    s->loading_consumer = NULL;
    return s->loading_group != NULL;
}

static bool load_pending(struct stream *s, const struct value_part *part)
{
    struct stream_id id = stream_id_unpack(part->text.at);
    struct stream_pending *p;

    if (stream_pending_find(&s->loading_group->pending, id))
        return false;
    p = stream_pending_add(s, s->loading_group, id, NULL, (int64_t)part->numbers[0]);
    p->deliveries = part->numbers[1];
    return true;
}

static bool load_consumer(struct stream *s, const struct value_part *part)
{
    s->loading_consumer =
        stream_consumer_add(s, s->loading_group, part->text, (int64_t)part->numbers[0]);
    return s->loading_consumer != NULL;
}

static bool load_owned(struct stream *s, const struct value_part *part)
{
    struct stream_pending *p =
        stream_pending_find(&s->loading_group->pending, stream_id_unpack(part->text.at));

    if (!p || p->owner)
        return false;
    stream_pending_give(s, p, s->loading_consumer);
    return true;
}

/* Everything pending has found its owner. */
static bool load_group_end(struct stream *s)
{
    const struct stream_group *g = s->loading_group;
    uint64_t owned = 0;

    for (uint64_t i = 0; i < g->consumers.count; i++)
        owned += stream_consumer_at(g, i)->pending.count;
    return owned == g->pending.count;
}

static bool load_part(struct stream *s, int rdb_type, const struct value_part *part)
{
    switch (part->kind) {
    case PART_STREAM_NODE:
        return load_node(s, part);
    case PART_STREAM_TOTALS:
        return load_totals(s, rdb_type, part->numbers);
    case PART_STREAM_GROUP:
        return load_group(s, rdb_type, part);
    case PART_STREAM_PENDING:
        return load_pending(s, part);
    case PART_STREAM_CONSUMER:
        return load_consumer(s, part);
    case PART_STREAM_OWNED:
        return load_owned(s, part);
    case PART_STREAM_GROUP_END:
        return load_group_end(s);
    default:
        return true; /* the mere number of something */
    }
}

static bool ops_load(void **apart, int rdb_type, const struct value_part *part,
                     const struct value_limits *limits)
{
    (void)limits;
    if (!*apart)
        *apart = stream_new();
    return load_part(*apart, rdb_type, part);
}

/* Towards the end, where entries are added. */
static void ops_fetch(const void *apart, struct value_hint *hint, int step)
{
    const struct stream *s = apart;

    if (!s->tail)
        return;
    if (step == 0)
        FETCH(s->tail);
    else if (step == 1)
        FETCH(s->tail->pack);
    else if (step == 2)
        FETCH(listpack_bytes(s->tail->pack).at + listpack_bytes(s->tail->pack).len);
}

const struct value_ops stream_ops = {
    .free = ops_free,
    .copy = ops_copy,
    .bytes = ops_bytes,
    .length = ops_length,
    .blocks = ops_blocks,
    .encoding = ops_encoding,
    .digest = ops_digest,
    .need = ops_need,
    .rdb_type = ops_rdb_type,
    .save = ops_save,
    .load = ops_load,
    .fetch = ops_fetch,
};
