/*
 * helm - one durable group's captain, its lines and its timer. Private to this folder.
 *
 *     helm.c      the captain's steps and actions
 *     helm_line.c connections to nodes
 *     helm_vital.c and to the threads that answer for them
 *     muster.c   who is at those places?
 *     requests.c  an operator's request becomes a captain's wish
 *     wants.c     what the settings ask for, made as soon as it can be
 *     recruits.c  nodes that follow one of the group's, and are no members
 *     helms.c     all helms, by name, group id and token
 */
#ifndef HF_SENTINEL_HELM_HELM_H
#define HF_SENTINEL_HELM_HELM_H

#include "common/dial.h"
#include "common/list.h"
#include "common/map.h"
#include "common/register/courier.h"
#include "sentinel/core/durable/found.h"
#include "sentinel/helm/helms.h"

enum {
    HELM_REPLY_BYTES_MAX = 2 * WIRE_BYTES_MAX,
    HELM_CALLS_MAX = 1000, /* unanswered, of one line; over it, it is silent anyhow */
    HELM_UNARRIVED_MS =
        500, /* a machine that takes nothing for so long: its line is dialled until it is back */
    HELM_GREETING_MS = 500, /* of TLS and passwords, once a node has taken the connection */
    HELM_WARM_MS = 1000,    /* links to voters are kept up, so that a failover waits for no dial */
    HELM_POLL_MS = 5000,    /* voters are asked who they are, for operators to see */
    HELM_VITAL_MS = 1000,   /* between two dials of a node's thread … */
    HELM_VITAL_REFUSED_MS = 10000, /* … that knows of none */
    HELM_GRID_MS = 10,             /* heartbeats of many groups leave in one turn */
    HELM_GRID_FROM_MS = 20,        /* what is due sooner is due when it is due, */
    HELM_CALM_GRID_FROM_MS = 500,
    HELM_CALM_GRID_MS = 50, /* what is due much later, together with much else */
    MUSTER_MS = 1000,
    WANT_LOOK_MS = 500,   /* between two looks at what the settings ask for */
    WANT_AGAIN_MS = 5000, /* after an attempt that failed */
    WANT_LEVEL_MS = 2000, /* between two attempts at another level */
    RUMOUR_MS = 2000,     /* for whoever enrolled our voter to make a register */
    WANT_VOTERS_MIN = 3,  /* who has not met its peers yet would make a register of its own */
    WANT_NODES_MIN = 2,
    RECRUIT_FIRST_MS = 1000, /* between two looks at who follows and is no member; doubling, */
    RECRUIT_MAX_MS = 30000,  /* for those who will not, up to this */
};

struct helms {
    struct drive *drive;
    const struct helms_ops *ops;
    void *world;
    struct map by_name, by_gid, by_token;
    uint64_t tokens; /* given so far */
    struct courier *courier;
    char client_name[sizeof "sentinel-12345678-hf"];
    struct list musters;
    struct list wants;
    ev_timer look;    /* at the wants; runs while there are any */
    struct wire wire; /* what is being written */
    bool begun;       /* the configuration is loaded */
    bool closing;     /* groups stay what they are */
};

/* A connection to a member. */
struct helm_line {
    struct helm *helm;
    uint64_t node; /* 0: nobody's */
    struct dial *dial;
    bool refused;       /* it answered with an error, and the log says so */
    struct dial *vital; /* to the thread that answers while its loop is busy */
    uint64_t vital_ms;  /* not dialled before */
};

/* When those who are no members are asked next. */
struct recruiting {
    uint64_t next_ms, pause_ms;
    uint32_t count; /* of them, last time */
};

struct helm {
    struct map_node by_name, by_gid, by_token;
    struct helms *all;
    uint64_t token; /* of what our voter is asked */
    char name[NAME_LEN_MAX + 1];
    char gid[GID_LEN + 1];
    struct captain captain;
    struct helm_line lines[CHARTER_MEMBERS_MAX];
    ev_timer wake;
    uint64_t wake_at_ms; /* what the timer is set to; UINT64_MAX: not running */
    uint64_t warm_ms;    /* links to voters are looked at */
    uint64_t poll_ms;    /* and they are asked who they are */
    struct recruiting recruiting;
    uint64_t ver;         /* lines are those of this version's members */
    enum keep set_level;  /* of the settings, as they were last seen */
    enum keep told_level; /* of the register, as the core was told; KEEP_COUNT: of none */
    struct captain_actions queue;
    size_t obeyed; /* of the queue */
    bool obeying;
    bool gone; /* freed once nothing of it is on the stack */
};

/* known: as captain_init wants it. */
struct helm *helm_new(struct helms *hs, const char *name, const struct charter *known);
/* Legal from any callback; the group is one like the others again. */
void helm_free(struct helm *h);
void helm_step(struct helm *h, struct captain_event *ev);
/* Settings of the group, and whether this sentinel has a vote. */
void helm_refresh(struct helm *h);
/* The classic core's. NULL: it is not watched any more. */
struct group *helm_group(const struct helm *h);

struct helm *helms_find(const struct helms *hs, struct bytes name);
/* Some other group has this register: then none is manned, and the log says so. */
bool helms_twice(const struct helms *hs, const char *group, const char *gid);
uint64_t helms_draw_token(struct helms *hs);

/* helm_line.c */
void helm_line_dial(struct helm *h, const struct captain_action *a);
void helm_line_order(struct helm *h, const struct captain_action *a);
struct helm_line *helm_line_find(struct helm *h, uint64_t node); /* NULL: there is none */
void helm_line_drop_strangers(struct helm *h); /* of nodes that are no members any more */
void helm_line_close_all(struct helm *h);
/* How to reach a node of the group at a place; the rest of *o is the caller's. */
void helm_line_aim(const struct helms *hs, const struct group *g, const struct place *at,
                   struct dial_options *o);
/* HF and the words of an order, on d; the group's word for HF. */
enum err helm_line_send(struct helms *hs, const struct group *g, struct dial *d,
                        const struct order *o, dial_reply_fn *fn, void *arg);

/* helm_vital.c */
void helm_vital_keep(struct helm *h); /* a line to each member's thread, once a second */
void helm_vital_ask(struct helm *h, const struct captain_action *a);

/* wants.c */
void wants_init(struct helms *hs);
void wants_fini(struct helms *hs);
/* The settings of a group that is not durable may ask for it. */
void wants_note(struct helms *hs, const struct group *g);
/* A durable group is to have the level of its settings: at once, and again until it has. */
void wants_level(struct helms *hs, const struct group *g);
/* It may be durable, and our voter have missed it or lost its memory. */
void wants_rumour(struct helms *hs, const struct group *g);

/* recruits.c: asks the classic core's nodes that are no members whether they would be, when it is time. */
void recruits_look(struct helm *h);

/* requests.c */
/* A host that is too long for a charter is named by its address. */
bool requests_put_place(struct place *out, const struct addr *a, const char *ip);
/* Asks the other sentinels of a group whether it is durable; it has a helm then. */
void requests_look_up(struct helms *hs, const struct group *g);

/* muster.c */
struct muster {
    struct list of_helms;
    struct helms *all;
    uint64_t token;
    char name[NAME_LEN_MAX + 1];
    struct durable_request request;
    struct founding found; /* whom it asks, and what they said */
    struct charter known;  /* the newest that a voter holds already; gid "": none of them any */
    bool known_committed;
    struct muster_node {
        struct muster *muster;
        struct dial *dial;
        bool settled;
    } nodes[CHARTER_MEMBERS_MAX];
    bool voters_settled[CHARTER_VOTERS_MAX];
    int own;    /* which of the voters is ours; -1: none */
    bool aside; /* nobody's request: none waits for it */
    ev_timer late;
    /* Everybody has answered, or will not. The muster goes when this returns. */
    void (*done)(struct muster *q);
};
/* Fill in found's places, and begin. */
struct muster *muster_new(struct helms *hs, const char *name, const struct durable_request *r,
                          void (*done)(struct muster *q));
void muster_begin(struct muster *q);
void muster_free(struct muster *q);
/* A voter says who it is. */
void muster_enrolled(struct muster *q, const struct place *at, const struct reg_message *m);
void muster_told(struct muster *q, const struct reg_message *answer); /* our own */

#endif
