#include "story.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/alloc.h"

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

char *story_next(char **rest, int *line, struct buf *out)
{
    char *at;

    while ((at = strsep(rest, "\n"))) {
        ++*line;
        if (strncmp(at, "    ", 4) == 0 || (!*rest && !*at))
            continue;
        buf_printf(out, "%s\n", at);
        if (at[0] && at[0] != '#')
            return at;
    }
    return NULL;
}

static bool play_file(const char *path, bool record, story_fn *play)
{
    AUTO_FREE char *expected = read_file(path);
    AUTO_FREE char *lines = xstrdup(expected);
    struct buf text = { 0 };
    bool same;

    play(path, lines, &text);
    same = strcmp(buf_text(&text), expected) == 0;
    if (!same && record) {
        write_file(path, &text);
        printf("recorded %s\n", path);
    } else if (!same) {
        print_difference(path, expected, text.at);
    }
    buf_fini(&text);
    return same || record;
}

int story_main(int argc, char **argv, story_fn *play)
{
    bool record = argc > 1 && strcmp(argv[1], "--record") == 0;
    int failed = 0, played = 0;

    for (int i = record ? 2 : 1; i < argc; i++, played++)
        failed += !play_file(argv[i], record, play);
    printf("%d scenarios, %d differ\n", played, failed);
    return failed > 0 || played == 0;
}
