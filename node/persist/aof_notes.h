/*
 * aof_notes - lines in an append only file that say where in the stream it stands.
 *
 *     #HF 3 800      *3 SET …   *3 SET …      #HF 3 925
 *     ^ what follows begins at offset 800,    ^ an aside of 20 bytes (a PUBLISH) was left out
 *       in epoch 3
 *
 * A node of a durable group has to know after a restart exactly what it holds, and a file alone does not tell: it
 * begins anywhere, leaves asides out, and has lines of its own.
 *
 *   1. a note gives the offset, and the epoch that wrote the bytes in front of it; each command behind it counts
 *      the bytes that it has in the file
 *   2. where that would lead astray, another note follows: at the beginning of a file, and behind what was left out
 *
 * To Redis, and to any other reader, a note is a comment. Nobody but such a node writes one.
 */
#ifndef HF_NODE_PERSIST_AOF_NOTES_H
#define HF_NODE_PERSIST_AOF_NOTES_H

#include "common/bytes.h"

/* Where what was loaded ends. */
struct aof_position {
    bool known; /* false: nothing tells */
    uint64_t epoch, offset;
    int db; /* that the stream has selected there */
};

/* Whose epoch is at offset: of the bytes in front of it. */
typedef uint64_t aof_epoch_fn(void *arg, uint64_t offset);

void aof_note_put(struct buf *out, uint64_t epoch, uint64_t offset);
/* A line without its end. False: it is no note, and *out is untouched. */
bool aof_note_read(struct bytes line, struct aof_position *out);

#endif
