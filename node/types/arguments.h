/*
 * arguments - what handlers of every type do with a call: reach the keyspace, read numbers, refuse.
 *
 * A want_… function that returns false has written the error that Redis gives; the handler returns.
 */
#ifndef HF_NODE_TYPES_ARGUMENTS_H
#define HF_NODE_TYPES_ARGUMENTS_H

#include "common/command.h"
#include "node/keyspace/keyspace.h"

struct keyspace *call_keyspace(const struct call *c);

/* Through the doors, as this call may: the replication stream sees what its leader saw. */
const struct entry *call_read(struct call *c, int arg, uint32_t flags);
struct entry *call_write(struct call *c, int arg);
uint32_t call_door(const struct call *c);

/* Writes WRONGTYPE where e is something else; NULL is of every type. */
bool want_type(struct call *c, const struct entry *e, enum value_type type);
/* An argument as a string to be put, which must follow: a large one is taken from the call, others are borrowed.
 * Other arguments may move. */
struct value string_argument(struct call *c, int arg);
bool want_i64(struct call *c, int arg, int64_t *out);
/* An int; refusal replaces the sentences where it is not NULL. */
bool want_int(struct call *c, int arg, const char *refusal, int *out);
/* Within both; refusal replaces the sentence for what is no such number where it is not NULL. */
bool want_range(struct call *c, int arg, int64_t min, int64_t max, const char *refusal,
                int64_t *out);
/* numkeys at argument 1, keys, and behind them [LIMIT n]: SINTERCARD, ZINTERCARD. No limit: 0. */
bool want_keys_and_limit(struct call *c, int64_t *out_keys, int64_t *out_limit);
/* The number of a database. */
bool want_db(struct call *c, int arg, const char *refusal, int *out);

/* Writes the error; nothing is propagated. */
void refuse(struct call *c, const char *text);
void refuse_syntax(struct call *c);

/* seconds (or milliseconds) from now (or since 1970) as wall milliseconds, 0 where that would be
 * negative; refuses what does not fit, and what is not positive where positive is asked for. */
struct time_unit {
    bool seconds, relative, positive;
};
bool want_deadline(struct call *c, int arg, struct time_unit unit, int64_t *out_ms);

/* A key's deadline may be now or earlier: then a leader deletes the key instead of storing it. */
bool deadline_has_passed(const struct call *c, int64_t deadline_ms);

/* Seventeen digits behind the point, without the zeros at the end: what Redis stores and replies. */
enum { LONG_DOUBLE_TEXT = 5 * 1024 }; /* the largest one has 4933 digits, and 17 follow the point */
size_t fmt_long_double(char *out, size_t cap, long double v);

void string_event(struct call *c, const char *name, int arg);
void set_event(struct call *c, const char *name, int arg);
void zset_event(struct call *c, const char *name, int arg);
void generic_event(struct call *c, const char *name, int arg);

/* Elements left the open value under a key: tells the event, and deletes the key where none is left. */
void end_removal(struct call *c, struct entry *e, int arg, const char *event, bool empty);

/* What followers do instead of the call: the words with arguments of it. */
void effect_delete(struct call *c, int arg);
void effect_expire(struct call *c, int arg, int64_t deadline_ms);

#endif
