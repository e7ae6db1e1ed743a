/*
 * fuzz_record: the payloads of a sentinel's journal, one a line. A payload is replayed or refused with a
 * sentence; the config it leads to, written as records and replayed, leads to the same records.
 */
#include <string.h>

#include "sentinel/state/record.h"
#include "tests/fuzz/fuzz.h"

struct trace {
    struct config config;
    struct digests digests;
    struct buf text;
};

static enum err keep(void *arg, const struct record *rec, struct errmsg *why)
{
    struct trace *t = arg;
    struct buf payload = { 0 };

    record_encode(rec, &payload);
    ASSERT(record_replay(buf_bytes(&payload), &t->config, &t->digests, why) == OK);
    buf_add(&t->text, buf_bytes(&payload));
    buf_putc(&t->text, '\n');
    buf_fini(&payload);
    return OK;
}

static void trace_fini(struct trace *t)
{
    config_fini(&t->config);
    buf_fini(&t->text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct bytes left = { (const char *)data, size };
    struct trace first = { .digests = { .now = "" } }, second = first, third = first;
    struct errmsg why = { "" };

    while (left.len) {
        const char *end = memchr(left.at, '\n', left.len);
        size_t len = end ? (size_t)(end - left.at) : left.len;

        if (record_replay((struct bytes){ left.at, len }, &first.config, &first.digests, &why) !=
            OK)
            ASSERT(why.text[0]);
        left.at += end ? len + 1 : len;
        left.len -= end ? len + 1 : len;
    }
    ASSERT(record_each(&first.config, keep, &second, &why) == OK);
    ASSERT(record_each(&second.config, keep, &third, &why) == OK);
    ASSERT(bytes_eq(buf_bytes(&second.text), buf_bytes(&third.text)));
    trace_fini(&first);
    trace_fini(&second);
    trace_fini(&third);
    return 0;
}
