/*
 * membership - this node's place in a durable group, as sentinels ask for it: the command HF.
 *
 *     sentinel --HF HELLO, PING, PROMOTE, CONFIG, HANDOFF (common/register/wire.h)--> node
 *              <------------------ a receipt, with a report ------------------------
 *
 * No group binds a node yet: HELLO and PING of anybody are answered with what the node is, everything that is meant for
 * a group with GROUP, which says that it belongs to none. Of a node that belongs to none,
 *
 *   1. node and did are drawn at each start, so that nobody takes two runs of it for one
 *   2. role is *follower* or *active*, as replication stands; offsets are the stream's, in epoch 0
 *   3. nothing is said of its files: written, synced and commit are 0
 *
 * A directory that has a MEMBERSHIP_FILE was a group's: to load it as a plain node's would be to serve writes that the
 * group may have thrown away, so the start is refused.
 *
 * Owner: main. Cost of an answer: O(1).
 */
#ifndef HF_NODE_DURABLE_MEMBERSHIP_H
#define HF_NODE_DURABLE_MEMBERSHIP_H

#include "common/command.h"

struct membership;
struct node_world;

/* Where a node of a durable group keeps what it must not forget. */
#define MEMBERSHIP_FILE "hf.meta"

/* In the directory that the node is to live in, before its data is loaded. NULL: out_why says what stands in the way,
 * and what to do. */
struct membership *membership_open(struct node_world *w, struct errmsg *out_why);
void membership_free(struct membership *m); /* NULL does nothing */

extern const struct command membership_rows[];

#endif
