/*
 * set_commands - one member or a few, one set or two: SADD, SREM, SMOVE, SSCAN. Chance is in
 * set_chance.c, intersections and the like in set_algebra.c, the rows in set_rows.c.
 */
#include "node/types/set_commands.h"

#include "node/types/arguments.h"
#include "node/types/scan.h"
#include "node/types/set.h"

/* A set of arguments under a key that is not there. Returns how many they are. */
static size_t add_new(struct call *c, int key, int first, int count)
{
    struct value v = { .type = VALUE_SET, .form = FORM_APART };
    struct set *s = set_new();

    for (int i = 0; i < count; i++)
        set_add(s, c->argv[first + i], keyspace_limits(call_keyspace(c)));
    v.apart = s;
    keyspace_put(call_keyspace(c), c->db, c->argv[key], &v, NO_EXPIRY, call_door(c));
    set_event(c, "sadd", key);
    return set_count(s);
}

/* Returns how many came to a set that is there. */
static size_t add_more(struct call *c, struct entry *e)
{
    struct set *s = entry_apart(e);
    size_t before = set_count(s), after;

    for (int i = 2; i < c->argc; i++)
        set_add(s, c->argv[i], keyspace_limits(call_keyspace(c)));
    after = set_count(s);
    if (after > before) {
        keyspace_changed(call_keyspace(c), c->db, e);
        set_event(c, "sadd", 1);
    } else {
        call_no_effect(c);
    }
    return after - before;
}

void cmd_sadd(struct call *c)
{
    struct entry *e = call_write(c, 1);

    if (!want_type(c, e, VALUE_SET))
        return;
    c->changes = e ? add_more(c, e) : add_new(c, 1, 2, c->argc - 2);
    reply_int(c->reply, (int64_t)c->changes);
}

void cmd_srem(struct call *c)
{
    struct entry *e = call_write(c, 1);
    int64_t removed = 0;
    struct set *s;

    if (!want_type(c, e, VALUE_SET))
        return;
    s = e ? entry_apart(e) : NULL;
    for (int i = 2; s && i < c->argc && set_count(s); i++)
        removed += set_remove(s, c->argv[i]);
    c->changes = (uint64_t)removed;
    if (removed)
        end_removal(c, e, 1, "srem", set_count(s) == 0);
    else
        call_no_effect(c);
    reply_int(c->reply, removed);
}

void cmd_scard(struct call *c)
{
    const struct entry *e = call_read(c, 1, 0);

    if (want_type(c, e, VALUE_SET))
        reply_int(c->reply, e ? (int64_t)set_count(entry_apart(e)) : 0);
}

void cmd_sismember(struct call *c)
{
    const struct entry *e = call_read(c, 1, 0);

    if (want_type(c, e, VALUE_SET))
        reply_int(c->reply, e && set_has(entry_apart(e), c->argv[2]));
}

void cmd_smismember(struct call *c)
{
    const struct entry *e = call_read(c, 1, 0);

    if (!want_type(c, e, VALUE_SET))
        return;
    reply_array(c->reply, (size_t)c->argc - 2);
    for (int i = 2; i < c->argc; i++)
        reply_int(c->reply, e && set_has(entry_apart(e), c->argv[i]));
}

/* ---- SMOVE --------------------------------------------------------------------------------- */

static void reply_unmoved(struct call *c, bool there)
{
    reply_int(c->reply, there);
    call_no_effect(c);
}

static void move_in(struct call *c)
{
    struct entry *to = call_write(c, 2);

    if (!to) {
        add_new(c, 2, 3, 1);
    } else if (set_add(entry_apart(to), c->argv[3], keyspace_limits(call_keyspace(c)))) {
        keyspace_changed(call_keyspace(c), c->db, to);
        set_event(c, "sadd", 2);
    }
}

void cmd_smove(struct call *c)
{
    struct entry *from = call_write(c, 1);
    bool same = bytes_eq(c->argv[1], c->argv[2]);
    struct set *s;

    if (!from) {
        reply_unmoved(c, false);
        return;
    }
    if (!want_type(c, from, VALUE_SET) || !want_type(c, call_write(c, 2), VALUE_SET))
        return;
    from = call_write(c, 1);
    s = entry_apart(from);
    if (same || !set_remove(s, c->argv[3])) {
        reply_unmoved(c, same && set_has(s, c->argv[3]));
        return;
    }
    end_removal(c, from, 1, "srem", set_count(s) == 0);
    move_in(c);
    reply_int(c->reply, 1);
}

/* ---- SSCAN --------------------------------------------------------------------------------- */

struct found {
    struct scan scan;
    uint64_t seen;
    struct buf members; /* RESP: the set may not change, but an integer's text does */
    size_t count;
};

static bool collect(void *arg, struct bytes member)
{
    struct found *f = arg;

    f->seen++;
    if (scan_matches(&f->scan, member)) {
        resp_put_bulk(&f->members, member);
        f->count++;
    }
    return true;
}

void cmd_sscan(struct call *c)
{
    struct found f = { .seen = 0 };
    const struct entry *e;

    if (!want_scan_cursor(c, 2, &f.scan))
        return;
    e = call_read(c, 1, 0);
    if (!want_type(c, e, VALUE_SET))
        return;
    if (e && !want_scan_options(c, 3, &f.scan, NULL))
        return;
    if (!e)
        f.scan.cursor = 0;
    else
        do {
            set_scan(entry_apart(e), &f.scan.cursor, collect, &f);
        } while (scan_goes_on(&f.scan, f.seen));
    reply_scan_head(c, &f.scan);
    reply_array(c->reply, f.count);
    reply_raw(c->reply, f.members.at, f.members.len);
    buf_fini(&f.members);
}
