/*
 * aof_rewrite - a new base while the loop goes on.
 *
 *     begin --+-- the walk -> a file aside -> renamed ------------+
 *             |                                                   +-- settle: base into the manifest --> end
 *             +-- barrier: a new increment, into the manifest ----+            history is swept
 *
 * The image and the new increment begin at the same offset. A crash at any instant leaves a manifest whose
 * files are the data set: before the last step the old base with all increments, after it the new one
 * with the last. Where the directory cannot be synced behind that step, a start may read either: the new manifest
 * counts, what the old one reads is deleted once the directory was synced, and no name of either is given again.
 * Where the file was off there is no increment; where it waits for its first base, the increment stands outside of
 * the manifest until then, as in Redis.
 */
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "common/alloc.h"
#include "common/clock.h"
#include "common/log.h"
#include "node/persist/aof_files.h"
#include "node/persist/aof_room.h"
#include "node/persist/persist.h"
#include "node/persist/save_file.h"
#include "node/persist/snapshot.h"
#include "node/world.h"

enum {
    HELD_MAX = 8 * 1024 * 1024,     /* the walk waits for the disk above this */
    HELD_ABORT = 256 * 1024 * 1024, /* writes pushed out more old values than the disk takes */
    FAILURES_FREE = 3,              /* after so many in a row the back-off begins */
    DELAY_MAX_MIN = 60,
};

static void settle(struct aof *a);

/* ---- the end -------------------------------------------------------------------------------------- */

static void ended(struct aof *a, bool ok)
{
    struct aof_rewriting *r = &a->rewrite;

    r->running = r->failed = r->base_written = false;
    r->last_ok = ok;
    r->last_ms = clock_now_ms() - r->started_ms;
    r->failures_in_a_row = ok ? 0 : r->failures_in_a_row + 1;
    aof_manifest_fini(&r->next);
    xfree(r->base_path);
    r->base_path = NULL;
    if (!ok && a->state == AOF_WAITING)
        r->scheduled = true; /* nothing is safe before there is a base */
}

static void fail(struct aof *a, const char *why)
{
    struct aof_rewriting *r = &a->rewrite;

    if (!r->running || r->failed)
        return;
    r->failed = true;
    log_warning("aof-rewrite-failed why=\"%s\"", why);
    if (r->walking)
        snapshot_abort(persist_snapshot(a->w->persist), why);
}

static void finished(struct helper_job *job)
{
    struct aof_errand *e = CONTAINER_OF(job, struct aof_errand, job);
    struct aof *a = e->room;
    struct aof_rewriting *r = &a->rewrite;
    int64_t base_bytes = aof_size(r->base_path);
    bool ok = e->e == OK;

    r->finishing = false;
    if (e->placed) /* and a later attempt gives other names */
        aof_manifest_copy(&a->manifest, &r->next);
    if (ok) {
        if (a->state == AOF_WAITING)
            a->state = AOF_ON;
        a->given_up = false;
        a->older_bytes = base_bytes > 0 ? (uint64_t)base_bytes : 0;
        a->rewrite_bytes = aof_bytes(a);
        log_notice("aof-rewritten base=%s bytes=%lld ms=%llu" REDIS_SAYS(
                       "Background AOF rewrite finished successfully"),
                   r->base_path, (long long)base_bytes,
                   (unsigned long long)(clock_now_ms() - r->started_ms));
    } else {
        fail(a, e->why.text);
    }
    aof_errand_end(e);
    ended(a, ok);
    aof_sweep(a);
}

char *aof_waiting_path(const struct aof *a, const char *suffix)
{
    struct buf name = { 0 };
    char *path;

    buf_printf(&name, "temp-%s.incr%s", aof_prefix(a), suffix);
    path = aof_path(aof_dir(a), buf_text(&name));
    buf_fini(&name);
    return path;
}

static void finish(struct aof *a)
{
    struct aof_rewriting *r = &a->rewrite;
    bool waits = a->state == AOF_WAITING;
    const char *incr = NULL;

    aof_manifest_copy(&r->next, &a->manifest);
    aof_manifest_new_base(&r->next, aof_prefix(a), r->rdb, a->state == AOF_ON);
    if (waits)
        incr = aof_manifest_add_incr(&r->next, aof_prefix(a));
    aof_errand_begin(&r->errand, a, &r->next);
    if (waits) {
        r->errand.from = aof_waiting_path(a, "");
        r->errand.to = aof_path(aof_dir(a), incr);
    }
    r->errand.job.done = finished;
    r->finishing = true;
    helper_submit(a->writer.writes, &r->errand.job);
}

/* Everything that was begun has come to its end? */
static void settle(struct aof *a)
{
    struct aof_rewriting *r = &a->rewrite;

    if (!r->running || r->walking || r->file || r->switching || r->finishing)
        return;
    if (!r->failed && r->base_written) {
        finish(a);
        return;
    }
    if (r->base_written)
        unlink(r->base_path);
    ended(a, false);
}

/* ---- the walk into a file --------------------------------------------------------------------------- */

static void file_written(void *arg, enum err e, const struct errmsg *why)
{
    struct aof *a = arg;
    struct save_file *f = a->rewrite.file;

    a->rewrite.file = NULL;
    a->rewrite.base_written = e == OK;
    if (e != OK)
        fail(a, why->text);
    save_file_free(f);
    settle(a);
}

static void file_drained(void *arg)
{
    struct aof *a = arg;

    if (a->rewrite.walking)
        snapshot_resume(persist_snapshot(a->w->persist));
}

static void walk_bytes(void *arg, struct bytes data)
{
    struct aof *a = arg;

    save_file_write(a->rewrite.file, data);
    if (save_file_held(a->rewrite.file) > HELD_ABORT)
        fail(a, "the disk is slower than the writes that came meanwhile");
}

static bool walk_ready(void *arg)
{
    const struct aof *a = arg;

    return save_file_held(a->rewrite.file) < HELD_MAX;
}

static void walk_done(void *arg, enum err e, const char *why)
{
    struct aof *a = arg;
    struct aof_rewriting *r = &a->rewrite;

    r->walking = false;
    if (e == OK && !r->failed) {
        save_file_commit(r->file);
        return;
    }
    fail(a, why ? why : "it was given up");
    save_file_free(r->file);
    r->file = NULL;
    settle(a);
}

static const struct snapshot_sink walk_sink = { .bytes = walk_bytes,
                                                .ready = walk_ready,
                                                .done = walk_done };

static bool begin_walk(struct aof *a, struct errmsg *out_why)
{
    struct aof_rewriting *r = &a->rewrite;
    struct snapshot_plan plan = { .use = snapshot_use(a->w->set),
                                  .compress = a->w->set->rdbcompression,
                                  .checksum = a->w->set->rdbchecksum,
                                  .aof_base = true,
                                  .commands = !r->rdb,
                                  .stamped = a->w->set->aof_timestamp_enabled,
                                  .rest_us = a->w->set->rdb_key_save_delay_us };
    struct buf name = { 0 };

    replica_position(a->w->replica, &plan.position);
    plan.position.known = false; /* the increments move on from it, and say nothing of offsets */
    buf_printf(&name, "%s.%lld.base.%s", aof_prefix(a), (long long)a->manifest.base_seq + 1,
               r->rdb ? "rdb" : "aof");
    r->base_path = aof_path(aof_dir(a), buf_text(&name));
    buf_fini(&name);
    r->file = save_file_new(a->w->loop, r->base_path, file_written, file_drained, a, out_why);
    if (!r->file)
        return false;
    if (snapshot_start(persist_snapshot(a->w->persist), &plan, &walk_sink, a) == OK)
        return true;
    errmsg_set(out_why, "the data set cannot be walked now");
    save_file_free(r->file);
    r->file = NULL;
    return false;
}

/* ---- the new increment ------------------------------------------------------------------------------ */

static void switched(struct helper_job *job)
{
    struct aof_errand *e = CONTAINER_OF(job, struct aof_errand, job);
    struct aof *a = e->room;
    struct aof_rewriting *r = &a->rewrite;

    r->switching = false;
    if (e->e == OK) {
        aof_manifest_copy(&a->manifest, &r->next);
        a->older_bytes += a->writer.file_bytes;
        aof_writer_use(&a->writer, e->fd, r->db);
    } else {
        fail(a, e->why.text);
    }
    aof_errand_end(e);
    aof_writer_go_on(&a->writer);
    settle(a);
}

static void begin_increment(struct aof *a)
{
    struct aof_rewriting *r = &a->rewrite;
    struct replica_position position;
    const char *name;

    replica_position(a->w->replica, &position);
    r->db = replica_is_follower(a->w->replica) ? position.db : -1;
    if (r->db < 0)
        oplog_forget_db(a->w->oplog);
    aof_manifest_copy(&r->next, &a->manifest);
    name = aof_manifest_add_incr(&r->next, aof_prefix(a));
    aof_errand_begin(&r->errand, a, &r->next);
    r->errand.to = aof_path(aof_dir(a), name);
    r->errand.old_fd = a->writer.fd;
    r->errand.job.done = switched;
    r->switching = true;
    aof_writer_barrier(&a->writer, &r->errand.job);
}

/* ---- the beginning ---------------------------------------------------------------------------------- */

static enum err begin(struct aof *a, struct errmsg *out_why)
{
    struct aof_rewriting *r = &a->rewrite;
    enum err e = aof_threads(a, out_why);

    r->scheduled = false;
    r->started_ms = clock_now_ms();
    r->rdb = a->w->set->aof_use_rdb_preamble;
    if (e == OK)
        e = aof_make_dir(aof_dir(a), out_why);
    if (e == OK && a->state == AOF_WAITING)
        e = aof_open_waiting(a, out_why);
    if (e == OK && !begin_walk(a, out_why))
        e = ERR_IO;
    if (e != OK) {
        log_warning("aof-rewrite-failed why=\"%s\"", out_why->text);
        aof_has_no_file(a, out_why);
        ended(a, false);
        return e;
    }
    r->running = r->walking = true;
    a->unseen = false;
    r->count++;
    log_notice("aof-rewrite-started base=%s" REDIS_SAYS(
                   "Background append only file rewriting started by pid %d"),
               r->base_path, (int)getpid());
    if (a->state == AOF_ON)
        begin_increment(a);
    return OK;
}

static bool walk_is_free(const struct aof *a)
{
    return !snapshot_running(persist_snapshot(a->w->persist)) && !persist_saving(a->w->persist);
}

enum err aof_rewrite(struct aof *a, bool only_schedule, struct errmsg *out_why)
{
    struct aof_rewriting *r = &a->rewrite;

    if (r->running)
        return ERR_EXISTS;
    if (only_schedule || !walk_is_free(a) || (a->hooks.in_unit && a->hooks.in_unit(a->hooks.arg))) {
        r->scheduled = true;
        return ERR_AGAIN;
    }
    return begin(a, out_why);
}

void aof_rewrite_later(struct aof *a)
{
    a->rewrite.scheduled = true;
}

void aof_changed_unseen(struct aof *a)
{
    a->unseen = true;
}

void aof_leads(struct aof *a)
{
    if (a->unseen && a->state != AOF_OFF)
        a->rewrite.scheduled = true;
}

uint64_t aof_held_bytes(const struct aof *a)
{
    return a->rewrite.file ? save_file_held(a->rewrite.file) : 0;
}

bool aof_rewriting(const struct aof *a)
{
    return a->rewrite.running;
}

void aof_reset_stats(struct aof *a)
{
    a->rewrite.count = a->rewrite.failures_in_a_row = 0;
    a->writer.delayed_fsyncs = 0;
}

static bool has_grown(const struct aof *a)
{
    const struct node_settings *set = a->w->set;
    uint64_t now = aof_bytes(a), before = a->rewrite_bytes ? a->rewrite_bytes : 1;

    return a->state == AOF_ON && set->auto_aof_rewrite_percentage &&
           now > set->auto_aof_rewrite_min_bytes && now > before &&
           (double)(now - before) * 100. / (double)before >=
               (double)set->auto_aof_rewrite_percentage;
}

/* After failures in a row the next try waits a minute, then two, four, … an hour. */
static bool limited(struct aof *a)
{
    struct aof_rewriting *r = &a->rewrite;

    if (r->failures_in_a_row < FAILURES_FREE) {
        r->delay_min = r->next_ms = 0;
        return false;
    }
    if (r->next_ms) {
        if (clock_now_ms() < r->next_ms)
            return true;
        r->next_ms = 0;
        return false;
    }
    r->delay_min = r->delay_min && !a->given_up ? r->delay_min * 2 : 1; /* writes wait for it */
    if (r->delay_min > DELAY_MAX_MIN)
        r->delay_min = DELAY_MAX_MIN;
    r->next_ms = clock_now_ms() + r->delay_min * 60 * 1000;
    log_warning("aof-rewrite-delayed failures=%llu minutes=%llu" REDIS_SAYS(
                    "Background AOF rewrite has repeatedly failed and triggered the limit"),
                (unsigned long long)r->failures_in_a_row, (unsigned long long)r->delay_min);
    return true;
}

void aof_rewrite_turn(struct aof *a)
{
    struct aof_rewriting *r = &a->rewrite;
    struct errmsg why;

    if (LIKELY(!r->scheduled && !has_grown(a)) || r->running || a->load || a->writer.failing ||
        !walk_is_free(a) || limited(a))
        return;
    begin(a, &why); /* it says itself why not */
}

void aof_rewrite_cancel(struct aof *a, const char *why)
{
    struct aof_rewriting *r = &a->rewrite;

    if (r->running) {
        log_notice(
            "aof-rewrite-cancelled why=\"%s\"" REDIS_SAYS("Killing running AOF rewrite child"),
            why);
        fail(a, why);
        if (r->walking)
            snapshot_finish(persist_snapshot(a->w->persist));
        if (r->file) { /* it is being committed: waited for, and thrown away */
            save_file_free(r->file);
            r->file = NULL;
            unlink(r->base_path);
        }
        if (r->switching && !a->writer.in_barrier) {
            a->writer.barrier = NULL;
            r->switching = false;
            aof_errand_end(&r->errand);
        }
        if (r->switching || r->finishing)
            helper_wait(a->writer.writes);
        settle(a);
    }
    r->scheduled = false;
}
