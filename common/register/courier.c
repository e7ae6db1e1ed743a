#include "common/register/courier.h"

#include <string.h>

#include "common/alloc.h"
#include "common/clock.h"
#include "common/dial.h"
#include "common/list.h"
#include "common/log.h"

enum {
    LOOK_MS = 250,
    PREFIX_WORDS = 2,
    APART = 0,                  /* a parcel's `to`: it is one of its own */
    LANE_TELLS = COURIER_LANES, /* behind those of voters */
};

/* What goes to one voter: a few requests are out, and the newest behind them waits. Exists while there are any. */
struct parcel {
    struct list node; /* of its lane */
    struct lane *lane;
    uint64_t to; /* APART: it is for whoever is there, and no newer one takes its place */
    uint32_t flying;
    bool waits;
    struct wire request; /* the one that waits */
    char *group;         /* owned; of courier_enrol */
};

struct lane {
    struct list node; /* of its courier */
    struct courier *courier;
    struct place at;
    uint32_t number;
    struct dial *dial;
    struct list parcels;
    uint32_t parcel_count;
    uint64_t used_ms;
    bool refused;     /* and the log says so */
    uint64_t owes_ms; /* since then it has sent nothing that it owes; counts while calls are out */
};

struct courier {
    struct ev_loop *loop;
    struct courier_options o;
    struct list lanes;
    ev_timer look;
};

/* ---- parcels ----------------------------------------------------------------------------------- */

static void settle(struct parcel *p)
{
    if (p->flying || p->waits)
        return;
    list_remove(&p->node);
    p->lane->parcel_count--;
    wire_fini(&p->request);
    xfree(p->group);
    xfree(p);
}

/* Once, as silence is all that whoever asks will ever hear. */
static void tell_refused(struct lane *l)
{
    if (l->refused)
        return;
    l->refused = true;
    log_warning(
        "voter-refuses place=%s:%u what=\"it takes no commands under this name and password: "
        "while that is so, nothing in the group can change\"",
        l->at.host, l->at.port);
}

static bool begins(struct bytes text, const char *word)
{
    return text.len >= strlen(word) && memcmp(text.at, word, strlen(word)) == 0;
}

static void hear(struct lane *l, const char *group, const struct resp_value *reply)
{
    struct wire w = { .count = 0 };
    struct errmsg why = { "" };
    struct reg_message m;

    if (reply->kind == RESP_SIMPLE)
        return; /* LEARN's, and that of what was told */
    if (reply->kind == RESP_ERROR)
        errmsg_set(&why, "%.*s", reply->text.len > 200 ? 200 : (int)reply->text.len,
                   reply->text.at);
    else if (!wire_of_reply(&w, reply))
        errmsg_set(&why, "no message");
    else if (wire_take_message(&w, &m, &why) == OK && m.kind >= REG_PROMISE) {
        l->refused = false;
        l->courier->o.hear(l->courier->o.arg, &l->at, group, &m);
    }
    if (begins(bytes_of(why.text), "NOAUTH") || begins(bytes_of(why.text), "NOPERM"))
        tell_refused(l);
    if (why.text[0])
        log_verbose("voter-not-understood place=%s:%u reply=\"%s\"", l->at.host, l->at.port,
                    why.text);
}

static void send_on(struct parcel *p);

static void on_reply(void *arg, const struct resp_value *reply)
{
    struct parcel *p = arg;
    struct lane *l = p->lane;
    AUTO_FREE char *group = p->group;

    p->group = NULL; /* who is asked for is asked once */
    l->owes_ms = clock_now_ms();
    p->flying--;
    send_on(p); /* before its owner, who hears the reply, may send another */
    if (reply)
        hear(l, group, reply);
}

/* Rule 2. p may be gone behind it. */
static void send_on(struct parcel *p)
{
    struct bytes argv[PREFIX_WORDS + WIRE_WORDS_MAX] = { BYTES("SENTINEL"), BYTES("HF") };
    struct dial *d = p->lane->dial;
    const struct wire *w = &p->request;

    if (p->waits && p->flying < COURIER_FLYING_MAX && dial_state(d) == DIAL_UP) {
        if (dial_outstanding(d) == 0)
            p->lane->owes_ms = clock_now_ms();
        memcpy(argv + PREFIX_WORDS, w->words, (size_t)w->count * sizeof *w->words);
        p->waits = false;
        if (dial_call(d, PREFIX_WORDS + w->count, argv, on_reply, p) == OK)
            p->flying++;
    }
    settle(p);
}

static void drop_waiting(struct lane *l)
{
    LIST_EACH (&l->parcels, node) {
        struct parcel *p = LIST_ENTRY(node, struct parcel, node);

        p->waits = false;
        settle(p);
    }
}

/* The one that waits gives way: its proposer has gone on, or given up. */
static struct parcel *parcel_for(struct lane *l, uint64_t to)
{
    struct parcel *p;

    LIST_EACH (&l->parcels, node) {
        p = LIST_ENTRY(node, struct parcel, node);
        if (p->to == to && to != APART)
            return p;
    }
    p = xcalloc(1, sizeof *p);
    p->lane = l;
    p->to = to;
    list_push_back(&l->parcels, &p->node);
    l->parcel_count++;
    return p;
}

/* ---- lanes ------------------------------------------------------------------------------------- */

static void lane_free(struct lane *l)
{
    list_remove(&l->node);
    dial_free(l->dial);
    drop_waiting(l);
    xfree(l);
}

static void on_state(void *arg, struct dial *d, enum dial_state state, enum dial_why why)
{
    struct lane *l = arg;

    if (state == DIAL_DOWN && why == DIAL_WHY_AUTH)
        tell_refused(l);
    if (state == DIAL_DOWN) {
        char text[160];

        dial_why_text(d, text, sizeof text);
        log_debug("voter-link-down place=%s:%u why=\"%s\"", l->at.host, l->at.port, text);
        drop_waiting(l);
    } else if (state == DIAL_UP) {
        LIST_EACH (&l->parcels, node)
            send_on(LIST_ENTRY(node, struct parcel, node));
    }
}

static struct dial_options options_of(struct lane *l)
{
    const struct courier_options *o = &l->courier->o;

    return (struct dial_options){ .host = l->at.host,
                                  .port = l->at.port,
                                  .tls = o->tls,
                                  .source_address = o->source_address,
                                  .user = o->user,
                                  .password = o->password,
                                  .fallback = o->fallback,
                                  .client_name = o->client_name,
                                  .keepalive_s = o->keepalive_s,
                                  .connect_timeout_ms = COURIER_CONNECT_MS,
                                  .reply_bytes_max = 2 * WIRE_BYTES_MAX,
                                  .on_state = on_state,
                                  .arg = l };
}

/* Unless there is a link. Whatever was set since the last one counts for this one. */
static void lane_dial(struct lane *l)
{
    struct dial_options o = options_of(l);

    if (!l->dial)
        l->dial = dial_new(l->courier->loop, &o);
    if (dial_state(l->dial) != DIAL_IDLE && dial_state(l->dial) != DIAL_DOWN)
        return;
    dial_stop(l->dial);
    dial_set(l->dial, &o);
    dial_start(l->dial);
}

/* ---- time -------------------------------------------------------------------------------------- */

static void set_look(struct courier *c)
{
    if (list_empty(&c->lanes) || ev_is_active(&c->look))
        return;
    ev_timer_set(&c->look, LOOK_MS / 1e3, 0.);
    ev_timer_start(c->loop, &c->look);
}

static void look_at(struct lane *l, uint64_t now_ms)
{
    if (dial_outstanding(l->dial) > 0 && now_ms >= l->owes_ms + COURIER_SILENT_MS) {
        log_verbose("voter-silent place=%s:%u", l->at.host, l->at.port);
        dial_stop(l->dial);
    }
    if (now_ms >= l->used_ms + COURIER_IDLE_MS)
        lane_free(l);
}

static void on_look(struct ev_loop *loop, ev_timer *w, int events)
{
    struct courier *c = w->data;

    LIST_EACH (&c->lanes, node)
        look_at(LIST_ENTRY(node, struct lane, node), clock_now_ms());
    set_look(c);
}

/* ---- the owner's side -------------------------------------------------------------------------- */

static struct lane *find_lane(struct courier *c, const struct place *at, uint32_t number)
{
    LIST_EACH (&c->lanes, node) {
        struct lane *l = LIST_ENTRY(node, struct lane, node);

        if (l->number == number && l->at.port == at->port && strcmp(l->at.host, at->host) == 0)
            return l;
    }
    return NULL;
}

static uint32_t lane_of(const char *gid)
{
    return (unsigned char)gid[0] % COURIER_LANES;
}

static struct lane *lane_to(struct courier *c, const struct place *at, uint32_t number)
{
    struct lane *l = find_lane(c, at, number);

    if (!l) {
        l = xcalloc(1, sizeof *l);
        l->at = *at;
        l->number = number;
        l->courier = c;
        list_init(&l->parcels);
        list_push_back(&c->lanes, &l->node);
        set_look(c);
    }
    l->used_ms = clock_now_ms();
    lane_dial(l);
    return l;
}

void courier_send(struct courier *c, uint64_t to, const struct place *at,
                  const struct reg_message *m)
{
    struct parcel *p = parcel_for(lane_to(c, at, lane_of(m->gid)), to);
    struct reg_message addressed = *m;

    ASSERT(to != APART);
    addressed.voter = to;
    wire_put_message(&p->request, &addressed);
    p->waits = true;
    send_on(p);
}

void courier_enrol(struct courier *c, const struct place *at, const char *group)
{
    struct lane *l = lane_to(c, at, lane_of(""));
    struct parcel *p;

    if (l->parcel_count >= COURIER_ENROLS_MAX)
        return; /* asked for already, and not answered */
    p = parcel_for(l, APART);
    p->group = xstrdup(group);
    wire_put_enrol(&p->request, group);
    p->waits = true;
    send_on(p);
}

void courier_tell(struct courier *c, const struct place *at, struct wire *w)
{
    struct lane *l = lane_to(c, at, LANE_TELLS);
    struct parcel *p;

    if (l->parcel_count >= COURIER_TELLS_MAX) {
        wire_fini(w);
        return; /* whoever is there hears nothing of it anyhow */
    }
    p = parcel_for(l, APART);
    p->request = *w;
    *w = (struct wire){ .count = 0 };
    p->waits = true;
    send_on(p);
}

void courier_warm(struct courier *c, const struct place *at, const char *gid)
{
    (void)lane_to(c, at, lane_of(gid));
    (void)lane_to(c, at, LANE_TELLS);
}

struct courier *courier_new(struct ev_loop *loop, const struct courier_options *o)
{
    struct courier *c = xcalloc(1, sizeof *c);

    c->loop = loop;
    c->o = *o;
    list_init(&c->lanes);
    ev_timer_init(&c->look, on_look, 0., 0.);
    c->look.data = c;
    return c;
}

void courier_set(struct courier *c, const struct courier_options *o)
{
    c->o = *o;
}

void courier_free(struct courier *c)
{
    if (!c)
        return;
    ev_timer_stop(c->loop, &c->look);
    while (!list_empty(&c->lanes))
        lane_free(LIST_ENTRY(c->lanes.next, struct lane, node));
    xfree(c);
}
