/* The history of failovers as JSON. */
#include "sentinel/serve/api_parts.h"

enum { FAILOVERS_MAX = 100, FAILOVERS_DEFAULT = 20 }; /* of one answer */

static cJSON *address(const struct addr *a)
{
    cJSON *o;

    if (!a->port)
        return cJSON_CreateNull();
    o = cJSON_CreateObject();
    cJSON_AddStringToObject(o, "host", a->host);
    cJSON_AddNumberToObject(o, "port", a->port);
    return o;
}

static int next_mark(const struct history_item *item, int m)
{
    do
        m++;
    while (m < MARK_COUNT && !(item->marks & (1u << m)));
    return m;
}

/* A phase goes from its mark to the next there is; where marks between are missing, another sentinel had them. */
static cJSON *phase(const struct history_item *item, int m, int next)
{
    cJSON *o = cJSON_CreateObject();
    bool ours = next == m + 1 || next == MARK_ENDED || m == MARK_SUSPECTED;
    uint64_t from = item->at_us[m];

    cJSON_AddStringToObject(o, "phase", ours ? history_phase_words[m] : "elsewhere");
    cJSON_AddNumberToObject(o, "after_ms", (double)from / 1000);
    if (next < MARK_COUNT)
        cJSON_AddNumberToObject(o, "duration_ms",
                                item->at_us[next] > from ? (double)(item->at_us[next] - from) / 1000
                                                         : 0);
    else
        cJSON_AddNullToObject(o, "duration_ms");
    return o;
}

static cJSON *phases(const struct history_item *item)
{
    cJSON *a = cJSON_CreateArray();

    for (int m = next_mark(item, -1), next; m < MARK_ENDED; m = next) {
        next = next_mark(item, m);
        cJSON_AddItemToArray(a, phase(item, m, next));
    }
    return a;
}

static cJSON *failover(const struct sentinel_world *w, const struct history_item *item)
{
    cJSON *o = cJSON_CreateObject();
    bool runs = item->number == 0;
    char when[API_TIME_BYTES];

    api_put_time(when, sizeof when, item->wall_ms);
    if (runs)
        cJSON_AddNullToObject(o, "number");
    else
        cJSON_AddNumberToObject(o, "number", (double)item->number);
    cJSON_AddStringToObject(o, "group", item->group);
    cJSON_AddStringToObject(o, "time", when);
    cJSON_AddNumberToObject(o, "time_ms", (double)item->wall_ms);
    cJSON_AddStringToObject(o, "outcome", runs ? "running" : tally_outcome_words[item->outcome]);
    cJSON_AddBoolToObject(o, "planned", item->planned);
    cJSON_AddItemToObject(o, "from", address(&item->from));
    cJSON_AddItemToObject(o, "to", address(&item->to));
    cJSON_AddStringToObject(o, "led_by", item->captain[0] ? item->captain : w->core->globals.my_id);
    cJSON_AddBoolToObject(o, "led_here", !item->captain[0]);
    cJSON_AddNumberToObject(o, "attempts", item->attempts);
    cJSON_AddNumberToObject(o, "silent_before_ms", (double)item->silent_us / 1000);
    if (item->marks & (1u << MARK_PROMOTED))
        cJSON_AddNumberToObject(o, "promoted_after_ms", (double)item->at_us[MARK_PROMOTED] / 1000);
    if (item->marks & (1u << MARK_ENDED))
        cJSON_AddNumberToObject(o, "ended_after_ms", (double)item->at_us[MARK_ENDED] / 1000);
    cJSON_AddItemToObject(o, "phases", phases(item));
    return o;
}

cJSON *api_failovers(struct sentinel_world *w, const char *group, uint64_t before, int limit)
{
    const struct history_item *item = history_open(w->history, group);
    cJSON *a = cJSON_CreateArray();

    if (item && before == UINT64_MAX)
        cJSON_AddItemToArray(a, failover(w, item));
    while (limit-- > 0 && (item = history_before(w->history, group, before))) {
        cJSON_AddItemToArray(a, failover(w, item));
        before = item->number;
    }
    return a;
}

static bool read_query(struct http_call *c, uint64_t *out_before, uint64_t *out_limit)
{
    struct bytes query = c->request->query, name, value;

    while (http_query_next(&query, &name, &value)) {
        if (bytes_is(name, "before") && bytes_to_u64(value, out_before))
            continue;
        if (bytes_is(name, "limit") && bytes_to_u64(value, out_limit) && *out_limit > 0 &&
            *out_limit <= FAILOVERS_MAX)
            continue;
        http_answer_error(c, 400, "unknown-parameter",
                          "before, the number of a failover, and limit, 1 to 100, are the "
                          "parameters here");
        return false;
    }
    return true;
}

void api_answer_failovers(struct http_call *c, const char *group)
{
    uint64_t before = UINT64_MAX, limit = FAILOVERS_DEFAULT;
    cJSON *o;

    if (!read_query(c, &before, &limit))
        return;
    o = cJSON_CreateObject();
    cJSON_AddItemToObject(o, "failovers", api_failovers(c->world, group, before, (int)limit));
    api_answer(c, 200, NULL, o);
}
