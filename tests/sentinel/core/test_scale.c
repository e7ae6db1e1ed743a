/*
 * test_scale - a thousand groups at rest: what the core costs, and that a step does not cost more
 * because there are more groups.
 *
 * Every node and peer answers at once. CPU time is measured, not wall time, and the bounds leave a
 * loaded machine room: the core alone may take a hundredth of what a sentinel may take in all.
 */
#include <string.h>
#include <time.h>

#include "common/alloc.h"
#include "tests/check_main.h"
#include "sentinel/core/sentinel.h"

enum { NODES = 3, PEERS = 2, SECONDS = 5, START_MS = 1000000 };

struct bench {
    struct sentinel core;
    struct info info;
    uint64_t now_ms, steps, pings, infos, hellos;
};

static double cpu_ms(void)
{
    struct timespec t;

    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (double)t.tv_sec * 1000 + (double)t.tv_nsec / 1e6;
}

static void step(struct bench *b, struct event *ev);

static void give_info(struct bench *b, uint64_t id)
{
    const struct node *n = sentinel_find_node(&b->core, id);
    struct event ev = { .kind = EV_INFO, .id = id, .info = { .info = &b->info } };
    bool leads = n == n->group->leader;

    b->info.facts = (struct facts){ .role = leads ? ROLE_LEADER : ROLE_FOLLOWER,
                                    .priority = 100,
                                    .announced = true,
                                    .link_up = true,
                                    .holdfast = true };
    memset(b->info.facts.run_id, 'a', ID_LEN);
    if (!leads)
        b->info.facts.leader = n->group->leader->addr;
    ev.info.text = BYTES("role:unread");
    step(b, &ev);
}

static void obey(struct bench *b, const struct action *a)
{
    struct event ev = { .id = a->id };

    switch (a->kind) {
    case ACT_DIAL:
        ev.kind = EV_LINE_UP;
        ev.line.kind = a->line;
        ev.line.local_ip = "10.9.9.9";
        step(b, &ev);
        break;
    case ACT_PING:
        b->pings++;
        ev.kind = EV_PONG;
        step(b, &ev);
        break;
    case ACT_INFO:
        b->infos++;
        give_info(b, a->id);
        break;
    case ACT_PROBE:
        ev.kind = EV_PROBE_REPLY;
        ev.protocol = VIEW_PROTOCOL;
        step(b, &ev);
        break;
    case ACT_HELLO:
        b->hellos++;
        break;
    default:
        break;
    }
}

static void step(struct bench *b, struct event *ev)
{
    struct actions out = { 0 };

    ev->now_ms = b->now_ms;
    sentinel_step(&b->core, ev, &out);
    b->steps++;
    for (size_t i = 0; i < out.count; i++)
        obey(b, &out.at[i]);
    actions_fini(&out);
}

static void run_until(struct bench *b, uint64_t until_ms)
{
    while (sentinel_wake_ms(&b->core) <= until_ms) {
        struct event ev = { .kind = EV_TIME };

        if (sentinel_wake_ms(&b->core) > b->now_ms)
            b->now_ms = sentinel_wake_ms(&b->core);
        step(b, &ev);
    }
    b->now_ms = until_ms;
}

static void load(struct bench *b, int groups)
{
    struct config c = { 0 };
    struct event ev = { .kind = EV_LOAD, .load = &c };

    globals_defaults(&c.globals);
    memset(c.globals.my_id, 'f', ID_LEN);
    c.globals.listen_port = 26379;
    for (int i = 0; i < groups; i++) {
        char name[32], id[ID_LEN + 1] = "";
        struct config_group *g;

        snprintf(name, sizeof name, "group-%d", i);
        g = config_add_group(&c, name);
        for (int k = 0; k < NODES; k++) {
            struct addr a = { .port = 6379 };

            snprintf(a.host, sizeof a.host, "10.%d.%d.%d", k, i / 250, i % 250);
            if (k == 0)
                g->leader = a;
            else
                config_add_node(g, &a);
        }
        for (int k = 0; k < PEERS; k++) {
            struct addr a = { .port = 26379 };

            snprintf(a.host, sizeof a.host, "10.9.9.%d", k);
            memset(id, '0' + k, ID_LEN);
            config_add_peer(g, &a, id);
        }
    }
    step(b, &ev);
    config_fini(&c);
}

/* CPU milliseconds for one simulated second at rest, and *out_step_us for one step. */
static double measure(int groups, double *out_step_us)
{
    struct bench *b = xcalloc(1, sizeof *b);
    double before, used;
    uint64_t steps;

    b->now_ms = START_MS;
    sentinel_init(&b->core, 1);
    load(b, groups);
    run_until(b, START_MS + 20000); /* past the time in which everything settles */
    steps = b->steps;
    b->pings = b->infos = b->hellos = 0;
    before = cpu_ms();
    run_until(b, START_MS + 20000 + SECONDS * 1000);
    used = cpu_ms() - before;
    *out_step_us = used * 1000 / (double)(b->steps - steps);
    printf(
        "%d groups: %.2f ms of CPU a second, %.2f us a step, %llu pings, %llu infos, %llu hellos "
        "a second\n",
        groups, used / SECONDS, *out_step_us, (unsigned long long)b->pings / SECONDS,
        (unsigned long long)b->infos / SECONDS, (unsigned long long)b->hellos / SECONDS);
    sentinel_fini(&b->core);
    xfree(b);
    return used / SECONDS;
}

#ifdef HF_SLOW_ASSERTS
enum { IN_SANITIZER = 1 };
#else
enum { IN_SANITIZER = 0 };
#endif

START_TEST(a_thousand_groups_at_rest)
{
    double step_100_us, step_1000_us, cpu;

    measure(100, &step_100_us);
    cpu = measure(1000, &step_1000_us);
    /* Ten times what a release takes; a sanitizer takes what it likes. */
    ck_assert_msg(cpu < (IN_SANITIZER ? 1000 : 20), "%.2f ms of CPU a second", cpu);
    /* Ten times the groups: caches and the heap's depth, but no factor of ten. */
    ck_assert_msg(step_1000_us < 4 * step_100_us + 2, "%.2f us a step, %.2f with 100 groups",
                  step_1000_us, step_100_us);
}
END_TEST

CHECK_MAIN("scale", a_thousand_groups_at_rest)
