/* A durable group, as its captain sees it: "durable" of a group's JSON. */
#include <cjson/cJSON.h>

#include "sentinel/core/durable/status.h"
#include "sentinel/serve/api.h"
#include "sentinel/serve/rows.h"

static cJSON *member_object(const struct captain *c, uint32_t i)
{
    struct member_status s = status_member(c, i);
    cJSON *o = cJSON_CreateObject();

    cJSON_AddStringToObject(o, "host", s.member->at.host);
    cJSON_AddNumberToObject(o, "port", s.member->at.port);
    cJSON_AddBoolToObject(o, "leads", s.leads);
    cJSON_AddBoolToObject(o, "in_sync", s.in_sync);
    cJSON_AddBoolToObject(o, "observer", s.member->observer);
    cJSON_AddNumberToObject(o, "lag_bytes", (double)status_lag_bytes(c, i));
    cJSON_AddStringToObject(o, "state", why_word(s.why));
    cJSON_AddNumberToObject(o, "silent_ms", (double)s.silent_ms);
    cJSON_AddNumberToObject(o, "silence_limit_ms", (double)s.limit_ms);
    if (s.report->run[0])
        cJSON_AddStringToObject(o, "role", node_role_word(s.report->role));
    return o;
}

static cJSON *voter_object(const struct captain *c, uint32_t i)
{
    const struct voter *v = &c->charter.voters[i];
    cJSON *o = cJSON_CreateObject();

    cJSON_AddStringToObject(o, "host", v->at.host);
    cJSON_AddNumberToObject(o, "port", v->at.port);
    cJSON_AddBoolToObject(o, "mine", v->id == c->voter);
    cJSON_AddStringToObject(o, "health", voter_health_word(status_voter_health(c, v)));
    return o;
}

static void add_lists(cJSON *o, const struct captain *c)
{
    cJSON *lacks = cJSON_AddArrayToObject(o, "lacks");
    cJSON *members = cJSON_AddArrayToObject(o, "members");
    cJSON *voters = cJSON_AddArrayToObject(o, "voters");
    struct reasons why;

    status_lacks(c, &why);
    cJSON_AddBoolToObject(o, "redundant", why.count == 0);
    for (uint32_t i = 0; i < why.count; i++)
        cJSON_AddItemToArray(lacks, cJSON_CreateString(why.text[i]));
    for (uint32_t i = 0; i < c->node_count; i++)
        cJSON_AddItemToArray(members, member_object(c, i));
    for (uint32_t i = 0; i < c->charter.voter_count; i++)
        cJSON_AddItemToArray(voters, voter_object(c, i));
}

void api_add_durable(struct cJSON *group, struct sentinel_world *w, const struct group *g)
{
    const struct captain *c = w->captain(w, g->name);
    cJSON *o;

    if (!c) {
        cJSON_AddNullToObject(group, "durable");
        return;
    }
    o = cJSON_AddObjectToObject(group, "durable");
    cJSON_AddStringToObject(o, "level", keep_word(c->charter.level));
    cJSON_AddNumberToObject(o, "min_sync", c->charter.min_sync);
    cJSON_AddNumberToObject(o, "version", (double)c->charter.ver);
    cJSON_AddNumberToObject(o, "epoch", (double)c->charter.epoch);
    cJSON_AddBoolToObject(o, "serves", status_serves(c));
    cJSON_AddStringToObject(o, "leader_state", why_word(captain_leader_why(c)));
    cJSON_AddStringToObject(o, "state", captain_state_word(c->state));
    cJSON_AddNumberToObject(o, "in_sync", status_in_sync(c));
    cJSON_AddNumberToObject(o, "lossy", c->charter.lossy);
    cJSON_AddStringToObject(o, "lossy_reason", c->charter.reason);
    add_lists(o, c);
}
