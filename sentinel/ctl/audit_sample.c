#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/alloc.h"
#include "common/clock.h"
#include "common/random.h"
#include "sentinel/ctl/audit.h"
#include "sentinel/ctl/facts.h"

enum { QUESTIONS = 4, PROGRESS_EVERY = 64 /* batches */ };

double audit_error(const struct audit *a)
{
    double n = (double)a->count, mean = a->sum / n, variance = a->squares / n - mean * mean;

    if (a->count < 2 || mean <= 0)
        return 1;
    return AUDIT_SIGMAS * sqrt((variance > 0 ? variance : 0) / n) / mean;
}

void audit_fini(struct audit *a)
{
    for (size_t i = 0; i < a->count; i++)
        xfree(a->samples[i].key);
    xfree(a->samples);
    *a = (struct audit){ 0 };
}

static enum err refused(const struct wire *w, const struct resp_value *reply, struct errmsg *why)
{
    errmsg_set(why, "%s: %.*s", w->target->address, (int)reply->text.len, reply->text.at);
    return ERR_REFUSED;
}

/* ---- where keys are ------------------------------------------------------------------------------- */

static enum err find_databases(struct audit *a, struct wire *w, struct errmsg *why)
{
    const struct resp_value *reply;
    enum err e = WIRE_CALL(w, &reply, why, "INFO", "keyspace");

    if (e != OK)
        return e;
    if (reply->kind == RESP_ERROR)
        return refused(w, reply, why);
    for (int db = 0; db < 1000 && a->db_count < AUDIT_DATABASES_MAX; db++) {
        char name[16];
        struct bytes row;
        double keys = 0;

        snprintf(name, sizeof name, "db%d", db);
        row = facts_info(reply->text, name);
        if (row.len > 5)
            keys = strtod(row.at + 5, NULL); /* "keys=12,expires=…" */
        if (keys <= 0)
            continue;
        a->db[a->db_count].number = db;
        a->db[a->db_count++].keys = keys;
        a->keys += keys;
    }
    return OK;
}

/* A database as likely as the part of all keys that it has. */
static int draw_database(const struct audit *a, struct rng *rng)
{
    double at = (double)rng_below(rng, 1u << 30) / (1u << 30) * a->keys;

    for (int i = 0; i < a->db_count; i++) {
        at -= a->db[i].keys;
        if (at < 0)
            return a->db[i].number;
    }
    return a->db[0].number;
}

/* ---- one batch ------------------------------------------------------------------------------------ */

static void put_command(struct buf *out, int argc, const struct bytes *argv)
{
    resp_put_array(out, (size_t)argc);
    for (int i = 0; i < argc; i++)
        resp_put_bulk(out, argv[i]);
}

static enum err next_reply(struct wire *w, const struct resp_value **reply, struct errmsg *why)
{
    return wire_read(w, clock_read_us() + w->options->timeout_ms * 1000, reply, why);
}

/* Each key may be of another database than the one before. Gives whether a reply of its own is to come. */
static bool put_select(struct buf *request, int db, int *at)
{
    char number[16];

    if (db == *at)
        return false;
    snprintf(number, sizeof number, "%d", db);
    put_command(request, 2, (struct bytes[]){ BYTES("SELECT"), bytes_of(number) });
    *at = db;
    return true;
}

/* A reply that nobody needs unless it refuses. */
static enum err skip_select(struct wire *w, struct errmsg *why)
{
    const struct resp_value *reply;
    enum err e = next_reply(w, &reply, why);

    return e == OK && reply->kind == RESP_ERROR ? refused(w, reply, why) : e;
}

static enum err draw_keys(struct audit *a, struct wire *w, struct rng *rng, struct sample *drawn,
                          int *out_count, struct errmsg *why)
{
    const struct resp_value *reply;
    struct buf request = { 0 };
    bool selects[AUDIT_BATCH];
    int db[AUDIT_BATCH];
    enum err e;

    for (int i = 0; i < AUDIT_BATCH; i++) {
        db[i] = draw_database(a, rng);
        selects[i] = put_select(&request, db[i], &a->selected);
        put_command(&request, 1, (struct bytes[]){ BYTES("RANDOMKEY") });
    }
    e = wire_send_bytes(w, buf_bytes(&request), why);
    buf_fini(&request);
    for (int i = 0; i < AUDIT_BATCH && e == OK; i++) {
        if (selects[i] && (e = skip_select(w, why)) != OK)
            break;
        if ((e = next_reply(w, &reply, why)) != OK || reply->kind == RESP_NULL)
            continue;
        if (reply->kind == RESP_ERROR)
            return refused(w, reply, why);
        drawn[(*out_count)++] = (struct sample){ .key = xmemdup0(reply->text.at, reply->text.len),
                                                 .key_len = reply->text.len,
                                                 .db = db[i] };
    }
    return e;
}

/* Idle first: what the others ask must not count as a touch. */
static void ask_about(struct buf *request, const struct sample *s)
{
    struct bytes key = { s->key, s->key_len };

    put_command(request, 3, (struct bytes[]){ BYTES("OBJECT"), BYTES("IDLETIME"), key });
    put_command(request, 3, (struct bytes[]){ BYTES("MEMORY"), BYTES("USAGE"), key });
    put_command(request, 2, (struct bytes[]){ BYTES("TYPE"), key });
    put_command(request, 2, (struct bytes[]){ BYTES("PTTL"), key });
}

static void take_answer(struct sample *s, int question, const struct resp_value *reply)
{
    double number = reply->kind == RESP_INTEGER ? (double)reply->integer : -1;

    switch (question) {
    case 0:
        s->idle_s = number;
        break;
    case 1:
        s->bytes = number;
        break;
    case 2:
        snprintf(s->type, sizeof s->type, "%.*s", (int)reply->text.len, reply->text.at);
        break;
    default:
        s->expires = number >= 0;
    }
}

static enum err weigh(struct audit *a, struct wire *w, struct sample *drawn, int count,
                      struct errmsg *why)
{
    const struct resp_value *reply;
    struct buf request = { 0 };
    bool selects[AUDIT_BATCH];
    enum err e;

    for (int i = 0; i < count; i++) {
        selects[i] = put_select(&request, drawn[i].db, &a->selected);
        ask_about(&request, &drawn[i]);
    }
    e = wire_send_bytes(w, buf_bytes(&request), why);
    buf_fini(&request);
    for (int i = 0; i < count * QUESTIONS && e == OK; i++) {
        if (i % QUESTIONS == 0 && selects[i / QUESTIONS] && (e = skip_select(w, why)) != OK)
            break;
        if ((e = next_reply(w, &reply, why)) != OK)
            break;
        if (i % QUESTIONS == 1 && reply->kind == RESP_ERROR)
            return refused(w, reply, why);
        take_answer(&drawn[i / QUESTIONS], i % QUESTIONS, reply);
    }
    return e;
}

/* Those that went away between the two questions do not count. */
static void keep(struct audit *a, struct sample *drawn, int count)
{
    for (int i = 0; i < count; i++) {
        if (drawn[i].bytes < 0) {
            xfree(drawn[i].key);
            continue;
        }
        if (a->count == a->cap) {
            a->cap = a->cap ? 2 * a->cap : 1024;
            a->samples = xrealloc(a->samples, a->cap * sizeof *a->samples);
        }
        a->samples[a->count++] = drawn[i];
        a->sum += drawn[i].bytes;
        a->squares += drawn[i].bytes * drawn[i].bytes;
    }
}

static enum err batch(struct audit *a, struct wire *w, struct rng *rng, struct errmsg *why)
{
    struct sample drawn[AUDIT_BATCH] = { 0 };
    int count = 0;
    enum err e = draw_keys(a, w, rng, drawn, &count, why);

    if (e == OK)
        e = weigh(a, w, drawn, count, why);
    if (e == OK) {
        keep(a, drawn, count);
        return OK;
    }
    for (int i = 0; i < count; i++)
        xfree(drawn[i].key);
    return e;
}

static void tell_progress(const struct audit *a, bool last)
{
    if (isatty(STDERR_FILENO))
        fprintf(stderr, "\r%zu keys looked at, bytes known to %.1f %%%s", a->count,
                100 * audit_error(a), last ? "\n" : "   ");
}

enum err audit_sample(struct audit *a, struct wire *w, volatile int *stop, struct errmsg *out_why)
{
    const struct options *o = w->options;
    uint64_t end_us = clock_read_us() + o->time_ms * 1000;
    uint64_t most = o->count && o->count < AUDIT_SAMPLES_MAX ? o->count : AUDIT_SAMPLES_MAX;
    struct rng rng;
    enum err e = find_databases(a, w, out_why);

    rng_seed(&rng, clock_read_us());
    for (int turn = 1; e == OK && a->keys > 0 && !*stop && !a->whole; turn++) {
        size_t before = a->count;

        if (a->count >= most || clock_read_us() >= end_us)
            break;
        e = batch(a, w, &rng, out_why);
        if (e == OK && a->count == before && a->count == 0 && turn > PROGRESS_EVERY)
            break; /* every key it had is gone */
        a->whole = a->count >= AUDIT_SAMPLES_LEAST && audit_error(a) * 100 <= o->error;
        if (turn % PROGRESS_EVERY == 0)
            tell_progress(a, false);
    }
    tell_progress(a, true);
    return e;
}
