#include "node/live_settings.h"

#include "common/acl/acl.h"
#include "common/alloc.h"
#include "common/link.h"
#include "common/log.h"
#include "common/process.h"
#include "common/serve/service.h"
#include "common/server_net.h"
#include "node/durable/membership.h"
#include "node/keyspace/keyspace.h"
#include "node/oplog/oplog.h"
#include "node/persist/aof.h"
#include "node/persist/persist.h"
#include "node/rank.h"
#include "node/replica/replica.h"
#include "node/serve/evict.h"
#include "node/settings.h"
#include "node/world.h"

enum err live_settings_log(const struct node_world *w, struct errmsg *out_why)
{
    const struct server_settings *set = &w->set->server;
    struct log_settings log = { .level = (enum log_level)set->loglevel,
                                .path = set->logfile,
                                .json = set->log_format == LOG_FORMAT_JSON,
                                .syslog = set->syslog_enabled,
                                .syslog_ident = set->syslog_ident,
                                .syslog_facility = set->syslog_facility };

    return log_open(&log, out_why);
}

static enum err apply_log(void *world, struct errmsg *out_why)
{
    return live_settings_log(world, out_why);
}

static enum err apply_net(void *world, struct errmsg *out_why)
{
    struct node_world *w = world;

    return server_net_apply(w->net, &w->set->server, out_why);
}

/* Clients learn what Redis tells them; the log has the reason. */
static enum err unchanged(enum err e, const char *answer, struct errmsg *out_why)
{
    log_warning("net-unchanged why=\"%s\"", out_why->text);
    errmsg_set(out_why, "%s", answer);
    return e;
}

/* Of an address or a port that does not open. */
static enum err apply_place(void *world, const char *answer, struct errmsg *out_why)
{
    enum err e = apply_net(world, out_why);

    if (e == OK || e == ERR_REFUSED) /* the latter: what TLS and HTTP say of their files */
        return e;
    return unchanged(e, answer, out_why);
}

static enum err apply_bind(void *world, struct errmsg *out_why)
{
    return apply_place(world, "Failed to bind to specified addresses.", out_why);
}

static enum err apply_port(void *world, struct errmsg *out_why)
{
    return apply_place(world, "Unable to listen on this port. Check server logs.", out_why);
}

static const char tls_unchanged[] = "Unable to update TLS configuration. Check server logs.";

static enum err apply_tls(void *world, struct errmsg *out_why)
{
    enum err e = apply_net(world, out_why);

    return e == OK ? OK : unchanged(e, tls_unchanged, out_why);
}

static enum err apply_tls_port(void *world, struct errmsg *out_why)
{
    enum err e = apply_port(world, out_why);

    return e == ERR_REFUSED ? unchanged(e, tls_unchanged, out_why) : e;
}

/* A limit on files that the system refuses to raise costs clients, not the start of HTTP. */
static enum err apply_room(void *world, struct errmsg *out_why)
{
    struct node_world *w = world;

    process_reserve_files(server_settings_more_files(&w->set->server));
    if (process_allow_clients(w->set->server.maxclients, out_why) != OK)
        log_warning("file-limit-unchanged why=\"%s\"", out_why->text);
    return OK;
}

static enum err apply_proxies(void *world, struct errmsg *out_why)
{
    enum err e = apply_net(world, out_why);

    return e == OK ? apply_room(world, out_why) : e;
}

static enum err apply_http_port(void *world, struct errmsg *out_why)
{
    enum err e = apply_port(world, out_why);

    return e == OK ? apply_room(world, out_why) : e;
}

static enum err apply_password(void *world, struct errmsg *out_why)
{
    struct node_world *w = world;

    (void)out_why;
    acl_set_password(w->acl, w->set->server.requirepass);
    return OK;
}

static enum err apply_new_users(void *world, struct errmsg *out_why)
{
    struct node_world *w = world;

    (void)out_why;
    acl_let_new_users_hear_all(w->acl, w->set->server.acl_pubsub_all);
    return OK;
}

static enum err apply_clients(void *world, struct errmsg *out_why)
{
    struct node_world *w = world;

    return process_allow_clients(w->set->server.maxclients, out_why);
}

static enum err apply_buffers(void *world, struct errmsg *out_why)
{
    struct node_world *w = world;

    (void)out_why;
    service_settings_changed(w->service);
    return OK;
}

/* maxmemory-clients may be a share of maxmemory. */
static void limit_clients(struct node_world *w)
{
    int64_t set = w->set->server.maxmemory_clients;
    uint64_t bytes =
        set < 0 ? (uint64_t)((double)w->set->maxmemory_bytes * (double)-set / 100.) : (uint64_t)set;

    client_memory_limit(w->service, bytes);
}

static bool counts_frequency(int policy)
{
    return policy == POLICY_VOLATILE_LFU || policy == POLICY_ALLKEYS_LFU;
}

static void settle_sharing(struct node_world *w)
{
    int policy = w->set->maxmemory_policy;
    bool by_clock =
        counts_frequency(policy) || policy == POLICY_VOLATILE_LRU || policy == POLICY_ALLKEYS_LRU;

    keyspace_set_shares(w->keyspace, !w->set->maxmemory_bytes || !by_clock);
}

static enum err apply_maxmemory(void *world, struct errmsg *out_why)
{
    struct node_world *w = world;

    (void)out_why;
    evict_settings_changed(w->serve);
    limit_clients(w);
    settle_sharing(w);
    return OK;
}

static enum err apply_client_memory(void *world, struct errmsg *out_why)
{
    (void)out_why;
    limit_clients(world);
    return OK;
}

static enum err apply_frequency(void *world, struct errmsg *out_why)
{
    struct node_world *w = world;

    (void)out_why;
    settle_sharing(w);
    keyspace_set_frequency(w->keyspace, counts_frequency(w->set->maxmemory_policy),
                           (int)w->set->lfu_log_factor, (int)w->set->lfu_decay_time_min);
    return OK;
}

/* Also what a string may grow to by APPEND. */
static enum err apply_bulk_max(void *world, struct errmsg *out_why)
{
    struct node_world *w = world;

    keyspace_set_text_max(w->keyspace, w->set->server.proto_max_bulk_bytes);
    return apply_buffers(world, out_why);
}

static enum err apply_backlog(void *world, struct errmsg *out_why)
{
    struct node_world *w = world;

    (void)out_why;
    oplog_backlog_resize(w->oplog, w->set->repl_backlog_bytes);
    return OK;
}

/* While a file loads nothing is switched: the end of the load looks at the setting. */
static enum err apply_appendonly(void *world, struct errmsg *out_why)
{
    struct node_world *w = world;

    if (!w->set->appendonly && membership_needs_file(w->membership)) {
        errmsg_set(out_why, "A node of a durable group keeps its append only file on");
        return ERR_REFUSED;
    }
    return persist_loading(w->persist) ? OK : aof_switch(w->aof, w->set->appendonly, out_why);
}

/* Files there that nobody writes any more would be taken for this node's at its next start. */
static enum err apply_dir(void *world, struct errmsg *out_why)
{
    const struct node_world *w = world;

    if (membership_is_at_home(w->membership))
        return OK;
    errmsg_set(out_why, "A node of a durable group stays in its directory");
    return ERR_REFUSED;
}

static enum err apply_group(void *world, struct errmsg *out_why)
{
    struct node_world *w = world;

    (void)out_why;
    membership_settings_changed(w->membership);
    return OK;
}

static enum err apply_appendfsync(void *world, struct errmsg *out_why)
{
    struct node_world *w = world;

    (void)out_why;
    aof_policy_changed(w->aof);
    return OK;
}

static enum err apply_allocator(void *world, struct errmsg *out_why)
{
    const struct node_world *w = world;

    (void)out_why;
    if (!alloc_background(w->set->jemalloc_bg_thread))
        log_warning("allocator-thread-unchanged wanted=%s",
                    w->set->jemalloc_bg_thread ? "yes" : "no");
    return OK;
}

static enum err apply_loop(void *world, struct errmsg *out_why)
{
    const struct node_world *w = world;

    (void)out_why;
    link_set_rest(w->loop, (int)w->set->loop_rest_max_us);
    return OK;
}

static enum err apply_replica(void *world, struct errmsg *out_why)
{
    struct node_world *w = world;

    (void)out_why;
    replica_settings_changed(w->replica);
    return OK;
}

static enum err apply_rank(void *world, struct errmsg *out_why)
{
    if (rank_apply(world))
        return OK;
    errmsg_set(out_why, "Failed to apply new oom_score_adj configuration, check server logs.");
    return ERR_REFUSED;
}

static const struct {
    const char *name;
    enum err (*apply)(void *world, struct errmsg *out_why);
} hooks[] = {
    { "loglevel", apply_log },
    { "log-format", apply_log },
    { "bind", apply_bind },
    { "port", apply_port },
    { "tcp-keepalive", apply_net },
    { "tls-port", apply_tls_port },
    { "tls-replication", apply_tls },
    { "tls-cert-file", apply_tls },
    { "tls-key-file", apply_tls },
    { "tls-key-file-pass", apply_tls },
    { "tls-client-cert-file", apply_tls },
    { "tls-client-key-file", apply_tls },
    { "tls-client-key-file-pass", apply_tls },
    { "tls-dh-params-file", apply_tls },
    { "tls-ca-cert-file", apply_tls },
    { "tls-ca-cert-dir", apply_tls },
    { "tls-protocols", apply_tls },
    { "tls-ciphers", apply_tls },
    { "tls-ciphersuites", apply_tls },
    { "tls-prefer-server-ciphers", apply_tls },
    { "tls-session-caching", apply_tls },
    { "tls-session-cache-size", apply_tls },
    { "tls-session-cache-timeout", apply_tls },
    { "tls-auth-clients", apply_tls },
    { "tls-verify-hostnames", apply_net },
    { "http-port", apply_http_port },
    { "http-bind", apply_bind },
    { "proxy-protocol-networks", apply_proxies },
    { "http-tls", apply_net },
    { "http-token", apply_net },
    { "http-token-file", apply_net },
    { "http-token-without-tls", apply_net },
    { "http-max-connections", apply_room },
    { "requirepass", apply_password },
    { "acl-pubsub-default", apply_new_users },
    { "maxclients", apply_clients },
    { "client-output-buffer-limit", apply_buffers },
    { "client-query-buffer-limit", apply_buffers },
    { "proto-max-bulk-len", apply_bulk_max },
    { "maxmemory", apply_maxmemory },
    { "maxmemory-clients", apply_client_memory },
    { "maxmemory-policy", apply_frequency },
    { "lfu-log-factor", apply_frequency },
    { "lfu-decay-time", apply_frequency },
    { "repl-backlog-size", apply_backlog },
    { "replica-max-staleness-ms", apply_replica },
    { "appendonly", apply_appendonly },
    { "dir", apply_dir },
    { "appendfsync", apply_appendfsync },
    { "jemalloc-bg-thread", apply_allocator },
    { "loop-rest-max", apply_loop },
    { "replica-priority", apply_group },
    { "hf-group", apply_group },
    { "hf-heartbeat", apply_group },
    { "hf-silence-limit", apply_group },
    { "hf-reset-grace", apply_group },
    { "hf-sync-max-lag", apply_group },
    { "hf-grow-stable", apply_group },
    { "hf-grow-hold-down-max", apply_group },
    { "hf-stall-refuse", apply_group },
    { "hf-confirm-timeout", apply_group },
    { "hf-stale-read-limit", apply_group },
    { "hf-solo", apply_group },
    { "hf-sentinel-user", apply_group },
    { "hf-sentinel-pass", apply_group },
    { "hf-sentinel-pass-fallback", apply_group },
    { "oom-score-adj", apply_rank },
    { "oom-score-adj-values", apply_rank },
};

void live_settings_hook(struct node_world *w)
{
    for (size_t i = 0; i < ARRAY_LEN(hooks); i++)
        settings_hook(w->settings, hooks[i].name, hooks[i].apply);
}

enum err live_settings_begin(struct node_world *w, struct errmsg *out_why)
{
    apply_frequency(w, out_why);
    limit_clients(w);
    apply_allocator(w, out_why);
    apply_loop(w, out_why);
    (void)rank_apply(w); /* refused, it stays as it is */
    keyspace_set_text_max(w->keyspace, w->set->server.proto_max_bulk_bytes);
    return apply_net(w, out_why);
}
