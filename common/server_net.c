#include "common/server_net.h"

#include "common/log.h"
#include "common/tls.h"

static struct tls_settings tls_settings_of(const struct server_settings *set)
{
    return (struct tls_settings){
        .cert_file = set->tls_cert_file,
        .key_file = set->tls_key_file,
        .key_pass = set->tls_key_file_pass,
        .client_cert_file = set->tls_client_cert_file,
        .client_key_file = set->tls_client_key_file,
        .client_key_pass = set->tls_client_key_file_pass,
        .ca_file = set->tls_ca_cert_file,
        .ca_dir = set->tls_ca_cert_dir,
        .dh_file = set->tls_dh_params_file,
        .protocols = set->tls_protocols,
        .ciphers = set->tls_ciphers,
        .ciphersuites = set->tls_ciphersuites,
        .prefer_server_ciphers = set->tls_prefer_server_ciphers,
        .session_caching = set->tls_session_caching,
        .session_cache_size = (uint64_t)set->tls_session_cache_size,
        .session_cache_timeout_s = (uint64_t)set->tls_session_cache_timeout_s,
        .auth_clients = (enum tls_auth)set->tls_auth_clients,
        .verify_names = set->tls_verify_hostnames,
    };
}

static struct listen_options listen_options_of(const struct server_settings *set)
{
    return (struct listen_options){
        .bind = set->bind,
        .bind_count = set->bind_count,
        .port = (int)set->port,
        .tls_port = (int)set->tls_port,
        .backlog = (int)set->tcp_backlog,
        .unix_path = set->unixsocket,
        .unix_mode = (unsigned)set->unixsocketperm,
        .http_bind = set->http_bind,
        .http_bind_count = set->http_bind_count,
        .http_port = (int)set->http_port,
        .http_tls = set->http_tls,
        .socket_mark = (uint32_t)set->socket_mark_id,
        .keepalive_s = set->tcp_keepalive_s,
        .proxies = set->proxies,
        .proxy_count = set->proxy_count,
    };
}

void server_net_init(struct server_net *n, struct ev_loop *loop, listen_fn *on_accept, void *arg)
{
    *n = (struct server_net){ 0 };
    listen_init(&n->listen, loop, on_accept, arg);
}

void server_net_fini(struct server_net *n)
{
    listen_fini(&n->listen);
    tls_context_free(n->tls_server);
    tls_context_free(n->tls_client);
    tls_context_free(n->tls_if_asked);
    *n = (struct server_net){ 0 };
}

/* Nobody may want it, so what does not load is said and left out. */
static struct tls_context *client_if_asked(const struct server_settings *set,
                                           const struct tls_settings *tls)
{
    struct tls_context *client;
    struct errmsg why = { "" };

    if (!set->tls_ca_cert_file[0] && !set->tls_ca_cert_dir[0])
        return NULL;
    client = tls_context_new(tls, false, &why);
    if (!client)
        log_warning("tls-client-unavailable why=\"%s\"", why.text);
    return client;
}

enum err server_net_apply(struct server_net *n, const struct server_settings *set,
                          struct errmsg *out_why)
{
    struct listen_options options = listen_options_of(set);
    struct tls_settings tls = tls_settings_of(set);
    struct tls_context *server = NULL, *client = NULL, *asked = NULL;
    struct http_guard guard;
    enum err e = http_guard_read(&guard, set, out_why);

    if (e != OK)
        return ERR_REFUSED;
    e = ERR_REFUSED;
    if ((set->tls_port || (set->http_port && set->http_tls)) &&
        !(server = tls_context_new(&tls, true, out_why)))
        goto fail;
    if (set->tls_replication && !(client = tls_context_new(&tls, false, out_why)))
        goto fail;
    asked = client ? tls_context_hold(client) : client_if_asked(set, &tls);
    e = listen_open(&n->listen, &options, out_why);
    if (e != OK)
        goto fail;
    listen_keepalive(&n->listen, set->tcp_keepalive_s);
    tls_context_free(n->tls_server);
    tls_context_free(n->tls_client);
    tls_context_free(n->tls_if_asked);
    n->tls_server = server;
    n->tls_client = client;
    n->tls_if_asked = asked;
    n->guard = guard;
    return OK;

fail:
    tls_context_free(server);
    tls_context_free(client);
    tls_context_free(asked);
    return e;
}
