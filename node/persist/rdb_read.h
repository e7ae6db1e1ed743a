/*
 * rdb_read - RDB taken apart, a slice at a time: from a file, a socket, or a DUMP payload.
 *
 *   1. bytes are consumed an item at a time; the checksum covers what was consumed
 *   2. nothing is allocated by what a length says, only by bytes that are there
 *   3. after RDB_BAD the reader stays bad; why says what and where
 *
 * The reader is handed everything received and not consumed and answers one item or asks for more
 * (wants: how many bytes must be there before another look is worth it), so a slow peer costs one
 * look per item. Strings borrow the caller's bytes or the reader's scratch until the next call. A
 * value of many parts takes several calls (RDB_SKIPPED), so that nobody need hold all of its bytes.
 *
 * Limits: a string says at most RDB_STRING_BYTES_MAX; a compressed one at most RDB_LZF_RATIO_MAX times
 * its packed size. Types without a loader are refused by name.
 */
#ifndef HF_NODE_PERSIST_RDB_READ_H
#define HF_NODE_PERSIST_RDB_READ_H

#include "node/persist/rdb.h"
#include "node/persist/rdb_stream.h"

struct keyspace;

enum rdb_status { RDB_MORE, RDB_ITEM, RDB_BAD };

enum rdb_item_kind {
    RDB_AUX,     /* name, value */
    RDB_SELECT,  /* db */
    RDB_RESIZE,  /* keys, keys_with_ttl: hints */
    RDB_ENTRY,   /* key, type, value or apart, expiry */
    RDB_LIBRARY, /* value: the text of a function library */
    RDB_EMPTY,   /* key: its value has nothing in it */
    RDB_SKIPPED, /* of no use here (hints, module auxiliaries), or not whole yet */
    RDB_END,     /* the checksum was right, or there was none */
};

struct rdb_item {
    enum rdb_item_kind kind;
    struct bytes name, key, value;
    enum value_type type;
    void *apart; /* of another type than a string: the taker's */
    uint64_t db, keys, keys_with_ttl;
    int64_t expire_wall_ms; /* -1: none */
    int64_t idle_seconds;   /* -1: not said */
    int frequency;          /* the same */
};

/* What of a value is still to come. */
struct rdb_plan {
    uint64_t left;                 /* parts; of a stream 1 as long as there are more */
    int64_t base_ms;               /* of its expiries */
    struct rdb_stream_plan stream; /* RDB_SHAPE_STREAM */
};

struct rdb_reader {
    int version; /* 0: the header is still to come */
    bool valkey;
    bool skip_checksum; /* rdbchecksum no */
    bool bad;
    uint64_t crc, offset; /* of everything consumed */
    size_t wants;
    bool in_module_aux;     /* between two parts of a module's auxiliary data */
    int64_t expire_wall_ms; /* stated for the next key, as these are */
    int64_t idle_seconds;
    int frequency;
    struct buf scratch[2];              /* unpacked: name or key, value */
    const struct keyspace *types;       /* whose types are loaded; NULL: strings alone */
    struct {                            /* a value of parts, once its key was read */
        const struct rdb_type_row *row; /* NULL: none has begun */
        struct buf key;
        void *apart;
        struct rdb_plan plan;
    } value;
    struct errmsg why;
};

void rdb_reader_init(struct rdb_reader *r);
void rdb_reader_fini(struct rdb_reader *r);

/* data: everything not consumed yet. RDB_ITEM: *out_consumed bytes made *out. */
enum rdb_status rdb_read(struct rdb_reader *r, struct bytes data, struct rdb_item *out,
                         size_t *out_consumed) MUST_CHECK;

/* A DUMP payload as RESTORE gets it: checks version and CRC, and gives the value: text that borrows
 * the payload or scratch (FORM_TEXT, whatever its length), or an apart that is the caller's. types as in
 * the reader. ERR_CORRUPT: as Redis says, "DUMP payload version or checksum are wrong"; ERR_SYNTAX:
 * "Bad data format" (also: a type without a loader), and *out_why says what is bad. */
enum err rdb_restore(const struct keyspace *types, struct bytes payload, struct buf *scratch,
                     struct value *out, struct errmsg *out_why) MUST_CHECK;

/* DEBUG SET-SKIP-CHECKSUM-VALIDATION: from now on no checksum is looked at, of whatever is read. */
void rdb_skip_checksums(bool skip);

/* A payload of FUNCTION DUMP, library by library. What take refuses, or the payload, is in *out_why in the words
 * of FUNCTION RESTORE. */
typedef enum err rdb_function_fn(void *arg, struct bytes text, struct errmsg *out_why);
enum err rdb_read_functions(struct bytes payload, rdb_function_fn *take, void *arg,
                            struct errmsg *out_why) MUST_CHECK;

#endif
