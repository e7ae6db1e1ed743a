/*
 * memory - how much of it is used, for what, and what the allocator and the kernel make of it.
 *
 * Cost: a walk over databases and sessions, a read of /proc, a refresh of the allocator's figures.
 */
#ifndef HF_NODE_INSIGHT_MEMORY_H
#define HF_NODE_INSIGHT_MEMORY_H

#include "common/command.h"
#include "node/keyspace/keyspace.h"

struct node_world;

/*
 * Bytes. overhead is what is used and is no data, part by part; dataset is the rest: keys and values, with
 * the little that nobody adds up.
 *
 *     used = dataset + overhead
 *     overhead = startup + backlog + followers + file + clients + tables + expires
 */
struct memory {
    uint64_t used, peak, rss, total;
    uint64_t allocated, active, resident; /* the allocator's; used again where it tells nothing */
    uint64_t dataset, overhead;
    uint64_t startup;
    uint64_t tables, expires; /* of all databases; an entry's header belongs to them */
    uint64_t backlog;         /* the stream that is kept for those who come back */
    uint64_t file;            /* more of it, that the append only file's disk does not have yet */
    uint64_t clients,
        followers; /* sessions and their buffers; of followers also more of the stream */
    uint64_t keys; /* a count */
};

/* What a database needs to find its keys, and those that expire. */
uint64_t memory_of_table(const struct keyspace_db_stats *s);
uint64_t memory_of_expires(const struct keyspace_db_stats *s);

/* Used, and not for data: the stream that slow followers, and the append only file, keep from being trimmed,
 * which eviction would only feed with more deletions, and what of it is trimmed and not freed yet; and what of snapshots
 * is on its way to followers and files. INFO: mem_not_counted_for_evict. O(full syncs). */
uint64_t memory_not_counted(const struct node_world *w);
/* What is used less that, and less what is being freed already, is more than max_bytes. O(1). */
bool memory_is_over(const struct node_world *w, uint64_t max_bytes);

void memory_measure(const struct node_world *w, struct memory *out);
/* 0 where there is nothing to divide by. */
double memory_ratio(uint64_t a, uint64_t b);

extern const struct command memory_rows[];       /* memory */
extern const struct command memory_debug_subs[]; /* mallctl, where there is such an allocator */

#endif
