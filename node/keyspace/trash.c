#include "node/keyspace/trash.h"

#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>

#include "common/alloc.h"

struct item {
    struct item *next;
    void (*free_fn)(void *thing, const void *arg);
    void *thing;
    const void *arg;
};

struct trash {
    pthread_mutex_t lock;
    pthread_cond_t filled;
    struct item *head, **tail;
    bool running, ending;
    pthread_t thread;
    atomic_uint_fast64_t pending;
    uint64_t total;
};

static struct item *take(struct trash *t)
{
    struct item *i;

    pthread_mutex_lock(&t->lock);
    while (!t->head && !t->ending)
        pthread_cond_wait(&t->filled, &t->lock);
    i = t->head;
    if (i)
        t->head = i->next;
    if (!t->head)
        t->tail = &t->head;
    pthread_mutex_unlock(&t->lock);
    return i;
}

static void *work(void *arg)
{
    struct trash *t = arg;
    struct item *i;

    while ((i = take(t))) {
        i->free_fn(i->thing, i->arg);
        xfree(i);
        atomic_fetch_sub(&t->pending, 1);
    }
    return NULL;
}

/* Signals belong to the loop thread. */
static bool start(struct trash *t)
{
    sigset_t all, before;

    if (t->running)
        return true;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    t->running = pthread_create(&t->thread, NULL, work, t) == 0;
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return t->running;
}

struct trash *trash_new(void)
{
    struct trash *t = xcalloc(1, sizeof *t);

    pthread_mutex_init(&t->lock, NULL);
    pthread_cond_init(&t->filled, NULL);
    t->tail = &t->head;
    return t;
}

void trash_free(struct trash *t)
{
    if (!t)
        return;
    if (t->running) {
        pthread_mutex_lock(&t->lock);
        t->ending = true;
        pthread_cond_signal(&t->filled);
        pthread_mutex_unlock(&t->lock);
        pthread_join(t->thread, NULL);
    }
    pthread_cond_destroy(&t->filled);
    pthread_mutex_destroy(&t->lock);
    xfree(t);
}

void trash_put(struct trash *t, void (*free_fn)(void *thing, const void *arg), void *thing,
               const void *arg)
{
    struct item *i;

    t->total++;
    if (!start(t)) {
        free_fn(thing, arg);
        return;
    }
    i = xmalloc(sizeof *i);
    *i = (struct item){ .free_fn = free_fn, .thing = thing, .arg = arg };
    atomic_fetch_add(&t->pending, 1);
    pthread_mutex_lock(&t->lock);
    *t->tail = i;
    t->tail = &i->next;
    pthread_cond_signal(&t->filled);
    pthread_mutex_unlock(&t->lock);
}

uint64_t trash_pending(const struct trash *t)
{
    return atomic_load(&t->pending);
}

uint64_t trash_total(const struct trash *t)
{
    return t->total;
}
