/*
 * config - what a sentinel is told and must remember: the values behind sentinel.conf and the journal.
 *
 * Plain data without behaviour. sentinel/state reads it from files and gives it to the core with
 * EV_LOAD; the core changes its copy and says what to remember with ACT_PERSIST (struct record);
 * sentinel/serve shows it. Nobody else writes it.
 *
 * Owner: config_fini, globals_fini and group_settings_fini free what the structs point to; a zeroed struct
 * is an empty one.
 */
#ifndef HF_SENTINEL_CORE_CONFIG_H
#define HF_SENTINEL_CORE_CONFIG_H

#include "common/register/charter.h"

enum {
    ID_LEN = 40,        /* run ids and sentinel ids: lower-case hex */
    HOST_LEN_MAX = 255, /* a name or an address, as DNS bounds it */
    NAME_LEN_MAX = 255, /* of a group */
    GROUPS_MAX = 10000,
    NODES_PER_GROUP_MAX = 256, /* followers found in INFO beyond this are not watched */
    SEATS_PER_GROUP_MAX = 64,  /* peers beyond this are not listened to */
    RENAMES_MAX = 64,
    RENAME_LEN_MAX = 255, /* of either word */
    TEXT_LEN_MAX =
        8192, /* of a user, a password, a path: quoted it still fits a line and a record */
};

/* The last epoch there is: far beyond need, far below overflow. */
#define EPOCH_MAX (UINT64_MAX >> 2)
/* What one message of an outsider may raise an epoch by: more than a newcomer ever lags behind, and too
 * little to use all of them up, after which nobody could be elected again. */
#define EPOCH_LEAP_MAX (1u << 24)

/* host is a name or an address as it was configured, announced or found in INFO. port 0: none. */
struct addr {
    char host[HOST_LEN_MAX + 1];
    int port;
};

bool addr_eq(const struct addr *a, const struct addr *b); /* host compared without case */
/* False when host does not fit or port is outside 1..65535; *out is untouched then. */
bool addr_set(struct addr *out, struct bytes host, int64_t port);
/* An address, not a name. */
bool host_is_address(const char *host);
/* "host:port", an IPv6 host in brackets: the name of a follower on the wire. */
void addr_name(const struct addr *a, char *out, size_t cap);

/* The 13 timers of SENTINEL DEBUG, in the order it shows them. */
enum debug_timer {
    T_INFO_PERIOD,
    T_PING_PERIOD,
    T_ASK_PERIOD,
    T_PUBLISH_PERIOD,
    T_DEFAULT_DOWN_AFTER,
    T_DEFAULT_FAILOVER_TIMEOUT,
    T_TILT_TRIGGER,
    T_TILT_PERIOD,
    T_SLAVE_RECONF_TIMEOUT,
    T_MIN_LINK_RECONNECT_PERIOD,
    T_ELECTION_TIMEOUT,
    T_SCRIPT_MAX_RUNTIME,
    T_SCRIPT_RETRY_DELAY,
    T_COUNT
};
extern const struct debug_timer_row {
    const char *name; /* "info-period": shown in upper case, accepted in any */
    uint64_t def_ms;
} debug_timers[T_COUNT];

/* Everything that does not belong to one group. Texts are owned; NULL: not set. */
struct globals {
    char my_id[ID_LEN + 1];
    char *announce_ip;
    int announce_port;          /* 0: listen_port */
    int listen_port;            /* tls-port with tls-replication yes, else port */
    bool deny_scripts_reconfig; /* default yes */
    bool resolve_hostnames, announce_hostnames;
    char *sentinel_user, *sentinel_pass;
    char *sentinel_pass_fallback; /* tried where that is refused; not known to Redis */
};
void globals_defaults(struct globals *g);
/* May it be believed where others say it? What it becomes stands in the file, which must be read again: an
 * address, or, where names are resolved, what names are made of. */
bool globals_admit(const struct globals *g, const struct addr *a);
void globals_copy(struct globals *out, const struct globals *from); /* frees what *out held */
void globals_fini(struct globals *g);

enum fast_detection { FAST_AUTO, FAST_YES, FAST_NO };
enum group_tls { GROUP_TLS_AUTO, GROUP_TLS_YES, GROUP_TLS_NO }; /* auto: as tls-replication says */
const char *group_tls_word(enum group_tls tls);
bool group_tls_of(struct bytes word, enum group_tls *out); /* false: no such word */
/* 0, or no less than a silent leader is given; false: neither. */
bool busy_failover_of(struct bytes word, uint64_t *out_ms);

struct rename {
    char *command, *to;
};

/* One group's `sentinel ... <name> ...` lines. Texts are owned; NULL: not set. */
struct group_settings {
    uint32_t quorum;
    uint64_t down_after_ms, failover_timeout_ms, master_reboot_down_after_ms;
    uint32_t parallel_syncs;
    char *notification_script, *client_reconfig_script;
    char *auth_user, *auth_pass;
    char *
        auth_pass_fallback; /* sentinel auth-pass-fallback: tried where that is refused; not known to Redis */
    struct rename *renames;
    size_t rename_count;
    enum fast_detection fast_detection; /* sentinel fast-detection; not known to Redis */
    enum keep durability; /* sentinel durability: the level to be made durable at; nor is this */
    enum group_tls tls;   /* sentinel tls: towards its nodes; nor this */
    /* sentinel busy-failover: a durable leader is not busy for longer; 0: for ever. Nor is this known. */
    uint64_t busy_failover_ms;
};
void group_settings_defaults(struct group_settings *set);
void group_settings_copy(struct group_settings *out, const struct group_settings *from);
void group_settings_fini(struct group_settings *set);
/* The word to send for command; command itself unless renamed. */
const char *group_settings_command(const struct group_settings *set, const char *command);
/* Adds or replaces one rename. ERR_LIMIT at RENAMES_MAX. */
enum err group_settings_rename(struct group_settings *set, struct bytes command,
                               struct bytes to) MUST_CHECK;

struct config_peer {
    struct addr addr;
    char id[ID_LEN + 1];
};

/* A group as files remember it. */
struct config_group {
    char name[NAME_LEN_MAX + 1];
    struct addr leader;
    char leader_ip
        [64]; /* what a leader's host name resolved to; "" unknown, or host is an address */
    struct group_settings set;
    uint64_t config_epoch;
    uint64_t vote_epoch;      /* leader-epoch: the epoch of the last vote */
    char vote_id[ID_LEN + 1]; /* whom it went to; "": not kept (sentinel.conf does not) */
    uint64_t pause_stamp;     /* pause.h; 0: there never was one */
    uint64_t pause_until_ms; /* by the wall clock; 0: not paused; UINT64_MAX: until it is resumed */
    struct addr *nodes;      /* followers, without the leader */
    size_t node_count;
    struct config_peer *peers;
    size_t peer_count;
};

/* What EV_LOAD hands over; the core copies it. */
struct config {
    struct globals globals;
    uint64_t current_epoch;
    uint64_t wall_ms; /* when it is handed over, by the clock that a pause ends by */
    struct config_group *groups;
    size_t group_count;
};
void config_fini(struct config *c);
/* A new zeroed group with default settings at the end; borrowed until the next call. */
struct config_group *config_add_group(struct config *c, const char *name);
void config_add_node(struct config_group *g, const struct addr *a);
void config_add_peer(struct config_group *g, const struct addr *a, const char *id);

/*
 * record - one thing that must not be forgotten, in order.
 *
 * Replayed in order over an older struct config, records give the newest one. A durable record is on
 * the disk (fdatasync) before any action that follows it is obeyed, in this step or a later one;
 * several waiting records may share one fdatasync. The others may be written within a second:
 * losing them costs a rediscovery, never safety.
 */
enum record_kind {
    REC_GLOBALS,      /* globals */
    REC_EPOCH,        /* epoch: current-epoch. durable */
    REC_GROUP_ADD,    /* group, addr, id unused, set. durable */
    REC_GROUP_REMOVE, /* group. durable */
    REC_GROUP_SET,    /* group, set. durable: an operator was told OK */
    REC_GROUP_RESET,  /* group: its followers are forgotten, nothing else; peers leave one by one */
    REC_CONFIG,       /* group, epoch: config-epoch, addr: its leader. durable */
    REC_VOTE,         /* group, epoch: leader-epoch, id: whom. durable */
    REC_PAUSE,        /* group, epoch: its stamp, until_ms. durable */
    REC_NODE_ADD,     /* group, addr: a follower */
    REC_NODE_REMOVE,  /* group, addr */
    REC_PEER_ADD,     /* group, addr, id; an id already there moves to addr */
    REC_PEER_REMOVE,  /* group, id */
    REC_COUNT
};
/* "epoch", "vote", …; for logs and traces. */
const char *record_word(enum record_kind kind);

struct record {
    enum record_kind kind;
    bool durable;
    char group[NAME_LEN_MAX + 1]; /* "" for REC_GLOBALS and REC_EPOCH */
    uint64_t epoch;
    struct addr addr;
    char id[ID_LEN + 1];
    uint64_t until_ms; /* REC_PAUSE: as config_group's pause_until_ms */
    /* Borrowed from the core and valid only until its next step: encode on receipt. */
    const struct globals *globals;
    const struct group_settings *set;
};

/* Replays one record over c: what the journal's reader does for each, and the simulator's disk. */
void config_apply(struct config *c, const struct record *rec);
struct config_group *config_find_group(struct config *c, const char *name);

#endif
