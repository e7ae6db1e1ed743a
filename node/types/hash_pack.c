/*
 * hash_pack - a hash whose fields stand in one listpack, in twos, or with their expiries in threes.
 */
#include "common/alloc.h"
#include "node/types/hash_inner.h"

enum { TAG_NARROW = 1, TAG_WIDE = 2, TAGS = 3, NUMBER_COST_MAX = 11 };

static bool is_wide(const struct hash *h)
{
    return (uintptr_t)h & TAG_WIDE;
}

static unsigned width(const struct hash *h)
{
    return is_wide(h) ? 3 : 2;
}

static void *untagged(const struct hash *h)
{
    return (void *)((uintptr_t)h & ~(uintptr_t)TAGS);
}

static struct hash *narrow(struct listpack *list)
{
    return (struct hash *)((uintptr_t)list | TAG_NARROW);
}

static struct hash *wide(struct hash_times *times)
{
    return (struct hash *)((uintptr_t)times | TAG_WIDE);
}

struct hash_times *hash_pack_times(const struct hash *h)
{
    return is_wide(h) ? untagged(h) : NULL;
}

static struct listpack *list_of(const struct hash *h)
{
    return is_wide(h) ? hash_pack_times(h)->list : untagged(h);
}

/* The block has moved, perhaps. */
static void set_list(struct hash **h, struct listpack *list)
{
    if (is_wide(*h))
        hash_pack_times(*h)->list = list;
    else
        *h = narrow(list);
}

struct hash *hash_pack_new(void)
{
    return narrow(listpack_new());
}

struct hash_times *hash_pack_dissolve(struct hash *h)
{
    struct hash_times *times = hash_pack_times(h);

    listpack_free(list_of(h));
    return times;
}

void hash_pack_free(struct hash *h)
{
    xfree(hash_pack_dissolve(h));
}

struct hash *hash_pack_copy(const struct hash *h)
{
    const struct hash_times *from = hash_pack_times(h);
    struct listpack *list = listpack_copy(list_of(h));
    struct hash_times *times;

    if (!from)
        return narrow(list);
    times = hash_times_new();
    times->count = from->count;
    times->first_ms = from->first_ms;
    times->list = list;
    return wide(times);
}

size_t hash_pack_count(const struct hash *h)
{
    return listpack_count(list_of(h)) / width(h);
}

size_t hash_pack_bytes(const struct hash *h)
{
    return listpack_held(list_of(h)) + (is_wide(h) ? alloc_size(hash_pack_times(h)) : 0);
}

bool hash_pack_has_room(const struct hash *h, struct bytes name, struct bytes value)
{
    return listpack_has_room(list_of(h),
                             listpack_cost(name) + listpack_cost(value) + NUMBER_COST_MAX);
}

bool hash_pack_has_place(const struct hash *h)
{
    size_t zeros = is_wide(h) ? 0 : hash_pack_count(h);

    return listpack_has_room(list_of(h), 2 * zeros + NUMBER_COST_MAX);
}

static struct bytes expiry_text(int64_t expiry_ms, char *digits)
{
    return (struct bytes){ digits, fmt_i64(digits, expiry_ms == NO_EXPIRY ? 0 : expiry_ms) };
}

void hash_pack_widen(struct hash **h)
{
    struct listpack *old = list_of(*h), *list = listpack_new();
    struct hash_times *times = hash_times_new();
    char scratch[2 * HASH_SCRATCH];
    struct hash_field f;

    ASSERT(!is_wide(*h));
    for (size_t at = hash_pack_first(*h); at;) {
        at = hash_pack_read(*h, at, scratch, &f);
        list = listpack_append(list, f.name);
        list = listpack_append(list, f.value);
        list = listpack_append(list, BYTES("0"));
    }
    listpack_free(old);
    times->list = list;
    *h = wide(times);
}

size_t hash_pack_place(const struct hash *h, struct bytes name)
{
    struct listpack_needle n = listpack_needle(name);
    const struct listpack *list = list_of(h);

    return listpack_find(list, listpack_first(list), &n, width(h) - 1);
}

size_t hash_pack_first(const struct hash *h)
{
    return listpack_first(list_of(h));
}

static int64_t expiry_at(const struct listpack *list, size_t at)
{
    int64_t ms = 0;

    ASSERT(listpack_get_int(list, at, &ms) && ms >= 0);
    return ms ? ms : NO_EXPIRY;
}

size_t hash_pack_read(const struct hash *h, size_t at, char *scratch, struct hash_field *out)
{
    const struct listpack *list = list_of(h);
    size_t value = listpack_next(list, at), end = listpack_next(list, value);

    out->name = listpack_get(list, at, scratch);
    out->value = listpack_get(list, value, scratch + HASH_SCRATCH);
    out->expiry_ms = NO_EXPIRY;
    if (!is_wide(h))
        return end;
    out->expiry_ms = expiry_at(list, end);
    return listpack_next(list, end);
}

void hash_pack_set_expiry(struct hash **h, size_t at, int64_t expiry_ms)
{
    struct hash_times *times = hash_pack_times(*h);
    char digits[ENTRY_INT_TEXT];
    size_t expiry;

    if (!times) {
        ASSERT(expiry_ms == NO_EXPIRY);
        return;
    }
    expiry = listpack_next(times->list, listpack_next(times->list, at));
    if (expiry_at(times->list, expiry) != NO_EXPIRY)
        hash_times_left(times);
    if (expiry_ms != NO_EXPIRY)
        hash_times_came(times, expiry_ms);
    times->list = listpack_replace(times->list, expiry, expiry_text(expiry_ms, digits));
}

bool hash_pack_set(struct hash **h, struct bytes name, struct bytes value, int64_t expiry_ms)
{
    size_t at = hash_pack_place(*h, name);
    struct listpack *list = list_of(*h);

    if (at) {
        set_list(h, listpack_replace(list, listpack_next(list, at), value));
        if (expiry_ms != HASH_KEEP)
            hash_pack_set_expiry(h, at, expiry_ms);
        return false;
    }
    list = listpack_append(list, name);
    list = listpack_append(list, value);
    if (is_wide(*h))
        list = listpack_append(list, BYTES("0"));
    set_list(h, list);
    if (expiry_ms >= 0)
        hash_pack_set_expiry(h, listpack_seek(list, -3), expiry_ms);
    return true;
}

void hash_pack_remove(struct hash **h, size_t at)
{
    hash_pack_set_expiry(h, at, NO_EXPIRY);
    set_list(h, listpack_delete(list_of(*h), at, width(*h)));
}

/* Exact again. */
static void find_first(struct hash *h)
{
    struct hash_times *times = hash_pack_times(h);
    char scratch[2 * HASH_SCRATCH];
    struct hash_field f;

    times->first_ms = PART_NEVER;
    for (size_t at = hash_pack_first(h); at;) {
        at = hash_pack_read(h, at, scratch, &f);
        if (f.expiry_ms != NO_EXPIRY && f.expiry_ms < times->first_ms)
            times->first_ms = f.expiry_ms;
    }
}

int hash_pack_expire(struct hash **h, int64_t now_ms, parts_fn *fn, void *arg)
{
    char scratch[PARTS_AT_ONCE][2 * HASH_SCRATCH];
    struct bytes names[PARTS_AT_ONCE];
    size_t places[PARTS_AT_ONCE];
    struct hash_field f;
    int count = 0;

    if (!is_wide(*h))
        return 0;
    for (size_t at = hash_pack_first(*h), next; at && count < PARTS_AT_ONCE; at = next) {
        next = hash_pack_read(*h, at, scratch[count], &f);
        if (!hash_field_ended(&f, now_ms))
            continue;
        places[count] = at;
        names[count++] = f.name;
    }
    if (count)
        fn(arg, names, count);
    for (int i = count; i > 0; i--) /* from the end: what lies before keeps its place */
        hash_pack_remove(h, places[i - 1]);
    find_first(*h);
    return count;
}

void hash_pack_fetch(const struct hash *h)
{
    FETCH(list_of(h));
}

void hash_pack_check(const struct hash *h)
{
    const struct hash_times *times = hash_pack_times(h);
    char scratch[2 * HASH_SCRATCH];
    struct hash_field f;
    uint64_t expiring = 0;

    listpack_check(list_of(h));
    ASSERT(listpack_count(list_of(h)) % width(h) == 0);
    for (size_t at = hash_pack_first(h); at;) {
        at = hash_pack_read(h, at, scratch, &f);
        ASSERT(f.expiry_ms == NO_EXPIRY || f.expiry_ms >= times->first_ms);
        expiring += f.expiry_ms != NO_EXPIRY;
    }
    ASSERT(expiring == (times ? times->count : 0));
}
