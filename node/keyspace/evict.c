/*
 * evict - which key leaves when memory is short.
 *
 * The idlest, or rarest, of all keys is not known without asking each, so some are drawn at random and
 * the best ever drawn are kept in a pool: what a draw turns up and does not use is there for the next.
 * An entry is in the pool by its address and hash, and is looked for in its table before anybody looks
 * at it; one that was used since it was drawn goes back. The soonest to expire is known exactly.
 */
#include <string.h>

#include "common/alloc.h"
#include "node/keyspace/inner.h"

static uint64_t dice(void *arg)
{
    return rng_next(arg);
}

/* How much sooner than others it should leave. */
static uint64_t score_of(const struct keyspace *ks, enum evict_order order, const struct entry *e)
{
    if (order == EVICT_IDLEST)
        return keyspace_idle_seconds(ks, e);
    return (uint64_t)(255 - keyspace_frequency(ks, e));
}

/* ---- the pool: best last ---- */

static bool pooled(const struct evict_pool *p, const struct entry *e)
{
    for (int i = 0; i < p->count; i++)
        if (p->candidates[i].entry == e)
            return true;
    return false;
}

static void pool_offer(struct evict_pool *p, struct entry *e, int db, uint64_t score)
{
    int at = 0;

    if (p->count == EVICT_POOL && score <= p->candidates[0].score)
        return;
    if (pooled(p, e))
        return;
    while (at < p->count && p->candidates[at].score < score)
        at++;
    if (p->count == EVICT_POOL) { /* the worst goes */
        at--;
        memmove(p->candidates, p->candidates + 1, (size_t)at * sizeof *p->candidates);
    } else {
        memmove(p->candidates + at + 1, p->candidates + at,
                (size_t)(p->count - at) * sizeof *p->candidates);
        p->count++;
    }
    p->candidates[at] = (struct evict_candidate){
        .entry = e, .hash = table_hash(entry_key(e)), .db = db, .score = score
    };
}

/* ---- drawing ---- */

struct draw {
    struct keyspace *ks;
    const struct eviction *how;
    int db, seen;
};

static void draw_one(void *arg, void *thing)
{
    struct draw *d = arg;

    pool_offer(&d->ks->pool, thing, d->db, score_of(d->ks, d->how->order, thing));
    d->seen++;
}

static void draw_from(struct draw *d, const struct space *sp)
{
    /* A draw from the table shows a whole bucket of about TABLE_LOAD; one from the index deserves as much. */
    enum { BUCKETS_EMPTY_MAX = 100, DRAWS_PER_SAMPLE = 2 };

    d->seen = 0;
    if (d->how->expiring_only) {
        while (sp->deadlines.count && d->seen / DRAWS_PER_SAMPLE < d->how->samples)
            draw_one(d, deadlines_random(&sp->deadlines, dice, &d->ks->rng));
        return;
    }
    for (int i = 0; sp->table.count && d->seen < d->how->samples && i < BUCKETS_EMPTY_MAX; i++)
        table_sample(&sp->table, rng_next(&d->ks->rng), draw_one, d);
}

static struct entry *best_drawn(struct keyspace *ks, const struct eviction *how, int *out_db)
{
    struct draw d = { .ks = ks, .how = how };
    struct evict_pool *p = &ks->pool;

    for (d.db = 0; d.db < ks->databases; d.db++)
        draw_from(&d, ks->spaces[d.db]);
    while (p->count) {
        struct evict_candidate c = p->candidates[--p->count];

        if (!table_holds(&ks->spaces[c.db]->table, c.hash, c.entry) ||
            (how->expiring_only && entry_expiry_ms(c.entry) == NO_EXPIRY) ||
            score_of(ks, how->order, c.entry) < c.score)
            continue;
        *out_db = c.db;
        return c.entry;
    }
    return NULL;
}

/* ---- the other orders ---- */

static struct entry *soonest(const struct keyspace *ks, int *out_db)
{
    struct entry *first = NULL;

    for (int db = 0; db < ks->databases; db++) {
        struct entry *e = deadlines_first(&ks->spaces[db]->deadlines);

        if (!e || (first && entry_expiry_ms(e) >= entry_expiry_ms(first)))
            continue;
        first = e;
        *out_db = db;
    }
    return first;
}

/* Databases take turns. */
static struct entry *any(struct keyspace *ks, bool expiring_only, int *out_db)
{
    for (int i = 0; i < ks->databases; i++) {
        int db = (int)(ks->pool.next_db++ % (unsigned)ks->databases);
        struct space *sp = ks->spaces[db];
        struct entry *e = expiring_only ? deadlines_random(&sp->deadlines, dice, &ks->rng)
                                        : table_random(&sp->table, dice, &ks->rng);

        *out_db = db;
        if (e)
            return e;
    }
    return NULL;
}

static struct entry *choose(struct keyspace *ks, const struct eviction *how, int *out_db)
{
    struct entry *e;

    if (how->order == EVICT_SOONEST)
        return soonest(ks, out_db);
    if (how->order != EVICT_ANY) {
        if (ks->pool.order != how->order || ks->pool.expiring_only != how->expiring_only)
            ks->pool =
                (struct evict_pool){ .order = how->order, .expiring_only = how->expiring_only };
        e = best_drawn(ks, how, out_db);
        if (e)
            return e; /* else all that was drawn has been used since */
    }
    return any(ks, how->expiring_only, out_db);
}

static void tell(struct keyspace *ks, struct entry *e, int db)
{
    struct bytes key = entry_key(e);

    if (ks->hooks.evicted)
        ks->hooks.evicted(ks->hooks.arg, db, key);
    hear_gone(ks, db, e);
    hear_changed(ks, db, key);
    keyspace_event(ks, NOTIFY_EVICTED, "evicted", db, key);
}

bool keyspace_evict(struct keyspace *ks, const struct eviction *how, int64_t *told_bytes)
{
    const _Atomic int64_t *own_bytes = alloc_own_bytes();
    int64_t before_bytes;
    struct entry *e;
    int db;

    e = choose(ks, how, &db);
    if (!e)
        return false;
    detach_entry(ks, ks->spaces[db], e, table_hash(entry_key(e)));
    ks->stats.evicted++;
    before_bytes = *own_bytes;
    tell(ks, e, db);
    *told_bytes += *own_bytes - before_bytes;
    discard_entry(ks, ks->spaces[db], e, ks->lazily->eviction);
    return true;
}
