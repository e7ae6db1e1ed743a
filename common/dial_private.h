/*
 * dial_private - what the chapters of dial know of each other; for nobody else.
 *
 *   dial.c          calls, options, the end of a connection, the owner's side
 *   dial_connect.c  everything before there is a connection
 *   dial_link.c     greeting and replies
 */
#ifndef HF_COMMON_DIAL_PRIVATE_H
#define HF_COMMON_DIAL_PRIVATE_H

#include <netinet/in.h>

#include "common/dial.h"
#include "common/resolve.h"

struct pending_call {
    dial_reply_fn *fn;
    void *arg;
};

/* What the timer `soon` is to do, so that no callback comes from inside dial_start or dial_drop. */
enum soon { SOON_NOTHING, SOON_DOWN, SOON_RESTART };

struct dial {
    struct ev_loop *loop;
    struct dial_options o; /* texts are ours */
    enum dial_state state;
    enum dial_why why;
    int sys_errno;
    char tls_says[160]; /* DIAL_WHY_TLS */
    struct resolve_question *question;
    struct resolve_answer addresses;
    int address_next; /* the one to try after the present one */
    int fd;           /* while connecting; -1 otherwise */
    ev_io connecting;
    ev_timer deadline, retry, soon;
    enum soon soon_what;
    struct link *link;
    struct resp_replies replies;
    struct buf request;         /* being encoded; empty between calls */
    struct pending_call *calls; /* a ring */
    uint32_t calls_cap, calls_head, calls_count;
    uint32_t greetings; /* answers to await before UP, the handshake's end among them */
    bool subscribed;
    bool fell_back; /* this connection was refused the first password */
    uint64_t last_input_ms, up_since_ms;
    char peer_ip[INET6_ADDRSTRLEN], local_ip[INET6_ADDRSTRLEN];
    uint32_t depth; /* callbacks on the stack */
    bool freed;     /* dial_free was called from one of them */
};

/* ---- dial.c ---- */

/* Around everything that may call back; false: the dial is gone, do not touch it. */
void dial_enter(struct dial *d);
bool dial_leave(struct dial *d);
void dial_tell_state(struct dial *d);
/* Back to holding nothing of a connection. Tells nobody. */
void dial_let_go(struct dial *d);
void dial_arm(struct dial *d, ev_timer *timer, uint64_t ms);
void dial_go_down(struct dial *d, enum dial_why why, int sys_errno);
/* Sends what was encoded into d->request. */
void dial_send_request(struct dial *d, dial_reply_fn *fn, void *arg);
struct pending_call dial_pop_call(struct dial *d);

/* ---- dial_connect.c ---- */

void dial_watchers_init(struct dial *d);
/* From DOWN or IDLE, without a callback. */
void dial_begin(struct dial *d);

/* ---- dial_link.c ---- */

/* d->fd is connected to the address before address_next: greet. */
void dial_connected(struct dial *d);

#endif
