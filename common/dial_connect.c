#include "common/dial_private.h"

#include <errno.h>
#include <string.h>
#include <sys/un.h>
#include <unistd.h>

#include "common/net.h"

static enum dial_why why_of_errno(int error)
{
    if (error == ECONNREFUSED || error == ENOENT) /* ENOENT: of a Unix socket */
        return DIAL_WHY_REFUSED;
    if (error == ECONNRESET) /* accepted, and closed before we looked */
        return DIAL_WHY_CLOSED;
    return error == ETIMEDOUT ? DIAL_WHY_TIMEOUT : DIAL_WHY_UNREACHABLE;
}

static void go_down_soon(struct dial *d, enum dial_why why, int sys_errno)
{
    dial_let_go(d);
    d->why = why;
    d->sys_errno = sys_errno;
    d->soon_what = SOON_DOWN;
    dial_arm(d, &d->soon, 0);
}

static int bind_source(struct dial *d, int fd)
{
    struct sockaddr_storage sa;
    socklen_t len;

    if (!d->o.source_address || !net_parse_ip(d->o.source_address, 0, &sa, &len))
        return 0;
    return bind(fd, (struct sockaddr *)&sa, len);
}

/* Begins with the next address. 0, or the errno of an immediate failure. */
static int try_connect(struct dial *d)
{
    const struct sockaddr *peer = (void *)&d->addresses.addresses[d->address_next];
    socklen_t len = d->addresses.lengths[d->address_next];

    d->address_next++;
    d->fd = socket(peer->sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (d->fd < 0)
        return errno;
    if ((peer->sa_family == AF_UNIX || bind_source(d, d->fd) == 0) &&
        (connect(d->fd, peer, len) == 0 || errno == EINPROGRESS)) {
        ev_io_set(&d->connecting, d->fd, EV_WRITE);
        ev_io_start(d->loop, &d->connecting);
        return 0;
    }
    return errno;
}

static void close_attempt(struct dial *d)
{
    ev_io_stop(d->loop, &d->connecting);
    if (d->fd >= 0)
        close(d->fd);
    d->fd = -1;
}

/* Tries addresses until one is under way. 0, or the errno of the last. */
static int connect_next(struct dial *d)
{
    int error = EHOSTUNREACH;

    d->state = DIAL_CONNECTING;
    while (d->address_next < d->addresses.count) {
        error = try_connect(d);
        if (!error)
            return 0;
        close_attempt(d);
    }
    return error;
}

static void on_connecting(struct ev_loop *loop, ev_io *w, int events)
{
    struct dial *d = w->data;
    int error = 0;
    socklen_t len = sizeof error;

    ev_io_stop(loop, w);
    if (getsockopt(d->fd, SOL_SOCKET, SO_ERROR, &error, &len) != 0)
        error = errno;
    dial_enter(d);
    if (error) {
        int last;

        close_attempt(d);
        last = d->address_next < d->addresses.count ? connect_next(d) : error;
        if (last)
            dial_go_down(d, why_of_errno(last), last);
    } else {
        dial_connected(d);
    }
    (void)dial_leave(d);
}

static void on_resolved(void *arg, const struct resolve_answer *answer)
{
    struct dial *d = arg;
    int error;

    d->question = NULL;
    dial_enter(d);
    if (!answer->count) {
        dial_go_down(d, DIAL_WHY_RESOLVE, 0);
    } else {
        d->addresses = *answer;
        error = connect_next(d);
        if (error)
            dial_go_down(d, why_of_errno(error), error);
        else
            dial_tell_state(d);
    }
    (void)dial_leave(d);
}

static void on_deadline(struct ev_loop *loop, ev_timer *w, int events)
{
    dial_go_down(w->data, DIAL_WHY_TIMEOUT, 0);
}

static void on_retry(struct ev_loop *loop, ev_timer *w, int events)
{
    dial_begin(w->data);
}

static void on_soon(struct ev_loop *loop, ev_timer *w, int events)
{
    struct dial *d = w->data;
    enum soon what = d->soon_what;

    d->soon_what = SOON_NOTHING;
    if (what == SOON_DOWN) {
        dial_go_down(d, d->why, d->sys_errno);
        return;
    }
    dial_enter(d);
    dial_tell_state(d);
    if (!d->freed && d->state == DIAL_DOWN)
        dial_begin(d);
    (void)dial_leave(d);
}

static bool path_address(struct dial *d)
{
    struct sockaddr_un un = { .sun_family = AF_UNIX };

    if (strlen(d->o.host) >= sizeof un.sun_path)
        return false;
    strcpy(un.sun_path, d->o.host);
    memcpy(&d->addresses.addresses[0], &un, sizeof un);
    d->addresses.lengths[0] = sizeof un;
    return true;
}

/* Fills addresses without a look-up where that is possible. */
static bool known_address(struct dial *d)
{
    d->addresses.count = 1;
    if (d->o.host[0] == '/')
        return path_address(d);
    return net_parse_ip(d->o.host, d->o.port, &d->addresses.addresses[0], &d->addresses.lengths[0]);
}

void dial_begin(struct dial *d)
{
    int error;

    dial_let_go(d);
    d->address_next = 0;
    d->peer_ip[0] = d->local_ip[0] = '\0';
    if (d->o.connect_timeout_ms)
        dial_arm(d, &d->deadline, d->o.connect_timeout_ms);
    if (known_address(d)) {
        error = connect_next(d);
        if (error)
            go_down_soon(d, why_of_errno(error), error);
        return;
    }
    d->addresses.count = 0;
    d->state = DIAL_RESOLVING;
    d->question = resolve_ask(d->loop, d->o.host, d->o.port, on_resolved, d);
    if (!d->question)
        go_down_soon(d, DIAL_WHY_RESOLVE, 0);
}

void dial_watchers_init(struct dial *d)
{
    ev_io_init(&d->connecting, on_connecting, -1, 0);
    ev_timer_init(&d->deadline, on_deadline, 0., 0.);
    ev_timer_init(&d->retry, on_retry, 0., 0.);
    ev_timer_init(&d->soon, on_soon, 0., 0.);
    d->connecting.data = d->deadline.data = d->retry.data = d->soon.data = d;
}
