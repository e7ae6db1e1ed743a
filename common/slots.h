/*
 * slots - one small memory in one preallocated file: two slots written in turn, the newer sound one counts.
 *
 *     [ slot 0: sequences 2, 4, 6 … ][ slot 1: 1, 3, 5 … ][ mark: the last sequence that was surely on the disk ]
 *       SLOT_BYTES                     SLOT_BYTES           SLOTS_SECTOR
 *     slot: "HFSLOT01"  sequence u64  length u32  crc32c u32  payload          mark: "HFMARK01"  sequence u64  crc32c u32
 *
 *   1. a write is one pwrite of the older slot and one fdatasync; until that is through the newer one stands
 *   2. a slot torn by a crash is known by its crc. Nothing of it was promised: the other one counts
 *   3. behind every sync the mark is written, without a sync of its own: if it names more than the slots hold, what
 *      had been promised is damaged, and the file is refused rather than an old memory given back
 *   4. after a failed write or sync the file is broken for good: what is on the disk is not known any more
 *
 * What 3 cannot see: damage to the newer slot before its mark reached the disk looks like a torn write. That takes
 * a crash of the machine and damage within the seconds of one write-back, or before the next write.
 *
 * Cost: a pwrite, an fdatasync, a small pwrite. Limits: SLOT_PAYLOAD_MAX. Not thread-safe. Little endian.
 */
#ifndef HF_COMMON_SLOTS_H
#define HF_COMMON_SLOTS_H

#include <sys/types.h>

#include "common/bytes.h"

enum {
    SLOTS_SECTOR = 512, /* what a disk writes whole */
    SLOT_BYTES = 4096,
    SLOT_HEADER_BYTES = 24,
    SLOT_PAYLOAD_MAX = SLOT_BYTES - SLOT_HEADER_BYTES,
    SLOTS_MARK_AT = 2 * SLOT_BYTES,
    SLOTS_MARK_BYTES = 20,
    SLOTS_FILE_BYTES = SLOTS_MARK_AT + SLOTS_SECTOR,
};

/* ---- bytes (slots_format.c) -------------------------------------------------------------------- */

/* Where in the file sequence goes. */
off_t slots_place(uint64_t sequence);
/* Appends a slot, or a mark. payload: SLOT_PAYLOAD_MAX at most. */
void slots_put(struct buf *out, uint64_t sequence, struct bytes payload);
void slots_put_mark(struct buf *out, uint64_t sequence);
/* The newest sound slot of a file; *out_payload borrows from it. ERR_CORRUPT: there is none, or not the one that
 * was promised; the sentence says which. */
enum err slots_scan(struct bytes file, struct bytes *out_payload, uint64_t *out_sequence,
                    struct errmsg *out_why) MUST_CHECK;

/* ---- the file ---------------------------------------------------------------------------------- */

/* The operating system, so that tests can make it fail. */
struct slots_io {
    ssize_t (*pwrite)(int fd, const void *data, size_t len, off_t at);
    int (*sync)(int fd); /* fdatasync */
};
extern const struct slots_io slots_io_real;

struct slots;

/* Opens a file, takes its lock (PATH.lock, held until slots_close), and appends what it holds to out. NULL:
 *   ERR_NOTFOUND  there is no file         ERR_EXISTS  another process holds it
 *   ERR_CORRUPT   it cannot be believed    ERR_IO      the system said no; errno */
struct slots *slots_open(const char *path, const struct slots_io *io, struct buf *out,
                         enum err *out_err, struct errmsg *out_why);
/* A new file that holds payload, in place of whatever is there; it is on the disk when this returns. Errors as above. */
struct slots *slots_create(const char *path, const struct slots_io *io, struct bytes payload,
                           enum err *out_err, struct errmsg *out_why);
/* OK: payload is on the disk, and survives any crash. ERR_IO: the file is broken. */
enum err slots_write(struct slots *s, struct bytes payload, struct errmsg *out_why) MUST_CHECK;
void slots_close(struct slots *s); /* NULL does nothing */

#endif
