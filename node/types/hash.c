#include "node/types/hash.h"

#include "common/alloc.h"
#include "node/types/hash_inner.h"

enum { THROWS = 64 }; /* at fields of which some have ended, before they are counted */

bool hash_is_packed(const struct hash *h)
{
    return (uintptr_t)h & 3;
}

bool hash_is_wide(const struct hash *h)
{
    return hash_is_packed(h) && hash_pack_times(h);
}

static struct hash_table *table_of(const struct hash *h)
{
    return (struct hash_table *)(uintptr_t)h;
}

struct hash_times *hash_times_new(void)
{
    struct hash_times *times = xcalloc(1, sizeof *times);

    times->clock.at_ms = times->first_ms = PART_NEVER;
    return times;
}

static struct hash_times *times_of(const struct hash *h)
{
    return hash_is_packed(h) ? hash_pack_times(h) : table_of(h)->times;
}

struct hash *hash_new(void)
{
    return hash_pack_new();
}

void hash_free(struct hash *h)
{
    if (!h)
        return;
    if (hash_is_packed(h))
        hash_pack_free(h);
    else
        hash_table_free(table_of(h));
}

static bool set_each(void *arg, const struct hash_field *f)
{
    hash_table_set(arg, f->name, f->value, f->expiry_ms);
    return true;
}

struct hash *hash_copy(const struct hash *h)
{
    struct hash_table *t;

    if (hash_is_packed(h))
        return hash_pack_copy(h);
    t = hash_table_new();
    hash_each(h, HASH_EVER, set_each, t);
    return (struct hash *)t;
}

size_t hash_count(const struct hash *h)
{
    return hash_is_packed(h) ? hash_pack_count(h) : table_of(h)->table.count;
}

static bool count_one(void *arg, const struct hash_field *f)
{
    (void)f;
    ++*(size_t *)arg;
    return true;
}

size_t hash_count_at(const struct hash *h, int64_t now_ms)
{
    size_t count = 0;

    if (hash_next_expiry(h) >= now_ms)
        return hash_count(h);
    if (!hash_is_packed(h))
        return hash_count(h) - deadlines_count_before(table_of(h)->times->order, now_ms);
    hash_each(h, now_ms, count_one, &count);
    return count;
}

size_t hash_bytes(const struct hash *h)
{
    return hash_is_packed(h) ? hash_pack_bytes(h) : hash_table_bytes(table_of(h));
}

/* ---- one field ---- */

static bool find(const struct hash *h, struct bytes name, char *scratch, struct hash_field *out)
{
    void *field;
    size_t at;

    if (hash_is_packed(h)) {
        char both[2 * HASH_SCRATCH];

        at = hash_pack_place(h, name);
        if (!at)
            return false;
        hash_pack_read(h, at, both, out);
        if (out->value.at == both + HASH_SCRATCH) {
            for (size_t i = 0; i < out->value.len; i++)
                scratch[i] = out->value.at[i];
            out->value.at = scratch;
        }
        out->name = name;
        return true;
    }
    field = hash_table_find(table_of(h), name);
    if (field)
        *out = hash_table_field(field);
    return field;
}

bool hash_find(const struct hash *h, struct bytes field, int64_t now_ms, char *scratch,
               struct hash_field *out)
{
    struct hash_field f;

    if (!find(h, field, scratch, &f) || hash_field_ended(&f, now_ms))
        return false;
    *out = f;
    return true;
}

static void become_table(struct hash **h)
{
    struct hash_table *t = hash_table_new();
    struct hash_times *times;

    hash_each(*h, HASH_EVER, set_each, t);
    times = hash_pack_dissolve(*h);
    if (times)
        hash_table_adopt(t, times);
    *h = (struct hash *)t;
}

/* An expiry needs a place for it. */
static void make_place(struct hash **h, int64_t expiry_ms)
{
    if (expiry_ms < 0 || !hash_is_packed(*h))
        return;
    if (!hash_pack_has_place(*h))
        become_table(h);
    else if (!hash_is_wide(*h))
        hash_pack_widen(h);
}

bool hash_set(struct hash **h, struct bytes field, struct bytes value, int64_t expiry_ms,
              const struct value_limits *limits)
{
    size_t most = limits->hash_max_listpack_value_bytes;
    bool is_new;

    make_place(h, expiry_ms);
    if (hash_is_packed(*h) &&
        (field.len > most || value.len > most || !hash_pack_has_room(*h, field, value)))
        become_table(h);
    if (!hash_is_packed(*h))
        return hash_table_set(table_of(*h), field, value, expiry_ms);
    is_new = hash_pack_set(h, field, value, expiry_ms);
    if ((int64_t)hash_count(*h) > limits->hash_max_listpack_entries)
        become_table(h);
    return is_new;
}

void hash_set_expiry(struct hash **h, struct bytes field, int64_t expiry_ms)
{
    size_t at;

    make_place(h, expiry_ms);
    if (!hash_is_packed(*h)) {
        hash_table_set_expiry(table_of(*h), field, expiry_ms);
        return;
    }
    at = hash_pack_place(*h, field);
    ASSERT(at);
    hash_pack_set_expiry(h, at, expiry_ms);
}

bool hash_remove(struct hash **h, struct bytes field)
{
    size_t at;

    if (!hash_is_packed(*h))
        return hash_table_remove(table_of(*h), field);
    at = hash_pack_place(*h, field);
    if (at)
        hash_pack_remove(h, at);
    return at;
}

/* ---- expiries ---- */

size_t hash_expiring(const struct hash *h)
{
    const struct hash_times *times = times_of(h);

    return times ? times->count : 0;
}

int64_t hash_next_expiry(const struct hash *h)
{
    const struct hash_times *times = times_of(h);

    return times ? times->first_ms : PART_NEVER;
}

struct part_clock *hash_clock(const struct hash *h)
{
    struct hash_times *times = times_of(h);

    return times ? &times->clock : NULL;
}

int hash_expire(struct hash **h, int64_t now_ms, parts_fn *fn, void *arg)
{
    return hash_is_packed(*h) ? hash_pack_expire(h, now_ms, fn, arg)
                              : hash_table_expire(table_of(*h), now_ms, fn, arg);
}

/* ---- many ---- */

struct walk {
    hash_each_fn *fn;
    void *arg;
    int64_t now_ms;
    bool ended;
};

static void walk_field(void *arg, void *thing)
{
    struct walk *w = arg;
    struct hash_field f = hash_table_field(thing);

    if (!w->ended && !hash_field_ended(&f, w->now_ms))
        w->ended = !w->fn(w->arg, &f);
}

static void each_packed(const struct hash *h, struct walk *w)
{
    char scratch[2 * HASH_SCRATCH];
    struct hash_field f;

    for (size_t at = hash_pack_first(h); at && !w->ended;) {
        at = hash_pack_read(h, at, scratch, &f);
        if (!hash_field_ended(&f, w->now_ms))
            w->ended = !w->fn(w->arg, &f);
    }
}

void hash_each(const struct hash *h, int64_t now_ms, hash_each_fn *fn, void *arg)
{
    struct walk w = { fn, arg, now_ms, false };
    uint64_t cursor = 0;

    if (hash_is_packed(h)) {
        each_packed(h, &w);
        return;
    }
    do {
        cursor = table_scan(&table_of(h)->table, cursor, walk_field, &w);
    } while (cursor && !w.ended);
}

static bool show_on(void *arg, const struct hash_field *f)
{
    const struct walk *w = arg;

    (void)w->fn(w->arg, f);
    return true;
}

void hash_scan(const struct hash *h, int64_t now_ms, uint64_t *cursor, hash_each_fn *fn, void *arg)
{
    struct walk inner = { fn, arg, now_ms, false }, w = { show_on, &inner, now_ms, false };

    if (hash_is_packed(h)) {
        each_packed(h, &w);
        *cursor = 0;
        return;
    }
    *cursor = table_scan(&table_of(h)->table, *cursor, walk_field, &w);
}

static uint64_t dice(void *chance)
{
    return keyspace_dice(chance);
}

struct nth {
    uint64_t left;
    hash_each_fn *fn;
    void *arg;
};

static bool show_nth(void *arg, const struct hash_field *f)
{
    struct nth *n = arg;

    if (n->left--)
        return true;
    (void)n->fn(n->arg, f);
    return false;
}

/* Throws until one is there. False: so many have ended that counting is better. */
static bool throw_at(const struct hash_table *t, int64_t now_ms, struct keyspace *chance,
                     hash_each_fn *fn, void *arg)
{
    for (int i = 0; i < THROWS && t->table.count; i++) {
        struct hash_field f = hash_table_field(table_random(&t->table, dice, chance));

        if (hash_field_ended(&f, now_ms))
            continue;
        (void)fn(arg, &f);
        return true;
    }
    return false;
}

bool hash_random(const struct hash *h, int64_t now_ms, struct keyspace *chance, hash_each_fn *fn,
                 void *arg)
{
    struct nth nth = { .fn = fn, .arg = arg };
    size_t count;

    if (!hash_is_packed(h) && throw_at(table_of(h), now_ms, chance, fn, arg))
        return true;
    count = hash_count_at(h, now_ms);
    if (!count)
        return false;
    nth.left = keyspace_dice(chance) % count;
    hash_each(h, now_ms, show_nth, &nth);
    return true;
}

void hash_fetch(const struct hash *h, struct value_hint *hint, int step)
{
    if (!hash_is_packed(h))
        table_fetch_apart(&table_of(h)->table, hint->next, &hint->hash, step);
    else if (step == 0)
        hash_pack_fetch(h);
}

void hash_check(const struct hash *h)
{
    if (hash_is_packed(h))
        hash_pack_check(h);
    else
        hash_table_check(table_of(h));
}
