/*
 * fuzz_restore - DUMP payloads of every type: what RESTORE takes is what the same bytes are in a file, and it can
 * be dumped, copied, written in Valkey's words, and made anew by the commands of an append only file.
 *
 * The first byte chooses: bit 0, the payload gets a version and a checksum that are right (so that the fuzzer gets
 * past them); bit 1, Valkey's version.
 */
#include <string.h>

#include "common/log.h"
#include "common/resp.h"
#include "node/persist/snapshot_commands.h"
#include "node/serve/apply.h"
#include "node/types/types.h"
#include "tests/fuzz/fuzz.h"
#include "tests/fuzz/values.h"
#include "tests/node/node_harness.h"

enum { SEALED = 1, VALKEY = 2 };

static const struct command *const rows[] = {
    string_commands, generic_commands, hash_commands,   list_commands,
    set_commands,    zset_commands,    stream_commands, NULL,
};

static struct node node; /* lives as long as the program */

static void start(void)
{
    if (node.w.loop)
        return;
    log_set_level(LOG_LEVEL_NOTHING);
    open_node(&node, rows);
}

static void apply_all(struct bytes commands)
{
    struct apply *apply = apply_new(&node.w);
    struct resp_reader reader;
    struct resp_request q;
    struct errmsg why;

    apply_set_quiet(apply, true);
    resp_reader_init(&reader, (struct resp_limits){ .argc_max = 1 << 20,
                                                    .bulk_bytes_max = RDB_STRING_BYTES_MAX });
    for (; commands.len; commands.at += q.bytes, commands.len -= q.bytes) {
        ASSERT(resp_read_request(&reader, commands, &q) == RESP_ITEM);
        ASSERT(apply_command(apply, q.argc, q.argv, &why) == OK);
    }
    resp_reader_fini(&reader);
    apply_free(apply);
}

/* The commands that make the value make the same one. Not where a field has an end: it may have come. */
static void check_commands(const struct entry *e)
{
    unsigned char digests[2][DIGEST_LEN] = { { 0 } };
    struct keyspace *ks = node.w.keyspace;
    const struct entry *same;
    struct buf commands = { 0 };
    const struct value_ops *ops =
        entry_form(e) == FORM_APART ? keyspace_type(ks, entry_type(e)) : NULL;
    uint64_t cursor = 0;

    if (ops && ops->parts && ops->parts->next(entry_apart(e)) != PART_NEVER)
        return;
    while (!snapshot_put_commands(ks, e, &cursor, &commands))
        continue;
    apply_all(buf_bytes(&commands));
    same = keyspace_read(ks, 0, BYTES("key"), 0);
    ASSERT(same && entry_type(same) == entry_type(e));
    digest_value(value_types(), e, digests[0]);
    digest_value(ks, same, digests[1]);
    ASSERT(!memcmp(digests[0], digests[1], DIGEST_LEN));
    keyspace_flush(ks, -1);
    settle_node(&node);
    buf_fini(&commands);
}

/* Of a file of one entry, without the checksum: is it that, and no more? */
static bool read_entry(struct rdb_reader *r, struct bytes file, struct rdb_item *out_entry,
                       unsigned char digest[DIGEST_LEN])
{
    struct rdb_item item = { 0 };
    size_t at = 0, consumed;
    bool found = false;

    while (rdb_read(r, (struct bytes){ file.at + at, file.len - at }, &item, &consumed) ==
           RDB_ITEM) {
        at += consumed;
        if (item.kind == RDB_END)
            return found && at == file.len;
        if (item.kind == RDB_SKIPPED && !found)
            continue;
        if (item.kind == RDB_ENTRY && item.apart) {
            value_digest(item.type, item.apart, digest);
            keyspace_type(value_types(), item.type)->free(item.apart);
        }
        if (item.kind != RDB_ENTRY || found || !bytes_eq(item.key, BYTES("key")))
            return false;
        *out_entry = item;
        found = true;
    }
    return false;
}

/* The same in a file. A value too many behind it would be another entry there. */
static void check_file(struct bytes payload, bool valkey, const struct entry *e)
{
    unsigned char digests[2][DIGEST_LEN] = { { 0 } };
    struct buf file = { 0 };
    struct rdb_reader r;
    struct rdb_item item = { 0 };
    char scratch[ENTRY_INT_TEXT];

    buf_puts(&file, valkey ? "VALKEY080" : "REDIS0012");
    buf_append(&file, payload.at, 1);
    buf_puts(&file, "\3key");
    buf_append(&file, payload.at + 1, payload.len - 1);
    buf_append(&file, "\xff\0\0\0\0\0\0\0\0", 9);
    rdb_reader_init(&r);
    r.types = value_types();
    ASSERT(read_entry(&r, buf_bytes(&file), &item, digests[0]) == (e != NULL));
    if (e && item.apart) {
        value_digest(entry_type(e), entry_apart(e), digests[1]);
        ASSERT(item.type == entry_type(e) && !memcmp(digests[0], digests[1], DIGEST_LEN));
    } else if (e) {
        ASSERT(bytes_eq(item.value, entry_text(e, scratch)));
    }
    rdb_reader_fini(&r);
    buf_fini(&file);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct bytes body = { (const char *)data + 1, size ? size - 1 : 0 };
    bool sealed = size && data[0] & SEALED, valkey = size && data[0] & VALKEY;
    struct buf payload = { 0 };
    struct entry *e;

    if (!size)
        return 0;
    start();
    buf_add(&payload, body);
    if (sealed)
        value_seal(&payload, valkey ? RDB_VERSION_VALKEY_MIN : RDB_VERSION_READ_MAX);
    e = value_restored(buf_bytes(&payload));
    if (sealed && body.len && (unsigned char)body.at[0] < RDB_OP_FIRST)
        check_file(body, valkey, e);
    if (e) {
        value_check(e);
        check_commands(e);
        value_free(e);
    }
    buf_fini(&payload);
    return 0;
}
