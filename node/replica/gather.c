/*
 * gather - many small pieces of the stream leave together.
 *
 * A piece for each turn makes a packet for each turn, and wakes the follower for each: under load that costs the leader more than
 * what it writes. So from the GATHER_SENDSth piece of a millisecond on the kernel keeps what does not fill a packet
 * (TCP_CORK), for at most repl-gather-max, and IDLE_MS more where the loop sleeps then. It is the kernel's at once all the
 * same: what was written before the leader dies goes out, unless it dies with an acknowledgement unread, which makes the
 * kernel reset the link; while the loop is in a long command the kernel lets go of it by itself (link_cork). A follower of a
 * leader that writes little, and whoever replies wait for, is sent each piece at once; so is a GETACK, and a proof of
 * freshness.
 */
#include "common/clock.h"
#include "common/link.h"
#include "common/serve/session.h"
#include "node/replica/replica_room.h"

/* A turn ends what is kept. The timer is for the loop that has no more turns: a loop with one that is due within a millisecond, by
 * which the kernel counts, would not rest (link_crowd.h). */
enum { GATHER_SENDS = 3, IDLE_MS = 2 };

static bool may_wait(const struct follower *f)
{
    return f->state == FOLLOWER_ONLINE && !f->group.node;
}

static void hold(struct follower *f, bool on)
{
    if (f->corked != on && f->session->link)
        link_cork(f->session->link, on);
    f->corked = on;
}

static void push(struct replica *r)
{
    LIST_EACH (&r->followers, node) {
        struct follower *f = LIST_ENTRY(node, struct follower, node);

        hold(f, false);
    }
}

static void begin(struct replica *r)
{
    struct gather *g = &r->gather;

    LIST_EACH (&r->followers, node) {
        struct follower *f = LIST_ENTRY(node, struct follower, node);

        hold(f, may_wait(f));
    }
    g->sends = 0;
    g->since_ms = clock_now_ms();
    ev_timer_set(&g->end, (double)(r->w->set->repl_gather_max_ms + IDLE_MS) / 1e3, 0.);
    ev_timer_start(r->w->loop, &g->end);
}

/* The loop has slept. */
static void on_end(struct ev_loop *loop, ev_timer *timer, int events)
{
    gather_end(timer->data);
}

void gather_turn(struct replica *r)
{
    struct gather *g = &r->gather;

    if (!ev_is_active(&g->end) ||
        clock_now_ms() < g->since_ms + (uint64_t)r->w->set->repl_gather_max_ms)
        return;
    ev_timer_stop(r->w->loop, &g->end);
    push(r);
    if (g->sends >= GATHER_SENDS && r->w->set->repl_gather_max_ms && !demand_on(&r->demand))
        begin(r);
}

void gather_init(struct replica *r)
{
    ev_timer_init(&r->gather.end, on_end, 0., 0.);
    r->gather.end.data = r;
}

void gather_fini(struct replica *r)
{
    ev_timer_stop(r->w->loop, &r->gather.end);
}

void gather_sent(struct replica *r)
{
    struct gather *g = &r->gather;
    uint64_t now_ms = clock_now_ms();

    if (g->hurries) {
        g->hurries = false;
        gather_end(r);
        return;
    }
    if (g->ms != now_ms && !ev_is_active(&g->end))
        g->sends = 0;
    g->ms = now_ms;
    if (++g->sends >= GATHER_SENDS && !ev_is_active(&g->end) && r->w->set->repl_gather_max_ms &&
        !demand_on(&r->demand))
        begin(r);
}

void gather_end(struct replica *r)
{
    ev_timer_stop(r->w->loop, &r->gather.end);
    push(r);
    r->gather.sends = 0;
}
