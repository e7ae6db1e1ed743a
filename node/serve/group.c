#include "node/serve/group.h"

#include "node/serve/serve.h"
#include "node/world.h"

void group_begin(struct serve *v, uint64_t (*beat)(void *arg),
                 bool (*is_peer)(void *arg, const char *ip), void *arg)
{
    v->group.beat = beat;
    v->group.is_peer = is_peer;
    v->group.arg = arg;
}

bool group_is_peer(const struct serve *v, const char *ip)
{
    return v->group.is_peer && v->group.is_peer(v->group.arg, ip);
}

static bool same(struct group_answer a, struct group_answer b)
{
    return a.error == b.error && a.held == b.held;
}

static void ask_again(struct serve *v)
{
    LIST_EACH (&v->group.held, n) {
        list_remove(n);
        session_resume(LIST_ENTRY(n, struct session, held));
    }
}

void group_answers(struct serve *v, struct group_answer writes, struct group_answer reads,
                   bool pauses)
{
    struct serve_group *g = &v->group;
    bool changed = !same(g->writes, writes) || !same(g->reads, reads);

    g->writes = writes;
    g->reads = reads;
    if (UNLIKELY(changed))
        serve_settle_role(v);
    if (pauses != g->pausing) {
        g->pausing = pauses;
        if (pauses)
            service_pause(v->service, PAUSE_FAILOVER, PAUSE_WRITES, UINT64_MAX);
        else
            service_unpause(v->service, PAUSE_FAILOVER);
    }
    if (UNLIKELY(changed))
        ask_again(v);
}

bool group_takes_writes(const struct serve *v)
{
    return !v->group.writes.error && !v->group.writes.held;
}

/* ---- a leader's clients, when it leads no more ---- */

static bool is_client(const struct serve *v, const struct session *s)
{
    return (s->kind == SESSION_NORMAL || s->kind == SESSION_PUBSUB) && s != v->running &&
           !node_session_of((struct session *)s)->orders;
}

/* More of its pipeline may follow. */
static void close_when_answered(struct serve *v, struct session *s)
{
    if (!list_linked(&s->held))
        list_push_back(&v->group.refused, &s->held);
}

/* By a pause, by us, or for a walk: it has not run. */
static void refuse_held(struct serve *v, struct session *s)
{
    struct reply reply = session_late_reply(s);

    list_remove(&s->held);
    reply_error(&reply, GROUP_READONLY);
    session_drop_held(s);
    close_when_answered(v, s);
}

static void dismiss(struct serve *v, struct session *s, bool held_wait)
{
    bool held = (s->flags & SESSION_HELD) && list_linked(&s->held);

    node_session_of(s)->dismissed = true;
    if (held && !held_wait)
        refuse_held(v, s);
    else if (!held &&
             (s->kind == SESSION_PUBSUB || (s->flags & (SESSION_BLOCKED | SESSION_MONITOR))))
        session_close(s, LINK_WHY_ASKED);
}

void group_dismiss(struct serve *v, bool held_wait)
{
    LIST_EACH (&v->service->sessions, n) {
        struct session *s = LIST_ENTRY(n, struct session, node);

        if (is_client(v, s))
            dismiss(v, s, held_wait);
    }
    v->group.dismissing = true;
    ev_timer_stop(v->world->loop, &v->group.dismissed);
    ev_timer_set(&v->group.dismissed, GROUP_DISMISSED_MS / 1e3, 0.);
    ev_timer_start(v->world->loop, &v->group.dismissed);
}

void group_refuse_dismissed(struct serve *v)
{
    LIST_EACH (&v->service->sessions, n) {
        struct session *s = LIST_ENTRY(n, struct session, node);

        if (node_session_of(s)->dismissed && (s->flags & SESSION_HELD) && list_linked(&s->held))
            refuse_held(v, s);
    }
}

bool group_turns_away(struct serve *v, struct node_session *s, struct call *c, uint32_t has)
{
    bool refused = list_linked(&s->base.held); /* then nothing else may hold it */

    if (!s->dismissed || !(refused || (has & (CMD_WRITE | CMD_MAY_REPLICATE | CMD_READONLY))))
        return false;
    service_refuse(&s->base, c, GROUP_READONLY);
    close_when_answered(v, &s->base);
    return true;
}

void group_turn_ended(struct serve *v)
{
    LIST_EACH (&v->group.refused, n) {
        struct session *s = LIST_ENTRY(n, struct session, held);

        if (link_input(s->link).len)
            continue;
        list_remove(n);
        session_close(s, LINK_WHY_ASKED);
    }
}

static void close_dismissed(struct ev_loop *loop, ev_timer *timer, int events)
{
    struct serve *v = timer->data;

    v->group.dismissing = false;
    LIST_EACH (&v->service->sessions, n) {
        struct session *s = LIST_ENTRY(n, struct session, node);

        if (node_session_of(s)->dismissed)
            session_close(s, LINK_WHY_ASKED);
    }
}

/* ---- */

void group_init(struct serve *v)
{
    list_init(&v->group.held);
    list_init(&v->group.refused);
    ev_timer_init(&v->group.dismissed, close_dismissed, 0., 0.);
    v->group.dismissed.data = v;
}

void group_fini(struct serve *v)
{
    ev_timer_stop(v->world->loop, &v->group.dismissed);
}

bool group_holds(struct serve *v, struct node_session *s, uint32_t has)
{
    const struct serve_group *g = &v->group;
    const uint32_t writes = CMD_WRITE | CMD_MAY_REPLICATE;
    bool held =
        (g->writes.held && (has & writes)) || (g->reads.held && (has & (writes | CMD_READONLY)));

    if (!held || s->trying || s->base.kind == SESSION_REPLICA)
        return false;
    session_hold(&s->base);
    list_push_back(&v->group.held, &s->base.held);
    return true;
}
