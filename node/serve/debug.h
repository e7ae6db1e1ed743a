/*
 * debug - DEBUG: tools for tests, behind enable-debug-command. Rooms bring their own subcommands.
 */
#ifndef HF_NODE_SERVE_DEBUG_H
#define HF_NODE_SERVE_DEBUG_H

#include "common/command.h"

enum { DEBUG_PARTS_MAX = 8 };

/* The handler of DEBUG: looks among the rows of all parts. */
void debug_run(struct call *c);
/* rows end with one without a name and outlive the process. */
void debug_add(const struct command *rows);

extern const struct command debug_subs[]; /* serve's own */

#endif
