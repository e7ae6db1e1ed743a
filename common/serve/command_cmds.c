/* COMMAND and its subcommands: the table of commands, told to clients. */
#include <string.h>

#include "common/alloc.h"
#include "common/command_docs.h"
#include "common/serve/service.h"

enum { FULL_NAME_MAX = 64 };

static const struct command_table *table_of(const struct call *c)
{
    return c->service->commands;
}

static void reply_info_of(struct call *c, const struct command *cmd)
{
    char name[FULL_NAME_MAX];

    command_full_name(table_of(c), cmd, name, sizeof name);
    command_reply_info(c->reply, table_of(c), cmd, name);
}

static void cmd_command(struct call *c)
{
    const struct command_table *t = table_of(c);
    const struct command *cmd;

    reply_array(c->reply, command_count(t));
    for (size_t i = 0; (cmd = command_at(t, i)); i++)
        if (command_shown(t, cmd))
            reply_info_of(c, cmd);
}

static const struct command *find_shown(struct call *c, struct bytes full_name)
{
    const struct command *cmd = command_find_full(table_of(c), full_name);

    return cmd && command_shown(table_of(c), cmd) ? cmd : NULL;
}

static void cmd_command_info(struct call *c)
{
    if (c->argc == 2) {
        cmd_command(c);
        return;
    }
    reply_array(c->reply, (size_t)c->argc - 2);
    for (int i = 2; i < c->argc; i++) {
        const struct command *cmd = find_shown(c, c->argv[i]);

        if (cmd)
            reply_info_of(c, cmd);
        else
            reply_null(c->reply);
    }
}

static void cmd_command_count(struct call *c)
{
    reply_int(c->reply, (int64_t)command_count(table_of(c)));
}

static void reply_docs_of(struct call *c, const struct command *cmd)
{
    char name[FULL_NAME_MAX];

    command_full_name(table_of(c), cmd, name, sizeof name);
    reply_text(c->reply, name);
    command_reply_docs(c->reply, table_of(c), cmd);
}

static void docs_of_all(struct call *c)
{
    const struct command_table *t = table_of(c);
    const struct command *cmd;

    reply_map(c->reply, command_count(t));
    for (size_t i = 0; (cmd = command_at(t, i)); i++)
        if (command_shown(t, cmd))
            reply_docs_of(c, cmd);
}

static void cmd_command_docs(struct call *c)
{
    size_t known = 0;

    if (c->argc == 2) {
        docs_of_all(c);
        return;
    }
    for (int i = 2; i < c->argc; i++)
        known += find_shown(c, c->argv[i]) != NULL;
    reply_map(c->reply, known);
    for (int i = 2; i < c->argc; i++) {
        const struct command *cmd = find_shown(c, c->argv[i]);

        if (cmd)
            reply_docs_of(c, cmd);
    }
}

struct filter {
    enum { FILTER_NONE, FILTER_MODULE, FILTER_ACLCAT, FILTER_PATTERN } by;
    struct bytes what;
    uint32_t category;
};

static bool filter_passes(const struct filter *f, const struct command *cmd, const char *full_name)
{
    switch (f->by) {
    case FILTER_MODULE:
        return false; /* there are no modules */
    case FILTER_ACLCAT:
        return (command_categories(cmd) & f->category) != 0;
    case FILTER_PATTERN:
        return glob_match(f->what, bytes_of(full_name), true);
    default:
        return true;
    }
}

/* Counts what passes, and writes it when asked to. */
static size_t list_row(struct call *c, const struct filter *f, const struct command *cmd,
                       bool write)
{
    char name[FULL_NAME_MAX];
    size_t n = 0;

    if (!command_shown(table_of(c), cmd))
        return 0;
    command_full_name(table_of(c), cmd, name, sizeof name);
    if (filter_passes(f, cmd, name)) {
        n++;
        if (write)
            reply_text(c->reply, name);
    }
    for (const struct command *sub = cmd->subs; sub && sub->name; sub++)
        n += list_row(c, f, sub, write);
    return n;
}

static size_t list_all(struct call *c, const struct filter *f, bool write)
{
    const struct command *cmd;
    size_t n = 0;

    for (size_t i = 0; (cmd = command_at(table_of(c), i)); i++)
        n += list_row(c, f, cmd, write);
    return n;
}

static bool filter_parse(const struct call *c, struct filter *out)
{
    if (c->argc == 2)
        return true;
    if (c->argc != 5 || !bytes_is_word(c->argv[2], "filterby"))
        return false;
    out->what = c->argv[4];
    if (bytes_is_word(c->argv[3], "module")) {
        out->by = FILTER_MODULE;
    } else if (bytes_is_word(c->argv[3], "aclcat")) {
        out->by = FILTER_ACLCAT;
        out->category = acl_category_of(out->what);
    } else if (bytes_is_word(c->argv[3], "pattern")) {
        out->by = FILTER_PATTERN;
    } else {
        return false;
    }
    return true;
}

static void cmd_command_list(struct call *c)
{
    struct filter f = { 0 };

    if (!filter_parse(c, &f)) {
        reply_error(c->reply, "ERR syntax error");
        return;
    }
    reply_array(c->reply, list_all(c, &f, false));
    list_all(c, &f, true);
}

static bool has_keys(const struct command *cmd)
{
    return cmd->keys.first || cmd->keys.find || cmd->key_specs;
}

/* The keys of the command behind COMMAND GETKEYS; -1: an error, or an empty array, was answered. */
static int keys_of_call(struct call *c, struct key_use **out_keys)
{
    int argc = c->argc - 2, n;
    const struct bytes *argv = c->argv + 2;
    const struct command *cmd = command_find(table_of(c), argv[0]);

    if (cmd && cmd->subs && argc > 1)
        cmd = command_find_sub(table_of(c), cmd, argv[1]);
    if (!cmd) {
        reply_error(c->reply, "ERR Invalid command specified");
        return -1;
    }
    if (!has_keys(cmd)) {
        reply_error(c->reply, "ERR The command has no key arguments");
        return -1;
    }
    if (argc < cmd->argc_min || argc > cmd->argc_max) {
        reply_error(c->reply, "ERR Invalid number of arguments specified for command");
        return -1;
    }
    *out_keys = xmalloc((size_t)argc * sizeof **out_keys);
    n = command_find_keys(cmd, argc, argv, *out_keys, argc);
    if (n > 0)
        return n;
    if (cmd->flags & CMD_NO_MANDATORY_KEYS)
        reply_array(c->reply, 0);
    else
        reply_error(c->reply, "ERR Invalid arguments specified for command");
    return -1;
}

static void cmd_command_getkeys(struct call *c)
{
    AUTO_FREE struct key_use *keys = NULL;
    int n = keys_of_call(c, &keys);

    if (n < 0)
        return;
    reply_array(c->reply, (size_t)n);
    for (int i = 0; i < n; i++)
        reply_bulk(c->reply, c->argv[2 + keys[i].position]);
}

static void cmd_command_getkeysandflags(struct call *c)
{
    AUTO_FREE struct key_use *keys = NULL;
    int n = keys_of_call(c, &keys);

    if (n < 0)
        return;
    reply_array(c->reply, (size_t)n);
    for (int i = 0; i < n; i++) {
        uint32_t flags = keys[i].flags & ~(uint32_t)(KEY_VARIABLE_FLAGS | KEY_INCOMPLETE);

        reply_array(c->reply, 2);
        reply_bulk(c->reply, c->argv[2 + keys[i].position]);
        reply_set(c->reply, (size_t)__builtin_popcount(flags));
        for (; flags; flags &= flags - 1)
            reply_simple(c->reply, key_flag_word(flags & -flags));
    }
}

#define COMMON_FACTS .flags = CMD_LOADING | CMD_STALE, .acl = ACL_CONNECTION, .group = "server"

static const struct command subs[] = {
    { .name = "count",
      .run = cmd_command_count,
      .argc_min = 2,
      .argc_max = 2,
      COMMON_FACTS,
      .since = "2.8.13",
      .cost = "O(1)",
      .help = "How many commands there are." },
    { .name = "docs",
      .run = cmd_command_docs,
      .argc_min = 2,
      .argc_max = ARGC_ANY,
      COMMON_FACTS,
      .since = "7.0.0",
      .cost = "O(N) where N is the number of commands to look up",
      .args = "[command-name+]",
      .tips = "nondeterministic_output_order",
      .help = "What commands do, since when, at what cost and with which arguments." },
    { .name = "getkeys",
      .run = cmd_command_getkeys,
      .argc_min = 4,
      .argc_max = ARGC_ANY,
      COMMON_FACTS,
      .since = "2.8.13",
      .cost = "O(N) where N is the number of arguments to the command",
      .help = "Finds the keys in a command that is written out in full." },
    { .name = "getkeysandflags",
      .run = cmd_command_getkeysandflags,
      .argc_min = 4,
      .argc_max = ARGC_ANY,
      COMMON_FACTS,
      .since = "7.0.0",
      .cost = "O(N) where N is the number of arguments to the command",
      .help = "Finds the keys in a full command and says what it would do to each." },
    { .name = "help",
      .run = serve_help,
      .argc_min = 2,
      .argc_max = 2,
      COMMON_FACTS,
      .since = "5.0.0",
      .cost = "O(1)",
      .help = "Lists the subcommands." },
    { .name = "info",
      .run = cmd_command_info,
      .argc_min = 2,
      .argc_max = ARGC_ANY,
      COMMON_FACTS,
      .since = "2.8.13",
      .cost = "O(N) where N is the number of commands to look up",
      .args = "[command-name+]",
      .tips = "nondeterministic_output_order",
      .history = "7.0.0:Without a name it tells of all commands.",
      .help = "Arity, flags, keys and categories of the commands named, or of all." },
    { .name = "list",
      .run = cmd_command_list,
      .argc_min = 2,
      .argc_max = ARGC_ANY,
      COMMON_FACTS,
      .since = "7.0.0",
      .cost = "O(N) where N is the total number of Redis commands",
      .args = "[FILTERBY=filterby:(MODULE=module-name|ACLCAT=category|PATTERN=pattern:pattern)]",
      .tips = "nondeterministic_output_order",
      .help = "Names of commands, filtered if asked." },
    { 0 },
};

const struct command serve_command_rows[] = {
    { .name = "command",
      .run = cmd_command,
      .argc_min = 1,
      .argc_max = ARGC_ANY,
      COMMON_FACTS,
      .subs = subs,
      .since = "2.8.13",
      .cost = "O(N) where N is the total number of Redis commands",
      .tips = "nondeterministic_output_order",
      .help = "Tells arity, flags, keys and categories of every command." },
    { 0 },
};
