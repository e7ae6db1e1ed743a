/*
 * err - how failure is told: a code for programs, a sentence for people, a stop for our own mistakes.
 *
 *   - A function that can fail for two reasons returns enum err and is marked MUST_CHECK.
 *   - What a person must read is written into a struct errmsg where the facts are known.
 *   - ASSERT is for our own mistakes and stays on in release builds; what a peer, a file or an
 *     operator sends is data and is never asserted. ASSERT_SLOW is on under the sanitizers.
 */
#ifndef HF_COMMON_ERR_H
#define HF_COMMON_ERR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define MUST_CHECK        __attribute__((warn_unused_result))
#define PRINTF_LIKE(f, a) __attribute__((format(printf, f, a)))
#define LIKELY(x)         __builtin_expect(!!(x), 1)
#define UNLIKELY(x)       __builtin_expect(!!(x), 0)
/* Asks the processor for the line at p. GCC takes a function that does nothing else for one without effect and
 * drops the calls to it, unless something in it looks like an effect. */
#define FETCH(p)               \
    do {                       \
        __builtin_prefetch(p); \
        __asm__ volatile("");  \
    } while (0)
#define ARRAY_LEN(a)                    (sizeof(a) / sizeof((a)[0]))
#define CONTAINER_OF(ptr, type, member) ((type *)((char *)(ptr)-offsetof(type, member)))

enum err {
    OK = 0,
    ERR_AGAIN,       /* not now; the same call may succeed later */
    ERR_NOMEM,       /* a size that an outsider chose could not be allocated */
    ERR_SYNTAX,      /* malformed input */
    ERR_RANGE,       /* well formed, but outside what is allowed */
    ERR_LIMIT,       /* a named limit was reached */
    ERR_NOTFOUND,    /* no such thing */
    ERR_EXISTS,      /* there is one already */
    ERR_GONE,        /* it was there once */
    ERR_CORRUPT,     /* a checksum or an invariant of stored bytes does not hold */
    ERR_CLOSED,      /* the other end has left */
    ERR_REFUSED,     /* the other end, or a rule, said no */
    ERR_DENIED,      /* credentials or rights are missing */
    ERR_TIMEOUT,     /* a deadline passed */
    ERR_UNSUPPORTED, /* understood, and not offered */
    ERR_IO,          /* the operating system failed us; errno said why */
    ERR_COUNT
};

/* A lower-case word for a code, for logs: "corrupt". Never NULL. */
const char *err_word(enum err e);

/* One sentence for a person, without a full stop or a newline. Zeroed: empty. */
struct errmsg {
    char text[512];
};

/* Writes the sentence; cut at the buffer's end. why may be NULL: then nothing happens. */
void errmsg_set(struct errmsg *why, const char *format, ...) PRINTF_LIKE(2, 3);

/* Prints the fact, file and line to stderr and the crash hook, then aborts. */
_Noreturn void assert_failed(const char *fact, const char *file, int line);
/* Called once by assert_failed before abort, so that a daemon can flush its log. May be NULL. */
extern void (*assert_hook)(const char *fact, const char *file, int line);

#define ASSERT(fact)                                  \
    do {                                              \
        if (UNLIKELY(!(fact)))                        \
            assert_failed(#fact, __FILE__, __LINE__); \
    } while (0)

#ifdef HF_SLOW_ASSERTS
#define ASSERT_SLOW(fact) ASSERT(fact)
#else
#define ASSERT_SLOW(fact) ((void)0)
#endif

#endif
