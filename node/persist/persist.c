#include "node/persist/persist.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/alloc.h"
#include "common/clock.h"
#include "common/log.h"
#include "node/keyspace/keyspace.h"
#include "node/persist/aof.h"
#include "node/persist/aof_load.h"
#include "node/persist/loader.h"
#include "node/persist/persist_room.h"
#include "node/persist/save_file.h"
#include "node/replica/replica.h"
#include "node/settings.h"
#include "node/world.h"

enum {
    LOAD_SLICE_US = 5000,
    LOAD_READ_BYTES = 256 * 1024,
    SAVE_HELD_MAX = 8 * 1024 * 1024,     /* the walk waits for the disk above this */
    SAVE_HELD_ABORT = 256 * 1024 * 1024, /* writes pushed out more old values than the disk takes */
    SAVE_RETRY_MS = 5000,                /* after a failed save by save point */
};

static struct snapshot_plan file_plan(const struct persist *p)
{
    struct snapshot_plan plan = { .use = snapshot_use(p->w->set),
                                  .compress = p->w->set->rdbcompression,
                                  .checksum = p->w->set->rdbchecksum,
                                  .rest_us = p->w->set->rdb_key_save_delay_us };

    replica_position(p->w->replica, &plan.position);
    return plan;
}

static void saved(struct persist *p, enum err e, const char *why)
{
    if (p->called_off) { /* by somebody's wish: no failure, as Redis sees it */
        p->called_off = false;
        log_notice("save-cancelled file=%s why=\"%s\"", p->w->set->dbfilename, why);
        return;
    }
    p->last_save_ok = e == OK;
    p->last_save_ms = clock_now_ms() - p->save_started_ms;
    if (e != OK) {
        p->failed_ms = clock_now_ms();
        log_warning("save-failed file=%s why=\"%s\"" REDIS_SAYS("Background saving error"),
                    p->w->set->dbfilename, why);
        return;
    }
    p->saves++;
    p->changes -= p->changes_at_start;
    p->last_save_wall_s = (int64_t)(clock_wall_ms() / 1000);
    log_notice("saved file=%s bytes=%llu ms=%llu" REDIS_SAYS("DB saved on disk"),
               p->w->set->dbfilename, (unsigned long long)p->save_bytes,
               (unsigned long long)p->last_save_ms);
}

static void save_begins(struct persist *p)
{
    p->save_started_ms = clock_now_ms();
    p->changes_at_start = p->changes;
}

/* ---- in the background: the walk's sink is a file that a helper thread writes ----------------- */

static void file_written(void *arg, enum err e, const struct errmsg *why)
{
    struct persist *p = arg;
    struct save_file *f = p->file;

    p->file = NULL;
    saved(p, e, why->text);
    save_file_free(f);
}

static void file_drained(void *arg)
{
    struct persist *p = arg;

    snapshot_resume(&p->snapshot);
}

static void file_bytes(void *arg, struct bytes data)
{
    struct persist *p = arg;

    if (!p->file)
        return;
    save_file_write(p->file, data);
    if (save_file_held(p->file) > SAVE_HELD_ABORT)
        snapshot_abort(&p->snapshot, "the disk is slower than the writes that came meanwhile");
}

static bool file_ready(void *arg)
{
    struct persist *p = arg;

    return !p->file || save_file_held(p->file) < SAVE_HELD_MAX;
}

static void file_snapshot_done(void *arg, enum err e, const char *why)
{
    struct persist *p = arg;

    p->saving = false;
    p->save_bytes = p->snapshot.bytes; /* before the file is safe another walk may have begun */
    if (e == OK) {
        save_file_commit(p->file);
        return;
    }
    save_file_free(p->file);
    p->file = NULL;
    saved(p, e, why);
}

static const struct snapshot_sink file_sink = {
    .bytes = file_bytes,
    .ready = file_ready,
    .done = file_snapshot_done,
};

enum err persist_save_background(struct persist *p, struct errmsg *out_why)
{
    struct snapshot_plan plan = file_plan(p);
    enum err e;

    if (persist_saving(p)) {
        errmsg_set(out_why, "Background save already in progress");
        return ERR_EXISTS;
    }
    if (snapshot_running(&p->snapshot)) {
        errmsg_set(out_why, "%s",
                   aof_rewriting(p->w->aof)
                       ? "Another child process is active (AOF?): can't BGSAVE right now. "
                         "Use BGSAVE SCHEDULE in order to schedule a BGSAVE whenever "
                         "possible."
                       : "Background save already in progress"); /* Redis: the same child */
        return ERR_AGAIN;
    }
    p->file =
        save_file_new(p->w->loop, p->w->set->dbfilename, file_written, file_drained, p, out_why);
    if (!p->file) {
        save_begins(p);
        saved(p, ERR_IO, out_why->text);
        return ERR_IO;
    }
    e = snapshot_start(&p->snapshot, &plan, &file_sink, p);
    if (e != OK) {
        save_file_free(p->file);
        p->file = NULL;
        errmsg_set(out_why, "the data set is being walked already");
        return ERR_AGAIN;
    }
    save_begins(p);
    p->saving = true;
    return OK;
}

/* ---- now: the loop waits ----------------------------------------------------------------------- */

struct save_now {
    int fd;
    enum err e;
    struct errmsg why;
};

static void now_bytes(void *arg, struct bytes data)
{
    struct save_now *now = arg;

    if (now->e == OK)
        now->e = save_file_now_write(now->fd, data, &now->why);
}

static void now_done(void *arg, enum err e, const char *why)
{
    struct save_now *now = arg;

    if (now->e != OK || e == OK)
        return;
    now->e = e;
    errmsg_set(&now->why, "%s", why);
}

static const struct snapshot_sink now_sink = { .bytes = now_bytes, .done = now_done };

static enum err save_now(struct persist *p, struct snapshot *s, const char *path,
                         const struct snapshot_plan *plan, struct errmsg *out_why)
{
    struct save_now now = { 0 };
    char *temp;
    enum err e = save_file_now_open(path, &temp, &now.fd, out_why);

    if (e != OK)
        return e;
    e = snapshot_start(s, plan, &now_sink, &now);
    if (e == OK) {
        snapshot_finish(s);
        p->save_bytes = s->bytes;
        e = now.e;
        *out_why = now.why;
    } else {
        errmsg_set(out_why, "the data set is being walked already");
    }
    if (e == OK)
        return save_file_now_commit(path, temp, now.fd, out_why);
    save_file_now_abandon(temp, now.fd);
    return e;
}

/* What walks gives way; a rewrite of the append only file comes again. */
static void take_the_walk(struct persist *p, const char *why)
{
    bool again = snapshot_running(&p->snapshot) && aof_rewriting(p->w->aof);

    persist_abort(p, why);
    if (again)
        aof_rewrite_later(p->w->aof);
}

enum err persist_save_now(struct persist *p, struct errmsg *out_why)
{
    struct snapshot_plan plan = file_plan(p);
    enum err e;

    take_the_walk(p, "a save that does not wait took its place");
    save_begins(p);
    e = save_now(p, &p->snapshot, p->w->set->dbfilename, &plan, out_why);
    saved(p, e, out_why->text);
    return e;
}

bool persist_cancel(struct persist *p, const char *why)
{
    if (!snapshot_running(&p->snapshot))
        return false;
    p->called_off = p->saving;
    snapshot_abort(&p->snapshot, why);
    return true;
}

enum err persist_write_base_now(struct persist *p, const char *path, struct errmsg *out_why)
{
    struct snapshot_plan plan = file_plan(p);

    plan.position.known = false;
    plan.aof_base = true;
    plan.commands = !p->w->set->aof_use_rdb_preamble;
    plan.stamped = p->w->set->aof_timestamp_enabled;
    return save_now(p, &p->snapshot, path, &plan, out_why);
}

void persist_abort(struct persist *p, const char *why)
{
    if (persist_cancel(p, why)) {
        snapshot_finish(&p->snapshot);
    }
    save_file_free(p->file); /* one that is being committed is waited for */
    p->file = NULL;
}

void persist_flushed(struct persist *p)
{
    if (p->saving)
        persist_cancel(p, "the data set was flushed");
    p->emptied =
        persist_has_save_points(p) && !replica_is_follower(p->w->replica) && !persist_loading(p);
}

static bool holds_keys(const struct keyspace *ks)
{
    for (int db = 0; db < keyspace_databases(ks); db++)
        if (keyspace_size(ks, db))
            return true;
    return false;
}

/* Without the walk, which may be feeding followers. */
static enum err save_empty(struct persist *p, struct errmsg *out_why)
{
    struct snapshot_plan plan = file_plan(p);
    struct snapshot none;

    plan.no_keys = true;
    snapshot_init(&none, p->w->loop, p->w->keyspace);
    none.libraries = p->snapshot.libraries;
    none.libraries_arg = p->snapshot.libraries_arg;
    save_begins(p);
    return save_now(p, &none, p->w->set->dbfilename, &plan, out_why);
}

/* Its rename would bring back what was flushed: it is waited for. */
static void outlast_commit(struct persist *p)
{
    save_file_free(p->file);
    p->file = NULL;
    p->called_off = true;
    saved(p, ERR_GONE, "the data set was flushed");
}

static void save_nothing(struct persist *p)
{
    struct errmsg why = { 0 };
    enum err e;

    p->emptied = false;
    if (p->saving)
        persist_abort(p, "the data set was flushed");
    if (p->file)
        outlast_commit(p);
    if (holds_keys(p->w->keyspace)) { /* DEBUG RELOAD flushed */
        p->scheduled = true;
        return;
    }
    e = save_empty(p, &why);
    if (e == OK)
        saved(p, OK, why.text);
    else
        log_warning("save-of-nothing-failed file=%s why=%s", p->w->set->dbfilename, why.text);
    p->scheduled = p->scheduled || e != OK;
}

void persist_settle(struct persist *p)
{
    if (UNLIKELY(p->emptied))
        save_nothing(p);
}

/* ---- save points ------------------------------------------------------------------------------- */

static bool save_is_due(const struct persist *p)
{
    const struct node_settings *set = p->w->set;
    int64_t age = (int64_t)(clock_wall_ms() / 1000) - p->last_save_wall_s;

    if (!p->last_save_ok && clock_now_ms() - p->failed_ms < SAVE_RETRY_MS)
        return false;
    for (int i = 0; i < set->save_count; i++) {
        if (p->changes >= (uint64_t)set->save[i].changes && p->changes &&
            age >= set->save[i].seconds)
            return true;
    }
    return false;
}

static void on_second(struct ev_loop *loop, ev_timer *timer, int events)
{
    struct persist *p = timer->data;
    struct errmsg why;

    if (persist_loading(p) || persist_saving(p) || snapshot_running(&p->snapshot))
        return;
    if (p->scheduled || save_is_due(p)) {
        p->scheduled = false;
        if (persist_save_background(p, &why) == OK)
            log_notice("save-started changes=%llu", (unsigned long long)p->changes);
    }
}

/* ---- loading at start --------------------------------------------------------------------------- */

struct load {
    int fd;
    struct loader loader;
    struct buf data;
    size_t at;   /* consumed of data */
    bool hungry; /* what was read is used up */
    bool file_ended;
    uint64_t started_ms, total_bytes;
    int64_t started_wall_s;
    persist_loaded_fn *done;
    void *arg;
};

static void load_ends(struct persist *p, enum err e, const struct errmsg *why)
{
    struct load *load = p->loading;
    persist_loaded_fn *done = load->done;
    void *arg = load->arg;

    ev_timer_stop(p->w->loop, &p->load_next);
    p->loading = NULL;
    if (e == OK) {
        p->loaded_keys = load->loader.loaded;
        p->expired_keys = load->loader.expired;
        replica_restore(p->w->replica, &load->loader.position);
        log_notice(
            "loaded file=%s keys=%llu expired=%llu ms=%llu" REDIS_SAYS("DB loaded from disk"),
            p->w->set->dbfilename, (unsigned long long)p->loaded_keys,
            (unsigned long long)p->expired_keys,
            (unsigned long long)(clock_now_ms() - load->started_ms));
    }
    if (e != OK)
        log_warning("load-broke file=%s at=%llu" REDIS_SAYS(
                        "Terminating server after rdb file reading failure."),
                    p->w->set->dbfilename, (unsigned long long)load->loader.reader.offset);
    loader_fini(&load->loader);
    buf_fini(&load->data);
    close(load->fd);
    xfree(load);
    done(arg, e, true, why);
}

/* Reads one block and loads what is whole. ERR_AGAIN: there is more to do. */
static enum err load_block(struct load *load, uint64_t deadline_us, struct errmsg *out_why)
{
    struct bytes rest;
    size_t consumed;
    enum err e;
    ssize_t n;

    if (load->hungry && !load->file_ended) {
        buf_drop(&load->data, load->at);
        load->at = 0;
        n = read(load->fd, buf_reserve(&load->data, LOAD_READ_BYTES), LOAD_READ_BYTES);
        if (n < 0 && errno != EINTR) {
            errmsg_set(out_why, "cannot read: %s", strerror(errno));
            return ERR_IO;
        }
        load->data.len += n > 0 ? (size_t)n : 0;
        load->file_ended = n == 0;
    }
    rest = (struct bytes){ load->data.at + load->at, load->data.len - load->at };
    e = loader_feed(&load->loader, rest, deadline_us, &consumed, out_why);
    load->at += consumed;
    load->hungry = e == OK;
    if (e != OK)
        return e;
    if (load->loader.ended)
        return OK;
    if (!load->file_ended)
        return ERR_AGAIN;
    errmsg_set(out_why, "the file ends in the middle, after %llu bytes",
               (unsigned long long)load->loader.reader.offset);
    return ERR_CORRUPT;
}

static void on_load_next(struct ev_loop *loop, ev_timer *timer, int events)
{
    struct persist *p = timer->data;
    uint64_t deadline_us = clock_read_us() + LOAD_SLICE_US;
    struct errmsg why = { 0 };
    enum err e;

    do {
        e = load_block(p->loading, deadline_us, &why);
    } while (e == ERR_AGAIN && p->loading->hungry && clock_read_us() < deadline_us);
    if (e != ERR_AGAIN) {
        load_ends(p, e, &why);
        return;
    }
    ev_timer_set(&p->load_next, (double)rest_left_us(&p->loading->loader.rest) / 1e6, 0.);
    ev_timer_start(loop, &p->load_next);
}

/* What holds the data set: the append only file where it is on, else the RDB. */
void persist_load(struct persist *p, persist_loaded_fn *done, void *arg)
{
    const struct node_settings *set = p->w->set;
    struct errmsg why = { 0 };
    struct stat st;
    int fd;

    save_file_sweep(set->dbfilename);
    if (aof_read_manifest(p->w->aof, &why) != OK) {
        done(arg, ERR_CORRUPT, true, &why);
        return;
    }
    if (set->appendonly) {
        if (access(set->dbfilename, F_OK) == 0)
            log_notice(
                "rdb-not-read file=%s why=\"appendonly is on, and its files are the data set\"",
                set->dbfilename);
        aof_begin_load(p->w->aof, done, arg);
        return;
    }
    fd = open(set->dbfilename, O_RDONLY | O_CLOEXEC);
    if (fd < 0 && errno == ENOENT) {
        replica_restore(p->w->replica, NULL);
        done(arg, OK, false, &why);
        return;
    }
    if (fd < 0) {
        errmsg_set(&why, "cannot open %s: %s", set->dbfilename, strerror(errno));
        done(arg, ERR_IO, true, &why);
        return;
    }
    p->loading = xcalloc(1, sizeof *p->loading);
    *p->loading = (struct load){ .fd = fd,
                                 .hungry = true,
                                 .done = done,
                                 .arg = arg,
                                 .started_ms = clock_now_ms(),
                                 .started_wall_s = (int64_t)(clock_wall_ms() / 1000),
                                 .total_bytes = fstat(fd, &st) ? 0 : (uint64_t)st.st_size };
    loader_init(&p->loading->loader, p->w->keyspace, *set->leader_host != '\0', set->rdbchecksum);
    p->loading->loader.rest_us = &set->key_load_delay_us;
    ev_timer_set(&p->load_next, 0., 0.);
    ev_timer_start(p->w->loop, &p->load_next);
}

bool persist_loading(const struct persist *p)
{
    return p->loading || aof_loading(p->w->aof);
}

bool persist_load_progress(const struct persist *p, struct persist_progress *out)
{
    const struct load *load = p->loading;
    struct aof_load_progress file;
    uint64_t age_ms, left;

    if (!load && !aof_loading(p->w->aof))
        return false;
    if (load)
        file = (struct aof_load_progress){ .started_wall_s = load->started_wall_s,
                                           .started_ms = load->started_ms,
                                           .total_bytes = load->total_bytes,
                                           .loaded_bytes = load->loader.reader.offset };
    else
        aof_progress(p->w->aof, &file);
    age_ms = clock_now_ms() - file.started_ms;
    left = file.total_bytes > file.loaded_bytes ? file.total_bytes - file.loaded_bytes : 0;
    *out = (struct persist_progress){ .started_wall_s = file.started_wall_s,
                                      .total_bytes = file.total_bytes,
                                      .loaded_bytes = file.loaded_bytes };
    if (file.loaded_bytes)
        out->eta_s = (int64_t)(left * age_ms / file.loaded_bytes / 1000);
    return true;
}

/* ---- DEBUG RELOAD ------------------------------------------------------------------------------- */

struct merge {
    struct keyspace *into;
    const struct keyspace *from;
    int db;
    bool clash; /* a key that is in both */
};

static void look_for_clash(void *arg, const struct entry *e)
{
    struct merge *m = arg;

    m->clash = m->clash || keyspace_read(m->into, m->db, entry_key(e),
                                         DOOR_STREAM | DOOR_NO_TOUCH | DOOR_NO_STATS);
}

static void put_over(void *arg, const struct entry *e)
{
    struct merge *m = arg;
    struct value value = keyspace_copy_value(m->from, e);

    keyspace_put(m->into, m->db, entry_key(e), &value, entry_expiry_ms(e), DOOR_STREAM);
}

static void each_key(struct merge *m, keyspace_each_fn *fn)
{
    for (m->db = 0; m->db < keyspace_databases(m->from); m->db++)
        keyspace_each(m->from, m->db, fn, m);
}

static enum err merge(struct keyspace *into, const struct keyspace *from, bool replace,
                      struct errmsg *out_why)
{
    struct merge m = { .into = into, .from = from };

    if (!replace)
        each_key(&m, look_for_clash);
    if (m.clash) {
        errmsg_set(out_why, "it has keys that are here already");
        return ERR_EXISTS;
    }
    each_key(&m, put_over);
    return OK;
}

enum err persist_reload(struct persist *p, enum loader_end end, struct errmsg *out_why)
{
    const struct node_settings *set = p->w->set;
    struct keyspace *fresh = keyspace_new_beside(p->w->keyspace);
    struct load load = { .fd = open(set->dbfilename, O_RDONLY | O_CLOEXEC), .hungry = true };
    enum err e = ERR_AGAIN;

    if (load.fd < 0) {
        errmsg_set(out_why, "cannot open %s: %s", set->dbfilename, strerror(errno));
        keyspace_free(fresh);
        return ERR_IO;
    }
    loader_init(&load.loader, fresh, true, set->rdbchecksum);
    load.loader.end = end;
    while (e == ERR_AGAIN)
        e = load_block(&load, 0, out_why);
    if (e == OK && end != LOAD_TAKES_OVER) {
        e = merge(p->w->keyspace, fresh, end == LOAD_MERGES, out_why);
    } else if (e == OK) {
        take_the_walk(p, "DEBUG RELOAD took the place of the data set");
        keyspace_take_over(p->w->keyspace, fresh);
    }
    loader_fini(&load.loader);
    buf_fini(&load.data);
    close(load.fd);
    keyspace_free(fresh);
    return e;
}

/* ---- the room ----------------------------------------------------------------------------------- */

bool persist_refuses_writes(const struct persist *p)
{
    return !p->last_save_ok && p->w->set->stop_writes_on_bgsave_error && persist_has_save_points(p);
}

struct persist *persist_new(struct node_world *w)
{
    struct persist *p = xcalloc(1, sizeof *p);

    p->w = w;
    p->last_save_ok = true;
    p->last_save_ms = UINT64_MAX;
    p->last_save_wall_s = (int64_t)(clock_wall_ms() / 1000);
    snapshot_init(&p->snapshot, w->loop, w->keyspace);
    ev_timer_init(&p->second, on_second, 1., 1.);
    p->second.data = p;
    ev_timer_start(w->loop, &p->second);
    ev_unref(w->loop);
    ev_timer_init(&p->load_next, on_load_next, 0., 0.);
    p->load_next.data = p;
    return p;
}

void persist_free(struct persist *p)
{
    if (!p)
        return;
    persist_abort(p, "the node stops");
    if (p->loading) {
        ev_timer_stop(p->w->loop, &p->load_next);
        loader_fini(&p->loading->loader);
        buf_fini(&p->loading->data);
        close(p->loading->fd);
        xfree(p->loading);
    }
    ev_ref(p->w->loop);
    ev_timer_stop(p->w->loop, &p->second);
    snapshot_fini(&p->snapshot);
    xfree(p);
}

void persist_reset_stats(struct persist *p)
{
    p->saves = 0;
}

bool persist_saving(const struct persist *p)
{
    return p->saving || p->file;
}

bool persist_has_save_points(const struct persist *p)
{
    return p->w->set->save_count > 0;
}

void persist_count_changes(struct persist *p, uint64_t changes)
{
    p->changes += changes;
}

uint64_t persist_held_bytes(const struct persist *p)
{
    return p->snapshot.aside.bytes.cap + (p->file ? save_file_held(p->file) : 0);
}

struct snapshot *persist_snapshot(struct persist *p)
{
    return &p->snapshot;
}
