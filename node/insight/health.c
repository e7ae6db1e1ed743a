#include "node/insight/health.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cjson/cJSON.h>

#include "common/serve/service.h"
#include "node/persist/persist.h"
#include "node/replica/replica.h"
#include "node/serve/refuse.h"
#include "node/serve/shutdown.h"
#include "node/world.h"

static struct node_world *world_of(struct http_call *c)
{
    return c->world;
}

/* A text of an error without its first word, which is for programs. */
static const char *sentence_of(const char *refusal)
{
    const char *blank = refusal ? strchr(refusal, ' ') : NULL;

    return blank ? blank + 1 : refusal;
}

/* Why a read would not be answered now; NULL: it would. */
static const char *why_not_ready(const struct node_world *w)
{
    uint64_t left_ms;

    if (persist_loading(w->persist))
        return "the data set is being loaded";
    if (shutdown_waits(w->serve, &left_ms))
        return "the node is shutting down";
    if (service_paused(w->service) == PAUSE_ALL)
        return "clients are paused";
    if (replica_syncing(w->replica))
        return "a full copy is being received from the leader";
    if (replica_is_follower(w->replica) && !replica_link_up(w->replica))
        return "the link to the leader is down";
    return sentence_of(refuse_reason(w->serve, CMD_READONLY, CMD_STALE | CMD_LOADING));
}

static const char *why_not_writable(const struct node_world *w)
{
    const char *why = why_not_ready(w);

    if (!why && service_paused(w->service) != PAUSE_NOTHING)
        return "writes are paused";
    return why ? why : sentence_of(refuse_reason(w->serve, CMD_WRITE, CMD_STALE | CMD_LOADING));
}

/* ---- bodies ---- */

static void tell(struct http_call *c, const char *why)
{
    const struct node_world *w = world_of(c);
    bool follows = replica_is_follower(w->replica);
    cJSON *body = cJSON_CreateObject();
    char *text;

    cJSON_AddBoolToObject(body, "ok", why == NULL);
    if (why)
        cJSON_AddStringToObject(body, "why", why);
    cJSON_AddStringToObject(body, "role", follows ? "follower" : "leader");
    cJSON_AddBoolToObject(body, "ready", why_not_ready(w) == NULL);
    cJSON_AddBoolToObject(body, "writable", why_not_writable(w) == NULL);
    if (follows) {
        uint64_t age_ms = replica_age_ms(w->replica);

        cJSON_AddBoolToObject(body, "link_up", replica_link_up(w->replica));
        if (age_ms == UINT64_MAX)
            cJSON_AddNullToObject(body, "lag_ms");
        else
            cJSON_AddNumberToObject(body, "lag_ms", (double)age_ms);
    }
    text = cJSON_PrintUnformatted(body);
    http_answer(c, why ? 503 : 200, HTTP_TYPE_JSON, bytes_of(text));
    cJSON_free(text);
    cJSON_Delete(body);
}

/* False: there is something in the query that this path does not know; it is answered. */
static bool no_query(struct http_call *c)
{
    if (!c->request->query.len)
        return true;
    http_answer_error(c, 400, "unknown-parameter", "this path takes no parameters");
    return false;
}

/* UINT64_MAX: none is given. */
static bool read_max_lag(struct http_call *c, uint64_t *out_ms)
{
    struct bytes query = c->request->query, name, value;

    *out_ms = UINT64_MAX;
    while (http_query_next(&query, &name, &value))
        if (!bytes_is(name, "max-lag-ms") || !bytes_to_u64(value, out_ms)) {
            http_answer_error(c, 400, "unknown-parameter",
                              "max-lag-ms, a number of milliseconds, is the one parameter here");
            return false;
        }
    return true;
}

/* ---- paths ---- */

static void live(struct http_call *c)
{
    if (no_query(c))
        tell(c, NULL);
}

static void ready(struct http_call *c)
{
    if (no_query(c))
        tell(c, why_not_ready(world_of(c)));
}

static void leader(struct http_call *c)
{
    const struct node_world *w = world_of(c);

    if (!no_query(c))
        return;
    if (replica_is_follower(w->replica))
        tell(c, "this node follows another");
    else if (persist_loading(w->persist))
        tell(c, "the data set is being loaded");
    else
        tell(c, NULL);
}

static void follower(struct http_call *c)
{
    const struct node_world *w = world_of(c);
    uint64_t max_lag_ms, age_ms;
    const char *why;

    if (!read_max_lag(c, &max_lag_ms))
        return;
    if (!replica_is_follower(w->replica)) {
        tell(c, "this node leads");
        return;
    }
    if (max_lag_ms < REPLICA_HTTP_AGE_MS)
        replica_watch_age(w->replica, max_lag_ms);
    age_ms = replica_age_ms(w->replica);
    why = why_not_ready(w);
    if (!why && max_lag_ms != UINT64_MAX && age_ms > max_lag_ms)
        why = age_ms == UINT64_MAX ? "nobody knows yet how old the data is"
                                   : "the data may be older than max-lag-ms";
    tell(c, why);
}

#define HEALTH(p, f)                                                   \
    {                                                                  \
        .path = p, .methods = HTTP_GET, .flags = HTTP_HEALTH, .run = f \
    }

const struct http_route health_routes[] = {
    HEALTH("/live", live),        HEALTH("/ready", ready),   HEALTH("/leader", leader),
    HEALTH("/primary", leader),   HEALTH("/master", leader), HEALTH("/follower", follower),
    HEALTH("/replica", follower), { .path = NULL },
};
