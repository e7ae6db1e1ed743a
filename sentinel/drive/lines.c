#include "sentinel/drive/lines.h"

#include <stdio.h>
#include <string.h>

#include "common/alloc.h"
#include "common/clock.h"
#include "common/log.h"

/* A dial's callbacks say which dial; an end has at most two. */
static enum line_kind kind_of(const struct end *e, const struct dial *d)
{
    return e->dials[LINE_PUBSUB] == d ? LINE_PUBSUB : LINE_CMD;
}

static struct bytes name_of(const uint64_t *id)
{
    return (struct bytes){ (const char *)id, sizeof *id };
}

struct end *lines_end(const struct drive *d, uint64_t id)
{
    struct map_node *n = map_find(&d->ends, name_of(&id));

    return n ? CONTAINER_OF(n, struct end, by_id) : NULL;
}

struct dial *lines_command(const struct drive *d, uint64_t id)
{
    struct end *e = lines_end(d, id);
    struct dial *dial = e ? e->dials[LINE_CMD] : NULL;

    return dial && dial_state(dial) == DIAL_UP ? dial : NULL;
}

uint32_t lines_pending(const struct drive *d, uint64_t id)
{
    const struct end *e = lines_end(d, id);
    uint32_t count = 0;

    for (int i = 0; e && i < LINE_COUNT; i++)
        count += e->dials[i] ? dial_outstanding(e->dials[i]) : 0;
    return count;
}

/* ---- what dials tell ------------------------------------------------------------------------- */

static enum down_why down_why(enum dial_why why)
{
    static const enum down_why reasons[DIAL_WHY_COUNT] = {
        [DIAL_WHY_NONE] = DOWN_CLOSED,       [DIAL_WHY_RESOLVE] = DOWN_RESOLVE,
        [DIAL_WHY_REFUSED] = DOWN_REFUSED,   [DIAL_WHY_UNREACHABLE] = DOWN_UNREACHABLE,
        [DIAL_WHY_TIMEOUT] = DOWN_TIMEOUT,   [DIAL_WHY_CLOSED] = DOWN_CLOSED,
        [DIAL_WHY_TLS] = DOWN_PROTOCOL,      [DIAL_WHY_AUTH] = DOWN_AUTH,
        [DIAL_WHY_PROTOCOL] = DOWN_PROTOCOL, [DIAL_WHY_ASKED] = DOWN_CLOSED,
    };

    return reasons[why];
}

static void raise_up(struct end *e, struct dial *dial)
{
    struct event ev = { .kind = EV_LINE_UP, .id = e->id };

    ev.line.kind = kind_of(e, dial);
    ev.line.local_ip = dial_local_ip(dial);
    ev.line.peer_ip = dial_peer_ip(dial);
    drive_raise(e->drive, &ev);
}

static void raise_down(struct end *e, struct dial *dial, enum dial_why why)
{
    struct event ev = { .kind = EV_LINE_DOWN, .id = e->id };

    ev.line.kind = kind_of(e, dial);
    ev.line.why = down_why(why);
    drive_raise(e->drive, &ev);
}

/* Once, until it works again: the core dials every second. */
static void note_tls(struct end *e, const struct dial *dial, enum dial_state state,
                     enum dial_why why)
{
    struct dial_options at = { .host = NULL };
    char text[160];

    if (state == DIAL_UP)
        e->tls_told = false;
    if (state != DIAL_DOWN || why != DIAL_WHY_TLS || e->tls_told ||
        !lines_destination(e->drive, e->id, &at))
        return;
    e->tls_told = true;
    dial_why_text(dial, text, sizeof text);
    log_warning("dial-failed place=%s:%d why=\"%s\"", at.host, at.port, text);
}

static void on_state(void *arg, struct dial *dial, enum dial_state state, enum dial_why why)
{
    struct end *e = arg;

    note_tls(e, dial, state, why);
    if (state == DIAL_DOWN) {
        raise_down(e, dial, why);
    } else if (state == DIAL_UP) {
        if (kind_of(e, dial) == LINE_PUBSUB)
            (void)dial_subscribe(dial, HELLO_CHANNEL); /* ERR_CLOSED: its end is on its way */
        raise_up(e, dial);
    }
}

static void on_resume(struct ev_loop *loop, ev_timer *w, int events)
{
    struct end *e = w->data;

    for (int i = 0; i < LINE_COUNT; i++) {
        struct link *l = e->dials[i] ? dial_link(e->dials[i]) : NULL;

        if (l)
            link_pause_reading(l, false);
    }
}

/* Counts one message; over the limit, the line is not read until its window has passed. */
static void count_message(struct end *e, struct dial *dial)
{
    uint64_t now_ms = clock_now_ms();

    if (now_ms >= e->window_ms + DRIVE_WINDOW_MS) {
        e->window_ms = now_ms;
        e->window_count = 0;
    }
    if (++e->window_count < DRIVE_WINDOW_MESSAGES)
        return;
    link_pause_reading(dial_link(dial), true);
    if (ev_is_active(&e->resume))
        return;
    ev_timer_set(&e->resume, DRIVE_WINDOW_MS / 1e3, 0.);
    ev_timer_start(e->drive->loop, &e->resume);
}

/* `message <channel> <payload>`; confirmations and everything else are nobody's news. */
static void on_push(void *arg, struct dial *dial, const struct resp_value *value)
{
    struct end *e = arg;
    const struct resp_value *what = resp_item(value, 0), *payload = resp_item(value, 2);
    struct event ev = { .kind = EV_HELLO, .id = e->id };
    struct hello hello;

    count_message(e, dial);
    if (!payload || !bytes_is(what->text, "message") ||
        !bytes_is(resp_item(value, 1)->text, HELLO_CHANNEL))
        return;
    if (hello_parse(&hello, payload->text) != OK)
        return; /* whoever may PUBLISH on a node may write here */
    ev.hello = &hello;
    drive_raise(e->drive, &ev);
}

/* ---- dialling -------------------------------------------------------------------------------- */

static const char *or_null(const char *text)
{
    return text && text[0] ? text : NULL;
}

static struct bytes bytes_or_none(const char *text)
{
    return text ? bytes_of(text) : (struct bytes){ 0 };
}

bool drive_tls_of(const struct drive_dialling *how, const struct group_settings *set,
                  struct tls_context **out)
{
    *out = set->tls == GROUP_TLS_AUTO  ? how->tls
           : set->tls == GROUP_TLS_YES ? how->tls_if_asked
                                       : NULL;
    return *out || set->tls != GROUP_TLS_YES;
}

bool lines_destination(const struct drive *d, uint64_t id, struct dial_options *o)
{
    const struct node *n = sentinel_find_node(d->core, id);
    const struct peer *p = n ? NULL : sentinel_find_peer(d->core, id);
    const struct globals *g = &d->core->globals;

    o->tls = d->dialling.tls;
    o->source_address = or_null(d->dialling.source_address);
    o->keepalive_s = d->dialling.keepalive_s;
    if (n && !drive_tls_of(&d->dialling, &n->group->set, &o->tls))
        return false; /* never in the clear instead */
    if (n) {
        o->host = n->addr.host;
        o->port = n->addr.port;
        o->user = or_null(n->group->set.auth_user);
        o->password = bytes_or_none(n->group->set.auth_pass);
        o->fallback = bytes_or_none(n->group->set.auth_pass_fallback);
    } else if (p) {
        o->host = p->addr.host;
        o->port = p->addr.port;
        o->user = or_null(g->sentinel_pass) ? or_null(g->sentinel_user) : NULL;
        o->password =
            or_null(g->sentinel_pass) ? bytes_of(g->sentinel_pass) : d->dialling.requirepass;
        o->fallback = bytes_or_none(g->sentinel_pass_fallback);
    }
    return n || p;
}

static struct end *add(struct drive *d, uint64_t id)
{
    struct end *e = xcalloc(1, sizeof *e);

    e->id = id;
    e->drive = d;
    ev_timer_init(&e->resume, on_resume, 0., 0.);
    e->resume.data = e;
    map_add(&d->ends, &e->by_id, name_of(&e->id));
    return e;
}

void lines_dial(struct drive *d, const struct action *a)
{
    char name[sizeof "sentinel-12345678-pubsub"];
    struct dial_options o = { .client_name = name,
                              .connect_timeout_ms = a->timeout_ms,
                              .calls_max = DRIVE_CALLS_MAX,
                              .reply_bytes_max = DRIVE_REPLY_BYTES_MAX,
                              .on_state = on_state,
                              .on_push = on_push };
    struct end *e = lines_end(d, a->id);
    struct dial **dial;

    if (!lines_destination(d, a->id, &o))
        return;
    snprintf(name, sizeof name, "sentinel-%.8s-%s", d->core->globals.my_id,
             a->line == LINE_PUBSUB ? "pubsub" : "cmd");
    e = e ? e : add(d, a->id);
    o.arg = e;
    dial = &e->dials[a->line];
    if (*dial) {
        dial_stop(*dial);
        dial_set(*dial, &o);
    } else {
        *dial = dial_new(d->loop, &o);
    }
    dial_start(*dial);
}

void lines_hang_up(struct drive *d, const struct action *a)
{
    struct end *e = lines_end(d, a->id);

    if (e && e->dials[a->line])
        dial_stop(e->dials[a->line]);
}

static void end_free(struct end *e)
{
    map_remove(&e->drive->ends, &e->by_id);
    ev_timer_stop(e->drive->loop, &e->resume);
    for (int i = 0; i < LINE_COUNT; i++)
        dial_free(e->dials[i]);
    nudge_free(e->nudge);
    xfree(e);
}

void lines_forget(struct drive *d, const struct action *a)
{
    struct end *e = lines_end(d, a->id);

    if (e)
        end_free(e);
}

void lines_fini(struct drive *d)
{
    struct map_walk walk = map_walk(&d->ends);
    struct map_node *n;

    while ((n = map_walk_next(&walk))) {
        end_free(CONTAINER_OF(n, struct end, by_id));
        walk = map_walk(&d->ends);
    }
    map_fini(&d->ends);
}
