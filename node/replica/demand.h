/*
 * demand - whose copies replies wait for, and how far all of them are. No I/O, no clock.
 *
 *     copy 7    mem 1200   os 1100   fsync 900        level os: everything up to 1000 is kept
 *     copy 9    mem 1000   os 1000   fsync 1000       by all of them
 *
 *   1. a copy is a data set, named by its did, and not a node, a link or a process: what it has acknowledged
 *      stands whoever has gone, and counts for no other one. A lost copy is demanded until somebody says otherwise
 *   2. an acknowledgement counts in its epoch, of a did that is demanded: another epoch's or did's is dropped
 *   3. a copy's offsets never go back within an epoch, and mem >= os >= fsync
 *   4. the node's own copy is one of them: its file counts like any other, its memory has everything
 *
 * Owner: embed; zeroed it demands nothing. Cost: O(copies) for everything, of at most CHARTER_MEMBERS_MAX.
 */
#ifndef HF_NODE_REPLICA_DEMAND_H
#define HF_NODE_REPLICA_DEMAND_H

#include "common/register/charter.h"

/* Offsets up to which a copy has the stream, by level; KEEP_ASYNC's is not used. */
struct kept {
    uint64_t at[KEEP_COUNT];
};

/* What a copy says of itself: REPLCONF HFACK. */
struct replica_ack {
    uint64_t epoch, did;
    struct kept kept;
    uint64_t beat; /* the last one it has heard */
};

/* Whose acknowledgement counts, from this epoch on. */
struct replica_demand {
    uint64_t epoch;
    enum keep level; /* KEEP_ASYNC: nobody's */
    uint64_t dids[CHARTER_MEMBERS_MAX];
    uint32_t count;
};

struct demand {
    struct replica_demand who;
    struct kept kept[CHARTER_MEMBERS_MAX]; /* by who.dids */
};

static inline bool demand_on(const struct demand *d)
{
    return UNLIKELY(d->who.level != KEEP_ASYNC);
}

/* Copies that stay demanded in the same epoch keep what they have acknowledged; the others begin with nothing. */
void demand_set(struct demand *d, const struct replica_demand *who);
/* False: it is dropped. */
bool demand_heard(struct demand *d, const struct replica_ack *ack);
/* Everything up to here is kept by all that are demanded. With none of them: by nobody. */
uint64_t demand_kept(const struct demand *d);

#endif
