/*
 * world - several sentinel cores, model nodes, and a network, disks and clocks that fail by a seed.
 *
 *     watcher (core + disk + obeying)  --conn-->  store (a model of a node)
 *            \---------------------------conn-->  watcher
 *
 * A conn is a model of TCP: bytes of one direction arrive in order; while a direction is cut they wait, and
 * after BROKEN_MS of that, or by a reset, the connection ends and what was under way is lost. On top of
 * that, messages between sentinels are now and then delivered a second time and late, which TCP never
 * does and the core must survive.
 *
 * A watcher's disk follows the driver's contract (action.h): what follows a durable record waits for
 * it; a crash forgets what had not been obeyed, and every record that was not on the disk.
 */
#ifndef HF_TESTS_SIM_WORLD_H
#define HF_TESTS_SIM_WORLD_H

#include <stdio.h>

#include "queue.h"
#include "sentinel/core/sentinel.h"

enum {
    WATCHERS_MAX = 5,
    STORES_MAX = 6,
    HOSTS_MAX = WATCHERS_MAX + STORES_MAX,
    GROUPS = 2,
    CONNS_MAX = 512,
    EPOCHS_MAX = 4096,
    BROKEN_MS = 3000,
    FAILOVER_TIMEOUT_MS = 3000,
};

enum sim_failover { HOLD_NO, HOLD_WAITING };

/* A model node. */
struct store {
    bool alive, frozen;
    int group, host;
    char run_id[ID_LEN + 1], replid[ID_LEN + 1], replid2[ID_LEN + 1];
    int leader;       /* index of the store it follows; -1: leads */
    int saved_leader; /* what CONFIG REWRITE last wrote */
    bool link_up;
    uint64_t offset, synced_ms, link_lost_ms;
    uint64_t generation; /* +1 with every start */
    uint64_t born_ms;
    bool keeps_data; /* a restart finds its data */
    bool holdfast;
    enum sim_failover hold;
    int hold_target;
    uint64_t hold_until_ms;
};

struct watcher {
    struct sentinel core;
    struct config disk;     /* what a restart would read */
    struct saved *buffered; /* records that are not durable and not written yet, newest first */
    bool alive, frozen;
    int host;
    uint64_t generation, disk_free_ms, wake_set_ms;
    char lost_id[ID_LEN + 1]; /* its name before it lost its disk; "": it never did */
    struct actions out;
    /* What it told the world, over all its lives. */
    uint64_t told_config[GROUPS];
    bool
        forgot[GROUPS]; /* by its operator's will, or with its disk: it may tell older ones again */
    char vote_told[GROUPS][EPOCHS_MAX]; /* index of the candidate + 1 */
};

enum way { THERE, BACK };

struct conn {
    bool open, up;
    uint64_t number; /* never used twice */
    int from;        /* watcher */
    int store, peer; /* the other end; -1 */
    uint64_t id;     /* the instance in the core */
    enum line_kind kind;
    uint64_t last_ms[2];  /* of each way: when the last message arrives */
    uint64_t stuck_ms[2]; /* since when nothing gets through; 0: it does */
};

/* Whom a watcher's ACT_REPLY goes to. */
struct pending {
    int conn;
    uint64_t number, tag;
    int kind; /* the message's */
};

struct plan {
    int watchers, stores_per_group;
    uint32_t quorum; /* 0: the majority */
    uint64_t down_after_ms;
    bool legacy; /* nobody answers HF: all votes by the old rules */
    bool fast;
    uint64_t faults_ms, heal_ms;
};

struct world {
    struct queue queue;
    struct rng rng;
    struct plan plan;
    uint64_t now_ms, seed;
    struct watcher watchers[WATCHERS_MAX];
    int watcher_count;
    struct store stores[STORES_MAX];
    int store_count;
    bool cut[HOSTS_MAX][HOSTS_MAX]; /* from, to */
    struct conn conns[CONNS_MAX];
    uint64_t conn_number;
    struct pending *pending;
    size_t pending_count, pending_cap;
    bool faults;
    int forgetful; /* watcher + 1: whose memory operators and disks may take */
    bool wiped;    /* a watcher has lost its disk, and with it what it had voted */
    uint64_t heal_at_ms;
    uint32_t mutations;
    bool trace;
    /* Invariants. */
    char captain[GROUPS][EPOCHS_MAX];       /* watcher + 1 */
    char config_leader[GROUPS][EPOCHS_MAX]; /* store + 1, of a config-epoch */
    bool forced[GROUPS][EPOCHS_MAX];        /* an operator's failover without a majority */
    bool failed;
    char why[512];
    uint64_t steps, failovers, converged_after_ms;
};

/* Runs one schedule. True: every invariant held and everything converged. */
bool world_run(struct world *w, uint64_t seed, const struct plan *plan, uint32_t mutations,
               bool trace);
void world_new_disk(struct world *w, int watcher);
void world_fail(struct world *w, const char *format, ...) PRINTF_LIKE(2, 3);
uint64_t world_chance(struct world *w, uint64_t below);
void world_trace(struct world *w, const char *format, ...) PRINTF_LIKE(2, 3);

/* store.c */
void store_start(struct world *w, int i, bool with_data);
void store_tick_all(struct world *w);
void store_info(const struct world *w, int i, struct buf *out);
void store_set_leader(struct world *w, int i, int leader);
bool store_hold(struct world *w, int i, int target, uint64_t timeout_ms);
int store_by_port(const struct world *w, int port);
int store_port(int i);

/* watcher.c: the driver's duty towards one core */
void watcher_start(struct world *w, int i);
void watcher_crash(struct world *w, int i);
/* Its disk is gone too: it comes back with what the operator knows, and another name. */
void watcher_wipe(struct world *w, int i);
void watcher_step(struct world *w, int i, struct event *ev);
void watcher_write_buffered(struct watcher *x);
void watcher_fini(struct watcher *x);
int watcher_by_id(const struct world *w, const char *id);

/* net.c: connections and what travels on them */
void net_dial(struct world *w, int watcher, const struct action *a);
void net_hang_up(struct world *w, int watcher, uint64_t id, enum line_kind kind);
void net_command(struct world *w, int watcher, const struct action *a);
void net_reply(struct world *w, const struct action *a);
/* The connection ends for both; its watcher is told unless it is the one that died. */
void net_reset(struct world *w, struct conn *c);
void net_close_store(struct world *w, int store);
void net_close_watcher(struct world *w, int watcher);
bool net_passes(const struct world *w, int from_host, int to_host);

/* faults.c */
void faults_schedule(struct world *w);
void faults_kill_watcher(struct world *w, int i); /* and starts it again soon */
void faults_heal(struct world *w);
bool faults_converged(struct world *w, char *why, size_t cap);

#endif
