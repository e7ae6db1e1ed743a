#include "common/porch.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "common/alloc.h"
#include "common/clock.h"
#include "common/log.h"
#include "common/net.h"

struct guest {
    struct list node;
    struct porch *porch;
    ev_io readable;
    int fd, kind;
    uint64_t since_ms;
    size_t have; /* of the header */
    char header[PROXY_HEADER_MAX];
};

/* The descriptor is left alone. */
static void forget(struct guest *g)
{
    ev_io_stop(g->porch->loop, &g->readable);
    list_remove(&g->node);
    g->porch->count--;
    xfree(g);
}

static void turn_away(struct guest *g, const char *why)
{
    struct sockaddr_storage peer = { .ss_family = AF_UNSPEC };
    socklen_t len = sizeof peer;
    char address[NET_ADDRESS_MAX] = "";

    if (getpeername(g->fd, (struct sockaddr *)&peer, &len) == 0)
        net_print_address((struct sockaddr *)&peer, len, address, sizeof address);
    log_verbose("proxy-refused addr=%s why=\"%s\"", address, why);
    close(g->fd);
    forget(g);
}

static void enter(struct guest *g, const struct proxy_header *told)
{
    struct porch *p = g->porch;
    int fd = g->fd, kind = g->kind;

    forget(g);
    p->on_enter(p->arg, fd, kind, told);
}

/* Takes off the socket what is known to be of the header. */
static bool take(struct guest *g, size_t len)
{
    ssize_t n = len ? recv(g->fd, g->header + g->have, len, 0) : 0;

    g->have += len;
    return n == (ssize_t)len;
}

static void look(struct guest *g, size_t seen)
{
    struct bytes data = { g->header, g->have + seen };
    struct proxy_header told;
    const char *why;

    switch (proxy_read_header(data, &told, &why)) {
    case PROXY_MORE:
        if (!take(g, seen))
            turn_away(g, "lost");
        return;
    case PROXY_BAD:
        turn_away(g, why);
        return;
    case PROXY_WHOLE:
        if (take(g, told.bytes - g->have))
            enter(g, &told);
        else
            turn_away(g, "lost");
        return;
    }
}

/* A header that is not whole fits: the reader refuses what would not. */
static void on_readable(struct ev_loop *loop, ev_io *w, int events)
{
    struct guest *g = w->data;
    ssize_t n = recv(g->fd, g->header + g->have, sizeof g->header - g->have, MSG_PEEK);

    if (n > 0)
        look(g, (size_t)n);
    else if (n == 0)
        turn_away(g, "closed before its header");
    else if (errno != EAGAIN && errno != EINTR)
        turn_away(g, strerror(errno));
}

static void arm(struct porch *p)
{
    const struct guest *first;
    uint64_t now_ms = clock_now_ms(), due_ms;

    ev_timer_stop(p->loop, &p->patience);
    if (list_empty(&p->guests))
        return;
    first = LIST_ENTRY(p->guests.next, struct guest, node);
    due_ms = first->since_ms + PORCH_WAIT_MS;
    ev_timer_set(&p->patience, due_ms > now_ms ? (double)(due_ms - now_ms) / 1e3 : 0., 0.);
    ev_timer_start(p->loop, &p->patience);
}

static void on_impatient(struct ev_loop *loop, ev_timer *w, int events)
{
    struct porch *p = w->data;
    uint64_t now_ms = clock_now_ms();

    while (!list_empty(&p->guests)) {
        struct guest *g = LIST_ENTRY(p->guests.next, struct guest, node);

        if (now_ms < g->since_ms + PORCH_WAIT_MS)
            break;
        turn_away(g, "no header in time");
    }
    arm(p);
}

void porch_init(struct porch *p, struct ev_loop *loop, porch_fn *on_enter, void *arg)
{
    *p = (struct porch){ .loop = loop, .on_enter = on_enter, .arg = arg };
    list_init(&p->guests);
    ev_timer_init(&p->patience, on_impatient, 0., 0.);
    p->patience.data = p;
}

void porch_fini(struct porch *p)
{
    if (!p->loop)
        return;
    while (!list_empty(&p->guests))
        turn_away(LIST_ENTRY(p->guests.next, struct guest, node), "shutdown");
    ev_timer_stop(p->loop, &p->patience);
    *p = (struct porch){ .loop = NULL };
}

void porch_take(struct porch *p, int fd, int kind)
{
    struct guest *g;

    if (p->count >= PORCH_GUESTS_MAX)
        turn_away(LIST_ENTRY(p->guests.next, struct guest, node), "others came");
    g = xmalloc(sizeof *g);
    g->node = (struct list){ NULL, NULL };
    g->porch = p;
    g->fd = fd;
    g->kind = kind;
    g->since_ms = clock_now_ms();
    g->have = 0;
    ev_io_init(&g->readable, on_readable, fd, EV_READ);
    g->readable.data = g;
    ev_io_start(p->loop, &g->readable);
    list_push_back(&p->guests, &g->node);
    p->count++;
    if (!ev_is_active(&p->patience))
        arm(p);
}
