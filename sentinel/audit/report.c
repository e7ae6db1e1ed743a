#include "sentinel/audit/report.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "common/alloc.h"
#include "sentinel/audit/pattern.h"

enum { KEY_TEXT_MAX = 80 };

typedef char *cleaner(struct bytes text);

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

static void put_text(cJSON *row, const char *name, struct bytes text, cleaner *clean)
{
    AUTO_FREE char *shown = clean(text);

    cJSON_AddStringToObject(row, name, shown);
}

static void put_key(cJSON *row, const char *name, const struct sample *s, cleaner *clean)
{
    struct buf text = { 0 };

    buf_append(&text, s->key, s->key_len < KEY_TEXT_MAX ? s->key_len : KEY_TEXT_MAX);
    if (s->key_len > KEY_TEXT_MAX)
        buf_puts(&text, "...");
    put_text(row, name, buf_bytes(&text), clean);
    buf_fini(&text);
}

/* By how much the sum of what some samples hold may be off, where the square of its standard error is
 * `variance` and one of them holds `each` (less the part of all samples that they are: all of them need no
 * guess). Few samples know little of their own error, and a sum that came out small comes with a small
 * variance: so what is told is the distance to the upper end of Wilson's score interval, which is that of the
 * largest truth under which such a sum is still to be expected. */
static double error_of(double variance, double each)
{
    double half = AUDIT_SIGMAS * each / 2.0;

    return AUDIT_SIGMAS * (sqrt(fmax(0, variance) + half * half) + half);
}

/* Of samples from..to out of all: how many keys, how many bytes, and how sure that is. */
static cJSON *estimate(const struct audit *a, const struct placed *from, const struct placed *to,
                       cleaner *clean)
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
    put_text(row, "type", bytes_of(from->sample->type), clean);
    cJSON_AddNumberToObject(row, "samples", keys);
    cJSON_AddNumberToObject(row, "keys", a->keys * part);
    cJSON_AddNumberToObject(row, "keys_error", a->keys / n * error_of(keys * (1 - part), 1 - part));
    cJSON_AddNumberToObject(row, "bytes", a->keys * mean);
    cJSON_AddNumberToObject(row, "bytes_error",
                            a->keys / n * error_of(squares - sum * mean, sum / keys * (1 - part)));
    cJSON_AddNumberToObject(row, "share_percent", a->sum > 0 ? 100 * sum / a->sum : 0);
    cJSON_AddNumberToObject(row, "expire_percent", 100 * expire / keys);
    if (idle_known > 0)
        cJSON_AddNumberToObject(row, "idle_s", idle / idle_known);
    put_key(row, "largest_key", largest, clean);
    cJSON_AddNumberToObject(row, "largest_bytes", largest->bytes);
    return row;
}

static int by_bytes(const void *a, const void *b)
{
    double x = cJSON_GetNumberValue(cJSON_GetObjectItemCaseSensitive(*(cJSON *const *)a, "bytes"));
    double y = cJSON_GetNumberValue(cJSON_GetObjectItemCaseSensitive(*(cJSON *const *)b, "bytes"));

    return x < y ? 1 : x > y ? -1 : 0;
}

static cJSON *patterns(const struct audit *a, cleaner *clean)
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
        rows[count++] = estimate(a, &all[i], &all[next], clean);
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

static cJSON *largest(const struct audit *a, cleaner *clean)
{
    const struct sample **all = xcalloc(a->count + 1, sizeof *all);
    cJSON *out = cJSON_CreateArray();

    for (size_t i = 0; i < a->count; i++)
        all[i] = &a->samples[i];
    qsort(all, a->count, sizeof *all, largest_first);
    for (size_t i = 0; i < a->count && cJSON_GetArraySize(out) < AUDIT_LARGEST; i++) {
        cJSON *row;

        if (i && same_key(all[i], all[i - 1]))
            continue;
        row = cJSON_CreateObject();
        put_key(row, "key", all[i], clean);
        cJSON_AddNumberToObject(row, "db", all[i]->db);
        put_text(row, "type", bytes_of(all[i]->type), clean);
        cJSON_AddNumberToObject(row, "bytes", all[i]->bytes);
        cJSON_AddItemToArray(out, row);
    }
    xfree(all);
    return out;
}

cJSON *audit_report(const struct audit *a, cleaner *clean)
{
    cJSON *value = cJSON_CreateObject();
    double error = audit_error(a);

    cJSON_AddNumberToObject(value, "keys", a->keys);
    cJSON_AddNumberToObject(value, "samples", (double)a->count);
    cJSON_AddBoolToObject(value, "precise", a->whole);
    cJSON_AddNumberToObject(value, "bytes", a->count ? a->keys * a->sum / (double)a->count : 0);
    cJSON_AddNumberToObject(value, "bytes_error",
                            a->count ? error * a->keys * a->sum / (double)a->count : 0);
    cJSON_AddItemToObject(value, "patterns", patterns(a, clean));
    cJSON_AddItemToObject(value, "largest", largest(a, clean));
    return value;
}
