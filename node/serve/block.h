/*
 * block - commands that wait: for keys (BLPOP and its kin), for acknowledgements (WAIT).
 *
 *     handler: nothing there --INTENT_BLOCK_KEYS--> block_enter: the session is held at its request
 *     key ready, unit ended  --> block_serve_ready: the request runs again for that key, in the order of coming
 *     time is up             --> it runs again with denies_blocking, and answers as it must
 *
 *   1. a session that waits holds its request in its link's input: nothing is copied
 *   2. a session that is tried and still finds nothing keeps its place in every queue
 *   3. the deadline counts from the first try
 *   4. what a call has noted at the first try (struct call's note) is there at the others, and gone with the answer
 */
#ifndef HF_NODE_SERVE_BLOCK_H
#define HF_NODE_SERVE_BLOCK_H

#include "node/serve/serve.h"

void block_init(struct serve *v);
void block_fini(struct serve *v);
void block_join(struct serve *v, struct node_session *s);
void block_leave(struct serve *v, struct node_session *s);

/* The call asked to wait. */
void block_enter(struct serve *v, struct node_session *s, const struct call *c);
/* keyspace's ready hook: cheap, and does nothing yet. */
void block_key_ready(struct serve *v, int db, struct bytes key);
/* All keys of a database (-1: of all) may be others than before. */
void block_db_ready(struct serve *v, int db);
/* After a unit ended. */
void block_serve_ready(struct serve *v);
/* Acknowledgements came: before the loop sleeps. */
void block_serve_acks(struct serve *v);
/* What this session waits for has been worked on: its request runs again, now. */
void block_wake(struct serve *v, struct node_session *s);
/* CLIENT UNBLOCK. */
bool block_unblock(struct session *s, bool with_error);
/* This node follows from now on: whoever waits for keys or acknowledgements would wait for ever, and is closed. */
void block_end_all(struct serve *v, const char *error);

#endif
