/*
 * key_list: random owners at random keys, beside a table of flags; order at a key is the order of coming.
 */
#include <string.h>

#include "tests/check_main.h"
#include "node/serve/key_list.h"

enum { OWNERS = 9, KEYS = 12, STEPS = 20000 };

struct owner {
    struct list waiters;
    unsigned came[KEYS]; /* 0: not there */
};

static struct bytes key_of(size_t k, char text[32])
{
    snprintf(text, 32, "k%zu", k / 2);
    return bytes_of(text);
}

static void check_place(struct key_list *l, const struct owner *owners, size_t k)
{
    char text[32];
    const struct key_place *p = key_list_find(l, (int)(k % 2), key_of(k, text));
    unsigned last = 0, count = 0, wanted = 0;

    for (int o = 0; o < OWNERS; o++)
        wanted += owners[o].came[k] > 0;
    ck_assert((p != NULL) == (wanted > 0));
    if (!p)
        return;
    ck_assert(bytes_eq(key_place_key(p), key_of(k, text)) && p->db == (int)(k % 2));
    LIST_EACH (&p->waiters, n) {
        const struct owner *o = LIST_ENTRY(n, struct key_waiter, by_place)->owner;

        ck_assert_uint_gt(o->came[k], last);
        last = o->came[k];
        count++;
    }
    ck_assert_uint_eq(count, wanted);
}

START_TEST(agrees_with_flags)
{
    struct owner owners[OWNERS] = { 0 };
    struct key_list l = { 0 };
    unsigned clock = 0;
    struct rng r;
    char text[32];

    rng_seed(&r, test_seed());
    for (int o = 0; o < OWNERS; o++)
        list_init(&owners[o].waiters);
    for (int step = 0; step < STEPS; step++) {
        struct owner *o = &owners[rng_below(&r, OWNERS)];
        size_t k = rng_below(&r, KEYS);

        if (rng_below(&r, 12) == 0) {
            key_list_remove_all(&l, &o->waiters);
            memset(o->came, 0, sizeof o->came);
        } else {
            struct key_waiter *w = key_list_add(&l, (int)(k % 2), key_of(k, text), o, &o->waiters);

            ck_assert((w != NULL) == !o->came[k]);
            if (w)
                o->came[k] = ++clock;
        }
        check_place(&l, owners, k);
        check_place(&l, owners, rng_below(&r, KEYS));
    }
    for (int o = 0; o < OWNERS; o++)
        key_list_remove_all(&l, &owners[o].waiters);
    ck_assert(key_list_empty(&l));
    key_list_fini(&l);
}
END_TEST

CHECK_MAIN("key_list", agrees_with_flags)
