/*
 * alloc - memory that is there, or the process is not.
 *
 * xmalloc and friends never return NULL: a daemon that cannot find forty bytes is not saved by an
 * error path nobody has run. A size that a peer or a file chose is bounded first and then asked for
 * with try_malloc, whose NULL becomes ERR_NOMEM.
 *
 * Every block is counted: alloc_used_bytes is what the daemon itself holds, including the
 * allocator's rounding, and is what maxmemory and used_memory speak of. Counting costs one
 * malloc_usable_size and one add per call; every thread counts for itself and reading sums up (as many
 * words as there ever were threads at one time). The peak is the highest sum that was ever read: daemons read it once per turn of their slow timer. At
 * most 64 threads may allocate at one time; how many have come and gone does not matter.
 */
#ifndef HF_COMMON_ALLOC_H
#define HF_COMMON_ALLOC_H

#include "common/err.h"

void *xmalloc(size_t bytes) __attribute__((malloc, returns_nonnull));
void *xcalloc(size_t count, size_t bytes) __attribute__((malloc, returns_nonnull));
void *xrealloc(void *block, size_t bytes) __attribute__((returns_nonnull));
/* The array, moved perhaps, with room for one more behind its count elements of `bytes`; *cap doubles, from 8 on. */
void *xgrow(void *array, size_t count, size_t *cap, size_t bytes) __attribute__((returns_nonnull));
char *xstrdup(const char *text) __attribute__((malloc, returns_nonnull));
/* Copies len bytes and puts a NUL behind them. */
char *xmemdup0(const void *data, size_t len) __attribute__((malloc, returns_nonnull));

/* NULL where the allocator refuses. */
void *try_malloc(size_t bytes) MUST_CHECK;
void *try_realloc(void *block, size_t bytes) MUST_CHECK;

/* Frees what any of the above gave; NULL does nothing. */
void xfree(void *block);

/* Bytes the allocator really set aside for this block. */
size_t alloc_size(const void *block);
size_t alloc_used_bytes(void);
size_t alloc_peak_bytes(void); /* reads the sum as well */
/* What the running thread has set aside less what it has freed, which may be negative; others may read it
 * while the thread lives. */
const _Atomic int64_t *alloc_own_bytes(void);

/* Unused pages go back to the kernel from a thread of the allocator's own, where it has one, rather than from
 * whichever thread frees. Behind the last fork. False: it has none, or will not. */
bool alloc_background(bool on);

/* "jemalloc-5.3.0" or "libc". */
const char *alloc_name(void);

/* A local that frees itself: AUTO_FREE char *path = xstrdup("…"); */
#define AUTO_FREE __attribute__((cleanup(alloc_cleanup)))
void alloc_cleanup(void *pointer_to_block);

#endif
