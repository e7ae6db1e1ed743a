#include "common/link_private.h"

#include <string.h>

#include "common/alloc.h"
#include "common/clock.h"
#include "common/tls.h"

enum {
    /* A remainder up to this moves to the front of the loop's buffer rather than being read behind. */
    LEND_BELOW = 4 * 1024,
    /* Who has sent so much of what it announced gets room for all of it; before, an announcement alone
     * costs it nothing and us no memory. */
    TRUSTED_SHARE = 8,
};

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

bool link_take_input(struct link *l, size_t len, struct buf *out_block)
{
    struct bytes rest = link_input(l);
    struct buf kept = { 0 };

    ASSERT(len <= rest.len);
    if (l->lent)
        return false;
    buf_append(&kept, rest.at + len, rest.len - len);
    *out_block = (struct buf){ .at = l->in.at, .cap = l->in.cap };
    l->in = kept;
    l->in_head = 0;
    return true;
}

void link_want_input(struct link *l, size_t bytes)
{
    l->in_want = bytes;
}

void link_again(struct link *l)
{
    if (l->state == LINK_OPEN)
        link_owe(l, &l->owes_input);
}

bool link_awaits_turn(const struct link *l)
{
    return l->owes_input || list_linked(&l->ready);
}

static bool held(const struct link *l)
{
    return l->reading_paused || l->throttled;
}

/* An owner that is not through with what it has would be flooded, and lose it to the peer's FIN. */
static bool sated(const struct link *l)
{
    return l->owes_input || (held(l) && link_input(l).len >= LINK_HELD_BYTES);
}

void link_update_reading(struct link *l)
{
    if (l->state != LINK_OPEN)
        return;
    if (sated(l))
        ev_io_stop(l->loop, &l->readable);
    else
        ev_io_start(l->loop, &l->readable);
}

void link_pause_reading(struct link *l, bool pause)
{
    if (l->reading_paused == pause)
        return;
    l->reading_paused = pause;
    link_update_reading(l);
    if (!pause)
        link_again(l);
}

/* What is wanted fits into the loop's buffer. */
static bool wants_little(const struct link *l)
{
    return l->in_want <= LINK_READ_BUFFER;
}

/* A lot is wanted: exactly that is read, so that nothing of what follows has to be moved; and there is room for what
 * ends the request, so that the large part of it has not to be moved either. What is full grows, and nothing else:
 * a block that moves is copied whole, and what is copied into is touched for the first time. */
static size_t room_for_much(struct link *l, size_t have)
{
    size_t left = l->in_want - have, room = have > LINK_READ_BUFFER ? have : LINK_READ_BUFFER;

    if (l->in.cap - have < LINK_READ_BUFFER) {
        if (left < room || have >= l->in_want / TRUSTED_SHARE)
            room = left + LINK_READ_BUFFER;
        (void)buf_reserve(&l->in, room);
    }
    room = l->in.cap - have < left ? l->in.cap - have : left;
    return room < LINK_TURN_BYTES ? room : LINK_TURN_BYTES;
}

/* Where the next bytes go: behind what is there, and in the loop's buffer where little is. */
static size_t input_room(struct link *l)
{
    size_t have;

    ASSERT(!l->lent);
    buf_drop(&l->in, l->in_head);
    l->in_head = 0;
    have = l->in.len;
    if (l->received.at) {
        ASSERT(have == 0);
        xfree(l->in.at);
        l->in = (struct buf){ .at = l->received.at, .cap = l->received.cap };
        l->lent = true;
        return l->received.cap;
    }
    if (wants_little(l) && have <= LEND_BELOW) {
        char *lent = link_system_of(l)->read_buffer;

        if (have)
            memcpy(lent, l->in.at, have);
        xfree(l->in.at);
        l->in = (struct buf){ .at = lent, .len = have, .cap = LINK_READ_BUFFER };
        l->lent = true;
        return LINK_READ_BUFFER - have;
    }
    if (l->in_want > have && !wants_little(l))
        return room_for_much(l, have);
    (void)buf_reserve(&l->in, LINK_READ_BUFFER);
    return LINK_READ_BUFFER;
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
    else if (l->ops->on_growing)
        l->ops->on_growing(l);
}

void link_take_received(struct link *l)
{
    buf_add(&l->in, buf_bytes(&l->received));
    l->bytes_in += l->received.len;
    link_heard(l);
    l->received = (struct buf){ 0 };
}

/* Of what was received with others'. */
static void keep_fed(struct link *l)
{
    if (UNLIKELY(l->tls))
        tls_session_keep(l->tls);
}

static void read_input(struct link *l)
{
    size_t budget = LINK_TURN_BYTES;
    bool more;

    if (sated(l) && !l->received.at) {
        keep_fed(l);
        return;
    }
    do {
        size_t room = input_room(l), n = 0;
        enum io io = link_read_some(l, l->in.at + l->in.len, room, &n);

        if (io == IO_DONE) {
            l->in.len += n;
            l->bytes_in += n;
            link_heard(l);
            deliver(l);
        }
        settle(l);
        if (l->input_bytes_max && link_input(l).len > l->input_bytes_max)
            link_close(l, LINK_WHY_LIMIT);
        budget = n < budget ? budget - n : 0;
        more = io == IO_DONE && l->state == LINK_OPEN && !held(l) && !sated(l);
        if (LIKELY(!link_amid_callback(l)))
            more = more && (l->tls ? tls_session_pending(l->tls) : n == room);
    } while (more && budget);
    /* No readiness will announce what TLS has decrypted already, or what was announced before. */
    if (more && (l->tls || link_amid_callback(l)))
        link_again(l);
    keep_fed(l);
    link_update_reading(l);
}

void link_on_readable(struct ev_loop *loop, ev_io *w, int events)
{
    struct link *l = w->data;

    if (list_linked(&l->ready))
        return;
    if (UNLIKELY(l->handshaking && l->accepted)) {
        ev_io_stop(loop, w); /* it may wait for some turns */
        list_push_back(&link_system_of(l)->shaking, &l->ready);
    } else if (UNLIKELY(l->releases)) {
        list_push_front(&link_system_of(l)->releasing, &l->ready);
    } else {
        list_push_front(&link_system_of(l)->ready, &l->ready);
    }
}

void link_read(struct link *l)
{
    if (l->tls && (l->handshaking || link_unsent(l)))
        link_wrote(l); /* a write may have been waiting for this */
    if (link_shake_hands(l) == IO_DONE && l->state == LINK_OPEN)
        read_input(l);
}

void link_on_writable(struct ev_loop *loop, ev_io *w, int events)
{
    struct link *l = w->data;
    bool was_handshaking = l->handshaking;

    ev_io_stop(loop, w); /* whoever is still short of room starts it again; that costs no call */
    if (UNLIKELY(link_is_bulky(l)))
        link_wrote(l); /* behind others */
    else
        link_flush_now(l, true);
    if (l->tls && !was_handshaking && l->state == LINK_OPEN)
        read_input(l); /* a read may have been waiting for this */
}

void link_pay(struct link *l)
{
    bool drained = l->owes_drained, input = l->owes_input;

    l->owes_drained = l->owes_input = false;
    if (drained && l->ops->on_drained && link_unsent(l) == 0)
        l->ops->on_drained(l);
    if (!input || l->state != LINK_OPEN)
        return;
    deliver(l);
    settle(l);
    if (l->state != LINK_OPEN)
        return;
    link_update_reading(l);
    if (held(l) || l->handshaking)
        return;
    if (link_amid_callback(l) || (l->tls && tls_session_pending(l->tls)))
        read_input(l);
}
