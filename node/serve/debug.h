/*
 * debug - DEBUG: tools for tests, behind enable-debug-command. Rooms bring their own subcommands:
 * world->debug_rows lists them.
 */
#ifndef HF_NODE_SERVE_DEBUG_H
#define HF_NODE_SERVE_DEBUG_H

#include "common/command.h"

/* The handler of DEBUG: looks among the rows of all rooms. */
void debug_run(struct call *c);

extern const struct command debug_subs[]; /* serve's own */

#endif
