/*
 * journal - a file of checksummed records that only grows, until it is replaced by a shorter one.
 *
 *     [ header: magic, version, first sequence ][ record ][ record ][ mark ] … [ record, torn by a crash ]
 *     record: length u32, crc32c u32, sequence u64, synced u64, payload      (little endian)
 *
 *   1. sequences go up by one; the crc covers everything else of the record and the payload
 *   2. `synced` is the last sequence that was surely on the disk when the record was written, which
 *      tells a batch torn by a crash (cut off, reported) from damage to what had been promised (refused).
 *      A mark says it of the newest records: it follows every sync, without a sync of its own
 *   3. after journal_sync returned OK, the records before it survive any crash
 *   4. after any failed write or sync the journal is broken: a failed fsync may have dropped dirty
 *      pages, so only journal_replace mends it
 *   5. one process at a time: PATH.lock is held from open to close
 *   6. a file keeps the version that it began with until it is replaced: version 1 has no marks
 *
 * Cost: append one write, sync one fdatasync and one write, replace O(what is written). Not thread-safe: one owner,
 * which may be a helper thread. Limits: a record JOURNAL_RECORD_MAX, a file JOURNAL_FILE_MAX.
 */
#ifndef HF_COMMON_JOURNAL_H
#define HF_COMMON_JOURNAL_H

#include <sys/types.h>

#include "common/bytes.h"

enum {
    JOURNAL_NEWEST = 2, /* version: common/format.h */
    JOURNAL_MARKS = 2,  /* the first that has them */
    JOURNAL_HEADER_BYTES = 24,
    JOURNAL_RECORD_HEADER = 24,
    JOURNAL_RECORD_MAX = 1024 * 1024,
    JOURNAL_FILE_MAX = 1024 * 1024 * 1024,
};

/* The operating system, so that tests can make it fail. */
struct journal_io {
    ssize_t (*write)(int fd, const void *data, size_t len);
    int (*sync)(int fd); /* fdatasync */
    int (*rename)(const char *from, const char *to);
};
extern const struct journal_io journal_io_real;

struct journal;

struct journal_found {
    uint64_t records;    /* given to each */
    uint64_t torn_bytes; /* cut off the end; 0: it ended cleanly */
    uint64_t next;       /* sequence of the record to come */
    bool is_new;         /* there was no file */
    uint32_t version;    /* of the file; 0: it was made */
};

/* Opens or makes the file, takes the lock, and calls each for every record, in order. NULL:
 *   ERR_EXISTS   another process holds it          ERR_CORRUPT  damage in what had been promised
 *   ERR_UNSUPPORTED  a version of the future        ERR_IO       the system said no; errno
 * with the sentence, which says what to do. An error of each ends it too and is passed on. */
struct journal *journal_open(const char *path, const struct journal_io *io,
                             enum err (*each)(void *arg, struct bytes payload, struct errmsg *why),
                             void *arg, struct journal_found *out_found, enum err *out_err,
                             struct errmsg *out_why);
void journal_close(struct journal *j); /* NULL does nothing; does not sync */

/* On OK the record has gone to the system, not yet to the disk. */
enum err journal_append(struct journal *j, struct bytes payload, struct errmsg *out_why) MUST_CHECK;
/* Everything appended is on the disk. Nothing to do when nothing was appended. OK also when only the mark
 * could not be written; the journal is broken then. */
enum err journal_sync(struct journal *j, struct errmsg *out_why) MUST_CHECK;

/* Writes a new file with what fill appends to it by journal_append on the draft, syncs it, renames it
 * over the old one, syncs the directory. On failure the old file stands as it was, and a broken
 * journal stays broken. */
enum err journal_replace(struct journal *j,
                         enum err (*fill)(void *arg, struct journal *draft, struct errmsg *why),
                         void *arg, struct errmsg *out_why) MUST_CHECK;

bool journal_broken(const struct journal *j);
uint64_t journal_bytes(const struct journal *j);
const char *journal_path(const struct journal *j);

#endif
