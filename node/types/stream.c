#include "node/types/stream.h"

#include "common/alloc.h"
#include "node/types/stream_group.h"

static size_t memory_of(const struct stream_node *n)
{
    return alloc_size(n) + n->room;
}

static struct stream_node *node_at(const struct stream *s, uint64_t rank)
{
    return ranking_at(&s->nodes, rank);
}

struct stream *stream_new(void)
{
    return xcalloc(1, sizeof(struct stream));
}

static void free_node(void *node)
{
    stream_node_free(node);
}

void stream_free(struct stream *s)
{
    if (!s)
        return;
    ranking_fini(&s->nodes, free_node);
    stream_groups_free(s);
    xfree(s);
}

static void put_behind(struct stream *s, struct stream_node *n)
{
    ranking_insert(&s->nodes, s->nodes.count, n);
    s->tail = n;
    s->node_bytes += memory_of(n);
}

struct stream *stream_copy(const struct stream *s)
{
    struct stream *copy = stream_new();

    for (uint64_t i = 0; i < s->nodes.count; i++)
        put_behind(copy, stream_node_copy(node_at(s, i)));
    copy->length = s->length;
    copy->added = s->added;
    copy->first = s->first;
    copy->last = s->last;
    copy->max_deleted = s->max_deleted;
    stream_groups_copy(copy, s);
    return copy;
}

static void drop_node(struct stream *s, uint64_t rank)
{
    struct stream_node *n = node_at(s, rank);

    ranking_remove(&s->nodes, rank);
    s->node_bytes -= memory_of(n);
    stream_node_free(n);
    if (rank == s->nodes.count)
        s->tail = rank ? node_at(s, rank - 1) : NULL;
}

/* ---- finding ---- */

static bool begins_up_to(const void *id, const void *node)
{
    return stream_id_cmp(((const struct stream_node *)node)->id, *(const struct stream_id *)id) <=
           0;
}

/* The node that holds an id, if any does; false: all nodes begin behind it. */
static bool seek(const struct stream *s, struct stream_id id, uint64_t *out_rank)
{
    uint64_t behind = ranking_find(&s->nodes, begins_up_to, &id);

    *out_rank = behind ? behind - 1 : 0;
    return behind != 0;
}

static bool find(const struct stream *s, struct stream_id id, uint64_t *out_rank,
                 struct stream_entry *out)
{
    return seek(s, id, out_rank) && stream_node_find(node_at(s, *out_rank), id, out) &&
           !out->deleted;
}

bool stream_has(const struct stream *s, struct stream_id id)
{
    struct stream_entry e;
    uint64_t rank;

    return find(s, id, &rank, &e);
}

void stream_walk_begin(struct stream_walk *w, const struct stream *s, struct stream_id from,
                       struct stream_id to, bool down)
{
    *w = (struct stream_walk){ .s = s, .from = from, .to = to, .down = down };
    if (s->nodes.count == 0 || stream_id_cmp(from, to) > 0)
        return;
    if (!seek(s, down ? to : from, &w->rank) && down)
        return;
    w->node = node_at(s, w->rank);
    w->entry.at = LISTPACK_END;
}

/* One entry further, whatever it is. */
static bool walk_step(struct stream_walk *w)
{
    for (;;) {
        bool begun = w->entry.at != LISTPACK_END;

        if (w->down ? (begun ? stream_node_prev : stream_node_last)(w->node, &w->entry)
                    : (begun ? stream_node_next : stream_node_first)(w->node, &w->entry))
            return true;
        if (w->down ? w->rank == 0 : w->rank + 1 == w->s->nodes.count)
            return false;
        w->rank += w->down ? (uint64_t)-1 : 1;
        w->node = node_at(w->s, w->rank);
        w->entry.at = LISTPACK_END;
    }
}

bool stream_walk_next(struct stream_walk *w)
{
    while (w->node && walk_step(w)) {
        struct stream_id id = w->entry.id;

        if (w->entry.deleted)
            continue;
        if (w->down ? stream_id_cmp(id, w->from) < 0 : stream_id_cmp(id, w->to) > 0)
            break;
        if (stream_id_cmp(id, w->from) >= 0 && stream_id_cmp(id, w->to) <= 0)
            return true;
    }
    w->node = NULL;
    return false;
}

static bool edge(const struct stream *s, bool down, struct stream_id *out)
{
    struct stream_walk w;

    stream_walk_begin(&w, s, STREAM_ID_MIN, STREAM_ID_MAX, down);
    if (!stream_walk_next(&w))
        return false;
    *out = w.entry.id;
    return true;
}

bool stream_first(const struct stream *s, struct stream_id *out)
{
    return edge(s, false, out);
}

bool stream_last(const struct stream *s, struct stream_id *out)
{
    return edge(s, true, out);
}

bool stream_first_trace(const struct stream *s, struct stream_id *out)
{
    if (s->nodes.count == 0)
        return false;
    *out = node_at(s, 0)->id;
    return true;
}

/* ---- adding ---- */

bool stream_next_id(const struct stream *s, uint64_t now_ms, struct stream_id *out)
{
    struct stream_id id = { now_ms, 0 };

    if (now_ms <= s->last.ms) {
        id = s->last;
        if (!stream_id_increase(&id))
            return false;
    }
    *out = id;
    return true;
}

/* The node that takes the next entry. */
static struct stream_node *tail_for(struct stream *s, struct stream_id id,
                                    const struct bytes *pairs, uint64_t fields,
                                    const struct value_limits *limits)
{
    size_t text_bytes = 0;

    for (uint64_t i = 0; i < 2 * fields; i++)
        text_bytes += pairs[i].len;
    if (s->tail && !stream_node_full(s->tail, text_bytes, limits))
        return s->tail;
    if (s->tail) {
        s->node_bytes -= memory_of(s->tail);
        stream_node_close(s->tail);
        s->node_bytes += memory_of(s->tail);
    }
    put_behind(s, stream_node_new(id, pairs, fields));
    return s->tail;
}

void stream_append(struct stream *s, struct stream_id id, const struct bytes *pairs,
                   uint64_t fields, const struct value_limits *limits)
{
    struct stream_node *n = tail_for(s, id, pairs, fields, limits);
    size_t room = n->room;

    ASSERT(stream_id_cmp(id, s->last) > 0);
    stream_node_append(n, id, pairs, fields);
    s->node_bytes += n->room - room;
    s->added++;
    s->last = id;
    if (++s->length == 1)
        s->first = id;
}

bool stream_add_node(struct stream *s, struct stream_node *n, struct stream_id last)
{
    if (s->nodes.count && stream_id_cmp(n->id, s->last) <= 0)
        return false;
    put_behind(s, n);
    s->last = last; /* whoever loads says later what it is */
    s->length += stream_node_live(n);
    return true;
}

/* ---- taking away ---- */

static void settle_first(struct stream *s)
{
    if (s->length == 0 || !stream_first(s, &s->first))
        s->first = STREAM_ID_MIN;
}

static bool delete_one(struct stream *s, struct stream_id id)
{
    struct stream_entry e;
    struct stream_node *n;
    uint64_t rank;

    if (!find(s, id, &rank, &e))
        return false;
    n = node_at(s, rank);
    s->length--;
    if (stream_node_live(n) == 1) {
        drop_node(s, rank);
        return true;
    }
    s->node_bytes -= n->room;
    stream_node_mark(n, &e);
    stream_node_count_marked(n, 1);
    s->node_bytes += n->room;
    return true;
}

uint64_t stream_delete(struct stream *s, const struct stream_id *ids, size_t count)
{
    uint64_t deleted = 0;
    bool first = false;

    for (size_t i = 0; i < count; i++) {
        if (!delete_one(s, ids[i]))
            continue;
        first |= stream_id_cmp(ids[i], s->first) == 0;
        if (stream_id_cmp(ids[i], s->max_deleted) > 0)
            s->max_deleted = ids[i];
        deleted++;
    }
    if (deleted && (first || s->length == 0))
        settle_first(s);
    return deleted;
}

static bool goes_whole(const struct stream *s, const struct stream_trim *t,
                       const struct stream_node *n)
{
    struct stream_entry last;

    if (!t->by_id)
        return s->length - stream_node_live(n) >= t->length;
    return stream_node_last(n, &last) && stream_id_cmp(last.id, t->id) < 0;
}

/* The first entries of a node of which the last one stays. */
static uint64_t trim_node(struct stream *s, const struct stream_trim *t, struct stream_node *n)
{
    struct stream_entry e;
    uint64_t marked = 0;

    for (bool more = stream_node_first(n, &e); more; more = stream_node_next(n, &e)) {
        if (t->by_id ? stream_id_cmp(e.id, t->id) >= 0 : s->length <= t->length)
            break;
        if (e.deleted)
            continue;
        stream_node_mark(n, &e);
        marked++;
        s->length--;
    }
    s->node_bytes -= n->room;
    stream_node_count_marked(n, marked);
    s->node_bytes += n->room;
    return marked;
}

uint64_t stream_trim(struct stream *s, const struct stream_trim *t)
{
    uint64_t gone = 0;

    while (s->nodes.count && (t->by_id || s->length > t->length)) {
        struct stream_node *n = node_at(s, 0);
        uint64_t live = stream_node_live(n);

        if (t->limit && gone + live > t->limit)
            break;
        if (!goes_whole(s, t, n)) {
            if (!t->whole_nodes)
                gone += trim_node(s, t, n);
            break;
        }
        drop_node(s, 0);
        s->length -= live;
        gone += live;
    }
    if (gone)
        settle_first(s);
    return gone;
}

void stream_check(const struct stream *s)
{
    uint64_t length = 0;
    size_t bytes = 0;
    struct stream_id first;

    ranking_check(&s->nodes);
    for (uint64_t i = 0; i < s->nodes.count; i++) {
        const struct stream_node *n = node_at(s, i);
        struct stream_entry last;

        stream_node_check(n);
        length += stream_node_live(n);
        bytes += memory_of(n);
        ASSERT(stream_node_last(n, &last));
        ASSERT(last.deleted ||
               stream_id_cmp(last.id,
                             i + 1 < s->nodes.count ? node_at(s, i + 1)->id : STREAM_ID_MAX) < 0 ||
               i + 1 == s->nodes.count);
    }
    ASSERT(s->tail == (s->nodes.count ? node_at(s, s->nodes.count - 1) : NULL));
    ASSERT(length == s->length && bytes == s->node_bytes);
    ASSERT(stream_first(s, &first) == (length != 0));
    ASSERT(length || stream_id_cmp(s->first, STREAM_ID_MIN) == 0);
    stream_groups_check(s);
}
