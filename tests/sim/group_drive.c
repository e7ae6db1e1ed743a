/*
 * group_drive - the driver of a real captain: lines to nodes, suspicions, ballots, and an operator who wants things.
 *
 * A line is to one life of a node's process: a dial of a dead one is refused, one into a cut times out, and whoever
 * sends over a line whose other end has died finds it closed.
 */
#include <string.h>

#include "common/alloc.h"
#include "group_world.h"
#include "sentinel/core/durable/found.h"

enum { WISH_MS = 900, TOKEN = 99 };

static void step(struct world *w, int s, struct captain_event *ev);

/* ---- lines ------------------------------------------------------------------------------------- */

static bool is_awake(struct world *w, struct item *it, item_fn *again)
{
    struct host *h = &w->hosts[it->a];
    struct item *later;

    if (!h->alive || h->generation != it->generation)
        return false;
    if (h->paused_ms <= w->now_ms)
        return true;
    later = world_put(w, h->paused_ms - w->now_ms, again, it->a, it->b);
    later->generation = it->generation;
    later->number = it->number;
    later->kind = it->kind;
    return false;
}

static struct item *later(struct world *w, uint64_t in_ms, item_fn *run, int s, int n)
{
    struct item *it = world_put(w, in_ms, run, s, n);

    it->generation = w->hosts[s].generation;
    it->number = w->sentinels[s].lines[n].number;
    return it;
}

static void line_ends(struct world *w, struct item *it)
{
    struct line_to *l = &w->sentinels[it->a].lines[it->b];
    struct captain_event ev = { .kind = CAPTAIN_EV_LINE_DOWN, .node = w->nodes[it->b].id };

    if (l->number != it->number || l->state == CONTACT_NONE || !is_awake(w, it, line_ends))
        return;
    l->state = CONTACT_NONE;
    ev.why = (enum down_why)it->kind;
    step(w, it->a, &ev);
}

static void line_stands(struct world *w, struct item *it)
{
    struct line_to *l = &w->sentinels[it->a].lines[it->b];
    struct captain_event ev = { .kind = CAPTAIN_EV_LINE_UP, .node = w->nodes[it->b].id };

    if (l->number != it->number || l->state != CONTACT_DIALLING || !is_awake(w, it, line_stands))
        return;
    l->state = CONTACT_OPEN;
    step(w, it->a, &ev);
}

static void dial(struct world *w, int s, int n, uint64_t timeout_ms)
{
    struct line_to *l = &w->sentinels[s].lines[n];
    const struct host *h = &w->hosts[FIRST_NODE + n];
    bool is_cut = w->cut[s][FIRST_NODE + n] || w->cut[FIRST_NODE + n][s];

    l->state = CONTACT_DIALLING;
    l->number++;
    l->life = h->generation;
    if (is_cut)
        later(w, timeout_ms, line_ends, s, n)->kind = DOWN_TIMEOUT;
    else if (!h->alive)
        later(w, 1, line_ends, s, n)->kind = DOWN_REFUSED;
    else
        later(w, 1, line_stands, s, n);
}

static void send_order(struct world *w, int s, int n, const struct order *o)
{
    struct line_to *l = &w->sentinels[s].lines[n];
    const struct host *h = &w->hosts[FIRST_NODE + n];
    struct letter *order;

    if (l->state != CONTACT_OPEN)
        return;
    if (!h->alive || h->generation != l->life) {
        if (!w->cut[s][FIRST_NODE + n] && !w->cut[FIRST_NODE + n][s])
            later(w, 1, line_ends, s, n)->kind = DOWN_CLOSED;
        return;
    }
    order = net_letter(LETTER_ORDER, s, FIRST_NODE + n);
    order->order = *o;
    net_send(w, order);
}

static void thread_answers(struct world *w, struct item *it)
{
    struct node *x = &w->nodes[it->b];
    struct captain_event ev = { .kind = CAPTAIN_EV_VITAL, .node = x->id, .run = x->core.run };

    if (is_awake(w, it, thread_answers))
        step(w, it->a, &ev);
}

/* Over a line of its own, to a thread that a node's loop does not hold up. */
static void ask_thread(struct world *w, int s, int n)
{
    const struct host *h = &w->hosts[FIRST_NODE + n];

    if (h->alive && (h->busy || h->paused_ms <= w->now_ms) && !w->cut[s][FIRST_NODE + n] &&
        !w->cut[FIRST_NODE + n][s])
        later(w, 1, thread_answers, s, n);
}

/* ---- what it wants ----------------------------------------------------------------------------- */

static void send_suspicion(struct world *w, int s, int to, enum letter_kind kind,
                           const struct suspicion *what)
{
    struct letter *l;

    if (to < 0)
        return;
    l = net_letter(kind, s, to);
    l->suspicion = *what;
    net_send(w, l);
}

static void send_ballot(struct world *w, int s, const struct captain_action *a)
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

static void serves(struct world *w, const struct captain_action *a)
{
    if (a->epoch >= EPOCHS_MAX || w->leaders[a->epoch] == 0)
        world_fail(w, "clients are sent to the leader of epoch %llu, and nobody led", U(a->epoch));
}

static void obey(struct world *w, int s, const struct captain_action *a)
{
    int n = world_node_host(w, a->to) - FIRST_NODE;

    switch (a->kind) {
    case CAPTAIN_ACT_DIAL:
        dial(w, s, n, a->timeout_ms);
        break;
    case CAPTAIN_ACT_ORDER:
        send_order(w, s, n, &a->order);
        break;
    case CAPTAIN_ACT_VITAL:
        ask_thread(w, s, n);
        break;
    case CAPTAIN_ACT_SUSPECT:
        send_suspicion(w, s, net_host_at(w, &a->at), LETTER_SUSPECT, &a->suspicion);
        break;
    case CAPTAIN_ACT_OPINE:
        send_suspicion(w, s, (int)a->token, LETTER_OPINION, &a->suspicion);
        break;
    case CAPTAIN_ACT_SEND:
        send_ballot(w, s, a);
        break;
    case CAPTAIN_ACT_NOTICE:
        world_trace(w, "s%d %s %s", s, a->channel, a->text);
        w->failovers += strcmp(a->channel, "+hf-failover") == 0;
        break;
    case CAPTAIN_ACT_SERVES:
        serves(w, a);
        break;
    case CAPTAIN_ACT_REPLY:
        world_trace(w, "s%d answers %s", s, a->ok ? "OK" : a->text);
        w->sentinels[s].is_wishing = false;
        break;
    default:
        break;
    }
}

static void wake(struct world *w, struct item *it)
{
    struct captain_event ev = { .kind = CAPTAIN_EV_TIME };

    if (!is_awake(w, it, wake) || it->number != w->hosts[it->a].wake_set_ms)
        return;
    w->hosts[it->a].wake_set_ms = 0;
    step(w, it->a, &ev);
}

static void step(struct world *w, int s, struct captain_event *ev)
{
    struct captain *c = &w->sentinels[s].captain;
    struct captain_actions out = { 0 };
    uint64_t at;
    struct item *it;

    w->steps++;
    ev->now_ms = w->now_ms;
    captain_step(c, ev, &out);
    captain_check(c);
    for (size_t i = 0; i < out.count && !w->failed; i++)
        obey(w, s, &out.at[i]);
    captain_actions_fini(&out);
    at = captain_wake_ms(c);
    if (at == w->hosts[s].wake_set_ms)
        return;
    w->hosts[s].wake_set_ms = at;
    it = world_put(w, at > w->now_ms ? at - w->now_ms : 0, wake, s, 0);
    it->generation = w->hosts[s].generation;
    it->number = at;
}

/* ---- operators --------------------------------------------------------------------------------- */

/* As an operator's command finds them. */
static bool found(struct world *w, struct charter *out)
{
    struct founding f = { .level = (enum keep)(KEEP_MEM + w->seed % 3), .min_sync = 1 };
    struct reasons why;

    memcpy(f.gid, w->gid, sizeof f.gid);
    for (int n = 0; n < NODES; n++) {
        struct founding_node *x = &f.nodes[f.node_count++];

        x->at = w->places[FIRST_NODE + n];
        x->answers = x->speaks = w->hosts[FIRST_NODE + n].alive;
        x->leads = n == 0;
        durable_report(&w->nodes[n].core, w->now_ms, &x->report);
    }
    for (int s = 0; s < SENTINELS; s++)
        f.voters[f.voter_count++] =
            (struct founding_voter){ .at = w->places[s],
                                     .answers = true,
                                     .speaks = true,
                                     .voter = w->sentinels[s].acceptor.voter };
    return found_charter(&f, out, &why);
}

/* Voters that lost their memory are replaced; whoever is there has said so. */
static bool needs_voters(struct world *w, int asks, const struct charter *c, struct wish *x)
{
    bool all = true;

    for (uint32_t i = 0; i < c->voter_count; i++)
        all = all && sentinel_has_voter(w, c->voters[i].id);
    if (all || charter_is_joint(c))
        return false;
    x->kind = WISH_VOTERS;
    for (int s = 0; s < SENTINELS; s++) {
        if (w->hosts[s].alive)
            captain_saw(&w->sentinels[asks].captain, &w->places[s], w->sentinels[s].acceptor.voter,
                        CHARTER_NEWEST, w->now_ms);
        x->voters[x->voter_count++] = (struct voter){ .id = w->sentinels[s].acceptor.voter,
                                                      .at = w->places[s],
                                                      .sets = VOTERS_NOW };
    }
    return true;
}

static bool draw_wish(struct world *w, int s, struct wish *x)
{
    const struct charter *c = &w->sentinels[s].captain.charter;

    *x = (struct wish){ .kind = WISH_NONE, .token = TOKEN };
    if (c->ver == 0) {
        x->kind = WISH_CREATE;
        return w->chosen.ver == 0 && s == 0 && found(w, &x->first);
    }
    if (needs_voters(w, s, c, x))
        return true;
    if (!w->faults)
        return false;
    x->kind = world_chance(w, 3) == 0 ? WISH_TERMS : WISH_SWITCHOVER;
    x->node = world_chance(w, 2) == 0 ? w->nodes[world_chance(w, NODES)].id : 0;
    x->level = (enum keep)(KEEP_MEM + world_chance(w, 3));
    x->min_sync = 1 + (world_chance(w, 8) == 0);
    return true;
}

static void operate(struct world *w, struct item *it)
{
    struct sentinel *x = &w->sentinels[it->a];
    struct wish wish;
    struct captain_event ev = { .kind = CAPTAIN_EV_WISH, .wish = &wish };

    if (!is_awake(w, it, operate))
        return;
    later(w, x->captain.charter.ver == 0 ? 20 : world_chance(w, 2 * WISH_MS), operate, it->a, 0);
    if (x->is_wishing || !draw_wish(w, it->a, &wish))
        return;
    x->is_wishing = true;
    step(w, it->a, &ev);
}

/* ---- what it is given -------------------------------------------------------------------------- */

void drive_learn(struct world *w, int s, const struct charter *c)
{
    struct charter learned = *c;
    struct captain_event ev = { .kind = CAPTAIN_EV_CHARTER, .charter = &learned };

    step(w, s, &ev);
}

static void hear_receipt(struct world *w, int s, const struct letter *l)
{
    struct captain_event ev = { .kind = CAPTAIN_EV_RECEIPT,
                                .node = l->receipt.report.node,
                                .receipt = &l->receipt };
    const struct line_to *line = &w->sentinels[s].lines[l->from - FIRST_NODE];

    if (line->state == CONTACT_OPEN && line->life == w->hosts[l->from].generation)
        step(w, s, &ev);
}

void drive_letter(struct world *w, int s, const struct letter *l)
{
    struct captain_event ev = { .suspicion = &l->suspicion, .token = (uint64_t)l->from };

    if (l->kind == LETTER_RECEIPT) {
        hear_receipt(w, s, l);
        return;
    }
    if (l->kind == LETTER_VOTED) {
        ev.kind = CAPTAIN_EV_BALLOT;
        ev.message = &l->reg;
    } else if (l->kind == LETTER_LOOKOUT) {
        ev.kind = CAPTAIN_EV_LOOKOUT;
        ev.lookout = &l->lookout;
    } else {
        ev.kind = l->kind == LETTER_SUSPECT ? CAPTAIN_EV_SUSPECTED : CAPTAIN_EV_OPINION;
    }
    step(w, s, &ev);
}

void drive_start(struct world *w, int s, const struct charter *known)
{
    static const struct captain_settings settings = {
        .patience = { .heartbeat_ms = CAPTAIN_HEARTBEAT_MS,
                      .busy_failover_ms = CAPTAIN_BUSY_FAILOVER_MS },
        .handoff_ms = CAPTAIN_HANDOFF_MS,
    };
    struct sentinel *x = &w->sentinels[s];
    struct captain_event ev = { .kind = CAPTAIN_EV_TIME };

    x->is_wishing = false;
    w->hosts[s].wake_set_ms = 0;
    for (int n = 0; n < NODES; n++)
        x->lines[n].state = CONTACT_NONE;
    captain_fini(&x->captain);
    captain_init(&x->captain, x->acceptor.voter, world_id(w), known, &settings, world_id(w),
                 w->now_ms);
    x->captain.mutations = w->captain_bugs;
    step(w, s, &ev);
    later(w, world_chance(w, 50), operate, s, 0);
}
