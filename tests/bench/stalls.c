#include "tests/bench/stalls.h"

#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <time.h>

enum { TICK_US = 500, KEPT = 64 };

struct stall {
    _Atomic uint64_t from_us, to_us;
};

/* The last ones of a core, a ring. A reader may see half of one that is a whole ring old; nobody asks about that. */
static struct core {
    struct stall kept[KEPT];
    unsigned count;
    int number;
} cores[STALL_CORES_MAX];
static int core_count;

static uint64_t now_us(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000 + (uint64_t)t.tv_nsec / 1000;
}

static void *watch(void *arg)
{
    struct core *c = arg;
    uint64_t next = now_us(), now;

    for (;;) {
        struct timespec until;

        next += TICK_US;
        until.tv_sec = (time_t)(next / 1000000);
        until.tv_nsec = (long)(next % 1000000) * 1000;
        clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &until, NULL);
        now = now_us();
        if (now - next >= STALL_MIN_US) {
            struct stall *s = &c->kept[c->count++ % KEPT];

            atomic_store(&s->from_us, next);
            atomic_store(&s->to_us, now);
        }
        if (now > next)
            next = now;
    }
    return NULL;
}

bool stalls_watch(int core)
{
    struct sched_param first = { .sched_priority = 50 };
    struct core *c;
    pthread_attr_t attr;
    pthread_t thread;
    cpu_set_t set;
    int failed;

    if (core_count == STALL_CORES_MAX)
        return false;
    c = &cores[core_count];
    c->number = core;
    CPU_ZERO(&set);
    CPU_SET((unsigned)core, &set);
    pthread_attr_init(&attr);
    pthread_attr_setinheritsched(&attr, PTHREAD_EXPLICIT_SCHED);
    pthread_attr_setschedpolicy(&attr, SCHED_FIFO);
    pthread_attr_setschedparam(&attr, &first);
    pthread_attr_setaffinity_np(&attr, sizeof set, &set);
    failed = pthread_create(&thread, &attr, watch, c);
    pthread_attr_destroy(&attr);
    core_count += !failed;
    return !failed;
}

static uint64_t overlap(const struct stall *s, uint64_t from_us, uint64_t to_us)
{
    uint64_t from = atomic_load(&s->from_us), to = atomic_load(&s->to_us);

    from = from > from_us ? from : from_us;
    to = to < to_us ? to : to_us;
    return to > from ? to - from : 0;
}

static uint64_t sum_of(const struct core *c, uint64_t from_us, uint64_t to_us)
{
    uint64_t sum = 0;

    for (int i = 0; i < KEPT; i++)
        sum += overlap(&c->kept[i], from_us, to_us);
    return sum;
}

uint64_t stalls_within(uint64_t from_us, uint64_t to_us)
{
    uint64_t longest = 0;

    for (int i = 0; i < core_count; i++) {
        uint64_t sum = sum_of(&cores[i], from_us, to_us);

        longest = sum > longest ? sum : longest;
    }
    return longest;
}

uint64_t stalls_of(int core, uint64_t from_us, uint64_t to_us)
{
    for (int i = 0; i < core_count; i++)
        if (cores[i].number == core)
            return sum_of(&cores[i], from_us, to_us);
    return 0;
}
