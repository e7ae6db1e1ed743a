/*
 * set_commands - the handlers of the set commands, for their rows.
 */
#ifndef HF_NODE_TYPES_SET_COMMANDS_H
#define HF_NODE_TYPES_SET_COMMANDS_H

#include "common/command.h"

/* set_commands.c */
void cmd_sadd(struct call *c);
void cmd_scard(struct call *c);
void cmd_sismember(struct call *c);
void cmd_smismember(struct call *c);
void cmd_smove(struct call *c);
void cmd_srem(struct call *c);
void cmd_sscan(struct call *c);

/* set_chance.c */
void cmd_spop(struct call *c);
void cmd_srandmember(struct call *c);

/* set_algebra.c */
void cmd_sdiff(struct call *c);
void cmd_sdiffstore(struct call *c);
void cmd_sinter(struct call *c); /* and SMEMBERS: of one set */
void cmd_sintercard(struct call *c);
void cmd_sinterstore(struct call *c);
void cmd_sunion(struct call *c);
void cmd_sunionstore(struct call *c);

#endif
