/*
 * persist - the data set as an RDB file: saved by the sliced walk, loaded at start, never half.
 *
 *   1. a file is written aside, fsynced, renamed, and its directory fsynced: a reader, or a start after
 *      a crash, sees the old file or the new one
 *   2. nothing forks and nothing stops: BGSAVE is slices of SNAPSHOT_SLICE_US between turns of the loop,
 *      its writes and its fsync a helper thread's; only SAVE, DEBUG RELOAD, a SHUTDOWN that saves
 *      and FLUSHALL, whose file has no keys, hold the loop, as they do in Redis
 *   3. a file that does not read to its end is refused with the reason; at start that ends the start
 *   4. while the file loads, commands without CMD_LOADING are answered with LOADING
 *
 * Owner: main, through persist_new/persist_free.
 */
#ifndef HF_NODE_PERSIST_PERSIST_H
#define HF_NODE_PERSIST_PERSIST_H

#include "common/bytes.h"
#include "common/command.h"
#include "node/insight/info.h"

struct node_world;
struct persist;
struct snapshot;

struct persist *persist_new(struct node_world *w);
void persist_free(struct persist *p); /* aborts what runs; NULL does nothing */

/* Begins to load the file of the settings (the append only file where it is on) in slices, if there is one; done is called from the loop, or at
 * once where there is none. e: OK, or why the start must end. from_file: there was a file. */
typedef void persist_loaded_fn(void *arg, enum err e, bool from_file, const struct errmsg *why);
void persist_load(struct persist *p, persist_loaded_fn *done, void *arg);
bool persist_loading(const struct persist *p);

/* Saves now, holding the loop: SAVE, SHUTDOWN. A background save that runs is aborted. */
enum err persist_save_now(struct persist *p, struct errmsg *out_why) MUST_CHECK;
/* The base of an append only file, now, at start. */
enum err persist_write_base_now(struct persist *p, const char *path,
                                struct errmsg *out_why) MUST_CHECK;
/* ERR_EXISTS: one is running. ERR_AGAIN: the walk is busy with a full sync; try again later. */
enum err persist_save_background(struct persist *p, struct errmsg *out_why) MUST_CHECK;
/* CONFIG RESETSTAT. */
void persist_reset_stats(struct persist *p);
bool persist_saving(const struct persist *p);
/* Is SHUTDOWN without a word to save? (There are save points.) */
bool persist_has_save_points(const struct persist *p);
/* The last background save failed and nobody has mended it: where stop-writes-on-bgsave-error is on,
 * writes are refused. */
bool persist_refuses_writes(const struct persist *p);
/* Writes since the last save: serve counts each command that changed the data set. */
void persist_count_changes(struct persist *p, uint64_t changes);

/* Ends whatever save or full sync walks the data set, from the loop. False: none does (a file that
 * holds everything and is only being made safe goes on). */
bool persist_cancel(struct persist *p, const char *why);
/* The same, now, waiting for the file's thread. */
void persist_abort(struct persist *p, const char *why);
/* FLUSHALL is about to empty the data set: a save of what goes is called off, as in Redis. Full syncs go
 * on: their followers get the flush behind the image. */
void persist_flushed(struct persist *p);
/* A command ended and was counted. Where it was a FLUSHALL and there are save points the file is as empty
 * now: a crash does not bring back what is gone. If the file cannot be had at once it follows soon. */
void persist_settle(struct persist *p);
/* Of a snapshot that walks, beside the data set: what waits aside, and what the disk has not taken. */
uint64_t persist_held_bytes(const struct persist *p);
/* The one walk of the node, for a full sync. */
struct snapshot *persist_snapshot(struct persist *p);

extern const struct command persist_rows[];       /* save bgsave lastsave */
extern const struct command persist_debug_subs[]; /* reload, for whoever owns the DEBUG row */
extern const struct info_part persist_info_parts[];

#endif
