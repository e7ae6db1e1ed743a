#include "common/acl/catalog.h"

#include <stdio.h>
#include <string.h>

#include "common/alloc.h"

/* Commands that name channels. Giving a channel up needs no right to it. */
static const struct {
    const char *name;
    enum channel_use use;
    int last;
} channel_commands[] = {
    { "publish", CHANNELS_NAMED, 1 },           { "spublish", CHANNELS_NAMED, 1 },
    { "subscribe", CHANNELS_NAMED, -1 },        { "ssubscribe", CHANNELS_NAMED, -1 },
    { "psubscribe", CHANNELS_AS_PATTERNS, -1 },
};

static void note_channels(struct catalog_entry *e)
{
    for (size_t i = 0; i < ARRAY_LEN(channel_commands); i++)
        if (bytes_is(e->name, channel_commands[i].name)) {
            e->channels = channel_commands[i].use;
            e->last_channel = channel_commands[i].last;
        }
}

static void note_keys(struct catalog_entry *e)
{
    e->spec_count = command_key_specs(e->row, e->specs);
    e->has_keys = e->row->keys.find != NULL;
    for (int i = 0; i < e->spec_count; i++)
        e->has_keys |= !(e->specs[i].flags & KEY_NOT_KEY);
}

static int add(struct catalog *c, const struct command *row, int parent)
{
    struct catalog_entry *e = &c->entries[c->count];
    char name[64];

    ASSERT(c->count < CATALOG_MAX);
    if (parent == CATALOG_NONE)
        snprintf(name, sizeof name, "%s", row->name);
    else
        snprintf(name, sizeof name, "%s|%s", c->entries[parent].row->name, row->name);
    *e = (struct catalog_entry){ .row = row,
                                 .name = bytes_of(xstrdup(name)),
                                 .categories = command_categories(row),
                                 .parent = parent };
    if (parent != CATALOG_NONE)
        c->entries[parent].subs++;
    note_channels(e);
    note_keys(e);
    return c->count++;
}

/* Row addresses are unique and not chosen by anybody outside: a multiplication spreads them. */
static int16_t *slot_of(const struct catalog *c, const struct command *row)
{
    size_t i = (size_t)(((uint64_t)(uintptr_t)row * 0x9e3779b97f4a7c15u) >> 32);

    for (;; i++) {
        int16_t *slot = &c->slots[i & (c->slot_count - 1)];

        if (*slot == CATALOG_NONE || c->entries[*slot].row == row)
            return slot;
    }
}

struct catalog *catalog_new(const struct command_table *t)
{
    struct catalog *c = xcalloc(1, sizeof *c);
    const struct command *row;

    c->entries = xcalloc(CATALOG_MAX, sizeof *c->entries);
    for (size_t i = 0; t && (row = command_at(t, i)); i++) {
        int parent = add(c, row, CATALOG_NONE);

        for (const struct command *sub = row->subs; sub && sub->name; sub++)
            add(c, sub, parent);
    }
    c->entries = xrealloc(c->entries, ((size_t)c->count + 1) * sizeof *c->entries);
    c->slot_count = 2 * CATALOG_MAX;
    c->slots = xmalloc(c->slot_count * sizeof *c->slots);
    memset(c->slots, 0xff, c->slot_count * sizeof *c->slots);
    for (int i = 0; i < c->count; i++)
        *slot_of(c, c->entries[i].row) = (int16_t)i;
    return c;
}

void catalog_free(struct catalog *c)
{
    if (!c)
        return;
    for (int i = 0; i < c->count; i++)
        xfree((char *)c->entries[i].name.at);
    xfree(c->entries);
    xfree(c->slots);
    xfree(c);
}

int catalog_find(const struct catalog *c, struct bytes name)
{
    for (int i = 0; i < c->count; i++)
        if (bytes_ieq(name, c->entries[i].name))
            return i;
    return CATALOG_NONE;
}

int catalog_id(const struct catalog *c, const struct command *row)
{
    return *slot_of(c, row);
}
