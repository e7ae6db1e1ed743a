/*
 * bytes - a borrowed run of bytes, and buf, the growable one that owns them.
 *
 * struct bytes is (pointer, length), passed by value; it never owns and may hold any byte, NUL
 * included. struct buf owns and grows; zeroed it is empty. Numbers are read strictly, as Redis
 * reads them: no blanks, no plus, no leading zero, the whole run or nothing.
 */
#ifndef HF_COMMON_BYTES_H
#define HF_COMMON_BYTES_H

#include "common/err.h"

struct bytes {
    const char *at;
    size_t len;
};

#define BYTES(literal) ((struct bytes){ (literal), sizeof(literal) - 1 })

struct bytes bytes_of(const char *text); /* up to the NUL; NULL gives the empty run */
bool bytes_eq(struct bytes a, struct bytes b);
bool bytes_is(struct bytes a, const char *text);
/* ASCII case folded, as commands and options are compared. */
bool bytes_ieq(struct bytes a, struct bytes b);
bool bytes_is_word(struct bytes a, const char *word);
/* memcmp order, the shorter first on a tie. */
int bytes_cmp(struct bytes a, struct bytes b);

/* Strict decimal: [-]digits, no leading zero, no plus, within the type. */
bool bytes_to_i64(struct bytes b, int64_t *out);
bool bytes_to_u64(struct bytes b, uint64_t *out);
enum { DOUBLE_TEXT_MAX = 4096 }; /* the largest double takes 309 digits, and some write them all */
/* What strtold makes of the whole run; refuses blanks in front, empty, NaN, and what is too large or
 * too small to be told from infinity or zero, or longer than DOUBLE_TEXT_MAX. The word inf is accepted. */
bool bytes_to_double(struct bytes b, double *out);
bool bytes_to_long_double(struct bytes b, long double *out);

/* Decimal of v into out (at least 24 bytes), not terminated; the length. */
size_t fmt_i64(char *out, int64_t v);
size_t fmt_u64(char *out, uint64_t v);
/* The shortest text that reads back as v, as Redis prints doubles in RESP3 ("1", "0.1", "inf",
 * "1e+21"); out holds at least 40 bytes. */
size_t fmt_double(char *out, double v);

/* Redis glob: * ? [a-c] [^x] and backslash; nocase folds ASCII. Linear in practice and bounded:
 * runs of stars are one star. */
bool glob_match(struct bytes pattern, struct bytes text, bool nocase);

struct buf {
    char *at;
    size_t len, cap;
};

void buf_fini(struct buf *b); /* frees and zeroes */
/* Room for more bytes behind len; returns where they go. Grows by half again, so appends are O(1). */
char *buf_reserve(struct buf *b, size_t more);
void buf_append(struct buf *b, const void *data, size_t len);
void buf_add(struct buf *b, struct bytes data);
void buf_puts(struct buf *b, const char *text);
void buf_putc(struct buf *b, char c);
void buf_printf(struct buf *b, const char *format, ...) PRINTF_LIKE(2, 3);
/* Appends in double quotes with \n \r \t \a \b \" \\ and \xHH, as redis-cli and redis.conf quote. */
void buf_put_quoted(struct buf *b, struct bytes data);
/* Drops len bytes in front; O(rest). */
void buf_drop(struct buf *b, size_t len);
struct bytes buf_bytes(const struct buf *b);
/* NUL-terminated view; the NUL is not counted in len. Valid until the next change. */
const char *buf_text(struct buf *b);

#endif
