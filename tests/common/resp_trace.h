/*
 * resp_trace - what a reader made of a stream, as text, when the stream arrives in pieces of a given
 * size. However it is cut the text must be the same; the unit test and the fuzzer both hold it to that.
 */
#ifndef HF_TESTS_COMMON_RESP_TRACE_H
#define HF_TESTS_COMMON_RESP_TRACE_H

#include <string.h>

#include "common/alloc.h"
#include "common/resp.h"

/* A copy of the bytes between consumed and arrived, exactly as long, so that a sanitizer sees any look
 * behind its end; at a new address each time, so that the reader must not keep pointers. */
static inline struct bytes trace_window(struct bytes stream, size_t consumed, size_t arrived)
{
    char *copy = xmalloc(arrived - consumed + !(arrived - consumed));

    if (arrived > consumed)
        memcpy(copy, stream.at + consumed, arrived - consumed);
    return (struct bytes){ copy, arrived - consumed };
}

static inline void trace_requests(struct bytes stream, size_t piece, struct resp_limits limits,
                                  struct buf *out_text)
{
    struct resp_reader r;
    struct resp_request q;
    size_t consumed = 0, arrived = 0;
    enum resp_status status = RESP_MORE;

    resp_reader_init(&r, limits);
    while (status != RESP_BAD) {
        struct bytes window = trace_window(stream, consumed, arrived);

        status = resp_read_request(&r, window, &q);
        if (status == RESP_ITEM) {
            ASSERT(q.bytes > 0 && q.bytes <= window.len);
            consumed += q.bytes;
            buf_printf(out_text, "%d:", q.argc);
            for (int i = 0; i < q.argc; i++) {
                buf_putc(out_text, ' ');
                buf_put_quoted(out_text, q.argv[i]);
            }
            buf_printf(out_text, " @%zu\n", consumed);
        }
        xfree((void *)window.at);
        if (status == RESP_MORE && arrived == stream.len)
            break;
        if (status == RESP_MORE) {
            size_t wants = resp_reader_wants(&r);

            ASSERT(!wants || wants > arrived - consumed);
            arrived = stream.len - arrived < piece ? stream.len : arrived + piece;
        }
    }
    if (status == RESP_BAD)
        buf_printf(out_text, "bad: %s\n", r.error);
    resp_reader_fini(&r);
}

static inline void trace_value(const struct resp_value *v, struct buf *out_text)
{
    size_t slots = v->kind == RESP_MAP ? 2 * v->count : v->count;

    buf_printf(out_text, "(%d %lld %a ", (int)v->kind, (long long)v->integer, v->number);
    buf_put_quoted(out_text, v->text);
    for (size_t i = 0; i < slots; i++)
        trace_value(&v->items[i], out_text);
    buf_putc(out_text, ')');
}

static inline void trace_replies(struct bytes stream, size_t piece, struct buf *out_text)
{
    struct resp_replies r;
    size_t consumed = 0, arrived = 0;
    enum resp_status status = RESP_MORE;

    resp_replies_init(&r);
    while (status != RESP_BAD) {
        struct bytes window = trace_window(stream, consumed, arrived);
        const struct resp_value *v;
        size_t took;

        status = resp_read_reply(&r, window, &v, &took);
        if (status == RESP_ITEM) {
            ASSERT(took > 0 && took <= window.len);
            consumed += took;
            trace_value(v, out_text);
            buf_printf(out_text, " @%zu\n", consumed);
        }
        xfree((void *)window.at);
        if (status == RESP_MORE && arrived == stream.len)
            break;
        if (status == RESP_MORE)
            arrived = stream.len - arrived < piece ? stream.len : arrived + piece;
    }
    if (status == RESP_BAD)
        buf_printf(out_text, "bad: %s\n", r.error);
    resp_replies_fini(&r);
}

#endif
