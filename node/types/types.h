/*
 * types - the data types' command rows and what the rest of the node may ask of them.
 *
 * A type's file holds its structure and its handlers. A handler reads its arguments from the call,
 * goes through the doors of node/keyspace, writes its reply and says what its effect was; it knows
 * no session, socket or stream.
 */
#ifndef HF_NODE_TYPES_TYPES_H
#define HF_NODE_TYPES_TYPES_H

#include "common/command.h"
#include "node/keyspace/keyspace.h"

/* Tells a keyspace how to free, copy, save and load values of every type. */
void types_register(struct keyspace *ks);

/* Rows for the command table; each array ends with a row without a name. */
extern const struct command string_commands[];
extern const struct command generic_commands[];
extern const struct command hash_commands[];
extern const struct command list_commands[];
extern const struct command set_commands[];
extern const struct command zset_commands[];
extern const struct command stream_commands[];
extern const struct command bitmap_commands[];
extern const struct command hll_commands[];
extern const struct command geo_commands[];
extern const struct command sort_commands[];

/* DEBUG OBJECT, SET-ACTIVE-EXPIRE, DIGEST, DIGEST-VALUE, STRINGMATCH-LEN, SLEEP: subcommand rows
 * for whoever owns the DEBUG row. */
extern const struct command debug_keyspace_subs[];

/* "string", "list", … as TYPE says it. */
const char *type_word(enum value_type type);
/* What OBJECT ENCODING and OBJECT REFCOUNT answer. */
const char *encoding_word(const struct keyspace *ks, const struct entry *e);
int64_t reference_count(const struct keyspace *ks, const struct entry *e);

#endif
