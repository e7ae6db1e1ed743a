/*
 * repoint - every follower to the new leader: all at once who can continue its stream, and no more than
 * parallel-syncs at a time who must copy everything.
 *
 *     NONE --send--> SENT --EXEC reply, or INFO says so--> INPROG --INFO says link up--> DONE
 *                     +-- slave-reconf-timeout --> DONE (given up)
 */
#ifndef HF_SENTINEL_CORE_REPOINT_H
#define HF_SENTINEL_CORE_REPOINT_H

#include "sentinel/core/sentinel.h"

/* Sends what may be sent. True: everybody who can be reached is in line. */
bool repoint_evaluate(struct sentinel *s, struct group *g, struct actions *out);
/* Last resort at failover-timeout: whoever is left is sent there without waiting. */
void repoint_rest(struct sentinel *s, struct group *g, struct actions *out);
void repoint_role_done(struct sentinel *s, struct node *n, bool ok, struct actions *out);

#endif
