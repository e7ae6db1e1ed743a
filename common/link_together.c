#include "common/link_batch.h"
#include "common/link_private.h"

#include <errno.h>
#include <string.h>

#include "common/log.h"
#include "common/tls.h"

enum { SEALED_PIECES = 8, SEALED_MAX = LINK_BATCH_ROOM - (SEALED_PIECES + 1) * TLS_SEAL_OVERHEAD };

bool link_use_batches(struct ev_loop *loop)
{
    struct link_system *sys = ev_userdata(loop);

    ASSERT(!sys->batch);
    sys->batch = link_batch_new();
    sys->together = sys->batch != NULL;
    return sys->together;
}

static void run(struct link_system *sys, enum link_batch_kind kind, struct link_batch_item *items,
                int count)
{
    sys->together = link_batch_run(sys->batch, kind, items, count);
    if (!sys->together)
        log_warning("io-uring-given-up why=\"%s\"", strerror(errno));
}

/* ---- output ---------------------------------------------------------------------------------- */

/* What it has to send is encrypted into room, and counts as sent. */
static bool seals(struct link *l, char *room, struct iovec *out_piece)
{
    struct iovec pieces[SEALED_PIECES];
    int count = out_pieces(&l->out, pieces, SEALED_PIECES);
    size_t whole = 0, sent = 0;

    for (int i = 0; i < count; i++)
        whole += pieces[i].iov_len;
    if (l->handshaking || tls_session_owed(l->tls) || count == 0 || whole > SEALED_MAX)
        return false;
    tls_session_seal(l->tls, room, LINK_BATCH_ROOM);
    (void)link_write_some(l, pieces, count,
                          &sent); /* who is not through goes on behind what is sealed */
    *out_piece = (struct iovec){ room, tls_session_sealed(l->tls) };
    out_sent(&l->out, sent);
    l->bytes_out += sent;
    return l->state != LINK_DEAD && out_piece->iov_len > 0;
}

/* All that it has to do is to send one piece. */
static bool sends_one_piece(struct link *l, bool is_alone, char *room, struct iovec *out_piece)
{
    struct iovec pieces[2];

    if (l->state == LINK_DEAD || ev_is_active(&l->writable))
        return false;
    if (UNLIKELY(l->tls))
        return !is_alone && seals(l, room, out_piece);
    if (out_pieces(&l->out, pieces, 2) != 1)
        return false;
    *out_piece = pieces[0];
    return true;
}

/* Whoever has much to send goes to rest instead, and who has anything else to do ends it. */
static int take_senders(struct link_system *sys, struct list *rest, struct link **links,
                        struct link_batch_item *items)
{
    int count = 0;

    while (!list_empty(&sys->dirty) && count < LINK_BATCH) {
        struct link *l = LIST_ENTRY(sys->dirty.next, struct link, dirty);
        struct iovec piece;

        if (UNLIKELY(link_is_bulky(l))) {
            list_remove(&l->dirty);
            list_push_back(rest, &l->dirty);
            continue;
        }
        if (!sends_one_piece(l, count == 0 && l->dirty.next == &sys->dirty,
                             link_batch_room(sys->batch, LINK_BATCH + count), &piece))
            break;
        list_remove(&l->dirty);
        items[count] =
            (struct link_batch_item){ .fd = l->fd, .at = piece.iov_base, .len = piece.iov_len };
        links[count++] = l;
    }
    return count;
}

static void owe_rest(struct link *l, const struct link_batch_item *item)
{
    size_t sent = item->result > 0 ? (size_t)item->result : 0;

    if (UNLIKELY(sent < item->len))
        tls_session_owe(l->tls, (struct bytes){ item->at + sent, item->len - sent });
}

static void send_together(struct link_system *sys, struct list *rest)
{
    struct link_batch_item items[LINK_BATCH];
    struct link *links[LINK_BATCH];
    int count = take_senders(sys, rest, links, items);

    if (count == 1 && !links[0]->tls) {
        link_flush(links[0]);
        return;
    }
    if (count == 0)
        return;
    run(sys, LINK_BATCH_SEND, items, count);
    for (int i = 0; i < count; i++) {
        if (links[i]->tls)
            owe_rest(links[i], &items[i]);
        link_sent(links[i], items[i].result);
    }
}

void link_flush_light(struct link_system *sys, struct list *rest)
{
    while (!list_empty(&sys->dirty)) {
        struct link *l;

        if (sys->together)
            send_together(sys, rest);
        if (list_empty(&sys->dirty))
            return;
        l = LIST_ENTRY(sys->dirty.next, struct link, dirty);
        list_remove(&l->dirty);
        if (LIKELY(!link_is_bulky(l)))
            link_flush(l);
        else
            list_push_back(rest, &l->dirty);
    }
}

/* ---- input ----------------------------------------------------------------------------------- */

/* What comes may stand in a room, and is told to its owner in this turn. */
static bool may_receive(const struct link *l)
{
    return l->state == LINK_OPEN && !l->handshaking && !l->lengthy && !l->owes_input &&
           l->in_want == 0 && link_input(l).len == 0 && !(l->tls && tls_session_pending(l->tls));
}

/* An error of a socket is told once. */
static void keep_for(struct link *l, const struct link_batch_item *item)
{
    if (item->result == -EAGAIN)
        return;
    if (l->tls && item->result < 0) {
        link_kill_errno(l, -item->result);
    } else if (l->tls) {
        tls_session_feed(l->tls, (struct bytes){ item->at, (size_t)item->result });
    } else {
        l->received = (struct buf){ .at = item->at, .cap = LINK_BATCH_ROOM };
        if (item->result >= 0)
            l->received.len = (size_t)item->result;
        else
            l->received_errno = -item->result;
    }
}

int link_receive_together(struct link_system *sys)
{
    struct link_batch_item items[LINK_BATCH];
    struct link *links[LINK_BATCH];
    int seen = 0, count = 0;

    for (struct list *n = sys->ready.next; n != &sys->ready && seen < LINK_BATCH; n = n->next) {
        struct link *l = LIST_ENTRY(n, struct link, ready);

        seen++;
        if (!may_receive(l))
            continue;
        items[count] = (struct link_batch_item){ .fd = l->fd,
                                                 .at = link_batch_room(sys->batch, count),
                                                 .len = LINK_BATCH_ROOM };
        links[count++] = l;
    }
    if (count < 2)
        return seen;
    run(sys, LINK_BATCH_RECEIVE, items, count);
    for (int i = 0; i < count; i++)
        keep_for(links[i], &items[i]);
    return seen;
}

/* Their owners are called while the one in whose callback we are keeps the loop. */
void link_keep_received(struct link_system *sys)
{
    LIST_EACH (&sys->ready, n) {
        struct link *l = LIST_ENTRY(n, struct link, ready);

        if (l->tls && tls_session_pending(l->tls))
            tls_session_keep(l->tls);
        else if (l->received.len)
            link_take_received(l);
        else
            continue;
        list_remove(&l->ready);
        link_again(l);
    }
}
