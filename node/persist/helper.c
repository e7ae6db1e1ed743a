#include "node/persist/helper.h"

#include <errno.h>
#include <pthread.h>
#include <string.h>

#include "common/alloc.h"

struct helper {
    struct ev_loop *loop;
    ev_async wake;
    pthread_t thread;
    uint64_t unfinished;  /* submitted, and done was not called; the loop's own */
    pthread_mutex_t lock; /* for what follows */
    pthread_cond_t more, ran;
    struct list todo, finished;
    bool stop;
};

static void *work(void *arg)
{
    struct helper *h = arg;

    pthread_mutex_lock(&h->lock);
    for (;;) {
        struct helper_job *job;

        while (list_empty(&h->todo) && !h->stop)
            pthread_cond_wait(&h->more, &h->lock);
        if (list_empty(&h->todo))
            break;
        job = LIST_ENTRY(h->todo.next, struct helper_job, node);
        list_remove(&job->node);
        pthread_mutex_unlock(&h->lock);
        job->run(job);
        pthread_mutex_lock(&h->lock);
        list_push_back(&h->finished, &job->node);
        pthread_cond_signal(&h->ran);
        ev_async_send(h->loop, &h->wake);
    }
    pthread_mutex_unlock(&h->lock);
    return NULL;
}

static struct helper_job *take_finished(struct helper *h)
{
    struct helper_job *job = NULL;

    pthread_mutex_lock(&h->lock);
    if (!list_empty(&h->finished)) {
        job = LIST_ENTRY(h->finished.next, struct helper_job, node);
        list_remove(&job->node);
    }
    pthread_mutex_unlock(&h->lock);
    return job;
}

static void tell_finished(struct helper *h)
{
    struct helper_job *job;

    while ((job = take_finished(h))) {
        h->unfinished--;
        job->done(job);
    }
}

static void on_wake(struct ev_loop *loop, ev_async *wake, int events)
{
    tell_finished(wake->data);
}

struct helper *helper_new(struct ev_loop *loop, struct errmsg *out_why)
{
    struct helper *h = xcalloc(1, sizeof *h);
    int failed;

    h->loop = loop;
    list_init(&h->todo);
    list_init(&h->finished);
    pthread_mutex_init(&h->lock, NULL);
    pthread_cond_init(&h->more, NULL);
    pthread_cond_init(&h->ran, NULL);
    ev_async_init(&h->wake, on_wake);
    h->wake.data = h;
    failed = pthread_create(&h->thread, NULL, work, h);
    if (failed) {
        errmsg_set(out_why, "cannot start a thread: %s", strerror(failed));
        xfree(h);
        return NULL;
    }
    ev_async_start(loop, &h->wake);
    ev_unref(loop);
    return h;
}

void helper_wait(struct helper *h)
{
    while (h->unfinished) {
        pthread_mutex_lock(&h->lock);
        while (list_empty(&h->finished))
            pthread_cond_wait(&h->ran, &h->lock);
        pthread_mutex_unlock(&h->lock);
        tell_finished(h);
    }
}

void helper_free(struct helper *h)
{
    if (!h)
        return;
    ASSERT(!h->unfinished);
    pthread_mutex_lock(&h->lock);
    h->stop = true;
    pthread_cond_signal(&h->more);
    pthread_mutex_unlock(&h->lock);
    pthread_join(h->thread, NULL);
    ev_ref(h->loop);
    ev_async_stop(h->loop, &h->wake);
    pthread_cond_destroy(&h->ran);
    pthread_cond_destroy(&h->more);
    pthread_mutex_destroy(&h->lock);
    xfree(h);
}

void helper_submit(struct helper *h, struct helper_job *job)
{
    h->unfinished++;
    pthread_mutex_lock(&h->lock);
    list_push_back(&h->todo, &job->node);
    pthread_cond_signal(&h->more);
    pthread_mutex_unlock(&h->lock);
}
