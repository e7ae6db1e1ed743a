/*
 * SUBSCRIBE, PUBLISH and their kin: sessions as listeners.
 */
#include <string.h>

#include "common/alloc.h"
#include "common/serve/dispatch.h"
#include "common/serve/pubsub.h"
#include "common/serve/service.h"

/* What a kind is called on the wire. */
static const struct {
    const char *subscribe, *unsubscribe, *message;
} words[PUBSUB_KINDS] = {
    [PUBSUB_CHANNEL] = { "subscribe", "unsubscribe", "message" },
    [PUBSUB_PATTERN] = { "psubscribe", "punsubscribe", "pmessage" },
    [PUBSUB_SHARD] = { "ssubscribe", "sunsubscribe", "smessage" },
};

/* Everything behind the first byte is the same for both protocols, and is encoded once for all. */
static void encode(const struct pubsub_message *m)
{
    struct buf *b = m->encoded;

    resp_put_array(b, m->kind == PUBSUB_PATTERN ? 4 : 3);
    resp_put_bulk(b, bytes_of(words[m->kind].message));
    if (m->kind == PUBSUB_PATTERN)
        resp_put_bulk(b, m->pattern);
    resp_put_bulk(b, m->channel);
    resp_put_bulk(b, m->payload);
}

void session_deliver(void *session, const struct pubsub_message *m)
{
    struct session *s = session;
    struct out *out = &s->link->out;

    if (!m->encoded->len)
        encode(m);
    out_append(out, s->reply.proto == 3 ? ">" : "*", 1);
    out_append(out, m->encoded->at + 1, m->encoded->len - 1);
    session_told(s, false);
}

static struct pubsub_client *client_of(struct session *s)
{
    if (!s->pubsub) {
        s->pubsub = xmalloc(sizeof *s->pubsub);
        pubsub_join(s->pubsub, s);
    }
    return s->pubsub;
}

void session_drop_subscriptions(struct session *s)
{
    if (!s->pubsub)
        return;
    pubsub_leave(s->service->pubsub, s->pubsub);
    xfree(s->pubsub);
    s->pubsub = NULL;
}

static size_t count_of(const struct session *s, enum pubsub_kind kind)
{
    if (kind == PUBSUB_SHARD)
        return pubsub_count(s->pubsub, PUBSUB_SHARD);
    return pubsub_count(s->pubsub, PUBSUB_CHANNEL) + pubsub_count(s->pubsub, PUBSUB_PATTERN);
}

static void settle_kind(struct session *s)
{
    bool listens = count_of(s, PUBSUB_CHANNEL) + count_of(s, PUBSUB_SHARD) > 0;

    if (listens && s->kind == SESSION_NORMAL)
        session_set_kind(s, SESSION_PUBSUB);
    else if (!listens && s->kind == SESSION_PUBSUB)
        session_set_kind(s, SESSION_NORMAL);
}

/* CLIENT REPLY OFF silences replies; this is a message, as those of the channel. */
static void tell(struct call *c, const char *word, enum pubsub_kind kind, const struct bytes *name)
{
    struct session *s = c->session;
    bool silenced = s->flags & (SESSION_REPLY_OFF | SESSION_REPLY_SKIP);
    struct reply message = session_reply(s), *r = silenced ? &message : c->reply;

    reply_push(r, 3);
    reply_text(r, word);
    if (name)
        reply_bulk(r, *name);
    else
        reply_null(r);
    reply_int(r, (int64_t)count_of(s, kind));
    if (silenced)
        session_wrote(s);
}

static void subscribe_kind(struct call *c, enum pubsub_kind kind)
{
    struct pubsub_client *client;

    if (c->denies_blocking && !c->in_exec) {
        reply_errorf(c->reply, "ERR %s isn't allowed for a DENY BLOCKING client",
                     words[kind].subscribe);
        return;
    }
    client = client_of(c->session);
    for (int i = 1; i < c->argc; i++) {
        pubsub_subscribe(c->service->pubsub, client, kind, c->argv[i]);
        tell(c, words[kind].subscribe, kind, &c->argv[i]);
    }
    settle_kind(c->session);
}

static void unsubscribe_all(struct call *c, enum pubsub_kind kind)
{
    struct pubsub_client *client = client_of(c->session);
    struct bytes name;

    if (!pubsub_any(client, kind, &name)) {
        tell(c, words[kind].unsubscribe, kind, NULL);
        return;
    }
    do {
        struct bytes kept = { xmemdup0(name.at, name.len), name.len };

        pubsub_unsubscribe(c->service->pubsub, client, kind, name);
        tell(c, words[kind].unsubscribe, kind, &kept);
        xfree((char *)(uintptr_t)kept.at);
    } while (pubsub_any(client, kind, &name));
}

static void unsubscribe_kind(struct call *c, enum pubsub_kind kind)
{
    struct pubsub_client *client = client_of(c->session);

    if (c->argc == 1)
        unsubscribe_all(c, kind);
    for (int i = 1; i < c->argc; i++) {
        pubsub_unsubscribe(c->service->pubsub, client, kind, c->argv[i]);
        tell(c, words[kind].unsubscribe, kind, &c->argv[i]);
    }
    settle_kind(c->session);
}

static void subscribe(struct call *c)
{
    subscribe_kind(c, PUBSUB_CHANNEL);
}

static void psubscribe(struct call *c)
{
    subscribe_kind(c, PUBSUB_PATTERN);
}

static void ssubscribe(struct call *c)
{
    subscribe_kind(c, PUBSUB_SHARD);
}

static void unsubscribe(struct call *c)
{
    unsubscribe_kind(c, PUBSUB_CHANNEL);
}

static void punsubscribe(struct call *c)
{
    unsubscribe_kind(c, PUBSUB_PATTERN);
}

static void sunsubscribe(struct call *c)
{
    unsubscribe_kind(c, PUBSUB_SHARD);
}

static void publish_kind(struct call *c, enum pubsub_kind kind)
{
    size_t heard = pubsub_publish(c->service->pubsub, kind, c->argv[1], c->argv[2]);

    c->intents |= INTENT_FORCE_EFFECT;
    reply_int(c->reply, (int64_t)heard);
}

static void publish(struct call *c)
{
    publish_kind(c, PUBSUB_CHANNEL);
}

static void spublish(struct call *c)
{
    publish_kind(c, PUBSUB_SHARD);
}

struct names {
    struct call *call; /* NULL: only count */
    size_t count;
};

static void each_name(void *arg, struct bytes name)
{
    struct names *n = arg;

    n->count++;
    if (n->call)
        reply_bulk(n->call->reply, name);
}

static void channels_of(struct call *c, enum pubsub_kind kind)
{
    struct bytes pattern = c->argc > 2 ? c->argv[2] : (struct bytes){ 0 };
    struct names n = { 0 };

    if (c->argc > 3) {
        serve_wrong_use(c);
        return;
    }
    pubsub_each(c->service->pubsub, kind, pattern, each_name, &n);
    reply_array(c->reply, n.count);
    n.call = c;
    pubsub_each(c->service->pubsub, kind, pattern, each_name, &n);
}

static void counts_of(struct call *c, enum pubsub_kind kind)
{
    reply_array(c->reply, 2 * (size_t)(c->argc - 2));
    for (int i = 2; i < c->argc; i++) {
        reply_bulk(c->reply, c->argv[i]);
        reply_int(c->reply, (int64_t)pubsub_listeners(c->service->pubsub, kind, c->argv[i]));
    }
}

static void pubsub_channels(struct call *c)
{
    channels_of(c, PUBSUB_CHANNEL);
}

static void pubsub_shardchannels(struct call *c)
{
    channels_of(c, PUBSUB_SHARD);
}

static void pubsub_numsub(struct call *c)
{
    counts_of(c, PUBSUB_CHANNEL);
}

static void pubsub_shardnumsub(struct call *c)
{
    counts_of(c, PUBSUB_SHARD);
}

static void pubsub_numpat(struct call *c)
{
    reply_int(c->reply, (int64_t)pubsub_names(c->service->pubsub, PUBSUB_PATTERN));
}

const struct command serve_pubsub_rows[] = {
    { .name = "subscribe",
      .run = subscribe,
      .argc_min = 2,
      .argc_max = ARGC_ANY,
      .flags = CMD_PUBSUB | CMD_NOSCRIPT | CMD_LOADING | CMD_STALE,
      .group = "pubsub",
      .since = "2.0.0",
      .cost = "O(N) where N is the number of channels to subscribe to.",
      .args = "channel+",
      .help = "Listens to channels." },
    { .name = "unsubscribe",
      .run = unsubscribe,
      .argc_min = 1,
      .argc_max = ARGC_ANY,
      .flags = CMD_PUBSUB | CMD_NOSCRIPT | CMD_LOADING | CMD_STALE,
      .group = "pubsub",
      .since = "2.0.0",
      .cost = "O(N) where N is the number of clients already subscribed to a channel.",
      .args = "[channel+]",
      .help = "Stops listening to channels." },
    { .name = "psubscribe",
      .run = psubscribe,
      .argc_min = 2,
      .argc_max = ARGC_ANY,
      .flags = CMD_PUBSUB | CMD_NOSCRIPT | CMD_LOADING | CMD_STALE,
      .group = "pubsub",
      .since = "2.0.0",
      .cost = "O(N) where N is the number of patterns the client is already subscribed to.",
      .args = "{pattern:pattern}+",
      .help = "Listens to channels that match patterns." },
    { .name = "punsubscribe",
      .run = punsubscribe,
      .argc_min = 1,
      .argc_max = ARGC_ANY,
      .flags = CMD_PUBSUB | CMD_NOSCRIPT | CMD_LOADING | CMD_STALE,
      .group = "pubsub",
      .since = "2.0.0",
      .cost = "O(N+M) where N is the number of patterns the client is already subscribed and "
              "M is the number of total patterns subscribed in the system (by any client).",
      .args = "[pattern:pattern+]",
      .help = "Stops listening to patterns." },
    { 0 },
};

static const struct command pubsub_subs[] = {
    { .name = "numsub",
      .run = pubsub_numsub,
      .argc_min = 2,
      .argc_max = ARGC_ANY,
      .flags = CMD_PUBSUB | CMD_LOADING | CMD_STALE,
      .group = "pubsub",
      .since = "2.8.0",
      .cost = "O(N) for the NUMSUB subcommand, where N is the number of requested channels",
      .args = "[channel+]",
      .help = "How many listen to each channel." },
    { .name = "help",
      .run = serve_help,
      .argc_min = 2,
      .argc_max = 2,
      .flags = CMD_LOADING | CMD_STALE,
      .group = "pubsub",
      .since = "6.2.0",
      .cost = "O(1)",
      .help = "Explains the subcommands." },
    { .name = "channels",
      .run = pubsub_channels,
      .argc_min = 2,
      .argc_max = ARGC_ANY,
      .flags = CMD_PUBSUB | CMD_LOADING | CMD_STALE,
      .group = "pubsub",
      .since = "2.8.0",
      .cost = "O(N) where N is the number of active channels, and assuming constant time "
              "pattern matching (relatively short channels and patterns)",
      .args = "[pattern:pattern]",
      .help = "Channels that somebody listens to." },
    { .name = "shardnumsub",
      .run = pubsub_shardnumsub,
      .argc_min = 2,
      .argc_max = ARGC_ANY,
      .flags = CMD_PUBSUB | CMD_LOADING | CMD_STALE,
      .group = "pubsub",
      .since = "7.0.0",
      .cost = "O(N) for the SHARDNUMSUB subcommand, where N is the number of requested shard "
              "channels",
      .args = "[shardchannel+]",
      .help = "How many listen to each shard channel." },
    { .name = "numpat",
      .run = pubsub_numpat,
      .argc_min = 2,
      .argc_max = 2,
      .flags = CMD_PUBSUB | CMD_LOADING | CMD_STALE,
      .group = "pubsub",
      .since = "2.8.0",
      .cost = "O(1)",
      .help = "How many patterns are listened to." },
    { .name = "shardchannels",
      .run = pubsub_shardchannels,
      .argc_min = 2,
      .argc_max = ARGC_ANY,
      .flags = CMD_PUBSUB | CMD_LOADING | CMD_STALE,
      .group = "pubsub",
      .since = "7.0.0",
      .cost = "O(N) where N is the number of active shard channels, and assuming constant "
              "time pattern matching (relatively short shard channels).",
      .args = "[pattern:pattern]",
      .help = "Shard channels that somebody listens to." },
    { 0 }
};

const struct command serve_channel_rows[] = {
    { .name = "publish",
      .run = publish,
      .argc_min = 3,
      .argc_max = 3,
      .flags = CMD_PUBSUB | CMD_LOADING | CMD_STALE | CMD_FAST | CMD_MAY_REPLICATE,
      .group = "pubsub",
      .since = "2.0.0",
      .cost = "O(N+M) where N is the number of clients subscribed to the receiving channel "
              "and M is the total number of subscribed patterns (by any client).",
      .args = "channel message",
      .help = "Sends a message to a channel; answers how many got it." },
    { .name = "spublish",
      .run = spublish,
      .argc_min = 3,
      .argc_max = 3,
      .keys = { 1, 1, 1 },
      .flags = CMD_PUBSUB | CMD_LOADING | CMD_STALE | CMD_FAST | CMD_MAY_REPLICATE,
      .group = "pubsub",
      .since = "7.0.0",
      .cost = "O(N) where N is the number of clients subscribed to the receiving shard channel.",
      .args = "shardchannel message",
      .key_specs = "not_key",
      .help = "Sends a message to a shard channel; answers how many got it." },
    { .name = "ssubscribe",
      .run = ssubscribe,
      .argc_min = 2,
      .argc_max = ARGC_ANY,
      .keys = { 1, -1, 1 },
      .flags = CMD_PUBSUB | CMD_NOSCRIPT | CMD_LOADING | CMD_STALE,
      .group = "pubsub",
      .since = "7.0.0",
      .cost = "O(N) where N is the number of shard channels to subscribe to.",
      .args = "shardchannel+",
      .key_specs = "not_key",
      .help = "Listens to shard channels." },
    { .name = "sunsubscribe",
      .run = sunsubscribe,
      .argc_min = 1,
      .argc_max = ARGC_ANY,
      .keys = { 1, -1, 1 },
      .flags = CMD_PUBSUB | CMD_NOSCRIPT | CMD_LOADING | CMD_STALE,
      .group = "pubsub",
      .since = "7.0.0",
      .cost = "O(N) where N is the number of clients already subscribed to a shard channel.",
      .args = "[shardchannel+]",
      .key_specs = "not_key",
      .help = "Stops listening to shard channels." },
    { .name = "pubsub",
      .argc_min = 2,
      .argc_max = ARGC_ANY,
      .group = "pubsub",
      .since = "2.8.0",
      .cost = "Depends on subcommand.",
      .help = "Asks who listens to what.",
      .subs = pubsub_subs },
    { 0 },
};
