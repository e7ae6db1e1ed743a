/*
 * listen - the doors of a daemon: TCP ports on several addresses, a TLS port, a Unix socket, and HTTP's port on
 * addresses of its own.
 *
 *     accept --> on_accept
 *        \__ from an address in `proxies` --> porch, until it is told for whom --> on_accept
 *
 *   1. listen_open replaces the whole set or changes nothing: sockets that both sets name stay open
 *      all along, so that a changed `bind` interrupts nobody
 *   2. a turn accepts at most LISTEN_BATCH connections of one socket; the others get their turn too
 *   3. out of descriptors, the doors close for LISTEN_PAUSE_MS rather than spin
 *
 * An address is an IP or a name that the local files know; "*" is every IPv4 and "::*" every IPv6
 * address, and IPv6 sockets take IPv6 alone. "-" in front: may be missing on this machine. A family
 * that the kernel lacks is skipped in any case.
 *
 * Accepted descriptors are non-blocking, close on exec, and inherit TCP_NODELAY and keep-alive from
 * the socket, so that an accept is one system call.
 *
 * Owner: embed a struct listen; zeroed it is closed. Cost: O(sockets) to open.
 */
#ifndef HF_COMMON_LISTEN_H
#define HF_COMMON_LISTEN_H

#include <ev.h>

#include "common/net_range.h"
#include "common/porch.h"

enum { LISTEN_BATCH = 64, LISTEN_PAUSE_MS = 100 };

enum listen_kind { LISTEN_TCP, LISTEN_TLS, LISTEN_UNIX, LISTEN_HTTP, LISTEN_HTTPS };

struct listen_options {
    char *const *bind; /* bind_count addresses; none: no TCP at all */
    int bind_count;
    int port, tls_port; /* 0: none */
    int backlog;
    const char *unix_path; /* NULL or empty: none. What stands there is removed first. */
    unsigned unix_mode;    /* 0: as umask says */
    char *const *http_bind;
    int http_bind_count;
    int http_port; /* 0: none */
    bool http_tls;
    uint32_t socket_mark; /* SO_MARK; 0: none */
    int64_t keepalive_s;
    const struct net_range *proxies; /* TCP connections from there begin with a PROXY header */
    int proxy_count;                 /* at most PROXY_NETWORKS_MAX */
};

/* The descriptor is the callee's from now on; a limit on clients is its business. told: what a proxy said of the
 * connection, NULL where none is between. */
typedef void listen_fn(void *arg, int fd, enum listen_kind kind, const struct proxy_header *told);

struct listen_socket;

struct listen {
    struct ev_loop *loop;
    listen_fn *on_accept;
    void *arg;
    struct listen_socket *sockets;
    int count;
    ev_timer pause;
    struct net_range proxies[PROXY_NETWORKS_MAX];
    int proxy_count;
    struct porch porch;
    uint64_t accepted, starved; /* starved: how often descriptors ran out */
};

void listen_init(struct listen *l, struct ev_loop *loop, listen_fn *on_accept, void *arg);
/* Removes the Unix socket's file as well. */
void listen_fini(struct listen *l);

/* *out_why as Redis says it: "Could not create server TCP listening socket *:6379: bind: Address
 * already in use". */
enum err listen_open(struct listen *l, const struct listen_options *o,
                     struct errmsg *out_why) MUST_CHECK;
/* Takes who waits at the doors now, without waiting for the loop to say so. */
void listen_look(struct listen *l);
/* For connections accepted from now on. */
void listen_keepalive(struct listen *l, int64_t keepalive_s);

/* The port that the first socket of a kind is bound to; 0: none. */
int listen_port(const struct listen *l, enum listen_kind kind);

#endif
