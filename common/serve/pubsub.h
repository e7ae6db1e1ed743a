/*
 * pubsub - who listens to which channel, and who gets a message. No I/O.
 *
 *     channel "news" <--- subscription ---> client 7        a subscription is on two lists: its
 *     channel "a"    <--- subscription ---> client 7        channel's and its client's
 *     pattern "n*"   <--- subscription ---> client 9
 *
 *   1. a channel exists while somebody listens to it
 *   2. a client listens to a name at most once per kind
 *   3. delivery is in the order of subscribing: channels first, then patterns
 *
 * The subscriber callback must not change subscriptions. Owner: pubsub_new/pubsub_free, after every
 * client has left. Cost: subscribing O(1); a message O(listeners + patterns).
 */
#ifndef HF_COMMON_SERVE_PUBSUB_H
#define HF_COMMON_SERVE_PUBSUB_H

#include "common/bytes.h"
#include "common/list.h"
#include "common/map.h"

struct pubsub;

enum pubsub_kind { PUBSUB_CHANNEL, PUBSUB_PATTERN, PUBSUB_SHARD, PUBSUB_KINDS };

struct pubsub_client {
    void *subscriber;
    struct map subscriptions[PUBSUB_KINDS];
};

struct pubsub_message {
    enum pubsub_kind kind;
    struct bytes pattern; /* PUBSUB_PATTERN: the one that matched */
    struct bytes channel, payload;
    struct buf *encoded; /* room for a deliverer to keep one encoding for all; empty at first */
};

typedef void pubsub_deliver_fn(void *subscriber, const struct pubsub_message *m);

struct pubsub *pubsub_new(pubsub_deliver_fn *deliver);
void pubsub_free(struct pubsub *p); /* NULL does nothing */

void pubsub_join(struct pubsub_client *c, void *subscriber);
/* Ends all its subscriptions. */
void pubsub_leave(struct pubsub *p, struct pubsub_client *c);

/* False: already subscribed, or not subscribed. */
bool pubsub_subscribe(struct pubsub *p, struct pubsub_client *c, enum pubsub_kind kind,
                      struct bytes name);
bool pubsub_unsubscribe(struct pubsub *p, struct pubsub_client *c, enum pubsub_kind kind,
                        struct bytes name);
size_t pubsub_count(const struct pubsub_client *c, enum pubsub_kind kind);
/* Any one name that the client listens to; empty kinds give false. */
bool pubsub_any(struct pubsub_client *c, enum pubsub_kind kind, struct bytes *out_name);

/* Delivers to channel listeners and matching patterns (PUBSUB_CHANNEL) or to shard listeners. The
 * number of deliveries. */
size_t pubsub_publish(struct pubsub *p, enum pubsub_kind kind, struct bytes channel,
                      struct bytes payload);

/* How many names of a kind anybody listens to, and how many listen to one. */
size_t pubsub_names(const struct pubsub *p, enum pubsub_kind kind);
size_t pubsub_listeners(const struct pubsub *p, enum pubsub_kind kind, struct bytes name);
/* Calls each for every name of the kind that matches; an empty pattern matches all. */
void pubsub_each(const struct pubsub *p, enum pubsub_kind kind, struct bytes pattern,
                 void (*each)(void *arg, struct bytes name), void *arg);

void pubsub_check(const struct pubsub *p);

#endif
