/*
 * muster - asks nodes and sentinels at given places who they are, all at once, and hands on what they said.
 *
 * Nodes are asked HF HELLO over connections of their own, voters are enrolled. Who has not answered within MUSTER_MS
 * does not answer.
 */
#include <string.h>

#include "common/alloc.h"
#include "sentinel/helm/helm.h"

static bool all_settled(const struct muster *q)
{
    for (uint32_t i = 0; i < q->found.node_count; i++)
        if (!q->nodes[i].settled)
            return false;
    for (uint32_t i = 0; i < q->found.voter_count; i++)
        if (!q->voters_settled[i])
            return false;
    return true;
}

static void end(struct muster *q)
{
    q->done(q);
    muster_free(q);
}

/* From the loop, never from inside muster_begin. */
static void end_soon(struct muster *q)
{
    struct ev_loop *loop = q->all->drive->loop;

    if (!all_settled(q))
        return;
    ev_timer_stop(loop, &q->late);
    ev_timer_set(&q->late, 0., 0.);
    ev_timer_start(loop, &q->late);
}

static void on_late(struct ev_loop *loop, ev_timer *w, int events)
{
    end(w->data);
}

/* ---- nodes ------------------------------------------------------------------------------------- */

static struct founding_node *node_of(const struct muster_node *n)
{
    return &n->muster->found.nodes[n - n->muster->nodes];
}

static void settle_node(struct muster_node *n)
{
    n->settled = true;
    end_soon(n->muster);
}

static void on_hello(void *arg, const struct resp_value *reply)
{
    struct muster_node *n = arg;
    struct founding_node *f = node_of(n);
    struct wire w = { .count = 0 };
    struct receipt receipt;

    if (!reply)
        return; /* its dial goes, or is down and tells */
    f->answers = true;
    if (wire_of_reply(&w, reply) && wire_take_receipt(&w, &receipt, NULL) == OK) {
        f->speaks = true;
        f->report = receipt.report;
    }
    settle_node(n);
}

static void on_state(void *arg, struct dial *d, enum dial_state state, enum dial_why why)
{
    struct muster_node *n = arg;
    struct muster *q = n->muster;
    const struct group *g = sentinel_find_group(q->all->drive->core, bytes_of(q->name));
    struct order hello = { .kind = ORDER_HELLO };

    if (state == DIAL_DOWN ||
        (state == DIAL_UP && (!g || helm_line_send(q->all, g, d, &hello, on_hello, n) != OK)))
        settle_node(n);
}

static void ask_node(struct muster *q, const struct group *g, uint32_t i)
{
    struct muster_node *n = &q->nodes[i];
    struct dial_options o = { .connect_timeout_ms = MUSTER_MS, .on_state = on_state, .arg = n };

    helm_line_aim(q->all, g, &q->found.nodes[i].at, &o);
    n->muster = q;
    n->dial = dial_new(q->all->drive->loop, &o);
    dial_start(n->dial);
}

/* ---- voters ------------------------------------------------------------------------------------ */

/* It may hold a register already, which somebody began to make. */
static void note_register(struct muster *q, const struct reg_message *m)
{
    if (m->accepted.round == 0 || m->value.ver < q->known.ver)
        return;
    q->known = m->value;
    q->known_committed = m->committed;
}

static void hear_voter(struct muster *q, uint32_t i, const struct reg_message *m)
{
    struct founding_voter *v = &q->found.voters[i];

    v->answers = v->speaks = true;
    v->voter = m->voter;
    if (m->accepted.round != 0)
        memcpy(v->gid, m->value.gid, sizeof v->gid);
    v->format = (int)i == q->own ? wire_format_own() : m->format;
    q->voters_settled[i] = true;
    note_register(q, m);
    end_soon(q);
}

void muster_enrolled(struct muster *q, const struct place *at, const struct reg_message *m)
{
    for (uint32_t i = 0; i < q->found.voter_count; i++)
        if ((int)i != q->own && !q->voters_settled[i] && place_eq(&q->found.voters[i].at, at))
            hear_voter(q, i, m);
}

void muster_told(struct muster *q, const struct reg_message *answer)
{
    uint32_t own = (uint32_t)q->own;

    if (answer) {
        hear_voter(q, own, answer);
        return;
    }
    q->found.voters[own].answers = q->found.voters[own].speaks = true;
    q->voters_settled[own] = true;
    end_soon(q);
}

static void ask_voter(struct muster *q, uint32_t i)
{
    struct helms *hs = q->all;

    if (q->voters_settled[i])
        return; /* a real Redis sentinel, say */
    if ((int)i == q->own)
        hs->ops->enrol(hs->world, q->token, bytes_of(q->name));
    else
        courier_enrol(hs->courier, &q->found.voters[i].at, q->name);
}

/* ---- life -------------------------------------------------------------------------------------- */

struct muster *muster_new(struct helms *hs, const char *name, const struct durable_request *r,
                          void (*done)(struct muster *q))
{
    struct muster *q = xcalloc(1, sizeof *q);

    q->all = hs;
    q->token = helms_draw_token(hs);
    q->request = *r;
    q->own = -1;
    q->done = done;
    memcpy(q->name, name, strlen(name) + 1);
    list_push_back(&hs->musters, &q->of_helms);
    ev_timer_init(&q->late, on_late, MUSTER_MS / 1e3, 0.);
    q->late.data = q;
    return q;
}

void muster_begin(struct muster *q)
{
    const struct group *g = sentinel_find_group(q->all->drive->core, bytes_of(q->name));

    ev_timer_start(q->all->drive->loop, &q->late);
    for (uint32_t i = 0; i < q->found.node_count; i++)
        ask_node(q, g, i);
    for (uint32_t i = 0; i < q->found.voter_count; i++)
        ask_voter(q, i);
    end_soon(q);
}

void muster_free(struct muster *q)
{
    ev_timer_stop(q->all->drive->loop, &q->late);
    list_remove(&q->of_helms);
    for (uint32_t i = 0; i < q->found.node_count; i++)
        dial_free(q->nodes[i].dial);
    xfree(q);
}
