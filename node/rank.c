#include "node/rank.h"

#include <errno.h>
#include <string.h>

#include "common/log.h"
#include "common/process.h"
#include "node/replica/replica.h"
#include "node/settings.h"
#include "node/world.h"

enum { RANK_LEADER, RANK_FOLLOWER };

bool rank_apply(const struct node_world *w)
{
    const struct server_settings *set = &w->set->server;
    int64_t rank =
        set->oom_score_adj_values[replica_is_follower(w->replica) ? RANK_FOLLOWER : RANK_LEADER];
    bool done = set->oom_score_adj == OOM_NO
                    ? process_oom_rank_restore()
                    : process_oom_rank((int)rank, set->oom_score_adj != OOM_ABSOLUTE);

    if (!done)
        log_warning("oom-score-adj-unchanged error=\"%s\"", strerror(errno));
    return done;
}
