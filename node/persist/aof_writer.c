#include "node/persist/aof_writer.h"

#include <errno.h>
#include <limits.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "common/alloc.h"
#include "common/clock.h"
#include "common/log.h"
#include "common/resp.h"

/* ---- on the threads ------------------------------------------------------------------------------ */

static int write_text(int fd, struct bytes text)
{
    while (text.len) {
        ssize_t n = write(fd, text.at, text.len);

        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return n ? errno : ENOSPC;
        text.at += n;
        text.len -= (size_t)n;
    }
    return 0;
}

/* Moves over what was taken. */
static void pieces_taken(struct iovec **at, size_t *count, size_t len)
{
    while (len && len >= (*at)->iov_len) {
        len -= (*at)->iov_len;
        ++*at;
        --*count;
    }
    if (len) {
        (*at)->iov_base = (char *)(*at)->iov_base + len;
        (*at)->iov_len -= len;
    }
}

static int write_pieces(int fd, struct iovec *at, size_t count)
{
    while (count) {
        ssize_t n = writev(fd, at, count > IOV_MAX ? IOV_MAX : (int)count);

        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return n ? errno : ENOSPC;
        pieces_taken(&at, &count, (size_t)n);
    }
    return 0;
}

static void sleep_us(uint64_t us)
{
    nanosleep(&(struct timespec){ .tv_sec = (time_t)(us / 1000000),
                                  .tv_nsec = (long)(us % 1000000) * 1000 },
              NULL);
}

/* All of it or nothing: what was torn is taken back, here or by whoever tries again. */
static void run_write(struct helper_job *job)
{
    struct aof_write *write = CONTAINER_OF(job, struct aof_write, job);

    uint64_t begun_us = clock_read_us();

    if (write->sleep_us)
        sleep_us(write->sleep_us);
    write->error = 0;
    write->sync_failed = false;
    write->sync_us = 0;
    if (write->cut && ftruncate(write->fd, (off_t)write->start_bytes)) {
        write->error = errno;
        return;
    }
    write->error = write_text(write->fd, buf_bytes(&write->head));
    if (!write->error)
        write->error = write_pieces(write->fd, write->pieces, write->count);
    if (write->error) {
        write->cut = ftruncate(write->fd, (off_t)write->start_bytes) != 0;
        return;
    }
    write->cut = false;
    write->write_us = clock_read_us() - begun_us;
    if (write->sync && fdatasync(write->fd)) {
        write->error = errno;
        write->sync_failed = true;
    }
    if (write->sync)
        write->sync_us = clock_read_us() - begun_us - write->write_us;
}

static void run_sync(struct helper_job *job)
{
    struct aof_sync *sync = CONTAINER_OF(job, struct aof_sync, job);

    sync->error = fdatasync(sync->fd) ? errno : 0;
}

/* ---- failures ------------------------------------------------------------------------------------ */

static void fail(struct aof_writer *w, const char *what, int error)
{
    errmsg_set(&w->why, "%s", strerror(error));
    if (w->failing)
        return;
    w->failing = true;
    log_warning("aof-failing what=%s why=\"%s\"", what, w->why.text);
    w->failing_changed(w->arg);
}

static void mended(struct aof_writer *w)
{
    if (!w->failing)
        return;
    w->failing = false;
    log_notice("aof-mended offset=%llu", (unsigned long long)w->written);
    w->failing_changed(w->arg);
}

/* The cursor to come goes back: those bytes are handed over again. */
static void hand_again_from(struct aof_writer *w, uint64_t offset)
{
    enum err e;

    w->noted = UINT64_MAX; /* the notes since are cut off with the rest */
    oplog_close(&w->next);
    e = oplog_open(w->log, offset, &w->next);
    ASSERT(e == OK);
}

/* After a failed fsync nobody knows which pages are on the disk, and another fsync would not try them
 * again: everything since the last good one is written anew. */
static void rewind_to_synced(struct aof_writer *w)
{
    w->rewind = false;
    if (w->held.at > w->synced) {
        log_warning("aof-unsynced-bytes-gone bytes=%llu",
                    (unsigned long long)(w->held.at - w->synced));
        w->lost = true; /* only a rewrite helps, which the owner begins */
        return;
    }
    w->written = w->synced;
    w->file_bytes = w->synced_bytes;
    w->cut = true;
    hand_again_from(w, w->written);
}

/* ---- marks --------------------------------------------------------------------------------------- */

static bool syncs_with_writes(const struct aof_writer *w)
{
    return w->required == KEEP_FSYNC ||
           (w->set->appendfsync == APPENDFSYNC_ALWAYS && !w->rests(w->arg));
}

static bool syncs_ever(const struct aof_writer *w)
{
    return w->required == KEEP_FSYNC || w->set->appendfsync != APPENDFSYNC_NO;
}

uint64_t aof_writer_acked(const struct aof_writer *w)
{
    return syncs_with_writes(w) ? w->synced : w->written;
}

bool aof_writer_hopeless(const struct aof_writer *w)
{
    return w->failing && w->log->next - w->held.at > AOF_FAILING_HELD_MAX;
}

/* Something has not been written for so long. */
static bool behind_for(const struct aof_writer *w, uint64_t ms)
{
    return w->behind_ms && clock_now_ms() - w->behind_ms >= ms;
}

bool aof_writer_late(const struct aof_writer *w)
{
    return (w->syncing || w->barrier) && !behind_for(w, AOF_POSTPONE_MS);
}

bool aof_writer_stalled(const struct aof_writer *w)
{
    return aof_writer_on(w) && !w->failing && behind_for(w, AOF_STALLED_MS);
}

bool aof_writer_crowded(const struct aof_writer *w, bool was)
{
    uint64_t limit = was ? AOF_UNWRITTEN_MAX / 2 : AOF_UNWRITTEN_MAX;

    return aof_writer_on(w) && !w->failing && w->log->next - w->written > limit;
}

static void let_go(struct aof_writer *w)
{
    bool hold = syncs_ever(w) && w->written - w->synced <= AOF_HELD_MAX;
    uint64_t until = hold ? w->synced : w->written;

    while (w->held.at < until) {
        size_t here = oplog_read(&w->held).len;
        size_t step = until - w->held.at < here ? (size_t)(until - w->held.at) : here;

        oplog_advance(&w->held, step);
    }
    oplog_forget_asides(w->log, w->held.at);
}

static void moved(struct aof_writer *w)
{
    let_go(w);
    w->moved(w->arg);
}

static void synced_up_to(struct aof_writer *w, uint64_t offset, uint64_t bytes)
{
    w->synced = offset;
    w->synced_bytes = bytes;
    w->last_sync_ms = clock_now_ms();
}

/* ---- writing ------------------------------------------------------------------------------------- */

static void add_piece(struct aof_write *write, struct bytes data)
{
    if (!data.len)
        return;
    if (write->count == write->cap) {
        write->cap = write->cap ? write->cap * 2 : 16;
        write->pieces = xrealloc(write->pieces, write->cap * sizeof *write->pieces);
    }
    write->pieces[write->count++] =
        (struct iovec){ .iov_base = (char *)data.at, .iov_len = data.len };
    write->bytes += data.len;
}

/* Where the file would not tell it by itself. */
static void note_here(struct aof_writer *w)
{
    struct buf *notes = &w->write.notes;
    size_t before = notes->len;

    if (LIKELY(!w->epoch_at) || w->write.noted == w->next.at)
        return;
    aof_note_put(notes, w->epoch_at(w->epoch_arg, w->next.at), w->next.at);
    w->write.noted = w->next.at;
    add_piece(&w->write, (struct bytes){ NULL, notes->len - before });
}

static void place_notes(struct aof_write *write)
{
    char *at = write->notes.at;

    for (size_t i = 0; at && i < write->count; i++) {
        struct iovec *piece = &write->pieces[i];

        if (piece->iov_base)
            continue;
        piece->iov_base = at;
        at += piece->iov_len;
    }
}

/* From next up to offset, without asides. */
static void collect(struct aof_writer *w, uint64_t until)
{
    while (w->next.at < until) {
        const struct oplog_aside *aside = oplog_next_aside(w->log, w->next.at);
        struct bytes data = oplog_read(&w->next);

        if (data.len > until - w->next.at)
            data.len = (size_t)(until - w->next.at);
        if (aside && aside->first <= w->next.at) {
            if (data.len > aside->end - w->next.at)
                data.len = (size_t)(aside->end - w->next.at);
        } else {
            if (aside && data.len > aside->first - w->next.at)
                data.len = (size_t)(aside->first - w->next.at);
            note_here(w);
            add_piece(&w->write, data);
            w->write.noted += data.len;
        }
        oplog_advance(&w->next, data.len);
    }
    note_here(w);
    place_notes(&w->write);
}

/* What goes in front of the bytes: the time, where it is wanted, and the database, once a file. */
static void put_head(struct aof_writer *w)
{
    int64_t now_s = (int64_t)(clock_wall_ms() / 1000);
    struct buf *head = &w->write.head;

    if (w->set->aof_timestamp_enabled && now_s > w->stamp_s) {
        w->stamp_s = now_s;
        buf_printf(head, "#TS:%lld\r\n", (long long)now_s);
    }
    if (w->db >= 0 && w->file_bytes == w->begin_bytes) {
        char digits[24];
        struct bytes argv[] = { BYTES("SELECT"), { digits, fmt_i64(digits, w->db) } };

        resp_put_command(head, 2, argv);
    }
    w->write.bytes += head->len;
}

/* Only asides: nothing of it belongs into the file. */
static void step_over(struct aof_writer *w, uint64_t until)
{
    bool clean = w->synced == w->written;

    w->written = until;
    if (clean)
        w->synced = until;
    moved(w);
}

/* Into the kernel's memory, as it was quick lately: the loop would pay more for a thread's wake-up, and its own. */
static bool may_write_here(const struct aof_writer *w)
{
    const struct aof_write *write = &w->write;

    return !write->sync && !write->cut && !write->sleep_us && !w->syncing &&
           write->bytes <= AOF_HERE_MAX && clock_now_ms() >= w->slow_until_ms;
}

static void write_here(struct aof_writer *w)
{
    struct aof_write *write = &w->write;

    run_write(&write->job);
    if (UNLIKELY(write->write_us > AOF_SLOW_US))
        w->slow_until_ms = clock_now_ms() + AOF_SLOW_MS;
    write->job.done(&write->job);
}

static void hand_over(struct aof_writer *w, uint64_t until, bool sync, bool here)
{
    w->write.head.len = w->write.notes.len = 0;
    w->write.count = 0;
    w->write.bytes = 0;
    w->write.noted = w->noted;
    collect(w, until);
    if (!w->write.count && !w->failing && !sync) {
        step_over(w, until);
        return;
    }
    if (w->write.count)
        put_head(w);
    w->write.fd = w->fd;
    w->write.sync = sync;
    w->write.cut = w->cut;
    w->write.start_bytes = w->file_bytes;
    w->write.end = until;
    w->write.handed_ms = clock_now_ms();
    w->write.sleep_us = w->flush_sleep_us;
    w->writing = true;
    if (here && may_write_here(w))
        write_here(w);
    else
        helper_submit(w->writes, &w->write.job);
}

static void go_on(struct aof_writer *w, bool here);

static void write_done(struct helper_job *job)
{
    struct aof_writer *w = CONTAINER_OF(job, struct aof_writer, write.job);
    const struct aof_write *write = &w->write;

    w->writing = false;
    if (write->error && !write->sync_failed) {
        w->cut = write->cut;
        hand_again_from(w, w->written);
        fail(w, "write", write->error);
        moved(w);
        return;
    }
    w->cut = false;
    w->wrote(w->arg, write->write_us, write->sync_us);
    w->written = write->end;
    w->behind_ms = write->handed_ms; /* what came behind it */
    w->noted = write->noted;
    w->file_bytes = write->start_bytes + write->bytes;
    if (write->sync_failed) {
        w->rewind = true;
        fail(w, "fsync", write->error);
    } else if (write->sync) {
        synced_up_to(w, w->written, w->file_bytes);
    }
    if (!w->rewind)
        mended(w);
    moved(w);
    go_on(w, false);
}

/* ---- syncing ------------------------------------------------------------------------------------- */

static void sync_done(struct helper_job *job)
{
    struct aof_writer *w = CONTAINER_OF(job, struct aof_writer, sync.job);

    w->syncing = false;
    w->last_sync_ms = clock_now_ms();
    if (w->sync.error) {
        w->rewind = true;
        fail(w, "fsync", w->sync.error);
    } else if (w->sync.end > w->synced) {
        synced_up_to(w, w->sync.end, w->sync.end_bytes);
    }
    moved(w);
    go_on(w, false);
}

static bool sync_is_due(const struct aof_writer *w)
{
    return w->set->appendfsync == APPENDFSYNC_EVERYSEC && w->written > w->synced && !w->syncing &&
           !w->failing && !w->rests(w->arg) &&
           clock_now_ms() - w->last_sync_ms >= AOF_SYNC_EVERY_MS;
}

static void begin_sync(struct aof_writer *w)
{
    w->sync.fd = w->fd;
    w->sync.end = w->written;
    w->sync.end_bytes = w->file_bytes;
    w->syncing = true;
    w->last_sync_ms = clock_now_ms();
    helper_submit(w->syncs, &w->sync.job);
}

/* ---- the turn ------------------------------------------------------------------------------------ */

/* Writes wait for a sync that runs: a write into the same file may block for as long. */
static bool postponed(struct aof_writer *w)
{
    if (!w->syncing || w->set->appendfsync != APPENDFSYNC_EVERYSEC || w->barrier ||
        w->required >= KEEP_OS) {
        w->postponed_ms = 0;
        return false;
    }
    if (!w->postponed_ms)
        w->postponed_ms = clock_now_ms();
    if (clock_now_ms() - w->postponed_ms < AOF_POSTPONE_MS)
        return true;
    w->postponed_ms = 0;
    w->delayed_fsyncs++;
    log_notice("aof-fsync-slow unwritten=%llu" REDIS_SAYS(
                   "Asynchronous AOF fsync is taking too long (disk is busy?)"),
               (unsigned long long)(w->log->next - w->written));
    return false;
}

static void arm(struct aof_writer *w, uint64_t in_ms)
{
    if (ev_is_active(&w->due))
        return;
    ev_timer_set(&w->due, (double)in_ms / 1000., 0.);
    ev_timer_start(w->loop, &w->due);
    ev_unref(w->loop);
}

static void disarm(struct aof_writer *w)
{
    if (!ev_is_active(&w->due))
        return;
    ev_ref(w->loop);
    ev_timer_stop(w->loop, &w->due);
}

/* Of a file that nothing was written into yet, or not since. */
static bool lacks_note(const struct aof_writer *w)
{
    return UNLIKELY(w->epoch_at != NULL) && w->noted != w->written;
}

static void try_write(struct aof_writer *w, bool here)
{
    uint64_t until = w->barrier ? w->barrier_at : w->log->next;
    bool sync = syncs_with_writes(w);
    bool wanted = w->next.at < until || (sync && w->synced < w->written) || lacks_note(w);

    if (w->writing || w->in_barrier || !wanted)
        return;
    if (w->next.at < until && postponed(w)) {
        arm(w, AOF_POSTPONE_MS);
        return;
    }
    hand_over(w, until, sync, here);
}

static void try_barrier(struct aof_writer *w)
{
    if (!w->barrier || w->in_barrier || w->writing || w->syncing || w->failing ||
        w->written < w->barrier_at)
        return;
    w->in_barrier = true;
    helper_submit(w->writes, w->barrier);
}

static void see_how_far_behind(struct aof_writer *w)
{
    if (LIKELY(w->written == w->log->next))
        w->behind_ms = 0;
    else if (!w->behind_ms)
        w->behind_ms = clock_now_ms();
}

/* here: nothing else is going on, so a mark may move at once. */
static void go_on(struct aof_writer *w, bool here)
{
    if (w->fd < 0)
        return;
    see_how_far_behind(w);
    if (w->rewind && !w->writing && !w->syncing)
        rewind_to_synced(w);
    if (!w->failing)
        try_write(w, here);
    if (w->failing) { /* the timer tries again */
        arm(w, AOF_RETRY_MS);
        return;
    }
    if (!w->in_barrier && sync_is_due(w))
        begin_sync(w);
    try_barrier(w);
    if (w->set->appendfsync == APPENDFSYNC_EVERYSEC && w->written > w->synced)
        arm(w, AOF_SYNC_EVERY_MS);
}

void aof_writer_turn(struct aof_writer *w)
{
    go_on(w, true);
}

static void on_due(struct ev_loop *loop, ev_timer *timer, int events)
{
    struct aof_writer *w = timer->data;

    ev_ref(loop); /* it stopped by itself */
    if (w->fd < 0)
        return;
    if (w->failing && !w->writing && !w->syncing && !w->in_barrier) {
        if (w->rewind)
            rewind_to_synced(w);
        hand_over(w, w->barrier ? w->barrier_at : w->log->next, syncs_ever(w), false);
    }
    go_on(w, false);
}

/* ---- barriers ------------------------------------------------------------------------------------ */

void aof_writer_barrier(struct aof_writer *w, struct helper_job *job)
{
    ASSERT(!w->barrier);
    w->barrier = job;
    w->barrier_at = w->log->next;
    go_on(w, false);
}

void aof_writer_use(struct aof_writer *w, int fd, int db)
{
    ASSERT(w->in_barrier);
    close(w->fd);
    w->fd = fd;
    w->db = db;
    w->stamp_s = 0;
    w->noted = UINT64_MAX;
    w->file_bytes = w->begin_bytes = 0;
    synced_up_to(w, w->written, 0);
}

void aof_writer_go_on(struct aof_writer *w)
{
    w->barrier = NULL;
    w->in_barrier = false;
    moved(w);
    go_on(w, false);
}

/* ---- beginning and end --------------------------------------------------------------------------- */

enum err aof_writer_init(struct aof_writer *w, struct ev_loop *loop, struct oplog *log,
                         const struct node_settings *set, struct errmsg *out_why)
{
    w->loop = loop;
    w->log = log;
    w->set = set;
    w->fd = -1;
    w->write.job = (struct helper_job){ .run = run_write, .done = write_done };
    w->sync.job = (struct helper_job){ .run = run_sync, .done = sync_done };
    ev_timer_init(&w->due, on_due, 0., 0.);
    w->due.data = w;
    w->writes = helper_new(loop, out_why);
    w->syncs = w->writes ? helper_new(loop, out_why) : NULL;
    return w->syncs ? OK : ERR_IO;
}

void aof_writer_fini(struct aof_writer *w)
{
    helper_free(w->writes);
    helper_free(w->syncs);
    buf_fini(&w->write.head);
    buf_fini(&w->write.notes);
    xfree(w->write.pieces);
    *w = (struct aof_writer){ .fd = -1 };
}

void aof_writer_start(struct aof_writer *w, int fd, uint64_t bytes, int db)
{
    ASSERT(w->fd < 0);
    w->fd = fd;
    w->db = db;
    w->stamp_s = 0;
    oplog_open_tip(w->log, &w->held);
    oplog_open_tip(w->log, &w->next);
    oplog_keep_asides(w->log, true);
    w->written = w->synced = w->log->next;
    w->noted = UINT64_MAX;
    w->file_bytes = w->synced_bytes = w->begin_bytes = bytes;
    w->failing = w->rewind = w->cut = w->lost = false;
    w->last_sync_ms = clock_now_ms();
    w->postponed_ms = w->behind_ms = 0;
}

static void wait_for_threads(struct aof_writer *w)
{
    while (w->writing || w->syncing || w->in_barrier) {
        helper_wait(w->syncs);
        helper_wait(w->writes);
    }
}

void aof_writer_stop(struct aof_writer *w)
{
    if (w->fd < 0)
        return;
    wait_for_threads(w);
    ASSERT(!w->barrier);
    disarm(w);
    close(w->fd);
    w->fd = -1;
    w->failing = false;
    oplog_close(&w->held);
    oplog_close(&w->next);
    oplog_keep_asides(w->log, false);
}

void aof_writer_note(struct aof_writer *w, aof_epoch_fn *epoch_at, void *arg)
{
    w->epoch_at = epoch_at;
    w->epoch_arg = arg;
    w->noted = w->write.noted = UINT64_MAX; /* also of a write that is under way */
}

void aof_writer_let_go(struct aof_writer *w)
{
    if (w->fd < 0)
        return;
    wait_for_threads(w);
    oplog_close(&w->held);
    oplog_close(&w->next);
}

void aof_writer_take_up(struct aof_writer *w)
{
    uint64_t tip = w->log->next;

    if (w->fd < 0)
        return;
    oplog_open_tip(w->log, &w->held);
    oplog_open_tip(w->log, &w->next);
    w->noted = UINT64_MAX;
    w->written =
        tip; /* in the end everything in front of it was written, or flushed before it was cut */
    w->synced = w->synced < tip ? w->synced : tip;
    if (w->barrier && w->barrier_at > tip)
        w->barrier_at = tip;
}

static bool all_is_safe(const struct aof_writer *w)
{
    return w->synced == w->log->next && !w->failing && !lacks_note(w);
}

enum err aof_writer_flush(struct aof_writer *w)
{
    enum { TRIES = 3 }; /* up to a barrier, behind it, and what its end left unsynced */

    for (int i = 0; w->fd >= 0 && i < TRIES; i++) {
        wait_for_threads(w);
        if (w->rewind)
            rewind_to_synced(w);
        if (all_is_safe(w))
            return OK;
        hand_over(w, w->barrier ? w->barrier_at : w->log->next, true, false);
    }
    wait_for_threads(w);
    return w->fd < 0 || all_is_safe(w) ? OK : ERR_IO;
}
