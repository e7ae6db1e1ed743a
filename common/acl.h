/*
 * acl - who may do what: the one place where users, passwords and rights are asked.
 *
 * One user exists, "default", with the password of `requirepass` or none. Everything else in the two
 * daemons asks through acl_check and acl_login, so that users and rules change nothing outside of
 * this module.
 *
 *   1. passwords are kept as SHA-256 and compared in constant time
 *   2. a struct user lives as long as its acl
 *
 * Owner: acl_new/acl_free. Cost: a check of an all-powerful user is one branch.
 */
#ifndef HF_COMMON_ACL_H
#define HF_COMMON_ACL_H

#include "common/bytes.h"
#include "common/command.h"

struct acl;
struct user;

struct acl *acl_new(void);
void acl_free(struct acl *a);

/* requirepass: empty or NULL means that no password is needed. */
void acl_set_password(struct acl *a, const char *password);

const struct user *acl_default_user(const struct acl *a);
const struct user *acl_find(const struct acl *a, struct bytes name);
/* The user, or NULL: no such user, disabled, or wrong password. */
const struct user *acl_login(const struct acl *a, struct bytes name, struct bytes password);

const char *user_name(const struct user *u);
bool user_needs_password(const struct user *u);
/* The SHA-256 of its password as hex and a NUL; only where it needs one. */
void user_password_digest(const struct user *u, char out[65]);
/* "user default on nopass ~* &* +@all" */
void user_describe(const struct user *u, struct buf *out);

/* May this user run this call, on these keys and channels? ERR_DENIED: *out_error is the answer
 * ("NOPERM …"). */
enum err acl_check(const struct user *u, const struct call *c, struct errmsg *out_error) MUST_CHECK;

#endif
