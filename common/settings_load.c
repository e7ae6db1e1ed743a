#include <ctype.h>
#include <errno.h>
#include <glob.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "common/alloc.h"
#include "common/settings_impl.h"

/* How much of a line and of a path the refusal shows, so that its reason always fits behind them. */
enum { SHOWN_LINE = 120, SHOWN_PATH = 160 };

static const char UNBALANCED[] = "Unbalanced quotes in configuration line";

/* Where a line comes from, for the refusal. */
struct origin {
    const char *path; /* NULL: the command line */
    int line, depth;
};

static struct bytes trim(struct bytes line)
{
    while (line.len && strchr(" \t\r\n", line.at[0])) {
        line.at++;
        line.len--;
    }
    while (line.len && strchr(" \t\r\n", line.at[line.len - 1]))
        line.len--;
    return line;
}

static struct bytes first_word(struct bytes line)
{
    size_t len = 0;

    while (len < line.len && !isspace((unsigned char)line.at[len]))
        len++;
    return (struct bytes){ line.at, len };
}

bool settings_is_secret(const struct settings *s, struct bytes name)
{
    const struct entry *e = entry_find(s, name, NULL);

    return e && (e->row->kind == SET_SECRET || e->row->kind == SET_PASSWORD ||
                 (e->row->flags & SETTING_SECRET));
}

/* What of a line no secret stands in. */
static struct bytes without_secrets(const struct settings *s, struct bytes line)
{
    struct bytes name = first_word(line), second;
    const struct entry *e = entry_find(s, name, NULL);

    if (settings_is_secret(s, name))
        return name;
    if (!e || !e->row->secrets)
        return line;
    second = first_word(trim((struct bytes){ line.at + name.len, line.len - name.len }));
    for (const char *const *word = e->row->secrets; *word; word++) {
        size_t len = strlen(*word);
        bool quoted = second.len == len + 2 && strchr("\"'", second.at[0]); /* on a command line */

        if (bytes_is_word((struct bytes){ second.at + quoted, quoted ? len : second.len }, *word))
            return (struct bytes){ line.at, (size_t)(second.at + second.len - line.at) };
    }
    return line;
}

void settings_refusal(const struct settings *s, const struct settings_origin *at,
                      const char *reason, struct errmsg *out_why)
{
    struct bytes shown = without_secrets(s, at->text);
    bool secret = shown.len < at->text.len;
    bool cut = shown.len > SHOWN_LINE;
    char place[SHOWN_PATH + 64] = "Reading the command line";
    size_t path_len = at->path ? strlen(at->path) : 0;

    if (at->path)
        snprintf(place, sizeof place, "Reading the configuration file, at line %d of %s%s",
                 at->line, path_len > SHOWN_PATH ? "…" : "",
                 path_len > SHOWN_PATH ? at->path + path_len - SHOWN_PATH : at->path);
    errmsg_set(out_why,
               "\n*** FATAL CONFIG FILE ERROR (Holdfast " HF_VERSION
               ") ***\n%s\n>>> '%.*s%s'\n%.200s\n",
               place, cut ? SHOWN_LINE : (int)shown.len, shown.at,
               secret ? " ******" : (cut ? "…" : ""), reason);
}

struct settings_origin settings_now_loading(const struct settings *s)
{
    return s->loading;
}

static enum err load_text(struct settings *s, struct bytes text, struct origin *from,
                          struct errmsg *out_why);

static enum err load_file(struct settings *s, const char *path, int depth, struct errmsg *out_why)
{
    struct origin from = { .path = path, .depth = depth };
    struct buf text = { 0 };
    enum err e = file_read(path, SETTINGS_FILE_BYTES, &text, NULL);

    if (e == ERR_LIMIT)
        errmsg_set(out_why, "Fatal error, config file '%s' is longer than %d bytes", path,
                   SETTINGS_FILE_BYTES);
    else if (e != OK)
        errmsg_set(out_why, "Fatal error, can't open config file '%s': %s", path, strerror(errno));
    else
        e = load_text(s, buf_bytes(&text), &from, out_why);
    buf_fini(&text);
    return e;
}

/* A pattern may match nothing; a plain name must exist. */
static enum err load_include(struct settings *s, struct bytes pattern, int depth,
                             struct errmsg *out_why)
{
    AUTO_FREE char *path = xmemdup0(pattern.at, pattern.len);
    glob_t found = { 0 };
    enum err e = OK;

    if (depth >= SETTINGS_INCLUDE_DEPTH) {
        errmsg_set(out_why, "Fatal error, config file '%.200s' is included more than %d files deep",
                   path, SETTINGS_INCLUDE_DEPTH);
        return ERR_LIMIT;
    }
    if (!strpbrk(path, "*?["))
        return load_file(s, path, depth + 1, out_why);
    if (glob(path, 0, NULL, &found) == 0)
        for (size_t i = 0; i < found.gl_pathc && e == OK; i++)
            e = load_file(s, found.gl_pathv[i], depth + 1, out_why);
    globfree(&found);
    return e;
}

static enum err unknown(const struct settings *s, struct bytes name, struct errmsg *why)
{
    const char *nearest = settings_nearest(s, name);

    errmsg_set(why, "Bad directive or wrong number of arguments%s%s%s",
               nearest ? ", did you mean '" : "", nearest ? nearest : "", nearest ? "'?" : "");
    return ERR_NOTFOUND;
}

/* One argument that came in quotes may hold what several would, --replicaof "10.0.0.1 6379", and those may be
 * quoted again: --save '""'. */
static enum err load_values(struct settings *s, struct entry *e, int argc, const struct bytes *argv,
                            struct errmsg *out_why)
{
    struct settings_words words;
    enum err result;

    if (e->row->kind != SET_LINES || argc != 1 || !argv[0].len)
        return entry_store(s, e, argc, argv, out_why);
    result = settings_split_all(argv[0], &words);
    if (result == OK)
        result = entry_store(s, e, words.count, words.at, out_why);
    else
        errmsg_set(out_why, UNBALANCED);
    settings_words_fini(&words);
    return result;
}

static enum err load_words(struct settings *s, int argc, const struct bytes *argv,
                           struct errmsg *out_why)
{
    struct entry *e = entry_find(s, argv[0], NULL);

    if (!e)
        return unknown(s, argv[0], out_why);
    e->given = true;
    if (e->row->flags & SETTING_RETIRED)
        return OK;
    if (e->row->clear && !e->cleared) {
        e->cleared = true;
        e->row->clear(s->values);
    }
    return load_values(s, e, argc - 1, argv + 1, out_why);
}

static enum err load_line(struct settings *s, struct bytes line, const struct origin *from,
                          struct errmsg *out_why)
{
    struct settings_words words;
    struct errmsg reason = { "" };
    enum err e = settings_split_all(line, &words);

    s->loading = (struct settings_origin){ from->path, from->line, line };
    if (e != OK) {
        errmsg_set(&reason, UNBALANCED);
    } else if (words.count == 2 && bytes_is_word(words.at[0], "include")) {
        e = load_include(s, words.at[1], from->depth, out_why);
        settings_words_fini(&words);
        return e;
    } else if (words.count > 0) {
        e = load_words(s, words.count, words.at, &reason);
    }
    if (e != OK)
        settings_refusal(s, &s->loading, reason.text, out_why);
    settings_words_fini(&words);
    return e;
}

/* What a power loss leaves of a file is often zeros: nothing of it may be believed. */
static enum err refuse_zero(struct settings *s, struct bytes text, const struct origin *from,
                            struct errmsg *out_why)
{
    const char *zero = memchr(text.at, '\0', text.len), *line = text.at;
    int number = 1;

    for (const char *p = text.at; p < zero; p++)
        if (*p == '\n') {
            number++;
            line = p + 1;
        }
    s->loading = (struct settings_origin){ from->path, number, { line, (size_t)(zero - line) } };
    settings_refusal(s, &s->loading, "The file holds a zero byte: it is damaged", out_why);
    return ERR_CORRUPT;
}

static enum err load_text(struct settings *s, struct bytes text, struct origin *from,
                          struct errmsg *out_why)
{
    if (text.len && memchr(text.at, '\0', text.len))
        return refuse_zero(s, text, from, out_why);
    while (text.len) {
        const char *end = memchr(text.at, '\n', text.len);
        size_t len = end ? (size_t)(end - text.at) : text.len;
        struct bytes line = trim((struct bytes){ text.at, len });
        enum err e = OK;

        from->line++;
        if (line.len && line.at[0] != '#')
            e = load_line(s, line, from, out_why);
        if (e != OK)
            return e;
        text.at += end ? len + 1 : len;
        text.len -= end ? len + 1 : len;
    }
    return OK;
}

static enum err load_stdin(struct settings *s, struct errmsg *out_why)
{
    struct origin from = { .path = "(stdin)" };
    struct buf text = { 0 };
    enum err e = file_read("/dev/stdin", SETTINGS_FILE_BYTES, &text, NULL);

    if (e != OK)
        errmsg_set(out_why, "Fatal error, can't read the configuration from stdin: %s",
                   e == ERR_LIMIT ? "it is too long" : strerror(errno));
    else
        e = load_text(s, buf_bytes(&text), &from, out_why);
    buf_fini(&text);
    return e;
}

static bool is_option(const char *argument)
{
    return strncmp(argument, "--", 2) == 0;
}

/* The name's argument may hold values itself ("--port 7000"). One that does not wants a value, whatever that
 * looks like (--requirepass --secret), but for save, which may stand alone. */
static bool has_its_values(const char *option, const char *next)
{
    return strpbrk(option, " \t") || (next && is_option(next) && strcasecmp(option, "--save") == 0);
}

static bool is_stdin(int argc, char *const *argv, int at)
{
    return at == argc - 1 && strcmp(argv[at], "-") == 0;
}

/* "--name v1 v2" from argv[at] on, as a line: values are quoted, so that each stays one word. Returns where the next
 * option begins. */
static int take_option(int argc, char *const *argv, int at, struct buf *line)
{
    bool complete = true;

    line->len = 0;
    if (is_option(argv[at])) {
        buf_puts(line, argv[at] + 2);
        complete = has_its_values(argv[at], at + 1 < argc ? argv[at + 1] : NULL);
        at++;
    }
    for (; at < argc && !is_stdin(argc, argv, at) && !(complete && is_option(argv[at])); at++) {
        buf_putc(line, ' ');
        buf_put_quoted(line, bytes_of(argv[at]));
        complete = true;
    }
    return at;
}

static enum err load_arguments(struct settings *s, int argc, char *const *argv,
                               struct errmsg *out_why)
{
    const struct origin from = { .path = NULL };
    struct buf line = { 0 };
    enum err e = OK;

    for (int i = 0; i < argc && e == OK && !is_stdin(argc, argv, i);) {
        i = take_option(argc, argv, i, &line);
        e = load_line(s, trim(buf_bytes(&line)), &from, out_why);
    }
    buf_fini(&line);
    return e;
}

/* Nothing of it is left, not even how long it was. */
static void hide(char *text)
{
    for (size_t i = 0, len = strlen(text); i < len; i++)
        text[i] = i < 6 ? '*' : '\0';
}

void settings_hide_secrets(const struct settings *s, int argc, char **argv)
{
    struct buf line = { 0 };

    for (int i = 0, next; i < argc && !is_stdin(argc, argv, i); i = next) {
        struct bytes text;

        next = take_option(argc, argv, i, &line);
        text = trim(buf_bytes(&line));
        if (without_secrets(s, text).len == text.len)
            continue;
        hide(argv[i] + strcspn(argv[i], " \t"));
        for (int value = i + 1; value < next; value++)
            hide(argv[value]);
    }
    buf_fini(&line);
}

enum err settings_load(struct settings *s, int argc, char *const *argv, struct errmsg *out_why)
{
    bool has_file = argc > 0 && argv[0][0] != '-';
    bool has_stdin = argc > 0 && strcmp(argv[argc - 1], "-") == 0;
    enum err e = OK;

    for (size_t i = 0; i < s->count; i++)
        s->entries[i].cleared = false;
    if (has_file) {
        xfree(s->path);
        s->path = file_absolute(argv[0]); /* before dir moves us */
        e = load_file(s, s->path, 0, out_why);
    }
    if (e == OK && has_stdin)
        e = load_stdin(s, out_why);
    if (e == OK && argc > has_file)
        e = load_arguments(s, argc - has_file, argv + has_file, out_why);
    return e;
}

enum err settings_line(struct settings *s, struct bytes line, struct errmsg *out_why)
{
    const struct origin from = { .path = NULL };

    line = trim(line);
    if (line.len == 0 || line.at[0] == '#')
        return OK;
    return load_line(s, line, &from, out_why);
}
