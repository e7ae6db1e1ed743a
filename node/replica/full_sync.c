/*
 * full_sync - one snapshot on its way to everybody who waited when it began: the walk's sink is a stream,
 * and each follower a cursor on it. Its first PAYLOAD_JOIN_MAX bytes are kept for a while, so that who
 * comes a little later shares it too; who comes later than that waits for the next.
 */
#include <string.h>
#include <unistd.h>

#include "common/alloc.h"
#include "common/clock.h"
#include "common/log.h"
#include "common/random.h"
#include "common/serve/service.h"
#include "node/keyspace/keyspace.h"
#include "node/persist/persist.h"
#include "node/replica/replica_room.h"

enum { DISKLESS_DELAY_DEFAULT_S = 5 };

static struct sync *sync_new(struct replica *r, const struct follower *first)
{
    struct oplog *o = r->w->oplog;
    struct sync *sync = xcalloc(1, sizeof *sync);

    sync->room = r;
    list_push_back(&r->syncs, &sync->all);
    sync->counted = first->counted;
    sync->no_keys = first->filter_no_keys;
    sync->valkey = first->valkey >= VALKEY_OWN_RDB;
    sync->fields_expire = keyspace_needs(r->w->keyspace, NEED_FIELD_EXPIRY) > 0;
    oplog_init(&sync->bytes, PAYLOAD_AHEAD_MAX); /* which makes its chunks a sixteenth of that */
    oplog_open_tip(&sync->bytes, &sync->beginning);
    oplog_open_tip(o, &sync->stream);
    memcpy(sync->id, o->id, sizeof sync->id);
    sync->offset = o->next;
    random_hex(sync->mark, RDB_EOF_MARK_LEN);
    return sync;
}

static void let_beginning_go(struct sync *sync)
{
    oplog_close(&sync->beginning);
    oplog_close(&sync->stream);
}

/* Nobody reads it any more: a walk that feeds it is stopped, and its end takes the sync along. */
static void sync_settle(struct sync *sync)
{
    struct replica *r = sync->room;

    if (sync->readers)
        return;
    let_beginning_go(sync);
    if (r->sync == sync) {
        log_notice("full-sync-left" REDIS_SAYS(
            "Diskless rdb transfer, last replica dropped, killing fork child."));
        snapshot_abort(persist_snapshot(r->w->persist), "the followers it was for have left");
        return;
    }
    list_push_back(&r->left_syncs, &sync->node);
    leader_pump_soon(r);
}

bool full_sync_sweep(struct replica *r)
{
    struct sync *sync;

    if (LIKELY(list_empty(&r->left_syncs)))
        return false;
    sync = LIST_ENTRY(r->left_syncs.next, struct sync, node);
    if (oplog_sweep(&sync->bytes))
        return true;
    list_remove(&sync->node);
    list_remove(&sync->all);
    oplog_fini(&sync->bytes);
    xfree(sync);
    return !list_empty(&r->left_syncs);
}

uint64_t replica_payload_bytes(const struct replica *r)
{
    uint64_t bytes = 0;

    LIST_EACH ((struct list *)&r->syncs, n) {
        const struct oplog *o = &LIST_ENTRY(n, struct sync, all)->bytes;

        bytes += o->held_bytes + o->gone_bytes;
    }
    return bytes;
}

void full_sync_leave(struct follower *f)
{
    struct sync *sync = f->sync;

    if (!sync)
        return;
    f->sync = NULL;
    oplog_close(&f->payload);
    sync->readers--;
    sync_settle(sync);
    full_sync_drained(f->room); /* it may have been the slow one */
}

void full_sync_drained(struct replica *r)
{
    if (r->sync)
        snapshot_resume(persist_snapshot(r->w->persist));
}

static uint64_t held_max(const struct replica *r)
{
    uint64_t hard = r->w->set->server.output_limit[OUTPUT_FOLLOWER].hard_bytes;

    return hard ? hard : PAYLOAD_HELD_MAX;
}

/* Values may be larger than the limit, and several may come at once: who takes them is not dropped for
 * that. What is held is never more than the data set, since each key is sent once. */
static bool holds_too_much(const struct follower *f)
{
    return oplog_lag(&f->payload) > held_max(f->room) &&
           (f->counted || clock_now_ms() - f->progress_ms > PAYLOAD_DROP_MS);
}

static void sync_bytes(void *arg, struct bytes data)
{
    struct sync *sync = arg;
    struct replica *r = sync->room;

    oplog_append_raw(&sync->bytes, data.at, data.len);
    if (sync->bytes.next > PAYLOAD_JOIN_MAX)
        let_beginning_go(sync);
    LIST_EACH (&r->followers, node) {
        struct follower *f = LIST_ENTRY(node, struct follower, node);

        if (f->sync != sync)
            continue;
        leader_pump(f);
        if (holds_too_much(f))
            leader_drop(f, f->counted
                               ? "it cannot take a payload of unknown length, and this one is too "
                                 "large to be held"
                               : "the payload's output buffer is full");
    }
}

static bool sync_ready(void *arg)
{
    const struct sync *sync = arg;

    LIST_EACH (&sync->room->followers, node) {
        const struct follower *f = LIST_ENTRY(node, struct follower, node);

        if (f->sync == sync && !f->counted && oplog_lag(&f->payload) > PAYLOAD_AHEAD_MAX &&
            clock_now_ms() - f->progress_ms < PAYLOAD_STALL_MS)
            return false;
    }
    return true;
}

static void put_lengths(struct sync *sync)
{
    LIST_EACH (&sync->room->followers, node) {
        struct follower *f = LIST_ENTRY(node, struct follower, node);

        if (f->sync == sync)
            leader_say(f, "$%llu\r\n", (unsigned long long)oplog_lag(&f->payload));
    }
}

static void payload_is_whole(struct sync *sync)
{
    sync->whole = true;
    if (sync->counted)
        put_lengths(sync);
    else
        oplog_append_raw(&sync->bytes, sync->mark, RDB_EOF_MARK_LEN);
}

static void sync_done(void *arg, enum err e, const char *why)
{
    struct sync *sync = arg;
    struct replica *r = sync->room;

    sync->readers++; /* the last follower to leave would take the sync along */
    r->sync = NULL;
    if (e == OK) {
        payload_is_whole(sync);
        log_notice("full-sync-made followers=%u" REDIS_SAYS(
                       "Diskless rdb transfer, done reading from pipe, %u replicas still up."),
                   (unsigned)sync->readers - 1, (unsigned)sync->readers - 1);
    } else {
        log_warning("full-sync-failed why=\"%s\"", why);
    }
    LIST_EACH (&r->followers, node) {
        struct follower *f = LIST_ENTRY(node, struct follower, node);

        if (f->sync == sync && e == OK)
            leader_pump(f);
        else if (f->sync == sync)
            leader_drop(f, why);
    }
    let_beginning_go(sync);
    sync->readers--;
    sync_settle(sync);
}

static const struct snapshot_sink sync_sink = { .bytes = sync_bytes,
                                                .ready = sync_ready,
                                                .done = sync_done };

static bool fits(const struct sync *sync, const struct follower *f)
{
    return sync->counted == f->counted && sync->no_keys == f->filter_no_keys &&
           sync->offset >= f->group.least && sync->valkey == (f->valkey >= VALKEY_OWN_RDB);
}

/* repl-diskless-sync-delay is 5 by default, so that followers share one fork. There is no fork here: only
 * a delay that somebody chose, which the default is not, makes a follower wait. */
static uint64_t delay_ms(const struct node_settings *set)
{
    int64_t seconds = set->repl_diskless_sync_delay_s;

    return seconds == DISKLESS_DELAY_DEFAULT_S ? 0 : (uint64_t)seconds * 1000;
}

/* Who waits longest, and whether enough wait for a snapshot to begin now. */
static struct follower *first_waiting(struct replica *r)
{
    const struct node_settings *set = r->w->set;
    struct follower *first = NULL;
    int64_t waiting = 0;

    LIST_EACH (&r->followers, node) {
        struct follower *f = LIST_ENTRY(node, struct follower, node);

        if (f->state != FOLLOWER_WAITING)
            continue;
        waiting++;
        first = first ? first : f;
    }
    if (!first || !set->repl_diskless_sync ||
        (set->repl_diskless_sync_max_followers && waiting >= set->repl_diskless_sync_max_followers))
        return first;
    return clock_now_ms() - first->progress_ms >= delay_ms(set) ? first : NULL;
}

/* From here on the follower's part of the stream is kept for it. */
static void join(struct sync *sync, struct follower *f)
{
    struct replica *r = sync->room;
    enum err e = oplog_open(&sync->bytes, 0, &f->payload);

    ASSERT(e == OK);
    if (!f->rdb_only)
        e = oplog_open(r->w->oplog, sync->offset, &f->stream);
    ASSERT(e == OK);
    f->state = FOLLOWER_PAYLOAD;
    f->sync = sync;
    f->reads_fields |= sync->fields_expire;
    sync->readers++;
    f->progress_ms = clock_now_ms();
    if (!f->sync_only)
        leader_say(f, "+FULLRESYNC %s %llu\r\n", sync->id, (unsigned long long)sync->offset);
    if (!f->counted)
        leader_say(f, "$EOF:%s\r\n", sync->mark);
    r->syncs_full++;
}

static void join_all(struct sync *sync)
{
    LIST_EACH (&sync->room->followers, node) {
        struct follower *f = LIST_ENTRY(node, struct follower, node);

        if (f->state == FOLLOWER_WAITING && fits(sync, f))
            join(sync, f);
    }
}

/* The beginning of what is on its way is still held. */
static bool may_join(const struct sync *sync)
{
    return sync && sync->beginning.log;
}

static void begin_for(struct replica *r, const struct follower *first)
{
    struct snapshot_plan plan = { .use = snapshot_use(r->w->set),
                                  .compress = r->w->set->rdbcompression,
                                  .checksum = true,
                                  .rest_us = r->w->set->rdb_key_save_delay_us,
                                  .no_keys = first->filter_no_keys,
                                  .valkey = first->valkey >= VALKEY_OWN_RDB };
    struct sync *sync;

    oplog_backlog_start(r->w->oplog);
    if (!r->follows)
        oplog_forget_db(r->w->oplog); /* the new follower starts in database 0 */
    replica_position(r, &plan.position);
    sync = sync_new(r, first);
    if (snapshot_start(persist_snapshot(r->w->persist), &plan, &sync_sink, sync) != OK) {
        sync_settle(sync);
        return;
    }
    r->sync = sync;
    join_all(sync);
    log_notice("full-sync-started offset=%llu followers=%u" REDIS_SAYS(
                   "Background RDB transfer started by pid %d"),
               (unsigned long long)sync->offset, (unsigned)sync->readers, (int)getpid());
}

void full_sync_begin(struct replica *r)
{
    const struct follower *first;

    if (may_join(r->sync))
        join_all(r->sync);
    fields_look(r);
    first = first_waiting(r);
    if (first && !snapshot_running(persist_snapshot(r->w->persist)))
        begin_for(r, first);
    /* else the next tick, or the end of what runs, looks again */
}
