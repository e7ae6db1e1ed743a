/*
 * log - one line, one event: a stable name, then facts, never a secret.
 *
 * The shape is Redis's own, because people's scripts grep it:
 *     12345:M 23 Nov 2026 14:34:37.123 * failover-abandoned leader=m1 epoch=7
 * (role letter: M leader, S follower, X sentinel, C starting up). log-format json gives one JSON
 * object a line with the same facts.
 *
 * Never blocks for long and never fails: a file that cannot be written is reported on stderr once.
 */
#ifndef HF_COMMON_LOG_H
#define HF_COMMON_LOG_H

#include "common/err.h"

enum log_level {
    LOG_LEVEL_DEBUG,
    LOG_LEVEL_VERBOSE,
    LOG_LEVEL_NOTICE,
    LOG_LEVEL_WARNING,
    LOG_LEVEL_NOTHING
};

struct log_settings {
    enum log_level level;
    const char *path; /* empty: stdout */
    bool json;
    bool syslog;
    const char *syslog_ident, *syslog_facility;
};

/* Opens the new destination first, so that a bad path leaves the old one working. */
enum err log_open(const struct log_settings *s, struct errmsg *out_why) MUST_CHECK;
void log_reopen(void); /* SIGHUP: after logrotate */
void log_set_role(char letter);
void log_set_level(enum log_level level);

bool log_wants(enum log_level level);
void log_line(enum log_level level, const char *format, ...) PRINTF_LIKE(2, 3);

#define log_debug(...)                              \
    do {                                            \
        if (UNLIKELY(log_wants(LOG_LEVEL_DEBUG)))   \
            log_line(LOG_LEVEL_DEBUG, __VA_ARGS__); \
    } while (0)
#define log_verbose(...) log_line(LOG_LEVEL_VERBOSE, __VA_ARGS__)
#define log_notice(...)  log_line(LOG_LEVEL_NOTICE, __VA_ARGS__)
#define log_warning(...) log_line(LOG_LEVEL_WARNING, __VA_ARGS__)

#endif
