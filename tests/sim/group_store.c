#include "group_store.h"

#include <string.h>

#include "common/alloc.h"

static uint64_t mix(uint64_t hash, uint64_t value)
{
    hash = (hash ^ value) * UINT64_C(0x9e3779b97f4a7c15);
    return hash ^ hash >> 29;
}

static void put(struct store *s, const struct entry *e)
{
    if (s->count == s->cap) {
        s->cap = s->cap ? s->cap * 2 : 64;
        s->at = xrealloc(s->at, s->cap * sizeof *s->at);
    }
    s->at[s->count++] = *e;
}

static uint64_t hash_of(const struct entry *last, const struct entry *e)
{
    return mix(mix(mix(last->hash, e->epoch), e->number), e->end);
}

void store_append(struct store *s, uint64_t epoch, uint64_t number, uint64_t bytes)
{
    struct entry last = s->count ? s->at[s->count - 1] : (struct entry){ 0 };
    struct entry e = { .epoch = epoch, .number = number, .end = last.end + bytes };

    e.hash = hash_of(&last, &e);
    e.writes = last.writes + (number != 0);
    e.list_hash = number ? mix(last.list_hash, number) : last.list_hash;
    put(s, &e);
}

bool store_take(struct store *s, const struct entry *e)
{
    struct entry last = s->count ? s->at[s->count - 1] : (struct entry){ 0 };

    if (hash_of(&last, e) != e->hash)
        return false;
    put(s, e);
    return true;
}

uint64_t store_end(const struct store *s)
{
    return s->count ? s->at[s->count - 1].end : 0;
}

uint64_t store_epoch(const struct store *s)
{
    return s->count ? s->at[s->count - 1].epoch : 0;
}

uint64_t store_writes(const struct store *s)
{
    return s->count ? s->at[s->count - 1].writes : 0;
}

bool store_cut(struct store *s, uint64_t end)
{
    bool marks = true;

    while (s->count > 0 && s->at[s->count - 1].end > end)
        marks = s->at[--s->count].number == 0 && marks;
    return marks;
}

size_t store_index(const struct store *s, uint64_t offset)
{
    size_t i = s->count;

    while (i > 0 && s->at[i - 1].end > offset)
        i--;
    return i;
}

size_t store_common(const struct store *a, const struct store *b)
{
    size_t i = a->count < b->count ? a->count : b->count;

    while (i > 0 && a->at[i - 1].hash != b->at[i - 1].hash)
        i--;
    return i;
}

void store_copy(struct store *to, const struct store *from)
{
    to->count = store_common(to, from);
    for (size_t i = to->count; i < from->count; i++)
        put(to, &from->at[i]);
}

const struct entry *store_write(const struct store *s, uint64_t writes)
{
    for (size_t i = s->count; i-- > 0 && s->at[i].writes >= writes;)
        if (s->at[i].writes == writes && s->at[i].number != 0)
            return &s->at[i];
    return NULL;
}

void store_fini(struct store *s)
{
    xfree(s->at);
    *s = (struct store){ 0 };
}
