#include "sentinel/core/tilt.h"

#include "sentinel/core/group.h"
#include "sentinel/core/node.h"
#include "sentinel/core/notice.h"
#include "sentinel/core/peer.h"

enum { STALL_MS = 100 };

void tilt_measure(struct sentinel *s, uint64_t now_ms, struct actions *out)
{
    uint64_t late_ms = now_ms > s->wake_ms ? now_ms - s->wake_ms : 0;

    s->now_ms = now_ms;
    if (!s->loaded || late_ms <= STALL_MS)
        return;
    s->stalled_ms += late_ms;
    s->wake_ms = now_ms; /* counted once */
    if (late_ms <= s->debug_ms[T_TILT_TRIGGER])
        return;
    s->tilt_since_ms = now_ms;
    timer_set(&s->timers, &s->tilt_timer, now_ms + s->debug_ms[T_TILT_PERIOD]);
    if (s->tilt)
        return;
    s->tilt = true;
    s->tilt_total++;
    notice(s, out, LEVEL_WARNING, NULL, "+tilt", "#tilt mode entered");
}

void tilt_tick(struct sentinel *s, struct actions *out)
{
    s->tilt = false;
    s->tilt_since_ms = 0;
    notice(s, out, LEVEL_WARNING, NULL, "-tilt", "#tilt mode exited");
    LIST_EACH (&s->groups, link) {
        struct group *g = LIST_ENTRY(link, struct group, of_sentinel);

        EACH_NODE (g, of)
            node_tick(s, NODE_OF(of), out);
        group_mark(s, g);
    }
    LIST_EACH (&s->peers, link)
        peer_tick(s, PEER_OF(link), out);
}
