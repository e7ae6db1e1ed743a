/*
 * chartered - a durable group: its captain (durable/captain.h) and the register settle who leads, and what is left for
 * this core is to watch, to answer clients, and to tell them.
 *
 *   1. no failover is opened, no vote is given, no role is corrected, and no peer's word moves the leader
 *   2. the leader is who the captain says that serves; the epoch of the register is the group's config-epoch
 *   3. nothing of that is a promise of ours: the records need not be on the disk before it is told
 *   4. the level of the register, whenever it is another, is this sentinel's setting: so what was changed elsewhere stands in
 *      its file, and SENTINEL SET of any other level is a change
 *
 * A sentinel that has no captain for it (it does not vote, or has lost its memory) knows such a group by its leader's
 * INFO, and keeps rule 1 but for its peers' word: it goes where they go.
 *
 * What it thinks of the nodes (SDOWN, ODOWN) is told as ever, and moves nothing.
 */
#ifndef HF_SENTINEL_CORE_CHARTERED_H
#define HF_SENTINEL_CORE_CHARTERED_H

#include "sentinel/core/sentinel.h"

/* Is the role of its nodes nobody's to change here? */
bool chartered(const struct group *g);

void chartered_event(struct sentinel *s, const struct event *ev, struct actions *out);
void chartered_serves(struct sentinel *s, const struct event *ev, struct actions *out);
void chartered_news(struct sentinel *s, const struct event *ev, struct actions *out);

#endif
