#include "sentinel/ctl/survey.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

#include "common/alloc.h"
#include "sentinel/ctl/table.h"
#include "sentinel/ctl/verbs.h"

/* ---- which sentinels ---------------------------------------------------------------------------- */

/* A list may call a sentinel by another name than its peers do: its id tells. */
struct known {
    struct target *targets;
    char ids[TARGETS_MAX][48];
    int count;
};

static bool knows(const struct known *k, const struct target *t, struct bytes id)
{
    for (int i = 0; i < k->count; i++)
        if (strcmp(k->targets[i].address, t->address) == 0 || (id.len && bytes_is(id, k->ids[i])))
            return true;
    return false;
}

static void learn(struct known *k, const struct target *t, struct bytes id)
{
    if (k->count == TARGETS_MAX)
        return;
    k->targets[k->count] = *t;
    snprintf(k->ids[k->count], sizeof k->ids[0], "%.*s", (int)id.len, id.at);
    k->count++;
}

static enum err ask_of_group(struct wire *w, const char *what, const char *group,
                             const struct resp_value **out, struct errmsg *why)
{
    enum err e = WIRE_CALL(w, out, why, "SENTINEL", what, group);

    if (e == OK && (*out)->kind == RESP_ERROR) {
        errmsg_set(why, "%s: %.*s ('%s')", w->target->address, (int)(*out)->text.len,
                   (*out)->text.at, group);
        return ERR_NOTFOUND;
    }
    return e;
}

static enum err learn_peers(struct wire *w, const char *group, struct known *k, struct errmsg *why)
{
    const struct resp_value *reply;
    enum err e = ask_of_group(w, "SENTINELS", group, &reply, why);

    if (e != OK)
        return e;
    for (size_t i = 0; i < reply->count; i++) {
        const struct resp_value *peer = &reply->items[i];
        struct target t = { 0 };
        int64_t port = 0;

        (void)bytes_to_i64(facts_field(peer, "port"), &port);
        if (target_set(&t, facts_field(peer, "ip"), port) == OK &&
            !knows(k, &t, facts_field(peer, "runid")))
            learn(k, &t, facts_field(peer, "runid"));
    }
    return OK;
}

enum err survey_sentinels(const struct options *o, const char *group, struct target *out,
                          int *out_count, struct errmsg *out_why)
{
    struct known k = { .targets = out };
    struct trouble t = { .e = OK };
    bool up[TARGETS_MAX] = { false }, any = false;
    struct wire w = { 0 };
    enum err e;

    /* All that are listed first, so that none is taken for the peer of one that it has the id of. */
    for (int i = 0; i < o->target_count; i++) {
        const struct resp_value *id = NULL;

        if ((e = wire_open(&w, o, &o->targets[i], out_why)) == OK)
            e = WIRE_CALL(&w, &id, out_why, "SENTINEL", "MYID");
        trouble_note(&t, e, out_why);
        up[i] = e == OK;
        learn(&k, &o->targets[i],
              up[i] && id->kind == RESP_BULK ? id->text : (struct bytes){ "", 0 });
        wire_close(&w);
    }
    for (int i = 0; i < o->target_count; i++) {
        if (!up[i])
            continue;
        if ((e = wire_open(&w, o, &o->targets[i], out_why)) == OK)
            e = learn_peers(&w, group, &k, out_why);
        trouble_note(&t, e, out_why);
        any |= e == OK;
        wire_close(&w);
    }
    *out_count = k.count;
    *out_why = t.why;
    return any ? OK : t.e;
}

enum err survey_groups(const struct options *o, cJSON *names, struct errmsg *out_why)
{
    struct wire w = { 0 };
    const struct resp_value *reply;
    int index = 0;
    enum err e = wire_open_any(&w, o, &index, out_why);

    if (e == OK)
        e = WIRE_CALL(&w, &reply, out_why, "SENTINEL", "MASTERS");
    if (e == OK && reply->kind == RESP_ERROR) {
        errmsg_set(out_why, "%s: %.*s", w.target->address, (int)reply->text.len, reply->text.at);
        e = ERR_REFUSED;
    }
    for (size_t i = 0; e == OK && i < reply->count; i++) {
        char *name = printable(facts_field(&reply->items[i], "name"));

        cJSON_AddItemToArray(names, cJSON_CreateString(name));
        xfree(name);
    }
    wire_close(&w);
    return e;
}

/* ---- what all say of themselves ------------------------------------------------------------------- */

static const char *const info_fields[] = {
    "redis_version",         "holdfast_version",   "run_id",     "role",
    "master_host",           "master_port",        "loading",    "connected_slaves",
    "master_link_status",    "used_memory",        "maxmemory",  "rdb_last_bgsave_status",
    "aof_last_write_status", "master_repl_offset", "redis_mode",
};

static uint64_t wall_us(void)
{
    struct timespec now;

    clock_gettime(CLOCK_REALTIME, &now);
    return (uint64_t)now.tv_sec * 1000000 + (uint64_t)now.tv_nsec / 1000;
}

/* Versions, roles, and how far its clock is from ours: read in the middle of the question. */
static enum err put_info(struct wire *w, cJSON *object, struct errmsg *why)
{
    const struct resp_value *reply;
    uint64_t asked_us = wall_us(), answered_us;
    int64_t there_us = 0;
    enum err e = WIRE_CALL(w, &reply, why, "INFO");

    if (e != OK)
        return e;
    answered_us = wall_us();
    if (reply->kind == RESP_ERROR) {
        errmsg_set(why, "%s: %.*s", w->target->address, (int)reply->text.len, reply->text.at);
        return ERR_REFUSED;
    }
    for (size_t i = 0; i < ARRAY_LEN(info_fields); i++) {
        struct bytes value = facts_info(reply->text, info_fields[i]);

        if (value.len)
            json_put(object, info_fields[i], value);
    }
    if (bytes_to_i64(facts_info(reply->text, "server_time_usec"), &there_us)) {
        double middle_us = ((double)asked_us + (double)answered_us) / 2;

        cJSON_AddNumberToObject(object, "clock_ms", ((double)there_us - middle_us) / 1000);
        cJSON_AddNumberToObject(object, "clock_error_ms",
                                ((double)answered_us - (double)asked_us) / 2000);
    }
    return OK;
}

/* ---- sentinels ------------------------------------------------------------------------------------ */

static enum err put_master(struct wire *w, const char *group, cJSON *s, struct errmsg *why)
{
    const struct resp_value *reply;
    enum err e = ask_of_group(w, "MASTER", group, &reply, why);

    if (e != OK)
        return e;
    facts_address(s, "leader", reply, "ip", "port");
    facts_number(s, "quorum", reply, "quorum");
    facts_number(s, "down_after_ms", reply, "down-after-milliseconds");
    facts_number(s, "failover_timeout_ms", reply, "failover-timeout");
    facts_number(s, "parallel_syncs", reply, "parallel-syncs");
    return OK;
}

static enum err put_peers(struct wire *w, const char *group, cJSON *s, struct errmsg *why)
{
    const struct resp_value *reply;
    cJSON *peers = cJSON_AddArrayToObject(s, "peers");
    enum err e = WIRE_CALL(w, &reply, why, "SENTINEL", "SENTINELS", group);

    for (size_t i = 0; e == OK && i < reply->count; i++) {
        cJSON *peer = cJSON_CreateObject();

        facts_address(peer, "address", &reply->items[i], "ip", "port");
        json_put(peer, "id", facts_field(&reply->items[i], "runid"));
        cJSON_AddStringToObject(peer, "state", facts_state(facts_field(&reply->items[i], "flags")));
        cJSON_AddItemToArray(peers, peer);
    }
    return e;
}

static void put_places(cJSON *into, const char *name, const struct resp_value *reply,
                       const char *const *fields, size_t count)
{
    const struct resp_value *items = resp_field(reply, name);
    cJSON *list = cJSON_AddArrayToObject(into, name);

    for (size_t i = 0; items && i < items->count; i++) {
        cJSON *o = cJSON_CreateObject();

        facts_address(o, "address", &items->items[i], "ip", "port");
        json_put(o, "run_id", facts_field(&items->items[i], "run-id"));
        for (size_t f = 0; f < count; f++)
            json_put(o, fields[f], facts_field(&items->items[i], fields[f]));
        cJSON_AddItemToArray(list, o);
    }
}

static bool is_mine(const cJSON *voters)
{
    const cJSON *v;

    cJSON_ArrayForEach(v, voters) if (strcmp(json_text(v, "mine"), "yes") == 0) return true;
    return false;
}

static void put_durable(cJSON *s, const struct resp_value *reply)
{
    static const char *const of_member[] = { "leads", "in-sync", "state" };
    static const char *const of_voter[] = { "mine", "health" };
    const struct resp_value *lacks = resp_field(reply, "lacks");
    cJSON *d = cJSON_AddObjectToObject(s, "durable"), *list;

    json_put(d, "level", facts_field(reply, "level"));
    facts_number(d, "min_sync", reply, "min-sync");
    facts_number(d, "in_sync", reply, "in-sync");
    cJSON_AddBoolToObject(d, "serves", bytes_is(facts_field(reply, "serves"), "yes"));
    put_places(d, "members", reply, of_member, ARRAY_LEN(of_member));
    put_places(d, "voters", reply, of_voter, ARRAY_LEN(of_voter));
    cJSON_AddBoolToObject(d, "votes", is_mine(cJSON_GetObjectItemCaseSensitive(d, "voters")));
    list = cJSON_AddArrayToObject(d, "lacks");
    for (size_t i = 0; lacks && i < lacks->count; i++) {
        char *text = printable(lacks->items[i].text);

        cJSON_AddItemToArray(list, cJSON_CreateString(text));
        xfree(text);
    }
}

/* A sentinel of Redis has no answer to this. */
static enum err put_status(struct wire *w, const char *group, cJSON *s, struct errmsg *why)
{
    const struct resp_value *reply;
    enum err e = WIRE_CALL(w, &reply, why, "SENTINEL", "HF", "STATUS", group);
    uint64_t ver;

    if (e != OK || reply->kind == RESP_ERROR)
        return e;
    cJSON_AddBoolToObject(s, "paused", bytes_is(facts_field(reply, "paused"), "yes"));
    if (bytes_to_u64(facts_field(reply, "ver"), &ver) && ver > 0)
        put_durable(s, reply);
    return OK;
}

static void put_certificate(const struct wire *w, cJSON *one)
{
    int64_t ends_s = w->tls ? tls_session_peer_expiry(w->tls) : 0;

    if (ends_s)
        cJSON_AddNumberToObject(one, "certificate_left_s",
                                (double)ends_s - (double)wall_us() / 1e6);
}

static cJSON *sentinel_facts(const struct options *o, const struct target *t, const char *group)
{
    cJSON *s = cJSON_CreateObject();
    struct wire w = { 0 };
    struct errmsg why = { 0 };
    const struct resp_value *id;
    enum err e = wire_open(&w, o, t, &why);

    json_put(s, "address", bytes_of(t->address));
    if (e == OK && (e = WIRE_CALL(&w, &id, &why, "SENTINEL", "MYID")) == OK)
        json_put(s, "id", id->kind == RESP_BULK ? id->text : (struct bytes){ "", 0 });
    if (e == OK)
        e = put_info(&w, s, &why);
    if (e == OK)
        e = put_master(&w, group, s, &why);
    if (e == OK)
        e = put_peers(&w, group, s, &why);
    if (e == OK)
        e = facts_nodes(&w, group, cJSON_AddArrayToObject(s, "nodes"), &why);
    if (e == OK)
        e = put_status(&w, group, s, &why);
    put_certificate(&w, s);
    wire_close(&w);
    if (e != OK)
        json_put(s, "error", bytes_of(why.text));
    return s;
}

/* ---- nodes ---------------------------------------------------------------------------------------- */

/* Passwords among them: they are compared, and never printed. */
static enum err put_settings(struct wire *w, cJSON *node, struct errmsg *why)
{
    const struct resp_value *reply;
    enum err e = WIRE_CALL(w, &reply, why, "CONFIG", "GET", "*");
    cJSON *settings;

    if (e != OK || reply->kind == RESP_ERROR)
        return e;
    settings = cJSON_AddObjectToObject(node, "settings");
    for (size_t i = 0; i + 1 < reply->count; i += 2) {
        struct bytes name = reply->items[i].text, value = reply->items[i + 1].text;
        char *key = printable(name);

        json_put(settings, key, value);
        xfree(key);
    }
    return OK;
}

static cJSON *node_facts(const struct options *o, const struct target *t)
{
    cJSON *node = cJSON_CreateObject();
    struct wire w = { 0 };
    struct errmsg why = { 0 };
    enum err e = wire_open(&w, o, t, &why);

    json_put(node, "address", bytes_of(t->address));
    if (e == OK)
        e = put_info(&w, node, &why);
    if (e == OK)
        e = put_settings(&w, node, &why);
    put_certificate(&w, node);
    wire_close(&w);
    if (e != OK)
        json_put(node, "error", bytes_of(why.text));
    return node;
}

static bool holds(const cJSON *nodes, const char *address)
{
    const cJSON *node;

    cJSON_ArrayForEach(node,
                       nodes) if (strcmp(json_text(node, "address"), address) == 0) return true;
    return false;
}

enum err survey_group(const struct options *o, const char *group, cJSON **out,
                      struct errmsg *out_why)
{
    struct target *targets = xcalloc(TARGETS_MAX, sizeof *targets);
    int count = 0;
    enum err e = survey_sentinels(o, group, targets, &count, out_why);

    if (e == OK) {
        cJSON *value = cJSON_CreateObject(), *sentinels, *nodes, *s, *named;

        cJSON_AddStringToObject(value, "group", group);
        sentinels = cJSON_AddArrayToObject(value, "sentinels");
        nodes = cJSON_AddArrayToObject(value, "nodes");
        for (int i = 0; i < count; i++)
            cJSON_AddItemToArray(sentinels, sentinel_facts(o, &targets[i], group));
        cJSON_ArrayForEach(s, sentinels)
            cJSON_ArrayForEach(named, cJSON_GetObjectItemCaseSensitive(s, "nodes"))
        {
            struct target t;

            if (!holds(nodes, json_text(named, "address")) && facts_node_target(named, &t) == OK)
                cJSON_AddItemToArray(nodes, node_facts(o, &t));
        }
        *out = value;
    }
    xfree(targets);
    return e;
}
