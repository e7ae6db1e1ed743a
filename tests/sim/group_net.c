/*
 * group_net - letters between hosts.
 */
#include <string.h>

#include "common/alloc.h"
#include "group_world.h"

enum { DELAY_MS = 3, LATE_MS = 250, VERY_LATE_MS = 1000, PAYLOAD_MS = 600, RESET_MS = 150 };

struct letter *net_letter(enum letter_kind kind, int from, int to)
{
    struct letter *l = xcalloc(1, sizeof *l);

    l->kind = kind;
    l->from = from;
    l->to = to;
    return l;
}

static void letter_free(struct letter *l)
{
    store_fini(&l->entries);
    xfree(l);
}

static void drop(struct item *it)
{
    letter_free(it->data);
}

static void deliver(struct world *w, struct item *it)
{
    struct letter *l = it->data;
    struct host *h = &w->hosts[l->to];

    if (!h->alive) {
        letter_free(l);
        return;
    }
    if (h->paused_ms > w->now_ms) {
        net_later(w, l, h->paused_ms - w->now_ms);
        return;
    }
    if (l->to >= FIRST_NODE && l->to < FIRST_CLIENT) {
        node_letter(w, l->to - FIRST_NODE, l);
        return;
    }
    if (l->to < SENTINELS)
        sentinel_letter(w, l->to, l);
    else
        client_letter(w, l->to - FIRST_CLIENT, l);
    letter_free(l);
}

void net_later(struct world *w, struct letter *l, uint64_t in_ms)
{
    struct item *it = world_put(w, in_ms, deliver, l->to, l->from);

    it->drop = drop;
    it->data = l;
}

static bool is_stream(const struct letter *l)
{
    return l->kind == LETTER_DATA || l->kind == LETTER_PAYLOAD;
}

static void reset(struct world *w, int a, int b, uint64_t attach)
{
    struct letter *l = net_letter(LETTER_RESET, b, a);

    l->attach = attach;
    net_later(w, l, world_chance(w, RESET_MS));
}

/* A stream that lost a piece is a link that will break. Commands come once, over a connection of their own. */
static void lose(struct world *w, struct letter *l)
{
    if (is_stream(l)) {
        reset(w, l->from, l->to, l->attach);
        reset(w, l->to, l->from, l->attach);
    }
    letter_free(l);
}

/* In every third schedule late means very late: behind a restart. */
static uint64_t lateness(struct world *w)
{
    return world_chance(w, w->seed % 3 == 0 ? VERY_LATE_MS : LATE_MS);
}

static void send_again(struct world *w, const struct letter *l)
{
    struct letter *copy = xmalloc(sizeof *copy);

    memcpy(copy, l, sizeof *copy);
    copy->entries = (struct store){ 0 };
    store_copy(&copy->entries, &l->entries);
    net_later(w, copy, lateness(w));
}

/* In every fifth schedule a payload is large. */
static uint64_t journey(struct world *w, const struct letter *l)
{
    bool large = l->kind == LETTER_PAYLOAD && w->faults && w->seed % 5 == 3;

    return world_chance(w, large ? PAYLOAD_MS : DELAY_MS);
}

/* A stream and what begins it come over one connection, in order. */
static uint64_t in_turn(struct world *w, const struct letter *l, uint64_t delay_ms)
{
    uint64_t *last_ms = &w->last_ms[l->from][l->to];

    if (!is_stream(l) && !(l->kind == LETTER_TALK &&
                           (l->talk.kind == TALK_CONTINUE || l->talk.kind == TALK_PAYLOAD)))
        return delay_ms;
    if (*last_ms < w->now_ms + delay_ms)
        *last_ms = w->now_ms + delay_ms;
    return *last_ms - w->now_ms;
}

void net_send(struct world *w, struct letter *l)
{
    bool once = l->kind == LETTER_COMMAND || l->kind == LETTER_REPLY;
    bool late = w->faults && world_chance(w, 40) == 0;

    if (w->cut[l->from][l->to] || (w->faults && world_chance(w, 60) == 0)) {
        lose(w, l);
        return;
    }
    if (w->faults && !once && world_chance(w, 40) == 0)
        send_again(w, l);
    net_later(w, l, in_turn(w, l, late ? lateness(w) : journey(w, l)));
}

int net_host_at(const struct world *w, const struct place *at)
{
    for (int i = 0; i < HOSTS; i++)
        if (strcmp(w->places[i].host, at->host) == 0)
            return i;
    return -1;
}
