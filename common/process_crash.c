#include <execinfo.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/log.h"
#include "common/process.h"

enum { FRAMES_MAX = 64, STACK_BYTES = 64 * 1024 };

static void (*more_to_tell)(int fd);
static char stack[STACK_BYTES]; /* a stack overflow leaves none of its own */

/* Only write(2) from here on: the heap may be what broke. */
static void put(int fd, const char *text)
{
    (void)!write(fd, text, strlen(text));
}

static void put_number(int fd, uint64_t v, unsigned base)
{
    char digits[24];
    size_t at = sizeof digits;

    digits[--at] = '\0';
    do {
        digits[--at] = "0123456789abcdef"[v % base];
        v /= base;
    } while (v);
    put(fd, digits + at);
}

static void report(int fd, int signum, const siginfo_t *info)
{
    void *frames[FRAMES_MAX];
    int count = backtrace(frames, FRAMES_MAX);

    put(fd, "\n\n=== HOLDFAST BUG REPORT START: Cut & paste starting from here "
            "===\nHoldfast " HF_VERSION " crashed by signal: ");
    put_number(fd, (uint64_t)signum, 10);
    put(fd, ", pid: ");
    put_number(fd, (uint64_t)getpid(), 10);
    if (signum == SIGSEGV || signum == SIGBUS) {
        put(fd, "\nAccessing address: 0x");
        put_number(fd, (uint64_t)(uintptr_t)info->si_addr, 16);
    }
    put(fd, "\n\n------ STACK TRACE ------\n");
    backtrace_symbols_fd(frames, count, fd);
    if (more_to_tell)
        more_to_tell(fd);
    put(fd, "\n=== HOLDFAST BUG REPORT END. ===\n");
}

static void crashed(int signum, siginfo_t *info, void *context)
{
    report(log_fd(), signum, info);
    if (log_fd() != STDERR_FILENO)
        report(STDERR_FILENO, signum, info);
    /* The handler was removed when it was entered: this dies, with a core where cores are wanted. */
    raise(signum);
}

static void assertion_failed(const char *fact, const char *file, int line)
{
    log_warning("=== ASSERTION FAILED === ==> %s:%d '%s' is not true", file, line, fact);
}

void process_report_crashes(void (*more)(int fd))
{
    static const int signals[] = { SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT };
    struct sigaction act = { .sa_sigaction = crashed,
                             .sa_flags = SA_SIGINFO | SA_ONSTACK | SA_RESETHAND | SA_NODEFER };
    stack_t alternate = { .ss_sp = stack, .ss_size = sizeof stack };
    void *first[1];

    more_to_tell = more;
    assert_hook = assertion_failed;
    backtrace(first, 1); /* loads the unwinder now, while allocating is still allowed */
#ifdef __SANITIZE_ADDRESS__
    return; /* the sanitizer's own report says more */
#endif
    sigaltstack(&alternate, NULL);
    sigemptyset(&act.sa_mask);
    for (size_t i = 0; i < ARRAY_LEN(signals); i++)
        sigaction(signals[i], &act, NULL);
}
