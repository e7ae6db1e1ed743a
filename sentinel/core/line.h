/*
 * line - one outgoing connection as the core sees it: dial, up, down, dial again.
 *
 *     IDLE --line_dial--> DIALLING --line_up--> UP --line_down, line_hang_up--> IDLE
 *
 * Dials begin at least REDIAL_MS apart, and with more than that many lines down, as many milliseconds
 * apart as lines are down, so that all of them together cost a thousand dials a second and a busy
 * machine is not buried under them. The first dial
 * after a loss is not delayed, and one that is accepted and closed is repeated within milliseconds: whether
 * it is refused is evidence. A second loss within REDIAL_MS waits: some answer PING and choke on INFO.
 */
#ifndef HF_SENTINEL_CORE_LINE_H
#define HF_SENTINEL_CORE_LINE_H

#include "sentinel/core/sentinel.h"

/* A line is counted from init to fini. */
void line_init(struct sentinel *s, struct line *l);
void line_fini(struct sentinel *s, struct line *l);
void line_dial(struct sentinel *s, struct line *l, uint64_t id, enum line_kind kind,
               const struct vitals *v, struct actions *out);
void line_hang_up(struct sentinel *s, struct line *l, uint64_t id, enum line_kind kind,
                  struct actions *out);
/* False: the event does not fit the state and is to be ignored. */
bool line_up(struct sentinel *s, struct line *l, const char *local_ip);
/* *out_was_up: the connection that ended was an established one. */
bool line_down(struct sentinel *s, struct line *l, enum down_why why, bool *out_was_up);
/* What an operator must mend stands in the log once, until line_works says that it was mended. */
void line_tell(struct line *l, enum down_why why, const char *inst, struct actions *out);
void line_works(struct line *l);
/* When an idle line is to be dialled; TIMER_NEVER otherwise. */
uint64_t line_dial_ms(const struct line *l);

/* Time without what this process slept through. */
uint64_t attentive_ms(const struct sentinel *s);

void vitals_init(const struct sentinel *s, struct vitals *v);
void vitals_pinged(const struct sentinel *s, struct vitals *v);
/* True when the reply proves life. */
bool vitals_pong(const struct sentinel *s, struct vitals *v, enum pong_kind kind);
/* Nothing is out any more: the connection that carried it is gone. */
void vitals_lost(struct vitals *v);
/* When silence reaches down_after_ms, in boot time. It begins with the first question that went
 * unanswered, as in Redis: a pause shorter than down_after_ms accuses nobody. */
uint64_t vitals_silent_ms(const struct sentinel *s, const struct vitals *v, uint64_t down_after_ms);
uint64_t ping_period_ms(const struct sentinel *s, uint64_t down_after_ms);
/* When the next PING is due: at a moment that it shares with those of other lines. */
uint64_t ping_due_ms(const struct vitals *v, uint64_t period_ms);

#endif
