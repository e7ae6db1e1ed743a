#include "common/command.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/alloc.h"
#include "common/command_docs.h"

enum {
    SLOTS_FIRST = 64, /* a power of two */
};

enum { NAME_GONE = UINT32_MAX }; /* as name_len: was renamed; keeps the chain behind it whole */

struct slot {
    const char *name; /* the row's, or what it was renamed to */
    uint32_t hash, name_len;
    const struct command *parent; /* NULL: a top-level row */
    const struct command *cmd;    /* NULL: empty */
};

struct command_table {
    struct slot *slots;
    size_t slot_count, used;
    const struct command **sorted; /* top-level rows by name */
    size_t count, shown;
    uint32_t without, hidden; /* enum command_flag */
};

/* Folding by 0x20 maps a few other bytes together as well, which only costs a comparison. */
static uint32_t hash_name(const struct command *parent, struct bytes name)
{
    uint32_t h = 2166136261u ^ (uint32_t)((uintptr_t)parent >> 4);

    for (size_t i = 0; i < name.len; i++)
        h = (h ^ ((unsigned char)name.at[i] | 0x20u)) * 16777619u;
    return h ^ h >> 15;
}

/* Names in rows are in lower case. */
static bool same_name(const char *typed, const char *name, size_t len)
{
    for (size_t i = 0; i < len; i++)
        if (typed[i] != name[i] && (typed[i] < 'A' || typed[i] > 'Z' || typed[i] + 32 != name[i]))
            return false;
    return true;
}

static struct slot *slot_for(const struct command_table *t, uint32_t hash,
                             const struct command *parent, struct bytes name)
{
    for (size_t i = hash;; i++) {
        struct slot *s = &t->slots[i & (t->slot_count - 1)];

        if (!s->cmd || (s->hash == hash && s->parent == parent && s->name_len == name.len &&
                        same_name(name.at, s->name, name.len)))
            return s;
    }
}

struct command_table *command_table_new(void)
{
    struct command_table *t = xcalloc(1, sizeof *t);

    t->slot_count = SLOTS_FIRST;
    t->slots = xcalloc(t->slot_count, sizeof *t->slots);
    t->hidden = CMD_HIDDEN;
    return t;
}

void command_table_free(struct command_table *t)
{
    if (!t)
        return;
    xfree(t->slots);
    xfree(t->sorted);
    xfree(t);
}

static void table_grow(struct command_table *t)
{
    struct command_table bigger = { .slot_count = t->slot_count * 2 };

    bigger.slots = xcalloc(bigger.slot_count, sizeof *bigger.slots);
    for (size_t i = 0; i < t->slot_count; i++) {
        const struct slot *s = &t->slots[i];

        if (s->cmd && s->name_len != NAME_GONE)
            *slot_for(&bigger, s->hash, s->parent, bytes_of(s->name)) = *s;
    }
    xfree(t->slots);
    t->slots = bigger.slots;
    t->slot_count = bigger.slot_count;
}

/* A mistake in a row stops the start rather than the first client who asks about it. */
static void row_check(const struct command *row)
{
    struct doc_args args;
    struct key_spec specs[KEY_SPECS_MAX];

    ASSERT(doc_args_parse(row->args, &args, NULL) == OK);
    ASSERT(key_specs_parse(row, specs, NULL) >= 0);
    ASSERT(!row->keys.first || row->keys.step > 0);
}

static void table_put_name(struct command_table *t, const struct command *parent, const char *name,
                           const struct command *cmd)
{
    uint32_t hash = hash_name(parent, bytes_of(name));
    struct slot *s;

    if (t->used * 4 >= t->slot_count) /* a quarter full: a miss looks at one slot */
        table_grow(t);
    s = slot_for(t, hash, parent, bytes_of(name));
    ASSERT(!s->cmd);
    *s = (struct slot){ name, hash, (uint32_t)strlen(name), parent, cmd };
    t->used++;
}

static void table_put(struct command_table *t, const struct command *parent,
                      const struct command *cmd)
{
    row_check(cmd);
    if (cmd->flags & t->without)
        return;
    table_put_name(t, parent, cmd->name, cmd);
    for (const struct command *sub = cmd->subs; sub && sub->name; sub++)
        table_put(t, cmd, sub);
}

static int by_name(const void *a, const void *b)
{
    const struct command *x = *(const struct command *const *)a;
    const struct command *y = *(const struct command *const *)b;

    return strcmp(x->name, y->name);
}

void command_table_narrow(struct command_table *t, uint32_t without, uint32_t hidden)
{
    ASSERT(!t->count);
    t->without |= without;
    t->hidden |= without | hidden;
}

bool command_shown(const struct command_table *t, const struct command *cmd)
{
    return !(cmd->flags & t->hidden);
}

void command_table_add(struct command_table *t, const struct command *rows)
{
    for (const struct command *row = rows; row->name; row++) {
        table_put(t, NULL, row);
        if (row->flags & t->without)
            continue;
        t->sorted = xrealloc(t->sorted, (t->count + 1) * sizeof *t->sorted);
        t->sorted[t->count++] = row;
        t->shown += command_shown(t, row);
    }
    if (t->count)
        qsort(t->sorted, t->count, sizeof *t->sorted, by_name);
}

static void unlist(struct command_table *t, const struct command *row)
{
    size_t i = 0;

    while (t->sorted[i] != row)
        i++;
    t->count--;
    memmove(&t->sorted[i], &t->sorted[i + 1], (t->count - i) * sizeof *t->sorted);
    t->shown -= command_shown(t, row);
}

enum err command_table_rename(struct command_table *t, const char *from, const char *to,
                              struct errmsg *out_why)
{
    struct slot *s = slot_for(t, hash_name(NULL, bytes_of(from)), NULL, bytes_of(from));
    const struct command *row = s->cmd;

    if (!row) {
        errmsg_set(out_why, "No such command in rename-command");
        return ERR_NOTFOUND;
    }
    if (to[0] && command_find(t, bytes_of(to))) {
        errmsg_set(out_why, "Target command name already exists");
        return ERR_EXISTS;
    }
    s->name_len = NAME_GONE;
    if (to[0])
        table_put_name(t, NULL, to, row);
    else
        unlist(t, row);
    return OK;
}

const struct command *command_find_sub(const struct command_table *t, const struct command *parent,
                                       struct bytes name)
{
    return slot_for(t, hash_name(parent, name), parent, name)->cmd;
}

const struct command *command_find(const struct command_table *t, struct bytes name)
{
    return command_find_sub(t, NULL, name);
}

const struct command *command_find_full(const struct command_table *t, struct bytes name)
{
    const char *bar = name.len ? memchr(name.at, '|', name.len) : NULL;
    const struct command *parent;
    size_t head;

    if (!bar)
        return command_find(t, name);
    head = (size_t)(bar - name.at);
    parent = command_find(t, (struct bytes){ name.at, head });
    if (!parent || !parent->subs)
        return NULL;
    return command_find_sub(t, parent, (struct bytes){ bar + 1, name.len - head - 1 });
}

const struct command *command_at(const struct command_table *t, size_t index)
{
    return index < t->count ? t->sorted[index] : NULL;
}

size_t command_count(const struct command_table *t)
{
    return t->shown;
}

void command_full_name(const struct command_table *t, const struct command *cmd, char *out,
                       size_t cap)
{
    if (command_find(t, bytes_of(cmd->name)) != cmd) {
        for (size_t i = 0; i < t->slot_count; i++) {
            if (t->slots[i].cmd == cmd && t->slots[i].parent) {
                snprintf(out, cap, "%s|%s", t->slots[i].parent->name, cmd->name);
                return;
            }
        }
    }
    snprintf(out, cap, "%s", cmd->name);
}
