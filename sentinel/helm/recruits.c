/*
 * recruits - nodes that follow one of the group's and are no members: they are asked whether they would be.
 *
 * The classic core finds them, as it finds any follower, in the leader's INFO. They are asked HF HELLO; what comes of it
 * the captain decides (core/durable/newcome.c).
 */
#include <string.h>

#include "common/clock.h"
#include "sentinel/core/node.h"
#include "sentinel/helm/helm.h"

static bool is_member(const struct charter *c, const struct place *at)
{
    for (uint32_t i = 0; i < c->member_count; i++)
        if (place_eq(&c->members[i].at, at))
            return true;
    return false;
}

/* By the name that it calls its leader, or by what the classic core knows that name for. */
static bool follows_member(const struct helm *h, const struct report *r)
{
    const struct group *g = helm_group(h);
    struct addr a;
    const struct node *to =
        g && addr_set(&a, bytes_of(r->follows.host), r->follows.port) ? node_at(g, &a) : NULL;
    struct place at;

    return is_member(&h->captain.charter, &r->follows) ||
           (to && requests_put_place(&at, &to->addr, to->ip) &&
            is_member(&h->captain.charter, &at));
}

/* The captain is told of each that would; a step may take the group away. */
static void asked(struct muster *q)
{
    for (uint32_t i = 0; i < q->found.node_count; i++) {
        const struct founding_node *n = &q->found.nodes[i];
        struct helm *h = helms_find(q->all, bytes_of(q->name));
        struct captain_event ev = { .kind = CAPTAIN_EV_JOINS, .at = &n->at, .report = &n->report };

        if (h && n->speaks && follows_member(h, &n->report))
            helm_step(h, &ev);
    }
}

/* Where there are more than fit, the rest have their turn when some of these are members. */
static void find(const struct helm *h, const struct group *g, struct founding *f)
{
    LIST_EACH ((struct list *)&g->nodes, link) {
        const struct node *n = LIST_ENTRY(link, struct node, of_group);
        struct founding_node *to = &f->nodes[f->node_count];

        if (f->node_count == CHARTER_MEMBERS_MAX)
            return;
        if (n->verdict == VERDICT_UP && n->facts.holdfast && !n->facts.bound &&
            requests_put_place(&to->at, &n->addr, n->ip) &&
            !is_member(&h->captain.charter, &to->at))
            f->node_count++;
    }
}

/* Anybody new is asked soon, those who have said no ever less often. */
static void set_next(struct recruiting *r, uint32_t count)
{
    r->pause_ms = count == 0 || count > r->count ? RECRUIT_FIRST_MS : 2 * r->pause_ms;
    if (r->pause_ms > RECRUIT_MAX_MS)
        r->pause_ms = RECRUIT_MAX_MS;
    r->count = count;
    r->next_ms = clock_now_ms() + r->pause_ms;
}

void recruits_look(struct helm *h)
{
    const struct durable_request nobody_s = { .kind = REQUEST_MEMBER_ADD };
    const struct group *g = helm_group(h);
    struct founding found = { .node_count = 0 };
    struct muster *q;

    if (!g || h->captain.charter.ver == 0 || clock_now_ms() < h->recruiting.next_ms)
        return;
    if (!h->captain.charter.closed)
        find(h, g, &found);
    set_next(&h->recruiting, found.node_count);
    if (found.node_count == 0)
        return;
    q = muster_new(h->all, h->name, &nobody_s, asked);
    q->aside = true;
    q->found = found;
    muster_begin(q);
}
