#include "node/persist/rdb.h"

/* In order of type, which is also the index but for the holes. */
static const struct rdb_type_row rows[] = {
    { 0, "string", true, 1 },
    { 1, "list", false, 1 },
    { 2, "set", false, 1 },
    { 3, "sorted set with text scores", false, 1 },
    { 4, "hash", false, 2 },
    { 5, "sorted set", false, 8 },
    { 6, "module value of a release candidate", false, 8 },
    { 7, "module value", false, 8 },
    { 9, "hash as zipmap", false, 2 },
    { 10, "list as ziplist", false, 2 },
    { 11, "set as intset", false, 2 },
    { 12, "sorted set as ziplist", false, 2 },
    { 13, "hash as ziplist", false, 4 },
    { 14, "list of ziplists", false, 7 },
    { 15, "stream", false, 9 },
    { 16, "hash as listpack", false, 10 },
    { 17, "sorted set as listpack", false, 10 },
    { 18, "list of listpacks", false, 10 },
    { 19, "stream, second form", false, 10 },
    { 20, "set as listpack", false, 11 },
    { 21, "stream, third form", false, 11 },
    { 22, "hash with expiring fields", false, 12 },
    { 23, "hash with expiring fields as listpack, release candidate", false, 12 },
    { 24, "hash with expiring fields", false, 12 },
    { 25, "hash with expiring fields as listpack", false, 12 },
};

const struct rdb_type_row *rdb_type_find(int type)
{
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        if (rows[i].type == type)
            return &rows[i];
    }
    return NULL;
}
