/*
 * string - the handlers of the string commands, for their rows.
 */
#ifndef HF_NODE_TYPES_STRING_H
#define HF_NODE_TYPES_STRING_H

#include "common/command.h"

struct entry;

/* The string, or null where e is NULL. */
void reply_string(struct call *c, const struct entry *e);

/* string.c */
void cmd_get(struct call *c);
void cmd_getdel(struct call *c);
void cmd_getex(struct call *c);
void cmd_getset(struct call *c);
void cmd_mget(struct call *c);
void cmd_mset(struct call *c);
void cmd_msetnx(struct call *c);
void cmd_psetex(struct call *c);
void cmd_set(struct call *c);
void cmd_setex(struct call *c);
void cmd_setnx(struct call *c);

/* string_edit.c */
void cmd_append(struct call *c);
void cmd_getrange(struct call *c);
void cmd_setrange(struct call *c);
void cmd_strlen(struct call *c);

/* string_count.c */
void cmd_decr(struct call *c);
void cmd_decrby(struct call *c);
void cmd_incr(struct call *c);
void cmd_incrby(struct call *c);
void cmd_incrbyfloat(struct call *c);

/* string_lcs.c */
void cmd_lcs(struct call *c);

#endif
