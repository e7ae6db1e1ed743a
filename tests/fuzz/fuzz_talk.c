/*
 * fuzz_talk: any words as what another node of a durable group says; the byte 0x1f parts them. What is read is written
 * back to the same words, those that a newer format added left out, and is within its limits.
 */
#include <string.h>

#include "common/format.h"
#include "common/resp.h"
#include "node/durable/talk_wire.h"
#include "tests/fuzz/fuzz.h"

enum { WORDS = TALK_WORDS_MAX + 2 };

static int split(struct bytes left, struct bytes *words)
{
    int count = 0;

    while (count < WORDS) {
        const char *end = left.len ? memchr(left.at, 0x1f, left.len) : NULL;
        size_t len = end ? (size_t)(end - left.at) : left.len;

        words[count++] = (struct bytes){ left.at, len };
        if (!end)
            break;
        left.at += len + 1;
        left.len -= len + 1;
    }
    return count;
}

/* Verbs are read in any case, and the format becomes ours: all other words come back, and behind an older one's those that it
 * did not have. */
static void check_same(int argc, const struct bytes *argv, const struct talk *t)
{
    uint64_t format = 0, own = format_own(TALK_NEWEST);
    struct resp_reader reader;
    struct buf text = { 0 };
    struct resp_request q;

    talk_put(t, &text);
    ASSERT(text.len <= TALK_BYTES_MAX);
    resp_reader_init(&reader, (struct resp_limits){ TALK_WORDS_MAX, TALK_BYTES_MAX, 64, false });
    ASSERT(resp_read_request(&reader, buf_bytes(&text), &q) == RESP_ITEM && q.bytes == text.len);
    ASSERT(bytes_to_u64(argv[2], &format));
    ASSERT(q.argc == argc || (format > own && q.argc < argc) || (format < own && q.argc > argc));
    for (int i = 3; i < q.argc && i < argc; i++)
        ASSERT(bytes_eq(q.argv[i], argv[i]));
    resp_reader_fini(&reader);
    buf_fini(&text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct bytes words[WORDS];
    struct errmsg why = { "" };
    struct talk t;
    int count = split((struct bytes){ (const char *)data, size }, words);

    if (talk_take(count, words, &t, &why) != OK) {
        ASSERT(why.text[0] != '\0');
        return 0;
    }
    ASSERT(t.kind < TALK_ACK && t.epoch && t.from && t.to);
    history_check(&t.history, t.kind == TALK_SYNC ? t.at : t.end);
    check_same(count, words, &t);
    return 0;
}
