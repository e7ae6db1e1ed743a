/*
 * courier: against a voter of the test's own, which answers when it is told to. The newest request waits, and nothing
 * else; what is heard is a message; a link that owes an answer for too long is made anew.
 */
#include "common/register/courier.h"

#include <arpa/inet.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/clock.h"
#include "common/link.h"
#include "common/register/wire.h"
#include "common/resolve.h"
#include "tests/check_main.h"
#include "tests/common/register/charters.h"

#define GID "0123456789abcdef0123456789abcdef01234567"

static struct {
    struct ev_loop *loop;
    struct courier *courier;
    int door, line; /* of the voter; line -1: nobody has come */
    struct place at;
    struct buf got; /* what it received and has not looked at */
    struct reg_message heard;
    char heard_of[32]; /* the group */
    int heard_count;
} t;

static void hear(void *arg, const struct place *from, const char *group,
                 const struct reg_message *m)
{
    (void)arg;
    ck_assert(from->port == t.at.port);
    snprintf(t.heard_of, sizeof t.heard_of, "%s", group ? group : "");
    t.heard = *m;
    t.heard_count++;
}

static void setup(void)
{
    struct sockaddr_in sa = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    socklen_t len = sizeof sa;
    struct courier_options o = { .hear = hear };

    memset(&t, 0, sizeof t);
    t.line = -1;
    t.door = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    ck_assert_int_eq(bind(t.door, (struct sockaddr *)&sa, sizeof sa), 0);
    ck_assert_int_eq(listen(t.door, 8), 0);
    getsockname(t.door, (struct sockaddr *)&sa, &len);
    t.at = (struct place){ "127.0.0.1", ntohs(sa.sin_port) };
    t.loop = ev_loop_new(0);
    clock_turn();
    link_system_init(t.loop);
    t.courier = courier_new(t.loop, &o);
}

static void teardown(void)
{
    courier_free(t.courier);
    resolve_fini();
    link_system_fini(t.loop);
    ev_loop_destroy(t.loop);
    close(t.line);
    close(t.door);
    buf_fini(&t.got);
}

/* Turns of the loop for so long; the voter accepts and receives meanwhile. */
static void run_for(uint64_t ms)
{
    uint64_t end = clock_read_us() / 1000 + ms;

    do {
        char piece[4096];
        ssize_t n = 0;

        ev_run(t.loop, EVRUN_NOWAIT);
        if (t.line < 0)
            t.line = accept(t.door, NULL, NULL);
        if (t.line >= 0)
            n = recv(t.line, piece, sizeof piece, MSG_DONTWAIT);
        if (n > 0)
            buf_append(&t.got, piece, (size_t)n);
        usleep(200);
    } while (clock_read_us() / 1000 < end);
}

/* The words of the next request that it has received, the first two left out; "": none comes. */
static const char *next_request(void)
{
    static struct buf words;
    struct resp_reader reader;
    struct resp_request q;

    words.len = 0;
    resp_reader_init(&reader, (struct resp_limits){ 64, 4096, 4096, false });
    for (int i = 0; i < 200; i++) {
        if (resp_read_request(&reader, buf_bytes(&t.got), &q) == RESP_ITEM) {
            for (int k = 2; k < q.argc; k++)
                buf_printf(&words, "%s%.*s", k > 2 ? " " : "", (int)q.argv[k].len, q.argv[k].at);
            buf_drop(&t.got, q.bytes);
            break;
        }
        run_for(1);
    }
    resp_reader_fini(&reader);
    return buf_text(&words);
}

static void say(const char *raw)
{
    ck_assert_int_eq(send(t.line, raw, strlen(raw), 0), (ssize_t)strlen(raw));
}

static void ask(uint64_t to, uint64_t round)
{
    struct reg_message m = { .kind = REG_GET, .gid = GID, .ballot = { round, 5 } };

    courier_send(t.courier, to, &t.at, &m);
}

#define ASKED_RAW(round) "$1\r\n" round "\r\n$1\r\n5\r\n"
#define ASKED(round)     "GET 2 7 " GID " " round " 5"

START_TEST(the_newest_request_waits)
{
    setup();
    ask(7, 1);
    ask(7, 2);
    ask(7, 3); /* there is no link yet */
    ck_assert_str_eq(next_request(), ASKED("3"));
    ask(7, 4);
    ask(7, 5);
    ask(7, 6);
    ask(8, 9); /* another voter's does not wait for them */
    ck_assert_str_eq(next_request(), ASKED("4"));
    ck_assert_str_eq(next_request(), "GET 2 8 " GID " 9 5");
    ck_assert_str_eq(next_request(), "");
    say("+OK\r\n");
    ck_assert_str_eq(next_request(), ASKED("6"));
    ck_assert_int_eq(t.heard_count, 0);
    teardown();
}
END_TEST

START_TEST(a_reply_is_heard_and_nothing_else)
{
    struct reg_message m = { .kind = REG_VALUE, .voter = 7 };
    struct wire w = { .count = 0 };
    struct buf raw = { 0 };

    setup();
    courier_enrol(t.courier, &t.at, "one");
    courier_enrol(t.courier, &t.at, "two");
    ck_assert_str_eq(next_request(), "ENROL 2 one");
    ck_assert_str_eq(next_request(), "ENROL 2 two");
    say("-ERR No such master with that name\r\n");
    run_for(5);
    ck_assert_int_eq(t.heard_count, 0);
    wire_put_message(&w, &m);
    resp_put_command(&raw, w.count, w.words);
    say(buf_text(&raw));
    run_for(20);
    ck_assert(t.heard_count == 1 && t.heard.kind == REG_VALUE && t.heard.voter == 7);
    ck_assert_str_eq(t.heard_of, "two"); /* the first was answered by an error */
    ask(7, 1);
    ck_assert_str_eq(next_request(), ASKED("1"));
    say("*2\r\n$5\r\nVALUE\r\n$1\r\n1\r\n");
    run_for(5);
    ck_assert_int_eq(t.heard_count, 1);
    ask(7, 2);
    ck_assert_str_eq(next_request(), ASKED("2"));
    say(buf_text(&raw));
    run_for(20);
    ck_assert_int_eq(t.heard_count, 2);
    ck_assert_str_eq(t.heard_of, "");
    wire_fini(&w);
    buf_fini(&raw);
    teardown();
}
END_TEST

START_TEST(a_link_that_owes_too_long_is_made_anew)
{
    setup();
    ask(7, 1);
    ck_assert_str_eq(next_request(), ASKED("1"));
    run_for(COURIER_SILENT_MS + 500);
    close(t.line);
    t.line = -1;
    ask(7, 2);
    ck_assert_str_eq(next_request(), ASKED("2"));
    teardown();
}
END_TEST

START_TEST(nobody_there_costs_the_request)
{
    setup();
    close(t.door);
    ask(7, 1);
    run_for(50);
    ask(7, 2);
    run_for(50);
    ck_assert_int_eq(t.heard_count, 0);
    teardown();
}
END_TEST

static bool has_got(const char *text)
{
    for (int i = 0; i < 200 && !(t.got.len && strstr(buf_text(&t.got), text)); i++)
        run_for(1);
    return t.got.len && strstr(buf_text(&t.got), text);
}

START_TEST(a_link_made_anew_says_the_password_of_now)
{
    struct courier_options o = { .hear = hear, .password = BYTES("first") };

    setup();
    courier_set(t.courier, &o);
    ask(7, 1);
    ck_assert(has_got("$4\r\nAUTH\r\n$5\r\nfirst\r\n"));
    say("+OK\r\n");
    o.password = BYTES("second");
    o.fallback = BYTES("third");
    courier_set(t.courier, &o); /* the link that there is stays */
    ask(7, 2);
    ck_assert(has_got(ASKED_RAW("2")));
    close(t.line);
    t.line = -1;
    t.got.len = 0;
    run_for(100); /* it sees the end of the link */
    ask(7, 3);
    ck_assert(has_got("AUTH\r\n$6\r\nsecond\r\n"));
    say("-WRONGPASS it is not\r\n");
    ck_assert(has_got("AUTH\r\n$5\r\nthird\r\n"));
    say("+OK\r\n");
    ck_assert(has_got(ASKED_RAW("3")));
    teardown();
}
END_TEST

static void tell(const char *word)
{
    struct wire w = { .count = 0 };

    wire_begin(&w, "OPINION");
    wire_put_text(&w, word);
    wire_end(&w);
    courier_tell(t.courier, &t.at, &w);
    ck_assert_int_eq(w.count, 0);
    ck_assert_ptr_null(w.text.at);
}

START_TEST(what_is_told_goes_out_in_order_and_is_not_replaced)
{
    setup();
    tell("one");
    tell("two");
    ck_assert_str_eq(next_request(), "OPINION 2 one");
    ck_assert_str_eq(next_request(), "OPINION 2 two");
    for (int i = 0; i < COURIER_FLYING_MAX + 2; i++) { /* nobody has answered yet */
        tell("more");
        ck_assert_str_eq(next_request(), "OPINION 2 more");
    }
    say("+OK\r\n-ERR no such durable group\r\n");
    run_for(5);
    ck_assert_int_eq(t.heard_count, 0);
    teardown();
}
END_TEST

CHECK_MAIN("courier", what_is_told_goes_out_in_order_and_is_not_replaced, the_newest_request_waits,
           a_link_made_anew_says_the_password_of_now, a_reply_is_heard_and_nothing_else,
           a_link_that_owes_too_long_is_made_anew, nobody_there_costs_the_request)
