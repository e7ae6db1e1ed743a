#include "common/random.h"

#include <errno.h>
#include <sys/random.h>

void random_bytes(void *out, size_t len)
{
    char *at = out;

    while (len) {
        ssize_t n = getrandom(at, len, 0);

        if (n < 0) {
            ASSERT(errno == EINTR); /* getrandom has no other way to fail on a kernel we run on */
            continue;
        }
        at += n;
        len -= (size_t)n;
    }
}

void random_hex(char *out, size_t len)
{
    static const char digits[] = "0123456789abcdef";

    random_bytes(out, len);
    for (size_t i = 0; i < len; i++)
        out[i] = digits[(unsigned char)out[i] & 15];
    out[len] = '\0';
}

/* splitmix64 spreads a small seed over the whole state, as the generator's authors advise. */
void rng_seed(struct rng *r, uint64_t seed)
{
    for (int i = 0; i < 4; i++) {
        uint64_t z = (seed += 0x9e3779b97f4a7c15u);

        z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
        z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
        r->s[i] = z ^ (z >> 31);
    }
}

static uint64_t rotate(uint64_t x, int by)
{
    return (x << by) | (x >> (64 - by));
}

uint64_t rng_next(struct rng *r)
{
    uint64_t *s = r->s;
    uint64_t result = rotate(s[1] * 5, 7) * 9;
    uint64_t t = s[1] << 17;

    s[2] ^= s[0];
    s[3] ^= s[1];
    s[1] ^= s[2];
    s[0] ^= s[3];
    s[2] ^= t;
    s[3] = rotate(s[3], 45);
    return result;
}

uint64_t rng_below(struct rng *r, uint64_t below)
{
    uint64_t limit = UINT64_MAX - UINT64_MAX % below;
    uint64_t v;

    ASSERT(below > 0);
    do
        v = rng_next(r);
    while (v >= limit);
    return v % below;
}
