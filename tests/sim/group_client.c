/*
 * group_client - one operation after the other, at whoever served last.
 */
#include "group_world.h"

enum { THINK_MS = 12, THINK_HEALED_MS = 60, PATIENCE_MS = 600, WANDER = 6 };

static void call(struct world *w, struct item *it);

static void think(struct world *w, int c)
{
    world_put(w, 1 + world_chance(w, w->faults ? THINK_MS : THINK_HEALED_MS), call, c, 0);
}

static void lose_patience(struct world *w, struct item *it)
{
    struct client *c = &w->clients[it->a];

    if (c->number != it->number)
        return;
    c->number = 0;
    c->node = (int)world_chance(w, NODES);
    think(w, it->a);
}

static void call(struct world *w, struct item *it)
{
    struct client *c = &w->clients[it->a];
    /* In every fourth schedule nearly all read: a read behind a write waits for more than its own leader. */
    bool is_write = world_chance(w, 12) < (w->faults && w->seed % 4 == 1 ? 1 : 8);
    struct letter *l = net_letter(LETTER_COMMAND, FIRST_CLIENT + it->a, FIRST_NODE + c->node);

    c->number = l->number = judge_called(w, is_write);
    l->is_write = is_write;
    net_send(w, l);
    world_put(w, PATIENCE_MS, lose_patience, it->a, 0)->number = c->number;
}

void client_begin(struct world *w, int c)
{
    w->hosts[FIRST_CLIENT + c].alive = true;
    think(w, c);
}

void client_letter(struct world *w, int i, const struct letter *l)
{
    struct client *c = &w->clients[i];

    if (l->kind != LETTER_REPLY || l->number != c->number)
        return;
    c->number = 0;
    if (l->reply != REPLY_OK || (w->faults && world_chance(w, WANDER) == 0))
        c->node = (int)world_chance(w, NODES); /* not all clients hear the same of who leads */
    else if (!w->faults && w->operations[l->number].is_write)
        w->served_ms = w->now_ms;
    think(w, i);
}
