#include "sentinel/core/peer.h"

#include <stdio.h>
#include <string.h>

#include "common/alloc.h"
#include "sentinel/core/group.h"
#include "sentinel/core/line.h"
#include "sentinel/core/notice.h"
#include "sentinel/core/pause.h"

struct peer *peer_find(const struct sentinel *s, const char *run_id)
{
    return index_find(&s->by_run_id, bytes_of(run_id));
}

static struct peer *peer_add(struct sentinel *s, const char *run_id, const struct addr *a)
{
    struct peer *p = xcalloc(1, sizeof *p);

    p->id = ++s->next_id;
    p->addr = *a;
    snprintf(p->run_id, sizeof p->run_id, "%s", run_id);
    p->timer.kind = TIMER_PEER;
    list_init(&p->seats);
    vitals_init(s, &p->vitals);
    line_init(s, &p->line);
    list_push_back(&s->peers, &p->of_sentinel);
    index_put(&s->ids, index_number(&p->id), &p->timer);
    index_put(&s->by_run_id, bytes_of(p->run_id), p);
    timer_set(&s->timers, &p->timer, s->now_ms);
    return p;
}

static void peer_remove(struct sentinel *s, struct peer *p, struct actions *out)
{
    line_fini(s, &p->line);
    act(out, ACT_FORGET, p->id);
    timer_set(&s->timers, &p->timer, TIMER_NEVER);
    index_remove(&s->ids, index_number(&p->id));
    index_remove(&s->by_run_id, bytes_of(p->run_id));
    list_remove(&p->of_sentinel);
    xfree(p);
}

struct seat *seat_find(const struct group *g, const char *run_id)
{
    LIST_EACH (&g->seats, link)
        if (strcmp(SEAT_OF(link)->peer->run_id, run_id) == 0)
            return SEAT_OF(link);
    return NULL;
}

struct seat *seat_add(struct sentinel *s, struct group *g, const char *run_id, const struct addr *a,
                      bool *out_new)
{
    struct seat *seat = seat_find(g, run_id);

    *out_new = false;
    if (seat || g->seat_count >= SEATS_PER_GROUP_MAX)
        return seat;
    seat = xcalloc(1, sizeof *seat);
    seat->group = g;
    seat->peer = peer_find(s, run_id);
    if (!seat->peer)
        seat->peer = peer_add(s, run_id, a);
    seat->hello_ms = s->now_ms;
    seat->peer->seat_count++;
    list_push_back(&seat->peer->seats, &seat->of_peer);
    list_push_back(&g->seats, &seat->of_group);
    g->seat_count++;
    *out_new = true;
    return seat;
}

void seat_remove(struct sentinel *s, struct seat *seat, struct actions *out)
{
    struct peer *p = seat->peer;

    if (seat->mine != VERDICT_UP)
        p->down_seats--;
    list_remove(&seat->of_peer);
    list_remove(&seat->of_group);
    seat->group->seat_count--;
    xfree(seat);
    if (--p->seat_count == 0)
        peer_remove(s, p, out);
}

void seat_vacate(struct sentinel *s, struct seat *seat)
{
    /* The slowest hello of a living peer comes within this; another RESET meanwhile gives it no more time. */
    if (seat->vacant_until_ms == 0)
        seat->vacant_until_ms = s->now_ms + (HELLO_CALM + 1) * s->debug_ms[T_PUBLISH_PERIOD];
}

uint64_t seat_expire(struct sentinel *s, struct group *g, struct actions *out)
{
    uint64_t next = TIMER_NEVER;

    LIST_EACH (&g->seats, link) {
        struct seat *seat = SEAT_OF(link);

        if (seat->vacant_until_ms == 0)
            continue;
        if (s->now_ms >= seat->vacant_until_ms) {
            persist_seat(seat, false, out);
            seat_remove(s, seat, out);
        } else if (seat->vacant_until_ms < next) {
            next = seat->vacant_until_ms;
        }
    }
    return next;
}

void seat_hello(struct sentinel *s, struct seat *seat, struct actions *out)
{
    struct peer *p = seat->peer;

    if (p->line.state == LINE_UP)
        act(out, ACT_HELLO, p->id)->text = group_hello(s, seat->group, p->line.local_ip);
}

bool seat_is_holdfast(const struct seat *seat)
{
    return seat->peer->protocol > 0 && seat->peer->line.state == LINE_UP;
}

void seat_state(struct sentinel *s, struct seat *seat, struct actions *out)
{
    struct action *a;
    struct view *v;

    if (!seat_is_holdfast(seat))
        return;
    v = xcalloc(1, sizeof *v);
    *v = group_view(s, seat->group);
    a = act(out, ACT_STATE, seat->peer->id);
    a->view = v;
    a->tag = s->steps;
}

/* What it said over the lost connection may be old news when it is back. */
static void forget_views(struct sentinel *s, struct peer *p)
{
    LIST_EACH (&p->seats, link) {
        struct seat *seat = SEAT_OF_PEER(link);

        seat->confirmed_ms = 0;
        if (seat->verdict != VERDICT_UP || seat->captain_epoch > 0)
            group_mark(s, seat->group);
    }
}

void peer_redial(struct sentinel *s, struct peer *p, struct actions *out)
{
    line_hang_up(s, &p->line, p->id, LINE_CMD, out);
    vitals_lost(&p->vitals);
    forget_views(s, p);
    timer_set(&s->timers, &p->timer, s->now_ms);
}

void peer_move(struct sentinel *s, struct peer *p, const struct addr *a, struct actions *out)
{
    p->addr = *a;
    p->ip[0] = '\0';
    LIST_EACH (&p->seats, link)
        persist_seat(SEAT_OF_PEER(link), true, out);
    peer_redial(s, p, out);
}

static void peer_ping(struct sentinel *s, struct peer *p, struct actions *out)
{
    act(out, ACT_PING, p->id);
    vitals_pinged(s, &p->vitals);
}

void peer_line_up(struct sentinel *s, struct peer *p, const struct event *ev, struct actions *out)
{
    if (!line_up(s, &p->line, ev->line.local_ip))
        return;
    if (ev->line.peer_ip)
        snprintf(p->ip, sizeof p->ip, "%s", ev->line.peer_ip);
    peer_ping(s, p, out);
    act(out, ACT_PROBE, p->id);
    LIST_EACH (&p->seats, link) {
        seat_hello(s, SEAT_OF_PEER(link), out);
        if (SEAT_OF_PEER(link)->group->agreed)
            group_mark(s, SEAT_OF_PEER(link)->group);
    }
    peer_tick(s, p, out);
}

void peer_line_down(struct sentinel *s, struct peer *p, enum down_why why, struct actions *out)
{
    bool was_up;

    if (!line_down(s, &p->line, why, &was_up))
        return;
    line_tell(&p->line, why, inst_seat(s, SEAT_OF_PEER(p->seats.next)).text, out);
    vitals_lost(&p->vitals);
    if (was_up)
        forget_views(s, p);
    peer_tick(s, p, out);
}

void peer_probed(struct sentinel *s, struct peer *p, uint32_t protocol, struct actions *out)
{
    p->protocol = protocol < VIEW_PROTOCOL ? protocol : VIEW_PROTOCOL;
    /* Every group's: what was said over the connection before this one may have been lost with it. */
    LIST_EACH (&p->seats, link) {
        seat_state(s, SEAT_OF_PEER(link), out);
        pause_tell(s, SEAT_OF_PEER(link), out);
    }
}

static void judge_seat(struct sentinel *s, struct seat *seat, struct actions *out)
{
    uint64_t silent_ms = vitals_silent_ms(s, &seat->peer->vitals, seat->group->set.down_after_ms);
    enum verdict now = s->now_ms >= silent_ms ? VERDICT_SOFT : VERDICT_UP;

    if (s->tilt || now == seat->mine)
        return;
    seat->mine = now;
    if (now == VERDICT_UP) {
        seat->peer->down_seats--;
        notice(s, out, LEVEL_WARNING, seat->group, "-sdown", "%s", inst_seat(s, seat).text);
        return;
    }
    seat->peer->down_seats++;
    seat->down_since_ms = s->now_ms;
    notice(s, out, LEVEL_WARNING, seat->group, "+sdown", "%s", inst_seat(s, seat).text);
}

static void judge_seats(struct sentinel *s, struct peer *p, struct actions *out)
{
    LIST_EACH (&p->seats, link)
        judge_seat(s, SEAT_OF_PEER(link), out);
}

void peer_pong(struct sentinel *s, struct peer *p, enum pong_kind kind, struct actions *out)
{
    if (p->line.state != LINE_UP || !vitals_pong(s, &p->vitals, kind))
        return;
    line_works(&p->line);
    p->line.was_up = false;
    if (p->down_seats > 0)
        judge_seats(s, p, out);
}

/* The shortest patience any shared group has: it sets the pulse, and when silence is looked at. */
static uint64_t down_after_min_ms(const struct peer *p)
{
    uint64_t least = UINT32_MAX;

    LIST_EACH (&p->seats, link)
        if (SEAT_OF_PEER(link)->group->set.down_after_ms < least)
            least = SEAT_OF_PEER(link)->group->set.down_after_ms;
    return least;
}

/* A peer that hangs is given up as a node is, so that a new connection can get through. */
static void recycle_hung(struct sentinel *s, struct peer *p, uint64_t patience_ms,
                         struct actions *out)
{
    if (p->vitals.unanswered_ms > 0 && s->now_ms >= p->vitals.unanswered_ms + patience_ms / 2 &&
        s->now_ms >= p->line.changed_ms + patience_ms / 2)
        peer_redial(s, p, out);
}

void peer_tick(struct sentinel *s, struct peer *p, struct actions *out)
{
    uint64_t patience_ms = down_after_min_ms(p), period = ping_period_ms(s, patience_ms), next;
    uint64_t silent_ms = vitals_silent_ms(s, &p->vitals, patience_ms);

    if (s->now_ms >= silent_ms)
        judge_seats(s, p, out);
    if (p->line.state == LINE_UP)
        recycle_hung(s, p, patience_ms, out);
    if (line_dial_ms(&p->line) <= s->now_ms)
        line_dial(s, &p->line, p->id, LINE_CMD, &p->vitals, out);
    if (p->line.state == LINE_UP && s->now_ms >= ping_due_ms(&p->vitals, period))
        peer_ping(s, p, out);
    next = p->line.state == LINE_UP ? ping_due_ms(&p->vitals, period) : line_dial_ms(&p->line);
    /* Past the first group's patience the others' are looked at once a second. */
    if (silent_ms <= s->now_ms)
        silent_ms = p->down_seats < p->seat_count ? s->now_ms + 1000 : TIMER_NEVER;
    next = silent_ms < next ? silent_ms : next;
    timer_set(&s->timers, &p->timer, next);
}
