/*
 * group_sentinel - a sentinel's process: its voter, the voter's disk, and its captain or rogue.
 */
#include <string.h>

#include "common/alloc.h"
#include "group_world.h"

enum { FSYNC_MS = 5, FSYNC_SLOW_MS = 50, ROGUE_MS = 10 };

/* ---- the voter --------------------------------------------------------------------------------- */

static void written(struct world *w, struct item *it)
{
    if (w->hosts[it->a].generation == it->generation)
        voter_disk_written(&w->sentinels[it->a].disk);
}

static void persist(struct world *w, int s)
{
    struct sentinel *x = &w->sentinels[s];
    uint64_t sync_ms = 1 + (w->faults && world_chance(w, 30) == 0 ? world_chance(w, FSYNC_SLOW_MS)
                                                                  : world_chance(w, FSYNC_MS));
    struct item *it =
        queue_put(&w->queue, voter_disk_write(&x->disk, &x->acceptor, w->now_ms, sync_ms), written);

    it->a = s;
    it->generation = w->hosts[s].generation;
}

static void answer(struct world *w, struct item *it)
{
    struct letter *l = it->data;

    if (w->hosts[it->a].generation != it->generation) {
        xfree(l);
        return;
    }
    judge_answered(w, &l->reg);
    net_send(w, l);
}

static void drop_letter(struct item *it)
{
    xfree(it->data);
}

static void step_voter(struct world *w, int s, const struct letter *l)
{
    struct sentinel *x = &w->sentinels[s];
    struct reg_actions out = { 0 };

    if (x->disk.write_count > VOTER_WRITES_MAX / 2)
        return; /* a driver bounds what waits for a disk */
    x->acceptor.refuses = w->real ? captain_refuses : NULL;
    x->acceptor.arg = &x->captain;
    acceptor_step(&x->acceptor, &l->reg, &out);
    for (size_t k = 0; k < out.count; k++) {
        struct item *it;
        struct letter *reply;

        if (out.at[k].kind == REG_PERSIST) {
            persist(w, s);
            continue;
        }
        reply = net_letter(LETTER_VOTED, s, l->from);
        reply->reg = out.at[k].message;
        it = world_put(w, x->disk.free_ms > w->now_ms ? x->disk.free_ms - w->now_ms : 0, answer, s,
                       l->from);
        it->drop = drop_letter;
        it->data = reply;
        it->generation = w->hosts[s].generation;
    }
    reg_actions_fini(&out);
    if (w->real && l->reg.kind == REG_LEARN && ballot_is(l->reg.ballot, x->acceptor.accepted))
        drive_learn(w, s, &x->acceptor.value);
}

void sentinel_new_voter(struct world *w, int s)
{
    struct sentinel *x = &w->sentinels[s];

    acceptor_init(&x->acceptor, world_id(w));
    voter_disk_create(&x->disk, &x->acceptor);
}

bool sentinel_has_voter(const struct world *w, uint64_t voter)
{
    for (int s = 0; s < SENTINELS; s++)
        if (w->sentinels[s].acceptor.voter == voter && !w->sentinels[s].disk.lost)
            return true;
    return false;
}

/* ---- the rogue's hands ----------------------------------------------------------------------- */

void rogue_order(struct world *w, int s, int node, const struct order *o)
{
    struct letter *l = net_letter(LETTER_ORDER, s, FIRST_NODE + node);

    l->order = *o;
    net_send(w, l);
}

void rogue_ask(struct world *w, int s, const struct reg_action *a)
{
    int to = net_host_at(w, &a->at);
    struct letter *l;

    if (to < 0)
        return;
    if (a->message.kind == REG_ACCEPT)
        judge_proposed(w, &a->message);
    l = net_letter(LETTER_REGISTER, s, to);
    l->reg = a->message;
    net_send(w, l);
}

static void rogue_item(struct world *w, struct item *it)
{
    struct host *h = &w->hosts[it->a];

    if (!h->alive || h->generation != it->generation)
        return;
    if (h->paused_ms <= w->now_ms)
        rogue_time(w, it->a);
    world_put(w, ROGUE_MS, rogue_item, it->a, 0)->generation = it->generation;
}

/* ---- life -------------------------------------------------------------------------------------- */

void sentinel_start(struct world *w, int s)
{
    struct sentinel *x = &w->sentinels[s];
    struct host *h = &w->hosts[s];
    struct errmsg why;
    struct charter known = { 0 };

    h->alive = true;
    h->generation++;
    x->disk.lost = false;
    if (!voter_disk_load(&x->disk, &x->acceptor, &why))
        sentinel_new_voter(w, s);
    memcpy(known.gid, w->gid, sizeof known.gid);
    for (int i = 0; i < SENTINELS; i++) {
        struct voter v = { .id = w->sentinels[i].acceptor.voter,
                           .at = w->places[i],
                           .sets = VOTERS_NOW };

        charter_add_voter(&known, &v);
    }
    /* What its configuration file had, or another sentinel tells. */
    for (int i = 0; i < SENTINELS; i++) {
        const struct sentinel *y = &w->sentinels[i];
        const struct charter *c = w->real ? &y->captain.charter : &y->rogue.view;

        if (c->ver > known.ver)
            known = *c;
    }
    if (w->real) {
        drive_start(w, s, &known);
        return;
    }
    rogue_start(w, s, world_id(w), &known);
    world_put(w, world_chance(w, ROGUE_MS), rogue_item, s, 0)->generation = h->generation;
}

void sentinel_crash(struct world *w, int s, bool amnesia)
{
    struct sentinel *x = &w->sentinels[s];
    struct host *h = &w->hosts[s];

    world_trace(w, "%s dies%s", h->name, amnesia ? " and loses its memory" : "");
    h->alive = false;
    h->generation++;
    h->paused_ms = 0;
    voter_disk_crash(&x->disk, &w->rng, w->now_ms);
    if (!amnesia)
        return;
    w->amnesias++;
    x->disk.lost = true;
    if (world_chance(w, 2) == 0)
        x->disk.exists = false;
    else
        voter_disk_damage(&x->disk);
}

void sentinel_letter(struct world *w, int s, struct letter *l)
{
    w->steps++;
    if (l->kind == LETTER_REGISTER)
        step_voter(w, s, l);
    else if (w->real)
        drive_letter(w, s, l);
    else if (l->kind == LETTER_RECEIPT)
        rogue_receipt(w, s, &l->receipt);
    else if (l->kind == LETTER_VOTED)
        rogue_voted(w, s, &l->reg);
}
