/*
 * notebook - a text of ours in a file of its own: what is good to know after a restart, and may be lost.
 *
 *     notebook_touch --NOTEBOOK_MS--> fill: the text --thread--> file_replace
 *           ^                                                        |
 *           +--- touched meanwhile: once more --- ev_async <---------+
 *
 * For what no promise depends on; what one does is in state.h. The loop thread never waits for the disk, except in
 * notebook_close, and makes the text at most once a NOTEBOOK_MS. A write that fails is logged, once until one works
 * again, and tried again with the next touch.
 *
 * Owner: notebook_open/notebook_close on the loop thread.
 */
#ifndef HF_SENTINEL_STATE_NOTEBOOK_H
#define HF_SENTINEL_STATE_NOTEBOOK_H

#include <ev.h>

#include "common/bytes.h"

enum { NOTEBOOK_MS = 200 };

struct notebook;

struct notebook_options {
    struct ev_loop *loop;
    const char *path; /* copied */
    uint64_t bytes_max;
    void (*fill)(void *arg, struct buf *out); /* appends the text as it is now */
    void *arg;
};

/* Reads what the file holds into out_text, which stays empty where there is none; one that cannot be read is logged. */
struct notebook *notebook_open(const struct notebook_options *o, struct buf *out_text);
/* The text has changed. */
void notebook_touch(struct notebook *n);
/* Writes what was touched. NULL does nothing. */
void notebook_close(struct notebook *n);

#endif
