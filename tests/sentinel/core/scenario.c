/*
 * scenario - plays files of commands to one core and compares its actions with what stands in the file (story.h).
 * README.md lists the commands.
 *
 * Names: n3 is the node 10.0.0.3:6379, s2 the sentinel 10.0.1.2:26379 whose id is forty times 2, s1 is
 * the core itself. The trace leaves out PING, INFO and hellos unless `loud` was said.
 */
#include "play.h"
#include "story.h"

static void play_file(const char *path, char *lines, struct buf *out)
{
    struct play p = { .now_ms = START_MS, .file = path };
    char *line;

    sentinel_init(&p.core, 1);
    while ((line = story_next(&lines, &p.line, &p.text)))
        play_line(&p, line);
    buf_append(out, p.text.at, p.text.len);
    buf_fini(&p.text);
    sentinel_fini(&p.core);
    config_fini(&p.config);
}

int main(int argc, char **argv)
{
    return story_main(argc, argv, play_file);
}
