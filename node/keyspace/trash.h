/*
 * trash - what takes long to free, freed by a helper thread.
 *
 *   1. whoever puts something here has let go of it: no pointer to it stays behind
 *   2. free runs on the helper thread, in the order of putting, and touches nothing else
 *   3. what is here is as good as free: trash_pending_bytes says how much of what is used that is
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

struct trash_item {
    void (*free_fn)(void *thing, const void *arg);
    void *thing;
    const void *arg;  /* outlives the trash */
    size_t bytes;     /* that it takes, about */
    uint64_t objects; /* values that somebody asked to be freed later; 0: it only looks so */
};

/* Should no thread be had, frees at once. */
void trash_put(struct trash *t, const struct trash_item *item);
/* What is still to be freed of all that was put: a part of alloc_used_bytes. */
size_t trash_pending_bytes(const struct trash *t);
uint64_t trash_pending(const struct trash *t); /* objects */
uint64_t trash_freed(const struct trash *t);   /* objects, ever or since trash_reset_freed */
void trash_reset_freed(struct trash *t);

#endif
