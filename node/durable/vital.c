#include "node/durable/vital.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/alloc.h"
#include "common/clock.h"
#include "common/link.h"
#include "common/resp.h"
#include "common/tls.h"

enum { QUESTION_BYTES_MAX = 256, ANSWER_BYTES_MAX = 128, RUN_BYTES_MAX = 64 };

static const struct resp_limits limits = { .argc_max = 8,
                                           .bulk_bytes_max = QUESTION_BYTES_MAX,
                                           .inline_bytes_max = QUESTION_BYTES_MAX };

/* What goes through the mailbox. */
struct parcel {
    int fd;
    struct tls_session *tls; /* NULL: plain */
};
_Static_assert(sizeof(struct parcel) <= PIPE_BUF, "a parcel arrives whole");

struct line {
    int fd;
    struct tls_session *tls;
    uint64_t asked_us;
    struct resp_reader reader;
    char in[QUESTION_BYTES_MAX];
    size_t len;
};

struct vital {
    struct ev_loop *loop;
    ev_prepare sleeps;
    ev_check wakes;
    char run[RUN_BYTES_MAX];
    _Atomic uint64_t turn_us; /* when the turn that runs began; 0: the loop sleeps */
    bool running;
    pthread_t thread;
    int post, mailbox;           /* the two ends of a pipe */
    _Atomic uint32_t told_count; /* for who wants to know */
    /* The thread's own. */
    struct line lines[VITAL_LINKS_MAX];
    size_t count;
};

/* ---- the thread -------------------------------------------------------------------------------- */

static void drop(struct vital *v, size_t i)
{
    struct line *l = &v->lines[i];

    resp_reader_fini(&l->reader);
    tls_session_free(l->tls);
    close(l->fd);
    *l = v->lines[--v->count];
    atomic_store_explicit(&v->told_count, (uint32_t)v->count, memory_order_relaxed);
}

static uint64_t busy_ms(const struct vital *v)
{
    uint64_t turn_us = atomic_load_explicit(&v->turn_us, memory_order_relaxed);
    uint64_t now_us = clock_read_us();

    return turn_us && now_us > turn_us ? (now_us - turn_us) / 1000 : 0;
}

/* An answer for which there is no room at once has nobody who reads. */
static bool answer(struct vital *v, struct line *l)
{
    char text[ANSWER_BYTES_MAX];
    int len = snprintf(text, sizeof text, "*2\r\n$%zu\r\n%s\r\n:%" PRIu64 "\r\n", strlen(v->run),
                       v->run, busy_ms(v));
    size_t sent = 0;

    l->asked_us = clock_read_us();
    if (l->tls)
        return tls_session_write(l->tls, text, (size_t)len, &sent) == TLS_DONE &&
               sent == (size_t)len;
    return send(l->fd, text, (size_t)len, MSG_NOSIGNAL | MSG_DONTWAIT) == len;
}

enum got { GOT_SOME, GOT_NOTHING, GOT_END };

static enum got read_some(struct line *l)
{
    size_t room = sizeof l->in - l->len, got = 0;
    enum tls_io io;
    ssize_t n;

    if (room == 0)
        return GOT_END; /* no question is as long as that */
    if (l->tls) {
        io = tls_session_read(l->tls, l->in + l->len, room, &got);
        l->len += got;
        return io == TLS_DONE ? GOT_SOME : io == TLS_WANT_READ ? GOT_NOTHING : GOT_END;
    }
    n = recv(l->fd, l->in + l->len, room, MSG_DONTWAIT);
    if (n > 0)
        l->len += (size_t)n;
    else if (n == 0 || (errno != EAGAIN && errno != EINTR))
        return GOT_END;
    return n > 0 ? GOT_SOME : GOT_NOTHING;
}

static bool answer_all(struct vital *v, struct line *l)
{
    struct resp_request q;
    enum resp_status status;

    while ((status = resp_read_request(&l->reader, (struct bytes){ l->in, l->len }, &q)) ==
           RESP_ITEM) {
        bool asks = q.argc > 0;

        l->len -= q.bytes;
        memmove(l->in, l->in + q.bytes, l->len);
        if (asks && !answer(v, l))
            return false;
    }
    return status == RESP_MORE;
}

/* False: it has ended. */
static bool serve(struct vital *v, struct line *l)
{
    do {
        enum got got = read_some(l);

        if (got == GOT_NOTHING)
            return true;
        if (got == GOT_END || !answer_all(v, l))
            return false;
    } while (l->tls && tls_session_pending(l->tls));
    return true;
}

static void make_room(struct vital *v)
{
    size_t quiet = 0;

    if (v->count < VITAL_LINKS_MAX)
        return;
    for (size_t i = 1; i < v->count; i++)
        if (v->lines[i].asked_us < v->lines[quiet].asked_us)
            quiet = i;
    drop(v, quiet);
}

/* False: the loop has closed its end. */
static bool open_mail(struct vital *v)
{
    struct parcel p;
    ssize_t n = read(v->mailbox, &p, sizeof p);
    struct line *l;

    if (n < 0)
        return errno == EINTR || errno == EAGAIN;
    if (n == 0)
        return false;
    ASSERT(n == (ssize_t)sizeof p);
    make_room(v);
    l = &v->lines[v->count++];
    *l = (struct line){ .fd = p.fd, .tls = p.tls };
    resp_reader_init(&l->reader, limits);
    atomic_store_explicit(&v->told_count, (uint32_t)v->count, memory_order_relaxed);
    if (!answer(v, l) || (l->tls && tls_session_pending(l->tls) && !serve(v, l)))
        drop(v, v->count - 1);
    return true;
}

static void *live(void *arg)
{
    struct vital *v = arg;
    struct pollfd polls[1 + VITAL_LINKS_MAX];
    bool goes_on = true;

    while (goes_on) {
        size_t count = v->count;

        polls[0] = (struct pollfd){ .fd = v->mailbox, .events = POLLIN };
        for (size_t i = 0; i < count; i++)
            polls[1 + i] = (struct pollfd){ .fd = v->lines[i].fd, .events = POLLIN };
        if (poll(polls, 1 + count, -1) < 0)
            continue;
        for (size_t i = count; i-- > 0;) /* from the end: drop moves the last one */
            if (polls[1 + i].revents && !serve(v, &v->lines[i]))
                drop(v, i);
        if (polls[0].revents)
            goes_on = open_mail(v);
    }
    while (v->count > 0)
        drop(v, v->count - 1);
    return NULL;
}

/* ---- the loop's side ---------------------------------------------------------------------------- */

static void on_sleep(struct ev_loop *loop, ev_prepare *w, int events)
{
    struct vital *v = w->data;

    atomic_store_explicit(&v->turn_us, 0, memory_order_relaxed);
}

static void on_wake(struct ev_loop *loop, ev_check *w, int events)
{
    struct vital *v = w->data;

    atomic_store_explicit(&v->turn_us, clock_read_us(), memory_order_relaxed);
}

struct vital *vital_new(struct ev_loop *loop, const char *run)
{
    struct vital *v = xcalloc(1, sizeof *v);

    v->loop = loop;
    v->post = v->mailbox = -1;
    snprintf(v->run, sizeof v->run, "%s", run);
    ev_prepare_init(&v->sleeps, on_sleep);
    ev_set_priority(&v->sleeps, EV_MINPRI);
    ev_check_init(&v->wakes, on_wake);
    ev_set_priority(&v->wakes, EV_MAXPRI);
    v->sleeps.data = v->wakes.data = v;
    return v;
}

/* Neither keeps the loop from ending. */
static void watch_turns(struct vital *v)
{
    ev_prepare_start(v->loop, &v->sleeps);
    ev_check_start(v->loop, &v->wakes);
    ev_unref(v->loop);
    ev_unref(v->loop);
    on_wake(v->loop, &v->wakes, 0);
}

/* Signals belong to the loop thread. */
static bool start(struct vital *v)
{
    sigset_t all, before;
    int ends[2];

    if (v->running)
        return true;
    if (pipe2(ends, O_CLOEXEC | O_NONBLOCK) != 0)
        return false;
    v->mailbox = ends[0];
    v->post = ends[1];
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    v->running = pthread_create(&v->thread, NULL, live, v) == 0;
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (v->running) {
        watch_turns(v);
        return true;
    }
    close(v->post);
    close(v->mailbox);
    return false;
}

enum err vital_take(struct vital *v, struct link *l)
{
    struct parcel p = { .fd = -1 };

    if (!start(v))
        return ERR_LIMIT;
    if (!link_may_leave(l))
        return ERR_REFUSED;
    link_prepare_leave(l);
    p.fd = l->fd;
    p.tls = l->tls;
    if (write(v->post, &p, sizeof p) != (ssize_t)sizeof p)
        return ERR_LIMIT;
    link_leave(l);
    return OK;
}

uint32_t vital_count(const struct vital *v)
{
    return atomic_load_explicit(&v->told_count, memory_order_relaxed);
}

void vital_free(struct vital *v)
{
    if (!v)
        return;
    if (v->running) {
        ev_ref(v->loop);
        ev_ref(v->loop);
        ev_prepare_stop(v->loop, &v->sleeps);
        ev_check_stop(v->loop, &v->wakes);
        close(v->post);
        pthread_join(v->thread, NULL);
        close(v->mailbox);
    }
    xfree(v);
}
