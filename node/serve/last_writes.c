#include "node/serve/last_writes.h"

#include "common/alloc.h"
#include "common/siphash.h"

static uint16_t place_of(struct bytes key)
{
    uint64_t hash = siphash(siphash_process_key(), key.at, key.len);

    _Static_assert(LAST_WRITES == UINT16_MAX + 1, "sixteen bits name a place");
    return (uint16_t)hash;
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

uint64_t last_writes_of(const struct last_writes *l, struct bytes key)
{
    uint64_t at = l->at[place_of(key)];

    return at > l->floor ? at : l->floor;
}
