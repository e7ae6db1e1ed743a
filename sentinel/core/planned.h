/*
 * planned - an operator's FAILOVER: why it would be refused, and what is done before that is said.
 *
 *     FAILOVER --planned_asked--> nothing against it: failover_begin
 *                    \--> nobody to promote, by what was told last --> all are asked for INFO, and the answer waits
 *                                  planned_settle: somebody is fit: failover_begin
 *                                                  all have answered, or WAIT_MS: -NOGOODSLAVE, as Redis says at once
 *
 * INFO comes every ten seconds, so that what it said of a follower may be over since: a sentinel that has just begun, a
 * follower that has just come into line. One order waits at a time.
 */
#ifndef HF_SENTINEL_CORE_PLANNED_H
#define HF_SENTINEL_CORE_PLANNED_H

#include "sentinel/core/sentinel.h"

enum { PLANNED_WAIT_MS = 1000 };

/* Why an operator's wish would be refused now, as it is told on the wire; false: it would not be. target.port 0: any. */
bool planned_refused(const struct sentinel *s, const struct group *g, enum failover_kind kind,
                     const struct addr *target, struct errmsg *out_why);
void planned_asked(struct sentinel *s, const struct event *ev, struct actions *out);
/* Looks at the order that waits. When to look again; TIMER_NEVER: none waits. */
uint64_t planned_settle(struct sentinel *s, struct group *g, struct actions *out);
/* The group is going: whoever waits is told. */
void planned_drop(struct group *g, struct actions *out);

#endif
