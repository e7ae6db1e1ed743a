#include "sentinel/ctl/facts.h"

#include <string.h>

#include "common/alloc.h"
#include "sentinel/ctl/newest.h"
#include "sentinel/ctl/verbs.h"

struct bytes facts_field(const struct resp_value *map, const char *name)
{
    const struct resp_value *v = resp_field(map, name);

    return v ? v->text : (struct bytes){ "", 0 };
}

void facts_number(cJSON *object, const char *as, const struct resp_value *map, const char *name)
{
    int64_t v;

    if (bytes_to_i64(facts_field(map, name), &v))
        cJSON_AddNumberToObject(object, as, (double)v);
}

void facts_address(cJSON *object, const char *as, const struct resp_value *map, const char *host,
                   const char *port)
{
    struct bytes h = facts_field(map, host), p = facts_field(map, port);
    struct buf text = { 0 };
    bool v6 = h.len && memchr(h.at, ':', h.len);

    buf_printf(&text, v6 ? "[%.*s]:%.*s" : "%.*s:%.*s", (int)h.len, h.at, (int)p.len, p.at);
    json_put(object, as, buf_bytes(&text));
    buf_fini(&text);
}

bool facts_begins(struct bytes text, const char *word)
{
    size_t len = strlen(word);

    return text.len >= len && bytes_ieq((struct bytes){ text.at, len }, bytes_of(word));
}

static bool has_flag(struct bytes flags, const char *flag)
{
    size_t len = strlen(flag);

    while (flags.len) {
        const char *comma = memchr(flags.at, ',', flags.len);
        size_t word = comma ? (size_t)(comma - flags.at) : flags.len;

        if (word == len && memcmp(flags.at, flag, len) == 0)
            return true;
        flags.at += word + (comma != NULL);
        flags.len -= word + (comma != NULL);
    }
    return false;
}

/* The worst flag decides. */
const char *facts_state(struct bytes flags)
{
    static const struct {
        const char *flag, *word;
    } states[] = {
        { "failover_in_progress", "failing over" },
        { "o_down", "down" },
        { "s_down", "silent" },
        { "master_down", "leader gone" },
        { "disconnected", "not connected" },
    };

    for (size_t i = 0; i < ARRAY_LEN(states); i++)
        if (has_flag(flags, states[i].flag))
            return states[i].word;
    return "ok";
}

static cJSON *follower_facts(const struct resp_value *map)
{
    cJSON *node = cJSON_CreateObject();
    int64_t gone_ms = 0;

    facts_address(node, "address", map, "ip", "port");
    cJSON_AddStringToObject(node, "role", "follower");
    cJSON_AddStringToObject(node, "state", facts_state(facts_field(map, "flags")));
    cJSON_AddStringToObject(node, "link",
                            bytes_is(facts_field(map, "master-link-status"), "ok") ? "up" : "down");
    if (bytes_to_i64(facts_field(map, "master-link-down-time"), &gone_ms) && gone_ms > 0)
        cJSON_AddNumberToObject(node, "link_down_ms", (double)gone_ms);
    facts_address(node, "follows", map, "master-host", "master-port");
    facts_number(node, "offset", map, "slave-repl-offset");
    facts_number(node, "priority", map, "slave-priority");
    json_put(node, "run_id", facts_field(map, "runid"));
    return node;
}

static cJSON *leader_facts(const struct resp_value *map)
{
    cJSON *node = cJSON_CreateObject();

    facts_address(node, "address", map, "ip", "port");
    cJSON_AddStringToObject(node, "role", "leader");
    cJSON_AddStringToObject(node, "state", facts_state(facts_field(map, "flags")));
    json_put(node, "run_id", facts_field(map, "runid"));
    return node;
}

enum err facts_nodes(struct wire *w, const char *name, cJSON *nodes, struct errmsg *why)
{
    const struct resp_value *reply;
    enum err e = WIRE_CALL(w, &reply, why, "SENTINEL", "MASTER", name);

    if (e != OK)
        return e;
    if (reply->kind == RESP_ERROR) {
        errmsg_set(why, "%s: %.*s ('%s')", w->target->address, (int)reply->text.len, reply->text.at,
                   name);
        return ERR_NOTFOUND;
    }
    cJSON_AddItemToArray(nodes, leader_facts(reply));
    if ((e = WIRE_CALL(w, &reply, why, "SENTINEL", "REPLICAS", name)) != OK)
        return e;
    for (size_t i = 0; i < reply->count; i++)
        cJSON_AddItemToArray(nodes, follower_facts(&reply->items[i]));
    return OK;
}

struct bytes facts_info(struct bytes text, const char *name)
{
    size_t len = strlen(name);

    while (text.len) {
        const char *end = memchr(text.at, '\n', text.len);
        size_t line = end ? (size_t)(end - text.at) : text.len;

        if (line > len && text.at[len] == ':' && memcmp(text.at, name, len) == 0) {
            struct bytes value = { text.at + len + 1, line - len - 1 };

            value.len -= value.len && value.at[value.len - 1] == '\r';
            return value;
        }
        text.at += line + (end != NULL);
        text.len -= line + (end != NULL);
    }
    return (struct bytes){ "", 0 };
}

enum err facts_node_target(const cJSON *node, struct target *out)
{
    out->is_node = true;
    return target_read(out, bytes_of(json_text(node, "address")), 6379);
}

enum err facts_group(const struct options *o, cJSON **out_nodes, struct errmsg *out_why)
{
    struct wire w = { 0 };
    int index;
    cJSON *nodes = cJSON_CreateArray();
    enum err e = newest_open(&w, o, &index, out_why);

    if (e == OK)
        e = facts_nodes(&w, o->group, nodes, out_why);
    wire_close(&w);
    if (e == OK)
        *out_nodes = nodes;
    else
        cJSON_Delete(nodes);
    return e;
}
