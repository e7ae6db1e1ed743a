#include "sentinel/audit/audit.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/alloc.h"

enum { DATABASE_NUMBER_MAX = 1000 };

void audit_fini(struct audit *a)
{
    for (size_t i = 0; i < a->count; i++)
        xfree(a->samples[i].key);
    xfree(a->samples);
    *a = (struct audit){ 0 };
}

/* ---- where keys are ------------------------------------------------------------------------------- */

/* "db12:keys=7,expires=…"; 0: it is no such line. */
static double read_line(struct bytes line, int *out_number)
{
    char text[64];
    double keys;

    if (line.len >= sizeof text)
        line.len = sizeof text - 1;
    memcpy(text, line.at, line.len);
    text[line.len] = '\0';
    if (sscanf(text, "db%d:keys=%lf", out_number, &keys) != 2 || *out_number < 0)
        return 0;
    return *out_number < DATABASE_NUMBER_MAX ? keys : 0;
}

void audit_databases(struct audit *a, struct bytes info)
{
    while (info.len && a->db_count < AUDIT_DATABASES_MAX) {
        const char *end = memchr(info.at, '\n', info.len);
        size_t len = end ? (size_t)(end - info.at) : info.len;
        int number;
        double keys = read_line((struct bytes){ info.at, len }, &number);

        if (keys > 0) {
            a->db[a->db_count].number = number;
            a->db[a->db_count++].keys = keys;
            a->keys += keys;
        }
        info.at += len + (end != NULL);
        info.len -= len + (end != NULL);
    }
}

int audit_draw(const struct audit *a, struct rng *rng)
{
    double at = (double)rng_below(rng, 1u << 30) / (1u << 30) * a->keys;

    for (int i = 0; i < a->db_count; i++) {
        at -= a->db[i].keys;
        if (at < 0)
            return a->db[i].number;
    }
    return a->db[0].number;
}

/* ---- one key --------------------------------------------------------------------------------------- */

void audit_words(const struct sample *s, enum audit_question question,
                 struct bytes out_argv[AUDIT_WORDS_MAX], int *out_argc)
{
    static const char *const words[AUDIT_QUESTIONS][2] = {
        [AUDIT_IDLE] = { "OBJECT", "IDLETIME" },
        [AUDIT_BYTES] = { "MEMORY", "USAGE" },
        [AUDIT_TYPE] = { "TYPE", NULL },
        [AUDIT_TTL] = { "PTTL", NULL },
    };
    int argc = 0;

    for (int i = 0; i < 2 && words[question][i]; i++)
        out_argv[argc++] = bytes_of(words[question][i]);
    out_argv[argc++] = (struct bytes){ s->key, s->key_len };
    *out_argc = argc;
}

void audit_take_number(struct sample *s, enum audit_question question, double number)
{
    if (question == AUDIT_IDLE)
        s->idle_s = number;
    else if (question == AUDIT_BYTES)
        s->bytes = number;
    else if (question == AUDIT_TTL)
        s->expires = number >= 0;
}

void audit_take_word(struct sample *s, enum audit_question question, struct bytes word)
{
    if (question == AUDIT_TYPE)
        snprintf(s->type, sizeof s->type, "%.*s", (int)word.len, word.at);
    else
        audit_take_number(s, question, -1);
}

void audit_keep(struct audit *a, struct sample *s)
{
    if (s->bytes < 0) {
        xfree(s->key);
        return;
    }
    a->samples = xgrow(a->samples, a->count, &a->cap, sizeof *a->samples);
    a->samples[a->count++] = *s;
    a->sum += s->bytes;
    a->squares += s->bytes * s->bytes;
}

/* ---- how sure it is -------------------------------------------------------------------------------- */

double audit_error(const struct audit *a)
{
    double n = (double)a->count, mean = a->sum / n, variance = a->squares / n - mean * mean;

    if (a->count < 2 || mean <= 0)
        return 1;
    return AUDIT_SIGMAS * sqrt((variance > 0 ? variance : 0) / n) / mean;
}

bool audit_is_known(struct audit *a, double error_percent)
{
    a->whole = a->count >= AUDIT_SAMPLES_LEAST && audit_error(a) * 100 <= error_percent;
    return a->whole;
}
