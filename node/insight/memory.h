/*
 * memory - how much of it is used, for what, and what the allocator and the kernel make of it.
 *
 * Cost: a walk over databases and sessions, a read of /proc, a refresh of the allocator's figures.
 */
#ifndef HF_NODE_INSIGHT_MEMORY_H
#define HF_NODE_INSIGHT_MEMORY_H

#include "common/command.h"

struct node_world;

/* Bytes. dataset, keys and tables are parts of used; clients and followers are their links' buffers. */
struct memory {
    uint64_t used, peak, rss, total;
    uint64_t allocated, active, resident; /* the allocator's; used again where it tells nothing */
    uint64_t dataset, tables, expires;
    uint64_t keys; /* a count */
    uint64_t clients, followers;
};

/* Used, and not for data: the stream that slow followers keep from being trimmed, which eviction would only
 * feed with more deletions. INFO: mem_not_counted_for_evict. */
uint64_t memory_not_counted(const struct node_world *w);
/* What is used less that, and less what is being freed already, is more than max_bytes. O(1). */
bool memory_is_over(const struct node_world *w, uint64_t max_bytes);

void memory_measure(const struct node_world *w, struct memory *out);
/* 0 where there is nothing to divide by. */
double memory_ratio(uint64_t a, uint64_t b);

extern const struct command memory_rows[]; /* memory */

#endif
