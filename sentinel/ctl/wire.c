#include "sentinel/ctl/wire.h"

#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/alloc.h"
#include "common/clock.h"
#include "common/net.h"

/* Who listens for hours must notice that the other machine is gone, which then says nothing. */
enum { KEEPALIVE_S = 15 };

/* How one attempt to move bytes ended. */
enum io { IO_MOVED, IO_WANT_READ, IO_WANT_WRITE, IO_END, IO_BROKEN };

static enum err complain(const struct wire *w, enum err e, const char *reason, struct errmsg *why)
{
    errmsg_set(why, "%s: %s", w->target->address, reason);
    return e;
}

static enum err wait_for(struct wire *w, short events, uint64_t deadline_us, struct errmsg *why)
{
    struct pollfd p = { .fd = w->fd, .events = events };
    uint64_t now_us, left_ms;
    int n;

    do {
        now_us = clock_read_us();
        if (now_us >= deadline_us)
            return complain(w, ERR_TIMEOUT, "no answer in time", why);
        left_ms = (deadline_us - now_us) / 1000 + 1;
        n = poll(&p, 1, left_ms < 3600000 ? (int)left_ms : 3600000);
    } while (n == 0 || (n < 0 && errno == EINTR));
    return n < 0 ? complain(w, ERR_IO, strerror(errno), why) : OK;
}

static enum err connect_one(struct wire *w, const struct addrinfo *a, uint64_t deadline_us,
                            struct errmsg *why)
{
    int error = 0;
    socklen_t len = sizeof error;
    enum err e;

    w->fd = socket(a->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (w->fd < 0)
        return complain(w, ERR_IO, strerror(errno), why);
    if (connect(w->fd, a->ai_addr, a->ai_addrlen) != 0 && errno != EINPROGRESS) {
        error = errno;
    } else {
        if ((e = wait_for(w, POLLOUT, deadline_us, why)) != OK)
            goto fail;
        getsockopt(w->fd, SOL_SOCKET, SO_ERROR, &error, &len);
    }
    if (!error) {
        net_tune(w->fd, a->ai_family, KEEPALIVE_S);
        return OK;
    }
    e = complain(w, ERR_CLOSED, strerror(error), why);

fail:
    close(w->fd);
    w->fd = -1;
    return e;
}

static enum err connect_any(struct wire *w, uint64_t deadline_us, struct errmsg *why)
{
    struct addrinfo hints = { .ai_socktype = SOCK_STREAM }, *found = NULL;
    char port[8];
    enum err e = ERR_CLOSED;
    int bad;

    snprintf(port, sizeof port, "%d", w->target->port);
    bad = getaddrinfo(w->target->host, port, &hints, &found);
    if (bad)
        return complain(w, ERR_CLOSED, gai_strerror(bad), why);
    for (const struct addrinfo *a = found; a; a = a->ai_next)
        if ((e = connect_one(w, a, deadline_us, why)) == OK)
            break;
    freeaddrinfo(found);
    return e;
}

static enum io from_tls(enum tls_io got)
{
    static const enum io as[] = {
        [TLS_DONE] = IO_MOVED, [TLS_WANT_READ] = IO_WANT_READ, [TLS_WANT_WRITE] = IO_WANT_WRITE,
        [TLS_EOF] = IO_END,    [TLS_RESET] = IO_BROKEN,        [TLS_FAILED] = IO_BROKEN,
    };
    return as[got];
}

static enum io from_plain(ssize_t n, enum io want, size_t *out_len)
{
    if (n < 0)
        return errno == EAGAIN || errno == EINTR ? want : IO_BROKEN;
    *out_len = (size_t)n;
    return IO_MOVED;
}

static enum io read_some(struct wire *w, char *into, size_t cap, size_t *out_len)
{
    enum io got;

    if (w->tls)
        return from_tls(tls_session_read(w->tls, into, cap, out_len));
    got = from_plain(recv(w->fd, into, cap, 0), IO_WANT_READ, out_len);
    return got == IO_MOVED && *out_len == 0 ? IO_END : got;
}

static enum io write_some(struct wire *w, const char *from, size_t len, size_t *out_len)
{
    if (w->tls)
        return from_tls(tls_session_write(w->tls, from, len, out_len));
    return from_plain(send(w->fd, from, len, MSG_NOSIGNAL), IO_WANT_WRITE, out_len);
}

/* After an attempt that moved nothing: waits, or says why waiting is no use. */
static enum err settle(struct wire *w, enum io got, uint64_t deadline_us, struct errmsg *why)
{
    const char *reason;

    if (got == IO_WANT_READ || got == IO_WANT_WRITE)
        return wait_for(w, got == IO_WANT_READ ? POLLIN : POLLOUT, deadline_us, why);
    if (got == IO_END)
        return complain(w, ERR_CLOSED, "closed the connection", why);
    reason = strerror(errno);
    if (w->tls && *tls_session_error(w->tls))
        reason = tls_session_error(w->tls);
    return complain(w, ERR_CLOSED, reason, why);
}

static bool wants_password(const struct resp_value *reply)
{
    return reply->kind == RESP_ERROR && reply->text.len >= 6 &&
           memcmp(reply->text.at, "NOAUTH", 6) == 0;
}

static bool is_denial(const struct resp_value *reply)
{
    const char *at = reply->text.at;

    return reply->text.len >= 7 && (memcmp(at, "DENIED ", 7) == 0 || memcmp(at, "NOPERM ", 7) == 0);
}

static enum err authenticate(struct wire *w, struct errmsg *why)
{
    const struct login *l = w->target->is_node ? &w->options->node : &w->options->sentinel;
    const struct resp_value *reply;
    enum err e;

    if (!l->password)
        e = WIRE_CALL(w, &reply, why, "PING");
    else if (l->user)
        e = WIRE_CALL(w, &reply, why, "AUTH", l->user, l->password);
    else
        e = WIRE_CALL(w, &reply, why, "AUTH", l->password);
    if (e != OK)
        return e;
    if (wants_password(reply))
        return complain(w, ERR_DENIED,
                        w->target->is_node
                            ? "wants a password: set HOLDFASTCTL_NODE_AUTH or use --node-auth-file"
                            : "wants a password: set HOLDFASTCTL_AUTH or use --auth-file",
                        why);
    /* A node that cannot serve now (LOADING, MISCONF, BUSY) is reached all the same. */
    if (reply->kind != RESP_ERROR || (!l->password && w->target->is_node && !is_denial(reply)))
        return OK;
    errmsg_set(why, "%s: %.*s", w->target->address, (int)reply->text.len, reply->text.at);
    return ERR_DENIED;
}

enum err wire_open(struct wire *w, const struct options *o, const struct target *t,
                   struct errmsg *out_why)
{
    uint64_t deadline_us = clock_read_us() + o->timeout_ms * 1000;
    enum err e;

    *w = (struct wire){ .options = o, .target = t, .fd = -1, .open = true };
    resp_replies_init(&w->replies);
    w->replies.bulk_bytes_max = WIRE_REPLY_BYTES_MAX;
    if ((e = connect_any(w, deadline_us, out_why)) != OK)
        goto fail;
    if (o->tls) {
        w->tls = tls_session_new(o->tls, w->fd, false);
        tls_session_set_name(w->tls, t->host, true);
    }
    if ((e = authenticate(w, out_why)) != OK)
        goto fail;
    return OK;

fail:
    wire_close(w);
    return e;
}

void wire_close(struct wire *w)
{
    if (!w->open)
        return;
    tls_session_free(w->tls);
    if (w->fd >= 0)
        close(w->fd);
    resp_replies_fini(&w->replies);
    buf_fini(&w->in);
    *w = (struct wire){ .fd = -1 };
}

enum err wire_send_bytes(struct wire *w, struct bytes request, struct errmsg *out_why)
{
    uint64_t deadline_us = clock_read_us() + w->options->timeout_ms * 1000;
    enum err e = OK;

    for (size_t sent = 0; sent < request.len && e == OK;) {
        size_t n = 0;
        enum io got = write_some(w, request.at + sent, request.len - sent, &n);

        sent += n;
        if (got != IO_MOVED)
            e = settle(w, got, deadline_us, out_why);
    }
    return e;
}

enum err wire_send(struct wire *w, struct errmsg *out_why, int argc, const char *const *argv)
{
    struct buf request = { 0 };
    enum err e;

    resp_put_array(&request, (size_t)argc);
    for (int i = 0; i < argc; i++)
        resp_put_bulk(&request, bytes_of(argv[i]));
    e = wire_send_bytes(w, buf_bytes(&request), out_why);
    explicit_bzero(request.at, request.len); /* it may have been a password */
    buf_fini(&request);
    return e;
}

enum err wire_read(struct wire *w, uint64_t deadline_us, const struct resp_value **out_value,
                   struct errmsg *out_why)
{
    enum err e;

    buf_drop(&w->in, w->taken);
    w->taken = 0;
    for (;;) {
        size_t n = 0;
        enum io got;

        switch (resp_read_reply(&w->replies, buf_bytes(&w->in), out_value, &w->taken)) {
        case RESP_ITEM:
            return OK;
        case RESP_BAD:
            return complain(w, ERR_CORRUPT, "what answers there does not speak RESP", out_why);
        case RESP_MORE:
            break;
        }
        if (w->in.len > WIRE_REPLY_BYTES_MAX)
            return complain(w, ERR_LIMIT, "the reply is larger than this tool takes", out_why);
        got = read_some(w, buf_reserve(&w->in, 16384), 16384, &n);
        w->in.len += n;
        if (got != IO_MOVED && (e = settle(w, got, deadline_us, out_why)) != OK)
            return e;
    }
}

enum err wire_call(struct wire *w, const struct resp_value **out_value, struct errmsg *out_why,
                   int argc, const char *const *argv)
{
    enum err e = wire_send(w, out_why, argc, argv);

    if (e != OK)
        return e;
    return wire_read(w, clock_read_us() + w->options->timeout_ms * 1000, out_value, out_why);
}

bool trouble_is_silence(enum err e)
{
    return e == ERR_CLOSED || e == ERR_TIMEOUT || e == ERR_IO;
}

enum err trouble_of_node(enum err e)
{
    return trouble_is_silence(e) ? ERR_REFUSED : e;
}

void trouble_note(struct trouble *t, enum err e, const struct errmsg *why)
{
    if (e != OK && (t->e == OK || (trouble_is_silence(t->e) && !trouble_is_silence(e))))
        *t = (struct trouble){ .e = e, .why = *why };
}

enum err wire_open_any(struct wire *w, const struct options *o, int *index, struct errmsg *out_why)
{
    struct trouble t = { .e = OK };

    for (; *index < o->target_count; (*index)++) {
        enum err e = wire_open(w, o, &o->targets[*index], out_why);

        if (e == OK)
            return OK;
        trouble_note(&t, e, out_why);
    }
    *out_why = t.why;
    return t.e == OK ? ERR_NOTFOUND : t.e;
}
