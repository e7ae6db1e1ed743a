/* audit: what takes the space, by pattern of keys. */
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "sentinel/audit/report.h"
#include "sentinel/ctl/audit_sample.h"
#include "sentinel/ctl/facts.h"
#include "sentinel/ctl/table.h"
#include "sentinel/ctl/verbs.h"

enum { ROWS_SHOWN = 25 };

static volatile int stopped;

static void stop(int signal)
{
    stopped = 1;
}

/* ---- how it is shown ------------------------------------------------------------------------------ */

static void add_amount(struct table *t, double bytes)
{
    static const char *const units[] = { "B", "kB", "MB", "GB", "TB" };
    size_t unit = 0;

    for (; bytes >= 1000 && unit + 1 < ARRAY_LEN(units); unit++)
        bytes /= 1024;
    table_addf(t, unit && bytes < 100 ? "%.1f %s" : "%.0f %s", bytes, units[unit]);
}

static void add_idle(struct table *t, const cJSON *row)
{
    double s = json_number(row, "idle_s");

    if (!cJSON_HasObjectItem(row, "idle_s"))
        table_add(t, NULL);
    else if (s < 120)
        table_addf(t, "%.0f s", s);
    else if (s < 7200)
        table_addf(t, "%.0f min", s / 60);
    else
        table_addf(t, s < 172800 ? "%.0f h" : "%.0f d", s < 172800 ? s / 3600 : s / 86400);
}

static void show_patterns(const cJSON *rows)
{
    static const char *const heads[] = { "PATTERN", "TYPE",   "KEYS", "BYTES",   "+-",
                                         "SHARE",   "EXPIRE", "IDLE", "LARGEST", NULL };
    const cJSON *row;
    struct table t;
    int shown = 0;

    table_init(&t, heads);
    cJSON_ArrayForEach(row, rows)
    {
        if (shown++ == ROWS_SHOWN)
            break;
        table_add(&t, json_text(row, "pattern"));
        table_add(&t, json_text(row, "type"));
        table_addf(&t, "%.0f", json_number(row, "keys"));
        add_amount(&t, json_number(row, "bytes"));
        add_amount(&t, json_number(row, "bytes_error"));
        table_addf(&t, "%.1f %%", json_number(row, "share_percent"));
        table_addf(&t, "%.0f %%", json_number(row, "expire_percent"));
        add_idle(&t, row);
        add_amount(&t, json_number(row, "largest_bytes"));
    }
    table_print(&t, stdout);
    table_fini(&t);
    if (cJSON_GetArraySize(rows) > ROWS_SHOWN)
        printf("and %d patterns more (--json has all)\n", cJSON_GetArraySize(rows) - ROWS_SHOWN);
}

static void show_largest(const cJSON *rows)
{
    static const char *const heads[] = { "LARGEST OF THE SAMPLE", "TYPE", "BYTES", NULL };
    const cJSON *row;
    struct table t;

    table_init(&t, heads);
    cJSON_ArrayForEach(row, rows)
    {
        table_add(&t, json_text(row, "key"));
        table_add(&t, json_text(row, "type"));
        add_amount(&t, json_number(row, "bytes"));
    }
    table_print(&t, stdout);
    table_fini(&t);
}

static void show(const cJSON *value)
{
    double bytes = json_number(value, "bytes");

    show_patterns(cJSON_GetObjectItemCaseSensitive(value, "patterns"));
    putchar('\n');
    show_largest(cJSON_GetObjectItemCaseSensitive(value, "largest"));
    printf("\n%s: %.0f keys, %.0f of them looked at, in all %.0f bytes +- %.1f %%\n",
           json_text(value, "node"), json_number(value, "keys"), json_number(value, "samples"),
           bytes, bytes > 0 ? 100 * json_number(value, "bytes_error") / bytes : 0);
}

/* ---- the verb ------------------------------------------------------------------------------------- */

/* A follower that is well; the leader where there is none. */
static enum err choose_node(const struct options *o, struct target *out, struct errmsg *why)
{
    cJSON *nodes, *node, *best;
    enum err e;

    if ((e = facts_group(o, &nodes, why)) != OK)
        return e;
    best = cJSON_GetArrayItem(nodes, 0);
    cJSON_ArrayForEach(node, nodes) if (strcmp(json_text(node, "role"), "follower") == 0 &&
                                        strcmp(json_text(node, "state"), "ok") == 0 &&
                                        strcmp(json_text(node, "link"), "up") == 0) best = node;
    e = facts_node_target(best, out);
    cJSON_Delete(nodes);
    return e;
}

static void tell(const struct options *o, const struct audit *a, const char *node)
{
    cJSON *value = audit_report(a, printable);

    json_put(value, "node", bytes_of(node));
    verb_print(o, value, show);
}

enum ctl_exit verb_audit(const struct options *o)
{
    struct sigaction act = { .sa_handler = stop };
    struct errmsg why = { 0 };
    struct target t = { 0 };
    struct wire w = { 0 };
    struct audit a = { 0 };
    enum err e = OK;
    bool told;

    if (o->word_count > 1 && !verb_read_address(&t, o->words[1]))
        return CTL_USAGE;
    t.is_node = true;
    if (o->word_count < 2)
        e = choose_node(o, &t, &why);

    sigaction(SIGINT, &act, NULL); /* what is known by then is told */
    if (e == OK)
        e = trouble_of_node(wire_open(&w, o, &t, &why));
    if (e == OK)
        e = trouble_of_node(audit_sample(&a, &w, &stopped, &why));
    wire_close(&w);
    if (e != OK && a.count)
        print_line(stderr, "holdfastctl: broken off: %s", why.text);
    told = e == OK || a.count;
    if (told)
        tell(o, &a, t.address);
    audit_fini(&a);
    if (!told)
        return verb_complain(e, &why);
    return e == OK ? CTL_DONE : CTL_FAILED;
}
