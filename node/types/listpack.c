#include "node/types/listpack.h"

#include <endian.h>
#include <string.h>

#include "common/alloc.h"

struct listpack {
    uint8_t head[LISTPACK_HEAD];
    uint8_t data[];
};

enum {
    END_BYTE = 0xff,
    TEXT_6 = 0x80,
    INT_13 = 0xc0,
    TEXT_12 = 0xe0,
    TEXT_32 = 0xf0,
    INT_16 = 0xf1,
    INT_24 = 0xf2,
    INT_32 = 0xf3,
    INT_64 = 0xf4,
    HEADER_MAX = 9, /* encoding with an integer, or encoding with a text's length */
    BACK_MAX = 5,
    INT_DIGITS_MAX = 20,
    SPARE_MAX = 256, /* bytes taken in advance */
};

/* What an element begins with: all of an integer, or a text's encoding and length. */
struct shape {
    size_t header, text; /* bytes */
    int64_t integer;
    bool is_integer;
};

static const uint8_t *at_place(const struct listpack *lp, size_t at)
{
    return (const uint8_t *)lp + at;
}

static size_t total(const struct listpack *lp)
{
    uint32_t wire;

    memcpy(&wire, lp->head, sizeof wire);
    return le32toh(wire);
}

static unsigned header_count(const struct listpack *lp)
{
    return lp->head[4] | (unsigned)lp->head[5] << 8;
}

static void set_total(struct listpack *lp, size_t bytes)
{
    uint32_t wire = htole32((uint32_t)bytes);

    ASSERT(bytes <= LISTPACK_BYTES_MAX);
    memcpy(lp->head, &wire, sizeof wire);
}

static void set_count(struct listpack *lp, size_t count)
{
    unsigned shown = count < LISTPACK_COUNT_UNKNOWN ? (unsigned)count : LISTPACK_COUNT_UNKNOWN;

    lp->head[4] = (uint8_t)shown;
    lp->head[5] = (uint8_t)(shown >> 8);
}

/* ---- one element ---- */

static int64_t little_signed(const uint8_t *p, unsigned size)
{
    uint64_t v = 0;

    for (unsigned i = 0; i < size; i++)
        v |= (uint64_t)p[i] << 8 * i;
    return (int64_t)(v << (64 - 8 * size)) >> (64 - 8 * size);
}

/* Bytes of the header that begins with this one; 0: no element begins so. */
static size_t header_of(uint8_t first)
{
    static const uint8_t wide[] = { 5, 3, 4, 5, 9 }; /* TEXT_32 and the integers behind it */

    if (first < 0xc0)
        return 1;
    if (first < TEXT_32)
        return 2;
    return first <= INT_64 ? wide[first - TEXT_32] : 0;
}

/* p holds a whole header. */
static struct shape shape_of(const uint8_t *p)
{
    struct shape s = { .header = header_of(p[0]), .is_integer = true };

    if (p[0] < TEXT_6) {
        s.integer = p[0];
    } else if (p[0] >= INT_16) {
        s.integer = little_signed(p + 1, (unsigned)s.header - 1);
    } else if (p[0] >= INT_13 && p[0] < TEXT_12) {
        unsigned v = (p[0] & 0x1fu) << 8 | p[1];

        s.integer = v < 1u << 12 ? (int64_t)v : (int64_t)v - (1 << 13);
    } else {
        s.is_integer = false;
        s.text = p[0] < INT_13 ? p[0] & 0x3fu
                 : p[0] == TEXT_32
                     ? p[1] | (size_t)p[2] << 8 | (size_t)p[3] << 16 | (size_t)p[4] << 24
                     : (p[0] & 0x0fu) << 8 | p[1];
    }
    return s;
}

/* The borders are the layout's own: one short of what the bits would hold, but for the first. */
static size_t back_size(size_t len)
{
    static const uint32_t below[] = { 128, 16383, 2097151, 268435455 };
    size_t n = 1;

    while (n < BACK_MAX && len >= below[n - 1])
        n++;
    return n;
}

static size_t put_back(uint8_t *p, size_t len)
{
    size_t n = back_size(len);

    for (size_t i = n; i-- > 0; len >>= 7)
        p[i] = (uint8_t)((len & 0x7f) | (i ? 0x80 : 0));
    return n;
}

/* The length that stands in front of `end`, and how many bytes say it. 0: nothing sensible. */
static size_t read_back(const uint8_t *end, size_t room, size_t *out_size)
{
    uint64_t len = 0;

    for (size_t i = 0; i < BACK_MAX && i < room; i++) {
        uint8_t byte = *(end - 1 - i);

        len |= (uint64_t)(byte & 0x7f) << 7 * i;
        if (!(byte & 0x80)) {
            *out_size = i + 1;
            return (size_t)len;
        }
    }
    return 0;
}

static size_t size_at(const uint8_t *p)
{
    struct shape s = shape_of(p);
    size_t len = s.header + s.text;

    return len + back_size(len);
}

static size_t put_int(uint8_t *p, int64_t v)
{
    unsigned size = v >= INT16_MIN && v <= INT16_MAX   ? 2
                    : v >= -(1 << 23) && v < 1 << 23   ? 3
                    : v >= INT32_MIN && v <= INT32_MAX ? 4
                                                       : 8;

    if (v >= 0 && v < 1 << 7) {
        p[0] = (uint8_t)v;
        return 1;
    }
    if (v >= -(1 << 12) && v < 1 << 12) {
        p[0] = (uint8_t)(INT_13 | (((uint64_t)v >> 8) & 0x1f));
        p[1] = (uint8_t)v;
        return 2;
    }
    p[0] = (uint8_t)(size == 8 ? INT_64 : INT_16 + (int)size - 2);
    for (unsigned i = 0; i < size; i++)
        p[1 + i] = (uint8_t)((uint64_t)v >> 8 * i);
    return 1 + size;
}

static size_t put_text_header(uint8_t *p, size_t len)
{
    if (len < 1u << 6) {
        p[0] = (uint8_t)(TEXT_6 | len);
        return 1;
    }
    if (len < 1u << 12) {
        p[0] = (uint8_t)(TEXT_12 | len >> 8);
        p[1] = (uint8_t)len;
        return 2;
    }
    p[0] = TEXT_32;
    for (int i = 0; i < 4; i++)
        p[1 + i] = (uint8_t)(len >> 8 * i);
    return 5;
}

/* An element about to be written. */
struct fresh {
    uint8_t header[HEADER_MAX];
    size_t header_size, size; /* size: back length included */
    struct bytes text;        /* empty for an integer */
};

struct listpack_needle listpack_needle(struct bytes text)
{
    struct listpack_needle n = { .text = text };

    n.is_integer = text.len <= INT_DIGITS_MAX && bytes_to_i64(text, &n.integer);
    return n;
}

static struct fresh fresh_of(struct bytes text)
{
    struct listpack_needle n = listpack_needle(text);
    struct fresh f = { .text = { text.at, n.is_integer ? 0 : text.len } };
    size_t len;

    ASSERT(text.len <= LISTPACK_TEXT_MAX);
    f.header_size =
        n.is_integer ? put_int(f.header, n.integer) : put_text_header(f.header, text.len);
    len = f.header_size + f.text.len;
    f.size = len + back_size(len);
    return f;
}

size_t listpack_cost(struct bytes text)
{
    return fresh_of(text).size;
}

bool listpack_has_room(const struct listpack *lp, size_t more)
{
    return more <= LISTPACK_BYTES_MAX - total(lp);
}

/* ---- the block ---- */

struct listpack *listpack_new(void)
{
    struct listpack *lp = xmalloc(LISTPACK_EMPTY_BYTES);

    set_total(lp, LISTPACK_EMPTY_BYTES);
    set_count(lp, 0);
    lp->data[0] = END_BYTE;
    return lp;
}

void listpack_free(struct listpack *lp)
{
    xfree(lp);
}

struct bytes listpack_bytes(const struct listpack *lp)
{
    return (struct bytes){ (const char *)lp, total(lp) };
}

struct listpack *listpack_of(struct bytes valid)
{
    struct listpack *lp;

    ASSERT_SLOW(listpack_valid(valid));
    lp = xmalloc(valid.len);
    memcpy(lp, valid.at, valid.len);
    return lp;
}

struct listpack *listpack_copy(const struct listpack *lp)
{
    return listpack_of(listpack_bytes(lp));
}

size_t listpack_held(const struct listpack *lp)
{
    return alloc_size(lp);
}

/* Bytes of the element at p where it is whole within room and its two lengths agree; else 0. */
static size_t valid_element(const uint8_t *p, size_t room)
{
    size_t header = header_of(p[0]), len, back, back_bytes = 0;
    struct shape s;

    if (!header || header > room)
        return 0;
    s = shape_of(p);
    if (s.text > room - header)
        return 0;
    len = header + s.text;
    back = back_size(len);
    if (back > room - len || read_back(p + len + back, back, &back_bytes) != len ||
        back_bytes != back)
        return 0;
    return len + back;
}

bool listpack_valid(struct bytes data)
{
    const struct listpack *lp = (const struct listpack *)data.at;
    size_t at = LISTPACK_HEAD, count = 0, size;

    if (data.len < LISTPACK_EMPTY_BYTES || total(lp) != data.len)
        return false;
    while (at < data.len - 1) {
        size = valid_element(at_place(lp, at), data.len - 1 - at);
        if (!size)
            return false;
        at += size;
        count++;
    }
    if (*at_place(lp, at) != END_BYTE)
        return false;
    return header_count(lp) == LISTPACK_COUNT_UNKNOWN || header_count(lp) == count;
}

void listpack_check(const struct listpack *lp)
{
    ASSERT(listpack_valid(listpack_bytes(lp)));
}

/* ---- places ---- */

size_t listpack_settle(const struct listpack *lp, size_t at)
{
    return at < total(lp) - 1 ? at : LISTPACK_END;
}

size_t listpack_first(const struct listpack *lp)
{
    return listpack_settle(lp, LISTPACK_HEAD);
}

size_t listpack_next(const struct listpack *lp, size_t at)
{
    return listpack_settle(lp, at + size_at(at_place(lp, at)));
}

/* The element that ends where `end` begins. */
static size_t before(const struct listpack *lp, size_t end)
{
    size_t back = 0, len;

    if (end == LISTPACK_HEAD)
        return LISTPACK_END;
    len = read_back(at_place(lp, end), end - LISTPACK_HEAD, &back);
    ASSERT(len && len + back <= end - LISTPACK_HEAD);
    return end - len - back;
}

size_t listpack_prev(const struct listpack *lp, size_t at)
{
    return before(lp, at);
}

size_t listpack_last(const struct listpack *lp)
{
    return before(lp, total(lp) - 1);
}

size_t listpack_count(const struct listpack *lp)
{
    size_t count = header_count(lp);

    if (LIKELY(count != LISTPACK_COUNT_UNKNOWN))
        return count;
    count = 0;
    for (size_t at = listpack_first(lp); at; at = listpack_next(lp, at))
        count++;
    return count;
}

static size_t seek_back(const struct listpack *lp, uint64_t steps)
{
    size_t at = listpack_last(lp);

    while (at && steps--)
        at = listpack_prev(lp, at);
    return at;
}

size_t listpack_seek(const struct listpack *lp, int64_t index)
{
    size_t count = header_count(lp), at;

    if (index < 0)
        return seek_back(lp, (uint64_t) - (index + 1));
    if (count != LISTPACK_COUNT_UNKNOWN && (uint64_t)index >= count / 2 + 1)
        return (uint64_t)index < count ? seek_back(lp, count - 1 - (uint64_t)index) : LISTPACK_END;
    for (at = listpack_first(lp); at && index; index--)
        at = listpack_next(lp, at);
    return at;
}

struct bytes listpack_get(const struct listpack *lp, size_t at, char *scratch)
{
    const uint8_t *p = at_place(lp, at);
    struct shape s = shape_of(p);

    if (s.is_integer)
        return (struct bytes){ scratch, fmt_i64(scratch, s.integer) };
    return (struct bytes){ (const char *)p + s.header, s.text };
}

bool listpack_get_int(const struct listpack *lp, size_t at, int64_t *out)
{
    struct shape s = shape_of(at_place(lp, at));

    if (s.is_integer)
        *out = s.integer;
    return s.is_integer;
}

/* A file may hold an integer as a text; it is still the same element. */
bool listpack_is(const struct listpack *lp, size_t at, const struct listpack_needle *n)
{
    const uint8_t *p = at_place(lp, at);
    struct shape s = shape_of(p);

    if (s.is_integer)
        return n->is_integer && s.integer == n->integer;
    return s.text == n->text.len && (s.text == 0 || memcmp(p + s.header, n->text.at, s.text) == 0);
}

size_t listpack_find(const struct listpack *lp, size_t at, const struct listpack_needle *n,
                     unsigned skip)
{
    while (at) {
        if (listpack_is(lp, at, n))
            return at;
        at = listpack_next(lp, at);
        for (unsigned i = 0; at && i < skip; i++)
            at = listpack_next(lp, at);
    }
    return LISTPACK_END;
}

/* ---- changes ---- */

/* A block grows within what the allocator has set aside, and shrinks once half of that is idle. Who keeps that
 * number (room; NULL: nobody) spares asking for it, and gets some more each time, so that it is seldom asked for. */
static struct listpack *resize(struct listpack *lp, size_t bytes, size_t *room)
{
    size_t held = room ? *room : alloc_size(lp), spare = 0;

    if (bytes <= held && bytes >= held / 2)
        return lp;
    if (room && bytes > held)
        spare = bytes / 2 < SPARE_MAX ? bytes / 2 : SPARE_MAX;
    lp = xrealloc(lp, bytes + spare);
    if (room)
        *room = alloc_size(lp);
    return lp;
}

/* The old_len bytes at a place become room for new_len. */
static struct listpack *reshape(struct listpack *lp, size_t at, size_t old_len, size_t new_len,
                                size_t *room)
{
    size_t bytes = total(lp), tail = bytes - at - old_len, after = bytes - old_len + new_len;

    ASSERT(new_len <= old_len || listpack_has_room(lp, new_len - old_len));
    if (new_len > old_len)
        lp = resize(lp, after, room);
    memmove((uint8_t *)lp + at + new_len, (uint8_t *)lp + at + old_len, tail);
    if (new_len < old_len)
        lp = resize(lp, after, room);
    set_total(lp, after);
    return lp;
}

static void write_fresh(struct listpack *lp, size_t at, const struct fresh *f)
{
    uint8_t *p = (uint8_t *)lp + at;

    memcpy(p, f->header, f->header_size);
    p += f->header_size;
    if (f->text.len)
        memcpy(p, f->text.at, f->text.len);
    put_back(p + f->text.len, f->header_size + f->text.len);
}

/* The header counts by itself up to where it gives up, and is counted anew when it may again. */
static void count_changed(struct listpack *lp, int64_t by)
{
    size_t count = header_count(lp);

    if (count != LISTPACK_COUNT_UNKNOWN)
        set_count(lp, (size_t)((int64_t)count + by));
    else if (by < 0)
        set_count(lp, listpack_count(lp));
}

struct listpack *listpack_insert_in(struct listpack *lp, size_t *room, size_t at, struct bytes text)
{
    struct fresh f = fresh_of(text);

    if (at == LISTPACK_END)
        at = total(lp) - 1;
    lp = reshape(lp, at, 0, f.size, room);
    write_fresh(lp, at, &f);
    count_changed(lp, 1);
    return lp;
}

struct listpack *listpack_insert(struct listpack *lp, size_t at, struct bytes text)
{
    return listpack_insert_in(lp, NULL, at, text);
}

struct listpack *listpack_one(struct bytes text)
{
    struct fresh f = fresh_of(text);
    struct listpack *lp = xmalloc(LISTPACK_EMPTY_BYTES + f.size);

    set_total(lp, LISTPACK_EMPTY_BYTES + f.size);
    set_count(lp, 1);
    write_fresh(lp, LISTPACK_HEAD, &f);
    lp->data[f.size] = END_BYTE;
    return lp;
}

struct listpack *listpack_append(struct listpack *lp, struct bytes text)
{
    return listpack_insert(lp, LISTPACK_END, text);
}

struct listpack *listpack_replace(struct listpack *lp, size_t at, struct bytes text)
{
    struct fresh f = fresh_of(text);

    lp = reshape(lp, at, size_at(at_place(lp, at)), f.size, NULL);
    write_fresh(lp, at, &f);
    return lp;
}

struct listpack *listpack_delete_in(struct listpack *lp, size_t *room, size_t at, size_t count)
{
    size_t end = at, deleted = 0;

    while (deleted < count && end < total(lp) - 1) {
        end += size_at(at_place(lp, end));
        deleted++;
    }
    lp = reshape(lp, at, end - at, 0, room);
    count_changed(lp, -(int64_t)deleted);
    return lp;
}

struct listpack *listpack_delete(struct listpack *lp, size_t at, size_t count)
{
    return listpack_delete_in(lp, NULL, at, count);
}

struct listpack *listpack_split(struct listpack *lp, size_t at, struct listpack **out_rest)
{
    size_t bytes = total(lp), moved = bytes - 1 - at, count = listpack_count(lp);
    struct listpack *rest = xmalloc(LISTPACK_EMPTY_BYTES + moved);

    memcpy(rest->data, at_place(lp, at), moved + 1);
    set_total(rest, LISTPACK_EMPTY_BYTES + moved);
    set_count(rest, LISTPACK_COUNT_UNKNOWN);
    set_count(rest, listpack_count(rest));
    lp = xrealloc(lp, at + 1);
    *((uint8_t *)lp + at) = END_BYTE;
    set_total(lp, at + 1);
    set_count(lp, count - listpack_count(rest));
    *out_rest = rest;
    return lp;
}

struct listpack *listpack_join(struct listpack *lp, struct listpack *rest)
{
    size_t at = total(lp) - 1, more = total(rest) - LISTPACK_EMPTY_BYTES;
    size_t count = listpack_count(lp) + listpack_count(rest);

    lp = reshape(lp, at, 0, more, NULL);
    memcpy((uint8_t *)lp + at, rest->data, more);
    set_count(lp, count);
    listpack_free(rest);
    return lp;
}

struct listpack *listpack_replace_int(struct listpack *lp, size_t at, int64_t v)
{
    struct fresh f = { .header_size = 0 };
    size_t old = size_at(at_place(lp, at));

    f.header_size = put_int(f.header, v);
    f.size = f.header_size + back_size(f.header_size);
    if (f.size != old)
        lp = reshape(lp, at, old, f.size, NULL);
    write_fresh(lp, at, &f);
    return lp;
}

/* ---- many elements at once ---- */

struct listpack *listpack_reserve(struct listpack *lp, size_t bytes)
{
    ASSERT(bytes >= total(lp));
    return xrealloc(lp, bytes);
}

struct listpack_writer listpack_write(struct listpack *lp)
{
    return (struct listpack_writer){ .lp = lp, .at = total(lp) - 1 };
}

void listpack_write_int(struct listpack_writer *w, int64_t v)
{
    uint8_t *p = (uint8_t *)w->lp + w->at;
    size_t len = put_int(p, v);

    w->at += len + put_back(p + len, len);
    w->count++;
}

void listpack_write_text(struct listpack_writer *w, struct bytes text)
{
    uint8_t *p = (uint8_t *)w->lp + w->at;
    struct listpack_needle n = listpack_needle(text);
    size_t len;

    if (n.is_integer) {
        listpack_write_int(w, n.integer);
        return;
    }
    len = put_text_header(p, text.len);
    if (text.len)
        memcpy(p + len, text.at, text.len);
    len += text.len;
    w->at += len + put_back(p + len, len);
    w->count++;
}

void listpack_write_end(struct listpack_writer *w)
{
    *((uint8_t *)w->lp + w->at) = END_BYTE;
    set_total(w->lp, w->at + 1);
    count_changed(w->lp, (int64_t)w->count);
}
