/*
 * expire - the timer that makes a leader delete keys when their time comes, in slices.
 *
 * Comes again when the next key is due, at once where a slice was not enough, and at least every
 * EXPIRE_LOOK_MS, so that a deadline set meanwhile is not missed by more than that.
 */
#ifndef HF_NODE_SERVE_EXPIRE_H
#define HF_NODE_SERVE_EXPIRE_H

struct serve;

enum { EXPIRE_LOOK_MS = 100, EXPIRE_SLICE_US = 1000 };

void expire_start(struct serve *v);
void expire_stop(struct serve *v);

#endif
