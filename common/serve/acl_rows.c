/*
 * ACL: its rows, and the subcommands that are about no user in particular.
 */
#include "common/clock.h"
#include "common/random.h"
#include "common/serve/acl_users.h"
#include "common/serve/service.h"

enum { GENPASS_BITS = 256, GENPASS_BITS_MAX = 4096, ACL_CATEGORIES = 21, LOG_SHOWN = 10 };

static void acl_whoami(struct call *c)
{
    reply_text(c->reply, user_name(c->user));
}

static void acl_genpass(struct call *c)
{
    char hex[GENPASS_BITS_MAX / 4 + 1];
    int64_t bits = GENPASS_BITS;

    if (c->argc > 3) {
        serve_wrong_use(c);
        return;
    }
    if (c->argc == 3 && !serve_want_i64(c, c->argv[2], &bits))
        return;
    if (bits < 1 || bits > GENPASS_BITS_MAX) {
        reply_error(c->reply, "ERR ACL GENPASS argument must be the number of bits for the output "
                              "password, a positive number up to 4096");
        return;
    }
    random_hex(hex, (size_t)(bits + 3) / 4);
    reply_text(c->reply, hex);
}

/* A category's commands: containers answer for themselves only where they have a bare form. */
static size_t each_command(struct call *c, uint32_t bit, bool write)
{
    const struct command *cmd;
    size_t found = 0;
    char name[64];

    for (size_t i = 0; (cmd = command_at(c->service->commands, i)); i++) {
        if (!command_shown(c->service->commands, cmd))
            continue;
        if (command_categories(cmd) & bit) {
            found++;
            if (write)
                reply_text(c->reply, cmd->name);
        }
        for (const struct command *sub = cmd->subs; sub && sub->name; sub++) {
            if (!(command_categories(sub) & bit) || !command_shown(c->service->commands, sub))
                continue;
            found++;
            if (write) {
                command_full_name(c->service->commands, sub, name, sizeof name);
                reply_text(c->reply, name);
            }
        }
    }
    return found;
}

static void acl_cat(struct call *c)
{
    uint32_t bit;

    if (c->argc > 3) {
        serve_wrong_use(c);
        return;
    }
    if (c->argc == 2) {
        reply_array(c->reply, ACL_CATEGORIES);
        for (int i = 0; i < ACL_CATEGORIES; i++)
            reply_text(c->reply, acl_category_word(1u << i));
        return;
    }
    bit = acl_category_of(c->argv[2]);
    if (!bit) {
        reply_errorf(c->reply, "ERR Unknown category '%.*s'", SERVE_SHOWN(c->argv[2]));
        return;
    }
    reply_array(c->reply, each_command(c, bit, false));
    each_command(c, bit, true);
}

static void acl_log(struct call *c)
{
    struct denials *d = &c->service->denials;
    int64_t count = LOG_SHOWN;

    if (c->argc > 3) {
        serve_wrong_use(c);
        return;
    }
    if (c->argc == 3 && bytes_is_word(c->argv[2], "reset")) {
        denials_clear(d);
        reply_ok(c->reply);
        return;
    }
    if (c->argc == 3 && !serve_want_i64(c, c->argv[2], &count))
        return;
    denials_reply(d, count < 0 ? 0 : (size_t)count, clock_wall_ms(), c->reply);
}

static const struct command acl_subs[] = {
    { .name = "list",
      .run = acl_cmd_list,
      .argc_min = 2,
      .argc_max = 2,
      .flags = CMD_ADMIN | CMD_NOSCRIPT | CMD_LOADING | CMD_STALE,
      .group = "server",
      .since = "6.0.0",
      .cost = "O(N). Where N is the number of configured users.",
      .help = "Users with their rules, as a file would hold them." },
    { .name = "whoami",
      .run = acl_whoami,
      .argc_min = 2,
      .argc_max = 2,
      .flags = CMD_NOSCRIPT | CMD_LOADING | CMD_STALE,
      .group = "server",
      .since = "6.0.0",
      .cost = "O(1)",
      .help = "Who this connection speaks as." },
    { .name = "genpass",
      .run = acl_genpass,
      .argc_min = 2,
      .argc_max = ARGC_ANY,
      .flags = CMD_NOSCRIPT | CMD_LOADING | CMD_STALE,
      .group = "server",
      .since = "6.0.0",
      .cost = "O(1)",
      .args = "[bits:integer]",
      .help = "A random password." },
    { .name = "help",
      .run = serve_help,
      .argc_min = 2,
      .argc_max = 2,
      .flags = CMD_LOADING | CMD_STALE,
      .group = "server",
      .since = "6.0.0",
      .cost = "O(1)",
      .help = "Explains the subcommands." },
    { .name = "users",
      .run = acl_cmd_users,
      .argc_min = 2,
      .argc_max = 2,
      .flags = CMD_ADMIN | CMD_NOSCRIPT | CMD_LOADING | CMD_STALE,
      .group = "server",
      .since = "6.0.0",
      .cost = "O(N). Where N is the number of configured users.",
      .help = "Names of all users." },
    { .name = "cat",
      .run = acl_cat,
      .argc_min = 2,
      .argc_max = ARGC_ANY,
      .flags = CMD_NOSCRIPT | CMD_LOADING | CMD_STALE,
      .group = "server",
      .since = "6.0.0",
      .cost = "O(1) since the categories and commands are a fixed set.",
      .args = "[categoryname]",
      .help = "Command categories, or the commands of one." },
    { .name = "getuser",
      .run = acl_cmd_getuser,
      .argc_min = 3,
      .argc_max = 3,
      .flags = CMD_ADMIN | CMD_NOSCRIPT | CMD_LOADING | CMD_STALE,
      .group = "server",
      .since = "6.0.0",
      .cost = "O(N). Where N is the number of password, command and pattern rules that the "
              "user has.",
      .args = "username",
      .history = "6.2.0:Channel patterns are shown.|7.0.0:Selectors are shown, and patterns "
                 "in the form of rules.",
      .help = "Rules of a user." },
    { .name = "setuser",
      .run = acl_cmd_setuser,
      .argc_min = 3,
      .argc_max = ARGC_ANY,
      .flags = CMD_ADMIN | CMD_NOSCRIPT | CMD_LOADING | CMD_STALE,
      .group = "server",
      .since = "6.0.0",
      .cost = "O(N). Where N is the number of rules provided.",
      .args = "username [rule+]",
      .history = "6.2.0:Rules for channels.|7.0.0:Selectors, and rules for reading and for writing "
                 "a key.",
      .help = "Makes a user, or changes its rules." },
    { .name = "deluser",
      .run = acl_cmd_deluser,
      .argc_min = 3,
      .argc_max = ARGC_ANY,
      .flags = CMD_ADMIN | CMD_NOSCRIPT | CMD_LOADING | CMD_STALE,
      .group = "server",
      .since = "6.0.0",
      .cost = "O(1) amortized time considering the typical user.",
      .args = "username+",
      .help = "Removes users and closes their connections." },
    { .name = "load",
      .run = acl_cmd_load,
      .argc_min = 2,
      .argc_max = 2,
      .flags = CMD_ADMIN | CMD_NOSCRIPT | CMD_LOADING | CMD_STALE,
      .group = "server",
      .since = "6.0.0",
      .cost = "O(N). Where N is the number of configured users.",
      .help = "Reads all users anew from the aclfile." },
    { .name = "save",
      .run = acl_cmd_save,
      .argc_min = 2,
      .argc_max = 2,
      .flags = CMD_ADMIN | CMD_NOSCRIPT | CMD_LOADING | CMD_STALE,
      .group = "server",
      .since = "6.0.0",
      .cost = "O(N). Where N is the number of configured users.",
      .help = "Writes all users to the aclfile." },
    { .name = "log",
      .run = acl_log,
      .argc_min = 2,
      .argc_max = ARGC_ANY,
      .flags = CMD_ADMIN | CMD_NOSCRIPT | CMD_LOADING | CMD_STALE,
      .group = "server",
      .since = "6.0.0",
      .cost = "O(N) with N being the number of entries shown.",
      .args = "[operation:(count:integer|RESET)]",
      .help = "The last commands and logins that were denied." },
    { .name = "dryrun",
      .run = acl_cmd_dryrun,
      .argc_min = 4,
      .argc_max = ARGC_ANY,
      .flags = CMD_ADMIN | CMD_NOSCRIPT | CMD_LOADING | CMD_STALE,
      .group = "server",
      .since = "7.0.0",
      .cost = "O(1).",
      .args = "username command [arg+]",
      .help = "Whether a user may run a command, which is not run." },
    { 0 },
};

const struct command serve_acl_rows[] = {
    { .name = "acl",
      .argc_min = 2,
      .argc_max = ARGC_ANY,
      .group = "server",
      .since = "6.0.0",
      .cost = "Depends on subcommand.",
      .help = "Asks about users and their rights.",
      .subs = acl_subs },
    { 0 },
};
