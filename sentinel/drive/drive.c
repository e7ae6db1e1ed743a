#include "sentinel/drive/drive.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "common/alloc.h"
#include "common/clock.h"
#include "common/log.h"
#include "sentinel/drive/commands.h"
#include "sentinel/drive/lines.h"

/* ---- actions that need no line --------------------------------------------------------------- */

static void write_log(const struct action *a)
{
    static const enum log_level levels[] = { [LEVEL_DEBUG] = LOG_LEVEL_DEBUG,
                                             [LEVEL_VERBOSE] = LOG_LEVEL_VERBOSE,
                                             [LEVEL_NOTICE] = LOG_LEVEL_NOTICE,
                                             [LEVEL_WARNING] = LOG_LEVEL_WARNING };

    log_line(levels[a->level], "%s %s", a->channel, a->text ? a->text : "");
}

static void obey_log(struct drive *d, const struct action *a)
{
    write_log(a);
}

static void obey_publish(struct drive *d, const struct action *a)
{
    write_log(a);
    d->ops->publish(d->world, a->channel, a->text);
}

static void obey_run(struct drive *d, const struct action *a)
{
    const struct script *s = sentinel_find_script(d->core, a->id);

    if (s)
        scripts_start(&d->scripts, s->job, s->argv);
}

static void obey_stop(struct drive *d, const struct action *a)
{
    scripts_kill(&d->scripts, a->id);
}

static void obey_reply(struct drive *d, const struct action *a)
{
    d->ops->reply(d->world, a->token, a);
}

static void obey_exit(struct drive *d, const struct action *a)
{
    log_warning("exit code=%d why=simulate-failure", a->code);
    _exit(a->code);
}

/* Records were handed over when they came; only the order of what follows is left to keep. */
static void obey_persist(struct drive *d, const struct action *a) {}

static command_fn *const obey[ACT_COUNT] = {
    [ACT_DIAL] = lines_dial,
    [ACT_HANG_UP] = lines_hang_up,
    [ACT_FORGET] = lines_forget,
    [ACT_PING] = command_ping,
    [ACT_INFO] = command_info,
    [ACT_HELLO] = command_hello,
    [ACT_ROLE] = command_role,
    [ACT_FAILOVER] = command_failover,
    [ACT_TIDY] = command_tidy,
    [ACT_NUDGE] = nudge_send,
    [ACT_SCRIPT_KILL] = command_script_kill,
    [ACT_ASK] = command_ask,
    [ACT_PROBE] = command_probe,
    [ACT_STATE] = command_state,
    [ACT_PAUSE] = command_pause,
    [ACT_PERSIST] = obey_persist,
    [ACT_PUBLISH] = obey_publish,
    [ACT_LOG] = obey_log,
    [ACT_RUN] = obey_run,
    [ACT_STOP] = obey_stop,
    [ACT_REPLY] = obey_reply,
    [ACT_EXIT] = obey_exit,
};

/* ---- the queue ------------------------------------------------------------------------------- */

/* Records borrow from the core until its next step, so they are handed over before anything else
 * happens; `tag`, which a record does not use, keeps the position to wait for. 0: none. */
static void hand_over_records(struct drive *d, size_t from)
{
    for (size_t i = from; i < d->queue.count; i++) {
        struct action *a = &d->queue.at[i];
        uint64_t position;

        if (a->kind != ACT_PERSIST)
            continue;
        position = d->ops->persist(d->world, a->record);
        d->queue.at[i].tag = a->record->durable ? position : 0;
    }
}

static bool waits(const struct drive *d)
{
    const struct action *a = &d->queue.at[d->obeyed];

    return a->kind == ACT_PERSIST && a->tag > d->persisted;
}

static void obey_one(struct drive *d, struct action a)
{
    d->actions_obeyed++;
    obey[a.kind](d, &a);
}

/* A hello that waited so long would be old news; the next round comes by itself. */
static bool is_stale(const struct drive *d, const struct action *a)
{
    return a->kind == ACT_HELLO && clock_now_ms() >= d->waits_since_ms + DRIVE_HELLO_WAIT_MS;
}

/* While a record waits: what only looks goes ahead of it, and leaves the queue, so that a disk that hangs
 * for hours costs no memory for all the pings of that time. Looks at each action once. */
static void look_ahead(struct drive *d)
{
    size_t kept = d->looked > d->obeyed ? d->looked : d->obeyed;

    for (size_t i = kept; i < d->queue.count; i++) {
        struct action a = d->queue.at[i]; /* the queue may move while it is obeyed */

        if (action_looks(a.kind))
            obey_one(d, a);
        else if (is_stale(d, &a))
            xfree(a.text);
        else
            d->queue.at[kept++] = a;
    }
    d->queue.count = d->looked = kept;
}

static void pump(struct drive *d)
{
    size_t before = d->obeyed;

    if (d->obeying)
        return; /* the one on the stack goes on with what was queued */
    d->obeying = true;
    while (d->obeyed < d->queue.count && !waits(d))
        obey_one(d, d->queue.at[d->obeyed++]);
    if (d->obeyed < d->queue.count) {
        if (d->obeyed > before || d->waits_since_ms == 0)
            d->waits_since_ms = clock_now_ms();
        look_ahead(d);
    } else {
        actions_clear(&d->queue);
        d->obeyed = d->looked = d->waits_since_ms = 0;
    }
    d->obeying = false;
}

/* ---- time ------------------------------------------------------------------------------------ */

static void set_wake(struct drive *d)
{
    uint64_t wake = sentinel_wake_ms(d->core), now = clock_now_ms();

    if (wake != UINT64_MAX)
        wake = (wake + DRIVE_GRID_MS - 1) / DRIVE_GRID_MS * DRIVE_GRID_MS;
    if (wake >= d->wake_at_ms)
        return; /* firing too early does no harm, and setting a timer costs */
    d->wake_at_ms = wake;
    ev_timer_stop(d->loop, &d->wake);
    ev_timer_set(&d->wake, wake > now ? (double)(wake - now) / 1e3 : 0., 0.);
    ev_timer_start(d->loop, &d->wake);
}

static void on_wake(struct ev_loop *loop, ev_timer *w, int events)
{
    struct drive *d = w->data;
    struct event ev = { .kind = EV_TIME };

    d->wake_at_ms = UINT64_MAX;
    drive_raise(d, &ev);
}

/* ---- the core's side ------------------------------------------------------------------------- */

void drive_raise(struct drive *d, struct event *ev)
{
    size_t before = d->queue.count;
    bool obeying = d->obeying;

    ev->now_ms = clock_now_ms();
    d->steps++;
    sentinel_step(d->core, ev, &d->queue);
    d->obeying = true; /* a record may be on the disk before the next one is handed over */
    hand_over_records(d, before);
    d->obeying = obeying;
    set_wake(d);
    pump(d);
}

void drive_persisted(struct drive *d, uint64_t position)
{
    if (position <= d->persisted)
        return;
    d->persisted = position;
    pump(d);
}

uint32_t drive_pending(const struct drive *d, uint64_t id)
{
    return lines_pending(d, id);
}

static void raise_for_scripts(void *arg, struct event *ev)
{
    drive_raise(arg, ev);
}

void drive_init(struct drive *d, struct ev_loop *loop, struct sentinel *core,
                const struct drive_ops *ops, void *world)
{
    *d = (struct drive){
        .loop = loop, .core = core, .ops = ops, .world = world, .wake_at_ms = UINT64_MAX
    };
    scripts_init(&d->scripts, loop, raise_for_scripts, d);
    ev_timer_init(&d->wake, on_wake, 0., 0.);
    d->wake.data = d;
}

void drive_fini(struct drive *d)
{
    if (!d->loop)
        return;
    ev_timer_stop(d->loop, &d->wake);
    scripts_fini(&d->scripts);
    lines_fini(d);
    actions_fini(&d->queue);
    xfree(d->acquaintances.ips);
}
