/*
 * bench_table - what a key costs: nanoseconds for each operation at the doors, resident bytes for
 * each key.
 *
 *     bench_table [KEYS]     default 2000000
 *
 * Bytes are the growth of the process's resident set divided by keys, so they count allocator
 * slack and all. The goals stand beside them; the program's exit code is 1 when one is missed.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/alloc.h"
#include "common/clock.h"
#include "common/random.h"
#include "node/keyspace/keyspace.h"

enum { KEYS_DEFAULT = 2000000, KEY_LEN = 16 };

static uint64_t keys;
static struct rng rng;

static double resident_bytes(void)
{
    FILE *f = fopen("/proc/self/statm", "r");
    unsigned long pages = 0;

    if (!f || fscanf(f, "%*u %lu", &pages) != 1)
        abort();
    fclose(f);
    return (double)pages * (double)sysconf(_SC_PAGESIZE);
}

static struct bytes key_name(uint64_t i)
{
    static char name[KEY_LEN + 1];

    snprintf(name, sizeof name, "key:%012llu", (unsigned long long)i);
    return (struct bytes){ name, KEY_LEN };
}

static struct keyspace *fresh(void)
{
    clock_turn();
    return keyspace_new(&(struct keyspace_options){ .databases = 1 });
}

struct shape {
    const char *name;
    bool integer, expiry;
    double goal_bytes;
};

static void put(struct keyspace *ks, uint64_t i, const struct shape *s)
{
    struct value v = value_of_text(BYTES("sixteen.bytes..!"));
    int64_t deadline_ms = NO_EXPIRY;

    if (s->integer)
        v = value_of_int((int64_t)(i * 7919));
    if (s->expiry)
        deadline_ms = (int64_t)(clock_wall_ms() + 3600000 + rng_below(&rng, 86400000));
    keyspace_put(ks, 0, key_name(i), &v, deadline_ms, 0);
}

/* In a process of its own, so that what one shape leaves behind does not help the next. */
static bool measure_bytes(const struct shape *s, uint64_t count)
{
    int status;
    pid_t child = fork();

    if (child == 0) {
        struct keyspace *ks = fresh();
        double before = resident_bytes(), each;
        struct keyspace_db_stats stats;

        for (uint64_t i = 0; i < count; i++)
            put(ks, i, s);
        each = (resident_bytes() - before) / (double)count;
        keyspace_db_stats(ks, 0, &stats);
        printf("%-28s %10llu keys %6.1f bytes (goal %.0f): entry %.1f, table %.1f, index %.1f\n",
               s->name, (unsigned long long)count, each, s->goal_bytes,
               (double)stats.entry_bytes / (double)count, (double)stats.table_bytes / (double)count,
               (double)stats.index_bytes / (double)count);
        fflush(stdout);
        _exit(each > s->goal_bytes);
    }
    return waitpid(child, &status, 0) == child && status == 0;
}

/* The time that making a name and throwing a die takes is measured too, and taken off. */
static double each_ns(void (*op)(struct keyspace *ks, uint64_t i), struct keyspace *ks,
                      uint64_t count)
{
    uint64_t start_us = clock_read_us();

    for (uint64_t i = 0; i < count; i++)
        op(ks, i);
    return (double)(clock_read_us() - start_us) * 1000.0 / (double)count;
}

static const struct shape plain = { .name = "16 + 16" };

static void op_insert(struct keyspace *ks, uint64_t i)
{
    put(ks, i, &plain);
}

static void op_nothing(struct keyspace *ks, uint64_t i)
{
    (void)ks;
    (void)key_name(rng_below(&rng, keys));
}

static void op_hit(struct keyspace *ks, uint64_t i)
{
    if (!keyspace_read(ks, 0, key_name(rng_below(&rng, keys)), 0))
        abort();
}

static void op_miss(struct keyspace *ks, uint64_t i)
{
    if (keyspace_read(ks, 0, key_name(keys + rng_below(&rng, keys)), 0))
        abort();
}

static void op_overwrite(struct keyspace *ks, uint64_t i)
{
    put(ks, rng_below(&rng, keys), &plain);
}

static void op_expire(struct keyspace *ks, uint64_t i)
{
    struct entry *e = keyspace_write(ks, 0, key_name(i), 0);

    keyspace_set_expiry(ks, 0, e, (int64_t)(clock_wall_ms() + 3600000 + rng_below(&rng, 86400000)));
}

static void op_delete(struct keyspace *ks, uint64_t i)
{
    keyspace_delete(ks, 0, key_name(i), 0);
}

static void measure_times(void)
{
    static const struct {
        const char *name;
        void (*op)(struct keyspace *ks, uint64_t i);
    } ops[] = {
        { "insert", op_insert },       { "get, hit", op_hit },       { "get, miss", op_miss },
        { "overwrite", op_overwrite }, { "give expiry", op_expire }, { "delete", op_delete },
    };
    struct keyspace *ks = fresh();
    double nothing = each_ns(op_nothing, ks, keys);

    for (size_t i = 0; i < ARRAY_LEN(ops); i++)
        printf("%-28s %10llu keys %6.0f ns\n", ops[i].name, (unsigned long long)keys,
               each_ns(ops[i].op, ks, keys) - nothing);
    keyspace_free(ks);
}

/* The longest single insert while the table grows from nothing: there is no resize to wait for. */
static void measure_pause(void)
{
    struct keyspace *ks = fresh();
    uint64_t worst = 0, before = clock_read_us(), late = 0;

    for (uint64_t i = 0; i < keys; i++) {
        uint64_t now;

        put(ks, i, &plain);
        now = clock_read_us();
        worst = now - before > worst ? now - before : worst;
        late += now - before > 100;
        before = now;
    }
    printf("%-28s %10llu keys %6llu us, %llu over 100 us (the scheduler's included)\n",
           "longest insert", (unsigned long long)keys, (unsigned long long)worst,
           (unsigned long long)late);
    keyspace_free(ks);
}

int main(int argc, char **argv)
{
    static const struct shape shapes[] = {
        { "16 + 16", false, false, 65 },
        { "16 + 16, expiry", false, true, 82 },
        { "16 + integer", true, false, 43 },
    };
    bool met = true;

    keys = argc > 1 ? strtoull(argv[1], NULL, 10) : KEYS_DEFAULT;
    rng_seed(&rng, 1);
    for (size_t i = 0; i < ARRAY_LEN(shapes); i++)
        for (uint64_t count = keys / 4 * 3; count <= keys / 4 * 5; count += keys / 4)
            met = measure_bytes(&shapes[i], count) && met;
    measure_times();
    measure_pause();
    printf(met ? "all goals met\n" : "a goal was missed\n");
    return !met;
}
