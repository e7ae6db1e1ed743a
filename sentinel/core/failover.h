/*
 * failover - from agreement to a new leader and its followers in line.
 *
 *                 agreed, a candidate exists            my turn, nobody else at work
 *       NONE ----------- idle ------------> STAGGER ------------ stagger -----------> WAIT_START
 *        ^ ^                                                                             |
 *        | |          lost, or no answers: wait_start                                    | majority:
 *        | +---------------------------------------------------------------------------- +  wait_start
 *        |                                                                               v
 *        |<------------------------------ nobody fit: select_slave ----------------- SELECT_SLAVE
 *        |                                                                               | chosen
 *        |<------------------------------ refused: send_noone ----------------------- SEND_NOONE
 *        |                                                                               | sent
 *        |<------------------------------ timeout, died: wait_promotion -------- WAIT_PROMOTION
 *        |                                                                               | EXEC reply,
 *        |                                                                               v or INFO
 *        +<------------------------------ all in line, or timeout: reconf ------- RECONF_SLAVES
 *
 * An operator's FAILOVER enters at WAIT_START without agreement. If the leader lives and has the FAILOVER
 * command, SEND_NOONE gives it that instead of SLAVEOF NO ONE to the chosen one: the leader holds its
 * writes until the follower has everything, and both change roles themselves. At promotion the leader's
 * clients are closed first, then the world is told.
 *
 * Events that Redis does not have: -failover-abort-refused <inst> <error> (the leader will not hand over) and,
 * as in Valkey 9, -failover-abort-master-timeout <inst> (it took its writes back). Known differences in what
 * Redis has: -failover-abort-no-good-slave comes once per outage and without an election while nobody can
 * be promoted; +switch-master comes at promotion.
 */
#ifndef HF_SENTINEL_CORE_FAILOVER_H
#define HF_SENTINEL_CORE_FAILOVER_H

#include "sentinel/core/sentinel.h"

/* Moves as far as it can without waiting. Returns when to look again. */
uint64_t failover_evaluate(struct sentinel *s, struct group *g, struct actions *out);
/* Elected, and not done: peers are told so. */
bool failover_is_captain(const struct group *g);
/* A newer configuration has come: whatever I was at is void. */
void failover_drop(struct sentinel *s, struct group *g);

/* An operator wants it, and nothing is against it (planned.h): answers and begins. */
void failover_begin(struct sentinel *s, struct group *g, const struct wanted *w,
                    struct actions *out);
void failover_role_done(struct sentinel *s, struct node *n, const struct event *ev,
                        struct actions *out);
void failover_handover_done(struct sentinel *s, struct node *n, const struct event *ev,
                            struct actions *out);

#endif
