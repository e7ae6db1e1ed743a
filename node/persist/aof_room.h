/*
 * aof_room - what the files of the append only file share of struct aof; nobody else includes it.
 */
#ifndef HF_NODE_PERSIST_AOF_ROOM_H
#define HF_NODE_PERSIST_AOF_ROOM_H

#include <ev.h>

#include "node/persist/aof.h"
#include "node/persist/aof_load.h"
#include "node/persist/aof_manifest.h"
#include "node/persist/aof_writer.h"
#include "node/replica/replica.h"

struct save_file;

enum aof_state { AOF_OFF, AOF_WAITING, AOF_ON };

/* Work on the directory, done by a thread while the loop goes on. */
struct aof_errand {
    struct helper_job job;
    struct aof *room;
    char *dir, *prefix;  /* as they were when it began */
    struct buf manifest; /* to be stored */
    char *from, *to;     /* a rename, or (from NULL) a file to create */
    int old_fd, fd;      /* to be synced first, -1: none; the created one */
    char **names;        /* to be deleted */
    size_t name_count;
    bool placed; /* the manifest stands under its name, whether or not that is on the disk */
    enum err e;
    struct errmsg why;
};

struct aof_rewriting {
    bool scheduled;
    bool running;
    bool walking;      /* the snapshot feeds file */
    bool switching;    /* the new increment is being opened */
    bool base_written; /* under its final name, not in the manifest yet */
    bool finishing;    /* the manifest is being stored */
    bool failed;       /* what was begun comes to its end, for nothing */
    bool rdb;
    int db;                 /* that the new increment begins in; -1: the stream says */
    struct save_file *file; /* until it is renamed */
    char *base_path;
    struct aof_manifest next; /* to be stored */
    struct aof_errand errand;
    uint64_t started_ms;
    uint64_t last_ms; /* UINT64_MAX: none yet */
    bool last_ok;
    uint64_t count, failures_in_a_row;
    uint64_t delay_min, next_ms; /* back-off */
};

struct aof {
    struct node_world *w;
    struct aof_hooks hooks;
    enum aof_state state;
    struct aof_manifest manifest; /* as it is read by a start */
    struct aof_writer writer;
    bool threads;
    struct helper *sweeper;
    struct aof_errand sweep, forget;
    bool sweeping;
    ev_prepare before_sleep;
    bool demands;         /* told to hooks */
    bool stalls, crowded; /* the disk; and writes are paused */

    uint64_t older_bytes;   /* of the files that are not written any more */
    uint64_t rewrite_bytes; /* size after the last rewrite */
    struct aof_rewriting rewrite;
    bool restart;  /* a full sync comes: on again afterwards */
    bool unseen;   /* the data set has changes that no file has */
    bool given_up; /* the disk failed for too long: nothing is safe before there is a base */

    struct aof_load *load;
    ev_timer load_next;
    aof_loaded_fn *loaded;
    void *loaded_arg;
    struct aof_position loaded_at;
};

/* aof.c */
enum err aof_threads(struct aof *a, struct errmsg *out_why) MUST_CHECK;
const char *aof_dir(const struct aof *a);
const char *aof_prefix(const struct aof *a);
void aof_give_up(struct aof *a);         /* the disk has failed for too long */
uint64_t aof_bytes(const struct aof *a); /* of everything that a load would read */
/* Opens the increment that waits outside of the manifest for the first base. */
enum err aof_open_waiting(struct aof *a, struct errmsg *out_why) MUST_CHECK;
/* Where that stands; suffix: beside it. The caller frees. */
char *aof_waiting_path(const struct aof *a, const char *suffix);
/* An attempt failed, and where it left none that is written to, writes are refused until there is one. */
void aof_has_no_file(struct aof *a, const struct errmsg *why);

/* aof_errand.c */
void aof_errand_begin(struct aof_errand *e, struct aof *a, const struct aof_manifest *m);
void aof_errand_run(struct helper_job *job);
void aof_errand_end(struct aof_errand *e);
/* Deletes what is history, unless aof-disable-auto-gc. */
void aof_sweep(struct aof *a);

/* aof_rewrite.c */
void aof_rewrite_turn(struct aof *a);                    /* begins what is due */
void aof_rewrite_cancel(struct aof *a, const char *why); /* waits for what is under way */

#endif
