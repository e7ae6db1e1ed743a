/*
 * node_harness - a whole node without its doors, inside a test: every room main opens, in its order, but no
 * scripts, and with the rows that the test names. Its loop is turned by hand; settings are as they are by default.
 */
#ifndef HF_TESTS_NODE_NODE_HARNESS_H
#define HF_TESTS_NODE_NODE_HARNESS_H

#include "common/server_net.h"
#include "node/oplog/oplog.h"
#include "node/settings.h"
#include "node/world.h"

struct command;

struct node {
    struct node_world w;
    struct node_settings set;
    struct server_net net;
    struct oplog oplog;
};

/* rows: arrays, with a NULL behind the last. */
void open_node(struct node *n, const struct command *const *rows);
void close_node(struct node *n);
/* Waits until everything that left the data set is freed: another thread does that. */
void settle_node(struct node *n);

#endif
