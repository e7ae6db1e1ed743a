/* Would a failover work now, and if not, why? One answer for the API, the page and the metrics. */
#include "sentinel/core/candidate.h"
#include "sentinel/core/durable/status.h"
#include "sentinel/core/pause.h"
#include "sentinel/serve/rows.h"

static const char *why_not_classic(const struct sentinel *core, const struct group *g)
{
    if (core->tilt)
        return "this sentinel does not trust its clock for now";
    if (!serve_quorum(g, NULL))
        return "too few sentinels are up";
    if (!candidate_exists(core, g))
        return "no follower could be promoted";
    return NULL;
}

const char *serve_why_not_armed(const struct sentinel_world *w, const struct group *g)
{
    const struct captain *c = w->captain((struct sentinel_world *)w, g->name);

    if (paused(g))
        return "an operator has paused it";
    return c ? status_unarmed(c) : why_not_classic(w->core, g);
}
