/*
 * handover - a planned failover by the leader's own FAILOVER command: it holds its writes, lets the chosen
 * follower catch up, and both change roles. Nothing that was acknowledged is lost.
 *
 * Redis has the command from 6.2 on, and shows by master_failover_state that it has.
 */
#ifndef HF_SENTINEL_CORE_HANDOVER_H
#define HF_SENTINEL_CORE_HANDOVER_H

#include "sentinel/core/sentinel.h"

enum {
    HANDOVER_MS = 1000,       /* writes are held for at most this long */
    HANDOVER_WATCH_MS = 2000, /* a plain leader is watched for the right moment at most this long */
    HANDOVER_DENIED_MS = 10000, /* a refusal is remembered for this long */
};

/* Is one wanted, and the leader there to do it? */
bool handover_is_possible(const struct group *g);
/* When to send the command; see handover.c. */
uint64_t handover_moment_ms(struct sentinel *s, struct group *g, const struct node *chosen,
                            struct actions *out);
/* While writes are held: the follower's last acknowledgement is asked for until it leads. */
void handover_hurry(struct sentinel *s, struct group *g, const struct node *chosen,
                    struct actions *out);
void handover_send(struct sentinel *s, struct group *g, struct node *chosen, struct actions *out);
/* Its TIMEOUT passed, nothing has changed, and it takes writes again. */
bool handover_was_taken_back(const struct group *g, const struct node *chosen);
/* Clients of the old leader are closed, and both files rewritten: before anybody is told, so that
 * whoever is told reconnects to the right place. */
void handover_tidy(struct group *g, const struct node *chosen, struct actions *out);
enum handover_answer {
    HANDOVER_STARTED,
    HANDOVER_UNKNOWN, /* no such command: the old way it is */
    HANDOVER_REFUSED, /* by its rights, which is remembered, or by its state */
};
/* What its reply means. */
enum handover_answer handover_answered(struct sentinel *s, struct node *leader, bool ok,
                                       struct bytes error);

#endif
