/*
 * suspicion - "this process is silent or dead, as far as I see": how captains ask each other, and answer.
 *
 *     SENTINEL HF SUSPECT  format gid epoch run reporter opinion why age-ms     what do you think?
 *     SENTINEL HF OPINION  format gid epoch run reporter opinion why age-ms     this is what I think
 *
 * Both are told and not asked: each is acknowledged with +OK at once, and the opinion comes over the other one's own
 * link. So a probe that takes its time holds up nobody else's question (a reply would, on a connection that answers in
 * order). The rules of what is added later are wire.h's; a word of an opinion or a reason that is not known says
 * "unknown".
 */
#ifndef HF_SENTINEL_CORE_DURABLE_SUSPICION_H
#define HF_SENTINEL_CORE_DURABLE_SUSPICION_H

#include "sentinel/core/durable/evidence.h"

struct wire;

struct suspicion {
    char gid[GID_LEN + 1];
    uint64_t epoch;
    char run[RUN_LEN + 1];
    uint64_t reporter; /* a voter's id, or a node's */
    enum opinion opinion;
    enum why why;
    uint64_t age_ms; /* of an answer: since it was heard last */
};

/* Replaces what w held. */
void suspicion_put(struct wire *w, bool asks, const struct suspicion *s);
/* ERR_SYNTAX, the outs untouched: the sentence says what is odd. */
enum err suspicion_take(const struct wire *w, bool *out_asks, struct suspicion *out,
                        struct errmsg *out_why) MUST_CHECK;

#endif
