/*
 * Answers for listpack: after random steps the block holds what an array of texts holds, every way of
 * walking agrees, and it is valid to the last byte; every cut and most flips of a byte are refused, and
 * what is not refused can be read to its end; bytes made by redis-server 7.0 read as what was put in.
 */
#include <string.h>

#include "common/alloc.h"
#include "node/types/listpack.h"
#include "tests/check_main.h"

enum { STEPS = 20000, TEXTS_MAX = 300 };

static struct buf model[TEXTS_MAX + 2];
static size_t count;

static void random_text(struct rng *rng, struct buf *out)
{
    static const int64_t edges[] = { 0,         127,         128,        -1,         4095,
                                     4096,      -4096,       -4097,      32767,      32768,
                                     -32768,    -32769,      8388607,    8388608,    -8388608,
                                     -8388609,  2147483647,  2147483648, INT64_MAX,  INT64_MIN,
                                     123456789, -2147483648, 65535,      -2147483649 };
    static const size_t lens[] = { 0,   1,    5,    62,   63,    64,    125,  126,
                                   127, 4094, 4095, 4096, 16377, 16378, 16379 };
    size_t len;

    out->len = 0;
    switch (rng_below(rng, 5)) {
    case 0:
        out->len = fmt_i64(buf_reserve(out, 24), edges[rng_below(rng, ARRAY_LEN(edges))]);
        return;
    case 1:
        buf_puts(out, rng_below(rng, 2) ? "007" : "-0");
        return;
    case 2:
        len = rng_below(rng, 20) ? rng_below(rng, 70) : lens[rng_below(rng, ARRAY_LEN(lens))];
        break;
    default:
        len = rng_below(rng, 9);
        break;
    }
    if (len) /* an empty text may have no place */
        memset(buf_reserve(out, len), 'a' + (int)rng_below(rng, 26), len);
    out->len = len;
}

static void compare(const struct listpack *lp)
{
    char scratch[LISTPACK_INT_TEXT];
    size_t at = listpack_first(lp), back = listpack_last(lp);

    listpack_check(lp);
    ck_assert_uint_eq(listpack_count(lp), count);
    for (size_t i = 0; i < count; i++, at = listpack_next(lp, at)) {
        ck_assert(at != LISTPACK_END);
        ck_assert(bytes_eq(listpack_get(lp, at, scratch), buf_bytes(&model[i])));
    }
    ck_assert(at == LISTPACK_END);
    for (size_t i = count; i-- > 0; back = listpack_prev(lp, back))
        ck_assert(bytes_eq(listpack_get(lp, back, scratch), buf_bytes(&model[i])));
    ck_assert(back == LISTPACK_END);
}

static void model_insert(size_t index, const struct buf *text)
{
    struct buf last = model[count];

    memmove(&model[index + 1], &model[index], (count - index) * sizeof *model);
    model[index] = last; /* its storage is used again */
    model[index].len = 0;
    buf_add(&model[index], buf_bytes(text));
    count++;
}

static void model_delete(size_t index, size_t n)
{
    for (; n-- > 0 && index < count; count--) {
        struct buf gone = model[index];

        memmove(&model[index], &model[index + 1], (count - index - 1) * sizeof *model);
        model[count - 1] = gone;
    }
}

static struct listpack *split_and_join(struct listpack *lp, size_t at)
{
    struct listpack *rest;

    lp = listpack_split(lp, at, &rest);
    listpack_check(lp);
    listpack_check(rest);
    return listpack_join(lp, rest);
}

/* A text and an integer behind the last element, through a writer. */
static struct listpack *write_two(struct rng *rng, struct listpack *lp, const struct buf *text)
{
    int64_t v = (int64_t)rng_next(rng) >> rng_below(rng, 64);
    struct buf digits = { 0 };
    struct listpack_writer w;

    lp = listpack_reserve(lp, listpack_bytes(lp).len + listpack_room_for_text(text->len) +
                                  listpack_room_for_int(v));
    w = listpack_write(lp);
    listpack_write_text(&w, buf_bytes(text));
    listpack_write_int(&w, v);
    listpack_write_end(&w);
    buf_printf(&digits, "%lld", (long long)v);
    model_insert(count, text);
    model_insert(count, &digits);
    buf_fini(&digits);
    return lp;
}

static struct listpack *replace_int(struct rng *rng, struct listpack *lp, size_t index, size_t at)
{
    int64_t v = (int64_t)rng_next(rng) >> rng_below(rng, 64);

    model[index].len = 0;
    buf_printf(&model[index], "%lld", (long long)v);
    return listpack_replace_int(lp, at, v);
}

static struct listpack *step(struct rng *rng, struct listpack *lp)
{
    size_t index = count ? rng_below(rng, count) : 0, at = listpack_seek(lp, (int64_t)index);
    size_t n = 1 + rng_below(rng, 4);
    struct buf text = { 0 };

    random_text(rng, &text);
    ck_assert(count == 0 || at == listpack_seek(lp, (int64_t)index - (int64_t)count));
    switch (rng_below(rng, count > TEXTS_MAX - 2 ? 4 : 8)) {
    case 0:
        if (at) {
            lp = listpack_delete(lp, at, n);
            model_delete(index, n);
        }
        break;
    case 1:
        if (at) {
            lp = listpack_replace(lp, at, buf_bytes(&text));
            model[index].len = 0;
            buf_add(&model[index], buf_bytes(&text));
        }
        break;
    case 2:
        if (at)
            lp = split_and_join(lp, at);
        break;
    case 3:
        if (at)
            lp = replace_int(rng, lp, index, at);
        break;
    case 4:
        lp = write_two(rng, lp, &text);
        break;
    case 5:
        lp = listpack_append(lp, buf_bytes(&text));
        model_insert(count, &text);
        break;
    default:
        lp = listpack_insert(lp, at, buf_bytes(&text));
        model_insert(index, &text);
        break;
    }
    buf_fini(&text);
    return lp;
}

/* The first element equal to a text, as the model knows it. */
static void find(struct rng *rng, const struct listpack *lp)
{
    struct buf text = { 0 };
    struct listpack_needle n;
    size_t found, i;

    random_text(rng, &text);
    n = listpack_needle(buf_bytes(&text));
    found = listpack_find(lp, listpack_first(lp), &n, 1);
    for (i = 0; i < count && !bytes_eq(buf_bytes(&model[i]), buf_bytes(&text)); i += 2)
        ;
    ck_assert_uint_eq(found, i < count ? listpack_seek(lp, (int64_t)i) : LISTPACK_END);
    buf_fini(&text);
}

START_TEST(holds_what_an_array_holds)
{
    struct listpack *lp = listpack_new(), *copy;
    struct rng rng;

    rng_seed(&rng, test_seed());
    for (int i = 0; i < STEPS; i++) {
        lp = step(&rng, lp);
        if (i % 16 == 0)
            compare(lp);
        find(&rng, lp);
    }
    ck_assert(listpack_seek(lp, (int64_t)count) == LISTPACK_END);
    ck_assert(listpack_seek(lp, -(int64_t)count - 1) == LISTPACK_END);
    copy = listpack_copy(lp);
    ck_assert(bytes_eq(listpack_bytes(copy), listpack_bytes(lp)));
    listpack_free(copy);
    listpack_free(lp);
    for (size_t i = 0; i < ARRAY_LEN(model); i++)
        buf_fini(&model[i]);
}
END_TEST

START_TEST(counts_beyond_what_its_header_says)
{
    struct listpack *lp = listpack_new();

    for (size_t i = 0; i < 65540; i++) {
        lp = listpack_append(lp, BYTES("7"));
        if (i > 65530)
            ck_assert_uint_eq(listpack_count(lp), i + 1);
    }
    ck_assert_uint_eq(listpack_seek(lp, 65539), listpack_last(lp));
    lp = listpack_delete(lp, listpack_first(lp), 10);
    ck_assert_uint_eq(listpack_count(lp), 65530);
    listpack_check(lp);
    listpack_free(lp);
}
END_TEST

static void read_to_the_end(struct bytes valid)
{
    struct listpack *lp = listpack_of(valid);
    char scratch[LISTPACK_INT_TEXT];
    size_t seen = 0;

    for (size_t at = listpack_last(lp); at; at = listpack_prev(lp, at), seen++)
        ck_assert(listpack_get(lp, at, scratch).len < valid.len + LISTPACK_INT_TEXT);
    ck_assert_uint_eq(seen, listpack_count(lp));
    listpack_free(lp);
}

START_TEST(damage_is_refused_or_harmless)
{
    struct listpack *lp = listpack_new();
    struct buf text = { 0 };
    struct rng rng;

    rng_seed(&rng, test_seed());
    for (int i = 0; i < 40; i++) {
        random_text(&rng, &text);
        lp = listpack_append(lp, buf_bytes(&text));
    }
    for (int i = 0; i < 3000; i++) {
        struct bytes whole = listpack_bytes(lp);
        char *damaged = xmalloc(whole.len);
        size_t at = rng_below(&rng, whole.len);

        memcpy(damaged, whole.at, whole.len);
        ck_assert(!listpack_valid((struct bytes){ damaged, at }));
        damaged[at] ^= (char)(1 << rng_below(&rng, 8));
        if (listpack_valid((struct bytes){ damaged, whole.len }))
            read_to_the_end((struct bytes){ damaged, whole.len });
        else
            ck_assert(memcmp(damaged, whole.at, whole.len) != 0);
        xfree(damaged);
    }
    buf_fini(&text);
    listpack_free(lp);
}
END_TEST

/* The blob of RPUSH l 1 -1 hello 5000 "" 3000000000, taken from DUMP. */
START_TEST(reads_bytes_of_redis)
{
    static const struct bytes blob =
        BYTES("\x23\x00\x00\x00\x06\x00\x01\x01\xdf\xff\x02\x85hello\x06\xf1\x88\x13"
              "\x03\x80\x01\xf4\x00\x5e\xd0\xb2\x00\x00\x00\x00\x09\xff");
    static const char *const texts[] = { "1", "-1", "hello", "5000", "", "3000000000" };
    struct listpack *lp, *mine = listpack_new();
    char scratch[LISTPACK_INT_TEXT];
    size_t at;

    ck_assert(listpack_valid(blob));
    lp = listpack_of(blob);
    at = listpack_first(lp);
    for (size_t i = 0; i < ARRAY_LEN(texts); i++, at = listpack_next(lp, at)) {
        ck_assert(bytes_is(listpack_get(lp, at, scratch), texts[i]));
        mine = listpack_append(mine, bytes_of(texts[i]));
    }
    ck_assert(bytes_eq(listpack_bytes(mine), blob));
    listpack_free(lp);
    listpack_free(mine);
}
END_TEST

/* An element of 16383 bytes has a back length of three, as redis-server 7.0 writes it. */
START_TEST(the_border_of_back_lengths_is_that_of_redis)
{
    static char text[16378];
    struct listpack *lp = listpack_append(listpack_new(), (struct bytes){ text, sizeof text });
    struct bytes all = listpack_bytes(lp);

    ck_assert_uint_eq(all.len, LISTPACK_EMPTY_BYTES + 5 + sizeof text + 3);
    ck_assert(memcmp(all.at + all.len - 4, "\x00\xff\xff\xff", 4) == 0);
    listpack_free(lp);
}
END_TEST

CHECK_MAIN("listpack", holds_what_an_array_holds, counts_beyond_what_its_header_says,
           damage_is_refused_or_harmless, reads_bytes_of_redis,
           the_border_of_back_lengths_is_that_of_redis)
