/*
 * tracking_inner - what the files of tracking share, and nobody else includes.
 */
#ifndef HF_COMMON_SERVE_TRACKING_INNER_H
#define HF_COMMON_SERVE_TRACKING_INNER_H

#include "common/map.h"
#include "common/serve/service.h"

enum {
    TRACKING_MODES = SESSION_TRACKING | SESSION_TRACK_BCAST | SESSION_TRACK_OPTIN |
                     SESSION_TRACK_OPTOUT | SESSION_TRACK_NOLOOP | SESSION_TRACK_CACHING |
                     SESSION_TRACK_BROKEN,
};

/* Who may have cached a key: ids in rising order. */
struct tracked_key {
    struct map_node node;
    size_t at; /* in tracking->keys */
    uint64_t *ids;
    size_t count, room;
    size_t len;
    char name[];
};

/* A key that has changed under a prefix in this turn, and who changed it last. */
struct changed_key {
    struct map_node node;
    uint64_t by; /* 0: nobody */
    size_t len;
    char name[];
};

struct tracking_prefix {
    struct map_node node;
    struct list listed; /* of tracking->prefixes */
    struct session **clients;
    size_t client_count, client_room;
    struct map changed;
    size_t len;
    char name[];
};

/* A change that the running session is told of behind its reply. */
struct tracking_pending {
    struct tracking_pending *next;
    bool flush;
    size_t len;
    char name[];
};

struct tracking {
    uint64_t clients;
    struct map table;          /* of tracked_key */
    struct tracked_key **keys; /* the same, for drawing one at random */
    size_t room;
    uint64_t items; /* ids in all of them */
    struct map prefix_names;
    struct list prefixes;
    struct tracking_pending *pending, **pending_end;
    uint64_t turns_over; /* in a row in which the table stayed above its bound */
};

struct tracking *tracking_of(struct service *v); /* made when first asked for */

/* Keys as one array, or a null for everything. redirect: s's, whose failure is told to s. */
void tracking_tell(struct session *s, const struct bytes *keys, size_t count);

/* s listens to the prefix from now on. */
void tracking_listen(struct session *s, struct bytes prefix);
void tracking_unlisten(struct session *s);
/* The key changed: whoever listens to a prefix of it is told at the turn's end. */
void tracking_note_change(struct tracking *t, uint64_t by, struct bytes key);
void tracking_broadcast(struct tracking *t);

#endif
