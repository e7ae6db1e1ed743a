/*
 * request - what an operator asks of a durable group, as it was typed: a wish that speaks of places and not of ids.
 *
 * Whoever drives the captain finds out what is missing (who is at that place, which data it has), and makes it a wish.
 */
#ifndef HF_SENTINEL_CORE_DURABLE_REQUEST_H
#define HF_SENTINEL_CORE_DURABLE_REQUEST_H

#include "sentinel/core/durable/captain.h"

enum request_kind {
    REQUEST_LEVEL, /* level, min_sync: creates the group's register where there is none */
    REQUEST_SWITCHOVER,
    REQUEST_MEMBER_ADD, /* at, observer */
    REQUEST_MEMBER_REMOVE,
    REQUEST_VOTER_ADD,
    REQUEST_VOTER_REMOVE,
    REQUEST_VOTER_REPLACE, /* who voted at `at` by who votes at `next` */
    REQUEST_FORCE,         /* at, ver, confirm_dead, reason */
    REQUEST_ADMIT,         /* closed: whether who follows the leader becomes a member */
    REQUEST_RESEED,        /* level, min_sync, heir: of a group whose voters are lost */
    REQUEST_COUNT
};

struct durable_request {
    enum request_kind kind;
    uint64_t token;
    struct place at;   /* whom it is about; port 0: nobody is named */
    struct place next; /* VOTER_REPLACE */
    enum keep level;
    uint32_t min_sync; /* 0: as it is, or 1 */
    bool observer, closed;
    uint64_t ver;
    bool confirm_dead;
    char reason[CHARTER_REASON_MAX + 1];
    char heir[GID_LEN + 1];
};

/* False: the host is too long for a charter, or it is no port. */
bool place_set(struct place *out, struct bytes host, int64_t port);
bool place_eq(const struct place *a, const struct place *b);

#endif
