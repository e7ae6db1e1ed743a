/*
 * parts - what the keyspace keeps about values that it cannot look into: what they need of RDB, and when
 * parts of them end although they do not.
 *
 *     space.parts, in order of time:   [ clock ][ clock ][ clock ] ..
 *                                          \-> entry of a hash, one of whose fields ends then
 *
 * A value with such parts owns a struct part_clock, which stands here under a moment that is never later
 * than the first end among them. When it comes, a batch goes, and the clock is set anew.
 */
#include "common/clock.h"
#include "node/keyspace/inner.h"

enum {
    WAIT_MS = 20
}; /* of a large value that a walk wants first: its ended parts are hidden meanwhile */

int64_t part_clock_at(const void *clock)
{
    return ((const struct part_clock *)clock)->at_ms;
}

/* NULL: no part of it ends. */
static struct part_clock *clock_of(const struct keyspace *ks, const struct entry *e)
{
    const struct value_ops *ops = ops_of(ks, e);

    return entry_form(e) == FORM_APART && ops->parts ? ops->parts->clock(entry_apart(e)) : NULL;
}

static void set_clock(struct keyspace *ks, struct space *sp, struct entry *e, int64_t at_ms)
{
    struct part_clock *c = clock_of(ks, e);

    if (LIKELY(!c))
        return;
    c->entry = e;
    if (c->at_ms == at_ms)
        return;
    if (c->at_ms != PART_NEVER)
        deadlines_remove(&sp->parts, c, c->at_ms);
    c->at_ms = at_ms;
    if (at_ms == PART_NEVER)
        return;
    deadlines_add(&sp->parts, c);
    if (at_ms < ks->next_expiry_ms)
        ks->next_expiry_ms = at_ms;
}

static void set_need(struct space *sp, struct entry *e, enum value_need need)
{
    enum value_need had = entry_need(e);

    if (LIKELY(need == had))
        return;
    sp->needs[had] -= had != NEED_NOTHING;
    sp->needs[need] += need != NEED_NOTHING;
    entry_set_need(e, need);
}

static int64_t next_end(const struct keyspace *ks, const struct entry *e)
{
    const struct value_ops *ops = ops_of(ks, e);

    return ops->parts ? ops->parts->next(entry_apart(e)) : PART_NEVER;
}

void note_value(struct keyspace *ks, struct space *sp, struct entry *e)
{
    if (entry_form(e) != FORM_APART)
        return;
    sp->held_structures = true;
    set_need(sp, e, need_of(ks, e));
    set_clock(ks, sp, e, next_end(ks, e));
}

void forget_value(struct keyspace *ks, struct space *sp, struct entry *e)
{
    set_need(sp, e, NEED_NOTHING);
    set_clock(ks, sp, e, PART_NEVER);
}

void note_moved(const struct keyspace *ks, struct entry *e)
{
    struct part_clock *c = clock_of(ks, e);

    if (c)
        c->entry = e;
}

/* ---- when their time has come ---- */

struct told {
    struct keyspace *ks;
    int db;
    struct bytes key;
};

static void tell(void *arg, const struct bytes *names, int count)
{
    const struct told *t = arg;

    if (t->ks->hooks.parts_expired)
        t->ks->hooks.parts_expired(t->ks->hooks.arg, t->db, t->key, names, count);
}

/* NULL: the last part went, and the key. */
static struct entry *expire_batch(struct keyspace *ks, int db, struct entry *e)
{
    const struct value_ops *ops = ops_of(ks, e);
    struct told told = { ks, db, entry_key(e) };
    struct space *sp = ks->spaces[db];
    void *apart = entry_apart(e);
    int gone;

    walk_before_change(ks, sp, e);
    gone = ops->parts->expire(&apart, (int64_t)ks->wall_ms(), tell, &told);
    entry_set_apart(e, apart);
    ks->stats.expired_parts += (uint64_t)gone;
    if (gone)
        keyspace_event(ks, NOTIFY_HASH, "hexpired", db, told.key);
    if (ops->length(apart) == 0) {
        detach_entry(ks, sp, e, table_hash(told.key));
        keyspace_event(ks, NOTIFY_GENERIC, "del", db, told.key);
        hear_changed(ks, db, told.key);
        discard_entry(ks, sp, e, ks->lazily->expire);
        return NULL;
    }
    note_value(ks, sp, e);
    if (gone)
        hear_changed(ks, db, told.key);
    return e;
}

static bool must_wait(const struct keyspace *ks, const struct space *sp, const struct entry *e)
{
    return walk_wants(ks, sp, e) && entry_bytes(e, ops_of(ks, e)) >= WALK_LARGE_BYTES;
}

struct entry *keyspace_settle(struct keyspace *ks, int db, struct bytes key, uint32_t flags)
{
    struct space *sp = ks->spaces[db];
    const struct table_slot *slot = table_find(&sp->table, table_hash(key), key);
    struct entry *e = slot ? table_thing(slot) : NULL;

    if (!e || ks->follower || flags & DOOR_STREAM || must_wait(ks, sp, e) ||
        next_end(ks, e) >= (int64_t)ks->wall_ms())
        return e;
    return expire_batch(ks, db, e);
}

int64_t expire_parts(struct keyspace *ks, int db, int64_t now, uint64_t end_us, bool *out_done)
{
    struct space *sp = ks->spaces[db];
    void *due[DEADLINES_LEAF];
    int64_t next = INT64_MAX;
    int count;

    *out_done = true;
    while ((count = deadlines_due(&sp->parts, now, due, &next)) > 0) {
        for (int i = 0; i < count; i++) {
            struct entry *e = ((struct part_clock *)due[i])->entry;

            if (must_wait(ks, sp, e))
                set_clock(ks, sp, e, now + WAIT_MS);
            else
                expire_batch(ks, db, e);
            if (clock_read_us() >= end_us) {
                *out_done = false;
                return now;
            }
        }
    }
    return next;
}
