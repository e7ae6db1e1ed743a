#include "sentinel/core/config.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "common/alloc.h"
#include "sentinel/core/durable/captain.h"

const struct debug_timer_row debug_timers[T_COUNT] = {
    [T_INFO_PERIOD] = { "info-period", 10000 },
    [T_PING_PERIOD] = { "ping-period", 1000 },
    [T_ASK_PERIOD] = { "ask-period", 1000 },
    [T_PUBLISH_PERIOD] = { "publish-period", 2000 },
    [T_DEFAULT_DOWN_AFTER] = { "default-down-after", 30000 },
    [T_DEFAULT_FAILOVER_TIMEOUT] = { "default-failover-timeout", 180000 },
    [T_TILT_TRIGGER] = { "tilt-trigger", 2000 },
    [T_TILT_PERIOD] = { "tilt-period", 30000 },
    [T_SLAVE_RECONF_TIMEOUT] = { "slave-reconf-timeout", 10000 },
    [T_MIN_LINK_RECONNECT_PERIOD] = { "min-link-reconnect-period", 15000 },
    [T_ELECTION_TIMEOUT] = { "election-timeout", 10000 },
    [T_SCRIPT_MAX_RUNTIME] = { "script-max-runtime", 60000 },
    [T_SCRIPT_RETRY_DELAY] = { "script-retry-delay", 30000 },
};

bool addr_eq(const struct addr *a, const struct addr *b)
{
    return a->port == b->port && strcasecmp(a->host, b->host) == 0;
}

bool addr_set(struct addr *out, struct bytes host, int64_t port)
{
    if (host.len == 0 || host.len > HOST_LEN_MAX || memchr(host.at, '\0', host.len))
        return false;
    if (port < 1 || port > 65535)
        return false;
    memcpy(out->host, host.at, host.len);
    out->host[host.len] = '\0';
    out->port = (int)port;
    return true;
}

bool host_is_address(const char *host)
{
    unsigned char any[16];

    return inet_pton(AF_INET, host, any) == 1 || inet_pton(AF_INET6, host, any) == 1;
}

void addr_name(const struct addr *a, char *out, size_t cap)
{
    snprintf(out, cap, strchr(a->host, ':') ? "[%s]:%d" : "%s:%d", a->host, a->port);
}

static char *dup_or_null(const char *text)
{
    return text ? xstrdup(text) : NULL;
}

void globals_defaults(struct globals *g)
{
    *g = (struct globals){ .deny_scripts_reconfig = true };
}

bool globals_admit(const struct globals *g, const struct addr *a)
{
    static const char in_names[] =
        "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._";

    if (host_is_address(a->host))
        return true;
    return g->resolve_hostnames && a->host[strspn(a->host, in_names)] == '\0';
}

void globals_copy(struct globals *out, const struct globals *from)
{
    struct globals copy = *from;

    if (out == from)
        return;
    copy.announce_ip = dup_or_null(from->announce_ip);
    copy.sentinel_user = dup_or_null(from->sentinel_user);
    copy.sentinel_pass = dup_or_null(from->sentinel_pass);
    copy.sentinel_pass_fallback = dup_or_null(from->sentinel_pass_fallback);
    globals_fini(out);
    *out = copy;
}

void globals_fini(struct globals *g)
{
    xfree(g->announce_ip);
    xfree(g->sentinel_user);
    xfree(g->sentinel_pass);
    xfree(g->sentinel_pass_fallback);
    *g = (struct globals){ 0 };
}

void group_settings_defaults(struct group_settings *set)
{
    *set = (struct group_settings){
        .down_after_ms = debug_timers[T_DEFAULT_DOWN_AFTER].def_ms,
        .failover_timeout_ms = debug_timers[T_DEFAULT_FAILOVER_TIMEOUT].def_ms,
        .parallel_syncs = 1,
        .quorum = 1,
        .busy_failover_ms = CAPTAIN_BUSY_FAILOVER_MS,
    };
}

static const char *const tls_words[] = {
    [GROUP_TLS_AUTO] = "auto", [GROUP_TLS_YES] = "yes", [GROUP_TLS_NO] = "no"
};

const char *group_tls_word(enum group_tls tls)
{
    return tls_words[tls];
}

bool group_tls_of(struct bytes word, enum group_tls *out)
{
    for (size_t i = 0; i < ARRAY_LEN(tls_words); i++) {
        if (bytes_is_word(word, tls_words[i])) {
            *out = (enum group_tls)i;
            return true;
        }
    }
    return false;
}

bool busy_failover_of(struct bytes word, uint64_t *out_ms)
{
    uint64_t ms;

    if (!bytes_to_u64(word, &ms) || ms > INT32_MAX || (ms > 0 && ms < CAPTAIN_BUSY_FAILOVER_MS_MIN))
        return false;
    *out_ms = ms;
    return true;
}

void group_settings_copy(struct group_settings *out, const struct group_settings *from)
{
    struct group_settings copy = *from;

    if (out == from)
        return;
    copy.notification_script = dup_or_null(from->notification_script);
    copy.client_reconfig_script = dup_or_null(from->client_reconfig_script);
    copy.auth_user = dup_or_null(from->auth_user);
    copy.auth_pass = dup_or_null(from->auth_pass);
    copy.auth_pass_fallback = dup_or_null(from->auth_pass_fallback);
    copy.renames = NULL;
    if (from->rename_count > 0)
        copy.renames = xcalloc(from->rename_count, sizeof *copy.renames);
    for (size_t i = 0; i < from->rename_count; i++) {
        copy.renames[i].command = xstrdup(from->renames[i].command);
        copy.renames[i].to = xstrdup(from->renames[i].to);
    }
    group_settings_fini(out);
    *out = copy;
}

void group_settings_fini(struct group_settings *set)
{
    xfree(set->notification_script);
    xfree(set->client_reconfig_script);
    xfree(set->auth_user);
    xfree(set->auth_pass);
    xfree(set->auth_pass_fallback);
    for (size_t i = 0; i < set->rename_count; i++) {
        xfree(set->renames[i].command);
        xfree(set->renames[i].to);
    }
    xfree(set->renames);
    *set = (struct group_settings){ 0 };
}

const char *group_settings_command(const struct group_settings *set, const char *command)
{
    for (size_t i = 0; i < set->rename_count; i++)
        if (strcasecmp(set->renames[i].command, command) == 0)
            return set->renames[i].to;
    return command;
}

enum err group_settings_rename(struct group_settings *set, struct bytes command, struct bytes to)
{
    for (size_t i = 0; i < set->rename_count; i++) {
        if (bytes_ieq(bytes_of(set->renames[i].command), command)) {
            xfree(set->renames[i].to);
            set->renames[i].to = xmemdup0(to.at, to.len);
            return OK;
        }
    }
    if (set->rename_count >= RENAMES_MAX)
        return ERR_LIMIT;
    set->renames = xrealloc(set->renames, (set->rename_count + 1) * sizeof *set->renames);
    set->renames[set->rename_count++] = (struct rename){
        .command = xmemdup0(command.at, command.len),
        .to = xmemdup0(to.at, to.len),
    };
    return OK;
}

void config_fini(struct config *c)
{
    globals_fini(&c->globals);
    for (size_t i = 0; i < c->group_count; i++) {
        group_settings_fini(&c->groups[i].set);
        xfree(c->groups[i].nodes);
        xfree(c->groups[i].peers);
    }
    xfree(c->groups);
    *c = (struct config){ 0 };
}

struct config_group *config_add_group(struct config *c, const char *name)
{
    struct config_group *g;

    c->groups = xrealloc(c->groups, (c->group_count + 1) * sizeof *c->groups);
    g = &c->groups[c->group_count++];
    *g = (struct config_group){ 0 };
    snprintf(g->name, sizeof g->name, "%s", name);
    group_settings_defaults(&g->set);
    return g;
}

struct config_group *config_find_group(struct config *c, const char *name)
{
    for (size_t i = 0; i < c->group_count; i++)
        if (strcmp(c->groups[i].name, name) == 0)
            return &c->groups[i];
    return NULL;
}

static size_t node_index(const struct config_group *g, const struct addr *a)
{
    size_t i = 0;

    while (i < g->node_count && !addr_eq(&g->nodes[i], a))
        i++;
    return i;
}

static size_t peer_index(const struct config_group *g, const char *id)
{
    size_t i = 0;

    while (i < g->peer_count && strcmp(g->peers[i].id, id) != 0)
        i++;
    return i;
}

void config_add_node(struct config_group *g, const struct addr *a)
{
    if (node_index(g, a) < g->node_count || addr_eq(&g->leader, a))
        return;
    g->nodes = xrealloc(g->nodes, (g->node_count + 1) * sizeof *g->nodes);
    g->nodes[g->node_count++] = *a;
}

void config_add_peer(struct config_group *g, const struct addr *a, const char *id)
{
    size_t i = peer_index(g, id);

    if (i == g->peer_count) {
        g->peers = xrealloc(g->peers, (g->peer_count + 1) * sizeof *g->peers);
        g->peer_count++;
    }
    g->peers[i] = (struct config_peer){ .addr = *a };
    snprintf(g->peers[i].id, sizeof g->peers[i].id, "%s", id);
}

static void remove_node(struct config_group *g, const struct addr *a)
{
    size_t i = node_index(g, a);

    if (i < g->node_count)
        g->nodes[i] = g->nodes[--g->node_count];
}

static void remove_peer(struct config_group *g, const char *id)
{
    size_t i = peer_index(g, id);

    if (i < g->peer_count)
        g->peers[i] = g->peers[--g->peer_count];
}

static void remove_group(struct config *c, const char *name)
{
    struct config_group *g = config_find_group(c, name);

    if (!g)
        return;
    group_settings_fini(&g->set);
    xfree(g->nodes);
    xfree(g->peers);
    c->group_count--;
    memmove(g, g + 1, (size_t)(c->groups + c->group_count - g) * sizeof *g);
}

static const char *const words[REC_COUNT] = {
    [REC_GLOBALS] = "globals",
    [REC_EPOCH] = "epoch",
    [REC_GROUP_ADD] = "group-add",
    [REC_GROUP_REMOVE] = "group-remove",
    [REC_GROUP_SET] = "group-set",
    [REC_GROUP_RESET] = "group-reset",
    [REC_CONFIG] = "config",
    [REC_VOTE] = "vote",
    [REC_PAUSE] = "pause",
    [REC_NODE_ADD] = "node-add",
    [REC_NODE_REMOVE] = "node-remove",
    [REC_PEER_ADD] = "peer-add",
    [REC_PEER_REMOVE] = "peer-remove",
};

const char *record_word(enum record_kind kind)
{
    return words[kind];
}

/* A new leader takes its place; the one before stays known as a follower. */
static void apply_config(struct config_group *g, const struct record *rec)
{
    struct addr before = g->leader;

    g->config_epoch = rec->epoch;
    if (addr_eq(&before, &rec->addr))
        return;
    remove_node(g, &rec->addr);
    g->leader = rec->addr;
    g->leader_ip[0] = '\0';
    config_add_node(g, &before);
}

void config_apply(struct config *c, const struct record *rec)
{
    struct config_group *g;

    if (rec->kind == REC_GLOBALS) {
        globals_copy(&c->globals, rec->globals);
        return;
    }
    if (rec->kind == REC_EPOCH) {
        c->current_epoch = rec->epoch;
        return;
    }
    if (rec->kind == REC_GROUP_REMOVE || rec->kind == REC_GROUP_ADD)
        remove_group(c, rec->group); /* a group that is added knows nobody */
    g = rec->kind == REC_GROUP_ADD ? config_add_group(c, rec->group)
                                   : config_find_group(c, rec->group);
    if (!g)
        return;
    switch (rec->kind) {
    case REC_GROUP_ADD:
        g->leader = rec->addr;
        group_settings_copy(&g->set, rec->set);
        break;
    case REC_GROUP_SET:
        group_settings_copy(&g->set, rec->set);
        break;
    case REC_GROUP_RESET:
        g->node_count = 0;
        break;
    case REC_CONFIG:
        apply_config(g, rec);
        break;
    case REC_VOTE:
        g->vote_epoch = rec->epoch;
        snprintf(g->vote_id, sizeof g->vote_id, "%s", rec->id);
        break;
    case REC_PAUSE:
        g->pause_stamp = rec->epoch;
        g->pause_until_ms = rec->until_ms;
        break;
    case REC_NODE_ADD:
        config_add_node(g, &rec->addr);
        break;
    case REC_NODE_REMOVE:
        remove_node(g, &rec->addr);
        break;
    case REC_PEER_ADD:
        config_add_peer(g, &rec->addr, rec->id);
        break;
    case REC_PEER_REMOVE:
        remove_peer(g, rec->id);
        break;
    default:
        break;
    }
}
