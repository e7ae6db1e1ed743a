/*
 * Names, with a getaddrinfo of our own in the place of the system's: one that is slow holds nobody up.
 */
#include "common/resolve.h"

#include <netdb.h>
#include <semaphore.h>
#include <string.h>

#include "common/clock.h"
#include "tests/check_main.h"

enum { ROUNDS = 20 };

static sem_t go_on; /* whoever looks "slow" up waits for it */

int getaddrinfo(const char *host, const char *service, const struct addrinfo *hints,
                struct addrinfo **out)
{
    if (strcmp(host, "slow") == 0)
        sem_wait(&go_on);
    return EAI_NONAME;
}

static void count(void *arg, const struct resolve_answer *answer)
{
    ck_assert_int_eq(answer->count, 0);
    ++*(int *)arg;
}

static void ticked(struct ev_loop *loop, ev_timer *w, int events) {}

/* Turns the loop until *answers reaches n; false after two seconds. */
static bool comes(struct ev_loop *loop, const int *answers, int n)
{
    uint64_t end = clock_read_us() + 2000000;
    ev_timer tick;

    ev_timer_init(&tick, ticked, 0.01, 0.01);
    ev_timer_start(loop, &tick);
    while (*answers < n && clock_read_us() < end)
        ev_run(loop, EVRUN_ONCE);
    ev_timer_stop(loop, &tick);
    return *answers >= n;
}

START_TEST(slow_name_holds_nobody_up)
{
    struct ev_loop *loop = ev_loop_new(EVFLAG_NOSIGMASK);
    int slow = 0, quick = 0;

    sem_init(&go_on, 0, 0);
    for (int i = 1; i <= ROUNDS; i++) {
        ck_assert(resolve_ask(loop, "quick", 1, count, &quick) != NULL);
        ck_assert(comes(loop, &quick, 2 * i - 1));
        ck_assert(resolve_ask(loop, "slow", 1, count, &slow) != NULL);
        ck_assert(resolve_ask(loop, "quick", 1, count, &quick) != NULL);
        ck_assert(comes(loop, &quick, 2 * i));
        ck_assert_int_eq(slow, i - 1);
        sem_post(&go_on);
        ck_assert(comes(loop, &slow, i));
    }
    resolve_fini();
    ev_loop_destroy(loop);
}
END_TEST

CHECK_MAIN("resolve", slow_name_holds_nobody_up)
