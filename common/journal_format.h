/*
 * journal_format - a journal's bytes: what is written, and what may be believed of what is read.
 *
 *     header   "HFJOURNL"  u32 version  u64 sequence of the first record  u32 crc32c of these 20 bytes
 *     record   u32 length  u32 crc32c   u64 sequence  u64 synced          payload
 *     mark     u32 0       u32 crc32c   u64 synced    u64 synced
 *
 * Little endian. The crc covers a record whole, its own field as zero. `synced` is the last sequence that
 * was surely on the disk when the record was written: it tells a torn end from damage. A mark says the
 * same of the records before it and is none itself; version 1 has none, and a file that began with it gets none.
 */
#ifndef HF_COMMON_JOURNAL_FORMAT_H
#define HF_COMMON_JOURNAL_FORMAT_H

#include "common/journal.h"

/* They append to out. */
void journal_put_header(struct buf *out, uint64_t first);
void journal_put_record(struct buf *out, uint64_t sequence, uint64_t synced, struct bytes payload);
void journal_put_mark(struct buf *out, uint64_t synced);

/* What journal_open does with a file's bytes. Calls each for every record, whose error ends it and is
 * passed on. *out_good_bytes is where the file would be cut. Errors and sentences as journal_open's. */
enum err journal_scan(struct bytes file,
                      enum err (*each)(void *arg, struct bytes payload, struct errmsg *why),
                      void *arg, size_t *out_good_bytes, struct journal_found *out_found,
                      struct errmsg *out_why) MUST_CHECK;

#endif
