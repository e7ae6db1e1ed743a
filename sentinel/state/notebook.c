#include "sentinel/state/notebook.h"

#include <pthread.h>
#include <signal.h>

#include "common/alloc.h"
#include "common/file.h"
#include "common/log.h"

struct notebook {
    struct notebook_options o;
    char *path;
    ev_timer soon;
    ev_async written;
    pthread_t thread;
    bool writing; /* the thread runs, and what is below belongs to it */
    bool touched; /* since the text was made */
    bool failed;  /* and said so */
    struct buf text;
    enum err result;
    struct errmsg why;
};

static void *write_text(void *arg)
{
    struct notebook *n = arg;

    n->result = file_replace(n->path, buf_bytes(&n->text), 0640, &n->why);
    ev_async_send(n->o.loop, &n->written);
    return NULL;
}

static void tell(struct notebook *n)
{
    if (n->result != OK && !n->failed)
        log_warning("notebook-not-written path=%s why=\"%s\"", n->path, n->why.text);
    if (n->result == OK && n->failed)
        log_notice("notebook-written path=%s", n->path);
    n->failed = n->result != OK;
}

static void make_text(struct notebook *n)
{
    n->touched = false;
    n->text.len = 0;
    n->o.fill(n->o.arg, &n->text);
}

/* Signals belong to the loop thread. */
static bool start_thread(struct notebook *n)
{
    sigset_t all, before;
    bool started;

    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    started = pthread_create(&n->thread, NULL, write_text, n) == 0;
    if (started)
        (void)!pthread_setname_np(n->thread, "notebook");
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return started;
}

static void on_soon(struct ev_loop *loop, ev_timer *w, int events)
{
    struct notebook *n = w->data;

    if (n->writing)
        return; /* on_written comes back to it */
    make_text(n);
    n->writing = start_thread(n);
    n->touched = !n->writing; /* without a thread: with the next touch, or at the end */
}

static void join(struct notebook *n)
{
    if (!n->writing)
        return;
    pthread_join(n->thread, NULL);
    n->writing = false;
    tell(n);
}

static void on_written(struct ev_loop *loop, ev_async *w, int events)
{
    struct notebook *n = w->data;

    join(n);
    if (n->touched)
        notebook_touch(n);
}

void notebook_touch(struct notebook *n)
{
    n->touched = true;
    if (ev_is_active(&n->soon))
        return;
    ev_timer_set(&n->soon, NOTEBOOK_MS / 1e3, 0.);
    ev_timer_start(n->o.loop, &n->soon);
}

struct notebook *notebook_open(const struct notebook_options *o, struct buf *out_text)
{
    struct notebook *n = xcalloc(1, sizeof *n);
    struct errmsg why = { "" };
    enum err e;

    n->o = *o;
    n->path = xstrdup(o->path);
    ev_timer_init(&n->soon, on_soon, 0., 0.);
    ev_async_init(&n->written, on_written);
    n->soon.data = n->written.data = n;
    ev_async_start(o->loop, &n->written);
    (void)file_sweep(n->path);
    e = file_read(n->path, o->bytes_max, out_text, &why);
    if (e != OK && e != ERR_NOTFOUND)
        log_warning("notebook-not-read path=%s why=\"%s\"", n->path, why.text);
    return n;
}

void notebook_close(struct notebook *n)
{
    if (!n)
        return;
    join(n);
    if (n->touched) {
        make_text(n);
        n->result = file_replace(n->path, buf_bytes(&n->text), 0640, &n->why);
        tell(n);
    }
    ev_timer_stop(n->o.loop, &n->soon);
    ev_async_stop(n->o.loop, &n->written);
    buf_fini(&n->text);
    xfree(n->path);
    xfree(n);
}
