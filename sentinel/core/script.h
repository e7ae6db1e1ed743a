/*
 * script - the queue of operators' scripts: what runs, waits, is tried again, or has run too long.
 *
 *     WAITING --start_more--> STARTING --script_started--> RUNNING --script_done--> gone, or WAITING
 *
 * Exit code 1 or a signal: again, up to SCRIPT_TRIES_MAX times, after script-retry-delay doubling.
 * Two and above, or no start: not again. SCRIPTS_MAX queued, SCRIPTS_RUNNING_MAX at once, and
 * script-max-runtime, then ACT_STOP.
 */
#ifndef HF_SENTINEL_CORE_SCRIPT_H
#define HF_SENTINEL_CORE_SCRIPT_H

#include "sentinel/core/sentinel.h"

void script_notify(struct sentinel *s, const struct group *g, const char *channel, const char *text,
                   struct actions *out);
/* role: leader or observer. Nothing without a client-reconfig-script. */
void script_reconfig(struct sentinel *s, const struct group *g, const char *role,
                     const struct node *from, const struct node *to, struct actions *out);
void script_started(struct sentinel *s, uint64_t job, int64_t pid, struct actions *out);
void script_done(struct sentinel *s, uint64_t job, int exit_code, int signal, struct actions *out);
/* Timer: starts what is due and stops what has run too long. */
void script_tick(struct sentinel *s, struct actions *out);
void script_fini_all(struct sentinel *s);

#endif
