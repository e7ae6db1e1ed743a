/*
 * tracking - clients that cache what they read are told when it changes (CLIENT TRACKING).
 *
 *     default    a read notes (key, client); a change of the key tells those clients once and forgets it
 *     BCAST      a change of a key under a client's prefix is told at the end of the turn, all keys at once
 *
 *     change --> the client itself: behind its own reply     } through its redirection, where it has one;
 *            --> another: at once                            } as RESP3 push, or to a RESP2 subscriber
 *
 *   1. a key is in the table while a client that may have cached it was not told; several databases share it
 *   2. ids, not pointers: who has gone or stopped tracking is found out when the key changes, or when the key's
 *      ids need more room
 *   3. a flush of any database tells every tracking client "everything" (a null) and empties the table
 *   4. beyond tracking-table-max-keys keys of the table are told as changed, chosen at random
 *
 * Owner: the service, from the first client that tracks. Cost: while nobody tracks a compare for each command
 * and change; a noted read is one look-up for each key, a change one and one for each prefix.
 */
#ifndef HF_COMMON_SERVE_TRACKING_H
#define HF_COMMON_SERVE_TRACKING_H

#include "common/command.h"

struct service;
struct session;
struct tracking;
struct tracking_prefix;

/* A session's part; zeroed it tracks nothing. Its modes are among enum session_flag. */
struct tracking_client {
    uint64_t redirect_id;              /* 0: none */
    struct tracking_prefix **prefixes; /* BCAST */
    size_t prefix_count;
};

struct tracking_stats {
    uint64_t clients, keys, items, prefixes;
};
void tracking_stats(const struct service *v, struct tracking_stats *out);

/* ---- what the daemon tells; only while tracking_on(v) -------------------------------------------- */

/* The call has read its keys, on behalf of s. One in a script has read all keys that the script was given. */
void tracking_read(struct session *s, const struct call *c);
/* by: whose command is running; NULL: nobody's. by_itself: it expired or was evicted. */
void tracking_changed(struct service *v, struct session *by, bool by_itself, struct bytes key);
void tracking_flushed(struct service *v, struct session *by);
/* The reply of by's command is written: what the command changed under by's own cache is told now. */
void tracking_answered(struct service *v, struct session *by);
/* Tells BCAST clients, and brings the table back to its bound, a little at a time. */
void tracking_turn_ended(struct service *v);

/* ---- sessions ------------------------------------------------------------------------------------ */

void tracking_leave(struct session *s); /* OFF, RESET, or it is gone */
/* Of CLIENT CACHING: it concerned one command, which has run. */
void tracking_forget_caching(struct session *s, const struct call *c);
void tracking_free(struct service *v);

/* CLIENT TRACKING, CACHING, TRACKINGINFO, GETREDIR */
void client_tracking(struct call *c);
void client_caching(struct call *c);
void client_trackinginfo(struct call *c);
void client_getredir(struct call *c);

#endif
