#include "common/link_private.h"

#include <signal.h>
#include <sys/prctl.h>

#include "common/alloc.h"
#include "common/clock.h"
#include "common/link_batch.h"

enum {
    RELAX_AFTER_MS = 100,
    URGENT_FOR_MS = 2000, /* who is urgent, or releases, speaks at least so often */
};

struct link_system *link_system_of(const struct link *l)
{
    return ev_userdata(l->loop);
}

bool link_amid_callback(const struct link *l)
{
    return link_system_of(l)->lent_buffer != NULL;
}

void link_owe(struct link *l, bool *what)
{
    struct link_system *sys = link_system_of(l);

    *what = true;
    if (list_linked(&l->again))
        return;
    list_push_back(&sys->again, &l->again);
    ev_idle_start(l->loop, &sys->no_sleep);
}

struct link_turns *link_turns(struct ev_loop *loop)
{
    struct link_system *sys = ev_userdata(loop);

    return &sys->turns;
}

static int power_of(uint64_t usec)
{
    int power = 63 - __builtin_clzll(usec | 1);

    return power < LINK_TURN_POWERS ? power : LINK_TURN_POWERS - 1;
}

/* Returns what it took. */
static uint64_t turn_ended(struct link_turns *t)
{
    uint64_t now_us = clock_read_us(), usec = now_us - t->begun_us;

    if (!t->begun_us)
        return 0;
    t->count++;
    t->busy_us += usec;
    t->powers[power_of(usec)]++;
    if (usec > t->longest_us) {
        t->longest_us = usec;
        t->longest_ended_us = now_us;
    }
    return usec;
}

static void free_some(struct ev_loop *loop, struct link_system *sys)
{
    uint64_t until_us = clock_read_us() + LINK_FREE_US;

    while (out_pile_free_one(&sys->pile))
        if (clock_read_us() >= until_us)
            break;
    if (sys->pile.first)
        ev_idle_start(loop, &sys->no_sleep);
}

/* The callbacks of the dead may write to the living, and the last bytes of the living may kill them:
 * round until nothing is left to do. on_drained is not called here, so this ends. */
static void flush_and_reap(struct link_system *sys)
{
    struct list *dead = &sys->by_state[LINK_DEAD];

    while (!list_empty(&sys->dirty) || !list_empty(dead)) {
        link_flush_light(sys, &sys->bulky);
        if (!list_empty(dead))
            link_reap(LIST_ENTRY(dead->next, struct link, node));
    }
}

/* One by one they all get through. */
static void flush_some(struct ev_loop *loop, struct link_system *sys)
{
    uint64_t until_us = clock_read_us() + LINK_BULKY_US;

    do {
        struct link *l = LIST_ENTRY(sys->bulky.next, struct link, dirty);

        list_remove(&l->dirty);
        link_flush(l);
    } while (!list_empty(&sys->bulky) && clock_read_us() < until_us);
    if (!list_empty(&sys->bulky))
        ev_idle_start(loop, &sys->no_sleep);
}

void link_heard(struct link *l)
{
    struct link_system *sys = link_system_of(l);
    uint64_t now_ms = clock_now_ms();

    l->reads = l->active_ms == now_ms ? l->reads + 1 : 1;
    l->active_ms = now_ms;
    crowd_read(&sys->crowd, now_ms, l->reads, sys->rest_max_us);
    if (UNLIKELY(l->releases || l->urgent))
        sys->urgent_ms = now_ms;
}

/* libev sleeps for what is left of it since it last looked at the clock, which may have been in this turn, and does not poll
 * before. */
static void rest_or_not(struct ev_loop *loop, struct link_system *sys, uint64_t turn_us)
{
    uint64_t now_ms = clock_now_ms();
    bool urgent = sys->urgent_ms && sys->urgent_ms + URGENT_FOR_MS >= now_ms;
    int rest_us = urgent ? 0 : crowd_rest_us(&sys->crowd, now_ms);

    if (turn_us >= (uint64_t)rest_us)
        rest_us = 0;
    if (rest_us == sys->resting_us)
        return;
    sys->resting_us = rest_us;
    ev_set_io_collect_interval(loop, rest_us / 1e6);
}

void link_set_rest(struct ev_loop *loop, int max_us)
{
    struct link_system *sys = ev_userdata(loop);

    sys->rest_max_us = max_us;
    if (max_us) /* else the kernel may make fifty microseconds more of it */
        (void)prctl(PR_SET_TIMERSLACK, 1000UL, 0UL, 0UL, 0UL);
}

static void end_of_turn(struct ev_loop *loop, ev_prepare *w, int events)
{
    struct link_system *sys = w->data;

    flush_and_reap(sys);
    if (UNLIKELY(!list_empty(&sys->bulky))) {
        flush_some(loop, sys);
        flush_and_reap(sys);
    }
    if (UNLIKELY(sys->pile.first != NULL))
        free_some(loop, sys);
    rest_or_not(loop, sys, turn_ended(&sys->turns));
}

/* One link a turn, in rotation, gives back the chunk it kept for its next reply if none came lately.
 * With thousands of links that speak once a second this is most of their memory. */
static void relax_one(struct link_system *sys)
{
    struct list *open = &sys->by_state[LINK_OPEN], *node = open->next;
    struct link *l;

    if (list_empty(open))
        return;
    l = LIST_ENTRY(node, struct link, node);
    list_remove(node);
    list_push_back(open, node);
    if (l->active_ms + RELAX_AFTER_MS < clock_now_ms())
        out_relax(&l->out);
}

/* The link in whose callback we are keeps the buffer that it was lent. It may have been called because it was owed it,
 * and the others who were are called from here, or in the next turn. */
void link_aside_begin(struct ev_loop *loop)
{
    struct link_system *sys = ev_userdata(loop);

    ASSERT(!sys->lent_buffer);
    link_keep_received(sys);
    sys->lent_buffer = sys->read_buffer;
    sys->read_buffer = xmalloc(LINK_READ_BUFFER);
    while (!list_empty(&sys->due)) {
        struct list *node = sys->due.next;

        list_remove(node);
        list_push_back(&sys->again, node);
        ev_idle_start(loop, &sys->no_sleep);
    }
}

void link_aside_end(struct ev_loop *loop)
{
    struct link_system *sys = ev_userdata(loop);

    ASSERT(sys->lent_buffer);
    xfree(sys->read_buffer);
    sys->read_buffer = sys->lent_buffer;
    sys->lent_buffer = NULL;
}

/* Who waits for a turn to shake hands need not wait for one more. */
void link_aside_ready(struct link *l)
{
    if (ev_is_active(&l->writable))
        link_aside_push(l);
    if (l->state == LINK_OPEN && (ev_is_active(&l->readable) || list_linked(&l->ready)))
        link_read(l);
}

/* What has drained is no news before the turn ends. */
static void pay_input(struct link *l)
{
    bool drained = l->owes_drained;

    l->owes_drained = false;
    link_pay(l);
    if (drained && l->state == LINK_OPEN)
        link_owe(l, &l->owes_drained);
}

void link_aside_pay(struct ev_loop *loop, bool (*may)(const struct link *l, const void *arg),
                    const void *arg)
{
    struct link_system *sys = ev_userdata(loop);
    struct list due;

    list_take(&due, &sys->again);
    while (!list_empty(&due)) {
        struct link *l = LIST_ENTRY(due.next, struct link, again);

        list_remove(&l->again);
        if (l->owes_input && may(l, arg))
            pay_input(l);
        else
            list_push_back(&sys->again, &l->again);
    }
    list_take(&due, &sys->lengthy);
    while (!list_empty(&due)) {
        struct link *l = LIST_ENTRY(due.next, struct link, ready);

        list_remove(&l->ready);
        list_push_back(&sys->lengthy, &l->ready);
        if (l->owes_input && may(l, arg))
            pay_input(l);
    }
}

bool link_aside_take(struct link *l, struct buf *into)
{
    enum { TAKEN = 4096 };
    char *room = buf_reserve(into, TAKEN);
    size_t len = 0;

    if (link_read_some(l, room, TAKEN, &len) == IO_DONE)
        into->len += len;
    return l->state == LINK_OPEN;
}

void link_aside_push(struct link *l)
{
    ev_io_stop(l->loop, &l->writable);
    link_flush_now(l, true); /* who has nothing of its own to send may wait for the room alone */
}

void link_aside_flush(struct ev_loop *loop)
{
    struct link_system *sys = ev_userdata(loop);

    link_flush_light(sys, &sys->bulky);
    if (!list_empty(&sys->bulky))
        flush_some(loop, sys);
}

static void start_of_turn(struct ev_loop *loop, ev_check *w, int events)
{
    struct link_system *sys = w->data;

    clock_turn();
    sys->turns.begun_us = clock_now_us();
    relax_one(sys);
    ev_idle_stop(loop, &sys->no_sleep);
    if (list_empty(&sys->again))
        return;
    list_take(&sys->due, &sys->again);
    while (!list_empty(&sys->due)) {
        struct link *l = LIST_ENTRY(sys->due.next, struct link, again);

        list_remove(&l->again);
        if (!l->lengthy || l->owes_drained)
            link_pay(l);
        else if (!list_linked(&l->ready))
            list_push_back(&sys->lengthy, &l->ready);
    }
}

static void go_on_shaking(struct link *l)
{
    link_update_reading(l);
    link_read(l);
}

static void go_on_reading(struct link *l)
{
    if (l->owes_input)
        link_pay(l);
    else
        link_read(l);
}

/* Who comes first is first, and one by one they all get through; nobody else waits for them. */
static void read_some(struct ev_loop *loop, struct list *waiting, int usec,
                      void (*go_on)(struct link *))
{
    struct link_system *sys = ev_userdata(loop);
    uint64_t until_us = clock_read_us() + (uint64_t)usec;

    do {
        struct link *l = LIST_ENTRY(waiting->next, struct link, ready);

        list_remove(&l->ready);
        go_on(l);
    } while (!list_empty(waiting) && clock_read_us() < until_us);
    if (!list_empty(waiting))
        ev_idle_start(loop, &sys->no_sleep);
}

static bool impatient(const struct link_system *sys)
{
    return clock_read_us() - sys->turns.begun_us >= LINK_PATIENCE_US;
}

/* True: it was read, and is lengthy. */
static bool read_next(struct link_system *sys)
{
    struct link *l = LIST_ENTRY(sys->ready.next, struct link, ready);
    bool lengthy = l->lengthy;

    list_remove(&l->ready);
    if (UNLIKELY(lengthy) && (!list_empty(&sys->lengthy) || impatient(sys))) {
        list_push_back(&sys->lengthy, &l->ready);
        return false;
    }
    link_read(l);
    return lengthy;
}

/* True: some lengthy link was read, in its order among the others. */
static bool read_all(struct link_system *sys)
{
    bool lengthy_read = false;

    while (!list_empty(&sys->ready)) {
        int count = sys->together ? link_receive_together(sys) : 1;

        while (count-- > 0 && !list_empty(&sys->ready))
            lengthy_read |= read_next(sys);
    }
    return lengthy_read;
}

/* They had their share of this turn; or of the last one, while who has been answered in this one waits for its end. */
static bool lengthy_must_wait(const struct link_system *sys, bool lengthy_read)
{
    return lengthy_read ? impatient(sys) : sys->lengthy_went && !list_empty(&sys->dirty);
}

/* What was written before in this turn waits for its end, as ever. */
static void read_releasing(struct link_system *sys)
{
    struct list earlier;

    list_take(&earlier, &sys->dirty);
    while (!list_empty(&sys->releasing)) {
        struct link *l = LIST_ENTRY(sys->releasing.next, struct link, ready);

        list_remove(&l->ready);
        link_read(l);
    }
    link_flush_light(sys, &earlier);
    list_take(&sys->dirty, &earlier);
}

/* Who came first is read first, as two clients that know of each other expect. libev tells of many ready sockets in
 * the reverse order in which the kernel did, so they are lined up again, and read when all have been told. */
static void read_in_order(struct ev_loop *loop, ev_check *w, int events)
{
    struct link_system *sys = w->data;
    bool lengthy_read;

    if (!list_empty(&sys->releasing))
        read_releasing(sys);
    lengthy_read = read_all(sys);

    if (UNLIKELY(!list_empty(&sys->lengthy))) {
        if (lengthy_must_wait(sys, lengthy_read)) {
            ev_idle_start(loop, &sys->no_sleep);
        } else {
            read_some(loop, &sys->lengthy, LINK_LENGTHY_US, go_on_reading);
            lengthy_read = true;
        }
    }
    sys->lengthy_went = lengthy_read;
    if (UNLIKELY(!list_empty(&sys->shaking)))
        read_some(loop, &sys->shaking, LINK_SHAKE_US, go_on_shaking);
}

static void no_sleep(struct ev_loop *loop, ev_idle *w, int events) {}

void link_system_init(struct ev_loop *loop)
{
    struct link_system *sys = xcalloc(1, sizeof *sys);

    ASSERT(!ev_userdata(loop));
    signal(SIGPIPE, SIG_IGN);
    for (size_t i = 0; i < ARRAY_LEN(sys->by_state); i++)
        list_init(&sys->by_state[i]);
    list_init(&sys->releasing);
    list_init(&sys->ready);
    list_init(&sys->lengthy);
    list_init(&sys->shaking);
    list_init(&sys->dirty);
    list_init(&sys->bulky);
    list_init(&sys->again);
    list_init(&sys->due);
    sys->read_buffer = xmalloc(LINK_READ_BUFFER);
    ev_prepare_init(&sys->end_of_turn, end_of_turn);
    ev_set_priority(&sys->end_of_turn, EV_MINPRI);
    ev_check_init(&sys->start_of_turn, start_of_turn);
    ev_set_priority(&sys->start_of_turn, EV_MAXPRI);
    ev_check_init(&sys->read_in_order, read_in_order);
    ev_set_priority(&sys->read_in_order, EV_MINPRI);
    ev_idle_init(&sys->no_sleep, no_sleep);
    sys->end_of_turn.data = sys->start_of_turn.data = sys->read_in_order.data = sys;
    ev_set_userdata(loop, sys);
    ev_prepare_start(loop, &sys->end_of_turn);
    ev_check_start(loop, &sys->start_of_turn);
    ev_check_start(loop, &sys->read_in_order);
    /* None of them keeps ev_run from returning once nothing else is left to watch. */
    ev_unref(loop);
    ev_unref(loop);
    ev_unref(loop);
}

void link_system_fini(struct ev_loop *loop)
{
    struct link_system *sys = ev_userdata(loop);

    for (size_t i = 0; i < LINK_DEAD; i++)
        while (!list_empty(&sys->by_state[i]))
            link_kill(LIST_ENTRY(sys->by_state[i].next, struct link, node), LINK_WHY_ASKED);
    end_of_turn(loop, &sys->end_of_turn, 0);
    while (out_pile_free_one(&sys->pile))
        continue;
    ev_ref(loop);
    ev_ref(loop);
    ev_ref(loop);
    ev_prepare_stop(loop, &sys->end_of_turn);
    ev_check_stop(loop, &sys->start_of_turn);
    ev_check_stop(loop, &sys->read_in_order);
    ev_idle_stop(loop, &sys->no_sleep);
    ev_set_userdata(loop, NULL);
    link_batch_free(sys->batch);
    xfree(sys->read_buffer);
    xfree(sys);
}
