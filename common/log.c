#include "common/log.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/time.h>
#include <syslog.h>
#include <time.h>
#include <unistd.h>

#include "common/alloc.h"
#include "common/bytes.h"

static struct {
    enum log_level level;
    char *path; /* NULL: stdout */
    int fd;
    char role;
    bool json;
    bool syslog;
    bool complained; /* a failed write was told on stderr already */
    char *ident;     /* openlog keeps the pointer */
} to = { .level = LOG_LEVEL_NOTICE, .fd = STDOUT_FILENO, .role = 'C' };

static const struct {
    char sign;
    const char *word;
    int priority;
} levels[] = {
    [LOG_LEVEL_DEBUG] = { '.', "debug", LOG_DEBUG },
    [LOG_LEVEL_VERBOSE] = { '-', "verbose", LOG_INFO },
    [LOG_LEVEL_NOTICE] = { '*', "notice", LOG_NOTICE },
    [LOG_LEVEL_WARNING] = { '#', "warning", LOG_WARNING },
};

static const struct {
    const char *word;
    int facility;
} facilities[] = {
    { "user", LOG_USER },     { "local0", LOG_LOCAL0 }, { "local1", LOG_LOCAL1 },
    { "local2", LOG_LOCAL2 }, { "local3", LOG_LOCAL3 }, { "local4", LOG_LOCAL4 },
    { "local5", LOG_LOCAL5 }, { "local6", LOG_LOCAL6 }, { "local7", LOG_LOCAL7 },
};

static int open_file(const char *path)
{
    return open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0644);
}

static void replace_file(int fd)
{
    if (to.fd != STDOUT_FILENO)
        close(to.fd);
    to.fd = fd;
    to.complained = false;
}

static bool facility_find(const char *word, int *out)
{
    for (size_t i = 0; i < ARRAY_LEN(facilities); i++)
        if (bytes_is_word(bytes_of(word), facilities[i].word)) {
            *out = facilities[i].facility;
            return true;
        }
    return false;
}

enum err log_open(const struct log_settings *s, struct errmsg *out_why)
{
    bool has_path = s->path && s->path[0];
    int fd = STDOUT_FILENO;
    int facility = LOG_LOCAL0;

    if (s->syslog && s->syslog_facility && !facility_find(s->syslog_facility, &facility)) {
        errmsg_set(out_why, "Invalid log facility. Must be one of USER or between LOCAL0-LOCAL7");
        return ERR_SYNTAX;
    }
    if (has_path && (fd = open_file(s->path)) < 0) {
        errmsg_set(out_why, "Can't open the log file '%s': %s", s->path, strerror(errno));
        return ERR_IO;
    }
    replace_file(fd);
    xfree(to.path);
    to.path = has_path ? xstrdup(s->path) : NULL;
    to.level = s->level;
    to.json = s->json;
    if (to.syslog)
        closelog();
    xfree(to.ident);
    to.ident = xstrdup(s->syslog_ident ? s->syslog_ident : "");
    to.syslog = s->syslog;
    if (to.syslog)
        openlog(to.ident, LOG_PID | LOG_NDELAY | LOG_NOWAIT, facility);
    return OK;
}

void log_reopen(void)
{
    int fd;

    if (!to.path)
        return;
    fd = open_file(to.path);
    if (fd < 0) {
        log_warning("log-reopen-failed path=%s error=\"%s\"", to.path, strerror(errno));
        return;
    }
    replace_file(fd);
}

void log_set_role(char letter)
{
    to.role = letter;
}

void log_set_level(enum log_level level)
{
    to.level = level;
}

int log_fd(void)
{
    return to.fd;
}

bool log_wants(enum log_level level)
{
    return level >= to.level && level < LOG_LEVEL_NOTHING;
}

static void put_plain(struct buf *line, enum log_level level, const struct timeval *now,
                      const char *message)
{
    struct tm tm;
    char stamp[64];

    localtime_r(&now->tv_sec, &tm);
    strftime(stamp, sizeof stamp, "%d %b %Y %H:%M:%S", &tm);
    buf_printf(line, "%d:%c %s.%03d %c %s\n", (int)getpid(), to.role, stamp,
               (int)(now->tv_usec / 1000), levels[level].sign, message);
}

/* Whatever a message quotes, it is one line: nobody may forge another. */
static void make_one_line(char *message)
{
    for (; *message; message++)
        if ((unsigned char)*message < ' ' || *message == 0x7f)
            *message = ' ';
}

static void put_json_text(struct buf *line, struct bytes text)
{
    buf_putc(line, '"');
    for (size_t i = 0; i < text.len; i++) {
        unsigned char c = (unsigned char)text.at[i];

        if (c == '"' || c == '\\')
            buf_printf(line, "\\%c", c);
        else if (c < 0x20 || c == 0x7f)
            buf_printf(line, "\\u%04x", c);
        else
            buf_putc(line, (char)c);
    }
    buf_putc(line, '"');
}

static size_t span_name(const char *at)
{
    return strspn(at, "abcdefghijklmnopqrstuvwxyz0123456789+-_");
}

/* One fact at *at: " name=value", value up to a blank or in double quotes. Moves *at behind it. */
static bool take_fact(const char **at, struct bytes *out_name, struct bytes *out_value)
{
    const char *p = *at;
    size_t len;

    if (*p != ' ')
        return false;
    p++;
    len = span_name(p);
    if (len == 0 || p[len] != '=')
        return false;
    *out_name = (struct bytes){ p, len };
    p += len + 1;
    if (*p == '"') {
        const char *end = strchr(++p, '"');

        if (!end || (end[1] && end[1] != ' '))
            return false;
        *out_value = (struct bytes){ p, (size_t)(end - p) };
        *at = end + 1;
        return true;
    }
    len = strcspn(p, " \"");
    if (p[len] == '"')
        return false;
    *out_value = (struct bytes){ p, len };
    *at = p + len;
    return true;
}

static void put_json_event(struct buf *line, const char *message)
{
    size_t len = span_name(message);
    const char *at = message + len;
    struct buf facts = { 0 };
    struct bytes name, value;

    while (take_fact(&at, &name, &value)) {
        buf_puts(&facts, facts.len ? "," : "");
        put_json_text(&facts, name);
        buf_putc(&facts, ':');
        put_json_text(&facts, value);
    }
    if (len && !*at) {
        buf_puts(line, ",\"event\":");
        put_json_text(line, (struct bytes){ message, len });
        buf_puts(line, ",\"facts\":{");
        buf_add(line, buf_bytes(&facts));
        buf_putc(line, '}');
    }
    buf_fini(&facts);
}

static void put_json(struct buf *line, enum log_level level, const struct timeval *now,
                     const char *message)
{
    struct tm tm;
    char stamp[64];

    gmtime_r(&now->tv_sec, &tm);
    strftime(stamp, sizeof stamp, "%Y-%m-%dT%H:%M:%S", &tm);
    buf_printf(line,
               "{\"time\":\"%s.%03dZ\",\"pid\":%d,\"role\":\"%c\",\"level\":\"%s\",\"message\":",
               stamp, (int)(now->tv_usec / 1000), (int)getpid(), to.role, levels[level].word);
    put_json_text(line, bytes_of(message));
    put_json_event(line, message);
    buf_puts(line, "}\n");
}

/* A short write to a file means a full disk: the rest would only tear the next line. */
static void write_line(const struct buf *line)
{
    if (write(to.fd, line->at, line->len) == (ssize_t)line->len || to.complained)
        return;
    to.complained = true;
    fprintf(stderr, "The log %s cannot be written: %s\n", to.path ? to.path : "(stdout)",
            strerror(errno));
}

void log_line(enum log_level level, const char *format, ...)
{
    char message[LOG_LINE_BYTES];
    struct buf line = { 0 };
    struct timeval now;
    va_list args;
    int saved_errno = errno;

    if (!log_wants(level))
        return;
    va_start(args, format);
    vsnprintf(message, sizeof message, format, args);
    va_end(args);
    gettimeofday(&now, NULL);
    if (to.json)
        put_json(&line, level, &now, message);
    make_one_line(message); /* JSON has escapes of its own */
    if (!to.json)
        put_plain(&line, level, &now, message);
    write_line(&line);
    if (to.syslog)
        syslog(levels[level].priority, "%s", message);
    buf_fini(&line);
    errno = saved_errno;
}
