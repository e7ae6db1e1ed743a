/*
 * reg_host - one process: its cores, a driver that keeps their contract, and a disk.
 */
#include <string.h>

#include "common/alloc.h"
#include "reg_world.h"

enum { DELAY_MS = 4, LATE_MS = 300, FSYNC_MS = 6, FSYNC_SLOW_MS = 60, REFUSE_MS = 2000 };

/* ---- the network ------------------------------------------------------------------------------- */

static void free_message(struct item *it)
{
    xfree(it->data);
}

static void deliver(struct world *w, struct item *it);

static void post(struct world *w, int from, int to, const struct reg_message *m, uint64_t delay_ms)
{
    struct item *it = queue_put(&w->queue, w->now_ms + delay_ms, deliver);

    it->drop = free_message;
    it->a = to;
    it->b = from;
    it->data = xmalloc(sizeof *m);
    memcpy(it->data, m, sizeof *m);
}

static void send_message(struct world *w, int from, int to, const struct reg_message *m)
{
    if (w->cut[from][to] || (w->faults && world_chance(w, 16) == 0))
        return;
    post(w, from, to, m,
         w->faults && world_chance(w, 12) == 0 ? world_chance(w, LATE_MS)
                                               : world_chance(w, DELAY_MS));
    if (w->faults && world_chance(w, 16) == 0)
        post(w, from, to, m, world_chance(w, LATE_MS));
}

static int host_at(const struct world *w, const struct place *at)
{
    for (int i = 0; i < HOSTS; i++)
        if (strcmp(w->places[i].host, at->host) == 0)
            return i;
    return -1;
}

/* ---- the disk ---------------------------------------------------------------------------------- */

static void written(struct world *w, struct item *it)
{
    struct host *h = &w->hosts[it->a];

    if (h->generation == it->generation)
        voter_disk_written(&h->disk);
}

static void persist(struct world *w, int i)
{
    struct host *h = &w->hosts[i];
    uint64_t sync_ms = 1 + (w->faults && world_chance(w, 30) == 0 ? world_chance(w, FSYNC_SLOW_MS)
                                                                  : world_chance(w, FSYNC_MS));
    struct item *it =
        queue_put(&w->queue, voter_disk_write(&h->disk, &h->acceptor, w->now_ms, sync_ms), written);

    it->a = i;
    it->generation = h->generation;
}

/* Before there is a register nobody would know a new voter: then an operator begins with other voters. */
bool host_may_lose(const struct world *w, int i)
{
    if (w->head == 0 && i >= 0)
        return false;
    for (int k = 0; k < SENTINELS; k++) {
        const struct acceptor *a = &w->hosts[k].acceptor;
        uint64_t gone[PROPOSER_VOTERS_MAX];
        size_t count = 0;

        if (!acceptor_has_value(a))
            continue;
        for (uint32_t v = 0; v < a->value.voter_count; v++) {
            int its = world_living_voter(w, a->value.voters[v].id);

            if (its == -1 || its == i)
                gone[count++] = a->value.voters[v].id;
        }
        if (!charter_may_have_majority(&a->value, gone, count))
            return false;
    }
    return true;
}

static void crash_disk(struct world *w, int i)
{
    struct voter_disk *d = &w->hosts[i].disk;
    uint64_t how = w->faults ? world_chance(w, 12) : 2;

    voter_disk_crash(d, &w->rng, w->now_ms);
    if (how > 1 || !host_may_lose(w, i))
        return;
    w->amnesias++;
    d->lost = true;
    if (how == 0)
        d->exists = false;
    else
        voter_disk_damage(d);
}

void host_new_voter(struct world *w, int i, uint64_t voter)
{
    struct host *h = &w->hosts[i];

    acceptor_init(&h->acceptor, voter);
    voter_disk_create(&h->disk, &h->acceptor);
}

/* As sentinel/state does it: a memory that cannot be believed is none, and the next one has another id. */
static void load_voter(struct world *w, int i)
{
    struct host *h = &w->hosts[i];
    struct voter_disk *d = &h->disk;
    struct errmsg why = { "" };
    uint64_t old = h->acceptor.voter;

    if (w->mutations & MUT_OLD_SLOT)
        memset(d->file + SLOTS_MARK_AT, 0, SLOTS_MARK_BYTES);
    h->acceptor.mutations = w->mutations;
    d->lost = false;
    if (voter_disk_load(d, &h->acceptor, &why))
        return;
    world_trace(w, "%s has no memory: %s", h->name, d->exists ? why.text : "no file");
    host_new_voter(w, i, w->mutations & MUT_KEEPS_VOTER_ID ? old : world_id(w));
    h->acceptor.mutations = w->mutations;
}

/* ---- the acceptor ------------------------------------------------------------------------------ */

static bool refuses(void *arg, const struct charter *mine, const struct charter *proposed)
{
    const struct host *h = arg;

    return mine && h->world && h->world->now_ms < h->dead_ms + REFUSE_MS &&
           strcmp(proposed->run, h->dead_run) == 0 && charter_shrinks(mine, proposed);
}

/* As a captain does it: time enough for a failover without what it proposed last, and not for ever. */
void host_sees_dead(struct world *w, int i, const char *run)
{
    struct host *h = &w->hosts[i];

    h->world = w;
    h->dead_ms = w->now_ms;
    memcpy(h->dead_run, run, sizeof h->dead_run);
}

static void answer(struct world *w, int i, int to, const struct reg_message *m)
{
    world_trace(w, "%s %s %llu.%llu to %s%s%s", w->hosts[i].name, reg_word(m->kind),
                (unsigned long long)m->ballot.round, (unsigned long long)m->ballot.proposer,
                w->hosts[to].name, m->kind == REG_NACK ? ": " : "",
                m->kind == REG_NACK ? nack_word(m->why) : "");
    judge_answered(w, m);
    send_message(w, i, to, m);
}

static void answer_later(struct world *w, struct item *it)
{
    if (w->hosts[it->b].generation == it->generation)
        answer(w, it->b, it->a, it->data);
    xfree(it->data);
}

static void obey_voter(struct world *w, int i, int to, const struct reg_actions *out)
{
    struct host *h = &w->hosts[i];

    for (size_t k = 0; k < out->count; k++) {
        struct item *it;

        if (out->at[k].kind == REG_PERSIST) {
            persist(w, i);
            continue;
        }
        if (h->disk.write_count == 0) {
            answer(w, i, to, &out->at[k].message);
            continue;
        }
        it = queue_put(&w->queue, h->disk.free_ms, answer_later);
        it->drop = free_message;
        it->a = to;
        it->b = i;
        it->generation = h->generation;
        it->data = xmalloc(sizeof out->at[k].message);
        memcpy(it->data, &out->at[k].message, sizeof out->at[k].message);
    }
}

static void step_voter(struct world *w, int i, int from, const struct reg_message *m)
{
    struct host *h = &w->hosts[i];
    struct acceptor *a = &h->acceptor;
    struct reg_actions out = { 0 };
    bool refused = m->kind == REG_ACCEPT && !ballot_is(m->ballot, a->accepted) &&
                   refuses(h, acceptor_has_value(a) ? &a->value : NULL, &m->value);

    if (h->disk.write_count > VOTER_WRITES_MAX / 2)
        return; /* a driver bounds what waits for a disk */
    a->refuses = refuses;
    a->arg = h;
    acceptor_step(a, m, &out);
    acceptor_check(a);
    if (refused && ballot_is(m->ballot, a->accepted))
        world_fail(w, "%s accepted a shrink by a leader whom it knows dead", h->name);
    obey_voter(w, i, from, &out);
    reg_actions_fini(&out);
}

/* ---- the proposer ------------------------------------------------------------------------------ */

static void wake(struct world *w, struct item *it);

static void arm(struct world *w, int i)
{
    struct host *h = &w->hosts[i];
    uint64_t at = proposer_wake_ms(&h->proposer);
    struct item *it;

    if (at == UINT64_MAX || at == h->wake_set_ms)
        return;
    h->wake_set_ms = at > w->now_ms ? at : w->now_ms;
    it = queue_put(&w->queue, h->wake_set_ms, wake);
    it->a = i;
    it->generation = h->generation;
    it->number = h->wake_set_ms;
}

static void result(struct world *w, int i, const struct reg_action *r)
{
    struct host *h = &w->hosts[i];
    const struct change *ch = &w->orders[h->order - 1].change;

    world_trace(w, "%s: %s is %s%s%s", h->name, change_word(ch->kind), outcome_word(r->outcome),
                r->outcome == OUTCOME_REFUSED ? ": " : "", r->refusal.text);
    judge_told(w, i, r);
    if (r->has_value)
        h->view = r->message.value;
    if (ch->kind == CHANGE_READ && r->outcome == OUTCOME_DONE && !w->faults)
        h->caught_up = true;
    h->order = 0;
}

static void obey_proposer(struct world *w, int i, const struct reg_actions *out)
{
    for (size_t k = 0; k < out->count && !w->failed; k++) {
        const struct reg_action *a = &out->at[k];
        int to = host_at(w, &a->at);

        if (a->kind == REG_RESULT)
            result(w, i, a);
        else if (to >= 0)
            send_message(w, i, to, &a->message);
    }
}

static void after_step(struct world *w, int i, struct reg_actions *out)
{
    struct proposer *p = &w->hosts[i].proposer;
    bool sent = false;

    w->steps++;
    proposer_check(p);
    for (size_t k = 0; k < out->count && !sent; k++) {
        sent = out->at[k].kind == REG_SEND && out->at[k].message.kind == REG_ACCEPT;
        if (sent)
            world_trace(w, "%s proposes version %llu under %llu.%llu", w->hosts[i].name,
                        (unsigned long long)p->next.ver, (unsigned long long)p->ballot.round,
                        (unsigned long long)p->ballot.proposer);
    }
    if (sent)
        judge_proposed(w, p);
    obey_proposer(w, i, out);
    if (proposer_unknown_ver(p) == 0)
        judge_settled(w, p);
    reg_actions_fini(out);
    arm(w, i);
}

static void wake(struct world *w, struct item *it)
{
    struct host *h = &w->hosts[it->a];
    struct reg_actions out = { 0 };

    if (!h->alive || h->generation != it->generation || it->number != h->wake_set_ms)
        return;
    if (h->paused_ms > w->now_ms) {
        struct item *again = queue_put(&w->queue, h->paused_ms, wake);

        again->a = it->a;
        again->generation = it->generation;
        again->number = it->number;
        return;
    }
    h->wake_set_ms = 0;
    proposer_time(&h->proposer, w->now_ms, &out);
    after_step(w, it->a, &out);
}

void host_order(struct world *w, int i, const struct change *ch, uint64_t deadline_ms)
{
    struct host *h = &w->hosts[i];
    struct reg_actions out = { 0 };

    world_trace(w, "%s: %s of epoch %llu", h->name, change_word(ch->kind),
                (unsigned long long)ch->if_epoch);
    judge_ordered(w, i, ch);
    proposer_submit(&h->proposer, ch, deadline_ms, w->now_ms, &out);
    after_step(w, i, &out);
}

static void deliver(struct world *w, struct item *it)
{
    struct host *h = &w->hosts[it->a];
    const struct reg_message *m = it->data;
    struct reg_actions out = { 0 };

    if (h->alive && h->paused_ms > w->now_ms) {
        post(w, it->b, it->a, m, h->paused_ms - w->now_ms);
    } else if (h->alive && m->kind <= REG_GET) {
        if (it->a < SENTINELS)
            step_voter(w, it->a, it->b, m);
    } else if (h->alive) {
        proposer_hear(&h->proposer, m, w->now_ms, &out);
        after_step(w, it->a, &out);
    }
    xfree(it->data);
}

/* ---- life -------------------------------------------------------------------------------------- */

/* Somebody told it what the register looks like, or its own last view did, or only the first voters are known. */
static const struct charter *newest_view(struct world *w, int i)
{
    const struct charter *best = &w->hosts[i].proposer.known;

    for (int k = 0; k < HOSTS; k++)
        if (world_chance(w, 2) == 0 || !w->faults)
            if (w->hosts[k].proposer.known.ver > best->ver)
                best = &w->hosts[k].proposer.known;
    return best;
}

void host_start(struct world *w, int i)
{
    struct host *h = &w->hosts[i];
    struct charter known = *newest_view(w, i);
    struct reg_actions out = { 0 };

    h->alive = true;
    h->generation++;
    h->wake_set_ms = 0;
    h->order = 0;
    if (i < SENTINELS)
        load_voter(w, i);
    else
        world_hex(w, h->run);
    proposer_init(&h->proposer, world_id(w), &known, world_id(w));
    h->proposer.mutations = w->mutations;
    if (world_chance(w, 3) == 0)
        proposer_set_ahead(&h->proposer, true, w->now_ms, &out);
    after_step(w, i, &out);
}

void host_crash(struct world *w, int i)
{
    struct host *h = &w->hosts[i];

    world_trace(w, "%s dies", h->name);
    h->alive = false;
    h->generation++;
    h->paused_ms = 0;
    if (i < SENTINELS)
        crash_disk(w, i);
}
