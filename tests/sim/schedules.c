#include "schedules.h"

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>

#include "common/clock.h"

#define U(number) ((unsigned long long)(number))

struct options {
    uint64_t seed, schedules, seconds;
    uint32_t mutate;
    bool trace;
};

static bool run_many(const struct schedules *s, const struct options *o)
{
    uint64_t start_us = clock_read_us(), stop_us = start_us + o->seconds * 1000000, run = 0,
             failed = 0;
    const char *why;

    while (o->seconds ? clock_read_us() < stop_us : run < o->schedules) {
        uint64_t seed = o->seed + run++;

        if (s->run(seed, o->mutate, o->trace, &why))
            continue;
        failed++;
        printf("seed %llu: %s\n", U(seed), why);
    }
    printf("%llu schedules from seed %llu: %llu failed, %llu ms of real time\n", U(run), U(o->seed),
           U(failed), U((clock_read_us() - start_us) / 1000));
    s->print();
    return failed == 0;
}

/* A simulator that misses a planted bug would miss a real one. */
static bool catch_mutant(const struct schedules *s, const struct mutant *m, uint64_t seed)
{
    const char *why;

    for (uint64_t i = 0; i < s->mutant_tries; i++) {
        if (s->run(seed + i, m->bit, false, &why))
            continue;
        printf("mutant %s: caught after %llu schedules: %s\n", m->name, U(i + 1), why);
        return true;
    }
    printf("mutant %s: NOT caught in %llu schedules\n", m->name, U(s->mutant_tries));
    return false;
}

int schedules_main(int argc, char **argv, const struct schedules *s)
{
    static const struct option longs[] = {
        { "seed", required_argument, NULL, 's' },    { "schedules", required_argument, NULL, 'n' },
        { "seconds", required_argument, NULL, 't' }, { "trace", no_argument, NULL, 'v' },
        { "mutate", required_argument, NULL, 'm' },  { NULL, 0, NULL, 0 },
    };
    struct options o = { .seed = 1, .schedules = s->count };
    bool ok;
    int c;

    while ((c = getopt_long(argc, argv, "", longs, NULL)) != -1) {
        switch (c) {
        case 's':
            o.seed = strtoull(optarg, NULL, 10);
            o.schedules = 1;
            break;
        case 'n':
            o.schedules = strtoull(optarg, NULL, 10);
            break;
        case 't':
            o.seconds = strtoull(optarg, NULL, 10);
            break;
        case 'm':
            o.mutate = (uint32_t)strtoul(optarg, NULL, 0);
            break;
        case 'v':
            o.trace = true;
            break;
        default:
            return 2;
        }
    }
    ok = run_many(s, &o);
    for (size_t i = 0; i < s->mutant_count && argc == 1; i++)
        ok = catch_mutant(s, &s->mutants[i], o.seed) && ok;
    return ok ? 0 : 1;
}
