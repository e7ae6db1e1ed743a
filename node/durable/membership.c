#include "node/durable/membership.h"

#include <string.h>

#include "common/alloc.h"
#include "common/clock.h"
#include "common/log.h"
#include "common/random.h"
#include "node/durable/membership_room.h"
#include "node/durable/vital.h"
#include "node/insight/identity.h"
#include "node/keyspace/keyspace.h"
#include "node/oplog/oplog.h"
#include "node/persist/aof.h"
#include "node/persist/persist.h"
#include "node/replica/group_link.h"
#include "node/replica/replica.h"
#include "node/serve/serve.h"
#include "node/settings.h"

enum { WARM_MS = 10 * 1000 };

#define U(number) ((unsigned long long)(number))

/* 0 stands for nobody. */
static uint64_t draw_id(void)
{
    uint64_t id = 0;

    while (id == 0)
        random_bytes(&id, sizeof id);
    return id;
}

/* ---- events --------------------------------------------------------------------------------------- */

static void hear(void *arg, const struct talk *t)
{
    struct membership *m = arg;

    if (m->ended || m->w->serve->busy_text)
        return; /* amid a script nobody is deposed: it is said again */
    durable_trimmed(&m->core, group_link_first(m->w->replica));
    durable_hear(&m->core, t, clock_now_ms(), &m->pending);
    obey(m);
}

static bool takes(void *arg, uint64_t epoch, uint64_t attach)
{
    const struct membership *m = arg;

    return !m->ended && durable_takes(&m->core, epoch, attach);
}

static void marked(void *arg, uint64_t epoch, uint64_t at)
{
    struct membership *m = arg;

    durable_marked(&m->core, epoch, at, &m->pending);
    obey(m);
}

static void loading(void *arg)
{
    struct membership *m = arg;

    durable_loading(&m->core, clock_now_ms());
}

static void loaded(void *arg, const struct history *h, uint64_t at)
{
    struct membership *m = arg;

    log_notice("durable-data-loaded epoch=%llu offset=%llu did=%llu", U(history_epoch(h)), U(at),
               U(m->core.meta.did));
    durable_loaded(&m->core, h, at, clock_now_ms(), &m->pending);
    obey(m);
}

static void link_down(void *arg, uint64_t node)
{
    struct membership *m = arg;

    if (m->ended)
        return;
    membership_look(m);
    obey(m);
    durable_link_down(&m->core, node, clock_now_ms(), &m->pending);
    obey(m);
}

static void look_at_disk(struct membership *m)
{
    bool fails = aof_refuses_writes(m->w->aof) != NULL;

    if (fails == m->core.disk_failed)
        return;
    durable_disk(&m->core, fails, clock_now_ms(), &m->pending);
    obey(m);
}

static void moved(void *arg, uint64_t at, uint64_t written, uint64_t synced)
{
    struct membership *m = arg;

    if (m->ended || !m->ready)
        return;
    look_at_disk(m);
    durable_moved(&m->core, at, written, synced, clock_now_ms(), &m->pending);
    obey(m);
}

static uint64_t beat(void *arg)
{
    struct membership *m = arg;
    uint64_t seq;

    if (m->ended || m->core.role < NODE_LEADER)
        return 0;
    seq = durable_confirm(&m->core, clock_now_ms(), &m->pending);
    obey(m);
    return seq;
}

static const struct group_link_hooks hooks_of_core = {
    .hear = hear,
    .takes = takes,
    .marked = marked,
    .loading = loading,
    .loaded = loaded,
    .link_down = link_down,
    .moved = moved,
    .hand_over = relief_begin,
    .keep_lead = relief_abort,
    .handing = relief_state,
};

static void on_wake(struct ev_loop *loop, ev_timer *timer, int events)
{
    struct membership *m = timer->data;

    look_at_disk(m); /* while writes are refused nothing else may move */
    if (m->core.role >= NODE_LEADER && clock_now_ms() >= m->warm_ms) {
        m->warm_ms = clock_now_ms() + WARM_MS;
        voters_keep_warm(m); /* the next change may be urgent */
    }
    durable_time(&m->core, clock_now_ms(), &m->pending);
    obey(m);
}

/* ---- the data and its file ------------------------------------------------------------------------ */

static uint64_t epoch_at(void *arg, uint64_t offset)
{
    const struct membership *m = arg;
    struct history h = m->ready ? m->core.meta.history : m->meta.history;

    history_cut(&h, offset);
    return history_epoch(&h);
}

void membership_look(struct membership *m)
{
    uint64_t at = m->w->oplog->next, written = 0, synced = 0;

    if (!aof_kept(m->w->aof, &written, &synced))
        written = synced = 0;
    durable_moved(&m->core, at, written < at ? written : at, synced < at ? synced : at,
                  clock_now_ms(), &m->pending);
}

static bool keep_file_on(struct membership *m)
{
    static const struct bytes words[] = { BYTES("appendonly"), BYTES("yes") };
    struct errmsg why = { "" };

    if (m->w->set->appendonly)
        return true;
    log_notice("appendonly-turned-on why=\"a durable group wants this node\"");
    if (settings_set(m->w->settings, ARRAY_LEN(words), words, &why) == OK)
        return true;
    log_warning("appendonly-not-turned-on why=\"%s\"", why.text);
    return false;
}

/* What survives if the data's disk does not. Without a file, or where it cannot be written, the start that finds
 * nothing is a plain node's, until its group finds it. */
void membership_name(struct membership *m)
{
    const char *gid = m->core.meta.gid;
    const struct bytes words[] = { BYTES("hf-group"), bytes_of(gid) };
    struct errmsg why = { "" };

    if (!gid[0] || strcmp(m->w->set->hf_group, gid) == 0)
        return;
    if (settings_set(m->w->settings, ARRAY_LEN(words), words, &why) != OK ||
        settings_rewrite(m->w->settings, &why) != OK)
        log_notice("durable-group-not-in-configuration gid=%s why=\"%s\"", gid, why.text);
}

/* By addresses only: what is known by name has no place kept. */
static bool is_peer(void *arg, const char *ip)
{
    const struct membership *m = arg;
    const struct charter *c = m->ready ? &m->core.meta.seen : &m->meta.seen;

    for (uint32_t i = 0; i < c->member_count; i++)
        if (strcmp(c->members[i].at.host, ip) == 0)
            return true;
    for (uint32_t i = 0; i < c->voter_count; i++)
        if (strcmp(c->voters[i].at.host, ip) == 0)
            return true;
    return false;
}

static void join_rooms(struct membership *m)
{
    struct stat home = { 0 };

    if (stat(".", &home) == 0) {
        m->home_dev = home.st_dev;
        m->home_ino = home.st_ino;
    }
    group_link_begin(m->w->replica, &m->hooks);
    group_begin(m->w->serve, beat, is_peer, m);
}

bool membership_bind(struct membership *m, const struct order *o)
{
    struct aof *a = m->w->aof;
    uint64_t written, synced;

    if (persist_loading(m->w->persist) || replica_loading(m->w->replica) || !keep_file_on(m) ||
        !aof_kept(a, &written, &synced))
        return false;
    group_link_prepare(m->w->replica);
    aof_note(a, epoch_at, m);
    if (aof_flush(a) != OK) {
        aof_note(a, NULL, NULL);
        return false;
    }
    log_notice("durable-bound gid=%s node=%llu offset=%llu", o->gid, U(m->core.meta.node),
               U(m->w->oplog->next));
    m->bound = true;
    join_rooms(m);
    if (o->kind != ORDER_PROMOTE) /* a leader leads on: nobody is sent away, or unblocked */
        group_link_rest(m->w->replica);
    voters_begin(m);
    membership_look(m);
    return true;
}

/* ---- what is told ---------------------------------------------------------------------------------- */

/* Whom it follows, of a node in no group; a longer name than a charter has room for is nobody's of one. */
static void report_followed(const struct membership *m, struct report *out)
{
    const struct node_settings *set = m->w->set;

    if (m->bound || !replica_is_follower(m->w->replica) ||
        strlen(set->leader_host) >= sizeof out->follows.host)
        return;
    out->follows.port = (uint16_t)set->leader_port;
    memcpy(out->follows.host, set->leader_host, strlen(set->leader_host) + 1);
    if (m->ready && set->hf_join && replica_link_up(m->w->replica))
        out->flags |= NODE_JOINS;
}

static uint32_t flags(const struct node_world *w)
{
    return (persist_loading(w->persist) ? NODE_LOADING : 0) |
           (replica_loading(w->replica) ? NODE_RESYNCING : 0);
}

/* Of a node that belongs to no group, or has not loaded what it is to its own. */
static void report_without_core(const struct membership *m, struct report *out)
{
    const struct node_world *w = m->w;
    const struct meta *meta = m->ready ? &m->core.meta : &m->meta;
    bool leads = !m->bound && !replica_is_follower(w->replica);

    *out = (struct report){ .node = meta->node,
                            .did = meta->did,
                            .boot = meta->boot,
                            .flags = flags(w),
                            .promised = meta->seen.epoch,
                            .ver = meta->seen.ver,
                            .at = { .offset = w->oplog->next },
                            .beat_age_ms = UINT64_MAX };
    out->role = m->bound ? NODE_WAITING : leads ? NODE_ACTIVE : NODE_FOLLOWER;
    memcpy(out->gid, meta->gid, sizeof out->gid);
    memcpy(out->run, identity()->run_id, sizeof out->run);
    report_followed(m, out);
}

void membership_report(const struct membership *m, struct report *out)
{
    if (m->ready && m->bound)
        durable_report(&m->core, clock_now_ms(), out);
    else
        report_without_core(m, out);
    out->priority = (uint32_t)m->w->set->follower_priority;
}

bool membership_awaits(const struct membership *m)
{
    return !m->bound && *m->w->set->hf_group;
}

bool membership_needs_file(const struct membership *m)
{
    return m && m->bound;
}

bool membership_is_at_home(const struct membership *m)
{
    struct stat here;

    return !membership_needs_file(m) ||
           (stat(".", &here) == 0 && here.st_dev == m->home_dev && here.st_ino == m->home_ino);
}

/* ---- settings -------------------------------------------------------------------------------------- */

/* 0 in a file says: never. */
static uint64_t or_never(int64_t ms)
{
    return ms ? (uint64_t)ms : UINT64_MAX / 4;
}

static void read_terms(struct membership *m)
{
    const struct node_settings *set = m->w->set;

    m->terms = (struct durable_terms){
        .heartbeat_ms = (uint64_t)set->hf_heartbeat_ms,
        .silence_ms = (uint64_t)set->hf_silence_limit_ms,
        .grace_ms = (uint64_t)set->hf_reset_grace_ms,
        .max_lag_ms = (uint64_t)set->hf_sync_max_lag_ms,
        .grow_stable_ms = (uint64_t)set->hf_grow_stable_ms,
        .hold_down_ms = (uint64_t)set->hf_grow_hold_down_max_ms,
        .stall_refuse_ms = or_never(set->hf_stall_refuse_ms),
        .confirm_timeout_ms = or_never(set->hf_confirm_timeout_ms),
        .stale_read_limit_ms = or_never(set->hf_stale_read_limit_ms),
        .lag_bytes = durable_terms_default.lag_bytes,
        .solo = set->hf_solo,
    };
}

void membership_settings_changed(struct membership *m)
{
    if (!m)
        return;
    read_terms(m);
    m->core.priority = (uint32_t)m->w->set->follower_priority;
    if (m->courier)
        voters_begin(m);
    if (m->ready)
        standing_settle(m);
}

/* ---- beginning and end ----------------------------------------------------------------------------- */

static enum err remember(struct membership *m, struct errmsg *out_why)
{
    enum err e = meta_file_open(&m->file, META_FILE_NAME, &slots_io_real, &m->meta, out_why);

    if (e == ERR_NOTFOUND) {
        m->meta =
            (struct meta){ .node = draw_id(), .did = draw_id(), .boot = 1, .weakest = KEEP_FSYNC };
        meta_read_kernel(m->meta.kernel);
        return OK;
    }
    m->bound = e == OK;
    return e;
}

struct membership *membership_open(struct node_world *w, struct errmsg *out_why)
{
    struct membership *m = xcalloc(1, sizeof *m);

    m->w = w;
    m->hooks = hooks_of_core;
    m->hooks.arg = m;
    m->vital = vital_new(w->loop, identity()->run_id);
    ev_timer_init(&m->wake, on_wake, 0., 0.);
    m->wake.data = m;
    read_terms(m);
    if (remember(m, out_why) != OK) {
        membership_free(m);
        return NULL;
    }
    if (membership_awaits(m))
        log_warning("durable-disk-lost gid=%s what=\"serves nobody before its group has bound it; "
                    "hf-group \\\"\\\" makes it a plain node\"",
                    w->set->hf_group);
    if (!m->bound)
        return m;
    log_notice("durable-member gid=%s node=%llu did=%llu epoch=%llu", m->meta.gid, U(m->meta.node),
               U(m->meta.did), U(m->meta.seen.epoch));
    if (!w->set->appendonly)
        log_warning("appendonly-kept-on why=\"this node belongs to a durable group\"");
    w->set->appendonly = true;
    aof_note(w->aof, epoch_at, m);
    return m;
}

static uint64_t count_keys(const struct keyspace *ks)
{
    uint64_t keys = 0;

    for (int db = 0; db < keyspace_databases(ks); db++)
        keys += keyspace_size(ks, db);
    return keys;
}

/* Data of which nothing tells where it stands in the stream is not the group's: it stands at an offset that no other
 * copy agrees with, until it is replaced. */
void membership_loaded(struct membership *m)
{
    const struct aof_position *at = aof_loaded_at(m->w->aof);
    struct replica_position stream = { .known = true, .offset = at->offset, .db = at->db };

    if (!m->bound)
        return;
    m->found = (struct found){ .loads = at->known, .end = { at->epoch, at->offset } };
    if (!at->known) {
        m->found.end = (struct position){ 0 };
        stream.offset = count_keys(m->w->keyspace) > 0;
        stream.db = 0;
    }
    meta_read_kernel(m->found.kernel);
    random_hex(stream.id, sizeof stream.id - 1);
    join_rooms(m);
    replica_restore(m->w->replica, &stream);
}

/* What the rule for the did looks at (meta.h), for who wonders why a node had to be filled again. */
static void tell_what_was_found(const struct membership *m)
{
    const struct meta *was = &m->meta;

    log_notice("durable-found files=%s position=%llu:%llu remembered=%llu weakest=%s solo=%d "
               "clean=%d resyncing=%d same-kernel=%d",
               m->found.loads ? "whole" : "unknown", U(m->found.end.epoch), U(m->found.end.offset),
               U(history_epoch(&was->history)), keep_word(was->weakest), was->solo, was->clean,
               was->resyncing, meta_same_kernel(was, &m->found));
}

static enum err begin_boot(struct membership *m, struct errmsg *out_why)
{
    bool kept;

    tell_what_was_found(m);
    kept = meta_start(&m->meta, &m->found, draw_id(), 0);
    log_notice("durable-starts boot=%llu did=%llu kept=%s offset=%llu", U(m->meta.boot),
               U(m->meta.did), kept ? "yes" : "no", U(m->w->oplog->next));
    return meta_file_store(&m->file, &m->meta, out_why);
}

enum err membership_start(struct membership *m, struct errmsg *out_why)
{
    struct durable_start s = { .terms = &m->terms,
                               .run = identity()->run_id,
                               .proposer = draw_id(),
                               .seed = draw_id(),
                               .at = m->w->oplog->next,
                               .priority = (uint32_t)m->w->set->follower_priority };

    if (m->bound && begin_boot(m, out_why) != OK)
        return ERR_IO;
    if (aof_kept(m->w->aof, &s.written, &s.synced)) {
        s.written = s.written < s.at ? s.written : s.at;
        s.synced = s.synced < s.written ? s.synced : s.written;
    }
    s.meta = m->meta;
    m->ready = true;
    if (m->bound) {
        group_link_rest(m->w->replica);
        voters_begin(m);
    }
    durable_init(&m->core, &s, clock_now_ms(), &m->pending);
    obey(m);
    membership_name(m);
    return OK;
}

/* Nothing of a full sync that has not come to its end is kept. */
static void keep_for_next_start(struct membership *m)
{
    if (aof_flush(m->w->aof) != OK)
        return;
    membership_look(m);
    obey(m);
    if (m->core.synced != m->core.at)
        return;
    durable_stopped(&m->core, &m->pending);
    obey(m);
}

void membership_stop(struct membership *m)
{
    if (!m)
        return;
    if (m->ready && m->bound)
        keep_for_next_start(m);
    ev_timer_stop(m->w->loop, &m->wake);
    m->ended = true;
}

void membership_free(struct membership *m)
{
    if (!m)
        return;
    ev_timer_stop(m->w->loop, &m->wake);
    vital_free(m->vital);
    voters_end(m);
    discarded_end(m);
    durable_actions_fini(&m->pending);
    meta_file_close(&m->file);
    xfree(m);
}
