#include "common/link_private.h"

#include <errno.h>
#include <string.h>

#include "common/clock.h"
#include "common/tls.h"

enum {
    PIECES = 64, /* of one writev */
    TLS_RECORD_MAX = 16 * 1024,
};

static bool over_output_limit(struct link *l)
{
    if (!out_is_over(&l->out))
        return false;
    link_kill(l, LINK_WHY_LIMIT);
    return true;
}

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
        link_update_reading(l);
    }
}

static bool owes_sealed(const struct link *l)
{
    return UNLIKELY(l->tls) && tls_session_owed(l->tls);
}

uint64_t link_unsent(const struct link *l)
{
    return out_pending(&l->out) + (UNLIKELY(l->tls) ? tls_session_owed(l->tls) : 0);
}

bool link_is_bulky(const struct link *l)
{
    return out_pending(&l->out) >= LINK_BULKY_BYTES;
}

/* Returns how many pieces hold up to max bytes; the last of them is cut short. */
static int cut(struct iovec *pieces, int count, size_t max)
{
    for (int i = 0; i < count; i++) {
        if (pieces[i].iov_len >= max) {
            pieces[i].iov_len = max;
            return i + 1;
        }
        max -= pieces[i].iov_len;
    }
    return count;
}

static size_t smaller(uint64_t a, size_t b)
{
    return a < b ? (size_t)a : b;
}

/* There is room still, but others have their turn first. */
static void go_on_later(struct link *l)
{
    if (LIKELY(!link_amid_callback(l)))
        ev_io_start(l->loop, &l->writable);
    else if (!list_linked(&l->dirty))
        list_push_back(&link_system_of(l)->bulky, &l->dirty);
}

/* Sends what may leave, up to a turn's share, or as much of it as goes in LINK_BULKY_US: a kernel that is short of memory takes
 * milliseconds for a share. TLS may be offered less than a turn before only where that much went. */
static void send_output(struct link *l)
{
    uint64_t stop_at = l->bytes_out + LINK_TURN_BYTES;
    uint64_t until_us = UNLIKELY(link_is_bulky(l)) ? clock_read_us() + LINK_BULKY_US : UINT64_MAX;
    struct iovec pieces[PIECES];

    if (owes_sealed(l) && link_pay_sealed(l) != IO_DONE)
        return;
    for (;;) {
        int count = out_pieces(&l->out, pieces, PIECES);
        size_t sent = 0;
        enum io io;

        if (count == 0)
            return;
        if (l->bytes_out >= stop_at || (until_us != UINT64_MAX && clock_read_us() >= until_us)) {
            go_on_later(l);
            return;
        }
        count = cut(pieces, count, smaller(stop_at - l->bytes_out, LINK_BULKY_BYTES));
        io = link_write_some(l, pieces, count, &sent);
        out_sent(&l->out, sent);
        l->bytes_out += sent;
        if (io != IO_DONE)
            return;
    }
}

/* What follows from an empty or a stuck output. */
static void after_attempt(struct link *l, bool may_be_drained)
{
    if (l->state == LINK_DEAD)
        return;
    if (l->state == LINK_CLOSING) {
        if (link_unsent(l) == 0)
            link_end(l);
        else
            link_start_farewell(l);
        return;
    }
    if (over_output_limit(l))
        return;
    throttle_update(l);
    if (l->brief && out_pending(&l->out) == 0) {
        l->brief = false;
        out_relax(&l->out);
    }
    if (l->ops->on_drained && link_unsent(l) == 0 && !l->handshaking && may_be_drained)
        link_owe(l, &l->owes_drained);
}

void link_flush_now(struct link *l, bool from_watcher)
{
    uint64_t before = l->bytes_out;
    bool owed = owes_sealed(l); /* that counts as sent */

    list_remove(&l->dirty);
    if (l->state == LINK_DEAD)
        return;
    if (link_shake_hands(l) == IO_DONE)
        send_output(l);
    after_attempt(l, from_watcher || owed || l->bytes_out != before);
}

void link_sent(struct link *l, int result)
{
    struct iovec rest;

    if (UNLIKELY(result < 0 && result != -EAGAIN)) {
        link_kill_errno(l, -result); /* a socket tells its error once */
        return;
    }
    if (result > 0 && !l->tls) {
        out_sent(&l->out, (size_t)result);
        l->bytes_out += (uint64_t)result;
    }
    if (UNLIKELY(out_pieces(&l->out, &rest, 1) || owes_sealed(l)))
        link_flush_now(l, false);
    else
        after_attempt(l, true);
}

void link_drained_again(struct link *l)
{
    if (l->state == LINK_OPEN)
        link_owe(l, &l->owes_drained);
}

void link_flush(struct link *l)
{
    if (!ev_is_active(&l->writable))
        link_flush_now(l, false);
    else if (l->state == LINK_CLOSING)
        link_start_farewell(l); /* the socket is full, and may stay so */
}

void link_wrote(struct link *l)
{
    if (l->state == LINK_DEAD || over_output_limit(l) || list_linked(&l->dirty))
        return;
    list_push_back(&link_system_of(l)->dirty, &l->dirty);
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
    if (link_shake_hands(l) != IO_DONE) {
        link_wrote(l);
        return 0;
    }
    io = link_write_some(l, &piece, 1, &sent);
    l->bytes_out += sent;
    if (io == IO_LATER && l->tls)
        sent += keep_begun_record(l, (const char *)data + sent, len - sent);
    return sent;
}

void link_be_brief(struct link *l)
{
    l->brief = true;
}
