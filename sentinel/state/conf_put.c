#include <string.h>

#include "sentinel/state/conf.h"

static const struct group_settings *defaults(void)
{
    static struct group_settings set; /* holds no texts: nothing to free */

    group_settings_defaults(&set);
    return &set;
}

static void put_text(struct buf *out, const char *directive, const char *value)
{
    if (!value)
        return;
    buf_printf(out, "sentinel %s ", directive);
    settings_put_word(out, bytes_of(value));
    buf_putc(out, '\n');
}

/* "sentinel directive name ": what follows is the caller's. */
static void begin(struct buf *out, const char *directive, const struct config_group *g)
{
    buf_printf(out, "sentinel %s ", directive);
    settings_put_word(out, bytes_of(g->name));
    buf_putc(out, ' ');
}

static void put_group_text(struct buf *out, const char *directive, const struct config_group *g,
                           const char *value)
{
    if (!value)
        return;
    begin(out, directive, g);
    settings_put_word(out, bytes_of(value));
    buf_putc(out, '\n');
}

static void put_group_number(struct buf *out, const char *directive, const struct config_group *g,
                             uint64_t value, uint64_t except)
{
    if (value == except)
        return;
    begin(out, directive, g);
    buf_printf(out, "%llu\n", (unsigned long long)value);
}

static void put_addr(struct buf *out, const struct addr *a)
{
    settings_put_word(out, bytes_of(a->host));
    buf_printf(out, " %d", a->port);
}

/* What Redis does not know, where the operator wrote it. */
static void put_ours(struct buf *out, const struct config_group *g, char *const *ours, size_t count)
{
    static const char *const fast_words[] = {
        [FAST_AUTO] = "auto", [FAST_YES] = "yes", [FAST_NO] = "no"
    };

    if (conf_speaks_of(ours, count, "fast-detection", g->name))
        put_group_text(out, "fast-detection", g, fast_words[g->set.fast_detection]);
    if (conf_speaks_of(ours, count, "durability", g->name))
        put_group_text(out, "durability", g, keep_word(g->set.durability));
    if (conf_speaks_of(ours, count, "busy-failover", g->name))
        put_group_number(out, "busy-failover", g, g->set.busy_failover_ms, UINT64_MAX);
    if (conf_speaks_of(ours, count, "tls", g->name))
        put_group_text(out, "tls", g, group_tls_word(g->set.tls));
    if (conf_speaks_of(ours, count, "auth-pass-fallback", g->name))
        put_group_text(out, "auth-pass-fallback", g,
                       g->set.auth_pass_fallback ? g->set.auth_pass_fallback : "");
}

static void put_known(struct buf *out, const struct config_group *g)
{
    for (size_t i = 0; i < g->node_count; i++) {
        begin(out, "known-replica", g);
        put_addr(out, &g->nodes[i]);
        buf_putc(out, '\n');
    }
    for (size_t i = 0; i < g->peer_count; i++) {
        begin(out, "known-sentinel", g);
        put_addr(out, &g->peers[i].addr);
        buf_printf(out, " %s\n", g->peers[i].id);
    }
    for (size_t i = 0; i < g->set.rename_count; i++) {
        begin(out, "rename-command", g);
        settings_put_word(out, bytes_of(g->set.renames[i].command));
        buf_putc(out, ' ');
        settings_put_word(out, bytes_of(g->set.renames[i].to));
        buf_putc(out, '\n');
    }
}

static void put_group(struct buf *out, const struct config_group *g)
{
    const struct group_settings *def = defaults();

    begin(out, "monitor", g);
    put_addr(out, &g->leader);
    buf_printf(out, " %u\n", g->set.quorum);
    put_group_number(out, "down-after-milliseconds", g, g->set.down_after_ms, def->down_after_ms);
    put_group_number(out, "failover-timeout", g, g->set.failover_timeout_ms,
                     def->failover_timeout_ms);
    put_group_number(out, "parallel-syncs", g, g->set.parallel_syncs, def->parallel_syncs);
    put_group_text(out, "notification-script", g, g->set.notification_script);
    put_group_text(out, "client-reconfig-script", g, g->set.client_reconfig_script);
    put_group_text(out, "auth-pass", g, g->set.auth_pass);
    put_group_text(out, "auth-user", g, g->set.auth_user);
    put_group_number(out, "master-reboot-down-after-period", g, g->set.master_reboot_down_after_ms,
                     def->master_reboot_down_after_ms);
    put_group_number(out, "config-epoch", g, g->config_epoch, UINT64_MAX);
    put_group_number(out, "leader-epoch", g, g->vote_epoch, UINT64_MAX);
    put_known(out, g);
}

/* One that says the default stays where it stands, and is not added. */
static void put_switch(struct buf *out, const char *directive, bool value, bool def)
{
    buf_printf(out, "%ssentinel %s %s\n", value == def ? " " : "", directive, value ? "yes" : "no");
}

static bool has_names(const struct config *c)
{
    for (size_t i = 0; i < c->group_count; i++) {
        const struct config_group *g = &c->groups[i];

        if (!host_is_address(g->leader.host))
            return true;
        for (size_t k = 0; k < g->node_count; k++)
            if (!host_is_address(g->nodes[k].host))
                return true;
        for (size_t k = 0; k < g->peer_count; k++)
            if (!host_is_address(g->peers[k].addr.host))
                return true;
    }
    return false;
}

void conf_put(const struct config *c, char *const *ours_in_file, size_t ours_in_file_count,
              const char *state_file, struct buf *out)
{
    const struct globals *g = &c->globals;

    buf_printf(out, "sentinel myid %s\n", g->my_id);
    put_switch(out, "deny-scripts-reconfig", g->deny_scripts_reconfig, true);
    /* Who was known by a name before names were forbidden still is: a file that forbids them could not be read again. */
    put_switch(out, "resolve-hostnames", g->resolve_hostnames || has_names(c), false);
    put_switch(out, "announce-hostnames", g->announce_hostnames, false);
    for (size_t i = 0; i < c->group_count; i++) {
        put_group(out, &c->groups[i]);
        put_ours(out, &c->groups[i], ours_in_file, ours_in_file_count);
    }
    buf_printf(out, "sentinel current-epoch %llu\n", (unsigned long long)c->current_epoch);
    if (g->announce_ip) {
        buf_puts(out, "sentinel announce-ip ");
        buf_put_quoted(out, bytes_of(g->announce_ip));
        buf_putc(out, '\n');
    }
    if (g->announce_port)
        buf_printf(out, "sentinel announce-port %d\n", g->announce_port);
    put_text(out, "sentinel-user", g->sentinel_user);
    put_text(out, "sentinel-pass", g->sentinel_pass);
    if (conf_speaks_of(ours_in_file, ours_in_file_count, "sentinel-pass-fallback", CONF_NO_GROUP))
        put_text(out, "sentinel-pass-fallback",
                 g->sentinel_pass_fallback ? g->sentinel_pass_fallback : "");
    put_text(out, "state-file", state_file);
}
