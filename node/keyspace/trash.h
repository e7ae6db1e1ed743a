/*
 * trash - what takes long to free, freed by a helper thread.
 *
 *   1. whoever puts something here has let go of it: no pointer to it stays behind
 *   2. free runs on the helper thread, in the order of putting, and touches nothing else
 *
 * The thread starts with the first thing. Owner: trash_new / trash_free, which frees everything
 * first.
 */
#ifndef HF_NODE_KEYSPACE_TRASH_H
#define HF_NODE_KEYSPACE_TRASH_H

#include "common/err.h"

struct trash;

struct trash *trash_new(void);
void trash_free(struct trash *t);
/* Should no thread be had, frees at once. arg goes to free_fn and must outlive the trash. */
void trash_put(struct trash *t, void (*free_fn)(void *thing, const void *arg), void *thing,
               const void *arg);
uint64_t trash_pending(const struct trash *t);
uint64_t trash_total(const struct trash *t); /* ever put */

#endif
