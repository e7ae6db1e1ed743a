#include "stage.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/alloc.h"

void stage_fail(const struct stage *s, const char *format, ...)
{
    va_list args;

    fprintf(stderr, "%s:%d: ", s->file, s->line);
    va_start(args, format);
    vfprintf(stderr, format, args);
    va_end(args);
    fprintf(stderr, "\n");
    exit(1);
}

void stage_told(struct stage *s, const char *format, ...)
{
    char line[1024];
    va_list args;

    va_start(args, format);
    vsnprintf(line, sizeof line, format, args);
    va_end(args);
    buf_printf(&s->text, "    %llu %s\n", (unsigned long long)(s->now_ms - START_MS), line);
}

struct stage_event *stage_put(struct stage *s, enum captain_event_kind kind)
{
    struct stage_event *e;

    if (s->queue_count == EVENTS_MAX)
        stage_fail(s, "too much follows from this");
    e = &s->queue[(s->queue_head + s->queue_count++) % EVENTS_MAX];
    memset(e, 0, sizeof *e);
    e->ev.kind = kind;
    return e;
}

/* ---- nodes ------------------------------------------------------------------------------------- */

static void put_line_down(struct stage *s, int n, enum down_why why)
{
    struct stage_event *e = stage_put(s, CAPTAIN_EV_LINE_DOWN);

    s->nodes[n].up = false;
    e->ev.node = s->nodes[n].report.node;
    e->ev.why = why;
}

void stage_lose_line(struct stage *s, int n, enum down_why why)
{
    if (s->nodes[n].up)
        put_line_down(s, n, why);
}

static void dialled(struct stage *s, int n)
{
    struct stage_node *node = &s->nodes[n];

    if (s->loud)
        stage_told(s, "dial n%d", n);
    if (node->cut) {
        put_line_down(s, n, DOWN_TIMEOUT);
    } else if (!node->alive) {
        put_line_down(s, n, DOWN_REFUSED);
    } else if (node->hangs_up) {
        stage_put(s, CAPTAIN_EV_LINE_UP)->ev.node = node->report.node;
        put_line_down(s, n, DOWN_CLOSED);
    } else {
        node->up = true;
        stage_put(s, CAPTAIN_EV_LINE_UP)->ev.node = node->report.node;
    }
}

static enum receipt_kind promoted(struct stage_node *node, const struct order *o)
{
    const struct member *m = charter_member((struct charter *)&o->value, node->report.node);

    if (node->stubborn)
        return RECEIPT_OK;
    if (o->value.epoch < node->report.promised)
        return RECEIPT_STALE;
    if (!m || m->did != node->report.did || strcmp(o->value.run, node->report.run) != 0)
        return RECEIPT_NOT_SYNC;
    if ((node->report.flags & (NODE_LOADING | NODE_RESYNCING)) || node->unready)
        return RECEIPT_BUSY;
    node->report.promised = o->value.epoch;
    node->report.ver = o->value.ver;
    node->report.role = node->passive ? NODE_LEADER : NODE_ACTIVE;
    return RECEIPT_OK;
}

static enum receipt_kind configured(struct stage_node *node, const struct order *o)
{
    if (o->value.epoch < node->report.promised)
        return RECEIPT_STALE;
    memcpy(node->report.gid, o->gid, sizeof o->gid);
    node->report.ver = o->value.ver;
    if (o->value.epoch > node->report.promised)
        node->report.role = NODE_FOLLOWER;
    node->report.promised = o->value.epoch;
    return RECEIPT_OK;
}

static enum receipt_kind node_obeys(struct stage_node *node, const struct order *o)
{
    switch (o->kind) {
    case ORDER_PROMOTE:
        return promoted(node, o);
    case ORDER_CONFIG:
        return configured(node, o);
    case ORDER_HANDOFF:
        return node->lags ? RECEIPT_LAGS : RECEIPT_OK;
    default:
        return RECEIPT_OK;
    }
}

static void ordered(struct stage *s, int n, const struct order *o)
{
    struct stage_node *node = &s->nodes[n];
    struct stage_event *e;
    char suspects[64] = "";

    for (uint32_t i = 0; i < o->suspect_count; i++)
        snprintf(suspects + strlen(suspects), sizeof suspects - strlen(suspects), "%sn%d",
                 i ? "," : " suspects ", (int)o->suspects[i] - 10);
    if (o->kind >= ORDER_PROMOTE || s->loud)
        stage_told(s, "%s n%d epoch=%llu ver=%llu%s", order_word(o->kind), n,
                   (unsigned long long)o->epoch, (unsigned long long)o->ver,
                   o->kind == ORDER_HANDOFF ? " to the target" : suspects);
    if (!node->up || !node->alive || node->frozen || node->hangs || node->cut ||
        (node->deaf && o->kind == ORDER_PROMOTE))
        return;
    e = stage_put(s, CAPTAIN_EV_RECEIPT);
    e->ev.node = node->report.node;
    e->receipt.kind = node_obeys(node, o);
    e->receipt.seq = o->seq;
    node->report.beat_age_ms = node->beat_ms ? s->now_ms - node->beat_ms : 10;
    e->receipt.report = node->report;
    if (node->slow && o->kind == ORDER_HANDOFF) {
        s->held = *e;
        s->queue_count--;
    }
    if (e->receipt.kind != RECEIPT_OK)
        stage_told(s, "n%d answers %s", n, receipt_word(e->receipt.kind));
}

static void asked_thread(struct stage *s, int n)
{
    struct stage_node *node = &s->nodes[n];
    struct stage_event *e;

    if (s->loud)
        stage_told(s, "vital n%d", n);
    if (!node->alive || node->frozen || node->cut)
        return;
    e = stage_put(s, CAPTAIN_EV_VITAL);
    e->ev.node = node->report.node;
    e->ev.run = node->report.run;
    e->ev.busy_ms = node->hangs ? 1 : 0;
}

/* ---- voters ------------------------------------------------------------------------------------ */

static void sent(struct stage *s, int v, const struct reg_message *m)
{
    struct reg_actions out = { 0 };

    if (m->kind != REG_GET && m->kind != REG_LEARN &&
        m->ballot.round * 8 + m->kind > s->ballot_shown) {
        s->ballot_shown = m->ballot.round * 8 + m->kind;
        stage_told(s, "%s %llu", reg_word(m->kind), (unsigned long long)m->ballot.round);
    }
    if (v > STAGE_VOTERS || s->away[v] || (m->kind == REG_ACCEPT && s->mute_accept))
        return;
    acceptor_step(&s->voters[v], m, &out);
    for (size_t i = 0; i < out.count; i++)
        if (out.at[i].kind == REG_SEND)
            stage_put(s, CAPTAIN_EV_BALLOT)->message = out.at[i].message;
    reg_actions_fini(&out);
}

/* What s2 finds out when it looks for itself: what is. */
static enum opinion truth(const struct stage *s, const struct suspicion *about)
{
    for (int n = 1; n <= STAGE_NODES; n++) {
        const struct stage_node *node = &s->nodes[n];

        if (s->captain.charter.leader != node->report.node)
            continue;
        if (!node->alive || strcmp(node->report.run, about->run) != 0)
            return OPINION_HARD;
        return node->frozen ? OPINION_SOFT : OPINION_ALIVE;
    }
    return OPINION_UNKNOWN;
}

static void asked(struct stage *s, int v, const struct suspicion *q)
{
    static const enum opinion opinions[] = {
        [SAYS_ALIVE] = OPINION_ALIVE,
        [SAYS_SOFT] = OPINION_SOFT,
        [SAYS_HARD] = OPINION_HARD,
        [SAYS_UNKNOWN] = OPINION_UNKNOWN,
    };
    struct stage_event *e;

    stage_told(s, "suspect s%d %s %s", v, opinion_word(q->opinion), why_word(q->why));
    if (s->says[v] == SAYS_NOTHING)
        return;
    e = stage_put(s, CAPTAIN_EV_OPINION);
    e->suspicion = *q;
    e->suspicion.reporter = (uint64_t)v;
    e->suspicion.opinion = s->says[v] == SAYS_WHAT_IS ? truth(s, q) : opinions[s->says[v]];
}

/* ---- the captain ------------------------------------------------------------------------------- */

static void obey(struct stage *s, const struct captain_action *a)
{
    int n = (int)a->to - 10;

    switch (a->kind) {
    case CAPTAIN_ACT_DIAL:
        dialled(s, n);
        break;
    case CAPTAIN_ACT_ORDER:
        ordered(s, n, &a->order);
        break;
    case CAPTAIN_ACT_VITAL:
        asked_thread(s, n);
        break;
    case CAPTAIN_ACT_SUSPECT:
        asked(s, (int)a->to, &a->suspicion);
        break;
    case CAPTAIN_ACT_OPINE:
        stage_told(s, "opine %s %s age=%llu", opinion_word(a->suspicion.opinion),
                   why_word(a->suspicion.why), (unsigned long long)a->suspicion.age_ms);
        break;
    case CAPTAIN_ACT_SEND:
        sent(s, (int)a->to, &a->message);
        break;
    case CAPTAIN_ACT_NOTICE:
        stage_told(s, "%s %s", a->channel, a->text);
        break;
    case CAPTAIN_ACT_SERVES:
        stage_told(s, "SERVES n%d epoch=%llu", n, (unsigned long long)a->epoch);
        break;
    case CAPTAIN_ACT_REPLY:
        stage_told(s, "reply %s%s", a->ok ? "OK" : "ERR ", a->ok ? "" : a->text);
        break;
    default:
        stage_fail(s, "an action that nobody knows");
    }
}

static void step(struct stage *s, struct stage_event *e)
{
    e->ev.now_ms = s->now_ms;
    e->ev.receipt = &e->receipt;
    e->ev.suspicion = &e->suspicion;
    e->ev.lookout = &e->lookout;
    e->ev.message = &e->message;
    e->ev.charter = &e->charter;
    e->ev.wish = &e->wish;
    e->ev.at = &e->place;
    e->ev.report = &e->receipt.report;
    if (!e->ev.run)
        e->ev.run = "";
    captain_step(&s->captain, &e->ev, &s->out);
    captain_check(&s->captain);
    for (size_t i = 0; i < s->out.count; i++)
        obey(s, &s->out.at[i]);
    s->out.count = 0;
}

void stage_play(struct stage *s)
{
    while (s->queue_count > 0) {
        struct stage_event *e = xmalloc(sizeof *e);

        *e = s->queue[s->queue_head];
        s->queue_head = (s->queue_head + 1) % EVENTS_MAX;
        s->queue_count--;
        step(s, e);
        xfree(e);
    }
}

void stage_wait(struct stage *s, uint64_t ms)
{
    uint64_t until_ms = s->now_ms + ms;

    stage_play(s);
    while (captain_wake_ms(&s->captain) + s->put_off_ms <= until_ms) {
        uint64_t at_ms = captain_wake_ms(&s->captain) + s->put_off_ms;

        captain_expect(&s->captain, at_ms);
        if (at_ms > s->now_ms)
            s->now_ms = at_ms;
        stage_put(s, CAPTAIN_EV_TIME);
        stage_play(s);
        if (captain_wake_ms(&s->captain) <= s->now_ms)
            stage_fail(s, "it wants to be woken for ever");
    }
    s->now_ms = until_ms;
}

void stage_begin(struct stage *s)
{
    captain_init(&s->captain, 1, 1001, &s->first, &s->set, 7, s->now_ms);
    s->started = true;
}
