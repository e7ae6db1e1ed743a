/*
 * selector - one set of rights: which commands, on which keys, on which channels.
 *
 * A user has a root selector, which rules outside of parentheses change, and one for each pair of
 * parentheses. A call is allowed when one selector allows all of it; rights of two are never added up.
 *
 *   1. commands are a bitmap by catalog number; `future` tells +@all from all commands of today
 *   2. a first argument is only ever allowed to a command without subcommands (+select|0); it counts
 *      where the command's own bit is not set
 *   3. all_keys and all_channels leave no patterns beside them
 *
 * Owner: embed; zeroed it allows nothing. Cost: a rule O(commands) at most, a check a bit, then a glob
 * for each key and pattern until one matches.
 * Source: the rules of ACL SETUSER in Redis 7.0.
 */
#ifndef HF_COMMON_ACL_SELECTOR_H
#define HF_COMMON_ACL_SELECTOR_H

#include "common/acl/catalog.h"

enum key_right { KEY_READ = 1u << 0, KEY_WRITE = 1u << 1 };

/* Why a rule is refused. */
enum acl_fault {
    ACL_FINE,
    ACL_BAD_RULE,
    ACL_NO_COMMAND,
    ACL_KEYS_ARE_ALL,
    ACL_CHANNELS_ARE_ALL,
    ACL_NO_SUCH_PASSWORD,
    ACL_BAD_HASH,
    ACL_ARGUMENT_OF_SUB,
    ACL_TWICE,
    ACL_FAULTS
};

/* Why a call is, in the order in which one of several is told. */
enum acl_denial {
    ACL_ALLOWED,
    ACL_DENIED_COMMAND,
    ACL_DENIED_KEY,
    ACL_DENIED_AUTH, /* a login, for the log */
    ACL_DENIED_CHANNEL,
};

struct key_pattern {
    struct bytes text; /* owned */
    uint32_t rights;   /* enum key_right */
};
/* As "~*", but beside others: %R~* and %W~* become it. */
static inline bool key_pattern_is_all(const struct key_pattern *p)
{
    return p->rights == (KEY_READ | KEY_WRITE) && bytes_is(p->text, "*");
}

struct first_argument {
    int command;
    struct bytes word; /* owned */
};

struct selector {
    uint64_t bits[CATALOG_MAX / 64];
    bool future, all_keys, all_channels;
    struct key_pattern *keys;
    size_t key_count;
    struct bytes *channels; /* owned */
    size_t channel_count;
    struct first_argument *arguments;
    size_t argument_count;
};

void selector_fini(struct selector *s);
/* to is zeroed. */
void selector_copy(struct selector *to, const struct selector *from);

/* One rule: +get, -@set, ~key, &channel, resetkeys … */
enum acl_fault selector_apply(struct selector *s, const struct catalog *c,
                              struct bytes rule) MUST_CHECK;
/* It allows everything there is and will be. */
bool selector_unlimited(const struct selector *s, const struct catalog *c);

/* The keys of one call, found when the first selector asks. */
struct acl_keys {
    struct key_use few[64], *found;
    int count;
    bool looked;
};
void acl_keys_fini(struct acl_keys *k);

/* id is the row's number. A denied key or channel stands at *out_arg, which else is untouched. */
enum acl_denial selector_check(const struct selector *s, const struct catalog *c, int id, int argc,
                               const struct bytes *argv, struct acl_keys *keys, int *out_arg);
/* Every key there is, for the rights that these key flags need. */
bool selector_every_key(const struct selector *s, uint32_t key_flags);
/* as_pattern: the channel is a pattern, which must stand among the rules as it is. */
bool selector_hears(const struct selector *s, struct bytes channel, bool as_pattern);

/* As rules that lead back here: "+@all -get", "~a* %R~b", "&x &y"; the last two are empty without patterns. again: user.h. */
void selector_put_commands(const struct selector *s, const struct catalog *c, struct buf *out);
void selector_put_keys(const struct selector *s, bool again, struct buf *out);
void selector_put_channels(const struct selector *s, struct buf *out);
/* All of it, as one line. */
void selector_describe(const struct selector *s, const struct catalog *c, bool again,
                       struct buf *out);

/* What selector.c and selector_describe.c share: the bits of a command and of its subcommands. */
static inline bool selector_has(const struct selector *s, int id)
{
    return s->bits[id / 64] >> (id % 64) & 1;
}
void selector_set(struct selector *s, const struct catalog *c, int id, bool allow);
void selector_set_category(struct selector *s, const struct catalog *c, uint32_t category,
                           bool allow);
void selector_set_all(struct selector *s, bool allow);

#endif
