/*
 * switchover - an operator's FAILOVER over HTTP: first what it would do, then, if things are still as they were shown, done.
 */
#include <stdio.h>
#include <string.h>

#include "common/alloc.h"
#include "common/log.h"
#include "common/siphash.h"
#include "sentinel/core/candidate.h"
#include "sentinel/core/planned.h"
#include "sentinel/serve/api_parts.h"
#include "sentinel/serve/news.h"
#include "sentinel/serve/orders.h"
#include "sentinel/serve/wish.h"
#include "sentinel/serve/rows.h"

static bool has_majority(const struct group *g)
{
    return group_usable_voters(g) >= group_majority(g);
}

/* ---- the version ---- */

void api_version(const struct sentinel_world *w, const struct group *g, char *out)
{
    const struct sentinel *core = w->core;
    const struct captain *captain = w->captain((struct sentinel_world *)w, g->name);
    static const struct siphash_key key = { 0, 0 }; /* a fingerprint, and no table's */
    const struct node *expected = candidate_expected(core, g, &(struct addr){ .port = 0 });
    struct buf facts = { 0 };

    buf_printf(&facts, "%llu %d %llu %d ", (unsigned long long)g->config_epoch,
               g->failover.state >= FO_WAIT_START,
               (unsigned long long)(expected ? expected->id : 0), has_majority(g));
    LIST_EACH ((struct list *)&g->nodes, at) {
        const struct node *n = LIST_ENTRY(at, struct node, of_group);

        buf_printf(&facts, "%s:%d %d %d %d ", n->addr.host, n->addr.port, n == g->leader,
                   (int)n->verdict, (int)candidate_unfit(core, n, true));
    }
    if (captain)
        api_durable_facts(captain, &facts);
    snprintf(out, API_VERSION_BYTES, "%016llx",
             (unsigned long long)siphash(&key, facts.at, facts.len));
    buf_fini(&facts);
}

/* ---- the preview ---- */

static uint64_t lag_of(const struct node *n)
{
    uint64_t ahead = n->group->leader->facts.offset;

    return ahead > n->facts.offset ? ahead - n->facts.offset : 0;
}

/* The second best by what would decide between them; NULL: there is no other. */
static const struct node *runner_up(const struct sentinel *s, const struct node *best)
{
    const struct node *second = NULL;

    LIST_EACH ((struct list *)&best->group->nodes, at) {
        const struct node *n = LIST_ENTRY(at, struct node, of_group);

        if (n == best || candidate_unfit(s, n, true) != FIT)
            continue;
        if (!second || candidate_edge(best, n) > candidate_edge(best, second))
            second = n;
    }
    return second;
}

static const char *why_it(const struct sentinel *s, const struct node *best, bool asked_for)
{
    static const char *const words[] = {
        [EDGE_HEIR] = "it was promoted already, out of the lost leader's data",
        [EDGE_PRIORITY] = "its replica-priority is the lowest",
        [EDGE_OFFSET] = "it has got most of the leader's stream",
        [EDGE_RUN_ID] = "all are alike, and its run id is the smallest",
    };
    const struct node *second = runner_up(s, best);

    if (asked_for)
        return "it was asked for";
    return second ? words[candidate_edge(best, second)] : "nobody else could be promoted";
}

static const char *why_not(const struct sentinel *s, const struct node *n, const struct node *best)
{
    static const char *const words[] = {
        [EDGE_HEIR] = "the other one was promoted already",
        [EDGE_PRIORITY] = "its replica-priority is higher",
        [EDGE_OFFSET] = "it has got less of the leader's stream",
        [EDGE_RUN_ID] = "it is as good, and run ids decide",
    };
    enum unfit unfit = candidate_unfit(s, n, true);

    if (unfit != FIT || !best)
        return unfit_words[unfit];
    return words[candidate_edge(best, n)];
}

static void add_others(cJSON *o, const struct sentinel *s, const struct group *g,
                       const struct node *best)
{
    cJSON *others = cJSON_AddArrayToObject(o, "others");

    LIST_EACH ((struct list *)&g->nodes, at) {
        const struct node *n = LIST_ENTRY(at, struct node, of_group);
        cJSON *other;

        if (n == best || n == g->leader)
            continue;
        other = api_address(s, n);
        cJSON_AddBoolToObject(other, "promotable", candidate_unfit(s, n, true) == FIT);
        cJSON_AddStringToObject(other, "because", why_not(s, n, best));
        cJSON_AddItemToArray(others, other);
    }
}

static void add_leader(cJSON *o, const struct sentinel *s, const struct node *leader)
{
    cJSON *a = api_address(s, leader);
    double clients;

    cJSON_AddBoolToObject(a, "up", leader->verdict == VERDICT_UP);
    if (api_info_number(leader, "connected_clients", &clients))
        cJSON_AddNumberToObject(a, "clients", clients);
    cJSON_AddItemToObject(o, "leader", a);
}

static void add_expected(cJSON *o, const struct sentinel *s, const struct node *best,
                         bool asked_for)
{
    cJSON *a = best ? api_address(s, best) : cJSON_CreateNull();

    if (best) {
        cJSON_AddNumberToObject(a, "lag_bytes", (double)lag_of(best));
        cJSON_AddStringToObject(a, "because", why_it(s, best, asked_for));
    }
    cJSON_AddItemToObject(o, "would_lead", a);
}

static void warn(cJSON *warnings, bool holds, const char *text)
{
    if (holds)
        cJSON_AddItemToArray(warnings, cJSON_CreateString(text));
}

static void add_warnings(cJSON *o, const struct sentinel *s, const struct group *g, bool force)
{
    cJSON *warnings = cJSON_AddArrayToObject(o, "warnings");
    const struct node *leader = g->leader;
    bool down = leader->verdict != VERDICT_UP;
    bool handed = !down && !force && leader->facts.has_failover;

    warn(warnings, down, "The leader is down: what it had not passed on is lost.");
    warn(warnings, !down && !handed,
         force ? "By force: the leader is not asked to hold its writes, and those of the last "
                 "moments may be lost."
               : "The leader has no FAILOVER command: writes of the last moments may be lost.");
    warn(warnings, !has_majority(g),
         "No majority of the sentinels is reachable: the others may not follow this order.");
    warn(warnings, g->node_count < 3,
         "Nobody else follows: until the old leader is back as a "
         "follower, there is one copy of the data.");
    warn(warnings, g->set.client_reconfig_script != NULL,
         "client-reconfig-script runs on every sentinel.");
}

static void add_plan(cJSON *o, const struct sentinel *s, const struct group *g,
                     const struct wish *wish)
{
    const struct node *best = candidate_expected(s, g, &wish->to);

    add_expected(o, s, best, wish->to.port != 0);
    add_others(o, s, g, best);
    add_warnings(o, s, g, wish->force);
}

static cJSON *preview(struct sentinel_world *w, const struct group *g, const struct wish *wish,
                      const struct errmsg *refused)
{
    const struct sentinel *s = w->core;
    const struct captain *captain = w->captain(w, g->name);
    char version[API_VERSION_BYTES];
    cJSON *o = cJSON_CreateObject();

    api_version(w, g, version);
    cJSON_AddStringToObject(o, "group", g->name);
    cJSON_AddStringToObject(o, "version", version);
    cJSON_AddBoolToObject(o, "possible", !refused);
    if (refused)
        cJSON_AddStringToObject(o, "refused_because", refused->text);
    add_leader(o, s, g->leader);
    if (captain)
        api_durable_preview(o, captain, g, &wish->to);
    else
        add_plan(o, s, g, wish);
    return o;
}

/* ---- the order ---- */

/* The code word that a refusal has on the wire becomes one of ours. */
static const char *refusal_code(struct errmsg *why)
{
    static const struct {
        const char *wire, *code;
    } codes[] = { { "INPROG ", "in-progress" },
                  { "NOGOODSLAVE ", "no-candidate" },
                  { "ERR ", "refused" } };

    for (size_t i = 0; i < ARRAY_LEN(codes); i++) {
        size_t len = strlen(codes[i].wire);

        if (strncmp(why->text, codes[i].wire, len) != 0)
            continue;
        memmove(why->text, why->text + len, strlen(why->text + len) + 1);
        return codes[i].code;
    }
    return "refused";
}

/* What begins here is told by the events behind `since`. */
struct order {
    struct order *next;
    uint64_t token, since;
    struct http_connection *connection;
    struct orders *orders;
};

static void forget(void *arg)
{
    struct order *order = arg, **at = &order->orders->first;

    while (*at != order)
        at = &(*at)->next;
    *at = order->next;
    xfree(order);
}

static void answer_begun(struct http_call *c, uint64_t since)
{
    cJSON *o = cJSON_CreateObject();

    cJSON_AddBoolToObject(o, "begun", true);
    cJSON_AddNumberToObject(o, "since", (double)since);
    api_answer(c, 202, NULL, o);
}

/* refusal: with its code word; NULL: it has begun. */
static void answer_order(struct sentinel_world *w, uint64_t token, const char *refusal)
{
    struct order *order = w->orders->first;
    struct http_call c;
    struct errmsg why;
    uint64_t since;

    while (order && order->token != token)
        order = order->next;
    if (!order)
        return; /* its client has gone */
    c = http_held_call(order->connection);
    since = order->since;
    forget(order);
    if (!refusal) {
        answer_begun(&c, since);
        return;
    }
    errmsg_set(&why, "%s", refusal);
    api_error(&c, 409, refusal_code(&why), why.text);
}

void api_answered(struct sentinel_world *w, uint64_t token, const struct action *a)
{
    answer_order(w, token, a->reply.kind == REPLY_ERROR ? a->text : NULL);
}

void api_requested(struct sentinel_world *w, uint64_t token, const char *refusal)
{
    char text[512];

    if (refusal)
        snprintf(text, sizeof text, "ERR %s", refusal);
    answer_order(w, token, refusal ? text : NULL);
}

uint64_t api_hold(struct http_call *c)
{
    struct sentinel_world *w = api_world(c);
    struct orders *orders = w->orders;
    struct order *order = xcalloc(1, sizeof *order);
    uint64_t token = API_TOKEN | ++orders->last;

    *order = (struct order){ .next = orders->first,
                             .token = token,
                             .since = w->news->last,
                             .connection = c->connection,
                             .orders = orders };
    orders->first = order;
    http_hold(c, forget, order);
    return token;
}

static void begin(struct http_call *c, const struct group *g, const struct wish *wish)
{
    struct sentinel_world *w = api_world(c);
    struct event ev = { .kind = EV_FAILOVER };

    ev.failover.name = g->name;
    ev.failover.kind = wish->force ? FAILOVER_FORCE : FAILOVER_COORDINATED;
    ev.failover.target = wish->to;
    log_notice("http-switchover group=%s to=%s:%d force=%d addr=%s", g->name, wish->to.host,
               wish->to.port, wish->force, http_peer(c));
    ev.token = api_hold(c);
    if (!serve_hand_over(w, g, &wish->to, ev.token))
        w->raise(w, &ev);
}

static void answer_preview(struct http_call *c, const struct group *g, const struct wish *wish,
                           const struct errmsg *refused)
{
    char version[API_VERSION_BYTES], etag[64];

    api_version(api_world(c), g, version);
    snprintf(etag, sizeof etag, "ETag: \"%s\"\r\n", version);
    api_answer(c, 200, etag, preview(api_world(c), g, wish, refused));
}

static bool is_refused(struct sentinel_world *w, const struct group *g, const struct wish *wish,
                       struct errmsg *out_why)
{
    const struct captain *captain = w->captain(w, g->name);

    if (captain)
        return api_durable_refused(captain, &wish->to, wish->force, out_why);
    return planned_refused(w->core, g, wish->force ? FAILOVER_FORCE : FAILOVER_COORDINATED,
                           &wish->to, out_why);
}

void api_switchover(struct http_call *c, const struct group *g)
{
    struct bytes if_match = http_request_field(c->request, "if-match");
    struct sentinel_world *w = api_world(c);
    char version[API_VERSION_BYTES];
    struct wish wish;
    struct errmsg why;
    const char *code;
    bool refused;

    if (wish_read(c->request->body, &wish, &why) != OK) {
        http_answer_error(c, 400, "bad-request", why.text);
        return;
    }
    refused = is_refused(w, g, &wish, &why);
    code = refused ? refusal_code(&why) : NULL;
    api_version(w, g, version);
    if (wish.dry_run)
        answer_preview(c, g, &wish, refused ? &why : NULL);
    else if (!if_match.at)
        http_answer_error(c, 428, "version-required",
                          "ask with dry_run first, and show its version in If-Match");
    else if (!wish_matches(if_match, version))
        http_answer_error(c, 412, "changed",
                          "things are not as they were shown: ask with dry_run again");
    else if (refused)
        api_error(c, 409, code, why.text);
    else
        begin(c, g, &wish);
}
