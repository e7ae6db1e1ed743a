#include "node/types/old_packs.h"

#include <string.h>

enum {
    ZIPLIST_HEAD = 10,
    ZIPLIST_COUNT_UNKNOWN = 65535,
    ZIPMAP_COUNT_UNKNOWN = 254,
    PACK_END = 0xff,
    LONG_LENGTH = 0xfe, /* four bytes of length follow */
};

static uint64_t little(const uint8_t *p, unsigned size)
{
    uint64_t v = 0;

    for (unsigned i = 0; i < size; i++)
        v |= (uint64_t)p[i] << 8 * i;
    return v;
}

/* What is left to read. */
struct rest {
    const uint8_t *at;
    size_t len;
};

static const uint8_t *take(struct rest *r, size_t n)
{
    const uint8_t *p = r->at;

    if (n > r->len)
        return NULL;
    r->at += n;
    r->len -= n;
    return p;
}

/* ---- ziplist ---- */

/* The length of the entry before, as this one states it. */
static bool take_previous(struct rest *r, uint64_t *out)
{
    const uint8_t *p = take(r, 1);

    if (!p || *p == PACK_END)
        return false;
    *out = *p;
    if (*p != LONG_LENGTH)
        return true;
    p = take(r, 4);
    if (p)
        *out = little(p, 4);
    return p;
}

static bool take_text_len(struct rest *r, uint8_t first, uint64_t *out)
{
    const uint8_t *p;

    switch (first >> 6) {
    case 0:
        *out = first & 0x3f;
        return true;
    case 1:
        p = take(r, 1);
        if (p)
            *out = (uint64_t)(first & 0x3f) << 8 | *p;
        return p;
    default:
        p = take(r, 4);
        if (p)
            *out = (uint64_t)p[0] << 24 | (uint64_t)p[1] << 16 | (uint64_t)p[2] << 8 | p[3];
        return p && first == 0x80;
    }
}

static bool take_integer(struct rest *r, uint8_t first, int64_t *out)
{
    static const struct {
        uint8_t first, size;
    } kinds[] = { { 0xc0, 2 }, { 0xd0, 4 }, { 0xe0, 8 }, { 0xf0, 3 }, { 0xfe, 1 } };

    if (first >= 0xf1 && first <= 0xfd) {
        *out = first - 0xf1;
        return true;
    }
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
        const uint8_t *p;
        unsigned shift = 64 - 8u * kinds[i].size;

        if (kinds[i].first != first)
            continue;
        p = take(r, kinds[i].size);
        if (p)
            *out = (int64_t)(little(p, kinds[i].size) << shift) >> shift;
        return p;
    }
    return false;
}

static bool take_entry(struct rest *r, char *scratch, struct bytes *out)
{
    const uint8_t *first = take(r, 1), *text;
    uint64_t len;
    int64_t v;

    if (!first)
        return false;
    if (*first >= 0xc0) {
        if (!take_integer(r, *first, &v))
            return false;
        *out = (struct bytes){ scratch, fmt_i64(scratch, v) };
        return true;
    }
    if (!take_text_len(r, *first, &len))
        return false;
    text = take(r, len);
    *out = (struct bytes){ (const char *)text, (size_t)len };
    return text;
}

bool ziplist_each(struct bytes blob, old_pack_fn *fn, void *arg)
{
    const uint8_t *head = (const uint8_t *)blob.at;
    struct rest r = { head + ZIPLIST_HEAD, blob.len - ZIPLIST_HEAD - 1 };
    size_t before = 0, count = 0, last = ZIPLIST_HEAD;
    char scratch[24];

    if (blob.len < ZIPLIST_HEAD + 1 || little(head, 4) != blob.len ||
        head[blob.len - 1] != PACK_END)
        return false;
    for (; r.len; count++) {
        const uint8_t *from = r.at;
        uint64_t previous;
        struct bytes text;

        if (!take_previous(&r, &previous) || previous != before ||
            !take_entry(&r, scratch, &text) || !fn(arg, text))
            return false;
        before = (size_t)(r.at - from);
        last = (size_t)(from - head);
    }
    return little(head + 4, 4) == last &&
           (little(head + 8, 2) == ZIPLIST_COUNT_UNKNOWN || little(head + 8, 2) == count);
}

/* ---- zipmap ---- */

static bool take_map_text(struct rest *r, bool value, struct bytes *out)
{
    const uint8_t *p = take(r, 1), *text;
    uint64_t len, slack = 0;

    if (!p || *p == PACK_END)
        return false;
    len = *p;
    if (len == LONG_LENGTH) {
        p = take(r, 4);
        if (!p)
            return false;
        len = little(p, 4);
    }
    if (value) {
        p = take(r, 1);
        if (!p)
            return false;
        slack = *p;
    }
    text = take(r, len);
    *out = (struct bytes){ (const char *)text, (size_t)len };
    return text && take(r, slack);
}

bool zipmap_each(struct bytes blob, old_pack_fn *fn, void *arg)
{
    const uint8_t *head = (const uint8_t *)blob.at;
    struct rest r = { head + 1, blob.len - 2 };
    size_t count = 0;

    if (blob.len < 2 || head[blob.len - 1] != PACK_END)
        return false;
    for (; r.len; count++) {
        struct bytes field, value;

        if (!take_map_text(&r, false, &field) || !take_map_text(&r, true, &value) ||
            !fn(arg, field) || !fn(arg, value))
            return false;
    }
    return head[0] >= ZIPMAP_COUNT_UNKNOWN || head[0] == count;
}
