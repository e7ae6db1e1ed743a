/*
 * Who waits for whom within a turn of the loop: links that keep it for long, outputs that are large, and what the dead
 * leave behind come after everybody else, a little in each turn, and all get through.
 */
#include "common/link_private.h"

#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include "common/alloc.h"
#include "common/clock.h"
#include "tests/check_main.h"

enum { MANY = 20, BURN_US = 2 * LINK_PATIENCE_US, BULK = 4 * 1024 * 1024 };

struct end {
    struct link *link;
    int place;   /* in the order in which inputs were read; 0: not yet */
    int burn_us; /* what an input takes */
    int left;    /* inputs that it still asks for by link_again */
    uint64_t received;
    struct end *answers;     /* whoever is written to for an input */
    const struct end *peeks; /* at what has arrived there and is not read; in arrived */
    int arrived;
};

static struct ev_loop *loop;
static struct end near[MANY], far[MANY], pinger, answerer;
static int places;

static void burn(int usec)
{
    uint64_t until_us = clock_read_us() + (uint64_t)usec;

    while (clock_read_us() < until_us)
        continue;
}

static void say(struct end *e)
{
    out_append(&e->link->out, "PING", 4);
    link_wrote(e->link);
}

static int arrived(const struct end *e)
{
    int bytes = -1;

    ck_assert_int_eq(ioctl(e->link->fd, FIONREAD, &bytes), 0);
    return bytes;
}

static void on_input(struct link *l)
{
    struct end *e = l->owner;

    burn(e->burn_us);
    if (e->answers)
        say(e->answers);
    if (e->peeks)
        e->arrived = arrived(e->peeks);
    e->place = ++places;
    e->received += link_input(l).len;
    if (e->left && e->left--)
        link_again(l);
    else
        link_consume(l, link_input(l).len);
}

static void on_closed(struct link *l)
{
    ((struct end *)l->owner)->link = NULL;
}

static const struct link_ops ops = { .on_input = on_input, .on_closed = on_closed };

static void make_pair(struct end *a, struct end *b)
{
    int fds[2];

    ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, fds), 0);
    *a = *b = (struct end){ 0 };
    a->link = link_new(loop, fds[0], NULL, false, &ops, a);
    b->link = link_new(loop, fds[1], NULL, true, &ops, b);
}

static void begin(void)
{
    loop = ev_loop_new(EVFLAG_AUTO);
    link_system_init(loop);
    if (getenv("LINKS_TOGETHER"))
        (void)link_use_batches(loop);
    places = 0;
    for (int i = 0; i < MANY; i++)
        make_pair(&near[i], &far[i]);
    make_pair(&pinger, &answerer);
}

static void finish(void)
{
    link_system_fini(loop);
    ev_loop_destroy(loop);
}

/* What was said before leaves, and is read. */
static void turn(void)
{
    ev_run(loop, EVRUN_NOWAIT);
}

static struct link_system *sys(void)
{
    return ev_userdata(loop);
}

/* Of links that are known for it; again so often as left says. */
static void all_ask_for_much(int left)
{
    for (int i = 0; i < MANY; i++) {
        far[i].link->lengthy = true;
        far[i].burn_us = BURN_US;
        far[i].left = left;
        say(&near[i]);
    }
}

static int read_so_far(void)
{
    int count = 0;

    for (int i = 0; i < MANY; i++)
        count += far[i].place != 0;
    return count;
}

START_TEST(lengthy_links_are_read_after_others)
{
    begin();
    all_ask_for_much(0);
    say(&pinger);
    turn();
    ck_assert_int_ge(answerer.place, 1);
    ck_assert_int_le(answerer.place, 2); /* one may use the turn's patience up */
    ck_assert_int_le(read_so_far(), 2);
    for (int n = 0; n < 2 * MANY && read_so_far() < MANY; n++) {
        say(&pinger);
        answerer.place = 0;
        turn();
        ck_assert_int_ne(answerer.place, 0);
    }
    ck_assert_int_eq(read_so_far(), MANY);
    finish();
}
END_TEST

/* Nobody is put off where there is time: who comes first is first. */
START_TEST(a_calm_turn_keeps_the_order)
{
    begin();
    for (int i = 0; i < MANY; i++)
        far[i].link->lengthy = i % 2;
    for (int tries = 0;; tries++) { /* another process may take a turn's time away */
        int in_order = 0;

        places = 0;
        for (int i = 0; i < MANY; i++)
            say(&near[i]);
        turn();
        for (int i = 0; i < MANY; i++)
            in_order += far[i].place == i + 1;
        if (in_order == MANY)
            break;
        ck_assert_int_lt(tries, 50);
        while (!list_empty(&sys()->lengthy))
            turn();
    }
    finish();
}
END_TEST

static void writes_early(struct ev_loop *l, ev_check *w, int events)
{
    say(&far[2]);
}

/* It is read before who came earlier, and what it releases is gone by then; but nothing else that is to go. */
START_TEST(what_an_input_releases_goes_before_others_are_read)
{
    ev_check early;

    begin();
    ev_check_init(&early, writes_early);
    ev_check_start(loop, &early);
    answerer.link->releases = true;
    answerer.answers = &far[0];
    answerer.peeks = &near[2];
    far[1].peeks = &near[0];
    say(&near[1]);
    say(&pinger);
    turn();
    ck_assert_int_eq(answerer.place, 1);
    ck_assert_int_eq(answerer.arrived, 0);
    ck_assert_int_eq(far[1].place, 2);
    ck_assert_int_eq(far[1].arrived, 4);
    ck_assert_int_eq(arrived(&near[2]), 0);
    ev_check_stop(loop, &early);
    turn();
    ck_assert_uint_eq(near[2].received, 4);
    finish();
}
END_TEST

START_TEST(who_asks_for_more_and_is_lengthy_waits)
{
    begin();
    all_ask_for_much(3);
    for (int n = 0; n < 10 * MANY; n++) {
        say(&pinger);
        answerer.place = places = 0;
        turn();
        ck_assert_int_le(places, 1 + 2); /* the ping, and whom it waited for */
        ck_assert_int_ne(answerer.place, 0);
    }
    for (int i = 0; i < MANY; i++) {
        ck_assert_int_eq(far[i].left, 0);
        ck_assert_uint_eq(far[i].received, 4 * 4);
        ck_assert_uint_eq(link_input(far[i].link).len, 0);
    }
    finish();
}
END_TEST

/* A link that is closed while it waits is in nobody's way. */
START_TEST(the_dead_do_not_wait)
{
    begin();
    all_ask_for_much(0);
    turn();
    ck_assert_uint_gt(list_length(&sys()->lengthy), MANY / 2);
    for (int i = 0; i < MANY; i++)
        link_kill(far[i].link, LINK_WHY_ASKED);
    ck_assert(list_empty(&sys()->lengthy));
    turn();
    for (int i = 0; i < MANY; i++)
        ck_assert_ptr_null(far[i].link);
    finish();
}
END_TEST

static void load(struct end *e, char *bulk)
{
    out_append(&e->link->out, bulk, BULK);
    link_wrote(e->link);
}

START_TEST(large_outputs_leave_after_others)
{
    char *bulk = xcalloc(1, BULK);
    uint64_t all = 0, most = 0;

    begin();
    for (int i = 0; i < MANY; i++)
        load(&near[i], bulk);
    say(&pinger);
    turn();
    ck_assert_uint_eq(pinger.link->bytes_out, 4);
    for (int i = 0; i < MANY; i++) {
        all += near[i].link->bytes_out;
        most = near[i].link->bytes_out > most ? near[i].link->bytes_out : most;
    }
    ck_assert_uint_gt(all, 0); /* one goes on in any case */
    ck_assert_uint_le(most, LINK_TURN_BYTES);
    for (int n = 0; n < 100000 && far[MANY - 1].received < BULK; n++)
        turn();
    for (int n = 0; n < 1000; n++)
        turn();
    for (int i = 0; i < MANY; i++)
        ck_assert_uint_eq(far[i].received, BULK);
    finish();
    xfree(bulk);
}
END_TEST

/* Whom somebody says goodbye to gets all of it, however long it waits for its turn. */
START_TEST(large_farewells_arrive)
{
    char *bulk = xcalloc(1, BULK);

    begin();
    for (int i = 0; i < MANY; i++) {
        load(&near[i], bulk);
        link_close(near[i].link, LINK_WHY_ASKED);
    }
    for (int n = 0; n < 100000 && far[MANY - 1].link; n++)
        turn();
    for (int n = 0; n < 1000; n++)
        turn();
    for (int i = 0; i < MANY; i++) {
        ck_assert_uint_eq(far[i].received, BULK);
        ck_assert_ptr_null(near[i].link);
    }
    finish();
    xfree(bulk);
}
END_TEST

START_TEST(what_the_dead_leave_goes_bit_by_bit)
{
    enum { CHUNKS = 64 };
    size_t before = alloc_used_bytes();
    char *bulk = xcalloc(1, BULK);

    begin();
    for (int i = 0; i < MANY; i++)
        for (int k = 0; k < CHUNKS; k++)
            out_append(&near[i].link->out, bulk, BULK / CHUNKS);
    for (int i = 0; i < MANY; i++)
        link_kill(near[i].link, LINK_WHY_ASKED);
    for (int n = 0; n < 10000 && (n == 0 || sys()->pile.first); n++)
        ev_run(loop, n ? EVRUN_ONCE : EVRUN_NOWAIT); /* nothing else wakes it */
    ck_assert_ptr_null(sys()->pile.first);
    for (int i = 0; i < MANY; i++)
        ck_assert_ptr_null(near[i].link);
    finish();
    xfree(bulk);
    ck_assert_uint_le(alloc_used_bytes(), before + 64 * 1024);
}
END_TEST

CHECK_MAIN("link_turn", lengthy_links_are_read_after_others, a_calm_turn_keeps_the_order,
           what_an_input_releases_goes_before_others_are_read,
           who_asks_for_more_and_is_lengthy_waits, the_dead_do_not_wait,
           large_outputs_leave_after_others, large_farewells_arrive,
           what_the_dead_leave_goes_bit_by_bit)
