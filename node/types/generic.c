/*
 * generic - keys as such: deleted, renamed, copied, moved, asked for.
 */
#include "node/types/generic.h"

#include "node/types/arguments.h"
#include "node/types/types.h"

static const char *const type_words[VALUE_TYPES] = {
    [VALUE_STRING] = "string", [VALUE_LIST] = "list", [VALUE_SET] = "set",
    [VALUE_ZSET] = "zset",     [VALUE_HASH] = "hash", [VALUE_MODULE] = "module",
    [VALUE_STREAM] = "stream",
};

const char *type_word(enum value_type type)
{
    return type_words[type];
}

static void delete_all(struct call *c, bool lazily)
{
    uint32_t flags = call_door(c) | (lazily ? DELETE_LAZILY : 0u);
    int64_t deleted = 0;

    for (int i = 1; i < c->argc; i++) {
        if (!keyspace_delete(call_keyspace(c), c->db, c->argv[i], flags))
            continue;
        generic_event(c, "del", i);
        deleted++;
    }
    reply_int(c->reply, deleted);
    if (deleted == 0)
        call_no_effect(c);
}

void cmd_del(struct call *c)
{
    delete_all(c, keyspace_lazily(call_keyspace(c))->user_del);
}

void cmd_unlink(struct call *c)
{
    delete_all(c, true);
}

static void count(struct call *c, uint32_t flags)
{
    int64_t found = 0;

    for (int i = 1; i < c->argc; i++)
        found += call_read(c, i, flags) != NULL;
    reply_int(c->reply, found);
}

void cmd_exists(struct call *c)
{
    count(c, DOOR_NO_TOUCH);
}

void cmd_touch(struct call *c)
{
    c->no_touch = false; /* to touch is what it is for */
    count(c, 0);
}

void cmd_type(struct call *c)
{
    const struct entry *e = call_read(c, 1, DOOR_NO_TOUCH);

    reply_simple(c->reply, e ? type_word(entry_type(e)) : "none");
}

/* ---- RENAME -------------------------------------------------------------------------------- */

/* False when there is nothing to do; the reply says why. */
static bool rename_key(struct call *c, bool only_new)
{
    if (!call_write(c, 1)) {
        refuse(c, "ERR no such key");
        return false;
    }
    if (bytes_eq(c->argv[1], c->argv[2]) || (only_new && call_write(c, 2))) {
        if (only_new)
            reply_int(c->reply, 0);
        else
            reply_ok(c->reply);
        call_no_effect(c);
        return false;
    }
    keyspace_rename(call_keyspace(c), c->db, c->argv[1], c->argv[2]);
    generic_event(c, "rename_from", 1);
    generic_event(c, "rename_to", 2);
    c->changes = 1;
    return true;
}

void cmd_rename(struct call *c)
{
    if (rename_key(c, false))
        reply_ok(c->reply);
}

void cmd_renamenx(struct call *c)
{
    if (rename_key(c, true))
        reply_int(c->reply, 1);
}

/* ---- COPY, MOVE ---------------------------------------------------------------------------- */

struct copy_options {
    int db;
    bool replace;
};

static bool want_copy_options(struct call *c, struct copy_options *out)
{
    *out = (struct copy_options){ .db = c->db };
    for (int i = 3; i < c->argc; i++) {
        if (bytes_is_word(c->argv[i], "replace")) {
            out->replace = true;
        } else if (bytes_is_word(c->argv[i], "db") && i + 1 < c->argc) {
            if (!want_db(c, ++i, NULL, &out->db))
                return false;
        } else {
            refuse_syntax(c);
            return false;
        }
    }
    return true;
}

static void reply_nothing_done(struct call *c)
{
    reply_int(c->reply, 0);
    call_no_effect(c);
}

void cmd_copy(struct call *c)
{
    struct keyspace *ks = call_keyspace(c);
    struct copy_options o;
    const struct entry *e;
    struct value v;

    if (!want_copy_options(c, &o))
        return;
    if (o.db == c->db && bytes_eq(c->argv[1], c->argv[2])) {
        refuse(c, "ERR source and destination objects are the same");
        return;
    }
    if (!call_read(c, 1, 0)) {
        reply_nothing_done(c);
        return;
    }
    if (keyspace_write(ks, o.db, c->argv[2], call_door(c))) {
        if (!o.replace) {
            reply_nothing_done(c);
            return;
        }
        keyspace_delete(ks, o.db, c->argv[2], call_door(c));
    }
    e = call_read(c, 1, DOOR_NO_TOUCH | DOOR_NO_STATS);
    v = keyspace_copy_value(ks, e);
    keyspace_put(ks, o.db, c->argv[2], &v, entry_expiry_ms(e), call_door(c));
    keyspace_event(ks, NOTIFY_GENERIC, "copy_to", o.db, c->argv[2]);
    c->changes = 1;
    reply_int(c->reply, 1);
}

void cmd_move(struct call *c)
{
    struct keyspace *ks = call_keyspace(c);
    int db;

    if (!want_db(c, 2, NULL, &db))
        return;
    if (db == c->db) {
        refuse(c, "ERR source and destination objects are the same");
        return;
    }
    if (!call_write(c, 1) || !keyspace_move(ks, c->db, c->argv[1], db, call_door(c))) {
        reply_nothing_done(c);
        return;
    }
    keyspace_event(ks, NOTIFY_GENERIC, "move_from", c->db, c->argv[1]);
    keyspace_event(ks, NOTIFY_GENERIC, "move_to", db, c->argv[1]);
    c->changes = 1;
    reply_int(c->reply, 1);
}
