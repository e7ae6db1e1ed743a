/*
 * zset_value - what the keyspace asks of a sorted set: memory, digest, RDB in and out.
 */
#include <endian.h>
#include <math.h>
#include <string.h>

#include "node/persist/rdb_write.h"
#include "node/types/digest.h"
#include "node/types/listpack.h"
#include "node/types/old_packs.h"
#include "node/types/rewrite.h"
#include "node/types/zset.h"

enum { RDB_ZSET_SCORES = 5, RDB_ZSET_LISTPACK = 17, RDB_ZSET_ZIPLIST = 12, SAVE_BYTES = 16 * 1024 };

static void ops_free(void *apart)
{
    zset_free(apart);
}

static void *ops_copy(const void *apart)
{
    return zset_copy(apart);
}

static size_t ops_bytes(const void *apart)
{
    return zset_bytes(apart);
}

static size_t ops_length(const void *apart)
{
    return zset_count(apart);
}

static size_t ops_blocks(const void *apart)
{
    return zset_is_one_block(apart) ? 1 : zset_count(apart);
}

static const char *ops_encoding(const void *apart)
{
    return zset_is_small(apart) ? "listpack" : "skiplist";
}

static bool digest_item(void *arg, struct zset_item item)
{
    unsigned char one[DIGEST_LEN] = { 0 };
    char text[SCORE_TEXT];

    digest_mix(one, item.member);
    digest_mix(one, (struct bytes){ text, fmt_score(text, item.score) });
    digest_xor(arg, (struct bytes){ (const char *)one, sizeof one });
    return true;
}

static void ops_digest(const void *apart, unsigned char digest[DIGEST_LEN])
{
    zset_each(apart, 0, zset_count(apart), false, digest_item, digest);
}

static int ops_rdb_type(const void *apart)
{
    return RDB_ZSET_SCORES;
}

struct save {
    struct buf *out;
    uint64_t cursor;
    size_t enough;
    bool compress;
};

static bool save_item(void *arg, struct zset_item item)
{
    struct save *save = arg;
    uint64_t wire;

    memcpy(&wire, &item.score, sizeof wire);
    wire = htole64(wire);
    rdb_put_string(save->out, item.member, save->compress);
    buf_append(save->out, &wire, sizeof wire);
    save->cursor++;
    return save->out->len < save->enough;
}

/* From the highest rank down, as Redis does: whoever loads it then always adds in front. */
static bool ops_save(const void *apart, uint64_t *cursor, bool compress, struct buf *out)
{
    const struct zset *z = apart;
    struct save save = { out, *cursor, out->len + SAVE_BYTES, compress };

    if (*cursor == 0)
        rdb_put_len(out, zset_count(z));
    zset_each(z, zset_count(z) - 1 - *cursor, zset_count(z), true, save_item, &save);
    *cursor = save.cursor;
    return save.cursor == zset_count(z);
}

struct rewrite_items {
    struct rewrite rewrite;
    uint64_t cursor;
    size_t enough;
};

static bool rewrite_item(void *arg, struct zset_item item)
{
    struct rewrite_items *r = arg;
    char score[40];

    rewrite_add(&r->rewrite, (struct bytes){ score, fmt_double(score, item.score) }, item.member);
    r->cursor++;
    return r->rewrite.out->len < r->enough;
}

static bool ops_rewrite(const void *apart, struct bytes key, uint64_t *cursor, struct buf *out)
{
    const struct zset *z = apart;
    struct rewrite_items r = {
        .rewrite = { .out = out, .command = "ZADD", .key = key, .words_each = 2 },
        .cursor = *cursor,
        .enough = out->len + REWRITE_BYTES,
    };

    zset_each(z, zset_count(z) - 1 - *cursor, zset_count(z), true, rewrite_item, &r);
    rewrite_end(&r.rewrite);
    *cursor = r.cursor;
    return r.cursor == zset_count(z);
}

static bool load_one(struct zset **z, struct bytes member, double score,
                     const struct value_limits *limits)
{
    return !isnan(score) && zset_put(z, member, score, limits);
}

static bool load_listpack(struct zset **z, struct bytes data, const struct value_limits *limits)
{
    char first[LISTPACK_INT_TEXT], second[LISTPACK_INT_TEXT];
    struct listpack *lp;
    size_t at, next;
    bool whole = true;

    if (!listpack_valid(data))
        return false;
    lp = listpack_of(data);
    for (at = listpack_first(lp); at != LISTPACK_END && whole; at = listpack_next(lp, next)) {
        double score;

        next = listpack_next(lp, at);
        whole = next != LISTPACK_END && bytes_to_double(listpack_get(lp, next, second), &score) &&
                load_one(z, listpack_get(lp, at, first), score, limits);
        if (!whole)
            break;
    }
    listpack_free(lp);
    return whole;
}

/* Member and score in turn. */
struct old_pack {
    struct zset **z;
    const struct value_limits *limits;
    struct buf member;
    bool scored; /* a score is next */
};

static bool take_old(void *arg, struct bytes text)
{
    struct old_pack *p = arg;
    double score;

    p->scored = !p->scored;
    if (p->scored) {
        p->member.len = 0;
        buf_add(&p->member, text);
        return true;
    }
    return bytes_to_double(text, &score) && load_one(p->z, buf_bytes(&p->member), score, p->limits);
}

static bool load_ziplist(struct zset **z, struct bytes data, const struct value_limits *limits)
{
    struct old_pack p = { .z = z, .limits = limits };
    bool whole = ziplist_each(data, take_old, &p) && !p.scored;

    buf_fini(&p.member);
    return whole;
}

static bool ops_load(void **apart, int rdb_type, const struct value_part *part,
                     const struct value_limits *limits)
{
    struct zset *z = *apart ? *apart : zset_new();
    bool loaded = rdb_type == RDB_ZSET_ZIPLIST    ? load_ziplist(&z, part->text, limits)
                  : rdb_type == RDB_ZSET_LISTPACK ? load_listpack(&z, part->text, limits)
                                                  : load_one(&z, part->text, part->score, limits);

    if (zset_count(z) == 0) {
        zset_free(z);
        z = NULL;
    }
    *apart = z;
    return loaded;
}

const struct value_ops zset_ops = {
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
};
