#include "node/serve/serve.h"

#include <string.h>

#include "common/alloc.h"
#include "common/clock.h"
#include "node/keyspace/keyspace.h"
#include "node/oplog/oplog.h"
#include "node/persist/aof.h"
#include "node/persist/persist.h"
#include "node/rank.h"
#include "node/replica/replica.h"
#include "node/serve/block.h"
#include "node/serve/expire.h"
#include "node/serve/latency.h"
#include "node/serve/monitor.h"
#include "node/serve/multi.h"
#include "node/serve/notify.h"
#include "node/serve/refuse.h"
#include "node/serve/shutdown.h"
#include "node/serve/slowlog.h"
#include "node/serve/walk_wait.h"
#include "node/settings.h"
#include "node/world.h"

static struct serve *serve_of(const struct session *s)
{
    return ((struct node_world *)s->service->world)->serve;
}

/* ---- sessions come and go ---- */

static void born(struct session *session)
{
    struct node_session *s = node_session_of(session);
    struct serve *v = serve_of(session);

    list_init(&s->watched);
    gate_join(&v->gate, &s->gate, &session->link->out);
    block_join(v, s);
}

static void gone(struct session *session)
{
    struct node_session *s = node_session_of(session);
    struct serve *v = serve_of(session);

    multi_discard(s);
    block_leave(v, s);
    monitor_leave(s);
    gate_forget(&v->gate, &s->gate);
}

static void reset(struct session *session)
{
    multi_discard(node_session_of(session));
    monitor_leave(node_session_of(session));
}

static int multi_count(const struct session *session)
{
    return session->flags & SESSION_MULTI ? ((const struct node_session *)session)->queue_count
                                          : -1;
}

static size_t multi_bytes(const struct session *session)
{
    const struct node_session *s = (const struct node_session *)session;

    return s->queue_bytes + s->watched_count * sizeof(struct key_waiter);
}

static const char *role(const struct service *service)
{
    const struct node_world *w = service->world;

    return replica_is_follower(w->replica) ? "replica" : "master";
}

/* ---- before a command ---- */

/* An EXEC with arguments has no row to run, and is one all the same. */
static bool is_exec(const struct call *c)
{
    const struct command *cmd = c->cmd ? c->cmd : command_find(c->service->commands, c->argv[0]);

    return cmd && multi_is_exec(cmd);
}

static bool refused(struct session *session, struct call *c, const char *error)
{
    struct node_session *s = node_session_of(session);

    if (!is_exec(c)) {
        s->queue_spoilt |= (session->flags & SESSION_MULTI) != 0;
        return false;
    }
    if (session->flags & SESSION_MULTI)
        multi_discard(s);
    if (strncmp(error, "ERR ", 4) == 0)
        error += 4;
    reply_errorf(c->reply, "EXECABORT Transaction discarded because of: %s", error);
    return true;
}

/* Is this held by what is paused now? Links of followers are never, and nor is who was let in before and
 * has waited since (WAIT): it would be held twice. */
static bool held_by_pause(const struct node_session *s, uint32_t has)
{
    enum pause_what what = service_paused(s->base.service);

    if (s->base.kind == SESSION_REPLICA || s->trying)
        return false;
    return what == PAUSE_ALL || (what == PAUSE_WRITES && (has & (CMD_WRITE | CMD_MAY_REPLICATE)));
}

/* What a follower may still say once it follows. */
static bool fit_for_follower(const struct command *cmd)
{
    static const char *const names[] = { "replconf", "ping", "psync", "sync", "quit" };

    for (size_t i = 0; i < ARRAY_LEN(names); i++)
        if (strcmp(cmd->name, names[i]) == 0)
            return true;
    return false;
}

static const char *refusal(const struct serve *v, const struct session *s, const struct call *c,
                           uint32_t has, uint32_t lacks)
{
    if (UNLIKELY(s->kind == SESSION_REPLICA) && !fit_for_follower(c->cmd))
        return "ERR Replica can't interact with the keyspace";
    return refuse_reason(v, has, lacks);
}

static void begin(struct serve *v, struct node_session *s, struct call *c)
{
    v->running = c->session;
    v->effects.len = 0;
    c->effects = unit_wanted(&v->unit) ? &v->effects : NULL;
    c->woken = s->trying;
    c->woken_by = s->woken_by;
    c->note = &s->note;
    v->changes_before = v->changes;
    unit_begin(&v->unit);
}

/* A script is asked what it does only where that is known from nowhere else before it runs. */
static uint32_t flags_of_call(const struct serve *v, const struct node_session *s,
                              const struct call *c)
{
    if (service_paused(v->service) || (s->base.flags & SESSION_MULTI))
        return c->cmd->flags_of(c);
    return c->cmd->flags;
}

/* It was let in before, and waited for a key since. */
static bool has_waited(const struct node_session *s)
{
    return s->trying && !list_empty(&s->blocked);
}

/* What it waited for did not come in time, and that is its answer whatever has happened to this node since. */
static bool ends_waiting(const struct node_session *s, const struct call *c)
{
    return has_waited(s) && c->denies_blocking;
}

static enum admit admit(struct session *session, struct call *c)
{
    struct node_session *s = node_session_of(session);
    struct serve *v = serve_of(session);
    uint32_t flags = c->cmd->flags_of ? flags_of_call(v, s, c) : c->cmd->flags;
    uint32_t has = flags, lacks = ~flags;
    const char *why;

    if (UNLIKELY(has_waited(s))) {
        /* Who woke it was asked, and it takes what that one brought. */
        has &= ~(uint32_t)CMD_DENYOOM;
    } else if (v->world->set->maxmemory_bytes) {
        session_touch(session);
        evict_make_room(v);
        if (UNLIKELY(session->flags & SESSION_CLOSING))
            return ADMIT_DONE;
    }
    if (UNLIKELY(session->flags & SESSION_MULTI) && multi_is_exec(c->cmd)) {
        has |= s->queue_flags & ~(uint32_t)CMD_HEALTH; /* as Redis, which asks PING alone */
        lacks |= s->queue_lacks;
    } else if (UNLIKELY(session->flags & SESSION_MULTI) && !multi_ends_with(c->cmd)) {
        has |= CMD_DENYOOM; /* a queue grows whatever it holds */
    }
    if (UNLIKELY(v->group.dismissing) && group_turns_away(v, s, c, has))
        return ADMIT_DONE;
    why = refusal(v, session, c, has, lacks);
    if (UNLIKELY(why != NULL)) {
        if (ends_waiting(s, c))
            reply_null_array(c->reply);
        else
            service_refuse(session, c, why);
        return ADMIT_DONE;
    }
    if (UNLIKELY(service_paused(session->service)) && held_by_pause(s, has)) {
        service_hold_paused(session->service, session);
        return ADMIT_HOLD;
    }
    if (UNLIKELY(session->flags & SESSION_MULTI) && !multi_runs_at_once(c->cmd)) {
        multi_queue(s, c, flags);
        return ADMIT_DONE;
    }
    if (UNLIKELY(v->group.reads.held || v->group.writes.held) && group_holds(v, s, has))
        return ADMIT_HOLD;
    if (UNLIKELY(keyspace_walking(v->world->keyspace)) && walk_wait_holds(v, s, c, has))
        return ADMIT_HOLD;
    begin(v, s, c);
    return ADMIT_RUN;
}

/* ---- after a command ---- */

/* A command that takes longer is a turn of its own as far as time goes. */
enum { MOMENT_US = 1000 };

static bool replicates(const struct serve *v, const struct call *c)
{
    if (c->intents & (INTENT_NO_EFFECT | INTENT_EFFECT))
        return false;
    if (c->intents & INTENT_FORCE_EFFECT)
        return true;
    return (c->cmd->flags & CMD_WRITE) && v->changes != v->changes_before;
}

uint64_t serve_changes_of(const struct call *c, uint64_t keys)
{
    return keys && c->changes ? c->changes : keys;
}

/* The call's effect becomes part of the unit, or, where it is the whole unit, of the oplog. */
static void settle(struct serve *v, struct call *c, bool last)
{
    uint64_t changes = v->changes - v->changes_before;
    bool verbatim = replicates(v, c) && !c->silent;

    if (changes) {
        persist_count_changes(v->world->persist, serve_changes_of(c, changes));
        persist_settle(v->world->persist);
    }
    if (UNLIKELY(v->unit.muted) && changes && !c->from_leader)
        aof_changed_unseen(v->world->aof);
    if ((c->intents & INTENT_EFFECT) && !c->silent)
        unit_add_encoded(&v->unit, c->db, buf_bytes(&v->effects), c->effect_count);
    if (verbatim && (c->cmd->flags & CMD_PUBSUB)) {
        unit_add_aside(&v->unit, c->db, c->argc, c->argv);
        verbatim = false;
    }
    if (!last) {
        if (verbatim)
            unit_add(&v->unit, c->db, c->argc, c->argv);
        return;
    }
    if (UNLIKELY(v->unit.count) && (c->cmd->flags & CMD_TOUCHES_ARBITRARY_KEYS))
        unit_set_loose(&v->unit);
    if (verbatim)
        unit_end_with(&v->unit, c->db, c->argc, c->argv);
    else
        unit_end(&v->unit);
}

/* Where only the file is waited for, which is never long, a reply depends on everything that was written when it
 * was made. */
static void settle_at_gate(struct serve *v, struct node_session *s, struct call *c)
{
    uint64_t tip = v->world->oplog->next;
    bool about_data =
        (c->cmd->flags & (CMD_WRITE | CMD_READONLY | CMD_MAY_REPLICATE)) || multi_is_exec(c->cmd);

    settle(v, c, true);
    if (UNLIKELY(v->confirm.on))
        confirm_unit_ended(v, s, c, v->world->oplog->next != tip);
    else if (about_data && !(c->intents & INTENT_BLOCKS))
        gate_note(&v->gate, &s->gate, v->world->oplog->next);
}

static void ran(struct session *session, struct call *c, uint64_t usec)
{
    struct node_session *s = node_session_of(session);
    struct serve *v = serve_of(session);

    v->running = NULL;
    if (UNLIKELY(usec >= MOMENT_US)) {
        clock_turn(); /* for whoever is next this turn, keys may have expired meanwhile */
        ev_now_update(v->world->loop); /* and a timeout begins */
    }
    if (LIKELY(v->gate.open))
        settle(v, c, true);
    else
        settle_at_gate(v, s, c);
    if (tracking_on(v->service)) {
        tracking_read(session, c);
        if (LIKELY(!v->busy_text)) /* amid a script what waits is for its caller */
            tracking_answered(v->service, session);
    }
    if (UNLIKELY(c->intents & INTENT_BLOCKS)) {
        block_enter(v, s, c);
        return;
    }
    s->wrote =
        v->world->oplog->next; /* for WAIT: Redis does not ask either whether this command wrote */
    monitor_feed(v, c);
    slowlog_note(v->slowlog, c, usec);
    latency_command(v->latency, c, usec);
    if (LIKELY(!v->busy_text)) /* amid a script nobody but who may end it has a turn */
        block_serve_ready(v);
}

bool serve_memory_full(const struct serve *v)
{
    return v->world->set->maxmemory_bytes && v->evict.full;
}

bool serve_run_inner(struct serve *v, struct call *c, uint64_t *now_us)
{
    struct command_stats *stats = stats_of(&v->service->stats, c->cmd);
    uint64_t start_us = *now_us, others = v->changes - v->changes_before, usec;
    uint32_t errors_before = c->reply->errors;
    bool failed;

    v->effects.len = 0;
    c->effects = unit_wanted(&v->unit) ? &v->effects : NULL;
    v->changes_before = v->changes;
    c->cmd->run(c);
    *now_us = clock_read_us();
    usec = *now_us - start_us;
    settle(v, c, false);
    if (UNLIKELY(v->confirm.on))
        confirm_inner(v, c);
    if (tracking_on(v->service) && c->session)
        tracking_read(c->session, c);
    service_count(v->service, c, stats, usec, errors_before);
    monitor_feed(v, c);
    slowlog_note(v->slowlog, c, usec);
    latency_command(v->latency, c, usec);
    v->changes_before = v->changes - others; /* ours are counted */
    failed = c->reply->errors != errors_before;
    c->reply->errors = errors_before;
    return !failed;
}

/* ---- what the other rooms tell ---- */

/* Returns whether it changed by itself. */
static bool count_change(struct serve *v, int db, struct bytes key)
{
    bool by_itself = UNLIKELY(v->silent_changes > 0);

    if (by_itself)
        v->silent_changes--;
    else
        v->changes++;
    if (UNLIKELY(v->confirm.on))
        confirm_changed(v, key);
    if (UNLIKELY(v->unit.muted) && v->running)
        own_keys_note(&v->own_keys, v->world->keyspace, db, key);
    return by_itself;
}

static void key_noted(void *arg, int db, struct bytes key)
{
    (void)count_change(arg, db, key);
}

static void key_changed(void *arg, int db, struct bytes key)
{
    struct serve *v = arg;
    bool by_itself = count_change(v, db, key);

    watch_changed(v, db, key);
    if (tracking_on(v->service))
        tracking_changed(v->service, v->running, by_itself, key);
}

/* A key goes without a command of its own: followers need one. */
static void key_leaves(struct serve *v, int db, struct bytes key, bool lazily)
{
    struct bytes argv[] = { lazily ? BYTES("UNLINK") : BYTES("DEL"), key };

    v->silent_changes++;
    unit_add(&v->unit, db, 2, argv);
}

static void fields_expired(void *arg, int db, struct bytes key, const struct bytes *names,
                           int count)
{
    struct bytes argv[2 + PARTS_AT_ONCE] = { BYTES("HDEL"), key };
    struct serve *v = arg;

    ASSERT(count <= PARTS_AT_ONCE);
    for (int i = 0; i < count; i++)
        argv[2 + i] = names[i];
    v->silent_changes++;
    unit_add(&v->unit, db, 2 + count, argv);
}

static void key_expired(void *arg, int db, struct bytes key)
{
    struct serve *v = arg;

    key_leaves(v, db, key, v->world->set->lazily.expire);
}

static void key_evicted(void *arg, int db, struct bytes key)
{
    struct serve *v = arg;

    key_leaves(v, db, key, v->world->set->lazily.eviction);
}

static void key_event(void *arg, enum notify_class class, const char *name, int db,
                      struct bytes key)
{
    notify_event(arg, class, name, db, key);
}

static void key_ready(void *arg, int db, struct bytes key)
{
    block_key_ready(arg, db, key);
}

static void flushed(void *arg, int db)
{
    struct serve *v = arg;

    v->changes++;
    watch_flushed(v, db);
    if (v->confirm.on)
        confirm_changed_all(v);
    block_db_ready(v, db);
    if (tracking_on(v->service))
        tracking_flushed(v->service, v->running);
    if (db < 0)
        own_keys_forget(&v->own_keys);
    if (db < 0)
        persist_flushed(v->world->persist);
}

static void swapped(void *arg, int db, int other)
{
    struct serve *v = arg;

    v->changes++;
    watch_swapped(v, db, other);
    if (v->confirm.on)
        confirm_changed_all(v);
    block_db_ready(v, db);
    block_db_ready(v, other);
}

/* A follower, and a leader that takes no writes now, only hides what has expired. */
void serve_settle_role(struct serve *v)
{
    bool follower = replica_is_follower(v->world->replica);

    v->unit.muted = follower;
    keyspace_set_follower(v->world->keyspace, follower || !group_takes_writes(v) ||
                                                  service_paused(v->service) != PAUSE_NOTHING);
}

static void role_changed(void *arg, bool follower)
{
    struct serve *v = arg;

    serve_settle_role(v);
    (void)rank_apply(v->world);
    if (!follower) {
        own_keys_forget(&v->own_keys);
        aof_leads(v->world->aof);
    }
    if (follower)
        confirm_deposed(v);
    if (follower)
        block_end_all(v, "UNBLOCKED force unblock from blocking operation, instance state changed "
                         "(master -> replica?)");
}

static void acked(void *arg)
{
    ((struct serve *)arg)->acks_came = true;
}

static void pause_changed(struct service *service)
{
    struct node_world *w = service->world;

    serve_settle_role(w->serve);
    replica_pause_changed(w->replica);
}

static void turn_ended(struct service *service)
{
    struct serve *v = ((struct node_world *)service->world)->serve;

    block_serve_acks(v);
    walk_wait_look(v);
    shutdown_look(v);
    expire_turn_ended(v);
    evict_turn_ended(v);
    group_turn_ended(v);
    confirm_turn_ended(v);
    gate_turn_ended(&v->gate, clock_now_ms(), confirm_beat(v));
}

static void released(void *arg, struct out *out)
{
    (void)arg;
    link_wrote(CONTAINER_OF(out, struct link, out));
}

static bool kill_leader_link(struct service *service, struct bytes addr, struct bytes laddr)
{
    const struct node_world *w = service->world;

    return replica_drop_link(w->replica, addr, laddr);
}

static void ahead(struct session *s, const struct resp_glance *glances, int count)
{
    const struct node_world *w = s->service->world;

    _Static_assert((int)SESSION_AHEAD <= (int)KEYSPACE_AHEAD, "one hint fits");
    keyspace_fetch(w->keyspace, s->db, glances, count);
    if (UNLIKELY(w->serve->confirm.on))
        confirm_ahead(w->serve, glances, count);
}

/* A leader that has no room for those who watch and follow it would look like a dead one. */
static bool spares(const struct service *s, const char *ip)
{
    const struct node_world *w = s->world;

    return group_is_peer(w->serve, ip);
}

static const struct service_ops ops = {
    .session_bytes = sizeof(struct node_session),
    .born = born,
    .gone = gone,
    .reset = reset,
    .admit = admit,
    .ahead = ahead,
    .refused = refused,
    .ran = ran,
    .unblock = block_unblock,
    .kill_leader_link = kill_leader_link,
    .spares = spares,
    .told = confirm_told,
    .turn_ended = turn_ended,
    .pause_changed = pause_changed,
    .mode = "standalone",
    .role = role,
    .multi_count = multi_count,
    .multi_bytes = multi_bytes,
};

/* ---- the append only file ---- */

static void file_demands(void *arg, bool on)
{
    gate_demand(&((struct serve *)arg)->gate, GATE_FILE, on);
}

static void file_acked(void *arg, uint64_t offset)
{
    struct serve *v = arg;

    gate_acked(&v->gate, GATE_FILE, offset);
    v->acks_came |= !list_empty(&v->ack_waiters);
    replica_file_moved(v->world->replica);
}

/* Nobody was held up by a write, but under always whoever waits for its fsync. */
static void file_wrote(void *arg, uint64_t write_us, uint64_t sync_us, bool syncing, bool walking)
{
    struct latency *l = ((struct serve *)arg)->latency;

    latency_note(l, LATENCY_AOF_WRITE, write_us);
    latency_note(l,
                 syncing   ? LATENCY_AOF_WRITE_PENDING_FSYNC
                 : walking ? LATENCY_AOF_WRITE_ACTIVE_CHILD
                           : LATENCY_AOF_WRITE_ALONE,
                 write_us);
    latency_note(l, LATENCY_AOF_FSYNC_ALWAYS, sync_us);
}

/* What they wrote is promised to nobody. */
static void file_failing(void *arg, bool failing)
{
    if (failing)
        confirm_close_waiters(arg);
}

static void file_rewound(void *arg, uint64_t offset)
{
    struct serve *v = arg;

    confirm_close_waiters(v);
    gate_rewind(&v->gate, offset);
}

static bool unit_is_open(void *arg)
{
    const struct serve *v = arg;

    return v->unit.count > 0 || (v->running && (v->running->flags & SESSION_MULTI));
}

static void set_hooks(struct serve *v)
{
    struct keyspace_hooks keys = { .arg = v,
                                   .changed = key_changed,
                                   .noted = key_noted,
                                   .event = key_event,
                                   .expired = key_expired,
                                   .parts_expired = fields_expired,
                                   .evicted = key_evicted,
                                   .ready = key_ready,
                                   .flushed = flushed,
                                   .swapped = swapped };
    struct replica_hooks followers = { .arg = v,
                                       .role_changed = role_changed,
                                       .acked = acked,
                                       .demanded = confirm_demanded,
                                       .kept = confirm_kept };
    struct aof_hooks file = { .arg = v,
                              .demands = file_demands,
                              .acked = file_acked,
                              .wrote = file_wrote,
                              .failing = file_failing,
                              .rewound = file_rewound,
                              .in_unit = unit_is_open };

    aof_set_hooks(v->world->aof, &file);
    keyspace_set_hooks(v->world->keyspace, &keys);
    replica_set_hooks(v->world->replica, &followers);
}

struct serve *serve_new(struct node_world *w)
{
    struct serve *v = xcalloc(1, sizeof *v);

    v->world = w;
    w->serve = v;
    gate_init(&v->gate, released, v);
    unit_init(&v->unit, w->oplog);
    block_init(v);
    own_keys_init(&v->own_keys);
    list_init(&v->monitors);
    walk_wait_init(v);
    group_init(v);
    v->slowlog = slowlog_new(&w->set->server);
    v->latency = latency_new(&w->set->server);
    v->service = service_new(w->loop, &ops, w->commands, w->acl, &w->set->server, w);
    v->service->databases = (int)w->set->databases;
    w->service = v->service;
    expire_start(v);
    evict_init(v);
    shutdown_init(v);
    set_hooks(v);
    serve_settle_role(v);
    return v;
}

void serve_free(struct serve *v)
{
    if (!v)
        return;
    shutdown_fini(v);
    expire_stop(v);
    evict_stop(v);
    service_free(v->service);
    v->world->service = NULL;
    block_fini(v);
    key_list_fini(&v->watches);
    own_keys_fini(&v->own_keys);
    confirm_fini(v);
    group_fini(v);
    gate_fini(&v->gate);
    unit_fini(&v->unit);
    buf_fini(&v->effects);
    slowlog_free(v->slowlog);
    latency_free(v->latency);
    v->world->serve = NULL;
    xfree(v);
}
