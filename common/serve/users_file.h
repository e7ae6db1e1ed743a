/*
 * users_file - users on the disk: the aclfile, and the `user` lines of a configuration file.
 *
 * Either of them, never both: what one says the other would undo.
 */
#ifndef HF_COMMON_SERVE_USERS_FILE_H
#define HF_COMMON_SERVE_USERS_FILE_H

#include "common/acl/acl.h"
#include "common/server_settings.h"

enum { USERS_FILE_BYTES = 64 * 1024 * 1024 };

/* At the start, once every command is known: requirepass, then the user lines or the aclfile. ERR_SYNTAX:
 * the sentence says why we do not start. set->users is acl from then on, for CONFIG REWRITE. */
enum err users_file_start(struct acl *acl, struct server_settings *set,
                          struct errmsg *out_why) MUST_CHECK;
/* ACL LOAD: all of the file or nothing, with Redis's sentences. */
bool users_file_load(struct acl *acl, const struct server_settings *set, struct buf *out_errors);
/* ACL SAVE. */
enum err users_file_save(const struct acl *acl, const struct server_settings *set,
                         struct errmsg *out_why) MUST_CHECK;

#endif
