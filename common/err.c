#include "common/err.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

void (*assert_hook)(const char *fact, const char *file, int line);

const char *err_word(enum err e)
{
    static const char *const words[ERR_COUNT] = {
        [OK] = "ok",
        [ERR_AGAIN] = "again",
        [ERR_NOMEM] = "no-memory",
        [ERR_SYNTAX] = "syntax",
        [ERR_RANGE] = "range",
        [ERR_LIMIT] = "limit",
        [ERR_NOTFOUND] = "not-found",
        [ERR_EXISTS] = "exists",
        [ERR_GONE] = "gone",
        [ERR_CORRUPT] = "corrupt",
        [ERR_CLOSED] = "closed",
        [ERR_REFUSED] = "refused",
        [ERR_DENIED] = "denied",
        [ERR_TIMEOUT] = "timeout",
        [ERR_UNSUPPORTED] = "unsupported",
        [ERR_IO] = "io",
    };

    return (size_t)e < ARRAY_LEN(words) && words[e] ? words[e] : "unknown";
}

void errmsg_set(struct errmsg *why, const char *format, ...)
{
    va_list args;

    if (!why)
        return;
    va_start(args, format);
    vsnprintf(why->text, sizeof why->text, format, args);
    va_end(args);
}

void assert_failed(const char *fact, const char *file, int line)
{
    void (*hook)(const char *, const char *, int) = assert_hook;

    fprintf(stderr, "%s:%d: this should always hold: %s\n", file, line, fact);
    assert_hook = NULL; /* a hook that asserts must not come back here */
    if (hook)
        hook(fact, file, line);
    abort();
}
