/*
 * dispatch - what happens to one request, and the few things of a session that only this folder asks.
 *
 *     resolve -> protected? -> authenticated? -> fit for MULTI? -> rights -> subscribed mode -> ops->admit -> run
 *        \___________\_______________\_________________\___________\____________\__ service_refuse      ops->ran
 */
#ifndef HF_COMMON_SERVE_DISPATCH_H
#define HF_COMMON_SERVE_DISPATCH_H

#include "common/serve/session.h"

struct tls_context;

/* False: the session is held at this request. *now_us is read before and again after the run. */
bool dispatch(struct session *s, const struct resp_request *req, bool denies_blocking,
              uint64_t *now_us);

/* How a handler gets a large argument of the request that is running (call_take_argument). */
bool session_give(struct call *c, int arg, size_t front, struct buf *out_block);

struct session *session_new(struct service *v, int fd, struct tls_context *tls, bool unix_socket);
/* Whether a session owns it. */
bool session_has(const struct link *l);
/* Everybody forgets the session, and it is freed; its link is left alone. */
void session_end(struct session *s);
/* Into service->stats.traffic, what its link has moved since the last time. */
void session_count_traffic(struct session *s);
const struct output_limit *session_output_limit(const struct session *s);
void session_apply_limits(struct session *s);
void session_set_kind(struct session *s, enum session_kind kind);
/* Ends all subscriptions without a word. */
void session_drop_subscriptions(struct session *s);
/* A message for a subscriber: a pubsub_deliver_fn. */
struct pubsub_message;
void session_deliver(void *session, const struct pubsub_message *m);

#endif
