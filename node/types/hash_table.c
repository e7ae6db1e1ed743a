/*
 * hash_table - a hash of many fields, or long ones: each with its value in a block of its own.
 *
 *     1      8         1            1            name  value
 *     [ 254, expiry ][ name length, value length ][ … ][ … ]
 *     if it expires    or 255 and both in full
 */
#include <string.h>

#include "common/alloc.h"
#include "node/types/hash_inner.h"

enum { MARK_TIMED = 254, MARK_LONG = 255, SHORT_MAX = 253, TIMED_HEAD = 9 };

static bool is_timed(const void *thing)
{
    return *(const unsigned char *)thing == MARK_TIMED;
}

static int64_t expiry_of(const void *thing)
{
    int64_t ms = NO_EXPIRY;

    if (is_timed(thing))
        memcpy(&ms, (const char *)thing + 1, sizeof ms);
    return ms;
}

struct hash_field hash_table_field(const void *thing)
{
    const unsigned char *p = (const unsigned char *)thing + (is_timed(thing) ? TIMED_HEAD : 0);
    size_t len[2] = { p[0], p[1] }, head = 2;

    if (p[0] == MARK_LONG) {
        memcpy(len, p + 1, sizeof len);
        head = 1 + sizeof len;
    }
    return (struct hash_field){ .name = { (const char *)p + head, len[0] },
                                .value = { (const char *)p + head + len[0], len[1] },
                                .expiry_ms = expiry_of(thing) };
}

static void put_text(unsigned char *at, struct bytes text)
{
    if (text.len)
        memcpy(at, text.at, text.len);
}

static void *field_new(const struct hash_field *f)
{
    bool is_long = f->name.len > SHORT_MAX || f->value.len > SHORT_MAX;
    size_t len[2] = { f->name.len, f->value.len }, head = is_long ? 1 + sizeof len : 2;
    size_t timed = f->expiry_ms == NO_EXPIRY ? 0 : TIMED_HEAD;
    unsigned char *block = xmalloc(timed + head + f->name.len + f->value.len), *p = block + timed;

    if (timed) {
        block[0] = MARK_TIMED;
        memcpy(block + 1, &f->expiry_ms, sizeof f->expiry_ms);
    }
    p[0] = is_long ? MARK_LONG : (unsigned char)f->name.len;
    if (is_long)
        memcpy(p + 1, len, sizeof len);
    else
        p[1] = (unsigned char)f->value.len;
    put_text(p + head, f->name);
    put_text(p + head + f->name.len, f->value);
    return block;
}

static struct bytes field_name(const void *thing)
{
    return hash_table_field(thing).name;
}

static const struct table_kind field_kind = { field_name };

static void free_field(void *field, const void *arg)
{
    (void)arg;
    xfree(field);
}

/* ---- expiries ---- */

static struct deadlines *order_new(void)
{
    struct deadlines *order = xcalloc(1, sizeof *order);

    order->of = expiry_of;
    return order;
}

static void field_came(struct hash_table *t, void *field)
{
    t->field_bytes += alloc_size(field);
    if (LIKELY(!is_timed(field)))
        return;
    if (!t->times) {
        t->times = hash_times_new();
        t->times->order = order_new();
    }
    deadlines_add(t->times->order, field);
    hash_times_came(t->times, expiry_of(field));
}

static void field_leaves(struct hash_table *t, void *field)
{
    t->field_bytes -= alloc_size(field);
    if (LIKELY(!is_timed(field)))
        return;
    deadlines_remove(t->times->order, field, expiry_of(field));
    hash_times_left(t->times);
}

/* ---- the form ---- */

struct hash_table *hash_table_new(void)
{
    struct hash_table *t = xcalloc(1, sizeof *t);

    t->table.kind = &field_kind;
    return t;
}

void hash_table_adopt(struct hash_table *t, struct hash_times *times)
{
    struct hash_times *own = t->times;

    times->order = own ? own->order : order_new();
    times->count = own ? own->count : 0;
    times->first_ms = own ? own->first_ms : PART_NEVER;
    xfree(own);
    t->times = times;
}

void hash_table_free(struct hash_table *t)
{
    if (t->times) {
        deadlines_fini(t->times->order);
        xfree(t->times->order);
    }
    xfree(t->times);
    table_fini(&t->table, free_field, NULL);
    xfree(t);
}

size_t hash_table_bytes(const struct hash_table *t)
{
    size_t times =
        t->times ? alloc_size(t->times) + alloc_size(t->times->order) + t->times->order->bytes : 0;

    return alloc_size(t) + t->table.bytes + t->field_bytes + times;
}

void *hash_table_find(const struct hash_table *t, struct bytes name)
{
    const struct table_slot *slot = table_find(&t->table, table_hash(name), name);

    return slot ? table_thing(slot) : NULL;
}

static void replace(struct hash_table *t, struct table_slot *slot, const struct hash_field *f)
{
    void *field = field_new(f), *old = table_thing(slot);

    field_leaves(t, old);
    table_replace(slot, field);
    field_came(t, field);
    xfree(old);
}

bool hash_table_set(struct hash_table *t, struct bytes name, struct bytes value, int64_t expiry_ms)
{
    uint64_t hash = table_hash(name);
    struct table_slot *slot = table_find(&t->table, hash, name);
    void *field;
    struct hash_field f = { name, value, expiry_ms };

    if (expiry_ms == HASH_KEEP)
        f.expiry_ms = slot ? expiry_of(table_thing(slot)) : NO_EXPIRY;
    if (slot) {
        replace(t, slot, &f);
        return false;
    }
    field = field_new(&f);
    table_add(&t->table, hash, field);
    field_came(t, field);
    return true;
}

void hash_table_set_expiry(struct hash_table *t, struct bytes name, int64_t expiry_ms)
{
    struct table_slot *slot = table_find(&t->table, table_hash(name), name);
    void *field;
    struct hash_field f;

    ASSERT(slot);
    field = table_thing(slot);
    if (is_timed(field) && expiry_ms != NO_EXPIRY) { /* in its place */
        field_leaves(t, field);
        memcpy((char *)field + 1, &expiry_ms, sizeof expiry_ms);
        field_came(t, field);
        return;
    }
    f = hash_table_field(field);
    if (f.expiry_ms == expiry_ms)
        return;
    f.expiry_ms = expiry_ms;
    replace(t, slot, &f);
}

static void remove_field(struct hash_table *t, uint64_t hash, struct table_slot *slot)
{
    void *field = table_thing(slot);

    table_remove(&t->table, hash, slot);
    field_leaves(t, field);
    xfree(field);
}

bool hash_table_remove(struct hash_table *t, struct bytes name)
{
    uint64_t hash = table_hash(name);
    struct table_slot *slot = table_find(&t->table, hash, name);

    if (slot)
        remove_field(t, hash, slot);
    return slot;
}

int hash_table_expire(struct hash_table *t, int64_t now_ms, parts_fn *fn, void *arg)
{
    struct bytes names[PARTS_AT_ONCE];
    void *due[DEADLINES_LEAF];
    int64_t next;
    int count;

    if (!t->times)
        return 0;
    count = deadlines_due(t->times->order, now_ms, due, &next);
    count = count > PARTS_AT_ONCE ? PARTS_AT_ONCE : count;
    for (int i = 0; i < count; i++)
        names[i] = field_name(due[i]);
    if (count)
        fn(arg, names, count);
    for (int i = 0; i < count; i++)
        hash_table_remove(t, names[i]);
    deadlines_due(t->times->order, INT64_MIN, due, &next);
    t->times->first_ms = next; /* exact again */
    return count;
}

static void check_field(void *arg, void *thing)
{
    const struct hash_table *t = arg;

    ASSERT(!is_timed(thing) || expiry_of(thing) >= t->times->first_ms);
}

void hash_table_check(const struct hash_table *t)
{
    uint64_t cursor = 0;

    table_check(&t->table);
    if (t->times) {
        deadlines_check(t->times->order);
        ASSERT(t->times->order->count == t->times->count);
    }
    do {
        cursor = table_scan(&t->table, cursor, check_field, (void *)t);
    } while (cursor);
}
