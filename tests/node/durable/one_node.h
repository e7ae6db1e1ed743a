/*
 * one_node - the players of single stories about a node's durable core: the core, three voters that answer at once (or
 * not), and what came of it. The others are played by hand. What every fault in every order does to a whole group is
 * tests/sim/group_sim's.
 */
#ifndef HF_TESTS_NODE_DURABLE_ONE_NODE_H
#define HF_TESTS_NODE_DURABLE_ONE_NODE_H

#include "node/durable/durable_inner.h"
#include "sentinel/core/acceptor.h"
#include "tests/common/register/charters.h"

enum { ME = 11, OTHER = 12, MINE = 111, ITS = 112 };

extern struct durable d;
extern struct acceptor voters[3];
extern bool voters_answer, voters_accept;
extern uint64_t now_ms, written, synced;
extern struct meta on_disk;
extern struct durable_action dropped; /* the last one */
extern uint64_t acked_os;
extern struct durable_terms terms;

/* What was done since it was asked last, in words; stands until the next call. */
const char *seen(void);

/* The register holds c; the core is of a node that c names, with `at` bytes of epoch 1, all on its disk. */
void start(const struct charter *c, uint64_t node, uint64_t did, uint64_t at);
void put_in_register(const struct charter *c);
void later(uint64_t ms);
void moved(uint64_t at);
void obey(struct durable_actions *out);

void order(enum order_kind kind, const struct charter *c);
struct talk talk_of(enum talk_kind kind, uint64_t from);
void hear(const struct talk *t);
void ack(uint64_t from, uint64_t did, uint64_t at);
void attach(uint64_t from, uint64_t at);

struct charter named(void); /* epoch 2, which this process leads */
uint64_t begun(void);       /* where its mark ends */
void promote(void);         /* and nobody has acknowledged that */
void serve(void);
void execute(uint64_t at);

#endif
