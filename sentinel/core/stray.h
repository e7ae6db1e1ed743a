/*
 * stray - nodes whose role is not what the configuration says are set right.
 *
 * A returned leader must lose its writes at once; but a node may also claim to lead because a newer
 * configuration made it so which has not reached me. So a claim is corrected
 *
 *   quickly, when the leader I know is there and leading, no vote of the last VOTE_FRESH_MS is still
 *   without outcome here or at the peers, and a majority, me included, has confirmed over its own lines,
 *   after the claim was seen, that it knows the same leader by the same config-epoch; one round trip
 *
 *   slowly otherwise, as Redis does: the leader I know is there and leading, and the claim is older than
 *   four publish-periods (a wrong leader followed: than failover-timeout)
 *
 * The same holds for the leader itself when it says that it follows one of its own followers and nobody
 * leads: a command of an older configuration overtook the newer one. It is given its role back.
 *
 * A follower of the wrong leader is in no hurry: the quick way waits two publish-periods for it, since a
 * captain may be re-pointing.
 */
#ifndef HF_SENTINEL_CORE_STRAY_H
#define HF_SENTINEL_CORE_STRAY_H

#include "sentinel/core/sentinel.h"

/* Returns when to look again. */
uint64_t stray_evaluate(struct sentinel *s, struct group *g, struct actions *out);

#endif
