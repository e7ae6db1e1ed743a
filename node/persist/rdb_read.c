#include "node/persist/rdb_read.h"

#include <endian.h>
#include <liblzf/lzf.h>
#include <stdio.h>
#include <string.h>

#include "common/alloc.h"
#include "node/persist/crc64.h"

/* One walk over the bytes at hand. Every take answers whether the bytes were there and sound. */
struct in {
    struct bytes data;
    size_t at;
    size_t wants;    /* not 0: this many bytes of data are needed */
    const char *bad; /* not NULL: what is wrong */
};

static bool need(struct in *in, uint64_t n)
{
    if (n <= in->data.len - in->at)
        return true;
    in->wants = in->at + n;
    return false;
}

static bool bad(struct in *in, const char *what)
{
    in->bad = what;
    return false;
}

static bool take(struct in *in, void *out, size_t n)
{
    if (!need(in, n))
        return false;
    memcpy(out, in->data.at + in->at, n);
    in->at += n;
    return true;
}

static bool take_byte(struct in *in, uint8_t *out)
{
    return take(in, out, 1);
}

/* A length, or (special) the low bits of a string's special form. */
static bool take_len(struct in *in, uint64_t *out, bool *out_special)
{
    uint8_t first, second;
    uint32_t be32;
    uint64_t be64;

    if (!take_byte(in, &first))
        return false;
    *out_special = false;
    switch (first >> 6) {
    case 0:
        *out = first & 0x3f;
        return true;
    case 1:
        if (!take_byte(in, &second))
            return false;
        *out = (uint64_t)(first & 0x3f) << 8 | second;
        return true;
    case 3:
        *out = first & 0x3f;
        *out_special = true;
        return true;
    default:
        break;
    }
    if (first == 0x80) {
        if (!take(in, &be32, sizeof be32))
            return false;
        *out = be32toh(be32);
        return true;
    }
    if (first == 0x81) {
        if (!take(in, &be64, sizeof be64))
            return false;
        *out = be64toh(be64);
        return true;
    }
    return bad(in, "a length begins with an unknown byte");
}

static bool take_plain_len(struct in *in, uint64_t *out)
{
    bool special;

    if (!take_len(in, out, &special))
        return false;
    return !special || bad(in, "a number stands where a length belongs");
}

static bool take_run(struct in *in, uint64_t len, struct bytes *out)
{
    if (len > RDB_STRING_BYTES_MAX)
        return bad(in, "a string is longer than allowed");
    if (!need(in, len))
        return false;
    *out = (struct bytes){ in->data.at + in->at, (size_t)len };
    in->at += (size_t)len;
    return true;
}

static bool take_integer(struct in *in, size_t size, struct buf *scratch, struct bytes *out)
{
    uint32_t wire = 0;
    int64_t v;

    if (!take(in, &wire, size))
        return false;
    wire = le32toh(wire);
    v = size == 1 ? (int8_t)wire : size == 2 ? (int16_t)wire : (int32_t)wire;
    scratch->len = 0;
    scratch->len = fmt_i64(buf_reserve(scratch, 24), v);
    *out = buf_bytes(scratch);
    return true;
}

static bool take_packed(struct in *in, struct buf *scratch, struct bytes *out)
{
    uint64_t packed_len, plain_len;
    struct bytes packed;

    if (!take_plain_len(in, &packed_len) || !take_plain_len(in, &plain_len))
        return false;
    if (plain_len > RDB_STRING_BYTES_MAX || packed_len > UINT32_MAX || plain_len > UINT32_MAX ||
        plain_len / RDB_LZF_RATIO_MAX > packed_len)
        return bad(in, "a compressed string says it is longer than it can be");
    if (!take_run(in, packed_len, &packed))
        return false;
    if (scratch->cap < plain_len) {
        char *room = try_realloc(scratch->at, (size_t)plain_len);

        if (!room)
            return bad(in, "a string does not fit into memory");
        scratch->at = room;
        scratch->cap = (size_t)plain_len;
    }
    if (plain_len && lzf_decompress(packed.at, (unsigned)packed.len, scratch->at,
                                    (unsigned)plain_len) != plain_len)
        return bad(in, "a compressed string does not unpack");
    scratch->len = (size_t)plain_len;
    *out = buf_bytes(scratch);
    return true;
}

static bool take_string(struct in *in, struct buf *scratch, struct bytes *out)
{
    uint64_t len;
    bool special;

    if (!take_len(in, &len, &special))
        return false;
    if (!special)
        return take_run(in, len, out);
    switch (len) {
    case 0:
        return take_integer(in, 1, scratch, out);
    case 1:
        return take_integer(in, 2, scratch, out);
    case 2:
        return take_integer(in, 4, scratch, out);
    case 3:
        return take_packed(in, scratch, out);
    default:
        return bad(in, "a string has an unknown encoding");
    }
}

static bool read_header(struct rdb_reader *r, struct in *in)
{
    char magic[RDB_MAGIC_LEN];
    size_t letters;
    int version = 0;
    bool known;

    if (!take(in, magic, sizeof magic))
        return false;
    if (!memcmp(magic, "REDIS", 5))
        letters = 5;
    else if (!memcmp(magic, "VALKEY", 6))
        letters = 6;
    else
        return bad(in, "this is no RDB: the magic is wrong");
    for (size_t i = letters; i < sizeof magic; i++) {
        if (magic[i] < '0' || magic[i] > '9')
            return bad(in, "the version is no number");
        version = version * 10 + (magic[i] - '0');
    }
    known = letters == 6 ? version >= RDB_VERSION_VALKEY_MIN && version <= RDB_VERSION_VALKEY_MAX
                         : version >= 1 && version <= RDB_VERSION_READ_MAX;
    if (!known)
        return bad(in, "the version is newer than this node reads");
    r->version = version;
    r->valkey = letters == 6;
    return true;
}

static bool op_aux(struct rdb_reader *r, struct in *in, struct rdb_item *out)
{
    out->kind = RDB_AUX;
    return take_string(in, &r->scratch[0], &out->name) &&
           take_string(in, &r->scratch[1], &out->value);
}

static bool op_select(struct rdb_reader *r, struct in *in, struct rdb_item *out)
{
    out->kind = RDB_SELECT;
    return take_plain_len(in, &out->db);
}

static bool op_resize(struct rdb_reader *r, struct in *in, struct rdb_item *out)
{
    out->kind = RDB_RESIZE;
    return take_plain_len(in, &out->keys) && take_plain_len(in, &out->keys_with_ttl);
}

static bool op_expire(struct rdb_reader *r, struct in *in, struct rdb_item *out)
{
    uint32_t seconds;

    if (!take(in, &seconds, sizeof seconds))
        return false;
    r->expire_wall_ms = (int64_t)le32toh(seconds) * 1000;
    return true;
}

static bool op_expire_ms(struct rdb_reader *r, struct in *in, struct rdb_item *out)
{
    uint64_t ms;

    if (!take(in, &ms, sizeof ms))
        return false;
    ms = le64toh(ms);
    if (ms > INT64_MAX)
        return bad(in, "an expiry lies before the epoch");
    r->expire_wall_ms = (int64_t)ms;
    return true;
}

static bool op_freq(struct rdb_reader *r, struct in *in, struct rdb_item *out)
{
    uint8_t counter;

    return take_byte(in, &counter);
}

static bool op_idle(struct rdb_reader *r, struct in *in, struct rdb_item *out)
{
    uint64_t seconds;

    return take_plain_len(in, &seconds);
}

static bool op_slot_info(struct rdb_reader *r, struct in *in, struct rdb_item *out)
{
    uint64_t hint;

    return take_plain_len(in, &hint) && take_plain_len(in, &hint) && take_plain_len(in, &hint);
}

/* A module's auxiliary data names its own items, so it can be stepped over. */
static bool op_module_aux(struct rdb_reader *r, struct in *in, struct rdb_item *out)
{
    uint64_t what, number;
    double wide;
    float narrow;
    struct bytes text;

    if (!take_plain_len(in, &number))
        return false;
    for (;;) {
        bool there;

        if (!take_plain_len(in, &what))
            return false;
        if (what == 0)
            return true;
        there = what == 1 || what == 2 ? take_plain_len(in, &number)
                : what == 3            ? take(in, &narrow, sizeof narrow)
                : what == 4            ? take(in, &wide, sizeof wide)
                : what == 5            ? take_string(in, &r->scratch[0], &text)
                                       : bad(in, "a module's data has an unknown part");
        if (!there)
            return false;
    }
}

static bool op_end(struct rdb_reader *r, struct in *in, struct rdb_item *out)
{
    uint64_t want, sum;

    out->kind = RDB_END;
    if (r->version < 5)
        return true;
    sum = crc64(r->crc, in->data.at, in->at);
    if (!take(in, &want, sizeof want))
        return false;
    want = le64toh(want);
    if (want && !r->skip_checksum && want != sum)
        return bad(in, "the checksum is wrong");
    return true;
}

static bool op_refuse_functions(struct rdb_reader *r, struct in *in, struct rdb_item *out)
{
    return bad(in, "the file holds functions, which this node does not run");
}

static bool op_refuse_slots(struct rdb_reader *r, struct in *in, struct rdb_item *out)
{
    return bad(in, "the file holds a slot import of a cluster");
}

static bool op_unknown(struct rdb_reader *r, struct in *in, struct rdb_item *out)
{
    return bad(in, "an unknown opcode");
}

typedef bool op_fn(struct rdb_reader *r, struct in *in, struct rdb_item *out);

static op_fn *const ops[256 - RDB_OP_FIRST] = {
    [0] = op_unknown,
    [RDB_OP_SLOT_IMPORT - RDB_OP_FIRST] = op_refuse_slots,
    [RDB_OP_SLOT_INFO - RDB_OP_FIRST] = op_slot_info,
    [RDB_OP_FUNCTION - RDB_OP_FIRST] = op_refuse_functions,
    [RDB_OP_FUNCTION_OLD - RDB_OP_FIRST] = op_refuse_functions,
    [RDB_OP_MODULE_AUX - RDB_OP_FIRST] = op_module_aux,
    [RDB_OP_IDLE - RDB_OP_FIRST] = op_idle,
    [RDB_OP_FREQ - RDB_OP_FIRST] = op_freq,
    [RDB_OP_AUX - RDB_OP_FIRST] = op_aux,
    [RDB_OP_RESIZE - RDB_OP_FIRST] = op_resize,
    [RDB_OP_EXPIRE_MS - RDB_OP_FIRST] = op_expire_ms,
    [RDB_OP_EXPIRE - RDB_OP_FIRST] = op_expire,
    [RDB_OP_SELECT - RDB_OP_FIRST] = op_select,
    [RDB_OP_END - RDB_OP_FIRST] = op_end,
};

static bool refuse_type(struct rdb_reader *r, int type)
{
    const struct rdb_type_row *row = rdb_type_find(type);

    if (row && row->loadable)
        return false;
    if (row)
        errmsg_set(&r->why, "a key holds a type this node does not load: %s (type %d)", row->name,
                   type);
    else
        errmsg_set(&r->why, "a key holds the unknown type %d", type);
    return true;
}

static bool read_entry(struct rdb_reader *r, struct in *in, int type, struct rdb_item *out)
{
    if (refuse_type(r, type))
        return bad(in, "an entry of a type that is not loaded");
    out->kind = RDB_ENTRY;
    out->type = type;
    out->expire_wall_ms = r->expire_wall_ms;
    if (!take_string(in, &r->scratch[0], &out->key) ||
        !take_string(in, &r->scratch[1], &out->value))
        return false;
    r->expire_wall_ms = -1;
    return true;
}

static bool read_item(struct rdb_reader *r, struct in *in, struct rdb_item *out)
{
    uint8_t code;

    if (!r->version)
        return read_header(r, in);
    if (!take_byte(in, &code))
        return false;
    return code >= RDB_OP_FIRST ? ops[code - RDB_OP_FIRST](r, in, out)
                                : read_entry(r, in, code, out);
}

void rdb_reader_init(struct rdb_reader *r)
{
    *r = (struct rdb_reader){ .expire_wall_ms = -1 };
}

void rdb_reader_fini(struct rdb_reader *r)
{
    buf_fini(&r->scratch[0]);
    buf_fini(&r->scratch[1]);
}

static enum rdb_status fail(struct rdb_reader *r, const struct in *in)
{
    r->bad = true;
    if (!r->why.text[0])
        errmsg_set(&r->why, "%s, near byte %llu", in->bad,
                   (unsigned long long)(r->offset + in->at));
    return RDB_BAD;
}

enum rdb_status rdb_read(struct rdb_reader *r, struct bytes data, struct rdb_item *out,
                         size_t *out_consumed)
{
    struct in in = { .data = data };
    struct rdb_item item = { .kind = RDB_SKIPPED, .expire_wall_ms = -1 };

    if (r->bad)
        return RDB_BAD;
    if (data.len < r->wants)
        return RDB_MORE;
    if (!read_item(r, &in, &item)) {
        if (in.bad)
            return fail(r, &in);
        ASSERT(in.wants > data.len);
        r->wants = in.wants;
        return RDB_MORE;
    }
    r->wants = 0;
    if (!r->skip_checksum)
        r->crc = crc64(r->crc, data.at, in.at);
    r->offset += in.at;
    *out = item;
    *out_consumed = in.at;
    return RDB_ITEM;
}

enum err rdb_restore_string(struct bytes payload, struct buf *scratch, struct bytes *out_value)
{
    struct in in = { .data = payload };
    const char *footer;
    uint16_t version;
    uint64_t crc;
    uint8_t type;

    if (payload.len < RDB_DUMP_FOOTER + 1)
        return ERR_CORRUPT;
    footer = payload.at + payload.len - RDB_DUMP_FOOTER;
    memcpy(&version, footer, sizeof version);
    memcpy(&crc, footer + sizeof version, sizeof crc);
    if (le16toh(version) > RDB_VERSION_READ_MAX)
        return ERR_CORRUPT;
    crc = le64toh(crc);
    if (crc && crc != crc64(0, payload.at, payload.len - sizeof crc))
        return ERR_CORRUPT;
    in.data.len -= RDB_DUMP_FOOTER;
    if (!take_byte(&in, &type) || type != RDB_TYPE_STRING ||
        !take_string(&in, scratch, out_value) || in.at != in.data.len)
        return ERR_SYNTAX;
    return OK;
}
