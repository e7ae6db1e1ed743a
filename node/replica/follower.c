/*
 * follower - our leader: dials it, obeys upstream.c, loads its payload beside our data, applies its
 * stream and passes it on.
 */
#include <stdio.h>
#include <string.h>

#include "common/alloc.h"
#include "common/clock.h"
#include "common/dial.h"
#include "common/log.h"
#include "common/net.h"
#include "common/random.h"
#include "common/serve/service.h"
#include "common/server_net.h"
#include "node/keyspace/keyspace.h"
#include "node/persist/aof.h"
#include "node/persist/loader.h"
#include "node/persist/persist.h"
#include "node/replica/replica_room.h"
#include "node/serve/apply.h"

static void obey(struct replica *r, const struct upstream_actions *actions);

static void arm_timer(struct replica *r)
{
    uint64_t wake_ms = upstream_wake_ms(&r->upstream), now_ms = clock_now_ms();

    ev_timer_stop(r->w->loop, &r->upstream_timer);
    if (wake_ms == UINT64_MAX)
        return;
    ev_timer_set(&r->upstream_timer, wake_ms > now_ms ? (double)(wake_ms - now_ms) / 1000. : 0.,
                 0.);
    ev_timer_start(r->w->loop, &r->upstream_timer);
}

void upstream_event(struct replica *r, const struct upstream_event *given)
{
    struct upstream_event ev = *given;
    struct upstream_actions actions;
    uint64_t proved = r->upstream.freshness.proved;

    replica_configure(r);
    ev.now_ms = clock_now_ms();
    ev.view = (struct upstream_view){ .id = r->w->oplog->id,
                                      .offset = r->w->oplog->next,
                                      .history = r->history };
    ev.view.has_file = aof_synced(r->w->aof, &ev.view.synced);
    upstream_step(&r->upstream, &ev, &actions);
    obey(r, &actions);
    arm_timer(r);
    if (r->upstream.freshness.proved != proved)
        leader_proved(r);
}

static void tell(struct replica *r, enum upstream_event_kind kind)
{
    upstream_event(r, &(struct upstream_event){ .kind = kind });
}

static void on_timer(struct ev_loop *loop, ev_timer *timer, int events)
{
    tell(timer->data, UPSTREAM_EV_TIMER);
}

/* ---- payload ------------------------------------------------------------------------------------ */

static void drop_payload(struct replica *r)
{
    if (!r->loader)
        return;
    ev_timer_stop(r->w->loop, &r->rest);
    loader_fini(r->loader);
    xfree(r->loader);
    keyspace_throw_away(r->w->keyspace, r->fresh);
    r->loader = NULL;
    r->fresh = NULL;
}

static void begin_payload(struct replica *r, const struct upstream_action *a)
{
    if (group_bound(r) && !group_payload_begins(r, a->offset)) {
        link_kill(r->link, LINK_WHY_PROTOCOL);
        return;
    }
    memcpy(r->payload_id, a->id, sizeof r->payload_id);
    memcpy(r->payload_mark, a->mark, sizeof r->payload_mark);
    r->payload_offset = a->offset;
    r->payload_bytes = a->bytes;
    r->payload_read = 0;
    if (!group_bound(r))
        acks_new_did(r); /* what the old data had acknowledged says nothing of what comes */
    r->fresh = keyspace_new_beside(r->w->keyspace);
    keyspace_set_follower(r->fresh, true);
    r->loader = xcalloc(1, sizeof *r->loader);
    loader_init(r->loader, r->fresh, true, r->w->set->rdbchecksum);
    r->loader->rest_us = &r->w->set->key_load_delay_us;
    log_notice("full-sync-receiving id=%s offset=%llu bytes=%llu" REDIS_SAYS(
                   "MASTER <-> REPLICA sync: Loading DB in memory"),
               a->id, (unsigned long long)a->offset, (unsigned long long)a->bytes);
}

static uint64_t count_keys(const struct keyspace *ks)
{
    uint64_t keys = 0;

    for (int db = 0; db < keyspace_databases(ks); db++)
        keys += keyspace_size(ks, db);
    return keys;
}

/* The guard: data is not given up for a leader that began with nothing after we had it, unless
 * somebody has said REPLICAOF since. README.md has the rule and its reasons. */
static bool must_refuse(const struct replica *r)
{
    const struct oplog *o = r->w->oplog;
    const struct replica_position *its = &r->loader->position;
    bool known = !*r->payload_id || !strcmp(r->payload_id, o->id) || !strcmp(r->payload_id, o->id2);
    bool same_line = *its->root && !strcmp(its->root, r->root);
    bool began_empty = !count_keys(r->fresh) || (its->born_empty && *r->root);

    return !group_bound(r) && !r->confirmed && !known && !same_line && began_empty &&
           count_keys(r->w->keyspace);
}

static void finish_payload(struct replica *r)
{
    struct oplog *o = r->w->oplog;
    int db = r->loader->position.db;
    uint64_t keys = count_keys(r->fresh);

    if (must_refuse(r)) {
        log_warning("full-sync-refused leader=%s:%lld keys=%llu why=the leader began empty under "
                    "another id; send REPLICAOF to confirm",
                    r->w->set->leader_host, (long long)r->w->set->leader_port,
                    (unsigned long long)count_keys(r->w->keyspace));
        drop_payload(r);
        upstream_event(r, &(struct upstream_event){ .kind = UPSTREAM_EV_LOADED, .e = ERR_REFUSED });
        return;
    }
    leader_drop_followers(r, "this node has another history now");
    persist_abort(r->w->persist, "a full sync took the place of the data set");
    aof_history_ends(r->w->aof);
    keyspace_take_over(r->w->keyspace, r->fresh);
    r->born_empty = r->loader->position.born_empty;
    memcpy(r->root, r->loader->position.root, sizeof r->root);
    if (*r->payload_id) {
        oplog_adopt(o, r->payload_id, r->payload_offset);
    } else {
        char id[UPSTREAM_ID_LEN + 1];

        random_hex(id, UPSTREAM_ID_LEN);
        oplog_adopt(o, id, 0);
    }
    r->history = *r->payload_id != '\0';
    r->confirmed = false;
    apply_reset(r->apply, db > 0 ? db : 0);
    drop_payload(r);
    aof_history_begins(r->w->aof);
    log_notice("full-sync-loaded keys=%llu bytes=%llu" REDIS_SAYS(
                   "MASTER <-> REPLICA sync: Finished with success"),
               (unsigned long long)keys, (unsigned long long)r->payload_read);
    upstream_event(r, &(struct upstream_event){ .kind = UPSTREAM_EV_LOADED, .e = OK });
    if (group_bound(r))
        group_loaded(r);
}

static void payload_broke(struct replica *r, const char *why)
{
    log_warning("full-sync-broken why=\"%s\"" REDIS_SAYS("Internal error in RDB reading"), why);
    drop_payload(r);
}

static void break_payload(struct replica *r, const char *why)
{
    payload_broke(r, why);
    upstream_event(r, &(struct upstream_event){ .kind = UPSTREAM_EV_LOADED, .e = ERR_CORRUPT });
}

/* Behind the RDB: the mark, or exactly the length that was said. True: more input is of use. */
static bool payload_end(struct replica *r, struct link *l)
{
    struct bytes data = link_input(l);

    if (!*r->payload_mark) {
        if (r->payload_read == r->payload_bytes)
            finish_payload(r);
        else
            break_payload(r, "its length is not what was said");
        return true;
    }
    if (data.len < UPSTREAM_ID_LEN)
        return false;
    if (memcmp(data.at, r->payload_mark, UPSTREAM_ID_LEN) != 0) {
        break_payload(r, "its end mark is wrong");
        return true;
    }
    link_consume(l, UPSTREAM_ID_LEN);
    finish_payload(r);
    return true;
}

static void on_rested(struct ev_loop *loop, ev_timer *timer, int events)
{
    struct replica *r = timer->data;

    link_pause_reading(r->link, false);
    link_again(r->link);
}

/* The loader stopped half-way: at the end of its slice, or to rest. */
static void go_on_later(struct replica *r, struct link *l)
{
    uint64_t rest_us = rest_left_us(&r->loader->rest);

    if (LIKELY(!rest_us)) {
        link_again(l);
        return;
    }
    link_pause_reading(l, true);
    ev_timer_stop(r->w->loop, &r->rest);
    ev_timer_set(&r->rest, (double)rest_us / 1e6, 0.);
    ev_timer_start(r->w->loop, &r->rest);
}

static bool take_payload(struct replica *r, struct link *l, uint64_t deadline_us)
{
    struct bytes data = link_input(l);
    struct errmsg why = { 0 };
    size_t consumed;
    enum err e;

    if (r->loader->ended)
        return payload_end(r, l);
    if (!*r->payload_mark && data.len > r->payload_bytes - r->payload_read)
        data.len = (size_t)(r->payload_bytes - r->payload_read);
    e = loader_feed(r->loader, data, deadline_us, &consumed, &why);
    r->payload_read += consumed;
    link_consume(l, consumed);
    if (e == ERR_AGAIN) {
        go_on_later(r, l);
        return false;
    }
    if (e != OK) {
        break_payload(r, why.text);
        return true;
    }
    if (r->loader->ended)
        return payload_end(r, l); /* behind a length there may be nothing for long */
    if (!*r->payload_mark && data.len - consumed == r->payload_bytes - r->payload_read) {
        break_payload(r, "it ends in the middle");
        return true;
    }
    link_want_input(l, r->loader->reader.wants);
    return false;
}

/* ---- lines and stream --------------------------------------------------------------------------- */

/* A Redis says so of what only we ask: nobody need read it each time. */
static bool is_unknown_option(struct bytes line)
{
    static const char text[] = "-ERR Unrecognized REPLCONF option";

    return line.len >= sizeof text - 1 && !memcmp(line.at, text, sizeof text - 1);
}

static bool take_line(struct replica *r, struct link *l)
{
    struct bytes data = link_input(l);
    const char *end = memchr(data.at, '\n', data.len);
    struct upstream_event ev = { .kind = UPSTREAM_EV_LINE };
    char line[256];

    if (!end) {
        if (data.len > STREAM_LINE_MAX)
            link_kill(l, LINK_WHY_PROTOCOL);
        return false;
    }
    ev.line = (struct bytes){ data.at, (size_t)(end - data.at) };
    while (ev.line.len && ev.line.at[ev.line.len - 1] == '\r')
        ev.line.len--;
    if (ev.line.len > sizeof line)
        ev.line.len = sizeof line;
    memcpy(line, ev.line.at, ev.line.len);
    ev.line.at = line;
    if (ev.line.len && line[0] == '-' && !is_unknown_option(ev.line))
        log_notice("leader-said line=%.*s", (int)ev.line.len, line);
    link_consume(l, (size_t)(end - data.at) + 1);
    upstream_event(r, &ev);
    return true;
}

/* Commands of the stream that are about the stream. True: nothing to apply. */
static bool about_stream(struct replica *r, const struct resp_request *q)
{
    if (bytes_is_word(q->argv[0], "ping"))
        return true;
    if (!bytes_is_word(q->argv[0], "replconf"))
        return false;
    if (q->argc >= 2 && bytes_is_word(q->argv[1], "getack")) {
        tell(r, UPSTREAM_EV_ACK); /* with the offset before this command, as Redis does */
        r->owes_fack = true;
    }
    return true;
}

/* Is it news for followers alone, and nothing for a file? */
static bool is_aside(const struct resp_request *q)
{
    static const char *const words[] = { "ping", "replconf", "publish", "spublish" };

    for (size_t i = 0; i < ARRAY_LEN(words); i++)
        if (bytes_is_word(q->argv[0], words[i]))
            return true;
    return false;
}

void replica_file_synced(struct replica *r)
{
    uint64_t synced;

    if (!r->owes_fack || !aof_synced(r->w->aof, &synced))
        return;
    if (replica_link_up(r))
        tell(r, UPSTREAM_EV_ACK);
    r->owes_fack = synced < r->w->oplog->next;
}

/* Whoever pauses clients here pauses the leader's stream, too, as in Redis: what is paused is left where it is, and with
 * it all that stands behind it. Not in a durable group, whose writes are answered by what its followers have. */
static enum pause_what paused_here(const struct replica *r)
{
    return group_bound(r) ? PAUSE_NOTHING : service_paused(r->w->service);
}

/* All that the stream consists of are changes, and news for followers, but for these. */
static bool is_held(enum pause_what paused, const struct resp_request *q)
{
    static const char *const others[] = { "ping", "replconf", "select", "multi" };

    for (size_t i = 0; paused != PAUSE_ALL && i < ARRAY_LEN(others); i++)
        if (bytes_is_word(q->argv[0], others[i]))
            return false;
    return true;
}

void replica_pause_changed(struct replica *r)
{
    if (!replica_link_up(r))
        return;
    link_pause_reading(r->link, false);
    link_again(r->link);
}

/* Our offset and our followers move when a unit is whole. */
static void pass_on(struct replica *r, struct bytes raw, bool aside)
{
    struct oplog *o = r->w->oplog;
    uint64_t from = o->next;

    if (apply_in_unit(r->apply)) {
        buf_add(&r->unit, raw);
        return;
    }
    if (r->unit.len) {
        oplog_append_raw(o, r->unit.at, r->unit.len);
        buf_fini(&r->unit);
    }
    oplog_append_raw(o, raw.at, raw.len);
    if (aside)
        oplog_set_aside(o, from);
}

static bool take_command(struct replica *r, struct link *l, enum pause_what paused)
{
    struct bytes data = link_input(l);
    struct resp_request q;
    struct errmsg why = { 0 };
    bool mark;

    if (*data.at == '+')
        return take_line(r, l); /* between two commands: an answer, and not of the stream */
    switch (resp_read_request(&r->reader, data, &q)) {
    case RESP_MORE:
        link_want_input(l, resp_reader_wants(&r->reader));
        return false;
    case RESP_BAD:
        log_warning("stream-broken why=%s", r->reader.error);
        link_kill(l, LINK_WHY_PROTOCOL);
        return false;
    case RESP_ITEM:
        break;
    }
    if (UNLIKELY(q.argc == 6) && acks_take_beat(r, &q)) {
        if (r->link != l || (group_bound(r) && !group_input(r)))
            return false;
        link_consume(l, q.bytes);
        return true;
    }
    if (UNLIKELY(paused) && q.argc && is_held(paused, &q))
        return false;
    mark = q.argc == 2 && bytes_is_word(q.argv[0], "hfepoch");
    if (UNLIKELY(mark) && !group_take_mark(r, &q)) {
        link_kill(l, LINK_WHY_PROTOCOL);
        return false;
    }
    if (q.argc && !mark && !about_stream(r, &q)) {
        enum err e = apply_command(r->apply, q.argc, q.argv, &why);

        if (e != OK)
            log_warning("stream-command-failed command=%.*s why=\"%s\"" REDIS_SAYS(
                            "== CRITICAL == This replica is sending an error to its master"),
                        q.argv[0].len > 32 ? 32 : (int)q.argv[0].len, q.argv[0].at, why.text);
    }
    if (r->link != l)
        return false; /* the command made us leave this leader */
    if (q.argc)
        pass_on(r, (struct bytes){ data.at, q.bytes }, mark || is_aside(&q));
    link_consume(l, q.bytes);
    return true;
}

/* As a session does of its pipeline: the keys of the next commands are fetched for all of them at once. Returns how
 * many that covers. */
static unsigned look_ahead(struct replica *r, const struct link *l)
{
    struct resp_glance glances[KEYSPACE_AHEAD];
    int found = resp_glance(link_input(l), glances, KEYSPACE_AHEAD);

    if (found > 1)
        keyspace_fetch(r->w->keyspace, apply_db(r->apply), glances, found);
    return found > 1 ? (unsigned)found : 1;
}

static void take_input(struct replica *r, struct link *l)
{
    uint64_t now_us = clock_read_us(), deadline_us = now_us + STREAM_SLICE_US;
    enum pause_what paused = paused_here(r);
    unsigned covered = 0;
    bool more = true;

    if (UNLIKELY(paused) && link_input(l).len >= PAUSED_HELD_MAX &&
        r->upstream.state == UPSTREAM_STREAM)
        link_pause_reading(l, true); /* the rest is the leader's to hold */
    apply_begin(r->apply, now_us);
    for (unsigned n = 0; more && r->link == l && l->state == LINK_OPEN && link_input(l).len; n++) {
        if (n && n % 64 == 0 && clock_read_us() >= deadline_us) {
            link_again(l);
            return;
        }
        if (r->upstream.state == UPSTREAM_STREAM && n >= covered)
            covered = n + look_ahead(r, l);
        if (r->upstream.state == UPSTREAM_PAYLOAD)
            more = take_payload(r, l, deadline_us);
        else if (r->upstream.state == UPSTREAM_STREAM)
            more = take_command(r, l, paused);
        else if (group_bound(r) && *link_input(l).at == '*')
            more = group_take_talk(r, l);
        else
            more = take_line(r, l);
    }
}

static void on_input(struct link *l)
{
    struct replica *r = l->owner;

    r->bytes_in = l->bytes_in;
    l->urgent = group_bound(r); /* the leader's clients wait for what is acknowledged */
    if (group_bound(r) && !group_input(r))
        return;
    if (r->upstream.state == UPSTREAM_STREAM || r->upstream.state == UPSTREAM_PAYLOAD)
        tell(r, UPSTREAM_EV_INPUT);
    take_input(r, l);
    keyspace_fetch(r->w->keyspace, 0, NULL, 0); /* the input may move from here on */
    if (r->link == l && r->upstream_config.max_staleness_ms && !r->upstream.freshness.echoes &&
        !link_input(l).len)
        tell(r, UPSTREAM_EV_DRAINED);
}

static void forget_link(struct replica *r)
{
    drop_payload(r);
    buf_fini(&r->unit);
    resp_reader_fini(&r->reader);
    resp_reader_init(&r->reader, (struct resp_limits){ .argc_max = 1024 * 1024 * 1024,
                                                       .bulk_bytes_max = RDB_STRING_BYTES_MAX,
                                                       .inline_bytes_max = STREAM_LINE_MAX });
    if (r->apply)
        apply_reset(r->apply, apply_db(r->apply)); /* an open unit comes again, from its MULTI */
    acks_forget_link(r);
    r->link = NULL;
}

static void on_closed(struct link *l)
{
    struct replica *r = l->owner;
    char why[128];

    if (r->link != l)
        return;
    link_why_text(l, why, sizeof why);
    log_notice("leader-link-down why=\"%s\" offset=%llu%s", why,
               (unsigned long long)r->w->oplog->next,
               replica_link_up(r) ? REDIS_SAYS("Connection with master lost.") : "");
    if (r->loader)
        payload_broke(r, "the connection ended");
    forget_link(r);
    tell(r, UPSTREAM_EV_DOWN);
    if (group_bound(r))
        group_link_lost(r, true);
}

static const struct link_ops leader_link = { .on_input = on_input, .on_closed = on_closed };

/* ---- what upstream.c wants ----------------------------------------------------------------------- */

/* What no waiting mends is for an operator. */
static void log_dial_failed(const struct dial *d, enum dial_why why)
{
    char text[160];

    dial_why_text(d, text, sizeof text);
    if (why == DIAL_WHY_TLS)
        log_warning(
            "leader-dial-failed why=\"%s\"" REDIS_SAYS("Error condition on socket for SYNC"), text);
    else
        log_verbose("leader-dial-failed why=%s", text);
}

/* A group's leader may be silent because it is busy: whether its machine is there is the kernel's to find out. */
static uint64_t unarrived_ms(const struct replica *r)
{
    uint64_t silence_ms = (uint64_t)r->w->set->hf_silence_limit_ms;

    return group_bound(r) ? GROUP_UNARRIVED_SILENCES * silence_ms : 0;
}

static void on_dial(void *arg, struct dial *d, enum dial_state state, enum dial_why why)
{
    struct replica *r = arg;

    if (state == DIAL_UP) {
        r->link = dial_take_link(d);
        r->link->ops = &leader_link;
        r->link->owner = r;
        tell(r, UPSTREAM_EV_UP);
    } else if (state == DIAL_DOWN) {
        log_dial_failed(d, why);
        tell(r, UPSTREAM_EV_DOWN);
    }
}

static void do_dial(struct replica *r, const struct upstream_action *a)
{
    const struct node_settings *set = r->w->set;
    const char *source = set->server.bind_source_addr;

    dial_free(r->dial);
    r->dial = dial_new(
        r->w->loop,
        &(struct dial_options){
            .host = set->leader_host,
            .port = (int)set->leader_port,
            .tls = r->w->net ? r->w->net->tls_client : NULL,
            .source_address = *source ? source : NULL,
            .connect_timeout_ms = group_bound(r) ? GROUP_CONNECT_MS : r->upstream_config.timeout_ms,
            .greeting_timeout_ms = group_bound(r) ? UPSTREAM_UNHEARD_MS : 0,
            .unarrived_ms = unarrived_ms(r),
            .on_state = on_dial,
            .arg = r,
        });
    dial_start(r->dial);
}

static void do_drop(struct replica *r, const struct upstream_action *a)
{
    struct link *l = r->link;

    if (a->why && (l || !group_bound(r)))
        log_notice("leader-link-dropped why=\"%s\"", a->why);
    if (a->why && group_bound(r))
        group_link_lost(r, false);
    if (r->dial)
        dial_stop(r->dial);
    if (!l)
        return;
    forget_link(r);
    link_disown(l);
    link_kill(l, LINK_WHY_ASKED);
}

static void do_send(struct replica *r, const struct upstream_action *a)
{
    struct buf line = { 0 };

    if (!r->link)
        return;
    resp_put_command(&line, a->argc, a->words);
    out_append(&r->link->out, line.at, line.len);
    link_wrote(r->link);
    buf_fini(&line);
}

static void do_newline(struct replica *r, const struct upstream_action *a)
{
    if (!r->link)
        return;
    out_append(&r->link->out, "\n", 1);
    link_wrote(r->link);
}

static void do_sync(struct replica *r, const struct upstream_action *a)
{
    group_say_sync(r);
}

static void do_continue(struct replica *r, const struct upstream_action *a)
{
    struct oplog *o = r->w->oplog;

    if (strcmp(a->id, o->id) != 0) {
        leader_drop_followers(r, "the leader continues under another id");
        oplog_adopt_id(o, a->id);
    }
    oplog_keep(o);
    r->confirmed = false;
    log_notice("continued id=%s offset=%llu" REDIS_SAYS(
                   "Successful partial resynchronization with master."),
               o->id, (unsigned long long)o->next);
}

static void do_failover_done(struct replica *r, const struct upstream_action *a)
{
    replica_failover_ends(r, "done", true);
}

static void do_failover_refused(struct replica *r, const struct upstream_action *a)
{
    log_warning("failover-refused" REDIS_SAYS("Failover target rejected psync request"));
    replica_failover_ends(r, "refused", false);
}

typedef void act_fn(struct replica *r, const struct upstream_action *a);

static act_fn *const acts[] = {
    [UPSTREAM_DIAL] = do_dial,
    [UPSTREAM_DROP] = do_drop,
    [UPSTREAM_SEND] = do_send,
    [UPSTREAM_NEWLINE] = do_newline,
    [UPSTREAM_SYNC] = do_sync,
    [UPSTREAM_LOAD] = begin_payload,
    [UPSTREAM_CONTINUE] = do_continue,
    [UPSTREAM_FAILOVER_DONE] = do_failover_done,
    [UPSTREAM_FAILOVER_REFUSED] = do_failover_refused,
};

static void obey(struct replica *r, const struct upstream_actions *actions)
{
    for (int i = 0; i < actions->count; i++)
        acts[actions->items[i].kind](r, &actions->items[i]);
}

uint64_t upstream_unread_bytes(const struct replica *r)
{
    return r->unit.len + (r->link ? link_input(r->link).len : 0);
}

void upstream_room_init(struct replica *r)
{
    upstream_init(&r->upstream, &r->upstream_config);
    ev_timer_init(&r->upstream_timer, on_timer, 0., 0.);
    r->upstream_timer.data = r;
    ev_timer_init(&r->rest, on_rested, 0., 0.);
    r->rest.data = r;
    forget_link(r);
}

void upstream_room_fini(struct replica *r)
{
    struct link *l = r->link;

    ev_timer_stop(r->w->loop, &r->upstream_timer);
    dial_free(r->dial);
    r->dial = NULL;
    if (l) {
        forget_link(r);
        link_disown(l);
        link_kill(l, LINK_WHY_ASKED);
    }
    drop_payload(r);
    resp_reader_fini(&r->reader);
    apply_free(r->apply);
}
