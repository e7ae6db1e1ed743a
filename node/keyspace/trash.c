#include "node/keyspace/trash.h"

#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>

#include "common/alloc.h"

struct item {
    struct item *next;
    struct trash_item what;
};

struct trash {
    pthread_mutex_t lock;
    pthread_cond_t filled;
    struct item *head, **tail;
    bool running, ending;
    pthread_t thread;
    atomic_uint_fast64_t pending, freed; /* objects */
    atomic_size_t pending_bytes;         /* of whole items, the one in work included */
    /* How far the item in work is: what the thread has freed since it took it. */
    const _Atomic int64_t *_Atomic worker;
    _Atomic int64_t worker_before;
    atomic_size_t working_bytes; /* 0: at rest */
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

static void free_now(struct trash *t, const struct trash_item *what)
{
    what->free_fn(what->thing, what->arg);
    atomic_fetch_sub(&t->pending, what->objects);
    atomic_fetch_add(&t->freed, what->objects);
    atomic_fetch_sub(&t->pending_bytes, what->bytes);
}

static void *work(void *arg)
{
    struct trash *t = arg;
    struct item *i;

    t->worker = alloc_own_bytes();
    while ((i = take(t))) {
        atomic_store(&t->worker_before, atomic_load(t->worker));
        atomic_store(&t->working_bytes, i->what.bytes);
        free_now(t, &i->what);
        atomic_store(&t->working_bytes, 0);
        xfree(i);
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

void trash_put(struct trash *t, const struct trash_item *item)
{
    struct item *i;

    atomic_fetch_add(&t->pending, item->objects);
    atomic_fetch_add(&t->pending_bytes, item->bytes);
    if (!start(t)) {
        free_now(t, item);
        return;
    }
    i = xmalloc(sizeof *i);
    *i = (struct item){ .what = *item };
    pthread_mutex_lock(&t->lock);
    *t->tail = i;
    t->tail = &i->next;
    pthread_cond_signal(&t->filled);
    pthread_mutex_unlock(&t->lock);
}

/* The item in work is partly free already. The figures are read one after the other while the thread goes
 * on: between two items the answer may be off by one of them, and is right again with the next call. */
size_t trash_pending_bytes(const struct trash *t)
{
    size_t working = atomic_load(&t->working_bytes), pending = atomic_load(&t->pending_bytes);
    int64_t done;

    if (LIKELY(pending == 0) || working == 0)
        return pending;
    done = atomic_load(&t->worker_before) - atomic_load(t->worker);
    if (done < 0)
        done = 0;
    if ((uint64_t)done > working)
        done = (int64_t)working;
    return (uint64_t)done < pending ? pending - (size_t)done : 0;
}

uint64_t trash_pending(const struct trash *t)
{
    return atomic_load(&t->pending);
}

uint64_t trash_freed(const struct trash *t)
{
    return atomic_load(&t->freed);
}

void trash_reset_freed(struct trash *t)
{
    atomic_store(&t->freed, 0);
}
