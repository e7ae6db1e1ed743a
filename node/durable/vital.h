/*
 * vital - a thread that answers for the process while its loop is busy: this run lives, and its loop has been in one
 * turn for so long.
 *
 *     loop:          a connection says HF VITAL --vital_take--> mailbox
 *     this thread:   mailbox --> one connection more; a question on any of them --> run id, milliseconds
 *
 *   1. of what is the loop's it reads one number, the moment at which the running turn began; there is no lock
 *   2. who may ask was settled by the loop (address, TLS, AUTH, ACL) before it handed the connection over
 *   3. no question, no work; before the first connection there is no thread, and no turn of the loop pays
 *   4. at most VITAL_LINKS_MAX connections: a newer one takes the place of the one that was quiet for longest
 *   5. what stops the process (SIGSTOP, a machine that freezes) stops this thread as well, and is seen as silence
 *
 * Any whole request is a question. The answer is an array: run id, number; what may follow one day is to be skipped.
 *
 * Owner: the loop thread; vital_new, vital_free. Cost: two stores per turn of the loop; an answer O(1).
 */
#ifndef HF_NODE_DURABLE_VITAL_H
#define HF_NODE_DURABLE_VITAL_H

#include <ev.h>

#include "common/err.h"

enum { VITAL_LINKS_MAX = 32 };

struct link;
struct vital;

/* run: of this process; copied. */
struct vital *vital_new(struct ev_loop *loop, const char *run);
void vital_free(struct vital *v); /* closes all connections; NULL does nothing */
/* A question has come on l: from now on the thread answers there, this question first. l is DEAD then, its connection
 * is not. Legal from its on_input. ERR_REFUSED: something stands in its output or TLS is not agreed on yet; ERR_LIMIT:
 * there is no thread to be had, or no room in its mailbox. Then l is as it was. */
enum err vital_take(struct vital *v, struct link *l) MUST_CHECK;
/* How many connections the thread has. */
uint32_t vital_count(const struct vital *v);

#endif
