/*
 * fuzz_listpack - a block from outside: what is called valid can be walked both ways alike, rebuilt
 * element by element, and changed anywhere without becoming invalid.
 *
 * The first byte says how many changes stand in front of the block, three bytes each: which, where, and what it
 * puts in.
 */
#include "node/types/listpack.h"

#include <string.h>

#include "common/alloc.h"
#include "tests/fuzz/fuzz.h"

enum {
    CHANGES_MAX = 16,
    CHANGE_BYTES = 3,
    LONGEST_TEXT = 2097152,
    MANY = 66000,
    SEEK_EVERY = 61,
    FOUND_MAX = 64,
};

/* Where the elements are, walked forwards and backwards; every few of them are sought from both ends. */
static void walk(const struct listpack *lp, size_t count)
{
    AUTO_FREE size_t *places = xmalloc((count + 1) * sizeof *places);
    size_t at = listpack_first(lp);

    for (size_t i = 0; i < count; i++, at = listpack_next(lp, at)) {
        places[i] = at;
        if (i % SEEK_EVERY)
            continue;
        ASSERT(listpack_seek(lp, (int64_t)i) == at);
        ASSERT(listpack_seek(lp, (int64_t)i - (int64_t)count) == at);
    }
    ASSERT(at == LISTPACK_END && listpack_seek(lp, (int64_t)count) == LISTPACK_END);
    at = listpack_last(lp);
    for (size_t i = count; i-- > 0; at = listpack_prev(lp, at))
        ASSERT(at == places[i]);
    ASSERT(at == LISTPACK_END);
}

/* The first of its kind stands in front of it or is it; among every other element, likewise. */
static void check_find(const struct listpack *lp, size_t at, bool even,
                       const struct listpack_needle *n)
{
    size_t first = listpack_find(lp, listpack_first(lp), n, 0);

    ASSERT(first != LISTPACK_END && first <= at && listpack_is(lp, first, n));
    first = listpack_find(lp, listpack_first(lp), n, 1);
    ASSERT(!even || (first != LISTPACK_END && first <= at && listpack_is(lp, first, n)));
}

/* What is kept as an integer reads as one; a file may also hold one as a text. */
static void check_element(const struct listpack *lp, size_t at, size_t index, struct bytes text)
{
    struct listpack_needle n = listpack_needle(text);
    int64_t v;

    if (listpack_get_int(lp, at, &v))
        ASSERT(n.is_integer && n.integer == v);
    ASSERT(listpack_is(lp, at, &n));
    if (index < FOUND_MAX)
        check_find(lp, at, index % 2 == 0, &n);
}

/* Every element again, in its shortest form, one by one and through the writer. */
static void rebuild(const struct listpack *lp)
{
    struct listpack *again = listpack_new(), *written = listpack_new();
    struct listpack_writer w;
    char scratch[LISTPACK_INT_TEXT];
    size_t count = 0, room = LISTPACK_EMPTY_BYTES, cost = LISTPACK_EMPTY_BYTES;

    for (size_t at = listpack_first(lp); at; at = listpack_next(lp, at))
        room += LISTPACK_OVERHEAD_MAX + listpack_get(lp, at, scratch).len;
    written = listpack_reserve(written, room);
    w = listpack_write(written);
    for (size_t at = listpack_first(lp); at; at = listpack_next(lp, at), count++) {
        struct bytes text = listpack_get(lp, at, scratch);

        check_element(lp, at, count, text);
        again = listpack_append(again, text);
        check_element(again, listpack_last(again), count, text);
        listpack_write_text(&w, text);
        cost += listpack_cost(text);
    }
    listpack_write_end(&w);
    ASSERT(listpack_count(again) == count && listpack_count(lp) == count);
    ASSERT(listpack_bytes(again).len == cost && cost <= listpack_bytes(lp).len);
    ASSERT(bytes_eq(listpack_bytes(again), listpack_bytes(w.lp)));
    listpack_check(again);
    listpack_free(again);
    listpack_free(w.lp);
}

/* ---- changes ------------------------------------------------------------------------------------ */

static const int64_t numbers[] = {
    0,         127,           128,
    -1,        4095,          -4096,
    4096,      -4097,         INT16_MAX,
    INT16_MIN, INT16_MAX + 1, INT16_MIN - 1,
    (1 << 23), -(1 << 23),    -(1 << 23) - 1,
    INT32_MAX, INT32_MIN,     INT32_MAX + INT64_C(1),
    INT64_MAX, INT64_MIN,
};
/* On both sides of each border of an encoding and of a back length. */
static const size_t lengths[] = { 0,    1,    63,    64,    125,   126,         4095,
                                  4096, 4097, 16377, 16378, 16379, LONGEST_TEXT };

/* What a change puts in. */
static struct bytes text_of(uint8_t what, char scratch[LISTPACK_INT_TEXT])
{
    static char letters[LONGEST_TEXT];

    if (what & 1)
        return (struct bytes){ scratch, fmt_i64(scratch, numbers[what / 2 % ARRAY_LEN(numbers)]) };
    if (!letters[0])
        memset(letters, 'x', sizeof letters);
    return (struct bytes){ letters, lengths[what / 2 % ARRAY_LEN(lengths)] };
}

struct place {
    size_t count, index, at;
    uint8_t what;
};

static struct listpack *insert(struct listpack *lp, const struct place *p)
{
    char scratch[LISTPACK_INT_TEXT];
    struct bytes text = text_of(p->what, scratch);
    struct listpack_needle n = listpack_needle(text);
    size_t bytes = listpack_bytes(lp).len;

    ASSERT(listpack_has_room(lp, listpack_cost(text)));
    lp = listpack_insert(lp, p->at, text);
    ASSERT(listpack_bytes(lp).len == bytes + listpack_cost(text));
    ASSERT(listpack_is(lp, listpack_seek(lp, (int64_t)p->index), &n));
    ASSERT(listpack_count(lp) == p->count + 1);
    return lp;
}

static struct listpack *replace(struct listpack *lp, const struct place *p)
{
    char scratch[LISTPACK_INT_TEXT];
    struct bytes text = text_of(p->what, scratch);
    struct listpack_needle n = listpack_needle(text);

    if (!p->count)
        return lp;
    lp = listpack_replace(lp, p->at, text);
    ASSERT(listpack_is(lp, p->at, &n) && listpack_count(lp) == p->count);
    return lp;
}

static struct listpack *replace_int(struct listpack *lp, const struct place *p)
{
    int64_t now, v = numbers[p->what % ARRAY_LEN(numbers)];

    if (!p->count)
        return lp;
    lp = listpack_replace_int(lp, p->at, v);
    ASSERT(listpack_get_int(lp, p->at, &now) && now == v && listpack_count(lp) == p->count);
    return lp;
}

static struct listpack *delete (struct listpack *lp, const struct place *p)
{
    size_t there = p->count - p->index, gone = p->what < there ? p->what : there;

    if (!p->count)
        return lp;
    lp = listpack_delete(lp, p->at, p->what);
    ASSERT(listpack_count(lp) == p->count - gone);
    ASSERT((listpack_settle(lp, p->at) == LISTPACK_END) == (gone == there));
    return lp;
}

/* Apart, and together again. */
static struct listpack *split(struct listpack *lp, const struct place *p)
{
    struct listpack *before = listpack_copy(lp), *rest;
    struct bytes was = listpack_bytes(before), now;

    if (p->count) {
        lp = listpack_split(lp, p->at, &rest);
        listpack_check(lp);
        listpack_check(rest);
        ASSERT(listpack_count(lp) == p->index && listpack_count(rest) == p->count - p->index);
        lp = listpack_join(lp, rest);
        now = listpack_bytes(lp);
        ASSERT(now.len == was.len &&
               !memcmp(now.at + LISTPACK_HEAD, was.at + LISTPACK_HEAD, now.len - LISTPACK_HEAD));
    }
    listpack_free(before);
    return lp;
}

/* More elements than the head can count. */
static struct listpack *write_many(struct listpack *lp, const struct place *p)
{
    size_t many = p->what == UINT8_MAX ? MANY : p->what % 8;
    struct listpack_writer w;

    lp = listpack_reserve(lp, listpack_bytes(lp).len + many * listpack_room_for_int(-1));
    w = listpack_write(lp);
    for (size_t i = 0; i < many; i++)
        listpack_write_int(&w, numbers[i % ARRAY_LEN(numbers)]);
    listpack_write_end(&w);
    ASSERT(listpack_count(w.lp) == p->count + many);
    ASSERT(listpack_held(w.lp) >= listpack_bytes(w.lp).len);
    return w.lp;
}

typedef struct listpack *change_fn(struct listpack *lp, const struct place *p);
static change_fn *const changes[] = { insert, replace, replace_int, delete, split, write_many };

static struct listpack *change(struct listpack *lp, const uint8_t *how)
{
    struct place p = { .count = listpack_count(lp), .what = how[2] };

    p.index = p.count ? how[1] % p.count : 0;
    p.at = p.count ? listpack_seek(lp, (int64_t)p.index) : LISTPACK_END;
    lp = changes[how[0] % ARRAY_LEN(changes)](lp, &p);
    listpack_check(lp);
    return lp;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    size_t count = size ? data[0] % (CHANGES_MAX + 1) : 0, head = 1 + count * CHANGE_BYTES;
    struct bytes block;
    struct listpack *lp;

    if (size < head)
        return 0;
    block = (struct bytes){ (const char *)data + head, size - head };
    if (!listpack_valid(block))
        return 0;
    lp = listpack_of(block);
    walk(lp, listpack_count(lp));
    rebuild(lp);
    for (size_t i = 0; i < count; i++)
        lp = change(lp, data + 1 + i * CHANGE_BYTES);
    listpack_free(lp);
    return 0;
}
