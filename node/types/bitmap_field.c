/*
 * bitmap_field - BITFIELD: signed and unsigned numbers of any width in a string.
 *
 * The arguments are read as a list of operations first, so that a mistake in the last one leaves the first
 * undone. A string is opened once, as long as its furthest write needs.
 */
#include "common/alloc.h"
#include "node/types/arguments.h"
#include "node/types/bitmap.h"
#include "node/types/bits.h"
#include "node/types/string.h"

enum overflow { OVERFLOW_WRAP, OVERFLOW_SAT, OVERFLOW_FAIL };
enum field_verb { FIELD_GET, FIELD_SET, FIELD_INCRBY };

struct field_op {
    enum field_verb verb;
    enum overflow overflow;
    bool is_signed;
    unsigned width;
    uint64_t at;
    int64_t number;
};

struct field_ops {
    struct field_op *ops;
    size_t count;
    bool writes;
    uint64_t len; /* bytes that the writes need */
};

/* ---- arguments ----------------------------------------------------------------------------- */

static const struct {
    const char *word;
    enum field_verb verb;
    int more; /* arguments behind the word */
} verbs[] = {
    { "get", FIELD_GET, 2 },
    { "set", FIELD_SET, 3 },
    { "incrby", FIELD_INCRBY, 3 },
};

static const char *const overflow_words[] = {
    [OVERFLOW_WRAP] = "wrap",
    [OVERFLOW_SAT] = "sat",
    [OVERFLOW_FAIL] = "fail",
};

static bool want_overflow(struct call *c, int arg, enum overflow *out)
{
    for (size_t i = 0; i < ARRAY_LEN(overflow_words); i++) {
        if (bytes_is_word(c->argv[arg], overflow_words[i])) {
            *out = (enum overflow)i;
            return true;
        }
    }
    refuse(c, "ERR Invalid OVERFLOW type specified");
    return false;
}

/* i1 to i64, u1 to u63. */
static bool want_field_type(struct call *c, int arg, struct field_op *op)
{
    struct bytes text = c->argv[arg];
    int64_t width;

    op->is_signed = text.len && text.at[0] == 'i';
    if (text.len && (op->is_signed || text.at[0] == 'u') &&
        bytes_to_i64((struct bytes){ text.at + 1, text.len - 1 }, &width) && width >= 1 &&
        width <= (op->is_signed ? 64 : 63)) {
        op->width = (unsigned)width;
        return true;
    }
    refuse(c, "ERR Invalid bitfield type. Use something like i16 u8. "
              "Note that u64 is not supported but i64 is.");
    return false;
}

static bool want_verb(struct call *c, int arg, enum field_verb *out, int *out_more)
{
    for (size_t i = 0; i < ARRAY_LEN(verbs); i++) {
        if (bytes_is_word(c->argv[arg], verbs[i].word) && arg + verbs[i].more < c->argc) {
            *out = verbs[i].verb;
            *out_more = verbs[i].more;
            return true;
        }
    }
    refuse_syntax(c);
    return false;
}

static bool want_op(struct call *c, int arg, struct field_op *op, int *out_more)
{
    return want_verb(c, arg, &op->verb, out_more) && want_field_type(c, arg + 1, op) &&
           want_bit_offset(c, arg + 2, op->width, &op->at) &&
           (op->verb == FIELD_GET || want_i64(c, arg + 3, &op->number));
}

static void add_op(struct field_ops *list, const struct field_op *op)
{
    uint64_t end = (op->at + op->width - 1) / 8 + 1;

    list->ops[list->count++] = *op;
    if (op->verb == FIELD_GET)
        return;
    list->writes = true;
    if (end > list->len)
        list->len = end;
}

static bool want_ops(struct call *c, struct field_ops *list)
{
    enum overflow overflow = OVERFLOW_WRAP;

    list->ops = xmalloc((size_t)c->argc * sizeof *list->ops);
    for (int i = 2; i < c->argc; i++) {
        struct field_op op = { .overflow = overflow };
        int more;

        if (bytes_is_word(c->argv[i], "overflow") && i + 1 < c->argc) {
            if (!want_overflow(c, ++i, &overflow))
                return false;
            continue;
        }
        if (!want_op(c, i, &op, &more))
            return false;
        add_op(list, &op);
        i += more;
    }
    return true;
}

/* ---- numbers ------------------------------------------------------------------------------- */

/* Wide enough for every sum, so that no overflow is lost. */
__extension__ typedef __int128 wide;

static wide least(const struct field_op *op)
{
    return op->is_signed ? -((wide)1 << (op->width - 1)) : 0;
}

static wide most(const struct field_op *op)
{
    return ((wide)1 << (op->is_signed ? op->width - 1 : op->width)) - 1;
}

static wide read_field(struct bytes text, const struct field_op *op)
{
    wide number = bits_read(text, op->at, op->width);

    return number > most(op) ? number - ((wide)1 << op->width) : number;
}

/* What SET or INCRBY wants to be there. An unsigned field takes a negative number as its 64 bits. */
static wide wanted(const struct field_op *op, wide before)
{
    if (op->verb == FIELD_INCRBY)
        return before + op->number;
    return op->is_signed ? op->number : (wide)(uint64_t)op->number;
}

/* Which end a number beyond both is nearer to. Redis takes the low end for the high one where SET names a
 * number more than 63 bits below the high one, and followers of either product must come to the same. */
static wide nearest(const struct field_op *op, wide number, wide low, wide high)
{
    bool far = op->verb == FIELD_SET && high - number > INT64_MAX;

    return number < low && !far ? low : high;
}

/* The number as it fits. False: it does not, and the field stays as it is. */
static bool fit(const struct field_op *op, wide *number)
{
    wide low = least(op), high = most(op);

    if (*number >= low && *number <= high)
        return true;
    if (op->overflow == OVERFLOW_FAIL)
        return false;
    if (op->overflow == OVERFLOW_SAT) {
        *number = nearest(op, *number, low, high);
    } else {
        *number &= ((wide)1 << op->width) - 1;
        if (*number > high)
            *number -= (wide)1 << op->width;
    }
    return true;
}

/* ---- doing --------------------------------------------------------------------------------- */

/* Replies with what came of it. True: the text is another one now. */
static bool write_field(struct call *c, const struct field_op *op, struct string_edit *edit)
{
    wide before = read_field((struct bytes){ edit->at, edit->len }, op);
    wide after = wanted(op, before);

    if (!fit(op, &after)) {
        reply_null(c->reply);
        return false;
    }
    reply_int(c->reply, (int64_t)(op->verb == FIELD_SET ? before : after));
    bits_write(edit->at, edit->len, op->at, op->width, (uint64_t)after);
    return edit->grew || after != before;
}

static void read_all(struct call *c, const struct field_ops *list)
{
    const struct entry *e = call_read(c, 1, 0);
    char scratch[ENTRY_INT_TEXT];
    struct bytes text = { 0 };

    if (!want_type(c, e, VALUE_STRING))
        return;
    if (e)
        text = entry_text(e, scratch);
    reply_array(c->reply, list->count);
    for (size_t i = 0; i < list->count; i++)
        reply_int(c->reply, (int64_t)read_field(text, &list->ops[i]));
    call_no_effect(c);
}

static void write_all(struct call *c, const struct field_ops *list)
{
    struct entry *e = call_write(c, 1);
    struct string_edit edit;
    uint64_t changes = 0;

    if (!want_type(c, e, VALUE_STRING))
        return;
    string_edit_begin(c, e, list->len, &edit);
    reply_array(c->reply, list->count);
    for (size_t i = 0; i < list->count; i++) {
        const struct field_op *op = &list->ops[i];

        if (op->verb == FIELD_GET)
            reply_int(c->reply, (int64_t)read_field((struct bytes){ edit.at, edit.len }, op));
        else
            changes += write_field(c, op, &edit);
    }
    c->changes = changes;
    if (edit.grew || changes)
        string_edit_end(c, 1, &edit);
    else
        call_no_effect(c);
    if (changes)
        string_event(c, "setbit", 1);
}

static void bitfield(struct call *c, bool may_write)
{
    struct field_ops list = { 0 };

    if (!want_ops(c, &list))
        ;
    else if (!list.writes)
        read_all(c, &list);
    else if (may_write)
        write_all(c, &list);
    else
        refuse(c, "ERR BITFIELD_RO only supports the GET subcommand");
    xfree(list.ops);
}

void cmd_bitfield(struct call *c)
{
    bitfield(c, true);
}

void cmd_bitfield_ro(struct call *c)
{
    bitfield(c, false);
}
