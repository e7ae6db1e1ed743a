/*
 * hash_inner - the two forms of a hash, for its own files; nobody else includes it.
 *
 *     lowest bits of the pointer    it points to
 *     1                             a listpack: name, value, …
 *     2                             a struct hash_times whose list is: name, value, expiry (0: none), …
 *     0                             a struct hash_table
 *
 * hash.c tells them apart and turns one into another; hash_pack.c and hash_table.c are the forms;
 * hash_value.c is what the keyspace asks for.
 */
#ifndef HF_NODE_TYPES_HASH_INNER_H
#define HF_NODE_TYPES_HASH_INNER_H

#include "node/keyspace/deadlines.h"
#include "node/keyspace/table.h"
#include "node/types/hash.h"

/* What a hash knows of its expiries, from the first one on. */
struct hash_times {
    struct part_clock clock; /* stays at its address through every change of form */
    uint64_t count;
    int64_t first_ms; /* none is earlier */
    union {
        struct listpack *list;   /* packed */
        struct deadlines *order; /* of the fields of a table */
    };
};

struct hash_table {
    struct table table;
    size_t field_bytes;       /* held by fields and values */
    struct hash_times *times; /* NULL: no field ever had an expiry */
};

struct hash_times *hash_times_new(void);
static inline void hash_times_came(struct hash_times *t, int64_t ms)
{
    t->count++;
    t->first_ms = ms < t->first_ms ? ms : t->first_ms;
}
static inline void hash_times_left(struct hash_times *t)
{
    if (--t->count == 0)
        t->first_ms = PART_NEVER;
}

static inline bool hash_field_ended(const struct hash_field *f, int64_t now_ms)
{
    return f->expiry_ms != NO_EXPIRY && f->expiry_ms < now_ms;
}

/* ---- hash_pack.c: h is packed ---- */

struct hash *hash_pack_new(void);
void hash_pack_free(struct hash *h);
struct hash *hash_pack_copy(const struct hash *h);
size_t hash_pack_count(const struct hash *h);
size_t hash_pack_bytes(const struct hash *h);
struct hash_times *hash_pack_times(const struct hash *h); /* NULL: it is not wide */
/* Frees all but the times, which are the caller's; NULL: there are none. */
struct hash_times *hash_pack_dissolve(struct hash *h);
/* False: it would not fit into a block. */
bool hash_pack_has_room(const struct hash *h, struct bytes name, struct bytes value);
bool hash_pack_has_place(const struct hash *h); /* for an expiry, made wide first where it is not */
void hash_pack_widen(struct hash **h);
/* Places are those of names; LISTPACK_END. scratch: room for name and value, 2 * HASH_SCRATCH. */
size_t hash_pack_place(const struct hash *h, struct bytes name);
size_t hash_pack_first(const struct hash *h);
size_t hash_pack_read(const struct hash *h, size_t at, char *scratch, struct hash_field *out);
/* expiry_ms >= 0 only where it is wide. */
bool hash_pack_set(struct hash **h, struct bytes name, struct bytes value, int64_t expiry_ms);
void hash_pack_set_expiry(struct hash **h, size_t at, int64_t expiry_ms);
void hash_pack_remove(struct hash **h, size_t at);
int hash_pack_expire(struct hash **h, int64_t now_ms, parts_fn *fn, void *arg);
void hash_pack_fetch(const struct hash *h);
void hash_pack_check(const struct hash *h);

/* ---- hash_table.c ---- */

struct hash_table *hash_table_new(void);
/* Its own times give way to these, of the pack that it was. */
void hash_table_adopt(struct hash_table *t, struct hash_times *times);
void hash_table_free(struct hash_table *t);
size_t hash_table_bytes(const struct hash_table *t);
struct hash_field hash_table_field(const void *thing);
void *hash_table_find(const struct hash_table *t, struct bytes name);
bool hash_table_set(struct hash_table *t, struct bytes name, struct bytes value, int64_t expiry_ms);
void hash_table_set_expiry(struct hash_table *t, struct bytes name, int64_t expiry_ms);
bool hash_table_remove(struct hash_table *t, struct bytes name);
int hash_table_expire(struct hash_table *t, int64_t now_ms, parts_fn *fn, void *arg);
void hash_table_check(const struct hash_table *t);

#endif
