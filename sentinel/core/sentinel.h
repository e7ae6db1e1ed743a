/*
 * sentinel - watches groups of nodes with its peers, agrees on who leads, and sees to it.
 *
 * This is the core: no socket, file, clock, log, or dice but s->rng. An event and the time go in,
 * actions come out, in order (event.h, action.h: what the driver raises and obeys). Everybody else
 * reads the structs below and changes nothing.
 *
 *     sentinel
 *       +-- groups: name, settings, configuration, failover      one leader, its followers
 *       |     +-- nodes: address, two lines, vital signs, last INFO      the leader is one of them
 *       |     +-- seats: a peer's place in this group: its verdict, its vote
 *       +-- peers: one per sentinel id, with the one line that all its seats share
 *       +-- scripts: queue of children
 *
 * Words: a group's *leader* is the node that takes writes; the sentinel that won a vote and leads a
 * failover is its *captain*. A *verdict* is what I think of a node, *agreement* (ODOWN on the wire)
 * is a quorum of verdicts on a leader. A *stray* is a node whose role is not what the configuration
 * says.
 *
 *   1. group->leader is on group->nodes, always; its address is what the world is told
 *   2. ids of groups, nodes and peers come from one counter and are never used twice
 *   3. a node or peer in index ids is alive; nothing else holds a pointer across steps
 *   4. config_epoch never goes back; vote_epoch never goes back; current_epoch is at least both
 *   5. one vote per (group, epoch): vote_id belongs to vote_epoch and is persisted before it is told
 *   6. every armed timer is in the heap; a step costs O(what the event concerns), never O(groups)
 *
 * Time: all _ms moments are the driver's boot clock; 0 means never. Silence is measured in attentive
 * time (boot time minus what this process slept through), so that our own stall accuses nobody;
 * a stall over tilt-trigger also enters TILT as operators know it.
 *
 * Owner: embed a zeroed struct sentinel, sentinel_init, sentinel_fini. Not thread-safe; cores never
 * call each other. Cost at rest: per node a PING each min(ping-period, down-after / 10), an INFO each
 * info-period, and a hello per publish-period or per ten of them (HELLO_CALM_NODES); an INFO and a hello of calm leave
 * with a PING, and many nodes' PINGs leave in one moment (ping_due_ms).
 */
#ifndef HF_SENTINEL_CORE_SENTINEL_H
#define HF_SENTINEL_CORE_SENTINEL_H

#include "common/list.h"
#include "common/random.h"
#include "sentinel/core/action.h"
#include "sentinel/core/index.h"
#include "sentinel/core/timer.h"

enum {
    /* Hellos go out this many times slower while every known peer of the group is a Holdfast peer whose
     * line is up: they learn news by push. A new peer's first hello is answered at once. */
    HELLO_CALM = 5,
    HELLO_CALM_NODES = 2 * HELLO_CALM, /* likewise, over the nodes: for whom we do not know yet */
    LISTEN_PERIODS_X4 = 5, /* quarters of a publish-period within which a peer makes itself heard */
    REDIAL_MS = 100,       /* pause between two dials of a node that is down */
    DIAL_TIMEOUT_MS = 200, /* of a dial to a node that has answered before; or 4 round trips */
    DIAL_TIMEOUT_MS_MAX = 2000,
    INFO_TEXT_MAX = 65536, /* kept of a node's INFO for INFO-CACHE */
    SCRIPTS_MAX = 256,     /* queued; the oldest that does not run is dropped */
    SCRIPTS_RUNNING_MAX = 16,
    SCRIPT_TRIES_MAX = 10,
};

enum timer_kind { TIMER_GROUP, TIMER_NODE, TIMER_PEER, TIMER_SCRIPTS, TIMER_TILT };

enum line_state { LINE_IDLE, LINE_DIALLING, LINE_UP };

/* One outgoing connection as the core sees it. */
struct line {
    enum line_state state;
    uint64_t changed_ms; /* when state changed last */
    uint64_t dial_at_ms; /* LINE_IDLE: not before. LINE_DIALLING: when that began */
    uint64_t heard_ms;   /* LINE_PUBSUB: last message */
    uint64_t lost_ms;    /* when it was up last */
    bool was_up;         /* since the last time it was up, nothing but failed dials */
    uint8_t told;        /* enum down_why: what the log was told since it last worked; 0 nothing */
    char local_ip[64];   /* our end, while up */
};

/*
 * Vital signs of whoever answers PING. On the wire:
 *   last-ping-sent     = unanswered_ms ? now - unanswered_ms : 0
 *   last-ok-ping-reply = now - alive_ms
 *   last-ping-reply    = now - pong_ms
 */
struct vitals {
    uint64_t unanswered_ms; /* when the oldest unanswered PING left; 0: none is out */
    uint64_t sent_ms;       /* when the last PING left */
    uint64_t alive_ms;      /* last reply that proves life (PONG, LOADING, MASTERDOWN) */
    uint64_t pong_ms;       /* last reply of any kind */
    uint64_t alive_attentive_ms;
    uint64_t asked_attentive_ms; /* the first PING since then left; 0: none has */
    uint64_t round_trip_ms;      /* smoothed */
};

/* How far a follower's re-pointing has come; the wire's reconf_* flags. */
enum reconf { RECONF_NONE, RECONF_SENT, RECONF_INPROG, RECONF_DONE };

struct node {
    uint64_t id;
    struct group *group;
    struct list of_group;
    struct timer timer;
    struct addr addr;
    char ip[64]; /* what addr.host resolved to; "" unknown */
    struct line lines[LINE_COUNT];
    struct vitals vitals;

    enum verdict verdict;     /* s_down = verdict != VERDICT_UP */
    uint64_t down_since_ms;   /* s-down-time = now - this, while down */
    bool hello_owed;          /* a hello leaves with the next PING */
    bool refused;             /* its line closed and a dial since was refused; until it answers */
    bool shut;                /* the last dial of it was refused */
    bool witnessed;           /* shut, and a peer saw it die; until it answers */
    uint64_t reborn_until_ms; /* another run id answered: counts as dead until then */

    struct facts facts;
    uint64_t offset_changed_ms; /* a leader's offset was another in the INFO before */
    struct addr shown;          /* a follower's address in its leader's words; port 0: unknown */
    uint64_t acked_offset;      /* a follower's, as its leader shows it */
    uint64_t acked_ms;          /* it changed after this moment, */
    uint64_t acked_until_ms;    /* and before this one */
    uint64_t info_ms;           /* info-refresh = info_ms ? now - info_ms : 0 */
    uint64_t info_sent_ms;
    bool info_waiting;    /* an INFO is out */
    bool info_again;      /* and what it will say is too old: ask once more */
    uint32_t info_spread; /* the next INFO comes this many 1024ths of the period early */
    char *info_text;      /* raw, for INFO-CACHE; NULL: none yet */
    size_t info_len;
    enum role role_reported;    /* what it said, or was assumed to be when it was added */
    uint64_t role_reported_ms;  /* role-reported-time = now - this */
    uint64_t leader_changed_ms; /* when the leader it follows changed (stray rules) */
    uint64_t born_ms;           /* run id changed (master_reboot); 0: never seen */
    bool rebooted;              /* flag master_reboot */

    enum reconf reconf;
    uint64_t reconf_ms; /* when reconf changed */
    bool promoted;      /* flag promoted: chosen by the running failover, not yet leader */
    bool script_killed; /* flag script_kill_sent */
    bool demote_sent;   /* a role change is out */
    uint64_t demote_ms;
    char denied[128]; /* why it refused FAILOVER; "": it did not */
    uint64_t denied_ms;
};

/* One sentinel, however many groups it watches. */
struct peer {
    uint64_t id;
    struct list of_sentinel;
    struct timer timer;
    char run_id[ID_LEN + 1];
    struct addr addr;
    char ip[64];
    struct line line;
    struct vitals vitals;
    uint32_t protocol;   /* of its last greeting; 0: a real Redis sentinel, or none came yet */
    uint32_t seat_count; /* link-refcount */
    uint32_t down_seats; /* how many of its seats are down in my view */
    struct list seats;
};

/* A peer's place in one group; SENTINEL SENTINELS shows these. */
struct seat {
    struct list of_group, of_peer;
    struct group *group;
    struct peer *peer;
    uint64_t hello_ms;        /* last-hello-message = now - this */
    uint64_t vacant_until_ms; /* RESET emptied it; without a hello it goes then. 0: taken */
    enum verdict mine;        /* what I think of it: s_down = mine != VERDICT_UP */
    uint64_t down_since_ms;
    enum verdict verdict; /* what it says of the leader: flag master_down = verdict != VERDICT_UP */
    uint64_t verdict_ms;  /* when it said so */
    uint64_t pushed_step; /* the step in which it last said so of its own accord */
    uint64_t asked_ms;    /* when it was asked last */
    char vote_id[ID_LEN + 1]; /* voted-leader: whom it last said it voted for; "": nobody */
    uint64_t vote_epoch;      /* voted-leader-epoch */
    uint64_t fresh_vote;      /* view: the epoch of a vote it cast a short time ago; 0: none */
    uint64_t answered_epoch;  /* the last epoch of mine it answered a vote request of */
    uint64_t config_epoch;    /* the newest it has told */
    struct addr leader;       /* that it has told with it */
    uint64_t confirmed_ms;    /* when it last told config_epoch and leader over its own line */
    uint64_t captain_epoch;   /* it leads a failover in this epoch; 0: no */
    uint64_t captain_ms;      /* when it said so last */
};

/* The wire's failover-state words, and FO_STAGGER, which shows as "none". */
enum failover_state {
    FO_NONE,
    FO_STAGGER,        /* agreed that it is down; letting a better placed peer go first */
    FO_WAIT_START,     /* votes are asked */
    FO_SELECT_SLAVE,   /* waiting for fresh INFO of the candidates */
    FO_SEND_NOONE,     /* chosen, waiting for its line */
    FO_WAIT_PROMOTION, /* the role change, or the leader's FAILOVER, is out */
    FO_RECONF_SLAVES,  /* it leads; the others are being re-pointed */
    FO_UPDATE_CONFIG,  /* never shown: the switch happens at promotion */
    FO_COUNT
};
const char *failover_state_word(enum failover_state state);

struct failover {
    enum failover_state state; /* flag failover_in_progress = state >= FO_WAIT_START */
    uint64_t since_ms;         /* when state was entered */
    uint64_t started_ms;       /* when FO_WAIT_START was entered */
    uint64_t deadline_ms;      /* of this state; TIMER_NEVER: none */
    uint64_t look_ms;          /* FO_SEND_NOONE: the moment to begin the hand-over */
    uint64_t epoch;
    bool planned;       /* asked by an operator: flag force_failover */
    bool handover;      /* by the leader's own FAILOVER command */
    bool force_old_way; /* FORCE: go on without the leader's FAILOVER command */
    uint64_t target;    /* id of the node the operator asked for; 0: any */
    uint64_t chosen;    /* id of the chosen node; 0: none yet */
    bool command_sent;  /* role change or FAILOVER sent on the present connection */
    bool command_done;  /* and answered with OK */
    uint64_t nudged_ms; /* when the follower was asked for an acknowledgement last */
    uint64_t ack_ms;    /* when the leader's INFO showed one last */
    bool heeds;         /* two came nearer to each other than a follower sends them unasked */
};

/* An operator's FAILOVER that waits to be answered; see planned.h. */
struct wanted {
    bool waits;
    uint64_t token;
    enum failover_kind kind;
    struct addr target;
    uint64_t since_ms;
};

/* No failover by itself; see pause.h. */
struct pause {
    uint64_t stamp;         /* of the newest order; 0: there never was one */
    uint64_t until_ms;      /* 0: not paused; TIMER_NEVER: until it is resumed */
    uint64_t until_wall_ms; /* the same by the wall clock, for the next start */
};

struct group {
    uint64_t id;
    struct list of_sentinel;
    struct timer timer;
    char name[NAME_LEN_MAX + 1];
    struct group_settings set;
    struct node *leader;
    struct list nodes; /* struct node by of_group; includes the leader */
    uint32_t node_count;
    struct list seats; /* struct seat by of_group */
    uint32_t seat_count;

    uint64_t config_epoch;
    uint64_t vote_epoch;
    char vote_id[ID_LEN + 1];
    uint64_t voted_ms; /* when; 0: not since its outcome is known */

    struct pause pause;
    bool chartered; /* a durable group: who leads is the register's affair (chartered.h) */
    bool agreed;    /* o_down */
    uint64_t agreed_since_ms;
    struct failover failover;
    struct wanted wanted;
    uint64_t retry_ms;       /* no election of mine before */
    uint32_t lost_elections; /* in a row */
    bool no_candidate_told;  /* -failover-abort-no-good-slave was published for this outage */
    enum verdict pushed;     /* what Holdfast peers were told last */
    uint64_t pushed_captain, pushed_ms;
    uint64_t hello_ms; /* when hellos went out last */
    bool nodes_heard;  /* in calm: the last round went to the nodes as well */
    uint64_t added_ms; /* when I began to listen for peers */
    uint64_t
        lost_bytes; /* that those whom I promoted are known not to have had, of their leaders' streams */
    uint64_t confirm_ms; /* when a round of confirming views was started; 0: none needed */
    char leader_replid[ID_LEN + 1]; /* replication id of the leader when it was last seen leading */
    struct list changed;            /* on sentinel.changed: to be evaluated when the step ends */
};

enum script_state { SCRIPT_WAITING, SCRIPT_STARTING, SCRIPT_RUNNING };

struct script {
    uint64_t job;
    struct list of_sentinel;
    enum script_state state;
    char **argv; /* NULL ended; argv[0] is the path */
    int64_t pid;
    uint64_t start_ms; /* SCRIPT_RUNNING: since; SCRIPT_WAITING: not before, 0 at once */
    uint32_t tries;    /* retry-num */
    bool killed;
};

struct sentinel {
    struct globals globals;
    uint64_t current_epoch;
    uint64_t debug_ms[T_COUNT];
    struct rng rng;
    struct list groups; /* struct group by of_sentinel, in the order they were added */
    size_t group_count;
    struct list peers;   /* struct peer by of_sentinel */
    struct list scripts; /* struct script by of_sentinel, oldest first */
    size_t script_count, scripts_running;
    struct index ids;       /* number -> the timer inside a node or peer */
    struct index by_name;   /* group name -> struct group */
    struct index by_run_id; /* sentinel id -> struct peer */
    struct timer_heap timers;
    struct timer scripts_timer, tilt_timer;
    uint64_t next_id;
    size_t lines_down;    /* not up: their dials share a budget */
    size_t agreed_groups; /* failing over, or about to */
    uint64_t now_ms;
    uint64_t steps;      /* taken so far: an order of events finer than time */
    uint64_t wake_ms;    /* what sentinel_wake_ms said after the last step */
    uint64_t stalled_ms; /* what this process slept through in all */
    bool loaded;
    bool tilt;
    uint64_t tilt_since_ms;
    uint64_t tilt_total; /* sentinel_total_tilt: how often */
    uint32_t simulate;   /* enum simulate_flag */
    uint32_t mutations;  /* tests/sim: bugs switched on to prove that it sees them; 0 always else */
    struct list changed; /* groups to evaluate at the end of this step */
};

/* Call first; seed comes from random_bytes in production, from the schedule in tests. */
void sentinel_init(struct sentinel *s, uint64_t seed);
void sentinel_fini(struct sentinel *s);

/* The whole contract. Appends to *out what is to be done; *out may hold undone actions already. */
void sentinel_step(struct sentinel *s, const struct event *ev, struct actions *out);
/* When to raise EV_TIME if nothing else happens. UINT64_MAX: never. O(1). */
uint64_t sentinel_wake_ms(const struct sentinel *s);
/* Asserts the invariants above; O(everything). */
void sentinel_check(const struct sentinel *s);

/* Borrowed until the next step; NULL: none. */
struct group *sentinel_find_group(const struct sentinel *s, struct bytes name);
struct node *sentinel_find_node(const struct sentinel *s, uint64_t id);
struct peer *sentinel_find_peer(const struct sentinel *s, uint64_t id);
struct script *sentinel_find_script(const struct sentinel *s, uint64_t job);
/* By the address that IS-MASTER-DOWN-BY-ADDR names: host as configured or what it resolved to. */
struct group *sentinel_find_leader(const struct sentinel *s, const struct addr *leader);

/* What SENTINEL shows, where it takes more than a field. */
void node_flags(const struct node *n, struct buf *out); /* "s_down,master,disconnected" */
void seat_flags(const struct seat *seat, struct buf *out);
/* "mymaster", "127.0.0.1:6380": the name in maps. out holds HOST_LEN_MAX + 16. */
void node_name(const struct node *n, char *out, size_t cap);
/* The host to show: the resolved address, or the name with announce-hostnames. */
const char *node_host(const struct sentinel *s, const struct node *n);
const char *peer_host(const struct sentinel *s, const struct peer *p);
/* How many votes an election takes: the majority of all seats, vacant ones too. */
uint32_t group_majority(const struct group *g);
/* How many seats are taken, which is what the world is shown; and of those and me, who is not down. */
uint32_t group_peers(const struct group *g);
uint32_t group_usable_voters(const struct group *g);

#endif
