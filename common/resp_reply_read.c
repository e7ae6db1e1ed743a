/*
 * The reader of replies. First the frame is measured, incrementally and without building anything: one
 * counter of values still owed is enough, since an aggregate owes its items and pays one. When it
 * is whole, one recursive pass builds the values into a pool that is known to be large enough.
 */
#include "common/resp.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "common/alloc.h"

enum {
    LINE_MAX_BYTES = 64 * 1024,
    POOL_KEEP = 4096,    /* values; a larger pool is given back before the next reply */
    VERBATIM_PREFIX = 4, /* "txt:" */
};

/* A reply's kinds by their first byte. */
enum shape { SHAPE_NONE, SHAPE_LINE, SHAPE_BLOB, SHAPE_ITEMS, SHAPE_PAIRS, SHAPE_ATTRIBUTE };

static const struct reply_type {
    unsigned char shape; /* enum shape */
    unsigned char kind;  /* enum resp_kind */
} reply_types[256] = {
    ['+'] = { SHAPE_LINE, RESP_SIMPLE },   ['-'] = { SHAPE_LINE, RESP_ERROR },
    [':'] = { SHAPE_LINE, RESP_INTEGER },  ['_'] = { SHAPE_LINE, RESP_NULL },
    [','] = { SHAPE_LINE, RESP_DOUBLE },   ['#'] = { SHAPE_LINE, RESP_BOOL },
    ['('] = { SHAPE_LINE, RESP_BIGNUM },   ['$'] = { SHAPE_BLOB, RESP_BULK },
    ['!'] = { SHAPE_BLOB, RESP_ERROR },    ['='] = { SHAPE_BLOB, RESP_VERBATIM },
    ['*'] = { SHAPE_ITEMS, RESP_ARRAY },   ['~'] = { SHAPE_ITEMS, RESP_SET },
    ['>'] = { SHAPE_ITEMS, RESP_PUSH },    ['%'] = { SHAPE_PAIRS, RESP_MAP },
    ['|'] = { SHAPE_ATTRIBUTE, RESP_MAP },
};

void resp_replies_init(struct resp_replies *r)
{
    *r = (struct resp_replies){ .bulk_bytes_max = 512ull << 20,
                                .items_max = 1000 * 1000,
                                .depth_max = 32 };
}

void resp_replies_fini(struct resp_replies *r)
{
    xfree(r->pool);
    r->pool = NULL;
    r->pool_cap = 0;
}

static enum resp_status bad(struct resp_replies *r, const char *what)
{
    snprintf(r->error, sizeof r->error, "%s", what);
    return RESP_BAD;
}

/* The text of the line at scanned, without its first byte and its CR LF. */
static enum resp_status frame_line(struct resp_replies *r, struct bytes data,
                                   struct bytes *out_text, size_t *out_next)
{
    size_t from = r->searched > r->scanned ? r->searched : r->scanned + 1;
    const char *hit = from < data.len ? memchr(data.at + from, '\n', data.len - from) : NULL;
    size_t at = hit ? (size_t)(hit - data.at) : data.len;

    if (at - r->scanned > LINE_MAX_BYTES)
        return bad(r, "a line of the reply is too long");
    if (!hit) {
        r->searched = at;
        return RESP_MORE;
    }
    if (at < r->scanned + 2 || data.at[at - 1] != '\r')
        return bad(r, "a line of the reply does not end in CR LF");
    *out_text = (struct bytes){ data.at + r->scanned + 1, at - r->scanned - 2 };
    *out_next = at + 1;
    return RESP_ITEM;
}

/* The count or length in a header. -1 stands for the null of RESP2, where it may. */
static enum resp_status frame_count(struct resp_replies *r, struct bytes text, bool may_be_null,
                                    uint64_t max, int64_t *out_count)
{
    int64_t n;

    if (bytes_is(text, "?"))
        return bad(r, "streamed replies are not supported");
    if (!bytes_to_i64(text, &n) || n < -1 || (n == -1 && !may_be_null))
        return bad(r, "invalid length in a reply");
    if (n > 0 && (uint64_t)n > max)
        return bad(r, "a reply is larger than its limit");
    *out_count = n;
    return RESP_ITEM;
}

/* An aggregate at the front of what is owed: its items are owed too. */
static enum resp_status frame_aggregate(struct resp_replies *r, enum shape shape, struct bytes text)
{
    int64_t count;
    uint64_t items;
    enum resp_status status = frame_count(r, text, shape == SHAPE_ITEMS, r->items_max, &count);

    if (status != RESP_ITEM)
        return status;
    items = count < 0 ? 0 : (uint64_t)count * (shape == SHAPE_ITEMS ? 1 : 2);
    if (items > r->items_max || r->items + items > r->items_max)
        return bad(r, "a reply has more items than its limit");
    r->items += items;
    r->missing += items;
    if (shape != SHAPE_ATTRIBUTE) /* the value it speaks of is still owed */
        r->missing--;
    return RESP_ITEM;
}

static enum resp_status frame_value(struct resp_replies *r, struct bytes data)
{
    enum shape shape = reply_types[(unsigned char)data.at[r->scanned]].shape;
    struct bytes text;
    size_t next;
    int64_t len;
    enum resp_status status;

    if (shape == SHAPE_NONE)
        return bad(r, "a reply starts with an unknown byte");
    if ((status = frame_line(r, data, &text, &next)) != RESP_ITEM)
        return status;
    if (shape == SHAPE_LINE) {
        r->missing--;
    } else if (shape == SHAPE_BLOB) {
        if ((status = frame_count(r, text, true, r->bulk_bytes_max, &len)) != RESP_ITEM)
            return status;
        if (len >= 0) {
            if (data.len - next < (uint64_t)len + 2)
                return RESP_MORE;
            next += (size_t)len + 2;
            if (data.at[next - 2] != '\r' || data.at[next - 1] != '\n')
                return bad(r, "a bulk of the reply does not end in CR LF");
        }
        r->missing--;
    } else if ((status = frame_aggregate(r, shape, text)) != RESP_ITEM) {
        return status;
    }
    r->scanned = next;
    return RESP_ITEM;
}

struct builder {
    struct resp_replies *r;
    struct bytes data;
    size_t at;
};

static struct resp_value *pool_take(struct resp_replies *r, size_t count)
{
    struct resp_value *first = r->pool + r->pool_used;

    ASSERT(r->pool_used + count <= r->pool_cap);
    r->pool_used += count;
    return first;
}

/* The line at b->at, which frame_line has accepted. */
static struct bytes take_line(struct builder *b)
{
    const char *start = b->data.at + b->at + 1;
    const char *end = memchr(start, '\n', b->data.len - b->at - 1);

    b->at = (size_t)(end - b->data.at) + 1;
    return (struct bytes){ start, (size_t)(end - 1 - start) };
}

static int64_t take_count(struct builder *b)
{
    int64_t n = 0;
    bool ok = bytes_to_i64(take_line(b), &n);

    ASSERT(ok);
    return n;
}

static bool parse_double(struct bytes text, double *out)
{
    if (bytes_is_word(text, "nan") || bytes_is_word(text, "-nan")) {
        *out = (double)NAN;
        return true;
    }
    return bytes_to_double(text, out);
}

static bool build_line(struct builder *b, struct resp_value *v)
{
    v->text = take_line(b);
    switch (v->kind) {
    case RESP_INTEGER:
        return bytes_to_i64(v->text, &v->integer);
    case RESP_DOUBLE:
        return parse_double(v->text, &v->number);
    case RESP_NULL:
        return v->text.len == 0;
    case RESP_BOOL:
        v->integer = bytes_is(v->text, "t");
        return v->integer || bytes_is(v->text, "f");
    default:
        return true;
    }
}

static bool build_blob(struct builder *b, struct resp_value *v)
{
    int64_t len = take_count(b);

    if (len < 0) {
        v->kind = RESP_NULL;
        return true;
    }
    v->text = (struct bytes){ b->data.at + b->at, (size_t)len };
    b->at += (size_t)len + 2;
    if (v->kind != RESP_VERBATIM)
        return true;
    if (len < VERBATIM_PREFIX || v->text.at[VERBATIM_PREFIX - 1] != ':')
        return false;
    v->text.at += VERBATIM_PREFIX;
    v->text.len -= VERBATIM_PREFIX;
    return true;
}

static bool build_value(struct builder *b, struct resp_value *v, int depth);

static bool build_items(struct builder *b, struct resp_value *v, size_t slots, int depth)
{
    v->items = pool_take(b->r, slots);
    for (size_t i = 0; i < slots; i++)
        if (!build_value(b, &v->items[i], depth + 1))
            return false;
    return true;
}

static bool build_value(struct builder *b, struct resp_value *v, int depth)
{
    const struct reply_type *type;
    struct resp_value ignored;
    int64_t count;

    if (depth > b->r->depth_max)
        return false;
    for (;;) {
        type = &reply_types[(unsigned char)b->data.at[b->at]];
        if (type->shape != SHAPE_ATTRIBUTE)
            break;
        if (!build_items(b, &ignored, 2 * (size_t)take_count(b), depth))
            return false;
    }
    *v = (struct resp_value){ .kind = (enum resp_kind)type->kind };
    if (type->shape == SHAPE_LINE)
        return build_line(b, v);
    if (type->shape == SHAPE_BLOB)
        return build_blob(b, v);
    count = take_count(b);
    if (count < 0) {
        v->kind = RESP_NULL;
        return true;
    }
    v->count = (size_t)count;
    return build_items(b, v, v->count * (type->shape == SHAPE_PAIRS ? 2 : 1), depth);
}

static bool pool_room(struct resp_replies *r, size_t values)
{
    struct resp_value *pool;

    if (values <= r->pool_cap)
        return true;
    pool = try_realloc(r->pool, values * sizeof *pool);
    if (!pool)
        return false;
    r->pool = pool;
    r->pool_cap = values;
    return true;
}

static void replies_begin(struct resp_replies *r)
{
    r->scanned = r->searched = 0;
    r->missing = r->items = 1;
    r->pool_used = 0;
    if (r->pool_cap > POOL_KEEP)
        resp_replies_fini(r);
}

enum resp_status resp_read_reply(struct resp_replies *r, struct bytes data,
                                 const struct resp_value **out_value, size_t *out_bytes)
{
    struct builder b = { .r = r, .data = data };
    struct resp_value *top;

    if (r->missing == 0)
        replies_begin(r);
    while (r->missing) {
        enum resp_status status = r->scanned < data.len ? frame_value(r, data) : RESP_MORE;

        if (status != RESP_ITEM)
            return status;
    }
    if (!pool_room(r, (size_t)r->items))
        return bad(r, "out of memory for a reply");
    top = pool_take(r, 1);
    if (!build_value(&b, top, 1))
        return bad(r, "malformed or too deeply nested reply");
    *out_value = top;
    *out_bytes = b.at;
    return RESP_ITEM;
}

const struct resp_value *resp_item(const struct resp_value *v, size_t i)
{
    size_t slots = v->kind == RESP_MAP ? 2 * v->count : v->count;

    return i < slots ? &v->items[i] : NULL;
}

const struct resp_value *resp_field(const struct resp_value *v, const char *name)
{
    size_t slots = v->kind == RESP_MAP ? 2 * v->count : v->count;

    for (size_t i = 0; i + 1 < slots; i += 2)
        if (bytes_is(v->items[i].text, name))
            return &v->items[i + 1];
    return NULL;
}
