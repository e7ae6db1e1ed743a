#include "node/persist/save_file.h"

#include <errno.h>
#include <fcntl.h>
#include <glob.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "common/alloc.h"
#include "common/file.h"
#include "common/list.h"
#include "common/log.h"

#define TEMP_INFIX ".tmp-" /* then the pid */

enum { DRAINED_BELOW_BYTES = 1024 * 1024 };

struct block {
    struct list node;
    size_t len;
    char data[];
};

struct save_file {
    struct ev_loop *loop;
    save_file_done_fn *done;
    void (*drained)(void *arg);
    void *arg;
    char *path, *temp;
    int fd;
    pthread_t thread;
    ev_async wake;
    atomic_uint_fast64_t held;
    pthread_mutex_t lock; /* for what follows */
    pthread_cond_t more;
    struct list blocks;
    bool last, stop, finished;
    enum err e;
    struct errmsg why;
};

static bool process_is_gone(struct bytes pid)
{
    int64_t id;

    return bytes_to_i64(pid, &id) && id > 0 && id <= INT32_MAX &&
           (id == getpid() || (kill((pid_t)id, 0) && errno == ESRCH));
}

void save_file_sweep(const char *path)
{
    struct buf name = { 0 };
    glob_t found = { 0 };
    size_t prefix;

    buf_printf(&name, "%s" TEMP_INFIX, path);
    prefix = name.len;
    buf_puts(&name, "*");
    if (glob(buf_text(&name), 0, NULL, &found) == 0)
        for (size_t i = 0; i < found.gl_pathc; i++) {
            const char *temp = found.gl_pathv[i];

            if (strlen(temp) > prefix && !memcmp(temp, name.at, prefix) &&
                process_is_gone(bytes_of(temp + prefix)) && !unlink(temp))
                log_notice("unfinished-save-removed file=%s", temp);
        }
    globfree(&found);
    buf_fini(&name);
}

enum err save_file_now_open(const char *path, char **out_temp, int *out_fd, struct errmsg *out_why)
{
    struct buf temp = { 0 };
    int fd;

    buf_printf(&temp, "%s" TEMP_INFIX "%d", path, (int)getpid());
    fd = open(buf_text(&temp), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
    if (fd < 0) {
        errmsg_set(out_why, "cannot create %s: %s", buf_text(&temp), strerror(errno));
        buf_fini(&temp);
        return ERR_IO;
    }
    *out_temp = temp.at;
    *out_fd = fd;
    return OK;
}

enum err save_file_now_write(int fd, struct bytes data, struct errmsg *out_why)
{
    while (data.len) {
        ssize_t n = write(fd, data.at, data.len);

        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0) {
            errmsg_set(out_why, "cannot write: %s", n ? strerror(errno) : "nothing was taken");
            return ERR_IO;
        }
        data.at += n;
        data.len -= (size_t)n;
    }
    return OK;
}

void save_file_now_abandon(char *temp, int fd)
{
    close(fd);
    unlink(temp);
    xfree(temp);
}

enum err save_file_now_commit(const char *path, char *temp, int fd, struct errmsg *out_why)
{
    enum err e = OK;

    if (fsync(fd) || rename(temp, path)) {
        errmsg_set(out_why, "cannot finish %s: %s", path, strerror(errno));
        save_file_now_abandon(temp, fd);
        return ERR_IO;
    }
    close(fd);
    e = file_sync_dir(path, out_why);
    xfree(temp);
    return e;
}

static struct block *next_block(struct save_file *f)
{
    struct block *block = NULL;

    pthread_mutex_lock(&f->lock);
    while (list_empty(&f->blocks) && !f->last && !f->stop)
        pthread_cond_wait(&f->more, &f->lock);
    if (!f->stop && !list_empty(&f->blocks)) {
        block = LIST_ENTRY(f->blocks.next, struct block, node);
        list_remove(&block->node);
    }
    pthread_mutex_unlock(&f->lock);
    return block;
}

static void *write_blocks(void *arg)
{
    struct save_file *f = arg;
    struct block *block;
    struct errmsg why = { 0 };
    enum err e = OK;

    while ((block = next_block(f))) {
        if (e == OK)
            e = save_file_now_write(f->fd, (struct bytes){ block->data, block->len }, &why);
        atomic_fetch_sub(&f->held, block->len);
        xfree(block);
        if (atomic_load(&f->held) < DRAINED_BELOW_BYTES)
            ev_async_send(f->loop, &f->wake);
    }
    if (f->stop || e != OK)
        save_file_now_abandon(f->temp, f->fd);
    else
        e = save_file_now_commit(f->path, f->temp, f->fd, &why);
    pthread_mutex_lock(&f->lock);
    f->e = e;
    f->why = why;
    f->finished = true;
    pthread_mutex_unlock(&f->lock);
    ev_async_send(f->loop, &f->wake);
    return NULL;
}

static void on_wake(struct ev_loop *loop, ev_async *wake, int events)
{
    struct save_file *f = wake->data;
    bool finished;

    pthread_mutex_lock(&f->lock);
    finished = f->finished;
    pthread_mutex_unlock(&f->lock);
    if (finished) {
        ev_async_stop(loop, wake);
        f->done(f->arg, f->e, &f->why); /* may free f */
        return;
    }
    if (f->drained)
        f->drained(f->arg);
}

struct save_file *save_file_new(struct ev_loop *loop, const char *path, save_file_done_fn *done,
                                void (*drained)(void *arg), void *arg, struct errmsg *out_why)
{
    struct save_file *f;
    char *temp;
    int fd;

    if (save_file_now_open(path, &temp, &fd, out_why) != OK)
        return NULL;
    f = xcalloc(1, sizeof *f);
    *f = (struct save_file){ .loop = loop,
                             .done = done,
                             .drained = drained,
                             .arg = arg,
                             .path = xstrdup(path),
                             .temp = temp,
                             .fd = fd };
    list_init(&f->blocks);
    pthread_mutex_init(&f->lock, NULL);
    pthread_cond_init(&f->more, NULL);
    ev_async_init(&f->wake, on_wake);
    f->wake.data = f;
    ev_async_start(loop, &f->wake);
    if (pthread_create(&f->thread, NULL, write_blocks, f)) {
        errmsg_set(out_why, "cannot start a thread: %s", strerror(errno));
        ev_async_stop(loop, &f->wake);
        save_file_now_abandon(f->temp, f->fd);
        xfree(f->path);
        xfree(f);
        return NULL;
    }
    return f;
}

void save_file_free(struct save_file *f)
{
    if (!f)
        return;
    pthread_mutex_lock(&f->lock);
    f->stop = !f->last;
    pthread_cond_signal(&f->more);
    pthread_mutex_unlock(&f->lock);
    pthread_join(f->thread, NULL);
    LIST_EACH (&f->blocks, node) {
        list_remove(node);
        xfree(LIST_ENTRY(node, struct block, node));
    }
    ev_async_stop(f->loop, &f->wake);
    pthread_cond_destroy(&f->more);
    pthread_mutex_destroy(&f->lock);
    xfree(f->path);
    xfree(f);
}

void save_file_write(struct save_file *f, struct bytes data)
{
    struct block *block = xmalloc(sizeof *block + data.len);

    *block = (struct block){ .len = data.len };
    memcpy(block->data, data.at, data.len);
    atomic_fetch_add(&f->held, data.len);
    pthread_mutex_lock(&f->lock);
    list_push_back(&f->blocks, &block->node);
    pthread_cond_signal(&f->more);
    pthread_mutex_unlock(&f->lock);
}

uint64_t save_file_held(const struct save_file *f)
{
    return atomic_load(&f->held);
}

void save_file_commit(struct save_file *f)
{
    pthread_mutex_lock(&f->lock);
    f->last = true;
    pthread_cond_signal(&f->more);
    pthread_mutex_unlock(&f->lock);
}
