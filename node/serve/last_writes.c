#include "node/serve/last_writes.h"

#include <string.h>

#include "common/alloc.h"
#include "common/siphash.h"

static uint64_t word_at(const char *at)
{
    uint64_t word;

    memcpy(&word, at, sizeof word);
    return word;
}

/* The last eight bytes, or what there is. */
static uint64_t last_word(struct bytes key)
{
    uint64_t word = 0;

    if (key.len >= sizeof word)
        return word_at(key.at + key.len - sizeof word);
    for (size_t i = 0; i < key.len; i++)
        word = word << 8 | (unsigned char)key.at[i];
    return word;
}

/* Every key that is written costs one of these, so it is a plain product for each eight bytes. Whoever found keys that
 * share a place would make their readers wait for each other, and no more; the process's key keeps even that from
 * being worked out elsewhere. */
static uint16_t place_of(struct bytes key)
{
    const uint64_t odd = UINT64_C(0x9e3779b97f4a7c15);
    uint64_t hash = siphash_process_key()->k0 ^ key.len;

    _Static_assert(LAST_WRITES == UINT16_MAX + 1, "sixteen bits name a place");
    for (size_t at = 0; at + sizeof hash < key.len; at += sizeof hash) {
        hash = (hash ^ word_at(key.at + at)) * odd;
        hash ^= hash >> 32;
    }
    hash = (hash ^ last_word(key)) * odd;
    return (uint16_t)(hash >> 48);
}

void last_writes_begin(struct last_writes *l, uint64_t tip)
{
    last_writes_end(l);
    l->at = xcalloc(LAST_WRITES, sizeof *l->at);
    l->changed = xmalloc(LAST_WRITES * sizeof *l->changed);
    l->floor = tip;
}

void last_writes_end(struct last_writes *l)
{
    xfree(l->at);
    xfree(l->changed);
    *l = (struct last_writes){ 0 };
}

void last_writes_changed(struct last_writes *l, struct bytes key)
{
    if (l->changed_count == LAST_WRITES)
        l->all_changed = true;
    else
        l->changed[l->changed_count++] = place_of(key);
}

void last_writes_changed_all(struct last_writes *l)
{
    l->all_changed = true;
}

void last_writes_settle(struct last_writes *l, uint64_t offset)
{
    if (l->all_changed)
        l->floor = offset;
    for (uint32_t i = 0; i < l->changed_count && !l->all_changed; i++)
        l->at[l->changed[i]] = offset;
    l->changed_count = 0;
    l->all_changed = false;
}

void last_writes_fetch(const struct last_writes *l, struct bytes key)
{
    FETCH(&l->at[place_of(key)]);
}

uint64_t last_writes_of(const struct last_writes *l, struct bytes key)
{
    uint64_t at = l->at[place_of(key)];

    return at > l->floor ? at : l->floor;
}
