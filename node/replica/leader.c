/*
 * leader - our followers: each is a cursor on the oplog, after at most one payload.
 */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "common/alloc.h"
#include "common/clock.h"
#include "common/log.h"
#include "common/serve/service.h"
#include "node/replica/replica_room.h"

static void follower_drained(void *arg, struct session *s);
static void follower_gone(void *arg, struct session *s);

static const struct session_guest follower_guest = { .drained = follower_drained,
                                                     .gone = follower_gone };

const char *follower_address(const struct follower *f, char *out, size_t cap)
{
    const char *peer = f->session->link ? f->session->link->peer : "";
    const char *colon = strrchr(peer, ':');

    if (*f->address)
        snprintf(out, cap, "%s", f->address);
    else if (*peer == '[' && colon)
        snprintf(out, cap, "%.*s", (int)(colon - peer) - 2, peer + 1);
    else
        snprintf(out, cap, "%.*s", colon ? (int)(colon - peer) : (int)strlen(peer), peer);
    return out;
}

struct follower *leader_follower_of(struct replica *r, struct session *s, bool make)
{
    struct follower *f;

    if (s->guest == &follower_guest)
        return s->guest_arg;
    if (!make)
        return NULL;
    f = xcalloc(1, sizeof *f);
    f->room = r;
    f->session = s;
    f->progress_ms = clock_now_ms();
    list_push_back(&r->followers, &f->node);
    session_adopt(s, s->kind, &follower_guest, f);
    return f;
}

bool follower_stands(const struct follower *f)
{
    const struct link *link = f->session->link;

    return follower_counts(f) && !(link && link->state == LINK_DEAD);
}

uint64_t leader_count_followers(const struct replica *r)
{
    uint64_t count = 0;

    LIST_EACH ((struct list *)&r->followers, node)
        count += follower_stands(LIST_ENTRY(node, struct follower, node));
    return count;
}

int64_t leader_count_good(const struct replica *r)
{
    uint64_t lag_ms_max = (uint64_t)r->w->set->min_followers_max_lag_s * 1000;
    int64_t count = 0;

    LIST_EACH ((struct list *)&r->followers, node) {
        const struct follower *f = LIST_ENTRY(node, struct follower, node);

        count += f->state == FOLLOWER_ONLINE && follower_stands(f) &&
                 clock_now_ms() - f->ack_ms <= lag_ms_max;
    }
    return count;
}

/* Its cursors go at once: the link dies when its turn comes, and the oplog may be adopted before. */
static void release(struct follower *f)
{
    struct replica *r = f->room;
    bool counted = follower_counts(f);

    f->state = FOLLOWER_LEAVING;
    if (counted && !leader_count_followers(r))
        r->no_followers_since_ms = clock_now_ms();
    oplog_close(&f->stream);
    full_sync_leave(f);
    leader_pump_soon(r); /* what it held is freed in slices */
}

static void follower_gone(void *arg, struct session *s)
{
    struct follower *f = arg;
    struct replica *r = f->room;
    uint64_t node = f->group.begun ? f->group.node : 0;

    if (follower_counts(f))
        log_notice("follower-left id=%llu offset=%llu why=%s", (unsigned long long)s->id,
                   (unsigned long long)f->ack_offset,
                   s->link ? link_why_word(s->link->why) : "closed");
    release(f);
    list_remove(&f->node);
    xfree(f);
    if (node)
        group_follower_gone(r, node);
}

void leader_drop(struct follower *f, const char *why)
{
    log_warning("follower-dropped id=%llu why=\"%s\"", (unsigned long long)f->session->id, why);
    release(f);
    session_kill(f->session, LINK_WHY_LIMIT);
}

void leader_close(struct follower *f, const char *why)
{
    release(f);
    log_notice("follower-closed id=%llu why=\"%s\"", (unsigned long long)f->session->id, why);
    session_kill(f->session, LINK_WHY_ASKED);
}

void leader_drop_followers(struct replica *r, const char *why)
{
    LIST_EACH (&r->followers, node) {
        struct follower *f = LIST_ENTRY(node, struct follower, node);

        if (follower_counts(f))
            leader_close(f, why);
    }
}

/* A line of ours between payload and stream. */
void leader_say(struct follower *f, const char *format, ...)
{
    struct reply reply = session_reply(f->session);
    char line[128];
    va_list args;
    int len;

    va_start(args, format);
    len = vsnprintf(line, sizeof line, format, args);
    va_end(args);
    reply_raw(&reply, line, (size_t)len);
    session_wrote(f->session);
}

void leader_reply(struct follower *f, struct bytes text)
{
    struct reply reply = session_reply(f->session);

    reply_raw(&reply, text.at, text.len);
    session_wrote(f->session);
}

void leader_put(struct follower *f, struct bytes text)
{
    struct link *l = f->session->link;
    size_t sent = link_unsent(l) ? 0 : link_send(l, text.at, text.len);

    if (sent == text.len)
        return;
    out_append(&l->out, text.at + sent, text.len - sent);
    session_wrote(f->session);
}

/* ---- bytes out -------------------------------------------------------------------------------- */

void leader_pump_soon(struct replica *r)
{
    if (ev_is_active(&r->pump_more))
        return;
    ev_timer_set(&r->pump_more, 0., 0.);
    ev_timer_start(r->w->loop, &r->pump_more);
}

/* Sends what the cursor has until it is at until, the socket is full, or it is the others' turn: one
 * that reads as fast as we write would never be full. True: it is there. */
static bool send_until(struct follower *f, struct oplog_cursor *c, uint64_t until)
{
    struct link *link = f->session->link;
    size_t total = 0;

    while (c->at < until) {
        struct bytes data = oplog_read(c);
        size_t sent;

        if (data.len > until - c->at)
            data.len = (size_t)(until - c->at);
        if (!link || link->state != LINK_OPEN || link_unsent(link))
            return false;
        sent = link_send(link, data.at, data.len);
        if (sent)
            f->progress_ms = clock_now_ms();
        oplog_advance(c, sent);
        if (sent < data.len)
            return false;
        total += sent;
        if (total >= PUMP_BYTES && c->at < until) {
            leader_pump_soon(f->room);
            return false;
        }
    }
    return true;
}

static bool send_all(struct follower *f, struct oplog_cursor *c)
{
    return send_until(f, c, c->at + oplog_lag(c));
}

static void payload_left(struct follower *f)
{
    if (f->rdb_only) {
        release(f);
        session_close(f->session, LINK_WHY_ASKED);
        return;
    }
    full_sync_leave(f);
    f->progress_ms = f->ack_ms = clock_now_ms();
    /* Who was told a length knows where the payload ends; who waits for a mark tells when it is
     * through, and gets not a byte of the stream before. */
    f->state = f->counted ? FOLLOWER_ONLINE : FOLLOWER_WAIT_ACK;
    log_notice("follower-payload-sent id=%llu" REDIS_SAYS("Synchronization with replica succeeded"),
               (unsigned long long)f->session->id);
}

static void say_echo(struct follower *f)
{
    leader_say(f, "+hf-echo %llu\r\n", (unsigned long long)f->echo.number);
    f->echo.owed = f->echo.placed = false;
    f->room->gather.hurries = true;
}

/* An answer, or a beat, stands between two units: behind all that we had when it was placed. */
static void send_stream(struct follower *f)
{
    while (f->echo.placed || f->beat.placed) {
        bool beat = f->beat.placed && !(f->echo.placed && f->echo.at < f->beat.at);

        if (!send_until(f, &f->stream, beat ? f->beat.at : f->echo.at))
            return;
        if (beat)
            acks_say_beat(f);
        else
            say_echo(f);
    }
    send_all(f, &f->stream);
}

void leader_pump(struct follower *f)
{
    bool whole = f->sync && f->sync->whole;

    if (f->state == FOLLOWER_PAYLOAD && (whole || !f->counted) && send_all(f, &f->payload) && whole)
        payload_left(f);
    if (f->state == FOLLOWER_ONLINE)
        send_stream(f);
}

static void on_pump_more(struct ev_loop *loop, ev_timer *timer, int events)
{
    struct replica *r = timer->data;

    LIST_EACH (&r->followers, node)
        leader_pump(LIST_ENTRY(node, struct follower, node));
    full_sync_drained(r);
    if (oplog_sweep(r->w->oplog) | full_sync_sweep(r))
        leader_pump_soon(r);
}

static void follower_drained(void *arg, struct session *s)
{
    struct follower *f = arg;

    leader_pump(f);
    full_sync_drained(f->room);
}

void leader_turn(struct replica *r)
{
    struct oplog *o = r->w->oplog;

    gather_turn(r);
    leader_settle(r);
    if (r->follows)
        r->asks_acks = false; /* the handover that asked is over */
    if (r->walk_freed) {
        r->walk_freed = false;
        full_sync_begin(r);
    }
    if (r->asks_acks) {
        r->asks_acks = false;
        r->gather.hurries = true;
        r->getack_at = o->next;
        oplog_append_words(o, OPLOG_NO_DB, 3, "REPLCONF", "GETACK", "*");
        oplog_set_aside(o, r->getack_at);
        r->getack_end = o->next;
    }
    if (UNLIKELY(o->gone != NULL))
        leader_pump_soon(r); /* one large write leaves more than the next ones would free */
    if (o->next == r->pumped)
        return;
    r->pumped = o->next;
    if (list_empty(&r->followers))
        return;
    LIST_EACH (&r->followers, node)
        leader_pump(LIST_ENTRY(node, struct follower, node));
    gather_sent(r);
}

void leader_begin_sync(struct follower *f, bool sync_only)
{
    struct replica *r = f->room;

    f->state = FOLLOWER_WAITING;
    f->sync_only = sync_only;
    f->counted = !f->capa_eof; /* whatever repl-diskless-sync says: nothing goes over a disk here */
    f->progress_ms = clock_now_ms();
    f->group.least = f->group.node ? r->w->oplog->next : 0;
    session_adopt(f->session, SESSION_REPLICA, &follower_guest, f);
    full_sync_begin(r);
}

void leader_continue(struct follower *f, uint64_t offset)
{
    struct oplog *o = f->room->w->oplog;
    enum err e = oplog_open(o, offset, &f->stream);

    ASSERT(e == OK);
    f->state = FOLLOWER_ONLINE;
    f->ack_ms = f->progress_ms = clock_now_ms();
    f->room->syncs_partial++;
    f->room->pumped = UINT64_MAX; /* look at it in this turn */
    acks_follower_online(f);
    session_adopt(f->session, SESSION_REPLICA, &follower_guest, f);
    log_notice("follower-continues id=%llu from=%llu bytes=%llu" REDIS_SAYS(
                   "Partial resynchronization request accepted"),
               (unsigned long long)f->session->id, (unsigned long long)offset,
               (unsigned long long)(o->next - offset));
}

void leader_acked(struct follower *f, uint64_t offset)
{
    struct replica *r = f->room;

    f->ack_ms = f->progress_ms = clock_now_ms();
    if (f->state == FOLLOWER_WAIT_ACK) {
        f->state = FOLLOWER_ONLINE;
        r->pumped = UINT64_MAX;
        acks_follower_online(f);
    }
    if (offset > f->ack_offset && offset <= r->w->oplog->next) {
        f->ack_offset = offset;
        if (r->hooks.acked)
            r->hooks.acked(r->hooks.arg);
    }
    leader_settle(r);
}

void leader_file_acked(struct follower *f, uint64_t offset)
{
    struct replica *r = f->room;

    if (f->has_file && offset <= f->fack_offset)
        return;
    f->has_file = true;
    f->fack_offset = offset;
    if (r->hooks.acked)
        r->hooks.acked(r->hooks.arg);
}

static void place_echo(struct follower *f)
{
    f->echo.placed = true;
    f->echo.at = f->room->w->oplog->next;
    f->room->pumped = UINT64_MAX;
}

void leader_asked(struct follower *f, uint64_t number)
{
    struct replica *r = f->room;

    f->echo.owed = true;
    f->echo.placed = false;
    f->echo.number = number;
    if (!r->follows) {
        place_echo(f);
        return;
    }
    f->echo.proof = r->upstream.freshness.number + 1; /* one that is under way began too early */
    upstream_event(r, &(struct upstream_event){ .kind = UPSTREAM_EV_ASK });
}

void leader_proved(struct replica *r)
{
    LIST_EACH (&r->followers, node) {
        struct follower *f = LIST_ENTRY(node, struct follower, node);

        if (f->echo.owed && !f->echo.placed && f->echo.proof <= r->upstream.freshness.proved)
            place_echo(f);
    }
}

/* The answer to a GETACK does not count the GETACK itself, so behind one, that much is all. */
bool leader_follower_has_all(const struct replica *r, const struct follower *f)
{
    uint64_t tip = r->w->oplog->next;

    return f->state == FOLLOWER_ONLINE &&
           (f->ack_offset == tip || (tip == r->getack_end && f->ack_offset == r->getack_at));
}

/* ---- FAILOVER ------------------------------------------------------------------------------------ */

static bool is_target(const struct replica *r, const struct follower *f)
{
    char address[FOLLOWER_ADDRESS_MAX];

    return !r->failover.targeted ||
           (f->listening_port == r->failover.port &&
            !strcmp(follower_address(f, address, sizeof address), r->failover.host));
}

void leader_settle(struct replica *r)
{
    char address[FOLLOWER_ADDRESS_MAX] = "";
    int64_t port = 0;
    bool caught_up = false;

    if (r->failover.state != FAILOVER_WAIT_SYNC)
        return;
    LIST_EACH (&r->followers, node) {
        const struct follower *f = LIST_ENTRY(node, struct follower, node);

        if (!leader_follower_has_all(r, f) || !is_target(r, f))
            continue;
        follower_address(f, address, sizeof address);
        port = f->listening_port;
        caught_up = true;
    }
    switch (failover_step(&r->failover, clock_now_ms(), caught_up ? address : NULL, port)) {
    case FAILOVER_DO_NOTHING:
        return;
    case FAILOVER_DO_FOLLOW:
        log_notice("failover-handover to=%s:%lld%s", r->failover.host, (long long)r->failover.port,
                   caught_up ? "" : REDIS_SAYS("Failover time out exceeded, failing over."));
        replica_follow(r, r->failover.host, r->failover.port, true);
        return;
    case FAILOVER_DO_ABORT:
        replica_failover_ends(r, "timeout", false);
        return;
    }
}

/* ---- once a second --------------------------------------------------------------------------------- */

/* client-output-buffer-limit replica; never below the backlog, as in Redis. */
static bool over_limit(struct follower *f)
{
    const struct node_settings *set = f->room->w->set;
    const struct output_limit *limit = &set->server.output_limit[OUTPUT_FOLLOWER];
    uint64_t held = oplog_lag(&f->stream);
    uint64_t hard = limit->hard_bytes, soft = limit->soft_bytes;

    if (hard && hard < set->repl_backlog_bytes)
        hard = set->repl_backlog_bytes;
    if (soft && soft < set->repl_backlog_bytes)
        soft = set->repl_backlog_bytes;
    if (hard && held > hard)
        return true;
    if (!soft || held <= soft) {
        f->over_soft_since_ms = 0;
        return false;
    }
    if (!f->over_soft_since_ms)
        f->over_soft_since_ms = clock_now_ms();
    return clock_now_ms() - f->over_soft_since_ms >= (uint64_t)limit->soft_s * 1000;
}

static void drop_silent(struct follower *f)
{
    log_warning("follower-silent id=%llu" REDIS_SAYS("Disconnecting timedout replica (%s)"),
                (unsigned long long)f->session->id,
                f->state == FOLLOWER_ONLINE ? "streaming sync" : "full sync");
    leader_drop(f, "repl-timeout");
}

static void look_after(struct follower *f)
{
    uint64_t timeout_ms = (uint64_t)f->room->w->set->repl_timeout_s * 1000;
    const struct link *link = f->session->link;
    bool held = f->state == FOLLOWER_WAITING ||
                (f->state == FOLLOWER_PAYLOAD && f->counted && !f->sync->whole);

    if (!follower_counts(f))
        return;
    if (held) {
        leader_say(f, "\n");
        return;
    }
    if (over_limit(f))
        leader_drop(f, "client-output-buffer-limit");
    else if (!f->sync_only && clock_now_ms() - f->progress_ms > timeout_ms &&
             (!link || clock_now_ms() - link->active_ms > timeout_ms))
        drop_silent(f);
}

/* A handover: the stream stands still until somebody else leads. */
static bool holds_writes(const struct replica *r)
{
    return r->failover.state != FAILOVER_NONE || service_paused_for(r->w->service, PAUSE_FAILOVER);
}

static void ping(struct oplog *o)
{
    uint64_t from = o->next;

    oplog_append_words(o, OPLOG_NO_DB, 1, "PING");
    oplog_set_aside(o, from);
}

void leader_second(struct replica *r)
{
    const struct node_settings *set = r->w->set;
    uint64_t now_ms = clock_now_ms();
    bool alone = !leader_count_followers(r);

    LIST_EACH (&r->followers, node)
        look_after(LIST_ENTRY(node, struct follower, node));
    full_sync_drained(r); /* somebody may have stalled for too long to be waited for */
    full_sync_begin(r);
    if (r->follows)
        return;
    if (now_ms - r->pinged_ms >= (uint64_t)set->repl_ping_period_s * 1000) {
        r->pinged_ms = now_ms;
        if (!alone && !holds_writes(r) && (!group_bound(r) || group_has_plain_followers(r)))
            ping(r->w->oplog);
    }
    if (alone && r->w->oplog->backlog && set->repl_backlog_ttl_s && !demand_on(&r->demand) &&
        !group_bound(r) &&
        now_ms - r->no_followers_since_ms > (uint64_t)set->repl_backlog_ttl_s * 1000) {
        log_notice("backlog-freed after-s=%lld", (long long)set->repl_backlog_ttl_s);
        oplog_new_history(r->w->oplog);
    }
}

void leader_init(struct replica *r)
{
    list_init(&r->followers);
    list_init(&r->syncs);
    list_init(&r->left_syncs);
    ev_timer_init(&r->pump_more, on_pump_more, 0., 0.);
    r->pump_more.data = r;
    gather_init(r);
}

void leader_fini(struct replica *r)
{
    LIST_EACH (&r->followers, node) {
        struct follower *f = LIST_ENTRY(node, struct follower, node);

        f->session->guest = NULL;
        list_remove(node);
        oplog_close(&f->stream);
        full_sync_leave(f);
        xfree(f);
    }
    while (full_sync_sweep(r))
        continue;
    oplog_close(&r->group.held);
    ev_timer_stop(r->w->loop, &r->pump_more);
    gather_fini(r);
}
