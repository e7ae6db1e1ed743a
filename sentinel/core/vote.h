/*
 * vote - who may lead the failover of an epoch: one vote per sentinel, group and epoch.
 *
 *   1. a vote is persisted before it is told, and never changed
 *   2. a vote goes to the first who asks in an epoch above the last one voted in and above the
 *      configuration's; current_epoch follows. (Redis also wants the epoch to be at least current_epoch,
 *      which other groups' elections raise; that would make many groups fail over one by one.)
 *   3. no vote while a failover I know of is running under another captain, nor for a second after a vote
 *      for another unless that one said that it lost: two captains in successive epochs would promote two
 *      nodes. Refusing is always safe.
 *   4. whoever voted for another waits with an own attempt as long as that one may still be at work:
 *      a Holdfast captain says so twice a second; of a real Redis sentinel one has to assume it for
 *      twice the failover timeout while it is reachable, as Redis does
 */
#ifndef HF_SENTINEL_CORE_VOTE_H
#define HF_SENTINEL_CORE_VOTE_H

#include "sentinel/core/sentinel.h"

/* Answers EV_ASK. */
void vote_asked(struct sentinel *s, const struct event *ev, struct actions *out);
/* Mine, for me, in a new epoch of the group. */
void vote_for_me(struct sentinel *s, struct group *g, uint64_t epoch, struct actions *out);
/* epoch: at most EPOCH_MAX. */
void vote_raise_epoch(struct sentinel *s, struct group *g, uint64_t epoch, struct actions *out);
/* Somebody else's epoch: raises mine by EPOCH_LEAP_MAX at most. False if that did not reach it; nothing may
 * be adopted or voted for in that epoch then. */
bool vote_hear_epoch(struct sentinel *s, struct group *g, uint64_t epoch, struct actions *out);

/* Does a peer lead a failover of g right now, by its own word? */
bool vote_is_led_by_other(const struct sentinel *s, const struct group *g);
/* No election of mine before; rule 4, my place among the live, and the pause after a lost one. */
uint64_t vote_may_start_ms(const struct sentinel *s, const struct group *g);

/* Whoever has no vote of g in memory may have cast one under another name, or before g was removed: it casts
 * none in an epoch up to this one, which is the newest that others tell when they are met. */
void vote_forgot(struct sentinel *s, struct group *g, uint64_t epoch, struct actions *out);

/* Is there an epoch above the current one? */
bool vote_has_epochs(const struct sentinel *s);
/* Is there, and are enough voters reachable? Without them no epoch is spent. Nobody is a majority alone
 * before there was time to hear of others. */
bool vote_is_winnable(const struct sentinel *s, const struct group *g);

enum tally { TALLY_OPEN, TALLY_WON, TALLY_LOST };
enum tally vote_tally(const struct sentinel *s, const struct group *g);

#endif
