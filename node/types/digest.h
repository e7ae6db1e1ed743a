/*
 * digest - a fingerprint of data that two different servers compute alike: DEBUG DIGEST.
 *
 * xor adds something whose order among its neighbours does not matter; mix something whose order
 * does. Source: DEBUG DIGEST as redis-server 7.0 computes it.
 */
#ifndef HF_NODE_TYPES_DIGEST_H
#define HF_NODE_TYPES_DIGEST_H

#include "node/keyspace/keyspace.h"

enum { DIGEST_LEN = 20 };

void digest_xor(unsigned char digest[DIGEST_LEN], struct bytes data);
void digest_mix(unsigned char digest[DIGEST_LEN], struct bytes data);
/* Type, elements and whether there is an expiry; not the key. */
void digest_value(const struct keyspace *ks, const struct entry *e,
                  unsigned char digest[DIGEST_LEN]);
/* Every database: O(keys). */
void digest_keyspace(const struct keyspace *ks, unsigned char digest[DIGEST_LEN]);

#endif
