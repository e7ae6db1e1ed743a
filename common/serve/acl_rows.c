/*
 * ACL, as far as there is one user.
 */
#include <string.h>

#include "common/random.h"
#include "common/serve/service.h"

enum { GENPASS_BITS = 256, GENPASS_BITS_MAX = 4096, ACL_CATEGORIES = 21 };

static void acl_whoami(struct call *c)
{
    reply_text(c->reply, user_name(c->user));
}

static void acl_users(struct call *c)
{
    reply_array(c->reply, 1);
    reply_text(c->reply, user_name(acl_default_user(c->service->acl)));
}

static void acl_list(struct call *c)
{
    struct buf line = { 0 };

    user_describe(acl_default_user(c->service->acl), &line);
    reply_array(c->reply, 1);
    reply_bulk(c->reply, buf_bytes(&line));
    buf_fini(&line);
}

static void acl_getuser(struct call *c)
{
    const struct user *u = acl_find(c->service->acl, c->argv[2]);
    char digest[65];

    if (!u) {
        reply_null(c->reply);
        return;
    }
    reply_map(c->reply, 6);
    reply_text(c->reply, "flags");
    reply_set(c->reply, user_needs_password(u) ? 1 : 2);
    reply_text(c->reply, "on");
    if (!user_needs_password(u))
        reply_text(c->reply, "nopass");
    reply_text(c->reply, "passwords");
    reply_array(c->reply, user_needs_password(u) ? 1 : 0);
    if (user_needs_password(u)) {
        user_password_digest(u, digest);
        reply_text(c->reply, digest);
    }
    reply_text(c->reply, "commands");
    reply_text(c->reply, "+@all");
    reply_text(c->reply, "keys");
    reply_text(c->reply, "~*");
    reply_text(c->reply, "channels");
    reply_text(c->reply, "&*");
    reply_text(c->reply, "selectors");
    reply_array(c->reply, 0);
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

static const struct command acl_subs[] = {
    { .name = "list",
      .run = acl_list,
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
      .run = acl_users,
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
      .run = acl_getuser,
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
