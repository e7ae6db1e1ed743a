/*
 * denials - the last calls and logins that were refused, newest first: ACL LOG.
 *
 *   1. two that are alike and less than a minute apart are one entry with a count, as long as ten newer
 *      ones do not stand between them
 *   2. it holds at most as many as it was last told; of an object DENIAL_OBJECT_MAX bytes are kept
 *
 * Owner: embed, denials_init/denials_fini. Cost: O(1). Source: ACL LOG of Redis 7.0.
 */
#ifndef HF_COMMON_ACL_DENIALS_H
#define HF_COMMON_ACL_DENIALS_H

#include "common/acl/selector.h"
#include "common/list.h"

enum { DENIAL_OBJECT_MAX = 1024 };

enum acl_context { ACL_TOPLEVEL, ACL_IN_MULTI, ACL_IN_LUA };

struct denial {
    struct list node;
    uint64_t count;
    enum acl_denial reason;
    enum acl_context context;
    char *object, *user, *client; /* owned; object may hold any bytes */
    size_t object_len;
    uint64_t last_ms;
};

struct denials {
    struct list entries;
    size_t count;
};

void denials_init(struct denials *d);
void denials_clear(struct denials *d);
static inline void denials_fini(struct denials *d)
{
    denials_clear(d);
}

/* Copies what it is given; count, node and last_ms of what do not matter. */
void denials_add(struct denials *d, const struct denial *what, uint64_t now_ms, size_t max);
/* ACL LOG: up to count entries. */
void denials_reply(const struct denials *d, size_t count, uint64_t now_ms, struct reply *r);

#endif
