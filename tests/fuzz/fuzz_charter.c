/*
 * fuzz_charter: any bytes as a charter, as a voter's memory, and as a file of slots. The first byte chooses, and
 * whether the checksum is put right, so that the fuzzer gets behind it. What is read is sound and is written back to
 * the same bytes; a file's payload lies within it.
 */
#include <stdio.h>
#include <string.h>

#include "common/crc32c.h"
#include "common/slots.h"
#include "sentinel/core/acceptor.h"
#include "tests/fuzz/fuzz.h"

enum { MEMORY = 1, FILE_OF_SLOTS = 2, WHAT_MASK = 3, SEAL = 0x80, CRC_AT_END = 14 };

static void seal(struct buf *text)
{
    char crc[9];

    if (text->len < CRC_AT_END)
        return;
    snprintf(crc, sizeof crc, "%08x", crc32c(0, text->at, text->len - CRC_AT_END));
    memcpy(text->at + text->len - 10, crc, 8);
}

static void check_charter(struct bytes text)
{
    struct charter c;
    struct buf again = { 0 };

    if (charter_decode(text, &c, NULL) != OK)
        return;
    ASSERT(charter_is_sound(&c, NULL));
    ASSERT(charter_encode(&c, &again) == OK && bytes_eq(buf_bytes(&again), text));
    ASSERT(charter_has_room(&c, 0) || !charter_has_room(&c, 1));
    buf_fini(&again);
}

static void check_memory(struct bytes text)
{
    struct acceptor a = { .voter = 0 }, b = { .voter = 0 };
    struct buf again = { 0 };

    if (acceptor_decode(text, &a, NULL) != OK)
        return;
    acceptor_check(&a);
    acceptor_encode(&a, &again);
    ASSERT(acceptor_decode(buf_bytes(&again), &b, NULL) == OK);
    ASSERT(a.voter == b.voter && ballot_is(a.promised, b.promised));
    ASSERT(ballot_is(a.accepted, b.accepted) && ballot_is(a.committed, b.committed));
    buf_fini(&again);
}

enum { MARKED = 1, BOTH_DAMAGED = 2, SLOT_TWICE = 4, CUT = 8 };

/* The bytes are two payloads and what happens to their file: the second one has a mark, or stands in both slots, or
 * is damaged as the first one is, or the file is cut; and where the damage is, and what. */
static void check_file(struct bytes in)
{
    struct buf file = { 0 }, part = { 0 };
    struct bytes one = { in.at, in.len / 2 }, two = { in.at + in.len / 2, in.len - in.len / 2 };
    struct bytes payload;
    uint64_t sequence;
    unsigned how;
    size_t at;

    if (in.len < 4 || in.len > SLOT_PAYLOAD_MAX)
        return;
    how = (unsigned char)in.at[3];
    memset(buf_reserve(&file, SLOTS_FILE_BYTES), 0, SLOTS_FILE_BYTES);
    file.len = SLOTS_FILE_BYTES;
    slots_put(&part, 1, one);
    memcpy(file.at + slots_place(1), part.at, part.len);
    part.len = 0;
    slots_put(&part, 2, two);
    memcpy(file.at + slots_place(2), part.at, part.len);
    if (how & SLOT_TWICE)
        memcpy(file.at + slots_place(1), part.at, part.len);
    if (how & MARKED) {
        part.len = 0;
        slots_put_mark(&part, 2);
        memcpy(file.at + SLOTS_MARK_AT, part.at, part.len);
    }
    at = ((unsigned char)in.at[0] << 8 | (unsigned char)in.at[1]) % file.len;
    file.at[at] = (char)(file.at[at] ^ (in.at[2] | 1));
    if (how & BOTH_DAMAGED && at < SLOT_BYTES)
        file.at[at + SLOT_BYTES] = (char)(file.at[at + SLOT_BYTES] ^ 1);
    if (how & CUT)
        file.len -= 1 + at % SLOTS_SECTOR;
    if (slots_scan(buf_bytes(&file), &payload, &sequence, NULL) == OK) {
        ASSERT(payload.at >= file.at && payload.at + payload.len <= file.at + file.len);
        ASSERT(bytes_eq(payload, sequence == 2 ? two : one));
        ASSERT((sequence == 2 || !(how & MARKED)) && !(how & CUT));
    }
    buf_fini(&file);
    buf_fini(&part);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct buf text = { 0 };

    if (size < 2)
        return 0;
    buf_append(&text, data + 1, size - 1);
    if (data[0] & SEAL)
        seal(&text);
    if ((data[0] & WHAT_MASK) == MEMORY)
        check_memory(buf_bytes(&text));
    else if ((data[0] & WHAT_MASK) == FILE_OF_SLOTS)
        check_file(buf_bytes(&text));
    else
        check_charter(buf_bytes(&text));
    buf_fini(&text);
    return 0;
}
