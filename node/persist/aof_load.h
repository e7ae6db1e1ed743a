/*
 * aof_load - the append only file back into the keyspace: the base, then the increments, each an RDB, or
 * commands, or an RDB and commands behind it.
 *
 *     file: [ RDB, if it begins with one ][ commands, units, lines that begin with # ][ torn tail ]
 *                                                                                     ^ whole
 *
 *   1. commands run as they stand, whole units only; nothing is propagated, nothing expires
 *   2. what is torn off at the end of the last file is cut away, where aof-load-truncated allows it and
 *      no RDB is torn; a unit that was not ended goes with it, and so do zeros (a file system that wrote a
 *      length before the bytes; no command ends with one). Anywhere else it ends the load
 *   3. a command that is not known ends the load; one that answers with an error is told in the log,
 *      as Redis does
 *
 * Owner: aof_load_new/aof_load_free. Cost: as long as the slice that aof_load_step was given.
 */
#ifndef HF_NODE_PERSIST_AOF_LOAD_H
#define HF_NODE_PERSIST_AOF_LOAD_H

#include "node/persist/aof_manifest.h"
#include "node/persist/aof_notes.h"
#include "node/replica/replica.h"

struct aof_load;
struct node_world;

/* m is copied. total_bytes: of its files. */
struct aof_load *aof_load_new(struct node_world *w, const struct aof_manifest *m,
                              uint64_t total_bytes);
void aof_load_free(struct aof_load *l); /* NULL does nothing */

/* key-load-delay: how long the next step is to wait. */
uint64_t aof_load_rest_us(const struct aof_load *l);
/* Until deadline_us (clock_read_us; 0: to the end). ERR_AGAIN: there is more. */
enum err aof_load_step(struct aof_load *l, uint64_t deadline_us, struct errmsg *out_why) MUST_CHECK;

struct aof_load_progress {
    uint64_t total_bytes, loaded_bytes;
    uint64_t started_ms;
    int64_t started_wall_s;
    uint64_t keys, commands;
    struct replica_position position; /* what the base says about the line of histories */
    struct aof_position at;           /* of what is whole, by its notes */
};
void aof_load_progress(const struct aof_load *l, struct aof_load_progress *out);

#endif
