/*
 * bitmap - the handlers of the bitmap commands, for their rows, and what their files share.
 */
#ifndef HF_NODE_TYPES_BITMAP_H
#define HF_NODE_TYPES_BITMAP_H

#include "common/command.h"
#include "node/keyspace/keyspace.h"

/* A position within what a string may grow to. With width "#3" is the third number of that width. */
bool want_bit_offset(struct call *c, int arg, unsigned width, uint64_t *out);

/* bitmap.c */
void cmd_bitcount(struct call *c);
void cmd_bitpos(struct call *c);
void cmd_getbit(struct call *c);
void cmd_setbit(struct call *c);

/* bitmap_op.c */
void cmd_bitop(struct call *c);

/* bitmap_field.c */
void cmd_bitfield(struct call *c);
void cmd_bitfield_ro(struct call *c);

#endif
