/*
 * save_file - a large file written beside the loop: bytes are handed over, a helper thread writes them,
 * fsyncs, renames, and fsyncs the directory; then done is called on the loop.
 *
 *   1. under the final name stands the old file or the whole new one
 *   2. bytes_held says how much was handed over and not yet written: the owner bounds it
 *   3. done is called exactly once, unless save_file_free comes first; then the temp file is removed
 *   4. what a killed process left is named after its pid, and goes with save_file_sweep
 *
 * Owner: save_file_new/save_file_free. Cost: one thread for as long as the file is written.
 */
#ifndef HF_NODE_PERSIST_SAVE_FILE_H
#define HF_NODE_PERSIST_SAVE_FILE_H

#include <ev.h>

#include "common/bytes.h"

struct save_file;

typedef void save_file_done_fn(void *arg, enum err e, const struct errmsg *why);

/* Before the first save: removes temp files of path whose processes are gone. */
void save_file_sweep(const char *path);

/* NULL: the temp file cannot be made; out_why says why. */
struct save_file *save_file_new(struct ev_loop *loop, const char *path, save_file_done_fn *done,
                                void (*drained)(void *arg), void *arg, struct errmsg *out_why);
/* Waits for the thread (it stops at the next block). NULL does nothing. */
void save_file_free(struct save_file *f);

void save_file_write(struct save_file *f, struct bytes data); /* copies */
uint64_t save_file_held(const struct save_file *f);           /* bytes not written yet */
/* Nothing more comes: fsync, rename, done. */
void save_file_commit(struct save_file *f);

/* The same without a thread, for SAVE. */
enum err save_file_now_open(const char *path, char **out_temp, int *out_fd,
                            struct errmsg *out_why) MUST_CHECK;
enum err save_file_now_write(int fd, struct bytes data, struct errmsg *out_why) MUST_CHECK;
/* Closes fd and takes temp; on failure temp is removed. */
enum err save_file_now_commit(const char *path, char *temp, int fd,
                              struct errmsg *out_why) MUST_CHECK;
void save_file_now_abandon(char *temp, int fd);

#endif
