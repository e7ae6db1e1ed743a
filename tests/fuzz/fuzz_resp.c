/*
 * fuzz_resp: both readers on arbitrary bytes. The first byte says which reader, whether the client has
 * authenticated and how the stream is cut; what comes out must not depend on the cut.
 */
#include "tests/common/resp_trace.h"
#include "tests/fuzz/fuzz.h"

enum { REPLIES = 0x80, UNAUTHENTICATED = 0x40, PIECE_MASK = 0x3f };

static void trace(struct bytes stream, unsigned how, size_t piece, struct buf *out_text)
{
    struct resp_limits limits = { .argc_max = 1 << 20,
                                  .bulk_bytes_max = 64 * 1024,
                                  .inline_bytes_max = 2 * 1024,
                                  .unauthenticated = (how & UNAUTHENTICATED) != 0 };

    if (how & REPLIES)
        trace_replies(stream, piece, out_text);
    else
        trace_requests(stream, piece, limits, out_text);
}

static bool lies_in(struct bytes part, struct bytes whole)
{
    return part.len == 0 || (part.at >= whole.at && part.at + part.len <= whole.at + whole.len);
}

static void glance(struct bytes stream)
{
    struct resp_glance seen[16];
    int found = resp_glance(stream, seen, 16);

    for (int i = 0; i < found; i++)
        ASSERT(lies_in(seen[i].key, stream) && lies_in(seen[i].next, stream) &&
               lies_in(seen[i].after, stream));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct buf whole = { 0 }, cut = { 0 };
    struct bytes stream;
    unsigned how;

    if (size == 0)
        return 0;
    how = data[0];
    stream = (struct bytes){ (const char *)data + 1, size - 1 };
    glance(stream);
    trace(stream, how, size, &whole);
    trace(stream, how, 1 + (how & PIECE_MASK), &cut);
    ASSERT(bytes_eq(buf_bytes(&whole), buf_bytes(&cut)));
    buf_fini(&whole);
    buf_fini(&cut);
    return 0;
}
