#include "common/command.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/alloc.h"
#include "common/command_docs.h"

enum {
    SLOTS_FIRST = 64, /* a power of two */
    QUOTED_MAX = 128, /* how much of a client's words an error repeats */
};

struct slot {
    uint32_t hash, name_len;
    const struct command *parent; /* NULL: a top-level row */
    const struct command *cmd;    /* NULL: empty */
};

struct command_table {
    struct slot *slots;
    size_t slot_count, used;
    const struct command **sorted; /* top-level rows by name */
    size_t count, shown;
};

/* ---- words --------------------------------------------------------------------------------- */

/* In the order in which COMMAND INFO lists them. */
static const struct {
    uint32_t flag;
    const char *word;
} flag_words[] = {
    { CMD_WRITE, "write" },
    { CMD_READONLY, "readonly" },
    { CMD_DENYOOM, "denyoom" },
    { CMD_ADMIN, "admin" },
    { CMD_PUBSUB, "pubsub" },
    { CMD_NOSCRIPT, "noscript" },
    { CMD_BLOCKING, "blocking" },
    { CMD_LOADING, "loading" },
    { CMD_STALE, "stale" },
    { CMD_SKIP_MONITOR, "skip_monitor" },
    { CMD_SKIP_SLOWLOG, "skip_slowlog" },
    { CMD_ASKING, "asking" },
    { CMD_FAST, "fast" },
    { CMD_NO_AUTH, "no_auth" },
    { CMD_NO_MANDATORY_KEYS, "no_mandatory_keys" },
    { CMD_NO_ASYNC_LOADING, "no_async_loading" },
    { CMD_NO_MULTI, "no_multi" },
    { CMD_MOVABLEKEYS, "movablekeys" },
    { CMD_ALLOW_BUSY, "allow_busy" },
};

/* By bit. */
static const char *const category_words[] = {
    "keyspace", "read",   "write",       "set",       "sortedset",  "list",        "hash",
    "string",   "bitmap", "hyperloglog", "geo",       "stream",     "pubsub",      "admin",
    "fast",     "slow",   "blocking",    "dangerous", "connection", "transaction", "scripting",
};

uint32_t command_flag_at(size_t index, const char **out_word)
{
    if (index >= ARRAY_LEN(flag_words))
        return 0;
    *out_word = flag_words[index].word;
    return flag_words[index].flag;
}

const char *acl_category_word(uint32_t category)
{
    size_t bit = category ? (size_t)__builtin_ctz(category) : ARRAY_LEN(category_words);

    return bit < ARRAY_LEN(category_words) ? category_words[bit] : NULL;
}

uint32_t acl_category_of(struct bytes word)
{
    for (size_t i = 0; i < ARRAY_LEN(category_words); i++)
        if (bytes_is_word(word, category_words[i]))
            return 1u << i;
    return 0;
}

uint32_t command_categories(const struct command *cmd)
{
    uint32_t acl = cmd->acl;

    if (cmd->flags & CMD_WRITE)
        acl |= ACL_WRITE;
    if ((cmd->flags & CMD_READONLY) && !(acl & ACL_SCRIPTING))
        acl |= ACL_READ;
    if (cmd->flags & CMD_ADMIN)
        acl |= ACL_ADMIN | ACL_DANGEROUS;
    if (cmd->flags & CMD_PUBSUB)
        acl |= ACL_PUBSUB;
    if (cmd->flags & CMD_BLOCKING)
        acl |= ACL_BLOCKING;
    return acl | (cmd->flags & CMD_FAST ? ACL_FAST : ACL_SLOW);
}

int command_arity(const struct command *cmd)
{
    return cmd->argc_min == cmd->argc_max ? cmd->argc_min : -cmd->argc_min;
}

/* ---- the table ----------------------------------------------------------------------------- */

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
                        same_name(name.at, s->cmd->name, name.len)))
            return s;
    }
}

struct command_table *command_table_new(void)
{
    struct command_table *t = xcalloc(1, sizeof *t);

    t->slot_count = SLOTS_FIRST;
    t->slots = xcalloc(t->slot_count, sizeof *t->slots);
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

        if (s->cmd)
            *slot_for(&bigger, s->hash, s->parent, bytes_of(s->cmd->name)) = *s;
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

static void table_put(struct command_table *t, const struct command *parent,
                      const struct command *cmd)
{
    uint32_t hash = hash_name(parent, bytes_of(cmd->name));
    struct slot *s;

    row_check(cmd);
    if (t->used * 4 >= t->slot_count) /* a quarter full: a miss looks at one slot */
        table_grow(t);
    s = slot_for(t, hash, parent, bytes_of(cmd->name));
    ASSERT(!s->cmd);
    *s = (struct slot){ hash, (uint32_t)strlen(cmd->name), parent, cmd };
    t->used++;
    for (const struct command *sub = cmd->subs; sub && sub->name; sub++)
        table_put(t, cmd, sub);
}

static int by_name(const void *a, const void *b)
{
    const struct command *x = *(const struct command *const *)a;
    const struct command *y = *(const struct command *const *)b;

    return strcmp(x->name, y->name);
}

void command_table_add(struct command_table *t, const struct command *rows)
{
    for (const struct command *row = rows; row->name; row++) {
        table_put(t, NULL, row);
        t->sorted = xrealloc(t->sorted, (t->count + 1) * sizeof *t->sorted);
        t->sorted[t->count++] = row;
        t->shown += !(row->flags & CMD_HIDDEN);
    }
    if (t->count)
        qsort(t->sorted, t->count, sizeof *t->sorted, by_name);
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

/* ---- resolving ----------------------------------------------------------------------------- */

/* How much of a client's word an error repeats: up to a NUL, as the C strings of Redis. */
static int quoted_len(struct bytes word, size_t max)
{
    return (int)strnlen(word.at, word.len < max ? word.len : max);
}

static void unknown_command(int argc, const struct bytes *argv, struct errmsg *out_error)
{
    char args[2 * QUOTED_MAX];
    int len = 0;

    args[0] = '\0';
    for (int i = 1; i < argc && len < QUOTED_MAX; i++)
        len += snprintf(args + len, sizeof args - (size_t)len, "'%.*s' ",
                        quoted_len(argv[i], (size_t)(QUOTED_MAX - len)), argv[i].at);
    errmsg_set(out_error, "ERR unknown command '%.*s', with args beginning with: %s",
               quoted_len(argv[0], QUOTED_MAX), argv[0].at, args);
}

static void unknown_subcommand(const struct command *parent, struct bytes name,
                               struct errmsg *out_error)
{
    char upper[64];
    size_t i = 0;

    for (; parent->name[i] && i < sizeof upper - 1; i++)
        upper[i] = parent->name[i] >= 'a' && parent->name[i] <= 'z' ? (char)(parent->name[i] - 32)
                                                                    : parent->name[i];
    upper[i] = '\0';
    errmsg_set(out_error, "ERR unknown subcommand '%.*s'. Try %s HELP.",
               quoted_len(name, QUOTED_MAX), name.at, upper);
}

const struct command *command_resolve(const struct command_table *t, int argc,
                                      const struct bytes *argv, struct errmsg *out_error)
{
    const struct command *parent = NULL, *cmd = command_find(t, argv[0]);

    if (UNLIKELY(!cmd)) {
        unknown_command(argc, argv, out_error);
        return NULL;
    }
    if (cmd->subs && argc > 1) {
        parent = cmd;
        cmd = command_find_sub(t, parent, argv[1]);
        if (!cmd) {
            unknown_subcommand(parent, argv[1], out_error);
            return NULL;
        }
    }
    if (UNLIKELY(argc < cmd->argc_min || argc > cmd->argc_max)) {
        errmsg_set(out_error, "ERR wrong number of arguments for '%s%s%s' command",
                   parent ? parent->name : "", parent ? "|" : "", cmd->name);
        return NULL;
    }
    return cmd;
}

/* ---- effects ------------------------------------------------------------------------------- */

void call_effect(struct call *c, int argc, const struct bytes *argv)
{
    resp_put_command(c->effects, argc, argv);
    c->effect_count++;
    c->intents |= INTENT_EFFECT;
}

void call_effect_words(struct call *c, int argc, ...)
{
    va_list words;

    va_start(words, argc);
    resp_put_array(c->effects, (size_t)argc);
    for (int i = 0; i < argc; i++)
        resp_put_bulk(c->effects, bytes_of(va_arg(words, const char *)));
    va_end(words);
    c->effect_count++;
    c->intents |= INTENT_EFFECT;
}

void call_no_effect(struct call *c)
{
    c->intents |= INTENT_NO_EFFECT;
}
