#include "node/types/zset.h"

#include <endian.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "common/alloc.h"
#include "node/keyspace/table.h"
#include "node/persist/rdb_write.h"
#include "node/types/digest.h"
#include "node/types/listpack.h"
#include "node/types/old_packs.h"
#include "node/types/ranking.h"
#include "node/types/rewrite.h"

struct zset {
    struct ranking ranking;
    struct table table; /* of the same members, where indexed */
    bool indexed;
    size_t member_bytes;
};

enum { RDB_ZSET_SCORES = 5, RDB_ZSET_LISTPACK = 17, RDB_ZSET_ZIPLIST = 12, SAVE_BYTES = 16 * 1024 };

size_t fmt_score(char *out, double score)
{
    return (size_t)snprintf(out, SCORE_TEXT, "%.17g", score);
}

/* ---- a member: score, length in one byte or 255 and eight more, text ---- */

enum { LONG_MEMBER = 255 };

struct member {
    double score;
    unsigned char text[]; /* length first */
};

static struct member *member_new(struct bytes text, double score)
{
    bool is_long = text.len >= LONG_MEMBER;
    size_t head = is_long ? 1 + sizeof text.len : 1;
    struct member *m = xmalloc(offsetof(struct member, text) + head + text.len);

    m->score = score;
    m->text[0] = is_long ? LONG_MEMBER : (unsigned char)text.len;
    if (is_long)
        memcpy(m->text + 1, &text.len, sizeof text.len);
    if (text.len)
        memcpy(m->text + head, text.at, text.len);
    return m;
}

static struct bytes member_text(const void *member)
{
    const struct member *m = member;
    size_t len = m->text[0];

    if (len < LONG_MEMBER)
        return (struct bytes){ (const char *)m->text + 1, len };
    memcpy(&len, m->text + 1, sizeof len);
    return (struct bytes){ (const char *)m->text + 1 + sizeof len, len };
}

static struct zset_item item_of(const struct member *m)
{
    return (struct zset_item){ m->score, member_text(m) };
}

static const struct table_kind member_kind = { member_text };

/* ---- borders ---- */

struct border {
    double score;
    struct bytes text;
    bool with_equal;
};

static bool before_member(const void *arg, const void *thing)
{
    const struct border *b = arg;
    const struct member *m = thing;

    return m->score != b->score ? m->score < b->score : bytes_cmp(member_text(m), b->text) < 0;
}

static bool before_score(const void *arg, const void *thing)
{
    const struct border *b = arg;
    const struct member *m = thing;

    return b->with_equal ? m->score <= b->score : m->score < b->score;
}

static bool before_text(const void *arg, const void *thing)
{
    const struct border *b = arg;
    int order = bytes_cmp(member_text(thing), b->text);

    return b->with_equal ? order <= 0 : order < 0;
}

uint64_t zset_below_score(const struct zset *z, double score, bool with_equal)
{
    struct border b = { .score = score, .with_equal = with_equal };

    return ranking_find(&z->ranking, before_score, &b);
}

uint64_t zset_below_text(const struct zset *z, struct bytes text, bool with_equal)
{
    struct border b = { .text = text, .with_equal = with_equal };

    return ranking_find(&z->ranking, before_text, &b);
}

static uint64_t rank_of(const struct zset *z, struct bytes text, double score)
{
    struct border b = { .score = score, .text = text };

    return ranking_find(&z->ranking, before_member, &b);
}

/* ---- members ---- */

struct zset *zset_new(void)
{
    struct zset *z = xcalloc(1, sizeof *z);

    z->table.kind = &member_kind;
    return z;
}

void zset_free(struct zset *z)
{
    if (!z)
        return;
    table_fini(&z->table, NULL, NULL);
    ranking_fini(&z->ranking, xfree);
    xfree(z);
}

uint64_t zset_count(const struct zset *z)
{
    return z->ranking.count;
}

/* Without a table there are few, in one piece. */
static struct member *find(const struct zset *z, struct bytes text)
{
    uint64_t len;

    if (z->indexed) {
        const struct table_slot *slot = table_find(&z->table, table_hash(text), text);

        return slot ? table_thing(slot) : NULL;
    }
    for (uint64_t at = 0; at < z->ranking.count; at += len) {
        void *const *run = ranking_run(&z->ranking, at, &len);

        for (uint64_t i = 0; i < len; i++) {
            if (bytes_eq(member_text(run[i]), text))
                return run[i];
        }
    }
    return NULL;
}

bool zset_score(const struct zset *z, struct bytes member, double *out)
{
    const struct member *m = find(z, member);

    if (m)
        *out = m->score;
    return m != NULL;
}

static void index_all(struct zset *z)
{
    uint64_t len;

    z->indexed = true;
    for (uint64_t at = 0; at < z->ranking.count; at += len) {
        void *const *run = ranking_run(&z->ranking, at, &len);

        for (uint64_t i = 0; i < len; i++)
            table_add(&z->table, table_hash(member_text(run[i])), run[i]);
    }
}

static void add(struct zset *z, struct bytes text, double score)
{
    struct member *m = member_new(text, score);

    ranking_insert(&z->ranking, rank_of(z, text, score), m);
    if (z->indexed)
        table_add(&z->table, table_hash(text), m);
    z->member_bytes += alloc_size(m);
}

/* Stays where it is if its neighbours allow it. */
static void move(struct zset *z, struct member *m, double score)
{
    uint64_t rank = rank_of(z, member_text(m), m->score);
    uint64_t to = rank_of(z, member_text(m), score);

    if (to == rank || to == rank + 1) {
        m->score = score;
        return;
    }
    ranking_remove(&z->ranking, rank);
    m->score = score;
    ranking_insert(&z->ranking, to > rank ? to - 1 : to, m);
}

/* Redis keeps 0 as an integer in a listpack, which loses the sign that -0 has elsewhere. */
static double kept(const struct zset *z, double score)
{
    return score == 0 && !z->indexed ? 0 : score;
}

bool zset_put(struct zset *z, struct bytes member, double score, const struct value_limits *limits)
{
    struct member *m = find(z, member);

    ASSERT(!isnan(score));
    if (m) {
        if (m->score != score)
            move(z, m, kept(z, score));
        return false;
    }
    if (!z->indexed && (zset_count(z) >= (uint64_t)limits->zset_max_listpack_entries ||
                        member.len > limits->zset_max_listpack_value_bytes))
        index_all(z);
    add(z, member, kept(z, score));
    return true;
}

void zset_remove_at(struct zset *z, uint64_t rank)
{
    struct member *m = ranking_at(&z->ranking, rank);

    ranking_remove(&z->ranking, rank);
    if (z->indexed) {
        struct bytes text = member_text(m);
        uint64_t hash = table_hash(text);

        table_remove(&z->table, hash, table_find(&z->table, hash, text));
    }
    z->member_bytes -= alloc_size(m);
    xfree(m);
}

bool zset_rank(const struct zset *z, struct bytes member, uint64_t *out)
{
    const struct member *m = find(z, member);

    if (m)
        *out = rank_of(z, member, m->score);
    return m != NULL;
}

bool zset_remove(struct zset *z, struct bytes member)
{
    uint64_t rank;

    if (!zset_rank(z, member, &rank))
        return false;
    zset_remove_at(z, rank);
    return true;
}

struct zset_item zset_at(const struct zset *z, uint64_t rank)
{
    return item_of(ranking_at(&z->ranking, rank));
}

static void each_up(const struct zset *z, uint64_t rank, uint64_t count, zset_each_fn *fn,
                    void *arg)
{
    while (count) {
        uint64_t len;
        void *const *run = ranking_run(&z->ranking, rank, &len);

        if (len == 0)
            return;
        len = len < count ? len : count;
        for (uint64_t i = 0; i < len; i++) {
            if (!fn(arg, item_of(run[i])))
                return;
        }
        rank += len;
        count -= len;
    }
}

static void each_down(const struct zset *z, uint64_t rank, uint64_t count, zset_each_fn *fn,
                      void *arg)
{
    while (count) {
        uint64_t len, some;
        void *const *run = ranking_run_back(&z->ranking, rank, &len);

        some = len < count ? len : count;
        for (uint64_t i = 0; i < some; i++) {
            if (!fn(arg, item_of(run[len - 1 - i])))
                return;
        }
        if (some > rank)
            return;
        rank -= some;
        count -= some;
    }
}

void zset_each(const struct zset *z, uint64_t rank, uint64_t count, bool down, zset_each_fn *fn,
               void *arg)
{
    if (rank >= zset_count(z))
        return;
    if (down)
        each_down(z, rank, count, fn, arg);
    else
        each_up(z, rank, count, fn, arg);
}

struct each {
    zset_each_fn *fn;
    void *arg;
};

static void each_member(void *arg, void *member)
{
    const struct each *e = arg;

    (void)e->fn(e->arg, item_of(member));
}

void zset_scan(const struct zset *z, uint64_t *cursor, zset_each_fn *fn, void *arg)
{
    struct each e = { fn, arg };

    if (z->indexed) {
        *cursor = table_scan(&z->table, *cursor, each_member, &e);
        return;
    }
    each_up(z, 0, zset_count(z), fn, arg);
    *cursor = 0;
}

/* ---- what the keyspace asks for ---- */

static void ops_free(void *apart)
{
    zset_free(apart);
}

static bool copy_item(void *arg, struct zset_item item)
{
    struct zset *copy = arg;
    struct member *m = member_new(item.member, item.score);

    ranking_insert(&copy->ranking, copy->ranking.count, m);
    copy->member_bytes += alloc_size(m);
    return true;
}

static void *ops_copy(const void *apart)
{
    const struct zset *z = apart;
    struct zset *copy = zset_new();

    each_up(z, 0, zset_count(z), copy_item, copy);
    if (z->indexed)
        index_all(copy);
    return copy;
}

static size_t ops_bytes(const void *apart)
{
    const struct zset *z = apart;

    return alloc_size(z) + z->ranking.bytes + z->table.bytes + z->member_bytes;
}

static size_t ops_length(const void *apart)
{
    return zset_count(apart);
}

static size_t ops_blocks(const void *apart)
{
    const struct zset *z = apart;

    return z->indexed ? z->ranking.count : 1;
}

static const char *ops_encoding(const void *apart)
{
    const struct zset *z = apart;

    return z->indexed ? "skiplist" : "listpack";
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
    const struct zset *z = apart;

    each_up(z, 0, zset_count(z), digest_item, digest);
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
    each_down(z, zset_count(z) - 1 - *cursor, zset_count(z), save_item, &save);
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

    each_down(z, zset_count(z) - 1 - *cursor, zset_count(z), rewrite_item, &r);
    rewrite_end(&r.rewrite);
    *cursor = r.cursor;
    return r.cursor == zset_count(z);
}

static bool load_one(struct zset *z, struct bytes member, double score,
                     const struct value_limits *limits)
{
    return !isnan(score) && zset_put(z, member, score, limits);
}

static bool load_listpack(struct zset *z, struct bytes data, const struct value_limits *limits)
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
    struct zset *z;
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

static bool load_ziplist(struct zset *z, struct bytes data, const struct value_limits *limits)
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
    bool loaded = rdb_type == RDB_ZSET_ZIPLIST    ? load_ziplist(z, part->text, limits)
                  : rdb_type == RDB_ZSET_LISTPACK ? load_listpack(z, part->text, limits)
                                                  : load_one(z, part->text, part->score, limits);

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

void zset_check(const struct zset *z)
{
    ranking_check(&z->ranking);
    table_check(&z->table);
    ASSERT(z->table.count == (z->indexed ? z->ranking.count : 0));
    for (uint64_t i = 1; i < z->ranking.count; i++) {
        const struct member *a = ranking_at(&z->ranking, i - 1), *b = ranking_at(&z->ranking, i);

        ASSERT(a->score < b->score ||
               (a->score == b->score && bytes_cmp(member_text(a), member_text(b)) < 0));
    }
}
