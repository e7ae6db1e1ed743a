/*
 * durable - a node of a durable group: when it leads, whom it follows, and when a reply may leave. A pure core.
 *
 *                         start, or the group binds us: the register is read
 *                                         |
 *          .------------------------> WAITING <-----------------------.
 *          |                           |    |                         |
 *          | the leader is gone        |    | a committed version     | a higher epoch was
 *          | or nobody knows one       |    | names our run as leader | committed (DEMOTE)
 *          |                           v    v                         |
 *          +-- FOLLOWER <-- another leads   LEADER --commit reaches--> ACTIVE
 *              |  SYNCING --CONTINUE--> STREAMING        `begun`
 *              |   |  ^ `---PAYLOAD---> LOADING --loaded--> STREAMING
 *              |   |  |
 *              |   FULL: read the register; our did is not in sync --> a new did, drop, SYNC
 *
 * Everything that makes a write safe is in three sets. *sync* is what the register names: whoever may be elected.
 * *eff* is whose acknowledgement is demanded here: sync as last committed, and whomever we are about to add. What is
 * released is what all of eff have. eff never lacks anybody who may be elected, so that an elected one has everything.
 *
 *   1. what is told or done stands on the disk first: PERSIST precedes it, and the driver gives no event before it
 *      is there
 *   2. seen rises by version; its epoch is what is promised: nothing of a lower one is obeyed
 *   3. we lead by a committed version only that names our run; once that is over, never again in that epoch
 *   4. eff contains every data set of every sync set that is, or may yet be, committed in our epoch: a member leaves
 *      when the change is known to be committed, and comes before the change is proposed; what is unknown stays
 *   5. one change of ours is under way at most; behind anything but its success the register is read first
 *   6. an acknowledgement counts in its epoch and for its data set; commit does not fall within an epoch
 *   7. ACTIVE: all of eff have the mark that begins our epoch. Nobody is served before
 *   8. what an acknowledgement says of a level is true of the disk, and `weakest` allows it
 *   9. a solo mark is set when everything that was released is fsynced, and gone before any release that did not wait
 *      for our fsync
 *  10. data is dropped under a new did only, and only after a read of the register that does not name the old one
 *  11. while a switchover holds writes nothing is appended
 *
 * Owner: embed one; durable_init, with meta as meta_start left it and is on the disk. No I/O, no clock, no chance but
 * its rng; now_ms is boot time. A step costs O(members), where the register is talked to O(voters x bytes of a
 * charter).
 */
#ifndef HF_NODE_DURABLE_DURABLE_H
#define HF_NODE_DURABLE_DURABLE_H

#include "common/register/proposer.h"
#include "node/durable/action.h"

struct durable_terms {
    uint64_t heartbeat_ms;   /* 50: between beats */
    uint64_t silence_ms;     /* 150: without an acknowledgement a follower is shrunk away … */
    uint64_t grace_ms;       /* 20: … or this long after its link broke … */
    uint64_t max_lag_ms;     /* 1000: … or when what it has is older than this */
    uint64_t grow_stable_ms; /* 1000: a small lag for this long before it grows */
    uint64_t
        hold_down_ms; /* 60000: of three shrinks within, each costs a longer wait, doubling up to it */
    uint64_t stall_refuse_ms;     /* 1000: then new writes are refused */
    uint64_t confirm_timeout_ms;  /* 5000: then who waits is closed */
    uint64_t stale_read_limit_ms; /* 500: without an acknowledgement reads stop */
    uint64_t lag_bytes;           /* 1 MiB: a small lag */
    bool solo;                    /* hf-solo fsync */
};
extern const struct durable_terms durable_terms_default;

enum follow_state {
    FOLLOW_NONE,
    FOLLOW_SYNCING,
    FOLLOW_VERIFYING,
    FOLLOW_LOADING,
    FOLLOW_STREAMING
};

/* A member's data set, as a leader sees it. */
struct copy {
    uint64_t node, did, boot;
    uint64_t attach; /* of the link that it follows by; 0: none in this epoch */
    uint64_t kept[KEEP_COUNT];
    uint64_t seq;         /* the last beat it has heard */
    uint64_t heard_ms;    /* the last acknowledgement */
    uint64_t lost_ms;     /* its link broke; UINT64_MAX: it did not */
    uint64_t due, due_ms; /* what it is to reach, asked for then */
    uint64_t
        patient_ms; /* what our own turns took is excused until then, and its limits begin there */
    uint64_t steady_ms;                   /* its lag is small since; UINT64_MAX: it is not */
    uint64_t shrunk_ms[2], hold_until_ms; /* the last but one, the last */
    uint32_t shrinks;
    bool unwanted; /* shrink it at once */
    bool fails;    /* by its last acknowledgement its disk keeps nothing any more at our level */
};

/* A data set that is demanded though no committed version names it yet. */
struct open_grow {
    uint64_t node, did; /* node 0: none */
    bool proposed;
};

enum handoff_state { HANDOFF_NONE, HANDOFF_DRAINING, HANDOFF_READY, HANDOFF_READING };

struct handoff {
    enum handoff_state state;
    uint64_t asker, seq, target, until_ms;
};

struct durable {
    const struct durable_terms *terms;
    struct meta meta; /* what is on the disk, or ahead of it in the actions */
    char run[RUN_LEN + 1];
    uint32_t priority;
    struct rng rng;
    struct proposer proposer;
    bool bound;  /* meta.gid is set, and the proposer works */
    bool unread; /* the register has not been read since the start */
    enum node_role role;
    uint64_t at, written,
        synced;          /* the end of the data: in memory, in its file, and fsynced there */
    uint64_t commit;     /* a leader's: of its epoch; a follower's: announced */
    uint64_t now_ms;     /* of the last event */
    uint64_t read_at_ms; /* the next read of the register; UINT64_MAX: none is due */
    bool unsure;         /* a change of ours did not simply succeed: read before the next */
    bool disk_failed;
    uint64_t first; /* the stream is held from here on */
    uint64_t
        raise_at; /* everything up to here is to be fsynced before weakest rises; 0: nothing is under way */

    /* A follower's. */
    enum follow_state follow;
    uint64_t attach; /* the last attempt's */
    bool answered;   /* the leader has said something to it */
    uint64_t ask_ms; /* when to try again */
    uint64_t beat_seq_heard, beat_heard_ms;
    uint64_t came_ms; /* something of this attempt's stream came, or may have: we did not look */
    uint64_t hush_ms,
        lookout_ms; /* nothing was heard of the leader since; the voters were told so */
    enum keep beat_level;
    uint64_t load_end; /* resyncing ends when this is fsynced */
    uint64_t
        agreed; /* of the data that is to be dropped, the leader has as much; the rest was ours alone */

    /* A leader's. */
    uint64_t begun; /* behind the mark that begins its epoch */
    struct copy copies[CHARTER_MEMBERS_MAX];
    uint32_t copy_count;
    struct open_grow open;
    enum change_kind asked; /* of the change under way */
    uint64_t asked_node;
    uint64_t beat_ms, seq;       /* when the next beat is due; the last one's number */
    uint64_t confirm, confirmed; /* beats: asked for, and answered by all */
    uint64_t advanced_ms;        /* commit last moved, or had nothing to wait for */
    bool closed;                 /* whoever waited since was closed */
    uint64_t woke_ms, woke_seq;  /* the end of the last gap, and the beat that was said then */
    struct handoff handoff;

    uint32_t mutations; /* enum durable_mutation */
};

struct durable_start {
    const struct durable_terms *terms;
    struct meta meta;
    uint64_t at, written, synced; /* what the files hold */
    const char *run;
    uint64_t proposer; /* 64 bits of random_bytes */
    uint64_t seed;
    uint32_t priority;
};

void durable_init(struct durable *d, const struct durable_start *start, uint64_t now_ms,
                  struct durable_actions *out);

/* ---- events ---- */

/* A sentinel's order; the answer comes in this step or a later one, to `asker`. */
void durable_order(struct durable *d, uint64_t asker, const struct order *o, uint64_t now_ms,
                   struct durable_actions *out);
void durable_hear(struct durable *d, const struct talk *t, uint64_t now_ms,
                  struct durable_actions *out);
/* A voter's reply. */
void durable_voted(struct durable *d, const struct reg_message *m, uint64_t now_ms,
                   struct durable_actions *out);
/* The data set ends at `at` now, its file at written, what is fsynced of it at synced: something was executed or
 * received, or the disk is done. */
void durable_moved(struct durable *d, uint64_t at, uint64_t written, uint64_t synced,
                   uint64_t now_ms, struct durable_actions *out);
/* The stream is held from here on only. What a member of sync may still need is to be held, and what one that is away
 * would go on from for as long as it is not much: see durable_needs. */
void durable_trimmed(struct durable *d, uint64_t first);
uint64_t durable_needs(const struct durable *d);
/* HFEPOCH is next in the stream that we follow, at the end of the data, which is at `at` by now; before it is applied. */
void durable_marked(struct durable *d, uint64_t epoch, uint64_t at, struct durable_actions *out);
/* Something of a payload came. */
void durable_loading(struct durable *d, uint64_t now_ms);
/* A payload is in memory: its history and end. Nothing of it is in the file yet. */
void durable_loaded(struct durable *d, const struct history *h, uint64_t at, uint64_t now_ms,
                    struct durable_actions *out);
/* The stream's link to this node broke. */
void durable_link_down(struct durable *d, uint64_t node, uint64_t now_ms,
                       struct durable_actions *out);
/* A write or fsync failed: nothing more is acknowledged at that level. Or: everything that it lacked is there. */
void durable_disk(struct durable *d, bool failed, uint64_t now_ms, struct durable_actions *out);
/* Everything is fsynced, and nothing will be executed or received any more. */
void durable_stopped(struct durable *d, struct durable_actions *out);
void durable_time(struct durable *d, uint64_t now_ms, struct durable_actions *out);
uint64_t durable_wake_ms(const struct durable *d);

/* We would lead on: a switchover that waits for copies still is given up. False: it is past that, and another may lead. */
bool durable_keep_lead(struct durable *d, struct durable_actions *out);

/* ---- what clients are told ---- */

enum refusal {
    REFUSES_NOTHING,
    REFUSES_HELD,       /* not refused: kept until there is another answer */
    REFUSES_READONLY,   /* somebody else leads */
    REFUSES_MASTERDOWN, /* nobody leads, or we do not serve yet, or may be deposed */
    REFUSES_NOREPLICAS, /* too few in sync, or a stall */
    REFUSES_MISCONF,    /* the disk failed */
    REFUSAL_COUNT
};
const char *refusal_word(enum refusal r);

/* Before a command is executed. What was answered with a refusal leaves no trace in the stream. */
enum refusal durable_refuses_write(const struct durable *d, uint64_t now_ms);
enum refusal durable_refuses_read(const struct durable *d, uint64_t now_ms);
/* A follower's leader is known to be active: all whom it demands have acknowledged the mark that begins its epoch. */
bool durable_leader_serves(const struct durable *d);
/* Mode `confirm`: this turn's reads may leave when CONFIRM says the number returned, and their offset is released. */
uint64_t durable_confirm(struct durable *d, uint64_t now_ms, struct durable_actions *out);

/* ---- what others are told ---- */

/* Does stream or payload of this epoch and attempt still count? */
bool durable_takes(const struct durable *d, uint64_t epoch, uint64_t attach);
void durable_report(const struct durable *d, uint64_t now_ms, struct report *out);
/* Whose acknowledgement is demanded, as (node, did) pairs; a leader's. The count. */
struct effective {
    uint64_t node, did;
};
uint32_t durable_eff(const struct durable *d, struct effective out[CHARTER_MEMBERS_MAX + 1]);
void durable_check(const struct durable *d);

/* Bugs that tests/sim switches on, to prove that it would see them. 0 in production: nothing but a test sets them. */
enum durable_mutation {
    MUT_SHRINK_EARLY = 1u << 0, /* a member is not demanded any more once its shrink is proposed */
    MUT_GROW_LATE = 1u << 1,    /* one is demanded only once its grow is committed */
    MUT_GROW_FORGOTTEN = 1u << 2,     /* a grow given up is taken for failed */
    MUT_GROW_BEHIND = 1u << 3,        /* one grows that lacks what was released */
    MUT_ACK_ANY_EPOCH = 1u << 4,      /* acknowledgements of other epochs count */
    MUT_ACK_ANY_DID = 1u << 5,        /* and of other data sets */
    MUT_KEEPS_DID = 1u << 6,          /* the did is kept whatever the disk has lost */
    MUT_BOOT_IGNORED = 1u << 7,       /* and if it is an older copy */
    MUT_BOOT_CREEPS = 1u << 20,       /* a boot that proved nothing counts */
    MUT_RESUMES_EPOCH = 1u << 8,      /* a restarted leader leads on */
    MUT_DROPS_IN_SYNC = 1u << 9,      /* data is dropped whatever the register says */
    MUT_RESYNC_KEEPS_DID = 1u << 10,  /* and under the old did */
    MUT_FOLLOWS_LOWER = 1u << 11,     /* a lower epoch's stream is followed */
    MUT_SERVES_EARLY = 1u << 12,      /* a leader serves before it is active */
    MUT_READS_UNCONFIRMED = 1u << 13, /* a read waits for nobody */
    MUT_EPOCH_UNSAVED = 1u << 14,     /* a new epoch is not on the disk before it is acted in */
    MUT_SOLO_UNSYNCED = 1u << 15,     /* the solo mark does not wait for what was released before */
    MUT_SOLO_STAYS = 1u << 16,        /* nor does it go */
    MUT_WEAKEST_UNSAVED = 1u << 17,   /* a weaker level is acknowledged before the disk says so */
    MUT_HOLD_LEAKS = 1u << 18,        /* a switchover does not wait for what is not acknowledged */
    MUT_CUTS_DATA = 1u << 19,         /* a tail is cut off even if it is more than marks */
};
#define DURABLE_MUTATED(d, bug) (__builtin_expect(((d)->mutations & (bug)) != 0, 0))

#endif
