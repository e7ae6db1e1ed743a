/*
 * space - databases as wholes: made, flushed, exchanged, scanned, counted, checked.
 */
#include <string.h>

#include "common/alloc.h"
#include "common/clock.h"
#include "node/keyspace/inner.h"

static int64_t entry_deadline(const void *entry)
{
    return entry_expiry_ms(entry);
}

struct space *space_new(void)
{
    struct space *sp = xcalloc(1, sizeof *sp);

    sp->deadlines.of = entry_deadline;
    sp->parts.of = part_clock_at;
    sp->table.kind = &entry_table_kind;
    sp->walk_db = -1;
    return sp;
}

static void free_entry(void *thing, const void *arg)
{
    const struct keyspace *ks = arg;

    entry_free(thing, ks->types[entry_type(thing)]); /* types are set before the first key */
}

static void free_space(void *thing, const void *arg)
{
    struct space *sp = thing;

    deadlines_fini(&sp->deadlines);
    deadlines_fini(&sp->parts);
    table_fini(&sp->table, free_entry, arg);
    xfree(sp);
}

/* What hangs on entries of other types nobody has added up: then it is all that may be meant. Too much is told only
 * until the space is free, too little would cost others their keys (see keyspace_unfreed_bytes). */
static size_t space_bytes(const struct keyspace *ks, const struct space *sp)
{
    size_t known = sp->entry_bytes + sp->table.bytes + sp->deadlines.bytes + sp->parts.bytes;
    size_t used = alloc_used_bytes(), going = keyspace_unfreed_bytes(ks);

    return sp->held_structures && used > going + known ? used - going : known;
}

void space_discard(struct keyspace *ks, struct space *sp)
{
    if (sp->table.buckets == 0)
        free_space(sp, ks);
    else
        trash_put(ks->trash, &(struct trash_item){ .free_fn = free_space,
                                                   .thing = sp,
                                                   .arg = ks,
                                                   .bytes = space_bytes(ks, sp),
                                                   .objects = sp->lazily ? sp->table.count : 0 });
}

static const struct value_limits default_limits = {
    .hash_max_listpack_entries = 512,
    .hash_max_listpack_value_bytes = 64,
    .zset_max_listpack_entries = 128,
    .zset_max_listpack_value_bytes = 64,
    .hll_sparse_max_bytes = 3000,
    .set_max_intset_entries = 512,
    .list_max_listpack_size = -2,
    .stream_node_max_bytes = 4096,
    .stream_node_max_entries = 100,
};

static const struct lazy_free nothing_lazily;

struct keyspace *keyspace_new(const struct keyspace_options *options)
{
    struct keyspace *ks = xcalloc(1, sizeof *ks);
    uint64_t seed;

    ASSERT(options->databases >= 1 && options->databases <= KEYSPACE_DATABASES_MAX);
    ks->databases = options->databases;
    ks->wall_ms = options->wall_ms ? options->wall_ms : clock_wall_ms;
    ks->hooks = options->hooks;
    ks->limits = options->limits ? options->limits : &default_limits;
    ks->lazily = options->lazily ? options->lazily : &nothing_lazily;
    ks->active_expiry = ks->shares = true;
    ks->text_max = UINT64_C(512) << 20;
    ks->log_factor = 10;
    ks->decay_minutes = 1;
    ks->next_expiry_ms = INT64_MAX;
    random_bytes(&seed, sizeof seed);
    rng_seed(&ks->rng, seed);
    ks->trash = trash_new();
    walk_init(&ks->walk);
    ks->spaces = xcalloc((size_t)ks->databases, sizeof(struct space *));
    for (int db = 0; db < ks->databases; db++)
        ks->spaces[db] = space_new();
    return ks;
}

struct keyspace *keyspace_new_beside(const struct keyspace *ks)
{
    struct keyspace *beside = keyspace_new(&(struct keyspace_options){ .databases = ks->databases,
                                                                       .wall_ms = ks->wall_ms,
                                                                       .limits = ks->limits,
                                                                       .lazily = ks->lazily });

    for (int type = 0; type < VALUE_TYPES; type++)
        beside->types[type] = ks->types[type];
    beside->shares = ks->shares;
    beside->frequency =
        ks->frequency; /* or clocks that a payload brings are read as what they are not */
    beside->log_factor = ks->log_factor;
    beside->decay_minutes = ks->decay_minutes;
    beside->text_max = ks->text_max;
    return beside;
}

void keyspace_free(struct keyspace *ks)
{
    if (!ks)
        return;
    walk_end(ks);
    for (int db = 0; db < ks->databases; db++)
        free_space(ks->spaces[db], ks);
    trash_free(ks->trash);
    xfree(ks->spaces);
    xfree(ks);
}

void keyspace_set_hooks(struct keyspace *ks, const struct keyspace_hooks *hooks)
{
    ks->hooks = *hooks;
}

void keyspace_set_type(struct keyspace *ks, enum value_type type, const struct value_ops *ops)
{
    ks->types[type] = ops;
}

const struct value_ops *keyspace_type(const struct keyspace *ks, enum value_type type)
{
    return ks->types[type];
}

const struct value_limits *keyspace_limits(const struct keyspace *ks)
{
    return ks->limits;
}

const struct lazy_free *keyspace_lazily(const struct keyspace *ks)
{
    return ks->lazily;
}

void keyspace_set_follower(struct keyspace *ks, bool follower)
{
    ks->follower = follower;
}

bool keyspace_follows(const struct keyspace *ks)
{
    return ks->follower;
}

void keyspace_set_text_max(struct keyspace *ks, uint64_t bytes)
{
    ks->text_max = bytes;
}

uint64_t keyspace_text_max(const struct keyspace *ks)
{
    return ks->text_max;
}

void keyspace_set_active_expiry(struct keyspace *ks, bool on)
{
    ks->active_expiry = on;
}

void keyspace_set_shares(struct keyspace *ks, bool on)
{
    ks->shares = on;
}

bool keyspace_shares(const struct keyspace *ks)
{
    return ks->shares;
}

bool keyspace_active_expiry(const struct keyspace *ks)
{
    return ks->active_expiry;
}

void keyspace_set_frequency(struct keyspace *ks, bool on, int log_factor, int decay_minutes)
{
    ks->frequency = on;
    ks->log_factor = log_factor;
    ks->decay_minutes = decay_minutes;
}

bool keyspace_counts_frequency(const struct keyspace *ks)
{
    return ks->frequency;
}

int keyspace_databases(const struct keyspace *ks)
{
    return ks->databases;
}

uint64_t keyspace_wall_ms(const struct keyspace *ks)
{
    return ks->wall_ms();
}

static uint64_t flush_one(struct keyspace *ks, int db, bool lazily)
{
    struct space *sp = ks->spaces[db];
    uint64_t keys = sp->table.count;

    if (sp->table.buckets == 0)
        return 0;
    ks->spaces[db] = space_new();
    sp->lazily = lazily;
    if (!walk_adopts(ks, sp))
        space_discard(ks, sp);
    return keys;
}

static uint64_t flush(struct keyspace *ks, int db, bool lazily)
{
    uint64_t keys = 0;
    int first = db < 0 ? 0 : db, last = db < 0 ? ks->databases - 1 : db;

    if (ks->hooks.flushed)
        ks->hooks.flushed(ks->hooks.arg, db);
    for (int i = first; i <= last; i++)
        keys += flush_one(ks, i, lazily);
    return keys;
}

uint64_t keyspace_flush(struct keyspace *ks, int db)
{
    return flush(ks, db, false);
}

uint64_t keyspace_flush_lazily(struct keyspace *ks, int db)
{
    return flush(ks, db, true);
}

void keyspace_swap(struct keyspace *ks, int db, int other)
{
    struct space *sp = ks->spaces[db];

    if (db == other)
        return;
    if (ks->hooks.swapped)
        ks->hooks.swapped(ks->hooks.arg, db, other);
    ks->spaces[db] = ks->spaces[other];
    ks->spaces[other] = sp;
}

void keyspace_take_over(struct keyspace *ks, struct keyspace *other)
{
    ASSERT(other->databases == ks->databases && !other->walk.emit);
    walk_end(other); /* a sweep may have been left to do */
    flush(ks, -1, ks->lazily->follower_flush);
    for (int db = 0; db < ks->databases; db++) {
        struct space *empty = ks->spaces[db];

        ks->spaces[db] = other->spaces[db];
        /* One that was empty all the time may still be the walk's. */
        other->spaces[db] = walk_adopts(ks, empty) ? space_new() : empty;
    }
    ks->next_expiry_ms = other->next_expiry_ms;
    other->next_expiry_ms = INT64_MAX;
}

void keyspace_throw_away(struct keyspace *ks, struct keyspace *other)
{
    if (!other)
        return;
    walk_end(other);
    for (int db = 0; db < other->databases; db++) {
        space_discard(ks, other->spaces[db]);
        other->spaces[db] = space_new();
    }
    keyspace_free(other);
}

uint64_t keyspace_size(const struct keyspace *ks, int db)
{
    return ks->spaces[db]->table.count;
}

uint64_t keyspace_needs(const struct keyspace *ks, enum value_need need)
{
    uint64_t count = 0;

    ASSERT(need != NEED_NOTHING);
    for (int db = 0; db < ks->databases; db++)
        count += ks->spaces[db]->needs[need];
    return count;
}

struct shown {
    keyspace_each_fn *fn;
    void *arg;
};

static void show(void *arg, void *thing)
{
    const struct shown *s = arg;

    s->fn(s->arg, thing);
}

uint64_t keyspace_scan(const struct keyspace *ks, int db, uint64_t cursor, keyspace_each_fn *fn,
                       void *arg)
{
    struct shown s = { fn, arg };

    return table_scan(&ks->spaces[db]->table, cursor, show, &s);
}

void keyspace_each(const struct keyspace *ks, int db, keyspace_each_fn *fn, void *arg)
{
    uint64_t cursor = 0;

    do {
        cursor = keyspace_scan(ks, db, cursor, fn, arg);
    } while (cursor);
}

static uint64_t dice(void *arg)
{
    return rng_next(arg);
}

uint64_t keyspace_dice(struct keyspace *ks)
{
    return rng_next(&ks->rng);
}

struct live {
    const struct keyspace *ks;
    const struct entry *found;
};

static void keep_live(void *arg, void *thing)
{
    struct live *l = arg;

    if (!l->found && !keyspace_expired(l->ks, thing))
        l->found = thing;
}

/* From a bucket that chance names to the end, and from the beginning. */
static const struct entry *some_live(struct keyspace *ks, int db)
{
    struct live l = { .ks = ks };
    uint64_t cursor = rng_next(&ks->rng);

    for (int rounds = 0; rounds < 2 && !l.found; rounds += cursor == 0)
        cursor = table_scan(&ks->spaces[db]->table, cursor, keep_live, &l);
    return l.found;
}

const struct entry *keyspace_random(struct keyspace *ks, int db)
{
    enum { THROWS = 100 };
    const struct space *sp = ks->spaces[db];

    for (int throws = 1; throws <= THROWS; throws++) {
        struct entry *e = table_random(&sp->table, dice, &ks->rng);

        if (!e)
            return NULL;
        if (!keyspace_expired(ks, e))
            return e;
        if (!ks->follower)
            expire_entry(ks, db, e);
        else if (throws == THROWS && sp->deadlines.count == sp->table.count)
            return e; /* all may have expired: Redis names one all the same */
    }
    return some_live(ks, db);
}

void keyspace_db_stats(const struct keyspace *ks, int db, struct keyspace_db_stats *out)
{
    const struct space *sp = ks->spaces[db];
    uint64_t expires = sp->deadlines.count;
    int64_t sum = (int64_t)(sp->deadlines.sum_ms - expires * ks->wall_ms());

    *out = (struct keyspace_db_stats){
        .keys = sp->table.count,
        .expires = expires,
        .avg_ttl_ms = sum > 0 ? (uint64_t)sum / expires : 0,
        .entry_bytes = sp->entry_bytes,
        .table_bytes = sp->table.bytes,
        .index_bytes = sp->deadlines.bytes + sp->parts.bytes,
    };
}

void keyspace_stats(const struct keyspace *ks, struct keyspace_stats *out)
{
    *out = ks->stats;
    out->freed_later = trash_freed(ks->trash);
    out->pending_frees = trash_pending(ks->trash);
    out->walk_early = ks->walk.early;
    out->walk_kept_bytes = ks->walk.kept_bytes;
}

void keyspace_reset_stats(struct keyspace *ks)
{
    ks->stats = (struct keyspace_stats){ 0 };
    trash_reset_freed(ks->trash);
}

size_t keyspace_unfreed_bytes(const struct keyspace *ks)
{
    return trash_pending_bytes(ks->trash) + ks->walk.kept_bytes;
}

void keyspace_free_later(struct keyspace *ks, const struct trash_item *item)
{
    trash_put(ks->trash, item);
}

struct sums {
    const struct keyspace *ks;
    uint64_t expires;
    size_t bytes;
    uint64_t needs[VALUE_NEEDS];
    uint64_t clocks;
};

static void add_clock(struct sums *s, const struct entry *e)
{
    const struct part_ops *parts = ops_of(s->ks, e)->parts;
    const struct part_clock *clock = parts ? parts->clock(entry_apart(e)) : NULL;

    if (!clock) {
        ASSERT(!parts || parts->next(entry_apart(e)) == PART_NEVER);
        return;
    }
    ASSERT(clock->entry == e);
    ASSERT(clock->at_ms == PART_NEVER || clock->at_ms >= s->ks->next_expiry_ms);
    ASSERT(clock->at_ms <= parts->next(entry_apart(e)) || s->ks->walk.emit);
    s->clocks += clock->at_ms != PART_NEVER;
}

static void add_up(void *arg, const struct entry *e)
{
    struct sums *s = arg;

    s->expires += entry_expiry_ms(e) != NO_EXPIRY;
    s->bytes += entry_own_bytes(e);
    s->needs[entry_need(e)] += entry_need(e) != NEED_NOTHING;
    ASSERT(entry_need(e) == need_of(s->ks, e));
    if (entry_form(e) == FORM_APART)
        add_clock(s, e);
    ASSERT(entry_expiry_ms(e) == NO_EXPIRY || entry_expiry_ms(e) >= s->ks->next_expiry_ms);
}

void keyspace_check(const struct keyspace *ks)
{
    for (int db = 0; db < ks->databases; db++) {
        const struct space *sp = ks->spaces[db];
        struct sums s = { .ks = ks };

        table_check(&sp->table);
        deadlines_check(&sp->deadlines);
        keyspace_each(ks, db, add_up, &s);
        ASSERT(s.expires == sp->deadlines.count);
        ASSERT(s.bytes == sp->entry_bytes);
        ASSERT(memcmp(s.needs, sp->needs, sizeof s.needs) == 0);
        deadlines_check(&sp->parts);
        ASSERT(s.clocks == sp->parts.count);
    }
}
