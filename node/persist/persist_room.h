/*
 * persist_room - what the files of this folder share of struct persist; nobody else includes it.
 */
#ifndef HF_NODE_PERSIST_PERSIST_ROOM_H
#define HF_NODE_PERSIST_PERSIST_ROOM_H

#include <ev.h>

#include "node/persist/loader.h"
#include "node/persist/persist.h"
#include "node/persist/snapshot.h"

struct load;
struct save_file;

struct persist {
    struct node_world *w;
    struct snapshot snapshot;
    struct save_file *file; /* of the save in the background, until it is renamed */
    struct load *loading;   /* at start */
    ev_timer second, load_next;
    bool saving;     /* the walk feeds our file */
    bool called_off; /* what walks for our file ends because somebody said so */
    bool scheduled;  /* BGSAVE SCHEDULE: as soon as the walk is free */
    bool emptied;    /* by a FLUSHALL that runs */
    bool last_save_ok;
    uint64_t changes, changes_at_start;
    uint64_t save_started_ms, failed_ms;
    uint64_t save_bytes;      /* of the last walk for our file */
    uint64_t last_save_ms;    /* how long it took; UINT64_MAX: there was none */
    int64_t last_save_wall_s; /* LASTSAVE */
    uint64_t saves;
    uint64_t loaded_keys, expired_keys;
};

struct persist_progress {
    int64_t started_wall_s, eta_s;
    uint64_t total_bytes, loaded_bytes;
};
/* False when nothing loads. */
bool persist_load_progress(const struct persist *p, struct persist_progress *out);

/* The file again, beside the data set, which it replaces when it is whole. */
enum err persist_reload(struct persist *p, enum loader_end end, struct errmsg *out_why) MUST_CHECK;

#endif
