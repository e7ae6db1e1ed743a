#include "node/serve/block.h"

#include "node/replica/replica.h"
#include "node/serve/migrate.h"
#include "node/world.h"

void block_init(struct serve *v)
{
    list_init(&v->ready);
    list_init(&v->ack_waiters);
    list_init(&v->work_waiters);
}

void block_fini(struct serve *v)
{
    key_list_fini(&v->blocks);
}

static struct serve *serve_of(const struct node_session *s)
{
    return ((struct node_world *)s->base.service->world)->serve;
}

static void forget(struct serve *v, struct node_session *s)
{
    buf_fini(&s->note);
    ev_timer_stop(v->service->loop, &s->timeout);
    key_list_remove_all(&v->blocks, &s->blocked);
    list_remove(&s->waits);
    migrate_leave(s);
}

static bool waiting(const struct node_session *s)
{
    return list_linked(&s->waits) || !list_empty(&s->blocked);
}

/* Runs the request again; the session keeps its places until it is answered. */
static void try_for(struct serve *v, struct node_session *s, struct bytes key, bool denies_blocking)
{
    bool answered;

    s->trying = true;
    s->woken_by = key;
    answered = session_try_held(&s->base, denies_blocking);
    s->trying = false;
    s->woken_by = (struct bytes){ 0 };
    if (!answered)
        return;
    v->blocked_count--;
    forget(v, s);
}

static void try_again(struct serve *v, struct node_session *s, bool denies_blocking)
{
    try_for(v, s, (struct bytes){ 0 }, denies_blocking);
}

static void time_is_up(struct ev_loop *loop, ev_timer *w, int events)
{
    struct node_session *s = w->data;

    (void)loop;
    (void)events;
    try_again(serve_of(s), s, true);
}

void block_join(struct serve *v, struct node_session *s)
{
    (void)v;
    list_init(&s->blocked);
    ev_timer_init(&s->timeout, time_is_up, 0, 0);
    s->timeout.data = s;
}

void block_leave(struct serve *v, struct node_session *s)
{
    if (waiting(s))
        v->blocked_count--;
    forget(v, s);
}

static void add_keys(struct serve *v, struct node_session *s, const struct call *c)
{
    for (int i = c->block_first; i <= c->block_last; i += c->block_step)
        key_list_add(&v->blocks, c->db, c->argv[i], s, &s->blocked);
}

void block_enter(struct serve *v, struct node_session *s, const struct call *c)
{
    session_hold(&s->base);
    s->base.flags |= SESSION_BLOCKED;
    if (s->trying)
        return;
    if (c->intents & INTENT_BLOCK_KEYS)
        add_keys(v, s, c);
    else
        list_push_back(c->intents & INTENT_BLOCK_WORK ? &v->work_waiters : &v->ack_waiters,
                       &s->waits);
    v->blocked_count++;
    if (!c->block_timeout_ms)
        return;
    ev_timer_set(&s->timeout, (double)c->block_timeout_ms / 1000., 0.);
    ev_timer_start(v->service->loop, &s->timeout);
}

static void mark(struct serve *v, struct key_place *p)
{
    if (!list_linked(&p->marked))
        list_push_back(&v->ready, &p->marked);
}

void block_key_ready(struct serve *v, int db, struct bytes key)
{
    struct key_place *p = key_list_find(&v->blocks, db, key);

    if (p)
        mark(v, p);
}

void block_db_ready(struct serve *v, int db)
{
    if (LIKELY(key_list_empty(&v->blocks)))
        return;
    LIST_EACH (&v->service->sessions, n) {
        struct node_session *s = node_session_of(LIST_ENTRY(n, struct session, node));

        LIST_EACH (&s->blocked, k) {
            struct key_place *p = LIST_ENTRY(k, struct key_waiter, by_owner)->place;

            if (db < 0 || p->db == db)
                mark(v, p);
        }
    }
}

/* The place may vanish with its last waiter, and a waiter with its answer. Each is tried for this key alone,
 * so that keys are served in the order in which they became ready, whatever order the command names. */
static void serve_place(struct serve *v, struct key_place *p)
{
    struct key_waiter *last = LIST_ENTRY(p->waiters.prev, struct key_waiter, by_place);
    struct list *next = p->waiters.next;
    bool more = true;

    while (more) {
        struct key_waiter *w = LIST_ENTRY(next, struct key_waiter, by_place);

        more = w != last;
        next = w->by_place.next;
        try_for(v, w->owner, key_place_key(p), false);
    }
}

void block_serve_ready(struct serve *v)
{
    if (LIKELY(list_empty(&v->ready)) || v->serving_ready)
        return;
    v->serving_ready = true;
    while (!list_empty(&v->ready)) {
        struct key_place *p = LIST_ENTRY(v->ready.next, struct key_place, marked);

        list_remove(&p->marked);
        serve_place(v, p);
    }
    v->serving_ready = false;
}

void block_wake(struct serve *v, struct node_session *s)
{
    if (waiting(s))
        try_again(v, s, false);
}

void block_serve_acks(struct serve *v)
{
    if (!v->acks_came)
        return;
    v->acks_came = false;
    LIST_EACH (&v->ack_waiters, n)
        try_again(v, LIST_ENTRY(n, struct node_session, waits), false);
}

static void end_with(struct serve *v, struct node_session *s, const char *error)
{
    struct service_stats *stats = &v->service->stats;
    struct reply r = session_late_reply(&s->base);

    reply_error(&r, error);
    stats->commands++;
    stats_count(s->base.last_stats, 0);
    s->base.last_stats->failed++;
    stats_count_error(stats, "UNBLOCKED");
    block_leave(v, s);
    session_drop_held(&s->base);
}

bool block_unblock(struct session *session, bool with_error)
{
    struct node_session *s = node_session_of(session);
    struct serve *v = serve_of(s);

    if (!waiting(s))
        return false;
    if (with_error)
        end_with(v, s, "UNBLOCKED client unblocked via CLIENT UNBLOCK");
    else
        try_again(v, s, true);
    return true;
}

/* What comes behind in its pipeline was meant for a leader. */
static void end_and_close(struct serve *v, struct node_session *s, const char *error)
{
    end_with(v, s, error);
    session_close(&s->base, LINK_WHY_ASKED);
}

void block_end_all(struct serve *v, const char *error)
{
    LIST_EACH (&v->service->sessions, n) {
        struct node_session *s = node_session_of(LIST_ENTRY(n, struct session, node));

        if (!list_empty(&s->blocked))
            end_and_close(v, s, error);
    }
    LIST_EACH (&v->ack_waiters, n)
        end_and_close(v, LIST_ENTRY(n, struct node_session, waits), error);
}
