/*
 * zset - distinct texts, each with a score, in the order of scores and, among equals, of texts.
 *
 *     struct zset -> ranking ---> [ score ][ length ][ text ]     every member, in order
 *                 -> table ---^                                   by text, once there are many
 *
 *   1. a member is there once; its score is no NaN
 *   2. up to zset-max-listpack-entries members no longer than zset-max-listpack-value there is no table,
 *      and OBJECT ENCODING says listpack; one that has a table keeps it, and is called a skiplist
 *   3. a zset under a key is not empty
 *
 * Owner: the entry it is apart from, or whoever made it. Cost: O(log n) a change or a rank, O(1) a score;
 * about 60 bytes for a member of 16.
 */
#ifndef HF_NODE_TYPES_ZSET_H
#define HF_NODE_TYPES_ZSET_H

#include "node/keyspace/keyspace.h"

struct zset;

extern const struct value_ops zset_ops;

struct zset_item {
    double score;
    struct bytes member; /* borrowed */
};

enum { SCORE_TEXT = 40 };
/* As Redis 7.0 prints a score; out holds SCORE_TEXT bytes. */
size_t fmt_score(char *out, double score);

struct zset *zset_new(void);
void zset_free(struct zset *z);
uint64_t zset_count(const struct zset *z);
/* False: not there. */
bool zset_score(const struct zset *z, struct bytes member, double *out);
/* Adds it or moves it. True: it is new. */
bool zset_put(struct zset *z, struct bytes member, double score, const struct value_limits *limits);
bool zset_remove(struct zset *z, struct bytes member);

/* How many members stand in front of a border. */
uint64_t zset_below_score(const struct zset *z, double score, bool with_equal);
/* The same among texts, for a zset whose scores are all the same. */
uint64_t zset_below_text(const struct zset *z, struct bytes text, bool with_equal);
/* False: not there. */
bool zset_rank(const struct zset *z, struct bytes member, uint64_t *out);
struct zset_item zset_at(const struct zset *z, uint64_t rank); /* rank < count */
void zset_remove_at(struct zset *z, uint64_t rank);

/* count members from a rank on, upwards or downwards; false from fn ends it. fn must not change z. */
typedef bool zset_each_fn(void *arg, struct zset_item item);
void zset_each(const struct zset *z, uint64_t rank, uint64_t count, bool down, zset_each_fn *fn,
               void *arg);
/* As set_scan: without a table everything in one call. */
void zset_scan(const struct zset *z, uint64_t *cursor, zset_each_fn *fn, void *arg);

void zset_check(const struct zset *z);

#endif
