#include "node/keyspace/table.h"

#include <string.h>

#include "common/alloc.h"

/* One block of a chain. In a chain's first block, which lies in a segment, room is always
 * TABLE_SLOTS. A block with CHILD set has its first six slots full and the chain's next block in
 * the seventh. */
struct bucket {
    uint8_t tags[TABLE_SLOTS];
    uint8_t meta; /* bits 0-2: things, 3: child, 4-6: room */
    void *slots[TABLE_SLOTS];
};

_Static_assert(sizeof(struct bucket) == 64, "a bucket is a cache line");

enum { CHILD = 1u << 3, COUNT_MASK = 7, ROOM_SHIFT = 4, LAST = TABLE_SLOTS - 1 };

static int block_count(const struct bucket *b)
{
    return b->meta & COUNT_MASK;
}

static int block_room(const struct bucket *b)
{
    return b->meta >> ROOM_SHIFT;
}

static bool has_child(const struct bucket *b)
{
    return b->meta & CHILD;
}

static void set_meta(struct bucket *b, int room, bool child, int count)
{
    b->meta = (uint8_t)((unsigned)room << ROOM_SHIFT | (child ? CHILD : 0) | (unsigned)count);
}

static size_t block_bytes(int room)
{
    return sizeof(uint64_t) + (size_t)room * sizeof(void *);
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
    set_meta(b, TABLE_SLOTS, false, 0);
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
    b->tags[i] = tag;
    b->slots[i] = thing;
}

/* A child of other room, with the old one's content. */
static struct bucket *resize_block(struct table *t, struct bucket *b, int room)
{
    t->bytes += block_bytes(room);
    t->bytes -= block_bytes(block_room(b));
    b = xrealloc(b, block_bytes(room));
    set_meta(b, room, has_child(b), block_count(b));
    return b;
}

static void chain_push(struct table *t, struct bucket *b, uint8_t tag, void *thing)
{
    struct bucket *parent = NULL, *child;
    int count;

    while (has_child(b)) {
        parent = b;
        b = b->slots[LAST];
    }
    count = block_count(b);
    if (count == block_room(b) && count < TABLE_SLOTS) {
        ASSERT(parent);
        b = resize_block(t, b, count + 2);
        parent->slots[LAST] = b;
    }
    if (count < block_room(b)) {
        put_slot(b, count, tag, thing);
        set_meta(b, block_room(b), false, count + 1);
        return;
    }
    child = xmalloc(block_bytes(3));
    t->bytes += block_bytes(3);
    memset(child, 0, block_bytes(3));
    put_slot(child, 0, b->tags[LAST], b->slots[LAST]);
    put_slot(child, 1, tag, thing);
    set_meta(child, 3, false, 2);
    b->slots[LAST] = child;
    set_meta(b, TABLE_SLOTS, true, LAST);
}

/* Takes slot i of block hole out of the chain that begins at b: the chain's last thing fills it. */
static void chain_drop(struct table *t, struct bucket *b, struct bucket *hole, int i)
{
    struct bucket *parent = NULL;
    int last;

    while (has_child(b)) {
        parent = b;
        b = b->slots[LAST];
    }
    last = block_count(b) - 1;
    put_slot(hole, i, b->tags[last], b->slots[last]);
    set_meta(b, block_room(b), false, last);
    if (!parent)
        return;
    if (last == 1) { /* one is left: it fits where the pointer to its block stands */
        put_slot(parent, LAST, b->tags[0], b->slots[0]);
        set_meta(parent, block_room(parent), false, TABLE_SLOTS);
        t->bytes -= block_bytes(block_room(b));
        xfree(b);
    } else if (last <= block_room(b) - 2) {
        parent->slots[LAST] = resize_block(t, b, block_room(b) - 2);
    }
}

/* Empties the chain at b into where the two buckets say; both may be the same. */
static void chain_deal(struct table *t, struct bucket *from, struct bucket *low,
                       struct bucket *high, uint64_t bit)
{
    struct bucket first = *from, *b = &first;

    memset(from, 0, sizeof *from);
    set_meta(from, TABLE_SLOTS, false, 0);
    while (b) {
        struct bucket *next = has_child(b) ? b->slots[LAST] : NULL;
        int count = block_count(b);

        /* The things' keys are far apart in memory: ask for all before the first is looked at. */
        for (int i = 0; bit && i < count; i++)
            __builtin_prefetch(b->slots[i]);
        for (int i = 0; i < count; i++) {
            bool up = bit && (table_hash(t->kind->key(b->slots[i])) & bit);

            chain_push(t, up ? high : low, b->tags[i], b->slots[i]);
        }
        if (b != &first) {
            t->bytes -= block_bytes(block_room(b));
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

/* Bit 8 * i + 7 for every slot whose tag is this one; rarely one more, which its key will tell. */
static uint64_t matches(const struct bucket *b, uint8_t tag)
{
    const uint64_t ones = UINT64_C(0x0001010101010101), highs = ones << 7;
    uint64_t word;

    memcpy(&word, b->tags, sizeof word); /* seven tags and meta on top */
    word ^= ones * tag;
    word = (word - ones) & ~word & highs;
    return word & ((UINT64_C(1) << (8 * block_count(b))) - 1);
}

static void **chain_find(const struct table *t, struct bucket *b, uint8_t tag, struct bytes key)
{
    for (;;) {
        for (uint64_t m = matches(b, tag); m; m &= m - 1) {
            void **slot = &b->slots[__builtin_ctzll(m) / 8];

            if (bytes_eq(t->kind->key(*slot), key))
                return slot;
        }
        if (!has_child(b))
            return NULL;
        b = b->slots[LAST];
    }
}

void table_fini(struct table *t, void (*each)(void *thing, const void *arg), const void *arg)
{
    const struct table_kind *kind = t->kind;

    for (uint64_t i = 0; i < t->buckets; i++) {
        struct bucket *first = bucket_at(t, i), *b = first;

        while (b) {
            struct bucket *next = has_child(b) ? b->slots[LAST] : NULL;

            for (int s = 0; each && s < block_count(b); s++)
                each(b->slots[s], arg);
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

void **table_find(const struct table *t, uint64_t hash, struct bytes key)
{
    if (t->count == 0)
        return NULL;
    return chain_find(t, bucket_at(t, address(t, hash)), tag_of(hash), key);
}

void table_fetch_bucket(const struct table *t, uint64_t hash)
{
    if (t->count > 0)
        __builtin_prefetch(bucket_at(t, address(t, hash)));
}

static void fetch_matches(const struct bucket *b, uint8_t tag)
{
    for (uint64_t m = matches(b, tag); m; m &= m - 1)
        __builtin_prefetch(b->slots[__builtin_ctzll(m) / 8]);
}

void table_fetch_first(const struct table *t, uint64_t hash)
{
    const struct bucket *b;

    if (t->count == 0)
        return;
    b = bucket_at(t, address(t, hash));
    fetch_matches(b, tag_of(hash));
    if (has_child(b))
        __builtin_prefetch(b->slots[LAST]);
}

void table_fetch_rest(const struct table *t, uint64_t hash)
{
    const struct bucket *b;

    if (t->count == 0)
        return;
    b = bucket_at(t, address(t, hash));
    if (has_child(b))
        fetch_matches(b->slots[LAST], tag_of(hash));
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

void table_remove(struct table *t, uint64_t hash, void **slot)
{
    struct bucket *first = bucket_at(t, address(t, hash)), *b = first;

    while (slot < b->slots || slot >= b->slots + block_count(b)) {
        ASSERT(has_child(b));
        b = b->slots[LAST];
    }
    chain_drop(t, first, b, (int)(slot - b->slots));
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

uint64_t table_scan(const struct table *t, uint64_t cursor, table_each_fn *fn, void *arg)
{
    uint64_t i, width, start;
    int depth;

    if (t->buckets == 0)
        return 0;
    i = address(t, cursor);
    for (const struct bucket *b = bucket_at(t, i); b; b = has_child(b) ? b->slots[LAST] : NULL) {
        for (int s = 0; s < block_count(b); s++)
            __builtin_prefetch(b->slots[s]);
        for (int s = 0; s < block_count(b); s++)
            fn(arg, b->slots[s]);
    }
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
    while (n >= (uint64_t)block_count(b)) {
        n -= (uint64_t)block_count(b);
        if (!has_child(b))
            return NULL;
        b = b->slots[LAST];
    }
    return b->slots[n];
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
        for (bool first = true; b; b = has_child(b) ? b->slots[LAST] : NULL, first = false) {
            ASSERT(block_count(b) <= block_room(b));
            ASSERT(!has_child(b) || block_count(b) == LAST);
            ASSERT(first || block_count(b) > block_room(b) - 2);
            bytes += first ? 0 : block_bytes(block_room(b));
            for (int s = 0; s < block_count(b); s++) {
                uint64_t hash = table_hash(t->kind->key(b->slots[s]));

                ASSERT(address(t, hash) == i);
                ASSERT(b->tags[s] == tag_of(hash));
            }
            count += (uint64_t)block_count(b);
        }
    }
    ASSERT(count == t->count);
    ASSERT(bytes == t->bytes);
}
