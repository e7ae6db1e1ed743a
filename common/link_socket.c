#include "common/link_private.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/tls.h"

static enum io tls_outcome(struct link *l, enum tls_io io)
{
    switch (io) {
    case TLS_DONE:
        return IO_DONE;
    case TLS_WANT_READ: /* the readable watcher is on; it flushes as well */
        return IO_LATER;
    case TLS_WANT_WRITE:
        ev_io_start(l->loop, &l->writable);
        return IO_LATER;
    case TLS_EOF:
        link_close(l, LINK_WHY_PEER);
        return IO_ENDED;
    case TLS_RESET:
        link_kill_errno(l, errno);
        return IO_ENDED;
    case TLS_FAILED:
        break;
    }
    link_kill(l, LINK_WHY_TLS);
    return IO_ENDED;
}

enum io link_shake_hands(struct link *l)
{
    enum io io;

    if (!l->handshaking)
        return IO_DONE;
    io = tls_outcome(l, tls_session_handshake(l->tls));
    if (io == IO_DONE) {
        l->handshaking = false;
        if (tls_session_pending(l->tls))
            link_again(l); /* a request came along, and no readiness will announce it */
        if (l->state == LINK_OPEN) {
            ev_timer_stop(l->loop, &l->deadline);
            if (l->ops->on_open)
                l->ops->on_open(l);
        }
    }
    return io;
}

/* What was received with others' stands where it is to be read to. */
static ssize_t receive(struct link *l, char *into, size_t cap)
{
    ssize_t n;

    if (!l->received.at)
        return recv(l->fd, into, cap, 0); /* read() takes the long way to a socket */
    ASSERT(into == l->received.at);
    n = l->received_errno ? -1 : (ssize_t)l->received.len;
    errno = l->received_errno;
    l->received = (struct buf){ 0 };
    l->received_errno = 0;
    return n;
}

enum io link_read_some(struct link *l, char *into, size_t cap, size_t *out_len)
{
    ssize_t n;

    if (l->tls)
        return tls_outcome(l, tls_session_read(l->tls, into, cap, out_len));
    n = receive(l, into, cap);
    if (n > 0) {
        *out_len = (size_t)n;
        return IO_DONE;
    }
    if (n == 0) {
        link_close(l, LINK_WHY_PEER);
        return IO_ENDED;
    }
    if (errno == EAGAIN || errno == EINTR)
        return IO_LATER;
    link_kill_errno(l, errno);
    return IO_ENDED;
}

/* IO_LATER: *out_len bytes went all the same, and a watcher waits for room. */
static enum io write_plain(struct link *l, const struct iovec *pieces, int count, size_t *out_len)
{
    size_t whole = 0;
    ssize_t n;

    for (int i = 0; i < count; i++)
        whole += pieces[i].iov_len;
    n = count == 1 ? send(l->fd, pieces[0].iov_base, pieces[0].iov_len, MSG_NOSIGNAL)
                   : writev(l->fd, pieces, count);
    if (n < 0 && errno != EAGAIN && errno != EINTR) {
        link_kill_errno(l, errno);
        return IO_ENDED;
    }
    *out_len = n > 0 ? (size_t)n : 0;
    if (*out_len == whole)
        return IO_DONE;
    ev_io_start(l->loop, &l->writable);
    return IO_LATER;
}

void link_cork(struct link *l, bool hold)
{
    int on = hold;

    if (l->state == LINK_OPEN)
        (void)setsockopt(l->fd, IPPROTO_TCP, TCP_CORK, &on,
                         sizeof on); /* a socket of another kind keeps nothing */
}

enum io link_pay_sealed(struct link *l)
{
    return tls_outcome(l, tls_session_pay(l->tls));
}

enum io link_write_some(struct link *l, const struct iovec *pieces, int count, size_t *out_len)
{
    *out_len = 0;
    if (!l->tls)
        return write_plain(l, pieces, count, out_len);
    for (int i = 0; i < count; i++) {
        for (size_t at = 0; at < pieces[i].iov_len;) {
            size_t n = 0;
            enum io io = tls_outcome(l, tls_session_write(l->tls, (char *)pieces[i].iov_base + at,
                                                          pieces[i].iov_len - at, &n));

            if (io != IO_DONE)
                return io;
            at += n;
            *out_len += n;
        }
    }
    return IO_DONE;
}
