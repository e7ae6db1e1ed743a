/*
 * log - one line, one event: a stable name, then facts, never a secret.
 *
 * The shape is Redis's own, because people's scripts grep it:
 *     12345:M 23 Nov 2026 14:34:37.123 * failover-abandoned leader=m1 epoch=7
 * (role letter: M leader, S follower, X sentinel, C starting up). log-format json gives one JSON
 * object a line with the same facts.
 *
 * Where a Redis tells the same event in words that people's scripts look for, they are a fact of it,
 * behind the others: redis="DB saved on disk" (REDIS_SAYS).
 *
 * (level signs: . debug, - verbose, * notice, # warning). A line is cut at LOG_LINE_BYTES,
 * and control characters in it become blanks.
 *
 * The json form of the line above; facts (name=value, name="va lue") become an object where the line
 * is an event, which is a name of lower-case letters, digits, '+' and '-' and then nothing but facts:
 *     {"time":"2026-11-23T14:34:37.123Z","pid":12345,"role":"M","level":"notice",
 *      "message":"failover-abandoned leader=m1 epoch=7",
 *      "event":"failover-abandoned","facts":{"leader":"m1","epoch":"7"}}
 *
 * Never blocks for long and never fails: a file that cannot be written is reported on stderr once.
 * Process-wide, because a process has one log: log_open, log_reopen and log_set_* belong to the loop
 * thread; log_line may be called from any thread, and a line is one write(2).
 */
#ifndef HF_COMMON_LOG_H
#define HF_COMMON_LOG_H

#include "common/err.h"

enum { LOG_LINE_BYTES = 1024 };

enum log_level {
    LOG_LEVEL_DEBUG,
    LOG_LEVEL_VERBOSE,
    LOG_LEVEL_NOTICE,
    LOG_LEVEL_WARNING,
    LOG_LEVEL_NOTHING
};

/* The texts are copied. */
struct log_settings {
    enum log_level level;
    const char *path; /* empty: stdout */
    bool json;
    bool syslog;
    const char *syslog_ident;
    const char *syslog_facility; /* "user", "local0" .. "local7" */
};

/* Opens the new destination first, so that a bad path leaves the old one working. */
enum err log_open(const struct log_settings *s, struct errmsg *out_why) MUST_CHECK;
void log_reopen(void); /* SIGHUP: after logrotate */
void log_set_role(char letter);
void log_set_level(enum log_level level);

/* Where lines go, for the crash report, which may not allocate; never -1. */
int log_fd(void);

bool log_wants(enum log_level level);
void log_line(enum log_level level, const char *format, ...) PRINTF_LIKE(2, 3);

/* Part of a format: an event's last fact. */
#define REDIS_SAYS(words) " redis=\"" words "\""

#define log_debug(...)                              \
    do {                                            \
        if (UNLIKELY(log_wants(LOG_LEVEL_DEBUG)))   \
            log_line(LOG_LEVEL_DEBUG, __VA_ARGS__); \
    } while (0)
#define log_verbose(...) log_line(LOG_LEVEL_VERBOSE, __VA_ARGS__)
#define log_notice(...)  log_line(LOG_LEVEL_NOTICE, __VA_ARGS__)
#define log_warning(...) log_line(LOG_LEVEL_WARNING, __VA_ARGS__)

#endif
