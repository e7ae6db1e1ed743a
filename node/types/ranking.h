/*
 * ranking - things in an order, each with its rank: a B+ tree that counts.
 *
 *                 [ low size child | low size child | … ]        up to RANKING_FAN
 *                      /                   \
 *              [ thing thing … ]    [ thing thing … ]            up to RANKING_LEAF
 *
 *   1. size is the number of things below a child, low the first of them
 *   2. every leaf is equally deep; no node but the root is empty
 *   3. a node and its right neighbour together hold more than fits well into one, or were never touched; what is
 *      only ever put in behind the last leaves full nodes
 *
 * The order is the user's: ranking_find is told which things stand before a border, and gives the
 * border's rank; things are put in and taken out by rank.
 *
 * Owner: embed a struct ranking; zeroed it is empty. Things are their owner's. Cost: everything is
 * O(log n); about 12 to 16 bytes a thing, and a small ranking is one block of its size.
 */
#ifndef HF_NODE_TYPES_RANKING_H
#define HF_NODE_TYPES_RANKING_H

#include "common/err.h"

enum { RANKING_LEAF = 64, RANKING_FAN = 32 };

struct ranking_node;

struct ranking {
    struct ranking_node *root;
    uint64_t count;
    size_t bytes; /* of the nodes */
};

/* Frees the nodes and forgets the things. each may be NULL: what to do with each of them. */
void ranking_fini(struct ranking *r, void (*each)(void *thing));

/* How many things stand before a border: all that do stand in front of all that do not. */
typedef bool ranking_before_fn(const void *arg, const void *thing);
uint64_t ranking_find(const struct ranking *r, ranking_before_fn *before, const void *arg);

/* The things from a rank on, as far as they lie in one piece; *out_len is 0 behind the end. */
void *const *ranking_run(const struct ranking *r, uint64_t rank, uint64_t *out_len);
/* The things up to and with a rank, in one piece, the last of which is that of the rank. */
void *const *ranking_run_back(const struct ranking *r, uint64_t rank, uint64_t *out_len);
void *ranking_at(const struct ranking *r, uint64_t rank); /* rank < count */

/* The thing will have this rank, and what had it or more moves up by one. */
void ranking_insert(struct ranking *r, uint64_t rank, void *thing);
void ranking_remove(struct ranking *r, uint64_t rank);

void ranking_check(const struct ranking *r); /* asserts the invariants */

#endif
