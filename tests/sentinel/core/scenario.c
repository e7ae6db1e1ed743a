/*
 * scenario - plays files of commands to one core and compares its actions with what stands in the file.
 *
 *     scenario [--record] FILE...
 *
 * A line that begins with four blanks is expected trace, any other is a command; --record writes the
 * trace that the core gives now into the file, to be reviewed as a diff. README.md lists the commands.
 *
 * Names: n3 is the node 10.0.0.3:6379, s2 the sentinel 10.0.1.2:26379 whose id is forty times 2, s1 is
 * the core itself. The trace leaves out PING, INFO and hellos unless `loud` was said.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/alloc.h"
#include "play.h"

static char *read_file(const char *path)
{
    FILE *f = fopen(path, "r");
    struct buf b = { 0 };
    size_t got;

    if (!f) {
        perror(path);
        exit(2);
    }
    while ((got = fread(buf_reserve(&b, 4096), 1, 4096, f)) > 0)
        b.len += got;
    fclose(f);
    buf_text(&b);
    return b.at;
}

static void write_file(const char *path, const struct buf *text)
{
    FILE *f = fopen(path, "w");

    if (!f || fwrite(text->at, 1, text->len, f) != text->len || fclose(f) != 0) {
        perror(path);
        exit(2);
    }
}

static void print_difference(const char *path, char *expected, char *given)
{
    int line = 1;

    for (;; line++) {
        char *e = strsep(&expected, "\n"), *g = strsep(&given, "\n");

        if (!e || !g || strcmp(e, g) != 0) {
            printf("%s:%d\n  expected %s\n  got      %s\n", path, line, e ? e : "the end",
                   g ? g : "the end");
            return;
        }
    }
}

static bool play_file(const char *path, bool record)
{
    AUTO_FREE char *expected = read_file(path);
    AUTO_FREE char *lines = xstrdup(expected);
    struct play p = { .now_ms = START_MS, .file = path };
    char *rest = lines, *line;
    bool same;

    sentinel_init(&p.core, 1);
    while ((line = strsep(&rest, "\n"))) {
        p.line++;
        if (strncmp(line, "    ", 4) == 0 || (!rest && !*line))
            continue;
        buf_printf(&p.text, "%s\n", line);
        play_line(&p, line);
    }
    same = strcmp(buf_text(&p.text), expected) == 0;
    if (!same && record) {
        write_file(path, &p.text);
        printf("recorded %s\n", path);
    } else if (!same) {
        print_difference(path, expected, p.text.at);
    }
    buf_fini(&p.text);
    sentinel_fini(&p.core);
    config_fini(&p.config);
    return same || record;
}

int main(int argc, char **argv)
{
    bool record = argc > 1 && strcmp(argv[1], "--record") == 0;
    int failed = 0, played = 0;

    for (int i = record ? 2 : 1; i < argc; i++, played++)
        failed += !play_file(argv[i], record);
    printf("%d scenarios, %d differ\n", played, failed);
    return failed > 0 || played == 0;
}
