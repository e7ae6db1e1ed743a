/*
 * membership_room - what the driver's files share: membership.c (a node's life in its group), obey.c (actions),
 * orders.c (the command HF), standing.c (what clients, the file and the stream are told after a step), voters.c
 * (the link to the register), relief.c (FAILOVER), discarded.c (what is thrown away), tell.c (INFO).
 */
#ifndef HF_NODE_DURABLE_MEMBERSHIP_ROOM_H
#define HF_NODE_DURABLE_MEMBERSHIP_ROOM_H

#include <ev.h>
#include <sys/stat.h>

#include "node/durable/discard.h"
#include "node/durable/durable.h"
#include "node/durable/membership.h"
#include "node/durable/meta_file.h"
#include "node/replica/group_link.h"
#include "node/world.h"

struct courier;
struct helper;
struct vital;

/* An order that is answered in a later step than its own. */
struct late_answer {
    uint64_t asker; /* 0: nobody waits */
    uint64_t session;
    bool ready;
    struct receipt receipt;
};

/* FAILOVER: the leader would be relieved. */
struct relief {
    uint64_t to;       /* by this member; our own id: by anybody; 0: nobody asks */
    uint64_t until_ms; /* no longer */
    bool by_disk;      /* nobody said so: our disk fails */
};

/* The last tail of ours that was thrown away. */
struct discarded {
    uint64_t times, bytes; /* bytes 0: it was not kept */
    char name[DISCARD_NAME_MAX];
};

struct membership {
    struct node_world *w;
    bool bound;                     /* to a group: hf.meta is there, or is about to be */
    bool ready;                     /* the data is loaded, and the core has begun */
    bool ended;                     /* nobody listens any more */
    dev_t home_dev;                 /* the directory, */
    ino_t home_ino;                 /* once bound */
    struct meta_file file;          /* open once bound */
    struct found found;             /* by the load */
    struct meta meta;               /* until the core has it */
    struct durable core;            /* once ready */
    struct durable_actions pending; /* from next on to be obeyed */
    size_t next;
    bool obeying;
    struct durable_terms terms;
    struct group_link_hooks hooks; /* events of the core */
    struct courier *courier;
    struct vital *vital;
    uint64_t warm_ms; /* when the links to the voters are looked at next */
    ev_timer wake;
    bool open; /* it leads at level async: no reply waits */

    uint64_t asker; /* of the last order */
    bool answered;  /* in the running step, by: */
    struct receipt answer;
    struct late_answer late;
    struct relief relief;
    uint64_t hands_until_ms; /* whom a switchover held waits for the new leader; 0: nobody */
    struct discarded discarded;
    struct helper *helper; /* NULL: nothing was thrown away yet */
};

/* obey.c: behind every step of the core, whose actions are in m->pending. */
void obey(struct membership *m);

/* orders.c */
void orders_answered(struct membership *m, const struct durable_action *a);

/* standing.c */
void standing_settle(struct membership *m);
/* We lead no more. */
void standing_dismiss(struct membership *m);

/* relief.c */
const char *relief_begin(void *membership, uint64_t node, uint64_t for_ms);
const char *relief_abort(void *membership);
enum failover_state relief_state(void *membership);
/* Behind every step: whether it is over, or our disk asks for it. */
void relief_settle(struct membership *m);

/* discarded.c: what DROP is about is kept aside, beside the loop. The end waits for that. */
void discarded_begin(struct membership *m, const struct durable_action *a);
void discarded_end(struct membership *m);

/* voters.c */
void voters_begin(struct membership *m);
void voters_end(struct membership *m);
void voters_ask(struct membership *m, const struct durable_action *a);
void voters_tell(struct membership *m, const struct durable_action *a); /* LOOKOUT */
/* Of a leader: look at me. In calm they would ask within a second. */
void voters_call(struct membership *m);
void voters_keep_warm(struct membership *m);

/* membership.c */
/* The order behind it makes this node a member of a group. False: not yet, the file has to be ready first. */
bool membership_bind(struct membership *m, const struct order *o);
/* Where data and file end now. */
void membership_look(struct membership *m);
/* A group had bound this node, whose disk knows nothing of it. */
bool membership_awaits(const struct membership *m);
void membership_report(const struct membership *m, struct report *out);
/* The configuration file says which group has bound us. */
void membership_name(struct membership *m);

#endif
