/*
 * run_busy - a script that has run for longer than busy-reply-threshold: other clients get a turn each time
 * the hook comes, but only for what a busy node allows; serve refuses the rest with serve->busy_text.
 */
#include "common/clock.h"
#include "common/log.h"
#include "common/serve/interlude.h"
#include "common/server_net.h"
#include "node/script/ldb.h"
#include "node/script/script_room.h"
#include "node/serve/serve.h"
#include "node/serve/shutdown.h"

#define BUSY(kill) \
    "BUSY Redis is busy running a script. You can only call " kill " KILL or SHUTDOWN NOSAVE."

static void begin(struct run *r)
{
    struct node_world *w = r->script->world;

    if (!ldb_debugs(r->script))
        log_warning(
            "script-slow name=%s ms=%llu ends-with=\"%s KILL\"" REDIS_SAYS("Slow script detected"),
            r->name, (unsigned long long)((clock_read_us() - r->start_us) / 1000),
            r->vm->functions ? "FUNCTION" : "SCRIPT");
    w->serve->busy_text = r->vm->functions ? BUSY("FUNCTION") : BUSY("SCRIPT");
    r->interlude = interlude_new(w->service, w->net ? &w->net->listen : NULL, r->call->session);
}

bool run_let_in(struct run *r)
{
    struct serve *v = r->script->world->serve;
    uint64_t changes_before = v->changes_before;
    struct session *running = v->running;

    if (!r->interlude)
        begin(r);
    interlude_turn(r->interlude);
    v->changes_before = changes_before;
    v->running = running;
    if (shutdown_is_certain(v)) {
        log_warning("script-abandoned name=%s why=shutdown", r->name);
        r->leaving = r->killed = true;
    }
    return r->killed;
}

void run_busy_end(struct run *r)
{
    interlude_free(r->interlude);
    r->interlude = NULL;
    r->script->world->serve->busy_text = NULL;
}
