#include "node/keyspace/entry.h"

#include <string.h>

#include "common/alloc.h"

/* type: 3 bits, form: 2, then the flags. */
enum {
    FORM_SHIFT = 3,
    TYPE_MASK = 7,
    FORM_MASK = 3,
    HAS_EXPIRY = 0x20,
    RAW = 0x40,
    WIDE_KEY = 0x80
};

enum {
    KEY_SHORT_MAX = 255,
    SLOW_BLOB_BYTES = 256 * 1024, /* the allocator gives pages back to the kernel here and there */
    MUCH_ZERO_BYTES = 256 * 1024,
    SLOW_BLOCKS = 64,
    CACHE_LINE_BYTES = 64,
};

struct entry {
    uint8_t kind;
    uint8_t mark;
    uint8_t clock[3];
    uint8_t key_len;   /* unless WIDE_KEY */
    uint16_t text_len; /* FORM_TEXT; FORM_APART: enum value_need; else 0 */
    uint64_t rest[];
};

_Static_assert(sizeof(struct entry) == ENTRY_HEADER_BYTES, "a header of eight bytes");

/* What decides how an entry is laid out. */
struct shape {
    enum value_type type;
    enum value_form form;
    bool has_expiry, raw;
    size_t key_len, text_len; /* as in the header */
};

static bool has_expiry(const struct entry *e)
{
    return e->kind & HAS_EXPIRY;
}

static size_t *wide_key(const struct entry *e)
{
    return (size_t *)&e->rest[has_expiry(e)];
}

static uint64_t *word_of(const struct entry *e)
{
    return (uint64_t *)&e->rest[has_expiry(e) + !!(e->kind & WIDE_KEY)];
}

static size_t key_len(const struct entry *e)
{
    return e->kind & WIDE_KEY ? *wide_key(e) : e->key_len;
}

static char *key_at(const struct entry *e)
{
    return (char *)(word_of(e) + (entry_form(e) != FORM_TEXT));
}

static char *text_at(const struct entry *e)
{
    return key_at(e) + key_len(e);
}

static struct blob *blob_of(const struct entry *e)
{
    return (struct blob *)(uintptr_t)*word_of(e);
}

static struct shape shape_of(const struct entry *e)
{
    return (struct shape){ .type = entry_type(e),
                           .form = entry_form(e),
                           .has_expiry = has_expiry(e),
                           .raw = entry_raw(e),
                           .key_len = key_len(e),
                           .text_len = e->text_len };
}

static size_t shape_bytes(const struct shape *s)
{
    size_t words = (size_t)s->has_expiry + (s->key_len > KEY_SHORT_MAX) + (s->form != FORM_TEXT);

    return sizeof(struct entry) + words * 8 + s->key_len + (s->form == FORM_TEXT ? s->text_len : 0);
}

/* Everything of the header that the shape says; the clock and the mark stay. */
static void set_shape(struct entry *e, const struct shape *s)
{
    bool wide = s->key_len > KEY_SHORT_MAX;

    e->kind =
        (uint8_t)((unsigned)s->type | (unsigned)s->form << FORM_SHIFT |
                  (s->has_expiry ? HAS_EXPIRY : 0u) | (s->raw ? RAW : 0u) | (wide ? WIDE_KEY : 0u));
    e->key_len = wide ? 0 : (uint8_t)s->key_len;
    e->text_len = (uint16_t)s->text_len;
    if (wide)
        *wide_key(e) = s->key_len;
}

static struct blob *blob_new(struct bytes text, size_t room)
{
    struct blob *b = xmalloc(sizeof *b + room);

    b->len = text.len;
    b->cap = room;
    memcpy(b->data, text.at, text.len);
    return b;
}

/* A text that is too long to stand behind a key becomes a blob, which is then the caller's. */
static struct value settled(const struct value *value)
{
    struct value v = *value;

    if (v.form == FORM_TEXT && v.text.len > ENTRY_TEXT_MAX) {
        v.form = FORM_BLOB;
        v.blob = blob_new(value->text, value->text.len);
    }
    return v;
}

/* The value into an entry whose shape is set already. */
static void store(struct entry *e, const struct value *v)
{
    switch (v->form) {
    case FORM_INT:
        memcpy(word_of(e), &v->integer, sizeof v->integer);
        return;
    case FORM_TEXT:
        if (v->text.len)
            memcpy(text_at(e), v->text.at, v->text.len);
        return;
    case FORM_BLOB:
    case FORM_APART:
        *word_of(e) = (uint64_t)(uintptr_t)v->apart;
        return;
    }
}

struct value value_of_text(struct bytes text)
{
    struct value v = { .type = VALUE_STRING, .form = FORM_TEXT, .text = text };
    int64_t integer;

    if (text.len <= 20 && bytes_to_i64(text, &integer))
        return value_of_int(integer);
    return v;
}

struct value value_of_int(int64_t v)
{
    return (struct value){ .type = VALUE_STRING, .form = FORM_INT, .integer = v };
}

struct value value_of_block(struct buf block)
{
    struct value v = { .type = VALUE_STRING, .form = FORM_BLOB, .apart = block.at };

    ASSERT(block.len > sizeof *v.blob + ENTRY_TEXT_MAX);
    v.blob->len = block.len - sizeof *v.blob;
    v.blob->cap = block.cap - sizeof *v.blob;
    return v;
}

struct bytes entry_key(const struct entry *e)
{
    return (struct bytes){ key_at(e), key_len(e) };
}

enum value_type entry_type(const struct entry *e)
{
    return (enum value_type)(e->kind & TYPE_MASK);
}

enum value_form entry_form(const struct entry *e)
{
    return (enum value_form)(e->kind >> FORM_SHIFT & FORM_MASK);
}

int64_t entry_expiry_ms(const struct entry *e)
{
    return has_expiry(e) ? (int64_t)e->rest[0] : NO_EXPIRY;
}

struct bytes entry_text(const struct entry *e, char *scratch)
{
    int64_t integer;

    ASSERT(entry_type(e) == VALUE_STRING);
    if (entry_int(e, &integer))
        return (struct bytes){ scratch, fmt_i64(scratch, integer) };
    if (entry_form(e) == FORM_BLOB)
        return (struct bytes){ blob_of(e)->data, blob_of(e)->len };
    return (struct bytes){ text_at(e), e->text_len };
}

size_t entry_text_len(const struct entry *e)
{
    char scratch[ENTRY_INT_TEXT];

    return entry_text(e, scratch).len;
}

bool entry_int(const struct entry *e, int64_t *out)
{
    if (entry_form(e) != FORM_INT)
        return false;
    memcpy(out, word_of(e), sizeof *out);
    return true;
}

bool entry_raw(const struct entry *e)
{
    return e->kind & RAW;
}

void *entry_apart(const struct entry *e)
{
    ASSERT(entry_form(e) == FORM_APART);
    return (void *)(uintptr_t)*word_of(e);
}

void entry_set_apart(struct entry *e, void *apart)
{
    ASSERT(entry_form(e) == FORM_APART);
    *word_of(e) = (uint64_t)(uintptr_t)apart;
}

size_t entry_own_bytes(const struct entry *e)
{
    return alloc_size(e) + (entry_form(e) == FORM_BLOB ? alloc_size(blob_of(e)) : 0);
}

size_t entry_bytes(const struct entry *e, const struct value_ops *ops)
{
    size_t apart = entry_form(e) == FORM_APART && ops ? ops->bytes(entry_apart(e)) : 0;

    return entry_own_bytes(e) + apart;
}

static int64_t clamped(int64_t expiry_ms)
{
    return expiry_ms < 0 ? 0 : expiry_ms;
}

struct entry *entry_new(struct bytes key, const struct value *value, int64_t expiry_ms)
{
    struct value v = settled(value);
    struct shape s = { .type = v.type,
                       .form = v.form,
                       .has_expiry = expiry_ms != NO_EXPIRY,
                       .raw = v.raw,
                       .key_len = key.len,
                       .text_len = v.form == FORM_TEXT ? v.text.len : 0 };
    struct entry *e = xmalloc(shape_bytes(&s));

    *e = (struct entry){ 0 };
    set_shape(e, &s);
    if (s.has_expiry)
        e->rest[0] = (uint64_t)clamped(expiry_ms);
    if (key.len) /* an empty key may be nowhere */
        memcpy(key_at(e), key.at, key.len);
    store(e, &v);
    return e;
}

static void free_apart(struct entry *e, const struct value_ops *ops)
{
    if (entry_form(e) == FORM_BLOB)
        xfree(blob_of(e));
    else if (entry_form(e) == FORM_APART)
        ops->free(entry_apart(e));
}

void entry_free(struct entry *e, const struct value_ops *ops)
{
    free_apart(e, ops);
    xfree(e);
}

struct value entry_take(struct entry *e)
{
    struct value v = { .type = entry_type(e), .form = entry_form(e), .raw = entry_raw(e) };

    if (v.form == FORM_TEXT)
        v.text = entry_text(e, NULL);
    else
        memcpy(&v.integer, word_of(e), sizeof v.integer);
    return v;
}

void entry_forget(struct entry *e)
{
    xfree(e);
}

/* Changes the layout: keeps key, expiry, clock and mark; the value is to be stored by the caller.
 * */
static struct entry *reshape(struct entry *e, const struct shape *s)
{
    size_t need = shape_bytes(s), have = alloc_size(e);
    const char *old_key = key_at(e);
    struct entry *target = e;

    if (need > have || need <= have / 2) {
        target = xmalloc(need);
        *target = *e;
        if (s->has_expiry && has_expiry(e))
            target->rest[0] = e->rest[0];
        set_shape(target, s);
        memcpy(key_at(target), old_key, s->key_len);
        xfree(e);
        return target;
    }
    if (s->key_len > KEY_SHORT_MAX) {
        /* The wide length lies before the key and may land on its first bytes: move the key first.
         * */
        size_t words = (size_t)s->has_expiry + 1 + (s->form != FORM_TEXT);

        memmove((char *)(e->rest + words), old_key, s->key_len);
        set_shape(e, s);
        return e;
    }
    set_shape(e, s);
    memmove(key_at(e), old_key, s->key_len);
    return e;
}

struct entry *entry_set(struct entry *e, const struct value *value)
{
    struct value v = settled(value);
    struct shape s = shape_of(e);

    ASSERT(s.type == VALUE_STRING && v.type == VALUE_STRING);
    free_apart(e, NULL);
    s.form = v.form;
    s.raw = v.raw;
    s.text_len = v.form == FORM_TEXT ? v.text.len : 0;
    e = reshape(e, &s);
    store(e, &v);
    return e;
}

bool entry_fetch(const struct entry *e)
{
    if (entry_form(e) != FORM_BLOB && entry_form(e) != FORM_APART)
        return false;
    FETCH((const char *)(uintptr_t)*word_of(e));
    FETCH((const char *)(uintptr_t)*word_of(e) + CACHE_LINE_BYTES);
    return true;
}

bool entry_set_alike(struct entry *e, const struct value *value)
{
    if (value->type != VALUE_STRING || entry_type(e) != VALUE_STRING ||
        value->form != entry_form(e) || value->raw != entry_raw(e) || value->form > FORM_TEXT ||
        (value->form == FORM_TEXT && value->text.len != e->text_len))
        return false;
    store(e, value);
    return true;
}

struct entry *entry_set_expiry(struct entry *e, int64_t expiry_ms)
{
    struct shape s = shape_of(e);
    struct value v;
    char text[ENTRY_TEXT_MAX];

    if (expiry_ms != NO_EXPIRY && s.has_expiry) {
        e->rest[0] = (uint64_t)clamped(expiry_ms);
        return e;
    }
    if (expiry_ms == NO_EXPIRY && !s.has_expiry)
        return e;
    v = entry_take(e);
    if (v.form == FORM_TEXT) { /* what stands behind the key would be run over */
        memcpy(text, v.text.at, v.text.len);
        v.text.at = text;
    }
    s.has_expiry = expiry_ms != NO_EXPIRY;
    e = reshape(e, &s);
    if (s.has_expiry)
        e->rest[0] = (uint64_t)clamped(expiry_ms);
    store(e, &v);
    return e;
}

/* Room to spare, so that appending again and again is linear. */
static size_t blob_room(size_t len)
{
    const size_t much = 1024 * 1024;

    return len < much ? len * 2 : len + len / 8;
}

/* Zeros that the system gives are not touched: a bit set far behind the end costs what stood there, and
 * not what it skips. */
static struct blob *blob_with_zeros(struct bytes text, size_t len)
{
    size_t room = blob_room(len);
    struct blob *b = xcalloc(1, sizeof *b + room);

    b->len = len;
    b->cap = room;
    memcpy(b->data, text.at, text.len);
    return b;
}

static struct entry *edit_blob(struct entry *e, size_t len, char **out_text)
{
    struct blob *b = blob_of(e);

    if (len > b->cap && len - b->len >= MUCH_ZERO_BYTES) {
        struct blob *longer = blob_with_zeros((struct bytes){ b->data, b->len }, len);

        xfree(b);
        b = longer;
        *word_of(e) = (uint64_t)(uintptr_t)b;
    } else if (len > b->cap) {
        size_t room = blob_room(len);

        b = xrealloc(b, sizeof *b + room);
        b->cap = room;
        *word_of(e) = (uint64_t)(uintptr_t)b;
    }
    if (len > b->len) {
        memset(b->data + b->len, 0, len - b->len);
        b->len = len;
    }
    e->kind |= RAW;
    *out_text = b->data;
    return e;
}

struct entry *entry_edit(struct entry *e, size_t len, char **out_text)
{
    char copy[ENTRY_TEXT_MAX], scratch[ENTRY_INT_TEXT];
    struct bytes text;
    struct value v = { .type = VALUE_STRING, .form = FORM_TEXT, .raw = true };

    if (entry_form(e) == FORM_BLOB)
        return edit_blob(e, len, out_text);
    text = entry_text(e, scratch);
    if (len < text.len)
        len = text.len;
    if (len > ENTRY_TEXT_MAX) {
        v.form = FORM_BLOB;
        v.blob = blob_with_zeros(text, len);
        *out_text = v.blob->data;
        return entry_set(e, &v);
    }
    memcpy(copy, text.at, text.len);
    memset(copy + text.len, 0, len - text.len);
    v.text = (struct bytes){ copy, len };
    e = entry_set(e, &v);
    *out_text = text_at(e);
    return e;
}

bool entry_is_slow_to_free(const struct entry *e, const struct value_ops *ops)
{
    if (entry_form(e) == FORM_BLOB)
        return blob_of(e)->cap >= SLOW_BLOB_BYTES;
    if (entry_form(e) != FORM_APART)
        return false;
    return (ops->blocks ? ops->blocks : ops->length)(entry_apart(e)) > SLOW_BLOCKS;
}

uint8_t entry_mark(const struct entry *e)
{
    return e->mark;
}

void entry_set_mark(struct entry *e, uint8_t mark)
{
    e->mark = mark;
}

uint32_t entry_clock(const struct entry *e)
{
    return (uint32_t)e->clock[0] | (uint32_t)e->clock[1] << 8 | (uint32_t)e->clock[2] << 16;
}

void entry_set_clock(struct entry *e, uint32_t clock)
{
    e->clock[0] = (uint8_t)clock;
    e->clock[1] = (uint8_t)(clock >> 8);
    e->clock[2] = (uint8_t)(clock >> 16);
}

enum value_need entry_need(const struct entry *e)
{
    return entry_form(e) == FORM_APART ? (enum value_need)e->text_len : NEED_NOTHING;
}

void entry_set_need(struct entry *e, enum value_need need)
{
    ASSERT(entry_form(e) == FORM_APART);
    e->text_len = (uint16_t)need;
}
