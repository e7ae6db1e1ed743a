/* slowlog: the slow calls of every node of a group in one list, the newest first. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "common/alloc.h"
#include "sentinel/ctl/facts.h"
#include "sentinel/ctl/table.h"
#include "sentinel/ctl/verbs.h"

enum { CALLS_PER_NODE = 20, CALL_TEXT_MAX = 300 };

/* Words with blanks between them, as they are typed; a long call is cut. */
static void put_call(cJSON *entry, const struct resp_value *words)
{
    struct buf text = { 0 };

    for (size_t i = 0; words && i < words->count && text.len < CALL_TEXT_MAX; i++) {
        struct bytes word = words->items[i].text;

        if (i)
            buf_putc(&text, ' ');
        if (word.len && !memchr(word.at, ' ', word.len))
            buf_add(&text, word);
        else
            buf_put_quoted(&text, word);
    }
    if (text.len > CALL_TEXT_MAX) {
        text.len = CALL_TEXT_MAX;
        buf_puts(&text, "...");
    }
    json_put(entry, "call", buf_bytes(&text));
    buf_fini(&text);
}

static void put_entry(cJSON *calls, const char *node, const struct resp_value *one)
{
    const struct resp_value *at = resp_item(one, 1), *took = resp_item(one, 2);
    const struct resp_value *client = resp_item(one, 4), *name = resp_item(one, 5);
    cJSON *entry;

    if (!at || !took || at->kind != RESP_INTEGER || took->kind != RESP_INTEGER)
        return;
    entry = cJSON_CreateObject();
    cJSON_AddNumberToObject(entry, "at", (double)at->integer);
    json_put(entry, "node", bytes_of(node));
    cJSON_AddNumberToObject(entry, "took_us", (double)took->integer);
    put_call(entry, resp_item(one, 3));
    json_put(entry, "client", client ? client->text : (struct bytes){ "", 0 });
    json_put(entry, "client_name", name ? name->text : (struct bytes){ "", 0 });
    cJSON_AddItemToArray(calls, entry);
}

static enum err ask_node(const struct options *o, const struct target *t, cJSON *calls,
                         struct errmsg *why)
{
    struct wire w = { 0 };
    const struct resp_value *reply;
    char count[24];
    enum err e = wire_open(&w, o, t, why);

    snprintf(count, sizeof count, "%llu",
             (unsigned long long)(o->count ? o->count : CALLS_PER_NODE));
    if (e == OK)
        e = WIRE_CALL(&w, &reply, why, "SLOWLOG", "GET", count);
    if (e == OK && reply->kind == RESP_ERROR) {
        errmsg_set(why, "%s: %.*s", t->address, (int)reply->text.len, reply->text.at);
        e = ERR_REFUSED;
    }
    for (size_t i = 0; e == OK && i < reply->count; i++)
        put_entry(calls, t->address, &reply->items[i]);
    wire_close(&w);
    return e;
}

static int newest_first(const void *a, const void *b)
{
    double at_a = json_number(*(cJSON *const *)a, "at"),
           at_b = json_number(*(cJSON *const *)b, "at");

    return at_a < at_b ? 1 : at_a > at_b ? -1 : 0;
}

static cJSON *sorted(cJSON *calls)
{
    int count = cJSON_GetArraySize(calls);
    cJSON **all = xcalloc((size_t)count + 1, sizeof *all), *out = cJSON_CreateArray();

    for (int i = 0; i < count; i++)
        all[i] = cJSON_DetachItemFromArray(calls, 0);
    qsort(all, (size_t)count, sizeof *all, newest_first);
    for (int i = 0; i < count; i++)
        cJSON_AddItemToArray(out, all[i]);
    xfree(all);
    cJSON_Delete(calls);
    return out;
}

static void show(const cJSON *value)
{
    static const char *const heads[] = { "WHEN", "NODE", "TOOK", "CLIENT", "CALL", NULL };
    const cJSON *entry;
    struct table t;

    table_init(&t, heads);
    cJSON_ArrayForEach(entry, cJSON_GetObjectItemCaseSensitive(value, "calls"))
    {
        time_t at = (time_t)json_number(entry, "at");
        struct tm local;
        char stamp[32];

        localtime_r(&at, &local);
        strftime(stamp, sizeof stamp, "%Y-%m-%d %H:%M:%S", &local);
        table_add(&t, stamp);
        table_add(&t, json_text(entry, "node"));
        table_addf(&t, "%.1f ms", json_number(entry, "took_us") / 1000);
        table_add(&t, *json_text(entry, "client_name") ? json_text(entry, "client_name")
                                                       : json_text(entry, "client"));
        table_add(&t, json_text(entry, "call"));
    }
    table_print(&t, stdout);
    table_fini(&t);
}

enum ctl_exit verb_slowlog(const struct options *o)
{
    struct errmsg why = { 0 };
    cJSON *nodes, *node, *value, *calls = cJSON_CreateArray();
    enum err e = facts_group(o, &nodes, &why), first = OK;
    bool any = false;

    if (e != OK) {
        cJSON_Delete(calls);
        return verb_complain(e, &why);
    }
    cJSON_ArrayForEach(node, nodes)
    {
        struct target t;

        e = facts_node_target(node, &t) == OK ? ask_node(o, &t, calls, &why) : ERR_SYNTAX;
        any |= e == OK;
        if (e != OK)
            print_line(stderr, "holdfastctl: %s", why.text);
        first = first == OK ? e : first;
    }
    cJSON_Delete(nodes);
    value = cJSON_CreateObject();
    cJSON_AddStringToObject(value, "group", o->group);
    cJSON_AddItemToObject(value, "calls", sorted(calls));
    if (any)
        verb_print(o, value, show);
    else
        cJSON_Delete(value);
    return any && first == OK ? CTL_DONE : CTL_FAILED;
}
