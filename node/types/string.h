/*
 * string - the handlers of the string commands, for their rows.
 */
#ifndef HF_NODE_TYPES_STRING_H
#define HF_NODE_TYPES_STRING_H

#include "common/command.h"
#include "node/keyspace/keyspace.h"

/* The string, or null where e is NULL. */
void reply_string(struct call *c, const struct entry *e);

/*
 * A string under a key, opened to be written into: SETRANGE, SETBIT, BITFIELD.
 *
 *     begin: at least len bytes, new ones zero .. write at edit.at .. end: everybody hears of it
 *
 * Where the key did not exist it comes to be at the end. Without an end nothing was changed, which is
 * legal for an edit that has not grown and was not written to.
 */
struct string_edit {
    struct entry *e; /* NULL: a new key */
    char *at;
    size_t len;
    bool grew; /* it was shorter, or not there */
    struct value new;
    char text[ENTRY_TEXT_MAX];
};
/* e is an open string, or NULL. */
void string_edit_begin(struct call *c, struct entry *e, size_t len, struct string_edit *out);
void string_edit_end(struct call *c, int key, struct string_edit *edit);

/* string.c */
void cmd_delifeq(struct call *c);
void cmd_get(struct call *c);
void cmd_getdel(struct call *c);
void cmd_getex(struct call *c);
void cmd_getset(struct call *c);
void cmd_mget(struct call *c);
void cmd_mset(struct call *c);
void cmd_msetex(struct call *c);
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
