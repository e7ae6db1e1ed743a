/*
 * hash - SipHash-1-3: a keyed hash for what clients choose, so that nobody can choose collisions.
 *
 * The key is drawn from the kernel once per table or process. Source: Aumasson and Bernstein, "SipHash: a
 * fast short-input PRF", with one compression and three finalization rounds.
 */
#ifndef HF_COMMON_HASH_H
#define HF_COMMON_HASH_H

#include "common/bytes.h"

struct hash_key {
    uint64_t k0, k1;
};

void hash_key_random(struct hash_key *out);
uint64_t hash_bytes(const struct hash_key *key, struct bytes data);

#endif
