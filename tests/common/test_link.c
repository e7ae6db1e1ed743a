/*
 * What a link promises, proved with pairs of links on one loop: every byte arrives once and in order
 * whatever the sizes, pauses and buffers (against a generator that knows byte i), plain and TLS; a
 * link dies once, for its first reason, and never inside link_close; limits hold; an idle link owns
 * no buffer.
 */
#include "common/link_private.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/alloc.h"
#include "common/clock.h"
#include "common/random.h"
#include "common/tls.h"
#include "tests/check_main.h"
#include "tests/common/certs.h"

struct end {
    struct link *link;
    struct rng *rng;
    uint64_t sent, received, to_send;
    int closed, drained, inputs;
    enum link_why why;
    bool keep; /* leave the input where it is */
};

static struct ev_loop *loop;

static char byte_at(uint64_t i)
{
    return (char)(i * 2654435761u >> 13);
}

/* Sometimes from our own memory, where the link allows that. */
static void push_more(struct end *e)
{
    uint64_t n = 1 + rng_below(e->rng, rng_below(e->rng, 8) ? 3000 : 200000);
    bool borrow = out_pending(&e->link->out) == 0 && rng_below(e->rng, 2);
    char *at;

    if (n > e->to_send - e->sent)
        n = e->to_send - e->sent;
    if (!n)
        return;
    at = borrow ? xmalloc(n) : out_reserve(&e->link->out, n);
    for (uint64_t i = 0; i < n; i++)
        at[i] = byte_at(e->sent + i);
    if (borrow) {
        e->sent += link_send(e->link, at, n);
        memset(at, 0, n);
        xfree(at);
    } else {
        out_commit(&e->link->out, n);
        e->sent += n;
        link_wrote(e->link);
    }
}

static void on_input(struct link *l)
{
    struct end *e = l->owner;
    struct bytes in = link_input(l);
    size_t take = in.len;
    struct buf block = { 0 };

    e->inputs++;
    if (e->keep)
        return;
    if (e->rng && rng_below(e->rng, 4) == 0) {
        take = rng_below(e->rng, in.len + 1);
        if (rng_below(e->rng, 2))
            link_want_input(l, in.len - take + 1 + rng_below(e->rng, 100000));
        link_again(l); /* ends the wait of the last bytes, which no new ones will follow */
    }
    if (!e->rng || rng_below(e->rng, 2) || !link_take_input(l, take, &block))
        link_consume(l, take);
    for (size_t i = 0; i < take; i++) /* it stands where it stood, whoever has it */
        if (in.at[i] != byte_at(e->received + i))
            ck_abort_msg("byte %llu is wrong", (unsigned long long)(e->received + i));
    buf_fini(&block);
    e->received += take;
    if (e->rng && rng_below(e->rng, 16) == 0)
        link_pause_reading(l, true);
}

static void on_drained(struct link *l)
{
    struct end *e = l->owner;

    e->drained++;
    push_more(e);
}

static void on_closed(struct link *l)
{
    struct end *e = l->owner;

    ck_assert_int_eq(l->state, LINK_DEAD);
    ck_assert_int_eq(l->fd, -1);
    e->closed++;
    e->why = l->why;
    e->link = NULL;
}

static const struct link_ops ops = { on_input, on_drained, NULL, on_closed };
static const struct link_ops quiet_ops = { on_input, NULL, NULL, on_closed };

static void make_pair(struct end *a, struct end *b, const struct link_ops *o,
                      struct tls_context *client, struct tls_context *server)
{
    int fds[2];

    ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, fds), 0);
    a->link = link_new(loop, fds[0], client, false, o, a);
    b->link = link_new(loop, fds[1], server, true, o, b);
}

static void begin(void)
{
    loop = ev_loop_new(EVFLAG_AUTO);
    link_system_init(loop);
    if (getenv("LINKS_TOGETHER"))
        (void)link_use_batches(loop);
}

static void finish(void)
{
    link_system_fini(loop);
    ev_loop_destroy(loop);
}

static void turns(int n)
{
    while (n--)
        ev_run(loop, EVRUN_NOWAIT);
}

/* ---- bytes ----------------------------------------------------------------------------------- */

static void check_stream(struct tls_context *client, struct tls_context *server)
{
    struct rng rng;
    struct end a = { .rng = &rng, .to_send = 6000000 }, b = { .rng = &rng, .to_send = 4000000 };
    uint64_t deadline;

    rng_seed(&rng, test_seed());
    begin();
    make_pair(&a, &b, &ops, client, server);
    push_more(&a);
    push_more(&b);
    deadline = clock_read_us() + 60000000;
    while ((a.received < b.to_send || b.received < a.to_send) && clock_read_us() < deadline) {
        ev_run(loop, EVRUN_NOWAIT);
        ck_assert(a.link && b.link);
        if (rng_below(&rng, 2))
            push_more(rng_below(&rng, 2) ? &a : &b);
        if (rng_below(&rng, 3) == 0) {
            link_pause_reading(a.link, false);
            link_pause_reading(b.link, false);
        }
        /* A value announced longer than what will ever come is the owner's own mistake. */
        if (a.link->in_want > b.to_send - a.received)
            link_want_input(a.link, 0), link_again(a.link);
        if (b.link->in_want > a.to_send - b.received)
            link_want_input(b.link, 0), link_again(b.link);
    }
    ck_assert_uint_eq(a.received, b.to_send);
    ck_assert_uint_eq(b.received, a.to_send);
    ck_assert_uint_eq(a.link->bytes_out, a.to_send);
    ck_assert_uint_eq(a.link->bytes_in, b.to_send);
    link_close(a.link, LINK_WHY_ASKED);
    turns(3);
    ck_assert_int_eq(a.closed, 1);
    ck_assert_int_eq(b.closed, 1);
    ck_assert_int_eq(a.why, LINK_WHY_ASKED);
    ck_assert_int_eq(b.why, LINK_WHY_PEER);
    finish();
}

START_TEST(stream_of_random_sizes)
{
    check_stream(NULL, NULL);
}
END_TEST

static void make_contexts(struct certs *c, struct tls_context **out_client,
                          struct tls_context **out_server)
{
    struct errmsg why = { 0 };
    struct tls_settings set;

    certs_init(c);
    certs_issue(c, "node", NULL, NULL);
    set = (struct tls_settings){ .cert_file = certs_path(c, "node", "crt"),
                                 .key_file = certs_path(c, "node", "key"),
                                 .ca_file = certs_path(c, "ca", "crt") };
    *out_server = tls_context_new(&set, true, &why);
    *out_client = tls_context_new(&set, false, &why);
    ck_assert_msg(*out_server && *out_client, "%s", why.text);
}

START_TEST(stream_over_tls)
{
    static const char *const protocols[] = { "TLSv1.2", "TLSv1.3" };
    struct certs c;

    certs_init(&c);
    certs_issue(&c, "node", NULL, NULL);
    for (size_t i = 0; i < ARRAY_LEN(protocols); i++) {
        struct tls_settings set = { .cert_file = certs_path(&c, "node", "crt"),
                                    .key_file = certs_path(&c, "node", "key"),
                                    .ca_file = certs_path(&c, "ca", "crt"),
                                    .protocols = protocols[i],
                                    .auth_clients = TLS_AUTH_YES };
        struct errmsg why = { 0 };
        struct tls_context *server = tls_context_new(&set, true, &why);
        struct tls_context *client = tls_context_new(&set, false, &why);

        ck_assert_msg(server && client, "%s", why.text);
        check_stream(client, server);
        tls_context_free(server);
        tls_context_free(client);
    }
    certs_fini(&c);
}
END_TEST

/* Many at once, so that it is encrypted for all of them before it is sent: what a socket has no room for goes first later. */
START_TEST(what_is_sealed_and_not_sent_arrives_in_order)
{
    enum { MANY = 8, SAID = 6000, TIMES = 20 };
    struct end a[MANY] = { 0 }, b[MANY] = { 0 };
    struct tls_context *server, *client;
    struct certs c;
    int small = 4096;

    make_contexts(&c, &client, &server);
    begin();
    for (int i = 0; i < MANY; i++) {
        make_pair(&a[i], &b[i], &quiet_ops, client, server);
        ck_assert_int_eq(setsockopt(a[i].link->fd, SOL_SOCKET, SO_SNDBUF, &small, sizeof small), 0);
    }
    turns(50);
    for (int n = 0; n < TIMES; n++) {
        for (int i = 0; i < MANY; i++) {
            char *at = out_reserve(&a[i].link->out, SAID);

            for (uint64_t k = 0; k < SAID; k++)
                at[k] = byte_at(a[i].sent + k);
            out_commit(&a[i].link->out, SAID);
            a[i].sent += SAID;
            link_wrote(a[i].link);
        }
        turns(n % 4); /* sometimes behind what is owed */
    }
    for (int i = 0; i < MANY; i++)
        link_close(a[i].link, LINK_WHY_ASKED); /* which says goodbye behind all of it */
    turns(2000);
    for (int i = 0; i < MANY; i++) {
        ck_assert_uint_eq(b[i].received, SAID * TIMES);
        ck_assert_int_eq(a[i].closed + b[i].closed, 2);
        ck_assert_int_eq(b[i].why, LINK_WHY_PEER);
    }
    finish();
    tls_context_free(server);
    tls_context_free(client);
    certs_fini(&c);
}
END_TEST

START_TEST(idle_link_owns_no_buffer)
{
    struct end a = { 0 }, b = { 0 };
    char *big = xcalloc(1, 300000);

    begin();
    make_pair(&a, &b, &quiet_ops, NULL, NULL);
    b.keep = true;
    for (size_t i = 0; i < 300000; i++)
        big[i] = byte_at(i);
    out_append(&a.link->out, big, 100);
    link_wrote(a.link);
    turns(3);
    ck_assert_uint_eq(link_input(b.link).len, 100);
    ck_assert_uint_lt(b.link->in.cap,
                      1024); /* what is left is copied, the lent buffer is given back */
    link_want_input(b.link, 300000);
    b.keep = false;
    out_append(&a.link->out, big + 100, 299900);
    link_wrote(a.link);
    turns(20);
    ck_assert_int_eq(b.inputs, 2); /* once for the first hundred, once for the whole value */
    ck_assert_uint_eq(b.received, 300000);
    ck_assert_uint_eq(b.link->in.cap, 0);
    xfree(big);
    finish();
}
END_TEST

static void on_input_slowly(struct link *l)
{
    struct end *e = l->owner;
    size_t len = link_input(l).len, take = len < 1000 ? len : 1000;

    ck_assert_uint_le(len, LINK_HELD_BYTES + LINK_TURN_BYTES);
    e->received += take;
    link_consume(l, take);
    if (take < len)
        link_again(l);
}

/* A long pipeline and a FIN behind it: what its owner does not come to yet stays in the socket. */
START_TEST(slow_owner_is_neither_flooded_nor_cut_short)
{
    enum { MANY = 2 * 1024 * 1024 };
    static const struct link_ops slow_ops = { on_input_slowly, NULL, NULL, on_closed };
    struct end a = { 0 }, b = { 0 };

    begin();
    make_pair(&a, &b, &quiet_ops, NULL, NULL);
    b.link->ops = &slow_ops;
    b.link->input_bytes_max = 1024 * 1024;
    memset(out_reserve(&a.link->out, MANY), 'x', MANY);
    out_commit(&a.link->out, MANY);
    link_close(a.link, LINK_WHY_ASKED);
    while (!b.closed)
        ev_run(loop, EVRUN_ONCE);
    ck_assert_int_eq(b.why, LINK_WHY_PEER);
    ck_assert_uint_eq(b.received, MANY);
    finish();
}
END_TEST

START_TEST(announced_length_is_not_believed)
{
    struct end a = { 0 }, b = { .keep = true };

    begin();
    make_pair(&a, &b, &quiet_ops, NULL, NULL);
    link_want_input(b.link, (size_t)512 << 20);
    out_append(&a.link->out, "x", 1);
    link_wrote(a.link);
    turns(3);
    ck_assert_uint_eq(link_input(b.link).len, 1);
    ck_assert_uint_lt(b.link->in.cap, 1 << 20);
    ck_assert_int_eq(b.inputs, 0);
    finish();
}
END_TEST

START_TEST(one_write_for_a_pipeline)
{
    struct end a = { 0 };
    char got[64];
    int fds[2];

    begin();
    ck_assert_int_eq(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK, 0, fds), 0);
    a.link = link_new(loop, fds[0], NULL, false, &quiet_ops, &a);
    for (int i = 0; i < 10; i++) {
        out_append(&a.link->out, "+OK\r\n", 5);
        link_wrote(a.link);
    }
    ck_assert_int_eq(read(fds[1], got, sizeof got), -1); /* nothing from inside a handler */
    turns(1);
    ck_assert_int_eq(read(fds[1], got, sizeof got),
                     50); /* packets keep writes apart: there was one */
    ck_assert(!ev_is_active(&a.link->writable));
    finish();
    close(fds[1]);
}
END_TEST

/* ---- life and death -------------------------------------------------------------------------- */

START_TEST(close_flushes_and_tells_once)
{
    struct end a = { 0 }, b = { .keep = true };

    begin();
    make_pair(&a, &b, &quiet_ops, NULL, NULL);
    out_append(&a.link->out, "bye", 3);
    link_close(a.link, LINK_WHY_PROTOCOL);
    link_close(a.link, LINK_WHY_ASKED);
    ck_assert_int_eq(a.closed, 0); /* never from inside */
    turns(1);
    ck_assert_int_eq(a.closed, 1);
    ck_assert_int_eq(a.why, LINK_WHY_PROTOCOL);
    turns(2);
    ck_assert_int_eq(b.inputs, 1);
    ck_assert_int_eq(b.closed, 1);
    ck_assert_int_eq(b.why, LINK_WHY_PEER);
    finish();
}
END_TEST

START_TEST(close_waits_two_seconds_for_a_full_socket)
{
    struct end a = { 0 };
    char *big = xcalloc(1, 4 << 20);
    uint64_t start;
    int fds[2];

    begin();
    ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fds), 0);
    a.link = link_new(loop, fds[0], NULL, false, &quiet_ops, &a);
    out_append(&a.link->out, big, 4 << 20);
    link_wrote(a.link);
    turns(2);
    ck_assert(ev_is_active(&a.link->writable));
    link_close(a.link, LINK_WHY_ASKED);
    start = clock_read_us();
    while (!a.closed && clock_read_us() - start < 10000000)
        ev_run(loop, EVRUN_ONCE);
    ck_assert_int_eq(a.closed, 1);
    ck_assert_int_eq(a.why, LINK_WHY_ASKED);
    ck_assert_uint_ge(clock_read_us() - start, 1900000);
    xfree(big);
    finish();
    close(fds[1]);
}
END_TEST

struct slow_reader {
    int fd;
    size_t read;
};

static void read_some(struct ev_loop *l, ev_timer *w, int events)
{
    struct slow_reader *r = w->data;
    char piece[64 * 1024];

    for (int i = 0; i < 4; i++) {
        ssize_t n = read(r->fd, piece, sizeof piece);

        r->read += n > 0 ? (size_t)n : 0;
    }
}

START_TEST(close_waits_as_long_as_bytes_leave)
{
    enum { BIG = 1 << 20 };
    struct end a = { 0 };
    char *big = xcalloc(1, BIG);
    struct slow_reader r = { 0 };
    uint64_t start;
    ev_timer tick;
    int fds[2];

    begin();
    ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fds), 0);
    r.fd = fds[1];
    ev_timer_init(&tick, read_some, 1., 1.);
    tick.data = &r;
    ev_timer_start(loop, &tick);
    a.link = link_new(loop, fds[0], NULL, false, &quiet_ops, &a);
    out_append(&a.link->out, big, BIG);
    link_wrote(a.link);
    usleep(LINK_FAREWELL_MS * 1000); /* a long turn: it does not count */
    link_close(a.link, LINK_WHY_ASKED);
    start = clock_read_us();
    while (!a.closed && clock_read_us() - start < 20000000)
        ev_run(loop, EVRUN_ONCE);
    ck_assert_int_eq(a.closed, 1);
    ck_assert_uint_ge(clock_read_us() - start, LINK_FAREWELL_MS * 1000);
    ev_timer_stop(loop, &tick);
    for (size_t before = r.read + 1; before != r.read;) {
        before = r.read;
        read_some(loop, &tick, 0);
    }
    ck_assert_uint_eq(r.read, BIG);
    xfree(big);
    finish();
    close(fds[1]);
}
END_TEST

START_TEST(kill_and_disown)
{
    struct end a = { 0 }, b = { 0 };

    begin();
    make_pair(&a, &b, &quiet_ops, NULL, NULL);
    out_append(&a.link->out, "lost", 4);
    link_wrote(a.link);
    link_kill(a.link, LINK_WHY_LIMIT);
    link_kill(a.link, LINK_WHY_ASKED);
    ck_assert_int_eq(a.link->state, LINK_DEAD);
    link_wrote(a.link); /* harmless on the dead */
    link_disown(b.link);
    turns(3);
    ck_assert_int_eq(a.closed, 1);
    ck_assert_int_eq(a.why, LINK_WHY_LIMIT);
    ck_assert_int_eq(b.closed, 0);
    ck_assert_int_eq(b.inputs, 0);
    finish();
}
END_TEST

START_TEST(limits_close)
{
    struct end a = { 0 }, b = { .keep = true };
    char *big = xcalloc(1, 2 << 20);

    begin();
    make_pair(&a, &b, &quiet_ops, NULL, NULL);
    a.link->out.bytes_max = 1 << 20;
    out_append(&a.link->out, big, 2 << 20);
    link_wrote(a.link);
    turns(2);
    ck_assert_int_eq(a.why, LINK_WHY_LIMIT);

    b = (struct end){ .keep = true };
    a = (struct end){ 0 };
    make_pair(&a, &b, &quiet_ops, NULL, NULL);
    b.link->input_bytes_max = 100000;
    out_append(&a.link->out, big, 2 << 20);
    link_wrote(a.link);
    turns(10);
    ck_assert_int_eq(b.why, LINK_WHY_LIMIT);
    xfree(big);
    finish();
}
END_TEST

START_TEST(slow_reader_throttles)
{
    struct end a = { .keep = true }, b = { 0 };
    char *big = xcalloc(1, 4 << 20);
    int seen;

    begin();
    make_pair(&a, &b, &quiet_ops, NULL, NULL);
    for (size_t i = 0; i < 4 << 20; i++)
        big[i] = byte_at(i);
    a.link->pause_at_bytes = 1 << 20;
    link_pause_reading(b.link, true);
    out_append(&a.link->out, big, 4 << 20);
    link_wrote(a.link);
    turns(10);
    ck_assert(a.link->throttled);
    out_append(&b.link->out, "more?", 5);
    link_wrote(b.link);
    turns(5);
    ck_assert_int_eq(a.inputs, 0);
    link_pause_reading(b.link, false);
    turns(200);
    ck_assert_uint_eq(b.received, 4 << 20);
    ck_assert(!a.link->throttled);
    seen = a.inputs;
    ck_assert_int_ge(seen, 1); /* what was held is told once reading resumes */
    xfree(big);
    finish();
}
END_TEST

START_TEST(paused_link_notices_death)
{
    struct end a = { 0 }, b = { .keep = true };

    begin();
    make_pair(&a, &b, &quiet_ops, NULL, NULL);
    link_pause_reading(b.link, true);
    out_append(&a.link->out, "waiting in silence", 18);
    link_wrote(a.link);
    turns(3);
    ck_assert_int_eq(b.inputs, 0);
    ck_assert_uint_eq(link_input(b.link).len, 18);
    link_kill(a.link, LINK_WHY_ASKED);
    turns(4);
    ck_assert_int_eq(b.closed, 1);
    ck_assert_int_eq(b.why, LINK_WHY_PEER);
    finish();
}
END_TEST

START_TEST(send_borrows_and_stops_at_a_full_socket)
{
    struct end a = { .to_send = 0 };
    char *big = xcalloc(1, 4 << 20), *sink = xmalloc(4 << 20);
    struct rng rng;
    size_t gone = 0;
    int fds[2];

    rng_seed(&rng, 1);
    a.rng = &rng;
    begin();
    ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fds), 0);
    a.link = link_new(loop, fds[0], NULL, false, &ops, &a);
    for (size_t i = 0; i < 4 << 20; i++)
        big[i] = byte_at(i);
    gone = link_send(a.link, big, 4 << 20);
    ck_assert_uint_gt(gone, 0);
    ck_assert_uint_lt(gone, 4 << 20);
    ck_assert_uint_eq(link_send(a.link, big + gone, 1), 0);
    turns(3);
    ck_assert_int_eq(a.drained, 0);
    ck_assert_int_eq(read(fds[1], sink, 4 << 20), (ssize_t)gone);
    ck_assert_int_eq(memcmp(sink, big, gone), 0);
    turns(3);
    ck_assert_int_eq(a.drained, 1);
    xfree(big);
    xfree(sink);
    finish();
    close(fds[1]);
}
END_TEST

/* The handshake's last message and the first request come in one read, and that read is not made by the
 * readable watcher: nothing else will announce the request. */
START_TEST(tls_request_right_behind_the_handshake)
{
    struct certs c;
    struct tls_context *server, *client;
    struct end a = { 0 }, b = { .keep = true };

    make_contexts(&c, &client, &server);
    begin();
    make_pair(&a, &b, &quiet_ops, client, server);
    out_append(&a.link->out, "PING", 4);
    link_wrote(a.link);
    for (int i = 0; i < 10; i++) {
        ev_run(loop, EVRUN_NOWAIT);
        link_wrote(b.link); /* flushed behind a, with both messages there to be read */
    }
    ck_assert_int_eq(b.inputs, 1);
    ck_assert_uint_eq(link_input(b.link).len, 4);
    finish();
    tls_context_free(server);
    tls_context_free(client);
    certs_fini(&c);
}
END_TEST

/* Many at once cost more than a turn may take: the others are read first, and all get through in the end. */
START_TEST(tls_handshakes_wait_for_everybody_else)
{
    enum { MANY = 100 };
    static struct end clients[MANY], servers[MANY];
    struct end a = { 0 }, b = { .keep = true };
    struct certs c;
    struct tls_context *server, *client;
    const struct list *shaking;
    int left = MANY;

    make_contexts(&c, &client, &server);
    begin();
    for (int i = 0; i < MANY; i++)
        make_pair(&clients[i], &servers[i], &quiet_ops, client, server);
    make_pair(&a, &b, &quiet_ops, NULL, NULL);
    out_append(&a.link->out, "PING", 4);
    link_wrote(a.link);
    turns(1); /* the hellos leave */
    turns(1);
    shaking = &link_system_of(b.link)->shaking;
    ck_assert_int_eq(b.inputs, 1);
    ck_assert_uint_gt(list_length(shaking), MANY / 2);
    for (int i = 0; i < 100 * MANY && left; i++) {
        turns(1);
        left = 0;
        for (int k = 0; k < MANY; k++)
            left += servers[k].link->handshaking;
    }
    ck_assert_int_eq(left, 0);
    finish();
    tls_context_free(server);
    tls_context_free(client);
    certs_fini(&c);
}
END_TEST

START_TEST(tls_handshake_refusals)
{
    struct certs c, other;
    struct tls_settings set, stranger;
    struct tls_context *server, *client;
    struct errmsg why = { 0 };
    struct end a = { 0 }, b = { 0 };

    certs_init(&c);
    certs_init(&other);
    certs_issue(&c, "node", NULL, NULL);
    certs_issue(&other, "mallory", NULL, NULL);
    set = (struct tls_settings){ .cert_file = certs_path(&c, "node", "crt"),
                                 .key_file = certs_path(&c, "node", "key"),
                                 .ca_file = certs_path(&c, "ca", "crt"),
                                 .auth_clients = TLS_AUTH_YES };
    server = tls_context_new(&set, true, &why);
    stranger = (struct tls_settings){ .cert_file = certs_path(&other, "mallory", "crt"),
                                      .key_file = certs_path(&other, "mallory", "key"),
                                      .ca_file = certs_path(&c, "ca", "crt") };
    client = tls_context_new(&stranger, false, &why);
    ck_assert_msg(server && client, "%s", why.text);
    begin();
    make_pair(&a, &b, &quiet_ops, client, server);
    out_append(&a.link->out, "PING", 4);
    link_wrote(a.link);
    turns(20);
    ck_assert_int_eq(b.why, LINK_WHY_TLS);
    ck_assert_int_eq(b.inputs, 0);
    ck_assert_int_eq(a.closed, 1);

    a = b = (struct end){ 0 };
    make_pair(&a, &b, &quiet_ops, NULL, server); /* plain bytes on a TLS port */
    out_append(&a.link->out, "PING\r\nPING\r\n", 12);
    link_wrote(a.link);
    turns(20);
    ck_assert_int_eq(b.why, LINK_WHY_TLS);
    ck_assert_int_eq(b.inputs, 0);
    finish();
    tls_context_free(server);
    tls_context_free(client);
    certs_fini(&c);
    certs_fini(&other);
}
END_TEST

CHECK_MAIN("link", stream_of_random_sizes, stream_over_tls,
           what_is_sealed_and_not_sent_arrives_in_order, idle_link_owns_no_buffer,
           slow_owner_is_neither_flooded_nor_cut_short, announced_length_is_not_believed,
           one_write_for_a_pipeline, close_flushes_and_tells_once,
           close_waits_two_seconds_for_a_full_socket, close_waits_as_long_as_bytes_leave,
           kill_and_disown, limits_close, slow_reader_throttles, paused_link_notices_death,
           send_borrows_and_stops_at_a_full_socket, tls_request_right_behind_the_handshake,
           tls_handshakes_wait_for_everybody_else, tls_handshake_refusals)
