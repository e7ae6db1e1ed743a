/*
 * found - may this group become durable, and if it may, what is the first version of its charter?
 *
 * Everything that is in the way is told at once, so that an operator mends it in one go: who does not answer, who is a
 * plain Redis, who belongs to another group. Nothing is asked here; the facts come from whoever asked.
 *
 *   1. the first version names one copy in sync, the leader's: the others grow one by one
 *   2. every node of the group is a member, every sentinel of it a voter: who is left out is no surprise later
 *   3. a lost register has an heir only where its leader still leads, in the highest epoch that any of its nodes knows; the
 *      heir begins with the next one
 *
 * Pure. Cost: O(members x members).
 */
#ifndef HF_SENTINEL_CORE_DURABLE_FOUND_H
#define HF_SENTINEL_CORE_DURABLE_FOUND_H

#include "common/register/report.h"

enum { FOUND_REASONS_MAX = 24, FOUND_TEXT_MAX = 200 };

/* A node of the group, as its HELLO answered. */
struct founding_node {
    struct place at;
    bool answers; /* there is a line to it */
    bool speaks;  /* HF */
    bool leads;   /* the group's present leader */
    bool observer;
    struct report report; /* speaks */
};

/* A sentinel of the group. */
struct founding_voter {
    struct place at;
    bool answers, speaks;
    uint64_t voter;        /* of its memory; 0: it has none */
    char gid[GID_LEN + 1]; /* of the register that it holds; "": none */
    uint32_t format;       /* that it speaks */
};

struct founding {
    char gid[GID_LEN + 1];  /* made for this */
    char heir[GID_LEN + 1]; /* the group whose register was lost, and takes this one's; "": none */
    uint64_t epoch;         /* to begin with; 0: 1 */
    enum keep level;
    uint32_t min_sync;
    struct founding_node nodes[CHARTER_MEMBERS_MAX];
    uint32_t node_count;
    struct founding_voter voters[CHARTER_VOTERS_MAX];
    uint32_t voter_count;
};

struct reasons {
    char text[FOUND_REASONS_MAX][FOUND_TEXT_MAX];
    uint32_t count; /* the rest, if there are more, will be told the next time */
};

/* What does not fit is cut, or left out. */
void reasons_say(struct reasons *r, const char *format, ...) PRINTF_LIKE(2, 3);

/* False: *out is untouched, and *out_why holds what is in the way. */
bool found_charter(const struct founding *f, struct charter *out, struct reasons *out_why);

#endif
