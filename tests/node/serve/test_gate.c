/*
 * gate: random clients write, need offsets and are acknowledged, beside a model that keeps for every
 * byte the offset it waits for. What may leave is compared after every step; a fake source of
 * acknowledgements moves on at random.
 */
#include <string.h>

#include "tests/check_main.h"
#include "common/alloc.h"
#include "common/out.h"
#include "node/serve/gate.h"

enum { CLIENTS = 7, STEPS = 20000, BYTES_MAX = 1 << 20 };

struct client {
    struct gate_client gate;
    struct out out;
    uint64_t *needs; /* of each byte ever written: itself and all before it wait for this offset */
    uint64_t written, turn_start, turn_needs;
};

static size_t sendable(const struct out *o)
{
    struct iovec pieces[64];
    int count = out_pieces(o, pieces, 64);
    size_t len = 0;

    for (int i = 0; i < count; i++)
        len += pieces[i].iov_len;
    return len;
}

/* Bytes that the model lets leave: up to the first one that waits. */
static uint64_t model_sendable(const struct client *c, uint64_t acked)
{
    uint64_t at = c->out.sent;

    while (at < c->written && c->needs[at] <= acked)
        at++;
    return at - c->out.sent;
}

static void end_turn(struct gate *g, struct client *clients, uint64_t acked)
{
    for (int i = 0; i < CLIENTS; i++) {
        struct client *c = &clients[i];

        if (c->turn_needs > acked) /* a turn's bytes leave together */
            for (uint64_t b = c->turn_start; b < c->written; b++)
                c->needs[b] = c->turn_needs;
        c->turn_start = c->written;
        c->turn_needs = 0;
    }
    gate_turn_ended(g, 0, 0);
}

START_TEST(nothing_leaves_early_and_nothing_stays)
{
    struct client *clients = xcalloc(CLIENTS, sizeof *clients);
    uint64_t acked = 0, next = 0;
    struct gate g;
    struct rng r;

    rng_seed(&r, test_seed());
    gate_init(&g, NULL, NULL);
    gate_demand(&g, GATE_FILE, true);
    for (int i = 0; i < CLIENTS; i++) {
        clients[i].needs = xcalloc(BYTES_MAX, sizeof(uint64_t));
        gate_join(&g, &clients[i].gate, &clients[i].out);
    }
    for (int step = 0; step < STEPS; step++) {
        struct client *c = &clients[rng_below(&r, CLIENTS)];
        size_t len = rng_below(&r, 40);

        switch (rng_below(&r, 4)) {
        case 0:
        case 1: { /* a reply, which may need an offset up to the tip */
            uint64_t need = rng_below(&r, 3) ? 0 : next + 1 - rng_below(&r, next - acked + 1);

            if (need)
                next = need > next ? need : next;
            memset(out_reserve(&c->out, len + 1), 'x', len);
            out_commit(&c->out, len);
            c->written += len;
            gate_note(&g, &c->gate, need);
            if (need > c->turn_needs && out_pending(&c->out))
                c->turn_needs = need;
            break;
        }
        case 2:
            end_turn(&g, clients, acked);
            for (int i = 0; i < CLIENTS; i++) {
                size_t can = sendable(&clients[i].out);

                ck_assert_uint_le(can, model_sendable(&clients[i], acked));
                if (g.parked_entries == 0)
                    ck_assert_uint_eq(can, clients[i].written - clients[i].out.sent);
                out_sent(&clients[i].out, rng_below(&r, can + 1));
            }
            break;
        case 3:
            acked += rng_below(&r, next - acked + 1);
            gate_acked(&g, GATE_FILE, acked);
            break;
        }
        gate_check(&g);
    }
    end_turn(&g, clients, acked);
    gate_acked(&g, GATE_FILE, next);
    for (int i = 0; i < CLIENTS; i++) {
        ck_assert_uint_eq(sendable(&clients[i].out), clients[i].written - clients[i].out.sent);
        gate_forget(&g, &clients[i].gate);
        out_fini(&clients[i].out);
        xfree(clients[i].needs);
    }
    gate_fini(&g);
    xfree(clients);
}
END_TEST

static void count_release(void *arg, struct out *out)
{
    (void)out;
    ++*(int *)arg;
}

START_TEST(opening_releases_everything)
{
    struct gate_client a, b;
    struct out out_a = { 0 }, out_b = { 0 };
    int released = 0;
    struct gate g;

    gate_init(&g, count_release, &released);
    gate_demand(&g, GATE_FILE, true);
    gate_join(&g, &a, &out_a);
    gate_join(&g, &b, &out_b);
    out_append(&out_a, "one", 3);
    gate_note(&g, &a, 10);
    out_append(&out_b, "two", 3);
    gate_note(&g, &b, 20);
    gate_turn_ended(&g, 0, 0);
    ck_assert_uint_eq(sendable(&out_a), 0);
    gate_acked(&g, GATE_FILE, 10);
    ck_assert_uint_eq(sendable(&out_a), 3);
    ck_assert_uint_eq(sendable(&out_b), 0);
    gate_demand(&g, GATE_FILE, false);
    ck_assert_uint_eq(sendable(&out_b), 3);
    ck_assert_int_eq(released, 2);
    gate_forget(&g, &a);
    gate_forget(&g, &b);
    gate_fini(&g);
    out_fini(&out_a);
    out_fini(&out_b);
}
END_TEST

START_TEST(a_client_that_leaves_takes_its_entries_along)
{
    struct gate_client a;
    struct out out = { 0 };
    struct gate g;

    gate_init(&g, NULL, NULL);
    gate_demand(&g, GATE_FILE, true);
    gate_join(&g, &a, &out);
    out_append(&out, "x", 1);
    gate_note(&g, &a, 5);
    gate_turn_ended(&g, 0, 0);
    out_append(&out, "y", 1);
    gate_note(&g, &a, 6);
    gate_forget(&g, &a);
    gate_forget(&g, &a);
    ck_assert_uint_eq(g.parked_entries, 0);
    gate_acked(&g, GATE_FILE, 100);
    gate_fini(&g);
    out_fini(&out);
}
END_TEST

START_TEST(the_least_of_what_is_demanded_counts)
{
    struct gate_client a;
    struct out out = { 0 };
    struct gate g;

    gate_init(&g, NULL, NULL);
    gate_join(&g, &a, &out);
    gate_acked(&g, GATE_FILE, 7); /* nobody demands it: remembered, and no more */
    ck_assert(g.open);
    gate_demand(&g, GATE_FILE, true);
    gate_demand(&g, GATE_FOLLOWERS, true);
    ck_assert_uint_eq(g.acked, 0);
    out_append(&out, "x", 1);
    gate_note(&g, &a, 5);
    gate_turn_ended(&g, 0, 0);
    ck_assert(gate_holds(&a));
    gate_acked(&g, GATE_FILE, 9);
    ck_assert_uint_eq(sendable(&out), 0);
    gate_acked(&g, GATE_FOLLOWERS, 4);
    ck_assert_uint_eq(sendable(&out), 0);
    gate_demand(&g, GATE_FOLLOWERS, false);
    ck_assert_uint_eq(sendable(&out), 1);
    ck_assert(!gate_holds(&a));
    ck_assert(!g.open);
    gate_rewind(&g, 2);
    gate_note(&g, &a, 3);
    gate_turn_ended(&g, 0, 0);
    ck_assert(gate_holds(&a));
    gate_acked(&g, GATE_FILE, 3);
    ck_assert(!gate_holds(&a));
    gate_forget(&g, &a);
    gate_fini(&g);
    out_fini(&out);
}
END_TEST

START_TEST(no_flush_in_the_middle_of_a_turn_is_early)
{
    struct out out = { 0 };
    struct gate_client a;
    struct gate g;

    gate_init(&g, NULL, NULL);
    gate_demand(&g, GATE_FOLLOWERS, true);
    gate_join(&g, &a, &out);
    out_append(&out, "x", 1);
    gate_note(&g, &a, 5);
    ck_assert_uint_eq(sendable(&out), 0);
    gate_acked(&g, GATE_FOLLOWERS, 5); /* within the same turn */
    gate_turn_ended(&g, 0, 0);
    ck_assert_uint_eq(sendable(&out), 1);
    out_sent(&out, 1);
    out_append(&out, "y", 1);
    gate_note(&g, &a, 6);
    gate_turn_ended(&g, 0, 0);
    out_append(&out, "z", 1);
    gate_note(&g, &a, 7);
    gate_acked(&g, GATE_FOLLOWERS, 6); /* lets y go, and not what has come behind it */
    ck_assert_uint_eq(sendable(&out), 1);
    gate_check(&g);
    gate_demand(&g, GATE_FOLLOWERS, false);
    ck_assert_uint_eq(sendable(&out), 2);
    gate_forget(&g, &a);
    gate_fini(&g);
    out_fini(&out);
}
END_TEST

START_TEST(what_is_held_waits_for_the_end_of_its_unit)
{
    struct out out_a = { 0 }, out_b = { 0 };
    struct gate_client a, b;
    struct gate g;

    gate_init(&g, NULL, NULL);
    gate_join(&g, &a, &out_a);
    gate_join(&g, &b, &out_b);
    out_append(&out_a, "-", 1);
    gate_hold(&g, &a); /* nothing is demanded */
    ck_assert_uint_eq(sendable(&out_a), 1);
    out_sent(&out_a, 1);
    gate_demand(&g, GATE_FOLLOWERS, true);
    out_append(&out_a, "event", 5);
    gate_hold(&g, &a);
    gate_hold(&g, &a);
    out_append(&out_b, "event", 5);
    gate_hold(&g, &b);
    gate_check(&g);
    ck_assert_uint_eq(sendable(&out_a) + sendable(&out_b), 0);
    gate_held_need(&g, 9);
    gate_turn_ended(&g, 0, 0);
    ck_assert_uint_eq(sendable(&out_a) + sendable(&out_b), 0);
    gate_acked(&g, GATE_FOLLOWERS, 9);
    ck_assert_uint_eq(sendable(&out_a) + sendable(&out_b), 10);
    gate_hold(&g, &b);
    gate_held_need(&g, 9); /* acknowledged already */
    ck_assert_uint_eq(sendable(&out_b), 5);
    ck_assert(!gate_holds(&b));
    gate_hold(&g, &a);
    gate_hold(&g, &b);
    gate_forget(&g, &b);
    gate_demand(&g, GATE_FOLLOWERS, false);
    ck_assert_uint_eq(sendable(&out_a), 5);
    gate_forget(&g, &a);
    gate_fini(&g);
    out_fini(&out_a);
    out_fini(&out_b);
}
END_TEST

START_TEST(who_hears_no_replies_waits_for_none)
{
    struct out out = { 0 };
    struct gate_client a;
    struct gate g;

    gate_init(&g, NULL, NULL);
    gate_demand(&g, GATE_FOLLOWERS, true);
    gate_join(&g, &a, &out);
    gate_note(&g, &a, 5);
    ck_assert(!gate_holds(&a));
    out_append(&out, "x", 1);
    gate_turn_ended(&g, 0, 0);
    ck_assert_uint_eq(sendable(&out), 1);
    gate_forget(&g, &a);
    gate_fini(&g);
    out_fini(&out);
}
END_TEST

START_TEST(the_one_that_has_waited_longest_is_overdue)
{
    struct out out_a = { 0 }, out_b = { 0 };
    struct gate_client a, b;
    struct gate g;

    gate_init(&g, NULL, NULL);
    gate_demand(&g, GATE_FILE, true);
    gate_demand(&g, GATE_FOLLOWERS, true);
    gate_join(&g, &a, &out_a);
    gate_join(&g, &b, &out_b);
    out_append(&out_a, "x", 1);
    gate_note(&g, &a, 20);
    gate_turn_ended(&g, 1000, 0);
    out_append(&out_b, "x", 1);
    gate_note(&g, &b, 10); /* less is needed, and has come later */
    gate_turn_ended(&g, 2000, 0);
    ck_assert_ptr_null(gate_overdue(&g, GATE_FOLLOWERS, 999));
    ck_assert_ptr_eq(gate_overdue(&g, GATE_FOLLOWERS, 1000), &a);
    gate_acked(&g, GATE_FOLLOWERS, 20); /* now they wait for the file */
    ck_assert_ptr_null(gate_overdue(&g, GATE_FOLLOWERS, 3000));
    ck_assert_ptr_eq(gate_overdue(&g, GATE_FILE, 3000), &a);
    gate_forget(&g, &a);
    ck_assert_ptr_eq(gate_overdue(&g, GATE_FILE, 3000), &b);
    gate_forget(&g, &b);
    gate_fini(&g);
    out_fini(&out_a);
    out_fini(&out_b);
}
END_TEST

START_TEST(who_asks_waits_for_a_beat_too)
{
    struct gate_client a = { 0 }, b = { 0 };
    struct out out_a = { 0 }, out_b = { 0 };
    struct gate g;

    gate_init(&g, NULL, NULL);
    gate_demand(&g, GATE_FOLLOWERS, true);
    gate_join(&g, &a, &out_a);
    gate_join(&g, &b, &out_b);
    gate_acked(&g, GATE_FOLLOWERS, 100);
    out_append(&out_a, "read", 4);
    gate_ask(&g, &a, 50);
    out_append(&out_b, "write", 5);
    gate_note(&g, &b, 200);
    ck_assert(g.asked);
    gate_turn_ended(&g, 0, 7);
    ck_assert(!g.asked);
    ck_assert_uint_eq(sendable(&out_a), 0);
    gate_acked(&g, GATE_FOLLOWERS, 200);
    gate_check(&g);
    ck_assert_uint_eq(sendable(&out_b), 0); /* one queue */
    gate_answered(&g, 6);
    ck_assert_uint_eq(sendable(&out_a), 0);
    gate_answered(&g, 7);
    ck_assert_uint_eq(sendable(&out_a), 4);
    ck_assert_uint_eq(sendable(&out_b), 5);
    /* One that was answered within the turn holds nobody. */
    out_append(&out_a, "again", 5);
    gate_ask(&g, &a, 0);
    gate_answered(&g, 8);
    gate_turn_ended(&g, 0, 8);
    ck_assert_uint_eq(sendable(&out_a), 9);
    gate_check(&g);
    gate_forget(&g, &a);
    gate_forget(&g, &b);
    gate_fini(&g);
    out_fini(&out_a);
    out_fini(&out_b);
}
END_TEST

START_TEST(a_new_demand_begins_with_nothing)
{
    struct gate_client a = { 0 };
    struct out out = { 0 };
    struct gate g;

    gate_init(&g, NULL, NULL);
    gate_join(&g, &a, &out);
    gate_demand(&g, GATE_FOLLOWERS, true);
    gate_acked(&g, GATE_FOLLOWERS, 1000);
    gate_demand(&g, GATE_FOLLOWERS, false);
    gate_forget_mark(&g, GATE_FOLLOWERS);
    gate_demand(&g, GATE_FOLLOWERS, true);
    out_append(&out, "x", 1);
    gate_note(&g, &a, 500);
    gate_turn_ended(&g, 0, 0);
    ck_assert_uint_eq(sendable(&out), 0);
    gate_acked(&g, GATE_FOLLOWERS, 500);
    ck_assert_uint_eq(sendable(&out), 1);
    gate_forget(&g, &a);
    gate_fini(&g);
    out_fini(&out);
}
END_TEST

CHECK_MAIN("gate", who_asks_waits_for_a_beat_too, a_new_demand_begins_with_nothing,
           no_flush_in_the_middle_of_a_turn_is_early, what_is_held_waits_for_the_end_of_its_unit,
           who_hears_no_replies_waits_for_none, the_one_that_has_waited_longest_is_overdue,
           the_least_of_what_is_demanded_counts, nothing_leaves_early_and_nothing_stays,
           opening_releases_everything, a_client_that_leaves_takes_its_entries_along)
