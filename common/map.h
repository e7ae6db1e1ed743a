/*
 * map - a table from bytes to things, whose nodes live inside the things.
 *
 *     struct channel { struct map_node node; …; char name[]; };
 *
 *     buckets (old)  [ ][a][ ][b]     while it grows or shrinks, both tables stand, and each
 *     buckets (new)  [ ][ ][c][ ][ ]  change moves a few buckets from the old to the new
 *
 *   1. a node is in exactly one bucket of one of the two tables
 *   2. names are unique; the map borrows them from the things for as long as they are in it
 *   3. no call costs more than O(1) amortised and O(MAP_STEP buckets) at worst
 *
 * Names are hashed with SipHash under the process's key. Zeroed it is empty.
 * Owner: embed a struct map; map_fini frees the tables and leaves the things to their owner.
 */
#ifndef HF_COMMON_MAP_H
#define HF_COMMON_MAP_H

#include "common/bytes.h"

enum { MAP_STEP = 4, MAP_BUCKETS_MIN = 8 };

struct map_node {
    struct map_node *next;
    struct bytes name;
    uint64_t hash;
};

struct map {
    struct map_node **now, **old; /* old: being emptied */
    size_t now_size, old_size, moved;
    size_t first; /* of the buckets in the order of a walk, those before it are empty */
    size_t count;
};

void map_fini(struct map *m);
struct map_node *map_find(const struct map *m, struct bytes name);
/* name must not be in the map yet, and must live as long as the node is in it. */
void map_add(struct map *m, struct map_node *n, struct bytes name);
void map_remove(struct map *m, struct map_node *n);

/* One of them; NULL where there is none. Taking one after the other is O(1) each, amortised, while nothing is added. */
struct map_node *map_any(struct map *m);

/* Every node, in no order. The map must not change before the walk ends, except that the node just
 * given may be removed where a caller stops at once. */
struct map_walk {
    const struct map *map;
    size_t bucket;
    struct map_node *next;
};
struct map_walk map_walk(const struct map *m);
struct map_node *map_walk_next(struct map_walk *w); /* NULL at the end */

void map_check(const struct map *m);

#endif
