#include "node/types/intset.h"

#include <endian.h>
#include <string.h>

#include "common/alloc.h"

struct intset {
    uint32_t width, count; /* little endian, as everything here */
    char data[];
};

static uint32_t width_of(const struct intset *s)
{
    return le32toh(s->width);
}

static uint32_t needed_width(int64_t v)
{
    return v >= INT16_MIN && v <= INT16_MAX ? 2 : v >= INT32_MIN && v <= INT32_MAX ? 4 : 8;
}

static int64_t get(const struct intset *s, uint32_t width, size_t index)
{
    uint64_t wire = 0;

    memcpy(&wire, s->data + index * width, width);
    wire = le64toh(wire);
    return width == 2 ? (int16_t)wire : width == 4 ? (int32_t)wire : (int64_t)wire;
}

static void put(struct intset *s, uint32_t width, size_t index, int64_t v)
{
    uint64_t wire = htole64((uint64_t)v);

    memcpy(s->data + index * width, &wire, width);
}

struct intset *intset_new(void)
{
    struct intset *s = xmalloc(sizeof *s);

    *s = (struct intset){ .width = htole32(2) };
    return s;
}

struct intset *intset_of(struct bytes valid)
{
    struct intset *s = xmalloc(valid.len);

    memcpy(s, valid.at, valid.len);
    return s;
}

struct intset *intset_copy(const struct intset *s)
{
    return intset_of(intset_bytes(s));
}

bool intset_valid(struct bytes data)
{
    AUTO_FREE struct intset *s = NULL; /* the bytes may lie at any address */
    uint32_t width;

    if (data.len < sizeof *s)
        return false;
    s = intset_of(data);
    width = width_of(s);
    if ((width != 2 && width != 4 && width != 8) ||
        data.len - sizeof *s != (uint64_t)width * intset_count(s))
        return false;
    for (size_t i = 1; i < intset_count(s); i++) {
        if (get(s, width, i - 1) >= get(s, width, i))
            return false;
    }
    return true;
}

struct bytes intset_bytes(const struct intset *s)
{
    return (struct bytes){ (const char *)s, sizeof *s + width_of(s) * intset_count(s) };
}

size_t intset_count(const struct intset *s)
{
    return le32toh(s->count);
}

int64_t intset_at(const struct intset *s, size_t index)
{
    return get(s, width_of(s), index);
}

/* The first index whose integer is not below v. */
static size_t lower_bound(const struct intset *s, int64_t v)
{
    size_t low = 0, high = intset_count(s);
    uint32_t width = width_of(s);

    while (low < high) {
        size_t middle = low + (high - low) / 2;

        if (get(s, width, middle) < v)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static bool is_at(const struct intset *s, size_t index, int64_t v)
{
    return index < intset_count(s) && intset_at(s, index) == v;
}

bool intset_has(const struct intset *s, int64_t v)
{
    return is_at(s, lower_bound(s, v), v);
}

static struct intset *resize(struct intset *s, uint32_t width, size_t count)
{
    s = xrealloc(s, sizeof *s + width * count);
    s->count = htole32((uint32_t)count);
    return s;
}

/* From the last to the first, so that none is overwritten before it was read. */
static struct intset *widen(struct intset *s, uint32_t width)
{
    uint32_t before = width_of(s);
    size_t count = intset_count(s);

    s = resize(s, width, count);
    for (size_t i = count; i-- > 0;)
        put(s, width, i, get(s, before, i));
    s->width = htole32(width);
    return s;
}

bool intset_add(struct intset **set, int64_t v)
{
    struct intset *s = *set;
    size_t at = lower_bound(s, v), count = intset_count(s);
    uint32_t width;

    if (is_at(s, at, v))
        return false;
    ASSERT(count < INTSET_COUNT_MAX);
    if (needed_width(v) > width_of(s))
        s = widen(s, needed_width(v));
    width = width_of(s);
    s = resize(s, width, count + 1);
    memmove(s->data + (at + 1) * width, s->data + at * width, (count - at) * width);
    put(s, width, at, v);
    *set = s;
    return true;
}

bool intset_remove(struct intset **set, int64_t v)
{
    struct intset *s = *set;
    size_t at = lower_bound(s, v), count = intset_count(s);
    uint32_t width = width_of(s);

    if (!is_at(s, at, v))
        return false;
    memmove(s->data + at * width, s->data + (at + 1) * width, (count - at - 1) * width);
    *set = resize(s, width, count - 1);
    return true;
}
