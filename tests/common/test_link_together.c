/*
 * Many links in one system call: each is told its own bytes, in the order in which they came, whatever an owner does to the
 * others meanwhile; each reply arrives once; and what a batch cannot do for one link, that link does for itself.
 */
#include "common/link_batch.h"
#include "common/link_private.h"

#include <errno.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/alloc.h"
#include "tests/check_main.h"

enum { MANY = 3 * LINK_BATCH + 5, BULK = 3 * LINK_BATCH_ROOM + 7 };

struct end {
    struct link *link;
    int peer; /* the other end's descriptor */
    int place, closed;
    enum link_why why;
    struct buf got;
};

static struct ev_loop *loop;
static struct end ends[MANY];
static int places;
static void (*first)(void); /* what the first to be read does to the others */

static struct link_system *sys(void)
{
    return ev_userdata(loop);
}

static void on_input(struct link *l)
{
    struct end *e = l->owner;

    if (!places++ && first)
        first();
    if (!e->place)
        e->place = places;
    buf_add(&e->got, link_input(l));
    link_consume(l, link_input(l).len);
    out_append(&l->out, "done", 4);
    link_wrote(l);
}

static void on_closed(struct link *l)
{
    struct end *e = l->owner;

    e->closed++;
    e->why = l->why;
    e->link = NULL;
}

static const struct link_ops ops = { .on_input = on_input, .on_closed = on_closed };

/* False: this machine has none, and there is nothing to be shown. */
static bool begin(void)
{
    loop = ev_loop_new(EVFLAG_AUTO);
    link_system_init(loop);
    places = 0;
    first = NULL;
    if (!link_use_batches(loop)) {
        ck_assert(errno == ENOSYS || errno == EPERM || errno == EACCES);
        return false;
    }
    for (int i = 0; i < MANY; i++) {
        int fds[2];

        ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, fds),
                         0);
        ends[i] = (struct end){ .peer = fds[1] };
        ends[i].link = link_new(loop, fds[0], NULL, true, &ops, &ends[i]);
    }
    return true;
}

static void finish(void)
{
    ck_assert(sys()->together || !sys()->batch);
    link_system_fini(loop);
    ev_loop_destroy(loop);
    for (int i = 0; i < MANY; i++) {
        if (ends[i].peer >= 0)
            close(ends[i].peer);
        buf_fini(&ends[i].got);
    }
}

static void turn(void)
{
    ev_run(loop, EVRUN_NOWAIT);
}

/* libev hears of 64 in the first one, and of more in the next. */
static void turns(void)
{
    for (int n = 0; n < 10; n++)
        turn();
}

static void say(struct end *e, const char *text)
{
    ck_assert_int_eq(send(e->peer, text, strlen(text), 0), (int)strlen(text));
}

static void all_say_their_number(void)
{
    char text[32];

    for (int i = 0; i < MANY; i++) {
        snprintf(text, sizeof text, "number %d", i);
        say(&ends[i], text);
    }
}

static void expect_got(const struct end *e, int number)
{
    char text[32];

    snprintf(text, sizeof text, "number %d", number);
    ck_assert_int_eq((int)e->got.len, (int)strlen(text));
    ck_assert(memcmp(e->got.at, text, e->got.len) == 0);
}

static void expect_answer(const struct end *e)
{
    char text[32];

    ck_assert_int_eq(recv(e->peer, text, sizeof text, 0), 4);
    ck_assert(memcmp(text, "done", 4) == 0);
    ck_assert_int_eq(recv(e->peer, text, sizeof text, 0), -1);
}

static void nothing_of_the_batch_is_left_to_be_received(void)
{
    for (int i = 1; i < LINK_BATCH; i++) {
        int bytes = -1;

        ck_assert_int_eq(ioctl(ends[i].link->fd, FIONREAD, &bytes), 0);
        ck_assert_int_eq(bytes, 0);
    }
}

START_TEST(each_gets_its_own_in_order)
{
    if (!begin())
        return;
    first = nothing_of_the_batch_is_left_to_be_received;
    all_say_their_number();
    turns();
    for (int i = 0; i < MANY; i++) {
        if (i < LINK_BATCH)
            ck_assert_int_eq(ends[i].place, i + 1);
        expect_got(&ends[i], i);
        ck_assert_uint_eq(ends[i].link->bytes_in, ends[i].got.len);
    }
    for (int i = 0; i < MANY; i++) {
        expect_answer(&ends[i]);
        ck_assert_uint_eq(ends[i].link->bytes_out, 4);
        ck_assert_ptr_null(ends[i].link->in.at);
    }
    finish();
}
END_TEST

START_TEST(more_than_a_room_holds)
{
    char *bulk = xmalloc(BULK);

    if (!begin())
        return;
    for (size_t i = 0; i < BULK; i++)
        bulk[i] = (char)(i * 2654435761u >> 13);
    for (int i = 0; i < 8; i++)
        ck_assert_int_eq(send(ends[i].peer, bulk, BULK, 0), BULK);
    turns();
    for (int i = 0; i < 8; i++) {
        ck_assert_uint_eq(ends[i].got.len, BULK);
        ck_assert(memcmp(ends[i].got.at, bulk, BULK) == 0);
    }
    finish();
    xfree(bulk);
}
END_TEST

START_TEST(peers_that_left)
{
    if (!begin())
        return;
    all_say_their_number();
    for (int i = 0; i < MANY; i += 2) {
        close(ends[i].peer);
        ends[i].peer = -1;
    }
    turns();
    for (int i = 0; i < MANY; i++) {
        expect_got(&ends[i], i);
        ck_assert_int_eq(ends[i].closed, i % 2 == 0);
        if (i % 2)
            expect_answer(&ends[i]);
        else
            ck_assert_int_eq(ends[i].why, LINK_WHY_RESET); /* it was answered, and gone */
    }
    finish();
}
END_TEST

/* What was sent to them stays unread. */
START_TEST(a_reset_is_told_as_one)
{
    if (!begin())
        return;
    for (int i = 0; i < 8; i++)
        ck_assert_int_eq(send(ends[i].link->fd, "hello", 5, 0), 5);
    for (int i = 0; i < 8; i++) {
        close(ends[i].peer);
        ends[i].peer = -1;
    }
    turns();
    for (int i = 0; i < 8; i++) {
        ck_assert_int_eq(ends[i].closed, 1);
        ck_assert_int_eq(ends[i].why, LINK_WHY_RESET);
    }
    finish();
}
END_TEST

static void close_some_and_pause_others(void)
{
    for (int i = 1; i < MANY; i++) {
        if (i % 4 == 0)
            link_close(ends[i].link, LINK_WHY_ASKED);
        if (i % 4 == 1)
            link_pause_reading(ends[i].link, true);
        if (i % 4 == 2)
            link_again(ends[i].link);
        if (i % 8 == 7)
            link_kill(ends[i].link, LINK_WHY_ASKED);
    }
}

START_TEST(an_owner_ends_and_holds_others)
{
    if (!begin())
        return;
    first = close_some_and_pause_others;
    all_say_their_number();
    turns();
    for (int i = 1; i < MANY; i++) {
        bool ended = i % 4 == 0 || i % 8 == 7;

        ck_assert_int_eq(ends[i].closed, ended);
        if (i % 4 == 1) {
            ck_assert_uint_eq(ends[i].got.len, 0);
            link_pause_reading(ends[i].link, false);
        } else if (ended) {
            ck_assert_uint_eq(ends[i].got.len, 0);
        }
    }
    turns();
    for (int i = 0; i < MANY; i++)
        if (i % 4 != 0 && i % 8 != 7)
            expect_got(&ends[i], i);
    finish();
}
END_TEST

static bool anybody(const struct link *l, const void *arg)
{
    return l->owner != arg;
}

/* A callback that goes on for long, as a slow script does. */
static void let_others_in(void)
{
    link_aside_begin(loop);
    link_aside_pay(loop, anybody, &ends[0]);
    for (int i = 1; i < LINK_BATCH; i++)
        expect_got(&ends[i], i);
    link_aside_flush(loop);
    for (int i = 1; i < LINK_BATCH; i++)
        expect_answer(&ends[i]);
    link_aside_end(loop);
}

START_TEST(who_was_received_is_let_in)
{
    if (!begin())
        return;
    first = let_others_in;
    all_say_their_number();
    turns();
    for (int i = 0; i < MANY; i++)
        expect_got(&ends[i], i);
    finish();
}
END_TEST

START_TEST(full_sockets_send_the_rest_later)
{
    enum { LARGE = LINK_BULKY_BYTES - 1 };
    int small = 4096;
    char *bulk = xcalloc(1, LARGE), *taken = xmalloc(LARGE);

    if (!begin())
        return;
    for (int i = 0; i < 8; i++) {
        ck_assert_int_eq(setsockopt(ends[i].link->fd, SOL_SOCKET, SO_SNDBUF, &small, sizeof small),
                         0);
        out_append(&ends[i].link->out, bulk, LARGE);
        link_wrote(ends[i].link);
    }
    turn();
    for (int i = 0; i < 8; i++) {
        size_t got = 0;

        ck_assert_uint_lt(ends[i].link->bytes_out, LARGE);
        for (int n = 0; n < 1000 && got < LARGE; n++) {
            ssize_t len = recv(ends[i].peer, taken, LARGE, 0);

            got += len > 0 ? (size_t)len : 0;
            turn();
        }
        ck_assert_uint_eq(got, LARGE);
        ck_assert_uint_eq(ends[i].link->bytes_out, LARGE);
    }
    finish();
    xfree(bulk);
    xfree(taken);
}
END_TEST

START_TEST(results_of_a_batch)
{
    struct link_batch *b = link_batch_new();
    struct link_batch_item items[3];
    int fds[3][2];

    if (!b)
        return;
    for (int i = 0; i < 3; i++)
        ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, fds[i]),
                         0);
    ck_assert_int_eq(send(fds[0][1], "hello", 5, 0), 5);
    close(fds[1][1]);
    for (int i = 0; i < 3; i++)
        items[i] = (struct link_batch_item){ fds[i][0], link_batch_room(b, i), LINK_BATCH_ROOM, 7 };
    ck_assert(link_batch_run(b, LINK_BATCH_RECEIVE, items, 3));
    ck_assert_int_eq(items[0].result, 5);
    ck_assert(memcmp(items[0].at, "hello", 5) == 0);
    ck_assert_int_eq(items[1].result, 0);
    ck_assert_int_eq(items[2].result, -EAGAIN);
    for (int i = 0; i < 3; i++)
        items[i].len = 5;
    ck_assert(link_batch_run(b, LINK_BATCH_SEND, items, 3));
    ck_assert_int_eq(items[0].result, 5);
    ck_assert_int_eq(items[1].result, -EPIPE);
    ck_assert_int_eq(items[2].result, 5);
    for (int i = 0; i < 3; i++) {
        close(fds[i][0]);
        if (i != 1)
            close(fds[i][1]);
    }
    link_batch_free(b);
}
END_TEST

CHECK_MAIN("link_together", each_gets_its_own_in_order, more_than_a_room_holds, peers_that_left,
           a_reset_is_told_as_one, an_owner_ends_and_holds_others, who_was_received_is_let_in,
           full_sockets_send_the_rest_later, results_of_a_batch)
