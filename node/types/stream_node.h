/*
 * stream_node - a run of a stream's entries in one listpack, which is also its RDB form.
 *
 *     [ live, deleted, n, name 1 … name n, 0 ]      what the node begins with
 *     [ flags, ms, seq, value 1 … value n, elements before this one ]               an entry of these names
 *     [ flags, ms, seq, m, name, value, … m times, elements before this one ]       one of its own
 *
 *   1. ms and seq count from the node's id, which is that of its first entry; ids rise but for those that are deleted
 *   2. an entry that is deleted is only marked so; live and deleted count them
 *   3. an entry is at `at` until something before it changes
 *
 * Owner: whoever made it. Cost: an append writes its own bytes; a walk is O(elements passed).
 * Source: the layout of Redis 5 to 8, as their files and payloads have it.
 */
#ifndef HF_NODE_TYPES_STREAM_NODE_H
#define HF_NODE_TYPES_STREAM_NODE_H

#include "node/keyspace/entry.h"
#include "node/types/listpack.h"
#include "node/types/stream_id.h"

/* The texts of an entry may take that much; a node ends before. */
enum { STREAM_ENTRY_BYTES_MAX = 1 << 30 };

struct stream_node {
    struct stream_id id; /* first: what an index of nodes is in order of */
    struct listpack *pack;
    size_t room; /* of the pack's block */
};

/* An entry where it stands. */
struct stream_entry {
    struct stream_id id;
    bool deleted, own_names;
    uint64_t fields;
    size_t at;    /* its flags */
    size_t body;  /* what follows its head: names and values, or values */
    size_t names; /* the node's */
    uint64_t node_fields;
};

/* An empty node for entries from an id on, with the names of pairs: name, value, name, … */
struct stream_node *stream_node_new(struct stream_id id, const struct bytes *pairs,
                                    uint64_t fields);
/* A node out of bytes from outside; NULL: they are none. *out_last is the id of its last entry. */
struct stream_node *stream_node_of(struct stream_id id, struct bytes pack,
                                   struct stream_id *out_last);
void stream_node_free(struct stream_node *n);
struct stream_node *stream_node_copy(const struct stream_node *n);

uint64_t stream_node_live(const struct stream_node *n);
uint64_t stream_node_entries(const struct stream_node *n); /* deleted ones, too */
/* Whether an entry whose texts take that much goes into the next node. */
bool stream_node_full(const struct stream_node *n, size_t text_bytes,
                      const struct value_limits *limits);
/* id is higher than that of every entry. */
void stream_node_append(struct stream_node *n, struct stream_id id, const struct bytes *pairs,
                        uint64_t fields);
/* Gives back the room for more. */
void stream_node_close(struct stream_node *n);

/* The first or last entry; the one behind or before. False: there is none. */
bool stream_node_first(const struct stream_node *n, struct stream_entry *out);
bool stream_node_last(const struct stream_node *n, struct stream_entry *out);
bool stream_node_next(const struct stream_node *n, struct stream_entry *e);
bool stream_node_prev(const struct stream_node *n, struct stream_entry *e);
/* The entry of that id, deleted or not. */
bool stream_node_find(const struct stream_node *n, struct stream_id id, struct stream_entry *out);

/* Marks a live entry; once all are marked that should be, the counts follow, and entries move. */
void stream_node_mark(struct stream_node *n, struct stream_entry *e);
void stream_node_count_marked(struct stream_node *n, uint64_t marked);

/* Names and values of an entry, in turn. The texts are borrowed, from the node or from here. */
struct stream_pairs {
    const struct listpack *pack;
    size_t name, value;
    uint64_t left;
    bool own_names;
    char scratch[2][LISTPACK_INT_TEXT];
};
void stream_pairs_begin(struct stream_pairs *p, const struct stream_node *n,
                        const struct stream_entry *e);
bool stream_pairs_next(struct stream_pairs *p, struct bytes *out_name, struct bytes *out_value);

void stream_node_check(const struct stream_node *n);

#endif
