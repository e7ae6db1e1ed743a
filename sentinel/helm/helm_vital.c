/*
 * helm_vital - a line to that thread of each member which answers while the node's loop is busy (HF VITAL).
 *
 * The loop has to hand it over, so it is made while the node is well; nothing goes over it until the node is late. A
 * node that knows no such thread refuses, and to us it is silent when it is busy.
 */
#include <stdio.h>
#include <string.h>

#include "common/clock.h"
#include "common/register/wire.h"
#include "sentinel/helm/helm.h"

enum { VITAL_CONNECT_MS = 1000, VITAL_CALLS_MAX = 4, VITAL_ANSWER_MIN = 2 };

/* In the order of the answer's words; what follows them is of a newer node. */
static bool is_answer(const struct resp_value *reply)
{
    return reply->kind == RESP_ARRAY && reply->count >= VITAL_ANSWER_MIN &&
           reply->items[0].kind == RESP_BULK && reply->items[0].text.len == RUN_LEN &&
           reply->items[1].kind == RESP_INTEGER && reply->items[1].integer >= 0;
}

static void on_answer(void *arg, const struct resp_value *reply)
{
    struct helm_line *l = arg;
    char run[RUN_LEN + 1] = "";
    struct captain_event ev = { .kind = CAPTAIN_EV_VITAL, .node = l->node, .run = run };

    if (!reply)
        return;
    if (!is_answer(reply)) {
        l->vital_ms = clock_now_ms() + HELM_VITAL_REFUSED_MS;
        dial_stop(l->vital);
        return;
    }
    memcpy(run, reply->items[0].text.at, RUN_LEN);
    ev.busy_ms = (uint64_t)reply->items[1].integer;
    helm_step(l->helm, &ev);
}

static void ask(struct helm_line *l)
{
    const struct group *g = helm_group(l->helm);
    char format[8];
    struct bytes words[4];

    if (!g)
        return;
    snprintf(format, sizeof format, "%u", wire_format_own());
    words[0] = bytes_of(group_settings_command(&g->set, "HF"));
    words[1] = BYTES("VITAL");
    words[2] = bytes_of(format);
    words[3] = bytes_of(l->helm->gid);
    (void)dial_call(l->vital, (int)ARRAY_LEN(words), words, on_answer, l);
}

/* The first question hands the connection over. */
static void on_state(void *arg, struct dial *d, enum dial_state state, enum dial_why why)
{
    (void)d;
    (void)why;
    if (state == DIAL_UP)
        ask(arg);
}

/* It listens, and has said that it belongs to the group. */
static bool is_well(struct helm *h, const struct helm_line *l)
{
    const struct captain *c = &h->captain;

    if (l->node == 0 || !l->dial || dial_state(l->dial) != DIAL_UP)
        return false;
    for (uint32_t i = 0; i < c->node_count; i++)
        if (c->nodes[i].e.node == l->node)
            return strcmp(c->nodes[i].e.report.gid, h->gid) == 0;
    return false;
}

static void connect_to(struct helm *h, struct helm_line *l)
{
    const struct member *m = charter_member(&h->captain.charter, l->node);
    const struct group *g = helm_group(h);
    struct dial_options o = { .connect_timeout_ms = VITAL_CONNECT_MS,
                              .on_state = on_state,
                              .arg = l };

    if (!m || !g)
        return;
    helm_line_aim(h->all, g, &m->at, &o);
    o.calls_max = VITAL_CALLS_MAX;
    if (l->vital)
        dial_set(l->vital, &o);
    else
        l->vital = dial_new(h->all->drive->loop, &o);
    dial_start(l->vital);
}

void helm_vital_keep(struct helm *h)
{
    uint64_t now_ms = clock_now_ms();

    for (size_t i = 0; i < ARRAY_LEN(h->lines); i++) {
        struct helm_line *l = &h->lines[i];
        bool stands =
            l->vital && dial_state(l->vital) != DIAL_IDLE && dial_state(l->vital) != DIAL_DOWN;

        if (stands || now_ms < l->vital_ms || !is_well(h, l))
            continue;
        l->vital_ms = now_ms + HELM_VITAL_MS;
        connect_to(h, l);
    }
}

void helm_vital_ask(struct helm *h, const struct captain_action *a)
{
    struct helm_line *l = helm_line_find(h, a->to);

    if (l && l->vital && dial_state(l->vital) == DIAL_UP && dial_outstanding(l->vital) == 0)
        ask(l);
}
