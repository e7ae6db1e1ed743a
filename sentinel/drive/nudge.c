#include "sentinel/drive/nudge.h"

#include <stdio.h>

#include "common/alloc.h"
#include "sentinel/drive/lines.h"

struct nudge {
    struct ev_loop *loop;
    struct dial *dial;
    char *word; /* REPLCONF, or what the group calls it */
    bool due;   /* as soon as the connection greets */
    ev_timer idle;
};

static void say(struct nudge *n)
{
    struct bytes argv[] = { bytes_of(n->word), BYTES("GETACK"), BYTES("*") };

    n->due = false;
    (void)dial_call(n->dial, (int)ARRAY_LEN(argv), argv, NULL, NULL);
}

static void on_state(void *arg, struct dial *dial, enum dial_state state, enum dial_why why)
{
    struct nudge *n = arg;

    if (state == DIAL_UP && n->due)
        say(n);
}

static void on_idle(struct ev_loop *loop, ev_timer *w, int events)
{
    struct nudge *n = w->data;

    dial_stop(n->dial);
}

static struct nudge *nudge_new(struct ev_loop *loop)
{
    struct nudge *n = xcalloc(1, sizeof *n);

    n->loop = loop;
    ev_timer_init(&n->idle, on_idle, 0., NUDGE_IDLE_MS / 1e3);
    n->idle.data = n;
    return n;
}

void nudge_free(struct nudge *n)
{
    if (!n)
        return;
    ev_timer_stop(n->loop, &n->idle);
    dial_free(n->dial);
    xfree(n->word);
    xfree(n);
}

void nudge_send(struct drive *d, const struct action *a)
{
    char name[sizeof "sentinel-12345678-nudge"];
    struct dial_options o = { .client_name = name,
                              .connect_timeout_ms = DIAL_TIMEOUT_MS_MAX,
                              .calls_max = NUDGE_CALLS_MAX,
                              .reply_bytes_max = DRIVE_REPLY_BYTES_MAX,
                              .on_state = on_state };
    struct end *e = lines_end(d, a->id);
    const struct node *node = sentinel_find_node(d->core, a->id);
    struct nudge *n;

    if (!e || !node || !lines_destination(d, a->id, &o))
        return;
    snprintf(name, sizeof name, "sentinel-%.8s-nudge", d->core->globals.my_id);
    o.arg = n = e->nudge = e->nudge ? e->nudge : nudge_new(d->loop);
    if (n->dial)
        dial_set(n->dial, &o);
    else
        n->dial = dial_new(d->loop, &o);
    xfree(n->word);
    n->word = xstrdup(group_settings_command(&node->group->set, "REPLCONF"));
    n->due = true;
    ev_timer_again(d->loop, &n->idle);
    if (dial_state(n->dial) == DIAL_UP)
        say(n);
    else
        dial_start(n->dial);
}
