/*
 * rdb - what is common to reading and writing the RDB format: opcodes, value types, versions, limits.
 *
 *     magic and version (9 bytes), then opcodes and entries until 255, then CRC-64 (8 bytes, little
 *     endian; absent before version 5; all zero: not checked)
 *
 * A byte at the top level is an opcode from 242 up, else the value type of the next key. We write the
 * lowest version that loses nothing (rdb_version_for), so that as old a Redis, Valkey or KeyDB as can be
 * reads it; we read every version of Redis and Valkey whose types we know, and refuse an unknown type
 * by its name.
 *
 * Source: the format as redis-server 7.0 and redis-check-rdb read and write it.
 */
#ifndef HF_NODE_PERSIST_RDB_H
#define HF_NODE_PERSIST_RDB_H

#include "node/keyspace/entry.h"

enum rdb_opcode {
    RDB_OP_SLOT_IMPORT = 243, /* valkey 9, cluster mode */
    RDB_OP_SLOT_INFO = 244,
    RDB_OP_FUNCTION = 245,
    RDB_OP_FUNCTION_OLD = 246, /* of 7.0 candidates */
    RDB_OP_MODULE_AUX = 247,
    RDB_OP_IDLE = 248,
    RDB_OP_FREQ = 249,
    RDB_OP_AUX = 250,
    RDB_OP_RESIZE = 251,
    RDB_OP_EXPIRE_MS = 252,
    RDB_OP_EXPIRE = 253,
    RDB_OP_SELECT = 254,
    RDB_OP_END = 255,
    RDB_OP_FIRST = 242,
};

enum rdb_type { RDB_TYPE_STRING = 0, RDB_TYPE_VALKEY_HASH = 22 };

enum {
    RDB_MAGIC_LEN = 9,
    RDB_CRC_LEN = 8,
    RDB_VERSION_LOWEST = 9,    /* what we write where nothing newer is needed: rdb_version_for */
    RDB_VERSION_READ_MAX = 12, /* of a REDIS file, and of a DUMP payload */
    RDB_VERSION_VALKEY_MIN = 80,
    RDB_VERSION_VALKEY_MAX = 80,
    RDB_LEN_MAX = 9,               /* bytes of an encoded length */
    RDB_DUMP_FOOTER = 10,          /* version and CRC behind a DUMP payload */
    RDB_EOF_MARK_LEN = 40,         /* random characters around a diskless payload */
    RDB_COMPRESS_MIN = 21,         /* shorter strings are not worth a try */
    RDB_COMPRESS_MAX = 256 * 1024, /* longer ones would hold the loop: about a millisecond of LZF */
    RDB_LZF_RATIO_MAX = 264,       /* three bytes can say 264: more is a lie */
};
/* No string in a file or from a peer may say it is longer. */
#define RDB_STRING_BYTES_MAX ((uint64_t)4 << 30)

/* redis-ver of what we write: the version this node answers for in INFO. */
#define RDB_REDIS_VERSION "7.2.4"

/* How a value stands behind its key: as one string, or as a number of parts. */
enum rdb_shape {
    RDB_SHAPE_UNKNOWN,      /* not loaded */
    RDB_SHAPE_STRING,       /* one string, which is the value, or a block with everything in it */
    RDB_SHAPE_TEXTS,        /* parts of one string */
    RDB_SHAPE_PAIRS,        /* of two strings */
    RDB_SHAPE_TEXT_SCORES,  /* of a string and a number as text */
    RDB_SHAPE_SCORES,       /* of a string and a number of eight bytes */
    RDB_SHAPE_NODES,        /* of a length and a string */
    RDB_SHAPE_TIMED,        /* of a length, which says an expiry, and two strings */
    RDB_SHAPE_TIMED_BEHIND, /* of two strings and an expiry of eight bytes */
    RDB_SHAPE_STREAM,       /* of many kinds: rdb_stream.h */
};

/* One row per value type a file may hold. */
struct rdb_type_row {
    int type;
    const char *name; /* "string", "hash as listpack" */
    int version;      /* RDB version that brought it */
    enum value_type value;
    enum rdb_shape shape;
    bool based; /* a moment of eight bytes stands first: expiries are distances from it, plus one */
};
/* NULL: no such type in any version. Valkey gave some numbers a meaning of its own. */
const struct rdb_type_row *rdb_type_find(int type, bool valkey);

/* What a file or a payload has to hold, for rdb_version_for: a bit for each enum value_need, and what is
 * no key's. */
#define RDB_NEED(need)     (1u << (need))
#define RDB_NEED_FUNCTIONS (1u << VALUE_NEEDS) /* libraries: opcode 245 */
/* The lowest version that loses nothing of it; valkey: for a Valkey since 9, which reads no version of
 * Redis above 11 and says expiring fields in a version of its own. */
int rdb_version_for(uint32_t needs, bool valkey);

#endif
