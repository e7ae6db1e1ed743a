/*
 * pause - no failover by itself: what an operator asks for before working on the machines of a group.
 *
 *     HF PAUSE [seconds], from an operator --pause_event--> on the disk, answered, told to all peers
 *     HF PAUSED, from a peer that knows newer --pause_event--> on the disk, told on
 *     its time is over --pause_expire--> as if it had never been
 *
 *   1. while a group is paused none begins, be it the core's or the captain's of a durable group (helm.h); one whose vote
 *      is won is brought to its end, and an operator's FAILOVER works as ever
 *   2. it is one fact of the whole group and not of a sentinel: who is told tells its Holdfast peers, at once and with
 *      each new connection, and the order with the highest stamp counts. So who was away learns of it, pause or end
 *   3. it is on the disk before it is answered or told, and no RESET forgets it
 *
 * A stamp is the wall clock of the order with some dice behind it, and more than the stamp before in any case. The end
 * is told as time that is left, so that clocks need not agree; once heard it is counted by the boot clock.
 */
#ifndef HF_SENTINEL_CORE_PAUSE_H
#define HF_SENTINEL_CORE_PAUSE_H

#include "sentinel/core/sentinel.h"

#define PAUSE_FOREVER UINT64_MAX /* until somebody resumes */
#define PAUSE_STAMP_MAX \
    (EPOCH_MAX / 2) /* of a peer: far in the future, and room for orders behind it */
enum { PAUSE_SECONDS_MAX = 366 * 86400 };

bool paused(const struct group *g);
/* 0: not paused. */
uint64_t pause_left_ms(const struct group *g, uint64_t now_ms);

void pause_event(struct sentinel *s, const struct event *ev, struct actions *out);
/* What was known when the sentinel stopped. */
void pause_load(struct sentinel *s, struct group *g, const struct config_group *from,
                uint64_t wall_ms);
/* Ends what has to end. When to look again; TIMER_NEVER: nothing will end by itself. */
uint64_t pause_expire(struct sentinel *s, struct group *g, struct actions *out);
/* To one peer, where there is something to tell. */
void pause_tell(struct sentinel *s, const struct seat *seat, struct actions *out);

#endif
