/*
 * Requests over HTTP share a turn of the loop: whoever finds its time spent waits in line, is neither displaced nor
 * late for it, and comes first in the next.
 */
#include "common/http/http.h"

#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/clock.h"
#include "common/link.h"
#include "common/server_settings.h"
#include "tests/check_main.h"

enum {
    MANY = 10,
    BURN_US = HTTP_TURN_US * 6 / 10,
    A_TURN = 2 /* of them go into one */,
    PIECES = 4
};

static struct ev_loop *loop;
static struct server_settings set;
static struct http_guard guard;
static struct http *http;
static int peers[MANY + 1];
static char ran[MANY + 1]; /* whose request ran when */
static size_t count;

static void slow(struct http_call *c)
{
    uint64_t until_us = clock_read_us() + BURN_US;

    while (clock_read_us() < until_us)
        continue;
    ran[count++] = c->rest.at[0];
    http_answer(c, 200, HTTP_TYPE_JSON, bytes_of("{}"));
}

/* Of a few pieces, the first of which costs nothing. */
static struct long_answer {
    int pieces;
} answers[MANY];

static enum http_more piece(void *arg, struct buf *out)
{
    struct long_answer *a = arg;
    uint64_t until_us = clock_read_us() + (a->pieces ? BURN_US : 0);

    while (clock_read_us() < until_us)
        continue;
    buf_puts(out, "a piece");
    count += a->pieces != 0;
    return ++a->pieces == PIECES ? HTTP_SOURCE_ENDS : HTTP_SOURCE_MORE;
}

static const struct http_source source = { .more = piece };

static void lengthy(struct http_call *c)
{
    http_answer_source(c, HTTP_TYPE_JSON, &source, &answers[c->rest.at[0] - 'a']);
}

static const struct http_route routes[] = { { "/slow/", HTTP_GET, 0, slow },
                                            { "/long/", HTTP_GET, 0, lengthy },
                                            { NULL, 0, 0, NULL } };

static void ask_for(int i, const char *path)
{
    char request[64];
    int len = snprintf(request, sizeof request, "GET /%s/%c HTTP/1.1\r\nHost: localhost\r\n\r\n",
                       path, 'a' + i);

    ck_assert_int_eq(write(peers[i], request, (size_t)len), len);
}

static void ask(int i)
{
    ask_for(i, "slow");
}

static void come(int i)
{
    int fds[2];

    ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, fds), 0);
    peers[i] = fds[0];
    http_accept(http, fds[1], NULL, NULL);
}

static void begin(void)
{
    loop = ev_loop_new(EVFLAG_AUTO);
    link_system_init(loop);
    if (getenv("LINKS_TOGETHER"))
        (void)link_use_batches(loop);
    set = (struct server_settings){ .http_max_connections = MANY,
                                    .http_max_target_bytes = 1024,
                                    .http_max_head_bytes = 4096,
                                    .http_max_body_bytes = 4096,
                                    .http_request_timeout_s = 10,
                                    .http_idle_timeout_s = 10 };
    guard = (struct http_guard){ 0 };
    http = http_new(loop, &set, &guard, NULL);
    http_add(http, routes);
    count = 0;
    memset(ran, 0, sizeof ran);
    for (int i = 0; i < MANY; i++)
        come(i);
    ev_run(loop, EVRUN_NOWAIT);
}

static void finish(void)
{
    http_free(http);
    link_system_fini(loop);
    ev_loop_destroy(loop);
    for (int i = 0; i < MANY; i++)
        close(peers[i]);
}

START_TEST(a_turn_takes_no_more_than_its_share)
{
    size_t before;

    begin();
    for (int i = 0; i < MANY; i++)
        ask(i);
    for (int turns = 0; count < MANY; turns++) {
        ck_assert_int_lt(turns, 2 * MANY);
        before = count;
        ev_run(loop, EVRUN_NOWAIT);
        ck_assert_uint_le(count - before, A_TURN);
    }
    ck_assert_uint_eq(http_stats(http)->answers[200], MANY);
    ck_assert_uint_eq(http_stats(http)->timeouts, 0);
    finish();
}
END_TEST

START_TEST(so_do_the_pieces_of_long_answers)
{
    size_t before;

    begin();
    memset(answers, 0, sizeof answers);
    for (int i = 0; i < MANY; i++)
        ask_for(i, "long");
    for (int turns = 0; count < MANY * (PIECES - 1); turns++) {
        ck_assert_int_lt(turns, 4 * MANY * PIECES);
        before = count;
        ev_run(loop, EVRUN_NOWAIT);
        ck_assert_uint_le(count - before, A_TURN);
    }
    ck_assert_uint_eq(http_stats(http)->answers[200], MANY);
    finish();
}
END_TEST

START_TEST(who_waits_comes_first)
{
    enum { EARLY = 2 * A_TURN };

    begin();
    for (int i = 0; i < EARLY; i++)
        ask(i);
    ev_run(loop, EVRUN_NOWAIT);
    ck_assert_uint_lt(count, EARLY);
    for (int i = EARLY; i < MANY; i++)
        ask(i);
    while (count < EARLY)
        ev_run(loop, EVRUN_NOWAIT);
    for (int i = 0; i < EARLY; i++)
        ck_assert_int_lt(ran[i], 'a' + EARLY);
    finish();
}
END_TEST

START_TEST(who_waits_is_not_displaced)
{
    char byte;

    begin();
    for (int i = 0; i < MANY; i++)
        ask(i);
    ev_run(loop, EVRUN_NOWAIT);
    ck_assert_uint_lt(count, MANY);
    come(MANY); /* everybody else is owed something */
    while (count < MANY)
        ev_run(loop, EVRUN_NOWAIT);
    ck_assert_uint_eq(http_stats(http)->displaced, 0);
    ck_assert_int_eq(read(peers[MANY], &byte, 1), 0);
    close(peers[MANY]);
    finish();
}
END_TEST

CHECK_MAIN("http_turn", a_turn_takes_no_more_than_its_share, so_do_the_pieces_of_long_answers,
           who_waits_comes_first, who_waits_is_not_displaced)
