#include "sentinel/helm/helm.h"

#include <stdio.h>
#include <string.h>

#include "common/alloc.h"
#include "common/clock.h"
#include "common/random.h"
#include "sentinel/core/pause.h"

struct group *helm_group(const struct helm *h)
{
    return sentinel_find_group(h->all->drive->core, bytes_of(h->name));
}

/* ---- what the captain wants -------------------------------------------------------------------- */

static const struct place *place_of_voter(const struct helm *h, uint64_t voter)
{
    const struct voter *v = charter_voter(&h->captain.charter, voter);

    return v ? &v->at : NULL;
}

static void tell(struct helm *h, const struct place *at, bool asks, const struct suspicion *s)
{
    struct wire w = { .count = 0 };

    suspicion_put(&w, asks, s);
    courier_tell(h->all->courier, at, &w);
}

static void obey_suspect(struct helm *h, const struct captain_action *a)
{
    tell(h, &a->at, true, &a->suspicion);
}

/* The token is who asked (helms_hear). */
static void obey_opine(struct helm *h, const struct captain_action *a)
{
    const struct place *at = place_of_voter(h, a->token);

    if (at)
        tell(h, at, false, &a->suspicion);
}

static void obey_send(struct helm *h, const struct captain_action *a)
{
    struct reg_message m = a->message;

    if (a->to != h->captain.voter) {
        courier_send(h->all->courier, a->to, &a->at, &m);
        return;
    }
    m.voter = a->to;
    h->all->ops->hear(h->all->world, h->token, &m);
}

/* What somebody may have to be woken for. */
static bool alarms(const char *channel)
{
    static const char *const channels[] = { "+hf-failover", "-hf-failover", "+hf-no-candidate",
                                            "+hf-active" };

    for (size_t i = 0; i < ARRAY_LEN(channels); i++)
        if (strcmp(channel, channels[i]) == 0)
            return true;
    return false;
}

static void obey_notice(struct helm *h, const struct captain_action *a)
{
    struct event ev = { .kind = EV_NEWS };

    ev.news.name = h->name;
    ev.news.channel = a->channel;
    ev.news.text = a->text;
    ev.news.alarms = alarms(a->channel);
    drive_raise(h->all->drive, &ev);
}

/* What every tool knows a failover by: that it begins here, that it is this sentinel's, or that nothing came of it. The
 * rest is told when the new leader serves (core/chartered.h). */
static void tell_phase(struct helm *h, enum captain_state before)
{
    static const char *const begun[CAPTAIN_STATE_COUNT] = {
        [CAPTAIN_GATHER] = "+try-failover",
        [CAPTAIN_COMMIT] = "+elected-leader",
        [CAPTAIN_PREPARE] = "+try-failover",
        [CAPTAIN_SWITCH] = "+elected-leader",
    };
    enum captain_state now = h->captain.state;
    struct event ev = { .kind = EV_NEWS };

    if (now == before)
        return;
    ev.news.name = h->name;
    ev.news.text = "";
    ev.news.alarms = true;
    ev.news.channel = begun[now];
    if (now == CAPTAIN_CALM && begun[before] && h->captain.mine != h->captain.charter.epoch)
        ev.news.channel = "-failover-abort-not-elected";
    if (ev.news.channel)
        drive_raise(h->all->drive, &ev);
}

static void obey_serves(struct helm *h, const struct captain_action *a)
{
    struct event ev = { .kind = EV_SERVES };

    ev.serves.name = h->name;
    (void)addr_set(&ev.serves.leader, bytes_of(a->at.host), a->at.port);
    ev.serves.epoch = a->epoch;
    ev.serves.mine = h->captain.mine == a->epoch;
    drive_raise(h->all->drive, &ev);
}

/* Where no register came of it, and none may come, the group is what it was. */
static void obey_reply(struct helm *h, const struct captain_action *a)
{
    const struct acceptor *mine = h->all->ops->voter(h->all->world, bytes_of(h->name));

    if (a->token)
        h->all->ops->answer(h->all->world, a->token, a->ok ? NULL : a->text);
    if (!a->ok && h->captain.charter.ver == 0 && !(mine && acceptor_has_value(mine)))
        helm_free(h);
}

static void obey(struct helm *h, const struct captain_action *a)
{
    static void (*const obeys[CAPTAIN_ACT_COUNT])(struct helm *, const struct captain_action *) = {
        [CAPTAIN_ACT_DIAL] = helm_line_dial,  [CAPTAIN_ACT_ORDER] = helm_line_order,
        [CAPTAIN_ACT_VITAL] = helm_vital_ask, [CAPTAIN_ACT_SUSPECT] = obey_suspect,
        [CAPTAIN_ACT_OPINE] = obey_opine,     [CAPTAIN_ACT_SEND] = obey_send,
        [CAPTAIN_ACT_NOTICE] = obey_notice,   [CAPTAIN_ACT_SERVES] = obey_serves,
        [CAPTAIN_ACT_REPLY] = obey_reply,
    };

    obeys[a->kind](h, a);
}

/* ---- time -------------------------------------------------------------------------------------- */

static uint64_t on_the_grid(uint64_t wake_ms, uint64_t now_ms)
{
    uint64_t grid_ms = wake_ms < now_ms + HELM_CALM_GRID_FROM_MS ? HELM_GRID_MS : HELM_CALM_GRID_MS;

    if (wake_ms < now_ms + HELM_GRID_FROM_MS)
        return wake_ms;
    return (wake_ms + grid_ms - 1) / grid_ms * grid_ms;
}

/* Firing too early does no harm, and setting a timer costs. */
static void set_wake(struct helm *h)
{
    struct ev_loop *loop = h->all->drive->loop;
    uint64_t now_ms = clock_now_ms(), at_ms = on_the_grid(captain_wake_ms(&h->captain), now_ms);

    captain_expect(&h->captain, at_ms);
    if (at_ms >= h->wake_at_ms)
        return;
    h->wake_at_ms = at_ms;
    ev_timer_stop(loop, &h->wake);
    ev_timer_set(&h->wake, at_ms > now_ms ? (double)(at_ms - now_ms) / 1e3 : 0., 0.);
    ev_timer_start(loop, &h->wake);
}

static void on_wake(struct ev_loop *loop, ev_timer *w, int events)
{
    struct helm *h = w->data;
    struct captain_event ev = { .kind = CAPTAIN_EV_TIME };

    h->wake_at_ms = UINT64_MAX;
    helm_step(h, &ev);
}

static void keep_warm(struct helm *h)
{
    const struct charter *c = &h->captain.charter;
    uint64_t now_ms = clock_now_ms();

    if (now_ms < h->warm_ms)
        return;
    h->warm_ms = now_ms + HELM_WARM_MS;
    for (uint32_t i = 0; i < c->voter_count; i++)
        if (c->voters[i].id != h->captain.voter)
            courier_warm(h->all->courier, &c->voters[i].at, h->gid);
    helm_vital_keep(h);
}

static void poll_voters(struct helm *h)
{
    const struct charter *c = &h->captain.charter;
    uint64_t now_ms = clock_now_ms();

    if (now_ms < h->poll_ms)
        return;
    h->poll_ms = now_ms + HELM_POLL_MS;
    for (uint32_t i = 0; i < c->voter_count; i++)
        if (c->voters[i].id != h->captain.voter)
            courier_enrol(h->all->courier, &c->voters[i].at, h->name);
}

/* ---- steps ------------------------------------------------------------------------------------- */

static void destroy(struct helm *h)
{
    helm_line_close_all(h);
    ev_timer_stop(h->all->drive->loop, &h->wake);
    captain_actions_fini(&h->queue);
    captain_fini(&h->captain);
    xfree(h);
}

static bool level_is_news(const struct helm *h)
{
    return h->captain.charter.ver > 0 && h->told_level != h->captain.charter.level;
}

/* Of its level, too, where that is known and has not been told. */
static void tell_core(struct helm *h, bool is)
{
    struct event ev = { .kind = EV_CHARTERED };

    ev.chartered.name = h->name;
    ev.chartered.is = is;
    if (is && level_is_news(h)) {
        h->told_level = h->set_level = h->captain.charter.level;
        ev.chartered.level = &h->told_level;
    }
    drive_raise(h->all->drive, &ev);
}

static void pump(struct helm *h)
{
    if (h->obeying)
        return;
    h->obeying = true;
    if (level_is_news(h))
        tell_core(h, true);
    while (h->obeyed < h->queue.count && !h->gone) {
        struct captain_action a = h->queue.at[h->obeyed++]; /* the queue may grow meanwhile */

        obey(h, &a);
    }
    h->queue.count = h->obeyed = 0;
    h->obeying = false;
    if (h->gone)
        destroy(h);
}

void helm_step(struct helm *h, struct captain_event *ev)
{
    const struct group *g = helm_group(h);
    enum captain_state before;

    if (h->gone)
        return;
    ev->now_ms = clock_now_ms();
    h->captain.set.paused = g && paused(g);
    before = h->captain.state;
    captain_step(&h->captain, ev, &h->queue);
    tell_phase(h, before);
    if (h->captain.charter.ver != h->ver) {
        h->ver = h->captain.charter.ver;
        h->warm_ms = 0;
        helm_line_drop_strangers(h);
    }
    keep_warm(h);
    poll_voters(h);
    recruits_look(h);
    set_wake(h);
    pump(h);
}

void helm_refresh(struct helm *h)
{
    const struct group *g = helm_group(h);
    const struct acceptor *mine = h->all->ops->voter(h->all->world, bytes_of(h->name));
    struct captain_settings *set = &h->captain.set;

    set->patience.down_after_ms = g->set.down_after_ms;
    set->patience.busy_failover_ms = g->set.busy_failover_ms;
    set->quorum = g->set.quorum;
    h->captain.voter = mine ? mine->voter : 0;
    if (h->set_level == g->set.durability)
        return;
    h->set_level = g->set.durability;
    wants_level(h->all, g);
}

/* ---- life -------------------------------------------------------------------------------------- */

static uint64_t draw_number(void)
{
    uint64_t n = 0;

    while (n == 0)
        random_bytes(&n, sizeof n);
    return n;
}

struct helm *helm_new(struct helms *hs, const char *name, const struct charter *known)
{
    static const struct captain_settings defaults = {
        .patience = { .heartbeat_ms = CAPTAIN_HEARTBEAT_MS },
        .handoff_ms = CAPTAIN_HANDOFF_MS,
    };
    struct helm *h = xcalloc(1, sizeof *h);

    h->all = hs;
    h->token = helms_draw_token(hs);
    h->wake_at_ms = UINT64_MAX;
    snprintf(h->name, sizeof h->name, "%s", name);
    memcpy(h->gid, known->gid, sizeof h->gid);
    for (size_t i = 0; i < ARRAY_LEN(h->lines); i++)
        h->lines[i].helm = h;
    ev_timer_init(&h->wake, on_wake, 0., 0.);
    h->wake.data = h;
    captain_init(&h->captain, 0, draw_number(), known, &defaults, draw_number(), clock_now_ms());
    h->set_level = helm_group(h)->set.durability;
    h->told_level = KEEP_COUNT;
    helm_refresh(h);
    map_add(&hs->by_name, &h->by_name, bytes_of(h->name));
    map_add(&hs->by_gid, &h->by_gid, bytes_of(h->gid));
    map_add(&hs->by_token, &h->by_token,
            (struct bytes){ (const char *)&h->token, sizeof h->token });
    tell_core(h, true);
    return h;
}

static void dismiss(struct helm *h, uint64_t token)
{
    if (token)
        h->all->ops->answer(h->all->world, token, "the group is not watched here any more");
}

/* What is under way goes on without us, or ends; whoever waits for it is told no more. */
static void dismiss_all(struct helm *h)
{
    for (size_t i = h->obeyed; i < h->queue.count; i++)
        if (h->queue.at[i].kind == CAPTAIN_ACT_REPLY)
            dismiss(h, h->queue.at[i].token);
    if (h->captain.wish.kind != WISH_NONE)
        dismiss(h, h->captain.wish.token);
}

void helm_free(struct helm *h)
{
    if (h->gone)
        return;
    h->gone = true;
    if (!h->all->closing)
        dismiss_all(h);
    map_remove(&h->all->by_name, &h->by_name);
    map_remove(&h->all->by_gid, &h->by_gid);
    map_remove(&h->all->by_token, &h->by_token);
    if (!h->all->closing)
        tell_core(h, false);
    if (!h->obeying)
        destroy(h);
}
