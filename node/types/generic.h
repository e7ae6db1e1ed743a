/*
 * generic - the handlers of commands that work on keys of every type, for their rows.
 */
#ifndef HF_NODE_TYPES_GENERIC_H
#define HF_NODE_TYPES_GENERIC_H

#include "common/command.h"

/* generic.c */
void cmd_copy(struct call *c);
void cmd_del(struct call *c);
void cmd_unlink(struct call *c);
void cmd_exists(struct call *c);
void cmd_move(struct call *c);
void cmd_rename(struct call *c);
void cmd_renamenx(struct call *c);
void cmd_touch(struct call *c);
void cmd_type(struct call *c);

/* generic_expire.c */
void cmd_expire(struct call *c);
void cmd_expireat(struct call *c);
void cmd_expiretime(struct call *c);
void cmd_persist(struct call *c);
void cmd_pexpire(struct call *c);
void cmd_pexpireat(struct call *c);
void cmd_pexpiretime(struct call *c);
void cmd_pttl(struct call *c);
void cmd_ttl(struct call *c);

/* generic_scan.c */
void cmd_keys(struct call *c);
void cmd_randomkey(struct call *c);
void cmd_scan(struct call *c);

/* generic_db.c */
void cmd_dbsize(struct call *c);
void cmd_flushall(struct call *c);
void cmd_flushdb(struct call *c);
void cmd_swapdb(struct call *c);

/* generic_object.c */
void cmd_object_encoding(struct call *c);
void cmd_object_freq(struct call *c);
void cmd_object_idletime(struct call *c);
void cmd_object_refcount(struct call *c);

/* generic_dump.c */
void cmd_dump(struct call *c);
void cmd_restore(struct call *c);

#endif
