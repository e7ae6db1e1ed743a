/*
 * fuzz_listpack - a block from outside: what is called valid can be walked both ways alike, rebuilt
 * element by element, and changed anywhere without becoming invalid. The first byte chooses where.
 */
#include "node/types/listpack.h"

#include "common/err.h"
#include "tests/fuzz/fuzz.h"

static void walk_back(const struct listpack *lp, size_t count)
{
    size_t at = listpack_last(lp);

    for (size_t i = count; i-- > 0; at = listpack_prev(lp, at))
        ASSERT(at == listpack_seek(lp, (int64_t)i));
    ASSERT(at == LISTPACK_END);
}

/* Every element again, in its shortest form. */
static struct listpack *rebuild(const struct listpack *lp)
{
    struct listpack *again = listpack_new();
    char scratch[LISTPACK_INT_TEXT];
    size_t count = 0;

    for (size_t at = listpack_first(lp); at; at = listpack_next(lp, at), count++) {
        struct bytes text = listpack_get(lp, at, scratch);
        struct listpack_needle n = listpack_needle(text);

        ASSERT(listpack_is(lp, at, &n));
        again = listpack_append(again, text);
        ASSERT(listpack_is(again, listpack_last(again), &n));
    }
    ASSERT(listpack_count(again) == count && listpack_count(lp) == count);
    listpack_check(again);
    return again;
}

static struct listpack *change(struct listpack *lp, uint8_t choice)
{
    size_t count = listpack_count(lp);
    size_t at = count ? listpack_seek(lp, (int64_t)(choice % count)) : LISTPACK_END;
    struct listpack *rest;

    lp = listpack_insert(lp, at, BYTES("inserted"));
    listpack_check(lp);
    at = listpack_seek(lp, count ? (int64_t)(choice % count) : 0);
    lp = listpack_replace(lp, at, BYTES("-70000"));
    listpack_check(lp);
    lp = listpack_split(lp, at, &rest);
    listpack_check(lp);
    listpack_check(rest);
    lp = listpack_join(lp, rest);
    lp = listpack_delete(lp, at, 1 + choice % 3);
    listpack_check(lp);
    return lp;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct bytes block;
    struct listpack *lp;

    if (!size)
        return 0;
    block = (struct bytes){ (const char *)data + 1, size - 1 };
    if (!listpack_valid(block))
        return 0;
    lp = listpack_of(block);
    walk_back(lp, listpack_count(lp));
    listpack_free(rebuild(lp));
    listpack_free(change(lp, data[0]));
    return 0;
}
