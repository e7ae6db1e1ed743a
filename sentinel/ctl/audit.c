/* audit: from samples to what takes the space, by pattern of keys. */
#include "sentinel/ctl/audit.h"

#include <math.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/alloc.h"
#include "sentinel/ctl/facts.h"
#include "sentinel/ctl/pattern.h"
#include "sentinel/ctl/table.h"
#include "sentinel/ctl/verbs.h"

enum { ROWS_SHOWN = 25, LARGEST_SHOWN = 10, KEY_TEXT_MAX = 80 };

static volatile int stopped;

static void stop(int signal)
{
    stopped = 1;
}

/* ---- from samples to estimates -------------------------------------------------------------------- */

/* A sample and its pattern, sorted so that those of one pattern and type stand together. */
struct placed {
    const struct sample *sample;
    const char *pattern;
};

static int by_pattern(const void *a, const void *b)
{
    const struct placed *x = a, *y = b;
    int order = strcmp(x->pattern, y->pattern);

    return order ? order : strcmp(x->sample->type, y->sample->type);
}

static bool same_row(const struct placed *a, const struct placed *b)
{
    return by_pattern(a, b) == 0;
}

static void put_key(cJSON *row, const char *name, const struct sample *s)
{
    struct buf text = { 0 };

    buf_append(&text, s->key, s->key_len < KEY_TEXT_MAX ? s->key_len : KEY_TEXT_MAX);
    if (s->key_len > KEY_TEXT_MAX)
        buf_puts(&text, "...");
    json_put(row, name, buf_bytes(&text));
    buf_fini(&text);
}

/* Of samples from..to out of all: how many keys, how many bytes, and how sure that is. */
static cJSON *estimate(const struct audit *a, const struct placed *from, const struct placed *to)
{
    double n = (double)a->count, keys = (double)(to - from), sum = 0, squares = 0, expire = 0;
    double idle = 0, idle_known = 0, mean, part = keys / n;
    const struct sample *largest = from->sample;
    cJSON *row = cJSON_CreateObject();

    for (const struct placed *p = from; p < to; p++) {
        sum += p->sample->bytes;
        squares += p->sample->bytes * p->sample->bytes;
        expire += p->sample->expires;
        if (p->sample->idle_s >= 0) {
            idle += p->sample->idle_s;
            idle_known++;
        }
        if (p->sample->bytes > largest->bytes)
            largest = p->sample;
    }
    mean = sum / n;
    cJSON_AddStringToObject(row, "pattern", from->pattern);
    json_put(row, "type", bytes_of(from->sample->type));
    cJSON_AddNumberToObject(row, "samples", keys);
    cJSON_AddNumberToObject(row, "keys", a->keys * part);
    cJSON_AddNumberToObject(row, "keys_error",
                            AUDIT_SIGMAS * a->keys * sqrt(part * (1 - part) / n));
    cJSON_AddNumberToObject(row, "bytes", a->keys * mean);
    cJSON_AddNumberToObject(row, "bytes_error",
                            AUDIT_SIGMAS * a->keys * sqrt(fmax(0, squares / n - mean * mean) / n));
    cJSON_AddNumberToObject(row, "share_percent", a->sum > 0 ? 100 * sum / a->sum : 0);
    cJSON_AddNumberToObject(row, "expire_percent", 100 * expire / keys);
    if (idle_known > 0)
        cJSON_AddNumberToObject(row, "idle_s", idle / idle_known);
    put_key(row, "largest_key", largest);
    cJSON_AddNumberToObject(row, "largest_bytes", largest->bytes);
    return row;
}

static int by_bytes(const void *a, const void *b)
{
    double x = json_number(*(cJSON *const *)a, "bytes"),
           y = json_number(*(cJSON *const *)b, "bytes");

    return x < y ? 1 : x > y ? -1 : 0;
}

static cJSON *patterns(const struct audit *a)
{
    struct placed *all = xcalloc(a->count + 1, sizeof *all);
    char **texts = xcalloc(a->count + 1, sizeof *texts);
    cJSON **rows = xcalloc(a->count + 1, sizeof *rows), *out = cJSON_CreateArray();
    size_t count = 0;

    for (size_t i = 0; i < a->count; i++)
        texts[i] = pattern_of((struct bytes){ a->samples[i].key, a->samples[i].key_len });
    patterns_fold(texts, a->count);
    for (size_t i = 0; i < a->count; i++)
        all[i] = (struct placed){ &a->samples[i], texts[i] };
    qsort(all, a->count, sizeof *all, by_pattern);
    for (size_t i = 0, next; i < a->count; i = next) {
        for (next = i + 1; next < a->count && same_row(&all[i], &all[next]);)
            next++;
        rows[count++] = estimate(a, &all[i], &all[next]);
    }
    qsort(rows, count, sizeof *rows, by_bytes);
    for (size_t i = 0; i < count; i++)
        cJSON_AddItemToArray(out, rows[i]);
    for (size_t i = 0; i < a->count; i++)
        xfree(texts[i]);
    xfree(rows);
    xfree(texts);
    xfree(all);
    return out;
}

static int largest_first(const void *a, const void *b)
{
    const struct sample *x = *(const struct sample *const *)a,
                        *y = *(const struct sample *const *)b;

    if (x->bytes != y->bytes)
        return x->bytes < y->bytes ? 1 : -1;
    return bytes_cmp((struct bytes){ x->key, x->key_len }, (struct bytes){ y->key, y->key_len });
}

/* The same key may have been drawn more than once. */
static bool same_key(const struct sample *a, const struct sample *b)
{
    return a->db == b->db && a->key_len == b->key_len && memcmp(a->key, b->key, a->key_len) == 0;
}

static cJSON *largest(const struct audit *a)
{
    const struct sample **all = xcalloc(a->count + 1, sizeof *all);
    cJSON *out = cJSON_CreateArray();

    for (size_t i = 0; i < a->count; i++)
        all[i] = &a->samples[i];
    qsort(all, a->count, sizeof *all, largest_first);
    for (size_t i = 0; i < a->count && cJSON_GetArraySize(out) < LARGEST_SHOWN; i++) {
        cJSON *row;

        if (i && same_key(all[i], all[i - 1]))
            continue;
        row = cJSON_CreateObject();
        put_key(row, "key", all[i]);
        cJSON_AddNumberToObject(row, "db", all[i]->db);
        json_put(row, "type", bytes_of(all[i]->type));
        cJSON_AddNumberToObject(row, "bytes", all[i]->bytes);
        cJSON_AddItemToArray(out, row);
    }
    xfree(all);
    return out;
}

static cJSON *report(const struct audit *a, const char *node)
{
    cJSON *value = cJSON_CreateObject();
    double error = audit_error(a);

    json_put(value, "node", bytes_of(node));
    cJSON_AddNumberToObject(value, "keys", a->keys);
    cJSON_AddNumberToObject(value, "samples", (double)a->count);
    cJSON_AddBoolToObject(value, "precise", a->whole);
    cJSON_AddNumberToObject(value, "bytes", a->count ? a->keys * a->sum / (double)a->count : 0);
    cJSON_AddNumberToObject(value, "bytes_error",
                            a->count ? error * a->keys * a->sum / (double)a->count : 0);
    cJSON_AddItemToObject(value, "patterns", patterns(a));
    cJSON_AddItemToObject(value, "largest", largest(a));
    return value;
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

    if (o->word_count > 1) {
        out->is_node = true;
        errmsg_set(why, "'%s' is no address: want host:port", o->words[1]);
        return target_read(out, bytes_of(o->words[1]), 6379);
    }
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

enum ctl_exit verb_audit(const struct options *o)
{
    struct sigaction act = { .sa_handler = stop };
    struct errmsg why = { 0 };
    struct target t = { 0 };
    struct wire w = { 0 };
    struct audit a = { 0 };
    enum err e = choose_node(o, &t, &why);
    bool told;

    sigaction(SIGINT, &act, NULL); /* what is known by then is told */
    if (e == OK)
        e = wire_open(&w, o, &t, &why);
    if (e == OK)
        e = audit_sample(&a, &w, &stopped, &why);
    wire_close(&w);
    if (e != OK && a.count)
        fprintf(stderr, "holdfastctl: broken off: %s\n", why.text);
    told = e == OK || a.count;
    if (told)
        verb_print(o, report(&a, t.address), show);
    audit_fini(&a);
    if (!told)
        return verb_complain(e, &why);
    return e == OK ? CTL_DONE : CTL_FAILED;
}
