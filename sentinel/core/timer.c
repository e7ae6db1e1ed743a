#include "sentinel/core/timer.h"

#include "common/alloc.h"

enum { SHARED_PERIOD_MIN = 5 /* of the grid: a tenth of a period early or late at most */ };

static void place(struct timer_heap *h, size_t i, struct timer_slot s)
{
    h->at[i] = s;
    s.timer->slot = i + 1;
}

static void sift_up(struct timer_heap *h, size_t i)
{
    struct timer_slot s = h->at[i];

    while (i > 0 && h->at[(i - 1) / 2].at_ms > s.at_ms) {
        place(h, i, h->at[(i - 1) / 2]);
        i = (i - 1) / 2;
    }
    place(h, i, s);
}

static void sift_down(struct timer_heap *h, size_t i)
{
    struct timer_slot s = h->at[i];

    for (;;) {
        size_t child = 2 * i + 1;

        if (child >= h->count)
            break;
        if (child + 1 < h->count && h->at[child + 1].at_ms < h->at[child].at_ms)
            child++;
        if (h->at[child].at_ms >= s.at_ms)
            break;
        place(h, i, h->at[child]);
        i = child;
    }
    place(h, i, s);
}

static void disarm(struct timer_heap *h, struct timer *t)
{
    size_t i = t->slot - 1;
    struct timer_slot last = h->at[--h->count];

    t->slot = 0;
    if (last.timer == t)
        return;
    place(h, i, last);
    sift_up(h, i);
    sift_down(h, last.timer->slot - 1);
}

void timer_set(struct timer_heap *h, struct timer *t, uint64_t at_ms)
{
    if (t->slot > 0 && t->at_ms == at_ms)
        return;
    if (t->slot > 0 && at_ms == TIMER_NEVER) {
        disarm(h, t);
        return;
    }
    if (at_ms == TIMER_NEVER)
        return;
    t->at_ms = at_ms;
    if (t->slot == 0) {
        h->at = xgrow(h->at, h->count, &h->cap, sizeof *h->at);
        place(h, h->count++, (struct timer_slot){ at_ms, t });
    }
    h->at[t->slot - 1].at_ms = at_ms;
    sift_up(h, t->slot - 1);
    sift_down(h, t->slot - 1);
}

uint64_t timer_next_ms(const struct timer_heap *h)
{
    return h->count > 0 ? h->at[0].at_ms : TIMER_NEVER;
}

struct timer *timer_take_due(struct timer_heap *h, uint64_t now_ms)
{
    struct timer *t;

    if (timer_next_ms(h) > now_ms)
        return NULL;
    t = h->at[0].timer;
    disarm(h, t);
    return t;
}

uint64_t timer_shared_ms(uint64_t due_ms, uint64_t period_ms, uint64_t grid_ms)
{
    if (period_ms < SHARED_PERIOD_MIN * grid_ms)
        return due_ms;
    return (due_ms + grid_ms / 2) / grid_ms * grid_ms;
}

void timer_heap_fini(struct timer_heap *h)
{
    for (size_t i = 0; i < h->count; i++)
        h->at[i].timer->slot = 0;
    xfree(h->at);
    *h = (struct timer_heap){ 0 };
}

void timer_heap_check(const struct timer_heap *h)
{
    for (size_t i = 0; i < h->count; i++) {
        ASSERT(h->at[i].timer->slot == i + 1);
        ASSERT(h->at[i].timer->at_ms == h->at[i].at_ms);
        ASSERT(i == 0 || h->at[(i - 1) / 2].at_ms <= h->at[i].at_ms);
    }
}
