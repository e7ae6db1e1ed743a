#include "tests/fuzz/values.h"

#include <endian.h>
#include <string.h>

#include "common/err.h"
#include "node/persist/crc64.h"
#include "node/persist/rdb_write.h"
#include "node/types/types.h"

const struct keyspace *value_types(void)
{
    static struct keyspace *types;

    if (!types) {
        types = keyspace_new(&(struct keyspace_options){ .databases = 1 });
        types_register(types);
    }
    return types;
}

void value_digest(enum value_type type, const void *apart, unsigned char digest[DIGEST_LEN])
{
    memset(digest, 0, DIGEST_LEN);
    keyspace_type(value_types(), type)->digest(apart, digest);
}

struct entry *value_restored(struct bytes payload)
{
    struct buf scratch = { 0 };
    struct entry *e = NULL;
    struct value value;
    struct errmsg why = { "" };

    if (rdb_restore(value_types(), payload, &scratch, &value, &why) == OK)
        e = entry_new(BYTES("key"), &value, NO_EXPIRY);
    buf_fini(&scratch);
    return e;
}

void value_free(struct entry *e)
{
    entry_free(e, keyspace_type(value_types(), entry_type(e)));
}

void value_seal(struct buf *payload, int version)
{
    uint16_t wire = htole16((uint16_t)version);
    uint64_t crc;

    buf_append(payload, &wire, sizeof wire);
    crc = htole64(crc64(0, payload->at, payload->len));
    buf_append(payload, &crc, sizeof crc);
}

/* The value as a Valkey file has it reads back as the same. */
static void check_valkey(const struct entry *e)
{
    const struct value_ops *ops = keyspace_type(value_types(), entry_type(e));
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
    r.types = value_types();
    while (item.kind != RDB_ENTRY || !item.apart) {
        ASSERT(rdb_read(&r, (struct bytes){ file.at + at, file.len - at }, &item, &consumed) ==
               RDB_ITEM);
        at += consumed;
    }
    value_digest(entry_type(e), entry_apart(e), digests[0]);
    value_digest(item.type, item.apart, digests[1]);
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

static void check_copy(const struct entry *e)
{
    const struct value_ops *ops = keyspace_type(value_types(), entry_type(e));
    unsigned char digests[2][DIGEST_LEN];
    void *copy = ops->copy(entry_apart(e));
    size_t gone = 0, had = ops->length(copy);
    struct value_hint hint = { .next = BYTES("name"), .after = BYTES("value") };

    value_digest(entry_type(e), entry_apart(e), digests[0]);
    value_digest(entry_type(e), copy, digests[1]);
    ASSERT(memcmp(digests[0], digests[1], DIGEST_LEN) == 0);
    ASSERT(ops->bytes(copy) > 0 && (ops->blocks(copy) > 0 || !had));
    ASSERT(!strcmp(ops->encoding(copy), ops->encoding(entry_apart(e))));
    for (int step = 0; ops->fetch && step < VALUE_FETCH_STEPS; step++)
        ops->fetch(copy, &hint, step);
    while (ops->parts && ops->parts->next(copy) != PART_NEVER)
        ops->parts->expire(&copy, PART_NEVER, count_gone, &gone);
    ASSERT(ops->length(copy) == had - gone);
    ops->free(copy);
}

static void dump(const struct entry *e, struct buf *out)
{
    char scratch[ENTRY_INT_TEXT];

    if (entry_type(e) == VALUE_STRING)
        rdb_dump_string(out, entry_text(e, scratch));
    else
        rdb_dump_apart(out, keyspace_type(value_types(), entry_type(e)), entry_apart(e));
}

static void check_dump(const struct entry *e)
{
    unsigned char digests[2][DIGEST_LEN] = { 0 };
    struct buf dumped = { 0 }, again = { 0 };
    struct entry *same;

    dump(e, &dumped);
    same = value_restored(buf_bytes(&dumped));
    ASSERT(same);
    digest_value(value_types(), e, digests[0]);
    digest_value(value_types(), same, digests[1]);
    ASSERT(memcmp(digests[0], digests[1], DIGEST_LEN) == 0);
    /* Of a stream a digest sees the entries alone; its numbers and groups are in what is dumped. */
    dump(same, &again);
    ASSERT(entry_type(same) != VALUE_STREAM || bytes_eq(buf_bytes(&dumped), buf_bytes(&again)));
    value_free(same);
    buf_fini(&dumped);
    buf_fini(&again);
}

void value_check(const struct entry *e)
{
    check_dump(e);
    if (entry_form(e) != FORM_APART)
        return;
    check_valkey(e);
    check_copy(e);
}
