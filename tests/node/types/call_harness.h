/*
 * call_harness - runs a handler as serve would, without a server: a line of words in, the reply
 * and the effects out as readable text.
 *
 *     harness_ask(h, "SET a 1 EX 10")   gives   "+OK / SET a 1 PXAT 1010000"
 *
 * Replies: +simple, -error, :integer, $bulk ("$-" null), *count[items], {pairs}. Behind " / ":
 * what followers hear, each command's words, "; " between them; "-" where nothing is to be heard;
 * the command itself is not repeated where it is sent as typed. Events go to h->events as
 * "name:key ", and fields that expired as "HDEL(key field field) ".
 */
#ifndef HF_TESTS_NODE_TYPES_CALL_HARNESS_H
#define HF_TESTS_NODE_TYPES_CALL_HARNESS_H

#include "common/command.h"
#include "node/keyspace/keyspace.h"
#include "node/world.h"

struct harness {
    struct keyspace *ks;
    struct node_world world;
    struct command_table *commands;
    struct buf events, text;
    uint64_t now_ms;
    int db;
    bool from_leader;
};

void harness_init(struct harness *h);
void harness_fini(struct harness *h);
/* Words as redis.conf quotes them. The text lives until the next call. */
const char *harness_ask(struct harness *h, const char *line);
/* The same with arguments of any bytes. */
const char *harness_ask_argv(struct harness *h, int argc, const struct bytes *argv);

#endif
