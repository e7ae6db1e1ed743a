/*
 * group_judge - what must hold of a group, whoever fails and however (the numbers are of the protocol's invariants):
 *
 *   I1  for every epoch one process leads at most
 *   I2  the chosen versions form one chain
 *   I3  eff has everybody whom a chosen or open version of the leader's epoch names
 *   I4  whatever was told is in the data of every living node whose data set the latest chosen version names
 *   I7  what a node has promised does not go back under one did
 *   I8  what is taken from a stream stands on the same past (group_node.c)
 *   I10 no data is dropped while the latest chosen version names its data set
 *   I11 what was announced as acknowledged is in the data of whoever leads a later epoch, if that is the latest
 *   I14 what was refused is in nobody's list
 *   and with I12 the list is linearizable: every operation told takes its place in one list, behind whatever was
 *   told before it was called
 */
#include <string.h>

#include "common/alloc.h"
#include "group_world.h"

/* ---- operations -------------------------------------------------------------------------------- */

uint64_t judge_called(struct world *w, bool is_write)
{
    if (w->operation_count == 0)
        w->operation_count = 1; /* number 0 is none */
    if (w->operation_count >= w->operation_cap) {
        w->operation_cap = w->operation_cap ? w->operation_cap * 2 : 1024;
        w->operations = xrealloc(w->operations, w->operation_cap * sizeof *w->operations);
    }
    w->operations[w->operation_count] =
        (struct operation){ .is_write = is_write, .floor = w->floor };
    return w->operation_count++;
}

void judge_executed(struct world *w, uint64_t number)
{
    if (w->operations[number].executed)
        world_fail(w, "operation %llu was executed twice", U(number));
    w->operations[number].executed = true;
}

void judge_refused(struct world *w, uint64_t number)
{
    if (w->operations[number].executed)
        world_fail(w, "operation %llu was executed and refused (I14)", U(number));
    w->operations[number].fate = FATE_REFUSED;
}

/* The one list so far, by what was told of it. */
static bool agrees(struct world *w, uint64_t writes, uint64_t hash)
{
    if (writes >= w->truth_cap) {
        size_t cap = w->truth_cap ? w->truth_cap * 2 : 1024;

        while (cap <= writes)
            cap *= 2;
        w->truth = xrealloc(w->truth, cap * sizeof *w->truth);
        memset(w->truth + w->truth_cap, 0, (cap - w->truth_cap) * sizeof *w->truth);
        w->truth_cap = cap;
    }
    if (w->truth[writes] == 0)
        w->truth[writes] = hash;
    return w->truth[writes] == hash;
}

void judge_told(struct world *w, const struct parked *p)
{
    struct operation *o = &w->operations[p->number];
    uint64_t before = p->is_write ? p->writes - 1 : p->writes;

    o->fate = FATE_OK;
    w->oks++;
    if (!agrees(w, p->writes, p->hash))
        world_fail(w, "two lists of %llu writes were told", U(p->writes));
    if (before < o->floor)
        world_fail(w, "a %s stands behind %llu writes; %llu were told before it was called",
                   p->is_write ? "write" : "read", U(before), U(o->floor));
    if (p->writes > w->floor)
        w->floor = p->writes;
}

/* ---- the register ------------------------------------------------------------------------------ */

static struct attempt *find_attempt(const struct world *w, struct ballot b)
{
    for (size_t i = w->attempt_count; i-- > 0;)
        if (ballot_is(w->attempts[i].ballot, b))
            return &w->attempts[i];
    return NULL;
}

void judge_proposed(struct world *w, const struct reg_message *m)
{
    if (find_attempt(w, m->ballot))
        return;
    if (w->attempt_count == w->attempt_cap) {
        w->attempt_cap = w->attempt_cap ? w->attempt_cap * 2 : 256;
        w->attempts = xrealloc(w->attempts, w->attempt_cap * sizeof *w->attempts);
    }
    w->attempts[w->attempt_count++] = (struct attempt){ .ballot = m->ballot, .value = m->value };
}

static void count_changes(struct world *w, const struct charter *next)
{
    for (uint32_t i = 0; i < next->member_count; i++) {
        const struct member *was = charter_member(&w->chosen, next->members[i].node);

        if (was && was->did != 0 && next->members[i].did == 0)
            w->shrinks++;
        if (was && was->did == 0 && next->members[i].did != 0)
            w->grows++;
    }
}

static void check_copies(struct world *w);

static void choose(struct world *w, struct attempt *a)
{
    const struct charter *c = &a->value;

    a->chosen = true;
    if (ballot_cmp(a->ballot, w->chosen_ballot) > 0)
        w->chosen_ballot = a->ballot;
    if (c->ver < w->chosen.ver || charter_eq(c, &w->chosen))
        return;
    if (c->ver == w->chosen.ver)
        world_fail(w, "two values of version %llu (I2)", U(c->ver));
    else if (w->chosen.ver != 0 && c->ver == w->chosen.ver + 1 && !charter_follows(&w->chosen, c))
        world_fail(w, "version %llu does not follow (I2)", U(c->ver));
    count_changes(w, c);
    w->chosen = *c;
    world_trace(w, "chosen: version %llu epoch %llu leader n%d sync%s%s%s level %s", U(c->ver),
                U(c->epoch), world_node_host(w, c->leader) - FIRST_NODE,
                charter_member(&w->chosen, w->nodes[0].id)->did ? " n0" : "",
                charter_member(&w->chosen, w->nodes[1].id)->did ? " n1" : "",
                charter_member(&w->chosen, w->nodes[2].id)->did ? " n2" : "", keep_word(c->level));
    check_copies(w);
}

void judge_answered(struct world *w, const struct reg_message *m)
{
    struct ballot b = m->kind == REG_ACCEPTED ? m->ballot : m->accepted;
    struct attempt *a = b.round ? find_attempt(w, b) : NULL;

    if (!a || (m->kind == REG_NACK && m->why != NACK_VOTERS))
        return;
    for (size_t i = 0; i < a->voter_count; i++)
        if (a->voters[i] == m->voter)
            return;
    if (a->voter_count == ARRAY_LEN(a->voters))
        return;
    a->voters[a->voter_count++] = m->voter;
    if (!a->chosen && charter_has_majority(&a->value, a->voters, a->voter_count))
        choose(w, a);
}

/* ---- nodes ------------------------------------------------------------------------------------- */

static void check_copy(struct world *w, int n)
{
    const struct node *x = &w->nodes[n];
    const struct member *m = charter_member(&w->chosen, x->id);
    const struct entry *e;

    /* Before it has read the register a node claims nothing: its disk may be an older copy. */
    if (!w->hosts[FIRST_NODE + n].alive || x->core.unread || w->floor == 0)
        return;
    if (!m || m->did != x->core.meta.did)
        return;
    e = store_write(&x->data, w->floor);
    if (!e || e->list_hash != w->truth[w->floor])
        world_fail(w, "n%d is in sync and has %llu writes; %llu were told%s (I4)", n,
                   U(store_writes(&x->data)), U(w->floor), e ? ", others" : "");
}

static void check_copies(struct world *w)
{
    for (int n = 0; n < NODES; n++)
        check_copy(w, n);
}

static void check_names(struct world *w, int n, const struct charter *c)
{
    struct effective eff[CHARTER_MEMBERS_MAX + 1];
    uint32_t count = durable_eff(&w->nodes[n].core, eff);

    for (uint32_t i = 0; i < c->member_count; i++) {
        bool has = c->members[i].did == 0;

        for (uint32_t k = 0; k < count; k++)
            has = has || (eff[k].node == c->members[i].node && eff[k].did == c->members[i].did);
        if (!has)
            world_fail(w, "n%d does not demand what version %llu of its epoch names (I3)", n,
                       U(c->ver));
    }
}

/* An attempt is open until something above it is chosen. */
static void check_eff(struct world *w, int n)
{
    const struct durable *d = &w->nodes[n].core;

    if (d->role < NODE_LEADER)
        return;
    if (w->chosen.epoch == d->meta.seen.epoch)
        check_names(w, n, &w->chosen);
    for (size_t i = 0; i < w->attempt_count; i++) {
        const struct attempt *a = &w->attempts[i];

        if (ballot_cmp(a->ballot, w->chosen_ballot) > 0 && a->value.epoch == d->meta.seen.epoch &&
            a->value.op_proposer == d->proposer.id)
            check_names(w, n, &a->value);
    }
}

static void check_leader(struct world *w, int n)
{
    const struct durable *d = &w->nodes[n].core;
    uint64_t epoch = d->meta.seen.epoch;

    if (d->role < NODE_LEADER || epoch >= EPOCHS_MAX)
        return;
    if (w->leaders[epoch] != 0 && w->leaders[epoch] != d->proposer.id)
        world_fail(w, "two processes lead epoch %llu (I1)", U(epoch));
    w->leaders[epoch] = d->proposer.id;
    if (d->commit > w->announced[epoch])
        w->announced[epoch] = d->commit;
    for (uint64_t e = 1; e < epoch && epoch == w->chosen.epoch; e++)
        if (w->announced[e] > d->begun)
            world_fail(w, "n%d leads epoch %llu from %llu; epoch %llu had announced %llu (I11)", n,
                       U(epoch), U(d->begun), U(e), U(w->announced[e]));
}

static void check_promise(struct world *w, int n)
{
    struct node *x = &w->nodes[n];

    if (x->core.role >= NODE_LEADER && x->files.meta.seen.epoch < x->core.meta.seen.epoch)
        world_fail(w, "n%d acts in epoch %llu and its disk knows of %llu (I7)", n,
                   U(x->core.meta.seen.epoch), U(x->files.meta.seen.epoch));
}

void judge_node(struct world *w, int n)
{
    check_leader(w, n);
    check_promise(w, n);
    check_eff(w, n);
    check_copy(w, n);
    w->nodes[n].did_judged = w->nodes[n].core.meta.did;
}

void judge_dropped(struct world *w, int n)
{
    const struct node *x = &w->nodes[n];
    const struct member *m = charter_member(&w->chosen, x->id);

    if (m && m->did != 0 && m->did == x->did_judged)
        world_fail(w, "n%d drops data that is in sync (I10)", n);
}

/* ---- the end ----------------------------------------------------------------------------------- */

void judge_end(struct world *w)
{
    const struct store *s = NULL;

    for (int n = 0; n < NODES; n++)
        if (w->nodes[n].core.role == NODE_ACTIVE)
            s = &w->nodes[n].data;
    for (size_t i = 0; s && i < s->count; i++) {
        const struct entry *e = &s->at[i];
        const struct operation *o = &w->operations[e->number];

        if (e->number == 0)
            continue;
        if (o->fate == FATE_REFUSED)
            world_fail(w, "write %llu was refused and is in the list (I14)", U(e->number));
        if (e->writes - 1 < o->floor)
            world_fail(w, "write %llu stands before what was told when it was called",
                       U(e->number));
        if (e->writes < w->truth_cap && w->truth[e->writes] != 0 &&
            w->truth[e->writes] != e->list_hash)
            world_fail(w, "the list of %llu writes is another than was told", U(e->writes));
    }
}
