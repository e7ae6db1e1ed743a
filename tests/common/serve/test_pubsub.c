/*
 * pubsub: random subscriptions and messages, beside a table of who listens to what. Every delivery is
 * compared, and the invariants are checked on the way.
 */
#include <string.h>

#include "tests/check_main.h"
#include "common/serve/pubsub.h"

enum { CLIENTS = 6, NAMES = 8, STEPS = 20000 };

static const char *const channels[NAMES] = { "a", "b", "ab", "abc", "", "x.y", "x.z", "q" };
static const char *const patterns[NAMES] = { "*", "a*", "?", "x.*", "nothing", "[ab]", "", "q" };

struct client {
    struct pubsub_client pubsub;
    bool listens[PUBSUB_KINDS][NAMES];
    int heard;
};

static void heard(void *subscriber, const struct pubsub_message *m)
{
    (void)m;
    ((struct client *)subscriber)->heard++;
}

static const char *name_of(enum pubsub_kind kind, size_t i)
{
    return kind == PUBSUB_PATTERN ? patterns[i] : channels[i];
}

static int wanted(const struct client *c, enum pubsub_kind kind, size_t channel)
{
    int count = c->listens[kind][channel];

    for (size_t i = 0; kind == PUBSUB_CHANNEL && i < NAMES; i++)
        count += c->listens[PUBSUB_PATTERN][i] &&
                 glob_match(bytes_of(patterns[i]), bytes_of(channels[channel]), false);
    return count;
}

static void publish(struct pubsub *p, struct client *clients, enum pubsub_kind kind, size_t i)
{
    size_t all = 0;

    for (int k = 0; k < CLIENTS; k++)
        clients[k].heard = 0;
    ck_assert(kind != PUBSUB_PATTERN);
    {
        size_t told = pubsub_publish(p, kind, bytes_of(channels[i]), BYTES("m"));

        for (int k = 0; k < CLIENTS; k++) {
            ck_assert_int_eq(clients[k].heard, wanted(&clients[k], kind, i));
            all += (size_t)clients[k].heard;
        }
        ck_assert_uint_eq(told, all);
    }
}

START_TEST(agrees_with_a_table)
{
    struct pubsub *p = pubsub_new(heard);
    struct client clients[CLIENTS] = { 0 };
    struct rng r;

    rng_seed(&r, test_seed());
    for (int k = 0; k < CLIENTS; k++)
        pubsub_join(&clients[k].pubsub, &clients[k]);
    for (int step = 0; step < STEPS; step++) {
        struct client *c = &clients[rng_below(&r, CLIENTS)];
        enum pubsub_kind kind = (enum pubsub_kind)rng_below(&r, PUBSUB_KINDS);
        size_t i = rng_below(&r, NAMES);
        struct bytes name = bytes_of(name_of(kind, i));

        switch (rng_below(&r, 8)) {
        case 0:
        case 1:
        case 2:
            ck_assert(pubsub_subscribe(p, &c->pubsub, kind, name) == !c->listens[kind][i]);
            c->listens[kind][i] = true;
            break;
        case 3:
        case 4:
            ck_assert(pubsub_unsubscribe(p, &c->pubsub, kind, name) == c->listens[kind][i]);
            c->listens[kind][i] = false;
            break;
        case 5:
            if (rng_below(&r, 20))
                break;
            pubsub_leave(p, &c->pubsub);
            memset(c->listens, 0, sizeof c->listens);
            break;
        default:
            publish(p, clients, kind == PUBSUB_SHARD ? PUBSUB_SHARD : PUBSUB_CHANNEL, i);
        }
        if (step % 500 == 0)
            pubsub_check(p);
    }
    for (int k = 0; k < CLIENTS; k++)
        pubsub_leave(p, &clients[k].pubsub);
    for (int kind = 0; kind < PUBSUB_KINDS; kind++)
        ck_assert_uint_eq(pubsub_names(p, (enum pubsub_kind)kind), 0);
    pubsub_free(p);
}
END_TEST

CHECK_MAIN("pubsub", agrees_with_a_table)
