/*
 * monitor - every command as it is run, to those who asked to see them.
 */
#ifndef HF_NODE_SERVE_MONITOR_H
#define HF_NODE_SERVE_MONITOR_H

#include "node/serve/serve.h"

/* After a command ran. Free while nobody watches. */
void monitor_feed(struct serve *v, const struct call *c);
/* A command that others follow from, before they do; its row says CMD_SKIP_MONITOR. */
void monitor_tell(struct serve *v, const struct call *c);
/* The handler of MONITOR. */
void monitor_join(struct call *c);
void monitor_leave(struct node_session *s);

/* How an argument is shown to people: secrets of AUTH, HELLO and the like become "(redacted)". */
struct bytes monitor_shown(const struct call *c, int i);

#endif
