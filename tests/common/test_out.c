/*
 * out: a queue of chunks against one big array that remembers every byte ever written. Random writes,
 * reservations, marks, partial sends, moves between two queues; after each step what may leave, what is
 * pending and where positions stand must agree.
 */
#include <string.h>

#include "tests/check_main.h"
#include "common/alloc.h"
#include "common/out.h"

enum { MODEL_MAX = 8 << 20, PIECES = 64 };

struct model {
    char *bytes;
    uint64_t written, sent, mark; /* mark UINT64_MAX: none */
};

static char noise[200000];

static void model_write(struct model *m, const void *data, size_t len)
{
    ck_assert(m->written + len <= MODEL_MAX);
    memcpy(m->bytes + m->written, data, len);
    m->written += len;
}

static size_t pieces_total(const struct iovec *pieces, int n)
{
    size_t total = 0;

    for (int i = 0; i < n; i++)
        total += pieces[i].iov_len;
    return total;
}

static void agree(const struct out *o, const struct model *m)
{
    struct iovec pieces[PIECES];
    uint64_t end = m->mark == UINT64_MAX ? m->written : m->mark, at = m->sent;
    int n = out_pieces(o, pieces, PIECES);

    ck_assert_uint_eq(out_written(o), m->written);
    ck_assert_uint_eq(out_pending(o), m->written - m->sent);
    for (int i = 0; i < n; i++) {
        ck_assert(pieces[i].iov_len > 0);
        ck_assert(at + pieces[i].iov_len <= end);
        ck_assert(memcmp(pieces[i].iov_base, m->bytes + at, pieces[i].iov_len) == 0);
        at += pieces[i].iov_len;
    }
    ck_assert(at == end || n == PIECES);
}

static void write_some(struct out *o, struct model *m, struct rng *r)
{
    size_t len = rng_below(r, 8) ? rng_below(r, 300) : rng_below(r, 40000);
    const char *from = noise + rng_below(r, sizeof noise - len);

    if (rng_below(r, 2)) {
        out_append(o, from, len);
    } else {
        size_t used = rng_below(r, (uint32_t)len + 1);
        char *room = out_reserve(o, len);

        if (used)
            memcpy(room, from, used);
        out_commit(o, used);
        len = used;
    }
    model_write(m, from, len);
}

static void send_some(struct out *o, struct model *m, struct rng *r)
{
    struct iovec pieces[PIECES];
    size_t most = pieces_total(pieces, out_pieces(o, pieces, PIECES));
    size_t len = rng_below(r, 3) ? rng_below(r, (uint32_t)most + 1) : most;

    out_sent(o, len);
    m->sent += len;
}

static void mark_some(struct out *o, struct model *m, struct rng *r)
{
    if (rng_below(r, 2)) {
        m->mark = m->sent + rng_below(r, (uint32_t)(m->written - m->sent) + 1);
        out_set_mark(o, m->mark);
    } else {
        m->mark = UINT64_MAX;
        out_set_mark(o, UINT64_MAX);
    }
}

static void move_all(struct out *dst, struct model *to, struct out *src, struct model *from)
{
    out_set_mark(src, UINT64_MAX);
    from->mark = UINT64_MAX;
    out_move(dst, src);
    model_write(to, from->bytes + from->sent, (size_t)(from->written - from->sent));
    from->sent = from->written;
}

START_TEST(agrees_with_one_big_array)
{
    struct rng r;
    struct out o[2] = { 0 };
    struct model m[2] = { 0 };
    size_t before = alloc_used_bytes();

    rng_seed(&r, test_seed());
    random_bytes(noise, sizeof noise);
    for (int i = 0; i < 2; i++) {
        m[i].bytes = malloc(MODEL_MAX);
        m[i].mark = UINT64_MAX;
    }
    for (int step = 0; step < 20000; step++) {
        int k = (int)rng_below(&r, 2);

        if (m[0].written > MODEL_MAX / 2 - 100000 || m[1].written > MODEL_MAX / 2 - 100000)
            break;
        switch (rng_below(&r, 12)) {
        case 0:
            move_all(&o[k], &m[k], &o[!k], &m[!k]);
            break;
        case 1:
            mark_some(&o[k], &m[k], &r);
            break;
        case 2:
            out_relax(&o[k]);
            break;
        case 3:
        case 4:
        case 5:
        case 6:
            send_some(&o[k], &m[k], &r);
            break;
        default:
            write_some(&o[k], &m[k], &r);
        }
        agree(&o[0], &m[0]);
        agree(&o[1], &m[1]);
    }
    for (int i = 0; i < 2; i++) {
        struct buf all = { 0 };

        out_copy(&o[i], &all);
        ck_assert_uint_eq(all.len, m[i].written - m[i].sent);
        ck_assert(all.len == 0 || memcmp(all.at, m[i].bytes + m[i].sent, all.len) == 0);
        buf_fini(&all);
        out_fini(&o[i]);
        free(m[i].bytes);
    }
    ck_assert_uint_eq(alloc_used_bytes(), before);
}
END_TEST

START_TEST(steady_conversation_allocates_nothing)
{
    struct out o = { 0 };
    size_t held;

    out_append(&o, "+PONG\r\n", 7);
    held = out_memory(&o);
    for (int i = 0; i < 10000; i++) {
        out_append(&o, "+PONG\r\n", 7);
        out_sent(&o, 7);
        ck_assert_uint_eq(out_memory(&o), held * (1 + (out_memory(&o) > held)));
    }
    ck_assert(out_memory(&o) <= 2 * OUT_CHUNK);
    out_sent(&o, 7);
    out_relax(&o);
    ck_assert_uint_eq(out_memory(&o), 0);
    ck_assert_uint_eq(out_written(&o), 7 * 10001);
    out_fini(&o);
}
END_TEST

START_TEST(large_moves_hand_chunks_over)
{
    struct out a = { 0 }, b = { 0 };
    char *big = xcalloc(1, 100000);

    out_append(&a, "head", 4);
    out_append(&b, big, 100000);
    out_move(&a, &b);
    ck_assert_uint_eq(out_pending(&a), 100004);
    ck_assert_uint_eq(out_memory(&b), 0);
    ck_assert_uint_eq(out_pending(&b), 0);
    out_append(&b, "x", 1);
    ck_assert_uint_eq(out_written(&b), 100001);
    xfree(big);
    out_fini(&a);
    out_fini(&b);
}
END_TEST

START_TEST(a_pile_takes_all_chunks)
{
    size_t before = alloc_used_bytes();
    struct out_pile pile = { 0 };
    struct out o[3] = { 0 };
    char *big = xcalloc(1, 100000);
    int freed = 0;

    out_append(&o[0], big, 10);
    for (int i = 0; i < 4; i++)
        out_append(&o[1], big, 100000);
    out_sent(&o[1], 150000);
    for (int i = 0; i < 3; i++)
        out_fini_to(&o[i], &pile); /* the third was never used */
    for (int i = 0; i < 3; i++)
        ck_assert_uint_eq(out_memory(&o[i]) + out_pending(&o[i]), 0);
    while (out_pile_free_one(&pile))
        freed++;
    ck_assert_int_ge(freed, 1 + 3);
    xfree(big);
    ck_assert_uint_eq(alloc_used_bytes(), before);
}
END_TEST

CHECK_MAIN("out", agrees_with_one_big_array, steady_conversation_allocates_nothing,
           large_moves_hand_chunks_over, a_pile_takes_all_chunks)
