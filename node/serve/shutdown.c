#include "node/serve/shutdown.h"

#include "common/alloc.h"
#include "common/clock.h"
#include "common/log.h"
#include "node/persist/aof.h"
#include "node/persist/persist.h"
#include "node/replica/replica.h"
#include "node/serve/serve.h"
#include "node/settings.h"
#include "node/world.h"

#define FAILED "ERR Errors trying to SHUTDOWN. Check logs."

struct shutdown {
    bool waiting;
    bool over;
    bool certain;   /* a script was cut off for it: there is no way back */
    uint32_t flags; /* enum shutdown_flag */
    uint64_t deadline_ms;
    struct list askers; /* sessions, held until it ends; empty: a signal */
    ev_timer deadline;
};

static void deadline_passed(struct ev_loop *loop, ev_timer *w, int events)
{
    (void)loop;
    (void)w;
    (void)events; /* it wakes the loop; shutdown_look decides before the loop sleeps again */
}

void shutdown_init(struct serve *v)
{
    v->shutdown = xcalloc(1, sizeof *v->shutdown);
    list_init(&v->shutdown->askers);
    ev_timer_init(&v->shutdown->deadline, deadline_passed, 0, 0);
}

void shutdown_fini(struct serve *v)
{
    if (!v->shutdown)
        return;
    ev_timer_stop(v->world->loop, &v->shutdown->deadline);
    LIST_EACH (&v->shutdown->askers, node)
        list_remove(node);
    xfree(v->shutdown);
    v->shutdown = NULL;
}

/* Nothing has happened: writes go on, and whoever asked hears why. */
static void give_up(struct serve *v, const char *error)
{
    struct shutdown *d = v->shutdown;

    d->waiting = false;
    ev_timer_stop(v->world->loop, &d->deadline);
    service_unpause(v->service, PAUSE_SHUTDOWN);
    LIST_EACH (&d->askers, node) {
        struct session *s = LIST_ENTRY(node, struct session, held);
        struct reply r = session_late_reply(s);

        list_remove(node);
        reply_error(&r, error);
        session_drop_held(s);
    }
}

static bool save_wanted(const struct serve *v)
{
    uint32_t flags = v->shutdown->flags;

    if ((flags & SHUTDOWN_NOSAVE) || persist_loading(v->world->persist))
        return false; /* half a data set must not take the place of the whole file */
    return (flags & SHUTDOWN_SAVE) || persist_has_save_points(v->world->persist);
}

static bool must_end(const struct serve *v)
{
    return v->shutdown->certain || (v->shutdown->flags & SHUTDOWN_FORCE);
}

/* The file is not whole yet, and the one before it does not count any more. */
static bool lacks_base(const struct serve *v)
{
    if (!aof_awaits_base(v->world->aof))
        return false;
    log_warning("shutdown-without-base" REDIS_SAYS("Writing initial AOF, can't exit"));
    return true;
}

/* False: the save failed and was not to be skipped. */
static bool save(struct serve *v)
{
    struct errmsg why;

    if (lacks_base(v) && !must_end(v))
        return false;
    if (aof_flush(v->world->aof) != OK) {
        log_warning("shutdown-flush-failed why=\"%s\"", aof_refuses_writes(v->world->aof));
        if (!must_end(v))
            return false;
    }
    if (!save_wanted(v))
        return true;
    log_notice("shutdown-saving" REDIS_SAYS("Saving the final RDB snapshot before exiting."));
    if (persist_save_now(v->world->persist, &why) == OK)
        return true;
    log_warning("shutdown-save-failed why=\"%s\"", why.text);
    return must_end(v);
}

static void finish(struct serve *v)
{
    replica_tell_lagging(v->world->replica);
    if (!save(v)) {
        log_warning("shutdown-failed" REDIS_SAYS("Errors trying to shut down the server."));
        give_up(v, FAILED);
        return;
    }
    v->shutdown->over = true;
    log_notice("shutdown followers=%s" REDIS_SAYS("Redis is now ready to exit, bye bye..."),
               replica_all_caught_up(v->world->replica) ? "caught-up" : "behind");
    ev_break(v->world->loop, EVBREAK_ALL);
}

/* Here no child writes the first base while a script runs. Who cut the script off for a shutdown cannot go back, and
 * should not find nothing at the next start: so that base is waited for, unless the disk fails or FORCE was said. */
static bool awaits_base(const struct serve *v)
{
    const struct shutdown *d = v->shutdown;
    const struct aof *a = v->world->aof;

    return d->certain && !(d->flags & SHUTDOWN_FORCE) && aof_awaits_base(a) &&
           !aof_refuses_writes(a);
}

void shutdown_look(struct serve *v)
{
    struct shutdown *d = v->shutdown;

    if (LIKELY(!d->waiting) || d->over || awaits_base(v))
        return;
    if (replica_all_caught_up(v->world->replica) || clock_now_ms() >= d->deadline_ms)
        finish(v);
}

static void begin(struct serve *v, uint32_t flags)
{
    struct shutdown *d = v->shutdown;
    int64_t timeout_s = v->world->set->server.shutdown_timeout_s;
    bool patient = timeout_s > 0 && !(flags & SHUTDOWN_NOW);

    d->flags = flags;
    d->waiting = true;
    d->deadline_ms = clock_now_ms() + (patient ? (uint64_t)timeout_s * 1000 : 0);
    service_pause(v->service, PAUSE_SHUTDOWN, PAUSE_WRITES, UINT64_MAX);
    if (!patient || replica_all_caught_up(v->world->replica))
        return; /* shutdown_look ends it in this very turn */
    log_notice("shutdown-waits-for-followers timeout-s=%lld" REDIS_SAYS(
                   "Waiting for replicas before shutting down."),
               (long long)timeout_s);
    replica_ask_acks(v->world->replica);
    ev_timer_set(&d->deadline, (double)timeout_s, 0.);
    ev_timer_start(v->world->loop, &d->deadline);
}

void shutdown_ask(struct serve *v, uint32_t flags)
{
    log_notice("shutdown-requested by=signal" REDIS_SAYS("User requested shutdown..."));
    if (v->shutdown->waiting)
        flags |= SHUTDOWN_NOW | v->shutdown->flags; /* whoever said NOSAVE meant it */
    begin(v, flags);
}

bool shutdown_is_certain(struct serve *v)
{
    if (v->shutdown->waiting)
        v->shutdown->certain = true;
    return v->shutdown->certain;
}

uint64_t shutdown_waiters(const struct serve *v)
{
    return list_length(&v->shutdown->askers);
}

bool shutdown_waits(const struct serve *v, uint64_t *out_left_ms)
{
    const struct shutdown *d = v->shutdown;
    uint64_t now_ms = clock_now_ms();

    if (!d->waiting)
        return false;
    *out_left_ms = d->deadline_ms > now_ms ? d->deadline_ms - now_ms : 0;
    return true;
}

static bool read_flags(const struct call *c, uint32_t *out_flags, bool *out_abort)
{
    static const struct {
        const char *word;
        uint32_t flag;
    } words[] = {
        { "nosave", SHUTDOWN_NOSAVE },
        { "save", SHUTDOWN_SAVE },
        { "now", SHUTDOWN_NOW },
        { "force", SHUTDOWN_FORCE },
    };

    for (int i = 1; i < c->argc; i++) {
        size_t k = 0;

        if (bytes_is_word(c->argv[i], "abort")) {
            *out_abort = true;
            continue;
        }
        while (k < ARRAY_LEN(words) && !bytes_is_word(c->argv[i], words[k].word))
            k++;
        if (k == ARRAY_LEN(words))
            return false;
        *out_flags |= words[k].flag;
    }
    return !(*out_abort && *out_flags) &&
           (*out_flags & (SHUTDOWN_SAVE | SHUTDOWN_NOSAVE)) != (SHUTDOWN_SAVE | SHUTDOWN_NOSAVE);
}

static void abort_shutdown(struct serve *v, struct call *c)
{
    if (!v->shutdown->waiting || v->shutdown->certain) {
        reply_error(c->reply, "ERR No shutdown in progress.");
        return;
    }
    log_notice("shutdown-aborted" REDIS_SAYS("Shutdown manually aborted"));
    give_up(v, FAILED);
    reply_ok(c->reply);
}

void shutdown_now(struct call *c)
{
    const struct node_world *w = c->world;
    struct serve *v = w->serve;
    uint32_t flags = 0;
    bool abort = false;

    if (!read_flags(c, &flags, &abort)) {
        reply_error(c->reply, "ERR syntax error");
        return;
    }
    if (abort) {
        abort_shutdown(v, c);
        return;
    }
    if (v->busy_text && !(flags & SHUTDOWN_NOSAVE)) {
        reply_error(c->reply, v->busy_text);
        return;
    }
    if (v->busy_text)
        flags |=
            SHUTDOWN_NOW; /* the script will not end by itself, and half of it is for no follower */
    if (c->denies_blocking && !(flags & SHUTDOWN_NOW)) {
        reply_error(c->reply, "ERR SHUTDOWN without NOW or ABORT isn't allowed for DENY BLOCKING "
                              "client");
        return;
    }
    log_notice("shutdown-requested by=%s" REDIS_SAYS("User requested shutdown..."),
               c->session->link->peer);
    if (!v->shutdown->waiting)
        begin(v, flags);
    else if (v->shutdown->certain)
        v->shutdown->flags |= flags & SHUTDOWN_FORCE;
    session_hold(c->session);
    list_push_back(&v->shutdown->askers, &c->session->held);
}
