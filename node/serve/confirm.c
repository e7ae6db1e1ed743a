#include "node/serve/confirm.h"

#include "common/alloc.h"
#include "common/clock.h"
#include "common/command_docs.h"
#include "common/log.h"
#include "common/resp.h"
#include "node/oplog/oplog.h"
#include "node/replica/replica.h"
#include "node/serve/serve.h"
#include "node/settings.h"
#include "node/world.h"

enum { KEYS_ON_STACK = 64 };

static uint64_t tip(const struct serve *v)
{
    return v->world->oplog->next;
}

static uint64_t later(uint64_t a, uint64_t b)
{
    return a > b ? a : b;
}

/* ---- what a call depends on ---- */

static bool says_where_all_keys_are(const struct key_spec *specs, int count)
{
    for (int i = 0; i < count; i++)
        if (specs[i].begin == KEY_BEGIN_UNKNOWN || specs[i].find == KEY_FIND_UNKNOWN ||
            (specs[i].flags & KEY_INCOMPLETE))
            return false;
    return count > 0;
}

/* Of a row whose keys move, or that has none. */
static uint64_t searched_keys(const struct serve *v, const struct call *c)
{
    struct key_use on_stack[KEYS_ON_STACK], *keys = on_stack;
    struct key_spec specs[KEY_SPECS_MAX];
    int spec_count = command_key_specs(c->cmd, specs), count;
    uint64_t needs = 0;

    if (!says_where_all_keys_are(specs, spec_count))
        return tip(v);
    if (c->argc > KEYS_ON_STACK)
        keys = xmalloc((size_t)c->argc * sizeof *keys);
    count = command_find_keys_by(c->cmd, specs, spec_count, c->argc, c->argv, keys,
                                 c->argc > KEYS_ON_STACK ? c->argc : KEYS_ON_STACK);
    for (int i = 0; i < count; i++)
        needs = later(needs, last_writes_of(&v->confirm.keys, c->argv[keys[i].position]));
    if (keys != on_stack)
        xfree(keys);
    return count > 0 ? needs : tip(v);
}

static uint64_t keys_need(const struct serve *v, const struct call *c)
{
    const struct command_keys *k = &c->cmd->keys;
    int last = k->last < 0 ? c->argc + k->last : k->last;
    uint64_t needs = 0;

    if ((c->cmd->flags & CMD_MOVABLEKEYS) || !k->first)
        return searched_keys(v, c);
    for (int i = k->first; i <= last && i < c->argc; i += k->step)
        needs = later(needs, last_writes_of(&v->confirm.keys, c->argv[i]));
    return needs;
}

/* Functions have no key, and a script may not tell which it runs. */
static uint64_t functions_need(const struct serve *v, const struct call *c)
{
    return c->cmd->acl & ACL_SCRIPTING ? v->confirm.functions : 0;
}

static bool changes_functions(const struct call *c)
{
    return (c->cmd->acl & ACL_SCRIPTING) && (c->cmd->flags & CMD_WRITE);
}

static uint64_t reads_need(const struct serve *v, const struct call *c)
{
    uint64_t needs = c->cmd->flags & (CMD_WRITE | CMD_READONLY) ? keys_need(v, c) : 0;

    return later(needs, functions_need(v, c));
}

static bool touches_data(const struct call *c)
{
    return c->cmd->flags & (CMD_WRITE | CMD_READONLY);
}

void confirm_ahead(const struct serve *v, const struct resp_glance *glances, int count)
{
    for (int i = 0; i < count; i++)
        last_writes_fetch(&v->confirm.keys, glances[i].key);
}

void confirm_inner(struct serve *v, const struct call *c)
{
    v->confirm.reads = later(v->confirm.reads, reads_need(v, c));
    v->confirm.has_read |= touches_data(c);
    v->confirm.functions_changed |= changes_functions(c);
}

void confirm_watched(struct serve *v, const struct node_session *s)
{
    struct confirm *f = &v->confirm;

    f->has_read = true;
    LIST_EACH ((struct list *)&s->watched, n) {
        const struct key_waiter *w = LIST_ENTRY(n, struct key_waiter, by_owner);

        f->reads = later(f->reads, last_writes_of(&f->keys, key_place_key(w->place)));
    }
}

/* Outside of a unit its effect stands in the stream already. */
static void changed_alone(struct serve *v)
{
    if (v->unit.depth == 0)
        last_writes_settle(&v->confirm.keys, tip(v));
}

void confirm_changed(struct serve *v, struct bytes key)
{
    last_writes_changed(&v->confirm.keys, key);
    changed_alone(v);
}

void confirm_changed_all(struct serve *v)
{
    last_writes_changed_all(&v->confirm.keys);
    changed_alone(v);
}

static bool is_about_data(const struct call *c)
{
    return !(c->cmd->flags & CMD_PUBSUB);
}

void confirm_unit_ended(struct serve *v, struct node_session *s, const struct call *c, bool moved)
{
    struct confirm *f = &v->confirm;
    int mode = f->by_group ? v->world->set->hf_read_mode : HF_READ_COMMITTED;
    bool asks;
    uint64_t needs;

    if (v->unit.depth)
        return; /* amid somebody's script only what is not about data runs */
    last_writes_settle(&f->keys, tip(v));
    if (UNLIKELY(moved && (f->functions_changed || changes_functions(c))))
        f->functions = tip(v);
    f->functions_changed = false;
    needs = moved ? tip(v) : later(f->reads, reads_need(v, c));
    asks = mode == HF_READ_CONFIRM && !moved && (f->has_read || touches_data(c));
    if (mode == HF_READ_LOCAL && !moved)
        needs = 0;
    f->reads = 0;
    f->has_read = false;
    gate_held_need(&v->gate, needs);
    if (!is_about_data(c) || (c->intents & INTENT_BLOCKS))
        return;
    if (UNLIKELY(asks))
        gate_ask(&v->gate, &s->gate, needs);
    else
        gate_note(&v->gate, &s->gate, needs);
}

/* ---- pushes ---- */

void confirm_told(struct session *s, bool invalidation)
{
    struct serve *v = ((struct node_world *)s->service->world)->serve;
    struct gate_client *client = &node_session_of(s)->gate;

    if (!invalidation && !v->confirm.telling)
        return;
    if (v->unit.depth)
        gate_hold(&v->gate, client);
    else
        gate_note(&v->gate, client, tip(v));
}

/* ---- the demand ---- */

static void demand(struct serve *v, bool on)
{
    struct confirm *f = &v->confirm;

    if (on && !f->on) {
        last_writes_begin(&f->keys, tip(v));
        f->functions = tip(v);
        f->looked_for = tip(v);
        f->since_ms = clock_now_ms();
    } else if (!on) {
        last_writes_end(&f->keys);
        f->refuses = false;
        f->reads = 0;
    }
    f->on = on;
    v->service->tells = on;
    gate_demand(&v->gate, GATE_FOLLOWERS, on);
    if (on)
        confirm_kept(v);
}

void confirm_demanded(void *serve, bool on)
{
    struct serve *v = serve;

    if (!v->confirm.by_group)
        demand(v, on);
}

void confirm_kept(void *serve)
{
    struct serve *v = serve;
    uint64_t kept = v->confirm.by_group ? v->confirm.released : replica_kept(v->world->replica);

    gate_acked(&v->gate, GATE_FOLLOWERS, kept);
}

void confirm_group_leads(struct serve *v)
{
    if (v->confirm.on)
        demand(v, false);
    gate_forget_mark(&v->gate, GATE_FOLLOWERS);
    v->confirm.by_group = true;
    v->confirm.released = 0;
    demand(v, true);
}

void confirm_release(struct serve *v, uint64_t offset)
{
    v->confirm.released = offset;
    if (v->confirm.on)
        confirm_kept(v);
}

void confirm_group_opens(struct serve *v)
{
    demand(v, false);
}

void confirm_answered(struct serve *v, uint64_t beat)
{
    gate_answered(&v->gate, beat);
}

uint64_t confirm_beat(struct serve *v)
{
    const struct serve_group *g = &v->group;

    return UNLIKELY(v->gate.asked) && g->beat ? g->beat(g->arg) : 0;
}

void confirm_close_waiters(struct serve *v)
{
    LIST_EACH (&v->service->sessions, n) {
        struct node_session *s = node_session_of(LIST_ENTRY(n, struct session, node));

        if (!gate_holds(&s->gate))
            continue;
        gate_forget(&v->gate, &s->gate);
        session_kill(&s->base, LINK_WHY_ASKED);
    }
}

void confirm_deposed(struct serve *v)
{
    if (!v->confirm.on)
        return;
    confirm_close_waiters(v);
    if (v->confirm.by_group)
        demand(v, false);
    else
        replica_set_demand(v->world->replica, &(struct replica_demand){ .level = KEEP_ASYNC });
}

/* ---- the turn ---- */

/* Writes that nobody acknowledges are not to pile up: what the stream's end was at some moment is looked for, and
 * once it is acknowledged what the end is then. */
static void look_for_stall(struct serve *v)
{
    struct confirm *f = &v->confirm;
    uint64_t limit_ms = (uint64_t)v->world->set->hf_stall_refuse_ms, now_ms = clock_now_ms();
    bool stalled;

    if (replica_kept(v->world->replica) >= f->looked_for) {
        f->looked_for = tip(v);
        f->since_ms = now_ms;
    }
    stalled = limit_ms && now_ms - f->since_ms >= limit_ms;
    if (stalled != f->refuses)
        log_warning("acknowledgements-%s offset=%llu", stalled ? "stalled" : "flow",
                    (unsigned long long)f->looked_for);
    f->refuses = stalled;
}

static void close_overdue(struct serve *v)
{
    uint64_t limit_ms = (uint64_t)v->world->set->hf_confirm_timeout_ms, now_ms = clock_now_ms();
    struct gate_client *c;

    if (!limit_ms || now_ms < limit_ms)
        return;
    while ((c = gate_overdue(&v->gate, GATE_FOLLOWERS, now_ms - limit_ms))) {
        struct node_session *s = CONTAINER_OF(c, struct node_session, gate);

        log_notice("client-unconfirmed id=%llu", (unsigned long long)s->base.id);
        gate_forget(&v->gate, c);
        session_kill(&s->base, LINK_WHY_ASKED);
    }
}

void confirm_turn_ended(struct serve *v)
{
    if (LIKELY(!v->confirm.on))
        return;
    confirm_kept(v);
    if (!v->confirm.by_group) /* whose core sees it */
        look_for_stall(v);
    close_overdue(v);
}

void confirm_fini(struct serve *v)
{
    last_writes_end(&v->confirm.keys);
}
