/*
 * settings - what a sentinel reads from its file and command line: the shared directives, every other
 * name redis.conf knows (accepted and ignored, as redis-sentinel does), and the `sentinel …` lines.
 *
 * Sentinel lines are kept as they come and applied in three passes, so that their order does not matter:
 * globals, then monitor, then the rest. The result is a struct config, as the core takes it with
 * EV_LOAD; from then on the core's copy is the truth, and state.h keeps it on the disk.
 *
 * What cannot be read is refused with file, line and Redis's sentence; numbers are read strictly.
 */
#ifndef HF_SENTINEL_STATE_SETTINGS_H
#define HF_SENTINEL_STATE_SETTINGS_H

#include "common/server_settings.h"
#include "sentinel/core/config.h"

struct sentinel_line; /* one `sentinel …` line: its words, file and line */

struct sentinel_settings {
    struct server_settings server; /* first: the shared rows' offsets hold for the whole */
    struct settings *table;
    struct setting *rows; /* the shared rows, with a sentinel's own defaults */
    struct sentinel_line *lines;
    size_t line_count, line_cap;
    char *state_file;    /* sentinel state-file; NULL: beside the configuration file */
    char **ours_in_file; /* "directive group": lines that Redis does not know */
    size_t ours_in_file_count;
};

/* Adds all rows to s, whose values are set, zeroed. */
void sentinel_settings_add(struct settings *s, struct sentinel_settings *set);
/* After settings_free. */
void sentinel_settings_fini(struct sentinel_settings *set);

/* The three passes, once settings_load succeeded. out is zeroed. The sentence is the block for stderr. */
enum err sentinel_settings_config(struct sentinel_settings *set, struct config *out,
                                  struct errmsg *out_why) MUST_CHECK;

/* The text of every sentinel line that does not stand in the file path: of included files and of the
 * command line. A part of what tells whether an operator changed something. */
void sentinel_settings_elsewhere(const struct sentinel_settings *set, const char *path,
                                 struct buf *out);

#endif
