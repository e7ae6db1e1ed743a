/*
 * group_world - a durable group: three sentinels, three nodes, four clients, and everything that can go wrong.
 *
 *     host 0..2: a sentinel: acceptor + disk + captain     3..5: a node: core, data set, files     6..9: a client
 *
 * The cores are the real ones (node/durable, common/register, sentinel/core/acceptor and durable), but that in half of
 * the schedules rogues take the place of the captains (group_rogue.h): what is safe with them is safe with anybody.
 * The data set is a list: a write
 * appends its own number, a read tells the list, so that what is lost, doubled or out of order shows. Messages are
 * lost, come twice, late and in any order; directions are cut; hosts pause; processes die, and their disks keep all,
 * something or nothing. Every decision comes from the seed.
 */
#ifndef HF_TESTS_SIM_GROUP_WORLD_H
#define HF_TESTS_SIM_GROUP_WORLD_H

#include <stdio.h>

#include "group_rogue.h"
#include "group_store.h"
#include "node/durable/durable.h"
#include "queue.h"
#include "sentinel/core/durable/captain.h"
#include "voter_disk.h"

enum {
    SENTINELS = 3,
    NODES = 3,
    CLIENTS = 4,
    FIRST_NODE = SENTINELS,
    FIRST_CLIENT = SENTINELS + NODES,
    HOSTS = SENTINELS + NODES + CLIENTS,
    STREAMS_MAX = NODES,
    PARKED_MAX = 64,
    EPOCHS_MAX = 1024,
};

/* ---- what travels ---- */

enum letter_kind {
    LETTER_REGISTER, /* to a voter */
    LETTER_VOTED,
    LETTER_ORDER,
    LETTER_RECEIPT,
    LETTER_SUSPECT,
    LETTER_OPINION,
    LETTER_LOOKOUT,
    LETTER_TALK,
    LETTER_DATA,    /* a piece of the stream */
    LETTER_PAYLOAD, /* a snapshot */
    LETTER_RESET,   /* the stream's link broke; number: the other end */
    LETTER_COMMAND, /* of a client: number, is_write */
    LETTER_REPLY,   /* number, reply */
};

enum reply { REPLY_OK, REPLY_REFUSED, REPLY_CLOSED };

struct letter {
    enum letter_kind kind;
    int from, to;
    uint64_t epoch, attach, offset, number;
    bool is_write;
    enum reply reply;
    struct history history; /* PAYLOAD */
    struct store entries;   /* DATA, PAYLOAD */
    union {
        struct reg_message reg;
        struct order order;
        struct receipt receipt;
        struct suspicion suspicion;
        struct lookout lookout;
        struct talk talk;
    };
};

/* ---- hosts ---- */

/* A captain's line to a node: to one life of its process. */
struct line_to {
    enum contact state;
    uint64_t number, life;
};

struct sentinel {
    struct acceptor acceptor;
    struct voter_disk disk;
    struct rogue rogue;
    struct captain captain;
    struct line_to lines[NODES];
    bool is_wishing;
};

struct stream_to {
    uint64_t attach; /* 0: none */
    size_t next;     /* the first entry not sent */
};

/* Executed, and its reply waits; or held, and not executed. */
struct parked {
    uint64_t number;
    int client;
    bool is_write;
    uint64_t offset, seq;  /* released up to, confirmed by */
    uint64_t writes, hash; /* what it will tell: the list's length and content */
};

struct files {
    bool has_meta;
    struct meta meta;
    struct store file, disk; /* as the kernel has it, and as the disk has it */
};

struct node {
    uint64_t id;
    struct durable core;
    struct store data;
    struct files files, old; /* old: a copy from an earlier start */
    uint64_t kernel;
    struct meta saving; /* on its way to the disk */
    bool is_saving, is_syncing;
    struct store sync;              /* on its way to the disk */
    struct durable_actions pending; /* behind a PERSIST */
    size_t pending_next;
    struct stream_to streams[STREAMS_MAX]; /* by node */
    struct parked parked[PARKED_MAX], held[PARKED_MAX];
    size_t parked_count, held_count;
    uint64_t released, confirmed;
    uint64_t did_judged; /* before the step under way */
};

struct client {
    uint64_t number; /* of the operation under way; 0: none */
    int node;
};

struct host {
    char name[8];
    bool alive;
    bool busy; /* paused, but for the thread of a node that says so */
    uint64_t paused_ms, generation, wake_set_ms;
    union {
        struct sentinel *sentinel;
        struct node *node;
        struct client *client;
    };
};

/* ---- what is judged ---- */

enum fate { FATE_UNKNOWN, FATE_OK, FATE_REFUSED };

struct operation {
    bool is_write, executed;
    enum fate fate;
    uint64_t floor; /* the list's length that somebody knew when it was called */
};

struct attempt {
    struct ballot ballot;
    struct charter value;
    uint64_t voters[8];
    size_t voter_count;
    bool chosen;
};

struct world {
    struct queue queue;
    struct rng rng;
    uint64_t now_ms, seed;
    struct host hosts[HOSTS];
    struct sentinel sentinels[SENTINELS];
    struct node nodes[NODES];
    struct client clients[CLIENTS];
    struct place places[HOSTS];
    bool cut[HOSTS][HOSTS];
    uint64_t last_ms[HOSTS][HOSTS]; /* the last of a connection arrives */
    struct durable_terms terms;
    bool faults, trace, failed, reckless;
    bool real; /* captains, no rogues */
    uint32_t mutations, captain_bugs, rogue_bugs;
    char why[512];
    char gid[GID_LEN + 1];
    /* The judge's. */
    struct attempt *attempts;
    size_t attempt_count, attempt_cap;
    struct charter chosen; /* the latest; ver 0: none yet */
    struct ballot chosen_ballot;
    struct operation *operations;
    size_t operation_count, operation_cap;
    uint64_t *truth; /* by length: the hash of the one list */
    size_t truth_cap;
    uint64_t floor;               /* the longest list that was told */
    uint64_t leaders[EPOCHS_MAX]; /* by epoch: the core's proposer id; 0: nobody led */
    uint64_t announced[EPOCHS_MAX];
    /* What happened, for the figures. */
    uint64_t steps, oks, refused, unknown, failovers, handoffs, lost_dids, kept_dids, resyncs,
        shrinks, grows, amnesias, healed_ms, served_ms;
    bool stuck;
};

/* captain_bugs: of the captains, or of the rogues. */
bool world_run(struct world *w, uint64_t seed, bool real, uint32_t mutations, uint32_t captain_bugs,
               bool trace);
void world_fail(struct world *w, const char *format, ...) PRINTF_LIKE(2, 3);
void world_trace(struct world *w, const char *format, ...) PRINTF_LIKE(2, 3);
uint64_t world_chance(struct world *w, uint64_t below);
uint64_t world_id(struct world *w);
void world_hex(struct world *w, char out[RUN_LEN + 1]);
struct item *world_put(struct world *w, uint64_t in_ms, item_fn *run, int a, int b);
int world_node_host(const struct world *w, uint64_t node); /* by id; -1: none */
#define U(number) ((unsigned long long)(number))

/* group_net.c */
struct letter *net_letter(enum letter_kind kind, int from, int to);
void net_send(struct world *w, struct letter *l); /* takes it */
void net_later(struct world *w, struct letter *l, uint64_t in_ms);
int net_host_at(const struct world *w, const struct place *at);

/* group_sentinel.c: voters and captains */
void sentinel_new_voter(struct world *w, int s);
void sentinel_start(struct world *w, int s);
void sentinel_crash(struct world *w, int s, bool amnesia);
void sentinel_letter(struct world *w, int s, struct letter *l);
bool sentinel_has_voter(const struct world *w, uint64_t voter);

/* group_drive.c: the driver of a real captain */
void drive_start(struct world *w, int s, const struct charter *known);
void drive_letter(struct world *w, int s, const struct letter *l);
void drive_learn(struct world *w, int s, const struct charter *c);

/* group_node.c: a node's driver */
enum loss { LOSS_NOTHING, LOSS_PROCESS, LOSS_POWER, LOSS_STALE, LOSS_EMPTY };
void node_start(struct world *w, int n);
void node_crash(struct world *w, int n, enum loss loss);
bool node_stop(struct world *w, int n);                     /* in good order; false: not now */
void node_letter(struct world *w, int n, struct letter *l); /* takes it */
bool node_keeps_did(const struct world *w, int n, enum loss loss);

/* group_client.c */
void client_begin(struct world *w, int c);
void client_letter(struct world *w, int c, const struct letter *l);

/* group_faults.c */
void faults_begin(struct world *w);
void faults_heal(struct world *w);
/* This node's meta is on its disk. */
void faults_marked(struct world *w, int n);
bool faults_mended(struct world *w, char *why, size_t cap);

/* group_judge.c */
uint64_t judge_called(struct world *w, bool is_write);
void judge_executed(struct world *w, uint64_t number);
void judge_refused(struct world *w, uint64_t number);
void judge_told(struct world *w, const struct parked *p);
void judge_proposed(struct world *w, const struct reg_message *m);
void judge_answered(struct world *w, const struct reg_message *m);
void judge_node(struct world *w, int n); /* after each of its steps */
void judge_dropped(struct world *w, int n);
void judge_end(struct world *w);

#endif
