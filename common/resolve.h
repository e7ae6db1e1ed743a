/*
 * resolve - names become addresses, off the loop.
 *
 * getaddrinfo blocks, for seconds where a name server is silent, and there is no other lookup that
 * follows the machine's own rules. So a few helper threads ask it, started when first needed, and the
 * answers come back to the loop in a callback. One silent name server holds one helper, not the rest.
 *
 *   1. a question is answered exactly once, from the loop, never from inside resolve_ask; or cancelled
 *      and not answered at all
 *   2. a helper never touches a question's callback, argument or loop data
 *
 * The helpers are the process's, as getaddrinfo's state is: one loop asks them. An address literal is
 * answered without a helper, in the same way.
 *
 * Limits: RESOLVE_QUESTIONS_MAX waiting, RESOLVE_ADDRESSES_MAX of an answer.
 */
#ifndef HF_COMMON_RESOLVE_H
#define HF_COMMON_RESOLVE_H

#include <ev.h>
#include <sys/socket.h>

#include "common/err.h"

enum { RESOLVE_QUESTIONS_MAX = 4096, RESOLVE_ADDRESSES_MAX = 8, RESOLVE_HELPERS = 4 };

struct resolve_answer {
    int count;          /* 0: not found, and reason says why */
    const char *reason; /* "Name or service not known"; NULL when found */
    struct sockaddr_storage addresses[RESOLVE_ADDRESSES_MAX];
    socklen_t lengths[RESOLVE_ADDRESSES_MAX];
};

/* answer is borrowed until the callback returns. */
typedef void resolve_fn(void *arg, const struct resolve_answer *answer);

struct resolve_question;

/* Copies host. NULL: too many questions are waiting. */
struct resolve_question *resolve_ask(struct ev_loop *loop, const char *host, int port,
                                     resolve_fn *fn, void *arg);
/* It will not be answered; the pointer is gone. Not from inside its own callback. NULL does nothing. */
void resolve_cancel(struct resolve_question *q);

/* Before the loop goes: unanswered questions are forgotten. A helper that is stuck in a lookup is left
 * to finish by itself. */
void resolve_fini(void);

#endif
