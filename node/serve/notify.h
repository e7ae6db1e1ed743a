/*
 * notify - keyspace events as pub/sub messages, where notify-keyspace-events asks for them.
 */
#ifndef HF_NODE_SERVE_NOTIFY_H
#define HF_NODE_SERVE_NOTIFY_H

#include "node/keyspace/keyspace.h"

struct serve;

void notify_event(struct serve *v, enum notify_class class, const char *name, int db,
                  struct bytes key);

#endif
