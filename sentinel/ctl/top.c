/*
 * top - a group, live: every node's load, memory, clients and lag, drawn anew each second.
 *
 * Plain ANSI: home, lines, clear to the end; so it works over any terminal. Where stdout is none, or with
 * --once, one look is printed as a table. Rates are differences between two looks at the node's own
 * counters, over the node's own clock. q or Ctrl-C ends it.
 */
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <termios.h>
#include <time.h>
#include <unistd.h>

#include "common/alloc.h"
#include "common/clock.h"
#include "sentinel/ctl/facts.h"
#include "sentinel/ctl/table.h"
#include "sentinel/ctl/verbs.h"

enum { NODES_MAX = 64 };

/* A node between two looks. */
struct watched {
    struct target target;
    struct wire wire;
    uint64_t looked_us;
    double commands, in_bytes, out_bytes, hits, misses; /* counters of the last look */
};

struct top {
    const struct options *o;
    struct watched *nodes;
    int count;
};

static volatile sig_atomic_t stopped;

static void stop(int signal)
{
    stopped = 1;
}

/* ---- one look ------------------------------------------------------------------------------------- */

static double number(struct bytes info, const char *name)
{
    double v = 0;

    (void)bytes_to_double(facts_info(info, name), &v);
    return v;
}

/* The keys of all databases: "keys=12,expires=0,avg_ttl=0" behind dbN. */
static double keys_of(struct bytes info)
{
    double all = 0;

    for (int db = 0; db < 16; db++) {
        char name[8];
        struct bytes row;

        snprintf(name, sizeof name, "db%d", db);
        row = facts_info(info, name);
        if (row.len > 5 && memcmp(row.at, "keys=", 5) == 0)
            all += strtod(row.at + 5, NULL);
    }
    return all;
}

/* Per second since the last look; absent at the first. */
static void put_rate(cJSON *node, const char *name, double now, double *last, double seconds)
{
    if (seconds > 0 && now >= *last)
        cJSON_AddNumberToObject(node, name, (now - *last) / seconds);
    *last = now;
}

static void put_load(cJSON *node, struct watched *w, struct bytes info)
{
    uint64_t now_us = clock_read_us();
    double seconds = w->looked_us ? (double)(now_us - w->looked_us) / 1e6 : 0;
    double hits = number(info, "keyspace_hits"), misses = number(info, "keyspace_misses");
    double reads = hits - w->hits + misses - w->misses;

    put_rate(node, "commands_per_second", number(info, "total_commands_processed"), &w->commands,
             seconds);
    put_rate(node, "in_bytes_per_second", number(info, "total_net_input_bytes"), &w->in_bytes,
             seconds);
    put_rate(node, "out_bytes_per_second", number(info, "total_net_output_bytes"), &w->out_bytes,
             seconds);
    if (seconds > 0 && reads > 0)
        cJSON_AddNumberToObject(node, "hits_percent", 100 * (hits - w->hits) / reads);
    w->hits = hits;
    w->misses = misses;
    w->looked_us = now_us;
    cJSON_AddNumberToObject(node, "memory_bytes", number(info, "used_memory"));
    cJSON_AddNumberToObject(node, "maxmemory_bytes", number(info, "maxmemory"));
    cJSON_AddNumberToObject(node, "clients", number(info, "connected_clients"));
    cJSON_AddNumberToObject(node, "keys", keys_of(info));
}

static void put_offset(cJSON *node, struct bytes info)
{
    bool leads = bytes_is(facts_info(info, "role"), "master");

    cJSON_ReplaceItemInObjectCaseSensitive(node, "role",
                                           cJSON_CreateString(leads ? "leader" : "follower"));
    cJSON_DeleteItemFromObjectCaseSensitive(node, "offset");
    cJSON_AddNumberToObject(node, "offset",
                            number(info, leads ? "master_repl_offset" : "slave_repl_offset"));
}

static void look_at(struct top *top, cJSON *node)
{
    struct watched *w = NULL;
    const struct resp_value *reply;
    struct errmsg why = { 0 };
    enum err e = OK;

    for (int i = 0; i < top->count && !w; i++)
        if (strcmp(top->nodes[i].target.address, json_text(node, "address")) == 0)
            w = &top->nodes[i];
    if (!w && top->count < NODES_MAX) {
        w = &top->nodes[top->count++];
        if (facts_node_target(node, &w->target) != OK)
            return;
    }
    if (!w)
        return;
    if (!w->wire.open)
        e = wire_open(&w->wire, top->o, &w->target, &why);
    if (e == OK)
        e = WIRE_CALL(&w->wire, &reply, &why, "INFO");
    if (e == OK && reply->kind == RESP_ERROR) {
        json_put(node, "error", reply->text);
    } else if (e == OK) {
        put_load(node, w, reply->text);
        put_offset(node, reply->text);
    } else {
        json_put(node, "error", bytes_of(why.text));
        wire_close(&w->wire);
        w->looked_us = 0;
    }
}

/* NULL: *e and *why say why not. */
static cJSON *look(struct top *top, enum err *e, struct errmsg *why)
{
    cJSON *nodes, *node, *value;

    if ((*e = facts_group(top->o, &nodes, why)) != OK)
        return NULL;
    cJSON_ArrayForEach(node, nodes) look_at(top, node);
    value = cJSON_CreateObject();
    cJSON_AddStringToObject(value, "group", top->o->group);
    cJSON_AddItemToObject(value, "nodes", nodes);
    return value;
}

/* ---- how it is shown ------------------------------------------------------------------------------ */

static const char *size_text(char out[16], double bytes)
{
    static const char *const units[] = { "B", "K", "M", "G", "T" };
    size_t unit = 0;

    for (; bytes >= 1000 && unit + 1 < ARRAY_LEN(units); unit++)
        bytes /= 1024;
    snprintf(out, 16, unit && bytes < 10 ? "%.1f%s" : "%.0f%s", bytes, units[unit]);
    return out;
}

static void add_size(struct table *t, const cJSON *node, const char *name)
{
    char text[16];

    table_add(t, cJSON_HasObjectItem(node, name) ? size_text(text, json_number(node, name)) : NULL);
}

static void add_number(struct table *t, const cJSON *node, const char *name)
{
    if (cJSON_HasObjectItem(node, name))
        table_addf(t, "%.0f", json_number(node, name));
    else
        table_add(t, NULL);
}

static double leaders_offset(const cJSON *nodes)
{
    const cJSON *node;

    cJSON_ArrayForEach(node, nodes) if (strcmp(json_text(node, "role"), "leader") ==
                                        0) return json_number(node, "offset");
    return 0;
}

static void print_nodes(const cJSON *value, FILE *to)
{
    static const char *const heads[] = { "NODE", "ROLE",    "STATE", "OPS/S", "HIT%",   "MEMORY",
                                         "KEYS", "CLIENTS", "IN/S",  "OUT/S", "BEHIND", NULL };
    const cJSON *nodes = cJSON_GetObjectItemCaseSensitive(value, "nodes"), *node;
    double tip = leaders_offset(nodes);
    struct table t;

    table_init(&t, heads);
    cJSON_ArrayForEach(node, nodes)
    {
        double behind = tip - json_number(node, "offset");
        char text[16];

        table_add(&t, json_text(node, "address"));
        table_add(&t, json_text(node, "role"));
        table_add(&t, *json_text(node, "error") ? "no answer" : json_text(node, "state"));
        add_number(&t, node, "commands_per_second");
        add_number(&t, node, "hits_percent");
        add_size(&t, node, "memory_bytes");
        add_number(&t, node, "keys");
        add_number(&t, node, "clients");
        add_size(&t, node, "in_bytes_per_second");
        add_size(&t, node, "out_bytes_per_second");
        table_add(&t, strcmp(json_text(node, "role"), "leader") == 0 || *json_text(node, "error")
                          ? NULL
                          : size_text(text, behind > 0 ? behind : 0));
    }
    table_print(&t, to);
    table_fini(&t);
}

static void show(const cJSON *value)
{
    print_nodes(value, stdout);
}

/* The lines are made first and go out in one write, each cleared behind its end: nothing flickers. */
static void draw(const cJSON *value, const char *error, uint64_t every_ms)
{
    char stamp[16], *text = NULL, *line;
    size_t len;
    time_t now = time(NULL);
    struct tm local;
    FILE *page = open_memstream(&text, &len);

    strftime(stamp, sizeof stamp, "%H:%M:%S", localtime_r(&now, &local));
    fprintf(page, "%s   every %.1f s   q ends\n\n", stamp, (double)every_ms / 1000);
    if (value)
        print_nodes(value, page);
    else
        print_line(page, "%s", error);
    fclose(page);
    fputs("\033[H", stdout);
    line = text;
    for (char *end; (end = strchr(line, '\n')); line = end + 1)
        printf("%.*s\033[K\n", (int)(end - line), line);
    fputs("\033[J", stdout);
    fflush(stdout);
    free(text);
}

/* True: somebody wants it to end. */
static bool wait_key(uint64_t ms)
{
    struct pollfd p = { .fd = STDIN_FILENO, .events = POLLIN };
    char key = 0;

    if (poll(&p, 1, (int)ms) <= 0)
        return stopped;
    return read(STDIN_FILENO, &key, 1) != 1 || key == 'q' || key == 'Q' || key == 3;
}

static void live(struct top *top)
{
    struct termios before, raw;
    bool keys = isatty(STDIN_FILENO) && tcgetattr(STDIN_FILENO, &before) == 0;
    struct sigaction act = { .sa_handler = stop };
    bool over = false;

    sigaction(SIGINT, &act, NULL);
    sigaction(SIGTERM, &act, NULL);
    if (keys) {
        raw = before;
        raw.c_lflag &= ~(tcflag_t)(ICANON | ECHO);
        tcsetattr(STDIN_FILENO, TCSANOW, &raw);
    }
    fputs("\033[?1049h\033[?25l", stdout); /* a page of its own, without a cursor */
    while (!stopped && !over) {
        struct errmsg why = { 0 };
        enum err e;
        cJSON *value = look(top, &e, &why);

        draw(value, why.text, top->o->every_ms);
        cJSON_Delete(value);
        over = wait_key(top->o->every_ms);
    }
    fputs("\033[?25h\033[?1049l", stdout);
    fflush(stdout);
    if (keys)
        tcsetattr(STDIN_FILENO, TCSANOW, &before);
}

static enum ctl_exit once(struct top *top)
{
    struct timespec pause = { .tv_sec = (time_t)(top->o->every_ms / 1000),
                              .tv_nsec = (long)(top->o->every_ms % 1000) * 1000000 };
    struct errmsg why = { 0 };
    enum err e;
    cJSON *value = look(top, &e, &why);

    if (value) {
        cJSON_Delete(value);
        nanosleep(&pause, NULL); /* rates need two looks */
        value = look(top, &e, &why);
    }
    if (!value)
        return verb_complain(e, &why);
    verb_print(top->o, value, show);
    return CTL_DONE;
}

enum ctl_exit verb_top(const struct options *o)
{
    struct top top = { .o = o, .nodes = xcalloc(NODES_MAX, sizeof *top.nodes) };
    enum ctl_exit status = CTL_DONE;

    if (o->once || o->json || !isatty(STDOUT_FILENO))
        status = once(&top);
    else
        live(&top);
    for (int i = 0; i < top.count; i++)
        wire_close(&top.nodes[i].wire);
    xfree(top.nodes);
    return status;
}
