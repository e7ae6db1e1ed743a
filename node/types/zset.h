/*
 * zset - distinct texts, each with a score, in the order of scores and, among equals, of texts.
 *
 *     struct zset * -> pack    [ score text ][ score text ] …                 few members, in one block
 *                   -> tree    ranking ---> member, in order
 *                              table  ----^ by text                         many
 *
 *   1. a member is there once; its score is no NaN
 *   2. up to zset-max-listpack-entries members no longer than zset-max-listpack-value it is small, and OBJECT
 *      ENCODING says listpack; one that once had more is a skiplist, and stays one
 *   3. what is small is a pack unless that would be too large, what is not is a tree
 *   4. a zset under a key is not empty
 *   5. any change may move it: whoever changes one of a key sets the entry's pointer anew
 *
 * Owner: the entry it is apart from, or whoever made it. Cost: in a tree O(log n) a change or a rank, O(1) a
 * score, about 60 bytes for a member of 16; in a pack O(bytes) for anything, and 2 to 9 bytes a member
 * beside its text.
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
void zset_free(struct zset *z); /* NULL does nothing */
struct zset *zset_copy(const struct zset *z);
uint64_t zset_count(const struct zset *z);
size_t zset_bytes(const struct zset *z); /* held in memory */
bool zset_is_one_block(const struct zset *z);
bool zset_is_small(const struct zset *z);

/* A member that was looked for, there or not: what zset_set needs to know. Any change ends it. */
struct zset_spot {
    double score; /* where it is there */
    bool there;
    uint64_t hash; /* the rest is zset's own */
    union {
        size_t place;
        void *member;
    };
};
bool zset_find(const struct zset *z, struct bytes member, struct zset_spot *out); /* is it there? */
/* Adds the member that spot was found for, or moves it. Its text is not one of z's own. */
void zset_set(struct zset **z, const struct zset_spot *spot, struct bytes member, double score,
              const struct value_limits *limits);
/* False: not there. */
bool zset_score(const struct zset *z, struct bytes member, double *out);
/* Both at once. True: it is new. */
bool zset_put(struct zset **z, struct bytes member, double score,
              const struct value_limits *limits);
bool zset_remove(struct zset **z, struct bytes member);

/* How many members stand in front of a border. */
uint64_t zset_below_score(const struct zset *z, double score, bool with_equal);
/* The same among texts, for a zset whose scores are all the same. */
uint64_t zset_below_text(const struct zset *z, struct bytes text, bool with_equal);
/* False: not there. */
bool zset_rank(const struct zset *z, struct bytes member, uint64_t *out);
struct zset_item zset_at(const struct zset *z, uint64_t rank);        /* rank < count */
void zset_remove_run(struct zset **z, uint64_t rank, uint64_t count); /* no more than there are */

/* count members from a rank on, upwards or downwards; false from fn ends it. fn must not change z. */
typedef bool zset_each_fn(void *arg, struct zset_item item);
void zset_each(const struct zset *z, uint64_t rank, uint64_t count, bool down, zset_each_fn *fn,
               void *arg);
/* As set_scan: a pack is shown in one call. */
void zset_scan(const struct zset *z, uint64_t *cursor, zset_each_fn *fn, void *arg);

void zset_check(const struct zset *z);

#endif
