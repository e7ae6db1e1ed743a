/*
 * generic_scan - looking for keys: SCAN, KEYS, RANDOMKEY.
 */
#include <string.h>

#include "common/alloc.h"
#include "node/types/arguments.h"
#include "node/types/generic.h"
#include "node/types/scan.h"
#include "node/types/types.h"

/* Entries that were found; borrowed, so nothing may change before they are replied. */
struct found {
    const struct keyspace *ks;
    struct scan scan;  /* its pattern also for KEYS */
    struct bytes type; /* at NULL: every type */
    const struct entry **entries;
    size_t count, room;
    uint64_t seen;    /* those that did not match included */
    bool deletes;     /* what has expired, as a door does */
    struct buf stale; /* such keys: a length, the bytes, a length, … */
};

static bool is_of_type(const struct found *f, const struct entry *e)
{
    return !f->type.at || bytes_is_word(f->type, type_word(entry_type(e)));
}

static void note_stale(struct found *f, struct bytes key)
{
    buf_append(&f->stale, &key.len, sizeof key.len);
    buf_add(&f->stale, key);
}

static void collect(void *arg, const struct entry *e)
{
    struct found *f = arg;

    f->seen++;
    if (!scan_matches(&f->scan, entry_key(e)))
        return;
    if (keyspace_expired(f->ks, e)) {
        if (f->deletes)
            note_stale(f, entry_key(e));
        return;
    }
    if (!is_of_type(f, e))
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

void cmd_keys(struct call *c)
{
    struct found f = { .ks = call_keyspace(c) };

    if (!bytes_is(c->argv[1], "*")) /* which matches everything: no need to look */
        f.scan.pattern = c->argv[1];
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

/* The door deletes what has expired, where that is this node's to do. */
static void delete_stale(struct call *c, struct found *f)
{
    struct bytes key;

    for (size_t at = 0; at < f->stale.len; at += key.len) {
        memcpy(&key.len, f->stale.at + at, sizeof key.len);
        at += sizeof key.len;
        key.at = f->stale.at + at;
        (void)keyspace_read(call_keyspace(c), c->db, key,
                            call_door(c) | DOOR_NO_TOUCH | DOOR_NO_STATS);
    }
    buf_fini(&f->stale);
}

void cmd_scan(struct call *c)
{
    struct found f = { .ks = call_keyspace(c), .deletes = true };

    if (!want_scan_cursor(c, 1, &f.scan) || !want_scan_options(c, 2, &f.scan, &f.type))
        return;
    do {
        f.scan.cursor = keyspace_scan(f.ks, c->db, f.scan.cursor, collect, &f);
    } while (scan_goes_on(&f.scan, f.seen));
    reply_scan_head(c, &f.scan);
    reply_found(c, &f);
    delete_stale(c, &f);
}
