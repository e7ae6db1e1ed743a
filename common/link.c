#include "common/link_private.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <linux/sockios.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "common/alloc.h"
#include "common/clock.h"
#include "common/net.h"
#include "common/proxy.h"
#include "common/tls.h"

static void ignore(struct link *l) {}

static const struct link_ops ops_disowned = { .on_input = ignore, .on_closed = ignore };

const char *link_why_word(enum link_why why)
{
    static const char *const words[LINK_WHY_COUNT] = {
        [LINK_WHY_NONE] = "none",   [LINK_WHY_PEER] = "peer-closed",
        [LINK_WHY_RESET] = "reset", [LINK_WHY_IO] = "io",
        [LINK_WHY_TLS] = "tls",     [LINK_WHY_TIMEOUT] = "timeout",
        [LINK_WHY_LIMIT] = "limit", [LINK_WHY_PROTOCOL] = "protocol",
        [LINK_WHY_ASKED] = "asked",
    };

    return (size_t)why < LINK_WHY_COUNT ? words[why] : "unknown";
}

/* ---- states ---------------------------------------------------------------------------------- */

static void link_move(struct link *l, enum link_state state)
{
    ASSERT(state >= l->state);
    list_remove(&l->node);
    l->state = state;
    list_push_back(&link_system_of(l)->by_state[state], &l->node);
}

void link_end(struct link *l)
{
    ev_io_stop(l->loop, &l->readable);
    ev_io_stop(l->loop, &l->writable);
    ev_timer_stop(l->loop, &l->deadline);
    list_remove(&l->ready);
    list_remove(&l->dirty);
    list_remove(&l->again);
    if (l->tls)
        tls_session_goodbye(l->tls);
    if (l->fd >= 0)
        close(l->fd);
    l->fd = -1;
    l->received = (struct buf){ 0 };
    link_move(l, LINK_DEAD);
}

void link_kill(struct link *l, enum link_why why)
{
    if (l->state == LINK_DEAD)
        return;
    if (l->state == LINK_OPEN)
        l->why = why;
    link_end(l);
}

void link_close(struct link *l, enum link_why why)
{
    if (l->state != LINK_OPEN)
        return; /* the first reason is the true one */
    l->why = why;
    if (l->tls)
        tls_session_keep(l->tls);
    ev_io_stop(l->loop, &l->readable);
    ev_timer_stop(l->loop, &l->deadline); /* a handshake's; the farewell has its own */
    list_remove(&l->ready);
    list_remove(&l->again);
    link_move(l, LINK_CLOSING);
    link_wrote(l);
}

void link_kill_errno(struct link *l, int error)
{
    l->sys_errno = error;
    link_kill(l, error == ECONNRESET || error == EPIPE ? LINK_WHY_RESET : LINK_WHY_IO);
}

bool link_may_leave(const struct link *l)
{
    return l->state == LINK_OPEN && !l->handshaking && !l->received.at && link_unsent(l) == 0;
}

void link_prepare_leave(struct link *l)
{
    ASSERT(link_may_leave(l));
    if (l->tls)
        tls_session_keep(l->tls);
}

void link_leave(struct link *l)
{
    ASSERT(l->state == LINK_OPEN);
    l->fd = -1;
    l->tls = NULL;
    l->why = LINK_WHY_ASKED;
    link_end(l);
}

/* Of our own, and of what the kernel holds: it may take no more for seconds while a slow peer reads. */
static uint64_t not_taken(const struct link *l)
{
    int queued = 0;

    (void)ioctl(l->fd, SIOCOUTQ, &queued);
    return link_unsent(l) + (uint64_t)queued;
}

static void on_deadline(struct ev_loop *loop, ev_timer *w, int events)
{
    struct link *l = w->data;

    if (l->state == LINK_CLOSING && not_taken(l) < l->farewell_left)
        link_start_farewell(l);
    else
        link_kill(l, LINK_WHY_TIMEOUT); /* of a CLOSING one the first reason stays */
}

void link_start_deadline(struct link *l, int ms)
{
    if (ev_is_active(&l->deadline))
        return;
    ev_timer_set(&l->deadline, (double)ms / 1e3, 0.);
    ev_timer_start(l->loop, &l->deadline);
}

void link_start_farewell(struct link *l)
{
    if (ev_is_active(&l->deadline))
        return;
    l->farewell_left = not_taken(l);
    ev_now_update(l->loop); /* or it would count from where a long turn began */
    link_start_deadline(l, LINK_FAREWELL_MS);
}

/* ---- life ------------------------------------------------------------------------------------ */

static void name_ends(struct link *l)
{
    struct sockaddr_storage sa;
    socklen_t len = sizeof sa;

    if (getsockname(l->fd, (struct sockaddr *)&sa, &len) == 0)
        net_print_address((struct sockaddr *)&sa, len, l->local, sizeof l->local);
    len = sizeof sa;
    if (getpeername(l->fd, (struct sockaddr *)&sa, &len) == 0)
        net_print_address((struct sockaddr *)&sa, len, l->peer, sizeof l->peer);
    l->from_here = l->peer[0] && net_is_loopback((struct sockaddr *)&sa);
    if (sa.ss_family == AF_UNIX &&
        l->accepted) /* the client's end has no name, or the one it took */
        memcpy(l->peer, l->local, sizeof l->peer);
}

struct link *link_new(struct ev_loop *loop, int fd, struct tls_context *tls, bool server,
                      const struct link_ops *ops, void *owner)
{
    struct link_system *sys = ev_userdata(loop);
    struct link *l = xcalloc(1, sizeof *l);

    ASSERT(sys);
    l->loop = loop;
    l->fd = fd;
    l->accepted = server;
    l->ops = ops;
    l->owner = owner;
    l->id = ++sys->last_id;
    l->opened_ms = l->active_ms = clock_now_ms();
    name_ends(l);
    ev_io_init(&l->readable, link_on_readable, fd, EV_READ);
    ev_io_init(&l->writable, link_on_writable, fd, EV_WRITE);
    ev_timer_init(&l->deadline, on_deadline, 0., 0.);
    l->readable.data = l->writable.data = l->deadline.data = l;
    list_push_back(&sys->by_state[LINK_OPEN], &l->node);
    ev_io_start(loop, &l->readable);
    if (tls) {
        l->tls = tls_session_new(tls, fd, server);
        l->handshaking = true;
        link_start_deadline(l, LINK_HANDSHAKE_MS);
        if (!server)
            link_wrote(l); /* the client speaks first */
    }
    return l;
}

void link_set_tls_name(struct link *l, const char *name, bool verify)
{
    if (l->tls)
        tls_session_set_name(l->tls, name, verify);
}

void link_set_told(struct link *l, const struct proxy_header *told)
{
    if (!told || !told->told)
        return;
    net_print_address((const struct sockaddr *)&told->source, told->source_len, l->peer,
                      sizeof l->peer);
    l->from_here = false;
}

void link_disown(struct link *l)
{
    l->ops = &ops_disowned;
    l->owner = NULL;
}

bool link_peer_name(const struct link *l, char *out, size_t cap)
{
    return l->tls && !l->handshaking && tls_session_peer_name(l->tls, out, cap);
}

void link_why_text(const struct link *l, char *out, size_t cap)
{
    const char *word = link_why_word(l->why);

    if (l->why == LINK_WHY_TLS)
        snprintf(out, cap, "%s: %s", word, tls_session_error(l->tls));
    else if (l->why == LINK_WHY_IO)
        snprintf(out, cap, "%s: %s", word, strerror(l->sys_errno));
    else
        snprintf(out, cap, "%s", word);
}

void link_reap(struct link *l)
{
    list_remove(&l->node);
    l->ops->on_closed(l);
    ASSERT(!l->lent && !list_linked(&l->dirty) && !list_linked(&l->again));
    tls_session_free(l->tls);
    out_fini_to(&l->out, &link_system_of(l)->pile);
    buf_fini(&l->in);
    xfree(l);
}
