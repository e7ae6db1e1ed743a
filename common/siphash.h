/*
 * siphash - a keyed hash for what outsiders choose: keys, channels, names.
 *
 * Without the key, which is drawn at start, nobody can build names that fall into one bucket. Rounds
 * are 1 per word and 3 at the end, as most language runtimes use it for tables.
 *
 * Source: SipHash, Aumasson and Bernstein 2012.
 */
#ifndef HF_COMMON_SIPHASH_H
#define HF_COMMON_SIPHASH_H

#include "common/bytes.h"

struct siphash_key {
    uint64_t k0, k1;
};

/* This process's key: drawn from the kernel on first use. */
const struct siphash_key *siphash_process_key(void);
uint64_t siphash(const struct siphash_key *key, const void *data, size_t len);

#endif
