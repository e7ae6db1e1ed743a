/*
 * functions - the handlers of FUNCTION and FCALL.
 */
#ifndef HF_NODE_SCRIPT_FUNCTIONS_H
#define HF_NODE_SCRIPT_FUNCTIONS_H

#include "common/command.h"

struct script;

uint32_t fcall_flags(const struct call *c);
void cmd_fcall(struct call *c);
void cmd_fcall_ro(struct call *c);
void cmd_function_load(struct call *c);
void cmd_function_delete(struct call *c);
void cmd_function_flush(struct call *c);
void cmd_function_kill(struct call *c);
void cmd_function_list(struct call *c);
void cmd_function_stats(struct call *c);
/* A library counts as data: followers and files hear of it. */
void functions_changed(struct call *c);

/* ---- function_dump.c ---- */

void cmd_function_dump(struct call *c);
void cmd_function_restore(struct call *c);

/* Libraries go into snapshots and come out of loads. */
void functions_keep(struct script *s);

/* The state and an empty set, and the end of both. */
void functions_start(struct script *s);
void functions_stop(struct script *s);

#endif
