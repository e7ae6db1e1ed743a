/*
 * hll_selftest - PFSELFTEST: registers against an array, sparse against dense, and estimates against how
 * many elements there were.
 */
#include <string.h>

#include "node/types/arguments.h"
#include "node/types/hll.h"
#include "node/types/hll_commands.h"

enum {
    ROUNDS = 100000,          /* registers raised */
    ELEMENTS = 1000000,       /* counted at every power of ten; some tens of milliseconds */
    PARTS_IN_A_THOUSAND = 41, /* five standard errors of 0.81 % */
    SPARSE_MAX = 3000,
};

/* Numbers without a pattern, the same in every test: splitmix64 of a counter. */
static uint64_t scramble(uint64_t n)
{
    n += UINT64_C(0x9e3779b97f4a7c15);
    n = (n ^ n >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    n = (n ^ n >> 27) * UINT64_C(0x94d049bb133111eb);
    return n ^ n >> 31;
}

static const char *test_registers(void)
{
    unsigned char room[HLL_ROOM], model[HLL_REGISTERS] = { 0 }, read[HLL_REGISTERS] = { 0 };
    struct hll h;
    bool grew;

    hll_init(&h, room);
    for (uint64_t i = 0; i < ROUNDS; i++) {
        unsigned index = (unsigned)(scramble(i) % HLL_REGISTERS);
        unsigned value = (unsigned)(scramble(~i) % 63) + 1;

        if (hll_raise(&h, index, value, SPARSE_MAX, &grew) != OK || grew != (value > model[index]))
            return "TESTFAILED a register did not grow as it should";
        if (grew)
            model[index] = (unsigned char)value;
    }
    if (hll_merge(read, (struct bytes){ (char *)room, h.len }) != OK ||
        memcmp(read, model, sizeof model) != 0)
        return "TESTFAILED a register is not what was put into it";
    return NULL;
}

static bool near(uint64_t estimate, uint64_t count)
{
    uint64_t off = estimate > count ? estimate - count : count - estimate;

    return off * 1000 <= count * PARTS_IN_A_THOUSAND;
}

static const char *test_estimates(void)
{
    unsigned char room[HLL_ROOM], dense_room[HLL_ROOM];
    struct hll sparse, dense;
    uint64_t estimate, other;
    bool grew;

    hll_init(&sparse, room);
    hll_init(&dense, dense_room);
    if (hll_make_dense(&dense) != OK)
        return "TESTFAILED an empty one does not become dense";
    for (uint64_t i = 1, next = 1; i <= ELEMENTS; i++) {
        uint64_t element = scramble(i);
        struct bytes text = { (const char *)&element, sizeof element };

        if (hll_add(&sparse, text, SPARSE_MAX, &grew) != OK ||
            hll_add(&dense, text, SPARSE_MAX, &grew) != OK)
            return "TESTFAILED an element was not added";
        if (i != next)
            continue;
        if (hll_count((struct bytes){ (char *)sparse.at, sparse.len }, &estimate) != OK ||
            hll_count((struct bytes){ (char *)dense.at, dense.len }, &other) != OK ||
            estimate != other)
            return "TESTFAILED dense and sparse do not count the same";
        if (!near(estimate, i))
            return "TESTFAILED an estimate is too far off";
        next *= 10;
    }
    return NULL;
}

void cmd_pfselftest(struct call *c)
{
    const char *why = test_registers();

    if (!why)
        why = test_estimates();
    if (why)
        refuse(c, why);
    else
        reply_ok(c->reply);
}
