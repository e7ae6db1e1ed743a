#include "common/journal_format.h"

#include <endian.h>
#include <string.h>

#include "common/crc32c.h"
#include "common/format.h"

static const char magic[8] = "HFJOURNL";

struct record {
    uint64_t sequence, synced;
    struct bytes payload;
};

static uint32_t get32(const char *at)
{
    uint32_t v;

    memcpy(&v, at, sizeof v);
    return le32toh(v);
}

static uint64_t get64(const char *at)
{
    uint64_t v;

    memcpy(&v, at, sizeof v);
    return le64toh(v);
}

static void put32(char *at, uint32_t v)
{
    v = htole32(v);
    memcpy(at, &v, sizeof v);
}

static void put64(char *at, uint64_t v)
{
    v = htole64(v);
    memcpy(at, &v, sizeof v);
}

/* The crc covers the header with its own field as zero, so that no field goes unchecked. */
static uint32_t record_crc(const char *header, struct bytes payload)
{
    char plain[JOURNAL_RECORD_HEADER];

    memcpy(plain, header, sizeof plain);
    put32(plain + 4, 0);
    return crc32c(crc32c(0, plain, sizeof plain), payload.at, payload.len);
}

/* False: no whole, sound record begins here. */
static bool record_at(struct bytes file, size_t at, struct record *out)
{
    size_t left = file.len - at;
    uint32_t len;

    if (left < JOURNAL_RECORD_HEADER)
        return false;
    len = get32(file.at + at);
    if (len > JOURNAL_RECORD_MAX || len > left - JOURNAL_RECORD_HEADER)
        return false;
    out->payload = (struct bytes){ file.at + at + JOURNAL_RECORD_HEADER, len };
    out->sequence = get64(file.at + at + 8);
    out->synced = get64(file.at + at + 16);
    return record_crc(file.at + at, out->payload) == get32(file.at + at + 4);
}

void journal_put_header(struct buf *out, uint64_t first)
{
    char *at = buf_reserve(out, JOURNAL_HEADER_BYTES);

    memcpy(at, magic, sizeof magic);
    put32(at + 8, format_own(JOURNAL_NEWEST));
    put64(at + 12, first);
    put32(at + 20, crc32c(0, at, 20));
    out->len += JOURNAL_HEADER_BYTES;
}

void journal_put_record(struct buf *out, uint64_t sequence, uint64_t synced, struct bytes payload)
{
    char *at = buf_reserve(out, JOURNAL_RECORD_HEADER + payload.len);

    put32(at, (uint32_t)payload.len);
    put64(at + 8, sequence);
    put64(at + 16, synced);
    put32(at + 4, record_crc(at, payload));
    out->len += JOURNAL_RECORD_HEADER;
    buf_add(out, payload);
}

void journal_put_mark(struct buf *out, uint64_t synced)
{
    journal_put_record(out, synced, synced, (struct bytes){ "", 0 });
}

static enum err read_header(struct bytes file, uint64_t *out_first, uint32_t *out_version,
                            struct errmsg *out_why)
{
    if (file.len < JOURNAL_HEADER_BYTES || memcmp(file.at, magic, sizeof magic) != 0) {
        errmsg_set(out_why, "it is no journal: its first bytes are not those of one");
        return ERR_CORRUPT;
    }
    if (get32(file.at + 20) != crc32c(0, file.at, 20)) {
        errmsg_set(out_why, "its header is damaged");
        return ERR_CORRUPT;
    }
    *out_version = get32(file.at + 8);
    if (*out_version > format_own(JOURNAL_NEWEST)) {
        errmsg_set(out_why,
                   "it was written by a newer version (format %u, this one knows up to %u)",
                   *out_version, format_own(JOURNAL_NEWEST));
        return ERR_UNSUPPORTED;
    }
    *out_first = get64(file.at + 12);
    return OK;
}

static bool is_mark(const struct record *r)
{
    return r->synced == r->sequence && r->payload.len == 0;
}

/* A sound record or mark behind the damage that was written when `sequence` was already on the disk
 * proves that the damage hit what had been promised. */
static bool was_promised(struct bytes file, size_t at, uint64_t sequence)
{
    struct record r;

    for (; at + JOURNAL_RECORD_HEADER <= file.len; at++)
        if (record_at(file, at, &r) && r.synced >= sequence)
            return true;
    return false;
}

/* Steps over the marks at `at` that speak of what was read up to there. */
static size_t skip_marks(struct bytes file, size_t at, uint64_t sequence)
{
    struct record r;

    while (at < file.len && record_at(file, at, &r) && is_mark(&r) && r.sequence + 1 == sequence)
        at += JOURNAL_RECORD_HEADER;
    return at;
}

enum err journal_scan(struct bytes file,
                      enum err (*each)(void *arg, struct bytes payload, struct errmsg *why),
                      void *arg, size_t *out_good_bytes, struct journal_found *out_found,
                      struct errmsg *out_why)
{
    size_t at;
    uint64_t sequence = 0;
    struct record r;
    uint32_t version = 0;
    enum err e = read_header(file, &sequence, &version, out_why);

    *out_found = (struct journal_found){ .version = version };
    if (e != OK)
        return e;
    at = skip_marks(file, JOURNAL_HEADER_BYTES, sequence);
    while (at < file.len && record_at(file, at, &r) && r.sequence == sequence && !is_mark(&r)) {
        e = each(arg, r.payload, out_why);
        if (e != OK)
            return e;
        sequence++;
        out_found->records++;
        at = skip_marks(file, at + JOURNAL_RECORD_HEADER + r.payload.len, sequence);
    }
    if (at < file.len && was_promised(file, at, sequence)) {
        errmsg_set(out_why, "record %llu at byte %zu is damaged, and it had been written safely",
                   (unsigned long long)sequence, at);
        return ERR_CORRUPT;
    }
    out_found->torn_bytes = file.len - at;
    out_found->next = sequence;
    *out_good_bytes = at;
    return OK;
}
