#include "common/listen.h"

#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "common/alloc.h"
#include "common/log.h"
#include "common/net.h"

/* What names a socket: two sets share one where these are equal. */
struct place {
    enum listen_kind kind;
    int port;
    char host[128]; /* without the "-"; of a Unix socket its path */
    bool optional;
};

struct listen_socket {
    ev_io readable;
    int fd;
    struct place place;
    struct listen *owner;
    bool hushed; /* does not listen while a set that may replace it is opened */
};

enum { PLACES_MAX = 64 };

static bool same_place(const struct place *a, const struct place *b)
{
    return a->kind == b->kind && a->port == b->port && strcmp(a->host, b->host) == 0;
}

/* ---- opening --------------------------------------------------------------------------------- */

static enum err tcp_failed(const struct place *at, const char *call, const char *reason,
                           struct errmsg *why)
{
    errmsg_set(why, "Could not create server TCP listening socket %s:%d: %s: %s", at->host,
               at->port, call, reason);
    log_warning("Failed listening on port %d (TCP). %s", at->port, why->text);
    return ERR_IO;
}

static bool family_missing(int error)
{
    return error == ENOPROTOOPT || error == EPROTONOSUPPORT || error == ESOCKTNOSUPPORT ||
           error == EPFNOSUPPORT || error == EAFNOSUPPORT;
}

static struct addrinfo *find_address(const struct place *at, struct errmsg *why)
{
    struct addrinfo hints = { .ai_flags = AI_PASSIVE | AI_NUMERICSERV,
                              .ai_socktype = SOCK_STREAM,
                              .ai_family = strchr(at->host, ':') ? AF_INET6 : AF_INET };
    const char *host = at->host;
    struct addrinfo *found = NULL;
    char port[16];
    int rc;

    if (strcmp(host, "*") == 0 || strcmp(host, "::*") == 0)
        host = NULL;
    snprintf(port, sizeof port, "%d", at->port);
    rc = getaddrinfo(host, port, &hints, &found);
    if (rc == EAI_NONAME || rc == EAI_ADDRFAMILY) { /* a name that has IPv6 alone */
        hints.ai_family = AF_INET6;
        rc = getaddrinfo(host, port, &hints, &found);
    }
    if (rc != 0)
        (void)tcp_failed(at, "getaddrinfo", gai_strerror(rc), why);
    return found;
}

static int set_flag(int fd, int level, int name, int value)
{
    return setsockopt(fd, level, name, &value, sizeof value);
}

/* ERR_NOTFOUND: not on this machine, and that is allowed. ERR_EXISTS: somebody listens there. */
static enum err open_tcp(const struct place *at, const struct listen_options *o, int *out_fd,
                         struct errmsg *why)
{
    struct addrinfo *ai = find_address(at, why);
    const char *call = "socket";
    int fd = -1, error;

    if (!ai)
        return ERR_IO;
    fd = socket(ai->ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0)
        goto fail;
    call = "setsockopt";
    if (ai->ai_family == AF_INET6 && set_flag(fd, IPPROTO_IPV6, IPV6_V6ONLY, 1) != 0)
        goto fail;
    if (set_flag(fd, SOL_SOCKET, SO_REUSEADDR, 1) != 0)
        goto fail;
    if (o->socket_mark && set_flag(fd, SOL_SOCKET, SO_MARK, (int)o->socket_mark) != 0)
        goto fail;
    net_tune(fd, ai->ai_family, o->keepalive_s);
    call = "bind";
    if (bind(fd, ai->ai_addr, ai->ai_addrlen) != 0)
        goto fail;
    call = "listen";
    if (listen(fd, o->backlog) != 0)
        goto fail;
    freeaddrinfo(ai);
    *out_fd = fd;
    return OK;

fail:
    error = errno;
    freeaddrinfo(ai);
    if (fd >= 0)
        close(fd);
    if (family_missing(error) || (error == EADDRNOTAVAIL && at->optional))
        return ERR_NOTFOUND;
    (void)tcp_failed(at, call, strerror(error), why);
    return error == EADDRINUSE ? ERR_EXISTS : ERR_IO;
}

static enum err open_unix(const struct place *at, const struct listen_options *o, int *out_fd,
                          struct errmsg *why)
{
    struct sockaddr_un sa = { .sun_family = AF_UNIX };
    const char *call = "socket";
    int fd, error;

    if (strlen(at->host) >= sizeof sa.sun_path) {
        errmsg_set(why, "Failed opening Unix socket: %s: path too long", at->host);
        return ERR_LIMIT;
    }
    strcpy(sa.sun_path, at->host);
    fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0)
        goto fail;
    call = "bind";
    unlink(sa.sun_path);
    if (bind(fd, (struct sockaddr *)&sa, sizeof sa) != 0)
        goto fail;
    call = "chmod";
    if (o->unix_mode && chmod(sa.sun_path, o->unix_mode) != 0)
        goto fail;
    call = "listen";
    if (listen(fd, o->backlog) != 0)
        goto fail;
    *out_fd = fd;
    return OK;

fail:
    error = errno;
    if (fd >= 0)
        close(fd);
    errmsg_set(why, "Failed opening Unix socket: %s: %s: %s", at->host, call, strerror(error));
    return ERR_IO;
}

static enum err open_place(const struct place *at, const struct listen_options *o, int *out_fd,
                           struct errmsg *why)
{
    return at->kind == LISTEN_UNIX ? open_unix(at, o, out_fd, why) : open_tcp(at, o, out_fd, why);
}

/* ---- accepting ------------------------------------------------------------------------------- */

static void all_watchers(struct listen *l, bool on)
{
    for (int i = 0; i < l->count; i++) {
        if (on)
            ev_io_start(l->loop, &l->sockets[i].readable);
        else
            ev_io_stop(l->loop, &l->sockets[i].readable);
    }
}

static void on_pause_over(struct ev_loop *loop, ev_timer *w, int events)
{
    all_watchers(w->data, true);
}

static void starve(struct listen *l, int error)
{
    if (l->starved++ % (10000 / LISTEN_PAUSE_MS) == 0)
        log_warning("accept-failed why=\"%s\"", strerror(error));
    all_watchers(l, false);
    ev_timer_set(&l->pause, LISTEN_PAUSE_MS / 1e3, 0.);
    ev_timer_start(l->loop, &l->pause);
}

static bool is_proxy(const struct listen *l, int fd)
{
    struct sockaddr_storage peer;
    socklen_t len = sizeof peer;

    if (getpeername(fd, (struct sockaddr *)&peer, &len) != 0)
        return false; /* gone; whoever gets it finds out */
    for (int i = 0; i < l->proxy_count; i++)
        if (net_range_has(&l->proxies[i], (struct sockaddr *)&peer))
            return true;
    return false;
}

static void admit(struct listen *l, int fd, enum listen_kind kind)
{
    if (l->proxy_count && kind != LISTEN_UNIX && is_proxy(l, fd))
        porch_take(&l->porch, fd, (int)kind);
    else
        l->on_accept(l->arg, fd, kind, NULL);
}

static void on_told(void *arg, int fd, int kind, const struct proxy_header *told)
{
    struct listen *l = arg;

    l->on_accept(l->arg, fd, (enum listen_kind)kind, told);
}

static void on_connection(struct ev_loop *loop, ev_io *w, int events)
{
    struct listen_socket *s = w->data;
    struct listen *l = s->owner;
    int listening = s->fd;
    enum listen_kind kind = s->place.kind;

    for (int i = 0; i < LISTEN_BATCH; i++) {
        int fd = accept4(listening, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);

        if (fd >= 0) {
            l->accepted++;
            admit(l, fd, kind);
        } else if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM) {
            starve(l, errno);
            return;
        } else if (errno != EINTR && errno != ECONNABORTED && errno != EPROTO) {
            return; /* EAGAIN: that was all */
        }
    }
}

void listen_look(struct listen *l)
{
    for (int i = 0; i < l->count; i++)
        if (ev_is_active(&l->sockets[i].readable))
            on_connection(l->loop, &l->sockets[i].readable, EV_READ);
}

/* ---- the set --------------------------------------------------------------------------------- */

static int add_place(struct place *places, int n, enum listen_kind kind, const char *host, int port)
{
    struct place *p = &places[n];

    ASSERT(n < PLACES_MAX);
    *p = (struct place){ .kind = kind, .port = port, .optional = host[0] == '-' };
    snprintf(p->host, sizeof p->host, "%s", host + p->optional);
    for (int i = 0; i < n; i++)
        if (same_place(&places[i], p))
            return n; /* named twice is named once */
    return n + 1;
}

static int list_places(const struct listen_options *o, struct place *places)
{
    int n = 0;

    for (int i = 0; i < o->bind_count; i++) {
        if (o->port)
            n = add_place(places, n, LISTEN_TCP, o->bind[i], o->port);
        if (o->tls_port)
            n = add_place(places, n, LISTEN_TLS, o->bind[i], o->tls_port);
    }
    for (int i = 0; o->http_port && i < o->http_bind_count; i++)
        n = add_place(places, n, o->http_tls ? LISTEN_HTTPS : LISTEN_HTTP, o->http_bind[i],
                      o->http_port);
    if (o->unix_path && o->unix_path[0])
        n = add_place(places, n, LISTEN_UNIX, o->unix_path, 0);
    return n;
}

static int fd_of(const struct listen *l, const struct place *p)
{
    for (int i = 0; i < l->count; i++)
        if (same_place(&l->sockets[i].place, p))
            return l->sockets[i].fd;
    return -1;
}

static bool in_set(const struct listen_socket *sockets, int count, int fd)
{
    for (int i = 0; i < count; i++)
        if (sockets[i].fd == fd)
            return true;
    return false;
}

static void close_socket(struct listen_socket *s)
{
    close(s->fd);
    if (s->place.kind == LISTEN_UNIX)
        unlink(s->place.host);
}

/* Closes what is in one set and not in the other. */
static void close_difference(struct listen_socket *sockets, int count,
                             const struct listen_socket *keep, int keep_count)
{
    for (int i = 0; i < count; i++)
        if (!in_set(keep, keep_count, sockets[i].fd))
            close_socket(&sockets[i]);
}

static bool wanted_place(const struct place *places, int wanted, const struct place *p)
{
    for (int i = 0; i < wanted; i++)
        if (same_place(&places[i], p))
            return true;
    return false;
}

/* 0.0.0.0 and 127.0.0.1 cannot both listen on a port. An old socket that the new set does without stops
 * listening (it stays bound, so nobody else can slip in) until the new set stands; where that fails, it
 * listens again. True: there was one on this port. */
static bool hush(struct listen *l, const struct place *places, int wanted, int port)
{
    bool any = false;

    for (int i = 0; i < l->count; i++) {
        struct listen_socket *s = &l->sockets[i];

        if (s->hushed || s->place.kind == LISTEN_UNIX || s->place.port != port ||
            wanted_place(places, wanted, &s->place))
            continue;
        s->hushed = shutdown(s->fd, SHUT_RD) == 0;
        any |= s->hushed;
    }
    return any;
}

static void unhush(struct listen *l, int backlog)
{
    for (int i = 0; i < l->count; i++) {
        struct listen_socket *s = &l->sockets[i];

        if (s->hushed && listen(s->fd, backlog) != 0)
            log_warning("listen-lost port=%d why=\"%s\"", s->place.port, strerror(errno));
        s->hushed = false;
    }
}

void listen_init(struct listen *l, struct ev_loop *loop, listen_fn *on_accept, void *arg)
{
    *l = (struct listen){ .loop = loop, .on_accept = on_accept, .arg = arg };
    ev_timer_init(&l->pause, on_pause_over, 0., 0.);
    l->pause.data = l;
    porch_init(&l->porch, loop, on_told, l);
}

static void install(struct listen *l, struct listen_socket *sockets, int count)
{
    all_watchers(l, false);
    close_difference(l->sockets, l->count, sockets, count);
    xfree(l->sockets);
    l->sockets = sockets;
    l->count = count;
    for (int i = 0; i < count; i++) {
        struct listen_socket *s = &sockets[i];

        s->owner = l;
        ev_io_init(&s->readable, on_connection, s->fd, EV_READ);
        s->readable.data = s;
    }
    if (!ev_is_active(&l->pause))
        all_watchers(l, true);
}

enum err listen_open(struct listen *l, const struct listen_options *o, struct errmsg *out_why)
{
    struct place places[PLACES_MAX];
    struct listen_socket *sockets;
    int wanted, count = 0;

    if (2 * o->bind_count + o->http_bind_count > PLACES_MAX - 1) {
        errmsg_set(out_why, "Too many bind addresses specified.");
        return ERR_LIMIT;
    }
    wanted = list_places(o, places);
    sockets = xcalloc((size_t)wanted + 1, sizeof *sockets);
    for (int i = 0; i < wanted; i++) {
        struct listen_socket *s = &sockets[count];
        enum err e = OK;

        s->place = places[i];
        s->fd = fd_of(l, &places[i]);
        if (s->fd < 0)
            e = open_place(&places[i], o, &s->fd, out_why);
        if (e == ERR_EXISTS && hush(l, places, wanted, places[i].port))
            e = open_place(&places[i], o, &s->fd, out_why);
        if (e == ERR_NOTFOUND)
            continue;
        if (e != OK) {
            close_difference(sockets, count, l->sockets, l->count);
            unhush(l, o->backlog);
            xfree(sockets);
            return e == ERR_EXISTS ? ERR_IO : e;
        }
        count++;
    }
    if (wanted && !count) {
        errmsg_set(out_why, "Could not create server TCP listening socket: none of the addresses "
                            "in bind exists here");
        xfree(sockets);
        return ERR_NOTFOUND;
    }
    install(l, sockets, count);
    ASSERT(o->proxy_count <= PROXY_NETWORKS_MAX);
    for (int i = 0; i < o->proxy_count; i++)
        l->proxies[i] = o->proxies[i];
    l->proxy_count = o->proxy_count;
    return OK;
}

void listen_fini(struct listen *l)
{
    if (!l->loop)
        return;
    ev_timer_stop(l->loop, &l->pause);
    install(l, NULL, 0);
    porch_fini(&l->porch);
    *l = (struct listen){ 0 };
}

void listen_keepalive(struct listen *l, int64_t keepalive_s)
{
    for (int i = 0; i < l->count; i++)
        if (l->sockets[i].place.kind != LISTEN_UNIX)
            net_tune(l->sockets[i].fd, AF_INET, keepalive_s);
}

int listen_port(const struct listen *l, enum listen_kind kind)
{
    struct sockaddr_storage sa;
    socklen_t len = sizeof sa;

    for (int i = 0; i < l->count; i++)
        if (l->sockets[i].place.kind == kind &&
            getsockname(l->sockets[i].fd, (struct sockaddr *)&sa, &len) == 0)
            return net_port((struct sockaddr *)&sa);
    return 0;
}
