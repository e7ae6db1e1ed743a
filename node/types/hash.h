/*
 * hash - what a hash value is: fields and their values, packed while they are few and short.
 *
 *     packed   one listpack: field, value, field, value, …       (hash-max-listpack-entries, -value)
 *     table    the keyspace's linear hashing, each field with its value in one block
 *
 *   1. no field stands twice
 *   2. a packed hash is its listpack and nothing else: the pointer's lowest bit says which form it is, so a
 *      struct hash is never looked into from outside, and a change may move it
 *   3. a packed hash that outgrows its limits becomes a table and stays one
 *
 * Owner: hash_new, hash_free; nothing outside is touched, so another thread may free one.
 * Cost: O(1) in a table, O(fields) in a packed one.
 * Limits: fields and values are at most HASH_TEXT_MAX long.
 */
#ifndef HF_NODE_TYPES_HASH_H
#define HF_NODE_TYPES_HASH_H

#include "node/keyspace/keyspace.h"
#include "node/types/listpack.h"

struct hash;

#define HASH_TEXT_MAX LISTPACK_TEXT_MAX

extern const struct value_ops hash_ops;

struct hash *hash_new(void);
void hash_free(struct hash *h); /* NULL does nothing */
size_t hash_count(const struct hash *h);
bool hash_is_packed(const struct hash *h);

/* value, borrowed; an integer of a packed hash is printed into scratch (LISTPACK_INT_TEXT bytes). */
bool hash_find(const struct hash *h, struct bytes field, char *scratch, struct bytes *out);
/* True: the field is new. Neither text may lie in the hash. */
bool hash_set(struct hash **h, struct bytes field, struct bytes value,
              const struct value_limits *limits);
bool hash_remove(struct hash **h, struct bytes field);

/* False ends the walk. The texts are borrowed until fn returns. */
typedef bool hash_each_fn(void *arg, struct bytes field, struct bytes value);
void hash_each(const struct hash *h, hash_each_fn *fn, void *arg);
/* As table_scan; a packed hash is shown whole. fn's answer is not looked at. */
void hash_scan(const struct hash *h, uint64_t *cursor, hash_each_fn *fn, void *arg);
/* One of them, each equally likely; the hash has one. */
void hash_random(const struct hash *h, struct keyspace *chance, hash_each_fn *fn, void *arg);

void hash_check(const struct hash *h);

#endif
