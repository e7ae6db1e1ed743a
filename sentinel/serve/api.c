#include "sentinel/serve/api.h"

#include <stdio.h>
#include <time.h>

#include <cjson/cJSON.h>

#include "common/clock.h"
#include "sentinel/core/candidate.h"
#include "sentinel/serve/news.h"
#include "sentinel/serve/rows.h"

enum { EVENTS_MAX = 100 }; /* of one answer */

static struct sentinel_world *world(struct http_call *c)
{
    return c->world;
}

static void answer(struct http_call *c, cJSON *body)
{
    char *text = cJSON_PrintUnformatted(body);

    http_answer(c, 200, HTTP_TYPE_JSON, bytes_of(text));
    cJSON_free(text);
    cJSON_Delete(body);
}

/* Milliseconds since a moment; null where it never was. */
static void add_since(cJSON *o, const char *name, uint64_t moment_ms)
{
    uint64_t now_ms = clock_now_ms();

    if (moment_ms)
        cJSON_AddNumberToObject(o, name, now_ms > moment_ms ? (double)(now_ms - moment_ms) : 0);
    else
        cJSON_AddNullToObject(o, name);
}

/* ---- nodes and peers ---- */

static cJSON *node_object(const struct sentinel *core, const struct node *n)
{
    const struct group *g = n->group;
    bool leads = n == g->leader;
    uint64_t ahead = g->leader->facts.offset;
    cJSON *o = cJSON_CreateObject();

    cJSON_AddStringToObject(o, "host", node_host(core, n));
    cJSON_AddNumberToObject(o, "port", n->addr.port);
    cJSON_AddStringToObject(o, "role", leads ? "leader" : "follower");
    cJSON_AddBoolToObject(o, "up", n->verdict == VERDICT_UP);
    cJSON_AddStringToObject(o, "run_id", n->facts.run_id);
    cJSON_AddBoolToObject(o, "holdfast", n->facts.holdfast);
    add_since(o, "silent_ms", n->vitals.alive_ms);
    if (n->verdict != VERDICT_UP)
        add_since(o, "down_ms", n->down_since_ms);
    cJSON_AddNumberToObject(o, "offset", (double)n->facts.offset);
    if (leads)
        return o;
    cJSON_AddNumberToObject(o, "lag_bytes",
                            ahead > n->facts.offset ? (double)(ahead - n->facts.offset) : 0);
    cJSON_AddBoolToObject(o, "link_up", n->facts.link_up);
    cJSON_AddBoolToObject(o, "syncing", n->facts.syncing);
    cJSON_AddNumberToObject(o, "priority", n->facts.priority);
    return o;
}

static cJSON *node_array(const struct sentinel *core, const struct group *g)
{
    cJSON *a = cJSON_CreateArray();

    cJSON_AddItemToArray(a, node_object(core, g->leader));
    LIST_EACH ((struct list *)&g->nodes, at) {
        const struct node *n = LIST_ENTRY(at, struct node, of_group);

        if (n != g->leader)
            cJSON_AddItemToArray(a, node_object(core, n));
    }
    return a;
}

static cJSON *peer_array(const struct sentinel *core, const struct group *g)
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
        add_since(o, "hello_ms", seat->hello_ms);
        cJSON_AddItemToArray(a, o);
    }
    return a;
}

/* ---- groups ---- */

/* Why no failover would work now; NULL: one would. */
static const char *why_not_armed(const struct sentinel *core, const struct group *g)
{
    if (core->tilt)
        return "this sentinel does not trust its clock for now";
    if (!serve_quorum(g, NULL))
        return "too few sentinels are up";
    if (!candidate_exists(core, g))
        return "no follower could be promoted";
    return NULL;
}

static cJSON *leader_object(const struct sentinel *core, const struct group *g)
{
    cJSON *o = cJSON_CreateObject();

    cJSON_AddStringToObject(o, "host", node_host(core, g->leader));
    cJSON_AddNumberToObject(o, "port", g->leader->addr.port);
    return o;
}

static cJSON *group_object(const struct sentinel *core, const struct group *g)
{
    const char *why = why_not_armed(core, g);
    cJSON *o = cJSON_CreateObject();

    cJSON_AddStringToObject(o, "name", g->name);
    cJSON_AddStringToObject(o, "status", serve_status_word(g));
    cJSON_AddItemToObject(o, "leader", leader_object(core, g));
    cJSON_AddBoolToObject(o, "armed", why == NULL);
    if (why)
        cJSON_AddStringToObject(o, "not_armed_because", why);
    cJSON_AddBoolToObject(o, "failing_over", g->failover.state >= FO_WAIT_START);
    cJSON_AddStringToObject(o, "failover_state", failover_state_word(g->failover.state));
    cJSON_AddNumberToObject(o, "config_epoch", (double)g->config_epoch);
    cJSON_AddNumberToObject(o, "quorum", g->set.quorum);
    cJSON_AddNumberToObject(o, "sentinels", group_peers(g) + 1);
    cJSON_AddNumberToObject(o, "sentinels_up", group_usable_voters(g));
    cJSON_AddNumberToObject(o, "followers", g->node_count - 1);
    return o;
}

static void groups(struct http_call *c)
{
    const struct sentinel *core = world(c)->core;
    cJSON *body = cJSON_CreateObject(), *all = cJSON_AddArrayToObject(body, "groups");

    LIST_EACH ((struct list *)&core->groups, at)
        cJSON_AddItemToArray(all, group_object(core, LIST_ENTRY(at, struct group, of_sentinel)));
    cJSON_AddStringToObject(body, "sentinel_id", core->globals.my_id);
    cJSON_AddNumberToObject(body, "current_epoch", (double)core->current_epoch);
    answer(c, body);
}

/* ---- the parts of a group ---- */

static cJSON *whole(const struct sentinel *core, const struct group *g)
{
    cJSON *o = group_object(core, g);

    cJSON_AddItemToObject(o, "nodes", node_array(core, g));
    cJSON_AddItemToObject(o, "peers", peer_array(core, g));
    return o;
}

static cJSON *named(const char *name, cJSON *array)
{
    cJSON *o = cJSON_CreateObject();

    cJSON_AddItemToObject(o, name, array);
    return o;
}

static cJSON *nodes(const struct sentinel *core, const struct group *g)
{
    return named("nodes", node_array(core, g));
}

static cJSON *peers(const struct sentinel *core, const struct group *g)
{
    return named("peers", peer_array(core, g));
}

static const struct {
    const char *word;
    cJSON *(*make)(const struct sentinel *core, const struct group *g);
} parts[] = {
    { "", whole },
    { "leader", leader_object },
    { "nodes", nodes },
    { "peers", peers },
};

/* NAME, or NAME/part */
static void group(struct http_call *c)
{
    const char *slash = memchr(c->rest.at, '/', c->rest.len);
    struct bytes name = { c->rest.at, slash ? (size_t)(slash - c->rest.at) : c->rest.len };
    struct bytes part = { slash ? slash + 1 : "", slash ? c->rest.len - name.len - 1 : 0 };
    const struct sentinel *core = world(c)->core;
    char plain[NAME_LEN_MAX + 1];
    const struct group *g = NULL;

    if (http_unescape(name, plain, sizeof plain))
        g = sentinel_find_group(core, bytes_of(plain));
    if (!g) {
        http_answer_error(c, 404, "no-such-group", "no group of that name is watched here");
        return;
    }
    for (size_t i = 0; i < ARRAY_LEN(parts); i++)
        if (bytes_is(part, parts[i].word) && (part.len || !slash)) {
            answer(c, parts[i].make(core, g));
            return;
        }
    http_answer_error(c, 404, "no-such-part", "a group has leader, nodes and peers");
}

/* ---- events ---- */

static void put_time(char *out, size_t cap, uint64_t wall_ms)
{
    time_t seconds = (time_t)(wall_ms / 1000);
    struct tm t;

    gmtime_r(&seconds, &t);
    snprintf(out, cap, "%04d-%02d-%02dT%02d:%02d:%02d.%03dZ", t.tm_year + 1900, t.tm_mon + 1,
             t.tm_mday, t.tm_hour, t.tm_min, t.tm_sec, (int)(wall_ms % 1000));
}

cJSON *api_event(const struct news_item *item)
{
    cJSON *o = cJSON_CreateObject();
    char when[80];

    put_time(when, sizeof when, item->wall_ms);
    cJSON_AddNumberToObject(o, "number", (double)item->number);
    cJSON_AddStringToObject(o, "time", when);
    cJSON_AddNumberToObject(o, "time_ms", (double)item->wall_ms);
    cJSON_AddStringToObject(o, "event", item->name);
    cJSON_AddStringToObject(o, "text", item->text);
    return o;
}

static bool read_since(struct http_call *c, uint64_t *out)
{
    struct bytes query = c->request->query, name, value;

    *out = 0;
    while (http_query_next(&query, &name, &value))
        if (!bytes_is(name, "since") || !bytes_to_u64(value, out)) {
            http_answer_error(c, 400, "unknown-parameter",
                              "since, the number of an event, is the one parameter here");
            return false;
        }
    return true;
}

/* A number that is ahead of ours is another process's: from the beginning then. */
static void events(struct http_call *c)
{
    const struct news *news = world(c)->news;
    cJSON *body, *all;
    uint64_t since, at;

    if (!read_since(c, &since))
        return;
    since = since > news->last ? 0 : since;
    at = news_behind(news, since);
    body = cJSON_CreateObject();
    all = cJSON_AddArrayToObject(body, "events");
    cJSON_AddBoolToObject(body, "missed", at > since + 1);
    for (int i = 0; at && at <= news->last && i < EVENTS_MAX; i++) {
        cJSON_AddItemToArray(all, api_event(news_at(news, at)));
        since = at++;
    }
    cJSON_AddNumberToObject(body, "next_since", (double)since);
    answer(c, body);
}

const struct http_route api_routes[] = {
    { .path = "/api/v1/groups", .methods = HTTP_GET, .run = groups },
    { .path = "/api/v1/groups/", .methods = HTTP_GET, .run = group },
    { .path = "/api/v1/events", .methods = HTTP_GET, .run = events },
    { .path = "/api/v1/events/stream", .methods = HTTP_GET, .run = api_follow },
    { .path = NULL },
};
