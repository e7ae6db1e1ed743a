/*
 * hll_commands - the handlers of the HyperLogLog commands, for their rows.
 */
#ifndef HF_NODE_TYPES_HLL_COMMANDS_H
#define HF_NODE_TYPES_HLL_COMMANDS_H

#include "common/command.h"

/* hll_commands.c */
void cmd_pfadd(struct call *c);
void cmd_pfcount(struct call *c);
void cmd_pfdebug(struct call *c);
void cmd_pfmerge(struct call *c);

/* hll_selftest.c */
void cmd_pfselftest(struct call *c);

#endif
