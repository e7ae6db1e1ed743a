/*
 * replica_room - what the files of this folder share; nobody else includes it.
 *
 *     replica.c    the room: role, ids, the second's tick, what others ask
 *     leader.c     our followers: stream, acknowledgements, limits;  full_sync.c  their payload;
 *                  fields.c  which of them read hash fields that expire;  demand.c  whose copies replies wait for
 *     follower.c   our leader: obeys upstream.c, loads the payload, applies the stream
 *     gather.c     fewer and larger packets for followers under load
 *     acks.c       HFACK and HFBEAT, both ways
 *     group_link.c a durable group's stream: what its core wants, and the leader's side;  group_follow.c  the follower's
 *     commands.c   REPLICAOF, PSYNC, REPLCONF, ROLE, FAILOVER;  info.c  INFO replication
 */
#ifndef HF_NODE_REPLICA_REPLICA_ROOM_H
#define HF_NODE_REPLICA_REPLICA_ROOM_H

#include <ev.h>

#include "common/list.h"
#include "common/resp.h"
#include "node/oplog/oplog.h"
#include "node/persist/snapshot.h"
#include "node/replica/failover.h"
#include "node/replica/group_link.h"
#include "node/replica/replica.h"
#include "node/replica/upstream.h"
#include "node/settings.h"
#include "node/world.h"

struct apply;
struct dial;
struct keyspace;
struct link;
struct loader;
struct session;

enum {
    FOLLOWER_ADDRESS_MAX = 64,
    PUMP_BYTES = 512 * 1024, /* to one follower before others have their turn */
    PAYLOAD_STALL_MS = 3000, /* who takes nothing for so long is not waited for */
    PAYLOAD_DROP_MS = 10000, /* and for so long, with more than the limit held for it, dropped */
    PAYLOAD_AHEAD_MAX = 4 * 1024 * 1024, /* the walk waits for the slowest follower above this */
    PAYLOAD_JOIN_MAX =
        32 * 1024 * 1024, /* of a payload, kept from its beginning for who comes late */
    PAYLOAD_HELD_MAX = 256 * 1024 * 1024, /* where client-output-buffer-limit names none */
    VALKEY_OWN_RDB = 9, /* the Valkey that has an RDB version of its own, with expiring fields */
    STREAM_SLICE_US = 3000,      /* of a turn, for the leader's stream or payload */
    PAUSED_HELD_MAX = 32 << 20,  /* of the stream, read and not applied */
    STREAM_LINE_MAX = 64 * 1024, /* of a handshake line */
    GROUP_CONNECT_MS = 1000, /* of a durable group: then it is dialled anew, when it is asked for */
    GROUP_UNARRIVED_SILENCES = 4, /* hf-silence-limit's: then its link is given up */
};

/* What HFBEAT says. */
struct beat {
    uint64_t epoch, seq, commit;
    enum keep level;
};

enum follower_state {
    FOLLOWER_GREETING, /* said REPLCONF, and no PSYNC yet */
    FOLLOWER_WAITING,  /* for a snapshot to begin */
    FOLLOWER_PAYLOAD,
    FOLLOWER_WAIT_ACK, /* has the payload; the stream is held until it says so */
    FOLLOWER_ONLINE,
    FOLLOWER_LEAVING, /* its link is about to die */
};

struct follower {
    struct list node; /* of replica->followers */
    struct replica *room;
    struct session *session;
    enum follower_state state;
    struct oplog_cursor stream;  /* on the oplog, from the snapshot's offset on */
    struct oplog_cursor payload; /* on the sync's bytes */
    struct sync *sync;           /* NULL: has its payload, or none yet */
    bool walk_freed;             /* a snapshot ended: who waits for one may get it in this turn */
    bool sync_only;              /* SYNC: no ids, no acknowledgements */
    bool capa_eof, capa_psync2, rdb_only, filter_no_keys;
    bool reads_fields; /* is one of us, or got a payload with fields that expire */
    bool warned_of_fields;
    bool corked;  /* gather.c */
    bool counted; /* whole payload first, then its length: no eof */
    int64_t
        valkey; /* first number of the version that a Valkey since 8 announces; 0: it said none */
    int64_t listening_port;
    char address[FOLLOWER_ADDRESS_MAX]; /* ip-address, where it announced one */
    uint64_t ack_offset, ack_ms;
    uint64_t fack_offset; /* on its disk */
    bool has_file;
    uint64_t progress_ms; /* something left or came */
    uint64_t over_soft_since_ms;
    /* A question of freshness.h. While we follow it waits for a proof of our own, of this number or later;
     * then for the stream up to at. */
    struct {
        bool owed, placed;
        uint64_t number, proof, at;
    } echo;
    struct {
        bool hears, placed; /* it understands; one is to be said once the stream is at at */
        uint64_t at;
        struct beat words; /* of a durable group */
    } beat;
    struct {
        uint64_t node,
            attach; /* by its last HF SYNC; node 0: a plain one, or nothing is told of it any more */
        bool begun;     /* this attempt has its stream, or waits for the payload, */
        uint64_t least; /* which was promised to begin here or later */
    } group;
    struct replica_ack hf_ack; /* its last; did 0: it has said none */
};

/* One snapshot on its way to everybody who waited when it began, or came while its beginning was still
 * held; lives as long as one of them reads. */
struct sync {
    struct list all;  /* of replica->syncs, as long as it lives */
    struct list node; /* of replica->left_syncs, in the end */
    struct replica *room;
    bool whole;         /* every byte of the payload is in */
    bool counted;       /* for those without eof: held until its length is known */
    bool no_keys;       /* for REPLCONF rdb-filter-only without data */
    bool fields_expire; /* some did when it began */
    bool valkey;        /* in the words of VALKEY_OWN_RDB, where they are needed */
    struct oplog bytes; /* a stream like the other one; followers are cursors on it */
    uint32_t readers;   /* of them */
    /* While the beginning is held: it, and the stream from the image on. */
    struct oplog_cursor beginning, stream;
    char id[OPLOG_ID_LEN + 1];
    uint64_t offset; /* of the stream when the image was taken */
    char mark[RDB_EOF_MARK_LEN + 1];
};

struct gather {
    ev_timer end;      /* active: the kernel keeps what fills no packet, */
    uint64_t since_ms; /* from then on */
    uint64_t ms;       /* of the last piece */
    int sends;         /* in that millisecond, or since it began to keep */
    bool hurries;      /* this turn's pieces go at once */
};

struct replica {
    struct node_world *w;
    struct replica_hooks hooks;
    ev_timer tick;
    ev_prepare before_sleep;
    bool started;
    uint64_t did; /* of our data set */

    /* leading */
    struct list followers;
    struct list syncs;
    struct sync *sync;      /* that the walk feeds; NULL: none */
    struct list left_syncs; /* nobody reads them any more: their bytes are freed a few at a time */
    bool walk_freed;        /* a snapshot ended: who waits for one may get it in this turn */
    struct failover failover;
    ev_timer failover_timer;
    bool asks_acks;                 /* GETACK goes into the stream at the end of this turn */
    uint64_t getack_at, getack_end; /* the offsets around the last one */
    ev_timer pump_more;             /* in the next turn: there is room, and more to send */
    uint64_t pumped;                /* offset up to which this turn's bytes were offered */
    struct gather gather;
    uint64_t no_followers_since_ms;
    uint64_t pinged_ms;          /* or had nobody to ping */
    char root[OPLOG_ID_LEN + 1]; /* id of the first history of this line; empty: unknown */
    bool born_empty;             /* that one began with nothing */
    struct demand demand;
    ev_timer beat_timer;
    uint64_t beat_seq; /* of the last one that was placed */
    uint64_t syncs_full, syncs_partial, syncs_partial_refused;

    /* following */
    bool follows;
    struct upstream upstream;
    struct upstream_config upstream_config;
    ev_timer upstream_timer;
    struct dial *dial;
    struct link *link; /* to the leader, once the dial handed it over */
    struct apply *apply;
    struct resp_reader reader;
    struct buf unit;        /* bytes of the stream inside an open MULTI */
    int restored_db;        /* of the stream, as the file at start said */
    bool history;           /* our id and offset may be continued */
    bool confirmed;         /* REPLICAOF was said since the last sync: the guard is open */
    struct loader *loader;  /* while a payload comes */
    ev_timer rest;          /* key-load-delay: until it goes on */
    struct keyspace *fresh; /* it loads into */
    char payload_id[UPSTREAM_ID_LEN + 1], payload_mark[UPSTREAM_ID_LEN + 1];
    uint64_t payload_offset, payload_bytes, payload_read;
    uint64_t watch_bound_ms, watch_until_ms; /* replica_watch_age */
    bool owes_fack; /* GETACK came, and the file has not caught up with it */
    struct {
        uint64_t epoch, seq, commit, ms; /* of the leader's last beat */
        enum keep level;                 /* KEEP_ASYNC: it wants to hear nothing */
        struct replica_ack told;
    } heard;
    uint64_t bytes_in; /* repl traffic */

    struct {
        const struct group_link_hooks *hooks; /* NULL: a plain node */
        char gid[GID_LEN + 1];                /* as in the talks */
        uint64_t node;                        /* our own id */
        uint64_t at, written, synced;         /* told last; */
        bool fails;                           /* and whether the disk did */
        struct oplog_cursor held;             /* leading: what is kept from here on */
        struct talk payload;    /* leading: promised, and not begun; following: it comes */
        struct talk sync;       /* following: said last, or to be said */
        uint64_t epoch;         /* of the stream that comes; 0: none does */
        bool lost;              /* the link went, and nobody was told */
        enum keep level;        /* of the last beat */
        struct replica_ack ack; /* to be said at the end of this turn, */
        bool acks;              /* if there is one */
    } group;
};

/* gather.c: a piece was sent to each of our followers, perhaps one that hurries; and what is kept goes now. */
void gather_init(struct replica *r);
void gather_fini(struct replica *r);
void gather_sent(struct replica *r);
void gather_end(struct replica *r);
void gather_turn(struct replica *r); /* before the pieces of a turn */

/* leader.c */
void leader_init(struct replica *r);
void leader_fini(struct replica *r);
void leader_drop_followers(struct replica *r, const char *why);
void leader_turn(struct replica *r); /* before the loop sleeps */
void leader_second(struct replica *r);
void leader_settle(struct replica *r); /* FAILOVER: has somebody caught up? */
struct follower *leader_follower_of(struct replica *r, struct session *s, bool make);
void leader_begin_sync(struct follower *f, bool sync_only);
void leader_continue(struct follower *f, uint64_t offset);
void leader_acked(struct follower *f, uint64_t offset);
void leader_file_acked(struct follower *f, uint64_t offset); /* FACK */
void leader_asked(struct follower *f, uint64_t number);      /* how old it is */
void leader_proved(struct replica *r); /* how old we are at most: so are they */
bool leader_follower_has_all(const struct replica *r, const struct follower *f);
uint64_t leader_count_followers(const struct replica *r);
int64_t leader_count_good(const struct replica *r);
const char *follower_address(const struct follower *f, char *out, size_t cap);
static inline bool follower_counts(const struct follower *f)
{
    return f->state != FOLLOWER_GREETING && f->state != FOLLOWER_LEAVING;
}
/* It counts, and its link has not died: who sees that within a turn (a script that asks INFO) is told so, though it is
 * taken from the list only when the turn ends. */
bool follower_stands(const struct follower *f);

void leader_pump(struct follower *f);     /* sends what there is for it */
void leader_pump_soon(struct replica *r); /* the same for all, and sweeping, in the next turn */
void leader_drop(struct follower *f, const char *why);
void leader_close(struct follower *f, const char *why); /* the same, and nothing is wrong with it */
void leader_reply(struct follower *f, struct bytes text); /* between commands, before its stream */
/* A line of ours between payload and stream. */
void leader_say(struct follower *f, const char *format, ...) PRINTF_LIKE(2, 3);
/* Bytes of ours amid the stream, at once where there is room. */
void leader_put(struct follower *f, struct bytes text);

/* ---- acks.c ---- */

void acks_init(struct replica *r);
void acks_fini(struct replica *r);
void acks_turn(struct replica *r); /* before the loop sleeps */
void acks_place_beat(struct follower *f);
void acks_say_beat(struct follower *f);        /* the stream is where it was placed */
void acks_follower_online(struct follower *f); /* the stream begins */
/* REPLCONF of a follower, and of the leader: is it ours? */
bool acks_take(struct replica *r, const struct call *c);
bool acks_take_beat(struct replica *r, const struct resp_request *q);
void acks_forget_link(struct replica *r);
bool acks_level_of(struct bytes word, enum keep *out);
/* HFACK to the leader. */
void acks_say(struct replica *r, const struct replica_ack *ack);
void acks_new_did(struct replica *r); /* other data come */
/* Somebody over there waits for our disk: told as soon as it has what was asked about. */
void replica_file_synced(struct replica *r);

/* ---- fields.c: followers, where fields of hashes expire ---- */

/* Drops those that announced that they cannot read such fields, warns once of each that may not. Looks each
 * second and at each payload. O(followers). */
void fields_look(struct replica *r);
uint64_t fields_count_unsure(const struct replica *r);

/* ---- group_link.c ---- */

static inline bool group_bound(const struct replica *r)
{
    return UNLIKELY(r->group.hooks != NULL);
}
void group_turn(struct replica *r); /* before the loop sleeps: events that wait for it */
void group_acked(struct follower *f, const struct replica_ack *ack);
void group_follower_gone(struct replica *r, uint64_t node); /* its stream had begun */
bool group_has_plain_followers(const struct replica *r);
/* A talk of this kind about the link to or from this node, as far as the link knows it. */
struct talk group_talk(const struct replica *r, enum talk_kind kind, uint64_t from, uint64_t to);

/* ---- group_follow.c ---- */

void group_say_upstream(struct replica *r, const struct talk *t, const struct place *at);
void group_say_sync(struct replica *r);
/* One message of the leader that is no part of a stream. True: more input is of use. */
bool group_take_talk(struct replica *r, struct link *l);
/* Something came. False: it does not count any more, and its link is gone. */
bool group_input(struct replica *r);
bool group_payload_begins(struct replica *r, uint64_t offset); /* false: not what was promised */
void group_beaten(struct replica *r, const struct beat *b);
/* HFEPOCH is next. False: it ends the link. */
bool group_take_mark(struct replica *r, const struct resp_request *q);
void group_loaded(struct replica *r);
void group_say_ack(struct replica *r); /* once a turn */
/* The link to the leader went: now, or within a step of upstream.c, where it must wait. */
void group_link_lost(struct replica *r, bool now);

/* full_sync.c */
/* One snapshot for all who wait and want the same, if the walk is free and somebody waits. */
void full_sync_begin(struct replica *r);
void full_sync_leave(struct follower *f);  /* it has its payload, or goes */
void full_sync_drained(struct replica *r); /* there is room again: the walk looks */
bool full_sync_sweep(
    struct replica *r); /* frees some of what is left behind; true: there is more */

/* follower.c */
void upstream_room_init(struct replica *r);
void upstream_room_fini(struct replica *r);
void upstream_event(struct replica *r, const struct upstream_event *ev);
uint64_t upstream_unread_bytes(const struct replica *r);

/* replica.c */
/* What upstream.c may say, as the settings are now: it borrows their texts, which CONFIG SET frees. */
void replica_configure(struct replica *r);
/* host NULL: lead. */
void replica_follow(struct replica *r, const char *host, int64_t port, bool failover);
void replica_promote(struct replica *r);
void replica_set_role(struct replica *r, bool follows); /* and who wants to hear of it does */
void replica_set_leader(struct replica *r, const char *host, int64_t port); /* as it is shown */
void replica_start_failover(struct replica *r, const char *host, int64_t port, bool force,
                            uint64_t timeout_ms);
void replica_failover_ends(struct replica *r, const char *how, bool demoted);

#endif
