/* What a switchover of a durable group would do, as its captain sees it: who may lead is settled by the register. */
#include <string.h>

#include "sentinel/core/durable/request.h"
#include "sentinel/core/durable/status.h"
#include "sentinel/serve/api_parts.h"

static const struct member *member_at(const struct captain *c, const struct addr *a)
{
    struct place at;

    if (!place_set(&at, bytes_of(a->host), a->port))
        return NULL;
    for (uint32_t i = 0; i < c->charter.member_count; i++)
        if (place_eq(&c->charter.members[i].at, &at))
            return &c->charter.members[i];
    return NULL;
}

/* The node that is asked for; 0: none is, or nobody is there. */
static uint64_t wanted(const struct captain *c, const struct addr *to)
{
    const struct member *m = to->port ? member_at(c, to) : NULL;

    return m ? m->node : 0;
}

bool api_durable_refused(const struct captain *c, const struct addr *to, bool force,
                         struct errmsg *out_why)
{
    const char *why = status_refusal(c, wanted(c, to));

    if (force)
        errmsg_set(out_why, "ERR the group is durable: SENTINEL HF FORCE says what would be lost");
    else if (to->port && !member_at(c, to))
        errmsg_set(out_why, "NOGOODSLAVE no member of the group is at that address");
    else if (why && (c->wish.kind != WISH_NONE || c->state != CAPTAIN_CALM))
        errmsg_set(out_why, "INPROG %s", why);
    else if (why)
        errmsg_set(out_why, "NOGOODSLAVE %s", why);
    else
        return false;
    return true;
}

void api_durable_facts(const struct captain *c, struct buf *out)
{
    const struct member *heir = status_heir(c, 0);

    buf_printf(out, "%llu %llu %d %d ", (unsigned long long)c->charter.ver,
               (unsigned long long)(heir ? heir->node : 0), (int)c->wish.kind, (int)c->state);
    for (uint32_t i = 0; i < c->node_count; i++) {
        const char *unfit = status_unfit(c, i, 0);

        buf_printf(out, "%s; ", unfit ? unfit : "fit");
    }
}

static cJSON *member_object(const struct member *m)
{
    cJSON *o = cJSON_CreateObject();

    cJSON_AddStringToObject(o, "host", m->at.host);
    cJSON_AddNumberToObject(o, "port", m->at.port);
    return o;
}

static uint32_t index_of(const struct captain *c, const struct member *m)
{
    return (uint32_t)(m - c->charter.members);
}

static void add_heir(cJSON *o, const struct captain *c, const struct member *heir, bool asked_for)
{
    cJSON *a = heir ? member_object(heir) : cJSON_CreateNull();

    if (heir) {
        cJSON_AddNumberToObject(a, "lag_bytes", (double)status_lag_bytes(c, index_of(c, heir)));
        cJSON_AddStringToObject(a, "because",
                                asked_for ? "it was asked for"
                                          : "it is in sync, and nobody in sync has more");
    }
    cJSON_AddItemToObject(o, "would_lead", a);
}

static void add_others(cJSON *o, const struct captain *c, const struct member *heir)
{
    cJSON *others = cJSON_AddArrayToObject(o, "others");

    for (uint32_t i = 0; i < c->node_count; i++) {
        const struct member *m = &c->charter.members[i];
        const char *unfit = status_unfit(c, i, m->node); /* could it, if it were asked for? */
        cJSON *other;

        if (m == heir || m->node == c->charter.leader)
            continue;
        other = member_object(m);
        cJSON_AddBoolToObject(other, "promotable", unfit == NULL);
        cJSON_AddStringToObject(other, "because", unfit ? unfit : "it is in sync, too");
        cJSON_AddItemToArray(others, other);
    }
}

static void add_warnings(cJSON *o, const struct captain *c, const struct group *g)
{
    cJSON *warnings = cJSON_AddArrayToObject(o, "warnings");

    if (status_in_sync(c) < 3)
        cJSON_AddItemToArray(
            warnings, cJSON_CreateString("Two copies are in sync: until the old leader follows, "
                                         "the new one is alone, and bears no loss."));
    if (g->set.client_reconfig_script)
        cJSON_AddItemToArray(warnings,
                             cJSON_CreateString("client-reconfig-script runs on every sentinel."));
}

void api_durable_preview(cJSON *o, const struct captain *c, const struct group *g,
                         const struct addr *to)
{
    const struct member *heir = status_heir(c, wanted(c, to));

    if (to->port && !member_at(c, to))
        heir = NULL;
    add_heir(o, c, heir, to->port != 0);
    add_others(o, c, heir);
    add_warnings(o, c, g);
}
