#include "common/serve/users_file.h"

#include <errno.h>
#include <string.h>

#include "common/file.h"
#include "common/log.h"

bool users_file_load(struct acl *acl, const struct server_settings *set, struct buf *out_errors)
{
    struct buf text = { 0 };
    enum err e = file_read(set->aclfile, USERS_FILE_BYTES, &text, NULL);
    bool fine = e == OK;

    if (e == ERR_LIMIT)
        buf_printf(out_errors, "Error loading ACLs, file '%s' is longer than %d bytes",
                   set->aclfile, USERS_FILE_BYTES);
    else if (e != OK)
        buf_printf(out_errors, "Error loading ACLs, opening file '%s': %s", set->aclfile,
                   strerror(errno));
    else
        fine = acl_load(acl, buf_bytes(&text), set->aclfile, out_errors);
    buf_fini(&text);
    return fine;
}

enum err users_file_save(const struct acl *acl, const struct server_settings *set,
                         struct errmsg *out_why)
{
    struct buf text = { 0 };
    enum err e;

    acl_put_file(acl, &text);
    e = file_replace(set->aclfile, buf_bytes(&text), 0644, out_why);
    buf_fini(&text);
    return e;
}

static enum err add_line(struct acl *acl, const struct user_line *l, struct errmsg *out_why)
{
    struct buf error = { 0 };
    bool fine = acl_add_user(acl, bytes_of(l->name), (int)l->rules.count, l->rules.words, &error);

    if (!fine)
        errmsg_set(out_why, "The user '%.64s' of the configuration file: %.300s", l->name,
                   buf_text(&error));
    else if (!acl_find(acl, bytes_of(l->name))->enabled)
        log_notice("user-disabled name=%s: its line says no 'on'", l->name);
    buf_fini(&error);
    return fine ? OK : ERR_SYNTAX;
}

enum err users_file_start(struct acl *acl, struct server_settings *set, struct errmsg *out_why)
{
    struct buf errors = { 0 };
    enum err e = OK;

    acl_let_new_users_hear_all(acl, set->acl_pubsub_all);
    acl_set_password(acl, set->requirepass);
    set->users = acl;
    if (set->aclfile[0] && set->user_line_count) {
        errmsg_set(out_why,
                   "Users stand in the configuration file, and aclfile names another place "
                   "for them: only one of the two can be right");
        return ERR_SYNTAX;
    }
    for (size_t i = 0; i < set->user_line_count && e == OK; i++)
        e = add_line(acl, &set->user_lines[i], out_why);
    if (e == OK && set->aclfile[0] && !users_file_load(acl, set, &errors)) {
        errmsg_set(out_why, "Users could not be loaded: %s", buf_text(&errors));
        e = ERR_SYNTAX;
    }
    buf_fini(&errors);
    return e;
}
