/*
 * rdb_stream - the parts of a stream in the order in which an RDB file has them.
 *
 *     nodes, totals, groups: of each [ group, pending …, consumers: of each [ consumer, owned … ] ]
 *
 * A plan says which part comes next and what it consists of; the reader takes it and hands it to the type.
 * So no part need be in memory but the one at hand, however many are pending.
 *
 * Source: types 15, 19 and 21 as Redis 5 to 8 write them.
 */
#ifndef HF_NODE_PERSIST_RDB_STREAM_H
#define HF_NODE_PERSIST_RDB_STREAM_H

#include "node/persist/rdb.h"

/* What value_part.kind says of a stream's part, and what it has then. */
enum rdb_stream_part {
    PART_STREAM_NODE, /* text: id, second: listpack */
    PART_STREAM_TOTALS, /* numbers: length, last; and but for type 15: first, highest deleted, added */
    PART_STREAM_GROUPS,
    PART_STREAM_GROUP, /* text: name, numbers: last; and but for type 15: read */
    PART_STREAM_PENDINGS,
    PART_STREAM_PENDING, /* text: id, numbers: delivered at, deliveries */
    PART_STREAM_CONSUMERS,
    PART_STREAM_CONSUMER, /* text: name, numbers: seen at */
    PART_STREAM_OWNEDS,
    PART_STREAM_OWNED, /* text: id */
    PART_STREAM_CONSUMER_END,
    PART_STREAM_GROUP_END,
    PART_STREAM_DONE,
};

enum { RDB_STREAM_COUNTERS = 5, RDB_STREAM_ID_BYTES = 16 };

struct rdb_stream_plan {
    enum rdb_stream_part next;
    uint64_t left[RDB_STREAM_COUNTERS];
};

void rdb_stream_begin(struct rdb_stream_plan *p, uint64_t nodes);
/* Of the next part, a letter for each piece: t a string, i an id of 16 bytes, n a length, m eight bytes. */
const char *rdb_stream_form(const struct rdb_stream_plan *p, int rdb_type);
/* What is wrong where the type does not take such a part; where a Redis says it too, in its words. */
const char *rdb_stream_refusal(int part);
/* The next part was taken; false: it was the last. */
bool rdb_stream_advance(struct rdb_stream_plan *p, const struct value_part *taken);

#endif
