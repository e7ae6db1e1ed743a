/*
 * set - distinct texts, without order: an intset while all are integers and few, else a table.
 *
 *     struct set -> intset                          until a member is no integer, or there are more
 *                                                   than set-max-intset-entries
 *                -> table -> [ length ][ text ]     from then on
 *
 *   1. a member is there once
 *   2. a set that became a table stays one
 *   3. a set under a key is not empty
 *
 * Owner: the entry it is apart from, or whoever made it. Cost: O(1) a member in a table, about 43 bytes
 * for one of 16; O(log n) to find and O(n) to move in an intset.
 */
#ifndef HF_NODE_TYPES_SET_H
#define HF_NODE_TYPES_SET_H

#include "node/keyspace/keyspace.h"

struct set;

extern const struct value_ops set_ops;

enum { SET_INT_TEXT = 24 }; /* room for a member that is kept as an integer */

struct set *set_new(void);
void set_free(struct set *s);
size_t set_count(const struct set *s);
bool set_is_ints(const struct set *s);
bool set_has(const struct set *s, struct bytes member);
/* False: it was there; it was not. */
bool set_add(struct set *s, struct bytes member, const struct value_limits *limits);
bool set_remove(struct set *s, struct bytes member);

/* Members from *cursor on (0: the beginning), a bucket or so; *cursor is 0 again at the end. A member
 * that is there from the first call to the last is seen, whatever comes and goes in between; integers
 * are seen in one call. member is borrowed for the call; fn must not change the set. False stops an
 * set_each early. */
typedef bool set_each_fn(void *arg, struct bytes member);
void set_scan(const struct set *s, uint64_t *cursor, set_each_fn *fn, void *arg);
void set_each(const struct set *s, set_each_fn *fn, void *arg);
/* Any member, each equally likely; borrowed, or printed into scratch (SET_INT_TEXT bytes). The set is
 * not empty. */
struct bytes set_random(const struct set *s, struct keyspace *chance, char *scratch);

void set_check(const struct set *s);

#endif
