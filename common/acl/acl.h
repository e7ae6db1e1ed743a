/*
 * acl - who may do what: the one place where users, passwords and rights are asked.
 *
 *     rules --> user: passwords, selectors --> acl_check: may this user run this call?
 *
 *   1. "default" always exists, under one address for as long as the acl lives; whoever has not logged
 *      in is default
 *   2. a user keeps its address through every change of its rules
 *   3. a change happens as a whole or not at all, and watchers hear of it before it counts
 *   4. a user that was removed stays readable until acl_sweep
 *
 * No I/O: files come and go as text. Owner: acl_new/acl_free; the table's rows outlive it.
 * Cost: a check of a user without limits is one test; of others see selector.h.
 * Source: users and rules of Redis 7.0.
 */
#ifndef HF_COMMON_ACL_ACL_H
#define HF_COMMON_ACL_ACL_H

#include "common/acl/rules.h"
#include "common/acl/user.h"

struct acl;

/* t: every command, before any is renamed. NULL: none; such an acl judges the form of rules alone. */
struct acl *acl_new(const struct command_table *t);
void acl_free(struct acl *a); /* NULL does nothing */

const struct catalog *acl_catalog(const struct acl *a);
/* acl-pubsub-default: new users and selectors may use every channel. */
void acl_let_new_users_hear_all(struct acl *a, bool all);
bool acl_new_users_hear_all(const struct acl *a);

/* Sessions must follow: one watcher. */
struct acl_watcher {
    void (*changes)(void *arg, const struct user *now, const struct user *next);
    void (*removed)(void *arg, const struct user *u);
};
void acl_watch(struct acl *a, const struct acl_watcher *watcher, void *arg);

const struct user *acl_default_user(const struct acl *a);
const struct user *acl_find(const struct acl *a, struct bytes name); /* NULL: none */
/* The user, or NULL: no such user, disabled, or wrong password. */
const struct user *acl_login(const struct acl *a, struct bytes name, struct bytes password);
size_t acl_count(const struct acl *a);
/* All of them by name; acl_count pointers, which the caller frees. */
const struct user **acl_sorted(const struct acl *a);

/* requirepass: the default user's only password; empty: it needs none. */
void acl_set_password(struct acl *a, struct bytes password);
/* What stands in users' names: no blank and no NUL. */
bool acl_is_name(struct bytes name);
/* ACL SETUSER: makes the user where there is none. False: nothing has changed, and out_error, empty
 * before, has Redis's sentence. */
bool acl_set_user(struct acl *a, struct bytes name, int argc, const struct bytes *argv,
                  struct buf *out_error);
/* A line of a file: the user begins without rights. */
bool acl_add_user(struct acl *a, struct bytes name, int argc, const struct bytes *argv,
                  struct buf *out_error);
/* False: there is none. The default user stays: the caller has refused. */
bool acl_remove(struct acl *a, struct bytes name);
/* Removed users are forgotten: nobody looks at them any more. */
void acl_sweep(struct acl *a);

/* Every line of a file of users, or nothing. path is for the sentences. On success every user but default
 * is another one than before. */
bool acl_load(struct acl *a, struct bytes text, const char *path, struct buf *out_errors);
void acl_put_file(const struct acl *a, struct buf *out);

/* May u run this? argv begins with the command, whose row is cmd. A denied key or channel is argument
 * *out_arg. */
enum acl_denial acl_judge(const struct user *u, const struct command *cmd, int argc,
                          const struct bytes *argv, int *out_arg);
static inline enum acl_denial acl_check(const struct user *u, const struct command *cmd, int argc,
                                        const struct bytes *argv, int *out_arg)
{
    return LIKELY(u->unlimited) ? ACL_ALLOWED : acl_judge(u, cmd, argc, argv, out_arg);
}

#endif
