/*
 * fuzz_rdb - RDB files, with values of every type: what is read in one piece and what is read a few bytes at a
 * time are the same items and the same verdict; what was read can be written and read back.
 *
 * The first byte chooses: bit 0, nothing; bit 1, no checksums (so that the fuzzer gets past them); the rest, the
 * size of the slices.
 */
#include <string.h>

#include "common/err.h"
#include "node/persist/crc64.h"
#include "node/persist/rdb_write.h"
#include "tests/fuzz/fuzz.h"
#include "tests/fuzz/values.h"

struct outcome {
    enum rdb_status last;
    uint64_t items, sum;
};

static uint64_t mix(uint64_t sum, struct bytes b)
{
    return crc64(crc64(sum, &b.len, sizeof b.len), b.at, b.len);
}

static void check_entry(const struct rdb_item *item)
{
    struct buf written = { 0 };
    struct rdb_writer w;
    struct rdb_reader r;
    struct rdb_item back;
    size_t consumed, at = 0;
    enum rdb_status s;

    rdb_write_init(&w, &written, true, true);
    rdb_write_header(&w, RDB_VERSION_LOWEST);
    rdb_write_string_entry(&w, item->key, item->value, item->expire_wall_ms);
    rdb_write_end(&w);
    rdb_reader_init(&r);
    do {
        s = rdb_read(&r, (struct bytes){ written.at + at, written.len - at }, &back, &consumed);
        ASSERT(s == RDB_ITEM);
        at += consumed;
        if (back.kind == RDB_ENTRY) {
            ASSERT(bytes_eq(back.key, item->key) && bytes_eq(back.value, item->value));
            ASSERT(back.expire_wall_ms == item->expire_wall_ms);
        }
    } while (back.kind != RDB_END);
    ASSERT(at == written.len);
    rdb_reader_fini(&r);
    buf_fini(&written);
}

static uint64_t take_apart(const struct rdb_item *item, uint64_t sum)
{
    const struct value_ops *ops = keyspace_type(value_types(), item->type);
    unsigned char digest[DIGEST_LEN];

    ASSERT(ops->length(item->apart) > 0 || item->type == VALUE_STREAM);
    value_digest(item->type, item->apart, digest);
    ops->free(item->apart);
    return mix(sum, (struct bytes){ (const char *)digest, DIGEST_LEN });
}

static struct outcome read_file(struct bytes file, size_t step, bool skip_checksum)
{
    struct outcome o = { RDB_MORE, 0, 0 };
    struct rdb_reader r;
    struct rdb_item item;
    size_t at = 0, have = 0, consumed;

    rdb_reader_init(&r);
    r.skip_checksum = skip_checksum;
    r.types = value_types();
    for (;;) {
        have = have + step > file.len ? file.len : have + step;
        while ((o.last = rdb_read(&r, (struct bytes){ file.at + at, have - at }, &item,
                                  &consumed)) == RDB_ITEM) {
            ASSERT(consumed > 0 && consumed <= have - at);
            at += consumed;
            if (item.kind == RDB_SKIPPED) /* as many as the slices make them */
                continue;
            o.items++;
            o.sum += (uint64_t)item.kind + item.db + item.keys;
            if (item.kind == RDB_AUX)
                o.sum = mix(mix(o.sum, item.name), item.value);
            if (item.kind == RDB_ENTRY)
                o.sum = mix(mix(o.sum, item.key), item.value);
            if (item.kind == RDB_ENTRY && item.apart)
                o.sum = take_apart(&item, o.sum);
            else if (item.kind == RDB_ENTRY)
                check_entry(&item);
            if (item.kind == RDB_END)
                goto out;
        }
        ASSERT((o.last == RDB_BAD) == r.bad && r.bad == (r.why.text[0] != '\0'));
        if (o.last == RDB_BAD || have == file.len)
            break;
        ASSERT(r.wants > 0);
    }
out:
    rdb_reader_fini(&r);
    return o;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct outcome whole, sliced;
    struct bytes rest;

    if (!size)
        return 0;
    rest = (struct bytes){ (const char *)data + 1, size - 1 };
    whole = read_file(rest, rest.len + 1, data[0] & 2);
    sliced = read_file(rest, 1 + (data[0] >> 2), data[0] & 2);
    ASSERT(whole.last == sliced.last && whole.items == sliced.items && whole.sum == sliced.sum);
    return 0;
}
