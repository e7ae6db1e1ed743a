/*
 * captain - one sentinel's part in a durable group: it watches the nodes, agrees with the other voters that the leader's
 * process is gone, has another one lead through the register, and sees to it that everybody knows.
 *
 *             the voters agree (suspect.c)        my rank's turn           a candidate has answered
 *      CALM ------------------------------> STAGGER -------------> GATHER ------------------------> COMMIT
 *       ^ ^                                    |                     |  ^ no candidate: said once,    |
 *       | +---- they do not agree any more ----+---------------------+--+ tried with every event       |
 *       +-- committed: PROMOTE and CONFIG until it is obeyed (tend.c); refused, given up: read again --+
 *
 *      an operator's switchover (switchover.c):
 *      CALM --> PREPARE --a ballot is promised--> HANDOFF --the leader holds its writes--> SWITCH --> CALM
 *
 *   1. nothing is promoted but what the register names, by the process that it names: PROMOTE carries a committed
 *      charter, and a process that restarted leads only after another change of the register
 *   2. who is proposed to lead is a member in sync whose answer, newer than the agreement, names the very data set
 *      that the charter names; it is not loading, its data are not being replaced, its priority is not 0
 *   3. no ballot of a failover begins before a majority of every set of voters (and quorum, if that is more) holds this
 *      (epoch, process) for silent or dead; where nobody has hard evidence, one copy in sync that still hears its
 *      leader is reason enough not to
 *   4. a suspicion is answered by a probe of one's own, never by belief
 *   5. a voter that knows the leader's process dead accepts none of its shrinks (R5: captain_refuses), for as long as a
 *      failover may take: where none comes about, that last shrink is what everything else has to stand on
 *   6. what this process slept through accuses nobody
 *   7. the outcome of a change that is not known is read, never guessed; clients are sent to a leader when it says
 *      that it is active, no earlier
 *   8. an operator's FORCE names the version it was shown, and needs hard evidence or the operator's word
 *   9. who answers at a member's place and belongs to no group becomes a member of its own, never that one; and so does
 *      a node that follows one and would join, unless the charter is closed
 *
 * A core like sentinel_step: events and the time in, actions out, obeyed in order; no I/O, no clock, no chance but the
 * proposer's. The sentinel's voter is beside it (acceptor.h) and is fed by the driver; it writes to the disk, the
 * captain never does: whatever it forgets it reads again.
 *
 * At rest it asks each node once a second (calm_settle): the leader beats its followers anyhow, and as long as one of
 * them that is in sync says that it looks out for that (common/register/lookout.h), it will tell of a silence after two
 * heartbeats, sooner than a PING with each heartbeat could be missed thrice. A group without such a follower has
 * nobody to lead it, whatever is found out.
 *
 * Owner: embed one; captain_init, captain_fini. Cost: a step O(members + voters); at rest a PING per node and second.
 */
#ifndef HF_SENTINEL_CORE_DURABLE_CAPTAIN_H
#define HF_SENTINEL_CORE_DURABLE_CAPTAIN_H

#include "common/register/lookout.h"
#include "common/register/proposer.h"
#include "sentinel/core/durable/suspicion.h"

enum {
    CAPTAIN_HEARTBEAT_MS = 50,
    CAPTAIN_BUSY_FAILOVER_MS = 5000,    /* where nothing is set (core/config.h), */
    CAPTAIN_BUSY_FAILOVER_MS_MIN = 500, /* and what may be: the longest limit of silence, or 0 */
    CAPTAIN_HANDOFF_MS = 500,
    CAPTAIN_PROBE_MS = 20, /* for an answer now */
    CAPTAIN_RANK_MS = 30,
    CAPTAIN_PROMOTE_MS = 20,
    CAPTAIN_ACTIVE_MS = 5,        /* between two questions whether the promoted one is active */
    CAPTAIN_ACTIVE_SOON_MS = 100, /* for so long */
    CAPTAIN_PROMOTES = 10,        /* answered: then the one that does not lead is suspected */
    CAPTAIN_LOOK_MS = 500,        /* while nobody can lead, the register is read again */
    CAPTAIN_COMMIT_MS = 500,
    CAPTAIN_REFUSE_MS =
        2000, /* a dead leader's last shrink: time enough for a failover without it */
    CAPTAIN_READ_MS = 300,
    CAPTAIN_RUMOUR_MS = 200, /* for whoever proposed it to tell that it is committed */
    CAPTAIN_EMPTY_MS =
        1000, /* while there is no register: somebody may make one, and not be heard */
    CAPTAIN_WISH_MS = 1000,
    CAPTAIN_HEARD_MS = 3000,  /* VOTERS: who would vote was asked before that */
    CAPTAIN_FINISH_MS = 1000, /* two sets of voters that nobody makes one */
    CAPTAIN_NEWCOME_MS = 100, /* a failover goes first */
    CAPTAIN_RELIEF_MS = 500,  /* between two attempts to relieve a leader that asks for it */
    CAPTAIN_CALM_MS =
        1000, /* between two PINGs of a node while nothing happens and somebody looks out … */
    CAPTAIN_LOOKOUT_MS = 8000, /* … which a word of his is good for */
    CAPTAIN_BRISK_MS = 1000,   /* of a PING with each heartbeat, since something happened */
    CAPTAIN_DIAL_BEATS = 2,    /* heartbeats for a dial */
    CAPTAIN_VOICE_BEATS = 4,   /* heartbeats for which another's opinion counts */
    CAPTAIN_PROBES_MAX = 16,
    CAPTAIN_TEXT_MAX = 200,
};

struct captain_settings {
    struct patience patience;
    uint32_t quorum;     /* counts where it is more than a majority */
    uint64_t handoff_ms; /* for which a planned switchover may hold writes */
    bool paused;         /* no failover by itself (core/pause.h): there is no agreement meanwhile */
};

/* What an operator wants. */
enum wish_kind {
    WISH_NONE,
    WISH_SWITCHOVER,    /* node: who is to lead; 0: the best */
    WISH_CREATE,        /* first: see found.h */
    WISH_TERMS,         /* level, min_sync, closed */
    WISH_MEMBER_ADD,    /* member */
    WISH_MEMBER_REMOVE, /* node */
    WISH_VOTERS,        /* voters: the whole new set, in both steps; captain_saw of a majority */
    WISH_FORCE,         /* node, ver (captain_newest), confirm_dead, reason */
    WISH_COUNT
};
const char *wish_word(enum wish_kind kind);

struct wish {
    enum wish_kind kind;
    uint64_t token; /* comes back with the reply */
    uint64_t node;
    enum keep level;
    uint32_t min_sync;
    bool closed;
    struct member member;
    struct voter voters[CHARTER_VOTERS_MAX];
    uint32_t voter_count;
    bool by_leader; /* SWITCHOVER: no operator has said so, but the leader, which says so again */
    uint64_t ver;   /* FORCE: as the operator was shown it. TERMS, VOTERS: set by captain_step */
    bool confirm_dead; /* FORCE: "its process is dead, I have seen to it" */
    char reason[CHARTER_REASON_MAX + 1];
    struct charter first;
};

enum captain_event_kind {
    CAPTAIN_EV_TIME,      /* captain_wake_ms was reached; early or late does no harm */
    CAPTAIN_EV_LINE_UP,   /* node: a connection that was dialled stands */
    CAPTAIN_EV_LINE_DOWN, /* node, why: it failed or ended; once per dial */
    CAPTAIN_EV_VITAL,     /* node, run, busy_ms: its thread says so (evidence.h) */
    CAPTAIN_EV_RECEIPT,   /* node, receipt: of an order, or (seq 0) unasked */
    CAPTAIN_EV_SUSPECTED, /* suspicion, token: somebody asks what I think */
    CAPTAIN_EV_OPINION,   /* suspicion: what somebody whom I asked thinks */
    CAPTAIN_EV_BALLOT,    /* message: a voter's reply to my proposer */
    CAPTAIN_EV_LOOKOUT,   /* lookout: what a member says of the leader */
    CAPTAIN_EV_CHARTER,   /* charter: known to be committed (my voter was told, or a peer tells) */
    CAPTAIN_EV_RUMOUR, /* ver: my voter has accepted it; nobody may ever tell that it is committed */
    CAPTAIN_EV_WISH,   /* wish */
    CAPTAIN_EV_JOINS,  /* at, report: a node there that follows a member would join */
    CAPTAIN_EV_COUNT
};

struct captain_event {
    enum captain_event_kind kind;
    uint64_t now_ms; /* boot clock; never less than in the event before */
    uint64_t node;
    uint64_t token, ver, busy_ms;
    enum down_why why;
    const char *run;
    const struct receipt *receipt;
    const struct suspicion *suspicion;
    const struct lookout *lookout;
    const struct reg_message *message;
    const struct charter *charter;
    const struct wish *wish;
    const struct place *at;
    const struct report *report;
};

enum captain_action_kind {
    CAPTAIN_ACT_DIAL,  /* node at place, within timeout_ms; ends in EV_LINE_UP or EV_LINE_DOWN */
    CAPTAIN_ACT_ORDER, /* to node at place; thrown away when its line is not up */
    CAPTAIN_ACT_VITAL, /* node at place: its thread is asked, if there is a line to it; EV_VITAL, or nothing */
    CAPTAIN_ACT_SUSPECT, /* to the voter `to` at place: its answer is an EV_OPINION */
    CAPTAIN_ACT_OPINE,   /* to whoever asked with token */
    CAPTAIN_ACT_SEND,    /* a proposer's message, to the voter `to` at place */
    CAPTAIN_ACT_NOTICE,  /* to the log and the subscribers: channel, text */
    CAPTAIN_ACT_SERVES, /* node at place leads epoch and is active: what the classic core does at promotion */
    CAPTAIN_ACT_REPLY, /* to the operator with token: ok, or text says why not */
    CAPTAIN_ACT_COUNT
};
const char *captain_action_word(enum captain_action_kind kind);

struct captain_action {
    enum captain_action_kind kind;
    uint64_t to; /* node or voter */
    struct place at;
    uint64_t token, epoch, timeout_ms;
    bool ok;
    const char *channel; /* a literal */
    union {
        struct order order;
        struct suspicion suspicion;
        struct reg_message message;
        char text[CAPTAIN_TEXT_MAX];
    };
};

/* Embed a zeroed one; obey in order and clear. */
struct captain_actions {
    struct captain_action *at;
    size_t count, cap;
};
void captain_actions_fini(struct captain_actions *a);

enum captain_state {
    CAPTAIN_CALM,
    CAPTAIN_STAGGER, /* agreed; who ranks before me goes first */
    CAPTAIN_GATHER,  /* a ballot is prepared, and the copies are asked where they stand */
    CAPTAIN_COMMIT,  /* the failover is with the voters */
    CAPTAIN_PREPARE, /* a switchover: a ballot first, */
    CAPTAIN_HANDOFF, /* the leader holds its writes, */
    CAPTAIN_SWITCH,  /* and the change is with the voters */
    CAPTAIN_STATE_COUNT
};
const char *captain_state_word(enum captain_state state);

/* For whom the proposer works. */
enum errand {
    ERRAND_NONE,
    ERRAND_READ,
    ERRAND_FAILOVER,
    ERRAND_SWITCH,
    ERRAND_WISH,
    ERRAND_FINISH,
    ERRAND_NEWCOME
};

/* A member, as I watch it. */
struct watched {
    struct evidence e;
    uint64_t probe_seq;  /* the order that asked for what it sees of the leader */
    uint64_t gather_seq; /* and where it stands */
    uint64_t config_ms;  /* CONFIG not before */
    uint64_t newcomer;   /* who answers at its place instead, a node of no group; 0: nobody */
    uint64_t newcomer_ms;
};

/* What another voter said last. */
struct voice {
    uint64_t voter, epoch;
    char run[RUN_LEN + 1];
    enum opinion opinion;
    uint64_t told_ms;
};

/* Who said that it votes at a place, and in which format: for operators, and before a charter is written in a new one. */
struct seen_voter {
    struct place at;
    uint64_t voter, heard_ms; /* 0: nobody has */
    uint32_t format;
};

/* Who would become a member by itself; node 0: nobody. */
struct joiner {
    struct member member;
    uint64_t heard_ms;
};

/* Somebody's question that a probe is to answer. */
struct probe {
    uint64_t token, seq, due_ms;
};

struct captain {
    uint64_t voter; /* of this sentinel's memory; 0: it has no vote, and opens no failover */
    struct captain_settings set;
    struct charter
        charter; /* the newest known to be committed; ver 0: none, only its voters count */
    struct charter
        ground; /* what a failover of mine failed on, committed or not; ver 0: nothing newer */
    struct proposer proposer;
    struct reg_actions reg; /* the proposer's, on their way */
    struct health health;
    uint64_t now_ms, wake_ms, round_ms, began_ms;
    uint64_t lookout_ms; /* a copy in sync has said that it hears the leader */
    uint64_t brisk_ms;   /* something happened, or was told */
    bool calm;
    bool changed; /* within a step: what depends on each other is looked at again */

    struct watched nodes[CHARTER_MEMBERS_MAX]; /* as the charter's members */
    uint32_t node_count;

    /* suspect.c */
    uint64_t
        leader_seq; /* the last order to the leader's node before its process was known to lead */
    bool suspects, contradicted, agreed;
    enum opinion told;
    uint64_t hard_ms; /* it is known dead since; 0: it is not */
    uint64_t tell_ms, asked_ms, agreed_ms;
    struct voice voices[CHARTER_VOTERS_MAX];
    struct probe probes[CAPTAIN_PROBES_MAX];
    uint32_t probe_count;

    /* succeed.c, switchover.c */
    enum captain_state state;
    uint64_t deadline_ms; /* of the state; UINT64_MAX: none */
    bool no_candidate_told;
    uint64_t look_ms; /* CAPTAIN_GATHER: nobody can lead; the register is not read again before */
    uint64_t handoff_seq;
    struct wish wish;             /* under way; WISH_NONE: none */
    uint64_t wish_ms, wish_epoch; /* no longer; the epoch in which it was uttered */
    bool wish_begun;              /* VOTERS: the first step is done */

    /* the register */
    enum errand errand;
    bool behind; /* somebody knows more, or I do not know what became of a change */
    uint64_t read_ms, joint_ms;
    uint64_t amnesia;           /* the last voter of which was told that it is barred */
    uint64_t rumour, rumour_ms; /* a version to be read about, unless I am told before */

    /* tend.c */
    uint64_t mine;        /* the last epoch that a change of mine began */
    uint32_t promotes;    /* so many were answered by one that does not lead */
    uint64_t promote_seq; /* the first that is not answered; 0: there is none */
    uint64_t promote_ms, served;
    uint64_t led_ms;  /* the new leader leads since, and was not active yet; 0: it does not */
    uint64_t busy_ms; /* the new leader may say until then that it cannot lead yet */

    struct joiner joiner;
    uint64_t relief_ms;   /* a leader that would hand over is relieved then; 0: it would not */
    uint64_t relief_told; /* it was told that it would, to this one, */
    char relief_why[CAPTAIN_TEXT_MAX]; /* and that this stood in the way */

    struct seen_voter seen[CHARTER_VOTERS_MAX];

    uint32_t mutations;
};

/* Bugs that tests switch on, to prove that they would see them. 0 in production. */
enum captain_mutation {
    MUT_ALONE = 1u << 0,           /* 3: my own evidence is agreement */
    MUT_NO_VETO = 1u << 1,         /* 3: a copy that hears its leader is not asked */
    MUT_DID_IGNORED = 1u << 2,     /* 2: a member in sync is a candidate whatever data it has now */
    MUT_UNFIT_CHOSEN = 1u << 3,    /* 2: so is one that loads, or whose data are being replaced */
    MUT_RUN_IGNORED = 1u << 4,     /* 1: a leader that restarted is taken for the one that led */
    MUT_PROMOTE_EARLY = 1u << 5,   /* 1: PROMOTE leaves while the change is under way */
    MUT_BELIEVES = 1u << 6,        /* 4: a suspicion is repeated */
    MUT_FORGIVES = 1u << 7,        /* 5: a dead leader's shrink is accepted */
    MUT_STALL_ACCUSES = 1u << 8,   /* 6: my own sleep counts as the others' silence */
    MUT_TELLS_EARLY = 1u << 9,     /* 7: clients are sent to whoever is promoted */
    MUT_FORCE_UNPROVEN = 1u << 10, /* 8: FORCE asks nothing */
    MUT_GUESSES = 1u << 11,        /* 7: a change whose outcome is unknown counts as made */
};
#define CAPTAIN_MUTATED(c, bug) (__builtin_expect(((c)->mutations & (bug)) != 0, 0))

/* voter: my acceptor's id, or 0. known: a charter known to be committed, or one with a gid, voters and ver 0.
 * proposer: 64 bits of random_bytes, made anew with each start. */
void captain_init(struct captain *c, uint64_t voter, uint64_t proposer, const struct charter *known,
                  const struct captain_settings *set, uint64_t seed, uint64_t now_ms);
void captain_fini(struct captain *c);
/* The whole contract. Appends to *out. */
void captain_step(struct captain *c, const struct captain_event *ev, struct captain_actions *out);
uint64_t
captain_wake_ms(const struct captain *c); /* when to raise EV_TIME; there always is a moment */
/* The driver comes then, a little later, so as to come for several at once: by so much nobody is late. */
void captain_expect(struct captain *c, uint64_t at_ms);
/* A voter at that place says who it is, in that format. */
void captain_saw(struct captain *c, const struct place *at, uint64_t voter, uint32_t format,
                 uint64_t now_ms);
/* An acceptor_policy; arg is the captain beside the acceptor. Invariant 5. */
bool captain_refuses(void *arg, const struct charter *mine, const struct charter *proposed);
/* Asserts what the header promises of the state between two steps. */
void captain_check(const struct captain *c);

/* Does whoever spoke in that format read this group's charter? */
bool captain_reads(const struct captain *c, uint32_t format);

/* The newest version that is known, committed or not: the one to show, and for FORCE to name. */
const struct charter *captain_newest(const struct captain *c);
/* Of the leader's process; and of whatever process is at a member now. */
enum why captain_leader_why(const struct captain *c);
enum why captain_node_why(const struct captain *c, const struct watched *w);
/* My place among those who may open the failover of this epoch; the first is 0. */
uint32_t captain_rank(const struct captain *c);

#endif
