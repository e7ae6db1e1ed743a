/*
 * zset_inner - the two forms of a sorted set, for its own files; nobody else includes it.
 *
 *     lowest bit of the pointer    it points to
 *     1                            a struct zset_pack
 *     0                            a struct zset_tree
 *
 * zset.c tells them apart and turns a pack into a tree; zset_pack.c and zset_tree.c are the forms;
 * zset_value.c is what the keyspace asks for.
 */
#ifndef HF_NODE_TYPES_ZSET_INNER_H
#define HF_NODE_TYPES_ZSET_INNER_H

#include "node/keyspace/table.h"
#include "node/types/ranking.h"
#include "node/types/zset.h"

/* A line between members. */
struct zset_border {
    enum { BORDER_MEMBER, BORDER_SCORE, BORDER_TEXT } by;
    double score;
    struct bytes text;
    bool with_equal; /* but of BORDER_MEMBER, which is in front of its equal */
};

static inline bool zset_before_member(const struct zset_border *b, struct zset_item item)
{
    return item.score != b->score ? item.score < b->score : bytes_cmp(item.member, b->text) < 0;
}

static inline bool zset_before_score(const struct zset_border *b, struct zset_item item)
{
    return b->with_equal ? item.score <= b->score : item.score < b->score;
}

static inline bool zset_before_text(const struct zset_border *b, struct zset_item item)
{
    int order = bytes_cmp(item.member, b->text);

    return b->with_equal ? order <= 0 : order < 0;
}

/*
 * A pack: a few members in their order, in one block.
 *
 *     2 bytes  2 bytes    per member
 *     [ count ][ bytes ][ size of score, length | long length? | score | text ] …
 *
 * A score that is a small whole number takes 1, 2 or 4 bytes, any other 8; so -0 becomes 0, as in a listpack
 * of Redis. A place is the offset of a member; PACK_END is none. Any change ends the places.
 * Cost: O(bytes) for everything but the count.
 */
enum { ZSET_PACK_BYTES_MAX = 32 * 1024, PACK_END = 0 };

struct zset_pack {
    uint16_t count, bytes; /* bytes: of the whole */
    uint8_t items[];
};

struct zset_pack *zset_pack_new(void);
struct zset_pack *zset_pack_copy(const struct zset_pack *p);
size_t zset_pack_find(const struct zset_pack *p, struct bytes text);
struct zset_item zset_pack_item(const struct zset_pack *p, size_t at);
/* For a member of this length, whatever its score. */
bool zset_pack_has_room(const struct zset_pack *p, size_t text_len);
/* Room was asked for; was: where it stands with another score, or PACK_END. */
void zset_pack_put(struct zset_pack **p, size_t was, struct bytes text, double score);
void zset_pack_remove(struct zset_pack **p, size_t at, uint64_t count);
uint64_t zset_pack_below(const struct zset_pack *p, const struct zset_border *b);
size_t zset_pack_seek(const struct zset_pack *p, uint64_t rank); /* rank <= count */
void zset_pack_each(const struct zset_pack *p, uint64_t rank, uint64_t count, bool down,
                    zset_each_fn *fn, void *arg);
void zset_pack_check(const struct zset_pack *p);

/*
 * A tree: any number of members, in order by a ranking, by their texts in a table.
 * Cost: O(log n) a change or a rank, O(1) a score; about 60 bytes for a member of 16.
 */
struct zset_tree {
    struct ranking ranking;
    struct table table; /* of the same members */
    size_t member_bytes;
    bool small; /* only a pack's bound is what it is too large for: it is called a listpack */
};

struct zset_tree *zset_tree_new(bool small);
void zset_tree_free(struct zset_tree *t);
struct zset_tree *zset_tree_copy(const struct zset_tree *t);
size_t zset_tree_bytes(const struct zset_tree *t);
/* NULL: it is not there. */
void *zset_tree_find(const struct zset_tree *t, uint64_t hash, struct bytes text);
struct zset_item zset_tree_item(const void *member);
void zset_tree_add(struct zset_tree *t, uint64_t hash, struct bytes text, double score);
/* Behind all that are there. */
void zset_tree_append(struct zset_tree *t, struct bytes text, double score);
void zset_tree_move(struct zset_tree *t, void *member, double score);
void zset_tree_remove(struct zset_tree *t, uint64_t rank);
uint64_t zset_tree_below(const struct zset_tree *t, const struct zset_border *b);
void zset_tree_each(const struct zset_tree *t, uint64_t rank, uint64_t count, bool down,
                    zset_each_fn *fn, void *arg);
void zset_tree_scan(const struct zset_tree *t, uint64_t *cursor, zset_each_fn *fn, void *arg);
void zset_tree_check(const struct zset_tree *t);

/* ---- which form ---- */

static inline bool zset_is_pack(const struct zset *z)
{
    return (uintptr_t)z & 1;
}

static inline struct zset_pack *zset_as_pack(const struct zset *z)
{
    return (struct zset_pack *)((uintptr_t)z & ~(uintptr_t)1);
}

static inline struct zset_tree *zset_as_tree(const struct zset *z)
{
    return (struct zset_tree *)(uintptr_t)z;
}

static inline struct zset *zset_of_pack(struct zset_pack *p)
{
    return (struct zset *)((uintptr_t)p | 1);
}

static inline struct zset *zset_of_tree(struct zset_tree *t)
{
    return (struct zset *)t;
}

#endif
