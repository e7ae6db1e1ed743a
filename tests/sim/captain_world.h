/*
 * captain_world - three captains with their voters, three model nodes, and everything that can go wrong between them.
 *
 *     host 0..2: a sentinel: captain + acceptor        3..5: a node: a model of it (captain_node.c), with a proposer
 *
 * What the captains and voters do is the real thing; a node is no more than what a captain sees of one: it is promoted,
 * attaches, becomes active when every copy that counts has attached, takes silent ones out of sync, and restarts with
 * its data or without. Messages between sentinels are lost, doubled and late; lines to nodes break, hang, or are
 * refused; hosts pause and die. Every decision comes from the seed.
 */
#ifndef HF_TESTS_SIM_CAPTAIN_WORLD_H
#define HF_TESTS_SIM_CAPTAIN_WORLD_H

#include "queue.h"
#include "sentinel/core/acceptor.h"
#include "sentinel/core/durable/captain.h"

enum {
    SENTINELS = 3,
    NODES = 3,
    HOSTS = SENTINELS + NODES,
    PROCESSES_MAX = 256,
    CHAIN_MAX = 1024,
    HELD_MAX = 16,
    EVIDENCE_MS = 1500, /* evidence this old may still be behind an agreement: messages are late */
    CALM_MS = 150,      /* nothing has gone wrong for so long: answers come in time */
};

enum letter_kind {
    LETTER_BALLOT,
    LETTER_VOTED,
    LETTER_ORDER,
    LETTER_RECEIPT,
    LETTER_SUSPECT,
    LETTER_OPINION,
    LETTER_LOOKOUT
};

struct letter {
    enum letter_kind kind;
    int from, to;
    uint64_t line; /* ORDER, RECEIPT: which connection carries it */
    union {
        struct reg_message reg;
        struct order order;
        struct receipt receipt;
        struct suspicion suspicion;
        struct lookout lookout;
    };
};

/* When a captain last held a leader for gone, and for surely dead. */
struct held {
    uint64_t epoch, soft_ms, firm_ms; /* firm: no witness can answer for it */
    char run[RUN_LEN + 1];
};

/* A sentinel's line to a node. */
struct line_to {
    enum contact state;
    uint64_t number, open_ms;
};

struct sentinel_host {
    struct acceptor
        acceptor; /* on the disk before it answers: what a disk can do to it is reg_sim's */
    struct captain captain;
    struct line_to lines[NODES];
    uint64_t woke_ms;           /* from a sleep that it can notice */
    struct held held[HELD_MAX]; /* by epoch */
    enum captain_state before;
    struct wish wish; /* ordered, and not answered */
    uint64_t wish_floor, wish_epoch;
};

struct node_host {
    struct report report;
    struct charter seen; /* ver 0: none */
    struct proposer proposer;
    uint64_t loaded_ms, beat_ms, resumed_ms, lookout_ms;
    uint64_t reached_ms[NODES],
        steady_ms[NODES]; /* a leader's: an acknowledgement came; they come since */
    bool unwanted[NODES];
    bool unsure; /* what became of its last change is not known: it reads before the next */
};

struct host {
    bool alive;
    bool busy; /* paused, but for the thread of a node that says so */
    uint64_t paused_ms, generation, wake_set_ms;
    struct sentinel_host *s;
    struct node_host *n;
};

/* One life of a node's process. */
struct process {
    char run[RUN_LEN + 1];
    uint64_t node, did, loaded_ms;
    bool dead;
};

struct attempt {
    struct ballot ballot;
    struct charter value;
    uint64_t voters[PROPOSER_VOTERS_MAX];
    size_t voter_count;
    bool chosen;
};

struct world {
    struct queue queue;
    struct rng rng;
    uint64_t now_ms;
    struct host hosts[HOSTS];
    struct sentinel_host sentinels[SENTINELS];
    struct node_host nodes[NODES];
    struct place places[HOSTS];
    bool cut[HOSTS][HOSTS];
    uint64_t whole_ms[HOSTS][HOSTS]; /* the way was mended last */
    bool faults, trace, failed;
    uint32_t mutations;
    char why[512];
    /* The judge's. */
    struct process processes[PROCESSES_MAX];
    size_t process_count;
    struct attempt *attempts;
    size_t attempt_count, attempt_cap;
    struct charter chain[CHAIN_MAX]; /* by version; ver 0: not chosen */
    uint64_t head;
    uint64_t active_epoch; /* the highest in which somebody was active */
    /* What happened, for the figures. */
    uint64_t steps, failovers, switchovers, forced, refused_shrinks, vetoes, healed_after_ms,
        told_ok, told_err;
};

bool world_run(struct world *w, uint64_t seed, uint32_t mutations, bool trace);
void world_fail(struct world *w, const char *format, ...) PRINTF_LIKE(2, 3);
void world_trace(struct world *w, const char *format, ...) PRINTF_LIKE(2, 3);
uint64_t world_chance(struct world *w, uint64_t below);
uint64_t world_id(struct world *w);
void world_hex(struct world *w, char out[RUN_LEN + 1]);
struct item *world_put(struct world *w, uint64_t in_ms, item_fn *run, int a, int b);
#define U(number) ((unsigned long long)(number))

/* captain_net.c */
struct letter *net_letter(enum letter_kind kind, int from, int to);
void net_send(struct world *w, struct letter *l); /* takes it */
int net_host_at(const struct world *w, const struct place *at);
bool net_is_whole(const struct world *w, int a, int b, uint64_t for_ms); /* both ways */
void net_ask_voters(struct world *w, int from, const struct reg_action *a);

/* captain_host.c: sentinels */
void sentinel_start(struct world *w, int s);
void sentinel_crash(struct world *w, int s);
void sentinel_letter(struct world *w, int s, const struct letter *l);
void sentinel_wish(struct world *w, int s, const struct wish *wish);
void sentinel_line_lost(struct world *w, int s, int n, enum down_why why);

/* captain_node.c */
void node_first(struct world *w, int n, const struct charter *first);
void node_start(struct world *w, int n, bool keeps_data);
void node_crash(struct world *w, int n);
void node_letter(struct world *w, int n, const struct letter *l);

/* captain_faults.c */
void faults_begin(struct world *w);
void faults_heal(struct world *w);
bool faults_mended(struct world *w, char *why, size_t cap);

/* captain_judge.c: the invariants, by the numbers of captain.h */
void judge_process(struct world *w, const struct report *r, uint64_t loaded_ms);
struct process *judge_process_of(struct world *w, const char *run);
void judge_proposed(struct world *w, const struct reg_message *m);
void judge_answered(struct world *w, const struct reg_message *m);
void judge_captain(struct world *w, int s); /* after each of its steps */
void judge_action(struct world *w, int s, const struct captain_action *a);
void judge_accepted(struct world *w, int s, const struct charter *mine,
                    const struct charter *proposed);
void judge_reply(struct world *w, int s, bool ok);

#endif
