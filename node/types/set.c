#include "node/types/set.h"

#include <string.h>

#include "common/alloc.h"
#include "node/keyspace/table.h"
#include "node/types/intset.h"
#include "node/types/listpack.h"

struct big {
    struct table table;
    size_t member_bytes; /* of the table's members */
};

/* At most one of them; an empty set may have none. */
struct set {
    struct intset *ints;
    struct listpack *pack;
    struct big *big;
};

/* A pack is looked through from its beginning: what a table would cost in time and memory begins to pay here. */
enum { PACK_MEMBERS = 32, PACK_TEXT = 64 };

/*
 * ---- a member of the table: its length in one byte, or 255 and eight bytes, then the text ----
 *
 * Allocators hand out sixteens of bytes, which a length in front of 16, 32 … bytes would exceed by one: such a
 * text stands alone, and how many sixteens it has stands in the lowest bits of its address.
 */

enum { LONG_MEMBER = 255, SIXTEEN = 16, ALIGNED = 8 }; /* blocks of 8 bytes are no better aligned */

static size_t sixteens_of(const void *member)
{
    return (uintptr_t)member % ALIGNED;
}

static void *member_alone(struct bytes text)
{
    char *m = xmalloc(text.len);

    memcpy(m, text.at, text.len);
    return m + text.len / SIXTEEN;
}

static void *member_new(struct bytes text)
{
    bool is_long = text.len >= LONG_MEMBER;
    size_t head = is_long ? 1 + sizeof text.len : 1;
    unsigned char *m;

    if (text.len && text.len % SIXTEEN == 0 && text.len / SIXTEEN < ALIGNED)
        return member_alone(text);
    m = xmalloc(head + text.len);
    m[0] = is_long ? LONG_MEMBER : (unsigned char)text.len;
    if (is_long)
        memcpy(m + 1, &text.len, sizeof text.len);
    if (text.len)
        memcpy(m + head, text.at, text.len);
    return m;
}

static void *member_block(void *member)
{
    return (char *)member - sixteens_of(member);
}

static struct bytes member_text(const void *member)
{
    const unsigned char *m = member;
    size_t sixteens = sixteens_of(member), len;

    if (sixteens)
        return (struct bytes){ (const char *)m - sixteens, sixteens * SIXTEEN };
    len = m[0];
    if (len < LONG_MEMBER)
        return (struct bytes){ (const char *)m + 1, len };
    memcpy(&len, m + 1, sizeof len);
    return (struct bytes){ (const char *)m + 1 + sizeof len, len };
}

static const struct table_kind member_kind = { member_text };

/* ---- the three forms ---- */

struct set *set_new(void)
{
    return xcalloc(1, sizeof(struct set));
}

static void free_member(void *member, const void *arg)
{
    xfree(member_block(member));
}

static void free_big(struct big *big)
{
    if (!big)
        return;
    table_fini(&big->table, free_member, NULL);
    xfree(big);
}

void set_free(struct set *s)
{
    if (!s)
        return;
    xfree(s->ints);
    listpack_free(s->pack);
    free_big(s->big);
    xfree(s);
}

size_t set_count(const struct set *s)
{
    if (s->ints)
        return intset_count(s->ints);
    if (s->pack)
        return listpack_count(s->pack);
    return s->big ? s->big->table.count : 0;
}

bool set_is_ints(const struct set *s)
{
    return s->ints != NULL;
}

static struct big *big_new(void)
{
    struct big *big = xcalloc(1, sizeof *big);

    big->table.kind = &member_kind;
    return big;
}

static void add_to_big(struct big *big, uint64_t hash, struct bytes text)
{
    void *member = member_new(text);

    table_add(&big->table, hash, member);
    big->member_bytes += alloc_size(member_block(member));
}

static bool add_new_to_big(void *arg, struct bytes member)
{
    add_to_big(arg, table_hash(member), member);
    return true;
}

static bool add_new_to_pack(void *arg, struct bytes member)
{
    struct listpack **pack = arg;

    *pack = listpack_append(*pack, member);
    return true;
}

/* All members move from the form they were in. */
static void become_big(struct set *s)
{
    struct set was = *s;

    *s = (struct set){ .big = big_new() };
    set_each(&was, add_new_to_big, s->big);
    xfree(was.ints);
    listpack_free(was.pack);
}

static void become_pack(struct set *s)
{
    struct set was = *s;

    *s = (struct set){ .pack = listpack_new() };
    set_each(&was, add_new_to_pack, &s->pack);
    xfree(was.ints);
}

static bool fits_ints(const struct set *s, const struct value_limits *limits)
{
    size_t max = limits->set_max_intset_entries < INTSET_COUNT_MAX
                     ? (size_t)limits->set_max_intset_entries
                     : INTSET_COUNT_MAX - 1;

    return intset_count(s->ints) <= max;
}

static size_t find_in_pack(const struct set *s, struct bytes member)
{
    struct listpack_needle needle = listpack_needle(member);

    return listpack_find(s->pack, listpack_first(s->pack), &needle, 0);
}

bool set_has(const struct set *s, struct bytes member)
{
    int64_t v;

    if (s->ints)
        return bytes_to_i64(member, &v) && intset_has(s->ints, v);
    if (s->pack)
        return find_in_pack(s, member) != LISTPACK_END;
    return s->big && table_find(&s->big->table, table_hash(member), member) != NULL;
}

static bool add_int(struct set *s, int64_t v, const struct value_limits *limits)
{
    bool added = intset_add(&s->ints, v);

    if (added && !fits_ints(s, limits))
        become_big(s);
    return added;
}

static bool add_to_table(struct set *s, struct bytes member)
{
    uint64_t hash = table_hash(member);

    if (table_find(&s->big->table, hash, member))
        return false;
    add_to_big(s->big, hash, member);
    return true;
}

/* The form changes to one that takes any member, and this one too. */
static void make_room(struct set *s, struct bytes member)
{
    bool small = set_count(s) < PACK_MEMBERS && member.len <= PACK_TEXT;

    if (!s->big && !small)
        become_big(s);
    else if (!s->big && !s->pack)
        become_pack(s);
}

bool set_add(struct set *s, struct bytes member, const struct value_limits *limits)
{
    bool nothing = !s->ints && !s->pack && !s->big;
    int64_t v;

    if ((s->ints || nothing) && bytes_to_i64(member, &v)) {
        if (nothing)
            s->ints = intset_new();
        return add_int(s, v, limits);
    }
    if (s->pack && find_in_pack(s, member) != LISTPACK_END)
        return false;
    make_room(s, member);
    if (s->big)
        return add_to_table(s, member);
    s->pack = listpack_append(s->pack, member);
    return true;
}

static bool remove_from_pack(struct set *s, struct bytes member)
{
    size_t at = find_in_pack(s, member);

    if (at == LISTPACK_END)
        return false;
    s->pack = listpack_delete(s->pack, at, 1);
    return true;
}

static bool remove_from_table(struct big *big, struct bytes member)
{
    uint64_t hash = table_hash(member);
    struct table_slot *slot = table_find(&big->table, hash, member);
    void *found;

    if (!slot)
        return false;
    found = member_block(table_thing(slot));
    table_remove(&big->table, hash, slot);
    big->member_bytes -= alloc_size(found);
    xfree(found);
    return true;
}

bool set_remove(struct set *s, struct bytes member)
{
    int64_t v;

    if (s->ints)
        return bytes_to_i64(member, &v) && intset_remove(&s->ints, v);
    if (s->pack)
        return remove_from_pack(s, member);
    return s->big && remove_from_table(s->big, member);
}

/* ---- the whole ---- */

struct set *set_copy(const struct set *s)
{
    struct set *copy = set_new();

    if (s->ints)
        copy->ints = intset_copy(s->ints);
    if (s->pack)
        copy->pack = listpack_copy(s->pack);
    if (s->big) {
        copy->big = big_new();
        set_each(s, add_new_to_big, copy->big);
    }
    return copy;
}

size_t set_bytes(const struct set *s)
{
    const struct big *big = s->big;

    return alloc_size(s) + (s->ints ? alloc_size(s->ints) : 0) +
           (s->pack ? listpack_held(s->pack) : 0) +
           (big ? alloc_size(big) + big->table.bytes + big->member_bytes : 0);
}

size_t set_blocks(const struct set *s)
{
    return s->big ? set_count(s) : 1;
}

struct bytes set_ints(const struct set *s)
{
    return intset_bytes(s->ints);
}

bool set_load_ints(struct set *s, struct bytes data, const struct value_limits *limits)
{
    if (!intset_valid(data))
        return false;
    xfree(s->ints);
    s->ints = intset_of(data);
    if (!fits_ints(s, limits))
        become_big(s);
    return true;
}

/* ---- looking around ---- */

struct each {
    set_each_fn *fn;
    void *arg;
    bool stopped;
};

static void each_member(void *arg, void *member)
{
    struct each *e = arg;

    if (!e->stopped)
        e->stopped = !e->fn(e->arg, member_text(member));
}

static void each_int(const struct set *s, struct each *e)
{
    char text[SET_INT_TEXT];

    for (size_t i = 0; i < intset_count(s->ints) && !e->stopped; i++) {
        struct bytes member = { text, fmt_i64(text, intset_at(s->ints, i)) };

        e->stopped = !e->fn(e->arg, member);
    }
}

static void each_packed(const struct set *s, struct each *e)
{
    char scratch[LISTPACK_INT_TEXT];

    for (size_t at = listpack_first(s->pack); at != LISTPACK_END && !e->stopped;
         at = listpack_next(s->pack, at))
        e->stopped = !e->fn(e->arg, listpack_get(s->pack, at, scratch));
}

/* Everything, where that is few. */
static bool each_small(const struct set *s, struct each *e)
{
    if (s->ints)
        each_int(s, e);
    else if (s->pack)
        each_packed(s, e);
    return !s->big;
}

void set_scan(const struct set *s, uint64_t *cursor, set_each_fn *fn, void *arg)
{
    struct each e = { fn, arg, false };

    *cursor = each_small(s, &e) ? 0 : table_scan(&s->big->table, *cursor, each_member, &e);
}

void set_each(const struct set *s, set_each_fn *fn, void *arg)
{
    struct each e = { fn, arg, false };
    uint64_t cursor = 0;

    if (each_small(s, &e))
        return;
    do {
        cursor = table_scan(&s->big->table, cursor, each_member, &e);
    } while (cursor && !e.stopped);
}

static uint64_t dice(void *arg)
{
    return keyspace_dice(arg);
}

struct bytes set_random(const struct set *s, struct keyspace *chance, char *scratch)
{
    size_t any;

    if (s->big)
        return member_text(table_random(&s->big->table, dice, chance));
    any = keyspace_dice(chance) % set_count(s);
    if (s->ints)
        return (struct bytes){ scratch, fmt_i64(scratch, intset_at(s->ints, any)) };
    return listpack_get(s->pack, listpack_seek(s->pack, (int64_t)any), scratch);
}

void set_fetch(const struct set *s, struct value_hint *hint, int step)
{
    if (s->big)
        table_fetch_apart(&s->big->table, hint->next, &hint->hash, step);
    else if (step == 0)
        FETCH(s->pack ? (const void *)s->pack : s->ints);
}

void set_check(const struct set *s)
{
    ASSERT((s->ints != NULL) + (s->pack != NULL) + (s->big != NULL) <= 1);
    if (s->ints)
        ASSERT(intset_valid(intset_bytes(s->ints)));
    if (s->pack) {
        listpack_check(s->pack);
        ASSERT(set_count(s) <= PACK_MEMBERS);
    }
    if (s->big)
        table_check(&s->big->table);
}
