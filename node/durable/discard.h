/*
 * discard - the end of a former leader's data that nobody shares, kept for a person to look at before it is dropped.
 *
 *     the append only file   …[SELECT 0 … SET a 1][#HF 3 800][SET b 2 … ][#HF 3 925][SET c 3]
 *                                                            ^ from here on it is ours alone
 *     hf-discarded-3-800.aof  [SELECT 0][SET b 2 … ][SET c 3]
 *
 * No client was told that anything of it is kept. The file is RESP, as redis-cli --pipe takes it, without notes.
 *
 *   1. what is kept is whole commands, from the first that is ours alone; what does not fit is not kept, and told
 *   2. all such files together stay below hf-discarded-max: the oldest go
 */
#ifndef HF_NODE_DURABLE_DISCARD_H
#define HF_NODE_DURABLE_DISCARD_H

#include "common/bytes.h"

enum { DISCARD_NO_DB = -1, DISCARD_NAME_MAX = 64 };

/* Where a tail begins. */
struct discard_place {
    size_t at; /* in the bytes of the file */
    uint64_t
        from; /* the offset that stands there: what was asked for, or behind it where the file begins later */
    int db; /* that is selected there; DISCARD_NO_DB: nothing tells */
};

/* file is the end of an append only file with notes (aof_notes.h), or all of it, and ends at offset end of the stream.
 * False: offset is in front of these bytes, as far as they tell. */
bool discard_find(struct bytes file, bool whole, uint64_t offset, uint64_t end,
                  struct discard_place *out);
/* Appends the commands of a file's tail, behind a SELECT; nothing where there are none. What is torn at its end is left
 * out. */
void discard_put(struct bytes tail, int db, struct buf *out);

/* Of the first file_bytes of an append only file, which end at offset end, into a file of the working directory; OK with
 * *out_bytes 0: there was nothing of it in the file. ERR_LIMIT: it is longer than bytes_max. ERR_IO. Any thread may call it. */
enum err discard_keep(int fd, uint64_t file_bytes, uint64_t offset, uint64_t end, uint64_t epoch,
                      uint64_t bytes_max, char out_name[DISCARD_NAME_MAX], uint64_t *out_bytes,
                      struct errmsg *out_why) MUST_CHECK;

#endif
