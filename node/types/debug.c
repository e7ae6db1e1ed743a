/*
 * debug - the parts of DEBUG that look into the keyspace.
 */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "common/settings.h"
#include "node/persist/rdb_write.h"
#include "node/types/arguments.h"
#include "node/types/digest.h"
#include "node/types/types.h"

static const uint64_t sleep_us_max = UINT64_C(3600) * 1000000;

static void reply_digest(struct call *c, const unsigned char digest[DIGEST_LEN])
{
    char hex[2 * DIGEST_LEN + 1];

    for (int i = 0; i < DIGEST_LEN; i++)
        snprintf(hex + 2 * i, 3, "%02x", digest[i]);
    reply_simple(c->reply, hex);
}

static void debug_digest(struct call *c)
{
    unsigned char digest[DIGEST_LEN];

    digest_keyspace(call_keyspace(c), digest);
    reply_digest(c, digest);
}

static void debug_digest_value(struct call *c)
{
    reply_array(c->reply, (size_t)c->argc - 2);
    for (int i = 2; i < c->argc; i++) {
        const struct entry *e =
            keyspace_read(call_keyspace(c), c->db, c->argv[i], DOOR_NO_TOUCH | DOOR_NO_STATS);
        unsigned char digest[DIGEST_LEN] = { 0 };

        if (e)
            digest_value(call_keyspace(c), e, digest);
        reply_digest(c, digest);
    }
}

static size_t serialized_bytes(const struct keyspace *ks, const struct entry *e)
{
    char scratch[ENTRY_INT_TEXT];
    struct buf out = { 0 };
    size_t len;

    if (entry_type(e) != VALUE_STRING)
        return keyspace_type(ks, entry_type(e))->bytes(entry_apart(e));
    rdb_put_string(&out, entry_text(e, scratch), true);
    len = out.len;
    buf_fini(&out);
    return len;
}

static void debug_object(struct call *c)
{
    const struct keyspace *ks = call_keyspace(c);
    const struct entry *e =
        keyspace_read(call_keyspace(c), c->db, c->argv[2],
                      DOOR_STREAM | DOOR_NO_TOUCH | DOOR_NO_STATS); /* also what has expired */
    char text[256];

    if (!e) {
        refuse(c, "ERR no such key");
        return;
    }
    snprintf(
        text, sizeof text,
        "Value at:%p refcount:%lld encoding:%s serializedlength:%zu lru:%u lru_seconds_idle:%llu",
        (const void *)e, (long long)reference_count(ks, e), encoding_word(ks, e),
        serialized_bytes(ks, e), (unsigned)entry_clock(e),
        (unsigned long long)keyspace_idle_seconds(ks, e));
    reply_simple(c->reply, text);
}

/* How full the table of a database is. */
static void debug_htstats(struct call *c)
{
    struct keyspace_db_stats s;
    int db;

    if (!want_db(c, 2, NULL, &db))
        return;
    keyspace_db_stats(call_keyspace(c), db, &s);
    reply_bulkf(c->reply,
                "keys: %llu\nkeys with expiry: %llu\ntable bytes: %llu\nentry bytes: %llu\n"
                "expiry index bytes: %llu\ntable bytes per key: %.2f\n",
                (unsigned long long)s.keys, (unsigned long long)s.expires,
                (unsigned long long)s.table_bytes, (unsigned long long)s.entry_bytes,
                (unsigned long long)s.index_bytes,
                s.keys ? (double)s.table_bytes / (double)s.keys : 0.);
}

/* What a value costs; encoding: how it must be kept for the question to make sense. */
static void show_structure(struct call *c, const char *encoding)
{
    const struct keyspace *ks = call_keyspace(c);
    const struct entry *e =
        keyspace_read(call_keyspace(c), c->db, c->argv[2],
                      DOOR_STREAM | DOOR_NO_TOUCH | DOOR_NO_STATS); /* also what has expired */
    const struct value_ops *ops;

    if (!e) {
        refuse(c, "ERR no such key");
        return;
    }
    if (entry_form(e) != FORM_APART || strcmp(encoding_word(ks, e), encoding) != 0) {
        reply_errorf(c->reply, "ERR Not a %s encoded object.", encoding);
        return;
    }
    ops = keyspace_type(ks, entry_type(e));
    reply_bulkf(c->reply, "encoding:%s elements:%zu bytes:%zu", encoding,
                ops->length(entry_apart(e)), ops->bytes(entry_apart(e)));
}

static void debug_listpack(struct call *c)
{
    show_structure(c, "listpack");
}

static void debug_quicklist(struct call *c)
{
    show_structure(c, "quicklist");
}

/* A set or hash that is a table. */
static void debug_htstats_key(struct call *c)
{
    const struct keyspace *ks = call_keyspace(c);
    const struct entry *e =
        keyspace_read(call_keyspace(c), c->db, c->argv[2],
                      DOOR_STREAM | DOOR_NO_TOUCH | DOOR_NO_STATS); /* also what has expired */

    if (!e)
        refuse(c, "ERR no such key");
    else if (strcmp(encoding_word(ks, e), "hashtable") != 0)
        refuse(c,
               "ERR The value stored at the specified key is not represented using an hash table");
    else
        reply_bulkf(c->reply, "number of elements: %zu\nbytes: %zu\n",
                    keyspace_type(ks, entry_type(e))->length(entry_apart(e)),
                    keyspace_type(ks, entry_type(e))->bytes(entry_apart(e)));
}

/* Where an element becomes a block of its own: with us, where it does not fit into one with others. So there is
 * nothing to set, and tests that set it see the same lists. */
static void debug_packed_threshold(struct call *c)
{
    uint64_t bytes;

    if (!parse_memory(c->argv[2], &bytes) || bytes >= UINT64_C(1) << 32)
        refuse(c, "ERR argument must be a memory value bigger than 1 and smaller than 4gb");
    else
        reply_ok(c->reply);
}

static void debug_set_active_expire(struct call *c)
{
    int64_t on;

    if (!want_i64(c, 2, &on))
        return;
    keyspace_set_active_expiry(call_keyspace(c), on != 0);
    reply_ok(c->reply);
}

/* Blocks everything, as a slow command would: for tests of those who watch. */
static void debug_sleep(struct call *c)
{
    double seconds;
    uint64_t us;

    if (!bytes_to_double(c->argv[2], &seconds)) {
        refuse(c, "ERR value is not a valid float");
        return;
    }
    us = seconds <= 0                           ? 0
         : seconds * 1e6 > (double)sleep_us_max ? sleep_us_max
                                                : (uint64_t)(seconds * 1e6);
    usleep((useconds_t)us);
    reply_ok(c->reply);
}

/* Matches a pattern with a text of that many letters a: how glob_match behaves when it is long. */
static void debug_stringmatch_len(struct call *c)
{
    enum { TEXT_MAX = 1 << 20 };
    struct buf text = { 0 };
    int64_t len;

    if (!want_i64(c, 2, &len))
        return;
    if (len < 0 || len > TEXT_MAX) {
        refuse(c, "ERR value is out of range");
        return;
    }
    for (int64_t i = 0; i < len; i++)
        buf_putc(&text, 'a');
    reply_int(c->reply, glob_match(c->argv[3], buf_bytes(&text), false));
    buf_fini(&text);
}

/* count keys named prefix:0, prefix:1, …; those that exist stay as they are. Followers do not hear
 * of it. */
static void debug_populate(struct call *c)
{
    struct keyspace *ks = call_keyspace(c);
    struct bytes prefix = c->argc > 3 ? c->argv[3] : BYTES("key");
    struct buf key = { 0 }, value = { 0 };
    int64_t count, size = 0;

    if (!want_i64(c, 2, &count) || (c->argc > 4 && !want_i64(c, 4, &size)))
        return;
    if (count < 0 || size < 0 || (uint64_t)size > keyspace_text_max(ks)) {
        refuse(c, "ERR value is out of range, must be positive");
        return;
    }
    for (int64_t i = 0; i < count; i++) {
        struct value v = { .type = VALUE_STRING, .form = FORM_TEXT };

        key.len = value.len = 0;
        buf_printf(&key, "%.*s:%lld", (int)prefix.len, prefix.at, (long long)i);
        buf_printf(&value, "value:%lld", (long long)i);
        if (size && value.len < (size_t)size)
            memset(buf_reserve(&value, (size_t)size - value.len), 0, (size_t)size - value.len);
        v.text = (struct bytes){ value.at, size ? (size_t)size : value.len };
        if (!keyspace_write(ks, c->db, buf_bytes(&key), call_door(c)))
            keyspace_put(ks, c->db, buf_bytes(&key), &v, NO_EXPIRY, call_door(c));
    }
    buf_fini(&key);
    buf_fini(&value);
    call_no_effect(c);
    reply_ok(c->reply);
}

#define DEBUG_SUB(word, fn, args_min, args_max, arguments, sentence)                 \
    {                                                                                \
        .name = (word), .run = (fn), .argc_min = (args_min), .argc_max = (args_max), \
        .flags = CMD_ADMIN | CMD_NOSCRIPT | CMD_LOADING | CMD_STALE | CMD_PROTECTED, \
        .group = "server", .since = "1.0.0", .cost = "Depends on the subcommand",    \
        .args = (arguments), .help = (sentence)                                      \
    }

const struct command debug_keyspace_subs[] = {
    DEBUG_SUB("digest", debug_digest, 2, 2, NULL,
              "A fingerprint of all data, the same as that of any other Redis."),
    DEBUG_SUB("digest-value", debug_digest_value, 3, ARGC_ANY, "key+",
              "The fingerprint of each of these values."),
    DEBUG_SUB("htstats", debug_htstats, 3, 3, "db:integer", "How full a database's table is."),
    DEBUG_SUB("htstats-key", debug_htstats_key, 3, 4, "key [full]",
              "The size of a value kept as a hash table."),
    DEBUG_SUB("listpack", debug_listpack, 3, 3, "key", "The size of a value kept as a listpack."),
    DEBUG_SUB("quicklist", debug_quicklist, 3, 4, "key [detail:integer]",
              "The size of a value kept as a quicklist."),
    DEBUG_SUB("quicklist-packed-threshold", debug_packed_threshold, 3, 3, "bytes",
              "Accepted, and changes nothing: an element that does not fit is alone in its block."),
    DEBUG_SUB("object", debug_object, 3, 3, "key", "How a value is kept."),
    DEBUG_SUB("populate", debug_populate, 3, 5, "count:integer [prefix [size:integer]]",
              "Makes so many strings, without telling followers."),
    DEBUG_SUB("set-active-expire", debug_set_active_expire, 3, 3, "on:integer",
              "1: keys go when their time comes; 0: only when somebody asks for them."),
    DEBUG_SUB("sleep", debug_sleep, 3, 3, "seconds:double", "Stops the whole node for so long."),
    DEBUG_SUB("stringmatch-len", debug_stringmatch_len, 4, 4, "length:integer pattern",
              "Matches a pattern with a text of that many letters a."),
    { 0 },
};
