#include "node/keyspace/table.h"

#include <string.h>

#include "common/alloc.h"

/*
 * One block of a chain: meta, a tag for each place, the places. In a chain's first block, which lies in a
 * segment, there is room for TABLE_SLOTS. A block with CHILD set is such a one, has all places but the last full
 * and the chain's next block in the last.
 */
struct bucket {
    uint8_t meta; /* bits 0-3: things, 4: child, 5-6: index into rooms */
    uint8_t rest[63];
};

_Static_assert(sizeof(struct bucket) == 64, "a bucket is a cache line");
_Static_assert(sizeof(struct table_slot) == 6, "no padding");

/* What fits behind meta in the allocator's sizes of 16, 32, 48 and 64 bytes. */
static const uint8_t rooms[] = { 2, 4, 6, TABLE_SLOTS };

enum {
    COUNT_MASK = 15,
    CHILD = 1u << 4,
    ROOM_SHIFT = 5,
    ROOM_LEAST = 0,
    ROOM_MOST = ARRAY_LEN(rooms) - 1,
    LAST = TABLE_SLOTS - 1,
};

static int block_count(const struct bucket *b)
{
    return b->meta & COUNT_MASK;
}

static int room_index(const struct bucket *b)
{
    return b->meta >> ROOM_SHIFT;
}

static int block_room(const struct bucket *b)
{
    return rooms[room_index(b)];
}

static bool has_child(const struct bucket *b)
{
    return b->meta & CHILD;
}

static void set_meta(struct bucket *b, int room_at, bool child, int count)
{
    b->meta = (uint8_t)((unsigned)room_at << ROOM_SHIFT | (child ? CHILD : 0) | (unsigned)count);
}

static size_t block_bytes(int room_at)
{
    return ((size_t)room_at + 1) * 16;
}

static uint8_t *tags(const struct bucket *b)
{
    return (uint8_t *)b->rest;
}

static struct table_slot *slots(const struct bucket *b)
{
    return (struct table_slot *)(uintptr_t)(b->rest + block_room(b));
}

static void *thing_at(const struct bucket *b, int i)
{
    return table_thing(&slots(b)[i]);
}

/* The next block of the chain; NULL at its end. */
static struct bucket *child_of(const struct bucket *b)
{
    return has_child(b) ? thing_at(b, LAST) : NULL;
}

static uint8_t tag_of(uint64_t hash)
{
    return (uint8_t)(hash >> 56);
}

/* ---- where a bucket is ---- */

static struct bucket *bucket_at(const struct table *t, uint64_t i)
{
    uint64_t segment = i / TABLE_SEGMENT;

    return &t->pages[segment / TABLE_PAGE][segment % TABLE_PAGE][i % TABLE_SEGMENT];
}

/* 2^L, the largest power of two that is not above the number of buckets. */
static uint64_t base_of(uint64_t buckets)
{
    return UINT64_C(1) << (63 - __builtin_clzll(buckets));
}

static uint64_t address(const struct table *t, uint64_t hash)
{
    uint64_t base = base_of(t->buckets);
    uint64_t i = hash & (base * 2 - 1);

    return i < t->buckets ? i : hash & (base - 1);
}

/* Doubles an array of size bytes each until it holds need of them; at most max. */
static void *grow_room(struct table *t, void *array, uint64_t *room, uint64_t need, uint64_t max,
                       size_t size)
{
    uint64_t now = *room ? *room : 1;

    if (need <= *room)
        return array;
    while (now < need)
        now *= 2;
    ASSERT(now <= max);
    array = xrealloc(array, now * size);
    memset((char *)array + *room * size, 0, (now - *room) * size);
    t->bytes += (now - *room) * size;
    *room = now;
    return array;
}

static void *full_room(struct table *t, uint64_t room, size_t size)
{
    t->bytes += room * size;
    return xcalloc(room, size);
}

/* Makes bucket i, the next one in line, exist and be empty. */
static struct bucket *bucket_open(struct table *t, uint64_t i)
{
    uint64_t segment = i / TABLE_SEGMENT, page = segment / TABLE_PAGE;
    struct bucket *b;

    t->pages = grow_room(t, t->pages, &t->page_room, page + 1, UINT64_MAX, sizeof *t->pages);
    if (page == 0)
        t->pages[0] =
            grow_room(t, t->pages[0], &t->segment_room, segment + 1, TABLE_PAGE, sizeof **t->pages);
    else if (!t->pages[page])
        t->pages[page] = full_room(t, TABLE_PAGE, sizeof **t->pages);
    if (segment == 0)
        t->pages[0][0] =
            grow_room(t, t->pages[0][0], &t->bucket_room, i + 1, TABLE_SEGMENT, sizeof ***t->pages);
    else if (!t->pages[page][segment % TABLE_PAGE])
        t->pages[page][segment % TABLE_PAGE] = full_room(t, TABLE_SEGMENT, sizeof ***t->pages);
    b = bucket_at(t, i);
    memset(b, 0, sizeof *b);
    set_meta(b, ROOM_MOST, false, 0);
    return b;
}

/* Bucket i, the last one, is empty: frees what held nothing else. The small first segment stays. */
static void bucket_close(struct table *t, uint64_t i)
{
    uint64_t segment = i / TABLE_SEGMENT, page = segment / TABLE_PAGE;

    if (i % TABLE_SEGMENT != 0 || segment == 0)
        return;
    xfree(t->pages[page][segment % TABLE_PAGE]);
    t->pages[page][segment % TABLE_PAGE] = NULL;
    t->bytes -= TABLE_SEGMENT * sizeof ***t->pages;
    if (segment % TABLE_PAGE != 0 || page == 0)
        return;
    xfree(t->pages[page]);
    t->pages[page] = NULL;
    t->bytes -= TABLE_PAGE * sizeof **t->pages;
}

/* ---- chains ---- */

static void put_slot(struct bucket *b, int i, uint8_t tag, void *thing)
{
    tags(b)[i] = tag;
    table_replace(&slots(b)[i], thing);
}

/* A child with other room, and the old one's content, in the place of the old one. */
static struct bucket *resize_block(struct table *t, struct bucket *parent, int room_at)
{
    struct bucket *old = thing_at(parent, LAST), *b = xmalloc(block_bytes(room_at));
    int count = block_count(old);

    set_meta(b, room_at, false, count);
    memset(b->rest, 0, block_bytes(room_at) - 1);
    memcpy(tags(b), tags(old), (size_t)count);
    memcpy(slots(b), slots(old), (size_t)count * sizeof(struct table_slot));
    t->bytes += block_bytes(room_at);
    t->bytes -= block_bytes(room_index(old));
    xfree(old);
    table_replace(&slots(parent)[LAST], b);
    return b;
}

/* The last block of the chain at b; *out_parent is the one before, or NULL. */
static struct bucket *chain_end(struct bucket *b, struct bucket **out_parent)
{
    struct bucket *next;

    for (*out_parent = NULL; (next = child_of(b)); b = next)
        *out_parent = b;
    return b;
}

static void chain_push(struct table *t, struct bucket *b, uint8_t tag, void *thing)
{
    struct bucket *parent, *child;
    int count;

    b = chain_end(b, &parent);
    count = block_count(b);
    if (count == block_room(b) && count < TABLE_SLOTS) {
        ASSERT(parent);
        b = resize_block(t, parent, room_index(b) + 1);
    }
    if (count < block_room(b)) {
        put_slot(b, count, tag, thing);
        set_meta(b, room_index(b), false, count + 1);
        return;
    }
    child = xcalloc(1, block_bytes(ROOM_LEAST));
    t->bytes += block_bytes(ROOM_LEAST);
    set_meta(child, ROOM_LEAST, false, 2);
    put_slot(child, 0, tags(b)[LAST], thing_at(b, LAST));
    put_slot(child, 1, tag, thing);
    put_slot(b, LAST, 0, child);
    set_meta(b, ROOM_MOST, true, LAST);
}

/* Takes slot i of block hole out of the chain that begins at b: the chain's last thing fills it. */
static void chain_drop(struct table *t, struct bucket *b, struct bucket *hole, int i)
{
    struct bucket *parent;
    int last;

    b = chain_end(b, &parent);
    last = block_count(b) - 1;
    put_slot(hole, i, tags(b)[last], thing_at(b, last));
    set_meta(b, room_index(b), false, last);
    if (!parent)
        return;
    if (last == 1) { /* one is left: it fits where the pointer to its block stands */
        put_slot(parent, LAST, tags(b)[0], thing_at(b, 0));
        set_meta(parent, ROOM_MOST, false, TABLE_SLOTS);
        t->bytes -= block_bytes(room_index(b));
        xfree(b);
    } else if (room_index(b) > ROOM_LEAST && last <= rooms[room_index(b) - 1]) {
        resize_block(t, parent, room_index(b) - 1);
    }
}

/* Empties the chain at b into where the two buckets say; both may be the same. */
static void chain_deal(struct table *t, struct bucket *from, struct bucket *low,
                       struct bucket *high, uint64_t bit)
{
    struct bucket first = *from, *b = &first;

    memset(from, 0, sizeof *from);
    set_meta(from, ROOM_MOST, false, 0);
    while (b) {
        struct bucket *next = child_of(b);
        int count = block_count(b);

        /* The things' keys are far apart in memory: ask for all before the first is looked at. */
        for (int i = 0; bit && i < count; i++)
            FETCH(thing_at(b, i));
        for (int i = 0; i < count; i++) {
            bool up = bit && (table_hash(t->kind->key(thing_at(b, i))) & bit);

            chain_push(t, up ? high : low, tags(b)[i], thing_at(b, i));
        }
        if (b != &first) {
            t->bytes -= block_bytes(room_index(b));
            xfree(b);
        }
        b = next;
    }
}

static void grow(struct table *t)
{
    uint64_t base = base_of(t->buckets), split = t->buckets - base;
    struct bucket *high = bucket_open(t, t->buckets), *low = bucket_at(t, split);

    t->buckets++;
    chain_deal(t, low, low, high, base);
}

static void shrink(struct table *t)
{
    uint64_t last = t->buckets - 1;
    struct bucket *into = bucket_at(t, last - base_of(last));

    chain_deal(t, bucket_at(t, last), into, into, 0);
    t->buckets--;
    bucket_close(t, last);
}

/* ---- finding ---- */

/* Bit 8 * i + 7 for every place i of the first eight whose tag is this one; rarely one more, which its key
 * will tell. */
static uint64_t matches(const struct bucket *b, uint8_t tag)
{
    const uint64_t ones = UINT64_C(0x0101010101010101), highs = ones << 7;
    uint64_t word;
    int count = block_count(b);

    memcpy(&word, tags(b), sizeof word); /* of a small block, some of its slots too */
    word ^= ones * tag;
    word = (word - ones) & ~word & highs;
    return count >= 8 ? word : word & ((UINT64_C(1) << (8 * count)) - 1);
}

/* The ninth place. */
static bool last_matches(const struct bucket *b, uint8_t tag)
{
    return block_count(b) == TABLE_SLOTS && tags(b)[LAST] == tag;
}

static bool is_key(const struct table *t, const struct table_slot *slot, struct bytes key)
{
    return bytes_eq(t->kind->key(table_thing(slot)), key);
}

static struct table_slot *chain_find(const struct table *t, struct bucket *b, uint8_t tag,
                                     struct bytes key)
{
    for (; b; b = child_of(b)) {
        struct table_slot *first = slots(b);

        for (uint64_t m = matches(b, tag); m; m &= m - 1)
            if (is_key(t, &first[__builtin_ctzll(m) / 8], key))
                return &first[__builtin_ctzll(m) / 8];
        if (last_matches(b, tag) && is_key(t, &first[LAST], key))
            return &first[LAST];
    }
    return NULL;
}

void table_fini(struct table *t, void (*each)(void *thing, const void *arg), const void *arg)
{
    const struct table_kind *kind = t->kind;

    for (uint64_t i = 0; i < t->buckets; i++) {
        struct bucket *first = bucket_at(t, i), *b = first;

        while (b) {
            struct bucket *next = child_of(b);

            for (int s = 0; each && s < block_count(b); s++)
                each(thing_at(b, s), arg);
            if (b != first)
                xfree(b);
            b = next;
        }
    }
    while (t->buckets > 1)
        bucket_close(t, --t->buckets);
    if (t->pages) {
        xfree(t->pages[0][0]);
        xfree(t->pages[0]);
        xfree(t->pages);
    }
    *t = (struct table){ .kind = kind };
}

struct table_slot *table_find(const struct table *t, uint64_t hash, struct bytes key)
{
    if (t->count == 0)
        return NULL;
    return chain_find(t, bucket_at(t, address(t, hash)), tag_of(hash), key);
}

/* Half of the small things lie in two lines. */
static void fetch_thing(const char *thing)
{
    FETCH(thing);
    FETCH(thing + 32);
}

static void fetch_matches(const struct bucket *b, uint8_t tag)
{
    for (uint64_t m = matches(b, tag); m; m &= m - 1)
        fetch_thing(thing_at(b, __builtin_ctzll(m) / 8));
    if (last_matches(b, tag))
        fetch_thing(thing_at(b, LAST));
}

void table_fetch(const struct table *t, uint64_t hash, int step)
{
    const struct bucket *b;

    if (t->count == 0)
        return;
    b = bucket_at(t, address(t, hash));
    if (step == 0) {
        FETCH(b);
    } else if (step == 1) {
        fetch_matches(b, tag_of(hash));
        if (has_child(b))
            FETCH(thing_at(b, LAST));
    } else if (has_child(b)) {
        fetch_matches(thing_at(b, LAST), tag_of(hash));
    }
}

void table_fetch_apart(const struct table *t, struct bytes key, uint64_t *hash, int step)
{
    if (step > 0) {
        table_fetch(t, *hash, step - 1);
        return;
    }
    FETCH(t);
    FETCH(t + 1);
    *hash = table_hash(key);
}

static void *first_match(const struct bucket *b, uint8_t tag)
{
    uint64_t m = matches(b, tag);

    if (m)
        return thing_at(b, __builtin_ctzll(m) / 8);
    return last_matches(b, tag) ? thing_at(b, LAST) : NULL;
}

void *table_peek(const struct table *t, uint64_t hash)
{
    const struct bucket *b;
    void *found;

    if (t->count == 0)
        return NULL;
    b = bucket_at(t, address(t, hash));
    found = first_match(b, tag_of(hash));
    return !found && has_child(b) ? first_match(thing_at(b, LAST), tag_of(hash)) : found;
}

void table_add(struct table *t, uint64_t hash, void *thing)
{
    if (t->buckets == 0) {
        bucket_open(t, 0);
        t->buckets = 1;
    }
    chain_push(t, bucket_at(t, address(t, hash)), tag_of(hash), thing);
    t->count++;
    if (t->count > t->buckets * TABLE_LOAD)
        grow(t);
}

void table_remove(struct table *t, uint64_t hash, struct table_slot *slot)
{
    struct bucket *first = bucket_at(t, address(t, hash)), *b = first;

    while (slot < slots(b) || slot >= slots(b) + block_count(b)) {
        b = child_of(b);
        ASSERT(b);
    }
    chain_drop(t, first, b, (int)(slot - slots(b)));
    t->count--;
    if (t->buckets > 1 && t->count < (t->buckets - 1) * TABLE_LOAD_LOW)
        shrink(t);
}

/* ---- looking around ---- */

static uint64_t reverse_bits(uint64_t v)
{
    v = (v >> 1 & UINT64_C(0x5555555555555555)) | (v & UINT64_C(0x5555555555555555)) << 1;
    v = (v >> 2 & UINT64_C(0x3333333333333333)) | (v & UINT64_C(0x3333333333333333)) << 2;
    v = (v >> 4 & UINT64_C(0x0f0f0f0f0f0f0f0f)) | (v & UINT64_C(0x0f0f0f0f0f0f0f0f)) << 4;
    return __builtin_bswap64(v);
}

/* How many low bits of a hash decide that it belongs to bucket i. */
static int depth_of(const struct table *t, uint64_t i)
{
    uint64_t base = base_of(t->buckets);
    int level = __builtin_ctzll(base);

    return i < t->buckets - base || i >= base ? level + 1 : level;
}

static void show_chain(const struct bucket *b, table_each_fn *fn, void *arg)
{
    for (; b; b = child_of(b)) {
        for (int s = 0; s < block_count(b); s++)
            FETCH(thing_at(b, s));
        for (int s = 0; s < block_count(b); s++)
            fn(arg, thing_at(b, s));
    }
}

uint64_t table_scan(const struct table *t, uint64_t cursor, table_each_fn *fn, void *arg)
{
    uint64_t i, width, start;
    int depth;

    if (t->buckets == 0)
        return 0;
    i = address(t, cursor);
    show_chain(bucket_at(t, i), fn, arg);
    depth = depth_of(t, i);
    if (depth == 0)
        return 0;
    width = UINT64_C(1) << (64 - depth);
    start = reverse_bits(cursor) & ~(width - 1);
    return reverse_bits(start + width);
}

/* The n-th thing of the chain; NULL when it is shorter. */
static void *chain_at(const struct bucket *b, uint64_t n)
{
    for (; b; b = child_of(b)) {
        if (n < (uint64_t)block_count(b))
            return thing_at(b, (int)n);
        n -= (uint64_t)block_count(b);
    }
    return NULL;
}

void *table_random(const struct table *t, uint64_t (*next)(void *arg), void *arg)
{
    /* A throw names a bucket and a place in it; longer chains than this are all but impossible, and
     * then only their ends are never thrown. */
    enum { PLACES = 64 };

    if (t->count == 0)
        return NULL;
    for (;;) {
        uint64_t dice = next(arg);
        void *thing = chain_at(bucket_at(t, (dice >> 8) % t->buckets), dice % PLACES);

        if (thing)
            return thing;
    }
}

void table_sample(const struct table *t, uint64_t dice, table_each_fn *fn, void *arg)
{
    if (t->count)
        show_chain(bucket_at(t, dice % t->buckets), fn, arg);
}

bool table_holds(const struct table *t, uint64_t hash, const void *thing)
{
    if (t->count == 0)
        return false;
    for (const struct bucket *b = bucket_at(t, address(t, hash)); b; b = child_of(b))
        for (int s = 0; s < block_count(b); s++)
            if (thing_at(b, s) == thing)
                return true;
    return false;
}

void table_check(const struct table *t)
{
    uint64_t count = 0;
    size_t bytes = t->page_room * sizeof *t->pages + t->segment_room * sizeof **t->pages +
                   t->bucket_room * sizeof ***t->pages;

    for (uint64_t i = 0; i < t->buckets; i++) {
        const struct bucket *b = bucket_at(t, i);

        if (i && i % TABLE_SEGMENT == 0)
            bytes += TABLE_SEGMENT * sizeof *b;
        if (i && i % ((uint64_t)TABLE_SEGMENT * TABLE_PAGE) == 0)
            bytes += TABLE_PAGE * sizeof b;
        ASSERT(block_room(b) == TABLE_SLOTS);
        for (bool first = true; b; b = child_of(b), first = false) {
            ASSERT(block_count(b) <= block_room(b));
            ASSERT(!has_child(b) || block_count(b) == LAST);
            ASSERT(first || room_index(b) == ROOM_LEAST ||
                   block_count(b) > rooms[room_index(b) - 1]);
            bytes += first ? 0 : block_bytes(room_index(b));
            for (int s = 0; s < block_count(b); s++) {
                uint64_t hash = table_hash(t->kind->key(thing_at(b, s)));

                ASSERT(address(t, hash) == i);
                ASSERT(tags(b)[s] == tag_of(hash));
            }
            count += (uint64_t)block_count(b);
        }
    }
    ASSERT(count == t->count);
    ASSERT(bytes == t->bytes);
}
