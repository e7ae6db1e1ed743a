/*
 * link_private - what the chapters of link know of each other; for nobody else.
 *
 *   link.c         states, birth and death of one link
 *   link_socket.c  one attempt to shake hands, read or write, plain or TLS
 *   link_output.c  from the owner to the socket, with back-pressure
 *   link_input.c   from the socket to the owner
 *   link_together.c  what many links send, or receive, in one system call
 *   link_loop.c    the loop's turn: who is flushed, called again, relaxed and freed, and when
 */
#ifndef HF_COMMON_LINK_PRIVATE_H
#define HF_COMMON_LINK_PRIVATE_H

#include "common/link.h"
#include "common/link_crowd.h"

enum { LINK_READ_BUFFER = 64 * 1024 }; /* the loop's own, lent to the link that is being read */

/* What stands once per loop, reached through ev_userdata. */
struct link_system {
    ev_prepare end_of_turn;
    ev_check start_of_turn, read_in_order;
    ev_idle no_sleep; /* runs while somebody is owed a callback: the loop must not wait */
    struct list by_state[LINK_DEAD + 1];
    struct list releasing, ready, lengthy, shaking, dirty, bulky, again, due;
    struct out_pile pile; /* of those who died */
    bool lengthy_went;    /* some of the lengthy were read, in the last turn */
    uint64_t last_id;
    struct link_turns turns;
    struct link_crowd crowd;
    uint64_t urgent_ms;          /* when one was last read that is urgent, or releases */
    int rest_max_us, resting_us; /* link_set_rest, and what libev was told */
    struct link_batch *batch;    /* NULL: none was asked for */
    bool together;               /* it is there, and works */
    char *read_buffer;
    char *lent_buffer; /* of the link whose callback lets others in; NULL: nobody does */
};

struct link_system *link_system_of(const struct link *l);
/* Others are let in amid a callback (link_aside_begin): readiness is told once, and no watcher is heard. */
bool link_amid_callback(const struct link *l);

/* ---- link.c ---- */

void link_kill_errno(struct link *l, int error);
void link_start_deadline(struct link *l, int ms);
/* Of CLOSING. */
void link_start_farewell(struct link *l);
/* Its output is out, or will not be: from CLOSING to DEAD. */
void link_end(struct link *l);
/* on_closed, and the memory back. */
void link_reap(struct link *l);

/* ---- link_socket.c ---- */

/* What one attempt came to; where the link is not LINK_OPEN afterwards it has ended. */
enum io { IO_DONE, IO_LATER, IO_ENDED };

/* IO_DONE at no cost once the handshake is over, and of a plain link. */
enum io link_shake_hands(struct link *l);
enum io link_read_some(struct link *l, char *into, size_t cap, size_t *out_len);
/* Of what is encrypted and was not sent: it goes before anything else. */
enum io link_pay_sealed(struct link *l);
/* IO_LATER: *out_len bytes went all the same, and a watcher waits for room. */
enum io link_write_some(struct link *l, const struct iovec *pieces, int count, size_t *out_len);

/* ---- link_output.c ---- */

/* It has so much to send that others go first. */
bool link_is_bulky(const struct link *l);
/* One attempt; what follows from an empty or a stuck output is decided here. */
void link_flush_now(struct link *l, bool from_watcher);

/* So much of the one piece that may leave went, or -errno: what there is to do then, further attempts included. */
void link_sent(struct link *l, int result);

/* ---- link_input.c ---- */

/* Readiness comes latest first; see read_in_order. */
void link_on_readable(struct ev_loop *loop, ev_io *w, int events);
/* What there is to be read. */
void link_read(struct link *l);
void link_on_writable(struct ev_loop *loop, ev_io *w, int events);
/* Reads, or not, as pauses and what is held already say. */
void link_update_reading(struct link *l);
/* The callbacks that are owed. */
void link_pay(struct link *l);
/* What was received for it becomes its input, and stays when the rooms are used again. */
void link_take_received(struct link *l);

/* ---- link_together.c ---- */

/* All of the dirty; whoever has much to send goes to rest instead. */
void link_flush_light(struct link_system *sys, struct list *rest);
/* Looks at the first of those who are ready, and receives for them. Returns how many it looked at: they are to be read before
 * it is called again. */
int link_receive_together(struct link_system *sys);
/* What was received, and not told to its owners, becomes what they are owed. */
void link_keep_received(struct link_system *sys);

/* ---- link_loop.c ---- */

/* It was read, now: by active_ms, which becomes that, and for the crowd. */
void link_heard(struct link *l);
/* Sets *what, a flag of the link's, and has link_pay called with the next turn. */
void link_owe(struct link *l, bool *what);

#endif
