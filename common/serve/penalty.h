/*
 * penalty - a wrong password is answered late, once there were many.
 *
 *     AUTH, wrong --allowance left--> answered at once, as Redis does
 *          \_____ none left ________> session held, and answered PENALTY_MS later
 *
 * The allowance is everybody's together, PENALTY_FREE failures and one more every PENALTY_REFILL_MS, so that opening
 * connections gains a guesser nothing but more of the waits. Who knows the password never waits. Where nobody can be held (in
 * a transaction, among subscribers) no password is looked at once the allowance is spent.
 *
 *   1. who waits is in the order of arrival, which is that of the answers
 *
 * Owner: the service. Cost: O(1).
 */
#ifndef HF_COMMON_SERVE_PENALTY_H
#define HF_COMMON_SERVE_PENALTY_H

#include <ev.h>

#include "common/list.h"

enum { PENALTY_MS = 500, PENALTY_FREE = 50, PENALTY_REFILL_MS = 50 };

struct call;

struct penalty {
    struct ev_loop *loop;
    struct list waiting; /* sessions, by their `held` */
    ev_timer due;        /* of the first; runs while one waits */
    uint64_t spent;      /* of the allowance, as of refilled_ms */
    uint64_t refilled_ms, told_ms;
};

void penalty_init(struct penalty *p, struct ev_loop *loop);
void penalty_fini(struct penalty *p);
/* May a password be looked at? False: it may not and was refused, since its answer, were it wrong, would have to wait
 * and cannot: in a transaction thousands would be tried at once. */
bool penalty_admit(struct call *c);
/* A login that was admitted has failed: writes the error, or holds the call's session and will write it. */
void penalty_answer(struct call *c);

#endif
