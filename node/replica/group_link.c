#include "node/replica/group_link.h"

#include <stdio.h>
#include <string.h>

#include "common/clock.h"
#include "common/log.h"
#include "common/random.h"
#include "common/serve/service.h"
#include "node/durable/talk_wire.h"
#include "node/keyspace/keyspace.h"
#include "node/persist/aof.h"
#include "node/persist/loader.h"
#include "node/persist/persist.h"
#include "node/replica/replica_room.h"
#include "node/serve/apply.h"

struct talk group_talk(const struct replica *r, enum talk_kind kind, uint64_t from, uint64_t to)
{
    struct talk t = { .kind = kind, .from = from, .to = to };

    memcpy(t.gid, r->group.gid, sizeof t.gid);
    return t;
}

/* ---- the role ---------------------------------------------------------------------------------- */

void group_link_prepare(struct replica *r)
{
    oplog_backlog_start(r->w->oplog);
}

void group_link_begin(struct replica *r, const struct group_link_hooks *hooks)
{
    ASSERT(!r->group.hooks);
    r->group.hooks = hooks;
    r->upstream.group = true;
    if (r->upstream.state != UPSTREAM_OFF)
        upstream_event(r, &(struct upstream_event){ .kind = UPSTREAM_EV_STOP });
    if (replica_demands(r))
        replica_set_demand(r, &(struct replica_demand){ .level = KEEP_ASYNC });
    group_link_prepare(r);
    r->follows |= !r->started; /* a start neither leads nor follows */
    r->group.at = UINT64_MAX;  /* the next turn tells */
}

bool group_link_bound(const struct replica *r)
{
    return group_bound(r);
}

static void stop_following(struct replica *r)
{
    r->group.sync.to = 0;
    r->group.epoch = 0;
    r->group.lost = r->group.acks = false;
    if (r->upstream.state != UPSTREAM_OFF)
        upstream_event(r, &(struct upstream_event){ .kind = UPSTREAM_EV_STOP });
}

void group_link_rest(struct replica *r)
{
    const struct oplog *o = r->w->oplog;

    stop_following(r);
    oplog_close(&r->group.held);
    if (r->follows)
        return;
    r->history = true;
    if (r->apply)
        apply_reset(r->apply, o->db == OPLOG_NO_DB ? 0 : o->db);
    replica_set_role(r, true);
    log_notice("resting offset=%llu", (unsigned long long)o->next);
}

void group_link_mark(struct replica *r, uint64_t epoch, uint64_t bytes)
{
    struct oplog *o = r->w->oplog;
    char digits[24];
    uint64_t from;

    stop_following(r);
    buf_fini(&r->unit);
    apply_reset(r->apply, apply_db(r->apply));
    /* They must hear the new id, and continue under it. */
    leader_drop_followers(r, "this node leads now, under a new id");
    replica_set_leader(r, "", 0);
    oplog_keep(o);
    oplog_promote(o);
    from = o->next;
    snprintf(digits, sizeof digits, "%llu", (unsigned long long)epoch);
    oplog_append_words(o, OPLOG_NO_DB, 2, "HFEPOCH", digits);
    oplog_set_aside(o, from);
    ASSERT(o->next - from == bytes);
    r->no_followers_since_ms = r->pinged_ms = clock_now_ms();
    log_notice("leading epoch=%llu id=%s id2=%s offset=%llu", (unsigned long long)epoch, o->id,
               o->id2, (unsigned long long)o->next);
    if (r->follows)
        replica_set_role(r, false);
}

/* ---- the data set ------------------------------------------------------------------------------ */

void group_link_cut(struct replica *r, uint64_t offset)
{
    struct oplog *o = r->w->oplog;

    log_notice("stream-cut from=%llu to=%llu", (unsigned long long)o->next,
               (unsigned long long)offset);
    leader_drop_followers(r, "this node's stream was cut");
    oplog_close(&r->group.held);
    aof_cut_begins(r->w->aof);
    oplog_cut(o, offset);
    aof_cut_ends(r->w->aof);
    r->group.at = UINT64_MAX;
}

void group_link_drop(struct replica *r)
{
    struct node_world *w = r->w;
    struct keyspace *empty = keyspace_new_beside(w->keyspace);
    char id[OPLOG_ID_LEN + 1];

    leader_drop_followers(r, "this node's data set was dropped");
    oplog_close(&r->group.held);
    persist_abort(w->persist, "the data set was dropped");
    aof_history_ends(w->aof);
    keyspace_take_over(w->keyspace, empty);
    keyspace_throw_away(w->keyspace, empty);
    loader_drop_libraries();
    random_hex(id, OPLOG_ID_LEN);
    oplog_adopt(w->oplog, id, 0);
    apply_reset(r->apply, 0);
    aof_history_begins(w->aof);
    r->group.at = UINT64_MAX;
    log_notice("data-dropped");
}

void group_link_hold(struct replica *r, uint64_t offset)
{
    struct oplog *o = r->w->oplog;
    struct oplog_cursor *c = &r->group.held;

    if (r->follows)
        return; /* whoever asks is answered by another */
    if (!c->log) {
        enum err e = oplog_open(o, offset < o->first ? o->first : offset, c);

        ASSERT(e == OK);
        return;
    }
    while (c->at < offset) {
        size_t here = oplog_read(c).len;

        oplog_advance(c, offset - c->at < here ? (size_t)(offset - c->at) : here);
    }
}

uint64_t group_link_first(const struct replica *r)
{
    return r->w->oplog->first;
}

/* ---- followers --------------------------------------------------------------------------------- */

/* attach 0: whichever spoke last. */
static struct follower *find(struct replica *r, uint64_t node, uint64_t attach)
{
    struct follower *found = NULL;

    LIST_EACH (&r->followers, n) {
        struct follower *f = LIST_ENTRY(n, struct follower, node);

        if (f->group.node == node && (!attach || f->group.attach == attach) &&
            f->state != FOLLOWER_LEAVING)
            found = f;
    }
    return found;
}

bool group_has_plain_followers(const struct replica *r)
{
    LIST_EACH ((struct list *)&r->followers, n) {
        const struct follower *f = LIST_ENTRY(n, struct follower, node);

        if (follower_counts(f) && !f->group.node)
            return true;
    }
    return false;
}

static void close_quietly(struct follower *f, const char *why)
{
    f->group.node = 0;
    leader_close(f, why);
}

void group_link_detach(struct replica *r, uint64_t node)
{
    LIST_EACH (&r->followers, n) {
        struct follower *f = LIST_ENTRY(n, struct follower, node);

        if (f->group.node && (!node || f->group.node == node) && f->state != FOLLOWER_LEAVING)
            close_quietly(f, "the group wants it so");
    }
}

/* Invariant 1. NULL: nobody waits for it any more. */
static struct follower *begin(struct replica *r, uint64_t node, uint64_t attach)
{
    struct follower *f = find(r, node, attach);

    if (!f || f->state != FOLLOWER_GREETING)
        return NULL;
    LIST_EACH (&r->followers, n) {
        struct follower *other = LIST_ENTRY(n, struct follower, node);

        if (other != f && other->group.node == node && other->state != FOLLOWER_LEAVING)
            close_quietly(other, "it attached anew");
    }
    f->group.begun = true;
    return f;
}

void group_link_stream(struct replica *r, uint64_t node, uint64_t attach, uint64_t offset)
{
    struct oplog *o = r->w->oplog;
    struct follower *f = begin(r, node, attach);

    if (!f)
        return;
    if (offset < o->first || offset > o->next) {
        leader_drop(f, "out of the backlog");
        return;
    }
    leader_say(f, "+CONTINUE %s\r\n", o->id);
    leader_continue(f, offset);
}

static void reply(struct follower *f, const struct talk *t)
{
    struct buf text = { 0 };

    talk_put(t, &text);
    leader_reply(f, buf_bytes(&text));
    buf_fini(&text);
}

void group_link_payload(struct replica *r, uint64_t node, uint64_t attach, const struct history *h)
{
    struct talk *t = &r->group.payload;
    struct follower *f = begin(r, node, attach);

    if (!f || t->to != node || t->attach != attach)
        return;
    t->history = *h;
    reply(f, t);
    leader_begin_sync(f, false);
}

static void place_beat(struct replica *r, const struct talk *t)
{
    struct follower *f = find(r, t->to, t->attach);

    if (!f || f->state != FOLLOWER_ONLINE)
        return;
    f->beat.words = (struct beat){ t->epoch, t->seq, t->commit, t->level };
    acks_place_beat(f);
}

static void say_downstream(struct replica *r, const struct talk *t)
{
    struct follower *f = find(r, t->to, t->attach);

    if (f && f->state == FOLLOWER_GREETING)
        reply(f, t);
}

void group_link_say(struct replica *r, const struct talk *t, const struct place *at)
{
    memcpy(r->group.gid, t->gid, sizeof t->gid);
    r->group.node = t->from;
    switch (t->kind) {
    case TALK_SYNC:
    case TALK_ACK:
        group_say_upstream(r, t, at);
        break;
    case TALK_BEAT:
        place_beat(r, t);
        break;
    case TALK_PAYLOAD:
        r->group.payload = *t; /* said when it begins, with the history */
        break;
    case TALK_STALE:
        group_say_upstream(r, t, at);
        say_downstream(r, t);
        break;
    case TALK_CONTINUE:
    case TALK_FULL:
    case TALK_SHRINK_FIRST:
        say_downstream(r, t);
        break;
    case TALK_COUNT:
        ASSERT(!"a talk");
    }
}

/* ---- what they say ----------------------------------------------------------------------------- */

void group_acked(struct follower *f, const struct replica_ack *ack)
{
    struct replica *r = f->room;
    struct talk t = group_talk(r, TALK_ACK, f->group.node, r->group.node);

    t.epoch = ack->epoch;
    t.did = ack->did;
    t.seq = ack->beat;
    memcpy(t.kept, ack->kept.at, sizeof t.kept);
    r->group.hooks->hear(r->group.hooks->arg, &t);
}

void group_follower_gone(struct replica *r, uint64_t node)
{
    r->group.hooks->link_down(r->group.hooks->arg, node);
}

static void hear_sync(struct call *c, struct replica *r, const struct talk *t)
{
    struct follower *f = leader_follower_of(r, c->session, true);

    if (f->state != FOLLOWER_GREETING) { /* invariant 1 */
        session_kill(c->session, LINK_WHY_PROTOCOL);
        return;
    }
    f->group.node = t->from;
    f->group.attach = t->attach;
    f->beat.hears = f->reads_fields = true;
    r->group.hooks->hear(r->group.hooks->arg, t);
}

void group_link_command(struct call *c)
{
    const struct node_world *w = c->world;
    struct replica *r = w->replica;
    struct errmsg why = { "" };
    struct talk t;

    call_no_effect(c);
    if (talk_take(c->argc, c->argv, &t, &why) != OK) {
        reply_errorf(c->reply, "ERR %.200s", why.text);
        return;
    }
    if (!group_bound(r))
        reply_error(c->reply, "ERR this node belongs to no durable group");
    else if (t.kind == TALK_SYNC)
        hear_sync(c, r, &t);
    else if (t.kind == TALK_STALE)
        r->group.hooks->hear(r->group.hooks->arg, &t);
    else
        reply_error(c->reply, "ERR a leader says this, and no follower");
}

/* ---- the turn ---------------------------------------------------------------------------------- */

static uint64_t at_most(uint64_t offset, uint64_t limit)
{
    return offset < limit ? offset : limit;
}

static void tell_moved(struct replica *r)
{
    const struct group_link_hooks *h = r->group.hooks;
    uint64_t at = r->w->oplog->next, written = 0, synced = 0;
    bool fails = aof_refuses_writes(r->w->aof) != NULL;

    if (!aof_kept(r->w->aof, &written, &synced))
        written = synced = 0;
    written = at_most(written, at);
    synced = at_most(synced, written);
    if (at == r->group.at && written == r->group.written && synced == r->group.synced &&
        fails == r->group.fails)
        return;
    r->group.fails = fails;
    r->group.at = at;
    r->group.written = written;
    r->group.synced = synced;
    h->moved(h->arg, at, written, synced);
}

void group_turn(struct replica *r)
{
    const struct group_link_hooks *h = r->group.hooks;

    if (LIKELY(!h) || !r->started)
        return;
    if (r->group.lost && r->group.sync.to) {
        r->group.lost = false;
        h->link_down(h->arg, r->group.sync.to);
    }
    tell_moved(r);
}
