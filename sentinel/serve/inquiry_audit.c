/* What takes the space of a node: a sample like holdfastctl's, asked in batches, and its report (sentinel/audit). */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/alloc.h"
#include "common/clock.h"
#include "sentinel/audit/report.h"
#include "sentinel/serve/inquiry_parts.h"

enum {
    ROWS_TOLD = 50,
    GONE_MAX = 100, /* batches of keys that have all gone */
    KEY_BYTES_MAX = 16 * 1024 * 1024,
};
#define ERROR_PERCENT 1.0

/* One key of a batch, from RANDOMKEY to the last answer about it. */
struct slot {
    struct inquiry *q;
    struct sample sample;
    int asked; /* questions whose answer has come */
};

struct work {
    struct audit audit;
    struct rng rng;
    uint64_t end_ms;
    int selected; /* database of the connection */
    int waiting;  /* replies that are out */
    int empty;    /* batches in a row that brought nothing */
    size_t key_bytes;
    struct slot slots[AUDIT_BATCH];
};

static struct work *work(const struct inquiry *q)
{
    return q->work;
}

static void work_free(void *arg)
{
    struct work *w = arg;

    for (int i = 0; w && i < AUDIT_BATCH; i++)
        xfree(w->slots[i].sample.key);
    if (w)
        audit_fini(&w->audit);
    xfree(w);
}

/* The many small ones at the end are told by their number alone. */
static void tell(struct inquiry *q)
{
    cJSON *report = audit_report(&work(q)->audit, inquiry_shown);
    cJSON *patterns = cJSON_GetObjectItemCaseSensitive(report, "patterns");
    int more = cJSON_GetArraySize(patterns) - ROWS_TOLD;

    cJSON_AddNumberToObject(report, "more_patterns", more > 0 ? more : 0);
    for (; more > 0; more--)
        cJSON_DeleteItemFromArray(patterns, ROWS_TOLD);
    inquiry_finish(q, report);
}

static void next_batch(struct inquiry *q);

/* ---- what is asked of each key ---- */

/* Whatever is known by then. The report is made in one turn of the loop, which also watches nodes. */
static bool has_enough(const struct work *w)
{
    return clock_now_ms() >= w->end_ms || w->audit.count >= AUDIT_KEYS ||
           w->key_bytes >= KEY_BYTES_MAX || w->empty == GONE_MAX;
}

static void batch_done(struct inquiry *q)
{
    struct work *w = work(q);
    size_t before = w->audit.count;

    for (int i = 0; i < AUDIT_BATCH; i++) {
        w->key_bytes += w->slots[i].sample.key_len;
        if (w->slots[i].sample.key)
            audit_keep(&w->audit, &w->slots[i].sample);
        w->slots[i].sample.key = NULL;
    }
    w->empty = w->audit.count == before ? w->empty + 1 : 0;
    if (audit_is_known(&w->audit, ERROR_PERCENT) || has_enough(w))
        tell(q);
    else
        next_batch(q);
}

/* What refuses one question (OBJECT IDLETIME under an LFU policy) may answer the others; without MEMORY USAGE there is no
 * audit. */
static void on_answer(void *arg, const struct resp_value *reply)
{
    struct slot *slot = arg;
    struct inquiry *q = slot->q;
    enum audit_question question = (enum audit_question)slot->asked++;

    if (!reply || (reply->kind == RESP_ERROR && question == AUDIT_BYTES)) {
        (void)inquiry_failed(q, reply, RESP_INTEGER);
        return;
    }
    if (reply->kind == RESP_INTEGER)
        audit_take_number(&slot->sample, question, (double)reply->integer);
    else
        audit_take_word(&slot->sample, question, reply->text);
    if (--work(q)->waiting == 0)
        batch_done(q);
}

static void on_selected(void *arg, const struct resp_value *reply)
{
    (void)inquiry_failed(arg, reply, RESP_SIMPLE);
}

static bool selected(struct inquiry *q, int db)
{
    char number[16];
    struct bytes argv[] = { BYTES("SELECT"),
                            { number, (size_t)snprintf(number, sizeof number, "%d", db) } };

    if (work(q)->selected == db)
        return true;
    work(q)->selected = db;
    return inquiry_call(q, on_selected, q, (int)ARRAY_LEN(argv), argv) == OK;
}

static bool ask_about(struct inquiry *q, struct slot *slot)
{
    slot->asked = 0;
    for (int i = 0; i < AUDIT_QUESTIONS; i++) {
        struct bytes argv[AUDIT_WORDS_MAX];
        int argc;

        audit_words(&slot->sample, (enum audit_question)i, argv, &argc);
        work(q)->waiting++;
        if (inquiry_call(q, on_answer, slot, argc, argv) != OK)
            return false;
    }
    return true;
}

/* The keys stand in order of their databases, so that few SELECTs are needed. */
static void keys_drawn(struct inquiry *q)
{
    for (int i = 0; i < AUDIT_BATCH; i++) {
        struct slot *slot = &work(q)->slots[i];

        if (slot->sample.key && (!selected(q, slot->sample.db) || !ask_about(q, slot)))
            return; /* the connection is on its way out, and its end tells why */
    }
    if (work(q)->waiting == 0)
        batch_done(q);
}

/* ---- keys at random ---- */

static void on_key(void *arg, const struct resp_value *reply)
{
    struct slot *slot = arg;
    struct inquiry *q = slot->q;

    if (inquiry_failed(q, reply, RESP_BULK))
        return;
    if (reply->kind == RESP_BULK) {
        slot->sample.key = xmemdup0(reply->text.at, reply->text.len);
        slot->sample.key_len = reply->text.len;
    }
    if (--work(q)->waiting == 0)
        keys_drawn(q);
}

static int by_database(const void *a, const void *b)
{
    return *(const int *)a - *(const int *)b;
}

static void next_batch(struct inquiry *q)
{
    struct bytes argv[] = { BYTES("RANDOMKEY") };
    struct work *w = work(q);
    int db[AUDIT_BATCH];

    for (int i = 0; i < AUDIT_BATCH; i++)
        db[i] = audit_draw(&w->audit, &w->rng);
    qsort(db, AUDIT_BATCH, sizeof *db, by_database);
    for (int i = 0; i < AUDIT_BATCH; i++) {
        w->slots[i] = (struct slot){ .q = q, .sample = { .db = db[i] } };
        w->waiting++;
        if (!selected(q, db[i]) || inquiry_call(q, on_key, &w->slots[i], 1, argv) != OK)
            return;
    }
}

static void on_keyspace(void *arg, const struct resp_value *reply)
{
    struct inquiry *q = arg;

    if (inquiry_failed(q, reply, RESP_BULK))
        return;
    audit_databases(&work(q)->audit, reply->text);
    if (work(q)->audit.keys > 0)
        next_batch(q);
    else
        tell(q);
}

static void begin(struct inquiry *q)
{
    struct bytes argv[] = { BYTES("INFO"), BYTES("keyspace") };
    struct work *w = xcalloc(1, sizeof *w);

    rng_seed(&w->rng, clock_read_us());
    w->end_ms = clock_now_ms() + AUDIT_MS;
    q->work = w;
    (void)inquiry_call(q, on_keyspace, q, (int)ARRAY_LEN(argv), argv);
}

const struct inquiry_kind inquiry_audit = { "audit", AUDIT_MS + INQUIRY_MS, begin, work_free };
