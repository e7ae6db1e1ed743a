#include "common/siphash.h"

#include <string.h>

#include "common/random.h"

static uint64_t rotate(uint64_t x, int bits)
{
    return x << bits | x >> (64 - bits);
}

static inline void round_once(uint64_t v[4])
{
    v[0] += v[1];
    v[1] = rotate(v[1], 13) ^ v[0];
    v[0] = rotate(v[0], 32);
    v[2] += v[3];
    v[3] = rotate(v[3], 16) ^ v[2];
    v[0] += v[3];
    v[3] = rotate(v[3], 21) ^ v[0];
    v[2] += v[1];
    v[1] = rotate(v[1], 17) ^ v[2];
    v[2] = rotate(v[2], 32);
}

const struct siphash_key *siphash_process_key(void)
{
    static struct siphash_key key;
    static bool drawn;

    if (UNLIKELY(!drawn)) {
        random_bytes(&key, sizeof key);
        drawn = true;
    }
    return &key;
}

uint64_t siphash(const struct siphash_key *key, const void *data, size_t len)
{
    const unsigned char *at = data;
    uint64_t v[4] = { key->k0 ^ 0x736f6d6570736575u, key->k1 ^ 0x646f72616e646f6du,
                      key->k0 ^ 0x6c7967656e657261u, key->k1 ^ 0x7465646279746573u };
    uint64_t last = (uint64_t)len << 56, word;
    size_t whole = len & ~(size_t)7;

    for (size_t i = 0; i < whole; i += 8) {
        memcpy(&word, at + i, 8); /* little-endian machines only, as all that Debian 12 ships on */
        v[3] ^= word;
        round_once(v);
        v[0] ^= word;
    }
    for (size_t i = whole; i < len; i++)
        last |= (uint64_t)at[i] << (8 * (i - whole));
    v[3] ^= last;
    round_once(v);
    v[0] ^= last;
    v[2] ^= 0xff;
    round_once(v);
    round_once(v);
    round_once(v);
    return v[0] ^ v[1] ^ v[2] ^ v[3];
}
