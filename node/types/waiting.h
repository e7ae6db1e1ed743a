/*
 * waiting - what commands share that wait for a key to hold something: BLPOP, BZPOPMIN and their kin.
 *
 * Such a command has an effect of its own: the pop or move that came of it.
 */
#ifndef HF_NODE_TYPES_WAITING_H
#define HF_NODE_TYPES_WAITING_H

#include "node/types/types.h"

/* Seconds, with a fraction; 0: for ever. Refuses as Redis does. */
bool want_timeout(struct call *c, int arg, uint64_t *out_ms);
/* Nothing there and no waiting: what a timeout answers, and what MULTI gets at once. */
bool must_not_wait(const struct call *c);
/* The key at this argument as such a command sees it. The first time: whatever is there. When it runs again:
 * the key that woke it, if it is of this type; of another, or time being up, there is nothing. */
struct entry *waited_write(struct call *c, int arg, enum value_type type);
/* The call runs again when one of the keys at these arguments holds something. */
void wait_for(struct call *c, int first, int last, uint64_t timeout_ms);
/* wait_for, or the null array where it must not wait. */
void nothing_or_wait(struct call *c, int first, int last, uint64_t timeout_ms);

#endif
