/*
 * fuzz_journal: any bytes as a journal. The first byte chooses: raw bytes behind a sound header; or bytes
 * that describe records, which are sealed with right checksums and then damaged, so that the fuzzer gets
 * behind the checksum. What comes out is a prefix of what went in, and cutting where the reader says
 * gives a file that reads the same and is whole.
 */
#include <string.h>
#include <unistd.h>

#include "common/journal_format.h"
#include "tests/fuzz/fuzz.h"

enum { RAW = 0x80, MARKED = 0x20, PIECE_MASK = 0x1f };

static enum err keep(void *arg, struct bytes payload, struct errmsg *why)
{
    buf_add(arg, payload);
    buf_putc(arg, ';');
    return OK;
}

/* Two bytes a record: the length of its payload and whether a mark follows, and how far behind the disk was.
 * Then its payload. */
static void seal(struct bytes in, struct buf *out, struct buf *out_expected)
{
    uint64_t sequence = 1;

    while (in.len >= 2) {
        size_t len = (unsigned char)in.at[0] & PIECE_MASK;
        bool marked = (unsigned char)in.at[0] & MARKED;
        uint64_t behind = (unsigned char)in.at[1];
        struct bytes payload = { in.at + 2, len < in.len - 2 ? len : in.len - 2 };

        journal_put_record(out, sequence, sequence > behind ? sequence - 1 - behind % sequence : 0,
                           payload);
        (void)keep(out_expected, payload, NULL);
        if (marked)
            journal_put_mark(out, sequence);
        sequence++;
        in.at += 2 + payload.len;
        in.len -= 2 + payload.len;
    }
}

static void check(struct bytes file, const struct buf *expected)
{
    struct buf seen = { 0 }, again = { 0 };
    struct journal_found found;
    struct errmsg why = { "" };
    size_t good = 0;

    if (journal_scan(file, keep, &seen, &good, &found, &why) != OK) {
        ASSERT(why.text[0]);
    } else {
        ASSERT(good + found.torn_bytes == file.len);
        if (expected)
            ASSERT(seen.len <= expected->len &&
                   (!seen.len || memcmp(seen.at, expected->at, seen.len) == 0));
        ASSERT(journal_scan((struct bytes){ file.at, good }, keep, &again, &good, &found, &why) ==
               OK);
        ASSERT(found.torn_bytes == 0 && bytes_eq(buf_bytes(&seen), buf_bytes(&again)));
    }
    buf_fini(&seen);
    buf_fini(&again);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct buf file = { 0 }, expected = { 0 };
    struct bytes in;
    size_t at;

    if (size < 3)
        return 0;
    in = (struct bytes){ (const char *)data + 3, size - 3 };
    check(in, NULL);
    journal_put_header(&file, 1);
    if (data[0] & RAW) {
        buf_add(&file, in);
        check(buf_bytes(&file), NULL);
    } else {
        seal(in, &file, &expected);
        check(buf_bytes(&file), &expected);
        at = (data[1] << 8 | data[2]) % file.len;
        file.at[at] = (char)(file.at[at] ^ (1 + (data[0] & 0x3f)));
        check(buf_bytes(&file), at < JOURNAL_HEADER_BYTES ? NULL : &expected);
        file.len = at;
        check(buf_bytes(&file), &expected);
    }
    buf_fini(&file);
    buf_fini(&expected);
    return 0;
}
