/*
 * TLS links in batches: what is encrypted before it is sent arrives once and in order, counts as unsent until the kernel has
 * it, and its owner hears when that is so, also where the batch sent nothing.
 */
#include <fcntl.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/alloc.h"
#include "common/link_batch.h"
#include "common/link_private.h"
#include "common/tls.h"
#include "tests/check_main.h"
#include "tests/common/certs.h"

enum { PAIRS = 6, LENGTH = 12000 };

struct end {
    struct link *link;
    struct buf got;
    int drained;
};

static struct certs certs;
static struct tls_context *server, *client;
static struct ev_loop *loop;
static struct end ours[PAIRS], theirs[PAIRS];

static void on_input(struct link *l)
{
    struct end *e = l->owner;

    buf_add(&e->got, link_input(l));
    link_consume(l, link_input(l).len);
}

static void on_drained(struct link *l)
{
    struct end *e = l->owner;

    e->drained++;
}

static void on_closed(struct link *l)
{
    struct end *e = l->owner;

    e->link = NULL;
}

static const struct link_ops ops = { .on_input = on_input,
                                     .on_drained = on_drained,
                                     .on_closed = on_closed };

static void turns(int count)
{
    while (count--)
        ev_run(loop, EVRUN_NOWAIT);
}

static void say(struct end *e, char letter, size_t len)
{
    memset(out_reserve(&e->link->out, len), letter, len);
    out_commit(&e->link->out, len);
    link_wrote(e->link);
}

static void make_contexts(void)
{
    certs_init(&certs);
    certs_contexts(&certs, &server, &client);
}

static void free_contexts(void)
{
    tls_context_free(server);
    tls_context_free(client);
    certs_fini(&certs);
}

static void pair(int fds[2])
{
    int small = 4096;

    ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, fds), 0);
    ck_assert_int_eq(setsockopt(fds[0], SOL_SOCKET, SO_SNDBUF, &small, sizeof small), 0);
}

/* False: this machine has no batches, and there is nothing to be shown. */
static bool begin(void)
{
    make_contexts();
    loop = ev_loop_new(EVFLAG_AUTO);
    link_system_init(loop);
    if (!link_use_batches(loop))
        return false;
    for (int i = 0; i < PAIRS; i++) {
        int fds[2];

        pair(fds);
        ours[i].link = link_new(loop, fds[0], server, true, &ops, &ours[i]);
        theirs[i].link = link_new(loop, fds[1], client, false, &ops, &theirs[i]);
        say(&theirs[i], 'h', 1);
    }
    turns(30);
    for (int i = 0; i < PAIRS; i++) {
        ck_assert_uint_eq(ours[i].got.len, 1);
        ours[i].drained = 0;
    }
    return true;
}

static void finish(void)
{
    link_system_fini(loop);
    ev_loop_destroy(loop);
    for (int i = 0; i < PAIRS; i++) {
        buf_fini(&ours[i].got);
        buf_fini(&theirs[i].got);
    }
    free_contexts();
}

static void expect(const struct end *e, char letter, size_t at, size_t len)
{
    ck_assert_uint_ge(e->got.len, at + len);
    for (size_t i = 0; i < len; i++)
        ck_assert_int_eq(e->got.at[at + i], letter);
}

START_TEST(full_sockets_owe_the_rest)
{
    if (!begin())
        return;
    for (int i = 0; i < PAIRS; i++) {
        link_pause_reading(theirs[i].link, true);
        say(&ours[i], 'a', LENGTH);
    }
    ev_run(loop, EVRUN_NOWAIT);
    for (int i = 0; i < PAIRS; i++) {
        ck_assert_uint_eq(out_pending(&ours[i].link->out), 0); /* it was sealed whole */
        ck_assert_uint_gt(link_unsent(ours[i].link), 0);
        ck_assert(!link_may_leave(ours[i].link));
        ck_assert_int_eq(ours[i].drained, 0);
        say(&ours[i], 'b', 100); /* behind what is owed */
        link_pause_reading(theirs[i].link, false);
    }
    turns(30);
    for (int i = 0; i < PAIRS; i++) {
        expect(&theirs[i], 'a', 0, LENGTH);
        expect(&theirs[i], 'b', LENGTH, 100);
        ck_assert_uint_eq(theirs[i].got.len, LENGTH + 100);
        ck_assert_uint_eq(link_unsent(ours[i].link), 0);
        ck_assert_int_ge(ours[i].drained, 1);
    }
    finish();
}
END_TEST

/* From now on the kernel refuses its work. */
static void break_ring(void)
{
    for (int fd = 0; fd < 256; fd++) {
        char path[32], what[64] = "";

        snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
        if (readlink(path, what, sizeof what - 1) > 0 && strstr(what, "[io_uring]")) {
            int null = open("/dev/null", O_RDONLY | O_CLOEXEC);

            ck_assert_int_eq(dup2(null, fd), fd);
            close(null);
            return;
        }
    }
    ck_abort_msg("no ring");
}

START_TEST(a_batch_that_fails_leaves_nobody_waiting)
{
    struct link_system *sys;

    if (!begin())
        return;
    sys = ev_userdata(loop);
    break_ring();
    for (int round = 1; round <= 3; round++) {
        for (int i = 0; i < PAIRS; i++)
            say(&ours[i], (char)('a' + round), 1000);
        turns(10);
        ck_assert(!sys->together);
        for (int i = 0; i < PAIRS; i++) {
            ck_assert_int_eq(ours[i].drained, round);
            expect(&theirs[i], (char)('a' + round), (size_t)(round - 1) * 1000, 1000);
        }
    }
    finish();
}
END_TEST

static void shake_hands(struct tls_session *a, struct tls_session *b)
{
    for (int n = 0; n < 10; n++) {
        ck_assert_int_ne(tls_session_handshake(a), TLS_FAILED);
        ck_assert_int_ne(tls_session_handshake(b), TLS_FAILED);
    }
    ck_assert_int_eq(tls_session_handshake(a), TLS_DONE);
    ck_assert_int_eq(tls_session_handshake(b), TLS_DONE);
}

START_TEST(what_has_no_room_goes_behind)
{
    char room[200], said[100], heard[300];
    struct tls_session *a, *b;
    size_t n = 0, len;
    int fds[2];

    make_contexts();
    pair(fds);
    a = tls_session_new(server, fds[0], true);
    b = tls_session_new(client, fds[1], false);
    shake_hands(a, b);
    memset(said, 'x', sizeof said);
    tls_session_seal(a, room, sizeof room);
    ck_assert_int_eq(tls_session_write(a, said, sizeof said, &n), TLS_DONE);
    memset(said, 'y', sizeof said);
    ck_assert_int_eq(tls_session_write(a, said, sizeof said, &n), TLS_WANT_WRITE);
    len = tls_session_sealed(a);
    ck_assert_uint_gt(len, sizeof said);
    tls_session_owe(a, (struct bytes){ room, len });
    ck_assert_uint_eq(tls_session_owed(a), len);
    ck_assert_int_eq(tls_session_write(a, said, sizeof said, &n), TLS_DONE);
    ck_assert_uint_eq(tls_session_owed(a), 0);
    for (int i = 0; i < 2; i++) {
        ck_assert_int_eq(tls_session_read(b, heard, sizeof heard, &n), TLS_DONE);
        ck_assert_uint_eq(n, sizeof said);
        ck_assert_int_eq(heard[0], i ? 'y' : 'x');
        ck_assert_int_eq(heard[n - 1], i ? 'y' : 'x');
    }
    tls_session_free(a);
    tls_session_free(b);
    close(fds[0]);
    close(fds[1]);
    free_contexts();
}
END_TEST

CHECK_MAIN("link_sealed", full_sockets_owe_the_rest, a_batch_that_fails_leaves_nobody_waiting,
           what_has_no_room_goes_behind)
