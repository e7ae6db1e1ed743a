/*
 * multi - transactions: the queue between MULTI and EXEC, and the keys that WATCH guards.
 */
#ifndef HF_NODE_SERVE_MULTI_H
#define HF_NODE_SERVE_MULTI_H

#include "node/serve/serve.h"

/* Copies the call into the queue and answers QUEUED. */
void multi_queue(struct node_session *s, struct call *c, uint32_t flags);
/* Every queued command in order; fn keeps nothing. */
typedef void multi_each_fn(void *arg, const struct command *cmd, int argc,
                           const struct bytes *argv);
void multi_each_queued(const struct node_session *s, multi_each_fn *fn, void *arg);
/* The queue is forgotten, MULTI is over, and no key is watched. */
void multi_discard(struct node_session *s);
/* EXEC, DISCARD, MULTI, WATCH, QUIT and RESET run at once inside MULTI. */
bool multi_runs_at_once(const struct command *cmd);
/* EXEC, DISCARD, QUIT and RESET, which a full memory does not keep from ending it. */
bool multi_ends_with(const struct command *cmd);
bool multi_is_exec(const struct command *cmd);

/* A key changed, a database was emptied (-1: all), two were exchanged. */
void watch_changed(struct serve *v, int db, struct bytes key);
void watch_flushed(struct serve *v, int db);
void watch_swapped(struct serve *v, int db, int other);

#endif
