#include <string.h>

#include "common/alloc.h"
#include "common/log.h"
#include "sentinel/helm/helm.h"

void helm_line_aim(const struct helms *hs, const struct group *g, const struct place *at,
                   struct dial_options *o)
{
    const struct drive_dialling *how = &hs->drive->dialling;

    o->host = at->host;
    o->port = at->port;
    if (!drive_tls_of(how, &g->set, &o->tls))
        o->host = ""; /* which nobody has: never in the clear instead */
    o->source_address = how->source_address;
    o->keepalive_s = how->keepalive_s;
    o->unarrived_ms = HELM_UNARRIVED_MS;
    o->greeting_timeout_ms = HELM_GREETING_MS;
    o->user = g->set.auth_user;
    o->password = bytes_of(g->set.auth_pass);
    o->fallback = bytes_of(g->set.auth_pass_fallback);
    o->client_name = hs->client_name;
    o->calls_max = HELM_CALLS_MAX;
    o->reply_bytes_max = HELM_REPLY_BYTES_MAX;
}

enum err helm_line_send(struct helms *hs, const struct group *g, struct dial *d,
                        const struct order *o, dial_reply_fn *fn, void *arg)
{
    struct bytes argv[1 + WIRE_WORDS_MAX] = { bytes_of(group_settings_command(&g->set, "HF")) };

    wire_put_order(&hs->wire, o);
    memcpy(argv + 1, hs->wire.words, (size_t)hs->wire.count * sizeof *argv);
    return dial_call(d, 1 + hs->wire.count, argv, fn, arg);
}

/* ---- what comes back --------------------------------------------------------------------------- */

/* It is no answer of a node of a durable group: then it is silent, and the log says why. */
static void tell_refusal(struct helm_line *l, struct bytes why)
{
    if (l->refused)
        return;
    l->refused = true;
    log_warning("node-not-understood group=%s node=%llu reply=\"%.*s\"", l->helm->name,
                (unsigned long long)l->node, why.len > 200 ? 200 : (int)why.len, why.at);
}

static void on_receipt(void *arg, const struct resp_value *reply)
{
    struct helm_line *l = arg;
    struct receipt receipt;
    struct captain_event ev = { .kind = CAPTAIN_EV_RECEIPT, .receipt = &receipt };
    struct wire w = { .count = 0 };
    struct errmsg why = { "no receipt" };

    if (!reply)
        return; /* the line is down, which is told apart */
    if (reply->kind == RESP_ERROR) {
        tell_refusal(l, reply->text);
        return;
    }
    if (!wire_of_reply(&w, reply) || wire_take_receipt(&w, &receipt, &why) != OK) {
        tell_refusal(l, bytes_of(why.text));
        return;
    }
    l->refused = false;
    ev.node = l->node;
    helm_step(l->helm, &ev);
}

static enum down_why down_why(enum dial_why why)
{
    switch (why) {
    case DIAL_WHY_REFUSED:
        return DOWN_REFUSED;
    case DIAL_WHY_TIMEOUT:
        return DOWN_TIMEOUT;
    case DIAL_WHY_CLOSED:
        return DOWN_CLOSED;
    case DIAL_WHY_AUTH:
        return DOWN_AUTH;
    default:
        return DOWN_UNREACHABLE;
    }
}

static void on_state(void *arg, struct dial *d, enum dial_state state, enum dial_why why)
{
    struct helm_line *l = arg;
    struct captain_event ev = { .node = l->node };

    if (state != DIAL_UP && state != DIAL_DOWN)
        return;
    ev.kind = state == DIAL_UP ? CAPTAIN_EV_LINE_UP : CAPTAIN_EV_LINE_DOWN;
    ev.why = down_why(why);
    helm_step(l->helm, &ev);
}

/* ---- what is sent ------------------------------------------------------------------------------ */

struct helm_line *helm_line_find(struct helm *h, uint64_t node)
{
    for (size_t i = 0; i < ARRAY_LEN(h->lines); i++)
        if (h->lines[i].node == node)
            return &h->lines[i];
    return NULL;
}

static void close_line(struct helm_line *l)
{
    struct dial *d = l->dial, *vital = l->vital;

    *l = (struct helm_line){ .helm = l->helm };
    dial_free(d);
    dial_free(vital);
}

void helm_line_dial(struct helm *h, const struct captain_action *a)
{
    struct helm_line *l = helm_line_find(h, a->to);
    const struct group *g = helm_group(h);
    struct dial_options o = { .connect_timeout_ms = a->timeout_ms, .on_state = on_state };

    if (!g)
        return;
    if (!l)
        l = helm_line_find(h, 0); /* there is one: strangers have been dropped */
    l->node = a->to;
    o.arg = l;
    helm_line_aim(h->all, g, &a->at, &o);
    if (l->dial) {
        dial_stop(l->dial);
        dial_set(l->dial, &o);
    } else {
        l->dial = dial_new(h->all->drive->loop, &o);
    }
    dial_start(l->dial);
}

void helm_line_order(struct helm *h, const struct captain_action *a)
{
    struct helm_line *l = helm_line_find(h, a->to);
    const struct group *g = helm_group(h);

    if (g && l && l->dial && dial_state(l->dial) == DIAL_UP)
        (void)helm_line_send(h->all, g, l->dial, &a->order, on_receipt, l);
}

void helm_line_drop_strangers(struct helm *h)
{
    for (size_t i = 0; i < ARRAY_LEN(h->lines); i++)
        if (h->lines[i].node && !charter_member(&h->captain.charter, h->lines[i].node))
            close_line(&h->lines[i]);
}

void helm_line_close_all(struct helm *h)
{
    for (size_t i = 0; i < ARRAY_LEN(h->lines); i++)
        close_line(&h->lines[i]);
}
