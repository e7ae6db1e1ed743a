#include "common/link.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "common/alloc.h"
#include "common/clock.h"
#include "common/net.h"
#include "common/tls.h"

enum {
    READ_BUFFER = 64 * 1024, /* the loop's own, lent to the link that is being read */
    LEND_BELOW = 4 * 1024,   /* a remainder up to this is moved there rather than read behind */
    PIECES = 64,             /* of one writev */
    RELAX_AFTER_MS = 100,
    TLS_RECORD_MAX = 16 * 1024,
};

/* What stands once per loop, reached through ev_userdata. */
struct link_system {
    ev_prepare end_of_turn;
    ev_check start_of_turn;
    ev_idle no_sleep; /* runs while somebody is owed a callback: the loop must not wait */
    struct list by_state[LINK_DEAD + 1];
    struct list dirty, again;
    uint64_t last_id;
    char *read_buffer;
};

static void ignore(struct link *l) {}

static const struct link_ops ops_disowned = { .on_input = ignore, .on_closed = ignore };

static struct link_system *system_of(const struct link *l)
{
    return ev_userdata(l->loop);
}

const char *link_why_word(enum link_why why)
{
    static const char *const words[LINK_WHY_COUNT] = {
        [LINK_WHY_NONE] = "none",   [LINK_WHY_PEER] = "peer-closed",
        [LINK_WHY_RESET] = "reset", [LINK_WHY_IO] = "io",
        [LINK_WHY_TLS] = "tls",     [LINK_WHY_TIMEOUT] = "timeout",
        [LINK_WHY_LIMIT] = "limit", [LINK_WHY_PROTOCOL] = "protocol",
        [LINK_WHY_ASKED] = "asked",
    };

    return (size_t)why < LINK_WHY_COUNT ? words[why] : "unknown";
}

/* ---- states ---------------------------------------------------------------------------------- */

static void link_move(struct link *l, enum link_state state)
{
    ASSERT(state >= l->state);
    list_remove(&l->node);
    l->state = state;
    list_push_back(&system_of(l)->by_state[state], &l->node);
}

static void die(struct link *l)
{
    ev_io_stop(l->loop, &l->readable);
    ev_io_stop(l->loop, &l->writable);
    ev_timer_stop(l->loop, &l->deadline);
    list_remove(&l->dirty);
    list_remove(&l->again);
    if (l->tls)
        tls_session_goodbye(l->tls);
    close(l->fd);
    l->fd = -1;
    link_move(l, LINK_DEAD);
}

void link_kill(struct link *l, enum link_why why)
{
    if (l->state == LINK_DEAD)
        return;
    if (l->state == LINK_OPEN)
        l->why = why;
    die(l);
}

void link_close(struct link *l, enum link_why why)
{
    if (l->state != LINK_OPEN)
        return; /* the first reason is the true one */
    l->why = why;
    ev_io_stop(l->loop, &l->readable);
    ev_timer_stop(l->loop, &l->deadline); /* a handshake's; the farewell has its own */
    list_remove(&l->again);
    link_move(l, LINK_CLOSING);
    link_wrote(l);
}

static void kill_errno(struct link *l, int error)
{
    l->sys_errno = error;
    link_kill(l, error == ECONNRESET || error == EPIPE ? LINK_WHY_RESET : LINK_WHY_IO);
}

static void on_deadline(struct ev_loop *loop, ev_timer *w, int events)
{
    struct link *l = w->data;

    link_kill(l, LINK_WHY_TIMEOUT); /* of a CLOSING one the first reason stays */
}

static void start_deadline(struct link *l, int ms)
{
    if (ev_is_active(&l->deadline))
        return;
    ev_timer_set(&l->deadline, (double)ms / 1e3, 0.);
    ev_timer_start(l->loop, &l->deadline);
}

static void owe(struct link *l, bool *what)
{
    struct link_system *sys = system_of(l);

    *what = true;
    if (list_linked(&l->again))
        return;
    list_push_back(&sys->again, &l->again);
    ev_idle_start(l->loop, &sys->no_sleep);
}

/* ---- the socket, plain or TLS ---------------------------------------------------------------- */

/* What one attempt came to; where the link is not LINK_OPEN afterwards it has ended. */
enum io { IO_DONE, IO_LATER, IO_ENDED };

static enum io tls_outcome(struct link *l, enum tls_io io)
{
    switch (io) {
    case TLS_DONE:
        return IO_DONE;
    case TLS_WANT_READ: /* the readable watcher is on; it flushes as well */
        return IO_LATER;
    case TLS_WANT_WRITE:
        ev_io_start(l->loop, &l->writable);
        return IO_LATER;
    case TLS_EOF:
        link_close(l, LINK_WHY_PEER);
        return IO_ENDED;
    case TLS_RESET:
        kill_errno(l, errno);
        return IO_ENDED;
    case TLS_FAILED:
        break;
    }
    link_kill(l, LINK_WHY_TLS);
    return IO_ENDED;
}

static enum io shake_hands(struct link *l)
{
    enum io io;

    if (!l->handshaking)
        return IO_DONE;
    io = tls_outcome(l, tls_session_handshake(l->tls));
    if (io == IO_DONE) {
        l->handshaking = false;
        if (tls_session_pending(l->tls))
            link_again(l); /* a request came along, and no readiness will announce it */
        if (l->state == LINK_OPEN) {
            ev_timer_stop(l->loop, &l->deadline);
            if (l->ops->on_open)
                l->ops->on_open(l);
        }
    }
    return io;
}

static enum io read_some(struct link *l, char *into, size_t cap, size_t *out_len)
{
    ssize_t n;

    if (l->tls)
        return tls_outcome(l, tls_session_read(l->tls, into, cap, out_len));
    n = read(l->fd, into, cap);
    if (n > 0) {
        *out_len = (size_t)n;
        return IO_DONE;
    }
    if (n == 0) {
        link_close(l, LINK_WHY_PEER);
        return IO_ENDED;
    }
    if (errno == EAGAIN || errno == EINTR)
        return IO_LATER;
    kill_errno(l, errno);
    return IO_ENDED;
}

/* IO_LATER: *out_len bytes went all the same, and a watcher waits for room. */
static enum io write_plain(struct link *l, const struct iovec *pieces, int count, size_t *out_len)
{
    size_t whole = 0;
    ssize_t n;

    for (int i = 0; i < count; i++)
        whole += pieces[i].iov_len;
    n = count == 1 ? write(l->fd, pieces[0].iov_base, pieces[0].iov_len)
                   : writev(l->fd, pieces, count);
    if (n < 0 && errno != EAGAIN && errno != EINTR) {
        kill_errno(l, errno);
        return IO_ENDED;
    }
    *out_len = n > 0 ? (size_t)n : 0;
    if (*out_len == whole)
        return IO_DONE;
    ev_io_start(l->loop, &l->writable);
    return IO_LATER;
}

static enum io write_some(struct link *l, const struct iovec *pieces, int count, size_t *out_len)
{
    *out_len = 0;
    if (!l->tls)
        return write_plain(l, pieces, count, out_len);
    for (int i = 0; i < count; i++) {
        for (size_t at = 0; at < pieces[i].iov_len;) {
            size_t n = 0;
            enum io io = tls_outcome(l, tls_session_write(l->tls, (char *)pieces[i].iov_base + at,
                                                          pieces[i].iov_len - at, &n));

            if (io != IO_DONE)
                return io;
            at += n;
            *out_len += n;
        }
    }
    return IO_DONE;
}

/* ---- output ---------------------------------------------------------------------------------- */

static bool over_output_limit(struct link *l)
{
    if (!l->output_bytes_max || out_pending(&l->out) <= l->output_bytes_max)
        return false;
    link_kill(l, LINK_WHY_LIMIT);
    return true;
}

static void read_watcher_update(struct link *l);

static void throttle_update(struct link *l)
{
    uint64_t pending;

    if (!l->pause_at_bytes)
        return;
    pending = out_pending(&l->out);
    if (!l->throttled && pending > l->pause_at_bytes) {
        l->throttled = true;
    } else if (l->throttled && pending < l->pause_at_bytes / 2) {
        l->throttled = false;
        link_again(l);
        read_watcher_update(l);
    }
}

/* Sends what may leave, up to a turn's share. */
static void send_output(struct link *l)
{
    uint64_t stop_at = l->bytes_out + LINK_TURN_BYTES;
    struct iovec pieces[PIECES];

    for (;;) {
        int count = out_pieces(&l->out, pieces, PIECES);
        size_t sent = 0;
        enum io io;

        if (count == 0)
            return;
        if (l->bytes_out >= stop_at) {
            ev_io_start(l->loop, &l->writable);
            return;
        }
        io = write_some(l, pieces, count, &sent);
        out_sent(&l->out, sent);
        l->bytes_out += sent;
        if (io != IO_DONE)
            return;
    }
}

/* One attempt; what follows from an empty or a stuck output is decided here. */
static void flush(struct link *l, bool from_watcher)
{
    uint64_t before = l->bytes_out;

    list_remove(&l->dirty);
    if (l->state == LINK_DEAD)
        return;
    if (shake_hands(l) == IO_DONE)
        send_output(l);
    if (l->state == LINK_DEAD)
        return;
    if (l->state == LINK_CLOSING) {
        if (out_pending(&l->out) == 0)
            die(l);
        else
            start_deadline(l, LINK_FAREWELL_MS);
        return;
    }
    if (over_output_limit(l))
        return;
    throttle_update(l);
    if (l->ops->on_drained && out_pending(&l->out) == 0 && !l->handshaking &&
        (from_watcher || l->bytes_out != before))
        owe(l, &l->owes_drained);
}

void link_flush(struct link *l)
{
    if (!ev_is_active(&l->writable))
        flush(l, false);
    else if (l->state == LINK_CLOSING)
        start_deadline(l, LINK_FAREWELL_MS); /* the socket is full, and may stay so */
}

void link_wrote(struct link *l)
{
    if (l->state == LINK_DEAD || over_output_limit(l) || list_linked(&l->dirty))
        return;
    list_push_back(&system_of(l)->dirty, &l->dirty);
}

/* A record that TLS has begun must be offered again as it was, so what it may have taken of the
 * borrowed bytes becomes our own, and counts as sent. */
static size_t keep_begun_record(struct link *l, const char *data, size_t len)
{
    size_t n = len < TLS_RECORD_MAX ? len : TLS_RECORD_MAX;

    memcpy(out_reserve(&l->out, n), data, n); /* in one piece: the retry must not be shorter */
    out_commit(&l->out, n);
    return n;
}

size_t link_send(struct link *l, const void *data, size_t len)
{
    struct iovec piece = { .iov_base = (void *)(uintptr_t)data, .iov_len = len };
    size_t sent = 0;
    enum io io;

    ASSERT(out_pending(&l->out) == 0);
    if (l->state != LINK_OPEN || ev_is_active(&l->writable) || len == 0)
        return 0;
    if (shake_hands(l) != IO_DONE) {
        link_wrote(l);
        return 0;
    }
    io = write_some(l, &piece, 1, &sent);
    l->bytes_out += sent;
    if (io == IO_LATER && l->tls)
        sent += keep_begun_record(l, (const char *)data + sent, len - sent);
    return sent;
}

/* ---- input ----------------------------------------------------------------------------------- */

struct bytes link_input(const struct link *l)
{
    if (l->in.len == l->in_head)
        return (struct bytes){ "", 0 };
    return (struct bytes){ l->in.at + l->in_head, l->in.len - l->in_head };
}

void link_consume(struct link *l, size_t len)
{
    ASSERT(len <= l->in.len - l->in_head);
    l->in_head += len;
}

void link_want_input(struct link *l, size_t bytes)
{
    l->in_want = bytes;
}

void link_again(struct link *l)
{
    if (l->state == LINK_OPEN)
        owe(l, &l->owes_input);
}

static bool held(const struct link *l)
{
    return l->reading_paused || l->throttled;
}

static void read_watcher_update(struct link *l)
{
    if (l->state != LINK_OPEN)
        return;
    if (held(l) && link_input(l).len >= LINK_HELD_BYTES)
        ev_io_stop(l->loop, &l->readable);
    else
        ev_io_start(l->loop, &l->readable);
}

void link_pause_reading(struct link *l, bool pause)
{
    if (l->reading_paused == pause)
        return;
    l->reading_paused = pause;
    read_watcher_update(l);
    if (!pause)
        link_again(l);
}

/* Where the next bytes go: behind what is there, and in the loop's buffer where little is. */
static size_t input_room(struct link *l)
{
    size_t have, room;

    ASSERT(!l->lent);
    buf_drop(&l->in, l->in_head);
    l->in_head = 0;
    have = l->in.len;
    if (l->in_want <= have && have <= LEND_BELOW) {
        char *lent = system_of(l)->read_buffer;

        if (have)
            memcpy(lent, l->in.at, have);
        xfree(l->in.at);
        l->in = (struct buf){ .at = lent, .len = have, .cap = READ_BUFFER };
        l->lent = true;
        return READ_BUFFER - have;
    }
    room = have > READ_BUFFER ? have : READ_BUFFER;
    if (l->in_want > have && l->in_want - have < room)
        room = l->in_want - have;
    (void)buf_reserve(&l->in, room);
    room = l->in.cap - have;
    return room < LINK_TURN_BYTES ? room : LINK_TURN_BYTES;
}

/* What the owner left becomes the link's own. */
static void settle(struct link *l)
{
    struct bytes rest = link_input(l);
    struct buf own = { 0 };

    if (l->lent) {
        if (rest.len)
            buf_add(&own, rest);
        l->in = own;
        l->in_head = 0;
        l->lent = false;
    } else if (rest.len == 0) {
        buf_fini(&l->in);
        l->in_head = 0;
    }
}

static void deliver(struct link *l)
{
    if (l->in_want && link_input(l).len >= l->in_want)
        l->in_want = 0;
    if (!held(l) && link_input(l).len && l->in_want == 0)
        l->ops->on_input(l);
}

static void read_input(struct link *l)
{
    size_t budget = LINK_TURN_BYTES;
    bool more;

    if (held(l) && link_input(l).len >= LINK_HELD_BYTES)
        return;
    do {
        size_t room = input_room(l), n = 0;
        enum io io = read_some(l, l->in.at + l->in.len, room, &n);

        if (io == IO_DONE) {
            l->in.len += n;
            l->bytes_in += n;
            l->active_ms = clock_now_ms();
            deliver(l);
        }
        settle(l);
        if (l->input_bytes_max && link_input(l).len > l->input_bytes_max)
            link_close(l, LINK_WHY_LIMIT);
        budget = n < budget ? budget - n : 0;
        more = io == IO_DONE && l->state == LINK_OPEN && !held(l);
        if (l->tls)
            more = more && tls_session_pending(l->tls);
        else
            more = more && n == room;
    } while (more && budget);
    if (more && l->tls)
        link_again(l); /* no readiness will announce what TLS has decrypted already */
    read_watcher_update(l);
}

static void on_readable(struct ev_loop *loop, ev_io *w, int events)
{
    struct link *l = w->data;

    if (l->tls && (l->handshaking || out_pending(&l->out)))
        link_wrote(l); /* a write may have been waiting for this */
    if (shake_hands(l) == IO_DONE && l->state == LINK_OPEN)
        read_input(l);
}

static void on_writable(struct ev_loop *loop, ev_io *w, int events)
{
    struct link *l = w->data;
    bool was_handshaking = l->handshaking;

    ev_io_stop(loop, w); /* whoever is still short of room starts it again; that costs no call */
    flush(l, true);
    if (l->tls && !was_handshaking && l->state == LINK_OPEN)
        read_input(l); /* a read may have been waiting for this */
}

static void pay(struct link *l)
{
    bool drained = l->owes_drained, input = l->owes_input;

    l->owes_drained = l->owes_input = false;
    if (drained && l->ops->on_drained && out_pending(&l->out) == 0)
        l->ops->on_drained(l);
    if (!input || l->state != LINK_OPEN)
        return;
    deliver(l);
    settle(l);
    if (l->state != LINK_OPEN)
        return;
    read_watcher_update(l);
    if (l->tls && !held(l) && !l->handshaking && tls_session_pending(l->tls))
        read_input(l);
}

/* ---- life ------------------------------------------------------------------------------------ */

static void name_ends(struct link *l)
{
    struct sockaddr_storage sa;
    socklen_t len = sizeof sa;

    if (getsockname(l->fd, (struct sockaddr *)&sa, &len) == 0)
        net_print_address((struct sockaddr *)&sa, len, l->local, sizeof l->local);
    len = sizeof sa;
    if (getpeername(l->fd, (struct sockaddr *)&sa, &len) == 0)
        net_print_address((struct sockaddr *)&sa, len, l->peer, sizeof l->peer);
    if (sa.ss_family == AF_UNIX && strcmp(l->peer, ":0") == 0)
        memcpy(l->peer, l->local, sizeof l->peer); /* a client's end of a Unix socket has no name */
}

struct link *link_new(struct ev_loop *loop, int fd, struct tls_context *tls, bool server,
                      const struct link_ops *ops, void *owner)
{
    struct link_system *sys = ev_userdata(loop);
    struct link *l = xcalloc(1, sizeof *l);

    ASSERT(sys);
    l->loop = loop;
    l->fd = fd;
    l->ops = ops;
    l->owner = owner;
    l->id = ++sys->last_id;
    l->opened_ms = l->active_ms = clock_now_ms();
    name_ends(l);
    ev_io_init(&l->readable, on_readable, fd, EV_READ);
    ev_io_init(&l->writable, on_writable, fd, EV_WRITE);
    ev_timer_init(&l->deadline, on_deadline, 0., 0.);
    l->readable.data = l->writable.data = l->deadline.data = l;
    list_push_back(&sys->by_state[LINK_OPEN], &l->node);
    ev_io_start(loop, &l->readable);
    if (tls) {
        l->tls = tls_session_new(tls, fd, server);
        l->handshaking = true;
        start_deadline(l, LINK_HANDSHAKE_MS);
        if (!server)
            link_wrote(l); /* the client speaks first */
    }
    return l;
}

void link_set_tls_name(struct link *l, const char *name, bool verify)
{
    if (l->tls)
        tls_session_set_name(l->tls, name, verify);
}

void link_disown(struct link *l)
{
    l->ops = &ops_disowned;
    l->owner = NULL;
}

bool link_peer_name(const struct link *l, char *out, size_t cap)
{
    return l->tls && !l->handshaking && tls_session_peer_name(l->tls, out, cap);
}

void link_why_text(const struct link *l, char *out, size_t cap)
{
    const char *word = link_why_word(l->why);

    if (l->why == LINK_WHY_TLS)
        snprintf(out, cap, "%s: %s", word, tls_session_error(l->tls));
    else if (l->why == LINK_WHY_IO)
        snprintf(out, cap, "%s: %s", word, strerror(l->sys_errno));
    else
        snprintf(out, cap, "%s", word);
}

static void reap(struct link *l)
{
    list_remove(&l->node);
    l->ops->on_closed(l);
    ASSERT(!l->lent && !list_linked(&l->dirty) && !list_linked(&l->again));
    tls_session_free(l->tls);
    out_fini(&l->out);
    buf_fini(&l->in);
    xfree(l);
}

/* ---- the loop's turn ------------------------------------------------------------------------- */

/* The callbacks of the dead may write to the living, and the last bytes of the living may kill them:
 * round until nothing is left to do. on_drained is not called here, so this ends. */
static void end_of_turn(struct ev_loop *loop, ev_prepare *w, int events)
{
    struct link_system *sys = w->data;
    struct list *dead = &sys->by_state[LINK_DEAD];

    while (!list_empty(&sys->dirty) || !list_empty(dead)) {
        while (!list_empty(&sys->dirty)) {
            struct link *l = LIST_ENTRY(sys->dirty.next, struct link, dirty);

            list_remove(&l->dirty);
            link_flush(l);
        }
        if (!list_empty(dead))
            reap(LIST_ENTRY(dead->next, struct link, node));
    }
}

/* One link a turn, in rotation, gives back the chunk it kept for its next reply if none came lately.
 * With thousands of links that speak once a second this is most of their memory. */
static void relax_one(struct link_system *sys)
{
    struct list *open = &sys->by_state[LINK_OPEN], *node = open->next;
    struct link *l;

    if (list_empty(open))
        return;
    l = LIST_ENTRY(node, struct link, node);
    list_remove(node);
    list_push_back(open, node);
    if (l->active_ms + RELAX_AFTER_MS < clock_now_ms())
        out_relax(&l->out);
}

static void start_of_turn(struct ev_loop *loop, ev_check *w, int events)
{
    struct link_system *sys = w->data;
    struct list due = { 0 };

    clock_turn();
    relax_one(sys);
    if (list_empty(&sys->again))
        return;
    list_insert(&due, &sys->again); /* takes the whole ring over */
    list_remove(&sys->again);
    list_init(&sys->again);
    ev_idle_stop(loop, &sys->no_sleep);
    while (!list_empty(&due)) {
        struct link *l = LIST_ENTRY(due.next, struct link, again);

        list_remove(&l->again);
        pay(l);
    }
}

static void no_sleep(struct ev_loop *loop, ev_idle *w, int events) {}

void link_system_init(struct ev_loop *loop)
{
    struct link_system *sys = xcalloc(1, sizeof *sys);

    ASSERT(!ev_userdata(loop));
    signal(SIGPIPE, SIG_IGN);
    for (size_t i = 0; i < ARRAY_LEN(sys->by_state); i++)
        list_init(&sys->by_state[i]);
    list_init(&sys->dirty);
    list_init(&sys->again);
    sys->read_buffer = xmalloc(READ_BUFFER);
    ev_prepare_init(&sys->end_of_turn, end_of_turn);
    ev_set_priority(&sys->end_of_turn, EV_MINPRI);
    ev_check_init(&sys->start_of_turn, start_of_turn);
    ev_set_priority(&sys->start_of_turn, EV_MAXPRI);
    ev_idle_init(&sys->no_sleep, no_sleep);
    sys->end_of_turn.data = sys->start_of_turn.data = sys;
    ev_set_userdata(loop, sys);
    ev_prepare_start(loop, &sys->end_of_turn);
    ev_check_start(loop, &sys->start_of_turn);
    /* Neither keeps ev_run from returning once nothing else is left to watch. */
    ev_unref(loop);
    ev_unref(loop);
}

void link_system_fini(struct ev_loop *loop)
{
    struct link_system *sys = ev_userdata(loop);

    for (size_t i = 0; i < LINK_DEAD; i++)
        while (!list_empty(&sys->by_state[i]))
            link_kill(LIST_ENTRY(sys->by_state[i].next, struct link, node), LINK_WHY_ASKED);
    end_of_turn(loop, &sys->end_of_turn, 0);
    ev_ref(loop);
    ev_ref(loop);
    ev_prepare_stop(loop, &sys->end_of_turn);
    ev_check_stop(loop, &sys->start_of_turn);
    ev_idle_stop(loop, &sys->no_sleep);
    ev_set_userdata(loop, NULL);
    xfree(sys->read_buffer);
    xfree(sys);
}
