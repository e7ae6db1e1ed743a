/*
 * hash - what a hash value is: fields and their values, packed while they are few and short; each field
 * may end at a time of its own.
 *
 *     packed   one listpack: field, value, field, value, …       (hash-max-listpack-entries, -value)
 *              and from the first expiry on: field, value, expiry, field, …
 *     table    the keyspace's linear hashing, each field with its value, and its expiry, in one block;
 *              beside it the fields that expire in the order in which they do
 *
 *   1. no field stands twice
 *   2. a packed hash without expiries is its listpack and nothing else: the pointer's lowest bits say
 *      which form it is, so a struct hash is never looked into from outside, and a change may move it
 *   3. a packed hash that outgrows its limits becomes a table and stays one
 *   4. a field whose expiry lies before the moment that is asked about is not there, whoever asks, but
 *      for hash_count and hash_remove; hash_expire takes such fields away, nothing else does
 *
 * Owner: hash_new, hash_free; nothing outside is touched, so another thread may free one.
 * Cost: O(1) in a table, O(fields) in a packed one. An expiry in a table costs 9 bytes in its field and
 * about 11 in the order; a hash with any costs 48, and in a table 96, beyond them.
 * Limits: fields and values are at most HASH_TEXT_MAX long.
 */
#ifndef HF_NODE_TYPES_HASH_H
#define HF_NODE_TYPES_HASH_H

#include "node/keyspace/keyspace.h"
#include "node/types/listpack.h"

struct hash;

#define HASH_TEXT_MAX LISTPACK_TEXT_MAX

/* A moment before every expiry: nothing has ended yet. */
#define HASH_EVER INT64_MIN
/* For hash_set: a field that is there keeps its expiry. */
#define HASH_KEEP INT64_C(-2)

enum { HASH_SCRATCH = LISTPACK_INT_TEXT };

struct hash_field {
    struct bytes name, value;
    int64_t expiry_ms; /* NO_EXPIRY, or wall milliseconds, 1 or more */
};

extern const struct value_ops hash_ops;

struct hash *hash_new(void);
void hash_free(struct hash *h); /* NULL does nothing */
struct hash *hash_copy(const struct hash *h);
size_t hash_count(const struct hash *h); /* with those that have ended and are not taken away yet */
size_t hash_count_at(const struct hash *h, int64_t now_ms); /* O(ended), packed O(fields) */
size_t hash_bytes(const struct hash *h);
bool hash_is_packed(const struct hash *h);
bool hash_is_wide(const struct hash *h); /* packed, with places for expiries */

/* Borrowed; an integer of a packed hash is printed into scratch (HASH_SCRATCH bytes). */
bool hash_find(const struct hash *h, struct bytes field, int64_t now_ms, char *scratch,
               struct hash_field *out);
/* True: the field is new. expiry_ms: also NO_EXPIRY, HASH_KEEP. Neither text may lie in the hash. */
bool hash_set(struct hash **h, struct bytes field, struct bytes value, int64_t expiry_ms,
              const struct value_limits *limits);
/* Of a field that is there; NO_EXPIRY takes it away. */
void hash_set_expiry(struct hash **h, struct bytes field, int64_t expiry_ms);
bool hash_remove(struct hash **h, struct bytes field);

/* ---- expiries ---- */

size_t hash_expiring(const struct hash *h); /* fields with an expiry */
/* None ends earlier: exact when it was found by hash_expire, a bound after a change. PART_NEVER. */
int64_t hash_next_expiry(const struct hash *h);
/* As struct part_ops. */
struct part_clock *hash_clock(const struct hash *h);
int hash_expire(struct hash **h, int64_t now_ms, parts_fn *fn, void *arg);

/* ---- many ---- */

/* False ends the walk. The texts are borrowed until fn returns. */
typedef bool hash_each_fn(void *arg, const struct hash_field *field);
void hash_each(const struct hash *h, int64_t now_ms, hash_each_fn *fn, void *arg);
/* As table_scan; a packed hash is shown whole. fn's answer is not looked at. */
void hash_scan(const struct hash *h, int64_t now_ms, uint64_t *cursor, hash_each_fn *fn, void *arg);
/* One of them, each equally likely. False: there is none. */
bool hash_random(const struct hash *h, int64_t now_ms, struct keyspace *chance, hash_each_fn *fn,
                 void *arg);

/* As value_ops.fetch, for a field that is named next. */
void hash_fetch(const struct hash *h, struct value_hint *hint, int step);

void hash_check(const struct hash *h);

#endif
