#include "common/out.h"

#include "common/alloc.h"

enum { OUT_COPY_MAX = 4096 }; /* out_move copies up to this many bytes instead of linking a chunk */

struct out_chunk {
    struct out_chunk *next;
    size_t bytes; /* of the block, this header included */
    size_t used;  /* of data; stale in the tail, whose fill is o->at */
    size_t gone;  /* of used: has been sent */
    char data[];
};

static size_t chunk_used(const struct out *o, const struct out_chunk *c)
{
    return c == o->tail ? (size_t)(o->at - c->data) : c->used;
}

static struct out_chunk *chunk_take(struct out *o, size_t room)
{
    size_t bytes = room + sizeof(struct out_chunk);
    struct out_chunk *c = o->spare;

    if (c && bytes <= c->bytes) {
        o->spare = NULL;
    } else {
        bytes = bytes < OUT_CHUNK ? OUT_CHUNK : bytes;
        c = xmalloc(bytes);
        c->bytes = bytes;
        o->held += bytes;
    }
    c->next = NULL;
    c->used = c->gone = 0;
    return c;
}

static void chunk_drop(struct out *o, struct out_chunk *c)
{
    if (!o->spare && c->bytes == OUT_CHUNK) {
        o->spare = c;
        return;
    }
    o->held -= c->bytes;
    xfree(c);
}

/* The tail stops growing and joins the sealed ones. */
static void tail_seal(struct out *o)
{
    if (!o->tail)
        return;
    o->tail->used = chunk_used(o, o->tail);
    o->sealed += o->tail->used;
}

static void tail_push(struct out *o, struct out_chunk *c)
{
    if (o->tail)
        o->tail->next = c;
    else
        o->head = c;
    o->tail = c;
    o->at = c->data + c->used;
    o->end = (char *)c + c->bytes;
}

/* Everything has been sent: the tail starts again at its beginning, or goes if it was an extra
 * large one. */
static void tail_rewind(struct out *o)
{
    struct out_chunk *c = o->tail;

    tail_seal(o);
    o->head = o->tail = NULL;
    o->at = o->end = NULL;
    if (c->bytes == OUT_CHUNK) {
        c->used = c->gone = 0;
        tail_push(o, c);
    } else {
        chunk_drop(o, c);
    }
}

void out_fini(struct out *o)
{
    while (o->head) {
        struct out_chunk *next = o->head->next;

        xfree(o->head);
        o->head = next;
    }
    xfree(o->spare);
    *o = (struct out){ 0 };
}

void out_fini_to(struct out *o, struct out_pile *pile)
{
    if (o->tail) {
        o->tail->next = pile->first;
        pile->first = o->head;
        o->head = NULL;
    }
    out_fini(o);
}

bool out_pile_free_one(struct out_pile *pile)
{
    struct out_chunk *c = pile->first;

    if (!c)
        return false;
    pile->first = c->next;
    xfree(c);
    return true;
}

char *out_grow(struct out *o, size_t n)
{
    struct out_chunk *c = chunk_take(o, n);

    tail_seal(o);
    tail_push(o, c);
    return o->at;
}

void out_append_slow(struct out *o, const void *data, size_t len)
{
    size_t room = (size_t)(o->end - o->at);

    if (room) {
        memcpy(o->at, data, room);
        o->at += room;
    }
    memcpy(out_grow(o, len - room), (const char *)data + room, len - room);
    o->at += len - room;
}

void out_relax(struct out *o)
{
    if (o->tail && out_pending(o) == 0) {
        tail_seal(o);
        chunk_drop(o, o->tail);
        o->head = o->tail = NULL;
        o->at = o->end = NULL;
    }
    if (o->spare) {
        o->held -= o->spare->bytes;
        xfree(o->spare);
        o->spare = NULL;
    }
}

uint64_t out_written(const struct out *o)
{
    return o->sealed + (o->tail ? (uint64_t)(o->at - o->tail->data) : 0);
}

uint64_t out_pending(const struct out *o)
{
    return out_written(o) - o->sent;
}

bool out_is_over(const struct out *o)
{
    return o->bytes_max && out_pending(o) > o->bytes_max;
}

size_t out_memory(const struct out *o)
{
    return o->held;
}

int out_pieces(const struct out *o, struct iovec *pieces, int max)
{
    uint64_t left = (o->marked ? o->mark : out_written(o)) - o->sent;
    int n = 0;

    for (struct out_chunk *c = o->head; c && left && n < max; c = c->next) {
        size_t len = chunk_used(o, c) - c->gone;

        if (len > left)
            len = (size_t)left;
        if (len == 0)
            continue;
        pieces[n++] = (struct iovec){ c->data + c->gone, len };
        left -= len;
    }
    return n;
}

void out_sent(struct out *o, size_t len)
{
    ASSERT(o->sent + len <= (o->marked ? o->mark : out_written(o)));
    o->sent += len;
    while (len) {
        struct out_chunk *c = o->head;
        size_t part = chunk_used(o, c) - c->gone;

        if (len < part) {
            c->gone += len;
            return;
        }
        len -= part;
        if (c == o->tail) {
            ASSERT(len == 0);
            tail_rewind(o);
            return;
        }
        o->head = c->next;
        chunk_drop(o, c);
    }
}

void out_set_mark(struct out *o, uint64_t position)
{
    o->marked = position != UINT64_MAX;
    if (!o->marked)
        return;
    ASSERT(position >= o->sent);
    ASSERT(position <= out_written(o));
    o->mark = position;
}

/* A chunk that was half sent starts with bytes which never were dst's: they go. */
static void chunk_compact(struct out_chunk *c)
{
    if (!c->gone)
        return;
    memmove(c->data, c->data + c->gone, c->used - c->gone);
    c->used -= c->gone;
    c->gone = 0;
}

void out_move(struct out *dst, struct out *src)
{
    uint64_t moved = out_pending(src);

    ASSERT(!src->marked);
    if (moved == 0)
        return;
    if (moved <= OUT_COPY_MAX && !src->head->next) {
        out_append(dst, src->head->data + src->head->gone, (size_t)moved);
        out_sent(src, (size_t)moved);
        return;
    }
    tail_seal(src);
    tail_seal(dst);
    while (src->head) {
        struct out_chunk *c = src->head;

        src->head = c->next;
        c->next = NULL;
        chunk_compact(c);
        src->held -= c->bytes;
        dst->held += c->bytes;
        tail_push(dst, c);
        if (src->head)
            dst->sealed += c->used;
    }
    src->tail = NULL;
    src->at = src->end = NULL;
    src->sent = src->sealed;
}

void out_copy(const struct out *o, struct buf *into)
{
    for (const struct out_chunk *c = o->head; c; c = c->next)
        buf_append(into, c->data + c->gone, chunk_used(o, c) - c->gone);
}
