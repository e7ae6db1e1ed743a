/* /metrics of durable groups, as their captains see them. */
#include <stdio.h>

#include "sentinel/core/durable/status.h"
#include "sentinel/serve/metrics.h"
#include "sentinel/serve/rows.h"

/* The captain of the item-th group, its group labelled; NULL: it is not durable. *out_there: is there such a group? */
static const struct captain *captain_at(struct metric_page *p, size_t item, bool *out_there)
{
    struct sentinel_world *w = p->world;
    const struct group *g = metrics_group_at(p, item);
    const struct captain *c = g ? w->captain(w, g->name) : NULL;

    *out_there = g != NULL;
    if (c)
        metric_label(p, "group", bytes_of(g->name));
    return c;
}

static bool put_of_captain(struct metric_page *p, size_t item,
                           double (*value)(const struct captain *c))
{
    bool there;
    const struct captain *c = captain_at(p, item, &there);

    if (c)
        metric_put(p, value(c));
    return there;
}

#define OF_CAPTAIN(name, expression)                           \
    static double name##_of(const struct captain *c)           \
    {                                                          \
        return (double)(expression);                           \
    }                                                          \
    static bool put_##name(struct metric_page *p, size_t item) \
    {                                                          \
        return put_of_captain(p, item, name##_of);             \
    }

static bool is_redundant(const struct captain *c)
{
    struct reasons lacks;

    status_lacks(c, &lacks);
    return lacks.count == 0;
}

static uint32_t voters_well(const struct captain *c)
{
    uint32_t well = 0;

    for (uint32_t i = 0; i < c->charter.voter_count; i++)
        well += status_voter_health(c, &c->charter.voters[i]) == VOTER_WELL;
    return well;
}

OF_CAPTAIN(epoch, c->charter.epoch)
OF_CAPTAIN(version, c->charter.ver)
OF_CAPTAIN(serving, status_serves(c))
OF_CAPTAIN(members, c->charter.member_count)
OF_CAPTAIN(in_sync, status_in_sync(c))
OF_CAPTAIN(min_sync, c->charter.min_sync)
OF_CAPTAIN(redundant, is_redundant(c))
OF_CAPTAIN(voters, c->charter.voter_count)
OF_CAPTAIN(voters_well, voters_well(c))
OF_CAPTAIN(losses, c->charter.lossy)

static bool put_level(struct metric_page *p, size_t item)
{
    bool there;
    const struct captain *c = captain_at(p, item, &there);

    if (c && c->charter.ver > 0) {
        metric_label(p, "level", bytes_of(keep_word(c->charter.level)));
        metric_put(p, 1);
    }
    return there;
}

/* One sample for each member: i is its place in the charter. */
static bool each_member(struct metric_page *p, size_t item,
                        double (*value)(const struct captain *c, uint32_t i))
{
    bool there;
    const struct captain *c = captain_at(p, item, &there);
    const struct group *g = c ? metrics_group_at(p, item) : NULL;

    for (uint32_t i = 0; c && i < c->node_count; i++) {
        const struct place *at = &c->charter.members[i].at;
        char name[CHARTER_HOST_MAX + 16];

        snprintf(name, sizeof name, "%s:%u", at->host, at->port);
        metric_clear(p);
        metric_label(p, "group", bytes_of(g->name));
        metric_label(p, "member", bytes_of(name));
        metric_put(p, value(c, i));
    }
    return there;
}

static double is_in_sync(const struct captain *c, uint32_t i)
{
    return c->charter.members[i].did != 0;
}

static double lag_of(const struct captain *c, uint32_t i)
{
    return (double)status_lag_bytes(c, i);
}

static bool put_members_in_sync(struct metric_page *p, size_t item)
{
    return each_member(p, item, is_in_sync);
}

static bool put_lags(struct metric_page *p, size_t item)
{
    return each_member(p, item, lag_of);
}

/* clang-format off */
const struct metric sentinel_durable_metrics[] = {
    { .name = "holdfast_sentinel_durable_info", .type = METRIC_INFO, .each = put_level,
      .help = "Durable groups, and the level at which a write counts as kept." },
    { .name = "holdfast_sentinel_durable_epoch", .type = METRIC_GAUGE, .each = put_epoch,
      .help = "The epoch of a durable group: one more with every change of its leader." },
    { .name = "holdfast_sentinel_durable_version", .type = METRIC_GAUGE, .each = put_version,
      .help = "The version of its register that this sentinel knows." },
    { .name = "holdfast_sentinel_durable_serving", .type = METRIC_GAUGE, .each = put_serving,
      .help = "Whether somebody serves clients by that version." },
    { .name = "holdfast_sentinel_durable_members", .type = METRIC_GAUGE, .each = put_members,
      .help = "Nodes that are members." },
    { .name = "holdfast_sentinel_durable_in_sync", .type = METRIC_GAUGE, .each = put_in_sync,
      .help = "Of those, how many have all that was acknowledged." },
    { .name = "holdfast_sentinel_durable_min_sync", .type = METRIC_GAUGE, .each = put_min_sync,
      .help = "How many have to, or writes are refused." },
    { .name = "holdfast_sentinel_durable_redundant", .type = METRIC_GAUGE, .each = put_redundant,
      .help = "Whether the group bears the loss of any one member and any one sentinel." },
    { .name = "holdfast_sentinel_durable_voters", .type = METRIC_GAUGE, .each = put_voters,
      .help = "Sentinels that vote on its register." },
    { .name = "holdfast_sentinel_durable_voters_well", .type = METRIC_GAUGE, .each = put_voters_well,
      .help = "Of those, how many have answered lately with the memory that counts." },
    { .name = "holdfast_sentinel_durable_losses_accepted_total", .type = METRIC_COUNTER, .each = put_losses,
      .help = "How often an operator forced a leader and accepted a loss." },
    { .name = "holdfast_sentinel_durable_member_in_sync", .type = METRIC_GAUGE, .each = put_members_in_sync,
      .help = "Whether a member is in sync." },
    { .name = "holdfast_sentinel_durable_member_lag_bytes", .type = METRIC_GAUGE, .unit = "bytes", .each = put_lags,
      .help = "Bytes of the leader's stream that a member had not got, by the last report of both." },
    { .name = NULL },
};
/* clang-format on */
