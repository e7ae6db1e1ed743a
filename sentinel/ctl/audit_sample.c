#include "sentinel/ctl/audit_sample.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/alloc.h"
#include "common/clock.h"
#include "sentinel/ctl/facts.h"

enum { PROGRESS_EVERY = 64 /* batches */ };

struct sampler {
    struct audit *a;
    struct wire *w;
    struct rng rng;
    int selected; /* database of the connection */
};

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
    audit_databases(a, reply->text);
    return OK;
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

static enum err draw_keys(struct sampler *s, struct sample *drawn, int *out_count,
                          struct errmsg *why)
{
    struct wire *w = s->w;
    const struct resp_value *reply;
    struct buf request = { 0 };
    bool selects[AUDIT_BATCH];
    int db[AUDIT_BATCH];
    enum err e;

    for (int i = 0; i < AUDIT_BATCH; i++) {
        db[i] = audit_draw(s->a, &s->rng);
        selects[i] = put_select(&request, db[i], &s->selected);
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

static void ask_about(struct buf *request, const struct sample *s)
{
    for (int q = 0; q < AUDIT_QUESTIONS; q++) {
        struct bytes argv[AUDIT_WORDS_MAX];
        int argc;

        audit_words(s, (enum audit_question)q, argv, &argc);
        put_command(request, argc, argv);
    }
}

static void take_answer(struct sample *s, int question, const struct resp_value *reply)
{
    if (reply->kind == RESP_INTEGER)
        audit_take_number(s, (enum audit_question)question, (double)reply->integer);
    else
        audit_take_word(s, (enum audit_question)question, reply->text);
}

static enum err weigh(struct sampler *s, struct sample *drawn, int count, struct errmsg *why)
{
    struct wire *w = s->w;
    const struct resp_value *reply;
    struct buf request = { 0 };
    bool selects[AUDIT_BATCH];
    enum err e;

    for (int i = 0; i < count; i++) {
        selects[i] = put_select(&request, drawn[i].db, &s->selected);
        ask_about(&request, &drawn[i]);
    }
    e = wire_send_bytes(w, buf_bytes(&request), why);
    buf_fini(&request);
    for (int i = 0; i < count * AUDIT_QUESTIONS && e == OK; i++) {
        if (i % AUDIT_QUESTIONS == 0 && selects[i / AUDIT_QUESTIONS] &&
            (e = skip_select(w, why)) != OK)
            break;
        if ((e = next_reply(w, &reply, why)) != OK)
            break;
        if (i % AUDIT_QUESTIONS == AUDIT_BYTES && reply->kind == RESP_ERROR)
            return refused(w, reply, why);
        take_answer(&drawn[i / AUDIT_QUESTIONS], i % AUDIT_QUESTIONS, reply);
    }
    return e;
}

static enum err batch(struct sampler *s, struct errmsg *why)
{
    struct sample drawn[AUDIT_BATCH] = { 0 };
    int count = 0;
    enum err e = draw_keys(s, drawn, &count, why);

    if (e == OK)
        e = weigh(s, drawn, count, why);
    if (e == OK) {
        for (int i = 0; i < count; i++)
            audit_keep(s->a, &drawn[i]);
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
    struct sampler s = { .a = a, .w = w };
    enum err e = find_databases(a, w, out_why);

    rng_seed(&s.rng, clock_read_us());
    for (int turn = 1; e == OK && a->keys > 0 && !*stop && !a->whole; turn++) {
        size_t before = a->count;

        if (a->count >= most || clock_read_us() >= end_us)
            break;
        e = batch(&s, out_why);
        if (e == OK && a->count == before && a->count == 0 && turn > PROGRESS_EVERY)
            break; /* every key it had is gone */
        (void)audit_is_known(a, o->error);
        if (turn % PROGRESS_EVERY == 0)
            tell_progress(a, false);
    }
    tell_progress(a, true);
    return e;
}
