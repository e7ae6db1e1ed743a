/*
 * snapshot - the image of the data set at one moment, as RDB bytes, made in slices between turns of the
 * loop. No fork: the keyspace's walk emits every entry, and the old value of what is about to change.
 *
 *     keyspace_walk --entries--> rdb_write --bytes--> sink (a file, followers)
 *                      \--> aside, while a large entry is between two pieces --/
 *
 *   1. one at a time: BGSAVE, SAVE and full syncs take turns (ERR_EXISTS)
 *   2. sink.bytes gets every byte of the payload once, in order; then sink.done comes once
 *   3. the walk pauses while sink.ready says no; what a write pushes out early goes to the sink all the
 *      same, and so does what a writer waits for: a sink bounds what it holds and calls snapshot_abort
 *      past its bound
 *   4. sink.bytes may call snapshot_abort; the end is then told from the loop
 *   5. a value goes out in pieces of SNAPSHOT_PIECE_BYTES; entries that come early between two of them
 *      wait aside, whole, and follow it. More than SNAPSHOT_ASIDE_MAX aborts
 *   6. plan.rest_us makes it rest behind each key, also one that came early, and the loop goes on; nobody who
 *      waits for a key, no abort and no snapshot_finish is kept waiting for that
 *
 * The version in its header is the lowest that holds everything there is when it starts.
 *
 * Cost: SNAPSHOT_SLICE_US a turn while somebody wants it; a buffer of one slice.
 */
#ifndef HF_NODE_PERSIST_SNAPSHOT_H
#define HF_NODE_PERSIST_SNAPSHOT_H

#include <ev.h>

#include "node/persist/rdb_write.h"
#include "node/persist/rest.h"
#include "node/replica/replica.h"

struct keyspace;
struct node_settings;

enum {
    SNAPSHOT_SLICE_US = 500,
    SNAPSHOT_FLUSH_BYTES = 64 * 1024,
    SNAPSHOT_PIECE_BYTES = 128 * 1024,
    SNAPSHOT_ASIDE_MAX = 256 * 1024 * 1024,
};

struct snapshot_sink {
    void (*bytes)(void *arg, struct bytes data);
    bool (*ready)(void *arg); /* NULL: always */
    /* e: OK, or why there is no whole payload. Another snapshot may start from here. */
    void (*done)(void *arg, enum err e, const char *why);
};

/* What is said of the use of each key. */
enum snapshot_use { USE_UNSAID, USE_IDLE, USE_FREQUENCY };

struct snapshot_plan {
    bool compress, checksum;
    bool no_keys;          /* REPLCONF rdb-filter-only without data */
    bool aof_base;         /* it is the base of an append only file */
    bool commands;         /* not RDB, but the commands that make the data set */
    bool stamped;          /* and those begin with the time: aof-timestamp-enabled */
    bool valkey;           /* for a Valkey since 9: rdb_version_for */
    enum snapshot_use use; /* snapshot_use */
    uint32_t needs;  /* RDB_NEED_…: what the payload holds beside keys; those are counted here */
    int64_t rest_us; /* rdb-key-save-delay (rest.h) */
    struct replica_position position;
};

struct snapshot {
    void (*freed)(
        void *arg); /* a snapshot ended, another may start, but not from in here; may be NULL */
    void *freed_arg;
    /* Appends the function libraries as the plan wants them; how many there are. May be NULL. */
    size_t (*libraries)(void *arg, const struct snapshot_plan *plan, struct buf *out);
    void *libraries_arg;
    struct ev_loop *loop;
    struct keyspace *keyspace;
    const struct snapshot_sink *sink; /* NULL: nothing runs */
    uint64_t started;                 /* ever: what a Redis forks for */
    void *sink_arg;
    ev_timer next; /* the next slice, at once, in the next turn */
    struct buf out;
    struct rdb_writer writer;
    struct snapshot_plan plan;
    int version; /* of the payload */
    uint64_t started_ms;
    int db;                        /* last selected in the payload */
    bool *db_seen;                 /* its sizes were written */
    struct {                       /* what is between two pieces */
        const struct entry *entry; /* NULL: nothing */
        uint64_t cursor;           /* of its type's save; of a text, what has gone out */
    } open;
    struct {
        struct buf bytes; /* whole entries, behind a select of their own */
        size_t at;        /* gone out */
        int db;           /* last selected in them; -1: none */
    } aside;
    struct rest rest;
    const char *abort_why;
    uint64_t bytes;        /* of this payload so far */
    uint64_t inline_bytes; /* of large values that a write pushed out on the spot, ever */
    uint64_t aside_peak_bytes;
};

/* What maxmemory-policy goes by, as in Redis. */
enum snapshot_use snapshot_use(const struct node_settings *set);
void snapshot_init(struct snapshot *s, struct ev_loop *loop, struct keyspace *ks);
void snapshot_fini(struct snapshot *s); /* aborts; the sink hears of it */

/* The image is now; the bytes follow from the loop. ERR_EXISTS: one runs. ERR_AGAIN: as
 * keyspace_walk_begin. */
enum err snapshot_start(struct snapshot *s, const struct snapshot_plan *plan,
                        const struct snapshot_sink *sink, void *sink_arg) MUST_CHECK;
/* The sink is ready again. */
void snapshot_resume(struct snapshot *s);
/* Runs it to the end now, holding the loop. */
void snapshot_finish(struct snapshot *s);
void snapshot_abort(struct snapshot *s, const char *why);
bool snapshot_running(const struct snapshot *s);

#endif
