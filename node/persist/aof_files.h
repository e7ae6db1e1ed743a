/*
 * aof_files - the directory of the append only file: paths, the manifest on the disk, deletion.
 *
 * Everything here is blocking I/O: at start, or on a helper thread. What these report as done is on the
 * disk, directory entries too.
 */
#ifndef HF_NODE_PERSIST_AOF_FILES_H
#define HF_NODE_PERSIST_AOF_FILES_H

#include "node/persist/aof_manifest.h"

/* "dir/name"; the caller frees. */
char *aof_path(const char *dir, const char *name);
char *aof_manifest_path(const char *dir, const char *prefix);

enum err aof_make_dir(const char *dir, struct errmsg *out_why) MUST_CHECK;
/* ERR_NOTFOUND: there is none, and m is empty. */
enum err aof_load_manifest(struct aof_manifest *m, const char *dir, const char *prefix,
                           struct errmsg *out_why) MUST_CHECK;
/* text takes the place of the manifest; out_moved as in aof_rename. */
enum err aof_store_manifest(const char *dir, const char *prefix, struct bytes text, bool *out_moved,
                            struct errmsg *out_why) MUST_CHECK;
/* For appending, emptied, and its name on the disk; -1: out_why says why. */
int aof_create(const char *path, struct errmsg *out_why);
/* What was created, renamed or removed beside path is so on the disk. */
enum err aof_sync_names(const char *path, struct errmsg *out_why) MUST_CHECK;
/* out_moved: it has its new name. Where that cannot be synced, the power going may give it the old one back: both may
 * turn out to be true. */
enum err aof_rename(const char *from, const char *to, bool *out_moved,
                    struct errmsg *out_why) MUST_CHECK;
/* -1: no such file. */
int64_t aof_size(const char *path);
/* Of base and increments. ERR_NOTFOUND: one is missing. */
enum err aof_total_size(const struct aof_manifest *m, const char *dir, uint64_t *out_bytes,
                        struct errmsg *out_why) MUST_CHECK;
/* A file of before Redis 7.0 becomes the base. */
enum err aof_move_in(struct aof_manifest *m, const char *dir, const char *prefix,
                     struct errmsg *out_why) MUST_CHECK;

#endif
