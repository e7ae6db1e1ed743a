/*
 * aof_manifest - which files together are the append only file, and in which order they are read.
 *
 *     appendonly.aof.manifest               file appendonly.aof.2.base.rdb seq 2 type b
 *     appendonly.aof.2.base.rdb             file appendonly.aof.1.incr.aof seq 1 type h
 *     appendonly.aof.3.incr.aof             file appendonly.aof.3.incr.aof seq 3 type i
 *
 *   1. at most one base; it is read first
 *   2. increments are read in the order of their numbers, which only rise
 *   3. a history file is read by nobody: it waits to be deleted
 *   4. names are names, never paths
 *
 * No I/O. A manifest is a value: what is to be true is built as a copy, stored,
 * and takes the old one's place once it is on the disk.
 *
 * Owner: embed; zeroed it is empty. Cost: O(files).
 * Source: the manifest of Redis 7.0, read and written.
 */
#ifndef HF_NODE_PERSIST_AOF_MANIFEST_H
#define HF_NODE_PERSIST_AOF_MANIFEST_H

#include "common/bytes.h"

enum {
    AOF_MANIFEST_LINE_MAX = 1024, /* with its newline */
    AOF_MANIFEST_BYTES_MAX = 16 * 1024 * 1024,
};

enum aof_file_type { AOF_BASE = 'b', AOF_HISTORY = 'h', AOF_INCR = 'i' };

struct aof_file {
    char *name;
    int64_t seq;
    enum aof_file_type type;
};

struct aof_manifest {
    struct aof_file *files; /* base, history, increments: the order in which they are written */
    size_t count;
    int64_t base_seq, incr_seq; /* the highest ever given */
};

void aof_manifest_fini(struct aof_manifest *m);
void aof_manifest_copy(struct aof_manifest *into, const struct aof_manifest *from);

/* ERR_SYNTAX: not a manifest; the sentence names the line and Redis's reason. */
enum err aof_manifest_read(struct aof_manifest *m, struct bytes text,
                           struct errmsg *out_why) MUST_CHECK;
void aof_manifest_write(const struct aof_manifest *m, struct buf *out);

/* NULL: there is none. */
const struct aof_file *aof_manifest_base(const struct aof_manifest *m);
const struct aof_file *aof_manifest_last_incr(const struct aof_manifest *m);
size_t aof_manifest_count(const struct aof_manifest *m, enum aof_file_type type);

/* A file of that name, whatever it is called, becomes the base: an old-style file moves in. */
void aof_manifest_adopt_base(struct aof_manifest *m, const char *name);
/* "prefix.N.incr.aof", behind all others. */
const char *aof_manifest_add_incr(struct aof_manifest *m, const char *prefix);
/* "prefix.N.base.rdb" or ".aof"; the base that was, and all but the newest keep increments, are history. */
const char *aof_manifest_new_base(struct aof_manifest *m, const char *prefix, bool rdb,
                                  size_t keep);
void aof_manifest_forget_history(struct aof_manifest *m);

#endif
