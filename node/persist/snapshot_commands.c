#include "node/persist/snapshot_commands.h"

#include "common/resp.h"
#include "node/keyspace/keyspace.h"
#include "node/persist/rdb_write.h"

void snapshot_put_select(int db, struct buf *out)
{
    char digits[24];
    struct bytes argv[] = { BYTES("SELECT"), { digits, fmt_i64(digits, db) } };

    resp_put_command(out, 2, argv);
}

/* A type that knows no commands for its elements: as a whole, which Redis reads too. */
static void put_restore(const struct value_ops *ops, const struct entry *e, struct buf *out)
{
    struct buf payload = { 0 };

    rdb_dump_apart(&payload, ops, entry_apart(e));
    struct bytes argv[] = { BYTES("RESTORE"), entry_key(e), BYTES("0"), buf_bytes(&payload) };
    resp_put_command(out, 4, argv);
    buf_fini(&payload);
}

static void put_expiry(const struct entry *e, struct buf *out)
{
    char digits[24];
    struct bytes argv[] = { BYTES("PEXPIREAT"),
                            entry_key(e),
                            { digits, fmt_i64(digits, entry_expiry_ms(e)) } };

    resp_put_command(out, 3, argv);
}

bool snapshot_put_commands(const struct keyspace *ks, const struct entry *e, uint64_t *cursor,
                           struct buf *out)
{
    char scratch[ENTRY_INT_TEXT];

    if (entry_form(e) != FORM_APART) {
        struct bytes argv[] = { BYTES("SET"), entry_key(e), entry_text(e, scratch) };

        resp_put_command(out, 3, argv);
    } else {
        const struct value_ops *ops = keyspace_type(ks, entry_type(e));

        if (!ops->rewrite)
            put_restore(ops, e, out);
        else if (!ops->rewrite(entry_apart(e), entry_key(e), cursor, out))
            return false;
    }
    if (entry_expiry_ms(e) != NO_EXPIRY)
        put_expiry(e, out);
    return true;
}
