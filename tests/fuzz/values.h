/*
 * values - values of every type, without a node: what the targets share that make them from outside bytes.
 */
#ifndef HF_TESTS_FUZZ_VALUES_H
#define HF_TESTS_FUZZ_VALUES_H

#include "node/keyspace/keyspace.h"
#include "node/persist/rdb_read.h"
#include "node/types/digest.h"

/* Empty: it knows every type. Lives as long as the program. */
const struct keyspace *value_types(void);

/* The value's own fingerprint. Its structure is the caller's. */
void value_digest(enum value_type type, const void *apart, unsigned char digest[DIGEST_LEN]);

/* Of a payload as DUMP makes it; NULL: it is refused. The caller's, to be freed by value_free. */
struct entry *value_restored(struct bytes payload);
void value_free(struct entry *e);

/* What it is dumped as is the same value, and so are a copy, and what a Valkey file has of it; of a copy goes what
 * has ended by the last moment, and nothing else. */
void value_check(const struct entry *e);

/* Version and checksum, as behind a payload. */
void value_seal(struct buf *payload, int version);

#endif
