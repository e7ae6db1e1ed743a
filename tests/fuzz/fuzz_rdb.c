/*
 * fuzz_rdb - RDB files and DUMP payloads, with values of every type: what is read in one piece and what
 * is read a few bytes at a time are the same items and the same verdict; what was read can be written and
 * read back, also in Valkey's words.
 *
 * The first byte chooses: bit 0, a DUMP payload instead of a file; bit 1, no checksums (so that the
 * fuzzer gets past them); the rest, the size of the slices.
 */
#include <string.h>

#include "common/err.h"
#include "node/persist/crc64.h"
#include "node/persist/rdb_read.h"
#include "node/persist/rdb_write.h"
#include "node/types/digest.h"
#include "node/types/types.h"
#include "tests/fuzz/fuzz.h"

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

static struct keyspace *types; /* empty: it knows every type; lives as long as the program */

/* The value's own fingerprint. Its structure is the caller's. */
static void digest_apart(enum value_type type, const void *apart, unsigned char digest[DIGEST_LEN])
{
    memset(digest, 0, DIGEST_LEN);
    keyspace_type(types, type)->digest(apart, digest);
}

static uint64_t take_apart(const struct rdb_item *item, uint64_t sum)
{
    const struct value_ops *ops = keyspace_type(types, item->type);
    unsigned char digest[DIGEST_LEN];

    ASSERT(ops->length(item->apart) > 0 || item->type == VALUE_STREAM);
    digest_apart(item->type, item->apart, digest);
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
    r.types = types;
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

static struct entry *restored(struct bytes payload)
{
    struct buf scratch = { 0 };
    struct entry *e = NULL;
    struct value value;

    if (rdb_restore(types, payload, &scratch, &value, NULL) == OK)
        e = entry_new(BYTES("key"), &value, NO_EXPIRY);
    buf_fini(&scratch);
    return e;
}

/* The value as a Valkey file has it reads back as the same. */
static void check_valkey(const struct entry *e)
{
    const struct value_ops *ops = keyspace_type(types, entry_type(e));
    struct rdb_form form = rdb_form_of(ops, entry_apart(e), RDB_VERSION_VALKEY_MIN);
    struct rdb_reader r;
    struct rdb_writer w;
    struct rdb_item item = { 0 };
    struct buf file = { 0 };
    unsigned char digests[2][DIGEST_LEN];
    uint64_t cursor = 0;
    size_t at = 0, consumed;

    rdb_write_init(&w, &file, true, true);
    rdb_write_header(&w, RDB_VERSION_VALKEY_MIN);
    rdb_write_head(&w, form.type, BYTES("key"), NO_EXPIRY);
    while (!form.save(entry_apart(e), &cursor, true, &file))
        continue;
    rdb_write_end(&w);
    rdb_reader_init(&r);
    r.types = types;
    while (item.kind != RDB_ENTRY || !item.apart) {
        ASSERT(rdb_read(&r, (struct bytes){ file.at + at, file.len - at }, &item, &consumed) ==
               RDB_ITEM);
        at += consumed;
    }
    digest_apart(entry_type(e), entry_apart(e), digests[0]);
    digest_apart(item.type, item.apart, digests[1]);
    ASSERT(memcmp(digests[0], digests[1], DIGEST_LEN) == 0);
    ops->free(item.apart);
    rdb_reader_fini(&r);
    buf_fini(&file);
}

static void count_gone(void *arg, const struct bytes *names, int count)
{
    ASSERT(count > 0 && count <= PARTS_AT_ONCE);
    *(size_t *)arg += (size_t)count;
}

/* A copy is the same; what of it has ended by the last moment goes, and nothing else. */
static void check_copy(const struct entry *e)
{
    const struct value_ops *ops = keyspace_type(types, entry_type(e));
    unsigned char digests[2][DIGEST_LEN];
    void *copy = ops->copy(entry_apart(e));
    size_t gone = 0, had = ops->length(copy);

    digest_apart(entry_type(e), entry_apart(e), digests[0]);
    digest_apart(entry_type(e), copy, digests[1]);
    ASSERT(memcmp(digests[0], digests[1], DIGEST_LEN) == 0);
    ASSERT(ops->bytes(copy) > 0);
    while (ops->parts && ops->parts->next(copy) != PART_NEVER)
        ops->parts->expire(&copy, PART_NEVER, count_gone, &gone);
    ASSERT(ops->length(copy) == had - gone);
    ops->free(copy);
}

static void dump_entry(const struct entry *e, struct buf *out)
{
    char scratch[ENTRY_INT_TEXT];

    if (entry_type(e) == VALUE_STRING)
        rdb_dump_string(out, entry_text(e, scratch));
    else
        rdb_dump_apart(out, keyspace_type(types, entry_type(e)), entry_apart(e));
}

/* Of a stream a digest sees the entries alone; its numbers and groups are in what is dumped. */
static void check_dumps(const struct entry *same, const struct buf *dumped)
{
    struct buf again = { 0 };

    dump_entry(same, &again);
    ASSERT(entry_type(same) != VALUE_STREAM || bytes_eq(buf_bytes(dumped), buf_bytes(&again)));
    buf_fini(&again);
}

/* A value of any type: what it is dumped as is the same value. */
static void read_dump(struct bytes payload)
{
    unsigned char digests[2][DIGEST_LEN] = { 0 };
    struct entry *e = restored(payload), *same;
    struct buf dumped = { 0 };

    if (!e)
        return;
    dump_entry(e, &dumped);
    same = restored(buf_bytes(&dumped));
    ASSERT(same);
    digest_value(types, e, digests[0]);
    digest_value(types, same, digests[1]);
    ASSERT(memcmp(digests[0], digests[1], DIGEST_LEN) == 0);
    check_dumps(same, &dumped);
    if (entry_form(e) == FORM_APART) {
        check_valkey(e);
        check_copy(e);
    }
    entry_free(e, keyspace_type(types, entry_type(e)));
    entry_free(same, keyspace_type(types, entry_type(same)));
    buf_fini(&dumped);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct outcome whole, sliced;
    struct bytes rest;

    if (!types) {
        types = keyspace_new(&(struct keyspace_options){ .databases = 1 });
        types_register(types);
    }
    if (!size)
        return 0;
    rest = (struct bytes){ (const char *)data + 1, size - 1 };
    if (data[0] & 1) {
        read_dump(rest);
        return 0;
    }
    whole = read_file(rest, rest.len + 1, data[0] & 2);
    sliced = read_file(rest, 1 + (data[0] >> 2), data[0] & 2);
    ASSERT(whole.last == sliced.last && whole.items == sliced.items && whole.sum == sliced.sum);
    return 0;
}
