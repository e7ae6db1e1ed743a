#include "node/types/types.h"

#include "node/types/hash.h"
#include "node/types/list.h"
#include "node/types/set.h"
#include "node/types/stream.h"
#include "node/types/zset.h"

static const struct {
    enum value_type type;
    const struct value_ops *ops;
} types[] = {
    { VALUE_HASH, &hash_ops }, { VALUE_LIST, &list_ops },     { VALUE_SET, &set_ops },
    { VALUE_ZSET, &zset_ops }, { VALUE_STREAM, &stream_ops },
};

void types_register(struct keyspace *ks)
{
    for (size_t i = 0; i < ARRAY_LEN(types); i++)
        keyspace_set_type(ks, types[i].type, types[i].ops);
}
