/*
 * expire - the timer that makes a leader delete keys when their time comes, in slices.
 *
 * Comes again when the next key is due, also when a write of the turn brought an earlier deadline; at
 * once where a slice was not enough; and at least every EXPIRE_LOOK_MS. A group's leader that takes no writes
 * deletes nothing, and one that was away looks first whether it leads still.
 */
#ifndef HF_NODE_SERVE_EXPIRE_H
#define HF_NODE_SERVE_EXPIRE_H

struct serve;

enum { EXPIRE_LOOK_MS = 100, EXPIRE_SLICE_US = 1000 };

void expire_start(struct serve *v);
void expire_stop(struct serve *v);
/* Before the loop sleeps. O(1). */
void expire_turn_ended(struct serve *v);

#endif
