/*
 * fuzz_settings: a file of redis.conf's kind. Each line alone either changes the table or says why not;
 * the whole file merged with the table is a file that loads, says what the table says, and does not
 * change once it has been merged again. Lines that reach outside (include, dir) are left out.
 */
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <sys/mman.h>
#include <unistd.h>

#include "common/alloc.h"
#include "common/log.h"
#include "node/settings.h"
#include "tests/fuzz/fuzz.h"

struct table {
    struct node_settings set;
    struct settings *settings;
};

static void table_init(struct table *t)
{
    memset(&t->set, 0, sizeof t->set);
    t->settings = settings_new(&t->set, NULL);
    node_settings_add(t->settings);
}

/* The directive of a line, as the reader splits it; empty where it does not. */
static bool reaches_outside(struct bytes line)
{
    struct settings_words words;
    bool outside = false;

    if (settings_split_all(line, &words) == OK && words.count > 0)
        outside = bytes_is_word(words.at[0], "include") || bytes_is_word(words.at[0], "dir");
    settings_words_fini(&words);
    return outside;
}

/* Calls each for every line that stays inside, without blanks and carriage returns around it. */
static void each_line(struct bytes text, void (*each)(void *arg, struct bytes line), void *arg)
{
    while (text.len) {
        const char *end = memchr(text.at, '\n', text.len);
        size_t len = end ? (size_t)(end - text.at) : text.len;

        if (!reaches_outside((struct bytes){ text.at, len }))
            each(arg, (struct bytes){ text.at, len });
        text.at += end ? len + 1 : len;
        text.len -= end ? len + 1 : len;
    }
}

static void try_line(void *arg, struct bytes line)
{
    struct errmsg why = { "" };

    if (settings_line(arg, line, &why) != OK)
        ASSERT(why.text[0]);
}

static void must_load(void *arg, struct bytes line)
{
    struct errmsg why = { "" };

    ASSERT(settings_line(arg, line, &why) == OK);
}

static void keep_line(void *arg, struct bytes line)
{
    buf_add(arg, line);
    buf_putc(arg, '\n');
}

static void keep_value(void *arg, struct bytes name, struct bytes value)
{
    buf_add(arg, name);
    buf_putc(arg, '=');
    buf_add(arg, value);
    buf_putc(arg, '\n');
}

static void show(struct table *t, struct buf *out)
{
    struct bytes all = BYTES("*");

    settings_get(t->settings, 1, &all, keep_value, out);
}

/* A file without a name; path says where it can be opened. */
static int file_of(struct bytes text, char path[64])
{
    int fd = memfd_create("settings", 0);

    ASSERT(fd >= 0 && write(fd, text.at, text.len) == (ssize_t)text.len);
    snprintf(path, 64, "/proc/self/fd/%d", fd);
    return fd;
}

/* Loads, or the refusal says where it does not. */
static void load(int argc, char **argv, bool *out_loaded)
{
    struct table t;
    struct errmsg why = { "" };

    table_init(&t);
    *out_loaded = settings_load(t.settings, argc, argv, &why) == OK;
    if (*out_loaded)
        ASSERT(t.set.server.hz == 11);
    else
        ASSERT(strstr(why.text, "FATAL CONFIG FILE ERROR") || strstr(why.text, "Fatal error"));
    settings_free(t.settings);
}

/* The same bytes as a real file, as one that another includes, from standard input, and (as far as a word may
 * hold them) on the command line: all say the same. */
static void load_every_way(struct bytes text)
{
    char path[64], outer_path[64], including[128];
    char hz[] = "--hz", eleven[] = "11", dash[] = "-";
    char *direct[] = { path, hz, eleven }, *included[] = { outer_path, hz, eleven };
    char *typed[] = { hz, eleven, dash };
    int fd = file_of(text, path), outer, stdin_before = dup(0);
    bool loaded, same;

    load(3, direct, &loaded);
    snprintf(including, sizeof including, "# outer\ninclude %s\n", path);
    outer = file_of(bytes_of(including), outer_path);
    load(3, included, &same);
    ASSERT(loaded == same);
    ASSERT(lseek(fd, 0, SEEK_SET) == 0 && dup2(fd, 0) == 0);
    load(3, typed, &same);
    if (stdin_before >= 0)
        dup2(stdin_before, 0);
    close(stdin_before);
    close(outer);
    close(fd);
}

/* Files that include what is not there, what a pattern does not find, and themselves. */
static void load_odd_includes(struct bytes text)
{
    static const char *const odd[] = { "include /nowhere/at/all\n", "include /nowhere/*.conf\n",
                                       "" };
    char path[64], hz[] = "--hz", eleven[] = "11";
    char *argv[] = { path, hz, eleven };
    struct buf file = { 0 };
    int fd = file_of((struct bytes){ 0 }, path);
    bool loaded;

    buf_puts(&file, odd[text.len % ARRAY_LEN(odd)]);
    buf_add(&file, text);
    buf_printf(&file, "\ninclude %s\n", path);
    ASSERT(write(fd, file.at, file.len) == (ssize_t)file.len);
    load(3, argv, &loaded);
    ASSERT(!loaded);
    buf_fini(&file);
    close(fd);
}

/* As ps would show them: what is secret is not there, and nothing else is touched by the way. */
static void hide_arguments(int argc, char **argv)
{
    struct table t;

    table_init(&t);
    settings_hide_secrets(t.settings, argc, argv);
    if (strcasecmp(argv[0], "--requirepass") == 0)
        ASSERT(argv[1][0] == '*' || !argv[1][0]);
    ASSERT(strcmp(argv[argc - 1], "11") == 0);
    settings_free(t.settings);
}

static void load_as_arguments(struct bytes text)
{
    AUTO_FREE char *copy = xmemdup0(text.at, text.len);
    char hz[] = "--hz", eleven[] = "11";
    char *argv[10];
    int argc = 0;
    bool loaded;

    for (char *at = strtok(copy, "\n"); at && argc < 8; at = strtok(NULL, "\n"))
        argv[argc++] = at;
    argv[argc++] = hz;
    argv[argc++] = eleven;
    if (argv[0][0] != '-')
        return;
    load(argc, argv, &loaded);
    hide_arguments(argc, argv);
}

/* Merging comes to rest. The first repetition may still move the lines of client-output-buffer-limit: as in Redis,
 * classes with default limits take the places that there are, and the file then has one more. */
static void settle(struct table *t, struct buf *merged, struct buf *again)
{
    struct buf swap;

    for (int i = 0; i < 3; i++) {
        again->len = 0;
        settings_merge(t->settings, buf_bytes(merged), again);
        if (bytes_eq(buf_bytes(merged), buf_bytes(again)))
            return;
        ASSERT(memmem(merged->at, merged->len, "client-output-buffer-limit", 26));
        swap = *merged;
        *merged = *again;
        *again = swap;
    }
    ASSERT(!"the file comes to rest");
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct table first, second;
    struct buf old = { 0 }, merged = { 0 }, again = { 0 }, a = { 0 }, b = { 0 };

    log_set_level(LOG_LEVEL_NOTHING);
    table_init(&first);
    table_init(&second);
    each_line((struct bytes){ (const char *)data, size }, keep_line, &old);
    each_line(buf_bytes(&old), try_line, first.settings);
    settings_merge(first.settings, buf_bytes(&old), &merged);
    /* Lines of rename-command and loadmodule are the operator's: they stay, even where they are wrong. */
    if (!memmem(data, size, "rename", 6) && !memmem(data, size, "RENAME", 6))
        each_line(buf_bytes(&merged), must_load, second.settings);
    else
        each_line(buf_bytes(&merged), try_line, second.settings);
    load_every_way(buf_bytes(&old));
    load_odd_includes(buf_bytes(&old));
    load_as_arguments(buf_bytes(&old));
    show(&first, &a);
    show(&second, &b);
    ASSERT(bytes_eq(buf_bytes(&a), buf_bytes(&b)));
    settle(&second, &merged, &again);
    settings_free(first.settings);
    settings_free(second.settings);
    buf_fini(&old);
    buf_fini(&merged);
    buf_fini(&again);
    buf_fini(&a);
    buf_fini(&b);
    return 0;
}
