/*
 * link - one accepted or dialled connection: TCP, Unix socket, or TLS over either.
 *
 *     OPEN --link_close--> CLOSING --output flushed, or deadline--> DEAD --reaper--> freed
 *
 *   1. a link is on exactly the list its state names; only link_move changes either
 *   2. link_close marks and never frees: legal from any callback, any number of times
 *   3. a DEAD link has no watcher and no fd, and stays readable until this turn of the loop ends
 *   4. on_closed is called exactly once, when the link becomes DEAD; the owner forgets it there
 *   5. output is flushed once per turn of the loop (before the loop sleeps), so that the replies of a
 *      pipeline leave in one write; nothing is written from inside a handler
 *
 * Back-pressure both ways: a link whose output passes output_bytes_max is closed (or, with
 * pause_at_bytes, stops reading until it drained below half); a reader that holds more than
 * input_bytes_max unconsumed bytes is closed.
 *
 * Owner: the link itself, until freed by the reaper; users hold a pointer between link_new and
 * on_closed. Cost: one read and one writev per turn at most.
 */
#ifndef HF_COMMON_LINK_H
#define HF_COMMON_LINK_H

#include <ev.h>

#include "common/bytes.h"
#include "common/list.h"
#include "common/out.h"

struct tls_context;
struct link;

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
    /* Output has drained to the socket and there is room: a source may write more. May be NULL. */
    void (*on_drained)(struct link *l);
    /* Once, at death. link->why says why. */
    void (*on_closed)(struct link *l);
};

struct link {
    struct list node;  /* on the list of its state */
    struct list dirty; /* on the loop's flush list while it has output to send */
    enum link_state state;
    enum link_why why;
    int sys_errno;
    int fd;
    struct ev_loop *loop;
    ev_io readable, writable;
    ev_timer deadline; /* of CLOSING */
    void *ssl;         /* SSL *, or NULL */
    bool handshaking;
    bool reading_paused;
    const struct link_ops *ops;
    void *owner;
    struct buf in; /* received, not consumed: in.at + in_head .. in.at + in.len */
    size_t in_head;
    struct out out;
    uint64_t output_bytes_max; /* 0: none */
    uint64_t input_bytes_max;  /* 0: none */
    uint64_t bytes_in, bytes_out;
    uint64_t opened_ms, active_ms;
    char peer[128], local[128]; /* "ip:port", "[ipv6]:port" as Redis prints it, or "/path:0" */
    uint64_t id;
};

/* Takes fd, which is non-blocking and connected (or accepted). tls: NULL for plain; server says which
 * side of the handshake. Never fails: what goes wrong later arrives as on_closed. */
struct link *link_new(struct ev_loop *loop, int fd, struct tls_context *tls, bool server,
                      const struct link_ops *ops, void *owner);

struct bytes link_input(const struct link *l);
void link_consume(struct link *l, size_t len);

/* Bytes were put into l->out: flush it before the loop sleeps. Cheap, any number of times. */
void link_wrote(struct link *l);
/* Tries the socket now. */
void link_flush(struct link *l);
/* Writes straight from the caller's memory, for sources that keep their own bytes (the oplog, a
 * snapshot): only legal while l->out is empty. Returns how many bytes went (0: try on_drained). */
size_t link_send(struct link *l, const void *data, size_t len);

void link_pause_reading(struct link *l, bool pause);
/* Says goodbye after what is in out has left, or after 2 s. The first reason is the true one. */
void link_close(struct link *l, enum link_why why);
/* Without waiting for output. */
void link_kill(struct link *l, enum link_why why);
/* The subject's common name of the peer's certificate; false when there is none. */
bool link_peer_name(const struct link *l, char *out, size_t cap);

/* Once per loop: installs the flusher, the reaper and the clock; the fini frees what is left. */
void link_system_init(struct ev_loop *loop);
void link_system_fini(struct ev_loop *loop);

#endif
