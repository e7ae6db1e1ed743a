/*
 * captain_host - a sentinel: its captain and its voter, and a driver that keeps their contracts.
 */
#include <string.h>

#include "captain_world.h"
#include "common/alloc.h"

enum { FSYNC_MS = 5, USER_TIMEOUT_MS = 500 };

static void step(struct world *w, int s, struct captain_event *ev);

/* ---- lines ------------------------------------------------------------------------------------- */

static int node_host(const struct world *w, uint64_t node)
{
    for (int n = 0; n < NODES; n++)
        if (w->nodes[n].report.node == node)
            return n;
    return -1;
}

static void line_event(struct world *w, int s, int n, enum captain_event_kind kind,
                       enum down_why why)
{
    struct captain_event ev = { .kind = kind, .node = w->nodes[n].report.node, .why = why };

    step(w, s, &ev);
}

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

static void line_down(struct world *w, struct item *it)
{
    struct line_to *l = &w->sentinels[it->a].lines[it->b];

    if (l->number != it->number || l->state == CONTACT_NONE || !is_awake(w, it, line_down))
        return;
    l->state = CONTACT_NONE;
    line_event(w, it->a, it->b, CAPTAIN_EV_LINE_DOWN, (enum down_why)it->kind);
}

static void line_up(struct world *w, struct item *it)
{
    struct line_to *l = &w->sentinels[it->a].lines[it->b];

    if (l->number != it->number || l->state != CONTACT_DIALLING || !is_awake(w, it, line_up))
        return;
    l->state = CONTACT_OPEN;
    l->open_ms = w->now_ms;
    line_event(w, it->a, it->b, CAPTAIN_EV_LINE_UP, DOWN_CLOSED);
}

static void later(struct world *w, int s, int n, uint64_t in_ms, item_fn *run, enum down_why why)
{
    struct item *it = world_put(w, in_ms, run, s, n);

    it->generation = w->hosts[s].generation;
    it->number = w->sentinels[s].lines[n].number;
    it->kind = (int)why;
}

static void dial(struct world *w, int s, int n, uint64_t timeout_ms)
{
    struct line_to *l = &w->sentinels[s].lines[n];
    int host = SENTINELS + n;

    l->state = CONTACT_DIALLING;
    l->number++;
    if (w->cut[s][host] || w->cut[host][s])
        later(w, s, n, timeout_ms, line_down, DOWN_TIMEOUT);
    else if (!w->hosts[host].alive)
        later(w, s, n, 1, line_down, DOWN_REFUSED);
    else
        later(w, s, n, 1, line_up, DOWN_CLOSED);
}

/* Its other end is gone. Where no word of that gets through, the kernel finds out by itself. */
void sentinel_line_lost(struct world *w, int s, int n, enum down_why why)
{
    bool is_heard = !w->cut[SENTINELS + n][s];

    if (w->sentinels[s].lines[n].state == CONTACT_OPEN)
        later(w, s, n, is_heard ? world_chance(w, 2) : USER_TIMEOUT_MS, line_down, why);
}

/* ---- the captain ------------------------------------------------------------------------------- */

static void send_order(struct world *w, int s, const struct captain_action *a)
{
    int n = node_host(w, a->to);
    struct letter *l;

    if (n < 0 || w->sentinels[s].lines[n].state != CONTACT_OPEN)
        return;
    l = net_letter(LETTER_ORDER, s, SENTINELS + n);
    l->line = w->sentinels[s].lines[n].number;
    l->order = a->order;
    net_send(w, l);
}

static void vital(struct world *w, struct item *it)
{
    struct captain_event ev = { .kind = CAPTAIN_EV_VITAL,
                                .node = w->nodes[it->b].report.node,
                                .run = w->nodes[it->b].report.run,
                                .busy_ms = it->number };

    if (is_awake(w, it, vital))
        step(w, it->a, &ev);
}

/* Over a line of its own, to a thread that the loop does not hold up. */
static void ask_vital(struct world *w, int s, int n)
{
    const struct host *h = &w->hosts[SENTINELS + n];
    struct item *it;

    if (!h->alive || (h->paused_ms > w->now_ms && !h->busy) || w->cut[s][SENTINELS + n] ||
        w->cut[SENTINELS + n][s])
        return;
    it = world_put(w, 1, vital, s, n);
    it->generation = w->hosts[s].generation;
    it->number = h->paused_ms > w->now_ms;
}

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

static void obey(struct world *w, int s, const struct captain_action *a)
{
    struct reg_action r;

    judge_action(w, s, a);
    switch (a->kind) {
    case CAPTAIN_ACT_DIAL:
        dial(w, s, node_host(w, a->to), a->timeout_ms);
        break;
    case CAPTAIN_ACT_ORDER:
        send_order(w, s, a);
        break;
    case CAPTAIN_ACT_VITAL:
        ask_vital(w, s, node_host(w, a->to));
        break;
    case CAPTAIN_ACT_SUSPECT:
        send_suspicion(w, s, net_host_at(w, &a->at), LETTER_SUSPECT, &a->suspicion);
        break;
    case CAPTAIN_ACT_OPINE:
        send_suspicion(w, s, (int)a->token, LETTER_OPINION, &a->suspicion);
        break;
    case CAPTAIN_ACT_SEND:
        r = (struct reg_action){
            .kind = REG_SEND, .to = a->to, .at = a->at, .message = a->message
        };
        net_ask_voters(w, s, &r);
        break;
    case CAPTAIN_ACT_NOTICE:
        world_trace(w, "s%d %s %s", s, a->channel, a->text);
        break;
    case CAPTAIN_ACT_REPLY:
        world_trace(w, "s%d answers %s%s", s, a->ok ? "OK" : "", a->ok ? "" : a->text);
        judge_reply(w, s, a->ok);
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

static void arm(struct world *w, int s)
{
    struct host *h = &w->hosts[s];
    uint64_t at = captain_wake_ms(&h->s->captain);
    struct item *it;

    if (at == h->wake_set_ms)
        return;
    h->wake_set_ms = at;
    it = world_put(w, at > w->now_ms ? at - w->now_ms : 0, wake, s, 0);
    it->generation = h->generation;
    it->number = at;
}

static void step(struct world *w, int s, struct captain_event *ev)
{
    struct sentinel_host *h = &w->sentinels[s];
    struct captain_actions out = { 0 };

    w->steps++;
    ev->now_ms = w->now_ms;
    h->before = h->captain.state;
    captain_step(&h->captain, ev, &out);
    captain_check(&h->captain);
    judge_captain(w, s);
    for (size_t i = 0; i < out.count && !w->failed; i++)
        obey(w, s, &out.at[i]);
    captain_actions_fini(&out);
    arm(w, s);
}

void sentinel_wish(struct world *w, int s, const struct wish *wish)
{
    struct sentinel_host *h = &w->sentinels[s];
    struct captain_event ev = { .kind = CAPTAIN_EV_WISH, .wish = &h->wish };

    if (h->wish.kind != WISH_NONE || !w->hosts[s].alive || w->hosts[s].paused_ms > w->now_ms)
        return;
    world_trace(w, "s%d: %s", s, wish_word(wish->kind));
    h->wish = *wish;
    h->wish_floor = w->head;
    h->wish_epoch = h->captain.charter.epoch;
    step(w, s, &ev);
}

/* ---- the voter --------------------------------------------------------------------------------- */

static void answer(struct world *w, struct item *it)
{
    struct letter *l = it->data;

    judge_answered(w, &l->reg);
    net_send(w, l);
}

static void free_letter(struct item *it)
{
    xfree(it->data);
}

static void vote(struct world *w, int s, const struct letter *asked)
{
    struct sentinel_host *h = &w->sentinels[s];
    struct reg_actions out = { 0 };
    const struct reg_message *m = &asked->reg;
    struct charter before = h->acceptor.value;
    bool had = acceptor_has_value(&h->acceptor), again = ballot_is(m->ballot, h->acceptor.accepted);

    h->acceptor.refuses = captain_refuses;
    h->acceptor.arg = &h->captain;
    acceptor_step(&h->acceptor, m, &out);
    acceptor_check(&h->acceptor);
    if (m->kind == REG_ACCEPT && !again && ballot_is(m->ballot, h->acceptor.accepted))
        judge_accepted(w, s, had ? &before : NULL, &m->value);
    for (size_t i = 0; i < out.count; i++) {
        struct letter *l;
        struct item *it;

        if (out.at[i].kind != REG_SEND)
            continue;
        w->refused_shrinks +=
            out.at[i].message.kind == REG_NACK && out.at[i].message.why == NACK_POLICY;
        l = net_letter(LETTER_VOTED, s, asked->from);
        l->reg = out.at[i].message;
        it = world_put(w, world_chance(w, FSYNC_MS), answer, s, 0);
        it->data = l;
        it->drop = free_letter;
    }
    reg_actions_fini(&out);
    if (m->kind == REG_LEARN && ballot_is(m->ballot, h->acceptor.accepted)) {
        struct captain_event ev = { .kind = CAPTAIN_EV_CHARTER, .charter = &h->acceptor.value };

        step(w, s, &ev);
    }
}

void sentinel_letter(struct world *w, int s, const struct letter *l)
{
    struct captain_event ev = { .suspicion = &l->suspicion };
    int n = l->from - SENTINELS;

    switch (l->kind) {
    case LETTER_BALLOT:
        vote(w, s, l);
        return;
    case LETTER_VOTED:
        ev.kind = CAPTAIN_EV_BALLOT;
        ev.message = &l->reg;
        break;
    case LETTER_RECEIPT:
        if (w->sentinels[s].lines[n].state != CONTACT_OPEN ||
            w->sentinels[s].lines[n].number != l->line)
            return;
        ev.kind = CAPTAIN_EV_RECEIPT;
        ev.node = l->receipt.report.node;
        ev.receipt = &l->receipt;
        break;
    case LETTER_SUSPECT:
        ev.kind = CAPTAIN_EV_SUSPECTED;
        ev.token = (uint64_t)l->from;
        break;
    case LETTER_LOOKOUT:
        ev.kind = CAPTAIN_EV_LOOKOUT;
        ev.lookout = &l->lookout;
        break;
    default:
        ev.kind = CAPTAIN_EV_OPINION;
        break;
    }
    step(w, s, &ev);
}

/* ---- life -------------------------------------------------------------------------------------- */

void sentinel_start(struct world *w, int s)
{
    static const struct captain_settings settings = {
        .patience = { .heartbeat_ms = CAPTAIN_HEARTBEAT_MS, .busy_failover_ms = 1000 },
        .handoff_ms = CAPTAIN_HANDOFF_MS,
    };
    struct host *h = &w->hosts[s];
    struct acceptor *a = &h->s->acceptor;
    struct charter known = a->value;
    struct captain_event ev = { .kind = CAPTAIN_EV_TIME };

    if (!ballot_is(a->accepted, a->committed)) {
        known.ver = 0; /* who votes, no more */
        known.member_count = 0;
    }
    h->alive = true;
    h->generation++;
    h->wake_set_ms = 0;
    h->s->woke_ms = w->now_ms;
    h->s->wish.kind = WISH_NONE;
    for (int n = 0; n < NODES; n++)
        h->s->lines[n].state = CONTACT_NONE;
    captain_fini(&h->s->captain);
    captain_init(&h->s->captain, a->voter, world_id(w), &known, &settings, world_id(w), w->now_ms);
    h->s->captain.mutations = w->mutations;
    step(w, s, &ev);
}

void sentinel_crash(struct world *w, int s)
{
    world_trace(w, "s%d dies", s);
    w->hosts[s].alive = false;
    w->hosts[s].generation++;
    w->hosts[s].paused_ms = 0;
}
