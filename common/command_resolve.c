/* From the words of a request to the row that runs them, or to the sentence that says why not. */
#include "common/command.h"

#include <stdio.h>
#include <string.h>

enum { QUOTED_MAX = 128 }; /* how much of a client's words an error repeats */

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

/* From the row of the first word on. */
static const struct command *resolve_row(const struct command_table *t, const struct command *cmd,
                                         int argc, const struct bytes *argv,
                                         struct errmsg *out_error)
{
    const struct command *parent = NULL;

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

const struct command *command_resolve(const struct command_table *t, int argc,
                                      const struct bytes *argv, struct errmsg *out_error)
{
    return resolve_row(t, command_find(t, argv[0]), argc, argv, out_error);
}

static bool remembered(const struct command_memo *memo, struct bytes name)
{
    return memo->cmd && name.len == memo->len && memcmp(name.at, memo->name, name.len) == 0;
}

const struct command *command_resolve_again(const struct command_table *t,
                                            struct command_memo *memo, int argc,
                                            const struct bytes *argv, struct errmsg *out_error)
{
    const struct command *cmd = memo->cmd;

    if (UNLIKELY(!remembered(memo, argv[0]))) {
        cmd = command_find(t, argv[0]);
        if (cmd && argv[0].len <= sizeof memo->name) {
            memo->cmd = cmd;
            memo->len = (uint8_t)argv[0].len;
            memcpy(memo->name, argv[0].at, argv[0].len);
        }
    }
    return resolve_row(t, cmd, argc, argv, out_error);
}
