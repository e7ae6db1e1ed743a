#include "sentinel/state/state.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "common/alloc.h"
#include "common/clock.h"
#include "common/log.h"
#include "sentinel/state/choose.h"
#include "sentinel/state/keeper.h"

struct state {
    struct ev_loop *loop;
    void (*done)(void *arg, uint64_t position);
    void *arg;
    ev_async stored;
    pthread_t thread;
    char *path;
    uint64_t given; /* positions handed out; loop thread only */

    pthread_mutex_t lock; /* everything below */
    pthread_cond_t work;  /* the keeper has something to do */
    pthread_cond_t idle;  /* a flush was answered */
    struct buf mailbox;   /* records: length u32, bytes */
    uint64_t posted;      /* position of the last one in it */
    uint64_t on_disk;     /* position */
    char loglevel[16];
    struct buf users; /* lines */
    bool users_changed;
    uint64_t flush_asked, flush_done;
    enum err flush_err;
    struct errmsg flush_why;
    bool stop;

    /* The thread's own. */
    struct keeper keeper;
    uint64_t safe;      /* position: everything up to it is on the disk */
    struct buf late;    /* records that came while sentinel.conf was being written */
    uint64_t late_last; /* position of the last one */
};

/* ---- the keeper thread -------------------------------------------------------------------------- */

static uint64_t now_ms(void)
{
    return clock_read_us() / 1000;
}

/* One turn's orders, taken out under the lock. */
struct orders {
    struct buf records;
    uint64_t position, flush;
    char loglevel[16];
    struct buf users;
    bool users_changed, stop;
};

static bool anything(const struct state *st)
{
    return st->mailbox.len || st->loglevel[0] || st->users_changed ||
           st->flush_asked > st->flush_done || st->stop;
}

static void wait_until(struct state *st, uint64_t due_ms)
{
    struct timespec at;
    uint64_t now = now_ms(), left = due_ms > now ? due_ms - now : 0;

    if (due_ms == UINT64_MAX) {
        pthread_cond_wait(&st->work, &st->lock);
        return;
    }
    clock_gettime(CLOCK_MONOTONIC, &at);
    at.tv_sec += (time_t)(left / 1000);
    at.tv_nsec += (long)(left % 1000) * 1000000;
    if (at.tv_nsec >= 1000000000) {
        at.tv_sec++;
        at.tv_nsec -= 1000000000;
    }
    pthread_cond_timedwait(&st->work, &st->lock, &at);
}

static void take_orders(struct state *st, uint64_t due_ms, struct orders *out)
{
    pthread_mutex_lock(&st->lock);
    while (!anything(st) && now_ms() < due_ms)
        wait_until(st, due_ms);
    *out = (struct orders){ .records = st->mailbox,
                            .position = st->posted,
                            .flush = st->flush_asked > st->flush_done ? st->flush_asked : 0,
                            .users = st->users,
                            .users_changed = st->users_changed,
                            .stop = st->stop };
    st->mailbox = (struct buf){ 0 };
    st->users = (struct buf){ 0 };
    st->users_changed = false;
    memcpy(out->loglevel, st->loglevel, sizeof out->loglevel);
    st->loglevel[0] = '\0';
    pthread_mutex_unlock(&st->lock);
}

typedef void take_record_fn(struct keeper *k, struct bytes payload, uint64_t now_ms);

static void each_record(struct state *st, const struct buf *records, take_record_fn *take)
{
    uint64_t now = now_ms();

    for (size_t at = 0; at < records->len;) {
        uint32_t len;

        memcpy(&len, records->at + at, sizeof len);
        take(&st->keeper, (struct bytes){ records->at + at + sizeof len, len }, now);
        at += sizeof len + len;
    }
}

static void tell_stored(struct state *st, uint64_t position)
{
    pthread_mutex_lock(&st->lock);
    st->on_disk = position;
    pthread_mutex_unlock(&st->lock);
    ev_async_send(st->loop, &st->stored);
}

/* A vote does not wait for sentinel.conf: called while that is being written. */
static void log_late(void *arg)
{
    struct state *st = arg;

    pthread_mutex_lock(&st->lock);
    st->late = st->mailbox;
    st->late_last = st->posted;
    st->mailbox = (struct buf){ 0 };
    pthread_mutex_unlock(&st->lock);
    if (st->late.len && keeper_log(&st->keeper, &st->late)) {
        st->safe = st->late_last;
        tell_stored(st, st->safe);
    }
}

static enum err write_conf(struct state *st, struct errmsg *out_why)
{
    enum err e = keeper_write_conf(&st->keeper, now_ms(), out_why);

    each_record(st, &st->late, keeper_learn);
    buf_fini(&st->late);
    return e;
}

static void answer_flush(struct state *st, uint64_t flush, enum err e, const struct errmsg *why)
{
    pthread_mutex_lock(&st->lock);
    st->flush_done = flush;
    st->flush_err = e;
    st->flush_why = *why;
    pthread_cond_broadcast(&st->idle);
    pthread_mutex_unlock(&st->lock);
}

static void fall_behind(struct keeper *k)
{
    if (!k->conf_behind)
        k->conf_first_ms = now_ms();
    k->conf_last_ms = now_ms();
    k->conf_behind = true;
}

static void set_loglevel(struct keeper *k, const char *word)
{
    if (!word[0])
        return;
    snprintf(k->loglevel, sizeof k->loglevel, "%s", word);
    fall_behind(k);
}

/* Takes the lines. */
static void set_users(struct keeper *k, struct buf *lines)
{
    buf_fini(&k->users);
    k->users = *lines;
    k->users_known = true;
    fall_behind(k);
}

static void *keep(void *arg)
{
    struct state *st = arg;
    struct keeper *k = &st->keeper;
    uint64_t retry_ms = UINT64_MAX;
    bool stop = false;

    while (!stop) {
        struct orders o;
        struct errmsg why = { "" };
        uint64_t due = keeper_conf_due_ms(k);
        enum err e = OK;

        take_orders(st, retry_ms < due ? retry_ms : due, &o);
        each_record(st, &o.records, keeper_add);
        buf_fini(&o.records);
        set_loglevel(k, o.loglevel);
        if (o.users_changed)
            set_users(k, &o.users);
        if (o.position > st->safe && (now_ms() >= retry_ms || retry_ms == UINT64_MAX || o.flush)) {
            e = keeper_store(k, &why);
            retry_ms = e == OK ? UINT64_MAX : now_ms() + KEEPER_RETRY_MS;
            if (e == OK) {
                st->safe = o.position;
                tell_stored(st, st->safe);
            }
        }
        if (k->conf_behind && (o.flush || o.stop || now_ms() >= keeper_conf_due_ms(k)))
            e = write_conf(st, &why);
        if (o.flush)
            answer_flush(st, o.flush, e, &why);
        stop = o.stop;
    }
    return NULL;
}

/* ---- the loop's side ----------------------------------------------------------------------------- */

static void on_stored(struct ev_loop *loop, ev_async *w, int events)
{
    struct state *st = w->data;
    uint64_t position;

    pthread_mutex_lock(&st->lock);
    position = st->on_disk;
    pthread_mutex_unlock(&st->lock);
    st->done(st->arg, position);
}

/* Signals belong to the loop thread. */
static int start_thread(struct state *st)
{
    sigset_t all, before;
    int failed;

    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    failed = pthread_create(&st->thread, NULL, keep, st);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (!failed)
        (void)!pthread_setname_np(st->thread, "keeper");
    return failed;
}

struct state *state_open(const struct state_options *o, struct config *out_config,
                         struct errmsg *out_why)
{
    struct state *st = xcalloc(1, sizeof *st);
    struct keeper_options ko = { o->set, o->conf_path, o->conf, &journal_io_real };
    pthread_condattr_t monotonic;

    if (keeper_open(&st->keeper, &ko, out_why) != OK) {
        xfree(st);
        return NULL;
    }
    st->keeper.meanwhile = log_late;
    st->keeper.arg = st;
    st->loop = o->loop;
    st->done = o->done;
    st->arg = o->arg;
    st->path =
        xstrdup(st->keeper.journal ? journal_path(st->keeper.journal) : st->keeper.conf_path);
    config_copy(out_config, &st->keeper.config);
    pthread_mutex_init(&st->lock, NULL);
    pthread_condattr_init(&monotonic);
    pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    pthread_cond_init(&st->work, &monotonic);
    pthread_cond_init(&st->idle, NULL);
    pthread_condattr_destroy(&monotonic);
    ev_async_init(&st->stored, on_stored);
    st->stored.data = st;
    ev_async_start(st->loop, &st->stored);
    ev_unref(st->loop);
    ASSERT(start_thread(st) == 0);
    return st;
}

void state_close(struct state *st)
{
    if (!st)
        return;
    pthread_mutex_lock(&st->lock);
    st->stop = true;
    pthread_cond_signal(&st->work);
    pthread_mutex_unlock(&st->lock);
    pthread_join(st->thread, NULL);
    ev_ref(st->loop);
    ev_async_stop(st->loop, &st->stored);
    pthread_cond_destroy(&st->work);
    pthread_cond_destroy(&st->idle);
    pthread_mutex_destroy(&st->lock);
    keeper_close(&st->keeper);
    buf_fini(&st->mailbox);
    xfree(st->path);
    xfree(st);
}

uint64_t state_persist(struct state *st, const struct record *rec)
{
    uint32_t len;
    size_t at;

    pthread_mutex_lock(&st->lock);
    at = st->mailbox.len;
    buf_append(&st->mailbox, &(uint32_t){ 0 }, sizeof len);
    record_encode(rec, &st->mailbox);
    len = (uint32_t)(st->mailbox.len - at - sizeof len);
    memcpy(st->mailbox.at + at, &len, sizeof len);
    st->posted = ++st->given;
    pthread_cond_signal(&st->work);
    pthread_mutex_unlock(&st->lock);
    return st->given;
}

void state_set_loglevel(struct state *st, const char *word)
{
    pthread_mutex_lock(&st->lock);
    snprintf(st->loglevel, sizeof st->loglevel, "%s", word);
    pthread_cond_signal(&st->work);
    pthread_mutex_unlock(&st->lock);
}

void state_set_users(struct state *st, struct bytes lines)
{
    pthread_mutex_lock(&st->lock);
    st->users.len = 0;
    buf_add(&st->users, lines);
    st->users_changed = true;
    pthread_cond_signal(&st->work);
    pthread_mutex_unlock(&st->lock);
}

enum err state_flush(struct state *st, struct errmsg *out_why)
{
    uint64_t mine;
    enum err e;

    pthread_mutex_lock(&st->lock);
    mine = ++st->flush_asked;
    pthread_cond_signal(&st->work);
    while (st->flush_done < mine)
        pthread_cond_wait(&st->idle, &st->lock);
    e = st->flush_err;
    *out_why = st->flush_why;
    pthread_mutex_unlock(&st->lock);
    return e;
}

const char *state_path(const struct state *st)
{
    return st->path;
}
