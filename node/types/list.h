/*
 * list - the handlers of the list commands, for their rows, and lists as the keyspace sees them.
 */
#ifndef HF_NODE_TYPES_LIST_H
#define HF_NODE_TYPES_LIST_H

#include "common/command.h"
#include "node/keyspace/keyspace.h"
#include "node/types/deque.h"

/* list_value.c */
extern const struct value_ops list_ops;

/* What the handlers' files share: list.c. */
struct deque *list_of(const struct entry *e);
int list_fill(const struct call *c);
/* LEFT or RIGHT; refuses anything else. */
bool want_end(struct call *c, int arg, enum deque_end *out);
/* No argument from this one on is longer than a list can hold. */
bool want_elements(struct call *c, int first);
void list_event(struct call *c, const char *name, struct bytes key);
/* The elements of an open list have become fewer: tells everybody, and the last takes its key along. */
void list_shrank(struct call *c, struct entry *e, int key, const char *event);
/* Puts texts at one end, making the list where there is none; tells everybody. The new length. */
uint64_t list_push(struct call *c, int key, enum deque_end end, int count,
                   const struct bytes *texts);
/* Takes up to count elements from an end into the reply. */
void list_pop_replied(struct call *c, struct entry *e, int key, enum deque_end end, uint64_t count);
/* start and stop as LRANGE reads them, among count elements: how many, and *start is where. */
int64_t list_span(int64_t count, int64_t *start, int64_t stop);
static inline bool is_back(enum deque_end end)
{
    return end == DEQUE_BACK;
}

/* list.c */
void cmd_lindex(struct call *c);
void cmd_llen(struct call *c);
void cmd_lpop(struct call *c);
void cmd_lpush(struct call *c);
void cmd_lpushx(struct call *c);
void cmd_lrange(struct call *c);
void cmd_rpop(struct call *c);
void cmd_rpush(struct call *c);
void cmd_rpushx(struct call *c);

/* list_edit.c */
void cmd_linsert(struct call *c);
void cmd_lpos(struct call *c);
void cmd_lrem(struct call *c);
void cmd_lset(struct call *c);
void cmd_ltrim(struct call *c);

/* list_move.c */
void cmd_blmove(struct call *c);
void cmd_blmpop(struct call *c);
void cmd_blpop(struct call *c);
void cmd_brpop(struct call *c);
void cmd_brpoplpush(struct call *c);
void cmd_lmove(struct call *c);
void cmd_lmpop(struct call *c);
void cmd_rpoplpush(struct call *c);

#endif
