/*
 * walk_wait - writers that wait until the snapshot walk has passed what they are about to change.
 *
 *     admit: a key of the unit holds a large value that the walk has not passed
 *         -> wanted: the walk takes it next, in slices;  the session is held at its request
 *     it has gone out, or the walk ended -> the request runs again, and looks again
 *
 *   1. only before a unit starts, by the keys known then: a command's, those queued for EXEC, those a
 *      script declares. Inside a unit a large value goes out on the spot
 *   2. only for changes in place: what is overwritten or deleted whole is kept by the walk instead
 *   3. links of followers and of the leader never wait, nor does who was let in and is tried again
 *
 * Cost: nothing but a branch while no walk runs; then one look-up for each key that a write names.
 */
#ifndef HF_NODE_SERVE_WALK_WAIT_H
#define HF_NODE_SERVE_WALK_WAIT_H

#include "node/serve/serve.h"

void walk_wait_init(struct serve *v);
/* True: the session is held. has: the flags of the command, or of all that EXEC would run. */
bool walk_wait_holds(struct serve *v, struct node_session *s, const struct call *c, uint32_t has);
/* At the end of a turn: whoever may have got what it waits for runs again. */
void walk_wait_look(struct serve *v);

#endif
