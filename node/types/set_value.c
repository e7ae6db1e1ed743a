/* What the keyspace asks of sets: value_ops. */
#include "node/persist/rdb_write.h"
#include "node/types/digest.h"
#include "node/types/listpack.h"
#include "node/types/rewrite.h"
#include "node/types/set.h"

enum { RDB_SET = 2, RDB_SET_INTSET = 11, RDB_SET_LISTPACK = 20, SAVE_BYTES = 16 * 1024 };

static void ops_free(void *apart)
{
    set_free(apart);
}

static void *ops_copy(const void *apart)
{
    return set_copy(apart);
}

static size_t ops_bytes(const void *apart)
{
    return set_bytes(apart);
}

static size_t ops_length(const void *apart)
{
    return set_count(apart);
}

static size_t ops_blocks(const void *apart)
{
    return set_blocks(apart);
}

static const char *ops_encoding(const void *apart)
{
    return set_is_ints(apart) ? "intset" : "hashtable";
}

static bool digest_member(void *arg, struct bytes member)
{
    digest_xor(arg, member);
    return true;
}

static void ops_digest(const void *apart, unsigned char digest[DIGEST_LEN])
{
    set_each(apart, digest_member, digest);
}

static int ops_rdb_type(const void *apart)
{
    return set_is_ints(apart) ? RDB_SET_INTSET : RDB_SET;
}

struct save {
    struct buf *out;
    bool compress;
};

static bool save_member(void *arg, struct bytes member)
{
    const struct save *save = arg;

    rdb_put_string(save->out, member, save->compress);
    return true;
}

static bool ops_save(const void *apart, uint64_t *cursor, bool compress, struct buf *out)
{
    const struct set *s = apart;
    struct save save = { out, compress };
    size_t from = out->len;

    if (set_is_ints(s)) {
        rdb_put_string(out, set_ints(s), compress);
        return true;
    }
    if (*cursor == 0)
        rdb_put_len(out, set_count(s));
    do {
        set_scan(s, cursor, save_member, &save);
    } while (*cursor && out->len - from < SAVE_BYTES);
    return *cursor == 0;
}

static bool rewrite_member(void *arg, struct bytes member)
{
    rewrite_add(arg, member, (struct bytes){ 0 });
    return true;
}

static bool ops_rewrite(const void *apart, struct bytes key, uint64_t *cursor, struct buf *out)
{
    struct rewrite r = { .out = out, .command = "SADD", .key = key, .words_each = 1 };
    size_t from = out->len;

    do {
        set_scan(apart, cursor, rewrite_member, &r);
    } while (*cursor && out->len - from < REWRITE_BYTES);
    rewrite_end(&r);
    return *cursor == 0;
}

static bool load_listpack(struct set *s, struct bytes data, const struct value_limits *limits)
{
    char scratch[LISTPACK_INT_TEXT];
    struct listpack *lp;
    bool whole = true;

    if (!listpack_valid(data))
        return false;
    lp = listpack_of(data);
    for (size_t at = listpack_first(lp); at != LISTPACK_END && whole; at = listpack_next(lp, at))
        whole = set_add(s, listpack_get(lp, at, scratch), limits);
    listpack_free(lp);
    return whole;
}

static bool ops_load(void **apart, int rdb_type, const struct value_part *part,
                     const struct value_limits *limits)
{
    struct set *s = *apart ? *apart : set_new();
    bool loaded = rdb_type == RDB_SET_INTSET     ? set_load_ints(s, part->text, limits)
                  : rdb_type == RDB_SET_LISTPACK ? load_listpack(s, part->text, limits)
                                                 : set_add(s, part->text, limits);

    if (set_count(s) == 0) {
        set_free(s);
        s = NULL;
    }
    *apart = s;
    return loaded;
}

static void ops_fetch(const void *apart, struct value_hint *hint, int step)
{
    set_fetch(apart, hint, step);
}

const struct value_ops set_ops = {
    .free = ops_free,
    .copy = ops_copy,
    .bytes = ops_bytes,
    .length = ops_length,
    .blocks = ops_blocks,
    .encoding = ops_encoding,
    .digest = ops_digest,
    .rdb_type = ops_rdb_type,
    .save = ops_save,
    .rewrite = ops_rewrite,
    .load = ops_load,
    .fetch = ops_fetch,
};
