/*
 * random - chance, in two grades.
 *
 * random_bytes comes from the kernel and is for identities, secrets and seeds. struct rng is a small
 * fast generator (xoshiro256**) with its state in the open: cores that need dice own one, so that a
 * seed replays them.
 */
#ifndef HF_COMMON_RANDOM_H
#define HF_COMMON_RANDOM_H

#include "common/err.h"

void random_bytes(void *out, size_t len);
/* len lower-case hex digits and a NUL: out holds len + 1. Run ids are 40 of them. */
void random_hex(char *out, size_t len);

struct rng {
    uint64_t s[4];
};

void rng_seed(struct rng *r, uint64_t seed);
uint64_t rng_next(struct rng *r);
/* Uniform in [0, below); below must not be 0. */
uint64_t rng_below(struct rng *r, uint64_t below);

#endif
