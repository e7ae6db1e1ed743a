/*
 * story - files of commands, each followed by the trace that it must give; the main of a program that plays them.
 *
 *     scenario [--record] FILE...
 *
 * A line that begins with four blanks is expected trace, any other is a command; --record writes the trace that is
 * given now into the file, to be reviewed as a diff.
 */
#ifndef HF_TESTS_SENTINEL_STORY_H
#define HF_TESTS_SENTINEL_STORY_H

#include "common/bytes.h"

/* Plays one file: what story_next gives, and behind each command its trace, goes to *out. */
typedef void story_fn(const char *path, char *lines, struct buf *out);

int story_main(int argc, char **argv, story_fn *play);
/* The next command of *rest, or NULL; it was written to *out, and *line counts. */
char *story_next(char **rest, int *line, struct buf *out);

#endif
