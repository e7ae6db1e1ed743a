/*
 * state - what a sentinel must not forget, on the disk.
 *
 *     loop thread                              keeper thread
 *     -----------                              -------------
 *     state_persist --record, encoded-->  [ mailbox ] --> journal: write, fdatasync
 *     done(position) <------ev_async-------------------------'  |
 *                                                               v
 *                                          its own struct config, record by record
 *                                                               |  within REWRITE_MS_MAX
 *                                                               v
 *                                          sentinel.conf: read, merge, fsync, rename, fsync dir
 *
 * The journal is the authority. sentinel.conf follows it within a second, keeps the operator's comments
 * and order, and never gets a word that Redis does not know unless the operator wrote it; it is what
 * is read where there is no journal, so a Redis sentinel can take over from us and we from it.
 *
 *   1. positions count records, and a position is told to `done` only when all records up to it are on
 *      the disk; many records may share one fdatasync
 *   2. the loop thread never waits for a disk, except in state_flush and state_close
 *   3. a record costs the loop O(its bytes), whatever the number of groups
 *   4. after a failed write or fsync nothing is told as persisted until the whole state was written into
 *      a new journal; that is tried again every second, and said in the log
 *
 * At the start: the journal and sentinel.conf are both read. A sentinel.conf that is not as we last saw
 * it was edited: its settings and groups count; epochs and votes are the higher of both. Otherwise the
 * journal counts. state_open says in the log what it chose.
 *
 * Owner: state_open/state_close on the loop thread.
 */
#ifndef HF_SENTINEL_STATE_STATE_H
#define HF_SENTINEL_STATE_STATE_H

#include <ev.h>

#include "sentinel/state/settings.h"

enum {
    REWRITE_MS = 200,     /* sentinel.conf is written after so much quiet */
    REWRITE_MS_MAX = 900, /* and at the latest so long after a change */
};

struct state;

struct state_options {
    struct ev_loop *loop;
    const struct sentinel_settings *set; /* outlives the state */
    const char *conf_path;               /* absolute; NULL: started without a file */
    const struct config *conf;           /* what sentinel_settings_config gave */
    /* All records up to position are on the disk. Called on the loop thread, from state_persist's
     * caller or later. */
    void (*done)(void *arg, uint64_t position);
    void *arg;
};

/* Reads, chooses, locks, and writes a fresh journal. out_config, zeroed, gets what the core shall
 * load, with an id of 40 hex digits. NULL: out_why has the block for stderr (in use by another process,
 * corrupt, nothing can be written), which says what to do. */
struct state *state_open(const struct state_options *o, struct config *out_config,
                         struct errmsg *out_why);
/* Writes what is waiting, sentinel.conf too, and ends the thread. NULL does nothing. */
void state_close(struct state *st);

/* Encodes rec at once; its position. Cannot fail: what the disk refuses is never told as done. */
uint64_t state_persist(struct state *st, const struct record *rec);
/* SENTINEL CONFIG SET loglevel: the word for sentinel.conf's line. */
void state_set_loglevel(struct state *st, const char *word);
/* ACL SETUSER and its kin: the lines of all users, as CONFIG REWRITE would write them. */
void state_set_users(struct state *st, struct bytes lines);
/* FLUSHCONFIG: waits until everything is on the disk and sentinel.conf is written. ERR_IO: it is not,
 * and out_why says why. */
enum err state_flush(struct state *st, struct errmsg *out_why) MUST_CHECK;

/* For INFO: where the journal is. */
const char *state_path(const struct state *st);

#endif
