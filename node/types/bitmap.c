/*
 * bitmap - single bits of strings, and ranges of them: SETBIT, GETBIT, BITCOUNT, BITPOS. What combines
 * strings is in bitmap_op.c, numbers of a few bits in bitmap_field.c, the rows in bitmap_rows.c.
 */
#include "node/types/bitmap.h"

#include "node/types/arguments.h"
#include "node/types/bits.h"
#include "node/types/string.h"

static bool refuse_offset(struct call *c)
{
    refuse(c, "ERR bit offset is not an integer or out of range");
    return false;
}

/* A leader whose proto-max-bulk-len is larger is obeyed, as far as 32 bits of offset went in older ones. */
static uint64_t offset_bytes_max(const struct call *c)
{
    const uint64_t from_leader = UINT64_C(4) << 30;
    uint64_t max = keyspace_text_max(call_keyspace(c));

    return c->from_leader && max < from_leader ? from_leader : max;
}

bool want_bit_offset(struct call *c, int arg, unsigned width, uint64_t *out)
{
    struct bytes text = c->argv[arg];
    bool counts = width && text.len && text.at[0] == '#';
    int64_t offset;

    if (counts)
        text = (struct bytes){ text.at + 1, text.len - 1 };
    if (!bytes_to_i64(text, &offset) || offset < 0)
        return refuse_offset(c);
    if (counts && __builtin_mul_overflow(offset, (int64_t)width, &offset))
        return refuse_offset(c);
    if ((uint64_t)offset / 8 >= offset_bytes_max(c))
        return refuse_offset(c);
    *out = (uint64_t)offset;
    return true;
}

void cmd_setbit(struct call *c)
{
    struct string_edit edit;
    struct entry *e;
    uint64_t at;
    int64_t value;
    bool before;

    if (!want_bit_offset(c, 2, 0, &at) ||
        !want_range(c, 3, 0, 1, "ERR bit is not an integer or out of range", &value))
        return;
    e = call_write(c, 1);
    if (!want_type(c, e, VALUE_STRING))
        return;
    string_edit_begin(c, e, at / 8 + 1, &edit);
    before = bits_get((struct bytes){ edit.at, edit.len }, at);
    reply_int(c->reply, before);
    if (!edit.grew && before == value) {
        call_no_effect(c);
        return;
    }
    bits_set(edit.at, at, value);
    string_edit_end(c, 1, &edit);
    string_event(c, "setbit", 1);
}

void cmd_getbit(struct call *c)
{
    char scratch[ENTRY_INT_TEXT];
    const struct entry *e;
    uint64_t at;

    if (!want_bit_offset(c, 2, 0, &at))
        return;
    e = call_read(c, 1, 0);
    if (want_type(c, e, VALUE_STRING))
        reply_int(c->reply, e && bits_get(entry_text(e, scratch), at));
}

/* ---- ranges -------------------------------------------------------------------------------- */

static bool want_unit(struct call *c, int arg, bool *out_bits)
{
    *out_bits = bytes_is_word(c->argv[arg], "bit");
    if (*out_bits || bytes_is_word(c->argv[arg], "byte"))
        return true;
    refuse_syntax(c);
    return false;
}

/* Bits of a text of len bytes that lie between two places, counted in bits or bytes, from the end where
 * negative; both ends are meant. */
struct bit_range {
    uint64_t from, to;
};

static struct bit_range range_of(size_t len, int64_t start, int64_t end, bool in_bits)
{
    int64_t unit = in_bits ? 1 : 8;
    int64_t total = (int64_t)len * 8 / unit;

    if (start < 0)
        start = start + total < 0 ? 0 : start + total;
    if (end < 0)
        end = end + total < 0 ? 0 : end + total;
    if (end >= total)
        end = total - 1;
    if (start > end)
        return (struct bit_range){ 0, 0 };
    return (struct bit_range){ (uint64_t)(start * unit), (uint64_t)((end + 1) * unit) };
}

/* BITCOUNT's optional range. */
static bool want_range_to_count(struct call *c, size_t len, struct bit_range *out)
{
    int64_t start = 0, end = -1;
    bool in_bits = false;

    if (c->argc == 3 || c->argc > 5) {
        refuse_syntax(c);
        return false;
    }
    if (c->argc > 3 && (!want_i64(c, 2, &start) || !want_i64(c, 3, &end)))
        return false;
    if (start < 0 && end < 0 && start > end) { /* before both are clamped to the first byte */
        *out = (struct bit_range){ 0, 0 };
        return true;
    }
    if (c->argc == 5 && !want_unit(c, 4, &in_bits))
        return false;
    *out = range_of(len, start, end, in_bits);
    return true;
}

void cmd_bitcount(struct call *c)
{
    const struct entry *e = call_read(c, 1, 0);
    char scratch[ENTRY_INT_TEXT];
    struct bit_range range;
    struct bytes text;

    if (!want_type(c, e, VALUE_STRING))
        return;
    if (!e) { /* whatever the other arguments say */
        reply_int(c->reply, 0);
        return;
    }
    text = entry_text(e, scratch);
    if (want_range_to_count(c, text.len, &range))
        reply_int(c->reply, (int64_t)bits_count(text, range.from, range.to));
}

static bool want_range_to_search(struct call *c, size_t len, struct bit_range *out)
{
    int64_t start = 0, end = -1;
    bool in_bits = false;

    if (c->argc > 6) {
        refuse_syntax(c);
        return false;
    }
    if (c->argc > 3 && !want_i64(c, 3, &start))
        return false;
    if (c->argc > 5 && !want_unit(c, 5, &in_bits))
        return false;
    if (c->argc > 4 && !want_i64(c, 4, &end))
        return false;
    *out = range_of(len, start, end, in_bits);
    return true;
}

static bool want_bit(struct call *c, int arg, bool *out)
{
    int64_t bit;

    if (!want_i64(c, arg, &bit))
        return false;
    if (bit != 0 && bit != 1) {
        refuse(c, "ERR The bit argument must be 1 or 0.");
        return false;
    }
    *out = bit;
    return true;
}

/* Without an end in the arguments a string is followed by zeros for ever. */
static int64_t search(struct bytes text, struct bit_range range, bool bit, bool ends)
{
    uint64_t at;

    if (range.from >= range.to)
        return -1;
    at = bits_find(text, range.from, range.to, bit);
    return at == range.to && (bit || ends) ? -1 : (int64_t)at;
}

void cmd_bitpos(struct call *c)
{
    char scratch[ENTRY_INT_TEXT];
    const struct entry *e;
    struct bit_range range;
    struct bytes text;
    bool bit;

    if (!want_bit(c, 2, &bit))
        return;
    e = call_read(c, 1, 0);
    if (!want_type(c, e, VALUE_STRING))
        return;
    if (!e) { /* whatever the other arguments say */
        reply_int(c->reply, bit ? -1 : 0);
        return;
    }
    text = entry_text(e, scratch);
    if (want_range_to_search(c, text.len, &range))
        reply_int(c->reply, search(text, range, bit, c->argc > 4));
}
