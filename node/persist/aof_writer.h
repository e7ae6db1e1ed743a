/*
 * aof_writer - the oplog's cursor that is a file: written in the loop's own turn as long as the kernel takes it quickly,
 * else by a helper thread, and synced by helper threads, as often as appendfsync says.
 *
 *                 synced           written            handed          the tip
 *                   v                 v                  v               v
 *      oplog  ......[ may be lost     | being written    | waits for the next job ]
 *                   ^ held: nothing behind it is forgotten
 *
 *   1. synced <= written <= handed <= tip; each but the tip stands between two units
 *   2. one write is under way at a time, and takes all there is: one fsync serves every client of a turn
 *   3. what is not on the disk stays in the oplog, so after a failure the file is cut back to what is
 *      known to be good and written again: a torn write, or pages that a failed fsync dropped
 *   4. always: a write is followed by its fdatasync. everysec: another thread syncs, once a second; while it
 *      does, writes wait for it, two seconds at most, and then who is answered waits for the write. no: nobody
 *      syncs. required: others are told what the file has, so no write waits for a sync, and at KEEP_FSYNC each
 *      is followed by its own
 *   5. while failing nothing is acknowledged, and it is tried again every AOF_RETRY_MS
 *   6. a write that nothing is synced with is done before the loop sleeps, so whoever waits for it is answered in that
 *      turn; while a sync runs, of more than AOF_HERE_MAX, after a failure, or for AOF_SLOW_MS behind one that took
 *      longer than AOF_SLOW_US, a thread does it
 *   7. with notes (aof_notes.h): a file whose writes are done tells where in the stream it ends, also where all that
 *      came since was asides, or nothing
 *
 * Under everysec a disk that is slow for long may hold more than AOF_HELD_MAX: then what is written is let
 * go, and rule 3 holds from there on.
 *
 * Owner: embed; loop thread only. Cost: a system call per turn that wrote, or a job (two wake-ups); no byte is copied.
 */
#ifndef HF_NODE_PERSIST_AOF_WRITER_H
#define HF_NODE_PERSIST_AOF_WRITER_H

#include <ev.h>
#include <sys/uio.h>

#include "common/bytes.h"
#include "common/register/charter.h"
#include "node/oplog/oplog.h"
#include "node/persist/aof_notes.h"
#include "node/persist/helper.h"
#include "node/settings.h"

enum {
    AOF_SYNC_EVERY_MS = 1000,
    AOF_POSTPONE_MS = 2000,
    AOF_STALLED_MS = 3000, /* without a write that came to its end */
    AOF_RETRY_MS = 200,
    AOF_HELD_MAX = 64 * 1024 * 1024,
    AOF_HERE_MAX = 1024 * 1024,
    AOF_SLOW_US = 5000,
    AOF_SLOW_MS = 2000,
    AOF_FAILING_HELD_MAX = 256 * 1024 * 1024, /* the owner gives the file up beyond this */
    AOF_UNWRITTEN_MAX =
        256 * 1024 * 1024, /* of a disk that does not fail, but stalls: the owner takes no more */
};

struct aof_write {
    struct helper_job job;
    int fd;
    bool sync, cut;    /* cut: to start_bytes, first */
    uint64_t sleep_us; /* DEBUG AOF-FLUSH-SLEEP: ahead of it */
    uint64_t start_bytes;
    uint64_t end; /* offset */
    struct buf head;
    struct iovec *pieces;
    size_t count, cap;
    struct buf notes; /* pieces without a base are the next ones of these */
    uint64_t noted;   /* where the file will stand by its notes */
    uint64_t bytes;   /* of head and pieces */
    uint64_t handed_ms;
    int error; /* errno */
    bool sync_failed;
    uint64_t write_us, sync_us; /* how long each took */
};

struct aof_sync {
    struct helper_job job;
    int fd;
    uint64_t end, end_bytes;
    int error;
};

struct aof_writer {
    struct ev_loop *loop;
    struct oplog *log;
    const struct node_settings *set;
    /* A mark moved; a write came to its end; it began to fail, or is mended. */
    void (*moved)(void *arg);
    void (*wrote)(void *arg, uint64_t write_us, uint64_t sync_us);
    void (*failing_changed)(void *arg);
    bool (*rests)(void *arg); /* no fsync now: no-appendfsync-on-rewrite */
    void *arg;
    enum keep required;
    aof_epoch_fn *epoch_at; /* notes are wanted; NULL: they are not */
    void *epoch_arg;
    uint64_t noted; /* by its notes the file stands here; UINT64_MAX: there are none yet */

    struct helper *writes, *syncs;
    int fd;                         /* -1: no file */
    struct oplog_cursor held, next; /* closed without a file */
    int db;               /* the file's first bytes need this SELECT ahead of them; -1: none */
    uint64_t begin_bytes; /* where those first bytes go */
    uint64_t written, synced;
    uint64_t file_bytes, synced_bytes; /* length of the file at those offsets */
    bool writing, syncing;
    struct aof_write write;
    struct aof_sync sync;
    struct helper_job *barrier; /* runs at barrier_at, before anything behind it */
    uint64_t barrier_at;
    bool in_barrier;

    bool failing, rewind, cut;
    bool
        lost; /* rule 3 could not hold: bytes that a failed fsync dropped are gone from the oplog */
    struct errmsg why;
    int64_t stamp_s; /* of the last #TS: line */
    uint64_t last_sync_ms, postponed_ms, slow_until_ms;
    uint64_t behind_ms; /* what is not written has come since; 0: all is */
    uint64_t delayed_fsyncs;
    uint64_t flush_sleep_us; /* of each write to come */
    ev_timer due;
};

/* ERR_IO: no threads. log and set are borrowed. */
enum err aof_writer_init(struct aof_writer *w, struct ev_loop *loop, struct oplog *log,
                         const struct node_settings *set, struct errmsg *out_why) MUST_CHECK;
void aof_writer_fini(struct aof_writer *w); /* after aof_writer_stop */

/* From the tip on into fd, whose length is bytes; db: what the stream has selected, -1 where it will say. */
void aof_writer_start(struct aof_writer *w, int fd, uint64_t bytes, int db);
/* Waits for what is under way, closes the file and the cursors. What was not written is not. */
void aof_writer_stop(struct aof_writer *w);
static inline bool aof_writer_on(const struct aof_writer *w)
{
    return w->fd >= 0;
}

/* A write may have to wait for an fsync that runs, or for another file: nobody should wait for the write, unless it
 * has been waiting for AOF_POSTPONE_MS. */
bool aof_writer_late(const struct aof_writer *w);
bool aof_writer_stalled(const struct aof_writer *w);
/* More than AOF_UNWRITTEN_MAX is not written; once that is so, until half of it is. */
bool aof_writer_crowded(const struct aof_writer *w, bool was);

/* Notes from here on. */
void aof_writer_note(struct aof_writer *w, aof_epoch_fn *epoch_at, void *arg);
/* The stream was cut: it ends at its tip of now, and what the file has behind that is none of its commands. Between
 * the two nothing may be written; the first waits for what is under way. */
void aof_writer_let_go(struct aof_writer *w);
void aof_writer_take_up(struct aof_writer *w);

/* Before the loop sleeps: writes, or hands over, what there is, and syncs what is due. */
void aof_writer_turn(struct aof_writer *w);
/* Holds the loop until everything is written and synced. ERR_IO: it is not. */
enum err aof_writer_flush(struct aof_writer *w) MUST_CHECK;
/* Nothing can be written, and more is held for it than is good. */
bool aof_writer_hopeless(const struct aof_writer *w);
/* Up to here nothing may be lost any more, as appendfsync understands it. */
uint64_t aof_writer_acked(const struct aof_writer *w);

/* Runs job on the thread that writes, once everything up to the tip of now is written and nothing is being
 * synced; what comes later waits for it. Its done may call aof_writer_use, and must call
 * aof_writer_go_on. One at a time. */
void aof_writer_barrier(struct aof_writer *w, struct helper_job *job);
/* From here on into this file, which is empty; the old one is synced, and closed here. */
void aof_writer_use(struct aof_writer *w, int fd, int db);
void aof_writer_go_on(struct aof_writer *w);

#endif
