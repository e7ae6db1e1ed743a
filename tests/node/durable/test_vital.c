/*
 * vital: a connection that was handed over is answered by its thread while the loop stands still, with how long it has;
 * in pieces, several at once, and over TLS; what is no question ends it; room is made at the cost of who was quiet for
 * longest; and the loop's side of it is gone as if the client had left.
 */
#include "node/durable/vital.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/link.h"
#include "common/tls.h"
#include "tests/check_main.h"
#include "tests/common/certs.h"

#define RUN      "0123456789abcdef0123456789abcdef01234567"
#define QUESTION "*2\r\n$2\r\nHF\r\n$5\r\nVITAL\r\n"

enum { PATIENCE_MS = 20000, LONG_MS = 60 };

static struct ev_loop *loop;
static struct vital *vital;
static int closed;

static void on_input(struct link *l)
{
    ck_assert_int_eq(vital_take(vital, l), OK);
    ck_assert_int_eq(l->state, LINK_DEAD);
}

static void on_closed(struct link *l)
{
    (void)l;
    closed++;
}

static const struct link_ops ops = { .on_input = on_input, .on_closed = on_closed };

static void begin(void)
{
    loop = ev_loop_new(0);
    link_system_init(loop);
    vital = vital_new(loop, RUN);
    closed = 0;
}

static void end(void)
{
    vital_free(vital);
    link_system_fini(loop);
    ev_loop_destroy(loop);
}

static void say(int fd, const char *text)
{
    ck_assert_int_eq(send(fd, text, strlen(text), MSG_NOSIGNAL), (ssize_t)strlen(text));
}

/* A client's end of a connection that has been handed over. */
static int connected(void)
{
    int ends[2], before = closed;

    ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, ends), 0);
    (void)link_new(loop, ends[0], NULL, true, &ops, NULL);
    say(ends[1], QUESTION);
    while (closed == before)
        ev_run(loop, EVRUN_ONCE);
    return ends[1];
}

/* The next bytes, of this length; false: the end came first. */
static bool hear(int fd, char *out, size_t len)
{
    struct pollfd p = { .fd = fd, .events = POLLIN };

    for (size_t at = 0; at < len;) {
        ssize_t n;

        ck_assert_int_eq(poll(&p, 1, PATIENCE_MS), 1);
        n = recv(fd, out + at, len - at, 0);
        if (n == 0 || (n < 0 && errno == ECONNRESET))
            return false;
        ck_assert_int_gt(n, 0);
        at += (size_t)n;
    }
    return true;
}

/* Its word about the loop, in ms. */
static int answer(int fd)
{
    static const char head[] = "*2\r\n$40\r\n" RUN "\r\n:";
    char got[sizeof head], digit;
    int ms = 0;

    ck_assert(hear(fd, got, sizeof head - 1));
    ck_assert_int_eq(memcmp(got, head, sizeof head - 1), 0);
    while (hear(fd, &digit, 1) && digit != '\r')
        ms = ms * 10 + digit - '0';
    ck_assert(hear(fd, &digit, 1) && digit == '\n');
    return ms;
}

/* One turn of the loop, which takes long. */
static void long_turn(struct ev_loop *l, ev_timer *w, int events)
{
    int fd = *(int *)w->data;

    (void)l;
    (void)events;
    (void)poll(NULL, 0, LONG_MS);
    say(fd, QUESTION);
    ck_assert_int_ge(answer(fd), LONG_MS - 1);
}

START_TEST(a_turn_that_takes_long_is_told_of)
{
    ev_timer timer;
    int fd;

    begin();
    fd = connected();
    (void)answer(fd); /* of the question that handed it over */
    say(fd, QUESTION);
    (void)answer(fd); /* nobody runs the loop, and it answers */
    ev_timer_init(&timer, long_turn, 0.001, 0.);
    timer.data = &fd;
    ev_timer_start(loop, &timer);
    ev_run(loop, 0);
    close(fd);
    end();
}
END_TEST

static void *ask_meanwhile(void *arg)
{
    int fd = *(int *)arg;

    (void)poll(NULL, 0, LONG_MS);
    say(fd, QUESTION);
    ck_assert_int_lt(answer(fd), LONG_MS / 2);
    return NULL;
}

static void nothing(struct ev_loop *l, ev_timer *w, int events)
{
    (void)l;
    (void)w;
    (void)events;
}

START_TEST(a_loop_that_sleeps_is_not_busy)
{
    pthread_t other;
    ev_timer timer;
    int fd;

    begin();
    fd = connected();
    (void)answer(fd);
    ck_assert_int_eq(pthread_create(&other, NULL, ask_meanwhile, &fd), 0);
    ev_timer_init(&timer, nothing, 4 * LONG_MS / 1e3, 0.);
    ev_timer_start(loop, &timer);
    ev_run(loop, 0);
    pthread_join(other, NULL);
    close(fd);
    end();
}
END_TEST

START_TEST(questions_come_in_pieces_and_many_at_once)
{
    static const char question[] = QUESTION;
    int fd;

    begin();
    fd = connected();
    (void)answer(fd);
    for (size_t i = 0; i < sizeof question - 1; i++)
        say(fd, (char[]){ question[i], '\0' });
    (void)answer(fd);
    say(fd, QUESTION QUESTION "HF VITAL\r\n" QUESTION);
    for (int i = 0; i < 4; i++)
        (void)answer(fd);
    close(fd);
    end();
}
END_TEST

START_TEST(what_is_no_question_ends_it)
{
    static const char *const odd[] = { "*-5x\r\n", "*2\r\n$9999\r\n", "*1\r\n+x\r\n" };
    char big[1024], got;

    begin();
    memset(big, 'x', sizeof big - 1);
    big[sizeof big - 1] = '\0';
    for (size_t i = 0; i <= ARRAY_LEN(odd); i++) {
        int fd = connected();

        (void)answer(fd);
        say(fd, i < ARRAY_LEN(odd) ? odd[i] : big);
        ck_assert(!hear(fd, &got, 1));
        close(fd);
    }
    end();
}
END_TEST

START_TEST(who_is_quiet_makes_room)
{
    int fds[VITAL_LINKS_MAX + 1];
    char got;

    begin();
    for (int i = 0; i < VITAL_LINKS_MAX; i++) {
        fds[i] = connected();
        (void)answer(fds[i]);
    }
    say(fds[0], QUESTION);
    (void)answer(fds[0]);
    fds[VITAL_LINKS_MAX] = connected();
    (void)answer(fds[VITAL_LINKS_MAX]);
    ck_assert(!hear(fds[1], &got, 1));
    for (int i = 0; i <= VITAL_LINKS_MAX; i++) {
        if (i != 1) {
            say(fds[i], QUESTION);
            (void)answer(fds[i]);
        }
        close(fds[i]);
    }
    end();
}
END_TEST

struct client {
    int answers;
};

static void on_answer(struct link *l)
{
    struct client *c = l->owner;
    struct bytes in = link_input(l);

    for (size_t i = 0; i < in.len; i++)
        c->answers += in.at[i] == ':';
    link_consume(l, in.len);
}

static const struct link_ops client_ops = { .on_input = on_answer, .on_closed = on_closed };

START_TEST(tls_is_taken_along)
{
    struct certs certs;
    struct tls_context *server, *clients;
    struct client c = { .answers = 0 };
    struct link *near;
    int ends[2];

    begin();
    certs_init(&certs);
    certs_contexts(&certs, &server, &clients);
    ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, ends), 0);
    (void)link_new(loop, ends[0], server, true, &ops, NULL);
    near = link_new(loop, ends[1], clients, false, &client_ops, &c);
    for (int asked = 1; asked <= 3; asked++) {
        out_append(&near->out, QUESTION, strlen(QUESTION));
        link_wrote(near);
        while (c.answers < asked)
            ev_run(loop, EVRUN_ONCE);
    }
    ck_assert_int_eq(closed, 1);
    link_kill(near, LINK_WHY_ASKED);
    end();
    tls_context_free(server);
    tls_context_free(clients);
    certs_fini(&certs);
}
END_TEST

CHECK_MAIN("vital", a_turn_that_takes_long_is_told_of, a_loop_that_sleeps_is_not_busy,
           questions_come_in_pieces_and_many_at_once, what_is_no_question_ends_it,
           who_is_quiet_makes_room, tls_is_taken_along)
