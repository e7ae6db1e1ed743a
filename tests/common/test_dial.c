/*
 * An outgoing connection against a small server on the same loop that does what it is told by the
 * requests themselves: each way to fail is reported with its reason, calls are answered exactly once
 * whatever happens (random kills, a count per call), and every callback may free the dial.
 */
#include "common/dial.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/alloc.h"
#include "common/clock.h"
#include "common/listen.h"
#include "common/resolve.h"
#include "common/tls.h"
#include "tests/check_main.h"
#include "tests/common/free_port.h"
#include "tests/common/certs.h"

/* ---- the server ------------------------------------------------------------------------------ */

struct peer {
    struct link *link;
    struct resp_reader reader;
    bool known; /* it gave the password */
};

static struct ev_loop *loop;
static struct listen doors;
static struct tls_context *server_tls;
static char local_ip[] = "127.0.0.1";
static int port, accepts;
static const char *password; /* what AUTH accepts; NULL: none is set */
static bool default_is_open; /* who is refused may do everything all the same */
static char client_name[64];

static void raw(struct reply *r, const char *text)
{
    reply_raw(r, text, strlen(text));
}

static void answer(struct peer *p, const struct resp_request *q)
{
    struct out *o = &p->link->out;
    struct reply r = { .out = o, .proto = 2 };
    struct bytes word = q->argv[0];

    if (bytes_is_word(word, "echo")) {
        reply_bulk(&r, q->argv[1]);
    } else if (bytes_is_word(word, "auth")) {
        if (!password)
            reply_error(&r, "ERR AUTH <password> called without any password configured");
        else if ((p->known = bytes_is(q->argv[q->argc - 1], password)))
            reply_ok(&r);
        else
            reply_error(&r, "WRONGPASS invalid username-password pair or user is disabled.");
    } else if (bytes_is_word(word, "client") && password && !p->known && !default_is_open) {
        reply_error(&r, "NOAUTH Authentication required.");
    } else if (bytes_is_word(word, "client")) {
        snprintf(client_name, sizeof client_name, "%.*s", (int)q->argv[2].len, q->argv[2].at);
        reply_ok(&r);
    } else if (bytes_is_word(word, "subscribe")) {
        raw(&r, "*3\r\n$9\r\nsubscribe\r\n$1\r\nc\r\n:1\r\n");
        raw(&r, "*3\r\n$7\r\nmessage\r\n$1\r\nc\r\n$2\r\nhi\r\n");
    } else if (bytes_is_word(word, "push")) {
        raw(&r, ">2\r\n+note\r\n:7\r\n");
        reply_ok(&r);
    } else if (bytes_is_word(word, "rubbish")) {
        raw(&r, "!?what\r\n");
    } else if (bytes_is_word(word, "twice")) {
        reply_ok(&r);
        reply_ok(&r);
    } else if (bytes_is_word(word, "die")) {
        link_kill(p->link, LINK_WHY_ASKED);
    }
    link_wrote(p->link); /* "silence" answers nothing */
}

static void peer_input(struct link *l)
{
    struct peer *p = l->owner;
    struct resp_request q;

    while (l->state == LINK_OPEN && resp_read_request(&p->reader, link_input(l), &q) == RESP_ITEM) {
        if (q.argc)
            answer(p, &q);
        link_consume(l, q.bytes);
    }
}

static void peer_closed(struct link *l)
{
    struct peer *p = l->owner;

    resp_reader_fini(&p->reader);
    xfree(p);
}

static const struct link_ops peer_ops = { .on_input = peer_input, .on_closed = peer_closed };

static void on_accept(void *arg, int fd, enum listen_kind kind, const struct proxy_header *told)
{
    struct peer *p = xcalloc(1, sizeof *p);

    accepts++;
    resp_reader_init(&p->reader, (struct resp_limits){ 1024, 1 << 20, 1 << 16 });
    p->link = link_new(loop, fd, server_tls, true, &peer_ops, p);
}

static void serve(bool on)
{
    char *bind[] = { local_ip };
    struct listen_options o = { .bind = bind, .bind_count = on, .port = port, .backlog = 128 };
    struct errmsg why = { 0 };

    ck_assert_msg(listen_open(&doors, &o, &why) == OK, "%s", why.text);
}

static void begin(void)
{
    loop = ev_loop_new(EVFLAG_AUTO);
    link_system_init(loop);
    listen_init(&doors, loop, on_accept, NULL);
    port = free_port();
    serve(true);
}

static void finish(void)
{
    listen_fini(&doors);
    resolve_fini();
    link_system_fini(loop);
    ev_loop_destroy(loop);
}

/* ---- what the dial tells --------------------------------------------------------------------- */

struct heard {
    int states[8]; /* how often each state was told */
    enum dial_why why, first_why;
    int replies, nulls, pushes, settled;
    char text[64];
    struct dial *free_on_state, *free_on_reply, *free_on_push; /* freed by the callback */
    enum dial_state free_at;
    bool redial;
};

static void on_state(void *arg, struct dial *d, enum dial_state state, enum dial_why why)
{
    struct heard *h = arg;

    h->states[state]++;
    h->settled += state == DIAL_UP || state == DIAL_DOWN;
    if (state == DIAL_DOWN) {
        h->why = why;
        h->first_why = h->first_why ? h->first_why : why;
    }
    if (state == DIAL_DOWN && h->redial)
        dial_start(d);
    if (h->free_on_state && state == h->free_at) {
        dial_free(h->free_on_state);
        h->free_on_state = NULL;
    }
}

static void on_push(void *arg, struct dial *d, const struct resp_value *value)
{
    struct heard *h = arg;
    const struct resp_value *last = resp_item(value, value->count - 1);

    h->pushes++;
    snprintf(h->text, sizeof h->text, "%.*s", (int)last->text.len, last->text.at);
    dial_free(h->free_on_push);
    h->free_on_push = NULL;
}

static void on_reply(void *arg, const struct resp_value *reply)
{
    struct heard *h = arg;

    if (reply) {
        h->replies++;
        snprintf(h->text, sizeof h->text, "%.*s", (int)reply->text.len, reply->text.at);
    } else {
        h->nulls++;
    }
    dial_free(h->free_on_reply);
    h->free_on_reply = NULL;
}

static struct dial *dial_to(struct heard *h, struct dial_options o)
{
    struct dial *d;

    o.host = o.host ? o.host : local_ip;
    o.port = o.port ? o.port : port;
    o.connect_timeout_ms = o.connect_timeout_ms ? o.connect_timeout_ms : 2000;
    o.on_state = on_state;
    o.on_push = on_push;
    o.arg = h;
    d = dial_new(loop, &o);
    dial_start(d);
    return d;
}

static void ticked(struct ev_loop *l, ev_timer *w, int events) {}

/* Turns the loop until *count reaches n; fails after five seconds. */
static void await(const int *count, int n)
{
    uint64_t end = clock_read_us() + 5000000;
    ev_timer tick;

    ev_timer_init(&tick, ticked, 0.1, 0.1);
    ev_timer_start(loop, &tick);
    while (*count < n && clock_read_us() < end)
        ev_run(loop, EVRUN_ONCE);
    ev_timer_stop(loop, &tick);
    ck_assert_int_ge(*count, n);
}

static void turns(int n)
{
    while (n--)
        ev_run(loop, EVRUN_NOWAIT);
}

/* ---- tests ----------------------------------------------------------------------------------- */

START_TEST(calls_are_answered_in_order)
{
    struct heard h = { 0 };
    struct dial *d;

    begin();
    d = dial_to(&h, (struct dial_options){ .client_name = "me" });
    ck_assert_int_eq(dial_call_words(d, on_reply, &h, 2, "ECHO", "early"), ERR_CLOSED);
    await(&h.states[DIAL_UP], 1);
    ck_assert_int_eq(h.states[DIAL_GREETING], 1);
    ck_assert_str_eq(client_name, "me");
    ck_assert_str_eq(dial_peer_ip(d), "127.0.0.1");
    ck_assert_str_eq(dial_local_ip(d), "127.0.0.1");
    for (int i = 0; i < 1000; i++) {
        char word[8];

        snprintf(word, sizeof word, "%d", i);
        ck_assert_int_eq(dial_call_words(d, on_reply, &h, 2, "ECHO", word), OK);
    }
    ck_assert_uint_eq(dial_outstanding(d), 1000);
    await(&h.replies, 1000);
    ck_assert_str_eq(h.text, "999");
    ck_assert_uint_eq(dial_outstanding(d), 0);
    ck_assert_int_eq(dial_call_words(d, NULL, NULL, 2, "ECHO", "unheard"), OK);
    turns(5);
    ck_assert_int_eq(h.nulls, 0);
    dial_free(d);
    finish();
}
END_TEST

START_TEST(refused_is_told_at_once)
{
    struct heard h = { 0 };
    struct dial *d;
    uint64_t start;

    begin();
    serve(false);
    start = clock_read_us();
    d = dial_to(&h, (struct dial_options){ 0 });
    ck_assert_int_eq(h.states[DIAL_DOWN], 0); /* never from inside */
    await(&h.states[DIAL_DOWN], 1);
    ck_assert_int_eq(h.why, DIAL_WHY_REFUSED);
    ck_assert_int_eq(dial_errno(d), ECONNREFUSED);
    ck_assert_uint_lt(clock_read_us() - start, 500000);
    ck_assert_int_eq(dial_state(d), DIAL_DOWN);
    turns(5);
    ck_assert_int_eq(h.states[DIAL_DOWN], 1); /* retry_ms 0: once */
    dial_free(d);
    finish();
}
END_TEST

START_TEST(reset_then_refused)
{
    struct heard h = { .redial = true };
    struct dial *d;

    begin();
    d = dial_to(&h, (struct dial_options){ 0 });
    await(&h.states[DIAL_UP], 1);
    serve(false);
    dial_call_words(d, on_reply, &h, 1, "DIE");
    await(&h.states[DIAL_DOWN], 2);
    ck_assert_int_eq(h.nulls, 1);
    ck_assert_int_eq(h.first_why, DIAL_WHY_CLOSED);
    ck_assert_int_eq(h.why, DIAL_WHY_REFUSED);
    dial_free(d);
    finish();
}
END_TEST

START_TEST(retries_until_there_is_a_listener)
{
    struct heard h = { 0 };
    struct dial *d;

    begin();
    serve(false);
    d = dial_to(&h, (struct dial_options){ .retry_ms = 10 });
    await(&h.states[DIAL_DOWN], 3);
    serve(true);
    await(&h.states[DIAL_UP], 1);
    dial_call_words(d, on_reply, &h, 1, "DIE");
    await(&h.states[DIAL_UP], 2);
    dial_stop(d);
    ck_assert_int_eq(dial_state(d), DIAL_IDLE);
    turns(20);
    ck_assert_int_eq(h.states[DIAL_UP], 2);
    dial_free(d);
    finish();
}
END_TEST

START_TEST(names_are_resolved)
{
    struct heard h = { 0 }, lost = { 0 };
    struct dial *d, *nowhere;

    begin();
    d = dial_to(&h,
                (struct dial_options){ .host = "localhost" }); /* ::1 may come first and refuse */
    ck_assert_int_eq(dial_state(d), DIAL_RESOLVING);
    nowhere = dial_to(&lost, (struct dial_options){ .host = "no-such-host.invalid" });
    await(&h.states[DIAL_UP], 1);
    await(&lost.states[DIAL_DOWN], 1);
    ck_assert(lost.why == DIAL_WHY_RESOLVE || lost.why == DIAL_WHY_TIMEOUT);
    dial_start(nowhere);
    dial_free(nowhere); /* with the question on its way */
    dial_free(d);
    finish();
}
END_TEST

/* Takes connections, and nobody reads them. */
static int open_mute(int *out_port)
{
    struct sockaddr_in sa = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    socklen_t len = sizeof sa;
    int mute = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    ck_assert_int_eq(bind(mute, (struct sockaddr *)&sa, sizeof sa), 0);
    ck_assert_int_eq(listen(mute, 8), 0);
    getsockname(mute, (struct sockaddr *)&sa, &len);
    *out_port = ntohs(sa.sin_port);
    return mute;
}

static uint64_t silent_for_ms(struct dial_options o)
{
    struct heard h = { 0 };
    uint64_t began_us = clock_read_us();
    struct dial *d = dial_to(&h, o);

    await(&h.states[DIAL_DOWN], 1);
    ck_assert_int_eq(h.why, DIAL_WHY_TIMEOUT);
    ck_assert_int_eq(h.states[DIAL_GREETING], 1);
    ck_assert_int_eq(h.states[DIAL_UP], 0);
    dial_free(d);
    return (clock_read_us() - began_us) / 1000;
}

/* It connects, and the greeting is never answered. */
START_TEST(silence_times_out)
{
    struct dial_options o = { .client_name = "x", .connect_timeout_ms = 50 };
    int mute = open_mute(&o.port);

    begin();
    silent_for_ms(o);
    o.greeting_timeout_ms = 400; /* whoever is busy gets more time than one that is not there */
    ck_assert_uint_ge(silent_for_ms(o), 400);
    o.connect_timeout_ms = 5000;
    o.greeting_timeout_ms = 50;
    ck_assert_uint_lt(silent_for_ms(o), 4000);
    finish();
    close(mute);
}
END_TEST

/* Behind a cut of which nobody tells the kernel would try for a quarter of an hour. */
START_TEST(what_does_not_arrive_ends_it)
{
    struct heard h = { 0 };
    struct dial *d;
    int ms = 0;
    socklen_t len = sizeof ms;

    begin();
    d = dial_to(&h, (struct dial_options){ .unarrived_ms = 700 });
    await(&h.states[DIAL_UP], 1);
    ck_assert_int_eq(getsockopt(dial_link(d)->fd, IPPROTO_TCP, TCP_USER_TIMEOUT, &ms, &len), 0);
    ck_assert_int_eq(ms, 700);
    dial_free(d);
    finish();
}
END_TEST

START_TEST(authentication)
{
    struct heard right = { 0 }, wrong = { 0 }, unaware = { 0 }, open = { 0 }, none = { 0 };
    struct dial *a, *b, *c, *e, *f;

    begin();
    password = "secret";
    a = dial_to(&right, (struct dial_options){ .user = "u", .password = BYTES("secret") });
    b = dial_to(&wrong, (struct dial_options){ .password = BYTES("guess"), .client_name = "b" });
    await(&right.states[DIAL_UP], 1);
    await(&wrong.states[DIAL_DOWN], 1);
    ck_assert_int_eq(wrong.why, DIAL_WHY_AUTH);
    ck_assert_int_eq(wrong.states[DIAL_UP], 0);
    e = dial_to(&unaware, (struct dial_options){ .client_name = "e" });
    await(&unaware.states[DIAL_DOWN], 1);
    ck_assert_int_eq(unaware.why, DIAL_WHY_AUTH);
    ck_assert_int_eq(unaware.states[DIAL_UP], 0);
    default_is_open = true;
    f = dial_to(&open, (struct dial_options){ .password = BYTES("guess"), .client_name = "f" });
    await(&open.states[DIAL_UP], 1);
    default_is_open = false;
    password = NULL;
    c = dial_to(
        &none, (struct dial_options){ .password = BYTES("secret") }); /* a server that wants none */
    await(&none.states[DIAL_UP], 1);
    dial_free(a);
    dial_free(b);
    dial_free(c);
    dial_free(e);
    dial_free(f);
    finish();
}
END_TEST

/* The second one is tried on the same connection, and only where the first is refused. */
START_TEST(a_password_may_have_a_fallback)
{
    struct heard first = { 0 }, second = { 0 }, neither = { 0 };
    struct dial *a, *b, *c;

    begin();
    password = "old";
    a = dial_to(&first, (struct dial_options){ .password = BYTES("old"),
                                               .fallback = BYTES("new"),
                                               .client_name = "a" });
    await(&first.states[DIAL_UP], 1);
    ck_assert_str_eq(client_name, "a");
    password = "new";
    b = dial_to(&second, (struct dial_options){ .password = BYTES("old"),
                                                .fallback = BYTES("new"),
                                                .client_name = "b" });
    await(&second.states[DIAL_UP], 1);
    ck_assert_int_eq(second.states[DIAL_DOWN], 0);
    ck_assert_str_eq(client_name, "b");
    password = "newest";
    c = dial_to(&neither,
                (struct dial_options){ .password = BYTES("old"), .fallback = BYTES("new") });
    await(&neither.states[DIAL_DOWN], 1);
    ck_assert_int_eq(neither.why, DIAL_WHY_AUTH);
    password = NULL;
    dial_free(a);
    dial_free(b);
    dial_free(c);
    finish();
}
END_TEST

START_TEST(rubbish_ends_it)
{
    static const char *const words[] = { "RUBBISH", "TWICE" };

    begin();
    for (size_t i = 0; i < ARRAY_LEN(words); i++) {
        struct heard h = { 0 };
        struct dial *d = dial_to(&h, (struct dial_options){ 0 });

        await(&h.states[DIAL_UP], 1);
        dial_call_words(d, on_reply, &h, 1, words[i]);
        await(&h.states[DIAL_DOWN], 1);
        ck_assert_int_eq(h.why, DIAL_WHY_PROTOCOL);
        ck_assert_int_eq(h.replies + h.nulls, 1);
        dial_free(d);
    }
    finish();
}
END_TEST

START_TEST(a_reply_has_a_limit)
{
    struct heard h = { 0 };
    struct dial *d;
    char big[5000];

    memset(big, 'x', sizeof big);
    begin();
    d = dial_to(&h, (struct dial_options){ .reply_bytes_max = 4000 });
    await(&h.states[DIAL_UP], 1);
    dial_call(d, 2, (struct bytes[]){ BYTES("ECHO"), { big, 3000 } }, on_reply, &h);
    await(&h.replies, 1);
    dial_call(d, 2, (struct bytes[]){ BYTES("ECHO"), { big, sizeof big } }, on_reply, &h);
    await(&h.states[DIAL_DOWN], 1);
    ck_assert_int_eq(h.why, DIAL_WHY_PROTOCOL);
    ck_assert_int_eq(h.nulls, 1);
    dial_free(d);
    finish();
}
END_TEST

START_TEST(calls_have_a_limit)
{
    struct heard h = { 0 };
    struct dial *d;

    begin();
    d = dial_to(&h, (struct dial_options){ .calls_max = 2 });
    await(&h.states[DIAL_UP], 1);
    ck_assert_int_eq(dial_call_words(d, on_reply, &h, 1, "SILENCE"), OK);
    ck_assert_int_eq(dial_call_words(d, on_reply, &h, 1, "SILENCE"), OK);
    ck_assert_int_eq(dial_call_words(d, on_reply, &h, 1, "SILENCE"), ERR_LIMIT);
    dial_free(d);
    ck_assert_int_eq(h.nulls, 2);
    finish();
}
END_TEST

START_TEST(pushes)
{
    struct heard h = { 0 };
    struct dial *d;

    begin();
    d = dial_to(&h, (struct dial_options){ 0 });
    await(&h.states[DIAL_UP], 1);
    dial_call_words(d, on_reply, &h, 1, "PUSH");
    await(&h.replies, 1); /* the push is no reply */
    ck_assert_int_eq(h.pushes, 1);
    dial_call_words(d, on_reply, &h, 2, "ECHO", "before");
    ck_assert_int_eq(dial_subscribe(d, "c"), OK);
    ck_assert_int_eq(dial_call_words(d, on_reply, &h, 2, "ECHO", "after"), ERR_REFUSED);
    await(&h.pushes, 3);
    ck_assert_int_eq(h.replies, 2);
    ck_assert_str_eq(h.text, "hi");
    dial_free(d);
    finish();
}
END_TEST

START_TEST(callbacks_may_free)
{
    struct heard h;
    struct dial *d;

    begin();
    for (int at = DIAL_GREETING; at <= DIAL_DOWN; at++) {
        h = (struct heard){ .free_at = (enum dial_state)at };
        d = dial_to(&h, (struct dial_options){ .client_name = "n", .retry_ms = 1 });
        h.free_on_state = d;
        if (at == DIAL_DOWN) {
            await(&h.states[DIAL_UP], 1);
            dial_call_words(d, on_reply, &h, 1, "DIE");
        }
        await(&h.states[at], 1);
        turns(3);
    }
    h = (struct heard){ 0 };
    d = dial_to(&h, (struct dial_options){ 0 });
    await(&h.states[DIAL_UP], 1);
    h.free_on_reply = d;
    for (int i = 0; i < 10; i++)
        dial_call_words(d, on_reply, &h, 2, "ECHO", "x");
    await(&h.replies, 1);
    turns(5);
    ck_assert_int_eq(h.replies, 1);
    ck_assert_int_eq(h.nulls, 9);

    h = (struct heard){ 0 };
    d = dial_to(&h, (struct dial_options){ 0 });
    await(&h.states[DIAL_UP], 1);
    h.free_on_push = d;
    dial_subscribe(d, "c");
    await(&h.pushes, 1);
    turns(5);
    ck_assert_int_eq(h.pushes, 1);
    finish();
}
END_TEST

START_TEST(drop_and_set)
{
    struct heard h = { 0 };
    struct dial_options o = {
        .host = local_ip, .connect_timeout_ms = 1000, .on_state = on_state, .arg = &h
    };
    struct dial *d;

    begin();
    o.port = port;
    d = dial_new(loop, &o);
    dial_set(d, &o);
    ck_assert_int_eq(dial_state(d), DIAL_IDLE);
    dial_start(d);
    await(&h.states[DIAL_UP], 1);
    dial_set(d, &o); /* nothing differs */
    turns(3);
    ck_assert_int_eq(h.states[DIAL_DOWN], 0);
    dial_call_words(d, on_reply, &h, 1, "SILENCE");
    dial_drop(d);
    ck_assert_int_eq(h.nulls, 1);
    ck_assert_int_eq(h.states[DIAL_DOWN], 0);
    await(&h.states[DIAL_UP], 2);
    ck_assert_int_eq(h.states[DIAL_DOWN], 1);
    ck_assert_int_eq(h.why, DIAL_WHY_ASKED);
    o.client_name = "other";
    dial_set(d, &o);
    await(&h.states[DIAL_UP], 3);
    ck_assert_str_eq(client_name, "other");
    dial_free(d);
    finish();
}
END_TEST

static struct bytes taken_text;

static void taken_input(struct link *l)
{
    static char copy[64];
    struct bytes in = link_input(l);

    memcpy(copy, in.at, in.len);
    taken_text = (struct bytes){ copy, in.len };
    link_consume(l, in.len);
}

static void taken_closed(struct link *l) {}

static const struct link_ops taken_ops = { .on_input = taken_input, .on_closed = taken_closed };
static struct dial *to_take;

static void take_it(void *arg, const struct resp_value *reply)
{
    struct link *l = dial_take_link(to_take);

    ck_assert_ptr_nonnull(reply);
    ck_assert_ptr_nonnull(l);
    l->ops = &taken_ops;
}

START_TEST(taken_link_brings_what_had_arrived)
{
    struct heard h = { 0 };

    begin();
    to_take = dial_to(&h, (struct dial_options){ 0 });
    await(&h.states[DIAL_UP], 1);
    dial_call_words(to_take, take_it, NULL, 1,
                    "TWICE"); /* the second answer comes in the same read */
    turns(6);
    ck_assert(bytes_is(taken_text, "+OK\r\n"));
    ck_assert_int_eq(dial_state(to_take), DIAL_IDLE);
    ck_assert_int_eq(h.states[DIAL_DOWN], 0);
    dial_free(to_take);
    finish();
}
END_TEST

static int answered[2000];

static void count_answer(void *arg, const struct resp_value *reply)
{
    (*(int *)arg)++;
}

START_TEST(every_call_is_answered_once_under_random_death)
{
    struct heard h = { .redial = true };
    struct rng rng;
    struct dial *d;
    int made = 0;

    rng_seed(&rng, test_seed());
    begin();
    d = dial_to(&h, (struct dial_options){ .client_name = "r", .retry_ms = 1 });
    await(&h.states[DIAL_UP], 1);
    while (made < (int)ARRAY_LEN(answered)) {
        uint64_t dice = rng_below(&rng, 100);

        if (dice < 60) {
            if (dial_call_words(d, count_answer, &answered[made], 2, "ECHO", "x") == OK)
                made++;
        } else if (dice < 62) {
            if (dial_call_words(d, count_answer, &answered[made], 1, "DIE") == OK)
                made++;
        } else if (dice == 62) {
            dial_drop(d);
        } else if (dice == 63) {
            dial_stop(d);
            dial_start(d);
        } else {
            turns(1);
        }
    }
    await(&h.states[DIAL_UP], h.states[DIAL_UP]);
    dial_free(d);
    for (int i = 0; i < made; i++)
        ck_assert_int_eq(answered[i], 1);
    ck_assert_int_gt(h.states[DIAL_UP], 5);
    finish();
}
END_TEST

/* The owner's context goes, as at a reload, while the connection is being made. */
static void tls_survives_a_reload(const struct tls_settings *set)
{
    struct heard h = { 0 };
    struct errmsg why = { 0 };
    struct tls_context *client = tls_context_new(set, false, &why);
    struct dial *d = dial_to(&h, (struct dial_options){ .tls = client });

    ck_assert_int_eq(dial_state(d), DIAL_CONNECTING);
    tls_context_free(client);
    await(&h.states[DIAL_UP], 1);
    dial_free(d);
}

static enum dial_why tls_try(struct tls_context *client, const char *name, bool *out_up)
{
    struct heard h = { 0 };
    struct dial *d = dial_to(&h, (struct dial_options){ .tls = client, .tls_name = name });

    await(&h.settled, 1);
    *out_up = h.states[DIAL_UP] > 0;
    if (*out_up) {
        dial_call_words(d, on_reply, &h, 2, "ECHO", "safe");
        await(&h.replies, 1);
        ck_assert_str_eq(h.text, "safe");
    }
    dial_free(d);
    return h.why;
}

START_TEST(tls_names_are_verified)
{
    struct certs c;
    struct tls_settings set;
    struct tls_context *client, *verifies, *reloaded;
    struct errmsg why = { 0 };
    bool up;

    certs_init(&c);
    certs_issue(&c, "node", "DNS:leader.example,IP:127.0.0.1", "pass phrase");
    set = (struct tls_settings){ .cert_file = certs_path(&c, "node", "crt"),
                                 .key_file = certs_path(&c, "node", "key"),
                                 .key_pass = "wrong",
                                 .ca_file = certs_path(&c, "ca", "crt"),
                                 .auth_clients = TLS_AUTH_YES };
    ck_assert_ptr_null(tls_context_new(&set, true, &why));
    ck_assert_ptr_nonnull(strstr(why.text, "node.key"));
    set.key_pass = "pass phrase";
    server_tls = tls_context_new(&set, true, &why);
    client = tls_context_new(&set, false, &why);
    ck_assert_msg(server_tls && client, "%s", why.text);
    begin();
    tls_try(client, NULL, &up);
    ck_assert(up);
    tls_try(client, "leader.example", &up);
    ck_assert(up);
    tls_try(client, "127.0.0.1", &up);
    ck_assert(up);
    ck_assert_int_eq(tls_try(client, "impostor.example", &up), DIAL_WHY_TLS);
    ck_assert(!up);
    ck_assert_int_eq(tls_try(client, "127.0.0.9", &up), DIAL_WHY_TLS);
    ck_assert(!up);
    tls_survives_a_reload(&set);

    /* A context that verifies wants the name that was dialled, which is an address here. */
    set.verify_names = true;
    verifies = tls_context_new(&set, false, &why);
    tls_try(verifies, NULL, &up);
    ck_assert(up);
    ck_assert_int_eq(tls_try(verifies, "impostor.example", &up), DIAL_WHY_TLS);
    set.verify_names = false;

    /* A reload: new links get the new certificate, with the old context gone. */
    certs_issue(&c, "renewed", "DNS:renewed.example", NULL);
    set.cert_file = certs_path(&c, "renewed", "crt");
    set.key_file = certs_path(&c, "renewed", "key");
    reloaded = tls_context_new(&set, true, &why);
    ck_assert_msg(reloaded != NULL, "%s", why.text);
    tls_context_free(server_tls);
    server_tls = reloaded;
    tls_try(client, "renewed.example", &up);
    ck_assert(up);
    ck_assert_int_eq(tls_try(client, "leader.example", &up), DIAL_WHY_TLS);
    ck_assert_int_eq(tls_try(verifies, NULL, &up), DIAL_WHY_TLS);
    finish();
    tls_context_free(verifies);
    tls_context_free(server_tls);
    tls_context_free(client);
    certs_fini(&c);
}
END_TEST

CHECK_MAIN("dial", calls_are_answered_in_order, refused_is_told_at_once, reset_then_refused,
           retries_until_there_is_a_listener, names_are_resolved, silence_times_out,
           what_does_not_arrive_ends_it, authentication, a_password_may_have_a_fallback,
           rubbish_ends_it, a_reply_has_a_limit, calls_have_a_limit, pushes, callbacks_may_free,
           drop_and_set, taken_link_brings_what_had_arrived,
           every_call_is_answered_once_under_random_death, tls_names_are_verified)
