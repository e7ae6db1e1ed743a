/*
 * fuzz_settings: a file of redis.conf's kind. Each line alone either changes the table or says why not;
 * the whole file merged with the table is a file that loads, says what the table says, and does not
 * change when it is merged again. Lines that reach outside (include, dir) are left out.
 */
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <sys/mman.h>
#include <unistd.h>

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
    struct bytes words[SETTINGS_WORDS];
    struct buf storage = { 0 };
    int count = 0;
    bool outside = false;

    if (settings_split(line, &storage, words, SETTINGS_WORDS, &count) == OK && count > 0)
        outside = bytes_is_word(words[0], "include") || bytes_is_word(words[0], "dir");
    buf_fini(&storage);
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

/* The same bytes as a real file: it loads, or the refusal says where it does not. */
static void load_as_file(struct bytes text)
{
    struct table t;
    struct errmsg why = { "" };
    char path[64];
    char *argv[] = { path, (char *)"--hz", (char *)"11" };
    int fd = memfd_create("settings", 0);

    ASSERT(fd >= 0 && write(fd, text.at, text.len) == (ssize_t)text.len);
    snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    table_init(&t);
    if (settings_load(t.settings, 3, argv, &why) == OK)
        ASSERT(t.set.server.hz == 11);
    else
        ASSERT(strstr(why.text, "FATAL CONFIG FILE ERROR") && strstr(why.text, "at line "));
    settings_free(t.settings);
    close(fd);
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
    load_as_file(buf_bytes(&old));
    show(&first, &a);
    show(&second, &b);
    ASSERT(bytes_eq(buf_bytes(&a), buf_bytes(&b)));
    settings_merge(second.settings, buf_bytes(&merged), &again);
    ASSERT(bytes_eq(buf_bytes(&merged), buf_bytes(&again)));
    settings_free(first.settings);
    settings_free(second.settings);
    buf_fini(&old);
    buf_fini(&merged);
    buf_fini(&again);
    buf_fini(&a);
    buf_fini(&b);
    return 0;
}
