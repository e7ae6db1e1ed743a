/*
 * inner - what the keyspace's own files share, and nobody else includes.
 *
 * A space is one table with its index of expiries and its accounts; a database points to its
 * space, so that SWAPDB exchanges two pointers and FLUSHDB lets go of one.
 */
#ifndef HF_NODE_KEYSPACE_INNER_H
#define HF_NODE_KEYSPACE_INNER_H

#include "common/list.h"
#include "common/random.h"
#include "node/keyspace/deadlines.h"
#include "node/keyspace/keyspace.h"
#include "node/keyspace/table.h"
#include "node/keyspace/trash.h"

/* How many walks may be begun in a row before one must reach its end: marks are one byte, and those
 * of entries that no walk has passed since must all differ from the next one. */
enum { WALKS_UNFINISHED_MAX = 250 };

struct space {
    struct table table;
    struct deadlines deadlines;
    struct deadlines parts; /* clocks of values whose parts end: parts.c */
    size_t entry_bytes;
    uint64_t
        needs[VALUE_NEEDS]; /* entries by their entry_need; those without any are not counted */
    uint8_t mark;           /* of entries that the walk has emitted or need not emit */
    int walks_unfinished;   /* since a walk last passed through all of it */
    int walk_db;            /* its number when the walk began; -1: not part of the walk's image */
    uint64_t cursor;        /* of the walk */
    bool lazily;            /* freeing it counts as lazy */
    bool detached;          /* flushed while the walk needs it: the walk owns it now */
    bool held_structures;   /* values whose bytes nobody has added up stood here, ever */
};

/* An entry that the walk takes out of its turn. */
struct ahead {
    struct list node; /* of walk->wanted or walk->kept; on neither while it is the open one */
    struct entry *e;
    int db;
    uint8_t mark;
    bool wanted;
    size_t kept_bytes; /* it left its table and is the walk's to free; 0: it stands there still */
};

struct walk {
    keyspace_emit_fn
        *emit; /* NULL: none runs; spaces may still be swept, see keyspace_walk_begin */
    void *arg;
    struct space **spaces; /* of the image, in order of number; NULL where one is done with */
    int count, at;
    uint64_t left, early;
    uint64_t *keys, *expires; /* of each database at the start */
    struct ahead *open;       /* between two pieces; NULL: none */
    struct list wanted, kept; /* of struct ahead; in this order before the tables */
    uint64_t kept_bytes, news;
    uint64_t end_us; /* of this step */
    bool full;       /* emit wants no more in this step */
};

/* The hashes of keys that were fetched ahead, to be asked for in this order. */
struct fetched {
    struct bytes keys[KEYSPACE_AHEAD]; /* borrowed until the next keyspace_fetch */
    uint64_t hashes[KEYSPACE_AHEAD];
    int at, count;
};

enum { EVICT_POOL = 16 };

/* entry may be gone: see evict.c. */
struct evict_candidate {
    struct entry *entry;
    uint64_t hash, score;
    int db;
};

struct evict_pool {
    enum evict_order order;
    bool expiring_only;
    int count;
    unsigned next_db; /* runs over */
    struct evict_candidate candidates[EVICT_POOL];
};

struct keyspace {
    struct fetched fetched;
    struct space **spaces; /* one for each database */
    int databases;
    bool follower, active_expiry, frequency, shares;
    int log_factor, decay_minutes;
    uint64_t text_max;
    uint64_t (*wall_ms)(void);
    struct keyspace_hooks hooks;
    const struct value_ops *types[VALUE_TYPES];
    const struct value_limits *limits;
    const struct lazy_free *lazily;
    struct rng rng;
    struct trash *trash;
    int64_t next_expiry_ms; /* no deadline is earlier */
    struct keyspace_stats stats;
    struct walk walk;
    struct evict_pool pool;
};

static inline const struct value_ops *ops_of(const struct keyspace *ks, const struct entry *e)
{
    return ks->types[entry_type(e)];
}

static inline enum value_need need_of(const struct keyspace *ks, const struct entry *e)
{
    const struct value_ops *ops = ops_of(ks, e);

    return entry_form(e) == FORM_APART && ops->need ? ops->need(entry_apart(e)) : NEED_NOTHING;
}

/* e stands in sp. */
static inline bool walk_wants(const struct keyspace *ks, const struct space *sp,
                              const struct entry *e)
{
    return ks->walk.emit && sp->walk_db >= 0 && entry_mark(e) != sp->mark;
}

extern const struct table_kind entry_table_kind;

struct space *space_new(void);
/* Hands the space and everything in it to the helper thread. */
void space_discard(struct keyspace *ks, struct space *sp);

void walk_init(struct walk *w);
/* Emits the old value, if the walk still wants it. */
void walk_before_change(struct keyspace *ks, const struct space *sp, struct entry *e);
/* The entry has left its table, unchanged: true when the walk keeps it, else it has what it wants. */
bool walk_keeps(struct keyspace *ks, const struct space *sp, struct entry *e);
/* The space leaves its database: true when the walk keeps it. */
bool walk_adopts(struct keyspace *ks, struct space *sp);
void walk_end(struct keyspace *ks);

/* Deletes an expired entry of a leader, with everything that followers and listeners must hear. */
void expire_entry(struct keyspace *ks, int db, struct entry *e);
/* Takes the entry out of table and index; it is the caller's. */
void detach_entry(struct keyspace *ks, struct space *sp, struct entry *e, uint64_t hash);
/* Frees what has left its table sp, unless the walk keeps it, which sees it first in any case. */
void discard_entry(struct keyspace *ks, const struct space *sp, struct entry *e, bool lazily);
/* Frees it now, or off the loop. */
void drop_entry(struct keyspace *ks, struct entry *e, bool lazily);
void hear_changed(struct keyspace *ks, int db, struct bytes key);
/* Clients wait for streams that are there: they hear when one is no more. */
void hear_gone(struct keyspace *ks, int db, const struct entry *e);

/* parts.c: a value came or changed; is about to leave; its entry has another address. */
void note_value(struct keyspace *ks, struct space *sp, struct entry *e);
void forget_value(struct keyspace *ks, struct space *sp, struct entry *e);
void note_moved(const struct keyspace *ks, struct entry *e);
int64_t part_clock_at(const void *clock);
/* As the expiry of keys in expire.c: the next end in that database; *out_done: the time was not up. */
int64_t expire_parts(struct keyspace *ks, int db, int64_t now, uint64_t end_us, bool *out_done);

#endif
