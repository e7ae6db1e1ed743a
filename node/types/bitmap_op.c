/*
 * bitmap_op - BITOP: strings combined bit by bit; the shorter are followed by zeros.
 */
#include <string.h>

#include "common/alloc.h"
#include "node/types/arguments.h"
#include "node/types/bitmap.h"

/* into[i] op= from[i]. Bytes of into that from does not reach meet zeros. Plain loops, for the compiler to
 * make vectors of. */
typedef void combine_fn(unsigned char *restrict into, size_t into_len,
                        const unsigned char *restrict from, size_t len);

static void combine_and(unsigned char *restrict into, size_t into_len,
                        const unsigned char *restrict from, size_t len)
{
    for (size_t i = 0; i < len; i++)
        into[i] &= from[i];
    memset(into + len, 0, into_len - len);
}

static void combine_or(unsigned char *restrict into, size_t into_len,
                       const unsigned char *restrict from, size_t len)
{
    (void)into_len;
    for (size_t i = 0; i < len; i++)
        into[i] |= from[i];
}

static void combine_xor(unsigned char *restrict into, size_t into_len,
                        const unsigned char *restrict from, size_t len)
{
    (void)into_len;
    for (size_t i = 0; i < len; i++)
        into[i] ^= from[i];
}

/* The first string is combined with zeros. */
static void combine_not(unsigned char *restrict into, size_t into_len,
                        const unsigned char *restrict from, size_t len)
{
    (void)into_len;
    for (size_t i = 0; i < len; i++)
        into[i] = (unsigned char)~from[i];
}

static const struct operation {
    const char *word;
    combine_fn *combine;
    bool copies_first; /* it begins with the first string, else with zeros */
} operations[] = {
    { "and", combine_and, true },
    { "or", combine_or, true },
    { "xor", combine_xor, true },
    { "not", combine_not, false },
};

static const struct operation *want_operation(struct call *c)
{
    for (size_t i = 0; i < ARRAY_LEN(operations); i++) {
        if (!bytes_is_word(c->argv[1], operations[i].word))
            continue;
        if (operations[i].combine != combine_not || c->argc == 4)
            return &operations[i];
        refuse(c, "ERR BITOP NOT must be called with a single source key.");
        return NULL;
    }
    refuse_syntax(c);
    return NULL;
}

enum { SOURCES = 3 }; /* the first source's argument */

/* The longest source's length. False: one is no string. */
static bool want_sources(struct call *c, size_t *out_len)
{
    size_t longest = 0;

    for (int i = SOURCES; i < c->argc; i++) {
        const struct entry *e = call_read(c, i, 0);

        if (!want_type(c, e, VALUE_STRING))
            return false;
        if (e && entry_text_len(e) > longest)
            longest = entry_text_len(e);
    }
    *out_len = longest;
    return true;
}

/* Nothing changes the keyspace between this and the look before, so that the sources are as long. */
static void combine_sources(struct call *c, const struct operation *op, struct blob *into)
{
    char scratch[ENTRY_INT_TEXT];

    for (int i = SOURCES; i < c->argc; i++) {
        const struct entry *e = call_read(c, i, DOOR_NO_STATS | DOOR_NO_TOUCH);
        struct bytes text = e ? entry_text(e, scratch) : BYTES("");

        ASSERT(text.len <= into->len);
        if (i == SOURCES && op->copies_first)
            memcpy(into->data, text.at, text.len);
        else
            op->combine((unsigned char *)into->data, into->len, (const unsigned char *)text.at,
                        text.len);
    }
}

static void store(struct call *c, struct blob *text)
{
    struct value v = { .type = VALUE_STRING, .form = FORM_BLOB, .raw = true };

    v.blob = text;
    if (text->len <= ENTRY_TEXT_MAX) {
        v.form = FORM_TEXT;
        v.text = (struct bytes){ text->data, text->len };
    }
    keyspace_put(call_keyspace(c), c->db, c->argv[2], &v, NO_EXPIRY, call_door(c));
    string_event(c, "set", 2);
    if (v.form == FORM_TEXT)
        xfree(text);
}

/* Nothing came of nothing: what stood there goes. */
static void store_nothing(struct call *c)
{
    if (keyspace_delete(call_keyspace(c), c->db, c->argv[2], call_door(c)))
        generic_event(c, "del", 2);
    else
        call_no_effect(c);
}

void cmd_bitop(struct call *c)
{
    const struct operation *op = want_operation(c);
    struct blob *result;
    size_t len;

    if (!op || !want_sources(c, &len))
        return;
    if (len) {
        result = xcalloc(1, sizeof *result + len);
        result->len = result->cap = len;
        combine_sources(c, op, result);
        store(c, result);
    } else {
        store_nothing(c);
    }
    reply_int(c->reply, (int64_t)len);
}
