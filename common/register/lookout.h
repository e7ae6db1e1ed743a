/*
 * lookout - what a follower in sync tells the voters of its group: that it hears its leader, or for how long not.
 *
 *     SENTINEL HF LOOKOUT  format gid epoch run node silent-ms
 *
 * The leader beats its followers anyhow. So whoever has such a word of one of them need not ask the leader itself with
 * every heartbeat, for it will be told of a silence before it could have found it out. A leader says it, too, of itself:
 * "look at me".
 *
 * Told and not asked: acknowledged with +OK at once. Rules of what is added later: wire.h.
 */
#ifndef HF_COMMON_REGISTER_LOOKOUT_H
#define HF_COMMON_REGISTER_LOOKOUT_H

#include "common/register/charter.h"

enum {
    LOOKOUT_BEATS = 2,      /* heartbeats of silence that are told, and between two words of it */
    LOOKOUT_CALM_MS = 3000, /* between two words when there is nothing to tell */
    LOOKOUT_LONG_MS = 2000, /* of silence; then it is told … */
    LOOKOUT_SLOW_MS = 500,  /* … at this pace */
};

struct wire;

struct lookout {
    char gid[GID_LEN + 1];
    uint64_t epoch;
    char run[RUN_LEN + 1]; /* of the leader's process */
    uint64_t node;         /* who says it */
    uint64_t silent_ms;
};

/* Replaces what w held. */
void lookout_put(struct wire *w, const struct lookout *l);
/* ERR_SYNTAX, *out untouched: the sentence says what is odd. */
enum err lookout_take(const struct wire *w, struct lookout *out, struct errmsg *out_why) MUST_CHECK;

#endif
