/*
 * nudge - asks a follower to tell its leader its position at once: REPLCONF GETACK *.
 *
 * Redis answers that with an acknowledgement to the leader and with nothing to whoever asked, which no line
 * with pipelined calls would survive. So it goes over a connection of its own, which is made by the first
 * nudge and closed NUDGE_IDLE_MS after the last one. Whether it worked shows in the leader's INFO; a follower
 * that refuses it, or cannot be reached, costs nothing but that.
 *
 * Owner: the end of its node (lines.h).
 */
#ifndef HF_SENTINEL_DRIVE_NUDGE_H
#define HF_SENTINEL_DRIVE_NUDGE_H

#include "sentinel/drive/drive.h"

enum { NUDGE_IDLE_MS = 2000, NUDGE_CALLS_MAX = 1000 };

struct nudge;

void nudge_send(struct drive *d, const struct action *a); /* obeys ACT_NUDGE */
void nudge_free(struct nudge *n);                         /* NULL does nothing */

#endif
