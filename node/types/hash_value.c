/*
 * hash_value - what the keyspace asks of a hash: memory, digest, ends of fields, RDB in and out.
 */
#include <endian.h>

#include "common/resp.h"
#include "node/persist/rdb_write.h"
#include "node/types/digest.h"
#include "node/types/hash.h"
#include "node/types/old_packs.h"
#include "node/types/rewrite.h"

enum {
    RDB_HASH = 4,
    RDB_HASH_ZIPMAP = 9,
    RDB_HASH_ZIPLIST = 13,
    RDB_HASH_LISTPACK = 16,
    RDB_HASH_TIMED_OLD = 22,
    RDB_HASH_TIMED_LISTPACK_OLD = 23,
    RDB_HASH_TIMED = 24,
    RDB_HASH_TIMED_LISTPACK = 25,
    SAVE_BYTES = 16 * 1024, /* of one step */
};

static void ops_free(void *apart)
{
    hash_free(apart);
}

static void *ops_copy(const void *apart)
{
    return hash_copy(apart);
}

static size_t ops_bytes(const void *apart)
{
    return hash_bytes(apart);
}

static size_t ops_length(const void *apart)
{
    return hash_count(apart);
}

static size_t ops_blocks(const void *apart)
{
    return hash_is_packed(apart) ? 1 : hash_count(apart);
}

static const char *ops_encoding(const void *apart)
{
    return !hash_is_packed(apart) ? "hashtable" : hash_is_wide(apart) ? "listpackex" : "listpack";
}

static bool digest_field(void *arg, const struct hash_field *f)
{
    unsigned char one[DIGEST_LEN] = { 0 };

    digest_mix(one, f->name);
    digest_mix(one, f->value);
    if (f->expiry_ms != NO_EXPIRY)
        digest_xor(one, BYTES("!!hexpire!!"));
    digest_xor(arg, (struct bytes){ (const char *)one, sizeof one });
    return true;
}

static void ops_digest(const void *apart, unsigned char digest[DIGEST_LEN])
{
    hash_each(apart, HASH_EVER, digest_field, digest);
}

/* ---- fields that end ---- */

static struct part_clock *ops_clock(const void *apart)
{
    return hash_clock(apart);
}

static int64_t ops_next(const void *apart)
{
    return hash_next_expiry(apart);
}

static int ops_expire(void **apart, int64_t now_ms, parts_fn *fn, void *arg)
{
    struct hash *h = *apart;
    int gone = hash_expire(&h, now_ms, fn, arg);

    *apart = h;
    return gone;
}

static const struct part_ops field_ops = { .clock = ops_clock,
                                           .next = ops_next,
                                           .expire = ops_expire };

/* ---- RDB, out ---- */

static enum value_need ops_need(const void *apart)
{
    return hash_expiring(apart) ? NEED_FIELD_EXPIRY : NEED_NOTHING;
}

/* As plain strings, where that says everything: every version of every Redis reads them. */
static int ops_rdb_type(const void *apart)
{
    return hash_expiring(apart) ? RDB_HASH_TIMED : RDB_HASH;
}

struct save {
    struct buf *out;
    int64_t first_ms; /* expiries are told as distances from it, plus one */
    bool compress, timed, valkey;
};

/* Valkey tells the moment itself, behind the value; -1: never. */
static void save_moment(struct buf *out, int64_t ms)
{
    uint64_t wire = htole64((uint64_t)ms);

    buf_append(out, &wire, sizeof wire);
}

static bool save_field(void *arg, const struct hash_field *f)
{
    const struct save *save = arg;

    if (save->timed)
        rdb_put_len(save->out,
                    f->expiry_ms == NO_EXPIRY ? 0 : (uint64_t)(f->expiry_ms - save->first_ms) + 1);
    rdb_put_string(save->out, f->name, save->compress);
    rdb_put_string(save->out, f->value, save->compress);
    if (save->valkey)
        save_moment(save->out, f->expiry_ms);
    return true;
}

static bool save_some(const void *apart, uint64_t *cursor, struct save *save)
{
    size_t from = save->out->len;

    if (*cursor == 0 && save->timed)
        save_moment(save->out, save->first_ms);
    if (*cursor == 0)
        rdb_put_len(save->out, hash_count(apart));
    do {
        hash_scan(apart, HASH_EVER, cursor, save_field, save);
    } while (*cursor && save->out->len - from < SAVE_BYTES);
    return *cursor == 0;
}

static bool ops_save(const void *apart, uint64_t *cursor, bool compress, struct buf *out)
{
    struct save save = { out, hash_next_expiry(apart), compress, hash_expiring(apart), false };

    return save_some(apart, cursor, &save);
}

static bool ops_save_valkey(const void *apart, uint64_t *cursor, bool compress, struct buf *out)
{
    struct save save = { .out = out, .compress = compress, .valkey = true };

    return save_some(apart, cursor, &save);
}

/* ---- commands, out ---- */

struct rewrite_fields {
    struct rewrite rewrite;
    struct buf expiries; /* commands, behind those that set the fields */
};

static bool rewrite_field(void *arg, const struct hash_field *field)
{
    struct rewrite_fields *r = arg;
    char digits[24];

    rewrite_add(&r->rewrite, field->name, field->value);
    if (field->expiry_ms == NO_EXPIRY)
        return true;
    struct bytes argv[] = {
        BYTES("HPEXPIREAT"), r->rewrite.key, { digits, fmt_i64(digits, field->expiry_ms) },
        BYTES("FIELDS"),     BYTES("1"),     field->name
    };
    resp_put_command(&r->expiries, ARRAY_LEN(argv), argv);
    return true;
}

static bool ops_rewrite(const void *apart, struct bytes key, uint64_t *cursor, struct buf *out)
{
    struct rewrite_fields r = { .rewrite = {
                                    .out = out, .command = "HMSET", .key = key, .words_each = 2 } };
    size_t from = out->len;

    do {
        hash_scan(apart, HASH_EVER, cursor, rewrite_field, &r);
    } while (*cursor && out->len + r.expiries.len - from < REWRITE_BYTES);
    rewrite_end(&r.rewrite);
    buf_add(out, buf_bytes(&r.expiries));
    buf_fini(&r.expiries);
    return *cursor == 0;
}

/* ---- RDB, in ---- */

/* Elements in turn, as packs show them: name and value, or name, value and expiry. */
struct loading {
    struct hash **hash;
    const struct value_limits *limits;
    bool timed;
    int have; /* of them */
    struct buf name, value;
};

/* False: it is too long, or there already, or ends when nothing can. */
static bool load_field(struct loading *l, struct bytes name, struct bytes value, int64_t expiry_ms)
{
    char scratch[HASH_SCRATCH];
    struct hash_field there;

    return name.len <= HASH_TEXT_MAX && value.len <= HASH_TEXT_MAX &&
           (expiry_ms == NO_EXPIRY || (expiry_ms > 0 && expiry_ms < PART_NEVER)) &&
           !hash_find(*l->hash, name, HASH_EVER, scratch, &there) &&
           hash_set(l->hash, name, value, expiry_ms, l->limits);
}

static void keep(struct buf *b, struct bytes text)
{
    b->len = 0;
    buf_add(b, text);
}

static bool load_expiry(struct loading *l, struct bytes text)
{
    int64_t ms;

    return bytes_to_i64(text, &ms) && ms >= 0 &&
           load_field(l, buf_bytes(&l->name), buf_bytes(&l->value), ms ? ms : NO_EXPIRY);
}

static bool load_text(void *arg, struct bytes text)
{
    struct loading *l = arg;

    switch (l->have++) {
    case 0:
        keep(&l->name, text);
        return true;
    case 1:
        if (l->timed) {
            keep(&l->value, text);
            return true;
        }
        l->have = 0;
        return load_field(l, buf_bytes(&l->name), text, NO_EXPIRY);
    default:
        l->have = 0;
        return load_expiry(l, text);
    }
}

static bool load_listpack(struct loading *l, struct bytes blob)
{
    char scratch[LISTPACK_INT_TEXT];
    struct listpack *pack;
    bool sound = true;

    if (!listpack_valid(blob))
        return false;
    pack = listpack_of(blob);
    for (size_t at = listpack_first(pack); at && sound; at = listpack_next(pack, at))
        sound = load_text(l, listpack_get(pack, at, scratch));
    listpack_free(pack);
    return sound;
}

static bool load_part(struct loading *l, int rdb_type, const struct value_part *part)
{
    switch (rdb_type) {
    case RDB_HASH:
        return load_field(l, part->text, part->second, NO_EXPIRY);
    case RDB_HASH_TIMED:
    case RDB_HASH_TIMED_OLD:
        return load_field(l, part->text, part->second, part->expiry_ms);
    case RDB_HASH_ZIPMAP:
        return zipmap_each(part->text, load_text, l);
    case RDB_HASH_ZIPLIST:
        return ziplist_each(part->text, load_text, l);
    case RDB_HASH_TIMED_LISTPACK:
    case RDB_HASH_TIMED_LISTPACK_OLD:
        l->timed = true;
        return load_listpack(l, part->text);
    case RDB_HASH_LISTPACK:
        return load_listpack(l, part->text);
    default:
        return false;
    }
}

static bool ops_load(void **apart, int rdb_type, const struct value_part *part,
                     const struct value_limits *limits)
{
    struct hash *h = *apart ? *apart : hash_new();
    struct loading l = { .hash = &h, .limits = limits };
    bool sound = load_part(&l, rdb_type, part) && l.have == 0;

    buf_fini(&l.name);
    buf_fini(&l.value);
    if (hash_count(h) == 0) {
        hash_free(h);
        h = NULL;
    }
    *apart = h;
    return sound;
}

static void ops_fetch(const void *apart, struct value_hint *hint, int step)
{
    hash_fetch(apart, hint, step);
}

const struct value_ops hash_ops = { .free = ops_free,
                                    .copy = ops_copy,
                                    .bytes = ops_bytes,
                                    .length = ops_length,
                                    .blocks = ops_blocks,
                                    .encoding = ops_encoding,
                                    .digest = ops_digest,
                                    .need = ops_need,
                                    .rdb_type = ops_rdb_type,
                                    .save = ops_save,
                                    .rewrite = ops_rewrite,
                                    .save_valkey = ops_save_valkey,
                                    .load = ops_load,
                                    .fetch = ops_fetch,
                                    .parts = &field_ops };
