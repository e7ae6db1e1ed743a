/*
 * wants - `sentinel durability <group> <level>`: the group is made durable as soon as everybody is there for it.
 *
 * One that is durable already gets another level, as soon as nothing else is being changed.
 *
 * All sentinels may have the line, so they take turns: each waits as many attempts as there are peers before it by id.
 * What is in the way is logged with each attempt.
 *
 * A rumour is the other way to a helm: somebody enrolled our voter, and nothing came of it here. Its register may be made,
 * and our voter have missed that, or lost its memory; the other sentinels know.
 */
#include <stdio.h>
#include <string.h>

#include "common/alloc.h"
#include "common/clock.h"
#include "sentinel/core/peer.h"
#include "sentinel/helm/helm.h"

struct want {
    struct list of_helms;
    struct helms *all;
    char name[NAME_LEN_MAX + 1];
    bool of_level;     /* the group is durable already */
    uint64_t next_ms;  /* no attempt before */
    uint64_t heard_ms; /* a rumour is to be followed then; 0: there is none */
};

static void want_free(struct want *w)
{
    list_remove(&w->of_helms);
    xfree(w);
}

/* How many others go first. */
static uint64_t turn(const struct sentinel *core, const struct group *g)
{
    uint64_t before = 0;

    LIST_EACH ((struct list *)&g->seats, link)
        before +=
            strcmp(LIST_ENTRY(link, struct seat, of_group)->peer->run_id, core->globals.my_id) < 0;
    return before;
}

/* Has everybody been met who is to be met, and is all well? */
static bool is_ripe(const struct group *g)
{
    uint32_t voters = group_peers(g) + 1, wanted = 2 * g->set.quorum - 1;

    if (g->failover.state != FO_NONE || g->leader->verdict != VERDICT_UP || g->leader->info_ms == 0)
        return false;
    return g->node_count >= WANT_NODES_MIN && voters >= WANT_VOTERS_MIN && voters >= wanted;
}

static void attempt(struct want *w, const struct group *g)
{
    struct durable_request r = { .kind = REQUEST_LEVEL, .level = g->set.durability };
    uint64_t turns = turn(w->all->drive->core, g), now_ms = clock_now_ms();

    if (!is_ripe(g)) {
        w->next_ms = now_ms + (turns + 1) * WANT_LOOK_MS;
        return;
    }
    if (now_ms < w->next_ms)
        return;
    w->next_ms = now_ms + (turns + 1) * WANT_AGAIN_MS;
    helms_request(w->all, g->name, &r);
}

/* False: it has it, or is not durable at all. */
static bool pursue_level(struct want *w, const struct group *g)
{
    struct durable_request r = { .kind = REQUEST_LEVEL, .level = g->set.durability };
    const struct helm *h = helms_find(w->all, bytes_of(w->name));

    if (!h || (h->captain.charter.ver > 0 && h->captain.charter.level == r.level))
        return false;
    if (clock_now_ms() < w->next_ms)
        return true;
    w->next_ms = clock_now_ms() + WANT_LEVEL_MS;
    helms_request(w->all, g->name, &r);
    return true;
}

static void set_look(struct helms *hs)
{
    if (list_empty(&hs->wants) || ev_is_active(&hs->look))
        return;
    ev_timer_set(&hs->look, WANT_LOOK_MS / 1e3, 0.);
    ev_timer_start(hs->drive->loop, &hs->look);
}

static void on_look(struct ev_loop *loop, ev_timer *timer, int events)
{
    struct helms *hs = timer->data;

    LIST_EACH (&hs->wants, link) {
        struct want *w = LIST_ENTRY(link, struct want, of_helms);
        const struct group *g = sentinel_find_group(hs->drive->core, bytes_of(w->name));

        if (g && w->of_level && pursue_level(w, g))
            continue;
        if (!g || helms_find(hs, bytes_of(w->name))) {
            want_free(w);
            continue;
        }
        if (w->heard_ms && clock_now_ms() >= w->heard_ms) {
            w->heard_ms = 0;
            requests_look_up(hs, g);
        }
        if (g->set.durability != KEEP_ASYNC)
            attempt(w, g);
        else if (!w->heard_ms)
            want_free(w);
    }
    set_look(hs);
}

static struct want *want_for(struct helms *hs, const struct group *g)
{
    struct want *w;

    LIST_EACH (&hs->wants, link)
        if (strcmp(LIST_ENTRY(link, struct want, of_helms)->name, g->name) == 0)
            return LIST_ENTRY(link, struct want, of_helms);
    w = xcalloc(1, sizeof *w);
    w->all = hs;
    snprintf(w->name, sizeof w->name, "%s", g->name);
    list_push_back(&hs->wants, &w->of_helms);
    set_look(hs);
    return w;
}

void wants_note(struct helms *hs, const struct group *g)
{
    if (g->set.durability != KEEP_ASYNC)
        (void)want_for(hs, g);
}

void wants_level(struct helms *hs, const struct group *g)
{
    struct want *w = want_for(hs, g);

    w->of_level = true;
    w->next_ms = 0;
    (void)pursue_level(w, g);
}

void wants_rumour(struct helms *hs, const struct group *g)
{
    struct want *w = want_for(hs, g);

    if (!w->heard_ms)
        w->heard_ms = clock_now_ms() + RUMOUR_MS;
}

void wants_init(struct helms *hs)
{
    list_init(&hs->wants);
    ev_timer_init(&hs->look, on_look, 0., 0.);
    hs->look.data = hs;
}

void wants_fini(struct helms *hs)
{
    ev_timer_stop(hs->drive->loop, &hs->look);
    while (!list_empty(&hs->wants))
        want_free(LIST_ENTRY(hs->wants.next, struct want, of_helms));
}
