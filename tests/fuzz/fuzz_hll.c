/*
 * fuzz_hll - a HyperLogLog that a client may have written or damaged: counting, merging and unpacking agree on
 * whether its runs are registers and on what they are, and a register that grows grows alike in both forms.
 *
 * The first byte chooses: bit 0, the dense form; the rest, how long a sparse one may become. The next two pick a
 * register and what it is raised to; what follows are the registers.
 */
#include <string.h>

#include "common/err.h"
#include "node/types/hll.h"
#include "tests/fuzz/fuzz.h"

enum { DENSE_FORM = 1, HEAD_BYTES = 3, REGISTER_MAX = 63 };

/* room has HLL_ROOM bytes. */
static struct hll make(unsigned char *room, bool dense, struct bytes registers)
{
    struct hll h;

    hll_init(&h, room);
    if (dense)
        ASSERT(hll_make_dense(&h) == OK);
    if (dense && registers.len > h.len - HLL_HEADER_BYTES)
        registers.len = h.len - HLL_HEADER_BYTES;
    if (!dense)
        h.len = HLL_HEADER_BYTES + registers.len;
    if (registers.len)
        memcpy(room + HLL_HEADER_BYTES, registers.at, registers.len);
    return h;
}

static struct hll copy(unsigned char *room, const struct hll *from)
{
    memcpy(room, from->at, from->len);
    return (struct hll){ room, from->len };
}

static struct bytes text_of(const struct hll *h)
{
    return (struct bytes){ (const char *)h->at, h->len };
}

/* Does it hold registers? Every way to look says the same. */
static bool check_registers(const struct hll *h, unsigned char registers[HLL_REGISTERS])
{
    static unsigned char room[HLL_ROOM], again[HLL_REGISTERS];
    struct hll dense = copy(room, h);
    struct buf runs = { 0 };
    uint64_t count = 0, dense_count = 0;
    bool sound = hll_count(text_of(h), &count) == OK;

    memset(registers, 0, HLL_REGISTERS);
    memset(again, 0, sizeof again);
    ASSERT(hll_is(text_of(h)));
    ASSERT((hll_merge(registers, text_of(h)) == OK) == sound);
    ASSERT((hll_make_dense(&dense) == OK) == sound);
    if (sound) {
        ASSERT(hll_is(text_of(&dense)) && hll_is_dense(text_of(&dense)));
        ASSERT(hll_merge(again, text_of(&dense)) == OK && !memcmp(registers, again, sizeof again));
        ASSERT(hll_count(text_of(&dense), &dense_count) == OK && dense_count == count);
        ASSERT(hll_count_registers(registers) == count);
    }
    if (!hll_is_dense(text_of(h)))
        hll_print_runs(text_of(h), &runs);
    buf_fini(&runs);
    return sound;
}

/* One register is as large as it was told to be, and no other one changed. */
static void check_raise(const struct hll *from, unsigned index, unsigned value, size_t sparse_max)
{
    static unsigned char room[HLL_ROOM], before[HLL_REGISTERS], after[HLL_REGISTERS];
    struct hll h = copy(room, from);
    bool sound = check_registers(from, before), changed;

    if (hll_raise(&h, index, value, sparse_max, &changed) != OK) {
        ASSERT(!sound);
        return;
    }
    ASSERT(h.len <= HLL_ROOM);
    if (!sound)
        return;
    ASSERT(check_registers(&h, after));
    ASSERT(changed == (before[index] < value));
    ASSERT(after[index] == (changed ? value : before[index]));
    before[index] = after[index];
    ASSERT(!memcmp(before, after, sizeof after));
}

static void check_cache(struct hll *h, uint64_t cardinality)
{
    uint64_t told;

    hll_cache(h->at, cardinality);
    ASSERT(hll_cached(text_of(h), &told) && told == cardinality);
    hll_forget(h->at);
    ASSERT(!hll_cached(text_of(h), &told));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static unsigned char room[HLL_ROOM];
    struct bytes registers = { (const char *)data + HEAD_BYTES, 0 };
    unsigned index, value;
    struct hll h;
    bool changed;

    if (size < HEAD_BYTES || size > HLL_SPARSE_BYTES_MAX - HLL_HEADER_BYTES)
        return 0;
    registers.len = size - HEAD_BYTES;
    h = make(room, data[0] & DENSE_FORM, registers);
    index = (data[1] * 64u + data[2]) % HLL_REGISTERS;
    value = 1 + data[2] % REGISTER_MAX;
    check_raise(&h, index, value, 16u * data[0]);
    check_cache(&h, data[1]);
    (void)!hll_add(&h, registers, 16u * data[0], &changed);
    return 0;
}
