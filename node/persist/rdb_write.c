#include "node/persist/rdb_write.h"

#include <endian.h>
#include <liblzf/lzf.h>

#include "node/persist/crc64.h"

enum {
    LEN_14 = 0x40,
    LEN_32 = 0x80,
    LEN_64 = 0x81,
    SPECIAL_INT8 = 0xc0,
    SPECIAL_INT16 = 0xc1,
    SPECIAL_INT32 = 0xc2,
    SPECIAL_LZF = 0xc3,
    INT_TEXT_MAX = 11, /* "-2147483648" */
    LZF_GAIN_MIN = 4,  /* what compression must save to be worth reading back */
};

void rdb_put_len(struct buf *b, uint64_t len)
{
    if (len < 1u << 6) {
        buf_putc(b, (char)len);
    } else if (len < 1u << 14) {
        buf_putc(b, (char)(LEN_14 | (len >> 8)));
        buf_putc(b, (char)(len & 0xff));
    } else if (len <= UINT32_MAX) {
        uint32_t wire = htobe32((uint32_t)len);

        buf_putc(b, (char)LEN_32);
        buf_append(b, &wire, sizeof wire);
    } else {
        uint64_t wire = htobe64(len);

        buf_putc(b, (char)LEN_64);
        buf_append(b, &wire, sizeof wire);
    }
}

static bool put_integer(struct buf *b, struct bytes data)
{
    int64_t v;
    uint32_t wire;
    size_t size;

    if (data.len > INT_TEXT_MAX || !bytes_to_i64(data, &v) || v < INT32_MIN || v > INT32_MAX)
        return false;
    size = v >= INT8_MIN && v <= INT8_MAX ? 1 : v >= INT16_MIN && v <= INT16_MAX ? 2 : 4;
    wire = htole32((uint32_t)v);
    buf_putc(b, (char)(size == 1 ? SPECIAL_INT8 : size == 2 ? SPECIAL_INT16 : SPECIAL_INT32));
    buf_append(b, &wire, size);
    return true;
}

/* Compresses straight into the buffer, behind the longest header; then closes the gap. */
static bool put_compressed(struct buf *b, struct bytes data)
{
    char header[1 + 2 * RDB_LEN_MAX];
    struct buf head = { .at = header, .cap = sizeof header };
    size_t room = data.len - LZF_GAIN_MIN;
    char *at = buf_reserve(b, sizeof header + room);
    unsigned packed;

    packed = lzf_compress(data.at, (unsigned)data.len, at + sizeof header, (unsigned)room);
    if (!packed)
        return false;
    buf_putc(&head, (char)SPECIAL_LZF);
    rdb_put_len(&head, packed);
    rdb_put_len(&head, data.len);
    for (size_t i = 0; i < head.len; i++)
        at[i] = header[i];
    __builtin_memmove(at + head.len, at + sizeof header, packed);
    b->len += head.len + packed;
    return true;
}

void rdb_put_string(struct buf *b, struct bytes data, bool compress)
{
    if (put_integer(b, data))
        return;
    if (compress && data.len >= RDB_COMPRESS_MIN && data.len <= RDB_COMPRESS_MAX &&
        put_compressed(b, data))
        return;
    rdb_put_len(b, data.len);
    buf_add(b, data);
}

struct rdb_form rdb_form_of(const struct value_ops *ops, const void *apart, int version)
{
    if (version >= RDB_VERSION_VALKEY_MIN && ops->save_valkey &&
        ops->need(apart) == NEED_FIELD_EXPIRY)
        return (struct rdb_form){ RDB_TYPE_VALKEY_HASH, ops->save_valkey };
    return (struct rdb_form){ ops->rdb_type(apart), ops->save };
}

void rdb_write_init(struct rdb_writer *w, struct buf *out, bool compress, bool checksum)
{
    *w = (struct rdb_writer){
        .out = out, .summed = out->len, .compress = compress, .checksum = checksum
    };
}

void rdb_write_header(struct rdb_writer *w, int version)
{
    if (version < RDB_VERSION_VALKEY_MIN)
        buf_printf(w->out, "REDIS%04d", version);
    else
        buf_printf(w->out, "VALKEY%03d", version);
}

void rdb_write_aux(struct rdb_writer *w, const char *name, struct bytes value)
{
    buf_putc(w->out, (char)RDB_OP_AUX);
    rdb_put_string(w->out, bytes_of(name), false);
    rdb_put_string(w->out, value, false);
}

void rdb_write_aux_int(struct rdb_writer *w, const char *name, int64_t value)
{
    char digits[24];

    rdb_write_aux(w, name, (struct bytes){ digits, fmt_i64(digits, value) });
}

void rdb_write_select_again(struct rdb_writer *w, uint64_t db)
{
    buf_putc(w->out, (char)RDB_OP_SELECT);
    rdb_put_len(w->out, db);
}

void rdb_write_select(struct rdb_writer *w, uint64_t db, uint64_t keys, uint64_t keys_with_ttl)
{
    rdb_write_select_again(w, db);
    buf_putc(w->out, (char)RDB_OP_RESIZE);
    rdb_put_len(w->out, keys);
    rdb_put_len(w->out, keys_with_ttl);
}

void rdb_write_idle(struct rdb_writer *w, uint64_t seconds)
{
    buf_putc(w->out, (char)RDB_OP_IDLE);
    rdb_put_len(w->out, seconds);
}

void rdb_write_frequency(struct rdb_writer *w, int counter)
{
    buf_putc(w->out, (char)RDB_OP_FREQ);
    buf_putc(w->out, (char)counter);
}

void rdb_write_head(struct rdb_writer *w, int type, struct bytes key, int64_t expire_wall_ms)
{
    if (expire_wall_ms >= 0) {
        uint64_t wire = htole64((uint64_t)expire_wall_ms);

        buf_putc(w->out, (char)RDB_OP_EXPIRE_MS);
        buf_append(w->out, &wire, sizeof wire);
    }
    buf_putc(w->out, (char)type);
    rdb_put_string(w->out, key, w->compress);
}

void rdb_write_string_entry(struct rdb_writer *w, struct bytes key, struct bytes value,
                            int64_t expire_wall_ms)
{
    rdb_write_head(w, RDB_TYPE_STRING, key, expire_wall_ms);
    rdb_put_string(w->out, value, w->compress);
}

void rdb_write_string_head(struct rdb_writer *w, struct bytes key, size_t value_len,
                           int64_t expire_wall_ms)
{
    rdb_write_head(w, RDB_TYPE_STRING, key, expire_wall_ms);
    rdb_put_len(w->out, value_len);
}

void rdb_write_passed_on(struct rdb_writer *w, struct bytes data)
{
    ASSERT(w->out->len == w->summed);
    if (w->checksum)
        w->crc = crc64(w->crc, data.at, data.len);
}

void rdb_write_taken(struct rdb_writer *w)
{
    if (w->checksum)
        w->crc = crc64(w->crc, w->out->at + w->summed, w->out->len - w->summed);
    w->summed = 0;
}

void rdb_write_end(struct rdb_writer *w)
{
    uint64_t wire;

    buf_putc(w->out, (char)RDB_OP_END);
    if (w->checksum)
        w->crc = crc64(w->crc, w->out->at + w->summed, w->out->len - w->summed);
    wire = htole64(w->crc);
    buf_append(w->out, &wire, sizeof wire);
    w->summed = w->out->len;
}

/* Everything from an offset on is the payload. */
static void put_footer(struct buf *out, size_t from, uint32_t needs)
{
    uint16_t version = htole16((uint16_t)rdb_version_for(needs, false));
    uint64_t crc;

    buf_append(out, &version, sizeof version);
    crc = htole64(crc64(0, out->at + from, out->len - from));
    buf_append(out, &crc, sizeof crc);
}

void rdb_dump_string(struct buf *out, struct bytes value)
{
    size_t from = out->len;

    buf_putc(out, RDB_TYPE_STRING);
    rdb_put_string(out, value, true);
    put_footer(out, from, RDB_NEED(NEED_NOTHING));
}

void rdb_dump_apart(struct buf *out, const struct value_ops *ops, const void *apart)
{
    size_t from = out->len;
    uint64_t cursor = 0;

    buf_putc(out, (char)ops->rdb_type(apart));
    while (!ops->save(apart, &cursor, true, out))
        ;
    put_footer(out, from, RDB_NEED(ops->need ? ops->need(apart) : NEED_NOTHING));
}

void rdb_put_function(struct buf *b, struct bytes text, bool compress)
{
    buf_putc(b, (char)RDB_OP_FUNCTION);
    rdb_put_string(b, text, compress);
}

void rdb_end_functions(struct buf *b)
{
    put_footer(b, 0, RDB_NEED_FUNCTIONS);
}
