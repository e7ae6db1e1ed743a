#include "node/replica/replica.h"

#include <string.h>

#include "common/alloc.h"
#include "common/clock.h"
#include "common/link.h"
#include "common/log.h"
#include "common/serve/service.h"
#include "node/keyspace/keyspace.h"
#include "node/persist/persist.h"
#include "node/replica/replica_room.h"
#include "node/serve/apply.h"

/* The strictest of those who want to know how old the data is; 0: nobody does. */
static uint64_t age_bound_ms(const struct replica *r)
{
    const struct node_settings *set = r->w->set;
    uint64_t bounds[] = { (uint64_t)set->follower_max_staleness_ms,
                          set->server.http_port ? REPLICA_HTTP_AGE_MS : 0,
                          clock_now_ms() < r->watch_until_ms ? r->watch_bound_ms : 0 };
    uint64_t least = 0;

    for (size_t i = 0; i < ARRAY_LEN(bounds); i++)
        if (bounds[i] && (!least || bounds[i] < least))
            least = bounds[i];
    return least;
}

void replica_configure(struct replica *r)
{
    const struct node_settings *set = r->w->set;
    bool tls = set->server.tls_replication && set->server.tls_port;
    int64_t port = tls ? set->server.tls_port : set->server.port;

    r->upstream_config = (struct upstream_config){
        .user = set->leader_user,
        .password = set->leader_auth,
        .fallback = set->leader_auth_fallback,
        .announce_ip = set->follower_announce_ip,
        .port = set->follower_announce_port ? set->follower_announce_port : port,
        .timeout_ms = (uint64_t)set->repl_timeout_s * 1000,
        .max_staleness_ms = age_bound_ms(r),
    };
}

void replica_set_leader(struct replica *r, const char *host, int64_t port)
{
    struct node_settings *set = r->w->set;
    char *copy = xstrdup(host);

    xfree(set->leader_host);
    set->leader_host = copy;
    set->leader_port = port;
}

static void role_changed(struct replica *r)
{
    log_set_role(r->follows ? 'S' : 'M');
    if (r->hooks.role_changed)
        r->hooks.role_changed(r->hooks.arg, r->follows);
}

void replica_set_role(struct replica *r, bool follows)
{
    r->follows = follows;
    role_changed(r);
}

void replica_follow(struct replica *r, const char *host, int64_t port, bool failover)
{
    struct oplog *o = r->w->oplog;
    bool led = !r->follows;

    if (led) {
        /* Our own history is what we offer the new leader: it may continue it. */
        r->history = true;
        apply_reset(r->apply, o->db == OPLOG_NO_DB ? 0 : o->db);
    }
    /* Our followers stay: what they have is still ours, until another history comes in its place. */
    replica_set_leader(r, host, port);
    r->follows = true;
    r->upstream.failover = failover;
    if (led)
        role_changed(r);
    log_notice("following leader=%s:%lld id=%s offset=%llu", host, (long long)port, o->id,
               (unsigned long long)o->next);
    upstream_event(r, &(struct upstream_event){ .kind = UPSTREAM_EV_FOLLOW });
}

void replica_promote(struct replica *r)
{
    struct oplog *o = r->w->oplog;

    if (!r->follows)
        return;
    upstream_event(r, &(struct upstream_event){ .kind = UPSTREAM_EV_STOP });
    /* They must hear the new id, and continue under it. */
    leader_drop_followers(r, "this node leads now, under a new id");
    r->follows = false;
    r->confirmed = false;
    replica_set_leader(r, "", 0);
    oplog_promote(o);
    r->no_followers_since_ms = r->pinged_ms = clock_now_ms();
    log_notice("leading id=%s id2=%s offset=%llu", o->id, o->id2, (unsigned long long)o->next);
    role_changed(r);
}

void replica_start_failover(struct replica *r, const char *host, int64_t port, bool force,
                            uint64_t timeout_ms)
{
    service_pause(r->w->service, PAUSE_FAILOVER, PAUSE_WRITES, UINT64_MAX);
    failover_start(&r->failover, host, port, force, timeout_ms, clock_now_ms());
    log_notice("failover-started target=%s:%lld timeout-ms=%llu", host ? host : "any",
               (long long)port, (unsigned long long)timeout_ms);
    ev_timer_stop(r->w->loop, &r->failover_timer);
    if (timeout_ms) {
        ev_timer_set(&r->failover_timer, (double)timeout_ms / 1000., 0.);
        ev_timer_start(r->w->loop, &r->failover_timer);
    }
    replica_ask_acks(r); /* somebody may have caught up and not said so yet */
}

void replica_failover_ends(struct replica *r, const char *how, bool demoted)
{
    struct service *v = r->w->service;

    log_notice("failover-ended how=%s", how);
    if (r->failover.state == FAILOVER_HANDOVER && !demoted)
        replica_promote(r);
    failover_end(&r->failover);
    ev_timer_stop(r->w->loop, &r->failover_timer);
    /* Who waited to write here must ask who leads: closed, not told READONLY by a node it trusted. */
    if (demoted)
        LIST_EACH (&v->paused, node)
            session_kill(LIST_ENTRY(node, struct session, held), LINK_WHY_ASKED);
    service_unpause(v, PAUSE_FAILOVER);
}

/* ---- the loop ------------------------------------------------------------------------------------- */

static void on_tick(struct ev_loop *loop, ev_timer *timer, int events)
{
    struct replica *r = timer->data;

    if (!r->started)
        return;
    leader_second(r);
    leader_settle(r);
}

static void on_failover_timer(struct ev_loop *loop, ev_timer *timer, int events)
{
    leader_settle(timer->data);
}

static void before_sleep(struct ev_loop *loop, ev_prepare *prepare, int events)
{
    group_turn(prepare->data);
    leader_turn(prepare->data);
    acks_turn(prepare->data);
}

struct replica *replica_new(struct node_world *w)
{
    struct replica *r = xcalloc(1, sizeof *r);

    r->w = w;
    leader_init(r);
    acks_init(r);
    upstream_room_init(r);
    ev_timer_init(&r->tick, on_tick, 1., 1.);
    r->tick.data = r;
    ev_timer_start(w->loop, &r->tick);
    ev_timer_init(&r->failover_timer, on_failover_timer, 0., 0.);
    r->failover_timer.data = r;
    ev_prepare_init(&r->before_sleep, before_sleep);
    r->before_sleep.data = r;
    ev_prepare_start(w->loop, &r->before_sleep);
    return r;
}

void replica_free(struct replica *r)
{
    if (!r)
        return;
    ev_timer_stop(r->w->loop, &r->tick);
    ev_timer_stop(r->w->loop, &r->failover_timer);
    ev_prepare_stop(r->w->loop, &r->before_sleep);
    acks_fini(r);
    upstream_room_fini(r);
    leader_fini(r);
    oplog_close(&r->group.held);
    xfree(r);
}

void replica_set_hooks(struct replica *r, const struct replica_hooks *hooks)
{
    r->hooks = *hooks;
}

static void walk_freed(void *arg)
{
    struct replica *r = arg;

    r->walk_freed = true;
}

void replica_start(struct replica *r)
{
    struct snapshot *snapshot = persist_snapshot(r->w->persist);
    const struct node_settings *set = r->w->set;

    r->started = true;
    snapshot->freed = walk_freed;
    snapshot->freed_arg = r;
    r->apply = r->apply ? r->apply : apply_new(r->w);
    r->no_followers_since_ms = r->pinged_ms = clock_now_ms();
    oplog_backlog_resize(r->w->oplog, set->repl_backlog_bytes);
    if (group_bound(r)) {
        apply_reset(r->apply, r->restored_db);
        replica_set_role(r, true);
        return;
    }
    r->follows = *set->leader_host != '\0';
    role_changed(r);
    if (!r->follows)
        return;
    apply_reset(r->apply, r->restored_db);
    upstream_event(r, &(struct upstream_event){ .kind = UPSTREAM_EV_FOLLOW });
}

/* ---- what others ask -------------------------------------------------------------------------------- */

bool replica_is_follower(const struct replica *r)
{
    return r->follows;
}

bool replica_link_up(const struct replica *r)
{
    return r->follows && r->upstream.state == UPSTREAM_STREAM;
}

uint64_t replica_age_ms(const struct replica *r)
{
    return freshness_age_ms(&r->upstream.freshness, clock_read_us() / 1000);
}

bool replica_too_old(const struct replica *r)
{
    int64_t bound_ms = r->w->set->follower_max_staleness_ms;

    return bound_ms && r->follows && replica_age_ms(r) > (uint64_t)bound_ms;
}

void replica_watch_age(struct replica *r, uint64_t bound_ms)
{
    bool watched = clock_now_ms() < r->watch_until_ms;

    bound_ms = bound_ms < REPLICA_WATCH_AGE_MS_MIN ? REPLICA_WATCH_AGE_MS_MIN : bound_ms;
    if (watched && bound_ms > r->watch_bound_ms)
        return; /* somebody is stricter */
    r->watch_until_ms = clock_now_ms() + REPLICA_WATCH_MS;
    if (watched && bound_ms == r->watch_bound_ms)
        return;
    r->watch_bound_ms = bound_ms;
    replica_settings_changed(r);
}

bool replica_syncing(const struct replica *r)
{
    return r->follows &&
           (r->upstream.state == UPSTREAM_HEADER || r->upstream.state == UPSTREAM_PAYLOAD);
}

void replica_settings_changed(struct replica *r)
{
    if (r->follows)
        upstream_event(r, &(struct upstream_event){ .kind = UPSTREAM_EV_TIMER });
}

bool replica_drop_link(struct replica *r, struct bytes addr, struct bytes laddr)
{
    if (!r->link || (addr.at && !bytes_is(addr, r->link->peer)) ||
        (laddr.at && !bytes_is(laddr, r->link->local)))
        return false;
    link_kill(r->link, LINK_WHY_ASKED);
    return true;
}

bool replica_enough_followers(const struct replica *r)
{
    const struct node_settings *set = r->w->set;

    return r->follows || !set->min_followers_to_write || !set->min_followers_max_lag_s ||
           leader_count_good(r) >= set->min_followers_to_write;
}

bool replica_loading(const struct replica *r)
{
    return r->loader != NULL;
}

void replica_reset_stats(struct replica *r)
{
    r->syncs_full = r->syncs_partial = r->syncs_partial_refused = 0;
}

bool replica_sends_data_set(const struct replica *r)
{
    return r->sync != NULL;
}

int64_t replica_acked(const struct replica *r, uint64_t offset)
{
    int64_t count = 0;

    LIST_EACH ((struct list *)&r->followers, node) {
        const struct follower *f = LIST_ENTRY(node, struct follower, node);

        count += f->state == FOLLOWER_ONLINE && f->ack_offset >= offset;
    }
    return count;
}

int64_t replica_synced(const struct replica *r, uint64_t offset)
{
    int64_t followers = 0;

    LIST_EACH ((struct list *)&r->followers, node) {
        const struct follower *f = LIST_ENTRY(node, struct follower, node);

        followers += f->state == FOLLOWER_ONLINE && f->has_file && f->fack_offset >= offset;
    }
    return followers;
}

/* A durable group's followers say so by themselves. */
void replica_ask_acks(struct replica *r)
{
    r->asks_acks = !r->follows && (!group_bound(r) || group_has_plain_followers(r));
}

bool replica_all_caught_up(const struct replica *r)
{
    LIST_EACH ((struct list *)&r->followers, node) {
        const struct follower *f = LIST_ENTRY(node, struct follower, node);

        if (f->state == FOLLOWER_ONLINE && !leader_follower_has_all(r, f))
            return false;
    }
    return true;
}

void replica_tell_lagging(const struct replica *r)
{
    unsigned synced = 0, all = 0;

    LIST_EACH ((struct list *)&r->followers, node) {
        const struct follower *f = LIST_ENTRY(node, struct follower, node);

        if (!follower_counts(f))
            continue;
        all++;
        if (leader_follower_has_all(r, f)) {
            synced++;
            continue;
        }
        log_warning("follower-behind id=%llu offset=%llu of=%llu" REDIS_SAYS("Lagging replica"),
                    (unsigned long long)f->session->id, (unsigned long long)f->ack_offset,
                    (unsigned long long)r->w->oplog->next);
    }
    if (all)
        log_notice("followers-synced count=%u of=%u" REDIS_SAYS(
                       "%u of %u replicas are in sync when shutting down."),
                   synced, all, synced, all);
}

/* ---- for persist ------------------------------------------------------------------------------------- */

void replica_position(const struct replica *r, struct replica_position *out)
{
    const struct oplog *o = r->w->oplog;

    *out = (struct replica_position){ .offset = o->next,
                                      .known = o->backlog || r->follows,
                                      .born_empty = r->born_empty };
    memcpy(out->id, o->id, sizeof out->id);
    memcpy(out->root, r->root, sizeof out->root);
    if (r->follows)
        out->db = r->apply ? apply_db(r->apply) : r->restored_db;
    else
        out->db = o->db == OPLOG_NO_DB ? 0 : o->db;
}

void replica_restore(struct replica *r, const struct replica_position *position)
{
    bool follows = *r->w->set->leader_host != '\0' || group_bound(r);
    struct oplog *o = r->w->oplog;

    if (position && position->known) {
        oplog_adopt(o, position->id, position->offset);
        r->history = follows;
        r->restored_db = position->db > 0 ? position->db : 0;
        /* A leader begins a new history that continues the saved one: followers that have no more than
         * what was saved continue too. */
        if (!follows)
            oplog_promote(o);
    }
    r->born_empty = position ? position->born_empty : !follows;
    if (position && *position->root)
        memcpy(r->root, position->root, sizeof r->root);
    else if (!follows)
        memcpy(r->root, o->id, sizeof r->root);
}
