/*
 * agree - do enough sentinels hold the leader for down (ODOWN), and do they all know what I think?
 *
 * My verdict goes to every peer the moment it changes (ACT_STATE to Holdfast peers, ACT_ASK to legacy
 * ones), and again once per ask-period while the leader is down. A peer's verdict counts while its
 * line is up (Holdfast, which pushes) or for five ask-periods (legacy, which must be asked).
 */
#ifndef HF_SENTINEL_CORE_AGREE_H
#define HF_SENTINEL_CORE_AGREE_H

#include "sentinel/core/sentinel.h"

/* +odown and -odown. Returns when to look again. */
uint64_t agree_evaluate(struct sentinel *s, struct group *g, struct actions *out);
/* Tells peers and nodes what is due: verdicts, the captain's beat, hellos. Returns when to look again. */
uint64_t agree_push(struct sentinel *s, struct group *g, struct actions *out);
/* One IS-MASTER-DOWN-BY-ADDR to one peer. vote: ask for its vote in epoch too. */
void agree_ask(struct sentinel *s, struct seat *seat, bool vote, uint64_t epoch,
               struct actions *out);
void agree_ask_reply(struct sentinel *s, struct peer *p, const struct event *ev,
                     struct actions *out);

#endif
