/*
 * entry - one key with its value, packed into one allocation.
 *
 *      8 bytes   8, if any   8, key > 254   8, unless TEXT   bytes    bytes, TEXT
 *     [ header ][ expiry ][ key length ][ integer or pointer ][ key ][ value ]
 *
 * The header holds type, form, the mark of the snapshot walk, 24 bits of clock (idle time or access
 * frequency), the key's length and the embedded value's (of what is apart: its need). An integer lives in place, a text of up to
 * ENTRY_TEXT_MAX bytes behind the key, everything else apart: a long text in a struct blob, the
 * other types in the structure that their own file owns.
 *
 *   1. the key never changes; a change of value or expiry may move it, and the entry
 *   2. an entry of the keyspace changes only between keyspace_write and keyspace_changed
 *   3. the numbers of enum value_type are those of RDB and DEBUG DIGEST
 *
 * Owner: the keyspace. Readers borrow an entry until the next call that may change the keyspace.
 * Cost: a 16-byte key with a 16-byte value takes a 48-byte block, with expiry too; a 16-byte key
 * with an integer 32.
 */
#ifndef HF_NODE_KEYSPACE_ENTRY_H
#define HF_NODE_KEYSPACE_ENTRY_H

#include "common/bytes.h"

enum value_type {
    VALUE_STRING = 0,
    VALUE_LIST = 1,
    VALUE_SET = 2,
    VALUE_ZSET = 3,
    VALUE_HASH = 4,
    VALUE_MODULE = 5,
    VALUE_STREAM = 6,
    VALUE_TYPES
};

enum value_form {
    FORM_INT,   /* a string that is an integer */
    FORM_TEXT,  /* a string behind its key; never longer than ENTRY_TEXT_MAX */
    FORM_BLOB,  /* a string of its own */
    FORM_APART, /* any other type: the pointer is its file's business */
};

enum {
    ENTRY_TEXT_MAX = 1024,
    ENTRY_INT_TEXT = 24, /* room that entry_text needs for an integer */
    ENTRY_HEADER_BYTES = 8,
    ENTRY_EXPIRY_BYTES = 8,
    /* What a key takes in the table, and one that expires in the index, on average. */
    ENTRY_TABLE_SHARE = 9,
    ENTRY_INDEX_SHARE = 10,
};

/* What a value cannot be written to RDB without; node/persist knows the version that brought it. */
enum value_need { NEED_NOTHING, NEED_STREAM, NEED_FIELD_EXPIRY, VALUE_NEEDS };

/* Absent expiry; a deadline is never negative. */
#define NO_EXPIRY INT64_C(-1)

struct entry;

/* A long text; may have room behind len. */
struct blob {
    size_t len, cap;
    char data[];
};

/* A value on its way into or out of an entry. text is borrowed; blob and apart change owner. */
struct value {
    enum value_type type;
    enum value_form form;
    bool raw; /* a string that was edited: OBJECT ENCODING says raw whatever its length */
    union {
        int64_t integer;
        struct bytes text;
        struct blob *blob;
        void *apart;
    };
};

/* What is freed in the background as far as its statistics and its words to followers (UNLINK) go: settings
 * lazyfree-lazy-*, replica-lazy-flush. Large things are freed there whatever they say. */
struct lazy_free {
    bool eviction, expire, server_del, user_del, user_flush, follower_flush;
};

/* From where on a value takes the form of a table instead of a packed block: settings of those names. */
struct value_limits {
    int64_t hash_max_listpack_entries, zset_max_listpack_entries, set_max_intset_entries;
    uint64_t hash_max_listpack_value_bytes, zset_max_listpack_value_bytes;
    int64_t list_max_listpack_size, list_compress_depth;
    uint64_t stream_node_max_bytes;
    int64_t stream_node_max_entries;
    uint64_t hll_sparse_max_bytes;
};

enum { VALUE_PART_NUMBERS = 8 };
/* One part of a value on its way in from RDB; the value type's row in node/persist says what it has. */
struct value_part {
    struct bytes text, second; /* borrowed */
    double score;
    uint64_t number;
    int64_t expiry_ms; /* of this part; NO_EXPIRY: none */
    int kind;          /* of a value whose parts are not all alike */
    uint64_t numbers[VALUE_PART_NUMBERS];
};

/* Parts of a value that end before it does: fields of a hash. The clock is the value's, at one address as
 * long as the value lives; what is in it is the keyspace's business. */
struct part_clock {
    int64_t at_ms; /* begins as PART_NEVER */
    struct entry *entry;
};

enum { PARTS_AT_ONCE = 64 };
#define PART_NEVER INT64_MAX

/* Names of parts, borrowed; at most PARTS_AT_ONCE. */
typedef void parts_fn(void *arg, const struct bytes *names, int count);

struct part_ops {
    /* NULL as long as no part ever had an end. */
    struct part_clock *(*clock)(const void *apart);
    /* No part ends earlier; PART_NEVER: none does. O(1). */
    int64_t (*next)(const void *apart);
    /* Takes away parts that ended before now, at most PARTS_AT_ONCE, those that ended first where there
     * are more, after fn has heard of them; their number. *apart may move. */
    int (*expire)(void **apart, int64_t now_ms, parts_fn *fn, void *arg);
};

/* What a type tells the keyspace about structures it cannot look into. free is called on the helper
 * thread for large values: it must touch nothing but the structure. */
/* The words behind the key in a request to come, and room for a hash from one step to the next. */
struct value_hint {
    struct bytes next, after;
    uint64_t hash;
};

enum { VALUE_FETCH_STEPS = 4 };

struct value_ops {
    void (*free)(void *apart);
    void *(*copy)(const void *apart);
    size_t (*bytes)(const void *apart);  /* held in memory; O(1), for the accounts */
    size_t (*length)(const void *apart); /* elements */
    /* Blocks of memory it is made of: what decides whether freeing is slow. NULL: as many as elements. */
    size_t (*blocks)(const void *apart);
    const char *(*encoding)(const void *apart); /* OBJECT ENCODING */
    /* DEBUG DIGEST: mixes the elements into the 20 bytes. */
    void (*digest)(const void *apart, unsigned char digest[20]);

    /* What the type that save writes has beyond RDB version 9; NULL: nothing, ever. The keyspace counts
     * the answers, and asks again whenever the value has changed. O(1). */
    enum value_need (*need)(const void *apart);
    /* RDB: the value type that save writes, the oldest that loses nothing. */
    int (*rdb_type)(const void *apart);
    /* Appends what stands behind the type byte and the key, from *cursor on (0: the beginning), a few
     * kilobytes at a time. True: that was all. The value must not change in between. */
    bool (*save)(const void *apart, uint64_t *cursor, bool compress, struct buf *out);
    /* Appends commands that add the elements to key, from *cursor on (0: the beginning), a few kilobytes at a
     * time. True: that was all. NULL: the value is written as RESTORE. */
    bool (*rewrite)(const void *apart, struct bytes key, uint64_t *cursor, struct buf *out);
    /* The same for a Valkey that does not read that type; its own type is in node/persist. NULL: it does. */
    bool (*save_valkey)(const void *apart, uint64_t *cursor, bool compress, struct buf *out);
    /* Adds a part to *apart, which begins as NULL. False: it makes no sense, or is there already;
     * *apart, unless NULL, stays to be freed. One that ends empty stays NULL. */
    bool (*load)(void **apart, int rdb_type, const struct value_part *part,
                 const struct value_limits *limits);
    const struct part_ops *parts; /* NULL: no part ends before the value */
    /* Steps 0 to VALUE_FETCH_STEPS - 1 towards the element that a request is most likely about, each of which asks the
     * processor for memory that the next one reads. Changes nothing. NULL: nothing is worth it. */
    void (*fetch)(const void *apart, struct value_hint *hint, int step);
};

/* An integer where the text is one as Redis would encode it (canonical, at most 20 characters),
 * else borrowed text. */
struct value value_of_text(struct bytes text);
struct value value_of_int(int64_t v);
/* A long text that stands behind sizeof(struct blob) bytes of a block becomes a value with it. */
struct value value_of_block(struct buf block);

struct bytes entry_key(const struct entry *e);
enum value_type entry_type(const struct entry *e);
enum value_form entry_form(const struct entry *e);
/* NO_EXPIRY, or wall milliseconds. */
int64_t entry_expiry_ms(const struct entry *e);
/* A string's text; an integer is printed into scratch (ENTRY_INT_TEXT bytes). Borrowed. */
struct bytes entry_text(const struct entry *e, char *scratch);
size_t entry_text_len(const struct entry *e);
bool entry_int(const struct entry *e, int64_t *out); /* FORM_INT only */
bool entry_raw(const struct entry *e);
/* Asks the processor for what is apart; false: nothing is. */
bool entry_fetch(const struct entry *e);
void *entry_apart(const struct entry *e); /* FORM_APART only */
/* The structure of an open entry has moved; the old pointer is the caller's business. */
void entry_set_apart(struct entry *e, void *apart);
/* Memory of the entry and of what is apart from it, without its share of table and index; ops may be NULL
 * for strings. */
size_t entry_bytes(const struct entry *e, const struct value_ops *ops);

/* ---- for the keyspace alone ------------------------------------------------------------------ */

/* Copies key and text (a long one into a blob), owns blob and apart. Mark and clock are 0. */
struct entry *entry_new(struct bytes key, const struct value *value, int64_t expiry_ms);
/* Also frees what is apart; ops may be NULL for strings. */
void entry_free(struct entry *e, const struct value_ops *ops);
/* The value leaves; text stays borrowed from the entry. Only entry_forget may follow. */
struct value entry_take(struct entry *e);
void entry_forget(struct entry *e);
/* A new value for a string, which must be one before and after, and no part of the old. Stays in
 * its block where it fits and does not waste more than half of it. Returns the entry, which may
 * have moved. */
struct entry *entry_set(struct entry *e, const struct value *value) MUST_CHECK;
/* The same where form and length of the value stay as they are: nothing moves and no account changes. False:
 * they do not, and nothing was done. */
bool entry_set_alike(struct entry *e, const struct value *value);
struct entry *entry_set_expiry(struct entry *e, int64_t expiry_ms) MUST_CHECK;
/* A string as text of at least len bytes that may be written to; more than before is zero. */
struct entry *entry_edit(struct entry *e, size_t len, char **out_text) MUST_CHECK;
/* What entry_free would do is long enough to be worth another thread. */
bool entry_is_slow_to_free(const struct entry *e, const struct value_ops *ops);
/* Bytes of the entry's block and of its blob. */
size_t entry_own_bytes(const struct entry *e);

uint8_t entry_mark(const struct entry *e);
void entry_set_mark(struct entry *e, uint8_t mark);
uint32_t entry_clock(const struct entry *e); /* 24 bits */
void entry_set_clock(struct entry *e, uint32_t clock);
/* What the keyspace has counted e as; NEED_NOTHING at first, and for every string. */
enum value_need entry_need(const struct entry *e);
void entry_set_need(struct entry *e, enum value_need need); /* FORM_APART only */

#endif
