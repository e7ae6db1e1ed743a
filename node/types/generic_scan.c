/*
 * generic_scan - looking for keys: SCAN, KEYS, RANDOMKEY.
 */
#include <string.h>

#include "common/alloc.h"
#include "node/types/arguments.h"
#include "node/types/generic.h"
#include "node/types/types.h"

/* Entries that were found; borrowed, so nothing may change before they are replied. */
struct found {
    const struct keyspace *ks;
    struct bytes pattern; /* at NULL: every key */
    struct bytes type;    /* at NULL: every type */
    const struct entry **entries;
    size_t count, room;
    uint64_t seen; /* those that did not match included */
};

static bool matches(const struct found *f, const struct entry *e)
{
    if (f->type.at && !bytes_is_word(f->type, type_word(entry_type(e))))
        return false;
    if (f->pattern.at && !glob_match(f->pattern, entry_key(e), false))
        return false;
    return !keyspace_expired(f->ks, e);
}

static void collect(void *arg, const struct entry *e)
{
    struct found *f = arg;

    f->seen++;
    if (!matches(f, e))
        return;
    if (f->count == f->room) {
        f->room = f->room ? f->room * 2 : 64;
        f->entries = xrealloc(f->entries, f->room * sizeof *f->entries);
    }
    f->entries[f->count++] = e;
}

static void reply_found(struct call *c, struct found *f)
{
    reply_array(c->reply, f->count);
    for (size_t i = 0; i < f->count; i++)
        reply_bulk(c->reply, entry_key(f->entries[i]));
    xfree(f->entries);
}

/* A lone star matches everything: no need to look at each name. */
static struct bytes pattern_of(struct bytes text)
{
    return bytes_is(text, "*") ? (struct bytes){ 0 } : text;
}

void cmd_keys(struct call *c)
{
    struct found f = { .ks = call_keyspace(c), .pattern = pattern_of(c->argv[1]) };

    keyspace_each(f.ks, c->db, collect, &f);
    reply_found(c, &f);
}

void cmd_randomkey(struct call *c)
{
    const struct entry *e = keyspace_random(call_keyspace(c), c->db);

    if (e)
        reply_bulk(c->reply, entry_key(e));
    else
        reply_null(c->reply);
}

/* ---- SCAN ---------------------------------------------------------------------------------- */

enum { SCAN_COUNT = 10, SCAN_EMPTY_BUCKETS = 10 };

static bool want_scan_options(struct call *c, struct found *f, int64_t *out_count)
{
    *out_count = SCAN_COUNT;
    for (int i = 2; i < c->argc; i += 2) {
        bool last = i + 1 == c->argc;

        if (bytes_is_word(c->argv[i], "count") && !last) {
            if (!want_i64(c, i + 1, out_count))
                return false;
            if (*out_count >= 1)
                continue;
        } else if (bytes_is_word(c->argv[i], "match") && !last) {
            f->pattern = pattern_of(c->argv[i + 1]);
            continue;
        } else if (bytes_is_word(c->argv[i], "type") && !last) {
            f->type = c->argv[i + 1];
            continue;
        }
        refuse_syntax(c);
        return false;
    }
    return true;
}

/* As strtoul reads it, which is what Redis accepts: a sign, leading zeros. */
static bool want_cursor(struct call *c, uint64_t *out)
{
    struct bytes text = c->argv[1];
    uint64_t v = 0;
    bool minus = text.len && text.at[0] == '-';
    size_t i = minus || (text.len && text.at[0] == '+');

    if (i && i == text.len) {
        refuse(c, "ERR invalid cursor");
        return false;
    }
    for (; i < text.len; i++) {
        uint64_t digit = (uint64_t)(unsigned char)text.at[i] - '0';

        if (digit > 9 || __builtin_mul_overflow(v, UINT64_C(10), &v) ||
            __builtin_add_overflow(v, digit, &v)) {
            refuse(c, "ERR invalid cursor");
            return false;
        }
    }
    *out = minus ? -v : v;
    return true;
}

void cmd_scan(struct call *c)
{
    struct found f = { .ks = call_keyspace(c) };
    uint64_t cursor, turns;
    int64_t count;
    char text[ENTRY_INT_TEXT];

    if (!want_cursor(c, &cursor) || !want_scan_options(c, &f, &count))
        return;
    turns = (uint64_t)count < UINT64_MAX / SCAN_EMPTY_BUCKETS ? (uint64_t)count * SCAN_EMPTY_BUCKETS
                                                              : UINT64_MAX;
    do {
        cursor = keyspace_scan(f.ks, c->db, cursor, collect, &f);
    } while (cursor && --turns && f.seen < (uint64_t)count);
    reply_array(c->reply, 2);
    reply_bulk(c->reply, (struct bytes){ text, fmt_u64(text, cursor) });
    reply_found(c, &f);
}
