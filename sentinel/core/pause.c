#include "sentinel/core/pause.h"

#include <stdio.h>

#include "common/alloc.h"
#include "sentinel/core/group.h"
#include "sentinel/core/notice.h"
#include "sentinel/core/peer.h"

enum { STAMPS_PER_MS = 1024 }; /* two orders of one moment, at two sentinels, are two */

bool paused(const struct group *g)
{
    return g->pause.until_ms > 0;
}

uint64_t pause_left_ms(const struct group *g, uint64_t now_ms)
{
    uint64_t until_ms = g->pause.until_ms;

    if (until_ms == 0 || until_ms == TIMER_NEVER)
        return until_ms == 0 ? 0 : PAUSE_FOREVER;
    return until_ms > now_ms ? until_ms - now_ms : 1; /* it ends with the next look */
}

void pause_tell(struct sentinel *s, const struct seat *seat, struct actions *out)
{
    const struct group *g = seat->group;
    struct action *a;

    if (g->pause.stamp == 0 || !seat_is_holdfast(seat))
        return;
    a = act(out, ACT_PAUSE, seat->peer->id);
    a->text = xstrdup(g->name);
    a->epoch = g->pause.stamp;
    a->timeout_ms = pause_left_ms(g, s->now_ms);
}

static void tell_all(struct sentinel *s, const struct group *g, struct actions *out)
{
    LIST_EACH ((struct list *)&g->seats, link)
        pause_tell(s, SEAT_OF(link), out);
}

static void announce(struct sentinel *s, const struct group *g, uint64_t left_ms,
                     struct actions *out)
{
    struct inst who = inst_group(s, g);

    if (left_ms == 0)
        notice(s, out, LEVEL_WARNING, g, "-hf-paused", "%s", who.text);
    else if (left_ms == PAUSE_FOREVER)
        notice(s, out, LEVEL_WARNING, g, "+hf-paused", "%s until it is resumed", who.text);
    else
        notice(s, out, LEVEL_WARNING, g, "+hf-paused", "%s for %llu s", who.text,
               (unsigned long long)(left_ms + 999) / 1000);
}

/* The moment that is `left_ms` after now, by either clock. */
static uint64_t moment(uint64_t now_ms, uint64_t left_ms)
{
    if (left_ms == 0 || left_ms >= PAUSE_FOREVER - now_ms)
        return left_ms == 0 ? 0 : PAUSE_FOREVER;
    return now_ms + left_ms;
}

static uint64_t draw_stamp(struct sentinel *s, const struct group *g, uint64_t wall_ms)
{
    uint64_t stamp = wall_ms * STAMPS_PER_MS + rng_below(&s->rng, STAMPS_PER_MS);

    return stamp > g->pause.stamp ? stamp : g->pause.stamp + 1;
}

void pause_event(struct sentinel *s, const struct event *ev, struct actions *out)
{
    struct group *g = sentinel_find_group(s, bytes_of(ev->pause.name));
    uint64_t stamp = ev->pause.stamp;

    if (!g) {
        answer_error(out, ev->token, "ERR No such master with that name");
        return;
    }
    if (stamp == 0)
        stamp = draw_stamp(s, g, ev->pause.wall_ms);
    if (stamp > g->pause.stamp) {
        g->pause.stamp = stamp;
        g->pause.until_ms = moment(s->now_ms, ev->pause.left_ms);
        g->pause.until_wall_ms = moment(ev->pause.wall_ms, ev->pause.left_ms);
        persist_pause(g, out);
        announce(s, g, ev->pause.left_ms, out);
        tell_all(s, g, out);
        group_mark(s, g);
    }
    answer_ok(out, ev->token);
}

void pause_load(struct sentinel *s, struct group *g, const struct config_group *from,
                uint64_t wall_ms)
{
    uint64_t until_ms = from->pause_until_ms;

    g->pause.stamp = from->pause_stamp;
    g->pause.until_wall_ms = until_ms;
    if (until_ms == PAUSE_FOREVER)
        g->pause.until_ms = TIMER_NEVER;
    else if (until_ms > wall_ms)
        g->pause.until_ms = s->now_ms + (until_ms - wall_ms);
}

uint64_t pause_expire(struct sentinel *s, struct group *g, struct actions *out)
{
    if (!paused(g))
        return TIMER_NEVER;
    if (s->now_ms < g->pause.until_ms)
        return g->pause.until_ms;
    g->pause.until_ms = 0;
    announce(s, g, 0, out);
    return TIMER_NEVER;
}
