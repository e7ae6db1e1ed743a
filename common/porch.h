/*
 * porch - where a connection that a proxy made waits until its PROXY header is whole.
 *
 *     porch_take --header--> on_enter(fd, kind, whom it is for)
 *         \__ no header, a malformed one, none in PORCH_WAIT_MS, or pushed out by newcomers --> closed
 *
 *   1. nothing behind the header is taken from the socket: who gets it reads, or shakes hands, as if it had
 *      never been here
 *   2. at most PORCH_GUESTS_MAX wait; one more makes the one go that has waited for longest
 *   3. a connection is never handed over from inside porch_take
 *
 * Owner: embed; zeroed it is closed. Cost: two calls of the system for a connection, and memory while it waits.
 */
#ifndef HF_COMMON_PORCH_H
#define HF_COMMON_PORCH_H

#include <ev.h>

#include "common/list.h"
#include "common/proxy.h"

enum { PORCH_GUESTS_MAX = 1024, PORCH_WAIT_MS = 5000 };

/* The descriptor is the callee's from now on. */
typedef void porch_fn(void *arg, int fd, int kind, const struct proxy_header *told);

struct porch {
    struct ev_loop *loop;
    porch_fn *on_enter;
    void *arg;
    struct list guests; /* who has waited for longest first */
    int count;
    ev_timer patience; /* of the first; runs while there is one */
};

void porch_init(struct porch *p, struct ev_loop *loop, porch_fn *on_enter, void *arg);
/* Closes whoever waits. */
void porch_fini(struct porch *p);
/* fd is non-blocking, and the porch's from now on; kind is handed on. */
void porch_take(struct porch *p, int fd, int kind);

#endif
