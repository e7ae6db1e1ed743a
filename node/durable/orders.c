/*
 * orders - the command HF: what sentinels order, and what other nodes of the group say.
 *
 * An order is answered in its own step, but HANDOFF, whose answer waits for every copy: then the session is held, and
 * runs the command again when the answer is there. Whoever asks in its place, or for too long, gets LAGS.
 */
#include <string.h>

#include "common/clock.h"
#include "common/log.h"
#include "common/register/wire.h"
#include "common/serve/service.h"
#include "node/durable/membership_room.h"
#include "node/durable/vital.h"
#include "node/replica/group_link.h"
#include "node/serve/block.h"
#include "node/serve/serve.h"
#include "node/settings.h"

enum {
    BEFORE_VERB = 1,         /* HF */
    ANSWER_LATE_MS = 1000,   /* more than was asked for */
    TIMEOUT_MS_MAX = 600000, /* of a HANDOFF's words that is believed */
};

static void say(struct call *c, const struct receipt *receipt)
{
    const struct node_world *w = c->world;
    struct receipt told = *receipt;
    struct wire back = { .count = 0 };

    told.report.hands_to = w->membership->relief.to; /* of which the core knows nothing */
    wire_put_receipt(&back, &told);
    wire_reply(&back, c->reply);
    wire_fini(&back);
}

static void answer(struct call *c, struct membership *m, const struct order *o,
                   enum receipt_kind kind)
{
    struct receipt receipt = { .kind = kind, .seq = o->seq };

    membership_report(m, &receipt.report);
    say(c, &receipt);
}

/* ---- answers that come later --------------------------------------------------------------------- */

static void wake(struct membership *m, uint64_t session)
{
    struct session *s = service_find(m->w->service, session);

    if (s)
        block_wake(m->w->serve, node_session_of(s));
}

void orders_answered(struct membership *m, const struct durable_action *a)
{
    if (a->asker == m->late.asker && a->asker != 0) {
        m->late.ready = true;
        m->late.receipt = a->receipt;
        wake(m, m->late.session);
        return;
    }
    if (a->asker != m->asker)
        return; /* its session has gone, or another has asked since */
    m->answered = true;
    m->answer = a->receipt;
}

static void wait_for_answer(struct call *c, struct membership *m, const struct order *o)
{
    uint64_t timeout_ms = o->timeout_ms < TIMEOUT_MS_MAX ? o->timeout_ms : TIMEOUT_MS_MAX;
    uint64_t before = m->late.session;

    m->late = (struct late_answer){ .asker = m->asker, .session = c->session->id };
    buf_append(c->note, (const char *)&m->asker, sizeof m->asker);
    c->intents |= INTENT_BLOCK_WORK;
    c->block_timeout_ms = timeout_ms + ANSWER_LATE_MS;
    if (before != 0)
        wake(m, before);
}

/* True: the call has waited. What was answered meanwhile, or that nothing was, is its answer. */
static bool answer_late(struct call *c, struct membership *m, const struct order *o)
{
    uint64_t asker;

    if (!c->woken || c->note->len != sizeof asker)
        return false;
    memcpy(&asker, c->note->at, sizeof asker);
    if (asker == m->late.asker && m->late.ready)
        say(c, &m->late.receipt);
    else if (asker == m->late.asker && !c->denies_blocking) {
        c->intents |= INTENT_BLOCK_WORK;
        return true;
    } else {
        answer(c, m, o, RECEIPT_LAGS);
    }
    if (asker == m->late.asker)
        m->late = (struct late_answer){ 0 };
    return true;
}

/* ---- orders --------------------------------------------------------------------------------------- */

static bool is_for_group(const struct order *o)
{
    return o->kind != ORDER_HELLO && o->kind != ORDER_PING;
}

static bool carries_charter(const struct order *o)
{
    return o->kind == ORDER_PROMOTE || o->kind == ORDER_CONFIG;
}

/* What a node says that has no core to ask: it belongs to no group, or has not loaded yet. */
static enum receipt_kind without_core(const struct membership *m, const struct order *o)
{
    bool same = strcmp(o->gid, m->bound ? m->meta.gid : "") == 0; /* which the core has, too */

    if (!same)
        return m->bound && !o->gid[0] && o->kind == ORDER_HELLO ? RECEIPT_OK : RECEIPT_GROUP;
    return is_for_group(o) ? (m->bound ? RECEIPT_BUSY : RECEIPT_GROUP) : RECEIPT_OK;
}

/* OK: this order makes an unbound node a member of its group. */
static enum receipt_kind check_binding(const struct membership *m, const struct order *o)
{
    const struct charter *c = &o->value;
    const struct member *us;

    if (!carries_charter(o) || strcmp(o->gid, c->gid) != 0)
        return without_core(m, o);
    if (membership_awaits(m) && strcmp(o->gid, m->w->set->hf_group) != 0 &&
        strcmp(c->heir, m->w->set->hf_group) != 0)
        return RECEIPT_GROUP;
    us = charter_member((struct charter *)c, m->core.meta.node);
    if (!us)
        return RECEIPT_GROUP;
    if (o->kind == ORDER_PROMOTE &&
        (c->leader != us->node || us->did != m->core.meta.did || strcmp(c->run, m->core.run) != 0))
        return RECEIPT_NOT_SYNC;
    return RECEIPT_OK;
}

/* What ran in this turn already is part of what an order is about. */
static void obey_order(struct call *c, struct membership *m, const struct order *o)
{
    membership_look(m);
    obey(m);
    m->asker++;
    m->answered = false;
    durable_order(&m->core, m->asker, o, clock_now_ms(), &m->pending);
    obey(m);
    membership_name(m); /* the group may have an heir */
    if (m->answered)
        say(c, &m->answer);
    else if (c->denies_blocking || c->in_exec || !c->session)
        answer(c, m, o, RECEIPT_LAGS);
    else
        wait_for_answer(c, m, o);
}

static enum receipt_kind bind(struct membership *m, const struct order *o)
{
    enum receipt_kind v = check_binding(m, o);

    if (v == RECEIPT_OK && !membership_bind(m, o))
        v = RECEIPT_BUSY;
    return v;
}

/* Amid a script that runs for long nothing is decided: only what is known is told. */
static bool is_busy(const struct membership *m)
{
    return m->w->serve->busy_text != NULL;
}

static enum receipt_kind while_busy(const struct membership *m, const struct order *o)
{
    if (!m->bound || strcmp(o->gid, m->core.meta.gid) != 0)
        return without_core(m, o);
    return o->kind == ORDER_PING && o->epoch < m->core.meta.seen.epoch ? RECEIPT_STALE : RECEIPT_OK;
}

static void cmd_order(struct call *c)
{
    struct node_world *w = c->world;
    enum receipt_kind unready = RECEIPT_OK;
    struct membership *m = w->membership;
    struct wire words = { .count = 0 };
    struct errmsg why = { "" };
    struct order o;

    call_no_effect(c);
    if (c->session)
        node_session_of(c->session)->orders = true;
    wire_of_words(&words, c->argc - BEFORE_VERB, c->argv + BEFORE_VERB);
    if (wire_take_order(&words, &o, &why) != OK) {
        reply_errorf(c->reply, "ERR %.200s", why.text);
        return;
    }
    if (answer_late(c, m, &o))
        return;
    if (!m->ready || (!m->bound && !carries_charter(&o)))
        unready = without_core(m, &o);
    else if (is_busy(m))
        unready = while_busy(m, &o);
    else if (!m->bound)
        unready = bind(m, &o);
    if (m->ready && m->bound && !is_busy(m))
        obey_order(c, m, &o);
    else
        answer(c, m, &o, unready);
}

/* The connection goes over to the thread that answers while the loop is busy; what was asked, too. */
static void cmd_vital(struct call *c)
{
    struct node_world *w = c->world;
    struct membership *m = w->membership;
    const struct meta *meta = m->ready ? &m->core.meta : &m->meta;
    enum err e = ERR_REFUSED;

    call_no_effect(c);
    if (!m->bound || !bytes_is(c->argv[BEFORE_VERB + 2], meta->gid)) {
        reply_error(c->reply, "ERR this node does not belong to that durable group");
        return;
    }
    if (c->session && c->session->kind == SESSION_NORMAL && !c->in_exec)
        e = vital_take(m->vital, c->session->link);
    if (e == ERR_REFUSED)
        reply_error(c->reply, "ERR HF VITAL wants a connection of its own");
    else if (e != OK)
        reply_error(c->reply, "ERR no thread can be had to answer");
}

/* ---- rows ----------------------------------------------------------------------------------------- */

/* Amid a script that runs for long only questions are answered: half of what it does is for no follower. */
#define HF_FLAGS CMD_ADMIN | CMD_HIDDEN | CMD_NOSCRIPT | CMD_NO_MULTI | CMD_LOADING | CMD_STALE
#define FROM_SENTINELS \
    .run = cmd_order, .argc_max = ARGC_ANY, .group = "server", .since = "7.2.4", .cost = "O(1)"
/* While it loads, or runs a script, a node has no part in its group's stream. */
#define FROM_NODES                                                                        \
    .run = group_link_command, .argc_max = ARGC_ANY, .group = "server", .since = "7.2.4", \
    .cost = "O(1)",                                                                       \
    .flags =                                                                              \
        CMD_ADMIN | CMD_HIDDEN | CMD_NOSCRIPT | CMD_NO_MULTI | CMD_NO_ASYNC_LOADING | CMD_STALE
#define ORDERS FROM_SENTINELS, .flags = HF_FLAGS
#define ASKS   FROM_SENTINELS, .flags = HF_FLAGS | CMD_ALLOW_BUSY

static const struct command orders[] = {
    { .name = "config",
      ORDERS,
      .argc_min = 6,
      .args = "format:integer gid seq:integer charter",
      .help = "Tells a durable group's node the newest charter." },
    { .name = "handoff",
      ORDERS,
      .argc_min = 9,
      .args = "format:integer gid seq:integer epoch:integer ver:integer target:integer "
              "milliseconds:integer",
      .help = "Has a durable group's leader hold its writes, for another to lead." },
    { .name = "hello",
      ASKS,
      .argc_min = 6,
      .args = "format:integer gid seq:integer sentinel:integer",
      .help = "What is this node, and to which durable group does it belong?" },
    { .name = "ping",
      ASKS,
      .argc_min = 7,
      .args = "format:integer gid seq:integer epoch:integer ver:integer",
      .help = "How far is this node of a durable group?" },
    { .name = "promote",
      ORDERS,
      .argc_min = 7,
      .args = "format:integer gid seq:integer charter suspects",
      .help = "Has a node lead its durable group." },
    { .name = "stale",
      FROM_NODES,
      .argc_min = 7,
      .args = "format:integer gid epoch:integer from:integer to:integer",
      .help = "Tells a durable group's node that a later epoch has begun." },
    { .name = "sync",
      FROM_NODES,
      .argc_min = 12,
      .args = "format:integer gid epoch:integer from:integer to:integer attach:integer did:integer "
              "boot:integer at:integer history",
      .help =
          "Said by followers of a durable group: continues their stream, or sends everything." },
    { .name = "vital",
      .run = cmd_vital,
      .argc_min = 4,
      .argc_max = ARGC_ANY,
      .flags = HF_FLAGS,
      .group = "server",
      .since = "7.2.4",
      .cost = "O(1)",
      .args = "format:integer gid",
      .help = "From now on this connection is answered while the node's loop is busy, too." },
    { 0 },
};

const struct command membership_rows[] = {
    { .name = "hf",
      .subs = orders,
      .argc_min = 2,
      .argc_max = ARGC_ANY,
      .flags = HF_FLAGS | CMD_ALLOW_BUSY,
      .group = "server",
      .since = "7.2.4",
      .cost = "Depends on subcommand.",
      .help = "What sentinels tell the nodes of durable groups, and these each other." },
    { 0 },
};
