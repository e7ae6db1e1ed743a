#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/alloc.h"
#include "common/settings_impl.h"

/* One value of any kind but SET_LINES. Texts are borrowed. */
struct value {
    int64_t integer; /* SET_BOOL, SET_INT, SET_ENUM, SET_OCTAL, SET_BYTES_OR_PERCENT */
    uint64_t bytes;  /* SET_BYTES */
    struct bytes text;
};

static const struct {
    const char *suffix;
    uint64_t factor;
} units[] = {
    { "", 1 },           { "b", 1 },
    { "k", 1000 },       { "kb", 1024 },
    { "m", 1000000 },    { "mb", 1024 * 1024 },
    { "g", 1000000000 }, { "gb", 1024 * 1024 * 1024 },
};

bool parse_memory(struct bytes text, uint64_t *out)
{
    size_t digits = 0;
    uint64_t v = 0;

    while (digits < text.len && text.at[digits] >= '0' && text.at[digits] <= '9') {
        unsigned digit = (unsigned)(text.at[digits] - '0');

        if (v > (UINT64_MAX - digit) / 10)
            return false;
        v = v * 10 + digit;
        digits++;
    }
    if (digits == 0)
        return false;
    for (size_t i = 0; i < ARRAY_LEN(units); i++) {
        if (!bytes_is_word((struct bytes){ text.at + digits, text.len - digits }, units[i].suffix))
            continue;
        if (v > UINT64_MAX / units[i].factor)
            return false;
        *out = v * units[i].factor;
        return true;
    }
    return false;
}

void put_memory(struct buf *out, uint64_t bytes)
{
    static const struct {
        const char *suffix;
        uint64_t factor;
    } binary[] = { { "gb", 1 << 30 }, { "mb", 1 << 20 }, { "kb", 1 << 10 }, { "", 1 } };

    for (size_t i = 0; i < ARRAY_LEN(binary); i++)
        if ((bytes && bytes % binary[i].factor == 0) || binary[i].factor == 1) {
            buf_printf(out, "%llu%s", (unsigned long long)(bytes / binary[i].factor),
                       binary[i].suffix);
            return;
        }
}

void settings_put_word(struct buf *out, struct bytes word)
{
    bool plain = word.len > 0 && word.at[0] != '#';

    for (size_t i = 0; i < word.len && plain; i++)
        plain = word.at[i] > ' ' && word.at[i] < 0x7f && !strchr("\"'\\", word.at[i]);
    if (plain)
        buf_add(out, word);
    else
        buf_put_quoted(out, word);
}

/* ---- reading ----------------------------------------------------------------------------------- */

static enum err refuse(struct errmsg *why, enum err e, const char *sentence)
{
    errmsg_set(why, "%s", sentence);
    return e;
}

static bool parse_octal(struct bytes text, int64_t *out)
{
    int64_t v = 0;

    if (text.len == 0 || text.len > 12)
        return false;
    for (size_t i = 0; i < text.len; i++) {
        if (text.at[i] < '0' || text.at[i] > '7')
            return false;
        v = v * 8 + (text.at[i] - '0');
    }
    *out = v;
    return true;
}

static int64_t bound(const char *text, int64_t missing)
{
    int64_t v = missing;

    if (text)
        ASSERT(bytes_to_i64(bytes_of(text), &v));
    return v;
}

static uint64_t bound_bytes(const char *text, uint64_t missing)
{
    uint64_t v = missing;

    if (text)
        ASSERT(parse_memory(bytes_of(text), &v));
    return v;
}

static enum err read_bool(const struct setting *row, struct bytes text, struct value *out,
                          struct errmsg *why)
{
    if (!bytes_is_word(text, "yes") && !bytes_is_word(text, "no"))
        return refuse(why, ERR_SYNTAX, "argument must be 'yes' or 'no'");
    out->integer = bytes_is_word(text, "yes");
    return OK;
}

static enum err read_int(const struct setting *row, struct bytes text, struct value *out,
                         struct errmsg *why)
{
    int64_t min = bound(row->min, INT64_MIN), max = bound(row->max, INT64_MAX);
    int64_t v;

    if (!bytes_to_i64(text, &v))
        return refuse(why, ERR_SYNTAX, "argument couldn't be parsed into an integer");
    if (v < min || v > max) {
        errmsg_set(why, "argument must be between %lld and %lld inclusive", (long long)min,
                   (long long)max);
        return ERR_RANGE;
    }
    if (v < bound(row->clamp_min, INT64_MIN))
        v = bound(row->clamp_min, 0);
    if (v > bound(row->clamp_max, INT64_MAX))
        v = bound(row->clamp_max, 0);
    out->integer = v;
    return OK;
}

static enum err read_octal(const struct setting *row, struct bytes text, struct value *out,
                           struct errmsg *why)
{
    int64_t max = INT64_MAX;

    if (row->max)
        ASSERT(parse_octal(bytes_of(row->max), &max));
    if (!parse_octal(text, &out->integer))
        return refuse(why, ERR_SYNTAX, "argument couldn't be parsed as an octal number");
    if (out->integer > max) {
        errmsg_set(why, "argument must be between 0 and %llo inclusive", (unsigned long long)max);
        return ERR_RANGE;
    }
    return OK;
}

static enum err read_bytes(const struct setting *row, struct bytes text, struct value *out,
                           struct errmsg *why)
{
    uint64_t min = bound_bytes(row->min, 0), max = bound_bytes(row->max, UINT64_MAX);

    if (!parse_memory(text, &out->bytes))
        return refuse(why, ERR_SYNTAX, "argument must be a memory value");
    if (out->bytes < min || out->bytes > max) {
        errmsg_set(why, "argument must be between %llu and %llu inclusive", (unsigned long long)min,
                   (unsigned long long)max);
        return ERR_RANGE;
    }
    if (out->bytes < bound_bytes(row->clamp_min, 0))
        out->bytes = bound_bytes(row->clamp_min, 0);
    return OK;
}

static enum err read_bytes_or_percent(const struct setting *row, struct bytes text,
                                      struct value *out, struct errmsg *why)
{
    uint64_t v;

    if (text.len && text.at[text.len - 1] == '%') {
        if (!bytes_to_u64((struct bytes){ text.at, text.len - 1 }, &v))
            return refuse(why, ERR_SYNTAX, "argument must be a memory or percent value");
        if (v > 100)
            return refuse(why, ERR_RANGE, "percentage argument must be less or equal to 100");
        out->integer = -(int64_t)v;
        return OK;
    }
    if (!parse_memory(text, &v) || v > INT64_MAX)
        return refuse(why, ERR_SYNTAX, "argument must be a memory or percent value");
    out->integer = (int64_t)v;
    return OK;
}

static const struct setting_word *find_word(const struct setting *row, struct bytes text)
{
    for (const struct setting_word *w = row->words; w->word; w++)
        if (bytes_is_word(text, w->word))
            return w;
    return NULL;
}

static enum err unknown_word(const struct setting *row, struct errmsg *why)
{
    struct buf words = { 0 };

    for (const struct setting_word *w = row->words; w->word; w++)
        buf_printf(&words, "%s%s", words.len ? ", " : "", w->word);
    errmsg_set(why, "argument(s) must be one of the following: %s", buf_text(&words));
    buf_fini(&words);
    return ERR_SYNTAX;
}

static enum err read_enum(const struct setting *row, struct bytes text, struct value *out,
                          struct errmsg *why)
{
    const struct setting_word *w;
    size_t at = 0;

    out->integer = 0;
    if (!(row->flags & SETTING_BITS)) {
        w = find_word(row, text);
        if (!w)
            return unknown_word(row, why);
        out->integer = w->value;
        return OK;
    }
    do {
        const char *blank = text.len > at ? memchr(text.at + at, ' ', text.len - at) : NULL;
        size_t end = blank ? (size_t)(blank - text.at) : text.len;

        w = find_word(row, (struct bytes){ text.at + at, end - at });
        if (!w)
            return unknown_word(row, why);
        out->integer |= w->value;
        at = end + 1;
    } while (at <= text.len);
    return OK;
}

static enum err read_text(const struct setting *row, struct bytes text, struct value *out,
                          struct errmsg *why)
{
    if (text.len && memchr(text.at, '\0', text.len))
        return refuse(why, ERR_SYNTAX, "argument must not hold a zero byte");
    out->text = text;
    return OK;
}

static enum err read_password(const struct setting *row, struct bytes text, struct value *out,
                              struct errmsg *why)
{
    out->text = text;
    return OK;
}

typedef enum err reader(const struct setting *row, struct bytes text, struct value *out,
                        struct errmsg *why);

static reader *const readers[] = {
    [SET_BOOL] = read_bool,         [SET_INT] = read_int,
    [SET_BYTES] = read_bytes,       [SET_TEXT] = read_text,
    [SET_SECRET] = read_text,       [SET_BYTES_OR_PERCENT] = read_bytes_or_percent,
    [SET_ENUM] = read_enum,         [SET_OCTAL] = read_octal,
    [SET_PASSWORD] = read_password,
};

/* ---- the struct -------------------------------------------------------------------------------- */

static bool is_text(const struct setting *row)
{
    return row->kind == SET_TEXT || row->kind == SET_SECRET || row->kind == SET_PASSWORD;
}

static struct value load(const struct setting *row, const void *values)
{
    const char *at = (const char *)values + row->at;
    struct value v = { 0 };

    switch (row->kind) {
    case SET_BOOL:
        v.integer = *(const bool *)at;
        break;
    case SET_ENUM:
        v.integer = *(const int *)at;
        break;
    case SET_BYTES:
        v.bytes = *(const uint64_t *)at;
        break;
    case SET_TEXT:
    case SET_SECRET:
        v.text = bytes_of(*(char *const *)at);
        break;
    case SET_PASSWORD:
        v.text = *(const struct bytes *)at;
        break;
    default:
        v.integer = *(const int64_t *)at;
    }
    return v;
}

static void replace_text(char **old, struct bytes text)
{
    char *copy = xmemdup0(text.at, text.len);

    xfree(*old);
    *old = copy;
}

static void replace_bytes(struct bytes *old, struct bytes text)
{
    char *copy = xmemdup0(text.at, text.len);

    xfree((char *)(uintptr_t)old->at);
    *old = (struct bytes){ copy, text.len };
}

static void store(const struct setting *row, void *values, struct value v)
{
    char *at = (char *)values + row->at;

    switch (row->kind) {
    case SET_BOOL:
        *(bool *)at = v.integer != 0;
        break;
    case SET_ENUM:
        *(int *)at = (int)v.integer;
        break;
    case SET_BYTES:
        *(uint64_t *)at = v.bytes;
        break;
    case SET_TEXT:
    case SET_SECRET:
        replace_text((char **)at, v.text);
        break;
    case SET_PASSWORD:
        replace_bytes((struct bytes *)at, v.text);
        break;
    default:
        *(int64_t *)at = v.integer;
    }
}

static enum err read_value(const struct setting *row, struct bytes text, struct value *out,
                           struct errmsg *why)
{
    *out = (struct value){ 0 };
    return readers[row->kind](row, text, out, why);
}

static struct value default_of(const struct setting *row)
{
    struct value v;
    struct errmsg why;

    ASSERT(read_value(row, bytes_of(row->def ? row->def : ""), &v, &why) == OK);
    return v;
}

enum err value_store(const struct setting *row, void *values, struct bytes text,
                     struct errmsg *out_why)
{
    struct value v;
    enum err e = read_value(row, text, &v, out_why);

    if (e == OK && row->check)
        e = row->check(text, out_why);
    if (e == OK)
        store(row, values, v);
    return e;
}

void value_default(const struct setting *row, void *values)
{
    store(row, values, default_of(row));
}

bool value_is_default(const struct setting *row, const void *values)
{
    struct value now = load(row, values), def = default_of(row);

    return now.integer == def.integer && now.bytes == def.bytes && bytes_eq(now.text, def.text);
}

void value_fini(const struct setting *row, void *values)
{
    char *at = (char *)values + row->at;

    if (row->kind == SET_PASSWORD) {
        xfree((char *)(uintptr_t)((struct bytes *)at)->at);
        *(struct bytes *)at = (struct bytes){ 0 };
    } else if (is_text(row)) {
        xfree(*(char **)at);
        *(char **)at = NULL;
    }
}

/* ---- printing ---------------------------------------------------------------------------------- */

static void put_words(const struct setting *row, int64_t value, struct buf *out)
{
    size_t start = out->len;

    for (const struct setting_word *w = row->words; w->word; w++) {
        bool bits = (row->flags & SETTING_BITS) && w->value;

        if (bits ? (value & w->value) != w->value : value != w->value)
            continue;
        buf_printf(out, "%s%s", out->len > start ? " " : "", w->word);
        if (!bits)
            return;
    }
}

void value_put(const struct setting *row, const void *values, struct buf *out)
{
    struct value v = load(row, values);

    switch (row->kind) {
    case SET_BOOL:
        buf_puts(out, v.integer ? "yes" : "no");
        break;
    case SET_ENUM:
        put_words(row, v.integer, out);
        break;
    case SET_BYTES:
        buf_printf(out, "%llu", (unsigned long long)v.bytes);
        break;
    case SET_TEXT:
    case SET_SECRET:
    case SET_PASSWORD:
        buf_add(out, v.text);
        break;
    case SET_OCTAL:
        buf_printf(out, "%llo", (unsigned long long)v.integer);
        break;
    case SET_BYTES_OR_PERCENT:
        buf_printf(out, v.integer < 0 ? "%lld%%" : "%lld", llabs((long long)v.integer));
        break;
    default:
        buf_printf(out, "%lld", (long long)v.integer);
    }
}

void value_put_line(const struct setting *row, const void *values, struct buf *out)
{
    struct value v = load(row, values);

    /* A text without a default has no spelling for "unset": its line goes away. */
    if (is_text(row) && !row->def && v.text.len == 0)
        return;
    buf_printf(out, "%s ", row->name);
    if (is_text(row))
        buf_put_quoted(out, v.text);
    else if (row->kind == SET_BYTES)
        put_memory(out, v.bytes);
    else if (row->kind == SET_BYTES_OR_PERCENT && v.integer >= 0)
        put_memory(out, (uint64_t)v.integer);
    else
        value_put(row, values, out);
    buf_putc(out, '\n');
}
