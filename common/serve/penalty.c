#include "common/serve/penalty.h"

#include "common/clock.h"
#include "common/log.h"
#include "common/serve/service.h"

#define WRONG_PASSWORD "WRONGPASS invalid username-password pair or user is disabled."

enum { TELL_MS = 10000 };

static bool has_allowance(struct penalty *p)
{
    uint64_t back = (clock_now_ms() - p->refilled_ms) / PENALTY_REFILL_MS;

    p->refilled_ms += back * PENALTY_REFILL_MS;
    p->spent = back < p->spent ? p->spent - back : 0;
    return p->spent < PENALTY_FREE;
}

/* Whom nobody can hold: part of a transaction, a script, a follower's stream. */
static bool may_hold(const struct call *c)
{
    return c->session && c->session->kind == SESSION_NORMAL && !c->in_exec && !c->denies_blocking;
}

static void tell(struct penalty *p, const struct session *s)
{
    if (p->told_ms && clock_now_ms() < p->told_ms + TELL_MS)
        return;
    p->told_ms = clock_now_ms();
    log_warning("wrong-passwords-wait addr=%s: many came lately, of this client or others",
                s->link->peer);
}

static void arm(struct penalty *p)
{
    const struct session *first;
    uint64_t now_ms = clock_now_ms(), due_ms;

    ev_timer_stop(p->loop, &p->due);
    if (list_empty(&p->waiting))
        return;
    first = LIST_ENTRY(p->waiting.next, struct session, held);
    due_ms = first->last_ms + PENALTY_MS;
    ev_timer_set(&p->due, due_ms > now_ms ? (double)(due_ms - now_ms) / 1e3 : 0., 0.);
    ev_timer_start(p->loop, &p->due);
}

/* What dispatch would have done, had the handler written it. */
static void answer_late(struct session *s)
{
    struct service *v = s->service;
    struct reply late = session_late_reply(s);

    list_remove(&s->held);
    reply_error(&late, WRONG_PASSWORD);
    v->stats.commands++;
    stats_count(s->last_stats, 0);
    s->last_stats->failed++;
    stats_count_error(&v->stats, late.error_code);
    session_drop_held(s);
}

static void on_due(struct ev_loop *loop, ev_timer *w, int events)
{
    struct penalty *p = w->data;
    uint64_t now_ms = clock_now_ms();

    while (!list_empty(&p->waiting)) {
        struct session *s = LIST_ENTRY(p->waiting.next, struct session, held);

        if (now_ms < s->last_ms + PENALTY_MS)
            break;
        answer_late(s);
    }
    arm(p);
}

void penalty_init(struct penalty *p, struct ev_loop *loop)
{
    *p = (struct penalty){ .loop = loop };
    list_init(&p->waiting);
    ev_timer_init(&p->due, on_due, 0., 0.);
    p->due.data = p;
}

void penalty_fini(struct penalty *p)
{
    ev_timer_stop(p->loop, &p->due);
}

bool penalty_admit(struct call *c)
{
    struct penalty *p = &c->service->penalty;

    if (may_hold(c) || has_allowance(p))
        return true;
    tell(p, c->session);
    reply_error(
        c->reply,
        "ERR too many wrong passwords came lately: none is looked at here, where its answer "
        "could not wait (a transaction, a subscriber)");
    return false;
}

void penalty_answer(struct call *c)
{
    struct penalty *p = &c->service->penalty;

    if (has_allowance(p)) {
        p->spent++;
        reply_error(c->reply, WRONG_PASSWORD);
        return;
    }
    tell(p, c->session);
    session_hold(c->session);
    list_push_back(&p->waiting, &c->session->held);
    if (!ev_is_active(&p->due))
        arm(p);
}
