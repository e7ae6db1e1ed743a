/*
 * map: random additions and removals beside a plain array of flags, through many resizes both ways;
 * SipHash against the vector of its authors' reference for these rounds.
 */
#include <string.h>

#include "tests/check_main.h"
#include "common/alloc.h"
#include "common/map.h"
#include "common/siphash.h"

enum { THINGS = 3000, STEPS = 60000 };

struct thing {
    struct map_node node;
    char name[16];
    bool in;
};

static void check_walk(const struct map *m, const struct thing *things)
{
    struct map_walk w = map_walk(m);
    size_t walked = 0, in = 0;

    for (struct map_node *n; (n = map_walk_next(&w)); walked++)
        ck_assert(CONTAINER_OF(n, struct thing, node)->in);
    for (int i = 0; i < THINGS; i++)
        in += things[i].in;
    ck_assert_uint_eq(walked, in);
    ck_assert_uint_eq(m->count, in);
    map_check(m);
}

START_TEST(agrees_with_flags)
{
    struct thing *things = xcalloc(THINGS, sizeof *things);
    struct map m = { 0 };
    struct rng r;

    rng_seed(&r, test_seed());
    for (int i = 0; i < THINGS; i++)
        snprintf(things[i].name, sizeof things[i].name, "n%d", i);
    for (int step = 0; step < STEPS; step++) {
        struct thing *t = &things[rng_below(&r, THINGS)];
        bool growing = step / 10000 % 2 == 0;

        ck_assert((map_find(&m, bytes_of(t->name)) == &t->node) == t->in);
        if (t->in && (!growing || rng_below(&r, 4) == 0))
            map_remove(&m, &t->node);
        else if (!t->in && (growing || rng_below(&r, 4) == 0))
            map_add(&m, &t->node, bytes_of(t->name));
        else
            continue;
        t->in = !t->in;
        if (step % 1000 == 0)
            check_walk(&m, things);
    }
    check_walk(&m, things);
    map_fini(&m);
    xfree(things);
}
END_TEST

/* Until none is left, through every size on the way down; and again with some that come amid it. */
START_TEST(any_takes_each_once)
{
    struct thing *things = xcalloc(THINGS, sizeof *things);
    struct map m = { 0 };
    struct map_node *n;
    int taken = 0, next = 0, added = THINGS;

    for (int i = 0; i < THINGS; i++) {
        snprintf(things[i].name, sizeof things[i].name, "n%d", i);
        map_add(&m, &things[i].node, bytes_of(things[i].name));
        things[i].in = true;
    }
    while ((n = map_any(&m))) {
        struct thing *t = CONTAINER_OF(n, struct thing, node), *back = &things[next];

        ck_assert(t->in);
        map_remove(&m, n);
        t->in = false;
        if (++taken % 100 == 0)
            check_walk(&m, things);
        if (taken % 3 == 0 && next < THINGS / 5) {
            if (!back->in) {
                map_add(&m, &back->node, bytes_of(back->name));
                back->in = true;
                added++;
            }
            next++;
        }
    }
    ck_assert_uint_eq(m.count, 0);
    ck_assert_int_eq(taken, added);
    ck_assert_int_gt(added, THINGS);
    map_check(&m);
    map_fini(&m);
    xfree(things);
}
END_TEST

START_TEST(an_empty_map_finds_nothing)
{
    struct map m = { 0 };
    struct map_walk w = map_walk(&m);

    ck_assert_ptr_null(map_find(&m, BYTES("x")));
    ck_assert_ptr_null(map_walk_next(&w));
    ck_assert_ptr_null(map_any(&m));
    map_check(&m);
    map_fini(&m);
}
END_TEST

/* Key 00..0f, messages 00 01 02 …, checked beside the hash of bytes in CPython 3.11, which is the same
 * function under a zero key. */
START_TEST(siphash_13_vectors)
{
    struct siphash_key key = { 0x0706050403020100u, 0x0f0e0d0c0b0a0908u };
    unsigned char text[64];

    for (size_t i = 0; i < sizeof text; i++)
        text[i] = (unsigned char)i;
    ck_assert_uint_eq(siphash(&key, text, 0), 0xabac0158050fc4dcu);
    ck_assert_uint_eq(siphash(&key, text, 1), 0xc9f49bf37d57ca93u);
    ck_assert_uint_eq(siphash(&key, text, 8), 0x369095118d299a8eu);
}
END_TEST

CHECK_MAIN("map", agrees_with_flags, any_takes_each_once, an_empty_map_finds_nothing,
           siphash_13_vectors)
