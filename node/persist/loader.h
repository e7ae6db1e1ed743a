/*
 * loader - RDB bytes into a keyspace, from a file or a leader, as many at a time as the caller likes.
 *
 *   1. only the keyspace given is touched; whether it is a new one that will take the old one's place, or
 *      the node's own at start, is the caller's choice
 *   2. after an error nothing more is loaded; the caller throws the keyspace away
 *
 * A leader drops what has expired, unless the file continues a history: then its followers hold those
 * keys too, and must hear of their end. A follower keeps them, because its leader says when they go.
 */
#ifndef HF_NODE_PERSIST_LOADER_H
#define HF_NODE_PERSIST_LOADER_H

#include "node/persist/rdb_read.h"
#include "node/persist/rest.h"
#include "node/replica/replica.h"

struct keyspace;

/* What becomes of what is there at the end of a load. */
enum loader_end { LOAD_TAKES_OVER, LOAD_ADDS, LOAD_MERGES /* what both have is the load's */ };

/* Who takes the function libraries of a load: aside while it lasts, and at its end as that says. */
struct loader_libraries {
    void *arg;
    void (*begin)(void *arg); /* what an earlier load left aside goes */
    enum err (*take)(void *arg, struct bytes text, struct errmsg *out_why);
    void (*commit)(void *arg);
    /* Instead of commit: to those that are there. ERR_REFUSED: one of them has a name in both. */
    enum err (*join)(void *arg, bool replace, struct errmsg *out_why);
};
void loader_set_libraries(const struct loader_libraries *libraries);
/* As the load of a file that has none. */
void loader_drop_libraries(void);

struct loader {
    struct keyspace *into;
    struct rdb_reader reader;
    bool keep_expired;
    enum loader_end end;    /* of libraries; of keys the caller takes care */
    bool ended;             /* the last byte was read and was right */
    const int64_t *rest_us; /* key-load-delay as it is now (rest.h); NULL: none */
    struct rest rest;
    int db;
    uint64_t empty;   /* keys without a value, which a Redis does not load either */
    uint64_t loaded;  /* keys */
    uint64_t expired; /* keys beside those: dropped, or there until followers hear of their end */
    struct replica_position position; /* what the file says about replication */
};

void loader_init(struct loader *l, struct keyspace *into, bool keep_expired, bool checksum);
void loader_fini(struct loader *l);

/* Loads what is whole in data, at most until deadline_us (clock_read_us; 0: no limit) and never beyond
 * the end of the RDB. ERR_AGAIN: the deadline passed first, or it rests, which it never does without one. */
enum err loader_feed(struct loader *l, struct bytes data, uint64_t deadline_us,
                     size_t *out_consumed, struct errmsg *out_why) MUST_CHECK;

#endif
