/*
 * set - distinct texts, without order: an intset while all are integers and few, a listpack while they are a few
 * short texts, else a table.
 *
 *     struct set -> intset                          until a member is no integer, or there are more
 *                                                   than set-max-intset-entries
 *                -> listpack                        until one is long or there are a few dozen
 *                -> table -> [ length ][ text ]     from then on
 *
 *   1. a member is there once
 *   2. a set never goes back to an earlier form
 *   3. a set under a key is not empty
 *   4. OBJECT ENCODING calls the listpack a hashtable, which is what Redis 7.0 makes of any text
 *
 * Owner: the entry it is apart from, or whoever made it. Cost: O(1) a member in a table, about 26 bytes
 * for one of 16, 42 for one of 17; O(members) in a listpack, which are few; O(log n) to find and O(n) to move in an intset.
 */
#ifndef HF_NODE_TYPES_SET_H
#define HF_NODE_TYPES_SET_H

#include "node/keyspace/keyspace.h"

struct set;

extern const struct value_ops set_ops;

enum { SET_INT_TEXT = 24 }; /* room for a member that is kept as an integer, of either small form */

struct set *set_new(void);
void set_free(struct set *s);
struct set *set_copy(const struct set *s);
size_t set_count(const struct set *s);
size_t set_bytes(const struct set *s);  /* held in memory, O(1) */
size_t set_blocks(const struct set *s); /* of memory, about */
bool set_is_ints(const struct set *s);
struct bytes set_ints(const struct set *s); /* the intset as it goes to a file; borrowed */
/* An intset from outside is what the set, which is empty, is made of. False: it is none. */
bool set_load_ints(struct set *s, struct bytes data, const struct value_limits *limits);
bool set_has(const struct set *s, struct bytes member);
/* False: it was there; it was not. */
bool set_add(struct set *s, struct bytes member, const struct value_limits *limits);
bool set_remove(struct set *s, struct bytes member);

/* Members from *cursor on (0: the beginning), a bucket or so; *cursor is 0 again at the end. A member
 * that is there from the first call to the last is seen, whatever comes and goes in between; a set that is no
 * table is seen in one call. member is borrowed for the call; fn must not change the set. False stops an
 * set_each early. */
typedef bool set_each_fn(void *arg, struct bytes member);
void set_scan(const struct set *s, uint64_t *cursor, set_each_fn *fn, void *arg);
void set_each(const struct set *s, set_each_fn *fn, void *arg);
/* As value_ops.fetch, for a member that is named next. */
void set_fetch(const struct set *s, struct value_hint *hint, int step);
/* Any member, each equally likely; borrowed, or printed into scratch (SET_INT_TEXT bytes). The set is
 * not empty. */
struct bytes set_random(const struct set *s, struct keyspace *chance, char *scratch);

void set_check(const struct set *s);

#endif
