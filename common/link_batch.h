/*
 * link_batch - sends, or receives, of many sockets in one system call.
 *
 *     [fd at len] [fd at len] [fd at len]   -- one io_uring_enter -->   the result of each
 *
 *   1. nothing waits: each comes to its end within the call, as send() and recv() of a non-blocking socket do, and
 *      nothing is under way between two calls
 *   2. they are made in their order
 *   3. it is a faster way to the same calls and no more: where the kernel, or what confines the process, has no
 *      io_uring, or where it fails later, its user makes them one by one
 *
 * Owner: link_batch_new/free; one per loop, used on that loop's thread alone. Cost: a system call per LINK_BATCH sockets;
 * LINK_BATCH_ROOMS rooms, of which the kernel gives memory to what was used once. Source: io_uring(7), by liburing.
 */
#ifndef HF_COMMON_LINK_BATCH_H
#define HF_COMMON_LINK_BATCH_H

#include <stddef.h>

#include "common/err.h"

enum {
    LINK_BATCH = 64,
    LINK_BATCH_ROOMS = 2 * LINK_BATCH,
    LINK_BATCH_ROOM = 16 * 1024, /* bytes of one receive, or of what is encrypted for one send */
};

struct link_batch;

enum link_batch_kind { LINK_BATCH_SEND, LINK_BATCH_RECEIVE };

struct link_batch_item {
    int fd;
    char *at;
    size_t len;
    int result; /* bytes, or -errno; -EAGAIN: it may be tried again */
};

/* NULL: it is not to be had here, and errno says why. */
struct link_batch *link_batch_new(void);
void link_batch_free(struct link_batch *b);
/* The index-th of LINK_BATCH_ROOMS, for what is received or sent; what is in it stays until it is used again. */
char *link_batch_room(const struct link_batch *b, int index);
/* At most LINK_BATCH items. False: nothing more can be done by it, and errno says why; whoever was not
 * served has the result -EAGAIN. */
bool link_batch_run(struct link_batch *b, enum link_batch_kind kind, struct link_batch_item *items,
                    int count) MUST_CHECK;

#endif
