#include "common/serve/acl_users.h"

#include "common/alloc.h"
#include "common/log.h"
#include "common/serve/rights.h"
#include "common/serve/users_file.h"

/* ---- showing ----------------------------------------------------------------------------------- */

void acl_cmd_users(struct call *c)
{
    const struct acl *acl = c->service->acl;
    AUTO_FREE const struct user **all = acl_sorted(acl);

    reply_array(c->reply, acl_count(acl));
    for (size_t i = 0; i < acl_count(acl); i++)
        reply_text(c->reply, user_name(all[i]));
}

void acl_cmd_list(struct call *c)
{
    const struct acl *acl = c->service->acl;
    AUTO_FREE const struct user **all = acl_sorted(acl);
    struct buf line = { 0 };

    reply_array(c->reply, acl_count(acl));
    for (size_t i = 0; i < acl_count(acl); i++) {
        line.len = 0;
        user_describe(all[i], false, &line);
        reply_bulk(c->reply, buf_bytes(&line));
    }
    buf_fini(&line);
}

static void reply_rules(struct call *c, const char *name, struct buf *rules)
{
    reply_text(c->reply, name);
    reply_bulk(c->reply, buf_bytes(rules));
    rules->len = 0;
}

/* Three fields of a map. */
static void reply_selector(struct call *c, const struct selector *s)
{
    struct buf rules = { 0 };

    selector_put_commands(s, acl_catalog(c->service->acl), &rules);
    reply_rules(c, "commands", &rules);
    selector_put_keys(s, false, &rules);
    reply_rules(c, "keys", &rules);
    selector_put_channels(s, &rules);
    reply_rules(c, "channels", &rules);
    buf_fini(&rules);
}

static void reply_flags(struct call *c, const struct user *u)
{
    size_t count = 0;

    while (user_flag_at(u, count))
        count++;
    reply_text(c->reply, "flags");
    reply_set(c->reply, count);
    for (size_t i = 0; i < count; i++)
        reply_text(c->reply, user_flag_at(u, i));
}

static void reply_passwords(struct call *c, const struct user *u)
{
    struct buf hex = { 0 };

    reply_text(c->reply, "passwords");
    reply_array(c->reply, u->password_count);
    for (size_t i = 0; i < u->password_count; i++) {
        hex.len = 0;
        user_put_password(u, i, &hex);
        reply_bulk(c->reply, buf_bytes(&hex));
    }
    buf_fini(&hex);
}

void acl_cmd_getuser(struct call *c)
{
    const struct user *u = acl_find(c->service->acl, c->argv[2]);

    if (!u) {
        reply_null(c->reply);
        return;
    }
    reply_map(c->reply, 6);
    reply_flags(c, u);
    reply_passwords(c, u);
    reply_selector(c, &u->selectors[0]);
    reply_text(c->reply, "selectors");
    reply_array(c->reply, u->selector_count - 1);
    for (size_t i = 1; i < u->selector_count; i++) {
        reply_map(c->reply, 3);
        reply_selector(c, &u->selectors[i]);
    }
}

/* ---- changing ---------------------------------------------------------------------------------- */

/* Around a change of users: whose user is gone when it is done reads the answer and is closed. */
static void begin_change(struct call *c)
{
    c->service->changing_users = c->session;
}

static void end_change(struct call *c)
{
    struct service *v = c->service;

    v->changing_users = NULL;
    if (c->user != c->session->user)
        c->intents |= INTENT_CLOSE;
    c->user = c->session->user;
    if (v->ops->users_changed)
        v->ops->users_changed(v);
}

void acl_cmd_setuser(struct call *c)
{
    struct buf error = { 0 };

    if (!acl_is_name(c->argv[2])) {
        reply_error(c->reply, "ERR Usernames can't contain spaces or null characters");
        return;
    }
    begin_change(c);
    if (acl_set_user(c->service->acl, c->argv[2], c->argc - 3, c->argv + 3, &error))
        reply_ok(c->reply);
    else
        reply_errorf(c->reply, "ERR %s", buf_text(&error));
    end_change(c);
    buf_fini(&error);
}

void acl_cmd_deluser(struct call *c)
{
    int64_t removed = 0;

    for (int i = 2; i < c->argc; i++)
        if (bytes_is(c->argv[i], "default")) {
            reply_error(c->reply, "ERR The 'default' user cannot be removed");
            return;
        }
    begin_change(c);
    for (int i = 2; i < c->argc; i++)
        removed += acl_remove(c->service->acl, c->argv[i]);
    reply_int(c->reply, removed);
    end_change(c);
}

/* ---- the file ---------------------------------------------------------------------------------- */

static bool has_file(struct call *c)
{
    if (c->service->set->aclfile[0])
        return true;
    reply_error(c->reply,
                "ERR This Redis instance is not configured to use an ACL file. You may want to "
                "specify users via the ACL SETUSER command and then issue a CONFIG REWRITE "
                "(assuming you have a Redis configuration file set) in order to store users in the "
                "Redis configuration.");
    return false;
}

void acl_cmd_load(struct call *c)
{
    struct buf errors = { 0 };

    if (!has_file(c))
        return;
    begin_change(c);
    if (users_file_load(c->service->acl, c->service->set, &errors))
        reply_ok(c->reply);
    else
        reply_errorf(c->reply, "ERR %s", buf_text(&errors));
    end_change(c);
    buf_fini(&errors);
}

void acl_cmd_save(struct call *c)
{
    struct errmsg why = { "" };

    if (!has_file(c))
        return;
    if (users_file_save(c->service->acl, c->service->set, &why) == OK) {
        reply_ok(c->reply);
        return;
    }
    log_warning("users-not-saved file=%s why=\"%s\"", c->service->set->aclfile, why.text);
    reply_error(c->reply, "ERR There was an error trying to save the ACLs. Please check the server "
                          "logs for more information");
}

/* ---- trying ------------------------------------------------------------------------------------ */

static void reply_denied(struct call *c, enum acl_denial denial, const struct command *cmd,
                         struct bytes arg)
{
    char name[64];
    struct buf text = { 0 };

    if (denial == ACL_DENIED_COMMAND) {
        command_full_name(c->service->commands, cmd, name, sizeof name);
        buf_printf(&text, "This user has no permissions to run the '%s' command", name);
    } else {
        buf_puts(&text, "This user has no permissions to access the '");
        buf_add(&text, arg);
        buf_printf(&text, "' %s", denial == ACL_DENIED_KEY ? "key" : "channel");
    }
    reply_bulk(c->reply, buf_bytes(&text));
    buf_fini(&text);
}

static const struct command *find_row(const struct command_table *t, int argc,
                                      const struct bytes *argv)
{
    const struct command *cmd = command_find(t, argv[0]);

    return cmd && cmd->subs && argc > 1 ? command_find_sub(t, cmd, argv[1]) : cmd;
}

void acl_cmd_dryrun(struct call *c)
{
    const struct user *u = acl_find(c->service->acl, c->argv[2]);
    const struct bytes *argv = c->argv + 3;
    int argc = c->argc - 3, arg = 0;
    const struct command *cmd;
    enum acl_denial denial;
    char name[64];

    if (!u) {
        reply_errorf(c->reply, "ERR User '%.*s' not found", SERVE_SHOWN(c->argv[2]));
        return;
    }
    cmd = find_row(c->service->commands, argc, argv);
    if (!cmd) {
        reply_errorf(c->reply, "ERR Command '%.*s' not found", SERVE_SHOWN(argv[0]));
        return;
    }
    if (argc < cmd->argc_min || argc > cmd->argc_max) {
        command_full_name(c->service->commands, cmd, name, sizeof name);
        reply_errorf(c->reply, "ERR wrong number of arguments for '%s' command", name);
        return;
    }
    denial = acl_check(u, cmd, argc, argv, &arg);
    if (denial == ACL_ALLOWED)
        reply_ok(c->reply);
    else
        reply_denied(c, denial, cmd, argv[arg]);
}
