/* status, leader, nodes: what the sentinels see. */
#include <stdio.h>
#include <string.h>

#include "common/alloc.h"
#include "sentinel/ctl/facts.h"
#include "sentinel/ctl/newest.h"
#include "sentinel/ctl/pause.h"
#include "sentinel/ctl/table.h"
#include "sentinel/ctl/verbs.h"

/* Whether a failover would work now, in the sentinel's own words. */
static void put_ready(cJSON *group, struct wire *w, const char *name)
{
    const struct resp_value *reply;
    struct errmsg why;

    if (WIRE_CALL(w, &reply, &why, "SENTINEL", "CKQUORUM", name) != OK)
        return;
    cJSON_AddBoolToObject(group, "failover_possible", reply->kind != RESP_ERROR);
    json_put(group, "failover_note", reply->text);
}

/* What only a sentinel of Holdfast tells: a pause, and how a durable group stands. */
static void put_state(cJSON *group, struct wire *w, const char *name)
{
    const struct resp_value *reply;
    struct errmsg why;
    bool paused = json_number(group, "quorum") > PAUSE_QUORUM;
    bool durable = false;

    if (WIRE_CALL(w, &reply, &why, "SENTINEL", "HF", "STATUS", name) != OK)
        return;
    if (reply->kind != RESP_ERROR) {
        paused = paused || bytes_is(facts_field(reply, "paused"), "yes");
        durable = resp_field(reply, "in-sync") != NULL;
        if (paused)
            facts_number(group, "pause_left_ms", reply, "pause-left-ms");
    }
    cJSON_AddBoolToObject(group, "paused", paused);
    if (!durable)
        return;
    json_put(group, "level", facts_field(reply, "level"));
    facts_number(group, "in_sync", reply, "in-sync");
    facts_number(group, "register_epoch", reply, "epoch");
    cJSON_AddBoolToObject(group, "redundant", bytes_is(facts_field(reply, "redundant"), "yes"));
    cJSON_AddBoolToObject(group, "serves", bytes_is(facts_field(reply, "serves"), "yes"));
    json_put(group, "unarmed", facts_field(reply, "unarmed"));
}

static int count_ok(const cJSON *nodes)
{
    const cJSON *node;
    int ok = 0;

    cJSON_ArrayForEach(node, nodes) ok += strcmp(json_text(node, "role"), "follower") == 0 &&
                                          strcmp(json_text(node, "state"), "ok") == 0 &&
                                          strcmp(json_text(node, "link"), "up") == 0;
    return ok;
}

/* ---- nodes ------------------------------------------------------------------------------------- */

static void show_nodes(const cJSON *value)
{
    static const char *const heads[] = {
        "NODE", "ROLE", "STATE", "LINK", "OFFSET", "PRIORITY", NULL
    };
    const cJSON *node;
    struct table t;

    table_init(&t, heads);
    cJSON_ArrayForEach(node, cJSON_GetObjectItemCaseSensitive(value, "nodes"))
    {
        const cJSON *offset = cJSON_GetObjectItemCaseSensitive(node, "offset");
        const cJSON *priority = cJSON_GetObjectItemCaseSensitive(node, "priority");

        table_add(&t, json_text(node, "address"));
        table_add(&t, json_text(node, "role"));
        table_add(&t, json_text(node, "state"));
        table_add(&t, *json_text(node, "link") ? json_text(node, "link") : NULL);
        if (offset)
            table_addf(&t, "%.0f", offset->valuedouble);
        else
            table_add(&t, NULL);
        if (priority)
            table_addf(&t, "%.0f", priority->valuedouble);
        else
            table_add(&t, NULL);
    }
    table_print(&t, stdout);
    table_fini(&t);
}

enum ctl_exit verb_nodes(const struct options *o)
{
    struct wire w = { 0 };
    struct errmsg why = { 0 };
    int index;
    cJSON *value = cJSON_CreateObject();
    enum err e = newest_open(&w, o, &index, &why);

    if (e == OK) {
        cJSON_AddStringToObject(value, "group", o->group);
        cJSON_AddStringToObject(value, "sentinel", w.target->address);
        e = facts_nodes(&w, o->group, cJSON_AddArrayToObject(value, "nodes"), &why);
    }
    wire_close(&w);
    if (e == OK) {
        verb_print(o, value, show_nodes);
        return CTL_DONE;
    }
    cJSON_Delete(value);
    return verb_complain(e, &why);
}

/* ---- leader ------------------------------------------------------------------------------------ */

static void show_leader(const cJSON *value)
{
    puts(json_text(value, "leader"));
}

enum ctl_exit verb_leader(const struct options *o)
{
    struct errmsg why;
    struct claim claim;
    enum err e = newest_claim(o, &claim, &why);
    cJSON *value;

    if (e != OK)
        return verb_complain(e, &why);
    value = cJSON_CreateObject();
    cJSON_AddStringToObject(value, "group", o->group);
    json_put(value, "leader", bytes_of(claim.address));
    cJSON_AddStringToObject(value, "sentinel", o->targets[claim.by].address);
    verb_print(o, value, show_leader);
    return CTL_DONE;
}

/* ---- status ------------------------------------------------------------------------------------ */

static cJSON *group_facts(const struct resp_value *map)
{
    cJSON *group = cJSON_CreateObject();
    int64_t peers;

    json_put(group, "name", facts_field(map, "name"));
    facts_address(group, "leader", map, "ip", "port");
    cJSON_AddStringToObject(group, "state", facts_state(facts_field(map, "flags")));
    if (resp_field(map, "failover-state"))
        json_put(group, "phase", facts_field(map, "failover-state"));
    facts_number(group, "epoch", map, "config-epoch");
    facts_number(group, "quorum", map, "quorum");
    facts_number(group, "followers", map, "num-slaves");
    if (bytes_to_i64(facts_field(map, "num-other-sentinels"), &peers))
        cJSON_AddNumberToObject(group, "sentinels", (double)peers + 1);
    return group;
}

/* What one sentinel says of every group it watches. */
static enum err gather_groups(struct wire *w, const char *only, cJSON *groups, struct errmsg *why)
{
    const struct resp_value *reply;
    cJSON *group;
    enum err e = WIRE_CALL(w, &reply, why, "SENTINEL", "MASTERS");

    if (e != OK)
        return e;
    if (reply->kind == RESP_ERROR) {
        errmsg_set(why, "%s: %.*s", w->target->address, (int)reply->text.len, reply->text.at);
        return ERR_REFUSED;
    }
    for (size_t i = 0; i < reply->count; i++)
        if (!only || bytes_is(facts_field(&reply->items[i], "name"), only))
            cJSON_AddItemToArray(groups, group_facts(&reply->items[i]));
    cJSON_ArrayForEach(group, groups)
    {
        cJSON *nodes = cJSON_CreateArray();

        put_ready(group, w, json_text(group, "name"));
        put_state(group, w, json_text(group, "name"));
        e = facts_nodes(w, json_text(group, "name"), nodes, why);
        cJSON_AddNumberToObject(group, "followers_ok", count_ok(nodes));
        cJSON_AddItemToObject(group, "nodes", nodes);
        if (e != OK && e != ERR_NOTFOUND)
            return e;
    }
    return OK;
}

/* A sentinel beyond the first: only where it names another leader is it worth a word. */
static void compare_groups(struct wire *w, cJSON *groups)
{
    cJSON *group;

    cJSON_ArrayForEach(group, groups)
    {
        char address[300] = "no such group";
        struct errmsg why;
        cJSON *other;
        enum err e = ask_leader(w, json_text(group, "name"), address, sizeof address, &why);

        if ((e != OK && e != ERR_NOTFOUND) || strcmp(address, json_text(group, "leader")) == 0)
            continue;
        if (!cJSON_HasObjectItem(group, "disagree"))
            cJSON_AddArrayToObject(group, "disagree");
        other = cJSON_CreateObject();
        cJSON_AddStringToObject(other, "sentinel", w->target->address);
        json_put(other, "leader", bytes_of(address));
        cJSON_AddItemToArray(cJSON_GetObjectItemCaseSensitive(group, "disagree"), other);
    }
}

static bool is_true(const cJSON *object, const char *name)
{
    return cJSON_IsTrue(cJSON_GetObjectItemCaseSensitive(object, name));
}

/* Would one work now, and if not, why? */
static void add_failover(struct table *t, const cJSON *group)
{
    double left_s = json_number(group, "pause_left_ms") / 1000;

    if (is_true(group, "paused") && left_s > 0)
        table_addf(t, "paused for another %.0f s", left_s);
    else if (is_true(group, "paused"))
        table_add(t, "paused");
    else if (cJSON_HasObjectItem(group, "level"))
        table_add(t, *json_text(group, "unarmed") ? json_text(group, "unarmed") : "possible");
    else if (!is_true(group, "failover_possible"))
        table_add(t, json_text(group, "failover_note"));
    else
        table_add(t,
                  json_number(group, "followers_ok") > 0 ? "possible" : "no follower to promote");
}

/* "async", or the level of a durable group and how many copies are in sync. */
static void add_level(struct table *t, const cJSON *group)
{
    if (cJSON_HasObjectItem(group, "level"))
        table_addf(t, "%s, %.0f in sync", json_text(group, "level"), json_number(group, "in_sync"));
    else
        table_add(t, "async");
}

static void show_groups(const cJSON *groups)
{
    static const char *const heads[] = { "GROUP",  "LEADER", "STATE",   "FOLLOWERS", "SENTINELS",
                                         "QUORUM", "EPOCH",  "DURABLE", "FAILOVER",  NULL };
    const cJSON *group, *other;
    struct table t;

    table_init(&t, heads);
    cJSON_ArrayForEach(group, groups)
    {
        double followers =
            cJSON_GetNumberValue(cJSON_GetObjectItemCaseSensitive(group, "followers"));
        double ok = cJSON_GetNumberValue(cJSON_GetObjectItemCaseSensitive(group, "followers_ok"));

        table_add(&t, json_text(group, "name"));
        table_add(&t, json_text(group, "leader"));
        table_add(&t, json_text(group, "state"));
        table_addf(&t, "%.0f of %.0f", ok, followers);
        table_addf(&t, "%.0f",
                   cJSON_GetNumberValue(cJSON_GetObjectItemCaseSensitive(group, "sentinels")));
        table_addf(&t, "%.0f",
                   cJSON_GetNumberValue(cJSON_GetObjectItemCaseSensitive(group, "quorum")));
        table_addf(&t, "%.0f",
                   cJSON_GetNumberValue(cJSON_GetObjectItemCaseSensitive(group, "epoch")));
        add_level(&t, group);
        add_failover(&t, group);
    }
    table_print(&t, stdout);
    table_fini(&t);
    cJSON_ArrayForEach(group, groups)
        cJSON_ArrayForEach(other, cJSON_GetObjectItemCaseSensitive(group, "disagree"))
            print_line(stdout, "! %s: %s says that the leader is %s", json_text(group, "name"),
                       json_text(other, "sentinel"), json_text(other, "leader"));
}

static void show_status(const cJSON *value)
{
    static const char *const heads[] = { "SENTINEL", "STATE", NULL };
    const cJSON *s;
    struct table t;

    show_groups(cJSON_GetObjectItemCaseSensitive(value, "groups"));
    putchar('\n');
    table_init(&t, heads);
    cJSON_ArrayForEach(s, cJSON_GetObjectItemCaseSensitive(value, "sentinels"))
    {
        table_add(&t, json_text(s, "address"));
        table_add(&t, *json_text(s, "error") ? json_text(s, "error") : "answers");
    }
    table_print(&t, stdout);
    table_fini(&t);
}

enum ctl_exit verb_status(const struct options *o)
{
    cJSON *value = cJSON_CreateObject();
    cJSON *groups = cJSON_AddArrayToObject(value, "groups");
    cJSON *sentinels = cJSON_AddArrayToObject(value, "sentinels");
    struct trouble t = { .e = OK };
    int answered = 0;

    for (int i = 0; i < o->target_count; i++) {
        struct wire w = { 0 };
        struct errmsg why = { 0 };
        cJSON *s = cJSON_CreateObject();
        enum err e = wire_open(&w, o, &o->targets[i], &why);

        if (e == OK && answered)
            compare_groups(&w, groups);
        else if (e == OK)
            e = gather_groups(&w, o->group, groups, &why);
        wire_close(&w);
        cJSON_AddStringToObject(s, "address", o->targets[i].address);
        if (e == OK)
            answered++;
        else
            json_put(s, "error", bytes_of(why.text));
        cJSON_AddItemToArray(sentinels, s);
        trouble_note(&t, e, &why);
    }
    if (!answered) {
        cJSON_Delete(value);
        return verb_complain(t.e, &t.why);
    }
    if (o->group && !cJSON_GetArraySize(groups)) {
        cJSON_Delete(value);
        errmsg_set(&t.why, "no group is named '%s'", o->group);
        return verb_complain(ERR_NOTFOUND, &t.why);
    }
    verb_print(o, value, show_status);
    return CTL_DONE;
}
