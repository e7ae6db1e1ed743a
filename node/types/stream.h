/*
 * stream - entries in the order of their ids, each a list of names and values, and groups that read them.
 *
 *     struct stream -> nodes:  [ node | node | … | tail ]    a ranking by first id; see stream_node.h
 *                   -> groups: [ group | group | … ]         a ranking by name; see stream_group.h
 *
 *   1. ids only rise: an entry is added behind last, which no deletion takes back
 *   2. length counts the entries that are not deleted, in all nodes; first is the first of them, or 0-0
 *   3. a node whose last entry was deleted by id is gone, and one that was trimmed away
 *   4. added counts every entry there ever was, as far as anybody knows; max_deleted is the highest id that
 *      was deleted by id
 *
 * Owner: the entry it is apart from, or whoever made it; another thread may free one.
 * Cost: an append is O(1) and allocates once for many entries; finding an id is O(log nodes) and a walk in one.
 */
#ifndef HF_NODE_TYPES_STREAM_H
#define HF_NODE_TYPES_STREAM_H

#include "node/keyspace/keyspace.h"
#include "node/types/ranking.h"
#include "node/types/stream_node.h"

struct stream {
    struct ranking nodes; /* of struct stream_node */
    struct stream_node *tail;
    uint64_t length, added;
    struct stream_id first, last, max_deleted;
    struct ranking groups; /* of struct stream_group */
    size_t node_bytes, group_bytes;
    uint64_t pending;                   /* of all groups */
    struct stream_group *loading_group; /* while it comes from RDB: what the next parts belong to */
    struct stream_consumer *loading_consumer;
};

extern const struct value_ops stream_ops;

struct stream *stream_new(void);
void stream_free(struct stream *s); /* NULL does nothing */
struct stream *stream_copy(const struct stream *s);

/* What comes behind last at this time; false: there is nothing behind it. */
bool stream_next_id(const struct stream *s, uint64_t now_ms, struct stream_id *out);
/* id is behind last; pairs: name, value, name, …, together no longer than STREAM_ENTRY_BYTES_MAX. */
void stream_append(struct stream *s, struct stream_id id, const struct bytes *pairs,
                   uint64_t fields, const struct value_limits *limits);
/* How many of them were there. */
uint64_t stream_delete(struct stream *s, const struct stream_id *ids, size_t count);
bool stream_has(const struct stream *s, struct stream_id id);

/* Takes entries away in front, down to a length or up to an id. */
struct stream_trim {
    bool by_id;
    uint64_t length;     /* as many stay */
    struct stream_id id; /* those from here on stay */
    bool whole_nodes;    /* only nodes that go altogether */
    uint64_t limit;      /* no node that would make it more; 0: none */
};
uint64_t stream_trim(struct stream *s, const struct stream_trim *t);

/* The first or last entry that is there; false: there is none. */
bool stream_first(const struct stream *s, struct stream_id *out);
bool stream_last(const struct stream *s, struct stream_id *out);
/* The first one, deleted or not. */
bool stream_first_trace(const struct stream *s, struct stream_id *out);

/* From an id to another, both with it, up or down; the stream must not change. */
struct stream_walk {
    const struct stream *s;
    struct stream_id from, to;
    bool down;
    uint64_t rank;
    const struct stream_node *node; /* NULL: not begun, or over */
    struct stream_entry entry;      /* of node */
};
void stream_walk_begin(struct stream_walk *w, const struct stream *s, struct stream_id from,
                       struct stream_id to, bool down);
/* The next entry that is not deleted. */
bool stream_walk_next(struct stream_walk *w);

/* ---- for whoever loads one ---- */

/* Behind all nodes; false: it is not in order, and still the caller's. */
bool stream_add_node(struct stream *s, struct stream_node *n, struct stream_id last);

void stream_check(const struct stream *s);

#endif
