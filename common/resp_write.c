/* The writer of replies and of requests. */
#include "common/resp.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "common/alloc.h"

enum {
    HEADER_MAX = 1 + 20 + 2, /* type, digits of a uint64_t, CR LF */
    BULK_INLINE_MAX = 4096,  /* up to here header, data and CR LF are one reservation */
    DOUBLE_MAX = 40,
    FORMAT_FIRST = 512, /* a formatted text longer than this is formatted twice */
};

/* Lengths, counts and most integers have one or two digits. */
static inline char *put_number(char *at, uint64_t v)
{
    if (v < 10) {
        *at = (char)('0' + v);
        return at + 1;
    }
    if (v < 100) {
        at[0] = (char)('0' + v / 10);
        at[1] = (char)('0' + v % 10);
        return at + 2;
    }
    return at + fmt_u64(at, v);
}

static inline char *put_end(char *at)
{
    at[0] = '\r';
    at[1] = '\n';
    return at + 2;
}

static inline char *put_header(char *at, char type, uint64_t n)
{
    *at = type;
    return put_end(put_number(at + 1, n));
}

static void write_header(struct reply *r, char type, uint64_t n)
{
    char *start = out_reserve(r->out, HEADER_MAX);

    out_commit(r->out, (size_t)(put_header(start, type, n) - start));
}

static void write_line(struct reply *r, char type, struct bytes text)
{
    char *start = out_reserve(r->out, text.len + 3), *at = start;

    *at++ = type;
    memcpy(at, text.at, text.len);
    at = put_end(at + text.len);
    out_commit(r->out, (size_t)(at - start));
}

bool reply_is_over(const struct reply *r)
{
    return out_is_over(r->out);
}

void reply_simple(struct reply *r, const char *text)
{
    write_line(r, '+', bytes_of(text));
}

void reply_ok(struct reply *r)
{
    out_append(r->out, "+OK\r\n", 5);
}

static bool is_code_char(char c)
{
    return (c >= 'A' && c <= 'Z') || c == '_' || (c >= '0' && c <= '9');
}

/* Length of the error code that text begins with; 0 when its first word is none. */
static size_t error_code_len(struct bytes text)
{
    size_t len = 0;

    if (text.len == 0 || text.at[0] < 'A')
        return 0;
    while (len < text.len && is_code_char(text.at[len]))
        len++;
    return len == text.len || text.at[len] == ' ' ? len : 0;
}

static void write_error_line(struct reply *r, size_t prefix, struct bytes text)
{
    char *start = out_reserve(r->out, 1 + prefix + text.len + 2), *at = start;

    *at++ = '-';
    memcpy(at, "ERR ", prefix);
    at += prefix;
    for (size_t i = 0; i < text.len; i++)
        *at++ = text.at[i] == '\r' || text.at[i] == '\n' ? ' ' : text.at[i];
    out_commit(r->out, (size_t)(put_end(at) - start));
    r->errors++;
}

static bool is_line_end(char c)
{
    return c == '\r' || c == '\n';
}

/* In the middle they become blanks; at the ends they carry nothing. */
static struct bytes without_line_ends(struct bytes text)
{
    while (text.len && is_line_end(text.at[text.len - 1]))
        text.len--;
    while (text.len && is_line_end(text.at[0]))
        text = (struct bytes){ text.at + 1, text.len - 1 };
    return text;
}

static void write_error(struct reply *r, struct bytes text)
{
    size_t code;

    text = without_line_ends(text);
    code = error_code_len(text);
    write_error_line(r, code ? 0 : 4, text);
    if (code)
        snprintf(r->error_code, sizeof r->error_code, "%.*s", (int)code, text.at);
    else
        memcpy(r->error_code, "ERR", sizeof "ERR");
}

/* The first word, whatever it is, as INFO may show it: nothing in it can end a line, or stand for something else in one. */
static void take_code(struct reply *r, struct bytes text)
{
    size_t len = 0, max = text.len < sizeof r->error_code ? text.len : sizeof r->error_code - 1;

    while (len < max && text.at[len] != ' ' && !is_line_end(text.at[len]))
        len++;
    if (len == max) { /* no word that ends */
        memcpy(r->error_code, "ERR", sizeof "ERR");
        return;
    }
    for (size_t i = 0; i < len; i++) {
        char c = text.at[i];

        r->error_code[i] = c > ' ' && c < 0x7f && c != '#' && c != ':' ? c : '_';
    }
    r->error_code[len] = '\0';
}

void reply_error_as_is(struct reply *r, struct bytes text)
{
    write_error_line(r, 0, text);
    take_code(r, text);
}

void reply_error(struct reply *r, const char *text)
{
    write_error(r, bytes_of(text));
}

/* The text of a format, in first where it fits, or else in *out_large. */
static struct bytes format_text(char first[FORMAT_FIRST], char **out_large, const char *format,
                                va_list args)
{
    va_list again;
    int n;

    va_copy(again, args);
    n = vsnprintf(first, FORMAT_FIRST, format, args);
    ASSERT(n >= 0);
    *out_large = NULL;
    if (n >= FORMAT_FIRST) {
        *out_large = xmalloc((size_t)n + 1);
        vsnprintf(*out_large, (size_t)n + 1, format, again);
    }
    va_end(again);
    return (struct bytes){ *out_large ? *out_large : first, (size_t)n };
}

void reply_errorf(struct reply *r, const char *format, ...)
{
    char first[FORMAT_FIRST];
    AUTO_FREE char *large = NULL;
    va_list args;

    va_start(args, format);
    write_error(r, format_text(first, &large, format, args));
    va_end(args);
}

static void write_int(struct reply *r, char type, int64_t v)
{
    char *start = out_reserve(r->out, HEADER_MAX + 1), *at = start;

    *at++ = type;
    if (v < 0)
        *at++ = '-';
    at = put_end(put_number(at, v < 0 ? 0 - (uint64_t)v : (uint64_t)v));
    out_commit(r->out, (size_t)(at - start));
}

void reply_int(struct reply *r, int64_t v)
{
    write_int(r, ':', v);
}

/* A bulk, or what has its form: prefix stands before the data ("txt:"). */
static void write_blob(struct reply *r, char type, struct bytes prefix, struct bytes data)
{
    size_t len = prefix.len + data.len;
    char *start, *at;

    if (UNLIKELY(len > BULK_INLINE_MAX)) {
        write_header(r, type, len);
        out_append(r->out, prefix.at, prefix.len);
        out_append(r->out, data.at, data.len);
        out_append(r->out, "\r\n", 2);
        return;
    }
    start = out_reserve(r->out, HEADER_MAX + len + 2);
    at = put_header(start, type, len);
    if (prefix.len)
        memcpy(at, prefix.at, prefix.len);
    if (data.len)
        memcpy(at + prefix.len, data.at, data.len);
    out_commit(r->out, (size_t)(put_end(at + len) - start));
}

void reply_bulk(struct reply *r, struct bytes data)
{
    write_blob(r, '$', (struct bytes){ 0 }, data);
}

void reply_text(struct reply *r, const char *text)
{
    reply_bulk(r, bytes_of(text));
}

void reply_bulkf(struct reply *r, const char *format, ...)
{
    char first[FORMAT_FIRST];
    AUTO_FREE char *large = NULL;
    va_list args;

    va_start(args, format);
    reply_bulk(r, format_text(first, &large, format, args));
    va_end(args);
}

void reply_bulk_int(struct reply *r, int64_t v)
{
    char digits[24];

    reply_bulk(r, (struct bytes){ digits, fmt_i64(digits, v) });
}

void reply_null(struct reply *r)
{
    if (r->proto > 2)
        out_append(r->out, "_\r\n", 3);
    else
        out_append(r->out, "$-1\r\n", 5);
}

void reply_null_array(struct reply *r)
{
    if (r->proto > 2)
        out_append(r->out, "_\r\n", 3);
    else
        out_append(r->out, "*-1\r\n", 5);
}

void reply_array(struct reply *r, size_t count)
{
    write_header(r, '*', count);
}

void reply_map(struct reply *r, size_t pairs)
{
    if (r->proto > 2)
        write_header(r, '%', pairs);
    else
        write_header(r, '*', 2 * pairs);
}

void reply_set(struct reply *r, size_t count)
{
    write_header(r, r->proto > 2 ? '~' : '*', count);
}

void reply_push(struct reply *r, size_t count)
{
    write_header(r, r->proto > 2 ? '>' : '*', count);
}

void reply_attributes(struct reply *r, size_t pairs)
{
    ASSERT(r->proto > 2);
    write_header(r, '|', pairs);
}

void reply_double(struct reply *r, double v)
{
    char text[DOUBLE_MAX];
    struct bytes digits = { text, fmt_double(text, v) };

    if (r->proto > 2)
        write_line(r, ',', digits);
    else
        reply_bulk(r, digits);
}

void reply_bool(struct reply *r, bool v)
{
    if (r->proto > 2)
        out_append(r->out, v ? "#t\r\n" : "#f\r\n", 4);
    else
        out_append(r->out, v ? ":1\r\n" : ":0\r\n", 4);
}

void reply_verbatim(struct reply *r, const char *ext, struct bytes text)
{
    char prefix[4] = { ext[0], ext[1], ext[2], ':' };

    if (r->proto > 2)
        write_blob(r, '=', (struct bytes){ prefix, sizeof prefix }, text);
    else
        reply_bulk(r, text);
}

void reply_bignum(struct reply *r, struct bytes digits)
{
    if (r->proto > 2)
        write_line(r, '(', digits);
    else
        reply_bulk(r, digits);
}

void reply_raw(struct reply *r, const void *resp, size_t len)
{
    out_append(r->out, resp, len);
}

void resp_put_array(struct buf *b, size_t count)
{
    char *start = buf_reserve(b, HEADER_MAX);

    b->len += (size_t)(put_header(start, '*', count) - start);
}

void resp_put_bulk(struct buf *b, struct bytes data)
{
    char *start = buf_reserve(b, HEADER_MAX + data.len + 2);
    char *at = put_header(start, '$', data.len);

    if (data.len)
        memcpy(at, data.at, data.len);
    b->len += (size_t)(put_end(at + data.len) - start);
}

void resp_put_command(struct buf *b, int argc, const struct bytes *argv)
{
    resp_put_array(b, (size_t)argc);
    for (int i = 0; i < argc; i++)
        resp_put_bulk(b, argv[i]);
}

void resp_put_words(struct buf *b, int argc, ...)
{
    va_list words;

    va_start(words, argc);
    resp_put_array(b, (size_t)argc);
    for (int i = 0; i < argc; i++)
        resp_put_bulk(b, bytes_of(va_arg(words, const char *)));
    va_end(words);
}
