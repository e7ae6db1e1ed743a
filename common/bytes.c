#include "common/bytes.h"

#include <ctype.h>
#include <errno.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/alloc.h"

struct bytes bytes_of(const char *text)
{
    return (struct bytes){ text, text ? strlen(text) : 0 };
}

bool bytes_eq(struct bytes a, struct bytes b)
{
    return a.len == b.len && (a.len == 0 || memcmp(a.at, b.at, a.len) == 0);
}

bool bytes_is(struct bytes a, const char *text)
{
    return bytes_eq(a, bytes_of(text));
}

static unsigned char fold(char c)
{
    return (unsigned char)(c >= 'A' && c <= 'Z' ? c + ('a' - 'A') : c);
}

bool bytes_ieq(struct bytes a, struct bytes b)
{
    if (a.len != b.len)
        return false;
    for (size_t i = 0; i < a.len; i++)
        if (fold(a.at[i]) != fold(b.at[i]))
            return false;
    return true;
}

bool bytes_is_word(struct bytes a, const char *word)
{
    return bytes_ieq(a, bytes_of(word));
}

int bytes_cmp(struct bytes a, struct bytes b)
{
    size_t shorter = a.len < b.len ? a.len : b.len;
    int order = shorter ? memcmp(a.at, b.at, shorter) : 0;

    if (order)
        return order;
    return (a.len > b.len) - (a.len < b.len);
}

bool bytes_to_u64(struct bytes b, uint64_t *out)
{
    uint64_t v = 0;

    if (b.len == 0 || b.len > 20)
        return false;
    if (b.at[0] == '0') {
        if (b.len != 1)
            return false;
        *out = 0;
        return true;
    }
    for (size_t i = 0; i < b.len; i++) {
        unsigned digit = (unsigned)(unsigned char)b.at[i] - '0';

        if (digit > 9 || v > (UINT64_MAX - digit) / 10)
            return false;
        v = v * 10 + digit;
    }
    *out = v;
    return true;
}

bool bytes_to_i64(struct bytes b, int64_t *out)
{
    uint64_t magnitude;
    bool negative = b.len > 0 && b.at[0] == '-';

    if (!negative) {
        if (!bytes_to_u64(b, &magnitude) || magnitude > INT64_MAX)
            return false;
        *out = (int64_t)magnitude;
        return true;
    }
    if (!bytes_to_u64((struct bytes){ b.at + 1, b.len - 1 }, &magnitude) || magnitude == 0 ||
        magnitude > (uint64_t)INT64_MAX + 1)
        return false;
    *out = (int64_t)(0 - magnitude);
    return true;
}

/* All digits of the largest long double fit, as in Redis. */
enum { LONG_DOUBLE_TEXT_MAX = 5 * 1024 };

bool bytes_to_long_double(struct bytes b, long double *out)
{
    char text[LONG_DOUBLE_TEXT_MAX];
    char *end;
    long double v;

    if (b.len == 0 || b.len > DOUBLE_TEXT_MAX || isspace((unsigned char)b.at[0]))
        return false;
    memcpy(text, b.at, b.len);
    text[b.len] = '\0';
    errno = 0;
    v = strtold(text, &end);
    if (end != text + b.len || isnan(v) || (errno == ERANGE && (isinf(v) || v == 0)))
        return false;
    *out = v;
    return true;
}

bool bytes_to_double(struct bytes b, double *out)
{
    char text[DOUBLE_TEXT_MAX + 1];
    char *end;
    double v;

    if (b.len == 0 || b.len > DOUBLE_TEXT_MAX || isspace((unsigned char)b.at[0]))
        return false;
    memcpy(text, b.at, b.len);
    text[b.len] = '\0';
    errno = 0;
    v = strtod(text, &end);
    if (end != text + b.len || isnan(v) || (errno == ERANGE && (isinf(v) || v == 0)))
        return false;
    *out = v;
    return true;
}

size_t fmt_u64(char *out, uint64_t v)
{
    char digits[20];
    size_t n = 0;

    do {
        digits[n++] = (char)('0' + v % 10);
        v /= 10;
    } while (v);
    for (size_t i = 0; i < n; i++)
        out[i] = digits[n - 1 - i];
    return n;
}

size_t fmt_i64(char *out, int64_t v)
{
    if (v >= 0)
        return fmt_u64(out, (uint64_t)v);
    out[0] = '-';
    return 1 + fmt_u64(out + 1, 0 - (uint64_t)v);
}

size_t fmt_double(char *out, double v)
{
    int n;

    if (isinf(v)) {
        memcpy(out, v > 0 ? "inf" : "-inf", 4);
        return v > 0 ? 3 : 4;
    }
    if (isnan(v)) {
        memcpy(out, "nan", 3);
        return 3;
    }
    if (v == 0) {
        memcpy(out, signbit(v) ? "-0" : "0", 2);
        return signbit(v) ? 2 : 1;
    }
    if (v > -1e15 && v < 1e15 && v == (double)(int64_t)v)
        return fmt_i64(out, (int64_t)v);
    /* Seventeen digits always read back; fewer often do, and fifteen nearly always. */
    for (int digits = 15; digits <= 17; digits++) {
        n = snprintf(out, 40, "%.*g", digits, v);
        if (digits == 17 || strtod(out, NULL) == v)
            break;
    }
    return (size_t)n;
}

/* One bracket set at p (behind the '['); reports a match and where the set ends. */
static bool set_match(const char **p, const char *end, unsigned char c, bool nocase)
{
    const char *at = *p;
    bool negate = at < end && *at == '^';
    bool hit = false;

    if (negate)
        at++;
    for (;; at++) {
        if (at >= end) {
            at--; /* an unclosed set ends with the pattern */
            break;
        }
        if (*at == '\\' && end - at >= 2) {
            at++;
            if ((unsigned char)*at == c)
                hit = true;
        } else if (*at == ']') {
            break;
        } else if (end - at >= 3 && at[1] == '-') {
            unsigned char low = (unsigned char)at[0], high = (unsigned char)at[2];

            if (low > high) {
                unsigned char swap = low;

                low = high;
                high = swap;
            }
            if (nocase) {
                low = fold((char)low);
                high = fold((char)high);
            }
            at += 2;
            if (c >= low && c <= high)
                hit = true;
        } else if (nocase ? fold(*at) == c : (unsigned char)*at == c) {
            hit = true;
        }
    }
    *p = at;
    return hit != negate;
}

/*
 * The classic two-pointer walk: only the last star is ever retried, because an earlier one can
 * never do better once a later one was reached. So the cost is O(pattern * text), without recursion.
 */
bool glob_match(struct bytes pattern, struct bytes text, bool nocase)
{
    const char *p = pattern.at, *pend = p + pattern.len;
    const char *t = text.at, *tend = t + text.len;
    const char *star = NULL, *star_text = NULL;

    while (t < tend || p < pend) {
        if (p < pend && *p == '*') {
            star = ++p;
            star_text = t;
            continue;
        }
        if (p < pend && t < tend) {
            unsigned char c = nocase ? fold(*t) : (unsigned char)*t;
            const char *next = p;
            bool hit;

            if (*p == '?') {
                hit = true;
            } else if (*p == '[') {
                next = p + 1;
                hit = set_match(&next, pend, c, nocase);
            } else {
                if (*p == '\\' && pend - p >= 2)
                    next = p + 1;
                hit = (nocase ? fold(*next) : (unsigned char)*next) == c;
            }
            if (hit) {
                p = next + 1;
                t++;
                continue;
            }
        }
        if (!star || star_text >= tend)
            return false;
        p = star;
        t = ++star_text;
    }
    return true;
}

void buf_fini(struct buf *b)
{
    xfree(b->at);
    *b = (struct buf){ 0 };
}

char *buf_reserve(struct buf *b, size_t more)
{
    if (b->cap - b->len < more) {
        size_t cap = b->cap + b->cap / 2;

        if (cap < b->len + more)
            cap = b->len + more;
        if (cap < 64)
            cap = 64;
        b->at = xrealloc(b->at, cap);
        b->cap = cap;
    }
    return b->at + b->len;
}

void buf_append(struct buf *b, const void *data, size_t len)
{
    if (len == 0)
        return;
    memcpy(buf_reserve(b, len), data, len);
    b->len += len;
}

void buf_add(struct buf *b, struct bytes data)
{
    buf_append(b, data.at, data.len);
}

void buf_puts(struct buf *b, const char *text)
{
    buf_append(b, text, strlen(text));
}

void buf_putc(struct buf *b, char c)
{
    *buf_reserve(b, 1) = c;
    b->len++;
}

void buf_printf(struct buf *b, const char *format, ...)
{
    va_list args;
    int n;

    va_start(args, format);
    n = vsnprintf(NULL, 0, format, args);
    va_end(args);
    ASSERT(n >= 0);
    buf_reserve(b, (size_t)n + 1);
    va_start(args, format);
    vsnprintf(b->at + b->len, (size_t)n + 1, format, args);
    va_end(args);
    b->len += (size_t)n;
}

void buf_put_quoted(struct buf *b, struct bytes data)
{
    static const char named[] = "\n\r\t\a\b\"\\", letters[] = "nrtab\"\\";

    buf_putc(b, '"');
    for (size_t i = 0; i < data.len; i++) {
        unsigned char c = (unsigned char)data.at[i];
        const char *at = c ? strchr(named, c) : NULL;

        if (at) {
            buf_putc(b, '\\');
            buf_putc(b, letters[at - named]);
        } else if (c >= 0x20 && c < 0x7f) {
            buf_putc(b, (char)c);
        } else {
            buf_printf(b, "\\x%02x", c);
        }
    }
    buf_putc(b, '"');
}

void buf_drop(struct buf *b, size_t len)
{
    ASSERT(len <= b->len);
    if (len == 0)
        return;
    memmove(b->at, b->at + len, b->len - len);
    b->len -= len;
}

struct bytes buf_bytes(const struct buf *b)
{
    return (struct bytes){ b->at, b->len };
}

const char *buf_text(struct buf *b)
{
    *buf_reserve(b, 1) = '\0';
    return b->at;
}
