/*
 * slots_format - the bytes of a slot and of a mark, and what may be believed of a file of them.
 */
#include <endian.h>
#include <string.h>

#include "common/crc32c.h"
#include "common/slots.h"

static const char slot_magic[8] = "HFSLOT01", mark_magic[8] = "HFMARK01";

struct slot {
    uint64_t sequence; /* 0: not sound */
    struct bytes payload;
};

static uint64_t get(const char *at, size_t len)
{
    uint64_t v = 0;

    memcpy(&v, at, len);
    return le64toh(v);
}

static void put(struct buf *out, uint64_t v, size_t len)
{
    v = htole64(v);
    buf_append(out, &v, len);
}

/* The crc covers the header before it and the payload. */
static uint32_t slot_crc(const char *slot, size_t len)
{
    return crc32c(crc32c(0, slot, SLOT_HEADER_BYTES - 4), slot + SLOT_HEADER_BYTES, len);
}

off_t slots_place(uint64_t sequence)
{
    return sequence % 2 ? SLOT_BYTES : 0;
}

void slots_put(struct buf *out, uint64_t sequence, struct bytes payload)
{
    size_t start = out->len;
    uint32_t crc;

    ASSERT(payload.len <= SLOT_PAYLOAD_MAX && sequence > 0);
    buf_append(out, slot_magic, sizeof slot_magic);
    put(out, sequence, 8);
    put(out, payload.len, 4);
    put(out, 0, 4);
    buf_add(out, payload);
    crc = htole32(slot_crc(out->at + start, payload.len));
    memcpy(out->at + start + SLOT_HEADER_BYTES - 4, &crc, sizeof crc);
}

void slots_put_mark(struct buf *out, uint64_t sequence)
{
    size_t start = out->len;

    buf_append(out, mark_magic, sizeof mark_magic);
    put(out, sequence, 8);
    put(out, crc32c(0, out->at + start, 16), 4);
}

static struct slot read_slot(struct bytes file, off_t at)
{
    const char *slot = file.at + at;
    struct slot s = { 0 };
    uint64_t len;

    if (memcmp(slot, slot_magic, sizeof slot_magic) != 0)
        return s;
    len = get(slot + 16, 4);
    if (len > SLOT_PAYLOAD_MAX || slot_crc(slot, len) != get(slot + 20, 4))
        return s;
    if (slots_place(get(slot + 8, 8)) != at)
        return s;
    s.sequence = get(slot + 8, 8);
    s.payload = (struct bytes){ slot + SLOT_HEADER_BYTES, len };
    return s;
}

/* 0: none, or it is torn; then it says nothing. */
static uint64_t read_mark(struct bytes file)
{
    const char *mark = file.at + SLOTS_MARK_AT;

    if (memcmp(mark, mark_magic, sizeof mark_magic) != 0 ||
        crc32c(0, mark, 16) != get(mark + 16, 4))
        return 0;
    return get(mark + 8, 8);
}

enum err slots_scan(struct bytes file, struct bytes *out_payload, uint64_t *out_sequence,
                    struct errmsg *out_why)
{
    struct slot a, b;

    if (file.len != SLOTS_FILE_BYTES) {
        errmsg_set(out_why, "it has %zu bytes instead of %d", file.len, SLOTS_FILE_BYTES);
        return ERR_CORRUPT;
    }
    a = read_slot(file, 0);
    b = read_slot(file, SLOT_BYTES);
    if (b.sequence > a.sequence)
        a = b;
    if (a.sequence == 0) {
        errmsg_set(out_why, "neither of its slots is sound");
        return ERR_CORRUPT;
    }
    if (read_mark(file) > a.sequence) {
        errmsg_set(out_why, "what it held last is damaged, and it had been written safely");
        return ERR_CORRUPT;
    }
    *out_payload = a.payload;
    *out_sequence = a.sequence;
    return OK;
}
