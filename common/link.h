/*
 * link - one accepted or dialled connection: TCP, Unix socket, or TLS over either.
 *
 *     OPEN --link_close--> CLOSING --output flushed, or peer asleep--> DEAD --reaper--> freed
 *
 *   1. a link is on exactly the list its state names; only link_move changes either
 *   2. link_close marks and never frees: legal from any callback, any number of times
 *   3. a DEAD link has no watcher and no fd, and stays readable until this turn of the loop ends
 *   4. on_closed is called exactly once, at the end of the turn in which the link became DEAD, never
 *      from inside link_close or link_kill; the owner forgets it there
 *   5. output is flushed once per turn of the loop (before the loop sleeps), so that the replies of a
 *      pipeline leave in one write; nothing is written from inside a handler
 *   6. the bytes of link_input stand still until on_input returns, and then move: between two turns a
 *      link owns just what its owner left unconsumed, and an idle link no buffer at all
 *
 * Back-pressure both ways: a link whose output passes out.bytes_max is closed (or, with
 * pause_at_bytes, stops reading until it drained below half); a reader that holds more than
 * input_bytes_max unconsumed bytes is closed. A paused link still holds up to LINK_HELD_BYTES of what
 * arrives, so that the death of a peer that waits in silence is noticed. One whose owner said
 * link_again reads nothing before that call has come.
 *
 * Owner: the link itself, until freed by the reaper; users hold a pointer between link_new and
 * on_closed. Cost: one read and one writev per turn, or a share of one for many links (link_use_batches); another read where
 * the first filled its buffer, up to LINK_TURN_BYTES. A watcher for writing exists only while the socket is full. Who keeps the loop for long does not
 * make others wait: once a turn has taken LINK_PATIENCE_US, links whose owners called them lengthy come after everybody
 * else, for LINK_LENGTHY_US of a turn, and those that are left over come with the next. So it is with large outputs, and
 * with handshakes of accepted links, which cost a millisecond each. Whose input releases what others wait for comes first
 * of all, and what it released goes before anybody else is read: so their next requests are on the way meanwhile.
 */
#ifndef HF_COMMON_LINK_H
#define HF_COMMON_LINK_H

#include <ev.h>

#include "common/bytes.h"
#include "common/list.h"
#include "common/out.h"

struct proxy_header;
struct tls_context;
struct tls_session;
struct link;

enum {
    LINK_HELD_BYTES = 64 * 1024,  /* read while paused */
    LINK_TURN_BYTES = 256 * 1024, /* read, and written, of one link in one turn */
    LINK_FAREWELL_MS = 2000,      /* what CLOSING may take without the peer taking anything */
    LINK_HANDSHAKE_MS = 10000,    /* what a TLS handshake may take */
    LINK_PATIENCE_US = 1000, /* of a turn, in which who comes first is first, whatever it costs */
    LINK_LENGTHY_US =
        1000, /* of a turn, for all lengthy links; one goes on in any case, every other turn at least */
    LINK_BULKY_US =
        1000, /* the same, for the output of links that have LINK_BULKY_BYTES or more of it */
    LINK_BULKY_BYTES = 64 * 1024,
    LINK_SHAKE_US = 1000, /* the same, for all handshakes of accepted links */
    LINK_FREE_US = 500,   /* of a turn, for the output that the dead leave behind */
};

enum link_state { LINK_OPEN, LINK_CLOSING, LINK_DEAD };

enum link_why {
    LINK_WHY_NONE,
    LINK_WHY_PEER,  /* the other end closed (FIN) */
    LINK_WHY_RESET, /* ECONNRESET, EPIPE */
    LINK_WHY_IO,    /* any other socket error: link->sys_errno */
    LINK_WHY_TLS,   /* handshake or record failure */
    LINK_WHY_TIMEOUT,
    LINK_WHY_LIMIT,    /* an output or input limit */
    LINK_WHY_PROTOCOL, /* the peer sent rubbish */
    LINK_WHY_ASKED,    /* a command or the program wanted it closed */
    LINK_WHY_COUNT
};
const char *link_why_word(enum link_why why);

struct link_ops {
    /* New bytes are in link->in. Consume with link_consume. */
    void (*on_input)(struct link *l);
    /* All output has gone to the socket and there is room: a source may write more. At most once a
     * turn. May be NULL. */
    void (*on_drained)(struct link *l);
    /* The TLS handshake is over; never called of a plain link. May be NULL. */
    void (*on_open)(struct link *l);
    /* Once, after death. link->why says why. */
    void (*on_closed)(struct link *l);
    /* Bytes came that on_input is not told of: it is held, or waits for more (link_want_input). May be
     * NULL. */
    void (*on_growing)(struct link *l);
};

struct link {
    struct list node;  /* on the list of its state */
    struct list ready; /* in line to be read, in this turn, or behind others */
    struct list dirty; /* on one of the loop's flush lists while it has output to send */
    struct list again; /* on the list of those that are owed a callback next turn */
    enum link_state state;
    enum link_why why;
    int sys_errno;
    int fd;
    struct ev_loop *loop;
    ev_io readable, writable;
    ev_timer deadline;       /* of CLOSING, and of a TLS handshake */
    uint64_t farewell_left;  /* what the peer had not taken when the deadline was set */
    struct tls_session *tls; /* NULL: plain */
    bool handshaking, accepted;
    bool lengthy; /* by the owner: what it does with input takes long, and others come first */
    bool
        releases; /* by the owner: its input lets others' output go; it is read first, and that goes at once */
    bool urgent; /* by the owner: others wait for what it is told, and no rest may delay it */
    bool reading_paused; /* by the owner */
    bool throttled;      /* by pause_at_bytes */
    bool owes_input;     /* on_input is due: reading resumed, or TLS holds decrypted bytes */
    bool owes_drained;   /* on_drained is due */
    bool lent;           /* in.at is the loop's read buffer, until on_input returns */
    bool brief;          /* link_be_brief */
    const struct link_ops *ops;
    void *owner;
    struct buf in; /* received, not consumed: in.at + in_head .. in.at + in.len */
    /* With others' (link_together), and not read yet: lent; at is NULL where nothing is. */
    struct buf received;
    int received_errno; /* what came instead; 0: nothing but that */
    size_t in_head;
    size_t in_want; /* link_want_input */
    struct out out;
    uint64_t pause_at_bytes;  /* 0: never */
    uint64_t input_bytes_max; /* 0: none */
    uint64_t bytes_in, bytes_out;
    uint64_t opened_ms, active_ms;
    int reads;                  /* in that millisecond */
    char peer[128], local[128]; /* "ip:port", "[ipv6]:port" as Redis prints it, or "/path:0" */
    bool from_here; /* the peer is on this machine, by a loopback address or a Unix socket */
    uint64_t id;
};

/* Takes fd, which is non-blocking and connected (or accepted). tls: NULL for plain; server says which
 * side of the handshake. Never fails: what goes wrong later arrives as on_closed. */
struct link *link_new(struct ev_loop *loop, int fd, struct tls_context *tls, bool server,
                      const struct link_ops *ops, void *owner);

/* Of a TLS client, before this turn ends: the name to ask for (SNI) and, where verify is set, the one
 * that the certificate must carry. Plain links ignore it. */
void link_set_tls_name(struct link *l, const char *name, bool verify);
/* A proxy made the connection, and this is what it told of it: the peer is whom it is for, and not on this machine,
 * whatever its address. Nothing where it told none; told may be NULL. */
void link_set_told(struct link *l, const struct proxy_header *told);
/* The owner goes away first: nothing is told any more. Follow with link_close or link_kill, or give
 * the link new ops and a new owner. */
void link_disown(struct link *l);

struct bytes link_input(const struct link *l);
void link_consume(struct link *l, size_t len);
/* The same, and the block that the len bytes stand in is the caller's: it stays where it is, and what is behind them
 * is kept elsewhere. out_block->len is 0: what of it counts is for the caller to say. False: the block is the
 * loop's, and nothing happened. */
bool link_take_input(struct link *l, size_t len, struct buf *out_block) MUST_CHECK;
/* The unconsumed input is of no use before it is this long (a large value): on_input is not called
 * until then, and the buffer grows towards it in few steps, never far ahead of what has arrived.
 * 0: unknown. Forgotten once it is reached. */
void link_want_input(struct link *l, size_t bytes);
/* Calls on_input with the next turn even if nothing new arrives: for an owner that stopped half-way
 * through its input to let others have their turn. */
void link_again(struct link *l);
/* The same of on_drained, if nothing is pending by then. */
void link_drained_again(struct link *l);
/* Something has come, or is owed to the owner, and waits for its turn. */
bool link_awaits_turn(const struct link *l);

/* Bytes were put into l->out: flush it before the loop sleeps. Cheap, any number of times. */
void link_wrote(struct link *l);
/* Tries the socket now. */
void link_flush(struct link *l);
/* Writes straight from the caller's memory, for sources that keep their own bytes (the oplog, a
 * snapshot): only legal while l->out is empty. Returns how many bytes went (0: try on_drained). */
size_t link_send(struct link *l, const void *data, size_t len);

/* A callback that goes on for long lets other links in, from the inside: between begin and end they may be read and
 * written (link_aside_ready, once the descriptor is ready), go on with what they were owed (link_again), and flushed.
 * Nothing is freed and no on_closed or on_drained is called before the turn ends, which is the caller's turn still.
 * Not to be nested. */
void link_aside_begin(struct ev_loop *loop);
void link_aside_end(struct ev_loop *loop);
void link_aside_ready(struct link *l);
/* Once each, of those for whom may(l, arg) says so; the others stay owed. */
void link_aside_pay(struct ev_loop *loop, bool (*may)(const struct link *l, const void *arg),
                    const void *arg);
void link_aside_flush(struct ev_loop *loop);
/* Of the link in whose callback we are: what has come since is put behind into, a read of it. False: it has ended. */
bool link_aside_take(struct link *l, struct buf *into);
/* Of that link, too, where its socket was full and has room again. */
void link_aside_push(struct link *l);

/* Bytes that were written and are not the kernel's yet: in out, or encrypted already. */
uint64_t link_unsent(const struct link *l);

/* What was written is no part of a conversation: once all is sent, the room for it is given back at once. */
void link_be_brief(struct link *l);

void link_pause_reading(struct link *l, bool pause);
/* While it is held the kernel keeps what fills no packet, for about 200 ms, or until it would send again what is lost, where
 * that is longer; then all of it goes. Costs a system call. */
void link_cork(struct link *l, bool hold);
/* Says goodbye after what is in out has left, or once the peer has taken nothing of it for LINK_FAREWELL_MS.
 * The first reason is the true one. */
void link_close(struct link *l, enum link_why why);
/* Without waiting for output. */
void link_kill(struct link *l, enum link_why why);
/* For another thread to go on with what is at the other end: its descriptor and TLS session, l->fd and l->tls, are whoever
 * took them before this call, and l is DEAD. Input that was read and not consumed is lost, but for what TLS holds. Only
 * where it may: open, and nothing waits to be sent; and prepared, before anybody takes them. */
bool link_may_leave(const struct link *l);
void link_prepare_leave(struct link *l);
void link_leave(struct link *l);
/* The subject's common name of the peer's certificate; false when there is none. */
bool link_peer_name(const struct link *l, char *out, size_t cap);
/* Why it ended, for a log: "reset", "io: No route to host", "tls: certificate verify failed". */
void link_why_text(const struct link *l, char *out, size_t cap);

/* Once per loop: installs the flusher, the reaper and the clock; the fini frees what is left. Takes
 * the loop's ev_userdata. The flusher runs at the lowest priority, so that other ev_prepare watchers
 * (the end of a turn) can still write; SIGPIPE is ignored from now on. */
void link_system_init(struct ev_loop *loop);
void link_system_fini(struct ev_loop *loop);
/* From now on what many links receive and send in one turn takes one system call instead of one each (link_batch.h). On the
 * thread that runs the loop, and of a process that does not fork any more. False: it is not to be had, and errno says why. */
bool link_use_batches(struct ev_loop *loop);
/* While many links speak, turns begin so far apart as link_crowd.h says, max_us at most: those who speak meanwhile are served
 * in one. A busy loop does not rest, nor one with links whose input releases, or that are urgent. 0, as at first: never. */
void link_set_rest(struct ev_loop *loop, int max_us);

/* What the loop's turns took, from the end of its sleep to the next one. Whoever has the loop may zero
 * them; begun_us is the turn that runs. */
enum { LINK_TURN_POWERS = 32 };
struct link_turns {
    uint64_t begun_us, count, busy_us, longest_us, longest_ended_us; /* by clock_read_us */
    uint64_t powers
        [LINK_TURN_POWERS]; /* the i-th: of 2^i microseconds, to below twice that; the first: from 0 */
};
struct link_turns *link_turns(struct ev_loop *loop);

#endif
