#include "sentinel/serve/api_parts.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

#include "common/clock.h"
#include "sentinel/core/durable/captain.h"
#include "sentinel/core/pause.h"
#include "sentinel/serve/news.h"

enum { EVENTS_MAX = 100 }; /* of one answer */

void api_answer(struct http_call *c, int status, const char *more, cJSON *body)
{
    char *text = cJSON_PrintUnformatted(body);

    http_answer_more(c, status, HTTP_TYPE_JSON, more, bytes_of(text));
    cJSON_free(text);
    cJSON_Delete(body);
}

void api_error(struct http_call *c, int status, const char *code, const char *message)
{
    cJSON *body = cJSON_CreateObject(), *error = cJSON_AddObjectToObject(body, "error");

    cJSON_AddStringToObject(error, "code", code);
    cJSON_AddStringToObject(error, "message", message);
    api_answer(c, status, NULL, body);
}

cJSON *api_address(const struct sentinel *core, const struct node *n)
{
    cJSON *o = cJSON_CreateObject();

    cJSON_AddStringToObject(o, "host", node_host(core, n));
    cJSON_AddNumberToObject(o, "port", n->addr.port);
    return o;
}

void api_add_since(cJSON *o, const char *name, uint64_t moment_ms)
{
    uint64_t now_ms = clock_now_ms();

    if (moment_ms)
        cJSON_AddNumberToObject(o, name, now_ms > moment_ms ? (double)(now_ms - moment_ms) : 0);
    else
        cJSON_AddNullToObject(o, name);
}

void api_put_time(char *out, size_t cap, uint64_t wall_ms)
{
    time_t seconds = (time_t)(wall_ms / 1000);
    struct tm t;

    gmtime_r(&seconds, &t);
    snprintf(out, cap, "%04d-%02d-%02dT%02d:%02d:%02d.%03dZ", t.tm_year + 1900, t.tm_mon + 1,
             t.tm_mday, t.tm_hour, t.tm_min, t.tm_sec, (int)(wall_ms % 1000));
}

/* ---- groups ---- */

static void add_pause(cJSON *o, const struct group *g)
{
    uint64_t left_ms = pause_left_ms(g, clock_now_ms());

    cJSON_AddBoolToObject(o, "paused", left_ms > 0);
    if (left_ms > 0 && left_ms != PAUSE_FOREVER)
        cJSON_AddNumberToObject(o, "pause_left_ms", (double)left_ms);
}

static cJSON *leader_object(struct sentinel_world *w, const struct group *g)
{
    return api_address(w->core, g->leader);
}

static void add_failover(cJSON *o, const struct sentinel_world *w, const struct group *g)
{
    const struct captain *c = w->captain((struct sentinel_world *)w, g->name);
    bool runs = c ? c->state != CAPTAIN_CALM : g->failover.state >= FO_WAIT_START;

    cJSON_AddBoolToObject(o, "failing_over", runs);
    cJSON_AddStringToObject(o, "failover_state",
                            c ? captain_state_word(c->state)
                              : failover_state_word(g->failover.state));
}

static cJSON *group_object(const struct sentinel_world *w, const struct group *g)
{
    const struct sentinel *core = w->core;
    const char *why = serve_why_not_armed(w, g);
    cJSON *o = cJSON_CreateObject();

    cJSON_AddStringToObject(o, "name", g->name);
    cJSON_AddStringToObject(o, "status", serve_status_word(g));
    cJSON_AddItemToObject(o, "leader", api_address(core, g->leader));
    cJSON_AddBoolToObject(o, "armed", why == NULL);
    if (why)
        cJSON_AddStringToObject(o, "not_armed_because", why);
    add_pause(o, g);
    add_failover(o, w, g);
    cJSON_AddNumberToObject(o, "config_epoch", (double)g->config_epoch);
    cJSON_AddNumberToObject(o, "quorum", g->set.quorum);
    cJSON_AddNumberToObject(o, "sentinels", group_peers(g) + 1);
    cJSON_AddNumberToObject(o, "sentinels_up", group_usable_voters(g));
    cJSON_AddNumberToObject(o, "followers", g->node_count - 1);
    return o;
}

static void groups(struct http_call *c)
{
    const struct sentinel *core = api_world(c)->core;
    cJSON *body = cJSON_CreateObject(), *all = cJSON_AddArrayToObject(body, "groups");

    LIST_EACH ((struct list *)&core->groups, at)
        cJSON_AddItemToArray(all,
                             group_object(api_world(c), LIST_ENTRY(at, struct group, of_sentinel)));
    cJSON_AddStringToObject(body, "sentinel_id", core->globals.my_id);
    cJSON_AddNumberToObject(body, "current_epoch", (double)core->current_epoch);
    api_answer(c, 200, NULL, body);
}

/* ---- the parts of a group ---- */

static cJSON *whole(struct sentinel_world *w, const struct group *g)
{
    cJSON *o = group_object(w, g);
    char version[API_VERSION_BYTES], when[API_TIME_BYTES];

    api_version(w, g, version);
    api_put_time(when, sizeof when, clock_wall_ms());
    cJSON_AddStringToObject(o, "version", version);
    cJSON_AddStringToObject(o, "time", when);
    cJSON_AddStringToObject(o, "sentinel_id", w->core->globals.my_id);
    cJSON_AddNumberToObject(o, "sentinel_port", w->core->globals.listen_port);
    cJSON_AddNumberToObject(o, "last_event", (double)w->news->last);
    api_add_durable(o, w, g);
    cJSON_AddItemToObject(o, "nodes", api_nodes(w, g));
    cJSON_AddItemToObject(o, "peers", api_peers(w->core, g));
    cJSON_AddItemToObject(o, "problems", api_problems(w, g));
    return o;
}

static cJSON *named(const char *name, cJSON *array)
{
    cJSON *o = cJSON_CreateObject();

    cJSON_AddItemToObject(o, name, array);
    return o;
}

static cJSON *nodes(struct sentinel_world *w, const struct group *g)
{
    return named("nodes", api_nodes(w, g));
}

static cJSON *peers(struct sentinel_world *w, const struct group *g)
{
    return named("peers", api_peers(w->core, g));
}

static cJSON *problems(struct sentinel_world *w, const struct group *g)
{
    return named("problems", api_problems(w, g));
}

static const struct {
    const char *word;
    cJSON *(*make)(struct sentinel_world *w, const struct group *g);
} parts[] = {
    { "", whole },      { "leader", leader_object }, { "nodes", nodes },
    { "peers", peers }, { "problems", problems },    { "trends", api_trends },
};

static bool begins(struct bytes text, struct bytes with)
{
    return text.len > with.len && memcmp(text.at, with.at, with.len) == 0;
}

static void answer_part(struct http_call *c, const struct group *g, struct bytes part)
{
    struct bytes of_nodes = BYTES("nodes/");

    for (size_t i = 0; i < ARRAY_LEN(parts); i++)
        if (bytes_is(part, parts[i].word)) {
            api_answer(c, 200, NULL, parts[i].make(c->world, g));
            return;
        }
    if (bytes_is(part, "failovers"))
        api_answer_failovers(c, g->name);
    else if (begins(part, of_nodes))
        api_inquire(c, g, (struct bytes){ part.at + of_nodes.len, part.len - of_nodes.len });
    else
        http_answer_error(c, 404, "no-such-part",
                          "a group has leader, nodes, peers, problems, trends, failovers, "
                          "switchover, pause and resume");
}

typedef void order_fn(struct http_call *c, const struct group *g);

/* What is posted; NULL: it is no order. */
static order_fn *find_order(struct bytes part)
{
    static const struct {
        const char *word;
        order_fn *give;
    } orders[] = { { "switchover", api_switchover },
                   { "pause", api_pause },
                   { "resume", api_resume } };

    for (size_t i = 0; i < ARRAY_LEN(orders); i++)
        if (bytes_is(part, orders[i].word))
            return orders[i].give;
    return NULL;
}

/* NAME, or NAME/part */
static void group(struct http_call *c)
{
    const char *slash = memchr(c->rest.at, '/', c->rest.len);
    struct bytes name = { c->rest.at, slash ? (size_t)(slash - c->rest.at) : c->rest.len };
    struct bytes part = { slash ? slash + 1 : "", slash ? c->rest.len - name.len - 1 : 0 };
    bool posted = c->request->method == HTTP_POST;
    char plain[NAME_LEN_MAX + 1];
    const struct group *g = NULL;

    if (http_unescape(name, plain, sizeof plain))
        g = sentinel_find_group(api_world(c)->core, bytes_of(plain));
    if (!g)
        http_answer_error(c, 404, "no-such-group", "no group of that name is watched here");
    else if (slash && !part.len)
        http_answer_error(c, 404, "no-such-part", "a part's name is missing behind the slash");
    else if (posted != (find_order(part) != NULL))
        http_answer_error(c, 405, "method-not-allowed", "this path is not asked that way");
    else if (posted)
        find_order(part)(c, g);
    else
        answer_part(c, g, part);
}

/* Who asks, and what it may: for pages that show no button which would be refused. */
static void who(struct http_call *c)
{
    static const char *const words[] = { [HTTP_NOBODY] = "nobody",
                                         [HTTP_ANYBODY] = "anybody",
                                         [HTTP_VIEWER] = "viewer",
                                         [HTTP_OPERATOR] = "operator" };
    cJSON *o = cJSON_CreateObject();

    cJSON_AddStringToObject(o, "access", words[c->access]);
    cJSON_AddBoolToObject(o, "may_order", c->access == HTTP_OPERATOR);
    cJSON_AddBoolToObject(o, "may_inquire", c->access >= HTTP_VIEWER);
    api_answer(c, 200, NULL, o);
}

static void failovers(struct http_call *c)
{
    api_answer_failovers(c, "");
}

/* ---- events ---- */

cJSON *api_event(const struct news_item *item)
{
    cJSON *o = cJSON_CreateObject();
    char when[API_TIME_BYTES];

    api_put_time(when, sizeof when, item->wall_ms);
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
    const struct news *news = api_world(c)->news;
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
    api_answer(c, 200, NULL, body);
}

const struct http_route api_routes[] = {
    { .path = "/api/v1/groups", .methods = HTTP_GET, .run = groups },
    { .path = "/api/v1/groups/", .methods = HTTP_GET | HTTP_POST, .run = group },
    { .path = "/api/v1/failovers", .methods = HTTP_GET, .run = failovers },
    { .path = "/api/v1/access", .methods = HTTP_GET, .run = who },
    { .path = "/api/v1/events", .methods = HTTP_GET, .run = events },
    { .path = "/api/v1/events/stream", .methods = HTTP_GET, .run = api_follow },
    { .path = NULL },
};
