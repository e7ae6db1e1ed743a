/*
 * captain_net - what travels. Between sentinels, and to voters, it may be lost, come twice and late; a line to a node
 * is a connection: it delivers, hangs, or breaks.
 */
#include <string.h>

#include "captain_world.h"
#include "common/alloc.h"

enum { DELAY_MS = 3, LATE_MS = 200 };

struct letter *net_letter(enum letter_kind kind, int from, int to)
{
    struct letter *l = xcalloc(1, sizeof *l);

    l->kind = kind;
    l->from = from;
    l->to = to;
    return l;
}

static void drop_letter(struct item *it)
{
    xfree(it->data);
}

static void deliver(struct world *w, struct item *it);

static void post(struct world *w, struct letter *l, uint64_t in_ms)
{
    struct item *it = world_put(w, in_ms, deliver, 0, 0);

    it->drop = drop_letter;
    it->data = l;
}

static void deliver(struct world *w, struct item *it)
{
    struct letter *l = it->data;
    struct host *h = &w->hosts[l->to];

    if (h->alive && h->paused_ms > w->now_ms) {
        post(w, l, h->paused_ms - w->now_ms);
        return;
    }
    if (h->alive && h->s)
        sentinel_letter(w, l->to, l);
    else if (h->alive)
        node_letter(w, l->to - SENTINELS, l);
    xfree(l);
}

void net_send(struct world *w, struct letter *l)
{
    bool is_line = l->kind == LETTER_ORDER || l->kind == LETTER_RECEIPT;
    uint64_t delay_ms = world_chance(w, DELAY_MS);

    if (w->cut[l->from][l->to] || (w->faults && !is_line && world_chance(w, 20) == 0)) {
        xfree(l);
        return;
    }
    if (w->faults && !is_line && world_chance(w, 15) == 0)
        delay_ms = world_chance(w, LATE_MS);
    if (w->faults && !is_line && world_chance(w, 20) == 0) {
        struct letter *again = xmalloc(sizeof *again);

        *again = *l;
        post(w, again, world_chance(w, LATE_MS));
    }
    post(w, l, delay_ms);
}

int net_host_at(const struct world *w, const struct place *at)
{
    for (int i = 0; i < HOSTS; i++)
        if (strcmp(w->places[i].host, at->host) == 0)
            return i;
    return -1;
}

bool net_is_whole(const struct world *w, int a, int b, uint64_t for_ms)
{
    return !w->cut[a][b] && !w->cut[b][a] && w->now_ms >= w->whole_ms[a][b] + for_ms &&
           w->now_ms >= w->whole_ms[b][a] + for_ms;
}

void net_ask_voters(struct world *w, int from, const struct reg_action *a)
{
    int to = net_host_at(w, &a->at);
    struct letter *l;

    if (a->message.kind == REG_ACCEPT)
        judge_proposed(w, &a->message);
    if (to < 0)
        return;
    l = net_letter(LETTER_BALLOT, from, to);
    l->reg = a->message;
    net_send(w, l);
}
