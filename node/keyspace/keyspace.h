/*
 * keyspace - every key of the node, behind one door for reading and one for writing.
 *
 *     read door                          write door
 *     keyspace_read                      keyspace_write .. change .. keyspace_changed
 *        |                               keyspace_put, _delete, _set_expiry, _rename, _move, _flush
 *        v                                  |
 *     hides what has expired,            before: the snapshot walk takes the old value
 *     counts hits and misses,            after:  WATCH, client tracking, keyspace events, blocked
 *     touches the clock                          clients and memory accounts hear of it
 *
 *   1. an expired key is never seen through a door, except with DOOR_STREAM: the replication
 *      stream of a follower sees what its leader saw
 *   2. a leader deletes expired keys, on access or from keyspace_expire_due, and says so through
 *      hooks.expired before anything else happens; a follower only hides them. The same goes for parts
 *      of a value that end before it does, which the value's type hides
 *   3. every change of a key calls hooks.changed exactly once, whatever made it
 *   4. while a walk runs, every entry that stood at its start is emitted exactly once, with its
 *      value of that moment; entries born later never are
 *   5. entries are borrowed: any call that may change the keyspace ends the loan
 *
 * A database is a space, and will be an array of them once there are slots; a space is a table, its
 * index of expiries and its accounts. SWAPDB exchanges them, FLUSHDB hands them to the walk or to
 * the helper thread that frees, both in O(1).
 *
 * Owner: main makes one. Everything runs on the loop thread; freeing large things does not.
 * Cost: a door is one hash and about two cache misses; nothing but KEYS, DEBUG DIGEST and COPY is
 * O(keys) or O(value) in one call.
 */
#ifndef HF_NODE_KEYSPACE_KEYSPACE_H
#define HF_NODE_KEYSPACE_KEYSPACE_H

#include "common/bytes.h"
#include "common/resp.h"
#include "node/keyspace/entry.h"

struct keyspace;
struct trash_item;

/* Classes of keyspace events, one bit for each letter of notify-keyspace-events. */
enum notify_class {
    NOTIFY_KEYSPACE = 1u << 0, /* K */
    NOTIFY_KEYEVENT = 1u << 1, /* E */
    NOTIFY_GENERIC = 1u << 2,  /* g */
    NOTIFY_STRING = 1u << 3,   /* $ */
    NOTIFY_LIST = 1u << 4,     /* l */
    NOTIFY_SET = 1u << 5,      /* s */
    NOTIFY_HASH = 1u << 6,     /* h */
    NOTIFY_ZSET = 1u << 7,     /* z */
    NOTIFY_EXPIRED = 1u << 8,  /* x */
    NOTIFY_EVICTED = 1u << 9,  /* e */
    NOTIFY_STREAM = 1u << 10,  /* t */
    NOTIFY_KEYMISS = 1u << 11, /* m, not in A */
    NOTIFY_MODULE = 1u << 13,  /* d */
    NOTIFY_NEW = 1u << 14,     /* n, not in A */
};

/* What the rest of the node wants to hear; any may be NULL. None may change the keyspace. key is
 * borrowed until the callback returns. */
struct keyspace_hooks {
    void *arg;
    void (*changed)(void *arg, int db, struct bytes key); /* WATCH, tracking */
    void (*noted)(void *arg, int db, struct bytes key);   /* neither of them */
    void (*event)(void *arg, enum notify_class class, const char *name, int db, struct bytes key);
    /* A leader deletes it: followers need a DEL. */
    void (*expired)(void *arg, int db, struct bytes key);
    /* A leader takes these parts of it away: followers need an HDEL. The last one takes the key along. */
    void (*parts_expired)(void *arg, int db, struct bytes key, const struct bytes *names,
                          int count);
    /* Memory is short, and it goes: the same. */
    void (*evicted)(void *arg, int db, struct bytes key);
    /* It came to be and is no string, or it was a stream and is gone, or keyspace_ready says so: clients may be
     * blocked on it. */
    void (*ready)(void *arg, int db, struct bytes key);
    /* Before the tables go, so that existing keys can still be asked for. db -1: all of them. */
    void (*flushed)(void *arg, int db);
    void (*swapped)(void *arg, int db, int other);
};

struct keyspace_options {
    int databases;             /* 1 .. KEYSPACE_DATABASES_MAX */
    uint64_t (*wall_ms)(void); /* NULL: clock_wall_ms; tests bring their own time */
    struct keyspace_hooks hooks;
    const struct value_limits *limits; /* borrowed, may change; NULL: as Redis begins */
    const struct lazy_free *lazily;    /* borrowed, may change; NULL: nothing is */
};

enum { KEYSPACE_DATABASES_MAX = 16384 };

struct keyspace *keyspace_new(const struct keyspace_options *options);
/* An empty one with the same databases, types, limits, time and clocks of use, to be loaded into; without hooks. */
struct keyspace *keyspace_new_beside(const struct keyspace *ks);
/* Waits for the helper thread; ends a walk without a word. */
void keyspace_free(struct keyspace *ks);
/* main hands over hooks after the rooms exist. */
void keyspace_set_hooks(struct keyspace *ks, const struct keyspace_hooks *hooks);
/* Strings need none. ops must outlive. */
void keyspace_set_type(struct keyspace *ks, enum value_type type, const struct value_ops *ops);
const struct value_ops *keyspace_type(const struct keyspace *ks, enum value_type type);
const struct value_limits *keyspace_limits(const struct keyspace *ks);
const struct lazy_free *keyspace_lazily(const struct keyspace *ks);

/* A follower hides and does not delete. */
void keyspace_set_follower(struct keyspace *ks, bool follower);
bool keyspace_follows(const struct keyspace *ks);
/* What a string may grow to by APPEND and SETRANGE (proto-max-bulk-len); 512 MiB unless said. */
void keyspace_set_text_max(struct keyspace *ks, uint64_t bytes);
uint64_t keyspace_text_max(const struct keyspace *ks);
/* DEBUG SET-ACTIVE-EXPIRE. */
void keyspace_set_active_expiry(struct keyspace *ks, bool on);
bool keyspace_active_expiry(const struct keyspace *ks);
/* How the 24 bits of clock are read: seconds since last use, or frequency with decay
 * (maxmemory-policy with lfu in its name). */
void keyspace_set_frequency(struct keyspace *ks, bool on, int log_factor, int decay_minutes);

/* Whether small integers pass for shared: as Redis shares them, unless each key's own clock decides who is evicted. */
void keyspace_set_shares(struct keyspace *ks, bool on);
bool keyspace_shares(const struct keyspace *ks);

bool keyspace_counts_frequency(const struct keyspace *ks);

int keyspace_databases(const struct keyspace *ks);
uint64_t keyspace_wall_ms(const struct keyspace *ks);

/* ---- the doors ----------------------------------------------------------------------------- */

enum door_flag {
    DOOR_STREAM = 1u << 0,   /* the replication stream asks: nothing is hidden, nothing expires */
    DOOR_NO_TOUCH = 1u << 1, /* leave the clock alone (TYPE, TTL, OBJECT, CLIENT NO-TOUCH) */
    DOOR_NO_STATS = 1u << 2, /* neither a hit nor a miss, and no keymiss event */
    DOOR_NO_EVENT = 1u << 3, /* a miss is counted, and nobody is told */
};

/* NULL: no such key, or expired. May delete an expired key first. flags: enum door_flag. */
const struct entry *keyspace_read(struct keyspace *ks, int db, struct bytes key, uint32_t flags);

/* A hint that these keys will be asked for next, in this order, and, where the words behind them say so, these
 * elements: their memory is fetched, for all of them at once. Changes nothing; an empty key is none. At most
 * KEYSPACE_AHEAD. The keys' bytes are borrowed, and must neither change nor move, until the next call (a count of 0
 * ends the loan). */
enum { KEYSPACE_AHEAD = 32 };
void keyspace_fetch(struct keyspace *ks, int db, const struct resp_glance *glances, int count);

/* Opens an existing entry for change: the walk has its old value now. NULL: no such key (an
 * expired one is deleted, on a follower too unless DOOR_STREAM, because a write is about to
 * replace it). Whoever changes it says so with keyspace_changed; whoever does not, says nothing. */
struct entry *keyspace_write(struct keyspace *ks, int db, struct bytes key, uint32_t flags);
/* The value of an open entry was changed: tells the hooks. */
void keyspace_changed(struct keyspace *ks, int db, struct entry *e);
/* The same, of what the value remembers of its readers: who watches or tracks the key hears nothing, as in Redis. */
void keyspace_noted(struct keyspace *ks, int db, struct entry *e);

/* Beside enum door_flag: an existing key keeps its expiry, and expiry_ms is not looked at. */
enum put_flag { PUT_KEEP_EXPIRY = 1u << 8 };

/* Creates or replaces, whatever type stood there. expiry_ms: NO_EXPIRY or wall time (less
 * counts as 0). Copies text, which must not lie in the key's own entry; owns blob and apart from
 * now on. Returns the entry, open; everybody has heard of it. */
struct entry *keyspace_put(struct keyspace *ks, int db, struct bytes key, const struct value *value,
                           int64_t expiry_ms, uint32_t flags);
/* Changes the value of an open string entry, keeping its expiry, in place where it fits; e may
 * move, so use what comes back. Does not call hooks: keyspace_changed does. */
struct entry *keyspace_set_string(struct keyspace *ks, int db, struct entry *e,
                                  const struct value *value);
/* Makes an open string entry editable text of at least len bytes (new ones are zero) and returns
 * them; *e may move. OBJECT ENCODING says raw from now on. Does not call hooks: keyspace_changed
 * does. */
char *keyspace_edit_string(struct keyspace *ks, int db, struct entry **e, size_t len);
/* NO_EXPIRY takes it away. e may move: the new one is returned. Calls changed. */
struct entry *keyspace_set_expiry(struct keyspace *ks, int db, struct entry *e, int64_t expiry_ms);

/* Beside enum door_flag: the value counts as freed in the background (UNLINK). */
enum delete_flag { DELETE_LAZILY = 1u << 9 };

/* True when there was one (an expired one on a leader was deleted as such: false). */
bool keyspace_delete(struct keyspace *ks, int db, struct bytes key, uint32_t flags);
/* from exists and to does not, or is replaced; expiry travels. from == to is legal and does
 * nothing. */
void keyspace_rename(struct keyspace *ks, int db, struct bytes from, struct bytes to);
/* False when db has no such key or other_db has one. */
bool keyspace_move(struct keyspace *ks, int db, struct bytes key, int other_db, uint32_t flags);
/* A copy of the value, ready for keyspace_put; text stays borrowed from e. */
struct value keyspace_copy_value(const struct keyspace *ks, const struct entry *e);

/* db -1: all. Keys that went. O(1): the tables are freed by the helper thread, which counts them as freed
 * lazily where that was asked for. */
uint64_t keyspace_flush(struct keyspace *ks, int db);
uint64_t keyspace_flush_lazily(struct keyspace *ks, int db);
void keyspace_swap(struct keyspace *ks, int db, int other);
/* What other holds takes the place of everything in ks, in one step: a full sync or DEBUG RELOAD
 * was loaded beside the old data. hooks.flushed(-1) first, as FLUSHALL; a walk of ks keeps its
 * image, else the old tables go to the helper thread. other, which has as many databases, the same
 * types and no walk, is empty afterwards. O(databases). */
void keyspace_take_over(struct keyspace *ks, struct keyspace *other);

/* Frees other, which was loaded beside ks and is of no use; its tables by the helper thread of ks. NULL does
 * nothing. O(databases). */
void keyspace_throw_away(struct keyspace *ks, struct keyspace *other);
/* Who waits for a key should look again: a stream has more. */
void keyspace_ready(struct keyspace *ks, int db, struct bytes key);

/* Told by handlers, in the order Redis tells them. */
void keyspace_event(struct keyspace *ks, enum notify_class class, const char *name, int db,
                    struct bytes key);

/* Parts of the value under key that have ended go, at most PARTS_AT_ONCE: for a handler that found some.
 * Whether they go, and when, is not seen through the type's own words, which hide them. On a follower,
 * behind DOOR_STREAM, and where a walk wants a large value first, nothing happens. The entry; NULL: the
 * key went too. */
struct entry *keyspace_settle(struct keyspace *ks, int db, struct bytes key, uint32_t flags);

/* ---- the loader ---------------------------------------------------------------------------- */

/* Attributes as RDB carries them; -1: none. */
struct load_attributes {
    int64_t expiry_ms;
    int64_t idle_seconds;
    int frequency;
};
/* A new key without a word to anybody. ERR_EXISTS: there is one (value is still the caller's). */
enum err keyspace_load(struct keyspace *ks, int db, struct bytes key, const struct value *value,
                       const struct load_attributes *attributes) MUST_CHECK;
/* Applies idle_seconds and frequency to an entry (RESTORE). */
void keyspace_set_attributes(struct keyspace *ks, struct entry *e, int64_t idle_seconds,
                             int frequency);

/* ---- looking around ------------------------------------------------------------------------ */

uint64_t keyspace_size(const struct keyspace *ks, int db);
/* How many values an RDB cannot hold without that. O(databases). */
uint64_t keyspace_needs(const struct keyspace *ks, enum value_need need);
uint64_t keyspace_idle_seconds(const struct keyspace *ks, const struct entry *e);
int keyspace_frequency(const struct keyspace *ks, const struct entry *e); /* decayed to now */
bool keyspace_expired(const struct keyspace *ks, const struct entry *e);  /* logically, by now */

/* SCAN: emits a bucket or so and returns the next cursor, 0 at the end. Every key that is there
 * from the first call to the last is emitted at least once, whatever comes, goes or resizes in
 * between. Expired keys are emitted too; fn must not change the keyspace. */
typedef void keyspace_each_fn(void *arg, const struct entry *e);
uint64_t keyspace_scan(const struct keyspace *ks, int db, uint64_t cursor, keyspace_each_fn *fn,
                       void *arg);
/* Every key, O(keys). */
void keyspace_each(const struct keyspace *ks, int db, keyspace_each_fn *fn, void *arg);
/* Uniform among those not expired, as far as a hundred throws can tell. NULL: none. */
const struct entry *keyspace_random(struct keyspace *ks, int db);
/* A throw of the dice that keyspace_random throws, for types that choose among elements. */
uint64_t keyspace_dice(struct keyspace *ks);

struct keyspace_db_stats {
    uint64_t keys, expires;
    uint64_t avg_ttl_ms;
    uint64_t
        entry_bytes; /* entries and long texts; structures of other types are not counted here */
    uint64_t table_bytes, index_bytes;
};
void keyspace_db_stats(const struct keyspace *ks, int db, struct keyspace_db_stats *out);

struct keyspace_stats {
    uint64_t hits, misses;
    uint64_t expired;       /* keys, lazily or actively */
    uint64_t expired_parts; /* fields of hashes, the same */
    uint64_t evicted;
    uint64_t expire_cycle_us; /* spent in keyspace_expire_due */
    uint64_t freed_later;     /* values that were to be freed lazily, and were */
    uint64_t pending_frees;   /* and are not yet */
    uint64_t walk_early;      /* old values emitted because of a write, this walk */
    uint64_t walk_kept_bytes; /* large old values that the walk holds until it has emitted them */
};
void keyspace_stats(const struct keyspace *ks, struct keyspace_stats *out);
void keyspace_reset_stats(struct keyspace *ks); /* CONFIG RESETSTAT */

/* ---- active expiry ------------------------------------------------------------------------- */

/* Deletes what is due, in order of time, for at most budget_us. Returns the wall time at which to
 * come again: when the next key is due, now when the budget ended first, INT64_MAX when nothing
 * expires or this is a follower. Also evens out, a little each time, the marks that an aborted
 * walk left. */
int64_t keyspace_expire_due(struct keyspace *ks, uint64_t budget_us);
/* The same answer without any work: no key is due earlier. A timer set to it is never late; a
 * write may make it earlier, so it is asked once a turn. O(1). */
int64_t keyspace_next_expiry_ms(const struct keyspace *ks);
/* Deletes this key if its time has come, on a follower too. NO_EXPIRY: it is gone or has none; else when it ends. */
int64_t keyspace_expire_key(struct keyspace *ks, int db, struct bytes key);

/* ---- eviction ------------------------------------------------------------------------------ */

enum evict_order { EVICT_IDLEST, EVICT_RAREST, EVICT_SOONEST, EVICT_ANY };

struct eviction {
    enum evict_order order;
    bool expiring_only; /* among keys that have an expiry */
    int samples;        /* looked at in each database; what they teach is kept for later calls */
};

/* Deletes one key, the best to lose as far as samples tell (of EVICT_SOONEST: exactly). False: there is
 * none. *told_bytes grows by what those hold now who were told of it. O(databases + samples); a large
 * value is freed off the loop, see keyspace_unfreed_bytes. */
bool keyspace_evict(struct keyspace *ks, const struct eviction *how, int64_t *told_bytes);
/* Still in use, but on its way out: what maxmemory must not count, lest too much be evicted. */
size_t keyspace_unfreed_bytes(const struct keyspace *ks);
/* The helper thread frees other rooms' large things too, see trash.h. */
void keyspace_free_later(struct keyspace *ks, const struct trash_item *item);

/* ---- the snapshot walk --------------------------------------------------------------------- */

/*
 * One at a time. The image is the keyspace at keyspace_walk_begin; emit sees each of its entries
 * once: in turn, or early, from inside the write door, just before a change. db is the entry's at
 * the start, whatever SWAPDB did since. emit may not touch the keyspace.
 *
 * In turn it may take an entry in pieces: EMIT_MORE, and it sees the same one again, next. Until it
 * is through, others may come early in between, each whole; if it is about to change itself, it
 * comes early, for all that is left of it. What is deleted or replaced while it is large is neither:
 * the walk keeps the old entry, emits it in turn and frees it then, unless WALK_KEPT_MAX are kept
 * already.
 */
enum emit_how { EMIT_IN_TURN, EMIT_EARLY };
enum emit_answer {
    EMIT_MORE = 1u << 0, /* there is more of this entry; early it must be 0 */
    EMIT_STOP = 1u << 1, /* nothing else in this step */
};
typedef uint32_t keyspace_emit_fn(void *arg, int db, const struct entry *e, enum emit_how how);

enum {
    WALK_LARGE_BYTES = 64 * 1024, /* from here on a value is worth waiting for and keeping */
    WALK_KEPT_MAX = 256 * 1024 * 1024,
};

/* ERR_EXISTS: one is running. ERR_AGAIN: too many walks were aborted in a row; keyspace_expire_due
 * settles that with time. */
enum err keyspace_walk_begin(struct keyspace *ks, keyspace_emit_fn *emit, void *arg) MUST_CHECK;
/* For at most budget_us. True: the image is complete and the walk is over. */
bool keyspace_walk_step(struct keyspace *ks, uint64_t budget_us);
void keyspace_walk_abort(struct keyspace *ks);
bool keyspace_walking(const struct keyspace *ks);
/* An aborted walk left marks behind that are being evened out. */
bool keyspace_sweeping(const struct keyspace *ks);
/* Keys that stood in db at the start, and how many of them had an expiry: for the sizes in an RDB
 * file. */
uint64_t keyspace_walk_keys(const struct keyspace *ks, int db, uint64_t *out_expires);
uint64_t keyspace_walk_left(const struct keyspace *ks); /* keys not emitted yet */
/* Bytes that a change of this key would make the walk emit on the spot; 0: nothing. */
size_t keyspace_walk_pending(const struct keyspace *ks, int db, struct bytes key);
/* The walk takes this key, if it is pending, before others: somebody waits for it. */
void keyspace_walk_want(struct keyspace *ks, int db, struct bytes key);
bool keyspace_walk_wanted(const struct keyspace *ks); /* there are such keys, not emitted yet */
/* Moves on when a wanted key has been emitted or a walk ended: who waits looks again. */
uint64_t keyspace_walk_news(const struct keyspace *ks);

/* ---- checks -------------------------------------------------------------------------------- */

/* Asserts every invariant of tables, indexes and accounts: O(keys), for tests. */
void keyspace_check(const struct keyspace *ks);

#endif
