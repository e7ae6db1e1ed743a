/* The largest keys of some that were drawn at random. */
#include <stdio.h>
#include <string.h>

#include "common/alloc.h"
#include "common/clock.h"
#include "sentinel/serve/inquiry_parts.h"

enum { BATCH = INQUIRY_CALLS_MAX / 4, LARGEST = 10 };

struct large {
    char *key; /* owned */
    size_t len;
    int64_t bytes;
    char type[16];
};

struct largest {
    uint64_t begun_ms;
    int64_t keys;
    int looked, waiting;       /* keys that were looked at, and replies that are out */
    struct large top[LARGEST]; /* the largest first */
    int top_count;
};

static struct largest *work(const struct inquiry *q)
{
    return q->work;
}

static void work_free(void *arg)
{
    struct largest *l = arg;

    for (int i = 0; l && i < l->top_count; i++)
        xfree(l->top[i].key);
    xfree(l);
}

/* A key whose size is asked for. */
struct look {
    struct inquiry *q;
    size_t len;
    char key[];
};

static void tell(struct inquiry *q)
{
    cJSON *o = cJSON_CreateObject(), *all = cJSON_AddArrayToObject(o, "largest");

    cJSON_AddNumberToObject(o, "keys", (double)work(q)->keys);
    cJSON_AddNumberToObject(o, "looked_at", work(q)->looked);
    for (int i = 0; i < work(q)->top_count; i++) {
        cJSON *one = cJSON_CreateObject();

        inquiry_add_shown(one, "key", (struct bytes){ work(q)->top[i].key, work(q)->top[i].len });
        cJSON_AddNumberToObject(one, "bytes", (double)work(q)->top[i].bytes);
        cJSON_AddStringToObject(one, "type", work(q)->top[i].type);
        cJSON_AddItemToArray(all, one);
    }
    inquiry_finish(q, o);
}

struct typed {
    struct inquiry *q;
    int at;
};

static void on_type(void *arg, const struct resp_value *reply)
{
    struct typed typed = *(struct typed *)arg;
    struct inquiry *q = typed.q;

    xfree(arg);
    if (inquiry_failed(q, reply, RESP_SIMPLE))
        return;
    snprintf(work(q)->top[typed.at].type, sizeof work(q)->top[typed.at].type, "%.*s",
             (int)reply->text.len, reply->text.at);
    if (--work(q)->waiting == 0)
        tell(q);
}

static void ask_types(struct inquiry *q)
{
    work(q)->waiting = work(q)->top_count;
    for (int i = 0; i < work(q)->top_count; i++) {
        struct bytes argv[] = { BYTES("TYPE"), { work(q)->top[i].key, work(q)->top[i].len } };
        struct typed *typed = xcalloc(1, sizeof *typed);

        *typed = (struct typed){ .q = q, .at = i };
        if (inquiry_call(q, on_type, typed, (int)ARRAY_LEN(argv), argv) != OK)
            xfree(typed);
    }
    if (work(q)->top_count == 0)
        tell(q);
}

static bool is_kept(const struct inquiry *q, struct bytes key)
{
    for (int i = 0; i < work(q)->top_count; i++)
        if (bytes_eq((struct bytes){ work(q)->top[i].key, work(q)->top[i].len }, key))
            return true;
    return false;
}

static void keep(struct inquiry *q, struct bytes key, int64_t bytes)
{
    int at = work(q)->top_count;

    if (is_kept(q, key))
        return;
    while (at > 0 && work(q)->top[at - 1].bytes < bytes)
        at--;
    if (at == LARGEST)
        return;
    if (work(q)->top_count == LARGEST)
        xfree(work(q)->top[--work(q)->top_count].key);
    memmove(&work(q)->top[at + 1], &work(q)->top[at],
            (size_t)(work(q)->top_count - at) * sizeof work(q)->top[0]);
    work(q)->top[at] =
        (struct large){ .key = xmemdup0(key.at, key.len), .len = key.len, .bytes = bytes };
    work(q)->top_count++;
}

static void ask_keys(struct inquiry *q);

static void looked_at_one(struct inquiry *q)
{
    if (--work(q)->waiting > 0)
        return;
    if (work(q)->looked < SAMPLE_KEYS && clock_now_ms() < work(q)->begun_ms + SAMPLE_MS)
        ask_keys(q);
    else
        ask_types(q);
}

/* Nil: it has expired meanwhile. */
static void on_usage(void *arg, const struct resp_value *reply)
{
    struct look *look = arg;
    struct inquiry *q = look->q;

    if (reply && !q->over && reply->kind == RESP_INTEGER)
        keep(q, (struct bytes){ look->key, look->len }, reply->integer);
    xfree(look);
    if (reply && reply->kind == RESP_NULL && !q->over)
        looked_at_one(q);
    else if (!inquiry_failed(q, reply, RESP_INTEGER))
        looked_at_one(q);
}

static void ask_usage(struct inquiry *q, struct bytes key)
{
    struct look *look = xmalloc(sizeof *look + key.len);
    struct bytes argv[] = { BYTES("MEMORY"), BYTES("USAGE"), { look->key, key.len } };

    look->q = q;
    look->len = key.len;
    memcpy(look->key, key.at, key.len);
    if (inquiry_call(q, on_usage, look, (int)ARRAY_LEN(argv), argv) != OK)
        xfree(look);
}

static void on_key(void *arg, const struct resp_value *reply)
{
    struct inquiry *q = arg;

    if (inquiry_failed(q, reply, RESP_BULK))
        return;
    work(q)->looked++;
    if (reply->kind == RESP_NULL) { /* no key at all */
        looked_at_one(q);
        return;
    }
    ask_usage(q, reply->text);
}

static void ask_keys(struct inquiry *q)
{
    struct bytes argv[] = { BYTES("RANDOMKEY") };

    work(q)->waiting = BATCH;
    for (int i = 0; i < BATCH; i++)
        if (inquiry_call(q, on_key, q, 1, argv) != OK)
            return; /* on_state follows */
}

static void on_size(void *arg, const struct resp_value *reply)
{
    struct inquiry *q = arg;

    if (inquiry_failed(q, reply, RESP_INTEGER))
        return;
    work(q)->keys = reply->integer;
    if (work(q)->keys == 0)
        tell(q);
    else
        ask_keys(q);
}

static void begin(struct inquiry *q)
{
    struct bytes argv[] = { BYTES("DBSIZE") };

    q->work = xcalloc(1, sizeof(struct largest));
    work(q)->begun_ms = clock_now_ms();
    (void)inquiry_call(q, on_size, q, 1, argv);
}

const struct inquiry_kind inquiry_largest = { "largest", INQUIRY_MS, begin, work_free };
