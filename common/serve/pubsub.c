#include "common/serve/pubsub.h"

#include <string.h>

#include "common/alloc.h"

/* A name that somebody listens to; patterns are channels on one more list. */
struct channel {
    struct map_node node;
    struct list pattern; /* of pubsub->patterns */
    struct list listeners;
    size_t count;
    size_t len;
    char name[];
};

struct subscription {
    struct map_node node; /* of the client's map; its name is the channel's */
    struct list listener; /* of channel->listeners */
    struct channel *channel;
    struct pubsub_client *client;
};

struct pubsub {
    struct map names[PUBSUB_KINDS];
    struct list patterns;
    pubsub_deliver_fn *deliver;
    struct buf encoded;
};

struct pubsub *pubsub_new(pubsub_deliver_fn *deliver)
{
    struct pubsub *p = xcalloc(1, sizeof *p);

    p->deliver = deliver;
    list_init(&p->patterns);
    return p;
}

void pubsub_free(struct pubsub *p)
{
    if (!p)
        return;
    for (int kind = 0; kind < PUBSUB_KINDS; kind++) {
        ASSERT(p->names[kind].count == 0);
        map_fini(&p->names[kind]);
    }
    buf_fini(&p->encoded);
    xfree(p);
}

void pubsub_join(struct pubsub_client *c, void *subscriber)
{
    *c = (struct pubsub_client){ .subscriber = subscriber };
}

static struct channel *channel_find(const struct pubsub *p, enum pubsub_kind kind,
                                    struct bytes name)
{
    struct map_node *n = map_find(&p->names[kind], name);

    return n ? CONTAINER_OF(n, struct channel, node) : NULL;
}

static struct channel *channel_make(struct pubsub *p, enum pubsub_kind kind, struct bytes name)
{
    struct channel *ch = xcalloc(1, sizeof *ch + name.len);

    ch->len = name.len;
    if (name.len)
        memcpy(ch->name, name.at, name.len);
    list_init(&ch->listeners);
    map_add(&p->names[kind], &ch->node, (struct bytes){ ch->name, ch->len });
    if (kind == PUBSUB_PATTERN)
        list_push_back(&p->patterns, &ch->pattern);
    return ch;
}

static void subscription_end(struct pubsub *p, enum pubsub_kind kind, struct subscription *sub)
{
    struct channel *ch = sub->channel;

    map_remove(&sub->client->subscriptions[kind], &sub->node);
    list_remove(&sub->listener);
    xfree(sub);
    if (--ch->count > 0)
        return;
    map_remove(&p->names[kind], &ch->node);
    list_remove(&ch->pattern);
    xfree(ch);
}

void pubsub_leave(struct pubsub *p, struct pubsub_client *c)
{
    for (int kind = 0; kind < PUBSUB_KINDS; kind++) {
        struct bytes name;

        while (pubsub_any(c, (enum pubsub_kind)kind, &name))
            pubsub_unsubscribe(p, c, (enum pubsub_kind)kind, name);
        map_fini(&c->subscriptions[kind]);
    }
}

bool pubsub_subscribe(struct pubsub *p, struct pubsub_client *c, enum pubsub_kind kind,
                      struct bytes name)
{
    struct subscription *sub;
    struct channel *ch;

    if (map_find(&c->subscriptions[kind], name))
        return false;
    ch = channel_find(p, kind, name);
    if (!ch)
        ch = channel_make(p, kind, name);
    sub = xcalloc(1, sizeof *sub);
    sub->channel = ch;
    sub->client = c;
    ch->count++;
    list_push_back(&ch->listeners, &sub->listener);
    map_add(&c->subscriptions[kind], &sub->node, (struct bytes){ ch->name, ch->len });
    return true;
}

bool pubsub_unsubscribe(struct pubsub *p, struct pubsub_client *c, enum pubsub_kind kind,
                        struct bytes name)
{
    struct map_node *n = map_find(&c->subscriptions[kind], name);

    if (!n)
        return false;
    subscription_end(p, kind, CONTAINER_OF(n, struct subscription, node));
    return true;
}

size_t pubsub_count(const struct pubsub_client *c, enum pubsub_kind kind)
{
    return c->subscriptions[kind].count;
}

bool pubsub_any(struct pubsub_client *c, enum pubsub_kind kind, struct bytes *out_name)
{
    struct map_node *n = map_any(&c->subscriptions[kind]);

    if (n)
        *out_name = n->name;
    return n != NULL;
}

static size_t deliver(struct pubsub *p, const struct channel *ch, struct pubsub_message *m)
{
    p->encoded.len = 0;
    m->encoded = &p->encoded;
    LIST_EACH (&ch->listeners, n)
        p->deliver(LIST_ENTRY(n, struct subscription, listener)->client->subscriber, m);
    return ch->count;
}

size_t pubsub_publish(struct pubsub *p, enum pubsub_kind kind, struct bytes channel,
                      struct bytes payload)
{
    struct pubsub_message m = { .kind = kind, .channel = channel, .payload = payload };
    const struct channel *ch = channel_find(p, kind, channel);
    size_t delivered = ch ? deliver(p, ch, &m) : 0;

    if (kind != PUBSUB_CHANNEL)
        return delivered;
    m.kind = PUBSUB_PATTERN;
    LIST_EACH (&p->patterns, n) {
        ch = LIST_ENTRY(n, struct channel, pattern);
        m.pattern = (struct bytes){ ch->name, ch->len };
        if (glob_match(m.pattern, channel, false))
            delivered += deliver(p, ch, &m);
    }
    return delivered;
}

size_t pubsub_names(const struct pubsub *p, enum pubsub_kind kind)
{
    return p->names[kind].count;
}

size_t pubsub_listeners(const struct pubsub *p, enum pubsub_kind kind, struct bytes name)
{
    const struct channel *ch = channel_find(p, kind, name);

    return ch ? ch->count : 0;
}

void pubsub_each(const struct pubsub *p, enum pubsub_kind kind, struct bytes pattern,
                 void (*each)(void *arg, struct bytes name), void *arg)
{
    struct map_walk w = map_walk(&p->names[kind]);

    for (struct map_node *n; (n = map_walk_next(&w));)
        if (!pattern.at || glob_match(pattern, n->name, false))
            each(arg, n->name);
}

void pubsub_check(const struct pubsub *p)
{
    for (int kind = 0; kind < PUBSUB_KINDS; kind++) {
        struct map_walk w = map_walk(&p->names[kind]);

        map_check(&p->names[kind]);
        for (struct map_node *n; (n = map_walk_next(&w));) {
            const struct channel *ch = CONTAINER_OF(n, struct channel, node);
            size_t count = 0;

            LIST_EACH (&ch->listeners, l) {
                const struct subscription *sub = LIST_ENTRY(l, struct subscription, listener);

                ASSERT(map_find(&sub->client->subscriptions[kind], n->name) == &sub->node);
                count++;
            }
            ASSERT(count > 0 && count == ch->count);
            ASSERT(list_linked(&ch->pattern) == (kind == PUBSUB_PATTERN));
        }
    }
}
