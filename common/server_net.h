/*
 * server_net - what the shared network directives open: the doors, the TLS contexts and HTTP's guard of a daemon.
 *
 * server_net_apply brings them in line with the settings, whole or not at all: a certificate that does
 * not load, or an address that cannot be bound, leaves everything as it was. It serves the start, a
 * CONFIG SET of bind, port, tls-* or unixsocket, and the reload of renewed certificates alike (links
 * that are open keep the certificates they began with).
 *
 * Owner: embed; zeroed it is closed. tls_server is for accepted links of LISTEN_TLS and LISTEN_HTTPS, tls_client for
 * dialled ones where tls-replication is on (otherwise NULL), tls_if_asked for those whose owner wants TLS in any case (NULL
 * where no authority is named, or a file does not load); borrow them, or hold them to keep.
 */
#ifndef HF_COMMON_SERVER_NET_H
#define HF_COMMON_SERVER_NET_H

#include "common/http/guard.h"
#include "common/listen.h"
#include "common/server_settings.h"

struct server_net {
    struct listen listen;
    struct tls_context *tls_server, *tls_client, *tls_if_asked;
    struct http_guard guard;
};

void server_net_init(struct server_net *n, struct ev_loop *loop, listen_fn *on_accept, void *arg);
void server_net_fini(struct server_net *n);
enum err server_net_apply(struct server_net *n, const struct server_settings *set,
                          struct errmsg *out_why) MUST_CHECK;

#endif
