/*
 * expire - keys whose time has come, and parts of values (parts.c), deleted in order of time and in slices.
 */
#include "common/clock.h"
#include "node/keyspace/inner.h"

/* A key lives through the millisecond of its deadline. */
static int64_t moment_after(int64_t deadline_ms)
{
    return deadline_ms == INT64_MAX ? INT64_MAX : deadline_ms + 1;
}

int64_t keyspace_next_expiry_ms(const struct keyspace *ks)
{
    return ks->follower || !ks->active_expiry ? INT64_MAX : moment_after(ks->next_expiry_ms);
}

int64_t keyspace_expire_key(struct keyspace *ks, int db, struct bytes key)
{
    const struct table_slot *slot = table_find(&ks->spaces[db]->table, table_hash(key), key);
    struct entry *e = slot ? table_thing(slot) : NULL;

    if (!e)
        return NO_EXPIRY;
    if (!keyspace_expired(ks, e))
        return entry_expiry_ms(e);
    expire_entry(ks, db, e);
    return NO_EXPIRY;
}

/* Deletes what is due in one database until the time is up. Returns its next deadline; *out_done is
 * false when the time was up first. */
static int64_t expire_db(struct keyspace *ks, int db, int64_t now, uint64_t end_us, bool *out_done)
{
    void *due[DEADLINES_LEAF];
    int64_t next = INT64_MAX;
    int count;

    *out_done = true;
    while ((count = deadlines_due(&ks->spaces[db]->deadlines, now, due, &next)) > 0) {
        for (int i = 0; i < count; i++)
            expire_entry(ks, db, due[i]);
        if (clock_read_us() >= end_us) {
            *out_done = false;
            return now;
        }
    }
    return next;
}

int64_t keyspace_expire_due(struct keyspace *ks, uint64_t budget_us)
{
    uint64_t start_us = clock_read_us();
    int64_t now = (int64_t)ks->wall_ms(), next = INT64_MAX;
    bool done = true;

    if (keyspace_sweeping(ks))
        keyspace_walk_step(ks, budget_us / 4);
    if (ks->follower || !ks->active_expiry)
        return INT64_MAX;
    if (ks->next_expiry_ms >= now)
        return moment_after(ks->next_expiry_ms);
    for (int db = 0; db < ks->databases && done; db++) {
        int64_t at = expire_db(ks, db, now, start_us + budget_us, &done);

        if (at < next)
            next = at;
        at = done ? expire_parts(ks, db, now, start_us + budget_us, &done) : next;
        if (at < next)
            next = at;
    }
    /* An interrupted round has not looked at every database: nothing is known of the next deadline
     * but that this round must go on. */
    if (done)
        ks->next_expiry_ms = next;
    ks->stats.expire_cycle_us += clock_read_us() - start_us;
    return done ? moment_after(next) : now;
}
