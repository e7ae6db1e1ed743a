#include "common/serve/interlude.h"

#include <sys/epoll.h>
#include <unistd.h>

#include "common/alloc.h"
#include "common/listen.h"
#include "common/log.h"
#include "common/process.h"
#include "common/serve/dispatch.h"
#include "common/serve/service.h"

enum { EVENTS = 256 }; /* of one turn */

struct interlude {
    struct service *service;
    struct listen *doors;
    const struct session *holder;
    int epoll; /* -1: there is none, and nobody is heard */
    uint64_t last_id;
};

/* Each piece of news is told once: one that is held, or has too much to say, does not hide the others. */
static void watch(struct interlude *i, struct session *s)
{
    struct epoll_event e = { .events = EPOLLIN | EPOLLOUT | EPOLLET, .data.ptr = s->link };

    if (s != i->holder && s->link->state == LINK_OPEN)
        (void)epoll_ctl(i->epoll, EPOLL_CTL_ADD, s->link->fd, &e);
}

/* Sessions are in the order in which they came. */
static void watch_newcomers(struct interlude *i)
{
    struct list *all = &i->service->sessions;
    uint64_t seen = i->last_id;

    for (struct list *n = all->prev; n != all; n = n->prev) {
        struct session *s = LIST_ENTRY(n, struct session, node);

        if (s->id <= seen)
            return;
        if (s->id > i->last_id)
            i->last_id = s->id;
        watch(i, s);
    }
}

struct interlude *interlude_new(struct service *v, struct listen *doors,
                                const struct session *holder)
{
    struct interlude *i = xcalloc(1, sizeof *i);

    i->service = v;
    i->doors = doors;
    i->holder = holder;
    i->epoll = epoll_create1(EPOLL_CLOEXEC);
    if (i->epoll < 0)
        log_warning("interlude-failed: nobody is heard while a script runs");
    link_aside_begin(v->loop);
    watch_newcomers(i);
    return i;
}

static bool is_let_in(const struct link *l, const void *arg)
{
    const struct interlude *i = arg;

    return session_has(l) && l->owner != i->holder;
}

void interlude_turn(struct interlude *i)
{
    struct epoll_event events[EVENTS];
    int count;

    process_beat();
    if (i->epoll < 0)
        return;
    if (i->doors)
        listen_look(i->doors);
    watch_newcomers(i);
    count = epoll_wait(i->epoll, events, EVENTS, 0);
    for (int n = 0; n < count; n++)
        link_aside_ready(events[n].data.ptr);
    link_aside_pay(i->service->loop, is_let_in, i);
    link_aside_flush(i->service->loop);
}

void interlude_free(struct interlude *i)
{
    if (!i)
        return;
    link_aside_end(i->service->loop);
    if (i->epoll >= 0)
        close(i->epoll);
    xfree(i);
}
