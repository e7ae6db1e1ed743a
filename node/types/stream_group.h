/*
 * stream_group - who reads a stream together: how far the group is, and what each consumer has not
 * acknowledged.
 *
 *     group -> pending:   [ 1-0 | 2-0 | 5-0 | … ]            a ranking by id
 *           -> consumers: [ "ann" | "bob" | … ]              a ranking by name
 *                              \-> pending: [ 2-0 | … ]      the same things, those that are its own
 *
 *   1. what is pending has one owner, and stands in the group's ranking and in the owner's
 *   2. read is how many entries the group has passed since the stream began, or READ_UNKNOWN
 *
 * Owner: the stream they belong to, which keeps the account of their memory. Cost: everything is O(log n);
 * about 75 bytes for what is pending.
 * Source: what Redis 7.0 counts and guesses in entries-read and lag.
 */
#ifndef HF_NODE_TYPES_STREAM_GROUP_H
#define HF_NODE_TYPES_STREAM_GROUP_H

#include "node/types/stream.h"

#define READ_UNKNOWN INT64_C(-1)

struct stream_group {
    struct stream_id last; /* delivered to somebody */
    int64_t read;
    struct ranking pending;   /* of struct stream_pending */
    struct ranking consumers; /* of struct stream_consumer */
    size_t name_len;
    char name[];
};

struct stream_consumer {
    int64_t seen_ms; /* wall time */
    struct ranking pending;
    size_t name_len;
    char name[];
};

struct stream_pending {
    struct stream_id id; /* first: what both rankings are in order of */
    struct stream_consumer *owner;
    int64_t delivered_ms; /* wall time */
    uint64_t deliveries;
};

static inline struct bytes stream_group_name(const struct stream_group *g)
{
    return (struct bytes){ g->name, g->name_len };
}
static inline struct bytes stream_consumer_name(const struct stream_consumer *c)
{
    return (struct bytes){ c->name, c->name_len };
}

/* NULL: there is none. */
struct stream_group *stream_group_find(const struct stream *s, struct bytes name);
/* NULL: there is one. */
struct stream_group *stream_group_add(struct stream *s, struct bytes name, struct stream_id last,
                                      int64_t read);
void stream_group_remove(struct stream *s, struct stream_group *g);
/* In the order of names. index < s->groups.count. */
struct stream_group *stream_group_at(const struct stream *s, uint64_t index);

struct stream_consumer *stream_consumer_find(const struct stream_group *g, struct bytes name);
/* NULL: there is one. */
struct stream_consumer *stream_consumer_add(struct stream *s, struct stream_group *g,
                                            struct bytes name, int64_t now_ms);
/* What it had pending is nobody's, and gone; how much that was. */
uint64_t stream_consumer_remove(struct stream *s, struct stream_group *g,
                                struct stream_consumer *c);
struct stream_consumer *stream_consumer_at(const struct stream_group *g, uint64_t index);

/* In a group's or consumer's ranking: NULL: it is not pending. */
struct stream_pending *stream_pending_find(const struct ranking *pending, struct stream_id id);
/* How many have lower ids. */
uint64_t stream_pending_rank(const struct ranking *pending, struct stream_id id);
static inline struct stream_pending *stream_pending_at(const struct ranking *pending, uint64_t rank)
{
    return ranking_at(pending, rank);
}
/* A new one, delivered once; id is not pending yet. owner NULL: stream_pending_give follows. */
struct stream_pending *stream_pending_add(struct stream *s, struct stream_group *g,
                                          struct stream_id id, struct stream_consumer *owner,
                                          int64_t now_ms);
void stream_pending_give(struct stream *s, struct stream_pending *p, struct stream_consumer *to);
void stream_pending_remove(struct stream *s, struct stream_group *g, struct stream_pending *p);

/* ---- how far --------------------------------------------------------------------------------- */

/* How many entries came up to this id, or READ_UNKNOWN. */
int64_t stream_read_at(const struct stream *s, struct stream_id id);
/* The group passes an entry: its last and read follow. */
void stream_group_pass(const struct stream *s, struct stream_group *g, struct stream_id id);
/* Entries that the group has not passed; false: nobody knows. */
bool stream_group_lag(const struct stream *s, const struct stream_group *g, int64_t *out);

/* ---- for stream.c ---------------------------------------------------------------------------- */

void stream_groups_free(struct stream *s);
void stream_groups_copy(struct stream *to, const struct stream *from);
void stream_groups_check(const struct stream *s);

#endif
