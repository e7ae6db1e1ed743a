#include "sentinel/serve/trend.h"

#include "common/alloc.h"
#include "sentinel/serve/api_parts.h"

void trends_fini(struct trends *t)
{
    for (int i = 0; i < t->count; i++)
        xfree(t->all[i]);
    *t = (struct trends){ .count = 0 };
}

const struct trend *trends_find(const struct trends *t, uint64_t node)
{
    for (int i = 0; i < t->count; i++)
        if (t->all[i]->node == node)
            return t->all[i];
    return NULL;
}

static struct trend_point *last_point(struct trend *t)
{
    return &t->points[(t->count - 1) % TREND_POINTS];
}

/* One for a node that has none: a new one, or that of a node that has gone. NULL: there is no room. */
static struct trend *make(struct trends *t, uint64_t node, uint64_t now_ms)
{
    struct trend *made = NULL;

    for (int i = 0; i < t->count && !made; i++)
        if (now_ms > last_point(t->all[i])->now_ms + TREND_STALE_MS)
            made = t->all[i];
    if (!made && t->count < TRENDS_MAX)
        made = t->all[t->count++] = xcalloc(1, sizeof *made);
    if (!made)
        return NULL;
    made->node = node;
    made->count = 0;
    return made;
}

static uint64_t number(const struct node *n, const char *field)
{
    double value;

    return api_info_number(n, field, &value) && value > 0 ? (uint64_t)value : 0;
}

void trends_note(struct trends *t, const struct node *n, uint64_t now_ms, uint64_t wall_ms)
{
    struct trend *trend = (struct trend *)trends_find(t, n->id);
    uint64_t ahead = n->group->leader->facts.offset;

    if (!trend)
        trend = make(t, n->id, now_ms);
    if (!trend || (trend->count && now_ms < last_point(trend)->now_ms + TREND_GAP_MS))
        return;
    trend->count++;
    *last_point(trend) = (struct trend_point){
        .wall_ms = wall_ms,
        .now_ms = now_ms,
        .memory_bytes = number(n, "used_memory"),
        .lag_bytes = n != n->group->leader && ahead > n->facts.offset ? ahead - n->facts.offset : 0,
        .ops_per_s = (uint32_t)number(n, "instantaneous_ops_per_sec"),
        .clients = (uint32_t)number(n, "connected_clients"),
    };
}

/* ---- as JSON ---- */

static cJSON *point_array(const struct trend_point *p)
{
    double values[] = { (double)p->wall_ms, p->ops_per_s, (double)p->memory_bytes,
                        (double)p->lag_bytes, p->clients };

    return cJSON_CreateDoubleArray(values, ARRAY_LEN(values));
}

static cJSON *points(const struct trend *t)
{
    uint64_t n = t && t->count > TREND_POINTS ? t->count - TREND_POINTS : 0;
    cJSON *a = cJSON_CreateArray();

    for (; t && n < t->count; n++)
        cJSON_AddItemToArray(a, point_array(&t->points[n % TREND_POINTS]));
    return a;
}

cJSON *api_trends(struct sentinel_world *w, const struct group *g)
{
    static const char *const columns[] = { "time_ms", "ops_per_s", "used_memory_bytes", "lag_bytes",
                                           "clients" };
    cJSON *o = cJSON_CreateObject(), *all;

    cJSON_AddItemToObject(o, "columns", cJSON_CreateStringArray(columns, (int)ARRAY_LEN(columns)));
    all = cJSON_AddArrayToObject(o, "trends");
    LIST_EACH ((struct list *)&g->nodes, at) {
        const struct node *n = LIST_ENTRY(at, struct node, of_group);
        cJSON *one = api_address(w->core, n);

        cJSON_AddItemToObject(one, "points", points(trends_find(w->trends, n->id)));
        cJSON_AddItemToArray(all, one);
    }
    return o;
}
