/*
 * The table against a flag per possible key: random adding and removing in waves, so that it grows
 * and shrinks through many sizes, with invariants checked on the way, and scans that run while it
 * does.
 */
#include "node/keyspace/table.h"

#include <string.h>

#include "common/alloc.h"
#include "tests/check_main.h"

enum { KEYS = 6000, STEPS = 60000 };

struct thing {
    unsigned id;
    char name[16];
    size_t len;
};

static struct bytes thing_key(const void *p)
{
    const struct thing *t = p;

    return (struct bytes){ t->name, t->len };
}

static const struct table_kind kind = { .key = thing_key };
static struct thing things[KEYS];
static bool present[KEYS];

static void name_things(void)
{
    for (unsigned i = 0; i < KEYS; i++) {
        things[i].id = i;
        things[i].len = (size_t)snprintf(things[i].name, sizeof things[i].name, "k%u", i);
    }
    memset(present, 0, sizeof present);
}

static uint64_t hash_of(const struct thing *t)
{
    return table_hash(thing_key(t));
}

static void toggle(struct table *t, unsigned i)
{
    struct thing *x = &things[i];

    if (present[i])
        table_remove(t, hash_of(x), table_find(t, hash_of(x), thing_key(x)));
    else
        table_add(t, hash_of(x), x);
    present[i] = !present[i];
}

/* A scan in progress: what has been there all the time must have been seen at the end. */
struct scan {
    uint64_t cursor;
    bool running;
    bool there_always[KEYS], seen[KEYS];
};

static void see(void *arg, void *thing)
{
    struct scan *s = arg;

    s->seen[((struct thing *)thing)->id] = true;
}

static void scan_step(struct scan *s, const struct table *t)
{
    if (!s->running) {
        s->running = true;
        s->cursor = 0;
        memcpy(s->there_always, present, sizeof present);
        memset(s->seen, 0, sizeof s->seen);
    }
    s->cursor = table_scan(t, s->cursor, see, s);
    if (s->cursor)
        return;
    s->running = false;
    for (int i = 0; i < KEYS; i++)
        ck_assert_msg(!s->there_always[i] || s->seen[i], "key %d was there and not seen", i);
}

START_TEST(agrees_with_flags)
{
    struct rng rng;
    struct table t = { .kind = &kind };
    static struct scan scan;
    int count = 0, scans = 0;

    scan.running = false;
    name_things();
    rng_seed(&rng, test_seed());
    for (int step = 0; step < STEPS; step++) {
        bool filling = step / 10000 % 2 == 0;
        unsigned i = (unsigned)rng_below(&rng, KEYS);

        if (present[i] == filling && rng_below(&rng, 4))
            continue;
        count += present[i] ? -1 : 1;
        scan.there_always[i] = false;
        toggle(&t, i);
        if (rng_below(&rng, 3) == 0) {
            scan_step(&scan, &t);
            scans += !scan.running;
        }
        ck_assert_uint_eq(t.count, (uint64_t)count);
        i = (unsigned)rng_below(&rng, KEYS);
        ck_assert(!!table_find(&t, hash_of(&things[i]), thing_key(&things[i])) == present[i]);
        if (step % 500 == 0)
            table_check(&t);
    }
    ck_assert_int_gt(scans, 10);
    for (unsigned i = 0; i < KEYS; i++) {
        struct table_slot *slot = table_find(&t, hash_of(&things[i]), thing_key(&things[i]));

        ck_assert(!!slot == present[i]);
        ck_assert(!slot || table_thing(slot) == &things[i]);
    }
    table_check(&t);
    table_fini(&t, NULL, NULL);
    ck_assert_uint_eq(t.bytes, 0);
}
END_TEST

START_TEST(random_finds_everything_about_equally_often)
{
    enum { FEW = 200, THROWS = 200 * FEW };
    struct table t = { .kind = &kind };
    struct rng rng;
    int hits[FEW] = { 0 };

    name_things();
    rng_seed(&rng, test_seed());
    ck_assert_ptr_null(table_random(&t, (uint64_t(*)(void *))rng_next, &rng));
    for (unsigned i = 0; i < FEW; i++)
        toggle(&t, i);
    for (int i = 0; i < THROWS; i++)
        hits[((struct thing *)table_random(&t, (uint64_t(*)(void *))rng_next, &rng))->id]++;
    for (int i = 0; i < FEW; i++) /* expected 200, standard deviation 14 */
        ck_assert_msg(hits[i] > 90 && hits[i] < 310, "thing %d came %d times", i, hits[i]);
    table_fini(&t, NULL, NULL);
}
END_TEST

START_TEST(costs_less_than_twelve_bytes_at_every_size)
{
    enum { MANY = 200000 };
    struct table t = { .kind = &kind };
    struct thing *many = xcalloc(MANY, sizeof *many);

    for (unsigned i = 0; i < MANY; i++) {
        many[i].len = (size_t)snprintf(many[i].name, sizeof many[i].name, "n%u", i);
        table_add(&t, hash_of(&many[i]), &many[i]);
        if (i > 20000 && i % 5000 == 0)
            ck_assert_msg((double)t.bytes / i < 12.0, "%zu bytes at %u", t.bytes, i);
    }
    for (unsigned i = MANY; i-- > 0;)
        table_remove(&t, hash_of(&many[i]), table_find(&t, hash_of(&many[i]), thing_key(&many[i])));
    table_check(&t);
    ck_assert_uint_lt(t.bytes, 20000);
    table_fini(&t, NULL, NULL);
    xfree(many);
}
END_TEST

CHECK_MAIN("table", agrees_with_flags, random_finds_everything_about_equally_often,
           costs_less_than_twelve_bytes_at_every_size)
