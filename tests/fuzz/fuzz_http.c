/*
 * fuzz_http: requests out of arbitrary bytes. The first byte says how small the limits are and how the stream is cut;
 * requests, and the refusal that ends them, must not depend on the cut, and every slice lies in the input.
 */
#include "common/http/request.h"
#include "tests/fuzz/fuzz.h"

enum { SMALL = 0x80, PIECE_MASK = 0x3f };

static void put_field(struct buf *out, struct bytes part)
{
    buf_put_quoted(out, part);
    buf_putc(out, ' ');
}

static void put_query(struct buf *out, struct bytes query)
{
    struct bytes name, value;
    char plain[64];

    while (http_query_next(&query, &name, &value)) {
        ASSERT(name.len + value.len > 0 || query.at);
        put_field(out, name);
        if (http_unescape(value, plain, sizeof plain))
            put_field(out, bytes_of(plain));
    }
}

static void put_request(struct buf *out, const struct http_request *r)
{
    buf_printf(out, "%d %d %d %d ", (int)r->method, r->minor, r->keep_alive, r->expects_continue);
    put_field(out, r->path);
    put_query(out, r->query);
    for (int i = 0; i < r->field_count; i++) {
        ASSERT(http_request_field(r, "host").at || r->minor == 0);
        put_field(out, r->fields[i].name);
        put_field(out, r->fields[i].value);
        (void)http_list_has(r->fields[i].value, "close");
    }
    put_field(out, r->body);
}

/* Reads as a server does: grows the input piece by piece, and takes requests off its front. */
static void trace(struct bytes stream, const struct http_limits *limits, size_t piece,
                  struct buf *out)
{
    size_t front = 0, end = 0;

    while (front < stream.len) {
        struct bytes in = { stream.at + front, end - front };
        struct http_refusal refusal;
        struct http_request r;
        enum http_read got = http_request_read(in, limits, &r, &refusal);

        if (got == HTTP_REFUSED) {
            buf_printf(out, "refused %d %s", refusal.status, refusal.why);
            return;
        }
        if (got == HTTP_WHOLE) {
            ASSERT(r.bytes <= in.len && r.bytes > 0);
            put_request(out, &r);
            front += r.bytes;
        } else if (end == stream.len) {
            return;
        } else {
            ASSERT(got == HTTP_MORE_BODY || in.len < limits->head_bytes);
            end = stream.len - end > piece ? end + piece : stream.len;
        }
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct http_limits limits = { .target_bytes = 2048, .head_bytes = 8192, .body_bytes = 65536 };
    struct buf whole = { 0 }, cut = { 0 };
    struct bytes stream;

    if (size == 0)
        return 0;
    if (data[0] & SMALL)
        limits = (struct http_limits){ .target_bytes = 16, .head_bytes = 128, .body_bytes = 8 };
    stream = (struct bytes){ (const char *)data + 1, size - 1 };
    trace(stream, &limits, size, &whole);
    trace(stream, &limits, 1 + (data[0] & PIECE_MASK), &cut);
    ASSERT(bytes_eq(buf_bytes(&whole), buf_bytes(&cut)));
    buf_fini(&whole);
    buf_fini(&cut);
    return 0;
}
