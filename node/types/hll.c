#include "node/types/hll.h"

#include <math.h>
#include <string.h>

enum {
    INDEX_BITS = 14,
    RANK_MAX = 64 - INDEX_BITS + 1, /* of a hash whose other bits are all zero */
    DENSE = 0,
    SPARSE = 1,
    ENCODING_AT = 4,
    CARDINALITY_AT = 8,
    STALE = 0x80,
    REGISTER_BITS = 6,
    REGISTER_MAX = 63,
};

_Static_assert(HLL_REGISTERS == 1 << INDEX_BITS, "an index picks a register");

/* ---- header -------------------------------------------------------------------------------- */

bool hll_is_dense(struct bytes text)
{
    return text.at[ENCODING_AT] == DENSE;
}

bool hll_is(struct bytes text)
{
    if (text.len < HLL_HEADER_BYTES || memcmp(text.at, "HYLL", 4) != 0)
        return false;
    return text.at[ENCODING_AT] == SPARSE || (hll_is_dense(text) && text.len == HLL_DENSE_BYTES);
}

bool hll_cached(struct bytes text, uint64_t *out)
{
    uint64_t n = 0;

    for (int i = 7; i >= 0; i--)
        n = n << 8 | (unsigned char)text.at[CARDINALITY_AT + i];
    if (n >> 63)
        return false;
    *out = n;
    return true;
}

void hll_cache(unsigned char *at, uint64_t cardinality)
{
    for (int i = 0; i < 8; i++)
        at[CARDINALITY_AT + i] = (unsigned char)(cardinality >> 8 * i);
}

void hll_forget(unsigned char *at)
{
    at[CARDINALITY_AT + 7] |= STALE;
}

/* ---- hashing ------------------------------------------------------------------------------- */

/* MurmurHash64A, of Austin Appleby, who put it in the public domain; little endian. */
static uint64_t hash_of(struct bytes text)
{
    const uint64_t seed = 0xadc83b19, factor = 0xc6a4a7935bd1e995;
    const char *at = text.at;
    uint64_t hash = seed ^ text.len * factor, word;
    size_t left = text.len;

    for (; left >= 8; at += 8, left -= 8) {
        memcpy(&word, at, 8);
        word *= factor;
        word ^= word >> 47;
        hash = (hash ^ word * factor) * factor;
    }
    if (left) {
        word = 0;
        memcpy(&word, at, left);
        hash = (hash ^ word) * factor;
    }
    hash = (hash ^ hash >> 47) * factor;
    return hash ^ hash >> 47;
}

/* ---- dense --------------------------------------------------------------------------------- */

/* A register lies in two bytes at the most; the last of all does not reach into what is behind it. */
static unsigned dense_get(const unsigned char *registers, unsigned index)
{
    unsigned bit = index * REGISTER_BITS, byte = bit / 8, shift = bit % 8;
    unsigned pair = registers[byte];

    if (shift > 8 - REGISTER_BITS)
        pair |= (unsigned)registers[byte + 1] << 8;
    return pair >> shift & REGISTER_MAX;
}

static void dense_set(unsigned char *registers, unsigned index, unsigned value)
{
    unsigned bit = index * REGISTER_BITS, byte = bit / 8, shift = bit % 8;
    unsigned mask = (unsigned)REGISTER_MAX << shift, bits = value << shift;

    registers[byte] = (unsigned char)((registers[byte] & ~mask) | bits);
    if (shift > 8 - REGISTER_BITS)
        registers[byte + 1] = (unsigned char)((registers[byte + 1] & ~(mask >> 8)) | bits >> 8);
}

static bool dense_raise(unsigned char *registers, unsigned index, unsigned value)
{
    if (dense_get(registers, index) >= value)
        return false;
    dense_set(registers, index, value);
    return true;
}

/* ---- sparse: runs -------------------------------------------------------------------------- */

enum {
    RUN_VALUE = 0x80,
    RUN_LONG = 0x40,
    VALUE_MAX = 32,       /* of a run */
    VALUE_LEN_MAX = 4,    /* of a run of one value */
    SHORT_ZERO_MAX = 64,  /* of a run in one byte */
    RUN_BYTES_MAX = 3 + 2 /* what takes one run's place: a value between zeros */
};

struct run {
    unsigned value; /* 0: zeros */
    unsigned len;   /* registers */
    size_t bytes;
};

/* The run at `at`, of which left bytes exist; a second byte that does not counts as zero, as in Redis. */
static struct run run_at(const unsigned char *at, size_t left)
{
    struct run r = { .bytes = 1 };

    if (*at & RUN_VALUE) {
        r.value = (*at >> 2 & 0x1fu) + 1;
        r.len = (*at & 3u) + 1;
    } else if (*at & RUN_LONG) {
        r.len = ((*at & 0x3fu) << 8 | (left > 1 ? at[1] : 0)) + 1;
        r.bytes = left > 1 ? 2 : 1;
    } else {
        r.len = (*at & 0x3fu) + 1;
    }
    return r;
}

static bool is_long_zero(const unsigned char *at)
{
    return (*at & (RUN_VALUE | RUN_LONG)) == RUN_LONG;
}

/* Returns how many bytes it took. */
static size_t put_value_run(unsigned char *at, unsigned value, unsigned len)
{
    *at = (unsigned char)((value - 1) << 2 | (len - 1) | RUN_VALUE);
    return 1;
}

static size_t put_zero_run(unsigned char *at, unsigned len)
{
    if (len <= SHORT_ZERO_MAX) {
        *at = (unsigned char)(len - 1);
        return 1;
    }
    at[0] = (unsigned char)((len - 1) >> 8 | RUN_LONG);
    at[1] = (unsigned char)(len - 1);
    return 2;
}

static size_t put_run(unsigned char *at, unsigned value, unsigned len)
{
    if (len == 0)
        return 0;
    return value ? put_value_run(at, value, len) : put_zero_run(at, len);
}

/* Calls fn for every run. False from fn, or runs that do not cover the registers exactly: false. */
typedef bool run_fn(void *arg, unsigned first, struct run run);

static bool each_run(struct bytes text, run_fn *fn, void *arg)
{
    const unsigned char *at = (const unsigned char *)text.at;
    unsigned first = 0;

    for (size_t i = HLL_HEADER_BYTES; i < text.len;) {
        struct run run = run_at(at + i, text.len - i);

        if (run.len > HLL_REGISTERS - first || !fn(arg, first, run))
            return false;
        first += run.len;
        i += run.bytes;
    }
    return first == HLL_REGISTERS;
}

void hll_init(struct hll *h, unsigned char *room)
{
    h->at = room;
    memset(room, 0, HLL_HEADER_BYTES);
    memcpy(room, "HYLL", 4);
    room[ENCODING_AT] = SPARSE;
    h->len = HLL_HEADER_BYTES + put_zero_run(room + HLL_HEADER_BYTES, HLL_REGISTERS);
}

static struct bytes bytes_of_hll(const struct hll *h)
{
    return (struct bytes){ (const char *)h->at, h->len };
}

static bool run_to_dense(void *arg, unsigned first, struct run run)
{
    unsigned char *registers = arg;

    for (unsigned i = first; run.value && i < first + run.len; i++)
        dense_set(registers, i, run.value);
    return true;
}

enum err hll_make_dense(struct hll *h)
{
    unsigned char registers[HLL_DENSE_BYTES - HLL_HEADER_BYTES] = { 0 };

    if (hll_is_dense(bytes_of_hll(h)))
        return OK;
    if (!each_run(bytes_of_hll(h), run_to_dense, registers))
        return ERR_CORRUPT;
    h->at[ENCODING_AT] = DENSE;
    memcpy(h->at + HLL_HEADER_BYTES, registers, sizeof registers);
    h->len = HLL_DENSE_BYTES;
    return OK;
}

/* ---- sparse: a register grows ---------------------------------------------------------------- */

static enum err make_dense_and_raise(struct hll *h, unsigned index, unsigned value,
                                     bool *out_changed)
{
    if (hll_make_dense(h) != OK)
        return ERR_CORRUPT;
    *out_changed = dense_raise(h->at + HLL_HEADER_BYTES, index, value);
    return OK;
}

/* Where a run is, and the one before it (0: none). */
struct place {
    size_t at, before;
    unsigned first; /* its first register */
    struct run run;
};

static bool find_run(const struct hll *h, unsigned index, struct place *out)
{
    struct place p = { 0 };

    for (size_t i = HLL_HEADER_BYTES; i < h->len; i += p.run.bytes) {
        p.run = run_at(h->at + i, h->len - i);
        p.at = i;
        if (index < p.first + p.run.len) {
            *out = p;
            return true;
        }
        p.first += p.run.len;
        p.before = i;
    }
    return false;
}

/* Neighbours of one value become one run where it is not too long. Redis looks at five runs from here on,
 * counting a merge as one, and only what it does gives the same bytes. */
static void merge_runs(struct hll *h, size_t from)
{
    size_t i = from;

    for (int looks = 5; i < h->len && looks; looks--) {
        struct run a = run_at(h->at + i, h->len - i), b;

        if (a.value && i + 1 < h->len && h->at[i + 1] & RUN_VALUE) {
            b = run_at(h->at + i + 1, h->len - i - 1);
            if (a.value == b.value && a.len + b.len <= VALUE_LEN_MAX) {
                put_value_run(h->at + i + 1, a.value, a.len + b.len);
                memmove(h->at + i, h->at + i + 1, h->len - i - 1);
                h->len--;
                continue;
            }
        }
        i += a.bytes;
    }
}

/* The run is cut at the register, which gets a run of its own. */
static size_t split(unsigned char *out, const struct place *p, unsigned index, unsigned value)
{
    size_t len = put_run(out, p->run.value, index - p->first);

    len += put_value_run(out + len, value, 1);
    return len + put_run(out + len, p->run.value, p->first + p->run.len - 1 - index);
}

static enum err sparse_raise(struct hll *h, unsigned index, unsigned value, size_t sparse_bytes_max,
                             bool *out_changed)
{
    unsigned char runs[RUN_BYTES_MAX];
    struct place p;
    size_t len, had;

    *out_changed = false;
    if (value > VALUE_MAX)
        return make_dense_and_raise(h, index, value, out_changed);
    if (h->len > HLL_SPARSE_BYTES_MAX || !find_run(h, index, &p))
        return ERR_CORRUPT;
    if (p.run.value >= value)
        return OK;
    len = split(runs, &p, index, value);
    /* A second byte that is cut off counts as having been there, and takes one with it, as in Redis. */
    had = is_long_zero(h->at + p.at) ? 2 : 1;
    if (len > had && h->len + len - had > sparse_bytes_max)
        return make_dense_and_raise(h, index, value, out_changed);
    memmove(h->at + p.at + len, h->at + p.at + p.run.bytes, h->len - p.at - p.run.bytes);
    memcpy(h->at + p.at, runs, len);
    h->len += len - had;
    merge_runs(h, p.before ? p.before : HLL_HEADER_BYTES);
    hll_forget(h->at);
    *out_changed = true;
    return OK;
}

enum err hll_raise(struct hll *h, unsigned index, unsigned value, size_t sparse_bytes_max,
                   bool *out_changed)
{
    ASSERT(index < HLL_REGISTERS && value >= 1 && value <= REGISTER_MAX);
    if (!hll_is_dense(bytes_of_hll(h)))
        return sparse_raise(h, index, value, sparse_bytes_max, out_changed);
    *out_changed = dense_raise(h->at + HLL_HEADER_BYTES, index, value);
    return OK;
}

enum err hll_add(struct hll *h, struct bytes element, size_t sparse_bytes_max, bool *out_changed)
{
    uint64_t hash = hash_of(element);
    /* A bit above all others ends the run of zeros. */
    uint64_t rest = hash >> INDEX_BITS | UINT64_C(1) << (RANK_MAX - 1);

    return hll_raise(h, hash & (HLL_REGISTERS - 1), (unsigned)__builtin_ctzll(rest) + 1,
                     sparse_bytes_max, out_changed);
}

/* ---- merging ------------------------------------------------------------------------------- */

static bool run_to_max(void *arg, unsigned first, struct run run)
{
    unsigned char *max = arg;

    for (unsigned i = first; run.value && i < first + run.len; i++) {
        if (max[i] < run.value)
            max[i] = (unsigned char)run.value;
    }
    return true;
}

/* Four registers in three bytes, which the compiler does many of at once. */
static void merge_dense(unsigned char *restrict max, const unsigned char *restrict registers)
{
    for (unsigned i = 0; i < HLL_REGISTERS / 4; i++) {
        const unsigned char *three = registers + 3 * (size_t)i;
        unsigned word = three[0] | (unsigned)three[1] << 8 | (unsigned)three[2] << 16;

        for (unsigned k = 0; k < 4; k++) {
            unsigned char value = word >> REGISTER_BITS * k & REGISTER_MAX;

            max[4 * i + k] = max[4 * i + k] > value ? max[4 * i + k] : value;
        }
    }
}

enum err hll_merge(unsigned char max[HLL_REGISTERS], struct bytes text)
{
    if (!hll_is_dense(text))
        return each_run(text, run_to_max, max) ? OK : ERR_CORRUPT;
    merge_dense(max, (const unsigned char *)text.at + HLL_HEADER_BYTES);
    return OK;
}

/* ---- counting ------------------------------------------------------------------------------ */

/* How many registers hold each value. */
struct histogram {
    uint32_t of[REGISTER_MAX + 1];
};

static bool run_to_histogram(void *arg, unsigned first, struct run run)
{
    struct histogram *h = arg;

    (void)first;
    h->of[run.value] += run.len;
    return true;
}

/* sigma and tau stand for what the smallest and the largest value of a register do not tell. */
static double sigma(double x)
{
    double y = 1, z = x, before;

    if (x == 1)
        return INFINITY;
    do {
        x *= x;
        before = z;
        z += x * y;
        y += y;
    } while (z != before);
    return z;
}

static double tau(double x)
{
    double y = 1, z = 1 - x, before;

    if (x == 0 || x == 1)
        return 0;
    do {
        x = sqrt(x);
        before = z;
        y *= 0.5;
        z -= (1 - x) * (1 - x) * y;
    } while (z != before);
    return z / 3;
}

/* What registers that no element could have filled make of the estimate: nothing that is cached. */
#define NO_ESTIMATE (UINT64_C(1) << 63)

static uint64_t estimate(const struct histogram *h)
{
    const double alpha = 0.721347520444481703680; /* 1 / (2 ln 2) */
    const double m = HLL_REGISTERS;
    double z = m * tau((m - h->of[RANK_MAX]) / m), n;

    for (int j = RANK_MAX - 1; j >= 1; j--) {
        z += h->of[j];
        z *= 0.5;
    }
    z += m * sigma(h->of[0] / m);
    n = alpha * m * m / z;
    return n < (double)NO_ESTIMATE ? (uint64_t)llround(n) : NO_ESTIMATE;
}

uint64_t hll_count_registers(const unsigned char registers[HLL_REGISTERS])
{
    struct histogram h = { 0 };

    for (unsigned i = 0; i < HLL_REGISTERS; i++)
        h.of[registers[i] & REGISTER_MAX]++;
    return estimate(&h);
}

enum err hll_count(struct bytes text, uint64_t *out)
{
    unsigned char registers[HLL_REGISTERS] = { 0 };
    struct histogram h = { 0 };

    if (hll_is_dense(text)) {
        merge_dense(registers, (const unsigned char *)text.at + HLL_HEADER_BYTES);
        *out = hll_count_registers(registers);
        return OK;
    }
    if (!each_run(text, run_to_histogram, &h))
        return ERR_CORRUPT;
    *out = estimate(&h);
    return OK;
}

/* ---- looking ------------------------------------------------------------------------------- */

void hll_print_runs(struct bytes text, struct buf *out)
{
    const unsigned char *at = (const unsigned char *)text.at;

    for (size_t i = HLL_HEADER_BYTES; i < text.len;) {
        struct run run = run_at(at + i, text.len - i);

        if (i > HLL_HEADER_BYTES)
            buf_putc(out, ' ');
        if (run.value)
            buf_printf(out, "v:%u,%u", run.value, run.len);
        else
            buf_printf(out, "%c:%u", is_long_zero(at + i) ? 'Z' : 'z', run.len);
        i += run.bytes;
    }
}
