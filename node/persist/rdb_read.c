#include "node/persist/rdb_read.h"

#include <endian.h>
#include <liblzf/lzf.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "common/alloc.h"
#include "node/keyspace/keyspace.h"
#include "node/persist/crc64.h"

/* One walk over the bytes at hand. Every take answers whether the bytes were there and sound. */
struct in {
    struct bytes data;
    size_t at;
    size_t wants;    /* not 0: this many bytes of data are needed */
    const char *bad; /* not NULL: what is wrong */
};

static bool skip_checksums; /* a node has one opinion of them */

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

/* ---- values ---- */

enum { PARTS_PER_SLICE = 16 };

static bool can_load(const struct keyspace *types, const struct rdb_type_row *row)
{
    const struct value_ops *ops;

    if (row->shape == RDB_SHAPE_UNKNOWN || row->value == VALUE_STRING)
        return row->value == VALUE_STRING;
    ops = types ? keyspace_type(types, row->value) : NULL;
    return ops && ops->load;
}

static bool take_text_score(struct in *in, double *out)
{
    char text[256];
    uint8_t len;

    if (!take_byte(in, &len))
        return false;
    if (len >= 253) {
        *out = len == 253 ? NAN : len == 254 ? INFINITY : -INFINITY;
        return true;
    }
    return take(in, text, len) &&
           (bytes_to_double((struct bytes){ text, len }, out) || bad(in, "a score is no number"));
}

static bool take_score(struct in *in, double *out)
{
    uint64_t wire;

    if (!take(in, &wire, sizeof wire))
        return false;
    wire = le64toh(wire);
    memcpy(out, &wire, sizeof *out);
    return true;
}

static bool take_moment(struct in *in, int64_t *out)
{
    uint64_t wire;

    if (!take(in, &wire, sizeof wire))
        return false;
    *out = (int64_t)le64toh(wire);
    return true;
}

/* 0: none. */
static bool take_expiry(struct in *in, const struct rdb_type_row *row, int64_t base_ms,
                        int64_t *out)
{
    uint64_t said;

    if (!take_plain_len(in, &said))
        return false;
    *out = NO_EXPIRY;
    if (said == 0)
        return true;
    said -= row->based;
    if (base_ms < 0 || said > INT64_MAX || __builtin_add_overflow((int64_t)said, base_ms, out))
        return bad(in, "a part of a value ends when nothing can");
    return true;
}

static bool take_part(struct in *in, const struct rdb_type_row *row, int64_t base_ms,
                      struct buf *scratch, struct value_part *out)
{
    out->expiry_ms = NO_EXPIRY;
    if (row->shape == RDB_SHAPE_NODES && !take_plain_len(in, &out->number))
        return false;
    if (row->shape == RDB_SHAPE_TIMED && !take_expiry(in, row, base_ms, &out->expiry_ms))
        return false;
    if (!take_string(in, &scratch[0], &out->text))
        return false;
    switch (row->shape) {
    case RDB_SHAPE_PAIRS:
    case RDB_SHAPE_TIMED:
        return take_string(in, &scratch[1], &out->second);
    case RDB_SHAPE_TIMED_BEHIND:
        if (!take_string(in, &scratch[1], &out->second) || !take_moment(in, &out->expiry_ms))
            return false;
        out->expiry_ms += out->expiry_ms == 0; /* nothing ends at 0 here */
        return true;
    case RDB_SHAPE_TEXT_SCORES:
        return take_text_score(in, &out->score);
    case RDB_SHAPE_SCORES:
        return take_score(in, &out->score);
    default:
        return true;
    }
}

/* A part of a stream, piece by piece. */
static bool take_pieces(struct in *in, const char *form, struct buf *scratch,
                        struct value_part *out)
{
    struct bytes *texts[] = { &out->text, &out->second };
    int text = 0, number = 0;
    bool there = true;

    for (; *form && there; form++) {
        if (*form == 't')
            there = take_string(in, &scratch[text], texts[text]);
        else if (*form == 'i')
            there = take_run(in, RDB_STREAM_ID_BYTES, texts[text]);
        else if (*form == 'n')
            there = take_plain_len(in, &out->numbers[number]);
        else
            there = take_moment(in, (int64_t *)&out->numbers[number]);
        if (*form == 't' || *form == 'i')
            text++;
        else
            number++;
    }
    return there;
}

/* What stands before the parts; a value without a number of parts is one. */
static bool take_plan(struct in *in, const struct rdb_type_row *row, struct rdb_plan *out)
{
    *out = (struct rdb_plan){ .left = 1 };
    if ((row->based && !take_moment(in, &out->base_ms)) ||
        (row->shape != RDB_SHAPE_STRING && !take_plain_len(in, &out->left)))
        return false;
    if (row->shape == RDB_SHAPE_STREAM) {
        rdb_stream_begin(&out->stream, out->left);
        out->left = 1; /* even one without entries has totals */
    }
    return true;
}

static bool load_part(const struct keyspace *types, const struct rdb_type_row *row,
                      const struct value_part *part, struct in *in, void **apart)
{
    return keyspace_type(types, row->value)->load(apart, row->type, part, keyspace_limits(types)) ||
           bad(in, row->shape == RDB_SHAPE_STREAM
                       ? rdb_stream_refusal(part->kind)
                       : "a value makes no sense, or a part of it is there twice");
}

/* Parts that consist of nothing come along with the one before them, so that every call takes some bytes. */
static bool load_stream_part(const struct keyspace *types, const struct rdb_type_row *row,
                             struct rdb_plan *plan, struct in *in, struct buf *scratch,
                             void **apart)
{
    do {
        struct value_part part = { .kind = (int)plan->stream.next };

        if (!take_pieces(in, rdb_stream_form(&plan->stream, row->type), scratch, &part) ||
            !load_part(types, row, &part, in, apart))
            return false;
        plan->left = rdb_stream_advance(&plan->stream, &part);
    } while (plan->left && !*rdb_stream_form(&plan->stream, row->type));
    return true;
}

/* The next part of a plan, which is not over. */
static bool load_next(const struct keyspace *types, const struct rdb_type_row *row,
                      struct rdb_plan *plan, struct in *in, struct buf *scratch, void **apart)
{
    struct value_part part = { 0 };

    if (row->shape == RDB_SHAPE_STREAM)
        return load_stream_part(types, row, plan, in, scratch, apart);
    if (!take_part(in, row, plan->base_ms, scratch, &part) ||
        !load_part(types, row, &part, in, apart))
        return false;
    plan->left--;
    return true;
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

    if (!take_byte(in, &counter))
        return false;
    r->frequency = counter;
    return true;
}

static bool op_idle(struct rdb_reader *r, struct in *in, struct rdb_item *out)
{
    uint64_t seconds;

    if (!take_plain_len(in, &seconds))
        return false;
    r->idle_seconds = seconds <= INT64_MAX ? (int64_t)seconds : -1;
    return true;
}

static bool op_slot_info(struct rdb_reader *r, struct in *in, struct rdb_item *out)
{
    uint64_t hint;

    return take_plain_len(in, &hint) && take_plain_len(in, &hint) && take_plain_len(in, &hint);
}

/* A module's auxiliary data names its own parts, so it can be stepped over, a part at a time. */
static bool op_module_aux(struct rdb_reader *r, struct in *in, struct rdb_item *out)
{
    uint64_t module;

    r->in_module_aux = take_plain_len(in, &module);
    return r->in_module_aux;
}

static bool skip_module_part(struct rdb_reader *r, struct in *in)
{
    uint64_t what, number;
    double wide;
    float narrow;
    struct bytes text;

    if (!take_plain_len(in, &what))
        return false;
    switch (what) {
    case 0:
        r->in_module_aux = false;
        return true;
    case 1:
    case 2:
        return take_plain_len(in, &number);
    case 3:
        return take(in, &narrow, sizeof narrow);
    case 4:
        return take(in, &wide, sizeof wide);
    case 5:
        return take_string(in, &r->scratch[0], &text);
    default:
        return bad(in, "a module's data has an unknown part");
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
    if (want && !r->skip_checksum && !skip_checksums && want != sum)
        return bad(in, "RDB CRC error: the checksum is wrong");
    return true;
}

static bool op_function(struct rdb_reader *r, struct in *in, struct rdb_item *out)
{
    out->kind = RDB_LIBRARY;
    return take_string(in, &r->scratch[1], &out->value);
}

static bool op_refuse_old_functions(struct rdb_reader *r, struct in *in, struct rdb_item *out)
{
    return bad(in, "the file holds functions in the form of a candidate of Redis 7.0");
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
    [RDB_OP_FUNCTION - RDB_OP_FIRST] = op_function,
    [RDB_OP_FUNCTION_OLD - RDB_OP_FIRST] = op_refuse_old_functions,
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

/* NULL: such values are not loaded, and the reader says so. */
static const struct rdb_type_row *row_of(struct rdb_reader *r, int type)
{
    const struct rdb_type_row *row = rdb_type_find(type, r->valkey);

    if (row && can_load(r->types, row))
        return row;
    if (row)
        errmsg_set(&r->why, "a key holds a type this node does not load: %s (type %d)", row->name,
                   type);
    else
        errmsg_set(&r->why, "a key holds the unknown type %d", type);
    return NULL;
}

static void forget_stated(struct rdb_reader *r)
{
    r->expire_wall_ms = r->idle_seconds = r->frequency = -1;
}

static bool finish_entry(struct rdb_reader *r, const struct rdb_type_row *row, struct rdb_item *out)
{
    out->kind = RDB_ENTRY;
    out->type = row->value;
    out->expire_wall_ms = r->expire_wall_ms;
    out->idle_seconds = r->idle_seconds;
    out->frequency = r->frequency;
    forget_stated(r);
    return true;
}

/* The key of a value of parts, and their number. */
static bool begin_value(struct rdb_reader *r, struct in *in, const struct rdb_type_row *row,
                        struct rdb_item *out)
{
    struct bytes key;

    if (!take_string(in, &r->scratch[0], &key))
        return false;
    if (!take_plan(in, row, &r->value.plan)) {
        r->value.row = in->bad ? row : NULL; /* whose fault is told */
        return false;
    }
    if (r->value.plan.left == 0) {
        forget_stated(r);
        out->kind = RDB_EMPTY;
        out->key = key;
        return true;
    }
    r->value.key.len = 0;
    buf_add(&r->value.key, key);
    r->value.row = row;
    return true;
}

static bool read_entry(struct rdb_reader *r, struct in *in, int type, struct rdb_item *out)
{
    const struct rdb_type_row *row = row_of(r, type);

    if (!row)
        return bad(in, "an entry of a type that is not loaded");
    if (row->value != VALUE_STRING)
        return begin_value(r, in, row, out);
    return take_string(in, &r->scratch[0], &out->key) &&
           take_string(in, &r->scratch[1], &out->value) && finish_entry(r, row, out);
}

/* As many parts as are there, up to a slice of them. */
static bool read_parts(struct rdb_reader *r, struct in *in)
{
    for (int i = 0; i < PARTS_PER_SLICE && r->value.plan.left; i++) {
        size_t before = in->at;

        if (load_next(r->types, r->value.row, &r->value.plan, in, r->scratch, &r->value.apart))
            continue;
        if (in->bad || i == 0)
            return false;
        in->at = before;
        in->wants = 0;
        return true;
    }
    return true;
}

static bool read_value(struct rdb_reader *r, struct in *in, struct rdb_item *out)
{
    const struct rdb_type_row *row = r->value.row;

    if (!read_parts(r, in))
        return false;
    if (r->value.plan.left)
        return true;
    r->value.row = NULL;
    out->key = buf_bytes(&r->value.key);
    out->apart = r->value.apart;
    r->value.apart = NULL;
    finish_entry(r, row, out);
    if (!out->apart)
        out->kind = RDB_EMPTY;
    return true;
}

static bool read_item(struct rdb_reader *r, struct in *in, struct rdb_item *out)
{
    uint8_t code;

    if (!r->version)
        return read_header(r, in);
    if (r->value.row)
        return read_value(r, in, out);
    if (r->in_module_aux)
        return skip_module_part(r, in);
    if (!take_byte(in, &code))
        return false;
    return code >= RDB_OP_FIRST ? ops[code - RDB_OP_FIRST](r, in, out)
                                : read_entry(r, in, code, out);
}

void rdb_reader_init(struct rdb_reader *r)
{
    *r = (struct rdb_reader){ 0 };
    forget_stated(r);
}

void rdb_reader_fini(struct rdb_reader *r)
{
    buf_fini(&r->scratch[0]);
    buf_fini(&r->scratch[1]);
    buf_fini(&r->value.key);
    if (r->value.apart)
        keyspace_type(r->types, r->value.row->value)->free(r->value.apart);
}

/* Which value, and what of it; in part the words of Redis. */
static void say_bad_value(struct errmsg *out_why, const struct rdb_type_row *row, const char *what,
                          uint64_t at)
{
    errmsg_set(out_why, "%s integrity check failed: %s, near byte %llu", row->name, what,
               (unsigned long long)at);
}

static enum rdb_status fail(struct rdb_reader *r, const struct in *in)
{
    uint64_t at = r->offset + in->at;

    r->bad = true;
    if (r->why.text[0])
        return RDB_BAD;
    if (r->value.row)
        say_bad_value(&r->why, r->value.row, in->bad, at);
    else
        errmsg_set(&r->why, "%s, near byte %llu", in->bad, (unsigned long long)at);
    return RDB_BAD;
}

enum rdb_status rdb_read(struct rdb_reader *r, struct bytes data, struct rdb_item *out,
                         size_t *out_consumed)
{
    struct in in = { .data = data };
    struct rdb_item item = {
        .kind = RDB_SKIPPED, .expire_wall_ms = -1, .idle_seconds = -1, .frequency = -1
    };

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

/* Behind the type byte, to the last byte. */
static bool take_value(const struct keyspace *types, const struct rdb_type_row *row, struct in *in,
                       struct buf *scratch, struct value *out)
{
    struct rdb_plan plan;

    if (row->value == VALUE_STRING)
        return take_string(in, scratch, &out->text) && in->at == in->data.len;
    if (!take_plan(in, row, &plan))
        return false;
    out->form = FORM_APART;
    out->apart = NULL;
    while (plan.left) {
        struct buf parts[2] = { { 0 }, { 0 } };
        bool loaded = load_next(types, row, &plan, in, parts, &out->apart);

        buf_fini(&parts[0]);
        buf_fini(&parts[1]);
        if (!loaded)
            return false;
    }
    return out->apart && in->at == in->data.len;
}

void rdb_skip_checksums(bool skip)
{
    skip_checksums = skip;
}

static bool footer_is_right(struct bytes payload, bool *out_valkey)
{
    const char *footer = payload.at + payload.len - RDB_DUMP_FOOTER;
    uint16_t version;
    uint64_t crc;

    memcpy(&version, footer, sizeof version);
    memcpy(&crc, footer + sizeof version, sizeof crc);
    crc = le64toh(crc);
    version = le16toh(version);
    *out_valkey = version >= RDB_VERSION_VALKEY_MIN && version <= RDB_VERSION_VALKEY_MAX;
    return (version <= RDB_VERSION_READ_MAX || *out_valkey) &&
           (!crc || skip_checksums || crc == crc64(0, payload.at, payload.len - sizeof crc));
}

enum err rdb_restore(const struct keyspace *types, struct bytes payload, struct buf *scratch,
                     struct value *out, struct errmsg *out_why)
{
    struct in in = { .data = payload };
    const struct rdb_type_row *row;
    struct value v = { .form = FORM_TEXT };
    uint8_t type;
    bool valkey;

    if (payload.len < RDB_DUMP_FOOTER + 1 || !footer_is_right(payload, &valkey))
        return ERR_CORRUPT;
    in.data.len -= RDB_DUMP_FOOTER;
    (void)take_byte(&in, &type); /* the length was looked at */
    row = rdb_type_find(type, valkey);
    if (!row || !can_load(types, row)) {
        errmsg_set(out_why, "there is no type %d here", type);
        return ERR_SYNTAX;
    }
    v.type = row->value;
    if (!take_value(types, row, &in, scratch, &v)) {
        if (v.form == FORM_APART && v.apart)
            keyspace_type(types, v.type)->free(v.apart);
        say_bad_value(out_why, row, in.bad ? in.bad : "it ends too early or too late", in.at);
        return ERR_SYNTAX;
    }
    *out = v;
    return OK;
}

static enum err refuse_functions(struct errmsg *out_why, const char *why)
{
    errmsg_set(out_why, "%s", why);
    return ERR_SYNTAX;
}

enum err rdb_read_functions(struct bytes payload, rdb_function_fn *take_text, void *arg,
                            struct errmsg *out_why)
{
    struct in in = { .data = payload };
    struct buf scratch = { 0 };
    enum err e = OK;
    bool valkey;

    if (payload.len < RDB_DUMP_FOOTER || !footer_is_right(payload, &valkey))
        return refuse_functions(out_why, "DUMP payload version or checksum are wrong");
    in.data.len -= RDB_DUMP_FOOTER;
    while (e == OK && in.at < in.data.len) {
        struct bytes text;
        uint8_t type = 0;

        (void)take_byte(&in, &type);
        if (type == RDB_OP_FUNCTION_OLD)
            e = refuse_functions(out_why, "Pre-GA function format not supported");
        else if (type != RDB_OP_FUNCTION)
            e = refuse_functions(out_why, "given type is not a function");
        else if (!take_string(&in, &scratch, &text))
            e = refuse_functions(out_why, "failed loading the given functions payload");
        else
            e = take_text(arg, text, out_why);
    }
    buf_fini(&scratch);
    return e;
}
