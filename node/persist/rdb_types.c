#include "node/persist/rdb.h"

/* In order of type, which is also the index but for the holes. */
static const struct rdb_type_row rows[] = {
    { 0, "string", 1, VALUE_STRING, RDB_SHAPE_STRING },
    { 1, "list", 1, VALUE_LIST, RDB_SHAPE_TEXTS },
    { 2, "set", 1, VALUE_SET, RDB_SHAPE_TEXTS },
    { 3, "sorted set with text scores", 1, VALUE_ZSET, RDB_SHAPE_TEXT_SCORES },
    { 4, "hash", 2, VALUE_HASH, RDB_SHAPE_PAIRS },
    { 5, "sorted set", 8, VALUE_ZSET, RDB_SHAPE_SCORES },
    { 6, "module value of a release candidate", 8, VALUE_MODULE, RDB_SHAPE_UNKNOWN },
    { 7, "module value", 8, VALUE_MODULE, RDB_SHAPE_UNKNOWN },
    { 9, "Zipmap", 2, VALUE_HASH, RDB_SHAPE_STRING },
    { 10, "list as ziplist", 2, VALUE_LIST, RDB_SHAPE_STRING },
    { 11, "set as intset", 2, VALUE_SET, RDB_SHAPE_STRING },
    { 12, "Zset ziplist", 2, VALUE_ZSET, RDB_SHAPE_STRING },
    { 13, "Hash ziplist", 4, VALUE_HASH, RDB_SHAPE_STRING },
    { 14, "list of ziplists", 7, VALUE_LIST, RDB_SHAPE_TEXTS },
    { 15, "stream", 9, VALUE_STREAM, RDB_SHAPE_STREAM },
    { 16, "hash as listpack", 10, VALUE_HASH, RDB_SHAPE_STRING },
    { 17, "sorted set as listpack", 10, VALUE_ZSET, RDB_SHAPE_STRING },
    { 18, "list of listpacks", 10, VALUE_LIST, RDB_SHAPE_NODES },
    { 19, "stream, second form", 10, VALUE_STREAM, RDB_SHAPE_STREAM },
    { 20, "set as listpack", 11, VALUE_SET, RDB_SHAPE_STRING },
    { 21, "stream, third form", 11, VALUE_STREAM, RDB_SHAPE_STREAM },
    { 22, "hash with expiring fields, release candidate", 12, VALUE_HASH, RDB_SHAPE_TIMED },
    { 23, "hash with expiring fields as listpack, release candidate", 12, VALUE_HASH,
      RDB_SHAPE_STRING },
    { 24, "hash with expiring fields", 12, VALUE_HASH, RDB_SHAPE_TIMED, true },
    { 25, "hash with expiring fields as listpack", 12, VALUE_HASH, RDB_SHAPE_STRING, true },
};
static const struct rdb_type_row valkey_rows[] = {
    { 22, "hash with expiring fields of valkey", 80, VALUE_HASH, RDB_SHAPE_TIMED_BEHIND },
};

const struct rdb_type_row *rdb_type_find(int type, bool valkey)
{
    for (size_t i = 0; i < ARRAY_LEN(valkey_rows) && valkey; i++) {
        if (valkey_rows[i].type == type)
            return &valkey_rows[i];
    }
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        if (rows[i].type == type)
            return &rows[i];
    }
    return NULL;
}

/* What each need came with. */
static const struct {
    uint32_t need;
    int version;
} needs_of_versions[] = {
    { RDB_NEED(NEED_STREAM), 10 },       /* type 19: first id, entries added and read */
    { RDB_NEED_FUNCTIONS, 10 },          /* opcode 245 */
    { RDB_NEED(NEED_FIELD_EXPIRY), 12 }, /* type 24 */
};

int rdb_version_for(uint32_t needs, bool valkey)
{
    int version = RDB_VERSION_LOWEST;

    if (valkey && needs & RDB_NEED(NEED_FIELD_EXPIRY))
        return RDB_VERSION_VALKEY_MIN; /* type 22 */
    for (size_t i = 0; i < ARRAY_LEN(needs_of_versions); i++) {
        if (needs & needs_of_versions[i].need && needs_of_versions[i].version > version)
            version = needs_of_versions[i].version;
    }
    return version;
}
