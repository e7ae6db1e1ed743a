/*
 * Answers for deque: after random steps it holds what an array of texts holds, both ways of walking and
 * every index agree, a copy is equal, and blocks stay within their fill; with every kind of fill.
 */
#include <string.h>

#include "common/alloc.h"
#include "node/types/deque.h"
#include "tests/check_main.h"

enum { STEPS = 6000, ELEMENTS_MAX = 2000 };

static struct buf model[ELEMENTS_MAX + 200];
static size_t count;

static void random_text(struct rng *rng, struct buf *out)
{
    size_t len = rng_below(rng, 50) ? rng_below(rng, 40) : rng_below(rng, 12000);

    out->len = 0;
    if (rng_below(rng, 4) == 0) {
        out->len = fmt_i64(buf_reserve(out, 24), (int64_t)(rng_next(rng) >> rng_below(rng, 64)));
        return;
    }
    memset(buf_reserve(out, len + 1), 'a' + (int)rng_below(rng, 3), len);
    out->len = len;
}

static void model_insert(size_t index, struct bytes text)
{
    struct buf spare = model[count];

    memmove(&model[index + 1], &model[index], (count - index) * sizeof *model);
    spare.len = 0;
    buf_add(&spare, text);
    model[index] = spare;
    count++;
}

static void model_delete(size_t index)
{
    struct buf gone = model[index];

    memmove(&model[index], &model[index + 1], (count - index - 1) * sizeof *model);
    model[--count] = gone;
}

static void compare(const struct deque *d)
{
    char scratch[LISTPACK_INT_TEXT];
    struct deque_place p;
    bool more = deque_seek(d, 0, &p);

    deque_check(d);
    ck_assert_uint_eq(d->count, count);
    for (size_t i = 0; i < count; i++, more = deque_next(d, &p)) {
        ck_assert(more);
        ck_assert(bytes_eq(deque_get(d, &p, scratch), buf_bytes(&model[i])));
    }
    ck_assert(!more);
    more = deque_seek(d, -1, &p);
    for (size_t i = count; i-- > 0; more = deque_prev(d, &p)) {
        ck_assert(more);
        ck_assert(bytes_eq(deque_get(d, &p, scratch), buf_bytes(&model[i])));
    }
    ck_assert(!more);
    ck_assert(!deque_seek(d, (int64_t)count, &p) && !deque_seek(d, -(int64_t)count - 1, &p));
}

static void fills_are_kept(const struct deque *d, int fill)
{
    for (uint32_t i = 0; i < d->used; i++) {
        const struct deque_block *b = deque_blocks(d) + i;

        ck_assert(b->count == 1 || fill < 0 || b->count <= (size_t)(fill ? fill : 1));
        ck_assert(b->count == 1 || listpack_bytes(b->pack).len <= (fill == -1 ? 4096 : 8192));
    }
}

/* Every text like the one at a random place, from one side, as LREM does. */
static void take_out(struct rng *rng, struct deque *d, int fill)
{
    bool back = rng_below(rng, 2);
    size_t index = rng_below(rng, count);
    struct deque_place p;
    bool more;

    ck_assert(deque_seek(d, (int64_t)index, &p));
    for (int n = 1 + (int)rng_below(rng, 30); n > 0; n--) {
        more = deque_take_out(d, &p, back);
        model_delete(index);
        ck_assert(more == (back ? index > 0 : index < count));
        if (!more)
            break;
        index -= back;
    }
    deque_tidy(d, &p, fill);
}

static void step(struct rng *rng, struct deque *d, int fill)
{
    size_t index = count ? rng_below(rng, count) : 0, n;
    struct deque_place p;
    struct buf text = { 0 };
    bool after = rng_below(rng, 2);

    random_text(rng, &text);
    switch (count == 0 ? 0 : count > ELEMENTS_MAX ? 1 + rng_below(rng, 3) : rng_below(rng, 12)) {
    default: {
        enum deque_end end = after ? DEQUE_BACK : DEQUE_FRONT;

        for (n = rng_below(rng, 20); n-- > 0;) {
            deque_push(d, end, buf_bytes(&text), fill);
            model_insert(end == DEQUE_BACK ? count : 0, buf_bytes(&text));
        }
        break;
    }
    case 1:
        n = 1 + rng_below(rng, rng_below(rng, 40) ? 5 : count);
        n = n > count - index ? count - index : n;
        deque_delete(d, index, n);
        while (n-- > 0)
            model_delete(index);
        break;
    case 2:
        take_out(rng, d, fill);
        break;
    case 3:
        ck_assert(deque_seek(d, (int64_t)index, &p));
        deque_replace(d, &p, buf_bytes(&text), fill);
        model[index].len = 0;
        buf_add(&model[index], buf_bytes(&text));
        break;
    case 6:
    case 7:
        ck_assert(deque_seek(d, (int64_t)index, &p));
        deque_insert(d, &p, after, buf_bytes(&text), fill);
        model_insert(index + after, buf_bytes(&text));
        break;
    }
    buf_fini(&text);
}

START_TEST(holds_what_an_array_holds)
{
    static const int fills[] = { -2, -1, 0, 1, 2, 7, 128 };
    struct rng rng;

    rng_seed(&rng, test_seed());
    for (size_t f = 0; f < ARRAY_LEN(fills); f++) {
        struct deque *d = deque_new(), *copy;

        for (int i = 0; i < STEPS / (int)ARRAY_LEN(fills); i++) {
            step(&rng, d, fills[f]);
            if (i % 8 == 0)
                compare(d);
        }
        fills_are_kept(d, fills[f]);
        copy = deque_copy(d);
        deque_free(d);
        compare(copy);
        if (count)
            deque_delete(copy, 0, count);
        count = 0;
        compare(copy);
        deque_free(copy);
    }
    for (size_t i = 0; i < ARRAY_LEN(model); i++)
        buf_fini(&model[i]);
}
END_TEST

START_TEST(a_queue_does_not_grow_with_what_passed_through)
{
    struct deque *d = deque_new();
    char text[100] = "";
    size_t most = 0;

    for (int i = 0; i < 200000; i++) {
        deque_push(d, DEQUE_BACK, (struct bytes){ text, sizeof text }, -2);
        if (d->count > 1000)
            deque_delete(d, 0, 1);
        if (deque_bytes(d) > most)
            most = deque_bytes(d);
    }
    deque_check(d);
    ck_assert_uint_lt(most, 1001 * sizeof text * 3 / 2);
    deque_free(d);
}
END_TEST

CHECK_MAIN("deque", holds_what_an_array_holds, a_queue_does_not_grow_with_what_passed_through)
