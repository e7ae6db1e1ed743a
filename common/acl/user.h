/*
 * user - a name, ways to prove it, and rights.
 *
 *   1. passwords are kept as SHA-256 and compared in constant time; all of them are looked at
 *   2. selectors[0] is the root, and is always there
 *   3. unlimited is true exactly while one selector allows every command, key and channel: who has it
 *      pays for rights with one test per command
 *
 * Owner: struct acl. A user that was removed is readable until acl_sweep.
 */
#ifndef HF_COMMON_ACL_USER_H
#define HF_COMMON_ACL_USER_H

#include "common/acl/selector.h"
#include "common/map.h"

enum { PASSWORD_DIGEST = 32 };

enum sanitize { SANITIZE_UNSAID, SANITIZE_ALWAYS, SANITIZE_NEVER };

struct acl;

struct user {
    bool unlimited; /* see 3. */
    bool enabled, no_password;
    enum sanitize sanitize;
    const struct acl *acl;
    struct map_node by_name; /* of acl->users; its name, with a NUL behind it, is the user's own */
    struct user *next_removed;
    unsigned char (*passwords)[PASSWORD_DIGEST];
    size_t password_count;
    struct selector *selectors;
    size_t selector_count;
};

/* Off, without a password and without rights, but for channels where that is what new users get. */
struct user *user_new(const struct acl *acl, struct bytes name);
void user_free(struct user *u); /* NULL does nothing */
/* Everything but the name. */
void user_copy(struct user *to, const struct user *from);

/* One rule; parentheses are whole (rules.h). Empty ones are nothing. */
enum acl_fault user_apply(struct user *u, struct bytes rule) MUST_CHECK;
/* The same for rules of our own, which cannot be wrong. */
void user_apply_text(struct user *u, const char *rule);

/* It is enabled and the password is one of its own, or it needs none. */
bool user_accepts(const struct user *u, struct bytes password);

static inline const char *user_name(const struct user *u)
{
    return u->by_name.name.at;
}

static inline bool user_needs_password(const struct user *u)
{
    return !u->no_password;
}

/* Who connects is this user at once. */
static inline bool user_is_open(const struct user *u)
{
    return u->no_password && u->enabled;
}

/* Keys of commands with these key flags: every one there is, and this call besides (SORT BY and GET). */
bool user_every_key(const struct user *u, const struct command *cmd, int argc,
                    const struct bytes *argv, uint32_t key_flags);
bool user_hears(const struct user *u, struct bytes channel, bool as_pattern);

/* "on", "nopass", "sanitize-payload": the words of its flags in the order in which they are told; NULL
 * behind the last. */
const char *user_flag_at(const struct user *u, size_t index);
void user_put_password(const struct user *u, size_t index, struct buf *out); /* as hex */
/* "user default on nopass ~* &* +@all". again: of rules that a file will hold, where what Redis says in this place could not
 * be read again: "%RW~*" beside other patterns, which "~*" may not stand before. */
void user_describe(const struct user *u, bool again, struct buf *out);

#endif
