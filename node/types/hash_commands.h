/*
 * hash_commands - the handlers of the hash commands, for their rows.
 */
#ifndef HF_NODE_TYPES_HASH_COMMANDS_H
#define HF_NODE_TYPES_HASH_COMMANDS_H

#include "common/command.h"

/* hash_commands.c */
void cmd_hdel(struct call *c);
void cmd_hexists(struct call *c);
void cmd_hget(struct call *c);
void cmd_hgetall(struct call *c);
void cmd_hincrby(struct call *c);
void cmd_hincrbyfloat(struct call *c);
void cmd_hkeys(struct call *c);
void cmd_hlen(struct call *c);
void cmd_hmget(struct call *c);
void cmd_hmset(struct call *c);
void cmd_hset(struct call *c);
void cmd_hsetnx(struct call *c);
void cmd_hstrlen(struct call *c);
void cmd_hvals(struct call *c);

/* hash_look.c */
void cmd_hrandfield(struct call *c);
void cmd_hscan(struct call *c);

/* hash_expire.c */
void cmd_hexpire(struct call *c);
void cmd_hexpireat(struct call *c);
void cmd_hexpiretime(struct call *c);
void cmd_hpersist(struct call *c);
void cmd_hpexpire(struct call *c);
void cmd_hpexpireat(struct call *c);
void cmd_hpexpiretime(struct call *c);
void cmd_hpttl(struct call *c);
void cmd_httl(struct call *c);

/* hash_ex.c */
void cmd_hgetdel(struct call *c);
void cmd_hgetex(struct call *c);
void cmd_hsetex(struct call *c);

#endif
