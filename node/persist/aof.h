/*
 * aof - the append only file: every effect of the oplog in files that a start reads back.
 *
 *                   CONFIG SET appendonly yes, a full sync                  the first base stands
 *     AOF_OFF --------------------------------------------> AOF_WAITING ---------------------------> AOF_ON
 *        ^  \-- at start: what is there goes on, or an empty base ----------------------------------->  |
 *        \------------------------------- CONFIG SET appendonly no <------------------------------------/
 *
 *   1. the files of the manifest, read in order, are the data set as far as appendfsync promises it, at
 *      every instant; while waiting they are still those of before
 *   2. what is written is the oplog, cut only between units (aof_writer.h); nothing is copied
 *   3. a rewrite is the snapshot walk into a new base, beside a new increment that begins where the image
 *      was taken; nothing forks. One walk at a time: it takes turns with BGSAVE and full syncs
 *   4. appendfsync always: a reply leaves after the fsync of its effect (hooks.acked, the gate). A failing
 *      disk acknowledges nothing: hooks.failing closes whoever waits, writes are refused with
 *      MISCONF, reads go on, and once the disk takes writes again everything missing is written first
 *   5. a disk that stalls without an error: who is answered waits for it after AOF_POSTPONE_MS, PING is refused after
 *      AOF_STALLED_MS, so that sentinels leave, and beyond AOF_UNWRITTEN_MAX writes, and a leader's stream, are paused
 *
 * Files: aof_manifest (which), aof_files (the directory), aof_writer (the cursor), aof_rewrite, aof_load,
 * aof_rows (commands and INFO), aof_kept and aof_notes (what is told to others of them).
 * Owner: main, through aof_new/aof_free. Loop thread only.
 */
#ifndef HF_NODE_PERSIST_AOF_H
#define HF_NODE_PERSIST_AOF_H

#include "common/bytes.h"
#include "common/command.h"
#include "common/register/charter.h"
#include "node/insight/info.h"
#include "node/persist/aof_notes.h"

struct aof;
struct node_world;

struct aof_hooks {
    void *arg;
    /* appendfsync always begins, or ends, to hold replies. */
    void (*demands)(void *arg, bool on);
    void (*acked)(void *arg, uint64_t offset);
    /* A write took so long, and its fsync (0: it had none); while another was synced, while the data set
     * is walked. */
    void (*wrote)(void *arg, uint64_t write_us, uint64_t sync_us, bool syncing, bool walking);
    /* Nothing can be written, or everything is again. */
    void (*failing)(void *arg, bool failing);
    /* The stream begins anew at this offset: a full sync. */
    void (*rewound)(void *arg, uint64_t offset);
    /* Effects wait for the end of their unit: an image must not be taken now. */
    bool (*in_unit)(void *arg);
};

struct aof *aof_new(struct node_world *w);
void aof_free(struct aof *a); /* flushes; NULL does nothing */
void aof_set_hooks(struct aof *a, const struct aof_hooks *hooks);

/* The manifest, wherever appendonly stands: a broken one ends the start. */
enum err aof_read_manifest(struct aof *a, struct errmsg *out_why) MUST_CHECK;
/* Loads in slices; done is called from the loop, or at once where there is nothing. found: there was. */
typedef void aof_loaded_fn(void *arg, enum err e, bool found, const struct errmsg *why);
void aof_begin_load(struct aof *a, aof_loaded_fn *done, void *arg);
bool aof_loading(const struct aof *a);
struct aof_load_progress;
void aof_progress(const struct aof *a, struct aof_load_progress *out); /* while loading */
/* Everything again, in place and at once: DEBUG LOADAOF. */
enum err aof_reload(struct aof *a, struct errmsg *out_why) MUST_CHECK;
/* After the load: opens what is to be appended to. */
enum err aof_start(struct aof *a, struct errmsg *out_why) MUST_CHECK;

/* CONFIG SET appendonly. */
enum err aof_switch(struct aof *a, bool on, struct errmsg *out_why) MUST_CHECK;
/* CONFIG SET appendfsync. */
void aof_policy_changed(struct aof *a);
/* Is it on, or about to be? */
bool aof_enabled(const struct aof *a);

/* It was turned on, there is nothing yet that a start could load, and the first base is being written. */
bool aof_awaits_base(const struct aof *a);
/* Why writes are refused: the system's words. NULL: they are not. */
const char *aof_refuses_writes(const struct aof *a);
/* A write does not come to its end, and no error either: whoever asks how we are is told. */
bool aof_stalls(const struct aof *a);
/* Everything up to this offset is on the disk. False: there is no file. */
bool aof_synced(const struct aof *a, uint64_t *out_offset);
/* Everything up to these offsets is in the kernel, and on the disk. False: there is no file. */
bool aof_kept(const struct aof *a, uint64_t *out_written, uint64_t *out_synced);
/* Somebody acknowledges to others what the file has: from KEEP_OS on writes wait for no fsync, at KEEP_FSYNC each
 * is followed by one, whatever appendfsync says. KEEP_ASYNC, KEEP_MEM: as it says. */
void aof_require(struct aof *a, enum keep level);
/* The file that is appended to; the caller frees. NULL: there is none. */
char *aof_tail_path(const struct aof *a);
/* Holds the loop until everything is on the disk. */
enum err aof_flush(struct aof *a) MUST_CHECK;

/* From here on the files tell where in the stream they stand (aof_notes.h). */
void aof_note(struct aof *a, aof_epoch_fn *epoch_at, void *arg);
/* What the load at start found of that. */
const struct aof_position *aof_loaded_at(const struct aof *a);
/* The stream loses its end, which is asides alone: before it does, and after. */
void aof_cut_begins(struct aof *a);
void aof_cut_ends(struct aof *a);

/* A full sync: before the oplog takes another history, and after. */
void aof_history_ends(struct aof *a);
void aof_history_begins(struct aof *a);

/* ERR_EXISTS: one is running. ERR_AGAIN: scheduled, because something else walks the data set. */
enum err aof_rewrite(struct aof *a, bool only_schedule, struct errmsg *out_why) MUST_CHECK;
/* As soon as nothing else walks the data set. */
void aof_rewrite_later(struct aof *a);
/* A client of a follower changed the data set, and no effect tells of it; the node leads now. */
void aof_changed_unseen(struct aof *a);
void aof_leads(struct aof *a);
bool aof_rewriting(const struct aof *a);
uint64_t aof_held_bytes(const struct aof *a); /* of its rewrite, that the disk has not taken */
/* CONFIG RESETSTAT; the back-off after failures begins anew, too. */
void aof_reset_stats(struct aof *a);

extern const struct command aof_rows[];       /* bgrewriteaof */
extern const struct command aof_debug_subs[]; /* loadaof */
extern const struct info_part aof_info_parts[];

#endif
