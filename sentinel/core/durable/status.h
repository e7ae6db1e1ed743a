/*
 * status - how a durable group stands, as one of its captains sees it: what operators are shown.
 *
 * Pure: reads a captain between two steps. Cost: O(members + voters).
 */
#ifndef HF_SENTINEL_CORE_DURABLE_STATUS_H
#define HF_SENTINEL_CORE_DURABLE_STATUS_H

#include "sentinel/core/durable/captain.h"
#include "sentinel/core/durable/found.h"

struct member_status {
    const struct member *member; /* as the newest charter has it */
    bool leads, in_sync;         /* by the charter */
    enum why why;                /* of whatever process is there; of the leader: of its process */
    const struct report *report; /* its last; run "": none yet */
    uint64_t silent_ms, limit_ms;
};

enum voter_health {
    VOTER_UNKNOWN, /* nobody has been asked yet */
    VOTER_WELL,
    VOTER_SILENT,
    VOTER_FORGOT, /* another voter is there: it has lost its memory */
};
enum { STATUS_VOTER_MS = 15000 }; /* a voter that has not said so since is silent */
const char *voter_health_word(enum voter_health h); /* unknown well silent forgot */

/* i below the number of members. */
struct member_status status_member(const struct captain *c, uint32_t i);
/* What this voter said of the leader's process last; OPINION_UNKNOWN: nothing, or too long ago. */
enum opinion status_voter(const struct captain *c, uint64_t voter);
enum voter_health status_voter_health(const struct captain *c, const struct voter *v);
/* Does somebody serve clients by this charter? */
bool status_serves(const struct captain *c);
uint32_t status_in_sync(const struct captain *c);
/* Between two PINGs of a node: a heartbeat, or in calm more. */
uint64_t status_ping_ms(const struct captain *c);
/* How far the i-th member is behind the leader, by the last report of both; 0 where either has given none. */
uint64_t status_lag_bytes(const struct captain *c, uint32_t i);
/* Why no failover would come about now, in a sentence; NULL: one would. */
const char *status_unarmed(const struct captain *c);
/* Whom a switchover would make lead, by what is known now; only: the node that was asked for, or 0. NULL: nobody. */
const struct member *status_heir(const struct captain *c, uint64_t only);
/* Why the i-th member may not; NULL: it may. */
const char *status_unfit(const struct captain *c, uint32_t i, uint64_t only);
/* Why a switchover would be refused, in a sentence; NULL: it would be tried. */
const char *status_refusal(const struct captain *c, uint64_t only);
/* What keeps the group from bearing the loss of any one member, in sentences; none: nothing does. */
void status_lacks(const struct captain *c, struct reasons *out);

#endif
