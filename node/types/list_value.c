/*
 * list_value - lists as the keyspace, DEBUG DIGEST and RDB see them.
 */
#include "node/persist/rdb_write.h"
#include "node/types/digest.h"
#include "node/types/list.h"
#include "node/types/old_packs.h"
#include "node/types/rewrite.h"

static void free_list(void *apart)
{
    deque_free(apart);
}

static void *copy_list(const void *apart)
{
    return deque_copy(apart);
}

static size_t bytes_of_list(const void *apart)
{
    return deque_bytes(apart);
}

static size_t length_of_list(const void *apart)
{
    return ((const struct deque *)apart)->count;
}

static size_t blocks_of_list(const void *apart)
{
    return ((const struct deque *)apart)->used;
}

/* Redis 7.0 has one word for all sizes. */
static const char *encoding_of_list(const void *apart)
{
    (void)apart;
    return "quicklist";
}

static void digest_list(const void *apart, unsigned char digest[DIGEST_LEN])
{
    const struct deque *d = apart;
    struct deque_place p;
    char scratch[LISTPACK_INT_TEXT];

    for (bool more = deque_seek(d, 0, &p); more; more = deque_next(d, &p))
        digest_mix(digest, deque_get(d, &p, scratch));
}

/* ---- RDB ---- */

enum {
    SAVE_BYTES = 4096, /* of one step */
    RDB_LIST = 1,
    RDB_LIST_ZIPLIST = 10,
    RDB_LIST_ZIPLISTS = 14,
    RDB_LIST_LISTPACKS = 18,
    CONTAINER_PLAIN = 1,
    CONTAINER_PACKED = 2,
};

/* As plain strings: every version of every Redis reads them, and nothing is lost. */
static int rdb_type_of_list(const void *apart)
{
    (void)apart;
    return RDB_LIST;
}

/* The cursor is the index of the next element. */
static bool save_list(const void *apart, uint64_t *cursor, bool compress, struct buf *out)
{
    const struct deque *d = apart;
    struct deque_place p;
    char scratch[LISTPACK_INT_TEXT];
    size_t from = out->len;
    bool more = deque_seek(d, (int64_t)*cursor, &p);

    if (*cursor == 0)
        rdb_put_len(out, d->count);
    for (; more && out->len - from < SAVE_BYTES; more = deque_next(d, &p), ++*cursor)
        rdb_put_string(out, deque_get(d, &p, scratch), compress);
    return !more;
}

static bool rewrite_list(const void *apart, struct bytes key, uint64_t *cursor, struct buf *out)
{
    const struct deque *d = apart;
    struct rewrite r = { .out = out, .command = "RPUSH", .key = key, .words_each = 1 };
    struct deque_place p;
    char scratch[LISTPACK_INT_TEXT];
    size_t from = out->len;
    bool more = deque_seek(d, (int64_t)*cursor, &p);

    for (; more && out->len - from < REWRITE_BYTES; more = deque_next(d, &p), ++*cursor)
        rewrite_add(&r, deque_get(d, &p, scratch), (struct bytes){ 0 });
    rewrite_end(&r);
    return !more;
}

struct loading {
    struct deque *deque;
    int fill;
};

static bool add_element(void *arg, struct bytes text)
{
    const struct loading *l = arg;

    if (text.len > LISTPACK_TEXT_MAX)
        return false;
    deque_push(l->deque, DEQUE_BACK, text, l->fill);
    return true;
}

static bool add_listpack(struct loading *l, struct bytes blob)
{
    struct listpack *lp;
    char scratch[LISTPACK_INT_TEXT];

    if (!listpack_valid(blob))
        return false;
    lp = listpack_of(blob);
    for (size_t at = listpack_first(lp); at; at = listpack_next(lp, at))
        deque_push(l->deque, DEQUE_BACK, listpack_get(lp, at, scratch), l->fill);
    listpack_free(lp);
    return true;
}

static bool add_part(struct loading *l, int rdb_type, const struct value_part *part)
{
    switch (rdb_type) {
    case RDB_LIST:
        return add_element(l, part->text);
    case RDB_LIST_ZIPLIST:
    case RDB_LIST_ZIPLISTS:
        return ziplist_each(part->text, add_element, l);
    case RDB_LIST_LISTPACKS:
        if (part->number == CONTAINER_PLAIN)
            return part->text.len && add_element(l, part->text);
        return part->number == CONTAINER_PACKED && add_listpack(l, part->text);
    default:
        return false;
    }
}

static bool load_list(void **apart, int rdb_type, const struct value_part *part,
                      const struct value_limits *limits)
{
    struct loading l = { *apart ? *apart : deque_new(), (int)limits->list_max_listpack_size };
    bool sound = add_part(&l, rdb_type, part);

    if (l.deque->count == 0) {
        deque_free(l.deque);
        l.deque = NULL;
    }
    *apart = l.deque;
    return sound;
}

static void fetch_list(const void *apart, struct value_hint *hint, int step)
{
    deque_fetch(apart, step);
}

const struct value_ops list_ops = { .free = free_list,
                                    .copy = copy_list,
                                    .bytes = bytes_of_list,
                                    .length = length_of_list,
                                    .blocks = blocks_of_list,
                                    .encoding = encoding_of_list,
                                    .digest = digest_list,
                                    .rdb_type = rdb_type_of_list,
                                    .save = save_list,
                                    .rewrite = rewrite_list,
                                    .load = load_list,
                                    .fetch = fetch_list };
