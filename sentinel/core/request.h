/*
 * request - what operators order: MONITOR, REMOVE, SET, RESET, SIMULATE-FAILURE, DEBUG, CONFIG SET.
 * Each answers its token once. (FAILOVER is in failover.h.)
 */
#ifndef HF_SENTINEL_CORE_REQUEST_H
#define HF_SENTINEL_CORE_REQUEST_H

#include "sentinel/core/sentinel.h"

void request_monitor(struct sentinel *s, const struct event *ev, struct actions *out);
void request_remove(struct sentinel *s, const struct event *ev, struct actions *out);
/* All options or none. Whether a script is executable is checked by serve, which can see files. */
void request_set(struct sentinel *s, const struct event *ev, struct actions *out);
void request_reset(struct sentinel *s, const struct event *ev, struct actions *out);
void request_simulate(struct sentinel *s, const struct event *ev, struct actions *out);
void request_debug(struct sentinel *s, const struct event *ev, struct actions *out);
void request_globals(struct sentinel *s, const struct event *ev, struct actions *out);

#endif
