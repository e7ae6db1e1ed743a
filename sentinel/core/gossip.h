/*
 * gossip - what sentinels tell each other unasked: hellos about who they are and which configuration
 * they know, and views (view.h) over their own lines.
 *
 * The higher config-epoch wins, always and only. Two different leaders under one epoch can exist only
 * when an operator forced failovers on both sides of a partition; then the sentinel with the greater id,
 * and any of ours against a real Redis sentinel, raises its own configuration above both.
 */
#ifndef HF_SENTINEL_CORE_GOSSIP_H
#define HF_SENTINEL_CORE_GOSSIP_H

#include "sentinel/core/sentinel.h"

/* EV_HELLO. Answers its token with :1 when there is one. */
void gossip_hello(struct sentinel *s, const struct event *ev, struct actions *out);
/* EV_STATE. */
void gossip_state(struct sentinel *s, const struct event *ev, struct actions *out);
/* EV_STATE_REPLY. */
void gossip_state_reply(struct sentinel *s, struct peer *p, uint64_t asked_step,
                        const struct view *v, struct actions *out);

#endif
