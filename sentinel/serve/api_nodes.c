#include <strings.h>

#include "common/clock.h"
#include "common/metrics/metrics.h"
#include "sentinel/core/candidate.h"
#include "sentinel/core/durable/captain.h"
#include "sentinel/serve/api_parts.h"

static struct bytes info_of(const struct node *n)
{
    return (struct bytes){ n->info_text, n->info_len };
}

bool api_info_number(const struct node *n, const char *field, double *out)
{
    return n->info_text && bytes_to_double(info_field(info_of(n), field), out);
}

static void add_text(cJSON *o, const char *name, const struct node *n, const char *field)
{
    struct bytes value = info_field(info_of(n), field);
    char text[128];
    size_t len = value.len < sizeof text ? value.len : sizeof text - 1;

    for (size_t i = 0; i < len; i++)
        text[i] = value.at[i] >= ' ' && value.at[i] <= '~' ? value.at[i] : '?';
    text[len] = '\0';
    if (value.len)
        cJSON_AddStringToObject(o, name, text);
}

/* What its last INFO said, under our names. What it does not say is left out. */
static const struct {
    const char *name, *field;
} numbers[] = {
    { "uptime_s", "uptime_in_seconds" },          { "clients", "connected_clients" },
    { "ops_per_s", "instantaneous_ops_per_sec" }, { "used_memory_bytes", "used_memory" },
    { "maxmemory_bytes", "maxmemory" },           { "keyspace_hits", "keyspace_hits" },
    { "keyspace_misses", "keyspace_misses" },     { "parked_replies", "hf_parked" },
};

static void add_info(cJSON *o, const struct node *n)
{
    double value;

    api_add_since(o, "info_age_ms", n->info_ms);
    if (!n->info_text)
        return;
    add_text(o, "version", n, n->facts.holdfast ? "holdfast_version" : "redis_version");
    for (size_t i = 0; i < ARRAY_LEN(numbers); i++)
        if (api_info_number(n, numbers[i].field, &value))
            cJSON_AddNumberToObject(o, numbers[i].name, value);
    if (n->facts.keys_known)
        cJSON_AddNumberToObject(o, "keys", (double)n->facts.keys);
}

/* As the register of a durable group names it; NULL: it is no member. */
static const struct member *member_of(const struct captain *c, const struct node *n)
{
    for (uint32_t i = 0; c && i < c->charter.member_count; i++) {
        const struct member *m = &c->charter.members[i];

        if (m->at.port == n->addr.port &&
            (strcasecmp(m->at.host, n->addr.host) == 0 || strcasecmp(m->at.host, n->ip) == 0))
            return m;
    }
    return NULL;
}

static void add_membership(cJSON *o, const struct captain *c, const struct node *n)
{
    const struct member *m = member_of(c, n);

    if (!c)
        return;
    cJSON_AddBoolToObject(o, "member", m != NULL);
    cJSON_AddBoolToObject(o, "in_sync", m && m->did != 0);
}

static cJSON *node_object(struct sentinel_world *w, const struct node *n)
{
    const struct sentinel *core = w->core;
    const struct group *g = n->group;
    bool leads = n == g->leader;
    uint64_t ahead = g->leader->facts.offset;
    enum unfit unfit = candidate_unfit(core, n, false);
    cJSON *o = api_address(core, n);

    cJSON_AddStringToObject(o, "role", leads ? "leader" : "follower");
    cJSON_AddBoolToObject(o, "up", n->verdict == VERDICT_UP);
    cJSON_AddBoolToObject(o, "connected", n->lines[LINE_CMD].state == LINE_UP);
    cJSON_AddStringToObject(o, "run_id", n->facts.run_id);
    cJSON_AddBoolToObject(o, "holdfast", n->facts.holdfast);
    cJSON_AddStringToObject(o, "says_role",
                            n->role_reported == ROLE_LEADER     ? "leader"
                            : n->role_reported == ROLE_FOLLOWER ? "follower"
                                                                : "unknown");
    add_membership(o, w->captain(w, g->name), n);
    api_add_since(o, "silent_ms", n->vitals.alive_ms);
    if (n->verdict != VERDICT_UP)
        api_add_since(o, "down_ms", n->down_since_ms);
    cJSON_AddNumberToObject(o, "offset", (double)n->facts.offset);
    add_info(o, n);
    if (leads)
        return o;
    cJSON_AddNumberToObject(o, "lag_bytes",
                            ahead > n->facts.offset ? (double)(ahead - n->facts.offset) : 0);
    cJSON_AddBoolToObject(o, "link_up", n->facts.link_up);
    if (!n->facts.link_up)
        cJSON_AddNumberToObject(o, "link_down_ms", (double)n->facts.link_down_ms);
    cJSON_AddBoolToObject(o, "syncing", n->facts.syncing);
    cJSON_AddNumberToObject(o, "priority", n->facts.priority);
    cJSON_AddBoolToObject(o, "promotable", unfit == FIT);
    if (unfit != FIT)
        cJSON_AddStringToObject(o, "not_promotable_because", unfit_words[unfit]);
    return o;
}

cJSON *api_nodes(struct sentinel_world *w, const struct group *g)
{
    cJSON *a = cJSON_CreateArray();

    cJSON_AddItemToArray(a, node_object(w, g->leader));
    LIST_EACH ((struct list *)&g->nodes, at) {
        const struct node *n = LIST_ENTRY(at, struct node, of_group);

        if (n != g->leader)
            cJSON_AddItemToArray(a, node_object(w, n));
    }
    return a;
}

cJSON *api_peers(const struct sentinel *core, const struct group *g)
{
    cJSON *a = cJSON_CreateArray();

    LIST_EACH ((struct list *)&g->seats, at) {
        const struct seat *seat = LIST_ENTRY(at, struct seat, of_group);
        cJSON *o;

        if (seat->vacant_until_ms)
            continue;
        o = cJSON_CreateObject();
        cJSON_AddStringToObject(o, "host", peer_host(core, seat->peer));
        cJSON_AddNumberToObject(o, "port", seat->peer->addr.port);
        cJSON_AddStringToObject(o, "id", seat->peer->run_id);
        cJSON_AddBoolToObject(o, "up", seat->mine == VERDICT_UP);
        cJSON_AddBoolToObject(o, "says_leader_down", seat->verdict != VERDICT_UP);
        api_add_since(o, "hello_ms", seat->hello_ms);
        api_add_since(o, "silent_ms", seat->peer->vitals.alive_ms);
        cJSON_AddItemToArray(a, o);
    }
    return a;
}
