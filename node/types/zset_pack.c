/*
 * zset_pack - a sorted set of few members, in one block.
 */
#include <string.h>

#include "common/alloc.h"
#include "node/types/zset_inner.h"

enum {
    HEAD = offsetof(struct zset_pack, items),
    LENGTH_BITS = 6, /* of a member's first byte; the score takes 1 << what the others say */
    LENGTH_MASK = (1 << LENGTH_BITS) - 1,
    LONG_LENGTH = LENGTH_MASK, /* two bytes more say it */
    ITEM_HEAD_MAX = 1 + sizeof(uint16_t) + sizeof(double),
};

_Static_assert(ZSET_PACK_BYTES_MAX <= UINT16_MAX, "places and lengths are 16 bits wide");

/* A member taken apart. */
struct shape {
    const uint8_t *score, *text;
    unsigned size_bits; /* the score takes 1 << this */
    size_t len;
};

static const uint8_t *at_place(const struct zset_pack *p, size_t at)
{
    return (const uint8_t *)p + at;
}

static inline struct shape shape_at(const struct zset_pack *p, size_t at)
{
    const uint8_t *item = at_place(p, at);
    struct shape s = { .score = item + 1,
                       .size_bits = item[0] >> LENGTH_BITS,
                       .len = item[0] & LENGTH_MASK };
    uint16_t len;

    if (UNLIKELY(s.len == LONG_LENGTH)) {
        memcpy(&len, s.score, sizeof len);
        s.len = len;
        s.score += sizeof len;
    }
    s.text = s.score + (1u << s.size_bits);
    return s;
}

static inline size_t behind(const struct zset_pack *p, const struct shape *s)
{
    return (size_t)(s->text + s->len - (const uint8_t *)p);
}

static double score_of(const struct shape *s)
{
    int16_t two;
    int32_t four;
    double eight;

    switch (s->size_bits) {
    case 0:
        return (int8_t)s->score[0];
    case 1:
        memcpy(&two, s->score, sizeof two);
        return two;
    case 2:
        memcpy(&four, s->score, sizeof four);
        return four;
    default:
        memcpy(&eight, s->score, sizeof eight);
        return eight;
    }
}

static struct zset_item item_of(const struct shape *s)
{
    return (struct zset_item){ score_of(s), { (const char *)s->text, s->len } };
}

/* ---- writing ---- */

static unsigned size_bits_of(double score)
{
    if (!(score >= INT32_MIN && score <= INT32_MAX) || score != (int32_t)score)
        return 3;
    if (score >= INT8_MIN && score <= INT8_MAX)
        return 0;
    return score >= INT16_MIN && score <= INT16_MAX ? 1 : 2;
}

static size_t put_score(uint8_t *out, unsigned size_bits, double score)
{
    int32_t whole = size_bits < 3 ? (int32_t)score : 0;
    int16_t two = (int16_t)whole;

    switch (size_bits) {
    case 0:
        out[0] = (uint8_t)whole;
        break;
    case 1:
        memcpy(out, &two, sizeof two);
        break;
    case 2:
        memcpy(out, &whole, sizeof whole);
        break;
    default:
        memcpy(out, &score, sizeof score);
    }
    return (size_t)1 << size_bits;
}

/* All of a member but its text. */
static size_t put_head(uint8_t out[ITEM_HEAD_MAX], size_t text_len, double score)
{
    unsigned size_bits = size_bits_of(score);
    uint16_t len = (uint16_t)text_len;
    size_t size = 1;

    out[0] = (uint8_t)(size_bits << LENGTH_BITS | (len < LONG_LENGTH ? len : LONG_LENGTH));
    if (len >= LONG_LENGTH) {
        memcpy(out + 1, &len, sizeof len);
        size += sizeof len;
    }
    return size + put_score(out + size, size_bits, score);
}

/* A block grows within what the allocator has set aside, and shrinks once half of that is idle. */
static void resize(struct zset_pack **p, size_t bytes)
{
    size_t held = alloc_size(*p);

    if (bytes > held || bytes < held / 2)
        *p = xrealloc(*p, bytes);
}

static void insert(struct zset_pack **p, size_t at, struct bytes text, double score)
{
    uint8_t head[ITEM_HEAD_MAX], *place;
    size_t size = put_head(head, text.len, score), bytes = (*p)->bytes;

    resize(p, bytes + size + text.len);
    place = (uint8_t *)*p + at;
    memmove(place + size + text.len, place, bytes - at);
    memcpy(place, head, size);
    if (text.len)
        memcpy(place + size, text.at, text.len);
    (*p)->bytes = (uint16_t)(bytes + size + text.len);
    (*p)->count++;
}

static void cut(struct zset_pack *p, size_t at, size_t end, uint64_t count)
{
    memmove((uint8_t *)p + at, at_place(p, end), p->bytes - end);
    p->bytes = (uint16_t)(p->bytes - (end - at));
    p->count = (uint16_t)(p->count - count);
}

/* ---- the whole ---- */

struct zset_pack *zset_pack_new(void)
{
    struct zset_pack *p = xmalloc(sizeof *p);

    *p = (struct zset_pack){ .bytes = HEAD };
    return p;
}

struct zset_pack *zset_pack_copy(const struct zset_pack *p)
{
    struct zset_pack *copy = xmalloc(p->bytes);

    memcpy(copy, p, p->bytes);
    return copy;
}

bool zset_pack_has_room(const struct zset_pack *p, size_t text_len)
{
    return text_len <= ZSET_PACK_BYTES_MAX &&
           p->bytes + ITEM_HEAD_MAX + text_len <= ZSET_PACK_BYTES_MAX;
}

/* ---- one member ---- */

/* Names of one kind often differ in their last byte alone: it is looked at first. */
size_t zset_pack_find(const struct zset_pack *p, struct bytes text)
{
    uint8_t last = text.len ? (uint8_t)text.at[text.len - 1] : 0;

    for (size_t at = HEAD; at < p->bytes;) {
        struct shape s = shape_at(p, at);

        if (s.len == text.len &&
            (s.len == 0 || (s.text[s.len - 1] == last && memcmp(s.text, text.at, s.len - 1) == 0)))
            return at;
        at = behind(p, &s);
    }
    return PACK_END;
}

struct zset_item zset_pack_item(const struct zset_pack *p, size_t at)
{
    struct shape s = shape_at(p, at);

    return item_of(&s);
}

/* Where a member belongs that is not there. */
static size_t place_for(const struct zset_pack *p, struct bytes text, double score)
{
    struct zset_border b = { .score = score, .text = text };
    size_t at = HEAD;

    while (at < p->bytes) {
        struct shape s = shape_at(p, at);

        if (!zset_before_member(&b, item_of(&s)))
            break;
        at = behind(p, &s);
    }
    return at;
}

void zset_pack_put(struct zset_pack **p, size_t was, struct bytes text, double score)
{
    if (was != PACK_END) {
        struct shape s = shape_at(*p, was);

        cut(*p, was, behind(*p, &s), 1);
    }
    insert(p, place_for(*p, text, score), text, score);
}

void zset_pack_remove(struct zset_pack **p, size_t at, uint64_t count)
{
    size_t end = at;

    for (uint64_t i = 0; i < count; i++) {
        struct shape s = shape_at(*p, end);

        end = behind(*p, &s);
    }
    cut(*p, at, end, count);
    resize(p, (*p)->bytes);
}

/* ---- ranks ---- */

static bool before(const struct zset_border *b, struct zset_item item)
{
    switch (b->by) {
    case BORDER_SCORE:
        return zset_before_score(b, item);
    case BORDER_TEXT:
        return zset_before_text(b, item);
    default:
        return zset_before_member(b, item);
    }
}

uint64_t zset_pack_below(const struct zset_pack *p, const struct zset_border *b)
{
    uint64_t below = 0;

    for (size_t at = HEAD; at < p->bytes; below++) {
        struct shape s = shape_at(p, at);

        if (!before(b, item_of(&s)))
            break;
        at = behind(p, &s);
    }
    return below;
}

size_t zset_pack_seek(const struct zset_pack *p, uint64_t rank)
{
    size_t at = HEAD;

    while (rank--) {
        struct shape s = shape_at(p, at);

        at = behind(p, &s);
    }
    return at;
}

static void each_up(const struct zset_pack *p, uint64_t rank, uint64_t count, zset_each_fn *fn,
                    void *arg)
{
    for (size_t at = zset_pack_seek(p, rank); at < p->bytes && count; count--) {
        struct shape s = shape_at(p, at);

        if (!fn(arg, item_of(&s)))
            return;
        at = behind(p, &s);
    }
}

/* Nothing leads back: places are noted on the way up, as many as there are in one of the default size. */
static void each_down(const struct zset_pack *p, uint64_t rank, uint64_t count, zset_each_fn *fn,
                      void *arg)
{
    enum { PLACES = 128 };
    uint16_t places[PLACES];

    while (count) {
        uint64_t some = count < PLACES ? count : PLACES;
        size_t at;

        some = some <= rank ? some : rank + 1;
        at = zset_pack_seek(p, rank + 1 - some);
        for (uint64_t i = 0; i < some; i++) {
            struct shape s = shape_at(p, at);

            places[i] = (uint16_t)at;
            at = behind(p, &s);
        }
        for (uint64_t i = some; i-- > 0;)
            if (!fn(arg, zset_pack_item(p, places[i])))
                return;
        if (some > rank)
            return;
        rank -= some;
        count -= some;
    }
}

void zset_pack_each(const struct zset_pack *p, uint64_t rank, uint64_t count, bool down,
                    zset_each_fn *fn, void *arg)
{
    if (down)
        each_down(p, rank, count, fn, arg);
    else
        each_up(p, rank, count, fn, arg);
}

void zset_pack_check(const struct zset_pack *p)
{
    struct zset_border b = { .by = BORDER_MEMBER };
    uint64_t count = 0;
    size_t at = HEAD;

    ASSERT(p->bytes <= ZSET_PACK_BYTES_MAX && p->bytes <= alloc_size(p));
    for (; at < p->bytes; count++) {
        struct shape s = shape_at(p, at);
        struct zset_item item = item_of(&s);

        if (count) {
            struct zset_item previous = { b.score, b.text };

            b = (struct zset_border){ .score = item.score, .text = item.member };
            ASSERT(zset_before_member(&b, previous));
        }
        b = (struct zset_border){ .score = item.score, .text = item.member };
        at = behind(p, &s);
    }
    ASSERT(at == p->bytes && count == p->count);
}
