/*
 * parts - what the files of a captain share: nothing here is for others.
 *
 *     captain.c     events, lines and heartbeats, what is known of the register
 *     suspect.c     what I think of the leader, what others do, and whether that is agreement
 *     succeed.c     from agreement to a committed failover
 *     switchover.c  from an operator's word to a committed one
 *     operate.c     an operator's other changes
 *     newcome.c     members that come back without their disks, and new ones
 *     tend.c        until everybody does what the charter says
 *
 * Each file's _settle looks at the whole and does what is due; it runs at the end of every step, again while anything
 * has changed, and says by captain_wake_by when time alone will make a difference.
 */
#ifndef HF_SENTINEL_CORE_DURABLE_PARTS_H
#define HF_SENTINEL_CORE_DURABLE_PARTS_H

#include "sentinel/core/durable/captain.h"

/* captain.c */
struct captain_action *captain_act(struct captain_actions *out, enum captain_action_kind kind);
void captain_notice(struct captain_actions *out, const char *channel, const char *format, ...)
    PRINTF_LIKE(3, 4);
void captain_wake_by(struct captain *c, uint64_t at_ms);
void captain_enter(struct captain *c, enum captain_state state, uint64_t deadline_ms);
/* An order to a member whose line is up, with what every order carries. Fill in the rest. NULL: it is not up. */
struct order *captain_order(struct captain *c, struct watched *w, enum order_kind kind,
                            struct captain_actions *out);
struct watched *captain_watched(struct captain *c, uint64_t node); /* NULL: no member */
struct watched *captain_leader(struct captain *c);                 /* NULL: there is no register */
bool captain_votes(const struct captain *c); /* who has no vote opens no failover */
/* Who said last that it votes there; NULL: nobody has. */
const struct seen_voter *captain_seen(const struct captain *c, const struct place *at);
/* The proposer is free. */
void captain_submit(struct captain *c, enum errand errand, const struct change *ch,
                    uint64_t timeout_ms);
bool captain_is_busy(const struct captain *c); /* the proposer is not */
/* Has every member and voter shown that it reads such a charter (charter.h, invariant 5)? */
bool captain_all_read(const struct captain *c, const struct charter *next);
/* A ballot, for a change that is to be quick; or there is to be none. */
void captain_prepare(struct captain *c, bool ahead);

/* suspect.c */
void suspect_asked(struct captain *c, const struct suspicion *s, uint64_t token,
                   struct captain_actions *out);
void suspect_told(struct captain *c, const struct suspicion *s);
void suspect_settle(struct captain *c, struct captain_actions *out);
void suspect_forget(struct captain *c); /* another process leads */

/* succeed.c */
void succeed_settle(struct captain *c, struct captain_actions *out);
void succeed_result(struct captain *c, const struct reg_action *r, struct captain_actions *out);
/* The best of those who may lead; only: 0, or the one whom an operator named. NULL: none. */
struct watched *succeed_choose(struct captain *c, uint64_t only);
/* The same by what is known, however old it is: for operators, and for no decision. */
const struct watched *succeed_expect(const struct captain *c, uint64_t only);
/* Why a member may not lead (invariant 2, but for how fresh that is); NULL: it may. */
const char *succeed_unfit(const struct captain *c, const struct watched *w, uint64_t only);
/* Somebody who may lead has not answered yet what was asked for this. */
bool succeed_awaits(struct captain *c);

/* switchover.c */
void switchover_settle(struct captain *c, struct captain_actions *out);
void switchover_result(struct captain *c, const struct reg_action *r, struct captain_actions *out);
void switchover_receipt(struct captain *c, const struct watched *w, const struct receipt *r,
                        struct captain_actions *out);

/* operate.c */
void operate_wish(struct captain *c, const struct wish *w, struct captain_actions *out);
void operate_settle(struct captain *c, struct captain_actions *out);
void operate_result(struct captain *c, const struct reg_action *r, struct captain_actions *out);
/* Why it would be refused at once; NULL: it would be tried. */
const char *operate_refusal(const struct captain *c, const struct wish *w);
/* The wish is over; why NULL: it came true. */
void operate_reply(struct captain *c, const char *why, struct captain_actions *out);

/* newcome.c */
void newcome_heard(struct captain *c, struct watched *w, const struct report *r);
void newcome_joins(struct captain *c, const struct place *at, const struct report *r);
void newcome_settle(struct captain *c, struct captain_actions *out);

/* tend.c */
void tend_settle(struct captain *c, struct captain_actions *out);
void tend_receipt(struct captain *c, const struct watched *w, const struct receipt *r);
/* Does the leader do what the charter says? As far as its last report tells. */
bool tend_leads(const struct captain *c);

#endif
