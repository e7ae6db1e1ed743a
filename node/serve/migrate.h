/*
 * migrate - MIGRATE: keys move to another server, and nobody else waits for it.
 *
 *     run: values dumped, dial  --INTENT_BLOCK_WORK-->  the session is held
 *     AUTH, SELECT, RESTORE … are answered, or the time is up  -->  run again: what landed is deleted here
 *
 *   1. a key is deleted only as it was sent: one that somebody changed meanwhile is sent again, and after
 *      MIGRATE_ROUNDS stays
 *   2. followers hear of the DEL alone
 *   3. whatever ends the wait (CLIENT UNBLOCK, the client leaves, this node follows) leaves keys that were
 *      not deleted yet on both servers, as a lost connection does
 *
 * Owner: the session that asked; one at a time. Cost: O(bytes) of memory, twice for a moment, in a turn.
 */
#ifndef HF_NODE_SERVE_MIGRATE_H
#define HF_NODE_SERVE_MIGRATE_H

enum { MIGRATE_ROUNDS = 16 };

struct node_session;

/* The session waits no longer: its migration, if there still is one, ends. */
void migrate_leave(struct node_session *s);

#endif
