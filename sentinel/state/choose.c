#include "sentinel/state/choose.h"

#include <string.h>

#include "common/alloc.h"
#include "sentinel/state/conf.h"

static void copy_members(struct config_group *to, const struct config_group *from)
{
    for (size_t i = 0; i < from->node_count; i++)
        config_add_node(to, &from->nodes[i]);
    for (size_t i = 0; i < from->peer_count; i++)
        config_add_peer(to, &from->peers[i].addr, from->peers[i].id);
}

static struct config_group *copy_group(struct config *c, const struct config_group *from)
{
    struct config_group *to = config_add_group(c, from->name);

    to->leader = from->leader;
    memcpy(to->leader_ip, from->leader_ip, sizeof to->leader_ip);
    group_settings_copy(&to->set, &from->set);
    to->config_epoch = from->config_epoch;
    to->vote_epoch = from->vote_epoch;
    memcpy(to->vote_id, from->vote_id, sizeof to->vote_id);
    to->pause_stamp = from->pause_stamp;
    to->pause_until_ms = from->pause_until_ms;
    copy_members(to, from);
    return to;
}

void config_copy(struct config *to, const struct config *from)
{
    globals_copy(&to->globals, &from->globals);
    to->current_epoch = from->current_epoch;
    for (size_t i = 0; i < from->group_count; i++)
        copy_group(to, &from->groups[i]);
}

/* Of a vote only the journal knows whom it went to. */
static void take_vote(struct config_group *to, const struct config_group *from)
{
    if (from->vote_epoch < to->vote_epoch)
        return;
    to->vote_epoch = from->vote_epoch;
    if (from->vote_id[0])
        memcpy(to->vote_id, from->vote_id, sizeof to->vote_id);
}

/* A newer configuration of this group is in the journal: leader and members as of then, and the one that
 * the file calls leader stays known. */
static void take_newer(struct config_group *to, const struct config_group *from)
{
    struct addr named = to->leader;

    to->config_epoch = from->config_epoch;
    to->leader = from->leader;
    memcpy(to->leader_ip, from->leader_ip, sizeof to->leader_ip);
    xfree(to->nodes);
    to->nodes = NULL;
    to->node_count = 0;
    copy_members(to, from);
    if (!addr_eq(&named, &to->leader))
        config_add_node(to, &named);
}

static void keep_text(char **to, const char *from)
{
    xfree(*to);
    *to = from ? xstrdup(from) : NULL;
}

static void merge_group(struct config_group *to, const struct config_group *from)
{
    take_vote(to, from);
    if (from->config_epoch > to->config_epoch)
        take_newer(to, from);
    else if (from->config_epoch == to->config_epoch && addr_eq(&from->leader, &to->leader))
        copy_members(to, from);
}

void choose_config(const struct conf_seen *conf, const struct config *journal, struct config *out)
{
    if (!conf->edited) {
        config_copy(out, journal);
        out->globals.listen_port = conf->config->globals.listen_port;
        return;
    }
    config_copy(out, conf->config);
    if (!out->globals.my_id[0])
        memcpy(out->globals.my_id, journal->globals.my_id, sizeof out->globals.my_id);
    if (journal->current_epoch > out->current_epoch)
        out->current_epoch = journal->current_epoch;
    if (!conf_speaks_of(conf->ours_in_file, conf->ours_in_file_count, "sentinel-pass-fallback",
                        CONF_NO_GROUP))
        keep_text(&out->globals.sentinel_pass_fallback, journal->globals.sentinel_pass_fallback);
    for (size_t i = 0; i < journal->group_count; i++) {
        const struct config_group *from = &journal->groups[i];
        struct config_group *g = config_find_group(out, from->name);

        if (!g)
            continue;
        merge_group(g, from);
        g->pause_stamp = from->pause_stamp; /* sentinel.conf does not speak of it */
        g->pause_until_ms = from->pause_until_ms;
        if (!conf_speaks_of(conf->ours_in_file, conf->ours_in_file_count, "fast-detection",
                            g->name))
            g->set.fast_detection = from->set.fast_detection;
        if (!conf_speaks_of(conf->ours_in_file, conf->ours_in_file_count, "durability", g->name))
            g->set.durability = from->set.durability;
        if (!conf_speaks_of(conf->ours_in_file, conf->ours_in_file_count, "busy-failover", g->name))
            g->set.busy_failover_ms = from->set.busy_failover_ms;
        if (!conf_speaks_of(conf->ours_in_file, conf->ours_in_file_count, "tls", g->name))
            g->set.tls = from->set.tls;
        if (!conf_speaks_of(conf->ours_in_file, conf->ours_in_file_count, "auth-pass-fallback",
                            g->name))
            keep_text(&g->set.auth_pass_fallback, from->set.auth_pass_fallback);
    }
}
