#include "common/resolve.h"

#include <netdb.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>

#include "common/alloc.h"
#include "common/list.h"
#include "common/net.h"

struct resolve_question {
    struct list node; /* of waiting, or of done; on neither while a helper works on it */
    char *host;
    int port;
    resolve_fn *fn;
    void *arg;
    bool cancelled; /* loop thread writes under the lock; whoever holds it then frees it */
    struct resolve_answer answer;
};

/* Shared by the loop and the helpers; the last holder frees it. */
struct bureau {
    pthread_mutex_t lock;
    pthread_cond_t work;
    struct list waiting, done; /* under the lock */
    int idle, helpers, holders;
    bool stopping;
    struct ev_loop *loop; /* NULL once stopping */
    ev_async answered;
    int count; /* loop thread only: questions not yet answered or cancelled */
};

static struct bureau *the_bureau;

static void question_free(struct resolve_question *q)
{
    xfree(q->host);
    xfree(q);
}

/* With the lock held; releases it. */
static void bureau_drop(struct bureau *b)
{
    bool last = --b->holders == 0;

    pthread_mutex_unlock(&b->lock);
    if (!last)
        return;
    pthread_mutex_destroy(&b->lock);
    pthread_cond_destroy(&b->work);
    xfree(b);
}

/* ---- a helper -------------------------------------------------------------------------------- */

static void look_up(struct resolve_question *q)
{
    struct addrinfo hints = { .ai_flags = AI_NUMERICSERV, .ai_socktype = SOCK_STREAM };
    struct addrinfo *found = NULL;
    char port[16];
    int rc;

    snprintf(port, sizeof port, "%d", q->port);
    rc = getaddrinfo(q->host, port, &hints, &found);
    if (rc != 0) {
        q->answer.reason = gai_strerror(rc);
        return;
    }
    for (struct addrinfo *ai = found; ai && q->answer.count < RESOLVE_ADDRESSES_MAX;
         ai = ai->ai_next) {
        memcpy(&q->answer.addresses[q->answer.count], ai->ai_addr, ai->ai_addrlen);
        q->answer.lengths[q->answer.count++] = ai->ai_addrlen;
    }
    freeaddrinfo(found);
}

static void *helper(void *arg)
{
    struct bureau *b = arg;

    pthread_mutex_lock(&b->lock);
    while (!b->stopping) {
        struct resolve_question *q;

        if (list_empty(&b->waiting)) {
            b->idle++;
            pthread_cond_wait(&b->work, &b->lock);
            b->idle--;
            continue;
        }
        q = LIST_ENTRY(b->waiting.next, struct resolve_question, node);
        list_remove(&q->node);
        pthread_mutex_unlock(&b->lock);
        look_up(q);
        pthread_mutex_lock(&b->lock);
        if (q->cancelled || b->stopping) {
            question_free(q);
        } else {
            list_push_back(&b->done, &q->node);
            ev_async_send(b->loop, &b->answered);
        }
    }
    bureau_drop(b);
    return NULL;
}

/* With the lock held. An idle helper that was called counts as idle until it wakes, so what waits is counted against
 * them. Where no thread can be had, those that exist do the work, later. */
static void more_helpers(struct bureau *b)
{
    pthread_attr_t detached;
    pthread_t thread;

    if (b->helpers == RESOLVE_HELPERS || list_length(&b->waiting) <= (size_t)b->idle)
        return;
    pthread_attr_init(&detached);
    pthread_attr_setdetachstate(&detached, PTHREAD_CREATE_DETACHED);
    if (pthread_create(&thread, &detached, helper, b) == 0) {
        b->helpers++;
        b->holders++;
    }
    pthread_attr_destroy(&detached);
}

/* ---- the loop's side ------------------------------------------------------------------------- */

/* Nothing keeps the loop running for a bureau without questions. */
static void count_change(struct bureau *b, int by)
{
    bool was = b->count > 0;

    b->count += by;
    if (was != (b->count > 0)) {
        if (was)
            ev_unref(b->loop);
        else
            ev_ref(b->loop);
    }
}

static struct resolve_question *take_done(struct bureau *b)
{
    struct resolve_question *q = NULL;

    pthread_mutex_lock(&b->lock);
    if (!list_empty(&b->done)) {
        q = LIST_ENTRY(b->done.next, struct resolve_question, node);
        list_remove(&q->node);
    }
    pthread_mutex_unlock(&b->lock);
    return q;
}

static void on_answered(struct ev_loop *loop, ev_async *w, int events)
{
    struct bureau *b = w->data;
    struct resolve_question *q;

    while (b == the_bureau && (q = take_done(b))) {
        count_change(b, -1);
        q->fn(q->arg, &q->answer);
        question_free(q);
    }
}

static struct bureau *bureau_new(struct ev_loop *loop)
{
    struct bureau *b = xcalloc(1, sizeof *b);

    pthread_mutex_init(&b->lock, NULL);
    pthread_cond_init(&b->work, NULL);
    list_init(&b->waiting);
    list_init(&b->done);
    b->holders = 1;
    b->loop = loop;
    ev_async_init(&b->answered, on_answered);
    b->answered.data = b;
    ev_async_start(loop, &b->answered);
    ev_unref(loop);
    return b;
}

struct resolve_question *resolve_ask(struct ev_loop *loop, const char *host, int port,
                                     resolve_fn *fn, void *arg)
{
    struct bureau *b = the_bureau;
    struct resolve_question *q;

    if (!b)
        b = the_bureau = bureau_new(loop);
    ASSERT(b->loop == loop);
    if (b->count >= RESOLVE_QUESTIONS_MAX)
        return NULL;
    q = xcalloc(1, sizeof *q);
    q->host = xstrdup(host);
    q->port = port;
    q->fn = fn;
    q->arg = arg;
    count_change(b, 1);
    pthread_mutex_lock(&b->lock);
    if (net_parse_ip(host, port, &q->answer.addresses[0], &q->answer.lengths[0])) {
        q->answer.count = 1;
        list_push_back(&b->done, &q->node);
        ev_async_send(loop, &b->answered);
    } else {
        list_push_back(&b->waiting, &q->node);
        more_helpers(b);
        pthread_cond_signal(&b->work);
    }
    pthread_mutex_unlock(&b->lock);
    return q;
}

void resolve_cancel(struct resolve_question *q)
{
    struct bureau *b = the_bureau;
    bool ours;

    if (!q)
        return;
    count_change(b, -1);
    pthread_mutex_lock(&b->lock);
    ours = list_linked(&q->node);
    if (ours)
        list_remove(&q->node);
    else
        q->cancelled = true; /* a helper has it, and frees it */
    pthread_mutex_unlock(&b->lock);
    if (ours)
        question_free(q);
}

static void forget_all(struct list *questions)
{
    while (!list_empty(questions)) {
        struct resolve_question *q = LIST_ENTRY(questions->next, struct resolve_question, node);

        list_remove(&q->node);
        question_free(q);
    }
}

void resolve_fini(void)
{
    struct bureau *b = the_bureau;

    if (!b)
        return;
    count_change(b, -b->count);
    ev_ref(b->loop);
    ev_async_stop(b->loop, &b->answered);
    the_bureau = NULL;
    pthread_mutex_lock(&b->lock);
    b->stopping = true;
    b->loop = NULL;
    forget_all(&b->waiting);
    forget_all(&b->done);
    pthread_cond_broadcast(&b->work);
    bureau_drop(b);
}
