/*
 * charters - groups for tests: one of three members and three voters.
 */
#ifndef HF_TESTS_COMMON_REGISTER_CHARTERS_H
#define HF_TESTS_COMMON_REGISTER_CHARTERS_H

#include <stdio.h>
#include <string.h>

#include "common/register/change.h"

#define RUN_A "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
#define RUN_B "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"

static inline struct place place_of(const char *net, uint64_t i, uint16_t port)
{
    struct place p = { .port = port };

    snprintf(p.host, sizeof p.host, "%s.%llu", net, (unsigned long long)i);
    return p;
}

static inline struct voter voter_of(uint64_t id)
{
    return (struct voter){ .id = id, .at = place_of("10.0.1", id, 26379), .sets = VOTERS_NOW };
}

/* Members 11 (leads), 12, 13 with data sets 111, 112 and none; voters 1, 2, 3. */
static inline struct charter charter_of_three(void)
{
    struct charter c = { .gid = "0123456789abcdef0123456789abcdef01234567",
                         .ver = 1,
                         .epoch = 1,
                         .leader = 11,
                         .run = RUN_A,
                         .level = KEEP_OS,
                         .min_sync = 1 };

    for (uint64_t i = 1; i <= 3; i++) {
        struct member m = { .node = 10 + i, .at = place_of("10.0.0", i, 6379), .boot = 1 };
        struct voter v = voter_of(i);

        m.did = i < 3 ? 110 + i : 0;
        charter_add_member(&c, &m);
        charter_add_voter(&c, &v);
    }
    return c;
}

#endif
