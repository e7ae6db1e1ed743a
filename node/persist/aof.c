#include "node/persist/aof.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "common/alloc.h"
#include "common/clock.h"
#include "common/file.h"
#include "common/log.h"
#include "common/serve/service.h"
#include "node/keyspace/keyspace.h"
#include "node/persist/aof_files.h"
#include "node/persist/aof_room.h"
#include "node/persist/loader.h"
#include "node/persist/persist.h"
#include "node/persist/save_file.h"
#include "node/world.h"

enum { LOAD_SLICE_US = 5000 };

const char *aof_dir(const struct aof *a)
{
    return a->w->set->appenddirname;
}

const char *aof_prefix(const struct aof *a)
{
    return a->w->set->appendfilename;
}

uint64_t aof_bytes(const struct aof *a)
{
    return a->older_bytes + (aof_writer_on(&a->writer) ? a->writer.file_bytes : 0);
}

/* ---- what the writer tells ------------------------------------------------------------------------ */

static bool always(const struct aof *a)
{
    return aof_writer_on(&a->writer) && a->w->set->appendfsync == APPENDFSYNC_ALWAYS;
}

/* Under everysec and no a reply waits until the kernel has what it tells of, and so outlives us; but for no
 * fsync, as in Redis. A follower promises nothing of its own. */
static bool waits(const struct aof *a)
{
    return aof_writer_on(&a->writer) && !aof_writer_late(&a->writer) &&
           !replica_is_follower(a->w->replica);
}

/* While it fails nobody waits for it: who did is gone, writes are refused, and reads go on. */
static void settle_demand(struct aof *a)
{
    bool on = (always(a) || waits(a)) && !a->writer.failing;

    if (on == a->demands)
        return;
    a->demands = on;
    if (a->hooks.demands)
        a->hooks.demands(a->hooks.arg, on);
}

/* A disk that stalls and does not fail. Nobody writes more than it is held for, a leader's stream included. */
static void settle_stall(struct aof *a)
{
    bool crowded = aof_writer_crowded(&a->writer, a->crowded);

    a->stalls = aof_writer_stalled(&a->writer);
    if (LIKELY(crowded == a->crowded))
        return;
    a->crowded = crowded;
    if (crowded) {
        log_warning("aof-stalled unwritten=%llu",
                    (unsigned long long)(a->w->oplog->next - a->writer.written));
        service_pause(a->w->service, PAUSE_DISK, PAUSE_WRITES, UINT64_MAX);
    } else {
        log_notice("aof-not-stalled");
        service_unpause(a->w->service, PAUSE_DISK);
    }
}

static void on_moved(void *arg)
{
    struct aof *a = arg;

    if (a->hooks.acked && !a->writer.failing)
        a->hooks.acked(a->hooks.arg, aof_writer_acked(&a->writer));
}

static void on_failing(void *arg)
{
    struct aof *a = arg;

    if (a->hooks.failing && always(a))
        a->hooks.failing(a->hooks.arg, a->writer.failing);
    settle_demand(a);
    if (!a->writer.failing && a->writer.lost)
        a->rewrite.scheduled = true; /* the file lacks bytes that only the data set still has */
    a->writer.lost &= a->writer.failing;
}

static void on_wrote(void *arg, uint64_t write_us, uint64_t sync_us)
{
    const struct aof *a = arg;

    if (a->hooks.wrote)
        a->hooks.wrote(a->hooks.arg, write_us, sync_us, a->writer.syncing,
                       a->rewrite.running || persist_saving(a->w->persist));
}

static bool on_rests(void *arg)
{
    const struct aof *a = arg;

    return a->w->set->no_appendfsync_on_rewrite &&
           (a->rewrite.running || persist_saving(a->w->persist));
}

enum err aof_threads(struct aof *a, struct errmsg *out_why)
{
    enum err e;

    if (a->threads)
        return OK;
    e = aof_writer_init(&a->writer, a->w->loop, a->w->oplog, a->w->set, out_why);
    if (e == OK) {
        a->sweeper = helper_new(a->w->loop, out_why);
        e = a->sweeper ? OK : ERR_IO;
    }
    if (e != OK) {
        aof_writer_fini(&a->writer);
        return e;
    }
    a->writer.moved = on_moved;
    a->writer.failing_changed = on_failing;
    a->writer.wrote = on_wrote;
    a->writer.rests = on_rests;
    a->writer.arg = a;
    a->threads = true;
    return OK;
}

/* ---- turns ---------------------------------------------------------------------------------------- */

/* A disk fails, and effects come all the same: a follower cannot refuse its leader's. What is there
 * stays as it is; the data set goes into new files once they can be written. */
void aof_give_up(struct aof *a)
{
    log_warning("aof-given-up held=%llu",
                (unsigned long long)(a->w->oplog->next - a->writer.held.at));
    aof_rewrite_cancel(a, "the files begin anew");
    aof_writer_stop(&a->writer);
    settle_demand(a);
    a->state = AOF_WAITING;
    a->given_up = true;
    a->rewrite.scheduled = true;
}

void aof_has_no_file(struct aof *a, const struct errmsg *why)
{
    if (a->state != AOF_WAITING || aof_writer_on(&a->writer))
        return;
    a->given_up = true;
    a->writer.why = *why;
}

static void before_sleep(struct ev_loop *loop, ev_prepare *prepare, int events)
{
    struct aof *a = prepare->data;

    if (UNLIKELY(aof_writer_hopeless(&a->writer)))
        aof_give_up(a);
    aof_rewrite_turn(a);
    aof_writer_turn(&a->writer);
    settle_demand(a); /* an fsync may have begun, or ended */
    settle_stall(a);
}

static void write_from_here(struct aof *a, int fd, uint64_t bytes)
{
    struct replica_position position;
    bool follows = replica_is_follower(a->w->replica);

    replica_position(a->w->replica, &position);
    if (!follows) {
        oplog_wake(a->w->oplog);
        oplog_forget_db(a->w->oplog); /* a file begins in database 0 */
    }
    aof_writer_start(&a->writer, fd, bytes, follows ? position.db : -1);
    on_moved(a);
    settle_demand(a);
}

/* ---- from file to keyspace ------------------------------------------------------------------------ */

enum err aof_read_manifest(struct aof *a, struct errmsg *out_why)
{
    enum err e = aof_load_manifest(&a->manifest, aof_dir(a), aof_prefix(a), out_why);

    return e == ERR_NOTFOUND ? OK : e;
}

static bool only_names_an_old_file(const struct aof *a)
{
    const struct aof_file *base = aof_manifest_base(&a->manifest);
    AUTO_FREE char *inside = aof_path(aof_dir(a), aof_prefix(a));

    return base && !aof_manifest_last_incr(&a->manifest) && !strcmp(base->name, aof_prefix(a)) &&
           aof_size(inside) < 0;
}

static bool nothing_to_load(const struct aof *a)
{
    return !aof_manifest_base(&a->manifest) && !aof_manifest_last_incr(&a->manifest);
}

/* What there is to load, an old-style file moved in. ERR_NOTFOUND: nothing. */
static enum err find_files(struct aof *a, uint64_t *out_bytes, struct errmsg *out_why)
{
    enum err e;

    if (aof_size(aof_prefix(a)) >= 0 && (nothing_to_load(a) || only_names_an_old_file(a))) {
        e = aof_move_in(&a->manifest, aof_dir(a), aof_prefix(a), out_why);
        if (e != OK)
            return ERR_IO;
        log_notice("aof-moved-in file=%s dir=%s", aof_prefix(a), aof_dir(a));
    }
    if (nothing_to_load(a))
        return ERR_NOTFOUND;
    e = aof_total_size(&a->manifest, aof_dir(a), out_bytes, out_why);
    return e == ERR_NOTFOUND ? ERR_CORRUPT : e;
}

static void load_ends(struct aof *a, enum err e, const struct errmsg *why)
{
    struct aof_load_progress p;

    aof_load_progress(a->load, &p);
    ev_timer_stop(a->w->loop, &a->load_next);
    aof_load_free(a->load);
    a->load = NULL;
    if (e == OK) {
        a->loaded_at = p.at;
        p.position.known = false; /* the increments have moved on from what the base may say */
        replica_restore(a->w->replica, &p.position);
        log_notice("aof-loaded-whole bytes=%llu keys=%llu commands=%llu ms=%llu" REDIS_SAYS(
                       "DB loaded from append only file"),
                   (unsigned long long)p.loaded_bytes, (unsigned long long)p.keys,
                   (unsigned long long)p.commands,
                   (unsigned long long)(clock_now_ms() - p.started_ms));
    }
    a->loaded(a->loaded_arg, e, true, why);
}

static void on_load_next(struct ev_loop *loop, ev_timer *timer, int events)
{
    struct aof *a = timer->data;
    struct errmsg why = { "" };
    enum err e = aof_load_step(a->load, clock_read_us() + LOAD_SLICE_US, &why);

    if (e != ERR_AGAIN) {
        load_ends(a, e, &why);
        return;
    }
    ev_timer_set(&a->load_next, (double)aof_load_rest_us(a->load) / 1e6, 0.);
    ev_timer_start(loop, &a->load_next);
}

void aof_begin_load(struct aof *a, aof_loaded_fn *done, void *arg)
{
    struct errmsg why = { "" };
    uint64_t bytes = 0;
    enum err e = find_files(a, &bytes, &why);

    if (e == ERR_NOTFOUND) {
        replica_restore(a->w->replica, NULL);
        done(arg, OK, false, &why);
        return;
    }
    if (e != OK) {
        done(arg, e, true, &why);
        return;
    }
    a->load = aof_load_new(a->w, &a->manifest, bytes);
    a->loaded = done;
    a->loaded_arg = arg;
    ev_timer_set(&a->load_next, 0., 0.);
    ev_timer_start(a->w->loop, &a->load_next);
}

bool aof_loading(const struct aof *a)
{
    return a->load != NULL;
}

void aof_progress(const struct aof *a, struct aof_load_progress *out)
{
    aof_load_progress(a->load, out);
}

enum err aof_reload(struct aof *a, struct errmsg *out_why)
{
    struct aof_load *load;
    uint64_t bytes = 0;
    enum err e;

    if (a->state == AOF_ON && aof_flush(a) != OK) {
        errmsg_set(out_why, "what is there cannot be written: %s", a->writer.why.text);
        return ERR_IO;
    }
    if (a->state != AOF_ON) {
        e = aof_read_manifest(a, out_why);
        if (e != OK)
            return e;
    }
    e = find_files(a, &bytes, out_why);
    if (e != OK && e != ERR_NOTFOUND)
        return e;
    persist_abort(a->w->persist, "DEBUG LOADAOF took the place of the data set");
    keyspace_flush(a->w->keyspace, -1);
    loader_drop_libraries();
    if (e == ERR_NOTFOUND)
        return OK;
    load = aof_load_new(a->w, &a->manifest, bytes);
    e = aof_load_step(load, 0, out_why);
    aof_load_free(load);
    return e;
}

/* ---- beginning ------------------------------------------------------------------------------------ */

/* An empty data set has a base too, as Redis writes one. */
static enum err write_empty_base(struct aof *a, struct errmsg *out_why)
{
    const char *name =
        aof_manifest_new_base(&a->manifest, aof_prefix(a), a->w->set->aof_use_rdb_preamble, 0);
    AUTO_FREE char *path = aof_path(aof_dir(a), name);

    log_notice("aof-base-created file=%s", path);
    return persist_write_base_now(a->w->persist, path, out_why);
}

static enum err open_last(struct aof *a, struct errmsg *out_why)
{
    const struct aof_file *last = aof_manifest_last_incr(&a->manifest);
    const char *name = last ? last->name : aof_manifest_add_incr(&a->manifest, aof_prefix(a));
    AUTO_FREE char *path = aof_path(aof_dir(a), name);
    struct buf text = { 0 };
    int64_t bytes;
    bool moved;
    enum err e;
    /* What no manifest names was not loaded: a file that has the name of a new one is not appended to. */
    int fd = open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | (last ? 0 : O_TRUNC), 0644);

    if (fd < 0) {
        errmsg_set(out_why, "cannot open %s: %s", path, strerror(errno));
        return ERR_IO;
    }
    e = file_sync_dir(path, out_why);
    if (e == OK &&
        fdatasync(fd)) { /* what was loaded is on the disk from here on: aof_kept says so */
        errmsg_set(out_why, "cannot sync %s: %s", path, strerror(errno));
        e = ERR_IO;
    }
    if (e == OK) {
        aof_manifest_write(&a->manifest, &text);
        e = aof_store_manifest(aof_dir(a), aof_prefix(a), buf_bytes(&text), &moved, out_why);
        buf_fini(&text);
    }
    if (e != OK) {
        close(fd);
        return e;
    }
    bytes = aof_size(path);
    log_notice("aof-opened file=%s bytes=%lld", path, (long long)bytes);
    write_from_here(a, fd, (uint64_t)bytes);
    return OK;
}

static void sweep_unfinished_bases(struct aof *a)
{
    struct buf pattern = { 0 };

    for (int i = 0; i < 2; i++) {
        pattern.len = 0;
        buf_printf(&pattern, "%s/%s.%lld.base.%s", aof_dir(a), aof_prefix(a),
                   (long long)a->manifest.base_seq + 1, i ? "aof" : "rdb");
        save_file_sweep(buf_text(&pattern));
    }
    buf_fini(&pattern);
}

static uint64_t size_in_dir(const struct aof *a, const char *name)
{
    AUTO_FREE char *path = aof_path(aof_dir(a), name);
    int64_t bytes = aof_size(path);

    return bytes > 0 ? (uint64_t)bytes : 0;
}

enum err aof_start(struct aof *a, struct errmsg *out_why)
{
    const struct aof_file *base;
    uint64_t total = 0;
    enum err e;

    if (!a->w->set->appendonly)
        return OK;
    e = aof_make_dir(aof_dir(a), out_why);
    if (e == OK)
        e = aof_threads(a, out_why);
    if (e != OK)
        return e;
    sweep_unfinished_bases(a);
    if (nothing_to_load(a)) {
        e = write_empty_base(a, out_why);
        if (e != OK)
            return e;
    }
    a->state = AOF_ON;
    e = open_last(a, out_why);
    if (e == OK)
        e = aof_total_size(&a->manifest, aof_dir(a), &total, out_why);
    if (e != OK) {
        a->state = AOF_OFF;
        return e;
    }
    base = aof_manifest_base(&a->manifest);
    a->older_bytes = total - a->writer.file_bytes;
    a->rewrite_bytes = base ? size_in_dir(a, base->name) : 0;
    aof_sweep(a);
    return OK;
}

enum err aof_open_waiting(struct aof *a, struct errmsg *out_why)
{
    AUTO_FREE char *path = aof_waiting_path(a, ""), *fresh = aof_waiting_path(a, ".next");
    enum err e = aof_make_dir(aof_dir(a), out_why);
    int fd;

    if (e != OK)
        return e;
    fd = open(fresh, O_WRONLY | O_APPEND | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
    if (fd < 0) {
        errmsg_set(out_why, "cannot create %s: %s", fresh, strerror(errno));
        return ERR_IO;
    }
    /* Of an attempt that failed, and better than none till there is another. */
    aof_writer_stop(&a->writer);
    settle_demand(a);
    if (rename(fresh, path)) { /* its name is synced when it gets the one that counts */
        errmsg_set(out_why, "cannot rename %s: %s", fresh, strerror(errno));
        close(fd);
        return ERR_IO;
    }
    a->older_bytes = 0;
    write_from_here(a, fd, 0);
    return OK;
}

/* ---- on and off ----------------------------------------------------------------------------------- */

static void turn_off(struct aof *a)
{
    aof_rewrite_cancel(a, "appendonly is off");
    if (aof_writer_on(&a->writer) && aof_writer_flush(&a->writer) != OK)
        log_warning("aof-not-flushed why=\"%s\"", a->writer.why.text);
    a->state = AOF_OFF;
    aof_writer_stop(&a->writer);
    settle_demand(a);
}

static enum err turn_on(struct aof *a, struct errmsg *out_why)
{
    enum err e = aof_threads(a, out_why);

    if (e != OK)
        return e;
    a->state = AOF_WAITING;
    a->given_up = false;
    e = aof_rewrite(a, false, out_why);
    if (e == ERR_AGAIN)
        log_notice("aof-rewrite-scheduled" REDIS_SAYS("an AOF background was scheduled"));
    if (e == OK || e == ERR_AGAIN)
        return OK;
    if (e == ERR_EXISTS) { /* one that BGREWRITEAOF began while it was off: another follows */
        a->rewrite.scheduled = true;
        return OK;
    }
    a->state = AOF_OFF;
    return e;
}

enum err aof_switch(struct aof *a, bool on, struct errmsg *out_why)
{
    enum err e = OK;

    if (on == (a->state != AOF_OFF))
        return OK;
    if (!on) {
        turn_off(a);
        return OK;
    }
    e = turn_on(a, out_why);
    if (e != OK) {
        log_warning("aof-not-turned-on why=\"%s\"", out_why->text);
        errmsg_set(out_why, "Failed to turn on AOF. Check server logs.");
    }
    return e;
}

void aof_policy_changed(struct aof *a)
{
    if (a->state == AOF_OFF)
        return;
    on_moved(a);
    settle_demand(a);
}

bool aof_enabled(const struct aof *a)
{
    return a->state != AOF_OFF;
}

const char *aof_refuses_writes(const struct aof *a)
{
    bool refuses = a->state != AOF_OFF && (a->writer.failing || a->given_up);

    return refuses ? a->writer.why.text : NULL;
}

bool aof_stalls(const struct aof *a)
{
    return a->stalls;
}

bool aof_awaits_base(const struct aof *a)
{
    return a->state == AOF_WAITING && !a->given_up && a->rewrite.running;
}

enum err aof_flush(struct aof *a)
{
    return aof_writer_on(&a->writer) ? aof_writer_flush(&a->writer) : OK;
}

/* ---- full syncs ------------------------------------------------------------------------------------- */

void aof_history_ends(struct aof *a)
{
    if (a->state == AOF_OFF) {
        aof_rewrite_cancel(a, "a full sync took the place of the data set");
        return;
    }
    turn_off(a);
    a->restart = true;
}

/* As if it had been turned on now: the files of before hold until the first base of the new data stands. */
void aof_history_begins(struct aof *a)
{
    struct errmsg why = { "" };

    if (a->hooks.rewound)
        a->hooks.rewound(a->hooks.arg, a->w->oplog->next);
    if (!a->restart)
        return;
    a->restart = false;
    if (turn_on(a, &why) != OK) {
        log_warning("aof-not-restarted why=\"%s\"", why.text);
        a->state = AOF_WAITING; /* and tried again */
        a->rewrite.scheduled = true;
        aof_has_no_file(a, &why);
    }
}

/* ---- the room --------------------------------------------------------------------------------------- */

struct aof *aof_new(struct node_world *w)
{
    struct aof *a = xcalloc(1, sizeof *a);

    a->w = w;
    a->writer.fd = -1;
    a->rewrite.last_ok = true;
    a->rewrite.last_ms = UINT64_MAX;
    ev_timer_init(&a->load_next, on_load_next, 0., 0.);
    a->load_next.data = a;
    ev_prepare_init(&a->before_sleep, before_sleep);
    a->before_sleep.data = a;
    ev_prepare_start(w->loop, &a->before_sleep);
    ev_unref(w->loop);
    return a;
}

void aof_free(struct aof *a)
{
    if (!a)
        return;
    a->hooks = (struct aof_hooks){ 0 };
    if (a->state != AOF_OFF)
        turn_off(a);
    else
        aof_rewrite_cancel(a, "the node stops");
    ev_timer_stop(a->w->loop, &a->load_next);
    aof_load_free(a->load);
    ev_ref(a->w->loop);
    ev_prepare_stop(a->w->loop, &a->before_sleep);
    if (a->threads) {
        helper_wait(a->sweeper);
        helper_wait(a->writer.writes);
        helper_free(a->sweeper);
        aof_writer_fini(&a->writer);
    }
    aof_manifest_fini(&a->manifest);
    xfree(a);
}

void aof_set_hooks(struct aof *a, const struct aof_hooks *hooks)
{
    a->hooks = *hooks;
}
