/*
 * snapshot_commands - an entry as the commands that make it: the base of an append only file without RDB.
 */
#ifndef HF_NODE_PERSIST_SNAPSHOT_COMMANDS_H
#define HF_NODE_PERSIST_SNAPSHOT_COMMANDS_H

#include "common/bytes.h"

struct entry;
struct keyspace;

/* Commands for e from *cursor on (0: the beginning), in the database that is selected, with its expiry behind
 * the last. Each is whole, so that those of other entries may come between two pieces. True: that was
 * all. */
bool snapshot_put_commands(const struct keyspace *ks, const struct entry *e, uint64_t *cursor,
                           struct buf *out);
void snapshot_put_select(int db, struct buf *out);

#endif
