#include "node/types/deque.h"

#include <string.h>

#include "common/alloc.h"

enum {
    FILL_BYTES = 8192, /* a block filled by number of elements is no longer than this */
    FILL_LEVELS = 5,
    ROOM_MIN = 4, /* of an array of blocks */
};

/* ---- the array of blocks ---- */

static struct deque_block *block_at(const struct deque *d, uint32_t i)
{
    return &d->blocks[d->first + i];
}

struct deque *deque_new(void)
{
    struct deque *d = xcalloc(1, sizeof *d);

    d->blocks = &d->lone;
    d->room = 1;
    return d;
}

void deque_free(struct deque *d)
{
    if (!d)
        return;
    for (uint32_t i = 0; i < d->used; i++)
        listpack_free(block_at(d, i)->pack);
    if (d->blocks != &d->lone)
        xfree(d->blocks);
    xfree(d);
}

/* Moves the blocks into an array of that room, with the gap shared between both ends. */
static void set_room(struct deque *d, uint32_t room)
{
    struct deque_block *blocks = room == 1 ? &d->lone : xmalloc(room * sizeof *blocks);
    uint32_t first = (room - d->used) / 2;

    memmove(blocks + first, d->blocks + d->first, d->used * sizeof *blocks);
    if (d->blocks != &d->lone)
        xfree(d->blocks);
    d->blocks = blocks;
    d->first = first;
    d->room = room;
}

/* A new block, not filled in, before the one at i (or behind the last). */
static struct deque_block *open_block(struct deque *d, uint32_t i)
{
    bool front = i < d->used - i;

    if (d->used && (front ? d->first == 0 : d->first + d->used == d->room))
        set_room(d, d->used + d->used / 2 + ROOM_MIN);
    if (front && d->used) {
        d->first--;
        memmove(block_at(d, 0), block_at(d, 1), i * sizeof *d->blocks);
    } else {
        memmove(block_at(d, i) + 1, block_at(d, i), (d->used - i) * sizeof *d->blocks);
    }
    d->used++;
    return block_at(d, i);
}

static void close_blocks(struct deque *d, uint32_t i, uint32_t n)
{
    uint32_t behind = d->used - i - n;

    for (uint32_t k = i; k < i + n; k++) {
        d->held -= block_at(d, k)->room;
        d->count -= block_at(d, k)->count;
        listpack_free(block_at(d, k)->pack);
    }
    if (i < behind) {
        memmove(block_at(d, n), block_at(d, 0), i * sizeof *d->blocks);
        d->first += n;
    } else {
        memmove(block_at(d, i), block_at(d, i + n), behind * sizeof *d->blocks);
    }
    d->used -= n;
    if (d->used <= 1 && d->room > 1)
        set_room(d, 1);
    else if (d->room > ROOM_MIN * 4 && d->used < d->room / 4)
        set_room(d, d->used + d->used / 2 + ROOM_MIN);
}

size_t deque_bytes(const struct deque *d)
{
    size_t array = d->blocks == &d->lone ? 0 : alloc_size(d->blocks);

    return alloc_size(d) + array + d->held;
}

struct deque *deque_copy(const struct deque *d)
{
    struct deque *copy = deque_new();

    for (uint32_t i = 0; i < d->used; i++)
        deque_add_pack(copy, listpack_copy(block_at(d, i)->pack));
    return copy;
}

/* ---- one block ---- */

/* Changes of a pack stand between these two, which keep the account. */
static struct listpack *take_pack(struct deque *d, struct deque_block *b)
{
    d->held -= b->room;
    return b->pack;
}

/* b->room is right already. */
static void put_known(struct deque *d, struct deque_block *b, struct listpack *pack, int64_t more)
{
    b->pack = pack;
    b->count += (size_t)more;
    d->count += (uint64_t)more;
    d->held += b->room;
}

static void put_pack(struct deque *d, struct deque_block *b, struct listpack *pack, int64_t more)
{
    b->room = listpack_held(pack);
    put_known(d, b, pack, more);
}

static void insert_in(struct deque *d, struct deque_block *b, size_t at, struct bytes text)
{
    put_known(d, b, listpack_insert_in(take_pack(d, b), &b->room, at, text), 1);
}

static void delete_in(struct deque *d, struct deque_block *b, size_t at, size_t count)
{
    put_known(d, b, listpack_delete_in(take_pack(d, b), &b->room, at, count), -(int64_t)count);
}

static void fill_block(struct deque *d, struct deque_block *b, struct listpack *pack)
{
    b->count = 0;
    put_pack(d, b, pack, (int64_t)listpack_count(pack));
}

void deque_add_pack(struct deque *d, struct listpack *pack)
{
    ASSERT(listpack_first(pack) != LISTPACK_END);
    fill_block(d, open_block(d, d->used), pack);
}

static bool within_fill(size_t count, size_t bytes, int fill)
{
    static const size_t levels[FILL_LEVELS] = { 4096, 8192, 16384, 32768, 65536 };

    if (fill >= 0)
        return bytes <= FILL_BYTES && count <= (fill ? (size_t)fill : 1);
    return bytes <= levels[(fill < -FILL_LEVELS ? FILL_LEVELS : -fill) - 1];
}

static bool has_room(const struct deque_block *b, size_t more, int fill)
{
    return within_fill(b->count + 1, listpack_bytes(b->pack).len + more, fill);
}

static void new_block(struct deque *d, uint32_t i, struct bytes text)
{
    fill_block(d, open_block(d, i), listpack_one(text));
}

void deque_push(struct deque *d, enum deque_end end, struct bytes text, int fill)
{
    uint32_t i = end == DEQUE_BACK && d->used ? d->used - 1 : 0;
    struct deque_block *b = block_at(d, i);

    if (d->used == 0 || !has_room(b, listpack_cost(text), fill)) {
        new_block(d, end == DEQUE_BACK ? d->used : 0, text);
        return;
    }
    insert_in(d, b, end == DEQUE_BACK ? LISTPACK_END : listpack_first(b->pack), text);
}

/* ---- places ---- */

/* The block that holds the element, and which of its own it is. */
static uint32_t block_of(const struct deque *d, uint64_t index, uint64_t *out_within)
{
    uint32_t i;

    if (index <= d->count / 2) {
        for (i = 0; index >= block_at(d, i)->count; i++)
            index -= block_at(d, i)->count;
        *out_within = index;
        return i;
    }
    index = d->count - 1 - index;
    for (i = d->used - 1; index >= block_at(d, i)->count; i--)
        index -= block_at(d, i)->count;
    *out_within = block_at(d, i)->count - 1 - index;
    return i;
}

bool deque_seek(const struct deque *d, int64_t index, struct deque_place *out)
{
    uint64_t within;

    if (index < 0)
        index += (int64_t)d->count;
    if (index < 0 || (uint64_t)index >= d->count)
        return false;
    out->block = block_of(d, (uint64_t)index, &within);
    out->at = listpack_seek(block_at(d, out->block)->pack, (int64_t)within);
    return true;
}

bool deque_next(const struct deque *d, struct deque_place *p)
{
    p->at = listpack_next(block_at(d, p->block)->pack, p->at);
    if (p->at)
        return true;
    if (++p->block == d->used)
        return false;
    p->at = listpack_first(block_at(d, p->block)->pack);
    return true;
}

bool deque_prev(const struct deque *d, struct deque_place *p)
{
    p->at = listpack_prev(block_at(d, p->block)->pack, p->at);
    if (p->at)
        return true;
    if (p->block == 0) {
        p->block = d->used;
        return false;
    }
    p->block--;
    p->at = listpack_last(block_at(d, p->block)->pack);
    return true;
}

struct bytes deque_get(const struct deque *d, const struct deque_place *p, char *scratch)
{
    return listpack_get(block_at(d, p->block)->pack, p->at, scratch);
}

bool deque_is(const struct deque *d, const struct deque_place *p, const struct listpack_needle *n)
{
    return listpack_is(block_at(d, p->block)->pack, p->at, n);
}

/* ---- the middle ---- */

/* Neighbours that fill half a block together become one. */
static void join_if_small(struct deque *d, uint32_t i, int fill)
{
    struct deque_block *a = block_at(d, i), *b = a + 1;
    struct listpack *pack;
    size_t more, bytes;

    if (i + 1 >= d->used)
        return;
    more = b->count;
    bytes = listpack_bytes(a->pack).len + listpack_bytes(b->pack).len;
    if (!within_fill(2 * (a->count + more), 2 * bytes, fill))
        return;
    pack = listpack_join(take_pack(d, a), listpack_copy(b->pack));
    put_pack(d, a, pack, (int64_t)more);
    close_blocks(d, i + 1, 1);
}

/* Everything of the block from a place on moves into a block behind it. */
static void split_block(struct deque *d, uint32_t i, size_t at)
{
    struct deque_block *b = block_at(d, i);
    struct listpack *rest, *pack = listpack_split(take_pack(d, b), at, &rest);
    size_t moved = listpack_count(rest);

    put_pack(d, b, pack, -(int64_t)moved);
    fill_block(d, open_block(d, i + 1), rest);
}

void deque_insert(struct deque *d, const struct deque_place *p, bool after, struct bytes text,
                  int fill)
{
    const struct listpack *pack = block_at(d, p->block)->pack;
    size_t cost = listpack_cost(text), at = after ? listpack_next(pack, p->at) : p->at;
    uint32_t i = p->block;

    if (has_room(block_at(d, i), cost, fill)) {
        insert_in(d, block_at(d, i), at, text);
        return;
    }
    if (at == listpack_first(pack)) {
        if (i > 0 && has_room(block_at(d, i - 1), cost, fill))
            insert_in(d, block_at(d, i - 1), LISTPACK_END, text);
        else
            new_block(d, i, text);
        return;
    }
    if (at)
        split_block(d, i, at);
    if (has_room(block_at(d, i), cost, fill))
        insert_in(d, block_at(d, i), LISTPACK_END, text);
    else
        new_block(d, i + 1, text);
}

void deque_replace(struct deque *d, const struct deque_place *p, struct bytes text, int fill)
{
    struct deque_block *b = block_at(d, p->block);
    struct deque_place place = *p;
    size_t cost = listpack_cost(text);

    if (b->count == 1 || within_fill(b->count, listpack_bytes(b->pack).len + cost, fill)) {
        put_pack(d, b, listpack_replace(take_pack(d, b), p->at, text), 0);
        return;
    }
    deque_insert(d, &place, true, text, fill);
    /* p still names the old element: whatever was inserted, it went behind it */
    (void)deque_take_out(d, &place, true);
}

bool deque_take_out(struct deque *d, struct deque_place *p, bool back)
{
    struct deque_block *b = block_at(d, p->block);
    struct deque_place next = *p;
    bool more;

    if (b->count == 1) {
        more = deque_step(d, &next, back);
        close_blocks(d, p->block, 1);
        next.block -= more && !back;
        *p = next;
        return more;
    }
    if (back) { /* what stands before keeps its offset */
        more = deque_prev(d, &next);
        delete_in(d, b, p->at, 1);
        *p = next;
        return more;
    }
    delete_in(d, b, p->at, 1);
    p->at = listpack_settle(b->pack, p->at);
    if (p->at)
        return true;
    if (++p->block == d->used)
        return false;
    p->at = listpack_first(block_at(d, p->block)->pack);
    return true;
}

void deque_delete(struct deque *d, uint64_t index, uint64_t count)
{
    uint64_t within;
    uint32_t i = block_of(d, index, &within), whole = 0;
    struct deque_block *b = block_at(d, i);

    if (within || count < b->count) {
        uint64_t n = count < b->count - within ? count : b->count - within;

        delete_in(d, b, listpack_seek(b->pack, (int64_t)within), n);
        count -= n;
        i++;
    }
    for (b = block_at(d, i); count && b[whole].count <= count; whole++)
        count -= b[whole].count;
    if (whole)
        close_blocks(d, i, whole);
    if (count)
        delete_in(d, block_at(d, i), LISTPACK_HEAD, count);
}

void deque_tidy(struct deque *d, const struct deque_place *p, int fill)
{
    uint32_t i = p->block < d->used ? p->block : d->used ? d->used - 1 : 0;

    join_if_small(d, i, fill);
    if (i)
        join_if_small(d, i - 1, fill);
}

void deque_fetch(const struct deque *d, int step)
{
    const struct deque_block *front = block_at(d, 0), *back = block_at(d, d->used - 1);

    if (step == 0) {
        FETCH(front);
        FETCH(back);
    } else if (step == 1) {
        FETCH(front->pack);
        FETCH(back->pack);
    } else if (step == 2) {
        FETCH(listpack_bytes(back->pack).at + listpack_bytes(back->pack).len);
    }
}

void deque_check(const struct deque *d)
{
    uint64_t count = 0;
    size_t held = 0;

    ASSERT(d->first + d->used <= d->room);
    ASSERT((d->room == 1) == (d->blocks == &d->lone));
    for (uint32_t i = 0; i < d->used; i++) {
        listpack_check(block_at(d, i)->pack);
        ASSERT(block_at(d, i)->count > 0);
        ASSERT(block_at(d, i)->count == listpack_count(block_at(d, i)->pack));
        count += block_at(d, i)->count;
        ASSERT(block_at(d, i)->room == listpack_held(block_at(d, i)->pack));
        held += block_at(d, i)->room;
    }
    ASSERT(count == d->count && held == d->held);
}
