#include "node/types/stream_node.h"

#include <string.h>

#include "common/alloc.h"

enum { DELETED = 1u << 0, SAME_NAMES = 1u << 1 };

enum {
    HEAD_SAME = 3, /* elements of an entry beside its values: flags, ms, seq */
    HEAD_OWN = 4,  /* and the number of fields */
    ROOM_MAX = 4096,
};

static int64_t int_at(const struct listpack *lp, size_t at)
{
    int64_t v;

    ASSERT(listpack_get_int(lp, at, &v));
    return v;
}

static size_t skip(const struct listpack *lp, size_t at, uint64_t elements)
{
    while (elements--)
        at = listpack_next(lp, at);
    return at;
}

/* ---- what a node begins with ---- */

static size_t deleted_at(const struct stream_node *n)
{
    return listpack_next(n->pack, LISTPACK_HEAD);
}

static size_t fields_at(const struct stream_node *n)
{
    return listpack_next(n->pack, deleted_at(n));
}

uint64_t stream_node_live(const struct stream_node *n)
{
    return (uint64_t)int_at(n->pack, LISTPACK_HEAD);
}

uint64_t stream_node_entries(const struct stream_node *n)
{
    return stream_node_live(n) + (uint64_t)int_at(n->pack, deleted_at(n));
}

static struct stream_node *node_with(struct stream_id id, struct listpack *pack)
{
    struct stream_node *n = xmalloc(sizeof *n);

    *n = (struct stream_node){ .id = id, .pack = pack, .room = alloc_size(pack) };
    return n;
}

/* The block grows by doubling, up to what a node of the usual size takes. */
static void make_room(struct stream_node *n, size_t more)
{
    size_t need = listpack_bytes(n->pack).len + more, twice = 2 * n->room;

    if (LIKELY(need <= n->room))
        return;
    twice = twice < ROOM_MAX ? twice : ROOM_MAX;
    n->pack = listpack_reserve(n->pack, need > twice ? need : twice);
    n->room = alloc_size(n->pack);
}

struct stream_node *stream_node_new(struct stream_id id, const struct bytes *pairs, uint64_t fields)
{
    struct stream_node *n = node_with(id, listpack_new());
    size_t room = 3 * listpack_room_for_int(0) + listpack_room_for_int((int64_t)fields);
    struct listpack_writer w;

    for (uint64_t i = 0; i < fields; i++)
        room += listpack_room_for_text(pairs[2 * i].len);
    make_room(n, room);
    w = listpack_write(n->pack);
    listpack_write_int(&w, 0);
    listpack_write_int(&w, 0);
    listpack_write_int(&w, (int64_t)fields);
    for (uint64_t i = 0; i < fields; i++)
        listpack_write_text(&w, pairs[2 * i]);
    listpack_write_int(&w, 0);
    listpack_write_end(&w);
    return n;
}

void stream_node_free(struct stream_node *n)
{
    if (!n)
        return;
    listpack_free(n->pack);
    xfree(n);
}

struct stream_node *stream_node_copy(const struct stream_node *n)
{
    return node_with(n->id, listpack_copy(n->pack));
}

void stream_node_close(struct stream_node *n)
{
    n->pack = listpack_reserve(n->pack, listpack_bytes(n->pack).len);
    n->room = alloc_size(n->pack);
}

/* ---- adding ---- */

bool stream_node_full(const struct stream_node *n, size_t text_bytes,
                      const struct value_limits *limits)
{
    uint64_t max = limits->stream_node_max_bytes;

    if (max == 0 || max > STREAM_ENTRY_BYTES_MAX)
        max = STREAM_ENTRY_BYTES_MAX;
    return listpack_bytes(n->pack).len + text_bytes >= max ||
           (limits->stream_node_max_entries &&
            stream_node_entries(n) >= (uint64_t)limits->stream_node_max_entries);
}

static bool same_names(const struct stream_node *n, const struct bytes *pairs, uint64_t fields)
{
    size_t at = fields_at(n);

    if ((uint64_t)int_at(n->pack, at) != fields)
        return false;
    for (uint64_t i = 0; i < fields; i++) {
        struct listpack_needle name = listpack_needle(pairs[2 * i]);

        at = listpack_next(n->pack, at);
        if (!listpack_is(n->pack, at, &name))
            return false;
    }
    return true;
}

static size_t room_for_entry(const struct bytes *pairs, uint64_t fields, bool same)
{
    /* The head, the number of fields twice: as such and in the number of elements. */
    size_t room = 2 + 4 * LISTPACK_OVERHEAD_MAX;

    for (uint64_t i = 0; i < fields; i++) {
        room += listpack_room_for_text(pairs[2 * i + 1].len);
        if (!same)
            room += listpack_room_for_text(pairs[2 * i].len);
    }
    return room;
}

static void count_one(struct stream_node *n)
{
    size_t before = listpack_bytes(n->pack).len;

    n->pack = listpack_replace_int(n->pack, LISTPACK_HEAD, (int64_t)stream_node_live(n) + 1);
    if (UNLIKELY(listpack_bytes(n->pack).len != before))
        n->room = alloc_size(n->pack);
}

void stream_node_append(struct stream_node *n, struct stream_id id, const struct bytes *pairs,
                        uint64_t fields)
{
    bool same = same_names(n, pairs, fields);
    struct listpack_writer w;

    make_room(n, room_for_entry(pairs, fields, same));
    w = listpack_write(n->pack);
    listpack_write_int(&w, same ? SAME_NAMES : 0);
    listpack_write_int(&w, (int64_t)(id.ms - n->id.ms));
    listpack_write_int(&w, (int64_t)(id.seq - n->id.seq));
    if (!same)
        listpack_write_int(&w, (int64_t)fields);
    for (uint64_t i = 0; i < fields; i++) {
        if (!same)
            listpack_write_text(&w, pairs[2 * i]);
        listpack_write_text(&w, pairs[2 * i + 1]);
    }
    listpack_write_int(&w, (int64_t)(same ? HEAD_SAME + fields : HEAD_OWN + 2 * fields));
    listpack_write_end(&w);
    count_one(n);
}

/* ---- looking ---- */

/* The entry whose flags are here; what it knows of the node stays. */
static void read_entry(const struct stream_node *n, size_t at, struct stream_entry *e)
{
    int64_t flags = int_at(n->pack, at);

    e->at = at;
    e->deleted = flags & DELETED;
    e->own_names = !(flags & SAME_NAMES);
    at = listpack_next(n->pack, at);
    e->id.ms = n->id.ms + (uint64_t)int_at(n->pack, at);
    at = listpack_next(n->pack, at);
    e->id.seq = n->id.seq + (uint64_t)int_at(n->pack, at);
    at = listpack_next(n->pack, at);
    e->fields = e->node_fields;
    if (e->own_names) {
        e->fields = (uint64_t)int_at(n->pack, at);
        at = listpack_next(n->pack, at);
    }
    e->body = at;
}

/* Where the entries begin. */
static size_t read_names(const struct stream_node *n, struct stream_entry *e)
{
    size_t at = fields_at(n);

    e->node_fields = (uint64_t)int_at(n->pack, at);
    e->names = listpack_next(n->pack, at);
    return listpack_next(n->pack, skip(n->pack, e->names, e->node_fields));
}

bool stream_node_first(const struct stream_node *n, struct stream_entry *out)
{
    size_t at = read_names(n, out);

    if (at != LISTPACK_END)
        read_entry(n, at, out);
    return at != LISTPACK_END;
}

/* `at` holds the number of elements before it that belong to its entry. */
static void read_entry_before(const struct stream_node *n, size_t at, struct stream_entry *e)
{
    for (int64_t steps = int_at(n->pack, at); steps; steps--)
        at = listpack_prev(n->pack, at);
    read_entry(n, at, e);
}

bool stream_node_last(const struct stream_node *n, struct stream_entry *out)
{
    if (read_names(n, out) == LISTPACK_END)
        return false;
    read_entry_before(n, listpack_last(n->pack), out);
    return true;
}

bool stream_node_next(const struct stream_node *n, struct stream_entry *e)
{
    size_t at = skip(n->pack, e->body, e->fields * (e->own_names ? 2 : 1));

    at = listpack_next(n->pack, at);
    if (at != LISTPACK_END)
        read_entry(n, at, e);
    return at != LISTPACK_END;
}

bool stream_node_prev(const struct stream_node *n, struct stream_entry *e)
{
    size_t first = listpack_next(n->pack, skip(n->pack, e->names, e->node_fields));

    if (e->at == first)
        return false;
    read_entry_before(n, listpack_prev(n->pack, e->at), e);
    return true;
}

bool stream_node_find(const struct stream_node *n, struct stream_id id, struct stream_entry *out)
{
    bool more = stream_node_first(n, out);

    while (more && (out->deleted || stream_id_cmp(out->id, id) < 0))
        more = stream_node_next(n, out);
    return more && stream_id_cmp(out->id, id) == 0;
}

void stream_pairs_begin(struct stream_pairs *p, const struct stream_node *n,
                        const struct stream_entry *e)
{
    p->pack = n->pack;
    p->own_names = e->own_names;
    p->left = e->fields;
    p->name = e->own_names ? e->body : e->names;
    p->value = e->own_names && e->fields ? listpack_next(n->pack, e->body) : e->body;
}

bool stream_pairs_next(struct stream_pairs *p, struct bytes *out_name, struct bytes *out_value)
{
    if (p->left == 0)
        return false;
    *out_name = listpack_get(p->pack, p->name, p->scratch[0]);
    *out_value = listpack_get(p->pack, p->value, p->scratch[1]);
    if (--p->left == 0)
        return true;
    if (p->own_names) {
        p->name = listpack_next(p->pack, p->value);
        p->value = listpack_next(p->pack, p->name);
    } else {
        p->name = listpack_next(p->pack, p->name);
        p->value = listpack_next(p->pack, p->value);
    }
    return true;
}

/* ---- deleting ---- */

void stream_node_mark(struct stream_node *n, struct stream_entry *e)
{
    ASSERT(!e->deleted);
    e->deleted = true;
    n->pack =
        listpack_replace_int(n->pack, e->at, DELETED | (e->own_names ? 0 : (int64_t)SAME_NAMES));
}

void stream_node_count_marked(struct stream_node *n, uint64_t marked)
{
    size_t at;

    n->pack = listpack_replace_int(n->pack, LISTPACK_HEAD, (int64_t)(stream_node_live(n) - marked));
    at = deleted_at(n);
    n->pack = listpack_replace_int(n->pack, at, int_at(n->pack, at) + (int64_t)marked);
    n->room = alloc_size(n->pack);
}

/* ---- from outside ---- */

/* A cursor over elements that may not be what they should. */
struct probe {
    const struct listpack *lp;
    size_t at;
};

static bool probe_int(struct probe *p, int64_t min, int64_t *out)
{
    if (p->at == LISTPACK_END || !listpack_get_int(p->lp, p->at, out) || *out < min)
        return false;
    p->at = listpack_next(p->lp, p->at);
    return true;
}

static bool probe_skip(struct probe *p, int64_t elements)
{
    for (; elements && p->at != LISTPACK_END; elements--)
        p->at = listpack_next(p->lp, p->at);
    return elements == 0;
}

/* Flags in one byte, as everybody writes them: they change in place, and nothing behind them may move. */
static bool probe_flags(struct probe *p, int64_t *out)
{
    size_t at = p->at;

    return probe_int(p, 0, out) && *out <= (DELETED | SAME_NAMES) &&
           p->at - at == listpack_room_for_int(*out);
}

/* An entry with names of its own, or values for so many fields. *id is that of the one before that is not deleted. */
static bool probe_entry(struct probe *p, struct stream_id base, int64_t node_fields,
                        struct stream_id *id, bool first, bool *out_deleted)
{
    int64_t flags, ms, seq, fields = node_fields, back, elements;
    struct stream_id own;

    if (!probe_flags(p, &flags) || !probe_int(p, INT64_MIN, &ms) || !probe_int(p, INT64_MIN, &seq))
        return false;
    own = (struct stream_id){ base.ms + (uint64_t)ms, base.seq + (uint64_t)seq };
    *out_deleted = flags & DELETED;
    if (!*out_deleted && stream_id_cmp(own, *id) < (first ? 0 : 1))
        return false;
    if (!(flags & SAME_NAMES) && !probe_int(p, 0, &fields))
        return false;
    if (fields > INT32_MAX)
        return false;
    elements = flags & SAME_NAMES ? fields : 2 * fields;
    if (!probe_skip(p, elements) || !probe_int(p, 0, &back) ||
        back != elements + (flags & SAME_NAMES ? HEAD_SAME : HEAD_OWN))
        return false;
    if (!*out_deleted)
        *id = own;
    return true;
}

static bool sound(const struct stream_node *n, struct stream_id *out_last)
{
    struct probe p = { n->pack, listpack_first(n->pack) };
    struct stream_id id = n->id;
    int64_t live, deleted, fields, zero, marked = 0;

    if (!probe_int(&p, 0, &live) || !probe_int(&p, 0, &deleted) || !probe_int(&p, 0, &fields) ||
        fields > INT32_MAX || !probe_skip(&p, fields) || !probe_int(&p, 0, &zero) || zero != 0 ||
        p.at == LISTPACK_END)
        return false;
    for (bool first = true; p.at != LISTPACK_END; first = false) {
        bool is_deleted;

        if (!probe_entry(&p, n->id, fields, &id, first, &is_deleted))
            return false;
        marked += is_deleted;
        live -= !is_deleted;
    }
    *out_last = id;
    return live == 0 && marked == deleted;
}

struct stream_node *stream_node_of(struct stream_id id, struct bytes pack,
                                   struct stream_id *out_last)
{
    struct stream_node *n;

    if (!listpack_valid(pack))
        return NULL;
    n = node_with(id, listpack_of(pack));
    if (sound(n, out_last))
        return n;
    stream_node_free(n);
    return NULL;
}

void stream_node_check(const struct stream_node *n)
{
    struct stream_id last;

    listpack_check(n->pack);
    ASSERT(sound(n, &last));
    ASSERT(n->room == alloc_size(n->pack));
}
