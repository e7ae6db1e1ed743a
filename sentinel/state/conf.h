/*
 * conf - the `sentinel …` lines of sentinel.conf: words into a struct config, and back into lines.
 *
 * Order and spelling of what is written are redis-sentinel's. What Redis does not know is written only
 * where the operator had it in the file.
 */
#ifndef HF_SENTINEL_STATE_CONF_H
#define HF_SENTINEL_STATE_CONF_H

#include "sentinel/state/settings.h"

enum conf_pass { PASS_GLOBALS, PASS_MONITOR, PASS_REST, PASS_COUNT };

/* One line, the words behind `sentinel`; nothing happens when it belongs to another pass. Only the last
 * pass refuses a word that no pass knows. */
enum err conf_line(struct sentinel_settings *set, struct config *c, enum conf_pass pass, int argc,
                   const struct bytes *argv, struct errmsg *out_why) MUST_CHECK;

#define CONF_NO_GROUP "" /* of a directive that is about all */

/* Is there a line that begins `directive group` among those that Redis does not know? */
bool conf_speaks_of(char *const *ours, size_t count, const char *directive, const char *group);

/* What may be written behind `sentinel`, a form and a sentence each: for --help. */
void conf_manual(struct buf *out);

/* All lines for the file, in the convention of struct setting's lines. */
void conf_put(const struct config *c, char *const *ours_in_file, size_t ours_in_file_count,
              const char *state_file, struct buf *out);

#endif
